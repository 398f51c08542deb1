//! What programs expect of the kernel, found in it: addresses of symbols, variables and functions by their type.

mod common;

use std::fs;

use common::{TASK_FROM_PID, kernel_test, needs, skip, vmlinux_btf};
use purebpf::btf::Kind;
use purebpf::sys::prog::TestRun;
use purebpf::{Object, OpenObject};

const EXTERNS: &[u8] = include_bytes!("programs/externs.bpf.o");

/// The object with one of its programs, all of which are off by themselves (`SEC("?…")`).
fn open_with(program: &str) -> OpenObject {
    let mut open = Object::open_bytes(EXTERNS, "externs").expect("the committed object opens");
    assert!(!open.program_mut(program).expect("it has this program").autoload());
    open.program_mut(program).expect("it has this program").set_autoload(true);
    open
}

fn run(object: &Object, program: &str) {
    object
        .program(program)
        .expect("it was loaded")
        .test_run(TestRun::new())
        .expect("raw tracepoints can be run by hand");
}

fn get(object: &Object, name: &str) -> u64 {
    let global = object.global(name).expect("the variable is there");
    if global.size() == 8 { global.get().unwrap() } else { u64::from(global.get::<u32>().unwrap()) }
}

/// The address of a symbol by /proc/kallsyms.
fn kallsyms(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/kallsyms").expect("procfs is mounted");
    let line = text.lines().find(|line| line.split_whitespace().nth(2) == Some(name))?;
    u64::from_str_radix(line.split_whitespace().next()?, 16).ok()
}

#[test]
fn symbols_by_address() {
    kernel_test(|| {
        let object = open_with("look_up_addresses").load().unwrap();
        run(&object, "look_up_addresses");
        let address = kallsyms("vfs_read").expect("every kernel has it");
        assert_ne!(address, 0, "root may see addresses");
        assert_eq!(get(&object, "address"), address);
        assert_eq!(get(&object, "missing_address"), 0);
    });
}

#[test]
fn variables_by_type() {
    kernel_test(|| {
        let in_btf = vmlinux_btf().is_some_and(|btf| btf.find("runqueues", Kind::Var).is_some());
        // The verifier takes the address from the kernel's symbols (check_pseudo_btf_id).
        if in_btf && kallsyms("runqueues").is_none() {
            return skip("this kernel's symbols lack a variable that its BTF has");
        }
        let object = open_with("read_variable").load().unwrap();
        run(&object, "read_variable");
        assert_eq!(get(&object, "variable_exists"), u64::from(in_btf));
        if in_btf {
            assert_eq!(get(&object, "cpu_seen"), get(&object, "cpu_asked"));
        }
    });
}

#[test]
fn functions_by_type() {
    kernel_test(|| {
        if !needs(&TASK_FROM_PID) {
            return;
        }
        let thread = rustix::thread::gettid().as_raw_nonzero().get() as u32;
        let mut open = open_with("call_function");
        open.global_mut("thread").unwrap().set(thread).unwrap();
        let object = open.load().unwrap();
        let link = object.attach().unwrap();
        rustix::process::getpgid(None).expect("getpgid(2)");
        drop(link);
        assert_eq!(get(&object, "found_pid"), u64::from(thread));
        assert_eq!(get(&object, "missing_function_exists"), 0);
    });
}

/// A kernel without the function says so by the verifier's refusal of our poison, which names the function.
#[test]
fn a_function_that_the_kernel_lacks_is_named() {
    kernel_test(|| {
        if vmlinux_btf().is_none_or(|btf| btf.find("bpf_task_from_pid", Kind::Func).is_some()) {
            return skip("this kernel has the function bpf_task_from_pid");
        }
        let error = open_with("call_function").load().expect_err("it calls it unguarded").to_string();
        assert!(error.contains("call_function") && error.contains("bpf_task_from_pid"), "{error}");
    });
}
