//! What is mounted where: `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The places where file systems of a type are mounted, in the order of mounting.
pub(crate) fn of_type(fs_type: &str) -> Vec<PathBuf> {
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    table.split(|byte| *byte == b'\n').filter_map(|line| place(line, fs_type)).collect()
}

/// The mount point of a line, if its type is the one wanted. The type comes after a dash that ends the optional fields.
fn place(line: &[u8], fs_type: &str) -> Option<PathBuf> {
    let mut fields = line.split(|byte| *byte == b' ');
    let point = fields.nth(4)?;
    fields.find(|field| *field == b"-")?;
    (fields.next()? == fs_type.as_bytes()).then(|| PathBuf::from(OsString::from_vec(unescape(point))))
}

/// Blanks, new lines and backslashes stand as three octal digits (`mangle_path`).
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let octal = match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                Some((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'))
            }
            _ => None,
        };
        out.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &rest[4..] } else { tail };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::place;
    use std::path::Path;

    /// The example of proc_pid_mountinfo(5), and a mount point with a blank in its name.
    #[test]
    fn lines_of_mountinfo() {
        let line = b"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        assert_eq!(place(line, "ext3").as_deref(), Some(Path::new("/mnt2")));
        assert_eq!(place(line, "bpf"), None);
        let line = br"43 28 0:33 / /run/a\040b rw - bpf bpf rw,mode=700";
        assert_eq!(place(line, "bpf").as_deref(), Some(Path::new("/run/a b")));
        assert_eq!(place(b"", "bpf"), None);
    }
}
