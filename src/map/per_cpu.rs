//! Maps with a value for each CPU.

use std::fmt;
use std::marker::PhantomData;

use bytemuck::{AnyBitPattern, NoUninit};
use purebpf_sys::uapi::{ElemFlags, MapType};

use super::Map;
use crate::Result;

/// A map with a value for each possible CPU to a key. Made by [`Map::per_cpu`].
///
/// Values come and go as a slice, in the order of the kernel's possible CPUs, those that are offline included: on nearly all
/// machines the index is the CPU's number.
pub struct PerCpuMap<K, V> {
    map: Map,
    cpus: usize,
    types: PhantomData<fn(K) -> V>,
}

impl<K, V> fmt::Debug for PerCpuMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerCpuMap").field("map", &self.map).field("cpus", &self.cpus).finish()
    }
}

impl<K, V> Clone for PerCpuMap<K, V> {
    fn clone(&self) -> Self {
        PerCpuMap { map: self.map.clone(), cpus: self.cpus, types: PhantomData }
    }
}

impl Map {
    /// The same map, which has a value for each CPU, with Rust types for keys and values.
    ///
    /// # Errors
    /// When it is no per-CPU map, or the sizes are not the map's.
    pub fn per_cpu<K: NoUninit + AnyBitPattern, V: NoUninit + AnyBitPattern>(&self) -> Result<PerCpuMap<K, V>> {
        let types =
            [MapType::PERCPU_HASH, MapType::PERCPU_ARRAY, MapType::LRU_PERCPU_HASH, MapType::PERCPU_CGROUP_STORAGE];
        self.must_be(&types, "per-CPU map")?;
        self.must_have_key::<K>()?;
        self.must_have_value::<V>()?;
        let cpus = self.raw().elem_size() / stride::<V>();
        Ok(PerCpuMap { map: self.clone(), cpus, types: PhantomData })
    }
}

/// Bytes from one CPU's value to the next: the kernel rounds up to 8.
fn stride<V>() -> usize {
    size_of::<V>().next_multiple_of(8).max(8)
}

impl<K: NoUninit + AnyBitPattern, V: NoUninit + AnyBitPattern> PerCpuMap<K, V> {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The number of possible CPUs, which is that of values to a key.
    pub fn cpus(&self) -> usize {
        self.cpus
    }

    /// The values of a key; `None` when the map does not have it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn get(&self, key: &K) -> Result<Option<Vec<V>>> {
        Ok(self.map.lookup(bytemuck::bytes_of(key))?.map(|bytes| split(&bytes)))
    }

    /// Sets the values of a key, there before or not.
    ///
    /// # Errors
    /// When there are not as many values as [`cpus`](Self::cpus), or the kernel refuses.
    pub fn insert(&self, key: &K, values: &[V]) -> Result<()> {
        self.update(key, values, ElemFlags::ANY)
    }

    /// Sets the values of a key; `flags` say whether it may or must be there.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn update(&self, key: &K, values: &[V], flags: ElemFlags) -> Result<()> {
        self.map.update(bytemuck::bytes_of(key), &self.join(values)?, flags)
    }

    /// Removes a key; says whether it was there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&self, key: &K) -> Result<bool> {
        self.map.delete(bytemuck::bytes_of(key))
    }

    /// Removes a key and gives the values it had, in one step: see [`Map::take`].
    ///
    /// # Errors
    /// When the kernel or the type cannot.
    pub fn take(&self, key: &K) -> Result<Option<Vec<V>>> {
        Ok(self.map.take(bytemuck::bytes_of(key))?.map(|bytes| split(&bytes)))
    }

    /// The keys, as [`Map::keys`].
    pub fn keys(&self) -> impl Iterator<Item = Result<K>> + use<K, V> {
        self.map.keys().map(|key| key.map(|bytes| bytemuck::pod_read_unaligned(&bytes)))
    }

    /// The entries, as [`Map::entries`]: in batches where the kernel has them.
    pub fn iter(&self) -> impl Iterator<Item = Result<(K, Vec<V>)>> + use<K, V> {
        self.map.entries().map(entry)
    }

    /// Takes the entries out, as [`Map::drain`].
    pub fn drain(&self) -> impl Iterator<Item = Result<(K, Vec<V>)>> + use<K, V> {
        self.map.drain().map(entry)
    }

    /// Sets many entries, as [`Map::update_batch`]; returns how many.
    ///
    /// # Errors
    /// When one has not as many values as [`cpus`](Self::cpus), or the kernel refuses one.
    pub fn insert_batch<'a>(&self, entries: impl IntoIterator<Item = (K, &'a [V])>) -> Result<usize>
    where
        V: 'a,
    {
        let mut bytes = Vec::new();
        for (key, values) in entries {
            bytes.push((bytemuck::bytes_of(&key).to_vec(), self.join(values)?));
        }
        self.map.update_batch(bytes, ElemFlags::ANY)
    }

    /// Removes many keys, as [`Map::delete_batch`]; returns how many were there.
    ///
    /// # Errors
    /// When the kernel refuses one: those before it are removed.
    pub fn remove_batch(&self, keys: impl IntoIterator<Item = K>) -> Result<usize> {
        self.map.delete_batch(keys.into_iter().map(|key| bytemuck::bytes_of(&key).to_vec()))
    }

    fn join(&self, values: &[V]) -> Result<Vec<u8>> {
        if values.len() != self.cpus {
            return Err(self.map.unsupported(format_args!(
                "takes a value for each of {} possible CPUs; {} were given",
                self.cpus,
                values.len()
            )));
        }
        let mut bytes = vec![0; self.cpus * stride::<V>()];
        for (place, value) in bytes.chunks_exact_mut(stride::<V>()).zip(values) {
            place[..size_of::<V>()].copy_from_slice(bytemuck::bytes_of(value));
        }
        Ok(bytes)
    }
}

fn split<V: AnyBitPattern>(bytes: &[u8]) -> Vec<V> {
    let values = bytes.chunks_exact(stride::<V>());
    values.map(|value| bytemuck::pod_read_unaligned(&value[..size_of::<V>()])).collect()
}

fn entry<K: AnyBitPattern, V: AnyBitPattern>(entry: Result<(Vec<u8>, Vec<u8>)>) -> Result<(K, Vec<V>)> {
    entry.map(|(key, values)| (bytemuck::pod_read_unaligned(&key), split(&values)))
}
