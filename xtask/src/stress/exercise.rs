//! Everything that can be done with BTF. What is made must be readable again.

use purebpf_btf::{
    Btf, TypeId,
    builder::Builder,
    dedup::dedup,
    distill::{distill_base, relocate},
    dump::{
        self, JsonOptions,
        c::{Dumper, Header},
        rust::Bindings,
        value::{DataOptions, Json, JsonStyle, Value},
    },
    essential_name,
};
use std::fmt;

/// Text that goes nowhere: dumps are bounded, but not small.
struct Nowhere;

impl fmt::Write for Nowhere {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

/// Does it all; whether the blob was accepted.
pub(super) fn exercise(blob: &[u8]) -> bool {
    let Ok(btf) = Btf::parse(blob.to_vec()) else { return false };
    one(&btf, None);
    // The same bytes once more, as BTF that continues itself.
    if let Ok(split) = Btf::parse_split(blob.to_vec(), &btf) {
        one(&split, Some(&btf));
    }
    true
}

fn one(btf: &Btf, base: Option<&Btf>) {
    walk(btf);
    print(btf);
    values(btf);
    remake(btf, base);
}

fn walk(btf: &Btf) {
    for item in btf.own_types() {
        let _ = (btf.resolve(item.id()), btf.size_of(item.id()), btf.align_of(item.id()));
        let _ = btf.find(item.name_bytes(), item.kind());
        let _ = btf.find_any(item.name_bytes());
        let _ = btf.ids_with_essential_name(essential_name(item.name_bytes())).count();
        let _ = item.members().map(|members| members.filter_map(|member| member.bit_size()).count());
        let _ = item.as_enum().map(|data| data.values().map(|value| value.value).max());
    }
}

fn print(btf: &Btf) {
    let _ = dump::raw(btf, &mut Nowhere);
    let _ = dump::json(btf, &mut Nowhere);
    let _ = dump::json_with(btf, &JsonOptions { pretty: true, ..JsonOptions::default() }, &mut Nowhere);
    let _ = Header::new(btf).write(&mut Nowhere);
    let _ = Header::new(btf).sorted(false).write(&mut Nowhere);
    let _ = Bindings::new(btf).write(&mut Nowhere);
}

fn values(btf: &Btf) {
    let bytes: [u8; 96] = std::array::from_fn(|n| (n * 37) as u8);
    let options =
        DataOptions { emit_zeroes: true, emit_strings: true, flexible_arrays: true, ..DataOptions::default() };
    for item in btf.own_types().take(24) {
        let Ok(value) = Value::new(btf, item.id(), &bytes) else { continue };
        let _ = (value.bytes(), value.to_i128(), value.to_text(), value.member("a"), value.element(3));
        let text = Dumper::new(btf).dump_type_data(item.id(), &bytes, &options, &mut Nowhere);
        let json = Json::new(JsonStyle::Natural).write(&value, &mut Nowhere);
        // One that is too large takes its time, and says nothing new of the next.
        let too_large =
            |error: Option<purebpf_btf::Error>| matches!(error, Some(purebpf_btf::Error::DumpTooLarge { .. }));
        if too_large(text.err()) || too_large(json.err()) {
            return;
        }
    }
}

/// Makes BTF of BTF.
fn remake(btf: &Btf, base: Option<&Btf>) {
    let reads = |bytes: Vec<u8>, what: &str| -> Option<Btf> {
        let read = match base {
            Some(base) => Btf::parse_split(bytes, base),
            None => Btf::parse(bytes),
        };
        match read {
            Ok(btf) => Some(btf),
            Err(error) => panic!("{what} is not readable: {error}"),
        }
    };
    let mut copy = Builder::copy_of(btf);
    let copied = reads(copy.finish(), "a copy");
    assert_eq!(copied.map(|btf| btf.type_count()), Some(btf.type_count()), "a copy has other types");
    let new_ids: Vec<TypeId> = (btf.first_id().0..btf.type_count()).rev().map(TypeId).collect();
    if copy.permute(&new_ids).is_ok() {
        let _ = reads(copy.finish(), "the types in another order");
    }
    if copy.sort_by_name().is_ok() {
        let _ = reads(copy.finish(), "the types by name");
    }
    if copy.append(btf).is_ok() {
        let _ = reads(copy.finish(), "BTF with itself appended");
    }
    if let Ok(deduped) = dedup(btf, None) {
        let _ = reads(deduped.btf, "what deduplication left");
    }
    if let (Some(base), Ok(distilled)) = (base, distill_base(btf)) {
        match Btf::parse(distilled.base) {
            Err(error) => panic!("a distilled base is not readable: {error}"),
            Ok(small) => match Btf::parse_split(distilled.split, &small) {
                Err(error) => panic!("split BTF over a distilled base is not readable: {error}"),
                Ok(split) => {
                    if let Ok(moved) = relocate(&split, base) {
                        let _ = reads(moved, "relocated BTF");
                    }
                }
            },
        }
    }
}
