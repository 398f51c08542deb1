//! Programs: references filled in, verified.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use purebpf_sys::Error as SysError;
use purebpf_sys::insn::{Insn, op, pseudo, to_native_bytes};
use purebpf_sys::probes::Feature;
use purebpf_sys::uapi::{AttachType, MapType, bpf_insn_array_value};
use sha2::{Digest, Sha256};

use super::kernel::{Kernel, Log, MapSpec, ProgSpec, kernel_name};
use super::modules::Modules;
use super::{Prepared, report};
use crate::Error;
use crate::error::advice;
use crate::link::{Linked, StreamValue};
use crate::object::{MapKind, Object, Program, ProgramId};
use crate::poison;

/// The log's size at the first try, how it grows, and the last.
const LOG_SIZE: usize = 256 << 10;
const LOG_GROWTH: usize = 8;
const MAX_LOG_SIZE: usize = 64 << 20;

/// Log level of statistics alone (include/linux/bpf_verifier.h).
const BPF_LOG_STATS: u32 = 4;

/// ENOSPC: the verifier's log did not fit.
const ENOSPC: i32 = 28;

/// Helpers that read any memory, and what they are where user and kernel memory are not told apart (before 5.5).
const PROBE_READS: [(i32, i32); 4] = [
    (113, 4),  // bpf_probe_read_kernel, bpf_probe_read
    (112, 4),  // bpf_probe_read_user
    (115, 45), // bpf_probe_read_kernel_str, bpf_probe_read_str
    (114, 45), // bpf_probe_read_user_str
];

/// A program in the kernel, and what the verifier said of it if it was asked to.
#[derive(Debug)]
pub(super) struct Verified<H> {
    pub(super) handle: H,
    pub(super) log: Option<String>,
}

/// Objects with fewer instructions than this are verified by one thread, unless a load is told otherwise: what more would save is
/// less than what they cost.
const MIN_PARALLEL: usize = 4096;

impl<K: Kernel> Prepared<K> {
    /// Has all programs verified, several at a time if the kernel allows that. Which of several faults is told does not depend on
    /// which is found first: it is that of the first program.
    pub(super) fn load_programs(&self, object: &Object) -> Result<Vec<Option<Verified<K::Handle>>>, Error> {
        let wanted: Vec<(usize, &Linked)> =
            self.programs.iter().enumerate().filter_map(|(n, linked)| Some((n, linked.as_ref()?))).collect();
        let (next, first_fault) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let work = || {
            let mut done = Vec::new();
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some((program, linked)) = wanted.get(n).filter(|_| n < first_fault.load(Ordering::Relaxed)) else {
                    return done;
                };
                let result = self.load_program(object, ProgramId(*program), linked);
                if result.is_err() {
                    first_fault.fetch_min(n, Ordering::Relaxed);
                }
                done.push((*program, result));
            }
        };
        let allowed = match self.threads {
            0 if wanted.iter().map(|(_, linked)| linked.insns.len()).sum::<usize>() < MIN_PARALLEL => 1,
            0 => self.session.kernel.parallelism(),
            told => told,
        };
        let workers = allowed.min(wanted.len());
        let mut done = match workers {
            0 | 1 => work(),
            _ => thread::scope(|scope| {
                let others: Vec<_> =
                    (1..workers).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
                let mut done = work();
                for other in others {
                    match other.join() {
                        Ok(more) => done.extend(more),
                        Err(panic) => std::panic::resume_unwind(panic),
                    }
                }
                done
            }),
        };
        done.sort_by_key(|(program, _)| *program);
        let mut loaded: Vec<Option<Verified<K::Handle>>> = self.programs.iter().map(|_| None).collect();
        for (program, result) in done {
            if let Some(place) = loaded.get_mut(program) {
                *place = Some(result?);
            }
        }
        Ok(loaded)
    }

    pub(super) fn load_program(
        &self,
        object: &Object,
        id: ProgramId,
        linked: &Linked,
    ) -> Result<Verified<K::Handle>, Error> {
        let kernel = &self.session.kernel;
        let program = object.programs.get(id.0).ok_or(Error::NoSuch { what: "program", index: id.0 })?;
        // The program holds them once it is loaded.
        let jump_tables = create_jump_tables(kernel, program, linked)?;
        let number = |value| match value {
            StreamValue::JumpTable(n) => jump_tables.get(n).map(|handle| kernel.number(handle)),
            StreamValue::Map(map) | StreamValue::MapValue(map) => {
                self.maps.handles.get(map.0)?.as_ref().map(|handle| kernel.number(handle))
            }
            _ => None,
        };
        let Stream { insns, fd_array } = Stream::assemble(kernel, linked, number, &self.modules)?;
        let target = self.targets.get(&id.0);
        // Functions need a kernel that knows their types; the program loads without.
        let btf = self.btf.as_ref().filter(|_| kernel.supports(Feature::BtfFunc));
        let expected_attach_type = match target.and_then(|target| target.member) {
            Some(member) => Some(AttachType(member)),
            None => program
                .expected_attach_type
                .filter(|_| !program.attach_type_optional || kernel.supports(Feature::ExpAttachType)),
        };
        let version = if object.kernel_version != 0 { object.kernel_version } else { kernel.version() };
        let spec = ProgSpec {
            name: kernel_name(kernel, &program.name),
            prog_type: program.prog_type,
            expected_attach_type,
            flags: program.flags,
            insns: &insns,
            license: &object.license,
            kernel_version: version,
            btf,
            func_info: (&linked.func_info.bytes, linked.func_info.record_size),
            line_info: (&linked.line_info.bytes, linked.line_info.record_size),
            attach_btf_id: target.map_or(0, |target| target.type_id),
            attach_btf_module: target.and_then(|target| self.modules.handle(target.module?)),
            attach_program: self.attach_programs.get(&id.0),
            ifindex: program.ifindex,
            fd_array: &fd_array,
        };
        let verified = self.verify(object, program, linked, &spec)?;
        self.bind_read_only(object, &verified.handle);
        Ok(verified)
    }

    /// Read-only data lives as long as the programs of its object, whether they refer to it or not: it is where others look for what
    /// describes them (`bpftool prog` its metadata). Nothing depends on it, so a refusal is no fault.
    fn bind_read_only(&self, object: &Object, program: &K::Handle) {
        let kernel = &self.session.kernel;
        let read_only = object.maps.iter().zip(&self.maps.handles).filter(|(map, _)| map.kind == MapKind::Rodata);
        let mut read_only = read_only.filter_map(|(_, handle)| handle.as_ref()).peekable();
        if read_only.peek().is_some() && kernel.supports(Feature::ProgBindMap) {
            read_only.for_each(|map| _ = kernel.prog_bind_map(program, map));
        }
    }

    /// Loads, with a log if one is wanted; after a refusal without one once more with it, to tell why.
    fn verify(
        &self,
        object: &Object,
        program: &Program,
        linked: &Linked,
        spec: &ProgSpec<'_, K::Handle>,
    ) -> Result<Verified<K::Handle>, Error> {
        let kernel = &self.session.kernel;
        let wanted = if program.log_level != 0 { program.log_level } else { self.log_level };
        let mut refused = None;
        if wanted == 0 {
            match kernel.prog_load(spec, &mut Log::none()) {
                Ok(handle) => return Ok(Verified { handle, log: None }),
                Err(cause) => refused = Some(cause),
            }
        }
        let mut size = LOG_SIZE;
        let (source, text) = loop {
            let mut log = Log::new(wanted.max(1), size);
            let again = match kernel.prog_load(spec, &mut log) {
                // What refused the first time may be something that passes.
                Ok(handle) => return Ok(Verified { handle, log: (wanted != 0).then(|| log.text()) }),
                Err(again) => again,
            };
            let too_small = again.errno() == ENOSPC && refused.as_ref().is_none_or(|first| first.errno() != ENOSPC);
            if !too_small {
                break (again, log.text());
            }
            if size >= MAX_LOG_SIZE {
                // Whether that is all that is wrong, a load without a log tells.
                let source = match refused {
                    Some(source) => source,
                    None => match kernel.prog_load(spec, &mut Log::none()) {
                        Ok(handle) => {
                            return Ok(Verified { handle, log: Some(format!("{}\n{}\n", log.text(), report::CUT)) });
                        }
                        Err(source) => source,
                    },
                };
                break (source, self.with_verdict(spec, log.text()));
            }
            size = (size * LOG_GROWTH).min(MAX_LOG_SIZE);
        };
        let context = report::Context {
            object,
            program,
            linked,
            core: &self.core,
            kernel_btf: self.kernel_btf.as_ref(),
            btf_refused: self.btf_refused.as_deref(),
        };
        let rejection = report::read(context, &source, text);
        Err(Error::Rejected { program: program.name.clone(), cause: Arc::new(source), rejection: Arc::new(rejection) })
    }

    /// A log that did not fit. Kernels from 6.4 keep its end, which tells why; older ones its beginning: they are asked once more
    /// for the verdict alone, which is what a log of statistics holds (`verbose` of kernel/bpf/verifier.c writes at any level,
    /// the trace of instructions only at 1 and 2).
    fn with_verdict(&self, spec: &ProgSpec<'_, K::Handle>, log: String) -> String {
        let mut log = log;
        if report::has_end(&log) {
            return format!("{}\n{log}", report::CUT);
        }
        log.push_str(&format!("\n{}\n", report::CUT));
        let mut verdict = Log::new(BPF_LOG_STATS, LOG_SIZE);
        if self.session.kernel.prog_load(spec, &mut verdict).is_err() {
            log.push_str(&verdict.text());
        }
        log
    }
}

/// The map of each jump table of a program, frozen.
fn create_jump_tables<K: Kernel>(kernel: &K, program: &Program, linked: &Linked) -> Result<Vec<K::Handle>, Error> {
    let fault = |cause: SysError| Error::JumpTable {
        program: program.name.clone(),
        advice: advice(&cause),
        cause: Arc::new(cause),
    };
    let mut handles = Vec::with_capacity(linked.jump_tables.len());
    for table in &linked.jump_tables {
        let spec = MapSpec {
            name: kernel_name(kernel, JUMP_TABLES),
            map_type: MapType::INSN_ARRAY,
            key_size: 4,
            value_size: size_of::<bpf_insn_array_value>() as u32,
            max_entries: table.len() as u32,
            map_flags: 0,
            numa_node: 0,
            map_extra: 0,
            btf: None,
            inner: None,
            kernel_value_type: 0,
            kernel_value_module: None,
            exclusive_program: None,
            ifindex: 0,
        };
        let handle = kernel.map_create(&spec).map_err(fault)?;
        for (key, place) in (0u32..).zip(table) {
            let mut value = [0; size_of::<bpf_insn_array_value>()];
            // `orig_off` is the first field; the rest is the kernel's to fill in.
            value[..4].copy_from_slice(&place.to_ne_bytes());
            kernel.map_update(&handle, &key.to_ne_bytes(), &value).map_err(fault)?;
        }
        kernel.map_freeze(&handle).map_err(fault)?;
        handles.push(handle);
    }
    Ok(handles)
}

/// What libbpf calls such a map.
const JUMP_TABLES: &str = ".jumptables";

/// A program as the kernel takes it.
pub(super) struct Stream {
    pub(super) insns: Vec<Insn>,
    /// Descriptors that instructions refer to by their place.
    fd_array: Vec<i32>,
}

impl Stream {
    /// Fills in a stream's references: those to maps as `number` says, where it says nothing with a call that tells what is missing.
    pub(super) fn assemble<K: Kernel>(
        kernel: &K,
        linked: &Linked,
        number: impl Fn(StreamValue) -> Option<i32>,
        modules: &Modules<K>,
    ) -> Result<Stream, Error> {
        let mut stream = Stream { insns: linked.insns.clone(), fd_array: Vec::new() };
        for reference in &linked.references {
            stream.fill_in(kernel, reference.insn, reference.value, number(reference.value), modules)?;
        }
        if !kernel.supports(Feature::ProbeReadKernel) {
            without_probe_read_kernel(&mut stream.insns);
        }
        Ok(stream)
    }

    fn fill_in<K: Kernel>(
        &mut self,
        kernel: &K,
        at: usize,
        value: StreamValue,
        map: Option<i32>,
        modules: &Modules<K>,
    ) -> Result<(), Error> {
        let (first, rest) = match self.insns.get_mut(at..).and_then(<[Insn]>::split_first_mut) {
            Some(halves) => halves,
            None => return Err(Error::NoSuch { what: "instruction", index: at }),
        };
        let mut no_second = Insn::default();
        let second = rest.first_mut().unwrap_or(&mut no_second);
        match value {
            StreamValue::Map(id) | StreamValue::MapValue(id) => match map {
                Some(number) => first.imm = number,
                None => {
                    let number = poison::MAP.wrapping_add(id.0 as i32);
                    (*first, *second) = (call(number), call(number));
                }
            },
            StreamValue::JumpTable(n) => first.imm = map.ok_or(Error::NoSuch { what: "jump table", index: n })?,
            StreamValue::BtfId { type_id, module, .. } => {
                (first.imm, second.imm) = (type_id as i32, modules.number(kernel, module));
            }
            StreamValue::Kfunc { type_id, module, .. } => {
                first.imm = type_id as i32;
                if let (Some(module), Ok(at)) = (module, usize::try_from(first.off)) {
                    // The first place stands for vmlinux, and those that this program does not use stay empty.
                    if self.fd_array.len() <= at {
                        self.fd_array.resize(at + 1, 0);
                    }
                    self.fd_array[at] = modules.number(kernel, Some(module));
                }
            }
            StreamValue::Ksym { address, .. } => {
                first.imm = address as i32;
                second.imm = (address >> 32) as i32;
            }
        }
        Ok(())
    }

    /// What the kernel knows a program by (`bpf_prog_calc_tag` of kernel/bpf/core.c): the SHA-256 of its instructions, without what
    /// they call maps.
    pub(super) fn hash(mut self) -> [u8; 32] {
        let mut is_second = false;
        for insn in &mut self.insns {
            let is_map = insn.is_ld_imm64() && matches!(insn.src(), pseudo::MAP_FD | pseudo::MAP_VALUE);
            if is_second || is_map {
                insn.imm = 0;
            }
            is_second = !is_second && is_map;
        }
        Sha256::digest(to_native_bytes(&self.insns)).into()
    }
}

/// A call of a helper that does not exist.
fn call(number: i32) -> Insn {
    Insn::new(op::JMP | op::CALL, 0, 0, 0, number)
}

fn without_probe_read_kernel(insns: &mut [Insn]) {
    for insn in insns.iter_mut().filter(|insn| insn.is_call() && insn.regs == 0) {
        if let Some((_, older)) = PROBE_READS.iter().find(|(newer, _)| *newer == insn.imm) {
            insn.imm = *older;
        }
    }
}
