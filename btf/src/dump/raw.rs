//! The raw form: one line a type, one a member, enumerator, parameter or variable.

use core::fmt;

use super::component_idx;
use super::text::Text;
use super::words::{encoding_name, kind_name, linkage_name};
use crate::types::FwdKind;
use crate::{Btf, Error, Kind, StrOffset, Type, TypeData, TypeId};

/// Writes all types of `btf` in the form of `bpftool btf dump file F format raw`; of split BTF only
/// its own types.
///
/// # Errors
/// When the writer fails, or for BTF that makes more of itself than is sane (see
/// [`dump`](crate::dump)).
///
/// ```
/// use purebpf_btf::{Btf, IntEncoding, builder::Builder, dump};
///
/// let mut builder = Builder::new();
/// builder.add_int("int", 4, IntEncoding::SIGNED)?;
/// let mut text = String::new();
/// dump::raw(&Btf::parse(builder.finish())?, &mut text)?;
/// assert_eq!(text, "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED\n");
/// # Ok::<(), purebpf_btf::Error>(())
/// ```
pub fn raw(btf: &Btf, writer: &mut dyn fmt::Write) -> Result<(), Error> {
    let mut text = Text::new(btf, writer);
    for own in btf.own_types() {
        write_type(&own, &mut text)?;
    }
    text.flush()
}

/// Writes one type in the form of `bpftool btf dump file F format raw root_id ID`.
///
/// # Errors
/// As [`raw`]; also when there is no such type.
pub fn raw_type(btf: &Btf, id: TypeId, writer: &mut dyn fmt::Write) -> Result<(), Error> {
    let mut text = Text::new(btf, writer);
    write_type(&btf.type_by_id(id)?, &mut text)?;
    text.flush()
}

/// A name in quotes. Whether it is there is told by its offset: a name may be there and be empty.
fn quoted(offset: StrOffset, name: &[u8], text: &mut Text<'_>) {
    text.str("'");
    if offset == StrOffset::EMPTY {
        text.str("(anon)");
    } else {
        text.name(name);
    }
    text.str("'");
}

fn field(label: &str, value: u32, text: &mut Text<'_>) {
    text.str(label);
    text.number(u64::from(value));
}

fn write_type(this: &Type<'_>, text: &mut Text<'_>) -> Result<(), Error> {
    text.step()?;
    text.str("[");
    text.number(u64::from(this.id().0));
    text.str("] ");
    text.str(kind_name(this.kind()));
    text.str(" ");
    quoted(this.name_offset(), this.name_bytes(), text);
    match this.data() {
        TypeData::Void => {}
        TypeData::Int(int) => {
            field(" size=", int.size, text);
            field(" bits_offset=", int.bit_offset.into(), text);
            field(" nr_bits=", int.bits.into(), text);
            text.str(" encoding=");
            text.str(encoding_name(int.encoding));
        }
        TypeData::Ptr(target)
        | TypeData::Typedef(target)
        | TypeData::Const(target)
        | TypeData::Volatile(target)
        | TypeData::Restrict(target)
        | TypeData::TypeTag(target) => field(" type_id=", target.0, text),
        TypeData::Array(array) => {
            field(" type_id=", array.element.0, text);
            field(" index_type_id=", array.index.0, text);
            field(" nr_elems=", array.len, text);
        }
        TypeData::Struct(composite) | TypeData::Union(composite) => {
            field(" size=", composite.size, text);
            field(" vlen=", this.vlen(), text);
            for member in composite.members() {
                text.step()?;
                text.line(1);
                quoted(member.name_offset, member.name_bytes(), text);
                field(" type_id=", member.type_id.0, text);
                field(" bits_offset=", member.bit_offset, text);
                if let Some(size) = member.bitfield_size {
                    field(" bitfield_size=", size.into(), text);
                }
            }
        }
        TypeData::Enum(data) | TypeData::Enum64(data) => {
            text.str(if data.signed { " encoding=SIGNED" } else { " encoding=UNSIGNED" });
            field(" size=", data.size, text);
            field(" vlen=", this.vlen(), text);
            let wide = this.kind() == Kind::Enum64;
            for value in data.values() {
                text.step()?;
                text.line(1);
                quoted(value.name_offset, value.name_bytes(), text);
                text.str(" val=");
                match data.signed {
                    true => text.signed(value.value as i64),
                    false => text.number(value.value),
                }
                text.str(match (wide, data.signed) {
                    (false, _) => "",
                    (true, true) => "LL",
                    (true, false) => "ULL",
                });
            }
        }
        TypeData::Fwd(FwdKind::Struct) => text.str(" fwd_kind=struct"),
        TypeData::Fwd(FwdKind::Union) => text.str(" fwd_kind=union"),
        TypeData::Func(func) => {
            field(" type_id=", func.proto.0, text);
            text.str(" linkage=");
            text.str(linkage_name(func.linkage));
        }
        TypeData::FuncProto(proto) => {
            field(" ret_type_id=", proto.ret.0, text);
            field(" vlen=", this.vlen(), text);
            for param in proto.params() {
                text.step()?;
                text.line(1);
                quoted(param.name_offset, param.name_bytes(), text);
                field(" type_id=", param.type_id.0, text);
            }
        }
        TypeData::Var(var) => {
            field(" type_id=", var.type_id.0, text);
            text.str(", linkage=");
            text.str(linkage_name(var.linkage));
        }
        TypeData::Datasec(section) => {
            field(" size=", section.size, text);
            field(" vlen=", this.vlen(), text);
            for var in section.vars() {
                text.step()?;
                text.line(1);
                field("type_id=", var.type_id.0, text);
                field(" offset=", var.offset, text);
                field(" size=", var.size, text);
                let variable = var.variable();
                text.str(" (");
                text.str(kind_name(variable.kind()));
                text.str(" ");
                quoted(variable.name_offset(), variable.name_bytes(), text);
                text.str(")");
            }
        }
        TypeData::Float(float) => field(" size=", float.size, text),
        TypeData::DeclTag(tag) => {
            field(" type_id=", tag.target.0, text);
            text.str(" component_idx=");
            text.signed(component_idx(this).into());
        }
    }
    text.str("\n");
    Ok(())
}
