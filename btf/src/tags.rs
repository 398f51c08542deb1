//! Tags, found from what they are on.

use alloc::vec::Vec;

use crate::types::{Kind, TypeData};
use crate::{Btf, Type, TypeId};

/// How many modifiers are looked through for tags.
const MAX_CHAIN: usize = 64;

/// The declaration tags of a BTF's own types, by what they are on, what component of it, and their own ids.
pub(crate) struct TagIndex {
    tags: Vec<(TypeId, Option<u32>, TypeId)>,
}

impl TagIndex {
    pub(crate) fn build(btf: &Btf) -> TagIndex {
        let mut tags: Vec<_> = btf
            .own_types()
            .filter_map(|this| match this.data() {
                TypeData::DeclTag(tag) => Some((tag.target, tag.component, this.id())),
                _ => None,
            })
            .collect();
        tags.sort_unstable();
        TagIndex { tags }
    }

    fn of(&self, target: TypeId, component: Option<u32>) -> impl Iterator<Item = TypeId> {
        let first = self.tags.partition_point(|&(t, c, _)| (t, c) < (target, component));
        let rest = self.tags.get(first..).unwrap_or_default();
        rest.iter().take_while(move |&&(t, c, _)| (t, c) == (target, component)).map(|&(_, _, id)| id)
    }
}

impl Btf {
    /// The declaration tags on a type, function or variable, or on one of its members or parameters: `bpf_kfunc` on a function,
    /// `contains:…` on a member. Found through an index, which is built once.
    ///
    /// ```
    /// use purebpf_btf::{Btf, Linkage, TypeId, builder::Builder};
    ///
    /// let mut builder = Builder::new();
    /// let proto = builder.add_func_proto(TypeId::VOID)?;
    /// let func = builder.add_func("bpf_iter_num_new", Linkage::STATIC, proto)?;
    /// builder.add_decl_tag("bpf_kfunc", func, None)?;
    /// let btf = Btf::parse(builder.finish())?;
    /// assert!(btf.decl_tags(func, None).any(|tag| tag.name() == Some("bpf_kfunc")));
    /// # Ok::<(), purebpf_btf::Error>(())
    /// ```
    pub fn decl_tags(&self, target: TypeId, component: Option<u32>) -> impl Iterator<Item = Type<'_>> {
        // A module may tag what its kernel has.
        let levels = core::iter::successors(Some(self), |btf| btf.base());
        levels.flat_map(move |btf| btf.tag_index().of(target, component)).map(|id| self.type_or_void(id))
    }

    /// The type tags among the modifiers of a type, outermost first: of what a pointer points to, `user` for `__user`. A typedef ends
    /// the search.
    pub fn type_tags(&self, id: TypeId) -> impl Iterator<Item = Type<'_>> {
        let next = |this: &Type<'_>| match this.kind().is_modifier() {
            true => Some(self.type_or_void(TypeId(this.size_or_type()))),
            false => None,
        };
        let chain = core::iter::successors(Some(self.type_or_void(id)), next).take(MAX_CHAIN);
        chain.filter(|this| this.kind() == Kind::TypeTag)
    }
}
