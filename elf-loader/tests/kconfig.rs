//! Values of the kernel's configuration: what libbpf makes of each text for each type, where they are looked for, and what is
//! said when one is missing.

mod common;

use std::io::Write;

use common::open;
use purebpf_elf_loader::Error;
use purebpf_elf_loader::kconfig::{Values, unpack};
use purebpf_elf_loader::load::{Call, DryKernel, FailNth, Kernel, Options, prepare};
use purebpf_elf_loader::object::{ExternKind, Object};
use purebpf_sys::probes::Feature;
use purebpf_sys::system::version;

/// What libbpf 1.8 puts into the `.kconfig` map of kconfig_types.bpf.o, loaded with each of these lines as its `kconfig`
/// option: the map as it was read back, or that the load was refused.
const LIBBPF: &str = include_str!("kconfig/values.txt");

fn given<H>(text: &str) -> Options<H> {
    let mut options = Options::default();
    options.kconfig = Some(text.to_owned());
    options
}

/// What the `.kconfig` map holds; nothing was written when that is zero.
fn contents(object: &Object, kernel: &DryKernel) -> Vec<u8> {
    let calls = kernel.calls();
    let found = calls.iter().find_map(|call| match call {
        Call::MapCreate { map, name, value_size, .. } if name.ends_with(".kconfig") => Some((*map, *value_size)),
        _ => None,
    });
    let (number, size) = found.unwrap_or_else(|| panic!("{} has a .kconfig map", object.name));
    assert!(calls.contains(&Call::MapFreeze { map: number }));
    let written = calls.iter().find_map(|call| match call {
        Call::MapUpdate { map, value, .. } if *map == number => Some(value.clone()),
        _ => None,
    });
    written.unwrap_or_else(|| vec![0; size as usize])
}

fn value(object: &Object, contents: &[u8], name: &str) -> Vec<u8> {
    let place = object.externs.iter().find_map(|ext| match ext.kind {
        ExternKind::Kconfig { offset, size, .. } if ext.name == name => Some((offset as usize, size as usize)),
        _ => None,
    });
    let (offset, size) = place.unwrap();
    contents[offset..offset + size].to_vec()
}

/// One program of kconfig.bpf.o, all of which are off by themselves.
fn only(program: &str) -> Object {
    let mut object = open("kconfig");
    let id = object.program(program).unwrap();
    object.programs[id.0].autoload = true;
    object
}

fn refusal<K: Kernel>(object: &Object, kernel: K, options: Options<K::Handle>) -> Error {
    prepare(object, kernel, options).map(drop).unwrap_err()
}

#[test]
fn values_are_libbpf_s() {
    let object = open("kconfig_types");
    let mut refused = 0;
    for case in LIBBPF.lines() {
        let (line, expected) = case.rsplit_once('\t').unwrap();
        let kernel = DryKernel::new(None).with_config("");
        let ours = match prepare(&object, kernel.clone(), given(line)) {
            Ok(_) => contents(&object, &kernel).iter().map(|byte| format!("{byte:02x}")).collect(),
            Err(Error::KconfigValue { name, value, .. }) => {
                assert_eq!(format!("{name}={value}"), line);
                refused += 1;
                "refused".to_owned()
            }
            Err(other) => panic!("{line}: {other}"),
        };
        assert_eq!(ours, expected, "{line}");
    }
    assert!(refused > 100 && refused < LIBBPF.lines().count());
}

/// As bpf_object__resolve_externs has it: the first line that names an option counts, those of the text given come before the
/// system's, which is read only for what is left.
#[test]
fn the_text_given_comes_before_the_system_s() {
    let object = only("read_options");
    let system =
        "CONFIG_HZ=250\nCONFIG_HZ=300\nCONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=m\nCONFIG_DEFAULT_HOSTNAME=\"(none)\"\n";
    let kernel = DryKernel::new(None).with_config(system);
    prepare(&object, kernel.clone(), given("CONFIG_BPF_JIT=n\n# CONFIG_HZ is not set\nCONFIG_UNHEARD_OF=\"x\""))
        .unwrap();
    assert!(kernel.calls().contains(&Call::Config));
    let found = contents(&object, &kernel);
    assert_eq!(value(&object, &found, "CONFIG_HZ"), 250i32.to_ne_bytes());
    assert_eq!(value(&object, &found, "CONFIG_BPF_SYSCALL"), [1]);
    assert_eq!(value(&object, &found, "CONFIG_BPF_JIT"), 0i32.to_ne_bytes());
    assert_eq!(value(&object, &found, "CONFIG_DEFAULT_HOSTNAME"), *b"(none)\0\0");
    assert_eq!(value(&object, &found, "CONFIG_PUREBPF_WEAK"), [0; 4]);

    // Nothing is left: no file is read.
    let kernel = DryKernel::new(None);
    prepare(&object, kernel.clone(), given(&format!("{system}CONFIG_PUREBPF_WEAK=-7"))).unwrap();
    assert!(!kernel.calls().contains(&Call::Config));
    assert_eq!(value(&object, &contents(&object, &kernel), "CONFIG_PUREBPF_WEAK"), (-7i32).to_ne_bytes());
}

#[test]
fn what_no_file_names_a_kernel_tells() {
    let object = only("read_version");
    let kernel = DryKernel::new(None).without([Feature::BpfCookie]);
    prepare(&object, kernel.clone(), Options::default()).unwrap();
    assert!(!kernel.calls().contains(&Call::Config));
    let found = contents(&object, &kernel);
    assert_eq!(value(&object, &found, "LINUX_KERNEL_VERSION"), version(7, 2, 0).to_ne_bytes());
    assert_eq!(value(&object, &found, "LINUX_HAS_BPF_COOKIE"), [0]);
    assert_eq!(value(&object, &found, "LINUX_HAS_SYSCALL_WRAPPER"), [1]);
    assert_eq!(value(&object, &found, "LINUX_NO_SUCH_VALUE"), [0; 4]);

    let mut strong = object.clone();
    strong.externs.iter_mut().for_each(|ext| ext.weak = false);
    let error = refusal(&strong, DryKernel::new(None), Options::default()).to_string();
    assert!(error.contains("LINUX_NO_SUCH_VALUE") && error.contains("LINUX_HAS_BPF_COOKIE"), "{error}");
}

#[test]
fn an_option_that_is_missing_is_named_with_what_it_may_mean() {
    let object = only("read_misspelt");
    let error = |kernel: DryKernel, options| refusal(&object, kernel, options).to_string();
    let config = "CONFIG_BPF_SYSCALL=y\nCONFIG_BPF=y\n# CONFIG_BPF_PRELOAD is not set\n";
    assert_eq!(
        error(DryKernel::new(None).with_config(config), Options::default()),
        "extern kconfig 'CONFIG_BPF_SYSCAL' was not found: it is not in the dry kernel's configuration; \
         the nearest names are CONFIG_BPF_SYSCALL, CONFIG_BPF_PRELOAD, CONFIG_BPF"
    );
    assert_eq!(
        error(DryKernel::new(None).with_config("# CONFIG_BPF_SYSCAL is not set\n"), given("")),
        "extern kconfig 'CONFIG_BPF_SYSCAL' was not found: it is not set in the configuration given and \
         the dry kernel's configuration; declared __weak, it would be zero"
    );
    assert_eq!(
        error(DryKernel::new(None), Options::default()),
        "extern kconfig 'CONFIG_BPF_SYSCAL' was not found: no configuration can be read: this kernel has none"
    );
    assert_eq!(
        error(DryKernel::new(None), given("CONFIG_BPF_SYSCAL=\"yes\"")),
        "extern 'CONFIG_BPF_SYSCAL': '\"yes\"' (the configuration given) is a string, which an integer is not"
    );
    // bpf_object__process_kconfig_line: whatever option the line is about.
    for (line, what) in [("CONFIG_ANY", "has no '='"), ("CONFIG_ANY=", "has no value")] {
        assert_eq!(error(DryKernel::new(None), given(line)), format!("the configuration given: '{line}' {what}"));
    }
    // Nobody who is to be loaded asks for it: in nobody's way.
    let kernel = DryKernel::new(None);
    prepare(&open("kconfig"), kernel.clone(), given("CONFIG_ANY")).unwrap();
    assert!(!kernel.calls().contains(&Call::Config));
}

#[test]
fn a_configuration_that_cannot_be_read_leaves_nothing() {
    let object = only("read_misspelt");
    let kernel = DryKernel::new(None).with_config("CONFIG_BPF_SYSCAL=1");
    let error = refusal(&object, FailNth::new(kernel.clone(), 0, 13), Options::default()).to_string();
    assert!(error.contains("CONFIG_BPF_SYSCAL") && error.contains("the configuration: "), "{error}");
    assert_eq!(kernel.live(), 0);
    prepare(&object, kernel, Options::default()).expect("and can be loaded again");
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn packed_configurations_are_unpacked_and_bounded() {
    let text = b"CONFIG_HZ=250\n".repeat(1000);
    assert_eq!(unpack(text.clone()).unwrap(), text);
    assert_eq!(unpack(packed(&text)).unwrap(), text);
    // 64 MB of zeros pack into 64 kB or so.
    let error = unpack(packed(&vec![0; 64 << 20])).unwrap_err();
    assert!(error.contains("larger than any configuration"), "{error}");
    let whole = packed(&text);
    for len in 2..whole.len() {
        assert!(unpack(whole[..len].to_vec()).is_err(), "cut at {len}");
    }
}

/// Damaged texts: whatever comes of them, values stay within their externs.
#[test]
fn damaged_configurations_are_harmless() {
    let object = open("kconfig_types");
    let lines: Vec<&str> = LIBBPF.lines().map(|line| line.rsplit_once('\t').unwrap().0).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |limit: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    };
    let mut taken = 0;
    for _ in 0..20_000 {
        let mut text: Vec<u8> = (0..3).flat_map(|_| [lines[random(lines.len())], "\n"].concat().into_bytes()).collect();
        for _ in 0..random(4) {
            let at = random(text.len());
            match random(3) {
                0 => text[at] = random(256) as u8,
                1 => text.truncate(at + 1),
                _ => text.insert(at, b"\"=-0x\n\0"[random(7)]),
            }
        }
        let mut values = Values::new(&object, |_| true);
        taken += usize::from(values.read(&text, "mutant").is_ok());
        for (offset, bytes) in values.into_parts() {
            let fits = object.externs.iter().any(|ext| match ext.kind {
                ExternKind::Kconfig { offset: place, size, .. } => place == offset && bytes.len() <= size as usize,
                _ => false,
            });
            assert!(fits, "{}", text.escape_ascii());
        }
        let mut gzip = packed(&text);
        let at = random(gzip.len());
        gzip[at] ^= 1 << random(8);
        // Its checksum tells most damage; what matters is that it comes back.
        let _ = unpack(gzip);
    }
    assert!(taken > 1000, "some are as good as the original: {taken}");
}
