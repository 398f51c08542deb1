//! Programs: their description, and the arrays that come with it.

use super::{Kind, name, obj_get_info};
use crate::{
    Insn,
    error::Result,
    syscall::{address_mut, from_bytes},
    uapi::{ProgType, bpf_func_info, bpf_line_info, bpf_prog_info},
};
use std::os::fd::BorrowedFd;

/// `struct bpf_prog_info`, typed. Counts of arrays are here, the arrays come with functions of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "bpf_prog_info")]
pub struct ProgInfo {
    /// Type.
    pub prog_type: ProgType,
    /// Id.
    pub id: u32,
    /// Hash of the instructions as they were loaded.
    pub tag: [u8; 8],
    /// Bytes of machine code; 0 when not compiled, or not to be seen.
    pub jited_prog_len: u32,
    /// Bytes of instructions as the verifier left them.
    pub xlated_prog_len: u32,
    /// When it was loaded, in nanoseconds since boot.
    pub load_time: u64,
    /// Who loaded it.
    pub created_by_uid: u32,
    /// Maps it uses.
    pub nr_map_ids: u32,
    /// Name, at most 15 bytes.
    pub name: String,
    /// Device of an offloaded program, 0 for none.
    pub ifindex: u32,
    /// Whether the licence lets it call GPL-only helpers.
    pub gpl_compatible: bool,
    /// Device of the offloaded program's network namespace.
    pub netns_dev: u64,
    /// Inode of the offloaded program's network namespace.
    pub netns_ino: u64,
    /// Id of the object's BTF, 0 for none.
    pub btf_id: u32,
    /// Subprograms with type information.
    pub nr_func_info: u32,
    /// Source lines told.
    pub nr_line_info: u32,
    /// Functions compiled.
    pub nr_jited_ksyms: u32,
    /// Time spent in it in nanoseconds, while statistics are on.
    pub run_time_ns: u64,
    /// Runs, while statistics are on.
    pub run_cnt: u64,
    /// Runs that did not happen because it was running already.
    pub recursion_misses: u64,
    /// Instructions that the verifier looked at.
    pub verified_insns: u32,
    /// Id of the BTF that it attaches by (told from 6.0, as is `attach_btf_id`).
    pub attach_btf_obj_id: u32,
    /// Id in that BTF of what it attaches to.
    pub attach_btf_id: u32,
}

fn raw(prog: BorrowedFd<'_>) -> Result<bpf_prog_info> {
    let mut info = bpf_prog_info::default();
    // SAFETY: all addresses are NULL with counts of 0.
    unsafe { obj_get_info(prog, Kind::Prog, &mut info)? };
    Ok(info)
}

/// What the kernel tells of a program.
///
/// # Errors
///
/// `Invalid` when the descriptor is not a program's; the errno.
#[doc(alias = "bpf_prog_get_info_by_fd")]
pub fn prog_info(prog: BorrowedFd<'_>) -> Result<ProgInfo> {
    let info = raw(prog)?;
    Ok(ProgInfo {
        prog_type: ProgType(info.type_),
        id: info.id,
        tag: info.tag,
        jited_prog_len: info.jited_prog_len,
        xlated_prog_len: info.xlated_prog_len,
        load_time: info.load_time,
        created_by_uid: info.created_by_uid,
        nr_map_ids: info.nr_map_ids,
        name: name(&info.name),
        ifindex: info.ifindex,
        // A bit of a word of bitfields, filled from the machine's first bit.
        gpl_compatible: info.gpl_compatible != 0,
        netns_dev: info.netns_dev,
        netns_ino: info.netns_ino,
        btf_id: info.btf_id,
        nr_func_info: info.nr_func_info,
        nr_line_info: info.nr_line_info,
        nr_jited_ksyms: info.nr_jited_ksyms,
        run_time_ns: info.run_time_ns,
        run_cnt: info.run_cnt,
        recursion_misses: info.recursion_misses,
        verified_insns: info.verified_insns,
        attach_btf_obj_id: info.attach_btf_obj_id,
        attach_btf_id: info.attach_btf_id,
    })
}

/// One array of a program's description: asks for the count, makes room, asks for the entries.
macro_rules! array {
    ($prog:expr, $entry:ty, $count:ident, $address:ident) => {{
        let mut room = raw($prog)?.$count;
        loop {
            let mut entries: Vec<$entry> = vec![Default::default(); room as usize];
            let mut info = bpf_prog_info { $count: room, $address: address_mut(&mut entries), ..Default::default() };
            // SAFETY: the one address given has room for the count given with it; the others are NULL with counts of 0.
            unsafe { obj_get_info($prog, Kind::Prog, &mut info)? };
            // Maps may have been bound since the count was told; the kernel fills what there is room for and says nothing.
            if info.$count > room {
                room = info.$count;
                continue;
            }
            // 0 for the address is how the kernel says that it would not tell (`bpf_dump_raw_ok`).
            if info.$address == 0 {
                entries.clear();
            }
            entries.truncate(info.$count as usize);
            break entries;
        }
    }};
}

/// Ids of the maps that the program uses.
///
/// # Errors
///
/// As [`prog_info`], here and below.
pub fn prog_map_ids(prog: BorrowedFd<'_>) -> Result<Vec<u32>> {
    Ok(array!(prog, u32, nr_map_ids, map_ids))
}

/// The instructions as the verifier left them; empty when they may not be seen.
pub fn prog_xlated_insns(prog: BorrowedFd<'_>) -> Result<Vec<Insn>> {
    let bytes = array!(prog, u8, xlated_prog_len, xlated_prog_insns);
    let big = cfg!(target_endian = "big");
    let slots = bytes.chunks_exact(Insn::SIZE).filter_map(|slot| slot.try_into().ok());
    Ok(slots.map(|slot| Insn::from_bytes(slot, big)).collect())
}

/// The machine code of all functions, end to end; empty when there is none or it may not be seen.
pub fn prog_jited_insns(prog: BorrowedFd<'_>) -> Result<Vec<u8>> {
    Ok(array!(prog, u8, jited_prog_len, jited_prog_insns))
}

/// Addresses of the compiled functions.
pub fn prog_jited_ksyms(prog: BorrowedFd<'_>) -> Result<Vec<u64>> {
    Ok(array!(prog, u64, nr_jited_ksyms, jited_ksyms))
}

/// Bytes of each compiled function.
pub fn prog_jited_func_lens(prog: BorrowedFd<'_>) -> Result<Vec<u32>> {
    Ok(array!(prog, u32, nr_jited_func_lens, jited_func_lens))
}

/// Tags of the program and of its subprograms.
pub fn prog_tags(prog: BorrowedFd<'_>) -> Result<Vec<[u8; 8]>> {
    Ok(array!(prog, [u8; 8], nr_prog_tags, prog_tags))
}

/// The type of each subprogram, by instruction.
pub fn prog_func_info(prog: BorrowedFd<'_>) -> Result<Vec<bpf_func_info>> {
    let told = raw(prog)?;
    let (count, size) = (told.nr_func_info as usize, told.func_info_rec_size as usize);
    let mut bytes = vec![0u8; count * size];
    let mut info = bpf_prog_info {
        nr_func_info: count as u32,
        func_info_rec_size: size as u32,
        func_info: address_mut(&mut bytes),
        ..Default::default()
    };
    // SAFETY: room for `count` records of the size the kernel told, which is the size it writes (`set_info_rec_size`).
    unsafe { obj_get_info(prog, Kind::Prog, &mut info)? };
    Ok(records(&bytes, size, info.nr_func_info))
}

/// The source line of each instruction that begins one.
pub fn prog_line_info(prog: BorrowedFd<'_>) -> Result<Vec<bpf_line_info>> {
    let told = raw(prog)?;
    let (count, size) = (told.nr_line_info as usize, told.line_info_rec_size as usize);
    let mut bytes = vec![0u8; count * size];
    let mut info = bpf_prog_info {
        nr_line_info: count as u32,
        line_info_rec_size: size as u32,
        line_info: address_mut(&mut bytes),
        ..Default::default()
    };
    // SAFETY: as for func_info.
    unsafe { obj_get_info(prog, Kind::Prog, &mut info)? };
    Ok(records(&bytes, size, info.nr_line_info))
}

/// The address in machine code at which each source line begins, one for each of [`prog_line_info`]; empty when it may not
/// be seen.
pub fn prog_jited_line_info(prog: BorrowedFd<'_>) -> Result<Vec<u64>> {
    let told = raw(prog)?;
    let count = told.nr_jited_line_info;
    let mut addresses = vec![0u64; count as usize];
    let mut info = bpf_prog_info {
        nr_jited_line_info: count,
        jited_line_info_rec_size: size_of::<u64>() as u32,
        jited_line_info: address_mut(&mut addresses),
        ..Default::default()
    };
    // SAFETY: room for `count` addresses.
    unsafe { obj_get_info(prog, Kind::Prog, &mut info)? };
    if info.jited_line_info == 0 {
        addresses.clear();
    }
    addresses.truncate(info.nr_jited_line_info as usize);
    Ok(addresses)
}

fn records<T: crate::syscall::Pod>(bytes: &[u8], size: usize, count: u32) -> Vec<T> {
    if size == 0 {
        return Vec::new();
    }
    bytes.chunks_exact(size).take(count as usize).map(from_bytes).collect()
}
