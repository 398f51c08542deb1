//! Externs looked up in a target: typed ones in its BTF, the others by name.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};

use purebpf_btf::{Btf, KernelBtf, Kind, TypeData, TypeId, essential_name};
use purebpf_core_reloc as core_reloc;

use crate::object::{Extern, ExternKind, MapId, MapKind, Object};
use crate::{Error, nearest};

/// What a target says of kernel symbols that are asked for by name alone.
pub trait Ksyms: fmt::Debug {
    /// The address of a symbol; `None` when the kernel does not have it.
    fn address(&self, name: &str) -> Option<u64>;

    /// Another address of a symbol of this name: the name alone does not say which is meant.
    fn other_address(&self, _name: &str) -> Option<u64> {
        None
    }
}

/// A target that has every symbol, at address 0: for linking without a kernel.
#[derive(Clone, Copy, Debug)]
pub struct KsymsPresent;

impl Ksyms for KsymsPresent {
    fn address(&self, _: &str) -> Option<u64> {
        Some(0)
    }
}

/// Symbols of a file such as `/proc/kallsyms`: an address, a type and a name on each line.
#[derive(Clone, Debug, Default)]
pub struct Kallsyms {
    /// The first address of each symbol, and the first that is another.
    addresses: HashMap<String, (u64, Option<u64>)>,
}

impl Kallsyms {
    /// Reads those symbols of `text` that `object` asks for by name alone.
    pub fn parse(text: &[u8], object: &Object) -> Kallsyms {
        let wanted: HashSet<&[u8]> =
            object.externs.iter().filter(|ext| ext.kind == ExternKind::Ksym).map(|ext| ext.name.as_bytes()).collect();
        let mut addresses: HashMap<String, (u64, Option<u64>)> = HashMap::new();
        if wanted.is_empty() {
            return Kallsyms::default();
        }
        for (address, kind, name) in symbols(text) {
            // Link-time optimisation marks static variables that it made global.
            let name = match memchr::memmem::find(name, b".llvm.") {
                Some(at) if kind == b"d" => &name[..at],
                _ => name,
            };
            if !wanted.contains(name) {
                continue;
            }
            let address = std::str::from_utf8(address).ok().and_then(|hex| u64::from_str_radix(hex, 16).ok());
            let (Some(address), Ok(name)) = (address, std::str::from_utf8(name)) else { continue };
            let (first, other) = addresses.entry(name.to_owned()).or_insert((address, None));
            if *first != address {
                other.get_or_insert(address);
            }
        }
        Kallsyms { addresses }
    }
}

/// Address, kind and name of each symbol.
fn symbols(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8], &[u8])> {
    text.split(|&b| b == b'\n').filter_map(|line| {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        Some((words.next()?, words.next()?, words.next()?))
    })
}

impl Ksyms for Kallsyms {
    fn address(&self, name: &str) -> Option<u64> {
        self.addresses.get(name).map(|(first, _)| *first)
    }

    fn other_address(&self, name: &str) -> Option<u64> {
        self.addresses.get(name)?.1
    }
}

/// What an extern comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternValue {
    /// Weak, and not there.
    Missing,
    /// A type in the target's BTF.
    Btf {
        /// Its id.
        type_id: TypeId,
        /// The module in [`KernelBtf::modules`]; `None` for vmlinux.
        module: Option<usize>,
    },
    /// An address.
    Address(u64),
    /// A place in the map of configuration values.
    Kconfig {
        /// The map.
        map: MapId,
        /// The place in bytes.
        offset: u32,
    },
}

/// Looks all externs of an object up.
pub(super) fn resolve(
    object: &Object,
    kernel: Option<&KernelBtf>,
    ksyms: &dyn Ksyms,
) -> Vec<Result<ExternValue, Error>> {
    let kconfig = object.maps.iter().position(|map| map.kind == MapKind::Kconfig).map(MapId);
    object.externs.iter().map(|ext| resolve_one(object, ext, kernel, ksyms, kconfig)).collect()
}

/// Errors of typed externs with the nearest names, of which each takes a walk through all types: once for all programs that want
/// the same, and for so many of them as anybody reads.
#[derive(Debug, Default)]
pub(super) struct NearestNames(Mutex<HashMap<(String, &'static str), Error>>);

/// How many externs are looked for by nearest names.
const MOST_NEAREST: usize = 16;

impl NearestNames {
    /// The error, with the nearest names if it is that of such an extern.
    pub(super) fn told(&self, kernel: Option<&KernelBtf>, error: Error) -> Error {
        let Error::ExternNotFound { name, kind, .. } = &error else { return error };
        let key = (name.clone(), *kind);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = known.get(&key) {
            return told.clone();
        }
        if known.len() >= MOST_NEAREST {
            return error;
        }
        let told = with_nearest(kernel, error);
        known.insert(key, told.clone());
        told
    }
}

/// Adds the nearest names to the error of a typed extern that the kernel does not have. Not where externs are looked up: few of
/// those that are missing are anybody's fault, and each takes a walk through all types.
fn with_nearest(kernel: Option<&KernelBtf>, error: Error) -> Error {
    let (Some(kernel), Error::ExternNotFound { name, kind, what }) = (kernel, &error) else { return error };
    let (type_kind, wanted) = match *kind {
        "kfunc" => (Kind::Func, essential_name(name.as_bytes())),
        "ksym" => (Kind::Var, name.as_bytes()),
        _ => return error,
    };
    if what != NOWHERE {
        return error;
    }
    let near = nearest::said(&kernel.nearest_names(None, "", type_kind, &String::from_utf8_lossy(wanted)));
    Error::ExternNotFound { name: name.clone(), kind, what: format!("{what}{near}") }
}

/// What is said of typed externs that no BTF has.
const NOWHERE: &str = "neither vmlinux nor any module has it in BTF";

/// As [`with_nearest`], of a symbol that is asked for by its name alone; `kallsyms` gives what `/proc/kallsyms` has.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn with_nearest_symbols(error: Error, kallsyms: impl FnOnce() -> Option<Vec<u8>>) -> Error {
    let Error::ExternNotFound { name, kind: "ksym", what } = &error else { return error };
    let Some(text) = Some(()).filter(|()| what == NO_SYMBOL).and_then(|()| kallsyms()) else { return error };
    let mut nearest = purebpf_btf::Nearest::new(name);
    symbols(&text).for_each(|(_, _, name)| nearest.offer(name));
    let what = format!("{what}{}", nearest::said(&nearest.into_names()));
    Error::ExternNotFound { name: name.clone(), kind: "ksym", what }
}

/// What is said of externs without a type that kallsyms does not have.
const NO_SYMBOL: &str = "the kernel has no such symbol";

fn resolve_one(
    object: &Object,
    ext: &Extern,
    kernel: Option<&KernelBtf>,
    ksyms: &dyn Ksyms,
    kconfig: Option<MapId>,
) -> Result<ExternValue, Error> {
    let not_found =
        |kind: &'static str, what: &str| Error::ExternNotFound { name: ext.name.clone(), kind, what: what.to_owned() };
    match ext.kind {
        ExternKind::Kconfig { offset, .. } => {
            let map = kconfig.ok_or_else(|| not_found("kconfig", "the object lost its .kconfig map"))?;
            Ok(ExternValue::Kconfig { map, offset })
        }
        ExternKind::Ksym => match ksyms.address(&ext.name) {
            Some(address) => match ksyms.other_address(&ext.name) {
                None => Ok(ExternValue::Address(address)),
                Some(other) => Err(not_found(
                    "ksym",
                    &format!(
                        "the kernel has more than one, at {address:#x} and {other:#x}, and a name is all there is to go by"
                    ),
                )),
            },
            None if ext.weak => Ok(ExternValue::Missing),
            None => Err(not_found("ksym", NO_SYMBOL)),
        },
        ExternKind::TypedKsym { .. } | ExternKind::Kfunc { .. } => typed(object, ext, kernel),
    }
}

/// Finds a variable or function in vmlinux, else in a module, and compares its type.
fn typed(object: &Object, ext: &Extern, kernel: Option<&KernelBtf>) -> Result<ExternValue, Error> {
    let (kind_name, kind, name, local) = match ext.kind {
        // A kfunc may be declared more than once, under flavours of its name.
        ExternKind::Kfunc { proto } => ("kfunc", Kind::Func, essential_name(ext.name.as_bytes()), proto),
        ExternKind::TypedKsym { type_id } => ("ksym", Kind::Var, ext.name.as_bytes(), type_id),
        _ => return Ok(ExternValue::Missing),
    };
    let fault = |what: String| Error::ExternNotFound { name: ext.name.clone(), kind: kind_name, what };
    let (Some(kernel), Some(btf)) = (kernel, &object.btf) else {
        return match ext.weak {
            true => Ok(ExternValue::Missing),
            false => Err(fault("there is no kernel BTF to look in".into())),
        };
    };
    let Some((target, type_id, module)) = find_type(kernel, name, kind) else {
        return match ext.weak {
            true => Ok(ExternValue::Missing),
            false => Err(fault(NOWHERE.to_owned())),
        };
    };
    let target_type = match target.type_by_id(type_id).map(|t| t.data()) {
        Ok(TypeData::Func(func)) => func.proto,
        Ok(TypeData::Var(var)) => target.resolve(var.type_id).map_err(|err| fault(err.to_string()))?.id(),
        _ => return Err(fault("is of another kind in the kernel's BTF".into())),
    };
    match core_reloc::types_are_compat(btf, local, target, target_type) {
        Ok(true) => Ok(ExternValue::Btf { type_id, module }),
        Ok(false) if ext.weak && kind == Kind::Func => Ok(ExternValue::Missing),
        Ok(false) => Err(fault(format!(
            "its type here ({local}) is not compatible with the kernel's ({target_type} in {})",
            module.map_or("vmlinux", |n| kernel.modules()[n].name())
        ))),
        Err(err) => Err(fault(err.to_string())),
    }
}

/// The first of a name and kind: in vmlinux, else in the first module that has it. A module whose
/// BTF is damaged has nothing.
pub(crate) fn find_type<'a>(
    kernel: &'a KernelBtf,
    name: &[u8],
    kind: Kind,
) -> Option<(&'a Btf, TypeId, Option<usize>)> {
    if let Some(id) = kernel.vmlinux().find(name, kind) {
        return Some((kernel.vmlinux(), id, None));
    }
    kernel.modules().iter().enumerate().find_map(|(n, module)| {
        let btf = module.btf(kernel.vmlinux()).ok()?;
        btf.find(name, kind).map(|id| (btf, id, Some(n)))
    })
}
