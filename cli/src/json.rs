//! JSON as this tool prints it: members in the documented order, one space a level.

use serde::Serialize as _;
use serde_json::{Serializer, Value, ser::PrettyFormatter};

use crate::arguments::Format;

impl Format {
    /// A value as bpftool writes it: on one line, or on many with four spaces a level.
    pub(crate) fn text(self, value: &Value) -> Result<String, serde_json::Error> {
        match self {
            Format::Pretty => with_indent(value, b"    "),
            _ => Ok(format!("{value}\n")),
        }
    }
}

/// The text of a value, with a newline at its end.
pub(crate) fn text(value: &Value) -> Result<String, serde_json::Error> {
    with_indent(value, b" ")
}

fn with_indent(value: &Value, indent: &[u8]) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(indent)))?;
    bytes.push(b'\n');
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
