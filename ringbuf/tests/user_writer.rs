//! The producer of user ring buffers over ordinary memory: what fits, the order of draining, what is given up, and what
//! stands in the ring. Expectations come from `__bpf_user_ringbuf_peek` in `kernel/bpf/ringbuf.c` and libbpf's
//! `user_ring_buffer__reserve`.

use std::collections::VecDeque;
use std::thread;

use purebpf_ringbuf::Error;
use purebpf_ringbuf::user::heap::{HeapConsumer, HeapUserRing};
use purebpf_ringbuf::user::{SampleWriter, UserSample};

fn ring(size: usize, pos: usize) -> (HeapConsumer, SampleWriter<HeapUserRing>) {
    let (consumer, ring) = HeapUserRing::starting_at(size, pos).unwrap();
    (consumer, SampleWriter::new(ring).unwrap())
}

fn drained(consumer: &mut HeapConsumer) -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    let count = consumer.drain(|sample| samples.push(sample.to_vec()));
    assert_eq!(count, samples.len());
    samples
}

#[test]
fn samples_are_drained_in_the_order_of_reserving() {
    let (mut consumer, writer) = ring(128, 0);
    let mut first = writer.reserve(3).unwrap();
    let dropped = writer.reserve(8).unwrap();
    writer.output(b"third").unwrap();
    // Committed or not, nothing passes what is being written.
    assert!(drained(&mut consumer).is_empty());
    first.copy_from_slice(b"1st");
    first.submit();
    assert_eq!(drained(&mut consumer), [b"1st"]);
    drop(dropped);
    assert_eq!(drained(&mut consumer), [b"third"]);
    writer.reserve(8).unwrap().discard();
    assert!(drained(&mut consumer).is_empty());
    assert_eq!(writer.available_space().unwrap(), 128);
}

#[test]
fn what_fits_is_what_libbpf_lets_fit() {
    let (mut consumer, writer) = ring(64, 0);
    assert_eq!((writer.size(), writer.max_len()), (64, 56));
    for len in [57, 1 << 30, 1 << 31, usize::MAX] {
        assert!(matches!(writer.reserve(len), Err(Error::TooLong { len: of, most: 56 }) if of == len), "{len}");
    }
    // Unlike a ring buffer that programs write to, one may be full to the last byte.
    writer.output(&[7; 56]).unwrap();
    assert!(matches!(writer.reserve(0), Err(Error::NoSpace { len: 0, available: 0 })));
    assert_eq!(drained(&mut consumer), [[7; 56]]);
    writer.output(&[1; 8]).unwrap();
    writer.output(&[2; 9]).unwrap();
    assert!(matches!(writer.reserve(17), Err(Error::NoSpace { len: 17, available: 24 })));
    writer.output(&[3; 16]).unwrap();
    assert_eq!(drained(&mut consumer), [vec![1; 8], vec![2; 9], vec![3; 16]]);
    writer.output(&[]).unwrap();
    assert_eq!(drained(&mut consumer), [[]]);
}

#[test]
fn a_forgotten_reservation_stops_the_ring() {
    let (mut consumer, writer) = ring(64, 0);
    std::mem::forget(writer.reserve(8).unwrap());
    writer.output(&[1; 8]).unwrap();
    assert!(drained(&mut consumer).is_empty());
}

/// A model that is a queue of reservations: in any order of committing and draining, the same comes out of both.
#[test]
fn behaves_as_a_queue() {
    const SIZE: usize = 128;
    // Positions wrap around within the test.
    let (mut consumer, writer) = ring(SIZE, usize::MAX - 4000);
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % end as u64) as usize
    };
    /// A reservation of the model: its bytes, and `None` while they are being written.
    struct Reserved {
        step: usize,
        committed: Option<Option<Vec<u8>>>,
    }
    let mut queue: VecDeque<Reserved> = VecDeque::new();
    let mut open: Vec<(usize, UserSample<'_>)> = Vec::new();
    // Number of the reservation at the queue's front.
    let mut front = 0;
    let mut drained_samples = 0;
    for round in 0..20_000 {
        match below(4) {
            0 | 1 => {
                let len = below(60);
                let step = (len + 8).next_multiple_of(8);
                let used: usize = queue.iter().map(|reserved| reserved.step).sum();
                assert_eq!(writer.available_space().unwrap(), SIZE - used);
                match writer.reserve(len) {
                    Ok(mut sample) => {
                        assert!(step <= SIZE - used);
                        assert_eq!(sample.len(), len);
                        sample.fill(round as u8);
                        open.push((front + queue.len(), sample));
                        queue.push_back(Reserved { step, committed: None });
                    }
                    Err(Error::NoSpace { available, .. }) => assert!(step > available && available == SIZE - used),
                    Err(error) => panic!("{error}"),
                }
            }
            2 if !open.is_empty() => {
                let (number, sample) = open.swap_remove(below(open.len()));
                let bytes = sample.to_vec();
                let submit = below(3) > 0;
                queue[number - front].committed = Some(submit.then_some(bytes));
                if submit { sample.submit() } else { sample.discard() }
            }
            _ => {
                let mut expected = Vec::new();
                while queue.front().is_some_and(|reserved| reserved.committed.is_some()) {
                    let reserved = queue.pop_front().unwrap();
                    front += 1;
                    expected.extend(reserved.committed.unwrap());
                }
                assert_eq!(drained(&mut consumer), expected);
                drained_samples += expected.len();
            }
        }
    }
    assert!(drained_samples > 1000, "{drained_samples}");
}

/// A consumer on another thread, around the ring some thousand times.
#[test]
fn nothing_is_torn_between_threads() {
    const SAMPLES: u64 = 50_000;
    let (mut consumer, writer) = ring(256, 0);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut next = 0u64;
            while next < SAMPLES {
                let count = consumer.drain(|sample| {
                    let word = |at: usize| u64::from_ne_bytes(sample[at..at + 8].try_into().unwrap());
                    assert_eq!((word(0), word(8)), (next, !next));
                    next += 1;
                });
                if count == 0 {
                    thread::yield_now();
                }
            }
        });
        for n in 0..SAMPLES {
            let sample = [n.to_ne_bytes(), (!n).to_ne_bytes()].concat();
            loop {
                match writer.output(&sample) {
                    Ok(()) => break,
                    Err(Error::NoSpace { .. }) => thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
}

#[test]
fn sizes_are_powers_of_two() {
    for size in [0, 4, 24] {
        assert!(matches!(HeapUserRing::starting_at(size, 0), Err(Error::BadSize { .. })));
    }
}
