//! Linking: instruction streams, as libbpf 1.8 makes them (see `common`).

mod common;

use std::fmt::Write;

use common::{KERNELS, kernel, libbpf, objects, open, sum};
use purebpf_btf::builder::Builder;
use purebpf_btf::{Btf, KernelBtf, Kind, Linkage, ModuleBtf};
use purebpf_elf_loader::Error;
use purebpf_elf_loader::link::{ExternValue, Kallsyms, KsymsPresent, Linked, Linker, StreamValue};
use purebpf_elf_loader::object::{Object, Target};

fn stream_bytes(linked: &Linked) -> Vec<u8> {
    linked.insns.iter().flat_map(|insn| insn.to_bytes(cfg!(target_endian = "big"))).collect()
}

fn link(object: &Object, program: &str, kernel: Option<&KernelBtf>) -> Result<Linked, Error> {
    Linker::new(object, kernel, &KsymsPresent).link(object.program(program).unwrap())
}

#[test]
fn streams_are_those_of_libbpf() {
    let mut ours = vec![String::new(); objects().len()];
    for version in KERNELS {
        let kernel = kernel(version);
        for (n, (name, _)) in objects().iter().enumerate() {
            let object = open(name);
            let mut linker = Linker::new(&object, Some(&kernel), &KsymsPresent);
            // libbpf ran on a kernel that has arenas' variables at their start.
            linker.place_arena_variables(false, 4096);
            for (id, program) in object.program_ids().zip(&object.programs) {
                let linked = linker.link(id).unwrap_or_else(|err| panic!("{name}: {err}"));
                let (func, line) = (linked.func_info.count(), linked.line_info.count());
                writeln!(
                    ours[n],
                    "stream {version} {} insns {} func_info {func} line_info {line} sha256 {}",
                    program.name,
                    linked.insns.len(),
                    sum(stream_bytes(&linked))
                )
                .unwrap();
            }
        }
    }
    for ((name, _), ours) in objects().iter().zip(ours) {
        assert_eq!(ours, libbpf(name, &["stream"]), "{name}");
    }
}

/// libbpf's `bpf_object__relocate`: on kernels from 7.0 variables end where the arena does, but for what is left of a page.
#[test]
fn variables_lie_at_the_end_of_their_arena() {
    let object = open("arena");
    let mut linker = Linker::new(&object, None, &KsymsPresent);
    let add = object.program("add").unwrap();
    let places = |linker: &Linker<'_>| {
        let linked = linker.link(add).unwrap();
        let arena = object.map("arena").unwrap();
        let of_arena = linked.references.iter().filter(|reference| reference.value == StreamValue::MapValue(arena));
        of_arena.map(|reference| linked.insns[reference.insn + 1].imm).collect::<Vec<_>>()
    };
    assert_eq!(places(&linker), [15 * 4096, 15 * 4096 + 8]);
    linker.place_arena_variables(true, 65536);
    assert_eq!(places(&linker), [15 * 65536, 15 * 65536 + 8]);
    linker.place_arena_variables(false, 4096);
    assert_eq!(places(&linker), [0, 8]);
}

/// Places count from the start of the stream, those in the file from that of the section.
#[test]
fn a_jump_table_leads_into_its_own_function() {
    let object = open("jump_table");
    for program in ["even_or_odd", "odd_or_even"] {
        let linked = link(&object, program, None).unwrap();
        assert_eq!(linked.jump_tables, [[8, 10]], "{program}");
        assert_eq!(linked.references.len(), 1);
        assert_eq!(linked.references[0].value, StreamValue::JumpTable(0));
        assert_eq!((linked.insns[3].src(), linked.insns[3].imm, linked.insns[4].imm), (2, 0, 0));
    }
}

/// The order is libbpf's `bpf_object__reloc_code`: depth first, in the order of the first references.
#[test]
fn subprograms_follow_in_the_order_of_their_first_call() {
    let object = open("functions");
    let order = |program: &str| -> Vec<String> {
        let linked = link(&object, program, None).unwrap();
        let mut place = 0;
        for (function, begin) in &linked.functions {
            assert_eq!(*begin, place, "functions lie end to end");
            place += object.functions[function.0].insns.len();
        }
        assert_eq!(linked.insns.len(), place);
        linked.functions.iter().map(|(id, _)| object.functions[id.0].name.clone()).collect()
    };
    assert_eq!(order("first"), ["first", "add_one", "second_level", "third", "verified_alone"]);
    assert_eq!(order("second"), ["second", "shared", "second_level", "third", "scale", "loop_body"]);
    assert_eq!(order("last"), ["last", "scale", "verified_alone"]);
    assert_eq!(order("alone"), ["alone"]);
}

#[test]
fn references_are_listed_in_the_order_of_the_stream() {
    let object = open("many_maps");
    let linked = link(&object, "use_externs", Some(&kernel(KERNELS[0]))).unwrap();
    let what: Vec<String> = linked
        .references
        .iter()
        .map(|reference| match reference.value {
            StreamValue::Map(id) => format!("map {}", object.maps[id.0].name),
            StreamValue::MapValue(id) => format!("value {}", object.maps[id.0].name),
            StreamValue::BtfId { ext, module: None, .. } => format!("btf {}", object.externs[ext.0].name),
            StreamValue::Kfunc { ext, module: None, .. } => format!("kfunc {}", object.externs[ext.0].name),
            StreamValue::Ksym { ext, address: 0 } => format!("ksym {}", object.externs[ext.0].name),
            other => panic!("{other:?}"),
        })
        .collect();
    // What is weak and missing needs no filling in: no_such_function, no_such_variable. KsymsPresent has every symbol.
    for name in
        ["value many_ma.kconfig", "ksym init_task", "ksym no_such_symbol", "btf runqueues", "kfunc bpf_task_release"]
    {
        assert!(what.iter().any(|w| w == name), "{name}: {what:?}");
    }
    assert!(!what.iter().any(|w| w.contains("no_such_function") || w.contains("no_such_variable")), "{what:?}");
    assert!(linked.references.is_sorted_by(|a, b| a.insn < b.insn));
}

#[test]
fn kallsyms_gives_addresses() {
    let object = open("many_maps");
    let kernel = kernel(KERNELS[0]);
    let value = |text: &str, name: &str| {
        let ksyms = Kallsyms::parse(text.as_bytes(), &object);
        let linker = Linker::new(&object, Some(&kernel), &ksyms);
        let place = object.externs.iter().position(|ext| ext.name == name).unwrap();
        linker.externs()[place].clone()
    };
    let text = "ffffffff82a0f8c0 D init_task\nffffffff00000010 t other\nffffffff00000020 d no_such_symbol.llvm.123\n";
    assert_eq!(value(text, "init_task").unwrap(), ExternValue::Address(0xffff_ffff_82a0_f8c0));
    // libbpf's kallsyms_cb: link-time optimisation's suffix does not count, of data only.
    assert_eq!(value(text, "no_such_symbol").unwrap(), ExternValue::Address(0xffff_ffff_0000_0020));
    assert_eq!(value("10 t no_such_symbol.llvm.1\n", "no_such_symbol").unwrap(), ExternValue::Missing);
    let missing = value("", "init_task").unwrap_err().to_string();
    assert!(missing.contains("'init_task'"), "{missing}");
    // Twice the same is once; two addresses are refused, of weak ones too.
    assert_eq!(value("10 D init_task\n10 D init_task\n", "init_task").unwrap(), ExternValue::Address(0x10));
    let ambiguous = value("10 D no_such_symbol\n20 d no_such_symbol\n", "no_such_symbol").unwrap_err().to_string();
    assert!(ambiguous.contains("0x10") && ambiguous.contains("0x20"), "{ambiguous}");
}

/// A kernel of which module `first` has `bpf_task_from_pid`, module `second` `bpf_task_release`, taken out of vmlinux.
fn kernel_with_modules(object: &Object) -> KernelBtf {
    let local = object.btf.as_ref().unwrap();
    let mut base = Builder::copy_of(local);
    let all = Btf::parse(base.finish()).unwrap();
    // Names of the same length, so that nothing moves.
    for name in ["bpf_task_from_pid", "bpf_task_release"] {
        let id = all.find(name, Kind::Func).unwrap();
        base.map_string(all.type_by_id(id).unwrap().name_offset(), |_| b'x');
    }
    let vmlinux = Btf::parse(base.finish()).unwrap();
    let module = |name: &str| {
        let proto = all.find(name, Kind::Func).and_then(|id| all.type_by_id(id).ok()).map(|t| t.data());
        let Some(purebpf_btf::TypeData::Func(func)) = proto else { panic!("{name} is declared") };
        let mut split = Builder::split(&vmlinux);
        split.add_func(name, Linkage::GLOBAL, func.proto).unwrap();
        split.finish()
    };
    let (first, second) = (module("bpf_task_from_pid"), module("bpf_task_release"));
    let unrelated = Builder::split(&vmlinux).finish();
    KernelBtf::new(vmlinux).with_modules(vec![
        ModuleBtf::new("unrelated", None, unrelated),
        ModuleBtf::new("second", None, second),
        ModuleBtf::new("first", None, first),
    ])
}

/// libbpf's bpf_object__resolve_ksym_func_btf_id: a module gets the next place of the descriptor array when the first
/// extern is found in it, and place 0 is vmlinux's.
#[test]
fn functions_of_modules_have_places_in_the_order_of_the_externs() {
    let object = open("many_maps");
    let kernel = kernel_with_modules(&object);
    let linker = Linker::new(&object, Some(&kernel), &KsymsPresent);
    assert_eq!(linker.kfunc_modules(), [2, 1]);
    let linked = linker.link(object.program("use_externs").unwrap()).unwrap();
    let calls: Vec<_> = linked
        .references
        .iter()
        .filter_map(|reference| match reference.value {
            StreamValue::Kfunc { ext, module: Some(module), .. } => {
                let name = object.externs[ext.0].name.as_str();
                Some((name, kernel.modules()[module].name(), linked.insns[reference.insn].off))
            }
            _ => None,
        })
        .collect();
    assert_eq!(calls, [("bpf_task_from_pid", "first", 1), ("bpf_task_release", "second", 2)]);
}

#[test]
fn without_a_kernel_only_what_needs_one_fails() {
    let object = open("core");
    let error = Linker::new(&object, None, &KsymsPresent).link(object.program_ids().next().unwrap()).unwrap_err();
    assert!(matches!(error, Error::NoKernelBtf { .. }), "{error}");
    link(&open("subprograms"), "first", None).unwrap();
    let object = open("many_maps");
    link(&object, "use_maps", None).unwrap();
    let error = link(&object, "use_externs", None).unwrap_err().to_string();
    assert!(error.contains("runqueues"), "{error}");
}

#[test]
fn what_is_broken_spoils_only_the_programs_that_have_it() {
    let mut object = open("subprograms");
    let leaf = object.functions.iter_mut().find(|f| f.name == "middle").unwrap();
    leaf.references[0].target = Target::Broken("leads nowhere".into());
    let error = link(&object, "first", None).unwrap_err();
    assert!(
        matches!(&error, Error::BadReference { program, function, .. } if program == "first" && function == "middle")
    );
    assert!(error.to_string().contains("leads nowhere"), "{error}");
    link(&object, "second", None).unwrap();
}

#[test]
fn an_exception_callback_comes_last() {
    let mut object = open("functions");
    let callback = object.functions.iter().position(|f| f.name == "verified_alone").unwrap();
    let alone = object.program("alone").unwrap();
    let callback = purebpf_elf_loader::object::FunctionId(callback);
    object.programs[alone.0].exception_callback = Some(Target::Call(callback));
    let linked = link(&object, "alone", None).unwrap();
    assert_eq!(linked.functions.iter().map(|(id, _)| *id).collect::<Vec<_>>().last(), Some(&callback));
    assert_eq!(linked.func_info.count(), 2);
    // One that is called already is there already.
    let last = object.program("last").unwrap();
    object.programs[last.0].exception_callback = Some(Target::Call(callback));
    assert_eq!(link(&object, "last", None).unwrap().functions.len(), 3);
}

#[test]
fn ids_of_another_object_are_refused() {
    let object = open("subprograms");
    let error = Linker::new(&object, None, &KsymsPresent).link(purebpf_elf_loader::object::ProgramId(99)).unwrap_err();
    assert!(matches!(error, Error::NoSuch { what: "program", index: 99 }), "{error}");
}
