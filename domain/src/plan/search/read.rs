//! The plan read forward from now, by what the search has noted.

use super::super::greedy::push;
use super::super::moves::Stop;
use super::super::request::Before;
use super::{Cost, Nanos, PART_END, PART_START, SHORT, START, STOP, STOP_THEN_PART, Table};

impl<C: Cost> Table<'_, C> {
    /// Reads the best plan forward from now.
    pub fn read(&self, before: Option<(Before, Nanos)>) -> Option<(C, Vec<(Nanos, Nanos)>)> {
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

        // A jump from now may lead farther than the rows that are kept; then nothing is known of it.
        let kept = |boundary: usize| boundary < self.rows.len();
        let (cost, place) = match before {
            Some((Before::Charging { .. }, least)) => {
                let to = grid.boundary(least, 0);
                let amount = self.amounts.find(grid.free_between(0, to)).filter(|_| kept(to))?;
                (walk.amount, walk.since) = (amount, Some(grid.bounds[0]));
                (at(&self.row(to).on, amount).plus(grid.block(0, to, 0)), Place::On(to))
            }
            Some((Before::Idle { .. }, ready)) => {
                let to = grid.boundary(ready, 0);
                if !kept(to) || !grid.may_be_idle(0, to) {
                    return None;
                }
                (at(&self.row(to).off, nothing), Place::Off(to))
            }
            _ => (at(&self.row(0).off, nothing), Place::Off(0)),
        };
        let mut place = place;
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
        let (place, first) = self.places[layer];
        place as usize + walk.amount - first as usize
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
