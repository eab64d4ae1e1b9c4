//! One run without a pause.

use super::cells::{Cell, Nanos};
use super::result::Energy;

/// The best window of `len` within `cells`, which are not forced: least time outside the windows of the
/// request, then least unknown time, then the lowest total value, then late.
///
/// The total is a piecewise straight line of the window's start, so the best window begins or ends
/// where a cell does. (With a taper the line is bent, and the best of those windows is taken.)
///
/// `done` is the time charged before. `len` must be above zero and fit into the cells.
pub fn window(cells: &[Cell], len: Nanos, done: Nanos, energy: Energy<'_>) -> (Nanos, Nanos) {
    let (Some(first), Some(last)) = (cells.first(), cells.last()) else { return (0, len) };
    let sums = Sums::new(cells);
    let largest = cells.iter().filter_map(|cell| cell.value).fold(0.0, |m: f64, v| m.max(v.abs()));
    // Sums of the same numbers in another order differ in their last digits; that is no reason to
    // start earlier.
    let noise = 1e-11 * largest * hours(last.end - first.start) * energy.power_kw.max(1.0);

    let mut best: Option<Weight> = None;
    let mut consider = |start: Nanos, from: &mut usize, to: &mut usize| {
        if start < first.start || last.end < start + len {
            return;
        }
        let mut weight = sums.between(cells, start, start + len, from, to);
        if energy.taper.is_some() {
            weight.total = tapered(&cells[*from..=*to], start, start + len, done, energy);
        }
        if best.is_none_or(|best| weight.beats(&best, noise)) {
            best = Some(weight);
        }
    };
    let (mut from, mut to) = (0, 0);
    for cell in cells {
        consider(cell.start, &mut from, &mut to);
    }
    let (mut from, mut to) = (0, 0);
    for cell in cells {
        consider(cell.end - len, &mut from, &mut to);
    }
    let start = best.map_or(last.end - len, |best| best.start);
    (start, start + len)
}

/// What a window weighs.
#[derive(Clone, Copy)]
struct Weight {
    outside: Nanos,
    unknown: Nanos,
    /// Value times hours; with a taper, value times kWh.
    total: f64,
    start: Nanos,
}

impl Weight {
    fn beats(&self, other: &Self, noise: f64) -> bool {
        let steps = (self.outside, self.unknown).cmp(&(other.outside, other.unknown));
        steps.is_lt()
            || steps.is_eq()
                && (self.total < other.total - noise
                    || self.total <= other.total + noise && other.start < self.start)
    }
}

/// Sums up to the start of each cell.
struct Sums(Vec<(Nanos, Nanos, f64)>);

impl Sums {
    fn new(cells: &[Cell]) -> Self {
        let mut sum = (0, 0, 0.0);
        Self(
            cells
                .iter()
                .map(|cell| {
                    let before = sum;
                    sum = add(sum, cell, cell.len());
                    before
                })
                .collect(),
        )
    }

    /// Weighs `[start, end)`. `from` and `to` are the cells of the last window and move on to those of
    /// this one: the first cell that ends after `start`, and the first that ends at or after `end`.
    fn between(
        &self,
        cells: &[Cell],
        start: Nanos,
        end: Nanos,
        from: &mut usize,
        to: &mut usize,
    ) -> Weight {
        while cells[*from].end <= start {
            *from += 1;
        }
        while cells[*to].end < end {
            *to += 1;
        }
        let up_to =
            |cell: usize, at: Nanos| add(self.0[cell], &cells[cell], at - cells[cell].start);
        let (a, b) = (up_to(*from, start), up_to(*to, end));
        Weight { outside: b.0 - a.0, unknown: b.1 - a.1, total: b.2 - a.2, start }
    }
}

fn add(sum: (Nanos, Nanos, f64), cell: &Cell, len: Nanos) -> (Nanos, Nanos, f64) {
    (
        sum.0 + if cell.outside { len } else { 0 },
        sum.1 + if cell.value.is_none() { len } else { 0 },
        sum.2 + cell.value.unwrap_or(0.0) * hours(len),
    )
}

fn hours(len: Nanos) -> f64 {
    len as f64 / 3.6e12
}

fn tapered(cells: &[Cell], start: Nanos, end: Nanos, done: Nanos, energy: Energy<'_>) -> f64 {
    cells
        .iter()
        .map(|cell| {
            let (from, to) = (cell.start.max(start), cell.end.min(end));
            cell.value.unwrap_or(0.0) * energy.kwh(done + from - start, to - from)
        })
        .sum()
}
