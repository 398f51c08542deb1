//! Which type the records of a map have.
//!
//! Nothing says so: a ring buffer takes bytes. Unless the user does (`--event-type`), it is guessed from the object's types and the
//! records' lengths, and only when one type is left:
//!
//! 1. Candidates are the structs with a name in the object's BTF (and in the types given besides) that are the object's own: none that
//!    its CO-RE relocations name, none of a name that the kernel's BTF knows, for those came with vmlinux.h, and none that declares a map.
//! 2. One fits a record when its size is the record's length; for perf buffers, whose records are padded, when it is after padding.
//!    Up to eight bytes may as well be a number, so that a struct must be called an event there.
//! 3. Of several that fit, one that is called an event (`event`, `exec_event`, `event_t`) wins over those that are not.
//! 4. If none fits: programs send only the used part of an array at the end, or a flexible one, with its event. Then a struct that is
//!    called an event, and of which the record holds everything before that array, is taken if it is the only one.
//!
//! Clang keeps a struct in BTF only if something outside of functions refers to it. If nothing fits, the hint says how to
//! see to that.

use std::collections::{HashMap, HashSet};

use purebpf::btf::{Btf, Kind, Type, TypeData, TypeId};
use purebpf::elf_loader::object::Object;

use crate::{Result, Usage};

/// What was said with `--event-type`: of one map, or of all.
#[derive(Clone, Debug)]
pub(crate) struct EventType {
    /// Of which map; all when there is none.
    map: Option<String>,
    name: String,
}

impl EventType {
    /// `[MAP=]NAME`, for the command line.
    pub(crate) fn parse(text: &str) -> Result<EventType, String> {
        let (map, name) = match text.split_once('=') {
            Some((map, name)) => (Some(map.to_owned()), name),
            None => (None, text),
        };
        // As C spells it.
        let name = ["struct ", "union ", "enum "].iter().find_map(|keyword| name.strip_prefix(keyword)).unwrap_or(name);
        match name.is_empty() || map.as_deref() == Some("") {
            true => Err("expected NAME or MAP=NAME".to_owned()),
            false => Ok(EventType { map, name: name.to_owned() }),
        }
    }
}

/// How a map's records may be longer than what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Padding {
    /// Ring buffers tell the length that was sent.
    None,
    /// Perf buffers: rounded up, with the 4 bytes before the record, to 8 (`perf_prepare_sample`).
    Perf,
}

impl Padding {
    fn record_len(self, sent: usize) -> usize {
        match self {
            Padding::None => sent,
            Padding::Perf => (sent + 4).next_multiple_of(8) - 4,
        }
    }
}

/// A type that records may have.
#[derive(Clone, Copy)]
pub(super) struct Choice<'a> {
    pub(super) btf: &'a Btf,
    pub(super) id: TypeId,
}

impl Choice<'_> {
    pub(super) fn name(&self) -> String {
        let name = self.btf.type_by_id(self.id).map(|ty| String::from_utf8_lossy(ty.name_bytes()).into_owned());
        name.unwrap_or_default()
    }
}

/// Why there is none.
pub(super) enum Unknown {
    /// Several fit: their names.
    Ambiguous(Vec<String>),
    /// None fits; the own structs of the object, with their sizes.
    NoneFits(Vec<(String, u32)>),
}

#[derive(Clone)]
struct Candidate<'a> {
    choice: Choice<'a>,
    name: String,
    /// A struct, or a typedef of one without a name.
    kind: Kind,
    size: u32,
    /// Where the array at its end begins, if there is one that may be cut short; and whether it may go on.
    tail: Option<(u32, bool)>,
}

impl Candidate<'_> {
    /// Whether its name says that it is an event.
    fn is_event(&self) -> bool {
        self.name.split('_').any(|word| matches!(word, "event" | "events" | "evt" | "ev"))
    }

    fn fits(&self, len: usize, padding: Padding) -> bool {
        padding.record_len(self.size as usize) == len && (self.size > 8 || self.is_event())
    }

    fn fits_cut(&self, len: usize, padding: Padding) -> bool {
        let Some((start, flexible)) = self.tail else { return false };
        let most = if flexible { usize::MAX } else { padding.record_len(self.size as usize) };
        self.is_event() && (start as usize..=most).contains(&len)
    }
}

/// The types that records may have.
pub(super) struct EventTypes<'a> {
    sources: Vec<&'a Btf>,
    candidates: Vec<Candidate<'a>>,
    /// What the user said, by map; under `None` for all.
    given: HashMap<Option<String>, Choice<'a>>,
}

impl<'a> EventTypes<'a> {
    /// Of an object, of `besides` (types that the user gives), and of what the user says. `kernel` tells which are not the object's
    /// own; it is asked for only when there are any.
    pub(super) fn new(
        object: &'a Object,
        besides: Option<&'a Btf>,
        given: &[EventType],
        kernel: impl FnOnce() -> Option<Btf>,
    ) -> Result<EventTypes<'a>> {
        let mut types = EventTypes {
            sources: besides.into_iter().chain(object.btf.as_ref()).collect(),
            candidates: Vec::new(),
            given: HashMap::new(),
        };
        for event_type in given {
            if let Some(map) = &event_type.map {
                if !object.maps.iter().any(|known| known.name == *map) {
                    return Err(format!("--event-type: the object has no map '{map}'").into());
                }
            }
            let choice = types.find(&event_type.name)?;
            if types.given.insert(event_type.map.clone(), choice).is_some() {
                return Err(Usage("--event-type is given twice for the same map").into());
            }
        }
        let besides = besides.into_iter().flat_map(|btf| candidates(btf, &HashSet::new()));
        let own = object.btf.iter().flat_map(|btf| candidates(btf, &relocated(object)));
        let mut own: Vec<_> = own.collect();
        if !own.is_empty() {
            if let Some(kernel) = kernel() {
                own.retain(|candidate| kernel.find(&candidate.name, candidate.kind).is_none());
            }
        }
        types.candidates = besides.chain(own).collect();
        Ok(types)
    }

    /// The type of a name, as the user spells it.
    fn find(&self, name: &str) -> Result<Choice<'a>> {
        const KINDS: [Kind; 7] =
            [Kind::Struct, Kind::Typedef, Kind::Union, Kind::Enum, Kind::Enum64, Kind::Int, Kind::Float];
        for btf in &self.sources {
            let found = KINDS.iter().find_map(|kind| btf.find(name, *kind));
            if let Some(id) = found.filter(|id| btf.size_of(*id).is_ok()) {
                return Ok(Choice { btf, id });
            }
        }
        Err(format!("--event-type: the object's BTF has no type '{name}'; {}", HOW_TO_KEEP).into())
    }

    /// The type of a map's record of `len` bytes.
    pub(super) fn of(&self, map: &str, len: usize, padding: Padding) -> Result<Choice<'a>, Unknown> {
        let given = self.given.get(&Some(map.to_owned())).or_else(|| self.given.get(&None));
        if let Some(choice) = given {
            return Ok(*choice);
        }
        let fitting: Vec<_> = self.candidates.iter().filter(|candidate| candidate.fits(len, padding)).collect();
        let called: Vec<_> = fitting.iter().copied().filter(|candidate| candidate.is_event()).collect();
        let cut = || self.candidates.iter().filter(|candidate| candidate.fits_cut(len, padding)).collect::<Vec<_>>();
        let left = match (fitting.len(), called.len()) {
            (0, _) => cut(),
            (1, _) | (_, 0) => fitting,
            _ => called,
        };
        match left.as_slice() {
            [one] => Ok(one.choice),
            [] => Err(Unknown::NoneFits(self.candidates.iter().map(|c| (c.name.clone(), c.size)).collect())),
            several => Err(Unknown::Ambiguous(several.iter().map(|candidate| candidate.name.clone()).collect())),
        }
    }
}

/// What to do for a type to be in an object's BTF.
const HOW_TO_KEEP: &str = "clang keeps a type there if something outside of functions refers to it, such as \
                           'const struct NAME *unused __attribute__((unused));', or types come from another file with --types";

impl Unknown {
    /// Why the records of a map are not decoded, and what to do.
    pub(super) fn hint(&self, map: &str, len: usize) -> String {
        let what = format!("map '{map}': records of {len} bytes are not decoded");
        match self {
            Unknown::Ambiguous(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
                format!("{what}: they may be {}; say which with --event-type", names.join(" or "))
            }
            Unknown::NoneFits(structs) if structs.is_empty() => {
                format!("{what}: the object's BTF has no struct of its own; {HOW_TO_KEEP}")
            }
            Unknown::NoneFits(structs) => {
                let mut names: Vec<_> = structs.iter().map(|(name, size)| format!("'{name}' ({size})")).collect();
                let more = names.len().saturating_sub(8);
                names.truncate(8);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                format!("{what}: no struct has that size among {}{more}; {HOW_TO_KEEP}", names.join(", "))
            }
        }
    }
}

/// The types that CO-RE relocations are about: the kernel's, as the object saw them.
fn relocated(object: &Object) -> HashSet<TypeId> {
    let Some(ext) = &object.btf_ext else { return HashSet::new() };
    ext.core_relocations().flat_map(|section| section.records()).map(|record| record.type_id).collect()
}

/// The structs with a name and a size, and typedefs of structs without a name.
fn candidates<'a>(btf: &'a Btf, not: &HashSet<TypeId>) -> Vec<Candidate<'a>> {
    let mut found = Vec::new();
    for ty in btf.own_types() {
        let Some(name) = ty.name().filter(|_| !not.contains(&ty.id())) else { continue };
        let Some(composite) = as_struct(btf, &ty) else { continue };
        let TypeData::Struct(data) = composite.data() else { continue };
        if data.size > 0 && !defines_map(btf, &composite) {
            let choice = Choice { btf, id: ty.id() };
            let (size, tail) = (data.size, tail(btf, &composite));
            found.push(Candidate { choice, name: name.to_owned(), kind: ty.kind(), size, tail });
        }
    }
    found
}

fn as_struct<'a>(btf: &'a Btf, ty: &Type<'a>) -> Option<Type<'a>> {
    match ty.data() {
        TypeData::Struct(_) => Some(*ty),
        TypeData::Typedef(target) => {
            let target = btf.type_by_id(target).ok()?;
            (target.kind() == Kind::Struct && target.name_bytes().is_empty()).then_some(target)
        }
        _ => None,
    }
}

/// Whether a struct says what a map is like, with members such as `int (*type)[BPF_MAP_TYPE_HASH]`.
fn defines_map(btf: &Btf, composite: &Type<'_>) -> bool {
    let is_number = |id: TypeId| match btf.resolve(id).map(|ty| ty.data()) {
        Ok(TypeData::Ptr(target)) => btf.resolve(target).is_ok_and(|target| target.kind() == Kind::Array),
        _ => false,
    };
    composite.members().into_iter().flatten().any(|member| member.name() == Some("type") && is_number(member.type_id))
}

/// Where the array at a struct's end begins, and whether it is flexible.
fn tail(btf: &Btf, composite: &Type<'_>) -> Option<(u32, bool)> {
    let last = composite.members()?.next_back()?;
    match btf.resolve(last.type_id).ok()?.data() {
        TypeData::Array(array) => Some((last.bit_offset / 8, array.len == 0)),
        _ => None,
    }
}
