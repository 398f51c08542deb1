//! Every struct, union and enum of Linux 6.18 relocated to Linux 6.12: what real types come to, flavours, duplicates,
//! bitfields and anonymous members included.
//!
//! The rows are libbpf 1.8's: the same relocations in the same order went through its `bpf_core_add_cands` and
//! `bpf_core_calc_relo_insn`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use purebpf_btf::{Btf, KernelBtf};
use purebpf_core_reloc::{Kind, Relocation, Resolver};

fn vmlinux(name: &str) -> Btf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/sample").join(name);
    let mut bytes = Vec::new();
    ruzstd::decoding::StreamingDecoder::new(File::open(path).unwrap()).unwrap().read_to_end(&mut bytes).unwrap();
    Btf::parse(bytes).unwrap()
}

/// Of one kind: how many were patched, poisoned and refused, and the hash of all answers (FNV-1a of lines of: local
/// type, accessor string, and `E` or local value, 1 if poisoned, new value, 1 if validated, candidates).
#[derive(Debug, PartialEq)]
struct Row {
    patched: u32,
    poisoned: u32,
    refused: u32,
    hash: u64,
}

impl Row {
    const EMPTY: Row = Row { patched: 0, poisoned: 0, refused: 0, hash: 0xcbf2_9ce4_8422_2325 };

    fn add(&mut self, line: &str) {
        for byte in line.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}

fn expected() -> BTreeMap<&'static str, Row> {
    let row = |patched, poisoned, refused, hash| Row { patched, poisoned, refused, hash };
    BTreeMap::from([
        ("enumval_exists", row(11_242, 0, 0, 0x471c_e178_e9b1_fd9f)),
        ("enumval_value", row(7_893, 3_349, 0, 0x2939_b121_553a_3c0e)),
        ("field_byte_offset", row(38_142, 20_278, 2, 0xec64_e875_95ba_58ee)),
        ("field_byte_size", row(8_476, 4_431, 0, 0x2fb2_482b_aed2_df77)),
        ("field_exists", row(12_907, 0, 0, 0xc0d6_e739_9805_685c)),
        ("field_lshift_u64", row(8_306, 4_385, 216, 0x3976_b1d0_89e9_6e4a)),
        ("field_rshift_u64", row(8_306, 4_385, 216, 0xeee8_9c5f_6f3b_0ad3)),
        ("field_signed", row(8_306, 4_385, 216, 0x1574_c029_3c2e_5391)),
        ("type_exists", row(10_494, 0, 0, 0x3c5d_55e0_432d_06dd)),
        ("type_id_target", row(10_494, 0, 0, 0x6ab7_2554_80cb_db7f)),
        ("type_matches", row(10_494, 0, 0, 0x56ca_c847_cd69_18a4)),
        ("type_size", row(10_492, 0, 2, 0x3b6f_5b18_3177_5a8f)),
    ])
}

#[test]
fn all_of_6_18_on_6_12() {
    let local = vmlinux("vmlinux-6.18.44.btf.zst");
    let kernel = KernelBtf::new(vmlinux("vmlinux-6.12.107-amd64.btf.zst"));
    let mut resolver = Resolver::new(&local, Some(&kernel));
    let mut rows = BTreeMap::new();
    let mut ask = |local_type, access: &str, kind: Kind| {
        let row = rows.entry(kind.name()).or_insert(Row::EMPTY);
        let answer = match resolver.resolve(&Relocation { local_type, access, kind }) {
            Err(_) => {
                row.refused += 1;
                "E".into()
            }
            Ok(fixup) => {
                let poison = fixup.new_value().is_none();
                *if poison { &mut row.poisoned } else { &mut row.patched } += 1;
                let (new, validate) = (fixup.new_value().unwrap_or(0), u8::from(fixup.validate));
                format!("{} {} {new} {validate} {}", fixup.local_value, u8::from(poison), fixup.candidates)
            }
        };
        row.add(&format!("{} {access} {answer}\n", local_type.0));
    };
    for this in local.types().filter(|this| !this.name_bytes().is_empty()) {
        use Kind::*;
        let members = this.members().map_or(0, |members| members.len());
        for member in 0..members {
            for kind in [FieldByteOffset, FieldByteSize, FieldExists, FieldSigned, FieldLshiftU64, FieldRshiftU64] {
                // All questions about one field in seven, its place of each.
                if kind == FieldByteOffset || member % 7 == 0 {
                    ask(this.id(), &format!("0:{member}"), kind);
                }
            }
        }
        for value in 0..this.as_enum().map_or(0, |this| this.values().len()) {
            ask(this.id(), &value.to_string(), EnumvalExists);
            ask(this.id(), &value.to_string(), EnumvalValue);
        }
        if members > 0 || this.as_enum().is_some() {
            for kind in [TypeExists, TypeSize, TypeMatches, TypeIdTarget] {
                ask(this.id(), "0", kind);
            }
        }
    }
    assert_eq!(rows, expected());
}
