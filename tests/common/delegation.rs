//! A process without rights of its own in a user namespace, to which a privileged one delegates some by a bpffs (BPF token, 6.9).

use std::{
    env,
    ffi::CStr,
    fs,
    io::{BufRead, BufReader, Error, Read, Write, stdin},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::{Command, Stdio},
};

/// Set in the child.
const CHILD: &str = "PUREBPF_DELEGATION_CHILD";
const FSCONFIG_SET_STRING: libc::c_long = 1;
const FSCONFIG_CMD_CREATE: libc::c_long = 6;

/// What the child says when it is through.
const DONE: &str = "as it should be";

/// Runs the test `name` of this program once more, in a user namespace of its own, and there `child`, with a bpffs by which loads
/// are delegated: of maps and programs of these types. Says why, where there is no user namespace to be had.
///
/// # Panics
///
/// When the child does.
pub(crate) fn delegated(name: &str, maps: &CStr, programs: &CStr, child: impl FnOnce(OwnedFd)) -> Result<(), String> {
    if env::var_os(CHILD).is_some() {
        child(bpffs());
        println!("{DONE}");
        return Ok(());
    }
    // Another user's process may not read the folder that the program is in.
    let copy = env::temp_dir().join(format!("purebpf-delegation-{}", std::process::id()));
    fs::copy(env::current_exe().unwrap(), &copy).map_err(|error| error.to_string())?;
    let mut command = Command::new(&copy);
    command.args(["--exact", name, "--nocapture"]).env(CHILD, "1");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    // SAFETY: between fork and exec there is one thread, and unshare and these writes allocate nothing that is locked.
    unsafe {
        command.pre_exec(|| {
            if libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNS) != 0 {
                return Err(Error::last_os_error());
            }
            fs::write("/proc/self/setgroups", "deny")?;
            fs::write("/proc/self/uid_map", "0 0 1")?;
            fs::write("/proc/self/gid_map", "0 0 1")
        });
    }
    let spawned = command.spawn();
    let _ = fs::remove_file(&copy);
    let mut child = spawned.map_err(|error| format!("a user namespace: {error}"))?;
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("context ") && output.read_line(&mut line).unwrap() > 0 {}
    let context = line.split("context ").nth(1).map(|number| number.trim().parse::<RawFd>().unwrap());
    if let Some(context) = context {
        delegate(child.id(), context, maps, programs);
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
    }
    output.read_to_string(&mut line).unwrap();
    assert!(child.wait().unwrap().success() && line.contains(DONE), "{line}");
    Ok(())
}

/// Sets up what the child's bpffs delegates, which the child may not do, and makes the file system.
fn delegate(pid: u32, context: RawFd, maps: &CStr, programs: &CStr) {
    // SAFETY: the calls take numbers and terminated strings; the descriptors are new and nobody else's.
    unsafe {
        let process = syscall(libc::SYS_pidfd_open, [pid.into(), 0, 0, 0, 0]).unwrap();
        let process = OwnedFd::from_raw_fd(process);
        let arguments = [process.as_raw_fd().into(), context.into(), 0, 0, 0];
        let context = OwnedFd::from_raw_fd(syscall(libc::SYS_pidfd_getfd, arguments).unwrap());
        let set = |key: &CStr, value: &CStr| {
            let (key, value) = (key.as_ptr() as libc::c_long, value.as_ptr() as libc::c_long);
            let arguments = [context.as_raw_fd().into(), FSCONFIG_SET_STRING, key, value, 0];
            syscall(libc::SYS_fsconfig, arguments).unwrap();
        };
        set(c"delegate_cmds", c"prog_load:map_create:btf_load");
        set(c"delegate_maps", maps);
        set(c"delegate_progs", programs);
        set(c"delegate_attachs", c"any");
        let arguments = [context.as_raw_fd().into(), FSCONFIG_CMD_CREATE, 0, 0, 0];
        syscall(libc::SYS_fsconfig, arguments).unwrap();
    }
}

/// The child's part: asks for a bpffs, and opens its root.
fn bpffs() -> OwnedFd {
    // SAFETY: as above.
    unsafe {
        let context = syscall(libc::SYS_fsopen, [c"bpf".as_ptr() as libc::c_long, 0, 0, 0, 0]).unwrap();
        let context = OwnedFd::from_raw_fd(context);
        println!("context {}", context.as_raw_fd());
        stdin().read_exact(&mut [0]).unwrap();
        let mount = syscall(libc::SYS_fsmount, [context.as_raw_fd().into(), 0, 0, 0, 0]).unwrap();
        let mount = OwnedFd::from_raw_fd(mount);
        OwnedFd::from_raw_fd(libc::openat(mount.as_raw_fd(), c".".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC))
    }
}

/// A system call that the C library may not have yet.
///
/// # Safety
///
/// As for the call.
unsafe fn syscall(number: libc::c_long, arguments: [libc::c_long; 5]) -> Result<RawFd, Error> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: the caller's promise.
    let result = unsafe { libc::syscall(number, a, b, c, d, e) };
    if result < 0 { Err(Error::last_os_error()) } else { Ok(result as RawFd) }
}

/// Whether this is the child.
pub(crate) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}
