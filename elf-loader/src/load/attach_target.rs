//! What programs attach to: types in the kernel's BTF, in that of a module, or in that of another program.

use purebpf_btf::{Btf, KernelBtf, Kind};

use super::KernelType;
use super::kernel::Kernel;
use crate::object::{AttachBtf, Program};
use crate::{Error, nearest};

/// Where in the kernel a program attaches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// The type's id: of a function, of a tracepoint's typedef, of the struct of a table of operations.
    pub(super) type_id: u32,
    /// The module whose BTF that is in, by its place in [`KernelBtf::modules`].
    pub(super) module: Option<usize>,
    /// Of a table of operations, the member.
    pub(super) member: Option<u32>,
}

/// Finds what a program attaches to, in the kernel's types or in those of the program `to`.
pub(super) fn find<K: Kernel>(
    program: &Program,
    kernel: &K,
    types: Option<&KernelBtf>,
    to: Option<&K::Handle>,
) -> Result<Option<Target>, Error> {
    let Some(target) = &program.attach_btf else { return Ok(None) };
    match to {
        Some(to) => in_program(program, target, kernel, to).map(Some),
        None => {
            let found = find_attach_type(program, target, types, || kernel.kallsyms().ok())?;
            Ok(Some(Target { type_id: found.id.0, module: found.module, member: None }))
        }
    }
}

/// Finds a function of a program that is loaded.
fn in_program<K: Kernel>(program: &Program, target: &AttachBtf, kernel: &K, to: &K::Handle) -> Result<Target, Error> {
    let fault = |what: String| Error::AttachTarget {
        program: program.name.clone(),
        target: target.name.clone(),
        section: program.section.clone(),
        what,
    };
    let bytes = kernel.program_btf(to).map_err(|why| fault(format!("the program to attach to has no types: {why}")))?;
    let types = Btf::parse(bytes).map_err(|why| fault(format!("the types of the program to attach to: {why}")))?;
    let found = types.find(&target.name, Kind::Func);
    let type_id =
        found.ok_or_else(|| fault("the program to attach to has no such function in its types".to_owned()))?;
    Ok(Target { type_id: type_id.0, module: None, member: None })
}

/// What stands before names in BTF by what attaches there: libbpf's `btf_get_kernel_prefix_kind`.
const PREFIXES: [&str; 3] = ["btf_trace_", "bpf_lsm_", "bpf_iter_"];

/// Why a function that the kernel has is not in its BTF: pahole leaves out those of which the compiler changed the parameters
/// (`NAME.isra.0` and the like, of which only some are called as they are declared), and names that several functions have
/// with different prototypes; and modules may have no BTF at all.
fn without_btf(name: &str, kallsyms: &[u8]) -> Option<String> {
    let (mut whole, mut part, mut module) = (0, None, None);
    for line in kallsyms.split(|&byte| byte == b'\n') {
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let (_, Some(b"t" | b"T" | b"w" | b"W"), Some(symbol)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        match symbol.strip_prefix(name.as_bytes()) {
            Some([]) => {
                whole += 1;
                module = words.next().map(|word| String::from_utf8_lossy(word).into_owned());
            }
            Some([b'.', ..]) if part.is_none() => part = Some(String::from_utf8_lossy(symbol).into_owned()),
            _ => {}
        }
    }
    match (whole, part, module) {
        (0, None, _) => None,
        (0, Some(part), _) => Some(format!(
            "the kernel has {part}: the compiler made that of it, with other parameters or a part of its code"
        )),
        (1, _, Some(module)) => Some(format!(
            "module {module} has the function: its BTF leaves that out, or there is none (modules have BTF since Linux 5.11)"
        )),
        (1, _, None) => Some(
            "the kernel has the function: its parameters are not those that it is declared with, or it is in assembly"
                .to_owned(),
        ),
        (n, ..) => {
            Some(format!("the kernel has {n} functions of this name, and BTF leaves out those whose parameters differ"))
        }
    }
}

/// Finds what a program attaches to in vmlinux, or in the module that it names, or in any.
/// `symbols` gives `/proc/kallsyms`, and is asked when the target is not found.
fn find_attach_type(
    program: &Program,
    target: &AttachBtf,
    kernel: Option<&KernelBtf>,
    symbols: impl FnOnce() -> Option<Vec<u8>>,
) -> Result<KernelType, Error> {
    let fault = |what: String| Error::AttachTarget {
        program: program.name.clone(),
        target: target.name.clone(),
        section: program.section.clone(),
        what,
    };
    let kernel = kernel.ok_or_else(|| fault("there are no kernel types to look in".into()))?;
    let vmlinux = kernel.vmlinux();
    let in_vmlinux = target.module.as_deref().is_none_or(|module| module == "vmlinux");
    if in_vmlinux {
        if let Some(id) = vmlinux.find(&target.name, target.kind) {
            return Ok(KernelType { id, module: None });
        }
    }
    for (n, module) in kernel.modules().iter().enumerate() {
        if target.module.as_deref().is_some_and(|wanted| wanted != module.name()) {
            continue;
        }
        match module.btf(vmlinux) {
            Ok(btf) => {
                if let Some(id) = btf.find(&target.name, target.kind).filter(|id| *id >= btf.first_id()) {
                    return Ok(KernelType { id, module: Some(n) });
                }
            }
            Err(err) if target.module.is_some() => return Err(fault(format!("module '{}': {err}", module.name()))),
            Err(_) => {}
        }
    }
    let what = match &target.module {
        Some(module) => format!("module '{module}' has no such function or tracepoint in its BTF, or is not there"),
        None => "neither vmlinux nor any module has such a function or tracepoint in BTF".into(),
    };
    // The prefix stands for what the section's name asks for, and names are told as that spells them.
    let prefix = PREFIXES.iter().find(|prefix| target.name.starts_with(**prefix)).copied().unwrap_or_default();
    let name = target.name.strip_prefix(prefix).unwrap_or(&target.name);
    let traceable =
        |symbols: Vec<u8>| without_btf(name, &symbols).filter(|_| prefix.is_empty() && target.kind == Kind::Func);
    match symbols().and_then(traceable) {
        Some(why) => Err(fault(format!("{what}, though {why}"))),
        None => {
            let near = kernel.nearest_names(target.module.as_deref(), prefix, target.kind, name);
            Err(fault(what + &nearest::said(&near)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Lines as /proc/kallsyms of Debian's 6.12 has them.
    #[test]
    fn a_function_without_btf_says_why() {
        let kallsyms =
            b"ffffffff81000000 T entry_SYSCALL_64\nffffffff81000010 t do_it.isra.0\nffffffff81000020 t twice\n\
            ffffffff81000030 t twice\nffffffffc0a01000 t xfs_open\t[xfs]\nffffffff82000000 D jiffies\n";
        let why = |name| without_btf(name, kallsyms);
        assert!(why("entry_SYSCALL_64").unwrap().contains("the kernel has the function"));
        assert!(why("do_it").unwrap().starts_with("the kernel has do_it.isra.0"));
        assert!(why("twice").unwrap().contains("2 functions"));
        assert!(why("xfs_open").unwrap().starts_with("module [xfs] has the function"));
        assert_eq!(why("jiffies"), None, "no function");
        assert_eq!(why("do"), None);
    }
}
