//! The Rust form: types as definitions that a Rust compiler lays out as the BTF says.
//!
//! The names are those that bindgen gives, so that code written against its output goes on: `type_` for what is a keyword,
//! `__bindgen_anon_1` and `foo__bindgen_ty_1` for anonymous members and their types, `foo_A` for the enumerator `A` of `enum foo`.
//! All types are `Copy`. What differs from bindgen comes from what BTF knows:
//!
//! - Every gap is a member (`__bindgen_padding_0`), and a struct that no sequence of aligned members gives is `packed`.
//! - Bitfields are byte arrays with a method to read and one to write each.
//! - Alignment beyond that of the members is not in BTF, and so not here; sizes and offsets are.
//! - What Rust cannot say (members that overlap) is an array of bytes of the right size.
//! - Assertions on the size of each type and the offset of each member are part of the text: what compiles is right.
//!
//! Pointers have the size that the BTF says and numbers of 8 bytes are aligned to 8: on machines where that is not so, the assertions
//! fail. Typedefs that lead to themselves through pointers alone, which C cannot say, are no types in Rust, either.
//!
//! One name may be that of a struct, of a typedef and of an enum in C, and of one type in Rust; the second is
//! `name___2`. Functions and variables are left out.

mod layout;
mod names;
mod select;
mod write;

use alloc::string::String;
use core::fmt;

use self::layout::Layouts;
use self::names::Names;
use self::select::{Definitions, Selection, Wanted};
use super::text::Text;
use crate::{Btf, Error, Kind, TypeId};

/// How deep types may nest in one another by value, and how long a type's own text may lead on.
const MAX_DEPTH: u32 = 256;

/// Writes Rust definitions of the types of a BTF (of split BTF, those of its base too).
///
/// The text is items only, for a module of its own: names are C's, and not all are used.
///
/// ```no_run
/// #[allow(non_camel_case_types, non_snake_case, non_upper_case_globals, dead_code)]
/// mod vmlinux {
///     // include!(concat!(env!("OUT_DIR"), "/vmlinux.rs"));
/// }
/// ```
///
/// ```
/// use purebpf_btf::{Btf, IntEncoding, builder::Builder, dump::rust::Bindings};
///
/// let mut builder = Builder::new();
/// let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
/// builder.add_struct("pair", 8)?;
/// builder.add_member("type", int, 0)?;
/// builder.add_bitfield("flag", int, 32, 1)?;
/// let btf = Btf::parse(builder.finish())?;
///
/// let mut text = String::new();
/// Bindings::new(&btf).write(&mut text)?;
/// assert!(text.contains("pub type_: i32,\n"));
/// assert!(text.contains("pub fn set_flag(&mut self, "));
/// assert!(text.contains("::core::mem::size_of::<pair>() == 8"));
/// # Ok::<(), purebpf_btf::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Bindings<'a> {
    btf: &'a Btf,
    roots: Option<&'a [TypeId]>,
}

impl<'a> Bindings<'a> {
    /// Definitions of all types of `btf`.
    pub fn new(btf: &'a Btf) -> Bindings<'a> {
        Bindings { btf, roots: None }
    }

    /// Only these types, and what they need. Structs to which they only point are declared, without members.
    pub fn roots(mut self, roots: &'a [TypeId]) -> Self {
        self.roots = Some(roots);
        self
    }

    /// Writes the definitions.
    ///
    /// # Errors
    /// When a root does not exist, a type leads on without end, or the writer fails. What was written by then is incomplete.
    pub fn write(&self, writer: &mut dyn fmt::Write) -> Result<(), Error> {
        let mut text = Text::new(self.btf, writer);
        let definitions = Definitions::new(self.btf, &mut text)?;
        let selection = match self.roots {
            Some(roots) => Selection::of(self.btf, roots, &definitions, &mut text)?,
            None => Selection::all(self.btf),
        };
        let names = Names::new(self.btf, &selection, &definitions, &mut text)?;
        let layouts = Layouts::new(self.btf);
        let mut dumper = Dumper { btf: self.btf, text, names, layouts, definitions, uses_bits: false };
        for id in 1..self.btf.type_count() {
            dumper.definition(TypeId(id), selection.wanted(TypeId(id)))?;
        }
        if dumper.uses_bits {
            dumper.text.str(match self.btf.endian() {
                crate::Endian::Little => BITS_LITTLE,
                crate::Endian::Big => BITS_BIG,
            });
        }
        dumper.text.flush()
    }
}

/// What writes the definitions.
struct Dumper<'a, 'w> {
    btf: &'a Btf,
    text: Text<'w>,
    names: Names,
    layouts: Layouts<'a>,
    definitions: Definitions,
    /// Whether any bitfield was written.
    uses_bits: bool,
}

impl Dumper<'_, '_> {
    fn definition(&mut self, id: TypeId, wanted: Wanted) -> Result<(), Error> {
        self.text.step()?;
        let this = self.btf.type_or_void(id);
        match (wanted, this.kind()) {
            (Wanted::No, _) => Ok(()),
            (_, Kind::Fwd) => self.declaration(&this),
            (Wanted::Declared, Kind::Struct | Kind::Union) => self.declaration(&this),
            (_, Kind::Struct) => self.structure(&this),
            (_, Kind::Union) => self.union(&this),
            (_, Kind::Enum | Kind::Enum64) => self.enumeration(&this),
            (_, Kind::Typedef) => self.alias(&this),
            _ => Ok(()),
        }
    }

    fn name(&self, id: TypeId) -> String {
        self.names.of(id)
    }
}

const BITS_LITTLE: &str = "
#[inline]
fn __bindgen_bits(__bindgen_bytes: &[u8], __bindgen_start: usize, __bindgen_width: usize) -> u64 {
    let mut __bindgen_value = 0;
    let mut __bindgen_n = 0;
    while __bindgen_n < __bindgen_width {
        __bindgen_value |= (((__bindgen_bytes[(__bindgen_start + __bindgen_n) / 8] >> ((__bindgen_start + __bindgen_n) % 8)) & 1) as u64) << __bindgen_n;
        __bindgen_n += 1;
    }
    __bindgen_value
}

#[inline]
fn __bindgen_set_bits(__bindgen_bytes: &mut [u8], __bindgen_start: usize, __bindgen_width: usize, __bindgen_value: u64) {
    let mut __bindgen_n = 0;
    while __bindgen_n < __bindgen_width {
        let __bindgen_bit = 1 << ((__bindgen_start + __bindgen_n) % 8);
        __bindgen_bytes[(__bindgen_start + __bindgen_n) / 8] = (__bindgen_bytes[(__bindgen_start + __bindgen_n) / 8] & !__bindgen_bit) | if __bindgen_value >> __bindgen_n & 1 == 1 { __bindgen_bit } else { 0 };
        __bindgen_n += 1;
    }
}
";

const BITS_BIG: &str = "
#[inline]
fn __bindgen_bits(__bindgen_bytes: &[u8], __bindgen_start: usize, __bindgen_width: usize) -> u64 {
    let mut __bindgen_value = 0;
    let mut __bindgen_n = 0;
    while __bindgen_n < __bindgen_width {
        __bindgen_value = __bindgen_value << 1 | ((__bindgen_bytes[(__bindgen_start + __bindgen_n) / 8] >> (7 - (__bindgen_start + __bindgen_n) % 8)) & 1) as u64;
        __bindgen_n += 1;
    }
    __bindgen_value
}

#[inline]
fn __bindgen_set_bits(__bindgen_bytes: &mut [u8], __bindgen_start: usize, __bindgen_width: usize, __bindgen_value: u64) {
    let mut __bindgen_n = 0;
    while __bindgen_n < __bindgen_width {
        let __bindgen_bit = 0x80 >> ((__bindgen_start + __bindgen_n) % 8);
        __bindgen_bytes[(__bindgen_start + __bindgen_n) / 8] = (__bindgen_bytes[(__bindgen_start + __bindgen_n) / 8] & !__bindgen_bit) | if __bindgen_value >> (__bindgen_width - 1 - __bindgen_n) & 1 == 1 { __bindgen_bit } else { 0 };
        __bindgen_n += 1;
    }
}
";
