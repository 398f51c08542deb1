//! One function a feature: the least that a kernel without it refuses.

use super::{Probes, answer, is_inconclusive};
use crate::{
    Insn,
    btf::BtfLoad,
    error::{Error, Result},
    info,
    insn::op,
    link::{LinkCreate, LinkTarget, UprobeMulti},
    map::{self, MapCreate},
    prog::{self, ProgLoad, log_text},
    uapi::{AttachType, HelperId, MapFlags, MapType, ProgType, bpf_attr_map_create},
};
use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

pub(super) const RETURN_0: [Insn; 2] = [Insn::mov64_imm(0, 0), Insn::exit()];

pub(super) fn load<'a>(probes: &'a Probes, prog_type: ProgType, insns: &'a [Insn]) -> ProgLoad<'a> {
    let load = ProgLoad::new(prog_type, insns, c"GPL");
    match probes.token() {
        Some(token) => load.token(token),
        None => load,
    }
}

pub(super) fn array(probes: &Probes, value_size: u32, flags: MapFlags) -> Result<OwnedFd> {
    let create = MapCreate::new(MapType::ARRAY, 4, value_size, 1).flags(flags);
    match probes.token() {
        Some(token) => create.token(token),
        None => create,
    }
    .create()
}

pub(super) fn prog_name(probes: &Probes) -> Result<bool> {
    answer(load(probes, ProgType::SOCKET_FILTER, &RETURN_0).name("nametest").load())
}

pub(super) fn global_data(probes: &Probes) -> Result<bool> {
    let map = array(probes, 32, MapFlags::empty())?;
    let [first, second] = Insn::ld_map_value(1, map.as_raw_fd(), 16);
    let insns = [first, second, Insn::st_mem(op::DW, 1, 0, 42), Insn::mov64_imm(0, 0), Insn::exit()];
    answer(load(probes, ProgType::SOCKET_FILTER, &insns).load())
}

pub(super) fn array_mmap(probes: &Probes) -> Result<bool> {
    answer(array(probes, 4, MapFlags::MMAPABLE))
}

pub(super) fn exp_attach_type(probes: &Probes) -> Result<bool> {
    // Any pair of type and attach type with an attach type that is not 0.
    let load = load(probes, ProgType::CGROUP_SOCK, &RETURN_0);
    answer(load.expected_attach_type(AttachType::CGROUP_INET_SOCK_CREATE).load())
}

pub(super) fn probe_read_kernel(probes: &Probes) -> Result<bool> {
    let insns = [
        Insn::mov64_reg(1, 10),
        Insn::alu64_imm(op::ADD, 1, -8),
        Insn::mov64_imm(2, 8),
        Insn::mov64_imm(3, 0),
        Insn::call_helper(HelperId::PROBE_READ_KERNEL),
        Insn::exit(),
    ];
    answer(load(probes, ProgType::TRACEPOINT, &insns).load())
}

pub(super) fn prog_bind_map(probes: &Probes) -> Result<bool> {
    let map = array(probes, 32, MapFlags::empty())?;
    let prog = load(probes, ProgType::SOCKET_FILTER, &RETURN_0).load()?;
    answer(prog::prog_bind_map(prog.as_fd(), map.as_fd()))
}

pub(super) fn memcg_account(probes: &Probes) -> Result<bool> {
    // The helper came with the same release.
    let insns = [Insn::call_helper(HelperId::KTIME_GET_COARSE_NS), Insn::exit()];
    answer(load(probes, ProgType::SOCKET_FILTER, &insns).load())
}

pub(super) fn bpf_cookie(probes: &Probes) -> Result<bool> {
    let insns = [Insn::call_helper(HelperId::GET_ATTACH_COOKIE), Insn::exit()];
    answer(load(probes, ProgType::TRACEPOINT, &insns).load())
}

/// A descriptor that none is: what looks it up says EBADF, what does not get that far says EINVAL.
pub(super) fn no_fd() -> BorrowedFd<'static> {
    libc_fd::NONE
}

#[allow(unsafe_code)]
mod libc_fd {
    use std::os::fd::BorrowedFd;

    // SAFETY: a BorrowedFd must not be -1; i32::MAX is above any limit on open files (sysctl_nr_open is at most
    // INT_MAX & -BITS_PER_LONG), so it is never open, which the probes want.
    pub(super) const NONE: BorrowedFd<'static> = unsafe { BorrowedFd::borrow_raw(i32::MAX) };
}

pub(super) fn perf_link(probes: &Probes) -> Result<bool> {
    let prog = load(probes, ProgType::TRACEPOINT, &RETURN_0).load()?;
    let link = LinkCreate::new(prog.as_fd(), LinkTarget::Fd(no_fd()), AttachType::PERF_EVENT).create();
    // Without such links the attach type is refused before the descriptor is looked at.
    Ok(refusal(link)? == libc::EBADF)
}

/// The errno of a creation that fails either way, 0 if it did not; an error when it says nothing.
fn refusal(link: Result<OwnedFd>) -> Result<i32> {
    match link {
        Ok(_) => Ok(0),
        Err(error) if is_inconclusive(&error) => Err(error),
        Err(error) => Ok(error.errno()),
    }
}

pub(super) fn uprobe_multi_link(probes: &Probes) -> Result<bool> {
    let load = load(probes, ProgType::KPROBE, &RETURN_0).expected_attach_type(AttachType::TRACE_UPROBE_MULTI);
    // Kernels that do not know the attach type refuse it here.
    let prog = match load.load() {
        Ok(prog) => prog,
        Err(error) => return answer::<()>(Err(error)),
    };
    // A directory is no binary: a kernel with the link looks that far. One that filtered by thread and not by process (before
    // 6.10) does not refuse a process that cannot be, and counts as one without.
    let multi = |pid| {
        let multi = UprobeMulti { path: Some(c"/"), offsets: &[0], pid, ..Default::default() };
        let link = LinkCreate::new(prog.as_fd(), LinkTarget::None, AttachType::TRACE_UPROBE_MULTI);
        refusal(link.uprobe_multi(multi).create())
    };
    Ok(multi(0)? == libc::EBADF && multi(u32::MAX)? == libc::EINVAL)
}

/// What bpf(2) is called behind a wrapper, by architecture (`SYSCALL_DEFINEx` of each).
const WRAPPER: Option<&str> = if cfg!(target_arch = "x86_64") {
    Some("__x64_sys_bpf")
} else if cfg!(target_arch = "x86") {
    Some("__ia32_sys_bpf")
} else if cfg!(target_arch = "aarch64") {
    Some("__arm64_sys_bpf")
} else if cfg!(target_arch = "arm") {
    Some("__arm_sys_bpf")
} else if cfg!(target_arch = "s390x") {
    Some("__s390x_sys_bpf")
} else if cfg!(any(target_arch = "riscv32", target_arch = "riscv64")) {
    Some("__riscv_sys_bpf")
} else if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
    Some("__mips_sys_bpf")
} else if cfg!(target_arch = "powerpc") {
    Some("__powerpc_sys_bpf")
} else if cfg!(target_arch = "powerpc64") {
    Some("__powerpc64_sys_bpf")
} else {
    None
};

pub(super) fn syscall_wrapper(_: &Probes) -> Result<bool> {
    const KALLSYMS: &str = "/proc/kallsyms";
    let Some(wrapper) = WRAPPER else { return Ok(false) };
    let failed = |cause| Error::File { path: KALLSYMS.into(), cause };
    let mut symbols = BufReader::new(File::open(KALLSYMS).map_err(failed)?);
    let (mut line, mut any) = (Vec::new(), false);
    loop {
        line.clear();
        if symbols.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        // Address, type, name, and a module's name.
        let name = line.split(u8::is_ascii_whitespace).nth(2);
        if name == Some(wrapper.as_bytes()) {
            return Ok(true);
        }
        any = true;
    }
    // A kernel that keeps its symbols to itself says nothing.
    if any { Ok(false) } else { Err(failed(io::ErrorKind::UnexpectedEof.into())) }
}

pub(super) fn ldimm64_full_range_off(probes: &Probes) -> Result<bool> {
    let map = array(probes, 1, MapFlags::empty())?;
    let [first, second] = Insn::ld_map_value(1, map.as_raw_fd(), 1 << 30);
    let mut log = vec![0; 1024];
    // Refused either way: for where it points to, or for the offset as such.
    match load(probes, ProgType::SOCKET_FILTER, &[first, second, Insn::exit()]).load_with_log(1, &mut log).result {
        Ok(_) => Err(Error::invalid("a load succeeded that no kernel should take", "map value offset 1 << 30")),
        Err(error) => match log_text(&log) {
            log if log.contains("direct value offset of") => Ok(false),
            log if log.contains("invalid access to map value pointer") => Ok(true),
            _ => Err(error),
        },
    }
}

#[allow(unsafe_code)]
pub(super) fn uprobe_syscall(_: &Probes) -> Result<bool> {
    if !cfg!(all(target_arch = "x86_64", target_pointer_width = "64")) {
        return Ok(false);
    }
    const NR_UPROBE: libc::c_long = 336;
    // SAFETY: without arguments; called from elsewhere than a trampoline of the kernel's making, it does nothing.
    let result = unsafe { libc::syscall(NR_UPROBE) };
    let error = Error::last("uprobe");
    match error.errno() {
        _ if result >= 0 => Ok(false),
        libc::EPROTO => Ok(true),
        libc::ENOSYS | libc::ENXIO => Ok(false),
        _ => Err(error),
    }
}

// BTF kinds, as `linux/btf.h` numbers them.
const INT: u32 = 1;
const PTR: u32 = 2;
const FUNC: u32 = 12;
const FUNC_PROTO: u32 = 13;
const VAR: u32 = 14;
const DATASEC: u32 = 15;
const FLOAT: u32 = 16;
const DECL_TAG: u32 = 17;
const TYPE_TAG: u32 = 18;
const ENUM64: u32 = 19;

pub(super) const fn info(kind: u32, vlen: u32) -> u32 {
    kind << 24 | vlen
}

/// `int`, as the first type: name, signed, 32 bits.
pub(super) const fn int(name: u32) -> [u32; 4] {
    [name, info(INT, 0), 4, 1 << 24 | 32]
}

fn raw_btf(header: &[u32], body: &[u32], strings: &[u8]) -> Vec<u8> {
    let mut raw = 0xeb9fu16.to_ne_bytes().to_vec();
    raw.extend([1, 0]);
    raw.extend(header.iter().chain(body).flat_map(|word| word.to_ne_bytes()));
    raw.extend(strings);
    raw
}

pub(super) fn load_btf(probes: &Probes, types: &[&[u32]], strings: &[u8]) -> Result<OwnedFd> {
    let types = types.concat();
    let type_len = size_of_val(&types[..]) as u32;
    load_raw(probes, &raw_btf(&[24, 0, type_len, type_len, strings.len() as u32], &types, strings))
}

fn load_raw(probes: &Probes, raw: &[u8]) -> Result<OwnedFd> {
    let load = BtfLoad::new(raw);
    match probes.token() {
        Some(token) => load.token(token),
        None => load,
    }
    .load()
}

pub(super) fn btf(probes: &Probes) -> Result<bool> {
    answer(load_btf(probes, &[&int(1)], b"\0int\0"))
}

fn func(probes: &Probes, linkage: u32) -> Result<bool> {
    // int; (int a) -> void; void x(int a)
    let types: [&[u32]; 3] = [&int(1), &[0, info(FUNC_PROTO, 1), 0, 7, 1], &[5, info(FUNC, linkage), 2]];
    answer(load_btf(probes, &types, b"\0int\0x\0a\0"))
}

pub(super) fn btf_func(probes: &Probes) -> Result<bool> {
    func(probes, 0)
}

pub(super) fn btf_global_func(probes: &Probes) -> Result<bool> {
    func(probes, 1)
}

fn datasec(probes: &Probes, strings: &[u8]) -> Result<bool> {
    // static int x; in the section whose name stands at 3
    let types: [&[u32]; 3] = [&int(0), &[1, info(VAR, 0), 1, 0], &[3, info(DATASEC, 1), 4, 2, 0, 4]];
    answer(load_btf(probes, &types, strings))
}

pub(super) fn btf_datasec(probes: &Probes) -> Result<bool> {
    datasec(probes, b"\0x\0.data\0")
}

pub(super) fn btf_qmark_datasec(probes: &Probes) -> Result<bool> {
    datasec(probes, b"\0x\0?.data\0")
}

pub(super) fn btf_float(probes: &Probes) -> Result<bool> {
    answer(load_btf(probes, &[&[1, info(FLOAT, 0), 4]], b"\0float\0"))
}

pub(super) fn btf_decl_tag(probes: &Probes) -> Result<bool> {
    let types: [&[u32]; 3] = [&int(0), &[1, info(VAR, 0), 1, 0], &[1, info(DECL_TAG, 0), 2, u32::MAX]];
    answer(load_btf(probes, &types, b"\0tag\0"))
}

pub(super) fn btf_type_tag(probes: &Probes) -> Result<bool> {
    let types: [&[u32]; 3] = [&int(0), &[1, info(TYPE_TAG, 0), 1], &[0, info(PTR, 0), 2]];
    answer(load_btf(probes, &types, b"\0tag\0"))
}

pub(super) fn btf_enum64(probes: &Probes) -> Result<bool> {
    answer(load_btf(probes, &[&[1, info(ENUM64, 0), 8]], b"\0enum64\0"))
}

pub(super) fn btf_layout(probes: &Probes) -> Result<bool> {
    // Two records of info_sz, elem_sz and flags, a byte each but the flags: kind 0, and int with one word more.
    let layout = if cfg!(target_endian = "big") { [0, 4 << 24] } else { [0, 4] };
    let body = [&int(1)[..], &layout].concat();
    let strings = b"\0int\0";
    let header = [32, 0, 16, 24, strings.len() as u32, 16, 8];
    answer(load_raw(probes, &raw_btf(&header, &body, strings)))
}

pub(super) fn arg_ctx_tag(probes: &Probes) -> Result<bool> {
    // int; void *; int main(void *a); int sub(void *b), whose argument is tagged
    let strings = b"\0a\0b\0arg:ctx\0";
    let types: [&[u32]; 7] = [
        &int(1),
        &[0, info(PTR, 0), 0],
        &[0, info(FUNC_PROTO, 1), 1, 1, 2],
        &[1, info(FUNC, 1), 3],
        &[0, info(FUNC_PROTO, 1), 1, 3, 2],
        &[3, info(FUNC, 1), 5],
        &[5, info(DECL_TAG, 0), 6, 0],
    ];
    let btf = match load_btf(probes, &types, strings) {
        Ok(btf) => btf,
        Err(error) => return answer::<()>(Err(error)),
    };
    // The helper takes nothing but the context, which the global function has only by its tag.
    let insns =
        [Insn::call_subprog(1), Insn::exit(), Insn::call_helper(HelperId::GET_FUNC_IP), Insn::exit()];
    let func_info: Vec<u8> = [0u32, 4, 2, 6].iter().flat_map(|word| word.to_ne_bytes()).collect();
    // A program of this type may be loaded at all, so that EACCES is the verifier's word.
    load(probes, ProgType::KPROBE, &RETURN_0).load()?;
    match load(probes, ProgType::KPROBE, &insns).btf(btf.as_fd()).func_info(&func_info, 8).load() {
        Err(error) if error.errno() == libc::EACCES => Ok(false),
        result => answer(result),
    }
}

pub(super) fn syscall_common_attrs(probes: &Probes) -> Result<bool> {
    // Kernels without take the flag for a part of the command's number, which they do not know.
    let flags = if probes.token().is_some() { MapFlags::TOKEN_FD } else { MapFlags::empty() };
    let attr = bpf_attr_map_create {
        map_type: MapType::ARRAY.0,
        key_size: 4,
        value_size: 4,
        max_entries: 1,
        map_flags: flags.bits(),
        map_token_fd: probes.token().map_or(0, |token| token.as_raw_fd()),
        ..Default::default()
    };
    answer(map::create_with_log(attr, 0, &mut []).result)
}

pub(super) fn module_btf(probes: &Probes) -> Result<bool> {
    let btf = load_btf(probes, &[&int(1)], b"\0int\0")?;
    // `name` in bpf_btf_info came with modules' BTF.
    answer(info::btf_info_named(btf.as_fd()))
}
