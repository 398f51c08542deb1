//! Rings of the running kernel, filled by programs: what arrives, what is given back, who is woken.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use producer::{Producer, Reserved};
use purebpf_ringbuf::{Error, Ring, RingBufferManager};
use purebpf_sys::id::ObjectKind;
use purebpf_sys::map::MapCreate;
use purebpf_sys::mapping::{Mapping, Protection};
use purebpf_sys::pin::Access;
use purebpf_sys::uapi::{BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP, MapFlags, MapType};

use edge::Edges;
use leaks::Watch;

mod edge;
#[path = "../../../tests/common/leaks.rs"]
mod leaks;
mod perf;
mod producer;
mod user_ring;

/// Long enough that only a lost wake-up takes it.
const FOR_EVER: Duration = Duration::from_secs(60);

const PAGE: u32 = 4096;

/// A producer, or the reason why this machine has none.
fn producer_with_flags(size: u32, flags: u32) -> Option<Producer> {
    match Producer::with_flags(size, flags) {
        Ok(producer) => Some(producer),
        Err(error) if error.is_permission() => {
            println!("skipped: needs root, or CAP_BPF and CAP_NET_ADMIN: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

macro_rules! producer {
    ($size:expr) => {
        producer!($size, 0)
    };
    ($size:expr, $flags:expr) => {
        match producer_with_flags($size, $flags) {
            Some(producer) => producer,
            None => return,
        }
    };
}

/// The bytes of a record of a length that depends on `i`.
fn record(i: usize) -> Vec<u8> {
    (0..1 + i % producer::MAX_RECORD).map(|byte| (byte ^ i) as u8).collect()
}

fn all(ring: &mut Ring) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    ring.consume(|record| records.push(record.to_vec())).unwrap();
    records
}

#[test]
fn records_arrive_as_they_were_submitted() {
    let _watch = Watch::start();
    // 1,000 records of up to 256 bytes, many times around a ring of a page.
    let producer = producer!(PAGE);
    let mut ring = Ring::new(producer.map()).unwrap();
    assert_eq!(ring.size(), PAGE as usize);
    let mut produced = 0;
    let mut consumed = 0;
    while consumed < 1000 {
        for _ in 0..1 + consumed % 7 {
            assert!(producer.output(&record(produced)));
            produced += 1;
        }
        if consumed % 2 == 0 {
            while let Some(read) = ring.next().unwrap() {
                assert_eq!(*read, record(consumed));
                assert_eq!(read.as_ptr() as usize % 8, 0);
                consumed += 1;
            }
        } else {
            ring.consume(|read| {
                assert_eq!(*read, record(consumed));
                consumed += 1;
            })
            .unwrap();
        }
        assert_eq!(consumed, produced);
    }
}

#[test]
fn a_full_ring_takes_records_again_when_some_are_released() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let mut ring = Ring::new(producer.map()).unwrap();
    // A record takes 8 bytes of header and 32 of its own; the producer position stays at most a byte short of a lap.
    let fit = (PAGE - 1) / 40;
    producer.fill(fit);
    assert!(!producer.output(&[1; 32]));
    assert_eq!(ring.available_data(), 40 * fit as usize);
    assert_eq!(ring.producer_pos(), 40 * fit as usize);
    assert_eq!(ring.consumer_pos(), 0);

    // The space of a record that is held is not given away, nor are its bytes written to.
    let held = ring.next().unwrap().unwrap();
    assert!(!producer.output(&[2; 32]));
    assert_eq!(*held, [1; 32]);
    drop(held);
    assert_eq!(ring.consumer_pos(), 40);
    assert!(producer.output(&[2; 32]));
    assert!(!producer.output(&[3; 32]));

    let records = all(&mut ring);
    assert_eq!(records.len(), fit as usize);
    assert_eq!(records.last().unwrap(), &[2; 32]);
    assert_eq!(ring.available_data(), 0);
    assert_eq!(ring.consumer_pos(), ring.producer_pos());
}

#[test]
fn discarded_records_are_passed_over() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let (submit, discard) = (producer.reserving(Reserved::Submit), producer.reserving(Reserved::Discard));
    let mut ring = Ring::new(producer.map()).unwrap();
    // More than fit at once, so that their space must come back although nobody sees them.
    for _ in 0..PAGE / 24 {
        assert!(discard.run());
        assert!(discard.run());
        assert_eq!(ring.consume(|_| panic!("discarded")).unwrap(), 0);
        assert!(discard.run());
        assert!(ring.next().unwrap().is_none());
    }
    assert!(discard.run());
    assert!(submit.run());
    assert!(discard.run());
    assert_eq!(*ring.next().unwrap().unwrap(), [0xff; 16]);
    assert!(ring.next().unwrap().is_none());
    assert_eq!(ring.available_data(), 0);
}

#[test]
fn a_record_that_is_still_being_written_is_waited_for() {
    let _watch = Watch::start();
    if thread::available_parallelism().unwrap().get() < 2 {
        return println!("skipped: with one CPU nobody can look while a program runs");
    }
    let producer = producer!(PAGE);
    let late = producer.reserving(Reserved::SubmitLate);
    let mut ring = Ring::new(producer.map()).unwrap();
    // Seen reserved, which the kernel calls readable, and not committed; and then woken for by its commit.
    let mut seen = 0;
    for _ in 0..5000 {
        thread::scope(|scope| {
            scope.spawn(|| assert!(late.run()));
            while ring.available_data() == 0 {
                thread::yield_now();
            }
            if let Some(record) = ring.next().unwrap() {
                return assert_eq!(*record, [0xff; 16]);
            }
            seen += 1;
            assert_eq!(ring.poll(FOR_EVER, |record| assert_eq!(record, [0xff; 16])).unwrap(), 1);
        });
        if seen == 20 {
            return;
        }
    }
    panic!("a record was seen before its commit {seen} times only");
}

#[test]
fn what_is_not_consumed_is_there_for_the_next_consumer() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    for i in 0..3 {
        assert!(producer.output(&[i; 5]));
    }
    let mut ring = Ring::from_owned(producer.map().try_clone_to_owned().unwrap()).unwrap();
    assert_eq!(ring.consume_n(1, |record| assert_eq!(record, [0; 5])).unwrap(), 1);
    drop(ring);
    // The consumer position is the map's.
    let mut ring = Ring::try_from(producer.map().try_clone_to_owned().unwrap()).unwrap();
    assert_eq!(ring.consumer_pos(), 16);
    assert_eq!(all(&mut ring), [[1; 5], [2; 5]]);
}

#[test]
fn the_record_at_which_the_callback_breaks_off_is_consumed() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let mut ring = Ring::new(producer.map()).unwrap();
    for i in 0..3 {
        assert!(producer.output(&[i; 8]));
    }
    let stopped = ring
        .try_poll(FOR_EVER, |record| if record[0] == 1 { ControlFlow::Break("b") } else { ControlFlow::Continue(()) });
    let stopped = stopped.unwrap();
    assert_eq!((stopped.records, stopped.stopped), (2, Some("b")));
    assert_eq!(ring.consumer_pos(), 32);
    // No wake-up will come for what is left, and none is needed.
    assert_eq!(ring.poll(FOR_EVER, |record| assert_eq!(record, [2; 8])).unwrap(), 1);
}

#[test]
fn what_is_no_ring_buffer_is_refused() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let array = MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap();
    assert!(matches!(
        Ring::new(&array).unwrap_err(),
        Error::WrongMapType { map_type: MapType::ARRAY, expected: MapType::RINGBUF, .. }
    ));
    let file = std::fs::File::open("/dev/null").unwrap();
    let error = Ring::new(&file).unwrap_err();
    assert!(matches!(error, Error::MapInfo(_)));
    // One line says it all, the reason included.
    assert_eq!(error.to_string(), "cannot read the ring buffer map's description: not a BPF map: /dev/null");

    let ring = Ring::new(producer.map()).unwrap();
    let id = purebpf_sys::info::map_info(producer.map()).unwrap().id;
    assert!(matches!(Ring::new(producer.map()).unwrap_err(), Error::AlreadyConsumed { map_id } if map_id == id));
    assert!(matches!(Ring::new(&ring).unwrap_err(), Error::AlreadyConsumed { .. }));
    drop(ring);

    let read_only = ObjectKind::Map.fd_by_id_with(id, Access::ReadOnly, None).unwrap();
    match Ring::new(&read_only).unwrap_err() {
        Error::Mapping { part: "consumer page", cause } => assert_eq!(cause.errno(), libc::EACCES),
        other => panic!("{other:?}"),
    }
    // A failure leaves the map free.
    Ring::new(producer.map()).unwrap();

    match MapCreate::new(MapType::RINGBUF, 0, 0, PAGE).flags(MapFlags::RB_OVERWRITE).create() {
        Ok(overwritten) => assert!(matches!(
            Ring::new(&overwritten).unwrap_err(),
            Error::UnsupportedFlags { flags: MapFlags::RB_OVERWRITE, .. }
        )),
        Err(error) => {
            assert!(purebpf_sys::kernel_version() < 6 << 16 | 19 << 8, "{error}");
            println!("skipped in part: no ring buffers that overwrite before 6.19: {error}");
        }
    }
}

#[test]
fn a_ring_that_contradicts_itself_is_an_error() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let consumer_page = Mapping::new(producer.map(), 0, PAGE as usize, Protection::ReadWrite).unwrap();
    // What stands where a second header would be, if the consumer position pointed into the first record.
    let mut record = [0; 32];
    record[..4].copy_from_slice(&1000_u32.to_ne_bytes());
    assert!(producer.output(&record));

    consumer_page.store_u64(0, 8, Ordering::Release).unwrap();
    let mut ring = Ring::new(producer.map()).unwrap();
    let fault = |error| matches!(error, Error::CorruptRecord { position: 8, len: 1000, available: 32 });
    assert!(fault(ring.next().unwrap_err()));
    assert!(fault(ring.poll(FOR_EVER, |_| panic!("nothing")).unwrap_err()));
    assert!(fault(ring.wait(FOR_EVER).unwrap_err()));
    drop(ring);

    for consumer_pos in [4, 48, u64::from(PAGE) + 48, u64::MAX - 7 - u64::from(PAGE)] {
        consumer_page.store_u64(0, consumer_pos, Ordering::Release).unwrap();
        assert!(
            matches!(Ring::new(producer.map()).unwrap_err(), Error::CorruptPositions { producer_pos: 40, .. }),
            "{consumer_pos}"
        );
    }
    consumer_page.store_u64(0, 0, Ordering::Release).unwrap();
    assert_eq!(all(&mut Ring::new(producer.map()).unwrap()), [record]);
}

#[test]
fn waiting_ends_with_a_record_or_the_timeout() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let mut ring = Ring::new(producer.map()).unwrap();
    assert_eq!(ring.poll(Duration::ZERO, |_| ()).unwrap(), 0);
    assert!(!ring.wait(Duration::ZERO).unwrap());
    let timeout = Duration::from_millis(30);
    let waits: [fn(&mut Ring, Duration) -> bool; 2] =
        [|ring, timeout| ring.poll(timeout, |_| ()).unwrap() == 0, |ring, timeout| !ring.wait(timeout).unwrap()];
    for wait in waits {
        let start = Instant::now();
        assert!(wait(&mut ring, timeout));
        assert!(start.elapsed() >= timeout);
    }

    thread::scope(|scope| {
        let (ready, wanted) = mpsc::channel();
        let producer = &producer;
        scope.spawn(move || wanted.iter().for_each(|()| assert!(producer.output(b"one"))));
        ready.send(()).unwrap();
        assert!(ring.wait(None).unwrap());
        // Waiting consumes nothing.
        assert!(ring.wait(None).unwrap());
        assert_eq!(ring.poll(None, |record| assert_eq!(record, b"one")).unwrap(), 1);
        ready.send(()).unwrap();
        assert_eq!(ring.poll(None, |record| assert_eq!(record, b"one")).unwrap(), 1);
    });
}

#[test]
fn records_without_wake_up_are_found_when_the_timeout_is_over() {
    let _watch = Watch::start();
    let producer = producer!(PAGE, BPF_RB_NO_WAKEUP);
    let mut ring = Ring::new(producer.map()).unwrap();
    // Let the ring have been seen empty by the epoll instance, so that only an edge could end the next wait.
    assert_eq!(ring.poll(Duration::from_millis(1), |_| ()).unwrap(), 0);
    let timeout = Duration::from_millis(300);
    let records = thread::scope(|scope| {
        let (waits, waiting) = mpsc::channel();
        let producer = &producer;
        scope.spawn(move || {
            waiting.recv().unwrap();
            assert!(producer.output(b"quiet"));
        });
        waits.send(()).unwrap();
        ring.poll(timeout, |record| assert_eq!(record, b"quiet")).unwrap()
    });
    assert_eq!(records, 1);
}

#[test]
fn forced_wake_ups_end_a_wait_too() {
    let _watch = Watch::start();
    let producer = producer!(PAGE, BPF_RB_FORCE_WAKEUP);
    let mut ring = Ring::new(producer.map()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| assert!(producer.output(b"loud")));
        assert_eq!(ring.poll(FOR_EVER, |record| assert_eq!(record, b"loud")).unwrap(), 1);
    });
}

#[test]
fn a_signal_ends_a_wait() {
    let _watch = Watch::start();
    extern "C" fn ignore(_: libc::c_int) {}
    let producer = producer!(PAGE);
    let mut ring = Ring::new(producer.map()).unwrap();
    let mut manager = RingBufferManager::<()>::new().unwrap();
    // SAFETY: the handler does nothing; the thread that the signals go to lives longer than the one that sends them.
    let sleeper = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ignore as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
        libc::pthread_self()
    };
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Again and again: the first may come before the wait begins.
            while !over.load(Ordering::Relaxed) {
                // SAFETY: the scope keeps the sleeper from ending before this thread does.
                assert_eq!(unsafe { libc::pthread_kill(sleeper, libc::SIGUSR1) }, 0);
                thread::yield_now();
            }
        });
        assert_eq!(ring.poll(None, |_| panic!("nothing there")).unwrap(), 0);
        assert!(!ring.wait(None).unwrap());
        assert!(manager.poll(None).unwrap().is_empty());
        over.store(true, Ordering::Relaxed);
    });
}

/// One thread produces numbered records, one reads in a way of its own and sleeps when it has seen the ring empty.
/// Whatever the two do at the same time, everything arrives in order and in time.
fn nothing_is_lost(mut read_and_wait: impl FnMut(&mut dyn FnMut(&[u8])), producer: &Producer) {
    const RECORDS: u64 = 30_000;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..RECORDS {
                while !producer.output(&i.to_ne_bytes()) {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    thread::yield_now();
                }
            }
        });
        // Also when an assertion fails, or the producer would not end.
        let _over = SetOnDrop(&over);
        let mut next = 0;
        let start = Instant::now();
        while next < RECORDS {
            read_and_wait(&mut |record| {
                assert_eq!(record, next.to_ne_bytes());
                next += 1;
            });
            assert!(start.elapsed() < 5 * FOR_EVER, "at record {next}");
        }
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn edge_triggered_waiters_lose_nothing_in_batches() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let mut ring = Ring::new(producer.map()).unwrap();
    let edges = Edges::of(ring.as_fd());
    let mut done = 0;
    nothing_is_lost(
        |callback| {
            done += ring.consume(&mut *callback).unwrap();
            if done < 30_000 {
                edges.wait(FOR_EVER);
            }
        },
        &producer,
    );
}

#[test]
fn edge_triggered_waiters_lose_nothing_one_by_one() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let mut ring = Ring::new(producer.map()).unwrap();
    let edges = Edges::of(ring.as_fd());
    let mut done = 0;
    nothing_is_lost(
        |callback| {
            while let Some(record) = ring.next().unwrap() {
                callback(&record);
                done += 1;
            }
            if done < 30_000 {
                edges.wait(FOR_EVER);
            }
        },
        &producer,
    );
}

#[test]
fn poll_loses_nothing() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let mut ring = Ring::new(producer.map()).unwrap();
    nothing_is_lost(
        |callback| {
            let start = Instant::now();
            assert_ne!(ring.poll(FOR_EVER, &mut *callback).unwrap(), 0);
            assert!(start.elapsed() < FOR_EVER);
        },
        &producer,
    );
}

#[test]
fn a_manager_loses_nothing_seen_from_outside() {
    let _watch = Watch::start();
    // The manager's epoll instance in another, edge-triggered one, as in an async runtime.
    let producer = producer!(PAGE);
    let (records, received) = mpsc::channel();
    let mut manager = RingBufferManager::<()>::new().unwrap();
    manager.add(producer.map(), move |record| records.send(record.to_vec()).unwrap()).unwrap();
    let edges = Edges::of(manager.as_fd());
    let mut done = 0;
    nothing_is_lost(
        |callback| {
            done += manager.consume().unwrap().records;
            received.try_iter().for_each(|record| callback(&record));
            if done < 30_000 {
                edges.wait(FOR_EVER);
            }
        },
        &producer,
    );
}

#[test]
fn a_manager_reads_its_rings_in_order() {
    let _watch = Watch::start();
    let producers = [producer!(PAGE), producer!(2 * PAGE), producer!(PAGE)];
    let (records, received) = mpsc::channel();
    let mut manager = RingBufferManager::new().unwrap();
    assert!(manager.is_empty());
    for (i, producer) in producers.iter().enumerate() {
        let records = records.clone();
        let index = manager.try_add(producer.map(), move |record| {
            records.send((i, record[0])).unwrap();
            if record[0] == 9 { ControlFlow::Break(i) } else { ControlFlow::Continue(()) }
        });
        assert_eq!(index.unwrap(), i);
    }
    assert_eq!(manager.len(), 3);
    assert_eq!(manager.ring(1).unwrap().size(), 2 * PAGE as usize);
    assert!(manager.ring(3).is_none());
    assert!(matches!(manager.consume_ring(3), Err(Error::NoSuchRing { index: 3, count: 3 })));
    let taken = || received.try_iter().collect::<Vec<_>>();

    assert!(manager.poll(Duration::ZERO).unwrap().is_empty());
    for (i, producer) in producers.iter().enumerate() {
        assert!(producer.output(&[i as u8]) && producer.output(&[i as u8 + 3]));
    }
    assert_eq!(manager.consume_n(3).unwrap().records, 3);
    assert_eq!(taken(), [(0, 0), (0, 3), (1, 1)]);
    assert_eq!(manager.poll(FOR_EVER).unwrap().records, 3);
    assert_eq!(taken(), [(1, 4), (2, 2), (2, 5)]);

    // The ring whose callback breaks off is the last that is read; the rest is there afterwards.
    assert!(producers.iter().all(|producer| producer.output(&[9]) && producer.output(&[7])));
    let consumed = manager.poll(FOR_EVER).unwrap();
    assert_eq!((consumed.records, consumed.stopped), (1, Some(0)));
    assert_eq!(taken(), [(0, 9)]);
    assert_eq!(manager.consume_ring(1).unwrap().stopped, Some(1));
    assert_eq!(taken(), [(1, 9)]);
    assert_eq!(manager.ring_mut(0).unwrap().consume(|record| assert_eq!(record, [7])).unwrap(), 1);
    let consumed = manager.poll(FOR_EVER).unwrap();
    assert_eq!((consumed.records, consumed.stopped), (2, Some(2)));
    assert_eq!(manager.poll(FOR_EVER).unwrap().records, 1);
    assert_eq!(taken(), [(1, 7), (2, 9), (2, 7)]);
}

#[test]
fn a_busy_ring_does_not_keep_the_others_waiting() {
    let _watch = Watch::start();
    let (busy, quiet) = (producer!(PAGE), producer!(PAGE));
    let busy = Arc::new(busy);
    let mut manager = RingBufferManager::new().unwrap();
    // Each record of the first ring brings the next: it is never empty.
    let endless = Arc::clone(&busy);
    manager.add(busy.map(), move |_| assert!(endless.output(b"more"))).unwrap();
    manager.try_add(quiet.map(), |_| ControlFlow::Break("seen")).unwrap();
    assert!(busy.output(b"more"));
    assert!(quiet.output(b"one"));
    let consumed = manager.poll(FOR_EVER).unwrap();
    assert_eq!(consumed.stopped, Some("seen"));
    assert!(consumed.records < PAGE as usize);
}

#[test]
fn rings_and_managers_move_to_other_threads() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let mut ring = Ring::new(producer.map()).unwrap();
    assert!(producer.output(b"here") && producer.output(b"there"));
    assert_eq!(*ring.next().unwrap().unwrap(), *b"here");
    let counter = Arc::new(AtomicUsize::new(0));
    let mut manager = RingBufferManager::<()>::new().unwrap();
    let ring = thread::spawn(move || {
        assert_eq!(*ring.next().unwrap().unwrap(), *b"there");
        ring
    });
    let count = Arc::clone(&counter);
    let count = move |_: &[u8]| {
        count.fetch_add(1, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    manager.add_ring(ring.join().unwrap(), count).unwrap();
    assert!(producer.output(b"everywhere"));
    thread::spawn(move || manager.poll(FOR_EVER).unwrap()).join().unwrap();
    assert_eq!(counter.load(Ordering::Relaxed), 1);

    // A callback may borrow and need not be Send where the ring itself is read.
    let mut ring = Ring::new(producer.map()).unwrap();
    assert!(producer.output(b"local"));
    let local = Rc::new(RefCell::new(Vec::<u8>::new()));
    ring.consume(|record| local.borrow_mut().extend(record)).unwrap();
    assert_eq!(*local.borrow(), b"local");
}

#[test]
fn any_descriptor_of_the_map_will_do() {
    let _watch = Watch::start();
    let producer = producer!(PAGE);
    let owned: OwnedFd = producer.map().try_clone_to_owned().unwrap();
    let mut ring = Ring::new(&owned).unwrap();
    // The ring has a descriptor of its own.
    drop(owned);
    assert!(producer.output(b"x"));
    assert_eq!(all(&mut ring), [b"x"]);
    drop(producer);
    assert!(ring.next().unwrap().is_none());
    assert_eq!(purebpf_sys::info::map_info(ring.as_fd()).unwrap().map_type, MapType::RINGBUF);
}
