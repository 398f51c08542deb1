//! Maps that the author declares: variables in `.maps` whose struct type spells the definition.
//!
//! `__uint(name, n)` is a pointer to an array of `n`, `__type(name, T)` a pointer to `T`,
//! `__ulong(name, n)` an enumerator of value `n`, `__array(values, T)` an array of pointers to `T`.

use std::ops::Range;

use purebpf_btf::{Btf, Kind, Linkage, TypeData, TypeId, types::Member};
use purebpf_sys::uapi::MapType;

use super::elf::Elf;
use super::model::{Map, MapDefinition, MapKind, Pinning};
use crate::Error;

/// Section of map declarations.
pub(super) const MAPS: &str = ".maps";

/// How many attributes a definition can have.
const ATTRIBUTES: usize = 11;

/// The size of a page of nearly all machines, by which ring buffers are rounded and arenas measured when an object is opened.
/// Where pages are larger, that is done again when the map is created.
pub(crate) const PAGE_SIZE: u32 = 4096;

/// A map, and where its first contents lie in `.maps`.
pub(super) struct Declared {
    pub(super) map: Map,
    /// From the member `values` to the variable's end; empty without one.
    pub(super) values: Range<u64>,
}

/// The maps declared in `.maps`, in the order of their places there.
pub(super) fn collect(elf: &Elf<'_>, btf: Option<&Btf>) -> Result<Vec<Declared>, Error> {
    let Some(number) = elf.section_number(MAPS) else { return Ok(Vec::new()) };
    let btf = btf.ok_or(Error::BtfMissing { what: "maps" })?;
    let Some(TypeData::Datasec(datasec)) =
        btf.find(MAPS, Kind::Datasec).and_then(|id| btf.type_by_id(id).ok()).map(|t| t.data())
    else {
        return Err(Error::BtfMissing { what: "maps in section .maps" });
    };
    let size = elf.sections[number].size;
    let mut maps = Vec::new();
    for var in datasec.vars() {
        let variable = var.variable();
        let name = variable.name().unwrap_or_default().to_owned();
        elf.charge(name.len())?;
        let fault = |what: String| Error::MapDefinition { map: name.clone(), what };
        let TypeData::Var(declared) = variable.data() else {
            return Err(fault("is no variable in the object's BTF".into()));
        };
        if name.is_empty() {
            return Err(fault("has no name".into()));
        }
        if declared.linkage != Linkage::GLOBAL {
            return Err(fault("is static; maps must be global".into()));
        }
        // Compilers leave the offsets of global variables to the symbol table.
        let symbol = elf.data_symbol(name.as_bytes()).filter(|symbol| symbol.section == Some(number));
        let offset = match symbol {
            Some(symbol) if datasec.size == 0 => symbol.value,
            _ => u64::from(var.offset),
        };
        if offset.checked_add(u64::from(var.size)).is_none_or(|end| end > size) {
            return Err(fault(format!("lies outside section .maps ({size} bytes), at {offset}, {} bytes", var.size)));
        }
        let resolved = btf.resolve(declared.type_id).map_err(|err| fault(err.to_string()))?;
        let TypeData::Struct(definition) = resolved.data() else {
            return Err(fault(format!("is declared as {:?}, not as a struct", resolved.kind())));
        };
        if definition.size > var.size {
            return Err(fault(format!("has {} bytes in section .maps, its type {}", var.size, definition.size)));
        }
        let (parsed, pinning) = Parser { btf, map: &name, inner: false }.definition(definition.members())?;
        let end = offset + u64::from(var.size);
        let map = Map {
            section: Some(MAPS.to_owned()),
            section_offset: offset,
            pinning,
            ..Map::new(name.clone(), MapKind::User, parsed)
        };
        let values = definition.members().next_back().filter(|member| member.name() == Some("values"));
        let begin = values.map_or(end, |member| offset + u64::from(member.bit_offset / 8));
        maps.push(Declared { map, values: begin..end });
    }
    maps.sort_by_key(|declared| declared.map.section_offset);
    Ok(maps)
}

struct Parser<'a> {
    btf: &'a Btf,
    /// Name of the map, for errors.
    map: &'a str,
    /// Whether this is the template within another map's definition.
    inner: bool,
}

impl<'a> Parser<'a> {
    fn fault(&self, what: impl Into<String>) -> Error {
        let map = if self.inner { format!("{}.inner", self.map) } else { self.map.to_owned() };
        Error::MapDefinition { map, what: what.into() }
    }

    fn definition<'b>(
        &self,
        members: impl ExactSizeIterator<Item = Member<'b>>,
    ) -> Result<(MapDefinition, Pinning), Error> {
        // C has no struct with two members of one name.
        if members.len() > ATTRIBUTES {
            return Err(self.fault(format!("has {} attributes; there are {ATTRIBUTES} in all", members.len())));
        }
        let mut def = MapDefinition::new(MapType::UNSPEC);
        let mut pinning = Pinning::None;
        let last = members.len().saturating_sub(1);
        for (place, member) in members.enumerate() {
            let attribute = member.name().ok_or_else(|| self.fault(format!("attribute {place} has no name")))?;
            match attribute {
                "type" => def.map_type = MapType(self.number(&member)?),
                "max_entries" => def.max_entries = self.number(&member)?,
                "map_flags" => def.map_flags = self.number(&member)?,
                "numa_node" => def.numa_node = self.number(&member)?,
                "map_extra" => def.map_extra = self.wide_number(&member)?,
                "key_size" => self.set_size(&mut def.key_size, attribute, self.number(&member)?)?,
                "value_size" => self.set_size(&mut def.value_size, attribute, self.number(&member)?)?,
                "key" => {
                    let (type_id, size) = self.sized_type(&member)?;
                    self.set_size(&mut def.key_size, attribute, size)?;
                    def.key_type_id = Some(type_id);
                }
                "value" => {
                    let (type_id, size) = self.sized_type(&member)?;
                    self.set_size(&mut def.value_size, attribute, size)?;
                    def.value_type_id = Some(type_id);
                }
                "values" => {
                    if place != last {
                        return Err(self.fault("'values' must be the last attribute"));
                    }
                    self.values(&mut def, &member)?;
                }
                "pinning" => {
                    if self.inner {
                        return Err(self.fault("an inner map cannot be pinned"));
                    }
                    pinning = match self.number(&member)? {
                        0 => Pinning::None,
                        1 => Pinning::ByName,
                        other => return Err(self.fault(format!("unknown pinning {other}"))),
                    };
                }
                unknown => return Err(self.fault(format!("unknown attribute '{unknown}'"))),
            }
        }
        if def.map_type == MapType::UNSPEC {
            return Err(self.fault("has no type"));
        }
        if matches!(def.map_type, MapType::RINGBUF | MapType::USER_RINGBUF) {
            def.max_entries = round_ring_size(def.max_entries, PAGE_SIZE);
        }
        Ok((def, pinning))
    }

    /// `__uint`: a pointer to an array, whose length is the number.
    fn number(&self, member: &Member<'_>) -> Result<u32, Error> {
        let wrong = || self.fault(format!("attribute '{}' is not declared with __uint", member.name().unwrap_or("?")));
        let outer = self.btf.resolve(member.type_id).map_err(|_| wrong())?;
        let TypeData::Ptr(target) = outer.data() else { return Err(wrong()) };
        match self.btf.type_by_id(target).map_err(|_| wrong())?.data() {
            TypeData::Array(array) => Ok(array.len),
            _ => Err(wrong()),
        }
    }

    /// `__ulong`: an enum with the number as its only value; `__uint` does too.
    fn wide_number(&self, member: &Member<'_>) -> Result<u64, Error> {
        let resolved = self.btf.resolve(member.type_id).map_err(|err| self.fault(err.to_string()))?;
        match resolved.as_enum() {
            Some(declared) => match (declared.values().next(), declared.values().len()) {
                (Some(value), 1) => Ok(value.value),
                (_, count) => {
                    let name = member.name().unwrap_or("?");
                    Err(self.fault(format!("attribute '{name}' is an enum of {count} values, not of one")))
                }
            },
            None => self.number(member).map(u64::from),
        }
    }

    /// `__type`: a pointer to the type.
    fn sized_type(&self, member: &Member<'_>) -> Result<(TypeId, u32), Error> {
        let name = member.name().unwrap_or("?");
        let declared = self.btf.type_by_id(member.type_id).map_err(|err| self.fault(err.to_string()))?;
        let TypeData::Ptr(target) = declared.data() else {
            return Err(self.fault(format!("attribute '{name}' is not declared with __type")));
        };
        let size = self.btf.size_of(target).map_err(|err| self.fault(format!("attribute '{name}': {err}")))?;
        Ok((target, size))
    }

    fn set_size(&self, field: &mut u32, attribute: &str, size: u32) -> Result<(), Error> {
        if *field != 0 && *field != size {
            return Err(self.fault(format!("'{attribute}' gives a size of {size} bytes, another attribute {field}")));
        }
        *field = size;
        Ok(())
    }

    /// `__array(values, …)`: what the slots of a map of maps, or of programs, point to.
    fn values(&self, def: &mut MapDefinition, member: &Member<'_>) -> Result<(), Error> {
        let wrong = |what: &str| self.fault(format!("'values' {what}"));
        if self.inner {
            return Err(wrong("in an inner map: maps nest one level deep"));
        }
        let of_maps = matches!(def.map_type, MapType::ARRAY_OF_MAPS | MapType::HASH_OF_MAPS);
        let of_programs = def.map_type == MapType::PROG_ARRAY;
        if !of_maps && !of_programs {
            return Err(wrong("is for maps of maps and arrays of programs only"));
        }
        if def.value_size != 0 && def.value_size != 4 {
            return Err(wrong("goes with a value size of 4"));
        }
        def.value_size = 4;
        let declared = self.btf.type_by_id(member.type_id).map_err(|err| wrong(&err.to_string()))?;
        let TypeData::Array(array) = declared.data() else { return Err(wrong("is no array")) };
        if array.len != 0 {
            return Err(wrong("is no zero-sized array"));
        }
        let element = self.btf.resolve(array.element).map_err(|err| wrong(&err.to_string()))?;
        let TypeData::Ptr(target) = element.data() else { return Err(wrong("holds no pointers")) };
        let target = self.btf.resolve(target).map_err(|err| wrong(&err.to_string()))?;
        match target.data() {
            TypeData::FuncProto(_) if of_programs => Ok(()),
            TypeData::Struct(inner) if of_maps => {
                let parser = Parser { inner: true, ..*self };
                let (inner, _) = parser.definition(inner.members())?;
                def.inner = Some(Box::new(inner));
                Ok(())
            }
            _ => Err(wrong(&format!("points to {:?}", target.kind()))),
        }
    }
}

/// The size that the kernel accepts for a ring buffer: a power of two, and a multiple of the page
/// size. 0 stays, and what no power of two in 32 bits can hold.
pub(crate) fn round_ring_size(size: u32, page_size: u32) -> u32 {
    let fits = size == 0 || (size.is_power_of_two() && size % page_size == 0);
    if fits {
        return size;
    }
    size.max(page_size).checked_next_power_of_two().unwrap_or(size)
}
