//! Tokens: what the rights that were delegated to a process in a user namespace are good for.

use crate::{
    delegation::{delegated, is_child},
    support::{kernel, since, skipped},
};
use purebpf_sys::{
    Insn,
    btf::BtfLoad,
    info,
    map::MapCreate,
    probes::{Feature, Probes},
    prog::ProgLoad,
    token::token_create,
    uapi::{Cmd, HelperId, MapType, ProgType},
};
use std::os::fd::{AsFd, OwnedFd};

#[test]
fn a_token_lets_an_unprivileged_process_load() {
    let _kernel = match is_child() {
        true => None,
        false => {
            let Some(kernel) = kernel() else { return };
            Some(kernel)
        }
    };
    if !since(6, 9) {
        return;
    }
    let name = "tokens::a_token_lets_an_unprivileged_process_load";
    if let Err(why) = delegated(name, c"array", c"socket_filter:kprobe", in_the_namespace) {
        skipped(why);
    }
}

/// Uses what is delegated by a bpffs.
fn in_the_namespace(bpffs: OwnedFd) {
    let token = token_create(bpffs.as_fd()).unwrap();
    let array = MapCreate::new(MapType::ARRAY, 4, 4, 1);
    assert_eq!(array.create().unwrap_err().errno(), libc::EPERM, "without the token");
    let map = array.clone().token(token.as_fd()).create().unwrap();
    assert_eq!(info::map_info(map.as_fd()).unwrap().map_type, MapType::ARRAY);
    let hash = MapCreate::new(MapType::HASH, 4, 4, 1).token(token.as_fd()).create().unwrap_err();
    assert_eq!(hash.errno(), libc::EPERM, "a type that is not delegated");

    let insns = [Insn::mov64_imm(0, 0), Insn::exit()];
    let load = ProgLoad::new(ProgType::KPROBE, &insns, c"GPL");
    assert_eq!(load.load().unwrap_err().errno(), libc::EPERM, "without the token");
    load.token(token.as_fd()).load().unwrap();
    // int
    let mut raw = 0xeb9fu16.to_ne_bytes().to_vec();
    raw.extend([1, 0]);
    raw.extend([24u32, 0, 16, 16, 5, 1, 1 << 24, 4, 1 << 24 | 32].iter().flat_map(|word| word.to_ne_bytes()));
    raw.extend(b"\0int\0");
    BtfLoad::new(&raw).token(token.as_fd()).load().unwrap();
    if since(6, 17) {
        let told = info::token_info(token.as_fd()).unwrap();
        let bit = |cmd: Cmd| 1 << cmd.0;
        assert_eq!(told.allowed_cmds, bit(Cmd::PROG_LOAD) | bit(Cmd::MAP_CREATE) | bit(Cmd::BTF_LOAD));
        assert_eq!(told.allowed_maps, 1 << MapType::ARRAY.0);
        assert_eq!(told.allowed_progs, 1 << ProgType::SOCKET_FILTER.0 | 1 << ProgType::KPROBE.0);
    }

    // Probes by the token's rights, remembered for the token alone.
    assert!(Probes::global().has(Feature::BtfFloat).is_err());
    let probes = Probes::new(Some(token));
    assert!(probes.has(Feature::BtfFloat).unwrap() && probes.has(Feature::GlobalData).unwrap());
    assert!(probes.prog_type(ProgType::KPROBE).unwrap() && probes.map_type(MapType::ARRAY).unwrap());
    assert_eq!(probes.prog_type(ProgType::XDP).unwrap_err().errno(), libc::EPERM);
    assert!(probes.helper(ProgType::KPROBE, HelperId::PROBE_READ_KERNEL).unwrap());
    assert!(Probes::global().has(Feature::BtfFloat).is_err());
}
