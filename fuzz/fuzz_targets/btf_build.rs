//! BTF, edited: appended, reordered, turned to the other byte order, added to, as the first bytes say. It can be read after each step.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::builder::Builder;
use purebpf_btf::{Btf, Endian, IntEncoding, Kind, TypeId};

fuzz_target!(|input: (&[u8], &[u8])| {
    let (steps, bytes) = input;
    let Ok(btf) = Btf::parse(bytes.to_vec()) else { return };
    let mut builder = Builder::copy_of(&btf);
    for step in steps.iter().take(12) {
        // What fails leaves it as it was.
        let before = builder.finish();
        let done = change(&mut builder, &btf, *step);
        let after = builder.finish();
        let read = Btf::parse(after.clone()).expect("it can be read");
        assert_eq!(read.type_count(), builder.type_count());
        assert!(done || after == before, "step {step} failed and changed something");
    }
});

fn change(builder: &mut Builder, btf: &Btf, step: u8) -> bool {
    let argument = step / 16;
    // One that is there: ids that are yet to come are the caller's business.
    let id = TypeId(u32::from(argument) % builder.type_count());
    match step % 16 {
        0 => builder.append(btf).is_ok(),
        1 => {
            let mut ids: Vec<TypeId> = (1..builder.type_count()).map(TypeId).collect();
            let by = usize::from(argument) % ids.len().max(1);
            ids.rotate_left(by);
            builder.permute(&ids).is_ok()
        }
        2 => builder.sort_by_name().is_ok(),
        3 => {
            builder.set_endian(if argument % 2 == 0 { Endian::Little } else { Endian::Big });
            true
        }
        4 => {
            builder.add_layout();
            true
        }
        5 => {
            // Types of kinds that only it describes cannot be read without it.
            if btf.types().all(|ty| ty.kind() != Kind::Void) {
                builder.remove_layout();
            }
            true
        }
        6 => builder.add_int("int", argument.into(), IntEncoding::SIGNED).is_ok(),
        7 => builder.add_reference(Kind::Ptr, id).is_ok(),
        8 => builder.add_struct(format!("s{argument}"), argument.into()).is_ok(),
        9 => builder.add_member("member", id, u32::from(argument) * 8).is_ok(),
        10 => builder.add_bitfield("bits", id, argument.into(), argument).is_ok(),
        11 => builder.add_enum64("numbers", 8, argument % 2 == 0).is_ok(),
        12 => builder.add_enum_value("number", i64::from(argument) - 8).is_ok(),
        13 => builder.add_func_proto(id).is_ok(),
        14 => builder.add_param("param", id).is_ok(),
        _ => match btf.type_by_id(id) {
            Ok(ty) => builder.add_type_of(&ty, Ok).is_ok(),
            Err(_) => false,
        },
    }
}
