//! Stack traces, as `bpf_get_stackid` keeps them.

use bytemuck::{Pod, Zeroable};
use purebpf_sys::uapi::{MapFlags, MapType};

use super::Map;
use crate::Result;

/// A map of stacks by the id that `bpf_get_stackid` gave. Made by [`Map::stack_traces`].
#[derive(Clone, Debug)]
pub struct StackTraces {
    map: Map,
}

/// A frame of user space, by the build id of the file that its code is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Zeroable, Pod)]
#[repr(C)]
#[doc(alias = "bpf_stack_build_id")]
pub struct BuildIdFrame {
    /// What the frame is: 0 ends the stack, 1 (`BPF_STACK_BUILD_ID_VALID`) has a build id and an offset, 2
    /// (`BPF_STACK_BUILD_ID_IP`) has an address only.
    pub status: i32,
    /// The build id, padded with zeroes.
    pub build_id: [u8; 20],
    /// Offset in the file, or address.
    pub offset_or_ip: u64,
}

impl Map {
    /// The same map, of stack traces.
    ///
    /// # Errors
    /// When it is none.
    pub fn stack_traces(&self) -> Result<StackTraces> {
        self.must_be(&[MapType::STACK_TRACE], "map of stack traces")?;
        Ok(StackTraces { map: self.clone() })
    }
}

impl StackTraces {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// The return addresses of a stack, the innermost first; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the map keeps build ids ([`get_build_ids`](Self::get_build_ids)), or the kernel refuses.
    pub fn get(&self, id: u32) -> Result<Option<Vec<u64>>> {
        if self.has_build_ids() {
            return Err(self.map.unsupported("keeps build ids; use get_build_ids"));
        }
        let Some(bytes) = self.map.lookup(&id.to_ne_bytes())? else { return Ok(None) };
        let frames = bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned::<u64>);
        Ok(Some(frames.take_while(|ip| *ip != 0).collect()))
    }

    /// The frames of a stack, the innermost first; `None` when there is none of this id.
    ///
    /// # Errors
    /// When the map was not made with `BPF_F_STACK_BUILD_ID`, or the kernel refuses.
    pub fn get_build_ids(&self, id: u32) -> Result<Option<Vec<BuildIdFrame>>> {
        if !self.has_build_ids() {
            return Err(self.map.unsupported("keeps addresses; use get, or make it with BPF_F_STACK_BUILD_ID"));
        }
        let Some(bytes) = self.map.lookup(&id.to_ne_bytes())? else { return Ok(None) };
        let frames = bytes.chunks_exact(size_of::<BuildIdFrame>()).map(bytemuck::pod_read_unaligned::<BuildIdFrame>);
        Ok(Some(frames.take_while(|frame| frame.status != 0).collect()))
    }

    /// Removes a stack, so that its id can be given anew; says whether it was there.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&self, id: u32) -> Result<bool> {
        self.map.delete(&id.to_ne_bytes())
    }

    /// The ids of the stacks there are.
    pub fn ids(&self) -> impl Iterator<Item = Result<u32>> + use<> {
        self.map.keys().map(|key| key.map(|bytes| bytemuck::pod_read_unaligned(&bytes)))
    }

    fn has_build_ids(&self) -> bool {
        self.map.raw().flags().contains(MapFlags::STACK_BUILD_ID)
    }
}
