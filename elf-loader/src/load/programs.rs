//! Programs: references filled in, attach targets found, verified.

use std::sync::Arc;

use purebpf_btf::{KernelBtf, Kind, ModuleBtf};
use purebpf_sys::insn::{Insn, op};
use purebpf_sys::probes::Feature;

use super::kernel::{Kernel, Log, ProgSpec, kernel_name};
use super::{KernelType, Prepared, report};
use crate::Error;
use crate::link::{Linked, StreamValue};
use crate::object::{AttachBtf, MapId, Object, Program, ProgramId};
use crate::{nearest, poison};

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

impl<K: Kernel> Prepared<K> {
    pub(super) fn load_program(
        &self,
        object: &Object,
        id: ProgramId,
        linked: &Linked,
        modules: &mut Modules<'_, K>,
    ) -> Result<K::Handle, Error> {
        let program = object.programs.get(id.0).ok_or(Error::NoSuch { what: "program", index: id.0 })?;
        let attach = match &program.attach_btf {
            Some(target) => {
                let symbols = || self.kernel.kallsyms().ok();
                Some(find_attach_type(program, target, self.kernel_btf.as_ref(), symbols)?)
            }
            None => None,
        };
        let mut insns = linked.insns.clone();
        let mut fd_array = Vec::new();
        for reference in &linked.references {
            self.fill_in(&mut insns, reference.insn, reference.value, modules, &mut fd_array)?;
        }
        if !self.kernel.supports(Feature::ProbeReadKernel) {
            without_probe_read_kernel(&mut insns);
        }
        let attach_module = match attach.and_then(|found| found.module) {
            Some(module) => Some(modules.open(module)?),
            None => None,
        };
        // Functions need a kernel that knows their types; the program loads without.
        let btf = self.btf.as_ref().filter(|_| self.kernel.supports(Feature::BtfFunc));
        let expected_attach_type = program
            .expected_attach_type
            .filter(|_| !program.attach_type_optional || self.kernel.supports(Feature::ExpAttachType));
        let version = if object.kernel_version != 0 { object.kernel_version } else { self.kernel.version() };
        let spec = ProgSpec {
            name: kernel_name(&self.kernel, &program.name),
            prog_type: program.prog_type,
            expected_attach_type,
            flags: program.flags,
            insns: &insns,
            license: &object.license,
            kernel_version: version,
            btf,
            func_info: (&linked.func_info.bytes, linked.func_info.record_size),
            line_info: (&linked.line_info.bytes, linked.line_info.record_size),
            attach_btf_id: attach.map_or(0, |found| found.id.0),
            attach_btf_module: attach_module.and_then(|place| modules.handle(place)),
            fd_array: &fd_array,
        };
        self.verify(object, program, linked, &spec)
    }

    /// Loads without a log; after a refusal once more with one, to tell why.
    fn verify(
        &self,
        object: &Object,
        program: &Program,
        linked: &Linked,
        spec: &ProgSpec<'_, K::Handle>,
    ) -> Result<K::Handle, Error> {
        let mut source = match self.kernel.prog_load(spec, &mut Log::none()) {
            Ok(handle) => return Ok(handle),
            Err(source) => source,
        };
        let mut size = LOG_SIZE;
        let text = loop {
            let mut log = Log::new(self.log_level.max(1), size);
            let again = match self.kernel.prog_load(spec, &mut log) {
                // What refused the first time was something that passes.
                Ok(handle) => return Ok(handle),
                Err(again) => again,
            };
            let too_small = again.errno() == ENOSPC && source.errno() != ENOSPC;
            if !too_small {
                source = again;
                break log.text();
            }
            if size >= MAX_LOG_SIZE {
                break self.with_verdict(spec, log.text());
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
        if self.kernel.prog_load(spec, &mut verdict).is_err() {
            log.push_str(&verdict.text());
        }
        log
    }

    fn fill_in(
        &self,
        insns: &mut [Insn],
        at: usize,
        value: StreamValue,
        modules: &mut Modules<'_, K>,
        fd_array: &mut Vec<i32>,
    ) -> Result<(), Error> {
        let (first, rest) = match insns.get_mut(at..).and_then(<[Insn]>::split_first_mut) {
            Some(halves) => halves,
            None => return Err(Error::NoSuch { what: "instruction", index: at }),
        };
        let mut no_second = Insn::default();
        let second = rest.first_mut().unwrap_or(&mut no_second);
        match value {
            StreamValue::Map(map) | StreamValue::MapValue(map) => match self.map_number(map) {
                Some(number) => first.imm = number,
                None => {
                    let number = poison::MAP.wrapping_add(map.0 as i32);
                    (*first, *second) = (call(number), call(number));
                }
            },
            StreamValue::BtfId { type_id, module, .. } => {
                first.imm = type_id as i32;
                second.imm = match module {
                    Some(module) => {
                        let place = modules.open(module)?;
                        modules.number(place)
                    }
                    None => 0,
                };
            }
            StreamValue::Kfunc { type_id, module, .. } => {
                first.imm = type_id as i32;
                if let (Some(module), Ok(at)) = (module, usize::try_from(first.off)) {
                    let place = modules.open(module)?;
                    // The first place stands for vmlinux, and those that this program does not use stay empty.
                    if fd_array.len() <= at {
                        fd_array.resize(at + 1, 0);
                    }
                    fd_array[at] = modules.number(place);
                }
            }
            StreamValue::Ksym { address, .. } => {
                first.imm = address as i32;
                second.imm = (address >> 32) as i32;
            }
        }
        Ok(())
    }

    fn map_number(&self, map: MapId) -> Option<i32> {
        self.maps.get(map.0)?.as_ref().map(|handle| self.kernel.number(handle))
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

/// The modules whose BTF objects an object's programs need, opened once each.
#[derive(Debug)]
pub(super) struct Modules<'a, K: Kernel> {
    kernel: &'a K,
    kernel_btf: Option<&'a KernelBtf>,
    opened: Vec<(usize, K::Handle)>,
}

impl<'a, K: Kernel> Modules<'a, K> {
    pub(super) fn new(kernel: &'a K, kernel_btf: Option<&'a KernelBtf>) -> Self {
        Modules { kernel, kernel_btf, opened: Vec::new() }
    }

    /// Opens a module's BTF object, if that was not done; gives its place among those opened.
    fn open(&mut self, module: usize) -> Result<usize, Error> {
        if let Some(place) = self.opened.iter().position(|(opened, _)| *opened == module) {
            return Ok(place);
        }
        let name = self.kernel_btf.and_then(|btf| btf.modules().get(module)).map(ModuleBtf::name);
        let name = name.ok_or(Error::NoSuch { what: "module", index: module })?;
        let handle = self
            .kernel
            .module_btf(name)
            .map_err(|source| Error::ModuleBtf { module: name.to_owned(), cause: Arc::new(source) })?;
        self.opened.push((module, handle));
        Ok(self.opened.len() - 1)
    }

    fn handle(&self, place: usize) -> Option<&K::Handle> {
        self.opened.get(place).map(|(_, handle)| handle)
    }

    fn number(&self, place: usize) -> i32 {
        self.handle(place).map_or(0, |handle| self.kernel.number(handle))
    }
}

/// What stands before names in BTF by what attaches there: libbpf's `btf_get_kernel_prefix_kind`.
const PREFIXES: [&str; 3] = ["btf_trace_", "bpf_lsm_", "bpf_iter_"];

/// Why a function that the kernel has is not in its BTF: pahole leaves out those of which the compiler changed the parameters
/// (`NAME.isra.0` and the like, of which only some are called as they are declared), and names that several functions have
/// with different prototypes; and modules may have no BTF at all.
fn without_btf(name: &str, kallsyms: &[u8]) -> Option<String> {
    let (mut whole, mut part, mut module) = (0, None, None);
    for line in kallsyms.split(|&byte| byte == b'\n') {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (_, Some(b"t" | b"T" | b"w" | b"W"), Some(symbol)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        match symbol.strip_prefix(name.as_bytes()) {
            Some([]) => {
                whole += 1;
                module = words.next().map(|word| String::from_utf8_lossy(word).into_owned());
            }
            Some([b'.', ..]) if part.is_none() => part = Some(String::from_utf8_lossy(symbol).into_owned()),
            _ => {}
        }
    }
    match (whole, part, module) {
        (0, None, _) => None,
        (0, Some(part), _) => Some(format!(
            "the kernel has {part}: the compiler made that of it, with other parameters or a part of its code"
        )),
        (1, _, Some(module)) => Some(format!(
            "module {module} has the function: its BTF leaves that out, or there is none (modules have BTF since Linux 5.11)"
        )),
        (1, _, None) => Some(
            "the kernel has the function: its parameters are not those that it is declared with, or it is in assembly"
                .to_owned(),
        ),
        (n, ..) => {
            Some(format!("the kernel has {n} functions of this name, and BTF leaves out those whose parameters differ"))
        }
    }
}

/// Finds what a program attaches to in vmlinux, or in the module that it names, or in any.
/// `symbols` gives `/proc/kallsyms`, and is asked when the target is not found.
fn find_attach_type(
    program: &Program,
    target: &AttachBtf,
    kernel: Option<&KernelBtf>,
    symbols: impl FnOnce() -> Option<Vec<u8>>,
) -> Result<KernelType, Error> {
    let fault = |what: String| Error::AttachTarget {
        program: program.name.clone(),
        target: target.name.clone(),
        section: program.section.clone(),
        what,
    };
    let kernel = kernel.ok_or_else(|| fault("there are no kernel types to look in".into()))?;
    let vmlinux = kernel.vmlinux();
    let in_vmlinux = target.module.as_deref().is_none_or(|module| module == "vmlinux");
    if in_vmlinux {
        if let Some(id) = vmlinux.find(&target.name, target.kind) {
            return Ok(KernelType { id, module: None });
        }
    }
    for (n, module) in kernel.modules().iter().enumerate() {
        if target.module.as_deref().is_some_and(|wanted| wanted != module.name()) {
            continue;
        }
        match module.btf(vmlinux) {
            Ok(btf) => {
                if let Some(id) = btf.find(&target.name, target.kind).filter(|id| *id >= btf.first_id()) {
                    return Ok(KernelType { id, module: Some(n) });
                }
            }
            Err(err) if target.module.is_some() => return Err(fault(format!("module '{}': {err}", module.name()))),
            Err(_) => {}
        }
    }
    let what = match &target.module {
        Some(module) => format!("module '{module}' has no such function or tracepoint in its BTF, or is not there"),
        None => "neither vmlinux nor any module has such a function or tracepoint in BTF".into(),
    };
    // The prefix stands for what the section's name asks for, and names are told as that spells them.
    let prefix = PREFIXES.iter().find(|prefix| target.name.starts_with(**prefix)).copied().unwrap_or_default();
    let name = target.name.strip_prefix(prefix).unwrap_or(&target.name);
    let traceable =
        |symbols: Vec<u8>| without_btf(name, &symbols).filter(|_| prefix.is_empty() && target.kind == Kind::Func);
    match symbols().and_then(traceable) {
        Some(why) => Err(fault(format!("{what}, though {why}"))),
        None => {
            let near = kernel.nearest_names(target.module.as_deref(), prefix, target.kind, name);
            Err(fault(what + &nearest::said(&near)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Lines as /proc/kallsyms of Debian's 6.12 has them.
    #[test]
    fn a_function_without_btf_says_why() {
        let kallsyms =
            b"ffffffff81000000 T entry_SYSCALL_64\nffffffff81000010 t do_it.isra.0\nffffffff81000020 t twice\n\
            ffffffff81000030 t twice\nffffffffc0a01000 t xfs_open\t[xfs]\nffffffff82000000 D jiffies\n";
        let why = |name| without_btf(name, kallsyms);
        assert!(why("entry_SYSCALL_64").unwrap().contains("the kernel has the function"));
        assert!(why("do_it").unwrap().starts_with("the kernel has do_it.isra.0"));
        assert!(why("twice").unwrap().contains("2 functions"));
        assert!(why("xfs_open").unwrap().starts_with("module [xfs] has the function"));
        assert_eq!(why("jiffies"), None, "no function");
        assert_eq!(why("do"), None);
    }
}
