//! Hooks of network devices.

mod tcx;
mod xdp;

pub use tcx::{TcxOptions, attach_tcx};
pub use xdp::{XdpMode, XdpOptions, attach_xdp};

use crate::error::{Error, Result};
use std::{ffi::CString, io, path::Path};

/// The number of the network device `name` in the caller's network namespace.
///
/// # Errors
///
/// [`Error::File`] of `/sys/class/net/NAME` when there is none.
#[expect(unsafe_code, reason = "if_nametoindex; /sys/class/net shows the namespace it was mounted in")]
pub fn ifindex(name: &str) -> Result<u32> {
    let missing = |source| Error::file(Path::new("/sys/class/net").join(name), source);
    let name = CString::new(name).map_err(|error| missing(error.into()))?;
    // SAFETY: a terminated string, which the call only reads.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => Err(missing(io::Error::last_os_error())),
        index => Ok(index),
    }
}
