//! `purebpf headers`: everything that BPF programs in C include, in one folder.

use std::fs;
use std::path::Path;

use purebpf::btf::dump;
use purebpf::kernel;

use crate::Result;
use crate::arguments::HeadersArguments;

pub(crate) fn run(arguments: &HeadersArguments) -> Result {
    // Nothing is written if the types cannot be had.
    let types = match &arguments.btf {
        Some(path) => kernel::btf_file(path)?,
        None => kernel::running_kernel_btf()
            .map_err(|error| format!("{error}; vmlinux.h needs a kernel's types: give them with --btf"))?,
    };
    let mut vmlinux = String::new();
    dump::c::Header::new(types.vmlinux()).sorted(true).write(&mut vmlinux)?;
    let dir = &arguments.dir;
    purebpf_helpers::write_headers(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    write_if_other(&dir.join("vmlinux.h"), vmlinux.as_bytes())
}

/// What is already the same stays untouched, so that nothing is built anew for it.
fn write_if_other(path: &Path, text: &[u8]) -> Result {
    if fs::read(path).ok().as_deref() == Some(text) {
        return Ok(());
    }
    Ok(fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?)
}
