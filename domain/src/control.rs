//! Whether the contactor is open or closed, and why.
//!
//! Terms: the *contactor* is the switch that lets the car charge; a *claim* is a wish for its position,
//! with a rank and a reason; a *hold* keeps it where it is although the winning claim wants it elsewhere.
//!
//! ```text
//!                  the winning claim wants open, and
//!                  (min on over and room in the budget, or the claim insists)
//!          ┌───────────────────────────────────────────────────────────┐
//!          │                                                           ▼
//!      ┌────────┐                                                  ┌────────┐
//!  ──> │ Closed │                                                  │  Open  │ <── found so at the start
//!      └────────┘                                                  └────────┘
//!          ▲                                                           │
//!          └───────────────────────────────────────────────────────────┘
//!                  the winning claim wants closed, and min off over
//!
//!  claims, highest first       wants                                  stated while
//!  safety     starting         the position found                     data or clock unknown, grace not over,
//!                                                                     and no person or departure that forces it
//!  manual     by hand          the position of the hand               until unplugged or the departure after it,
//!                                                                     or `manual_hold` since the hand
//!             mode now, off    closed, open                           that mode
//!             charge now, skip   closed, open                           until its end
//!  departure  car refuses        closed                                 it takes nothing since it was paused
//!             latest start       closed                                 need not met, and no time left to wait
//!  plan       no car             the position found                     somebody tells that no car is plugged in;
//!                                                                     then no departure, threshold or start speaks
//!             no pause           closed                                 the car charges, and did not go on after
//!                                                                     a pause before
//!             planned hours      closed in them, open between           mode clean, and a departure
//!  threshold  live reading     closed below `close_below`,            live not older than `stale_after`
//!             else forecast      open above `open_above`, else stays      its slots cover now
//!             else usual hour                                           history knows the hour
//!  default    safe position    closed, unless configured otherwise    always
//! ```
//!
//! A move that the grid's number asks for waits for a time of this device's own, since all others see the same
//! number. After power or feed have come back a closing below the departure waits for a time of this device's own
//! ([`Wait`]), so that a fleet does not close at once.
//!
//! Missing data lower the claim from live to forecast to usual to default: they never mean "off", and never 0 g.
//! [`decide`] is pure: each cycle the caller brings the facts anew, so a lost message or a restart heals
//! by itself.

mod car;
mod charge;
mod claim;
mod guard;
mod moment;
mod plausible;
mod resume;
mod signal;
mod switches;
mod threshold;
mod wait;

use std::time::Duration;

pub use car::{Car, Pauses};
pub use charge::{Charge, Wishes};
pub use claim::{Awaited, Claim, Claims, Priority, Reason};
pub use guard::{Hold, Limits, Span, Urgency};
pub use moment::{BootId, Moment};
pub use plausible::{Implausible, LARGEST_STEP, LONGEST_FLAT, Plausibility};
pub use resume::{PATIENCE as RESUME_PATIENCE, Resume, Sight, Turn};
pub use signal::{Basis, Live, NoSignal, Signal};
pub use switches::{Cause, Contactor, RIVAL_LASTS, Switch, SwitchLog};
pub use threshold::{Bounds, BoundsFrom, FEWEST_HOURS, Side, Threshold};
pub use wait::Wait;

use crate::Timestamp;
use crate::plan::PlanBasis;
use crate::units::CarbonIntensity;

/// What the user wants of the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Charge in the cleanest hours before the departure, and be ready for it.
    Clean,
    /// Charge while the grid is clean.
    #[default]
    Threshold,
    /// Charge, whatever the grid.
    Now,
    /// Do not charge.
    Off,
    /// Decide as `Clean` does where a charge is asked for, else as `Threshold`, and say so, but move nothing.
    Observe,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Clean, Self::Threshold, Self::Now, Self::Off, Self::Observe];

    /// Its word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Threshold => "threshold",
            Self::Now => "now",
            Self::Off => "off",
            Self::Observe => "observe",
        }
    }

    /// The mode of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// How far the wall clock can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockTrust {
    /// It tells the time.
    Trusted,
    /// Nobody set it since the machine started.
    NotSet,
    /// It shows a time before something that has already happened.
    Behind {
        /// The latest thing that is known to have happened.
        known: Timestamp,
    },
}

/// How long a hand at the switch is respected where no departure ends it.
pub const HAND_HOLDS: Duration = Duration::from_secs(2 * 3600);

/// What the user chose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// What the agent is for, now.
    pub mode: Mode,
    /// Where to start and stop.
    pub threshold: Threshold,
    /// What the contactor can bear.
    pub limits: Limits,
    /// A live reading older than this is not decided by.
    pub stale_after: Duration,
    /// How long a start may wait for clock and data before it goes on without.
    pub start_grace: Duration,
    /// How long a position that somebody chose by hand is respected, where the next departure does not come
    /// before. `None`: until then, or [`HAND_HOLDS`] where none is known.
    pub manual_hold: Option<Duration>,
    /// How long before the last moment a charge begins that a departure forces.
    pub slack: Duration,
    /// The position that holds when nothing is known.
    pub safe: Contactor,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            threshold: Threshold::default(),
            limits: Limits::default(),
            // NYISO's newest stamp is normally 10 to 15 minutes old.
            stale_after: Duration::from_secs(30 * 60),
            start_grace: Duration::from_secs(120),
            manual_hold: None,
            slack: Duration::from_secs(15 * 60),
            safe: Contactor::Closed,
        }
    }
}

/// What is, at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Now.
    pub at: Moment,
    /// When the program started; of the same boot.
    pub started: Moment,
    /// Whether `at.wall` can be believed.
    pub clock: ClockTrust,
    /// Where the contactor is, read back.
    pub position: Contactor,
    /// How it got there.
    pub switches: &'a SwitchLog,
    /// What is known about the grid.
    pub signal: Signal<'a>,
    /// The charge that is asked for, if one is.
    pub charge: Option<Charge<'a>>,
    /// What the user wants for once.
    pub wishes: Wishes,
    /// The first departure after the last move by hand, if there was one and there is one.
    pub hand_ends: Option<Timestamp>,
    /// What is known of the car.
    pub car: Car,
    /// What this device waits for after a return of power or feed.
    pub wait: Option<Wait>,
    /// What it waits for since the grid's number made it want to move: all others saw that number, too.
    pub turn: Option<Wait>,
}

/// When the position will change, as far as can be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NextChange {
    /// At this time, if the reason lasts until then.
    At(Timestamp),
    /// About then, by the usual course of the week.
    Likely(Timestamp),
    /// When the grid changes sides; the usual course of the week does not tell when.
    WithTheGrid,
    /// When there are data to decide by.
    WithData,
    /// When the car comes, goes, or has enough.
    WithTheCar,
    /// When the user says so.
    ByUser,
}

/// What to do, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Where the contactor belongs now.
    pub position: Contactor,
    /// What keeps it from where the winning claim wants it.
    pub hold: Option<Hold>,
    /// Who wants what; the first one won.
    pub claims: Claims,
    /// When `position` will change.
    pub next: NextChange,
}

impl Decision {
    /// The claim that won.
    pub fn claim(&self) -> &Claim {
        self.claims.winner()
    }
}

/// Decides where the contactor belongs now.
pub fn decide(facts: &Facts<'_>, settings: &Settings) -> Decision {
    let grid = facts.signal.now(facts.at.wall, facts.clock, settings.stale_after);
    let claims = Claims::new(
        default_claim(settings, grid.err()),
        [
            starting(facts, settings, &grid),
            charge::wish(facts),
            by_hand(facts, settings),
            mode(settings),
            car::away(facts, settings),
            car::unpaused(facts, settings),
            charge::departure(facts, settings),
            charge::plan(facts, settings),
            threshold(facts, settings, grid.ok()),
        ]
        .into_iter()
        .flatten(),
    );
    let claim = *claims.winner();
    let hold = if claim.wants == facts.position {
        None
    } else if settings.mode == Mode::Observe {
        Some(Hold::Observing)
    } else {
        let urgency = claim.priority.urgency();
        let bears = settings.limits.permit(facts.position, urgency, facts.switches, &facts.at);
        // The one that ends last is told.
        bears.err().into_iter().chain(wait::hold(facts, &claim)).max_by_key(Hold::until)
    };
    let position = if hold.is_some() { facts.position } else { claim.wants };
    let next = match hold.and_then(|hold| hold.until()) {
        Some(until) => NextChange::At(until),
        None => next_change(facts, &claim),
    };
    Decision { position, hold, claims, next }
}

/// What the ladder of [`Signal::now`] ends on.
type Grid = Result<(CarbonIntensity, Basis, Bounds), NoSignal>;

/// Until clock and data are there, a start keeps what it found: a service that restarts must not flip the
/// relay twice. A mode that needs neither does not wait, nor does a person's wish, nor a departure that forces
/// the charge: what data would say changes nothing then, and a program that is restarted again and again would wait for ever.
fn starting(facts: &Facts<'_>, settings: &Settings, grid: &Grid) -> Option<Claim> {
    let known = charge::departure(facts, settings).or_else(|| charge::wish(facts));
    if known.is_some() || facts.car.is_away() {
        return None;
    }
    let awaited = match grid {
        Err(NoSignal::Clock(_)) if charge::is_planned(settings, facts) => Awaited::Clock,
        // A plan by forecast or history needs no reading.
        _ if charge::is_planned(settings, facts) => match facts.charge {
            Some(charge) if charge.basis == PlanBasis::Deadline => Awaited::Data,
            Some(_) | None => return None,
        },
        _ if !matches!(settings.mode, Mode::Threshold | Mode::Observe) => return None,
        Ok((_, Basis::Live(_), _)) => return None,
        Err(NoSignal::Clock(_)) => Awaited::Clock,
        Ok((_, Basis::Forecast { .. } | Basis::Usual { .. }, _)) | Err(_) => Awaited::Data,
    };
    let rest = settings.start_grace.checked_sub(facts.at.at_least_since(&facts.started))?;
    if rest.is_zero() {
        return None;
    }
    let until = facts.at.wall_in(rest);
    Some(Claim {
        priority: Priority::Safety,
        wants: facts.position,
        reason: Reason::Starting { awaited, until },
    })
}

/// A hand at the switch is a person's wish, until the car is unplugged or leaves, or for a while. What moves it
/// again and again is no person.
fn by_hand(facts: &Facts<'_>, settings: &Settings) -> Option<Claim> {
    let last = facts.switches.last().filter(|last| last.cause == Cause::ByHand)?;
    if facts.car.is_away() || facts.switches.hand_was_a_machine(&facts.at) {
        return None;
    }
    let ends = facts.hand_ends.filter(|_| facts.clock == ClockTrust::Trusted);
    let hold = settings.manual_hold.or_else(|| ends.is_none().then_some(HAND_HOLDS));
    let rest = |hold: Duration| hold.checked_sub(facts.at.about_since(&last.at));
    let by_time = match hold {
        Some(hold) => Some(facts.at.wall_in(rest(hold).filter(|rest| !rest.is_zero())?)),
        None => None,
    };
    let until = by_time.into_iter().chain(ends).min().filter(|until| facts.at.wall < *until)?;
    Some(Claim {
        priority: Priority::Manual,
        wants: last.to,
        reason: Reason::ByHand { since: last.at.wall, until },
    })
}

fn mode(settings: &Settings) -> Option<Claim> {
    let (wants, reason) = match settings.mode {
        Mode::Now => (Contactor::Closed, Reason::ModeNow),
        Mode::Off => (Contactor::Open, Reason::ModeOff),
        Mode::Clean | Mode::Threshold | Mode::Observe => return None,
    };
    Some(Claim { priority: Priority::Manual, wants, reason })
}

fn threshold(
    facts: &Facts<'_>,
    settings: &Settings,
    grid: Option<(CarbonIntensity, Basis, Bounds)>,
) -> Option<Claim> {
    if !matches!(settings.mode, Mode::Threshold | Mode::Observe)
        || charge::is_planned(settings, facts)
        || facts.car.is_away()
    {
        return None;
    }
    let (intensity, basis, bounds) = grid?;
    let side = bounds.side(intensity);
    let wants = match side {
        Side::Clean => Contactor::Closed,
        Side::Between => facts.position,
        Side::Dirty => Contactor::Open,
    };
    let reason = Reason::Grid { side, intensity, basis, bounds };
    Some(Claim { priority: Priority::Threshold, wants, reason })
}

fn default_claim(settings: &Settings, no_signal: Option<NoSignal>) -> Claim {
    let reason = no_signal.map_or(Reason::Safe, Reason::NoSignal);
    Claim { priority: Priority::Default, wants: settings.safe, reason }
}

/// When what `claim` wants will change, no hold being in its way.
fn next_change(facts: &Facts<'_>, claim: &Claim) -> NextChange {
    match claim.reason {
        Reason::Starting { until, .. } | Reason::ByHand { until, .. } => NextChange::At(until),
        Reason::ChargeNow { until } | Reason::Skip { until } => NextChange::At(until),
        Reason::Planned { until, .. } => NextChange::At(until),
        Reason::Waits { start, .. } => NextChange::At(start),
        Reason::Charged { depart } => NextChange::At(depart),
        Reason::Departure { done, .. } => NextChange::At(done),
        Reason::NoCar => NextChange::WithTheCar,
        // What it still needs is what the departure would tell; without one only the car knows.
        Reason::Unpaused { .. } => NextChange::WithTheCar,
        Reason::ModeNow | Reason::ModeOff | Reason::Safe => NextChange::ByUser,
        Reason::NoSignal(_) => NextChange::WithData,
        Reason::Grid { bounds, .. } => {
            let turns = |usual| match claim.wants {
                Contactor::Closed => bounds.side(usual) == Side::Dirty,
                Contactor::Open => bounds.side(usual) == Side::Clean,
            };
            facts
                .signal
                .usually_first(facts.at.wall, turns)
                .map_or(NextChange::WithTheGrid, NextChange::Likely)
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
