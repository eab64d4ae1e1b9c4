//! A car's charges, from look to look: when it leaves, what it still needs, and the plan for it.
//!
//! ```text
//! forecasts, prices, own hour of the week ─> prospects ─┐
//! schedule, wishes ─────────────────────────────────────┼─> plan ──> offsets of this device ──> runs ──> control
//!        energy charged so far (kept over restarts) ────┘
//! ```
//!
//! What is charged is counted by the meter, or, without one, while the contactor is closed. That errs on the
//! safe side: time in which the car is not known to be there, and time that nobody saw, counts as not charged.

mod progress;
mod prospects;

use std::time::Duration;

use chrono::{NaiveTime, TimeDelta};

use crate::Timestamp;
use crate::control::{Charge, Contactor, Limits, Moment, SwitchLog};
use crate::fleet::{Offsets, WINDOW_SECS};
use crate::plan::{
    self, Before, Caution, ChargePlan, ChargeRequest, Choice, Objective, PlanBasis, Window,
    intersect,
};
use crate::schedule::{Schedule, WallClock, last_before};
use crate::units::CarbonIntensity;
use crate::wire::Origin;
use crate::zone::LoadZone;

pub use progress::Progress;
pub use prospects::{Knowledge, Prices, Prospects, Question};

/// A new plan is made at least this often, and not more often for forecasts alone.
const REPLAN: Duration = Duration::from_secs(15 * 60);

/// The wall clock jumped when it and the stopwatch differ by more between two looks.
const JUMP: TimeDelta = TimeDelta::seconds(60);

/// A new plan replaces a running one only if it saves more than this share.
const WORTH: f64 = 0.03;

/// Grams that a start of the switch is worth avoiding: two plans that differ by less are the same to the
/// climate, and not to the relay.
const START_GRAMS: f64 = 25.0;

/// The same in dollars: a cent.
const START_DOLLARS: f64 = 0.01;

/// Between two looks at most this much counts as charged: what was in between was not seen.
const LONGEST_LOOK: Duration = Duration::from_secs(10 * 60);

/// Less than this is nothing, and noise of a sum: half a second of a home charger.
const DONE_KWH: f64 = 0.001;

/// What the driver said of the charge.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargeSettings {
    /// Energy for each departure, kWh.
    pub need_kwh: f64,
    /// What the charger gives, kW, until a meter knows better.
    pub power_kw: f64,
    /// The car is at the charger from this time of day on, where nobody tells whether it is plugged in.
    pub plugged_from: NaiveTime,
    /// In one block.
    pub continuous: bool,
    /// When the car leaves.
    pub schedule: Schedule,
    /// Most seconds by which this device starts later than planned.
    pub offset_secs: u32,
    /// Tells this device from others.
    pub device: String,
    /// What to keep low.
    pub objective: Objective,
    /// Which value of a forecast's band counts.
    pub caution: Caution,
    /// The driver's load zone, for marginal rates and NYISO's prices.
    pub zone: Option<LoadZone>,
    /// What a kWh costs.
    pub prices: Prices,
    /// Energy that is charged as soon as the car is there, whatever the grid does, kWh.
    pub minimum_first_kwh: f64,
    /// The last stretch before departure, in which the car is always charged.
    pub precondition: TimeDelta,
    /// Wall times between which charging is wanted; none: always. The departure comes first.
    pub hours: Vec<(NaiveTime, NaiveTime)>,
}

impl ChargeSettings {
    /// `need_kwh` at `power_kw` for each departure of `schedule`, by average intensity; the rest as usual.
    pub fn new(
        need_kwh: f64,
        power_kw: f64,
        plugged_from: NaiveTime,
        schedule: Schedule,
        device: String,
    ) -> Self {
        Self {
            need_kwh,
            power_kw,
            plugged_from,
            continuous: false,
            schedule,
            offset_secs: WINDOW_SECS,
            device,
            objective: Objective::default(),
            caution: Caution::default(),
            zone: None,
            prices: Prices::default(),
            minimum_first_kwh: 0.0,
            precondition: TimeDelta::zero(),
            hours: Vec::new(),
        }
    }
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
    /// What it can bear.
    pub limits: &'a Limits,
    /// Whether the car is plugged in, where somebody tells.
    pub plugged: Option<bool>,
    /// What a meter shows, kW, where it is fresh.
    pub metered_kw: Option<f64>,
    /// A departure that takes the place of the scheduled one of its day, for once; it may have been.
    pub depart_once: Option<Timestamp>,
    /// Whose readings are decided by.
    pub origin: Origin,
    /// What is known of the hours ahead.
    pub prospects: &'a Prospects,
    /// The usual intensity at a time.
    pub usual: &'a dyn Fn(Timestamp) -> Option<CarbonIntensity>,
    /// New York's wall clock.
    pub clock: WallClock,
}

/// What a look brought.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct News {
    /// What was charged has changed: keep it.
    pub progress: bool,
    /// The wall clock jumped.
    pub jumped: bool,
    /// There is another plan than before.
    pub planned: bool,
    /// Why there is no plan, or one without the forecast.
    pub trouble: Option<String>,
}

/// A departure, and since when the car is there for it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stay {
    depart: Timestamp,
    home: Timestamp,
}

/// A plan that is followed.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What was planned.
    pub plan: ChargePlan,
    /// The plan's runs with this device's offsets.
    pub runs: Vec<(Timestamp, Timestamp)>,
    /// What it keeps low.
    pub objective: Objective,
    /// What the objective lacks, in words.
    pub lacks: Option<&'static str>,
    /// When the forecast was made.
    pub issued: Option<Timestamp>,
    depart: Timestamp,
    signals: [bool; 3],
    made: Moment,
}

/// A car's charges, from look to look.
#[derive(Clone, Debug)]
pub struct Charging {
    settings: ChargeSettings,
    progress: Progress,
    planned: Option<Planned>,
    stay: Option<Stay>,
    last: Option<(Moment, Contactor)>,
    unpaused: bool,
}

impl Charging {
    /// With what was charged before a restart.
    pub fn new(settings: ChargeSettings, progress: Progress) -> Self {
        Self { settings, progress, planned: None, stay: None, last: None, unpaused: false }
    }

    /// What the driver said.
    pub fn settings(&self) -> &ChargeSettings {
        &self.settings
    }

    /// What was charged so far.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// The next departure, and since when the car is taken to be there for it.
    pub fn departure(&self) -> Option<(Timestamp, Timestamp)> {
        self.stay.map(|stay| (stay.depart, stay.home))
    }

    /// The plan that is followed.
    pub fn planned(&self) -> Option<&Planned> {
        self.planned.as_ref()
    }

    /// Whether the car is to be charged in one block whatever the settings: it bears no pause.
    pub fn without_pauses(&mut self, without: bool) {
        self.unpaused = without;
        self.planned = None;
    }

    /// What the car still needs, kWh.
    pub fn left_kwh(&self) -> f64 {
        let left = self.settings.need_kwh - self.progress.charged_kwh;
        if left < DONE_KWH { 0.0 } else { left }
    }

    /// What the car takes, kW: by the meter where it has seen enough.
    pub fn power_kw(&self) -> f64 {
        self.progress.power_kw(self.settings.power_kw)
    }

    /// How long it must still charge.
    pub fn left(&self) -> TimeDelta {
        ChargeRequest::new(self.left_kwh(), self.power_kw(), Timestamp::MAX_UTC)
            .duration()
            .unwrap_or_default()
    }

    /// The charge, for a decision.
    pub fn charge(&self) -> Option<Charge<'_>> {
        let planned = self.planned.as_ref();
        Some(Charge {
            left: self.left(),
            depart: self.stay?.depart,
            runs: planned.map_or(&[], |planned| planned.runs.as_slice()),
            basis: planned.map_or(PlanBasis::Deadline, |planned| planned.plan.basis),
            aim: planned.map_or(self.settings.objective, |planned| planned.objective).aim(),
        })
    }

    /// Looks at what is, counts what was charged, and plans anew where there is reason to.
    pub fn look(&mut self, look: &Look<'_>) -> News {
        let now = look.now;
        let before = self.progress;
        let mut news = News::default();
        if !look.trusted {
            // By a wrong clock neither departures nor hours mean anything; what was counted stays.
            self.last = Some((now, look.position));
            return news;
        }
        let schedule = self.settings.schedule;
        self.turn_to(schedule.next_departure(look.depart_once, now.wall, look.clock), look);
        news.jumped = self.count(look);
        self.last = Some((now, look.position));
        news.progress = self.progress != before;
        match self.stay {
            Some(stay) if 0.0 < self.left_kwh() => {
                if news.jumped || self.is_due(stay.depart, look) {
                    news.trouble = self.replan(stay, look, &mut news.planned);
                }
            }
            _ => self.planned = None,
        }
        news
    }

    /// Another departure than before: what was charged for one that has been counts no more.
    fn turn_to(&mut self, depart: Option<Timestamp>, look: &Look<'_>) {
        let Some(depart) = depart else {
            self.stay = None;
            return;
        };
        if self.stay.is_some_and(|stay| stay.depart == depart) {
            return;
        }
        let before = self.progress.depart;
        let secs = depart.timestamp();
        let has_left = match self.stay {
            // By the stopwatch: a wall clock that is set a day ahead makes no car leave, and a machine
            // that sleeps over the departure does not keep it at home.
            Some(Stay { depart: known, .. }) => {
                let is_over =
                    |last: &Moment| known - JUMP <= last.wall_in(look.now.at_least_since(last));
                known < depart && self.last.is_some_and(|(last, _)| is_over(&last))
            }
            None => before != secs,
        };
        if has_left {
            self.progress = self.progress.anew(secs);
        } else {
            self.progress.depart = secs;
        }
        let home = last_before(depart, self.settings.plugged_from, look.clock);
        self.stay = Some(Stay { depart, home });
        self.planned = None;
    }

    /// Whether the car is there, as far as anybody knows.
    fn is_home(&self, look: &Look<'_>) -> bool {
        look.plugged.unwrap_or_else(|| self.stay.is_some_and(|stay| stay.home <= look.now.wall))
    }

    /// Adds what was charged since the last look. Gives whether the wall clock jumped.
    fn count(&mut self, look: &Look<'_>) -> bool {
        let Some((last, position)) = self.last else { return false };
        let passed = look.now.at_least_since(&last);
        let by_wall = look.now.wall - last.wall;
        let jumped = last.boot == look.now.boot
            && TimeDelta::from_std(passed).is_ok_and(|passed| JUMP < (by_wall - passed).abs());
        let closed = position == Contactor::Closed && look.position == Contactor::Closed;
        if closed && self.is_home(look) && last.boot == look.now.boot {
            let passed = passed.min(LONGEST_LOOK);
            self.progress.add(passed, look.metered_kw, self.settings.power_kw);
        }
        jumped
    }

    fn is_due(&self, depart: Timestamp, look: &Look<'_>) -> bool {
        let Some(planned) = &self.planned else { return true };
        let age = look.now.at_least_since(&planned.made);
        let ran_out = planned.runs.last().is_none_or(|run| run.1 <= look.now.wall);
        // Without a forecast so far, the first one does not wait; nor does one that counts no more.
        let other = planned.signals != signals(look);
        planned.depart != depart || REPLAN <= age || ran_out || other
    }

    /// Gives why there is no plan, or one without the forecast.
    fn replan(&mut self, stay: Stay, look: &Look<'_>, planned_anew: &mut bool) -> Option<String> {
        // What is before the car comes home is nobody's.
        let from = if self.is_home(look) { look.now.wall } else { look.now.wall.max(stay.home) };
        let (knowledge, mut trouble) = self.knowledge(from, look);
        let request = self.request(from, stay, &knowledge, look);
        let new = match plan::plan(from, &request, &knowledge.outlook) {
            Ok(new) => new,
            Err(error) => {
                trouble = Some(format!("no plan: {error}"));
                self.planned = None;
                return trouble;
            }
        };
        if let Some(planned) = self.planned.as_mut().filter(|planned| {
            planned.depart == stay.depart && planned.objective == knowledge.objective
        }) && let Ok(rest) = planned.plan.remaining(from, &request, &knowledge.outlook)
            && plan::keep_or_replace(&rest, &new, WORTH) == Choice::Keep
            && planned.runs.last().is_some_and(|run| look.now.wall < run.1)
        {
            planned.issued = knowledge.issued;
            planned.lacks = knowledge.lacks;
            planned.signals = signals(look);
            planned.made = look.now;
            return trouble;
        }
        let settings = &self.settings;
        let event = stay.depart.timestamp().to_string();
        let offsets = Offsets::new(&settings.device, &event, settings.offset_secs);
        // A run that is under way has had its offset.
        let seen =
            if look.position == Contactor::Closed { from + TimeDelta::seconds(1) } else { from };
        let runs = offsets.apply(&new.runs(), seen, stay.depart, &request.limits);
        *planned_anew = true;
        self.planned = Some(Planned {
            depart: stay.depart,
            plan: new,
            runs,
            objective: knowledge.objective,
            lacks: knowledge.lacks,
            issued: knowledge.issued,
            signals: signals(look),
            made: look.now,
        });
        trouble
    }

    fn knowledge(&self, from: Timestamp, look: &Look<'_>) -> (Knowledge, Option<String>) {
        let question = Question {
            from,
            origin: look.origin,
            objective: self.settings.objective,
            caution: self.settings.caution,
            prices: &self.settings.prices,
            usual: look.usual,
            clock: look.clock,
        };
        look.prospects.knowledge_or_less(&question)
    }

    fn request(
        &self,
        from: Timestamp,
        stay: Stay,
        knowledge: &Knowledge,
        look: &Look<'_>,
    ) -> ChargeRequest {
        let settings = &self.settings;
        let since = look.switches.last().map(|last| last.at.wall);
        let delta = |length| TimeDelta::from_std(length).unwrap_or_default();
        let hours = prospects::daily(&settings.hours, from, stay.depart, look.clock);
        let windows: Vec<Window> = intersect(&hours, &knowledge.windows);
        ChargeRequest {
            continuous: settings.continuous || self.unpaused,
            precondition: settings.precondition,
            minimum_first_kwh: (settings.minimum_first_kwh - self.progress.charged_kwh).max(0.0),
            windows,
            limits: plan::Limits {
                min_on: delta(look.limits.min_on),
                min_off: delta(look.limits.min_off),
                // A start takes two moves, and some are left for a person and for the way out.
                max_starts: Some((look.limits.per_day.saturating_sub(2) / 2).max(1)),
                start_cost: match knowledge.objective {
                    Objective::Price => START_DOLLARS,
                    _ => START_GRAMS,
                },
            },
            before: match (look.position, since) {
                (Contactor::Closed, Some(since)) => Before::Charging { since },
                (Contactor::Open, Some(since)) => Before::Idle { since },
                (_, None) => Before::Unknown,
            },
            ..ChargeRequest::new(self.left_kwh(), self.power_kw(), stay.depart)
        }
    }
}

/// Which signals there are.
fn signals(look: &Look<'_>) -> [bool; 3] {
    let prospects = look.prospects;
    [
        prospects.average_of(look.origin).is_some(),
        prospects.marginal.as_ref().is_some_and(|forecast| forecast.origin == look.origin),
        prospects.wholesale.as_ref().is_some_and(|series| series.origin == look.origin),
    ]
}

#[cfg(test)]
mod tests;
