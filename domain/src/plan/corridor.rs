//! Where the best plan can be at all: bounds that spare the exact search most of its states.
//!
//! Without the need and the minimum times a plan is a choice of cells, on or off, with so many starts: that
//! is a search of a few thousand states. A price on energy, `theta`, makes it charge about what is needed,
//! and whatever the price, it tells how little a plan can cost (a Lagrangian bound):
//!
//! ```text
//! cost of a plan that has charged t at boundary i, and starts s left
//!     >=  forward_theta(i, s) + theta t  +  backward_theta'(i, s) + theta' (need - t)
//! ```
//!
//! for any two prices. With a plan known to cost no more than a limit, every state above it is out of the
//! question. What is left for a boundary is an interval of t, and mostly a short one.
//!
//! A plan of the exact search uses one cell in part. Where a run ends with it, it is on here if that lowers
//! the cost at this price, and else off; where one begins with it, it is on, and costs nothing if it would
//! cost anything. Either way the cost is not higher, and at no boundary are there more starts behind or ahead.

use super::cells::{Cell, Nanos};
use super::result::Energy;

/// Rounds of the search for the best price. It is done after fewer, as a rule.
const ROUNDS: usize = 16;

/// Amounts of charging within which a plan can be, by boundary and starts left.
pub struct Corridor {
    /// Least and most time charged; least above most where no plan passes.
    windows: Vec<(Nanos, Nanos)>,
    layers: usize,
    need: Nanos,
}

impl Corridor {
    /// How much of all that could be is in it, seen without the starts: 0 to the number of layers.
    pub fn share(&self) -> f64 {
        let spans = self.windows.iter().map(|(least, most)| (most - least).max(0) as f64);
        let all = self.need as f64 * (self.windows.len() / self.layers) as f64;
        spans.sum::<f64>() / all
    }

    /// Least and most time charged at a boundary with so many starts left.
    pub fn window(&self, boundary: usize, starts: usize) -> (Nanos, Nanos) {
        self.windows[boundary * self.layers + starts]
    }
}

/// What the bounds are about.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// All with a value, and inside the windows of the request.
    pub cells: &'a [Cell],
    /// Time to charge, forced cells among it.
    pub need: Nanos,
    pub start_cost: f64,
    /// `None` where nobody counts.
    pub max_starts: Option<u32>,
    /// A run is under way.
    pub charging: bool,
    /// Without a taper.
    pub energy: Energy<'a>,
}

/// Bounds on what plans cost.
pub struct Bounds<'a> {
    question: Question<'a>,
    layers: usize,
    need_kwh: f64,
    /// No plan costs less.
    lowest: f64,
    /// The best price first, then others around it.
    prices: Vec<Priced>,
    /// One over the difference of each two prices, 0 where there is none.
    over_rise: Vec<f64>,
}

/// Costs at one price of energy, by boundary and layer.
struct Priced {
    theta: f64,
    forward: [Vec<f64>; 2],
    backward: [Vec<f64>; 2],
}

/// What the first cell of a run costs at least, as it may be used in part.
fn first(cost: f64) -> f64 {
    if cost < 0.0 { cost } else { 0.0 }
}

const OFF: usize = 0;
const ON: usize = 1;

/// A bound as a line: at `theta` it is `value`, and it rises by `slope`.
#[derive(Clone, Copy)]
struct Tangent {
    theta: f64,
    value: f64,
    slope: f64,
}

impl<'a> Bounds<'a> {
    /// `None` where there is nothing to choose.
    pub fn new(question: Question<'a>) -> Option<Self> {
        let layers = question.max_starts.map_or(1, |starts| starts as usize + 1);
        let need_kwh = question.energy.kwh(0, question.need);
        let mut bounds = Self {
            question,
            layers,
            need_kwh,
            lowest: 0.0,
            prices: Vec::new(),
            over_rise: Vec::new(),
        };
        let values = || question.cells.iter().filter_map(|cell| cell.value);
        let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
        let spread = (high - low).max(1e-6 * high.abs()).max(1e-9);
        let mut below = bounds.tangent(low - spread);
        // A start has its cost, so a price above all values may still be too low to start for.
        let mut above = bounds.tangent(high + spread + 2.0 * question.start_cost / need_kwh);
        if below.slope < 0.0 || 0.0 < above.slope || !below.value.is_finite() {
            return None;
        }
        for _ in 0..ROUNDS {
            let turn = below.slope - above.slope;
            if turn <= 0.0 {
                break;
            }
            // Where the two lines meet: no bound is higher than that.
            let step =
                above.value - above.slope * above.theta - below.value + below.slope * below.theta;
            let theta = step / turn;
            if !(below.theta < theta && theta < above.theta) {
                break;
            }
            let middle = bounds.tangent(theta);
            let highest = below.value + below.slope * (theta - below.theta);
            let is_best = highest - middle.value <= 1e-12 * highest.abs();
            if middle.slope < 0.0 {
                above = middle;
            } else {
                below = middle;
            }
            if is_best {
                break;
            }
        }
        let best = if below.value < above.value { above } else { below };
        bounds.lowest = best.value;
        let (near, far) = (0.02 * spread, 0.2 * spread);
        let thetas = [0.0, -near, near, -far, far].map(|away| best.theta + away);
        bounds.prices = thetas.map(|theta| bounds.priced(theta)).into();
        let over_rise = |after: f64| {
            thetas.map(|before| if before == after { 0.0 } else { (before - after).recip() })
        };
        bounds.over_rise = thetas.into_iter().flat_map(over_rise).collect();
        Some(bounds)
    }

    /// No plan costs less.
    pub fn lowest(&self) -> f64 {
        self.lowest
    }

    /// Where plans are that cost at most `limit`.
    pub fn corridor(&self, limit: f64) -> Corridor {
        let boundaries = self.question.cells.len() + 1;
        let mut windows = Vec::with_capacity(boundaries * self.layers);
        for boundary in 0..boundaries {
            for starts in 0..self.layers {
                windows.push(self.window(boundary, starts, limit));
            }
        }
        Corridor { windows, layers: self.layers, need: self.question.need }
    }

    fn window(&self, boundary: usize, starts: usize, limit: f64) -> (Nanos, Nanos) {
        // Starts that are used up and those that are left make up the budget.
        let (left, used) =
            (boundary * self.layers + starts, boundary * self.layers + self.layers - 1 - starts);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for state in [OFF, ON] {
            let best = &self.prices[0];
            let through = best.forward[state][used] + best.backward[state][left];
            if limit < through + best.theta * self.need_kwh {
                continue;
            }
            let (mut low, mut high) = (0.0f64, self.need_kwh);
            let mut over_rise = self.over_rise.iter();
            for after in &self.prices {
                let after = limit - after.backward[state][left] - after.theta * self.need_kwh;
                for (before, over_rise) in self.prices.iter().zip(&mut over_rise) {
                    let amount = (after - before.forward[state][used]) * over_rise;
                    if 0.0 < *over_rise {
                        high = high.min(amount);
                    } else if *over_rise < 0.0 {
                        low = low.max(amount);
                    }
                }
            }
            if low <= high {
                (least, most) = (least.min(low), most.max(high));
            }
        }
        if least <= most { self.nanos(least, most) } else { (1, 0) }
    }

    /// kWh as time, with room for rounding.
    fn nanos(&self, least: f64, most: f64) -> (Nanos, Nanos) {
        let per_kwh = self.question.need as f64 / self.need_kwh;
        #[expect(clippy::cast_possible_truncation, reason = "within the need, which is in i64")]
        let at = |kwh: f64| (kwh * per_kwh) as Nanos;
        (at(least) - 1_000_000, at(most) + 1_000_000)
    }

    /// What a cell costs at a price.
    fn cell(&self, cell: &Cell, theta: f64) -> f64 {
        (cell.value.unwrap_or(0.0) - theta) * self.question.energy.kwh(0, cell.len())
    }

    /// The layer after a start from `layer`, if one is left.
    fn after_start(&self, layer: usize) -> Option<usize> {
        if self.question.max_starts.is_some() { layer.checked_sub(1) } else { Some(layer) }
    }

    /// Lowest costs from each boundary on, by the state of the cell before it and the starts left.
    fn backward(&self, theta: f64) -> [Vec<f64>; 2] {
        let (cells, layers) = (self.question.cells, self.layers);
        let mut off = vec![0.0; (cells.len() + 1) * layers];
        let mut on = off.clone();
        for (i, cell) in cells.iter().enumerate().rev() {
            let cost = self.cell(cell, theta);
            for layer in 0..layers {
                let (here, next) = (i * layers + layer, (i + 1) * layers);
                let idle = if cell.forced { f64::INFINITY } else { off[next + layer] };
                let start = self.after_start(layer).map_or(f64::INFINITY, |left| {
                    on[next + left] + first(cost) + self.question.start_cost
                });
                let go_on = on[next + layer] + cost;
                off[here] = start.min(idle);
                // A run may also end and the next begin, late in this very cell.
                on[here] = go_on.min(off[here]);
            }
        }
        [off, on]
    }

    /// Lowest costs up to each boundary, by the state at it and the starts used. Who is idle there may have
    /// ended a run right at the boundary, or in the cell before it.
    fn forward(&self, theta: f64) -> [Vec<f64>; 2] {
        let (cells, layers) = (self.question.cells, self.layers);
        let mut off = vec![0.0; (cells.len() + 1) * layers];
        let mut on = off.clone();
        if !self.question.charging {
            on[..layers].fill(f64::INFINITY);
        }
        for (i, cell) in cells.iter().enumerate() {
            let cost = self.cell(cell, theta);
            for layer in 0..layers {
                let (here, next) = (i * layers, (i + 1) * layers + layer);
                let start = self.after_start(layer).map_or(f64::INFINITY, |before| {
                    off[here + before] + first(cost) + self.question.start_cost
                });
                let go_on = on[here + layer] + cost;
                let idle = if cell.forced { f64::INFINITY } else { off[here + layer] };
                on[next] = start.min(go_on);
                off[next] = idle.min(on[next]);
            }
        }
        [off, on]
    }

    fn priced(&self, theta: f64) -> Priced {
        Priced { theta, forward: self.forward(theta), backward: self.backward(theta) }
    }

    /// The bound at a price, and how it changes with it: the need less what is charged at that price.
    fn tangent(&self, theta: f64) -> Tangent {
        let costs = self.backward(theta);
        let top = self.layers - 1;
        let mut state = OFF;
        if self.question.charging && costs[ON][top] < costs[OFF][top] {
            state = ON;
        }
        let value = costs[state][top] + theta * self.need_kwh;
        let (mut layer, mut kwh) = (top, 0.0);
        for (i, cell) in self.question.cells.iter().enumerate() {
            let next = (i + 1) * self.layers;
            let idle = if cell.forced { f64::INFINITY } else { costs[OFF][next + layer] };
            let cost = self.cell(cell, theta);
            let kwh_of_cell = self.question.energy.kwh(0, cell.len());
            let start = self.after_start(layer).map(|left| {
                let total = costs[ON][next + left] + first(cost) + self.question.start_cost;
                (total, left, if cost < 0.0 { kwh_of_cell } else { 0.0 })
            });
            let go_on = (state == ON).then(|| (costs[ON][next + layer] + cost, layer, kwh_of_cell));
            let best = start.into_iter().chain(go_on).min_by(|a, b| a.0.total_cmp(&b.0));
            match best {
                Some((cost, left, charged)) if cost < idle => {
                    (state, layer) = (ON, left);
                    kwh += charged;
                }
                _ => state = OFF,
            }
        }
        Tangent { theta, value, slope: self.need_kwh - kwh }
    }
}
