//! BTF: parsed, every type walked and looked up by its name, every id resolved and measured; its names guessed at;
//! its tags and members found; judged by a kernel's rules.

#![no_main]

use libfuzzer_sys::fuzz_target;
use purebpf_btf::validate::KernelRules;
use purebpf_btf::{Btf, Nearest, TypeData, essential_name};

fuzz_target!(|bytes: &[u8]| {
    let Ok(btf) = Btf::parse(bytes.to_vec()) else { return };
    walk(&btf);
    // The same bytes once more, as BTF that continues itself.
    let _ = Btf::parse_split(bytes.to_vec(), &btf).map(|split| walk(&split));
});

fn walk(btf: &Btf) {
    let mut nearest = Nearest::new("task_struct");
    for ty in btf.own_types() {
        let _ = (btf.resolve(ty.id()), btf.skip_modifiers(ty.id()), btf.size_of(ty.id()), btf.align_of(ty.id()));
        let _ = ty.name().and_then(|name| btf.find(name, ty.kind()));
        let _ = (btf.find_any(ty.name_bytes()), btf.find_own(ty.name_bytes(), ty.kind()));
        let _ = btf.ids_with_essential_name(essential_name(ty.name_bytes())).count();
        let _ = ty.members().map(|members| members.filter_map(|member| member.bit_size()).count());
        let _ = match ty.data() {
            TypeData::Enum(data) | TypeData::Enum64(data) => data.values().map(|value| value.name_bytes().len()).sum(),
            TypeData::FuncProto(proto) => proto.params().map(|param| param.name_bytes().len()).sum(),
            TypeData::Datasec(section) => section.vars().map(|var| var.offset as usize).max().unwrap_or_default(),
            _ => 0,
        };
        let _ = (btf.type_tags(ty.id()).count(), btf.decl_tags(ty.id(), Some(0)).count());
        if let (Some(name), Some(Some(member))) = (ty.name(), ty.members().map(|members| members.last())) {
            let _ = btf.place(&format!("{name}.{}.a[1]", member.name().unwrap_or_default()));
        }
        nearest.offer(ty.name_bytes());
    }
    let _ = nearest.into_names();
    for (major, minor) in [(5, 4), (6, 1), (7, 2)] {
        let _ = btf.validate_for_kernel(KernelRules::linux(major, minor));
    }
}
