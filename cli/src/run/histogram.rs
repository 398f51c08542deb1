//! Histograms with slots for powers of two, drawn as the tools of bcc draw them (`print_log2_hist`).

use std::fmt::Write as _;

use purebpf::btf::dump::value::{Value, ValueData};

/// The fewest and the most slots: less is no histogram, more no log2.
const SLOTS: std::ops::RangeInclusive<u32> = 8..=64;

/// The slots of a histogram: an array of unsigned numbers that is named for one (`slots`, `hist`, `read_hist`, `hists`).
pub(super) fn slots(name: &str, value: &Value<'_>) -> Option<Vec<u64>> {
    let named = name == "slots" || name.split('_').any(|word| matches!(word, "slots" | "hist" | "hists" | "histogram"));
    let Ok(ValueData::Array(elements)) = value.data() else { return None };
    if !named || !SLOTS.contains(&elements.declared_len()) || !matches!(elements.element_size(), 4 | 8) {
        return None;
    }
    let unsigned = |element: Value<'_>| match element.data() {
        Ok(ValueData::Int(int)) if !int.is_signed() && !int.is_bool() => u64::try_from(int.bits).ok(),
        _ => None,
    };
    elements.map(unsigned).collect()
}

/// All histograms in a value, each with the path of members and elements that leads to it; those that are empty are left out.
pub(super) fn within(name: &str, value: &Value<'_>) -> Vec<(String, Vec<u64>)> {
    // BTF can nest without end: it is walked no further than honest programs need.
    let mut walk = Walk { found: Vec::new(), steps: MOST_STEPS };
    walk.collect(name, name, value, 8);
    walk.found
}

/// The most elements of an array in which histograms are looked for.
const MOST_ELEMENTS: usize = 4096;

/// The most members and elements that are looked at.
const MOST_STEPS: u32 = 1 << 16;

struct Walk {
    found: Vec<(String, Vec<u64>)>,
    steps: u32,
}

impl Walk {
    fn collect(&mut self, path: &str, name: &str, value: &Value<'_>, depth: u32) {
        if depth == 0 || self.steps == 0 {
            return;
        }
        self.steps -= 1;
        if let Some(slots) = slots(name, value) {
            if slots.iter().any(|count| *count != 0) {
                self.found.push((path.to_owned(), slots));
            }
            return;
        }
        match value.data() {
            Ok(ValueData::Var(content)) => self.collect(path, name, &content, depth - 1),
            Ok(ValueData::Struct(fields)) => {
                for field in fields {
                    let name = String::from_utf8_lossy(field.name_bytes());
                    let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
                    self.collect(&path, &name, &field.value, depth - 1);
                }
            }
            Ok(ValueData::Array(elements)) if elements.element_size() >= 4 * *SLOTS.start() => {
                for (n, element) in elements.take(MOST_ELEMENTS).enumerate() {
                    self.collect(&format!("{path}[{n}]"), "", &element, depth - 1);
                }
            }
            _ => {}
        }
    }
}

/// Whether a value has a histogram in it, empty or not.
pub(super) fn has_one(name: &str, value: &Value<'_>) -> bool {
    if slots(name, value).is_some() {
        return true;
    }
    match value.data() {
        Ok(ValueData::Var(content)) => has_one(name, &content),
        Ok(ValueData::Struct(mut fields)) => {
            fields.any(|field| slots(&String::from_utf8_lossy(field.name_bytes()), &field.value).is_some())
        }
        Ok(ValueData::Array(elements)) => elements
            .get(0)
            .is_some_and(|element| matches!(element.data(), Ok(ValueData::Struct(_))) && has_one("", &element)),
        _ => false,
    }
}

/// Draws a histogram: a line for each slot up to the last that is not empty.
pub(super) fn draw(slots: &[u64], unit: &str) -> String {
    let Some(last) = slots.iter().rposition(|count| *count != 0) else { return String::new() };
    let most = slots.iter().copied().max().unwrap_or(0);
    // Numbers above 32 bits take twice the room, and the bars give it.
    let wide = last > 32;
    let (width, stars) = if wide { (20, 20) } else { (10, 40) };
    let (margin, title) = if wide { (15, 29) } else { (5, 19) };
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{:margin$}{unit:<title$} : count    distribution", "");
    for (n, count) in slots.iter().enumerate().take(last + 1) {
        let low = if n == 0 { 0 } else { 1u64 << n };
        let high = u64::MAX >> (63 - n.min(63));
        let filled = (u128::from(*count) * stars as u128 / u128::from(most.max(1))) as usize;
        let bar = "*".repeat(filled);
        let _ = writeln!(text, "{low:>width$} -> {high:<width$} : {count:<8} |{bar:<stars$}|");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::draw;

    /// What `print_log2_hist` of bcc's libbpf-tools (trace_helpers.c) prints for these slots.
    #[test]
    fn as_the_tools_of_bcc() {
        let expected = "     usecs               : count    distribution
         0 -> 1          : 1        |*************                           |
         2 -> 3          : 0        |                                        |
         4 -> 7          : 3        |****************************************|
         8 -> 15         : 2        |**************************              |
";
        assert_eq!(draw(&[1, 0, 3, 2, 0, 0], "usecs"), expected);
        assert_eq!(draw(&[0; 8], "usecs"), "");
    }

    #[test]
    fn the_widest_slot_has_an_end() {
        let mut slots = [0; 64];
        slots[63] = u64::MAX;
        let text = draw(&slots, "value");
        assert!(text.lines().last().unwrap().starts_with(" 9223372036854775808 -> 18446744073709551615 : "), "{text}");
    }
}
