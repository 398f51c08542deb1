//! BPF_PROG_LOAD: every field, the verifier's log, and the retries that the kernel asks for.

use crate::{
    Insn,
    error::{Error, Result},
    syscall::{address, address_mut, bpf_fd, fd_number, insn_bytes, length, log_len},
    system::{self, object_name},
    uapi::{AttachType, Cmd, ProgFlags, ProgType, bpf_attr_prog_load},
};
use std::{
    borrow::Cow,
    ffi::CStr,
    os::fd::{BorrowedFd, OwnedFd, RawFd},
};

/// How often a load is tried again when the kernel says EAGAIN (a signal came while the verifier worked): libbpf's number.
const ATTEMPTS: u32 = 5;

/// What BPF_PROG_LOAD takes.
///
/// ```no_run
/// # use purebpf_sys::{Insn, prog::ProgLoad, uapi::ProgType};
/// let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
/// let fd = ProgLoad::new(ProgType::SOCKET_FILTER, &insns, c"GPL").name("drop_all").load()?;
/// # Ok::<(), purebpf_sys::Error>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "bpf_prog_load_opts")]
pub struct ProgLoad<'a> {
    attr: bpf_attr_prog_load,
    flags: ProgFlags,
    insns: &'a [Insn],
    license: &'a CStr,
    btf_fd: Option<BorrowedFd<'a>>,
    attach_fd: Option<BorrowedFd<'a>>,
    token_fd: Option<BorrowedFd<'a>>,
    func_info: &'a [u8],
    line_info: &'a [u8],
    core_relos: &'a [u8],
    fd_array: &'a [RawFd],
    signature: &'a [u8],
    attempts: u32,
}

/// What a load gave, and how long the verifier's log was.
#[derive(Debug)]
pub struct Loaded {
    /// The program.
    pub result: Result<OwnedFd>,
    /// Bytes of the whole log with its terminating zero (from 6.4): more than the buffer's when it was cut. 0 where the
    /// kernel does not tell.
    pub log_true_size: u32,
}

impl<'a> ProgLoad<'a> {
    /// A program of `prog_type`. `license` decides which helpers it may call (`license_is_gpl_compatible`).
    pub fn new(prog_type: ProgType, insns: &'a [Insn], license: &'a CStr) -> Self {
        ProgLoad {
            attr: bpf_attr_prog_load { prog_type: prog_type.0, ..Default::default() },
            flags: ProgFlags::empty(),
            insns,
            license,
            btf_fd: None,
            attach_fd: None,
            token_fd: None,
            func_info: &[],
            line_info: &[],
            core_relos: &[],
            fd_array: &[],
            signature: &[],
            attempts: ATTEMPTS,
        }
    }

    /// The name that tools show: the first 15 bytes, with what the kernel refuses in names turned into `_`.
    pub fn name(mut self, name: &str) -> Self {
        self.attr.prog_name = object_name(name);
        self
    }

    /// Where the program will be attached, for the types whose checks depend on it.
    pub fn expected_attach_type(mut self, attach_type: AttachType) -> Self {
        self.attr.expected_attach_type = attach_type.0;
        self
    }

    /// The id of the function, tracepoint typedef or type to attach to, in the BTF of vmlinux, or of what
    /// [`attach_btf_obj`](Self::attach_btf_obj) or [`attach_prog`](Self::attach_prog) gives.
    pub fn attach_btf_id(mut self, id: u32) -> Self {
        self.attr.attach_btf_id = id;
        self
    }

    /// The BTF of the module to attach to.
    pub fn attach_btf_obj(mut self, btf: BorrowedFd<'a>) -> Self {
        self.attach_fd = Some(btf);
        self
    }

    /// The BPF program to attach to: for extensions, and for fentry and fexit of programs. Stands in the same field as
    /// [`attach_btf_obj`](Self::attach_btf_obj); the later call counts.
    pub fn attach_prog(mut self, prog: BorrowedFd<'a>) -> Self {
        self.attach_fd = Some(prog);
        self
    }

    /// `prog_flags`. `TOKEN_FD` comes with [`token`](Self::token).
    pub fn flags(mut self, flags: ProgFlags) -> Self {
        self.flags |= flags;
        self
    }

    /// The kernel the program was made for, which kernels before 5.0 compared for kprobes.
    pub fn kern_version(mut self, version: u32) -> Self {
        self.attr.kern_version = version;
        self
    }

    /// The network device to load to or bind to.
    pub fn prog_ifindex(mut self, ifindex: u32) -> Self {
        self.attr.prog_ifindex = ifindex;
        self
    }

    /// The object's BTF, which `func_info` and `line_info` refer to.
    pub fn btf(mut self, btf: BorrowedFd<'a>) -> Self {
        self.btf_fd = Some(btf);
        self
    }

    /// `struct bpf_func_info` records of `rec_size` bytes each: one for each subprogram, by instruction.
    pub fn func_info(mut self, records: &'a [u8], rec_size: u32) -> Self {
        self.func_info = records;
        self.attr.func_info_rec_size = rec_size;
        self
    }

    /// `struct bpf_line_info` records of `rec_size` bytes each.
    pub fn line_info(mut self, records: &'a [u8], rec_size: u32) -> Self {
        self.line_info = records;
        self.attr.line_info_rec_size = rec_size;
        self
    }

    /// `struct bpf_core_relo` records of `rec_size` bytes each, for the kernel to apply.
    pub fn core_relos(mut self, records: &'a [u8], rec_size: u32) -> Self {
        self.core_relos = records;
        self.attr.core_relo_rec_size = rec_size;
        self
    }

    /// File descriptors that instructions name by index: maps (`MAP_IDX`), and module BTFs of kernel functions, for which
    /// index 0 is vmlinux (from 5.14).
    pub fn fd_array(mut self, fds: &'a [RawFd]) -> Self {
        self.fd_array = fds;
        self.attr.fd_array_cnt = 0;
        self
    }

    /// As [`fd_array`](Self::fd_array), with its length told to the kernel (from 6.14): every map in it is bound to the program.
    pub fn fd_array_bound(mut self, fds: &'a [RawFd]) -> Self {
        self.fd_array = fds;
        self.attr.fd_array_cnt = u32::try_from(fds.len()).unwrap_or(u32::MAX);
        self
    }

    /// The BPF token that allows the load; sets `TOKEN_FD`.
    pub fn token(mut self, token: BorrowedFd<'a>) -> Self {
        self.token_fd = Some(token);
        self.flags |= ProgFlags::TOKEN_FD;
        self
    }

    /// A PKCS#7 signature of the instructions, and the keyring to check it with (from 6.18).
    pub fn signature(mut self, signature: &'a [u8], keyring_id: i32) -> Self {
        self.signature = signature;
        self.attr.keyring_id = keyring_id;
        self
    }

    /// How often to try when the kernel says EAGAIN; 5 unless told, and at least once.
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// Loads the program, without a log.
    ///
    /// Tried again on EAGAIN; on E2BIG with records longer than the kernel knows, with what it does not know zeroed (libbpf's
    /// `alloc_zero_tailing_info`); and after raising RLIMIT_MEMLOCK where a kernel before 5.11 refused for it.
    ///
    /// # Errors
    ///
    /// BPF_PROG_LOAD's errno (`bpf_prog_load`, `bpf_check`): EACCES or EINVAL when the verifier rejects the program (load again with
    /// a log to learn why); EINVAL as well for a type, attach type or field that the kernel does not take; EPERM without
    /// privilege; E2BIG for too many instructions, for more work than the verifier does, or a field that it does not know;
    /// EFAULT and EBADF for descriptors that are none; ENOENT for a module's BTF that is gone; EAGAIN when signals keep coming.
    /// `Length` for records that are not a whole number.
    #[doc(alias = "bpf_prog_load")]
    pub fn load(&self) -> Result<OwnedFd> {
        self.load_with_log(0, &mut []).result
    }

    /// Loads the program with the verifier's log written to `log`; see [`log_text`] for reading it.
    ///
    /// `log_level` is 1 for the path to the error, 2 for every path, 4 for statistics, added. With level 0 there is no log.
    /// Of a log that does not fit, kernels from 6.4 keep the end, and say how long it was; older ones keep the start.
    /// Those take no buffer of less than 128 bytes either.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load); ENOSPC, for right programs as for wrong ones, when the log did not fit.
    pub fn load_with_log(&self, log_level: u32, log: &mut [u8]) -> Loaded {
        // No log is an empty one, also when the kernel refuses before it writes any.
        if let Some(first) = log.first_mut() {
            *first = 0;
        }
        let mut attr = match self.prepared() {
            Ok(attr) => attr,
            Err(error) => return Loaded { result: Err(error), log_true_size: 0 },
        };
        if log_level != 0 {
            attr.log_level = log_level;
            attr.log_size = log_len(log);
            attr.log_buf = address_mut(log);
        }
        let mut log_true_size = 0;
        let result = system::with_memlock(|| {
            let mut padded = Padded::default();
            let mut attempts = self.attempts;
            let mut attr = attr;
            loop {
                let before = attr;
                // SAFETY: every address in `attr` is that of a slice borrowed by `self` (or of `padded`) with the length
                // beside it; the license is terminated; the log is ours alone and log_size long.
                let result = unsafe { bpf_fd(Cmd::PROG_LOAD, &mut attr) };
                log_true_size = attr.log_true_size;
                let Err(error) = &result else { return result };
                let told = attr;
                attr = before;
                match error.errno() {
                    libc::EAGAIN if attempts > 1 => attempts -= 1,
                    libc::E2BIG if padded.fit(self, &mut attr, &told) => {}
                    _ => return result,
                }
            }
        });
        Loaded { result, log_true_size }
    }

    fn prepared(&self) -> Result<bpf_attr_prog_load> {
        let mut attr = self.attr;
        attr.insn_cnt = length("too many instructions", self.insns)?;
        attr.insns = address(insn_bytes(self.insns));
        attr.license = self.license.as_ptr() as usize as u64;
        attr.prog_flags = self.flags.bits();
        attr.prog_btf_fd = self.btf_fd.map_or(0, fd_number);
        attr.attach_prog_fd = self.attach_fd.map_or(0, fd_number);
        attr.prog_token_fd = self.token_fd.map_or(0, fd_number) as i32;
        attr.func_info_cnt = records("func_info", self.func_info, &mut attr.func_info_rec_size)?;
        attr.func_info = address(self.func_info);
        attr.line_info_cnt = records("line_info", self.line_info, &mut attr.line_info_rec_size)?;
        attr.line_info = address(self.line_info);
        attr.core_relo_cnt = records("core_relos", self.core_relos, &mut attr.core_relo_rec_size)?;
        attr.core_relos = address(self.core_relos);
        attr.fd_array = address(self.fd_array);
        attr.signature = address(self.signature);
        attr.signature_size = length("signature is too long", self.signature)?;
        Ok(attr)
    }
}

/// The number of records; a size beside no records is dropped, as the kernel wants it.
fn records(what: &'static str, bytes: &[u8], rec_size: &mut u32) -> Result<u32> {
    if bytes.is_empty() {
        *rec_size = 0;
        return Ok(0);
    }
    let size = *rec_size as usize;
    if size == 0 || bytes.len() % size != 0 {
        return Err(Error::Length { what, expected: bytes.len().next_multiple_of(size.max(1)), given: bytes.len() });
    }
    u32::try_from(bytes.len() / size).map_err(|_| Error::invalid("too many records", bytes.len()))
}

/// Copies of func_info and line_info in which what the kernel does not know is zero.
///
/// A kernel that meets longer records than its own takes them if the rest is zero (`bpf_check_uarg_tail_zero`), else it
/// says E2BIG and writes the length it knows to the record size in `bpf_attr`.
#[derive(Default)]
struct Padded {
    func_info: Option<Vec<u8>>,
    line_info: Option<Vec<u8>>,
}

impl Padded {
    /// Puts zeroed copies into `attr` where the kernel `told` of shorter records; false when there is nothing (more) to zero.
    fn fit(&mut self, load: &ProgLoad<'_>, attr: &mut bpf_attr_prog_load, told: &bpf_attr_prog_load) -> bool {
        if self.func_info.is_none() && told.func_info_rec_size < attr.func_info_rec_size {
            let zeroed = zero_tails(load.func_info, attr.func_info_rec_size, told.func_info_rec_size);
            attr.func_info = address(&zeroed);
            self.func_info = Some(zeroed);
            return true;
        }
        if self.line_info.is_none() && told.line_info_rec_size < attr.line_info_rec_size {
            let zeroed = zero_tails(load.line_info, attr.line_info_rec_size, told.line_info_rec_size);
            attr.line_info = address(&zeroed);
            self.line_info = Some(zeroed);
            return true;
        }
        false
    }
}

fn zero_tails(records: &[u8], rec_size: u32, known: u32) -> Vec<u8> {
    let mut zeroed = records.to_vec();
    for record in zeroed.chunks_exact_mut(rec_size as usize) {
        record[known as usize..].fill(0);
    }
    zeroed
}

/// The text of a log buffer: what stands before its terminating zero, without trailing newlines.
pub fn log_text(log: &[u8]) -> Cow<'_, str> {
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    String::from_utf8_lossy(log[..end].trim_ascii_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_whole() {
        let mut size = 8;
        assert_eq!(records("func_info", &[0; 24], &mut size).ok(), Some(3));
        assert!(records("func_info", &[0; 25], &mut size).is_err());
        assert!(records("func_info", &[0; 8], &mut 0).is_err());
        assert_eq!(records("func_info", &[], &mut size).ok(), Some(0));
        assert_eq!(size, 0);
    }

    #[test]
    fn tails_are_zeroed_once_for_each_kind() {
        let insns = [Insn::exit()];
        let load = ProgLoad::new(ProgType::KPROBE, &insns, c"").func_info(&[7; 24], 12).line_info(&[7; 16], 16);
        let mut attr = load.prepared().unwrap();
        let told = bpf_attr_prog_load { func_info_rec_size: 8, ..attr };
        let mut padded = Padded::default();
        assert!(padded.fit(&load, &mut attr, &told));
        assert_eq!(padded.func_info.as_deref().unwrap()[..12], [7, 7, 7, 7, 7, 7, 7, 7, 0, 0, 0, 0]);
        assert_eq!(attr.func_info, address(padded.func_info.as_deref().unwrap()));
        assert!(!padded.fit(&load, &mut attr, &told), "a second E2BIG has another reason");
    }

    #[test]
    fn log_text_ends_at_the_zero() {
        assert_eq!(log_text(b"one\ntwo\n\0rest"), "one\ntwo");
        assert_eq!(log_text(b""), "");
        assert_eq!(log_text(b"cut off"), "cut off");
    }
}
