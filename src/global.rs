//! Global variables of BPF programs: set before load, read and written while programs run.

use std::os::fd::AsFd;
use std::sync::Arc;

use bytemuck::{AnyBitPattern, NoUninit};
use purebpf_elf_loader::object::Variable;
use purebpf_sys::mapping::{Mapping, Protection};
use purebpf_sys::uapi::MapFlags;

use crate::map::Memory;
use crate::{Error, Map, Result};

/// A variable of an object that is not loaded yet: part of its data section's first contents.
#[derive(Debug)]
pub struct GlobalMut<'a> {
    pub(crate) name: &'a str,
    pub(crate) bytes: &'a mut [u8],
}

impl GlobalMut<'_> {
    /// Its size in bytes, by the object's BTF.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The value it starts with.
    ///
    /// # Errors
    /// When the type is of another size than the variable.
    pub fn get<T: AnyBitPattern>(&self) -> Result<T> {
        check_size::<T>(self.name, self.bytes.len())?;
        Ok(bytemuck::pod_read_unaligned(self.bytes))
    }

    /// Sets the value it starts with.
    ///
    /// # Errors
    /// When the type is of another size than the variable.
    #[doc(alias = "bpf_map__set_initial_value")]
    pub fn set<T: NoUninit>(&mut self, value: T) -> Result<()> {
        check_size::<T>(self.name, self.bytes.len())?;
        self.bytes.copy_from_slice(bytemuck::bytes_of(&value));
        Ok(())
    }

    /// Its bytes.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes
    }
}

fn check_size<T>(name: &str, expected: usize) -> Result<()> {
    match size_of::<T>() == expected {
        true => Ok(()),
        false => Err(Error::Size { what: "variable", name: name.to_owned(), expected, actual: size_of::<T>() }),
    }
}

/// The live contents of a data section: mapped where the kernel lets us, else read through the map.
#[derive(Debug)]
pub(crate) enum Section {
    Mapped(Mapping),
    /// A map that cannot be mapped: static variables only, or a kernel before 5.5.
    Map(Map),
    /// Part of an arena, which the map keeps mapped.
    Arena(Map),
}

impl Section {
    pub(crate) fn of(map: &Map) -> Section {
        if map.arena().is_some() {
            return Section::Arena(map.clone());
        }
        let raw = map.raw();
        let mappable = raw.flags().contains(MapFlags::MMAPABLE);
        let protection =
            if raw.flags().contains(MapFlags::RDONLY_PROG) { Protection::ReadOnly } else { Protection::ReadWrite };
        match mappable.then(|| Mapping::new(map.as_fd(), 0, raw.value_size(), protection)) {
            Some(Ok(mapping)) => Section::Mapped(mapping),
            Some(Err(err)) => {
                log::debug!("map '{}': cannot be mapped, going through bpf(2): {err}", map.name());
                Section::Map(map.clone())
            }
            None => Section::Map(map.clone()),
        }
    }
}

/// A variable of a loaded object, live: programs on all CPUs see what is set here, and what they
/// set is seen here. Can be kept and sent anywhere; clones share the mapping.
///
/// Reads and writes are volatile and as wide as the value allows (1, 2, 4 or 8 bytes at once if it
/// is that size and aligned); a larger value can be torn by a program that writes it meanwhile.
///
/// A section that holds static variables only is not made for mmap (libbpf's rule): its variables are read through bpf(2), and
/// cannot be written here, since that would write back all of the section and undo what programs write meanwhile.
#[derive(Clone, Debug)]
pub struct Global {
    pub(crate) variable: Variable,
    pub(crate) section: Arc<Section>,
    pub(crate) map: Map,
}

impl Global {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.variable.name
    }

    /// Its size in bytes, by the object's BTF.
    pub fn size(&self) -> usize {
        self.variable.size as usize
    }

    /// Its value now.
    ///
    /// # Errors
    /// When the type is of another size than the variable, or the kernel refuses.
    pub fn get<T: AnyBitPattern>(&self) -> Result<T> {
        check_size::<T>(self.name(), self.size())?;
        // Most variables are numbers, read again and again: no allocation for them.
        let mut small = [0; 64];
        let mut large = Vec::new();
        let bytes = match small.get_mut(..self.size()) {
            Some(bytes) => bytes,
            None => {
                large.resize(self.size(), 0);
                &mut large
            }
        };
        self.read(bytes)?;
        Ok(bytemuck::pod_read_unaligned(bytes))
    }

    /// Sets its value now.
    ///
    /// # Errors
    /// When the type is of another size than the variable, or the variable is read-only (`.rodata`
    /// is frozen when the object is loaded: set it before).
    pub fn set<T: NoUninit>(&self, value: T) -> Result<()> {
        check_size::<T>(self.name(), self.size())?;
        self.write(bytemuck::bytes_of(&value))
    }

    /// Reads its bytes.
    ///
    /// # Errors
    /// When `bytes` is of another size than the variable, or the kernel refuses.
    pub fn read(&self, bytes: &mut [u8]) -> Result<()> {
        self.check_len(bytes.len())?;
        let offset = self.variable.offset as usize;
        match &*self.section {
            Section::Mapped(mapping) => mapping.read(offset, bytes).map_err(|err| self.fault(err)),
            Section::Arena(map) => {
                let (arena, variables) = self.arena(map)?;
                arena.read(variables + offset, bytes).map_err(|err| self.fault(err))
            }
            Section::Map(map) => {
                let contents = map.lookup(&0u32.to_ne_bytes())?.unwrap_or_default();
                match contents.get(offset..offset + bytes.len()) {
                    Some(value) => bytes.copy_from_slice(value),
                    None => return Err(self.unsupported("lies outside what its map holds")),
                }
                Ok(())
            }
        }
    }

    /// Writes its bytes.
    ///
    /// # Errors
    /// As [`set`](Global::set).
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        self.check_len(bytes.len())?;
        if self.map.raw().flags().contains(MapFlags::RDONLY_PROG) {
            return Err(self.unsupported("is read-only once the object is loaded; set it before"));
        }
        match &*self.section {
            Section::Mapped(mapping) => {
                mapping.write(self.variable.offset as usize, bytes).map_err(|err| self.fault(err))
            }
            Section::Arena(map) => {
                let (arena, variables) = self.arena(map)?;
                arena.write(variables + self.variable.offset as usize, bytes).map_err(|err| self.fault(err))
            }
            Section::Map(_) => Err(self.unsupported(
                "cannot be written while programs run, as its section is not mapped; set it before the object is loaded, or \
                 make a variable of the section global, if all are static",
            )),
        }
    }

    /// An arena's memory, and where the object's variables begin in it.
    fn arena<'a>(&self, map: &'a Map) -> Result<(&'a Mapping, usize)> {
        match map.memory() {
            Memory::Arena(arena) => Ok((&arena.memory, arena.variables)),
            _ => Err(self.unsupported("lies in an arena that is not mapped")),
        }
    }

    fn check_len(&self, actual: usize) -> Result<()> {
        let expected = self.size();
        match actual == expected {
            true => Ok(()),
            false => Err(Error::Size { what: "variable", name: self.name().to_owned(), expected, actual }),
        }
    }

    fn unsupported(&self, what: &str) -> Error {
        Error::Unsupported { kind: "variable", name: self.name().to_owned(), what: what.to_owned() }
    }

    fn fault(&self, cause: purebpf_sys::Error) -> Error {
        Error::Map { map: self.map.name().to_owned(), cause, advice: None }
    }
}
