//! That the running kernel refuses what `tests/programs/refusals.bpf.c` has as the golden files of its series say: the same
//! text, where nothing in it is an address.
//!
//! What is printed on the way is what the golden files are made of: see `refusals.rs`.

#[path = "refusals/cases.rs"]
mod cases;
#[path = "../../tests/common/leaks.rs"]
mod leaks;

use std::{env, fs};

use cases::{CASES, Staged, series};
use purebpf_btf::{KernelBtf, Kind, Nearest};
use purebpf_elf_loader::Error;
use purebpf_elf_loader::load::{RunningKernel, running_kernel_btf};

/// The functions and symbols that programs ask for and that are nowhere.
const MISSING_FUNCTIONS: [&str; 3] = ["bpf_rcu_read_lokc", "bpf_rcu_read_unlokc", "vfs_raed"];
const MISSING_SYMBOLS: [&str; 1] = ["init_tsk"];

const RELEASE: &str = "/proc/sys/kernel/osrelease";

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

/// The functions that are near those that are missing.
fn near_functions(kernel: &KernelBtf, missing: &str) -> Vec<String> {
    let mut nearest = Nearest::new(missing);
    let modules = kernel.modules().iter().filter_map(|module| module.btf(kernel.vmlinux()).ok());
    let all = kernel.vmlinux().types().chain(modules.flat_map(purebpf_btf::Btf::own_types));
    all.filter(|t| t.kind() == Kind::Func).for_each(|t| nearest.offer(t.name_bytes()));
    nearest.into_names()
}

fn near_symbols(missing: &str) -> Vec<String> {
    let mut nearest = Nearest::new(missing);
    let symbols = fs::read("/proc/kallsyms").unwrap();
    for line in symbols.split(|&byte| byte == b'\n') {
        line.split(u8::is_ascii_whitespace).nth(2).into_iter().for_each(|name| nearest.offer(name));
    }
    nearest.into_names()
}

/// Addresses differ from one boot to the next.
fn without_addresses(text: &str) -> String {
    let mut pieces = text.split("0xffff");
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        result += if piece.len() - rest.len() == 12 { "0xffff..." } else { "0xffff" };
        result += if piece.len() - rest.len() == 12 { rest } else { piece };
    }
    result
}

#[test]
fn errors_are_those_of_the_golden_files() {
    let _watch = leaks::Watch::start();
    if !is_root() {
        println!("skipped: needs root");
        return;
    }
    let release = fs::read_to_string(RELEASE).unwrap().trim().to_owned();
    println!("\ngolden kernel {release}");
    let btf = running_kernel_btf().unwrap();
    for missing in MISSING_FUNCTIONS {
        near_functions(&btf, missing).iter().for_each(|name| println!("golden func {name}"));
    }
    for missing in MISSING_SYMBOLS {
        near_symbols(missing).iter().for_each(|name| println!("golden ksym {name}"));
    }

    let folder = format!("{}/tests/refusals/{}", env!("CARGO_MANIFEST_DIR"), series(&release));
    let golden = |file: String| fs::read_to_string(format!("{folder}/{file}")).ok();
    // Of one series, each build of each distribution has its own fixes.
    let recorded =
        golden("kernel.txt".into()).is_some_and(|text| text.lines().any(|line| line == format!("kernel {release}")));
    let mut differing = String::new();
    for case in CASES {
        let kernel = Staged::new(RunningKernel::new(), case.log_size);
        let error = case.load(kernel.clone());
        if let Some(types) = &*kernel.types_log.lock().unwrap() {
            println!("golden begin {}.btf {}\n{}\ngolden end", case.name, types.errno, types.log);
        }
        match &error {
            None => println!("golden loads {}", case.name),
            Some(Error::Rejected { cause, rejection, .. }) => {
                println!("golden begin {} {}\n{}\ngolden end", case.name, cause.errno(), rejection.log);
            }
            Some(_) => {}
        }
        let text = error.map(|error| without_addresses(&format!("{error}\n")));
        let expected = golden(format!("{}.txt", case.name)).map(|text| without_addresses(&text));
        if text != expected {
            let shown = |text: Option<String>| text.unwrap_or_else(|| "it loads\n".into());
            differing += &format!("--- {}, golden\n{}--- here\n{}", case.name, shown(expected), shown(text));
        }
    }
    if !recorded && env::var_os("PUREBPF_MATRIX").is_none() {
        println!("skipped: this kernel is none of those that golden errors were recorded on");
        return;
    }
    assert!(differing.is_empty(), "{differing}");
}
