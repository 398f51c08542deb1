//! Which types are written: all, or what some roots need.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use crate::dump::text::Text;
use crate::{Btf, Error, Kind, TypeData, TypeId};

/// What is to be written of a type.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    No,
    /// Its name, without members.
    Declared,
    Whole,
}

/// What is to be written of each type.
pub(super) struct Selection {
    wanted: Vec<Wanted>,
}

impl Selection {
    pub(super) fn all(btf: &Btf) -> Selection {
        Selection { wanted: vec![Wanted::Whole; btf.type_count() as usize] }
    }

    /// The roots and what they need: whole what they hold, declared what they point to.
    pub(super) fn of(
        btf: &Btf,
        roots: &[TypeId],
        definitions: &Definitions,
        text: &mut Text<'_>,
    ) -> Result<Selection, Error> {
        let mut selection = Selection { wanted: vec![Wanted::No; btf.type_count() as usize] };
        let mut pending = Vec::new();
        for &root in roots {
            btf.type_by_id(root)?;
            pending.push((root, Wanted::Whole));
        }
        while let Some((id, wanted)) = pending.pop() {
            text.step()?;
            selection.visit(btf, id, wanted, definitions, &mut pending);
        }
        Ok(selection)
    }

    fn visit(
        &mut self,
        btf: &Btf,
        id: TypeId,
        wanted: Wanted,
        definitions: &Definitions,
        pending: &mut Vec<(TypeId, Wanted)>,
    ) {
        let this = btf.type_or_void(id);
        // What is anonymous cannot be declared.
        let is_anonymous = this.name_offset().0 == 0;
        let wanted = if is_anonymous && this.kind().is_composite() { Wanted::Whole } else { wanted };
        match self.wanted.get_mut(id.0 as usize) {
            Some(known) if *known < wanted => *known = wanted,
            _ => return,
        }
        match this.data() {
            TypeData::Ptr(target) => pending.push((target, Wanted::Declared)),
            TypeData::Array(array) => pending.push((array.element, wanted)),
            TypeData::Struct(composite) | TypeData::Union(composite) if wanted == Wanted::Whole => {
                pending.extend(composite.members().map(|member| (member.type_id, Wanted::Whole)));
            }
            TypeData::FuncProto(proto) => {
                pending.push((proto.ret, Wanted::Whole));
                pending.extend(proto.params().map(|param| (param.type_id, Wanted::Whole)));
            }
            TypeData::Fwd(_) => pending.extend(definitions.get(id).map(|id| (id, wanted))),
            _ if matches!(this.kind(), Kind::Typedef | Kind::Func | Kind::Var) || this.kind().is_modifier() => {
                pending.push((TypeId(this.size_or_type()), wanted));
            }
            TypeData::Datasec(section) => pending.extend(section.vars().map(|var| (var.type_id, Wanted::Whole))),
            _ => {}
        }
    }

    pub(super) fn wanted(&self, id: TypeId) -> Wanted {
        self.wanted.get(id.0 as usize).copied().unwrap_or(Wanted::No)
    }
}

/// What declarations declare.
pub(super) struct Definitions {
    /// Declarations, and the first struct or union of the name of each.
    of: Vec<(TypeId, TypeId)>,
}

impl Definitions {
    pub(super) fn new(btf: &Btf, text: &mut Text<'_>) -> Result<Definitions, Error> {
        let mut by_name = BTreeMap::new();
        for this in btf.types().filter(|this| this.kind().is_composite() && this.name_offset().0 != 0) {
            text.charge(this.name_bytes().len())?;
            by_name.entry((this.kind(), this.name_bytes())).or_insert(this.id());
        }
        let mut of = Vec::new();
        for this in btf.types().filter(|this| this.kind() == Kind::Fwd) {
            text.charge(this.name_bytes().len())?;
            let kind = if this.kind_flag() { Kind::Union } else { Kind::Struct };
            of.extend(by_name.get(&(kind, this.name_bytes())).map(|&definition| (this.id(), definition)));
        }
        Ok(Definitions { of })
    }

    /// The struct or union that a declaration declares, if this BTF has one of its name.
    pub(super) fn get(&self, id: TypeId) -> Option<TypeId> {
        let n = self.of.binary_search_by_key(&id, |&(declaration, _)| declaration).ok()?;
        self.of.get(n).map(|&(_, definition)| definition)
    }
}
