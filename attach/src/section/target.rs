//! Where a section says that its program goes.

/// A target as a section name spells it: borrowed from the name, and not yet looked for on any machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target<'n> {
    /// The section names no place: its program is attached by hand, or not at all.
    Unspecified,
    /// A kernel function.
    Kprobe {
        /// The function.
        function: &'n str,
        /// Bytes from its entry; 0 for return probes.
        offset: u64,
        /// At its return.
        retprobe: bool,
    },
    /// A function of a binary or library.
    Uprobe {
        /// The file: a path, a bare library or program name, or `ARCHIVE!/MEMBER`.
        path: &'n str,
        /// The symbol, without version.
        function: &'n str,
        /// The symbol's version, from `NAME@VERSION` or `NAME@@VERSION`.
        version: Option<&'n str>,
        /// Bytes from its entry; 0 for return probes.
        offset: u64,
        /// At its return.
        retprobe: bool,
    },
    /// A system call, by its name without any prefix.
    Ksyscall {
        /// The system call.
        syscall: &'n str,
        /// At its return.
        retprobe: bool,
    },
    /// Kernel functions by a pattern of names with `*` and `?`.
    KprobeMulti {
        /// The pattern.
        pattern: &'n str,
        /// At their return.
        retprobe: bool,
        /// At entry and return.
        session: bool,
    },
    /// Functions of a binary by a pattern.
    UprobeMulti {
        /// The file.
        path: &'n str,
        /// The pattern.
        pattern: &'n str,
        /// At their return.
        retprobe: bool,
        /// At entry and return.
        session: bool,
    },
    /// A probe that a binary declares in its notes.
    Usdt {
        /// The file.
        path: &'n str,
        /// The provider.
        provider: &'n str,
        /// The probe.
        name: &'n str,
    },
    /// A tracepoint of tracefs.
    Tracepoint {
        /// The category: a folder of `events`.
        category: &'n str,
        /// Its name.
        name: &'n str,
    },
    /// A tracepoint, by its name alone.
    RawTracepoint {
        /// Its name.
        name: &'n str,
    },
    /// A kernel function or tracepoint that BTF describes; which of them, the expected attach type says.
    Tracing {
        /// The module to look in, and no other; anywhere when `None`.
        module: Option<&'n str>,
        /// Its name as the section spells it.
        name: &'n str,
    },
    /// Kernel functions that BTF describes, by a pattern.
    TracingMulti {
        /// The module to look in.
        module: Option<&'n str>,
        /// The pattern.
        pattern: &'n str,
    },
    /// A function of another BPF program, which the caller names.
    Freplace {
        /// The function.
        function: &'n str,
    },
    /// An LSM hook.
    Lsm {
        /// The hook, such as `file_open`.
        hook: &'n str,
    },
    /// What an iterator walks over.
    Iter {
        /// Such as `task` or `bpf_map_elem`.
        target: &'n str,
    },
}

impl Target<'_> {
    /// Whether the section names a place.
    pub fn is_specified(&self) -> bool {
        *self != Target::Unspecified
    }
}
