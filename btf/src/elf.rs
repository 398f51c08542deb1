//! BTF out of ELF files: kernels with debug information, modules, BPF objects.

use object::{Object, ObjectSection};

use crate::ext::BtfExt;
use crate::{Btf, Error, Owner, distill};

/// What an ELF file has of BTF.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ElfBtf {
    /// The section `.BTF`.
    pub btf: Btf,
    /// The section `.BTF.ext`, which BPF objects have.
    pub ext: Option<BtfExt>,
}

/// A section of a file that is kept.
struct Section {
    file: Owner,
    range: core::ops::Range<usize>,
}

impl AsRef<[u8]> for Section {
    fn as_ref(&self) -> &[u8] {
        self.file.bytes().get(self.range.clone()).unwrap_or_default()
    }
}

impl Btf {
    /// Parses the `.BTF` of an ELF file, of any class and byte order, in place. With a base, that of a module over its kernel.
    ///
    /// A module that was built to fit more than one kernel has a [distilled base](crate::distill) in `.BTF.base`: without `base`, its BTF
    /// is given over that; with one, moved to it.
    ///
    /// # Errors
    /// When the file is no ELF file, has no BTF, or BTF that is damaged.
    #[doc(alias = "btf__parse_elf")]
    #[doc(alias = "btf__parse_elf_split")]
    pub fn parse_elf(file: impl Into<Owner>, base: Option<&Btf>) -> Result<ElfBtf, Error> {
        let file = file.into();
        let elf = object::File::parse(file.bytes()).map_err(|_| Error::NotElf)?;
        let section = |name: &str| {
            let (start, len) = elf.section_by_name(name)?.file_range()?;
            let start = usize::try_from(start).ok()?;
            let range = start..start.checked_add(usize::try_from(len).ok()?)?;
            Some(Owner::shared(alloc::sync::Arc::new(Section { file: file.clone(), range })))
        };
        let bytes = section(".BTF").filter(|bytes| !bytes.bytes().is_empty()).ok_or(Error::NoBtfSection)?;
        let distilled = section(".BTF.base").filter(|bytes| !bytes.bytes().is_empty()).map(Btf::parse).transpose()?;
        let btf = match (distilled, base) {
            (Some(distilled), None) => Btf::parse_split(bytes, &distilled)?,
            (Some(distilled), Some(base)) => {
                let moved = distill::relocate(&Btf::parse_split(bytes, &distilled)?, base)?;
                Btf::parse_split(moved, base)?
            }
            (None, Some(base)) => Btf::parse_split(bytes, base)?,
            (None, None) => Btf::parse(bytes)?,
        };
        let ext = section(".BTF.ext").filter(|bytes| !bytes.bytes().is_empty()).map(BtfExt::parse).transpose()?;
        Ok(ElfBtf { btf, ext })
    }
}
