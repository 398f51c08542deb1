//! Where the members of a struct or union lie: offsets, sizes, holes, padding.
//!
//! The terms are pahole's. A *hole* is bytes between members that belong to none; a *bit hole*, bits that are left over in the
//! integer that bitfields share; *padding* is what comes after the last member, and a *cacheline* is what a CPU fetches at once.
//! Members of anonymous structs and unions lie where they lie in the whole.
//!
//! The numbers are pahole's too, but for what pahole 1.24 leaves out: it tells of the padding of a member's struct only if it has
//! met that struct before, and not of `forced alignments`, which are its own guess where BTF has none.

mod command;
mod find;
mod json;
mod path;
mod text;

use purebpf::btf::types::{Composite, Member};
use purebpf::btf::{Btf, Kind, TypeData, TypeId};

use super::declaration::{Declaration, is_anonymous, shown};

pub(crate) use command::run;
pub(super) use find::proposals;

/// How many structs and unions may lie in one another.
const MAX_DEPTH: u32 = 32;
/// How many members a layout may have, nested ones counted. Linux 7.2 has no type of more than some thousands, all expanded; a few
/// dozen structs that hold each other twice can make 2^32.
const MAX_ENTRIES: u32 = 1 << 18;

/// The layout of a struct or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) is_union: bool,
    /// Empty for an anonymous one.
    pub(super) name: String,
    /// In bytes.
    pub(super) size: u32,
    pub(super) members: Vec<Entry>,
    /// What lies before the first member.
    pub(super) hole_before: Hole,
    pub(super) totals: Totals,
}

/// A member and what follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// How it is declared.
    pub(super) declaration: Declaration,
    /// Its type.
    pub(super) type_id: TypeId,
    pub(super) place: Place,
    /// What lies between it and the next member.
    pub(super) hole_after: Hole,
    /// Bytes of padding at the end of the struct that it is.
    pub(super) padding: u32,
    /// Its own members, if they are to be shown.
    pub(super) nested: Option<Layout>,
}

/// Where something lies in the outermost struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// In bytes; of a bitfield, that of the integer of its type that it lies in.
    pub(super) offset: u64,
    /// In bytes; of a bitfield, that of its type.
    pub(super) size: u32,
    pub(super) bits: Option<Bits>,
}

/// Where a bitfield lies in the integer at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) offset: u32,
    pub(super) width: u32,
}

/// Room that no member has: first the bits that the integer of the last bitfield has left, then bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) bits: u32,
    pub(super) bytes: u32,
}

/// What pahole tells at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub(super) members: u32,
    /// Bytes of members that are no bitfields.
    pub(super) sum_members: u64,
    pub(super) holes: u32,
    pub(super) sum_holes: u64,
    /// Bits of bitfields.
    pub(super) sum_bitfields: u64,
    pub(super) bit_holes: u32,
    pub(super) sum_bit_holes: u64,
    /// Bytes after the last member.
    pub(super) padding: u32,
    /// Bits after the last member, if that is a bitfield, in its integer.
    pub(super) bit_padding: u32,
    /// Members that are structs with padding of their own, and the bytes of that.
    pub(super) paddings: u32,
    pub(super) sum_paddings: u64,
}

/// Why there is no layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Structs lie in one another without end, or as good as.
    TooDeep,
    /// More members than anybody reads.
    TooLarge,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::TooDeep => write!(f, "more than {MAX_DEPTH} structs lie in one another"),
            Fault::TooLarge => write!(f, "more than {MAX_ENTRIES} members, those of nested structs counted"),
        }
    }
}

impl std::error::Error for Fault {}

/// Lays out the struct or union of this id. With `expand`, the members of named structs and unions in it are shown too; those of
/// anonymous ones always are. A type that is neither has no members.
pub(super) fn layout(btf: &Btf, id: TypeId, expand: bool) -> Result<Layout, Fault> {
    Pass { btf, expand, entries: MAX_ENTRIES }.layout(id, 0, 0)
}

struct Pass<'a> {
    btf: &'a Btf,
    expand: bool,
    /// How many members may still come.
    entries: u32,
}

impl Pass<'_> {
    /// `base` is where the type lies in the outermost one, in bytes.
    fn layout(&mut self, id: TypeId, base: u64, depth: u32) -> Result<Layout, Fault> {
        let depth = Some(depth + 1).filter(|depth| *depth <= MAX_DEPTH).ok_or(Fault::TooDeep)?;
        let mut layout = Layout {
            is_union: false,
            name: String::new(),
            size: 0,
            members: Vec::new(),
            hole_before: Hole::default(),
            totals: Totals::default(),
        };
        let Some((is_union, composite)) = composite(self.btf, id) else { return Ok(layout) };
        layout.is_union = is_union;
        layout.name = self.btf.resolve(id).map(|this| shown(this.name_bytes())).unwrap_or_default();
        layout.size = composite.size;
        let mut gaps = Gaps::new();
        for member in composite.members() {
            self.entries = self.entries.checked_sub(1).ok_or(Fault::TooLarge)?;
            let within = place(self.btf, &member);
            if !is_union {
                let hole = gaps.before(within);
                layout.totals.count_hole(hole);
                match layout.members.last_mut() {
                    Some(last) => last.hole_after = hole,
                    None => layout.hole_before = hole,
                }
            }
            let entry = self.entry(&member, within, base, depth)?;
            layout.totals.count(&entry);
            layout.members.push(entry);
        }
        if !is_union {
            let rest = gaps.after(composite.size);
            (layout.totals.bit_padding, layout.totals.padding) = (rest.bits, rest.bytes);
        }
        Ok(layout)
    }

    fn entry(&mut self, member: &Member<'_>, within: Place, base: u64, depth: u32) -> Result<Entry, Fault> {
        let name = shown(member.name_bytes());
        let declaration = Declaration::new(self.btf, member.type_id, &name);
        let place = Place { offset: base.saturating_add(within.offset), ..within };
        let mut entry = Entry {
            name,
            declaration,
            type_id: member.type_id,
            place,
            hole_after: Hole::default(),
            padding: 0,
            nested: None,
        };
        let Some((inner, whole)) = inner_composite(self.btf, member.type_id) else { return Ok(entry) };
        if whole {
            entry.padding = padding(self.btf, inner, &mut self.entries)?;
        }
        // One that a typedef names has a name.
        let is_anonymous = entry.declaration.base_id == inner && is_anonymous(self.btf, inner);
        if self.expand || is_anonymous {
            entry.nested = Some(self.layout(inner, place.offset, depth)?);
        }
        Ok(entry)
    }
}

impl Totals {
    fn count(&mut self, entry: &Entry) {
        self.members += 1;
        match entry.place.bits {
            Some(bits) => self.sum_bitfields += u64::from(bits.width),
            None => self.sum_members += u64::from(entry.place.size),
        }
        self.paddings += u32::from(entry.padding != 0);
        self.sum_paddings += u64::from(entry.padding);
    }

    fn count_hole(&mut self, hole: Hole) {
        self.holes += u32::from(hole.bytes != 0);
        self.sum_holes += u64::from(hole.bytes);
        self.bit_holes += u32::from(hole.bits != 0);
        self.sum_bit_holes += u64::from(hole.bits);
    }
}

/// Finds what is between members. Positions are in bits; a BTF may put members anywhere, and one that lies before the end of the
/// last has no hole before it.
struct Gaps {
    /// Where the last member ended.
    end: u64,
    /// Where the integer ends that the last member has a part of, if it is a bitfield.
    unit: Option<Unit>,
}

/// An integer that bitfields share.
#[derive(Clone, Copy)]
struct Unit {
    end: u64,
    width: u64,
}

impl Gaps {
    fn new() -> Gaps {
        Gaps { end: 0, unit: None }
    }

    /// The hole before a member, which becomes the last.
    fn before(&mut self, place: Place) -> Hole {
        let unit_start = place.offset.saturating_mul(8);
        let (start, width) = match place.bits {
            Some(bits) => (unit_start.saturating_add(bits.offset.into()), u64::from(bits.width)),
            None => (unit_start, u64::from(place.size) * 8),
        };
        let mut hole = Wide::default();
        let mut at = self.end;
        if let Some(unit) = self.unit {
            let stop = start.min(unit.end);
            hole.bits += stop.saturating_sub(at);
            at = at.max(stop);
        }
        match place.bits {
            Some(_) => {
                if at < unit_start && unit_start <= start {
                    hole.bytes += unit_start / 8 - at / 8;
                    at = unit_start;
                }
                hole.bits += start.saturating_sub(at);
            }
            None => hole.bytes += (start / 8).saturating_sub(at / 8),
        }
        self.end = start.saturating_add(width);
        self.unit = place.bits.map(|_| self.unit_of(unit_start, u64::from(place.size) * 8));
        hole.narrow()
    }

    /// The integer that is open after a bitfield of a type of `width` bits at `start`: its own, unless it is no wider than
    /// the one that is open already and lies in that.
    fn unit_of(&self, start: u64, width: u64) -> Unit {
        if let Some(open) = self.unit.filter(|open| self.end <= open.end && width <= open.width) {
            return open;
        }
        let end = start.saturating_add(width);
        // One that began in an integer may end in the next.
        Unit { end: if self.end > end { end.saturating_add(width) } else { end }, width }
    }

    /// What is left up to the end of a struct of `size` bytes.
    fn after(self, size: u32) -> Hole {
        let whole = u64::from(size) * 8;
        let stop = self.unit.map_or(self.end, |unit| unit.end.min(whole).max(self.end));
        let bits = stop - self.end;
        Wide { bits, bytes: u64::from(size).saturating_sub(stop / 8) }.narrow()
    }
}

/// A [`Hole`] while it is measured.
#[derive(Default)]
struct Wide {
    bits: u64,
    bytes: u64,
}

impl Wide {
    fn narrow(self) -> Hole {
        let narrow = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Hole { bits: narrow(self.bits), bytes: narrow(self.bytes) }
    }
}

/// Where a member lies within its own struct. What has no size takes none.
pub(super) fn place(btf: &Btf, member: &Member<'_>) -> Place {
    let size = btf.size_of(member.type_id).unwrap_or(0);
    let start = u64::from(member.bit_offset);
    let Some(width) = member.bit_size() else { return Place { offset: start / 8, size, bits: None } };
    // Before there was `kind_flag`, a bitfield's integer type said where its bits begin (BTF_INT_OFFSET).
    let within = match btf.resolve(member.type_id).map(|this| this.data()) {
        Ok(TypeData::Int(int)) if member.bitfield_size.is_none() => u64::from(int.bit_offset),
        _ => 0,
    };
    let start = start + within;
    let unit = u64::from(size).saturating_mul(8).max(8);
    let offset = start / unit * (unit / 8);
    Place { offset, size, bits: Some(Bits { offset: (start - offset * 8) as u32, width: width.into() }) }
}

/// A struct or union, behind modifiers and typedefs, and whether it is a union.
pub(super) fn composite(btf: &Btf, id: TypeId) -> Option<(bool, Composite<'_>)> {
    match btf.resolve(id).ok()?.data() {
        TypeData::Struct(composite) => Some((false, composite)),
        TypeData::Union(composite) => Some((true, composite)),
        _ => None,
    }
}

/// The struct or union that a member has in it, itself or as an array's elements, and whether it is it itself.
pub(super) fn inner_composite(btf: &Btf, id: TypeId) -> Option<(TypeId, bool)> {
    let mut current = btf.resolve(id).ok()?;
    let mut whole = true;
    for _ in 0..MAX_DEPTH {
        match current.data() {
            TypeData::Array(array) => (current, whole) = (btf.resolve(array.element).ok()?, false),
            _ => break,
        }
    }
    matches!(current.kind(), Kind::Struct | Kind::Union).then(|| (current.id(), whole))
}

/// Bytes at the end of a struct that no member has.
fn padding(btf: &Btf, id: TypeId, entries: &mut u32) -> Result<u32, Fault> {
    let Some((false, composite)) = composite(btf, id) else { return Ok(0) };
    // The last member alone does not tell: where its integer ends depends on the bitfields before it.
    let mut gaps = Gaps::new();
    for member in composite.members() {
        *entries = entries.checked_sub(1).ok_or(Fault::TooLarge)?;
        gaps.before(place(btf, &member));
    }
    Ok(gaps.after(composite.size).bytes)
}

/// Lays out a type and tells of it in all ways.
#[cfg(test)]
pub(super) fn exercise(btf: &Btf, id: TypeId, expand: bool) {
    let Ok(layout) = layout(btf, id, expand) else { return };
    let style = text::Style { cacheline: 64, packed: command::is_packed(btf, id) };
    assert!(text::text(&layout, Some("typedef"), style).ends_with("typedef;\n"));
    json::layout(&layout, btf, None, 64);
    for member in layout.members.iter().take(4) {
        let steps = [path::Step::Member(member.name.clone()), path::Step::Index(1)];
        for part in path::follow(btf, id, "type", &steps).into_iter().flatten() {
            path::text(btf, &part);
            json::part(&part, btf);
        }
    }
}

#[cfg(test)]
mod tests {
    use purebpf::btf::IntEncoding;
    use purebpf::btf::builder::Builder;

    use super::*;

    fn holes(btf: &Btf, id: TypeId) -> (Hole, Vec<Hole>, Totals) {
        let layout = layout(btf, id, false).unwrap();
        (layout.hole_before, layout.members.iter().map(|member| member.hole_after).collect(), layout.totals)
    }

    /// `struct { char a; int b:3; int :5; int c:4; short d; /* 2 bytes */ long e; char f; }`, with what pahole 1.24 says of it.
    #[test]
    fn holes_of_bytes_and_bits() {
        let mut b = Builder::new();
        let int = b.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let long = b.add_int("long", 8, IntEncoding::SIGNED).unwrap();
        let short = b.add_int("short", 2, IntEncoding::SIGNED).unwrap();
        let char = b.add_int("char", 1, IntEncoding::SIGNED).unwrap();
        let id = b.add_struct("s", 24).unwrap();
        b.add_member("a", char, 0).unwrap();
        b.add_bitfield("b", int, 8, 3).unwrap();
        b.add_bitfield("c", int, 16, 4).unwrap();
        b.add_member("d", short, 32).unwrap();
        b.add_member("e", long, 64).unwrap();
        b.add_member("f", char, 128).unwrap();
        let btf = Btf::parse(b.finish()).unwrap();
        let hole = |bits, bytes| Hole { bits, bytes };
        let (before, after, totals) = holes(&btf, id);
        assert_eq!(before, hole(0, 0));
        assert_eq!(after, [hole(0, 0), hole(5, 0), hole(12, 0), hole(0, 2), hole(0, 0), hole(0, 0)]);
        assert_eq!((totals.padding, totals.bit_padding), (7, 0));
        assert_eq!((totals.holes, totals.sum_holes, totals.bit_holes, totals.sum_bit_holes), (1, 2, 2, 17));
        assert_eq!((totals.sum_members, totals.sum_bitfields), (12, 7));
    }

    /// Each struct holds the one before twice: expanded, 2^31 of the first. Then one that holds itself.
    #[test]
    fn what_has_no_end_is_refused() {
        let mut b = Builder::new();
        let mut last = b.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        for n in 0..31 {
            let id = b.add_struct(format!("s{n}"), 8).unwrap();
            b.add_member("a", last, 0).unwrap();
            b.add_member("b", last, 32).unwrap();
            last = id;
        }
        let itself = b.add_struct("", 8).unwrap();
        b.add_member("", itself, 0).unwrap();
        let btf = Btf::parse(b.finish()).unwrap();
        assert_eq!(layout(&btf, last, true).map(|_| ()), Err(Fault::TooLarge));
        assert!(layout(&btf, last, false).is_ok());
        assert_eq!(layout(&btf, itself, false).map(|_| ()), Err(Fault::TooDeep));
        assert!(path::follow(&btf, itself, "s", &[path::Step::Member("x".to_owned())]).is_err());
    }

    /// Members where no compiler puts them: overlapping, beyond the end, at the last bit that can be said.
    #[test]
    fn members_anywhere() {
        let mut b = Builder::new();
        let int = b.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let huge = b.add_array(int, int, u32::MAX / 4).unwrap();
        let id = b.add_struct("s", 4).unwrap();
        b.add_member("far", huge, u32::MAX).unwrap();
        b.add_member("a", int, 8).unwrap();
        b.add_member("b", int, 0).unwrap();
        let bits = b.add_struct("bits", 0).unwrap();
        b.add_bitfield("wide", int, (1 << 24) - 1, 255).unwrap();
        b.add_bitfield("narrow", int, 1, 1).unwrap();
        let btf = Btf::parse(b.finish()).unwrap();
        for id in [id, bits] {
            exercise(&btf, id, false);
            exercise(&btf, id, true);
        }
        let (before, after, totals) = holes(&btf, id);
        assert_eq!((before.bytes, totals.padding), (u32::MAX / 8, 0));
        assert_eq!(after, [Hole::default(); 3]);
    }
}
