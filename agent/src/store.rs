//! What the agent remembers across restarts: readings, one series an origin, and the contactor's moves.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::charging::Progress;
use domain::control::{BootId, Cause, Contactor, Moment, Pauses, Priority, Switch, SwitchLog};
use domain::series::Sample;
use domain::wire::{CarbonForecast, Origin, ZoneSeries};
use serde::{Deserialize, Serialize};
use service::history::{History, HistoryError, Retention, Series};

use crate::notify::Told;
use crate::overrides::Overrides;

/// How far back the usual course of a week is learned from.
pub const LEARNED: TimeDelta = TimeDelta::days(45);

// Twice the regular five-minute cadence: NYISO also publishes in between.
const READINGS: Retention = Retention::days(45, 2 * 288 * 45);

// Made-up and played-back data never stand in one row with live ones.
const LIVE: Series = Series::new("average-intensity", READINGS);
const RECORDED: Series = Series::new("average-intensity-recorded", READINGS);
const GENERATED: Series = Series::new("average-intensity-generated", READINGS);

const MARGINAL: Series = Series::new("marginal-intensity", READINGS);
const MARGINAL_RECORDED: Series = Series::new("marginal-intensity-recorded", READINGS);
const MARGINAL_GENERATED: Series = Series::new("marginal-intensity-generated", READINGS);

// Budgets look back a day; the rest is for the person who asks why.
const SWITCHES: Series = Series::new("switches", Retention::days(400, 20_000));

// One record, at the beginning of time: the newest overwrites it.
const OVERRIDES: Series = Series::new("overrides", Retention::days(36_500, 1));

// One record each: the newest.
const FORECAST: Series = Series::new("forecast", Retention::days(36_500, 1));
const MARGINAL_FORECAST: Series = Series::new("forecast-marginal", Retention::days(36_500, 1));
const WHOLESALE: Series = Series::new("wholesale", Retention::days(36_500, 1));
const PROGRESS: Series = Series::new("charge-progress", Retention::days(36_500, 1));
const CAR: Series = Series::new("car", Retention::days(36_500, 1));
const TOLD: Series = Series::new("told-alarms", Retention::days(36_500, 1));

fn readings_of(origin: Origin) -> &'static Series {
    match origin {
        Origin::Nyiso => &LIVE,
        Origin::Recorded => &RECORDED,
        Origin::Generated => &GENERATED,
    }
}

fn marginal_of(origin: Origin) -> &'static Series {
    match origin {
        Origin::Nyiso => &MARGINAL,
        Origin::Recorded => &MARGINAL_RECORDED,
        Origin::Generated => &MARGINAL_GENERATED,
    }
}

/// The agent's memory. Cheap to clone.
#[derive(Clone)]
pub struct Store(Arc<dyn History>);

impl Store {
    /// Over a history.
    pub fn new(history: Arc<dyn History>) -> Self {
        Self(history)
    }

    /// Keeps a reading, in place of one of the same instant.
    ///
    /// # Errors
    /// When the history fails.
    pub fn keep_reading(&self, origin: Origin, sample: Sample) -> Result<(), HistoryError> {
        self.0.put(readings_of(origin), sample.ts, &sample.grams_per_kwh.to_be_bytes())
    }

    /// The readings of the last [`LEARNED`] days before `until`, and `until`'s own, ascending. Stops at
    /// damage.
    pub fn readings(&self, origin: Origin, until: Timestamp) -> Vec<Sample> {
        self.readings_in(origin, until - LEARNED..until + TimeDelta::milliseconds(1))
    }

    /// The readings of the half-open `span`, ascending. Stops at damage.
    pub fn readings_in(&self, origin: Origin, span: Range<Timestamp>) -> Vec<Sample> {
        self.samples(readings_of(origin), span)
    }

    /// Keeps a marginal intensity, direct, state-wide.
    ///
    /// # Errors
    /// When the history fails.
    pub fn keep_marginal(&self, origin: Origin, sample: Sample) -> Result<(), HistoryError> {
        self.0.put(marginal_of(origin), sample.ts, &sample.grams_per_kwh.to_be_bytes())
    }

    /// The marginal intensities of the half-open `span`, ascending. Stops at damage.
    pub fn marginal_in(&self, origin: Origin, span: Range<Timestamp>) -> Vec<Sample> {
        self.samples(marginal_of(origin), span)
    }

    fn samples(&self, series: &Series, span: Range<Timestamp>) -> Vec<Sample> {
        let mut samples = Vec::new();
        let outcome = self.0.scan(series, span, &mut |ts, value| {
            // What is not eight bytes was written by another version: left out.
            if let Ok(bytes) = value.try_into() {
                samples.push(Sample { ts, grams_per_kwh: f64::from_be_bytes(bytes) });
            }
            ControlFlow::Continue(())
        });
        if let Err(error) = outcome {
            tracing::warn!("part of the readings cannot be read: {error}");
        }
        samples
    }

    /// The newest reading.
    pub fn newest(&self, origin: Origin) -> Option<Timestamp> {
        self.0.last(readings_of(origin)).ok().flatten().map(|record| record.ts)
    }

    /// Keeps a move of the contactor, the `lifetime`th.
    ///
    /// # Errors
    /// When the history fails.
    pub fn keep_switch(&self, switch: &Switch, lifetime: u64) -> Result<(), HistoryError> {
        let text = serde_json::to_vec(&SwitchRecord::of(switch, lifetime))
            .expect("words and numbers always serialize");
        self.0.append(&SWITCHES, switch.at.wall, &text).map(drop)
    }

    /// The moves of the half-open `span`, by the wall clock of each, in the order in which they were. What
    /// cannot be read is left out.
    ///
    /// # Errors
    /// When the history fails.
    pub fn moves_in(&self, span: Range<Timestamp>) -> Result<Vec<Switch>, HistoryError> {
        let mut moves = Vec::new();
        let all = DateTime::UNIX_EPOCH..Timestamp::MAX_UTC;
        self.0.scan(&SWITCHES, all, &mut |_, value| {
            let record = serde_json::from_slice::<SwitchRecord>(value).ok();
            let switch = record.and_then(|record| record.switch());
            moves.extend(switch.filter(|switch| span.contains(&switch.at.wall)));
            ControlFlow::Continue(())
        })?;
        Ok(moves)
    }

    /// The moves that still matter. What cannot be read is left out.
    ///
    /// # Errors
    /// When the history fails.
    // By count and not by time: the clock may have jumped between them.
    pub fn switches(&self) -> Result<SwitchLog, HistoryError> {
        let mut records: Vec<SwitchRecord> = Vec::new();
        let all = DateTime::UNIX_EPOCH..Timestamp::MAX_UTC;
        self.0.scan(&SWITCHES, all, &mut |_, value| {
            records.extend(serde_json::from_slice::<SwitchRecord>(value));
            ControlFlow::Continue(())
        })?;
        let before = records.first().map_or(0, |first| first.lifetime.saturating_sub(1));
        let mut log = SwitchLog::starting_at(before);
        for switch in records.iter().filter_map(SwitchRecord::switch) {
            log.record(switch);
        }
        Ok(log)
    }

    /// What the person at the charger wants for once. Nothing where nothing was ever asked for, or another
    /// version wrote it.
    ///
    /// # Errors
    /// When the history fails.
    pub fn overrides(&self) -> Result<Overrides, HistoryError> {
        let record = self.0.get(&OVERRIDES, DateTime::UNIX_EPOCH)?;
        let read = |value: Vec<u8>| serde_json::from_slice(&value).ok();
        Ok(record.and_then(read).unwrap_or_default())
    }

    /// Keeps them, in place of those before.
    ///
    /// # Errors
    /// When the history fails.
    pub fn keep_overrides(&self, overrides: &Overrides) -> Result<(), HistoryError> {
        let text = serde_json::to_vec(overrides).expect("times always serialize");
        self.0.put(&OVERRIDES, DateTime::UNIX_EPOCH, &text)
    }

    /// Keeps a forecast of average intensity, in place of the one before.
    ///
    /// # Errors
    /// When the history fails.
    pub fn keep_forecast(&self, forecast: &CarbonForecast) -> Result<(), HistoryError> {
        self.0.put(&FORECAST, DateTime::UNIX_EPOCH, &forecast.to_json())
    }

    /// The forecast that was kept, if it can be read.
    pub fn forecast(&self) -> Option<CarbonForecast> {
        let record = self.0.last(&FORECAST).ok().flatten()?;
        CarbonForecast::from_json(&record.value).ok()
    }

    /// Keeps a forecast of marginal intensity, in place of the one before.
    ///
    /// # Errors
    /// When the history fails.
    pub fn keep_marginal_forecast(&self, forecast: &CarbonForecast) -> Result<(), HistoryError> {
        self.0.put(&MARGINAL_FORECAST, DateTime::UNIX_EPOCH, &forecast.to_json())
    }

    /// The forecast of marginal intensity that was kept, if it can be read.
    pub fn marginal_forecast(&self) -> Option<CarbonForecast> {
        let record = self.0.last(&MARGINAL_FORECAST).ok().flatten()?;
        CarbonForecast::from_json(&record.value).ok()
    }

    /// Keeps NYISO's prices, in place of those before.
    ///
    /// # Errors
    /// When the history fails.
    pub fn keep_wholesale(&self, prices: &ZoneSeries) -> Result<(), HistoryError> {
        self.0.put(&WHOLESALE, DateTime::UNIX_EPOCH, &prices.to_json())
    }

    /// NYISO's prices that were kept, if they can be read.
    pub fn wholesale(&self) -> Option<ZoneSeries> {
        let record = self.0.last(&WHOLESALE).ok().flatten()?;
        ZoneSeries::from_json(&record.value).ok()
    }

    /// Keeps what was charged so far.
    ///
    /// # Errors
    /// When the history fails.
    pub fn keep_progress(&self, progress: &Progress) -> Result<(), HistoryError> {
        let record = ProgressRecord::of(progress);
        let text = serde_json::to_vec(&record).expect("numbers always serialize");
        self.0.put(&PROGRESS, DateTime::UNIX_EPOCH, &text)
    }

    /// What was charged so far, if it can be read.
    pub fn progress(&self) -> Option<Progress> {
        let record = self.0.last(&PROGRESS).ok().flatten()?;
        serde_json::from_slice(&record.value).ok().map(|record: ProgressRecord| record.progress())
    }

    /// Keeps whether the car bears pauses, and for which departure that was seen.
    ///
    /// # Errors
    /// When the history fails.
    pub fn keep_pauses(
        &self,
        pauses: Pauses,
        depart: Option<Timestamp>,
    ) -> Result<(), HistoryError> {
        let record = CarRecord { pauses: pauses_word(pauses).to_owned(), depart };
        let text = serde_json::to_vec(&record).expect("words and times always serialize");
        self.0.put(&CAR, DateTime::UNIX_EPOCH, &text)
    }

    /// The same, read back. What cannot be read is a car like most.
    pub fn pauses(&self) -> (Pauses, Option<Timestamp>) {
        let record = self.0.get(&CAR, DateTime::UNIX_EPOCH).ok().flatten();
        let record: Option<CarRecord> =
            record.and_then(|value| serde_json::from_slice(&value).ok());
        let all = [Pauses::Bears, Pauses::Refuses, Pauses::Refusing];
        record
            .and_then(|record| {
                let pauses =
                    all.into_iter().find(|pauses| pauses_word(*pauses) == record.pauses)?;
                Some((pauses, record.depart))
            })
            .unwrap_or_default()
    }

    /// The history itself, for those who keep series of their own.
    pub(crate) fn history(&self) -> &dyn History {
        self.0.as_ref()
    }

    /// When each alarm was last told.
    ///
    /// # Errors
    /// When the history fails.
    pub fn told(&self) -> Result<Told, HistoryError> {
        let record = self.0.get(&TOLD, DateTime::UNIX_EPOCH)?;
        let read = |value: Vec<u8>| serde_json::from_slice(&value).ok();
        Ok(record.and_then(read).unwrap_or_default())
    }

    /// Keeps that, in place of what was before.
    ///
    /// # Errors
    /// When the history fails.
    pub fn keep_told(&self, told: &Told) -> Result<(), HistoryError> {
        let text = serde_json::to_vec(told).expect("words and times always serialize");
        self.0.put(&TOLD, DateTime::UNIX_EPOCH, &text)
    }

    /// The durable point: what was kept before it survives a power cut. Blocks.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn sync(&self) -> Result<(), HistoryError> {
        self.0.sync()
    }
}

/// What was charged, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct ProgressRecord {
    depart: i64,
    charged_kwh: f64,
    metered_s: f64,
    metered_kwh: f64,
    learned_kw: Option<f64>,
}

impl ProgressRecord {
    fn of(progress: &Progress) -> Self {
        let Progress { depart, charged_kwh, metered_s, metered_kwh, learned_kw } = *progress;
        Self { depart, charged_kwh, metered_s, metered_kwh, learned_kw }
    }

    fn progress(&self) -> Progress {
        let Self { depart, charged_kwh, metered_s, metered_kwh, learned_kw } = *self;
        Progress { depart, charged_kwh, metered_s, metered_kwh, learned_kw }
    }
}

/// What was learned of the car, as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct CarRecord {
    pauses: String,
    depart: Option<Timestamp>,
}

fn pauses_word(pauses: Pauses) -> &'static str {
    match pauses {
        Pauses::Bears => "bears",
        Pauses::Refuses => "refuses",
        Pauses::Refusing => "refusing",
    }
}

/// A move as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct SwitchRecord {
    wall_ms: i64,
    boot: String,
    uptime_ms: u64,
    to: String,
    cause: String,
    lifetime: u64,
}

impl SwitchRecord {
    fn of(switch: &Switch, lifetime: u64) -> Self {
        Self {
            wall_ms: switch.at.wall.timestamp_millis(),
            boot: format!("{:032x}", switch.at.boot.0),
            uptime_ms: u64::try_from(switch.at.uptime.as_millis()).unwrap_or(u64::MAX),
            to: switch.to.as_str().to_owned(),
            cause: cause_word(switch.cause).to_owned(),
            lifetime,
        }
    }

    fn switch(&self) -> Option<Switch> {
        Some(Switch {
            at: Moment {
                wall: DateTime::from_timestamp_millis(self.wall_ms)?,
                boot: BootId(u128::from_str_radix(&self.boot, 16).ok()?),
                uptime: Duration::from_millis(self.uptime_ms),
            },
            to: Contactor::from_word(&self.to)?,
            cause: cause_of(&self.cause)?,
        })
    }
}

/// The word of a cause, in store and status.
pub fn cause_word(cause: Cause) -> &'static str {
    match cause {
        Cause::Claim(priority) => priority.as_str(),
        Cause::FailState => "fail-state",
        Cause::ByHand => "by-hand",
        Cause::Found => "found",
    }
}

fn cause_of(word: &str) -> Option<Cause> {
    [Cause::FailState, Cause::ByHand, Cause::Found]
        .into_iter()
        .chain(Priority::ALL.map(Cause::Claim))
        .find(|cause| cause_word(*cause) == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::history::MemoryHistory;

    fn store() -> Store {
        Store::new(Arc::new(MemoryHistory::new()))
    }

    fn at(secs: i64) -> Timestamp {
        DateTime::from_timestamp(1_773_144_000 + secs, 0).unwrap()
    }

    #[test]
    fn readings_of_different_origins_never_mix() {
        let store = store();
        let live = Sample { ts: at(0), grams_per_kwh: 212.5 };
        let made_up = Sample { ts: at(300), grams_per_kwh: 99.0 };
        store.keep_reading(Origin::Nyiso, live).unwrap();
        store.keep_reading(Origin::Generated, made_up).unwrap();
        assert_eq!(store.readings(Origin::Nyiso, at(300)), [live]);
        assert_eq!(store.readings(Origin::Generated, at(300)), [made_up]);
        assert_eq!(store.readings(Origin::Recorded, at(300)), []);
        assert_eq!(store.newest(Origin::Nyiso), Some(at(0)));
    }

    #[test]
    fn moves_come_back_as_they_were_even_when_the_clock_went_back_between() {
        let store = store();
        let causes = [
            Cause::Claim(Priority::Threshold),
            Cause::ByHand,
            Cause::Found,
            Cause::FailState,
            Cause::Claim(Priority::Default),
            Cause::Claim(Priority::Manual),
            Cause::Claim(Priority::Safety),
        ];
        let mut expected = Vec::new();
        for (n, cause) in causes.into_iter().enumerate() {
            let switch = Switch {
                at: Moment {
                    wall: at(-(n as i64) * 1000),
                    boot: BootId(u128::MAX - 7),
                    uptime: Duration::from_millis(60_500 * n as u64),
                },
                to: if n % 2 == 0 { Contactor::Closed } else { Contactor::Open },
                cause,
            };
            store.keep_switch(&switch, 41 + n as u64).unwrap();
            expected.push(switch);
        }
        let log = store.switches().unwrap();
        assert_eq!(log.recent().copied().collect::<Vec<_>>(), expected);
        assert_eq!(log.lifetime(), 47);
    }

    #[test]
    fn what_was_learned_of_the_car_comes_back() {
        let store = store();
        assert_eq!(store.pauses(), (Pauses::Bears, None));
        for pauses in [Pauses::Refusing, Pauses::Refuses, Pauses::Bears] {
            store.keep_pauses(pauses, Some(at(0))).unwrap();
            assert_eq!(store.pauses(), (pauses, Some(at(0))));
        }
    }

    #[test]
    fn a_new_store_knows_no_moves() {
        let log = store().switches().unwrap();
        assert_eq!((log.last(), log.lifetime()), (None, 0));
    }
}
