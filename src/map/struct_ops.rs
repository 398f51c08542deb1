//! Tables of operations (struct_ops) that the kernel calls: put in use, replaced, and what state one is in.

use std::os::fd::AsFd;

use purebpf_attach::{Link, attach_struct_ops};
use purebpf_sys::uapi::MapType;

use super::{Map, Memory};
use crate::{Error, Result};

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
    /// Puts a table of operations in use until the link is dropped.
    ///
    /// # Errors
    /// When it is no table of an object that was loaded, or the kernel refuses.
    #[doc(alias = "bpf_map__attach_struct_ops")]
    pub fn attach_struct_ops(&self) -> Result<Link> {
        let attached = attach_struct_ops(self.as_fd(), self.struct_ops_value()?);
        attached.map_err(|cause| Error::AttachMap { map: self.name().to_owned(), cause: Box::new(cause) })
    }

    /// Puts this table in the place of the one that a link holds in use.
    ///
    /// # Errors
    /// When it is no table of an object that was loaded, the link is of another kind, or the kernel refuses.
    #[doc(alias = "bpf_link__update_map")]
    pub fn replace_struct_ops(&self, link: &Link) -> Result<()> {
        let replaced = link.update_struct_ops(self.as_fd(), self.struct_ops_value()?);
        replaced.map_err(|cause| Error::AttachMap { map: self.name().to_owned(), cause: Box::new(cause) })
    }

    fn struct_ops_value(&self) -> Result<&[u8]> {
        match self.memory() {
            Memory::StructOps(value) => Ok(value),
            _ => Err(self.unsupported("is no table of operations (struct_ops) of an object that was loaded")),
        }
    }

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
