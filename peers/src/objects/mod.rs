//! Objects, opened and prepared: maps created and programs relocated, none of them verified.

pub mod aya;
pub mod libbpf;
pub mod ours;

use crate::{Answer, hash};

const LD_IMM64: u8 = 0x18;
const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;

/// What is told of an object's programs, in the order of their names: their code, but for the descriptors of maps in it.
#[derive(Default)]
pub struct Programs(Vec<(String, Vec<u8>)>);

impl Programs {
    /// A program and its instructions as bytes.
    pub fn add(&mut self, name: &str, mut code: Vec<u8>) {
        let mut at = 0;
        while let Some(insn) = code.get_mut(at..at + 8) {
            at += if insn[0] == LD_IMM64 { 16 } else { 8 };
            if insn[0] == LD_IMM64 && [PSEUDO_MAP_FD, PSEUDO_MAP_VALUE].contains(&(insn[1] >> 4)) {
                insn[4..].fill(0);
            }
        }
        self.0.push((name.to_owned(), code));
    }

    pub fn answer(mut self) -> Answer {
        self.0.sort();
        let each = self.0.iter().flat_map(|(name, code)| [name.as_bytes(), &[0], code]);
        Answer::Number(hash(&each.collect::<Vec<_>>().concat()))
    }

    /// Of those of an object that is open, whose references mean what each library takes them to mean: names and lengths.
    pub fn outline(self) -> Answer {
        let each = self.0.into_iter().map(|(name, code)| (name, code.len().to_le_bytes().to_vec()));
        Programs(each.collect()).answer()
    }
}
