//! `bench btf`: the same work by us and by others who read BTF, side by side: one process a library and a piece of work, in turn, several
//! rounds. What is reported of each is the median time, by how much memory has grown at most (beyond the input), and how many instructions callgrind
//! counts (a machine that others use too says little by the clock). Nothing is counted before all gave the same answer.

mod chart;
mod measure;

use crate::{
    debian::{Wanted, ensure_installed},
    error::{Context, Error, Result},
    process::run,
    workspace::{cargo, create_dir, read, root, target_dir, write},
};
use measure::{Figures, Inputs, Peers};
use purebpf_btf::{Btf, builder::Builder};
use std::path::{Path, PathBuf};

const USAGE: &str = "usage: cargo xtask bench btf [--rounds N] [--file BTF] [--chart]";

/// A piece of work, by its name in peers/ and in words.
struct Work {
    name: &'static str,
    about: &'static str,
}

const WORKS: [Work; 5] = [
    Work { name: "parse", about: "parse and validate" },
    Work { name: "walk", about: "walk every type, member and name" },
    Work { name: "names", about: "1,000 names, the first look-up included" },
    Work { name: "dump", about: "write all types as C" },
    Work { name: "dedup", about: "deduplicate twice as much" },
];

/// Ours first, then whom the ratios are to.
const LIBRARIES: [&str; 4] = ["purebpf", "libbpf", "btf-rs", "aya-obj"];

/// What came of a piece of work: of each library the figures, if it does such work.
struct Row {
    work: &'static Work,
    figures: Vec<Option<Figures>>,
}

struct Options {
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
    let inputs = inputs(&options.file)?;
    let mut rows = Vec::new();
    for work in &WORKS {
        println!("{}: {}", work.name, work.about);
        let libraries = LIBRARIES.map(|library| peers.does(library, work.name).then_some(library));
        rows.push(Row { work, figures: measure_all(&peers, &inputs, work.name, &libraries, options.rounds)? });
    }
    println!("{}", table(&rows));
    if options.chart {
        let path = root().join("docs/bench-btf.svg");
        write(&path, chart::svg(&rows, &LIBRARIES, &inputs.about).as_bytes())?;
        println!("made {}", path.display());
    }
    Ok(())
}

impl Options {
    fn parse(args: &[String]) -> Result<Options> {
        let mut options = Options { rounds: 11, file: PathBuf::from("/sys/kernel/btf/vmlinux"), chart: false };
        let (what, args) = args.split_first().context(USAGE)?;
        if what != "btf" {
            return Err(USAGE.into());
        }
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--rounds" => options.rounds = args.next().and_then(|number| number.parse().ok()).context(USAGE)?,
                "--file" => options.file = PathBuf::from(args.next().context(USAGE)?),
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

/// The BTF, the same twice over in one, and a thousand of its names.
fn inputs(file: &Path) -> Result<Inputs> {
    const NAMES: usize = 1000;
    let bytes = read(file)?;
    let btf = Btf::parse(bytes.clone()).context(file.display())?;
    let named: Vec<_> = btf.own_types().filter(|item| item.name().is_some()).collect();
    let step = (named.len() / NAMES).max(1);
    let names: String = named
        .iter()
        .step_by(step)
        .take(NAMES)
        .map(|item| format!("{} {}\n", item.kind() as u32, item.name().unwrap_or_default()))
        .collect();
    let mut doubled = Builder::new();
    doubled.set_endian(btf.endian());
    for _ in 0..2 {
        doubled.append(&btf).context(file.display())?;
    }
    let dir = target_dir().join("bench");
    create_dir(&dir)?;
    let [btf_file, names_file, doubled_file] = ["btf", "names", "doubled"].map(|name| dir.join(name));
    write(&btf_file, &bytes)?;
    write(&names_file, names.as_bytes())?;
    write(&doubled_file, &doubled.finish())?;
    let about = format!("{} types, {:.1} MB", btf.own_types().len(), bytes.len() as f64 / 1e6);
    println!("{}: {about}", file.display());
    Ok(Inputs { btf: btf_file, names: names_file, doubled: doubled_file, about })
}

/// Of each library the figures; an error if two give different answers.
fn measure_all(
    peers: &Peers,
    inputs: &Inputs,
    work: &str,
    libraries: &[Option<&str>],
    rounds: usize,
) -> Result<Vec<Option<Figures>>> {
    let mut answer: Option<(&str, String)> = None;
    for library in libraries.iter().flatten() {
        let its = peers.run(library, work, inputs)?.answer;
        match &answer {
            Some((other, known)) if *known != its => {
                return Err(Error::new(format!("{work}: {library} says {its}, {other} {known}")));
            }
            Some(_) => {}
            None => answer = Some((library, its)),
        }
    }
    let mut samples = vec![Vec::new(); libraries.len()];
    for _ in 0..rounds {
        for (library, samples) in libraries.iter().zip(&mut samples) {
            if let Some(library) = library {
                samples.push(peers.run(library, work, inputs)?);
            }
        }
    }
    let figures = libraries.iter().zip(samples).map(|(library, samples)| {
        let Some(library) = library else { return Ok(None) };
        let instructions = peers.instructions(library, work, inputs)?;
        Ok(Some(Figures::of(&samples, instructions)))
    });
    figures.collect()
}

/// All figures; beside ours and the others' what ours are of libbpf's.
fn table(rows: &[Row]) -> String {
    let mut text = format!("\n{:<8}{:<22}", "", "");
    for library in LIBRARIES {
        text += &format!("{library:>12}");
    }
    text += &format!("{:>18}\n", "ours / libbpf's");
    type Figure = (&'static str, fn(&Figures) -> f64, usize);
    let kinds: [Figure; 3] = [
        ("million instructions", |of| of.instructions as f64 / 1e6, 2),
        ("milliseconds", |of| of.nanoseconds as f64 / 1e6, 2),
        ("megabytes more", |of| of.kilobytes as f64 / 1e3, 1),
    ];
    for row in rows {
        for (n, (kind, figure, digits)) in kinds.iter().enumerate() {
            text += &format!("{:<8}{kind:<22}", if n == 0 { row.work.name } else { "" });
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
