//! What goes into the `.kconfig` map: values of the kernel's configuration, and the few that only a kernel can tell.

use purebpf_sys::probes::Feature;

use super::kernel::{Kernel, KernelConfig};
use crate::Error;
use crate::kconfig::{Values, why_unset};
use crate::link::{Linked, StreamValue};
use crate::object::{Extern, ExternKind, MapKind, Object};

/// What errors call the text that a loader gives.
const GIVEN: &str = "the configuration given";

/// What no configuration file names, and a kernel is asked for (libbpf's virtual externs).
const VIRTUAL: [&str; 3] = [VERSION, "LINUX_HAS_BPF_COOKIE", "LINUX_HAS_SYSCALL_WRAPPER"];
const VERSION: &str = "LINUX_KERNEL_VERSION";

/// Parts of the `.kconfig` map that are not zero. Only values that a program to be loaded refers to are looked for: first in
/// `given`, then, if any is left, in the kernel's configuration.
pub(super) fn values<K: Kernel>(
    object: &Object,
    kernel: &K,
    programs: &[Option<Linked>],
    given: Option<&str>,
) -> Result<Vec<(u32, Vec<u8>)>, Error> {
    let used = used_places(object, programs);
    let is_used = |ext: &Extern| match ext.kind {
        ExternKind::Kconfig { size, offset, .. } => {
            used.iter().any(|place| *place >= offset && *place - offset < size.max(1))
        }
        _ => false,
    };
    let mut values = Values::new(object, is_used);
    let (options, others): (Vec<_>, Vec<_>) = values.unset().partition(|ext| ext.name.starts_with("CONFIG_"));
    for ext in others {
        let number = match ext.name.as_str() {
            VERSION => kernel.version(),
            "LINUX_HAS_BPF_COOKIE" => kernel.supports(Feature::BpfCookie).into(),
            "LINUX_HAS_SYSCALL_WRAPPER" => kernel.supports(Feature::SyscallWrapper).into(),
            name if name.starts_with("LINUX_") && ext.weak => 0,
            _ => return Err(missing(ext, format!("it is neither CONFIG_… nor one of {}", VIRTUAL.join(", ")))),
        };
        if number == 0 && ext.name == VERSION {
            return Err(missing(ext, "the kernel does not tell its version".to_owned()));
        }
        values.set_number(&ext.name, number.into())?;
    }
    if options.is_empty() {
        return Ok(values.into_parts());
    }
    let mut texts = Vec::new();
    if let Some(given) = given {
        values.read(given.as_bytes(), GIVEN)?;
        texts.push((given.as_bytes(), GIVEN));
    }
    let mut config = None;
    if let Some(first) = values.unset().next() {
        // Without it nobody knows whether an option is off, and so a weak one is not zero either.
        let read = kernel.config().map_err(|why| missing(first, format!("no configuration can be read: {why}")))?;
        config = Some(read);
    }
    if let Some(KernelConfig { text, place }) = &config {
        values.read(text, place)?;
        texts.push((text, place));
    }
    if let Some(ext) = values.unset().find(|ext| !ext.weak) {
        return Err(missing(ext, why_unset(&ext.name, &texts)));
    }
    Ok(values.into_parts())
}

fn missing(ext: &Extern, what: String) -> Error {
    Error::ExternNotFound { name: ext.name.clone(), kind: "kconfig", what }
}

/// The places in the map that programs refer to.
fn used_places(object: &Object, programs: &[Option<Linked>]) -> Vec<u32> {
    let is_kconfig = |n: usize| object.maps.get(n).is_some_and(|map| map.kind == MapKind::Kconfig && map.autocreate);
    let mut places: Vec<u32> = Vec::new();
    for linked in programs.iter().flatten() {
        for reference in &linked.references {
            // The second half of the instruction holds the place.
            if let (StreamValue::MapValue(map), Some(second)) = (reference.value, linked.insns.get(reference.insn + 1))
            {
                if is_kconfig(map.0) {
                    places.push(second.imm as u32);
                }
            }
        }
    }
    places.sort_unstable();
    places.dedup();
    places
}
