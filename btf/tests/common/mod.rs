//! The kernels among the workspace's samples, which lie outside this crate.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use purebpf_btf::Btf;

/// The BTF of a kernel; without the workspace there is none, and the test says so.
pub(crate) fn kernel(name: &str) -> Option<Btf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample").join(name);
    let Ok(file) = File::open(&path) else {
        println!("skipped: no {name} (the crate is not in its workspace)");
        return None;
    };
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    Some(Btf::parse(bytes).unwrap())
}
