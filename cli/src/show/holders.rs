//! Who holds an object: the processes that have a descriptor of it.
//!
//! /proc tells: each process's descriptors are links whose targets name the kind of BPF object, and the `fdinfo` of one gives its
//! id. bpftool asks a BPF program that iterates over all tasks' files instead; its answer is the same but for a thread that has
//! unshared its table of descriptors from its process's (`CLONE_FILES`), which is not looked into here. /proc needs no program to
//! be loaded, works on kernels without BTF, and does not make its own program one of those that are listed.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use purebpf::sys::id::ObjectKind;
use serde_json::{Value, json};

use super::fdinfo::FdInfo;
use crate::output::printable;

/// A process with a descriptor of the object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pid: u32,
    comm: String,
}

impl Holder {
    pub(super) fn json(&self) -> Value {
        json!({ "pid": self.pid, "comm": self.comm })
    }

    pub(super) fn text(&self) -> String {
        format!("{}({})", printable(&self.comm), self.pid)
    }
}

/// The holders of all objects of one kind, by id; those of an object in rising order of process.
#[derive(Debug, Default)]
pub(super) struct Holders(HashMap<u32, Vec<Holder>>);

impl Holders {
    /// Looks through all processes. Those that may not be looked into, or end meanwhile, are left out.
    pub(super) fn find(kind: ObjectKind) -> Holders {
        let mut holders = Holders::default();
        let mut pids: Vec<u32> = numbers(Path::new("/proc"));
        pids.sort_unstable();
        for pid in pids {
            let process = Path::new("/proc").join(pid.to_string());
            let mut ids = held(&process, kind);
            ids.sort_unstable();
            ids.dedup();
            if ids.is_empty() {
                continue;
            }
            let comm = fs::read_to_string(process.join("comm")).unwrap_or_default();
            let holder = Holder { pid, comm: comm.trim_end_matches('\n').to_owned() };
            for id in ids {
                holders.0.entry(id).or_default().push(holder.clone());
            }
        }
        holders
    }

    pub(super) fn of(&self, id: u32) -> &[Holder] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// The ids of the objects of a kind that a process has descriptors of.
fn held(process: &Path, kind: ObjectKind) -> Vec<u32> {
    if let Some(ids) = held_by_task(process, kind) {
        return ids;
    }
    // The first thread has ended and lost its descriptors: any other has them, too.
    let mut tasks = numbers(&process.join("task")).into_iter();
    tasks.find_map(|tid| held_by_task(&process.join("task").join(tid.to_string()), kind)).unwrap_or_default()
}

/// Nothing when the task has no descriptors at all.
fn held_by_task(task: &Path, kind: ObjectKind) -> Option<Vec<u32>> {
    let (names, id_line) = traces(kind);
    let folder = task.join("fd");
    let fds: Vec<u32> = numbers(&folder);
    if fds.is_empty() {
        return None;
    }
    let id = |fd: u32| {
        let target = fs::read_link(folder.join(fd.to_string())).ok()?;
        let name = target.to_str()?.strip_prefix("anon_inode:")?;
        let name = name.trim_start_matches('[').trim_end_matches(']');
        if !names.contains(&name) {
            return None;
        }
        let info = fs::read_to_string(task.join("fdinfo").join(fd.to_string())).ok()?;
        FdInfo::from_text(info).number(id_line)?.try_into().ok()
    };
    Some(fds.into_iter().filter_map(id).collect())
}

/// The names of the kind's anonymous inodes (the kernel's `anon_inode_getfd` calls; some releases put them in brackets), and
/// the line of `fdinfo` with the id.
fn traces(kind: ObjectKind) -> (&'static [&'static str], &'static str) {
    match kind {
        ObjectKind::Prog => (&["bpf-prog"], "prog_id"),
        ObjectKind::Map => (&["bpf-map"], "map_id"),
        ObjectKind::Link => (&["bpf_link", "bpf-link"], "link_id"),
        _ => (&["btf"], "btf_id"),
    }
}

/// The entries of a folder whose names are numbers.
fn numbers(folder: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}
