//! Pins: names in a bpffs that keep maps, programs and links alive without a process. BPF_OBJ_PIN and BPF_OBJ_GET.

#![allow(unsafe_code)]

use crate::{
    error::{Error, Result},
    syscall::{bpf_attr, bpf_fd, fd_number},
    uapi::{BPF_F_PATH_FD, BPF_F_RDONLY, BPF_F_WRONLY, Cmd, bpf_attr_obj},
};
use std::{
    ffi::CString,
    fs,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::DirBuilderExt},
    },
    path::Path,
};

/// How a map is opened: which of bpf(2)'s commands its descriptor is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Reads and writes.
    #[default]
    ReadWrite,
    /// Reads only.
    ReadOnly,
    /// Writes only.
    WriteOnly,
}

impl Access {
    pub(crate) fn flags(self) -> u32 {
        match self {
            Access::ReadWrite => 0,
            Access::ReadOnly => BPF_F_RDONLY,
            Access::WriteOnly => BPF_F_WRONLY,
        }
    }
}

/// Pins `object` (a map, a program, a link) at `path`, which must lie in a bpffs and not exist.
///
/// # Errors
///
/// `bpf_obj_do_pin`: EPERM where `path` is not in a bpffs, EEXIST, ENOENT for a missing directory, EACCES by its permissions, EINVAL
/// for a descriptor that is none of these.
#[doc(alias = "bpf_obj_pin")]
pub fn obj_pin(object: BorrowedFd<'_>, path: &Path) -> Result<()> {
    pin(object, None, path)
}

/// As [`obj_pin`], in a folder that is made if only that is missing, with mode 0700. Where the kernel refuses, it is removed again.
///
/// # Errors
///
/// As [`obj_pin`]; `File` for a folder that cannot be made.
#[doc(alias = "bpf_map__pin")]
#[doc(alias = "bpf_program__pin")]
pub fn obj_pin_in_folder(object: BorrowedFd<'_>, path: &Path) -> Result<()> {
    let made = make_folder(path)?;
    let pinned = obj_pin(object, path);
    if let (Err(_), Some(folder)) = (&pinned, made) {
        // It is empty, unless another came to use it meanwhile.
        let _ = fs::remove_dir(folder);
    }
    pinned
}

/// Makes the folder of `path` if there is none, and gives what it made.
fn make_folder(path: &Path) -> Result<Option<&Path>> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(None) };
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => Ok(Some(folder)),
        // Already there; or to be made where nothing is made, which pinning answers better.
        Err(_) if folder.exists() => Ok(None),
        Err(cause) => Err(Error::File { path: folder.to_owned(), cause }),
    }
}

/// As [`obj_pin`], with `path` relative to the directory `dir` (from 6.5).
#[doc(alias = "bpf_obj_pin_opts")]
pub fn obj_pin_at(object: BorrowedFd<'_>, dir: BorrowedFd<'_>, path: &Path) -> Result<()> {
    pin(object, Some(dir), path)
}

/// Opens what is pinned at `path`. `access` counts for maps; programs and links are opened `ReadWrite`.
///
/// # Errors
///
/// `bpf_obj_do_get`: ENOENT; EACCES by the pin's permissions, or where `path` is no pin; EINVAL for `access` other than
/// `ReadWrite` to a link.
#[doc(alias = "bpf_obj_get")]
pub fn obj_get(path: &Path, access: Access) -> Result<OwnedFd> {
    get(None, path, access)
}

/// As [`obj_get`], with `path` relative to the directory `dir` (from 6.5).
#[doc(alias = "bpf_obj_get_opts")]
pub fn obj_get_at(dir: BorrowedFd<'_>, path: &Path, access: Access) -> Result<OwnedFd> {
    get(Some(dir), path, access)
}

fn pin(object: BorrowedFd<'_>, dir: Option<BorrowedFd<'_>>, path: &Path) -> Result<()> {
    let path = c_path(path)?;
    let mut attr = bpf_attr_obj { bpf_fd: fd_number(object), ..attr(&path, dir, 0) };
    // SAFETY: the kernel reads a terminated string at `pathname`.
    unsafe { bpf_attr(Cmd::OBJ_PIN, &mut attr)? };
    Ok(())
}

fn get(dir: Option<BorrowedFd<'_>>, path: &Path, access: Access) -> Result<OwnedFd> {
    let path = c_path(path)?;
    let mut attr = attr(&path, dir, access.flags());
    // SAFETY: the kernel reads a terminated string at `pathname`.
    unsafe { bpf_fd(Cmd::OBJ_GET, &mut attr) }
}

fn attr(path: &CString, dir: Option<BorrowedFd<'_>>, flags: u32) -> bpf_attr_obj {
    bpf_attr_obj {
        pathname: path.as_ptr() as usize as u64,
        file_flags: flags | if dir.is_some() { BPF_F_PATH_FD } else { 0 },
        path_fd: dir.map_or(0, |dir| fd_number(dir) as i32),
        ..Default::default()
    }
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Error::invalid("a path with a zero byte", path.display()))
}
