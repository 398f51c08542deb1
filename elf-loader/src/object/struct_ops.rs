//! Tables of operations: variables in `.struct_ops` and `.struct_ops.link`, each a struct of the kernel's with programs for
//! its functions. Each is a map, and what a relocation puts into a member is a slot of it.

use std::collections::{BTreeMap, HashMap};

use object::elf as consts;
use purebpf_btf::{Btf, Kind, Type, TypeData, TypeId, types::Member};
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
    // By section and place there, and their members by theirs: what a file refers to may be large.
    let mut tables: BTreeMap<(Vec<u8>, u64), usize> = BTreeMap::new();
    for (n, map) in maps.iter().enumerate().filter(|(_, map)| map.struct_ops.is_some()) {
        tables.insert((map.section.clone().unwrap_or_default().into_bytes(), map.section_offset), n);
    }
    let mut members: HashMap<TypeId, Members<'_>> = HashMap::new();
    for (number, section) in elf.sections.iter().enumerate() {
        let Some(relocations) = elf.relocations.get(&number).filter(|_| has_link(section).is_some()) else { continue };
        for relocation in relocations {
            let (at, symbol) = (relocation.offset, elf.symbols.get(relocation.symbol));
            let before = tables.range((section.name.to_vec(), 0)..=(section.name.to_vec(), at)).next_back();
            let table = before.and_then(|(_, &n)| maps.get_mut(n));
            let table = table.filter(|map| at - map.section_offset < u64::from(map.definition.value_size));
            let Some(table) = table else {
                let what = format!("the pointer at {at} of section {} belongs to no table", section.name_lossy());
                return Err(Error::MapDefinition { map: symbol.map(|s| shown(s.name)).unwrap_or_default(), what });
            };
            let Some(struct_ops) = &mut table.struct_ops else { continue };
            let type_id = struct_ops.type_id;
            let found = members
                .entry(type_id)
                .or_insert_with(|| Members::of(btf, type_id))
                .function_at(btf, at - table.section_offset)
                .and_then(|(member, name)| Ok((member, program(symbol, code, name)?)));
            match found {
                Ok((member, program)) => {
                    elf.charge(2 * size_of::<(u32, Slot)>())?;
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

/// The members of a struct, by where they begin in bits.
struct Members<'a>(HashMap<u32, (u32, Member<'a>)>);

impl<'a> Members<'a> {
    fn of(btf: &'a Btf, table: TypeId) -> Members<'a> {
        let mut places = HashMap::new();
        let members = btf.type_by_id(table).ok().and_then(|table| table.members());
        for (n, member) in members.into_iter().flatten().enumerate() {
            places.entry(member.bit_offset).or_insert((n as u32, member));
        }
        Members(places)
    }

    /// The member that begins at a byte, with its name: one that is a pointer to a function.
    fn function_at(&self, btf: &Btf, at: u64) -> Result<(u32, &str), String> {
        let bit = at.checked_mul(8).and_then(|bit| u32::try_from(bit).ok());
        let (n, member) = bit
            .and_then(|bit| self.0.get(&bit))
            .ok_or_else(|| format!("has a program at byte {at}, where no member begins"))?;
        let name = member.name().unwrap_or("(anonymous)");
        match is_function_pointer(btf, member.type_id) {
            true => Ok((*n, name)),
            false => Err(format!("has a program in member '{name}', which is no pointer to a function")),
        }
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
