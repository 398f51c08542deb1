//! Arrays in memory that is shared with the programs: read and written without system calls.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::sync::Arc;

use bytemuck::{AnyBitPattern, NoUninit};
use purebpf_sys::mapping::{Mapping, Protection};
use purebpf_sys::uapi::{MapFlags, MapType};

use super::Map;
use super::fault::{Operation, errno_name};
use crate::{Error, Result};

/// The elements of an array map, in memory that programs share. Made by [`Map::mapped`]. Clones share the mapping, which outlives
/// the map's handles.
///
/// Elements are copied in and out: there is never a reference to what a program may change. A value of up to 8 bytes that is
/// aligned to its size comes whole; a longer one may be half old and half new while a program writes it.
pub struct MappedArray<V> {
    map: Map,
    mapping: Arc<Mapping>,
    types: PhantomData<fn() -> V>,
}

impl<V> fmt::Debug for MappedArray<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MappedArray").field(&self.map).finish()
    }
}

impl<V> Clone for MappedArray<V> {
    fn clone(&self) -> Self {
        MappedArray { map: self.map.clone(), mapping: self.mapping.clone(), types: PhantomData }
    }
}

impl Map {
    /// The same map, an array with `BPF_F_MMAPABLE`, mapped into memory; for reading only when the map is frozen or made so.
    ///
    /// # Errors
    /// When it is no such array, values are of another size, or the kernel refuses (it has this from Linux 5.5 on).
    #[doc(alias = "bpf_map__initial_value")]
    pub fn mapped<V: NoUninit + AnyBitPattern>(&self) -> Result<MappedArray<V>> {
        match self.mapped_with(Protection::ReadWrite) {
            // EPERM of what is frozen; EACCES of what was made or opened for reading.
            Err(Error::Map { cause, .. }) if matches!(errno_name(&cause), "EPERM" | "EACCES") => {
                self.mapped_with(Protection::ReadOnly)
            }
            mapped => mapped,
        }
    }

    /// As [`mapped`](Map::mapped), for reading only or for writing too: what is mapped for writing cannot be frozen meanwhile.
    ///
    /// # Errors
    /// As [`mapped`](Map::mapped); when it is to be written and must not be.
    pub fn mapped_with<V: NoUninit + AnyBitPattern>(&self, protection: Protection) -> Result<MappedArray<V>> {
        self.must_be(&[MapType::ARRAY], "array that can be mapped")?;
        self.must_have_value::<V>()?;
        if !self.raw().flags().contains(MapFlags::MMAPABLE) {
            return Err(self.unsupported("was not made with BPF_F_MMAPABLE"));
        }
        let len = stride::<V>() * self.max_entries() as usize;
        let mapping = Mapping::new(self.as_fd(), 0, len, protection);
        let mapping = mapping.map_err(|cause| self.fault(Operation::Other, cause))?;
        Ok(MappedArray { map: self.clone(), mapping: Arc::new(mapping), types: PhantomData })
    }
}

/// Bytes from one element to the next, as `array_map_alloc` has it.
fn stride<V>() -> usize {
    size_of::<V>().next_multiple_of(8).max(8)
}

impl<V: NoUninit + AnyBitPattern> MappedArray<V> {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The number of elements.
    #[allow(clippy::len_without_is_empty, reason = "the kernel makes no array of 0 elements")]
    pub fn len(&self) -> usize {
        self.map.max_entries() as usize
    }

    /// Whether it can be written.
    pub fn is_writable(&self) -> bool {
        matches!(self.mapping.protection(), Protection::ReadWrite)
    }

    /// An element; `None` past the end.
    pub fn get(&self, index: usize) -> Option<V> {
        let mut value = V::zeroed();
        self.mapping.read(self.offset(index)?, bytemuck::bytes_of_mut(&mut value)).ok()?;
        Some(value)
    }

    /// Sets an element.
    ///
    /// # Errors
    /// When it is past the end, or the map is read-only.
    pub fn set(&self, index: usize, value: &V) -> Result<()> {
        let Some(offset) = self.offset(index) else {
            return Err(self.map.unsupported(format_args!("has {} elements, none at {index}", self.len())));
        };
        self.mapping.write(offset, bytemuck::bytes_of(value)).map_err(|cause| self.map.fault(Operation::Other, cause))
    }

    /// The elements, as they are when each is come to.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = V> + use<'_, V> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_else(bytemuck::Zeroable::zeroed))
    }

    fn offset(&self, index: usize) -> Option<usize> {
        (index < self.len()).then(|| index * stride::<V>())
    }
}
