//! What the tests share: the right to bpf(2), one test at a time, descriptors counted, places to pin and attach.

use crate::leaks::Watch;
use purebpf_sys::{
    Insn, Result,
    map::{Map, MapCreate},
    mapping::FileBytes,
    prog::ProgLoad,
    uapi::{ElemFlags, HelperId, MapFlags, MapType, ProgType},
};
use std::{
    ffi::CString,
    fs,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// Why a test cannot run here.
pub(crate) fn skipped(why: impl std::fmt::Display) {
    println!("skipped: {why}");
}

/// Held by a test for as long as it runs: one at a time, and nothing is left of it.
pub(crate) struct Kernel {
    _watch: Watch,
}

/// The kernel, when this process may use bpf(2).
pub(crate) fn kernel() -> Option<Kernel> {
    let watch = Watch::start();
    match MapCreate::new(MapType::ARRAY, 4, 4, 1).create().map(drop) {
        Ok(()) => Some(Kernel { _watch: watch }),
        Err(error) => {
            skipped(error);
            None
        }
    }
}

/// How many descriptors this process has, with the one that counting takes.
pub(crate) fn count_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Whether the running kernel is at least this one.
pub(crate) fn since(major: u32, minor: u32) -> bool {
    let has = purebpf_sys::kernel_version() >= purebpf_sys::system::version(major, minor, 0);
    if !has {
        skipped(format_args!("needs Linux {major}.{minor}"));
    }
    has
}

/// A folder of this test's own, removed on drop, with a file system mounted on it.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// A new bpffs or cgroup2.
    pub(crate) fn new(kind: &str) -> Option<Mount> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("purebpf-sys-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        let (target, kind) = (c_path(&path), CString::new(kind).unwrap());
        // SAFETY: all strings are terminated; no data.
        let result = unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) };
        if result != 0 {
            skipped(format_args!("mount of {kind:?}: {}", std::io::Error::last_os_error()));
            fs::remove_dir(&path).unwrap();
            return None;
        }
        Some(Mount(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let target = c_path(&self.0);
        // SAFETY: a terminated string.
        unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
        let _ = fs::remove_dir(&self.0);
    }
}

pub(crate) fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

/// Moves this thread (a test has one of its own) to a network namespace of its own, with `lo` up; false when it may not.
pub(crate) fn own_netns() -> bool {
    // SAFETY: unshare of the calling thread's network namespace only; socket and ioctl on a fully set ifreq.
    unsafe {
        if libc::unshare(libc::CLONE_NEWNET) != 0 {
            skipped(format_args!("unshare(CLONE_NEWNET): {}", std::io::Error::last_os_error()));
            return false;
        }
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        assert!(socket >= 0);
        let mut request: libc::ifreq = std::mem::zeroed();
        request.ifr_name[0] = b'l' as _;
        request.ifr_name[1] = b'o' as _;
        request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as _;
        assert_eq!(libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const request), 0);
        libc::close(socket);
    }
    true
}

/// An array of one u64.
pub(crate) struct Counter(pub(crate) Map<OwnedFd>);

impl Counter {
    pub(crate) fn new() -> Counter {
        let fd = MapCreate::new(MapType::ARRAY, 4, 8, 1).flags(MapFlags::MMAPABLE).name("counter").create().unwrap();
        Counter(Map::from_fd(fd).unwrap())
    }

    pub(crate) fn get(&self) -> u64 {
        let mut value = [0; 8];
        assert!(self.0.lookup(&[0; 4], &mut value, ElemFlags::empty()).unwrap());
        u64::from_ne_bytes(value)
    }

    /// Adds 1 (or the cookie) to the counter and returns `retval`.
    pub(crate) fn insns(&self, retval: i32) -> Vec<Insn> {
        self.adding(&[Insn::mov64_imm(2, 1)], retval)
    }

    /// Adds what `bpf_get_attach_cookie` gives.
    pub(crate) fn cookie_insns(&self) -> Vec<Insn> {
        self.adding(&[Insn::call_helper(HelperId::GET_ATTACH_COOKIE), Insn::mov64_reg(2, 0)], 0)
    }

    fn adding(&self, amount: &[Insn], retval: i32) -> Vec<Insn> {
        use purebpf_sys::insn::op;
        let mut insns = amount.to_vec();
        insns.extend(Insn::ld_map_value(1, self.0.as_fd().as_raw_fd(), 0));
        insns.extend([Insn::atomic_add(op::DW, 1, 2, 0), Insn::mov64_imm(0, retval), Insn::exit()]);
        insns
    }
}

/// A program that counts its runs.
pub(crate) fn counting(prog_type: ProgType, retval: i32) -> (Counter, Result<OwnedFd>) {
    let counter = Counter::new();
    let insns = counter.insns(retval);
    let prog = ProgLoad::new(prog_type, &insns, c"GPL").name("counting").load();
    (counter, prog)
}

/// The id in vmlinux of a type of this kind and name.
pub(crate) fn btf_id(kind: u32, name: &str) -> Option<u32> {
    btf_type(kind, name).map(|(id, _)| id)
}

/// The id in vmlinux of a type of this kind and name, and its size (or what else stands there).
pub(crate) fn btf_type(kind: u32, name: &str) -> Option<(u32, u32)> {
    let found = find_btf_type(kind, name);
    if found.is_none() {
        skipped(format_args!("vmlinux has no {name}"));
    }
    found
}

/// As [`btf_type`], without a word; by one walk over all types.
pub(crate) fn find_btf_type(kind: u32, name: &str) -> Option<(u32, u32)> {
    let file = match FileBytes::open(Path::new("/sys/kernel/btf/vmlinux")) {
        Ok(file) => file,
        Err(error) => {
            skipped(error);
            return None;
        }
    };
    let bytes = file.as_ref();
    let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let header = word(4);
    let (types, strings) = (header + word(8), header + word(16));
    let (mut at, end) = (types, types + word(12));
    let mut id = 1;
    while at < end {
        let (name_off, info) = (word(at), word(at + 4) as u32);
        let (found, vlen) = (info >> 24 & 0x1f, info as usize & 0xffff);
        let found_name = &bytes[strings + name_off..];
        if found == kind && found_name.starts_with(name.as_bytes()) && found_name[name.len()] == 0 {
            return Some((id, word(at + 8) as u32));
        }
        at += 12
            + match found {
                1 | 14 | 17 => 4,
                3 => 12,
                4 | 5 | 15 | 19 => 12 * vlen,
                6 | 13 => 8 * vlen,
                _ => 0,
            };
        id += 1;
    }
    None
}

/// A copy of this test binary that everybody may run, as the build folder may be closed to others. Removed on drop.
pub(crate) struct Copied(PathBuf);

/// The copy; `None` when there is no place for it.
pub(crate) fn on_copy() -> Option<Copied> {
    let copy = std::env::temp_dir().join(format!("purebpf-sys-child-{}", std::process::id()));
    fs::copy(std::env::current_exe().unwrap(), &copy).map_err(skipped).ok()?;
    Some(Copied(copy))
}

impl Copied {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Burns this thread's time until `done`, at most for a few seconds.
pub(crate) fn busy_until(mut done: impl FnMut() -> bool) -> bool {
    let start = std::time::Instant::now();
    while start.elapsed().as_secs() < 10 {
        std::hint::black_box((0..100_000u64).fold(0, |sum, n| sum ^ std::hint::black_box(n)));
        if done() {
            return true;
        }
    }
    false
}
