//! Ids: what exists in the kernel, and descriptors of it. BPF_*_GET_NEXT_ID and BPF_*_GET_FD_BY_ID.

#![allow(unsafe_code)]

use crate::{
    error::Result,
    pin::Access,
    syscall::{bpf_attr, bpf_fd, fd_number},
    uapi::{Cmd, bpf_attr_get_id},
};
use std::{
    os::fd::{BorrowedFd, OwnedFd},
    thread,
};

/// How often a link is asked for that has an id and is not done yet (`bpf_link_by_id`): whoever makes it needs an instant more.
const ATTEMPTS: u32 = 5;

/// A kind of kernel object that has ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectKind {
    /// Programs.
    Prog,
    /// Maps.
    Map,
    /// BTF: the kernel's, its modules', and loaded ones.
    Btf,
    /// Links.
    Link,
}

impl ObjectKind {
    fn next_cmd(self) -> Cmd {
        match self {
            ObjectKind::Prog => Cmd::PROG_GET_NEXT_ID,
            ObjectKind::Map => Cmd::MAP_GET_NEXT_ID,
            ObjectKind::Btf => Cmd::BTF_GET_NEXT_ID,
            ObjectKind::Link => Cmd::LINK_GET_NEXT_ID,
        }
    }

    fn fd_cmd(self) -> Cmd {
        match self {
            ObjectKind::Prog => Cmd::PROG_GET_FD_BY_ID,
            ObjectKind::Map => Cmd::MAP_GET_FD_BY_ID,
            ObjectKind::Btf => Cmd::BTF_GET_FD_BY_ID,
            ObjectKind::Link => Cmd::LINK_GET_FD_BY_ID,
        }
    }

    /// The lowest id above `start`; `None` past the last.
    ///
    /// # Errors
    ///
    /// EPERM without CAP_SYS_ADMIN; EINVAL for a `start` of 2^31 - 1 or more, which no id is (`bpf_obj_get_next_id`).
    #[doc(alias = "bpf_prog_get_next_id")]
    #[doc(alias = "bpf_map_get_next_id")]
    #[doc(alias = "bpf_btf_get_next_id")]
    #[doc(alias = "bpf_link_get_next_id")]
    pub fn next_id(self, start: u32) -> Result<Option<u32>> {
        let mut attr = bpf_attr_get_id { start_id: start, ..Default::default() };
        // SAFETY: no addresses.
        match unsafe { bpf_attr(self.next_cmd(), &mut attr) } {
            Ok(_) => Ok(Some(attr.next_id)),
            Err(error) if error.errno() == libc::ENOENT => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All ids, in rising order. What is made or goes meanwhile may or may not appear.
    pub fn ids(self) -> Ids {
        Ids { kind: self, last: Some(0) }
    }

    /// A descriptor of the object with this id.
    ///
    /// # Errors
    ///
    /// ENOENT when it is gone; EPERM without CAP_SYS_ADMIN (`bpf_prog_get_fd_by_id` and its like).
    pub fn fd_by_id(self, id: u32) -> Result<OwnedFd> {
        self.fd_by_id_with(id, Access::ReadWrite, None)
    }

    /// As [`fd_by_id`](Self::fd_by_id), with the access of a map's descriptor, and the token that allows it (BTF, from 6.17).
    ///
    /// # Errors
    ///
    /// As there; EINVAL for access and tokens that the kind has not; EAGAIN for a link that is being made.
    #[doc(alias = "bpf_prog_get_fd_by_id_opts")]
    #[doc(alias = "bpf_map_get_fd_by_id_opts")]
    #[doc(alias = "bpf_btf_get_fd_by_id_opts")]
    #[doc(alias = "bpf_link_get_fd_by_id_opts")]
    pub fn fd_by_id_with(self, id: u32, access: Access, token: Option<BorrowedFd<'_>>) -> Result<OwnedFd> {
        let mut attr = bpf_attr_get_id {
            start_id: id,
            open_flags: access.flags() | if token.is_some() { crate::uapi::BPF_F_TOKEN_FD } else { 0 },
            fd_by_id_token_fd: token.map_or(0, |token| fd_number(token) as i32),
            ..Default::default()
        };
        for _ in 1..ATTEMPTS {
            // SAFETY: no addresses; the command returns a descriptor.
            match unsafe { bpf_fd(self.fd_cmd(), &mut attr) } {
                Err(error) if error.errno() == libc::EAGAIN => thread::yield_now(),
                result => return result,
            }
        }
        // SAFETY: as above.
        unsafe { bpf_fd(self.fd_cmd(), &mut attr) }
    }
}

/// The ids of one kind of object; see [`ObjectKind::ids`].
#[derive(Clone, Debug)]
pub struct Ids {
    kind: ObjectKind,
    last: Option<u32>,
}

impl Iterator for Ids {
    type Item = Result<u32>;

    fn next(&mut self) -> Option<Result<u32>> {
        let last = self.last.take()?;
        match self.kind.next_id(last).transpose()? {
            Ok(id) => {
                self.last = Some(id);
                Some(Ok(id))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

/// The program with this id: [`ObjectKind::fd_by_id`] of [`ObjectKind::Prog`].
///
/// # Errors
///
/// ENOENT when it is gone; EPERM without CAP_SYS_ADMIN; here and below.
#[doc(alias = "bpf_prog_get_fd_by_id")]
pub fn prog_get_fd_by_id(id: u32) -> Result<OwnedFd> {
    ObjectKind::Prog.fd_by_id(id)
}

/// The map with this id.
#[doc(alias = "bpf_map_get_fd_by_id")]
pub fn map_get_fd_by_id(id: u32) -> Result<OwnedFd> {
    ObjectKind::Map.fd_by_id(id)
}

/// The BTF with this id.
#[doc(alias = "bpf_btf_get_fd_by_id")]
pub fn btf_get_fd_by_id(id: u32) -> Result<OwnedFd> {
    ObjectKind::Btf.fd_by_id(id)
}

/// The link with this id.
#[doc(alias = "bpf_link_get_fd_by_id")]
pub fn link_get_fd_by_id(id: u32) -> Result<OwnedFd> {
    ObjectKind::Link.fd_by_id(id)
}
