//! What a record costs its reader when it is already there: records of 32 bytes, a ring of 64 KiB, the callback adds up
//! the first eight bytes. No system calls, and no root: the ring is a heap ring, whose cursor is that of a map's. Where
//! the process may use BPF, the same is measured on a map, filled by a program.
//!
//! Rivals beside us: the same walk over plain bytes, checked by the standard library, which knows no flags and no other
//! side to publish to; and ourselves with the callback behind a pointer, as libbpf calls its own and the manager does.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use purebpf_ringbuf::heap_ring::{HeapProducer, HeapRing};
use purebpf_ringbuf::memory::RingMemory;
use purebpf_ringbuf::{Cursor, Ring};

#[path = "../tests/kernel/producer.rs"]
mod producer;

const RING: usize = 64 * 1024;
const RECORD: usize = 32;
/// Of 8 bytes of header and 32 each; the ring takes one byte less than its size.
const RECORDS: usize = (RING - 1) / (8 + RECORD);

/// Record number `i`, whose first eight bytes are `i`.
fn record(i: usize) -> [u8; RECORD] {
    let mut record = [0xa5; RECORD];
    record[..8].copy_from_slice(&(i as u64).to_ne_bytes());
    record
}

fn first_word(record: &[u8]) -> u64 {
    match record.first_chunk() {
        Some(word) => u64::from_ne_bytes(*word),
        None => 0,
    }
}

/// 0 + 1 + … + (RECORDS - 1), which each way of reading must come to.
const SUM: u64 = (RECORDS * (RECORDS - 1) / 2) as u64;

fn fill(producer: &HeapProducer) {
    for i in 0..RECORDS {
        assert!(producer.output(&record(i)).is_some());
    }
}

/// Times `read` on a ring that `fill` has filled, without the filling.
fn timed<S>(
    iterations: u64,
    state: &mut S,
    mut fill: impl FnMut(&mut S),
    mut read: impl FnMut(&mut S) -> u64,
) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..iterations {
        fill(state);
        let start = Instant::now();
        let sum = black_box(read(state));
        total += start.elapsed();
        assert_eq!(sum, SUM);
    }
    total
}

fn by_batch<M: RingMemory>(cursor: &mut Cursor<M>) -> u64 {
    let mut sum = 0;
    let consumed = cursor.drain(|record| {
        sum += first_word(record);
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(consumed.unwrap().records, RECORDS);
    sum
}

fn one_by_one<M: RingMemory>(cursor: &mut Cursor<M>) -> u64 {
    let mut sum = 0;
    while let Some(record) = cursor.next().unwrap() {
        sum += first_word(&record);
    }
    sum
}

fn by_pointer<M: RingMemory>(cursor: &mut Cursor<M>) -> u64 {
    let mut sum = 0;
    let mut callback = |record: &[u8]| {
        sum += first_word(record);
        ControlFlow::<()>::Continue(())
    };
    let callback: &mut dyn FnMut(&[u8]) -> ControlFlow<()> = black_box(&mut callback);
    cursor.drain(callback).unwrap();
    sum
}

fn plain_bytes(contents: &[u8]) -> u64 {
    let mut sum = 0;
    let mut rest = contents;
    while let Some((header, records)) = rest.split_first_chunk::<8>() {
        let len = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let Some((record, after)) = records.split_at_checked(len.next_multiple_of(8)) else { break };
        sum += first_word(record);
        rest = after;
    }
    sum
}

fn drain(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("drain");
    group.throughput(Throughput::Elements(RECORDS as u64));

    let (producer, ring) = HeapRing::new(RING).unwrap();
    let mut cursor = Cursor::new(ring).unwrap();
    // What is read is what was written, before anything is measured.
    fill(&producer);
    let mut i = 0;
    while let Some(read) = cursor.next().unwrap() {
        assert_eq!(*read, record(i));
        i += 1;
    }
    assert_eq!(i, RECORDS);

    group.bench_function("batch", |bencher| {
        bencher.iter_custom(|n| timed(n, &mut cursor, |_| fill(&producer), by_batch));
    });
    group.bench_function("batch, callback by pointer", |bencher| {
        bencher.iter_custom(|n| timed(n, &mut cursor, |_| fill(&producer), by_pointer));
    });
    group.bench_function("one by one", |bencher| {
        bencher.iter_custom(|n| timed(n, &mut cursor, |_| fill(&producer), one_by_one));
    });
    let mut contents = Vec::new();
    group.bench_function("plain bytes", |bencher| {
        let fill = |contents: &mut Vec<u8>| {
            contents.clear();
            for i in 0..RECORDS {
                contents.extend((RECORD as u64).to_ne_bytes());
                contents.extend(record(i));
            }
        };
        bencher.iter_custom(|n| timed(n, &mut contents, fill, |contents| plain_bytes(contents)));
    });
    group.finish();
}

/// The same on a map, where the program's records are the run's number.
fn drain_map(criterion: &mut Criterion) {
    let producer = match producer::Producer::new(RING as u32) {
        Ok(producer) => producer,
        Err(error) => return println!("drain map: skipped: {error}"),
    };
    let mut ring = Ring::new(producer.map()).unwrap();
    let mut group = criterion.benchmark_group("drain map");
    group.throughput(Throughput::Elements(RECORDS as u64));
    group.bench_function("batch", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut total = Duration::ZERO;
            for _ in 0..iterations {
                producer.fill(RECORDS as u32);
                let start = Instant::now();
                let mut sum = 0;
                let records = ring.consume(|record| sum = first_word(record).wrapping_add(sum)).unwrap();
                total += start.elapsed();
                assert_eq!(records, RECORDS);
                black_box(sum);
            }
            total
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    drain(&mut criterion);
    drain_map(&mut criterion);
    criterion.final_summary();
}
