//! `validate_for_kernel` against what kernels say.
//!
//! The verdicts were had by loading each blob on each kernel, as root, with `bpf(BPF_BTF_LOAD)`; there are one or more for each rule of
//! `btf_check_all_metas` and `btf_check_all_types`. A test of the workspace, `kernel_btf`, asks the running kernel about many more.

use purebpf_btf::builder::Builder;
use purebpf_btf::validate::KernelRules;
use purebpf_btf::{Btf, Endian, Error};

const KERNELS: [(u32, u32); 4] = [(6, 1), (6, 12), (6, 18), (7, 2)];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect()
}

#[test]
fn verdicts_are_the_kernels() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("data/validate/verdicts.txt").lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let verdicts: Vec<&str> = words.by_ref().take(KERNELS.len()).collect();
        let blob = bytes(words.next().unwrap());
        for ((major, minor), verdict) in KERNELS.into_iter().zip(verdicts) {
            let rules = KernelRules::linux(major, minor).endian(Endian::Little);
            let ours = Btf::parse(blob.clone()).and_then(|btf| btf.validate_for_kernel(rules));
            count += 1;
            if ours.is_ok() != (verdict == "ok") {
                wrong.push(format!("{name} on {major}.{minor}: {verdict}, but {ours:?}"));
            }
        }
    }
    assert!(count > 1500, "{count}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_refusal_says_what_and_why() {
    let mut builder = Builder::new_in(Endian::Big);
    builder.add_float("double", 8).unwrap();
    let btf = Btf::parse(builder.finish()).unwrap();
    let refused = btf.validate_for_kernel(KernelRules::linux(6, 18).endian(Endian::Little)).unwrap_err();
    assert!(matches!(refused, Error::KernelRefuses { .. }));
    assert_eq!(refused.to_string(), "the kernel refuses the BTF: its byte order is not the machine's");
}
