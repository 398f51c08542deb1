//! What the running kernel can do: small loads that succeed or fail, each tried once.
//!
//! A [`Feature`] knows the kernel that brought it and how to try it. [`Probes`] remembers conclusive answers; where a want of
//! privilege hides the answer, nothing is remembered, so that a later call, made with more rights, can still learn it.

mod run;

use crate::{
    error::{Error, Result},
    system::version,
};
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::{
        OnceLock,
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
    /// The tag `arg:ctx` makes a global function's argument the context.
    ArgCtxTag: "kernel-side __arg_ctx tag", 6 8, run::arg_ctx_tag;
    /// BTF says how long the records of each kind are.
    BtfLayout: "kernel supports BTF layout", 7 2, run::btf_layout;
    /// Any command has a log.
    SyscallCommonAttrs: "BPF syscall common attributes support", 7 2, run::syscall_common_attrs;
}

impl Feature {
    /// All features.
    pub fn all() -> impl ExactSizeIterator<Item = Feature> + Clone {
        TABLE.iter().map(|(feature, _)| *feature)
    }

    /// The name that libbpf's messages use.
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
}

impl Probes {
    /// Nothing tried yet. With `token`, loads are made by its rights.
    pub fn new(token: Option<OwnedFd>) -> Probes {
        Probes { token, answers: [const { AtomicU8::new(UNKNOWN) }; TABLE.len()] }
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
            assert!(row.since >= version(4, 15, 0));
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
