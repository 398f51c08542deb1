//! Maps of a loaded object.

use std::fmt;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use bytemuck::{AnyBitPattern, NoUninit};
use purebpf_elf_loader::object::{MapId, MapKind};
use purebpf_sys::uapi::{ElemFlags, MapType};

use crate::{Error, Result};

/// A map. Clones share the descriptor, which closes with the last of them.
///
/// Keys and values are bytes here, of exactly the sizes that the map has; [`typed`](Map::typed)
/// gives the same map with Rust types.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_map")]
pub struct Map {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    id: MapId,
    kind: MapKind,
    map: purebpf_sys::map::Map,
}

impl Map {
    pub(crate) fn new(name: &str, id: MapId, kind: MapKind, map: purebpf_sys::map::Map) -> Map {
        Map { inner: Arc::new(Inner { name: name.to_owned(), id, kind, map }) }
    }

    /// Its name in the object.
    #[doc(alias = "bpf_map__name")]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Its place in the object.
    pub fn id(&self) -> MapId {
        self.inner.id
    }

    /// What it is for: declared by the author, or holding a data section.
    pub fn kind(&self) -> MapKind {
        self.inner.kind
    }

    /// Its type.
    #[doc(alias = "bpf_map__type")]
    pub fn map_type(&self) -> MapType {
        self.inner.map.map_type()
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
        let mut value = vec![0; self.inner.map.elem_size()];
        let found = self.inner.map.lookup(key, &mut value, ElemFlags::empty()).map_err(|err| self.fault(err))?;
        Ok(found.then_some(value))
    }

    /// Sets the value of a key.
    ///
    /// # Errors
    /// When sizes are not the map's, or the kernel refuses.
    #[doc(alias = "bpf_map__update_elem")]
    pub fn update(&self, key: &[u8], value: &[u8], flags: ElemFlags) -> Result<()> {
        self.inner.map.update(key, value, flags).map_err(|err| self.fault(err))
    }

    /// Removes a key; says whether it was there.
    ///
    /// # Errors
    /// When the key is of another size than the map's, or the kernel refuses.
    #[doc(alias = "bpf_map__delete_elem")]
    pub fn delete(&self, key: &[u8]) -> Result<bool> {
        self.inner.map.delete(key, ElemFlags::empty()).map_err(|err| self.fault(err))
    }

    /// The keys, one system call each. A key that is removed while it is the last one seen makes the
    /// kernel begin again: keys can then come twice. A walk that has taken twice as many steps as the
    /// map has room for ends with an error, as it may have missed some.
    #[doc(alias = "bpf_map__get_next_key")]
    pub fn keys(&self) -> Keys {
        let limit = u64::from(self.inner.map.max_entries()) * 2 + 1;
        Keys { map: self.clone(), last: None, left: limit, ended: false }
    }

    /// The same map with Rust types for keys and values.
    ///
    /// # Errors
    /// When their sizes are not the map's.
    pub fn typed<K: NoUninit + AnyBitPattern, V: NoUninit + AnyBitPattern>(&self) -> Result<TypedMap<K, V>> {
        let sizes = [
            ("key of map", self.inner.map.key_size(), size_of::<K>()),
            ("value of map", self.inner.map.value_size(), size_of::<V>()),
        ];
        for (what, expected, actual) in sizes {
            if expected != actual {
                return Err(Error::Size { what, name: self.name().to_owned(), expected, actual });
            }
        }
        Ok(TypedMap { map: self.clone(), types: PhantomData })
    }

    /// Pins the map at a path in a BPF file system.
    ///
    /// # Errors
    /// When the kernel refuses: nothing may be at the path, and it must be in a bpffs.
    #[doc(alias = "bpf_map__pin")]
    pub fn pin(&self, path: impl AsRef<Path>) -> Result<()> {
        purebpf_sys::pin::obj_pin(self.as_fd(), path.as_ref()).map_err(|err| self.fault(err))
    }

    fn fault(&self, cause: purebpf_sys::Error) -> Error {
        Error::Map { map: self.name().to_owned(), cause }
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.map.as_fd()
    }
}

/// The keys of a map, as bytes.
#[derive(Debug)]
pub struct Keys {
    map: Map,
    last: Option<Vec<u8>>,
    left: u64,
    ended: bool,
}

impl Iterator for Keys {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        if self.ended {
            return None;
        }
        if self.left == 0 {
            self.ended = true;
            return Some(Err(Error::Unsupported {
                kind: "map",
                name: self.map.name().to_owned(),
                what: "changes faster than its keys can be walked; some may not have been seen".into(),
            }));
        }
        self.left -= 1;
        let mut next = vec![0; self.map.inner.map.key_size()];
        match self.map.inner.map.next_key(self.last.as_deref(), &mut next) {
            Ok(true) => {
                self.last = Some(next.clone());
                Some(Ok(next))
            }
            Ok(false) => {
                self.ended = true;
                None
            }
            Err(err) => {
                self.ended = true;
                Some(Err(self.map.fault(err)))
            }
        }
    }
}

/// A map whose keys and values are plain Rust data. Made by [`Map::typed`], which checks the sizes.
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

impl<K: NoUninit + AnyBitPattern, V: NoUninit + AnyBitPattern> TypedMap<K, V> {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The value of a key; `None` when the map does not have it.
    ///
    /// # Errors
    /// When the kernel refuses, or the map is a per-CPU one (see [`get_per_cpu`](Self::get_per_cpu)).
    pub fn get(&self, key: &K) -> Result<Option<V>> {
        self.single_value()?;
        let value = self.map.lookup(bytemuck::bytes_of(key))?;
        Ok(value.map(|bytes| bytemuck::pod_read_unaligned(&bytes)))
    }

    /// The value of a key on each possible CPU, for per-CPU maps.
    ///
    /// # Errors
    /// When the kernel refuses, or the map is no per-CPU one.
    pub fn get_per_cpu(&self, key: &K) -> Result<Option<Vec<V>>> {
        if self.has_single_values() {
            return Err(self.unsupported("has one value for all CPUs; use get"));
        }
        let Some(bytes) = self.map.lookup(bytemuck::bytes_of(key))? else { return Ok(None) };
        let stride = size_of::<V>().next_multiple_of(8).max(1);
        let values = bytes.chunks_exact(stride.min(bytes.len().max(1)));
        Ok(Some(values.map(|value| bytemuck::pod_read_unaligned(&value[..size_of::<V>()])).collect()))
    }

    /// Sets the value of a key, there before or not.
    ///
    /// # Errors
    /// When the kernel refuses: `E2BIG` when the map is full.
    pub fn insert(&self, key: &K, value: &V) -> Result<()> {
        self.update(key, value, ElemFlags::ANY)
    }

    /// Sets the value of a key; `flags` say whether it may or must be there.
    ///
    /// # Errors
    /// When the kernel refuses, or the map is a per-CPU one.
    pub fn update(&self, key: &K, value: &V, flags: ElemFlags) -> Result<()> {
        self.single_value()?;
        self.map.update(bytemuck::bytes_of(key), bytemuck::bytes_of(value), flags)
    }

    /// Removes a key; says whether it was there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&self, key: &K) -> Result<bool> {
        self.map.delete(bytemuck::bytes_of(key))
    }

    /// The keys, as [`Map::keys`].
    pub fn keys(&self) -> impl Iterator<Item = Result<K>> + use<K, V> {
        self.map.keys().map(|key| key.map(|bytes| bytemuck::pod_read_unaligned(&bytes)))
    }

    /// The entries. One that is removed between its key and its value being read is left out.
    pub fn iter(&self) -> impl Iterator<Item = Result<(K, V)>> + use<'_, K, V> {
        self.keys().filter_map(|key| match key {
            Ok(key) => match self.get(&key) {
                Ok(value) => value.map(|value| Ok((key, value))),
                Err(err) => Some(Err(err)),
            },
            Err(err) => Some(Err(err)),
        })
    }

    fn single_value(&self) -> Result<()> {
        match self.has_single_values() {
            true => Ok(()),
            false => Err(self.unsupported("has a value for each CPU; use get_per_cpu, or raw bytes to set them")),
        }
    }

    /// Whether all CPUs share a key's value.
    fn has_single_values(&self) -> bool {
        const PER_CPU: [MapType; 4] =
            [MapType::PERCPU_HASH, MapType::PERCPU_ARRAY, MapType::LRU_PERCPU_HASH, MapType::PERCPU_CGROUP_STORAGE];
        !PER_CPU.contains(&self.map.map_type())
    }

    fn unsupported(&self, what: &str) -> Error {
        Error::Unsupported { kind: "map", name: self.map.name().to_owned(), what: what.to_owned() }
    }
}
