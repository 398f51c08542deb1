//! libbpf, the C library.

use super::Programs;
use crate::{Answer, Input, Work, measure::measured};
use libbpf_sys::*;
use std::{ffi::CStr, ptr, slice};

pub const WORKS: &[(&str, Work)] = &[("open", open), ("prepare", prepare)];

fn read(input: &Input) -> *mut bpf_object {
    // SAFETY: the bytes live as long as the process; no options is what a null pointer means.
    let object = unsafe { bpf_object__open_mem(input.object.as_ptr().cast(), input.object.len() as u64, ptr::null()) };
    assert!(!object.is_null(), "the object opens");
    object
}

fn programs(object: *mut bpf_object) -> Programs {
    let mut programs = Programs::default();
    // SAFETY: an object that is open, and its programs; their instructions are as many as it says.
    unsafe {
        let mut program = bpf_object__next_program(object, ptr::null_mut());
        while !program.is_null() {
            let name = CStr::from_ptr(bpf_program__name(program)).to_str().expect("a name of C");
            let count = bpf_program__insn_cnt(program) as usize;
            let code = slice::from_raw_parts(bpf_program__insns(program).cast::<u8>(), count * 8);
            programs.add(name, code.to_vec());
            program = bpf_object__next_program(object, program);
        }
    }
    programs
}

fn open(input: Input) -> Answer {
    programs(measured(|| read(&input))).outline()
}

fn prepare(input: Input) -> Answer {
    let object = read(&input);
    // SAFETY: an object that is open.
    measured(|| unsafe { assert_eq!(bpf_object__prepare(object), 0, "the object can be prepared") });
    programs(object).answer()
}
