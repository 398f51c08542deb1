//! A layout as text, as pahole writes it: C, with `/* offset size */` after each member.

use std::fmt::Write as _;

use super::{Entry, Hole, Layout, Place};
use crate::output::printable;

/// The column in which comments begin, tabs counted as 8.
const COMMENT_COLUMN: usize = 57;

/// How a layout is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// Bytes a cacheline, at least 1.
    pub(super) cacheline: u32,
    /// What the type's layout shows it to be.
    pub(super) packed: bool,
}

/// The text of a layout; `typedef` is the name of the one by which an anonymous type was found.
pub(super) fn text(layout: &Layout, typedef: Option<&str>, style: Style) -> String {
    let mut out = String::new();
    let prefix = if typedef.is_some() { "typedef " } else { "" };
    out.push_str(&format!("{prefix}{} {{\n", head(layout)));
    let mut writer = Writer { out: &mut out, cacheline: u64::from(style.cacheline.max(1)) };
    writer.members(layout, 1, &mut { 0 });
    writer.totals(layout);
    let packed = if style.packed { " __attribute__((__packed__))" } else { "" };
    let name = typedef.map(|name| format!(" {}", printable(name))).unwrap_or_default();
    out.push_str(&format!("}}{packed}{name};\n"));
    out
}

fn keyword(layout: &Layout) -> &'static str {
    if layout.is_union { "union" } else { "struct" }
}

fn head(layout: &Layout) -> String {
    format!("{} {}", keyword(layout), printable(&layout.name)).trim_end().to_owned()
}

struct Writer<'a> {
    out: &'a mut String,
    cacheline: u64,
}

impl Writer<'_> {
    /// `line` is the last cacheline of which the beginning was told.
    fn members(&mut self, layout: &Layout, level: usize, line: &mut u64) {
        self.hole(layout.hole_before, level);
        for entry in &layout.members {
            if layout.is_union {
                // Each begins where the union does.
                self.member(entry, level, &mut line.clone());
            } else {
                self.boundary(entry.place.offset, level, line);
                self.member(entry, level, line);
            }
            if entry.padding != 0 && !layout.is_union {
                let bytes = count(entry.padding, "byte");
                self.comment(level, &format!("XXX last struct has {bytes} of padding"));
            }
            self.hole(entry.hole_after, level);
        }
    }

    fn member(&mut self, entry: &Entry, level: usize, line: &mut u64) {
        let declarator = printable(&entry.declaration.declarator);
        let last = match &entry.nested {
            None => printable(&entry.declaration.to_string()).into_owned(),
            Some(nested) => {
                let base = &entry.declaration.base;
                let head = head(nested);
                self.indent(level);
                // Qualifiers may stand before it, or a typedef's name in its place.
                match base.ends_with(&head) {
                    true => self.out.push_str(&format!("{} {{\n", printable(base))),
                    false => self.out.push_str(&format!("/* typedef {} */ {head} {{\n", printable(base))),
                }
                self.members(nested, level + 1, line);
                format!("}} {declarator}").trim_end().to_owned()
            }
        };
        let bits = entry.place.bits.map(|bits| format!(":{}", bits.width)).unwrap_or_default();
        let code = format!("{last}{bits};");
        self.indent(level);
        let column = level * 8 + code.chars().count();
        let gap = COMMENT_COLUMN.saturating_sub(column).max(1);
        let _ = writeln!(self.out, "{code}{:gap$}/* {} */", "", numbers(entry.place));
    }

    fn boundary(&mut self, offset: u64, level: usize, line: &mut u64) {
        let reached = offset / self.cacheline;
        if reached <= *line {
            return;
        }
        *line = reached;
        let start = reached * self.cacheline;
        let ago = match offset - start {
            0 => String::new(),
            1 => " was 1 byte ago".to_owned(),
            bytes => format!(" was {bytes} bytes ago"),
        };
        self.indent(level);
        let _ = writeln!(self.out, "/* --- cacheline {reached} boundary ({start} bytes){ago} --- */");
    }

    fn hole(&mut self, hole: Hole, level: usize) {
        let told: Vec<_> = [(hole.bits, "bit"), (hole.bytes, "byte")].into_iter().filter(|(n, _)| *n != 0).collect();
        if told.is_empty() {
            return;
        }
        self.out.push('\n');
        for (number, unit) in told {
            let plural = if number == 1 { "" } else { "s" };
            self.indent(level);
            let _ = writeln!(self.out, "/* XXX {number} {unit}{plural} hole, try to pack */");
        }
        self.out.push('\n');
    }

    fn comment(&mut self, level: usize, text: &str) {
        self.out.push('\n');
        self.indent(level);
        let _ = writeln!(self.out, "/* {text} */\n");
    }

    fn totals(&mut self, layout: &Layout) {
        let totals = &layout.totals;
        let size = u64::from(layout.size);
        let mut lines =
            vec![format!("size: {size}, cachelines: {}, members: {}", size.div_ceil(self.cacheline), totals.members)];
        if !layout.is_union {
            // pahole sums up only what is more than the size by itself tells.
            let has_holes = totals.holes != 0 || totals.bit_holes != 0;
            if has_holes && totals.sum_members != 0 {
                let holes = match totals.holes {
                    0 => String::new(),
                    holes => format!(", holes: {holes}, sum holes: {}", totals.sum_holes),
                };
                lines.push(format!("sum members: {}{holes}", totals.sum_members));
            }
            if has_holes && totals.sum_bitfields != 0 {
                let holes = match totals.bit_holes {
                    0 => format!(" ({} bytes)", totals.sum_bitfields / 8),
                    holes => format!(", bit holes: {holes}, sum bit holes: {} bits", totals.sum_bit_holes),
                };
                lines.push(format!("sum bitfield members: {} bits{holes}", totals.sum_bitfields));
            }
            if totals.padding != 0 {
                lines.push(format!("padding: {}", totals.padding));
            }
            if totals.paddings != 0 {
                lines.push(format!("paddings: {}, sum paddings: {}", totals.paddings, totals.sum_paddings));
            }
            if totals.bit_padding != 0 {
                lines.push(format!("bit_padding: {} bits", totals.bit_padding));
            }
        }
        if size % self.cacheline != 0 {
            lines.push(format!("last cacheline: {} bytes", size % self.cacheline));
        }
        self.out.push('\n');
        for line in lines {
            let _ = writeln!(self.out, "\t/* {line} */");
        }
    }

    fn indent(&mut self, level: usize) {
        self.out.extend(std::iter::repeat_n('\t', level));
    }
}

fn count(number: u32, unit: &str) -> String {
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// Offset and size; of a bitfield, where it begins in its integer, and the size of that.
fn numbers(place: Place) -> String {
    match place.bits {
        Some(bits) => format!("{:>5}:{:>2} {:>2}", place.offset, bits.offset, place.size),
        None => format!("{:>5} {:>5}", place.offset, place.size),
    }
}
