//! Libraries and programs by bare name: where the dynamic linker or the shell would find them.

use crate::error::{Error, Mechanism, Result};
use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// The folder of this architecture's libraries on Debian and its like.
const MULTIARCH: Option<&str> = if cfg!(target_arch = "x86_64") {
    Some("/lib/x86_64-linux-gnu")
} else if cfg!(target_arch = "x86") {
    Some("/lib/i386-linux-gnu")
} else if cfg!(target_arch = "aarch64") {
    Some("/lib/aarch64-linux-gnu")
} else if cfg!(target_arch = "arm") {
    Some("/lib/arm-linux-gnueabihf")
} else if cfg!(target_arch = "s390x") {
    Some("/lib/s390x-linux-gnu")
} else if cfg!(all(target_arch = "powerpc64", target_endian = "little")) {
    Some("/lib/powerpc64le-linux-gnu")
} else if cfg!(target_arch = "riscv64") {
    Some("/lib/riscv64-linux-gnu")
} else if cfg!(target_arch = "loongarch64") {
    Some("/lib/loongarch64-linux-gnu")
} else if cfg!(all(target_arch = "mips64", target_endian = "little")) {
    Some("/lib/mips64el-linux-gnuabi64")
} else {
    None
};

/// The file that `binary` means to [`attach_uprobe`](crate::attach_uprobe).
///
/// With a `/` in it, the path itself. A name that ends in `.so` or has `.so.` in it is a library: it is looked for in
/// `LD_LIBRARY_PATH`, `/usr/lib64`, `/usr/lib`, the architecture's own folder, `/lib64` and `/lib`. Any other name is a
/// program: `PATH`, `/usr/bin` and `/usr/sbin`. That is libbpf's `resolve_full_path`, which leaves out the linker's cache
/// and a binary's own search path.
///
/// # Errors
///
/// [`Error::NoBinary`]; [`Error::Unsupported`] for `ARCHIVE!/MEMBER`.
pub fn resolve_binary(binary: &Path) -> Result<PathBuf> {
    let name = binary.to_string_lossy();
    if name.contains("!/") {
        return Err(Error::Unsupported {
            mechanism: Mechanism::Uprobe,
            target: name.into_owned(),
            what: "functions of libraries inside archives are not found yet; give the archive and an offset".into(),
        });
    }
    if name.contains('/') {
        return Ok(binary.into());
    }
    let is_library = name.ends_with(".so") || name.contains(".so.");
    let folders = search_path(is_library, |variable| env::var_os(variable));
    let found = folders.iter().map(|folder| folder.join(binary)).find(|path| is_usable(path, is_library));
    found.ok_or_else(|| Error::NoBinary {
        name: name.into_owned(),
        searched: folders.iter().map(|folder| folder.display().to_string()).collect(),
    })
}

/// The folders to look in, in order, each once.
fn search_path(is_library: bool, variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let (name, fixed): (_, &[&str]) = if is_library {
        ("LD_LIBRARY_PATH", &["/usr/lib64", "/usr/lib", MULTIARCH.unwrap_or(""), "/lib64", "/lib"])
    } else {
        ("PATH", &["/usr/bin", "/usr/sbin"])
    };
    let own = variable(name).unwrap_or_default();
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in env::split_paths(&own).chain(fixed.iter().map(PathBuf::from)) {
        if !folder.as_os_str().is_empty() && !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// A library is read, a program also has the right to be run.
fn is_usable(path: &Path, is_library: bool) -> bool {
    match fs::metadata(path) {
        Ok(found) => found.is_file() && (is_library || found.permissions().mode() & 0o111 != 0),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folders: &[PathBuf]) -> Vec<&str> {
        folders.iter().map(|folder| folder.to_str().unwrap()).collect()
    }

    #[test]
    fn own_folders_come_first_and_none_twice() {
        let folders = search_path(false, |name| (name == "PATH").then(|| "/opt/bin::/usr/bin".into()));
        assert_eq!(names(&folders), ["/opt/bin", "/usr/bin", "/usr/sbin"]);
        let folders = search_path(true, |name| (name == "LD_LIBRARY_PATH").then(|| "/opt/lib".into()));
        assert_eq!(names(&folders)[..3], ["/opt/lib", "/usr/lib64", "/usr/lib"]);
        assert_eq!(names(&folders).last(), Some(&"/lib"));
    }

    #[test]
    fn paths_stay_as_they_are() {
        assert_eq!(resolve_binary(Path::new("/no/such")).unwrap(), Path::new("/no/such"));
        assert_eq!(resolve_binary(Path::new("./x")).unwrap(), Path::new("./x"));
    }

    #[test]
    fn names_are_looked_for() {
        assert!(resolve_binary(Path::new("sh")).unwrap().ends_with("sh"));
        let error = resolve_binary(Path::new("libnonesuch.so.9")).unwrap_err();
        assert!(matches!(&error, Error::NoBinary { searched, .. } if searched.contains(&"/usr/lib".into())), "{error}");
        assert!(matches!(resolve_binary(Path::new("a.apk!/lib/x.so")), Err(Error::Unsupported { .. })));
    }
}
