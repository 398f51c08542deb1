//! Pins in a BPF file system: what programs, maps and links have in common.

use std::fs;
use std::path::Path;

use crate::error::PinFault;
use crate::{Error, Result};

/// The error of a pin that the kernel refused.
pub(crate) fn fault(kind: &'static str, name: &str, path: &Path, cause: purebpf_sys::Error) -> Error {
    Error::Pin { kind, name: name.to_owned(), path: path.to_owned(), cause: PinFault::Kernel(cause) }
}

/// Removes a pin, which the caller has found to be that of `name`, or of something else, or could not open.
pub(crate) fn remove(
    kind: &'static str,
    name: &str,
    path: &Path,
    is_ours: Result<bool, purebpf_sys::Error>,
) -> Result<()> {
    let removed = match is_ours {
        Ok(true) => fs::remove_file(path).map_err(PinFault::Remove),
        Ok(false) => Err(PinFault::NotOurs),
        // Another kind of object is there, or nothing of BPF.
        Err(purebpf_sys::Error::Invalid { .. }) => Err(PinFault::NotOurs),
        Err(cause) => Err(PinFault::Kernel(cause)),
    };
    removed.map_err(|cause| Error::Pin { kind, name: name.to_owned(), path: path.to_owned(), cause })
}
