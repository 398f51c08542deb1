//! The figures as a picture for the README: of each piece of work the instructions of each library, libbpf's being the measure.

use super::Row;
use std::fmt::Write;

const WIDTH: u32 = 860;
/// Where bars begin, and how long one is that stands for as much as libbpf takes.
const LEFT: u32 = 300;
const UNIT: f64 = 220.0;
/// What is longer is cut off here; its number is beside it.
const LONGEST: f64 = 2.0;
const BAR: u32 = 15;
const FONT: &str = "font-family=\"system-ui, sans-serif\"";
const COLOURS: [&str; 4] = ["#1f6f8b", "#9aa5ad", "#c9a66b", "#b58db6"];

/// The picture. It stands on white, so that it can be read on any page.
pub(super) fn svg(rows: &[Row<'_>], libraries: &[&str], about: &str) -> String {
    let bars: u32 = rows.iter().map(|row| row.figures.iter().flatten().count() as u32).sum();
    let height = 96 + bars * BAR + rows.len() as u32 * 16;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" {FONT} font-size=\"12\">\n\
         <title>Instructions, as multiples of libbpf's</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"600\" fill=\"#1b1f23\">Instructions, as multiples of libbpf's</text>\n\
         <text x=\"16\" y=\"46\" fill=\"#57606a\">{about}</text>\n"
    );
    let mut y = 70;
    for row in rows {
        let libbpf = row.figures.get(1).copied().flatten().map_or(1.0, |figures| figures.instructions as f64);
        _ = writeln!(text, "<text x=\"16\" y=\"{}\" fill=\"#1b1f23\">{}</text>", y + 11, row.work.about);
        for (n, figures) in row.figures.iter().enumerate() {
            let Some(figures) = figures else { continue };
            let (library, colour) = (libraries[n], COLOURS[n % COLOURS.len()]);
            let ratio = figures.instructions as f64 / libbpf;
            let length = (ratio.min(LONGEST) * UNIT).max(1.0);
            let weight = if n == 0 { "600" } else { "400" };
            let cut = if ratio > LONGEST { " …" } else { "" };
            _ = writeln!(
                text,
                "<rect x=\"{LEFT}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"{colour}\"/>\n\
                 <text x=\"{:.1}\" y=\"{}\" fill=\"#1b1f23\" font-weight=\"{weight}\">{library} {}{cut}</text>",
                y + 2,
                BAR - 4,
                f64::from(LEFT) + length + 6.0,
                y + 12,
                shown(ratio),
            );
            y += BAR;
        }
        y += 16;
    }
    text + "</svg>\n"
}

/// A multiple, with as many digits as say something.
fn shown(ratio: f64) -> String {
    match ratio {
        r if r >= 10.0 => format!("{r:.0}×"),
        r if r >= 0.1 => format!("{r:.2}×"),
        r => format!("{r:.4}×"),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn multiples_keep_digits_that_say_something() {
        assert_eq!([shown(23.4), shown(1.0), shown(0.123), shown(0.00123)], ["23×", "1.00×", "0.12×", "0.0012×"]);
    }
}
