//! Candidates: the target's types that a local type may stand for.

use alloc::collections::BTreeMap;
use alloc::string::ToString;
use alloc::vec::Vec;

use purebpf_btf::{Btf, KernelBtf, Kind, TypeId, essential_name};

use crate::compat::{self, Budget, same_kind_class};
use crate::{Error, Warning};

/// Longest name that is looked for ahead of its relocation, which is what pays for longer ones.
const MAX_EXPECTED: usize = 512;

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
    /// Types of vmlinux by their essential names, as far as those are known to be wanted.
    named: BTreeMap<&'a [u8], Vec<TypeId>>,
    pub(crate) warnings: Vec<Warning>,
}

impl<'a> Candidates<'a> {
    pub(crate) fn new(kernel: &'a KernelBtf) -> Self {
        Candidates { kernel, found: BTreeMap::new(), named: BTreeMap::new(), warnings: Vec::new() }
    }

    /// Looks in vmlinux for the names of these local types, all at once.
    pub(crate) fn expect(&mut self, local: &'a Btf, local_ids: impl IntoIterator<Item = TypeId>) {
        let mut ids: Vec<TypeId> = local_ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        // A type that does not exist is an error of the relocation that asks for it.
        let types = ids.into_iter().filter_map(|id| local.type_by_id(id).ok());
        let mut names: Vec<&[u8]> = types
            .filter(|local| local.kind().has_shape() && local.name_bytes().len() <= MAX_EXPECTED)
            .map(|local| essential_name(local.name_bytes()))
            .filter(|name| !name.is_empty() && !self.named.contains_key(name))
            .collect();
        names.sort_unstable();
        names.dedup();
        let found = self.kernel.vmlinux().shapes_with_essential_names(&names);
        self.named.extend(names.into_iter().zip(found));
    }

    /// The candidates of a local type: in vmlinux, or, only if that has none, in the modules.
    pub(crate) fn of(
        &mut self,
        local: &'a Btf,
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

    fn find(&mut self, local: &'a Btf, local_id: TypeId, budget: &mut Budget) -> Result<Vec<Candidate<'a>>, Error> {
        let local_type = local.type_by_id(local_id)?;
        budget.spend_name(local_type.name_bytes())?;
        let name = essential_name(local_type.name_bytes());
        if name.is_empty() {
            return Err(Error::Anonymous { type_id: local_id });
        }
        let kind = local_type.kind();
        let vmlinux = self.kernel.vmlinux();
        if kind.has_shape() && !self.named.contains_key(name) {
            self.named.extend([name].into_iter().zip(vmlinux.shapes_with_essential_names(&[name])));
        }
        let known = self.named.get(name).filter(|_| kind.has_shape()).map(Vec::as_slice);
        let found = fitting(vmlinux, kind, name, known);
        if !found.is_empty() {
            return Ok(found);
        }
        let mut found = found;
        for module in self.kernel.modules() {
            match module.btf(vmlinux) {
                Ok(btf) => {
                    let known = kind.has_shape().then(|| btf.shapes_with_essential_names(&[name]));
                    found.extend(fitting(btf, kind, name, known.as_deref().map(<[_]>::concat).as_deref()));
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

/// The types of a BTF's own that have an essential name, and are of a kind that can stand for the local one's. `known` are those of the
/// name that have a shape; without, they are looked for in the index.
fn fitting<'a>(btf: &'a Btf, local: Kind, name: &[u8], known: Option<&[TypeId]>) -> Vec<Candidate<'a>> {
    let fits = |id: &TypeId| btf.type_by_id(*id).is_ok_and(|target| same_kind_class(local, target.kind()));
    let candidate = |id| Candidate::new(btf, id);
    match known {
        Some(ids) => ids.iter().copied().filter(fits).map(candidate).collect(),
        None => {
            let own = btf.ids_with_essential_name(name).filter(|id| *id >= btf.first_id());
            own.filter(fits).map(candidate).collect()
        }
    }
}
