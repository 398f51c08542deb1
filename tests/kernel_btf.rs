//! `validate_for_kernel` against the running kernel: BTF that programs bring, damaged in small ways, is refused by both or by none.

mod common;

use common::{kernel_test, skip};
use purebpf::btf::builder::Builder;
use purebpf::btf::types::FwdKind;
use purebpf::btf::validate::KernelRules;
use purebpf::btf::{Btf, Error, IntEncoding, Kind, Linkage, TypeId};
use purebpf::sys::btf::BtfLoad;
use purebpf::sys::system::{kernel_version, version};

/// One of everything, as the kernel takes it.
fn whole() -> Vec<u8> {
    let mut builder = Builder::new();
    let mut build = || -> Result<(), Error> {
        let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
        let long = builder.add_int("long", 8, IntEncoding::NONE)?;
        let double = builder.add_float("double", 8)?;
        let pair = builder.add_struct("pair", 16)?;
        builder.add_member("a", int, 0)?;
        builder.add_bitfield("b", int, 32, 5)?;
        builder.add_member("c", double, 64)?;
        let constant = builder.add_reference(Kind::Const, pair)?;
        let pointer = builder.add_reference(Kind::Ptr, constant)?;
        let array = builder.add_array(pointer, int, 3)?;
        let list = builder.add_typedef("list_t", TypeId(array.0 + 2))?;
        builder.add_struct("list", 48)?;
        builder.add_member("next", TypeId(list.0 + 2), 0)?;
        builder.add_member("pairs", array, 64)?;
        builder.add_member("l", long, 320)?;
        builder.add_reference(Kind::Ptr, list)?;
        builder.add_union("either", 8)?;
        builder.add_member("l", long, 0)?;
        builder.add_member("p", pointer, 0)?;
        builder.add_enum("e", 4, true)?;
        builder.add_enum_value("MINUS", -1)?;
        builder.add_enum64("e64", 8, false)?;
        builder.add_enum_value("BIG", 1 << 40)?;
        let declared = builder.add_fwd("hidden", FwdKind::Struct)?;
        let tag = builder.add_type_tag("user", declared)?;
        let hidden = builder.add_reference(Kind::Ptr, tag)?;
        let volatile = builder.add_reference(Kind::Volatile, hidden)?;
        builder.add_reference(Kind::Restrict, volatile)?;
        let proto = builder.add_func_proto(int)?;
        builder.add_param("x", pointer)?;
        builder.add_param("y", long)?;
        let func = builder.add_func("f", Linkage::GLOBAL, proto)?;
        builder.add_decl_tag("kfunc", func, None)?;
        builder.add_decl_tag("arg", func, Some(1))?;
        builder.add_decl_tag("member", pair, Some(2))?;
        let one = builder.add_var("one", Linkage::GLOBAL, int)?;
        let two = builder.add_var("two", Linkage::STATIC, constant)?;
        builder.add_datasec(".data", 24)?;
        builder.add_datasec_var(one, 0, 4)?;
        builder.add_datasec_var(two, 8, 16)?;
        Ok(())
    };
    build().unwrap();
    builder.finish()
}

/// xorshift64, from a fixed start: each run tries the same.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// One to three words or bytes changed into what may mean something.
fn damage(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..1 + random.below(3) {
        let word = (random.below(bytes.len() / 4 - 6) + 6) * 4;
        let value = match random.below(6) {
            0 => random.below(45) as u32,
            1 => (random.below(20) << 24 | random.below(4)) as u32,
            2 => 1 << random.below(32),
            3 => (random.below(10) * 32) as u32,
            4 => u32::MAX,
            _ => {
                let at = word + random.below(4);
                bytes[at] ^= 1 << random.below(8);
                continue;
            }
        };
        bytes[word..word + 4].copy_from_slice(&value.to_ne_bytes());
    }
}

fn rules() -> KernelRules {
    let running = kernel_version();
    KernelRules::linux(running >> 16, running >> 8 & 0xff)
}

#[test]
fn what_the_kernel_refuses_is_refused() {
    kernel_test(compare);
}

fn compare() {
    // Fewer kinds, and other names.
    if kernel_version() < version(6, 1, 0) {
        return skip("Linux 6.1: before it, the kernel's rules are not described");
    }
    let whole = whole();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut taken, mut refused) = (0, 0);
    let mut wrong = Vec::new();
    for n in 0..20_000 {
        let mut bytes = whole.clone();
        if n > 0 {
            damage(&mut bytes, &mut random);
        }
        let kernel = BtfLoad::new(&bytes).load();
        let ours = Btf::parse(bytes).and_then(|btf| btf.validate_for_kernel(rules()));
        match kernel {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
        if kernel.is_ok() != ours.is_ok() {
            wrong.push(format!("{n}: kernel {:?}, ours {ours:?}", kernel.err().map(|error| error.to_string())));
        }
    }
    assert!(wrong.is_empty(), "{} of 20000: {:#?}", wrong.len(), &wrong[..wrong.len().min(10)]);
    assert!(taken > 1000 && refused > 1000, "{taken} taken, {refused} refused");
}
