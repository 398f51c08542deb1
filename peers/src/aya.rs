//! aya-obj: reads and looks up; its types are not public.

use crate::{Answer, Input, Work, ids_answer, measure::measured};
use aya_obj::btf::{Btf, BtfKind};

pub const WORKS: &[(&str, Work)] = &[("parse", parse), ("names", names)];

fn read(input: &Input) -> Btf {
    Btf::parse(&input.btf, object::Endianness::default()).expect("the input parses")
}

/// How many types there are shows in what it writes.
fn parse(input: Input) -> Answer {
    let btf = measured(|| read(&input));
    let written = purebpf_btf::Btf::parse(btf.to_bytes()).expect("what it writes parses");
    Answer::Number(u64::from(written.type_count() - 1))
}

fn names(input: Input) -> Answer {
    let btf = read(&input);
    let kind = |number: u32| BtfKind::try_from(number).expect("a kind");
    ids_answer(&measured(|| {
        let find = |number: u32, name: &str| btf.id_by_type_name_kind(name, kind(number)).unwrap_or_default();
        input.names.iter().map(|(number, name)| find(*number, name)).collect::<Vec<u32>>()
    }))
}
