//! What names a program, a map, a variable of an object.

use purebpf_elf_loader::object::{self, MapId, ProgramId};

use crate::{Error, Result};

/// What names a program: a name, or its id. Nothing else does.
pub trait ProgramKey: key::Program {}

/// What names a map: a name (`.rodata` and the like for data maps), or its id. Nothing else does.
pub trait MapKey: key::Map {}

/// What keys do, out of reach: so that it can change.
mod key {
    use super::{MapId, ProgramId, object};

    pub trait Program {
        /// Its id in `object`.
        fn find(&self, object: &object::Object) -> Option<ProgramId>;
        /// What to call it in an error.
        fn describe(&self) -> String;
    }

    pub trait Map {
        /// Its id in `object`.
        fn find(&self, object: &object::Object) -> Option<MapId>;
        /// What to call it in an error.
        fn describe(&self) -> String;
    }
}

impl<T: key::Program + ?Sized> ProgramKey for T {}
impl<T: key::Map + ?Sized> MapKey for T {}

impl<T: AsRef<str> + ?Sized> key::Program for &T {
    fn find(&self, object: &object::Object) -> Option<ProgramId> {
        object.program(self.as_ref())
    }

    fn describe(&self) -> String {
        self.as_ref().to_owned()
    }
}

impl key::Program for ProgramId {
    fn find(&self, object: &object::Object) -> Option<ProgramId> {
        (self.0 < object.programs.len()).then_some(*self)
    }

    fn describe(&self) -> String {
        format!("number {}", self.0)
    }
}

impl<T: AsRef<str> + ?Sized> key::Map for &T {
    fn find(&self, object: &object::Object) -> Option<MapId> {
        object.map(self.as_ref())
    }

    fn describe(&self) -> String {
        self.as_ref().to_owned()
    }
}

impl key::Map for MapId {
    fn find(&self, object: &object::Object) -> Option<MapId> {
        (self.0 < object.maps.len()).then_some(*self)
    }

    fn describe(&self) -> String {
        format!("number {}", self.0)
    }
}

pub(crate) fn find_program(object: &object::Object, key: &impl ProgramKey) -> Result<ProgramId> {
    key.find(object).ok_or_else(|| Error::NotFound {
        object: object.name.clone(),
        kind: "program",
        name: key.describe(),
        among: object.programs.iter().map(|program| program.name.clone()).collect(),
    })
}

pub(crate) fn find_map(object: &object::Object, key: &impl MapKey) -> Result<MapId> {
    key.find(object).ok_or_else(|| Error::NotFound {
        object: object.name.clone(),
        kind: "map",
        name: key.describe(),
        among: object.maps.iter().map(|map| map.name.clone()).collect(),
    })
}

pub(crate) fn find_variable<'a>(object: &'a object::Object, name: &str) -> Result<&'a object::Variable> {
    object.variables.iter().find(|variable| variable.name == name).ok_or_else(|| Error::NotFound {
        object: object.name.clone(),
        kind: "variable",
        name: name.to_owned(),
        among: object.variables.iter().map(|variable| variable.name.clone()).collect(),
    })
}
