//! The types of a kernel: the running one's, or those of a BTF file.

use std::path::Path;
use std::sync::Arc;

use purebpf_btf::{Btf, KernelBtf, Owner};
use purebpf_sys::mapping::FileBytes;

use crate::{Error, Result};

pub use purebpf_elf_loader::load::running_kernel_btf;

/// The BTF in a file: raw, such as those in `/sys/kernel/btf`, or the `.BTF` section of an ELF file.
///
/// # Errors
/// When the file cannot be read or holds no BTF.
#[doc(alias = "btf__parse")]
pub fn btf_file(path: &Path) -> Result<KernelBtf> {
    let file = FileBytes::open(path).map_err(|err| Error::Read { path: path.to_owned(), source: err.into() })?;
    let bytes = file.as_ref();
    let owner = match bytes.starts_with(b"\x7fELF") {
        false => Owner::shared(Arc::new(file)),
        true => Owner::from(
            purebpf_elf_loader::object::btf_section(bytes)
                .map_err(|source| Error::Object { object: path.display().to_string(), source: Box::new(source) })?,
        ),
    };
    let btf = Btf::parse(owner).map_err(|source| Error::Btf { path: path.to_owned(), source })?;
    Ok(KernelBtf::new(btf))
}
