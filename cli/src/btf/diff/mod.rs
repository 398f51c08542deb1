//! What two kernels have otherwise: types of one name whose layout differs, and functions that are called otherwise.
//!
//! Types are compared by what programs see of them ([`same`]): a pointer to `struct file` is the same type whatever has become of
//! `struct file`, which is told where it stands itself; what has no name is compared by what is in it. Members of
//! anonymous structs and unions are compared as if they were their outer struct's own, as C (and CO-RE) reach them.

mod command;
mod functions;
mod glob;
mod json;
mod members;
mod same;
mod text;
mod values;

use std::collections::VecDeque;

use purebpf::btf::{Btf, Kind, TypeData, TypeId};

use super::declaration::{shown, type_text};
use functions::Parameter;
use members::Change as MemberChange;
use same::Sides;

pub(crate) use command::run;

/// What has a name and is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Class {
    Struct,
    Union,
    Enum,
    Typedef,
    Func,
}

impl Class {
    pub(super) const ALL: [Class; 5] = [Class::Struct, Class::Union, Class::Enum, Class::Typedef, Class::Func];

    pub(super) fn word(self) -> &'static str {
        match self {
            Class::Struct => "struct",
            Class::Union => "union",
            Class::Enum => "enum",
            Class::Typedef => "typedef",
            Class::Func => "func",
        }
    }

    fn of(kind: Kind) -> Option<Class> {
        match kind {
            Kind::Struct => Some(Class::Struct),
            Kind::Union => Some(Class::Union),
            Kind::Enum | Kind::Enum64 => Some(Class::Enum),
            Kind::Typedef => Some(Class::Typedef),
            Kind::Func => Some(Class::Func),
            _ => None,
        }
    }
}

/// All differences, in the order of classes and names.
#[derive(Debug, Default)]
pub(super) struct Diff {
    pub(super) items: Vec<Item>,
    /// By class.
    pub(super) counts: [Counts; Class::ALL.len()],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) added: u32,
    pub(super) removed: u32,
    pub(super) changed: u32,
    pub(super) same: u32,
}

/// A type or function that is not the same on both sides.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) class: Class,
    /// Empty for all anonymous enums together.
    pub(super) name: String,
    pub(super) change: Change,
    /// How many of this name there are on each side.
    pub(super) namesakes: (usize, usize),
}

#[derive(Debug)]
pub(super) enum Change {
    Added(About),
    Removed(About),
    Changed(Vec<Detail>),
}

/// What there is to say of something that only one side has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// Bytes of a struct, union or enum.
    Size(u32),
    /// What a typedef stands for.
    Target(String),
    /// How a function is declared.
    Signature(String),
}

/// What has changed in something that both sides have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    Size(FromTo<u32>),
    Member(MemberChange),
    ValueAdded {
        name: String,
        value: i128,
    },
    ValueRemoved {
        name: String,
        value: i128,
    },
    ValueChanged {
        name: String,
        value: FromTo<i128>,
    },
    Target(FromTo<String>),
    Signature(FromTo<String>),
    Returns(FromTo<String>),
    ParameterAdded(Parameter),
    ParameterRemoved(Parameter),
    /// One that is elsewhere, or of another type.
    ParameterChanged {
        name: String,
        position: FromTo<usize>,
        type_text: Option<FromTo<String>>,
    },
}

/// What was and what is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FromTo<T> {
    pub(super) from: T,
    pub(super) to: T,
}

impl<T: PartialEq> FromTo<T> {
    pub(super) fn new(from: T, to: T) -> FromTo<T> {
        FromTo { from, to }
    }

    /// Only if they differ.
    pub(super) fn if_other(from: T, to: T) -> Option<FromTo<T>> {
        (from != to).then_some(FromTo { from, to })
    }
}

/// Why there is no answer: the two BTFs are made to ask for more steps, or more text, than a comparison of honest ones could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

impl std::fmt::Display for TooMuch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the comparison takes too much: types repeat within one another")
    }
}

impl std::error::Error for TooMuch {}

/// Which are compared.
pub(super) trait Filter {
    fn takes(&self, class: Class, name: &[u8]) -> bool;
}

/// A type of a class and its name.
type Named<'a> = (Class, &'a [u8], TypeId);

/// Compares the own types of two BTFs.
pub(super) fn diff(a: &Btf, b: &Btf, filter: &dyn Filter) -> Result<Diff, TooMuch> {
    let (from, to) = (named(a, filter), named(b, filter));
    let mut differ = Differ { sides: Sides::new(a, b), diff: Diff::default() };
    let (mut from, mut to) = (&from[..], &to[..]);
    loop {
        let next = match (from.first(), to.first()) {
            (None, None) => break,
            (Some(one), None) | (None, Some(one)) => (one.0, one.1),
            (Some(a), Some(b)) => (a.0, a.1).min((b.0, b.1)),
        };
        let (ours, theirs);
        (ours, from) = split(from, next);
        (theirs, to) = split(to, next);
        match next {
            (Class::Enum, b"") => differ.anonymous_enums(ours, theirs)?,
            (class, name) => differ.namesakes(class, name, ours, theirs)?,
        }
    }
    Ok(differ.diff)
}

/// What has a name, by class and name; and the enums that have none, whose enumerators do.
fn named<'a>(btf: &'a Btf, filter: &dyn Filter) -> Vec<Named<'a>> {
    let mut all: Vec<Named<'a>> = Vec::new();
    for this in btf.own_types() {
        let Some(class) = Class::of(this.kind()) else { continue };
        let name = this.name_bytes();
        if (class == Class::Enum || !name.is_empty()) && filter.takes(class, name) {
            all.push((class, name, this.id()));
        }
    }
    all.sort_unstable();
    all
}

/// Takes those of a class and name off the front.
fn split<'l, 'a>(list: &'l [Named<'a>], (class, name): (Class, &[u8])) -> (&'l [Named<'a>], &'l [Named<'a>]) {
    let end = list.iter().position(|one| (one.0, one.1) != (class, name)).unwrap_or(list.len());
    list.split_at(end)
}

struct Differ<'a> {
    sides: Sides<'a>,
    diff: Diff,
}

/// Of so many of one name on the other side, one that is equal is looked for.
const MOST_NAMESAKES: usize = 64;

impl Differ<'_> {
    /// Compares all of a class and name. There may be several, as C files have types of their own: those that are equal belong
    /// together, and then it goes by their order.
    fn namesakes(&mut self, class: Class, name: &[u8], from: &[Named<'_>], to: &[Named<'_>]) -> Result<(), TooMuch> {
        let namesakes = (from.len(), to.len());
        let mut rest: VecDeque<TypeId> = to.iter().map(|one| one.2).collect();
        let mut unequal = Vec::new();
        for &(_, _, id) in from {
            let mut equal = None;
            if namesakes != (1, 1) {
                for (n, other) in rest.iter().enumerate().take(MOST_NAMESAKES) {
                    if self.sides.definitions_are_same(id, *other)? {
                        equal = Some(n);
                        break;
                    }
                }
            }
            match equal {
                Some(n) => {
                    rest.remove(n);
                    self.counts(class).same += 1;
                }
                None => unequal.push(id),
            }
        }
        let mut rest = rest.into_iter();
        for id in unequal {
            let change = match rest.next() {
                None => Change::Removed(self.about(class, name, id, false)),
                Some(other) if self.sides.definitions_are_same(id, other)? => {
                    self.counts(class).same += 1;
                    continue;
                }
                Some(other) => match self.details(class, name, id, other)? {
                    details if details.is_empty() => {
                        self.counts(class).same += 1;
                        continue;
                    }
                    details => Change::Changed(details),
                },
            };
            self.push(class, shown(name), change, namesakes)?;
        }
        for id in rest {
            let change = Change::Added(self.about(class, name, id, true));
            self.push(class, shown(name), change, namesakes)?;
        }
        Ok(())
    }

    fn counts(&mut self, class: Class) -> &mut Counts {
        // The order of ALL is that of the variants.
        &mut self.diff.counts[class as usize]
    }

    fn push(&mut self, class: Class, name: String, change: Change, namesakes: (usize, usize)) -> Result<(), TooMuch> {
        let counts = self.counts(class);
        match change {
            Change::Added(_) => counts.added += 1,
            Change::Removed(_) => counts.removed += 1,
            Change::Changed(_) => counts.changed += 1,
        }
        self.sides.spend(1 + name.len() as u64)?;
        self.diff.items.push(Item { class, name, change, namesakes });
        Ok(())
    }

    fn about(&self, class: Class, name: &[u8], id: TypeId, is_new: bool) -> About {
        let btf = if is_new { self.sides.b } else { self.sides.a };
        let target = || btf.type_by_id(id).map_or(TypeId::VOID, |this| TypeId(this.size_or_type()));
        match class {
            Class::Struct | Class::Union | Class::Enum => About::Size(btf.size_of(id).unwrap_or(0)),
            Class::Typedef => About::Target(type_text(btf, target())),
            Class::Func => About::Signature(functions::signature(btf, target(), &shown(name))),
        }
    }

    fn details(&mut self, class: Class, name: &[u8], from: TypeId, to: TypeId) -> Result<Vec<Detail>, TooMuch> {
        let (a, b) = (self.sides.a, self.sides.b);
        let target = |btf: &Btf, id| btf.type_by_id(id).map_or(TypeId::VOID, |this| TypeId(this.size_or_type()));
        match class {
            Class::Struct | Class::Union => members::compare(&mut self.sides, from, to),
            Class::Enum => {
                let mut details = Vec::new();
                details.extend(size(a, from, b, to));
                details.extend(values::compare(&mut self.sides, &[from], &[to])?);
                Ok(details)
            }
            Class::Typedef => {
                let (from, to) = (target(a, from), target(b, to));
                let is_body = |btf: &Btf, id| {
                    let this = btf.type_by_id(id);
                    this.is_ok_and(|this| {
                        matches!(this.kind(), Kind::Struct | Kind::Union) && this.name_bytes().is_empty()
                    })
                };
                if self.sides.are_same(from, to)? {
                    return Ok(Vec::new());
                }
                // What a typedef names is told member by member.
                if is_body(a, from) && is_body(b, to) {
                    return members::compare(&mut self.sides, from, to);
                }
                let texts = FromTo::new(type_text(a, from), type_text(b, to));
                Ok([Detail::Target(texts)].into_iter().chain(size(a, from, b, to)).collect())
            }
            Class::Func => {
                let name = shown(name);
                functions::compare(&mut self.sides, &name, target(a, from), target(b, to))
            }
        }
    }

    /// Enumerators of anonymous enums are constants by themselves: whose they are does not matter.
    fn anonymous_enums(&mut self, from: &[Named<'_>], to: &[Named<'_>]) -> Result<(), TooMuch> {
        let ids = |list: &[Named<'_>]| list.iter().map(|one| one.2).collect::<Vec<_>>();
        let details = values::compare(&mut self.sides, &ids(from), &ids(to))?;
        match details.is_empty() {
            true => self.counts(Class::Enum).same += 1,
            false => self.push(Class::Enum, String::new(), Change::Changed(details), (1, 1))?,
        }
        Ok(())
    }
}

/// The size of two types, if it differs.
fn size(a: &Btf, from: TypeId, b: &Btf, to: TypeId) -> Option<Detail> {
    let size = |btf: &Btf, id| match btf.resolve(id).map(|this| this.data()) {
        Ok(TypeData::FuncProto(_) | TypeData::Void | TypeData::Fwd(_)) | Err(_) => 0,
        Ok(_) => btf.size_of(id).unwrap_or(0),
    };
    FromTo::if_other(size(a, from), size(b, to)).map(Detail::Size)
}

/// Compares two and tells of it in all ways.
#[cfg(test)]
pub(super) fn exercise(a: &Btf, b: &Btf) {
    struct All;
    impl Filter for All {
        fn takes(&self, _: Class, _: &[u8]) -> bool {
            true
        }
    }
    let Ok(found) = diff(a, b, &All) else { return };
    text::text(&found, false);
    text::text(&found, true);
    json::diff(&found, false);
}

#[cfg(test)]
mod tests {
    use purebpf::btf::IntEncoding;
    use purebpf::btf::builder::Builder;

    use super::*;

    struct All;

    impl Filter for All {
        fn takes(&self, _: Class, _: &[u8]) -> bool {
            true
        }
    }

    fn btf(make: impl FnOnce(&mut Builder, TypeId)) -> Btf {
        let mut builder = Builder::new();
        let int = builder.add_int("int", 4, IntEncoding::SIGNED).unwrap();
        make(&mut builder, int);
        Btf::parse(builder.finish()).unwrap()
    }

    /// Of two thousand of one name, the same in another order: those that are equal belong together as far as they are looked
    /// for, and it ends.
    #[test]
    fn many_of_one_name() {
        let many = |order: fn(u32) -> u32| {
            btf(|b, int| {
                for n in 0..2000 {
                    b.add_struct("s", 4 + order(n)).unwrap();
                    b.add_member("x", int, 0).unwrap();
                }
            })
        };
        let (a, b) = (many(|n| n), many(|n| n ^ 1));
        let found = diff(&a, &b, &All).unwrap();
        assert_eq!(found.counts[0], Counts { same: 2000, ..Counts::default() });
        let b = many(|n| 1999 - n);
        let found = diff(&a, &b, &All).unwrap();
        assert_eq!((found.counts[0].added, found.counts[0].removed), (0, 0));
    }

    /// Anonymous structs of anonymous structs, two members each of the one before: 2^30 members, and as many pairs of them.
    #[test]
    fn what_has_no_end_is_refused() {
        let nested = |size: u32| {
            btf(|b, int| {
                let mut last = int;
                for _ in 0..30 {
                    let id = b.add_struct("", 8).unwrap();
                    b.add_member("", last, 0).unwrap();
                    b.add_member("", last, 32).unwrap();
                    last = id;
                }
                b.add_struct("s", size).unwrap();
                b.add_member("", last, 0).unwrap();
            })
        };
        let (a, b) = (nested(8), nested(8));
        assert!(diff(&a, &b, &All).unwrap().items.is_empty(), "each pair is compared once");
        assert_eq!(diff(&a, &nested(16), &All).map(|_| ()), Err(TooMuch));
    }
}
