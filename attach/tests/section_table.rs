//! The section table against a list taken from libbpf 1.8's `section_defs` (`tests/data/sections.tsv`): every row, in its
//! order, and every look-up that can tell two rows apart.

use purebpf_attach::section::{
    AutoAttach, Extras, SECTIONS, SectionFlags, SectionName, attach_type_by_name, prog_type_by_name,
};
use purebpf_sys::uapi::{AttachType, ProgType};

/// One line of the list: section, `+`, program type, expected attach type, flags, libbpf's attach function.
struct Line<'a> {
    section: &'a str,
    extras: bool,
    prog_type: &'a str,
    attach_type: Option<&'a str>,
    flags: Vec<&'a str>,
    auto_attach: &'a str,
}

fn lines() -> Vec<Line<'static>> {
    include_str!("data/sections.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            let [section, extras, prog_type, attach_type, flags, auto_attach] = columns[..] else {
                panic!("{line}");
            };
            Line {
                section,
                extras: extras == "+",
                prog_type,
                attach_type: (attach_type != "-").then_some(attach_type),
                flags: if flags == "-" { vec![] } else { flags.split('+').collect() },
                auto_attach,
            }
        })
        .collect()
}

fn prog_type(name: &str) -> ProgType {
    ProgType::from_name(&name.to_lowercase()).unwrap_or_else(|| panic!("{name}"))
}

fn attach_type(name: Option<&str>) -> Option<AttachType> {
    name.map(|name| {
        let name = name.strip_prefix("BPF_").unwrap().to_lowercase();
        AttachType::from_name(&name).unwrap_or_else(|| panic!("{name}"))
    })
}

fn flags(names: &[&str]) -> SectionFlags {
    names
        .iter()
        .map(|name| match *name {
            "ATTACHABLE" => SectionFlags::ATTACHABLE,
            "ATTACHABLE_OPT" => SectionFlags::ATTACHABLE | SectionFlags::EXP_ATTACH_OPT,
            "ATTACH_BTF" => SectionFlags::ATTACH_BTF,
            "SLEEPABLE" => SectionFlags::SLEEPABLE,
            "XDP_FRAGS" => SectionFlags::XDP_FRAGS,
            "USDT" => SectionFlags::USDT,
            other => panic!("{other}"),
        })
        .collect()
}

/// libbpf's function that attaches by each of ours.
fn libbpf_function(auto_attach: AutoAttach) -> &'static str {
    match auto_attach {
        AutoAttach::None => "-",
        AutoAttach::Kprobe => "attach_kprobe",
        AutoAttach::Uprobe => "attach_uprobe",
        AutoAttach::Ksyscall => "attach_ksyscall",
        AutoAttach::KprobeMulti => "attach_kprobe_multi",
        AutoAttach::KprobeSession => "attach_kprobe_session",
        AutoAttach::UprobeMulti => "attach_uprobe_multi",
        AutoAttach::Usdt => "attach_usdt",
        AutoAttach::Tracepoint => "attach_tp",
        AutoAttach::RawTracepoint => "attach_raw_tp",
        AutoAttach::Tracing => "attach_trace",
        AutoAttach::TracingMulti => "attach_tracing_multi",
        AutoAttach::Lsm => "attach_lsm",
        AutoAttach::Iter => "attach_iter",
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_row_is_libbpfs() {
    let lines = lines();
    assert_eq!(lines.len(), 116);
    assert_eq!(SECTIONS.len(), lines.len());
    for (def, line) in SECTIONS.iter().zip(&lines) {
        assert_eq!(def.name, line.section);
        assert_eq!(def.extras != Extras::None, line.extras, "{}", def.name);
        assert_eq!(def.prog_type, prog_type(line.prog_type), "{}", def.name);
        assert_eq!(def.expected_attach_type, attach_type(line.attach_type), "{}", def.name);
        assert_eq!(def.flags, flags(&line.flags), "{}", def.name);
        assert_eq!(libbpf_function(def.auto_attach), line.auto_attach, "{}", def.name);
    }
}

/// The first line that matches, by libbpf's rule (`sec_def_matches`) written down once more.
fn expected<'l>(lines: &'l [Line<'static>], name: &str) -> Option<&'l Line<'static>> {
    lines.iter().find(|line| {
        if line.extras {
            name == line.section || name.starts_with(&format!("{}/", line.section))
        } else {
            name == line.section
        }
    })
}

#[test]
fn look_ups_find_libbpfs_row() {
    let lines = lines();
    let endings = ["", "/", "/x", "/x/y", "/x:y", ".s", ".s/x", ".multi/x*", "x", "+", "/devmap", "/ingress", " "];
    let mut found = 0;
    for line in &lines {
        for ending in endings {
            for cut in [0, 1] {
                let name = format!("{}{ending}", &line.section[..line.section.len() - cut]);
                let row = expected(&lines, &name);
                let section = SectionName::parse(&name);
                assert_eq!(section.map(|section| section.def.name), row.map(|row| row.section), "{name}");
                let types =
                    row.map(|row| (prog_type(row.prog_type), attach_type(row.attach_type).unwrap_or(AttachType(0))));
                assert_eq!(prog_type_by_name(&name), types, "{name}");
                let attachable = row.filter(|row| row.flags.iter().any(|flag| flag.starts_with("ATTACHABLE")));
                assert_eq!(
                    attach_type_by_name(&name),
                    attachable.and_then(|row| attach_type(row.attach_type)),
                    "{name}"
                );
                if let Some(section) = section {
                    found += 1;
                    assert_eq!(
                        format!("{}{}", section.def.name, section.extras.map_or(String::new(), |e| format!("/{e}"))),
                        name
                    );
                }
            }
        }
    }
    assert!(found > 116 * 2, "{found}");
}

#[test]
fn an_optional_program_means_the_same_program() {
    for def in SECTIONS {
        let marked = format!("?{}", def.name);
        let section = SectionName::parse(&marked).unwrap();
        assert_eq!((section.def.name, section.autoload, section.extras), (def.name, false, None));
        assert_eq!(prog_type_by_name(&marked), None, "libbpf's look-up by name knows no mark");
    }
}

/// Numbers that look random and are the same in each run (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// What goes wrong is an error that points into the name, at a character's boundary; what goes right is made of the
/// name's own parts.
#[test]
fn mutated_names_are_parsed_or_refused_in_place() {
    let seeds = [
        "kprobe/do_exit+0x10",
        "kretprobe/f",
        "uprobe//usr/lib/libc.so.6:malloc@@GLIBC_2.2.5+4",
        "uretprobe.s/x:y",
        "ksyscall/openat",
        "kprobe.multi/vfs_*",
        "uprobe.session/libc.so.6:mem*",
        "usdt/x:y:z",
        "tp/sched/sched_switch",
        "raw_tp.w/x",
        "tp_btf.s/m:n",
        "fentry/xfs:f",
        "fsession.multi/m:g?",
        "freplace/f",
        "lsm/file_open",
        "iter/task",
        "struct_ops/x",
        "xdp.frags/devmap",
        "?kprobe/x",
        "fexit.multi.s/*",
    ];
    let pieces = ["/", ":", "+", "@", "@@", "?", "*", "-", "0x", "9", " ", "\n", "\0", "é", "..", ".s", "!/", "𝕏", ""];
    let mut random = Random(0x5eed);
    let (mut parsed, mut refused) = (0, 0);
    for round in 0..20_000 {
        let mut name = seeds[round % seeds.len()].to_owned();
        for _ in 0..=random.below(4) {
            let mut at = random.below(name.len() + 1);
            while !name.is_char_boundary(at) {
                at -= 1;
            }
            match random.below(4) {
                0 => name.insert_str(at, pieces[random.below(pieces.len())]),
                1 if at < name.len() => drop(name.remove(at)),
                2 => name.truncate(at),
                _ => name.insert_str(at, seeds[random.below(seeds.len())]),
            }
        }
        let Some(section) = SectionName::parse(&name) else { continue };
        let _ = section.load_attributes();
        match section.target() {
            Ok(_) => parsed += 1,
            Err(purebpf_attach::Error::Section { section, position, .. }) => {
                refused += 1;
                assert_eq!(section, name);
                assert!(name.is_char_boundary(position) && position <= name.len(), "{name:?} {position}");
            }
            Err(other) => panic!("{name:?}: {other}"),
        }
    }
    assert!(parsed > 1000 && refused > 1000, "{parsed} parsed, {refused} refused");
}
