//! What the agent says about itself: on its socket as JSON, in the terminal as text.

use std::fmt::Write as _;

use chrono::SubsecRound as _;
use domain::Timestamp;
use domain::control::{BoundsFrom, Contactor, Decision, Settings, SwitchLog};
use domain::plan::Aim;
use serde::{Deserialize, Serialize};

use crate::charger::Charger;
use crate::eastern::say;
use crate::explain;
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
    /// The contactor's moves.
    pub switches: SwitchStatus,
    /// The actuator.
    pub actuator: ActuatorStatus,
    /// `trusted`, `not-set` or `behind`.
    pub clock: String,
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
    fn line(&self, now: Timestamp) -> String {
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
    if whole == ts { ts } else { whole + chrono::TimeDelta::seconds(1) }
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
    /// A page for the terminal.
    pub fn page(&self) -> String {
        let mut page = String::new();
        let mut row = |name: &str, text: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(page, "{name:<10} {text}");
        };
        row("charging", self.state().to_owned());
        row("why", self.reason.clone());
        row("mode", self.mode.clone());
        if let Some(charge) = &self.charge {
            row("charge", charge.line(self.now));
        }
        row("signal", self.signal_line());
        row("feed", self.feed_line());
        row("switches", self.switch_line());
        row("relay", self.relay_line());
        if self.clock != "trusted" {
            row("clock", format!("{}: it cannot be trusted", self.clock));
        }
        row("running", format!("since {}, version {}", say(self.since, self.now), self.version));
        page
    }

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

    /// Whether the feed is away, and what follows from it: a sentence, or nothing.
    fn away(&self) -> Option<String> {
        let since = self.feed.since.filter(|_| !self.feed.connected)?;
        let trouble = self.feed.trouble.as_deref().unwrap_or("reason unknown");
        Some(format!(
            "The feed has been away since {} ({trouble}); once its newest reading is too old, this \
             agent's own history of the week decides.",
            say(since, self.now)
        ))
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

    fn state(&self) -> &'static str {
        match self.position.as_deref().and_then(Contactor::from_word) {
            Some(Contactor::Closed) => "on (contactor closed)",
            Some(Contactor::Open) => "off (contactor open)",
            None => "unknown (the contactor cannot be read)",
        }
    }

    fn signal_line(&self) -> String {
        let signal = &self.signal;
        let mut parts = Vec::new();
        parts.push(match (signal.grams_per_kwh, signal.ts, signal.age_s) {
            (Some(grams), Some(ts), Some(age_s)) => {
                let age = explain::length(std::time::Duration::from_secs(age_s));
                format!("{grams:.0} g/kWh at {} ({age} old)", say(ts, self.now))
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

    fn feed_line(&self) -> String {
        let feed = &self.feed;
        let since =
            feed.since.map_or(String::new(), |since| format!(" since {}", say(since, self.now)));
        match (&feed.trouble, feed.connected) {
            (_, true) => format!("connected to {}{since}", feed.url),
            (Some(trouble), false) => format!("not connected to {}{since}: {trouble}", feed.url),
            (None, false) => format!("not connected to {} yet", feed.url),
        }
    }

    fn switch_line(&self) -> String {
        let switches = &self.switches;
        let last = match (switches.last, &switches.last_cause) {
            (Some(last), Some(cause)) => format!("; last at {} ({cause})", say(last, self.now)),
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

    fn relay_line(&self) -> String {
        match &self.actuator.trouble {
            Some(trouble) => format!("{}: {trouble}", self.actuator.name),
            None => self.actuator.name.clone(),
        }
    }
}
