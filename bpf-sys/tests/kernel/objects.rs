use crate::support::{Mount, counting, kernel, on_copy, since, skipped};
use purebpf_sys::{
    Error,
    id::ObjectKind,
    info,
    map::{Map, MapCreate},
    mapping::FileBytes,
    pin::{Access, obj_get, obj_get_at, obj_pin, obj_pin_at},
    token::token_create,
    uapi::{ElemFlags, MapType, ProgType},
};
use std::{
    fs::{self, File},
    os::{fd::AsFd, unix::process::CommandExt},
    path::Path,
    process::{Command, Output},
};

#[test]
fn pins_outlive_descriptors() {
    let Some(_kernel) = kernel() else { return };
    let Some(bpffs) = Mount::new("bpf") else { return };
    let path = bpffs.path().join("map");
    let map = Map::from_fd(MapCreate::new(MapType::ARRAY, 4, 4, 1).create().unwrap()).unwrap();
    map.update(&[0; 4], b"kept", ElemFlags::ANY).unwrap();
    obj_pin(map.as_fd(), &path).unwrap();
    assert_eq!(obj_pin(map.as_fd(), &path).unwrap_err().errno(), libc::EEXIST);
    let id = map.id();
    drop(map);

    let map = Map::from_fd(obj_get(&path, Access::ReadOnly).unwrap()).unwrap();
    assert_eq!(map.id(), id);
    let mut value = [0; 4];
    assert!(map.lookup(&[0; 4], &mut value, ElemFlags::empty()).unwrap());
    assert_eq!(&value, b"kept");
    assert_eq!(map.update(&[0; 4], b"new.", ElemFlags::ANY).unwrap_err().errno(), libc::EPERM);
    let write_only = Map::from_fd(obj_get(&path, Access::WriteOnly).unwrap()).unwrap();
    assert_eq!(write_only.lookup(&[0; 4], &mut value, ElemFlags::empty()).unwrap_err().errno(), libc::EPERM);

    let (_counter, prog) = counting(ProgType::SOCKET_FILTER, 0);
    let prog = prog.unwrap();
    obj_pin(prog.as_fd(), &bpffs.path().join("prog")).unwrap();
    let again = obj_get(&bpffs.path().join("prog"), Access::ReadWrite).unwrap();
    assert_eq!(info::prog_info(again.as_fd()).unwrap().id, info::prog_info(prog.as_fd()).unwrap().id);

    if since(6, 5) {
        let dir = File::open(bpffs.path()).unwrap();
        obj_pin_at(prog.as_fd(), dir.as_fd(), Path::new("relative")).unwrap();
        obj_get_at(dir.as_fd(), Path::new("relative"), Access::ReadWrite).unwrap();
        fs::remove_file(bpffs.path().join("relative")).unwrap();
    }
    assert_eq!(obj_get(&bpffs.path().join("none"), Access::ReadWrite).unwrap_err().errno(), libc::ENOENT);
    let outside = std::env::temp_dir().join(format!("purebpf-sys-pin-{}", std::process::id()));
    assert_eq!(obj_pin(prog.as_fd(), &outside).unwrap_err().errno(), libc::EPERM);
    assert!(matches!(obj_get(Path::new("a\0b"), Access::ReadWrite), Err(Error::Invalid { .. })));
    fs::remove_file(&path).unwrap();
    fs::remove_file(bpffs.path().join("prog")).unwrap();
}

#[test]
fn ids_name_what_exists() {
    let Some(_kernel) = kernel() else { return };
    let map = Map::from_fd(MapCreate::new(MapType::HASH, 4, 4, 1).name("by_id").create().unwrap()).unwrap();
    let id = map.id();
    let ids = || ObjectKind::Map.ids().collect::<Result<Vec<_>, _>>().unwrap();
    let found = ids();
    assert!(found.contains(&id));
    assert!(found.is_sorted(), "{found:?}");

    let again = Map::from_fd(ObjectKind::Map.fd_by_id(id).unwrap()).unwrap();
    assert_eq!(again.info().unwrap(), map.info().unwrap());
    let read_only = Map::from_fd(ObjectKind::Map.fd_by_id_with(id, Access::ReadOnly, None).unwrap()).unwrap();
    assert_eq!(read_only.update(&[0; 4], &[0; 4], ElemFlags::ANY).unwrap_err().errno(), libc::EPERM);
    drop((map, again, read_only));
    assert!(eventually(|| !ids().contains(&id)), "the map is freed after its last descriptor");
    let error = ObjectKind::Map.fd_by_id(id).unwrap_err();
    assert_eq!(error.to_string(), "bpf(BPF_MAP_GET_FD_BY_ID): No such file or directory (ENOENT)");

    let (_counter, prog) = counting(ProgType::SOCKET_FILTER, 0);
    let prog = prog.unwrap();
    let prog_id = info::prog_info(prog.as_fd()).unwrap().id;
    assert!(ObjectKind::Prog.ids().any(|id| id.unwrap() == prog_id));
    assert_eq!(info::prog_info(ObjectKind::Prog.fd_by_id(prog_id).unwrap().as_fd()).unwrap().name, "counting");
    assert_eq!(ObjectKind::Link.next_id(i32::MAX as u32 - 2).unwrap(), None);
}

/// The kernel frees objects behind a grace period: looks again until it has.
fn eventually(mut done: impl FnMut() -> bool) -> bool {
    (0..200).any(|_| {
        done() || {
            std::thread::sleep(std::time::Duration::from_millis(10));
            false
        }
    })
}

#[test]
fn the_kernels_own_btf_has_an_id_and_a_file() {
    let Some(_kernel) = kernel() else { return };
    let path = Path::new("/sys/kernel/btf/vmlinux");
    if !path.exists() {
        return skipped("a kernel without BTF");
    }
    if !since(5, 11) {
        return;
    }
    let vmlinux = ObjectKind::Btf
        .ids()
        .map(|id| ObjectKind::Btf.fd_by_id(id.unwrap()).unwrap())
        .find(|btf| {
            let told = info::btf_info(btf.as_fd()).unwrap();
            told.kernel_btf && told.name == "vmlinux"
        })
        .expect("vmlinux among the ids");
    let file = FileBytes::open(path).unwrap();
    assert_eq!(info::btf_info(vmlinux.as_fd()).unwrap().btf_size as usize, file.as_ref().len());
    assert!(info::btf_data(vmlinux.as_fd()).unwrap() == file.as_ref());
    // Files in /sys/kernel/btf can be mapped from 6.16.
    if since(6, 16) {
        assert!(file.is_mapped());
    }
}

#[test]
fn tokens_need_a_delegation() {
    let Some(_kernel) = kernel() else { return };
    let Some(bpffs) = Mount::new("bpf") else { return };
    let root = File::open(bpffs.path()).unwrap();
    let error = token_create(root.as_fd()).unwrap_err();
    // Before 6.9 there is no such command; from then on, the initial user namespace has nothing to delegate to.
    let expected: &[i32] = if since(6, 9) { &[libc::EOPNOTSUPP, libc::ENOENT, libc::EPERM] } else { &[libc::EINVAL] };
    assert!(expected.contains(&error.errno()), "{error}");
}

/// Runs one test of this binary again, alone, in a process that `prepare` has changed; `None` when that cannot be.
fn in_child(test: &str, prepare: impl FnOnce(&mut Command)) -> Option<Output> {
    let copy = on_copy()?;
    let mut command = Command::new(copy.path());
    command.args(["--exact", test, "--nocapture"]).env(CHILD, "1");
    prepare(&mut command);
    command.output().map_err(skipped).ok()
}

const CHILD: &str = "PUREBPF_SYS_CHILD";

#[test]
fn without_privilege_the_error_says_so() {
    if std::env::var_os(CHILD).is_some() {
        let error = MapCreate::new(MapType::HASH, 4, 4, 1).create().unwrap_err();
        assert_eq!(error.to_string(), "bpf(BPF_MAP_CREATE): Operation not permitted (EPERM)");
        assert!(error.is_permission());
        let advice = error.advice().unwrap();
        assert!(advice.starts_with("needs CAP_") && advice.contains("this thread has not"), "{advice}");
        let setting = fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled");
        if let Ok(setting) = setting {
            assert!(advice.contains(&format!("unprivileged_bpf_disabled is {}", setting.trim())), "{advice}");
        }
        let error = ObjectKind::Prog.next_id(0).unwrap_err();
        assert!(error.advice().unwrap().starts_with("needs CAP_SYS_ADMIN; this thread has not"));
        // What could not be tried is not answered.
        assert!(purebpf_sys::probes::has(purebpf_sys::probes::Feature::GlobalData).is_err());
        assert!(ObjectKind::Prog.ids().next().unwrap().is_err());
        println!("refused as it should be");
        return;
    }
    let Some(_kernel) = kernel() else { return };
    if fs::read_to_string("/proc/sys/kernel/unprivileged_bpf_disabled").is_ok_and(|value| value.trim() == "0") {
        return skipped("unprivileged BPF is allowed here");
    }
    let output = in_child("objects::without_privilege_the_error_says_so", |command| {
        command.uid(65534).gid(65534);
    });
    let Some(output) = output else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("refused as it should be"), "{output:?}");
}

#[test]
fn a_small_memory_limit_is_raised_where_it_counts() {
    if std::env::var_os(CHILD).is_some() {
        // Before 5.11, maps and programs are charged to this limit, and refused with EPERM.
        Map::from_fd(MapCreate::new(MapType::ARRAY, 4, 4096, 16).create().unwrap()).unwrap();
        counting(ProgType::SOCKET_FILTER, 0).1.unwrap();
        // SAFETY: fills an rlimit.
        let limit = unsafe {
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            assert_eq!(libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit), 0);
            limit.rlim_cur
        };
        println!("limit {limit}");
        return;
    }
    let Some(_kernel) = kernel() else { return };
    let output = in_child("objects::a_small_memory_limit_is_raised_where_it_counts", |command| {
        // SAFETY: setrlimit is safe between fork and exec.
        unsafe {
            command.pre_exec(|| {
                let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                match libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
    });
    let Some(output) = output else { return };
    assert!(output.status.success(), "{output:?}");
    let raised =
        if purebpf_sys::kernel_version() < purebpf_sys::system::version(5, 11, 0) { libc::RLIM_INFINITY } else { 0 };
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains(&format!("limit {raised}\n")), "{text}");
}
