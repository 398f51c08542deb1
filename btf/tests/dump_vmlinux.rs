//! Dumps of whole kernels, against hashes of what bpftool 7.8 prints for them.
//!
//! The expectations are `bpftool btf dump file F [format c [unsorted]] | sha256sum` with bpftool
//! 7.8.0 (libbpf 1.8) built from Debian's linux-source-7.2. The kernels are among the workspace's
//! samples, outside this crate.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use purebpf_btf::dump::c::Header;
use purebpf_btf::{Btf, dump};
use sha2::{Digest, Sha256};

fn kernel(name: &str) -> Option<Btf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample").join(name);
    let Ok(file) = File::open(&path) else {
        println!("skipped: no {name} (the crate is not in its workspace)");
        return None;
    };
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(file).unwrap().read_to_end(&mut bytes).unwrap();
    Some(Btf::parse(bytes).unwrap())
}

/// Hashes what is written, so that no dump is kept.
struct Hash(Sha256);

impl std::fmt::Write for Hash {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

#[track_caller]
fn assert_hash(expected: &str, dump: impl FnOnce(&mut Hash)) {
    let mut hash = Hash(Sha256::new());
    dump(&mut hash);
    let got: String = hash.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(got, expected);
}

fn assert_dumps(name: &str, raw: &str, sorted: &str, unsorted: &str) {
    let Some(btf) = kernel(name) else { return };
    assert_hash(raw, |out| dump::raw(&btf, out).unwrap());
    assert_hash(sorted, |out| Header::new(&btf).write(out).unwrap());
    assert_hash(unsorted, |out| Header::new(&btf).sorted(false).write(out).unwrap());
}

#[test]
fn linux_6_18_is_bpftools() {
    assert_dumps(
        "vmlinux-6.18.44.btf.zst",
        "98d45ba180308fccca2cff9456eb1d751279572f6c8f4043faf9e575afc1fb26",
        "f203badc4cb389df8a982c8c187295cdfcc8676eb2016b5b37045911a968c5c8",
        "59ef5d0f60426a72ad155abcb10a5d12fda8d18a41cec50cf219be6d01dc162e",
    );
}

#[test]
fn linux_6_12_is_bpftools() {
    assert_dumps(
        "vmlinux-6.12.107-amd64.btf.zst",
        "dbcf363f80364f9dbbef751b123fbed0124d947274b6d2cf0469117d468e19ec",
        "1dc386d2215282f655ab3a925ac1773d3f4530e43d12e0a7840ed2835dae2db0",
        "be6900cd236f6b6d8492219a5de1a2a4ef0f7cd1d518601e5f669793cb773420",
    );
}
