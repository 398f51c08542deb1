//! Which types are meant: `struct NAME`, `union NAME`, `typedef NAME`, or a name alone, in a kernel and its modules.

use purebpf::btf::{Btf, KernelBtf, Kind, Nearest, TypeId};

use super::composite;
use super::path::Step;
use crate::Usage;
use crate::btf::declaration::type_text;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    /// `Struct`, `Union` or `Typedef`, if one of these was said.
    pub(super) kind: Option<Kind>,
    pub(super) name: String,
    /// What follows the name: `.se.load`, `[3]`.
    pub(super) path: Vec<Step>,
}

/// What has a layout, in the order in which a name alone is looked for.
const KINDS: [(&str, Kind); 3] = [("struct", Kind::Struct), ("union", Kind::Union), ("typedef", Kind::Typedef)];

impl Query {
    /// Reads the words of a command line.
    pub(super) fn parse_all(words: &[String]) -> Result<Vec<Query>, Usage> {
        let mut queries = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let kind = KINDS.iter().find(|(keyword, _)| keyword == word).map(|(_, kind)| *kind);
            let text = match kind {
                Some(_) => words.next().ok_or(Usage("expected a name after 'struct', 'union' or 'typedef'"))?,
                None => word,
            };
            let end = text.find(['.', '[']).unwrap_or(text.len());
            let (name, path) = text.split_at(end);
            if name.is_empty() {
                return Err(Usage("expected the name of a type"));
            }
            let path = Step::parse_all(path).ok_or(Usage("expected a path such as task_struct.se.load or .comm[3]"))?;
            queries.push(Query { kind, name: name.to_owned(), path });
        }
        Ok(queries)
    }

    fn kinds(&self) -> impl Iterator<Item = (&'static str, Kind)> {
        KINDS.into_iter().filter(|(_, kind)| self.kind.is_none_or(|wanted| wanted == *kind))
    }
}

/// All types that are meant: those of the first kind and the first BTF that has any. Of one name there may be several, as in
/// C files that know nothing of each other.
///
/// # Errors
/// That there is none, and what there is instead.
pub(super) fn find(kernel: &KernelBtf, module: Option<&str>, query: &Query) -> Result<Vec<(Btf, TypeId)>, String> {
    let btfs = btfs(kernel, module)?;
    for (btf, own) in &btfs {
        for (_, kind) in query.kinds() {
            let is_meant = |id: &TypeId| {
                let this = btf.type_by_id(*id);
                (!own || *id >= btf.first_id()) && this.is_ok_and(|this| this.kind() == kind)
            };
            let found: Vec<_> = btf.ids_named(query.name.as_bytes()).filter(is_meant).collect();
            let laid_out: Vec<_> = found.iter().filter(|id| composite(btf, **id).is_some()).collect();
            match (&found[..], &laid_out[..]) {
                ([], _) => {}
                ([id, ..], []) => return Err(has_no_layout(btf, *id, &query.name)),
                (_, laid_out) => return Ok(laid_out.iter().map(|id| (btf.clone(), **id)).collect()),
            }
        }
    }
    Err(unknown(&btfs, query))
}

/// Where to look, in turn, and whether only among a BTF's own types. A module that cannot be read has none, unless it is the
/// one that was named.
fn btfs(kernel: &KernelBtf, module: Option<&str>) -> Result<Vec<(Btf, bool)>, String> {
    let vmlinux = kernel.vmlinux();
    match module {
        Some("vmlinux") => Ok(vec![(vmlinux.clone(), false)]),
        Some(name) => {
            let module = kernel.modules().iter().find(|module| module.name() == name);
            let module = module.ok_or_else(|| format!("there is no BTF of a module '{name}'; is it loaded?"))?;
            let btf = module.btf(vmlinux).map_err(|error| format!("module '{name}': {error}"))?;
            Ok(vec![(btf.clone(), true), (vmlinux.clone(), false)])
        }
        None => {
            let modules = kernel.modules().iter().filter_map(|module| module.btf(vmlinux).ok());
            Ok([(vmlinux.clone(), false)].into_iter().chain(modules.map(|btf| (btf.clone(), true))).collect())
        }
    }
}

/// A typedef of something that has no members.
fn has_no_layout(btf: &Btf, id: TypeId, name: &str) -> String {
    let size = btf.size_of(id).map(|size| format!(", {size} bytes")).unwrap_or_default();
    match btf.resolve(id) {
        Ok(resolved) => format!("'{name}' is neither a struct nor a union: {}{size}", type_text(btf, resolved.id())),
        Err(error) => format!("'{name}': {error}"),
    }
}

fn unknown(btfs: &[(Btf, bool)], query: &Query) -> String {
    let wanted = match query.kind {
        None => "struct, union or typedef",
        Some(_) => query.kinds().next().map_or("", |(keyword, _)| keyword),
    };
    let name = &query.name;
    // It may be there, and be something else.
    for (btf, _) in btfs {
        let Some(other) = btf.ids_named(name.as_bytes()).find_map(|id| btf.type_by_id(id).ok()) else { continue };
        return match other.kind() {
            Kind::Fwd => format!("'{name}' is only declared in this BTF: its members are not known"),
            Kind::Struct => format!("'{name}' is a struct, not a {wanted}"),
            Kind::Union => format!("'{name}' is a union, not a {wanted}"),
            Kind::Typedef => format!("'{name}' is a typedef, not a {wanted}"),
            Kind::Func => format!("'{name}' is a function: it has no layout"),
            _ => has_no_layout(btf, other.id(), name),
        };
    }
    let mut nearest = Nearest::new(name);
    for (btf, own) in btfs {
        let first = if *own { btf.first_id() } else { TypeId(1) };
        for this in btf.types().skip(first.0.saturating_sub(1) as usize) {
            if query.kinds().any(|(_, kind)| kind == this.kind()) {
                nearest.offer(this.name_bytes());
            }
        }
    }
    format!("there is no {wanted} '{name}'{}", proposals(nearest))
}

/// What a misspelt name may have meant, as the end of a message.
pub(in crate::btf) fn proposals(nearest: Nearest) -> String {
    match &nearest.into_names()[..] {
        [] => String::new(),
        [name] => format!("; the nearest name is {name}"),
        names => format!("; the nearest names are {}", names.join(", ")),
    }
}
