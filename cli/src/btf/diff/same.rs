//! Whether two types of two BTFs are the same to those who use them.

use std::collections::HashSet;

use purebpf::btf::types::{FwdKind, Int};
use purebpf::btf::{Btf, Kind, Type, TypeData, TypeId};

use super::TooMuch;
use crate::btf::layout::place;

/// References followed from one type to the next, when they are modifiers or typedefs; as many as libbpf takes.
const MAX_CHAIN: u32 = 32;
/// Steps that a comparison may take beside those that grow with the BTFs.
const LEAST_STEPS: u64 = 1 << 20;
/// And those, for each byte of the two. Linux 5.10 and 7.2 take a third of one.
const STEPS_A_BYTE: u64 = 4;

/// The two BTFs, and what is known of pairs of their types.
pub(super) struct Sides<'a> {
    pub(super) a: &'a Btf,
    pub(super) b: &'a Btf,
    /// Pairs of types that were looked into and found the same.
    same: HashSet<(TypeId, TypeId)>,
    /// What may still be done: steps, and bytes of text.
    left: u64,
}

impl<'a> Sides<'a> {
    pub(super) fn new(a: &'a Btf, b: &'a Btf) -> Sides<'a> {
        let bytes = (a.raw_data().len() + b.raw_data().len()) as u64;
        Sides { a, b, same: HashSet::new(), left: LEAST_STEPS + bytes.saturating_mul(STEPS_A_BYTE) }
    }

    /// Counts work, so that it ends.
    pub(super) fn spend(&mut self, steps: u64) -> Result<(), TooMuch> {
        self.left = self.left.checked_sub(steps).ok_or(TooMuch)?;
        Ok(())
    }

    /// Whether two types are the same where they are used. Names of structs, unions, enums and typedefs say enough; typedefs of
    /// other names are looked through, and type tags, which only some compilers keep, are left out.
    pub(super) fn are_same(&mut self, a: TypeId, b: TypeId) -> Result<bool, TooMuch> {
        self.all_same(vec![(a, b)])
    }

    /// Whether two definitions are the same: those of structs and unions by all their members, of enums by their values, of typedefs
    /// and functions by what they refer to.
    pub(super) fn definitions_are_same(&mut self, a: TypeId, b: TypeId) -> Result<bool, TooMuch> {
        let (Ok(this), Ok(that)) = (self.a.type_by_id(a), self.b.type_by_id(b)) else { return Ok(false) };
        let mut pairs = Vec::new();
        Ok(match (this.data(), that.data()) {
            (TypeData::Typedef(a), TypeData::Typedef(b)) => self.are_same(a, b)?,
            (TypeData::Func(a), TypeData::Func(b)) => self.are_same(a.proto, b.proto)?,
            _ => self.bodies_are_same(&this, &that, &mut pairs)? && self.all_same(pairs)?,
        })
    }

    /// Whether all pairs are of the same types. None of them is met twice, and so cycles end.
    fn all_same(&mut self, mut todo: Vec<(TypeId, TypeId)>) -> Result<bool, TooMuch> {
        let mut met = HashSet::new();
        while let Some((a, b)) = todo.pop() {
            self.spend(1)?;
            let Some((this, that)) = self.beyond_typedefs(a, b)? else { continue };
            let pair = (this.id(), that.id());
            // Only what has a body can lead to itself without a name between.
            let has_body = this.name_bytes().is_empty();
            if has_body && (self.same.contains(&pair) || !met.insert(pair)) {
                continue;
            }
            if !self.pair_is_same(&this, &that, &mut todo)? {
                return Ok(false);
            }
        }
        // That they are the same was assumed of one another, and nothing spoke against it.
        self.same.extend(met);
        Ok(true)
    }

    /// The types behind typedefs and type tags; none where both are typedefs of one name.
    fn beyond_typedefs(&mut self, a: TypeId, b: TypeId) -> Result<Option<(Type<'a>, Type<'a>)>, TooMuch> {
        let (left, right) = (self.a, self.b);
        let (mut a, mut b) = (a, b);
        for _ in 0..2 * MAX_CHAIN {
            self.spend(1)?;
            let (Ok(this), Ok(that)) = (left.type_by_id(a), right.type_by_id(b)) else { return Err(TooMuch) };
            match (this.data(), that.data()) {
                (TypeData::TypeTag(next), _) => a = next,
                (_, TypeData::TypeTag(next)) => b = next,
                (TypeData::Typedef(_), TypeData::Typedef(_)) if this.name_bytes() == that.name_bytes() => {
                    return Ok(None);
                }
                (TypeData::Typedef(next), _) => a = next,
                (_, TypeData::Typedef(next)) => b = next,
                _ => return Ok(Some((this, that))),
            }
        }
        Err(TooMuch)
    }

    /// Whether two types are the same as far as they themselves go; what they refer to is left to do.
    fn pair_is_same(&mut self, a: &Type<'_>, b: &Type<'_>, todo: &mut Vec<(TypeId, TypeId)>) -> Result<bool, TooMuch> {
        let names = (a.name_bytes(), b.name_bytes());
        Ok(match (a.data(), b.data()) {
            (TypeData::Void, TypeData::Void) => a.info().kind() == b.info().kind(),
            (TypeData::Int(this), TypeData::Int(that)) => same_int((&this, names.0), (&that, names.1)),
            (TypeData::Float(this), TypeData::Float(that)) => this.size == that.size,
            (TypeData::Ptr(this), TypeData::Ptr(that))
            | (TypeData::Const(this), TypeData::Const(that))
            | (TypeData::Volatile(this), TypeData::Volatile(that))
            | (TypeData::Restrict(this), TypeData::Restrict(that)) => {
                todo.push((this, that));
                true
            }
            (TypeData::Array(this), TypeData::Array(that)) => {
                todo.push((this.element, that.element));
                this.len == that.len
            }
            (TypeData::FuncProto(this), TypeData::FuncProto(that)) => {
                if this.params().len() != that.params().len() {
                    return Ok(false);
                }
                self.spend(this.params().len() as u64)?;
                todo.push((this.ret, that.ret));
                todo.extend(this.params().zip(that.params()).map(|(a, b)| (a.type_id, b.type_id)));
                true
            }
            // A definition and a declaration are of one type.
            _ if tag(a).is_some() && tag(a) == tag(b) => match names {
                (b"", b"") => self.bodies_are_same(a, b, todo)?,
                (this, that) => this == that,
            },
            _ => false,
        })
    }

    /// Whether two structs, unions or enums have the same in them, one by one; the types of their members are left to do.
    fn bodies_are_same(
        &mut self,
        a: &Type<'_>,
        b: &Type<'_>,
        todo: &mut Vec<(TypeId, TypeId)>,
    ) -> Result<bool, TooMuch> {
        if tag(a) != tag(b) || a.vlen() != b.vlen() {
            return Ok(false);
        }
        self.spend(u64::from(a.vlen()))?;
        if let (Some(this), Some(that)) = (a.as_enum(), b.as_enum()) {
            let value = |value: purebpf::btf::types::EnumValue<'_>| value.value;
            let pairs = this.values().zip(that.values());
            return Ok(this.size == that.size
                && pairs.into_iter().all(|(a, b)| a.name_bytes() == b.name_bytes() && value(a) == value(b)));
        }
        let (Some(these), Some(those)) = (a.members(), b.members()) else { return Ok(false) };
        if a.size_or_type() != b.size_or_type() {
            return Ok(false);
        }
        for (this, that) in these.zip(those) {
            if this.name_bytes() != that.name_bytes() || place(self.a, &this) != place(self.b, &that) {
                return Ok(false);
            }
            todo.push((this.type_id, that.type_id));
        }
        Ok(true)
    }
}

/// What has one name space in C, by the keyword before the name.
fn tag(this: &Type<'_>) -> Option<Kind> {
    match this.data() {
        TypeData::Struct(_) | TypeData::Fwd(FwdKind::Struct) => Some(Kind::Struct),
        TypeData::Union(_) | TypeData::Fwd(FwdKind::Union) => Some(Kind::Union),
        TypeData::Enum(_) | TypeData::Enum64(_) => Some(Kind::Enum),
        _ => None,
    }
}

/// Compilers call the same integer `long unsigned int` and `unsigned long`, and whether `char` is signed is a matter of the
/// kernel's flags (`-funsigned-char`, from 6.2) that changes no layout.
fn same_int(a: (&Int, &[u8]), b: (&Int, &[u8])) -> bool {
    let ((this, name), (that, other)) = (a, b);
    let shape = |int: &Int| (int.size, int.bits, int.bit_offset);
    let is_char = (name, other) == (b"char", b"char");
    shape(this) == shape(that)
        && (this.encoding == that.encoding || is_char)
        && (name == other || words(name) == words(other))
}

/// The words of an integer's name that tell it from others, whatever their order.
fn words(name: &[u8]) -> Vec<&[u8]> {
    let mut words: Vec<&[u8]> = name.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
    if words.len() > 1 {
        words.retain(|word| *word != b"int");
        // `signed char` is not `char`.
        if !words.contains(&&b"char"[..]) {
            words.retain(|word| *word != b"signed");
        }
    }
    words.sort_unstable();
    words
}

#[cfg(test)]
mod tests {
    use purebpf::btf::IntEncoding;
    use purebpf::btf::builder::Builder;

    use super::*;

    #[test]
    fn integers_go_by_any_order_of_words() {
        assert_eq!(words(b"long unsigned int"), words(b"unsigned long"));
        assert_eq!(words(b"short int"), words(b"short"));
        assert_ne!(words(b"long long int"), words(b"long int"));
        assert_ne!(words(b"signed char"), words(b"char"));
        assert_ne!(words(b"int"), words(b"long"));
    }

    /// Anonymous structs that point to themselves, typedefs and pointers without end.
    #[test]
    fn cycles_end() {
        let cyclic = |offset: u32| {
            let mut b = Builder::new();
            let anonymous = b.add_struct("", 16).unwrap();
            b.add_member("next", TypeId(2), 0).unwrap();
            b.add_member("x", TypeId(3), offset).unwrap();
            b.add_reference(Kind::Ptr, anonymous).unwrap();
            b.add_int("int", 4, IntEncoding::SIGNED).unwrap();
            b.add_typedef("around", TypeId(5)).unwrap();
            b.add_typedef("and_around", TypeId(4)).unwrap();
            b.add_reference(Kind::Ptr, TypeId(6)).unwrap();
            Btf::parse(b.finish()).unwrap()
        };
        let (a, b, c) = (cyclic(64), cyclic(64), cyclic(96));
        assert_eq!(Sides::new(&a, &b).are_same(TypeId(1), TypeId(1)), Ok(true));
        assert_eq!(Sides::new(&a, &c).are_same(TypeId(1), TypeId(1)), Ok(false));
        assert_eq!(Sides::new(&a, &b).are_same(TypeId(6), TypeId(6)), Ok(true));
        // Typedefs that lead around, beside what is none.
        assert_eq!(Sides::new(&a, &b).are_same(TypeId(4), TypeId(3)), Err(TooMuch));
    }
}
