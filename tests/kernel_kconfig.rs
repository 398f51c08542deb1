//! Values of the kernel's configuration, as programs read them.

mod common;

use std::fs;
use std::io::Read;

use common::{ATTACH_COOKIE, kernel_test, skip};
use purebpf::sys::prog::TestRun;
use purebpf::sys::system::{kernel_version, uname, version};
use purebpf::{Object, OpenObject};

const KCONFIG: &[u8] = include_bytes!("programs/kconfig.bpf.o");

/// The object with one of its programs, all of which are off by themselves (`SEC("?…")`).
fn open_with(program: &str) -> OpenObject {
    let mut open = Object::open_bytes(KCONFIG, "kconfig").expect("the committed object opens");
    open.program_mut(program).expect("it has this program").set_autoload(true);
    open
}

fn run(open: &OpenObject, program: &str) -> Object {
    let object = open.load().unwrap();
    let run = object.program(program).expect("it was loaded").test_run(TestRun::new());
    run.expect("raw tracepoints can be run by hand");
    object
}

fn get(object: &Object, name: &str) -> i32 {
    object.global(name).expect("the variable is there").get().unwrap()
}

/// The running kernel's configuration by its file, read apart from the library.
fn config() -> Option<String> {
    let (release, _) = uname()?;
    fs::read_to_string(format!("/boot/config-{release}")).ok().or_else(|| {
        let mut text = String::new();
        flate2::read::GzDecoder::new(fs::File::open("/proc/config.gz").ok()?).read_to_string(&mut text).ok()?;
        Some(text)
    })
}

#[test]
fn the_kernel_tells_its_version_and_abilities() {
    kernel_test(|| {
        let object = run(&open_with("read_version"), "read_version");
        assert_eq!(get(&object, "kernel_version") as u32, kernel_version());
        let (major, minor) = ATTACH_COOKIE.since;
        assert_eq!(get(&object, "cookie"), i32::from(kernel_version() >= version(major, minor, 0)));
        // x86-64 wraps its system calls since 4.17.
        assert_eq!(get(&object, "wrapper"), i32::from(cfg!(target_arch = "x86_64")));
        assert_eq!(get(&object, "no_such_value"), 0);
    });
}

#[test]
fn options_of_the_running_kernel() {
    kernel_test(|| {
        let Some(config) = config() else {
            assert!(std::env::var_os("PUREBPF_MATRIX").is_none(), "the matrix's kernels have theirs in /boot");
            return skip("this kernel's configuration is nowhere");
        };
        let option = |name: &str| config.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        let object = run(&open_with("read_options"), "read_options");
        assert_eq!(get(&object, "hz"), option("CONFIG_HZ").unwrap().parse::<i32>().unwrap());
        assert_eq!(get(&object, "bpf_syscall"), 1);
        assert_eq!(get(&object, "bpf_jit"), 1);
        assert_eq!(get(&object, "weak"), 0);
        let hostname = option("CONFIG_DEFAULT_HOSTNAME").unwrap().trim_matches('"').as_bytes();
        let mut expected = [0; 8];
        expected[..hostname.len().min(7)].copy_from_slice(&hostname[..hostname.len().min(7)]);
        assert_eq!(object.global("hostname").unwrap().get::<[u8; 8]>().unwrap(), expected);
    });
}

#[test]
fn options_as_they_are_given() {
    kernel_test(|| {
        let mut open = open_with("read_options");
        open.set_kconfig(
            "CONFIG_HZ=-1\nCONFIG_BPF_SYSCALL=n\nCONFIG_BPF_JIT=m\nCONFIG_DEFAULT_HOSTNAME=\"longer than it\"\nCONFIG_PUREBPF_WEAK=0x10\n",
        );
        let object = run(&open, "read_options");
        assert_eq!(get(&object, "hz"), -1);
        assert_eq!(get(&object, "bpf_syscall"), 0);
        assert_eq!(get(&object, "bpf_jit"), 2);
        assert_eq!(get(&object, "weak"), 16);
        assert_eq!(object.global("hostname").unwrap().get::<[u8; 8]>().unwrap(), *b"longer \0");
    });
}

#[test]
fn an_option_that_is_missing_is_named() {
    kernel_test(|| {
        let error = open_with("read_misspelt").load().expect_err("no kernel has it").to_string();
        assert!(error.contains("CONFIG_BPF_SYSCAL'"), "{error}");
        if config().is_some() {
            assert!(error.contains("CONFIG_BPF_SYSCALL"), "the nearest name: {error}");
        }
    });
}
