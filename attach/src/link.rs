//! Links: attachments that last as long as they are held.

use crate::{
    error::{Error, Result},
    guarded_fd::GuardedFd,
    legacy_probe::LegacyProbe,
    struct_ops,
};
use purebpf_sys::{
    id::ObjectKind,
    info::{LinkInfo, link_info},
    link::{LinkUpdate, link_detach},
    map::Map,
    perf_event,
    pin::{Access, obj_get, obj_pin_in_folder},
};
use std::{
    fs,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, IntoRawFd, OwnedFd, RawFd},
    },
    path::{Path, PathBuf},
};

/// A program that is attached, until the link is dropped.
///
/// Most are links of the kernel (`bpf_link`): these can be pinned, inspected and updated. Where the kernel has none (a probe
/// before 5.15, a socket), the link holds what the attachment hangs on, and those operations say so.
///
/// ```no_run
/// use purebpf_attach::{TracepointOptions, attach_tracepoint};
/// # fn f(prog: std::os::fd::BorrowedFd<'_>) -> Result<(), purebpf_attach::Error> {
/// let mut link = attach_tracepoint(prog, "sched", "sched_process_exec", &TracepointOptions::default())?;
/// link.pin("/sys/fs/bpf/execs")?; // stays attached when this process ends
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[doc(alias = "bpf_link")]
#[must_use = "dropping a link detaches the program"]
pub struct Link {
    hold: Hold,
    /// Removed after `hold` is gone: fields are dropped in this order.
    legacy: Option<LegacyProbe>,
    pin_path: Option<PathBuf>,
}

/// What the attachment hangs on.
#[derive(Debug)]
enum Hold {
    /// A link of the kernel.
    Link(OwnedFd),
    /// A perf event that was given the program by ioctl.
    PerfEvent(GuardedFd),
    /// A socket that was given the program by setsockopt.
    Socket(GuardedFd),
    /// A map whose table of operations is in use without a link.
    StructOps(GuardedFd),
}

impl Link {
    /// Takes a link's descriptor, from wherever it came.
    ///
    /// # Errors
    ///
    /// [`Error::Link`] when it is the descriptor of something else.
    pub fn from_fd(fd: OwnedFd) -> Result<Link> {
        link_info(fd.as_fd()).map_err(failed("from_fd"))?;
        Ok(Link::kernel(fd))
    }

    /// Opens the link of this id.
    ///
    /// # Errors
    ///
    /// [`Error::Link`]: ENOENT when it is gone, EPERM without CAP_SYS_ADMIN.
    #[doc(alias = "bpf_link_get_fd_by_id")]
    pub fn from_id(id: u32) -> Result<Link> {
        ObjectKind::Link.fd_by_id(id).map(Link::kernel).map_err(failed("from_id"))
    }

    /// Opens the link that is pinned at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::Link`]: ENOENT, or what is pinned there is no link.
    #[doc(alias = "bpf_link__open")]
    pub fn open(path: impl AsRef<Path>) -> Result<Link> {
        let path = path.as_ref();
        let fd = obj_get(path, Access::ReadWrite).map_err(failed("open"))?;
        let mut link = Link::from_fd(fd)?;
        link.pin_path = Some(path.into());
        Ok(link)
    }

    /// A link of the kernel that was made just now.
    pub(crate) fn kernel(fd: OwnedFd) -> Link {
        Link { hold: Hold::Link(fd), legacy: None, pin_path: None }
    }

    /// A perf event that has its program by ioctl. It is stopped before it is closed, for a duplicate of the descriptor
    /// (a forked child's) may live on.
    pub(crate) fn perf_event(event: OwnedFd) -> Link {
        Link { hold: Hold::PerfEvent(GuardedFd::new(event, perf_event::disable)), legacy: None, pin_path: None }
    }

    /// A socket that has its program by setsockopt, and what takes it away.
    pub(crate) fn socket(socket: GuardedFd) -> Link {
        Link { hold: Hold::Socket(socket), legacy: None, pin_path: None }
    }

    /// A map whose table of operations is in use, and what takes it out of use.
    pub(crate) fn struct_ops(map: GuardedFd) -> Link {
        Link { hold: Hold::StructOps(map), legacy: None, pin_path: None }
    }

    /// Adds the tracefs probe behind a perf event.
    pub(crate) fn with_legacy(mut self, legacy: Option<LegacyProbe>) -> Link {
        self.legacy = legacy;
        self
    }

    /// Whether it is a link of the kernel, which can be pinned, inspected and updated.
    pub fn is_kernel_link(&self) -> bool {
        matches!(self.hold, Hold::Link(_))
    }

    /// What the kernel tells of the link.
    ///
    /// # Errors
    ///
    /// [`Error::NotALink`]; [`Error::Link`].
    #[doc(alias = "bpf_link_get_info_by_fd")]
    pub fn info(&self) -> Result<LinkInfo> {
        link_info(self.kernel_fd("inspect")?).map_err(failed("info"))
    }

    /// Pins the link, so that it outlives the process. `path` lies in a bpffs and does not exist; its folder is made if it is
    /// missing. Pinned, the program stays attached when the link is dropped.
    ///
    /// # Errors
    ///
    /// [`Error::NotALink`]; [`Error::Pin`] when it is pinned already; [`Error::Link`].
    #[doc(alias = "bpf_link__pin")]
    pub fn pin(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let fd = self.kernel_fd("pin")?;
        if let Some(pinned) = &self.pin_path {
            return Err(Error::Pin { operation: "pin", state: format!("pinned at {}", pinned.display()) });
        }
        obj_pin_in_folder(fd, path).map_err(|cause| match cause {
            purebpf_sys::Error::File { path, cause } => Error::file(path, cause),
            cause => Error::Link {
                operation: "pin",
                advice: match cause.errno() {
                    libc::EPERM => format!(
                        "{} may not be in a bpffs: run `mount -t bpf bpf /sys/fs/bpf` and pin below it",
                        path.display()
                    ),
                    libc::EEXIST => format!("{} exists", path.display()),
                    _ => match cause.advice() {
                        Some(advice) => format!("{}: {advice}", path.display()),
                        None => path.display().to_string(),
                    },
                },
                cause,
            },
        })?;
        self.pin_path = Some(path.into());
        Ok(())
    }

    /// Removes the pin: the program is attached no longer than the link is held.
    ///
    /// # Errors
    ///
    /// [`Error::Pin`] when it is not pinned (as far as this value knows); [`Error::File`].
    #[doc(alias = "bpf_link__unpin")]
    pub fn unpin(&mut self) -> Result<()> {
        let Some(path) = &self.pin_path else {
            return Err(Error::Pin { operation: "unpin", state: "not pinned".into() });
        };
        fs::remove_file(path).map_err(|cause| Error::file(path, cause))?;
        self.pin_path = None;
        Ok(())
    }

    /// Where it is pinned, as far as this value knows.
    #[doc(alias = "bpf_link__pin_path")]
    pub fn pin_path(&self) -> Option<&Path> {
        self.pin_path.as_deref()
    }

    /// Puts another program in place of the attached one, with no moment of neither.
    ///
    /// # Errors
    ///
    /// [`Error::NotALink`]; [`Error::Link`]: EINVAL for kinds of links that take no update.
    #[doc(alias = "bpf_link__update_program")]
    pub fn update_program(&self, prog: BorrowedFd<'_>) -> Result<()> {
        LinkUpdate::new(self.kernel_fd("update")?, prog).update().map_err(failed("update_program"))
    }

    /// Puts another table of operations in place of the one in use, with no moment of neither: that of `map`, which has this value.
    ///
    /// # Errors
    ///
    /// [`Error::NotALink`] for a table of section `.struct_ops`; [`Error::Link`]: EINVAL for tables of another kind, or of a kind
    /// that cannot be replaced (EOPNOTSUPP).
    #[doc(alias = "bpf_link__update_map")]
    pub fn update_struct_ops(&self, map: BorrowedFd<'_>, value: &[u8]) -> Result<()> {
        let link = self.kernel_fd("update")?;
        let failed = failed("update_struct_ops");
        let table = Map::from_fd(map).map_err(&failed)?;
        struct_ops::set(&table, value).map_err(&failed)?;
        LinkUpdate::new(link, map).update().map_err(&failed)
    }

    /// Detaches, and tells if that failed.
    ///
    /// Links of kinds that know BPF_LINK_DETACH (cgroups, network devices and namespaces, struct_ops) are detached whoever
    /// else holds or pins them. The others go with the last that holds them: this one lets go, and removes its own pin.
    ///
    /// # Errors
    ///
    /// [`Error::Link`]; [`Error::File`] for a pin or a tracefs probe that could not be removed. Nothing is held after that.
    #[doc(alias = "bpf_link__detach")]
    #[doc(alias = "bpf_link__destroy")]
    pub fn detach(mut self) -> Result<()> {
        let mut result = match &mut self.hold {
            Hold::Link(fd) => match link_detach(fd.as_fd()) {
                // Kinds without the operation; kernels before 5.9 without the command.
                Err(error) if matches!(error.errno(), libc::EOPNOTSUPP | libc::EINVAL) => Ok(()),
                result => result.map_err(failed("detach")),
            },
            Hold::PerfEvent(guarded) | Hold::Socket(guarded) | Hold::StructOps(guarded) => guarded.finish().map_err(failed("detach")),
        };
        if self.pin_path.is_some() {
            result = result.and(self.unpin());
        }
        let Link { hold, legacy, .. } = self;
        drop(hold);
        match legacy {
            Some(probe) => result.and(probe.remove()),
            None => result,
        }
    }

    /// Hands over the descriptor that the attachment hangs on: the link's, or the perf event's, which detaches when it is
    /// closed, or a duplicate of the socket's. What is not tied to a descriptor (a tracefs probe, a socket's program) stays.
    pub fn into_fd(self) -> OwnedFd {
        let Link { hold, legacy, .. } = self;
        if let Some(probe) = legacy {
            probe.forget();
        }
        match hold {
            Hold::Link(fd) => fd,
            Hold::PerfEvent(guarded) | Hold::Socket(guarded) | Hold::StructOps(guarded) => guarded.into_fd(),
        }
    }

    /// Leaves the program attached for the life of the process.
    #[doc(alias = "bpf_link__disconnect")]
    pub fn forget(self) {
        // The descriptor stays open until the process ends.
        let _ = self.into_fd().into_raw_fd();
    }

    fn kernel_fd(&self, operation: &'static str) -> Result<BorrowedFd<'_>> {
        match &self.hold {
            Hold::Link(fd) => Ok(fd.as_fd()),
            Hold::PerfEvent(_) => {
                Err(Error::NotALink {
                    operation,
                    attachment: "a perf event (kernels before 5.15 have no links to these, or none was asked for)",
                })
            }
            Hold::Socket(_) => Err(Error::NotALink { operation, attachment: "a socket's filter" }),
            Hold::StructOps(_) => Err(Error::NotALink {
                operation,
                attachment: "a table of operations of section .struct_ops (those of .struct_ops.link have links)",
            }),
        }
    }
}

/// The link's descriptor, or what else the attachment hangs on.
impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.hold {
            Hold::Link(fd) => fd.as_fd(),
            Hold::PerfEvent(guarded) | Hold::Socket(guarded) | Hold::StructOps(guarded) => guarded.as_fd(),
        }
    }
}

impl AsRawFd for Link {
    #[doc(alias = "bpf_link__fd")]
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

fn failed(operation: &'static str) -> impl Fn(purebpf_sys::Error) -> Error {
    move |cause| Error::Link {
        operation,
        advice: cause.advice().unwrap_or_default(),
        cause,
    }
}
