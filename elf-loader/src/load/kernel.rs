//! What a load asks of a kernel.

use std::fmt;
use std::path::Path;

use purebpf_btf::KernelBtf;
use purebpf_sys::Error as SysError;
use purebpf_sys::insn::Insn;
use purebpf_sys::probes::Feature;
use purebpf_sys::uapi::{AttachType, MapType, ProgType};

/// A kernel, as far as loading needs one.
///
/// Handles stand for what was created, and release it when they are dropped.
pub trait Kernel: fmt::Debug + Sync {
    /// A map, a program, or a BTF object.
    type Handle: fmt::Debug + Send + Sync;

    /// Memory of a map that this process shares with the kernel.
    type Memory: fmt::Debug + Send + Sync;

    /// How many programs it may be asked to verify at a time.
    fn parallelism(&self) -> usize {
        1
    }

    /// The number by which instructions and attributes refer to `handle`: its file descriptor.
    fn number(&self, handle: &Self::Handle) -> i32;

    /// `BPF_MAP_CREATE`.
    ///
    /// # Errors
    /// The kernel's.
    fn map_create(&self, map: &MapSpec<'_, Self::Handle>) -> Result<Self::Handle, SysError>;

    /// `BPF_MAP_UPDATE_ELEM`, with whole keys and values.
    ///
    /// # Errors
    /// The kernel's.
    fn map_update(&self, map: &Self::Handle, key: &[u8], value: &[u8]) -> Result<(), SysError>;

    /// `BPF_MAP_FREEZE`.
    ///
    /// # Errors
    /// The kernel's.
    fn map_freeze(&self, map: &Self::Handle) -> Result<(), SysError>;

    /// What a map was created with.
    ///
    /// # Errors
    /// The kernel's.
    fn map_facts(&self, map: &Self::Handle) -> Result<MapFacts, SysError>;

    /// Maps the first `len` bytes of a map for reading and writing, at an address if one is given, and puts `bytes` at `offset`
    /// in them.
    ///
    /// # Errors
    /// The kernel's.
    fn map_memory(
        &self,
        map: &Self::Handle,
        address: Option<u64>,
        len: usize,
        offset: usize,
        bytes: &[u8],
    ) -> Result<Self::Memory, SysError>;

    /// `BPF_OBJ_GET`: what is pinned at a path; `None` where nothing is.
    ///
    /// # Errors
    /// The kernel's.
    fn pinned(&self, path: &Path) -> Result<Option<Self::Handle>, SysError>;

    /// `BPF_OBJ_PIN`, in a folder that is made if it is not there.
    ///
    /// # Errors
    /// The kernel's.
    fn pin(&self, handle: &Self::Handle, path: &Path) -> Result<(), SysError>;

    /// Removes a pin.
    fn unpin(&self, path: &Path);

    /// The BTF of a program that is loaded.
    ///
    /// # Errors
    /// Why there is none.
    fn program_btf(&self, program: &Self::Handle) -> Result<Vec<u8>, String>;

    /// `BPF_BTF_LOAD`.
    ///
    /// # Errors
    /// The kernel's; what it says of the types goes to `log`.
    fn btf_load(&self, btf: &[u8], log: &mut Log) -> Result<Self::Handle, SysError>;

    /// `BPF_PROG_LOAD`.
    ///
    /// # Errors
    /// The kernel's; what the verifier says goes to `log`.
    fn prog_load(&self, program: &ProgSpec<'_, Self::Handle>, log: &mut Log) -> Result<Self::Handle, SysError>;

    /// `BPF_PROG_BIND_MAP`: the map lives as long as the program, whether that refers to it or not.
    ///
    /// # Errors
    /// The kernel's.
    fn prog_bind_map(&self, program: &Self::Handle, map: &Self::Handle) -> Result<(), SysError>;

    /// Whether the kernel can do something; what cannot be found out, it can.
    fn supports(&self, feature: Feature) -> bool;

    /// The kernel's version, as `LINUX_VERSION_CODE` has it.
    fn version(&self) -> u32;

    /// How many CPUs there may ever be.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn possible_cpus(&self) -> Result<u32, SysError>;

    /// Size of a page in bytes.
    fn page_size(&self) -> u32;

    /// The kernel's types and those of its modules.
    ///
    /// # Errors
    /// Why there are none.
    fn kernel_btf(&self) -> Result<KernelBtf, String>;

    /// The BTF object of a module.
    ///
    /// # Errors
    /// The kernel's, or that there is none.
    fn module_btf(&self, module: &str) -> Result<Self::Handle, SysError>;

    /// The kernel's symbols, as `/proc/kallsyms` has them.
    ///
    /// # Errors
    /// Why they cannot be read.
    fn kallsyms(&self) -> Result<Vec<u8>, String>;

    /// The configuration that the kernel was built with.
    ///
    /// # Errors
    /// Where it was looked for, and why it cannot be read.
    fn config(&self) -> Result<KernelConfig, String>;
}

/// The configuration of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KernelConfig {
    /// Its lines, unpacked.
    pub text: Vec<u8>,
    /// Where it was read.
    pub place: String,
}

impl KernelConfig {
    /// A configuration, and where it was read.
    pub fn new(text: Vec<u8>, place: String) -> KernelConfig {
        KernelConfig { text, place }
    }
}

/// A map to be created.
#[derive(Debug)]
#[non_exhaustive]
pub struct MapSpec<'a, H> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub map_type: MapType,
    /// Size of a key in bytes.
    pub key_size: u32,
    /// Size of a value in bytes.
    pub value_size: u32,
    /// How many entries, or how many bytes.
    pub max_entries: u32,
    /// `BPF_F_*`.
    pub map_flags: u32,
    /// The NUMA node.
    pub numa_node: u32,
    /// What it means depends on the type.
    pub map_extra: u64,
    /// The object's BTF, and the types of key and value in it.
    pub btf: Option<(&'a H, u32, u32)>,
    /// A map like those that this one is to hold.
    pub inner: Option<&'a H>,
    /// The type of the value in the kernel's own BTF, of a table of operations; 0 for none.
    pub kernel_value_type: u32,
    /// The module whose BTF that is in.
    pub kernel_value_module: Option<&'a H>,
    /// The SHA-256 of the only program that may use it.
    pub exclusive_program: Option<&'a [u8]>,
    /// The network device that it is offloaded to; 0 for none.
    pub ifindex: u32,
}

/// What a map that exists was created with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MapFacts {
    /// Its type.
    pub map_type: MapType,
    /// Size of a key in bytes.
    pub key_size: u32,
    /// Size of a value in bytes.
    pub value_size: u32,
    /// How many entries, or how many bytes.
    pub max_entries: u32,
    /// `BPF_F_*`.
    pub map_flags: u32,
    /// What it means depends on the type.
    pub map_extra: u64,
}

/// A program to be loaded.
#[derive(Debug)]
#[non_exhaustive]
pub struct ProgSpec<'a, H> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub prog_type: ProgType,
    /// The attach type it is verified for.
    pub expected_attach_type: Option<AttachType>,
    /// `BPF_F_*`.
    pub flags: u32,
    /// Its instructions, references filled in.
    pub insns: &'a [Insn],
    /// Its license.
    pub license: &'a str,
    /// The kernel version that it claims to be made for.
    pub kernel_version: u32,
    /// The object's BTF.
    pub btf: Option<&'a H>,
    /// `func_info` and the size of a record.
    pub func_info: (&'a [u8], u32),
    /// `line_info` and the size of a record.
    pub line_info: (&'a [u8], u32),
    /// The type in the kernel's BTF that it attaches to; 0 for none.
    pub attach_btf_id: u32,
    /// The module whose BTF that is in.
    pub attach_btf_module: Option<&'a H>,
    /// The program whose BTF that is in, to which it attaches.
    pub attach_program: Option<&'a H>,
    /// The network device that it is offloaded or bound to; 0 for none.
    pub ifindex: u32,
    /// Descriptors that instructions refer to by their place.
    pub fd_array: &'a [i32],
}

/// The name that goes to the kernel: none where it knows no names (before 4.15). What it forbids in names, bpf-sys replaces.
pub(super) fn kernel_name<'a>(kernel: &impl Kernel, name: &'a str) -> &'a str {
    if kernel.supports(Feature::ProgName) { name } else { "" }
}

/// A log that the kernel may write.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// 0 for none; else `BPF_LOG_*`.
    pub level: u32,
    /// Where it goes. As long as it may get.
    pub buffer: Vec<u8>,
}

impl Log {
    /// No log.
    pub fn none() -> Log {
        Log::default()
    }

    /// A log of a level and a size.
    pub fn new(level: u32, size: usize) -> Log {
        Log { level, buffer: vec![0; size] }
    }

    /// What was written.
    pub fn text(&self) -> String {
        let end = self.buffer.iter().position(|&b| b == 0).unwrap_or(self.buffer.len());
        String::from_utf8_lossy(&self.buffer[..end]).into_owned()
    }
}
