//! What programs are when they go to the kernel: instructions, function and line information, byte for byte.
//!
//! Libbpf's come from `bpf_object__prepare` on this machine's kernel, CO-RE relocated to other types where those are given
//! (`btf_custom_path`); ours from linking with the same. Ids of types and addresses of symbols are this kernel's on both sides. Only
//! file descriptors are put out of both, by the same code.

use super::{
    Target, difference,
    oracle::{Oracle, bytes, killed, list, text, warnings},
    report::{Check, Report},
};
use crate::{corpus::objects::CorpusObject, error::Result};
use purebpf::{
    Object,
    elf_loader::{
        link::{Kallsyms, Linked, Linker, StreamValue},
        load::{Kernel, RunningKernel},
        object::{Object as Description, ProgramId},
    },
    sys::probes::Feature,
};
use serde_json::Value;
use std::sync::OnceLock;

/// BPF_LD | BPF_IMM | BPF_DW and BPF_JMP | BPF_CALL.
const LD_IMM64: u8 = 0x18;
const CALL: u8 = 0x85;

/// What a call is made of that stands for a map that is not created (`POISON_LDIMM64_MAP_BASE` of libbpf), plus the map's place.
const MAP_POISON: i32 = 2_001_000_000;

pub(super) fn compare(objects: &[CorpusObject], oracle: &Oracle, target: &Target, report: &mut Report) -> Result {
    let check = Check::Streams(target.name);
    let file = target.types.as_ref().map(|(file, _)| file.as_path());
    for (object, theirs) in objects.iter().zip(oracle.ask("prepare", objects, file)?) {
        let mut whole = |how: String| {
            report.count(check, object.source, false);
            report.differences.push(difference(check, object, "", how));
        };
        if let Some(how) = killed(&theirs) {
            whole(how);
            continue;
        }
        // What one of us does not open is a matter of `inspect`.
        if theirs["open"].is_object() {
            continue;
        }
        let Ok(open) = Object::open(&object.path) else { continue };
        let description = open.description();
        let kernel = purebpf::kernel::running_kernel_btf().ok();
        let core = target.types.as_ref().map(|(_, types)| types).or(kernel.as_ref());
        let kallsyms = Kallsyms::parse(symbols(), description);
        let mut linker = Linker::with_core_btf(description, core, kernel.as_ref(), &kallsyms);
        linker.place_arena_variables(
            RunningKernel::new().supports(Feature::Ldimm64FullRangeOff),
            RunningKernel::new().page_size(),
        );
        let whole_warnings = warnings(&theirs["whole"]);
        for (id, program) in open.program_ids().zip(&description.programs) {
            let mut same_name = list(&theirs, "programs").iter().filter(|theirs| text(theirs, "name") == program.name);
            let Some(answer) = same_name.next() else { continue };
            let found = differences(description, &linker, id, answer, &whole_warnings);
            report.count(check, object.source, found.is_none());
            report.differences.extend(found.map(|how| difference(check, object, &program.name, how)));
        }
    }
    Ok(())
}

/// In what a program differs.
fn differences(
    object: &Description,
    linker: &Linker<'_>,
    id: ProgramId,
    theirs: &Value,
    whole_warnings: &str,
) -> Option<String> {
    let said = warnings(theirs);
    let said = if said.is_empty() { whole_warnings } else { &said };
    let their_stream = bytes(theirs, "stream").or_else(|| bytes(theirs, "insns"));
    let (linked, their_stream) = match (linker.link(id), their_stream) {
        (Ok(linked), Some(stream)) => (linked, stream),
        (Err(_), None) => return None,
        (Ok(_), None) => return Some(format!("only we link it: {said}")),
        (Err(error), Some(_)) => return Some(format!("only libbpf links it: {error}")),
    };
    let (ours, theirs_masked) = (masked(stream(object, &linked)), masked(their_stream));
    if ours != theirs_masked {
        return Some(first_difference(&ours, &theirs_masked));
    }
    // What failed after all has lost them.
    if theirs["err"].as_i64() == Some(0) {
        for (what, ours) in [("func_info", &linked.func_info), ("line_info", &linked.line_info)] {
            let theirs = bytes(theirs, what).unwrap_or_default();
            if theirs.is_empty() && whole_warnings.is_empty() && ours.bytes.is_empty() || theirs == ours.bytes {
                continue;
            }
            if theirs.is_empty() && !whole_warnings.is_empty() {
                continue;
            }
            return Some(format!("{what}: theirs {} bytes, ours {}", theirs.len(), ours.bytes.len()));
        }
    }
    None
}

/// Our stream, with what it refers to filled in but for file descriptors.
fn stream(object: &Description, linked: &Linked) -> Vec<u8> {
    let mut stream: Vec<u8> = linked.insns.iter().flat_map(|insn| insn.to_bytes(cfg!(target_endian = "big"))).collect();
    for reference in &linked.references {
        let at = reference.insn * 8;
        let mut put = |offset: usize, number: i32| {
            if let Some(place) = stream.get_mut(at + offset..at + offset + 4) {
                place.copy_from_slice(&number.to_ne_bytes());
            }
        };
        match reference.value {
            StreamValue::BtfId { type_id, .. } | StreamValue::Kfunc { type_id, .. } => put(4, type_id as i32),
            StreamValue::Ksym { address, .. } => {
                put(4, address as i32);
                put(12, (address >> 32) as i32);
            }
            StreamValue::Map(map) | StreamValue::MapValue(map)
                if object.maps.get(map.0).is_some_and(|map| !map.autocreate) =>
            {
                for offset in [0, 8] {
                    put(offset, i32::from_ne_bytes([CALL, 0, 0, 0]));
                    put(offset + 4, MAP_POISON + map.0 as i32);
                }
            }
            _ => {}
        }
    }
    stream
}

/// Without file descriptors: of maps, and of modules' BTF.
fn masked(mut stream: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(insn) = stream.get_mut(at..at + 8) {
        at += 8;
        if insn[0] != LD_IMM64 {
            continue;
        }
        match insn[1] >> 4 {
            // BPF_PSEUDO_MAP_FD, _MAP_VALUE, _MAP_IDX, _MAP_IDX_VALUE
            1 | 2 | 5 | 6 => insn[4..].fill(0),
            // BPF_PSEUDO_BTF_ID
            3 => stream.get_mut(at + 4..at + 8).into_iter().for_each(|fd| fd.fill(0)),
            _ => {}
        }
        at += 8;
    }
    stream
}

fn first_difference(ours: &[u8], theirs: &[u8]) -> String {
    let (mut our_insns, mut their_insns) = (ours.chunks(8), theirs.chunks(8));
    let mut at = 0;
    let (our, their) = loop {
        match (our_insns.next(), their_insns.next()) {
            (Some(our), Some(their)) if our == their => at += 1,
            (our, their) => break (our, their),
        }
    };
    let shown = |insn: Option<&[u8]>| match insn {
        Some(insn) => insn.iter().map(|byte| format!("{byte:02x}")).collect(),
        None => "nothing more".to_owned(),
    };
    let (our_count, their_count) = (ours.len() / 8, theirs.len() / 8);
    let counts =
        if our_count == their_count { String::new() } else { format!(" ({their_count} and {our_count} instructions)") };
    format!("instruction {at}: theirs {}, ours {}{counts}", shown(their), shown(our))
}

/// The kernel's symbols.
fn symbols() -> &'static [u8] {
    static SYMBOLS: OnceLock<Vec<u8>> = OnceLock::new();
    SYMBOLS.get_or_init(|| std::fs::read("/proc/kallsyms").unwrap_or_default())
}
