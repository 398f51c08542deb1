//! The C form: types as definitions that a C compiler takes.
//!
//! [`Header`] writes what `bpftool btf dump file F format c` does, a whole `vmlinux.h`. [`Dumper`]
//! is what it is made of, for those who want some types only, or declarations to put into text of
//! their own.
//!
//! The text is that of libbpf's `btf_dump`, decision for decision, because programs come to depend
//! on them: which of two structs of one name becomes `foo___2`, which types are declared before
//! they are defined. In short:
//!
//! - What a type needs comes before it (`order`). A struct that is only pointed to is no need:
//!   it is declared forward. Anonymous types have no place of their own, they stand where they are
//!   used, so their needs are those of their users.
//! - Names are unique within C's two name spaces, tags (struct, union, enum) and identifiers
//!   (typedefs, enumerators); later ones get `___2`, `___3`, ... (`names`).
//! - BTF says where members are, C says what they are. Where a compiler would put a member
//!   elsewhere, padding (unnamed bitfields) or `__attribute__((packed))` makes it agree
//!   (`define`, `layout`).
//! - C declares inside out: `int (*f[4])(void)`. The chain from a declared thing to its base type
//!   is laid on a stack and written from the base outwards (`declare`).
//!
//! Cycles that C cannot say, and nesting deeper than 256 levels, are errors.

mod declare;
mod define;
mod header;
mod layout;
mod names;
mod order;
mod sort;

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

pub use declare::DeclOptions;
pub use header::Header;

use self::names::{Name, NameCounts};
use super::text::Text;
use crate::fields;
use crate::raw::{MEMBER_LEN, PARAM_LEN};
use crate::records::Records;
use crate::types::Kind;
use crate::{Btf, Error, Type, TypeId};

/// How deep definitions may nest in one another, and references within a declaration. Clang gives
/// up at 256 brackets (`-fbracket-depth`); Linux 6.18 needs 14.
const MAX_DEPTH: u32 = 256;

/// How many modifiers, pointers and arrays a declaration may have one upon the other.
const MAX_CHAIN: u32 = 1024;

/// Writes types of a BTF as C, each with what it needs before it and none twice.
///
/// After an error the state is good for types that have nothing to do with the one that failed.
///
/// ```
/// use purebpf_btf::{Btf, IntEncoding, Kind, builder::Builder, dump::c::Dumper};
///
/// let mut builder = Builder::new();
/// let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
/// let pair = builder.add_struct("pair", 8)?;
/// builder.add_member("a", int, 0)?;
/// builder.add_member("b", int, 32)?;
/// let pair_t = builder.add_typedef("pair_t", pair)?;
/// let btf = Btf::parse(builder.finish())?;
///
/// let mut text = String::new();
/// Dumper::new(&btf).dump_type(pair_t, &mut text)?;
/// assert_eq!(text, "struct pair {\n\tint a;\n\tint b;\n};\n\ntypedef struct pair pair_t;\n\n");
/// # Ok::<(), purebpf_btf::Error>(())
/// ```
#[doc(alias = "btf_dump")]
pub struct Dumper<'a> {
    btf: &'a Btf,
    records: Records<'a>,
    /// Size of a pointer and of `long` in bytes.
    pointer_size: u8,
    /// One a type, `void` included.
    states: Vec<State>,
    /// Uses of the names of structs, unions and enums.
    tags: NameCounts<'a>,
    /// Uses of the names of typedefs and enumerators.
    identifiers: NameCounts<'a>,
    /// Which types any other refers to, a bit each; made when first asked for.
    referenced: Vec<u64>,
    /// Definitions to write, in order: what ordering hands to writing.
    queue: Vec<TypeId>,
    /// The structs whose alignment is being found out, one within the other.
    open_structs: Vec<layout::Open>,
    /// The text of the prefixes, one behind the other.
    prefixes: Vec<u8>,
    /// The chains of the declarations that are being written, one upon the other.
    chains: Vec<TypeId>,
    /// Whether declarations leave out `const` and its like.
    strip_modifiers: bool,
    /// Whether declarations leave out what is in anonymous types.
    skip_bodies: bool,
}

/// What has been done about a type.
#[derive(Clone, Copy, Default)]
struct State {
    order: Progress,
    emit: Progress,
    /// Whether a forward declaration was written (for a typedef: the typedef itself).
    forward_declared: bool,
    /// Whether nothing is left to be written for those that use it, however they do: so of what leads to a type that is
    /// declared or defined by now.
    quiet: bool,
    /// The type's alignment as far as known.
    align: layout::Align,
    /// Which use of its name this type is; 0 while it has not been named.
    name_use: u32,
    /// What stands left of the name of a thing of this type, once that was written.
    prefix: declare::Prefix,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Progress {
    #[default]
    Todo,
    Doing,
    Done,
}

impl<'a> Dumper<'a> {
    /// A dumper that has written nothing yet.
    #[doc(alias = "btf_dump__new")]
    pub fn new(btf: &'a Btf) -> Dumper<'a> {
        let mut states = vec![State::default(); btf.type_count() as usize];
        if let Some(void) = states.first_mut() {
            void.order = Progress::Done;
            void.emit = Progress::Done;
        }
        Dumper {
            btf,
            records: btf.records(),
            pointer_size: btf.pointer_size().unwrap_or(8),
            states,
            tags: NameCounts::default(),
            identifiers: NameCounts::default(),
            referenced: Vec::new(),
            queue: Vec::new(),
            open_structs: Vec::new(),
            prefixes: Vec::new(),
            chains: Vec::new(),
            strip_modifiers: false,
            skip_bodies: false,
        }
    }

    /// Writes a type and all that it needs to be defined, leaving out what was written before.
    ///
    /// Functions, variables, data sections and declaration tags write nothing.
    ///
    /// # Errors
    /// When there is no such type, when C cannot say it, or when the writer fails.
    #[doc(alias = "btf_dump__dump_type")]
    pub fn dump_type(&mut self, id: TypeId, writer: &mut dyn fmt::Write) -> Result<(), Error> {
        self.btf.type_by_id(id)?;
        let mut text = Text::new(self.btf, writer);
        self.dump(id, &mut text)?;
        text.flush()
    }

    /// Writes the declaration of something of a type: `const struct foo *name[4]`. Anonymous types
    /// are written out; nothing else is defined.
    ///
    /// # Errors
    /// As [`dump_type`](Dumper::dump_type).
    ///
    /// ```
    /// use purebpf_btf::{Btf, IntEncoding, Kind, TypeId, builder::Builder};
    /// use purebpf_btf::dump::c::{DeclOptions, Dumper};
    ///
    /// let mut builder = Builder::new();
    /// let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
    /// let constant = builder.add_reference(Kind::Const, int)?;
    /// let pointer = builder.add_reference(Kind::Ptr, constant)?;
    /// let array = builder.add_array(pointer, int, 4)?;
    /// let btf = Btf::parse(builder.finish())?;
    ///
    /// let mut text = String::new();
    /// let options = DeclOptions { field_name: "slots", ..DeclOptions::default() };
    /// Dumper::new(&btf).emit_type_decl(array, &options, &mut text)?;
    /// assert_eq!(text, "const int *slots[4]");
    /// # Ok::<(), purebpf_btf::Error>(())
    /// ```
    #[doc(alias = "btf_dump__emit_type_decl")]
    pub fn emit_type_decl(
        &mut self,
        id: TypeId,
        options: &DeclOptions<'_>,
        writer: &mut dyn fmt::Write,
    ) -> Result<(), Error> {
        let mut text = Text::new(self.btf, writer);
        self.btf.type_by_id(id)?;
        self.strip_modifiers = options.strip_mods;
        let name = Name::plain(options.field_name.as_bytes());
        let written = self.write_declaration(id, name, Nesting::at(options.indent_level), &mut text);
        self.strip_modifiers = false;
        written?;
        text.flush()
    }

    /// The BTF whose types it writes.
    pub(in crate::dump) fn btf(&self) -> &'a Btf {
        self.btf
    }

    /// Writes a type as a cast has it: without modifiers, and anonymous types as their keyword.
    #[doc(alias = "btf_dump_emit_type_cast")]
    pub(in crate::dump) fn write_cast(&mut self, id: TypeId, text: &mut Text<'_>) -> Result<(), Error> {
        self.strip_modifiers = true;
        self.skip_bodies = true;
        let written = self.write_declaration(id, Name::plain(b""), Nesting::at(0), text);
        self.strip_modifiers = false;
        self.skip_bodies = false;
        written
    }

    #[inline]
    fn dump(&mut self, id: TypeId, text: &mut Text<'_>) -> Result<(), Error> {
        let head = self.records.head(id.0);
        let has_nothing_to_write = match head.kind() {
            // More than half of a kernel's types are functions.
            Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag => {
                self.state(id).order = Progress::Done;
                true
            }
            // Prototypes are many, too, and most are of types that have come by then.
            Kind::FuncProto => {
                let record = self.records.get(id.0);
                let mut params = record.tail().chunks_exact(PARAM_LEN);
                self.is_ordered(TypeId(head.size_or_type))
                    && params.all(|param| self.is_ordered(TypeId(record.item_word(param, 4))))
            }
            _ => self.is_ordered(id),
        };
        if has_nothing_to_write {
            return text.step();
        }
        self.dump_new(id, text)
    }

    fn dump_new(&mut self, id: TypeId, text: &mut Text<'_>) -> Result<(), Error> {
        self.queue.clear();
        self.order(id, false, 0, text)?;
        for n in 0..self.queue.len() {
            self.write_with_needs(self.queue[n], TypeId::VOID, 0, text)?;
        }
        Ok(())
    }

    /// The type of an id that is known to be good: it comes from a BTF that was parsed.
    #[inline]
    fn get(&self, id: TypeId) -> Type<'a> {
        Type::new(self.btf, id, self.records.endian, self.records.get(id.0).bytes)
    }

    #[inline]
    fn state(&mut self, id: TypeId) -> &mut State {
        // Ids were checked when the BTF was parsed; `void` takes the place of one that is not.
        let at = if (id.0 as usize) < self.states.len() { id.0 as usize } else { 0 };
        &mut self.states[at]
    }

    /// Whether any type refers to this one. An anonymous enum to which none does declares constants
    /// and is written as a definition of its own; others stand where they are used.
    fn is_referenced(&mut self, id: TypeId) -> bool {
        if self.referenced.is_empty() {
            self.referenced = references(&self.records);
        }
        self.referenced.get(id.0 as usize / 64).is_some_and(|bits| bits >> (id.0 % 64) & 1 == 1)
    }
}

/// How deep in the text, and how deep in the machinery, something is written.
#[derive(Clone, Copy)]
struct Nesting {
    /// Level of indentation.
    level: u32,
    /// How many definitions and declarations are open around it.
    depth: u32,
}

impl Nesting {
    fn at(level: u32) -> Nesting {
        Nesting { level, depth: 0 }
    }

    /// One level further in.
    fn indented(self) -> Nesting {
        Nesting { level: self.level.saturating_add(1), ..self }
    }

    /// Within one more open declaration.
    fn within(self, id: TypeId) -> Result<Nesting, Error> {
        Ok(Nesting { depth: deeper(self.depth, id)?, ..self })
    }
}

fn deeper(depth: u32, id: TypeId) -> Result<u32, Error> {
    if depth < MAX_DEPTH { Ok(depth + 1) } else { Err(Error::TooDeep { id, limit: MAX_DEPTH }) }
}

/// A bit for each type, set for those that another refers to (what a function returns does not
/// count, as it does not for libbpf).
#[doc(alias = "btf_dump_mark_referenced")]
#[inline(never)]
fn references(records: &Records<'_>) -> Vec<u64> {
    let mut bits = vec![0; records.count() as usize / 64 + 1];
    let mut mark = |id: TypeId| {
        if let Some(word) = bits.get_mut(id.0 as usize / 64) {
            *word |= 1u64 << (id.0 % 64);
        }
    };
    for id in 1..records.count() {
        let record = records.get(id);
        let head = record.head();
        match head.kind() {
            Kind::Struct | Kind::Union => {
                for member in record.tail().chunks_exact(MEMBER_LEN) {
                    mark(TypeId(record.item_word(member, 4)));
                }
            }
            Kind::FuncProto => {
                for param in record.tail().chunks_exact(PARAM_LEN) {
                    mark(TypeId(record.item_word(param, 4)));
                }
            }
            Kind::Array => {
                mark(TypeId(record.word(12)));
                mark(TypeId(record.word(16)));
            }
            Kind::Datasec => fields::ids(head.info).for_each(|at| mark(TypeId(record.word(at)))),
            kind if kind.has_type() => mark(TypeId(head.size_or_type)),
            _ => {}
        }
    }
    bits
}

/// Whether a record names its type. The offset tells, as it does for libbpf: a name may be there
/// and be empty.
fn is_named(this: &Type<'_>) -> bool {
    this.name_offset().0 != 0
}

fn is_struct(this: &Type<'_>) -> bool {
    this.kind() == Kind::Struct
}
