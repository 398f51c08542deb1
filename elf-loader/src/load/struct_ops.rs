//! Tables of operations as this kernel has them: found by name, their members matched, whatever their order and whichever are
//! missing (libbpf's `bpf_map__init_kern_struct_ops`).

use std::collections::{HashMap, HashSet};

use purebpf_btf::{Btf, KernelBtf, Kind, TypeId, essential_name, types::Member};
use purebpf_sys::uapi::ProgType;

use super::attach_target::Target;
use crate::Error;
use crate::link::externs::find_type;
use crate::object::{Map, Object, ProgramId, Slot, StructOps, is_function_pointer};

/// What stands before the name of an operations struct in that of the map's value, which wraps it.
const VALUE_PREFIX: &str = "bpf_struct_ops_";

/// More than any table takes: a struct of functions and a few flags.
const MAX_VALUE: u32 = 1 << 20;

/// A table of operations, laid out as the kernel has it.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The type of the map's value in the kernel's BTF.
    pub(super) value_type: TypeId,
    /// Its size in bytes.
    pub(super) value_size: u32,
    /// The module whose BTF it is in, by its place in [`KernelBtf::modules`].
    pub(super) module: Option<usize>,
    /// The value, but for the programs.
    pub(super) value: Vec<u8>,
    /// Which program's descriptor goes where in the value.
    pub(super) programs: Vec<(usize, ProgramId)>,
    /// The type of the operations in the kernel's BTF, and which member of it each program is for.
    operations: TypeId,
    members: Vec<(ProgramId, u32)>,
}

/// Finds the tables that are to be created, by the map's id.
pub(super) fn tables(object: &Object, types: Option<&KernelBtf>) -> Result<Vec<Option<Table>>, Error> {
    let wanted = |map: &Map| map.struct_ops.clone().filter(|_| map.autocreate);
    let tables =
        object.maps.iter().map(|map| wanted(map).map(|declared| find(object, map, &declared, types)).transpose());
    tables.collect()
}

/// Which programs are to be loaded: those with `autoload` on, but that one of a table is loaded if a table that is created has it,
/// and not if only others do (libbpf's `bpf_object_adjust_struct_ops_autoload`).
pub(super) fn wanted_programs(object: &Object) -> Vec<bool> {
    let mut wanted: Vec<bool> = object.programs.iter().map(|program| program.autoload).collect();
    let tables = || object.maps.iter().filter_map(|map| Some((map, map.struct_ops.as_ref()?)));
    let slots = |map: &Map| {
        let program = |(_, slot): &(u32, Slot)| if let Slot::Program(id) = slot { Some(id.0) } else { None };
        map.slots.iter().filter_map(program).collect::<HashSet<usize>>()
    };
    let mut used: HashMap<usize, bool> = HashMap::new();
    for (map, declared) in tables() {
        declared.declared.iter().for_each(|(_, program)| _ = used.entry(program.0).or_default());
        for program in slots(map) {
            *used.entry(program).or_default() |= map.autocreate;
        }
    }
    for (program, is_used) in used {
        let is_operation = object.programs.get(program).is_some_and(|p| p.prog_type == ProgType::STRUCT_OPS);
        if let Some(wanted) = wanted.get_mut(program).filter(|_| is_operation) {
            *wanted = is_used;
        }
    }
    wanted
}

/// What each program of a table attaches to.
pub(super) fn targets(object: &Object, tables: &[Option<Table>]) -> Result<HashMap<usize, Target>, Error> {
    let mut targets: HashMap<usize, Target> = HashMap::new();
    for (map, table) in object.maps.iter().zip(tables) {
        let Some(table) = table else { continue };
        for (program, member) in &table.members {
            let target = Target { type_id: table.operations.0, module: table.module, member: Some(*member) };
            let known = targets.entry(program.0).or_insert(target);
            // A program is verified for one member of one struct.
            if (known.type_id, known.module, known.member) != (target.type_id, target.module, target.member) {
                let name = object.programs.get(program.0).map_or("?", |program| program.name.as_str());
                let what = format!("has program '{name}', which another table has for another operation");
                return Err(Error::MapDefinition { map: map.name.clone(), what });
            }
        }
    }
    Ok(targets)
}

fn find(object: &Object, map: &Map, declared: &StructOps, types: Option<&KernelBtf>) -> Result<Table, Error> {
    let fault = |what: String| Error::MapDefinition { map: map.name.clone(), what };
    let (Some(local), Some(types)) = (&object.btf, types) else {
        return Err(fault("is a table of operations, and there are no kernel types to find those in".into()));
    };
    let table = local.type_by_id(declared.type_id).map_err(|err| fault(err.to_string()))?;
    let name = String::from_utf8_lossy(essential_name(table.name_bytes())).into_owned();
    let value_name = format!("{VALUE_PREFIX}{name}");
    let (kernel, value_type, module) = find_type(types, value_name.as_bytes(), Kind::Struct)
        .ok_or_else(|| fault(format!("the kernel has no struct {value_name}: it takes no table of '{name}'")))?;
    let value = kernel.type_by_id(value_type).map_err(|err| fault(err.to_string()))?;
    let operations =
        kernel.find(&name, Kind::Struct).ok_or_else(|| fault(format!("the kernel has no struct {name}")))?;
    let data = value
        .members()
        .into_iter()
        .flatten()
        .find(|member| member.type_id == operations)
        .ok_or_else(|| fault(format!("struct {value_name} of the kernel has no {name} in it")))?;
    let value_size = kernel.size_of(value_type).map_err(|err| fault(err.to_string()))?;
    if value_size > MAX_VALUE {
        return Err(fault(format!(
            "struct {value_name} of the kernel has {value_size} bytes, as no table of operations has"
        )));
    }
    let mut found = Table {
        value_type,
        value_size,
        module,
        value: vec![0; value_size as usize],
        programs: Vec::new(),
        operations,
        members: Vec::new(),
    };
    let operations = kernel.type_by_id(operations).map_err(|err| fault(err.to_string()))?;
    let mut theirs = HashMap::new();
    for (n, member) in operations.members().into_iter().flatten().enumerate() {
        theirs.entry(member.name_bytes()).or_insert((n as u32, member));
    }
    let of_slot = |(member, slot): &(u32, Slot)| if let Slot::Program(id) = slot { Some((*member, *id)) } else { None };
    let programs = map.slots.iter().filter_map(of_slot).collect();
    let matching = Matching { object, map, local, kernel, theirs, programs, begin: data.bit_offset as usize / 8 };
    for (n, member) in table.members().into_iter().flatten().enumerate() {
        matching.member(n as u32, &member, &mut found).map_err(fault)?;
    }
    let is_broken = |(_, slot): &(u32, Slot)| if let Slot::Broken(why) = slot { Some(why.to_string()) } else { None };
    match map.slots.iter().find_map(is_broken) {
        Some(why) => Err(fault(why)),
        None => Ok(found),
    }
}

/// A table as declared beside the kernel's.
struct Matching<'a> {
    object: &'a Object,
    map: &'a Map,
    local: &'a Btf,
    kernel: &'a Btf,
    /// The kernel's members by name, each with its place among them.
    theirs: HashMap<&'a [u8], (u32, Member<'a>)>,
    /// Programs by the member that they are for.
    programs: HashMap<u32, ProgramId>,
    /// Where the operations begin in the map's value, in bytes.
    begin: usize,
}

impl Matching<'_> {
    /// Carries one member over.
    fn member(&self, n: u32, member: &Member<'_>, to: &mut Table) -> Result<(), String> {
        let name = member.name().unwrap_or("(anonymous)");
        let size = self.local.size_of(member.type_id).map_err(|err| format!("has member '{name}': {err}"))?;
        let from = member.bit_offset as usize / 8;
        let value = self.map.initial_value.as_deref().unwrap_or_default();
        let bytes = value.get(from..from.saturating_add(size as usize));
        let bytes = bytes.ok_or_else(|| format!("has member '{name}' outside its {} bytes", value.len()))?;
        let program = self.programs.get(&n).copied();
        let Some((place, theirs)) = self.theirs.get(member.name_bytes()) else {
            // What the kernel does not have does no harm as long as it is zero.
            return match program.is_none() && bytes.iter().all(|&byte| byte == 0) {
                true => Ok(()),
                false => Err(format!(
                    "sets member '{name}', which this kernel does not have; set it to zero for this kernel"
                )),
            };
        };
        if member.bitfield_size.is_some() || theirs.bitfield_size.is_some() {
            return Err(format!("has bitfield '{name}', and bitfields cannot be carried over"));
        }
        let resolve = |btf: &Btf, id| btf.resolve(id).map(|t| (t.id(), t.kind())).map_err(|err| err.to_string());
        let (ours, their_kind) = (resolve(self.local, member.type_id)?, resolve(self.kernel, theirs.type_id)?);
        if ours.1 != their_kind.1 {
            return Err(format!("has member '{name}' as {:?}, and the kernel as {:?}", ours.1, their_kind.1));
        }
        let at = self.begin + theirs.bit_offset as usize / 8;
        if ours.1 == Kind::Ptr {
            let Some(program) = program else {
                return match bytes.iter().all(|&byte| byte == 0) {
                    true => Ok(()),
                    false => Err(format!("sets member '{name}', a pointer, to something else than a program")),
                };
            };
            let of = self.object.programs.get(program.0).ok_or("has a program that its object lost")?;
            if of.prog_type != ProgType::STRUCT_OPS {
                return Err(format!("has program '{}' in member '{name}', which is of another type", of.name));
            }
            if !is_function_pointer(self.kernel, theirs.type_id) {
                return Err(format!(
                    "has a program in member '{name}', which in the kernel is no pointer to a function"
                ));
            }
            to.programs.push((at, program));
            to.members.push((program, *place));
            return Ok(());
        }
        let their_size = self.kernel.size_of(their_kind.0).map_err(|err| err.to_string())?;
        if their_size != size {
            return Err(format!("has member '{name}' of {size} bytes, and the kernel of {their_size}"));
        }
        match to.value.get_mut(at..at.saturating_add(size as usize)) {
            Some(place) => place.copy_from_slice(bytes),
            None => return Err(format!("has member '{name}' at {at}, outside the kernel's {} bytes", to.value_size)),
        }
        Ok(())
    }
}

impl Table {
    /// The value that puts the table in use, with the numbers that `program` gives.
    pub(super) fn complete(&self, program: impl Fn(ProgramId) -> Option<i32>) -> Vec<u8> {
        let mut value = self.value.clone();
        for (at, id) in &self.programs {
            // A pointer holds the number while the kernel reads it, as a number of its own width.
            let number = program(*id).unwrap_or(0) as usize;
            let bytes = number.to_ne_bytes();
            if let Some(place) = value.get_mut(*at..*at + bytes.len()) {
                place.copy_from_slice(&bytes);
            }
        }
        value
    }
}
