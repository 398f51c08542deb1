//! What process 1 asks of the kernel.
//!
//! # Safety
//!
//! Every `unsafe` block here is one system call on strings that outlive it, plain structs of ours, or descriptors that a
//! `File` holds open.

use std::{
    ffi::CString,
    fs::{self, File},
    io, mem,
    os::{fd::AsRawFd, unix::process::CommandExt},
    process::{Command, Stdio},
    ptr,
    time::{Duration, Instant},
};

fn c_string(text: &str) -> CString {
    CString::new(text).expect("no NUL in the names given here")
}

/// Mounts a file system, making the folder for it.
pub(crate) fn mount(source: &str, at: &str, kind: &str) -> Result<(), String> {
    fs::create_dir_all(at).map_err(|error| format!("{at}: {error}"))?;
    let (c_source, c_at, c_kind) = (c_string(source), c_string(at), c_string(kind));
    // SAFETY: three C strings that live through the call, and no data.
    let done = unsafe { libc::mount(c_source.as_ptr(), c_at.as_ptr(), c_kind.as_ptr(), 0, ptr::null()) };
    if done == 0 { Ok(()) } else { Err(format!("mounting {kind} at {at}: {}", io::Error::last_os_error())) }
}

/// Loads a kernel module.
pub(crate) fn load_module(path: &str) -> Result<(), String> {
    let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
    // SAFETY: finit_module takes an open descriptor, a C string of parameters and flags.
    let done = unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
    if done == 0 { Ok(()) } else { Err(format!("loading {path}: {}", io::Error::last_os_error())) }
}

/// Brings a network interface up.
pub(crate) fn bring_up(interface: &str) -> Result<(), String> {
    let fail = || format!("bringing {interface} up: {}", io::Error::last_os_error());
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").map_err(|error| format!("bringing {interface} up: {error}"))?;
    // SAFETY: ifreq is a plain C struct; all zeroes is a value of it.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    // SAFETY: these requests read the name and read or write the flags of an ifreq that lives through the call.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &mut request) } != 0 {
        return Err(fail());
    }
    // SAFETY: SIOCGIFFLAGS has just made the flags the union's valid field.
    unsafe { request.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short };
    // SAFETY: as for SIOCGIFFLAGS.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &mut request) } != 0 {
        return Err(fail());
    }
    Ok(())
}

/// Makes a terminal pass bytes as they are: no echo, no change of line ends.
pub(crate) fn make_raw(terminal: &File) -> Result<(), String> {
    // SAFETY: termios is a plain C struct; all zeroes is a value of it.
    let mut settings: libc::termios = unsafe { mem::zeroed() };
    // SAFETY: tcgetattr fills, cfmakeraw changes and tcsetattr reads a termios that lives through each call.
    let done = unsafe {
        libc::tcgetattr(terminal.as_raw_fd(), &mut settings) == 0 && {
            libc::cfmakeraw(&mut settings);
            libc::tcsetattr(terminal.as_raw_fd(), libc::TCSANOW, &settings) == 0
        }
    };
    if done { Ok(()) } else { Err(format!("setting up the serial port: {}", io::Error::last_os_error())) }
}

/// Waits until everything written to a terminal has left it.
pub(crate) fn drain(terminal: &File) {
    // SAFETY: takes an open descriptor. Nobody is left to tell if it fails.
    unsafe { libc::tcdrain(terminal.as_raw_fd()) };
}

/// How a process ended.
pub(crate) enum Ending {
    /// By itself, with this status.
    Exited(std::process::ExitStatus),
    /// By us, because it had not ended in time.
    TimedOut,
}

/// Runs a command in a process group of its own, and ends the whole group at the time limit and after the command's own end.
pub(crate) fn run_limited(command: &mut Command, limit: Duration) -> Result<Ending, String> {
    let shown = command.get_program().to_string_lossy().into_owned();
    let mut child =
        command.stdin(Stdio::null()).process_group(0).spawn().map_err(|error| format!("running {shown}: {error}"))?;
    let group = child.id() as libc::pid_t;
    // SAFETY: pidfd_open takes a pid and flags.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, group, 0) } as libc::c_int;
    let deadline = Instant::now() + limit;
    let mut ready = 0;
    while ready == 0 {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let mut poll = libc::pollfd { fd: pidfd, events: libc::POLLIN, revents: 0 };
        let left = left.as_millis().min(i32::MAX as u128) as i32 + 1;
        // SAFETY: one pollfd that lives through the call.
        ready = unsafe { libc::poll(&mut poll, 1, left) }.max(0);
    }
    // SAFETY: sends a signal to the group we made; what it left running must not meet the next test.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    // SAFETY: a descriptor that pidfd_open gave us and nobody else holds (-1 does no harm).
    unsafe { libc::close(pidfd) };
    let status = child.wait().map_err(|error| format!("waiting for {shown}: {error}"))?;
    reap_orphans();
    Ok(if ready == 0 { Ending::TimedOut } else { Ending::Exited(status) })
}

/// Collects processes whose parents have ended, as process 1 must.
fn reap_orphans() {
    // SAFETY: waitpid with no place for a status.
    while unsafe { libc::waitpid(-1, ptr::null_mut(), libc::WNOHANG) } > 0 {}
}

/// Runs a command that must succeed, its output shown only in the error.
pub(crate) fn run_quietly(program: &str, args: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("running {program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {}: {}: {}", args.join(" "), output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

/// Turns the machine off. If that fails, the host's time limit ends it.
pub(crate) fn power_off() -> ! {
    let _ = fs::write("/proc/sysrq-trigger", "o");
    loop {
        std::thread::park();
    }
}
