//! Walking over a map: its keys, its entries, and taking all entries out.
//!
//! A hash table can be walked in two ways. `BPF_MAP_LOOKUP_BATCH` goes bucket by bucket: what others add or delete meanwhile may
//! be seen or not, and all else is seen just once. `BPF_MAP_GET_NEXT_KEY` goes from key to key, and begins again when the key it
//! is given has been deleted. So batches are used where the kernel has them, which is faster as well (a call for thousands of
//! entries instead of two for each); elsewhere keys are walked and:
//!
//! - the next key is asked for before one is handed out, so that its receiver may delete it;
//! - the keys that were seen are kept, and passed over when the kernel begins again: nothing comes twice, and what was there
//!   all the time is not missed;
//! - of a hash that grows (`BPF_MAP_TYPE_RHASH`), which moves its keys meanwhile, passes are made until one sees nothing new.

use std::collections::HashSet;

use purebpf_sys::map::BatchCursor;
use purebpf_sys::uapi::{ElemFlags, MapType};

use super::Map;
use super::fault::{Operation, a_type, errno_name, is_array};
use crate::{Error, Result};

/// Bytes of keys and values that a batch asks for at once.
const BATCH_BYTES: usize = 1 << 16;

/// A kernel that begins again and again is given up on after this many times the map's size in steps.
const STEPS: u64 = 64;

impl Map {
    /// The keys. Others may add and delete meanwhile, the receiver of a key too: what is there all the time comes once, what comes
    /// or goes may be seen or not.
    #[doc(alias = "bpf_map__get_next_key")]
    pub fn keys(&self) -> Keys {
        Keys { entries: Entries { walk: Walk::new(self, false), taking: false } }
    }

    /// The entries: keys with their values, as [`lookup`](Map::lookup) gives them, under the same conditions as [`keys`](Map::keys).
    /// A key that goes between its turn and its value being read is left out.
    #[doc(alias = "bpf_map_lookup_batch")]
    pub fn entries(&self) -> Entries {
        Entries { walk: Walk::new(self, true), taking: false }
    }

    /// Takes the entries out, each in one step with reading it, so that no change of a program's is lost.
    ///
    /// They are taken in batches: those of a batch that the caller does not look at are gone all the same.
    #[doc(alias = "bpf_map_lookup_and_delete_batch")]
    pub fn drain(&self) -> Drain {
        let mut walk = Walk::new(self, true);
        if !is_hash(self.map_type()) {
            // Arrays keep their elements, and say so.
            walk.plan = Plan::first_key();
        }
        Drain { entries: Entries { walk, taking: true } }
    }

    /// Sets many entries, in one call where the kernel has batches; returns how many.
    ///
    /// # Errors
    /// When sizes are not the map's, it has no keys, or the kernel refuses one: those before it are set.
    #[doc(alias = "bpf_map_update_batch")]
    pub fn update_batch<K, V>(&self, entries: impl IntoIterator<Item = (K, V)>, flags: ElemFlags) -> Result<usize>
    where
        K: AsRef<[u8]>,
        V: AsRef<[u8]>,
    {
        self.must_have_keys()?;
        let (mut keys, mut values, mut count) = (Vec::new(), Vec::new(), 0);
        for (key, value) in entries {
            // One of a wrong size would shift all that follow.
            self.must_have_size("key of map", self.key_size(), key.as_ref().len())?;
            self.must_have_size("value of map", self.elem_len(flags), value.as_ref().len())?;
            keys.extend_from_slice(key.as_ref());
            values.extend_from_slice(value.as_ref());
            count += 1;
        }
        if count == 0 {
            return Ok(0);
        }
        let done = match self.raw().update_batch(&keys, &values, flags) {
            Ok(done) => done,
            // No batches here, or one of these cannot be set: which, single calls tell.
            Err((done, _)) => done,
        };
        let rest = keys.chunks_exact(self.key_size().max(1)).zip(values.chunks_exact(self.elem_len(flags).max(1)));
        for (key, value) in rest.skip(done) {
            self.update(key, value, flags)?;
        }
        Ok(count)
    }

    /// Removes many keys, in one call where the kernel has batches; returns how many were there.
    ///
    /// # Errors
    /// When sizes are not the map's, it has no keys, or the kernel refuses: those before are removed.
    #[doc(alias = "bpf_map_delete_batch")]
    pub fn delete_batch<K: AsRef<[u8]>>(&self, keys: impl IntoIterator<Item = K>) -> Result<usize> {
        self.must_have_keys()?;
        let size = self.key_size();
        let mut bytes = Vec::new();
        for key in keys {
            self.must_have_size("key of map", size, key.as_ref().len())?;
            bytes.extend_from_slice(key.as_ref());
        }
        let mut left: &[u8] = &bytes;
        let mut removed = 0;
        while !left.is_empty() && size > 0 {
            // The kernel stops at a key that is not there; it is passed over, by itself, and the rest asked for again.
            let done = match self.raw().delete_batch(left, ElemFlags::empty()) {
                Ok(done) => return Ok(removed + done),
                Err((done, _)) => done,
            };
            removed += done;
            left = left.get(done * size..).unwrap_or_default();
            let Some(key) = left.get(..size) else { break };
            removed += usize::from(self.delete(key)?);
            left = &left[size..];
        }
        Ok(removed)
    }

    fn must_have_keys(&self) -> Result<()> {
        match self.key_size() {
            0 => {
                Err(self
                    .unsupported(format_args!("is {}, which has no keys, and so no batches", a_type(self.map_type()))))
            }
            _ => Ok(()),
        }
    }
}

/// The keys of a map, as bytes. Made by [`Map::keys`].
#[derive(Debug)]
pub struct Keys {
    entries: Entries,
}

impl Iterator for Keys {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Result<Vec<u8>>> {
        let entry = self.entries.next()?;
        Some(entry.map(|(key, _)| key))
    }
}

/// The entries of a map, as bytes: key and value. Made by [`Map::entries`].
#[derive(Debug)]
pub struct Entries {
    walk: Walk,
    taking: bool,
}

impl Iterator for Entries {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.walk.next(self.taking).transpose();
        if matches!(next, Some(Err(_)) | None) {
            self.walk.plan = Plan::Ended;
        }
        next
    }
}

/// The entries of a map, each removed as it comes. Made by [`Map::drain`].
#[derive(Debug)]
pub struct Drain {
    entries: Entries,
}

impl Iterator for Drain {
    type Item = Result<(Vec<u8>, Vec<u8>)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.entries.next()
    }
}

/// A walk, and how it goes on.
#[derive(Debug)]
struct Walk {
    map: Map,
    /// Whether values are wanted.
    values: bool,
    plan: Plan,
}

#[derive(Debug)]
enum Plan {
    Batches(Batches),
    Keys(KeyWalk),
    Ended,
}

impl Plan {
    fn first_key() -> Plan {
        Plan::Keys(KeyWalk::default())
    }
}

#[derive(Debug, Default)]
struct Batches {
    cursor: BatchCursor,
    keys: Vec<u8>,
    values: Vec<u8>,
    /// Entries that the buffers have room for.
    room: usize,
    /// Entries of the last batch that were handed out, and that it has.
    at: usize,
    count: usize,
    /// Whether there was a batch; whether that was the last.
    begun: bool,
    done: bool,
}

#[derive(Debug, Default)]
struct KeyWalk {
    /// The key that is handed out next; `None` before the first.
    pending: Option<Vec<u8>>,
    begun: bool,
    seen: HashSet<Vec<u8>>,
    /// Whether this pass over the map has come to a key that those before had not.
    found_new: bool,
    steps: u64,
}

fn is_hash(map_type: MapType) -> bool {
    let hashes = [MapType::HASH, MapType::LRU_HASH, MapType::PERCPU_HASH, MapType::LRU_PERCPU_HASH];
    hashes.contains(&map_type)
}

impl Walk {
    fn new(map: &Map, values: bool) -> Walk {
        let map_type = map.map_type();
        // Types with batches over which nothing can go wrong: those of others are `BPF_MAP_GET_NEXT_KEY` in a loop, inside the kernel.
        let batches = is_hash(map_type) || matches!(map_type, MapType::ARRAY | MapType::PERCPU_ARRAY);
        let plan = match batches {
            true => {
                let size = map.key_size() + map.raw().elem_size();
                let most = usize::try_from(map.max_entries()).unwrap_or(usize::MAX).max(1);
                let room = (BATCH_BYTES / size.max(1)).clamp(1, most);
                Plan::Batches(Batches { room, ..Batches::default() })
            }
            false => Plan::first_key(),
        };
        // Before Linux 6.6, what the kernel gives as the key after the last is read past the end of its list
        // (`cgroup_storage_get_next_key`): a key counts if there is a value.
        let values = values || matches!(map_type, MapType::CGROUP_STORAGE | MapType::PERCPU_CGROUP_STORAGE);
        Walk { map: map.clone(), values, plan }
    }

    fn next(&mut self, taking: bool) -> Result<Option<(Vec<u8>, Vec<u8>)>> {
        loop {
            match &mut self.plan {
                Plan::Ended => return Ok(None),
                Plan::Batches(batches) => match batches.next(&self.map, taking)? {
                    Step::Entry(entry) => return Ok(Some(entry)),
                    Step::End => return Ok(None),
                    Step::NoBatches => self.plan = Plan::first_key(),
                },
                Plan::Keys(keys) => {
                    let Some(key) = keys.next(&self.map)? else { return Ok(None) };
                    let value = match (taking, self.values) {
                        (true, _) => self.map.take(&key)?,
                        (false, true) => self.map.lookup(&key)?,
                        (false, false) => Some(Vec::new()),
                    };
                    if let Some(value) = value {
                        return Ok(Some((key, value)));
                    }
                }
            }
        }
    }
}

enum Step {
    Entry((Vec<u8>, Vec<u8>)),
    End,
    /// The kernel or the type has no batches.
    NoBatches,
}

impl Batches {
    fn next(&mut self, map: &Map, taking: bool) -> Result<Step> {
        let (key_size, elem_size) = (map.key_size(), map.raw().elem_size());
        loop {
            if self.at < self.count {
                let key = self.keys.get(self.at * key_size..).and_then(|keys| keys.get(..key_size));
                let value = self.values.get(self.at * elem_size..).and_then(|values| values.get(..elem_size));
                self.at += 1;
                if let (Some(key), Some(value)) = (key, value) {
                    return Ok(Step::Entry((key.to_vec(), value.to_vec())));
                }
                return Ok(Step::End);
            }
            if self.done {
                return Ok(Step::End);
            }
            self.keys.resize(self.room * key_size, 0);
            self.values.resize(self.room * elem_size, 0);
            let (keys, values) = (&mut self.keys, &mut self.values);
            let batch = match taking {
                true => map.raw().lookup_and_delete_batch(&mut self.cursor, keys, values, ElemFlags::empty()),
                false => map.raw().lookup_batch(&mut self.cursor, keys, values, ElemFlags::empty()),
            };
            match batch {
                Ok(batch) => {
                    self.begun = true;
                    (self.at, self.count, self.done) = (0, batch.count, batch.done);
                }
                Err(cause) => match errno_name(&cause) {
                    // One bucket has more than there is room for. A bucket has no more than the map.
                    "ENOSPC" if self.room < map.max_entries() as usize => {
                        self.room = self.room.saturating_mul(2).min(map.max_entries() as usize);
                    }
                    "EINVAL" | "EOPNOTSUPP" | "ENOTSUPP" if !self.begun => return Ok(Step::NoBatches),
                    _ => return Err(map.fault(if taking { Operation::Take } else { Operation::LookUp }, cause)),
                },
            }
        }
    }
}

impl KeyWalk {
    fn next(&mut self, map: &Map) -> Result<Option<Vec<u8>>> {
        if !self.begun {
            self.begun = true;
            self.pending = self.after(map, None)?;
        }
        let Some(key) = self.pending.take() else { return Ok(None) };
        self.pending = self.after(map, Some(&key))?;
        Ok(Some(key))
    }

    /// The key after one, among those that were not seen yet.
    fn after(&mut self, map: &Map, key: Option<&[u8]>) -> Result<Option<Vec<u8>>> {
        // Some types say no max_entries: what was seen counts then.
        let limit = STEPS * u64::from(map.max_entries()).max(self.seen.len() as u64).max(STEPS);
        let mut last = key.map(<[u8]>::to_vec);
        let mut next = vec![0; map.key_size()];
        loop {
            self.steps += 1;
            if self.steps > limit {
                return Err(Error::Unsupported {
                    kind: "map",
                    name: map.name().to_owned(),
                    what: "changes faster than its keys can be walked; some may not have been seen".into(),
                });
            }
            let found = map.raw().next_key(last.as_deref(), &mut next);
            if !found.map_err(|cause| map.fault(Operation::Walk, cause))? {
                if map.map_type() != MapType::RHASH || !self.found_new {
                    return Ok(None);
                }
                (self.found_new, last) = (false, None);
                continue;
            }
            // Keys of arrays stay: there is nothing to remember.
            if is_array(map.raw()) || self.seen.insert(next.clone()) {
                self.found_new = true;
                return Ok(Some(next));
            }
            // Seen before: the kernel has begun again, as `last` is gone.
            last = Some(next.clone());
        }
    }
}
