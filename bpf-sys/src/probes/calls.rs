//! Helpers and kernel functions: whether a program of some type may call them.
//!
//! The probe is a program that makes the call and nothing else. It need not load: what the verifier says about the call
//! tells whether it came to look at the arguments.

use super::{
    Probes, Question, is_inconclusive,
    run::load,
    types::plain,
};
use crate::{
    Insn,
    error::{Error, Result},
    prog::{ProgLoad, log_text},
    uapi::{AttachType, HelperId, ProgFlags, ProgType},
};
use std::os::fd::{AsRawFd, BorrowedFd};

/// The program that a probe loads, as far as what it may call depends on it. From a [`ProgType`] alone for all types but those
/// with a target: tracing, lsm, ext, struct_ops.
#[derive(Clone, Copy, Debug)]
pub struct ProbeProg<'a> {
    prog_type: ProgType,
    expected_attach_type: Option<AttachType>,
    attach_btf_id: u32,
    attach_btf_obj: Option<BorrowedFd<'a>>,
    sleepable: bool,
}

/// What stands for a [`ProbeProg`] in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ProgKey {
    prog_type: u32,
    expected_attach_type: Option<u32>,
    attach_btf_id: u32,
    sleepable: bool,
}

impl From<ProgType> for ProbeProg<'_> {
    fn from(prog_type: ProgType) -> Self {
        ProbeProg {
            prog_type,
            expected_attach_type: None,
            attach_btf_id: 0,
            attach_btf_obj: None,
            sleepable: false,
        }
    }
}

impl<'a> ProbeProg<'a> {
    /// A program of `prog_type`.
    pub fn new(prog_type: ProgType) -> Self {
        prog_type.into()
    }

    /// Where it would be attached; for struct_ops, the member's index.
    pub fn expected_attach_type(mut self, attach_type: AttachType) -> Self {
        self.expected_attach_type = Some(attach_type);
        self
    }

    /// The id of its target in the BTF of vmlinux, or of [`attach_btf_obj`](Self::attach_btf_obj).
    pub fn attach_btf_id(mut self, id: u32) -> Self {
        self.attach_btf_id = id;
        self
    }

    /// The BTF of the module, or the program, that the target lies in. Answers for such programs are not remembered, as what the
    /// descriptor stands for may go.
    pub fn attach_btf_obj(mut self, btf: BorrowedFd<'a>) -> Self {
        self.attach_btf_obj = Some(btf);
        self
    }

    /// A program that may sleep. `syscall` programs are without it.
    pub fn sleepable(mut self) -> Self {
        self.sleepable = true;
        self
    }

    fn key(&self) -> Option<ProgKey> {
        self.attach_btf_obj.is_none().then_some(ProgKey {
            prog_type: self.prog_type.0,
            expected_attach_type: self.expected_attach_type.map(|attach_type| attach_type.0),
            attach_btf_id: self.attach_btf_id,
            sleepable: self.sleepable,
        })
    }

    fn load<'b>(&'b self, probes: &'b Probes, insns: &'b [Insn]) -> ProgLoad<'b> {
        let mut load = plain(load(probes, self.prog_type, insns), self.prog_type).attach_btf_id(self.attach_btf_id);
        if let Some(attach_type) = self.expected_attach_type {
            load = load.expected_attach_type(attach_type);
        }
        if let Some(btf) = self.attach_btf_obj {
            load = load.attach_btf_obj(btf);
        }
        if self.sleepable { load.flags(ProgFlags::SLEEPABLE) } else { load }
    }
}

/// A kernel function that programs may call, by its id in the BTF of vmlinux or of a module. Finding the id is the caller's
/// part (`btf` has the names): a name without one is a function that the kernel has not.
#[derive(Clone, Copy, Debug)]
pub struct Kfunc<'a> {
    btf_id: u32,
    module_btf: Option<BorrowedFd<'a>>,
}

impl<'a> Kfunc<'a> {
    /// A function of vmlinux.
    pub fn vmlinux(btf_id: u32) -> Self {
        Kfunc { btf_id, module_btf: None }
    }

    /// A function of a module, whose BTF is open. Answers are not remembered, as the module may go.
    pub fn module(btf: BorrowedFd<'a>, btf_id: u32) -> Self {
        Kfunc { btf_id, module_btf: Some(btf) }
    }
}

/// The verifier knows no helper of this number, or not for this type of programs, as kernels of different age word it.
const NO_HELPER: &[&str] = &["invalid func ", "unknown func ", "program of this type cannot use helper "];

/// The verifier does not let programs of this type call the function, or knows no such calls (before 5.13, and without a JIT).
const NO_KFUNC: &[&str] = &[
    "calling kernel function",
    "uses reserved fields",
    "invalid kernel function",
    "failed to find BTF for kernel function",
    "is not a function",
    "does not have a valid func_proto",
    "cannot find address for kernel function",
    "invalid module BTF fd",
    "is not a module BTF",
    "JIT is required",
    "JIT does not support",
];

impl Probes {
    /// Whether a program of this type (or exactly this program) may call the helper. With `GPL` for a licence, and with the
    /// process's rights: helpers that want CAP_PERFMON are "no" without it.
    ///
    /// As libbpf does, this takes a complaint about arguments for a "yes". Unlike there, types that the kernel has not
    /// have no helpers, and those with a target are asked about with one. The kernel writes a line to its log when it is asked
    /// for `trace_printk`, `trace_vprintk` or `probe_write_user`, as if a program was to use them.
    ///
    /// # Errors
    ///
    /// `Invalid` for tracing, lsm, ext and struct_ops without a target (libbpf: EOPNOTSUPP); EINVAL and the like where the target is
    /// none; when nothing was learnt, why.
    #[doc(alias = "libbpf_probe_bpf_helper")]
    pub fn helper<'a>(&self, prog: impl Into<ProbeProg<'a>>, helper: HelperId) -> Result<bool> {
        let prog = prog.into();
        let question = prog.key().map(|key| Question::Helper(key, helper.0));
        self.may_call(&prog, question, &[Insn::call_helper(helper), Insn::exit()], &[], NO_HELPER)
    }

    /// Whether a program of this type (or exactly this program) may call the kernel function.
    ///
    /// # Errors
    ///
    /// As [`helper`](Self::helper).
    pub fn kfunc<'a>(&self, prog: impl Into<ProbeProg<'a>>, kfunc: Kfunc<'_>) -> Result<bool> {
        let prog = prog.into();
        let cached = prog.key().filter(|_| kfunc.module_btf.is_none());
        let question = cached.map(|key| Question::Kfunc(key, kfunc.btf_id));
        // Index 0 of fd_array is vmlinux, whatever stands there.
        let fd_array = kfunc.module_btf.map(|btf| [btf.as_raw_fd(); 2]);
        let fd_idx = if fd_array.is_some() { 1 } else { 0 };
        // What the function returns may be nothing.
        let insns = [Insn::call_kfunc(kfunc.btf_id, fd_idx), Insn::mov64_imm(0, 0), Insn::exit()];
        self.may_call(&prog, question, &insns, fd_array.as_ref().map_or(&[], |array| &array[..]), NO_KFUNC)
    }

    fn may_call(
        &self, prog: &ProbeProg<'_>, question: Option<Question>, insns: &[Insn], fd_array: &[i32], no: &[&str],
    ) -> Result<bool> {
        let probe = || {
            if !self.loads(prog)? {
                return Ok(false);
            }
            let mut log = vec![0; 4096];
            let mut load = prog.load(self, insns);
            if !fd_array.is_empty() {
                load = load.fd_array(fd_array);
            }
            match load.load_with_log(1, &mut log).result {
                Ok(_) => Ok(true),
                Err(error) => verdict(error, &log_text(&log), no),
            }
        };
        match question {
            Some(question) => self.ask(question, probe),
            None => probe(),
        }
    }

    /// Whether the program loads when it calls nothing.
    fn loads(&self, prog: &ProbeProg<'_>) -> Result<bool> {
        let targeted = [ProgType::TRACING, ProgType::LSM, ProgType::EXT, ProgType::STRUCT_OPS];
        if targeted.contains(&prog.prog_type) && prog.attach_btf_id == 0 {
            return Err(Error::invalid("cannot probe calls without a target for programs of type", prog.prog_type));
        }
        if !self.prog_type(prog.prog_type)? {
            return Ok(false);
        }
        // More than the type alone: it has to load as described, or what is said about the call means nothing.
        if prog.expected_attach_type.is_some() || prog.attach_btf_id != 0 || prog.sleepable {
            let loads = || prog.load(self, &super::run::RETURN_0).load().map(|_| true);
            match prog.key() {
                Some(key) => self.ask(Question::Prog(key), loads)?,
                None => loads()?,
            };
        }
        Ok(true)
    }
}

/// What a refused program says about its call. A log says that the verifier looked at it; without one, the kernel did not
/// get there.
fn verdict(error: Error, log: &str, no: &[&str]) -> Result<bool> {
    if no.iter().any(|words| log.contains(words)) {
        return Ok(false);
    }
    if log.is_empty() || (is_inconclusive(&error) && error.errno() != libc::EACCES) {
        return Err(error);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Errno;

    fn refused(errno: i32, log: &str, no: &[&str]) -> Option<bool> {
        let error = Error::Bpf { cmd: crate::uapi::Cmd::PROG_LOAD, errno: Errno(errno) };
        verdict(error, log, no).ok()
    }

    // Lines of verifier logs: of 5.10, of 6.12 and 7.2, and of any for arguments.
    #[test]
    fn the_verifier_tells_an_unknown_call_from_a_wrong_one() {
        assert_eq!(refused(libc::EINVAL, "0: (85) call unknown#181\ninvalid func unknown#181", NO_HELPER), Some(false));
        assert_eq!(refused(libc::EINVAL, "unknown func bpf_sys_bpf#166", NO_HELPER), Some(false));
        let wrong_type = "0: (85) call bpf_sys_bpf#166\nprogram of this type cannot use helper bpf_sys_bpf#166";
        assert_eq!(refused(libc::EINVAL, wrong_type, NO_HELPER), Some(false));
        assert_eq!(refused(libc::EACCES, "R1 type=ctx expected=fp", NO_HELPER), Some(true));
        assert_eq!(refused(libc::EINVAL, "0: (85) call pc+1\nBPF_CALL uses reserved fields", NO_KFUNC), Some(false));
        let not_allowed = "calling kernel function bpf_task_from_pid is not allowed";
        assert_eq!(refused(libc::EACCES, not_allowed, NO_KFUNC), Some(false));
        assert_eq!(refused(libc::EACCES, "R2 !read_ok", NO_KFUNC), Some(true));
        // A refusal before the verifier.
        assert_eq!(refused(libc::EPERM, "", NO_HELPER), None);
        assert_eq!(refused(libc::EINVAL, "", NO_HELPER), None);
    }
}
