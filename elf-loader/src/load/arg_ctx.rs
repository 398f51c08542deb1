//! `__arg_ctx` for kernels before 6.8, which do not know the tag `arg:ctx`: a global function whose argument has it is described
//! as taking a pointer to the struct by which the verifier knows the context of its program's type (libbpf's
//! `bpf_program_fixup_func_info`). Each program has its own such description.

use std::collections::HashMap;

use purebpf_btf::builder::Builder;
use purebpf_btf::{Btf, Error, Kind, Linkage, TypeData, TypeId};
use purebpf_sys::uapi::ProgType;

use crate::link::{InfoRecords, Linked};
use crate::object::Object;

/// The tag.
const TAG: &[u8] = b"arg:ctx";

/// The struct by which the verifier knows the context of programs of a type (`bpf_ctx_convert` of kernel/bpf/btf.c, by what
/// user space calls each). Types that are not here have none.
const CONTEXTS: [(ProgType, &str); 25] = [
    (ProgType::CGROUP_DEVICE, "bpf_cgroup_dev_ctx"),
    (ProgType::CGROUP_SKB, "__sk_buff"),
    (ProgType::CGROUP_SOCK, "bpf_sock"),
    (ProgType::CGROUP_SOCK_ADDR, "bpf_sock_addr"),
    (ProgType::CGROUP_SOCKOPT, "bpf_sockopt"),
    (ProgType::CGROUP_SYSCTL, "bpf_sysctl"),
    (ProgType::FLOW_DISSECTOR, "__sk_buff"),
    (ProgType::KPROBE, USER_REGS),
    (ProgType::LWT_IN, "__sk_buff"),
    (ProgType::LWT_OUT, "__sk_buff"),
    (ProgType::LWT_SEG6LOCAL, "__sk_buff"),
    (ProgType::LWT_XMIT, "__sk_buff"),
    (ProgType::NETFILTER, "bpf_nf_ctx"),
    (ProgType::PERF_EVENT, "bpf_perf_event_data"),
    (ProgType::RAW_TRACEPOINT, "bpf_raw_tracepoint_args"),
    (ProgType::RAW_TRACEPOINT_WRITABLE, "bpf_raw_tracepoint_args"),
    (ProgType::SCHED_ACT, "__sk_buff"),
    (ProgType::SCHED_CLS, "__sk_buff"),
    (ProgType::SK_LOOKUP, "bpf_sk_lookup"),
    (ProgType::SK_MSG, "sk_msg_md"),
    (ProgType::SK_REUSEPORT, "sk_reuseport_md"),
    (ProgType::SK_SKB, "__sk_buff"),
    (ProgType::SOCK_OPS, "bpf_sock_ops"),
    (ProgType::SOCKET_FILTER, "__sk_buff"),
    (ProgType::XDP, "xdp_md"),
];

/// The most BTF that the kernel takes, in bytes (`BTF_MAX_SIZE` of include/uapi/linux/btf.h).
const BTF_MAX_SIZE: usize = 16 << 20;

/// The typedef of the registers that kprobes and perf events see.
const USER_REGS: &str = "bpf_user_pt_regs_t";

/// What that is a typedef of on this architecture (arch/*/include/uapi/asm/bpf_perf_event.h).
const REGS: &str = if cfg!(any(target_arch = "aarch64", target_arch = "s390x", target_arch = "loongarch64")) {
    "user_pt_regs"
} else if cfg!(target_arch = "riscv64") {
    "user_regs_struct"
} else {
    "pt_regs"
};

/// A tagged argument of a global function.
struct Tagged {
    function: TypeId,
    argument: usize,
}

/// Whether any function has such an argument.
pub(super) fn is_used(btf: &Btf) -> bool {
    tagged(btf).next().is_some()
}

fn tagged(btf: &Btf) -> impl Iterator<Item = Tagged> + '_ {
    btf.own_types().filter_map(move |tag| {
        let TypeData::DeclTag(declared) = tag.data() else { return None };
        let argument = declared.component.filter(|_| tag.name_bytes() == TAG)?;
        let function = btf.type_by_id(declared.target).ok()?;
        let TypeData::Func(func) = function.data() else { return None };
        (func.linkage == Linkage::GLOBAL).then_some(Tagged { function: function.id(), argument: argument as usize })
    })
}

/// Adds the descriptions that the programs need, and has their `func_info` name those.
pub(super) fn describe(
    object: &Object,
    btf: &Btf,
    builder: &mut Builder,
    programs: &mut [Option<Linked>],
) -> Result<(), Error> {
    let all: Vec<Tagged> = tagged(btf).collect();
    // A prototype takes 12 bytes and each parameter 8. The kernel takes no more than so much BTF.
    let mut left = BTF_MAX_SIZE;
    for (program, linked) in object.programs.iter().zip(programs) {
        let Some(linked) = linked.as_mut().filter(|linked| linked.func_info.record_size >= 8) else { continue };
        let Some((_, context)) = CONTEXTS.iter().find(|(of, _)| *of == program.prog_type) else { continue };
        let (mut pointer, mut copies) = (None, HashMap::new());
        for &Tagged { function, argument } in &all {
            let TypeData::Func(func) = btf.type_by_id(function)?.data() else { continue };
            let TypeData::FuncProto(proto) = btf.type_by_id(func.proto)?.data() else { continue };
            let Some(declared) = proto.params().nth(argument) else { continue };
            let Some(record) = record_of(&linked.func_info, copies.get(&function).copied().unwrap_or(function)) else {
                continue;
            };
            if !is_to_be_changed(btf, program.prog_type, context, declared.type_id) {
                continue;
            }
            let copy = match copies.get(&function) {
                Some(copy) => *copy,
                None => {
                    let Some(rest) = left.checked_sub(12 + 8 * proto.params().len()) else { return Ok(()) };
                    left = rest;
                    let copy = copy_function(btf, builder, function)?;
                    set_type(&mut linked.func_info, record, copy);
                    copies.insert(function, copy);
                    copy
                }
            };
            let pointer = match pointer {
                Some(pointer) => pointer,
                None => {
                    let context = builder.add_struct(context, 0)?;
                    *pointer.insert(builder.add_reference(Kind::Ptr, context)?)
                }
            };
            builder.add_decl_tag(TAG, copy, Some(argument as u32))?;
            // The prototype was added right before its function; parameters are two words each.
            builder.record_mut(TypeId(copy.0 - 1))?.set_word(3 + argument * 2 + 1, pointer.0);
        }
    }
    Ok(())
}

/// The place of the record of a function, in bytes.
fn record_of(records: &InfoRecords, function: TypeId) -> Option<usize> {
    let size = records.record_size as usize;
    let is_it = |record: &[u8]| record.get(4..8) == Some(&function.0.to_ne_bytes());
    records.bytes.chunks_exact(size).position(is_it).map(|n| n * size)
}

fn set_type(records: &mut InfoRecords, at: usize, id: TypeId) {
    if let Some(place) = records.bytes.get_mut(at + 4..at + 8) {
        place.copy_from_slice(&id.0.to_ne_bytes());
    }
}

/// Adds a function of the same name and prototype; gives its id, which is that of the prototype and one.
fn copy_function(btf: &Btf, builder: &mut Builder, function: TypeId) -> Result<TypeId, Error> {
    let original = btf.type_by_id(function)?;
    let TypeData::Func(func) = original.data() else { return Ok(function) };
    let TypeData::FuncProto(proto) = btf.type_by_id(func.proto)?.data() else { return Ok(function) };
    let copy = builder.add_func_proto(proto.ret)?;
    for param in proto.params() {
        builder.add_param(param.name_bytes(), param.type_id)?;
    }
    builder.add_func(original.name_bytes(), func.linkage, copy)
}

/// Whether the verifier would not take the argument for the context as it is declared, and may be told otherwise (libbpf's
/// `need_func_arg_type_fixup`): pointers to void, and what users call the context by another name.
fn is_to_be_changed(btf: &Btf, prog_type: ProgType, context: &str, argument: TypeId) -> bool {
    let Ok(TypeData::Ptr(mut target)) = btf.resolve(argument).map(|t| t.data()) else { return false };
    // The typedef itself is what the verifier looks for.
    while let Ok(t) = btf.type_by_id(target) {
        match t.data() {
            TypeData::Const(next) | TypeData::Volatile(next) | TypeData::Restrict(next) | TypeData::TypeTag(next) => {
                target = next;
            }
            TypeData::Typedef(_)
                if matches!(prog_type, ProgType::KPROBE | ProgType::PERF_EVENT) && t.name() == Some(USER_REGS) =>
            {
                return false;
            }
            _ => break,
        }
    }
    let Ok(target) = btf.resolve(target) else { return false };
    let name = target.name().unwrap_or_default();
    match target.data() {
        TypeData::Void => true,
        TypeData::Struct(_) if name == context => false,
        TypeData::Struct(_) => match prog_type {
            ProgType::KPROBE => name == "pt_regs",
            ProgType::PERF_EVENT => name == REGS,
            _ => false,
        },
        TypeData::Int(int) => {
            int.size == 8 && matches!(prog_type, ProgType::RAW_TRACEPOINT | ProgType::RAW_TRACEPOINT_WRITABLE)
        }
        _ => false,
    }
}
