//! The second floor: an object and a target's types become instruction streams.
//!
//! Linking is pure too. It applies CO-RE relocations, appends the subprograms that each program
//! needs, and rebases function and line information. What only a loaded kernel can give (map file
//! descriptors) stays symbolic: a [`Linked`] stream lists its [`StreamReference`]s, with zeros
//! where they will be written.

mod core;
pub(crate) mod externs;
mod infos;
mod subprograms;

pub use self::core::{CoreOutcome, CoreRelocation};
pub use self::externs::{ExternValue, Kallsyms, Ksyms, KsymsPresent};

use purebpf_btf::KernelBtf;
use purebpf_sys::insn::Insn;

use crate::Error;
use crate::object::{ExternId, ExternKind, FunctionId, MapId, Object, PAGE_SIZE, ProgramId};

/// One program's stream: what `BPF_PROG_LOAD` takes, but for the references.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Linked {
    /// The program's instructions, then those of its subprograms.
    pub insns: Vec<Insn>,
    /// What is still to be written into the stream, in its order.
    pub references: Vec<StreamReference>,
    /// `func_info`, rebased to the stream; empty when the object has none for the program.
    pub func_info: InfoRecords,
    /// `line_info`, rebased to the stream.
    pub line_info: InfoRecords,
    /// Where each function of the object begins in the stream, in the order of the stream.
    pub functions: Vec<(FunctionId, usize)>,
    /// Where indirect jumps may lead: tables of instructions of the stream, each a map of its own when it is loaded.
    pub jump_tables: Vec<Vec<u32>>,
}

/// Records of `func_info` or `line_info`, in native byte order.
#[derive(Clone, Debug, Default)]
pub struct InfoRecords {
    /// Size of one in bytes.
    pub record_size: u32,
    /// The records, end to end.
    pub bytes: Vec<u8>,
}

impl InfoRecords {
    /// How many there are.
    pub fn count(&self) -> u32 {
        match self.record_size {
            0 => 0,
            size => (self.bytes.len() / size as usize) as u32,
        }
    }
}

/// Something to be written into a stream when it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamReference {
    /// The instruction, counted from the stream's start.
    pub insn: usize,
    /// What is to be written.
    pub value: StreamValue,
}

/// What a reference in a stream stands for. The instruction's pseudo source register is already in
/// place, and so is everything else that does not depend on the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamValue {
    /// `BPF_PSEUDO_MAP_FD`: the map's descriptor goes into the first immediate.
    Map(MapId),
    /// `BPF_PSEUDO_MAP_VALUE`: the map's descriptor goes into the first immediate; the second holds
    /// the offset.
    MapValue(MapId),
    /// `BPF_PSEUDO_MAP_VALUE`: the descriptor of the map made of a table of [`Linked::jump_tables`] goes into the first immediate.
    JumpTable(usize),
    /// `BPF_PSEUDO_BTF_ID`: the type's id goes into the first immediate, the descriptor of its
    /// module's BTF (0 for vmlinux) into the second.
    BtfId {
        /// Which extern.
        ext: ExternId,
        /// The type's id.
        type_id: u32,
        /// The module in [`KernelBtf::modules`]; `None` for vmlinux.
        module: Option<usize>,
    },
    /// `BPF_PSEUDO_KFUNC_CALL`: the function's id goes into the immediate. The offset holds the place
    /// of its module's BTF in the descriptor array (0 for vmlinux): see
    /// [`kfunc_modules`](Linker::kfunc_modules).
    Kfunc {
        /// Which extern.
        ext: ExternId,
        /// The function's id.
        type_id: u32,
        /// The module in [`KernelBtf::modules`]; `None` for vmlinux.
        module: Option<usize>,
    },
    /// The address of a kernel symbol goes into both immediates.
    Ksym {
        /// Which extern.
        ext: ExternId,
        /// The address.
        address: u64,
    },
}

/// Links the programs of one object against one target.
#[derive(Debug)]
pub struct Linker<'a> {
    object: &'a Object,
    kernel: Option<KernelBtf>,
    core: core::Relocated,
    externs: Vec<Result<ExternValue, Error>>,
    kfunc_modules: Vec<usize>,
    func_info: Option<infos::InfoTable<'a>>,
    line_info: Option<infos::InfoTable<'a>>,
    /// The arena that holds variables, and where in it they begin.
    arena: Option<MapId>,
    arena_offset: u32,
    nearest: externs::NearestNames,
}

impl<'a> Linker<'a> {
    /// Relocates the code of `object` to the types of `kernel` (CO-RE) and looks its externs up.
    /// Without a kernel, only what needs one fails, and only in the programs that need it.
    ///
    /// What fails is kept and told by [`link`](Linker::link) for each program that is affected.
    pub fn new(object: &'a Object, kernel: Option<&KernelBtf>, ksyms: &dyn Ksyms) -> Linker<'a> {
        Linker::with_core_btf(object, kernel, kernel, ksyms)
    }

    /// As [`new`](Linker::new), with CO-RE relocated to other types than those in which externs are looked up: those of a file,
    /// say, for a kernel that brings none.
    pub fn with_core_btf(
        object: &'a Object,
        core_btf: Option<&KernelBtf>,
        kernel: Option<&KernelBtf>,
        ksyms: &dyn Ksyms,
    ) -> Linker<'a> {
        let externs = externs::resolve(object, kernel, ksyms);
        let mut kfunc_modules = Vec::new();
        for (ext, value) in object.externs.iter().zip(&externs) {
            let Ok(ExternValue::Btf { module: Some(module), .. }) = value else { continue };
            if matches!(ext.kind, ExternKind::Kfunc { .. }) && !kfunc_modules.contains(module) {
                kfunc_modules.push(*module);
            }
        }
        let arena = object.maps.iter().position(|map| map.is_arena() && map.initial_value.is_some());
        let mut linker = Linker {
            object,
            kernel: kernel.cloned(),
            core: core::relocate(object, core_btf),
            externs,
            kfunc_modules,
            func_info: infos::InfoTable::of_functions(object),
            line_info: infos::InfoTable::of_lines(object),
            arena: arena.map(MapId),
            arena_offset: 0,
            nearest: externs::NearestNames::default(),
        };
        linker.place_arena_variables(true, PAGE_SIZE);
        linker
    }

    /// Says where in its arena the variables of an object lie: at its end, so that a pointer that is 0 never leads to one, or,
    /// where the kernel has not the range in its instructions for that ([`Ldimm64FullRangeOff`]), at its start. Unless told
    /// otherwise, a linker takes the kernel to be new and its pages to have 4096 bytes.
    ///
    /// [`Ldimm64FullRangeOff`]: purebpf_sys::probes::Feature::Ldimm64FullRangeOff
    pub fn place_arena_variables(&mut self, at_end: bool, page_size: u32) -> &mut Self {
        let map = self.arena.and_then(|arena| self.object.maps.get(arena.0)).filter(|_| at_end);
        self.arena_offset = map.map_or(0, |map| map.arena_variables(page_size) as u32);
        self
    }

    /// What became of each CO-RE relocation, in the order of `.BTF.ext`.
    pub fn core_relocations(&self) -> &[CoreRelocation] {
        &self.core.relocations
    }

    /// What each extern came to, in the order of [`Object::externs`].
    pub fn externs(&self) -> &[Result<ExternValue, Error>] {
        &self.externs
    }

    /// The modules whose functions are called, as places in [`KernelBtf::modules`], in the order of the externs. A call's
    /// offset is its module's place here plus one: that is where the descriptor of the module's BTF goes in the array that
    /// is given when a program is loaded (0 stands for vmlinux).
    pub fn kfunc_modules(&self) -> &[usize] {
        &self.kfunc_modules
    }

    fn place_of_module(&self, module: usize) -> i16 {
        let place = self.kfunc_modules.iter().position(|known| *known == module);
        place.and_then(|place| i16::try_from(place + 1).ok()).unwrap_or(i16::MAX)
    }

    /// Warnings that are nobody's error, such as a module with damaged BTF.
    pub fn warnings(&self) -> &[String] {
        &self.core.warnings
    }

    /// The stream of a program.
    ///
    /// # Errors
    /// When a relocation or an extern that the program or one of its subprograms needs has failed.
    pub fn link(&self, program: ProgramId) -> Result<Linked, Error> {
        subprograms::link(self, program).map_err(|error| self.nearest.told(self.kernel.as_ref(), error))
    }
}
