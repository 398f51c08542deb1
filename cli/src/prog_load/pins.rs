//! What a load leaves in BPF file systems: pins, the folders that they are in, and the file systems themselves. All of it goes again
//! unless it is kept.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::Result;

/// BPF_FS_MAGIC of linux/magic.h.
const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// What has been made, until [`Pins::keep`].
#[derive(Debug, Default)]
pub(super) struct Pins {
    made: Vec<Made>,
    may_not_mount: bool,
}

#[derive(Debug)]
enum Made {
    Pin(PathBuf),
    Folder(PathBuf),
    Mount(PathBuf),
}

impl Pins {
    /// With `no_mount`, a folder outside of every BPF file system is an error.
    pub(super) fn new(no_mount: bool) -> Pins {
        Pins { made: Vec::new(), may_not_mount: no_mount }
    }

    /// Makes sure that `folder` can have pins: it is made if it is missing (what it is in must be there), and where no BPF file system
    /// is, one is mounted on it. As bpftool does, but for folders with files, which a mount would hide.
    pub(super) fn folder(&mut self, folder: &Path) -> Result {
        let folder = or_here(folder);
        if !folder.exists() {
            fs::DirBuilder::new()
                .mode(0o700)
                .create(folder)
                .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
            self.made.push(Made::Folder(folder.to_owned()));
        }
        self.file_system(folder)
    }

    /// Makes sure that `folder`, which is there, is in a BPF file system.
    pub(super) fn file_system(&mut self, folder: &Path) -> Result {
        let folder = or_here(folder);
        let said = |what: String| format!("cannot pin in {}: {what}", folder.display());
        let there = rustix::fs::statfs(folder).map_err(|error| said(io::Error::from(error).to_string()))?;
        if there.f_type as u64 & 0xffff_ffff == BPF_FS_MAGIC {
            return Ok(());
        }
        const ELSEWHERE: &str = "it is not in a BPF file system, as /sys/fs/bpf is";
        if self.may_not_mount {
            return Err(said(ELSEWHERE.to_owned()).into());
        }
        let mut entries = fs::read_dir(folder).map_err(|error| said(error.to_string()))?;
        if entries.next().is_some() {
            return Err(said(format!("{ELSEWHERE}, and has files, so that none is mounted on it")).into());
        }
        mount("bpf", folder, "bpf", MountFlags::empty(), c"mode=0700")
            .map_err(|error| said(format!("{ELSEWHERE}, and none can be mounted on it: {}", io::Error::from(error))))?;
        self.made.push(Made::Mount(folder.to_owned()));
        Ok(())
    }

    /// Notes a pin that was made just now.
    pub(super) fn made(&mut self, path: &Path) {
        self.made.push(Made::Pin(path.to_owned()));
    }

    /// Leaves all as it is.
    pub(super) fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        while let Some(made) = self.made.pop() {
            let removed = match &made {
                Made::Pin(path) => fs::remove_file(path),
                Made::Folder(path) => fs::remove_dir(path),
                Made::Mount(path) => unmount(path.as_path(), UnmountFlags::DETACH).map_err(io::Error::from),
            };
            if let Err(error) = removed {
                log::warn!("{made:?} is left: {error}");
            }
        }
    }
}

/// The folder that a path without one is in.
fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}
