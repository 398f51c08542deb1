//! Dumps of whole kernels, against hashes of what bpftool 7.8 prints for them.
//!
//! The expectations are `bpftool btf dump file F [format c [unsorted]] | sha256sum` with bpftool
//! 7.8.0 (libbpf 1.8) built from Debian's linux-source-7.2. The kernels are among the workspace's
//! samples, outside this crate.

mod common;

use common::kernel;
use purebpf_btf::dump;
use purebpf_btf::dump::c::Header;
use sha2::{Digest, Sha256};

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

/// `bpftool -j btf dump` and `-p`, but for enumerators from 2^31 on in enums of 32 bits: of these bpftool writes the sign
/// bit on to 64 bits. The hashes are of bpftool's text without them, and so is what is hashed here.
#[test]
fn linux_6_18_is_bpftools_as_json() {
    let Some(btf) = kernel("vmlinux-6.18.44.btf.zst") else { return };
    let is_wrong_there = |value: &str| value.parse().is_ok_and(|value: u64| value >= 1 << 31);
    let without = |pretty, expected: &str| {
        let mut text = String::new();
        dump::json_with(&btf, &dump::JsonOptions { pretty, only: None }, &mut text).unwrap();
        let label = if pretty { "\"val\": " } else { "\"val\":" };
        assert_hash(expected, |hash| {
            let mut parts = text.split(label);
            std::fmt::Write::write_str(hash, parts.next().unwrap()).unwrap();
            for part in parts {
                let end = part.find(|c: char| !c.is_ascii_digit()).unwrap();
                let (value, rest) = part.split_at(end);
                let kept = if is_wrong_there(value) { rest } else { part };
                std::fmt::Write::write_str(hash, label).unwrap();
                std::fmt::Write::write_str(hash, kept).unwrap();
            }
        });
    };
    // bpftool -j btf dump file F | perl -pe 's/("val": ?)(\d+)/$1.($2 >= 2**31 ? "" : $2)/ge' | sha256sum; and -p.
    without(false, "e5ce8d6d1453a3f9abd29639ccac1476eae160b7b76a1d697393dd553d9d5535");
    without(true, "5ae5d2e1262dc92db864dddd604afededc8ea2ebab28792683eb7de66677b254");
}
