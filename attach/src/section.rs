//! ELF section names: what `SEC("fentry/do_exit")` says about a program.
//!
//! A name selects a row of a table ([`SECTIONS`]) that gives program type, expected attach type and flags; what follows
//! the row's name (the *extras*) says where to attach and is read by a strict [`grammar`]. Everything here is plain data
//! and pure: the same name means the same on every machine.
//!
//! ```
//! use purebpf_attach::section::{SectionName, Target};
//! use purebpf_sys::uapi::{AttachType, ProgType};
//!
//! let section = SectionName::parse("?fentry.s/nf_conntrack:nf_confirm").unwrap();
//! assert!(!section.autoload);
//! assert_eq!(section.def.prog_type, ProgType::TRACING);
//! assert_eq!(section.def.expected_attach_type, Some(AttachType::TRACE_FENTRY));
//! assert_eq!(section.target()?, Target::Tracing { module: Some("nf_conntrack"), name: "nf_confirm" });
//! # Ok::<(), purebpf_attach::Error>(())
//! ```

mod btf_target;
pub mod grammar;
mod load;
mod names;
mod table;
mod target;

pub use btf_target::{BtfTarget, FoundBtf, kernel_prefix_kind};
pub use load::LoadAttributes;
pub use names::{attach_type_by_name, prog_type_by_name};
pub use table::SECTIONS;
pub use target::Target;

use crate::error::Error;
use purebpf_sys::uapi::{AttachType, ProgType};

bitflags::bitflags! {
    /// What a section says besides types: libbpf's `enum sec_def_flags`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    #[doc(alias = "sec_def_flags")]
    pub struct SectionFlags: u32 {
        /// The expected attach type can be left out on kernels that do not take one (before 4.17).
        #[doc(alias = "SEC_EXP_ATTACH_OPT")]
        const EXP_ATTACH_OPT = 1 << 0;
        /// [`attach_type_by_name`] knows it.
        #[doc(alias = "SEC_ATTACHABLE")]
        const ATTACHABLE = 1 << 1;
        /// To load the program, the BTF id of its target is needed.
        #[doc(alias = "SEC_ATTACH_BTF")]
        const ATTACH_BTF = 1 << 2;
        /// The program may sleep (`BPF_F_SLEEPABLE`).
        #[doc(alias = "SEC_SLEEPABLE")]
        const SLEEPABLE = 1 << 3;
        /// The XDP program knows packets of several buffers (`BPF_F_XDP_HAS_FRAGS`).
        #[doc(alias = "SEC_XDP_FRAGS")]
        const XDP_FRAGS = 1 << 4;
        /// Loaded for uprobe.multi links where the kernel has them.
        #[doc(alias = "SEC_USDT")]
        const USDT = 1 << 5;
    }
}

/// How a program is attached when its section alone says where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AutoAttach {
    /// Not: the caller gives the target.
    None,
    /// A kernel function's entry or return.
    Kprobe,
    /// A function of a binary.
    Uprobe,
    /// A system call.
    Ksyscall,
    /// Kernel functions by a pattern.
    KprobeMulti,
    /// The same, entry and return by one program.
    KprobeSession,
    /// Functions of a binary by a pattern.
    UprobeMulti,
    /// A probe that a binary declares.
    Usdt,
    /// A tracepoint.
    Tracepoint,
    /// A tracepoint, with its bare arguments.
    RawTracepoint,
    /// What the program was loaded for: fentry, fexit, fmod_ret, fsession, tp_btf, freplace.
    Tracing,
    /// Kernel functions by a pattern, found in BTF.
    TracingMulti,
    /// The LSM hook the program was loaded for.
    Lsm,
    /// An iterator.
    Iter,
}

/// What may follow a section's name after a `/`: which production of the [`grammar`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Extras {
    /// Nothing: the name matches only as a whole.
    None,
    /// Anything, of no meaning here.
    Ignored,
    /// `FUNCTION[+OFFSET]`.
    Kprobe,
    /// `PATH:FUNCTION[@VERSION][+OFFSET]`.
    Uprobe,
    /// `SYSCALL`.
    Ksyscall,
    /// `GLOB`.
    KprobeMulti,
    /// `PATH:GLOB`.
    UprobeMulti,
    /// `PATH:PROVIDER:NAME`.
    Usdt,
    /// `CATEGORY/NAME`.
    Tracepoint,
    /// `NAME`.
    RawTracepoint,
    /// `[MODULE:]NAME`.
    Tracing,
    /// `[MODULE:]GLOB`.
    TracingMulti,
    /// `FUNCTION`, of another program.
    Function,
    /// `HOOK`.
    Lsm,
    /// `TARGET`.
    Iter,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "bpf_sec_def")]
pub struct SectionDef {
    /// The name, without extras.
    pub name: &'static str,
    /// What may follow.
    pub extras: Extras,
    /// Program type.
    pub prog_type: ProgType,
    /// Expected attach type; libbpf loads with 0 where there is none.
    pub expected_attach_type: Option<AttachType>,
    /// Flags.
    pub flags: SectionFlags,
    /// How it is attached by section name alone.
    pub auto_attach: AutoAttach,
}

impl SectionDef {
    /// The extras of `name` if this row matches it: `None` inside for a bare name.
    ///
    /// libbpf's `sec_def_matches`: a row without extras matches only the same name; one with extras also the name
    /// followed by `/` and anything, which the [`grammar`] judges later.
    fn matches<'n>(&self, name: &'n str) -> Option<Option<&'n str>> {
        let rest = name.strip_prefix(self.name)?;
        if rest.is_empty() {
            return Some(None);
        }
        match self.extras {
            Extras::None => None,
            _ => rest.strip_prefix('/').map(Some),
        }
    }

    /// Whether the program runs at the return of its functions rather than at their entry (kretprobe, uretprobe,
    /// kretsyscall and their multi forms).
    pub fn is_retprobe(&self) -> bool {
        matches!(self.stem(), "kretprobe" | "uretprobe" | "kretsyscall")
    }

    /// Whether the program runs at entry and return (kprobe.session, uprobe.session).
    pub fn is_session(&self) -> bool {
        self.name.split('.').nth(1) == Some("session")
    }

    fn stem(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }
}

/// The first row of `table` that matches `name`, and the extras. A leading `?` is not part of a name.
pub fn find_in<'t, 'n>(table: &'t [SectionDef], name: &'n str) -> Option<(&'t SectionDef, Option<&'n str>)> {
    table.iter().find_map(|def| def.matches(name).map(|extras| (def, extras)))
}

/// A section name taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SectionName<'n> {
    /// The whole name, with `?`.
    pub name: &'n str,
    /// Its row.
    pub def: &'static SectionDef,
    /// What follows the row's name and `/`; `None` for a bare name.
    pub extras: Option<&'n str>,
    /// False for a name that begins with `?`: the program is loaded only if the user asks for it.
    pub autoload: bool,
}

impl<'n> SectionName<'n> {
    /// Looks `name` up in [`SECTIONS`]; `None` when no row matches.
    #[doc(alias = "find_sec_def")]
    pub fn parse(name: &'n str) -> Option<SectionName<'n>> {
        let (bare, autoload) = match name.strip_prefix('?') {
            Some(bare) => (bare, false),
            None => (name, true),
        };
        let (def, extras) = find_in(SECTIONS, bare)?;
        Some(SectionName { name, def, extras, autoload })
    }

    /// Where the extras say that the program goes; [`Target::Unspecified`] for a bare name.
    ///
    /// # Errors
    ///
    /// [`Error::Section`], with the place of the first character that does not fit.
    pub fn target(&self) -> Result<Target<'n>, Error> {
        let Some(extras) = self.extras else { return Ok(Target::Unspecified) };
        grammar::parse(self.def, extras)
            .map_err(|fault| Error::section(self.name, self.name.len() - extras.len() + fault.position, fault.expected))
    }

    /// What a loader needs to know of the section.
    ///
    /// # Errors
    ///
    /// As [`target`](Self::target), for sections whose target decides the load (`ATTACH_BTF`).
    pub fn load_attributes(&self) -> Result<LoadAttributes<'n>, Error> {
        LoadAttributes::of(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> Option<&'static str> {
        find_in(SECTIONS, name).map(|(def, _)| def.name)
    }

    // `+` rules as libbpf's sec_def_matches has them.
    #[test]
    fn extras_only_after_a_slash_and_only_where_the_row_has_them() {
        assert_eq!(row("kprobe"), Some("kprobe"));
        assert_eq!(row("kprobe/x"), Some("kprobe"));
        assert_eq!(row("kprobe/"), Some("kprobe"));
        assert_eq!(row("kprobex"), None);
        assert_eq!(row("kprobe.multi/x*"), Some("kprobe.multi"));
        assert_eq!(row("kprobe.multix"), None);
        assert_eq!(row("socket"), Some("socket"));
        assert_eq!(row("socket/x"), None);
        assert_eq!(row("xdp/devmap"), Some("xdp/devmap"));
        assert_eq!(row("xdp/devmap/x"), None);
        assert_eq!(row("xdp.frags/cpumap"), Some("xdp.frags/cpumap"));
        assert_eq!(row("tc/ingress"), Some("tc/ingress"));
        assert_eq!(row("tc/other"), None);
        assert_eq!(row("cgroup/skb"), Some("cgroup/skb"));
        assert_eq!(row("sk_reuseport/migrate"), Some("sk_reuseport/migrate"));
        assert_eq!(row(""), None);
        assert_eq!(row("?kprobe"), None, "the mark is taken off before the look-up");
    }

    #[test]
    fn question_mark_is_taken_off_once() {
        let section = SectionName::parse("?tp/sched/sched_switch").unwrap();
        assert!(!section.autoload);
        assert_eq!((section.def.name, section.extras), ("tp", Some("sched/sched_switch")));
        assert!(SectionName::parse("tp").unwrap().autoload);
        assert_eq!(SectionName::parse("??tp"), None);
    }

    #[test]
    fn return_probes_and_sessions() {
        let with = |test: fn(&SectionDef) -> bool| -> Vec<&str> {
            SECTIONS.iter().filter(|def| test(def)).map(|def| def.name).collect()
        };
        assert_eq!(
            with(SectionDef::is_retprobe),
            [
                "kretprobe",
                "uretprobe",
                "uretprobe.s",
                "kretprobe.multi",
                "uretprobe.multi",
                "uretprobe.multi.s",
                "kretsyscall"
            ]
        );
        assert_eq!(with(SectionDef::is_session), ["kprobe.session", "uprobe.session", "uprobe.session.s"]);
    }
}
