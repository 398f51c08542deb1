//! `purebpf btf dump|layout|diff|dedup`: what types a BTF has, where their members lie, and what two kernels have otherwise.
//!
//! What is found out (a layout, a difference) stands in modules that know neither the command line nor standard output; the
//! modules named for the commands print it.

mod declaration;
mod dedup;
mod diff;
mod dump;
mod layout;
mod source;

use std::path::Path;

#[cfg(test)]
use purebpf::btf::Kind;
use purebpf::btf::builder::Builder;
use purebpf::btf::{Btf, Error};
use purebpf::kernel;

use crate::Result;

pub(crate) use dedup::run as dedup;
pub(crate) use diff::{Class, run as diff};
pub(crate) use dump::run as dump;
pub(crate) use layout::run as layout;

/// The BTF in a file, raw or of an ELF file, over its base if one was given.
fn file(path: &Path, base: Option<&Btf>) -> Result<Btf> {
    let bytes = kernel::btf_bytes(path)?;
    let parsed = match base {
        Some(base) => Btf::parse_split(bytes, base),
        None => Btf::parse(bytes),
    };
    parsed.map_err(|error| format!("{}: {error}{}", path.display(), base_advice(error, base.is_some())).into())
}

/// The BTF of several files as one over their base, each type once.
fn merged(paths: &[&Path], base: Option<&Btf>) -> Result<Btf> {
    let all = appended(paths, base)?;
    let deduped = dedup::deduplicate(&all)?;
    Ok(match base {
        Some(base) => Btf::parse_split(deduped.btf, base)?,
        None => Btf::parse(deduped.btf)?,
    })
}

/// The BTF of several files, one after the other.
fn appended(paths: &[&Path], base: Option<&Btf>) -> Result<Btf> {
    let mut all = base.map_or_else(Builder::new, Builder::split);
    for (n, path) in paths.iter().enumerate() {
        let one = file(path, base)?;
        if n == 0 && base.is_none() {
            all.set_endian(one.endian());
        }
        all.append(&one).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(match base {
        Some(base) => Btf::parse_split(all.finish(), base)?,
        None => Btf::parse(all.finish())?,
    })
}

/// The file that `--base-btf` names, which is whole and split over nothing.
fn base_file(path: Option<&Path>) -> Result<Option<Btf>> {
    path.map(|path| file(path, None)).transpose()
}

/// A module's BTF does not parse by itself: its strings and ids go on from its kernel's.
fn base_advice(error: Error, has_base: bool) -> &'static str {
    match error {
        Error::BadStringSection | Error::DanglingTypeId { .. } | Error::DanglingString { .. } if has_base => {
            "; is it split over another base than the one of --base-btf?"
        }
        Error::BadStringSection | Error::DanglingTypeId { .. } | Error::DanglingString { .. } => {
            "; if it is split, as modules' BTF is, name its base with --base-btf"
        }
        _ => "",
    }
}

/// All that is said of types, of some of them, and of what they have otherwise than others.
#[cfg(test)]
pub(crate) fn exercise(whole: &Btf, types: &Btf, turn: usize) {
    let have_members = types.types().filter(|this| matches!(this.kind(), Kind::Struct | Kind::Union | Kind::Typedef));
    for (n, this) in have_members.enumerate().filter(|(n, _)| n % 8 == turn % 8) {
        layout::exercise(types, this.id(), n / 8 % 2 == 0);
    }
    match turn % 2 {
        0 => diff::exercise(whole, types),
        _ => diff::exercise(types, whole),
    }
}
