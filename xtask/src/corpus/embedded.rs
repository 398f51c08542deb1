//! The objects of Debian's package libbpf-tools. Each of its programs carries the object that it loads, whole, as bytes of a
//! skeleton: an ELF file within an ELF file.

use super::sources::{corpus_dir, unpacked};
use crate::{
    error::Result,
    workspace::{create_dir, files_below, read, write},
};
use object::{Object, ObjectSection, read::elf::ElfFile64};

/// The first bytes of a 64-bit little-endian ELF file.
const MAGIC: &[u8] = b"\x7fELF\x02\x01\x01";

/// Runs `corpus objects`.
pub(super) fn extract() -> Result {
    let package = unpacked("sid", "libbpf-tools")?;
    let dir = corpus_dir().join("objects/libbpf-tools/debian");
    create_dir(&dir)?;
    let mut count = 0;
    for path in files_below(&package)? {
        let bytes = read(&path)?;
        if !bytes.starts_with(MAGIC) {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let objects = objects_within(&bytes);
        for (index, object) in objects.iter().enumerate() {
            let suffix = if objects.len() == 1 { String::new() } else { format!("-{index}") };
            // Debian's suffix, apart from the tools of the same names in bpfcc-tools.
            let name = name.trim_end_matches("-libbpf");
            write(&dir.join(format!("{name}{suffix}.bpf.o")), object)?;
            count += 1;
        }
    }
    println!("{}: {count} objects", dir.display());
    if count == 0 { Err("Debian's libbpf-tools carries no objects any more".into()) } else { Ok(()) }
}

/// The BPF objects that stand somewhere in a file.
fn objects_within(bytes: &[u8]) -> Vec<&[u8]> {
    let starts = (1..bytes.len().saturating_sub(MAGIC.len())).filter(|at| bytes[*at..].starts_with(MAGIC));
    starts.filter_map(|at| object_at(&bytes[at..])).collect()
}

/// The BPF object that these bytes begin with: as long as its headers and sections reach.
fn object_at(bytes: &[u8]) -> Option<&[u8]> {
    let elf = ElfFile64::<object::Endianness>::parse(bytes).ok()?;
    if elf.architecture() != object::Architecture::Bpf {
        return None;
    }
    let header = elf.elf_header();
    let endian = elf.endian();
    use object::read::elf::FileHeader;
    let headers = header.e_shoff(endian).checked_add(u64::from(header.e_shnum(endian)) * 64)?;
    let sections = elf.sections().filter_map(|section| section.file_range());
    let end = sections.map(|(start, size)| start.saturating_add(size)).fold(headers, u64::max);
    bytes.get(..usize::try_from(end).ok()?)
}
