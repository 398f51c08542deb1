//! `ci`: what a change must pass besides the tests: form, lints, documentation, drift, the oldest Rust, the kernel matrix.

use crate::{
    error::{Context, Error, Result},
    process::run,
    run_task,
    workspace::{cargo, target_dir},
};
use std::time::Instant;

/// A step, in the order run: what is quick to fail comes first.
struct Step {
    name: &'static str,
    run: fn() -> Result,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: || run(cargo().args(["fmt", "--all", "--check"])) },
    Step { name: "codegen", run: || run_task("codegen", &["--check"]) },
    Step { name: "fixtures", run: || run_task("fixtures", &["--check"]) },
    Step {
        name: "clippy",
        run: || {
            let mut clippy = cargo();
            clippy.args([
                "clippy",
                "--workspace",
                "--all-targets",
                "--features",
                "xtask/stress,xtask/compare",
                "--locked",
            ]);
            run(clippy.args(["--", "-D", "warnings"]))
        },
    },
    Step { name: "doc", run: documentation },
    // Each benchmark once, for the answers that it checks.
    Step { name: "benches", run: || run(cargo().args(["test", "--workspace", "--benches", "--locked", "--quiet"])) },
    Step { name: "fuzz", run: fuzz_targets },
    Step { name: "no-std", run: no_std },
    Step { name: "msrv", run: || run_task("msrv", &[]) },
    Step { name: "vm", run: || run_task("vm", &[]) },
];

/// Runs the task: `ci [STEP]...`; all steps when none is named. A failed step does not keep the others from running.
pub(crate) fn run_steps(args: &[String]) -> Result {
    let known = || STEPS.iter().map(|step| step.name).collect::<Vec<_>>().join(", ");
    let find = |name: &String| {
        let step = STEPS.iter().find(|step| step.name == name);
        step.context(format_args!("ci has no step {name:?}: there are {}", known()))
    };
    let steps: Vec<&Step> =
        if args.is_empty() { STEPS.iter().collect() } else { args.iter().map(find).collect::<Result<_>>()? };
    let mut summary = String::new();
    let mut failed = Vec::new();
    for step in steps {
        println!("\n==> {}", step.name);
        let started = Instant::now();
        let outcome = (step.run)();
        let verdict = match outcome {
            Ok(()) => "ok",
            Err(error) => {
                println!("error: {error}");
                failed.push(step.name);
                "FAILED"
            }
        };
        summary += &format!("  {:<10} {verdict:<8} {:>6.1} s\n", step.name, started.elapsed().as_secs_f32());
    }
    println!("\n{summary}");
    if failed.is_empty() { Ok(()) } else { Err(Error::new(format!("failed: {}", failed.join(", ")))) }
}

/// rustdoc with warnings denied. The tool's program has the facade's name and so its folder: libraries come second, and stay.
fn documentation() -> Result {
    for targets in [["--package", "purebpf-cli", "--bins"], ["--workspace", "--locked", "--lib"]] {
        run(cargo().args(["doc", "--no-deps"]).args(targets).env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    Ok(())
}

/// The fuzz targets, which are a workspace of their own, still compile. libFuzzer itself, of C++, is not needed for that.
fn fuzz_targets() -> Result {
    let mut check = cargo();
    check
        .args(["check", "--manifest-path", "fuzz/Cargo.toml"])
        .env("CUSTOM_LIBFUZZER_PATH", "/nonexistent/libfuzzer.a");
    check.env("CARGO_TARGET_DIR", target_dir().join("fuzz"));
    run(&mut check)
}

/// The crates that promise to build without std.
fn no_std() -> Result {
    run(cargo().args(["check", "--locked", "--no-default-features", "-p", "purebpf-btf", "-p", "purebpf-core-reloc"]))
}
