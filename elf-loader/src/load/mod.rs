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

mod btf;
mod dry;
mod kconfig;
mod kernel;
mod map_rules;
mod maps;
mod programs;
mod report;
mod running;
mod unsupported;

pub use dry::{Call, DryHandle, DryKernel, FailNth};
pub use kernel::{Kernel, KernelConfig, Log, MapSpec, ProgSpec};
pub use map_rules::explain_map_create;
pub use report::{PathLine, Rejection, SourceLine};
pub use running::{RunningKernel, running_kernel_btf};

use purebpf_btf::{KernelBtf, TypeId};

use crate::Error;
use crate::link::externs::with_nearest_symbols;
use crate::link::{CoreRelocation, Kallsyms, Linked, Linker};
use crate::object::{ExternKind, Object, ProgramId};

/// How an object is to be loaded.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Types to relocate CO-RE to, for a kernel that does not bring its own. What programs attach to and what externs name is
    /// looked for in the kernel's own types all the same: ids of any others mean something else to it.
    #[doc(alias = "btf_custom_path")]
    pub core_btf: Option<KernelBtf>,
    /// Values of the kernel's configuration, as its own file has them (`CONFIG_NAME=value` lines): they come before those of the
    /// running kernel, which is only asked for what they lack.
    pub kconfig: Option<String>,
    /// Level of the verifier's log in the error of a rejected program: 1 if 0.
    pub log_level: u32,
}

/// An object whose maps exist, and whose programs are linked but not verified.
#[derive(Debug)]
pub struct Prepared<K: Kernel> {
    kernel: K,
    btf: Option<K::Handle>,
    maps: Vec<Option<K::Handle>>,
    programs: Vec<Option<Linked>>,
    kernel_btf: Option<KernelBtf>,
    core: Vec<CoreRelocation>,
    warnings: Vec<String>,
    /// Why the kernel refused the object's BTF, if it did.
    btf_refused: Option<String>,
    log_level: u32,
}

/// An object that is loaded: descriptors by [`MapId`](crate::object::MapId) and [`ProgramId`].
#[derive(Debug)]
pub struct Loaded<K: Kernel> {
    /// The maps; `None` for those with `autocreate` off.
    pub maps: Vec<Option<K::Handle>>,
    /// The programs; `None` for those with `autoload` off.
    pub programs: Vec<Option<K::Handle>>,
    /// The object's BTF, if the kernel took it.
    pub btf: Option<K::Handle>,
    /// What went otherwise than it should and hurt nobody.
    pub warnings: Vec<String>,
}

/// Links the programs that are to be loaded, and creates the maps.
///
/// # Errors
/// When a program cannot be linked against the kernel's types, an extern is missing, or the kernel refuses a map. Nothing
/// is left in the kernel then.
#[doc(alias = "bpf_object__prepare")]
pub fn prepare<K: Kernel>(object: &Object, kernel: K, options: Options) -> Result<Prepared<K>, Error> {
    if object.endian != purebpf_btf::raw::Endian::NATIVE {
        return Err(Error::ForeignEndian { endian: object.endian });
    }
    // What needs none goes without.
    let mut no_types = None;
    let kernel_btf = match needs_kernel_btf(object, &options) {
        true => kernel.kernel_btf().map_err(|why| no_types = Some(why)).ok(),
        false => None,
    };
    let core_btf = options.core_btf.as_ref().or(kernel_btf.as_ref());
    let ksyms = match object.externs.iter().any(|ext| ext.kind == ExternKind::Ksym) {
        true => Kallsyms::parse(&kernel.kallsyms().map_err(|why| Error::NoKallsyms { why })?, object),
        false => Kallsyms::default(),
    };
    let linker = Linker::with_core_btf(object, core_btf, kernel_btf.as_ref(), &ksyms);
    let mut warnings = linker.warnings().to_vec();
    let mut programs = Vec::with_capacity(object.programs.len());
    for (id, program) in object.program_ids().zip(&object.programs) {
        let linked = program.autoload.then(|| linker.link(id)).transpose();
        programs.push(linked.map_err(|error| match (error, &no_types) {
            (Error::NoKernelBtf { .. }, Some(why)) => Error::NoKernelBtf { why: why.clone() },
            (error, _) => with_nearest_symbols(error, || kernel.kallsyms().ok()),
        })?);
    }
    if let Some(why) = &no_types {
        let mut wanting = object.programs.iter().filter(|program| program.autoload && program.attach_btf.is_some());
        if wanting.next().is_some() {
            return Err(Error::NoKernelBtf { why: why.clone() });
        }
        warnings.push(format!("there are no kernel types, and nothing to be loaded seems to need them: {why}"));
    }
    unsupported::check(object)?;
    let config = kconfig::values(object, &kernel, &programs, options.kconfig.as_deref())?;
    let core = linker.core_relocations().to_vec();
    let mut btf_refused = None;
    let btf = btf::load(object, &kernel, &mut btf_refused)?;
    warnings.extend(btf_refused.iter().map(|why| format!("going on without types: {why}")));
    let maps = maps::create_all(object, &kernel, btf.as_ref(), &config, &mut warnings)?;
    Ok(Prepared { kernel, btf, maps, programs, kernel_btf, core, warnings, btf_refused, log_level: options.log_level })
}

/// Whether anything that is to be loaded asks for the kernel's own types.
fn needs_kernel_btf(object: &Object, options: &Options) -> bool {
    let has_relocations = object.btf_ext.as_ref().is_some_and(|ext| ext.core_relocations().next().is_some());
    let has_core = has_relocations && options.core_btf.is_none();
    let has_typed = object.externs.iter().any(|ext| ext.kind.is_typed());
    let attaches = object.programs.iter().any(|program| program.autoload && program.attach_btf.is_some());
    has_core || has_typed || attaches
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
        &self.maps
    }

    /// Has the programs verified. `object` is the one that was prepared.
    ///
    /// # Errors
    /// When the kernel refuses a program: [`Error::Rejected`] if it was the verifier. When `object` has other programs or
    /// maps than the one that was prepared. Nothing is left in the kernel then.
    #[doc(alias = "bpf_object__load")]
    pub fn load(self, object: &Object) -> Result<Loaded<K>, Error> {
        let mut loaded = Vec::with_capacity(self.programs.len());
        let mut modules = programs::Modules::new(&self.kernel, self.kernel_btf.as_ref());
        for (n, linked) in self.programs.iter().enumerate() {
            loaded.push(match linked {
                Some(linked) => Some(self.load_program(object, ProgramId(n), linked, &mut modules)?),
                None => None,
            });
        }
        drop(modules);
        maps::fill_program_slots(object, &self.kernel, &self.maps, &loaded)?;
        Ok(Loaded { maps: self.maps, programs: loaded, btf: self.btf, warnings: self.warnings })
    }
}

/// A type found in a kernel's BTF.
#[derive(Clone, Copy, Debug)]
struct KernelType {
    id: TypeId,
    /// The module in [`KernelBtf::modules`]; `None` for vmlinux.
    module: Option<usize>,
}
