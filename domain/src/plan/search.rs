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

use std::hint::select_unpredictable;

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

/// Takes a way if it is better. Which one is better follows no pattern, so this must not be a branch.
#[inline(always)]
fn improve<C: Cost>(best: &mut C, chosen: &mut u8, cost: C, action: u8, noise: f64) {
    let better = cost.beats(*best, noise);
    *best = select_unpredictable(better, cost, *best);
    *chosen = select_unpredictable(better, action, *chosen);
}

/// Room for a layer of a row: what lies beyond the target is never, so that a jump needs no check.
fn stride(amounts: &Amounts) -> usize {
    2 * amounts.sums.len()
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
    /// Costs of what cannot be.
    never: Vec<C>,
}

impl<'a, C: Cost> Table<'a, C> {
    fn new(
        grid: &'a Grid<'a, C>,
        rules: &'a Rules,
        amounts: &'a Amounts,
        moves: &'a [Moves],
    ) -> Self {
        let layers = Layers::new(rules);
        let count = amounts.sums.len();
        let farthest = |(i, m): (usize, &Moves)| {
            let short = m.short.map(|(_, stop)| stop.to);
            let stops = [m.stop, m.part_end].into_iter().flatten().map(|stop| stop.to);
            let to = stops.chain(short).chain(m.part_start).fold(m.start, usize::max);
            to - i
        };
        let reach = moves.iter().enumerate().map(farthest).max().unwrap_or(1);
        let never = vec![C::NEVER; layers.count() * stride(amounts)];
        let row = Row { off: never.clone(), on: never.clone(), part_start: never };
        let mut rows = vec![row; reach + 1];

        // At the departure everything must be done: the whole amount, and the part.
        let end = &mut rows[grid.count() % (reach + 1)];
        for starts in 0..layers.starts {
            let done = layers.of(starts, layers.parts - 1) * stride(amounts) + count - 1;
            end.off[done] = C::ZERO;
            end.on[done] = C::ZERO;
        }
        let states = grid.count() * layers.count() * count;
        let mut live = vec![false; count];
        live[count - 1] = true;
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
            list: vec![count - 1],
            never: vec![C::NEVER; count],
        }
    }

    fn row(&self, boundary: usize) -> &Row<C> {
        &self.rows[boundary % self.rows.len()]
    }

    /// Works out the row of boundary `i` from those after it.
    ///
    /// Of a row only live amounts are written, in every layer. Amounts come to life and never die, so the
    /// rest of a row that is used again still says never.
    fn fill(&mut self, i: usize) {
        self.enliven(i);
        let slot = i % self.rows.len();
        let empty = Row { off: Vec::new(), on: Vec::new(), part_start: Vec::new() };
        let mut row = std::mem::replace(&mut self.rows[slot], empty);
        let (mut off, mut on) = (std::mem::take(&mut self.off), std::mem::take(&mut self.on));
        let count = self.amounts.sums.len();
        for starts in 0..self.layers.starts {
            for part in 0..self.layers.parts {
                let first = (i * self.layers.count() + self.layers.of(starts, part)) * count;
                self.fill_part_start(i, starts, part, &mut row);
                self.fill_off(i, starts, part, &mut row, &mut off[first..first + count]);
                self.fill_on(i, starts, part, &mut row, &mut on[first..first + count]);
            }
        }
        (self.off, self.on) = (off, on);
        self.rows[slot] = row;
    }

    /// Lets the cell after boundary `i` count among those ahead.
    fn enliven(&mut self, i: usize) {
        let jump = self.amounts.jump(self.grid.free_between(i, i + 1));
        let mut grown = false;
        for (a, &to) in jump.iter().enumerate() {
            // Where a jump leads back, one too many may come to life: a state without a way.
            if !self.live[a] && to != NOWHERE && self.live[to as usize] {
                self.live[a] = true;
                grown = true;
            }
        }
        if grown {
            self.list = (0..self.live.len()).filter(|a| self.live[*a]).collect();
        }
    }

    /// The first live amount, if all from there on are live.
    fn first(&self) -> Option<usize> {
        let first = self.live.len() - self.list.len();
        (self.list[0] == first).then_some(first)
    }

    /// Where a layer begins in a row.
    fn layer(&self, starts: usize, part: usize) -> usize {
        self.layers.of(starts, part) * stride(self.amounts)
    }

    /// Time charged in state (`i`, amount, part).
    fn done(&self, i: usize, amount: usize, part: usize) -> Nanos {
        let forced = self.grid.bounds[i] - self.grid.bounds[0] - self.grid.free[i];
        let used = if part == 0 { 0 } else { self.rules.part };
        forced + self.amounts.sums[amount] + used
    }

    fn tapered(&self) -> bool {
        self.grid.energy.taper.is_some()
    }

    fn fill_part_start(&self, i: usize, starts: usize, part: usize, row: &mut Row<C>) {
        if part != 0 || self.rules.part == 0 {
            return;
        }
        let from = self.layer(starts, 0);
        let (Some(to), Some(left)) = (self.moves[i].part_start, self.layers.after_start(starts))
        else {
            for &a in &self.list {
                row.part_start[from + a] = C::NEVER;
            }
            return;
        };
        let grid = self.grid;
        let jump = self.amounts.jump(grid.free_between(i + 1, to));
        let on = &self.row(to).on[self.layer(left, 1)..];
        for &a in &self.list {
            row.part_start[from + a] = if jump[a] == NOWHERE {
                C::NEVER
            } else {
                let done = self.done(i, a, 0);
                C::grams(self.rules.start_cost)
                    .plus(grid.part(i, done, self.rules.part))
                    .plus(grid.block(i + 1, to, done + self.rules.part))
                    .plus(on[jump[a] as usize])
            };
        }
    }

    fn fill_off(&self, i: usize, starts: usize, part: usize, row: &mut Row<C>, action: &mut [u8]) {
        let (grid, noise, m) = (self.grid, self.rules.noise, self.moves[i]);
        let (from, count) = (self.layer(starts, part), self.amounts.sums.len());
        let left = self.layers.after_start(starts);
        let idle = if grid.may_be_idle(i, i + 1) {
            &self.row(i + 1).off[from..from + count]
        } else {
            &self.never
        };
        let part_start = &row.part_start[from..from + count];
        let on = left.map(|left| &self.row(m.start).on[self.layer(left, part)..]);
        let length = grid.free_between(i, m.start);
        let short = m.short.filter(|_| part == 0).zip(left).map(|((cell, stop), left)| {
            let off = &self.row(stop.to).off[self.layer(left, 1)..];
            (cell, off, self.amounts.jump(grid.free_between(i, cell)))
        });
        let start_cost = C::grams(self.rules.start_cost);
        let off = &mut row.off[from..from + count];

        if !self.tapered()
            && short.is_none()
            && let Some(first) = self.first()
            && let Some(shift) = self.amounts.shift(first, length)
        {
            let cost = start_cost.plus(grid.block(i, m.start, 0));
            let shift = shift.min(count);
            let begin = on.map_or(&self.never[first..], |on| &on[first + shift..count + shift]);
            let ways = idle[first..].iter().zip(&part_start[first..]).zip(begin);
            for (((idle, part_start), begin), (off, action)) in
                ways.zip(off[first..].iter_mut().zip(&mut action[first..]))
            {
                let (mut best, mut chosen) = (*idle, SKIP);
                improve(&mut best, &mut chosen, *part_start, PART_START, noise);
                let begin = begin.plus(cost);
                improve(&mut best, &mut chosen, begin, START, noise);
                (*off, *action) = (best, chosen);
            }
            return;
        }

        let jump = self.amounts.jump(length);
        for &a in &self.list {
            let (mut best, mut chosen) = (idle[a], SKIP);
            improve(&mut best, &mut chosen, part_start[a], PART_START, noise);
            let done = self.done(i, a, part);
            if let Some(on) = on
                && jump[a] != NOWHERE
            {
                let block = grid.block(i, m.start, done);
                let cost = on[jump[a] as usize].plus(start_cost).plus(block);
                improve(&mut best, &mut chosen, cost, START, noise);
            }
            if let Some((cell, after, jump)) = short
                && jump[a] != NOWHERE
            {
                let cells = grid.bounds[cell] - grid.bounds[i];
                let cost = after[jump[a] as usize]
                    .plus(start_cost)
                    .plus(grid.block(i, cell, done))
                    .plus(grid.part(cell, done + cells, self.rules.part));
                improve(&mut best, &mut chosen, cost, SHORT, noise);
            }
            (off[a], action[a]) = (best, chosen);
        }
    }

    fn fill_on(&self, i: usize, starts: usize, part: usize, row: &mut Row<C>, action: &mut [u8]) {
        let (grid, noise, m) = (self.grid, self.rules.noise, self.moves[i]);
        let (from, count) = (self.layer(starts, part), self.amounts.sums.len());
        let length = grid.free_between(i, i + 1);
        let further = &self.row(i + 1).on[from..];
        let stop = m.stop.map_or(&self.never[..], |stop| {
            let off = if stop.to == i { &row.off } else { &self.row(stop.to).off };
            &off[from..from + count]
        });
        let then_part = m.stop.and_then(|stop| stop.part).filter(|_| part == 0);
        let then_part = then_part.map_or(&self.never[..], |cell| {
            let begin = if cell == i { &row.part_start } else { &self.row(cell).part_start };
            &begin[from..from + count]
        });
        let part_end = m.part_end.filter(|_| part == 0).map_or(&self.never[..], |stop| {
            let target = self.layer(starts, 1);
            &self.row(stop.to).off[target..target + count]
        });
        let on = &mut row.on[from..from + count];

        if !self.tapered()
            && let Some(first) = self.first()
            && let Some(shift) = self.amounts.shift(first, length)
        {
            let block = grid.block(i, i + 1, 0);
            let part_cost = grid.part(i, 0, self.rules.part);
            let shift = shift.min(count);
            let further = &further[first + shift..count + shift];
            let ways = stop[first..].iter().zip(&then_part[first..]);
            let ways = ways.zip(part_end[first..].iter().zip(further));
            for (((stop, then_part), (part_end, further)), (on, action)) in
                ways.zip(on[first..].iter_mut().zip(&mut action[first..]))
            {
                let (mut best, mut chosen) = (*stop, STOP);
                improve(&mut best, &mut chosen, *then_part, STOP_THEN_PART, noise);
                let part_end = part_end.plus(part_cost);
                improve(&mut best, &mut chosen, part_end, PART_END, noise);
                let further = further.plus(block);
                improve(&mut best, &mut chosen, further, EXTEND, noise);
                (*on, *action) = (best, chosen);
            }
            return;
        }

        let jump = self.amounts.jump(length);
        for &a in &self.list {
            let (mut best, mut chosen) = (stop[a], STOP);
            improve(&mut best, &mut chosen, then_part[a], STOP_THEN_PART, noise);
            let done = self.done(i, a, part);
            let cost = part_end[a].plus(grid.part(i, done, self.rules.part));
            improve(&mut best, &mut chosen, cost, PART_END, noise);
            if jump[a] != NOWHERE {
                let cost = further[jump[a] as usize].plus(grid.block(i, i + 1, done));
                improve(&mut best, &mut chosen, cost, EXTEND, noise);
            }
            (on[a], action[a]) = (best, chosen);
        }
    }

    /// Reads the best plan forward from now.
    fn read(&self, before: Option<(Before, Nanos)>) -> Option<(C, Vec<(Nanos, Nanos)>)> {
        let grid = self.grid;
        let layer = self.layer(self.layers.starts - 1, 0);
        let nothing = self.amounts.find(0)?;
        let at = |costs: &[C], amount: usize| costs[layer + amount];
        let mut walk = Walk {
            amount: nothing,
            starts: self.layers.starts - 1,
            part: 0,
            since: None,
            runs: Vec::new(),
        };

        // A jump from now may lead farther than the rows that are kept; then nothing is known of it,
        // and the run or pause that is under way counts for nothing.
        let kept = |boundary: usize| boundary < self.rows.len();
        let (mut cost, mut place) = (at(&self.row(0).off, nothing), Place::Off(0));
        match before {
            Some((Before::Charging { .. }, least)) => {
                let to = grid.boundary(least, 0);
                let amount = self.amounts.find(grid.free_between(0, to));
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
                    let later = at(&self.row(to).off, nothing);
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
