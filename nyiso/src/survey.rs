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

/// What can be said of the file of one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaySurvey {
    /// The day in the file's name.
    pub day: NaiveDate,
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
    /// The last instant, where it is not the midnight that closes the day: files whose last runs came
    /// late are never completed.
    pub ends_early: Option<Timestamp>,
}

impl DaySurvey {
    /// Looks through the ascending instants of the file of `day`.
    pub fn of(day: NaiveDate, mixes: &[FuelMix]) -> Self {
        let end = eastern::midnight(day + chrono::Days::new(1));
        let own = eastern::midnight(day)..end;
        Self {
            day,
            instants: mixes.len(),
            incomplete: mixes.iter().filter(|mix| !mix.is_complete()).map(|mix| mix.ts).collect(),
            off_grid: off_grid(mixes),
            slow_steps: slow_steps(mixes),
            holes: holes(mixes),
            frozen: frozen(mixes),
            foreign: mixes
                .iter()
                .filter(|mix| !(mix.ts == own.end || own.contains(&mix.ts) && mix.ts != own.start))
                .count(),
            ends_early: mixes.last().map(|last| last.ts).filter(|last| *last < end),
        }
    }
}

impl std::fmt::Display for DaySurvey {
    /// One remark a line; nothing for a day without any.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut remarks = Vec::new();
        let mut count = |number: usize, remark: &str| {
            if number > 0 {
                remarks.push(format!("{number} of {} {remark}", self.instants));
            }
        };
        if let [first, ..] = self.incomplete[..] {
            let remark = format!("instants are not complete, the first at {}", text(first));
            count(self.incomplete.len(), &remark);
        }
        count(self.foreign, "instants belong to another day");
        count(self.off_grid, "stamps are off the five-minute grid");
        count(self.slow_steps, "steps are longer than 10 minutes");
        let minutes = |from: Timestamp, to: Timestamp| (to - from).num_minutes();
        for Hole { from, to } in &self.holes {
            remarks.push(format!(
                "no instant for {} min, {} to {}",
                minutes(*from, *to),
                text(*from),
                text(*to)
            ));
        }
        for Frozen { from, to } in &self.frozen {
            remarks.push(format!(
                "the same values for {} min, {} to {}: a frozen feed",
                minutes(*from, *to),
                text(*from),
                text(*to)
            ));
        }
        if let Some(last) = self.ends_early {
            remarks
                .push(format!("ends at {}, before the midnight that closes the day", text(last)));
        }
        f.write_str(&remarks.join("\n"))
    }
}

fn text(ts: Timestamp) -> String {
    ts.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}
