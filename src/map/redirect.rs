//! Maps that say where XDP sends packets: devices and CPUs.

use std::os::fd::{AsFd, AsRawFd};

use bytemuck::{Pod, Zeroable};
use purebpf_sys::uapi::{ElemFlags, MapType};

use super::Map;
use crate::{Program, Result};

/// A devmap, in which an index, or a devmap hash, in which any number stands for a network interface. Made by [`Map::devices`].
#[derive(Clone, Debug)]
pub struct DeviceMap {
    map: Map,
}

/// An interface that packets are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    /// The interface's index.
    pub ifindex: u32,
    /// Id of the `xdp/devmap` program that runs on its packets; 0 for none.
    pub program: u32,
}

/// A cpumap: an index is a CPU's number. Made by [`Map::cpus`].
#[derive(Clone, Debug)]
pub struct CpuMap {
    map: Map,
}

/// A CPU that packets are sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CpuQueue {
    /// Packets that may wait for it.
    pub size: u32,
    /// Id of the `xdp/cpumap` program that runs on its packets; 0 for none.
    pub program: u32,
}

/// `struct bpf_devmap_val` and `struct bpf_cpumap_val`: a number, and a program's descriptor when set, its id when read.
/// Maps may be declared without the second (kernels before 5.8 and 5.9 know no other).
#[derive(Clone, Copy, Zeroable, Pod)]
#[repr(C)]
struct Value {
    number: u32,
    program: u32,
}

impl Map {
    /// The same map, a devmap or devmap hash.
    ///
    /// # Errors
    /// When it is neither.
    pub fn devices(&self) -> Result<DeviceMap> {
        self.must_be(&[MapType::DEVMAP, MapType::DEVMAP_HASH], "devmap")?;
        Ok(DeviceMap { map: self.clone() })
    }

    /// The same map, a cpumap.
    ///
    /// # Errors
    /// When it is none.
    pub fn cpus(&self) -> Result<CpuMap> {
        self.must_be(&[MapType::CPUMAP], "cpumap")?;
        Ok(CpuMap { map: self.clone() })
    }

    fn set_target(&self, key: u32, number: u32, program: Option<&Program>) -> Result<()> {
        // With no program, the descriptor is -1 or any that is not positive.
        let fd = program.map_or(-1, |program| program.as_fd().as_raw_fd());
        let value = Value { number, program: u32::from_ne_bytes(fd.to_ne_bytes()) };
        let bytes = bytemuck::bytes_of(&value);
        let bytes = match (self.value_size(), program) {
            (4, None) => &bytes[..4],
            (4, Some(_)) => {
                return Err(self.unsupported(
                    "has values of 4 bytes, without room for a program; declare them as struct bpf_devmap_val or bpf_cpumap_val",
                ));
            }
            _ => bytes,
        };
        self.update(&key.to_ne_bytes(), bytes, ElemFlags::ANY)
    }

    fn target(&self, key: u32) -> Result<Option<Value>> {
        Ok(self.lookup(&key.to_ne_bytes())?.map(|mut bytes| {
            bytes.resize(size_of::<Value>(), 0);
            bytemuck::pod_read_unaligned(&bytes)
        }))
    }
}

impl DeviceMap {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Sends the packets of a key to an interface, through an `xdp/devmap` program if there is one.
    ///
    /// # Errors
    /// When there is no such interface, or the kernel refuses.
    pub fn insert(&self, key: u32, ifindex: u32, program: Option<&Program>) -> Result<()> {
        self.map.set_target(key, ifindex, program)
    }

    /// The interface of a key; `None` when there is none.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn get(&self, key: u32) -> Result<Option<Device>> {
        Ok(self.map.target(key)?.map(|value| Device { ifindex: value.number, program: value.program }))
    }

    /// Removes a key; says whether it was there (of a devmap's index, always).
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&self, key: u32) -> Result<bool> {
        self.map.delete(&key.to_ne_bytes())
    }
}

impl CpuMap {
    /// The map itself.
    pub fn map(&self) -> &Map {
        &self.map
    }

    /// Sends packets to a CPU, for which so many may wait, through an `xdp/cpumap` program if there is one.
    ///
    /// # Errors
    /// When there is no such CPU, or the kernel refuses.
    pub fn insert(&self, cpu: u32, size: u32, program: Option<&Program>) -> Result<()> {
        self.map.set_target(cpu, size, program)
    }

    /// How packets wait for a CPU; `None` when none are sent to it.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn get(&self, cpu: u32) -> Result<Option<CpuQueue>> {
        Ok(self.map.target(cpu)?.map(|value| CpuQueue { size: value.number, program: value.program }))
    }

    /// Sends no more packets to a CPU; true, whether it was there or not.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn remove(&self, cpu: u32) -> Result<bool> {
        self.map.delete(&cpu.to_ne_bytes())
    }
}
