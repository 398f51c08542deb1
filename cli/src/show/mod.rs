//! `purebpf prog|map|link|btf list|show`: what is in the kernel, in bpftool's words and, as JSON, under bpftool's keys.
//!
//! Each kind of object is a module that reads one from its descriptor and tells it in both ways. Walking ids, choosing among
//! them, and what all kinds share (who holds them, where they are pinned) is here and in the modules named for it.

mod btf;
mod device;
mod fdinfo;
mod holders;
mod link;
mod map;
mod perf_names;
mod pinned;
mod places;
mod prog;
mod wanted;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use purebpf::sys::id::ObjectKind;
use purebpf::sys::pin::{self, Access};
use serde_json::Value;

use crate::arguments::{Format, ShowArguments};
use crate::output::printable;
use crate::{Result, advised, output};
use holders::Holders;
use pinned::Pins;
use wanted::Wanted;

pub(crate) use wanted::number;

/// How a kind of object is read and told.
trait Shown: Sized {
    /// Which kind.
    const KIND: ObjectKind;
    /// What one is called in messages.
    const NAME: &'static str;
    /// What is looked up once for all objects of the kind.
    type Shared: Default;

    /// Prepares what is shared.
    fn shared() -> Result<Self::Shared> {
        Ok(Self::Shared::default())
    }

    /// What the kernel tells of the object behind a descriptor.
    fn read(fd: BorrowedFd<'_>) -> Result<Self, purebpf::sys::Error>;

    /// Whether it has this name.
    fn has_name(&self, name: &str) -> bool;

    /// Whether it has this tag.
    fn has_tag(&self, _tag: [u8; 8]) -> bool {
        false
    }

    /// Its id.
    fn id(&self) -> u32;

    /// Under bpftool's keys, in bpftool's order.
    fn json(&self, around: &Around<'_>, shared: &Self::Shared) -> Value;

    /// As bpftool prints it, with a newline at its end.
    fn text(&self, around: &Around<'_>, shared: &Self::Shared) -> String;
}

/// What stands around an object: where it is pinned (if that was asked for) and by whom it is held.
struct Around<'a> {
    pins: Option<&'a [String]>,
    holders: &'a [holders::Holder],
}

impl Around<'_> {
    /// `pinned` of bpftool's JSON.
    fn add_pins(&self, value: &mut Value) {
        if let Some(pins) = self.pins {
            value["pinned"] = pins.into();
        }
    }

    /// `pids` of bpftool's JSON, which is not there when nobody holds the object.
    fn add_holders(&self, value: &mut Value) {
        if !self.holders.is_empty() {
            value["pids"] = self.holders.iter().map(holders::Holder::json).collect();
        }
    }

    fn pins_text(&self) -> String {
        self.pins.unwrap_or_default().iter().map(|path| format!("\n\tpinned {}", printable(path))).collect()
    }

    fn holders_text(&self) -> String {
        match self.holders {
            [] => String::new(),
            holders => {
                let all: Vec<_> = holders.iter().map(holders::Holder::text).collect();
                format!("\n\tpids {}", all.join(", "))
            }
        }
    }
}

pub(crate) fn progs(arguments: &ShowArguments, format: Format) -> Result {
    show::<prog::Prog>(arguments, format)
}

pub(crate) fn maps(arguments: &ShowArguments, format: Format) -> Result {
    show::<map::Map>(arguments, format)
}

pub(crate) fn links(arguments: &ShowArguments, format: Format) -> Result {
    show::<link::Link>(arguments, format)
}

pub(crate) fn btfs(arguments: &ShowArguments, format: Format) -> Result {
    show::<btf::Btf>(arguments, format)
}

fn show<T: Shown>(arguments: &ShowArguments, format: Format) -> Result {
    let wanted = Wanted::parse(T::KIND, &arguments.which)?;
    // Before any object is opened: this process holds none that it did not open itself.
    let holders = Holders::find(T::KIND);
    let pins = arguments.bpffs.then(|| Pins::find(T::KIND));
    let shared = T::shared()?;
    let mut values = Vec::new();
    let mut text = String::new();
    let mut tell = |object: &T| {
        let around = Around { pins: pins.as_ref().map(|pins| pins.of(object.id())), holders: holders.of(object.id()) };
        match format {
            Format::Text => text.push_str(&object.text(&around, &shared)),
            Format::Json | Format::Pretty => values.push(object.json(&around, &shared)),
        }
    };
    let mut count = 0;
    match &wanted {
        Wanted::Id(id) => tell(&T::read(fd_by_id(T::KIND, *id).map_err(|err| gone::<T>(*id, err))?.as_fd())?),
        Wanted::Pinned(path) => {
            tell(&at_pin::<T>(path)?.1);
        }
        Wanted::All | Wanted::Name(_) | Wanted::Tag(_) => {
            for id in T::KIND.ids() {
                let Some((_, object)) = read_unless_gone::<T>(id.map_err(|error| advised(&error))?)? else { continue };
                if wanted.fits(&object) {
                    count += 1;
                    tell(&object);
                }
            }
            if count == 0 && !matches!(wanted, Wanted::All) {
                return Err(format!("no {} has {}", T::NAME, wanted.describe()).into());
            }
        }
    }
    let whole = match format {
        Format::Text => text,
        // As bpftool: what was asked for and is one comes by itself, a list as a list.
        _ if matches!(wanted, Wanted::All) || count > 1 => format.text(&Value::Array(values))?,
        _ => format.text(&values.pop().unwrap_or_default())?,
    };
    Ok(output::print(&whole)?)
}

/// The program that `id N`, `name NAME`, `tag TAG` or `pinned PATH` names.
pub(crate) fn prog_fd(which: &[String; 2]) -> Result<OwnedFd> {
    one::<prog::Prog>(which)
}

/// The map that `id N`, `name NAME` or `pinned PATH` names.
pub(crate) fn map_fd(which: &[String; 2]) -> Result<OwnedFd> {
    one::<map::Map>(which)
}

/// The BTF object with this id.
pub(crate) fn btf_fd(id: u32) -> Result<OwnedFd> {
    Ok(fd_by_id(ObjectKind::Btf, id).map_err(|error| gone::<btf::Btf>(id, error))?)
}

/// The one object that two words name.
fn one<T: Shown>(which: &[String; 2]) -> Result<OwnedFd> {
    let wanted = Wanted::parse(T::KIND, which)?;
    let mut found: Vec<(OwnedFd, T)> = Vec::new();
    match &wanted {
        Wanted::Id(id) => return Ok(fd_by_id(T::KIND, *id).map_err(|error| gone::<T>(*id, error))?),
        Wanted::Pinned(path) => return Ok(at_pin::<T>(path)?.0),
        Wanted::All | Wanted::Name(_) | Wanted::Tag(_) => {
            for id in T::KIND.ids() {
                let object = read_unless_gone::<T>(id.map_err(|error| advised(&error))?)?;
                found.extend(object.filter(|(_, object)| wanted.fits(object)));
            }
        }
    }
    let ids: Vec<_> = found.iter().map(|(_, object)| object.id().to_string()).collect();
    match found.pop() {
        None => Err(format!("no {} has {}", T::NAME, wanted.describe()).into()),
        Some(_) if !found.is_empty() => {
            let ids = ids.join(", ");
            Err(format!("more than one {} has {}: choose one by id, of {ids}", T::NAME, wanted.describe()).into())
        }
        Some((fd, _)) => Ok(fd),
    }
}

/// The object that is pinned at a path.
fn at_pin<T: Shown>(path: &Path) -> Result<(OwnedFd, T)> {
    let fd = pin::obj_get(path, Access::ReadWrite).or_else(|_| pin::obj_get(path, Access::ReadOnly));
    let fd = fd.map_err(|err| format!("{}: {err}", path.display()))?;
    // A descriptor of another kind is refused when it is read.
    let object = T::read(fd.as_fd()).map_err(|err| format!("{}: {err}", path.display()))?;
    Ok((fd, object))
}

/// The object with this id, or nothing if it went away since its id was told.
fn read_unless_gone<T: Shown>(id: u32) -> Result<Option<(OwnedFd, T)>> {
    match fd_by_id(T::KIND, id) {
        // What is open stays.
        Ok(fd) => {
            let object = T::read(fd.as_fd()).map_err(|err| format!("{} {id}: {err}", T::NAME))?;
            Ok(Some((fd, object)))
        }
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(format!("{} {id}: {}", T::NAME, advised(&error)).into()),
    }
}

/// `ENOENT` says that there is no such id (any more).
fn is_gone(error: &purebpf::sys::Error) -> bool {
    error.errno() == rustix::io::Errno::NOENT.raw_os_error()
}

fn gone<T: Shown>(id: u32, error: purebpf::sys::Error) -> String {
    match is_gone(&error) {
        true => format!("there is no {} with id {id}", T::NAME),
        false => format!("{} {id}: {}", T::NAME, advised(&error)),
    }
}

/// Looking takes no right to write.
fn fd_by_id(kind: ObjectKind, id: u32) -> Result<OwnedFd, purebpf::sys::Error> {
    let access = if kind == ObjectKind::Map { Access::ReadOnly } else { Access::ReadWrite };
    kind.fd_by_id_with(id, access, None)
}
