//! Damage: to bytes anywhere, to each of the tables that an object is of, to names, to sections as such, and to its BTF, where it gets
//! further.

use super::elf::{self, Section, Table, get, header, put, section_headers, sections};
use crate::stress::{btf, random::Random};

/// Does something to the object. `others` are whole.
pub(super) fn mutate(file: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    match random.below(32) {
        0 | 1 => random.flip_bit(file),
        2 => set_byte(file, random),
        3 => truncate(file, random),
        4 => edit(file, &header(), random),
        5..=7 => {
            let headers = section_headers(file);
            edit(file, &headers, random);
        }
        8..=11 => edit_section_of(file, random, |_, section| section.kind == elf::SHT_SYMTAB),
        12..=15 => edit_section_of(file, random, |_, section| section.kind == elf::SHT_REL),
        16 | 17 => edit_section_of(file, random, |_, _| true),
        18 | 19 => edit_section_of(file, random, |file, section| section.name(file) == b".BTF.ext"),
        20..=23 => damage_btf(file, random),
        24 => damage_strings(file, random),
        25 | 26 => rename(file, random),
        27 => swap(file, random),
        28 => repeat(file, random),
        29 => repeat_header(file, random),
        30 => transplant(file, others, random),
        _ => resize(file, random),
    }
}

fn set_byte(file: &mut [u8], random: &mut Random) {
    let at = random.below(file.len());
    if let Some(byte) = file.get_mut(at) {
        *byte = random.next() as u8;
    }
}

/// Cuts the end off, where the table of sections is: little is left to read. Or cuts something out, and has the header know of it.
fn truncate(file: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(file.len());
    if random.one_in(8) {
        file.truncate(at);
        return;
    }
    let len = (1 + random.below(64)) * random.pick(&[1, 8]);
    elf::cut(file, at..at.saturating_add(len).min(file.len()));
}

/// A number that something may stumble over.
fn telling_number(file: &[u8], random: &mut Random) -> u64 {
    let small = random.below(64) as u64;
    let len = file.len() as u64;
    random.pick(&[
        0,
        1,
        2,
        small,
        small << 3,
        1 << small,
        (1 << small) - 1,
        len,
        len - len % 8,
        len.wrapping_neg(),
        section_headers(file).count as u64,
        0x7f,
        0xff,
        // SHN_LORESERVE, SHN_ABS, SHN_COMMON, SHN_XINDEX.
        0xff00,
        0xfff1,
        0xfff2,
        0xffff,
        0x7fff_ffff,
        0x8000_0000,
        u64::from(u32::MAX),
        i64::MAX as u64,
        1 << 63,
        u64::MAX - 7,
        u64::MAX,
    ])
}

/// Another number in a field of a record: one that tells, one near what was there, that of another record, or one bit.
fn edit(file: &mut [u8], table: &Table, random: &mut Random) {
    if table.count == 0 {
        return;
    }
    let place = table.place(random.below(table.count));
    let field = random.pick(table.fields);
    let old = get(file, place, field);
    let number = match random.below(4) {
        0 => telling_number(file, random),
        1 => {
            let step = random.pick(&[1, 2, 4, 8, 16, 24]);
            if random.one_in(2) { old.wrapping_add(step) } else { old.wrapping_sub(step) }
        }
        2 => get(file, table.place(random.below(table.count)), field),
        _ => old ^ 1 << random.below(field.width * 8),
    };
    put(file, place, field, number);
}

/// One of the sections that are wanted.
fn pick(file: &[u8], random: &mut Random, wanted: impl Fn(&[u8], &Section) -> bool) -> Option<Section> {
    let mut sections = sections(file);
    sections.retain(|section| wanted(file, section));
    (!sections.is_empty()).then(|| sections.swap_remove(random.below(sections.len())))
}

fn pick_any(file: &[u8], random: &mut Random) -> Option<Section> {
    pick(file, random, |_, section| !section.range.is_empty())
}

fn edit_section_of(file: &mut [u8], random: &mut Random, wanted: impl Fn(&[u8], &Section) -> bool) {
    let Some(section) = pick(file, random, wanted) else { return };
    for _ in 0..=random.below(3) {
        edit(file, &section.table(), random);
    }
}

/// What `stress btf` does to BTF.
fn damage_btf(file: &mut Vec<u8>, random: &mut Random) {
    let Some(section) = pick(file, random, |file, section| section.name(file) == b".BTF") else { return };
    let mut types = file[section.range.clone()].to_vec();
    btf::mutate::mutate(&mut types, random);
    elf::replace(file, &section, &types);
}

/// Names of sections that mean something, and such as libbpf has opinions about.
const NAMES: &[&str] = &[
    ".maps",
    "maps",
    ".text",
    "license",
    "version",
    ".BTF",
    ".BTF.ext",
    ".kconfig",
    ".ksyms",
    ".rodata.x",
    ".data.y",
    ".bss",
    ".struct_ops",
    ".struct_ops.link",
    "?.struct_ops",
    ".addr_space.1",
    ".jumptables",
    ".exception_callback",
    "struct_ops/init",
    "?raw_tp",
    "kprobe/do_exit+0x8",
    "kprobe.multi/vfs_*",
    "ksyscall/read",
    "uprobe//bin/true:main+4",
    "uprobe.multi//bin/*:f*",
    "usdt//bin/true:p:q",
    "tp/sched/sched_switch",
    "raw_tp/sched_switch",
    "tp_btf/sched_switch",
    "fentry/ext4:vfs_read",
    "fmod_ret.s/bpf_modify_return_test",
    "freplace/f",
    "lsm.s/file_open",
    "lsm_cgroup/socket_post_create",
    "iter/task",
    "xdp.frags/devmap",
    "tcx/ingress",
    "netkit/peer",
    "cgroup/getsockopt",
    "sk_skb/stream_verdict",
    "sk_reuseport/migrate",
    "perf_event",
    "syscall",
    "socket",
    "fentry/",
    "kprobe/",
    "/",
    "?",
    "",
    "\u{e9}\u{fffd}",
];

/// Something else in a string: a byte, or a name.
fn damage_strings(file: &mut [u8], random: &mut Random) {
    let Some(section) = pick(file, random, |_, section| section.kind == elf::SHT_STRTAB) else { return };
    let at = match random.below(4) {
        0 => section.range.end.saturating_sub(1),
        1 => section.range.start,
        _ => section.range.start + random.below(section.range.len()),
    };
    let byte = [random.pick(&[0, b'a', b'.', b'/', b'%', b'\n', b'_', b'?', 0x80, 0xff])];
    let bytes = if random.one_in(3) { random.pick(NAMES).as_bytes() } else { &byte };
    let place = file.get_mut(at..).unwrap_or_default();
    place.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
}

fn rename(file: &mut Vec<u8>, random: &mut Random) {
    let (Some(section), Some(other)) = (pick_any(file, random), pick_any(file, random)) else { return };
    let name = match random.one_in(3) {
        true => other.name(file).to_vec(),
        false => random.pick(NAMES).as_bytes().to_vec(),
    };
    elf::rename(file, &section, &name);
}

/// One of the tables: that of sections, or what a section holds.
fn any_table(file: &[u8], random: &mut Random) -> Option<(Table, Option<Section>)> {
    if random.one_in(4) {
        return Some((section_headers(file), None));
    }
    let section = pick_any(file, random)?;
    Some((section.table(), Some(section)))
}

/// Two records in each other's place.
fn swap(file: &mut [u8], random: &mut Random) {
    let Some((table, _)) = any_table(file, random) else { return };
    let (first, second) = (random.below(table.count), random.below(table.count));
    if first < second && table.place(second) + table.record <= file.len() {
        let (before, after) = file.split_at_mut(table.place(second));
        let first = &mut before[table.place(first)..][..table.record];
        first.swap_with_slice(&mut after[..table.record]);
    }
}

/// Records once more at the end of their section: few, or many that are alike.
fn repeat(file: &mut Vec<u8>, random: &mut Random) {
    let Some(section) = pick_any(file, random) else { return };
    let table = section.table();
    if table.count == 0 {
        return;
    }
    let place = table.place(random.below(table.count));
    let times = if random.one_in(8) { 1 + random.below(4096) } else { 1 + random.below(8) };
    let mut bytes = file[section.range.clone()].to_vec();
    bytes.extend(file[place..place + table.record].repeat(times));
    elf::replace(file, &section, &bytes);
}

/// Sections once more: the same bytes, under the same name.
fn repeat_header(file: &mut Vec<u8>, random: &mut Random) {
    let Some(section) = pick_any(file, random) else { return };
    let times = if random.one_in(8) { 1 + random.below(1024) } else { 1 + random.below(4) };
    elf::repeat_header(file, &section, times);
}

/// A section of another object in the place of one: of the same name, or of any.
fn transplant(file: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    let other = &others[random.below(others.len())];
    let Some(section) = pick_any(file, random) else { return };
    let name = section.name(file).to_vec();
    let any = random.one_in(3);
    let Some(from) = pick(other, random, |other, from| any || from.name(other) == name) else { return };
    elf::replace(file, &section, &other[from.range]);
}

/// Takes bytes off a section's end, or adds some.
fn resize(file: &mut Vec<u8>, random: &mut Random) {
    let Some(section) = pick_any(file, random) else { return };
    let mut bytes = file[section.range.clone()].to_vec();
    let by = random.pick(&[1, 4, 8, 16, 24, 32, 4096]);
    let len = if random.one_in(2) { bytes.len().saturating_sub(by) } else { bytes.len() + by };
    bytes.resize(len, random.next() as u8);
    elf::replace(file, &section, &bytes);
}
