//! A session, open or over, and the energy in it.

use chrono::TimeDelta;

use super::{Entry, LEAST_KW, LONGEST_TICK, MOST_KW, Tick};
use crate::Timestamp;
use crate::control::{Contactor, Moment};

/// What a session is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody tells when the car is plugged in.
    Presence,
    /// A meter tells when it charges.
    Power,
    /// Neither: it is taken to be there for a departure.
    Schedule,
    /// Not even a departure is known: the contactor was closed.
    Switch,
}

impl By {
    /// Its word in record and report.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Presence => "presence",
            Self::Power => "power",
            Self::Schedule => "schedule",
            Self::Switch => "switch",
        }
    }

    /// The one of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Presence, Self::Power, Self::Schedule, Self::Switch]
            .into_iter()
            .find(|by| by.as_str() == word)
    }
}

/// The energy of five minutes on the UTC grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Portion {
    /// Their first instant.
    pub start: Timestamp,
    /// kWh, more than 0.
    pub kwh: f64,
}

impl Portion {
    /// How long a portion is: as long as NYISO's intervals.
    pub const LENGTH: TimeDelta = TimeDelta::minutes(5);

    /// The one that holds `ts`.
    fn at(ts: Timestamp) -> Timestamp {
        let over = ts.timestamp_millis().rem_euclid(Self::LENGTH.num_milliseconds());
        Timestamp::from_timestamp_millis(ts.timestamp_millis() - over).unwrap_or(ts)
    }
}

/// A session that is not over. All that a restart needs to go on with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// When it began.
    pub from: Timestamp,
    /// What it is known by.
    pub by: By,
    /// The departure it is for, where one is known.
    pub depart: Option<Timestamp>,
    /// The clock was wrong when it began: since then, by the stopwatch. `None`: `from` is right.
    pub unsure_since: Option<Moment>,
    /// When it was last looked at.
    pub seen: Timestamp,
    /// When the car last charged, or may have.
    pub active: Option<Timestamp>,
    /// Energy in portions that are over, kWh.
    pub placed_kwh: f64,
    /// The portion that is under way.
    pub portion: Option<Portion>,
    /// Energy without a time, kWh.
    pub unplaced_kwh: f64,
    /// How much of the energy a meter measured, kWh.
    pub metered_kwh: f64,
    /// How long it charged, ms.
    pub charging_ms: u64,
    /// What the meter had counted, kWh.
    pub meter_kwh: Option<f64>,
    /// Energy for departures that have been, kWh.
    pub departed_kwh: f64,
}

impl Open {
    pub(super) fn new(by: By, from: Timestamp, tick: &Tick) -> Self {
        let mut open = Self {
            from,
            by,
            depart: None,
            unsure_since: (!tick.trusted).then_some(tick.at),
            seen: tick.at.wall,
            active: None,
            placed_kwh: 0.0,
            portion: None,
            unplaced_kwh: 0.0,
            metered_kwh: 0.0,
            charging_ms: 0,
            meter_kwh: None,
            departed_kwh: 0.0,
        };
        open.see(tick);
        open
    }

    /// All of its energy, kWh.
    pub fn kwh(&self) -> f64 {
        self.placed_kwh + self.portion.map_or(0.0, |portion| portion.kwh) + self.unplaced_kwh
    }

    /// Its energy for the departure to come, kWh.
    fn for_depart(&self) -> f64 {
        self.kwh() - self.departed_kwh
    }

    /// As if it ended at `to`.
    pub fn end(&self, to: Timestamp) -> Session {
        Session {
            from: self.from,
            to: to.max(self.from),
            by: self.by,
            kwh: self.kwh(),
            metered_kwh: self.metered_kwh,
            charging: TimeDelta::milliseconds(i64::try_from(self.charging_ms).unwrap_or(i64::MAX)),
            time_is_doubtful: self.unsure_since.is_some(),
        }
    }

    /// The clock is right now: so is the beginning, by the stopwatch.
    pub(super) fn settle_clock(&mut self, tick: &Tick) {
        if !tick.trusted {
            return;
        }
        if let Some(began) = self.unsure_since.take() {
            let passed = TimeDelta::from_std(tick.at.about_since(&began)).unwrap_or_default();
            // Across a reboot only what this boot saw is certain.
            let passed = if began.boot == tick.at.boot { passed } else { TimeDelta::zero() };
            self.from = tick.at.wall - passed;
            self.seen = tick.at.wall;
        }
    }

    /// Adds the energy since `last`.
    pub(super) fn count(&mut self, last: Option<&Tick>, tick: &Tick, entries: &mut Vec<Entry>) {
        let counted = self.counted(tick);
        let Some(last) = last.filter(|last| last.at.boot == tick.at.boot) else {
            // What was drawn while nobody looked has no time.
            self.add_unplaced(counted.unwrap_or(0.0));
            return;
        };
        let passed = tick.at.at_least_since(&last.at);
        if LONGEST_TICK < passed && counted.is_some() {
            self.add_unplaced(counted.unwrap_or(0.0));
            return;
        }
        let passed = passed.min(LONGEST_TICK);
        let hours = passed.as_secs_f64() / 3600.0;
        let by_power = last.measured_kw().or(tick.measured_kw()).map(|kw| {
            let now = tick.measured_kw().unwrap_or(kw);
            // A power that began or ended in between says how much of the time it was there.
            (kw + now) / 2.0 * hours
        });
        let measured = counted.or(by_power);
        let kwh = match (measured, last.assumed_kw()) {
            (Some(kwh), _) => kwh,
            (None, Some(kw)) => {
                let room = tick.need_kwh.map_or(f64::INFINITY, |need| need - self.for_depart());
                // It has what it needs: neither energy nor time goes on.
                if room <= 0.0 {
                    return;
                }
                (kw * hours).min(room)
            }
            // The contactor was closed, and nobody said what that gives: time, and no energy.
            (None, None) => {
                let charged = last.position == Contactor::Closed && last.plugged != Some(false);
                self.charging_ms += if charged { ms(passed) } else { 0 };
                return;
            }
        };
        // A counter may move in steps: where there is a power, that says whether it charged.
        let charged = match (last.measured_kw().or(tick.measured_kw()), measured) {
            (Some(_), _) => last.has_power() || tick.has_power(),
            (None, Some(kwh)) => LEAST_KW * hours <= kwh,
            (None, None) => true,
        };
        if charged {
            self.charging_ms += ms(passed);
        }
        if kwh <= 0.0 {
            return;
        }
        if measured.is_some() {
            self.metered_kwh += kwh;
        }
        // Counted otherwise: the counter must not count it again when it is back.
        if counted.is_none() {
            self.meter_kwh = None;
        }
        if last.trusted && tick.trusted {
            self.place(kwh, tick.at.wall - delta(passed), tick.at.wall, entries);
        } else {
            self.unplaced_kwh += kwh;
        }
    }

    /// What the meter counted since it was last asked; `None` where it does not tell, or was reset.
    fn counted(&self, tick: &Tick) -> Option<f64> {
        let (before, now) = (self.meter_kwh?, tick.meter_kwh.filter(|kwh| kwh.is_finite())?);
        let kwh = now - before;
        let longest = (tick.at.wall - self.seen).num_seconds().max(0) as f64 / 3600.0;
        (0.0 <= kwh && kwh <= MOST_KW * (longest + 0.1)).then_some(kwh)
    }

    fn add_unplaced(&mut self, kwh: f64) {
        self.unplaced_kwh += kwh;
        self.metered_kwh += kwh;
    }

    /// Spreads energy evenly over `[start, end)`.
    fn place(&mut self, kwh: f64, start: Timestamp, end: Timestamp, entries: &mut Vec<Entry>) {
        let length = (end - start).num_milliseconds();
        if length <= 0 {
            return self.place_one(kwh, Portion::at(end), entries);
        }
        let mut from = start;
        while from < end {
            let at = Portion::at(from);
            let until = (at + Portion::LENGTH).min(end);
            let part = kwh * (until - from).num_milliseconds() as f64 / length as f64;
            self.place_one(part, at, entries);
            from = until;
        }
    }

    fn place_one(&mut self, kwh: f64, at: Timestamp, entries: &mut Vec<Entry>) {
        match &mut self.portion {
            Some(portion) if portion.start == at => portion.kwh += kwh,
            // The clock went back behind what is kept already: energy without a time.
            Some(portion) if at < portion.start => self.unplaced_kwh += kwh,
            Some(_) | None => {
                self.close_portion(entries);
                self.portion = Some(Portion { start: at, kwh });
            }
        }
    }

    pub(super) fn close_portion(&mut self, entries: &mut Vec<Entry>) {
        if let Some(portion) = self.portion.take() {
            self.placed_kwh += portion.kwh;
            entries.push(Entry::Portion(portion));
        }
    }

    /// Notes what the tick shows. The car may stay over a departure: then it needs anew.
    pub(super) fn see(&mut self, tick: &Tick) {
        let departed = self.depart.is_some_and(|depart| depart <= tick.at.wall);
        if tick.trusted && departed && tick.depart != self.depart {
            self.departed_kwh = self.kwh();
        }
        self.seen = tick.at.wall;
        self.depart = tick.depart.or(self.depart);
        self.meter_kwh = tick.meter_kwh.filter(|kwh| kwh.is_finite()).or(self.meter_kwh);
        let charges = match tick.measured_kw() {
            Some(kw) => LEAST_KW <= kw,
            None => tick.position == Contactor::Closed,
        };
        if charges {
            self.active = Some(tick.at.wall);
        }
    }
}

fn ms(passed: std::time::Duration) -> u64 {
    u64::try_from(passed.as_millis()).unwrap_or(0)
}

fn delta(passed: std::time::Duration) -> TimeDelta {
    TimeDelta::from_std(passed).unwrap_or_default()
}

/// A session that is over, or as if it were.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Session {
    /// Plug-in, as far as it is known.
    pub from: Timestamp,
    /// Unplug; not before `from`.
    pub to: Timestamp,
    /// What it is known by.
    pub by: By,
    /// Energy, kWh.
    pub kwh: f64,
    /// How much of it a meter measured, kWh; the rest is power times time.
    pub metered_kwh: f64,
    /// How long it charged.
    pub charging: TimeDelta,
    /// The clock was wrong all along: neither time is certain.
    pub time_is_doubtful: bool,
}
