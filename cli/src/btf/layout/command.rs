//! `purebpf btf layout`.

use purebpf::btf::{Btf, KernelBtf, Kind, TypeId};
use purebpf::kernel;
use serde_json::Value;

use super::find::{Query, find};
use super::text::Style;
use super::{json, layout, path, text};
use crate::arguments::{Format, LayoutArguments};
use crate::btf::{base_file, file};
use crate::{Result, output};

pub(crate) fn run(arguments: &LayoutArguments, format: Format) -> Result {
    let queries = Query::parse_all(&arguments.types)?;
    let kernel: KernelBtf = match &arguments.btf {
        Some(path) => file(path, base_file(arguments.base_btf.as_deref())?.as_ref())?.into(),
        None => kernel::running_kernel_btf().map_err(|error| format!("{error}; name a file with --btf"))?,
    };
    let mut values = Vec::new();
    let mut whole = String::new();
    for query in &queries {
        let found = find(&kernel, arguments.module.as_deref(), query)?;
        if !query.path.is_empty() {
            // The first that has such members, or why the first has none.
            let mut parts = found.iter().map(|(btf, id)| Ok((btf, path::follow(btf, *id, &query.name, &query.path)?)));
            let first = parts.next().unwrap_or_else(|| Err(format!("there is no '{}'", query.name)));
            let (btf, parts) = first.or_else(|fault: String| parts.find_map(Result::ok).ok_or(fault))?;
            match format {
                Format::Text => {
                    whole
                        .extend(parts.iter().map(|part| output::printable(&path::text(btf, part)).into_owned() + "\n"));
                }
                Format::Json | Format::Pretty => values.extend(parts.iter().map(|part| json::part(part, btf))),
            }
            continue;
        }
        for (n, (btf, id)) in found.iter().enumerate() {
            if !whole.is_empty() {
                whole.push('\n');
            }
            if found.len() > 1 {
                whole.push_str(&format!("/* {} of {} of this name */\n", n + 1, found.len()));
            }
            let laid_out = layout(btf, *id, arguments.expand).map_err(|fault| format!("'{}': {fault}", query.name))?;
            let typedef = typedef(btf, *id).then_some(query.name.as_str());
            match format {
                Format::Text => {
                    let style = Style { cacheline: arguments.cacheline, packed: is_packed(btf, *id) };
                    whole.push_str(&text::text(&laid_out, typedef, style));
                }
                Format::Json | Format::Pretty => {
                    values.push(json::layout(&laid_out, btf, typedef, arguments.cacheline));
                }
            }
        }
    }
    let whole = match format {
        Format::Text => whole,
        Format::Json | Format::Pretty => format.text(&Value::Array(values))?,
    };
    Ok(output::print(&whole)?)
}

/// Whether what was found is an anonymous struct or union, by its typedef.
fn typedef(btf: &Btf, id: TypeId) -> bool {
    let is_typedef = btf.type_by_id(id).is_ok_and(|this| this.kind() == Kind::Typedef);
    is_typedef && btf.resolve(id).is_ok_and(|this| this.name_bytes().is_empty())
}

/// Whether a compiler would have laid it out otherwise, had it not been told to pack it.
pub(super) fn is_packed(btf: &Btf, id: TypeId) -> bool {
    let Some((_, composite)) = super::composite(btf, id) else { return false };
    let is_wide = |id| btf.align_of(id).is_ok_and(|align| align > 1);
    btf.align_of(id).is_ok_and(|align| align == 1) && composite.members().take(1 << 10).any(|m| is_wide(m.type_id))
}
