//! The charge: when the car leaves, what it still needs, and the plan for it.
//!
//! ```text
//! forecast of the feed ─┐
//! own hour of the week ─┼─> domain::plan ──> offsets of this device ──> runs ──> domain::control
//! schedule, overrides ──┘        ^
//!        time charged so far ────┘ (kept: a restart goes on where it was)
//! ```
//!
//! What is charged is counted while the contactor is closed and the car is taken to be there. That errs on
//! the safe side: time before `plugged_from`, and time that this agent did not see, counts as not charged.

use std::time::Duration;

use chrono::{DurationRound, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::America::New_York;
use domain::Timestamp;
use domain::control::{Charge, Contactor, Limits, Moment, SwitchLog, Wishes};
use domain::fleet::Offsets;
use domain::plan::{self, Before, ChargePlan, ChargeRequest, Choice, Outlook, Slot, Window};
use domain::schedule::{Schedule, WallClock, last_before};
use domain::units::CarbonIntensity;
use domain::wire::{CarbonForecast, Origin};
use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};

use crate::eastern;
use crate::overrides::Overrides;
use crate::store::Store;

/// A new plan is made at least this often, and not more often for forecasts alone.
const REPLAN: Duration = Duration::from_secs(15 * 60);

/// The wall clock jumped when it and the stopwatch differ by more between two looks.
const JUMP: TimeDelta = TimeDelta::seconds(60);

/// A new plan replaces a running one only if it saves more than this share.
const WORTH: f64 = 0.03;

/// Grams that a start of the switch is worth avoiding: two plans that differ by less are the same to the
/// climate, and not to the relay.
const START_GRAMS: f64 = 25.0;

/// How far the own profile reaches as a forecast.
const PROFILE_HOURS: i64 = 96;

/// A forecast that claims to be of a later time than this is of a wrong clock.
const AHEAD: TimeDelta = TimeDelta::minutes(10);

/// Between two looks at most this much counts as charged: what was in between was not seen.
const LONGEST_LOOK: Duration = Duration::from_secs(10 * 60);

/// What the user said of the charge.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargeConfig {
    /// Energy for each departure, kWh.
    pub need_kwh: f64,
    /// What the charger gives, kW.
    pub power_kw: f64,
    /// The car is at the charger from this time of day on.
    pub plugged_from: NaiveTime,
    /// In one block.
    pub continuous: bool,
    /// When the car leaves.
    pub schedule: Schedule,
    /// Most seconds by which this device starts later than planned.
    pub offset_secs: u32,
    /// Tells this device from others.
    pub device: String,
}

/// New York's wall clock, for the schedule.
pub const NEW_YORK: WallClock = WallClock { local: eastern::local, instant };

/// The first instant that the wall clock shows as `wall`; what it skips is the instant of the change.
fn instant(wall: NaiveDateTime) -> Timestamp {
    use chrono::offset::LocalResult;
    match New_York.from_local_datetime(&wall) {
        LocalResult::Single(ts) | LocalResult::Ambiguous(ts, _) => ts.to_utc(),
        LocalResult::None => {
            // An hour is skipped: an hour earlier is a time before the change, and there the clock runs on.
            let before = New_York.from_local_datetime(&(wall - TimeDelta::hours(1))).earliest();
            let hour_later =
                before.map_or_else(|| wall.and_utc(), |ts| ts.to_utc() + TimeDelta::hours(1));
            // The full hour after 01:xx is where the clock jumps.
            hour_later.duration_trunc(TimeDelta::hours(1)).unwrap_or(hour_later)
        }
    }
}

/// What was charged for a departure so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Which departure, seconds since 1970.
    pub depart: i64,
    /// Time charged, milliseconds.
    pub charged_ms: u64,
}

/// A plan that is followed.
#[derive(Clone, Debug)]
struct Planned {
    depart: Timestamp,
    plan: ChargePlan,
    /// The plan's runs with this device's offsets.
    runs: Vec<(Timestamp, Timestamp)>,
    forecast: Option<Timestamp>,
    made: Moment,
}

/// Why a forecast is not used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ForecastRefused {
    /// The one held is newer, or the same.
    #[error("it is not newer than the one held")]
    Older,
    /// Its publisher's clock is wrong.
    #[error("it was issued at {0}, which has not been yet")]
    Ahead(Timestamp),
    /// Nothing but zeros, or of another time.
    #[error("{0}")]
    Useless(&'static str),
    /// Played back or made up.
    #[error("it is {0} data (see feed.accept_demo)")]
    Demo(Origin),
}

/// The charge, from look to look.
pub struct Charger {
    config: Option<ChargeConfig>,
    store: Store,
    forecast: Option<CarbonForecast>,
    progress: Progress,
    planned: Option<Planned>,
    depart: Option<Timestamp>,
    last: Option<(Moment, Contactor)>,
    wishes: Wishes,
}

/// What is seen at a look.
pub struct Look<'a> {
    /// Now.
    pub now: Moment,
    /// Whether the wall clock can be believed.
    pub trusted: bool,
    /// Where the contactor is.
    pub position: Contactor,
    /// How it got there.
    pub switches: &'a SwitchLog,
    /// Whose readings are decided by: a forecast of another origin is not planned with.
    pub origin: Origin,
    /// What it can bear.
    pub limits: &'a Limits,
    /// The usual intensity at a time.
    pub usual: &'a dyn Fn(Timestamp) -> Option<CarbonIntensity>,
    /// What the user wants for once.
    pub overrides: &'a Overrides,
}

impl Charger {
    /// With what was kept before. Without a configuration it asks for nothing.
    pub fn new(config: Option<ChargeConfig>, store: Store) -> Self {
        let forecast = store.forecast();
        let progress = store.progress().unwrap_or_default();
        Self {
            config,
            store,
            forecast,
            progress,
            planned: None,
            depart: None,
            last: None,
            wishes: Wishes::default(),
        }
    }

    /// Takes a forecast in, or says why not. `origin` is that of the readings that are decided by.
    ///
    /// # Errors
    /// [`ForecastRefused`] says why.
    pub fn take(
        &mut self,
        forecast: CarbonForecast,
        origin: Origin,
        accept_demo: bool,
        now: Timestamp,
        trusted: bool,
    ) -> Result<(), ForecastRefused> {
        if forecast.origin != Origin::Nyiso && !accept_demo {
            return Err(ForecastRefused::Demo(forecast.origin));
        }
        let held = self.forecast.as_ref().filter(|held| held.origin == forecast.origin);
        if forecast.origin == Origin::Nyiso && trusted && now + AHEAD < forecast.issued {
            return Err(ForecastRefused::Ahead(forecast.issued));
        }
        // A live feed is not overtaken by a demo.
        if forecast.origin != origin && origin == Origin::Nyiso && self.forecast.is_some() {
            return Err(ForecastRefused::Demo(forecast.origin));
        }
        // One that was taken while the clock was wrong must not shut out the true ones.
        if held.is_some_and(|held| {
            forecast.issued <= held.issued && !(trusted && now + AHEAD < held.issued)
        }) {
            return Err(ForecastRefused::Older);
        }
        if forecast.values.iter().all(|value| *value == 0.0) {
            return Err(ForecastRefused::Useless("it is empty, or nothing but zeros"));
        }
        if let Err(error) = self.store.keep_forecast(&forecast) {
            warn!("the forecast could not be kept for a restart: {error}");
        }
        self.forecast = Some(forecast);
        Ok(())
    }

    /// The newest forecast.
    pub fn forecast(&self) -> Option<&CarbonForecast> {
        self.forecast.as_ref()
    }

    /// What the user said of the charge.
    pub fn config(&self) -> Option<&ChargeConfig> {
        self.config.as_ref()
    }

    /// The next departure, and since when the car is taken to be there for it.
    pub fn departure(&self) -> Option<(Timestamp, Timestamp)> {
        let (depart, config) = (self.depart?, self.config.as_ref()?);
        Some((depart, last_before(depart, config.plugged_from, NEW_YORK)))
    }

    /// The plan that is followed, with its departure.
    pub fn plan(&self) -> Option<(&ChargePlan, &[(Timestamp, Timestamp)])> {
        self.planned.as_ref().map(|planned| (&planned.plan, planned.runs.as_slice()))
    }

    /// What the user wants for once.
    pub fn wishes(&self) -> Wishes {
        self.wishes
    }

    /// The charge, for a decision.
    pub fn charge(&self) -> Option<Charge<'_>> {
        let (depart, left) = (self.depart?, self.left()?);
        let planned = self.planned.as_ref();
        Some(Charge {
            left,
            depart,
            runs: planned.map_or(&[], |planned| planned.runs.as_slice()),
            basis: planned.map_or(plan::PlanBasis::Deadline, |planned| planned.plan.basis),
        })
    }

    /// How long it must still charge.
    pub fn left(&self) -> Option<TimeDelta> {
        let config = self.config.as_ref()?;
        let charged = TimeDelta::milliseconds(i64::try_from(self.progress.charged_ms).ok()?);
        let need = ChargeRequest::new(config.need_kwh, config.power_kw, Timestamp::MAX_UTC);
        Some((need.duration().ok()? - charged).max(TimeDelta::zero()))
    }

    /// Looks at what is, counts what was charged, and plans anew where there is reason to.
    pub fn look(&mut self, look: &Look<'_>) {
        let now = look.now;
        let overrides = look.overrides.at(now.wall);
        self.wishes = Wishes {
            charge_until: overrides.charge_now_until,
            skip_until: overrides.skip_until.max(overrides.away_until),
        };
        let Some(config) = self.config.clone() else { return };
        if !look.trusted {
            // By a wrong clock neither departures nor hours mean anything; what was counted stays.
            self.last = Some((now, look.position));
            return;
        }
        let next = config.schedule.next_after(now.wall, NEW_YORK);
        let depart = overrides.depart_once.or(next);
        self.turn_to(depart, &now);
        let jumped = self.count(&config, look);
        self.last = Some((now, look.position));
        let Some(depart) = depart else {
            self.planned = None;
            return;
        };
        let Some(left) = self.left() else { return };
        if left.is_zero() {
            self.planned = None;
            return;
        }
        if jumped || self.is_due(depart, look) {
            self.replan(&config, look, depart, left);
        }
    }

    /// Another departure than before: what was charged for one that has been counts no more.
    fn turn_to(&mut self, depart: Option<Timestamp>, now: &Moment) {
        let Some(depart) = depart else {
            self.depart = None;
            return;
        };
        if self.depart == Some(depart) {
            return;
        }
        let before = self.progress.depart;
        let secs = depart.timestamp();
        let has_left = match self.depart {
            // By the stopwatch: a wall clock that is set a day ahead makes no car leave, and a machine
            // that sleeps over the departure does not keep it at home.
            Some(known) => {
                let is_over =
                    |last: &Moment| known - JUMP <= last.wall_in(now.at_least_since(last));
                known < depart && self.last.is_some_and(|(last, _)| is_over(&last))
            }
            None => before != secs,
        };
        if has_left {
            self.progress = Progress { depart: secs, charged_ms: 0 };
        } else {
            self.progress.depart = secs;
        }
        self.depart = Some(depart);
        self.planned = None;
        self.keep_progress();
    }

    /// Adds the time since the last look if the car charged. Gives whether the wall clock jumped.
    fn count(&mut self, config: &ChargeConfig, look: &Look<'_>) -> bool {
        let Some((last, position)) = self.last else { return false };
        let passed = look.now.at_least_since(&last);
        let by_wall = look.now.wall - last.wall;
        let jumped = last.boot == look.now.boot
            && TimeDelta::from_std(passed).is_ok_and(|passed| JUMP < (by_wall - passed).abs());
        if jumped {
            info!("the wall clock jumped: planning anew");
        }
        let is_home = self.depart.is_some_and(|depart| {
            last_before(depart, config.plugged_from, NEW_YORK) <= look.now.wall
        });
        let charged = position == Contactor::Closed && look.position == Contactor::Closed;
        if charged && is_home && last.boot == look.now.boot {
            let passed = passed.min(LONGEST_LOOK).as_millis();
            self.progress.charged_ms += u64::try_from(passed).unwrap_or(0);
            self.keep_progress();
        }
        jumped
    }

    fn keep_progress(&self) {
        if let Err(error) = self.store.keep_progress(&self.progress) {
            warn!("what was charged could not be kept for a restart: {error}");
        }
    }

    fn is_due(&self, depart: Timestamp, look: &Look<'_>) -> bool {
        let Some(planned) = &self.planned else { return true };
        let age = look.now.at_least_since(&planned.made);
        let ran_out = planned.runs.last().is_none_or(|run| run.1 <= look.now.wall);
        // Without a forecast so far, the first one does not wait; nor does one that counts no more.
        let other = planned.forecast.is_some() != self.usable(look.origin).is_some();
        planned.depart != depart || REPLAN <= age || ran_out || other
    }

    /// The forecast, where it is of the same origin as the readings: what was kept of a demo plans no real
    /// charge.
    fn usable(&self, origin: Origin) -> Option<&CarbonForecast> {
        self.forecast.as_ref().filter(|forecast| forecast.origin == origin)
    }

    fn replan(
        &mut self,
        config: &ChargeConfig,
        look: &Look<'_>,
        depart: Timestamp,
        left: TimeDelta,
    ) {
        let now = look.now.wall;
        let outlook = self.outlook(now, look);
        let request = request(config, look, depart, left);
        let new = match plan::plan(now, &request, &outlook) {
            Ok(new) => new,
            Err(error) => {
                warn!("no plan: {error}");
                self.planned = None;
                return;
            }
        };
        let forecast = self.usable(look.origin).map(|forecast| forecast.issued);
        if let Some(planned) = self.planned.as_mut().filter(|planned| planned.depart == depart)
            && let Ok(rest) = planned.plan.remaining(now, &request, &outlook)
            && plan::keep_or_replace(&rest, &new, WORTH) == Choice::Keep
            && planned.runs.last().is_some_and(|run| now < run.1)
        {
            planned.forecast = forecast;
            planned.made = look.now;
            return;
        }
        let offsets =
            Offsets::new(&config.device, &depart.timestamp().to_string(), config.offset_secs);
        // A run that is under way has had its offset.
        let seen =
            if look.position == Contactor::Closed { now + TimeDelta::seconds(1) } else { now };
        let runs = offsets.apply(&new.runs(), seen, depart, &request.limits);
        debug!(%depart, basis = new.basis.as_str(), runs = runs.len(), "a new plan");
        self.planned = Some(Planned { depart, plan: new, runs, forecast, made: look.now });
    }

    /// The forecast while its slots cover, and behind it the agent's own hours of the week.
    fn outlook(&self, now: Timestamp, look: &Look<'_>) -> Outlook {
        let slots = self.usable(look.origin).into_iter().flat_map(CarbonForecast::slots);
        let slots = slots.filter(|slot| now < slot.end).map(|slot| Slot {
            start: slot.start,
            end: slot.end,
            value: slot.value,
        });
        let known = Outlook::new(slots.collect()).unwrap_or_else(|error| {
            warn!("the forecast cannot be used: {error}");
            Outlook::unknown()
        });
        let first = now.duration_trunc(TimeDelta::hours(1)).unwrap_or(now);
        let history = (0..PROFILE_HOURS).filter_map(|hour| {
            let start = first + TimeDelta::hours(hour);
            let value = (look.usual)(start)?.grams_per_kwh();
            Some(Slot { start, end: start + TimeDelta::hours(1), value })
        });
        known.clone().with_history(history.collect()).unwrap_or(known)
    }
}

fn request(
    config: &ChargeConfig,
    look: &Look<'_>,
    depart: Timestamp,
    left: TimeDelta,
) -> ChargeRequest {
    let hours = left.num_milliseconds() as f64 / 3.6e6;
    let home = last_before(depart, config.plugged_from, NEW_YORK);
    let since = look.switches.last().map(|last| last.at.wall);
    let delta = |length| TimeDelta::from_std(length).unwrap_or_default();
    ChargeRequest {
        continuous: config.continuous,
        windows: vec![Window { start: home, end: depart }],
        limits: plan::Limits {
            min_on: delta(look.limits.min_on),
            min_off: delta(look.limits.min_off),
            // A start takes two moves, and some are left for a person and for the way out.
            max_starts: Some((look.limits.per_day.saturating_sub(2) / 2).max(1)),
            start_cost: START_GRAMS,
        },
        before: match (look.position, since) {
            (Contactor::Closed, Some(since)) => Before::Charging { since },
            (Contactor::Open, Some(since)) => Before::Idle { since },
            (_, None) => Before::Unknown,
        },
        ..ChargeRequest::new(hours * config.power_kw, config.power_kw, depart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_times_of_both_clock_changes() {
        let check = |wall: &str, expected: &str| {
            let instant = instant(wall.parse().unwrap());
            assert_eq!(instant, expected.parse::<Timestamp>().unwrap(), "{wall}");
        };
        check("2026-03-10T07:30:00", "2026-03-10T11:30:00Z");
        check("2026-03-08T02:30:00", "2026-03-08T07:00:00Z");
        check("2026-03-08T02:00:00", "2026-03-08T07:00:00Z");
        check("2026-11-01T01:30:00", "2026-11-01T05:30:00Z");
    }
}
