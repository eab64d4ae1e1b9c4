//! The exact search under limits on the switch: dynamic programming over the grid of the cells.
//!
//! A plan is a list of runs. Runs begin and end on the grid, except for one end of one run: whole cells
//! rarely add up to the need, so one cell is used in part. [`super::limited`] tries each length that this
//! part can have; here it is given.
//!
//! ```text
//!          skip                        extend
//!        ┌──────┐                    ┌────────┐
//!        │      ▼    start: min_on   │        ▼
//!  ─────> OFF(i) ───────────────────────> ON(j) ───> done at departure
//!            ▲                               │
//!            └───────────────────────────────┘
//!                     stop: min_off
//! ```
//!
//! `OFF(i)`: idle at boundary `i`, and may start. `ON(i)`: charging up to boundary `i`, and may stop. A
//! start jumps over the minimum on at once, a stop over the minimum off, so no state has to count time.
//! Beside the boundary a state knows the amount charged so far, whether the part has been used, and, under
//! a budget, the starts that are left. A run that the departure ends may be shorter than the minimum on.
//!
//! The search runs from the departure back to now and keeps the lowest cost from each state; the plan is
//! then read forward. Of equal ways it takes the one that charges later.

use super::amounts::{Amounts, NOWHERE};
use super::cells::Nanos;
use super::cost::Cost;
use super::greedy::push;
use super::moves::{Grid, Moves, Rules, Stop, moves};
use super::request::Before;

/// Costs from the states of one boundary to the departure. One entry for each layer and amount.
#[derive(Clone)]
struct Row<C> {
    off: Vec<C>,
    on: Vec<C>,
    /// Starting with the part in the cell after the boundary.
    part_start: Vec<C>,
}

const SKIP: u8 = 0;
const PART_START: u8 = 1;
const START: u8 = 2;
const SHORT: u8 = 3;

const STOP: u8 = 0;
const STOP_THEN_PART: u8 = 1;
const PART_END: u8 = 2;
const EXTEND: u8 = 3;

/// Layers: the part used or not, for each number of starts left.
#[derive(Clone, Copy)]
struct Layers {
    parts: usize,
    starts: usize,
    counted: bool,
}

impl Layers {
    fn new(rules: &Rules) -> Self {
        Self {
            parts: if 0 < rules.part { 2 } else { 1 },
            starts: rules.starts.map_or(1, |starts| starts as usize + 1),
            counted: rules.starts.is_some(),
        }
    }

    fn count(self) -> usize {
        self.parts * self.starts
    }

    fn of(self, starts: usize, part: usize) -> usize {
        starts * self.parts + part
    }

    /// The starts that are left after one more.
    fn after_start(self, starts: usize) -> Option<usize> {
        if self.counted { starts.checked_sub(1) } else { Some(starts) }
    }
}

/// States that the search visits, for whoever decides whether it is worth it.
pub fn states(cells: usize, amounts: usize, rules: &Rules) -> usize {
    cells.saturating_mul(amounts).saturating_mul(Layers::new(rules).count())
}

/// Cost and runs of the best plan that charges the target of `amounts` in whole free cells, the part, and
/// all forced cells. `None` when the rules allow no such plan.
pub fn search<C: Cost>(
    grid: &Grid<'_, C>,
    rules: &Rules,
    amounts: &mut Amounts,
    before: Option<(Before, Nanos)>,
) -> Option<(C, Vec<(Nanos, Nanos)>)> {
    let moves = moves(grid, rules);
    for (i, m) in moves.iter().enumerate() {
        amounts.prepare(grid.free_between(i, i + 1));
        amounts.prepare(grid.free_between(i, m.start));
        if let Some(to) = m.part_start {
            amounts.prepare(grid.free_between(i + 1, to));
        }
        if let Some((cell, _)) = m.short {
            amounts.prepare(grid.free_between(i, cell));
        }
    }
    let mut table = Table::new(grid, rules, amounts, &moves);
    for i in (0..grid.count()).rev() {
        table.fill(i);
    }
    table.read(before)
}

struct Table<'a, C> {
    grid: &'a Grid<'a, C>,
    rules: &'a Rules,
    amounts: &'a Amounts,
    moves: &'a [Moves],
    layers: Layers,
    /// The rows that a jump can reach, by boundary modulo their number.
    rows: Vec<Row<C>>,
    /// What to do in each state, `SKIP` to `SHORT` and `STOP` to `EXTEND`.
    off: Vec<u8>,
    on: Vec<u8>,
    /// Amounts from which the free cells ahead can add up to the target: a flag each, and a list.
    live: Vec<bool>,
    list: Vec<usize>,
}

impl<'a, C: Cost> Table<'a, C> {
    fn new(
        grid: &'a Grid<'a, C>,
        rules: &'a Rules,
        amounts: &'a Amounts,
        moves: &'a [Moves],
    ) -> Self {
        let layers = Layers::new(rules);
        let width = layers.count() * amounts.sums.len();
        let farthest = |(i, m): (usize, &Moves)| {
            let short = m.short.map(|(_, stop)| stop.to);
            let stops = [m.stop, m.part_end].into_iter().flatten().map(|stop| stop.to);
            let to = stops.chain(short).chain(m.part_start).fold(m.start, usize::max);
            to - i
        };
        let reach = moves.iter().enumerate().map(farthest).max().unwrap_or(1);
        let never = vec![C::NEVER; width];
        let row = Row { off: never.clone(), on: never.clone(), part_start: never };
        let mut rows = vec![row; reach + 1];

        // At the departure everything must be done: the whole amount, and the part.
        let end = &mut rows[grid.count() % (reach + 1)];
        for starts in 0..layers.starts {
            let done = (layers.of(starts, layers.parts - 1) + 1) * amounts.sums.len() - 1;
            end.off[done] = C::ZERO;
            end.on[done] = C::ZERO;
        }
        let states = grid.count() * width;
        let last = amounts.sums.len() - 1;
        let mut live = vec![false; amounts.sums.len()];
        live[last] = true;
        Self {
            grid,
            rules,
            amounts,
            moves,
            layers,
            rows,
            off: vec![SKIP; states],
            on: vec![STOP; states],
            live,
            list: vec![last],
        }
    }

    fn row(&self, boundary: usize) -> &Row<C> {
        &self.rows[boundary % self.rows.len()]
    }

    /// Works out the row of boundary `i` from those after it.
    fn fill(&mut self, i: usize) {
        self.enliven(i);
        let slot = i % self.rows.len();
        let mut row = std::mem::replace(
            &mut self.rows[slot],
            Row { off: Vec::new(), on: Vec::new(), part_start: Vec::new() },
        );
        row.off.fill(C::NEVER);
        row.on.fill(C::NEVER);
        row.part_start.fill(C::NEVER);
        for starts in 0..self.layers.starts {
            for part in 0..self.layers.parts {
                self.fill_part_start(i, starts, part, &mut row);
                self.fill_off(i, starts, part, &mut row);
                self.fill_on(i, starts, part, &mut row);
            }
        }
        self.rows[slot] = row;
    }

    /// Lets the cell after boundary `i` count among those ahead.
    fn enliven(&mut self, i: usize) {
        let jump = self.amounts.jump(self.grid.free_between(i, i + 1));
        let mut grown = false;
        for (a, &to) in jump.iter().enumerate() {
            // Jumps lead upward, so what becomes live here is not looked at again.
            if !self.live[a] && to != NOWHERE && self.live[to as usize] {
                self.live[a] = true;
                grown = true;
            }
        }
        if grown {
            self.list = (0..self.live.len()).filter(|a| self.live[*a]).collect();
        }
    }

    /// The amounts that can have been charged at boundary `i`, and from which the target is in reach.
    fn band(&self, i: usize) -> &[usize] {
        let reached = |a: &usize| self.amounts.sums[*a] <= self.grid.free[i];
        &self.list[..self.list.partition_point(reached)]
    }

    /// Time charged in state (`i`, amount, part).
    fn done(&self, i: usize, amount: usize, part: usize) -> Nanos {
        let forced = self.grid.bounds[i] - self.grid.bounds[0] - self.grid.free[i];
        let used = if part == 0 { 0 } else { self.rules.part };
        forced + self.amounts.sums[amount] + used
    }

    fn fill_part_start(&self, i: usize, starts: usize, part: usize, row: &mut Row<C>) {
        let (Some(to), Some(left), 0) =
            (self.moves[i].part_start, self.layers.after_start(starts), part)
        else {
            return;
        };
        let (grid, width) = (self.grid, self.amounts.sums.len());
        let jump = self.amounts.jump(grid.free_between(i + 1, to));
        let from = self.layers.of(starts, 0) * width;
        let target = self.layers.of(left, 1) * width;
        let on = &self.row(to).on[target..target + width];
        for &a in self.band(i) {
            if jump[a] == NOWHERE {
                continue;
            }
            let done = self.done(i, a, 0);
            row.part_start[from + a] = C::grams(self.rules.start_cost)
                .plus(grid.part(i, done, self.rules.part))
                .plus(grid.block(i + 1, to, done + self.rules.part))
                .plus(on[jump[a] as usize]);
        }
    }

    fn fill_off(&mut self, i: usize, starts: usize, part: usize, row: &mut Row<C>) {
        let mut actions = std::mem::take(&mut self.off);
        let (grid, width, noise) = (self.grid, self.amounts.sums.len(), self.rules.noise);
        let m = self.moves[i];
        let from = self.layers.of(starts, part) * width;
        let skip = grid.may_be_idle(i, i + 1);
        let start = self.layers.after_start(starts).map(|left| self.layers.of(left, part) * width);
        let short = m
            .short
            .filter(|_| part == 0)
            .and_then(|short| Some((short, self.layers.after_start(starts)?)))
            .map(|((cell, stop), left)| {
                let target = self.layers.of(left, 1) * width;
                let off = &self.row(stop.to).off[target..target + width];
                (cell, off, self.amounts.jump(grid.free_between(i, cell)))
            });
        let start_jump = self.amounts.jump(grid.free_between(i, m.start));
        let start_cost = C::grams(self.rules.start_cost);
        let tapered = grid.energy.taper.is_some();
        let flat = start_cost.plus(if tapered { C::ZERO } else { grid.block(i, m.start, 0) });

        let band = self.band(i);
        let action = &mut actions[i * self.layers.count() * width + from..][..width];
        let idle = &self.row(i + 1).off[from..from + width];
        let on = start.map(|target| &self.row(m.start).on[target..target + width]);
        let part_start = &row.part_start[from..from + width];
        let off = &mut row.off[from..from + width];
        for &a in band {
            let (mut best, mut chosen) = (C::NEVER, SKIP);
            if skip {
                best = idle[a];
            }
            if part_start[a].beats(best, noise) {
                (best, chosen) = (part_start[a], PART_START);
            }
            if let Some(on) = on
                && start_jump[a] != NOWHERE
            {
                let block =
                    if tapered { grid.block(i, m.start, self.done(i, a, part)) } else { C::ZERO };
                let cost = on[start_jump[a] as usize].plus(flat).plus(block);
                if cost.beats(best, noise) {
                    (best, chosen) = (cost, START);
                }
            }
            if let Some((cell, after, jump)) = short
                && jump[a] != NOWHERE
            {
                let done = self.done(i, a, part);
                let cells = grid.bounds[cell] - grid.bounds[i];
                let cost = after[jump[a] as usize]
                    .plus(start_cost)
                    .plus(grid.block(i, cell, done))
                    .plus(grid.part(cell, done + cells, self.rules.part));
                if cost.beats(best, noise) {
                    (best, chosen) = (cost, SHORT);
                }
            }
            off[a] = best;
            action[a] = chosen;
        }
        self.off = actions;
    }

    fn fill_on(&mut self, i: usize, starts: usize, part: usize, row: &mut Row<C>) {
        let mut actions = std::mem::take(&mut self.on);
        let (grid, width, noise) = (self.grid, self.amounts.sums.len(), self.rules.noise);
        let m = self.moves[i];
        let from = self.layers.of(starts, part) * width;
        let step = self.amounts.jump(grid.free_between(i, i + 1));
        let tapered = grid.energy.taper.is_some();
        let flat = if tapered { C::ZERO } else { grid.block(i, i + 1, 0) };

        let band = self.band(i);
        let action = &mut actions[i * self.layers.count() * width + from..][..width];
        let further = &self.row(i + 1).on[from..from + width];
        let stop = m.stop.map(|stop| {
            let off = if stop.to == i { &row.off } else { &self.row(stop.to).off };
            &off[from..from + width]
        });
        let stop_then_part = m.stop.and_then(|stop| stop.part).filter(|_| part == 0).map(|cell| {
            let begin = if cell == i { &row.part_start } else { &self.row(cell).part_start };
            &begin[from..from + width]
        });
        let part_end = m.part_end.filter(|_| part == 0).map(|stop| {
            let target = self.layers.of(starts, 1) * width;
            &self.row(stop.to).off[target..target + width]
        });
        let on = &mut row.on[from..from + width];
        for &a in band {
            let (mut best, mut chosen) = (C::NEVER, STOP);
            if let Some(stop) = stop {
                best = stop[a];
            }
            if let Some(begin) = stop_then_part
                && begin[a].beats(best, noise)
            {
                (best, chosen) = (begin[a], STOP_THEN_PART);
            }
            if let Some(stop) = part_end {
                let cost = stop[a].plus(grid.part(i, self.done(i, a, part), self.rules.part));
                if cost.beats(best, noise) {
                    (best, chosen) = (cost, PART_END);
                }
            }
            if step[a] != NOWHERE {
                let block =
                    if tapered { grid.block(i, i + 1, self.done(i, a, part)) } else { flat };
                let cost = further[step[a] as usize].plus(block);
                if cost.beats(best, noise) {
                    (best, chosen) = (cost, EXTEND);
                }
            }
            on[a] = best;
            action[a] = chosen;
        }
        self.on = actions;
    }

    /// Reads the best plan forward from now.
    fn read(&self, before: Option<(Before, Nanos)>) -> Option<(C, Vec<(Nanos, Nanos)>)> {
        let (grid, width) = (self.grid, self.amounts.sums.len());
        let layer = self.layers.of(self.layers.starts - 1, 0);
        let at = |costs: &[C], amount: usize| costs[layer * width + amount];
        let mut walk = Walk {
            amount: 0,
            starts: self.layers.starts - 1,
            part: 0,
            since: None,
            runs: Vec::new(),
        };

        // A jump from now may lead farther than the rows that are kept; then nothing is known of it,
        // and the run or pause that is under way counts for nothing.
        let kept = |boundary: usize| boundary < self.rows.len();
        let (mut cost, mut place) = (at(&self.row(0).off, 0), Place::Off(0));
        match before {
            Some((Before::Charging { .. }, least)) => {
                let to = grid.boundary(least, 0);
                let amount = self.amounts.sums.binary_search(&grid.free_between(0, to)).ok();
                if let Some(amount) = amount.filter(|_| kept(to)) {
                    let going_on = at(&self.row(to).on, amount).plus(grid.block(0, to, 0));
                    if going_on.is_possible() {
                        (cost, place) = (going_on, Place::On(to));
                        (walk.amount, walk.since) = (amount, Some(grid.bounds[0]));
                    }
                }
            }
            Some((Before::Idle { .. }, ready)) => {
                let to = grid.boundary(ready, 0);
                if kept(to) && grid.may_be_idle(0, to) {
                    let later = at(&self.row(to).off, 0);
                    if later.is_possible() {
                        (cost, place) = (later, Place::Off(to));
                    }
                }
            }
            _ => {}
        }
        if !cost.is_possible() {
            return None;
        }
        loop {
            place = match place {
                Place::Off(i) | Place::On(i) if i == grid.count() => break,
                Place::Off(i) => self.step_off(i, &mut walk),
                Place::On(i) => self.step_on(i, &mut walk),
            };
        }
        walk.stop(grid.bounds[grid.count()]);
        Some((cost, walk.runs))
    }

    fn state(&self, i: usize, walk: &Walk) -> usize {
        let layer = i * self.layers.count() + self.layers.of(walk.starts, walk.part);
        layer * self.amounts.sums.len() + walk.amount
    }

    fn step_off(&self, i: usize, walk: &mut Walk) -> Place {
        let (grid, m) = (self.grid, self.moves[i]);
        match (self.off[self.state(i, walk)], m.part_start, m.short) {
            (PART_START, ..) => self.part_start(i, walk),
            (START, ..) => {
                self.count_start(walk, grid.bounds[i]);
                self.advance(walk, grid.free_between(i, m.start));
                Place::On(m.start)
            }
            (SHORT, _, Some((cell, stop))) => {
                self.count_start(walk, grid.bounds[i]);
                self.advance(walk, grid.free_between(i, cell));
                walk.part = 1;
                walk.stop(grid.bounds[cell] + self.rules.part);
                Place::Off(stop.to)
            }
            _ => Place::Off(i + 1),
        }
    }

    fn step_on(&self, i: usize, walk: &mut Walk) -> Place {
        let (grid, m) = (self.grid, self.moves[i]);
        match (self.on[self.state(i, walk)], m.stop, m.part_end) {
            (STOP, Some(stop), _) => {
                walk.stop(grid.bounds[i]);
                Place::Off(stop.to)
            }
            (STOP_THEN_PART, Some(Stop { part: Some(cell), .. }), _) => {
                walk.stop(grid.bounds[i]);
                self.part_start(cell, walk)
            }
            (PART_END, _, Some(stop)) => {
                walk.part = 1;
                walk.stop(grid.bounds[i] + self.rules.part);
                Place::Off(stop.to)
            }
            _ => {
                self.advance(walk, grid.free_between(i, i + 1));
                Place::On(i + 1)
            }
        }
    }

    /// Starts with the part, late in cell `i`.
    fn part_start(&self, i: usize, walk: &mut Walk) -> Place {
        let grid = self.grid;
        let to = self.moves[i].part_start.unwrap_or(i + 1);
        self.count_start(walk, grid.bounds[i + 1] - self.rules.part);
        self.advance(walk, grid.free_between(i + 1, to));
        walk.part = 1;
        Place::On(to)
    }

    fn count_start(&self, walk: &mut Walk, at: Nanos) {
        walk.since = Some(at);
        walk.starts = self.layers.after_start(walk.starts).unwrap_or(0);
    }

    fn advance(&self, walk: &mut Walk, length: Nanos) {
        walk.amount = self.amounts.jump(length)[walk.amount] as usize;
    }
}

/// Where the reading is.
enum Place {
    Off(usize),
    On(usize),
}

/// What the reading has seen.
struct Walk {
    amount: usize,
    starts: usize,
    part: usize,
    since: Option<Nanos>,
    runs: Vec<(Nanos, Nanos)>,
}

impl Walk {
    fn stop(&mut self, at: Nanos) {
        if let Some(since) = self.since.take() {
            push(&mut self.runs, since, at);
        }
    }
}
