//! A table of operations of an open object: what of it is to be in the kernel's.

use std::fmt;

use bytemuck::{AnyBitPattern, NoUninit};
use purebpf_btf::{Kind, Type};
use purebpf_elf_loader::object::{self, MapId, ProgramId, Slot};

use super::keys::{ProgramKey, find_program};
use crate::{Error, Result};

/// A table of operations, as its object declares it. Members that this kernel's struct does not have must be zero, and hold no
/// program, when it is loaded; their order and the rest of the kernel's struct do not matter.
///
/// ```no_run
/// let mut open = purebpf::Object::open("scheduler.bpf.o")?;
/// let mut table = open.struct_ops_mut("scheduler")?;
/// table.set("timeout_ms", 5000u32)?;
/// table.set_program("dump", None::<&str>)?;
/// let object = open.load()?;
/// # Ok::<(), purebpf::Error>(())
/// ```
#[derive(Debug)]
pub struct StructOpsMut<'a> {
    object: &'a mut object::Object,
    map: MapId,
}

/// Where a member is.
#[derive(Clone, Copy)]
struct Place {
    /// Its number in the struct.
    member: u32,
    offset: u32,
    size: u32,
    is_function: bool,
}

impl<'a> StructOpsMut<'a> {
    pub(super) fn new(object: &'a mut object::Object, map: MapId) -> Result<StructOpsMut<'a>> {
        match object.maps.get(map.0).is_some_and(|map| map.struct_ops.is_some()) {
            true => Ok(StructOpsMut { object, map }),
            false => Err(Error::Unsupported {
                kind: "map",
                name: object.maps.get(map.0).map(|map| map.name.clone()).unwrap_or_default(),
                what: "is no table of operations (struct_ops)".to_owned(),
            }),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.object.maps[self.map.0].name
    }

    /// The value of a member that is no function.
    ///
    /// # Errors
    /// When there is none of this name, or the type is of another size.
    pub fn get<T: AnyBitPattern>(&self, member: &str) -> Result<T> {
        let place = self.data::<T>(member)?;
        let value = self.object.maps[self.map.0].initial_value.as_deref().unwrap_or_default();
        let bytes = value.get(place.offset as usize..(place.offset + place.size) as usize);
        bytes
            .map(bytemuck::pod_read_unaligned)
            .ok_or_else(|| self.fault(format_args!("has member '{member}' outside of it")))
    }

    /// Sets the value of a member that is no function.
    ///
    /// # Errors
    /// As [`get`](StructOpsMut::get).
    pub fn set<T: NoUninit>(&mut self, member: &str, value: T) -> Result<&mut Self> {
        let place = self.data::<T>(member)?;
        match self.object.maps[self.map.0].initial_bytes_mut(place.offset, place.size) {
            Some(bytes) => bytes.copy_from_slice(bytemuck::bytes_of(&value)),
            None => return Err(self.fault(format_args!("has member '{member}' outside of it"))),
        }
        Ok(self)
    }

    /// The program for a function of the table, if there is one.
    ///
    /// # Errors
    /// When there is no function of this name.
    pub fn program(&self, member: &str) -> Result<Option<ProgramId>> {
        let place = self.function(member)?;
        let slots = &self.object.maps[self.map.0].slots;
        Ok(slots.iter().rev().find_map(|(at, slot)| match slot {
            Slot::Program(id) if *at == place.member => Some(*id),
            _ => None,
        }))
    }

    /// Sets the program for a function of the table, or none. Programs that no table has any longer are not loaded.
    ///
    /// # Errors
    /// When there is no function or no program of this name.
    pub fn set_program(&mut self, member: &str, program: Option<impl ProgramKey>) -> Result<&mut Self> {
        let place = self.function(member)?;
        let program = program.map(|key| find_program(self.object, &key)).transpose()?;
        let slots = &mut self.object.maps[self.map.0].slots;
        slots.retain(|(at, _)| *at != place.member);
        slots.extend(program.map(|id| (place.member, Slot::Program(id))));
        Ok(self)
    }

    fn data<T>(&self, member: &str) -> Result<Place> {
        let place = self.place(member)?;
        if place.is_function {
            return Err(self.fault(format_args!("has function '{member}', which takes a program")));
        }
        match place.size as usize == size_of::<T>() {
            true => Ok(place),
            false => Err(Error::Size {
                what: "member",
                name: format!("{}.{member}", self.name()),
                expected: place.size as usize,
                actual: size_of::<T>(),
            }),
        }
    }

    fn function(&self, member: &str) -> Result<Place> {
        let place = self.place(member)?;
        match place.is_function {
            true => Ok(place),
            false => Err(self.fault(format_args!("has member '{member}', which is no function"))),
        }
    }

    fn place(&self, member: &str) -> Result<Place> {
        let map = &self.object.maps[self.map.0];
        let table = map.struct_ops.as_ref().zip(self.object.btf.as_ref());
        let table = table.and_then(|(table, btf)| Some((btf, btf.type_by_id(table.type_id).ok()?)));
        let (btf, table) = table.ok_or_else(|| self.fault("is of a type that its object lost"))?;
        let mut members = table.members().into_iter().flatten().enumerate();
        let Some((n, found)) = members.find(|(_, found)| found.name() == Some(member)) else {
            return Err(Error::NotFound {
                object: self.name().to_owned(),
                kind: "member",
                name: member.to_owned(),
                among: table.members().into_iter().flatten().filter_map(|m| m.name().map(str::to_owned)).collect(),
            });
        };
        if found.bitfield_size.is_some() {
            return Err(self.fault(format_args!("has bitfield '{member}', and bitfields are not carried over")));
        }
        let size =
            btf.size_of(found.type_id).map_err(|err| self.fault(format_args!("has member '{member}': {err}")))?;
        let is_pointer = |t: Type<'_>| t.kind() == Kind::Ptr;
        let target = btf.resolve(found.type_id).ok().filter(|t| is_pointer(*t)).and_then(|t| match t.data() {
            purebpf_btf::TypeData::Ptr(target) => btf.resolve(target).ok(),
            _ => None,
        });
        Ok(Place {
            member: n as u32,
            offset: found.bit_offset / 8,
            size,
            is_function: target.is_some_and(|target| target.kind() == Kind::FuncProto),
        })
    }

    fn fault(&self, what: impl fmt::Display) -> Error {
        Error::Unsupported { kind: "map", name: self.name().to_owned(), what: what.to_string() }
    }
}
