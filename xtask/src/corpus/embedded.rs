//! Objects within programs. Whatever loads an object that it brings along (a skeleton of bpftool's, of libbpf-rs's, bpf2go's) carries
//! it whole, as bytes: an ELF file within an ELF file.

use memchr::memmem;
use object::{
    Object, ObjectSection,
    read::elf::{ElfFile64, FileHeader},
};

/// The first bytes of a 64-bit ELF file.
const MAGIC: &[u8] = b"\x7fELF\x02";

/// Whether a file may be, or hold, an object.
pub(super) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The BPF objects that stand somewhere in a file: the file itself, if it is one.
pub(super) fn objects_within(bytes: &[u8]) -> Vec<&[u8]> {
    let mut objects = Vec::new();
    let mut end = 0;
    for at in memmem::find_iter(bytes, MAGIC) {
        // What is within an object is the object's.
        if at < end {
            continue;
        }
        if let Some(object) = object_at(&bytes[at..]) {
            end = at + object.len();
            objects.push(object);
        }
    }
    objects
}

/// The BPF object that these bytes begin with: as long as its headers and sections reach.
fn object_at(bytes: &[u8]) -> Option<&[u8]> {
    let elf = ElfFile64::<object::Endianness>::parse(bytes).ok()?;
    if elf.architecture() != object::Architecture::Bpf {
        return None;
    }
    let header = elf.elf_header();
    let endian = elf.endian();
    let headers = header.e_shoff(endian).checked_add(u64::from(header.e_shnum(endian)) * 64)?;
    let sections = elf.sections().filter_map(|section| section.file_range());
    let end = sections.map(|(start, size)| start.saturating_add(size)).fold(headers, u64::max);
    bytes.get(..usize::try_from(end).ok()?)
}

#[cfg(test)]
mod tests {
    use super::objects_within;
    use crate::workspace::{read, root};

    #[test]
    fn an_object_is_found_whole_wherever_it_stands() {
        let object = read(&root().join("tests/programs/core.bpf.o")).unwrap();
        let within = [b"\x7fELF\x02 is no object".as_slice(), &object, b"and what follows", &object].concat();
        assert_eq!(objects_within(&object), [&object[..]]);
        assert_eq!(objects_within(&within), [&object[..], &object[..]]);
        assert!(objects_within(&object[..object.len() / 2]).is_empty());
    }
}
