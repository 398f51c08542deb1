//! The name of each type in Rust.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::MAX_DEPTH;
use super::select::{Definitions, Selection, Wanted};
use crate::dump::text::Text;
use crate::{Btf, Error, Kind, TypeData, TypeId};

/// Words that cannot be names, and names of types that are used and must not be hidden.
const RESERVED: [&str; 69] = [
    "Self", "abstract", "as", "async", "await", "become", "bool", "box", "break", "char", "const", "continue", "core",
    "crate", "do", "dyn", "else", "enum", "extern", "f32", "f64", "false", "final", "fn", "for", "gen", "i128", "i16",
    "i32", "i64", "i8", "if", "impl", "in", "isize", "let", "loop", "macro", "match", "mod", "move", "mut", "override",
    "priv", "pub", "ref", "return", "self", "static", "str", "struct", "super", "trait", "true", "try", "type",
    "typeof", "u128", "u16", "u32", "u64", "u8", "unsafe", "unsized", "use", "usize", "virtual", "where", "while",
];

/// How long a name may be; longer ones are cut. No compiler's is.
const MAX_LEN: usize = 1024;

/// A name as Rust takes it: bindgen's underscore behind what is reserved, one for each character that cannot be in a name.
pub(super) fn identifier(name: &[u8]) -> String {
    let name = &name[..name.len().min(MAX_LEN)];
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut identifier: String = name.iter().map(|&byte| if fits(byte) { char::from(byte) } else { '_' }).collect();
    if identifier.starts_with(|first: char| first.is_ascii_digit()) {
        identifier.insert(0, '_');
    }
    if RESERVED.binary_search(&&*identifier).is_ok() || matches!(&*identifier, "yield" | "_") {
        identifier.push('_');
    }
    identifier
}

/// Names that are each given once: the second taker gets `name___2`.
#[derive(Default)]
pub(super) struct Unique {
    uses: BTreeMap<String, u32>,
}

impl Unique {
    pub(super) fn take(&mut self, name: String) -> String {
        let count = self.uses.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count == 1 {
            return name;
        }
        // Another may bear that very name.
        let renamed = format!("{name}___{count}");
        self.take(renamed)
    }
}

/// The names of types, by id.
pub(super) struct Names {
    names: Vec<Option<String>>,
    /// Names of enumerators.
    pub(super) constants: Unique,
}

impl Names {
    pub(super) fn new(
        btf: &Btf,
        selection: &Selection,
        definitions: &Definitions,
        text: &mut Text<'_>,
    ) -> Result<Names, Error> {
        let mut names = Names { names: vec![None; btf.type_count() as usize], constants: Unique::default() };
        // What reads and writes bitfields has its place among constants.
        for function in ["__bindgen_bits", "__bindgen_set_bits"] {
            names.constants.take(function.to_owned());
        }
        let mut taken = Unique::default();
        let is_wanted = |id: &u32| selection.wanted(TypeId(*id)) != Wanted::No;
        // Structs, unions and enums have the first choice; then typedefs, which may just repeat their names.
        for id in (1..btf.type_count()).filter(is_wanted) {
            if definitions.get(TypeId(id)).is_none() {
                names.name_tag(btf, TypeId(id), &mut taken, text)?;
            }
        }
        for id in (1..btf.type_count()).filter(is_wanted) {
            names.name_typedef(btf, TypeId(id), &mut taken, text)?;
        }
        for id in (1..btf.type_count()).filter(is_wanted) {
            names.name_anonymous(btf, TypeId(id), &mut taken, text)?;
        }
        Ok(names)
    }

    fn name_tag(&mut self, btf: &Btf, id: TypeId, taken: &mut Unique, text: &mut Text<'_>) -> Result<(), Error> {
        let this = btf.type_or_void(id);
        let is_tag = this.kind().is_composite() || this.kind().is_any_enum() || this.kind() == Kind::Fwd;
        if !is_tag || this.name_offset().0 == 0 {
            return Ok(());
        }
        text.charge(this.name_bytes().len())?;
        self.set(id, taken.take(identifier(this.name_bytes())));
        Ok(())
    }

    fn name_typedef(&mut self, btf: &Btf, id: TypeId, taken: &mut Unique, text: &mut Text<'_>) -> Result<(), Error> {
        let this = btf.type_or_void(id);
        let TypeData::Typedef(target) = this.data() else { return Ok(()) };
        text.charge(this.name_bytes().len())?;
        let name = identifier(this.name_bytes());
        let target = btf.type_or_void(target);
        // `typedef struct foo foo`: one name for both.
        if self.get(target.id()).is_some_and(|of_target| *of_target == name) {
            self.set(id, name);
            return Ok(());
        }
        let name = taken.take(name);
        // `typedef struct { … } foo`: the struct has no other name.
        let is_anonymous = target.name_offset().0 == 0 && (target.kind().is_composite() || target.kind().is_any_enum());
        if is_anonymous && self.get(target.id()).is_none() {
            self.set(target.id(), name.clone());
        }
        self.set(id, name);
        Ok(())
    }

    /// Names what a named struct or union has of anonymous ones within, and those within them.
    fn name_anonymous(&mut self, btf: &Btf, id: TypeId, taken: &mut Unique, text: &mut Text<'_>) -> Result<(), Error> {
        let this = btf.type_or_void(id);
        if self.get(id).is_some() {
            let mut open = vec![id];
            while let Some(id) = open.pop() {
                let parent = self.of(id);
                let mut count = 0;
                for member in btf.type_or_void(id).members().into_iter().flatten() {
                    text.step()?;
                    let Some(inner) = anonymous_behind(btf, member.type_id) else { continue };
                    count += 1;
                    if self.get(inner).is_none() && parent.len() < MAX_LEN {
                        self.set(inner, taken.take(format!("{parent}__bindgen_ty_{count}")));
                        open.push(inner);
                    }
                }
            }
        } else if this.name_offset().0 == 0 && this.kind().is_any_enum() {
            self.set(id, taken.take("_bindgen_ty_1".to_owned()));
        }
        Ok(())
    }

    fn get(&self, id: TypeId) -> Option<&String> {
        self.names.get(id.0 as usize)?.as_ref()
    }

    fn set(&mut self, id: TypeId, name: String) {
        if let Some(place) = self.names.get_mut(id.0 as usize) {
            *place = Some(name);
        }
    }

    /// The name of a type; one made of its id for what nothing named leads to.
    pub(super) fn of(&self, id: TypeId) -> String {
        self.get(id).cloned().unwrap_or_else(|| format!("_bindgen_ty_id_{}", id.0))
    }
}

/// The anonymous struct, union or enum that a member is of, or has an array of, or points to.
fn anonymous_behind(btf: &Btf, mut id: TypeId) -> Option<TypeId> {
    for _ in 0..MAX_DEPTH {
        let this = btf.type_or_void(id);
        id = match this.data() {
            TypeData::Array(array) => array.element,
            TypeData::Ptr(target) => target,
            _ if this.kind().is_modifier() => TypeId(this.size_or_type()),
            _ if this.name_offset().0 == 0 && (this.kind().is_composite() || this.kind().is_any_enum()) => {
                return Some(id);
            }
            _ => return None,
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_rust_takes() {
        assert!(RESERVED.is_sorted());
        let cases = [
            ("type", "type_"),
            ("u8", "u8_"),
            ("a.b", "a_b"),
            ("3d", "_3d"),
            ("_", "__"),
            ("task_struct", "task_struct"),
        ];
        for (name, expected) in cases {
            assert_eq!(identifier(name.as_bytes()), expected);
        }
    }

    #[test]
    fn no_name_is_given_twice() {
        let mut unique = Unique::default();
        let taken: Vec<_> = ["a", "a___2", "a", "a", "a___2"].map(|name| unique.take(name.to_owned())).into();
        let mut sorted = taken.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), taken.len(), "{taken:?}");
    }
}
