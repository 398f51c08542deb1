//! A perf ring with any contents and any positions: read one by one and in batches, which must agree.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_ringbuf::perf::{PerfCursor, heap::HeapPerfRing};
use std::ops::ControlFlow;

fuzz_target!(|input: (u16, u16, &[u8])| {
    let (tail, ahead, bytes) = input;
    let Some(size) = bytes.len().checked_ilog2().map(|log| 1 << log) else { return };
    let cursor = || {
        let head = u64::from(tail) + u64::from(ahead);
        PerfCursor::new(HeapPerfRing::from_contents(&bytes[..size], tail.into(), head).ok()?).ok()
    };
    let (Some(mut one_by_one), Some(mut batch)) = (cursor(), cursor()) else { return };
    let mut records = Vec::new();
    while let Ok(Some(held)) = one_by_one.next() {
        let _ = held.event();
        records.push(held.record().bytes().to_vec());
    }
    let mut drained = Vec::new();
    let _ = batch.drain(|record| {
        drained.push(record.bytes().to_vec());
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(drained, records);
    assert_eq!(batch.tail(), one_by_one.tail());
});
