//! What a map of an object is called.

use purebpf::MapKind;
use purebpf::elf_loader::object::Map;

/// The name by which libbpf's users know it (`bpf_map__name`): that of the section, whole, for `.data.*` and `.rodata.*`; else the
/// one that the kernel is told, of 15 bytes where it is made from the object's.
pub(crate) fn map_name(map: &Map) -> &str {
    let own = |common: &str| map.section.as_deref().filter(|section| *section != common);
    let section = match map.kind {
        MapKind::Data => own(".data"),
        MapKind::Rodata => own(".rodata"),
        _ => None,
    };
    section.unwrap_or(&map.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use purebpf::elf_loader::object::MapDefinition;
    use purebpf::sys::uapi::MapType;

    /// libbpf 1.8's `map_uses_real_name`: sections of `.data.*` and `.rodata.*`, not of `.bss.*`.
    #[test]
    fn names_of_sections_are_whole() {
        for (kind, name, section, expected) in [
            (MapKind::Data, ".data.cpu_start", ".data.cpu_started_at", ".data.cpu_started_at"),
            (MapKind::Rodata, ".rodata.pair_cp", ".rodata.pair_cpu", ".rodata.pair_cpu"),
            (MapKind::Bss, ".bss.per_cpu_st", ".bss.per_cpu_state", ".bss.per_cpu_st"),
            (MapKind::Data, "sample.data", ".data", "sample.data"),
            (MapKind::Rodata, "sample.rodata", ".rodata", "sample.rodata"),
            (MapKind::User, "table", ".maps", "table"),
        ] {
            let mut map = Map::new(name.to_owned(), kind, MapDefinition::new(MapType::ARRAY));
            map.section = Some(section.to_owned());
            assert_eq!(map_name(&map), expected);
        }
    }
}
