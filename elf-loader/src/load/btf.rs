//! The object's BTF as the kernel is to see it: what compilers leave open filled in, and kinds that the kernel does not
//! know replaced by some of the same size that it does.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use purebpf_btf::builder::Builder;
use purebpf_btf::raw::Info;
use purebpf_btf::{Btf, IntEncoding, Kind, Linkage, StrOffset, Type, TypeData, TypeId};
use purebpf_sys::probes::Feature;

use super::arg_ctx;
use super::kernel::{Kernel, Log};
use crate::Error;
use crate::error::advice;
use crate::link::Linked;
use crate::object::{ExternKind, Function, MapKind, Object};

/// Size of the log of a refused BTF.
const LOG_SIZE: usize = 1 << 20;

/// Loads the object's BTF. A kernel without BTF gets none, and a BTF that is refused is left out, with the reason in `refused`:
/// maps and programs work without, unless the verifier needs the types of functions. Tables of operations do not work without:
/// with one of them it is an error.
pub(super) fn load<K: Kernel>(
    object: &Object,
    kernel: &K,
    programs: &mut [Option<Linked>],
    refused: &mut Option<String>,
) -> Result<Option<K::Handle>, Error> {
    let Some(btf) = &object.btf else { return Ok(None) };
    if !kernel.supports(Feature::Btf) {
        return Ok(None);
    }
    let bytes = for_kernel(object, btf, programs, &|feature| kernel.supports(feature))
        .map_err(|cause| Error::Btf { section: ".BTF", cause })?;
    let source = match kernel.btf_load(&bytes, &mut Log::none()) {
        Ok(handle) => return Ok(Some(handle)),
        Err(source) if source.is_permission() => {
            return Err(Error::BtfLoad { advice: advice(&source), cause: Arc::new(source) });
        }
        Err(source) => source,
    };
    let mut log = Log::new(1, LOG_SIZE);
    if let Ok(handle) = kernel.btf_load(&bytes, &mut log) {
        return Ok(Some(handle));
    }
    let text = log.text();
    let why = telling(&text);
    if let Some(table) = object.maps.iter().find(|map| map.autocreate && map.struct_ops.is_some()) {
        let advice = format!(": {why}; table of operations '{}' needs it", table.name);
        return Err(Error::BtfLoad { advice, cause: Arc::new(source) });
    }
    *refused = Some(format!("the kernel refused the object's BTF: {source}: {why}"));
    Ok(None)
}

/// What a log of `BPF_BTF_LOAD` says at its end: a line, and behind the line of a type those of its members, of which the last
/// is at fault, each begun with a tab (`btf_verifier_log_member` of kernel/bpf/btf.c).
fn telling(log: &str) -> String {
    let mut lines = log.lines().filter(|line| !line.trim().is_empty()).rev();
    let Some(last) = lines.next() else { return "no reason given".to_owned() };
    let of = last.starts_with('\t').then(|| lines.find(|line| line.starts_with('['))).flatten();
    match of {
        Some(of) => format!("{}: {}", of.trim(), last.trim()),
        None => last.trim().to_owned(),
    }
}

/// The bytes to load.
pub(super) fn for_kernel(
    object: &Object,
    btf: &Btf,
    programs: &mut [Option<Linked>],
    supports: &dyn Fn(Feature) -> bool,
) -> Result<Vec<u8>, purebpf_btf::Error> {
    let mut builder = Builder::copy_of(btf);
    // Kinds that the kernel knows need no description, and kernels before 7.0 refuse it.
    builder.remove_layout();
    complete_sections(object, btf, &mut builder)?;
    hide_functions(object, btf, &mut builder)?;
    if arg_ctx::is_used(btf) && !supports(Feature::ArgCtxTag) {
        arg_ctx::describe(object, btf, &mut builder, programs)?;
    }
    // What was added by now is to be trimmed too.
    let complete = Btf::parse(builder.finish())?;
    trim(&complete, &mut builder, supports)?;
    Ok(builder.finish())
}

/// Fills in sizes of data sections and places of their variables, as ELF has them; gives externs places of their own.
fn complete_sections(object: &Object, btf: &Btf, builder: &mut Builder) -> Result<(), purebpf_btf::Error> {
    let sizes: HashMap<&str, u64> = object.section_sizes.iter().map(|(name, size)| (name.as_str(), *size)).collect();
    let symbols: HashMap<&[u8], _> = object.symbols.iter().map(|symbol| (&*symbol.name, symbol)).collect();
    let externs = object.externs.iter().map(|ext| (ext.name.as_bytes(), ext.kind)).collect();
    let data = object.maps.iter().filter(|map| matches!(map.kind, MapKind::Data | MapKind::Rodata | MapKind::Bss));
    let resized: HashMap<&str, u32> =
        data.filter_map(|map| Some((map.section.as_deref()?, map.definition.value_size))).collect();
    let (mut int, mut dummy) = (None, None);
    for section in btf.own_types() {
        let TypeData::Datasec(datasec) = section.data() else { continue };
        let name = section.name().unwrap_or_default();
        let mut vars: Vec<[u32; 3]> = datasec.vars().map(|var| [var.type_id.0, var.offset, var.size]).collect();
        let mut size = datasec.size;
        match name {
            ".ksyms" => {
                let int = *match &mut int {
                    Some(int) => int,
                    none => none.insert(integer(btf, builder)?),
                };
                for (n, var) in vars.iter_mut().enumerate() {
                    place_ksym(btf, builder, int, &mut dummy, var)?;
                    (var[1], var[2]) = (n as u32 * 4, 4);
                }
                size = vars.len() as u32 * 4;
            }
            ".kconfig" => size = place_kconfig(&externs, btf, builder, &mut vars)?,
            _ => {
                // A linker has filled these in already; compilers leave zeros.
                let unfinished = size == 0;
                if unfinished {
                    size = sizes.get(name).and_then(|&size| u32::try_from(size).ok()).unwrap_or(0);
                }
                for var in &mut vars {
                    let variable = btf.type_by_id(TypeId(var[0]))?;
                    let TypeData::Var(declared) = variable.data() else { continue };
                    let Some(symbol) = symbols.get(variable.name_bytes()) else { continue };
                    if declared.linkage == Linkage::STATIC || declared.linkage == Linkage::EXTERN {
                        continue;
                    }
                    if unfinished {
                        var[1] = u32::try_from(symbol.offset).unwrap_or(0);
                    }
                    if symbol.hidden {
                        // `struct btf_var` follows the common three words.
                        builder.record_mut(variable.id())?.set_word(3, Linkage::STATIC.0);
                    }
                }
            }
        }
        vars.sort_by_key(|var| var[1]);
        if let Some(&wanted) = resized.get(name).filter(|wanted| **wanted != size && size != 0) {
            if resize(btf, builder, vars.last_mut(), wanted)? {
                size = wanted;
            }
        }
        let mut record = builder.record_mut(section.id())?;
        record.set_word(2, size);
        for (n, var) in vars.iter().enumerate() {
            for (field, &word) in var.iter().enumerate() {
                record.set_word(3 + n * 3 + field, word);
            }
        }
    }
    Ok(())
}

/// Makes the last variable of a section as long as the section's map was made: an array of more elements, or fewer. Says whether it
/// could.
fn resize(
    btf: &Btf,
    builder: &mut Builder,
    last: Option<&mut [u32; 3]>,
    section: u32,
) -> Result<bool, purebpf_btf::Error> {
    let Some([variable, offset, size]) = last else { return Ok(false) };
    let TypeData::Var(declared) = btf.type_by_id(TypeId(*variable))?.data() else { return Ok(false) };
    let TypeData::Array(array) = btf.resolve(declared.type_id)?.data() else { return Ok(false) };
    let (element, wanted) = (btf.size_of(array.element)?, section.saturating_sub(*offset));
    if element == 0 || wanted == 0 || wanted % element != 0 {
        return Ok(false);
    }
    let longer = builder.add_array(array.element, array.index, wanted / element)?;
    builder.record_mut(TypeId(*variable))?.set_word(2, longer.0);
    *size = wanted;
    Ok(true)
}

/// What stands in `.ksyms` for functions: a variable of an integer type. Kernels know no data section with functions.
#[derive(Clone, Copy)]
struct Dummy {
    variable: TypeId,
    name: StrOffset,
}

fn integer(btf: &Btf, builder: &mut Builder) -> Result<TypeId, purebpf_btf::Error> {
    let is_int = |t: &Type<'_>| matches!(t.data(), TypeData::Int(int) if int.size == 4 && int.bits == 32);
    match btf.own_types().find(is_int) {
        Some(int) => Ok(int.id()),
        None => builder.add_int("int", 4, IntEncoding::SIGNED),
    }
}

fn place_ksym(
    btf: &Btf,
    builder: &mut Builder,
    int: TypeId,
    dummy: &mut Option<Dummy>,
    var: &mut [u32; 3],
) -> Result<(), purebpf_btf::Error> {
    let declared = btf.type_by_id(TypeId(var[0]))?;
    match declared.data() {
        TypeData::Func(func) => {
            let dummy = *match dummy {
                Some(dummy) => dummy,
                none => none.insert(Dummy {
                    variable: builder.add_var("dummy_ksym", Linkage::GLOBAL, int)?,
                    name: builder.add_string("dummy_ksym")?,
                }),
            };
            // The kernel wants functions that are here to name their parameters, and knows none that are elsewhere.
            let proto = btf.type_by_id(func.proto)?;
            let nameless = match proto.data() {
                TypeData::FuncProto(proto) => {
                    let wanted = |p: &purebpf_btf::types::Param<'_>| !p.type_id.is_void() && p.name_bytes().is_empty();
                    proto.params().enumerate().filter(|(_, p)| wanted(p)).map(|(n, _)| n).collect()
                }
                _ => Vec::new(),
            };
            let mut record = builder.record_mut(func.proto)?;
            for n in nameless {
                record.set_word(3 + n * 2, dummy.name.0);
            }
            let mut record = builder.record_mut(declared.id())?;
            record.set_info(Info::new(Kind::Func.number(), Linkage::GLOBAL.0, false));
            var[0] = dummy.variable.0;
        }
        TypeData::Var(_) => {
            let mut record = builder.record_mut(declared.id())?;
            record.set_word(2, int.0);
            record.set_word(3, Linkage::GLOBAL.0);
        }
        _ => {}
    }
    Ok(())
}

/// Places configuration values as the map has them; gives the section's size.
fn place_kconfig(
    externs: &HashMap<&[u8], ExternKind>,
    btf: &Btf,
    builder: &mut Builder,
    vars: &mut [[u32; 3]],
) -> Result<u32, purebpf_btf::Error> {
    let mut end = 0;
    for var in vars {
        let variable = btf.type_by_id(TypeId(var[0]))?;
        if let Some(&ExternKind::Kconfig { offset, size, .. }) = externs.get(variable.name_bytes()) {
            (var[1], var[2]) = (offset, size);
            end = end.max(offset.saturating_add(size));
        }
        builder.record_mut(variable.id())?.set_word(3, Linkage::GLOBAL.0);
    }
    Ok(end)
}

/// Hidden subprograms are verified like static ones: with what their callers know.
fn hide_functions(object: &Object, btf: &Btf, builder: &mut Builder) -> Result<(), purebpf_btf::Error> {
    let entries: HashSet<usize> = object.programs.iter().map(|program| program.function.0).collect();
    let is_hidden = |n: usize, function: &Function| function.hidden && function.global && !entries.contains(&n);
    let functions = object.functions.iter().enumerate();
    let mut hidden: HashSet<&[u8]> =
        functions.filter(|(n, function)| is_hidden(*n, function)).map(|(_, f)| f.name.as_bytes()).collect();
    if hidden.is_empty() {
        return Ok(());
    }
    for t in btf.own_types().filter(|t| t.kind() == Kind::Func && t.vlen() == Linkage::GLOBAL.0) {
        // The first of a name: a static one may have it too.
        if hidden.remove(t.name_bytes()) {
            builder.record_mut(t.id())?.set_info(Info::new(Kind::Func.number(), Linkage::STATIC.0, false));
        }
    }
    Ok(())
}

/// Replaces what the kernel does not know. Ids and lengths stay, so nothing else has to move; the replacements are those
/// of libbpf's `bpf_object__sanitize_btf`.
fn trim(btf: &Btf, builder: &mut Builder, supports: &dyn Fn(Feature) -> bool) -> Result<(), purebpf_btf::Error> {
    let mut present = 0u32;
    let (mut global_func, mut qmark, mut signed_enum) = (false, false, false);
    for t in btf.own_types() {
        present |= 1 << t.kind().number();
        global_func |= t.kind() == Kind::Func && t.vlen() != Linkage::STATIC.0;
        qmark |= t.kind() == Kind::Datasec && t.name_bytes().starts_with(b"?");
        signed_enum |= t.kind() == Kind::Enum && t.kind_flag();
    }
    let has = |kind: Kind| present & 1 << kind.number() != 0;
    // A kernel is only asked about what is there.
    let lacks = |present: bool, feature| present && !supports(feature);
    let no_func = lacks(has(Kind::Func) || has(Kind::FuncProto), Feature::BtfFunc);
    let no_datasec = lacks(has(Kind::Datasec) || has(Kind::Var), Feature::BtfDatasec);
    let no_float = lacks(has(Kind::Float), Feature::BtfFloat);
    let no_decl_tag = lacks(has(Kind::DeclTag), Feature::BtfDeclTag);
    let no_type_tag = lacks(has(Kind::TypeTag), Feature::BtfTypeTag);
    let no_enum64 = lacks(has(Kind::Enum64) || signed_enum, Feature::BtfEnum64);
    let no_global_func = lacks(global_func, Feature::BtfGlobalFunc);
    let no_qmark = lacks(qmark, Feature::BtfQmarkDatasec);
    // ENUM64 becomes a union of byte-sized members, of which the kernel checks the type.
    let byte = match no_enum64 && btf.own_types().any(|t| t.kind() == Kind::Enum64) {
        true => Some(builder.add_int("enum64_placeholder", 1, IntEncoding::NONE)?),
        false => None,
    };
    for old in btf.own_types() {
        let (id, vlen) = (old.id(), old.vlen());
        let info = |kind: Kind, vlen: u32| Info::new(kind.number(), vlen, false);
        match old.kind() {
            // `struct btf_var` and the integer's own word are one word each.
            Kind::Var if no_datasec => {
                let mut record = builder.record_mut(id)?;
                record.set_info(info(Kind::Int, 0));
                record.set_word(2, 1);
                record.set_word(3, 8);
            }
            Kind::DeclTag if no_decl_tag => {
                let mut record = builder.record_mut(id)?;
                record.set_info(info(Kind::Int, 0));
                record.set_word(2, 1);
                record.set_word(3, 8);
            }
            Kind::Datasec if no_datasec => section_to_struct(btf, builder, old)?,
            Kind::Datasec if no_qmark && old.name_bytes().starts_with(b"?") => {
                let mut first = true;
                builder.map_string(old.name_offset(), |b| if std::mem::take(&mut first) { b'_' } else { b });
            }
            // Parameters and enumerators are two words each.
            Kind::FuncProto if no_func => {
                let mut record = builder.record_mut(id)?;
                record.set_info(info(Kind::Enum, vlen));
                record.set_word(2, 4);
            }
            Kind::Func if no_func => builder.record_mut(id)?.set_info(info(Kind::Typedef, 0)),
            Kind::Func if no_global_func => builder.record_mut(id)?.set_info(info(Kind::Func, Linkage::STATIC.0)),
            Kind::Float if no_float => {
                let mut record = builder.record_mut(id)?;
                record.set_word(0, 0);
                record.set_info(info(Kind::Struct, 0));
            }
            Kind::TypeTag if no_type_tag => {
                let mut record = builder.record_mut(id)?;
                record.set_word(0, 0);
                record.set_info(info(Kind::Const, 0));
            }
            Kind::Enum if no_enum64 => {
                // The sign of an enum came with ENUM64.
                builder.record_mut(id)?.set_info(info(Kind::Enum, vlen));
            }
            Kind::Enum64 => {
                let Some(byte) = byte else { continue };
                let mut record = builder.record_mut(id)?;
                record.set_info(info(Kind::Union, vlen));
                for n in 0..vlen as usize {
                    // name, low, high become name, type, offset.
                    record.set_word(3 + n * 3 + 1, byte.0);
                    record.set_word(3 + n * 3 + 2, 0);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A data section becomes a struct with its variables as members: records of three words each.
fn section_to_struct(btf: &Btf, builder: &mut Builder, section: Type<'_>) -> Result<(), purebpf_btf::Error> {
    let TypeData::Datasec(datasec) = section.data() else { return Ok(()) };
    builder.map_string(section.name_offset(), |b| if matches!(b, b'.' | b'?') { b'_' } else { b });
    let members: Vec<[u32; 3]> = datasec
        .vars()
        .map(|var| {
            let name = btf.type_by_id(var.type_id).map_or(0, |t| t.name_offset().0);
            [name, var.type_id.0, var.offset.saturating_mul(8)]
        })
        .collect();
    let mut record = builder.record_mut(section.id())?;
    record.set_info(Info::new(Kind::Struct.number(), members.len() as u32, false));
    for (n, member) in members.iter().enumerate() {
        for (field, &word) in member.iter().enumerate() {
            record.set_word(3 + n * 3 + field, word);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Ends of logs as `btf_verifier_log_type`, `_member` and `btf_verifier_log` of kernel/bpf/btf.c write them.
    #[test]
    fn the_type_and_the_member_at_fault_are_told() {
        let header = "magic: 0xeb9f\nversion: 1\nbtf_total_size: 120\n[1] INT int size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n";
        let of = |end: &str| telling(&format!("{header}{end}"));
        assert_eq!(of("[2] STRUCT a-b size=4 vlen=1 Invalid name\n\n"), "[2] STRUCT a-b size=4 vlen=1 Invalid name");
        assert_eq!(
            of(
                "[2] STRUCT a size=4 vlen=2\n\tx type_id=1 bits_offset=0\n\ty type_id=9 bits_offset=32 Invalid type_id\n"
            ),
            "[2] STRUCT a size=4 vlen=2: y type_id=9 bits_offset=32 Invalid type_id"
        );
        assert_eq!(of("Total section length too long\n"), "Total section length too long");
        assert_eq!(telling(""), "no reason given");
        assert_eq!(telling("\tx type_id=1\n"), "x type_id=1");
    }
}
