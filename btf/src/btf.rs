//! [`Btf`]: a parsed BTF, whole or split over a base, and the questions it answers.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::header::Header;
use crate::index::{NameIndex, Names, Place};
use crate::once::Once;
use crate::owner::Owner;
use crate::raw::{self, Endian};
use crate::records::Records;
use crate::scan::{Scan, Scanned};
use crate::shapes;
use crate::tags::TagIndex;
use crate::types::{Kind, Type, TypeData};
use crate::{Error, StrOffset, TypeId, strings};

/// How many references are followed from one type before the chain counts as a cycle; the limit
/// that libbpf and the kernel (`MAX_RESOLVE_DEPTH`) have.
const MAX_RESOLVE_DEPTH: u32 = 32;

/// How many members an alignment may depend on, nested ones counted each time they are met. Honest
/// structs stay far below; a few dozen that nest in one another could otherwise ask for 2^32 visits.
const MAX_ALIGN_STEPS: u32 = 1 << 16;

/// The name of type 0, which stands in no BTF.
const VOID_NAME: &[u8] = b"void";

/// A parsed BTF. Cheap to clone (clones share everything), `Send` and `Sync`.
///
/// Split BTF, such as a kernel module's, is parsed over its base; ids and string offsets go on from
/// the base's, and every method answers for both together.
#[derive(Clone)]
#[doc(alias = "btf")]
pub struct Btf {
    inner: Arc<Inner>,
    /// What the size of a pointer was set to.
    set_pointer_size: Option<u8>,
}

struct Inner {
    owner: Owner,
    header: Header,
    base: Option<Btf>,
    /// First id and first string offset of this BTF; 1 and 0 without a base.
    first_id: u32,
    first_string: u32,
    /// Where each type's record starts, in bytes from the start of the type section.
    offsets: Vec<u32>,
    /// The numbers of those types that have a name and a shape: see [`Btf::shapes_with_essential_names`].
    shaped: Vec<u32>,
    /// How often they were gone through for their names.
    batches: AtomicU32,
    index: Once<NameIndex>,
    tags: Once<TagIndex>,
    pointer_size: Once<Option<u8>>,
}

impl Btf {
    /// Parses BTF from a `Vec<u8>`, a static slice, or any shared [`Owner`].
    ///
    /// Accepts what libbpf accepts; what only the kernel would refuse is not checked.
    ///
    /// # Errors
    /// When the data is damaged: see [`Error`].
    #[doc(alias = "btf__new")]
    #[doc(alias = "btf__parse")]
    #[doc(alias = "btf__parse_raw")]
    pub fn parse(bytes: impl Into<Owner>) -> Result<Btf, Error> {
        Btf::parse_inner(bytes.into(), None)
    }

    /// Parses split BTF over its base.
    ///
    /// # Errors
    /// As [`parse`](Btf::parse); also when base and split differ in byte order.
    #[doc(alias = "btf__new_split")]
    #[doc(alias = "btf__parse_split")]
    #[doc(alias = "btf__parse_raw_split")]
    pub fn parse_split(bytes: impl Into<Owner>, base: &Btf) -> Result<Btf, Error> {
        Btf::parse_inner(bytes.into(), Some(base.clone()))
    }

    fn parse_inner(owner: Owner, base: Option<Btf>) -> Result<Btf, Error> {
        let bytes = owner.bytes();
        let header = Header::parse(bytes)?;
        if base.as_ref().is_some_and(|base| base.endian() != header.endian) {
            return Err(Error::EndianMismatch);
        }
        let string_section = &bytes[header.strings.clone()];
        strings::check(string_section, base.is_some())?;
        let first_id = base.as_ref().map_or(1, Btf::type_count);
        let first_string = base.as_ref().map_or(0, Btf::strings_end);
        let string_end = first_string.checked_add(string_section.len() as u32).ok_or(Error::BadStringSection)?;
        let types = &bytes[header.types.clone()];
        // A module describes no kinds of its own where its kernel describes them.
        let of_base = || core::iter::successors(base.as_ref(), |btf| btf.base()).find_map(|btf| btf.inner.layout());
        let layout = header.layout.clone().map(|range| &bytes[range]).or_else(of_base);
        let Scanned { offsets, shaped } = Scan { types, layout, endian: header.endian, first_id, string_end }.run()?;
        Ok(Btf {
            set_pointer_size: None,
            inner: Arc::new(Inner {
                header,
                base,
                first_id,
                first_string,
                offsets,
                shaped,
                batches: AtomicU32::new(0),
                index: Once::new(),
                tags: Once::new(),
                pointer_size: Once::new(),
                owner,
            }),
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.inner.header
    }

    /// The bytes it was parsed from, header included; without those of a base.
    #[doc(alias = "btf__raw_data")]
    #[doc(alias = "btf__get_raw_data")]
    pub fn raw_data(&self) -> &[u8] {
        self.inner.owner.bytes()
    }

    /// Its byte order.
    #[doc(alias = "btf__endianness")]
    pub fn endian(&self) -> Endian {
        self.inner.header.endian
    }

    /// What it is split over, if it is.
    #[doc(alias = "btf__base_btf")]
    pub fn base(&self) -> Option<&Btf> {
        self.inner.base.as_ref()
    }

    /// How many types there are, `void` and those of a base included: ids run from 0 to one less.
    #[doc(alias = "btf__type_cnt")]
    pub fn type_count(&self) -> u32 {
        self.inner.first_id + self.inner.offsets.len() as u32
    }

    /// The first id that is its own and not its base's; 1 where there is no base.
    pub fn first_id(&self) -> TypeId {
        TypeId(self.inner.first_id)
    }

    /// All types in the order of their ids, those of a base first, without `void`.
    pub fn types(&self) -> impl DoubleEndedIterator<Item = Type<'_>> + ExactSizeIterator {
        self.types_from(TypeId(1))
    }

    /// Its own types in the order of their ids, without those of a base.
    pub fn own_types(&self) -> impl DoubleEndedIterator<Item = Type<'_>> + ExactSizeIterator {
        self.types_from(self.first_id())
    }

    fn types_from(&self, first: TypeId) -> impl DoubleEndedIterator<Item = Type<'_>> + ExactSizeIterator {
        let count = self.type_count().saturating_sub(first.0);
        (0..count as usize).map(move |n| self.type_or_void(TypeId(first.0 + n as u32)))
    }

    /// The type of an id; `void` for 0.
    ///
    /// # Errors
    /// When there is no such type.
    #[doc(alias = "btf__type_by_id")]
    #[inline]
    pub fn type_by_id(&self, id: TypeId) -> Result<Type<'_>, Error> {
        if id.0 >= self.type_count() {
            return Err(Error::NoSuchType { id, count: self.type_count() });
        }
        Ok(self.type_or_void(id))
    }

    /// The type of an id, `void` also for one that does not exist.
    pub(crate) fn type_or_void(&self, id: TypeId) -> Type<'_> {
        let record = self.owner_of(id).and_then(|owner| owner.own_record(id)).unwrap_or_default();
        Type::new(self, id, self.endian(), record)
    }

    /// This BTF or the base below it in which an id is defined.
    fn owner_of(&self, id: TypeId) -> Option<&Inner> {
        let mut inner = &*self.inner;
        while id.0 < inner.first_id {
            inner = &inner.base.as_ref()?.inner;
        }
        Some(inner)
    }

    /// The string at an offset, without its NUL.
    ///
    /// # Errors
    /// When the offset is past the end.
    #[doc(alias = "btf__str_by_offset")]
    #[doc(alias = "btf__name_by_offset")]
    pub fn string(&self, offset: StrOffset) -> Result<&[u8], Error> {
        self.string_bytes(offset).ok_or(Error::NoSuchString { offset })
    }

    /// Where a string stands, those of a base included. This searches; names of types are found by [`find`](Btf::find).
    #[doc(alias = "btf__find_str")]
    pub fn find_string(&self, string: impl AsRef<[u8]>) -> Option<StrOffset> {
        let string = string.as_ref();
        if string.is_empty() {
            return Some(StrOffset::EMPTY);
        }
        if let Some(found) = self.base().and_then(|base| base.find_string(string)) {
            return Some(found);
        }
        let strings = self.inner.strings();
        let begins = |&at: &usize| at == 0 || strings.get(at - 1) == Some(&0);
        let ends = |&at: &usize| strings.get(at + string.len()) == Some(&0);
        let at = memchr::memmem::find_iter(strings, string).filter(begins).find(ends)?;
        Some(StrOffset(self.first_string() + at as u32))
    }

    pub(crate) fn string_bytes(&self, offset: StrOffset) -> Option<&[u8]> {
        let (strings, at) = self.string_place(offset)?;
        match strings.is_empty() && at == 0 {
            true => Some(&[]),
            false => strings::get(strings, at),
        }
    }

    /// The string section from an offset on.
    pub(crate) fn strings_from(&self, offset: StrOffset) -> Option<&[u8]> {
        let (strings, at) = self.string_place(offset)?;
        strings.get(at..)
    }

    fn string_place(&self, offset: StrOffset) -> Option<(&[u8], usize)> {
        let mut inner = &*self.inner;
        while offset.0 < inner.first_string {
            inner = &inner.base.as_ref()?.inner;
        }
        Some((inner.strings(), (offset.0 - inner.first_string) as usize))
    }

    /// Its own types' records, with those of a base behind them.
    pub(crate) fn records(&self) -> Records<'_> {
        Records::new(self, &self.inner.offsets)
    }

    /// Its own type section.
    pub(crate) fn own_type_section(&self) -> &[u8] {
        self.inner.types()
    }

    /// Its own string section.
    pub(crate) fn own_strings(&self) -> &[u8] {
        self.inner.strings()
    }

    /// The layout section; empty where the header has its fields and says that there is none.
    pub(crate) fn own_layout(&self) -> Option<&[u8]> {
        let has_fields = self.header().hdr_len as usize >= raw::HEADER_LEN_LAYOUT;
        self.inner.layout().or(has_fields.then_some(&[]))
    }

    /// Where its own strings begin, in the numbering that goes on from the base's.
    pub(crate) fn first_string(&self) -> u32 {
        self.inner.first_string
    }

    /// End of the strings, in the numbering that goes on from the base's.
    pub(crate) fn strings_end(&self) -> u32 {
        self.inner.first_string + self.inner.header.strings.len() as u32
    }

    /// The first type of this kind and exact name.
    #[doc(alias = "btf__find_by_name_kind")]
    pub fn find(&self, name: impl AsRef<[u8]>, kind: Kind) -> Option<TypeId> {
        let name = name.as_ref();
        if kind == Kind::Void && name == VOID_NAME {
            return Some(TypeId::VOID);
        }
        self.ids_named(name).find(|&id| self.type_or_void(id).kind() == kind)
    }

    /// The first type of this kind and exact name among its own types, without those of a base.
    #[doc(alias = "btf__find_by_name_kind_own")]
    pub fn find_own(&self, name: impl AsRef<[u8]>, kind: Kind) -> Option<TypeId> {
        let own = |id: &TypeId| *id >= self.first_id();
        self.ids_named(name.as_ref()).filter(own).find(|&id| self.type_or_void(id).kind() == kind)
    }

    /// The first type of this exact name, whatever its kind.
    #[doc(alias = "btf__find_by_name")]
    pub fn find_any(&self, name: impl AsRef<[u8]>) -> Option<TypeId> {
        match name.as_ref() {
            VOID_NAME => Some(TypeId::VOID),
            name => self.ids_named(name).next(),
        }
    }

    /// All types of this exact name, those of a base first, then in the order of their ids.
    pub fn ids_named<'a>(&'a self, name: &'a [u8]) -> NamedIds<'a> {
        NamedIds::new(self, name, false)
    }

    /// All types whose [essential name](crate::essential_name) is this one: the types that CO-RE
    /// takes as candidates for a local type of that essential name.
    pub fn ids_with_essential_name<'a>(&'a self, name: &'a [u8]) -> NamedIds<'a> {
        NamedIds::new(self, name, true)
    }

    /// The types of each of these essential names, in the order of the names, that have a shape: those of
    /// [kinds](Kind::has_shape) that say how something lies in memory, or name what does. No functions and no variables; its own
    /// types only, without those of a base.
    ///
    /// For what asks about a few names of a kernel once, as loading one object does: it goes through the names of such types, some
    /// tens of thousands in a kernel, all names at the same time, and does not ask for the index of all names, whose making takes
    /// a hundred times as long. Where there is an index it is used, and where questions keep coming it is made.
    ///
    /// ```
    /// use purebpf_btf::{Btf, TypeId, builder::Builder};
    ///
    /// let mut builder = Builder::new();
    /// builder.add_struct("task", 4)?;
    /// builder.add_struct("task___old", 8)?;
    /// let btf = Btf::parse(builder.finish())?;
    /// assert_eq!(btf.shapes_with_essential_names(&[b"file", b"task"]), [vec![], vec![TypeId(1), TypeId(2)]]);
    /// # Ok::<(), purebpf_btf::Error>(())
    /// ```
    pub fn shapes_with_essential_names(&self, names: &[&[u8]]) -> Vec<Vec<TypeId>> {
        let inner = &*self.inner;
        let id = |n: u32| TypeId(inner.first_id + n);
        let indexed = match inner.batches.fetch_add(1, Ordering::Relaxed) {
            before if before < shapes::BATCHES_BEFORE_INDEX => inner.index.get(),
            _ => Some(self.index()),
        };
        let Some(index) = indexed else {
            let found = shapes::find(&inner.names(), &inner.shaped, names);
            return found.into_iter().map(|numbers| numbers.into_iter().map(id).collect()).collect();
        };
        let level = inner.names();
        let of_name = |name: &&[u8]| {
            let mut place = if is_name(name) { Place::Start } else { Place::End };
            let ids = core::iter::from_fn(|| index.next(&level, &mut place, name, true)).map(id);
            ids.filter(|&id| self.type_or_void(id).kind().has_shape()).collect()
        };
        names.iter().map(of_name).collect()
    }

    fn index(&self) -> &NameIndex {
        self.inner.index.get_or_init(|| NameIndex::build(&self.inner.names()))
    }

    pub(crate) fn tag_index(&self) -> &TagIndex {
        self.inner.tags.get_or_init(|| TagIndex::build(self))
    }

    /// Size of a pointer in bytes, as told by the size of `long` (or `unsigned long`) in this BTF;
    /// `None` when it has neither.
    #[doc(alias = "btf__pointer_size")]
    pub fn pointer_size(&self) -> Option<u8> {
        if self.set_pointer_size.is_some() {
            return self.set_pointer_size;
        }
        if let Some(size) = self.base().and_then(Btf::pointer_size) {
            return Some(size);
        }
        // C allows the words in any order; libbpf's determine_ptr_size knows the same.
        const LONG: [&[u8]; 11] = [
            b"long",
            b"long int",
            b"int long",
            b"unsigned long",
            b"long unsigned",
            b"unsigned long int",
            b"unsigned int long",
            b"long unsigned int",
            b"long int unsigned",
            b"int unsigned long",
            b"int long unsigned",
        ];
        // A walk over the types is quick to find it, and does not ask for the index.
        *self.inner.pointer_size.get_or_init(|| {
            self.own_types()
                .filter(|this| this.kind() == Kind::Int && matches!(this.size_or_type(), 4 | 8))
                .find(|this| LONG.iter().any(|name| this.name_is(name)))
                .map(|this| this.size_or_type() as u8)
        })
    }

    /// The same BTF with pointers of this size, in bytes: for types of a machine that they do not tell by themselves.
    ///
    /// # Errors
    /// When it is neither 4 nor 8.
    #[doc(alias = "btf__set_pointer_size")]
    pub fn with_pointer_size(&self, size: u8) -> Result<Btf, Error> {
        match size {
            4 | 8 => Ok(Btf { inner: self.inner.clone(), set_pointer_size: Some(size) }),
            _ => Err(Error::CannotBuild { what: "pointers of neither 4 nor 8 bytes" }),
        }
    }

    /// The type behind modifiers and typedefs, or behind those of a variable's type.
    ///
    /// # Errors
    /// When the id does not exist or the chain has no end.
    #[doc(alias = "btf__resolve_type")]
    pub fn resolve(&self, id: TypeId) -> Result<Type<'_>, Error> {
        self.follow(id, |data| match *data {
            TypeData::Typedef(next)
            | TypeData::Const(next)
            | TypeData::Volatile(next)
            | TypeData::Restrict(next)
            | TypeData::TypeTag(next) => Some(next),
            TypeData::Var(var) => Some(var.type_id),
            _ => None,
        })
    }

    /// The type behind modifiers; a typedef stays.
    ///
    /// # Errors
    /// As [`resolve`](Btf::resolve).
    pub fn skip_modifiers(&self, id: TypeId) -> Result<Type<'_>, Error> {
        self.follow(id, |data| match *data {
            TypeData::Const(next) | TypeData::Volatile(next) | TypeData::Restrict(next) | TypeData::TypeTag(next) => {
                Some(next)
            }
            _ => None,
        })
    }

    fn follow(&self, id: TypeId, step: impl Fn(&TypeData<'_>) -> Option<TypeId>) -> Result<Type<'_>, Error> {
        let mut current = self.type_by_id(id)?;
        for _ in 0..=MAX_RESOLVE_DEPTH {
            match step(&current.data()) {
                Some(next) => current = self.type_by_id(next)?,
                None => return Ok(current),
            }
        }
        Err(Error::TooDeep { id, limit: MAX_RESOLVE_DEPTH })
    }

    /// Size of a type in bytes; arrays multiplied out, modifiers skipped.
    ///
    /// # Errors
    /// When the type has no size, or one that does not fit 32 bits.
    #[doc(alias = "btf__resolve_size")]
    pub fn size_of(&self, id: TypeId) -> Result<u32, Error> {
        let mut count = 1u32;
        let mut current = id;
        for _ in 0..=MAX_RESOLVE_DEPTH {
            let resolved = self.resolve(current)?;
            let size = match resolved.data() {
                TypeData::Array(array) => {
                    count = count.checked_mul(array.len).ok_or(Error::SizeOverflow { id })?;
                    current = array.element;
                    continue;
                }
                TypeData::DeclTag(tag) => {
                    current = tag.target;
                    continue;
                }
                TypeData::Ptr(_) => u32::from(self.pointer_size().unwrap_or(8)),
                _ if resolved.kind().has_size() => resolved.size_or_type(),
                _ => return Err(Error::Unsized { id: resolved.id(), kind: resolved.kind() }),
            };
            return size.checked_mul(count).ok_or(Error::SizeOverflow { id });
        }
        Err(Error::TooDeep { id, limit: MAX_RESOLVE_DEPTH })
    }

    /// Alignment of a type in bytes as a C compiler would have it: that of its widest member, 1 for
    /// a struct whose layout shows that it is packed.
    ///
    /// # Errors
    /// When the type has no alignment (a function, `void`), or nests too deep.
    #[doc(alias = "btf__align_of")]
    pub fn align_of(&self, id: TypeId) -> Result<u32, Error> {
        self.align_within(id, MAX_RESOLVE_DEPTH, &mut { MAX_ALIGN_STEPS })
    }

    fn align_within(&self, id: TypeId, depth: u32, steps: &mut u32) -> Result<u32, Error> {
        let depth = depth.checked_sub(1).ok_or(Error::TooDeep { id, limit: MAX_RESOLVE_DEPTH })?;
        *steps = steps.checked_sub(1).ok_or(Error::TooDeep { id, limit: MAX_ALIGN_STEPS })?;
        let resolved = self.resolve(id)?;
        let pointer = u32::from(self.pointer_size().unwrap_or(8));
        match resolved.data() {
            TypeData::Int(_) | TypeData::Float(_) | TypeData::Enum(_) | TypeData::Enum64(_) => {
                Ok(resolved.size_or_type().min(pointer).max(1))
            }
            TypeData::Ptr(_) => Ok(pointer),
            TypeData::Array(array) => self.align_within(array.element, depth, steps),
            TypeData::Struct(composite) | TypeData::Union(composite) => {
                let mut widest = 1;
                for member in composite.members() {
                    let align = self.align_within(member.type_id, depth, steps)?;
                    widest = align.max(widest);
                    // A member out of its place, or a size that is no multiple, can only be had
                    // with __attribute__((packed)).
                    let in_place = member.bit_size().is_some() || member.bit_offset % (8 * align.max(1)) == 0;
                    if !in_place {
                        return Ok(1);
                    }
                }
                Ok(if composite.size % widest == 0 { widest } else { 1 })
            }
            _ => Err(Error::Unsized { id: resolved.id(), kind: resolved.kind() }),
        }
    }
}

impl fmt::Debug for Btf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Btf({} types, {:?}", self.inner.offsets.len(), self.endian())?;
        if let Some(base) = self.base() {
            write!(f, ", split over {} types", base.type_count() - 1)?;
        }
        f.write_str(")")
    }
}

impl Inner {
    fn types(&self) -> &[u8] {
        self.owner.bytes().get(self.header.types.clone()).unwrap_or_default()
    }

    fn strings(&self) -> &[u8] {
        self.owner.bytes().get(self.header.strings.clone()).unwrap_or_default()
    }

    fn layout(&self) -> Option<&[u8]> {
        self.owner.bytes().get(self.header.layout.clone()?)
    }

    /// The record of an id of this BTF's own.
    #[inline]
    fn own_record(&self, id: TypeId) -> Option<&[u8]> {
        let n = (id.0 - self.first_id) as usize;
        let types = self.types();
        let start = *self.offsets.get(n)? as usize;
        let end = self.offsets.get(n + 1).map_or(types.len(), |&next| next as usize);
        types.get(start..end)
    }

    fn names(&self) -> Names<'_> {
        Names {
            endian: self.header.endian,
            types: self.types(),
            offsets: &self.offsets,
            strings: self.strings(),
            first_string: self.first_string,
            base: self.base.as_ref(),
        }
    }
}

/// What is anonymous is not to be found by name, and no name has a NUL in it.
fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && memchr::memchr(0, name).is_none()
}

/// The ids of all types of a name: what [`Btf::ids_named`] gives.
#[derive(Clone)]
pub struct NamedIds<'a> {
    btf: &'a Btf,
    name: &'a [u8],
    essential: bool,
    /// The BTFs still to ask, base first: at depth 0 the one at the top.
    depth: u32,
    /// How far the one at `depth` has been asked.
    place: Place,
}

impl<'a> NamedIds<'a> {
    fn new(btf: &'a Btf, name: &'a [u8], essential: bool) -> Self {
        if !is_name(name) {
            return NamedIds { btf, name, essential, depth: 0, place: Place::End };
        }
        let depth = core::iter::successors(btf.base(), |below| below.base()).count() as u32;
        NamedIds { btf, name, essential, depth, place: Place::Start }
    }

    fn level(&self) -> &'a Btf {
        let mut level = self.btf;
        for _ in 0..self.depth {
            level = level.base().unwrap_or(level);
        }
        level
    }
}

impl Iterator for NamedIds<'_> {
    type Item = TypeId;

    fn next(&mut self) -> Option<TypeId> {
        loop {
            let level = self.level();
            let names = level.inner.names();
            if let Some(n) = level.index().next(&names, &mut self.place, self.name, self.essential) {
                return Some(TypeId(level.inner.first_id + n));
            }
            self.depth = self.depth.checked_sub(1)?;
            self.place = Place::Start;
        }
    }
}
