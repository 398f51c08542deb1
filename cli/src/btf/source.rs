//! Whose types are dumped: bpftool's `id N`, `map …`, `prog …`, `file FILE`, and what follows them.

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use purebpf::btf::{Btf, TypeId};
use purebpf::kernel;
use purebpf::sys::info;

use super::{base_advice, file, merged};
use crate::words::Words;
use crate::{Result, Usage, advised, show};

/// Where the kernel keeps its own BTF and that of its modules.
const BTF_FOLDER: &str = "/sys/kernel/btf";

/// The words after `dump`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) source: Source,
    pub(super) format: Format,
    pub(super) sorted: bool,
    /// `root_id`, each once.
    pub(super) roots: Vec<u32>,
}

/// What to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Raw,
    C,
    Rust,
}

/// Whose types.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    Id(u32),
    Map {
        which: [String; 2],
        part: MapPart,
    },
    Prog {
        which: [String; 2],
    },
    /// One, or several to be merged.
    Files(Vec<PathBuf>),
}

/// Which types of a map's BTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MapPart {
    Key,
    Value,
    KeyAndValue,
    All,
}

const SOURCES: &str =
    "expected 'id N', 'map id N|name NAME|pinned PATH', 'prog id N|tag TAG|name NAME|pinned PATH' or 'file FILE'";
const OPTIONS: &str =
    "expected 'format raw', 'format c', 'format rust', 'unsorted' or 'root_id N' after the source of types";

impl Request {
    /// bpftool's grammar (`do_dump` of its btf.c).
    pub(super) fn parse(words: &[OsString]) -> Result<Request, Usage> {
        let mut words = Words::new(words);
        let source = match words.keyword() {
            Some("id") => {
                let id = words.text("expected a number after 'id'")?;
                Source::Id(show::number(&id).ok_or(Usage("an id is a number"))?)
            }
            Some("map") => {
                let which = [words.text(SOURCES)?, words.text(SOURCES)?];
                let part = match words.take_if(|word| matches!(word, "key" | "value" | "kv" | "all")) {
                    Some("key") => MapPart::Key,
                    Some("value") => MapPart::Value,
                    Some("all") => MapPart::All,
                    _ => MapPart::KeyAndValue,
                };
                Source::Map { which, part }
            }
            Some("prog") => Source::Prog { which: [words.text(SOURCES)?, words.text(SOURCES)?] },
            Some("file") => {
                let mut files = Vec::new();
                loop {
                    files.push(words.value("expected a path after 'file'")?.into());
                    if words.take_if(|word| word == "file").is_none() {
                        break Source::Files(files);
                    }
                }
            }
            _ => return Err(Usage(SOURCES)),
        };
        let mut request = Request { source, format: Format::Raw, sorted: true, roots: Vec::new() };
        while let Some(word) = words.keyword() {
            match word {
                "format" => {
                    request.format = match words.keyword() {
                        Some("raw") => Format::Raw,
                        Some("c") => Format::C,
                        Some("rust") => Format::Rust,
                        _ => return Err(Usage("expected 'raw', 'c' or 'rust' after 'format'")),
                    }
                }
                "unsorted" => request.sorted = false,
                "root_id" => request.add_root(&words.text("expected a number after 'root_id'")?)?,
                _ => return Err(Usage(OPTIONS)),
            }
        }
        Ok(request)
    }

    fn add_root(&mut self, text: &str) -> Result<(), Usage> {
        if matches!(self.source, Source::Map { part: MapPart::Key | MapPart::Value | MapPart::KeyAndValue, .. }) {
            return Err(Usage("the types of a map's key and value are roots already: 'all' before 'root_id'"));
        }
        let id = show::number(text).ok_or(Usage("a root_id is a number"))?;
        if self.roots.contains(&id) {
            return Err(Usage("a root_id is given twice"));
        }
        self.roots.push(id);
        Ok(())
    }
}

/// Types, and which of them; all where there are no roots.
pub(super) struct Types {
    pub(super) btf: Btf,
    pub(super) roots: Vec<TypeId>,
}

impl Request {
    /// Finds the types. `base` is that of `--base-btf`.
    pub(super) fn open(&self, base: Option<Btf>) -> Result<Types> {
        let mut roots: Vec<TypeId> = self.roots.iter().map(|id| TypeId(*id)).collect();
        let btf = match &self.source {
            Source::Id(id) => by_id(*id, base)?,
            Source::Map { which, part } => {
                let info = info::map_info(show::map_fd(which)?.as_fd())?;
                let (key, value) = (TypeId(info.btf_key_type_id), TypeId(info.btf_value_type_id));
                match part {
                    MapPart::Key => roots.push(key),
                    MapPart::Value => roots.push(value),
                    MapPart::KeyAndValue => roots.extend([key, value]),
                    MapPart::All => {}
                }
                if info.btf_id == 0 {
                    return Err(format!("map {} ('{}') has no BTF", info.id, info.name).into());
                }
                by_id(info.btf_id, base)?
            }
            Source::Prog { which } => {
                let info = info::prog_info(show::prog_fd(which)?.as_fd())?;
                if info.btf_id == 0 {
                    return Err(format!("program {} ('{}') has no BTF", info.id, info.name).into());
                }
                by_id(info.btf_id, base)?
            }
            Source::Files(paths) => files(paths, base)?,
        };
        // Before anything is written.
        match roots.iter().find(|id| id.0 >= btf.type_count()) {
            Some(id) => {
                Err(format!("there is no type {id}: ids go up to {}", btf.type_count().saturating_sub(1)).into())
            }
            None => Ok(Types { btf, roots }),
        }
    }
}

/// The BTF of a file, or of several merged. As in bpftool, one of the kernel's own folder has the running kernel for its base, and
/// that kernel's own file among several adds nothing.
fn files(paths: &[PathBuf], base: Option<Btf>) -> Result<Btf> {
    let base = match base {
        None if paths.iter().any(|path| is_module(path)) => Some(running_vmlinux()?),
        base => base,
    };
    let several: Vec<_> = paths.iter().map(PathBuf::as_path).filter(|path| !is_vmlinux(path)).collect();
    match (&several[..], &base) {
        ([], _) => file(&Path::new(BTF_FOLDER).join("vmlinux"), base.as_ref()),
        ([path], _) => file(path, base.as_ref()),
        (_, None) => Err("several files are merged over a base that they share: name it with --base-btf".into()),
        (several, Some(_)) => merged(several, base.as_ref()),
    }
}

/// A BTF object of the kernel; a module's over the kernel's own, unless another base was given.
fn by_id(id: u32, base: Option<Btf>) -> Result<Btf> {
    let fd = show::btf_fd(id)?;
    let of = |error: purebpf::sys::Error| format!("BTF object {id}: {}", advised(&error));
    let about = info::btf_info(fd.as_fd()).map_err(of)?;
    let base = match base {
        None if about.kernel_btf && about.name != "vmlinux" => Some(running_vmlinux()?),
        base => base,
    };
    let bytes = info::btf_data(fd.as_fd()).map_err(of)?;
    let parsed = match &base {
        Some(base) => Btf::parse_split(bytes, base),
        None => Btf::parse(bytes),
    };
    parsed.map_err(|error| format!("BTF object {id}: {error}{}", base_advice(error, base.is_some())).into())
}

fn running_vmlinux() -> Result<Btf> {
    Ok(kernel::running_kernel_btf()?.vmlinux().clone())
}

/// Whether a file is where the kernel keeps the BTF of its modules.
fn is_module(path: &Path) -> bool {
    let path = path.canonicalize();
    path.is_ok_and(|path| path.parent() == Some(Path::new(BTF_FOLDER)) && !path.ends_with("vmlinux"))
}

/// Whether a file is the running kernel's own.
fn is_vmlinux(path: &Path) -> bool {
    path.canonicalize().is_ok_and(|path| path == Path::new(BTF_FOLDER).join("vmlinux"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Request, String> {
        let words: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        Request::parse(&words).map_err(|usage| usage.0.to_owned())
    }

    fn request(source: Source) -> Request {
        Request { source, format: Format::Raw, sorted: true, roots: Vec::new() }
    }

    /// bpftool-btf(8): `btf dump BTF_SRC [format FORMAT] [root_id ROOT_ID]`.
    #[test]
    fn the_grammar_is_bpftools() {
        assert_eq!(parse("id 0x11"), Ok(request(Source::Id(17))));
        let which = ["name".to_owned(), "events".to_owned()];
        for (word, part) in [
            ("", MapPart::KeyAndValue),
            ("kv", MapPart::KeyAndValue),
            ("key", MapPart::Key),
            ("value", MapPart::Value),
            ("all", MapPart::All),
        ] {
            let expected = request(Source::Map { which: which.clone(), part });
            assert_eq!(parse(&format!("map name events {word}")), Ok(expected));
        }
        let which = ["tag".to_owned(), "d5479b8a16ff5497".to_owned()];
        assert_eq!(parse("prog tag d5479b8a16ff5497"), Ok(request(Source::Prog { which })));
        let file = || request(Source::Files(vec!["f".into()]));
        assert_eq!(parse("file f format c unsorted"), Ok(Request { format: Format::C, sorted: false, ..file() }));
        assert_eq!(parse("file f format rust"), Ok(Request { format: Format::Rust, ..file() }));
        assert_eq!(parse("file f file g"), Ok(request(Source::Files(vec!["f".into(), "g".into()]))));
        assert_eq!(parse("file f root_id 3 format raw root_id 1"), Ok(Request { roots: vec![3, 1], ..file() }));
    }

    #[test]
    fn what_makes_no_sense() {
        for words in [
            "",
            "id",
            "id x",
            "map events",
            "prog id",
            "file",
            "file f format",
            "file f format pascal",
            "file f c",
            "file f root_id",
            "file f root_id x",
            "file f root_id 1 root_id 1",
            "map id 3 key root_id 1",
            "map id 3 root_id 1",
        ] {
            assert!(parse(words).is_err(), "'{words}'");
        }
        assert!(parse("map id 3 all root_id 1").is_ok());
    }
}
