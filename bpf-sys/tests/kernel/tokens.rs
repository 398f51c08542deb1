//! Tokens: a process without rights of its own in a user namespace, to which a privileged one delegates some.

use crate::support::{kernel, on_copy, since, skipped};
use purebpf_sys::{
    Insn,
    btf::BtfLoad,
    info,
    map::MapCreate,
    probes::{Feature, Probes},
    prog::ProgLoad,
    token::token_create,
    uapi::{Cmd, HelperId, MapType, ProgType},
};
use std::{
    ffi::CStr,
    fs,
    io::{BufRead, BufReader, Error, Read, Write, stdin},
    os::{
        fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::process::CommandExt,
    },
    process::{Command, Stdio},
};

const CHILD: &str = "PUREBPF_SYS_TOKEN_CHILD";
const FSCONFIG_SET_STRING: libc::c_long = 1;
const FSCONFIG_CMD_CREATE: libc::c_long = 6;

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

#[test]
fn a_token_lets_an_unprivileged_process_load() {
    if std::env::var_os(CHILD).is_some() {
        return in_the_namespace();
    }
    let Some(_kernel) = kernel() else { return };
    if !since(6, 9) {
        return;
    }
    let Some(copy) = on_copy() else { return };
    let mut command = Command::new(copy.path());
    command.args(["--exact", "tokens::a_token_lets_an_unprivileged_process_load", "--nocapture"]).env(CHILD, "1");
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
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return skipped(format_args!("a user namespace: {error}")),
    };
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("context ") && output.read_line(&mut line).unwrap() > 0 {}
    let context = line.split("context ").nth(1).map(|number| number.trim().parse::<RawFd>().unwrap());
    if let Some(context) = context {
        delegate(child.id(), context);
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
    }
    output.read_to_string(&mut line).unwrap();
    assert!(child.wait().unwrap().success() && line.contains("as it should be"), "{line}");
}

/// Sets up what the child's bpffs delegates, which the child may not do, and makes the file system.
fn delegate(pid: u32, context: RawFd) {
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
        set(c"delegate_maps", c"array");
        set(c"delegate_progs", c"socket_filter:kprobe");
        set(c"delegate_attachs", c"any");
        let arguments = [context.as_raw_fd().into(), FSCONFIG_CMD_CREATE, 0, 0, 0];
        syscall(libc::SYS_fsconfig, arguments).unwrap();
    }
}

/// The child's part: asks for a bpffs, and uses what is delegated by it.
fn in_the_namespace() {
    // SAFETY: as above.
    let bpffs = unsafe {
        let context = syscall(libc::SYS_fsopen, [c"bpf".as_ptr() as libc::c_long, 0, 0, 0, 0]).unwrap();
        let context = OwnedFd::from_raw_fd(context);
        println!("context {}", context.as_raw_fd());
        stdin().read_exact(&mut [0]).unwrap();
        let mount = syscall(libc::SYS_fsmount, [context.as_raw_fd().into(), 0, 0, 0, 0]).unwrap();
        let mount = OwnedFd::from_raw_fd(mount);
        OwnedFd::from_raw_fd(libc::openat(mount.as_raw_fd(), c".".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC))
    };
    let token = token_create(bpffs.as_fd()).unwrap();
    let array = MapCreate::new(MapType::ARRAY, 4, 4, 1);
    assert_eq!(array.create().unwrap_err().errno(), libc::EPERM, "without the token");
    let map = array.clone().token(token.as_fd()).create().unwrap();
    assert_eq!(info::map_info(map.as_fd()).unwrap().map_type, MapType::ARRAY);
    let hash = MapCreate::new(MapType::HASH, 4, 4, 1).token(token.as_fd()).create().unwrap_err();
    assert_eq!(hash.errno(), libc::EPERM, "a type that is not delegated");

    let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
    let load = ProgLoad::new(ProgType::KPROBE, &insns, c"GPL");
    assert_eq!(load.load().unwrap_err().errno(), libc::EPERM, "without the token");
    load.token(token.as_fd()).load().unwrap();
    // int
    let mut raw = 0xeb9fu16.to_ne_bytes().to_vec();
    raw.extend([1, 0]);
    raw.extend([24u32, 0, 16, 16, 5, 1, 1 << 24, 4, 1 << 24 | 32].iter().flat_map(|word| word.to_ne_bytes()));
    raw.extend(b"\0int\0");
    BtfLoad::new(&raw).token(token.as_fd()).load().unwrap();
    if since(6, 17) {
        let told = info::token_info(token.as_fd()).unwrap();
        let bit = |cmd: Cmd| 1 << cmd.0;
        assert_eq!(told.allowed_cmds, bit(Cmd::PROG_LOAD) | bit(Cmd::MAP_CREATE) | bit(Cmd::BTF_LOAD));
        assert_eq!(told.allowed_maps, 1 << MapType::ARRAY.0);
        assert_eq!(told.allowed_progs, 1 << ProgType::SOCKET_FILTER.0 | 1 << ProgType::KPROBE.0);
    }

    // Probes by the token's rights, remembered for the token alone.
    assert!(Probes::global().has(Feature::BtfFloat).is_err());
    let probes = Probes::new(Some(token));
    assert!(probes.has(Feature::BtfFloat).unwrap() && probes.has(Feature::GlobalData).unwrap());
    assert!(probes.prog_type(ProgType::KPROBE).unwrap() && probes.map_type(MapType::ARRAY).unwrap());
    assert_eq!(probes.prog_type(ProgType::XDP).unwrap_err().errno(), libc::EPERM);
    assert!(probes.helper(ProgType::KPROBE, HelperId::PROBE_READ_KERNEL).unwrap());
    assert!(Probes::global().has(Feature::BtfFloat).is_err());
    println!("as it should be");
}
