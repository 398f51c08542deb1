//! BPF_OBJ_GET_INFO_BY_FD: what the kernel tells of a program, a map, BTF, a link, a token.

#![allow(unsafe_code)]

mod lines;
mod link;
mod prog;
mod task_fd;

pub use lines::ProgLines;
pub use link::{
    KprobePlace, LinkInfo, LinkKind, PerfEventInfo, UprobePlace, kprobe_multi_places, link_info, uprobe_multi_places,
};
pub use prog::{
    ProgInfo, prog_func_info, prog_info, prog_jited_func_lens, prog_jited_insns, prog_jited_ksyms, prog_jited_line_info,
    prog_line_info, prog_map_ids, prog_tags, prog_xlated_insns,
};
pub use task_fd::{TaskFd, task_fd_query};

use crate::{
    error::{Error, Result},
    syscall::{Pod, address_mut, bpf_attr, fd_number},
    uapi::{Cmd, MapFlags, MapType, bpf_attr_info, bpf_btf_info, bpf_map_info, bpf_token_info},
};
use std::{
    fs,
    os::fd::{AsRawFd, BorrowedFd},
};

/// Fills `info` with what the kernel tells; what it does not know stays as it was.
///
/// # Safety
///
/// Each address in `info` is good for as many entries as the count beside it says.
unsafe fn obj_get_info<T: Pod>(fd: BorrowedFd<'_>, kind: Kind, info: &mut T) -> Result<()> {
    kind.check(fd)?;
    let mut attr = bpf_attr_info {
        bpf_fd: fd_number(fd),
        info_len: size_of::<T>() as u32,
        info: info as *mut T as usize as u64,
    };
    // SAFETY: the kernel reads and writes at most info_len bytes of `info`, and what the caller promised.
    unsafe { bpf_attr(Cmd::OBJ_GET_INFO_BY_FD, &mut attr)? };
    Ok(())
}

/// What a descriptor must be of. The command fills whatever structure belongs to the descriptor, so that a program's would
/// be taken for a map's; only the name of the anonymous inode tells.
#[derive(Clone, Copy)]
enum Kind {
    Map,
    Prog,
    Btf,
    Link,
    Token,
}

impl Kind {
    fn check(self, fd: BorrowedFd<'_>) -> Result<()> {
        let (names, what): (&[&str], _) = match self {
            Kind::Map => (&["bpf-map"], "not a BPF map"),
            Kind::Prog => (&["bpf-prog"], "not a BPF program"),
            Kind::Btf => (&["btf"], "not BTF"),
            Kind::Link => (&["bpf_link", "bpf-link"], "not a BPF link"),
            Kind::Token => return Ok(()),
        };
        // Without /proc there is nothing to compare with, and the kernel's answer has to do.
        let Ok(target) = fs::read_link(format!("/proc/thread-self/fd/{}", fd.as_raw_fd())) else { return Ok(()) };
        let target = target.to_string_lossy();
        let name = target.strip_prefix("anon_inode:").unwrap_or(&target);
        let name = name.trim_start_matches('[').trim_end_matches(']');
        if names.contains(&name) { Ok(()) } else { Err(Error::invalid(what, target)) }
    }
}

/// A name as the kernel keeps it: up to the first zero.
fn name(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// `struct bpf_map_info`, typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "bpf_map_info")]
pub struct MapInfo {
    /// Type.
    pub map_type: MapType,
    /// Id.
    pub id: u32,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value.
    pub value_size: u32,
    /// Elements it can hold.
    pub max_entries: u32,
    /// Flags it was created with.
    pub map_flags: MapFlags,
    /// Name, at most 15 bytes.
    pub name: String,
    /// Device of an offloaded map, 0 for none.
    pub ifindex: u32,
    /// struct_ops: id of the value's type in the kernel's BTF.
    pub btf_vmlinux_value_type_id: u32,
    /// struct_ops of a module: id of the BTF that `btf_vmlinux_value_type_id` is in; 0 for vmlinux.
    pub btf_vmlinux_id: u32,
    /// Device of the offloaded map's network namespace.
    pub netns_dev: u64,
    /// Inode of the offloaded map's network namespace.
    pub netns_ino: u64,
    /// Id of the BTF that describes key and value, 0 for none.
    pub btf_id: u32,
    /// The key's type in that BTF.
    pub btf_key_type_id: u32,
    /// The value's type in that BTF.
    pub btf_value_type_id: u32,
    /// What else the map was created with.
    pub map_extra: u64,
}

/// What the kernel tells of a map.
///
/// # Errors
///
/// `Invalid` when the descriptor is not a map's; the errno.
#[doc(alias = "bpf_map_get_info_by_fd")]
#[doc(alias = "bpf_obj_get_info_by_fd")]
pub fn map_info(map: BorrowedFd<'_>) -> Result<MapInfo> {
    let mut info = bpf_map_info::default();
    // SAFETY: the one address, `hash`, is NULL with a size of 0.
    unsafe { obj_get_info(map, Kind::Map, &mut info)? };
    Ok(MapInfo {
        map_type: MapType(info.type_),
        id: info.id,
        key_size: info.key_size,
        value_size: info.value_size,
        max_entries: info.max_entries,
        map_flags: MapFlags::from_bits_retain(info.map_flags),
        name: name(&info.name),
        ifindex: info.ifindex,
        btf_vmlinux_value_type_id: info.btf_vmlinux_value_type_id,
        btf_vmlinux_id: info.btf_vmlinux_id,
        netns_dev: info.netns_dev,
        netns_ino: info.netns_ino,
        btf_id: info.btf_id,
        btf_key_type_id: info.btf_key_type_id,
        btf_value_type_id: info.btf_value_type_id,
        map_extra: info.map_extra,
    })
}

/// The SHA-256 of a frozen map's contents, by which a signed program knows its map (arrays, from 6.18).
///
/// # Errors
///
/// EPERM for a map that is not frozen; EINVAL for map types without; E2BIG on older kernels, which do not know the field.
pub fn map_hash(map: BorrowedFd<'_>) -> Result<[u8; 32]> {
    let mut hash = [0; 32];
    let mut info =
        bpf_map_info { hash: address_mut(&mut hash), hash_size: hash.len() as u32, ..Default::default() };
    // SAFETY: `hash` has room for hash_size bytes.
    unsafe { obj_get_info(map, Kind::Map, &mut info)? };
    Ok(hash)
}

/// `struct bpf_btf_info`, typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "bpf_btf_info")]
pub struct BtfInfo {
    /// Id.
    pub id: u32,
    /// Bytes of the raw BTF.
    pub btf_size: u32,
    /// `vmlinux`, a module's name, or empty for what a process loaded.
    pub name: String,
    /// Whether it is the kernel's own or a module's.
    pub kernel_btf: bool,
}

/// What the kernel tells of loaded BTF.
///
/// # Errors
///
/// `Invalid` when the descriptor is not BTF's; the errno.
#[doc(alias = "bpf_btf_get_info_by_fd")]
pub fn btf_info(btf: BorrowedFd<'_>) -> Result<BtfInfo> {
    match btf_info_named(btf) {
        // Names came with modules' BTF (5.11): before, they are a tail that the kernel does not know.
        Err(error) if error.errno() == libc::E2BIG => {
            let mut info = bpf_btf_info::default();
            // SAFETY: no addresses.
            unsafe { obj_get_info(btf, Kind::Btf, &mut info)? };
            Ok(BtfInfo { id: info.id, btf_size: info.btf_size, ..Default::default() })
        }
        result => result,
    }
}

/// As [`btf_info`], and fails with E2BIG where BTF has no names.
pub(crate) fn btf_info_named(btf: BorrowedFd<'_>) -> Result<BtfInfo> {
    // The longest a module's name can be (MODULE_NAME_LEN) is 56 on 64-bit kernels.
    let mut text = [0u8; 128];
    let mut info = bpf_btf_info { name: address_mut(&mut text), name_len: text.len() as u32, ..Default::default() };
    // SAFETY: `name` has room for name_len bytes; `btf` is NULL with a size of 0.
    unsafe { obj_get_info(btf, Kind::Btf, &mut info)? };
    Ok(BtfInfo { id: info.id, btf_size: info.btf_size, name: name(&text), kernel_btf: info.kernel_btf != 0 })
}

/// The raw BTF behind a descriptor.
///
/// # Errors
///
/// As [`btf_info`].
pub fn btf_data(btf: BorrowedFd<'_>) -> Result<Vec<u8>> {
    let size = btf_info(btf)?.btf_size;
    let mut data = vec![0; size as usize];
    let mut info = bpf_btf_info { btf: address_mut(&mut data), btf_size: size, ..Default::default() };
    // SAFETY: `btf` has room for btf_size bytes; `name` is NULL with a length of 0.
    unsafe { obj_get_info(btf, Kind::Btf, &mut info)? };
    data.truncate(info.btf_size as usize);
    Ok(data)
}

/// What a token allows, one bit for each command, map type, program type and attach type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "bpf_token_info")]
pub struct TokenInfo {
    /// Commands.
    pub allowed_cmds: u64,
    /// Map types.
    pub allowed_maps: u64,
    /// Program types.
    pub allowed_progs: u64,
    /// Attach types.
    pub allowed_attachs: u64,
}

/// What the kernel tells of a token (from 6.17).
///
/// # Errors
///
/// EINVAL on older kernels.
pub fn token_info(token: BorrowedFd<'_>) -> Result<TokenInfo> {
    let mut info = bpf_token_info::default();
    // SAFETY: no addresses.
    unsafe { obj_get_info(token, Kind::Token, &mut info)? };
    Ok(TokenInfo {
        allowed_cmds: info.allowed_cmds,
        allowed_maps: info.allowed_maps,
        allowed_progs: info.allowed_progs,
        allowed_attachs: info.allowed_attachs,
    })
}
