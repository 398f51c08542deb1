//! Functions of the C library by its bare name, and by version. Apart from the tests that run in the kernel matrix, whose
//! binaries are linked statically.

#[path = "../../tests/common/leaks.rs"]
mod leaks;
#[allow(dead_code, reason = "shared with the kernel tests, which use more of it")]
#[path = "kernel/support.rs"]
mod support;

use purebpf_attach::{UprobeOptions, attach_uprobe, symbols::elf::function_offset, uprobe::resolve_binary};
use purebpf_sys::uapi::ProgType;
use std::{fs, os::fd::AsFd, path::Path};
use support::{Adds, Counting, fires, kernel, skipped};

#[test]
fn functions_of_the_c_library_by_bare_name_and_version() {
    let Some(_kernel) = kernel() else { return };
    let libc_path = match resolve_binary(Path::new("libc.so.6")) {
        Ok(path) => path,
        Err(error) => return skipped(error),
    };
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    if !maps.contains("libc.so.6") {
        return skipped("this binary is linked statically");
    }
    let getsid = || {
        // SAFETY: reads this process's own session.
        unsafe { libc::getsid(0) };
    };
    let counting = Counting::load(ProgType::KPROBE, Adds::OneOnThisThread, 0);
    let options = UprobeOptions::default().function("getsid");
    let link = attach_uprobe(counting.prog.as_fd(), "libc.so.6", &options).unwrap();
    fires(link, &counting, 1, getsid);

    if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
        // The version of everything as old as x86-64.
        let plain = function_offset(&libc_path, "getsid", None).unwrap();
        assert_eq!(function_offset(&libc_path, "getsid", Some("GLIBC_2.2.5")).unwrap(), plain);
        let error = function_offset(&libc_path, "getsid", Some("GLIBC_9.9")).unwrap_err();
        assert!(error.to_string().contains("getsid@GLIBC_9.9"), "{error}");
        let link = attach_uprobe(
            counting.prog.as_fd(),
            "libc.so.6",
            &UprobeOptions::default().function("getsid@@GLIBC_2.2.5"),
        );
        fires(link.unwrap(), &counting, 1, getsid);
    }
}
