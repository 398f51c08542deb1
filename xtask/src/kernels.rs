//! The kernels of the matrix: Debian's cloud kernels, fetched once and kept unpacked in the cache.

use crate::{
    debian::Suite,
    error::{Context, Result},
    process::filter,
    workspace::{cache_dir, files_below, lock_cache, read},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A row of the matrix.
pub(crate) struct Kernel {
    /// What it is called on the command line and in tables.
    pub(crate) name: &'static str,
    suite: &'static str,
    packaging: Packaging,
}

/// How Debian packages a kernel.
enum Packaging {
    /// One package whose name is this prefix, a version and [`FLAVOUR`].
    Image(&'static str),
    /// Since 7.2: `linux-binary-`, `linux-modules-` and `linux-base-` before a version and [`FLAVOUR`], and linux-image an
    /// empty package that depends on them.
    Split,
}

/// The build for virtual machines: small, quick to boot.
const FLAVOUR: &str = "-cloud-amd64";

/// The kernels that everything is shown on, oldest first.
pub(crate) const KERNELS: [Kernel; 4] = [
    Kernel { name: "5.10", suite: "bullseye", packaging: Packaging::Image("linux-image-5.10.0-") },
    Kernel { name: "6.1", suite: "bookworm", packaging: Packaging::Image("linux-image-6.1.0-") },
    Kernel { name: "6.12", suite: "trixie", packaging: Packaging::Image("linux-image-6.12.") },
    Kernel { name: "7.2", suite: "sid", packaging: Packaging::Split },
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
        let suite = Suite::open(self.suite)?;
        let packages = match self.packaging {
            Packaging::Image(prefix) => vec![suite.newest_named(prefix, FLAVOUR)?],
            Packaging::Split => {
                let binary = suite.newest_named("linux-binary-", FLAVOUR)?;
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
        for path in files_below(&self.modules)? {
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            match file_name.strip_prefix(name) {
                Some(".ko") => return read(&path).map(Some),
                Some(".ko.xz") => return filter(Command::new("xz").args(["-dc"]), &read(&path)?).map(Some),
                Some(".ko.zst") => return filter(Command::new("zstd").args(["-dc"]), &read(&path)?).map(Some),
                _ => {}
            }
        }
        Ok(None)
    }
}
