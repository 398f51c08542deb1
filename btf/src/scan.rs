//! The one pass over the type section: it finds where each record starts, and that every id and string offset in them names
//! something.
//!
//! It is made twice over. [`quick`] takes what every well-formed BTF has, as fast as its words can be read, and gives up at whatever
//! is otherwise; what it takes is right. Then the thorough one decides: kinds that only the layout section knows, and what is
//! damaged, and how. That both agree is what the tests at the end try.

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

/// About as long as a type's record is: 25 bytes in a vmlinux. Vectors grow where an object has shorter ones.
const USUAL_LEN: usize = 24;

/// The end of the ids of so many types. Ids are signed in the kernel and in libbpf, and -1 is no id.
fn end_of_ids(first_id: u32, types: usize) -> Option<u32> {
    let end = first_id.checked_add(u32::try_from(types).ok()?)?;
    (end <= i32::MAX as u32).then_some(end)
}

fn has_named_shape(info: Info, name: u32) -> bool {
    name != 0 && Kind::from_number(info.kind()).is_some_and(Kind::has_shape)
}

/// The pass over types of the kinds that are known, if nothing is wrong with any.
#[inline(always)]
fn quick(types: &[u8], first_id: u32, string_end: u32, word: impl Fn([u8; 4]) -> u32 + Copy) -> Option<Scanned> {
    const INT: u8 = Kind::Int as u8;
    const PTR: u8 = Kind::Ptr as u8;
    const ARRAY: u8 = Kind::Array as u8;
    const STRUCT: u8 = Kind::Struct as u8;
    const UNION: u8 = Kind::Union as u8;
    const ENUM: u8 = Kind::Enum as u8;
    const FWD: u8 = Kind::Fwd as u8;
    const TYPEDEF: u8 = Kind::Typedef as u8;
    const VOLATILE: u8 = Kind::Volatile as u8;
    const CONST: u8 = Kind::Const as u8;
    const RESTRICT: u8 = Kind::Restrict as u8;
    const FUNC: u8 = Kind::Func as u8;
    const FUNC_PROTO: u8 = Kind::FuncProto as u8;
    const VAR: u8 = Kind::Var as u8;
    const DATASEC: u8 = Kind::Datasec as u8;
    const FLOAT: u8 = Kind::Float as u8;
    const DECL_TAG: u8 = Kind::DeclTag as u8;
    const TYPE_TAG: u8 = Kind::TypeTag as u8;
    const ENUM64: u8 = Kind::Enum64 as u8;

    let mut offsets: Vec<u32> = Vec::with_capacity(types.len() / USUAL_LEN);
    let mut shaped: Vec<u32> = Vec::with_capacity(types.len() / (8 * USUAL_LEN));
    let (mut max_id, mut max_string) = (0, 0);
    let mut rest = types;
    while let Some((&[n0, n1, n2, n3, i0, i1, i2, i3, t0, t1, t2, t3], mut tail)) = rest.split_first_chunk() {
        let name = word([n0, n1, n2, n3]);
        let info = Info(word([i0, i1, i2, i3]));
        let type_id = word([t0, t1, t2, t3]);
        max_string = max_string.max(name);
        // Pairs of words: the name and the type of a member or a parameter, the name and the value of an enumerator, ...
        let pairs = |tail: &mut &[u8], stride: usize, max_first: &mut u32, max_second: &mut u32| {
            let (items, after) = tail.split_at_checked(info.vlen() as usize * stride)?;
            for item in items.chunks_exact(stride) {
                let (first, second) = item.split_first_chunk::<4>()?;
                *max_first = word(*first).max(*max_first);
                *max_second = word(*second.first_chunk()?).max(*max_second);
            }
            *tail = after;
            Some(())
        };
        match info.kind() {
            FUNC | PTR | TYPEDEF | CONST | VOLATILE | RESTRICT | TYPE_TAG => max_id = max_id.max(type_id),
            FUNC_PROTO => pairs(&mut tail, raw::PARAM_LEN, &mut max_string, &mut max_id)?,
            STRUCT | UNION => pairs(&mut tail, raw::MEMBER_LEN, &mut max_string, &mut max_id)?,
            ENUM => pairs(&mut tail, raw::ENUM_LEN, &mut max_string, &mut { 0 })?,
            ENUM64 => pairs(&mut tail, raw::ENUM64_LEN, &mut max_string, &mut { 0 })?,
            DATASEC => pairs(&mut tail, raw::VAR_SECINFO_LEN, &mut max_id, &mut { 0 })?,
            INT => tail = tail.get(4..)?,
            VAR | DECL_TAG => {
                max_id = max_id.max(type_id);
                tail = tail.get(4..)?;
            }
            ARRAY => {
                let (&[e0, e1, e2, e3, i0, i1, i2, i3, ..], after) = tail.split_first_chunk::<{ raw::ARRAY_LEN }>()?;
                max_id = max_id.max(word([e0, e1, e2, e3])).max(word([i0, i1, i2, i3]));
                tail = after;
            }
            FWD | FLOAT => {}
            _ => return None,
        }
        if name != 0 && matches!(info.kind(), INT | STRUCT | UNION | ENUM | FWD | TYPEDEF | FLOAT | ENUM64) {
            shaped.push(offsets.len() as u32);
        }
        offsets.push((types.len() - rest.len()) as u32);
        rest = tail;
    }
    let count = end_of_ids(first_id, offsets.len())?;
    let fits = rest.is_empty() && max_id < count && (max_string < string_end || max_string == 0);
    offsets.shrink_to_fit();
    shaped.shrink_to_fit();
    fits.then_some(Scanned { offsets, shaped })
}
