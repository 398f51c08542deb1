//! btf-rs: reads, walks and looks up; neither dumps nor deduplicates.

use crate::{Answer, Input, Walk, Work, ids_answer, measure::measured};
use btf_rs::{Btf, BtfType, Type};
use fallible_iterator::FallibleIterator;

pub const WORKS: &[(&str, Work)] = &[("parse", parse), ("walk", walk), ("names", names)];

fn read(input: &Input) -> Btf {
    Btf::from_bytes(&input.btf).expect("the input parses")
}

fn types(btf: &Btf) -> impl FallibleIterator<Item = Type, Error = btf_rs::Error> + '_ {
    btf.type_iter().filter(|item| Ok(!matches!(item, Type::Void)))
}

fn parse(input: Input) -> Answer {
    let btf = measured(|| read(&input));
    Answer::Number(types(&btf).count().expect("types") as u64)
}

fn walk(input: Input) -> Answer {
    let btf = read(&input);
    measured(|| {
        let mut walk = Walk::default();
        let length = |item: &dyn BtfType| match item.get_name_offset() {
            Some(_) => btf.resolve_name(item).map_or(0, |name| name.len()),
            None => 0,
        };
        let each = types(&btf).for_each(|item| {
            walk.item(kind(&item), item.as_btf_type().map_or(0, length));
            if let Type::Struct(data) | Type::Union(data) = &item {
                for member in &data.members {
                    walk.member(length(member), member.get_type_id().unwrap_or_default(), member.bit_offset());
                }
            }
            Ok(())
        });
        each.expect("types");
        walk
    })
    .answer()
}

fn kind(item: &Type) -> u32 {
    match item {
        Type::Void => 0,
        Type::Int(_) => 1,
        Type::Ptr(_) => 2,
        Type::Array(_) => 3,
        Type::Struct(_) => 4,
        Type::Union(_) => 5,
        Type::Enum(_) => 6,
        Type::Fwd(_) => 7,
        Type::Typedef(_) => 8,
        Type::Volatile(_) => 9,
        Type::Const(_) => 10,
        Type::Restrict(_) => 11,
        Type::Func(_) => 12,
        Type::FuncProto(_) => 13,
        Type::Var(_) => 14,
        Type::Datasec(_) => 15,
        Type::Float(_) => 16,
        Type::DeclTag(_) => 17,
        Type::TypeTag(_) => 18,
        Type::Enum64(_) => 19,
        _ => unreachable!("a kind that the input has not"),
    }
}

fn names(input: Input) -> Answer {
    let btf = read(&input);
    ids_answer(&measured(|| {
        let find = |wanted: u32, name: &str| {
            let ids = btf.resolve_ids_by_name(name).unwrap_or_default();
            let of_kind =
                ids.into_iter().filter(|id| btf.resolve_type_by_id(*id).is_ok_and(|item| kind(&item) == wanted));
            of_kind.min().unwrap_or_default()
        };
        input.names.iter().map(|(kind, name)| find(*kind, name)).collect::<Vec<u32>>()
    }))
}
