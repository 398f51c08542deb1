//! Values as text: what libbpf's `btf_dump__dump_type_data` prints.
//!
//! `docs/differences.md` lists where libbpf's text is not what the data says, and ours is.

use alloc::format;
use core::fmt;

use super::view::{Elements, Fields, SectionVars, Value, ValueData};
use super::{EnumNumber, IntValue};
use crate::dump::c::Dumper;
use crate::dump::text::Text;
use crate::types::Linkage;
use crate::{Error, Kind, TypeData, TypeId};

/// How [`Dumper::dump_type_data`] writes a value.
#[derive(Clone, Copy, Debug)]
#[doc(alias = "btf_dump_type_data_opts")]
pub struct DataOptions<'o> {
    /// What a level of indentation is; a tab, unless said otherwise.
    pub indent_str: &'o str,
    /// How many levels in the outermost value is.
    pub indent_level: u8,
    /// Everything on one line.
    pub compact: bool,
    /// Without names of members and types.
    pub skip_names: bool,
    /// With members that are zero, which are left out otherwise: all of them in a struct or an array,
    /// or the first character.
    pub emit_zeroes: bool,
    /// Arrays of bytes with a NUL in them as a string.
    pub emit_strings: bool,
    /// With the elements that the data holds of a flexible array at its end. libbpf has no such
    /// option: to it they are none.
    pub flexible_arrays: bool,
}

impl Default for DataOptions<'_> {
    fn default() -> Self {
        DataOptions {
            indent_str: "\t",
            indent_level: 0,
            compact: false,
            skip_names: false,
            emit_zeroes: false,
            emit_strings: false,
            flexible_arrays: false,
        }
    }
}

impl Dumper<'_> {
    /// Writes what `bytes` are as a value of a type, with the types' names as this dumper has written
    /// them before; the type's size in bytes.
    ///
    /// # Errors
    /// [`Error::DataTruncated`] if the bytes end within a member; the text then ends there. Arrays
    /// may be cut short between their elements, and be the last thing that is. Otherwise as
    /// [`dump_type`](Dumper::dump_type), and when the type has no values.
    ///
    /// ```
    /// use purebpf_btf::{Btf, IntEncoding, builder::Builder};
    /// use purebpf_btf::dump::{c::Dumper, value::DataOptions};
    ///
    /// let mut builder = Builder::new();
    /// let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
    /// let point = builder.add_struct("point", 8)?;
    /// builder.add_member("x", int, 0)?;
    /// builder.add_member("y", int, 32)?;
    /// let btf = Btf::parse(builder.finish())?;
    ///
    /// let mut text = String::new();
    /// let options = DataOptions { compact: true, ..DataOptions::default() };
    /// let bytes = [1i32.to_ne_bytes(), (-2i32).to_ne_bytes()].concat();
    /// Dumper::new(&btf).dump_type_data(point, &bytes, &options, &mut text)?;
    /// assert_eq!(text, "(struct point){.x = (int)1,.y = (int)-2,}");
    /// # Ok::<(), purebpf_btf::Error>(())
    /// ```
    #[doc(alias = "btf_dump__dump_type_data")]
    pub fn dump_type_data(
        &mut self,
        id: TypeId,
        bytes: &[u8],
        options: &DataOptions<'_>,
        writer: &mut dyn fmt::Write,
    ) -> Result<u32, Error> {
        let btf = self.btf();
        let value = Value::new(btf, id, bytes)?;
        let size = btf.size_of(id)?;
        let text = Text::for_data(btf, bytes.len(), writer);
        let mut values = Writer { dumper: self, text, options, depth: 0, in_array: false };
        let written = value.data().and_then(|data| values.write(b"", &value, data));
        let flushed = values.text.flush();
        written.and(flushed).and(Ok(size))
    }
}

struct Writer<'w, 'd, 'a> {
    dumper: &'d mut Dumper<'a>,
    text: Text<'w>,
    options: &'w DataOptions<'w>,
    /// How many brackets are open.
    depth: u32,
    /// Whether any of them is an array's. What is in there is written without its type and with its
    /// zeroes.
    in_array: bool,
}

impl Writer<'_, '_, '_> {
    #[doc(alias = "btf_dump_dump_type_data")]
    fn write(&mut self, name: &[u8], value: &Value<'_>, data: ValueData<'_>) -> Result<(), Error> {
        self.text.step()?;
        let may_be_left_out = !self.options.emit_zeroes && self.depth > 0 && !self.in_array;
        if may_be_left_out && self.is_zero(&data)? {
            return Ok(());
        }
        self.indent();
        if !self.options.skip_names {
            if !name.is_empty() {
                self.text.str(".");
                self.text.name(name);
                self.text.str(" = ");
            }
            // Variables are written with their type anyway.
            if !self.in_array && !matches!(data, ValueData::Var(_) | ValueData::Datasec(_)) {
                self.text.str("(");
                self.dumper.write_cast(value.type_id(), &mut self.text)?;
                self.text.str(")");
            }
        }
        match data {
            ValueData::Int(int) => self.int(&int),
            ValueData::Float(float) => self.text.str(&format!("{float}")),
            ValueData::Ptr(address) => self.pointer(address, value),
            ValueData::Enum(number) => self.enumerator(&number)?,
            ValueData::Struct(fields) | ValueData::Union(fields) => return self.fields(fields),
            ValueData::Array(elements) => return self.array(elements),
            ValueData::Var(content) => return self.variable(value, &content),
            ValueData::Datasec(vars) => return self.section(value, vars),
        }
        self.end();
        Ok(())
    }

    /// Whether a member is left out for being zero. What the data does not reach is not: writing it
    /// says so.
    #[doc(alias = "btf_dump_type_data_check_zero")]
    fn is_zero(&mut self, data: &ValueData<'_>) -> Result<bool, Error> {
        self.text.step()?;
        match data {
            ValueData::Int(int) => Ok(int.bits == 0),
            ValueData::Float(float) => Ok(float.bits() == 0),
            ValueData::Ptr(address) => Ok(*address == 0),
            ValueData::Enum(number) => Ok(number.value == 0),
            ValueData::Struct(fields) | ValueData::Union(fields) => {
                for field in fields.clone() {
                    let is_zero = match field.value.data() {
                        Ok(data) => self.is_zero(&data)?,
                        Err(Error::DataTruncated { .. }) => false,
                        Err(error) => return Err(error),
                    };
                    if !is_zero {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            ValueData::Array(elements) => self.is_zero_array(elements),
            ValueData::Var(_) | ValueData::Datasec(_) => Ok(false),
        }
    }

    fn is_zero_array(&mut self, elements: &Elements<'_>) -> Result<bool, Error> {
        let elements = self.reached(elements);
        let bytes = elements.bytes();
        // Text that ends before it begins is none, whatever follows.
        if elements.is_bytes() && bytes.first() == Some(&0) {
            return Ok(true);
        }
        let first = elements.clone().next();
        if !matches!(
            first.map(|first| first.data()),
            Some(Ok(ValueData::Struct(_) | ValueData::Union(_) | ValueData::Array(_)))
        ) {
            self.text.charge(bytes.len() / 8)?;
            return Ok(bytes.iter().all(|&byte| byte == 0));
        }
        for element in elements {
            if !self.is_zero(&element.data()?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn reached<'a>(&self, elements: &Elements<'a>) -> Elements<'a> {
        let elements = elements.clone();
        if self.options.flexible_arrays { elements.flexible() } else { elements }
    }

    fn int(&mut self, int: &IntValue) {
        if int.is_bitfield || int.width > 64 {
            self.text.str("0x");
            self.text.hex(int.bits);
        } else if int.is_signed() {
            self.text.signed(int.to_i128().unwrap_or_default() as i64);
        } else {
            self.text.number(int.bits as u64);
        }
    }

    /// As `%p` of the GNU C library; an address that does not lie where it should, or is of a machine
    /// with smaller ones, has its zero written out.
    fn pointer(&mut self, address: u64, value: &Value<'_>) {
        if address == 0 && value.btf().pointer_size().unwrap_or(8) == 8 && value.offset() % 8 == 0 {
            self.text.str("(nil)");
        } else {
            self.text.str("0x");
            self.text.hex(address.into());
        }
    }

    fn enumerator(&mut self, number: &EnumNumber<'_>) -> Result<(), Error> {
        self.text.charge(number.values().len())?;
        if let Some(enumerator) = number.enumerator() {
            self.text.name(enumerator.name_bytes());
            return Ok(());
        }
        match number.signed {
            true => self.text.signed(number.value as i64),
            false => self.text.number(number.value),
        }
        if number.is_wide {
            self.text.str(if number.signed { "LL" } else { "ULL" });
        }
        Ok(())
    }

    #[doc(alias = "btf_dump_struct_data")]
    fn fields(&mut self, fields: Fields<'_>) -> Result<(), Error> {
        self.open("{");
        for field in fields {
            let data = field.value.data()?;
            self.write(field.name_bytes(), &field.value, data)?;
        }
        self.close("}");
        Ok(())
    }

    #[doc(alias = "btf_dump_array_data")]
    fn array(&mut self, elements: Elements<'_>) -> Result<(), Error> {
        let elements = self.reached(&elements);
        if elements.is_bytes() {
            return self.byte_array(&elements);
        }
        self.open("[");
        let was_in_array = core::mem::replace(&mut self.in_array, true);
        for element in elements {
            match element.data() {
                Ok(data) => self.write(b"", &element, data)?,
                // Cut off within a number, which is the last that the data reaches.
                Err(Error::DataTruncated { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        self.in_array = was_in_array;
        self.close("]");
        Ok(())
    }

    /// Characters where they are some, else numbers, as BTF rarely tells which are meant.
    fn byte_array(&mut self, elements: &Elements<'_>) -> Result<(), Error> {
        let bytes = elements.bytes();
        let text = memchr::memchr(0, bytes).and_then(|len| bytes.get(..len));
        if let Some(text) = text.filter(|_| self.options.emit_strings) {
            self.text.charge(text.len())?;
            self.string(text);
            return Ok(());
        }
        let btf = self.dumper.btf();
        let signed = match btf.resolve(elements.element_type())?.data() {
            TypeData::Int(int) => int.encoding.contains(crate::IntEncoding::SIGNED),
            _ => false,
        };
        self.open("[");
        for &byte in bytes {
            self.text.step()?;
            if byte == 0 && !self.options.emit_zeroes {
                continue;
            }
            self.indent();
            match byte {
                0 => self.text.str("'\\0'"),
                b' '..=b'~' => {
                    self.text.str("'");
                    self.text.byte(byte);
                    self.text.str("'");
                }
                _ if signed => self.text.signed((byte as i8).into()),
                _ => self.text.number(byte.into()),
            }
            self.end();
            if byte == 0 {
                break;
            }
        }
        self.close("]");
        Ok(())
    }

    #[doc(alias = "btf_dump_string_data")]
    fn string(&mut self, text: &[u8]) {
        self.text.str("\"");
        for &byte in text {
            match byte {
                b' '..=b'~' => self.text.byte(byte),
                _ => {
                    self.text.str("\\x");
                    self.text.str(if byte < 0x10 { "0" } else { "" });
                    self.text.hex(byte.into());
                }
            }
        }
        self.text.str("\"");
        self.end();
    }

    #[doc(alias = "btf_dump_var_data")]
    fn variable(&mut self, var: &Value<'_>, content: &Value<'_>) -> Result<(), Error> {
        let TypeData::Var(data) = var.ty().data() else { return Ok(()) };
        self.text.str(match data.linkage {
            Linkage::STATIC => "static ",
            Linkage::EXTERN => "extern ",
            _ => "",
        });
        if !self.in_array && !matches!(content.ty().kind(), Kind::Var | Kind::Datasec) {
            self.dumper.write_cast(content.type_id(), &mut self.text)?;
        }
        self.text.str(" ");
        self.text.name(var.ty().name_bytes());
        self.text.str(" = ");
        self.write(b"", content, content.data()?)
    }

    #[doc(alias = "btf_dump_datasec_data")]
    fn section(&mut self, section: &Value<'_>, vars: SectionVars<'_>) -> Result<(), Error> {
        self.text.str("SEC(\"");
        self.text.name(section.ty().name_bytes());
        self.text.str("\") ");
        self.end();
        for var in vars {
            self.write(b"", &var.value, var.value.data()?)?;
            self.text.str(";");
        }
        Ok(())
    }

    fn open(&mut self, bracket: &str) {
        self.text.str(bracket);
        self.depth += 1;
        self.line();
    }

    fn close(&mut self, bracket: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.indent();
        self.text.str(bracket);
        self.end();
    }

    /// What follows a value, except the outermost.
    fn end(&mut self) {
        if self.depth > 0 {
            self.text.str(",");
        }
        self.line();
    }

    fn line(&mut self) {
        if !self.options.compact && self.depth > 0 {
            self.text.str("\n");
        }
    }

    fn indent(&mut self) {
        if !self.options.compact {
            for _ in 0..self.depth.saturating_add(self.options.indent_level.into()) {
                self.text.str(self.options.indent_str);
            }
        }
    }
}
