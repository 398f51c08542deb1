//! Process 1 of a virtual machine of the kernel matrix: mounts what tests expect, loads the kernel modules, runs each test in a
//! process of its own, reports on the first serial port in the protocol of `vm/protocol.rs`, powers off.
//!
//! It stands alone (libc and std, linked statically), because nothing else is in the initial file system.

#[path = "../vm/protocol.rs"]
mod protocol;
mod system;
mod tests;

use protocol::{PLAN_PATH, Plan, Word};
use std::{
    fs::{self, File},
    io::Write,
};

/// The first serial port, for answers. (The kernel's console is the second.)
const SERIAL: &str = "/dev/ttyS0";

fn main() {
    // Whoever starts it on a machine of their own does not want that powered off.
    if std::process::id() != 1 {
        eprintln!("vm-init: this is process 1 of the kernel matrix's virtual machines; see cargo xtask vm");
        std::process::exit(2);
    }
    // What goes wrong before the port is open shows on the kernel's console, which is our stderr.
    let mut port = match open_port() {
        Ok(port) => port,
        Err(error) => {
            eprintln!("vm-init: {error}");
            system::power_off();
        }
    };
    let outcome = boot(&mut port).and_then(|plan| tests::run(&plan, &mut port));
    let ending = match outcome {
        Ok(failed) => Word::Exit { status: i32::from(failed > 0) }.to_string(),
        Err(error) => format!("{}\n{}", Word::Note { text: &error }, Word::Exit { status: 2 }),
    };
    let _ = writeln!(port, "{ending}");
    system::drain(&port);
    system::power_off();
}

fn open_port() -> Result<File, String> {
    system::mount("devtmpfs", "/dev", "devtmpfs")?;
    let port = File::options().read(true).write(true).open(SERIAL).map_err(|error| format!("{SERIAL}: {error}"))?;
    system::make_raw(&port)?;
    Ok(port)
}

/// Mounts, loads, brings up. (/tmp and /run are plain folders of the initial file system: it lies in memory anyway, and what is
/// to be tested may lie below them.)
fn boot(port: &mut File) -> Result<Plan, String> {
    for (kind, at) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("tmpfs", "/dev/shm"),
        ("bpf", "/sys/fs/bpf"),
        ("tracefs", "/sys/kernel/tracing"),
        ("debugfs", "/sys/kernel/debug"),
        ("securityfs", "/sys/kernel/security"),
        ("cgroup2", "/sys/fs/cgroup"),
    ] {
        system::mount(kind, at, kind)?;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let report =
        |port: &mut File, word: Word<'_>| writeln!(port, "{word}").map_err(|error| format!("{SERIAL}: {error}"));
    report(port, Word::Boot { release: release.trim() })?;
    let plan = fs::read_to_string(PLAN_PATH).map_err(|error| format!("{PLAN_PATH}: {error}"))?;
    let plan = Plan::parse(&plan)?;
    for module in &plan.modules {
        system::load_module(module)?;
    }
    system::bring_up("lo")?;
    std::os::unix::fs::symlink("/proc/self/fd", "/dev/fd").map_err(|error| format!("/dev/fd: {error}"))?;
    // busybox makes its own links, so that tests have ordinary programs to run and to watch.
    system::run_quietly("/bin/busybox", &["--install", "-s", "/bin"])?;
    if !fs::exists("/sys/kernel/btf/vmlinux").unwrap_or(false) {
        return Err("this kernel has no /sys/kernel/btf/vmlinux".to_owned());
    }
    Ok(plan)
}
