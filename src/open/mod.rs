//! The first phase: an object that is open, and can be changed before it is loaded.

mod keys;
mod program;
mod struct_ops;
mod token;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use purebpf_btf::KernelBtf;
use purebpf_elf_loader::link::{Ksyms, Linker};
use purebpf_elf_loader::load::{self, RunningKernel};
use purebpf_elf_loader::object::{self, MapId, ProgramId};
use purebpf_sys::uapi::ProgType;

use crate::global::GlobalMut;
use crate::{Error, Object, Program, Result};

pub use keys::{MapKey, ProgramKey};
pub use program::OpenProgram;
pub use struct_ops::StructOpsMut;

pub(crate) use keys::{find_map, find_program, find_variable};
use program::apply_section;
use token::TokenSource;

/// An object that was opened: parsed, nothing of it in the kernel.
///
/// It is a recipe. [`load`](OpenObject::load) leaves it as it is, so that after a failure, or for a
/// second instance, it can be changed and loaded again.
#[derive(Clone, Debug)]
pub struct OpenObject {
    object: object::Object,
    core_btf: Option<KernelBtf>,
    kconfig: Option<String>,
    log_level: u32,
    threads: usize,
    pin_root: Option<PathBuf>,
    token: TokenSource,
    /// Maps that are there already.
    maps: HashMap<MapId, Arc<OwnedFd>>,
    /// Maps like those that others are to hold.
    inner_maps: HashMap<MapId, Arc<OwnedFd>>,
    /// Programs that others attach to.
    targets: HashMap<ProgramId, Arc<OwnedFd>>,
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
        Ok(OpenObject {
            object,
            core_btf: None,
            kconfig: None,
            log_level: 0,
            threads: 0,
            pin_root: None,
            token: TokenSource::from_environment(),
            maps: HashMap::new(),
            inner_maps: HashMap::new(),
            targets: HashMap::new(),
        })
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
        Ok(OpenProgram { id, program: &mut self.object.programs[id.0], targets: &mut self.targets })
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

    /// A table of operations (struct_ops), to be changed before the object is loaded.
    ///
    /// # Errors
    /// When there is no map of this name or id, or it is no such table.
    #[doc(alias = "bpf_map__initial_value")]
    pub fn struct_ops_mut(&mut self, key: impl MapKey) -> Result<StructOpsMut<'_>> {
        let id = find_map(&self.object, &key)?;
        StructOpsMut::new(&mut self.object, id)
    }

    /// Uses a map that is there already instead of creating this one. Whether it is what the programs need, the verifier sees.
    ///
    /// # Errors
    /// When there is no map of this name or id, what is given is none, or there are no descriptors left.
    #[doc(alias = "bpf_map__reuse_fd")]
    pub fn reuse_map(&mut self, key: impl MapKey, map: impl AsFd) -> Result<&mut Self> {
        let id = find_map(&self.object, &key)?;
        self.maps.insert(id, self.copy_of_map(id, map.as_fd())?);
        Ok(self)
    }

    /// Has a map of maps hold maps like this one, instead of what it is declared to hold.
    ///
    /// # Errors
    /// As [`reuse_map`](OpenObject::reuse_map).
    #[doc(alias = "bpf_map__set_inner_map_fd")]
    pub fn set_inner_map(&mut self, key: impl MapKey, like: impl AsFd) -> Result<&mut Self> {
        let id = find_map(&self.object, &key)?;
        self.inner_maps.insert(id, self.copy_of_map(id, like.as_fd())?);
        Ok(self)
    }

    fn copy_of_map(&self, id: MapId, map: BorrowedFd<'_>) -> Result<Arc<OwnedFd>> {
        let fault = |cause| Error::Map { map: self.object.maps[id.0].name.clone(), cause, advice: None };
        purebpf_sys::info::map_info(map).map_err(fault)?;
        let copy = map.try_clone_to_owned();
        let copy = copy.map_err(|cause| fault(purebpf_sys::Error::File { path: "file descriptor".into(), cause }))?;
        Ok(Arc::new(copy))
    }

    /// Has a map be used by one program alone (Linux 6.18), which the kernel knows by the hash of its instructions.
    ///
    /// # Errors
    /// When there is no map or program of this name or id.
    #[doc(alias = "bpf_map__set_exclusive_program")]
    pub fn set_exclusive_program(&mut self, map: impl MapKey, program: impl ProgramKey) -> Result<&mut Self> {
        let (map, program) = (find_map(&self.object, &map)?, find_program(&self.object, &program)?);
        self.object.maps[map.0].exclusive_program = Some(program);
        Ok(self)
    }

    /// The folder of maps that are pinned by their name (`__uint(pinning, LIBBPF_PIN_BY_NAME)`), instead of `/sys/fs/bpf`.
    #[doc(alias = "pin_root_path")]
    pub fn set_pin_root(&mut self, folder: impl Into<PathBuf>) -> &mut Self {
        self.pin_root = Some(folder.into());
        self
    }

    /// Level of the verifier's log for programs that set none. From 1 on it is kept of programs that load, too:
    /// [`Object::verifier_log`](crate::Object::verifier_log).
    #[doc(alias = "kernel_log_level")]
    pub fn set_log_level(&mut self, level: u32) -> &mut Self {
        self.log_level = level;
        self
    }

    /// By how many threads programs are verified. Unless told otherwise (or with 0), by as many as there are CPUs for this process if
    /// the object is large (4096 instructions or more, of all programs), else by one.
    pub fn set_threads(&mut self, threads: usize) -> &mut Self {
        self.threads = threads;
        self
    }

    /// Loads the object by the rights that were delegated to a BPF file system (BPF token, Linux 6.9), mounted at this path.
    /// Without that, those of `/sys/fs/bpf` are used if there are any, or of the path in the environment's
    /// `LIBBPF_BPF_TOKEN_PATH`.
    #[doc(alias = "bpf_token_path")]
    pub fn set_token_path(&mut self, bpffs: impl Into<PathBuf>) -> &mut Self {
        self.token = TokenSource::Path(bpffs.into());
        self
    }

    /// Loads the object by the process's own rights alone, whatever is delegated.
    pub fn without_token(&mut self) -> &mut Self {
        self.token = TokenSource::None;
        self
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

    /// Makes a global variable longer or shorter: one that is an array, and the last of its section. What is added is zero.
    ///
    /// # Errors
    /// When there is no such variable, it is no such array, or `size` (in bytes) is no whole number of elements.
    #[doc(alias = "bpf_map__set_value_size")]
    pub fn resize_global(&mut self, name: &str, size: usize) -> Result<&mut Self> {
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        self.object.resize_variable(name, size).map_err(|cause| fault(&self.object, cause))?;
        Ok(self)
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
        let copy =
            |fd: &Arc<OwnedFd>| fd.try_clone().map_err(|cause| Error::Read { path: "file descriptor".into(), cause });
        let mut options = load::Options::default();
        options.core_btf.clone_from(&self.core_btf);
        options.kconfig.clone_from(&self.kconfig);
        options.log_level = self.log_level;
        options.threads = self.threads;
        options.pin_root.clone_from(&self.pin_root);
        options.maps = self.maps.iter().map(|(id, fd)| Ok((*id, copy(fd)?))).collect::<Result<_>>()?;
        options.attach_programs = self.targets.iter().map(|(id, fd)| Ok((*id, copy(fd)?))).collect::<Result<_>>()?;
        options.inner_maps = self.inner_maps.iter().map(|(id, fd)| Ok((*id, copy(fd)?))).collect::<Result<_>>()?;
        let kernel = self.token.open()?.map_or_else(RunningKernel::new, RunningKernel::with_token);
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

/// An object whose maps are in the kernel, and whose programs are not yet. Dropped instead of loaded, it takes its maps with it, but
/// for those that it pinned by their name.
#[derive(Debug)]
pub struct PreparedObject {
    object: object::Object,
    prepared: load::Prepared<RunningKernel>,
}

impl PreparedObject {
    /// Loads one program, as often as wanted, while the others wait.
    ///
    /// # Errors
    /// When there is none of this name or id that is to be loaded, or the kernel refuses it.
    #[doc(alias = "bpf_program__clone")]
    pub fn load_one(&self, key: impl ProgramKey) -> Result<Program> {
        let id = find_program(&self.object, &key)?;
        if self.prepared.linked(id).is_none() {
            return Err(Error::NotLoaded { kind: "program", name: key.describe() });
        }
        let fd = self.prepared.load_one(&self.object, id).map_err(|cause| fault(&self.object, cause))?;
        Ok(Program::new(&self.object.programs[id.0], id, fd))
    }

    /// Has the programs verified.
    ///
    /// # Errors
    /// When the kernel refuses one; its error shows the verifier's reason.
    pub fn load(self) -> Result<Object> {
        let mut loaded = self.prepared.load(&self.object).map_err(|cause| fault(&self.object, cause))?;
        let pins = std::mem::take(&mut loaded.pins);
        // A load that fails leaves nothing, at whichever step.
        Object::new(self.object, loaded).inspect_err(|_| pins.iter().for_each(|pin| _ = fs::remove_file(pin)))
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
