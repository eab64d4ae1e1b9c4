//! What a session's energy meant, and what it had meant at other hours.

use chrono::{NaiveTime, TimeDelta};

use super::{Portion, Rates, Session};
use crate::Timestamp;
use crate::schedule::{Schedule, WallClock};

/// Less of the energy may lack a reading before a sum counts as partial: a reading that never came.
const MAY_LACK: f64 = 0.01;

/// Grams, and of how much energy.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sum {
    /// g CO2.
    pub grams: f64,
    /// The energy they are of, kWh; the intensity of the rest is not known.
    pub known_kwh: f64,
}

impl Sum {
    fn add(&mut self, kwh: f64, start: Timestamp, end: Timestamp, rates: &Rates) {
        let (grams, known) = rates.integrate(start, end);
        let seconds = (end - start).num_milliseconds() as f64 / 1e3;
        if 0.0 < seconds {
            self.grams += kwh * grams / seconds;
            self.known_kwh += kwh * known / seconds;
        }
    }

    /// Grams of all of `kwh`; `None` where the sum is partial.
    pub fn whole(&self, kwh: f64) -> Option<f64> {
        let is_whole = 0.0 < self.known_kwh && kwh * (1.0 - MAY_LACK) <= self.known_kwh;
        match is_whole {
            true => Some(self.grams * kwh / self.known_kwh),
            false => (kwh == 0.0).then_some(0.0),
        }
    }
}

/// A session by one signal: what it was, and what it had been.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Account {
    /// As it was charged.
    pub actual: Sum,
    /// The same energy at the same power, from plug-in on without a pause.
    pub at_once: Sum,
    /// The same by a timer: from 01:00 on; earlier where it would not be done by unplug, and at once where
    /// no 01:00 lies between plug-in and unplug.
    pub timer: Sum,
}

impl Account {
    /// Of `session`, whose energy came in `portions`; those outside of it are left out.
    pub fn new(session: &Session, portions: &[Portion], rates: &Rates, clock: WallClock) -> Self {
        let mut account = Self::default();
        for portion in portions.iter().filter(|portion| {
            session.from < portion.start + Portion::LENGTH && portion.start < session.to
        }) {
            let end = portion.start + Portion::LENGTH;
            account.actual.add(portion.kwh, portion.start, end, rates);
        }
        let takes = session.charging.min(session.to - session.from);
        if takes <= TimeDelta::zero() {
            return account;
        }
        let from = session.from;
        account.at_once.add(session.kwh, from, from + takes, rates);
        let from = timer_start(session.from, session.to, takes, clock);
        account.timer.add(session.kwh, from, from + takes, rates);
        account
    }

    /// Grams saved against charging at once; negative when that had been cleaner, `None` where either
    /// sum is partial.
    pub fn saved_at_once(&self, kwh: f64) -> Option<f64> {
        Some(self.at_once.whole(kwh)? - self.actual.whole(kwh)?)
    }

    /// Grams saved against the timer.
    pub fn saved_timer(&self, kwh: f64) -> Option<f64> {
        Some(self.timer.whole(kwh)? - self.actual.whole(kwh)?)
    }
}

/// When a 01:00 timer had begun.
fn timer_start(from: Timestamp, to: Timestamp, takes: TimeDelta, clock: WallClock) -> Timestamp {
    let nightly = Schedule::new([NaiveTime::from_hms_opt(1, 0, 0); 7]);
    let just_before = from - TimeDelta::milliseconds(1);
    match nightly.next_after(just_before, clock).filter(|one| *one < to) {
        Some(one) => one.min(to - takes).max(from),
        None => from,
    }
}
