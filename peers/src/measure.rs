//! How long work takes, how much of that bpf(2) does, and by how much memory has grown at most when it is done. callgrind counts what [`measured`] calls, by its name.

use crate::syscall;
use std::{
    fs,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

static NANOSECONDS: AtomicU64 = AtomicU64::new(0);
static IN_BPF: AtomicU64 = AtomicU64::new(0);
static KILOBYTES: AtomicU64 = AtomicU64::new(0);

static BEFORE: AtomicU64 = AtomicU64::new(0);

/// From here on memory counts: the input has been read.
pub fn begin() {
    // The peak so far is forgotten (proc(5), clear_refs).
    _ = fs::write("/proc/self/clear_refs", "5");
    BEFORE.store(status("VmRSS:"), Ordering::Relaxed);
}

/// Does the work that counts. By how much memory has grown includes what was made before it, such as the parsed BTF.
#[inline(never)]
pub fn measured<T>(work: impl FnOnce() -> T) -> T {
    let in_bpf = syscall::in_bpf();
    let start = Instant::now();
    let made = counted_work(work);
    NANOSECONDS.store(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    IN_BPF.store(syscall::in_bpf() - in_bpf, Ordering::Relaxed);
    KILOBYTES.store(status("VmHWM:").saturating_sub(BEFORE.load(Ordering::Relaxed)), Ordering::Relaxed);
    made
}

/// A function of its own, for callgrind to begin and end at.
#[inline(never)]
fn counted_work<T>(work: impl FnOnce() -> T) -> T {
    std::hint::black_box(work())
}

/// The time, what of it the kernel was at bpf(2), and the memory.
pub fn results() -> (u64, u64, u64) {
    let [time, in_bpf, memory] = [&NANOSECONDS, &IN_BPF, &KILOBYTES].map(|number| number.load(Ordering::Relaxed));
    (time, in_bpf, memory)
}

fn status(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or_default()
}
