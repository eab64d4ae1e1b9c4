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

/// The amounts that the search walks through on its way from 0 to the target, and the jumps between them.
pub struct Amounts {
    /// The target is the last. Amounts that are whole units short of it come at the end, ascending; the
    /// others, ascending, before them.
    pub sums: Vec<Nanos>,
    index: HashMap<Nanos, u32>,
    jumps: HashMap<Nanos, Box<[u32]>>,
    unit: Nanos,
    /// Where the whole units begin, if each follows on the one before.
    ladder: Option<usize>,
}

/// A jump to nowhere: the amount is none that leads to the target.
pub const NOWHERE: u32 = u32::MAX;

impl Amounts {
    /// Those of `attainable` from which `target` can be reached. `target` must be attainable; `unit` is the
    /// length that most cells have.
    pub fn toward(target: Nanos, attainable: &[Nanos], unit: Nanos) -> Self {
        let reaches = |sum: &&Nanos| attainable.binary_search(&(target - **sum)).is_ok();
        let (whole, mut sums): (Vec<Nanos>, Vec<Nanos>) = attainable
            .iter()
            .take_while(|sum| **sum <= target)
            .filter(reaches)
            .partition(|sum| (target - **sum) % unit == 0);
        let regular = whole.windows(2).all(|pair| pair[1] - pair[0] == unit);
        let ladder = regular.then_some(sums.len());
        sums.extend(whole);
        let index = (0..).zip(&sums).map(|(i, sum)| (*sum, i)).collect();
        Self { sums, index, jumps: HashMap::new(), unit, ladder }
    }

    /// The number of an amount.
    pub fn find(&self, sum: Nanos) -> Option<usize> {
        self.index.get(&sum).map(|index| *index as usize)
    }

    /// Works out the jump by `length` once.
    pub fn prepare(&mut self, length: Nanos) {
        let (sums, index) = (&self.sums, &self.index);
        self.jumps.entry(length).or_insert_with(|| {
            sums.iter().map(|sum| index.get(&(sum + length)).copied().unwrap_or(NOWHERE)).collect()
        });
    }

    /// For each amount, the number of the amount that is `length` more. `length` must be prepared.
    pub fn jump(&self, length: Nanos) -> &[u32] {
        &self.jumps[&length]
    }

    /// Whether a length is whole units.
    pub fn is_whole(&self, length: Nanos) -> bool {
        length % self.unit == 0
    }

    /// Where the whole units begin, if each follows on the one before: from there on amounts ascend evenly.
    pub fn ladder(&self) -> Option<usize> {
        self.ladder
    }

    /// How many amounts further the amount is that is `length` more, for all from `first` on. What would
    /// lie beyond the target is nowhere.
    pub fn shift(&self, first: usize, length: Nanos) -> Option<usize> {
        let units = usize::try_from(length / self.unit).ok()?;
        (self.ladder? <= first && length % self.unit == 0).then_some(units)
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
        let mut amounts = Amounts::toward(10, &all, 5);
        assert_eq!(amounts.sums, [0, 5, 10]);
        amounts.prepare(5);
        assert_eq!(amounts.jump(5), [1, 2, NOWHERE]);
    }

    #[test]
    fn whole_units_are_a_ladder() {
        // A first cell of 2, and the target of 12 needs it: all but 0 are whole fives short of it.
        let all = attainable([2, 5, 5, 5].into_iter(), 12).unwrap();
        let mut amounts = Amounts::toward(12, &all, 5);
        assert_eq!(amounts.sums, [0, 5, 10, 2, 7, 12]);
        amounts.prepare(2);
        assert_eq!(amounts.jump(2), [3, 4, 5, NOWHERE, NOWHERE, NOWHERE]);
        assert_eq!((amounts.shift(3, 10), amounts.shift(3, 2)), (Some(2), None));
        assert_eq!(amounts.shift(2, 10), None);
        assert_eq!(amounts.find(7), Some(4));
    }
}
