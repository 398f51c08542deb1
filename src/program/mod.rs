//! Programs in the kernel: of a loaded object, pinned, or found by id.

mod inspect;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use purebpf_attach::section::{AutoAttach, SectionName};
use purebpf_attach::{self as attach, Link};
use purebpf_elf_loader::object::{self, ProgramId};
use purebpf_sys::id::prog_get_fd_by_id;
use purebpf_sys::info::{self, ProgInfo};
use purebpf_sys::pin::{Access, obj_get, obj_pin_in_folder};
use purebpf_sys::prog::{TestRun, TestRunResult};
use purebpf_sys::uapi::{AttachType, ProgType};

use crate::{Error, Result};

pub use inspect::{RunStats, SourceLine};

/// A program in the kernel. Clones share the descriptor, which closes with the last of them; links
/// keep the program alive by themselves.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_program")]
pub struct Program {
    inner: Arc<Inner>,
    attach_type: Option<AttachType>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    section: String,
    place: Option<ProgramId>,
    prog_type: ProgType,
    fd: OwnedFd,
}

impl Program {
    pub(crate) fn new(description: &object::Program, id: ProgramId, fd: OwnedFd) -> Program {
        Program {
            inner: Arc::new(Inner {
                name: description.name.clone(),
                section: description.section.clone(),
                place: Some(id),
                prog_type: description.prog_type,
                fd,
            }),
            // Types of programs that say none have one way of being attached.
            attach_type: Some(description.expected_attach_type.unwrap_or(AttachType(0))),
        }
    }

    /// The program of a descriptor from anywhere. It has no section: only the methods that are told a target attach it, those of
    /// which that depend on its attach type once that is given ([`with_attach_type`](Program::with_attach_type)).
    ///
    /// # Errors
    /// When it is not a program's, or the kernel refuses to describe it.
    pub fn from_fd(fd: OwnedFd) -> Result<Program> {
        Program::described(fd, || "file descriptor".to_owned())
    }

    /// The program with this id in the kernel.
    ///
    /// # Errors
    /// When there is none, or the kernel refuses: without a token it wants `CAP_SYS_ADMIN`.
    #[doc(alias = "bpf_prog_get_fd_by_id")]
    pub fn from_id(id: u32) -> Result<Program> {
        let by = || format!("id {id}");
        let fd = prog_get_fd_by_id(id).map_err(|cause| Error::Open { kind: "program", by: by(), cause })?;
        Program::described(fd, by)
    }

    /// The program that is pinned at a path in a BPF file system.
    ///
    /// # Errors
    /// When there is none, another kind of object is there, or the file's mode forbids it.
    #[doc(alias = "bpf_obj_get")]
    pub fn open_pinned(path: impl AsRef<Path>) -> Result<Program> {
        let path = path.as_ref();
        let by = || format!("pin {}", path.display());
        let fd = obj_get(path, Access::ReadWrite);
        let fd = fd.map_err(|cause| Error::Open { kind: "program", by: by(), cause })?;
        Program::described(fd, by)
    }

    fn described(fd: OwnedFd, by: impl Fn() -> String) -> Result<Program> {
        let info = info::prog_info(fd.as_fd()).map_err(|cause| Error::Open { kind: "program", by: by(), cause })?;
        Ok(Program {
            inner: Arc::new(Inner {
                name: info.name,
                section: String::new(),
                place: None,
                prog_type: info.prog_type,
                fd,
            }),
            attach_type: None,
        })
    }

    /// Its name in the object; of a program that comes from elsewhere, the kernel's, of 15 bytes at most.
    #[doc(alias = "bpf_program__name")]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Its section's name, without a leading `?`; empty for a program that comes from elsewhere.
    #[doc(alias = "bpf_program__section_name")]
    pub fn section(&self) -> &str {
        &self.inner.section
    }

    /// Its id in the kernel.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn id(&self) -> Result<u32> {
        Ok(self.info()?.id)
    }

    /// Its place in the object; `None` for a program that comes from elsewhere.
    pub fn program_id(&self) -> Option<ProgramId> {
        self.inner.place
    }

    /// The same program, to be attached as of this type, which the kernel does not tell of programs that come from elsewhere.
    #[doc(alias = "bpf_program__set_expected_attach_type")]
    pub fn with_attach_type(&self, attach_type: AttachType) -> Program {
        Program { inner: self.inner.clone(), attach_type: Some(attach_type) }
    }

    /// Its type.
    #[doc(alias = "bpf_program__type")]
    pub fn prog_type(&self) -> ProgType {
        self.inner.prog_type
    }

    /// What the kernel knows of it: its id, how often it ran, the maps it uses.
    ///
    /// # Errors
    /// When the kernel refuses.
    #[doc(alias = "bpf_prog_get_info_by_fd")]
    pub fn info(&self) -> Result<ProgInfo> {
        info::prog_info(self.as_fd()).map_err(|cause| self.fault(cause))
    }

    /// Runs it once, or as often as `run` says, on data and context of the caller's.
    ///
    /// # Errors
    /// When the kernel refuses: not every type of program can be run by hand.
    #[doc(alias = "bpf_prog_test_run_opts")]
    pub fn test_run(&self, run: TestRun<'_>) -> Result<TestRunResult> {
        run.run(self.as_fd()).map_err(|cause| self.fault(cause))
    }

    /// Pins it at a path in a BPF file system. The path's folder is made if only that is missing.
    ///
    /// # Errors
    /// When the kernel refuses: nothing may be at the path, and it must be in a bpffs.
    #[doc(alias = "bpf_program__pin")]
    pub fn pin(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        obj_pin_in_folder(self.as_fd(), path)
            .map_err(|cause| crate::pinning::fault("program", self.name(), path, cause))
    }

    /// Removes the pin at a path, if this program is what is pinned there.
    ///
    /// # Errors
    /// When nothing or something else is there, or it cannot be removed.
    #[doc(alias = "bpf_program__unpin")]
    pub fn unpin(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let id = |fd: BorrowedFd<'_>| info::prog_info(fd).map(|info| info.id);
        let ours = obj_get(path, Access::ReadWrite).and_then(|there| Ok(id(there.as_fd())? == id(self.as_fd())?));
        crate::pinning::remove("program", self.name(), path, ours)
    }

    /// Has it belong to a table of operations (struct_ops), for functions of the kernel that ask which (Linux 6.19).
    ///
    /// # Errors
    /// When the map is no such table, or the kernel refuses.
    #[doc(alias = "bpf_program__assoc_struct_ops")]
    pub fn associate_struct_ops(&self, table: &crate::Map) -> Result<()> {
        purebpf_sys::prog::prog_assoc_struct_ops(self.as_fd(), table.as_fd()).map_err(|cause| self.fault(cause))
    }

    /// Whether its section can say where it is attached; those of sections such as `xdp` never do.
    pub fn has_auto_attach(&self) -> bool {
        SectionName::parse(self.section()).is_some_and(|section| section.def.auto_attach != AutoAttach::None)
    }

    /// Attaches it to what its section says; `None` when the section says nothing, as
    /// `SEC("kprobe")` and `SEC("xdp")` do.
    ///
    /// # Errors
    /// When the target does not exist, or the kernel refuses.
    #[doc(alias = "bpf_program__attach")]
    pub fn attach(&self) -> Result<Option<Link>> {
        let Some(section) = SectionName::parse(self.section()) else { return Ok(None) };
        if section.def.auto_attach == AutoAttach::None {
            return Ok(None);
        }
        let link = attach::auto_attach(self.as_fd(), &section, self.attach_type()?).map_err(|err| self.wrap(err))?;
        if link.is_some() {
            log::debug!("program '{}': attached to '{}'", self.name(), self.section());
        }
        Ok(link)
    }

    /// Attaches it to a kernel function.
    ///
    /// # Errors
    /// When there is no such function, or the kernel refuses.
    #[doc(alias = "bpf_program__attach_kprobe_opts")]
    pub fn attach_kprobe(&self, function: &str, options: &attach::KprobeOptions) -> Result<Link> {
        attach::attach_kprobe(self.as_fd(), function, options).map_err(|err| self.wrap(err))
    }

    /// Attaches it to a function of a binary or library.
    ///
    /// # Errors
    /// When there is no such file or function, or the kernel refuses.
    #[doc(alias = "bpf_program__attach_uprobe_opts")]
    pub fn attach_uprobe(&self, binary: impl AsRef<Path>, options: &attach::UprobeOptions<'_>) -> Result<Link> {
        attach::attach_uprobe(self.as_fd(), binary, options).map_err(|err| self.wrap(err))
    }

    /// Attaches it to a tracepoint.
    ///
    /// # Errors
    /// When there is no such tracepoint, or the kernel refuses.
    #[doc(alias = "bpf_program__attach_tracepoint_opts")]
    pub fn attach_tracepoint(&self, category: &str, name: &str, options: &attach::TracepointOptions) -> Result<Link> {
        attach::attach_tracepoint(self.as_fd(), category, name, options).map_err(|err| self.wrap(err))
    }

    /// Attaches it to a raw tracepoint.
    ///
    /// # Errors
    /// When there is no such tracepoint, or the kernel refuses.
    #[doc(alias = "bpf_program__attach_raw_tracepoint_opts")]
    pub fn attach_raw_tracepoint(&self, name: &str, options: &attach::RawTracepointOptions) -> Result<Link> {
        attach::attach_raw_tracepoint(self.as_fd(), name, options).map_err(|err| self.wrap(err))
    }

    /// Attaches it to what it was verified for: fentry, fexit, tp_btf and their like.
    ///
    /// # Errors
    /// When the kernel refuses.
    #[doc(alias = "bpf_program__attach_trace_opts")]
    pub fn attach_tracing(&self, options: &attach::TracingOptions) -> Result<Link> {
        attach::attach_tracing(self.as_fd(), self.attach_type()?, options).map_err(|err| self.wrap(err))
    }

    /// Attaches it to the XDP hook of a network interface.
    ///
    /// # Errors
    /// When there is no such interface, or the kernel refuses.
    #[doc(alias = "bpf_program__attach_xdp")]
    pub fn attach_xdp(&self, ifindex: u32, options: &attach::XdpOptions) -> Result<Link> {
        attach::attach_xdp(self.as_fd(), ifindex, options).map_err(|err| self.wrap(err))
    }

    /// Attaches it to a tcx hook of a network interface, by its section ingress or egress.
    ///
    /// # Errors
    /// When there is no such interface, or the kernel refuses (tcx came with 6.6).
    #[doc(alias = "bpf_program__attach_tcx")]
    pub fn attach_tcx(&self, ifindex: u32, options: &attach::TcxOptions<'_>) -> Result<Link> {
        attach::attach_tcx(self.as_fd(), ifindex, self.attach_type()?, options).map_err(|err| self.wrap(err))
    }

    /// Attaches it to a cgroup, an open directory of cgroup2.
    ///
    /// # Errors
    /// When the kernel refuses.
    #[doc(alias = "bpf_program__attach_cgroup_opts")]
    pub fn attach_cgroup(&self, cgroup: BorrowedFd<'_>, options: &attach::CgroupOptions<'_>) -> Result<Link> {
        attach::attach_cgroup(self.as_fd(), cgroup, self.attach_type()?, options).map_err(|err| self.wrap(err))
    }

    /// Makes it the filter of a socket.
    ///
    /// # Errors
    /// When the kernel refuses.
    #[doc(alias = "SO_ATTACH_BPF")]
    pub fn attach_socket_filter(&self, socket: BorrowedFd<'_>) -> Result<Link> {
        attach::attach_socket_filter(self.as_fd(), socket).map_err(|err| self.wrap(err))
    }

    fn attach_type(&self) -> Result<AttachType> {
        self.attach_type.ok_or_else(|| Error::Unsupported {
            kind: "program",
            name: self.name().to_owned(),
            what: "comes from elsewhere, and nobody tells how it attaches; say so by with_attach_type".to_owned(),
        })
    }

    fn wrap(&self, cause: attach::Error) -> Error {
        Error::Attach { program: self.name().to_owned(), cause: Box::new(cause) }
    }

    fn fault(&self, cause: purebpf_sys::Error) -> Error {
        Error::Program { program: self.name().to_owned(), cause }
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.fd.as_fd()
    }
}
