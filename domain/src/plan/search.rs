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

mod read;

use std::borrow::Cow;
use std::hint::select_unpredictable;
use std::ops::Range;

use super::amounts::{Amounts, NOWHERE};
use super::cells::{Cell, Nanos};
use super::corridor::Corridor;
use super::cost::Cost;
use super::moves::{Grid, Moves, Rules, moves};
use super::request::Before;

/// Costs from the states of one boundary to the departure. One entry for each layer and amount.
#[derive(Clone)]
struct Row<C> {
    off: Vec<C>,
    on: Vec<C>,
    /// Starting with the part in the cell after the boundary.
    part_start: Vec<C>,
    /// Amounts of each layer that may say anything but never.
    written: Vec<Range<usize>>,
}

impl<C: Cost> Row<C> {
    /// Forgets what was written.
    fn clear(&mut self, stride: usize) {
        for (layer, written) in self.written.iter_mut().enumerate() {
            let from = layer * stride;
            let span = from + written.start..from + written.end;
            for costs in [&mut self.off, &mut self.on, &mut self.part_start] {
                costs[span.clone()].fill(C::NEVER);
            }
            *written = 0..0;
        }
    }
}

/// Which of the live amounts a layer of a row is worked out for.
enum Live<'a> {
    /// All of these, on the ladder.
    Ladder(Range<usize>),
    /// These.
    Some(Cow<'a, [usize]>),
}

const SKIP: u8 = 0;
const PART_START: u8 = 1;
const START: u8 = 2;
const SHORT: u8 = 3;

const STOP: u8 = 0;
const STOP_THEN_PART: u8 = 1;
const PART_END: u8 = 2;
const EXTEND: u8 = 3;

impl Live<'_> {
    /// From the first to the last.
    fn span(&self) -> Range<usize> {
        match self {
            Self::Ladder(range) => range.clone(),
            Self::Some(list) => {
                list.first().copied().unwrap_or(0)..list.last().map_or(0, |last| last + 1)
            }
        }
    }

    fn each(&self, f: impl FnMut(usize)) {
        match self {
            Self::Ladder(range) => range.clone().for_each(f),
            Self::Some(list) => list.iter().copied().for_each(f),
        }
    }
}

/// A layer of a row that is worked out: the boundary, the starts left, whether the part is used, and the
/// amounts.
type Layer<'a> = (usize, usize, usize, &'a Live<'a>);

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

/// What is the same in every search with one length of the part.
pub struct Prepared {
    /// Length of the part.
    pub part: Nanos,
    /// Amounts on the way to the target without the part.
    pub amounts: Amounts,
    moves: Vec<Moves>,
    /// From this boundary on all free cells are whole units: only amounts on the ladder lead to the target.
    even_from: usize,
}

impl Prepared {
    /// For searches on `grid` under `rules`, however many starts they allow.
    pub fn new<C: Cost>(grid: &Grid<'_, C>, rules: &Rules, mut amounts: Amounts) -> Self {
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
        let is_odd = |cell: &Cell| !cell.forced && !amounts.is_whole(cell.len());
        let even_from = grid.cells.iter().rposition(is_odd).map_or(0, |odd| odd + 1);
        Self { part: rules.part, amounts, moves, even_from }
    }
}

/// Cost and runs of the best plan that charges the target in whole free cells, the part, and all forced
/// cells; of those within the corridor, if there is one. `None` when the rules allow no such plan.
///
/// `before` is what the switch must go on with, and until when; with `None` the plan is free to begin as it
/// likes.
pub fn search<C: Cost>(
    grid: &Grid<'_, C>,
    rules: &Rules,
    prepared: &Prepared,
    before: Option<(Before, Nanos)>,
    corridor: Option<&Corridor>,
) -> Option<(C, Vec<(Nanos, Nanos)>)> {
    let mut table = Table::new(grid, rules, prepared, corridor);
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
    even_from: usize,
    layers: Layers,
    /// The rows that a jump can reach, by boundary modulo their number.
    rows: Vec<Row<C>>,
    /// What to do in each state that is worked out, `SKIP` to `SHORT` and `STOP` to `EXTEND`.
    off: Vec<u8>,
    on: Vec<u8>,
    /// Where these begin, by boundary and layer: the place of the first amount, and which that is.
    places: Vec<(u32, u32)>,
    /// Amounts from which the free cells ahead can add up to the target: a flag each, and a list.
    live: Vec<bool>,
    list: Vec<usize>,
    /// Costs of what cannot be.
    never: Vec<C>,
    /// Where plans can be that are good enough.
    corridor: Option<&'a Corridor>,
}

impl<'a, C: Cost> Table<'a, C> {
    fn new(
        grid: &'a Grid<'a, C>,
        rules: &'a Rules,
        prepared: &'a Prepared,
        corridor: Option<&'a Corridor>,
    ) -> Self {
        let (amounts, moves) = (&prepared.amounts, prepared.moves.as_slice());
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
        let written = vec![0..0; layers.count()];
        let row = Row { off: never.clone(), on: never.clone(), part_start: never, written };
        let mut rows = vec![row; reach + 1];

        // At the departure everything must be done: the whole amount, and the part.
        let end = &mut rows[grid.count() % (reach + 1)];
        for starts in 0..layers.starts {
            let done = layers.of(starts, layers.parts - 1) * stride(amounts) + count - 1;
            end.off[done] = C::ZERO;
            end.on[done] = C::ZERO;
            end.written[layers.of(starts, layers.parts - 1)] = count - 1..count;
        }
        let mut live = vec![false; count];
        live[count - 1] = true;
        Self {
            grid,
            rules,
            amounts,
            moves,
            even_from: prepared.even_from,
            layers,
            rows,
            off: Vec::new(),
            on: Vec::new(),
            places: vec![(0, 0); grid.count() * layers.count()],
            live,
            list: vec![count - 1],
            never: vec![C::NEVER; count],
            corridor,
        }
    }

    fn row(&self, boundary: usize) -> &Row<C> {
        &self.rows[boundary % self.rows.len()]
    }

    /// Works out the row of boundary `i` from those after it. Of a row only live amounts are written.
    fn fill(&mut self, i: usize) {
        if self.corridor.is_none() {
            self.enliven(i);
        }
        let slot = i % self.rows.len();
        let empty =
            Row { off: Vec::new(), on: Vec::new(), part_start: Vec::new(), written: Vec::new() };
        let mut row = std::mem::replace(&mut self.rows[slot], empty);
        row.clear(stride(self.amounts));
        let (mut off, mut on) = (std::mem::take(&mut self.off), std::mem::take(&mut self.on));
        let mut places = std::mem::take(&mut self.places);
        for starts in 0..self.layers.starts {
            let window = self.corridor.map(|corridor| corridor.window(i, starts));
            if window.is_some_and(|(least, most)| most < least) {
                continue;
            }
            for part in 0..self.layers.parts {
                let layer = self.layers.of(starts, part);
                let Some(live) = self.live_in(i, part, window) else { continue };
                let span = live.span();
                row.written[layer] = span.clone();
                let place = off.len();
                places[i * self.layers.count() + layer] = (
                    u32::try_from(place).unwrap_or(u32::MAX),
                    u32::try_from(span.start).unwrap_or(u32::MAX),
                );
                off.resize(place + span.len(), SKIP);
                on.resize(place + span.len(), STOP);
                let layer = (i, starts, part, &live);
                self.fill_part_start(layer, &mut row);
                self.fill_off(layer, &mut row, &mut off[place..]);
                self.fill_on(layer, &mut row, &mut on[place..]);
            }
        }
        (self.off, self.on, self.places) = (off, on, places);
        self.rows[slot] = row;
    }

    /// Lets the cell after boundary `i` count among those ahead. Amounts come to life and never die.
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

    /// The amounts of a layer that are worth working out; `None` where there are none.
    fn live_in(&self, i: usize, part: usize, window: Option<(Nanos, Nanos)>) -> Option<Live<'_>> {
        let count = self.amounts.sums.len();
        let Some((least, most)) = window else {
            let first = count - self.list.len();
            let on_ladder = self.list[0] == first && self.amounts.shift(first, 0).is_some();
            return Some(match on_ladder {
                true => Live::Ladder(first..count),
                false => Live::Some(Cow::Borrowed(&self.list)),
            });
        };
        // What is charged is the amount and something that all amounts of a layer have in common.
        let common = self.done(i, 0, part) - self.amounts.sums[0];
        let (least, most) = (least - common, most - common);
        let within = |amount: &usize| (least..=most).contains(&self.amounts.sums[*amount]);
        let ladder = self
            .amounts
            .ladder()
            .filter(|ladder| self.even_from <= i || !(0..*ladder).any(|amount| within(&amount)));
        let Some(ladder) = ladder else {
            let list: Vec<usize> = (0..count).filter(within).collect();
            return (!list.is_empty()).then_some(Live::Some(Cow::Owned(list)));
        };
        let sums = &self.amounts.sums[ladder..];
        let from = ladder + sums.partition_point(|sum| *sum < least);
        let to = ladder + sums.partition_point(|sum| *sum <= most);
        (from < to).then_some(Live::Ladder(from..to))
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

    fn fill_part_start(&self, (i, starts, part, live): Layer<'_>, row: &mut Row<C>) {
        if part != 0 || self.rules.part == 0 {
            return;
        }
        let from = self.layer(starts, 0);
        let (Some(to), Some(left)) = (self.moves[i].part_start, self.layers.after_start(starts))
        else {
            return;
        };
        let grid = self.grid;
        let jump = self.amounts.jump(grid.free_between(i + 1, to));
        let on = &self.row(to).on[self.layer(left, 1)..];
        live.each(|a| {
            row.part_start[from + a] = if jump[a] == NOWHERE {
                C::NEVER
            } else {
                let done = self.done(i, a, 0);
                C::grams(self.rules.start_cost)
                    .plus(grid.part(i, done, self.rules.part))
                    .plus(grid.block(i + 1, to, done + self.rules.part))
                    .plus(on[jump[a] as usize])
            };
        });
    }

    fn fill_off(&self, (i, starts, part, live): Layer<'_>, row: &mut Row<C>, action: &mut [u8]) {
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
            && let Live::Ladder(Range { start: first, end }) = *live
            && let Some(shift) = self.amounts.shift(first, length)
        {
            let cost = start_cost.plus(grid.block(i, m.start, 0));
            let shift = shift.min(count);
            let begin = on.map_or(&self.never[first..end], |on| &on[first + shift..end + shift]);
            let ways = idle[first..end].iter().zip(&part_start[first..end]).zip(begin);
            for (((idle, part_start), begin), (off, action)) in
                ways.zip(off[first..end].iter_mut().zip(action))
            {
                let (mut best, mut chosen) = (*idle, SKIP);
                improve(&mut best, &mut chosen, *part_start, PART_START, noise);
                let begin = begin.plus(cost);
                improve(&mut best, &mut chosen, begin, START, noise);
                (*off, *action) = (best, chosen);
            }
            return;
        }

        let (jump, begins) = (self.amounts.jump(length), live.span().start);
        live.each(|a| {
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
            (off[a], action[a - begins]) = (best, chosen);
        });
    }

    fn fill_on(&self, (i, starts, part, live): Layer<'_>, row: &mut Row<C>, action: &mut [u8]) {
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
            && let Live::Ladder(Range { start: first, end }) = *live
            && let Some(shift) = self.amounts.shift(first, length)
        {
            let block = grid.block(i, i + 1, 0);
            let part_cost = grid.part(i, 0, self.rules.part);
            let shift = shift.min(count);
            let further = &further[first + shift..end + shift];
            let ways = stop[first..end].iter().zip(&then_part[first..end]);
            let ways = ways.zip(part_end[first..end].iter().zip(further));
            for (((stop, then_part), (part_end, further)), (on, action)) in
                ways.zip(on[first..end].iter_mut().zip(action))
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

        let (jump, begins) = (self.amounts.jump(length), live.span().start);
        live.each(|a| {
            let (mut best, mut chosen) = (stop[a], STOP);
            improve(&mut best, &mut chosen, then_part[a], STOP_THEN_PART, noise);
            let done = self.done(i, a, part);
            let cost = part_end[a].plus(grid.part(i, done, self.rules.part));
            improve(&mut best, &mut chosen, cost, PART_END, noise);
            if jump[a] != NOWHERE {
                let cost = further[jump[a] as usize].plus(grid.block(i, i + 1, done));
                improve(&mut best, &mut chosen, cost, EXTEND, noise);
            }
            (on[a], action[a - begins]) = (best, chosen);
        });
    }
}
