//! `bench`: the same work by us and by others, side by side: one process a library and a piece of work, in turn, several
//! rounds. What is reported of each is the median time, by how much memory has grown at most (beyond the input), and how many instructions callgrind
//! counts (a machine that others use too says little by the clock). Nothing is counted before all gave the same answer.

mod btf;
mod chart;
mod measure;
mod object;

use crate::{
    debian::{Wanted, ensure_installed},
    error::{Context, Error, Result},
    process::run,
    workspace::{cargo, root, target_dir, write},
};
use measure::{Figures, Peers, Work};
use std::path::PathBuf;

const USAGE: &str = "usage: cargo xtask bench btf [--rounds N] [--file BTF] [--chart]\n       \
                     cargo xtask bench object [--rounds N] [--chart]";

/// Pieces of work of one kind.
struct Bench {
    /// As on the command line.
    name: &'static str,
    /// Ours first, then whom the ratios are to.
    libraries: &'static [&'static str],
    works: Vec<Work>,
    /// On what it is done.
    about: String,
}

/// What came of a piece of work: of each library the figures, if it does such work.
struct Row<'a> {
    work: &'a Work,
    figures: Vec<Option<Figures>>,
}

struct Options {
    what: String,
    rounds: usize,
    file: PathBuf,
    chart: bool,
}

/// Runs the task.
pub(crate) fn run_task(args: &[String]) -> Result {
    let options = Options::parse(args)?;
    ensure_installed(
        "building libbpf-sys and counting instructions",
        &[
            Wanted::program("gcc", "gcc"),
            Wanted::program("make", "make"),
            Wanted::program("pkg-config", "pkg-config"),
            Wanted::program("valgrind", "valgrind"),
            Wanted::file("libelf-dev", &["/usr/include/libelf.h"]),
            Wanted::file("zlib1g-dev", &["/usr/include/zlib.h"]),
        ],
    )?;
    let peers = Peers::new(build()?)?;
    let bench = match options.what.as_str() {
        "btf" => btf::bench(&options.file)?,
        "object" => object::bench()?,
        _ => return Err(USAGE.into()),
    };
    let mut rows = Vec::new();
    for work in &bench.works {
        println!("{}: {}", work.label, work.about);
        rows.push(Row { work, figures: measure_all(&peers, &bench, work, options.rounds)? });
    }
    println!("{}", table(&rows, bench.libraries));
    if options.chart {
        let path = root().join(format!("docs/bench-{}.svg", bench.name));
        let about = format!("{}; shorter is better; `cargo xtask bench {}`", bench.about, bench.name);
        write(&path, chart::svg(&rows, bench.libraries, &about).as_bytes())?;
        println!("made {}", path.display());
    }
    Ok(())
}

impl Options {
    fn parse(args: &[String]) -> Result<Options> {
        let (what, args) = args.split_first().context(USAGE)?;
        let file = PathBuf::from("/sys/kernel/btf/vmlinux");
        let mut options = Options { what: what.clone(), rounds: 11, file, chart: false };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--rounds" => options.rounds = args.next().and_then(|number| number.parse().ok()).context(USAGE)?,
                "--file" if what == "btf" => options.file = PathBuf::from(args.next().context(USAGE)?),
                "--chart" => options.chart = true,
                _ => return Err(USAGE.into()),
            }
        }
        options.rounds = options.rounds.max(1);
        Ok(options)
    }
}

/// Builds peers/, and gives its program.
fn build() -> Result<PathBuf> {
    println!("building peers/");
    let dir = target_dir().join("peers");
    let mut build = cargo();
    build.args(["build", "--release", "--quiet", "--manifest-path", "peers/Cargo.toml"]).env("CARGO_TARGET_DIR", &dir);
    run(&mut build)?;
    Ok(dir.join("release/purebpf-peers"))
}

/// Of each library the figures; an error if two give different answers.
fn measure_all(peers: &Peers, bench: &Bench, work: &Work, rounds: usize) -> Result<Vec<Option<Figures>>> {
    let libraries: Vec<Option<&str>> =
        bench.libraries.iter().map(|library| peers.does(library, work.name).then_some(*library)).collect();
    let mut answer: Option<(&str, String)> = None;
    for library in libraries.iter().flatten() {
        let its = peers.run(library, work)?.answer;
        match &answer {
            Some((other, known)) if *known != its => {
                return Err(Error::new(format!("{}: {library} says {its}, {other} {known}", work.label)));
            }
            Some(_) => {}
            None => answer = Some((library, its)),
        }
    }
    let mut samples = vec![Vec::new(); libraries.len()];
    for _ in 0..rounds {
        for (library, samples) in libraries.iter().zip(&mut samples) {
            if let Some(library) = library {
                samples.push(peers.run(library, work)?);
            }
        }
    }
    let figures = libraries.iter().zip(samples).map(|(library, samples)| {
        let Some(library) = library else { return Ok(None) };
        let instructions = peers.instructions(library, work)?;
        Ok(Some(Figures::of(&samples, instructions)))
    });
    figures.collect()
}

/// All figures; beside ours and the others' what ours are of libbpf's.
fn table(rows: &[Row<'_>], libraries: &[&str]) -> String {
    let mut text = format!("\n{:<14}{:<26}", "", "");
    for library in libraries {
        text += &format!("{library:>12}");
    }
    text += &format!("{:>18}\n", "ours / libbpf's");
    type Figure = (&'static str, fn(&Figures) -> f64, usize);
    let kinds: [Figure; 5] = [
        ("million instructions", |of| of.instructions as f64 / 1e6, 2),
        ("milliseconds", |of| of.nanoseconds as f64 / 1e6, 2),
        ("milliseconds, the best", |of| of.least_nanoseconds as f64 / 1e6, 2),
        ("milliseconds in bpf(2)", |of| of.in_bpf as f64 / 1e6, 2),
        ("megabytes more", |of| of.kilobytes as f64 / 1e3, 1),
    ];
    for row in rows {
        let said = kinds.iter().filter(|(_, figure, _)| row.figures.iter().flatten().any(|of| figure(of) > 0.0));
        for (n, (kind, figure, digits)) in said.enumerate() {
            text += &format!("{:<14}{kind:<26}", if n == 0 { &row.work.label } else { "" });
            for figures in &row.figures {
                text += &match figures {
                    Some(figures) => format!("{:>12.digits$}", figure(figures)),
                    None => format!("{:>12}", "-"),
                };
            }
            text += &match row.figures[..] {
                [Some(ours), Some(theirs), ..] if figure(&theirs) > 0.0 => {
                    format!("{:>18.3}\n", figure(&ours) / figure(&theirs))
                }
                _ => format!("{:>18}\n", "-"),
            };
        }
    }
    text
}
