//! Everything that can be done with BTF. What is made must be readable again.

use purebpf_btf::{
    Btf, Error, TypeId,
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
    validate::KernelRules,
};
use std::fmt;

/// Text that goes nowhere, of so much there is room for. Dumps are bounded by themselves, but not small: a size that is damaged may be
/// millions of bytes of padding or zeros.
#[derive(Clone, Copy)]
struct Nowhere {
    room: usize,
}

impl Nowhere {
    /// Mostly little, so that more blobs get their turn; sometimes as much as is wanted.
    fn for_blob(blob: &[u8]) -> Nowhere {
        let sum: usize = blob.iter().map(|byte| usize::from(*byte)).sum();
        Nowhere { room: if sum.is_multiple_of(64) { usize::MAX } else { 1 << 17 } }
    }
}

impl fmt::Write for Nowhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.room = self.room.checked_sub(text.len()).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// Does it all; whether the blob was accepted.
pub(super) fn exercise(blob: &[u8]) -> bool {
    let Ok(btf) = Btf::parse(blob.to_vec()) else { return false };
    let nowhere = Nowhere::for_blob(blob);
    one(&btf, None, nowhere);
    // The same bytes once more, as BTF that continues itself.
    if let Ok(split) = Btf::parse_split(blob.to_vec(), &btf) {
        one(&split, Some(&btf), nowhere);
    }
    true
}

fn one(btf: &Btf, base: Option<&Btf>, nowhere: Nowhere) {
    walk(btf);
    judge(btf);
    print(btf, nowhere);
    values(btf, nowhere);
    remake(btf, base);
}

fn walk(btf: &Btf) {
    for item in btf.own_types() {
        let _ = (btf.resolve(item.id()), btf.size_of(item.id()), btf.align_of(item.id()));
        let _ = btf.find(item.name_bytes(), item.kind());
        let _ = btf.find_any(item.name_bytes());
        let _ = btf.ids_with_essential_name(essential_name(item.name_bytes())).count();
        let _ = item.members().map(|members| members.filter_map(|member| member.bit_size()).count());
        let _ = (btf.type_tags(item.id()).count(), btf.decl_tags(item.id(), None).count());
        if let (Some(name), Some(Some(member))) = (item.name(), item.members().map(Iterator::last)) {
            let _ = btf.place(&format!("{name}.{}.next[1]", member.name().unwrap_or_default()));
        }
        let _ = item.as_enum().map(|data| data.values().map(|value| value.value).max());
    }
}

fn judge(btf: &Btf) {
    for (major, minor) in [(5, 4), (6, 1), (7, 2)] {
        let _ = btf.validate_for_kernel(KernelRules::linux(major, minor));
    }
}

fn print(btf: &Btf, nowhere: Nowhere) {
    let _ = dump::raw(btf, &mut { nowhere });
    let _ = dump::json(btf, &mut { nowhere });
    let _ = dump::json_with(btf, &JsonOptions { pretty: true, ..JsonOptions::default() }, &mut { nowhere });
    let _ = Header::new(btf).write(&mut { nowhere });
    let _ = Header::new(btf).sorted(false).write(&mut { nowhere });
    let _ = Bindings::new(btf).write(&mut { nowhere });
}

fn values(btf: &Btf, nowhere: Nowhere) {
    let bytes: [u8; 96] = std::array::from_fn(|n| (n * 37) as u8);
    let options =
        DataOptions { emit_zeroes: true, emit_strings: true, flexible_arrays: true, ..DataOptions::default() };
    for item in btf.own_types().take(24) {
        let Ok(value) = Value::new(btf, item.id(), &bytes) else { continue };
        let _ = (value.bytes(), value.to_i128(), value.to_text(), value.member("a"), value.element(3));
        let text = Dumper::new(btf).dump_type_data(item.id(), &bytes, &options, &mut { nowhere });
        let json = Json::new(JsonStyle::Natural).write(&value, &mut { nowhere });
        // One that is too large takes its time, and says nothing new of the next.
        let too_large = |error: Option<Error>| matches!(error, Some(Error::DumpTooLarge { .. }));
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
    if let Some(base) = base {
        distill(btf, base);
    }
}

/// Distils split BTF, and moves it back.
fn distill(btf: &Btf, base: &Btf) {
    let Ok(distilled) = distill_base(btf) else { return };
    let small = Btf::parse(distilled.base);
    let split = small.and_then(|small| Btf::parse_split(distilled.split, &small));
    match split {
        Ok(split) => {
            if let Ok(moved) = relocate(&split, base) {
                Btf::parse_split(moved, base).expect("relocated BTF is readable");
            }
        }
        // The pair has no layout section, nor has libbpf's: what only such a section tells of is lost on both.
        Err(Error::UnknownKind { .. }) => {}
        Err(error) => panic!("what was distilled is not readable: {error}"),
    }
}
