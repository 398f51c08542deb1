//! What a test left behind: file descriptors of this process, and programs, maps and links in the kernel.
//!
//! The tests of other packages include this file too: it knows nothing but the system layer.

use purebpf_sys::{id::ObjectKind, info::prog_map_ids};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::fd::AsFd,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// How long the kernel may take to free what nobody holds any longer: it waits for an RCU grace period, and frees from a work
/// queue. There is no event for it, so this is waited for by looking again.
const GRACE: Duration = Duration::from_secs(20);

const KINDS: [(ObjectKind, &str); 3] =
    [(ObjectKind::Link, "link"), (ObjectKind::Prog, "program"), (ObjectKind::Map, "map")];

/// Held by a test for as long as it runs: one test at a time in this process, and when it is done, nothing is left of it.
pub(crate) struct Watch {
    before: Snapshot,
    _alone: MutexGuard<'static, ()>,
}

impl Watch {
    pub(crate) fn start() -> Watch {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        // A failed test poisons it, which is no reason to fail the others.
        let alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        Watch { before: Snapshot::take(), _alone: alone }
    }
}

impl Drop for Watch {
    /// # Panics
    ///
    /// With a list of what is there now and was not before; not on top of a test's own panic.
    fn drop(&mut self) {
        if !thread::panicking() {
            self.before.assert_nothing_new();
        }
    }
}

/// What there was at one moment.
struct Snapshot {
    descriptors: BTreeMap<String, String>,
    objects: BTreeSet<(&'static str, u32)>,
}

impl Snapshot {
    fn take() -> Snapshot {
        Snapshot { descriptors: descriptors(), objects: objects() }
    }

    /// Panics with a list of what is there now and was not then.
    fn assert_nothing_new(&self) {
        let descriptors = descriptors();
        let more: Vec<_> =
            descriptors.iter().filter(|(fd, target)| self.descriptors.get(*fd) != Some(*target)).collect();
        assert!(more.is_empty() && descriptors.len() <= self.descriptors.len(), "left open: {more:?}");

        let deadline = Instant::now() + GRACE;
        loop {
            let left = self.new_objects();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "left in the kernel: {left:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Objects that are new, and not another process's.
    fn new_objects(&self) -> Vec<(&'static str, u32)> {
        let new: Vec<_> = objects().difference(&self.objects).copied().collect();
        if new.is_empty() {
            return new;
        }
        // A machine may run other programs that use BPF. In the matrix there are none, and this comes to nothing.
        let others = held_by_others();
        new.into_iter().filter(|object| !others.contains(object)).collect()
    }
}

/// The descriptors of this process, with what they stand for.
fn descriptors() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir("/proc/self/fd").expect("procfs is mounted").flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default().to_string_lossy().into_owned();
        // The descriptor by which this very folder is being read.
        let own = target.starts_with("/proc/") && target.ends_with("/fd");
        if !own {
            found.insert(entry.file_name().to_string_lossy().into_owned(), target);
        }
    }
    found
}

/// The programs, maps and links in the kernel; none where this process may not ask, and so has made none.
fn objects() -> BTreeSet<(&'static str, u32)> {
    let mut found = BTreeSet::new();
    for (kind, name) in KINDS {
        for id in kind.ids() {
            match id {
                Ok(id) => _ = found.insert((name, id)),
                Err(error) => {
                    assert!(error.is_permission(), "iterating {name} ids: {error}");
                    break;
                }
            }
        }
    }
    found
}

/// What other processes hold descriptors of, and what that holds in turn: a link its program, a program its maps.
fn held_by_others() -> BTreeSet<(&'static str, u32)> {
    let own = std::process::id().to_string();
    let mut held = BTreeSet::new();
    for process in fs::read_dir("/proc").expect("procfs is mounted").flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        // Processes end while we look.
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else { continue };
        for descriptor in descriptors.flatten() {
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            if target.to_string_lossy().starts_with("anon_inode:bpf") {
                let info = process.path().join("fdinfo").join(descriptor.file_name());
                held.extend(ids_in(&fs::read_to_string(info).unwrap_or_default()));
            }
        }
    }
    let programs: Vec<u32> = held.iter().filter(|(kind, _)| *kind == "program").map(|(_, id)| *id).collect();
    for program in programs {
        let maps = ObjectKind::Prog.fd_by_id(program).and_then(|program| prog_map_ids(program.as_fd()));
        held.extend(maps.unwrap_or_default().into_iter().map(|map| ("map", map)));
    }
    held
}

/// The ids in an fdinfo: lines such as `prog_id: 42` (bpf_prog_show_fdinfo, bpf_map_show_fdinfo, bpf_link_show_fdinfo).
fn ids_in(fdinfo: &str) -> Vec<(&'static str, u32)> {
    let fields = fdinfo.lines().filter_map(|line| line.split_once(':'));
    let ids = fields.filter_map(|(key, value)| {
        let kind = match key {
            "link_id" => "link",
            "prog_id" => "program",
            "map_id" => "map",
            _ => return None,
        };
        Some((kind, value.trim().parse().ok()?))
    });
    ids.collect()
}
