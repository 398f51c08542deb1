//! Many elements in one call: BPF_MAP_{LOOKUP,LOOKUP_AND_DELETE,UPDATE,DELETE}_BATCH.

use super::{Map, MapFd};
use crate::{
    error::{Error, Result},
    syscall::{address, address_mut, bpf_attr, fd_number},
    uapi::{Cmd, ElemFlags, bpf_attr_batch},
};

/// Where a walk over a map by batches stands. Opaque: a bucket number for hash tables, a key for other maps.
#[derive(Clone, Debug, Default)]
pub struct BatchCursor {
    position: Vec<u8>,
}

/// What a look-up of a batch gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Elements now in the slices.
    pub count: usize,
    /// Whether the walk has come to the end of the map.
    pub done: bool,
}

impl<Fd: MapFd> Map<Fd> {
    /// Copies the next elements after `cursor` into `keys` and `values`, as many as both have room for.
    ///
    /// The slices are whole numbers of keys and of [elements](Map::elem_size), one at least.
    ///
    /// # Errors
    ///
    /// `Length`; EINVAL or ENOTSUPP where the kernel or the map type has no batches; ENOSPC when one bucket of a hash table
    /// holds more than the slices have room for (the cursor stays, so that a larger call can go on). EAGAIN from an rhash whose
    /// element at the cursor is gone: begin again.
    #[doc(alias = "bpf_map_lookup_batch")]
    pub fn lookup_batch(
        &self, cursor: &mut BatchCursor, keys: &mut [u8], values: &mut [u8], flags: ElemFlags,
    ) -> Result<Batch> {
        self.take_batch(Cmd::MAP_LOOKUP_BATCH, cursor, keys, values, flags)
    }

    /// As [`lookup_batch`](Self::lookup_batch), and removes what it gives. When something goes wrong after elements were removed,
    /// those are given, and the next call tells what it was if it is still so.
    #[doc(alias = "bpf_map_lookup_and_delete_batch")]
    pub fn lookup_and_delete_batch(
        &self, cursor: &mut BatchCursor, keys: &mut [u8], values: &mut [u8], flags: ElemFlags,
    ) -> Result<Batch> {
        self.take_batch(Cmd::MAP_LOOKUP_AND_DELETE_BATCH, cursor, keys, values, flags)
    }

    #[allow(unsafe_code)]
    fn take_batch(
        &self, cmd: Cmd, cursor: &mut BatchCursor, keys: &mut [u8], values: &mut [u8], flags: ElemFlags,
    ) -> Result<Batch> {
        let count = self.batch_len(keys.len(), Some((values.len(), flags)))?;
        // Hash tables keep a u32 there, other maps a key.
        let room = self.key_size.max(8);
        if !cursor.position.is_empty() && cursor.position.len() != room {
            return Err(Error::Length { what: "the cursor of a batch", expected: room, given: cursor.position.len() });
        }
        // No table has this position: what still stands there afterwards, the kernel has not written.
        let mut next = vec![0xff; room];
        let mut attr = bpf_attr_batch {
            in_batch: address(&cursor.position),
            out_batch: address_mut(&mut next),
            keys: address_mut(keys),
            values: address_mut(values),
            count,
            map_fd: fd_number(self.fd.as_fd()),
            elem_flags: flags.bits(),
            flags: 0,
        };
        // SAFETY: keys and values have room for `count` elements of the map's sizes; both cursors for what any map type
        // keeps in one.
        let result = unsafe { bpf_attr(cmd, &mut attr) };
        // At the end the kernel says ENOENT, and `count` still tells what it gave.
        let done = match result {
            Ok(_) => false,
            Err(error) if error.errno() == libc::ENOENT => true,
            // `__htab_map_lookup_and_delete_batch` gives what it has removed before it ran out of memory, or into a lock.
            Err(_) if cmd == Cmd::MAP_LOOKUP_AND_DELETE_BATCH && attr.count > 0 && next[..4] != [0xff; 4] => false,
            Err(error) => return Err(error),
        };
        cursor.position = next;
        Ok(Batch { count: attr.count.min(count) as usize, done })
    }

    /// Puts many elements; returns how many went in.
    ///
    /// # Errors
    ///
    /// `Length`, or the errno of the first element that failed, together with how many went in before it.
    #[doc(alias = "bpf_map_update_batch")]
    #[allow(unsafe_code)]
    pub fn update_batch(&self, keys: &[u8], values: &[u8], flags: ElemFlags) -> Result<usize, (usize, Error)> {
        let count = self.batch_len(keys.len(), Some((values.len(), flags))).map_err(|error| (0, error))?;
        let mut attr = bpf_attr_batch {
            keys: address(keys),
            values: address(values),
            count,
            map_fd: fd_number(self.fd.as_fd()),
            elem_flags: flags.bits(),
            ..Default::default()
        };
        // SAFETY: the kernel reads `count` keys and values of the map's sizes.
        counted(unsafe { bpf_attr(Cmd::MAP_UPDATE_BATCH, &mut attr) }, &attr, count)
    }

    /// Removes many keys; returns how many were removed.
    ///
    /// # Errors
    ///
    /// As [`update_batch`](Self::update_batch); ENOENT at the first key that is not there.
    #[doc(alias = "bpf_map_delete_batch")]
    #[allow(unsafe_code)]
    pub fn delete_batch(&self, keys: &[u8], flags: ElemFlags) -> Result<usize, (usize, Error)> {
        let count = self.batch_len(keys.len(), None).map_err(|error| (0, error))?;
        let mut attr = bpf_attr_batch {
            keys: address(keys),
            count,
            map_fd: fd_number(self.fd.as_fd()),
            elem_flags: flags.bits(),
            ..Default::default()
        };
        // SAFETY: the kernel reads `count` keys of the map's size.
        counted(unsafe { bpf_attr(Cmd::MAP_DELETE_BATCH, &mut attr) }, &attr, count)
    }

    /// The number of elements in slices of these lengths.
    fn batch_len(&self, keys: usize, values: Option<(usize, ElemFlags)>) -> Result<u32> {
        if self.key_size == 0 {
            return Err(Error::invalid("a map without keys has no batches", self.map_type));
        }
        let count = keys / self.key_size;
        if count == 0 {
            // The kernel takes it for done, without a word on where the walk stands.
            return Err(Error::Length { what: "a batch of keys", expected: self.key_size, given: keys });
        }
        if count * self.key_size != keys {
            let expected = count * self.key_size;
            return Err(Error::Length { what: "a batch of keys", expected, given: keys });
        }
        if let Some((values, flags)) = values {
            let size = if flags.one_value() { self.value_size } else { self.elem_size };
            // A product past usize is past any slice.
            let expected = count.saturating_mul(size);
            if expected != values {
                return Err(Error::Length { what: "a batch of values", expected, given: values });
            }
        }
        u32::try_from(count).map_err(|_| Error::invalid("a batch is at most 4294967295 elements", count))
    }
}

fn counted(result: Result<i32>, attr: &bpf_attr_batch, given: u32) -> Result<usize, (usize, Error)> {
    let count = attr.count.min(given) as usize;
    match result {
        Ok(_) => Ok(count),
        // The kernel writes the count back once it has begun; an errno from before leaves the input there.
        Err(error) => Err((if count == given as usize { 0 } else { count }, error)),
    }
}
