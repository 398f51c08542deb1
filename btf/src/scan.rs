//! The one pass over the type section: it finds where each record starts, and that every id and string offset in them names
//! something.
//!
//! It is made twice over. [`quick`] takes what every well-formed BTF has, as fast as its words can be read, and gives up at whatever
//! is otherwise; what it takes is right. Then the thorough one decides: kinds that only the layout section knows, and what is
//! damaged, and how. That both agree is what the tests at the end try.

use alloc::vec;
use alloc::vec::Vec;

use crate::raw::{self, Endian, Info};
use crate::types::Kind;
use crate::{Error, StrOffset, TypeId, layout};

/// What is to be gone through.
pub(crate) struct Scan<'a> {
    pub(crate) types: &'a [u8],
    pub(crate) layout: Option<&'a [u8]>,
    pub(crate) endian: Endian,
    pub(crate) first_id: u32,
    pub(crate) string_end: u32,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Where each record starts, in bytes from the start of the section.
    pub(crate) offsets: Vec<u32>,
    /// The numbers of the types that have a name and a [shape](Kind::has_shape).
    pub(crate) shaped: Vec<u32>,
}

impl Scan<'_> {
    pub(crate) fn run(&self) -> Result<Scanned, Error> {
        let quick = match self.endian {
            Endian::Little => quick(self.types, self.first_id, self.string_end, u32::from_le_bytes),
            Endian::Big => quick(self.types, self.first_id, self.string_end, u32::from_be_bytes),
        };
        quick.map_or_else(|| self.thorough(), Ok)
    }

    fn thorough(&self) -> Result<Scanned, Error> {
        let types = self.types;
        let mut offsets = Vec::with_capacity(types.len() / USUAL_LEN);
        let mut shaped = Vec::new();
        let (mut max_id, mut max_string) = (0, 0);
        let mut at = 0;
        while at < types.len() {
            let id = TypeId(self.first_id.wrapping_add(offsets.len() as u32));
            let truncated = Error::TypeTruncated { id, offset: at };
            let Some(head) = types.get(at..at + raw::TYPE_LEN) else { return Err(truncated) };
            let info = Info(raw::word(self.endian, head, 4));
            let len = layout::record_len(info, self.endian, self.layout)
                .ok_or(Error::UnknownKind { id, kind: info.kind() })?;
            let record = types.get(at..).and_then(|rest| rest.get(..len)).ok_or(truncated)?;
            self.references(record, info, |id| max_id = max_id.max(id), |string| max_string = max_string.max(string));
            if has_named_shape(info, raw::word(self.endian, head, 0)) {
                shaped.push(offsets.len() as u32);
            }
            offsets.push(at as u32);
            at += len;
        }
        let count = end_of_ids(self.first_id, offsets.len()).ok_or(Error::TooManyTypes)?;
        offsets.shrink_to_fit();
        if max_id >= count || (max_string >= self.string_end && max_string != 0) {
            return Err(self.find_culprit(&offsets, count));
        }
        Ok(Scanned { offsets, shaped })
    }

    /// Names every id and string offset of a record.
    #[inline]
    fn references(&self, record: &[u8], info: Info, mut id: impl FnMut(u32), mut string: impl FnMut(u32)) {
        let word = |at: usize| raw::word(self.endian, record, at);
        string(word(0));
        let Some(kind) = Kind::from_number(info.kind()) else { return };
        // What a prototype returns is not looked at by libbpf, either.
        if kind.has_type() && kind != Kind::FuncProto {
            id(word(8));
        }
        let tail = record.get(raw::TYPE_LEN..).unwrap_or_default();
        match kind {
            Kind::Array => {
                id(raw::word(self.endian, tail, 0));
                id(raw::word(self.endian, tail, 4));
            }
            Kind::Struct | Kind::Union | Kind::FuncProto => {
                for item in tail.chunks_exact(kind.element_len()) {
                    string(raw::word(self.endian, item, 0));
                    id(raw::word(self.endian, item, 4));
                }
            }
            Kind::Enum | Kind::Enum64 => {
                for item in tail.chunks_exact(kind.element_len()) {
                    string(raw::word(self.endian, item, 0));
                }
            }
            Kind::Datasec => {
                for item in tail.chunks_exact(raw::VAR_SECINFO_LEN) {
                    id(raw::word(self.endian, item, 0));
                }
            }
            _ => {}
        }
    }

    /// The first type that names something that does not exist; only called when there is one.
    fn find_culprit(&self, offsets: &[u32], count: u32) -> Error {
        for (n, &at) in offsets.iter().enumerate() {
            let id = TypeId(self.first_id + n as u32);
            let record = &self.types[at as usize..];
            let info = Info(raw::word(self.endian, record, 4));
            let len = layout::record_len(info, self.endian, self.layout).unwrap_or(record.len());
            let (mut bad_id, mut bad_string) = (None, None);
            self.references(
                &record[..len.min(record.len())],
                info,
                |target| bad_id = bad_id.or((target >= count).then_some(target)),
                |string| bad_string = bad_string.or((string != 0 && string >= self.string_end).then_some(string)),
            );
            if let Some(target) = bad_id {
                return Error::DanglingTypeId { id, target: TypeId(target), count };
            }
            if let Some(offset) = bad_string {
                return Error::DanglingString { id, offset: StrOffset(offset), len: self.string_end };
            }
        }
        Error::TooManyTypes
    }
}

/// About as long as a type's record is: 25 bytes in a vmlinux. Vectors grow where records are shorter.
const USUAL_LEN: usize = 24;

/// The end of the ids of so many types. Ids are signed in the kernel and in libbpf, and -1 is no id.
fn end_of_ids(first_id: u32, types: usize) -> Option<u32> {
    let end = first_id.checked_add(u32::try_from(types).ok()?)?;
    (end <= i32::MAX as u32).then_some(end)
}

fn has_named_shape(info: Info, name: u32) -> bool {
    name != 0 && Kind::from_number(info.kind()).is_some_and(Kind::has_shape)
}

/// What follows `struct btf_type`, as far as the quick pass is concerned.
#[derive(Clone, Copy)]
enum Tail {
    None,
    /// One word that names nothing.
    Word,
    /// Pairs that begin with a string and a type.
    Members,
    Params,
    /// Items that begin with a string.
    Enumerators,
    Enumerators64,
    /// Items that begin with a type.
    Variables,
    Array,
    Unknown,
}

/// How the quick pass takes types of a kind.
#[derive(Clone, Copy)]
struct Way {
    /// Whether the third word is a type that must exist: all ones if so.
    id_mask: u32,
    /// Whether that is all there is to do: no tail and no shape.
    is_plain: bool,
    tail: Tail,
    has_shape: bool,
}

/// By the top byte of a type's second word: the kind, and the `kind_flag`, which changes nothing here.
static WAYS: [Way; 256] = {
    let mut ways = [Way { id_mask: 0, is_plain: false, tail: Tail::Unknown, has_shape: false }; 256];
    let mut number = 1;
    while let Some(kind) = Kind::from_number(number) {
        let tail = match kind {
            Kind::Int | Kind::Var | Kind::DeclTag => Tail::Word,
            Kind::Array => Tail::Array,
            Kind::Struct | Kind::Union => Tail::Members,
            Kind::FuncProto => Tail::Params,
            Kind::Enum => Tail::Enumerators,
            Kind::Enum64 => Tail::Enumerators64,
            Kind::Datasec => Tail::Variables,
            _ => Tail::None,
        };
        // What a prototype returns is not looked at by libbpf, either.
        let id_mask = if kind.has_type() && !matches!(kind, Kind::FuncProto) { u32::MAX } else { 0 };
        let has_shape = kind.has_shape();
        let way = Way { id_mask, is_plain: matches!(tail, Tail::None) && !has_shape, tail, has_shape };
        ways[number as usize] = way;
        ways[number as usize | 0x80] = way;
        number += 1;
    }
    ways
};

/// The pass over types of the kinds that are known, if nothing is wrong with any.
///
/// A vmlinux has types by the hundred thousand, half of which are functions and pointers: for those it does nothing but compare
/// two words with the largest so far, and note where they were.
#[inline(always)]
fn quick(types: &[u8], first_id: u32, string_end: u32, word: impl Fn([u8; 4]) -> u32 + Copy) -> Option<Scanned> {
    let mut offsets = vec![0; types.len() / raw::TYPE_LEN];
    let mut shaped: Vec<u32> = Vec::with_capacity(types.len() / (8 * USUAL_LEN));
    let mut count = 0;
    let (mut max_id, mut max_string) = (0, 0);
    let mut rest = types;
    while let Some((&[n0, n1, n2, n3, i0, i1, i2, i3, t0, t1, t2, t3], tail)) = rest.split_first_chunk() {
        let name = word([n0, n1, n2, n3]);
        let info = word([i0, i1, i2, i3]);
        let way = &WAYS[(info >> 24) as usize];
        max_string = name.max(max_string);
        max_id = (word([t0, t1, t2, t3]) & way.id_mask).max(max_id);
        *offsets.get_mut(count)? = (types.len() - rest.len()) as u32;
        rest = tail;
        if !way.is_plain {
            let vlen = Info(info).vlen() as usize;
            let items = |stride: usize| rest.split_at_checked(vlen * stride);
            rest = match way.tail {
                Tail::None => rest,
                Tail::Word => rest.get(4..)?,
                Tail::Members => {
                    let (members, rest) = items(raw::MEMBER_LEN)?;
                    for &[n0, n1, n2, n3, t0, t1, t2, t3, ..] in chunks::<{ raw::MEMBER_LEN }>(members) {
                        max_string = word([n0, n1, n2, n3]).max(max_string);
                        max_id = word([t0, t1, t2, t3]).max(max_id);
                    }
                    rest
                }
                Tail::Params => {
                    let (params, rest) = items(raw::PARAM_LEN)?;
                    for &[n0, n1, n2, n3, t0, t1, t2, t3] in chunks::<{ raw::PARAM_LEN }>(params) {
                        max_string = word([n0, n1, n2, n3]).max(max_string);
                        max_id = word([t0, t1, t2, t3]).max(max_id);
                    }
                    rest
                }
                Tail::Enumerators => {
                    let (enumerators, rest) = items(raw::ENUM_LEN)?;
                    for &[n0, n1, n2, n3, ..] in chunks::<{ raw::ENUM_LEN }>(enumerators) {
                        max_string = word([n0, n1, n2, n3]).max(max_string);
                    }
                    rest
                }
                Tail::Enumerators64 => {
                    let (enumerators, rest) = items(raw::ENUM64_LEN)?;
                    for &[n0, n1, n2, n3, ..] in chunks::<{ raw::ENUM64_LEN }>(enumerators) {
                        max_string = word([n0, n1, n2, n3]).max(max_string);
                    }
                    rest
                }
                Tail::Variables => {
                    let (variables, rest) = items(raw::VAR_SECINFO_LEN)?;
                    for &[t0, t1, t2, t3, ..] in chunks::<{ raw::VAR_SECINFO_LEN }>(variables) {
                        max_id = word([t0, t1, t2, t3]).max(max_id);
                    }
                    rest
                }
                Tail::Array => {
                    let (&[e0, e1, e2, e3, i0, i1, i2, i3, ..], rest) =
                        rest.split_first_chunk::<{ raw::ARRAY_LEN }>()?;
                    max_id = max_id.max(word([e0, e1, e2, e3])).max(word([i0, i1, i2, i3]));
                    rest
                }
                Tail::Unknown => return None,
            };
            if way.has_shape && name != 0 {
                shaped.push(count as u32);
            }
        }
        count += 1;
    }
    let end = end_of_ids(first_id, count)?;
    let fits = rest.is_empty() && max_id < end && (max_string < string_end || max_string == 0);
    offsets.truncate(count);
    offsets.shrink_to_fit();
    shaped.shrink_to_fit();
    fits.then_some(Scanned { offsets, shaped })
}

/// Items of `N` bytes each.
fn chunks<const N: usize>(mut items: &[u8]) -> impl Iterator<Item = &[u8; N]> {
    core::iter::from_fn(move || {
        let (first, rest) = items.split_first_chunk()?;
        items = rest;
        Some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::Builder;
    use crate::types::{FwdKind, Linkage};
    use crate::{Btf, IntEncoding};

    /// Every kind once, in either byte order.
    fn of_every_kind(endian: Endian) -> Vec<u8> {
        let mut builder = Builder::new();
        builder.set_endian(endian);
        let int = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let pointer = builder.add_reference(Kind::Ptr, int).unwrap();
        builder.add_array(int, int, 3).unwrap();
        builder.add_struct("point", 8).unwrap();
        builder.add_member("x", int, 0).unwrap().add_member("y", pointer, 32).unwrap();
        builder.add_union("either", 8).unwrap();
        builder.add_enum("colour", 4, false).unwrap();
        builder.add_enum_value("RED", 1).unwrap();
        builder.add_enum64("wide", 8, false).unwrap();
        builder.add_enum_value("FAR", 1 << 40).unwrap();
        builder.add_typedef("number", int).unwrap();
        for kind in [Kind::Const, Kind::Volatile, Kind::Restrict] {
            builder.add_reference(kind, int).unwrap();
        }
        let prototype = builder.add_func_proto(int).unwrap();
        builder.add_param("a", int).unwrap().add_param("b", pointer).unwrap();
        let call = builder.add_func("call", Linkage::STATIC, prototype).unwrap();
        let var = builder.add_var("here", Linkage::STATIC, int).unwrap();
        builder.add_datasec(".data", 4).unwrap();
        builder.add_datasec_var(var, 0, 4).unwrap();
        builder.add_float("double", 8).unwrap();
        builder.add_fwd("later", FwdKind::Struct).unwrap();
        builder.add_decl_tag("tag", call, None).unwrap();
        builder.add_type_tag("user", int).unwrap();
        builder.finish()
    }

    /// What the quick pass takes the thorough one takes too, and finds the same; and it takes all that is well-formed. Each word
    /// of a type section is made each of some numbers that matter.
    #[test]
    fn both_passes_agree() {
        for endian in [Endian::Little, Endian::Big] {
            let bytes = of_every_kind(endian);
            let btf = Btf::parse(bytes.clone()).unwrap();
            let good = btf.own_type_section();
            let (count, string_end) = (btf.type_count(), btf.strings_end());
            let (mut taken, mut left) = (0, 0);
            for at in (0..good.len()).step_by(4) {
                for value in [
                    0,
                    1,
                    count - 1,
                    count,
                    string_end - 1,
                    string_end,
                    u32::MAX,
                    1 << 31,
                    Info::new(2, 0, false).0,
                    Info::new(4, 2, true).0,
                    Info::new(13, 0xff_ffff, false).0,
                    Info::new(20, 0, false).0,
                ] {
                    let mut types = good.to_vec();
                    types[at..at + 4].copy_from_slice(&endian.bytes(value));
                    let scan = Scan { types: &types, layout: None, endian, first_id: 1, string_end };
                    let quick = match endian {
                        Endian::Little => quick(&types, 1, string_end, u32::from_le_bytes),
                        Endian::Big => quick(&types, 1, string_end, u32::from_be_bytes),
                    };
                    match quick {
                        Some(quick) => assert_eq!(scan.thorough(), Ok(quick), "{endian:?}, {value:#x} at {at}"),
                        None => assert!(scan.thorough().is_err(), "{endian:?}, {value:#x} at {at}"),
                    }
                    let count = if scan.thorough().is_ok() { &mut taken } else { &mut left };
                    *count += 1;
                }
            }
            assert!(taken > 100 && left > 100, "{taken} {left}");
        }
    }
}
