//! The kernels of the matrix: Debian's cloud kernels, fetched once and kept unpacked in the cache.

use crate::{
    debian::Suite,
    error::{Context, Result},
    process::filter,
    workspace::{cache_dir, files_below, lock_cache, read},
};
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A row of the matrix.
pub(crate) struct Kernel {
    /// What it is called on the command line and in tables.
    pub(crate) name: &'static str,
    suite: &'static str,
    /// The machine it is for, as Debian names it.
    pub(crate) architecture: &'static str,
    /// How its packages' names end.
    flavour: &'static str,
    packaging: Packaging,
}

/// How Debian packages a kernel.
enum Packaging {
    /// One package whose name is this prefix, a version and the flavour.
    Image(&'static str),
    /// Since 7.2: `linux-binary-`, `linux-modules-` and `linux-base-` before a version and the flavour, and linux-image an
    /// empty package that depends on them.
    Split,
}

impl Kernel {
    /// The build of amd64 for virtual machines: small, quick to boot.
    const fn cloud(name: &'static str, suite: &'static str, packaging: Packaging) -> Kernel {
        Kernel { name, suite, architecture: "amd64", flavour: "-cloud-amd64", packaging }
    }
}

/// The kernels that everything is shown on, oldest first.
pub(crate) const KERNELS: [Kernel; 4] = [
    Kernel::cloud("5.10", "bullseye", Packaging::Image("linux-image-5.10.0-")),
    Kernel::cloud("6.1", "bookworm", Packaging::Image("linux-image-6.1.0-")),
    Kernel::cloud("6.12", "trixie", Packaging::Image("linux-image-6.12.")),
    Kernel::cloud("7.2", "sid", Packaging::Split),
];

/// Kernels of other machines, for their types alone: s390x is the one that has the other byte order.
pub(crate) const FOREIGN: [Kernel; 2] = [
    Kernel {
        name: "6.12-arm64",
        suite: "trixie",
        architecture: "arm64",
        flavour: "-cloud-arm64",
        packaging: Packaging::Image("linux-image-6.12."),
    },
    Kernel { name: "7.2-s390x", suite: "sid", architecture: "s390x", flavour: "-s390x", packaging: Packaging::Split },
];

/// The kernel modules that tests use, in the order to load them.
pub(crate) const MODULES: [&str; 6] = ["dummy", "tun", "veth", "sch_ingress", "cls_bpf", "act_bpf"];

/// A kernel of the matrix, here on disk.
#[derive(Clone, Debug)]
pub(crate) struct KernelFiles {
    /// The row's name.
    pub(crate) name: &'static str,
    /// What `uname -r` says on it.
    pub(crate) release: String,
    /// The compressed kernel.
    pub(crate) vmlinuz: PathBuf,
    /// The configuration it was built with.
    pub(crate) config: PathBuf,
    modules: PathBuf,
}

impl Kernel {
    /// The kernel's files, fetched if they are not in the cache, or if `update` asks for the newest.
    pub(crate) fn files(&self, update: bool) -> Result<KernelFiles> {
        let dir = cache_dir()?.join("kernels").join(self.name);
        if update || !dir.exists() {
            let _lock = lock_cache()?;
            // Another process may have fetched it while we waited.
            if update || !dir.exists() {
                self.fetch(&dir)?;
            }
        }
        self.locate(&dir)
    }

    fn fetch(&self, into: &Path) -> Result {
        let suite = Suite::open_for(self.suite, self.architecture)?;
        let packages = match self.packaging {
            Packaging::Image(prefix) => vec![suite.newest_named(prefix, self.flavour)?],
            Packaging::Split => {
                let binary = suite.newest_named("linux-binary-", self.flavour)?;
                let rest = ["linux-modules-", "linux-base-"];
                let rest = rest.map(|prefix| binary.replacen("linux-binary-", prefix, 1));
                [vec![binary], rest.to_vec()].concat()
            }
        };
        let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
        suite.unpack(&packages, into)
    }

    fn locate(&self, dir: &Path) -> Result<KernelFiles> {
        let modules = ["usr/lib/modules", "lib/modules"].map(|at| dir.join(at)).into_iter().find(|at| at.exists());
        let modules = modules.context(format_args!("{}: no modules folder: delete it to fetch anew", dir.display()))?;
        let release = fs::read_dir(&modules)
            .ok()
            .and_then(|mut entries| entries.next()?.ok())
            .context(format_args!("{}: empty", modules.display()))?
            .file_name()
            .to_string_lossy()
            .into_owned();
        let modules = modules.join(&release);
        let places = [dir.join(format!("boot/vmlinuz-{release}")), modules.join("vmlinuz")];
        let vmlinuz = places.into_iter().find(|at| at.exists());
        let vmlinuz = vmlinuz.context(format_args!("{}: no vmlinuz: delete it to fetch anew", dir.display()))?;
        let places = [dir.join(format!("boot/config-{release}")), modules.join("config")];
        let config = places.into_iter().find(|at| at.exists());
        let config = config.context(format_args!("{}: no config: delete it to fetch anew", dir.display()))?;
        Ok(KernelFiles { name: self.name, release, vmlinuz, config, modules })
    }
}

/// The kernels of these names, or all when none is named.
pub(crate) fn select(names: &[String]) -> Result<Vec<&'static Kernel>> {
    if names.is_empty() {
        return Ok(KERNELS.iter().collect());
    }
    let select_one = |name: &String| {
        let known = || KERNELS.map(|kernel| kernel.name).join(", ");
        let kernel = KERNELS.iter().find(|kernel| kernel.name == name);
        kernel.context(format_args!("no kernel {name:?} in the matrix: there are {}", known()))
    };
    names.iter().map(select_one).collect()
}

impl KernelFiles {
    /// A kernel that is nowhere on disk.
    #[cfg(test)]
    pub(crate) fn named(name: &'static str, release: &str) -> KernelFiles {
        let (vmlinuz, config, modules) = Default::default();
        KernelFiles { name, release: release.to_owned(), vmlinuz, config, modules }
    }

    /// The module's uncompressed `.ko`; `None` when this kernel has it built in, or not at all.
    pub(crate) fn module(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let found = self.modules()?.into_iter().find(|(module, _)| module == name);
        found.map(|(_, path)| module_file(&path)).transpose()
    }

    /// All modules: their names, which are their files', and where they are.
    pub(crate) fn modules(&self) -> Result<Vec<(String, PathBuf)>> {
        let named = files_below(&self.modules)?.into_iter().filter_map(|path| {
            let file_name = path.file_name()?.to_str()?;
            let (name, _) = file_name.split_once(".ko").filter(|(_, rest)| matches!(*rest, "" | ".xz" | ".zst"))?;
            Some((name.to_owned(), path))
        });
        Ok(named.collect())
    }
}

/// A module's `.ko`, uncompressed.
pub(crate) fn module_file(path: &Path) -> Result<Vec<u8>> {
    match path.extension().and_then(OsStr::to_str) {
        Some("xz") => filter(Command::new("xz").args(["-dc"]), &read(path)?),
        Some("zst") => filter(Command::new("zstd").args(["-dc"]), &read(path)?),
        _ => read(path),
    }
}
