//! Which definitions a type needs, and in what order.
//!
//! A walk in depth over all that a type refers to, which appends to the queue each definition that
//! it leaves. Two things make it more than a topological sort:
//!
//! - A named struct or union behind a pointer is no need, since a forward declaration will do; the
//!   walk stops there. A typedef behind a pointer is one only if what it names is.
//! - An anonymous struct stands inside its user, wherever that is: behind a pointer, too, the
//!   types of its members are needed.
//!
//! What the walk returns is whether a need was met on the way (a *strong* link), which is what a
//! typedef wants to know. It depends on what was visited before: the first pointer to an `int`
//! is no strong link, the second one is. Strange, but it decides where in the output a typedef
//! stands, and is therefore kept as libbpf has it.

use super::{Dumper, MAX_CHAIN, Progress, deeper, is_named};
use crate::dump::text::Text;
use crate::raw::Info;
use crate::{Error, Kind, Type, TypeData, TypeId};

impl Dumper<'_> {
    /// Queues what `id` needs, and itself if it is a definition. `through_pointer` says whether it
    /// is reached by way of a pointer.
    #[doc(alias = "btf_dump_order_type")]
    pub(super) fn order(
        &mut self,
        id: TypeId,
        through_pointer: bool,
        depth: u32,
        text: &mut Text<'_>,
    ) -> Result<bool, Error> {
        let (start, mut id, mut through_pointer) = (id, id, through_pointer);
        // Modifiers and arrays only lead on to the next type.
        for _ in 0..MAX_CHAIN {
            text.step()?;
            let order = self.state(id).order;
            if order == Progress::Done {
                return Ok(true);
            }
            let this = self.get(id);
            if order == Progress::Doing {
                let declarable = this.kind().is_composite() && through_pointer && is_named(&this);
                return if declarable { Ok(false) } else { Err(Error::TypeCycle { id }) };
            }
            match this.kind() {
                Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => id = TypeId(this.size_or_type()),
                Kind::Array => {
                    let TypeData::Array(array) = this.data() else { return Ok(false) };
                    id = array.element;
                    through_pointer = false;
                }
                // More than half of a kernel's types are functions.
                Kind::Int | Kind::Float | Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag => {
                    self.state(id).order = Progress::Done;
                    return Ok(false);
                }
                _ => return self.order_other(&this, through_pointer, deeper(depth, start)?, text),
            }
        }
        Err(Error::TooDeep { id: start, limit: MAX_CHAIN })
    }

    fn order_other(
        &mut self,
        this: &Type<'_>,
        through_pointer: bool,
        depth: u32,
        text: &mut Text<'_>,
    ) -> Result<bool, Error> {
        let id = this.id();
        match this.data() {
            TypeData::Ptr(target) => {
                let strong = self.order(target, true, depth, text)?;
                self.state(id).order = Progress::Done;
                Ok(strong)
            }
            TypeData::Struct(composite) | TypeData::Union(composite) => {
                if through_pointer && is_named(this) {
                    return Ok(false);
                }
                self.state(id).order = Progress::Doing;
                for member in composite.members() {
                    self.order(member.type_id, false, depth, text)?;
                }
                if is_named(this) {
                    self.queue.push(id);
                }
                self.state(id).order = Progress::Done;
                Ok(true)
            }
            TypeData::Enum(_) | TypeData::Enum64(_) | TypeData::Fwd(_) => {
                if is_named(this) || !self.is_referenced(id) {
                    self.queue.push(id);
                }
                self.state(id).order = Progress::Done;
                Ok(true)
            }
            TypeData::Typedef(target) => {
                let strong = self.order(target, through_pointer, depth, text)?;
                if through_pointer && !strong {
                    return Ok(false);
                }
                self.queue.push(id);
                self.state(id).order = Progress::Done;
                Ok(true)
            }
            TypeData::FuncProto(proto) => {
                let mut strong = self.order(proto.ret, through_pointer, depth, text)?;
                for param in proto.params() {
                    strong |= self.order(param.type_id, through_pointer, depth, text)?;
                }
                Ok(strong)
            }
            _ => Err(Error::UnknownKind { id, kind: Info::kind(this.info()) }),
        }
    }
}
