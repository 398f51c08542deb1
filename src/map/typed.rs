//! Maps with one value to a key, in Rust types.

use std::fmt;
use std::marker::PhantomData;
use std::net::{Ipv4Addr, Ipv6Addr};

use bytemuck::{AnyBitPattern, NoUninit, Pod, Zeroable};
use purebpf_sys::uapi::{ElemFlags, MapType};

use super::Map;
use super::fault::a_type;
use crate::Result;

/// A map whose keys and values are plain Rust data: hash tables, arrays, LPM tries, local storages and whatever else has one
/// value to a key. Made by [`Map::typed`], which checks the sizes.
pub struct TypedMap<K, V> {
    map: Map,
    types: PhantomData<fn(K) -> V>,
}

impl<K, V> fmt::Debug for TypedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedMap").field(&self.map).finish()
    }
}

impl<K, V> Clone for TypedMap<K, V> {
    fn clone(&self) -> Self {
        TypedMap { map: self.map.clone(), types: PhantomData }
    }
}

impl Map {
    /// The same map with Rust types for keys and values.
    ///
    /// # Errors
    /// When their sizes are not the map's, or its type has no such keys and values: the [module](super) lists the views for those.
    pub fn typed<K: NoUninit + AnyBitPattern, V: NoUninit + AnyBitPattern>(&self) -> Result<TypedMap<K, V>> {
        let view = match self.map_type() {
            MapType::PERCPU_HASH
            | MapType::LRU_PERCPU_HASH
            | MapType::PERCPU_ARRAY
            | MapType::PERCPU_CGROUP_STORAGE => "per_cpu",
            MapType::QUEUE | MapType::STACK => "queue",
            MapType::BLOOM_FILTER => "bloom_filter",
            MapType::PROG_ARRAY
            | MapType::PERF_EVENT_ARRAY
            | MapType::CGROUP_ARRAY
            | MapType::ARRAY_OF_MAPS
            | MapType::HASH_OF_MAPS
            | MapType::XSKMAP
            | MapType::REUSEPORT_SOCKARRAY => "descriptors",
            _ => {
                self.must_have_key::<K>()?;
                self.must_have_value::<V>()?;
                return Ok(TypedMap { map: self.clone(), types: PhantomData });
            }
        };
        Err(self.unsupported(format_args!("is {}; use Map::{view}", a_type(self.map_type()))))
    }
}

impl<K: NoUninit + AnyBitPattern, V: NoUninit + AnyBitPattern> TypedMap<K, V> {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The value of a key; `None` when the map does not have it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn get(&self, key: &K) -> Result<Option<V>> {
        self.get_with(key, ElemFlags::empty())
    }

    /// As [`get`](Self::get), with flags: [`ElemFlags::LOCK`] holds the value's `bpf_spin_lock`, so that it does not come torn.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn get_with(&self, key: &K, flags: ElemFlags) -> Result<Option<V>> {
        let mut value = V::zeroed();
        let found = self.map.lookup_into(bytemuck::bytes_of(key), bytemuck::bytes_of_mut(&mut value), flags)?;
        Ok(found.then_some(value))
    }

    /// Sets the value of a key, there before or not.
    ///
    /// # Errors
    /// When the kernel refuses: when the map is full, `E2BIG`, of a trie `ENOSPC`.
    pub fn insert(&self, key: &K, value: &V) -> Result<()> {
        self.update(key, value, ElemFlags::ANY)
    }

    /// Sets the value of a key; `flags` say whether it may or must be there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn update(&self, key: &K, value: &V, flags: ElemFlags) -> Result<()> {
        self.map.update(bytemuck::bytes_of(key), bytemuck::bytes_of(value), flags)
    }

    /// Removes a key; says whether it was there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&self, key: &K) -> Result<bool> {
        self.map.delete(bytemuck::bytes_of(key))
    }

    /// Removes a key and gives the value it had, in one step: see [`Map::take`].
    ///
    /// # Errors
    /// When the kernel or the type cannot.
    pub fn take(&self, key: &K) -> Result<Option<V>> {
        Ok(self.map.take(bytemuck::bytes_of(key))?.map(|bytes| bytemuck::pod_read_unaligned(&bytes)))
    }

    /// The keys, as [`Map::keys`].
    pub fn keys(&self) -> impl Iterator<Item = Result<K>> + use<K, V> {
        self.map.keys().map(|key| key.map(|bytes| bytemuck::pod_read_unaligned(&bytes)))
    }

    /// The entries, as [`Map::entries`]: in batches where the kernel has them.
    pub fn iter(&self) -> impl Iterator<Item = Result<(K, V)>> + use<K, V> {
        self.map.entries().map(entry)
    }

    /// Takes the entries out, as [`Map::drain`].
    pub fn drain(&self) -> impl Iterator<Item = Result<(K, V)>> + use<K, V> {
        self.map.drain().map(entry)
    }

    /// Sets many entries, as [`Map::update_batch`]; returns how many.
    ///
    /// # Errors
    /// When the kernel refuses one: those before it are set.
    pub fn insert_batch(&self, entries: impl IntoIterator<Item = (K, V)>) -> Result<usize> {
        let bytes = entries
            .into_iter()
            .map(|(key, value)| (bytemuck::bytes_of(&key).to_vec(), bytemuck::bytes_of(&value).to_vec()));
        self.map.update_batch(bytes, ElemFlags::ANY)
    }

    /// Removes many keys, as [`Map::delete_batch`]; returns how many were there.
    ///
    /// # Errors
    /// When the kernel refuses one: those before it are removed.
    pub fn remove_batch(&self, keys: impl IntoIterator<Item = K>) -> Result<usize> {
        self.map.delete_batch(keys.into_iter().map(|key| bytemuck::bytes_of(&key).to_vec()))
    }
}

fn entry<K: AnyBitPattern, V: AnyBitPattern>(entry: Result<(Vec<u8>, Vec<u8>)>) -> Result<(K, V)> {
    entry.map(|(key, value)| (bytemuck::pod_read_unaligned(&key), bytemuck::pod_read_unaligned(&value)))
}

/// A key of an LPM trie: a prefix, of which the first [`bits`](LpmKey::bits) count, from the first byte's highest bit on.
///
/// A look-up gives the value of the longest prefix in the trie that matches; look up with all bits of an address. `A` is what
/// follows the length in the program's struct, in network byte order for addresses: `LpmKey<[u8; 4]>` for IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Zeroable, Pod)]
#[repr(C, packed)]
#[doc(alias = "bpf_lpm_trie_key")]
#[doc(alias = "bpf_lpm_trie_key_u8")]
#[doc(alias = "bpf_lpm_trie_key_hdr")]
pub struct LpmKey<A> {
    bits: u32,
    data: A,
}

impl<A: Pod> LpmKey<A> {
    /// The prefix of this many bits. With more bits than `data` has, the kernel puts nothing in, and finds nothing.
    pub fn new(data: A, bits: u32) -> Self {
        LpmKey { bits, data }
    }

    /// All bits of `data`, as for a look-up.
    pub fn exact(data: A) -> Self {
        LpmKey { bits: u32::try_from(size_of::<A>() * 8).unwrap_or(u32::MAX), data }
    }

    /// How many bits count.
    #[doc(alias = "prefixlen")]
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// What the bits are of.
    pub fn data(&self) -> A {
        self.data
    }
}

impl LpmKey<[u8; 4]> {
    /// The prefix of an IPv4 address.
    pub fn ipv4(address: Ipv4Addr, bits: u32) -> Self {
        LpmKey::new(address.octets(), bits)
    }
}

impl LpmKey<[u8; 16]> {
    /// The prefix of an IPv6 address.
    pub fn ipv6(address: Ipv6Addr, bits: u32) -> Self {
        LpmKey::new(address.octets(), bits)
    }
}
