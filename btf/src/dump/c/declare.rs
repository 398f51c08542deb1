//! Declarations: the type of a member, a parameter, a typedef, around its name.
//!
//! BTF goes from the outside in: "array of 4 of pointer to const int" is array, pointer, const,
//! int. C starts from the other end, and wraps: `const` stands left of what it modifies, unless
//! that is a pointer; pointers stand left of the name, arrays and parameters right of it, with
//! parentheses where a pointer to either must be kept apart from an array or function of pointers.
//!
//! So the chain is laid on a stack until a type is met that has a name or a body, and taken off
//! again from that end. What is met on the way back is written left of the name; an array or a
//! function writes the remaining chain first, then its own brackets.

use super::names::Name;
use super::{Dumper, MAX_CHAIN, Nesting, is_named};
use crate::dump::text::Text;
use crate::{Error, Kind, TypeData, TypeId};

/// How [`Dumper::emit_type_decl`] writes a declaration.
#[derive(Clone, Copy, Debug, Default)]
#[doc(alias = "btf_dump_emit_type_decl_opts")]
pub struct DeclOptions<'n> {
    /// The name to declare; empty for the bare type, as in a cast.
    pub field_name: &'n str,
    /// How many tabs stand before the line, for the members of anonymous types.
    pub indent_level: u32,
    /// Whether to leave out `const`, `volatile`, `restrict` and type tags.
    pub strip_mods: bool,
}

/// How long the name in a prefix may be.
const MAX_PREFIX_NAME: usize = 512;

/// Where the text left of a declared name stands among the prefixes; empty while it is not there.
#[derive(Clone, Copy, Default)]
pub(super) struct Prefix {
    start: u32,
    len: u16,
}

/// The part of the stack of chains that is yet to be written: from the declared thing's own type up
/// to `end`.
struct Chain {
    start: usize,
    end: usize,
}

impl<'a> Dumper<'a> {
    /// Writes the declaration of `name` as a thing of type `id`.
    pub(super) fn write_declaration(
        &mut self,
        id: TypeId,
        name: Name<'_>,
        nesting: Nesting,
        text: &mut Text<'_>,
    ) -> Result<(), Error> {
        if self.write_plain(id, name, text)? {
            return Ok(());
        }
        let nesting = nesting.within(id)?;
        let start = self.chains.len();
        let written = self.stack_chain(id, text).and_then(|()| {
            let mut chain = Chain { start, end: self.chains.len() };
            self.write_chain(&mut chain, name, nesting, text)
        });
        self.chains.truncate(start);
        written
    }

    /// Writes the declaration of what most things are: of a type with a name, or pointers to one, `const` or not. Says whether this
    /// was one.
    fn write_plain(&mut self, id: TypeId, name: Name<'_>, text: &mut Text<'_>) -> Result<bool, Error> {
        text.step()?;
        let mut prefix = self.state(id).prefix;
        if prefix.len == 0 || self.strip_modifiers {
            let Some(start) = self.find_prefix(id, text)? else { return Ok(false) };
            prefix = start;
        }
        let start = prefix.start as usize;
        let written = self.prefixes.get(start..start + usize::from(prefix.len)).unwrap_or_default();
        text.name(written);
        write_name(name, written.last() == Some(&b'*'), text);
        Ok(true)
    }

    /// Makes the prefix of a type, if it is of the kind that [`write_plain`](Self::write_plain) writes.
    fn find_prefix(&mut self, start: TypeId, text: &mut Text<'_>) -> Result<Option<Prefix>, Error> {
        let (mut id, mut pointers, mut constant) = (start, 0, false);
        let head = loop {
            text.step()?;
            let head = self.records.head(id.0);
            match head.kind() {
                Kind::Ptr if !constant && pointers < 4 => pointers += 1,
                Kind::Const if !constant && !self.strip_modifiers => constant = true,
                Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64 if head.name == 0 => return Ok(None),
                kind if takes_modifiers(kind) && kind != Kind::TypeTag => break head,
                Kind::Void if id.is_void() => break head,
                _ => return Ok(None),
            }
            id = TypeId(head.size_or_type);
        };
        let this = self.get(id);
        let keyword = match (head.kind(), head.info.kind_flag()) {
            (Kind::Struct, _) | (Kind::Fwd, false) => "struct ",
            (Kind::Union, _) | (Kind::Fwd, true) => "union ",
            (Kind::Enum | Kind::Enum64, _) => "enum ",
            (Kind::Void, _) => "void",
            _ => "",
        };
        let name = match head.kind() {
            Kind::Void => Name::plain(b""),
            Kind::Int | Kind::Float => Name::plain(self.records.string(head.name)),
            Kind::Typedef => self.identifier(&this),
            _ => self.tag(&this),
        };
        let from = self.prefixes.len();
        // Longer ones are not worth a place.
        let fits = name.bytes.len() <= MAX_PREFIX_NAME && from < u32::MAX as usize / 2;
        if !fits {
            return Ok(None);
        }
        self.prefixes.extend_from_slice(if constant { b"const " } else { b"" });
        self.prefixes.extend_from_slice(keyword.as_bytes());
        name.append_to(&mut self.prefixes);
        if pointers > 0 {
            self.prefixes.push(b' ');
            self.prefixes.resize(self.prefixes.len() + pointers, b'*');
        }
        let prefix = Prefix { start: from as u32, len: (self.prefixes.len() - from) as u16 };
        if !self.strip_modifiers {
            self.state(start).prefix = prefix;
        }
        Ok(Some(prefix))
    }

    fn stack_chain(&mut self, start: TypeId, text: &mut Text<'_>) -> Result<(), Error> {
        let mut id = start;
        for _ in 0..MAX_CHAIN {
            text.step()?;
            let head = self.records.head(id.0);
            let kind = head.kind();
            if !(self.strip_modifiers && kind.is_modifier()) {
                self.chains.push(id);
            }
            id = match kind {
                Kind::Ptr | Kind::FuncProto => TypeId(head.size_or_type),
                Kind::Array => TypeId(self.records.get(id.0).word(12)),
                _ if kind.is_modifier() => TypeId(head.size_or_type),
                _ => return Ok(()),
            };
        }
        Err(Error::TooDeep { id: start, limit: MAX_CHAIN })
    }

    fn pop(&self, chain: &mut Chain) -> Option<TypeId> {
        if chain.end == chain.start {
            return None;
        }
        chain.end -= 1;
        self.chains.get(chain.end).copied()
    }

    fn next_kind(&self, chain: &Chain) -> Option<Kind> {
        if chain.end == chain.start {
            return None;
        }
        self.chains.get(chain.end - 1).map(|&id| self.records.head(id.0).kind())
    }

    /// Writes what modifies a type that is not a pointer: to its left.
    fn write_modifiers(&self, chain: &mut Chain, text: &mut Text<'_>) {
        while let Some(kind) = self.next_kind(chain) {
            text.str(match kind {
                Kind::Const => "const ",
                Kind::Volatile => "volatile ",
                Kind::Restrict => "restrict ",
                _ => return,
            });
            chain.end -= 1;
        }
    }

    /// Skips what modifies an array or a function: GCC writes modifiers of the elements, and
    /// `volatile` for `noreturn`, there a second time.
    fn drop_modifiers(&self, chain: &mut Chain) {
        while self.next_kind(chain).is_some_and(Kind::is_modifier) {
            chain.end -= 1;
        }
    }

    #[doc(alias = "btf_dump_emit_type_chain")]
    fn write_chain(
        &mut self,
        chain: &mut Chain,
        name: Name<'_>,
        nesting: Nesting,
        text: &mut Text<'_>,
    ) -> Result<(), Error> {
        // An asterisk needs a space before it, except after another and at the start: `int **p`,
        // `(*p)`.
        let mut after_pointer = true;
        while let Some(id) = self.pop(chain) {
            let this = self.get(id);
            if id.is_void() || takes_modifiers(this.kind()) {
                self.write_modifiers(chain, text);
            }
            match this.data() {
                TypeData::Void if id.is_void() => text.str("void"),
                TypeData::Int(_) | TypeData::Float(_) => text.name(this.name_bytes()),
                TypeData::Struct(composite) | TypeData::Union(composite) => match is_named(&this) || self.skip_bodies {
                    true => self.write_composite_name(&this, text),
                    false => self.write_composite(&this, &composite, nesting, text)?,
                },
                TypeData::Enum(data) | TypeData::Enum64(data) => match is_named(&this) || self.skip_bodies {
                    true => {
                        text.str("enum ");
                        self.tag(&this).write(text);
                    }
                    false => self.write_enum(&this, &data, nesting, text)?,
                },
                TypeData::Fwd(kind) => self.write_forward(&this, kind, text),
                TypeData::Typedef(_) => self.identifier(&this).write(text),
                TypeData::Ptr(_) => text.str(if after_pointer { "*" } else { " *" }),
                TypeData::Const(_) => text.str(" const"),
                TypeData::Volatile(_) => text.str(" volatile"),
                TypeData::Restrict(_) => text.str(" restrict"),
                TypeData::TypeTag(_) => {
                    // With kind_flag the tag is an attribute of its own.
                    let (before, after) = match this.kind_flag() {
                        true => (" __attribute__((", "))"),
                        false => (" __attribute__((btf_type_tag(\"", "\")))"),
                    };
                    text.str(before);
                    text.name(this.name_bytes());
                    text.str(after);
                }
                TypeData::Array(array) => {
                    self.drop_modifiers(chain);
                    let next = self.next_kind(chain);
                    match next {
                        None => write_name(name, after_pointer, text),
                        Some(next) => {
                            if !name.is_empty() && !after_pointer {
                                text.str(" ");
                            }
                            let wrap = next != Kind::Array;
                            text.str(if wrap { "(" } else { "" });
                            self.write_chain(chain, name, nesting.within(id)?, text)?;
                            text.str(if wrap { ")" } else { "" });
                        }
                    }
                    text.str("[");
                    text.number(array.len.into());
                    text.str("]");
                    return Ok(());
                }
                TypeData::FuncProto(proto) => {
                    self.drop_modifiers(chain);
                    if self.next_kind(chain).is_some() {
                        text.str(" (");
                        self.write_chain(chain, name, nesting.within(id)?, text)?;
                        text.str(")");
                    } else {
                        write_name(name, after_pointer, text);
                    }
                    return self.write_params(&proto, nesting, text);
                }
                // A function or a variable is no type: libbpf, too, stops here without a word in
                // its output.
                _ => return Ok(()),
            }
            after_pointer = this.kind() == Kind::Ptr;
        }
        write_name(name, after_pointer, text);
        Ok(())
    }

    fn write_params(
        &mut self,
        proto: &crate::types::FuncProto<'a>,
        nesting: Nesting,
        text: &mut Text<'_>,
    ) -> Result<(), Error> {
        text.str("(");
        let params = proto.params();
        let count = params.len();
        // No parameters are none in BTF by GCC and pahole, one of type void by Clang.
        let none = count == 0 || (count == 1 && params.clone().all(|param| param.type_id.is_void()));
        if none {
            text.str("void)");
            return Ok(());
        }
        for (n, param) in params.enumerate() {
            if n > 0 {
                text.str(", ");
            }
            if n + 1 == count && param.type_id.is_void() {
                text.str("...");
                break;
            }
            self.write_declaration(
                param.type_id,
                Name::plain(self.records.string(param.name_offset.0)),
                nesting,
                text,
            )?;
        }
        text.str(")");
        Ok(())
    }
}

/// Whether what modifies a type of this kind stands left of it.
fn takes_modifiers(kind: Kind) -> bool {
    match kind {
        Kind::Int | Kind::Float | Kind::Typedef | Kind::Fwd | Kind::TypeTag => true,
        _ => kind.is_composite() || kind.is_any_enum(),
    }
}

fn write_name(name: Name<'_>, after_pointer: bool, text: &mut Text<'_>) {
    if !name.is_empty() && !after_pointer {
        text.str(" ");
    }
    name.write(text);
}
