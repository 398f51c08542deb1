//! The text of definitions.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::layout::{Bitfield, Field, Plan, target};
use super::names::{Unique, identifier};
use super::{Dumper, MAX_DEPTH};
use crate::types::{Enum, FuncProto, IntEncoding};
use crate::{Error, Kind, Type, TypeData, TypeId};

/// The bytes of some bitfields.
struct Storage<'p, 'a> {
    name: String,
    /// Where they begin, in bits from the start of the struct.
    start: u64,
    members: &'p [Bitfield<'a>],
}

impl<'a> Dumper<'a, '_> {
    /// A type of which nothing is known but its name.
    pub(super) fn declaration(&mut self, this: &Type<'a>) -> Result<(), Error> {
        if self.definitions.get(this.id()).is_some() {
            return Ok(());
        }
        let name = self.name(this.id());
        self.text.str("#[repr(C)]\n#[derive(Clone, Copy)]\npub struct ");
        self.text.str(&name);
        self.text.str(" {\n    _unused: [u8; 0],\n}\n\n");
        self.text.step()
    }

    pub(super) fn structure(&mut self, this: &Type<'a>) -> Result<(), Error> {
        self.composite(this, "struct")
    }

    pub(super) fn union(&mut self, this: &Type<'a>) -> Result<(), Error> {
        let plan = self.layouts.plan(this, 0)?;
        // All that is left of a union that Rust cannot say is bytes: a struct.
        let is_opaque = matches!(plan.fields[..], [Field::Opaque(_)]);
        self.composite(this, if is_opaque { "struct" } else { "union" })
    }

    fn composite(&mut self, this: &Type<'a>, keyword: &str) -> Result<(), Error> {
        let Plan { fields, packed, layout } = self.layouts.plan(this, 0)?;
        let name = self.name(this.id());
        self.text.str(if packed { "#[repr(C, packed)]\n" } else { "#[repr(C)]\n" });
        self.text.str("#[derive(Clone, Copy)]\npub ");
        self.text.str(keyword);
        self.text.str(" ");
        self.text.str(&name);
        self.text.str(" {\n");
        let mut taken = Unique::default();
        let (mut anonymous, mut paddings) = (0, 0);
        let mut offsets = Vec::new();
        let mut bits: Vec<Storage<'_, 'a>> = Vec::new();
        for field in &fields {
            self.text.step()?;
            match field {
                Field::Member(member) => {
                    let name = match member.name_bytes() {
                        b"" => {
                            anonymous += 1;
                            format!("__bindgen_anon_{anonymous}")
                        }
                        name => identifier(name),
                    };
                    let name = taken.take(name);
                    self.text.str("    pub ");
                    self.text.str(&name);
                    self.text.str(": ");
                    self.type_text(member.type_id, 0)?;
                    self.text.str(",\n");
                    offsets.push((name, member.bit_offset / 8));
                }
                Field::Padding(bytes) => {
                    let name = taken.take(format!("__bindgen_padding_{paddings}"));
                    paddings += 1;
                    self.byte_field("pub ", &name, *bytes);
                }
                Field::Opaque(bytes) => self.byte_field("pub ", "_bindgen_opaque_blob", *bytes),
                Field::Bits { start, bytes, members } => {
                    let name = taken.take(format!("_bitfield_{}", bits.len() + 1));
                    self.byte_field("", &name, *bytes);
                    bits.push(Storage { name, start: *start, members });
                }
            }
        }
        self.text.str("}\n");
        if !bits.is_empty() {
            self.accessors(&name, &bits, keyword == "union")?;
        }
        self.assertions(&name, layout.size, &offsets)
    }

    fn byte_field(&mut self, visibility: &str, name: &str, bytes: u64) {
        self.text.str("    ");
        self.text.str(visibility);
        self.text.str(name);
        self.text.str(": [u8; ");
        self.text.number(bytes);
        self.text.str("],\n");
    }

    fn assertions(&mut self, name: &str, size: u64, offsets: &[(String, u32)]) -> Result<(), Error> {
        self.text.str("const _: () = {\n    assert!(::core::mem::size_of::<");
        self.text.str(name);
        self.text.str(">() == ");
        self.text.number(size);
        self.text.str(");\n");
        for (field, offset) in offsets {
            self.text.step()?;
            self.text.str("    assert!(::core::mem::offset_of!(");
            self.text.str(name);
            self.text.str(", ");
            self.text.str(field);
            self.text.str(") == ");
            self.text.number((*offset).into());
            self.text.str(");\n");
        }
        self.text.str("};\n\n");
        Ok(())
    }

    /// A method to read and one to write each bitfield.
    fn accessors(&mut self, name: &str, bits: &[Storage<'_, 'a>], is_union: bool) -> Result<(), Error> {
        let mut taken = Unique::default();
        let mut is_open = false;
        for Storage { name: storage, start, members } in bits {
            for Bitfield { member, offset, bits: width } in *members {
                // Nobody can ask for what has no name.
                if member.name_bytes().is_empty() {
                    continue;
                }
                self.text.step()?;
                if !is_open {
                    self.text.str("impl ");
                    self.text.str(name);
                    self.text.str(" {\n");
                }
                is_open = true;
                let number = self.number_of(member.type_id)?;
                let at = offset - start;
                let get = taken.take(identifier(member.name_bytes()));
                let set = taken.take(identifier(&[b"set_", member.name_bytes()].concat()));
                let (read, write) = match is_union {
                    true => (format!("unsafe {{ &self.{storage} }}"), format!("unsafe {{ &mut self.{storage} }}")),
                    false => (format!("&self.{storage}"), format!("&mut self.{storage}")),
                };
                let bits = format!("__bindgen_bits({read}, {at}, {width})");
                let value = match &*number {
                    "bool" => format!("{bits} != 0"),
                    number if number.starts_with('i') => {
                        let shift = 64 - width;
                        format!("((({bits}) << {shift}) as i64 >> {shift}) as {number}")
                    }
                    number => format!("{bits} as {number}"),
                };
                self.text.str(&format!(
                    "    #[inline]\n    pub fn {get}(&self) -> {number} {{\n        {value}\n    }}\n    \
                     #[inline]\n    pub fn {set}(&mut self, __bindgen_value: {number}) {{\n        \
                     __bindgen_set_bits({write}, {at}, {width}, __bindgen_value as u64)\n    }}\n"
                ));
            }
        }
        if is_open {
            self.uses_bits = true;
            self.text.str("}\n");
        }
        Ok(())
    }

    /// The primitive type of a bitfield.
    fn number_of(&self, id: TypeId) -> Result<String, Error> {
        let this = target(self.btf, id)?;
        Ok(match this.data() {
            TypeData::Int(int) if int.encoding.contains(IntEncoding::BOOL) => String::from("bool"),
            TypeData::Int(int) => number(int.encoding.contains(IntEncoding::SIGNED), whole(int.size)),
            TypeData::Enum(data) | TypeData::Enum64(data) => number(data.signed, whole(data.size)),
            _ => String::from("u64"),
        })
    }

    pub(super) fn enumeration(&mut self, this: &Type<'a>) -> Result<(), Error> {
        let Some(data) = this.as_enum() else { return Ok(()) };
        let name = self.name(this.id());
        self.text.str("pub type ");
        self.text.str(&name);
        self.text.str(" = ");
        self.text.str(&number(data.signed, data.size));
        self.text.str(";\n");
        if matches!(data.size, 1 | 2 | 4 | 8 | 16) {
            self.enumerators(this, &data, &name)?;
        }
        self.text.str("\n");
        Ok(())
    }

    fn enumerators(&mut self, this: &Type<'a>, data: &Enum<'a>, name: &str) -> Result<(), Error> {
        let is_named = this.name_offset().0 != 0;
        for value in data.values() {
            self.text.charge(value.name_bytes().len())?;
            let constant = match is_named {
                true => format!("{name}_{}", identifier_part(value.name_bytes())),
                false => identifier(value.name_bytes()),
            };
            let constant = self.names.constants.take(constant);
            self.text.str("pub const ");
            self.text.str(&constant);
            self.text.str(": ");
            self.text.str(name);
            self.text.str(" = ");
            // Values may say more than the enum's size has room for.
            let unused = 64u32.saturating_sub(data.size.saturating_mul(8));
            match data.signed {
                true => self.text.signed((value.value << unused) as i64 >> unused),
                false => self.text.number((value.value << unused) >> unused),
            }
            self.text.str(";\n");
        }
        Ok(())
    }

    pub(super) fn alias(&mut self, this: &Type<'a>) -> Result<(), Error> {
        let TypeData::Typedef(target) = this.data() else { return Ok(()) };
        let name = self.name(this.id());
        if self.names.of(target) == name {
            return Ok(());
        }
        self.text.str("pub type ");
        self.text.str(&name);
        self.text.str(" = ");
        match super::layout::target(self.btf, target) {
            // A typedef of itself.
            Err(Error::TooDeep { .. }) => self.text.str("::core::ffi::c_void"),
            _ => self.type_text(target, 0)?,
        }
        self.text.str(";\n\n");
        Ok(())
    }

    /// A type where it is used.
    fn type_text(&mut self, id: TypeId, depth: u32) -> Result<(), Error> {
        let depth = depth.checked_add(1).filter(|&depth| depth < MAX_DEPTH);
        let depth = depth.ok_or(Error::TooDeep { id, limit: MAX_DEPTH })?;
        self.text.step()?;
        let this = self.btf.skip_modifiers(id)?;
        match this.data() {
            TypeData::Int(int) => {
                let is_bool = int.size == 1 && int.encoding.contains(IntEncoding::BOOL);
                let number = number(int.encoding.contains(IntEncoding::SIGNED), int.size);
                self.text.str(if is_bool { "bool" } else { &number });
            }
            TypeData::Float(float) => {
                let text = match float.size {
                    4 => String::from("f32"),
                    8 => String::from("f64"),
                    2 => String::from("u16"),
                    size => format!("[u8; {size}]"),
                };
                self.text.str(&text);
            }
            TypeData::Ptr(target) => self.pointer(target, depth)?,
            TypeData::Array(array) => {
                self.text.str("[");
                self.type_text(array.element, depth)?;
                self.text.str("; ");
                self.text.number(array.len.into());
                self.text.str("]");
            }
            TypeData::FuncProto(proto) => self.function(&proto, depth)?,
            TypeData::Fwd(_) => {
                let name = self.name(self.definitions.get(this.id()).unwrap_or(this.id()));
                self.text.str(&name);
            }
            TypeData::Struct(_)
            | TypeData::Union(_)
            | TypeData::Enum(_)
            | TypeData::Enum64(_)
            | TypeData::Typedef(_) => {
                let name = self.name(this.id());
                self.text.str(&name);
            }
            _ => self.text.str("::core::ffi::c_void"),
        }
        Ok(())
    }

    fn pointer(&mut self, target: TypeId, depth: u32) -> Result<(), Error> {
        let resolved = self.btf.skip_modifiers(target)?;
        if super::layout::target(self.btf, target)?.kind() == Kind::FuncProto {
            self.text.str("::core::option::Option<");
            self.type_text(resolved.id(), depth)?;
            self.text.str(">");
            return Ok(());
        }
        self.text.str(if self.is_const(target) { "*const " } else { "*mut " });
        self.type_text(resolved.id(), depth)
    }

    fn is_const(&self, mut id: TypeId) -> bool {
        for _ in 0..MAX_DEPTH {
            let this = self.btf.type_or_void(id);
            match this.kind() {
                Kind::Const => return true,
                kind if kind.is_modifier() => id = TypeId(this.size_or_type()),
                _ => return false,
            }
        }
        false
    }

    fn function(&mut self, proto: &FuncProto<'a>, depth: u32) -> Result<(), Error> {
        self.text.str("unsafe extern \"C\" fn(");
        let count = proto.params().len();
        for (n, param) in proto.params().enumerate() {
            let is_void = target(self.btf, param.type_id)?.id().is_void();
            if is_void && n + 1 == count {
                // `(void)`, or `...` behind parameters.
                self.text.str(if n > 0 { ", ..." } else { "" });
                break;
            }
            self.text.str(if n > 0 { ", " } else { "" });
            match target(self.btf, param.type_id)?.data() {
                // In C, an array that is passed is a pointer, whatever its type is called.
                TypeData::Array(array) => self.pointer(array.element, depth)?,
                _ => self.type_text(param.type_id, depth)?,
            }
        }
        self.text.str(")");
        if !target(self.btf, proto.ret)?.id().is_void() {
            self.text.str(" -> ");
            self.type_text(proto.ret, depth)?;
        }
        Ok(())
    }
}

/// The second half of an enumerator's name, which may be any word.
fn identifier_part(name: &[u8]) -> String {
    let name = identifier(&[b"_", name].concat());
    name.get(1..).map(String::from).unwrap_or(name)
}

/// The primitive type of a size; bytes where there is none.
fn number(signed: bool, size: u32) -> String {
    match size {
        1 | 2 | 4 | 8 | 16 => format!("{}{}", if signed { 'i' } else { 'u' }, size * 8),
        _ => format!("[u8; {size}]"),
    }
}

/// A size that a number can have, for a bitfield's.
fn whole(size: u32) -> u32 {
    if matches!(size, 1 | 2 | 4) { size } else { 8 }
}
