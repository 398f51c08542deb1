//! Every type looked at, and the dumps that are text about types.

use super::{Outcome, Tools, inputs::Subject};
use crate::error::{Context, Error, Result};
use purebpf_btf::{
    Btf, Type,
    dump::{self, JsonOptions},
};
use std::{
    fmt::Write,
    process::{Command, Stdio},
};

/// What a command prints. That bpftool fails after it began to print is an answer too.
pub(super) fn printed(command: &mut Command) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().context(format_args!("cannot run {program}"))?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::new(format!("{program}: {error} ({})", output.status)));
    }
    Ok(output.stdout)
}

/// What bpftool prints of the input, with options before `btf` and a format after the file.
pub(super) fn bpftool(subject: &Subject, tools: &Tools, options: &[&str], format: &[&str]) -> Result<Vec<u8>> {
    let mut command = Command::new(&tools.bpftool);
    if let Some(base) = &subject.base {
        command.arg("--base-btf").arg(base);
    }
    printed(command.args(options).args(["btf", "dump", "file"]).arg(&subject.file).args(format))
}

/// Where two texts begin to differ.
pub(super) fn compare(ours: &[u8], theirs: &[u8]) -> Outcome {
    if ours == theirs {
        return Outcome::Same;
    }
    let (mut our_lines, mut their_lines) = (ours.split(|byte| *byte == b'\n'), theirs.split(|byte| *byte == b'\n'));
    let mut number = 0;
    loop {
        number += 1;
        let (ours, theirs) = (our_lines.next(), their_lines.next());
        if ours != theirs || ours.is_none() {
            let text = |line: Option<&[u8]>| match line {
                Some(line) => format!("{:?}", String::from_utf8_lossy(&line[..line.len().min(160)])),
                None => "nothing more".to_owned(),
            };
            return Outcome::Different(format!("line {number}: ours {}, theirs {}", text(ours), text(theirs)));
        }
    }
}

/// `bpftool btf dump … format raw`.
pub(super) fn raw(subject: &Subject, tools: &Tools) -> Result<Outcome> {
    let mut ours = String::new();
    dump::raw(&subject.btf, &mut ours).context("ours")?;
    Ok(compare(ours.as_bytes(), &bpftool(subject, tools, &[], &["format", "raw"])?))
}

/// `bpftool -j btf dump`, or `-p`, which indents.
pub(super) fn json(subject: &Subject, tools: &Tools, pretty: bool) -> Result<Outcome> {
    let mut ours = String::new();
    dump::json_with(&subject.btf, &JsonOptions { pretty, ..JsonOptions::default() }, &mut ours).context("ours")?;
    let theirs = bpftool(subject, tools, &[if pretty { "-p" } else { "-j" }], &[])?;
    if same_but_for_large_enumerators(&ours, &String::from_utf8_lossy(&theirs)) {
        return Ok(Outcome::SameBut("unsigned enumerators from 2^31 on, which bpftool prints as near 2^64".to_owned()));
    }
    Ok(compare(ours.as_bytes(), &theirs))
}

/// Whether the texts differ, and only in unsigned enumerators of 32 bits, whose highest bit bpftool extends (docs/differences.md).
fn same_but_for_large_enumerators(ours: &str, theirs: &str) -> bool {
    fn values(text: &str) -> impl Iterator<Item = (&str, &str)> {
        text.split("\"val\":").map(|part| {
            let part = part.trim_start_matches(' ');
            part.split_at(part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len()))
        })
    }
    let same = |((our_value, our_rest), (their_value, their_rest)): ((&str, &str), (&str, &str))| {
        let extended = || our_value.parse::<u32>().is_ok_and(|value| (value as i32 as u64).to_string() == their_value);
        our_rest == their_rest && (our_value == their_value || extended())
    };
    ours != theirs && values(ours).count() == values(theirs).count() && values(ours).zip(values(theirs)).all(same)
}

/// Size, alignment and so on of each type. Where libbpf has no answer, we may have one.
pub(super) fn walk(subject: &Subject, tools: &Tools) -> Result<Outcome> {
    let mut oracle = Command::new(&tools.oracle);
    oracle.arg("walk").arg(&subject.file);
    if let Some(base) = &subject.base {
        oracle.arg("-b").arg(base);
    }
    let theirs = String::from_utf8(printed(&mut oracle)?).context("a name")?;
    let mut lines = theirs.lines();
    for item in subject.btf.own_types() {
        let line = lines.next().context("theirs has fewer types")?;
        let mut columns = line.splitn(6, ' ');
        let mut number = || columns.next().and_then(|word| word.parse::<i64>().ok()).context("not a number");
        let theirs = [number()?, number()?, number()?, number()?, number()?];
        let name = columns.next().context("no name")?;
        let ours = numbers(&subject.btf, &item);
        let answered = [true, true, theirs[2] >= 0, theirs[3] > 0, theirs[4] >= 0];
        let same = (0..5).all(|n| !answered[n] || ours[n] == theirs[n]) && item.name_bytes() == name.as_bytes();
        if !same {
            let mut text = String::new();
            _ = write!(text, "type {line:?}: ours {ours:?} {:?}", item.name());
            return Ok(Outcome::Different(text));
        }
    }
    Ok(Outcome::same(lines.next().is_none(), || "theirs has more types".to_owned()))
}

/// Id, kind, size, alignment, resolved type.
fn numbers(btf: &Btf, item: &Type<'_>) -> [i64; 5] {
    let id = item.id();
    [
        i64::from(id.0),
        item.kind() as i64,
        btf.size_of(id).map_or(-1, i64::from),
        btf.align_of(id).map_or(-1, i64::from),
        btf.resolve(id).map_or(-1, |resolved| i64::from(resolved.id().0)),
    ]
}

#[cfg(test)]
mod tests {
    use super::same_but_for_large_enumerators as same;

    #[test]
    fn only_extended_enumerators_are_let_pass() {
        let ours = r#"{"val":4294967295},{"val": 7},"size":1"#;
        assert!(same(ours, r#"{"val":18446744073709551615},{"val": 7},"size":1"#));
        assert!(!same(ours, ours));
        assert!(!same(ours, r#"{"val":18446744073709551615},{"val": 8},"size":1"#));
        assert!(!same(ours, r#"{"val":18446744073709551615},{"val": 7},"size":2"#));
        assert!(!same(ours, r#"{"val":18446744073709551614},{"val": 7},"size":1"#));
    }
}
