//! An object that is loaded and dropped again and again leaves nothing: no descriptor, no memory, nothing in the kernel.

mod common;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use common::kernel_test;
use purebpf::sys::id::ObjectKind;
use purebpf::sys::prog::TestRun;
use purebpf::{Map, Object, OpenObject};

const TWENTY: &[u8] = include_bytes!("programs/twenty.bpf.o");

/// The kernel's ids of what a cycle made.
#[derive(Default)]
struct Made {
    programs: BTreeSet<u32>,
    maps: BTreeSet<u32>,
    btfs: BTreeSet<u32>,
}

impl Made {
    /// What of it is still there.
    fn left(&self) -> [usize; 3] {
        let left = |kind: ObjectKind, made: &BTreeSet<u32>| {
            kind.ids().filter(|id| made.contains(id.as_ref().expect("root may list them"))).count()
        };
        [left(ObjectKind::Prog, &self.programs), left(ObjectKind::Map, &self.maps), left(ObjectKind::Btf, &self.btfs)]
    }
}

/// Cycles until the allocator has what one needs, in pieces of every size.
const WARM_UP: usize = 50;

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("procfs is mounted").count()
}

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("procfs is mounted");
    let pages: usize = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("proc(5): statm");
    pages * purebpf::sys::system::page_size()
}

fn cycle(open: &OpenObject, made: &mut Made) {
    let object = open.load().expect("it loads");
    assert_eq!((object.programs().count(), object.maps().count()), (20, 20));
    let program = object.program("program_20").unwrap();
    assert_eq!(program.test_run(TestRun::new()).unwrap().retval, 20);
    assert_eq!(object.global("hits").unwrap().get::<u64>().unwrap(), 1);
    for program in object.programs() {
        let info = program.info().unwrap();
        made.programs.insert(info.id);
        made.btfs.insert(info.btf_id);
    }
    made.maps.extend(object.maps().map(Map::id));
}

#[test]
fn a_thousand_loads_leave_nothing() {
    kernel_test(|| {
        // A tenth of it in the matrix, whose machines are emulated.
        let cycles = if env::var_os("PUREBPF_MATRIX").is_some() { 100 } else { 1000 };
        let open = Object::open_bytes(TWENTY, "twenty").expect("the committed object opens");
        let mut made = Made::default();
        // What is made once and kept: the kernel's types, answers of probes, the allocator's pools.
        for _ in 0..WARM_UP {
            cycle(&open, &mut made);
        }
        let (before, memory) = (descriptors(), resident());
        for _ in 0..cycles {
            cycle(&open, &mut made);
        }
        // A page that each third cycle leaks would be seen; the ids that are kept here are less.
        let grown = resident().saturating_sub(memory);
        assert!(grown < cycles * 1536, "{grown} bytes more after {cycles} cycles");
        assert_eq!(descriptors(), before);
        // Each cycle had twenty of its own.
        let all = 20 * (cycles + WARM_UP);
        assert_eq!((made.programs.len(), made.maps.len()), (all, all));

        // The kernel frees after a grace period.
        let deadline = Instant::now() + Duration::from_secs(60);
        while made.left() != [0, 0, 0] {
            assert!(Instant::now() < deadline, "programs, maps and BTFs left: {:?}", made.left());
            thread::sleep(Duration::from_millis(10));
        }
    });
}
