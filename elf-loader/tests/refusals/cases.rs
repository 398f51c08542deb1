//! What is refused, one program of `tests/programs/refusals.bpf.c` at a time; shared by the test that asks the running kernel
//! and the one that reads what each kernel of the matrix said.

use std::sync::{Arc, Mutex};

use purebpf_btf::builder::Builder;
use purebpf_btf::{Btf, Kind};
use purebpf_elf_loader::Error;
use purebpf_elf_loader::load::{Kernel, Layer, Log, Options, ProgSpec, prepare};
use purebpf_elf_loader::object::{AttachBtf, Object};
use purebpf_sys::Error as SysError;
use purebpf_sys::error::Errno;
use purebpf_sys::insn::{Insn, op};
use purebpf_sys::uapi::{AttachType, Cmd, ProgType};

const OBJECT: &[u8] = include_bytes!("../../../tests/programs/refusals.bpf.o");

/// A program, and how it is loaded.
pub(crate) struct Case {
    /// The name of the files.
    pub(crate) name: &'static str,
    /// The program's name.
    program: &'static str,
    prog_type: ProgType,
    attach_type: Option<AttachType>,
    /// What else is to be set.
    change: fn(&mut Object),
    /// How long a log may be that the kernel writes.
    pub(crate) log_size: usize,
}

const fn case(name: &'static str, prog_type: ProgType) -> Case {
    Case { name, program: name, prog_type, attach_type: None, change: |_| {}, log_size: usize::MAX }
}

/// All of them.
pub(crate) const CASES: &[Case] = &[
    case("null_value", ProgType::RAW_TRACEPOINT),
    case("out_of_bounds", ProgType::RAW_TRACEPOINT),
    case("endless_loop", ProgType::RAW_TRACEPOINT),
    // Its log has megabytes: what is told when only a piece of it can be had.
    Case { log_size: 4096, ..case("too_complex", ProgType::RAW_TRACEPOINT) },
    case("newer_helper", ProgType::RAW_TRACEPOINT),
    case("no_such_helper", ProgType::RAW_TRACEPOINT),
    case("helper_of_others", ProgType::RAW_TRACEPOINT),
    case("missing_field", ProgType::RAW_TRACEPOINT),
    case("missing_weak_kfunc", ProgType::RAW_TRACEPOINT),
    case("missing_weak_ksym", ProgType::RAW_TRACEPOINT),
    case("missing_kfunc", ProgType::RAW_TRACEPOINT),
    case("missing_ksym", ProgType::RAW_TRACEPOINT),
    Case { change: leave_map_out, ..case("missing_map", ProgType::RAW_TRACEPOINT) },
    case("unreleased", ProgType::RAW_TRACEPOINT),
    case("deep_stack", ProgType::RAW_TRACEPOINT),
    case("unset_register", ProgType::RAW_TRACEPOINT),
    case("bad_context", ProgType::SOCKET_FILTER),
    case("sleepable_helper", ProgType::RAW_TRACEPOINT),
    Case { change: |object| object.license = "Proprietary".into(), ..case("gpl_helper", ProgType::RAW_TRACEPOINT) },
    Case { change: aim, attach_type: Some(AttachType::TRACE_FENTRY), ..case("missing_target", ProgType::TRACING) },
    case("wrong_argument", ProgType::RAW_TRACEPOINT),
    case("packet_bounds", ProgType::XDP),
    case("global_function", ProgType::RAW_TRACEPOINT),
    Case { attach_type: Some(AttachType::CGROUP_INET_INGRESS), ..case("wrong_verdict", ProgType::CGROUP_SKB) },
    case("task_field", ProgType::RAW_TRACEPOINT),
    Case { change: never_reached, program: "helper_of_others", ..case("unreachable_code", ProgType::RAW_TRACEPOINT) },
    Case { change: jump_outside, program: "helper_of_others", ..case("jump_outside", ProgType::RAW_TRACEPOINT) },
    Case { change: grow, program: "no_such_helper", ..case("function_info", ProgType::RAW_TRACEPOINT) },
    Case { program: "no_such_helper", ..case("unknown_type", ProgType(999)) },
    Case { change: misname, program: "null_value", ..case("bad_types", ProgType::RAW_TRACEPOINT) },
];

/// A program does something else. (Its lines stay those of the other.)
fn rewrite(object: &mut Object, program: &str, insns: &[Insn]) {
    let program = object.program(program).unwrap();
    let function = object.programs[program.0].function;
    object.functions[function.0].insns = insns.to_vec();
}

// Compilers make none of these.
fn never_reached(object: &mut Object) {
    rewrite(object, "helper_of_others", &[Insn::mov64_imm(0, 0), Insn::exit(), Insn::exit()]);
}

fn jump_outside(object: &mut Object) {
    rewrite(object, "helper_of_others", &[Insn::mov64_imm(0, 0), Insn::new(op::JMP, 0, 0, 5, 0), Insn::exit()]);
}

/// So long that the next function's record lies within.
fn grow(object: &mut Object) {
    rewrite(
        object,
        "no_such_helper",
        &[Insn::mov64_imm(0, 0), Insn::mov64_imm(0, 1), Insn::mov64_imm(0, 2), Insn::exit()],
    );
}

fn leave_map_out(object: &mut Object) {
    let map = object.map("left_out").unwrap();
    object.maps[map.0].autocreate = false;
}

fn aim(object: &mut Object) {
    let program = object.program("missing_target").unwrap();
    let target = AttachBtf { name: "vfs_raed".into(), kind: Kind::Func, module: None };
    object.programs[program.0].attach_btf = Some(target);
}

/// A struct has a name that the kernel does not take.
fn misname(object: &mut Object) {
    let btf = object.btf.clone().unwrap();
    let event = btf.find("event", Kind::Struct).unwrap();
    let mut builder = Builder::copy_of(&btf);
    let name = btf.type_by_id(event).unwrap().name_offset();
    builder.map_string(name, |letter| if letter == b'v' { b'-' } else { letter });
    object.btf = Some(Btf::parse(builder.finish()).unwrap());
}

impl Case {
    /// The object with this program alone.
    pub(crate) fn object(&self) -> Object {
        let mut object = Object::open(OBJECT, "refusals").unwrap();
        for program in &mut object.programs {
            program.autoload = program.name == self.program;
            if program.autoload {
                program.prog_type = self.prog_type;
                program.expected_attach_type = self.attach_type;
            }
        }
        (self.change)(&mut object);
        object
    }

    /// Loads it; why that failed, if it did.
    pub(crate) fn load<K: Kernel>(&self, kernel: Staged<K>) -> Option<Error> {
        let object = self.object();
        prepare(&object, kernel, Options::default()).and_then(|prepared| prepared.load(&object)).err()
    }
}

/// What a kernel says of types or of a program, in place of what it would say by itself.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) errno: i32,
    pub(crate) log: String,
}

impl Refusal {
    fn write(&self, cmd: Cmd, log: &mut Log) -> SysError {
        let text = self.log.as_bytes();
        if log.level > 0 {
            log.buffer[..text.len()].copy_from_slice(text);
        }
        SysError::Bpf { cmd, errno: Errno(self.errno) }
    }
}

/// A kernel whose logs are listened to, cut short or written by somebody else.
#[derive(Clone, Debug)]
pub(crate) struct Staged<K> {
    kernel: K,
    /// How long a log of a program may get.
    log_size: usize,
    pub(crate) refuse_types: Option<Refusal>,
    pub(crate) refuse_program: Option<Refusal>,
    /// What was last said of types.
    pub(crate) types_log: Arc<Mutex<Option<Refusal>>>,
}

impl<K> Staged<K> {
    pub(crate) fn new(kernel: K, log_size: usize) -> Staged<K> {
        Staged { kernel, log_size, refuse_types: None, refuse_program: None, types_log: Arc::default() }
    }
}

impl<K: Kernel> Layer for Staged<K> {
    type Below = K;

    fn below(&self) -> &K {
        &self.kernel
    }

    fn btf_load(&self, btf: &[u8], log: &mut Log) -> Result<K::Handle, SysError> {
        if let Some(refusal) = &self.refuse_types {
            return Err(refusal.write(Cmd::BTF_LOAD, log));
        }
        self.kernel.btf_load(btf, log).inspect_err(|error| {
            *self.types_log.lock().unwrap() = Some(Refusal { errno: error.errno(), log: log.text() });
        })
    }

    fn prog_load(&self, program: &ProgSpec<'_, K::Handle>, log: &mut Log) -> Result<K::Handle, SysError> {
        if let Some(refusal) = &self.refuse_program {
            return Err(refusal.write(Cmd::PROG_LOAD, log));
        }
        log.buffer.truncate(self.log_size);
        self.kernel.prog_load(program, log)
    }
}

/// `6.12` of what `uname -r` says.
pub(crate) fn series(release: &str) -> String {
    release.split(['.', '-']).take(2).collect::<Vec<_>>().join(".")
}
