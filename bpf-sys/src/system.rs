//! What the running system tells about itself: possible CPUs, the kernel's version; names fit for the kernel; and the
//! memory limit that kernels before 5.11 charge BPF objects to.

#![allow(unsafe_code)]

use crate::{
    error::{Error, Result},
    uapi::BPF_OBJ_NAME_LEN,
};
use std::{fs, io, os::fd::OwnedFd, path::Path, sync::OnceLock};

/// The number of CPUs that this machine may ever have: what per-CPU maps hold values for.
///
/// Read once from `/sys/devices/system/cpu/possible` (the kernel's `num_possible_cpus`); online CPUs are fewer on many machines.
///
/// # Errors
///
/// `File` when /sys cannot be read; `Invalid` for a list that is none.
#[doc(alias = "libbpf_num_possible_cpus")]
pub fn possible_cpus() -> Result<usize> {
    static CPUS: OnceLock<usize> = OnceLock::new();
    if let Some(cpus) = CPUS.get() {
        return Ok(*cpus);
    }
    let list = read_file("/sys/devices/system/cpu/possible")?;
    let cpus = count_cpus(list.trim()).ok_or_else(|| Error::invalid("not a list of CPUs", list.trim()))?;
    Ok(*CPUS.get_or_init(|| cpus))
}

/// Size of a page of memory in bytes: what mappings and ring buffers are counted in.
pub fn page_size() -> usize {
    // SAFETY: sysconf only reads a value of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// The CPUs now online, in order, from `/sys/devices/system/cpu/online`.
///
/// # Errors
///
/// As [`possible_cpus`].
pub fn online_cpus() -> Result<Vec<u32>> {
    let list = read_file("/sys/devices/system/cpu/online")?;
    let ranges = cpu_ranges(list.trim()).ok_or_else(|| Error::invalid("not a list of CPUs", list.trim()))?;
    Ok(ranges.into_iter().flat_map(|(first, last)| first..=last).collect())
}

fn read_file(path: &str) -> Result<String> {
    fs::read_to_string(path).map_err(|cause| Error::File { path: Path::new(path).into(), cause })
}

/// The ranges of a list such as `0-3,8,10-11`, which the kernel prints with `%*pbl`.
fn cpu_ranges(list: &str) -> Option<Vec<(u32, u32)>> {
    list.split(',')
        .map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            // NR_CPUS is far below; a list beyond is not the kernel's.
            (first <= last && last < 1 << 20).then_some((first, last))
        })
        .collect()
}

fn count_cpus(list: &str) -> Option<usize> {
    cpu_ranges(list)?.iter().try_fold(0usize, |sum, (first, last)| sum.checked_add((last - first) as usize + 1))
}

/// The running kernel's version as `KERNEL_VERSION(a, b, c)` gives it: what BPF_PROG_LOAD's `kern_version` and the
/// extern `LINUX_KERNEL_VERSION` hold.
///
/// Ubuntu and Debian build from stable releases under another name in `uname -r`; their true version is taken from where
/// each of them leaves it, as libbpf's `get_kernel_version` does. 0 when nothing can be read.
pub fn kernel_version() -> u32 {
    static VERSION: OnceLock<u32> = OnceLock::new();
    *VERSION.get_or_init(|| {
        let ubuntu = fs::read_to_string("/proc/version_signature").ok().and_then(|text| ubuntu_version(&text));
        ubuntu.or_else(|| uname_version(uname()?)).unwrap_or(0)
    })
}

/// The release (`uname -r`) and version (`uname -v`) of the running kernel.
pub fn uname() -> Option<(String, String)> {
    // SAFETY: all zeroes is a utsname, and uname fills it with terminated strings.
    let name = unsafe {
        let mut name: libc::utsname = std::mem::zeroed();
        if libc::uname(&raw mut name) != 0 {
            return None;
        }
        name
    };
    Some((c_string(&name.release), c_string(&name.version)))
}

fn c_string(chars: &[libc::c_char]) -> String {
    let bytes: Vec<u8> = chars.iter().take_while(|c| **c != 0).map(|c| *c as u8).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// "Ubuntu 5.4.0-12.15-generic 5.4.8": the third word is the release it is built from.
fn ubuntu_version(signature: &str) -> Option<u32> {
    version_code(signature.split_whitespace().nth(2)?)
}

/// Debian's `uname -v` ends in "Debian 6.1.76-1"; elsewhere `uname -r` begins with the version.
fn uname_version((release, version): (String, String)) -> Option<u32> {
    let debian = version.split_once("Debian ").and_then(|(_, rest)| version_code(rest));
    debian.or_else(|| version_code(&release))
}

/// `a.b.c` at the start of `text` as `KERNEL_VERSION(a, b, c)`, `c` held at 255 as the kernel does. Nothing may stand
/// between the numbers: the dots of Debian's "6.12~rc6-1 (2024.11.03)" are not those of its version.
fn version_code(text: &str) -> Option<u32> {
    let (major, rest) = text.split_once('.')?;
    let (minor, rest) = rest.split_once('.')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let number = |text: &str| if text.starts_with('+') { None } else { text.parse::<u32>().ok() };
    let (major, minor, patch) = (number(major)?, number(minor)?, number(&rest[..digits])?);
    (major < 1 << 15 && minor < 1 << 8).then_some(version(major, minor, patch))
}

/// A name as the kernel takes it (`bpf_obj_name_cpy`): at most 15 bytes of letters, digits, `_` and `.`, then a zero.
pub(crate) fn object_name(name: &str) -> [u8; BPF_OBJ_NAME_LEN as usize] {
    let mut out = [0; BPF_OBJ_NAME_LEN as usize];
    for (to, from) in out[..BPF_OBJ_NAME_LEN as usize - 1].iter_mut().zip(name.bytes()) {
        *to = if from.is_ascii_alphanumeric() || matches!(from, b'_' | b'.') { from } else { b'_' };
    }
    out
}

/// Runs a creation; where it is refused with EPERM on a kernel that charges BPF memory to RLIMIT_MEMLOCK, raises the limit
/// and runs it once more.
pub(crate) fn with_memlock(mut create: impl FnMut() -> Result<OwnedFd>) -> Result<OwnedFd> {
    match create() {
        Err(error) if error.errno() == libc::EPERM && raise_memlock() => create(),
        result => result,
    }
}

/// Raises RLIMIT_MEMLOCK, once in the process's life and only where it counts; true when it has been raised.
///
/// Memory is charged to the memory cgroup from 5.11. Distributions that brought that to older kernels lose nothing by a
/// raised limit, so the version decides; a probe could not tell a full limit from a want of privilege.
fn raise_memlock() -> bool {
    static RAISED: OnceLock<bool> = OnceLock::new();
    kernel_version() < version(5, 11, 0) && *RAISED.get_or_init(|| set_memlock_unlimited().is_ok())
}

/// `KERNEL_VERSION(major, minor, patch)`.
pub const fn version(major: u32, minor: u32, patch: u32) -> u32 {
    major << 16 | minor << 8 | if patch > 255 { 255 } else { patch }
}

/// Lifts RLIMIT_MEMLOCK for this process: without bound if it may (CAP_SYS_RESOURCE), else to the hard limit.
///
/// Needed by hand only by programs that let another library create BPF objects on kernels before 5.11.
///
/// # Errors
///
/// setrlimit's errno.
#[doc(alias = "libbpf_set_memlock_rlim")]
pub fn set_memlock_unlimited() -> Result<()> {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: both calls take a pointer to an rlimit that lives through the call.
    unsafe {
        if libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) == 0 {
            return Ok(());
        }
        if io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
            && libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) == 0
            && limit.rlim_cur < limit.rlim_max
        {
            limit.rlim_cur = limit.rlim_max;
            if libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const limit) == 0 {
                return Ok(());
            }
        }
    }
    Err(Error::last("setrlimit(RLIMIT_MEMLOCK)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_cpu_lists() {
        assert_eq!(count_cpus("0"), Some(1));
        assert_eq!(count_cpus("0-127"), Some(128));
        assert_eq!(count_cpus("0-3,8,10-11"), Some(7));
        for bad in ["", "x", "3-1", "0-", "0-4294967295", "1,,2"] {
            assert_eq!(count_cpus(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn reads_versions_where_distributions_keep_them() {
        assert_eq!(version_code("6.12.0-rc1"), Some(6 << 16 | 12 << 8));
        assert_eq!(version_code("4.19.325"), Some(4 << 16 | 19 << 8 | 255));
        assert_eq!(version_code("6.12"), None);
        assert_eq!(version_code("6.12-rc1.5.3"), None);
        assert_eq!(version_code("+6.12.1"), None);
        assert_eq!(version_code("6.12."), None);
        assert_eq!(ubuntu_version("Ubuntu 5.4.0-12.15-generic 5.4.8\n"), Some(5 << 16 | 4 << 8 | 8));
        let debian = ("6.1.0-18-cloud-amd64".into(), "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)".into());
        assert_eq!(uname_version(debian), Some(6 << 16 | 1 << 8 | 76));
        let debian = ("6.12.1-rc6-amd64".into(), "#1 SMP Debian 6.12~rc6-1~exp1 (2024.11.03)".into());
        assert_eq!(uname_version(debian), Some(6 << 16 | 12 << 8 | 1));
    }

    #[test]
    fn names_are_cut_and_cleaned() {
        assert_eq!(&object_name("a-b c.d_e"), b"a_b_c.d_e\0\0\0\0\0\0\0");
        assert_eq!(&object_name("a_rather_long_name"), b"a_rather_long_n\0");
        assert_eq!(&object_name("é"), b"__\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    }
}
