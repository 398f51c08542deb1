//! What kernels get that lack something: an object's BTF byte for byte as libbpf's `bpf_object__sanitize_btf` gives it (see
//! `common`), and maps and programs without what they do not know.

mod common;

use std::fmt::Write;

use common::{libbpf, objects, open, sum};
use purebpf_btf::{Btf, Kind};
use purebpf_elf_loader::load::{Call, DryKernel, Options, prepare};
use purebpf_elf_loader::object::Object;
use purebpf_sys::insn::Insn;
use purebpf_sys::probes::Feature;
use purebpf_sys::uapi::{self, AttachType};

/// One at a time, and all of them, BTF itself apart.
fn lacking() -> Vec<(String, Vec<Feature>)> {
    let single = [
        Feature::BtfFunc,
        Feature::BtfDatasec,
        Feature::BtfGlobalFunc,
        Feature::BtfFloat,
        Feature::BtfDeclTag,
        Feature::BtfTypeTag,
        Feature::BtfEnum64,
        Feature::BtfQmarkDatasec,
        Feature::BtfLayout,
    ];
    let mut lacking = vec![("none".to_owned(), Vec::new())];
    lacking.extend(single.map(|feature| (format!("{feature:?}"), vec![feature])));
    lacking.push(("all".to_owned(), Feature::all().filter(|feature| *feature != Feature::Btf).collect()));
    lacking
}

/// The BTF that a kernel would get.
fn loaded_btf(object: &Object, kernel: DryKernel) -> Option<Vec<u8>> {
    let mut object = object.clone();
    object.programs.iter_mut().for_each(|program| program.autoload = false);
    // These ask for the kernel's types, and its BTF is the same without.
    object.maps.iter_mut().filter(|map| map.struct_ops.is_some()).for_each(|map| map.autocreate = false);
    prepare(&object, kernel.clone(), Options::default()).unwrap();
    kernel.calls().into_iter().find_map(|call| match call {
        Call::BtfLoad { bytes, .. } => Some(bytes),
        _ => None,
    })
}

#[test]
fn types_are_trimmed_as_libbpf_does() {
    for (name, _) in objects() {
        let object = open(&name);
        let mut ours = String::new();
        for (feature, lacking) in lacking() {
            let bytes = loaded_btf(&object, DryKernel::new(None).without(lacking)).unwrap();
            writeln!(ours, "btf without {feature} bytes {} sha256 {}", bytes.len(), sum(&bytes)).unwrap();
        }
        assert_eq!(ours, libbpf(&name, &["btf"]), "{name}");
    }
}

/// The sums above would not say what went wrong, nor that the object has what is to be replaced.
#[test]
fn each_kind_that_is_lacking_is_gone() {
    let object = open("many_types");
    let kinds = |lacking: &[Feature]| {
        let bytes = loaded_btf(&object, DryKernel::new(None).without(lacking.iter().copied())).unwrap();
        let btf = Btf::parse(bytes).unwrap();
        Kind::ALL.into_iter().filter(|kind| btf.own_types().any(|t| t.kind() == *kind)).collect::<Vec<_>>()
    };
    for (feature, replaced) in [
        (Feature::BtfFunc, &[Kind::Func, Kind::FuncProto][..]),
        (Feature::BtfDatasec, &[Kind::Var, Kind::Datasec]),
        (Feature::BtfFloat, &[Kind::Float]),
        (Feature::BtfDeclTag, &[Kind::DeclTag]),
        (Feature::BtfTypeTag, &[Kind::TypeTag]),
        (Feature::BtfEnum64, &[Kind::Enum64]),
    ] {
        for kind in replaced {
            assert!(kinds(&[]).contains(kind), "{kind:?}");
            assert!(!kinds(&[feature]).contains(kind), "{kind:?}");
        }
    }
}

/// What compilers leave open, and the kernel wants to know: libbpf's bpf_object_fixup_btf and collect_externs.
#[test]
fn sections_are_completed() {
    let object = open("many_maps");
    let btf = Btf::parse(loaded_btf(&object, DryKernel::new(None)).unwrap()).unwrap();
    let section = |name: &str| {
        let id = btf.find(name, Kind::Datasec).unwrap();
        let purebpf_btf::TypeData::Datasec(datasec) = btf.type_by_id(id).unwrap().data() else { panic!("{name}") };
        let vars: Vec<_> =
            datasec.vars().map(|v| (v.variable().name().unwrap().to_owned(), v.offset, v.size)).collect();
        (datasec.size, vars)
    };
    assert_eq!(section(".bss.zeros"), (4000, vec![("zeros".to_owned(), 0, 4000)]));
    let (size, vars) = section(".kconfig");
    assert_eq!(size, 37);
    assert_eq!(vars[0], ("CONFIG_HZ".to_owned(), 0, 8));
    assert_eq!(vars[4], ("CONFIG_LOCALVERSION".to_owned(), 17, 20));
    // Functions of the kernel have a stand-in of 4 bytes each.
    let (size, vars) = section(".ksyms");
    assert_eq!(size, 7 * 4);
    assert_eq!(vars.iter().filter(|(name, _, size)| name == "dummy_ksym" && *size == 4).count(), 3);
}

#[test]
fn a_kernel_without_btf_gets_none() {
    let kernel = DryKernel::new(None).without([Feature::Btf]);
    let object = open("subprograms");
    let loaded = prepare(&object, kernel.clone(), Options::default()).unwrap().load(&object).unwrap();
    assert!(loaded.btf.is_none());
    for call in kernel.calls() {
        match call {
            Call::BtfLoad { .. } => panic!("{call:?}"),
            Call::MapCreate { types, .. } => assert_eq!(types, None),
            Call::ProgLoad { infos, .. } => assert_eq!(infos, None),
            _ => {}
        }
    }
}

/// A program's `infos` and instructions on a kernel that lacks `feature`.
fn program_on(object: &Object, feature: Option<Feature>) -> (String, Option<(usize, usize)>, Vec<Insn>) {
    let kernel = DryKernel::new(None).without(feature);
    drop(prepare(object, kernel.clone(), Options::default()).unwrap().load(object).unwrap());
    let program = kernel.calls().into_iter().find_map(|call| match call {
        Call::ProgLoad { name, infos, insns, .. } => Some((name, infos, insns)),
        _ => None,
    });
    program.unwrap()
}

#[test]
fn programs_go_without_what_the_kernel_does_not_know() {
    let object = open("subprograms");
    let (name, infos, insns) = program_on(&object, None);
    assert_eq!(name, "first");
    // `tests/data/subprograms.txt`: 4 functions, 18 lines; records of 8 and 16 bytes.
    assert_eq!(infos, Some((4 * 8, 18 * 16)));
    // libbpf gives neither BTF nor infos without FEAT_BTF_FUNC, and no name without FEAT_PROG_NAME.
    assert_eq!(program_on(&object, Some(Feature::BtfFunc)), (name, None, insns.clone()));
    assert_eq!(program_on(&object, Some(Feature::ProgName)), (String::new(), infos, insns));
}

#[test]
fn names_and_mappings_of_maps_are_left_out() {
    let maps = |feature: Feature| {
        let object = open("subprograms");
        let kernel = DryKernel::new(None).without([feature]);
        drop(prepare(&object, kernel.clone(), Options::default()).unwrap());
        let created = kernel.calls().into_iter().filter_map(|call| match call {
            Call::MapCreate { name, map_flags, .. } => Some((name, map_flags)),
            _ => None,
        });
        created.collect::<Vec<_>>()
    };
    let (rodata, bss) = ("subprogr.rodata".to_owned(), "subprogr.bss".to_owned());
    assert_eq!(
        maps(Feature::BtfFloat),
        [(rodata.clone(), uapi::BPF_F_RDONLY_PROG | uapi::BPF_F_MMAPABLE), (bss.clone(), uapi::BPF_F_MMAPABLE)]
    );
    assert_eq!(maps(Feature::ArrayMmap), [(rodata, uapi::BPF_F_RDONLY_PROG), (bss, 0)]);
    assert!(maps(Feature::ProgName).iter().all(|(name, _)| name.is_empty()));
    // Where instructions cannot refer to data, libbpf creates no maps for it (bpf_object__create_maps).
    assert_eq!(maps(Feature::GlobalData), []);
}

/// libbpf's SEC_EXP_ATTACH_OPT: an attach type that old kernels do not know is left out there, others are kept.
#[test]
fn an_optional_attach_type_is_left_out() {
    let mut object = open("subprograms");
    let expected = |object: &Object, lacking: Option<Feature>| {
        let kernel = DryKernel::new(None).without(lacking);
        drop(prepare(object, kernel.clone(), Options::default()).unwrap().load(object).unwrap());
        kernel.calls().into_iter().find_map(|call| match call {
            Call::ProgLoad { expected_attach_type, .. } => Some(expected_attach_type),
            _ => None,
        })
    };
    for program in &mut object.programs {
        program.expected_attach_type = Some(AttachType::CGROUP_INET_EGRESS);
    }
    assert_eq!(expected(&object, Some(Feature::ExpAttachType)), Some(Some(AttachType::CGROUP_INET_EGRESS)));
    for program in &mut object.programs {
        program.attach_type_optional = true;
    }
    assert_eq!(expected(&object, None), Some(Some(AttachType::CGROUP_INET_EGRESS)));
    assert_eq!(expected(&object, Some(Feature::ExpAttachType)), Some(None));
}

/// libbpf's bpf_object__sanitize_prog: helpers 112 to 115 become 4 and 45.
#[test]
fn reads_of_kernel_memory_are_replaced_on_old_kernels() {
    let mut object = open("subprograms");
    let call = |helper: i32, regs: u8| Insn { code: 0x85, regs, off: 0, imm: helper };
    let mut insns: Vec<Insn> = [112, 113, 114, 115, 6].map(|helper| call(helper, 0)).to_vec();
    // A call of instruction 113 from here, and no helper's.
    insns.push(call(113, 0x10));
    let first = object.program("first").unwrap();
    let function = object.programs[first.0].function.0;
    object.functions[function].insns = insns.clone();
    object.functions[function].references.clear();
    assert_eq!(program_on(&object, None).2, insns);
    let replaced: Vec<i32> =
        program_on(&object, Some(Feature::ProbeReadKernel)).2.iter().map(|insn| insn.imm).collect();
    assert_eq!(replaced, [4, 4, 45, 45, 6, 113]);
}
