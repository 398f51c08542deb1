//! Where things are: the workspace, its build output, and the cache of what is fetched once and kept.

use crate::error::{Context, Result};
use std::{
    env, fs,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies inside the workspace")
}

/// Cargo's output folder, as the caller's environment sets it.
pub(crate) fn target_dir() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Where kernels, toolchains and other downloads are kept. Clones share it, so that each thing is fetched once a machine.
///
/// `PUREBPF_VM_CACHE` names it; else it is `purebpf` in the user's cache folder, else `vm` in the output folder.
pub(crate) fn cache_dir() -> Result<PathBuf> {
    let dir = if let Some(dir) = env::var_os("PUREBPF_VM_CACHE") {
        root().join(dir)
    } else if let Some(dir) = env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        Path::new(&dir).join("purebpf")
    } else if let Some(home) = env::var_os("HOME").filter(|dir| !dir.is_empty()) {
        Path::new(&home).join(".cache/purebpf")
    } else {
        target_dir().join("vm/cache")
    };
    create_dir(&dir)?;
    Ok(dir)
}

/// Holds the cache for this process alone until dropped: two clones at work on one cache would meet in apt's lock.
pub(crate) fn lock_cache() -> Result<fs::File> {
    let path = cache_dir()?.join("lock");
    let file = fs::File::create(&path).context(format_args!("cannot create {}", path.display()))?;
    // SAFETY: flock takes a descriptor, which `file` keeps open through the call, and no address.
    if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX) } != 0 {
        return Err(std::io::Error::last_os_error()).context(format_args!("cannot lock {}", path.display()));
    }
    Ok(file)
}

/// The cargo that runs this task, at work in the workspace's root.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // `cargo run` sets these for us; they would make the inner cargo see other inputs than a cargo called by hand, and rebuild.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        command.env_remove(name);
    }
    command
}

/// Creates a folder and those above it.
pub(crate) fn create_dir(dir: &Path) -> Result {
    fs::create_dir_all(dir).context(format_args!("cannot create {}", dir.display()))
}

/// The whole of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).context(format_args!("cannot read {}", path.display()))
}

/// Writes a file, replacing what was there in one step, so that an interrupted run leaves no half of it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result {
    if let Some(parent) = path.parent() {
        create_dir(parent)?;
    }
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    fs::write(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .context(format_args!("cannot write {}", path.display()))
}

/// All files below a folder, links not followed, in order of path.
pub(crate) fn files_below(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).context(format_args!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.context(format_args!("cannot list {}", folder.display()))?;
            let kind = entry.file_type().context(format_args!("cannot look at {}", entry.path().display()))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}
