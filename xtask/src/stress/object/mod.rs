//! `stress object`: the objects of tests and examples, damaged, opened and, where that is accepted, taken through everything that we do
//! with objects short of a kernel.

mod elf;
#[cfg_attr(not(feature = "stress"), path = "untried.rs")]
mod exercise;
mod mutate;
#[cfg(feature = "stress")]
mod refusing;

use super::{Inputs, random::Random};
use crate::{
    error::{Error, Result},
    fixtures::kernel_btf,
    workspace::{files_below, read, root, write},
};
use exercise::Exercise;
use std::path::Path;

/// Where objects are.
const FOLDERS: [&str; 3] = ["tests/programs", "tests/data", "examples"];
/// What their names end in.
const ENDING: &str = ".bpf.o";
/// The types that they are linked against, in the pool.
const KERNEL: &str = "kernel.btf";

/// One object in so many is made big-endian.
const BIG_ENDIAN: usize = 32;

struct Objects {
    /// As compilers made them, in order of name.
    whole: Vec<Vec<u8>>,
    exercise: Exercise,
}

/// Puts the objects and a kernel's types into the pool.
pub(super) fn gather(pool: &Path) -> Result {
    write(&pool.join(KERNEL), &kernel_btf()?)?;
    for folder in FOLDERS {
        for path in files_below(&root().join(folder))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(ENDING) {
                write(&pool.join(&*name), &read(&path)?)?;
            }
        }
    }
    Ok(())
}

pub(super) fn open(pool: &Path) -> Result<Box<dyn Inputs>> {
    let mut files = files_below(pool)?;
    files.retain(|path| path.to_string_lossy().ends_with(ENDING));
    if files.is_empty() {
        return Err(Error::new(format!("{}: no objects", pool.display())));
    }
    let whole = files.iter().map(|path| read(path)).collect::<Result<_>>()?;
    Ok(Box::new(Objects { whole, exercise: Exercise::new(read(&pool.join(KERNEL))?)? }))
}

impl Inputs for Objects {
    fn input(&self, random: &mut Random) -> Vec<u8> {
        let mut object = self.whole[random.below(self.whole.len())].clone();
        // Most damage is refused at once; little of it gets further.
        for _ in 0..=random.below(4) {
            mutate::mutate(&mut object, &self.whole, random);
        }
        if random.one_in(BIG_ENDIAN) {
            elf::turn(&mut object);
        }
        object
    }

    fn exercise(&self, input: &[u8]) -> usize {
        self.exercise.run(input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::object::{Object, ObjectSymbol};
    use purebpf_btf::{Btf, Endian};

    /// An object that was made big-endian is whole: it has the same types, and the same symbols.
    #[test]
    fn a_big_endian_object_has_the_same_types_and_symbols() {
        let little = read(&root().join("tests/programs/core.bpf.o")).unwrap();
        let mut big = little.clone();
        elf::turn(&mut big);
        let types = |object: &[u8]| Btf::parse(crate::vmlinux_btf::elf_section(object, ".BTF").unwrap()).unwrap();
        let symbols = |object: &[u8]| {
            let file = ::object::File::parse(object).unwrap();
            let symbols = file.symbols().map(|symbol| (symbol.name_bytes().unwrap().to_vec(), symbol.size()));
            symbols.collect::<Vec<_>>()
        };
        assert_eq!((types(&little).endian(), types(&big).endian()), (Endian::Little, Endian::Big));
        let described = |btf: &Btf| {
            let mut text = String::new();
            purebpf_btf::dump::raw(btf, &mut text).unwrap();
            text
        };
        assert_eq!(described(&types(&little)), described(&types(&big)));
        assert_eq!(symbols(&little), symbols(&big));
    }
}
