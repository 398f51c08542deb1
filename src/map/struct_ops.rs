//! Tables of operations (struct_ops) that the kernel calls: what state one is in.

use purebpf_sys::uapi::MapType;

use super::Map;
use crate::Result;

/// How far a table of operations has come: the kernel's `enum bpf_struct_ops_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StructOpsState {
    /// Empty.
    Init,
    /// In use by the kernel.
    InUse,
    /// Removed, and still in use by some.
    ToBeFreed,
    /// Complete, to be put in use by a link (`BPF_F_LINK`).
    Ready,
    /// One that is newer than this crate.
    Other(u32),
}

impl Map {
    /// The state of a table of operations, and how many use it.
    ///
    /// # Errors
    /// When it is no struct_ops map, or the kernel refuses.
    pub fn struct_ops_state(&self) -> Result<(StructOpsState, u32)> {
        self.must_be(&[MapType::STRUCT_OPS], "table of operations (struct_ops)")?;
        // struct bpf_struct_ops_common_value: a reference count, then the state. A table that is empty is all zeroes.
        let value = self.lookup(&0u32.to_ne_bytes())?.unwrap_or_default();
        let word = |at: usize| value.get(at..at + 4).map_or(0, bytemuck::pod_read_unaligned::<u32>);
        let state = match word(4) {
            0 => StructOpsState::Init,
            1 => StructOpsState::InUse,
            2 => StructOpsState::ToBeFreed,
            3 => StructOpsState::Ready,
            other => StructOpsState::Other(other),
        };
        Ok((state, word(0)))
    }
}
