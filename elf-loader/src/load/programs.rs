//! Programs: references filled in, attach targets found, verified.

use std::sync::Arc;

use purebpf_btf::KernelBtf;
use purebpf_sys::insn::{Insn, op};

use super::kernel::{Kernel, Log, ProgSpec};
use super::{KernelType, Prepared, report};
use crate::Error;
use crate::link::{Linked, StreamValue};
use crate::object::{AttachBtf, MapId, Object, Program, ProgramId};

/// What an instruction becomes that refers to a map that was not created, plus the map's number: a call of an unknown
/// helper, which matters only where it can be reached. The base is libbpf's.
pub(super) const POISONED_MAP: i32 = 2_001_000_000;

/// The log's size at the first try, and the last. It doubles between.
const LOG_SIZE: usize = 256 << 10;
const MAX_LOG_SIZE: usize = 64 << 20;

/// ENOSPC: the verifier's log did not fit (kernels before 6.4).
const ENOSPC: i32 = 28;

impl<K: Kernel> Prepared<K> {
    pub(super) fn load_program(&self, object: &Object, id: ProgramId, linked: &Linked) -> Result<K::Handle, Error> {
        let program = object.programs.get(id.0).ok_or(Error::NoSuch { what: "program", index: id.0 })?;
        let mut modules = Modules { kernel: &self.kernel, kernel_btf: self.kernel_btf.as_ref(), opened: Vec::new() };
        let attach = match &program.attach_btf {
            Some(target) => Some(find_attach_type(program, target, self.kernel_btf.as_ref())?),
            None => None,
        };
        let mut insns = linked.insns.clone();
        for reference in &linked.references {
            self.fill_in(object, &mut insns, reference.insn, reference.value, &mut modules)?;
        }
        let attach_module = attach.and_then(|found| found.module).map(|module| modules.open(module)).transpose()?;
        let fd_array = modules.fd_array();
        let version = if object.kernel_version != 0 { object.kernel_version } else { self.kernel.version() };
        let spec = ProgSpec {
            name: &program.name,
            prog_type: program.prog_type,
            expected_attach_type: program.expected_attach_type,
            flags: program.flags,
            insns: &insns,
            license: &object.license,
            kernel_version: version,
            btf: self.btf.as_ref(),
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
        let mut text = String::new();
        // Without privilege there is no verifier to ask.
        let mut size = if source.is_permission() && source.errno() == 1 { MAX_LOG_SIZE * 2 } else { LOG_SIZE };
        while size <= MAX_LOG_SIZE {
            let mut log = Log::new(self.log_level.max(1), size);
            match self.kernel.prog_load(spec, &mut log) {
                // What refused the first time was something that passes.
                Ok(handle) => return Ok(handle),
                Err(again) => {
                    text = log.text();
                    let too_small = again.errno() == ENOSPC && source.errno() != ENOSPC;
                    if !too_small {
                        source = again;
                        break;
                    }
                }
            }
            size *= 2;
        }
        let rejection = report::read(object, program, linked, &self.core, &text);
        Err(Error::Rejected { program: program.name.clone(), source: Arc::new(source), rejection: Arc::new(rejection) })
    }

    fn fill_in(
        &self,
        object: &Object,
        insns: &mut [Insn],
        at: usize,
        value: StreamValue,
        modules: &mut Modules<'_, K>,
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
                    let number = POISONED_MAP.wrapping_add(map.0 as i32);
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
            StreamValue::Kfunc { ext, type_id, module } => {
                first.imm = type_id as i32;
                first.off = match module {
                    // The first place of the array stands for vmlinux.
                    Some(module) => i16::try_from(modules.open(module)? + 1).map_err(|_| Error::ExternNotFound {
                        name: object.externs.get(ext.0).map(|ext| ext.name.clone()).unwrap_or_default(),
                        kind: "kfunc",
                        what: "its program uses functions of too many modules".into(),
                    })?,
                    None => 0,
                };
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

/// The modules whose BTF objects a program needs, opened once each.
struct Modules<'a, K: Kernel> {
    kernel: &'a K,
    kernel_btf: Option<&'a KernelBtf>,
    opened: Vec<(usize, K::Handle)>,
}

impl<K: Kernel> Modules<'_, K> {
    /// Opens a module's BTF object, if that was not done; gives its place among those opened.
    fn open(&mut self, module: usize) -> Result<usize, Error> {
        if let Some(place) = self.opened.iter().position(|(opened, _)| *opened == module) {
            return Ok(place);
        }
        let name = self.kernel_btf.and_then(|btf| btf.modules().get(module)).map(|module| module.name());
        let name = name.ok_or(Error::NoSuch { what: "module", index: module })?;
        let handle = self
            .kernel
            .module_btf(name)
            .map_err(|source| Error::ModuleBtf { module: name.to_owned(), source: Arc::new(source) })?;
        self.opened.push((module, handle));
        Ok(self.opened.len() - 1)
    }

    fn handle(&self, place: usize) -> Option<&K::Handle> {
        self.opened.get(place).map(|(_, handle)| handle)
    }

    fn number(&self, place: usize) -> i32 {
        self.handle(place).map_or(0, |handle| self.kernel.number(handle))
    }

    /// What kfunc calls refer to by its places; the first is vmlinux, which needs no descriptor.
    fn fd_array(&self) -> Vec<i32> {
        if self.opened.is_empty() {
            return Vec::new();
        }
        std::iter::once(0).chain(self.opened.iter().map(|(_, handle)| self.kernel.number(handle))).collect()
    }
}

/// Finds what a program attaches to in vmlinux, or in the module that it names, or in any.
fn find_attach_type(program: &Program, target: &AttachBtf, kernel: Option<&KernelBtf>) -> Result<KernelType, Error> {
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
    Err(fault(match &target.module {
        Some(module) => format!("module '{module}' has no such function or tracepoint in its BTF, or is not there"),
        None => "neither vmlinux nor any module has such a function or tracepoint in BTF".into(),
    }))
}
