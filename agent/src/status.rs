//! What the agent says about itself: on its socket as JSON, in the terminal as text.

use std::fmt::Write as _;

use chrono::{SubsecRound as _, TimeDelta};
use domain::Timestamp;
use domain::control::{BoundsFrom, Contactor, Decision, Settings, SwitchLog};
use domain::plan::Aim;
use domain::series::Window;
use serde::{Deserialize, Serialize};

use crate::charger::Charger;
use crate::eastern::{say, when};
use crate::explain;
use crate::notify::Alarm;
use crate::overrides::Overrides;
use crate::store::cause_word;

/// Everything about a running agent. Fields are only ever added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// When it started.
    pub since: Timestamp,
    /// When this was true.
    pub now: Timestamp,
    /// `threshold`, `now`, `off` or `observe`.
    pub mode: String,
    /// `open`, `closed`, or `null` when the contactor cannot be read.
    pub position: Option<String>,
    /// Why it is (not) charging, and when that will change: one sentence.
    pub reason: String,
    /// When the position will change, if that is known; `next_is_likely` when it is only usual.
    pub next_change: Option<Timestamp>,
    /// `next_change` comes from what is usual, and not from a clock.
    #[serde(default)]
    pub next_is_likely: bool,
    /// Who wants the contactor where, highest rank first; the first one has it.
    pub claims: Vec<ClaimStatus>,
    /// What keeps the contactor from where the first claim wants it.
    pub hold: Option<HoldStatus>,
    /// What is known about the grid.
    pub signal: SignalStatus,
    /// The charge that is asked for, if one is.
    #[serde(default)]
    pub charge: Option<ChargeStatus>,
    /// The stream.
    pub feed: FeedStatus,
    /// NYISO's own files, where they may be read.
    #[serde(default)]
    pub nyiso: Option<NyisoStatus>,
    /// The contactor's moves.
    pub switches: SwitchStatus,
    /// The actuator.
    pub actuator: ActuatorStatus,
    /// `trusted`, `not-set` or `behind`.
    pub clock: String,
    /// What the user wants for once, each with its end.
    #[serde(default)]
    pub overrides: Overrides,
    /// What needs a person and is not over: `not-ready`, `relay-disobeys`, `no-data`, `second-controller`,
    /// `car-refuses`.
    #[serde(default)]
    pub alarms: Vec<Alarm>,
    /// What a meter says, if there is one.
    #[serde(default)]
    pub meter: Option<MeterStatus>,
}

/// The meter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeterStatus {
    /// What the car draws, kW; `null` when nothing was heard of late.
    pub power_kw: Option<f64>,
    /// What the meter has counted, kWh.
    pub energy_kwh: Option<f64>,
    /// Whether the car is plugged in, where somebody tells.
    pub plugged: Option<bool>,
}

/// One claim.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClaimStatus {
    /// `safety`, `manual`, `threshold` or `default`.
    pub priority: String,
    /// `open` or `closed`.
    pub wants: String,
    /// Why: half a sentence.
    pub reason: String,
}

/// A hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldStatus {
    /// `minimum-on`, `minimum-off`, `budget` or `observing`.
    pub kind: String,
    /// When it ends.
    pub until: Option<Timestamp>,
}

/// What is known about the grid.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SignalStatus {
    /// What decides: `live`, `usual` (own history of this hour) or `none`.
    pub source: String,
    /// `nyiso`, `recorded` or `generated`.
    pub origin: String,
    /// Which way the newest reading came: `feed`, `nyiso` (its own files, read by this agent) or `memory`
    /// (from before a restart). `null` while there is none.
    #[serde(default)]
    pub from: Option<String>,
    /// Interval end of the newest reading.
    pub ts: Option<Timestamp>,
    /// How old it is, in seconds.
    pub age_s: Option<u64>,
    /// The newest reading, g/kWh: average, production, direct.
    pub grams_per_kwh: Option<f64>,
    /// What is usual now, g/kWh, by own history.
    pub usual_grams_per_kwh: Option<f64>,
    /// Charging starts below this, g/kWh.
    pub close_below: Option<f64>,
    /// Charging stops above this, g/kWh.
    pub open_above: Option<f64>,
    /// Hours of the last seven days behind those two, where they are percentiles.
    pub week_hours: Option<f64>,
    /// Hours of history behind what is usual.
    pub history_hours: f64,
    /// The last 24 hours.
    #[serde(default)]
    pub last_day: DayStatus,
}

/// The last 24 hours by quarter hours.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DayStatus {
    /// End of the last quarter hour.
    pub end: Option<Timestamp>,
    /// Mean intensity, g/kWh, average, production, direct, oldest first; `null` where nothing is known.
    pub values: Vec<Option<f64>>,
}

impl DayStatus {
    /// Quarter hours of a day.
    pub const QUARTERS: usize = 96;

    /// The day before the newest of `readings`, or nothing where there is none.
    pub fn of(readings: &Window) -> Self {
        let step = TimeDelta::minutes(15);
        let mut day = Window::new(TimeDelta::hours(24) + step);
        for sample in readings.last(TimeDelta::hours(24) + step) {
            day.insert(*sample);
        }
        let means = day.means(step);
        let Some(last) = means.last() else { return Self::default() };
        let mut values = vec![None; Self::QUARTERS];
        for mean in &means {
            let ago = (last.ts - mean.ts).num_seconds() / step.num_seconds();
            let ago = usize::try_from(ago).unwrap_or(usize::MAX);
            if let Some(index) = (Self::QUARTERS - 1).checked_sub(ago) {
                values[index] = Some((mean.grams_per_kwh * 10.0).round() / 10.0);
            }
        }
        Self { end: Some(last.ts), values }
    }
}

/// The charge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChargeStatus {
    /// When the car must be ready.
    pub depart: Timestamp,
    /// What it needs, kWh.
    pub need_kwh: f64,
    /// What it still needs, kWh, by the time charged.
    pub left_kwh: f64,
    /// Since when the car is taken to be there for it; may be to come.
    #[serde(default)]
    pub home_since: Option<Timestamp>,
    /// What the plan rests on: `forecast`, `history`, `deadline` or `mixed`.
    pub basis: String,
    /// When it will charge.
    pub runs: Vec<RunStatus>,
    /// What the plan keeps low: `average`, `marginal`, `price` or `price-capped`.
    pub objective: String,
    /// Why that is not what was asked for.
    pub objective_lacks: Option<String>,
    /// Mean intensity of the planned hours, g/kWh: average or marginal, as the objective is.
    pub mean_g_per_kwh: Option<f64>,
    /// Mean price of the planned hours, $/kWh, where the objective is the price.
    pub mean_price: Option<f64>,
    /// What the car takes, kW: by the meter where it has seen enough, else as the settings say.
    pub power_kw: f64,
    /// When the forecast was made.
    pub forecast_issued: Option<Timestamp>,
}

/// A run of the switch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStatus {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

impl ChargeStatus {
    /// One line for the terminal: what is missing, until when, and when it will charge.
    pub(crate) fn line(&self, now: Timestamp) -> String {
        let mut line = format!(
            "{:.1} of {:.1} kWh still to charge for {}",
            self.left_kwh,
            self.need_kwh,
            say(self.depart, now)
        );
        let runs: Vec<String> = self
            .runs
            .iter()
            .filter(|run| now < run.end)
            .map(|run| format!("{} to {}", say(run.start, now), say(run.end, now)))
            .collect();
        if !runs.is_empty() {
            let _ = write!(line, "; planned: {}", runs.join(", "));
        }
        if let Some(mean) = self.mean_g_per_kwh {
            let marginal = if self.objective == "marginal" { " marginal" } else { "" };
            let _ = write!(line, "; {mean:.0} g/kWh{marginal} by the {}", self.basis);
        }
        if let Some(mean) = self.mean_price {
            let _ = write!(line, "; {:.1} cents/kWh", mean * 100.0);
        }
        if let Some(lacks) = &self.objective_lacks {
            let _ = write!(line, "; {lacks}");
        }
        line
    }

    /// The charge of a charger, where one is asked for.
    pub fn of(charger: &Charger) -> Option<Self> {
        let (charging, charge) = (charger.charging()?, charger.charge()?);
        let settings = charging.settings();
        let planned = charging.planned();
        let objective = planned.map_or(settings.objective, |planned| planned.objective);
        let mean = planned.and_then(|planned| planned.plan.mean());
        let (mean_g_per_kwh, mean_price) = match objective.aim() {
            Aim::Clean => (mean, None),
            Aim::Cheap => (None, mean),
        };
        let rounded = |ts: Timestamp| ts.round_subsecs(0);
        let thousandths = |value: f64| (value * 1000.0).round() / 1000.0;
        Some(Self {
            depart: charge.depart,
            need_kwh: settings.need_kwh,
            left_kwh: thousandths(charging.left_kwh()),
            home_since: charger.departure().map(|(_, home_since)| home_since),
            basis: charge.basis.as_str().to_owned(),
            runs: charge
                .runs
                .iter()
                .map(|(start, end)| RunStatus { start: rounded(*start), end: rounded(*end) })
                .collect(),
            objective: objective.as_str().to_owned(),
            objective_lacks: planned.and_then(|planned| planned.lacks).map(str::to_owned),
            mean_g_per_kwh,
            mean_price,
            power_kw: thousandths(charging.power_kw()),
            forecast_issued: match planned {
                Some(planned) => planned.issued,
                None => charger.forecast().map(|forecast| forecast.issued),
            },
        })
    }
}

/// The stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// Where its broker is.
    pub url: String,
    /// Whether we are connected.
    pub connected: bool,
    /// Since when that is so.
    pub since: Option<Timestamp>,
    /// Why we are not, if we are not.
    pub trouble: Option<String>,
    /// Messages that were dropped: not of the promised shape, or out of bounds.
    pub refused: u64,
}

/// NYISO's own files, as this agent reads them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NyisoStatus {
    /// Where they are.
    pub url: String,
    /// The feed is not used at all; else they are read while it is silent.
    pub by_choice: bool,
    /// Whether they are read now.
    pub reads: bool,
    /// Since when that is so; `null` while they were never read.
    pub since: Option<Timestamp>,
    /// When the feed last brought a reading that was taken, or the start.
    pub feed_heard: Option<Timestamp>,
    /// The last look.
    pub looked: Option<Timestamp>,
    /// What went wrong with it.
    pub trouble: Option<String>,
}

impl NyisoStatus {
    /// One line for the terminal; `None` while they are not needed.
    fn line(&self, now: Timestamp) -> Option<String> {
        if !self.reads {
            let waits = "not read while the clock cannot be trusted";
            return self.by_choice.then(|| waits.to_owned());
        }
        let since = self.since.map_or(String::new(), |since| format!(" since {}", say(since, now)));
        let mut line = format!("read by this agent itself{since} from {}", self.url);
        if let Some(looked) = self.looked {
            let _ = write!(line, "; last look {}", when(looked, now));
        }
        if let Some(trouble) = &self.trouble {
            let _ = write!(line, ", in vain: {trouble}");
        }
        Some(line)
    }
}

/// The contactor's moves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SwitchStatus {
    /// In the last hour.
    pub last_hour: u32,
    /// Allowed in an hour.
    pub limit_hour: u32,
    /// In the last 24 hours.
    pub last_day: u32,
    /// Allowed in 24 hours.
    pub limit_day: u32,
    /// Ever.
    pub lifetime: u64,
    /// When the last one was.
    pub last: Option<Timestamp>,
    /// What made it: a claim's rank, `by-hand`, `found` or `fail-state`.
    pub last_cause: Option<String>,
}

/// The actuator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ActuatorStatus {
    /// What it is.
    pub name: String,
    /// What is wrong with it.
    pub trouble: Option<String>,
}

/// To the second, as everything on the wire; a fraction counts as a whole one, so that no hold seems over
/// before it is.
pub fn to_the_second(ts: Timestamp) -> Timestamp {
    let whole = ts.trunc_subsecs(0);
    if whole == ts { ts } else { whole + TimeDelta::seconds(1) }
}

impl ClaimStatus {
    /// The claims of a decision.
    pub fn of(decision: &Decision, now: Timestamp) -> Vec<Self> {
        let told = |claim: &domain::control::Claim| Self {
            priority: claim.priority.as_str().to_owned(),
            wants: claim.wants.as_str().to_owned(),
            reason: explain::because(claim, now),
        };
        decision.claims.iter().map(told).collect()
    }
}

impl HoldStatus {
    /// The hold of a decision.
    pub fn of(decision: &Decision) -> Option<Self> {
        use domain::control::Hold;
        let hold = decision.hold?;
        let kind = match hold {
            Hold::MinimumOn { .. } => "minimum-on",
            Hold::MinimumOff { .. } => "minimum-off",
            Hold::Budget { .. } => "budget",
            Hold::Returning { .. } => "returning",
            Hold::Turning { .. } => "turning",
            Hold::Observing => "observing",
        };
        Some(Self { kind: kind.to_owned(), until: hold.until().map(to_the_second) })
    }
}

impl SwitchStatus {
    /// The moves so far.
    pub fn of(switches: &SwitchLog, settings: &Settings, now: &domain::control::Moment) -> Self {
        use domain::control::Span;
        let within = |span: Span| switches.ages_within(span.length(), now).len() as u32;
        Self {
            last_hour: within(Span::Hour),
            limit_hour: settings.limits.per_hour,
            last_day: within(Span::Day),
            limit_day: settings.limits.per_day,
            lifetime: switches.lifetime(),
            last: switches.last().map(|last| last.at.wall.trunc_subsecs(0)),
            last_cause: switches.last().map(|last| cause_word(last.cause).to_owned()),
        }
    }
}

/// Hours behind percentile bounds.
pub fn week_hours(from: BoundsFrom) -> Option<f64> {
    match from {
        BoundsFrom::Settings => None,
        BoundsFrom::Week { hours, .. } => Some(hours),
    }
}

impl Status {
    /// The sentence, and who else wants what.
    pub fn why(&self) -> String {
        let mut text = format!("{}\n", self.reason);
        if let Some(away) = self.away() {
            text.push_str(&away);
            text.push('\n');
        }
        if 1 < self.claims.len() {
            text.push_str("\nWho wants the contactor where, highest rank first:\n");
            for claim in &self.claims {
                let _ =
                    writeln!(text, "  {:<10} {:<7} {}", claim.priority, claim.wants, claim.reason);
            }
        }
        text
    }

    /// Whether the feed is away or silent, and what follows from it: a sentence, or nothing.
    fn away(&self) -> Option<String> {
        let own = self.nyiso.as_ref().filter(|nyiso| nyiso.reads);
        if let Some(own) = own.filter(|own| own.by_choice) {
            return Some(format!("The readings are those of NYISO's own files ({}).", own.url));
        }
        let trouble = self.feed.trouble.as_deref().unwrap_or("reason unknown");
        let away = self.feed.since.filter(|_| !self.feed.connected);
        match (away, own) {
            (Some(since), None) => Some(format!(
                "The feed has been away since {} ({trouble}); once its newest reading is too old, this \
                 agent's own history of the week decides.",
                say(since, self.now)
            )),
            (Some(since), Some(_)) => Some(format!(
                "The feed has been away since {} ({trouble}); until it brings readings again, this agent \
                 reads NYISO's own files.",
                say(since, self.now)
            )),
            (None, Some(own)) => Some(format!(
                "The feed has brought no newer reading since {}; until it does, this agent reads NYISO's \
                 own files.",
                own.feed_heard.map_or("the start".to_owned(), |heard| say(heard, self.now))
            )),
            (None, None) => None,
        }
    }

    /// One line for a terminal that scrolls.
    pub fn line(&self) -> String {
        let grams = self
            .signal
            .grams_per_kwh
            .map_or("no reading".to_owned(), |grams| format!("{grams:.0} g/kWh"));
        let demo = match self.signal.origin.as_str() {
            "nyiso" => String::new(),
            origin => format!(" [{origin} data]"),
        };
        format!("{}  {grams}{demo}  {}", say(self.now, self.now), self.reason)
    }

    pub(crate) fn state(&self) -> &'static str {
        match self.position.as_deref().and_then(Contactor::from_word) {
            Some(Contactor::Closed) => "on (contactor closed)",
            Some(Contactor::Open) => "off (contactor open)",
            None => "unknown (the contactor cannot be read)",
        }
    }

    pub(crate) fn signal_line(&self) -> String {
        let signal = &self.signal;
        let mut parts = Vec::new();
        parts.push(match (signal.grams_per_kwh, signal.ts, signal.age_s) {
            (Some(grams), Some(ts), Some(age_s)) => {
                let age = explain::length(std::time::Duration::from_secs(age_s));
                let own =
                    if signal.from.as_deref() == Some("nyiso") { ", NYISO's own" } else { "" };
                format!("{grams:.0} g/kWh {} ({age} old{own})", when(ts, self.now))
            }
            _ => "no reading".to_owned(),
        });
        if let Some(usual) = signal.usual_grams_per_kwh {
            parts.push(format!("usually {usual:.0}"));
        }
        if let (Some(low), Some(high)) = (signal.close_below, signal.open_above) {
            parts.push(format!("on below {low:.0}, off above {high:.0}"));
        }
        parts.push(match signal.source.as_str() {
            "live" => "deciding by the live reading".to_owned(),
            "usual" => "deciding by own history".to_owned(),
            _ => "nothing to decide by".to_owned(),
        });
        if signal.origin != "nyiso" {
            parts.push(format!("{} data, not live", signal.origin));
        }
        parts.join("; ")
    }

    /// What is read of NYISO's own files, where that matters.
    pub(crate) fn nyiso_line(&self) -> Option<String> {
        self.nyiso.as_ref()?.line(self.now)
    }

    pub(crate) fn feed_line(&self) -> String {
        let feed = &self.feed;
        if self.nyiso.as_ref().is_some_and(|nyiso| nyiso.by_choice) {
            return "not used (signal.source is \"nyiso\")".to_owned();
        }
        let since =
            feed.since.map_or(String::new(), |since| format!(" since {}", say(since, self.now)));
        match (&feed.trouble, feed.connected) {
            (_, true) => format!("connected to {}{since}", feed.url),
            (Some(trouble), false) => format!("not connected to {}{since}: {trouble}", feed.url),
            (None, false) => format!("not connected to {} yet", feed.url),
        }
    }

    /// What the meter says, where it says anything.
    pub(crate) fn meter_line(&self) -> Option<String> {
        let meter = self.meter?;
        let mut parts = Vec::new();
        parts.push(match meter.power_kw {
            Some(power_kw) => format!("{power_kw:.2} kW"),
            None => "no power was heard of late".to_owned(),
        });
        if let Some(energy_kwh) = meter.energy_kwh {
            parts.push(format!("{energy_kwh:.1} kWh counted"));
        }
        match meter.plugged {
            Some(true) => parts.push("plugged in".to_owned()),
            Some(false) => parts.push("not plugged in".to_owned()),
            None => {}
        }
        Some(parts.join("; "))
    }

    pub(crate) fn switch_line(&self) -> String {
        let switches = &self.switches;
        let last = match (switches.last, &switches.last_cause) {
            (Some(last), Some(cause)) => format!("; last {} ({cause})", when(last, self.now)),
            _ => String::new(),
        };
        format!(
            "{} of {} in the last hour, {} of {} in 24 hours, {} ever{last}",
            switches.last_hour,
            switches.limit_hour,
            switches.last_day,
            switches.limit_day,
            switches.lifetime
        )
    }

    pub(crate) fn relay_line(&self) -> String {
        match &self.actuator.trouble {
            Some(trouble) => format!("{}: {trouble}", self.actuator.name),
            None => self.actuator.name.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::series::Sample;
    use serde_json::json;

    use super::*;

    /// An agent at rest, as the socket of an older one tells it: what was added since has its default.
    pub(crate) fn status() -> Status {
        serde_json::from_value(json!({
            "version": "0.1.0",
            "since": "2026-03-20T12:00:00Z",
            "now": "2026-03-24T21:07:00Z",
            "mode": "clean",
            "position": "open",
            "reason": "Charging is off.",
            "next_change": null,
            "claims": [],
            "hold": null,
            "signal": {
                "source": "live", "origin": "nyiso", "ts": "2026-03-24T21:00:00Z", "age_s": 420,
                "grams_per_kwh": 220.0, "usual_grams_per_kwh": null, "close_below": 200.0,
                "open_above": 250.0, "week_hours": null, "history_hours": 168.0,
            },
            "feed": {
                "url": "mqtt://127.0.0.1:1884", "connected": true, "since": "2026-03-24T20:00:00Z",
                "trouble": null, "refused": 0,
            },
            "switches": {
                "last_hour": 1, "limit_hour": 4, "last_day": 3, "limit_day": 12, "lifetime": 90,
                "last": null, "last_cause": null,
            },
            "actuator": {"name": "simulated relay", "trouble": null},
            "clock": "trusted",
        }))
        .unwrap()
    }

    #[test]
    fn the_last_day_has_a_place_for_every_quarter_hour() {
        let end: Timestamp = "2026-03-24T21:00:00Z".parse().unwrap();
        let mut window = Window::new(TimeDelta::days(7));
        assert_eq!(DayStatus::of(&window), DayStatus::default());
        for minutes in (0..48 * 60).step_by(5).filter(|minutes| !(100..200).contains(minutes)) {
            let grams_per_kwh = if minutes < 100 { 150.04 } else { 250.0 };
            window.insert(Sample { ts: end - TimeDelta::minutes(minutes), grams_per_kwh });
        }
        let day = DayStatus::of(&window);
        assert_eq!((day.end, day.values.len()), (Some(end), DayStatus::QUARTERS));
        let known = day.values.iter().filter(|value| value.is_some()).count();
        assert_eq!((day.values[0], day.values[95]), (Some(250.0), Some(150.0)));
        // 100 minutes are missing, of which the first 15 stand for the reading after them.
        assert!((90..=91).contains(&known), "{day:?}");
    }
}
