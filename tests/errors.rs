//! An error's text is whole, and said once: whoever prints a chain of errors (anyhow's `{:#}`, for one) meets no part again.

use std::error::Error;

use purebpf::Object;
use purebpf::btf::Btf;
use purebpf::elf_loader::load::{DryKernel, FailNth, Options, prepare};

/// The error and what it says is behind it, as a chain is printed.
fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut behind = error.source();
    while let Some(error) = behind {
        texts.push(error.to_string());
        behind = error.source();
    }
    texts
}

#[track_caller]
fn assert_said_once(error: &(dyn Error + 'static), words: &[&str]) {
    let texts = chain(error);
    for word in words {
        let times = texts.iter().filter(|text| text.contains(word)).count();
        assert_eq!(times, 1, "'{word}' in {texts:?}");
    }
}

#[test]
fn a_file_that_is_not_there() {
    let error = Object::open("/nonexistent/a.bpf.o").expect_err("it is not there");
    assert_said_once(&error, &["/nonexistent/a.bpf.o", "No such file"]);
    let error = purebpf::kernel::btf_file("/nonexistent/vmlinux".as_ref()).expect_err("it is not there");
    assert_said_once(&error, &["/nonexistent/vmlinux", "No such file"]);
    let error = purebpf::sys::mapping::FileBytes::open("/nonexistent/x".as_ref()).expect_err("it is not there");
    assert_said_once(&error, &["/nonexistent/x", "No such file"]);
}

#[test]
fn a_damaged_object() {
    let whole = include_bytes!("programs/maps.bpf.o");
    let error = Object::open_bytes(&whole[..40], "cut.bpf.o").expect_err("it is cut");
    assert_said_once(&error, &["cut.bpf.o", "malformed ELF file"]);
    let error = Btf::parse(vec![0; 64]).expect_err("it is none");
    assert_said_once(&error, &["not BTF"]);
}

/// What the kernel refuses, whichever call it is.
#[test]
fn a_kernel_that_refuses() {
    const EINVAL: i32 = 22;
    let object = purebpf::elf_loader::object::Object::open(include_bytes!("programs/maps.bpf.o"), "maps").unwrap();
    let mut refusals = 0;
    for call in 0..100 {
        let kernel = FailNth::new(DryKernel::new(None), call, EINVAL);
        match prepare(&object, kernel.for_good(), Options::default()).and_then(|prepared| prepared.load(&object)) {
            Ok(_) => break,
            Err(error) => assert_said_once(&error, &["EINVAL"]),
        }
        refusals += 1;
    }
    assert!(refusals > 2, "maps and a program were refused: {refusals}");
}

/// A target that is nowhere: of files, and of the kernel.
#[test]
fn nowhere_to_attach() {
    use purebpf::attach::symbols::elf::function_offset;
    let error = function_offset("/nonexistent/binary".as_ref(), "main", None).expect_err("there is no such file");
    assert_said_once(&error, &["/nonexistent/binary", "No such file"]);
}
