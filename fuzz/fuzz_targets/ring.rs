//! A ring with any contents and any positions: read one by one and in batches, which must agree.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_ringbuf::{Cursor, heap_ring::HeapRing};
use std::ops::ControlFlow;

fuzz_target!(|input: (u16, u16, &[u8])| {
    let (consumer_pos, ahead, bytes) = input;
    let Some(size) = bytes.len().checked_ilog2().map(|log| 1 << log) else { return };
    let cursor = || {
        let end = usize::from(consumer_pos) + usize::from(ahead);
        Cursor::new(HeapRing::from_contents(&bytes[..size], consumer_pos.into(), end).ok()?).ok()
    };
    let (Some(mut one_by_one), Some(mut batch)) = (cursor(), cursor()) else { return };
    let mut records = Vec::new();
    while let Ok(Some(record)) = one_by_one.next() {
        records.push(record.to_vec());
    }
    let mut drained = Vec::new();
    let _ = batch.drain(|record| {
        drained.push(record.to_vec());
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(drained, records);
    assert_eq!(batch.consumer_pos(), one_by_one.consumer_pos());
});
