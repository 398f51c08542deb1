//! Kernels that are none: one that notes what it is asked, one that fails when it is told to.

use std::cell::Cell;
use std::rc::Rc;

use purebpf_btf::KernelBtf;
use purebpf_sys::Error as SysError;
use purebpf_sys::error::Errno;
use purebpf_sys::probes::Feature;
use purebpf_sys::uapi::Cmd;

use super::kernel::{Kernel, Log, MapSpec, ProgSpec};

/// A kernel that can do everything, accepts everything, and does nothing. It counts what it was asked and what of that
/// still lives.
#[derive(Clone, Debug, Default)]
pub struct DryKernel {
    state: Rc<State>,
    kernel_btf: Option<KernelBtf>,
}

#[derive(Debug, Default)]
struct State {
    next: Cell<i32>,
    live: Cell<usize>,
    calls: std::cell::RefCell<Vec<Call>>,
}

/// Something that a [`DryKernel`] was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// A map of this name was created.
    MapCreate(String),
    /// An element of a map was set; how many bytes of value.
    MapUpdate(usize),
    /// A map was frozen.
    MapFreeze,
    /// Types of so many bytes were loaded.
    BtfLoad(usize),
    /// A program of this name, of so many instructions, was loaded.
    ProgLoad(String, usize),
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
    }
}

impl DryKernel {
    /// A kernel with these types.
    pub fn new(kernel_btf: Option<KernelBtf>) -> DryKernel {
        DryKernel { state: Rc::default(), kernel_btf }
    }

    /// How many things it created that were not released.
    pub fn live(&self) -> usize {
        self.state.live.get()
    }

    /// What it was asked, in that order.
    pub fn calls(&self) -> Vec<Call> {
        self.state.calls.borrow().clone()
    }

    fn create(&self, call: Call) -> DryHandle {
        self.note(call);
        let number = self.state.next.get() + 1;
        self.state.next.set(number);
        self.state.live.set(self.state.live.get() + 1);
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

    fn map_create(&self, map: &MapSpec<'_, DryHandle>) -> Result<DryHandle, SysError> {
        Ok(self.create(Call::MapCreate(map.name.to_owned())))
    }

    fn map_update(&self, _: &DryHandle, _: &[u8], value: &[u8]) -> Result<(), SysError> {
        self.note(Call::MapUpdate(value.len()));
        Ok(())
    }

    fn map_freeze(&self, _: &DryHandle) -> Result<(), SysError> {
        self.note(Call::MapFreeze);
        Ok(())
    }

    fn btf_load(&self, btf: &[u8], _: &mut Log) -> Result<DryHandle, SysError> {
        Ok(self.create(Call::BtfLoad(btf.len())))
    }

    fn prog_load(&self, program: &ProgSpec<'_, DryHandle>, _: &mut Log) -> Result<DryHandle, SysError> {
        Ok(self.create(Call::ProgLoad(program.name.to_owned(), program.insns.len())))
    }

    fn supports(&self, _: Feature) -> bool {
        true
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

    fn module_btf(&self, _: &str) -> Result<DryHandle, SysError> {
        Ok(self.create(Call::BtfLoad(0)))
    }

    fn kallsyms(&self) -> Result<Vec<u8>, String> {
        Ok(Vec::new())
    }
}

/// Another kernel, of which one call fails.
#[derive(Debug)]
pub struct FailNth<K> {
    kernel: K,
    /// Calls until the one that fails.
    left: Cell<usize>,
    errno: i32,
}

impl<K: Kernel> FailNth<K> {
    /// `kernel`, whose call number `n` (from 0) fails with `errno`. Questions that change nothing are not counted.
    pub fn new(kernel: K, n: usize, errno: i32) -> FailNth<K> {
        FailNth { kernel, left: Cell::new(n), errno }
    }

    /// Whether the call was reached that fails.
    pub fn has_failed(&self) -> bool {
        self.left.get() == usize::MAX
    }

    fn check(&self, cmd: Cmd) -> Result<(), SysError> {
        match self.left.get() {
            usize::MAX => Ok(()),
            0 => {
                self.left.set(usize::MAX);
                Err(SysError::Bpf { cmd, errno: Errno(self.errno) })
            }
            n => {
                self.left.set(n - 1);
                Ok(())
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
}
