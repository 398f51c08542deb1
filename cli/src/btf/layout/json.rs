//! A layout as JSON: the same numbers, offsets in bytes from the start of the whole.

use purebpf::btf::Btf;
use serde_json::{Value, json};

use super::path::Part;
use super::{Entry, Hole, Layout};
use crate::btf::declaration::type_text;

/// A layout; `typedef` is the name of the one by which an anonymous type was found.
pub(super) fn layout(layout: &Layout, btf: &Btf, typedef: Option<&str>, cacheline: u32) -> Value {
    let mut value = json!({ "kind": keyword(layout), "name": layout.name });
    if let Some(typedef) = typedef {
        value["typedef"] = json!(typedef);
    }
    let totals = &layout.totals;
    value["size"] = json!(layout.size);
    value["cachelines"] = json!(layout.size.div_ceil(cacheline.max(1)));
    value["sum_members"] = json!(totals.sum_members);
    value["holes"] = json!(totals.holes);
    value["sum_holes"] = json!(totals.sum_holes);
    value["sum_bitfield_bits"] = json!(totals.sum_bitfields);
    value["bit_holes"] = json!(totals.bit_holes);
    value["sum_bit_holes"] = json!(totals.sum_bit_holes);
    value["padding"] = json!(totals.padding);
    value["bit_padding"] = json!(totals.bit_padding);
    value["paddings"] = json!(totals.paddings);
    value["sum_paddings"] = json!(totals.sum_paddings);
    if layout.hole_before != Hole::default() {
        value["hole_before"] = hole(layout.hole_before);
    }
    value["members"] = members(layout, btf);
    value
}

fn keyword(layout: &Layout) -> &'static str {
    if layout.is_union { "union" } else { "struct" }
}

fn members(layout: &Layout, btf: &Btf) -> Value {
    layout.members.iter().map(|entry| member(entry, btf)).collect()
}

fn member(entry: &Entry, btf: &Btf) -> Value {
    let place = &entry.place;
    let mut value = json!({
        "name": entry.name,
        "type": type_text(btf, entry.type_id),
        "offset": place.offset,
        "size": place.size,
    });
    if let Some(bits) = place.bits {
        value["bit_offset"] = json!(bits.offset);
        value["bits"] = json!(bits.width);
    }
    if let Some(nested) = &entry.nested {
        value["kind"] = json!(keyword(nested));
        value["members"] = members(nested, btf);
    }
    if entry.padding != 0 {
        value["padding"] = json!(entry.padding);
    }
    if entry.hole_after != Hole::default() {
        value["hole_after"] = hole(entry.hole_after);
    }
    value
}

fn hole(hole: Hole) -> Value {
    json!({ "bytes": hole.bytes, "bits": hole.bits })
}

/// A part of a path; `bit_offset` counts from the start of what it lies in.
pub(super) fn part(part: &Part, btf: &Btf) -> Value {
    let mut value = json!({
        "within": part.within,
        "path": part.path,
        "type": type_text(btf, part.type_id),
        "offset": part.bit_offset / 8,
        "bit_offset": part.bit_offset,
        "size": part.size,
    });
    if let Some(width) = part.width {
        value["bits"] = json!(width);
    }
    value
}
