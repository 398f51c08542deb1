//! The types of a kernel: the running one's, or those of a BTF file.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use purebpf_btf::{Btf, KernelBtf, Owner};
use purebpf_sys::mapping::FileBytes;

use crate::{Error, Result};

/// Where the running kernel keeps its types, if it was built with them (`CONFIG_DEBUG_INFO_BTF`).
pub const VMLINUX_BTF: &str = "/sys/kernel/btf/vmlinux";

/// The BTF of the running kernel, without modules. Opened and indexed once for the whole process.
///
/// # Errors
/// When the kernel has none.
#[doc(alias = "btf__load_vmlinux_btf")]
pub fn running_kernel_btf() -> Result<KernelBtf> {
    static RUNNING: OnceLock<KernelBtf> = OnceLock::new();
    if let Some(kernel) = RUNNING.get() {
        return Ok(kernel.clone());
    }
    let kernel = btf_file(Path::new(VMLINUX_BTF))?;
    Ok(RUNNING.get_or_init(|| kernel).clone())
}

/// The BTF in a file: raw, such as those in `/sys/kernel/btf`, or the `.BTF` section of an ELF file.
///
/// # Errors
/// When the file cannot be read or holds no BTF.
#[doc(alias = "btf__parse")]
pub fn btf_file(path: &Path) -> Result<KernelBtf> {
    let file = FileBytes::open(path)
        .map_err(|err| Error::Read { path: path.to_owned(), source: err.into() })?;
    let bytes = file.as_ref();
    let owner = match bytes.starts_with(b"\x7fELF") {
        false => Owner::shared(Arc::new(file)),
        true => Owner::from(purebpf_elf_loader::object::btf_section(bytes).map_err(|source| Error::Object {
            object: path.display().to_string(),
            source: Box::new(source),
        })?),
    };
    let btf = Btf::parse(owner).map_err(|source| Error::Btf { path: path.to_owned(), source })?;
    Ok(KernelBtf::new(btf))
}
