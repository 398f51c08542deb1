//! Deduplication: from the types of many compilation units to one of each.
//!
//! What a linker or pahole gathers holds `struct list_head` as many times as there are source files. [`dedup`] keeps one
//! of each and makes everything refer to it; strings likewise. Forward declarations give way to what they declare. The
//! result is libbpf's, byte for byte, down to which of several possible choices is made.
//!
//! The steps, each of which relies on those before:
//!
//! 1. Strings (`names`): each name gets the place it will have; from here on, names are equal if their places are.
//! 2. Types that refer to none (`primitive`): integers, floats, enums, forward declarations are equal if their records are.
//!    Enums without enumerators are declarations of those that have them.
//! 3. Structs, unions and typedefs (`composite`, `graph`): two are equal if their records are, and if walking through both
//!    side by side finds nothing that differs. Cycles are met by assuming what is being shown. One that is found equal
//!    takes the structs it refers to along, and declarations on either side learn what they declare.
//! 4. Declarations that no walk met (`forward`) take the only definition of their name, if there is only one.
//! 5. What is left refers (`reference`): pointers, modifiers, arrays, prototypes, functions, tags are equal if their records
//!    are, once what they refer to has been replaced by the one that stays.
//! 6. What stays moves together, and every id is replaced (`emit`).
//!
//! Variables and data sections stay as they are. Types of a base stay, too: split BTF loses what its base has.
//!
//! The walks are loops over a stack of their own. A BTF made to be slow, with many types that are alike but for something far
//! off, ends in [`Error::DedupTooLarge`].

mod composite;
mod emit;
mod forward;
mod graph;
mod names;
mod primitive;
mod reference;
mod table;

use alloc::vec;
use alloc::vec::Vec;

use self::graph::Frame;
use self::names::Names;
use self::primitive::Enums;
use self::table::{Cursor, Table};
use crate::ext::BtfExt;
use crate::records::{Record, Records};
use crate::{Btf, Error, Kind, TypeId};

/// What [`dedup`] gives.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Deduped {
    /// The BTF.
    pub btf: Vec<u8>,
    /// The `.BTF.ext`, its ids and names adjusted, if there was one.
    pub ext: Option<Vec<u8>>,
    /// What became of each type, by its old id.
    ids: Vec<u32>,
}

impl Deduped {
    /// The id that a type has now; another's, if it was a copy. `None` for ids that were none.
    pub fn new_id(&self, old: TypeId) -> Option<TypeId> {
        self.ids.get(old.0 as usize).map(|&id| TypeId(id))
    }
}

/// Removes what is there twice. Of split BTF its own part is given, over the same base; the `.BTF.ext`, if there is one, must be that
/// of this BTF.
///
/// ```
/// use purebpf_btf::{Btf, IntEncoding, Kind, builder::Builder, dedup::dedup};
///
/// let mut two_units = Builder::new();
/// for _ in 0..2 {
///     let int = two_units.add_int("int", 4, IntEncoding::SIGNED)?;
///     two_units.add_reference(Kind::Ptr, int)?;
/// }
/// let two_units = Btf::parse(two_units.finish())?;
///
/// let result = dedup(&two_units, None)?;
/// let one = Btf::parse(result.btf.clone())?;
/// assert_eq!(one.own_types().len(), 2);
/// assert_eq!(result.new_id(purebpf_btf::TypeId(4)), Some(purebpf_btf::TypeId(2)));
/// # Ok::<(), purebpf_btf::Error>(())
/// ```
///
/// # Errors
/// When a type is of an unknown kind, when a walk meets what cannot be part of a type (a variable within a struct), when a type
/// refers to itself in a way that C cannot say, or when the walks come to no end within reason.
#[doc(alias = "btf__dedup")]
pub fn dedup(btf: &Btf, ext: Option<&BtfExt>) -> Result<Deduped, Error> {
    let mut dedup = Dedup::new(btf, ext)?;
    dedup.enter_base()?;
    dedup.primitives()?;
    dedup.composites()?;
    dedup.forwards()?;
    dedup.references()?;
    dedup.table = Table::default();
    dedup.emit(btf, ext)
}

/// No type yet.
const UNKNOWN: u32 = u32::MAX;
/// A type whose references are being looked at.
const IN_PROGRESS: u32 = u32::MAX - 1;

/// Whether an entry of one of the maps is a type. Ids end at `i32::MAX`.
#[inline]
fn is_id(entry: u32) -> bool {
    entry <= i32::MAX as u32
}

/// The state of a run.
struct Dedup<'a> {
    records: Records<'a>,
    names: Names,
    /// Whether names are equal if, and only if, they are so as they stand.
    has_plain_names: bool,
    /// For each type the one it gives way to, itself if it stays, or [`UNKNOWN`]. The chains end: an entry is only ever made to
    /// point to the end of another chain, or to a type that stays.
    map: Vec<u32>,
    /// The types that stay, by what is hashed of them.
    table: Table,
    enums: Enums,
    /// While two types are compared: for each type of the one that stays, the other's that is assumed to be its equal.
    assumed: Vec<u32>,
    /// Which entries of `assumed` are set, in the order in which they were.
    assumptions: Vec<u32>,
    /// Whether the two are equal only if a declaration in the base gave way to a definition outside it, which it cannot.
    needs_change_of_base: bool,
    /// The walk's stack.
    frames: Vec<Frame<'a>>,
    steps: Steps,
}

/// What a run may take: comparisons, over all walks. Of five kernels poured into one it takes two a type.
struct Steps {
    left: u64,
}

impl Steps {
    const LEAST: u64 = 1 << 22;
    const PER_TYPE: u64 = 1 << 8;

    fn new(types: u32) -> Steps {
        Steps { left: Self::LEAST + u64::from(types) * Self::PER_TYPE }
    }

    /// The next type of a key. What has another key and is passed over counts, too.
    #[inline]
    fn next_of(&mut self, table: &Table, cursor: &mut Cursor) -> Result<Option<u32>, Error> {
        while let Some(entry) = table.next(cursor) {
            self.take()?;
            if entry.is_some() {
                return Ok(entry);
            }
        }
        Ok(None)
    }

    #[inline]
    fn take(&mut self) -> Result<(), Error> {
        self.left = self.left.checked_sub(1).ok_or(Error::DedupTooLarge)?;
        Ok(())
    }
}

impl<'a> Dedup<'a> {
    fn new(btf: &'a Btf, ext: Option<&BtfExt>) -> Result<Dedup<'a>, Error> {
        let records = btf.records();
        let count = records.count();
        let names = Names::new(btf, ext)?;
        Ok(Dedup {
            records,
            has_plain_names: names.are_distinct(),
            names,
            map: vec![UNKNOWN; count as usize],
            table: Table::default(),
            enums: Enums::default(),
            assumed: vec![UNKNOWN; count as usize],
            assumptions: Vec::new(),
            needs_change_of_base: false,
            frames: Vec::new(),
            steps: Steps::new(count),
        })
    }

    /// Enters what never changes: `void`, the types of a base, and variables and data sections.
    fn enter_base(&mut self) -> Result<(), Error> {
        if let Some(void) = self.map.first_mut() {
            *void = 0;
        }
        for id in 1..self.records.first_id {
            let record = self.records.get(id);
            self.map[id as usize] = id;
            let key = match kind_of(id, record)? {
                Kind::Var | Kind::Datasec => continue,
                Kind::Int | Kind::Float | Kind::Fwd => self.whole_key(id, record),
                Kind::Enum | Kind::Enum64 => {
                    self.enter_enum(id, record);
                    continue;
                }
                Kind::Struct | Kind::Union => self.composite_key(id, record),
                Kind::Typedef => self.typedef_key(id, record),
                _ => self.reference_key(id, record),
            };
            self.table.add(key, id);
        }
        for id in self.records.own() {
            if matches!(kind_of(id, self.records.get(id))?, Kind::Var | Kind::Datasec) {
                self.map[id as usize] = id;
            }
        }
        Ok(())
    }

    /// What tells a type's name from others.
    #[inline]
    fn name(&self, id: u32, name: u32) -> u32 {
        if id < self.records.first_id { name } else { self.names.identity(name) }
    }

    /// What tells the name of an item of a type's list from others.
    #[inline]
    fn item_name(&self, id: u32, record: Record<'_>, item: &[u8]) -> u32 {
        self.name(id, record.item_word(item, 0))
    }

    /// The type that this one gives way to in the end, as far as is known; itself, if nothing is.
    #[inline]
    fn resolve(&self, mut id: u32) -> u32 {
        loop {
            match self.map.get(id as usize) {
                Some(&next) if is_id(next) && next != id => id = next,
                _ => return id,
            }
        }
    }

    /// The next of the types that stay that may be equal to one.
    #[inline]
    fn candidate(&mut self, cursor: &mut Cursor) -> Result<Option<u32>, Error> {
        self.steps.next_of(&self.table, cursor)
    }

    #[inline]
    fn is_mapped(&self, id: u32) -> bool {
        self.map.get(id as usize).is_some_and(|&entry| is_id(entry))
    }
}

/// The kind of a record.
#[inline]
fn kind_of(id: u32, record: Record<'_>) -> Result<Kind, Error> {
    let number = record.info().kind();
    Kind::from_number(number).ok_or(Error::UnknownKind { id: TypeId(id), kind: number })
}

/// A hash in the making: quick, and not to be relied on.
#[derive(Clone, Copy)]
struct Key(u64);

impl Key {
    #[inline]
    fn new(word: u32) -> Key {
        Key(0).with(word)
    }

    /// As much of it as is kept.
    #[inline]
    fn folded(self) -> u32 {
        (self.0 >> 32) as u32 ^ self.0 as u32
    }

    #[inline]
    fn with(self, word: u32) -> Key {
        Key((self.0.rotate_left(5) ^ u64::from(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}
