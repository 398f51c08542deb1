//! The parts of an object, as plain data.

use std::path::PathBuf;
use std::sync::Arc;

use purebpf_btf::{Kind, TypeId};
use purebpf_sys::insn::Insn;
use purebpf_sys::uapi::{AttachType, MapType, ProgType};

/// A function of an object: its place in [`Object::functions`](super::Object::functions).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FunctionId(pub usize);

/// A program: its place in [`Object::programs`](super::Object::programs), the same in all phases.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProgramId(pub usize);

/// A map: its place in [`Object::maps`](super::Object::maps), the same in all phases.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MapId(pub usize);

/// An extern: its place in [`Object::externs`](super::Object::externs).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ExternId(pub usize);

/// A function: a program's entry, or a subprogram that programs call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Function {
    /// Its symbol's name.
    pub name: String,
    /// The section that it is in, as the file has it.
    pub section: String,
    /// Where it begins in its section, in instructions.
    pub section_offset: usize,
    /// Its instructions as compiled, in native byte order of the host. Whoever replaces them replaces
    /// [`references`](Function::references) with them.
    #[doc(alias = "bpf_program__insns")]
    #[doc(alias = "bpf_program__insn_cnt")]
    #[doc(alias = "bpf_program__set_insns")]
    pub insns: Vec<Insn>,
    /// What its instructions refer to, in the order of the instructions.
    pub references: Vec<Reference>,
    /// Whether its symbol is seen outside its file. A static function is never a program.
    pub global: bool,
    /// Whether its symbol is hidden: verified as a static function even if it is global.
    pub hidden: bool,
}

/// An instruction's reference to something whose address is not known when compiling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The instruction, counted from the function's start.
    pub insn: usize,
    /// To what.
    pub target: Target,
}

/// What an instruction refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A map, by ld_imm64.
    Map(MapId),
    /// A byte within the value of a map that holds a data section, by ld_imm64. `offset` is that of
    /// the symbol; the instruction's immediate adds to it.
    MapValue {
        /// The map.
        map: MapId,
        /// Offset of the symbol in the section.
        offset: u32,
    },
    /// Something of the kernel or its configuration, by ld_imm64 or call.
    Extern(ExternId),
    /// A subprogram that is called.
    Call(FunctionId),
    /// A subprogram whose address is taken, by ld_imm64.
    Address(FunctionId),
    /// A table of places in the function itself, for an indirect jump, by ld_imm64.
    JumpTable(Arc<JumpTable>),
    /// Nothing that can be made sense of: why. An error for programs that contain it.
    Broken(Arc<str>),
}

/// Where an indirect jump may lead: a symbol of `.jumptables`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JumpTable {
    /// Where the table stands in its section, in bytes.
    pub section_offset: u64,
    /// Its places, in instructions from the start of the function that jumps.
    pub places: Vec<i64>,
}

/// A program that can be loaded.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_program")]
#[non_exhaustive]
pub struct Program {
    /// Its function's name.
    pub name: String,
    /// Its section's name, without a leading `?`.
    pub section: String,
    /// The function that it begins with.
    pub function: FunctionId,
    /// Whether it is loaded with the object: unless its section's name begins with `?`.
    pub autoload: bool,
    /// Whether it is attached when the object is.
    pub autoattach: bool,
    /// Its type; unspecified until somebody who knows section names fills it in.
    pub prog_type: ProgType,
    /// The attach type it is verified for, if its type asks for one.
    #[doc(alias = "bpf_program__expected_attach_type")]
    pub expected_attach_type: Option<AttachType>,
    /// `BPF_F_*` flags of `BPF_PROG_LOAD`.
    #[doc(alias = "bpf_program__flags")]
    pub flags: u32,
    /// What its type needs to find in the kernel's BTF.
    pub attach_btf: Option<AttachBtf>,
    /// The attach type is a hint that old kernels do not know (`BPF_PROG_LOAD` is tried without).
    pub attach_type_optional: bool,
    /// The function that `bpf_throw` unwinds to, named by `__exception_cb` ([`Target::Call`], or [`Target::Broken`]).
    pub exception_callback: Option<Target>,
    /// The network device that it is to run on, or is bound to ([`flags`](Program::flags) say which); 0 for none.
    pub ifindex: u32,
    /// Level of the verifier's log, as `BPF_LOG_*`; 0 for what the load says.
    #[doc(alias = "bpf_program__log_level")]
    pub log_level: u32,
}

/// A type in the kernel's BTF to which a program attaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachBtf {
    /// The type's name: a function's, or with a prefix such as `btf_trace_`.
    pub name: String,
    /// The type's kind: a function, or a typedef for tracepoints.
    pub kind: Kind,
    /// The module in which to look; vmlinux and then all modules when `None`.
    pub module: Option<String>,
}

/// What a map is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum MapKind {
    /// Declared by the program's author.
    User,
    /// Holds `.data` or a section that begins so.
    Data,
    /// Holds `.rodata` or a section that begins so.
    Rodata,
    /// Holds `.bss` or a section that begins so.
    Bss,
    /// Holds the kernel's configuration values.
    Kconfig,
    /// A table of operations that the kernel calls (`.struct_ops`, `.struct_ops.link`).
    StructOps,
}

/// Where a map's pin is looked for and left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[doc(alias = "libbpf_pin_type")]
#[non_exhaustive]
pub enum Pinning {
    /// Nowhere.
    None,
    /// Under its name in the pin folder.
    ByName,
}

/// The parameters with which a map is created: `union bpf_attr` of `BPF_MAP_CREATE`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MapDefinition {
    /// Its type.
    #[doc(alias = "bpf_map__set_type")]
    pub map_type: MapType,
    /// Size of a key in bytes.
    #[doc(alias = "bpf_map__set_key_size")]
    pub key_size: u32,
    /// Size of a value in bytes.
    #[doc(alias = "bpf_map__set_value_size")]
    pub value_size: u32,
    /// How many entries it can hold, or its size in bytes: depends on the type.
    #[doc(alias = "bpf_map__set_max_entries")]
    pub max_entries: u32,
    /// `BPF_F_*` flags.
    #[doc(alias = "bpf_map__map_flags")]
    #[doc(alias = "bpf_map__set_map_flags")]
    pub map_flags: u32,
    /// The NUMA node to place it on; counts only with `BPF_F_NUMA_NODE`.
    #[doc(alias = "bpf_map__numa_node")]
    #[doc(alias = "bpf_map__set_numa_node")]
    pub numa_node: u32,
    /// What it means depends on the type.
    #[doc(alias = "bpf_map__map_extra")]
    #[doc(alias = "bpf_map__set_map_extra")]
    pub map_extra: u64,
    /// The key's type in the object's BTF.
    #[doc(alias = "bpf_map__btf_key_type_id")]
    pub key_type_id: Option<TypeId>,
    /// The value's type in the object's BTF.
    #[doc(alias = "bpf_map__btf_value_type_id")]
    pub value_type_id: Option<TypeId>,
    /// For maps of maps: what the inner ones look like.
    #[doc(alias = "bpf_map__inner_map")]
    pub inner: Option<Box<MapDefinition>>,
}

impl MapDefinition {
    /// A definition of this type, all else zero.
    pub fn new(map_type: MapType) -> MapDefinition {
        MapDefinition {
            map_type,
            key_size: 0,
            value_size: 0,
            max_entries: 0,
            map_flags: 0,
            numa_node: 0,
            map_extra: 0,
            key_type_id: None,
            value_type_id: None,
            inner: None,
        }
    }
}

/// A map.
#[derive(Clone, Debug)]
#[doc(alias = "bpf_map")]
#[non_exhaustive]
pub struct Map {
    /// Its name; for data maps as libbpf names them (`object.rodata`).
    pub name: String,
    /// What it is for.
    #[doc(alias = "bpf_map__is_internal")]
    pub kind: MapKind,
    /// The section from which it came: `.maps`, or the data section.
    pub section: Option<String>,
    /// Where it stands in its section, in bytes.
    pub section_offset: u64,
    /// With what it is created.
    pub definition: MapDefinition,
    /// Whether it is pinned.
    pub pinning: Pinning,
    /// Whether it is created with the object.
    #[doc(alias = "bpf_map__autocreate")]
    #[doc(alias = "bpf_map__set_autocreate")]
    pub autocreate: bool,
    /// The value it starts with, if it holds a data section. Zeros at the end may be left out, as
    /// those of `.bss` are: the file says how many there are, and they need not fit memory. Of an arena, the variables that it
    /// holds (`.addr_space.1`); of a table of operations, its struct as this object declares it, without its functions.
    pub initial_value: Option<Vec<u8>>,
    /// What it holds from the start, by index: maps or programs, of `.values = { … }` in the declaration of a map of maps or an
    /// array of programs; programs by the member of the struct that they are for, of a table of operations.
    pub slots: Vec<(u32, Slot)>,
    /// Of a table of operations: what it is declared as.
    pub struct_ops: Option<StructOps>,
    /// Whether a table of operations is put in use when the object is attached.
    #[doc(alias = "bpf_map__autoattach")]
    #[doc(alias = "bpf_map__set_autoattach")]
    pub autoattach: bool,
    /// Where it is pinned, and looked for before it is created: instead of under its name, if [`pinning`](Map::pinning) says so.
    #[doc(alias = "bpf_map__pin_path")]
    #[doc(alias = "bpf_map__set_pin_path")]
    pub pin_path: Option<PathBuf>,
    /// The only program that may use it (since Linux 6.18): the kernel knows that by the hash of its instructions.
    #[doc(alias = "bpf_map__exclusive_program")]
    pub exclusive_program: Option<ProgramId>,
    /// The network device that it is offloaded to; 0 for none.
    #[doc(alias = "bpf_map__ifindex")]
    #[doc(alias = "bpf_map__set_ifindex")]
    pub ifindex: u32,
}

/// A table of operations, as its object declares it: the kernel's own struct may have other members in other places.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StructOps {
    /// The struct's type in the object's BTF.
    pub type_id: TypeId,
    /// The programs of its initialiser, by member. Those of them that no table needs any longer when the object is loaded stay out.
    pub declared: Vec<(u32, ProgramId)>,
}

/// What a map of maps or an array of programs holds at an index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slot {
    /// A map.
    Map(MapId),
    /// A program.
    Program(ProgramId),
    /// Nothing that can be made sense of: why. An error when the map is created.
    Broken(Arc<str>),
}

impl Map {
    /// A map of this name and kind, to be created as `definition` says; nothing in it.
    pub fn new(name: String, kind: MapKind, definition: MapDefinition) -> Map {
        Map {
            name,
            kind,
            section: None,
            section_offset: 0,
            definition,
            pinning: Pinning::None,
            autocreate: true,
            initial_value: None,
            slots: Vec::new(),
            struct_ops: None,
            autoattach: kind == MapKind::StructOps,
            pin_path: None,
            exclusive_program: None,
            ifindex: 0,
        }
    }

    /// Whether it is an arena.
    pub fn is_arena(&self) -> bool {
        self.definition.map_type == MapType::ARENA
    }

    /// Bytes of an arena from its start to its end, in pages of this size.
    pub fn arena_size(&self, page_size: u32) -> u64 {
        u64::from(self.definition.max_entries) * u64::from(page_size)
    }

    /// Where an arena's variables begin if they lie at its end, as they do for kernels from 7.0.
    pub fn arena_variables(&self, page_size: u32) -> u64 {
        let held = self.initial_value.as_ref().map_or(0, Vec::len) as u64;
        self.arena_size(page_size).saturating_sub(held.next_multiple_of(page_size.max(1).into()))
    }

    /// The bytes of a variable in the value that the map starts with, to be changed. `None` when it
    /// does not hold a data section, or the place is outside.
    pub fn initial_bytes_mut(&mut self, offset: u32, size: u32) -> Option<&mut [u8]> {
        let held = match self.is_arena() {
            true => self.initial_value.as_ref().map_or(0, Vec::len) as u64,
            false => self.definition.value_size.into(),
        };
        let end = offset.checked_add(size).filter(|&end| u64::from(end) <= held)?;
        let value = self.initial_value.as_mut()?;
        if value.len() < end as usize {
            value.resize(end as usize, 0);
        }
        value.get_mut(offset as usize..end as usize)
    }

    /// Whether programs may not write to it and it is frozen once filled.
    pub fn is_read_only(&self) -> bool {
        matches!(self.kind, MapKind::Rodata | MapKind::Kconfig)
    }
}

/// A variable in a data section.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// The map that holds its section.
    pub map: MapId,
    /// Where it begins in the section, in bytes.
    pub offset: u32,
    /// Its size in bytes.
    pub size: u32,
    /// Its type in the object's BTF.
    pub type_id: TypeId,
}
