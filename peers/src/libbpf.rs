//! libbpf, the C library.

use crate::{Answer, Input, Walk, Work, ids_answer, measure::measured};
use libbpf_sys::*;
use std::{
    ffi::{CStr, CString, c_char, c_int, c_void},
    ptr,
};

pub const WORKS: &[(&str, Work)] =
    &[("parse", parse), ("walk", walk), ("names", names), ("dump", dump), ("dedup", deduplicate)];

const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;

fn read(input: &Input) -> *mut btf {
    // SAFETY: libbpf copies the bytes, which are as many as it is told.
    let btf = unsafe { btf__new(input.btf.as_ptr().cast(), input.btf.len() as u32) };
    assert!(!btf.is_null(), "the input parses");
    btf
}

fn parse(input: Input) -> Answer {
    let btf = measured(|| read(&input));
    // SAFETY: a BTF that was just read, and is never freed: the process ends.
    Answer::Number(u64::from(unsafe { btf__type_cnt(btf) } - 1))
}

fn walk(input: Input) -> Answer {
    let btf = read(&input);
    measured(|| {
        let mut walk = Walk::default();
        // SAFETY: ids below the count name types, which libbpf checked; members follow a struct's record, as many as its vlen says.
        unsafe {
            let length = |offset: u32| CStr::from_ptr(btf__name_by_offset(btf, offset)).count_bytes();
            for id in 1..btf__type_cnt(btf) {
                let item = btf__type_by_id(btf, id);
                let info = (*item).info;
                let (kind, vlen, kflag) = ((info >> 24) & 0x1f, info & 0xffff, info >> 31 != 0);
                walk.item(kind, length((*item).name_off));
                if matches!(kind, KIND_STRUCT | KIND_UNION) {
                    let members = item.add(1).cast::<btf_member>();
                    for n in 0..vlen as usize {
                        let member = &*members.add(n);
                        let offset = if kflag { member.offset & 0xff_ffff } else { member.offset };
                        walk.member(length(member.name_off), member.type_, offset);
                    }
                }
            }
        }
        walk
    })
    .answer()
}

fn names(input: Input) -> Answer {
    let btf = read(&input);
    let wanted: Vec<(u32, CString)> =
        input.names.into_iter().map(|(kind, name)| (kind, CString::new(name).expect("no NUL"))).collect();
    ids_answer(&measured(|| {
        // SAFETY: the names end with NUL.
        let find = |kind, name: &CString| unsafe { btf__find_by_name_kind(btf, name.as_ptr(), kind) };
        wanted.iter().map(|(kind, name)| find(*kind, name).max(0) as u32).collect::<Vec<u32>>()
    }))
}

unsafe extern "C" {
    // Its last argument is what C passes a va_list as.
    fn vsnprintf(to: *mut c_char, size: usize, format: *const c_char, args: *mut c_void) -> c_int;
}

/// Appends to the `Vec<u8>` that is the context.
unsafe extern "C" fn print(context: *mut c_void, format: *const c_char, args: *mut __va_list_tag) {
    const ROOM: usize = 4096;
    // SAFETY: libbpf passes on the context that it was given, and a format with its arguments.
    unsafe {
        let text = &mut *context.cast::<Vec<u8>>();
        text.reserve(ROOM);
        let end = text.as_mut_ptr().add(text.len());
        let length = vsnprintf(end.cast(), ROOM, format, args.cast());
        assert!((0..ROOM as c_int).contains(&length), "a piece is shorter than that");
        text.set_len(text.len() + length as usize);
    }
}

fn dump(input: Input) -> Answer {
    let btf = read(&input);
    let mut text = measured(|| {
        let mut text: Vec<u8> = Vec::new();
        // SAFETY: the text lives until the dumper is freed.
        unsafe {
            let dumper = btf_dump__new(btf, Some(print), (&raw mut text).cast(), ptr::null());
            assert!(!dumper.is_null());
            for id in 1..btf__type_cnt(btf) {
                assert_eq!(btf_dump__dump_type(dumper, id), 0);
            }
            btf_dump__free(dumper);
        }
        text
    });
    while text.last() == Some(&b'\n') {
        text.pop();
    }
    Answer::Bytes(text)
}

fn deduplicate(input: Input) -> Answer {
    let btf = read(&input);
    // SAFETY: no options is what a null pointer means; the data belongs to the BTF, which stays.
    measured(|| unsafe { assert_eq!(btf__dedup(btf, ptr::null()), 0) });
    let mut size = 0;
    // SAFETY: as above.
    let bytes = unsafe {
        let data = btf__raw_data(btf, &mut size);
        assert!(!data.is_null());
        std::slice::from_raw_parts(data.cast::<u8>(), size as usize)
    };
    Answer::Bytes(bytes.to_vec())
}
