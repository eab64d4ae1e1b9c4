//! What the agent plans with, by quarter hours: for pictures, and for whoever asks on the socket.

use chrono::{DurationRound as _, TimeDelta};
use domain::Timestamp;
use domain::plan::{Outlook, Slot};
use serde::{Deserialize, Serialize};

/// The unit of a household's prices.
pub const DOLLARS_PER_KWH: &str = "$ / kWh";

const STEP_S: u32 = 900;

/// As far as a forecast of the feed reaches.
const QUARTERS: i32 = 96 * 4;

/// It is looked at anew after this time, even if no forecast came: time goes on.
const STALE: TimeDelta = TimeDelta::minutes(15);

/// What is expected, from the quarter hour under way on. Fields are only ever added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Foresight {
    /// When this was put together.
    pub made: Timestamp,
    /// When the feed's forecast was made, where there is one.
    pub issued: Option<Timestamp>,
    /// Unit of the values.
    pub units: String,
    /// Start of the first slot.
    pub start: Timestamp,
    /// Length of a slot, seconds.
    pub step_s: u32,
    /// By the feed's forecast; `null` where it does not reach.
    pub forecast: Vec<Option<f64>>,
    /// By the agent's own history, used where there is no forecast; `null` where it has nothing to say.
    pub usual: Vec<Option<f64>>,
}

/// What is expected in a slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
    /// `None`: nobody knows.
    pub value: Option<f64>,
    /// Of own history, and not of the forecast.
    pub is_usual: bool,
}

impl Foresight {
    /// What `outlook` says of the time from `now` on.
    pub fn of(now: Timestamp, outlook: &Outlook, issued: Option<Timestamp>, units: &str) -> Self {
        let step = TimeDelta::seconds(STEP_S.into());
        let start = now.duration_trunc(step).unwrap_or(now);
        let quarters = |slots: &[Slot]| {
            let quarter = |i| mean(slots, start + step * i, start + step * (i + 1));
            let mut values: Vec<_> = (0..QUARTERS).map(|i| quarter(i).map(tenths)).collect();
            let known = values.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
            values.truncate(known);
            values
        };
        Self {
            made: now,
            issued,
            units: units.to_owned(),
            start,
            step_s: STEP_S,
            forecast: quarters(outlook.forecast()),
            usual: quarters(outlook.history()),
        }
    }

    /// Whether it is still what is expected at `now`, the newest forecast being of `issued`.
    pub fn holds(&self, now: Timestamp, issued: Option<Timestamp>) -> bool {
        self.issued == issued && (now - self.made).abs() < STALE
    }

    /// The slots, ascending and without holes.
    pub fn expected(&self) -> Vec<Expected> {
        let step = TimeDelta::seconds(self.step_s.into());
        let count = self.forecast.len().max(self.usual.len());
        let at = |values: &[Option<f64>], i: usize| values.get(i).copied().flatten();
        (0..count)
            .scan(self.start, |start, i| {
                let slot_start = *start;
                *start += step;
                let (forecast, usual) = (at(&self.forecast, i), at(&self.usual, i));
                Some(Expected {
                    start: slot_start,
                    end: *start,
                    value: forecast.or(usual),
                    is_usual: forecast.is_none() && usual.is_some(),
                })
            })
            .collect()
    }

    /// The slots of which something is known.
    pub fn slots(&self) -> Vec<Slot> {
        let known =
            |slot: Expected| Some(Slot { start: slot.start, end: slot.end, value: slot.value? });
        self.expected().into_iter().filter_map(known).collect()
    }
}

fn tenths(value: f64) -> f64 {
    // Prices are small numbers.
    let digits = if value.abs() < 10.0 { 1e4 } else { 10.0 };
    (value * digits).round() / digits
}

/// Mean of the known part of `[start, end)`; `slots` ascend.
pub fn mean(slots: &[Slot], start: Timestamp, end: Timestamp) -> Option<f64> {
    let (sum, known) = known_within(slots, start, end);
    (0.0 < known).then(|| sum / known)
}

/// Value times hours of the known part of `[start, end)`, and those hours.
pub fn known_within(slots: &[Slot], start: Timestamp, end: Timestamp) -> (f64, f64) {
    let (mut sum, mut known) = (0.0, 0.0);
    let from = slots.partition_point(|slot| slot.end <= start);
    for slot in slots[from..].iter().take_while(|slot| slot.start < end) {
        let shared = (slot.end.min(end) - slot.start.max(start)).num_milliseconds() as f64 / 3.6e6;
        sum += slot.value * shared;
        known += shared;
    }
    (sum, known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn slot(start: &str, minutes: i64, value: f64) -> Slot {
        let start = at(start);
        Slot { start, end: start + TimeDelta::minutes(minutes), value }
    }

    #[test]
    fn the_forecast_first_and_history_behind_it() {
        let forecast = vec![
            slot("2026-03-10T12:00:00Z", 5, 100.0),
            slot("2026-03-10T12:05:00Z", 5, 110.0),
            slot("2026-03-10T12:10:00Z", 5, 120.06),
            slot("2026-03-10T12:30:00Z", 15, 200.0),
        ];
        let outlook = Outlook::new(forecast).unwrap();
        let history = vec![slot("2026-03-10T12:00:00Z", 60, 300.0)];
        let outlook = outlook.with_history(history).unwrap();
        let issued = Some(at("2026-03-10T11:58:00Z"));
        let now = at("2026-03-10T12:07:00Z");
        let foresight = Foresight::of(now, &outlook, issued, "g / kWh");
        assert_eq!(foresight.start, at("2026-03-10T12:00:00Z"));
        assert_eq!(foresight.forecast, [Some(110.0), None, Some(200.0)]);
        assert_eq!(foresight.usual, [Some(300.0); 4]);
        let expected: Vec<_> =
            foresight.expected().iter().map(|slot| (slot.value, slot.is_usual)).collect();
        let known = |value, usual| (Some(value), usual);
        assert_eq!(
            expected,
            [known(110.0, false), known(300.0, true), known(200.0, false), known(300.0, true)]
        );
        let json = serde_json::to_string(&foresight).unwrap();
        assert_eq!(serde_json::from_str::<Foresight>(&json).unwrap(), foresight);
    }

    #[test]
    fn it_holds_until_time_goes_on_or_a_forecast_comes() {
        let now = at("2026-03-10T12:07:00Z");
        let foresight = Foresight::of(now, &Outlook::unknown(), None, "g / kWh");
        assert_eq!((foresight.expected(), foresight.slots()), (vec![], vec![]));
        assert!(foresight.holds(now + TimeDelta::minutes(14), None));
        assert!(!foresight.holds(now + TimeDelta::minutes(15), None));
        assert!(!foresight.holds(now - TimeDelta::days(1), None));
        assert!(!foresight.holds(now, Some(now)));
    }
}
