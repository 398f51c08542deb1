//! Programs that are refused: when the verifier's log is asked for, how far it may grow, and what is told of it.
//!
//! The logs are what Linux 6.18 wrote, shortened.

mod common;

use std::sync::{Arc, Mutex};

use common::{KERNELS, kernel, open};
use purebpf_core_reloc::POISON;
use purebpf_elf_loader::Error;
use purebpf_elf_loader::link::{KsymsPresent, Linker};
use purebpf_elf_loader::load::{
    DryHandle, DryKernel, FailNth, Kernel as _, Layer, Log, Options, ProgSpec, Rejection, prepare,
};
use purebpf_elf_loader::object::Object;
use purebpf_sys::Error as SysError;
use purebpf_sys::error::Errno;
use purebpf_sys::uapi::Cmd;

const EPERM: i32 = 1;
const EACCES: i32 = 13;
const EINVAL: i32 = 22;
const ENOSPC: i32 = 28;

/// A kernel that refuses programs, with this log. One before 6.4, where a log that does not fit is ENOSPC.
#[derive(Clone, Debug)]
struct Refusing {
    dry: DryKernel,
    errno: i32,
    log: String,
    /// How often it refuses.
    times: usize,
    /// The level and size of the logs that it was given.
    asked: Arc<Mutex<Vec<(u32, usize)>>>,
}

impl Refusing {
    fn new(errno: i32, log: impl Into<String>) -> Refusing {
        let dry = DryKernel::new(Some(kernel(KERNELS[0])));
        Refusing { dry, errno, log: log.into(), times: usize::MAX, asked: Arc::default() }
    }
}

impl Layer for Refusing {
    type Below = DryKernel;

    fn below(&self) -> &DryKernel {
        &self.dry
    }

    fn prog_load(&self, program: &ProgSpec<'_, DryHandle>, log: &mut Log) -> Result<DryHandle, SysError> {
        self.asked.lock().unwrap().push((log.level, log.buffer.len()));
        if self.asked.lock().unwrap().len() > self.times {
            return self.dry.prog_load(program, log);
        }
        let mut errno = self.errno;
        if log.level > 0 {
            let fits = self.log.len().min(log.buffer.len().saturating_sub(1));
            log.buffer[..fits].copy_from_slice(&self.log.as_bytes()[..fits]);
            if fits < self.log.len() {
                errno = ENOSPC;
            }
        }
        Err(SysError::Bpf { cmd: Cmd::PROG_LOAD, errno: Errno(errno) })
    }
}

fn refused(object: &Object, kernel: &Refusing) -> (Error, Rejection) {
    let error = prepare(object, kernel.clone(), Options::default()).unwrap().load(object).unwrap_err();
    let Error::Rejected { rejection, .. } = &error else { panic!("{error}") };
    let rejection = Rejection::clone(rejection);
    (error, rejection)
}

/// Of `without_null_check` in `tests/programs/rejected.bpf.c`.
const LOG: &str = "\
0: R1=ctx() R10=fp0
; int without_null_check(void *ctx) @ rejected.bpf.c:25
0: (b4) w1 = 0                        ; R1=0
; __u32 key = 0; @ rejected.bpf.c:27
1: (63) *(u32 *)(r10 -4) = r1
2: (bf) r2 = r10                      ; R2=fp0 R10=fp0
3: (07) r2 += -4                      ; R2=fp-4
; __u64 *slot = bpf_map_lookup_elem(&slots, &key); @ rejected.bpf.c:28
4: (18) r1 = 0xffff88817e9a8800       ; R1=map_ptr(map=slots,ks=4,vs=8)
6: (85) call bpf_map_lookup_elem#1    ; R0=map_value_or_null(id=1,map=slots,ks=4,vs=8)
7: (b7) r1 = 7                        ; R1=7
; *slot = 7; @ rejected.bpf.c:30
8: (7b) *(u64 *)(r0 +0) = r1
R0 invalid mem access 'map_value_or_null'
verification time 93 usec
stack depth 8
processed 8 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
";

#[test]
fn the_log_is_asked_for_after_a_refusal_only() {
    let mut object = open("rejected");
    let mut never = Refusing::new(EACCES, LOG);
    never.times = 0;
    prepare(&object, never.clone(), Options::default()).unwrap().load(&object).unwrap();
    assert_eq!(*never.asked.lock().unwrap(), [(0, 0), (0, 0)], "two programs, no log");

    // The one that the log is of.
    object.programs.iter_mut().for_each(|program| program.autoload = program.name == "without_null_check");
    let always = Refusing::new(EACCES, LOG);
    let (error, rejection) = refused(&object, &always);
    assert_eq!(*always.asked.lock().unwrap(), [(0, 0), (1, 256 << 10)]);
    assert_eq!(rejection.log, LOG);
    assert_eq!(rejection.verdict, "R0 invalid mem access 'map_value_or_null'");
    let source = rejection.source_line.unwrap();
    assert_eq!(source.to_string(), "tests/programs/rejected.bpf.c:30: *slot = 7;");
    assert_eq!(error.verifier_log(), Some(LOG));
    let text = error.to_string();
    for part in ["'without_null_check'", "EACCES", "invalid mem access", "*slot = 7;", "8: *(u64 *)(r0 +0) = r1"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(always.dry.live(), 0);
}

#[test]
fn what_passes_the_second_time_is_loaded() {
    let object = open("subprograms");
    let mut once = Refusing::new(EINVAL, LOG);
    once.times = 1;
    let loaded = prepare(&object, once, Options::default()).unwrap().load(&object).unwrap();
    assert!(loaded.programs.iter().all(Option::is_some));
}

#[test]
fn the_log_grows_until_it_fits_and_no_further_than_a_bound() {
    let object = open("subprograms");
    let line = "0: (b7) r0 = 0                       ; R0=0".repeat(100) + "\n";
    let lines = |bytes: usize| line.repeat(bytes / line.len()) + LOG;
    let fits = Refusing::new(EINVAL, lines(3 << 20));
    let (_, rejection) = refused(&object, &fits);
    assert_eq!(*fits.asked.lock().unwrap(), [(0, 0), (1, 256 << 10), (1, 2 << 20), (1, 16 << 20)]);
    assert_eq!(rejection.verdict, "R0 invalid mem access 'map_value_or_null'");

    let endless = Refusing::new(EINVAL, lines(80 << 20));
    let (error, rejection) = refused(&object, &endless);
    // At last for the verdict alone.
    assert_eq!(endless.asked.lock().unwrap()[4..], [(1, 64 << 20), (4, 256 << 10)]);
    // What the kernel said first, not that the log was too long.
    assert!(error.to_string().contains("EINVAL"), "{error:.200}");
    assert!(!rejection.log.is_empty());
}

#[test]
fn a_refusal_without_a_word_says_what_it_takes() {
    let object = open("subprograms");
    let silent = Refusing::new(EPERM, "");
    let (error, _) = refused(&object, &silent);
    assert!(error.to_string().contains("CAP_BPF"), "{error}");
    assert_eq!(silent.asked.lock().unwrap().len(), 2);
}

#[test]
fn the_report_fits_a_screen() {
    let object = open("subprograms");
    let registers = "R1=scalar(smin=0,smax=0xffffffff) ".repeat(200);
    let long = Refusing::new(EINVAL, format!("{registers}\n").repeat(500) + LOG);
    let (error, _) = refused(&object, &long);
    let text = error.to_string();
    assert!(text.lines().count() <= 24, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.contains("517 lines in all"), "{text}");
}

/// The instruction that a log complains of is looked up in the stream.
fn poisoned(insn: usize, number: i64) -> String {
    format!(
        "{insn}: (85) call unknown#{number}\ninvalid func unknown#{number}\nprocessed {insn} insns (limit 1000000)\n"
    )
}

#[test]
fn a_field_that_the_kernel_lacks_is_named() {
    let object = open("missing_field");
    let target = kernel(KERNELS[0]);
    let linked = Linker::new(&object, Some(&target), &KsymsPresent).link(object.program_ids().next().unwrap()).unwrap();
    let at = linked.insns.iter().position(|insn| insn.is_call() && insn.imm == POISON).expect("it is poisoned");
    let (error, rejection) = refused(&object, &Refusing::new(EINVAL, poisoned(at, POISON.into())));
    let cause = rejection.cause.expect("it is known");
    assert!(cause.contains("field_byte_offset") && cause.contains("task_struct___wrong.no_kernel_has_this"), "{cause}");
    // Over several lines.
    let text = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&cause), "{text}");
}

#[test]
fn a_map_that_is_off_is_named() {
    let mut object = open("maps");
    let table = object.map("table").unwrap();
    object.maps[table.0].autocreate = false;
    let number = 2_001_000_000 + table.0 as i64;
    let (_, rejection) = refused(&object, &Refusing::new(EINVAL, poisoned(4, number)));
    let cause = rejection.cause.expect("it is known");
    assert!(cause.contains("'table'") && cause.contains("autocreate"), "{cause}");
}

#[test]
fn a_function_that_the_kernel_lacks_is_named() {
    let object = open("many_maps");
    let place = object.externs.iter().position(|ext| ext.name == "no_such_function").unwrap();
    let mut object = object;
    let first = object.program("use_maps").unwrap();
    object.programs.iter_mut().enumerate().for_each(|(n, program)| program.autoload = n == first.0);
    let mut kernel = Refusing::new(EINVAL, poisoned(4, 2_002_000_000 + place as i64));
    kernel.dry = kernel.dry.with_kallsyms("10 D init_task\n");
    let (_, rejection) = refused(&object, &kernel);
    assert!(rejection.cause.expect("it is known").contains("'no_such_function'"));
}

/// Whichever call is refused for want of privilege says what it takes, once.
#[test]
fn privileges_are_told_once() {
    let object = open("maps");
    let mut refused = 0;
    for call in 0.. {
        let kernel = FailNth::new(DryKernel::new(None), call, EPERM).for_good();
        let Err(error) = prepare(&object, kernel, Options::default()).and_then(|prepared| prepared.load(&object))
        else {
            break;
        };
        let text = error.to_string();
        assert_eq!(text.matches("EPERM").count(), 1, "{text}");
        match error {
            Error::BtfLoad { .. } | Error::MapCreate { .. } | Error::Rejected { .. } => {
                assert_eq!(text.matches("needs CAP_").count(), 1, "{text}");
                refused += 1;
            }
            Error::MapFill { .. } => assert!(text.contains("frozen"), "{text}"),
            _ => panic!("{text}"),
        }
    }
    assert!(refused > 3, "types, maps and programs: {refused}");
}
