//! Hooks of a network device, in a network namespace of the test's own.

use crate::support::{Adds, Counting, For, fires, kernel, own_netns, since};
use purebpf_attach::{Error, Placement, TcxOptions, XdpMode, XdpOptions, attach_tcx, attach_xdp, net::ifindex};
use purebpf_sys::{
    info::LinkKind,
    prog::Relative,
    uapi::{AttachType, ProgType, XdpAction},
};
use std::{net::UdpSocket, os::fd::AsFd};

/// Sends a packet over `lo`.
fn packet() -> impl Fn() {
    let (from, to) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    move || {
        from.send_to(b"x", to.local_addr().unwrap()).unwrap();
        to.recv(&mut [0]).unwrap();
    }
}

fn xdp() -> Counting {
    let target = For { attach_type: AttachType::XDP, ..For::default() };
    Counting::load_for(ProgType::XDP, target, Adds::One, XdpAction::PASS.0 as i32).unwrap()
}

#[test]
fn xdp_fires() {
    let Some(_kernel) = kernel() else { return };
    if !own_netns() {
        return;
    }
    let lo = ifindex("lo").unwrap();
    for mode in [XdpMode::Default, XdpMode::Skb] {
        let counting = xdp();
        let link = attach_xdp(counting.prog.as_fd(), lo, &XdpOptions::default().mode(mode)).unwrap();
        assert_eq!(link.info().unwrap().kind, LinkKind::Xdp { ifindex: lo });
        fires(link, &counting, 1, packet());
    }
}

#[test]
fn xdp_takes_another_program_and_no_second_link() {
    let Some(_kernel) = kernel() else { return };
    if !own_netns() {
        return;
    }
    let lo = ifindex("lo").unwrap();
    let (first, second) = (xdp(), xdp());
    let link = attach_xdp(first.prog.as_fd(), lo, &XdpOptions::default()).unwrap();
    let error = attach_xdp(second.prog.as_fd(), lo, &XdpOptions::default()).unwrap_err();
    assert_eq!(error.errno(), libc::EBUSY);
    assert!(error.to_string().contains("another program"), "{error}");
    let event = packet();
    link.update_program(second.prog.as_fd()).unwrap();
    assert_eq!((first.during(&event), second.during(&event)), (0, 1));
    link.detach().unwrap();
    assert_eq!(second.during(&event), 0);
    let error = attach_xdp(first.prog.as_fd(), 0x7fff_fff0, &XdpOptions::default()).unwrap_err();
    assert!(matches!(error.errno(), libc::ENODEV | libc::EINVAL), "{error}");
    assert!(matches!(ifindex("nonesuch"), Err(Error::File { .. })));
}

#[test]
fn tcx_fires_in_order() {
    let Some(_kernel) = kernel() else { return };
    if !own_netns() {
        return;
    }
    let lo = ifindex("lo").unwrap();
    // -1 is TCX_NEXT: the next program has its turn.
    let load = |attach_type, verdict| {
        Counting::load_for(ProgType::SCHED_CLS, For { attach_type, ..For::default() }, Adds::One, verdict).unwrap()
    };
    if !since(6, 6) {
        let counting = Counting::load(ProgType::SCHED_CLS, Adds::One, -1);
        let error = attach_tcx(counting.prog.as_fd(), lo, AttachType::TCX_INGRESS, &TcxOptions::default()).unwrap_err();
        assert!(error.to_string().contains("tcx came with Linux 6.6"), "{error}");
        return;
    }
    for attach_type in [AttachType::TCX_INGRESS, AttachType::TCX_EGRESS] {
        let counting = load(attach_type, -1);
        let link = attach_tcx(counting.prog.as_fd(), lo, attach_type, &TcxOptions::default()).unwrap();
        assert_eq!(link.info().unwrap().kind, LinkKind::Tcx { ifindex: lo, attach_type });
        fires(link, &counting, 1, packet());

        // One that ends the chain (TCX_PASS) hides those behind it.
        let (behind, ends) = (load(attach_type, -1), load(attach_type, 0));
        let behind_link = attach_tcx(behind.prog.as_fd(), lo, attach_type, &TcxOptions::default()).unwrap();
        let event = packet();
        assert_eq!(behind.during(&event), 1);
        let before = TcxOptions::default().placement(Placement::Before(Relative::LinkFd(behind_link.as_fd())));
        let ends_link = attach_tcx(ends.prog.as_fd(), lo, attach_type, &before).unwrap();
        assert_eq!((behind.during(&event), ends.during(&event)), (0, 1));
        ends_link.detach().unwrap();
        let ends_link =
            attach_tcx(ends.prog.as_fd(), lo, attach_type, &TcxOptions::default().placement(Placement::Last)).unwrap();
        assert_eq!((behind.during(&event), ends.during(&event)), (1, 1));
        let stale = TcxOptions::default().expected_revision(1);
        let error = attach_tcx(counting.prog.as_fd(), lo, attach_type, &stale).unwrap_err();
        assert_eq!(error.errno(), libc::ESTALE, "{error}");
        drop((behind_link, ends_link));
        assert_eq!((behind.during(&event), ends.during(&event)), (0, 0));
    }
}
