//! What the instants of a feed, taken together, say about it: holes, other cadences, a frozen feed.
//!
//! None of it is an error: steps of -1,008 MW in three minutes were a nuclear trip, and 1-3 % of all
//! stamps are off the five-minute grid. It is said so that a reader of odd numbers finds the reason.

use chrono::{NaiveDate, TimeDelta, Timelike};
use domain::Timestamp;
use domain::fuel_mix::FuelMix;

use crate::eastern;

/// A feed that repeats itself for longer than this is stuck. In 1,331 recorded days one run of equal
/// values lasted over 10 minutes: 135 minutes on 2022-03-14.
pub const FROZEN_AFTER: TimeDelta = TimeDelta::minutes(15);

/// A step longer than this is a hole in the feed; spells of 15-minute steps occur.
pub const HOLE_AFTER: TimeDelta = TimeDelta::minutes(20);

/// A run of instants with the same value for every fuel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// The first of them.
    pub from: Timestamp,
    /// The last of them.
    pub to: Timestamp,
}

/// Two neighbors that are further apart than the feed's cadence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The instant before.
    pub from: Timestamp,
    /// The instant after.
    pub to: Timestamp,
}

/// Runs of equal values that last longer than [`FROZEN_AFTER`], in ascending `mixes`.
pub fn frozen(mixes: &[FuelMix]) -> Vec<Frozen> {
    mixes
        .chunk_by(FuelMix::same_values)
        .filter_map(|run| {
            let (from, to) = (run.first()?.ts, run.last()?.ts);
            (to - from > FROZEN_AFTER).then_some(Frozen { from, to })
        })
        .collect()
}

/// The newest instants of ascending `mixes` are a frozen run: the feed is stuck now.
pub fn frozen_now(mixes: &[FuelMix]) -> Option<Frozen> {
    let newest = mixes.last()?;
    let run = mixes.iter().rev().take_while(|mix| mix.same_values(newest));
    let from = run.last()?.ts;
    (newest.ts - from > FROZEN_AFTER).then_some(Frozen { from, to: newest.ts })
}

/// Neighbors in ascending `mixes` that are more than [`HOLE_AFTER`] apart.
pub fn holes(mixes: &[FuelMix]) -> Vec<Hole> {
    mixes
        .windows(2)
        .map(|pair| Hole { from: pair[0].ts, to: pair[1].ts })
        .filter(|hole| hole.to - hole.from > HOLE_AFTER)
        .collect()
}

/// Stamps that are not on a full five minutes.
pub fn off_grid(mixes: &[FuelMix]) -> usize {
    mixes.iter().filter(|mix| mix.ts.minute() % 5 != 0 || mix.ts.second() != 0).count()
}

/// Steps of ascending `mixes` that are longer than 10 minutes and no hole: a 15-minute spell.
pub fn slow_steps(mixes: &[FuelMix]) -> usize {
    mixes
        .windows(2)
        .filter(|pair| {
            let step = pair[1].ts - pair[0].ts;
            TimeDelta::minutes(10) < step && step <= HOLE_AFTER
        })
        .count()
}

/// What can be said of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Instants in the file.
    pub instants: usize,
    /// Instants with fewer or other categories than the seven.
    pub incomplete: Vec<Timestamp>,
    /// Stamps that are not on a full five minutes.
    pub off_grid: usize,
    /// Steps of 10 to 20 minutes.
    pub slow_steps: usize,
    /// Longer steps.
    pub holes: Vec<Hole>,
    /// Runs of equal values.
    pub frozen: Vec<Frozen>,
    /// Instants that belong into the file of another day.
    pub foreign: usize,
    /// From the last instant to the midnight that closes the day, where that has no row: files whose
    /// last runs came late are never completed.
    pub ends_early: Option<Hole>,
}

impl Survey {
    /// Looks through ascending instants.
    pub fn of(mixes: &[FuelMix]) -> Self {
        let incomplete = mixes.iter().filter(|mix| !mix.is_complete()).map(|mix| mix.ts);
        Self {
            instants: mixes.len(),
            incomplete: incomplete.collect(),
            off_grid: off_grid(mixes),
            slow_steps: slow_steps(mixes),
            holes: holes(mixes),
            frozen: frozen(mixes),
            foreign: 0,
            ends_early: None,
        }
    }

    /// Looks through the ascending instants of the file of `day`, which should hold that day and no
    /// other: after the midnight that begins it, up to and with the one that ends it.
    pub fn of_day(day: NaiveDate, mixes: &[FuelMix]) -> Self {
        let begins = eastern::midnight(day);
        let ends = begins + eastern::day_length(day);
        let is_own = |mix: &&FuelMix| begins < mix.ts && mix.ts <= ends;
        Self {
            foreign: mixes.len() - mixes.iter().filter(is_own).count(),
            ends_early: mixes
                .last()
                .map(|last| Hole { from: last.ts, to: ends })
                .filter(|hole| hole.from < hole.to),
            ..Self::of(mixes)
        }
    }

    /// What a reader of the numbers should know, one line each, unordered in time. Not among them is
    /// what is usual: stamps off the grid, and a day without the very row of its last midnight.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let all = self.instants;
        if let [first, ..] = self.incomplete[..] {
            let number = self.incomplete.len();
            let first = text(first);
            remarks
                .push(format!("{number} of {all} instants are not complete, the first at {first}"));
        }
        if self.foreign > 0 {
            remarks.push(format!("{} of {all} instants belong to another day", self.foreign));
        }
        if self.slow_steps > 0 {
            remarks.push(format!("{} of {all} steps are longer than 10 minutes", self.slow_steps));
        }
        let span = |from: Timestamp, to: Timestamp| {
            format!("{} min, {} to {}", (to - from).num_minutes(), text(from), text(to))
        };
        for Hole { from, to } in &self.holes {
            remarks.push(format!("no instant for {}", span(*from, *to)));
        }
        for Frozen { from, to } in &self.frozen {
            remarks.push(format!("the same values for {}: a frozen feed", span(*from, *to)));
        }
        if let Some(Hole { from, to }) =
            self.ends_early.filter(|hole| hole.to - hole.from > HOLE_AFTER)
        {
            remarks.push(format!("cut off: it lacks the last {}", span(from, to)));
        }
        remarks
    }
}

fn text(ts: Timestamp) -> String {
    ts.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
