//! Making and editing BTF: from nothing, or from a copy of one that was parsed.
//!
//! A [`Builder`] appends strings (each once) and types of every kind, and changes records in place;
//! [`finish`](Builder::finish) serialises. What it is given is checked so far that the result
//! parses: references to types that come later are allowed, as BTF allows them, and
//! [`Btf::parse`] has the last word.

mod assemble;

pub(crate) use assemble::Copied;

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::ops::Range;

use crate::raw::{self, Endian, Info};
use crate::string_table::{BaseStrings, StringTable};
use crate::types::{FwdKind, IntEncoding, Kind, Linkage};
use crate::{Btf, Error, StrOffset, TypeId, serialize, strings};

/// BTF in the making.
#[derive(Clone, Debug)]
pub struct Builder {
    endian: Endian,
    first_id: u32,
    first_string: u32,
    types: Vec<u8>,
    offsets: Vec<u32>,
    strings: StringTable,
    layout: Option<Vec<u8>>,
    base: Option<Btf>,
    /// The base's strings, made when a string is first added.
    base_strings: Option<BaseStrings>,
}

impl Default for Builder {
    fn default() -> Self {
        Builder::new()
    }
}

impl Builder {
    /// An empty BTF in native byte order.
    #[doc(alias = "btf__new_empty")]
    pub fn new() -> Builder {
        Builder {
            endian: Endian::NATIVE,
            first_id: 1,
            first_string: 0,
            types: Vec::new(),
            offsets: Vec::new(),
            strings: StringTable::of([0].to_vec()),
            layout: None,
            base: None,
            base_strings: None,
        }
    }

    /// An empty BTF in this byte order.
    pub fn new_in(endian: Endian) -> Builder {
        Builder { endian, ..Builder::new() }
    }

    /// An empty BTF split over `base`.
    #[doc(alias = "btf__new_empty_split")]
    pub fn split(base: &Btf) -> Builder {
        Builder {
            endian: base.endian(),
            first_id: base.type_count(),
            first_string: base.strings_end(),
            strings: StringTable::default(),
            base: Some(base.clone()),
            ..Builder::new()
        }
    }

    /// A copy of `btf`'s own types and strings, to be changed or added to. Ids and string offsets
    /// stay as they are.
    pub fn copy_of(btf: &Btf) -> Builder {
        let types = btf.own_type_section().to_owned();
        let mut strings = btf.own_strings().to_owned();
        if btf.base().is_none() && strings.is_empty() {
            strings.push(0);
        }
        let mut offsets = Vec::with_capacity(btf.own_types().len());
        let mut at = 0;
        for own in btf.own_types() {
            offsets.push(at);
            at += own.record().len() as u32;
        }
        Builder {
            endian: btf.endian(),
            first_id: btf.first_id().0,
            first_string: btf.first_string(),
            types,
            offsets,
            strings: StringTable::of(strings),
            layout: btf.own_layout().map(<[u8]>::to_vec),
            base: btf.base().cloned(),
            base_strings: None,
        }
    }

    /// How many types there are by now, `void` and those of a base included: the id that the next
    /// one gets.
    pub fn type_count(&self) -> u32 {
        self.first_id + self.offsets.len() as u32
    }

    /// Adds a string, or finds it among those that are there, the base's included.
    ///
    /// # Errors
    /// When it holds a NUL, or the strings grow past what an offset can say.
    #[doc(alias = "btf__add_str")]
    pub fn add_string(&mut self, string: impl AsRef<[u8]>) -> Result<StrOffset, Error> {
        let string = string.as_ref();
        if string.is_empty() {
            return Ok(StrOffset::EMPTY);
        }
        if memchr::memchr(0, string).is_some() {
            return Err(Error::CannotBuild { what: "a string with a NUL byte in it" });
        }
        if let Some(base) = &self.base {
            let of_base = self.base_strings.get_or_insert_with(|| BaseStrings::of(base));
            if let Some(offset) = of_base.find(string) {
                return Ok(StrOffset(offset));
            }
        }
        let limit = (u32::MAX - self.first_string) as usize;
        let at = self.strings.add(string, limit).ok_or(Error::CannotBuild { what: "more than 4 GiB of strings" })?;
        Ok(StrOffset(self.first_string + at))
    }

    fn push_word(&mut self, word: u32) {
        self.types.extend_from_slice(&self.endian.bytes(word));
    }

    /// Appends `struct btf_type`.
    fn add_type(&mut self, kind: Kind, name: &[u8], flag: bool, vlen: u32, word: u32) -> Result<TypeId, Error> {
        let name = self.add_string(name)?;
        let offset = u32::try_from(self.types.len())
            .ok()
            .filter(|_| self.type_count() < i32::MAX as u32)
            .ok_or(Error::TooManyTypes)?;
        let id = TypeId(self.type_count());
        self.offsets.push(offset);
        self.push_word(name.0);
        self.push_word(Info::new(kind.number(), vlen, flag).0);
        self.push_word(word);
        Ok(id)
    }

    /// Adds an integer of `size` bytes.
    ///
    /// # Errors
    /// When it has no name or its size is not 1, 2, 4, 8 or 16.
    #[doc(alias = "btf__add_int")]
    pub fn add_int(&mut self, name: impl AsRef<[u8]>, size: u32, encoding: IntEncoding) -> Result<TypeId, Error> {
        if !matches!(size, 1 | 2 | 4 | 8 | 16) {
            return Err(Error::CannotBuild { what: "an integer whose size is not 1, 2, 4, 8 or 16 bytes" });
        }
        self.named(&name, "an integer without a name")?;
        let id = self.add_type(Kind::Int, name.as_ref(), false, 0, size)?;
        self.push_word((u32::from(encoding.0) << 24) | (size * 8));
        Ok(id)
    }

    /// Adds a floating-point number of `size` bytes.
    ///
    /// # Errors
    /// When it has no name or its size is not 2, 4, 8, 12 or 16.
    #[doc(alias = "btf__add_float")]
    pub fn add_float(&mut self, name: impl AsRef<[u8]>, size: u32) -> Result<TypeId, Error> {
        if !matches!(size, 2 | 4 | 8 | 12 | 16) {
            return Err(Error::CannotBuild { what: "a float whose size is not 2, 4, 8, 12 or 16 bytes" });
        }
        self.named(&name, "a float without a name")?;
        self.add_type(Kind::Float, name.as_ref(), false, 0, size)
    }

    /// Adds a pointer, or a modifier: [`Kind::Ptr`], [`Kind::Const`], [`Kind::Volatile`],
    /// [`Kind::Restrict`].
    ///
    /// # Errors
    /// When `kind` is none of these.
    #[doc(alias = "btf__add_ptr")]
    #[doc(alias = "btf__add_const")]
    #[doc(alias = "btf__add_volatile")]
    #[doc(alias = "btf__add_restrict")]
    pub fn add_reference(&mut self, kind: Kind, target: TypeId) -> Result<TypeId, Error> {
        match kind {
            Kind::Ptr | Kind::Const | Kind::Volatile | Kind::Restrict => self.add_type(kind, b"", false, 0, target.0),
            _ => Err(Error::CannotBuild { what: "a reference of a kind that is neither pointer nor modifier" }),
        }
    }

    /// Adds a typedef.
    ///
    /// # Errors
    /// When it has no name.
    #[doc(alias = "btf__add_typedef")]
    pub fn add_typedef(&mut self, name: impl AsRef<[u8]>, target: TypeId) -> Result<TypeId, Error> {
        self.named(&name, "a typedef without a name")?;
        self.add_type(Kind::Typedef, name.as_ref(), false, 0, target.0)
    }

    /// Adds a tag on a type.
    ///
    /// # Errors
    /// When it has no name.
    #[doc(alias = "btf__add_type_tag")]
    pub fn add_type_tag(&mut self, tag: impl AsRef<[u8]>, target: TypeId) -> Result<TypeId, Error> {
        self.named(&tag, "a type tag without a name")?;
        self.add_type(Kind::TypeTag, tag.as_ref(), false, 0, target.0)
    }

    /// Adds an attribute of a type: a type tag with `kind_flag` set, which stands for `__attribute__((…))` of any name. Linux takes it from
    /// 6.14 on.
    ///
    /// # Errors
    /// When it has no name.
    #[doc(alias = "btf__add_type_attr")]
    pub fn add_type_attribute(&mut self, attribute: impl AsRef<[u8]>, target: TypeId) -> Result<TypeId, Error> {
        let id = self.add_type_tag(attribute, target)?;
        self.flag_last();
        Ok(id)
    }

    /// Adds an attribute of a declaration, or of one member or parameter of it: a declaration tag with `kind_flag` set.
    ///
    /// # Errors
    /// When it has no name.
    #[doc(alias = "btf__add_decl_attr")]
    pub fn add_decl_attribute(
        &mut self,
        attribute: impl AsRef<[u8]>,
        target: TypeId,
        component: Option<u32>,
    ) -> Result<TypeId, Error> {
        let id = self.add_decl_tag(attribute, target, component)?;
        self.flag_last();
        Ok(id)
    }

    /// Sets `kind_flag` of the type added last.
    fn flag_last(&mut self) {
        let info = self.last_info();
        self.set_last_info(Info::new(info.kind(), info.vlen(), true));
    }

    /// Adds a tag on a declaration, or on one member or parameter of it.
    ///
    /// # Errors
    /// When it has no name.
    #[doc(alias = "btf__add_decl_tag")]
    pub fn add_decl_tag(
        &mut self,
        tag: impl AsRef<[u8]>,
        target: TypeId,
        component: Option<u32>,
    ) -> Result<TypeId, Error> {
        self.named(&tag, "a declaration tag without a name")?;
        let id = self.add_type(Kind::DeclTag, tag.as_ref(), false, 0, target.0)?;
        self.push_word(component.unwrap_or(u32::MAX));
        Ok(id)
    }

    /// Adds an array of `len` elements.
    ///
    /// # Errors
    /// When there are more types than can be numbered.
    #[doc(alias = "btf__add_array")]
    pub fn add_array(&mut self, element: TypeId, index: TypeId, len: u32) -> Result<TypeId, Error> {
        let id = self.add_type(Kind::Array, b"", false, 0, 0)?;
        self.push_word(element.0);
        self.push_word(index.0);
        self.push_word(len);
        Ok(id)
    }

    /// Adds a struct without members; [`add_member`](Builder::add_member) adds them. An empty name
    /// makes it anonymous.
    ///
    /// # Errors
    /// When there are more types than can be numbered.
    #[doc(alias = "btf__add_struct")]
    pub fn add_struct(&mut self, name: impl AsRef<[u8]>, size: u32) -> Result<TypeId, Error> {
        self.add_type(Kind::Struct, name.as_ref(), false, 0, size)
    }

    /// Adds a union without members.
    ///
    /// # Errors
    /// When there are more types than can be numbered.
    #[doc(alias = "btf__add_union")]
    pub fn add_union(&mut self, name: impl AsRef<[u8]>, size: u32) -> Result<TypeId, Error> {
        self.add_type(Kind::Union, name.as_ref(), false, 0, size)
    }

    /// Adds a member at `bit_offset` to the struct or union added last.
    ///
    /// # Errors
    /// When the last type is neither.
    #[doc(alias = "btf__add_field")]
    pub fn add_member(&mut self, name: impl AsRef<[u8]>, type_id: TypeId, bit_offset: u32) -> Result<&mut Self, Error> {
        if self.last_info().kind_flag() && bit_offset > 0x00ff_ffff {
            return Err(Error::CannotBuild { what: "a member past bit 2^24 of a struct with bitfields" });
        }
        self.push_item(&[Kind::Struct, Kind::Union], name.as_ref(), &[type_id.0, bit_offset])
    }

    /// Adds a bitfield of `bits` bits at `bit_offset` to the struct or union added last.
    ///
    /// # Errors
    /// When the last type is neither, or already has a member past bit 2^24.
    pub fn add_bitfield(
        &mut self,
        name: impl AsRef<[u8]>,
        type_id: TypeId,
        bit_offset: u32,
        bits: u8,
    ) -> Result<&mut Self, Error> {
        const FAR: Error = Error::CannotBuild { what: "a member past bit 2^24 of a struct with bitfields" };
        if bit_offset > 0x00ff_ffff {
            return Err(FAR);
        }
        // kind_flag changes the meaning of the offsets written so far: their high byte must be 0.
        let start = self.offsets.last().map_or(0, |&at| at as usize);
        let members = self.types.get(start + raw::TYPE_LEN..).unwrap_or_default();
        if !self.last_info().kind_flag()
            && members.chunks_exact(raw::MEMBER_LEN).any(|member| raw::word(self.endian, member, 8) > 0x00ff_ffff)
        {
            return Err(FAR);
        }
        self.push_item(&[Kind::Struct, Kind::Union], name.as_ref(), &[type_id.0, u32::from(bits) << 24 | bit_offset])?;
        self.flag_last();
        Ok(self)
    }

    /// Adds an enum without enumerators, of 32-bit values.
    ///
    /// # Errors
    /// When its size is not 1, 2, 4 or 8.
    #[doc(alias = "btf__add_enum")]
    pub fn add_enum(&mut self, name: impl AsRef<[u8]>, size: u32, signed: bool) -> Result<TypeId, Error> {
        self.any_enum(Kind::Enum, name.as_ref(), size, signed)
    }

    /// Adds an enum without enumerators, of 64-bit values.
    ///
    /// # Errors
    /// When its size is not 1, 2, 4 or 8.
    #[doc(alias = "btf__add_enum64")]
    pub fn add_enum64(&mut self, name: impl AsRef<[u8]>, size: u32, signed: bool) -> Result<TypeId, Error> {
        self.any_enum(Kind::Enum64, name.as_ref(), size, signed)
    }

    fn any_enum(&mut self, kind: Kind, name: &[u8], size: u32, signed: bool) -> Result<TypeId, Error> {
        if !matches!(size, 1 | 2 | 4 | 8) {
            return Err(Error::CannotBuild { what: "an enum whose size is not 1, 2, 4 or 8 bytes" });
        }
        self.add_type(kind, name, signed, 0, size)
    }

    /// Adds an enumerator to the enum added last; for one of 32-bit values, `value` must fit.
    ///
    /// # Errors
    /// When the last type is no enum, the name is empty, or the value does not fit.
    #[doc(alias = "btf__add_enum_value")]
    #[doc(alias = "btf__add_enum64_value")]
    pub fn add_enum_value(&mut self, name: impl AsRef<[u8]>, value: i64) -> Result<&mut Self, Error> {
        self.named(&name, "an enumerator without a name")?;
        if self.last_info().kind() == Kind::Enum64.number() {
            return self.push_item(&[Kind::Enum64], name.as_ref(), &[value as u32, (value >> 32) as u32]);
        }
        if value < i64::from(i32::MIN) || value > i64::from(u32::MAX) {
            return Err(Error::CannotBuild { what: "a 32-bit enumerator whose value needs 64" });
        }
        self.push_item(&[Kind::Enum], name.as_ref(), &[value as u32])
    }

    /// Adds a forward declaration.
    ///
    /// # Errors
    /// When it has no name.
    #[doc(alias = "btf__add_fwd")]
    pub fn add_fwd(&mut self, name: impl AsRef<[u8]>, kind: FwdKind) -> Result<TypeId, Error> {
        self.named(&name, "a forward declaration without a name")?;
        self.add_type(Kind::Fwd, name.as_ref(), kind == FwdKind::Union, 0, 0)
    }

    /// Adds a function prototype without parameters.
    ///
    /// # Errors
    /// When there are more types than can be numbered.
    #[doc(alias = "btf__add_func_proto")]
    pub fn add_func_proto(&mut self, ret: TypeId) -> Result<TypeId, Error> {
        self.add_type(Kind::FuncProto, b"", false, 0, ret.0)
    }

    /// Adds a parameter to the prototype added last. One without name and of type `void` is `...`.
    ///
    /// # Errors
    /// When the last type is no prototype.
    #[doc(alias = "btf__add_func_param")]
    pub fn add_param(&mut self, name: impl AsRef<[u8]>, type_id: TypeId) -> Result<&mut Self, Error> {
        self.push_item(&[Kind::FuncProto], name.as_ref(), &[type_id.0])
    }

    /// Adds a function.
    ///
    /// # Errors
    /// When it has no name.
    #[doc(alias = "btf__add_func")]
    pub fn add_func(&mut self, name: impl AsRef<[u8]>, linkage: Linkage, proto: TypeId) -> Result<TypeId, Error> {
        self.named(&name, "a function without a name")?;
        self.add_type(Kind::Func, name.as_ref(), false, linkage.0, proto.0)
    }

    /// Adds a variable.
    ///
    /// # Errors
    /// When it has no name.
    #[doc(alias = "btf__add_var")]
    pub fn add_var(&mut self, name: impl AsRef<[u8]>, linkage: Linkage, type_id: TypeId) -> Result<TypeId, Error> {
        self.named(&name, "a variable without a name")?;
        let id = self.add_type(Kind::Var, name.as_ref(), false, 0, type_id.0)?;
        self.push_word(linkage.0);
        Ok(id)
    }

    /// Adds a data section without variables.
    ///
    /// # Errors
    /// When it has no name.
    #[doc(alias = "btf__add_datasec")]
    pub fn add_datasec(&mut self, name: impl AsRef<[u8]>, size: u32) -> Result<TypeId, Error> {
        self.named(&name, "a data section without a name")?;
        self.add_type(Kind::Datasec, name.as_ref(), false, 0, size)
    }

    /// Places a variable in the data section added last.
    ///
    /// # Errors
    /// When the last type is no data section.
    #[doc(alias = "btf__add_datasec_var_info")]
    pub fn add_datasec_var(&mut self, var: TypeId, offset: u32, size: u32) -> Result<&mut Self, Error> {
        self.expect_last(&[Kind::Datasec])?;
        self.count_item()?;
        self.push_word(var.0);
        self.push_word(offset);
        self.push_word(size);
        Ok(self)
    }

    fn named(&self, name: &impl AsRef<[u8]>, what: &'static str) -> Result<(), Error> {
        if name.as_ref().is_empty() { Err(Error::CannotBuild { what }) } else { Ok(()) }
    }

    /// Appends a record `name, words…` to the list of the type added last.
    fn push_item(&mut self, kinds: &[Kind], name: &[u8], words: &[u32]) -> Result<&mut Self, Error> {
        self.expect_last(kinds)?;
        let name = self.add_string(name)?;
        self.count_item()?;
        self.push_word(name.0);
        for &word in words {
            self.push_word(word);
        }
        Ok(self)
    }

    fn expect_last(&self, kinds: &[Kind]) -> Result<(), Error> {
        match kinds.iter().any(|kind| kind.number() == self.last_info().kind()) {
            true => Ok(()),
            false => Err(Error::CannotBuild { what: "an item of a list that the last type does not have" }),
        }
    }

    fn last_info(&self) -> Info {
        let at = self.offsets.last().map_or(usize::MAX - 8, |&at| at as usize);
        Info(raw::word(self.endian, &self.types, at + 4))
    }

    fn set_last_info(&mut self, info: Info) {
        if let Some(&at) = self.offsets.last() {
            self.put_word(at as usize + 4, info.0);
        }
    }

    fn count_item(&mut self) -> Result<(), Error> {
        let info = self.last_info();
        if info.vlen() == Info::MAX_VLEN {
            return Err(Error::CannotBuild { what: "a list of more than 2^24 items" });
        }
        if self.types.len() > u32::MAX as usize - raw::MEMBER_LEN {
            return Err(Error::TooManyTypes);
        }
        self.set_last_info(Info::new(info.kind(), info.vlen() + 1, info.kind_flag()));
        Ok(())
    }

    fn put_word(&mut self, at: usize, word: u32) {
        if let Some(place) = self.types.get_mut(at..at + 4) {
            place.copy_from_slice(&self.endian.bytes(word));
        }
    }

    /// The record of a type, to be changed in place; its length stays.
    ///
    /// # Errors
    /// When the type does not exist, or is `void` or a base's.
    pub fn record_mut(&mut self, id: TypeId) -> Result<RecordMut<'_>, Error> {
        let missing = Error::NoSuchType { id, count: self.type_count() };
        let n = id.0.checked_sub(self.first_id).ok_or(missing)? as usize;
        let range = self.own_range(n).ok_or(missing)?;
        let bytes = self.types.get_mut(range).ok_or(missing)?;
        Ok(RecordMut { endian: self.endian, bytes })
    }

    /// Where the record of its `n`-th own type lies.
    fn own_range(&self, n: usize) -> Option<Range<usize>> {
        let start = *self.offsets.get(n)? as usize;
        Some(start..self.offsets.get(n + 1).map_or(self.types.len(), |&next| next as usize))
    }

    fn own_record(&self, n: usize) -> &[u8] {
        self.own_range(n).and_then(|range| self.types.get(range)).unwrap_or_default()
    }

    /// The string at an offset among this BTF's own strings.
    pub fn string(&self, offset: StrOffset) -> Option<&[u8]> {
        strings::get(self.strings.bytes(), offset.0.checked_sub(self.first_string)? as usize)
    }

    /// Changes bytes of a string in place, one for one. A string may be shared by several names.
    pub fn map_string(&mut self, offset: StrOffset, mut change: impl FnMut(u8) -> u8) {
        let Some(at) = offset.0.checked_sub(self.first_string) else { return };
        for byte in self.strings.bytes_mut().get_mut(at as usize..).unwrap_or_default() {
            match (*byte, change(*byte)) {
                (0, _) => break,
                (_, 0) => {}
                (_, new) => *byte = new,
            }
        }
    }

    /// Serialises: header, types, layout section if there is one, strings.
    pub fn finish(&self) -> Vec<u8> {
        serialize::btf(self.endian, &self.types, self.layout.as_deref(), self.strings.bytes())
    }
}

/// A type's record, to be changed in place.
#[derive(Debug)]
pub struct RecordMut<'a> {
    endian: Endian,
    bytes: &'a mut [u8],
}

impl RecordMut<'_> {
    /// How many words it has.
    pub fn words(&self) -> usize {
        self.bytes.len() / 4
    }

    /// Its `n`-th word: name, info, size or type, and what follows. 0 past the end.
    pub fn word(&self, n: usize) -> u32 {
        raw::word(self.endian, self.bytes, n.saturating_mul(4))
    }

    /// Changes its `n`-th word; nothing past the end.
    pub fn set_word(&mut self, n: usize, word: u32) {
        let word = self.endian.bytes(word);
        if let Some(place) = self.bytes.chunks_exact_mut(4).nth(n) {
            place.copy_from_slice(&word);
        }
    }

    /// Its info word.
    pub fn info(&self) -> Info {
        Info(self.word(1))
    }

    /// Changes its info word. The record's length must suit the new kind.
    pub fn set_info(&mut self, info: Info) {
        self.set_word(1, info.0);
    }
}
