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
use crate::raw::{Info, MEMBER_LEN, PARAM_LEN};
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
        let mut pointer = None;
        let strong = self.order_chain(id, through_pointer, depth, &mut pointer, text)?;
        if let Some(pointer) = pointer {
            self.state(pointer).order = Progress::Done;
        }
        Ok(strong)
    }

    /// Follows what only leads on to the next type. A pointer on the way is told: it is done when what it points to is.
    fn order_chain(
        &mut self,
        id: TypeId,
        through_pointer: bool,
        depth: u32,
        pointer: &mut Option<TypeId>,
        text: &mut Text<'_>,
    ) -> Result<bool, Error> {
        let (start, mut id, mut through_pointer) = (id, id, through_pointer);
        for _ in 0..MAX_CHAIN {
            text.step()?;
            let order = self.state(id).order;
            if order == Progress::Done {
                return Ok(true);
            }
            let head = self.records.head(id.0);
            if order == Progress::Doing {
                let declarable = head.kind().is_composite() && through_pointer && head.name != 0;
                return if declarable { Ok(false) } else { Err(Error::TypeCycle { id }) };
            }
            match head.kind() {
                Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag => id = TypeId(head.size_or_type),
                Kind::Ptr if pointer.is_none() => {
                    *pointer = Some(id);
                    id = TypeId(head.size_or_type);
                    through_pointer = true;
                }
                Kind::Array => {
                    let TypeData::Array(array) = self.get(id).data() else { return Ok(false) };
                    id = array.element;
                    through_pointer = false;
                }
                // A pointer to a struct is the most frequent of all.
                Kind::Struct | Kind::Union if through_pointer && head.name != 0 => return Ok(false),
                Kind::Int | Kind::Float | Kind::Func | Kind::Var | Kind::Datasec | Kind::DeclTag => {
                    self.state(id).order = Progress::Done;
                    return Ok(false);
                }
                _ => return self.order_other(&self.get(id), through_pointer, deeper(depth, start)?, text),
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
        match this.kind() {
            Kind::Ptr => {
                let strong = self.order(TypeId(this.size_or_type()), true, depth, text)?;
                self.state(id).order = Progress::Done;
                Ok(strong)
            }
            Kind::Struct | Kind::Union => {
                self.state(id).order = Progress::Doing;
                let record = self.records.get(id.0);
                for member in record.tail().chunks_exact(MEMBER_LEN) {
                    let member = TypeId(record.item_word(member, 4));
                    if !self.is_ordered(member) {
                        self.order(member, false, depth, text)?;
                    }
                }
                if is_named(this) {
                    self.queue.push(id);
                }
                self.state(id).order = Progress::Done;
                Ok(true)
            }
            Kind::Enum | Kind::Enum64 | Kind::Fwd => {
                if is_named(this) || !self.is_referenced(id) {
                    self.queue.push(id);
                }
                self.state(id).order = Progress::Done;
                Ok(true)
            }
            Kind::Typedef => {
                let strong = self.order(TypeId(this.size_or_type()), through_pointer, depth, text)?;
                if through_pointer && !strong {
                    return Ok(false);
                }
                self.queue.push(id);
                self.state(id).order = Progress::Done;
                Ok(true)
            }
            Kind::FuncProto => {
                let mut strong = self.order(TypeId(this.size_or_type()), through_pointer, depth, text)?;
                let record = self.records.get(id.0);
                for param in record.tail().chunks_exact(PARAM_LEN) {
                    let param = TypeId(record.item_word(param, 4));
                    strong |= self.is_ordered(param) || self.order(param, through_pointer, depth, text)?;
                }
                Ok(strong)
            }
            _ => Err(Error::UnknownKind { id, kind: Info::kind(this.info()) }),
        }
    }

    #[inline]
    pub(super) fn is_ordered(&mut self, id: TypeId) -> bool {
        self.state(id).order == Progress::Done
    }
}
