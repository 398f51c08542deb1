//! What the host and a virtual machine of the matrix say to each other. Both sides compile this file.
//!
//! The host leaves a [`Plan`] in the initial file system. The guest answers with [`Word`]s, one a line, on its first serial
//! port, and last of all with its exit status: a transcript without one is of a machine that died.

use std::{fmt, time::Duration};

/// Where the plan lies in the guest.
pub(crate) const PLAN_PATH: &str = "/plan";

/// What the guest shall do.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// Kernel modules, in the order to load them.
    pub(crate) modules: Vec<String>,
    /// The tests' environment.
    pub(crate) env: Vec<(String, String)>,
    /// A part of `binary::test`; what does not contain it is not run.
    pub(crate) filter: String,
    /// How long one test may take.
    pub(crate) limit: Duration,
    /// Libtest binaries.
    pub(crate) binaries: Vec<Binary>,
}

/// A libtest binary.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binary {
    /// What reports call it: the test target's name.
    pub(crate) name: String,
    /// Where it lies.
    pub(crate) path: String,
    /// The folder to run it in: its package's, as cargo does.
    pub(crate) dir: String,
}

impl fmt::Display for Plan {
    /// One fact a line: a keyword, then its values between tabs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for module in &self.modules {
            writeln!(f, "module\t{module}")?;
        }
        for (name, value) in &self.env {
            writeln!(f, "env\t{name}\t{value}")?;
        }
        writeln!(f, "filter\t{}", self.filter)?;
        writeln!(f, "limit\t{}", self.limit.as_secs())?;
        for binary in &self.binaries {
            writeln!(f, "binary\t{}\t{}\t{}", binary.name, binary.path, binary.dir)?;
        }
        Ok(())
    }
}

impl Plan {
    /// Reads what `Display` wrote.
    #[cfg_attr(not(test), allow(dead_code, reason = "the guest reads plans, the host writes them"))]
    pub(crate) fn parse(text: &str) -> Result<Plan, String> {
        let mut plan = Plan::default();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            match fields[..] {
                ["module", path] => plan.modules.push(path.to_owned()),
                ["env", name, value] => plan.env.push((name.to_owned(), value.to_owned())),
                ["filter", filter] => filter.clone_into(&mut plan.filter),
                ["limit", seconds] => {
                    let seconds = seconds.parse().map_err(|_| format!("plan: not a time limit: {seconds}"))?;
                    plan.limit = Duration::from_secs(seconds);
                }
                ["binary", name, path, dir] => {
                    let [name, path, dir] = [name, path, dir].map(str::to_owned);
                    plan.binaries.push(Binary { name, path, dir });
                }
                _ => return Err(format!("plan: not understood: {line}")),
            }
        }
        Ok(plan)
    }
}

/// A line from the guest.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(not(test), allow(dead_code, reason = "the guest says words, the host hears them"))]
pub(crate) enum Word<'a> {
    /// It is up, on this kernel.
    Boot { release: &'a str },
    /// A test starts.
    Begin { test: &'a str },
    /// A line that the test printed.
    Output { line: &'a str },
    /// The test ended.
    End { succeeded: bool, millis: u64, how: &'a str },
    /// Something that is not about one test.
    Note { text: &'a str },
    /// All is done; 0 when every test succeeded.
    Exit { status: i32 },
}

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Boot { release } => write!(f, "@boot {release}"),
            Word::Begin { test } => write!(f, "@begin {test}"),
            Word::Output { line } => write!(f, "@| {line}"),
            Word::End { succeeded, millis, how } => {
                write!(f, "@end {} {millis} {how}", if *succeeded { "ok" } else { "failed" })
            }
            Word::Note { text } => write!(f, "@note {}", text.replace('\n', " / ")),
            Word::Exit { status } => write!(f, "@exit {status}"),
        }
    }
}

impl<'a> Word<'a> {
    /// Reads a line; `None` when it is none of these.
    #[cfg_attr(not(test), allow(dead_code, reason = "the guest says words, the host hears them"))]
    pub(crate) fn parse(line: &'a str) -> Option<Word<'a>> {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        Some(match word {
            "@boot" => Word::Boot { release: rest },
            "@begin" => Word::Begin { test: rest },
            "@|" => Word::Output { line: rest },
            "@end" => {
                let mut fields = rest.splitn(3, ' ');
                let succeeded = match fields.next()? {
                    "ok" => true,
                    "failed" => false,
                    _ => return None,
                };
                Word::End { succeeded, millis: fields.next()?.parse().ok()?, how: fields.next()? }
            }
            "@note" => Word::Note { text: rest },
            "@exit" => Word::Exit { status: rest.parse().ok()? },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_the_wire() {
        for word in [
            Word::Boot { release: "5.10.0-32-cloud-amd64" },
            Word::Begin { test: "kernel_attach::kprobe" },
            Word::Output { line: "@exit 0" },
            Word::Output { line: "" },
            Word::End { succeeded: false, millis: 120_000, how: "signal: 11 (SIGSEGV)" },
            Word::Note { text: "loading /modules/veth.ko: Exec format error" },
            Word::Exit { status: 1 },
        ] {
            assert_eq!(Word::parse(&word.to_string()), Some(word));
        }
        assert_eq!(Word::parse("exit 0"), None);
        assert_eq!(Word::parse("@exit"), None);
    }

    #[test]
    fn plans_survive_the_wire() {
        let plan = Plan {
            modules: vec!["/modules/veth.ko".into()],
            env: vec![("RUST_BACKTRACE".into(), "1".into())],
            filter: String::new(),
            limit: Duration::from_secs(120),
            binaries: vec![Binary {
                name: "kernel_attach".into(),
                path: "/t/kernel_attach-0".into(),
                dir: "/w".into(),
            }],
        };
        assert_eq!(Plan::parse(&plan.to_string()), Ok(plan));
        assert!(Plan::parse("what").is_err());
    }
}
