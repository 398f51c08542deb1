//! Candidates: the target's types that a local type may stand for.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use purebpf_btf::{Btf, KernelBtf, TypeId, essential_name};

use crate::compat::{self, Budget, same_kind_class};
use crate::{Error, Warning};

/// A type of the target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) btf: &'a Btf,
    pub(crate) id: TypeId,
    /// Whether the local type matches it ([`TypeMatches`](crate::Kind::TypeMatches)), once that was
    /// asked: of all questions the one that may take long.
    matches: Option<bool>,
}

impl<'a> Candidate<'a> {
    fn new(btf: &'a Btf, id: TypeId) -> Self {
        Candidate { btf, id, matches: None }
    }

    /// Whether a local type matches it.
    pub(crate) fn matches(&mut self, local: &Btf, local_id: TypeId, budget: &mut Budget) -> Result<bool, Error> {
        if let Some(known) = self.matches {
            return Ok(known);
        }
        let matches = compat::types_match(local, local_id, self.btf, self.id, budget)?;
        self.matches = Some(matches);
        Ok(matches)
    }
}

/// The candidates of each local type, found once.
///
/// A relocation that only some candidates satisfy leaves only those to the relocations of the same
/// local type that follow, as in libbpf: what a program reads of one type is read of one type.
#[derive(Debug)]
pub(crate) struct Candidates<'a> {
    kernel: &'a KernelBtf,
    found: BTreeMap<TypeId, Vec<Candidate<'a>>>,
    pub(crate) warnings: Vec<Warning>,
}

impl<'a> Candidates<'a> {
    pub(crate) fn new(kernel: &'a KernelBtf) -> Self {
        Candidates { kernel, found: BTreeMap::new(), warnings: Vec::new() }
    }

    /// The candidates of a local type: in vmlinux, or, only if that has none, in the modules.
    pub(crate) fn of(
        &mut self,
        local: &Btf,
        local_id: TypeId,
        budget: &mut Budget,
    ) -> Result<&mut Vec<Candidate<'a>>, Error> {
        if !self.found.contains_key(&local_id) {
            let found = self.find(local, local_id, budget)?;
            budget.spend(found.len())?;
            self.found.insert(local_id, found);
        }
        Ok(self.found.entry(local_id).or_default())
    }

    fn find(&mut self, local: &Btf, local_id: TypeId, budget: &mut Budget) -> Result<Vec<Candidate<'a>>, Error> {
        let local_type = local.type_by_id(local_id)?;
        budget.spend_name(local_type.name_bytes())?;
        let name = essential_name(local_type.name_bytes());
        if name.is_empty() {
            return Err(Error::Anonymous { type_id: local_id });
        }
        let vmlinux = self.kernel.vmlinux();
        let fits = |btf: &Btf, id: TypeId| {
            btf.type_by_id(id).is_ok_and(|target| same_kind_class(local_type.kind(), target.kind()))
        };
        let ids = vmlinux.ids_with_essential_name(name).filter(|&id| fits(vmlinux, id));
        let mut found: Vec<_> = ids.map(|id| Candidate::new(vmlinux, id)).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        for module in self.kernel.modules() {
            match module.btf(vmlinux) {
                Ok(btf) => {
                    let own = |id: &TypeId| *id >= btf.first_id() && fits(btf, *id);
                    let ids = btf.ids_with_essential_name(name).filter(own);
                    found.extend(ids.map(|id| Candidate::new(btf, id)));
                }
                Err(cause) => {
                    let warning = Warning::DamagedModule { module: module.name().to_string(), cause };
                    if !self.warnings.contains(&warning) {
                        self.warnings.push(warning);
                    }
                }
            }
        }
        Ok(found)
    }
}
