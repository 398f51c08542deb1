//! Writes cpio archives of the kind that the kernel unpacks into its first root file system: "newc", uncompressed.
//!
//! Format: Documentation/driver-api/early-userspace/buffer-format.rst of the kernel. Archives may be laid end to end.

use std::collections::BTreeSet;

/// An archive being written. Folders above an entry are added by themselves.
#[derive(Default)]
pub(crate) struct Archive {
    bytes: Vec<u8>,
    dirs: BTreeSet<String>,
    entries: u32,
}

/// What an entry is: the file type bits of its mode.
#[derive(Clone, Copy)]
enum Kind {
    File = 0o100_000,
    Dir = 0o040_000,
    Symlink = 0o120_000,
}

impl Archive {
    /// Adds a file that everyone may read and run.
    pub(crate) fn file(&mut self, path: &str, contents: &[u8]) {
        self.entry(path, Kind::File, contents);
    }

    /// Adds a symbolic link.
    pub(crate) fn symlink(&mut self, path: &str, target: &str) {
        self.entry(path, Kind::Symlink, target.as_bytes());
    }

    /// Adds a folder.
    pub(crate) fn dir(&mut self, path: &str) {
        let path = path.trim_matches('/');
        if path.is_empty() || self.dirs.contains(path) {
            return;
        }
        self.parents(path);
        self.dirs.insert(path.to_owned());
        self.header(path, Kind::Dir, 0);
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.entries = 0;
        self.header("TRAILER!!!", Kind::File, 0);
        self.pad(512);
        self.bytes
    }

    fn entry(&mut self, path: &str, kind: Kind, contents: &[u8]) {
        let path = path.trim_matches('/');
        self.parents(path);
        self.header(path, kind, contents.len());
        self.bytes.extend_from_slice(contents);
        self.pad(4);
    }

    fn parents(&mut self, path: &str) {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.dir(parent);
        }
    }

    fn header(&mut self, path: &str, kind: Kind, size: usize) {
        let size = u32::try_from(size).expect("no entry of an initial file system reaches 4 GiB");
        let name_size = path.len() as u32 + 1;
        // Distinct inode numbers: equal ones with more than one link would be taken for hard links.
        self.entries += 1;
        let links = if matches!(kind, Kind::Dir) { 2 } else { 1 };
        let mode = kind as u32 | 0o755;
        self.bytes.extend_from_slice(b"070701");
        //                 ino           mode  uid gid links  mtime size dev     rdev  name       check
        for field in [self.entries, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0] {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.push(0);
        self.pad(4);
    }

    fn pad(&mut self, to: usize) {
        let length = self.bytes.len().next_multiple_of(to);
        self.bytes.resize(length, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::Archive;

    /// The layout that buffer-format.rst gives: 110 bytes of header, name and body each padded to 4.
    #[test]
    fn layout() {
        let mut archive = Archive::default();
        archive.file("/a/b", b"hello");
        let bytes = archive.finish();
        assert_eq!(&bytes[..14], b"07070100000001");
        assert_eq!(&bytes[14..22], b"000041ed", "a folder of mode 0755 comes first");
        assert_eq!(&bytes[110..112], b"a\0");
        let file = &bytes[112..];
        assert_eq!(&file[..6], b"070701");
        assert_eq!(&file[54..62], b"00000005", "the size is the seventh field");
        assert_eq!(&file[110..114], b"a/b\0");
        assert_eq!(&file[116..124], b"hello\0\0\0");
        assert_eq!(&file[124 + 110..124 + 121], b"TRAILER!!!\0");
        assert_eq!(bytes.len() % 512, 0);
    }
}
