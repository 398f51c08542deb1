//! The first phase: an object that is open, and can be changed before it is loaded.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use purebpf_attach::section::SectionName;
use purebpf_btf::KernelBtf;
use purebpf_elf_loader::link::{Ksyms, Linker};
use purebpf_elf_loader::load::{self, RunningKernel};
use purebpf_elf_loader::object::{self, AttachBtf, MapId, ProgramId};
use purebpf_sys::uapi::{AttachType, ProgType};

use crate::global::GlobalMut;
use crate::{Error, Object, Result};

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

/// An object that was opened: parsed, nothing of it in the kernel.
///
/// It is a recipe. [`load`](OpenObject::load) leaves it as it is, so that after a failure, or for a
/// second instance, it can be changed and loaded again.
#[derive(Clone, Debug)]
pub struct OpenObject {
    object: object::Object,
    core_btf: Option<KernelBtf>,
    kconfig: Option<String>,
}

impl OpenObject {
    pub(crate) fn from_file(path: &Path) -> Result<OpenObject> {
        let bytes = read(path).map_err(|cause| Error::Read { path: path.to_owned(), cause })?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        OpenObject::from_bytes(&bytes, &name, path.to_owned())
    }

    pub(crate) fn from_bytes(bytes: &[u8], name: &str, path: PathBuf) -> Result<OpenObject> {
        let mut object = object::Object::open(bytes, name)
            .map_err(|cause| Error::Object { object: path.display().to_string(), cause: Box::new(cause) })?;
        for program in &mut object.programs {
            apply_section(program);
        }
        log::debug!(
            "object '{}': {} programs, {} maps, {} externs",
            object.name,
            object.programs.len(),
            object.maps.len(),
            object.externs.len()
        );
        Ok(OpenObject { object, core_btf: None, kconfig: None })
    }

    /// The object as plain data: everything in it may be looked at.
    pub fn description(&self) -> &object::Object {
        &self.object
    }

    /// The object as plain data: everything in it may be changed.
    pub fn description_mut(&mut self) -> &mut object::Object {
        &mut self.object
    }

    /// Its name.
    #[doc(alias = "bpf_object__name")]
    pub fn name(&self) -> &str {
        &self.object.name
    }

    /// A program, to be changed before the object is loaded.
    ///
    /// # Errors
    /// When there is none of this name or id.
    #[doc(alias = "bpf_object__find_program_by_name")]
    pub fn program_mut(&mut self, key: impl ProgramKey) -> Result<OpenProgram<'_>> {
        let id = find_program(&self.object, &key)?;
        Ok(OpenProgram { program: &mut self.object.programs[id.0] })
    }

    /// A map's definition, to be changed before the object is loaded.
    ///
    /// # Errors
    /// When there is none of this name or id.
    #[doc(alias = "bpf_object__find_map_by_name")]
    pub fn map_mut(&mut self, key: impl MapKey) -> Result<&mut object::Map> {
        let id = find_map(&self.object, &key)?;
        Ok(&mut self.object.maps[id.0])
    }

    /// A global variable, to be set before the object is loaded: the only time for those that are
    /// `const volatile` (`.rodata`).
    ///
    /// # Errors
    /// When there is no global variable of this name.
    pub fn global_mut(&mut self, name: &str) -> Result<GlobalMut<'_>> {
        let variable = find_variable(&self.object, name)?.clone();
        let Some((index, map)) = self.object.maps.iter_mut().enumerate().find(|(n, _)| *n == variable.map.0) else {
            return Err(Error::NotLoaded { kind: "map", name: name.to_owned() });
        };
        let unsupported = Error::Unsupported {
            kind: "variable",
            name: name.to_owned(),
            what: format!("lies outside map number {index}"),
        };
        let bytes = map.initial_bytes_mut(variable.offset, variable.size).ok_or(unsupported)?;
        let name = &self.object.variables.iter().find(|v| v.name == name).map_or("", |v| v.name.as_str());
        Ok(GlobalMut { name, bytes })
    }

    /// The programs' ids, in the order of the file.
    pub fn program_ids(&self) -> impl ExactSizeIterator<Item = ProgramId> + use<> {
        self.object.program_ids()
    }

    /// Relocates CO-RE to these types instead of the running kernel's own, which a kernel built without
    /// `CONFIG_DEBUG_INFO_BTF` does not bring: see [`kernel::btf_file`](crate::kernel::btf_file). What programs attach to and
    /// what externs name is looked for in the running kernel's types all the same.
    #[doc(alias = "btf_custom_path")]
    pub fn set_core_btf(&mut self, types: KernelBtf) -> &mut Self {
        self.core_btf = Some(types);
        self
    }

    /// Values of the kernel's configuration, for externs in `.kconfig` (`extern int CONFIG_HZ __kconfig`): lines such as
    /// `CONFIG_HZ=250`, as in `/boot/config-*`. They come before those of the running kernel, which is only asked for what they
    /// lack: in `/boot/config-$(uname -r)`, else in `/proc/config.gz`.
    ///
    /// ```no_run
    /// let mut open = purebpf::Object::open("biosnoop.bpf.o")?;
    /// open.set_kconfig("CONFIG_HZ=250\nCONFIG_DEFAULT_HOSTNAME=\"(none)\"\n");
    /// let object = open.load()?;
    /// # Ok::<(), purebpf::Error>(())
    /// ```
    #[doc(alias = "kconfig")]
    pub fn set_kconfig(&mut self, text: impl Into<String>) -> &mut Self {
        self.kconfig = Some(text.into());
        self
    }

    /// Links all programs against a kernel's types, loading nothing: see
    /// [`Linker`](purebpf_elf_loader::link::Linker).
    pub fn linker(&self, kernel: Option<&KernelBtf>, ksyms: &dyn Ksyms) -> Linker<'_> {
        Linker::new(&self.object, kernel, ksyms)
    }

    /// Relocates the programs to the kernel, creates the maps, and has the programs verified.
    ///
    /// On failure nothing is left in the kernel and this object is as it was: turn off what the
    /// kernel lacks and load again.
    ///
    /// # Errors
    /// When the kernel refuses a map or program, or lacks something that the object needs. A
    /// rejected program's error shows the verifier's reason.
    #[doc(alias = "bpf_object__load")]
    pub fn load(&self) -> Result<Object> {
        self.prepare()?.load()
    }

    /// The first half of [`load`](OpenObject::load): maps are created and programs linked, none
    /// of which is verified yet.
    ///
    /// # Errors
    /// As [`load`](OpenObject::load), but for the verifier's.
    #[doc(alias = "bpf_object__prepare")]
    pub fn prepare(&self) -> Result<PreparedObject> {
        let mut object = self.object.clone();
        for program in object.programs.iter_mut().filter(|program| program.autoload) {
            if program.prog_type == ProgType::UNSPEC {
                log::warn!(
                    "program '{}': section '{}' does not say what type it is; not loaded unless its type is set",
                    program.name,
                    program.section
                );
                program.autoload = false;
            }
        }
        let mut options = load::Options::default();
        options.core_btf.clone_from(&self.core_btf);
        options.kconfig.clone_from(&self.kconfig);
        let kernel = RunningKernel::new();
        let prepared = load::prepare(&object, kernel, options).map_err(|cause| fault(&object, cause))?;
        for warning in prepared.warnings() {
            log::warn!("object '{}': {warning}", object.name);
        }
        Ok(PreparedObject { object, prepared })
    }
}

fn fault(object: &object::Object, cause: purebpf_elf_loader::Error) -> Error {
    Error::Object { object: object.name.clone(), cause: Box::new(cause) }
}

/// An object whose maps are in the kernel, and whose programs are not yet.
#[derive(Debug)]
pub struct PreparedObject {
    object: object::Object,
    prepared: load::Prepared<RunningKernel>,
}

impl PreparedObject {
    /// Has the programs verified.
    ///
    /// # Errors
    /// When the kernel refuses one; its error shows the verifier's reason.
    pub fn load(self) -> Result<Object> {
        let loaded = self.prepared.load(&self.object).map_err(|cause| fault(&self.object, cause))?;
        Object::new(self.object, loaded)
    }
}

/// The largest file that is taken for an object: more than any has, and less than memory, for files without an end.
const MAX_FILE: u64 = 1 << 29;

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let size = file.metadata()?.len().min(MAX_FILE);
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > MAX_FILE {
        true => {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("more than {MAX_FILE} bytes, as no object has")))
        }
        false => Ok(bytes),
    }
}

/// Fills in what a program's section says of its type.
fn apply_section(program: &mut object::Program) {
    let Some(section) = SectionName::parse(&program.section) else { return };
    let attributes = match section.load_attributes() {
        Ok(attributes) => attributes,
        Err(err) => {
            // Kept with its type, so that its target can be set by hand; loading says what is missing.
            log::warn!("program '{}': section '{}': {err}", program.name, program.section);
            program.prog_type = section.def.prog_type;
            program.expected_attach_type = section.def.expected_attach_type;
            return;
        }
    };
    program.prog_type = attributes.prog_type;
    program.expected_attach_type = attributes.expected_attach_type;
    program.attach_type_optional = attributes.expected_attach_type_optional;
    program.flags = attributes.prog_flags.bits();
    program.attach_btf = attributes.attach_btf.filter(|target| !target.in_program).map(|target| AttachBtf {
        name: target.type_name(),
        kind: target.kind,
        module: target.module.map(str::to_owned),
    });
}

/// A program of an open object.
#[derive(Debug)]
pub struct OpenProgram<'a> {
    program: &'a mut object::Program,
}

impl OpenProgram<'_> {
    /// Its name.
    #[doc(alias = "bpf_program__name")]
    pub fn name(&self) -> &str {
        &self.program.name
    }

    /// Its section's name, without a leading `?`.
    #[doc(alias = "bpf_program__section_name")]
    pub fn section(&self) -> &str {
        &self.program.section
    }

    /// Whether it is loaded with the object.
    #[doc(alias = "bpf_program__autoload")]
    pub fn autoload(&self) -> bool {
        self.program.autoload
    }

    /// Sets whether it is loaded with the object.
    #[doc(alias = "bpf_program__set_autoload")]
    pub fn set_autoload(&mut self, autoload: bool) -> &mut Self {
        self.program.autoload = autoload;
        self
    }

    /// Whether [`Object::attach`] attaches it.
    #[doc(alias = "bpf_program__autoattach")]
    pub fn autoattach(&self) -> bool {
        self.program.autoattach
    }

    /// Sets whether [`Object::attach`] attaches it.
    #[doc(alias = "bpf_program__set_autoattach")]
    pub fn set_autoattach(&mut self, autoattach: bool) -> &mut Self {
        self.program.autoattach = autoattach;
        self
    }

    /// Its type.
    #[doc(alias = "bpf_program__type")]
    pub fn prog_type(&self) -> ProgType {
        self.program.prog_type
    }

    /// Sets its type and the attach type that it is verified for.
    #[doc(alias = "bpf_program__set_type")]
    #[doc(alias = "bpf_program__set_expected_attach_type")]
    pub fn set_type(&mut self, prog_type: ProgType, expected_attach_type: Option<AttachType>) -> &mut Self {
        self.program.prog_type = prog_type;
        self.program.expected_attach_type = expected_attach_type;
        self
    }

    /// Sets what in the kernel's BTF it attaches to.
    #[doc(alias = "bpf_program__set_attach_target")]
    pub fn set_attach_btf(&mut self, target: Option<AttachBtf>) -> &mut Self {
        self.program.attach_btf = target;
        self
    }
}
