//! Network interfaces: names and numbers, of the network namespace of this process.

use rustix::fd::OwnedFd;
use rustix::net::{AddressFamily, SocketType, netdevice, socket};

/// The name of an interface, if it is there.
pub(crate) fn name(ifindex: u32) -> Option<String> {
    netdevice::index_to_name(any_socket().ok()?, ifindex).ok()
}

/// The ioctls take a socket of whatever kind.
fn any_socket() -> rustix::io::Result<OwnedFd> {
    socket(AddressFamily::UNIX, SocketType::DGRAM, None)
}
