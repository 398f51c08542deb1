//! What the running kernel can do: small loads that succeed or fail, each tried once.
//!
//! - [`Feature`]: what loaders ask before they load (libbpf's list), and the instruction set as bpftool lists it.
//! - [`Probes::prog_type`], [`Probes::map_type`], [`Probes::attach_type`]: the types of the UAPI.
//! - [`Probes::helper`] and [`Probes::kfunc`]: what a program of some type may call.
//!
//! Each knows the mainline kernel that brought it: [`Feature::since`], and `since` of [`ProgType`](crate::uapi::ProgType::since),
//! [`MapType`](crate::uapi::MapType::since), [`AttachType`](crate::uapi::AttachType::since) and
//! [`HelperId`](crate::uapi::HelperId::since).
//!
//! [`Probes`] remembers conclusive answers; where a want of privilege hides the answer, nothing is remembered, so that a later
//! call, made with more rights, can still learn it.
//!
//! ```no_run
//! use purebpf_sys::probes::{Feature, Kfunc, Probes};
//! use purebpf_sys::uapi::{HelperId, MapType, ProgType};
//!
//! # fn btf_id_of(_: &str) -> Option<u32> { None }
//! let probes = Probes::global();
//! let rings = probes.map_type(MapType::RINGBUF)?;
//! let loads = probes.helper(ProgType::XDP, HelperId::XDP_LOAD_BYTES)?;
//! let gotol = probes.has(Feature::IsaV4)?;
//! // The id of a kernel function comes from the kernel's BTF; one that is not there is none.
//! let from_pid = match btf_id_of("bpf_task_from_pid") {
//!     Some(id) => probes.kfunc(ProgType::SCHED_CLS, Kfunc::vmlinux(id))?,
//!     None => false,
//! };
//! # Ok::<(), purebpf_sys::Error>(())
//! ```

mod calls;
mod isa;
mod run;
mod types;

pub use calls::{Kfunc, ProbeProg};

use crate::{
    error::{Error, Result},
    system::version,
};
use std::{
    collections::HashMap,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
};

/// What one row of the table says.
struct Row {
    name: &'static str,
    since: u32,
    probe: fn(&Probes) -> Result<bool>,
}

macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident: $name:literal, $major:literal $minor:literal, $probe:path;)*) => {
        /// Something that a kernel can or cannot do, with libbpf's name and the mainline version that brought it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Feature {
            $($(#[$doc])* $feature,)*
        }

        const TABLE: &[(Feature, Row)] = &[
            $((Feature::$feature, Row { name: $name, since: version($major, $minor, 0), probe: $probe }),)*
        ];
    };
}

features! {
    /// Programs and maps have names.
    ProgName: "BPF program name", 4 15, run::prog_name;
    /// Instructions refer to the value of an array map (`BPF_PSEUDO_MAP_VALUE`).
    GlobalData: "global variables", 5 2, run::global_data;
    /// BTF at all.
    Btf: "minimal BTF", 4 18, run::btf;
    /// BTF of functions.
    BtfFunc: "BTF functions", 5 0, run::btf_func;
    /// Functions in BTF are static or global.
    BtfGlobalFunc: "BTF global function", 5 6, run::btf_global_func;
    /// BTF of variables and their sections.
    BtfDatasec: "BTF data section and variable", 5 2, run::btf_datasec;
    /// Arrays can be mapped.
    ArrayMmap: "ARRAY map mmap()", 5 5, run::array_mmap;
    /// BPF_PROG_LOAD takes `expected_attach_type`.
    ExpAttachType: "BPF_PROG_LOAD expected_attach_type attribute", 4 17, run::exp_attach_type;
    /// Reads of kernel and user memory are told apart.
    ProbeReadKernel: "bpf_probe_read_kernel() helper", 5 5, run::probe_read_kernel;
    /// BPF_PROG_BIND_MAP.
    ProgBindMap: "BPF_PROG_BIND_MAP support", 5 10, run::prog_bind_map;
    /// Modules have BTF.
    ModuleBtf: "module BTF support", 5 11, run::module_btf;
    /// BTF of floating-point types.
    BtfFloat: "BTF_KIND_FLOAT support", 5 13, run::btf_float;
    /// Links to perf events.
    PerfLink: "BPF perf link support", 5 15, run::perf_link;
    /// BTF of declaration tags.
    BtfDeclTag: "BTF_KIND_DECL_TAG support", 5 16, run::btf_decl_tag;
    /// BTF of type tags.
    BtfTypeTag: "BTF_KIND_TYPE_TAG support", 5 17, run::btf_type_tag;
    /// Memory is charged to the memory cgroup, and not to RLIMIT_MEMLOCK.
    MemcgAccount: "memcg-based memory accounting", 5 11, run::memcg_account;
    /// `bpf_get_attach_cookie`.
    BpfCookie: "BPF cookie support", 5 15, run::bpf_cookie;
    /// BTF of 64-bit enumerations.
    BtfEnum64: "BTF_KIND_ENUM64 support", 6 0, run::btf_enum64;
    /// Links to many places of a binary, with a filter for processes that works.
    UprobeMultiLink: "BPF multi-uprobe link support", 6 6, run::uprobe_multi_link;
    /// Names of sections in BTF may begin with `?`.
    BtfQmarkDatasec: "BTF DATASEC names starting from '?'", 6 9, run::btf_qmark_datasec;
    /// System calls have a wrapper whose name begins with the architecture (`__x64_sys_bpf`): what a kprobe on a system call must
    /// name. The release is that of x86-64; others followed (arm64 with 4.19) or have none. Seen in `/proc/kallsyms`, where
    /// libbpf places a kprobe.
    SyscallWrapper: "Kernel using syscall wrapper", 4 17, run::syscall_wrapper;
    /// The tag `arg:ctx` makes a global function's argument the context.
    ArgCtxTag: "kernel-side __arg_ctx tag", 6 8, run::arg_ctx_tag;
    /// A reference to a map's value may lie anywhere in its 4 GiB, as those of an arena do.
    Ldimm64FullRangeOff: "full range LDIMM64 support", 7 0, run::ldimm64_full_range_off;
    /// uprobe(2), by which the kernel replaces the breakpoint of a uprobe, in its final form (x86-64 only; 6.18 has it with another
    /// errno, which libbpf counts as none).
    UprobeSyscall: "kernel supports uprobe syscall", 7 2, run::uprobe_syscall;
    /// BTF says how long the records of each kind are.
    BtfLayout: "kernel supports BTF layout", 7 2, run::btf_layout;
    /// Any command has a log.
    SyscallCommonAttrs: "BPF syscall common attributes support", 7 2, run::syscall_common_attrs;
    /// Programs of more than 4096 instructions, up to a million (with CAP_BPF).
    LargeInsnLimit: "Large program size limit", 5 3, isa::large_insn_limit;
    /// Loops that the verifier sees the end of.
    BoundedLoops: "Bounded loop support", 5 3, isa::bounded_loops;
    /// Jumps if less (`-mcpu=v2`).
    IsaV2: "ISA extension v2", 4 14, isa::v2;
    /// Jumps by a 32-bit comparison (`-mcpu=v3`).
    IsaV3: "ISA extension v3", 5 1, isa::v3;
    /// Sign-extending loads and moves, byte swaps, signed division, long jumps (`-mcpu=v4`).
    IsaV4: "ISA extension v4", 6 6, isa::v4;
}

impl Feature {
    /// All features.
    pub fn all() -> impl ExactSizeIterator<Item = Feature> + Clone {
        TABLE.iter().map(|(feature, _)| *feature)
    }

    /// The features of the instruction set and the verifier's limits, which bpftool lists as miscellaneous; the others are
    /// libbpf's.
    pub fn isa() -> impl ExactSizeIterator<Item = Feature> + Clone {
        use Feature::{BoundedLoops, IsaV2, IsaV3, IsaV4, LargeInsnLimit};
        [LargeInsnLimit, BoundedLoops, IsaV2, IsaV3, IsaV4].into_iter()
    }

    /// The name that the messages of libbpf and bpftool use.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The mainline kernel that brought it, as `KERNEL_VERSION` (see [`version`]). Distributions may have it earlier.
    pub fn since(self) -> u32 {
        self.row().since
    }

    fn row(self) -> &'static Row {
        // The table is made of the same rows as the enumeration, in the same order.
        &TABLE[self as usize].1
    }
}

const UNKNOWN: u8 = 0;
const MISSING: u8 = 1;
const SUPPORTED: u8 = 2;

/// Answers, remembered; for the process's own rights, or for those of one BPF token.
#[derive(Debug)]
pub struct Probes {
    token: Option<OwnedFd>,
    answers: [AtomicU8; TABLE.len()],
    others: Mutex<HashMap<Question, bool>>,
}

/// What is asked besides features, as far as the answer depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Question {
    ProgType(u32),
    MapType(u32),
    AttachType(u32),
    /// A program that loads as it is.
    Prog(calls::ProgKey),
    Helper(calls::ProgKey, u32),
    Kfunc(calls::ProgKey, u32),
}

impl Probes {
    /// Nothing tried yet. With `token`, loads are made by its rights.
    pub fn new(token: Option<OwnedFd>) -> Probes {
        Probes { token, answers: [const { AtomicU8::new(UNKNOWN) }; TABLE.len()], others: Mutex::default() }
    }

    /// The answers for this process without a token, shared by all its threads.
    pub fn global() -> &'static Probes {
        static GLOBAL: OnceLock<Probes> = OnceLock::new();
        GLOBAL.get_or_init(|| Probes::new(None))
    }

    /// Whether the kernel has `feature`. The first call tries it.
    ///
    /// # Errors
    ///
    /// When nothing was learnt: EPERM without privilege, ENOMEM and the like.
    pub fn has(&self, feature: Feature) -> Result<bool> {
        let answer = &self.answers[feature as usize];
        match answer.load(Ordering::Relaxed) {
            SUPPORTED => Ok(true),
            MISSING => Ok(false),
            _ => {
                let has = (feature.row().probe)(self)?;
                answer.store(if has { SUPPORTED } else { MISSING }, Ordering::Relaxed);
                Ok(has)
            }
        }
    }

    /// The remembered answer, or what `probe` says, which is remembered unless it is an error.
    fn ask(&self, question: Question, probe: impl FnOnce() -> Result<bool>) -> Result<bool> {
        let others = || self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = others().get(&question) {
            return Ok(*answer);
        }
        let answer = probe()?;
        others().insert(question, answer);
        Ok(answer)
    }

    /// The token.
    pub fn token(&self) -> Option<BorrowedFd<'_>> {
        self.token.as_ref().map(AsFd::as_fd)
    }
}

/// Whether the running kernel has `feature`: [`Probes::has`] of [`Probes::global`].
///
/// # Errors
///
/// When nothing was learnt.
pub fn has(feature: Feature) -> Result<bool> {
    Probes::global().has(feature)
}

/// What a try says: success is yes; a refusal that has nothing to do with the feature is no answer; the rest is no.
///
/// EACCES is SELinux's refusal of a command. It is the verifier's of a program as well, so a probe whose "no" is a
/// rejected memory access or argument tells the two apart itself.
fn answer<T>(result: Result<T>) -> Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if is_inconclusive(&error) => Err(error),
        Err(_) => Ok(false),
    }
}

fn is_inconclusive(error: &Error) -> bool {
    matches!(
        error.errno(),
        libc::EPERM | libc::EACCES | libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::EAGAIN | libc::EINTR | libc::ENOSYS
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_follows_the_enumeration() {
        for (index, (feature, row)) in TABLE.iter().enumerate() {
            assert_eq!(*feature as usize, index, "{}", row.name);
            assert!(row.since >= version(4, 14, 0));
        }
    }

    #[test]
    fn want_of_privilege_is_no_answer() {
        let failed = |errno| Error::Syscall { call: "bpf", errno: crate::Errno(errno) };
        assert!(answer::<()>(Err(failed(libc::EPERM))).is_err());
        assert!(answer::<()>(Err(failed(libc::EACCES))).is_err());
        assert!(!answer::<()>(Err(failed(libc::EINVAL))).unwrap());
        assert!(answer(Ok(())).unwrap());
    }
}
