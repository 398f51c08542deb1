//! What the kernel asks of BTF that is loaded into it (`bpf(BPF_BTF_LOAD)`), beyond what a reader needs.
//!
//! [`Btf::parse`] takes what can be walked. The kernel also wants sections without gaps between them, names that are
//! identifiers, members within their structs, prototypes of complete types, variables in order, no type that holds itself, and more.
//! [`Btf::validate_for_kernel`] goes through the same checks in the same order (`btf_check_all_metas`, then
//! `btf_check_all_types` of `kernel/bpf/btf.c`) and names the first type that fails, without a kernel.
//!
//! What depends on the running kernel is not checked: the special fields of maps' values (`bpf_spin_lock`, `bpf_list_head`, kptrs, …), and
//! who may load BTF at all. BTF of vmlinux and of modules comes to the kernel in other ways and need not pass.

mod meta;
mod names;
mod resolve;

use crate::raw::{self, Endian};
use crate::records::Records;
use crate::{Btf, Error, TypeId};

/// `BTF_MAX_SIZE`: the kernel takes no more bytes.
const MAX_SIZE: usize = 16 << 20;
/// `BTF_MAX_TYPE`: no id beyond it can be referred to.
const MAX_TYPE: u32 = 0xfffff;
/// `BTF_MAX_NAME_OFFSET`.
const MAX_NAME_OFFSET: u32 = 0xff_ffff;

/// Which kernel's rules: they grew and shrank with the versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelRules {
    endian: Endian,
    /// A header of 32 bytes, 24 bits of `vlen`, strings before types; and type tags in any place (7.0).
    linux_7_0: bool,
    /// `kind_flag` of tags (6.14).
    tag_attributes: bool,
    /// Section names of any printable characters (between 6.1 and 6.12).
    any_section_name: bool,
}

impl KernelRules {
    /// The rules of a version, `(6, 12)` for Linux 6.12. Kernels before 6.1 refuse some of what it accepts, such as kinds that came
    /// later.
    ///
    /// They were held against Linux 6.1, 6.12, 6.18 and 7.2; where a rule changed between two of these, the newer one is taken to
    /// come with the newer.
    pub fn linux(major: u32, minor: u32) -> KernelRules {
        let version = (major, minor);
        KernelRules {
            endian: Endian::NATIVE,
            linux_7_0: version >= (7, 0),
            tag_attributes: version >= (6, 14),
            any_section_name: version >= (6, 12),
        }
    }

    /// The same for a machine of this byte order, which wants BTF in its own. At first that of this machine.
    pub fn endian(self, endian: Endian) -> KernelRules {
        KernelRules { endian, ..self }
    }
}

impl Btf {
    /// Checks whether a kernel would load this BTF: see [`validate`](crate::validate).
    ///
    /// ```
    /// use purebpf_btf::{Btf, IntEncoding, builder::Builder, validate::KernelRules};
    ///
    /// let mut builder = Builder::new();
    /// builder.add_int("int", 4, IntEncoding::SIGNED)?;
    /// builder.add_typedef("not a name", purebpf_btf::TypeId(1))?;
    /// let btf = Btf::parse(builder.finish())?;
    /// let refused = btf.validate_for_kernel(KernelRules::linux(6, 18)).unwrap_err();
    /// assert_eq!(refused.to_string(), "the kernel refuses BTF type [2]: its name is no identifier");
    /// # Ok::<(), purebpf_btf::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::KernelRefuses`] with the first type that fails; type 0 where it is none in particular.
    pub fn validate_for_kernel(&self, rules: KernelRules) -> Result<(), Error> {
        check_sections(self, rules)?;
        let validator = Validator { records: self.records(), rules, strings: self.own_strings() };
        validator.check_records()?;
        resolve::Resolver::new(validator).check_types()
    }
}

/// What all checks look at.
#[derive(Clone, Copy)]
struct Validator<'a> {
    records: Records<'a>,
    rules: KernelRules,
    strings: &'a [u8],
}

fn refuse(id: u32, why: &'static str) -> Error {
    Error::KernelRefuses { id: TypeId(id), why }
}

/// The header, and that its sections follow one another to the end.
fn check_sections(btf: &Btf, rules: KernelRules) -> Result<(), Error> {
    let fail = |why| Err(refuse(0, why));
    let (bytes, header) = (btf.raw_data(), btf.header());
    let header_len = header.hdr_len as usize;
    let known_len = if rules.linux_7_0 { raw::HEADER_LEN_LAYOUT } else { raw::HEADER_LEN };
    if btf.base().is_some() {
        return fail("it is split over a base");
    }
    if bytes.len() > MAX_SIZE {
        return fail("it is larger than 16 MiB");
    }
    if btf.endian() != rules.endian {
        return fail("its byte order is not the machine's");
    }
    if header.version != raw::VERSION || header.flags != 0 {
        return fail("its version or a flag of its header is unknown");
    }
    if bytes.get(known_len..header_len).is_some_and(|rest| rest.iter().any(|&byte| byte != 0)) {
        return fail("its header has fields that the kernel does not know");
    }
    let mut sections = [header.types.clone(), header.strings.clone(), header.layout.clone().unwrap_or(0..0)];
    let sections = if header.layout.is_some() { &mut sections[..] } else { &mut sections[..2] };
    sections.sort_by_key(|section| (section.start, section.end));
    let mut end = header_len;
    for section in sections.iter() {
        if section.start != end {
            return fail("its sections do not follow one another");
        }
        end = section.end;
    }
    if end != bytes.len() {
        return fail("bytes follow its sections");
    }
    let strings_may_come_first = rules.linux_7_0 && header_len >= raw::HEADER_LEN_LAYOUT;
    if !strings_may_come_first && header.strings.end != bytes.len() {
        return fail("its strings are not at the end");
    }
    let strings = btf.own_strings();
    if strings.first() != Some(&0) || strings.last() != Some(&0) {
        return fail("its string section does not begin and end with a NUL");
    }
    if header.types.is_empty() {
        return fail("it has no types");
    }
    if let Some(layout) = &header.layout {
        if (layout.start - header_len) % 4 != 0 || layout.len() % 4 != 0 {
            return fail("its layout section is not aligned to 4 bytes");
        }
    }
    Ok(())
}
