//! Tables of operations that the kernel calls (struct_ops): put in use, and taken out of it.

use crate::{
    advice::refused,
    error::{Mechanism, Result},
    guarded_fd::GuardedFd,
    link::Link,
};
use purebpf_sys::{
    error::{Errno, Error as SysError},
    link::LinkCreate,
    map::Map,
    prog::AttachTarget,
    uapi::{AttachType, ElemFlags, MapFlags},
};
use std::os::fd::BorrowedFd;

/// The only key that such a map has.
const KEY: [u8; 4] = 0u32.to_ne_bytes();

/// Puts the table that `map` holds in use, with this value (the kernel's own struct, programs by descriptor).
///
/// A map that was created with `BPF_F_LINK` (section `.struct_ops.link`) gets a link of the kernel. Without that there is none:
/// the [`Link`] holds a duplicate of the map's descriptor, and takes the table out of use when it is dropped.
///
/// # Errors
///
/// [`Error::Attach`](crate::Error::Attach): what the subsystem has against the table (EINVAL, EEXIST for a name that is taken,
/// EBUSY for a table that is in use without a link); EPERM.
#[doc(alias = "bpf_map__attach_struct_ops")]
pub fn attach_struct_ops(map: BorrowedFd<'_>, value: &[u8]) -> Result<Link> {
    let failed = |source| refused(Mechanism::StructOps, "table of operations", source);
    let table = Map::from_fd(map).map_err(failed)?;
    let has_link = table.flags().contains(MapFlags::LINK);
    // Where no link does, it is undone through a descriptor of its own, without which it is not begun.
    let own = map.try_clone_to_owned().map_err(|error| {
        failed(SysError::Syscall { call: "fcntl(F_DUPFD_CLOEXEC)", errno: Errno(error.raw_os_error().unwrap_or(libc::EIO)) })
    })?;
    set(&table, value).map_err(failed)?;
    match has_link {
        true => LinkCreate::new(map, AttachTarget::None, AttachType::STRUCT_OPS).create().map(Link::kernel).map_err(failed),
        false => Ok(Link::struct_ops(GuardedFd::new(own, unregister))),
    }
}

/// Gives a map its table. One with a link has it once and for all: another time is no error.
pub(crate) fn set(table: &Map<BorrowedFd<'_>>, value: &[u8]) -> purebpf_sys::Result<()> {
    match table.update(&KEY, value, ElemFlags::ANY) {
        Err(error) if error.errno() == libc::EBUSY && table.flags().contains(MapFlags::LINK) => Ok(()),
        result => result,
    }
}

fn unregister(map: BorrowedFd<'_>) -> purebpf_sys::Result<()> {
    // Whether it was there is of no interest: another may have taken it out of use.
    Map::from_fd(map)?.delete(&KEY, ElemFlags::empty()).map(|_| ())
}
