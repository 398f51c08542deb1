//! Views over types: what a kind's record says, read in place.
//!
//! [`Type`] is a type of any kind; [`Type::data`] opens it into the view of its kind. All views are
//! small and `Copy`; their lists are iterators over the record's own bytes.

mod kind;
mod lists;
mod views;

pub use kind::{FwdKind, IntEncoding, Kind, Linkage};
pub use lists::{EnumValue, EnumValues, Member, Members, Param, Params, Var, Vars};
pub use views::{Array, Composite, Datasec, DeclTag, Enum, Float, Func, FuncProto, Int, Type, TypeData, Variable};
