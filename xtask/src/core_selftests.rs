//! `core-selftests`: the kernel's own tests of CO-RE, tools/testing/selftests/bpf/prog_tests/core_reloc.c, with us in libbpf's place.
//!
//! Each case of its table is a program, the BTF of another layout of its types that it is relocated to, and either what the program
//! then finds there or that it cannot be loaded. The table is compiled as it stands, into a program that prints it (with libbpf, of
//! which some cases ask the numbers of types); programs and BTF are compiled by clang, with our headers; we load each program, attach it to
//! the tracepoint of system calls and look at what it left. Sources are the kernel's, and stay out of the project: they are
//! taken from Debian's package each time.

use crate::{
    corpus::{kernel_selftests, system_headers},
    debian::{Wanted, ensure_installed},
    error::{Context, Error, Result},
    fixtures::{CLANG, CLANG_PROGRAM, HELPERS, INSTRUCTION_SET, STRIP, STRIP_PROGRAM, write_vmlinux_header},
    process::run_quiet,
    reference::reference,
    workspace::{create_dir, root, target_dir, write},
};
use purebpf::{Object, kernel};
use std::{
    fs,
    path::Path,
    process::{self, Command},
    thread,
    time::Duration,
};

const USAGE: &str = "usage: cargo xtask core-selftests [FILTER]";

/// `struct data` of core_reloc.c, in which test and program speak to each other.
const IN: usize = 0;
const OUT: usize = 256;
const SKIP: usize = 512;
const MY_PID_TGID: usize = 520;

/// What core_reloc.c takes from the runner of the selftests, as far as its table needs it.
const TEST_PROGS_H: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <linux/types.h>
#include <bpf/libbpf.h>
#include <bpf/bpf.h>
#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))
#define CHECK(condition, ...) ((condition) ? 1 : 0)
#define CHECK_FAIL(condition) ((condition) ? 1 : 0)
#define ASSERT_OK(value, name) (!(value))
#define ASSERT_OK_PTR(value, name) ((value) != NULL)
#define ASSERT_GE(a, b, name) ((a) >= (b))
#define ASSERT_FALSE(value, name) (!(value))
static inline bool test__start_subtest(const char *name) { return false; }
static inline void test__skip(void) {}
static inline int trigger_module_test_read(int size) { return 0; }
static inline long sys_gettid(void) { return 0; }
static struct { bool has_testmod; } env;
"#;

/// Of the module's, whose cases are left out, the table says how large this is.
const TESTMOD_H: &str = "struct bpf_testmod_test_read_ctx { char *buf; long long off; unsigned long len; };";

/// Prints the table: of each case its name, object, BTF, program, what it is to be given and to find, in hexadecimal.
const TABLE_C: &str = r#"
#include "prog_tests/core_reloc.c"
static void hex(const char *bytes, int len)
{
	putchar('\t');
	for (int i = 0; bytes && i < len; i++)
		printf("%02x", (unsigned char)bytes[i]);
}
int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(test_cases); i++) {
		struct core_reloc_test_case test = test_cases[i];
		if (test.setup && test.setup(&test))
			return 1;
		printf("%s\t%s\t%s\t%s\t%d\t%d", test.case_name, test.bpf_obj_file, test.btf_src_file ?: "-", test.prog_name,
		       test.fails, test.needs_testmod);
		hex(test.input, test.input_len);
		hex(test.output, test.output_len);
		putchar('\n');
	}
	return 0;
}
"#;

/// A case of the table.
struct Case {
    name: String,
    object: String,
    btf: Option<String>,
    program: String,
    fails: bool,
    needs_module: bool,
    input: Vec<u8>,
    output: Vec<u8>,
}

/// Runs the task.
pub(crate) fn run(args: &[String]) -> Result {
    let filter = match args {
        [] => "",
        [filter] if !filter.starts_with('-') => filter,
        _ => return Err(USAGE.into()),
    };
    ensure_installed("compiling the kernel's selftests", &[CLANG, STRIP, Wanted::program("gcc", "gcc")])?;
    let selftests = kernel_selftests()?;
    let dir = target_dir().join("core-selftests");
    create_dir(&dir)?;
    compile_programs(&selftests, &dir)?;
    let cases = table(&selftests, &dir)?;
    // One case looks at the name of the process that it runs in.
    fs::write("/proc/self/comm", "test_progs").context("/proc/self/comm")?;
    let (mut passed, mut skipped, mut failed) = (0, 0, Vec::new());
    for case in cases.iter().filter(|case| case.name.contains(filter)) {
        match case.run(&dir) {
            Ok(Outcome::Passed) => passed += 1,
            Ok(Outcome::Skipped(why)) => {
                println!("skipped: {}: {why}", case.name);
                skipped += 1;
            }
            Err(error) => failed.push(format!("{}: {error}", case.name)),
        }
    }
    println!("core-selftests: {passed} cases as the kernel's table has them, {skipped} skipped, {} not", failed.len());
    if failed.is_empty() { Ok(()) } else { Err(Error::new(failed.join("\n"))) }
}

/// All programs and BTF of the tests, as objects in `dir` by the names that the table has.
fn compile_programs(selftests: &Path, dir: &Path) -> Result {
    let system = system_headers()?;
    let uapi = reference()?.join("source/tools/include/uapi");
    let include = dir.join("include");
    write_vmlinux_header(&include.join("vmlinux.h"))?;
    for source in fs::read_dir(selftests.join("progs")).context("progs")? {
        let source = source.context("progs")?.path();
        let stem = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if !stem.contains("core_reloc") || source.extension().is_none_or(|extension| extension != "c") {
            continue;
        }
        let object = dir.join(format!("{stem}.bpf.o"));
        let mut clang = Command::new(CLANG_PROGRAM);
        clang.args(["--target=bpfel", INSTRUCTION_SET, "-D__TARGET_ARCH_x86", "-O2", "-g", "-std=gnu11", "-w"]);
        clang.arg("-I").arg(root().join(HELPERS)).arg("-I").arg(selftests).arg("-I").arg(&include);
        clang.arg("-I").arg(&uapi).args(&system);
        run_quiet(clang.arg("-c").arg(&source).arg("-o").arg(&object)).context(source.display())?;
        run_quiet(Command::new(STRIP_PROGRAM).arg("-g").arg(&object)).context(source.display())?;
    }
    Ok(())
}

/// The table of core_reloc.c.
fn table(selftests: &Path, dir: &Path) -> Result<Vec<Case>> {
    let stubs = dir.join("stubs");
    write(&stubs.join("test_progs.h"), TEST_PROGS_H.as_bytes())?;
    write(&stubs.join("test_kmods/bpf_testmod.h"), TESTMOD_H.as_bytes())?;
    write(&stubs.join("table.c"), TABLE_C.as_bytes())?;
    let reference = reference()?;
    let program = dir.join("table");
    let mut gcc = Command::new("gcc");
    gcc.arg("-w").arg("-I").arg(&stubs).arg("-I").arg(selftests).arg("-I").arg(reference.join("include"));
    gcc.arg(stubs.join("table.c")).arg(reference.join("libbpf.a")).args(["-lelf", "-lz", "-o"]).arg(&program);
    run_quiet(&mut gcc)?;
    let printed = run_quiet(Command::new(&program).current_dir(dir))?;
    let cases: Result<Vec<Case>> =
        printed.lines().map(|line| Case::parse(line).context(format_args!("no case: {line}"))).collect();
    cases.and_then(|cases| if cases.is_empty() { Err("the table is empty".into()) } else { Ok(cases) })
}

enum Outcome {
    Passed,
    Skipped(&'static str),
}

impl Case {
    fn parse(line: &str) -> Option<Case> {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[name, object, btf, program, fails, needs_module, input, output] = fields.as_slice() else { return None };
        let byte = |pair: &str| u8::from_str_radix(pair, 16).ok();
        let bytes = |hex: &str| -> Option<Vec<u8>> {
            (0..hex.len()).step_by(2).map(|at| hex.get(at..at + 2).and_then(byte)).collect()
        };
        Some(Case {
            name: name.to_owned(),
            object: object.to_owned(),
            btf: (btf != "-").then(|| btf.to_owned()),
            program: program.to_owned(),
            fails: fails == "1",
            needs_module: needs_module == "1",
            input: bytes(input)?,
            output: bytes(output)?,
        })
    }

    fn run(&self, dir: &Path) -> Result<Outcome> {
        if self.needs_module {
            return Ok(Outcome::Skipped("it needs the selftests' kernel module"));
        }
        let mut open = Object::open(dir.join(&self.object)).context("open")?;
        if let Some(btf) = &self.btf {
            open.set_core_btf(kernel::btf_file(&dir.join(btf)).context("BTF")?);
        }
        let object = match (open.load(), self.fails) {
            // For what the case is about, and nothing else.
            (Err(error), true) if error.to_string().contains("CO-RE") => return Ok(Outcome::Passed),
            (Err(error), true) => return Err(Error::new(format!("it does not load, for another reason: {error}"))),
            (Ok(_), true) => return Err("it loads, and should not".into()),
            (object, false) => object.context("load")?,
        };
        let data = object.global("data").context("data")?;
        let mut bytes = vec![0; data.size()];
        bytes.get_mut(IN..).and_then(|to| to.get_mut(..self.input.len())).context("data")?.copy_from_slice(&self.input);
        if let Some(place) = bytes.get_mut(MY_PID_TGID..MY_PID_TGID + 8) {
            // As core_reloc.c has it; this is the thread that gave the process its number.
            let pid = u64::from(process::id());
            place.copy_from_slice(&(pid << 32 | pid).to_le_bytes());
        }
        data.write(&bytes).context("data")?;
        let program = object.program(self.program.as_str()).context("program")?;
        let _link = program.attach().context("attach")?.context("its section does not say where to attach")?;
        // A system call, of which the program is told.
        thread::sleep(Duration::from_micros(1));
        data.read(&mut bytes).context("data")?;
        if bytes.get(SKIP).is_some_and(|skip| *skip != 0) {
            return Ok(Outcome::Skipped("the compiler lacks what it needs"));
        }
        let found = bytes.get(OUT..).and_then(|out| out.get(..self.output.len())).context("data")?;
        match found == self.output {
            true => Ok(Outcome::Passed),
            false => Err(Error::new(format!("finds {found:02x?} and should find {:02x?}", self.output))),
        }
    }
}
