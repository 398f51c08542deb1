//! The second pass: what types refer to.
//!
//! The kernel walks from each type, in the order of ids, with a stack of 32; which references it follows depends on what the walk
//! began with (`env_resolve_mode`), and what a finished type resolved to is kept. So the verdict on odd BTF depends on the order of
//! ids, and this is the same walk.

use alloc::vec;
use alloc::vec::Vec;

use super::{MAX_TYPE, Validator, refuse};
use crate::Error;
use crate::raw;
use crate::records::{Head, Record, Records};
use crate::types::Kind;

/// `MAX_RESOLVE_DEPTH`.
const MAX_DEPTH: usize = 32;
/// What a pointer takes up in the kernel.
const POINTER_SIZE: u32 = 8;

type Verdict<T = ()> = Result<T, (u32, &'static str)>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Resolved,
}

/// What a walk follows: `enum resolve_mode`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    ToBeDecided,
    Pointers,
    Contents,
}

pub(super) struct Resolver<'a> {
    validator: Validator<'a>,
    records: Records<'a>,
    states: Vec<State>,
    /// What each type resolved to, and an array's size.
    targets: Vec<u32>,
    sizes: Vec<u32>,
    /// Types that are being resolved, with the item of their list to go on with.
    stack: Vec<(u32, usize)>,
    mode: Mode,
}

/// A type with a size: itself, its id, and the size in bytes.
type Sized = (Head, u32, u32);

impl<'a> Resolver<'a> {
    pub(super) fn new(validator: Validator<'a>) -> Resolver<'a> {
        let count = validator.records.count() as usize;
        Resolver {
            validator,
            records: validator.records,
            states: vec![State::New; count],
            targets: vec![0; count],
            sizes: vec![0; count],
            stack: Vec::new(),
            mode: Mode::ToBeDecided,
        }
    }

    pub(super) fn check_types(mut self) -> Result<(), Error> {
        for id in self.records.own() {
            let checked = self.check_type(id);
            checked.map_err(|(id, why)| refuse(id, why))?;
        }
        self.check_chains().map_err(|(id, why)| refuse(id, why))
    }

    fn check_type(&mut self, id: u32) -> Verdict {
        let kind = self.records.head(id).kind();
        if needs_resolving(kind) && !self.is_resolved(id) {
            self.resolve(id)?;
        }
        if kind == Kind::FuncProto { self.check_proto(id) } else { Ok(()) }
    }

    /// The type of an id that the kernel knows.
    fn get(&self, id: u32) -> Option<Head> {
        (id < self.records.count() && id < MAX_TYPE).then(|| self.records.head(id))
    }

    fn state(&mut self, id: u32) -> &mut State {
        let at = (id as usize).min(self.states.len().saturating_sub(1));
        &mut self.states[at]
    }

    fn is_resolved(&self, id: u32) -> bool {
        self.states.get(id as usize) == Some(&State::Resolved)
    }

    fn target(&self, id: u32) -> u32 {
        self.targets.get(id as usize).copied().unwrap_or(0)
    }

    /// `btf_type_id_size`.
    fn sized(&self, id: u32) -> Option<Sized> {
        let head = self.get(id)?;
        match head.kind() {
            kind if has_no_size(kind) => None,
            kind if kind.is_modifier() || matches!(kind, Kind::Typedef | Kind::Var) => {
                let target = self.target(id);
                self.own_size(self.get(target)?, target)
            }
            _ => self.own_size(head, id),
        }
    }

    fn own_size(&self, head: Head, id: u32) -> Option<Sized> {
        match head.kind() {
            kind if kind.has_size() => Some((head, id, head.size_or_type)),
            Kind::Array => Some((head, id, self.sizes.get(id as usize).copied().unwrap_or(0))),
            Kind::Ptr => Some((head, id, POINTER_SIZE)),
            _ => None,
        }
    }

    fn resolve(&mut self, root: u32) -> Verdict {
        self.mode = Mode::ToBeDecided;
        self.stack.clear();
        self.push(root).map_err(|why| (root, why))?;
        while let Some(&(id, next)) = self.stack.last() {
            let head = self.records.head(id);
            let step = match head.kind() {
                Kind::Ptr | Kind::Var => self.step_reference(head),
                kind if kind.is_modifier() || kind == Kind::Typedef => self.step_reference(head),
                Kind::Array => self.step_array(id),
                Kind::Struct | Kind::Union => self.step_composite(id, head, next),
                Kind::Func => self.step_func(head),
                Kind::DeclTag => self.step_tag(id, head),
                Kind::Datasec => self.step_section(id, next),
                _ => Err("it cannot be resolved"),
            };
            step.map_err(|why| (id, why))?;
        }
        Ok(())
    }

    fn push(&mut self, id: u32) -> Result<(), &'static str> {
        if self.stack.len() == MAX_DEPTH {
            return Err("it leads through more than 32 types");
        }
        if *self.state(id) != State::New {
            return Err("it is part of itself");
        }
        *self.state(id) = State::Open;
        self.stack.push((id, 0));
        if self.mode == Mode::ToBeDecided {
            self.mode = match self.records.head(id).kind() {
                Kind::Ptr => Mode::Pointers,
                Kind::Struct | Kind::Union | Kind::Array => Mode::Contents,
                _ => Mode::ToBeDecided,
            };
        }
        Ok(())
    }

    fn pop(&mut self, target: u32, size: u32) {
        let Some((id, _)) = self.stack.pop() else { return };
        *self.state(id) = State::Resolved;
        if let (Some(t), Some(s)) = (self.targets.get_mut(id as usize), self.sizes.get_mut(id as usize)) {
            (*t, *s) = (target, size);
        }
    }

    /// Whether the walk ends at a type of this kind.
    fn is_sink(&self, kind: Kind) -> bool {
        let leads_on = kind.is_modifier() || kind == Kind::Typedef;
        match self.mode {
            Mode::ToBeDecided => !needs_resolving(kind),
            Mode::Pointers => !leads_on && kind != Kind::Ptr,
            Mode::Contents => !leads_on && !matches!(kind, Kind::Array | Kind::Struct | Kind::Union),
        }
    }

    /// Whether a type must be resolved first; if so, it is on the stack now.
    fn is_pending(&mut self, id: u32) -> Result<bool, &'static str> {
        let is_pending = !self.is_sink(self.records.head(id).kind()) && !self.is_resolved(id);
        if is_pending {
            self.push(id)?;
        }
        Ok(is_pending)
    }

    /// A modifier, a typedef, a pointer, a variable.
    fn step_reference(&mut self, head: Head) -> Result<(), &'static str> {
        const BAD: &str = "what it refers to is no type for it";
        let next = head.size_or_type;
        let target = self.get(next).filter(|target| !stands_alone(target.kind())).ok_or(BAD)?;
        if self.is_pending(next)? {
            return Ok(());
        }
        let kind = head.kind();
        let leads_on = target.kind().is_modifier() || target.kind() == Kind::Typedef;
        if matches!(kind, Kind::Ptr | Kind::Var) && leads_on {
            // A modifier that was resolved within a struct may have stopped at a pointer.
            let stop = self.target(next);
            if self.records.head(stop).kind() == Kind::Ptr && self.is_pending(stop)? {
                return Ok(());
            }
        }
        if let Some((_, resolved, _)) = self.sized(next) {
            self.pop(resolved, 0);
            return Ok(());
        }
        if kind == Kind::Var {
            return Err("the variable is of a type without size");
        }
        let end = if self.is_resolved(next) { self.target(next) } else { next };
        match self.records.head(end).kind() {
            Kind::Void | Kind::Fwd | Kind::FuncProto => self.pop(end, 0),
            _ => return Err(BAD),
        }
        Ok(())
    }

    fn step_array(&mut self, id: u32) -> Result<(), &'static str> {
        const BAD_INDEX: &str = "its index is no integer";
        const BAD_ELEMENT: &str = "its elements are of no type for it";
        let record = self.records.get(id);
        let (element, index, len) = (record.word(12), record.word(16), record.word(20));
        self.part(index).ok_or(BAD_INDEX)?;
        if self.is_pending(index)? {
            return Ok(());
        }
        self.sized(index).filter(|&(_, id, _)| self.is_regular_int(id)).ok_or(BAD_INDEX)?;
        self.part(element).ok_or(BAD_ELEMENT)?;
        if self.is_pending(element)? {
            return Ok(());
        }
        let (head, resolved, size) = self.sized(element).ok_or(BAD_ELEMENT)?;
        if head.kind() == Kind::Int && !self.is_regular_int(resolved) {
            return Err("its elements are integers of odd width");
        }
        let size = size.checked_mul(len).ok_or("its size overflows")?;
        self.pop(resolved, size);
        Ok(())
    }

    /// A type that can be part of another.
    fn part(&self, id: u32) -> Option<Head> {
        self.get(id).filter(|head| !has_no_size(head.kind()) && !stands_alone(head.kind()))
    }

    fn is_regular_int(&self, id: u32) -> bool {
        let record = self.records.get(id);
        let data = record.word(12);
        record.head().kind() == Kind::Int && matches!(data & 0xff, 8 | 16 | 32 | 64 | 128) && data >> 16 & 0xff == 0
    }

    fn step_composite(&mut self, id: u32, head: Head, next: usize) -> Result<(), &'static str> {
        let record = self.records.get(id);
        let members = || record.tail().chunks_exact(raw::MEMBER_LEN);
        // The member for which the struct was left is resolved by now.
        if let Some(member) = next.checked_sub(1).and_then(|last| members().nth(last)) {
            self.check_member(head, record, member)?;
        }
        for (n, member) in members().enumerate().skip(next) {
            let type_id = record.item_word(member, 4);
            let of_member = self.part(type_id).ok_or("a member is of no type for it")?;
            if !self.is_sink(of_member.kind()) && !self.is_resolved(type_id) {
                if let Some(top) = self.stack.last_mut() {
                    top.1 = n + 1;
                }
                return self.push(type_id);
            }
            self.check_member(head, record, member)?;
        }
        self.pop(0, 0);
        Ok(())
    }

    fn check_member(&self, owner: Head, record: Record<'_>, member: &[u8]) -> Result<(), &'static str> {
        const BEYOND: &str = "a member ends past its end";
        const WIDE: &str = "a member has more than 128 bits";
        let (mut id, word) = (record.item_word(member, 4), record.item_word(member, 8));
        let mut head = self.records.head(id);
        if head.kind().is_modifier() || head.kind() == Kind::Typedef {
            (head, id, _) = self.sized(id).ok_or("a member is of no type for it")?;
        }
        let kind = head.kind();
        let data = self.records.get(id).word(12);
        let size = u64::from(owner.size_or_type);
        let fits = |start: u64, bytes: u64| start <= size && size - start >= bytes;
        let (mut width, mut offset) = match owner.info.kind_flag() {
            true => (word >> 24, u64::from(word & 0xff_ffff)),
            false => (0, u64::from(word)),
        };
        match (owner.info.kind_flag(), kind) {
            (true, Kind::Int) => {
                if !self.is_regular_int(id) {
                    return Err("a member is an integer of odd width");
                }
                if width == 0 {
                    if offset % 8 != 0 {
                        return Err("a member is not at a whole byte");
                    }
                    width = data & 0xff;
                } else if width > data & 0xff {
                    return Err("a bitfield is wider than its type");
                }
                let bits = u64::from(width) + offset % 8;
                if bits > 128 {
                    return Err(WIDE);
                }
                return if fits(offset / 8, bits.div_ceil(8)) { Ok(()) } else { Err(BEYOND) };
            }
            (true, Kind::Enum | Kind::Enum64) => {
                // Whatever its size, it counts for 4 bytes.
                if width == 0 {
                    if offset % 8 != 0 {
                        return Err("a member is not at a whole byte");
                    }
                    width = 32;
                } else if width > 32 {
                    return Err("a bitfield is wider than its type");
                }
                return if (offset + u64::from(width)).div_ceil(8) > size { Err(BEYOND) } else { Ok(()) };
            }
            (true, _) if width != 0 => return Err("a bitfield is neither integer nor enum"),
            (false, Kind::Int) => {
                offset += u64::from(data >> 16 & 0xff);
                if offset > u32::MAX.into() {
                    return Err("a member's offset overflows");
                }
                let bits = u64::from(data & 0xff) + offset % 8;
                if bits > 128 {
                    return Err(WIDE);
                }
                return if fits(offset / 8, bits.div_ceil(8)) { Ok(()) } else { Err(BEYOND) };
            }
            _ => {}
        }
        if kind == Kind::Float {
            let align = u64::from(head.size_or_type.min(POINTER_SIZE));
            if offset % (8 * align.max(1)) != 0 {
                return Err("a floating-point member is not aligned");
            }
        } else if offset % 8 != 0 {
            return Err("a member is not at a whole byte");
        }
        let len = self.own_size(head, id).map_or(0, |(_, _, len)| len);
        if fits(offset / 8, len.into()) { Ok(()) } else { Err(BEYOND) }
    }

    fn step_func(&mut self, head: Head) -> Result<(), &'static str> {
        let proto = head.size_or_type;
        if self.get(proto).is_none_or(|proto| proto.kind() != Kind::FuncProto) {
            return Err("the function is of no prototype");
        }
        let record = self.records.get(proto);
        let mut params = record.tail().chunks_exact(raw::PARAM_LEN);
        if params.any(|param| record.item_word(param, 4) != 0 && record.item_word(param, 0) == 0) {
            return Err("a parameter of the function has no name");
        }
        self.pop(proto, 0);
        Ok(())
    }

    fn step_tag(&mut self, id: u32, head: Head) -> Result<(), &'static str> {
        const BAD: &str = "it is of a component that its target does not have";
        let target_id = head.size_or_type;
        let takes_tags = |kind| matches!(kind, Kind::Func | Kind::Struct | Kind::Union | Kind::Var | Kind::Typedef);
        let target =
            self.get(target_id).filter(|target| takes_tags(target.kind())).ok_or("its target takes no tags")?;
        if self.is_pending(target_id)? {
            return Ok(());
        }
        let component = self.records.get(id).word(12) as i32;
        if component != -1 {
            let count = match target.kind() {
                Kind::Struct | Kind::Union => target.info.vlen(),
                Kind::Func => self.records.head(target.size_or_type).info.vlen(),
                _ => return Err(BAD),
            };
            if component as u32 >= count {
                return Err(BAD);
            }
        }
        self.pop(target_id, 0);
        Ok(())
    }

    fn step_section(&mut self, id: u32, next: usize) -> Result<(), &'static str> {
        self.mode = Mode::ToBeDecided;
        let record = self.records.get(id);
        for (n, var) in record.tail().chunks_exact(raw::VAR_SECINFO_LEN).enumerate().skip(next) {
            let (type_id, len) = (record.item_word(var, 0), record.item_word(var, 8));
            let variable = self.get(type_id).filter(|head| head.kind() == Kind::Var);
            let variable = variable.ok_or("a variable of the section is none")?;
            if !self.is_resolved(type_id) {
                if let Some(top) = self.stack.last_mut() {
                    top.1 = n + 1;
                }
                return self.push(type_id);
            }
            self.check_variable(variable, len)?;
        }
        self.pop(0, 0);
        Ok(())
    }

    fn check_variable(&self, variable: Head, len: u32) -> Result<(), &'static str> {
        let (_, _, size) = self.sized(variable.size_or_type).ok_or("a variable of the section has no size")?;
        if len < size { Err("a variable of the section is given less room than its type takes") } else { Ok(()) }
    }

    /// A prototype, which no walk goes into: what it takes and returns must be known by size.
    fn check_proto(&mut self, id: u32) -> Verdict {
        let record = self.records.get(id);
        if record.size_or_type() != 0 {
            self.check_passed(record.size_or_type(), id, "it returns what is no type for it")?;
        }
        let params = record.tail().chunks_exact(raw::PARAM_LEN);
        let count = params.len();
        for (n, param) in params.enumerate() {
            const BAD: &str = "a parameter is of no type for it";
            let (name, type_id) = (record.item_word(param, 0), record.item_word(param, 4));
            if n + 1 == count && type_id == 0 {
                return if name == 0 { Ok(()) } else { Err((id, BAD)) };
            }
            if name != 0 && !(self.validator.name_exists(name) && self.validator.is_identifier(name)) {
                return Err((id, "the name of a parameter is no identifier"));
            }
            self.check_passed(type_id, id, BAD)?;
        }
        Ok(())
    }

    fn check_passed(&mut self, type_id: u32, proto: u32, why: &'static str) -> Verdict {
        let head = self.get(type_id).filter(|head| !stands_alone(head.kind())).ok_or((proto, why))?;
        if needs_resolving(head.kind()) && !self.is_resolved(type_id) {
            self.resolve(type_id)?;
        }
        self.sized(type_id).map(drop).ok_or((proto, why))
    }

    /// Chains of modifiers end within 32; before Linux 7.0, type tags come first in them.
    fn check_chains(&self) -> Verdict {
        let leads_on = |kind: Kind| kind.is_modifier() || kind == Kind::Typedef;
        let mut good = 0;
        for id in self.records.own().filter(|&id| leads_on(self.records.head(id).kind())) {
            let (mut at, mut left) = (id, MAX_DEPTH);
            let mut may_be_tag = true;
            loop {
                let head = self.records.head(at);
                if !leads_on(head.kind()) {
                    break;
                }
                left = left.checked_sub(1).ok_or((id, "it leads through more than 32 modifiers"))?;
                let is_tag = head.kind() == Kind::TypeTag;
                if is_tag && !may_be_tag && !self.validator.rules.linux_7_0 {
                    return Err((id, "a type tag stands behind another modifier"));
                }
                may_be_tag &= is_tag;
                if at <= good {
                    break;
                }
                at = head.size_or_type;
            }
            good = id;
        }
        Ok(())
    }
}

/// Whether the kernel has something to find out about a type of this kind.
fn needs_resolving(kind: Kind) -> bool {
    kind.is_modifier()
        || matches!(
            kind,
            Kind::Typedef
                | Kind::Ptr
                | Kind::Struct
                | Kind::Union
                | Kind::Array
                | Kind::Var
                | Kind::Func
                | Kind::DeclTag
                | Kind::Datasec
        )
}

/// Whether nothing may refer to a type of this kind, but for sections and tags.
fn stands_alone(kind: Kind) -> bool {
    matches!(kind, Kind::Var | Kind::DeclTag | Kind::Datasec)
}

fn has_no_size(kind: Kind) -> bool {
    matches!(kind, Kind::Void | Kind::Fwd | Kind::Func | Kind::FuncProto | Kind::DeclTag)
}
