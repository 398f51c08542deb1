//! What a type is called in C, for messages.

use purebpf::btf::{Btf, Kind, TypeData, TypeId};

use crate::output::short;

/// A type's name: `unsigned int`, `struct event`, `char[16]`, `const struct task_struct *`.
pub(crate) fn type_name(btf: &Btf, id: TypeId) -> String {
    named(btf, id, 16)
}

fn named(btf: &Btf, id: TypeId, depth: u32) -> String {
    let Ok(ty) = btf.type_by_id(id) else { return "?".to_owned() };
    if depth == 0 {
        return "…".to_owned();
    }
    let own = String::from_utf8_lossy(ty.name_bytes());
    let own = short(&own);
    let tagged = |keyword: &str| match own.is_empty() {
        true => format!("{keyword} (anonymous)"),
        false => format!("{keyword} {own}"),
    };
    match ty.data() {
        TypeData::Void if ty.kind() == Kind::Void => "void".to_owned(),
        TypeData::Struct(_) => tagged("struct"),
        TypeData::Union(_) => tagged("union"),
        TypeData::Enum(_) | TypeData::Enum64(_) => tagged("enum"),
        TypeData::Ptr(target) => format!("{} *", named(btf, target, depth - 1)),
        TypeData::Array(array) => format!("{}[{}]", named(btf, array.element, depth - 1), array.len),
        TypeData::Const(target) => format!("const {}", named(btf, target, depth - 1)),
        TypeData::Volatile(target) => format!("volatile {}", named(btf, target, depth - 1)),
        TypeData::Restrict(target) | TypeData::TypeTag(target) => named(btf, target, depth - 1),
        TypeData::Var(variable) => named(btf, variable.type_id, depth - 1),
        TypeData::FuncProto(_) => "function".to_owned(),
        _ => own.into_owned(),
    }
}
