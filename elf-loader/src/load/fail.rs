//! A kernel that fails when it is told to.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use purebpf_btf::KernelBtf;
use purebpf_sys::Error as SysError;
use purebpf_sys::error::Errno;
use purebpf_sys::uapi::Cmd;

use super::kernel::{Kernel, KernelConfig, Log, MapFacts, MapSpec, ProgSpec};
use super::layer::{HandleOf, Layer, MemoryOf};

/// Another kernel, of which one call fails, or all from one on.
#[derive(Debug)]
pub struct FailNth<K> {
    kernel: K,
    /// Calls until the one that fails.
    left: AtomicUsize,
    errno: i32,
    /// Whether what follows fails too.
    for_good: bool,
    failed: AtomicBool,
}

impl<K: Kernel> FailNth<K> {
    /// `kernel`, whose call number `n` (from 0) fails with `errno`. Every command, mapping and file is counted; what a kernel
    /// can do and what machine it runs on is not.
    pub fn new(kernel: K, n: usize, errno: i32) -> FailNth<K> {
        FailNth { kernel, left: AtomicUsize::new(n), errno, for_good: false, failed: AtomicBool::new(false) }
    }

    /// Whether the call was reached.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    /// The same, but every call after that fails too: what is tried again fails again.
    pub fn for_good(self) -> FailNth<K> {
        FailNth { for_good: true, ..self }
    }

    fn check(&self, cmd: Cmd) -> Result<(), SysError> {
        self.count().map_err(|errno| SysError::Bpf { cmd, errno })
    }

    fn check_file(&self, what: &str) -> Result<(), String> {
        self.count().map_err(|errno| format!("{what}: {errno}"))
    }

    fn count(&self) -> Result<(), Errno> {
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if left.is_ok() || (self.failed.swap(true, Ordering::Relaxed) && !self.for_good) {
            return Ok(());
        }
        Err(Errno(self.errno))
    }
}

impl<K: Kernel> Layer for FailNth<K> {
    type Below = K;

    fn below(&self) -> &K {
        &self.kernel
    }

    fn map_create(&self, map: &MapSpec<'_, HandleOf<Self>>) -> Result<HandleOf<Self>, SysError> {
        self.check(Cmd::MAP_CREATE)?;
        self.kernel.map_create(map)
    }

    fn map_update(&self, map: &HandleOf<Self>, key: &[u8], value: &[u8]) -> Result<(), SysError> {
        self.check(Cmd::MAP_UPDATE_ELEM)?;
        self.kernel.map_update(map, key, value)
    }

    fn map_freeze(&self, map: &HandleOf<Self>) -> Result<(), SysError> {
        self.check(Cmd::MAP_FREEZE)?;
        self.kernel.map_freeze(map)
    }

    fn map_facts(&self, map: &HandleOf<Self>) -> Result<MapFacts, SysError> {
        self.check(Cmd::OBJ_GET_INFO_BY_FD)?;
        self.kernel.map_facts(map)
    }

    fn map_memory(
        &self,
        map: &HandleOf<Self>,
        address: Option<u64>,
        len: usize,
        offset: usize,
        bytes: &[u8],
    ) -> Result<MemoryOf<Self>, SysError> {
        self.count().map_err(|errno| SysError::Syscall { call: "mmap", errno })?;
        self.kernel.map_memory(map, address, len, offset, bytes)
    }

    fn pinned(&self, path: &Path) -> Result<Option<HandleOf<Self>>, SysError> {
        self.check(Cmd::OBJ_GET)?;
        self.kernel.pinned(path)
    }

    fn pin(&self, handle: &HandleOf<Self>, path: &Path) -> Result<(), SysError> {
        self.check(Cmd::OBJ_PIN)?;
        self.kernel.pin(handle, path)
    }

    fn program_btf(&self, program: &HandleOf<Self>) -> Result<Vec<u8>, String> {
        self.check_file("BTF of a program")?;
        self.kernel.program_btf(program)
    }

    fn btf_load(&self, btf: &[u8], log: &mut Log) -> Result<HandleOf<Self>, SysError> {
        self.check(Cmd::BTF_LOAD)?;
        self.kernel.btf_load(btf, log)
    }

    fn prog_load(&self, program: &ProgSpec<'_, HandleOf<Self>>, log: &mut Log) -> Result<HandleOf<Self>, SysError> {
        self.check(Cmd::PROG_LOAD)?;
        self.kernel.prog_load(program, log)
    }

    fn prog_bind_map(&self, program: &HandleOf<Self>, map: &HandleOf<Self>) -> Result<(), SysError> {
        self.check(Cmd::PROG_BIND_MAP)?;
        self.kernel.prog_bind_map(program, map)
    }

    fn kernel_btf(&self) -> Result<KernelBtf, String> {
        self.check_file("BTF of the kernel")?;
        self.kernel.kernel_btf()
    }

    fn module_btf(&self, module: &str) -> Result<HandleOf<Self>, SysError> {
        self.check(Cmd::BTF_GET_FD_BY_ID)?;
        self.kernel.module_btf(module)
    }

    fn kallsyms(&self) -> Result<Vec<u8>, String> {
        self.check_file("the kernel's symbols")?;
        self.kernel.kallsyms()
    }

    fn config(&self) -> Result<KernelConfig, String> {
        self.check_file("the configuration")?;
        self.kernel.config()
    }
}
