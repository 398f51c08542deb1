//! purebpf-btf.

use crate::{Answer, Input, Walk, Work, ids_answer, measure::measured};
use purebpf_btf::{Btf, Kind, dedup::dedup, dump::c::Header};

pub const WORKS: &[(&str, Work)] =
    &[("parse", parse), ("walk", walk), ("names", names), ("dump", dump), ("dedup", deduplicate)];

fn read(input: Input) -> Btf {
    Btf::parse(input.btf).expect("the input parses")
}

fn parse(input: Input) -> Answer {
    let btf = measured(|| read(input));
    Answer::Number(u64::from(btf.type_count() - 1))
}

fn walk(input: Input) -> Answer {
    let btf = read(input);
    measured(|| {
        let mut walk = Walk::default();
        for item in btf.own_types() {
            walk.item(item.kind() as u32, item.name_bytes().len());
            for member in item.members().into_iter().flatten() {
                walk.member(member.name_bytes().len(), member.type_id.0, member.bit_offset);
            }
        }
        walk
    })
    .answer()
}

fn names(input: Input) -> Answer {
    let wanted: Vec<(Kind, String)> = input
        .names
        .iter()
        .map(|(kind, name)| (Kind::from_number(*kind as u8).expect("a kind"), name.clone()))
        .collect();
    let btf = read(input);
    ids_answer(&measured(|| {
        wanted.iter().map(|(kind, name)| btf.find(name, *kind).map_or(0, |id| id.0)).collect::<Vec<u32>>()
    }))
}

fn dump(input: Input) -> Answer {
    let btf = read(input);
    let text = measured(|| {
        let mut text = String::new();
        Header::new(&btf).sorted(false).write(&mut text).expect("the input can be said in C");
        text
    });
    Answer::Bytes(types_of(&text).as_bytes().to_vec())
}

/// A header without what bpftool writes around the types, which libbpf does not.
fn types_of(header: &str) -> &str {
    const BEFORE: &str = "#define __bpf_fastcall\n#endif\n#endif\n\n";
    let after_before = header.split_once(BEFORE).map_or(header, |(_, rest)| rest);
    let end = ["\n/* BPF kfuncs */", "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop"]
        .iter()
        .filter_map(|mark| after_before.find(mark))
        .min();
    after_before[..end.unwrap_or(after_before.len())].trim_end_matches('\n')
}

fn deduplicate(input: Input) -> Answer {
    let btf = read(input);
    Answer::Bytes(measured(|| dedup(&btf, None)).expect("the input can be deduplicated").btf)
}
