//! What has become of the members of a struct or union.

use std::collections::HashMap;

use purebpf::btf::{Btf, TypeId};

use super::same::Sides;
use super::{Detail, FromTo, TooMuch, size};
use crate::btf::declaration::{is_anonymous, shown, type_text};
use crate::btf::layout::{Place, composite, inner_composite, place};

/// How deep anonymous structs may lie in one another.
const MAX_DEPTH: u32 = 32;
/// Of so many new members at the place of one that is gone, one that it may be called now is looked for.
const MOST_RENAMED: usize = 16;

/// A member as it is reached from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::btf) struct Leaf {
    /// `name`, or `outer.name` and `array[].name` for what lies in a member without a named type.
    pub(in crate::btf) path: String,
    pub(in crate::btf) type_id: TypeId,
    pub(in crate::btf) type_text: String,
    /// From the start of the outermost struct.
    pub(in crate::btf) bit_offset: u64,
    /// In bytes.
    pub(in crate::btf) size: u32,
    /// Of a bitfield, its width in bits.
    pub(in crate::btf) width: Option<u32>,
    /// Whether the members of its anonymous type follow, each by itself.
    is_open: bool,
}

/// What has become of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::btf) enum Change {
    Added(Leaf),
    Removed(Leaf),
    /// The same type at the same place has another name.
    Renamed {
        from: String,
        to: Leaf,
    },
    Changed {
        path: String,
        bit_offset: FromTo<u64>,
        type_text: Option<FromTo<String>>,
        size: Option<FromTo<u32>>,
        width: Option<FromTo<Option<u32>>>,
    },
}

impl Change {
    /// By where it is now, or was; what is gone before what has come there.
    fn order(&self) -> (u64, bool) {
        match self {
            Change::Removed(leaf) => (leaf.bit_offset, false),
            Change::Added(leaf) | Change::Renamed { to: leaf, .. } => (leaf.bit_offset, true),
            Change::Changed { bit_offset, .. } => (bit_offset.to, true),
        }
    }
}

/// Compares two structs or unions that are known to differ somewhere.
pub(super) fn compare(sides: &mut Sides<'_>, from: TypeId, to: TypeId) -> Result<Vec<Detail>, TooMuch> {
    let (a, b) = (sides.a, sides.b);
    let old = flatten(sides, a, from)?;
    let new = flatten(sides, b, to)?;
    let mut by_path: HashMap<&str, Vec<usize>> = HashMap::with_capacity(new.len());
    // The first is taken first where a damaged BTF has a name twice.
    for (n, leaf) in new.iter().enumerate().rev() {
        by_path.entry(&leaf.path).or_default().push(n);
    }
    let mut is_matched = vec![false; new.len()];
    let mut gone = Vec::new();
    let mut changes = Vec::new();
    for leaf in &old {
        let Some(n) = by_path.get_mut(leaf.path.as_str()).and_then(Vec::pop) else {
            gone.push(leaf);
            continue;
        };
        let (Some(other), Some(matched)) = (new.get(n), is_matched.get_mut(n)) else { continue };
        *matched = true;
        changes.extend(change(sides, leaf, other)?);
    }
    let mut by_place: HashMap<(u64, Option<u32>, u32), Vec<usize>> = HashMap::new();
    for (n, leaf) in new.iter().enumerate().filter(|(n, _)| !is_matched[*n]) {
        by_place.entry((leaf.bit_offset, leaf.width, leaf.size)).or_default().push(n);
    }
    for leaf in gone {
        let mut renamed = None;
        for &n in by_place.get(&(leaf.bit_offset, leaf.width, leaf.size)).into_iter().flatten().take(MOST_RENAMED) {
            if !is_matched[n] && leaf.is_open == new[n].is_open && sides.are_same(leaf.type_id, new[n].type_id)? {
                renamed = Some(n);
                break;
            }
        }
        match renamed {
            Some(n) => {
                is_matched[n] = true;
                changes.push(Change::Renamed { from: leaf.path.clone(), to: new[n].clone() });
            }
            None => changes.push(Change::Removed(leaf.clone())),
        }
    }
    let added = new.iter().zip(&is_matched).filter(|(_, matched)| !**matched);
    changes.extend(added.map(|(leaf, _)| Change::Added(leaf.clone())));
    changes.sort_by_key(Change::order);
    Ok(size(a, from, b, to).into_iter().chain(changes.into_iter().map(Detail::Member)).collect())
}

fn change(sides: &mut Sides<'_>, from: &Leaf, to: &Leaf) -> Result<Option<Change>, TooMuch> {
    // What lies in it is told by itself, if on both sides it can be.
    let is_same = (from.is_open && to.is_open) || sides.are_same(from.type_id, to.type_id)?;
    let change = Change::Changed {
        path: to.path.clone(),
        bit_offset: FromTo::new(from.bit_offset, to.bit_offset),
        type_text: (!is_same).then(|| FromTo::new(from.type_text.clone(), to.type_text.clone())),
        size: FromTo::if_other(from.size, to.size),
        width: FromTo::if_other(from.width, to.width),
    };
    let is_there = (from.bit_offset, from.size, from.width) == (to.bit_offset, to.size, to.width);
    Ok((!is_same || !is_there).then_some(change))
}

/// A struct or union of which members are to be listed.
struct Open {
    id: TypeId,
    /// What stands before the names of its members.
    prefix: String,
    bit_offset: u64,
    depth: u32,
}

/// All members, in the order of declaration, those of anonymous types in the place of these.
fn flatten(sides: &mut Sides<'_>, btf: &Btf, id: TypeId) -> Result<Vec<Leaf>, TooMuch> {
    let mut leaves = Vec::new();
    let mut todo = vec![Open { id, prefix: String::new(), bit_offset: 0, depth: 0 }];
    while let Some(open) = todo.pop() {
        let Some((_, composite)) = composite(btf, open.id) else { continue };
        for member in composite.members() {
            let name = shown(member.name_bytes());
            let place = place(btf, &member);
            let bit_offset = open.bit_offset.saturating_add(bit_offset(place));
            let inner = inner_composite(btf, member.type_id).filter(|(inner, _)| is_body(btf, member.type_id, *inner));
            let is_open = inner.is_some() && open.depth < MAX_DEPTH;
            let path = format!("{}{name}", open.prefix);
            if let (Some((inner, whole)), true) = (inner, is_open) {
                let prefix = match (name.is_empty(), whole) {
                    (true, _) => open.prefix.clone(),
                    (false, true) => format!("{path}."),
                    (false, false) => format!("{path}[]."),
                };
                todo.push(Open { id: inner, prefix, bit_offset, depth: open.depth + 1 });
            }
            if name.is_empty() && is_open {
                sides.spend(1)?;
                continue;
            }
            let type_text = type_text(btf, member.type_id);
            sides.spend((path.len() + type_text.len()) as u64)?;
            let width = place.bits.map(|bits| bits.width);
            leaves.push(Leaf {
                path,
                type_id: member.type_id,
                type_text,
                bit_offset,
                size: place.size,
                width,
                is_open,
            });
        }
    }
    Ok(leaves)
}

/// Whether a member has a struct or union written out in it: one that neither a tag nor a typedef names.
fn is_body(btf: &Btf, member: TypeId, inner: TypeId) -> bool {
    is_anonymous(btf, inner) && crate::btf::declaration::Declaration::new(btf, member, "").base_id == inner
}

fn bit_offset(place: Place) -> u64 {
    place.offset.saturating_mul(8).saturating_add(place.bits.map_or(0, |bits| bits.offset.into()))
}
