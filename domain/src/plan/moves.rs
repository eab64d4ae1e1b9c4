//! The grid of the exact search, and where the moves at each of its boundaries lead.

use super::cells::{Cell, Nanos};
use super::cost::Cost;
use super::result::Energy;

/// What the search may and may not do.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Not longer than the need.
    pub min_on: Nanos,
    pub min_off: Nanos,
    pub start_cost: f64,
    /// Starts that are left; `None` where nobody counts.
    pub starts: Option<u32>,
    /// Length of the part, 0 for none.
    pub part: Nanos,
    /// Costs that differ by less are equal.
    pub noise: f64,
}

/// The cells, and sums over them.
pub struct Grid<'a, C> {
    pub cells: &'a [Cell],
    /// Boundaries, one more than cells.
    pub bounds: Vec<Nanos>,
    /// Free time up to each boundary.
    pub free: Vec<Nanos>,
    /// Forced cells up to each boundary.
    forced: Vec<u32>,
    /// Cost of all cells up to each boundary, without a taper.
    costs: Vec<C>,
    pub energy: Energy<'a>,
}

impl<'a, C: Cost> Grid<'a, C> {
    /// `cells` must not be empty.
    pub fn new(cells: &'a [Cell], energy: Energy<'a>) -> Self {
        let (mut free, mut forced, mut costs) = (vec![0], vec![0], vec![C::ZERO]);
        let (mut time, mut count, mut cost) = (0, 0, C::ZERO);
        for cell in cells {
            time += if cell.forced { 0 } else { cell.len() };
            count += u32::from(cell.forced);
            cost = cost.plus(weigh(cell, 0, cell.len(), Energy { taper: None, ..energy }));
            free.push(time);
            forced.push(count);
            costs.push(cost);
        }
        let bounds =
            cells.iter().map(|cell| cell.start).chain(cells.last().map(|c| c.end)).collect();
        Self { cells, bounds, free, forced, costs, energy }
    }

    pub fn count(&self) -> usize {
        self.cells.len()
    }

    /// The first boundary at or after `instant`, not before `least`; the departure where there is none.
    pub fn boundary(&self, instant: Nanos, least: usize) -> usize {
        let ahead = self.bounds[least..].partition_point(|bound| *bound < instant);
        (least + ahead).min(self.count())
    }

    /// Free time between two boundaries.
    pub fn free_between(&self, from: usize, to: usize) -> Nanos {
        self.free[to] - self.free[from]
    }

    /// Cost of whole cells, after `done` of charging.
    pub fn block(&self, from: usize, to: usize, mut done: Nanos) -> C {
        if self.energy.taper.is_none() {
            return self.costs[to].minus(self.costs[from]);
        }
        let mut cost = C::ZERO;
        for cell in &self.cells[from..to] {
            cost = cost.plus(weigh(cell, done, cell.len(), self.energy));
            done += cell.len();
        }
        cost
    }

    /// Cost of `len` in one cell.
    pub fn part(&self, cell: usize, done: Nanos, len: Nanos) -> C {
        weigh(&self.cells[cell], done, len, self.energy)
    }

    pub fn may_be_idle(&self, from: usize, to: usize) -> bool {
        self.forced[from] == self.forced[to]
    }

    /// Where a stop at `instant` leads, `cell` being the first cell with idle time.
    fn stop(&self, rules: &Rules, instant: Nanos, cell: usize, part_left: bool) -> Option<Stop> {
        let ready = instant + rules.min_off;
        let to = self.boundary(ready, cell);
        if !self.may_be_idle(cell, to) {
            return None;
        }
        // The part may begin a run just before that boundary, late in its cell.
        let part = part_left && cell < to && ready <= self.bounds[to] - rules.part;
        Some(Stop { to, part: part.then(|| to - 1) })
    }
}

fn weigh<C: Cost>(cell: &Cell, done: Nanos, len: Nanos, energy: Energy<'_>) -> C {
    C::of(cell, len, cell.value.unwrap_or(0.0) * energy.kwh(done, len))
}

/// Where a stop leads.
#[derive(Clone, Copy)]
pub struct Stop {
    /// Idle and ready at this boundary.
    pub to: usize,
    /// The cell in which the part may begin a run before `to`.
    pub part: Option<usize>,
}

/// Where the transitions at boundary `i` lead.
#[derive(Clone, Copy)]
pub struct Moves {
    /// Start at the boundary.
    pub start: usize,
    /// Start with the part, late in cell `i`.
    pub part_start: Option<usize>,
    /// Start at the boundary and end with the part, early in this cell, just past the minimum on.
    pub short: Option<(usize, Stop)>,
    pub stop: Option<Stop>,
    /// End with the part, early in cell `i`.
    pub part_end: Option<Stop>,
}

/// The moves at every boundary but the departure.
pub fn moves<C: Cost>(grid: &Grid<'_, C>, rules: &Rules) -> Vec<Moves> {
    let fits = |cell: usize| {
        let cell = &grid.cells[cell];
        0 < rules.part && rules.part < cell.len() && !cell.forced
    };
    let part_end = |cell: usize| grid.stop(rules, grid.bounds[cell] + rules.part, cell, false);
    (0..grid.count())
        .map(|i| {
            let start = grid.bounds[i];
            let least = grid.boundary(start + rules.min_on, i);
            let short = if least == i { Some(i) } else { Some(least - 1) }.filter(|&cell| {
                fits(cell) && start + rules.min_on <= grid.bounds[cell] + rules.part
            });
            let late = grid.bounds[i + 1] - rules.part;
            Moves {
                start: least.max(i + 1),
                part_start: fits(i).then(|| grid.boundary(late + rules.min_on, i + 1)),
                short: short.and_then(|cell| Some((cell, part_end(cell)?))),
                stop: grid.stop(rules, start, i, 0 < rules.part),
                part_end: if fits(i) { part_end(i) } else { None },
            }
        })
        .collect()
}
