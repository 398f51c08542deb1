//! Things of a type as C declares them: `const struct file *files[4]`, `int (*compare)(const void *, const void *)`.
//!
//! The library's C dump does the same for headers, where names are made unique and anonymous types written out. Here a name is
//! what the BTF says, and the body of an anonymous type is left to whoever prints.

use purebpf::btf::types::{FwdKind, Params};
use purebpf::btf::{Btf, Kind, Type, TypeData, TypeId};

/// Longer names are cut: the kernel has none (`KSYM_NAME_LEN`), but a few bytes of BTF can name the same megabyte many times.
const LONGEST_NAME: usize = 512;
/// How many types one declaration follows and bytes of names it takes, parameters of parameters included, before the rest is `…`.
const MOST_STEPS: u32 = 2048;
/// How deep parameters may take functions that take functions.
const MAX_DEPTH: u32 = 16;

/// A declaration in the two parts between which the body of an anonymous type stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declaration {
    /// The type that the declared thing is made of: `const struct file`, `unsigned int`; of an anonymous type, its keyword.
    pub(super) base: String,
    /// That type.
    pub(super) base_id: TypeId,
    /// What is declared, and how it is made of that: `*files[4]`; empty for the bare type without a name.
    pub(super) declarator: String,
}

impl Declaration {
    /// Declares `name`, which may be empty, as a thing of a type.
    pub(super) fn new(btf: &Btf, id: TypeId, name: &str) -> Declaration {
        declare(btf, id, name, MAX_DEPTH, &mut { MOST_STEPS })
    }
}

impl std::fmt::Display for Declaration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.base)?;
        match self.declarator.is_empty() {
            true => Ok(()),
            false => write!(f, " {}", self.declarator),
        }
    }
}

/// A name as it is printed.
pub(super) fn shown(name: &[u8]) -> String {
    match name.get(..LONGEST_NAME) {
        Some(beginning) if name.len() > LONGEST_NAME => format!("{}…", String::from_utf8_lossy(beginning)),
        _ => String::from_utf8_lossy(name).into_owned(),
    }
}

/// A type without a name for a thing of it: `struct file *`, with the blank before the asterisk that C's style asks for.
pub(super) fn type_text(btf: &Btf, id: TypeId) -> String {
    let declaration = Declaration::new(btf, id, "");
    if is_anonymous(btf, declaration.base_id) {
        return format!("{} {{…}} {}", declaration.base, declaration.declarator).trim_end().to_owned();
    }
    declaration.to_string()
}

/// Whether it is a struct, union or enum without a name.
pub(super) fn is_anonymous(btf: &Btf, id: TypeId) -> bool {
    btf.type_by_id(id).is_ok_and(|this| {
        matches!(this.kind(), Kind::Struct | Kind::Union | Kind::Enum | Kind::Enum64) && this.name_bytes().is_empty()
    })
}

/// BTF goes from the outside in, and so does this: each pointer, array or function is put around what was declared so far.
fn declare(btf: &Btf, mut id: TypeId, name: &str, depth: u32, steps: &mut u32) -> Declaration {
    let mut declarator = name.to_owned();
    let mut qualifiers = String::new();
    let mut of_pointer = false;
    loop {
        *steps = steps.saturating_sub(1);
        let this = btf.type_by_id(id).ok().filter(|_| *steps > 0);
        let len = this.map_or(0, |this| this.name_bytes().len());
        *steps = steps.saturating_sub(len.min(LONGEST_NAME) as u32);
        let Some(this) = this else { return Declaration { base: "…".to_owned(), base_id: TypeId::VOID, declarator } };
        match this.data() {
            TypeData::Const(next) => (id, qualifiers) = (next, format!("const {qualifiers}")),
            TypeData::Volatile(next) => (id, qualifiers) = (next, format!("volatile {qualifiers}")),
            TypeData::Restrict(next) => (id, qualifiers) = (next, format!("restrict {qualifiers}")),
            // Compilers differ in whether they keep them, and C has no way to say them.
            TypeData::TypeTag(next) => id = next,
            TypeData::Ptr(next) => {
                declarator = format!("*{qualifiers}{declarator}");
                (id, of_pointer) = (next, true);
                qualifiers.clear();
            }
            TypeData::Array(array) => {
                let inner = if of_pointer { format!("({declarator})") } else { declarator };
                declarator = format!("{inner}[{}]", array.len);
                (id, of_pointer) = (array.element, false);
            }
            TypeData::FuncProto(proto) => {
                let inner = if of_pointer { format!("({declarator})") } else { declarator };
                declarator = format!("{inner}({})", parameters(btf, proto.params(), depth, steps));
                (id, of_pointer) = (proto.ret, false);
                qualifiers.clear();
            }
            data => {
                let base = format!("{qualifiers}{}", base(&this, &data));
                return Declaration { base, base_id: id, declarator: declarator.trim_end().to_owned() };
            }
        }
    }
}

fn parameters(btf: &Btf, params: Params<'_>, depth: u32, steps: &mut u32) -> String {
    if params.len() == 0 {
        return "void".to_owned();
    }
    let Some(depth) = depth.checked_sub(1) else { return "…".to_owned() };
    let mut texts = Vec::new();
    for param in params {
        if *steps == 0 {
            texts.push("…".to_owned());
            break;
        }
        let name = param.name_bytes();
        *steps = steps.saturating_sub(name.len().min(LONGEST_NAME) as u32);
        texts.push(match param.type_id.is_void() && name.is_empty() {
            true => "...".to_owned(),
            false => declare(btf, param.type_id, &shown(name), depth, steps).to_string(),
        });
    }
    texts.join(", ")
}

fn base(this: &Type<'_>, data: &TypeData<'_>) -> String {
    let name = shown(this.name_bytes());
    let keyword = match data {
        TypeData::Struct(_) | TypeData::Fwd(FwdKind::Struct) => "struct",
        TypeData::Union(_) | TypeData::Fwd(FwdKind::Union) => "union",
        TypeData::Enum(_) | TypeData::Enum64(_) => "enum",
        TypeData::Void if name.is_empty() => return "void".to_owned(),
        _ => return name,
    };
    format!("{keyword} {name}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use purebpf::btf::IntEncoding;
    use purebpf::btf::builder::Builder;

    use super::*;

    /// What C (6.7.6) says of each, and what it is called.
    #[test]
    fn declarations_are_cs() {
        let mut b = Builder::new();
        let int = b.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        let file = b.add_struct("file", 8).unwrap();
        let anonymous = b.add_struct("", 4).unwrap();
        let constant = b.add_reference(Kind::Const, file).unwrap();
        let pointer = b.add_reference(Kind::Ptr, constant).unwrap();
        let fixed = b.add_reference(Kind::Const, pointer).unwrap();
        let row = b.add_array(fixed, int, 3).unwrap();
        let matrix = b.add_array(row, int, 2).unwrap();
        let to_row = b.add_reference(Kind::Ptr, row).unwrap();
        let compare = b.add_func_proto(int).unwrap();
        b.add_param("", pointer).unwrap();
        b.add_param("mode", int).unwrap();
        b.add_param("", TypeId::VOID).unwrap();
        let callback = b.add_reference(Kind::Ptr, compare).unwrap();
        let callbacks = b.add_array(callback, int, 4).unwrap();
        let no_parameters = b.add_func_proto(TypeId::VOID).unwrap();
        let to_anonymous = b.add_reference(Kind::Ptr, anonymous).unwrap();
        let btf = Btf::parse(b.finish()).unwrap();
        for (id, name, expected) in [
            (int, "x", "int x"),
            (pointer, "x", "const struct file *x"),
            (pointer, "", "const struct file *"),
            (fixed, "x", "const struct file *const x"),
            (matrix, "x", "const struct file *const x[2][3]"),
            (to_row, "x", "const struct file *const (*x)[3]"),
            (compare, "f", "int f(const struct file *, int mode, ...)"),
            (callbacks, "f", "int (*f[4])(const struct file *, int mode, ...)"),
            (no_parameters, "f", "void f(void)"),
        ] {
            assert_eq!(Declaration::new(&btf, id, name).to_string(), expected);
        }
        assert_eq!(type_text(&btf, to_anonymous), "struct {…} *");
        assert!(is_anonymous(&btf, Declaration::new(&btf, to_anonymous, "").base_id));
    }

    /// A chain of references without end, and functions that take functions of themselves.
    #[test]
    fn what_has_no_end_is_cut() {
        let mut b = Builder::new();
        let itself = b.add_reference(Kind::Ptr, TypeId(1)).unwrap();
        let proto = b.add_func_proto(TypeId(2)).unwrap();
        for _ in 0..1000 {
            b.add_param("", proto).unwrap();
        }
        let btf = Btf::parse(b.finish()).unwrap();
        for id in [itself, proto] {
            let text = Declaration::new(&btf, id, "x").to_string();
            assert!(text.contains('…') && text.len() < 16_384, "{}", text.len());
        }
        assert_eq!(shown(&[b'a'; 600]).len(), 512 + '…'.len_utf8());
    }
}
