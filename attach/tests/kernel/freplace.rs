//! A program in place of another program's function.

use crate::support::{in_matrix, kernel, skipped};
use purebpf_attach::{attach_freplace, auto_attach, section::SectionName};
use purebpf_btf::{Btf, IntEncoding, Linkage, builder::Builder};
use purebpf_sys::{
    Insn,
    btf::BtfLoad,
    info::LinkKind,
    prog::{ProgLoad, TestRun},
    uapi::{AttachType, ProgType},
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// BTF of the functions `main_prog` (whose argument is XDP's context) and `verdict`, both `int`.
fn btf() -> Vec<u8> {
    let mut btf = Builder::new();
    let int = btf.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    let context = btf.add_struct("xdp_md", 4).unwrap();
    btf.add_member("data", int, 0).unwrap();
    let pointer = btf.add_reference(purebpf_btf::Kind::Ptr, context).unwrap();
    let main = btf.add_func_proto(int).unwrap();
    btf.add_param("ctx", pointer).unwrap();
    btf.add_func("main_prog", Linkage::GLOBAL, main).unwrap();
    let verdict = btf.add_func_proto(int).unwrap();
    btf.add_param("ctx", pointer).unwrap();
    btf.add_func("verdict", Linkage::GLOBAL, verdict).unwrap();
    btf.finish()
}

/// `struct bpf_func_info`: the instruction a function begins at, and its type.
fn func_info(functions: &[(u32, u32)]) -> Vec<u8> {
    functions.iter().flat_map(|(insn, id)| [insn.to_ne_bytes(), id.to_ne_bytes()].concat()).collect()
}

fn run(prog: BorrowedFd<'_>) -> u32 {
    TestRun::new().data_in(&[0; 64]).run(prog).unwrap().retval
}

#[test]
fn freplace_takes_the_functions_place() {
    let Some(_kernel) = kernel() else { return };
    let raw = btf();
    let parsed = Btf::parse(raw.clone()).unwrap();
    let id = |name| parsed.find(name, purebpf_btf::Kind::Func).unwrap().0;
    let btf_fd: OwnedFd = BtfLoad::new(&raw).load().unwrap();

    // main_prog returns what verdict returns, which is 1.
    let insns = [Insn::call_subprog(1), Insn::exit(), Insn::mov64_imm(0, 1), Insn::exit()];
    let info = func_info(&[(0, id("main_prog")), (2, id("verdict"))]);
    let load_target =
        || ProgLoad::new(ProgType::XDP, &insns, c"GPL").btf(btf_fd.as_fd()).func_info(&info, 8).load().unwrap();
    let target = load_target();
    assert_eq!(run(target.as_fd()), 1);

    let section = SectionName::parse("freplace/verdict").unwrap();
    let load = section.load_attributes().unwrap();
    let place = load.attach_btf.unwrap();
    assert!(place.in_program);
    let place = place.find_in_program(&parsed).unwrap();
    let replacement = [Insn::mov64_imm(0, 2), Insn::exit()];
    let replacement_info = func_info(&[(0, id("verdict"))]);
    let extension = ProgLoad::new(load.prog_type, &replacement, c"GPL")
        .btf(btf_fd.as_fd())
        .func_info(&replacement_info, 8)
        .attach_prog(target.as_fd())
        .attach_btf_id(place.0)
        .load();
    let extension = match extension {
        Ok(extension) => extension,
        Err(error) if error.is_permission() && !in_matrix() => return skipped(error),
        Err(error) => panic!("{error}"),
    };
    let link = auto_attach(extension.as_fd(), &section, AttachType(0)).unwrap().unwrap();
    assert!(matches!(link.info().unwrap().kind, LinkKind::Tracing { .. }));
    assert_eq!(run(target.as_fd()), 2);
    drop(link);
    assert_eq!(run(target.as_fd()), 1);

    // Another program with a function of the same prototype.
    let other = load_target();
    let link = attach_freplace(extension.as_fd(), other.as_fd(), place).unwrap();
    assert_eq!((run(target.as_fd()), run(other.as_fd())), (1, 2));
    let error = attach_freplace(extension.as_fd(), other.as_fd(), place).unwrap_err();
    assert_eq!(error.errno(), libc::EBUSY, "{error}");
    drop(link);
    assert_eq!(run(other.as_fd()), 1);
}
