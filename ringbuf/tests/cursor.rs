//! The cursor over rings in ordinary memory: the layout of records, what counts as consumed, hostile contents, and
//! wake-ups between threads. Expectations come from `kernel/bpf/ringbuf.c` and, where noted, from libbpf.

use std::hint;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use purebpf_ringbuf::heap_ring::HeapRing;
use purebpf_ringbuf::memory::{BUSY_BIT, DISCARD_BIT, RingMemory};
use purebpf_ringbuf::{Consumed, Cursor, Error};

/// How a record lies in the ring: `struct bpf_ringbuf_hdr` (len, pg_off), the bytes, padding up to 8.
fn laid_out(len_and_flags: u32, bytes: &[u8]) -> Vec<u8> {
    let mut laid_out = len_and_flags.to_ne_bytes().to_vec();
    laid_out.extend(0xdead_beef_u32.to_ne_bytes());
    laid_out.extend(bytes);
    laid_out.resize(laid_out.len().next_multiple_of(8), 0xee);
    laid_out
}

fn ring_of(size: usize, records: &[Vec<u8>]) -> Cursor<HeapRing> {
    let mut contents = records.concat();
    let producer_pos = contents.len();
    contents.resize(size, 0x55);
    Cursor::new(HeapRing::from_contents(&contents, 0, producer_pos).unwrap()).unwrap()
}

fn all<M: RingMemory>(cursor: &mut Cursor<M>) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while let Some(record) = cursor.next().unwrap() {
        records.push(record.to_vec());
    }
    records
}

fn go_on(_: &[u8]) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn reads_records_as_the_kernel_lays_them_out() {
    let records = [
        laid_out(5, b"abcde"),
        laid_out(0, b""),
        laid_out(16, b"0123456789abcdef"),
        laid_out(3 | DISCARD_BIT, b"xyz"),
        laid_out(1, b"!"),
        laid_out(8 | BUSY_BIT, b"not yet!"),
        laid_out(1, b"?"),
    ];
    let mut cursor = ring_of(256, &records);
    assert_eq!(all(&mut cursor), [&b"abcde"[..], b"", b"0123456789abcdef", b"!"]);
    // 16 + 8 + 24 + 16 + 16 bytes are done with, the discarded record's included; 16 + 16 are reserved.
    assert_eq!(cursor.consumer_pos(), 80);
    assert_eq!(cursor.available_data(), 32);

    let mut cursor = ring_of(256, &records);
    let mut drained = Vec::new();
    let consumed = cursor.drain(|record| {
        assert_eq!(record.as_ptr() as usize % 8, 0);
        drained.push(record.to_vec());
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(consumed.unwrap(), Consumed { records: 4, stopped: None });
    assert_eq!(drained, [&b"abcde"[..], b"", b"0123456789abcdef", b"!"]);
    assert_eq!(cursor.consumer_pos(), 80);
}

#[test]
fn reads_across_the_end_of_the_ring() {
    let (producer, ring) = HeapRing::new(64).unwrap();
    let mut cursor = Cursor::new(ring).unwrap();
    for i in 0..100_u8 {
        let record: Vec<u8> = (0..i % 40).map(|byte| byte ^ i).collect();
        assert!(producer.output(&record).is_some(), "{i}");
        assert_eq!(&*cursor.next().unwrap().unwrap(), record);
    }
}

#[test]
fn positions_wrap_around() {
    // 32-bit kernels get here after 4 GiB of records.
    let (producer, ring) = HeapRing::starting_at(64, usize::MAX - 64).unwrap();
    let mut cursor = Cursor::new(ring).unwrap();
    for i in 0..20_u8 {
        producer.output(&[i; 10]).unwrap();
        producer.output(&[i; 11]).unwrap();
        assert_eq!(cursor.available_data(), 48);
        if i % 2 == 0 {
            assert_eq!(all(&mut cursor), [vec![i; 10], vec![i; 11]]);
        } else {
            assert_eq!(cursor.drain(go_on).unwrap().records, 2);
        }
    }
    assert!(cursor.consumer_pos() < 1024);
}

#[test]
fn a_full_ring_takes_records_again_when_some_are_released() {
    let (producer, ring) = HeapRing::new(64).unwrap();
    let mut cursor = Cursor::new(ring).unwrap();
    // The producer may be at most size - 1 ahead, so three records of 16 bytes fit and a fourth does not.
    for i in 0..3 {
        producer.output(&[i; 8]).unwrap();
    }
    assert_eq!(producer.output(&[3; 8]), None);
    let held = cursor.next().unwrap().unwrap();
    assert_eq!(producer.output(&[3; 8]), None);
    assert_eq!(&*held, [0; 8]);
    drop(held);
    producer.output(&[3; 8]).unwrap();
    assert_eq!(all(&mut cursor), [[1; 8], [2; 8], [3; 8]]);
}

#[test]
fn nothing_passes_a_record_that_is_not_committed() {
    let (producer, ring) = HeapRing::new(256).unwrap();
    let mut cursor = Cursor::new(ring).unwrap();
    let mut first = producer.reserve(4).unwrap();
    let dropped = producer.reserve(4).unwrap();
    // The consumer is not at this record: no wake-up.
    assert_eq!(producer.output(b"last"), Some(false));
    assert!(cursor.next().unwrap().is_none());
    assert_eq!(cursor.drain(go_on).unwrap().records, 0);
    first.write(b"1st.");
    assert!(first.submit(), "the consumer is waiting for this one");
    assert_eq!(all(&mut cursor), [b"1st."]);
    assert!(dropped.discard());
    assert_eq!(all(&mut cursor), [b"last"]);
}

#[test]
fn a_leaked_record_is_not_consumed() {
    let mut cursor = ring_of(64, &[laid_out(2, b"ab")]);
    std::mem::forget(cursor.next().unwrap().unwrap());
    assert_eq!(cursor.consumer_pos(), 0);
    assert_eq!(&*cursor.next().unwrap().unwrap(), b"ab");
    assert_eq!(cursor.consumer_pos(), 16);
}

#[test]
fn the_record_at_which_the_callback_breaks_off_is_consumed() {
    // As in libbpf's ringbuf_process_ring, which stores the consumer position before it returns the callback's error.
    let mut cursor = ring_of(64, &[1, 2, 3].map(|i| laid_out(1, &[i])));
    let consumed = cursor
        .drain(|record| if record[0] == 2 { ControlFlow::Break("stop") } else { ControlFlow::Continue(()) })
        .unwrap();
    assert_eq!(consumed, Consumed { records: 2, stopped: Some("stop") });
    assert_eq!(cursor.consumer_pos(), 32);
    assert_eq!(all(&mut cursor), [[3]]);
}

#[test]
fn the_record_at_which_the_callback_panics_is_consumed() {
    let mut cursor = ring_of(64, &[1, 2, 3].map(|i| laid_out(1, &[i])));
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        cursor.drain(|record| {
            assert_ne!(record[0], 2, "on purpose");
            ControlFlow::<()>::Continue(())
        })
    }));
    assert!(unwound.is_err());
    assert_eq!(cursor.consumer_pos(), 32);
    assert_eq!(all(&mut cursor), [[3]]);
}

#[test]
fn a_limit_counts_records_handed_out() {
    let discarded = laid_out(1 | DISCARD_BIT, &[9]);
    let mut records = vec![discarded; 2];
    records.extend([1, 2, 3].map(|i| laid_out(1, &[i])));
    let mut cursor = ring_of(128, &records);
    assert_eq!(cursor.drain_n(0, go_on).unwrap().records, 0);
    assert_eq!(cursor.consumer_pos(), 0);
    assert_eq!(cursor.drain_n(2, go_on).unwrap().records, 2);
    assert_eq!(cursor.consumer_pos(), 64);
    assert_eq!(cursor.drain_n(2, go_on).unwrap().records, 1);
    assert!(cursor.next().unwrap().is_none());
}

#[test]
fn a_batch_gives_space_back_before_its_end() {
    let (producer, ring) = HeapRing::new(1024).unwrap();
    let mut cursor = Cursor::new(ring).unwrap();
    while producer.output(&[0; 8]).is_some() {}
    let mut seen = 0;
    cursor
        .drain(|_| {
            seen += 1;
            // An eighth of the ring is 8 records.
            if seen == 9 {
                assert!(producer.output(&[0; 8]).is_some());
                ControlFlow::Break(())
            } else {
                assert!(producer.output(&[0; 8]).is_none(), "{seen}");
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    assert_eq!(seen, 9);
}

#[test]
fn contradictions_are_errors_and_stay() {
    // A length beyond the producer position.
    let mut cursor = ring_of(64, &[laid_out(1, b"a"), laid_out(9, b"")]);
    assert_eq!(&*cursor.next().unwrap().unwrap(), b"a");
    for _ in 0..2 {
        let fault = |error| matches!(error, Error::CorruptRecord { position: 16, len: 9, available: 8 });
        assert!(fault(cursor.next().unwrap_err()));
        assert!(fault(cursor.drain(go_on).unwrap_err()));
    }
    assert_eq!(cursor.consumer_pos(), 16);

    // The largest length there is.
    let mut cursor = ring_of(64, &[laid_out(DISCARD_BIT - 1, b"")]);
    assert!(matches!(cursor.drain(go_on), Err(Error::CorruptRecord { position: 0, len: 0x3fff_ffff, available: 8 })));

    // Positions that are too far apart, or between records.
    for (consumer_pos, producer_pos) in [(0, 72), (8, 0), (4, 8), (usize::MAX, 0)] {
        let ring = HeapRing::from_contents(&[0; 64], consumer_pos, producer_pos).unwrap();
        assert!(
            matches!(Cursor::new(ring), Err(Error::CorruptPositions { size: 64, .. })),
            "{consumer_pos} {producer_pos}"
        );
    }
    // Less than a header is left: only a record's length can tell.
    let mut cursor = Cursor::new(HeapRing::from_contents(&[0; 64], 0, 12).unwrap()).unwrap();
    assert_eq!(cursor.next().unwrap().unwrap().len(), 0);
    assert!(matches!(cursor.next(), Err(Error::CorruptRecord { position: 8, len: 0, available: 4 })));

    for len in [0, 4, 24, 65] {
        let error = HeapRing::from_contents(&vec![0; len], 0, 0).unwrap_err();
        assert!(matches!(error, Error::BadSize { .. }), "{len}");
    }
}

#[test]
fn a_producer_position_that_jumps_is_an_error() {
    let mut cursor = ring_of(64, &[1, 2].map(|i| laid_out(1, &[i])));
    assert_eq!(all(&mut cursor), [[1], [2]]);
    let producer_pos = cursor.memory().pointers().producer_pos;
    // SAFETY: the ring, which the cursor owns, has no producer, and positions may hold anything.
    let set = |pos| unsafe { producer_pos.as_ref() }.store(pos, Ordering::Relaxed);
    // More than a ring ahead, and behind.
    for pos in [32 + 72, 24, usize::MAX] {
        set(pos);
        let fault = |error| match error {
            Error::CorruptPositions { consumer_pos: 32, producer_pos, size: 64 } => producer_pos == pos,
            _ => false,
        };
        assert!(fault(cursor.next().unwrap_err()));
        assert!(fault(cursor.has_record().unwrap_err()));
        assert!(fault(cursor.drain(go_on).unwrap_err()));
    }
    // As far as it can be: the positions agree, and the filling that stands there (0x55) is no header.
    set(32 + 64);
    assert!(matches!(cursor.next(), Err(Error::CorruptRecord { position: 32, len: 0x1555_5555, available: 64 })));
}

/// The rules once more, the slow way: what the records of a ring that nobody writes to are, and whether it ends in a
/// fault.
fn oracle(contents: &[u8], consumer_pos: u64, producer_pos: u64) -> (Vec<Vec<u8>>, bool) {
    let at = |pos: u64| contents[(pos % contents.len() as u64) as usize];
    let mut records = Vec::new();
    let mut pos = consumer_pos;
    while pos < producer_pos {
        let word = u32::from_ne_bytes(std::array::from_fn(|i| at(pos + i as u64)));
        if word >= 0x8000_0000 {
            return (records, false);
        }
        let len = u64::from(word % 0x4000_0000);
        let next = pos + 8 + len.div_ceil(8) * 8;
        if next > producer_pos {
            return (records, true);
        }
        if word < 0x4000_0000 {
            records.push((0..len).map(|i| at(pos + 8 + i)).collect());
        }
        pos = next;
    }
    (records, false)
}

struct Random(u64);

impl Random {
    /// xorshift64.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

#[test]
fn random_contents_give_what_the_rules_say() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let rounds = if cfg!(miri) { 50 } else { 20_000 };
    let mut faults = 0;
    let mut handed_out = 0;
    for round in 0..rounds {
        let size = 8_usize << random.below(8);
        let mut contents: Vec<u8> = (0..size).map(|_| random.next() as u8).collect();
        // Plausible headers here and there, or walks would end at once.
        for word in contents.chunks_exact_mut(8) {
            if random.below(4) != 0 {
                let flags = [0, 0, 0, 0, DISCARD_BIT, BUSY_BIT][random.below(6) as usize];
                let len = random.below(24) as u32;
                word[..4].copy_from_slice(&(len | flags).to_ne_bytes());
            }
        }
        let consumer_pos = random.below(1 << 20) & !7;
        let producer_pos = consumer_pos + random.below(size as u64 + 1);
        let (records, fault) = oracle(&contents, consumer_pos, producer_pos);
        faults += usize::from(fault);
        handed_out += records.len();

        let cursor = || {
            let ring = HeapRing::from_contents(&contents, consumer_pos as usize, producer_pos as usize);
            Cursor::new(ring.unwrap()).unwrap()
        };
        let mut one_by_one = cursor();
        for record in &records {
            assert_eq!(&*one_by_one.next().unwrap().unwrap(), record, "round {round}");
        }
        match one_by_one.next() {
            Ok(record) => assert!(record.is_none() && !fault, "round {round}"),
            Err(error) => assert!(fault, "round {round}: {error}"),
        }

        let mut batch = cursor();
        let mut drained = Vec::new();
        let consumed = batch.drain(|record| {
            drained.push(record.to_vec());
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(drained, records, "round {round}");
        match consumed {
            Ok(consumed) => assert!(consumed.records == records.len() && !fault, "round {round}"),
            Err(error) => assert!(fault, "round {round}: {error}"),
        }
        assert_eq!(batch.consumer_pos(), one_by_one.consumer_pos(), "round {round}");
    }
    // The test is worth something only if both happen a lot.
    assert!(faults > rounds / 4 && handed_out > rounds / 2, "{faults} faults, {handed_out} records in {rounds} rounds");
}

/// Set when it goes out of scope, a failed assertion's way included.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One of the ways to read a ring until it is seen empty.
type Read = fn(&mut Cursor<HeapRing>, &mut dyn FnMut(&[u8]));

/// Producers in threads of their own and a consumer that sleeps on nothing but the wake-ups that the kernel would send:
/// everything arrives, in order, and nobody sleeps for ever.
fn no_wake_up_is_lost(read: Read) {
    const PRODUCERS: usize = 2;
    let each: u64 = if cfg!(miri) { 100 } else { 300_000 };
    let (producer, ring) = HeapRing::new(4096).unwrap();
    let mut cursor = Cursor::new(ring).unwrap();
    let (wake_up, wake_ups) = mpsc::channel();
    let mut next = [0_u64; PRODUCERS];
    let over = AtomicBool::new(false);
    let over = &over;
    thread::scope(|scope| {
        let _over = SetOnDrop(over);
        for number in 0..PRODUCERS {
            let (producer, wake_up) = (producer.clone(), wake_up.clone());
            scope.spawn(move || {
                for i in 0..each {
                    let record = [number as u64, i].map(u64::to_ne_bytes).concat();
                    let woken = loop {
                        match producer.output(&record) {
                            Some(woken) => break woken,
                            None if over.load(Ordering::Relaxed) => return,
                            None => thread::yield_now(),
                        }
                    };
                    if woken {
                        wake_up.send(()).unwrap();
                    }
                }
            });
        }
        while next != [each; PRODUCERS] {
            let mut records = 0;
            read(&mut cursor, &mut |record| {
                let [number, i] = [0, 8].map(|at| u64::from_ne_bytes(record[at..at + 8].try_into().unwrap()));
                assert_eq!(i, next[number as usize], "producer {number}");
                next[number as usize] += 1;
                records += 1;
            });
            if next != [each; PRODUCERS] {
                // The ring was seen empty: whoever commits next must say so.
                wake_ups
                    .recv_timeout(Duration::from_secs(60))
                    .unwrap_or_else(|_| panic!("asleep at {next:?}, {} bytes there", cursor.available_data()));
            }
        }
    });
    assert!(cursor.next().unwrap().is_none());
    assert_eq!(cursor.available_data(), 0);
}

/// The same without sleep, so that looks and commits race as often as they can: a producer that goes on by itself notes of
/// each record whether the kernel would have woken somebody. The consumer, whenever it has seen the ring empty, lets the
/// producer finish the next record, and that must have been announced: asleep, it would not hear of it otherwise. (A
/// cursor without the barrier between publishing and looking fails here or above in most runs of an optimised build; in
/// others so much happens between the two that the store is through.)
fn what_is_looked_for_in_vain_is_announced(read: Read) {
    let count: usize = if cfg!(miri) { 200 } else { 300_000 };
    let (producer, ring) = HeapRing::new(4096).unwrap();
    let mut cursor = Cursor::new(ring).unwrap();
    let announced: Vec<AtomicBool> = (0..count).map(|_| AtomicBool::new(false)).collect();
    let (produced, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut in_vain = 0;
    thread::scope(|scope| {
        let _over = SetOnDrop(&over);
        scope.spawn(|| {
            for (number, announced) in announced.iter().enumerate() {
                let woken = loop {
                    match producer.output(&[1; 8]) {
                        Some(woken) => break woken,
                        None if over.load(Ordering::Relaxed) => return,
                        None => thread::yield_now(),
                    }
                };
                announced.store(woken, Ordering::Relaxed);
                produced.store(number + 1, Ordering::Release);
            }
        });
        let mut next = 0;
        loop {
            read(&mut cursor, &mut |_| next += 1);
            if next == count {
                return;
            }
            let mut turns = 0_u32;
            while produced.load(Ordering::Acquire) <= next {
                turns += 1;
                // Somebody else may have the other CPU.
                if turns % 256 == 0 { thread::yield_now() } else { hint::spin_loop() }
            }
            in_vain += 1;
            assert!(announced[next].load(Ordering::Relaxed), "asleep at record {next}");
        }
    });
    assert!(in_vain > 0, "the ring was never empty");
}

fn one_by_one(cursor: &mut Cursor<HeapRing>, callback: &mut dyn FnMut(&[u8])) {
    while let Some(record) = cursor.next().unwrap() {
        callback(&record);
    }
}

fn in_batches(cursor: &mut Cursor<HeapRing>, callback: &mut dyn FnMut(&[u8])) {
    let consumed = cursor.drain(|record| {
        callback(record);
        ControlFlow::<()>::Continue(())
    });
    consumed.unwrap();
}

#[test]
fn no_wake_up_is_lost_one_by_one() {
    no_wake_up_is_lost(one_by_one);
}

#[test]
fn no_wake_up_is_lost_in_batches() {
    no_wake_up_is_lost(in_batches);
}

#[test]
fn what_is_looked_for_in_vain_is_announced_one_by_one() {
    what_is_looked_for_in_vain_is_announced(one_by_one);
}

#[test]
fn what_is_looked_for_in_vain_is_announced_in_batches() {
    what_is_looked_for_in_vain_is_announced(in_batches);
}
