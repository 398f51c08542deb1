//! Sockets and cgroups: what a socket receives and sends.

use crate::support::{Adds, Counting, For, Mount, fires, is_since, kernel, own_netns};
use purebpf_attach::{CgroupOptions, Placement, attach_cgroup, attach_socket_filter};
use purebpf_sys::{
    info::LinkKind,
    uapi::{AttachType, ProgType},
};
use std::{
    fs::{self, File},
    net::UdpSocket,
    os::fd::AsFd,
    path::{Path, PathBuf},
};

/// A cgroup of this test's own, with this process in it; on drop the process goes back to the root.
struct OwnCgroup {
    root: PathBuf,
    path: PathBuf,
    _mount: Mount,
}

impl OwnCgroup {
    fn new() -> Option<OwnCgroup> {
        let mount = Mount::new("cgroup2")?;
        let root = mount.path().to_owned();
        let path = root.join(format!("purebpf-attach-{}", std::process::id()));
        fs::create_dir(&path).unwrap();
        move_to(&path);
        Some(OwnCgroup { root, path, _mount: mount })
    }

    fn open(&self) -> File {
        File::open(&self.path).unwrap()
    }
}

fn move_to(cgroup: &Path) {
    fs::write(cgroup.join("cgroup.procs"), std::process::id().to_string()).unwrap();
}

impl Drop for OwnCgroup {
    fn drop(&mut self) {
        move_to(&self.root);
        fs::remove_dir(&self.path).unwrap();
    }
}

/// Sends a packet to a socket of this process, whose cgroup is the process's when it is made.
fn packet() -> impl Fn() {
    let (from, to) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    move || {
        from.send_to(b"x", to.local_addr().unwrap()).unwrap();
        to.recv(&mut [0]).unwrap();
    }
}

fn cgroup_skb(attach_type: AttachType, adds: Adds) -> Counting {
    Counting::load_for(ProgType::CGROUP_SKB, For { attach_type, ..For::default() }, adds, 1).unwrap()
}

#[test]
fn cgroup_skb_fires() {
    let Some(_kernel) = kernel() else { return };
    if !own_netns() {
        return;
    }
    let Some(cgroup) = OwnCgroup::new() else { return };
    let folder = cgroup.open();
    for attach_type in [AttachType::CGROUP_INET_INGRESS, AttachType::CGROUP_INET_EGRESS] {
        let counting = cgroup_skb(attach_type, Adds::One);
        let link = attach_cgroup(counting.prog.as_fd(), folder.as_fd(), attach_type, &CgroupOptions::default());
        let link = link.unwrap();
        let LinkKind::Cgroup { attach_type: told, .. } = link.info().unwrap().kind else { panic!() };
        assert_eq!(told, attach_type);
        fires(link, &counting, 1, packet());
    }
    let counting = cgroup_skb(AttachType::CGROUP_INET_INGRESS, Adds::One);
    let no_cgroup = File::open("/proc/self").unwrap();
    let error = attach_cgroup(
        counting.prog.as_fd(),
        no_cgroup.as_fd(),
        AttachType::CGROUP_INET_INGRESS,
        &CgroupOptions::default(),
    );
    assert_eq!(error.unwrap_err().errno(), libc::EBADF);
}

#[test]
fn cgroup_programs_have_an_order() {
    let Some(_kernel) = kernel() else { return };
    if !own_netns() {
        return;
    }
    let Some(cgroup) = OwnCgroup::new() else { return };
    let folder = cgroup.open();
    let attach_type = AttachType::CGROUP_INET_EGRESS;
    let (first, second) = (cgroup_skb(attach_type, Adds::One), cgroup_skb(attach_type, Adds::One));
    let attach = |counting: &Counting, options: &CgroupOptions<'_>| {
        attach_cgroup(counting.prog.as_fd(), folder.as_fd(), attach_type, options)
    };
    let _first = attach(&first, &CgroupOptions::default()).unwrap();
    let _second = match attach(&second, &CgroupOptions::default().placement(Placement::First)) {
        Err(error) if !is_since(6, 17) => {
            assert!(error.to_string().contains("since Linux 6.17"), "{error}");
            return;
        }
        link => link.unwrap(),
    };
    let query = purebpf_sys::prog::ProgQuery::new(purebpf_sys::prog::AttachTarget::Fd(folder.as_fd()), attach_type);
    let ids: Vec<u32> = query.query().unwrap().progs.iter().map(|prog| prog.prog_id).collect();
    let id = |counting: &Counting| purebpf_sys::info::prog_info(counting.prog.as_fd()).unwrap().id;
    assert_eq!(ids, [id(&second), id(&first)]);
    let event = packet();
    assert_eq!((first.during(&event), second.during(&event)), (1, 1));
}

#[test]
fn socket_filter_fires() {
    let Some(_kernel) = kernel() else { return };
    if !own_netns() {
        return;
    }
    let (from, to) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    to.set_nonblocking(true).unwrap();
    let send = || assert_eq!(from.send_to(b"x", to.local_addr().unwrap()).unwrap(), 1);
    let received = || to.recv(&mut [0]).is_ok();

    // -1 keeps the whole packet.
    let keeps = Counting::load(ProgType::SOCKET_FILTER, Adds::One, -1);
    let link = attach_socket_filter(keeps.prog.as_fd(), to.as_fd()).unwrap();
    fires(link, &keeps, 1, || {
        send();
        assert!(received());
    });
    // 0 drops it.
    let drops = Counting::load(ProgType::SOCKET_FILTER, Adds::One, 0);
    let link = attach_socket_filter(drops.prog.as_fd(), to.as_fd()).unwrap();
    assert_eq!(drops.during(send), 1);
    assert!(!received());
    link.detach().unwrap();
    assert_eq!(drops.during(send), 0);
    assert!(received());
    // What was taken away by another is no failure.
    let link = attach_socket_filter(drops.prog.as_fd(), to.as_fd()).unwrap();
    attach_socket_filter(keeps.prog.as_fd(), to.as_fd()).unwrap().detach().unwrap();
    link.detach().unwrap();

    // Handed over, the socket keeps its filter.
    let link = attach_socket_filter(drops.prog.as_fd(), to.as_fd()).unwrap();
    drop(link.into_fd());
    assert_eq!(drops.during(send), 1);
    let file = File::open("/dev/null").unwrap();
    assert_eq!(attach_socket_filter(drops.prog.as_fd(), file.as_fd()).unwrap_err().errno(), libc::ENOTSOCK);
}
