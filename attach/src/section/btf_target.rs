//! Targets that BTF describes: under which name and kind to look for them, and where.

use super::Target;
use crate::{error::Error, symbols::Nearest};
use purebpf_btf::{Btf, KernelBtf, Kind, ModuleBtf, TypeId};
use purebpf_sys::uapi::{AttachType, ProgType};

/// The prefix of the name and the kind of the type that stand for a target in the kernel's BTF, by attach type: libbpf's
/// `btf_get_kernel_prefix_kind`. Tracepoints are typedefs `btf_trace_NAME` of the probe's prototype; LSM hooks and
/// iterators are functions that the kernel defines for BPF alone (`bpf_lsm_NAME`, `bpf_iter_NAME`).
pub fn kernel_prefix_kind(attach_type: AttachType) -> (&'static str, Kind) {
    match attach_type {
        AttachType::TRACE_RAW_TP => ("btf_trace_", Kind::Typedef),
        AttachType::LSM_MAC | AttachType::LSM_CGROUP => ("bpf_lsm_", Kind::Func),
        AttachType::TRACE_ITER => ("bpf_iter_", Kind::Func),
        _ => ("", Kind::Func),
    }
}

/// What to look for in BTF so that a program can be loaded for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct BtfTarget<'n> {
    /// The module to look in, and no other (`vmlinux` for the kernel proper). `None`: vmlinux, then each module.
    pub module: Option<&'n str>,
    /// What stands before the name in BTF.
    pub prefix: &'static str,
    /// The name as the section spells it.
    pub name: &'n str,
    /// The type's kind: `Func` or `Typedef`.
    pub kind: Kind,
    /// To be looked for in the BTF of the program that is attached to (freplace), not in the kernel's.
    pub in_program: bool,
}

/// Where a target was found.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FoundBtf<'k> {
    /// The module; `None` for vmlinux. Its [`id`](ModuleBtf::id) gives the descriptor that a load needs.
    pub module: Option<&'k ModuleBtf>,
    /// `attach_btf_id`.
    pub type_id: TypeId,
}

impl<'n> BtfTarget<'n> {
    /// A target by attach type and name, `[MODULE:]NAME` as in a section. A user sets one by hand with this.
    #[doc(alias = "bpf_program__set_attach_target")]
    pub fn new(attach_type: AttachType, name: &'n str) -> BtfTarget<'n> {
        let (module, name) = match name.split_once(':') {
            Some((module, name)) => (Some(module), name),
            None => (None, name),
        };
        let (prefix, kind) = kernel_prefix_kind(attach_type);
        BtfTarget { module, prefix, name, kind, in_program: false }
    }

    /// The target of a program of this type in a section; `None` for targets that BTF does not describe.
    pub(super) fn of(prog_type: ProgType, attach_type: Option<AttachType>, target: Target<'n>) -> Option<Self> {
        let (module, name) = match target {
            Target::Tracing { module, name } => (module, name),
            Target::Freplace { function } => (None, function),
            Target::Lsm { hook } => (None, hook),
            Target::Iter { target } => (None, target),
            _ => return None,
        };
        let (prefix, kind) = kernel_prefix_kind(attach_type.unwrap_or_default());
        Some(BtfTarget { module, prefix, name, kind, in_program: prog_type == ProgType::EXT })
    }

    /// The name of the type: prefix and name.
    pub fn type_name(&self) -> String {
        [self.prefix, self.name].concat()
    }

    /// Looks in the kernel's BTF.
    ///
    /// A module's name matches as a whole. (libbpf compares only as many characters as were given, so that `nf:` may find
    /// `nf_conntrack`.)
    ///
    /// # Errors
    ///
    /// [`Error::NoBtfTarget`] with the nearest names; [`Error::Btf`] for a module whose BTF is damaged and was asked for
    /// by name.
    #[doc(alias = "libbpf_find_vmlinux_btf_id")]
    pub fn find<'k>(&self, kernel: &'k KernelBtf) -> Result<FoundBtf<'k>, Error> {
        let type_name = self.type_name();
        let vmlinux = kernel.vmlinux();
        if self.module.is_none_or(|module| module == "vmlinux") {
            if let Some(type_id) = vmlinux.find(&type_name, self.kind) {
                return Ok(FoundBtf { module: None, type_id });
            }
        }
        let mut module_known = self.module.is_none_or(|module| module == "vmlinux");
        for module in kernel.modules().iter().filter(|module| self.module.is_none_or(|name| name == module.name())) {
            module_known = true;
            let btf = match module.btf(vmlinux) {
                Ok(btf) => btf,
                // A damaged module spoils nothing that was not asked of it.
                Err(_) if self.module.is_none() => continue,
                Err(cause) => return Err(Error::Btf { module: module.name().into(), cause }),
            };
            if let Some(type_id) = find_own(btf, &type_name, self.kind) {
                return Ok(FoundBtf { module: Some(module), type_id });
            }
        }
        Err(Error::NoBtfTarget {
            target: self.to_string(),
            kind: if self.kind == Kind::Typedef { "tracepoint" } else { "function" },
            unknown_module: (!module_known).then(|| self.module.unwrap_or_default().into()),
            nearest: kernel.nearest_names(self.module, self.prefix, self.kind, self.name),
        })
    }

    /// Looks in the BTF of the program that an extension replaces a function of.
    ///
    /// # Errors
    ///
    /// [`Error::NoBtfTarget`] with the nearest names.
    pub fn find_in_program(&self, btf: &Btf) -> Result<TypeId, Error> {
        btf.find(self.name, Kind::Func).ok_or_else(|| {
            let mut nearest = Nearest::new(self.name);
            for function in btf.types().filter(|candidate| candidate.kind() == Kind::Func) {
                nearest.offer(function.name_bytes());
            }
            Error::NoBtfTarget {
                target: self.name.into(),
                kind: "function of the target program",
                unknown_module: None,
                nearest: nearest.into_names(),
            }
        })
    }
}

/// `[MODULE:]NAME`, as in a section.
impl std::fmt::Display for BtfTarget<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.module {
            Some(module) => write!(f, "{module}:{}", self.name),
            None => f.write_str(self.name),
        }
    }
}

/// The first type of this name and kind that `btf` does not have from its base.
fn find_own(btf: &Btf, name: &str, kind: Kind) -> Option<TypeId> {
    btf.ids_named(name.as_bytes())
        .filter(|id| *id >= btf.first_id())
        .find(|id| btf.type_by_id(*id).is_ok_and(|candidate| candidate.kind() == kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use purebpf_btf::{Linkage, builder::Builder};

    fn add_func(builder: &mut Builder, name: &str) {
        let proto = builder.add_func_proto(TypeId::VOID).unwrap();
        builder.add_func(name, Linkage::STATIC, proto).unwrap();
    }

    /// vmlinux with `f`, `g` and the tracepoint `t`; modules `nf` with `g`, `nf_conntrack` with `h`, and a damaged one.
    fn kernel() -> KernelBtf {
        let mut vmlinux = Builder::new();
        add_func(&mut vmlinux, "f");
        add_func(&mut vmlinux, "g");
        add_func(&mut vmlinux, "bpf_iter_task");
        vmlinux.add_typedef("btf_trace_t", TypeId::VOID).unwrap();
        let vmlinux = Btf::parse(vmlinux.finish()).unwrap();
        let module = |name: &str, function: &str| {
            let mut split = Builder::split(&vmlinux);
            add_func(&mut split, function);
            ModuleBtf::new(name, Some(7), split.finish())
        };
        let modules = vec![
            ModuleBtf::new("broken", None, vec![1, 2, 3]),
            module("nf_conntrack", "h"),
            module("nf", "g"),
            module("vmw", "f"),
        ];
        KernelBtf::new(vmlinux).with_modules(modules)
    }

    fn found(attach_type: AttachType, name: &str) -> Result<(Option<String>, String), String> {
        let kernel = kernel();
        let found = BtfTarget::new(attach_type, name).find(&kernel).map_err(|error| error.to_string())?;
        let btf = match found.module {
            Some(module) => module.btf(kernel.vmlinux()).unwrap(),
            None => kernel.vmlinux(),
        };
        let type_name = btf.type_by_id(found.type_id).unwrap().name().unwrap().to_owned();
        Ok((found.module.map(|module| module.name().to_owned()), type_name))
    }

    // Order of the search as libbpf's find_kernel_btf_id: vmlinux, then modules; a named module alone.
    #[test]
    fn vmlinux_first_then_modules() {
        let fentry = |name| found(AttachType::TRACE_FENTRY, name).unwrap();
        assert_eq!(fentry("g"), (None, "g".into()));
        assert_eq!(fentry("h"), (Some("nf_conntrack".into()), "h".into()));
        assert_eq!(fentry("nf:g"), (Some("nf".into()), "g".into()), "the module's own, not its base's");
        assert_eq!(fentry("vmlinux:f"), (None, "f".into()));
        assert_eq!(found(AttachType::TRACE_RAW_TP, "t").unwrap().1, "btf_trace_t");
        assert_eq!(found(AttachType::TRACE_ITER, "task").unwrap().1, "bpf_iter_task");
    }

    #[test]
    fn a_modules_name_matches_as_a_whole() {
        let fails = |name| found(AttachType::TRACE_FENTRY, name).unwrap_err();
        assert!(fails("nf:h").contains("no function nf:h"));
        assert!(fails("nf_conn:h").contains("no module nf_conn"));
        assert!(fails("vm:f").contains("no module vm"));
        assert!(fails("vmw:g").contains("no function vmw:g"), "not what it has from vmlinux");
        assert!(fails("broken:f").contains("BTF of module broken"));
    }

    #[test]
    fn the_kind_counts() {
        assert!(found(AttachType::TRACE_FENTRY, "btf_trace_t").is_err());
        assert!(found(AttachType::TRACE_RAW_TP, "f").unwrap_err().contains("no tracepoint f"));
    }

    #[test]
    fn extensions_look_in_their_target() {
        let kernel = kernel();
        let target = BtfTarget { in_program: true, ..BtfTarget::new(AttachType(0), "f") };
        assert!(target.find_in_program(kernel.vmlinux()).is_ok());
        let missing = BtfTarget { name: "gg", ..target };
        let error = missing.find_in_program(kernel.vmlinux()).unwrap_err().to_string();
        assert!(error.contains("target program gg in the program's BTF; the nearest name"), "{error}");
    }
}
