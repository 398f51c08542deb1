//! Debian packages, in two ways: installed on this machine with apt (as root, and said aloud), or fetched and unpacked into a
//! folder of ours from any suite, which installs nothing and needs no root.

use crate::{
    error::{Context, Result},
    process::{have, is_root, run, run_quiet},
    workspace::{cache_dir, create_dir, write},
};
use std::{
    cmp::Ordering,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// A package wanted on this machine, and a file that shows that it is there.
pub(crate) struct Wanted {
    /// The package's name.
    pub(crate) package: &'static str,
    /// How to tell that nothing need be installed.
    pub(crate) shown_by: Evidence,
}

/// What shows that a package's contents are there, however they came.
pub(crate) enum Evidence {
    /// A program on the PATH.
    Program(&'static str),
    /// A file at one of these paths.
    File(&'static [&'static str]),
}

impl Wanted {
    /// A package wanted for its program.
    pub(crate) const fn program(package: &'static str, program: &'static str) -> Wanted {
        Wanted { package, shown_by: Evidence::Program(program) }
    }

    /// A package wanted for a file.
    pub(crate) const fn file(package: &'static str, paths: &'static [&'static str]) -> Wanted {
        Wanted { package, shown_by: Evidence::File(paths) }
    }

    fn is_there(&self) -> bool {
        match self.shown_by {
            Evidence::Program(program) => have(program),
            Evidence::File(paths) => paths.iter().any(|path| Path::new(path).exists()),
        }
    }
}

/// Installs those of `wanted` that are missing: as root by apt, saying so; otherwise fails with the command to run.
pub(crate) fn ensure_installed(what_for: &str, wanted: &[Wanted]) -> Result {
    let missing = |wanted: &[Wanted]| -> Vec<&'static str> {
        wanted.iter().filter(|wanted| !wanted.is_there()).map(|wanted| wanted.package).collect()
    };
    let packages = missing(wanted);
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if !have("apt-get") {
        return Err(format!(
            "{what_for} needs what Debian calls {names}, and this system has no apt-get: install them by hand"
        )
        .into());
    }
    if !is_root() {
        return Err(
            format!("{what_for} needs Debian packages that only root can install: apt-get install {names}").into()
        );
    }
    println!("{what_for}: installing Debian packages {names}");
    let install = || {
        let mut command = Command::new("apt-get");
        command
            // Another package manager at work is waited for.
            .args(["-o", "DPkg::Lock::Timeout=300", "install", "--yes", "--no-install-recommends"])
            .args(&packages)
            .env("DEBIAN_FRONTEND", "noninteractive");
        run_quiet(&mut command)
    };
    // A machine with old lists (or none) gets them and tries once more; one with good lists is spared the update.
    if install().is_err() {
        update()?;
        install().context(format_args!("installing {names} for {what_for}"))?;
    }
    match missing(wanted)[..] {
        [] => Ok(()),
        [..] => {
            Err(format!("{what_for}: installed {names}, yet {} is still not found", missing(wanted).join(", ")).into())
        }
    }
}

/// Fetches the package lists. apt waits by itself for the lock of dpkg, not for that of the lists.
fn update() -> Result {
    let mut tries = 60;
    loop {
        match run_quiet(Command::new("apt-get").arg("update").env("LC_ALL", "C")) {
            Err(error) if tries > 0 && error.to_string().contains("Could not get lock") => {
                tries -= 1;
                thread::sleep(Duration::from_secs(5));
            }
            outcome => return outcome.map(drop),
        }
    }
}

/// A Debian suite that packages are fetched from, with apt state of its own: nothing of this machine's apt is read but how to
/// reach the network (proxies, mirrors), and nothing of it is changed.
pub(crate) struct Suite {
    name: &'static str,
    conf: PathBuf,
}

/// Names a mirror of Debian's archive to try first: for a suite that has left the usual ones, or a system that has none.
const MIRROR: &str = "PUREBPF_DEBIAN_MIRROR";

/// Debian's own keyring, from the package debian-archive-keyring.
const KEYRING: Wanted = Wanted::file("debian-archive-keyring", &["/usr/share/keyrings/debian-archive-keyring.gpg"]);

impl Suite {
    /// Opens a suite with its newest package lists (what older lists name may have left the mirrors).
    pub(crate) fn open(name: &'static str) -> Result<Suite> {
        Suite::open_for(name, "amd64")
    }

    /// Opens a suite for packages of another machine, as Debian names it.
    pub(crate) fn open_for(name: &'static str, architecture: &str) -> Result<Suite> {
        if !have("apt-get") || !have("dpkg-deb") {
            return Err("fetching Debian packages needs apt-get and dpkg-deb, which this system lacks".into());
        }
        ensure_installed("verifying what Debian signed", &[KEYRING])?;
        let folder = if architecture == "amd64" { name.to_owned() } else { format!("{name}-{architecture}") };
        let dir = cache_dir()?.join("apt").join(folder);
        let suite = Suite { name, conf: dir.join("apt.conf") };
        for part in ["state/lists/partial", "cache/archives/partial"] {
            create_dir(&dir.join(part))?;
        }
        let dir_text = dir.display();
        let conf = format!(
            "Dir::State \"{dir_text}/state\";\n\
             Dir::State::status \"/dev/null\";\n\
             Dir::Cache \"{dir_text}/cache\";\n\
             Dir::Etc::SourceList \"{dir_text}/sources.list\";\n\
             Dir::Etc::SourceParts \"/dev/null\";\n\
             Dir::Etc::Preferences \"/dev/null\";\n\
             Dir::Etc::PreferencesParts \"/dev/null\";\n\
             APT::Architecture \"{architecture}\";\n\
             APT::Architectures {{ \"{architecture}\"; }};\n\
             APT::Sandbox::User \"root\";\n\
             Acquire::Languages \"none\";\n\
             Acquire::Retries \"3\";\n\
             Acquire::Check-Valid-Until \"false\";\n"
        );
        write(&suite.conf, conf.as_bytes())?;
        println!("fetching the package lists of Debian {name}");
        let mut refusals = Vec::new();
        let hosts = hosts();
        if hosts.is_empty() {
            return Err(format!("apt's sources name no mirror of Debian: set {MIRROR} to the address of one").into());
        }
        for host in hosts {
            let source = format!("deb [signed-by={}] {host} {name} main\n", keyring_path());
            write(&dir.join("sources.list"), source.as_bytes())?;
            let update =
                suite.apt("apt-get").args(["--error-on=any", "update"]).output().context("cannot run `apt-get`")?;
            if update.status.success() {
                return Ok(suite);
            }
            let stderr = String::from_utf8_lossy(&update.stderr);
            let reason = stderr.lines().find(|line| line.starts_with("E:")).unwrap_or("no reason given").to_owned();
            refusals.push(format!("    {host}: {reason}"));
        }
        let refusals = refusals.join("\n");
        Err(format!(
            "cannot fetch the package lists of Debian {name} (is there a network? {MIRROR} may name another mirror)\n{refusals}"
        )
        .into())
    }

    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("APT_CONFIG", &self.conf).env("LC_ALL", "C");
        command
    }

    /// The newest package whose name is `prefix`, a version and `suffix`.
    pub(crate) fn newest_named(&self, prefix: &str, suffix: &str) -> Result<String> {
        let names = run_quiet(self.apt("apt-cache").args(["pkgnames", prefix]))?;
        let version = |name: &str| -> Option<String> {
            let version = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
            version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
        };
        let candidates = names.lines().filter_map(|name| Some((version(name)?, name)));
        let newest = candidates.max_by(|(a, _), (b, _)| compare_versions(a, b));
        let (_, name) = newest.context(format_args!("Debian {} has no package {prefix}*{suffix}", self.name))?;
        Ok(name.to_owned())
    }

    /// The libraries that these packages need, themselves included: what a program from this suite needs to run where another
    /// suite, or another distribution, is installed.
    pub(crate) fn libraries(&self, packages: &[&str]) -> Result<Vec<String>> {
        let kinds = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"];
        let unwanted = kinds.map(|kind| format!("--no-{kind}"));
        let tree = run_quiet(self.apt("apt-cache").args(["depends", "--recurse"]).args(unwanted).args(packages))?;
        // Packages begin a line; what they depend on is indented, and virtual packages stand in angle brackets.
        let names = tree.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_alphanumeric()));
        Ok(names.filter(|name| !name.contains(':')).map(str::to_owned).collect())
    }

    /// Fetches a source package and unpacks it, Debian's patches applied, into `into`.
    pub(crate) fn unpack_source(&self, package: &str, into: &Path) -> Result {
        ensure_installed("unpacking source packages", &[Wanted::program("dpkg-dev", "dpkg-source")])?;
        let list = self.conf.with_file_name("sources.list");
        let binary = fs::read_to_string(&list).context(list.display())?;
        let source: String = binary.lines().map(|line| line.replacen("deb ", "deb-src ", 1) + "\n").collect();
        let partial = into.with_extension(format!("partial-{}", std::process::id()));
        create_dir(&partial)?;
        let unpacked = (|| {
            println!("fetching the source of {package} from Debian {}", self.name);
            write(&list, format!("{binary}{source}").as_bytes())?;
            run_quiet(self.apt("apt-get").args(["--error-on=any", "update"]))?;
            run_quiet(self.apt("apt-get").args(["source", "--only-source", package]).current_dir(&partial))?;
            // Beside the tree lie the files that it came in.
            let entries = fs::read_dir(&partial).context(partial.display())?;
            let tree = entries.flatten().map(|entry| entry.path()).find(|path| path.is_dir());
            let tree = tree.context(format_args!("apt-get unpacked no source of {package}"))?;
            fs::rename(&tree, into).context(format_args!("cannot make {}", into.display()))
        })();
        _ = fs::remove_dir_all(&partial);
        write(&list, binary.as_bytes())?;
        unpacked
    }

    /// Fetches a package and unpacks of it what a pattern of tar's names: for one that is large, and of which little is wanted.
    pub(crate) fn unpack_part(&self, package: &str, pattern: &str, into: &Path) -> Result {
        let partial = into.with_extension(format!("partial-{}", std::process::id()));
        let (downloads, tree) = (partial.join("downloads"), partial.join("tree"));
        create_dir(&downloads)?;
        create_dir(&tree)?;
        let unpacked = (|| {
            println!("fetching {package} from Debian {}", self.name);
            run_quiet(self.apt("apt-get").arg("download").arg(package).current_dir(&downloads))?;
            let deb = fs::read_dir(&downloads).ok().and_then(|mut entries| entries.next()?.ok());
            let deb = deb.context(format_args!("apt-get downloaded no {package}"))?.path();
            let mut archive = Command::new("dpkg-deb").arg("--fsys-tarfile").arg(&deb).stdout(Stdio::piped()).spawn();
            let contents = archive.as_mut().ok().and_then(|archive| archive.stdout.take());
            let contents = contents.context("cannot run `dpkg-deb`")?;
            let mut tar = Command::new("tar");
            tar.arg("--extract").arg("--directory").arg(&tree).args(["--wildcards", pattern]).stdin(contents);
            let extracted = tar.status().context("cannot run `tar`")?;
            let read = archive.and_then(|mut archive| archive.wait()).context("cannot run `dpkg-deb`")?;
            if !extracted.success() || !read.success() {
                return Err(format!("{package}: cannot unpack {pattern}").into());
            }
            fs::rename(&tree, into).context(format_args!("cannot make {}", into.display()))
        })();
        let _ = fs::remove_dir_all(&partial);
        unpacked
    }

    /// Fetches packages and unpacks them over one another into `into`.
    pub(crate) fn unpack(&self, packages: &[&str], into: &Path) -> Result {
        // Unpacked beside, then moved: what is at `into` is always whole.
        let partial = into.with_extension(format!("partial-{}", std::process::id()));
        let downloads = partial.join("downloads");
        create_dir(&downloads)?;
        let tree = partial.join("tree");
        create_dir(&tree)?;
        let unpacked = (|| {
            let shown = match packages {
                [first, _, _, _, rest @ ..] => format!("{first} and {} more packages", rest.len() + 3),
                few => few.join(", "),
            };
            println!("fetching {shown} from Debian {}", self.name);
            run_quiet(self.apt("apt-get").arg("download").args(packages).current_dir(&downloads))?;
            for deb in fs::read_dir(&downloads).context("what apt-get downloaded")? {
                let deb = deb.context("what apt-get downloaded")?.path();
                run(Command::new("dpkg-deb").arg("--extract").arg(&deb).arg(&tree))?;
            }
            if into.exists() {
                fs::remove_dir_all(into).context(format_args!("replacing {}", into.display()))?;
            }
            fs::rename(&tree, into).context(format_args!("cannot make {}", into.display()))
        })();
        // What is left of it is only a waste of space.
        let _ = fs::remove_dir_all(&partial);
        unpacked
    }
}

fn keyring_path() -> &'static str {
    match KEYRING.shown_by {
        Evidence::File(paths) => paths[0],
        Evidence::Program(_) => unreachable!("the keyring is a file"),
    }
}

/// The mirrors to try: the one that the environment names, then those that this machine's own apt uses for Debian.
fn hosts() -> Vec<String> {
    let mut hosts: Vec<String> = env::var(MIRROR).into_iter().collect();
    let mut sources = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(entries) = fs::read_dir("/etc/apt/sources.list.d") {
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        sources.extend(paths);
    }
    for source in sources {
        hosts.extend(debian_mirrors(&fs::read_to_string(source).unwrap_or_default()));
    }
    let mut seen = Vec::new();
    hosts.retain(|host| {
        let new = !seen.contains(host);
        seen.push(host.clone());
        new
    });
    hosts
}

/// The addresses of Debian's main archive in a sources.list (either format): those whose path ends in `/debian`.
fn debian_mirrors(sources: &str) -> Vec<String> {
    let lines = sources.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let words =
        lines.filter(|line| line.starts_with("deb ") || line.starts_with("URIs:")).flat_map(str::split_whitespace);
    let addresses = words.filter(|word| word.contains("://") && !word.contains('='));
    let addresses = addresses.map(|word| word.trim_end_matches('/').to_owned());
    addresses.filter(|address| address.ends_with("/debian")).collect()
}

/// Compares versions such as `6.12.107+deb13` by the numbers in them.
pub(crate) fn compare_versions(a: &str, b: &str) -> Ordering {
    numbers(a).cmp(&numbers(b)).then_with(|| a.cmp(b))
}

fn numbers(version: &str) -> Vec<u64> {
    let runs = version.split(|c: char| !c.is_ascii_digit()).filter(|run| !run.is_empty());
    runs.map(|run| run.parse().unwrap_or(u64::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(compare_versions("5.10.0-9", "5.10.0-32"), Ordering::Less);
        assert_eq!(compare_versions("6.12.107+deb13", "6.12.94+deb13"), Ordering::Greater);
        assert_eq!(compare_versions("7.2.13+deb14", "7.10.1+deb14"), Ordering::Less);
    }

    #[test]
    fn mirrors_come_from_both_formats_of_sources() {
        let one_line = "# deb http://commented.example/debian x main\ndeb [signed-by=/k] http://mirror.example/debian/ bookworm main\n";
        assert_eq!(debian_mirrors(one_line), ["http://mirror.example/debian"]);
        let deb822 =
            "Types: deb\nURIs: http://other.example/debian http://other.example/debian-security\nSuites: bookworm\n";
        assert_eq!(debian_mirrors(deb822), ["http://other.example/debian"]);
    }
}
