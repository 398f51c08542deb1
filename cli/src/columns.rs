//! Text in columns, for people: each column as wide as what is in it, the last one broken at blanks where a line would be too long.

use crate::output::{Style, printable};

/// Lines are no longer than this if they can be broken.
const LINE: usize = 100;

/// A name longer than this stands by itself and moves what follows, not all other lines.
const WIDEST: usize = 40;

/// Less room than this is not worth beginning in: the last column goes to a line of its own.
const NARROWEST: usize = 40;

/// What follows a row on lines of its own stands under this many blanks more.
const HANGING: usize = 4;

/// One place of a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    look: Look,
}

#[derive(Clone, Copy, Debug, Default)]
enum Look {
    #[default]
    Plain,
    Bold,
    Dim,
}

impl Cell {
    pub(crate) fn bold(text: impl Into<String>) -> Cell {
        Cell { look: Look::Bold, ..Cell::from(text.into()) }
    }

    pub(crate) fn dim(text: impl Into<String>) -> Cell {
        Cell { look: Look::Dim, ..Cell::from(text.into()) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn styled(&self, text: &str, style: Style) -> String {
        match self.look {
            Look::Plain => text.to_owned(),
            Look::Bold => style.bold(text),
            Look::Dim => style.dim(text),
        }
    }
}

/// Text from an object is made fit for a terminal here.
impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell { text: printable(&text.into()).into_owned(), look: Look::Plain }
    }
}

/// How a column is lined up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// Rows of as many cells as there are columns.
#[derive(Debug)]
pub(crate) struct Columns<const N: usize> {
    indent: usize,
    align: [Align; N],
    rows: Vec<[Cell; N]>,
}

impl<const N: usize> Columns<N> {
    pub(crate) fn new(indent: usize, align: [Align; N]) -> Columns<N> {
        Columns { indent, align, rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: [Cell; N]) {
        self.rows.push(row);
    }

    /// The rows' lines. A column with nothing in it takes no room.
    pub(crate) fn write(&self, style: Style, out: &mut String) {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                if cell.width() <= WIDEST {
                    *width = cell.width().max(*width);
                }
            }
        }
        for row in &self.rows {
            self.write_row(row, &widths, style, out);
        }
    }

    fn write_row(&self, row: &[Cell; N], widths: &[usize; N], style: Style, out: &mut String) {
        let Some((last, others)) = row.split_last() else { return };
        out.extend(std::iter::repeat_n(' ', self.indent));
        let mut at = self.indent;
        // Blanks are written when something follows them.
        let mut blanks = 0;
        for ((cell, width), align) in others.iter().zip(widths).zip(self.align) {
            if *width == 0 && cell.text.is_empty() {
                continue;
            }
            let padding = width.saturating_sub(cell.width());
            let (before, after) = if align == Align::Right { (padding, 0) } else { (0, padding) };
            if !cell.text.is_empty() {
                out.extend(std::iter::repeat_n(' ', blanks + before));
                out.push_str(&cell.styled(&cell.text, style));
                blanks = 0;
            } else {
                blanks += before;
            }
            blanks += after + 2;
            at += cell.width().max(*width) + 2;
        }
        if !last.text.is_empty() {
            let fits = at + last.width() <= LINE;
            if fits || at + NARROWEST <= LINE {
                out.extend(std::iter::repeat_n(' ', blanks));
                write_broken(last, at, style, out);
            } else {
                out.push('\n');
                let under = self.indent + HANGING;
                out.extend(std::iter::repeat_n(' ', under));
                write_broken(last, under, style, out);
            }
        }
        out.push('\n');
    }
}

/// The words of a cell from column `at` on, on as many lines as they take.
fn write_broken(cell: &Cell, at: usize, style: Style, out: &mut String) {
    let mut line = String::new();
    let mut width = 0;
    for word in cell.text.split(' ') {
        let len = word.chars().count();
        if width > 0 && at + width + 1 + len > LINE {
            out.push_str(&cell.styled(&line, style));
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', at));
            line.clear();
            width = 0;
        }
        if width > 0 {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += len;
    }
    out.push_str(&cell.styled(&line, style));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut columns = Columns::new(2, [Align::Left, Align::Right, Align::Left, Align::Left]);
        columns.push(["a".into(), "1".into(), "".into(), "x".into()]);
        columns.push(["bcd".into(), "22".into(), "".into(), "".into()]);
        columns.push(["".into(), "3".into(), "".into(), "tail\n".into()]);
        let mut text = String::new();
        columns.write(Style::plain(), &mut text);
        assert_eq!(text, "  a     1  x\n  bcd  22\n        3  tail\\n\n");
    }

    #[test]
    fn long_lines_are_broken_and_long_names_move_only_their_own() {
        let long = "n".repeat(60);
        let words = "word ".repeat(25);
        let mut columns = Columns::new(0, [Align::Left, Align::Left]);
        columns.push(["short".into(), words.trim().into()]);
        columns.push([long.as_str().into(), "next".into()]);
        columns.push(["n".repeat(90).into(), words.trim().into()]);
        let mut text = String::new();
        columns.write(Style::plain(), &mut text);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], format!("short  {}", "word ".repeat(18).trim()));
        assert_eq!(lines[1], format!("       {}", "word ".repeat(7).trim()));
        assert_eq!(lines[2], format!("{long}  next"));
        assert_eq!(lines[4], format!("    {}", "word ".repeat(19).trim()));
        assert!(lines.iter().skip(4).all(|line| line.len() <= LINE));
    }
}
