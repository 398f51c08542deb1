//! Definitions: structs, unions, enums, typedefs, and the forward declarations they need.

use super::names::{Name, NameCounts};
use super::{Dumper, MAX_CHAIN, Nesting, Progress, deeper, is_named, is_struct};
use crate::dump::text::Text;
use crate::raw::{MEMBER_LEN, PARAM_LEN};
use crate::types::{Composite, Enum, FwdKind};
use crate::{Error, Kind, Type, TypeData, TypeId};

/// Types that GCC knows and Clang does not, with one of the same size: GCC's `arm_neon.h` makes
/// them show up in BTF.
const MISSING_TYPES: [(&[u8], &str); 4] = [
    (b"__Poly8_t", "unsigned char"),
    (b"__Poly16_t", "unsigned short"),
    (b"__Poly64_t", "unsigned long long"),
    (b"__Poly128_t", "unsigned __int128"),
];

/// A compiler's own type, in no need of a definition: one would be an error.
const BUILTIN: &[u8] = b"__builtin_va_list";

impl<'a> Dumper<'a> {
    /// Writes the definition of `id`, after the forward declarations that it needs. `container` is
    /// the named struct, union or typedef on whose behalf this is done, `void` for a definition
    /// that stands for itself; within a container, structs and unions are only declared.
    #[doc(alias = "btf_dump_emit_type")]
    pub(super) fn write_with_needs(
        &mut self,
        id: TypeId,
        container: TypeId,
        depth: u32,
        text: &mut Text<'_>,
    ) -> Result<(), Error> {
        let state = *self.state(id);
        if state.emit == Progress::Done || (state.quiet && !container.is_void()) {
            return text.step();
        }
        let (start, mut id) = (id, id);
        for _ in 0..MAX_CHAIN {
            text.step()?;
            let head = self.records.head(id.0);
            match (self.state(id).emit, head.kind()) {
                (Progress::Done, _) => {}
                (Progress::Doing, _) => self.declare_open(&self.get(id), container, text)?,
                (_, Kind::Ptr | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag) => {
                    id = TypeId(head.size_or_type);
                    continue;
                }
                (_, Kind::Array) => {
                    let TypeData::Array(array) = self.get(id).data() else { return Ok(()) };
                    id = array.element;
                    continue;
                }
                _ => self.write_new(&self.get(id), container, deeper(depth, start)?, text)?,
            }
            if self.is_quiet(id) {
                self.state(start).quiet = true;
            }
            return Ok(());
        }
        Err(Error::TooDeep { id: start, limit: MAX_CHAIN })
    }

    /// Whether nothing is left to be written for those that use a type.
    #[inline]
    fn is_quiet(&mut self, id: TypeId) -> bool {
        let state = *self.state(id);
        state.quiet || state.emit == Progress::Done || state.forward_declared
    }

    /// Declares a type that is referred to while its definition is being prepared.
    fn declare_open(&mut self, this: &Type<'a>, container: TypeId, text: &mut Text<'_>) -> Result<(), Error> {
        let id = this.id();
        if self.state(id).forward_declared {
            return Ok(());
        }
        match this.data() {
            TypeData::Struct(_) | TypeData::Union(_) => {
                // Its own members see it without; and an anonymous one cannot be named.
                if id == container || !is_named(this) {
                    return Ok(());
                }
                self.write_composite_name(this, text);
                text.str(";\n\n");
                self.state(id).forward_declared = true;
            }
            TypeData::Typedef(target) => {
                if this.name_bytes() != BUILTIN {
                    self.write_typedef(this, target, text)?;
                }
                self.state(id).forward_declared = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn write_new(&mut self, this: &Type<'a>, container: TypeId, depth: u32, text: &mut Text<'_>) -> Result<(), Error> {
        let id = this.id();
        let stands_for_itself = container.is_void();
        match this.kind() {
            Kind::Int => {
                self.write_missing_type(this, text)?;
                self.state(id).emit = Progress::Done;
            }
            Kind::Enum | Kind::Enum64 => {
                if let (true, Some(data)) = (stands_for_itself, this.as_enum()) {
                    self.write_enum(this, &data, Nesting::at(0), text)?;
                    text.str(";\n\n");
                }
                self.state(id).emit = Progress::Done;
            }
            Kind::Fwd => {
                self.write_forward(this, if this.kind_flag() { FwdKind::Union } else { FwdKind::Struct }, text);
                text.str(";\n\n");
                self.state(id).emit = Progress::Done;
            }
            Kind::Typedef => {
                let target = TypeId(this.size_or_type());
                self.state(id).emit = Progress::Doing;
                self.write_with_needs(target, id, depth, text)?;
                if !self.state(id).forward_declared && this.name_bytes() != BUILTIN {
                    self.write_typedef(this, target, text)?;
                }
                self.state(id).emit = Progress::Done;
            }
            Kind::Struct | Kind::Union => self.write_new_composite(this, container, depth, text)?,
            Kind::FuncProto => {
                let ret = TypeId(this.size_or_type());
                self.write_with_needs(ret, container, depth, text)?;
                let quiet = self.write_needs_of(this, PARAM_LEN, container, depth, text)?;
                self.state(id).quiet = quiet && self.is_quiet(ret);
            }
            _ => {}
        }
        Ok(())
    }

    /// A struct or union that was not written before: its definition, if it stands for itself, or else its declaration.
    fn write_new_composite(
        &mut self,
        this: &Type<'a>,
        container: TypeId,
        depth: u32,
        text: &mut Text<'_>,
    ) -> Result<(), Error> {
        let id = this.id();
        self.state(id).emit = Progress::Doing;
        if container.is_void() || !is_named(this) {
            // What is anonymous becomes part of its container.
            let container = if is_named(this) { id } else { container };
            let quiet = self.write_needs_of(this, MEMBER_LEN, container, depth, text)?;
            self.state(id).quiet = quiet && !is_named(this);
        } else if !self.state(id).forward_declared && id != container {
            self.write_composite_name(this, text);
            text.str(";\n\n");
            self.state(id).forward_declared = true;
        }
        if container.is_void() {
            let Some(composite) = this.as_composite() else { return Ok(()) };
            self.write_composite(this, &composite, Nesting::at(0), text)?;
            text.str(";\n\n");
        }
        self.state(id).emit = if container.is_void() { Progress::Done } else { Progress::Todo };
        Ok(())
    }

    /// Writes what the members or parameters of a type need on behalf of `container`. Says whether nothing is left to be written for
    /// them.
    fn write_needs_of(
        &mut self,
        this: &Type<'a>,
        item_len: usize,
        container: TypeId,
        depth: u32,
        text: &mut Text<'_>,
    ) -> Result<bool, Error> {
        let mut quiet = true;
        let record = self.records.get(this.id().0);
        for item in record.tail().chunks_exact(item_len) {
            let id = TypeId(record.item_word(item, 4));
            if !self.is_quiet(id) {
                self.write_with_needs(id, container, depth, text)?;
                quiet = quiet && self.is_quiet(id);
            }
        }
        Ok(quiet)
    }

    /// `struct name` or `union name`.
    #[doc(alias = "btf_dump_emit_struct_fwd")]
    pub(super) fn write_composite_name(&mut self, this: &Type<'a>, text: &mut Text<'_>) {
        text.str(if is_struct(this) { "struct" } else { "union" });
        if is_named(this) {
            text.str(" ");
            self.tag(this).write(text);
        }
    }

    /// `struct name` for a type that is only declared in the BTF.
    pub(super) fn write_forward(&mut self, this: &Type<'a>, kind: FwdKind, text: &mut Text<'_>) {
        text.str(match kind {
            FwdKind::Struct => "struct ",
            FwdKind::Union => "union ",
        });
        self.tag(this).write(text);
    }

    /// A struct or union from its keyword to its closing brace and attribute.
    #[doc(alias = "btf_dump_emit_struct_def")]
    pub(super) fn write_composite(
        &mut self,
        this: &Type<'a>,
        composite: &Composite<'a>,
        nesting: Nesting,
        text: &mut Text<'_>,
    ) -> Result<(), Error> {
        let inner = nesting.indented();
        let align = self.align_of(this.id());
        // An alignment of more than a byte shows that every member lies where it wants to.
        let packed = is_struct(this) && align <= 1 && self.is_packed(composite);
        self.write_composite_name(this, text);
        text.str(" {");

        let mut padding = Padding { at: 0, long_bits: i64::from(self.pointer_size) * 8, level: inner.level };
        // Offsets are `int` for libbpf, and wrap in structs that claim to be of 256 MB and more.
        let mut after_bitfield = false;
        for member in composite.members() {
            let offset = member.bit_offset as i32;
            let member_align = if packed { 1 } else { self.align_of(member.type_id) };
            let in_bitfield = after_bitfield && member.bitfield_size.is_some();
            padding.write_up_to(offset, member_align, in_bitfield, text)?;
            text.step()?;
            text.line(inner.level);
            self.write_declaration(
                member.type_id,
                Name::plain(self.records.string(member.name_offset.0)),
                inner,
                text,
            )?;
            let bits = match member.bitfield_size {
                Some(bits) => {
                    text.str(": ");
                    text.number(bits.into());
                    i32::from(bits)
                }
                None => self.size_of(member.type_id).wrapping_mul(8) as i32,
            };
            padding.at = offset.wrapping_add(bits).into();
            after_bitfield = member.bitfield_size.is_some();
            text.str(";");
        }
        if is_struct(this) {
            padding.write_up_to(composite.size.wrapping_mul(8) as i32, align, false, text)?;
        }
        if this.vlen() != 0 || composite.size != 0 {
            text.line(nesting.level);
        }
        text.str(if packed { "} __attribute__((packed))" } else { "}" });
        Ok(())
    }

    /// `enum name`, with its enumerators if it has any, and the attribute that gives it its size.
    #[doc(alias = "btf_dump_emit_enum_def")]
    pub(super) fn write_enum(
        &mut self,
        this: &Type<'a>,
        data: &Enum<'a>,
        nesting: Nesting,
        text: &mut Text<'_>,
    ) -> Result<(), Error> {
        text.str("enum");
        if is_named(this) {
            text.str(" ");
            self.tag(this).write(text);
        }
        if this.vlen() == 0 {
            return Ok(());
        }
        let wide = this.kind() == Kind::Enum64;
        let suffix = match (wide, data.signed) {
            (false, _) => ",",
            (true, true) => "LL,",
            (true, false) => "ULL,",
        };
        text.str(" {");
        for value in data.values() {
            text.step()?;
            text.line(nesting.level.saturating_add(1));
            let bytes = self.records.string(value.name_offset.0);
            Name { bytes, nth: self.identifiers.count(bytes) }.write_whole(text);
            text.str(" = ");
            match data.signed {
                true => text.signed(value.value as i64),
                false => text.number(value.value),
            }
            text.str(suffix);
        }
        text.line(nesting.level);
        text.str("}");
        match data.size {
            1 => text.str(" __attribute__((mode(byte)))"),
            // Values that do not fit 32 bits make an enum 8 bytes wide by themselves.
            8 if self.pointer_size == 8 && !(wide && data.values().any(|value| value.value >> 32 != 0)) => {
                text.str(" __attribute__((mode(word)))");
            }
            _ => {}
        }
        Ok(())
    }

    #[doc(alias = "btf_dump_emit_typedef_def")]
    fn write_typedef(&mut self, this: &Type<'a>, target: TypeId, text: &mut Text<'_>) -> Result<(), Error> {
        let name = self.identifier(this);
        // Old versions of GCC write BTF in which it is a typedef of `void`.
        if target.is_void() && name.is(b"__gnuc_va_list") {
            text.str("typedef __builtin_va_list __gnuc_va_list;\n\n");
            return Ok(());
        }
        text.str("typedef ");
        self.write_declaration(target, name, Nesting::at(0), text)?;
        text.str(";\n\n");
        Ok(())
    }

    #[doc(alias = "btf_dump_emit_missing_aliases")]
    fn write_missing_type(&mut self, this: &Type<'a>, text: &mut Text<'_>) -> Result<(), Error> {
        let name = self.tag(this);
        text.charge(name.bytes.len())?;
        let known = MISSING_TYPES.iter().find(|(missing, _)| name.is(missing));
        if let Some((name, stand_in)) = known {
            text.str("typedef ");
            text.str(stand_in);
            text.str(" ");
            text.name(name);
            text.str(";\n\n");
        }
        Ok(())
    }

    /// Name of a struct, union, enum or (as libbpf counts them) integer.
    #[doc(alias = "btf_dump_type_name")]
    pub(super) fn tag(&mut self, this: &Type<'a>) -> Name<'a> {
        self.name(this, |dumper| &mut dumper.tags)
    }

    /// Name of a typedef.
    #[doc(alias = "btf_dump_ident_name")]
    pub(super) fn identifier(&mut self, this: &Type<'a>) -> Name<'a> {
        self.name(this, |dumper| &mut dumper.identifiers)
    }

    #[doc(alias = "btf_dump_resolve_name")]
    fn name(&mut self, this: &Type<'a>, names: impl Fn(&mut Self) -> &mut NameCounts<'a>) -> Name<'a> {
        let bytes = self.records.string(this.name_offset().0);
        let mut nth = self.state(this.id()).name_use;
        if nth == 0 {
            nth = match this.kind() {
                _ if !is_named(this) => 1,
                // Declarations may be repeated; and the compiler's own type has one name, however often it is in the BTF.
                Kind::Fwd => 1,
                Kind::Typedef if bytes == BUILTIN => 1,
                Kind::Enum if this.vlen() == 0 => 1,
                _ => names(self).count(bytes),
            };
            self.state(this.id()).name_use = nth;
        }
        Name { bytes, nth }
    }
}

/// Padding in a struct: unnamed bitfields that bring a compiler from the end of one member to where
/// the next begins.
///
/// Most gaps need none, since the next member's alignment makes them. Where that does not reach, the
/// widest of four types is taken whose own boundary lies within the gap: `long: 0` moves to the
/// boundary, `long: 64` fills from there on.
struct Padding {
    /// Where the text so far ends, in bits.
    at: i64,
    long_bits: i64,
    level: u32,
}

impl Padding {
    /// Closes the gap before `next`, where something of alignment `next_align` is to stand.
    #[doc(alias = "btf_dump_emit_bit_padding")]
    fn write_up_to(&mut self, next: i32, next_align: u8, in_bitfield: bool, text: &mut Text<'_>) -> Result<(), Error> {
        let next = i64::from(next);
        if self.at >= next {
            return Ok(());
        }
        let fillers = [("long", self.long_bits), ("int", 32), ("short", 16), ("char", 8)];
        let fits = |&&(_, bits): &&(&str, i64)| round_up(self.at, bits) <= next;
        let &(name, bits) = fillers.iter().find(fits).unwrap_or(&fillers[3]);
        let boundary = round_up(self.at, bits);

        if boundary > self.at && boundary <= next {
            // Without the mark, a member of smaller alignment would stand before the boundary; and
            // a filler that still fits before the boundary would be put there.
            let member_stops_short =
                boundary == next && round_up(self.at, i64::from(next_align.max(1)) * 8) != boundary;
            let filler_stops_short = boundary != next && next - boundary <= boundary - self.at;
            if in_bitfield {
                self.write_filler(name, boundary - self.at, text)?;
            } else if member_stops_short || filler_stops_short {
                self.write_filler(name, 0, text)?;
            }
            self.at = boundary;
        }
        while next - self.at >= bits {
            self.write_filler(name, bits, text)?;
            self.at += bits;
        }
        if self.at < next {
            let rest = next - self.at;
            // The narrowest that holds the rest: it says best how large the gap is.
            if let Some((name, _)) = fillers.iter().rev().find(|(_, bits)| *bits >= rest) {
                self.write_filler(name, rest, text)?;
            }
            self.at = next;
        }
        Ok(())
    }

    fn write_filler(&self, name: &str, bits: i64, text: &mut Text<'_>) -> Result<(), Error> {
        text.step()?;
        text.line(self.level);
        text.str(name);
        text.str(": ");
        text.signed(bits);
        text.str(";");
        Ok(())
    }
}

fn round_up(value: i64, step: i64) -> i64 {
    (value + step - 1) / step * step
}
