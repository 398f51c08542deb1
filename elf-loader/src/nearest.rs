//! Names near one that was not found, for messages.

use purebpf_btf::{Btf, KernelBtf, Kind, Nearest, Type};

/// The three types of a kind, in vmlinux and the modules or in one module alone, whose names behind `prefix` are nearest.
pub(crate) fn in_btf(kernel: &KernelBtf, module: Option<&str>, prefix: &str, kind: Kind, name: &str) -> Vec<String> {
    let mut nearest = Nearest::new(name);
    let mut offer = |candidate: Type<'_>| {
        if candidate.kind() == kind {
            if let Some(name) = candidate.name_bytes().strip_prefix(prefix.as_bytes()) {
                nearest.offer(name);
            }
        }
    };
    if module.is_none_or(|module| module == "vmlinux") {
        kernel.vmlinux().types().for_each(&mut offer);
    }
    for candidate in kernel.modules().iter().filter(|candidate| module.is_none_or(|module| module == candidate.name()))
    {
        if let Ok(btf) = candidate.btf(kernel.vmlinux()) {
            Btf::own_types(btf).for_each(&mut offer);
        }
    }
    nearest.into_names()
}

/// What is said of them, to be put behind a message: nothing when there are none.
pub(crate) fn said(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("; the nearest name is {one}"),
        names => format!("; the nearest names are {}", names.join(", ")),
    }
}
