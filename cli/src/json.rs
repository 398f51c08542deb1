//! JSON as this tool prints it: members in the documented order, one space a level.

use serde::Serialize as _;
use serde_json::{Serializer, Value, ser::PrettyFormatter};

/// The text of a value, with a newline at its end.
pub(crate) fn text(value: &Value) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b" ")))?;
    bytes.push(b'\n');
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
