//! C headers: as bpftool writes them, and to the compiler, with assertions about every struct that has a name.

use super::{
    Outcome, Tools,
    dumps::{bpftool, compare},
    inputs::Subject,
};
use crate::{
    debian::ensure_installed,
    error::{Context, Result},
    fixtures::{CLANG, CLANG_PROGRAM},
    workspace::write,
};
use purebpf_btf::{Btf, Kind, dump::c::Header};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Write,
    path::{Path, PathBuf},
    process::Command,
};

pub(super) fn ensure_compiler() -> Result {
    ensure_installed("compiling headers", &[CLANG])
}

fn ending(sorted: bool) -> &'static str {
    if sorted { "c" } else { "c-unsorted" }
}

fn format(sorted: bool) -> &'static [&'static str] {
    if sorted { &["format", "c"] } else { &["format", "c", "unsorted"] }
}

/// Our header, which is kept for the compiler.
fn header(subject: &Subject, tools: &Tools, sorted: bool) -> Result<(String, PathBuf)> {
    let mut ours = String::new();
    Header::new(&subject.btf).sorted(sorted).write(&mut ours).context("ours")?;
    let path = subject.scratch(tools, &format!("{}.h", ending(sorted)));
    write(&path, ours.as_bytes())?;
    Ok((ours, path))
}

/// `bpftool btf dump … format c`. Where bpftool's header does not compile, ours need not be it (but must compile: that is a
/// check of its own).
pub(super) fn dump(subject: &Subject, tools: &Tools, sorted: bool) -> Result<Outcome> {
    let (ours, _) = header(subject, tools, sorted)?;
    let theirs = bpftool(subject, tools, &[], format(sorted))?;
    if same_but_for_the_compilers_type(&ours, &String::from_utf8_lossy(&theirs)) {
        return Ok(Outcome::SameBut(format!(
            "{COMPILERS_TYPE}, which bpftool numbers, so that its header does not compile"
        )));
    }
    let outcome = compare(ours.as_bytes(), &theirs);
    let Outcome::Different(how) = outcome else { return Ok(outcome) };
    let path = subject.scratch(tools, &format!("{}.bpftool.h", ending(sorted)));
    write(&path, &theirs)?;
    Ok(Outcome::Different(match errors(subject, &path, "")?.others.first() {
        None => format!("bpftool's compiles: {how}"),
        Some(error) => format!("bpftool's does not compile ({error}): {how}"),
    }))
}

/// A type that the compiler has and no header defines.
const COMPILERS_TYPE: &str = "__builtin_va_list";

/// Whether the texts differ, and only in that theirs gives that type of a module a number of its own (docs/differences.md).
fn same_but_for_the_compilers_type(ours: &str, theirs: &str) -> bool {
    let numbered = format!("{COMPILERS_TYPE}___");
    let mut same = String::with_capacity(theirs.len());
    for (n, part) in theirs.split(&numbered).enumerate() {
        same += if n == 0 { part } else { part.trim_start_matches(|c: char| c.is_ascii_digit()) };
        same += COMPILERS_TYPE;
    }
    ours != theirs && same.strip_suffix(COMPILERS_TYPE) == Some(ours)
}

/// Our header compiles, and its structs are laid out as BTF says: but for those that bpftool's header gets wrong too, such as
/// one that is aligned by an attribute, of which BTF knows nothing.
pub(super) fn compiles(subject: &Subject, tools: &Tools, sorted: bool) -> Result<Outcome> {
    let (ours, path) = header(subject, tools, sorted)?;
    let errors = errors(subject, &path, &assertions(&subject.btf, &ours))?;
    if let Some(error) = errors.others.first() {
        return Ok(Outcome::Different(error.clone()));
    }
    if errors.assertions.is_empty() {
        return Ok(Outcome::Same);
    }
    let theirs = bpftool(subject, tools, &[], format(sorted))?;
    let wrong_in_theirs = if theirs == ours.as_bytes() {
        errors.assertions.clone()
    } else {
        let path = subject.scratch(tools, &format!("{}.bpftool.h", ending(sorted)));
        write(&path, &theirs)?;
        let text = String::from_utf8_lossy(&theirs);
        self::errors(subject, &path, &assertions(&subject.btf, &text))?.assertions
    };
    let names = |of: &mut dyn Iterator<Item = &String>| of.map(String::as_str).collect::<Vec<_>>().join(", ");
    let ours_alone = names(&mut errors.assertions.difference(&wrong_in_theirs));
    if !ours_alone.is_empty() {
        return Ok(Outcome::Different(format!("not laid out as BTF says, but in bpftool's: {ours_alone}")));
    }
    let common = names(&mut errors.assertions.iter());
    Ok(Outcome::SameBut(format!("in bpftool's header as in ours not laid out as BTF says: {common}")))
}

/// What clang has against a header.
struct Errors {
    /// The structs whose assertion fails.
    assertions: BTreeSet<String>,
    others: Vec<String>,
}

fn errors(subject: &Subject, header: &Path, assertions: &str) -> Result<Errors> {
    let program = header.with_extension("c");
    write(&program, format!("#include {header:?}\n{assertions}").as_bytes())?;
    let output = clang(subject).arg("-ferror-limit=0").arg(&program).output().context(CLANG_PROGRAM)?;
    let output_text = String::from_utf8_lossy(&output.stderr);
    let mut errors = Errors { assertions: BTreeSet::new(), others: Vec::new() };
    for error in output_text.lines().filter_map(|line| Some(line.split_once("error: ")?.1)) {
        match error.strip_prefix("static assertion failed").and_then(|rest| rest.rsplit_once(": ")) {
            Some((_, name)) => _ = errors.assertions.insert(name.to_owned()),
            None => errors.others.push(error.to_owned()),
        }
    }
    if !output.status.success() && errors.assertions.is_empty() && errors.others.is_empty() {
        errors.others.push(output_text.into_owned());
    }
    Ok(errors)
}

fn clang(subject: &Subject) -> Command {
    let mut clang = Command::new(CLANG_PROGRAM);
    clang.args(["-target", subject.clang_target, "-x", "c", "-fsyntax-only", "-w", "-DBPF_NO_PRESERVE_ACCESS_INDEX"]);
    clang
}

/// `_Static_assert`s on the size of each struct and union that has a name, and on the offset of each of its members that has
/// one and is no bitfield: so far as the header defines it.
///
/// A name that several types have stands for one of them in the header, and which it is the header does not say: it may be any.
fn assertions(btf: &Btf, header: &str) -> String {
    let mut program = String::new();
    let mut named: HashMap<(Kind, &str), Vec<String>> = HashMap::new();
    let mut order = Vec::new();
    for item in btf.types() {
        let (Kind::Struct | Kind::Union, Some(name)) = (item.kind(), item.name()) else { continue };
        let keyword = if item.kind() == Kind::Struct { "struct" } else { "union" };
        let mut condition = format!("sizeof({keyword} {name}) == {}", item.size_or_type());
        for member in item.members().into_iter().flatten() {
            let Some(field) = member.name().filter(|_| member.bit_size().is_none()) else { continue };
            _ = write!(condition, " && __builtin_offsetof({keyword} {name}, {field}) == {}", member.bit_offset / 8);
        }
        let of_name = named.entry((item.kind(), name)).or_default();
        if of_name.is_empty() {
            order.push((item.kind(), name, keyword));
        }
        of_name.push(condition);
    }
    let defined: HashSet<(&str, &str)> = header.lines().filter_map(definition).collect();
    for (kind, name, keyword) in order {
        let conditions = &named[&(kind, name)];
        // Members that only one of several types has would not compile.
        if conditions.len() == 1 && defined.contains(&(keyword, name)) {
            _ = writeln!(program, "_Static_assert({}, \"{keyword} {name}\");", conditions[0]);
        }
    }
    program
}

/// What a line of a header begins to define.
fn definition(line: &str) -> Option<(&str, &str)> {
    let mut words = line.strip_suffix(" {")?.split(' ');
    match (words.next()?, words.next()?, words.next()) {
        (keyword @ ("struct" | "union"), name, None) => Some((keyword, name)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::same_but_for_the_compilers_type;

    #[test]
    fn only_the_number_of_the_compilers_type_may_differ() {
        let theirs = "typedef __builtin_va_list va_list;\ntypedef __builtin_va_list___2 va_list___2;\n";
        let ours = "typedef __builtin_va_list va_list;\ntypedef __builtin_va_list va_list___2;\n";
        assert!(same_but_for_the_compilers_type(ours, theirs));
        assert!(!same_but_for_the_compilers_type(theirs, theirs));
        assert!(!same_but_for_the_compilers_type(&ours.replace("va_list___2", "va_list___3"), theirs));
    }
}
