//! What can go wrong between a file and a loaded program.

#[cfg(any(target_os = "linux", target_os = "android"))]
use std::sync::Arc;

use purebpf_btf::TypeId;

/// A fault in an object, or in bringing it into the kernel. Each variant names the thing at fault.
///
/// The text is whole, down to what the kernel said, and so there is no [`source`](std::error::Error::source): a printed chain says
/// it once. The error below, where there is one, is the variant's `cause`.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file does not begin as ELF files do.
    #[error("not an ELF file ({len} bytes)")]
    NotElf {
        /// Its length in bytes.
        len: usize,
    },
    /// A 32-bit ELF file.
    #[error("not a 64-bit ELF file; BPF objects are")]
    Not64Bit,
    /// An ELF file for another machine, or not relocatable.
    #[error(
        "not a BPF object: ELF type {e_type} for machine {machine}, not a relocatable file (1) for BPF (247); \
         was it compiled with -target bpf?"
    )]
    NotBpf {
        /// `e_type`.
        e_type: u16,
        /// `e_machine`.
        machine: u16,
    },
    /// The ELF file is damaged.
    #[error("malformed ELF file: {what}: {cause}")]
    Elf {
        /// Which part.
        what: &'static str,
        /// What the reader says.
        cause: object::Error,
    },
    /// A section reaches past the end of the file.
    #[error(
        "truncated ELF file: section '{section}' at offset {offset}, {size} bytes, reaches past the file's end ({file} bytes)"
    )]
    SectionTruncated {
        /// The section.
        section: String,
        /// Where it begins in the file.
        offset: u64,
        /// Its size in bytes.
        size: u64,
        /// The file's length in bytes.
        file: usize,
    },
    /// A file whose sections, names or functions overlap, so that they come to many times its size.
    #[error(
        "malformed ELF file: what it describes comes to many times its {file} bytes: sections, names or functions overlap"
    )]
    Inflated {
        /// The file's length in bytes.
        file: usize,
    },
    /// The object's BTF is damaged.
    #[error("section '{section}': {cause}")]
    Btf {
        /// Which section.
        section: &'static str,
        /// What is wrong.
        cause: purebpf_btf::Error,
    },
    /// An ELF file in which BTF was looked for.
    #[error("the ELF file has no .BTF section")]
    NoBtfSection,
    /// The object needs BTF and has none.
    #[error("the object has {what} but no .BTF section to describe it; compile with -g")]
    BtfMissing {
        /// What needs it.
        what: &'static str,
    },
    /// A map's declaration makes no sense.
    #[error("map '{map}': {what}")]
    MapDefinition {
        /// The map.
        map: String,
        /// What is wrong.
        what: String,
    },
    /// An extern that cannot be told what it is.
    #[error("extern '{name}': {what}")]
    ExternDefinition {
        /// The extern.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A function's symbol does not fit its section.
    #[error("function '{function}' in section '{section}': {what}")]
    BadFunction {
        /// The function.
        function: String,
        /// Its section.
        section: String,
        /// What is wrong.
        what: String,
    },
    /// A reference that leads nowhere.
    #[error("program '{program}': instruction {insn} of function '{function}': {what}")]
    BadReference {
        /// The program being linked.
        program: String,
        /// The function with the instruction.
        function: String,
        /// The instruction, counted from the function's start.
        insn: usize,
        /// What is wrong.
        what: String,
    },
    /// A CO-RE relocation that failed.
    #[error(
        "function '{function}': CO-RE relocation of instruction {insn} ({kind} of type {type_id} '{type_name}', access '{access}'): {what}"
    )]
    Core {
        /// The function.
        function: String,
        /// The instruction, counted from the function's start.
        insn: usize,
        /// Kind of the relocation.
        kind: Box<str>,
        /// The local type.
        type_id: TypeId,
        /// Its name.
        type_name: Box<str>,
        /// The accessor string.
        access: Box<str>,
        /// What is wrong.
        what: String,
    },
    /// A variable whose size cannot be changed to that.
    #[error("variable '{variable}' cannot be resized: {what}")]
    Resize {
        /// The variable.
        variable: String,
        /// Why not.
        what: String,
    },
    /// CO-RE relocations but no types to relocate to.
    #[error("the object has CO-RE relocations and there is no kernel BTF to apply them to: {why}")]
    NoKernelBtf {
        /// Why there is none.
        why: String,
    },
    /// An extern that the target does not have.
    #[error("extern {kind} '{name}' was not found: {what}")]
    ExternNotFound {
        /// The extern.
        name: String,
        /// `ksym`, `kfunc` or `kconfig`.
        kind: &'static str,
        /// Where it was looked for, or what did not fit.
        what: String,
    },
    /// A configuration with a line that is none.
    #[error("{place}: '{line}' {what}")]
    KconfigLine {
        /// Which configuration.
        place: String,
        /// The line.
        line: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A value of the kernel's configuration that the extern for it does not hold.
    #[error("extern '{name}': '{value}' ({place}) {what}")]
    KconfigValue {
        /// The extern.
        name: String,
        /// The value.
        value: String,
        /// Where it comes from.
        place: String,
        /// Why it does not go there.
        what: String,
    },
    /// An object of the other byte order: it can be opened and linked, not loaded.
    #[error("the object is {endian:?}-endian, this machine is not")]
    ForeignEndian {
        /// The object's byte order.
        endian: purebpf_btf::raw::Endian,
    },
    /// Externs that need the kernel's symbols, and no way to read them.
    #[error("the object refers to kernel symbols by name, and they cannot be read: {why}")]
    NoKallsyms {
        /// Why not.
        why: String,
    },
    /// The kernel does not let us load types.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[error("the object's BTF was refused: {cause}{advice}")]
    BtfLoad {
        /// What is missing, with what it is set off by.
        advice: String,
        /// What the kernel said.
        cause: Arc<purebpf_sys::Error>,
    },
    /// A module's BTF object could not be had.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[error("BTF of module '{module}': {cause}")]
    ModuleBtf {
        /// The module.
        module: String,
        /// What the kernel said.
        cause: Arc<purebpf_sys::Error>,
    },
    /// The kernel refused to create a map.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[error("map '{map}' ({definition}): {cause}{advice}")]
    MapCreate {
        /// The map.
        map: String,
        /// Its definition in short.
        definition: String,
        /// Which attribute it was and why, or what is missing, with what it is set off by.
        advice: String,
        /// What the kernel said.
        cause: Arc<purebpf_sys::Error>,
    },
    /// The kernel refused the value that a map begins with, or to freeze it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[error("map '{map}': the value that it begins with: {cause}{advice}")]
    MapFill {
        /// The map.
        map: String,
        /// What is known of the refusal, with what it is set off by.
        advice: String,
        /// What the kernel said.
        cause: Arc<purebpf_sys::Error>,
    },
    /// A map is not pinned, or what is pinned where it is to be is not it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[error("map '{map}': pin {}: {what}", .path.display())]
    MapPin {
        /// The map.
        map: String,
        /// Where.
        path: std::path::PathBuf,
        /// In what it differs, or what the kernel said and what is known of that.
        what: String,
        /// What the kernel said.
        cause: Option<Arc<purebpf_sys::Error>>,
    },
    /// The kernel refused the map of an indirect jump's places.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[error("program '{program}': a jump table: {cause}{advice}")]
    JumpTable {
        /// The program.
        program: String,
        /// What is known of the refusal, with what it is set off by.
        advice: String,
        /// What the kernel said.
        cause: Arc<purebpf_sys::Error>,
    },
    /// The kernel refused what a map is to hold from the start.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[error("map '{map}': what it holds at {index}: {cause}{advice}")]
    MapSlot {
        /// The map.
        map: String,
        /// The index.
        index: u32,
        /// What is known of the refusal, with what it is set off by.
        advice: String,
        /// What the kernel said.
        cause: Arc<purebpf_sys::Error>,
    },
    /// What a program attaches to is not in the kernel.
    #[error("program '{program}' (section '{section}'): '{target}' was not found: {what}")]
    AttachTarget {
        /// The program.
        program: String,
        /// The name that was looked for.
        target: String,
        /// The program's section.
        section: String,
        /// Where it was looked for.
        what: String,
    },
    /// The kernel refused a program.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[error("program '{program}' was refused: {cause}\n{rejection}")]
    Rejected {
        /// The program.
        program: String,
        /// What the kernel said.
        cause: Arc<purebpf_sys::Error>,
        /// What the verifier said.
        rejection: Arc<crate::load::Rejection>,
    },
    /// An id that belongs to another object.
    #[error("no {what} number {index} in this object")]
    NoSuch {
        /// What was asked for.
        what: &'static str,
        /// Its number.
        index: usize,
    },
}

impl Error {
    /// The system call that failed, if that is what went wrong. (The text says it already, and so there is no
    /// [`source`](std::error::Error::source).)
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn syscall(&self) -> Option<&purebpf_sys::Error> {
        match self {
            Error::BtfLoad { cause, .. }
            | Error::ModuleBtf { cause, .. }
            | Error::MapCreate { cause, .. }
            | Error::MapFill { cause, .. }
            | Error::MapSlot { cause, .. }
            | Error::JumpTable { cause, .. }
            | Error::Rejected { cause, .. } => Some(cause),
            Error::MapPin { cause, .. } => cause.as_deref(),
            _ => None,
        }
    }

    /// The whole log of the verifier, if that is who refused. The text has the telling part of it.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn verifier_log(&self) -> Option<&str> {
        match self {
            Error::Rejected { rejection, .. } => Some(&rejection.log),
            _ => None,
        }
    }
}

/// What is known of a refusal beyond its errno, to be put behind it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn advice(cause: &purebpf_sys::Error) -> String {
    cause.advice().map_or_else(String::new, |advice| format!("; {advice}"))
}
