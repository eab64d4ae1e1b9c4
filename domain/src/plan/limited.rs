//! The best plan under limits on the switch.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::amounts::{Amounts, attainable};
use super::cells::{Cell, Nanos, resample};
use super::corridor::{Bounds, Corridor, Question};
use super::cost::{Cost, Steps};
use super::moves::{Grid, Rules};
use super::request::Before;
use super::result::Energy;
use super::search::{Prepared, search, states};

/// Most states that the exact search may visit; beyond it the grid is made coarser. 96 hours of 5-minute
/// slots with 8 hours of charging and a budget of 6 starts, seen from within a slot, are 3.9 million; a
/// million takes about 5 ms on a desktop.
const MOST_STATES: usize = 6_000_000;

/// How much more than the bound a plan is first looked for, as a share. Too little costs another try, too much
/// makes the corridor wide.
const FIRST_ROOM: f64 = 0.001;

/// Tries in a corridor before all states are searched.
const TRIES: usize = 3;

/// A corridor of a larger share of all states spares too little.
const WIDEST: f64 = 0.3;

/// In a corridor so few starts are counted at once.
const FEW_STARTS: u32 = 8;

/// Steps of coarser grids, minutes.
const COARSER: [i64; 8] = [5, 10, 15, 30, 60, 120, 360, 1440];

/// A plan asked of the search.
pub struct Problem<'a> {
    pub cells: &'a [Cell],
    /// Time to charge, forced cells among it. Fits into the cells.
    pub need: Nanos,
    pub min_on: Nanos,
    pub min_off: Nanos,
    pub start_cost: f64,
    pub max_starts: Option<u32>,
    /// What the switch did, and the instant until which it must go on with that.
    pub before: Option<(Before, Nanos)>,
    pub energy: Energy<'a>,
}

impl Problem<'_> {
    /// Runs of the best plan: least time outside the windows, least unknown time, lowest value plus cost
    /// of starts, late. `None` when the limits allow no plan.
    pub fn runs(&self) -> Option<Vec<(Nanos, Nanos)>> {
        if let Some((Before::Charging { .. }, least)) = self.before
            && self.need <= least
            && self.cells.iter().all(|cell| !cell.forced)
        {
            return Some(vec![(0, self.need)]);
        }
        if let Some(answer) = self.on(self.cells) {
            return answer;
        }
        let until = self.cells.last().map_or(0, |cell| cell.end);
        COARSER.iter().map(|minutes| minutes * 60_000_000_000).find_map(|step| {
            if 100_000 < until / step { None } else { self.on(&resample(self.cells, step)) }
        })?
    }

    /// The outer `None`: too much work on this grid.
    fn on(&self, cells: &[Cell]) -> Option<Option<Vec<(Nanos, Nanos)>>> {
        if cells.iter().any(|cell| cell.outside || cell.value.is_none()) {
            self.solve::<Steps>(cells)
        } else {
            self.solve::<f64>(cells)
        }
    }

    fn solve<C: Cost>(&self, cells: &[Cell]) -> Option<Option<Vec<(Nanos, Nanos)>>> {
        let parts = self.parts(cells)?;
        let rules = |part| self.rules(part, cells, None);
        let counted = |part| self.rules(part, cells, self.max_starts);
        if MOST_STATES < work(cells, &parts, &rules) {
            return None;
        }
        let counted_work = work(cells, &parts, &counted);

        let grid = Grid::<C>::new(cells, self.energy);
        let parts: Vec<Prepared> = parts
            .into_iter()
            .map(|(part, amounts)| Prepared::new(&grid, &rules(part), amounts))
            .collect();
        let few = self.max_starts.is_none_or(|most| most <= FEW_STARTS);
        if few && let Some(runs) = self.best_within(&grid, &parts, &counted, WIDEST) {
            return Some(Some(runs));
        }
        // Counting starts multiplies the work, and mostly the best plan needs few.
        let runs = self.best_of_all(&grid, &parts, &rules);
        let within = |runs: &Vec<(Nanos, Nanos)>| {
            self.max_starts.is_none_or(|most| self.starts(runs) <= most as usize)
        };
        if runs.as_ref().is_none_or(within) {
            return Some(runs);
        }
        if MOST_STATES < counted_work {
            return None;
        }
        Some(self.best(&grid, &parts, &counted, None).map(|(_, runs)| runs))
    }

    /// The lengths that the part can have, each with the amounts that whole cells can then add up to; `None`
    /// where those are too many.
    fn parts(&self, cells: &[Cell]) -> Option<Vec<(Nanos, Amounts)>> {
        let free = || cells.iter().filter(|cell| !cell.forced).map(Cell::len);
        let forced: Nanos = cells.iter().filter(|cell| cell.forced).map(Cell::len).sum();
        let target = self.need - forced;
        let longest = free().max().unwrap_or(0);
        let sums = attainable(free(), target)?;

        let unit = commonest(free()).unwrap_or(1);

        // Whole cells may add up to the need; else one cell is used in part.
        let parts = sums.iter().map(|sum| target - sum).filter(|part| *part < longest);
        Some(parts.map(|part| (part, Amounts::toward(target - part, &sums, unit))).collect())
    }

    fn rules(&self, part: Nanos, cells: &[Cell], starts: Option<u32>) -> Rules {
        Rules {
            min_on: self.min_on.min(self.need),
            min_off: self.min_off,
            start_cost: self.start_cost,
            starts,
            part,
            noise: self.noise(cells),
        }
    }

    /// The best, found in a corridor if one can be had.
    fn best_of_all<C: Cost>(
        &self,
        grid: &Grid<'_, C>,
        parts: &[Prepared],
        rules: &dyn Fn(Nanos) -> Rules,
    ) -> Option<Vec<(Nanos, Nanos)>> {
        self.best_within(grid, parts, rules, WIDEST)
            .or_else(|| self.best(grid, parts, rules, None).map(|(_, runs)| runs))
    }

    /// The best, where a corridor that holds it is found that is not wider than the share `widest`.
    fn best_within<C: Cost>(
        &self,
        grid: &Grid<'_, C>,
        parts: &[Prepared],
        rules: &dyn Fn(Nanos) -> Rules,
        widest: f64,
    ) -> Option<Vec<(Nanos, Nanos)>> {
        let bounds = self.bounds::<C>(grid.cells, &rules(0))?;
        let noise = 1e3 * rules(0).noise;
        let mut room = FIRST_ROOM * (bounds.lowest().abs() + self.start_cost);
        for _ in 0..TRIES {
            let limit = bounds.lowest() + room;
            let corridor = bounds.corridor(limit);
            if widest < corridor.share() {
                return None;
            }
            let found = self.best(grid, parts, rules, Some(&corridor));
            match found.as_ref().and_then(|(cost, _)| cost.as_grams()) {
                // Whatever costs as little is in the corridor, too.
                Some(cost) if cost + noise <= limit => return found.map(|(_, runs)| runs),
                // There is a plan that costs this much.
                Some(cost) => room = cost - bounds.lowest() + 2.0 * noise,
                None => room *= 8.0,
            }
        }
        None
    }

    /// Bounds on the cost; `None` where they would not hold.
    fn bounds<'a, C: Cost>(&'a self, cells: &'a [Cell], rules: &Rules) -> Option<Bounds<'a>> {
        if self.energy.taper.is_some() || C::ZERO.as_grams().is_none() {
            return None;
        }
        Bounds::new(Question {
            cells,
            need: self.need,
            start_cost: self.start_cost,
            max_starts: rules.starts,
            charging: matches!(self.before, Some((Before::Charging { .. }, _))),
            energy: self.energy,
        })
    }

    /// The best over all lengths of the part. Where no plan goes on with what the switch did, the best that
    /// does not, unless a corridor may have shut out the others.
    fn best<C: Cost>(
        &self,
        grid: &Grid<'_, C>,
        parts: &[Prepared],
        rules: &dyn Fn(Nanos) -> Rules,
        corridor: Option<&Corridor>,
    ) -> Option<(C, Vec<(Nanos, Nanos)>)> {
        let going_on = self.best_after(self.before, grid, parts, rules, corridor);
        if going_on.is_some() || self.before.is_none() || corridor.is_some() {
            return going_on;
        }
        self.best_after(None, grid, parts, rules, None)
    }

    fn best_after<C: Cost>(
        &self,
        before: Option<(Before, Nanos)>,
        grid: &Grid<'_, C>,
        parts: &[Prepared],
        rules: &dyn Fn(Nanos) -> Rules,
        corridor: Option<&Corridor>,
    ) -> Option<(C, Vec<(Nanos, Nanos)>)> {
        let mut best: Option<(C, Vec<(Nanos, Nanos)>)> = None;
        for prepared in parts {
            let rules = rules(prepared.part);
            let found = search(grid, &rules, prepared, before, corridor);
            let Some(found) = found else {
                continue;
            };
            let better = best.as_ref().is_none_or(|best| {
                found.0.beats(best.0, rules.noise)
                    || !best.0.beats(found.0, rules.noise) && later(&found.1, &best.1)
            });
            if better {
                best = Some(found);
            }
        }
        best
    }

    /// Starts of the switch: a run that is under way is none.
    fn starts(&self, runs: &[(Nanos, Nanos)]) -> usize {
        let under_way = matches!(self.before, Some((Before::Charging { .. }, _)))
            && runs.first().is_some_and(|run| run.0 == 0);
        runs.len() - usize::from(under_way)
    }

    /// Costs that differ by less differ by rounding: a few units in the last place of the largest sum.
    fn noise(&self, cells: &[Cell]) -> f64 {
        let largest =
            cells.iter().filter_map(|cell| cell.value).fold(0.0, |m: f64, v| m.max(v.abs()));
        let hours = cells.iter().map(Cell::len).sum::<Nanos>() as f64 / 3.6e12;
        1e-12 * (largest * hours * self.energy.power_kw + self.start_cost)
    }
}

/// The length that occurs most often.
fn commonest(lengths: impl Iterator<Item = Nanos>) -> Option<Nanos> {
    let mut counts: HashMap<Nanos, usize> = HashMap::new();
    for length in lengths {
        *counts.entry(length).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(length, count)| (*count, *length)).map(|(length, _)| length)
}

/// States that a search over all lengths of the part visits.
fn work(cells: &[Cell], parts: &[(Nanos, Amounts)], rules: &dyn Fn(Nanos) -> Rules) -> usize {
    parts
        .iter()
        .map(|(part, amounts)| states(cells.len(), amounts.sums.len(), &rules(*part)))
        .fold(0, usize::saturating_add)
}

/// Whether `a` charges later than `b`, seen from now on.
fn later(a: &[(Nanos, Nanos)], b: &[(Nanos, Nanos)]) -> bool {
    let order = |a: &(Nanos, Nanos), b: &(Nanos, Nanos)| b.0.cmp(&a.0).then(a.1.cmp(&b.1));
    a.iter()
        .zip(b)
        .map(|(a, b)| order(a, b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
        .is_lt()
}

#[cfg(test)]
mod tests;
