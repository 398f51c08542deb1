//! What a misspelt name may have meant.

/// How many names are proposed.
const KEPT: usize = 3;
/// Longer names are not compared: a name that long is generated, and the comparison costs the product of both lengths.
const LONGEST: usize = 256;

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
        Nearest { wanted, best: Vec::with_capacity(KEPT + 1), rows: [row.clone(), row.clone(), row] }
    }

    /// Takes a name into consideration.
    pub fn offer(&mut self, name: &[u8]) {
        // A name that shares nothing is no proposal: each letter would have to be replaced.
        let bound = match self.best.get(KEPT - 1) {
            Some((worst, _)) => *worst,
            None => self.wanted.len(),
        };
        if name.is_empty() || name.len() > LONGEST || name.len().abs_diff(self.wanted.len()) >= bound {
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
    fn distance(&mut self, name: &[u8], bound: usize) -> Option<usize> {
        let wanted = &self.wanted;
        let [before, above, row] = &mut self.rows;
        for (index, cell) in above.iter_mut().enumerate() {
            *cell = index;
        }
        for (i, letter) in name.iter().enumerate() {
            row[0] = i + 1;
            let mut least = row[0];
            for (j, other) in wanted.iter().enumerate() {
                let mut cost = (above[j] + usize::from(letter != other)).min(above[j + 1] + 1).min(row[j] + 1);
                if i > 0 && j > 0 && *letter == wanted[j - 1] && name[i - 1] == *other {
                    cost = cost.min(before[j - 1] + 1);
                }
                row[j + 1] = cost;
                least = least.min(cost);
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
