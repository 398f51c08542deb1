use crate::support::{count_descriptors, kernel, since, skipped};
use purebpf_sys::{
    Error, Insn,
    map::{BatchCursor, Map, MapCreate, map_freeze},
    mapping::{Mapping, Protection},
    possible_cpus,
    prog::{ProgLoad, log_text},
    uapi::{ElemFlags, MapFlags, MapType, ProgType},
};
use std::{
    collections::BTreeMap,
    os::fd::{AsFd, OwnedFd},
    sync::atomic::Ordering,
};

fn map(create: MapCreate<'_>) -> Map<OwnedFd> {
    Map::from_fd(create.create().unwrap()).unwrap()
}

fn key(n: u32) -> [u8; 4] {
    n.to_ne_bytes()
}

#[test]
fn hash_elements() {
    let Some(_kernel) = kernel() else { return };
    let map = map(MapCreate::new(MapType::HASH, 4, 6, 3).name("a hash-table.of_mine"));
    assert_eq!((map.key_size(), map.value_size(), map.elem_size(), map.max_entries()), (4, 6, 6, 3));
    // Cut to 15 bytes, with what the kernel refuses turned into `_`.
    assert_eq!(map.info().unwrap().name, "a_hash_table.of");

    let mut value = [9; 6];
    assert!(!map.lookup(&key(1), &mut value, ElemFlags::empty()).unwrap());
    assert_eq!(value, [9; 6], "a missing key leaves the buffer alone");

    map.update(&key(1), b"first.", ElemFlags::NOEXIST).unwrap();
    assert_eq!(map.update(&key(1), b"again.", ElemFlags::NOEXIST).unwrap_err().errno(), libc::EEXIST);
    assert_eq!(map.update(&key(2), b"other.", ElemFlags::EXIST).unwrap_err().errno(), libc::ENOENT);
    map.update(&key(1), b"second", ElemFlags::ANY).unwrap();
    assert!(map.lookup(&key(1), &mut value, ElemFlags::empty()).unwrap());
    assert_eq!(&value, b"second");

    map.update(&key(2), b"two   ", ElemFlags::ANY).unwrap();
    map.update(&key(3), b"three ", ElemFlags::ANY).unwrap();
    let full = map.update(&key(4), b"four  ", ElemFlags::ANY).unwrap_err();
    assert_eq!(full.to_string(), "bpf(BPF_MAP_UPDATE_ELEM): Argument list too long (E2BIG)");

    let (mut seen, mut last, mut next) = (Vec::new(), None, [0; 4]);
    while map.next_key(last.as_ref().map(|key: &[u8; 4]| &key[..]), &mut next).unwrap() {
        seen.push(u32::from_ne_bytes(next));
        last = Some(next);
    }
    seen.sort_unstable();
    assert_eq!(seen, [1, 2, 3]);

    assert!(map.delete(&key(2), ElemFlags::empty()).unwrap());
    assert!(!map.delete(&key(2), ElemFlags::empty()).unwrap());

    // Look-up and delete of hash tables came with 5.14; before, the kernel says ENOTSUPP.
    match map.lookup_and_delete(&key(3), &mut value, ElemFlags::empty()) {
        Ok(found) => {
            assert!(found);
            assert_eq!(&value, b"three ");
            assert!(!map.lookup(&key(3), &mut value, ElemFlags::empty()).unwrap());
        }
        Err(error) => assert!(!since(5, 14), "{error}"),
    }
}

#[test]
fn slices_of_the_wrong_length_are_refused_before_the_kernel_sees_them() {
    let Some(_kernel) = kernel() else { return };
    let map = map(MapCreate::new(MapType::HASH, 4, 16, 3));
    let length = |result: Result<bool, Error>| match result.unwrap_err() {
        Error::Length { expected, given, .. } => (expected, given),
        other => panic!("{other}"),
    };
    assert_eq!(length(map.lookup(&key(1), &mut [0; 15], ElemFlags::empty())), (16, 15));
    assert_eq!(length(map.lookup(&[0; 5], &mut [0; 16], ElemFlags::empty())), (4, 5));
    assert_eq!(length(map.lookup(&[], &mut [0; 16], ElemFlags::empty())), (4, 0));
    assert_eq!(length(map.next_key(None, &mut [0; 3])), (4, 3));
    assert_eq!(length(map.next_key(Some(&[0; 3]), &mut [0; 4])), (4, 3));
    assert_eq!(length(map.delete(&[0; 8], ElemFlags::empty())), (4, 8));
    let error = map.update(&key(1), &[0; 8], ElemFlags::ANY).unwrap_err();
    assert_eq!(error.to_string(), "a value takes 16 bytes, 8 were given");
    assert!(map.lookup_batch(&mut BatchCursor::default(), &mut [0; 8], &mut [0; 31], ElemFlags::empty()).is_err());
    assert!(map.lookup_batch(&mut BatchCursor::default(), &mut [0; 7], &mut [0; 16], ElemFlags::empty()).is_err());
    // A walk by batches of nothing would not end.
    let nothing = map.lookup_batch(&mut BatchCursor::default(), &mut [], &mut [], ElemFlags::empty()).unwrap_err();
    assert_eq!(nothing.to_string(), "a batch of keys takes 4 bytes, 0 were given");
}

#[test]
fn per_cpu_values_come_for_every_possible_cpu() {
    let Some(_kernel) = kernel() else { return };
    let cpus = possible_cpus().unwrap();
    for map_type in [MapType::PERCPU_ARRAY, MapType::PERCPU_HASH, MapType::LRU_PERCPU_HASH] {
        // 5 bytes are rounded up to 8 on the wire.
        let map = map(MapCreate::new(map_type, 4, 5, 2));
        assert_eq!(map.elem_size(), 8 * cpus);
        let given: Vec<u8> = (0..cpus).flat_map(|cpu| [cpu as u8, 1, 2, 3, 4, 0, 0, 0]).collect();
        map.update(&key(1), &given, ElemFlags::ANY).unwrap();
        // One byte more than the kernel should write, to see that it writes no more.
        let mut room = vec![0xee; map.elem_size() + 1];
        let end = map.elem_size();
        assert!(map.lookup(&key(1), &mut room[..end], ElemFlags::empty()).unwrap());
        assert_eq!(room.pop(), Some(0xee));
        assert_eq!(room, given, "{map_type}");
        assert!(map.lookup(&key(1), &mut [0; 8][..], ElemFlags::empty()).is_err() || cpus == 1);
    }
}

#[test]
fn one_cpu_of_a_per_cpu_map() {
    let Some(_kernel) = kernel() else { return };
    if !since(6, 19) {
        return;
    }
    let map = map(MapCreate::new(MapType::PERCPU_ARRAY, 4, 8, 1));
    map.update(&key(0), &7u64.to_ne_bytes(), ElemFlags::ALL_CPUS).unwrap();
    map.update(&key(0), &8u64.to_ne_bytes(), ElemFlags::cpu(0)).unwrap();
    let mut value = [0; 8];
    assert!(map.lookup(&key(0), &mut value, ElemFlags::cpu(0)).unwrap());
    assert_eq!(u64::from_ne_bytes(value), 8);
    assert!(map.lookup(&key(0), &mut [0; 16], ElemFlags::cpu(0)).is_err());
}

#[test]
fn queues_stacks_and_bloom_filters_have_no_keys() {
    let Some(_kernel) = kernel() else { return };
    for (map_type, order) in [(MapType::QUEUE, [1, 2]), (MapType::STACK, [2, 1])] {
        let map = map(MapCreate::new(map_type, 0, 4, 4));
        map.update(&[], &key(1), ElemFlags::ANY).unwrap();
        map.update(&[], &key(2), ElemFlags::ANY).unwrap();
        let mut value = [0; 4];
        assert!(map.lookup(&[], &mut value, ElemFlags::empty()).unwrap());
        assert_eq!(u32::from_ne_bytes(value), order[0]);
        for expected in order {
            assert!(map.lookup_and_delete(&[], &mut value, ElemFlags::empty()).unwrap());
            assert_eq!(u32::from_ne_bytes(value), expected);
        }
        assert!(!map.lookup_and_delete(&[], &mut value, ElemFlags::empty()).unwrap());
        assert!(map.lookup_batch(&mut BatchCursor::default(), &mut [], &mut [], ElemFlags::empty()).is_err());
    }
    if since(5, 16) {
        let bloom = map(MapCreate::new(MapType::BLOOM_FILTER, 0, 4, 64).map_extra(3));
        bloom.update(&[], &key(77), ElemFlags::ANY).unwrap();
        assert!(bloom.lookup(&[], &mut key(77), ElemFlags::empty()).unwrap());
        assert!(!bloom.lookup(&[], &mut key(78), ElemFlags::empty()).unwrap());
        assert_eq!(bloom.info().unwrap().map_extra, 3);
    }
}

#[test]
fn maps_hold_descriptors_and_give_ids() {
    let Some(_kernel) = kernel() else { return };
    let inner = map(MapCreate::new(MapType::ARRAY, 4, 8, 2));
    let outer = map(MapCreate::new(MapType::HASH_OF_MAPS, 4, 4, 2).inner_map(inner.as_fd()));
    outer.update_fd(&key(5), inner.as_fd(), ElemFlags::ANY).unwrap();
    let mut id = [0; 4];
    assert!(outer.lookup(&key(5), &mut id, ElemFlags::empty()).unwrap());
    assert_eq!(u32::from_ne_bytes(id), inner.id());
    // A map that is not of the pattern.
    let other = map(MapCreate::new(MapType::ARRAY, 4, 16, 2));
    assert_eq!(outer.update_fd(&key(6), other.as_fd(), ElemFlags::ANY).unwrap_err().errno(), libc::EINVAL);

    let progs = map(MapCreate::new(MapType::PROG_ARRAY, 4, 4, 1));
    let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
    let prog = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").load().unwrap();
    progs.update_fd(&key(0), prog.as_fd(), ElemFlags::ANY).unwrap();
    assert!(progs.lookup(&key(0), &mut id, ElemFlags::empty()).unwrap());
    assert_eq!(u32::from_ne_bytes(id), purebpf_sys::info::prog_info(prog.as_fd()).unwrap().id);
}

#[test]
fn frozen_maps_are_not_written() {
    let Some(_kernel) = kernel() else { return };
    let map = map(MapCreate::new(MapType::ARRAY, 4, 8, 1).flags(MapFlags::RDONLY_PROG));
    map.update(&key(0), &1u64.to_ne_bytes(), ElemFlags::ANY).unwrap();
    map.freeze().unwrap();
    let error = map.update(&key(0), &2u64.to_ne_bytes(), ElemFlags::ANY).unwrap_err();
    assert_eq!(error.to_string(), "bpf(BPF_MAP_UPDATE_ELEM): Operation not permitted (EPERM)");
    // Older kernels look at the map first, newer ones at the descriptor, which no longer writes.
    let twice = map_freeze(map.as_fd()).unwrap_err();
    assert!(matches!(twice.errno(), libc::EBUSY | libc::EPERM), "{twice}");
}

#[test]
fn values_of_mapped_arrays_are_shared() {
    let Some(_kernel) = kernel() else { return };
    let array = map(MapCreate::new(MapType::ARRAY, 4, 8, 3).flags(MapFlags::MMAPABLE));
    let mapping = Mapping::new(array.as_fd(), 0, 4096, Protection::ReadWrite).unwrap();
    array.update(&key(1), &0x1122u64.to_ne_bytes(), ElemFlags::ANY).unwrap();
    assert_eq!(mapping.load_u64(8, Ordering::Acquire).unwrap(), 0x1122);
    mapping.store_u64(16, 77, Ordering::Release).unwrap();
    let mut value = [0; 8];
    assert!(array.lookup(&key(2), &mut value, ElemFlags::empty()).unwrap());
    assert_eq!(u64::from_ne_bytes(value), 77);
    assert_eq!(array.freeze().unwrap_err().errno(), libc::EBUSY, "mapped writable");
    drop(mapping);
    array.freeze().unwrap();
    let refused = Mapping::new(array.as_fd(), 0, 4096, Protection::ReadWrite).unwrap_err();
    assert_eq!(refused.to_string(), "mmap: Operation not permitted (EPERM)");

    let ring = map(MapCreate::new(MapType::RINGBUF, 0, 0, 4096));
    let consumer = Mapping::new(ring.as_fd(), 0, 4096, Protection::ReadWrite).unwrap();
    let producer = Mapping::new(ring.as_fd(), 4096, 4096 + 2 * 4096, Protection::ReadOnly).unwrap();
    assert_eq!(consumer.load_u64(0, Ordering::Acquire).unwrap(), 0);
    assert_eq!(producer.load_u64(0, Ordering::Acquire).unwrap(), 0);
}

#[test]
fn batches_walk_all_elements() {
    let Some(_kernel) = kernel() else { return };
    const COUNT: u32 = 100;
    for map_type in [MapType::HASH, MapType::LRU_HASH, MapType::ARRAY] {
        let map = map(MapCreate::new(map_type, 4, 8, 2 * COUNT));
        let keys: Vec<u8> = (0..COUNT).flat_map(u32::to_ne_bytes).collect();
        let values: Vec<u8> = (0..COUNT).flat_map(|n| (u64::from(n) * 3).to_ne_bytes()).collect();
        assert_eq!(map.update_batch(&keys, &values, ElemFlags::ANY).unwrap(), COUNT as usize);

        let (mut cursor, mut found) = (BatchCursor::default(), BTreeMap::new());
        let (mut room_keys, mut room_values) = ([0; 4 * 32], [0; 8 * 32]);
        loop {
            let batch = map.lookup_batch(&mut cursor, &mut room_keys, &mut room_values, ElemFlags::empty()).unwrap();
            let pairs = room_keys.chunks_exact(4).zip(room_values.chunks_exact(8)).take(batch.count);
            found.extend(pairs.map(|(key, value)| {
                (u32::from_ne_bytes(key.try_into().unwrap()), u64::from_ne_bytes(value.try_into().unwrap()))
            }));
            if batch.done {
                break;
            }
        }
        found.retain(|key, _| *key < COUNT);
        assert_eq!(found.len(), COUNT as usize, "{map_type}");
        assert!(found.iter().all(|(key, value)| u64::from(*key) * 3 == *value));

        if map_type == MapType::HASH {
            // The first missing key ends it, and the count says how far it came.
            assert_eq!(map.delete_batch(&keys[..40], ElemFlags::empty()).unwrap(), 10);
            let some: Vec<u8> = [10, 11, 3, 12].into_iter().flat_map(u32::to_ne_bytes).collect();
            let (done, error) = map.delete_batch(&some, ElemFlags::empty()).unwrap_err();
            assert_eq!((done, error.errno()), (2, libc::ENOENT));
            let (mut cursor, mut taken) = (BatchCursor::default(), 0);
            loop {
                let batch = map
                    .lookup_and_delete_batch(&mut cursor, &mut room_keys, &mut room_values, ElemFlags::empty())
                    .unwrap();
                taken += batch.count;
                if batch.done {
                    break;
                }
            }
            assert_eq!(taken, 88);
            assert!(!map.next_key(None, &mut [0; 4]).unwrap());
        }
    }
}

#[test]
fn refused_creations_say_which_command() {
    let Some(_kernel) = kernel() else { return };
    let error = MapCreate::new(MapType(9999), 4, 4, 1).create().unwrap_err();
    assert!(error.to_string().starts_with("bpf(BPF_MAP_CREATE): "), "{error}");
    assert!(matches!(error.errno(), libc::EINVAL | libc::E2BIG), "{error}");
    let error = MapCreate::new(MapType::ARRAY, 3, 4, 1).create().unwrap_err();
    assert_eq!(error.errno(), libc::EINVAL);
}

#[test]
fn a_refused_creation_has_a_log() {
    let Some(_kernel) = kernel() else { return };
    let mut log = vec![0xff; 512];
    // Key and value described by BTF that is not given.
    let not_btf = MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap();
    let create = MapCreate::new(MapType::ARRAY, 4, 4, 1).btf(not_btf.as_fd(), 1, 1);
    let loaded = create.create_with_log(1, &mut log);
    assert_eq!(loaded.result.unwrap_err().errno(), libc::EINVAL);
    let text = log_text(&log);
    if since(7, 2) {
        assert_eq!(text, "Invalid btf_fd.");
        assert_eq!(loaded.log_true_size as usize, log.iter().position(|byte| *byte == 0).unwrap() + 1);
    } else {
        assert_eq!((loaded.log_true_size, &*text), (0, ""));
    }
    let fd = MapCreate::new(MapType::ARRAY, 4, 4, 1).create_with_log(1, &mut log).result.unwrap();
    assert_eq!(Map::from_fd(fd).unwrap().map_type(), MapType::ARRAY);
}

#[test]
fn descriptors_of_other_objects_are_not_taken_for_maps() {
    let Some(_kernel) = kernel() else { return };
    let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
    let prog = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").load().unwrap();
    let error = Map::from_fd(prog).unwrap_err();
    assert!(error.to_string().starts_with("not a BPF map: "), "{error}");
}

#[test]
fn descriptors_are_above_stdio_and_close_on_exec() {
    use std::os::fd::AsRawFd;
    let Some(_kernel) = kernel() else { return };
    // SAFETY: the saved descriptor is put back before anybody else needs it; tests run one at a time.
    unsafe {
        let saved = libc::fcntl(0, libc::F_DUPFD_CLOEXEC, 10);
        if saved < 0 {
            return skipped("stdin is closed");
        }
        libc::close(0);
        let before = count_descriptors();
        let fd = MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap();
        assert_eq!(count_descriptors(), before + 1, "the descriptor the kernel gave first is closed");
        assert!(fd.as_raw_fd() > 2);
        assert_eq!(libc::fcntl(fd.as_raw_fd(), libc::F_GETFD), libc::FD_CLOEXEC);
        libc::dup2(saved, 0);
        libc::close(saved);
    }
}
