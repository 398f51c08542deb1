//! Kernels that are none: one that notes what it is asked, one that fails when it is told to.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;

use purebpf_btf::KernelBtf;
use purebpf_sys::Error as SysError;
use purebpf_sys::error::Errno;
use purebpf_sys::insn::Insn;
use purebpf_sys::probes::Feature;
use purebpf_sys::uapi::{AttachType, Cmd, MapType};

use super::kernel::{Kernel, KernelConfig, Log, MapSpec, ProgSpec};

/// A kernel that accepts everything and does nothing, and can do everything unless told otherwise. It notes what it was
/// asked and what of that was released. Clones are the same kernel.
#[derive(Clone, Debug, Default)]
pub struct DryKernel {
    state: Rc<State>,
    kernel_btf: Option<KernelBtf>,
    kallsyms: String,
    config: Option<String>,
    lacking: HashSet<Feature>,
}

#[derive(Debug, Default)]
struct State {
    next: Cell<i32>,
    live: Cell<usize>,
    calls: RefCell<Vec<Call>>,
}

/// Something that a [`DryKernel`] was asked. What was created is known by its number from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// A map was created.
    MapCreate {
        /// Its number.
        map: i32,
        /// Its name.
        name: String,
        /// Its type.
        map_type: MapType,
        /// Size of a key in bytes.
        key_size: u32,
        /// Size of a value in bytes.
        value_size: u32,
        /// How many entries, or how many bytes.
        max_entries: u32,
        /// `BPF_F_*`.
        map_flags: u32,
        /// The types of key and value in the object's BTF, if they were told.
        types: Option<(u32, u32)>,
        /// The map that stands for those that it is to hold.
        inner: Option<i32>,
    },
    /// An element of a map was set.
    MapUpdate {
        /// The map.
        map: i32,
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Vec<u8>,
    },
    /// A map was frozen.
    MapFreeze {
        /// The map.
        map: i32,
    },
    /// Types were loaded.
    BtfLoad {
        /// Their number.
        btf: i32,
        /// The types.
        bytes: Vec<u8>,
    },
    /// The types of a module were opened.
    ModuleBtf {
        /// Their number.
        btf: i32,
        /// The module.
        module: String,
    },
    /// A program was loaded.
    ProgLoad {
        /// Its number.
        program: i32,
        /// Its name.
        name: String,
        /// Its instructions.
        insns: Vec<Insn>,
        /// The attach type it is verified for.
        expected_attach_type: Option<AttachType>,
        /// How many bytes of `func_info` and `line_info` came with the object's types, if those came.
        infos: Option<(usize, usize)>,
        /// The type that it attaches to, and the number of its module's types.
        attach_btf: Option<(u32, Option<i32>)>,
        /// Descriptors that instructions refer to by their place.
        fd_array: Vec<i32>,
    },
    /// The configuration was read.
    Config,
    /// What has this number was released.
    Release(i32),
}

/// Stands for something that a [`DryKernel`] created.
#[derive(Debug)]
pub struct DryHandle {
    number: i32,
    state: Rc<State>,
}

impl Drop for DryHandle {
    fn drop(&mut self) {
        self.state.live.set(self.state.live.get().saturating_sub(1));
        self.state.calls.borrow_mut().push(Call::Release(self.number));
    }
}

impl DryKernel {
    /// A kernel with these types.
    pub fn new(kernel_btf: Option<KernelBtf>) -> DryKernel {
        DryKernel { kernel_btf, ..DryKernel::default() }
    }

    /// The same kernel, but unable to do these things.
    pub fn without(mut self, features: impl IntoIterator<Item = Feature>) -> DryKernel {
        self.lacking.extend(features);
        self
    }

    /// The same kernel, with these symbols, as `/proc/kallsyms` has them.
    pub fn with_kallsyms(mut self, text: &str) -> DryKernel {
        text.clone_into(&mut self.kallsyms);
        self
    }

    /// The same kernel, with this configuration, as `/boot/config-*` has it.
    pub fn with_config(mut self, text: &str) -> DryKernel {
        self.config = Some(text.to_owned());
        self
    }

    /// How many things it created that were not released.
    pub fn live(&self) -> usize {
        self.state.live.get()
    }

    /// What it was asked, in that order.
    pub fn calls(&self) -> Vec<Call> {
        self.state.calls.borrow().clone()
    }

    fn create(&self, call: impl FnOnce(i32) -> Call) -> DryHandle {
        let number = self.state.next.get() + 1;
        self.state.next.set(number);
        self.state.live.set(self.state.live.get() + 1);
        self.note(call(number));
        DryHandle { number, state: self.state.clone() }
    }

    fn note(&self, call: Call) {
        self.state.calls.borrow_mut().push(call);
    }
}

impl Kernel for DryKernel {
    type Handle = DryHandle;

    fn number(&self, handle: &DryHandle) -> i32 {
        handle.number
    }

    fn map_create(&self, spec: &MapSpec<'_, DryHandle>) -> Result<DryHandle, SysError> {
        Ok(self.create(|map| Call::MapCreate {
            map,
            name: spec.name.to_owned(),
            map_type: spec.map_type,
            key_size: spec.key_size,
            value_size: spec.value_size,
            max_entries: spec.max_entries,
            map_flags: spec.map_flags,
            types: spec.btf.map(|(_, key, value)| (key, value)),
            inner: spec.inner.map(|inner| inner.number),
        }))
    }

    fn map_update(&self, map: &DryHandle, key: &[u8], value: &[u8]) -> Result<(), SysError> {
        self.note(Call::MapUpdate { map: map.number, key: key.to_vec(), value: value.to_vec() });
        Ok(())
    }

    fn map_freeze(&self, map: &DryHandle) -> Result<(), SysError> {
        self.note(Call::MapFreeze { map: map.number });
        Ok(())
    }

    fn btf_load(&self, bytes: &[u8], _: &mut Log) -> Result<DryHandle, SysError> {
        Ok(self.create(|btf| Call::BtfLoad { btf, bytes: bytes.to_vec() }))
    }

    fn prog_load(&self, spec: &ProgSpec<'_, DryHandle>, _: &mut Log) -> Result<DryHandle, SysError> {
        let module = spec.attach_btf_module.map(|module| module.number);
        Ok(self.create(|program| Call::ProgLoad {
            program,
            name: spec.name.to_owned(),
            insns: spec.insns.to_vec(),
            expected_attach_type: spec.expected_attach_type,
            infos: spec.btf.map(|_| (spec.func_info.0.len(), spec.line_info.0.len())),
            attach_btf: (spec.attach_btf_id != 0).then_some((spec.attach_btf_id, module)),
            fd_array: spec.fd_array.to_vec(),
        }))
    }

    fn supports(&self, feature: Feature) -> bool {
        !self.lacking.contains(&feature)
    }

    fn version(&self) -> u32 {
        purebpf_sys::system::version(7, 2, 0)
    }

    fn possible_cpus(&self) -> Result<u32, SysError> {
        Ok(4)
    }

    fn page_size(&self) -> u32 {
        4096
    }

    fn kernel_btf(&self) -> Result<KernelBtf, String> {
        self.kernel_btf.clone().ok_or_else(|| "this kernel has none".to_owned())
    }

    fn module_btf(&self, module: &str) -> Result<DryHandle, SysError> {
        Ok(self.create(|btf| Call::ModuleBtf { btf, module: module.to_owned() }))
    }

    fn kallsyms(&self) -> Result<Vec<u8>, String> {
        Ok(self.kallsyms.clone().into_bytes())
    }

    fn config(&self) -> Result<KernelConfig, String> {
        self.note(Call::Config);
        let text = self.config.clone().ok_or_else(|| "this kernel has none".to_owned())?;
        Ok(KernelConfig::new(text.into_bytes(), "the dry kernel's configuration".to_owned()))
    }
}

/// Another kernel, of which one call fails, or all from one on.
#[derive(Debug)]
pub struct FailNth<K> {
    kernel: K,
    /// Calls until the one that fails.
    left: Cell<usize>,
    errno: i32,
    /// Whether what follows fails too.
    for_good: bool,
    failed: Cell<bool>,
}

impl<K: Kernel> FailNth<K> {
    /// `kernel`, whose call number `n` (from 0) fails with `errno`. Questions that change nothing are
    /// not counted, but for that for the configuration, which a load cannot do without.
    pub fn new(kernel: K, n: usize, errno: i32) -> FailNth<K> {
        FailNth { kernel, left: Cell::new(n), errno, for_good: false, failed: Cell::new(false) }
    }

    /// The same, but every call after that fails too: what is tried again fails again.
    pub fn for_good(self) -> FailNth<K> {
        FailNth { for_good: true, ..self }
    }

    fn check(&self, cmd: Cmd) -> Result<(), SysError> {
        self.count().map_err(|errno| SysError::Bpf { cmd, errno })
    }

    fn count(&self) -> Result<(), Errno> {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None if self.failed.get() && !self.for_good => Ok(()),
            None => {
                self.failed.set(true);
                Err(Errno(self.errno))
            }
        }
    }
}

impl<K: Kernel> Kernel for FailNth<K> {
    type Handle = K::Handle;

    fn number(&self, handle: &K::Handle) -> i32 {
        self.kernel.number(handle)
    }

    fn map_create(&self, map: &MapSpec<'_, K::Handle>) -> Result<K::Handle, SysError> {
        self.check(Cmd::MAP_CREATE)?;
        self.kernel.map_create(map)
    }

    fn map_update(&self, map: &K::Handle, key: &[u8], value: &[u8]) -> Result<(), SysError> {
        self.check(Cmd::MAP_UPDATE_ELEM)?;
        self.kernel.map_update(map, key, value)
    }

    fn map_freeze(&self, map: &K::Handle) -> Result<(), SysError> {
        self.check(Cmd::MAP_FREEZE)?;
        self.kernel.map_freeze(map)
    }

    fn btf_load(&self, btf: &[u8], log: &mut Log) -> Result<K::Handle, SysError> {
        self.check(Cmd::BTF_LOAD)?;
        self.kernel.btf_load(btf, log)
    }

    fn prog_load(&self, program: &ProgSpec<'_, K::Handle>, log: &mut Log) -> Result<K::Handle, SysError> {
        self.check(Cmd::PROG_LOAD)?;
        self.kernel.prog_load(program, log)
    }

    fn supports(&self, feature: Feature) -> bool {
        self.kernel.supports(feature)
    }

    fn version(&self) -> u32 {
        self.kernel.version()
    }

    fn possible_cpus(&self) -> Result<u32, SysError> {
        self.kernel.possible_cpus()
    }

    fn page_size(&self) -> u32 {
        self.kernel.page_size()
    }

    fn kernel_btf(&self) -> Result<KernelBtf, String> {
        self.kernel.kernel_btf()
    }

    fn module_btf(&self, module: &str) -> Result<K::Handle, SysError> {
        self.check(Cmd::BTF_GET_FD_BY_ID)?;
        self.kernel.module_btf(module)
    }

    fn kallsyms(&self) -> Result<Vec<u8>, String> {
        self.kernel.kallsyms()
    }

    fn config(&self) -> Result<KernelConfig, String> {
        self.count().map_err(|errno| format!("the configuration: {errno}"))?;
        self.kernel.config()
    }
}
