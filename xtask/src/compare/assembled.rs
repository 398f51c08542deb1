//! What makes BTF out of BTF: appended, in another order, in the other byte order, deduplicated. Bytes against bytes.

use super::{
    Outcome, Tools,
    dumps::printed,
    inputs::{NATIVE, Place, Subject},
};
use crate::{
    error::{Context, Result},
    workspace::{read, write},
};
use purebpf_btf::{Btf, Endian, TypeId, builder::Builder, dedup, distill};
use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::Command,
};

/// The oracle's command on the input. It writes to a file, which is read.
fn oracle(subject: &Subject, tools: &Tools, command: &str, file: &Path, rest: &[&Path]) -> Result<Vec<u8>> {
    let out = subject.scratch(tools, &format!("{command}.libbpf"));
    let mut oracle = Command::new(&tools.oracle);
    oracle.arg(command);
    // `append` has its output first, as it takes any number of inputs.
    match command {
        "append" => oracle.arg(&out).arg(file),
        _ => oracle.arg(file).arg(&out),
    };
    oracle.args(rest);
    if let Some(base) = &subject.base {
        oracle.arg("-b").arg(base);
    }
    printed(&mut oracle)?;
    let bytes = read(&out)?;
    _ = std::fs::remove_file(out);
    Ok(bytes)
}

fn compare(ours: &[u8], theirs: &[u8]) -> Outcome {
    Outcome::same(ours == theirs, || {
        let at = ours.iter().zip(theirs).position(|(a, b)| a != b).unwrap_or(ours.len().min(theirs.len()));
        format!("ours has {} bytes, theirs {}, which differ from offset {at} on", ours.len(), theirs.len())
    })
}

/// An empty BTF over the input's base.
fn empty(subject: &Subject) -> Builder {
    match subject.btf.base() {
        Some(base) => Builder::split(base),
        None => Builder::new(),
    }
}

/// What follows the header: libbpf's, of BTF that began empty, has room for the place of a layout section, whether or not it
/// has one; ours if it does.
fn body(bytes: &[u8]) -> Result<&[u8]> {
    let length = bytes.get(4..8).context("no header")?;
    // 24 or 32, in one byte order or the other.
    bytes.get(usize::from(length[0] | length[3])..).context("no more than a header")
}

/// `btf__add_btf` of the input to an empty one, twice. That is in the machine's byte order, or the base's if it has one.
pub(super) fn append(subject: &Subject, tools: &Tools) -> Result<Outcome> {
    let theirs = oracle(subject, tools, "append", &subject.file, &[&subject.file])?;
    let mut builder = empty(subject);
    builder.set_endian(subject.btf.endian());
    for _ in 0..2 {
        builder.append(&subject.btf).context("ours")?;
    }
    builder.set_endian(subject.btf.base().map_or(NATIVE, Btf::endian));
    Ok(compare(body(&builder.finish())?, body(&theirs)?))
}

/// `btf__dedup`: of a module as it is, of a whole kernel and of an object appended to itself, of what was gathered as it is.
pub(super) fn dedup(subject: &Subject, tools: &Tools) -> Result<Outcome> {
    if subject.place != Place::Whole {
        return deduplicated(subject, tools, &subject.btf, &subject.file);
    }
    let mut doubled = Builder::new();
    doubled.set_endian(subject.btf.endian());
    for _ in 0..2 {
        doubled.append(&subject.btf).context("ours")?;
    }
    let bytes = doubled.finish();
    let file = subject.scratch(tools, "doubled");
    write(&file, &bytes)?;
    deduplicated(subject, tools, &Btf::parse(bytes).context("ours")?, &file)
}

fn deduplicated(subject: &Subject, tools: &Tools, btf: &Btf, file: &Path) -> Result<Outcome> {
    let theirs = oracle(subject, tools, "dedup", file, &[])?;
    let ours = dedup::dedup(btf, None).context("ours")?;
    let outcome = compare(&ours.btf, &theirs);
    if matches!(outcome, Outcome::Different(_)) {
        // For a look at what differs.
        write(&subject.scratch(tools, "dedup.ours.btf"), &ours.btf)?;
        write(&subject.scratch(tools, "dedup.libbpf.btf"), &theirs)?;
    }
    Ok(outcome)
}

/// `btf__set_endianness` to the other byte order.
pub(super) fn endian(subject: &Subject, tools: &Tools) -> Result<Outcome> {
    let theirs = oracle(subject, tools, "endian", &subject.file, &[])?;
    let mut builder = Builder::copy_of(&subject.btf);
    builder.set_endian(match subject.btf.endian() {
        Endian::Little => Endian::Big,
        Endian::Big => Endian::Little,
    });
    Ok(compare(&builder.finish(), &theirs))
}

/// `btf__permute`: all types in the opposite order.
pub(super) fn permute(subject: &Subject, tools: &Tools) -> Result<Outcome> {
    let (first, end) = (subject.btf.first_id().0, subject.btf.type_count());
    let ids: Vec<TypeId> = (first..end).rev().map(TypeId).collect();
    // Of BTF that is not split, libbpf wants to hear where void goes.
    let mut text = String::from(if subject.base.is_none() { "0\n" } else { "" });
    for id in &ids {
        _ = writeln!(text, "{}", id.0);
    }
    let file: PathBuf = subject.scratch(tools, "ids");
    write(&file, text.as_bytes())?;
    let theirs = oracle(subject, tools, "permute", &subject.file, &[&file])?;
    let mut builder = Builder::copy_of(&subject.btf);
    builder.permute(&ids).context("ours")?;
    Ok(compare(&builder.finish(), &theirs))
}

/// `btf__distill_base` of a module: the base and the split BTF that it makes.
pub(super) fn distill(subject: &Subject, tools: &Tools) -> Result<Outcome> {
    let (base_file, split_file) = distilled_by_libbpf(subject, tools)?;
    let ours = distill::distill_base(&subject.btf).context("ours")?;
    let base = compare(body(&ours.base)?, body(&read(&base_file)?)?);
    let split = compare(body(&ours.split)?, body(&read(&split_file)?)?);
    Ok(match (base, split) {
        (Outcome::Different(how), _) => Outcome::Different(format!("the base: {how}")),
        (_, Outcome::Different(how)) => Outcome::Different(format!("the split BTF: {how}")),
        _ => Outcome::Same,
    })
}

fn distilled_by_libbpf(subject: &Subject, tools: &Tools) -> Result<(PathBuf, PathBuf)> {
    let [base, split] = ["distilled-base", "distilled-split"].map(|ending| subject.scratch(tools, ending));
    let mut oracle = Command::new(&tools.oracle);
    oracle.arg("distill").arg(&subject.file).args([&base, &split]).arg("-b");
    printed(oracle.arg(subject.base.as_ref().context("no split BTF")?))?;
    Ok((base, split))
}

/// `btf__relocate` of a distilled module, to the kernel that it comes from and to another: the same, or refused by both.
pub(super) fn relocate(subject: &Subject, tools: &Tools) -> Result<Outcome> {
    let (base_file, split_file) = distilled_by_libbpf(subject, tools)?;
    let distilled = Btf::parse(read(&base_file)?).context("the distilled base")?;
    let split = Btf::parse_split(read(&split_file)?, &distilled).context("the split BTF")?;
    let own = subject.base.as_ref().zip(subject.btf.base());
    for (file, base) in own.into_iter().chain(subject.other_kernel.as_ref().map(|(file, base)| (file, base))) {
        let out = subject.scratch(tools, "relocated");
        let mut oracle = Command::new(&tools.oracle);
        oracle.arg("relocate").arg(&split_file).arg(&out).arg("-b").arg(file).arg("--distilled-base").arg(&base_file);
        let theirs = printed(&mut oracle).and_then(|_| read(&out));
        let outcome = match (distill::relocate(&split, base), theirs) {
            (Ok(ours), Ok(theirs)) => compare(body(&ours)?, body(&theirs)?),
            (Err(_), Err(_)) => Outcome::Same,
            (Err(error), Ok(_)) => Outcome::Different(format!("ours refuses: {error}")),
            (Ok(_), Err(error)) => Outcome::Different(format!("theirs refuses: {error}")),
        };
        if let Outcome::Different(how) = outcome {
            return Ok(Outcome::Different(format!("to {}: {how}", file.display())));
        }
    }
    Ok(Outcome::Same)
}
