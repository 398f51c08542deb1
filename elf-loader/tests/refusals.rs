//! What is told of a refused load: for each log that a kernel of the matrix or this project's machine wrote
//! (`refusals/SERIES/NAME.log`), the whole error, as a file to be read (`NAME.txt`). `kernel.txt` says which kernel it was, what
//! it loads, and what it has whose names are near those that the programs ask for.
//!
//! When errors are worded anew, `PUREBPF_GOLDEN=write` writes the texts. When programs change or kernels are added, the logs
//! come from what the kernel test prints, wherever it runs:
//!
//! ```text
//! cargo xtask vm --package purebpf-elf-loader errors_are_those
//! cargo test -p purebpf-elf-loader --test kernel_refusals -- --nocapture >target/vm/host-tests.log
//! PUREBPF_GOLDEN=write cargo test -p purebpf-elf-loader --test refusals
//! ```

#[path = "refusals/cases.rs"]
mod cases;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::{env, fs};

use cases::{CASES, Case, Refusal, Staged, series};
use purebpf_btf::builder::Builder;
use purebpf_btf::{Btf, KernelBtf, Kind, Linkage, TypeId};
use purebpf_elf_loader::load::DryKernel;

const SERIES: [&str; 5] = ["5.10", "6.1", "6.12", "6.18", "7.2"];

/// A screen.
const LINES: usize = 24;
const COLUMNS: usize = 100;

/// Files are read while none is written.
static FILES: Mutex<()> = Mutex::new(());

fn folder(series: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refusals").join(series)
}

/// Takes the logs from what the kernel test printed.
fn import() {
    let transcripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/vm");
    for entry in fs::read_dir(transcripts).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with("-tests.log") {
            import_from(&fs::read_to_string(path).unwrap());
        }
    }
}

fn import_from(transcript: &str) {
    let mut lines = transcript.lines().map(|line| line.strip_prefix("@| ").unwrap_or(line));
    let Some(release) = lines.find_map(|line| line.strip_prefix("golden kernel ")) else { return };
    let folder = folder(&series(release));
    _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let mut kernel = format!("kernel {release}\n");
    while let Some(line) = lines.next() {
        match line.strip_prefix("golden ").and_then(|what| what.split_once(' ')) {
            Some(("begin", what)) => {
                let (name, errno) = what.split_once(' ').unwrap();
                let log: Vec<&str> = lines.by_ref().take_while(|line| *line != "golden end").collect();
                // Where the kernel said nothing, there is no line either.
                let log = log.join("\n").trim_end().lines().fold(String::new(), |log, line| log + line + "\n");
                fs::write(folder.join(format!("{name}.log")), format!("errno {errno}\n{log}")).unwrap();
            }
            Some((what, name)) => kernel += &format!("{what} {name}\n"),
            None => {}
        }
    }
    fs::write(folder.join("kernel.txt"), kernel).unwrap();
}

/// What a kernel said.
fn refusal(series: &str, name: &str) -> Option<Refusal> {
    let text = fs::read_to_string(folder(series).join(format!("{name}.log"))).ok()?;
    let (errno, log) = text.strip_prefix("errno ")?.split_once('\n')?;
    Some(Refusal { errno: errno.parse().unwrap(), log: log.to_owned() })
}

/// Types that have all that the programs' relocations look for, and functions of these names alone: those of the object
/// itself, without the names of its functions and variables and of what no kernel has.
fn kernel_btf<'a>(functions: impl Iterator<Item = &'a str>) -> KernelBtf {
    let local = CASES[0].object().btf.unwrap();
    let mut builder = Builder::copy_of(&local);
    for t in local.types() {
        if matches!(t.kind(), Kind::Func | Kind::Var) || t.name() == Some("task_struct___other") {
            builder.map_string(t.name_offset(), |_| b'x');
        }
    }
    for name in functions {
        let proto = builder.add_func_proto(TypeId::VOID).unwrap();
        builder.add_func(name, Linkage::STATIC, proto).unwrap();
    }
    KernelBtf::new(Btf::parse(builder.finish()).unwrap())
}

/// The kernel of a series, as far as a refusal needs it.
fn kernel(series: &str, case: &Case) -> Staged<DryKernel> {
    let facts = fs::read_to_string(folder(series).join("kernel.txt")).unwrap();
    let these = |what: &'static str| facts.lines().filter_map(move |line| line.strip_prefix(what));
    let symbols: String = these("ksym ").map(|name| format!("0 T {name}\n")).collect();
    let dry = DryKernel::new(Some(kernel_btf(these("func ")))).with_kallsyms(&symbols);
    let mut kernel = Staged::new(dry, usize::MAX);
    kernel.refuse_types = refusal(series, &format!("{}.btf", case.name));
    kernel.refuse_program = refusal(series, case.name);
    kernel
}

#[test]
fn each_error_is_one_screen_and_says_why() {
    let _files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let write = env::var_os("PUREBPF_GOLDEN").is_some_and(|value| value == "write");
    if write {
        import();
    }
    let mut refused = 0;
    for series in SERIES {
        let loads = fs::read_to_string(folder(series).join("kernel.txt")).unwrap();
        for case in CASES {
            let golden = folder(series).join(format!("{}.txt", case.name));
            if loads.lines().any(|line| line == format!("loads {}", case.name)) {
                assert!(!golden.exists(), "{series} loads it: {}", golden.display());
                continue;
            }
            refused += 1;
            if let Some(refusal) = refusal(series, case.name) {
                assert_eq!(
                    refusal.log.contains("[the log is longer"),
                    case.log_size < usize::MAX,
                    "{series}: {}",
                    case.name
                );
            }
            let error = case.load(kernel(series, case)).unwrap_or_else(|| panic!("{series}: {} loads", case.name));
            let text = format!("{error}\n");
            assert!(text.lines().count() <= LINES, "{series}: {}: {text}", case.name);
            // What has no log is a sentence.
            let wide = text.lines().skip(1).find(|line| line.chars().count() > COLUMNS);
            assert_eq!(wide, None, "{series}: {}", case.name);
            if write {
                fs::write(golden, text).unwrap();
            } else {
                assert_eq!(text, fs::read_to_string(&golden).unwrap(), "{}", golden.display());
            }
        }
    }
    assert!(refused > SERIES.len() * (CASES.len() - 3), "{refused}");
}

/// Kernels may cut logs anywhere, and this version does not know those to come.
#[test]
fn any_piece_of_a_log_is_one_screen() {
    let _files = FILES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut pieces = 0;
    // The oldest way to write them and the newest.
    for series in [SERIES[0], SERIES[SERIES.len() - 1]] {
        for case in CASES {
            let mut kernel = kernel(series, case);
            let Some(Refusal { errno, log }) = kernel.refuse_program.take() else { continue };
            let step = (log.len() / 4).max(7);
            for at in (0..log.len()).step_by(step).filter(|at| log.is_char_boundary(*at)) {
                let (start, end) = log.split_at(at);
                for log in [start.to_owned(), end.to_owned(), format!("{end}{start}")] {
                    kernel.refuse_program = Some(Refusal { errno, log });
                    let text = case.load(kernel.clone()).unwrap().to_string();
                    assert!(text.lines().count() <= LINES, "{series}: {}: {text}", case.name);
                    assert!(
                        text.lines().all(|line| line.chars().count() <= COLUMNS),
                        "{series}: {}: {text}",
                        case.name
                    );
                    pieces += 1;
                }
            }
        }
    }
    assert!(pieces > 400, "{pieces}");
}
