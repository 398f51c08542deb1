//! Tables of operations: variables in `.struct_ops` and `.struct_ops.link`, each a struct of the kernel's with programs for
//! its functions. Each is a map, and what a relocation puts into a member is a slot of it.

use object::elf as consts;
use purebpf_btf::{Btf, Kind, Type, TypeData, TypeId};
use purebpf_sys::uapi::{self, MapType};

use super::code::Code;
use super::elf::{Elf, Section, Symbol, shown};
use super::model::{Map, MapDefinition, MapKind, ProgramId, Slot, StructOps};
use crate::Error;

/// Sections of tables; with a `?` before it, of such as are not created unless that is asked for.
const PLAIN: &str = ".struct_ops";
const WITH_LINK: &str = ".struct_ops.link";

/// Whether tables of this section get a link (`BPF_F_LINK`), if it is one of tables.
fn has_link(section: &Section<'_>) -> Option<bool> {
    if section.kind != consts::SHT_PROGBITS || !section.has_data() {
        return None;
    }
    match section.name.strip_prefix(b"?").unwrap_or(section.name) {
        name if name == PLAIN.as_bytes() => Some(false),
        name if name == WITH_LINK.as_bytes() => Some(true),
        _ => None,
    }
}

/// Adds a map for each table, in the order of their sections.
pub(super) fn collect(elf: &Elf<'_>, btf: Option<&Btf>, maps: &mut Vec<Map>) -> Result<(), Error> {
    for section in &elf.sections {
        let Some(has_link) = has_link(section) else { continue };
        let btf = btf.ok_or(Error::BtfMissing { what: "tables of operations (struct_ops)" })?;
        let name = section.name_lossy();
        let datasec = btf.find(&name, Kind::Datasec).and_then(|id| btf.type_by_id(id).ok()).map(|t| t.data());
        let Some(TypeData::Datasec(datasec)) = datasec else {
            return Err(Error::BtfMissing { what: "tables of operations in section .struct_ops" });
        };
        for var in datasec.vars() {
            let variable = var.variable();
            let name = variable.name().unwrap_or_default().to_owned();
            elf.charge(name.len() + section.name.len())?;
            let fault = |what: String| Error::MapDefinition { map: name.clone(), what };
            let TypeData::Var(declared) = variable.data() else {
                return Err(fault("is no variable in the object's BTF".into()));
            };
            let declared = btf.resolve(declared.type_id).map_err(|err| fault(err.to_string()))?;
            let TypeData::Struct(table) = declared.data() else {
                return Err(fault(format!("is declared as {:?}, not as a struct of operations", declared.kind())));
            };
            if declared.name_bytes().is_empty() {
                return Err(fault(
                    "is declared as a struct without a name, and names are what the kernel's are found by".into(),
                ));
            }
            // Compilers leave the offsets of global variables to the symbol table.
            let symbol = elf.data_symbol(variable.name_bytes()).filter(|_| datasec.size == 0);
            let offset = symbol.map_or(u64::from(var.offset), |symbol| symbol.value);
            let end = offset.saturating_add(table.size.into());
            let bytes = usize::try_from(offset).ok().zip(usize::try_from(end).ok());
            let Some(bytes) = bytes.and_then(|(begin, end)| section.data.get(begin..end)) else {
                return Err(fault(format!(
                    "lies outside its section ({} bytes), at {offset}, {} bytes",
                    section.size, table.size
                )));
            };
            elf.charge(bytes.len())?;
            let mut definition = MapDefinition::new(MapType::STRUCT_OPS);
            (definition.key_size, definition.value_size, definition.max_entries) = (4, table.size, 1);
            definition.value_type_id = Some(declared.id());
            definition.map_flags = if has_link { uapi::BPF_F_LINK } else { 0 };
            maps.push(Map {
                section: Some(section.name_lossy()),
                section_offset: offset,
                autocreate: !section.name.starts_with(b"?"),
                initial_value: Some(bytes.to_vec()),
                struct_ops: Some(StructOps { type_id: declared.id(), declared: Vec::new() }),
                ..Map::new(name, MapKind::StructOps, definition)
            });
        }
    }
    Ok(())
}

/// Puts the programs that relocations name into the members that they are for.
///
/// # Errors
/// When a pointer belongs to no table. One that leads nowhere is its table's loss alone.
pub(super) fn collect_programs(elf: &Elf<'_>, btf: &Btf, code: &Code, maps: &mut [Map]) -> Result<(), Error> {
    for (number, section) in elf.sections.iter().enumerate() {
        let Some(relocations) = elf.relocations.get(&number).filter(|_| has_link(section).is_some()) else { continue };
        for relocation in relocations {
            let (at, symbol) = (relocation.offset, elf.symbols.get(relocation.symbol));
            let table = maps.iter_mut().find(|map| {
                map.kind == MapKind::StructOps
                    && map.section.as_deref().is_some_and(|name| name.as_bytes() == section.name)
                    && map.section_offset <= at
                    && at - map.section_offset < u64::from(map.definition.value_size)
            });
            let Some(table) = table else {
                let what = format!("the pointer at {at} of section {} belongs to no table", section.name_lossy());
                return Err(Error::MapDefinition { map: symbol.map(|s| shown(s.name)).unwrap_or_default(), what });
            };
            let Some(struct_ops) = &mut table.struct_ops else { continue };
            let found = place(btf, struct_ops.type_id, at - table.section_offset)
                .and_then(|(member, name)| Ok((member, program(symbol, code, &name)?)));
            match found {
                Ok((member, program)) => {
                    struct_ops.declared.push((member, program));
                    table.slots.push((member, Slot::Program(program)));
                }
                Err(what) => {
                    elf.charge(what.len())?;
                    table.slots.push((u32::MAX, Slot::Broken(what.into())));
                }
            }
        }
    }
    Ok(())
}

/// The member of a struct that begins at a byte, with its name: one that is a pointer to a function.
fn place(btf: &Btf, table: TypeId, at: u64) -> Result<(u32, String), String> {
    let declared = btf.type_by_id(table).map_err(|err| err.to_string())?;
    let mut members = declared.members().into_iter().flatten().enumerate();
    let (n, member) = members
        .find(|(_, member)| u64::from(member.bit_offset) == at.saturating_mul(8))
        .ok_or_else(|| format!("has a program at byte {at}, where no member begins"))?;
    let name = member.name().unwrap_or("(anonymous)").to_owned();
    match is_function_pointer(btf, member.type_id) {
        true => Ok((n as u32, name)),
        false => Err(format!("has a program in member '{name}', which is no pointer to a function")),
    }
}

/// Whether a type is a pointer to a function, behind typedefs and modifiers.
pub(crate) fn is_function_pointer(btf: &Btf, id: TypeId) -> bool {
    let target = btf.resolve(id).ok().and_then(|t| match t.data() {
        TypeData::Ptr(target) => btf.resolve(target).ok(),
        _ => None,
    });
    target.is_some_and(|t: Type<'_>| t.kind() == Kind::FuncProto)
}

fn program(symbol: Option<&Symbol<'_>>, code: &Code, member: &str) -> Result<ProgramId, String> {
    let symbol = symbol.ok_or_else(|| format!("refers to a symbol that does not exist, in member '{member}'"))?;
    let found = symbol.section.and_then(|section| code.program_at(section, symbol.value));
    found.ok_or_else(|| format!("holds '{}' in member '{member}', which is no program", shown(symbol.name)))
}
