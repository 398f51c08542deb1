//! Modules of the kernel whose BTF objects a load needs: opened once each, and held until it is done.

use std::collections::HashMap;
use std::sync::Arc;

use purebpf_btf::{KernelBtf, ModuleBtf};

use super::kernel::Kernel;
use crate::Error;

/// BTF objects by the module's place in [`KernelBtf::modules`].
#[derive(Debug)]
pub(super) struct Modules<K: Kernel> {
    opened: HashMap<usize, K::Handle>,
}

impl<K: Kernel> Modules<K> {
    /// Opens the BTF objects of these modules.
    pub(super) fn open(
        kernel: &K,
        types: Option<&KernelBtf>,
        wanted: impl IntoIterator<Item = usize>,
    ) -> Result<Modules<K>, Error> {
        let mut opened = HashMap::new();
        for module in wanted {
            if opened.contains_key(&module) {
                continue;
            }
            let name = types.and_then(|types| types.modules().get(module)).map(ModuleBtf::name);
            let name = name.ok_or(Error::NoSuch { what: "module", index: module })?;
            let handle = kernel
                .module_btf(name)
                .map_err(|source| Error::ModuleBtf { module: name.to_owned(), cause: Arc::new(source) })?;
            opened.insert(module, handle);
        }
        Ok(Modules { opened })
    }

    /// A module's BTF object.
    pub(super) fn handle(&self, module: usize) -> Option<&K::Handle> {
        self.opened.get(&module)
    }

    /// What instructions call a module's BTF object; 0 stands for vmlinux.
    pub(super) fn number(&self, kernel: &K, module: Option<usize>) -> i32 {
        module.and_then(|module| self.handle(module)).map_or(0, |handle| kernel.number(handle))
    }
}
