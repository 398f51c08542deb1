//! Externs: what a program expects of the kernel (`.ksyms`) or of its configuration (`.kconfig`).

use std::collections::HashMap;

use purebpf_btf::{Btf, IntEncoding, Kind, Type, TypeData, TypeId};

use super::data::{data_definition, map_name};
use super::elf::{Elf, shown};
use super::model::{Map, MapKind};
use crate::Error;

/// Something expected from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extern {
    /// Its name.
    pub name: String,
    /// The number of its symbol in the file.
    pub(super) symbol: usize,
    /// Whether it may be missing.
    pub weak: bool,
    /// What it is.
    pub kind: ExternKind,
}

/// What an extern is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternKind {
    /// A value of the kernel's configuration, kept in the `.kconfig` map.
    Kconfig {
        /// What values it takes.
        value: KconfigType,
        /// Its size in bytes.
        size: u32,
        /// Where it is in the map, in bytes.
        offset: u32,
    },
    /// A kernel symbol of which only the address is asked for.
    Ksym,
    /// A variable of the kernel, of this local type.
    TypedKsym {
        /// Its type without modifiers and typedefs.
        type_id: TypeId,
    },
    /// A function of the kernel, of this local prototype.
    Kfunc {
        /// Its prototype.
        proto: TypeId,
    },
}

/// What values a configuration extern takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KconfigType {
    /// A C `bool`.
    Bool,
    /// `enum libbpf_tristate`.
    Tristate,
    /// A `char`, or another integer of one byte.
    Char {
        /// Whether it is signed.
        signed: bool,
    },
    /// An integer.
    Int {
        /// Whether it is signed.
        signed: bool,
    },
    /// An array of `char`.
    String,
}

impl ExternKind {
    /// Whether it is expected of the kernel (else of its configuration).
    pub fn is_ksym(self) -> bool {
        !matches!(self, ExternKind::Kconfig { .. })
    }

    /// Whether its type is known, to be compared with the kernel's.
    pub fn is_typed(self) -> bool {
        matches!(self, ExternKind::TypedKsym { .. } | ExternKind::Kfunc { .. })
    }
}

/// Collects the externs in libbpf's order (its `cmp_externs`): configuration values by descending
/// alignment and ascending size, then kernel symbols; by name among equals.
pub(super) fn collect(elf: &Elf<'_>, btf: Option<&Btf>) -> Result<Vec<Extern>, Error> {
    let mut externs = Vec::new();
    let symbols = elf.symbols.iter().enumerate().filter(|(_, symbol)| symbol.is_extern());
    let mut declarations = None;
    for (number, symbol) in symbols {
        let btf = btf.ok_or(Error::BtfMissing { what: "externs" })?;
        let declarations = declarations.get_or_insert_with(|| declared_externs(btf));
        let fault = |what: String| Error::ExternDefinition { name: shown(symbol.name), what };
        let Some(&(section, declaration)) = declarations.get(symbol.name) else {
            return Err(fault("is in neither .ksyms nor .kconfig; declare it __ksym or __kconfig".into()));
        };
        let (kind, align) = match section {
            b".kconfig" => kconfig_kind(btf, declaration).map_err(fault)?,
            _ => (ksym_kind(btf, declaration).map_err(fault)?, 0),
        };
        elf.charge(symbol.name.len())?;
        externs.push((align, Extern { name: symbol.name_lossy(), symbol: number, weak: symbol.is_weak(), kind }));
    }
    externs.sort_by(|(left_align, left), (right_align, right)| {
        let size = |ext: &Extern| match ext.kind {
            ExternKind::Kconfig { size, .. } => size,
            _ => 0,
        };
        (left.kind.is_ksym().cmp(&right.kind.is_ksym()))
            .then(right_align.cmp(left_align))
            .then(size(left).cmp(&size(right)))
            .then(left.name.cmp(&right.name))
    });
    let mut end = 0u32;
    for (align, ext) in &mut externs {
        if let ExternKind::Kconfig { size, offset, .. } = &mut ext.kind {
            let overflow = || Error::ExternDefinition { name: ext.name.clone(), what: "does not fit .kconfig".into() };
            *offset = end.checked_next_multiple_of((*align).max(1)).ok_or_else(overflow)?;
            end = offset.checked_add(*size).ok_or_else(overflow)?;
        }
    }
    Ok(externs.into_iter().map(|(_, ext)| ext).collect())
}

/// Adds the map that holds configuration values, if there are any.
pub(super) fn add_kconfig_map(externs: &[Extern], object: &str, btf: Option<&Btf>, maps: &mut Vec<Map>) {
    let ends = externs.iter().filter_map(|ext| match ext.kind {
        ExternKind::Kconfig { size, offset, .. } => Some(offset + size),
        _ => None,
    });
    let Some(size) = ends.max() else { return };
    let mut definition = data_definition(MapKind::Kconfig, size);
    definition.map_flags |= purebpf_sys::uapi::BPF_F_MMAPABLE;
    definition.value_type_id = btf.and_then(|btf| btf.find(".kconfig", Kind::Datasec));
    maps.push(Map {
        section: Some(".kconfig".into()),
        initial_value: Some(Vec::new()),
        ..Map::new(map_name(object, ".kconfig"), MapKind::Kconfig, definition)
    });
}

/// The variables and functions of `.ksyms` and `.kconfig` by name, each with its section's name.
fn declared_externs(btf: &Btf) -> HashMap<&[u8], (&[u8], Type<'_>)> {
    let mut declared = HashMap::new();
    for datasec in btf.own_types() {
        let section = datasec.name_bytes();
        if !matches!(section, b".ksyms" | b".kconfig") {
            continue;
        }
        if let TypeData::Datasec(list) = datasec.data() {
            for var in list.vars() {
                declared.entry(var.variable().name_bytes()).or_insert((section, var.variable()));
            }
        }
    }
    declared
}

fn ksym_kind(btf: &Btf, declaration: Type<'_>) -> Result<ExternKind, String> {
    match declaration.data() {
        TypeData::Func(func) => Ok(ExternKind::Kfunc { proto: func.proto }),
        TypeData::Var(var) => {
            let resolved = btf.resolve(var.type_id).map_err(|err| err.to_string())?;
            // `extern const void name __ksym` asks for the address alone.
            Ok(match resolved.kind() {
                Kind::Void => ExternKind::Ksym,
                _ => ExternKind::TypedKsym { type_id: resolved.id() },
            })
        }
        _ => Err(format!("is declared as {:?}, neither variable nor function", declaration.kind())),
    }
}

/// What a configuration value is (libbpf's `find_kcfg_type`), and its alignment.
fn kconfig_kind(btf: &Btf, declaration: Type<'_>) -> Result<(ExternKind, u32), String> {
    let TypeData::Var(var) = declaration.data() else {
        return Err("is a function; a configuration value is a variable".into());
    };
    let resolved = btf.resolve(var.type_id).map_err(|err| err.to_string())?;
    let value = kconfig_type(btf, resolved).ok_or("is of a type that no configuration value has")?;
    let size = btf.size_of(var.type_id).map_err(|err| err.to_string())?;
    let align = btf.align_of(var.type_id).map_err(|err| err.to_string())?;
    if size == 0 {
        return Err("has no size".into());
    }
    Ok((ExternKind::Kconfig { value, size, offset: 0 }, align))
}

fn kconfig_type(btf: &Btf, resolved: Type<'_>) -> Option<KconfigType> {
    match resolved.data() {
        TypeData::Int(int) if int.encoding.contains(IntEncoding::BOOL) => (int.size == 1).then_some(KconfigType::Bool),
        TypeData::Int(int) => {
            let signed = int.encoding.contains(IntEncoding::SIGNED);
            match int.size {
                1 => Some(KconfigType::Char { signed }),
                2 | 4 | 8 => Some(KconfigType::Int { signed }),
                _ => None,
            }
        }
        TypeData::Enum(tristate) => {
            (tristate.size == 4 && resolved.name() == Some("libbpf_tristate")).then_some(KconfigType::Tristate)
        }
        TypeData::Enum64(_) => (resolved.name() == Some("libbpf_tristate")).then_some(KconfigType::Tristate),
        TypeData::Array(array) if array.len > 0 => {
            // An array of arrays is none of them, and one of itself has no end.
            let element = btf.resolve(array.element).ok().filter(|element| element.kind() == Kind::Int)?;
            matches!(kconfig_type(btf, element), Some(KconfigType::Char { .. })).then_some(KconfigType::String)
        }
        _ => None,
    }
}
