//! What has become of enumerators.

use purebpf::btf::{Btf, TypeId};

use super::same::Sides;
use super::{Detail, FromTo, TooMuch};
use crate::btf::declaration::shown;

/// Compares the enumerators of some enums on both sides, each set taken as one.
pub(super) fn compare(sides: &mut Sides<'_>, from: &[TypeId], to: &[TypeId]) -> Result<Vec<Detail>, TooMuch> {
    let (a, b) = (sides.a, sides.b);
    let (old, new) = (values(sides, a, from)?, values(sides, b, to)?);
    let (mut old, mut new) = (&old[..], &new[..]);
    let mut details = Vec::new();
    loop {
        let name = match (old.first(), new.first()) {
            (None, None) => break,
            (Some(one), None) | (None, Some(one)) => one.0,
            (Some(a), Some(b)) => a.0.min(b.0),
        };
        let (theirs, ours);
        (theirs, old) = old.split_at(old.partition_point(|one| one.0 == name));
        (ours, new) = new.split_at(new.partition_point(|one| one.0 == name));
        // Of one name there are several where C files know nothing of each other.
        let only = |list: &[(&[u8], i128)], others: &[(&[u8], i128)]| {
            let rest = list.iter().filter(|one| others.binary_search(one).is_err());
            rest.map(|one| one.1).collect::<Vec<_>>()
        };
        let (gone, come) = (only(theirs, ours), only(ours, theirs));
        let name = shown(name);
        sides.spend(((gone.len() + come.len()) * (1 + name.len())) as u64)?;
        for n in 0..gone.len().max(come.len()) {
            let name = name.clone();
            details.push(match (gone.get(n), come.get(n)) {
                (Some(&from), Some(&to)) => Detail::ValueChanged { name, value: FromTo::new(from, to) },
                (Some(&value), None) => Detail::ValueRemoved { name, value },
                (None, Some(&value)) => Detail::ValueAdded { name, value },
                (None, None) => break,
            });
        }
    }
    details.sort_by_key(|detail| match detail {
        Detail::ValueRemoved { value, .. } => (*value, false),
        Detail::ValueAdded { value, .. } => (*value, true),
        Detail::ValueChanged { value, .. } => (value.to, true),
        _ => (0, true),
    });
    Ok(details)
}

/// Names and values, by name, each once.
fn values<'a>(sides: &mut Sides<'_>, btf: &'a Btf, ids: &[TypeId]) -> Result<Vec<(&'a [u8], i128)>, TooMuch> {
    let mut values = Vec::new();
    for id in ids {
        let Some(data) = btf.type_by_id(*id).ok().and_then(|this| this.as_enum()) else { continue };
        sides.spend(data.values().len() as u64)?;
        values.extend(data.values().map(|one| {
            let value = if data.signed { i128::from(one.value as i64) } else { i128::from(one.value) };
            (one.name_bytes(), value)
        }));
    }
    values.sort_unstable();
    values.dedup();
    Ok(values)
}
