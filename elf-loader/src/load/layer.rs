//! Kernels that stand in front of others: to listen, to count, to fail.

use std::fmt;
use std::path::Path;

use purebpf_btf::KernelBtf;
use purebpf_sys::Error as SysError;
use purebpf_sys::probes::Feature;

use super::kernel::{Kernel, KernelConfig, Log, MapFacts, MapSpec, ProgSpec};

/// The handles of the kernel that a layer stands in front of.
pub type HandleOf<L> = <<L as Layer>::Below as Kernel>::Handle;

/// Memory of maps of the kernel that a layer stands in front of.
pub type MemoryOf<L> = <<L as Layer>::Below as Kernel>::Memory;

macro_rules! layer {
    ($(fn $name:ident(&self $(, $argument:ident: $of:ty)*) $(-> $result:ty)?;)*) => {
        /// A [`Kernel`] in front of another, to which everything goes that it does not answer by itself.
        ///
        /// ```
        /// use purebpf_elf_loader::load::{Kernel, Layer};
        ///
        /// /// A kernel of another version than it is.
        /// #[derive(Debug)]
        /// struct Older<K>(K);
        ///
        /// impl<K: Kernel> Layer for Older<K> {
        ///     type Below = K;
        ///
        ///     fn below(&self) -> &K {
        ///         &self.0
        ///     }
        ///
        ///     fn version(&self) -> u32 {
        ///         5 << 16 | 10 << 8
        ///     }
        /// }
        /// ```
        pub trait Layer: fmt::Debug + Sync {
            /// What it stands in front of.
            type Below: Kernel;

            /// The kernel that it stands in front of.
            fn below(&self) -> &Self::Below;

            $(
                #[doc = concat!("As [`Kernel::", stringify!($name), "`].")]
                #[allow(clippy::missing_errors_doc, reason = "those of the kernel's")]
                fn $name(&self $(, $argument: $of)*) $(-> $result)? {
                    self.below().$name($($argument),*)
                }
            )*
        }

        impl<L: Layer> Kernel for L {
            type Handle = HandleOf<L>;
            type Memory = MemoryOf<L>;

            $(
                fn $name(&self $(, $argument: $of)*) $(-> $result)? {
                    Layer::$name(self $(, $argument)*)
                }
            )*
        }
    };
}

layer! {
    fn parallelism(&self) -> usize;
    fn number(&self, handle: &HandleOf<Self>) -> i32;
    fn map_create(&self, map: &MapSpec<'_, HandleOf<Self>>) -> Result<HandleOf<Self>, SysError>;
    fn map_update(&self, map: &HandleOf<Self>, key: &[u8], value: &[u8]) -> Result<(), SysError>;
    fn map_freeze(&self, map: &HandleOf<Self>) -> Result<(), SysError>;
    fn map_facts(&self, map: &HandleOf<Self>) -> Result<MapFacts, SysError>;
    fn map_memory(
        &self,
        map: &HandleOf<Self>,
        address: Option<u64>,
        len: usize,
        offset: usize,
        bytes: &[u8]
    ) -> Result<MemoryOf<Self>, SysError>;
    fn pinned(&self, path: &Path) -> Result<Option<HandleOf<Self>>, SysError>;
    fn pin(&self, handle: &HandleOf<Self>, path: &Path) -> Result<(), SysError>;
    fn unpin(&self, path: &Path);
    fn program_btf(&self, program: &HandleOf<Self>) -> Result<Vec<u8>, String>;
    fn btf_load(&self, btf: &[u8], log: &mut Log) -> Result<HandleOf<Self>, SysError>;
    fn prog_load(&self, program: &ProgSpec<'_, HandleOf<Self>>, log: &mut Log) -> Result<HandleOf<Self>, SysError>;
    fn prog_bind_map(&self, program: &HandleOf<Self>, map: &HandleOf<Self>) -> Result<(), SysError>;
    fn supports(&self, feature: Feature) -> bool;
    fn version(&self) -> u32;
    fn possible_cpus(&self) -> Result<u32, SysError>;
    fn page_size(&self) -> u32;
    fn kernel_btf(&self) -> Result<KernelBtf, String>;
    fn module_btf(&self, module: &str) -> Result<HandleOf<Self>, SysError>;
    fn kallsyms(&self) -> Result<Vec<u8>, String>;
    fn config(&self) -> Result<KernelConfig, String>;
}
