//! Small damage to real BTF: whatever comes of it is refused or can be walked, asked and dumped,
//! within the bound that [`purebpf_btf::dump`] promises.
//!
//! The BTF is that of the dump's golden files and of the workspace's BPF objects, which lie outside
//! this crate; without them the rest is tried alone.

use std::fs;
use std::path::{Path, PathBuf};

use purebpf_btf::builder::Builder;
use purebpf_btf::dedup::dedup;
use purebpf_btf::distill::{distill_base, relocate};
use purebpf_btf::dump::c::{DeclOptions, Dumper, Header};
use purebpf_btf::dump::rust::Bindings;
use purebpf_btf::dump::value::{DataOptions, Json, JsonStyle, Value};
use purebpf_btf::ext::BtfExt;
use purebpf_btf::validate::KernelRules;
use purebpf_btf::{Btf, Endian, Error, IntEncoding, Kind, TypeData, TypeId, dump};

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn golden(name: &str) -> Vec<u8> {
    read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/dump").join(name))
}

/// The section of a little-endian 64-bit ELF file.
fn section(elf: &[u8], wanted: &str) -> Option<Vec<u8>> {
    let number = |at: usize, len: usize| elf[at..at + len].iter().rev().fold(0, |n, &b| n << 8 | usize::from(b));
    let header = |n: usize| number(0x28, 8) + n * number(0x3a, 2);
    let contents = |n: usize| &elf[number(header(n) + 0x18, 8)..][..number(header(n) + 0x20, 8)];
    let names = contents(number(0x3e, 2));
    (1..number(0x3c, 2))
        .find(|&n| names[number(header(n), 4)..].split(|&b| b == 0).next() == Some(wanted.as_bytes()))
        .map(|n| contents(n).to_vec())
}

/// A section of each of the workspace's BPF objects.
fn of_objects(wanted: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/programs");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("skipped: no objects (the crate is not in its workspace)");
        return Vec::new();
    };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "o"));
    paths.sort();
    let sections: Vec<_> = paths.iter().filter_map(|path| section(&read(path), wanted)).collect();
    assert!(!sections.is_empty());
    sections
}

/// xorshift64, from a fixed start: each run tries the same.
struct Random(u64);

impl Random {
    fn new() -> Random {
        Random(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 as usize % end.max(1)
    }

    /// Damages a copy: words that become small numbers (ids, most likely), other words of the same
    /// file, or themselves with a bit flipped or one more; bytes that become any byte; ends cut off.
    fn mutant(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        let is_big = bytes[0] == 0xeb;
        for _ in 0..=self.below(3) {
            let (words, at) = (bytes.len() / 4, self.below(bytes.len()));
            let (to, from) = (self.below(words) * 4, self.below(words) * 4);
            let word = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap());
            let in_order = |word: u32| if is_big { word.to_be() } else { word.to_le() };
            let word = match self.below(8) {
                0 | 1 => in_order(self.below(128) as u32),
                2 => word(from),
                3 => word(to) ^ 1 << self.below(32),
                4 => in_order(in_order(word(to)).wrapping_add(1)),
                5 | 6 => {
                    bytes[at] = self.below(256) as u8;
                    continue;
                }
                _ => {
                    let cut = if self.below(4) == 0 { self.below(bytes.len() / 2) } else { 0 };
                    bytes.truncate(bytes.len() - cut);
                    continue;
                }
            };
            bytes[to..to + 4].copy_from_slice(&word.to_ne_bytes());
        }
        bytes
    }
}

/// Takes text, but no more than a dump of `len` bytes of BTF promises.
struct Bounded {
    left: usize,
}

impl Bounded {
    fn new(len: usize) -> Bounded {
        // What is in the buffer when the limit is passed, and text that is not the types', is extra.
        Bounded { left: (16 << 20) + 64 * len + (1 << 20) }
    }
}

impl std::fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.left = self.left.checked_sub(text.len()).expect("a dump keeps to its limit");
        Ok(())
    }
}

/// Asks everything that there is to ask.
fn walk(btf: &Btf) {
    let name_of = |id: TypeId| btf.type_by_id(id).expect("ids were checked").name_bytes().len();
    for this in btf.own_types() {
        let id = this.id();
        let _ = (this.name(), btf.resolve(id), btf.skip_modifiers(id), btf.size_of(id), btf.align_of(id));
        match this.data() {
            TypeData::Struct(data) | TypeData::Union(data) => {
                for member in data.members() {
                    let _ = (member.name(), member.bit_size(), name_of(member.type_id));
                }
            }
            TypeData::Enum(data) | TypeData::Enum64(data) => {
                assert_eq!(data.values().len(), this.vlen() as usize);
                data.values().for_each(|value| _ = value.name());
            }
            TypeData::FuncProto(data) => {
                // What a prototype returns is not looked at when BTF is parsed.
                let _ = btf.type_by_id(data.ret);
                data.params().for_each(|param| _ = (param.name(), name_of(param.type_id)));
            }
            TypeData::Datasec(data) => data.vars().for_each(|var| _ = (var.variable().name(), name_of(var.type_id))),
            TypeData::Array(data) => _ = (name_of(data.element), name_of(data.index)),
            _ => {}
        }
        let name = this.name_bytes();
        if !name.is_empty() {
            // It is found, if not it then one of the same kind and name before it.
            let found = btf.find(name, this.kind()).expect("a type is found by its name");
            assert!(found <= id);
            assert!(btf.ids_named(name).any(|found| found == id));
            let essential = purebpf_btf::essential_name(name);
            assert!(btf.ids_with_essential_name(essential).any(|found| found == id));
        }
    }
}

fn dump(btf: &Btf) {
    let len = btf.raw_data().len() + btf.base().map_or(0, |base| base.raw_data().len());
    let _ = dump::raw(btf, &mut Bounded::new(len));
    // One that is too large is too large in any order.
    if let Err(Error::DumpTooLarge { .. }) = Header::new(btf).write(&mut Bounded::new(len)) {
        return;
    }
    let _ = Header::new(btf).sorted(false).write(&mut Bounded::new(len));
    let _ = Bindings::new(btf).write(&mut Bounded::new(len));
    let roots: Vec<_> = (1..btf.type_count()).map(TypeId).step_by(3).collect();
    let _ = Bindings::new(btf).roots(&roots).write(&mut Bounded::new(len));
    let mut json = String::new();
    if dump::json(btf, &mut json).is_ok() {
        assert!(serde_json::from_str::<serde_json::Value>(&json).is_ok(), "{json}");
    }
    let mut dumper = Dumper::new(btf);
    let options = DeclOptions { field_name: "name", ..DeclOptions::default() };
    let mut text = Bounded::new(len);
    for id in (1..btf.type_count()).map(TypeId).take(16) {
        // Limits are a call's own.
        text.left = Bounded::new(len).left;
        if let Err(Error::DumpTooLarge { .. }) = dumper.emit_type_decl(id, &options, &mut text) {
            break;
        }
    }
}

/// What makes another BTF of it: that can be parsed again.
fn transform(btf: &Btf, other: &Btf) {
    let again = |bytes: Vec<u8>, base: Option<&Btf>| match base {
        Some(base) => Btf::parse_split(bytes, base).expect("what comes out is BTF"),
        None => Btf::parse(bytes).expect("what comes out is BTF"),
    };
    if let Ok(deduped) = dedup(btf, None) {
        let once = again(deduped.btf, btf.base());
        assert!(once.type_count() <= btf.type_count());
        // What is deduplicated stays so, but for what declared what went away.
        if let Ok(twice) = dedup(&once, None) {
            assert!(again(twice.btf, btf.base()).type_count() <= once.type_count());
        }
    }
    if let Ok(pair) = distill_base(btf) {
        let small = again(pair.base, None);
        let split = again(pair.split, Some(&small));
        for base in [btf.base(), Some(other)].into_iter().flatten() {
            if let Ok(moved) = relocate(&split, base) {
                again(moved, Some(base));
            }
        }
    }
    let mut builder = Builder::copy_of(btf);
    if builder.sort_by_name().is_ok() {
        again(builder.finish(), btf.base());
    }
    let mut builder = Builder::copy_of(btf);
    let order = btf.endian();
    builder.set_endian(if order == Endian::Little { Endian::Big } else { Endian::Little });
    if btf.base().is_none() {
        again(builder.finish(), None);
    }
    builder.set_endian(order);
    assert_eq!(builder.finish(), Builder::copy_of(btf).finish());
    let mut builder = Builder::new_in(order);
    if builder.append(btf).and_then(|_| builder.append(btf)).is_ok() {
        again(builder.finish(), None);
    }
    for (major, minor) in [(6, 1), (6, 18), (7, 2)] {
        let _ = btf.validate_for_kernel(KernelRules::linux(major, minor).endian(order));
    }
    for this in btf.own_types().filter(|this| this.kind() == Kind::Struct).take(8) {
        for member in this.members().into_iter().flatten().take(8) {
            let path = format!("{}.{}", this.name().unwrap_or("x"), member.name().unwrap_or("y"));
            let _ = (btf.place(&path), btf.place(&format!("{path}->{path}")), btf.place(&format!("{path}[3].a")));
        }
        let _ = (btf.decl_tags(this.id(), None).count(), btf.type_tags(this.id()).count());
    }
}

/// Values of damaged types, in bytes that are too few as often as not.
fn values(btf: &Btf, random: &mut Random) {
    for id in (1..btf.type_count()).map(TypeId).take(16) {
        let bytes: Vec<u8> = (0..random.below(64)).map(|_| random.below(256) as u8).collect();
        let limit = Bounded::new(btf.raw_data().len() + btf.base().map_or(0, |base| base.raw_data().len())).left;
        let mut text = Bounded { left: limit + 256 * bytes.len() };
        let options = DataOptions {
            emit_zeroes: random.below(2) == 0,
            emit_strings: random.below(2) == 0,
            flexible_arrays: random.below(2) == 0,
            ..DataOptions::default()
        };
        // What is too large once is so in any form.
        if let Err(Error::DumpTooLarge { .. }) = Dumper::new(btf).dump_type_data(id, &bytes, &options, &mut text) {
            return;
        }
        for style in [JsonStyle::Bpftool, JsonStyle::Natural] {
            let mut text = String::new();
            let value = Value::new(btf, id, &bytes).expect("an id of the BTF");
            let _ = (value.bytes(), value.to_i128(), value.to_text(), value.member("next"), value.element(7));
            if let Err(Error::DumpTooLarge { .. }) = Json::new(style).flexible_arrays(true).write(&value, &mut text) {
                return;
            }
            // Errors, too, leave JSON behind. What nests deeper than its parser goes is not JSON's fault.
            let depth = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
            let parsed = serde_json::from_str::<serde_json::Value>(&text);
            assert!(depth > 100 || parsed.is_ok(), "{parsed:?}: {text}");
        }
    }
}

#[test]
fn btf() {
    let base = Btf::parse(golden("scopes64.btf")).unwrap();
    let mut seeds: Vec<_> =
        ["kinds.btf", "kinds_be.btf", "scopes64.btf", "scopes32.btf"].into_iter().map(golden).collect();
    seeds.extend(of_objects(".BTF").into_iter().filter(|btf| btf.len() < 8_000));
    let split = golden("module.btf");
    let mut random = Random::new();
    let mut accepted = 0;
    for n in 0..4000 {
        let parsed = match n % 4 {
            0 => Btf::parse_split(random.mutant(&split), &base),
            _ => Btf::parse(random.mutant(&seeds[n / 4 * 3 % seeds.len()])),
        };
        let Ok(btf) = parsed else { continue };
        accepted += 1;
        walk(&btf);
        if accepted % 4 == 0 {
            dump(&btf);
        }
        values(&btf, &mut random);
        if accepted % 3 == 0 {
            transform(&btf, &base);
        }
    }
    // Else next to nothing was tried.
    assert!(accepted > 1000, "{accepted}");
}

#[test]
fn btf_ext() {
    let seeds = of_objects(".BTF.ext");
    let mut random = Random::new();
    for n in 0..if seeds.is_empty() { 0 } else { 20_000 } {
        let bytes = random.mutant(&seeds[n % seeds.len()]);
        let len = bytes.len();
        let Ok(ext) = BtfExt::parse(bytes) else { continue };
        let funcs: usize = ext.func_info().map(|section| section.records().len()).sum();
        let lines: usize =
            ext.line_info().flat_map(|section| section.records()).filter(|line| line.line_number() > 0).count();
        let relocations: usize = ext.core_relocations().map(|section| section.records().len()).sum();
        // Tables may overlap, but none holds more than there is.
        assert!(funcs * 8 <= len && lines * 16 <= len && relocations * 16 <= len);
    }
}

/// Anonymous structs, each of which holds the one before twice: as text, 2^60 members.
#[test]
fn text_that_doubles_is_stopped() {
    let mut builder = Builder::new();
    let mut inner = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
    for depth in 0..60 {
        let outer = builder.add_struct(if depth == 59 { "outermost" } else { "" }, 0).unwrap();
        builder.add_member("a", inner, 0).unwrap();
        builder.add_member("b", inner, 0).unwrap();
        inner = outer;
    }
    let btf = Btf::parse(builder.finish()).unwrap();
    let mut text = Bounded::new(btf.raw_data().len());
    assert!(matches!(Header::new(&btf).write(&mut text), Err(Error::DumpTooLarge { .. })));
}

/// Definitions, declarations and chains as deep as they may be, and one deeper, on a thread's stack.
#[test]
fn depth_is_limited_before_the_stack_is() {
    type Wrap = fn(&mut Builder, TypeId) -> TypeId;
    let in_struct: Wrap = |b, inner| {
        let outer = b.add_struct("", 4).unwrap();
        b.add_member("m", inner, 0).unwrap();
        outer
    };
    let in_function: Wrap = |b, inner| {
        let proto = b.add_func_proto(TypeId::VOID).unwrap();
        b.add_param("p", inner).unwrap();
        b.add_reference(Kind::Ptr, proto).unwrap()
    };
    let in_pointer_to_array: Wrap = |b, inner| {
        let array = b.add_array(inner, TypeId(1), 2).unwrap();
        b.add_reference(Kind::Ptr, array).unwrap()
    };
    let in_typedef: Wrap = |b, inner| {
        let name = format!("t{}", b.type_count());
        b.add_typedef(name, inner).unwrap()
    };
    for wrap in [in_struct, in_function, in_pointer_to_array, in_typedef] {
        for (depth, fits) in [(60, true), (255, true), (20_000, false)] {
            let mut builder = Builder::new();
            let mut id = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
            for _ in 0..depth {
                id = wrap(&mut builder, id);
            }
            builder.add_typedef("outermost", id).unwrap();
            let btf = Btf::parse(builder.finish()).unwrap();
            let outermost = [btf.find("outermost", Kind::Typedef).unwrap()];
            let written = Header::new(&btf).roots(&outermost).write(&mut Bounded::new(btf.raw_data().len()));
            let _ = (btf.size_of(outermost[0]), btf.align_of(outermost[0]), btf.resolve(outermost[0]));
            // Whether 255 of a kind fit depends on how many references each takes.
            if depth != 255 {
                assert_eq!(written.is_ok(), fits, "{depth}: {written:?}");
            }
        }
    }
}

/// Forty thousand types that share one string, each from a byte further on. Read for each type
/// from there to its end, it would be 2.4 GB.
#[test]
fn a_long_string_is_not_read_for_each_type() {
    const TYPES: u32 = 40_000;
    for kind in [Kind::Int, Kind::Struct, Kind::Fwd, Kind::Typedef] {
        let mut builder = Builder::new();
        let name = builder.add_string("x".repeat(2 * TYPES as usize)).unwrap();
        for n in 0..TYPES {
            let id = match kind {
                Kind::Int => builder.add_int("i", 4, IntEncoding::SIGNED),
                Kind::Struct => builder.add_struct("s", 0),
                Kind::Fwd => builder.add_fwd("f", purebpf_btf::types::FwdKind::Struct),
                _ => builder.add_typedef("t", TypeId::VOID),
            };
            builder.record_mut(id.unwrap()).unwrap().set_word(0, name.0 + n);
        }
        let btf = Btf::parse(builder.finish()).unwrap();
        let last = "x".repeat(TYPES as usize + 1);
        assert_eq!(btf.find(&last, kind), Some(TypeId(TYPES)));
        assert_eq!(btf.pointer_size(), None);
        let is_too_large = |result| matches!(result, Err(Error::DumpTooLarge { .. }));
        let text = &mut Bounded::new(btf.raw_data().len());
        assert!(is_too_large(Header::new(&btf).write(text)));
        text.left = Bounded::new(btf.raw_data().len()).left;
        let unsorted = Header::new(&btf).sorted(false).write(text);
        // Integers are not written, so that in their own order nobody asks for their names.
        assert!(if kind == Kind::Int { unsorted.is_ok() } else { is_too_large(unsorted) });
        text.left = Bounded::new(btf.raw_data().len()).left;
        assert!(is_too_large(dump::raw(&btf, text)));
    }
}
