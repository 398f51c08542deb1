//! Maps that user space fills with file descriptors, or whose keys are such.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd};

use bytemuck::{AnyBitPattern, NoUninit};
use purebpf_sys::uapi::{ElemFlags, MapType};

use super::Map;
use super::fault::{self, Operation, errno_name};
use crate::{Error, Result};

/// A map whose values are set as file descriptors: of programs, maps, perf events, cgroups, sockets. Made by [`Map::descriptors`].
///
/// The map holds what a descriptor stands for: the descriptor may be closed. (But prog arrays are emptied when the last handle
/// of the map that is not a program's closes, and sockets leave a sockmap when they close.)
pub struct DescriptorMap<K> {
    map: Map,
    types: PhantomData<fn(K)>,
}

impl<K> fmt::Debug for DescriptorMap<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DescriptorMap").field(&self.map).finish()
    }
}

impl<K> Clone for DescriptorMap<K> {
    fn clone(&self) -> Self {
        DescriptorMap { map: self.map.clone(), types: PhantomData }
    }
}

/// How often a lost race is run again.
const ATTEMPTS: u32 = 16;

/// A map that keeps a value with each socket, task, inode or cgroup, as long as that lives. Made by [`Map::local_storage`].
///
/// From user space one is named by an open descriptor of it: the socket, a pidfd (`pidfd_open(2)`: the process's first thread;
/// others with `PIDFD_THREAD`, from Linux 6.9 on), an open file, an open directory of cgroup2.
pub struct LocalStorage<V> {
    map: Map,
    types: PhantomData<fn() -> V>,
}

impl<V> fmt::Debug for LocalStorage<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalStorage").field(&self.map).finish()
    }
}

impl<V> Clone for LocalStorage<V> {
    fn clone(&self) -> Self {
        LocalStorage { map: self.map.clone(), types: PhantomData }
    }
}

impl Map {
    /// The same map, whose values are set as file descriptors, with a Rust type for its keys.
    ///
    /// # Errors
    /// When it is no such map, or keys are of another size.
    pub fn descriptors<K: NoUninit + AnyBitPattern>(&self) -> Result<DescriptorMap<K>> {
        let types = [
            MapType::PROG_ARRAY,
            MapType::PERF_EVENT_ARRAY,
            MapType::CGROUP_ARRAY,
            MapType::ARRAY_OF_MAPS,
            MapType::HASH_OF_MAPS,
            MapType::SOCKMAP,
            MapType::SOCKHASH,
            MapType::REUSEPORT_SOCKARRAY,
            MapType::XSKMAP,
        ];
        self.must_be(&types, "map of file descriptors")?;
        self.must_have_key::<K>()?;
        Ok(DescriptorMap { map: self.clone(), types: PhantomData })
    }

    /// The same map, a local storage, with a Rust type for its values.
    ///
    /// # Errors
    /// When it is none, or values are of another size.
    pub fn local_storage<V: NoUninit + AnyBitPattern>(&self) -> Result<LocalStorage<V>> {
        let types = [MapType::SK_STORAGE, MapType::TASK_STORAGE, MapType::INODE_STORAGE, MapType::CGRP_STORAGE];
        self.must_be(&types, "local storage")?;
        self.must_have_value::<V>()?;
        Ok(LocalStorage { map: self.clone(), types: PhantomData })
    }
}

impl<K: NoUninit + AnyBitPattern> DescriptorMap<K> {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Puts under a key what a descriptor stands for.
    ///
    /// # Errors
    /// When it is of the wrong kind, or the kernel refuses.
    pub fn insert(&self, key: &K, fd: impl AsFd) -> Result<()> {
        self.update(key, fd, ElemFlags::ANY)
    }

    /// As [`insert`](Self::insert); `flags` say whether the key may or must be there.
    ///
    /// # Errors
    /// When it is of the wrong kind, or the kernel refuses.
    pub fn update(&self, key: &K, fd: impl AsFd, flags: ElemFlags) -> Result<()> {
        let key = bytemuck::bytes_of(key);
        let done = self.map.raw().update_fd(key, fd.as_fd(), flags);
        done.map_err(|cause| self.map.fault(Operation::Update(key, flags), cause))
    }

    /// Removes a key; says whether it was there (of an xskmap's, always).
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&self, key: &K) -> Result<bool> {
        let bytes = bytemuck::bytes_of(key);
        match self.map.raw().delete(bytes, ElemFlags::empty()) {
            // `__sock_map_delete` says so of an empty element as of an index that is none.
            Err(cause)
                if self.map.map_type() == MapType::SOCKMAP
                    && errno_name(&cause) == "EINVAL"
                    && fault::index(self.map.raw(), bytes).is_some_and(|index| index < self.map.max_entries()) =>
            {
                Ok(false)
            }
            removed => removed.map_err(|cause| self.map.fault(Operation::Delete, cause)),
        }
    }

    /// What is under a key, as a number: the program's or inner map's id; the socket's cookie. `None` when nothing is.
    ///
    /// # Errors
    /// For cgroups, perf events and AF_XDP sockets, which the kernel does not tell; for sockets, in maps with values of 4 bytes.
    pub fn get(&self, key: &K) -> Result<Option<u64>> {
        let value = self.map.lookup(bytemuck::bytes_of(key))?;
        Ok(value.map(|bytes| match bytes.try_into() {
            Ok(cookie) => u64::from_ne_bytes(cookie),
            Err(id) => id.get(..4).map_or(0, |id: &[u8]| u64::from(bytemuck::pod_read_unaligned::<u32>(id))),
        }))
    }

    /// The inner map under a key of a map of maps; `None` when there is none.
    ///
    /// # Errors
    /// When it is no map of maps, or the kernel refuses: `CAP_SYS_ADMIN` is what opening by id takes.
    pub fn inner_map(&self, key: &K) -> Result<Option<Map>> {
        self.map.must_be(&[MapType::ARRAY_OF_MAPS, MapType::HASH_OF_MAPS], "map of maps")?;
        loop {
            let Some(Ok(id)) = self.get(key)?.map(u32::try_from) else { return Ok(None) };
            match Map::from_id(id) {
                // Replaced and gone in between, if another is there now.
                Err(Error::Open { cause, .. })
                    if errno_name(&cause) == "ENOENT" && self.get(key)? != Some(u64::from(id)) => {}
                opened => return opened.map(Some),
            }
        }
    }

    /// The keys, as [`Map::keys`]; of arrays, all that they have room for.
    pub fn keys(&self) -> impl Iterator<Item = Result<K>> + use<K> {
        self.map.keys().map(|key| key.map(|bytes| bytemuck::pod_read_unaligned(&bytes)))
    }
}

impl<V: NoUninit + AnyBitPattern> LocalStorage<V> {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The value that is kept with what the descriptor stands for; `None` when there is none.
    ///
    /// # Errors
    /// When the descriptor is of another kind, or the kernel refuses.
    pub fn get(&self, of: impl AsFd) -> Result<Option<V>> {
        let value = self.map.lookup(&of.as_fd().as_raw_fd().to_ne_bytes())?;
        Ok(value.map(|bytes| bytemuck::pod_read_unaligned(&bytes)))
    }

    /// Keeps a value with what the descriptor stands for.
    ///
    /// # Errors
    /// When the descriptor is of another kind, or the kernel refuses.
    pub fn insert(&self, of: impl AsFd, value: &V) -> Result<()> {
        self.update(of, value, ElemFlags::ANY)
    }

    /// As [`insert`](Self::insert); `flags` say whether there may or must be one.
    ///
    /// # Errors
    /// When the descriptor is of another kind, or the kernel refuses.
    pub fn update(&self, of: impl AsFd, value: &V, flags: ElemFlags) -> Result<()> {
        let (key, value) = (of.as_fd().as_raw_fd().to_ne_bytes(), bytemuck::bytes_of(value));
        let mut attempts = 0;
        loop {
            match self.map.raw().update(&key, value, flags) {
                // Another was storing or removing at the same moment (`bpf_local_storage_update`).
                Err(cause) if errno_name(&cause) == "EAGAIN" && attempts < ATTEMPTS => attempts += 1,
                done => return done.map_err(|cause| self.map.fault(Operation::Update(&key, flags), cause)),
            }
        }
    }

    /// Removes the value; says whether there was one.
    ///
    /// # Errors
    /// When the descriptor is of another kind, or the kernel refuses.
    pub fn remove(&self, of: impl AsFd) -> Result<bool> {
        self.map.delete(&of.as_fd().as_raw_fd().to_ne_bytes())
    }
}
