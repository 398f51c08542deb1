//! Maps without keys: queues, stacks and bloom filters.

use std::fmt;
use std::marker::PhantomData;

use bytemuck::{AnyBitPattern, NoUninit};
use purebpf_sys::uapi::{ElemFlags, MapType};

use super::Map;
use super::fault::Operation;
use crate::Result;

/// A queue, first in first out, or a stack, last in first out. Made by [`Map::queue`].
pub struct Queue<V> {
    map: Map,
    types: PhantomData<fn() -> V>,
}

impl<V> fmt::Debug for Queue<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queue").field(&self.map).finish()
    }
}

impl<V> Clone for Queue<V> {
    fn clone(&self) -> Self {
        Queue { map: self.map.clone(), types: PhantomData }
    }
}

/// A bloom filter: says of a value that it surely was not put in, or that it perhaps was. Made by [`Map::bloom_filter`].
pub struct BloomFilter<V> {
    map: Map,
    types: PhantomData<fn() -> V>,
}

impl<V> fmt::Debug for BloomFilter<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BloomFilter").field(&self.map).finish()
    }
}

impl<V> Clone for BloomFilter<V> {
    fn clone(&self) -> Self {
        BloomFilter { map: self.map.clone(), types: PhantomData }
    }
}

impl Map {
    /// The same map, a queue or a stack, with a Rust type for its values.
    ///
    /// # Errors
    /// When it is neither, or values are of another size.
    pub fn queue<V: NoUninit + AnyBitPattern>(&self) -> Result<Queue<V>> {
        self.must_be(&[MapType::QUEUE, MapType::STACK], "queue or stack")?;
        self.must_have_value::<V>()?;
        Ok(Queue { map: self.clone(), types: PhantomData })
    }

    /// The same map, a bloom filter, with a Rust type for its values.
    ///
    /// # Errors
    /// When it is none, or values are of another size.
    pub fn bloom_filter<V: NoUninit + AnyBitPattern>(&self) -> Result<BloomFilter<V>> {
        self.must_be(&[MapType::BLOOM_FILTER], "bloom filter")?;
        self.must_have_value::<V>()?;
        Ok(BloomFilter { map: self.clone(), types: PhantomData })
    }
}

impl<V: NoUninit + AnyBitPattern> Queue<V> {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Puts a value in.
    ///
    /// # Errors
    /// When it is full (`E2BIG`), or the kernel refuses.
    #[doc(alias = "bpf_map_push_elem")]
    pub fn push(&self, value: &V) -> Result<()> {
        self.map.update(&[], bytemuck::bytes_of(value), ElemFlags::ANY)
    }

    /// Puts a value in, and when it is full throws the oldest out.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn push_over(&self, value: &V) -> Result<()> {
        self.map.update(&[], bytemuck::bytes_of(value), ElemFlags::EXIST)
    }

    /// Takes the next value out; `None` when it is empty.
    ///
    /// # Errors
    /// When the kernel refuses.
    #[doc(alias = "bpf_map_pop_elem")]
    pub fn pop(&self) -> Result<Option<V>> {
        Ok(self.map.take(&[])?.map(|bytes| bytemuck::pod_read_unaligned(&bytes)))
    }

    /// The next value, which stays; `None` when it is empty.
    ///
    /// # Errors
    /// When the kernel refuses.
    #[doc(alias = "bpf_map_peek_elem")]
    pub fn peek(&self) -> Result<Option<V>> {
        Ok(self.map.lookup(&[])?.map(|bytes| bytemuck::pod_read_unaligned(&bytes)))
    }
}

impl<V: NoUninit + AnyBitPattern> BloomFilter<V> {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Puts a value in. There is no way to take one out.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn insert(&self, value: &V) -> Result<()> {
        self.map.update(&[], bytemuck::bytes_of(value), ElemFlags::ANY)
    }

    /// Whether a value perhaps was put in; false is certain.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn contains(&self, value: &V) -> Result<bool> {
        // The value to test goes in where others come out.
        let mut value = bytemuck::bytes_of(value).to_vec();
        let found = self.map.raw().lookup(&[], &mut value, ElemFlags::empty());
        found.map_err(|cause| self.map.fault(Operation::LookUp, cause))
    }
}
