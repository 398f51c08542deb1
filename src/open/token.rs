//! BPF tokens: rights that are delegated through a BPF file system, to whoever can open its mount.

use std::env;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use purebpf_sys::token::token_create;

use crate::{Error, Result};

/// What libbpf reads where it is told no path.
const VARIABLE: &str = "LIBBPF_BPF_TOKEN_PATH";

/// Where delegated rights are looked for, if there are any, when nobody says where.
const DEFAULT: &str = "/sys/fs/bpf";

/// Where an object's token comes from.
#[derive(Clone, Debug)]
pub(super) enum TokenSource {
    /// From the usual place, if something is delegated there.
    Usual,
    /// From nowhere.
    None,
    /// From the BPF file system that is mounted here; an error if there is none.
    Path(PathBuf),
}

impl TokenSource {
    /// As the environment says, where an empty path forbids tokens.
    pub(super) fn from_environment() -> TokenSource {
        match env::var_os(VARIABLE) {
            None => TokenSource::Usual,
            Some(path) if path.is_empty() => TokenSource::None,
            Some(path) => TokenSource::Path(path.into()),
        }
    }

    /// The token.
    pub(super) fn open(&self) -> Result<Option<OwnedFd>> {
        let (bpffs, is_asked_for) = match self {
            TokenSource::None => return Ok(None),
            TokenSource::Usual => (PathBuf::from(DEFAULT), false),
            TokenSource::Path(path) => (path.clone(), true),
        };
        // Anything else than a folder could keep whoever opens it.
        let folder = match bpffs.is_dir() {
            true => File::open(&bpffs).map_err(|cause| cause.to_string()),
            false => Err("is no folder".to_owned()),
        };
        let token = folder.and_then(|mount| {
            token_create(mount.as_fd()).map_err(|cause| match cause.advice() {
                Some(advice) => format!("{cause}; {advice}"),
                None => cause.to_string(),
            })
        });
        match token {
            Ok(token) => Ok(Some(token)),
            Err(what) if is_asked_for => Err(Error::Token { bpffs, what }),
            Err(what) => {
                log::trace!("no BPF token of {}: {what}", bpffs.display());
                Ok(None)
            }
        }
    }
}
