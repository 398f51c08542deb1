//! What the tests share: the right to bpf(2), one test at a time, descriptors counted, programs that count, places to
//! attach to.

use crate::leaks::Watch;
use purebpf_attach::{Link, tracefs};
use purebpf_sys::{
    Insn,
    insn::op,
    map::{Map, MapCreate},
    prog::ProgLoad,
    uapi::{AttachType, ElemFlags, HelperId, MapFlags, MapType, ProgType},
};
use std::{
    ffi::CString,
    fs,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::MetadataExt},
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
pub(crate) fn is_since(major: u32, minor: u32) -> bool {
    purebpf_sys::kernel_version() >= purebpf_sys::system::version(major, minor, 0)
}

/// As [`is_since`], and says what is skipped.
pub(crate) fn since(major: u32, minor: u32) -> bool {
    let has = is_since(major, minor);
    if !has {
        skipped(format_args!("needs Linux {major}.{minor}"));
    }
    has
}

/// Whether tests run in the matrix, whose kernels have everything but what is newer than they are.
pub(crate) fn in_matrix() -> bool {
    std::env::var_os("PUREBPF_MATRIX").is_some()
}

/// tracefs, mounted where it was not.
pub(crate) fn with_tracefs() -> bool {
    if tracefs::root().is_ok() {
        return true;
    }
    let mounted = mount("tracefs", Path::new("/sys/kernel/tracing"));
    if let Err(error) = &mounted {
        skipped(format_args!("mount of tracefs: {error}"));
    }
    mounted.is_ok() && tracefs::root().is_ok()
}

fn mount(kind: &str, path: &Path) -> std::io::Result<()> {
    let (target, kind) = (c_path(path), CString::new(kind).unwrap());
    // SAFETY: all strings are terminated; no data.
    match unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) } {
        0 => Ok(()),
        _ => Err(std::io::Error::last_os_error()),
    }
}

/// A folder of this test's own with a file system mounted on it, both gone on drop.
pub(crate) struct Mount(PathBuf);

impl Mount {
    /// A new bpffs, or another view of cgroup2.
    pub(crate) fn new(kind: &str) -> Option<Mount> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("purebpf-attach-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        match mount(kind, &path) {
            Ok(()) => Some(Mount(path)),
            Err(error) => {
                skipped(format_args!("mount of {kind}: {error}"));
                fs::remove_dir(&path).unwrap();
                None
            }
        }
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

/// A program that counts, and where.
pub(crate) struct Counting {
    pub(crate) prog: OwnedFd,
    counter: Map<OwnedFd>,
}

/// What a counting program adds.
#[derive(Clone, Copy)]
pub(crate) enum Adds {
    /// 1, in whatever context it runs.
    One,
    /// 1, on the thread that loads it.
    OneOnThisThread,
    /// What `bpf_get_attach_cookie` gives, on the thread that loads it.
    CookieOnThisThread,
}

/// For what a program is loaded, besides its type.
#[derive(Clone, Copy, Default)]
pub(crate) struct For {
    pub(crate) attach_type: AttachType,
    pub(crate) attach_btf_id: u32,
}

impl Counting {
    pub(crate) fn load(prog_type: ProgType, adds: Adds, retval: i32) -> Counting {
        Counting::load_for(prog_type, For::default(), adds, retval).unwrap()
    }

    pub(crate) fn load_for(prog_type: ProgType, target: For, adds: Adds, retval: i32) -> purebpf_sys::Result<Counting> {
        let fd = MapCreate::new(MapType::ARRAY, 4, 8, 1).flags(MapFlags::MMAPABLE).name("counter").create()?;
        let counter = Map::from_fd(fd)?;
        let add =
            [&Insn::ld_map_value(1, counter.as_fd().as_raw_fd(), 0)[..], &[Insn::atomic_add(op::DW, 1, 7, 0)]].concat();
        let leave = [Insn::mov64_imm(0, retval), Insn::exit()];
        let mut insns = vec![Insn::mov64_reg(6, 1), Insn::mov64_imm(7, 1)];
        if matches!(adds, Adds::CookieOnThisThread) {
            insns.extend([Insn::call_helper(HelperId::GET_ATTACH_COOKIE), Insn::mov64_reg(7, 0)]);
        }
        if !matches!(adds, Adds::One) {
            insns.extend(unless_this_thread(add.len() as i16));
        }
        insns.extend(add);
        insns.extend(leave);
        let prog = ProgLoad::new(prog_type, &insns, c"GPL")
            .name("counting")
            .expected_attach_type(target.attach_type)
            .attach_btf_id(target.attach_btf_id)
            .load()?;
        Ok(Counting { prog, counter })
    }

    /// The sum so far.
    pub(crate) fn get(&self) -> u64 {
        let mut value = [0; 8];
        assert!(self.counter.lookup(&[0; 4], &mut value, ElemFlags::empty()).unwrap());
        u64::from_ne_bytes(value)
    }

    /// What `event` adds.
    pub(crate) fn during(&self, event: impl FnOnce()) -> u64 {
        let before = self.get();
        event();
        self.get() - before
    }
}

/// Jumps over so many instructions on all threads but this one, told apart by its number in its pid namespace
/// (`bpf_get_ns_current_pid_tgid`, 5.7), whatever namespace the tests run in.
fn unless_this_thread(skip: i16) -> Vec<Insn> {
    let namespace = fs::metadata("/proc/self/ns/pid").unwrap();
    // SAFETY: takes nothing and cannot fail.
    let tid = unsafe { libc::gettid() };
    let mut insns = Vec::new();
    insns.extend(Insn::ld_imm64(1, namespace.dev()));
    insns.extend(Insn::ld_imm64(2, namespace.ino()));
    insns.extend([
        Insn::mov64_reg(3, 10),
        Insn::alu64_imm(op::ADD, 3, -8),
        Insn::mov64_imm(4, 8),
        Insn::call_helper(HelperId::GET_NS_CURRENT_PID_TGID),
        Insn::jump_imm(op::JNE, 0, 0, skip + 2),
        // struct bpf_pidns_info: pid (the thread's number), tgid.
        Insn::ldx_mem(op::W, 1, 10, -8),
        Insn::jump_imm(op::JNE, 1, tid, skip),
    ]);
    insns
}

/// A system call that nothing else on this thread makes.
pub(crate) fn getppid() {
    // SAFETY: takes nothing and cannot fail.
    unsafe { libc::syscall(libc::SYS_getppid) };
}

/// Attached, seen, detached, silent: `event` adds `added` while the link is there, and nothing after. Where the link is
/// one of the kernel's, its id is gone afterwards.
pub(crate) fn fires(link: Link, counting: &Counting, added: u64, event: impl Fn()) {
    assert_eq!(counting.during(&event), added);
    assert_eq!(counting.during(&event), added, "once more");
    let id = link.is_kernel_link().then(|| link.info().unwrap().id);
    drop(link);
    assert_eq!(counting.during(&event), 0, "silent when detached");
    if let Some(id) = id {
        assert_eq!(Link::from_id(id).unwrap_err().errno(), libc::ENOENT);
    }
}
