//! What a CO-RE relocation is about, in C's words: `task_struct.mm.pgd`, `size of struct pid`, `enum state: RUNNING exists`.

use purebpf::btf::{Btf, Type, TypeData, TypeId};
use purebpf::core_reloc::Kind;

use crate::output::short;
use crate::type_name::type_name;

/// The longest path that is spelled out, in letters: accessor strings can go round in circles.
const LONGEST: usize = 80;

/// Kind and place of a relocation. What cannot be made sense of is told as the numbers that the file has.
pub(crate) fn subject(btf: &Btf, kind: Option<Kind>, local_type: TypeId, access: &str) -> String {
    let Some(kind) = kind else { return format!("unknown relocation of {}", type_name(btf, local_type)) };
    if kind.is_type_based() {
        return with_kind(kind, &type_name(btf, local_type));
    }
    let path =
        if kind.is_enumval_based() { enumerator(btf, local_type, access) } else { field(btf, local_type, access) };
    with_kind(kind, &path.unwrap_or_else(|| format!("{}, {}", type_name(btf, local_type), short(access))))
}

fn with_kind(kind: Kind, what: &str) -> String {
    match kind {
        Kind::FieldByteOffset => format!("offset of {what}"),
        Kind::FieldByteSize | Kind::TypeSize => format!("size of {what}"),
        Kind::FieldSigned => format!("sign of {what}"),
        Kind::FieldLshiftU64 => format!("left shift of {what}"),
        Kind::FieldRshiftU64 => format!("right shift of {what}"),
        Kind::TypeIdLocal => format!("local id of {what}"),
        Kind::TypeIdTarget => format!("id of {what}"),
        Kind::FieldExists | Kind::TypeExists | Kind::EnumvalExists => format!("{what} exists"),
        Kind::EnumvalValue => format!("value of {what}"),
        Kind::TypeMatches => format!("{what} matches"),
        _ => format!("{} of {what}", kind.name()),
    }
}

fn enumerator(btf: &Btf, local_type: TypeId, access: &str) -> Option<String> {
    let value = btf.resolve(local_type).ok()?.as_enum()?.values().nth(access.parse().ok()?)?;
    Some(format!("{} {}", type_name(btf, local_type), short(&String::from_utf8_lossy(value.name_bytes()))))
}

/// `struct.member[element].member`: members of anonymous structs as C has them, without the struct.
fn field(btf: &Btf, local_type: TypeId, access: &str) -> Option<String> {
    let mut numbers = access.split(':').map(str::parse::<u32>);
    let mut path = short_name(&btf.resolve(local_type).ok()?, btf, local_type);
    match numbers.next()?.ok()? {
        0 => {}
        element => path.push_str(&format!("[{element}]")),
    }
    let mut id = local_type;
    for number in numbers {
        let number = number.ok()?;
        let current = btf.resolve(id).ok()?;
        if let Some(mut members) = current.members() {
            let member = members.nth(number as usize)?;
            if !member.name_bytes().is_empty() {
                path.push('.');
                path.push_str(&String::from_utf8_lossy(member.name_bytes()));
            }
            id = member.type_id;
        } else if let TypeData::Array(array) = current.data() {
            path.push_str(&format!("[{number}]"));
            id = array.element;
        } else {
            return None;
        }
        if path.chars().count() > LONGEST {
            return Some(path.chars().take(LONGEST).chain(['…']).collect());
        }
    }
    Some(path)
}

/// The name of a struct without the word, as paths begin with it.
fn short_name(ty: &Type<'_>, btf: &Btf, id: TypeId) -> String {
    match ty.name_bytes() {
        [] => type_name(btf, id),
        name => short(&String::from_utf8_lossy(name)).into_owned(),
    }
}
