//! The list of types as JSON: an object a type, in an array `types`.

use core::fmt;

use super::component_idx;
use super::text::Text;
use super::words::{encoding_name, kind_name, linkage_name};
use crate::types::FwdKind;
use crate::{Btf, Error, StrOffset, Type, TypeData, TypeId};

/// What [`json_with`] writes, and how.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonOptions<'a> {
    /// On many lines, indented.
    pub pretty: bool,
    /// Only these types, in this order.
    pub only: Option<&'a [TypeId]>,
}

/// Writes all types of `btf` in the form of `bpftool -j btf dump file F`; of split BTF only its own types.
///
/// # Errors
/// As [`raw`](super::raw()).
///
/// ```
/// use purebpf_btf::{Btf, IntEncoding, builder::Builder, dump};
///
/// let mut builder = Builder::new();
/// builder.add_float("double", 8)?;
/// let mut text = String::new();
/// dump::json(&Btf::parse(builder.finish())?, &mut text)?;
/// assert_eq!(text, r#"{"types":[{"id":1,"kind":"FLOAT","name":"double","size":8}]}"#.to_owned() + "\n");
/// # Ok::<(), purebpf_btf::Error>(())
/// ```
pub fn json(btf: &Btf, writer: &mut dyn fmt::Write) -> Result<(), Error> {
    json_with(btf, &JsonOptions::default(), writer)
}

/// As [`json`], with a choice of types and of form: that of `bpftool -j` or `-p`, with `root_id`s.
///
/// # Errors
/// As [`json`]; also when there is no such type.
pub fn json_with(btf: &Btf, options: &JsonOptions<'_>, writer: &mut dyn fmt::Write) -> Result<(), Error> {
    let mut json = Json { text: Text::new(btf, writer), pretty: options.pretty, depth: 0, separate: false };
    json.open("{");
    json.open_named("types");
    match options.only {
        Some(ids) => ids.iter().try_for_each(|&id| json.entry(&btf.type_by_id(id)?))?,
        None => btf.own_types().try_for_each(|own| json.entry(&own))?,
    }
    json.close("]");
    json.close("}");
    json.text.byte(b'\n');
    json.text.flush()
}

/// JSON with the line breaks of bpftool's writer: before names and before closing brackets.
struct Json<'w> {
    text: Text<'w>,
    pretty: bool,
    depth: usize,
    /// Whether something came before what comes next, in the same brackets.
    separate: bool,
}

impl Json<'_> {
    fn entry(&mut self, this: &Type<'_>) -> Result<(), Error> {
        self.text.step()?;
        self.open("{");
        self.number("id", this.id().0);
        self.string("kind", kind_name(this.kind()).as_bytes());
        self.type_name(this.name_offset(), this.name_bytes());
        match this.data() {
            TypeData::Void => {}
            TypeData::Int(int) => {
                self.number("size", int.size);
                self.number("bits_offset", int.bit_offset.into());
                self.number("nr_bits", int.bits.into());
                self.string("encoding", encoding_name(int.encoding).as_bytes());
            }
            TypeData::Ptr(target)
            | TypeData::Typedef(target)
            | TypeData::Const(target)
            | TypeData::Volatile(target)
            | TypeData::Restrict(target)
            | TypeData::TypeTag(target) => self.number("type_id", target.0),
            TypeData::Array(array) => {
                self.number("type_id", array.element.0);
                self.number("index_type_id", array.index.0);
                self.number("nr_elems", array.len);
            }
            TypeData::Struct(composite) | TypeData::Union(composite) => {
                self.number("size", composite.size);
                self.list("members", this.vlen(), composite.members(), |json, member| {
                    json.type_name(member.name_offset, member.name_bytes());
                    json.number("type_id", member.type_id.0);
                    json.number("bits_offset", member.bit_offset);
                    if let Some(size) = member.bitfield_size {
                        json.number("bitfield_size", size.into());
                    }
                })?;
            }
            TypeData::Enum(data) | TypeData::Enum64(data) => {
                self.string("encoding", if data.signed { b"SIGNED" } else { b"UNSIGNED" });
                self.number("size", data.size);
                self.list("values", this.vlen(), data.values(), |json, value| {
                    json.type_name(value.name_offset, value.name_bytes());
                    json.name("val");
                    match data.signed {
                        true => json.text.signed(value.value as i64),
                        false => json.text.number(value.value),
                    }
                })?;
            }
            TypeData::Fwd(FwdKind::Struct) => self.string("fwd_kind", b"struct"),
            TypeData::Fwd(FwdKind::Union) => self.string("fwd_kind", b"union"),
            TypeData::Func(func) => {
                self.number("type_id", func.proto.0);
                self.string("linkage", linkage_name(func.linkage).as_bytes());
            }
            TypeData::FuncProto(proto) => {
                self.number("ret_type_id", proto.ret.0);
                self.list("params", this.vlen(), proto.params(), |json, param| {
                    json.type_name(param.name_offset, param.name_bytes());
                    json.number("type_id", param.type_id.0);
                })?;
            }
            TypeData::Var(var) => {
                self.number("type_id", var.type_id.0);
                self.string("linkage", linkage_name(var.linkage).as_bytes());
            }
            TypeData::Datasec(section) => {
                self.number("size", section.size);
                self.list("vars", this.vlen(), section.vars(), |json, var| {
                    json.number("type_id", var.type_id.0);
                    json.number("offset", var.offset);
                    json.number("size", var.size);
                })?;
            }
            TypeData::Float(float) => self.number("size", float.size),
            TypeData::DeclTag(tag) => {
                self.number("type_id", tag.target.0);
                self.name("component_idx");
                self.text.signed(component_idx(this).into());
            }
        }
        self.close("}");
        Ok(())
    }

    /// `vlen` and an array of objects.
    fn list<T>(
        &mut self,
        name: &str,
        vlen: u32,
        items: impl Iterator<Item = T>,
        mut write: impl FnMut(&mut Self, T),
    ) -> Result<(), Error> {
        self.number("vlen", vlen);
        self.open_named(name);
        for item in items {
            self.text.step()?;
            self.open("{");
            write(self, item);
            self.close("}");
        }
        self.close("]");
        Ok(())
    }

    fn open(&mut self, bracket: &str) {
        if core::mem::replace(&mut self.separate, false) {
            self.text.str(",");
        }
        self.text.str(bracket);
        self.depth += 1;
    }

    fn close(&mut self, bracket: &str) {
        self.depth = self.depth.saturating_sub(1);
        if self.separate {
            self.new_line();
        }
        self.text.str(bracket);
        self.separate = true;
    }

    fn new_line(&mut self) {
        if self.pretty {
            self.text.str("\n");
            for _ in 0..self.depth {
                self.text.str("    ");
            }
        }
    }

    /// The name of what comes next.
    fn name(&mut self, name: &str) {
        if core::mem::replace(&mut self.separate, true) {
            self.text.str(",");
        }
        self.new_line();
        self.text.str("\"");
        self.text.str(name);
        self.text.str(if self.pretty { "\": " } else { "\":" });
    }

    /// A named array: what opens after a name is not separated from it.
    fn open_named(&mut self, name: &str) {
        self.name(name);
        self.separate = false;
        self.open("[");
    }

    fn number(&mut self, name: &str, value: u32) {
        self.name(name);
        self.text.number(u64::from(value));
    }

    fn string(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.text.str("\"");
        let mut rest = value;
        while let Some(at) = rest.iter().position(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
            self.text.name(&rest[..at]);
            self.escape(rest[at]);
            rest = &rest[at + 1..];
        }
        self.text.name(rest);
        self.text.str("\"");
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'\t' => self.text.str("\\t"),
            b'\n' => self.text.str("\\n"),
            b'\r' => self.text.str("\\r"),
            0x0c => self.text.str("\\f"),
            0x08 => self.text.str("\\b"),
            b'"' | b'\\' => {
                self.text.byte(b'\\');
                self.text.byte(byte);
            }
            _ => {
                self.text.str("\\u00");
                self.text.byte(b'0' + (byte >> 4));
                self.text.hex(u128::from(byte & 0xf));
            }
        }
    }

    /// The name of a type or of an item; whether it is there is told by its offset.
    fn type_name(&mut self, offset: StrOffset, name: &[u8]) {
        self.string("name", if offset == StrOffset::EMPTY { b"(anon)" } else { name });
    }
}
