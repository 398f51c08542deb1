//! `stress btf`: BTF cut out of a kernel's, small so that a blob costs little, and a few whole ones; damaged, read and, where that is
//! accepted, taken through everything that we do with BTF.

mod exercise;
pub(super) mod mutate;

use super::{Inputs, random::Random};
use crate::{
    error::{Context, Result},
    fixtures::kernel_btf,
    workspace::{read, write},
};
use purebpf_btf::{Btf, Endian, TypeId, builder::Builder};
use std::{collections::HashMap, path::Path};

/// One blob in so many is of the whole kernel.
const WHOLE: usize = 10_000;
/// How many pieces are cut, and of how many types at most.
const PIECES: u64 = 500;
const TYPES: usize = 64;

struct Blobs {
    kernel: Vec<u8>,
    pieces: Vec<Vec<u8>>,
}

const KERNEL: &str = "kernel.btf";

/// Puts what is cut up into the pool.
pub(super) fn gather(pool: &Path) -> Result {
    write(&pool.join(KERNEL), &kernel_btf()?)
}

pub(super) fn open(pool: &Path) -> Result<Box<dyn Inputs>> {
    let kernel = read(&pool.join(KERNEL))?;
    let btf = Btf::parse(kernel.clone()).context("the kernel's BTF")?;
    let piece = |number| cut(&btf, &mut Random::new(number)).context("a piece of the kernel's BTF");
    let pieces = (0..PIECES).map(piece).collect::<Result<_>>()?;
    Ok(Box::new(Blobs { kernel, pieces }))
}

impl Inputs for Blobs {
    fn input(&self, random: &mut Random) -> Vec<u8> {
        let mut blob = match random.one_in(WHOLE) {
            true => self.kernel.clone(),
            false => self.pieces[random.below(self.pieces.len())].clone(),
        };
        // Most damage is refused at once; little of it gets further.
        for _ in 0..=random.below(4) {
            mutate::mutate(&mut blob, random);
        }
        blob
    }

    fn exercise(&self, input: &[u8]) -> usize {
        usize::from(exercise::exercise(input))
    }
}

/// Types of a kernel and what they refer to, so far as there is room, or a row of neighbours; some in the other byte order, some with a
/// layout section.
fn cut(btf: &Btf, random: &mut Random) -> std::result::Result<Vec<u8>, purebpf_btf::Error> {
    let room = 1 + random.below(TYPES);
    let mut chosen = vec![TypeId(1 + random.below(btf.own_types().len()) as u32)];
    let follow = !random.one_in(3);
    let mut at = 0;
    while chosen.len() < room {
        let Some(id) = chosen.get(at).copied() else {
            chosen.push(TypeId(1 + random.below(btf.own_types().len()) as u32));
            continue;
        };
        at += 1;
        let referred = match follow {
            true => references(btf, id)?,
            false => vec![TypeId(id.0 % (btf.type_count() - 1) + 1)],
        };
        for id in referred {
            if !id.is_void() && !chosen.contains(&id) && chosen.len() < room {
                chosen.push(id);
            }
        }
    }
    chosen.sort();
    chosen.dedup();
    let places: HashMap<TypeId, TypeId> = chosen.iter().zip(1..).map(|(id, place)| (*id, TypeId(place))).collect();
    let mut builder = Builder::new();
    for id in &chosen {
        builder.add_type_of(&btf.type_by_id(*id)?, |id| Ok(places.get(&id).copied().unwrap_or(TypeId(0))))?;
    }
    if random.one_in(4) {
        builder.add_layout();
    }
    if random.one_in(5) {
        builder.set_endian(Endian::Big);
    }
    Ok(builder.finish())
}

/// What a type refers to.
fn references(btf: &Btf, id: TypeId) -> std::result::Result<Vec<TypeId>, purebpf_btf::Error> {
    let mut ids = Vec::new();
    Builder::new().add_type_of(&btf.type_by_id(id)?, |id| {
        ids.push(id);
        Ok(TypeId(0))
    })?;
    Ok(ids)
}
