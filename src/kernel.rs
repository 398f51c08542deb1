//! The types of a kernel: the running one's, or those of a BTF file.

use std::path::Path;
use std::sync::Arc;

use purebpf_btf::{Btf, KernelBtf, Owner};
use purebpf_sys::mapping::FileBytes;

use crate::{Error, Result};

pub use purebpf_elf_loader::load::running_kernel_btf;

/// The BTF in a file, as the types of a kernel without modules: raw, such as `/sys/kernel/btf/vmlinux`, or the `.BTF` section
/// of an ELF file.
///
/// # Errors
/// When the file cannot be read or holds no BTF.
#[doc(alias = "btf__parse")]
pub fn btf_file(path: &Path) -> Result<KernelBtf> {
    let btf = Btf::parse(btf_bytes(path)?).map_err(|cause| Error::Btf { path: path.to_owned(), cause })?;
    Ok(KernelBtf::new(btf))
}

/// The bytes of the BTF in a file, raw or the `.BTF` section of an ELF file; not parsed, as split BTF (a module's) has to wait
/// for what it is based on. Those of `/sys/kernel/btf` are mapped where the kernel lets us.
///
/// # Errors
/// When the file cannot be read, or is an ELF file without BTF.
pub fn btf_bytes(path: &Path) -> Result<Owner> {
    let file = FileBytes::open(path).map_err(|error| match error {
        purebpf_sys::Error::File { path, cause } => Error::Read { path, cause },
        error => Error::Read { path: path.to_owned(), cause: error.into() },
    })?;
    let bytes = file.as_ref();
    if !bytes.starts_with(b"\x7fELF") {
        return Ok(Owner::shared(Arc::new(file)));
    }
    let section = purebpf_elf_loader::object::btf_section(bytes);
    section
        .map(Owner::from)
        .map_err(|cause| Error::Object { object: path.display().to_string(), cause: Box::new(cause) })
}
