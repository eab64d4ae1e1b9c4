//! The hours until departure, cut at every instant where something changes.
//!
//! Inside the planner time is `i64` nanoseconds after `now`: exact, cheap to compare and to add.

use super::result::Source;
use super::{ChargeRequest, Outlook, Slot};
use crate::Timestamp;

/// Nanoseconds after `now`.
pub type Nanos = i64;

/// Half of what an `i64` holds: sums of two spans never overflow.
const FAR: Nanos = i64::MAX / 4;

/// `at` as nanoseconds after `now`; what is too far for that is as far as can be.
pub fn nanos(now: Timestamp, at: Timestamp) -> Nanos {
    let span = at - now;
    let far = if span < chrono::TimeDelta::zero() { -FAR } else { FAR };
    span.num_nanoseconds().unwrap_or(far).clamp(-FAR, FAR)
}

/// A stretch in which nothing changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    pub start: Nanos,
    pub end: Nanos,
    /// `None`: nobody knows.
    pub value: Option<f64>,
    /// Who says so.
    pub source: Source,
    /// Number of the slot within its source; cells of one slot become one slot of the plan again.
    pub slot: usize,
    /// Outside the windows of the request.
    pub outside: bool,
    /// Charged whatever the grid does: minimum energy first, or preconditioning.
    pub forced: bool,
}

impl Cell {
    pub fn len(&self) -> Nanos {
        self.end - self.start
    }
}

/// Stretches that are charged whatever the grid does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forced {
    /// The first stretch ends here.
    pub head_end: Nanos,
    /// The last stretch begins here.
    pub tail_start: Nanos,
}

/// Cells of `[0, until)`, ascending, without holes: what nobody knows is a cell without a value.
pub fn cells(
    now: Timestamp,
    until: Nanos,
    request: &ChargeRequest,
    outlook: &Outlook,
    forced: Forced,
) -> Vec<Cell> {
    let forecast = Known::new(now, until, outlook.forecast());
    let history = Known::new(now, until, outlook.history());
    let windows = windows(now, request);

    let mut cuts = Vec::with_capacity(2 * outlook.forecast().len() + 8);
    cuts.extend([0, until, forced.head_end, forced.tail_start]);
    for span in forecast.spans.iter().chain(&history.spans) {
        cuts.extend([span.start, span.end]);
    }
    cuts.extend(windows.iter().flat_map(|&(start, end)| [start, end]));
    cuts.retain(|cut| (0..=until).contains(cut));
    cuts.sort_unstable();
    cuts.dedup();

    let (mut forecast, mut history) = (forecast.cursor(), history.cursor());
    let mut window = windows.iter().peekable();
    cuts.windows(2)
        .map(|cut| {
            let (start, end) = (cut[0], cut[1]);
            let (value, source, slot) = match (forecast.at(start), history.at(start)) {
                (Some(span), _) => (Some(span.value), Source::Forecast, span.slot),
                (None, Some(span)) => (Some(span.value), Source::History, span.slot),
                (None, None) => (None, Source::Nothing, 0),
            };
            while window.next_if(|(_, end)| *end <= start).is_some() {}
            let inside =
                windows.is_empty() || window.peek().is_some_and(|(from, _)| *from <= start);
            let forced = start < forced.head_end || forced.tail_start <= start;
            Cell { start, end, value, source, slot, outside: !inside, forced }
        })
        .collect()
}

/// Windows as nanoseconds, ascending and disjoint; empty or backward ones are dropped.
fn windows(now: Timestamp, request: &ChargeRequest) -> Vec<(Nanos, Nanos)> {
    let mut windows: Vec<_> = request
        .windows
        .iter()
        .map(|window| (nanos(now, window.start), nanos(now, window.end)))
        .filter(|(start, end)| start < end)
        .collect();
    windows.sort_unstable();
    let mut merged: Vec<(Nanos, Nanos)> = Vec::with_capacity(windows.len());
    for (start, end) in windows {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    if merged.is_empty() && !request.windows.is_empty() {
        // Windows were asked for, and none is left: a window that never opens.
        merged.push((-FAR, -FAR + 1));
    }
    merged
}

#[derive(Clone, Copy)]
struct Span {
    start: Nanos,
    end: Nanos,
    value: f64,
    slot: usize,
}

/// The slots of one source that touch the time in question.
struct Known {
    spans: Vec<Span>,
}

impl Known {
    fn new(now: Timestamp, until: Nanos, slots: &[Slot]) -> Self {
        let first = slots.partition_point(|slot| slot.end <= now);
        let spans = slots[first..]
            .iter()
            .enumerate()
            .map(|(slot, s)| Span {
                start: nanos(now, s.start),
                end: nanos(now, s.end),
                value: s.value,
                slot,
            })
            .take_while(|span| span.start < until)
            .collect();
        Self { spans }
    }

    fn cursor(&self) -> Cursor<'_> {
        Cursor { rest: &self.spans }
    }
}

/// Looks up ascending instants.
struct Cursor<'a> {
    rest: &'a [Span],
}

impl Cursor<'_> {
    fn at(&mut self, instant: Nanos) -> Option<Span> {
        while let [first, rest @ ..] = self.rest {
            if instant < first.end {
                return (first.start <= instant).then_some(*first);
            }
            self.rest = rest;
        }
        None
    }
}

/// Cuts what nobody knows along the grid that the slots around it are on, so that a search on the grid may
/// use a piece of it. Without a slot there is no grid, and cells stay whole.
pub fn cut_holes(cells: Vec<Cell>, outlook: &Outlook) -> Vec<Cell> {
    let shortest = |slots: &[Slot]| slots.iter().map(|slot| slot.end - slot.start).min();
    let step = shortest(outlook.forecast()).or_else(|| shortest(outlook.history()));
    let step = step.and_then(|step| step.num_nanoseconds()).unwrap_or(FAR);
    let unknown: Nanos = cells.iter().filter(|c| c.value.is_none()).map(Cell::len).sum();
    if MOST_CUTS < unknown / step {
        return cells;
    }
    let mut cut = Vec::with_capacity(cells.len());
    for (i, cell) in cells.iter().enumerate() {
        let known = |i: usize| cells.get(i).is_some_and(|cell| cell.value.is_some());
        let mut start = cell.start;
        if cell.value.is_none() {
            // From the slot before, or else back from the one after it.
            let after_known = 0 < i && known(i - 1);
            let first = if !after_known && known(i + 1) { cell.len() % step } else { step };
            let mut end = cell.start.saturating_add(if first == 0 { step } else { first });
            while end < cell.end {
                cut.push(Cell { start, end, ..*cell });
                (start, end) = (end, end.saturating_add(step));
            }
        }
        cut.push(Cell { start, ..*cell });
    }
    cut
}

/// Most cells that holes are cut into.
const MOST_CUTS: Nanos = 4096;

/// The same time on steps of `step` after `now`: for grids too fine or too odd for the exact search.
/// A step that is not known from end to end is not known.
pub fn resample(cells: &[Cell], step: Nanos) -> Vec<Cell> {
    let Some(until) = cells.last().map(|cell| cell.end) else { return Vec::new() };
    let mut resampled = Vec::new();
    let mut rest = cells;
    let mut start = 0;
    while start < until {
        let forced = rest[0].forced;
        let mut end = (start / step + 1).saturating_mul(step).min(until);
        let (mut sum, mut outside) = (Some(0.0), false);
        let mut reached = start;
        while reached < end {
            let cell = &rest[0];
            if cell.forced != forced {
                end = reached;
                break;
            }
            let piece = cell.end.min(end) - reached;
            sum = sum.zip(cell.value).map(|(sum, value)| sum + value * piece as f64);
            outside |= cell.outside;
            reached += piece;
            if cell.end <= end {
                rest = &rest[1..];
            }
        }
        let value = sum.map(|sum| sum / (end - start) as f64);
        let source = if value.is_some() { Source::Forecast } else { Source::Nothing };
        resampled.push(Cell { start, end, value, source, slot: 0, outside, forced });
        start = end;
    }
    resampled
}
