//! Nothing is left behind: descriptors, mappings, the map itself. One test, in a process of its own, since it counts
//! what the process has.

use std::fs;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use purebpf_ringbuf::{PerfBuffer, PerfBufferOptions, Ring, RingBufferManager, UserRing};
use purebpf_sys::id::ObjectKind;
use purebpf_sys::map::MapCreate;
use purebpf_sys::system::{kernel_version, online_cpus};
use purebpf_sys::uapi::MapType;

#[path = "kernel/producer.rs"]
mod producer;

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Mappings of what has this in its name.
fn mappings(name: &str) -> usize {
    fs::read_to_string("/proc/self/maps").unwrap().lines().filter(|line| line.contains(name)).count()
}

/// Mappings of BPF maps.
fn mapped_maps() -> usize {
    mappings("bpf-map")
}

#[test]
fn nothing_is_left_behind() {
    let producer = match producer::Producer::new(4096) {
        Ok(producer) => producer,
        Err(error) if error.is_permission() => {
            return println!("skipped: needs root, or CAP_BPF and CAP_NET_ADMIN: {error}");
        }
        Err(error) => panic!("{error}"),
    };
    let array = MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap();
    let id = purebpf_sys::info::map_info(producer.map()).unwrap().id;
    let before = open_descriptors();
    for round in 0..10 {
        let mut ring = Ring::new(producer.map()).unwrap();
        // The consumer's page, and the producer's with the data.
        assert_eq!(mapped_maps(), 2);
        assert_eq!(open_descriptors(), before + 1);
        assert_eq!(ring.poll(Duration::from_millis(5), |_| ()).unwrap(), 0);
        // The epoll instance of a poll that had to wait, as it does unless the thread was kept from running for so
        // long.
        assert!(open_descriptors() <= before + 2);
        drop(ring);

        let mut manager = RingBufferManager::<()>::new().unwrap();
        manager.add(producer.map(), |_| ()).unwrap();
        // Failures after something has been opened: the map is taken, or is of another kind.
        manager.add(producer.map(), |_| ()).unwrap_err();
        manager.add(array.as_fd(), |_| ()).unwrap_err();
        assert!(producer.output(&[round]));
        assert_eq!(manager.poll(None).unwrap().records, 1);
        assert_eq!(open_descriptors(), before + 2);
        drop(manager);

        Ring::new(&array).unwrap_err();
        Ring::from_owned(array.try_clone().unwrap()).unwrap_err();
        assert_eq!(open_descriptors(), before);
        assert_eq!(mapped_maps(), 0);
    }

    let perf = MapCreate::new(MapType::PERF_EVENT_ARRAY, 4, 4, 1 << 10).create().unwrap();
    // From Linux 6.1 on.
    let user = (kernel_version() >= 6 << 16 | 1 << 8)
        .then(|| MapCreate::new(MapType::USER_RINGBUF, 0, 0, 4096).create().unwrap());
    let before = open_descriptors();
    for _ in 0..3 {
        let buffer = PerfBuffer::new(&perf, 1).unwrap();
        let rings = buffer.rings().len();
        // The map, the epoll instance and the events; a mapping each.
        assert_eq!((open_descriptors(), mappings("perf_event")), (before + 2 + rings, rings));
        drop(buffer);
        // A failure after the first CPU's event has been opened and put into its slot.
        let cpu = online_cpus().unwrap()[0];
        PerfBufferOptions::new().cpus([(cpu, 0), (cpu, 1 << 10)]).open(&perf, 1).unwrap_err();
        assert_eq!((open_descriptors(), mappings("perf_event")), (before, 0));
        if let Some(user) = &user {
            let ring = UserRing::new(user).unwrap();
            // The consumer's page, and the producer's with the data.
            assert_eq!((open_descriptors(), mapped_maps()), (before + 1, 2));
            // Full from the first round on, as nobody drains it.
            if let Ok(sample) = ring.reserve(4088) {
                sample.submit();
            }
            ring.reserve_blocking(1, Duration::from_millis(1)).unwrap_err();
            UserRing::new(user).unwrap_err();
            drop(ring);
            assert_eq!((open_descriptors(), mapped_maps()), (before, 0));
        }
    }

    let ring = Ring::new(producer.map()).unwrap();
    drop(producer);
    assert!(ObjectKind::Map.fd_by_id(id).is_ok(), "the ring keeps its map");
    drop(ring);
    // The program's hold on the map ends a little after its own, an RCU grace period, of whose end the kernel tells nobody.
    let start = Instant::now();
    while ObjectKind::Map.fd_by_id(id).is_ok() {
        assert!(start.elapsed() < Duration::from_secs(60), "the map is still there");
        std::thread::yield_now();
    }
    let gone = ObjectKind::Map.fd_by_id(id).unwrap_err();
    assert_eq!(gone.errno(), libc::ENOENT);
}
