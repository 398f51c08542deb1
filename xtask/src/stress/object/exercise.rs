//! Everything that can be done with an object without a kernel. What was begun and not finished must leave nothing.

use super::refusing::Refusing;
use crate::error::{Context, Result};
use purebpf::{
    OpenObject,
    btf::{Btf, KernelBtf},
    elf_loader::{
        link::{KsymsPresent, Linker},
        load::{self, DryKernel, FailNth, Kernel, Options},
        object::{Object, btf_section},
    },
    sys::{probes::Feature, uapi::ProgType},
};
use std::fmt;

pub(super) struct Exercise {
    kernel: KernelBtf,
}

/// What the objects of the pool look for, and a line that is none.
const KALLSYMS: &str = "ffffffff81000000 T _text\nffffffff81a00000 D bpf_prog_active\nffffffff81a00100 T bpf_fentry_test1\n\
                        ffffffff82000000 d init_task\t[module]\nxyz\n";
const CONFIG: &str =
    "# CONFIG_UML is not set\nCONFIG_HZ=250\nCONFIG_BPF=y\nCONFIG_NET=m\nCONFIG_DEFAULT_HOSTNAME=\"(none)\"\n";

/// What a load asks a kernel for, and goes on without.
const FEATURES: [Feature; 16] = [
    Feature::ProgName,
    Feature::GlobalData,
    Feature::Btf,
    Feature::BtfFunc,
    Feature::BtfGlobalFunc,
    Feature::BtfDatasec,
    Feature::ArrayMmap,
    Feature::ExpAttachType,
    Feature::ProbeReadKernel,
    Feature::ModuleBtf,
    Feature::BtfFloat,
    Feature::BtfDeclTag,
    Feature::BtfTypeTag,
    Feature::BtfEnum64,
    Feature::BtfQmarkDatasec,
    Feature::ArgCtxTag,
];

impl Exercise {
    pub(super) fn new(kernel: Vec<u8>) -> Result<Exercise> {
        Ok(Exercise { kernel: KernelBtf::new(Btf::parse(kernel).context("the kernel's BTF")?) })
    }

    /// Does it all. 1 for an object that opens; 2 if a program of it links against the kernel, 3 if it loads.
    pub(super) fn run(&self, bytes: &[u8]) -> usize {
        let _ = btf_section(bytes).map_err(told);
        // Through the facade: what sections say of programs goes onto them.
        let mut open = match purebpf::Object::open_bytes(bytes, "damaged.bpf.o") {
            Ok(open) => open,
            Err(error) => {
                told(error);
                return 0;
            }
        };
        set_globals(&mut open);
        let choice = bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        let own = open.description().btf.as_ref().and_then(|btf| Btf::parse(btf.raw_data().to_vec()).ok());
        let own = own.map(KernelBtf::new);
        let links = self.link(&mut open, own.as_ref(), choice);
        let loads = self.load(open.description(), own, choice);
        1 + usize::from(links) + usize::from(links && loads)
    }

    /// Every program against the kernel, the object's own types, which match whatever they are, and none. What links against the
    /// kernel is left to be loaded; all that has a type, sometimes. Whether anything links.
    fn link(&self, open: &mut OpenObject, own: Option<&KernelBtf>, choice: usize) -> bool {
        let mut linked = Vec::new();
        for kernel in [None, own, Some(&self.kernel)] {
            let linker = Linker::new(open.description(), kernel, &KsymsPresent);
            for relocation in linker.core_relocations() {
                let _ = format!("{:?}", relocation.outcome).len();
            }
            let externs = linker.externs().iter();
            externs.filter_map(|value| value.as_ref().err()).for_each(told);
            linked = open.program_ids().map(|id| linker.link(id).map_err(told).is_ok()).collect();
        }
        let all = choice % 8 == 1;
        for (program, linked) in open.description_mut().programs.iter_mut().zip(&linked) {
            program.autoload = (*linked || all) && program.prog_type != ProgType::UNSPEC;
        }
        linked.contains(&true)
    }

    /// Into a kernel that can do everything, lacks something, refuses all programs, or fails at some call or all from there on.
    fn load(&self, object: &Object, own: Option<KernelBtf>, choice: usize) -> bool {
        // Which of the features are missing: none, mostly.
        let lacking = FEATURES.iter().enumerate().filter(|(n, _)| choice.is_multiple_of(4) && choice >> n & 4 != 0);
        let kernel = DryKernel::new((choice % 16 != 3).then(|| self.kernel.clone()));
        let kernel = kernel.with_kallsyms(KALLSYMS).with_config(CONFIG).without(lacking.map(|(_, feature)| *feature));
        let core_btf = own.filter(|_| choice % 8 == 5);
        let (call, errno) = (choice / 8 % 64, 1 + (choice / 512 % 40) as i32);
        let loaded = match choice % 8 {
            2 => load(object, FailNth::new(kernel.clone(), call, errno), core_btf),
            4 => load(object, Refusing { dry: kernel.clone(), seed: choice as u64 }, core_btf),
            6 => load(object, FailNth::new(kernel.clone(), call, errno).for_good(), core_btf),
            _ => load(object, kernel.clone(), core_btf),
        };
        assert_eq!(kernel.live(), 0, "something is left in the kernel");
        // A kernel in which nothing works any more lets nobody take a pin away.
        assert!(loaded || choice % 8 == 6 || kernel.pins().is_empty(), "a pin is left: {:?}", kernel.pins());
        loaded
    }
}

/// Gives each variable the value that it has.
fn set_globals(open: &mut OpenObject) {
    let names: Vec<String> = open.description().variables.iter().map(|variable| variable.name.clone()).collect();
    for name in names {
        let Ok(mut global) = open.global_mut(&name).map_err(told) else { continue };
        if let Ok(value) = global.get::<u32>() {
            let _ = global.set(value);
        }
    }
}

fn load(object: &Object, kernel: impl Kernel, core_btf: Option<KernelBtf>) -> bool {
    let mut options = Options::default();
    options.core_btf = core_btf;
    load::prepare(object, kernel, options).and_then(|prepared| prepared.load(object)).map_err(told).is_ok()
}

/// An error, in words: those are made of what was damaged.
fn told(error: impl fmt::Display) {
    let _ = error.to_string();
}
