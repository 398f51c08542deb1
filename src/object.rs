//! The last phase: an object whose maps and programs are in the kernel.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use purebpf_attach::Link;
use purebpf_elf_loader::load;
use purebpf_elf_loader::load::RunningKernel;
use purebpf_elf_loader::object::{self, MapId, MapKind, ProgramId};

use crate::global::Section;
use crate::map::Memory;
use crate::open::{MapKey, ProgramKey, find_map, find_program, find_variable};
use crate::{Error, Global, Map, OpenObject, Program, Result};

/// An object that is loaded: its maps and programs live as long as this or any handle taken from
/// it.
///
/// Owns everything it needs, and is `Send` and `Sync`: keep it in a struct, share it in an `Arc`.
#[derive(Debug)]
#[doc(alias = "bpf_object")]
pub struct Object {
    description: object::Object,
    programs: Vec<Option<Program>>,
    maps: Vec<Option<Map>>,
    /// The live contents of data maps, by the map's id; mapped when first asked for.
    sections: Vec<std::sync::OnceLock<Arc<Section>>>,
    /// What the verifier said of each program that it was asked about.
    logs: Vec<Option<String>>,
    /// Keeps the object's BTF in the kernel, to which map and program information refers.
    _btf: Option<OwnedFd>,
}

impl Object {
    /// Opens an object file: parsed, nothing of it in the kernel yet.
    ///
    /// # Errors
    /// When the file cannot be read, is no BPF object, or is damaged.
    #[doc(alias = "bpf_object__open_file")]
    pub fn open(path: impl AsRef<Path>) -> Result<OpenObject> {
        OpenObject::from_file(path.as_ref())
    }

    /// Opens an object that is in memory, such as one embedded with `include_bytes!`. `name` is
    /// what its file would be called: its part before the first dot names the object.
    ///
    /// # Errors
    /// When it is no BPF object, or is damaged.
    #[doc(alias = "bpf_object__open_mem")]
    pub fn open_bytes(bytes: &[u8], name: &str) -> Result<OpenObject> {
        OpenObject::from_bytes(bytes, name, name.into())
    }

    pub(crate) fn new(description: object::Object, loaded: load::Loaded<RunningKernel>) -> Result<Object> {
        let mut maps = Vec::with_capacity(loaded.maps.len());
        let held = loaded.arenas.into_iter().zip(loaded.struct_ops).map(|held| match held {
            (Some(arena), _) => Memory::Arena(arena),
            (None, Some(value)) => Memory::StructOps(value),
            (None, None) => Memory::Nothing,
        });
        for (n, (fd, memory)) in loaded.maps.into_iter().zip(held).enumerate() {
            let Some(fd) = fd else {
                maps.push(None);
                continue;
            };
            let definition = &description.maps[n];
            let raw = purebpf_sys::map::Map::from_fd(fd).map_err(|cause| Error::Map {
                map: definition.name.clone(),
                cause,
                advice: None,
            })?;
            maps.push(Some(Map::new(&definition.name, MapId(n), definition.kind, raw, memory)));
        }
        let programs = loaded.programs.into_iter().enumerate().map(|(n, fd)| {
            let description = &description.programs[n];
            fd.map(|fd| Program::new(description, ProgramId(n), fd))
        });
        let programs = programs.collect();
        let sections = maps.iter().map(|_| std::sync::OnceLock::new()).collect();
        log::debug!("object '{}': loaded", description.name);
        Ok(Object { programs, maps, sections, description, logs: loaded.logs, _btf: loaded.btf })
    }

    /// The object as plain data, as it was when it was loaded.
    pub fn description(&self) -> &object::Object {
        &self.description
    }

    /// Its name.
    #[doc(alias = "bpf_object__name")]
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// A program.
    ///
    /// # Errors
    /// When there is none of this name or id, or it was not loaded.
    #[doc(alias = "bpf_object__find_program_by_name")]
    pub fn program(&self, key: impl ProgramKey) -> Result<Program> {
        let id = find_program(&self.description, &key)?;
        let missing = || Error::NotLoaded { kind: "program", name: key.describe() };
        self.programs.get(id.0).cloned().flatten().ok_or_else(missing)
    }

    /// What the verifier said of a program, if it was asked to ([`OpenObject::set_log_level`], [`OpenProgram::set_log_level`]).
    ///
    /// # Errors
    /// When there is no program of this name or id.
    ///
    /// [`OpenProgram::set_log_level`]: crate::OpenProgram::set_log_level
    #[doc(alias = "bpf_program__log_buf")]
    pub fn verifier_log(&self, key: impl ProgramKey) -> Result<Option<&str>> {
        let id = find_program(&self.description, &key)?;
        Ok(self.logs.get(id.0).and_then(Option::as_deref))
    }

    /// The programs that were loaded, in the order of the file.
    #[doc(alias = "bpf_object__next_program")]
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.programs.iter().flatten()
    }

    /// A map.
    ///
    /// # Errors
    /// When there is none of this name or id, or it was not created.
    #[doc(alias = "bpf_object__find_map_by_name")]
    pub fn map(&self, key: impl MapKey) -> Result<Map> {
        let id = find_map(&self.description, &key)?;
        let missing = || Error::NotLoaded { kind: "map", name: key.describe() };
        self.maps.get(id.0).cloned().flatten().ok_or_else(missing)
    }

    /// The maps that were created, in the order of the object.
    #[doc(alias = "bpf_object__next_map")]
    pub fn maps(&self) -> impl Iterator<Item = &Map> {
        self.maps.iter().flatten()
    }

    /// A global variable, live.
    ///
    /// # Errors
    /// When there is no global variable of this name.
    pub fn global(&self, name: &str) -> Result<Global> {
        let variable = find_variable(&self.description, name)?.clone();
        let map = self.map(variable.map)?;
        let section = match self.sections.get(variable.map.0) {
            Some(cell) => cell.get_or_init(|| Arc::new(Section::of(&map))).clone(),
            None => Arc::new(Section::of(&map)),
        };
        Ok(Global { variable, section, map })
    }

    /// Attaches every program whose section says to what, in the order of the file, and then puts every table of operations in
    /// use. Programs whose section does not say (`SEC("kprobe")`, `SEC("xdp")`) are left for [`Program`]'s methods, and
    /// so is what has `autoattach` off.
    ///
    /// # Errors
    /// When one cannot be attached; the others are detached again.
    #[doc(alias = "bpf_object__attach_skeleton")]
    pub fn attach(&self) -> Result<Vec<Link>> {
        let mut links = Vec::new();
        for program in self.programs() {
            let definition = program.program_id().and_then(|id| self.description.programs.get(id.0));
            if !definition.is_none_or(|definition| definition.autoattach) {
                continue;
            }
            match program.attach()? {
                Some(link) => links.push(link),
                None => log::debug!(
                    "program '{}': section '{}' does not say where to attach",
                    program.name(),
                    program.section()
                ),
            }
        }
        let tables = self.maps().filter(|map| map.kind() == Some(MapKind::StructOps));
        for table in tables {
            let definition = table.map_id().and_then(|id| self.description.maps.get(id.0));
            if definition.is_none_or(|definition| definition.autoattach) {
                links.push(table.attach_struct_ops()?);
            }
        }
        Ok(links)
    }

    /// Pins all maps that were created in a folder of a BPF file system, each under its name, in which dots become `_`: names
    /// with dots are the file system's own.
    ///
    /// # Errors
    /// When one cannot be pinned; the others are unpinned again.
    #[doc(alias = "bpf_object__pin_maps")]
    pub fn pin_maps(&self, folder: impl AsRef<Path>) -> Result<()> {
        let path = |map: &Map| folder.as_ref().join(map.name().replace('.', "_"));
        all_or_none(self.maps(), |map| map.pin(path(map)), |map| map.unpin(path(map)))
    }

    /// Removes the pins that [`pin_maps`](Object::pin_maps) makes.
    ///
    /// # Errors
    /// When one is not there, or something else is; the others are removed all the same.
    #[doc(alias = "bpf_object__unpin_maps")]
    pub fn unpin_maps(&self, folder: impl AsRef<Path>) -> Result<()> {
        all(self.maps(), |map| map.unpin(folder.as_ref().join(map.name().replace('.', "_"))))
    }

    /// Pins all maps and all programs, as [`pin_maps`](Object::pin_maps) and [`pin_programs`](Object::pin_programs) do.
    ///
    /// # Errors
    /// When one cannot be pinned; the others are unpinned again.
    #[doc(alias = "bpf_object__pin")]
    pub fn pin(&self, folder: impl AsRef<Path>) -> Result<()> {
        self.pin_maps(&folder)?;
        // The first fault is the one to tell.
        self.pin_programs(&folder).inspect_err(|_| _ = self.unpin_maps(&folder))
    }

    /// Removes the pins that [`pin`](Object::pin) makes.
    ///
    /// # Errors
    /// When one is not there, or something else is; the others are removed all the same.
    #[doc(alias = "bpf_object__unpin")]
    pub fn unpin(&self, folder: impl AsRef<Path>) -> Result<()> {
        let programs = self.unpin_programs(&folder);
        let maps = self.unpin_maps(&folder);
        programs.and(maps)
    }

    /// Pins all programs that were loaded in a folder of a BPF file system, each under its name.
    ///
    /// # Errors
    /// When one cannot be pinned; the others are unpinned again.
    #[doc(alias = "bpf_object__pin_programs")]
    pub fn pin_programs(&self, folder: impl AsRef<Path>) -> Result<()> {
        let path = |program: &Program| folder.as_ref().join(program.name());
        all_or_none(self.programs(), |program| program.pin(path(program)), |program| program.unpin(path(program)))
    }

    /// Removes the pins that [`pin_programs`](Object::pin_programs) makes.
    ///
    /// # Errors
    /// When one is not there, or something else is; the others are removed all the same.
    #[doc(alias = "bpf_object__unpin_programs")]
    pub fn unpin_programs(&self, folder: impl AsRef<Path>) -> Result<()> {
        all(self.programs(), |program| program.unpin(folder.as_ref().join(program.name())))
    }
}

/// Does something to all, or undoes what was done.
fn all_or_none<'a, T: 'a>(
    all: impl Iterator<Item = &'a T>,
    act: impl Fn(&T) -> Result<()>,
    undo: impl Fn(&T) -> Result<()>,
) -> Result<()> {
    let mut done = Vec::new();
    for one in all {
        if let Err(fault) = act(one) {
            // The first fault is the one to tell.
            done.into_iter().for_each(|one| _ = undo(one));
            return Err(fault);
        }
        done.push(one);
    }
    Ok(())
}

/// Does something to all; the first fault, if there is any.
fn all<'a, T: 'a>(all: impl Iterator<Item = &'a T>, act: impl Fn(&T) -> Result<()>) -> Result<()> {
    all.map(act).fold(Ok(()), Result::and)
}
