//! XDP: programs that see packets before the network stack does.

use crate::{
    advice::refused,
    error::{Mechanism, Result},
    link::Link,
};
use purebpf_sys::{
    link::{LinkCreate, LinkTarget},
    uapi::{AttachFlags, AttachType},
};
use std::os::fd::BorrowedFd;

/// Where the program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum XdpMode {
    /// In the driver where it can, else in the stack.
    #[default]
    Default,
    /// In the stack, for any driver.
    #[doc(alias = "XDP_FLAGS_SKB_MODE")]
    Skb,
    /// In the driver.
    #[doc(alias = "XDP_FLAGS_DRV_MODE")]
    Driver,
    /// In the device.
    #[doc(alias = "XDP_FLAGS_HW_MODE")]
    Hardware,
}

impl XdpMode {
    /// `XDP_FLAGS_*_MODE` of linux/if_link.h.
    fn flags(self) -> AttachFlags {
        AttachFlags::from_bits_retain(match self {
            XdpMode::Default => 0,
            XdpMode::Skb => 1 << 1,
            XdpMode::Driver => 1 << 2,
            XdpMode::Hardware => 1 << 3,
        })
    }
}

/// How a program is attached to XDP.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[doc(alias = "bpf_xdp_attach_opts")]
pub struct XdpOptions {
    /// Where it runs.
    pub mode: XdpMode,
}

impl XdpOptions {
    /// Sets [`mode`](Self::mode).
    pub fn mode(mut self, mode: XdpMode) -> Self {
        self.mode = mode;
        self
    }
}

/// Attaches `prog` (of type XDP) to the network device `ifindex`, with a link (from 5.9).
///
/// # Errors
///
/// [`Error::Attach`](crate::Error::Attach): EBUSY or EEXIST when the device has a program, ENODEV, EINVAL for a mode that
/// the device has not.
#[doc(alias = "bpf_program__attach_xdp")]
pub fn attach_xdp(prog: BorrowedFd<'_>, ifindex: u32, options: &XdpOptions) -> Result<Link> {
    LinkCreate::new(prog, LinkTarget::Ifindex(ifindex), AttachType::XDP)
        .flags(options.mode.flags())
        .create()
        .map(Link::kernel)
        .map_err(|source| refused(Mechanism::Xdp, format!("device {ifindex}"), source))
}
