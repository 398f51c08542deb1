//! Differences as JSON: `changes`, one object a type or function, and the numbers of the `summary`.

use serde_json::{Map, Value, json};

use super::functions::Parameter;
use super::members::{Change as MemberChange, Leaf};
use super::{About, Change, Class, Detail, Diff, FromTo, Item};

pub(super) fn diff(diff: &Diff, only_summary: bool) -> Value {
    let counts = Class::ALL.into_iter().zip(&diff.counts).map(|(class, counts)| {
        let value = json!({
            "added": counts.added, "removed": counts.removed, "changed": counts.changed, "same": counts.same,
        });
        (class.word().to_owned(), value)
    });
    let summary: Map<String, Value> = counts.collect();
    match only_summary {
        true => json!({ "summary": summary }),
        false => json!({ "changes": diff.items.iter().map(item).collect::<Vec<_>>(), "summary": summary }),
    }
}

fn item(item: &Item) -> Value {
    // Anonymous enums have no name.
    let name = Some(&item.name).filter(|name| !name.is_empty());
    let mut value = json!({ "kind": item.class.word(), "name": name, "change": null });
    if item.namesakes.0 > 1 || item.namesakes.1 > 1 {
        value["namesakes"] = json!({ "from": item.namesakes.0, "to": item.namesakes.1 });
    }
    match &item.change {
        Change::Added(what) => {
            value["change"] = json!("added");
            about(what, &mut value);
        }
        Change::Removed(what) => {
            value["change"] = json!("removed");
            about(what, &mut value);
        }
        Change::Changed(details) => {
            value["change"] = json!("changed");
            details.iter().for_each(|one| detail(one, &mut value));
        }
    }
    value
}

fn about(about: &About, value: &mut Value) {
    match about {
        About::Size(size) => value["size"] = json!(size),
        About::Target(text) => value["target"] = json!(text),
        About::Signature(text) => value["signature"] = json!(text),
    }
}

fn from_to<T: serde::Serialize>(change: &FromTo<T>) -> Value {
    json!({ "from": change.from, "to": change.to })
}

/// Adds to one of the value's lists.
fn push(value: &mut Value, list: &str, one: Value) {
    match value[list].as_array_mut() {
        Some(list) => list.push(one),
        None => value[list] = json!([one]),
    }
}

fn detail(detail: &Detail, value: &mut Value) {
    match detail {
        Detail::Size(size) => value["size"] = from_to(size),
        Detail::Target(target) => value["target"] = from_to(target),
        Detail::Signature(signature) => value["signature"] = from_to(signature),
        Detail::Returns(types) => value["returns"] = from_to(types),
        Detail::Member(change) => push(value, "members", member(change)),
        Detail::ValueAdded { name, value: number } => {
            push(value, "values", json!({ "change": "added", "name": name, "value": integer(*number) }));
        }
        Detail::ValueRemoved { name, value: number } => {
            push(value, "values", json!({ "change": "removed", "name": name, "value": integer(*number) }));
        }
        Detail::ValueChanged { name, value: numbers } => {
            let numbers = FromTo::new(integer(numbers.from), integer(numbers.to));
            push(value, "values", json!({ "change": "changed", "name": name, "value": from_to(&numbers) }));
        }
        Detail::ParameterAdded(added) => push(value, "parameters", parameter("added", added)),
        Detail::ParameterRemoved(removed) => push(value, "parameters", parameter("removed", removed)),
        Detail::ParameterChanged { name, position, type_text } => {
            let mut one = json!({ "change": "changed", "name": name, "position": from_to(position) });
            if let Some(types) = type_text {
                one["type"] = from_to(types);
            }
            push(value, "parameters", one);
        }
    }
}

/// Enumerators are of 64 bits, signed or not.
fn integer(number: i128) -> Value {
    i64::try_from(number).map(Value::from).or_else(|_| u64::try_from(number).map(Value::from)).unwrap_or(Value::Null)
}

fn parameter(change: &str, parameter: &Parameter) -> Value {
    json!({
        "change": change, "name": parameter.name, "position": parameter.position, "type": parameter.type_text,
    })
}

fn leaf(change: &str, leaf: &Leaf) -> Value {
    let mut value = json!({
        "change": change,
        "name": leaf.path,
        "type": leaf.type_text,
        "offset": leaf.bit_offset / 8,
        "bit_offset": leaf.bit_offset,
        "size": leaf.size,
    });
    if let Some(width) = leaf.width {
        value["bits"] = json!(width);
    }
    value
}

fn member(change: &MemberChange) -> Value {
    match change {
        MemberChange::Added(one) => leaf("added", one),
        MemberChange::Removed(one) => leaf("removed", one),
        MemberChange::Renamed { from, to } => {
            let mut value = leaf("renamed", to);
            value["was"] = json!(from);
            value
        }
        MemberChange::Changed { path, bit_offset, type_text, size, width } => {
            let mut value = json!({ "change": "changed", "name": path });
            if bit_offset.from != bit_offset.to {
                value["offset"] = from_to(&FromTo::new(bit_offset.from / 8, bit_offset.to / 8));
                value["bit_offset"] = from_to(bit_offset);
            }
            if let Some(types) = type_text {
                value["type"] = from_to(types);
            }
            if let Some(size) = size {
                value["size"] = from_to(size);
            }
            if let Some(width) = width {
                value["bits"] = from_to(width);
            }
            value
        }
    }
}
