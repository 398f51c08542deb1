//! Maps from user space: of a loaded object, pinned, or found by id.
//!
//! [`Map`] has keys and values as bytes. What its type is good for in Rust types, one of these has:
//!
//! | map type | view |
//! |---|---|
//! | hash, LRU hash, array, LPM trie, and all others with a value to a key | [`Map::typed`]: [`TypedMap`] ([`LpmKey`] for tries) |
//! | per-CPU hash, LRU per-CPU hash, per-CPU array, per-CPU cgroup storage | [`Map::per_cpu`]: [`PerCpuMap`] |
//! | queue, stack | [`Map::queue`]: [`Queue`] |
//! | bloom filter | [`Map::bloom_filter`]: [`BloomFilter`] |
//! | prog array, perf event array, cgroup array, maps of maps, sockmap, sockhash, reuseport array, xskmap | [`Map::descriptors`]: [`DescriptorMap`] |
//! | local storage of sockets, tasks, inodes, cgroups | [`Map::local_storage`]: [`LocalStorage`] |
//! | devmap, devmap hash | [`Map::devices`]: [`DeviceMap`] |
//! | cpumap | [`Map::cpus`]: [`CpuMap`] |
//! | stack trace | [`Map::stack_traces`]: [`StackTraces`] |
//! | array with `BPF_F_MMAPABLE` | [`Map::mapped`]: [`MappedArray`], without system calls |
//! | arena | [`Map::arena`], its memory |
//! | struct_ops | [`Map::struct_ops_state`], [`Map::attach_struct_ops`] |
//! | ring buffer, user ring buffer, perf event array read as a buffer | [`ringbuf`](crate::ringbuf) |

mod descriptors;
mod fault;
mod mapped;
mod per_cpu;
mod queue;
mod redirect;
mod stack_traces;
mod struct_ops;
mod typed;
mod walk;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use purebpf_elf_loader::load::Arena;
use purebpf_elf_loader::object::{MapId, MapKind};
use purebpf_sys::id::map_get_fd_by_id;
use purebpf_sys::info::MapInfo;
use purebpf_sys::mapping::Mapping;
use purebpf_sys::pin::{Access, obj_get, obj_pin_in_folder};
use purebpf_sys::uapi::{ElemFlags, MapType};

use crate::{Error, Result};

pub use descriptors::{DescriptorMap, LocalStorage};
pub use mapped::MappedArray;
pub use per_cpu::PerCpuMap;
pub use queue::{BloomFilter, Queue};
pub use redirect::{CpuMap, CpuQueue, Device, DeviceMap};
pub use stack_traces::{BuildIdFrame, StackTraces};
pub use struct_ops::StructOpsState;
pub use typed::{LpmKey, TypedMap};
pub use walk::{Drain, Entries, Keys};

use fault::Operation;

/// A map. Clones share the descriptor, which closes with the last of them.
///
/// Keys and values are bytes here, of exactly the sizes that the map has; the [module](self) lists the views with Rust types.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_map")]
pub struct Map {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    place: Option<(MapId, MapKind)>,
    map: purebpf_sys::map::Map,
    /// What an object that was loaded keeps in memory of it.
    memory: Memory,
}

/// What this process holds of a map beside its descriptor.
#[derive(Debug)]
pub(crate) enum Memory {
    Nothing,
    /// An arena.
    Arena(Arena<Mapping>),
    /// The value that puts a table of operations in use.
    StructOps(Vec<u8>),
}

impl Map {
    pub(crate) fn new(name: &str, id: MapId, kind: MapKind, map: purebpf_sys::map::Map, memory: Memory) -> Map {
        Map { inner: Arc::new(Inner { name: name.to_owned(), place: Some((id, kind)), map, memory }) }
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.inner.memory
    }

    /// The memory of an arena, which programs see at the same address; `None` for other maps, and for one that was there before its
    /// object was loaded. Pages come when they are touched; with `BPF_F_SEGV_ON_FAULT`, touching one that no program has allocated
    /// ends the process.
    pub fn arena(&self) -> Option<&Mapping> {
        match &self.inner.memory {
            Memory::Arena(arena) => Some(&arena.memory),
            _ => None,
        }
    }

    /// The map of a descriptor from anywhere.
    ///
    /// # Errors
    /// When it is not a map's, or the kernel refuses to describe it.
    pub fn from_fd(fd: OwnedFd) -> Result<Map> {
        Map::described(fd, || "file descriptor".to_owned())
    }

    fn described(fd: OwnedFd, by: impl Fn() -> String) -> Result<Map> {
        let opened = |cause| Error::Open { kind: "map", by: by(), cause };
        let map = purebpf_sys::map::Map::from_fd(fd).map_err(opened)?;
        let name = map.info().map_err(opened)?.name;
        Ok(Map { inner: Arc::new(Inner { name, place: None, map, memory: Memory::Nothing }) })
    }

    /// The map with this id in the kernel.
    ///
    /// # Errors
    /// When there is none, or the kernel refuses: without a token it wants `CAP_SYS_ADMIN`.
    #[doc(alias = "bpf_map_get_fd_by_id")]
    pub fn from_id(id: u32) -> Result<Map> {
        let by = || format!("id {id}");
        let fd = map_get_fd_by_id(id).map_err(|cause| Error::Open { kind: "map", by: by(), cause })?;
        Map::described(fd, by)
    }

    /// The map that is pinned at a path in a BPF file system.
    ///
    /// # Errors
    /// When there is none, another kind of object is there, or the file's mode forbids it.
    #[doc(alias = "bpf_obj_get")]
    pub fn open_pinned(path: impl AsRef<Path>) -> Result<Map> {
        Map::open_pinned_with(path, Access::ReadWrite)
    }

    /// As [`open_pinned`](Map::open_pinned), for reading or writing only: the kernel then refuses the other through this handle.
    ///
    /// # Errors
    /// As [`open_pinned`](Map::open_pinned).
    #[doc(alias = "bpf_obj_get_opts")]
    pub fn open_pinned_with(path: impl AsRef<Path>, access: Access) -> Result<Map> {
        let by = || format!("pin {}", path.as_ref().display());
        let fd = obj_get(path.as_ref(), access).map_err(|cause| Error::Open { kind: "map", by: by(), cause })?;
        Map::described(fd, by)
    }

    /// Its name in the object; of a map that comes from elsewhere, the kernel's, of 15 bytes at most.
    #[doc(alias = "bpf_map__name")]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Its id in the kernel.
    pub fn id(&self) -> u32 {
        self.inner.map.id()
    }

    /// Its place in the object; `None` for a map that comes from elsewhere.
    pub fn map_id(&self) -> Option<MapId> {
        self.inner.place.map(|(id, _)| id)
    }

    /// What it is for in the object: declared by the author, or holding a data section.
    pub fn kind(&self) -> Option<MapKind> {
        self.inner.place.map(|(_, kind)| kind)
    }

    /// Its type.
    #[doc(alias = "bpf_map__type")]
    pub fn map_type(&self) -> MapType {
        self.inner.map.map_type()
    }

    /// Bytes of a key; 0 for types without keys.
    #[doc(alias = "bpf_map__key_size")]
    pub fn key_size(&self) -> usize {
        self.inner.map.key_size()
    }

    /// Bytes of a value; of a per-CPU map's, of one CPU's.
    #[doc(alias = "bpf_map__value_size")]
    pub fn value_size(&self) -> usize {
        self.inner.map.value_size()
    }

    /// The number of elements it can hold; bytes, for ring buffers; pages, for arenas.
    #[doc(alias = "bpf_map__max_entries")]
    pub fn max_entries(&self) -> u32 {
        self.inner.map.max_entries()
    }

    /// What the kernel knows of it.
    ///
    /// # Errors
    /// When the kernel refuses.
    #[doc(alias = "bpf_map_get_info_by_fd")]
    pub fn info(&self) -> Result<MapInfo> {
        self.inner.map.info().map_err(|cause| self.fault(Operation::Other, cause))
    }

    /// The map as the system layer has it: every command, every flag.
    pub fn raw(&self) -> &purebpf_sys::map::Map {
        &self.inner.map
    }

    /// The value of a key; `None` when the map does not have it. Per-CPU maps give the values of
    /// all possible CPUs end to end, each rounded up to 8 bytes.
    ///
    /// # Errors
    /// When the key is of another size than the map's, or the kernel refuses.
    #[doc(alias = "bpf_map__lookup_elem")]
    pub fn lookup(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.lookup_with(key, ElemFlags::empty())
    }

    /// As [`lookup`](Map::lookup): with [`ElemFlags::LOCK`], holding the value's `bpf_spin_lock`; with [`ElemFlags::cpu`], one
    /// CPU's value of a per-CPU map (kernel 7.0).
    ///
    /// # Errors
    /// As [`lookup`](Map::lookup).
    #[doc(alias = "bpf_map_lookup_elem_flags")]
    pub fn lookup_with(&self, key: &[u8], flags: ElemFlags) -> Result<Option<Vec<u8>>> {
        let mut value = vec![0; self.elem_len(flags)];
        Ok(self.lookup_into(key, &mut value, flags)?.then_some(value))
    }

    /// As [`lookup_with`](Map::lookup_with), into bytes of the caller's, as many as that would give; says whether the key was there.
    ///
    /// # Errors
    /// As [`lookup`](Map::lookup).
    #[doc(alias = "bpf_map_lookup_elem")]
    pub fn lookup_into(&self, key: &[u8], value: &mut [u8], flags: ElemFlags) -> Result<bool> {
        self.inner.map.lookup(key, value, flags).map_err(|cause| self.fault(Operation::LookUp, cause))
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// When sizes are not the map's, or the kernel refuses.
    #[doc(alias = "bpf_map__update_elem")]
    pub fn update(&self, key: &[u8], value: &[u8], flags: ElemFlags) -> Result<()> {
        self.inner.map.update(key, value, flags).map_err(|cause| self.fault(Operation::Update(key, flags), cause))
    }

    /// Removes a key; says whether it was there.
    ///
    /// # Errors
    /// When the key is of another size than the map's, or the kernel refuses.
    #[doc(alias = "bpf_map__delete_elem")]
    pub fn delete(&self, key: &[u8]) -> Result<bool> {
        self.inner.map.delete(key, ElemFlags::empty()).map_err(|cause| self.fault(Operation::Delete, cause))
    }

    /// Removes a key and gives the value it had, in one step: no change of a program's comes between. `None` when the map does
    /// not have the key.
    ///
    /// # Errors
    /// When the kernel or the type cannot: hash tables have it from Linux 5.14 on, arrays never.
    #[doc(alias = "bpf_map__lookup_and_delete_elem")]
    pub fn take(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let mut value = vec![0; self.inner.map.elem_size()];
        let found = self.inner.map.lookup_and_delete(key, &mut value, ElemFlags::empty());
        Ok(found.map_err(|cause| self.fault(Operation::Take, cause))?.then_some(value))
    }

    /// Makes it read-only for user space, for good; programs still write.
    ///
    /// # Errors
    /// When it is mapped for writing, frozen already, or of a type that cannot be.
    #[doc(alias = "bpf_map_freeze")]
    pub fn freeze(&self) -> Result<()> {
        self.inner.map.freeze().map_err(|cause| self.fault(Operation::Other, cause))
    }

    /// Pins the map at a path in a BPF file system. The path's folder is made if only that is missing.
    ///
    /// # Errors
    /// When the kernel refuses: nothing may be at the path, and it must be in a bpffs.
    #[doc(alias = "bpf_map__pin")]
    pub fn pin(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        obj_pin_in_folder(self.as_fd(), path).map_err(|cause| crate::pinning::fault("map", self.name(), path, cause))
    }

    /// Removes the pin at a path, if this map is what is pinned there.
    ///
    /// # Errors
    /// When nothing or something else is there, or it cannot be removed.
    #[doc(alias = "bpf_map__unpin")]
    pub fn unpin(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let there = obj_get(path, Access::ReadOnly).and_then(|fd| purebpf_sys::info::map_info(fd.as_fd()));
        crate::pinning::remove("map", self.name(), path, there.map(|there| there.id == self.id()))
    }

    /// Bytes of an element with these flags: with those that choose a CPU, one value.
    fn elem_len(&self, flags: ElemFlags) -> usize {
        match flags.intersects(ElemFlags::CPU | ElemFlags::ALL_CPUS) {
            true => self.value_size(),
            false => self.inner.map.elem_size(),
        }
    }

    fn fault(&self, operation: Operation<'_>, cause: purebpf_sys::Error) -> Error {
        let advice = fault::advice(&self.inner.map, operation, fault::errno_name(&cause));
        Error::Map { map: self.name().to_owned(), cause, advice }
    }

    fn unsupported(&self, what: impl fmt::Display) -> Error {
        Error::Unsupported { kind: "map", name: self.name().to_owned(), what: what.to_string() }
    }

    /// An error unless the map is of one of these types.
    fn must_be(&self, types: &[MapType], what: &str) -> Result<()> {
        match types.contains(&self.map_type()) {
            true => Ok(()),
            false => Err(self.unsupported(format_args!("is {}, no {what}", fault::a_type(self.map_type())))),
        }
    }

    fn must_have_key<K>(&self) -> Result<()> {
        self.must_have_size("key of map", self.key_size(), size_of::<K>())
    }

    fn must_have_value<V>(&self) -> Result<()> {
        self.must_have_size("value of map", self.value_size(), size_of::<V>())
    }

    fn must_have_size(&self, what: &'static str, expected: usize, actual: usize) -> Result<()> {
        match expected == actual {
            true => Ok(()),
            false => Err(Error::Size { what, name: self.name().to_owned(), expected, actual }),
        }
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.map.as_fd()
    }
}
