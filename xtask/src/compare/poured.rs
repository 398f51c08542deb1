//! Many kernels' types in one BTF, as if they were units of one program: those of each kernel and of all its modules, hardly two
//! of which are quite the same. It is what deduplication takes longest over.

use super::inputs::{NATIVE, Place, Subject};
use crate::{
    corpus::btf::KernelTypes,
    error::{Context, Result},
    workspace::{create_dir, target_dir, write},
};
use purebpf_btf::{Btf, TypeId, builder::Builder};

/// What it is called.
pub(super) const POURED: &str = "poured";

/// The types of all these kernels that have the machine's byte order.
pub(super) fn subject(kernels: &[KernelTypes]) -> Result<Option<Subject>> {
    let mut builder = Builder::new();
    let mut count = 0;
    for kernel in kernels {
        let vmlinux = super::inputs::parse(&kernel.vmlinux, None)?;
        if vmlinux.endian() != NATIVE {
            continue;
        }
        count += 1;
        let start = builder.append(&vmlinux).context(kernel.name)?;
        for module in &kernel.modules {
            let split = super::inputs::parse(&module.btf, Some(&vmlinux))?;
            pour(&mut builder, &split, start).context(&module.name)?;
        }
    }
    if count < 2 {
        return Ok(None);
    }
    let file = target_dir().join("compare/poured.btf");
    create_dir(&target_dir().join("compare"))?;
    let bytes = builder.finish();
    write(&file, &bytes)?;
    let btf = Btf::parse(bytes).context(POURED)?;
    println!("{POURED}: {} types, {} bytes, of {count} kernels", btf.own_types().len(), btf.raw_data().len());
    Ok(Some(Subject {
        group: POURED.to_owned(),
        name: "types".to_owned(),
        file,
        base: None,
        btf,
        clang_target: "bpf",
        place: Place::Gathered,
        other_kernel: None,
    }))
}

/// Appends the types of a module whose kernel's begin at `start`.
fn pour(builder: &mut Builder, module: &Btf, start: TypeId) -> std::result::Result<(), purebpf_btf::Error> {
    let (first, here) = (module.first_id().0, builder.type_count());
    for item in module.own_types() {
        builder.add_type_of(&item, |id| {
            Ok(TypeId(match id.0 {
                0 => 0,
                of_kernel if of_kernel < first => of_kernel - 1 + start.0,
                own => own - first + here,
            }))
        })?;
    }
    Ok(())
}
