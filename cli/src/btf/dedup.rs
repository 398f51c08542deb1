//! `purebpf btf dedup`: BTF in which each type stands once, as pahole has libbpf make it of a kernel's compilation units.

use std::fs;
use std::path::Path;

use purebpf::btf::Btf;
use purebpf::btf::dedup::{Deduped, dedup};
use serde_json::json;

use super::{appended, base_file, file};
use crate::arguments::{DedupArguments, Format};
use crate::{Result, output};

pub(crate) fn run(arguments: &DedupArguments, format: Format) -> Result {
    let base = base_file(arguments.base_btf.as_deref())?;
    let paths: Vec<&Path> = arguments.files.iter().map(AsRef::as_ref).collect();
    let before = match &paths[..] {
        [path] => file(path, base.as_ref())?,
        paths => appended(paths, base.as_ref())?,
    };
    let deduped = deduplicate(&before)?;
    let out = &arguments.output;
    fs::write(out, &deduped.btf).map_err(|error| format!("cannot write {}: {error}", out.display()))?;
    let after = match base {
        Some(base) => Btf::parse_split(deduped.btf, &base)?,
        None => Btf::parse(deduped.btf)?,
    };
    let types = [&before, &after].map(|btf| btf.own_types().len());
    let bytes = [&before, &after].map(|btf| btf.raw_data().len());
    let text = match format {
        Format::Text => format!("{} types of {}, {} bytes of {}\n", types[1], types[0], bytes[1], bytes[0]),
        Format::Json | Format::Pretty => format.text(&json!({
            "types": { "before": types[0], "after": types[1] },
            "bytes": { "before": bytes[0], "after": bytes[1] },
        }))?,
    };
    Ok(output::print(&text)?)
}

pub(super) fn deduplicate(btf: &Btf) -> Result<Deduped> {
    dedup(btf, None).map_err(|error| format!("deduplication: {error}").into())
}
