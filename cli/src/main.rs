//! The `purebpf` tool: what a BPF object says, what it comes to on a kernel, and its programs at work; what a kernel holds, can do, and
//! has for types.
//!
//! Commands have the words of bpftool where bpftool has the command. Results go to standard output, everything else to
//! standard error. The exit status is 0 when there is an answer (that a program cannot be linked is one), 1 when something in
//! the input or the system was in the way, 2 when the command line makes no sense; but that of `btf diff` is diff's: 0 when nothing
//! differs, 1 when something does, 2 when there is no answer.

mod arguments;
mod boot_time;
mod btf;
mod columns;
mod core_subject;
mod feature;
mod headers;
mod inspect;
mod interfaces;
mod json;
mod logger;
mod mounts;
#[cfg(test)]
mod mutants;
mod output;
mod prog_load;
mod relocate;
mod run;
mod show;
mod type_name;
mod words;

use std::{fmt, process::ExitCode};

use clap::Parser;

use arguments::{BtfCommand, Command, FeatureCommand, ObjectCommand, ProgCommand, ShowCommand, Tool};

/// What a command comes to: its text is already written.
type Result<T = (), E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

/// A command line that makes no sense, in a way that its parser does not see.
#[derive(Debug)]
struct Usage(&'static str);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Usage {}

/// What the kernel said, and what to do about it where that is known.
fn advised(error: &purebpf::sys::Error) -> String {
    match error.advice() {
        Some(advice) => format!("{error}; {advice}"),
        None => error.to_string(),
    }
}

fn answer(tool: &Tool) -> Result<ExitCode> {
    let format = tool.format();
    let done = match &tool.command {
        Command::Object { command: ObjectCommand::Inspect(arguments) } => inspect::run(arguments, format),
        Command::Object { command: ObjectCommand::Relocate(arguments) } => relocate::run(arguments, format),
        Command::Btf { command: BtfCommand::Dump(arguments) } => btf::dump(arguments, format),
        Command::Btf { command: BtfCommand::Layout(arguments) } => btf::layout(arguments, format),
        Command::Btf { command: BtfCommand::Diff(arguments) } => return btf::diff(arguments, format),
        Command::Btf { command: BtfCommand::Dedup(arguments) } => btf::dedup(arguments, format),
        Command::Btf { command: BtfCommand::Show(arguments) } => show::btfs(arguments, format),
        Command::Feature { command: FeatureCommand::Probe(arguments) } => feature::run(arguments, format),
        Command::Run(arguments) => run::run(arguments, format),
        Command::Headers(arguments) => headers::run(arguments),
        Command::Prog { command: ProgCommand::Show(arguments) } => show::progs(arguments, format),
        Command::Prog { command: ProgCommand::Load(arguments) } => prog_load::load(arguments, format),
        Command::Prog { command: ProgCommand::Loadall(arguments) } => prog_load::loadall(arguments, format),
        Command::Map { command: ShowCommand::Show(arguments) } => show::maps(arguments, format),
        Command::Link { command: ShowCommand::Show(arguments) } => show::links(arguments, format),
    };
    done.map(|()| ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    let tool = Tool::parse();
    match answer(&tool) {
        Ok(code) => code,
        // Whoever reads our output has seen enough.
        Err(error) if output::is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = output::printable_lines(&error.to_string());
            eprintln!("{}: {text}", output::Style::stderr().bold_red("error"));
            let is_diff = matches!(tool.command, Command::Btf { command: BtfCommand::Diff(_) });
            if is_diff || error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
        }
    }
}
