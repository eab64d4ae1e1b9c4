//! The agent with a clock that is turned and a contactor that obeys.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DurationRound as _, TimeDelta};
use domain::Timestamp;
use domain::charging::{ChargeSettings, Charging};
use domain::control::{
    BootId, Car, Cause, ClockTrust, Contactor, Facts, Moment, NextChange, Settings, Switch,
    SwitchLog, decide,
};
use domain::series::Sample;
use domain::wire::{CarbonNow, GRAMS_PER_KWH, Origin};
use service::history::MemoryHistory;

use super::foresight::{AFTER_THE_HOUR, EVERY};
use super::{Foreseen, Foresight, Record};
use crate::agent::{CycleFacts, stale_after};
use crate::charger::{Arrival, Charger, Scene};
use crate::grid::Grid;
use crate::ledger::{Ledger, Period, SessionEntry, session_page};
use crate::overrides::Overrides;
use crate::store::{LEARNED, Store};

/// So long after the end of its interval a reading comes: NYISO's newest stamp is 10 to 15 minutes old.
const LATE: TimeDelta = TimeDelta::minutes(10);

/// A look is taken at least this often; `run` does each 10 s, and at events as here.
const TICK: TimeDelta = TimeDelta::seconds(60);

/// It begins a day before, so that the first night is a whole one.
const BEFORE: TimeDelta = TimeDelta::hours(24);

/// The last night may go on so long after the end.
const AFTER: TimeDelta = TimeDelta::hours(36);

/// A car that lacks less than this at departure is ready: two looks.
const AS_GOOD_AS_READY: TimeDelta = TimeDelta::seconds(120);

/// What came of a replay.
#[derive(Clone, Debug, Default)]
pub struct Replayed {
    /// Sessions that began in the period.
    pub sessions: Vec<SessionEntry>,
    /// Moves of the contactor in the period.
    pub switches: Vec<Switch>,
    /// Departures of cars that came in the period.
    pub departures: usize,
    /// Those at which the car was not ready.
    pub missed: Vec<Timestamp>,
    /// Of these: between coming home and leaving there was less time than the charge takes.
    pub impossible: usize,
    /// Share of the period that has readings, 0 to 1.
    pub known: f64,
    /// How forecasts came about; `None` where there were none.
    pub foreseen: Option<Foreseen>,
}

/// Lives through `period` with these settings. `progress` hears how far it is, 0 to 1.
pub fn replay(
    record: &Record,
    settings: &Settings,
    charge: Option<&ChargeSettings>,
    period: Period,
    mut progress: impl FnMut(f64),
) -> Replayed {
    let start = period.from - BEFORE;
    let end = period.to + AFTER;
    let mut foresight = Foresight::new(record, end);
    let mut world = World::new(record, settings, charge, start);
    while world.now.wall < end && !(period.to <= world.now.wall && world.is_over(&period)) {
        world.hear(record);
        world.foresee(foresight.as_mut());
        let next = world.cycle(&period);
        world.turn(next);
        progress(
            ((world.now.wall - start).num_seconds() as f64)
                / (period.to - start).num_seconds() as f64,
        );
    }
    // The readings of the last hours come, and with them the grams.
    world.settle(record);
    let mut replayed = world.replayed;
    replayed.sessions = session_page(&world.store, period).unwrap_or_default();
    replayed.sessions.retain(|session| !session.open);
    replayed.switches.retain(|switch| period.contains(switch.at.wall));
    let rates = domain::ledger::Rates::new(record.readings.iter().copied());
    let span = (period.to - period.from).num_seconds().max(1) as f64;
    replayed.known = rates.integrate(period.from, period.to).1 / span;
    replayed.foreseen = foresight.map(|foresight| foresight.foreseen());
    replayed
}

struct World<'a> {
    settings: &'a Settings,
    charge: Option<&'a ChargeSettings>,
    now: Moment,
    started: Moment,
    store: Store,
    grid: Grid,
    charger: Charger,
    ledger: Ledger,
    position: Contactor,
    log: SwitchLog,
    /// The next reading to come, and when the next forecast does.
    next_reading: usize,
    next_forecast: Timestamp,
    /// The departure at the last look, since when the car was home, and what it lacked.
    pending: Option<(Timestamp, Timestamp, TimeDelta)>,
    replayed: Replayed,
}

impl<'a> World<'a> {
    fn new(
        record: &Record,
        settings: &'a Settings,
        charge: Option<&'a ChargeSettings>,
        start: Timestamp,
    ) -> Self {
        let now = Moment { wall: start, boot: BootId(1), uptime: Duration::from_secs(3600) };
        let store = Store::new(Arc::new(MemoryHistory::new()));
        let readings = &record.readings;
        let known = |since: Timestamp| readings.partition_point(|sample| sample.ts + LATE <= since);
        let next_reading = known(start);
        for sample in &readings[known(start - LEARNED)..next_reading] {
            // A memory takes everything.
            let _ = store.keep_reading(Origin::Nyiso, *sample);
        }
        let stale = stale_after(settings);
        let grid = Grid::new(store.clone(), settings.threshold, false, stale, now);
        let hour = start.duration_trunc(EVERY).unwrap_or(start);
        Self {
            settings,
            charge,
            now,
            started: now,
            charger: Charger::new(charge.cloned(), store.clone()),
            ledger: Ledger::new(store.clone()),
            store,
            grid,
            position: settings.safe,
            log: SwitchLog::default(),
            next_reading,
            next_forecast: hour + AFTER_THE_HOUR,
            pending: None,
            replayed: Replayed::default(),
        }
    }

    /// Whether no car that came in the period is still waited for.
    fn is_over(&self, period: &Period) -> bool {
        self.pending.is_none_or(|(_, home, _)| period.to <= home)
    }

    fn hear(&mut self, record: &Record) {
        while let Some(sample) = record.readings.get(self.next_reading) {
            if self.now.wall < sample.ts + LATE {
                break;
            }
            // What cannot be true is refused, as it is live.
            let _ = self.grid.take(&reading(sample), false, self.now, true);
            self.next_reading += 1;
        }
    }

    fn foresee(&mut self, foresight: Option<&mut Foresight<'_>>) {
        if self.now.wall < self.next_forecast {
            return;
        }
        self.next_forecast += EVERY;
        if let Some(forecast) = foresight.and_then(|foresight| foresight.at(self.now.wall)) {
            let (origin, now) = (Origin::Nyiso, self.now.wall);
            let arrival = Arrival { origin, accept_demo: false, now, trusted: true };
            // One that is older than the one held is refused, as it is live.
            let _ = self.charger.take(forecast, &arrival);
        }
    }

    /// As `Agent::cycle`; gives when to look again.
    fn cycle(&mut self, period: &Period) -> Timestamp {
        let usual = self.grid.usual();
        self.charger.look(&Scene {
            now: self.now,
            trusted: true,
            position: self.position,
            switches: &self.log,
            origin: self.grid.origin(),
            limits: &self.settings.limits,
            plugged: None,
            metered_kw: None,
            usual: &usual,
            overrides: &Overrides::default(),
        });
        let decision = decide(
            &Facts {
                at: self.now,
                started: self.started,
                clock: ClockTrust::Trusted,
                position: self.position,
                switches: &self.log,
                signal: self.grid.signal(self.now, &usual),
                charge: self.charger.charge(),
                wishes: self.charger.wishes(),
                // The record knows of no car, and nothing in it comes back.
                hand_ends: None,
                car: Car::default(),
                wait: None,
                turn: None,
            },
            self.settings,
        );
        drop(usual);
        if decision.position != self.position {
            self.position = decision.position;
            let cause = Cause::Claim(decision.claim().priority);
            let switch = Switch { at: self.now, to: self.position, cause };
            self.log.record(switch);
            self.replayed.switches.push(switch);
        }
        self.ledger.tick(&self.facts());
        self.judge(period);
        let at = match decision.next {
            NextChange::At(at) => at,
            _ => Timestamp::MAX_UTC,
        };
        at.min(self.now.wall + TICK).min(self.next_forecast)
    }

    fn facts(&self) -> CycleFacts {
        let depart = self.charger.departure();
        let objective = self.charger.planned().map(|planned| planned.objective);
        CycleFacts {
            at: self.now,
            clock_trusted: true,
            position: self.position,
            basis: objective.unwrap_or_default().as_str(),
            origin: Origin::Nyiso,
            average_g_per_kwh: None,
            marginal_g_per_kwh: None,
            price: self.charger.price(Origin::Nyiso, self.now.wall),
            depart: depart.map(|(depart, _)| depart),
            home_since: depart.map(|(_, home)| home),
            need_kwh: self.charge.map(|charge| charge.need_kwh),
            power_kw: self.charger.charging().map_or(0.0, Charging::power_kw),
            charging_kw: None,
            meter_kwh: None,
            plugged: None,
        }
    }

    /// Was the car ready when it left?
    fn judge(&mut self, period: &Period) {
        let pending = self
            .charger
            .departure()
            .zip(self.charger.left())
            .map(|((depart, home), left)| (depart, home, left));
        if let Some((depart, home, left)) = self.pending
            && pending.map(|(next, ..)| next) != Some(depart)
            && period.contains(home)
        {
            self.replayed.departures += 1;
            if AS_GOOD_AS_READY < left {
                self.replayed.missed.push(depart);
                let need = self.charge.map_or(0.0, |charge| charge.need_kwh / charge.power_kw);
                let stay = (depart - home).num_seconds() as f64 / 3600.0;
                self.replayed.impossible += usize::from(stay < need);
            }
        }
        self.pending = pending;
    }

    fn turn(&mut self, next: Timestamp) {
        let step = (next - self.now.wall).max(TimeDelta::seconds(1));
        self.now.wall += step;
        self.now.uptime += step.to_std().unwrap_or_default();
    }

    /// The car stays away, and the rest of the readings comes.
    fn settle(&mut self, record: &Record) {
        for _ in 0..2 {
            self.turn(self.now.wall + TimeDelta::hours(1));
            self.hear(record);
            let facts = CycleFacts { position: Contactor::Open, ..self.facts() };
            self.ledger.tick(&facts);
        }
    }
}

fn reading(sample: &Sample) -> CarbonNow {
    CarbonNow {
        ts: sample.ts,
        value: sample.grams_per_kwh,
        units: GRAMS_PER_KWH.to_owned(),
        life_cycle: None,
        consumption: None,
        consumption_life_cycle: None,
        production_only: None,
        marginal: None,
        marginal_basis: None,
        renewables_floor_mw: None,
        verdict: None,
        percentile_7d: None,
        percentile_hours: None,
        p33: None,
        p67: None,
        min_7d: None,
        max_7d: None,
        factor_set: "ny-2026.1".to_owned(),
        complete: true,
        missing: Vec::new(),
        unknown: Vec::new(),
        revised: false,
        origin: Origin::Nyiso,
    }
}
