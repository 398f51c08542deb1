//! What stands in a perf ring: records, by their header's type.

/// Bytes of `struct perf_event_header`; records begin at and are multiples of this.
pub(super) const HEADER_SIZE: usize = 8;

/// `PERF_RECORD_LOST` of `linux/perf_event.h`.
pub(super) const LOST: u32 = 2;
/// `PERF_RECORD_SAMPLE` of `linux/perf_event.h`.
pub(super) const SAMPLE: u32 = 9;

/// A record of a perf ring, header included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(alias = "perf_event_header")]
pub struct PerfRecord<'a> {
    /// A multiple of 8 bytes, at least 8.
    bytes: &'a [u8],
}

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PerfEvent<'a> {
    /// What a program gave `bpf_perf_event_output`, aligned to 4 bytes. The kernel pads it with up to 7 bytes, so that
    /// it and its length of 4 bytes come to a multiple of 8: who must know the end puts a length into the sample.
    #[doc(alias = "perf_buffer_sample_fn")]
    Sample(&'a [u8]),
    /// So many samples were lost, since there was no room, before the record after this one.
    #[doc(alias = "perf_buffer_lost_fn")]
    Lost(u64),
    /// Another type, or a sample that contradicts its own length.
    Other,
}

impl<'a> PerfRecord<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// All its bytes, from the header on, aligned to 8.
    #[inline]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// `type` of the header: `PERF_RECORD_*`.
    #[inline]
    pub fn kind(&self) -> u32 {
        self.bytes.first_chunk().copied().map_or(0, u32::from_ne_bytes)
    }

    /// `misc` of the header.
    #[inline]
    pub fn misc(&self) -> u16 {
        self.bytes.get(4..).and_then(<[u8]>::first_chunk).copied().map_or(0, u16::from_ne_bytes)
    }

    /// What it says. Samples are taken for those of an event that gives `PERF_SAMPLE_RAW` and nothing else, as a
    /// [`PerfBuffer`](super::PerfBuffer) opens them unless it is told otherwise.
    #[inline]
    pub fn event(&self) -> PerfEvent<'a> {
        let body = self.bytes.get(HEADER_SIZE..).unwrap_or_default();
        match self.kind() {
            SAMPLE => {
                let sample =
                    body.split_first_chunk().and_then(|(len, data)| data.get(..u32::from_ne_bytes(*len) as usize));
                sample.map_or(PerfEvent::Other, PerfEvent::Sample)
            }
            // struct { header; u64 id; u64 lost; }
            LOST => match body.get(8..).and_then(<[u8]>::first_chunk) {
                Some(lost) => PerfEvent::Lost(u64::from_ne_bytes(*lost)),
                None => PerfEvent::Other,
            },
            _ => PerfEvent::Other,
        }
    }
}
