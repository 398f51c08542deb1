//! A kernel that is none, and notes what it is asked.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use purebpf_btf::KernelBtf;
use purebpf_sys::Error as SysError;
use purebpf_sys::insn::Insn;
use purebpf_sys::probes::Feature;
use purebpf_sys::uapi::{AttachType, MapType};

use super::kernel::{Kernel, KernelConfig, Log, MapFacts, MapSpec, ProgSpec};

/// A kernel that accepts everything and does nothing, and can do everything unless told otherwise. It notes what it was
/// asked and what of that was released. Clones are the same kernel.
#[derive(Clone, Debug, Default)]
pub struct DryKernel {
    state: Arc<Mutex<State>>,
    kernel_btf: Option<KernelBtf>,
    kallsyms: String,
    config: Option<String>,
    lacking: HashSet<Feature>,
}

#[derive(Debug, Default)]
struct State {
    next: i32,
    live: usize,
    calls: Vec<Call>,
    /// What each map that lives was created with.
    maps: HashMap<i32, MapFacts>,
    pins: HashMap<PathBuf, i32>,
}

/// What it notes is whole after every line that changes it.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
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
        /// The type of its value in the kernel's BTF, and the number of its module's types, of a table of operations.
        kernel_value: Option<(u32, Option<i32>)>,
        /// The hash of the only program that may use it.
        exclusive_program: Option<Vec<u8>>,
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
    /// Memory of a map was mapped, and written to.
    MapMemory {
        /// The map.
        map: i32,
        /// The address that was asked for.
        address: Option<u64>,
        /// Bytes mapped.
        len: usize,
        /// Where the bytes went.
        offset: usize,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A pin was looked for.
    Pinned {
        /// Where.
        path: PathBuf,
        /// The number of what is there from now on.
        found: Option<i32>,
    },
    /// Something was pinned.
    Pin {
        /// Its number.
        number: i32,
        /// Where.
        path: PathBuf,
    },
    /// A pin was removed.
    Unpin {
        /// Where.
        path: PathBuf,
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
    /// It was asked what a map was created with.
    MapFacts {
        /// The map.
        map: i32,
    },
    /// The types of a program were asked for.
    ProgramBtf {
        /// The program.
        program: i32,
    },
    /// The kernel's types were asked for.
    KernelBtf,
    /// The kernel's symbols were read.
    Kallsyms,
    /// A map was bound to a program.
    ProgBindMap {
        /// The program.
        program: i32,
        /// The map.
        map: i32,
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
    state: Arc<Mutex<State>>,
}

impl Drop for DryHandle {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.live = state.live.saturating_sub(1);
        state.calls.push(Call::Release(self.number));
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
        lock(&self.state).live
    }

    /// What is pinned, by path.
    pub fn pins(&self) -> Vec<PathBuf> {
        let mut pins: Vec<PathBuf> = lock(&self.state).pins.keys().cloned().collect();
        pins.sort();
        pins
    }

    /// What it was asked, in that order.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.state).calls.clone()
    }

    fn create(&self, call: impl FnOnce(i32) -> Call) -> DryHandle {
        let mut state = lock(&self.state);
        state.next += 1;
        state.live += 1;
        let number = state.next;
        state.calls.push(call(number));
        DryHandle { number, state: self.state.clone() }
    }

    fn note(&self, call: Call) {
        lock(&self.state).calls.push(call);
    }
}

impl Kernel for DryKernel {
    type Handle = DryHandle;
    type Memory = DryHandle;

    fn number(&self, handle: &DryHandle) -> i32 {
        handle.number
    }

    fn map_create(&self, spec: &MapSpec<'_, DryHandle>) -> Result<DryHandle, SysError> {
        let handle = self.create(|map| Call::MapCreate {
            map,
            name: spec.name.to_owned(),
            map_type: spec.map_type,
            key_size: spec.key_size,
            value_size: spec.value_size,
            max_entries: spec.max_entries,
            map_flags: spec.map_flags,
            types: spec.btf.map(|(_, key, value)| (key, value)),
            inner: spec.inner.map(|inner| inner.number),
            kernel_value: (spec.kernel_value_type != 0)
                .then_some((spec.kernel_value_type, spec.kernel_value_module.map(|module| module.number))),
            exclusive_program: spec.exclusive_program.map(<[u8]>::to_vec),
        });
        let facts = MapFacts {
            map_type: spec.map_type,
            key_size: spec.key_size,
            value_size: spec.value_size,
            max_entries: spec.max_entries,
            map_flags: spec.map_flags,
            map_extra: spec.map_extra,
        };
        lock(&self.state).maps.insert(handle.number, facts);
        Ok(handle)
    }

    fn map_facts(&self, map: &DryHandle) -> Result<MapFacts, SysError> {
        self.note(Call::MapFacts { map: map.number });
        let facts = lock(&self.state).maps.get(&map.number).copied();
        facts.ok_or_else(|| SysError::Invalid { what: "no map has the number", value: map.number.to_string() })
    }

    fn map_memory(
        &self,
        map: &DryHandle,
        address: Option<u64>,
        len: usize,
        offset: usize,
        bytes: &[u8],
    ) -> Result<DryHandle, SysError> {
        let (map, bytes) = (map.number, bytes.to_vec());
        Ok(self.create(|_| Call::MapMemory { map, address, len, offset, bytes }))
    }

    fn pinned(&self, path: &Path) -> Result<Option<DryHandle>, SysError> {
        let there = lock(&self.state).pins.get(path).copied();
        let Some(there) = there else {
            self.note(Call::Pinned { path: path.to_owned(), found: None });
            return Ok(None);
        };
        let handle = self.create(|number| Call::Pinned { path: path.to_owned(), found: Some(number) });
        let mut state = lock(&self.state);
        if let Some(facts) = state.maps.get(&there).copied() {
            state.maps.insert(handle.number, facts);
        }
        drop(state);
        Ok(Some(handle))
    }

    fn pin(&self, handle: &DryHandle, path: &Path) -> Result<(), SysError> {
        self.note(Call::Pin { number: handle.number, path: path.to_owned() });
        lock(&self.state).pins.insert(path.to_owned(), handle.number);
        Ok(())
    }

    fn unpin(&self, path: &Path) {
        self.note(Call::Unpin { path: path.to_owned() });
        lock(&self.state).pins.remove(path);
    }

    fn program_btf(&self, program: &DryHandle) -> Result<Vec<u8>, String> {
        self.note(Call::ProgramBtf { program: program.number });
        Err("programs of a dry kernel have none".to_owned())
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

    fn prog_bind_map(&self, program: &DryHandle, map: &DryHandle) -> Result<(), SysError> {
        self.note(Call::ProgBindMap { program: program.number, map: map.number });
        Ok(())
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
        self.note(Call::KernelBtf);
        self.kernel_btf.clone().ok_or_else(|| "this kernel has none".to_owned())
    }

    fn module_btf(&self, module: &str) -> Result<DryHandle, SysError> {
        Ok(self.create(|btf| Call::ModuleBtf { btf, module: module.to_owned() }))
    }

    fn kallsyms(&self) -> Result<Vec<u8>, String> {
        self.note(Call::Kallsyms);
        Ok(self.kallsyms.clone().into_bytes())
    }

    fn config(&self) -> Result<KernelConfig, String> {
        self.note(Call::Config);
        let text = self.config.clone().ok_or_else(|| "this kernel has none".to_owned())?;
        Ok(KernelConfig::new(text.into_bytes(), "the dry kernel's configuration".to_owned()))
    }
}
