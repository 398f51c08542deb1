//! What a misspelt name may have meant.

/// How many names are proposed.
const KEPT: usize = 3;
/// Longer names are not compared: a name that long is generated, and the comparison costs the product of both lengths.
const LONGEST: usize = 256;
/// So many edits away nothing is a proposal, however long the names are.
const FARTHEST: usize = 24;
/// More than any distance.
const FAR: usize = usize::MAX / 2;

/// Collects, out of any number of names, the three that take the fewest edits to become the one that was asked for.
///
/// ```
/// let mut nearest = purebpf_attach::symbols::Nearest::new("vfs_raed");
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
    /// Ascending by distance; of equal ones the first offered stands first.
    best: Vec<(usize, Vec<u8>)>,
    /// Three rows of the table of distances, kept so that no offer allocates.
    rows: [Vec<usize>; 3],
}

impl Nearest {
    /// What is near `wanted`.
    pub fn new(wanted: &str) -> Nearest {
        let mut wanted = wanted.as_bytes().to_vec();
        wanted.truncate(LONGEST);
        let row = vec![0; wanted.len() + 1];
        // A name that shares little is no proposal, and one that shares nothing has each letter replaced.
        let len = wanted.len();
        let bound = len.min((len / 2 + 1).clamp(4, FARTHEST));
        let letters = letters(&wanted);
        Nearest { wanted, letters, bound, best: Vec::with_capacity(KEPT + 1), rows: [row.clone(), row.clone(), row] }
    }

    /// Takes a name into consideration.
    pub fn offer(&mut self, name: &[u8]) {
        let bound = match self.best.get(KEPT - 1) {
            Some((worst, _)) => *worst,
            None => self.bound,
        };
        if name.is_empty() || name.len() > LONGEST || name.len().abs_diff(self.wanted.len()) >= bound {
            return;
        }
        // Each letter that only one of the two has takes an edit of its own; one edit changes a letter for another.
        let other = letters(name);
        let missing = (self.letters & !other).count_ones().max((other & !self.letters).count_ones());
        if missing as usize >= bound {
            return;
        }
        let Some(distance) = self.distance(name, bound) else { return };
        if self.best.iter().any(|(_, kept)| kept == name) {
            return;
        }
        let place = self.best.partition_point(|(other, _)| *other <= distance);
        self.best.insert(place, (distance, name.to_vec()));
        self.best.truncate(KEPT);
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
            std::mem::swap(before, above);
            std::mem::swap(above, row);
        }
        Some(above[wanted.len()]).filter(|distance| *distance < bound)
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
        assert_eq!(nearest.into_names(), ["do_exit_", "do_exat", "do_exit2"]);
    }

    #[test]
    fn nothing_in_common_is_no_proposal() {
        let mut nearest = Nearest::new("abc");
        nearest.offer(b"xyz");
        assert!(nearest.into_names().is_empty());
    }
}
