//! The third floor: an object goes into a kernel.
//!
//! [`prepare`] brings in what programs refer to: the object's BTF, trimmed to what the kernel knows, and its maps.
//! [`Prepared::load`] fills the references in and has the programs verified. Both ask a [`Kernel`], a trait with three
//! users: the running kernel ([`RunningKernel`]), one that only notes what it would be asked ([`DryKernel`]), and one that
//! fails at a chosen call ([`FailNth`]).
//!
//! What is created is held by the values that come back, and is gone with them: whichever call fails, nothing is left.
//!
//! ```no_run
//! use purebpf_elf_loader::{load::{self, DryKernel, Options}, object::Object};
//!
//! let object = Object::open(&std::fs::read("program.bpf.o")?, "program")?;
//! // What would be asked of a kernel that can do everything, in that order.
//! let kernel = DryKernel::new(None);
//! load::prepare(&object, kernel.clone(), Options::default())?.load(&object)?;
//! for call in kernel.calls() {
//!     println!("{call:?}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arg_ctx;
mod attach_target;
mod btf;
mod dry;
mod fail;
mod kconfig;
mod kernel;
mod layer;
mod map_rules;
mod maps;
mod modules;
mod programs;
mod report;
mod running;
mod session;
mod struct_ops;

pub use dry::{Call, DryHandle, DryKernel};
pub use fail::FailNth;
pub use kernel::{Kernel, KernelConfig, Log, MapFacts, MapSpec, ProgSpec};
pub use layer::{HandleOf, Layer, MemoryOf};
pub use map_rules::explain_map_create;
pub use maps::Arena;
pub use report::{PathLine, Rejection, SourceLine};
pub use running::{RunningKernel, running_kernel_btf};

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use purebpf_btf::{KernelBtf, TypeId};
use purebpf_sys::probes::Feature;

use crate::Error;
use crate::link::externs::with_nearest_symbols;
use crate::link::{CoreRelocation, Kallsyms, Linked, Linker, StreamValue};
use crate::object::{ExternKind, Map, MapId, Object, ProgramId};
use attach_target::Target;
use maps::Maps;
use modules::Modules;
use session::Session;
use struct_ops::Table;

/// Where maps that are pinned by their name are, unless a load is told another folder.
#[doc(alias = "BPF_FS_DEFAULT_PATH")]
pub const PIN_ROOT: &str = "/sys/fs/bpf";

/// How an object is to be loaded into a kernel with handles `H`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options<H> {
    /// Types to relocate CO-RE to, for a kernel that does not bring its own. What programs attach to and what externs name is
    /// looked for in the kernel's own types all the same: ids of any others mean something else to it.
    #[doc(alias = "btf_custom_path")]
    pub core_btf: Option<KernelBtf>,
    /// Values of the kernel's configuration, as its own file has them (`CONFIG_NAME=value` lines): they come before those of the
    /// running kernel, which is only asked for what they lack.
    pub kconfig: Option<String>,
    /// Level of the verifier's log, of programs that set none: what it says of those that it takes is in [`Loaded::logs`]. With 0,
    /// a log is asked for only of a program that was refused, for the error.
    #[doc(alias = "kernel_log_level")]
    pub log_level: u32,
    /// By how many threads programs are verified; with 0, by as many as [`Kernel::parallelism`] says if they have 4096 instructions
    /// or more together, else by one.
    pub threads: usize,
    /// The folder of maps that are pinned by their name; [`PIN_ROOT`] if none is given.
    #[doc(alias = "pin_root_path")]
    pub pin_root: Option<PathBuf>,
    /// Maps that exist already, to be used instead of new ones. Whether they are what programs need, the verifier sees.
    #[doc(alias = "bpf_map__reuse_fd")]
    pub maps: Vec<(MapId, H)>,
    /// Maps like those that maps of maps are to hold, instead of ones that are made for the purpose as declared.
    #[doc(alias = "bpf_map__set_inner_map_fd")]
    pub inner_maps: Vec<(MapId, H)>,
    /// Loaded programs in whose types programs find what they attach to, instead of the kernel's.
    #[doc(alias = "attach_prog_fd")]
    pub attach_programs: Vec<(ProgramId, H)>,
}

impl<H> Default for Options<H> {
    fn default() -> Self {
        Options {
            core_btf: None,
            kconfig: None,
            log_level: 0,
            threads: 0,
            pin_root: None,
            maps: Vec::new(),
            inner_maps: Vec::new(),
            attach_programs: Vec::new(),
        }
    }
}

/// An object whose maps exist, and whose programs are linked but not verified.
#[derive(Debug)]
pub struct Prepared<K: Kernel> {
    session: Session<K>,
    btf: Option<K::Handle>,
    maps: Maps<K>,
    programs: Vec<Option<Linked>>,
    /// What programs attach to, by their id.
    targets: HashMap<usize, Target>,
    attach_programs: HashMap<usize, K::Handle>,
    modules: Modules<K>,
    tables: Vec<Option<Table>>,
    kernel_btf: Option<KernelBtf>,
    core: Vec<CoreRelocation>,
    warnings: Vec<String>,
    /// Why the kernel refused the object's BTF, if it did.
    btf_refused: Option<String>,
    log_level: u32,
    threads: usize,
}

/// An object that is loaded: descriptors by [`MapId`] and [`ProgramId`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Loaded<K: Kernel> {
    /// The maps; `None` for those with `autocreate` off.
    pub maps: Vec<Option<K::Handle>>,
    /// Those that are arenas, mapped.
    pub arenas: Vec<Option<Arena<K::Memory>>>,
    /// Values of those that are tables of operations: written to the map, a table is put in use.
    pub struct_ops: Vec<Option<Vec<u8>>>,
    /// The programs; `None` for those with `autoload` off.
    pub programs: Vec<Option<K::Handle>>,
    /// What the verifier said of each program, if it was asked to.
    pub logs: Vec<Option<String>>,
    /// The object's BTF, if the kernel took it.
    pub btf: Option<K::Handle>,
    /// What was pinned.
    pub pins: Vec<PathBuf>,
    /// What went otherwise than it should and hurt nobody.
    pub warnings: Vec<String>,
}

/// Links the programs that are to be loaded, and creates the maps.
///
/// # Errors
/// When a program cannot be linked against the kernel's types, an extern is missing, what a program attaches to is, or the
/// kernel refuses a map. Nothing is left in the kernel then.
#[doc(alias = "bpf_object__prepare")]
pub fn prepare<K: Kernel>(object: &Object, kernel: K, options: Options<K::Handle>) -> Result<Prepared<K>, Error> {
    if object.endian != purebpf_btf::raw::Endian::NATIVE {
        return Err(Error::ForeignEndian { endian: object.endian });
    }
    let mut session = Session::new(kernel);
    let kernel = &session.kernel;
    let wanted = struct_ops::wanted_programs(object);
    let attach_programs: HashMap<usize, K::Handle> =
        options.attach_programs.into_iter().map(|(id, handle)| (id.0, handle)).collect();
    // What needs none goes without.
    let mut no_types = None;
    let is_needed = needs_kernel_btf(object, &wanted, &attach_programs, options.core_btf.is_some());
    let kernel_btf = match is_needed {
        true => kernel.kernel_btf().map_err(|why| no_types = Some(why)).ok(),
        false => None,
    };
    let core_btf = options.core_btf.as_ref().or(kernel_btf.as_ref());
    let ksyms = match object.externs.iter().any(|ext| ext.kind == ExternKind::Ksym) {
        true => Kallsyms::parse(&kernel.kallsyms().map_err(|why| Error::NoKallsyms { why })?, object),
        false => Kallsyms::default(),
    };
    let mut linker = Linker::with_core_btf(object, core_btf, kernel_btf.as_ref(), &ksyms);
    if object.maps.iter().any(|map| map.is_arena() && map.initial_value.is_some()) {
        linker.place_arena_variables(kernel.supports(Feature::Ldimm64FullRangeOff), kernel.page_size());
    }
    let mut warnings = linker.warnings().to_vec();
    let mut programs = Vec::with_capacity(object.programs.len());
    for (id, wanted) in object.program_ids().zip(&wanted) {
        let linked = wanted.then(|| linker.link(id)).transpose();
        programs.push(linked.map_err(|error| match (error, &no_types) {
            (Error::NoKernelBtf { .. }, Some(why)) => Error::NoKernelBtf { why: why.clone() },
            (error, _) => with_nearest_symbols(error, || kernel.kallsyms().ok()),
        })?);
    }
    if let Some(why) = &no_types {
        if needs_kernel_btf_itself(object, &wanted, &attach_programs) {
            return Err(Error::NoKernelBtf { why: why.clone() });
        }
        warnings.push(format!("there are no kernel types, and nothing to be loaded seems to need them: {why}"));
    }
    let tables = struct_ops::tables(object, kernel_btf.as_ref())?;
    let mut targets = struct_ops::targets(object, &tables)?;
    for (n, program) in object.programs.iter().enumerate().filter(|(n, _)| wanted.get(*n) == Some(&true)) {
        if let Some(target) = attach_target::find(program, kernel, kernel_btf.as_ref(), attach_programs.get(&n))? {
            targets.insert(n, target);
        }
    }
    let modules = Modules::open(kernel, kernel_btf.as_ref(), modules_of(&programs, &targets, &tables))?;
    let config = kconfig::values(object, kernel, &programs, options.kconfig.as_deref())?;
    let core = linker.core_relocations().to_vec();
    let mut btf_refused = None;
    let btf = btf::load(object, kernel, &mut programs, &mut btf_refused)?;
    warnings.extend(btf_refused.iter().map(|why| format!("going on without types: {why}")));
    let hash = |map: &Map| exclusive_hash(object, map, kernel, &programs, &modules);
    let inputs = maps::Inputs {
        object,
        kernel,
        btf: btf.as_ref(),
        config: &config,
        tables: &tables,
        modules: &modules,
        hash: &hash,
        inner_maps: &options.inner_maps,
        pin_root: options.pin_root.as_deref().unwrap_or(Path::new(PIN_ROOT)),
    };
    let maps = maps::create_all(&inputs, options.maps, &session.pins, &mut warnings)?;
    session.keep_pins();
    Ok(Prepared {
        session,
        btf,
        maps,
        programs,
        targets,
        attach_programs,
        modules,
        tables,
        kernel_btf,
        core,
        warnings,
        btf_refused,
        log_level: options.log_level,
        threads: options.threads,
    })
}

/// Whether anything that is to be loaded asks for the kernel's own types.
fn needs_kernel_btf<H>(object: &Object, wanted: &[bool], to: &HashMap<usize, H>, has_core_btf: bool) -> bool {
    let has_relocations = object.btf_ext.as_ref().is_some_and(|ext| ext.core_relocations().next().is_some());
    let has_typed = object.externs.iter().any(|ext| ext.kind.is_typed());
    (has_relocations && !has_core_btf) || has_typed || needs_kernel_btf_itself(object, wanted, to)
}

/// Whether something is to be loaded that attaches to the kernel's types, of which no file's can take the place.
fn needs_kernel_btf_itself<H>(object: &Object, wanted: &[bool], to: &HashMap<usize, H>) -> bool {
    let programs = object.programs.iter().enumerate();
    let mut attached = programs
        .filter(|(n, program)| wanted.get(*n) == Some(&true) && program.attach_btf.is_some() && !to.contains_key(n));
    attached.next().is_some() || object.maps.iter().any(|map| map.autocreate && map.struct_ops.is_some())
}

/// The modules whose BTF objects a load refers to.
fn modules_of<'a>(
    programs: &'a [Option<Linked>],
    targets: &'a HashMap<usize, Target>,
    tables: &'a [Option<Table>],
) -> impl Iterator<Item = usize> + 'a {
    let references = programs.iter().flatten().flat_map(|linked| &linked.references);
    let of_references = references.filter_map(|reference| match reference.value {
        StreamValue::BtfId { module, .. } | StreamValue::Kfunc { module, .. } => module,
        _ => None,
    });
    let of_targets = targets.values().filter_map(|target| target.module);
    of_references.chain(of_targets).chain(tables.iter().flatten().filter_map(|table| table.module))
}

/// The hash of the program that a map is exclusive to.
fn exclusive_hash<K: Kernel>(
    object: &Object,
    map: &Map,
    kernel: &K,
    programs: &[Option<Linked>],
    modules: &Modules<K>,
) -> Result<Option<[u8; 32]>, Error> {
    let Some(program) = map.exclusive_program else { return Ok(None) };
    let Some(linked) = programs.get(program.0).and_then(Option::as_ref) else {
        let name = object.programs.get(program.0).map_or("?", |program| program.name.as_str());
        let what = format!("is for program '{name}' alone, which is not to be loaded");
        return Err(Error::MapDefinition { map: map.name.clone(), what });
    };
    // The kernel hashes what it is given before it looks up what maps are called, and leaves that out.
    let number = |value| match value {
        StreamValue::Map(id) | StreamValue::MapValue(id) => {
            object.maps.get(id.0).filter(|map| map.autocreate).map(|_| 0)
        }
        _ => Some(0),
    };
    programs::Stream::assemble(kernel, linked, number, modules).map(|stream| Some(stream.hash()))
}

impl<K: Kernel> Prepared<K> {
    /// What went otherwise than it should and hurt nobody.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The stream of a program, if it is to be loaded.
    pub fn linked(&self, program: ProgramId) -> Option<&Linked> {
        self.programs.get(program.0)?.as_ref()
    }

    /// The maps that were created, by their id.
    pub fn maps(&self) -> &[Option<K::Handle>] {
        &self.maps.handles
    }

    /// Loads one program, as often as wanted; `object` is the one that was prepared, and may have been changed since in what it says
    /// of the program's flags, device and log.
    ///
    /// # Errors
    /// When the kernel refuses it, or it was not to be loaded.
    #[doc(alias = "bpf_program__clone")]
    pub fn load_one(&self, object: &Object, program: ProgramId) -> Result<K::Handle, Error> {
        let linked = self.linked(program).ok_or(Error::NoSuch { what: "program to be loaded", index: program.0 })?;
        Ok(self.load_program(object, program, linked)?.handle)
    }

    /// Has the programs verified. `object` is the one that was prepared.
    ///
    /// # Errors
    /// When the kernel refuses a program: [`Error::Rejected`] if it was the verifier. When `object` has other programs or
    /// maps than the one that was prepared. Nothing is left in the kernel then, and no pin that was made for it (a folder that was
    /// made for one stays).
    #[doc(alias = "bpf_object__load")]
    pub fn load(mut self, object: &Object) -> Result<Loaded<K>, Error> {
        self.session.give_back_pins();
        let verified = self.load_programs(object)?;
        let (programs, logs): (Vec<_>, Vec<_>) = verified
            .into_iter()
            .map(|verified| verified.map_or((None, None), |verified| (Some(verified.handle), verified.log)))
            .unzip();
        let kernel = &self.session.kernel;
        maps::fill_program_slots(object, kernel, &self.maps.handles, &programs)?;
        let number = |id: ProgramId| programs.get(id.0)?.as_ref().map(|handle| kernel.number(handle));
        let struct_ops = self.tables.iter().map(|table| Some(table.as_ref()?.complete(number))).collect();
        self.session.keep_pins();
        Ok(Loaded {
            maps: self.maps.handles,
            arenas: self.maps.arenas,
            struct_ops,
            programs,
            logs,
            btf: self.btf,
            pins: self.session.pins.take(),
            warnings: self.warnings,
        })
    }
}

/// A type found in a kernel's BTF.
#[derive(Clone, Copy, Debug)]
struct KernelType {
    id: TypeId,
    /// The module in [`KernelBtf::modules`]; `None` for vmlinux.
    module: Option<usize>,
}
