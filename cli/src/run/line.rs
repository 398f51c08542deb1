//! A value on one line: `pid=12 comm="bash" state=RUNNING addr={family=2, port=53}`.
//!
//! Types decide how a value looks: members by name, enums by the enumerator, arrays of `char` as strings, addresses in hexadecimal.
//! Zeros at the end of other arrays are left out, and nothing longer than a screen is written out: lines are for people, JSON is
//! for programs.

use std::fmt::Write as _;

use purebpf::btf::dump::value::{Elements, Fields, Value, ValueData};
use purebpf::btf::{IntEncoding, TypeData};

use super::histogram;
use crate::boot_time;

/// The longest line, in bytes, after which nothing more is begun.
const LONGEST: usize = 16 << 10;

/// The most elements of an array that are shown.
const MOST_ELEMENTS: u32 = 64;

/// The most members and elements that are looked at: BTF can say much of few bytes, and nothing that is shown.
const MOST_STEPS: u32 = 1 << 16;

/// How lines are written.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineStyle {
    /// Members that are named for times since boot, as times of day.
    pub(super) human_time: bool,
    /// Without histograms, which are drawn elsewhere.
    pub(super) without_histograms: bool,
}

/// A whole value: a struct's members without braces around them.
pub(super) fn line(value: &Value<'_>, style: LineStyle) -> String {
    let mut line = Line { text: String::new(), style, steps: MOST_STEPS };
    match value.data() {
        Ok(ValueData::Struct(fields) | ValueData::Union(fields)) => line.fields(fields, " "),
        _ => line.value("", value),
    }
    line.text
}

struct Line {
    text: String,
    style: LineStyle,
    /// How many members and elements may still be looked at.
    steps: u32,
}

impl Line {
    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(text);
    }

    fn is_full(&self) -> bool {
        self.text.len() > LONGEST || self.steps == 0
    }

    fn step(&mut self) {
        self.steps = self.steps.saturating_sub(1);
    }

    fn fields(&mut self, fields: Fields<'_>, between: &str) {
        let mut first = true;
        self.fields_after(fields, between, &mut first);
    }

    fn fields_after(&mut self, fields: Fields<'_>, between: &str, first: &mut bool) {
        for field in fields {
            self.step();
            if self.is_full() {
                self.text.push('…');
                return;
            }
            if field.is_anonymous() {
                // Its members are the struct's; an unnamed bitfield is padding.
                if let Ok(ValueData::Struct(inner) | ValueData::Union(inner)) = field.value.data() {
                    self.fields_after(inner, between, first);
                }
                continue;
            }
            let name = String::from_utf8_lossy(field.name_bytes());
            if self.style.without_histograms && histogram::slots(&name, &field.value).is_some() {
                continue;
            }
            // What the bytes do not reach was not sent.
            if field.value.bytes().is_empty() && field.value.btf().size_of(field.value.type_id()).unwrap_or(0) > 0 {
                continue;
            }
            if !std::mem::take(first) {
                self.text.push_str(between);
            }
            self.push(format_args!("{name}="));
            self.value(&name, &field.value);
        }
    }

    fn value(&mut self, name: &str, value: &Value<'_>) {
        match value.data() {
            Ok(ValueData::Int(int)) if int.is_bool() && int.bits <= 1 => self.push(format_args!("{}", int.bits == 1)),
            Ok(ValueData::Int(int)) => match self.time(name, int.bits, int.width) {
                Some(time) => self.text.push_str(&time),
                None if is_char(value) && int.bits != 0 => match u8::try_from(int.bits).map(char::from) {
                    Ok(char) if char.is_ascii_graphic() || char == ' ' => self.push(format_args!("'{char}'")),
                    _ => self.push(format_args!("{int}")),
                },
                // A kernel address, or what is as good as negative.
                None if !int.is_signed() && int.width == 64 && int.bits >> 48 == 0xffff => {
                    self.push(format_args!("{:#x}", int.bits));
                }
                None => self.push(format_args!("{int}")),
            },
            Ok(ValueData::Float(float)) => self.push(format_args!("{}", float.to_f64())),
            Ok(ValueData::Ptr(address)) => self.push(format_args!("{address:#x}")),
            Ok(ValueData::Enum(number)) => match number.enumerator().and_then(|enumerator| enumerator.name()) {
                Some(name) => self.text.push_str(name),
                None => self.push(format_args!("{}", number.to_i128())),
            },
            Ok(ValueData::Struct(fields) | ValueData::Union(fields)) => {
                self.text.push('{');
                self.fields(fields, ", ");
                self.text.push('}');
            }
            Ok(ValueData::Array(elements)) => self.array(elements),
            Ok(ValueData::Var(content)) => self.value(name, &content),
            Ok(_) => self.text.push('?'),
            // Bytes that end within it, or a type that has no values.
            Err(_) => self.text.push('?'),
        }
    }

    fn array(&mut self, elements: Elements<'_>) {
        let elements = elements.flexible();
        if let Some(text) = elements.text().filter(|_| is_text(&elements)) {
            return self.push(format_args!("{:?}", String::from_utf8_lossy(text)));
        }
        if elements.is_bytes() {
            let bytes = elements.bytes();
            let shown = bytes.get(..MOST_ELEMENTS as usize).unwrap_or(bytes);
            let hex: Vec<_> = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            let more = if bytes.len() > shown.len() { " …" } else { "" };
            return self.push(format_args!("[{}{more}]", hex.join(" ")));
        }
        if elements.element_size() == 0 {
            return self.text.push_str("[]");
        }
        let count = elements.len() as u32;
        // Zeros at the end, if they are more than one, are only counted.
        let used = (0..count).rev().find(|n| elements.get(*n).is_some_and(|element| !is_zero(&element)));
        let used = used.map_or(0, |last| last + 1);
        let zeros = count - used;
        let shown = if zeros > 1 { used } else { count }.min(MOST_ELEMENTS);
        self.text.push('[');
        for (n, element) in elements.take(shown as usize).enumerate() {
            if n > 0 {
                self.text.push_str(", ");
            }
            self.step();
            if self.is_full() {
                break;
            }
            self.value("", &element);
        }
        match () {
            () if shown < used => self.push(format_args!(", … {} more", count - shown)),
            () if zeros > 1 && used == 0 => self.push(format_args!("0 ×{zeros}")),
            () if zeros > 1 => self.push(format_args!(", 0 ×{zeros}")),
            () => {}
        }
        self.text.push(']');
    }

    /// A member that is named for a time since boot, as a time of day, if that was asked for.
    fn time(&self, name: &str, bits: u128, width: u8) -> Option<String> {
        let unit = time_unit(name).filter(|_| self.style.human_time && width == 64 && bits != 0)?;
        let nanoseconds = u64::try_from(bits).ok()?.checked_mul(unit)?;
        Some(boot_time::time_of_day(boot_time::wall_clock_of_monotonic(nanoseconds)))
    }
}

/// The nanoseconds that one of a member's units stands for, if its name says that it is a moment: `ts`, `ts_us`, `start_ts`,
/// `timestamp_ns`, `exit_time`. A bare `time` may as well be how long something took.
fn time_unit(name: &str) -> Option<u64> {
    let (stem, unit) = match name.rsplit_once('_') {
        Some((stem, "ns")) => (stem, 1),
        Some((stem, "us")) => (stem, 1_000),
        Some((stem, "ms")) => (stem, 1_000_000),
        _ => (name, 1),
    };
    let has = |words: &[&str]| stem.split('_').any(|word| words.contains(&word));
    let is_moment = has(&["ts", "timestamp", "ktime"])
        || has(&["time"]) && has(&["start", "begin", "end", "enter", "exit", "fork", "exec", "last", "wakeup"]);
    let is_span = has(&["delta", "duration", "elapsed", "total"]);
    (is_moment && !is_span).then_some(unit)
}

/// Whether a value's type is `char`, by whatever typedef.
fn is_char(value: &Value<'_>) -> bool {
    is_char_type(value.btf(), value.type_id())
}

fn is_char_type(btf: &purebpf::btf::Btf, id: purebpf::btf::TypeId) -> bool {
    btf.resolve(id).is_ok_and(|resolved| match resolved.data() {
        TypeData::Int(int) => {
            int.size == 1 && (resolved.name_bytes() == b"char" || int.encoding.contains(IntEncoding::CHAR))
        }
        _ => false,
    })
}

/// Whether an array is of `char`, so that it is text.
fn is_text(elements: &Elements<'_>) -> bool {
    elements.is_bytes() && is_char_type(elements.btf(), elements.element_type())
}

/// Whether all of a value's bytes are zero.
pub(super) fn is_zero(value: &Value<'_>) -> bool {
    value.bytes().iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::time_unit;

    /// Names of members of bcc's libbpf-tools: moments, and spans.
    #[test]
    fn moments_by_their_names() {
        for (name, unit) in
            [("ts", 1), ("ts_us", 1_000), ("ts_ns", 1), ("start_ts", 1), ("exit_time", 1), ("start_time", 1)]
        {
            assert_eq!(time_unit(name), Some(unit), "{name}");
        }
        for name in ["time", "delta_us", "delta_ts", "total_time", "span_us", "tso", "mnt_ns", "pid", "ts_count_total"]
        {
            assert_eq!(time_unit(name), None, "{name}");
        }
    }
}
