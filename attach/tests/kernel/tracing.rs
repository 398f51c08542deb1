//! Programs that are loaded for a target of the kernel's BTF.

use crate::leaks::Watch;
use crate::support::{Adds, Counting, For, fires, getppid, in_matrix, is_since, kernel, since, skipped};
use purebpf_attach::{
    Link, TracingOptions, attach_tracing, auto_attach,
    section::SectionName,
    symbols::kernel::{for_each_kallsyms, for_each_traceable},
};
use purebpf_btf::{Btf, KernelBtf, Kind, Owner};
use purebpf_sys::{mapping::FileBytes, uapi::AttachType};
use std::{collections::HashMap, fs::File, io::Read, ops::ControlFlow, os::fd::AsFd, path::Path, sync::Arc};

fn kernel_btf() -> Option<KernelBtf> {
    match FileBytes::open(Path::new("/sys/kernel/btf/vmlinux")) {
        Ok(bytes) => Some(KernelBtf::new(Btf::parse(Owner::shared(Arc::new(bytes))).unwrap())),
        Err(error) => {
            skipped(error);
            None
        }
    }
}

/// A program for what `section` says; `None` where this machine's policy forbids it, which no kernel of the matrix does.
fn load(section: &SectionName<'_>, adds: Adds, kernel: &KernelBtf) -> Option<Counting> {
    let load = section.load_attributes().unwrap();
    let found = load.attach_btf.unwrap().find(kernel).unwrap();
    assert!(found.module.is_none());
    let attach_type = load.expected_attach_type.unwrap();
    let target = For { attach_type, attach_btf_id: found.type_id.0 };
    match Counting::load_for(load.prog_type, target, adds, 0) {
        Ok(counting) => Some(counting),
        Err(error) if error.is_permission() && !in_matrix() => {
            skipped(error);
            None
        }
        Err(error) => panic!("{}: {error}", section.name),
    }
}

/// Loaded and attached by its section.
fn attached(name: &str, adds: Adds) -> Option<(Counting, Link)> {
    let kernel = kernel_btf()?;
    let section = SectionName::parse(name).unwrap();
    let counting = load(&section, adds, &kernel)?;
    let attach_type = section.def.expected_attach_type.unwrap();
    let link = auto_attach(counting.prog.as_fd(), &section, attach_type).unwrap().unwrap();
    Some((counting, link))
}

#[test]
fn fentry_and_fexit_fire() {
    let Some(_kernel) = kernel() else { return };
    for name in ["fentry/vfs_read", "fexit/vfs_read"] {
        let Some((counting, link)) = attached(name, Adds::OneOnThisThread) else { return };
        let zeroes = File::open("/dev/zero").unwrap();
        fires(link, &counting, 1, || (&zeroes).read_exact(&mut [0]).unwrap());
    }
}

#[test]
fn fmod_ret_fires() {
    let Some(_kernel) = kernel() else { return };
    let Some((counting, link)) = attached("fmod_ret/security_file_open", Adds::OneOnThisThread) else { return };
    fires(link, &counting, 1, || drop(File::open("/proc/self/status").unwrap()));
}

#[test]
fn tp_btf_fires() {
    let Some(_kernel) = kernel() else { return };
    let Some((counting, link)) = attached("tp_btf/sys_enter", Adds::OneOnThisThread) else { return };
    assert!(counting.during(getppid) >= 1);
    drop(link);
    assert_eq!(counting.during(getppid), 0);
}

#[test]
fn lsm_fires() {
    let Some(_kernel) = kernel() else { return };
    let active = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    if !active.split(',').any(|lsm| lsm.trim() == "bpf") {
        assert!(!in_matrix(), "the matrix boots with lsm=...,bpf: {active}");
        return skipped("bpf is not among the active LSMs");
    }
    let Some((counting, link)) = attached("lsm/file_open", Adds::OneOnThisThread) else { return };
    fires(link, &counting, 1, || drop(File::open("/proc/self/status").unwrap()));
}

#[test]
fn fentry_gives_its_cookie() {
    let Some(_kernel) = kernel() else { return };
    let Some(kernel) = kernel_btf() else { return };
    if !since(5, 19) {
        return;
    }
    let section = SectionName::parse("fentry/vfs_read").unwrap();
    let Some(counting) = load(&section, Adds::CookieOnThisThread, &kernel) else { return };
    let options = TracingOptions::default().cookie(1000);
    let link = attach_tracing(counting.prog.as_fd(), AttachType::TRACE_FENTRY, &options).unwrap();
    let zeroes = File::open("/dev/zero").unwrap();
    fires(link, &counting, 1000, || (&zeroes).read_exact(&mut [0]).unwrap());
}

#[test]
fn a_cookie_on_an_older_kernel_is_refused_with_the_version() {
    let Some(_kernel) = kernel() else { return };
    if is_since(5, 19) {
        return skipped("this kernel has cookies for tracing programs");
    }
    let Some(kernel) = kernel_btf() else { return };
    let section = SectionName::parse("fentry/vfs_read").unwrap();
    let Some(counting) = load(&section, Adds::One, &kernel) else { return };
    let options = TracingOptions::default().cookie(1000);
    let error = attach_tracing(counting.prog.as_fd(), AttachType::TRACE_FENTRY, &options).unwrap_err();
    assert!(error.to_string().contains("5.19"), "{error}");
}

#[test]
fn misspelt_targets_name_the_nearest() {
    let _watch = Watch::start();
    let Some(kernel) = kernel_btf() else { return };
    let find = |name| {
        let section = SectionName::parse(name).unwrap();
        section.load_attributes().unwrap().attach_btf.unwrap().find(&kernel).unwrap_err().to_string()
    };
    assert!(find("fentry/vfs_raed").contains("vfs_read"));
    assert!(find("tp_btf/sched_swich").contains("sched_switch"));
    assert!(find("fentry/nonesuch:vfs_read").contains("no module nonesuch"));
    // libbpf takes the beginning of a module's name for the whole.
    assert!(find("fentry/vml:vfs_read").contains("no module vml"));
}

/// Functions that the kernel has once each, that BTF describes, and that ftrace cannot stop at.
///
/// `None` where ftrace does not tell: some machines let nobody read its list.
fn without_a_place(kernel: &KernelBtf) -> Option<Vec<String>> {
    let mut times: HashMap<Vec<u8>, u32> = HashMap::new();
    for_each_kallsyms(|symbol| {
        if symbol.is_function() {
            *times.entry(symbol.name.to_vec()).or_default() += 1;
        }
        ControlFlow::Continue(())
    })
    .unwrap();
    let listed = for_each_traceable(|name, _| {
        times.remove(name);
        ControlFlow::Continue(())
    });
    if let Err(error) = listed {
        assert!(!in_matrix(), "{error}");
        skipped(error);
        return None;
    }
    let described = kernel.vmlinux().types().filter(|t| t.kind() == Kind::Func);
    let alone = described.filter(|t| times.get(t.name_bytes()) == Some(&1));
    Some(alone.filter_map(|t| t.name().map(str::to_owned)).collect())
}

/// Patching them finds other bytes than those that a compiler leaves for it, which the kernel calls EBUSY.
#[test]
fn a_function_that_is_not_traceable_says_why() {
    let Some(_kernel) = kernel() else { return };
    let Some(btf) = kernel_btf() else { return };
    let Some(names) = without_a_place(&btf) else { return };
    let mut refused = 0;
    for name in names {
        let name = format!("fentry/{name}");
        let section = SectionName::parse(&name).unwrap();
        let attributes = section.load_attributes().unwrap();
        let attach_type = attributes.expected_attach_type.unwrap();
        let attach_btf_id = attributes.attach_btf.unwrap().find(&btf).unwrap().type_id.0;
        let target = For { attach_type, attach_btf_id };
        let counting = match Counting::load_for(attributes.prog_type, target, Adds::OneOnThisThread, 0) {
            Ok(counting) => counting,
            Err(error) if error.is_permission() && !in_matrix() => return skipped(error),
            // Some the verifier knows by name, or cannot take the arguments of.
            Err(_) => continue,
        };
        let error = auto_attach(counting.prog.as_fd(), &section, attach_type).unwrap_err();
        assert!(error.to_string().contains("not in available_filter_functions"), "{error}");
        refused += 1;
        if refused == 3 {
            return;
        }
    }
    panic!("{refused} functions could be tried");
}
