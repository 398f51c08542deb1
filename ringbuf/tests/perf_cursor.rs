//! The consumer of perf rings over ordinary memory: the layout of records, wrapping, what counts as consumed, what was
//! lost, hostile contents. Expectations come from `linux/perf_event.h` and `kernel/events/ring_buffer.c`.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use purebpf_ringbuf::perf::heap::HeapPerfRing;
use purebpf_ringbuf::perf::{PerfCursor, PerfEvent, PerfRecord};
use purebpf_ringbuf::{Consumed, Error};

/// `PERF_RECORD_LOST`, `PERF_RECORD_SAMPLE`, and a type that is none of ours (`PERF_RECORD_THROTTLE`).
const LOST: u32 = 2;
const SAMPLE: u32 = 9;
const THROTTLE: u32 = 5;

/// `struct perf_event_header` and what follows it.
fn laid_out(kind: u32, misc: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = kind.to_ne_bytes().to_vec();
    bytes.extend(misc.to_ne_bytes());
    bytes.extend((8 + body.len() as u16).to_ne_bytes());
    bytes.extend(body);
    bytes
}

/// What `perf_output_sample` writes for `PERF_SAMPLE_RAW`: a length, and the bytes, padded together to a multiple of 8.
fn sample(bytes: &[u8]) -> Vec<u8> {
    let padded = (bytes.len() + 4).next_multiple_of(8) - 4;
    let mut body = (padded as u32).to_ne_bytes().to_vec();
    body.extend(bytes);
    body.resize(4 + padded, 0);
    laid_out(SAMPLE, 0, &body)
}

fn lost(count: u64) -> Vec<u8> {
    laid_out(LOST, 0, &[77u64.to_ne_bytes(), count.to_ne_bytes()].concat())
}

fn cursor_of(size: usize, tail: u64, records: &[Vec<u8>]) -> PerfCursor<HeapPerfRing> {
    let records = records.concat();
    let mut contents = vec![0x55; size];
    for (n, byte) in records.iter().enumerate() {
        contents[(tail as usize + n) % size] = *byte;
    }
    PerfCursor::new(HeapPerfRing::from_contents(&contents, tail, tail + records.len() as u64).unwrap()).unwrap()
}

fn go_on(_: PerfRecord<'_>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

#[test]
fn reads_records_as_the_kernel_lays_them_out() {
    let records = [
        sample(b"0123456789abcdefghij"),
        lost(3),
        sample(b"x"),
        laid_out(THROTTLE, 0x4002, &[1; 24]),
        // A sample that says it is longer than its record, and one that has no length.
        laid_out(SAMPLE, 0, &[100, 0, 0, 0, 1, 2, 3, 4]),
        laid_out(SAMPLE, 0, &[]),
        laid_out(LOST, 0, &[0; 8]),
    ];
    // From every place in the ring, so that each record crosses its end once.
    for tail in (0..256).step_by(8) {
        let mut cursor = cursor_of(256, tail, &records);
        let mut n = 0;
        let consumed = cursor.drain(|record| {
            assert_eq!(record.bytes(), records[n]);
            assert_eq!(record.bytes().as_ptr() as usize % 8, 0);
            match n {
                0 => assert_eq!(record.event(), PerfEvent::Sample(b"0123456789abcdefghij")),
                1 => assert_eq!(record.event(), PerfEvent::Lost(3)),
                2 => assert_eq!(record.event(), PerfEvent::Sample(b"x\0\0\0")),
                _ => assert_eq!(record.event(), PerfEvent::Other),
            }
            if n == 3 {
                assert_eq!((record.kind(), record.misc()), (THROTTLE, 0x4002));
            }
            n += 1;
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(consumed.unwrap(), Consumed { records: records.len(), stopped: None });
        assert_eq!(cursor.tail(), cursor.head());

        let mut cursor = cursor_of(256, tail, &records);
        let mut one_by_one = Vec::new();
        while let Some(held) = cursor.next().unwrap() {
            one_by_one.push(held.record().bytes().to_vec());
        }
        assert_eq!(one_by_one, records);
        assert_eq!(cursor.tail(), cursor.head());
    }
}

/// A model that is a queue of samples, with the ring's arithmetic of what fits: the same must come out of either, in any
/// mix of reading one by one, in batches, and not at all.
#[test]
fn behaves_as_a_queue() {
    const SIZE: usize = 128;
    // Positions wrap around within the test.
    let (producer, ring) = HeapPerfRing::starting_at(SIZE, u64::MAX - 4000).unwrap();
    let mut cursor = PerfCursor::new(ring).unwrap();
    let (mut queue, mut lost, mut used) = (VecDeque::new(), 0u64, 0);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |end: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % end
    };
    let mut crossed_by_loss = 0;
    for round in 0..5000u32 {
        if below(3) > 0 {
            let bytes: Vec<u8> = (0..below(40) as u8).map(|n| n ^ round as u8).collect();
            let record = sample(&bytes);
            let needed = record.len() + if lost > 0 { 24 } else { 0 };
            // A byte stays free, so that a full ring is not an empty one.
            let fits = used + needed < SIZE;
            assert_eq!(producer.output(&bytes), fits);
            if fits {
                if lost > 0 {
                    queue.push_back(Err(lost));
                    crossed_by_loss += 1;
                }
                queue.push_back(Ok(record[12..].to_vec()));
                used += needed;
                lost = 0;
            } else {
                lost += 1;
            }
            continue;
        }
        let mut check = |record: PerfRecord<'_>| {
            used -= record.bytes().len();
            match (record.event(), queue.pop_front().expect("no more than was produced")) {
                (PerfEvent::Sample(bytes), Ok(expected)) => assert_eq!(bytes, expected),
                (PerfEvent::Lost(count), Err(expected)) => assert_eq!(count, expected),
                other => panic!("{other:?}"),
            }
        };
        match below(3) {
            0 => {
                cursor
                    .drain(|record| {
                        check(record);
                        ControlFlow::<()>::Continue(())
                    })
                    .unwrap();
                assert!(queue.is_empty());
            }
            1 => {
                let mut left = below(3);
                let consumed = cursor.drain(|record| {
                    check(record);
                    left = left.saturating_sub(1);
                    if left == 0 { ControlFlow::Break("enough") } else { ControlFlow::Continue(()) }
                });
                let consumed = consumed.unwrap();
                assert_eq!(consumed.stopped.is_none(), consumed.records == 0 || left > 0);
            }
            _ => match cursor.next().unwrap() {
                Some(held) => check(held.record()),
                None => assert!(queue.is_empty()),
            },
        }
        assert_eq!(cursor.head().wrapping_sub(cursor.tail()), used as u64);
    }
    assert!(crossed_by_loss > 50, "{crossed_by_loss}");
}

#[test]
fn space_is_given_back_when_it_is_no_longer_read() {
    let (producer, ring) = HeapPerfRing::starting_at(64, 0).unwrap();
    let mut cursor = PerfCursor::new(ring).unwrap();
    // Three records of 16 bytes fit, a fourth does not.
    assert!((0..3).all(|n| producer.output(&[n; 4])));
    assert!(!producer.output(&[3; 4]));
    let held = cursor.next().unwrap().unwrap();
    assert!(!producer.output(&[3; 4]));
    assert_eq!(held.event(), PerfEvent::Sample(&[0; 4]));
    drop(held);
    // The record of the two that were lost takes 24 bytes more.
    assert!(!producer.output(&[3; 4]));
    cursor.drain(go_on).unwrap();
    assert!(producer.output(&[4; 4]));
    assert_eq!(cursor.next().unwrap().unwrap().event(), PerfEvent::Lost(3));
    assert_eq!(cursor.next().unwrap().unwrap().event(), PerfEvent::Sample(&[4; 4]));
    assert!(cursor.next().unwrap().is_none());
}

#[test]
fn a_callback_that_panics_has_consumed_its_record() {
    let mut cursor = cursor_of(64, 0, &[sample(b"1st."), sample(b"2nd.")]);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _ = cursor.drain::<()>(|_| panic!("on purpose"));
    }));
    assert!(unwound.is_err());
    assert_eq!(cursor.tail(), 16);
    assert_eq!(cursor.next().unwrap().unwrap().event(), PerfEvent::Sample(b"2nd."));
}

#[test]
fn a_leaked_record_is_not_consumed() {
    let mut cursor = cursor_of(64, 0, &[sample(b"1st.")]);
    std::mem::forget(cursor.next().unwrap().unwrap());
    assert_eq!(cursor.tail(), 0);
    assert_eq!(cursor.next().unwrap().unwrap().event(), PerfEvent::Sample(b"1st."));
}

#[test]
fn contradictions_are_errors_and_move_nothing() {
    // Lengths: none, less than a header, no multiple of 8, more than there is.
    for len in [0u16, 4, 12, 24, u16::MAX] {
        let mut bad = laid_out(SAMPLE, 0, &[0; 8]);
        bad[6..8].copy_from_slice(&len.to_ne_bytes());
        let mut cursor = cursor_of(64, 40, &[sample(b"good"), bad]);
        let mut records = 0;
        let error = cursor.drain(|_| {
            records += 1;
            ControlFlow::<()>::Continue(())
        });
        let expected = (len as usize, 16);
        assert!(
            matches!(error, Err(Error::CorruptRecord { position: 56, len, available }) if (len, available) == expected),
            "{error:?}"
        );
        assert_eq!((records, cursor.tail()), (1, 56));
        assert!(matches!(cursor.next(), Err(Error::CorruptRecord { .. })));
        assert_eq!(cursor.tail(), 56);
    }
    // Positions: more than a ring apart, the tail ahead, no multiple of 8.
    for (tail, head) in [(0, 72), (8, 0), (4, 16), (u64::MAX, 0)] {
        let cursor = PerfCursor::new(HeapPerfRing::from_contents(&[0; 64], tail, head).unwrap());
        assert!(matches!(cursor, Err(Error::CorruptPositions { size: 64, .. })), "{tail} {head}");
    }
    // A head that is no multiple of 8 leaves less than a header behind the last record.
    let contents = [sample(b"good"), vec![0; 48]].concat();
    let mut cursor = PerfCursor::new(HeapPerfRing::from_contents(&contents, 0, 20).unwrap()).unwrap();
    assert!(matches!(cursor.drain(go_on), Err(Error::CorruptRecord { position: 16, len: 0, available: 4 })));
    for size in [0, 4, 24] {
        assert!(matches!(HeapPerfRing::from_contents(&vec![0; size], 0, 0), Err(Error::BadSize { .. })));
    }
}

/// A producer on another thread, around the ring some thousand times: every sample arrives or is counted as lost.
#[test]
fn nothing_is_torn_between_threads() {
    let (producer, ring) = HeapPerfRing::starting_at(1024, 0).unwrap();
    let mut cursor = PerfCursor::new(ring).unwrap();
    const SAMPLES: u64 = 50_000;
    let (mut next, mut arrived, mut missing) = (0, 0, 0);
    thread::scope(|scope| {
        scope.spawn(move || {
            for n in 0..SAMPLES {
                // The last ones are insisted on, so that there is an end to wait for.
                while !producer.output(&[n.to_ne_bytes(), (!n).to_ne_bytes()].concat()) && n + 1 == SAMPLES {
                    thread::yield_now();
                }
            }
        });
        while next < SAMPLES {
            let consumed = cursor.drain(|record| {
                match record.event() {
                    PerfEvent::Lost(count) => missing += count,
                    PerfEvent::Sample(bytes) => {
                        let word = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().unwrap());
                        assert!(word(0) >= next && word(8) == !word(0));
                        next = word(0) + 1;
                        arrived += 1;
                    }
                    _ => panic!("{record:?}"),
                }
                ControlFlow::<()>::Continue(())
            });
            if consumed.unwrap().is_empty() {
                thread::yield_now();
            }
        }
    });
    // The last one may have been counted several times before there was room for it.
    assert!(arrived + missing >= SAMPLES && arrived > 0, "{arrived} {missing}");
}
