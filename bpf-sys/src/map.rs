//! Maps: creation, and a handle through which every element command is safe.
//!
//! The element commands take bare pointers; how much the kernel reads or writes through them depends on the map (its key
//! and value size, the number of possible CPUs, whether it holds file descriptors). [`Map`] asks the kernel once and then
//! checks each slice, so that no look-up can write past one.

mod batch;

use crate::{
    error::{Error, Result},
    info::{self, MapInfo},
    probes::{self, Feature},
    prog::Loaded,
    syscall::{address, address_mut, bpf_attr, bpf_fd, bpf_fd_logged, fd_number},
    system::{self, object_name},
    uapi::{Cmd, ElemFlags, MapFlags, MapType, bpf_attr_map_create, bpf_attr_map_elem},
};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

pub use batch::{Batch, BatchCursor};

/// What BPF_MAP_CREATE takes.
///
/// ```no_run
/// # use purebpf_sys::{map::MapCreate, uapi::{MapFlags, MapType}};
/// let fd = MapCreate::new(MapType::ARRAY, 4, 8, 16).flags(MapFlags::MMAPABLE).name("numbers").create()?;
/// # Ok::<(), purebpf_sys::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "bpf_map_create_opts")]
pub struct MapCreate<'a> {
    attr: bpf_attr_map_create,
    flags: MapFlags,
    btf_fd: Option<BorrowedFd<'a>>,
    inner_map_fd: Option<BorrowedFd<'a>>,
    value_type_btf_obj_fd: Option<BorrowedFd<'a>>,
    token_fd: Option<BorrowedFd<'a>>,
    excl_prog_hash: &'a [u8],
}

impl<'a> MapCreate<'a> {
    /// A map of `map_type`; sizes in bytes. What each type wants of the sizes is the kernel's business
    /// (`map_alloc_check` of its `bpf_map_ops`).
    pub fn new(map_type: MapType, key_size: u32, value_size: u32, max_entries: u32) -> Self {
        MapCreate {
            attr: bpf_attr_map_create { map_type: map_type.0, key_size, value_size, max_entries, ..Default::default() },
            flags: MapFlags::empty(),
            btf_fd: None,
            inner_map_fd: None,
            value_type_btf_obj_fd: None,
            token_fd: None,
            excl_prog_hash: &[],
        }
    }

    /// The name that tools show: the first 15 bytes, with what the kernel refuses in names turned into `_`.
    pub fn name(mut self, name: &str) -> Self {
        self.attr.map_name = object_name(name);
        self
    }

    /// `map_flags`. Flags that say another field is set (`NUMA_NODE`, `TOKEN_FD`, `VTYPE_BTF_OBJ_FD`) come with that field.
    pub fn flags(mut self, flags: MapFlags) -> Self {
        self.flags |= flags;
        self
    }

    /// The inner map that stands as the pattern for what an array or hash of maps will hold.
    pub fn inner_map(mut self, fd: BorrowedFd<'a>) -> Self {
        self.inner_map_fd = Some(fd);
        self
    }

    /// The NUMA node of the map's memory; sets `NUMA_NODE`.
    pub fn numa_node(mut self, node: u32) -> Self {
        self.attr.numa_node = node;
        self.flags |= MapFlags::NUMA_NODE;
        self
    }

    /// The network device that an offloaded map lives on.
    pub fn map_ifindex(mut self, ifindex: u32) -> Self {
        self.attr.map_ifindex = ifindex;
        self
    }

    /// The BTF that describes key and value, and their type ids in it; 0 for none.
    pub fn btf(mut self, btf: BorrowedFd<'a>, key_type_id: u32, value_type_id: u32) -> Self {
        self.btf_fd = Some(btf);
        self.attr.btf_key_type_id = key_type_id;
        self.attr.btf_value_type_id = value_type_id;
        self
    }

    /// struct_ops: the id of the value's type in the kernel's BTF (or the module's, see
    /// [`value_type_btf_obj`](Self::value_type_btf_obj)).
    pub fn btf_vmlinux_value_type_id(mut self, type_id: u32) -> Self {
        self.attr.btf_vmlinux_value_type_id = type_id;
        self
    }

    /// struct_ops of a module: the module's BTF; sets `VTYPE_BTF_OBJ_FD`.
    pub fn value_type_btf_obj(mut self, btf: BorrowedFd<'a>) -> Self {
        self.value_type_btf_obj_fd = Some(btf);
        self.flags |= MapFlags::VTYPE_BTF_OBJ_FD;
        self
    }

    /// What else a map type takes: a bloom filter's number of hashes, an arena's address.
    pub fn map_extra(mut self, extra: u64) -> Self {
        self.attr.map_extra = extra;
        self
    }

    /// The BPF token that allows the creation; sets `TOKEN_FD`.
    pub fn token(mut self, token: BorrowedFd<'a>) -> Self {
        self.token_fd = Some(token);
        self.flags |= MapFlags::TOKEN_FD;
        self
    }

    /// The SHA-256 of the only program that may use the map.
    pub fn excl_prog_hash(mut self, hash: &'a [u8]) -> Self {
        self.excl_prog_hash = hash;
        self
    }

    /// Creates the map.
    ///
    /// On kernels that charge BPF memory to RLIMIT_MEMLOCK (before 5.11), a refusal for that limit raises the limit and
    /// tries again.
    ///
    /// # Errors
    ///
    /// BPF_MAP_CREATE's errno (`map_create`, and the type's `map_alloc_check`): EINVAL for a type, flag or size that the kernel
    /// does not take, and for BTF ids without BTF; EPERM without CAP_BPF (or CAP_SYS_ADMIN, CAP_NET_ADMIN for some types); E2BIG
    /// for sizes above its limits, or a field that it does not know; ENOMEM; ENOTSUPP for BTF that the type does not take.
    #[doc(alias = "bpf_map_create")]
    pub fn create(&self) -> Result<OwnedFd> {
        let attr = self.prepared()?;
        system::with_memlock(|| create_with(attr))
    }

    /// As [`create`](Self::create), with the kernel's reason for a refusal written to `log` (from 7.2; see
    /// [`log_text`](crate::prog::log_text)). Kernels before do without.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); ENOSPC when the log did not fit.
    pub fn create_with_log(&self, log_level: u32, log: &mut [u8]) -> Loaded {
        if let Some(first) = log.first_mut() {
            *first = 0;
        }
        if !probes::has(Feature::SyscallCommonAttrs).unwrap_or(false) {
            return Loaded { result: self.create(), log_true_size: 0 };
        }
        match self.prepared() {
            Ok(attr) => create_with_log(attr, log_level, log),
            Err(error) => Loaded { result: Err(error), log_true_size: 0 },
        }
    }

    fn prepared(&self) -> Result<bpf_attr_map_create> {
        let mut attr = self.attr;
        attr.map_flags = self.flags.bits();
        attr.btf_fd = self.btf_fd.map_or(0, fd_number);
        attr.inner_map_fd = self.inner_map_fd.map_or(0, fd_number);
        attr.value_type_btf_obj_fd = self.value_type_btf_obj_fd.map_or(0, fd_number) as i32;
        attr.map_token_fd = self.token_fd.map_or(0, fd_number) as i32;
        attr.excl_prog_hash = address(self.excl_prog_hash);
        attr.excl_prog_hash_size = crate::syscall::length("excl_prog_hash is too long", self.excl_prog_hash)?;
        Ok(attr)
    }
}

#[allow(unsafe_code)]
fn create_with(mut attr: bpf_attr_map_create) -> Result<OwnedFd> {
    // SAFETY: the one address, excl_prog_hash, is that of a slice of excl_prog_hash_size bytes which the builder borrows.
    unsafe { bpf_fd(Cmd::MAP_CREATE, &mut attr) }
}

#[allow(unsafe_code)]
pub(crate) fn create_with_log(mut attr: bpf_attr_map_create, log_level: u32, log: &mut [u8]) -> Loaded {
    // SAFETY: as above.
    let (result, log_true_size) = unsafe { bpf_fd_logged(Cmd::MAP_CREATE, &mut attr, log_level, log) };
    Loaded { result, log_true_size }
}

mod sealed {
    use super::{Arc, BorrowedFd, OwnedFd};

    /// Holders that give the same open file each time they are asked. `AsFd` does not promise that, and a map that
    /// changed under its sizes would make look-ups unsound.
    pub trait StableFd {}
    impl StableFd for OwnedFd {}
    impl StableFd for BorrowedFd<'_> {}
    impl StableFd for Arc<OwnedFd> {}
    impl StableFd for &OwnedFd {}
}

/// Holders of a file descriptor that a [`Map`] may be built on: `OwnedFd`, `BorrowedFd`, `&OwnedFd`, `Arc<OwnedFd>`.
pub trait MapFd: AsFd + sealed::StableFd {}
impl<T: AsFd + sealed::StableFd> MapFd for T {}

/// An open map and its sizes.
#[derive(Clone, Debug)]
pub struct Map<Fd = OwnedFd> {
    fd: Fd,
    id: u32,
    map_type: MapType,
    flags: MapFlags,
    key_size: usize,
    value_size: usize,
    elem_size: usize,
    max_entries: u32,
}

impl<Fd: MapFd> Map<Fd> {
    /// The handle of an open map, whose sizes are asked of the kernel.
    ///
    /// # Errors
    ///
    /// BPF_OBJ_GET_INFO_BY_FD's errno; `Invalid` when the fd is that of another BPF object; for per-CPU maps, what reading the
    /// number of possible CPUs says.
    pub fn from_fd(fd: Fd) -> Result<Map<Fd>> {
        let info = info::map_info(fd.as_fd())?;
        let value_size = info.value_size as usize;
        Ok(Map {
            id: info.id,
            map_type: info.map_type,
            flags: info.map_flags,
            key_size: info.key_size as usize,
            value_size,
            elem_size: elem_size(info.map_type, value_size)?,
            max_entries: info.max_entries,
            fd,
        })
    }

    /// The holder of the file descriptor.
    pub fn into_fd(self) -> Fd {
        self.fd
    }

    /// The id, unique among the maps that exist.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The type.
    pub fn map_type(&self) -> MapType {
        self.map_type
    }

    /// The flags it was created with.
    pub fn flags(&self) -> MapFlags {
        self.flags
    }

    /// Bytes of a key; 0 for types without keys.
    pub fn key_size(&self) -> usize {
        self.key_size
    }

    /// Bytes of a value as the map was declared (for per-CPU maps: of one CPU's).
    pub fn value_size(&self) -> usize {
        self.value_size
    }

    /// Bytes that a look-up gives and an update takes: for per-CPU maps, the value rounded up to 8, once for every possible
    /// CPU; for maps of file descriptors, 4; else [`value_size`](Self::value_size).
    pub fn elem_size(&self) -> usize {
        self.elem_size
    }

    /// The number of elements it can hold.
    pub fn max_entries(&self) -> u32 {
        self.max_entries
    }

    /// The kernel's description, asked anew.
    ///
    /// # Errors
    ///
    /// As [`info::map_info`].
    pub fn info(&self) -> Result<MapInfo> {
        info::map_info(self.fd.as_fd())
    }

    /// Copies the value of `key` into `value`; false when there is none (ENOENT), and then `value` is untouched.
    ///
    /// `value` is of [`elem_size`](Self::elem_size) bytes, or of [`value_size`](Self::value_size) with [`ElemFlags::cpu`].
    /// Queues and stacks take an empty key and give the next element; a bloom filter takes the value to test.
    ///
    /// # Errors
    ///
    /// `Length` for a slice of the wrong length; else the errno (`map_lookup_elem`): EPERM from a write-only fd, EOPNOTSUPP or
    /// ENOTSUPP for types without look-up, EINVAL for flags that the kernel or the map does not take (`LOCK` without a lock in
    /// the value), ERANGE for a CPU that cannot be.
    #[doc(alias = "bpf_map_lookup_elem")]
    #[doc(alias = "bpf_map_lookup_elem_flags")]
    pub fn lookup(&self, key: &[u8], value: &mut [u8], flags: ElemFlags) -> Result<bool> {
        self.take_value(Cmd::MAP_LOOKUP_ELEM, key, value, flags)
    }

    /// As [`lookup`](Self::lookup), and removes the element in the same step (hash tables from 5.14, queues and stacks).
    ///
    /// # Errors
    ///
    /// As there (`map_lookup_and_delete_elem`); ENOTSUPP for other types; EPERM from a fd that does not both read and write, or
    /// when the map is frozen.
    #[doc(alias = "bpf_map_lookup_and_delete_elem")]
    #[doc(alias = "bpf_map_lookup_and_delete_elem_flags")]
    pub fn lookup_and_delete(&self, key: &[u8], value: &mut [u8], flags: ElemFlags) -> Result<bool> {
        self.take_value(Cmd::MAP_LOOKUP_AND_DELETE_ELEM, key, value, flags)
    }

    #[allow(unsafe_code)]
    fn take_value(&self, cmd: Cmd, key: &[u8], value: &mut [u8], flags: ElemFlags) -> Result<bool> {
        self.check_key(key)?;
        self.check_value(value, flags)?;
        let mut attr = self.elem(key, flags);
        attr.value = address_mut(value);
        // SAFETY: key and value are exactly as long as `bpf_map_copy_value` reads and writes for this map and these flags.
        present(unsafe { bpf_attr(cmd, &mut attr) })
    }

    /// Puts `value` under `key`; for queues and stacks, with an empty key, pushes it.
    ///
    /// # Errors
    ///
    /// `Length`; the errno (`map_update_elem`): EEXIST and ENOENT as the flags ask; E2BIG when a hash table or a queue is full, or
    /// an index lies beyond the array; EBUSY when the bucket is in use; EPERM when the map is frozen or the fd is read-only;
    /// EBADF and EINVAL for what a map of descriptors does not take; ENOMEM.
    #[doc(alias = "bpf_map_update_elem")]
    #[allow(unsafe_code)]
    pub fn update(&self, key: &[u8], value: &[u8], flags: ElemFlags) -> Result<()> {
        self.check_key(key)?;
        self.check_value(value, flags)?;
        let mut attr = self.elem(key, flags);
        attr.value = address(value);
        // SAFETY: the kernel reads key and value, which are as long as it reads for this map and these flags.
        unsafe { bpf_attr(Cmd::MAP_UPDATE_ELEM, &mut attr)? };
        Ok(())
    }

    /// Puts a file descriptor under `key`: another map, a program, a perf event, a cgroup, a socket, as the map's type wants.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update); EINVAL for a descriptor of the wrong kind.
    pub fn update_fd(&self, key: &[u8], fd: BorrowedFd<'_>, flags: ElemFlags) -> Result<()> {
        let number = fd_number(fd);
        if self.elem_size == 8 {
            return self.update(key, &u64::from(number).to_ne_bytes(), flags);
        }
        self.update(key, &number.to_ne_bytes(), flags)
    }

    /// Removes `key`; false when there was none.
    ///
    /// # Errors
    ///
    /// `Length`; the errno (`map_delete_elem`): EINVAL for arrays, whose elements stay; EPERM as for [`update`](Self::update);
    /// EBUSY when the bucket is in use.
    #[doc(alias = "bpf_map_delete_elem")]
    #[doc(alias = "bpf_map_delete_elem_flags")]
    #[allow(unsafe_code)]
    pub fn delete(&self, key: &[u8], flags: ElemFlags) -> Result<bool> {
        self.check_key(key)?;
        let mut attr = self.elem(key, flags);
        // SAFETY: the kernel reads the key, of key_size bytes.
        present(unsafe { bpf_attr(Cmd::MAP_DELETE_ELEM, &mut attr) })
    }

    /// The key after `key` in the map's own order, the first after `None`; false at the end.
    ///
    /// In a hash table from which others delete meanwhile, a `key` that is gone starts over at the first.
    ///
    /// # Errors
    ///
    /// `Length`; the errno (`map_get_next_key`): EINVAL, ENOTSUPP or EOPNOTSUPP for types without keys to walk; EPERM from a
    /// write-only fd.
    #[doc(alias = "bpf_map_get_next_key")]
    #[allow(unsafe_code)]
    pub fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<bool> {
        if let Some(key) = key {
            self.check_key(key)?;
        }
        self.check_key(next)?;
        let mut attr = self.elem(key.unwrap_or_default(), ElemFlags::empty());
        attr.value = address_mut(next);
        // SAFETY: both keys are of key_size bytes: one read (or NULL), one written.
        present(unsafe { bpf_attr(Cmd::MAP_GET_NEXT_KEY, &mut attr) })
    }

    /// Makes the map read-only for bpf(2) for good; programs still write, unless `RDONLY_PROG`.
    ///
    /// # Errors
    ///
    /// As [`map_freeze`].
    pub fn freeze(&self) -> Result<()> {
        map_freeze(self.fd.as_fd())
    }

    fn elem(&self, key: &[u8], flags: ElemFlags) -> bpf_attr_map_elem {
        bpf_attr_map_elem {
            map_fd: fd_number(self.fd.as_fd()),
            key: address(key),
            flags: flags.bits(),
            ..Default::default()
        }
    }

    fn check_key(&self, key: &[u8]) -> Result<()> {
        same_length("a key", self.key_size, key.len())
    }

    fn check_value(&self, value: &[u8], flags: ElemFlags) -> Result<()> {
        let expected = if flags.one_value() { self.value_size } else { self.elem_size };
        // Kernels before 6.19 do not know these flags, and refuse them on every map; on those, the sizes do not matter.
        same_length("a value", expected, value.len())
    }
}

impl<Fd: AsFd> AsFd for Map<Fd> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Makes a map read-only for bpf(2) for good.
///
/// # Errors
///
/// EBUSY while it is mapped writable or being written (`map_freeze`); EPERM or, on older kernels, EBUSY when it is frozen
/// already; ENOTSUPP for struct_ops maps and those with timers and the like in their values.
#[doc(alias = "bpf_map_freeze")]
#[allow(unsafe_code)]
pub fn map_freeze(map: BorrowedFd<'_>) -> Result<()> {
    let mut attr = bpf_attr_map_elem { map_fd: fd_number(map), ..Default::default() };
    // SAFETY: no addresses.
    unsafe { bpf_attr(Cmd::MAP_FREEZE, &mut attr)? };
    Ok(())
}

/// The bytes of an element on the wire: the kernel's `bpf_map_value_size`.
fn elem_size(map_type: MapType, value_size: usize) -> Result<usize> {
    Ok(match map_type {
        MapType::PERCPU_HASH
        | MapType::LRU_PERCPU_HASH
        | MapType::PERCPU_ARRAY
        | MapType::PERCPU_CGROUP_STORAGE => value_size.next_multiple_of(8) * system::possible_cpus()?,
        // IS_FD_MAP: ids and descriptors.
        MapType::PERF_EVENT_ARRAY
        | MapType::PROG_ARRAY
        | MapType::CGROUP_ARRAY
        | MapType::ARRAY_OF_MAPS
        | MapType::HASH_OF_MAPS => 4,
        _ => value_size,
    })
}

fn same_length(what: &'static str, expected: usize, given: usize) -> Result<()> {
    if expected == given { Ok(()) } else { Err(Error::Length { what, expected, given }) }
}

/// ENOENT is an answer, not a failure.
fn present(result: Result<i32>) -> Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.errno() == libc::ENOENT => Ok(false),
        Err(error) => Err(error),
    }
}
