//! A program of an open object, to be changed before it is loaded; and what its section says of it.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use purebpf_attach::section::SectionName;
use purebpf_btf::Kind;
use purebpf_elf_loader::object::{self, AttachBtf, ProgramId};
use purebpf_sys::uapi::{AttachType, ProgType};

use crate::{Error, Result};

/// Fills in what a program's section says of its type.
pub(super) fn apply_section(program: &mut object::Program) {
    let Some(section) = SectionName::parse(&program.section) else { return };
    let attributes = match section.load_attributes() {
        Ok(attributes) => attributes,
        Err(err) => {
            // Kept with its type, so that its target can be set by hand; loading says what is missing.
            log::warn!("program '{}': section '{}': {err}", program.name, program.section);
            program.prog_type = section.def.prog_type;
            program.expected_attach_type = section.def.expected_attach_type;
            return;
        }
    };
    program.prog_type = attributes.prog_type;
    program.expected_attach_type = attributes.expected_attach_type;
    program.attach_type_optional = attributes.expected_attach_type_optional;
    program.flags = attributes.prog_flags.bits();
    program.attach_btf = attributes.attach_btf.filter(|target| !target.in_program).map(|target| AttachBtf {
        name: target.type_name(),
        kind: target.kind,
        module: target.module.map(str::to_owned),
    });
}

/// A program of an open object.
#[derive(Debug)]
pub struct OpenProgram<'a> {
    pub(super) id: ProgramId,
    pub(super) program: &'a mut object::Program,
    pub(super) targets: &'a mut HashMap<ProgramId, Arc<OwnedFd>>,
}

impl OpenProgram<'_> {
    /// Its name.
    #[doc(alias = "bpf_program__name")]
    pub fn name(&self) -> &str {
        &self.program.name
    }

    /// Its section's name, without a leading `?`.
    #[doc(alias = "bpf_program__section_name")]
    pub fn section(&self) -> &str {
        &self.program.section
    }

    /// Whether it is loaded with the object.
    #[doc(alias = "bpf_program__autoload")]
    pub fn autoload(&self) -> bool {
        self.program.autoload
    }

    /// Sets whether it is loaded with the object.
    #[doc(alias = "bpf_program__set_autoload")]
    pub fn set_autoload(&mut self, autoload: bool) -> &mut Self {
        self.program.autoload = autoload;
        self
    }

    /// Whether [`Object::attach`](crate::Object::attach) attaches it.
    #[doc(alias = "bpf_program__autoattach")]
    pub fn autoattach(&self) -> bool {
        self.program.autoattach
    }

    /// Sets whether [`Object::attach`](crate::Object::attach) attaches it.
    #[doc(alias = "bpf_program__set_autoattach")]
    pub fn set_autoattach(&mut self, autoattach: bool) -> &mut Self {
        self.program.autoattach = autoattach;
        self
    }

    /// Its type.
    #[doc(alias = "bpf_program__type")]
    pub fn prog_type(&self) -> ProgType {
        self.program.prog_type
    }

    /// Sets its type and the attach type that it is verified for.
    #[doc(alias = "bpf_program__set_type")]
    #[doc(alias = "bpf_program__set_expected_attach_type")]
    pub fn set_type(&mut self, prog_type: ProgType, expected_attach_type: Option<AttachType>) -> &mut Self {
        self.program.prog_type = prog_type;
        self.program.expected_attach_type = expected_attach_type;
        self
    }

    /// Sets what in the kernel's BTF it attaches to, instead of what [`set_attach_target`](OpenProgram::set_attach_target) said.
    #[doc(alias = "bpf_program__set_attach_target")]
    pub fn set_attach_btf(&mut self, target: Option<AttachBtf>) -> &mut Self {
        self.program.attach_btf = target;
        self.targets.remove(&self.id);
        self
    }

    /// Has it attach to a function of another program, which is loaded: `SEC("freplace")`, and `SEC("fentry")` and its like for
    /// programs. The function's name may be that of the program, or of a subprogram; `None` for the one that the section names.
    ///
    /// # Errors
    /// When nobody names a function, or there are no descriptors left.
    #[doc(alias = "bpf_program__set_attach_target")]
    pub fn set_attach_target(&mut self, program: impl AsFd, function: Option<&str>) -> Result<&mut Self> {
        let named = function.map(str::to_owned).or_else(|| {
            let section = SectionName::parse(&self.program.section)?;
            let target = section.load_attributes().ok()?.attach_btf?;
            Some(target.type_name())
        });
        let fault = |what: String| Error::Unsupported { kind: "program", name: self.program.name.clone(), what };
        let name = named.ok_or_else(|| {
            fault(
                "is to attach to a program, and neither its section nor the caller says to which function of it".into(),
            )
        })?;
        let target = program.as_fd().try_clone_to_owned();
        let target = target
            .map_err(|cause| fault(format!("is to attach to a program whose descriptor cannot be copied: {cause}")))?;
        self.program.attach_btf = Some(AttachBtf { name, kind: Kind::Func, module: None });
        self.targets.insert(self.id, Arc::new(target));
        Ok(self)
    }

    /// Sets the level of the verifier's log ([`Object::verifier_log`](crate::Object::verifier_log)); 0 for that of the object.
    #[doc(alias = "bpf_program__set_log_level")]
    pub fn set_log_level(&mut self, level: u32) -> &mut Self {
        self.program.log_level = level;
        self
    }

    /// Sets `BPF_F_*` flags of `BPF_PROG_LOAD`, instead of those of its section.
    #[doc(alias = "bpf_program__set_flags")]
    pub fn set_flags(&mut self, flags: u32) -> &mut Self {
        self.program.flags = flags;
        self
    }

    /// Sets the network device that it is to run on, or, with `BPF_F_XDP_DEV_BOUND_ONLY`, is bound to.
    #[doc(alias = "bpf_program__set_ifindex")]
    pub fn set_ifindex(&mut self, ifindex: u32) -> &mut Self {
        self.program.ifindex = ifindex;
        self
    }
}
