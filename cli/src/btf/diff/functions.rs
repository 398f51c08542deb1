//! How a function is called otherwise: what breaks a kprobe that reads registers, or a program that names parameters.

use purebpf::btf::{Btf, TypeData, TypeId};

use super::same::Sides;
use super::{Detail, FromTo, TooMuch};
use crate::btf::declaration::{Declaration, shown, type_text};

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::btf) struct Parameter {
    /// Empty where BTF has none.
    pub(in crate::btf) name: String,
    /// From 1.
    pub(in crate::btf) position: usize,
    pub(in crate::btf) type_text: String,
    type_id: TypeId,
}

/// A function as it is declared: `ssize_t vfs_read(struct file *file, char *buf)`.
pub(super) fn signature(btf: &Btf, proto: TypeId, name: &str) -> String {
    Declaration::new(btf, proto, name).to_string()
}

/// More parameters than any function has are compared by their order only.
const MOST_NAMED: usize = 256;

/// Compares two prototypes that are known to differ in the types of what they take or return. Names of parameters find those that
/// belong together, and are otherwise of no account.
pub(super) fn compare(sides: &mut Sides<'_>, name: &str, from: TypeId, to: TypeId) -> Result<Vec<Detail>, TooMuch> {
    let (a, b) = (sides.a, sides.b);
    let ((old_ret, old), (new_ret, new)) = (parameters(a, from), parameters(b, to));
    let mut details = vec![Detail::Signature(FromTo::new(signature(a, from, name), signature(b, to, name)))];
    if !sides.are_same(old_ret, new_ret)? {
        details.push(Detail::Returns(FromTo::new(type_text(a, old_ret), type_text(b, new_ret))));
    }
    let mut partner: Vec<Option<usize>> = vec![None; old.len()];
    let mut is_taken = vec![false; new.len()];
    for (n, one) in old.iter().enumerate().take(MOST_NAMED).filter(|(_, one)| !one.name.is_empty()) {
        let found = new.iter().take(MOST_NAMED).position(|other| other.name == one.name);
        if let Some(m) = found.filter(|m| !is_taken[*m]) {
            partner[n] = Some(m);
            is_taken[m] = true;
        }
    }
    // One that is called otherwise is the same at the same place.
    for (n, partner) in partner.iter_mut().enumerate() {
        if partner.is_none() && is_taken.get(n) == Some(&false) {
            *partner = Some(n);
            is_taken[n] = true;
        }
    }
    for (one, partner) in old.iter().zip(&partner) {
        let Some(other) = partner.and_then(|m| new.get(m)) else {
            details.push(Detail::ParameterRemoved(one.clone()));
            continue;
        };
        let is_same = sides.are_same(one.type_id, other.type_id)?;
        let position = FromTo::new(one.position, other.position);
        if !is_same || position.from != position.to {
            let type_text = (!is_same).then(|| FromTo::new(one.type_text.clone(), other.type_text.clone()));
            details.push(Detail::ParameterChanged { name: other.name.clone(), position, type_text });
        }
    }
    let added = new.iter().zip(&is_taken).filter(|(_, taken)| !**taken);
    details.extend(added.map(|(other, _)| Detail::ParameterAdded(other.clone())));
    let text: usize = old.iter().chain(&new).map(|one| one.name.len() + one.type_text.len()).sum();
    sides.spend(text as u64)?;
    Ok(details)
}

fn parameters(btf: &Btf, proto: TypeId) -> (TypeId, Vec<Parameter>) {
    let Ok(TypeData::FuncProto(data)) = btf.type_by_id(proto).map(|this| this.data()) else {
        return (TypeId::VOID, Vec::new());
    };
    let parameter = |(n, param): (usize, purebpf::btf::types::Param<'_>)| {
        let name = shown(param.name_bytes());
        let type_text = match param.type_id.is_void() && name.is_empty() {
            true => "...".to_owned(),
            false => type_text(btf, param.type_id),
        };
        Parameter { name, position: n + 1, type_text, type_id: param.type_id }
    };
    (data.ret, data.params().enumerate().map(parameter).collect())
}
