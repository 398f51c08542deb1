//! Where objects are pinned: every file of every BPF file system that is mounted.

use std::collections::HashMap;
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use purebpf::sys::id::ObjectKind;
use purebpf::sys::info;
use purebpf::sys::pin::{self, Access};

use crate::mounts;

/// The paths of all pinned objects of one kind, by id, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Pins(HashMap<u32, Vec<String>>);

impl Pins {
    /// Walks the file systems. What cannot be opened is left out.
    pub(super) fn find(kind: ObjectKind) -> Pins {
        let mut pins = Pins::default();
        let mut folders: Vec<PathBuf> = mounts::of_type("bpf");
        while let Some(folder) = folders.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            for entry in entries.flatten() {
                match entry.file_type() {
                    Ok(file_type) if file_type.is_dir() => folders.push(entry.path()),
                    Ok(file_type) if file_type.is_file() => pins.add(kind, &entry.path()),
                    // Links lead to what is seen elsewhere.
                    _ => {}
                }
            }
        }
        for paths in pins.0.values_mut() {
            paths.sort_unstable();
            // The same file system may be mounted twice at a place.
            paths.dedup();
        }
        pins
    }

    pub(super) fn of(&self, id: u32) -> &[String] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, kind: ObjectKind, path: &Path) {
        let fd = pin::obj_get(path, Access::ReadWrite).or_else(|_| pin::obj_get(path, Access::ReadOnly));
        let Ok(fd) = fd else { return };
        // Fails for an object of another kind.
        let id = match kind {
            ObjectKind::Prog => info::prog_info(fd.as_fd()).map(|info| info.id),
            ObjectKind::Map => info::map_info(fd.as_fd()).map(|info| info.id),
            ObjectKind::Link => info::link_info(fd.as_fd()).map(|info| info.id),
            _ => return,
        };
        if let Ok(id) = id {
            self.0.entry(id).or_default().push(path.display().to_string());
        }
    }
}
