//! The first floor: an ELF file becomes a plain description.
//!
//! [`Object::open`] is pure: the same bytes give the same [`Object`] on every machine, with or
//! without root. Nothing in it refers to the file any more; everything may be changed before it is
//! linked and loaded.
//!
//! What damages one function, map or variable stays with it: a reference that leads nowhere is kept
//! as [`Target::Broken`] and spoils only the programs that contain it.

mod btf_map;
mod code;
mod data;
mod elf;
mod exceptions;
mod externs;
mod legacy_map;
mod model;
mod slots;
mod struct_ops;

pub(crate) use btf_map::{PAGE_SIZE, round_ring_size};
pub use elf::btf_section;
pub use externs::{Extern, ExternKind, KconfigType};
pub use model::{
    AttachBtf, ExternId, Function, FunctionId, JumpTable, Map, MapDefinition, MapId, MapKind, Pinning, Program,
    ProgramId, Reference, Slot, StructOps, Target, Variable,
};
pub(crate) use struct_ops::is_function_pointer;

use std::sync::Arc;

use purebpf_btf::raw::Endian;
use purebpf_btf::{Btf, ext::BtfExt};

use crate::Error;

/// A BPF object as its file describes it: a recipe that can be changed, linked and loaded any
/// number of times.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_object")]
#[non_exhaustive]
pub struct Object {
    /// Its name: that of the file up to the first dot, at most 15 bytes. Goes into the names of its
    /// data maps.
    pub name: String,
    /// Contents of the `license` section; empty when there is none.
    pub license: String,
    /// Contents of the `version` section, else 0.
    #[doc(alias = "bpf_object__kversion")]
    #[doc(alias = "bpf_object__set_kversion")]
    pub kernel_version: u32,
    /// Byte order of instructions and data.
    pub endian: Endian,
    /// Its types.
    #[doc(alias = "bpf_object__btf")]
    pub btf: Option<Btf>,
    /// Function and line information, CO-RE relocations.
    pub btf_ext: Option<BtfExt>,
    /// All functions in the order of the file; programs and subprograms alike.
    pub functions: Vec<Function>,
    /// The programs that can be loaded, in the order of the file.
    pub programs: Vec<Program>,
    /// Maps: those declared, then those that hold data sections, then the one for `.kconfig`, then tables of operations, then
    /// those declared as before BTF.
    pub maps: Vec<Map>,
    /// What is expected of the kernel or its configuration, in libbpf's order.
    pub externs: Vec<Extern>,
    /// Variables in data sections.
    pub variables: Vec<Variable>,
    /// Size in bytes of each section that has a name and bytes: BTF leaves the sizes of its data
    /// sections open.
    pub(crate) section_sizes: Vec<(String, u64)>,
    /// Where each global symbol with data lies in its section, and whether others may see it.
    pub(crate) symbols: Arc<[elf::DataSymbol]>,
}

impl Object {
    /// Describes the object in `bytes`. `name` is the object's name, or its file's: what follows
    /// the first dot is cut off.
    ///
    /// # Errors
    /// When the bytes are no BPF object, or damaged beyond what can be told apart.
    #[doc(alias = "bpf_object__open_mem")]
    pub fn open(bytes: &[u8], name: &str) -> Result<Object, Error> {
        let elf = elf::Elf::parse(bytes)?;
        let btf = match elf.section_named(".BTF") {
            Some(section) => {
                Some(Btf::parse(section.data.to_vec()).map_err(|cause| Error::Btf { section: ".BTF", cause })?)
            }
            None => None,
        };
        let btf_ext = match (elf.section_named(".BTF.ext"), &btf) {
            (Some(section), Some(_)) => {
                Some(BtfExt::parse(section.data.to_vec()).map_err(|cause| Error::Btf { section: ".BTF.ext", cause })?)
            }
            _ => None,
        };
        let name = object_name(name);
        let externs = externs::collect(&elf, btf.as_ref())?;
        let declared = btf_map::collect(&elf, btf.as_ref())?;
        let (mut maps, values): (Vec<_>, Vec<_>) = declared.into_iter().map(|d| (d.map, d.values)).unzip();
        let mut variables = Vec::new();
        data::collect_arena(&elf, btf.as_ref(), &mut maps, &mut variables)?;
        data::collect(&elf, btf.as_ref(), &name, &mut maps, &mut variables)?;
        externs::add_kconfig_map(&externs, &name, btf.as_ref(), &mut maps);
        struct_ops::collect(&elf, btf.as_ref(), &mut maps)?;
        legacy_map::collect(&elf, &mut maps)?;
        let mut code = code::collect(&elf, &maps, &externs)?;
        slots::collect(&elf, &values, &code, &mut maps)?;
        if let Some(btf) = &btf {
            struct_ops::collect_programs(&elf, btf, &code, &mut maps)?;
            exceptions::collect(btf, &mut code);
        }
        if let (Some(btf), Some(ext)) = (&btf, &btf_ext) {
            charge_relocations(&elf, btf, ext)?;
        }
        Ok(Object {
            license: elf.text_of("license"),
            kernel_version: elf.word_of("version"),
            endian: elf.endian,
            functions: code.functions,
            programs: code.programs,
            maps,
            externs,
            variables,
            section_sizes: elf.section_sizes()?,
            symbols: elf.data_symbols()?,
            name,
            btf,
            btf_ext,
        })
    }

    /// The ids of all programs, in the order of the file.
    pub fn program_ids(&self) -> impl ExactSizeIterator<Item = ProgramId> + use<> {
        (0..self.programs.len()).map(ProgramId)
    }

    /// The ids of all maps, in the order of [`maps`](Object::maps).
    pub fn map_ids(&self) -> impl ExactSizeIterator<Item = MapId> + use<> {
        (0..self.maps.len()).map(MapId)
    }

    /// The program of a name.
    #[doc(alias = "bpf_object__find_program_by_name")]
    pub fn program(&self, name: &str) -> Option<ProgramId> {
        self.programs.iter().position(|program| program.name == name).map(ProgramId)
    }

    /// The map of a name. A data map answers to its section's name too (`.rodata`).
    #[doc(alias = "bpf_object__find_map_by_name")]
    pub fn map(&self, name: &str) -> Option<MapId> {
        let by_section = |map: &Map| map.section.as_deref() == Some(name) && name.starts_with('.');
        self.maps.iter().position(|map| map.name == name).or_else(|| self.maps.iter().position(by_section)).map(MapId)
    }

    /// Makes a variable longer or shorter: one that is an array, and the last of its section (libbpf's `map_btf_datasec_resize`). What is
    /// added is zero; the object's types say so too when it is loaded.
    ///
    /// # Errors
    /// When there is no such variable, it is not the last or no array, or `size` is no whole number of elements.
    #[doc(alias = "bpf_map__set_value_size")]
    pub fn resize_variable(&mut self, name: &str, size: u32) -> Result<(), Error> {
        let fault = |what: &str| Error::Resize { variable: name.to_owned(), what: what.to_owned() };
        let btf = self.btf.as_ref().ok_or_else(|| fault("its object has no types"))?;
        let place = self.variables.iter().position(|variable| variable.name == name);
        let place = place.ok_or_else(|| fault("there is none of this name"))?;
        let Variable { map, offset, type_id, .. } = self.variables[place];
        let is_after = |other: &Variable| other.map == map && other.offset > offset;
        let held =
            self.maps.get_mut(map.0).filter(|map| matches!(map.kind, MapKind::Data | MapKind::Rodata | MapKind::Bss));
        let held = held.ok_or_else(|| fault("it is in no data section"))?;
        if self.variables.iter().any(is_after) {
            return Err(fault("others come after it in its section"));
        }
        let element = match btf.resolve(type_id).map(|t| t.data()) {
            Ok(purebpf_btf::TypeData::Array(array)) => btf.size_of(array.element).ok().filter(|element| *element > 0),
            _ => return Err(fault("it is no array")),
        };
        if element.is_none_or(|element| size == 0 || size % element != 0) {
            return Err(Error::Resize {
                variable: name.to_owned(),
                what: format!("{size} bytes are no whole elements of it"),
            });
        }
        let end = offset.checked_add(size).ok_or_else(|| fault("a map does not hold so much"))?;
        held.definition.value_size = end;
        if let Some(value) = &mut held.initial_value {
            value.truncate(end as usize);
        }
        self.variables[place].size = size;
        Ok(())
    }

    /// The function that a program begins with.
    pub fn function_of(&self, program: ProgramId) -> Option<&Function> {
        self.functions.get(self.programs.get(program.0)?.function.0)
    }
}

/// Linking tells what became of each CO-RE relocation, with its section and accessor string.
fn charge_relocations(elf: &elf::Elf<'_>, btf: &Btf, ext: &BtfExt) -> Result<(), Error> {
    for section in ext.core_relocations() {
        let name = btf.string(section.name).map_or(0, <[u8]>::len);
        for record in section.records() {
            elf.charge(name + record.access_str(btf).map_or(0, str::len))?;
        }
    }
    Ok(())
}

/// The name of an object: its file's, without folder, up to the first dot, at most 15 bytes.
fn object_name(file: &str) -> String {
    let file = file.rsplit('/').next().unwrap_or(file);
    let stem = file.split('.').next().unwrap_or(file);
    stem.char_indices().take_while(|(at, c)| at + c.len_utf8() <= 15).map(|(_, c)| c).collect()
}
