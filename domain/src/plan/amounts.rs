//! Amounts of charging that whole cells can add up to.

use std::collections::{BTreeMap, HashMap};

use super::cells::Nanos;

/// Most different amounts that are searched; a grid with more is too odd for the exact search.
const MOST: usize = 8192;

/// All sums of some of `lengths`, up to `limit`: ascending, with 0. `None` when they are too many.
pub fn attainable(lengths: impl Iterator<Item = Nanos>, limit: Nanos) -> Option<Vec<Nanos>> {
    let mut counts: BTreeMap<Nanos, i64> = BTreeMap::new();
    for length in lengths {
        *counts.entry(length).or_default() += 1;
    }
    let mut sums = vec![0];
    for (length, count) in counts {
        let most = count.min(limit / length);
        if (most as usize).saturating_mul(sums.len()) > 16 * MOST {
            return None;
        }
        let more: Vec<Nanos> = sums
            .iter()
            .flat_map(|&sum| (0..=most).map(move |times| sum + times * length))
            .filter(|&sum| sum <= limit)
            .collect();
        sums = more;
        sums.sort_unstable();
        sums.dedup();
        if MOST < sums.len() {
            return None;
        }
    }
    Some(sums)
}

/// The amounts that the search walks through on its way from 0 to `target`, and the jumps between them.
pub struct Amounts {
    /// Ascending, from 0 to the target.
    pub sums: Vec<Nanos>,
    jumps: HashMap<Nanos, Box<[u32]>>,
}

/// A jump to nowhere: the amount is none that leads to the target.
pub const NOWHERE: u32 = u32::MAX;

impl Amounts {
    /// Those of `attainable` from which `target` can be reached. `target` must be attainable.
    pub fn toward(target: Nanos, attainable: &[Nanos]) -> Self {
        let reaches = |sum: &&Nanos| attainable.binary_search(&(target - **sum)).is_ok();
        let sums: Vec<Nanos> =
            attainable.iter().take_while(|sum| **sum <= target).filter(reaches).copied().collect();
        Self { sums, jumps: HashMap::new() }
    }

    /// Works out the jump by `length` once.
    pub fn prepare(&mut self, length: Nanos) {
        let sums = &self.sums;
        self.jumps.entry(length).or_insert_with(|| {
            sums.iter()
                .map(|sum| {
                    let to = sums.binary_search(&(sum + length));
                    to.map_or(NOWHERE, |to| u32::try_from(to).unwrap_or(NOWHERE))
                })
                .collect()
        });
    }

    /// For each amount, the number of the amount that is `length` more. `length` must be prepared.
    pub fn jump(&self, length: Nanos) -> &[u32] {
        &self.jumps[&length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_whole_cells() {
        assert_eq!(attainable([5, 5, 2].into_iter(), 12), Some(vec![0, 2, 5, 7, 10, 12]));
        assert_eq!(attainable([5, 5, 2].into_iter(), 9), Some(vec![0, 2, 5, 7]));
        assert_eq!(attainable([].into_iter(), 9), Some(vec![0]));
        let odd = (0..40).map(|i| (1i64 << i) + 1_000_000_007);
        assert_eq!(attainable(odd, i64::MAX / 8), None);
    }

    #[test]
    fn only_amounts_that_lead_to_the_target_are_walked() {
        let all = attainable([5, 5, 2].into_iter(), 12).unwrap();
        let mut amounts = Amounts::toward(10, &all);
        assert_eq!(amounts.sums, [0, 5, 10]);
        amounts.prepare(5);
        assert_eq!(amounts.jump(5), [1, 2, NOWHERE]);
    }
}
