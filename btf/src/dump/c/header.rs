//! A whole `vmlinux.h`.

use alloc::vec::Vec;
use core::fmt;

use super::names::Name;
use super::{Dumper, Nesting, sort};
use crate::dump::component_idx;
use crate::dump::text::Text;
use crate::{Btf, Error, Kind, Type, TypeData, TypeId};

/// What stands before the types: an include guard, the attribute that makes every access to them a
/// CO-RE relocation, and the macros that prototypes of kfuncs need. Text as of bpftool 7.8.
const BEGINNING: &str = "\
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

#ifndef __ksym
#define __ksym __attribute__((section(\".ksyms\")))
#endif

#ifndef __weak
#define __weak __attribute__((weak))
#endif

#ifndef __bpf_fastcall
#if __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif
#endif

";

const KFUNCS_BEGINNING: &str = "
/* BPF kfuncs */
#ifndef BPF_NO_KFUNC_PROTOTYPES
";

const KFUNCS_END: &str = "#endif

";

const END: &str = "\
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* __VMLINUX_H__ */
";

/// Writes a C header of all types of a BTF (of split BTF, those of its base too), as
/// `bpftool btf dump file F format c` does: `vmlinux.h`.
///
/// ```
/// use purebpf_btf::{Btf, IntEncoding, builder::Builder, dump::c::Header};
///
/// let mut builder = Builder::new();
/// let int = builder.add_int("int", 4, IntEncoding::SIGNED)?;
/// builder.add_typedef("pid_t", int)?;
/// let btf = Btf::parse(builder.finish())?;
///
/// let mut text = String::new();
/// Header::new(&btf).write(&mut text)?;
/// assert!(text.contains("typedef int pid_t;\n"));
/// # Ok::<(), purebpf_btf::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    btf: &'a Btf,
    sorted: bool,
    roots: Option<&'a [TypeId]>,
}

impl<'a> Header<'a> {
    /// A header of all types of `btf`, sorted.
    pub fn new(btf: &'a Btf) -> Header<'a> {
        Header { btf, sorted: true, roots: None }
    }

    /// Whether types are sorted by kind and name (the default), as far as one does not need the
    /// other first; or stand in the order of their ids (bpftool's `unsorted`).
    ///
    /// bpftool's sorted header lacks the type that sorts first, usually an anonymous enum, unless
    /// another type needs it; so does this one.
    pub fn sorted(mut self, sorted: bool) -> Self {
        self.sorted = sorted;
        self
    }

    /// Writes these types only, in this order, each with what it needs; and no prototypes of
    /// kfuncs (bpftool's `root_id`).
    pub fn roots(mut self, roots: &'a [TypeId]) -> Self {
        self.roots = Some(roots);
        self
    }

    /// Writes the header.
    ///
    /// # Errors
    /// When a type cannot be said in C, or the writer fails. What was written by then is incomplete.
    pub fn write(&self, writer: &mut dyn fmt::Write) -> Result<(), Error> {
        for &root in self.roots.unwrap_or_default() {
            self.btf.type_by_id(root)?;
        }
        let mut text = Text::new(self.btf, writer);
        let text = &mut text;
        let mut dumper = Dumper::new(self.btf);
        text.str(BEGINNING);
        match self.roots {
            Some(roots) => roots.iter().try_for_each(|&id| dumper.dump(id, text))?,
            None => {
                if self.sorted {
                    sort::sorted(self.btf, text)?.into_iter().try_for_each(|id| dumper.dump(id, text))?;
                } else {
                    (1..self.btf.type_count()).try_for_each(|id| dumper.dump(TypeId(id), text))?;
                }
                dumper.write_kfuncs(text)?;
            }
        }
        text.str(END);
        text.flush()
    }
}

impl Dumper<'_> {
    /// Writes prototypes of the kernel functions that programs may call, by name. The kernel's build
    /// marks them with a declaration tag.
    fn write_kfuncs(&mut self, text: &mut Text<'_>) -> Result<(), Error> {
        text.str(KFUNCS_BEGINNING);
        let mut kfuncs: Vec<Type<'_>> = Vec::new();
        let mut fastcalls: Vec<TypeId> = Vec::new();
        for id in 1..self.records.count() {
            if self.records.head(id).kind() != Kind::DeclTag {
                continue;
            }
            let tag = self.get(TypeId(id));
            let TypeData::DeclTag(data) = tag.data() else { continue };
            let func = self.btf.type_or_void(data.target);
            if component_idx(&tag) != -1 || func.kind() != Kind::Func {
                continue;
            }
            if tag.name_is(b"bpf_kfunc") {
                text.charge(func.name_bytes().len())?;
                kfuncs.push(func);
            } else if tag.name_is(b"bpf_fastcall") {
                fastcalls.push(func.id());
            }
        }
        kfuncs.sort_by_key(Type::name_bytes);
        fastcalls.sort_unstable();
        for func in kfuncs {
            let TypeData::Func(data) = func.data() else { continue };
            text.str("extern ");
            if fastcalls.binary_search(&func.id()).is_ok() {
                text.str("__bpf_fastcall ");
            }
            self.write_declaration(data.proto, Name::plain(func.name_bytes()), Nesting::at(0), text)?;
            text.str(" __weak __ksym;\n");
        }
        text.str(KFUNCS_END);
        Ok(())
    }
}
