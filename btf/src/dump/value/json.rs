//! Values as JSON, on one line: as `bpftool -j map dump` prints them, or as the types mean them.

use alloc::format;
use core::fmt;

use super::view::{Elements, Fields, Value, ValueData};
use super::{EnumNumber, FloatFormat, FloatValue, IntValue};
use crate::dump::text::Text;
use crate::{Error, IntEncoding, TypeData};

/// What a value looks like as JSON. In both styles a struct or union is an object; an array is an
/// array; integers up to 64 bits and pointers are numbers, wider ones strings of hexadecimal
/// digits; booleans are `true` or `false`; numbers of an enum are its names where it has
/// one, else numbers; a variable is an object of its name and content, and a section one of its name
/// and an array of variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonStyle {
    /// As bpftool has it, for scripts that know it: bitfields are strings of hexadecimal digits
    /// (`"0x5"`) whatever their type; members without name are members named `""`; an array of
    /// `char` is a string if there is a NUL in it with nothing but printable ASCII before, else an
    /// array, and `char` by a typedef always is.
    ///
    /// Different is what would not be JSON (quotation marks among characters; floats, which bpftool
    /// refuses), and that unsigned enums have unsigned numbers.
    #[default]
    Bpftool,
    /// As the types mean them: bitfields as other values of their types, members of members without
    /// name among those of their struct, and all arrays of `char`, by a typedef or not, as
    /// strings: up to the NUL, with `U+FFFD` for what is not UTF-8.
    Natural,
}

/// Writes values as JSON.
///
/// ```
/// use purebpf_btf::{Btf, IntEncoding, builder::Builder, dump::value::{Json, JsonStyle, Value}};
///
/// let mut builder = Builder::new();
/// let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
/// let point = builder.add_struct("point", 8)?;
/// builder.add_member("x", int, 0)?;
/// builder.add_member("y", int, 32)?;
/// let btf = Btf::parse(builder.finish())?;
///
/// let bytes = [1i32.to_ne_bytes(), (-2i32).to_ne_bytes()].concat();
/// let mut text = String::new();
/// Json::new(JsonStyle::Natural).write(&Value::new(&btf, point, &bytes)?, &mut text)?;
/// assert_eq!(text, r#"{"x":1,"y":-2}"#);
/// # Ok::<(), purebpf_btf::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Json {
    style: JsonStyle,
    flexible_arrays: bool,
}

impl Json {
    /// JSON in this style.
    pub fn new(style: JsonStyle) -> Json {
        Json { style, flexible_arrays: false }
    }

    /// Whether to write the elements that the data holds of a flexible array at its end; without, it
    /// has none.
    pub fn flexible_arrays(self, yes: bool) -> Json {
        Json { flexible_arrays: yes, ..self }
    }

    /// Writes a value.
    ///
    /// # Errors
    /// [`Error::DataTruncated`] if the bytes end within a member. Like every error in a value, that
    /// does not keep the rest from being written: members that the bytes do not reach are left out,
    /// what cannot be said otherwise is `null`, and the text is JSON.
    ///
    /// It is not after [`Error::Write`] and [`Error::DumpTooLarge`].
    pub fn write(&self, value: &Value<'_>, writer: &mut dyn fmt::Write) -> Result<(), Error> {
        let text = Text::for_data(value.btf(), value.all_bytes().len(), writer);
        let mut values = Writer { json: *self, text, fault: None };
        values.any(value)?;
        values.text.flush()?;
        values.fault.map_or(Ok(()), Err)
    }
}

struct Writer<'w> {
    json: Json,
    text: Text<'w>,
    /// The first thing that could not be written.
    fault: Option<Error>,
}

impl Writer<'_> {
    fn is_natural(&self) -> bool {
        self.json.style == JsonStyle::Natural
    }

    fn note(&mut self, error: Error) {
        self.fault.get_or_insert(error);
    }

    fn any(&mut self, value: &Value<'_>) -> Result<(), Error> {
        self.text.step()?;
        match value.data() {
            Ok(data) => self.opened(value, data),
            Err(error) => {
                self.note(error);
                self.text.str("null");
                Ok(())
            }
        }
    }

    fn opened(&mut self, value: &Value<'_>, data: ValueData<'_>) -> Result<(), Error> {
        match data {
            ValueData::Int(int) => self.int(value, &int),
            ValueData::Float(float) => self.float(float),
            ValueData::Ptr(address) => self.text.number(address),
            ValueData::Enum(number) => self.enumerator(&number)?,
            ValueData::Struct(fields) | ValueData::Union(fields) => {
                self.text.str("{");
                self.fields(fields, &mut true)?;
                self.text.str("}");
            }
            ValueData::Array(elements) => self.array(elements)?,
            ValueData::Var(content) => {
                self.text.str("{");
                self.string(value.ty().name_bytes());
                self.text.str(":");
                self.any(&content)?;
                self.text.str("}");
            }
            ValueData::Datasec(vars) => {
                self.text.str("{");
                self.string(value.ty().name_bytes());
                self.text.str(":[");
                for (n, var) in vars.enumerate() {
                    self.text.str(if n > 0 { "," } else { "" });
                    self.any(&var.value)?;
                }
                self.text.str("]}");
            }
        }
        Ok(())
    }

    fn fields(&mut self, fields: Fields<'_>, is_first: &mut bool) -> Result<(), Error> {
        for field in fields {
            self.text.step()?;
            let data = match field.value.data() {
                Err(error @ Error::DataTruncated { .. }) => {
                    self.note(error);
                    continue;
                }
                Ok(ValueData::Struct(fields) | ValueData::Union(fields))
                    if self.is_natural() && field.is_anonymous() =>
                {
                    self.fields(fields, is_first)?;
                    continue;
                }
                data => data,
            };
            self.text.str(if *is_first { "" } else { "," });
            *is_first = false;
            self.string(field.name_bytes());
            self.text.str(":");
            match data {
                Ok(data) => self.opened(&field.value, data)?,
                Err(error) => {
                    self.note(error);
                    self.text.str("null");
                }
            }
        }
        Ok(())
    }

    fn array(&mut self, elements: Elements<'_>) -> Result<(), Error> {
        let elements = if self.json.flexible_arrays { elements.flexible() } else { elements };
        if let Some(text) = self.text_in(&elements) {
            self.string(text);
            return Ok(());
        }
        self.text.str("[");
        for (n, element) in elements.enumerate() {
            // Cut off within a number, which is the last that the data reaches.
            let data = element.data();
            if matches!(data, Err(Error::DataTruncated { .. })) {
                break;
            }
            self.text.str(if n > 0 { "," } else { "" });
            self.text.step()?;
            match data {
                Ok(data) => self.opened(&element, data)?,
                Err(error) => {
                    self.note(error);
                    self.text.str("null");
                }
            }
        }
        self.text.str("]");
        Ok(())
    }

    /// What an array is a string of, if it is one.
    #[doc(alias = "is_str_array")]
    fn text_in<'a>(&self, elements: &Elements<'a>) -> Option<&'a [u8]> {
        if !elements.is_bytes() || (elements.declared_len() == 0 && elements.len() == 0) {
            return None;
        }
        let text = elements.text()?;
        let (btf, element) = (elements.btf(), elements.element_type());
        if self.is_natural() {
            return (btf.resolve(element).ok()?.name_bytes() == b"char").then_some(text);
        }
        let declared = btf.skip_modifiers(element).ok()?;
        let TypeData::Int(int) = declared.data() else { return None };
        let is_char = int.encoding == IntEncoding::CHAR || declared.name_bytes() == b"char";
        let is_ended = text.len() < elements.bytes().len();
        (is_char && is_ended && text.iter().all(|byte| matches!(byte, b' '..=b'~'))).then_some(text)
    }

    #[doc(alias = "btf_dumper_int")]
    fn int(&mut self, value: &Value<'_>, int: &IntValue) {
        let is_whole = value.bitfield_size().is_none() && matches!(int.width, 8 | 16 | 32 | 64);
        if int.width > 64 || (!self.is_natural() && int.is_bitfield && !is_whole) {
            self.hex(int.bits);
        } else if int.is_bool() {
            self.text.str(if int.bits != 0 { "true" } else { "false" });
        } else if !self.is_natural() && int.encoding.contains(IntEncoding::CHAR) && int.width == 8 {
            match int.bits as u8 {
                byte @ b' '..=b'~' => self.string(&[byte]),
                byte => {
                    self.text.str("\"");
                    self.escaped(byte);
                    self.text.str("\"");
                }
            }
        } else if int.is_signed() {
            self.text.signed(int.to_i128().unwrap_or_default() as i64);
        } else {
            self.text.number(int.bits as u64);
        }
    }

    fn hex(&mut self, bits: u128) {
        self.text.str("\"0x");
        self.text.hex(bits);
        self.text.str("\"");
    }

    /// JSON has no word for what is not finite.
    fn float(&mut self, float: FloatValue) {
        let text = match float.format() {
            _ if !float.is_finite() => "null".into(),
            FloatFormat::Half | FloatFormat::Bfloat | FloatFormat::Single => format!("{:?}", float.to_f32()),
            // A long double may be too large for what anyone reads JSON numbers into.
            _ if !float.to_f64().is_finite() => "null".into(),
            _ => format!("{:?}", float.to_f64()),
        };
        self.text.str(&text);
    }

    #[doc(alias = "btf_dumper_enum")]
    fn enumerator(&mut self, number: &EnumNumber<'_>) -> Result<(), Error> {
        if number.is_bitfield && !self.is_natural() {
            self.hex(number.bits().into());
            return Ok(());
        }
        self.text.charge(number.values().len())?;
        match number.enumerator() {
            Some(enumerator) => self.string(enumerator.name_bytes()),
            None if number.signed => self.text.signed(number.value as i64),
            None => self.text.number(number.value),
        }
        Ok(())
    }

    fn string(&mut self, bytes: &[u8]) {
        self.text.str("\"");
        for &byte in bytes {
            match byte {
                b'"' => self.text.str("\\\""),
                b'\\' => self.text.str("\\\\"),
                b'\n' => self.text.str("\\n"),
                b'\r' => self.text.str("\\r"),
                b'\t' => self.text.str("\\t"),
                0..0x20 => self.escaped(byte),
                _ => self.text.byte(byte),
            }
        }
        self.text.str("\"");
    }

    fn escaped(&mut self, byte: u8) {
        self.text.str("\\u00");
        self.text.str(if byte < 0x10 { "0" } else { "" });
        self.text.hex(byte.into());
    }
}
