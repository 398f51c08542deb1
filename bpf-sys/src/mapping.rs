//! Memory shared with the kernel: values of array maps, pages of ring buffers, the kernel's BTF files.
//!
//! What the kernel may change at any moment is never seen through a `&[T]`: a [`Mapping`] gives volatile and atomic
//! access, and a bare pointer for those who argue their own case. Only files that cannot change ([`FileBytes`]) are slices.
//!
//! # Safety
//!
//! A mapping lives as long as its [`Mapping`]; every access is checked against its length and protection first.

#![allow(unsafe_code)]

use crate::error::{Errno, Error, Result};
use std::{
    fmt,
    fs::File,
    io::Read,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    path::Path,
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
};

/// What a [`Mapping`] may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Reads.
    ReadOnly,
    /// Reads and writes that the kernel sees.
    ReadWrite,
}

/// Pages of a descriptor, unmapped on drop.
pub struct Mapping {
    address: NonNull<u8>,
    len: usize,
    protection: Protection,
}

// SAFETY: the mapping belongs to the process, not to a thread, and access through a shared reference is volatile or atomic
// or through a bare pointer, whose user answers for it.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes of `fd` from `offset` (a multiple of the page size), shared with the kernel.
    ///
    /// For descriptors whose pages stay while they are mapped: maps, perf events. An ordinary file can be made shorter by
    /// others, and touching a page that it no longer has ends the process with SIGBUS; read those.
    ///
    /// # Errors
    ///
    /// mmap's errno: EPERM where the descriptor or a frozen map forbids writing, EINVAL for an offset or a length that the
    /// map does not have, ENODEV or ENOTSUPP where it cannot be mapped. `Invalid` for a length of 0.
    pub fn new(fd: BorrowedFd<'_>, offset: u64, len: usize, protection: Protection) -> Result<Mapping> {
        Self::map(fd, None, offset, len, protection, libc::MAP_SHARED)
    }

    /// As [`new`](Self::new), at an address: where an arena's `map_extra` says that it lies. Nothing that is mapped there already
    /// is replaced.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); EEXIST where something is mapped already.
    pub fn new_at(
        fd: BorrowedFd<'_>,
        address: u64,
        offset: u64,
        len: usize,
        protection: Protection,
    ) -> Result<Mapping> {
        let Ok(wanted) = usize::try_from(address) else {
            return Err(Error::invalid("an address that this machine does not have", address));
        };
        let mapping = Self::map(
            fd,
            NonNull::new(wanted as *mut u8),
            offset,
            len,
            protection,
            libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE,
        )?;
        // Kernels before 4.17 take the address for a wish.
        match mapping.as_ptr() as usize == wanted {
            true => Ok(mapping),
            false => Err(Error::Syscall { call: "mmap", errno: Errno(libc::EEXIST) }),
        }
    }

    fn map(
        fd: BorrowedFd<'_>,
        address: Option<NonNull<u8>>,
        offset: u64,
        len: usize,
        protection: Protection,
        flags: i32,
    ) -> Result<Mapping> {
        let Ok(start) = libc::off_t::try_from(offset) else {
            return Err(Error::invalid("an offset too far to map", offset));
        };
        if len == 0 {
            return Err(Error::invalid("a mapping of no length", len));
        }
        let prot = match protection {
            Protection::ReadOnly => libc::PROT_READ,
            Protection::ReadWrite => libc::PROT_READ | libc::PROT_WRITE,
        };
        let address = address.map_or(std::ptr::null_mut(), NonNull::as_ptr);
        // SAFETY: a new mapping at an address of the kernel's choice disturbs no other memory, and one that may not replace
        // (MAP_FIXED_NOREPLACE, or a mere wish without MAP_FIXED) none at an address of the caller's.
        let address = unsafe { libc::mmap(address.cast(), len, prot, flags, fd.as_raw_fd(), start) };
        if address == libc::MAP_FAILED {
            return Err(Error::last("mmap"));
        }
        let Some(address) = NonNull::new(address.cast()) else {
            return Err(Error::invalid("mmap gave address", 0));
        };
        Ok(Mapping { address, len, protection })
    }

    /// The first byte. Good for [`len`](Self::len) bytes while the mapping lives; the kernel may change them at any moment.
    pub fn as_ptr(&self) -> *mut u8 {
        self.address.as_ptr()
    }

    /// Bytes mapped.
    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// What it may be used for.
    pub fn protection(&self) -> Protection {
        self.protection
    }

    /// Copies bytes out, from `offset` on.
    ///
    /// Not atomic: a value that the kernel writes meanwhile may come torn, in pieces of no less than the bytes of one aligned word.
    ///
    /// # Errors
    ///
    /// `Length` when they do not lie in the mapping.
    pub fn read(&self, offset: usize, out: &mut [u8]) -> Result<()> {
        let from = self.check(offset, out.len())?;
        let mut done = 0;
        while done < out.len() {
            // SAFETY: `from` is good for out.len() bytes. A word is read whole where it is aligned and wanted whole.
            unsafe {
                let at = from.add(done);
                if at.addr() % 8 == 0 && out.len() - done >= 8 {
                    out[done..done + 8].copy_from_slice(&at.cast::<u64>().read_volatile().to_ne_bytes());
                    done += 8;
                } else if at.addr() % 4 == 0 && out.len() - done >= 4 {
                    out[done..done + 4].copy_from_slice(&at.cast::<u32>().read_volatile().to_ne_bytes());
                    done += 4;
                } else if at.addr() % 2 == 0 && out.len() - done >= 2 {
                    out[done..done + 2].copy_from_slice(&at.cast::<u16>().read_volatile().to_ne_bytes());
                    done += 2;
                } else {
                    out[done] = at.read_volatile();
                    done += 1;
                }
            }
        }
        Ok(())
    }

    /// Copies bytes in, from `offset` on; aligned words are written whole.
    ///
    /// # Errors
    ///
    /// `Length` when they do not lie in the mapping; `Invalid` when it is read-only.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result<()> {
        self.check_writable()?;
        let to = self.check(offset, bytes.len())?;
        let mut rest = bytes;
        let mut at = to;
        while let Some((first, _)) = rest.split_first() {
            // SAFETY: `to` is good for bytes.len() bytes, and `at` and `rest` move together.
            unsafe {
                let width = match (rest.first_chunk::<8>(), rest.first_chunk::<4>()) {
                    (Some(word), _) if at.addr() % 8 == 0 => {
                        at.cast::<u64>().write_volatile(u64::from_ne_bytes(*word));
                        8
                    }
                    (_, Some(word)) if at.addr() % 4 == 0 => {
                        at.cast::<u32>().write_volatile(u32::from_ne_bytes(*word));
                        4
                    }
                    _ if at.addr() % 2 == 0 && rest.len() >= 2 => {
                        at.cast::<u16>().write_volatile(u16::from_ne_bytes([rest[0], rest[1]]));
                        2
                    }
                    _ => {
                        at.write_volatile(*first);
                        1
                    }
                };
                at = at.add(width);
                rest = &rest[width..];
            }
        }
        Ok(())
    }

    /// Loads the word at `offset`, a multiple of 4.
    ///
    /// # Errors
    ///
    /// `Length` when it does not lie in the mapping, `Invalid` for an unaligned offset or an ordering that loads do not have.
    pub fn load_u32(&self, offset: usize, ordering: Ordering) -> Result<u32> {
        let at = self.check_word(offset, 4)?;
        check_load(ordering)?;
        // SAFETY: aligned, in the mapping, which lives as long as `self`; only ever touched atomically or as volatile.
        let word = unsafe { AtomicU32::from_ptr(at.cast()) };
        Ok(fenced(ordering, || word.load(Ordering::Relaxed)))
    }

    /// Loads the double word at `offset`, a multiple of 8.
    ///
    /// # Errors
    ///
    /// As [`load_u32`](Self::load_u32).
    pub fn load_u64(&self, offset: usize, ordering: Ordering) -> Result<u64> {
        let at = self.check_word(offset, 8)?;
        check_load(ordering)?;
        // SAFETY: as above.
        let word = unsafe { AtomicU64::from_ptr(at.cast()) };
        Ok(fenced(ordering, || word.load(Ordering::Relaxed)))
    }

    /// Stores the word at `offset`, a multiple of 4.
    ///
    /// # Errors
    ///
    /// As [`load_u32`](Self::load_u32); `Invalid` when the mapping is read-only.
    pub fn store_u32(&self, offset: usize, value: u32, ordering: Ordering) -> Result<()> {
        self.check_writable()?;
        let at = self.check_word(offset, 4)?;
        check_store(ordering)?;
        // SAFETY: as above, and mapped writable.
        unsafe { AtomicU32::from_ptr(at.cast()) }.store(value, ordering);
        Ok(())
    }

    /// Stores the double word at `offset`, a multiple of 8.
    ///
    /// # Errors
    ///
    /// As [`store_u32`](Self::store_u32).
    pub fn store_u64(&self, offset: usize, value: u64, ordering: Ordering) -> Result<()> {
        self.check_writable()?;
        let at = self.check_word(offset, 8)?;
        check_store(ordering)?;
        // SAFETY: as above, and mapped writable.
        unsafe { AtomicU64::from_ptr(at.cast()) }.store(value, ordering);
        Ok(())
    }

    fn check(&self, offset: usize, len: usize) -> Result<*mut u8> {
        match offset.checked_add(len) {
            // SAFETY: within the mapping, or one past its end for an empty access.
            Some(end) if end <= self.len => Ok(unsafe { self.address.as_ptr().add(offset) }),
            end => {
                Err(Error::Length { what: "a mapping", expected: end.unwrap_or(usize::MAX), given: self.len })
            }
        }
    }

    fn check_word(&self, offset: usize, width: usize) -> Result<*mut u8> {
        // Mappings begin at a page.
        if offset % width != 0 {
            return Err(Error::invalid("an unaligned offset", offset));
        }
        self.check(offset, width)
    }

    fn check_writable(&self) -> Result<()> {
        match self.protection {
            Protection::ReadWrite => Ok(()),
            Protection::ReadOnly => Err(Error::invalid("the mapping is read-only", self.len)),
        }
    }
}

/// A load with the barriers that `ordering` asks for around it.
///
/// The language promises that only relaxed loads leave read-only pages alone (`core::sync::atomic`, "Atomic accesses to
/// read-only memory"): others may be made of instructions that write.
fn fenced<T>(ordering: Ordering, load: impl FnOnce() -> T) -> T {
    if ordering == Ordering::SeqCst {
        fence(Ordering::SeqCst);
    }
    let value = load();
    if ordering != Ordering::Relaxed {
        fence(Ordering::Acquire);
    }
    value
}

/// The orderings with which an atomic load panics, refused.
fn check_load(ordering: Ordering) -> Result<()> {
    match ordering {
        Ordering::Relaxed | Ordering::Acquire | Ordering::SeqCst => Ok(()),
        _ => Err(Error::invalid("an ordering that loads do not have", format_args!("{ordering:?}"))),
    }
}

/// The orderings with which an atomic store panics, refused.
fn check_store(ordering: Ordering) -> Result<()> {
    match ordering {
        Ordering::Relaxed | Ordering::Release | Ordering::SeqCst => Ok(()),
        _ => Err(Error::invalid("an ordering that stores do not have", format_args!("{ordering:?}"))),
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: ours, mapped with this length, and nobody can use it after.
        unsafe { libc::munmap(self.address.as_ptr().cast(), self.len) };
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({:?}, {} bytes, {:?})", self.address, self.len, self.protection)
    }
}

/// The bytes of a file of the kernel's that does not change while it exists, such as `/sys/kernel/btf/vmlinux`.
///
/// Mapped where the kernel can (vmlinux's BTF from 6.16), else read. Files outside sysfs, which anyone may truncate, are
/// always read.
#[derive(Debug)]
pub struct FileBytes(Bytes);

#[derive(Debug)]
enum Bytes {
    Mapped(Mapping),
    Read(Vec<u8>),
}

impl FileBytes {
    /// Maps or reads the file.
    ///
    /// # Errors
    ///
    /// `File`.
    pub fn open(path: &Path) -> Result<FileBytes> {
        let failed = |cause| Error::File { path: path.into(), cause };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let size = metadata.len();
        if let (true, Ok(len @ 1..)) = (is_btf_file(&file, path), usize::try_from(size)) {
            // The kernel wants it private (`btf_sysfs_vmlinux_mmap`).
            if let Ok(mapping) = Mapping::map(file.as_fd(), None, 0, len, Protection::ReadOnly, libc::MAP_PRIVATE) {
                return Ok(FileBytes(Bytes::Mapped(mapping)));
            }
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(1 << 30));
        // A pipe is as good as a file; a device may have no end.
        let limit = if metadata.is_file() { u64::MAX } else { 1 << 30 };
        file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
        Ok(FileBytes(Bytes::Read(bytes)))
    }

    /// Whether the bytes are mapped, not read.
    pub fn is_mapped(&self) -> bool {
        matches!(self.0, Bytes::Mapped(_))
    }
}

impl AsRef<[u8]> for FileBytes {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            // SAFETY: mapped read-only, alive as long as `self`, and a BTF file of sysfs: its memory is the kernel's
            // read-only image, which nobody changes.
            Bytes::Mapped(mapping) => unsafe { std::slice::from_raw_parts(mapping.as_ptr(), mapping.len()) },
            Bytes::Read(bytes) => bytes,
        }
    }
}

/// Whether this is one of the files whose bytes never change: in `/sys/kernel/btf`, on sysfs.
fn is_btf_file(file: &File, path: &Path) -> bool {
    if path.parent() != Some(Path::new("/sys/kernel/btf")) {
        return false;
    }
    // The types of both differ between architectures and C libraries.
    #[allow(clippy::unnecessary_cast)]
    // SAFETY: all zeroes is a statfs, and fstatfs fills it.
    unsafe {
        let mut stat: libc::statfs = std::mem::zeroed();
        libc::fstatfs(file.as_raw_fd(), &raw mut stat) == 0 && stat.f_type as i64 == libc::SYSFS_MAGIC as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn reads_and_writes_within_bounds() {
        let file = tempfile();
        let mapping = Mapping::new(file.as_fd(), 0, 4096, Protection::ReadWrite).unwrap();
        mapping.write(5, b"twelve bytes").unwrap();
        let mut out = [0; 12];
        mapping.read(5, &mut out).unwrap();
        assert_eq!(&out, b"twelve bytes");
        mapping.store_u64(8, 0x1122_3344_5566_7788, Ordering::Release).unwrap();
        assert_eq!(mapping.load_u64(8, Ordering::Acquire).unwrap(), 0x1122_3344_5566_7788);
        assert!(mapping.read(4090, &mut out).is_err());
        assert!(mapping.read(usize::MAX, &mut out).is_err());
        assert!(mapping.load_u64(12, Ordering::Relaxed).is_err());
        assert!(mapping.load_u32(0, Ordering::Release).is_err());
        assert!(mapping.store_u32(4096, 0, Ordering::Relaxed).is_err());
    }

    #[test]
    fn read_only_mappings_are_not_written() {
        let file = tempfile();
        let mapping = Mapping::new(file.as_fd(), 0, 4096, Protection::ReadOnly).unwrap();
        assert!(mapping.write(0, b"x").is_err());
        assert!(mapping.store_u32(0, 1, Ordering::Relaxed).is_err());
        assert!(Mapping::new(file.as_fd(), 0, 0, Protection::ReadOnly).is_err());
        assert_eq!(Mapping::new(file.as_fd(), 1, 1, Protection::ReadOnly).unwrap_err().errno(), libc::EINVAL);
    }

    #[test]
    fn ordinary_files_are_read() {
        let bytes = FileBytes::open(Path::new("/proc/self/cmdline")).unwrap();
        assert!(!bytes.is_mapped() && !bytes.as_ref().is_empty());
        assert!(FileBytes::open(Path::new("/nonesuch")).unwrap_err().to_string().starts_with("/nonesuch: "));
    }

    /// A file of one page that has no name any more.
    fn tempfile() -> File {
        // SAFETY: memfd_create takes a terminated string; the descriptor is new.
        let mut file = unsafe {
            use std::os::fd::FromRawFd;
            let fd = libc::memfd_create(c"mapping".as_ptr(), libc::MFD_CLOEXEC);
            assert!(fd >= 0);
            File::from_raw_fd(fd)
        };
        file.write_all(&[0; 4096]).unwrap();
        file
    }
}
