//! The BTF of a kernel: vmlinux, and its modules split over it.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::once::Once;
use crate::owner::Owner;
use crate::{Btf, Error};

/// The types of a kernel, running or not: filled by whoever has the files, asked by CO-RE, by
/// linking and by attaching alike. Cheap to clone.
#[derive(Clone, Debug)]
#[doc(alias = "btf__load_vmlinux_btf")]
pub struct KernelBtf {
    vmlinux: Btf,
    modules: Arc<Vec<ModuleBtf>>,
}

impl KernelBtf {
    /// A kernel of this vmlinux, and no modules.
    pub fn new(vmlinux: Btf) -> KernelBtf {
        KernelBtf { vmlinux, modules: Arc::default() }
    }

    /// The same kernel with these modules.
    pub fn with_modules(self, modules: Vec<ModuleBtf>) -> KernelBtf {
        KernelBtf { vmlinux: self.vmlinux, modules: Arc::new(modules) }
    }

    /// The kernel proper.
    pub fn vmlinux(&self) -> &Btf {
        &self.vmlinux
    }

    /// Its modules, in the order they were given.
    pub fn modules(&self) -> &[ModuleBtf] {
        &self.modules
    }
}

impl From<Btf> for KernelBtf {
    fn from(vmlinux: Btf) -> KernelBtf {
        KernelBtf::new(vmlinux)
    }
}

/// A module's BTF: parsed when it is first asked for, so that modules nobody needs cost nothing,
/// and a damaged one harms nobody else.
#[doc(alias = "btf__load_module_btf")]
pub struct ModuleBtf {
    name: String,
    id: Option<u32>,
    read: Box<Read>,
    parsed: Once<Result<Btf, Error>>,
}

/// Gives a module's BTF, unparsed; `None` when it cannot be read.
type Read = dyn Fn() -> Option<Owner> + Send + Sync;

impl ModuleBtf {
    /// A module by its name, its BTF object's id in the running kernel (if it is one of that), and
    /// its split BTF, unparsed.
    pub fn new(name: impl Into<String>, id: Option<u32>, bytes: impl Into<Owner>) -> ModuleBtf {
        let owner = bytes.into();
        ModuleBtf { name: name.into(), id, read: Box::new(move || Some(owner.clone())), parsed: Once::new() }
    }

    /// A module by its name, whose split BTF `read` gives when it is first asked for.
    pub fn deferred(name: impl Into<String>, read: impl Fn() -> Option<Owner> + Send + Sync + 'static) -> ModuleBtf {
        ModuleBtf { name: name.into(), id: None, read: Box::new(read), parsed: Once::new() }
    }

    /// Its name, as in `/proc/modules`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The id of its BTF object in the running kernel.
    pub fn id(&self) -> Option<u32> {
        self.id
    }

    /// Its BTF over that of `vmlinux`, which must be the same at each call.
    ///
    /// # Errors
    /// When the BTF cannot be read or is damaged; again at each call.
    pub fn btf(&self, vmlinux: &Btf) -> Result<&Btf, Error> {
        self.parsed
            .get_or_init(|| Btf::parse_split((self.read)().ok_or(Error::Unreadable)?, vmlinux))
            .as_ref()
            .map_err(|&err| err)
    }
}

impl fmt::Debug for ModuleBtf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModuleBtf({})", self.name)
    }
}
