//! What a misspelt name may have meant: of a kernel's functions, of a binary's symbols, of types.
//!
//! Hundreds of thousands of names are looked at once each, and nothing is allocated for one that is not kept.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::{KernelBtf, Kind, Type};

/// How many names are proposed.
const KEPT: usize = 3;
/// Longer names are not compared: a name that long is generated, and the comparison costs the product of both lengths.
const LONGEST: usize = 256;
/// So many edits away nothing is a proposal, however long the names are.
const FARTHEST: usize = 24;
/// Names that begin alike in so many letters are taken for nearer than others as many edits away.
const BEGINNING: usize = 4;
/// What a name costs that is the wanted one and more: `NAME.isra.0`, as compilers call what they made of a function, less than
/// `__x64_NAME`. Shorter names than [`LEAST_WORD`] are parts of too many.
const CLONE: usize = 1;
const WORD: usize = 2;
const LEAST_WORD: usize = 4;
/// More than any distance.
const FAR: usize = usize::MAX / 2;

/// Collects, out of any number of names, the three that take the fewest edits to become the one that was asked for. Of those
/// as many edits away, names that begin as that one come first, and then it goes by the alphabet. A name that has the whole of it before a dot or behind an
/// underscore is near, however much else it has.
///
/// ```
/// let mut nearest = purebpf_btf::Nearest::new("vfs_raed");
/// for name in ["vfs_read", "vfs_write", "do_exit", "vfs_readv"] {
///     nearest.offer(name.as_bytes());
/// }
/// assert_eq!(nearest.into_names(), ["vfs_read", "vfs_readv", "vfs_write"]);
/// ```
#[derive(Clone, Debug)]
pub struct Nearest {
    wanted: Vec<u8>,
    letters: u64,
    /// A proposal takes fewer edits than this.
    bound: usize,
    /// Ascending by rank.
    best: Vec<(Rank, Vec<u8>)>,
    /// Three rows of the table of distances, kept so that no offer allocates.
    rows: [Vec<usize>; 3],
}

/// How far a name is: edits, and whether it begins otherwise.
type Rank = (usize, bool);

impl Nearest {
    /// What is near `wanted`.
    pub fn new(wanted: &str) -> Nearest {
        let mut wanted = wanted.as_bytes().to_vec();
        wanted.truncate(LONGEST);
        let row = vec![0; wanted.len() + 1];
        // A name that shares little is no proposal, and one that shares nothing has each letter replaced.
        let len = wanted.len();
        let bound = len.min((len / 3 + 3).clamp(4, FARTHEST));
        let letters = letters(&wanted);
        Nearest { wanted, letters, bound, best: Vec::with_capacity(KEPT + 1), rows: [row.clone(), row.clone(), row] }
    }

    /// Takes a name into consideration.
    pub fn offer(&mut self, name: &[u8]) {
        if name.is_empty() || name.len() > LONGEST {
            return;
        }
        let begins_otherwise = !self.begins_as(name);
        // What is as far as the worst that is kept may come in by its beginning, or by the alphabet.
        let bound = match self.best.get(KEPT - 1) {
            Some((worst, kept)) if (begins_otherwise, name) < (worst.1, &kept[..]) => worst.0 + 1,
            Some((worst, _)) => worst.0,
            None => self.bound,
        };
        let Some(distance) = self.whole_within(name).or_else(|| self.edits(name, bound)).filter(|d| *d < bound) else {
            return;
        };
        if self.best.iter().any(|(_, kept)| kept == name) {
            return;
        }
        let rank = (distance, begins_otherwise);
        let place = self.best.partition_point(|(other, kept)| (other, &kept[..]) < (&rank, name));
        self.best.insert(place, (rank, name.to_owned()));
        self.best.truncate(KEPT);
    }

    fn begins_as(&self, name: &[u8]) -> bool {
        let len = BEGINNING.min(self.wanted.len());
        name.get(..len) == self.wanted.get(..len)
    }

    /// What a name costs that holds the whole of the wanted one.
    fn whole_within(&self, name: &[u8]) -> Option<usize> {
        if self.wanted.len() < LEAST_WORD || name.len() <= self.wanted.len() {
            return None;
        }
        let followed = || name.strip_prefix(&*self.wanted)?.first().filter(|next| **next == b'.').map(|_| CLONE);
        let preceded = || name.strip_suffix(&*self.wanted)?.last().filter(|last| **last == b'_').map(|_| WORD);
        followed().or_else(preceded)
    }

    /// As [`distance`](Self::distance), after what rules most names out at once.
    fn edits(&mut self, name: &[u8], bound: usize) -> Option<usize> {
        if name.len().abs_diff(self.wanted.len()) >= bound {
            return None;
        }
        // Each letter that only one of the two has takes an edit of its own; one edit changes a letter for another.
        let other = letters(name);
        let missing = (self.letters & !other).count_ones().max((other & !self.letters).count_ones());
        if missing as usize >= bound {
            return None;
        }
        self.distance(name, bound)
    }

    /// The proposals, nearest first.
    pub fn into_names(self) -> Vec<String> {
        self.best.into_iter().map(|(_, name)| String::from_utf8_lossy(&name).into_owned()).collect()
    }

    /// Edits from `wanted` to `name` (one letter inserted, removed, replaced, or exchanged with its neighbour: optimal
    /// string alignment); `None` when it takes `bound` or more.
    ///
    /// Only cells nearer than `bound` to the diagonal can hold less than `bound` (Ukkonen), so a comparison costs a name's
    /// length times `bound` and not times the other's length. The cells on both sides of that band are set, for the next
    /// rows look at them.
    fn distance(&mut self, name: &[u8], bound: usize) -> Option<usize> {
        let wanted = &self.wanted;
        let [before, above, row] = &mut self.rows;
        for (index, cell) in above.iter_mut().enumerate() {
            *cell = index;
        }
        for (i, letter) in name.iter().enumerate() {
            let first = i.saturating_sub(bound).min(wanted.len());
            let last = wanted.len().min(i.saturating_add(bound));
            row[first] = if first == 0 { i + 1 } else { FAR };
            let mut least = row[first];
            for j in first..last {
                let other = &wanted[j];
                let mut cost = (above[j] + usize::from(letter != other)).min(above[j + 1] + 1).min(row[j] + 1);
                if i > 0 && j > 0 && *letter == wanted[j - 1] && name[i - 1] == *other {
                    cost = cost.min(before[j - 1] + 1);
                }
                row[j + 1] = cost;
                least = least.min(cost);
            }
            if let Some(beyond) = row.get_mut(last + 1) {
                *beyond = FAR;
            }
            // Distances never fall from one row to the next but one.
            if least >= bound.saturating_add(1) {
                return None;
            }
            // The oldest row is overwritten next.
            core::mem::swap(before, above);
            core::mem::swap(above, row);
        }
        Some(above[wanted.len()]).filter(|distance| *distance < bound)
    }
}

impl KernelBtf {
    /// The three types of a kind whose names, without `prefix` before them, are nearest to `name`: in `module` (`vmlinux` for the
    /// kernel proper), or anywhere. A module whose BTF is damaged has none.
    pub fn nearest_names(&self, module: Option<&str>, prefix: &str, kind: Kind, name: &str) -> Vec<String> {
        let mut nearest = Nearest::new(name);
        let mut offer = |candidate: Type<'_>| {
            if candidate.kind() == kind {
                if let Some(name) = candidate.name_bytes().strip_prefix(prefix.as_bytes()) {
                    nearest.offer(name);
                }
            }
        };
        let wanted = |name: &str| module.is_none_or(|module| module == name);
        if wanted("vmlinux") {
            self.vmlinux().types().for_each(&mut offer);
        }
        for module in self.modules().iter().filter(|module| wanted(module.name())) {
            if let Ok(btf) = module.btf(self.vmlinux()) {
                btf.own_types().for_each(&mut offer);
            }
        }
        nearest.into_names()
    }
}

/// Which letters a name has: a bit for each, some of which share one.
fn letters(name: &[u8]) -> u64 {
    name.iter().fold(0, |set, letter| set | 1 << (letter & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distance(a: &str, b: &str) -> Option<usize> {
        Nearest::new(a).distance(b.as_bytes(), usize::MAX)
    }

    #[test]
    fn counts_edits() {
        assert_eq!(distance("read", "read"), Some(0));
        assert_eq!(distance("read", "raed"), Some(1));
        assert_eq!(distance("read", "reads"), Some(1));
        assert_eq!(distance("read", "ead"), Some(1));
        assert_eq!(distance("read", "reed"), Some(1));
        assert_eq!(distance("kitten", "sitting"), Some(3));
        assert_eq!(distance("ab", ""), Some(2));
    }

    /// The whole table of distances, as the definition of optimal string alignment has it.
    fn naive(a: &[u8], b: &[u8]) -> usize {
        let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                table[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
                    let replaced = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let other = table[i - 1][j].min(table[i][j - 1]) + 1;
                    replaced.min(other).min(if swapped { table[i - 2][j - 2] + 1 } else { usize::MAX })
                };
            }
        }
        table[a.len()][b.len()]
    }

    /// Every pair of short words of three letters, under every bound.
    #[test]
    fn the_band_leaves_out_nothing() {
        let words: Vec<Vec<u8>> = (0..6_u32)
            .flat_map(|len| (0..3_u32.pow(len)).step_by(len.max(1) as usize).map(move |number| (len, number)))
            .map(|(len, number)| (0..len).map(|place| b'a' + (number / 3_u32.pow(place) % 3) as u8).collect())
            .collect();
        assert!(words.len() > 80);
        for wanted in &words {
            let mut nearest = Nearest::new(std::str::from_utf8(wanted).unwrap());
            for name in words.iter().filter(|name| !name.is_empty()) {
                let expected = naive(wanted, name);
                for bound in 1..8 {
                    if name.len().abs_diff(wanted.len()) < bound {
                        let found = nearest.distance(name, bound);
                        assert_eq!(
                            found,
                            Some(expected).filter(|distance| *distance < bound),
                            "{wanted:?} {name:?} {bound}"
                        );
                    }
                }
                let differing = (letters(wanted) & !letters(name)).count_ones();
                assert!(differing as usize <= expected, "{wanted:?} {name:?}");
            }
        }
    }

    #[test]
    fn far_names_are_no_proposals() {
        let mut nearest = Nearest::new("purebpf_attach_probed");
        nearest.offer(b"pthread_attr_getguard");
        assert!(nearest.into_names().is_empty());
    }

    #[test]
    fn keeps_the_best_three_once_each() {
        let mut nearest = Nearest::new("do_exit");
        for name in ["do_exec", "do_exit_", "xxxxxxxxxx", "do_exat", "do_exec", "do_exit2", "", "sys_do_exit"] {
            nearest.offer(name.as_bytes());
        }
        assert_eq!(nearest.into_names(), ["do_exat", "do_exit2", "do_exit_"]);
    }

    #[test]
    fn a_common_beginning_counts() {
        let mut nearest = Nearest::new("vfs_raed");
        // Two edits each, and the last one.
        for name in ["xfs_reed", "efs_reed", "gfs_reed", "vfs_rxyd", "vfs_rea", "vfs_read"] {
            nearest.offer(name.as_bytes());
        }
        assert_eq!(nearest.into_names(), ["vfs_read", "vfs_rea", "vfs_rxyd"]);
    }

    #[test]
    fn what_compilers_and_architectures_add_is_near() {
        let mut nearest = Nearest::new("sys_openat2");
        for name in
            ["sys_opena", "__x64_sys_openat2", "sys_openat2.constprop.0", "__ia32_compat_sys_openat", "sys_openat"]
        {
            nearest.offer(name.as_bytes());
        }
        assert_eq!(nearest.into_names(), ["sys_openat", "sys_openat2.constprop.0", "sys_opena"]);
        let mut nearest = Nearest::new("openat2");
        nearest.offer(b"__x64_sys_openat2");
        assert_eq!(nearest.into_names(), ["__x64_sys_openat2"]);
    }

    /// Kernels list their functions in any order.
    #[test]
    fn the_order_of_offers_counts_for_nothing() {
        let names = ["srcu_unlock", "cpus_lock", "rcu_unlokc", "rcu_lock", "rcu_unlock", "xcu_unlock", "rcu_unlocked"];
        let of = |names: &mut dyn Iterator<Item = &&str>| {
            let mut nearest = Nearest::new("rcu_unlokk");
            names.for_each(|name| nearest.offer(name.as_bytes()));
            nearest.into_names()
        };
        let first = of(&mut names.iter());
        assert_eq!(first, ["rcu_unlock", "rcu_unlokc", "srcu_unlock"]);
        for turn in 0..names.len() {
            assert_eq!(of(&mut names[turn..].iter().chain(&names[..turn])), first);
            assert_eq!(of(&mut names[turn..].iter().chain(&names[..turn]).rev()), first);
        }
    }

    #[test]
    fn nothing_in_common_is_no_proposal() {
        let mut nearest = Nearest::new("abc");
        nearest.offer(b"xyz");
        assert!(nearest.into_names().is_empty());
    }
}
