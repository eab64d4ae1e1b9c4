//! What the driver asks for.

use chrono::TimeDelta;

use super::taper::Taper;
use crate::Timestamp;

/// Energy wanted by a departure, and how the switch may be used on the way.
///
/// [`ChargeRequest::new`] asks for the least; everything else is off until it is set.
#[derive(Clone, Debug, PartialEq)]
pub struct ChargeRequest {
    /// Energy wanted from the grid, kWh. Finite, not negative; 0 means an empty plan.
    pub need_kwh: f64,
    /// Power at which the car charges, kW. Finite, above 0.
    pub power_kw: f64,
    /// When the energy must be in the car.
    pub depart: Timestamp,
    /// One run without a pause. Minimum energy and preconditioning stay blocks of their own.
    pub continuous: bool,
    /// The last stretch before departure that is always charged, so that battery and cabin are warm.
    pub precondition: TimeDelta,
    /// Energy that is charged at once, whatever the grid does, kWh: the state of charge below which
    /// nobody wants to find the car.
    pub minimum_first_kwh: f64,
    /// When charging is wanted: a program's hours, or hours under a price cap. Empty: always. The
    /// departure comes first: time outside is taken when the windows are too short for the need.
    pub windows: Vec<Window>,
    /// How the switch may be used.
    pub limits: Limits,
    /// How the car's power falls toward the end; `None` where it does not.
    pub taper: Option<Taper>,
    /// What the switch did up to now.
    pub before: Before,
}

/// How the switch may be used. Zero and `None` are off; all off is the default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// Shortest run. Only a run that the departure ends may be shorter.
    pub min_on: TimeDelta,
    /// Shortest pause between two runs.
    pub min_off: TimeDelta,
    /// Most starts.
    pub max_starts: Option<u32>,
    /// What a start is worth avoiding, in g CO2 (or in the unit that the slots' values have per kWh).
    pub start_cost: f64,
}

impl Limits {
    /// Whether no limit is set.
    pub fn are_off(&self) -> bool {
        self.min_on <= TimeDelta::zero()
            && self.min_off <= TimeDelta::zero()
            && self.max_starts.is_none()
            && self.start_cost == 0.0
    }
}

/// A stretch of time, `[start, end)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First instant.
    pub start: Timestamp,
    /// First instant after it.
    pub end: Timestamp,
}

/// What the switch did up to now. Counts only where [`Limits`] are set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Before {
    /// Not known, or idle for long.
    #[default]
    Unknown,
    /// On since then: going on is no start, and the minimum on runs from there.
    Charging {
        /// Start of the run.
        since: Timestamp,
    },
    /// Off since then: the minimum off runs from there.
    Idle {
        /// End of the last run.
        since: Timestamp,
    },
}

/// A request that nobody can fulfill.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RequestError {
    /// Negative, NaN or infinite.
    #[error("{what} is {value}; it must be a number of at least 0")]
    NotAnAmount {
        /// Which field, with its unit.
        what: &'static str,
        /// What it says.
        value: f64,
    },
    /// Zero, negative, NaN or infinite.
    #[error("power is {0} kW; it must be a number above 0")]
    Power(f64),
    /// So long that it must be a mistake.
    #[error("{0} is more than 20 years away")]
    TooFar(&'static str),
}

/// Longest span that is planned for, in seconds: 20 years. Nanoseconds in an `i64` end at 292.
const LONGEST_SECS: i64 = 20 * 366 * 86_400;

impl ChargeRequest {
    /// `need_kwh` at `power_kw` by `depart`, without limits.
    pub fn new(need_kwh: f64, power_kw: f64, depart: Timestamp) -> Self {
        Self {
            need_kwh,
            power_kw,
            depart,
            continuous: false,
            precondition: TimeDelta::zero(),
            minimum_first_kwh: 0.0,
            windows: Vec::new(),
            limits: Limits::default(),
            taper: None,
            before: Before::Unknown,
        }
    }

    /// How long charging takes, pauses apart; exact to the nanosecond, rounded up so that the energy is
    /// never short.
    ///
    /// # Errors
    /// [`RequestError`] says what makes the request impossible.
    pub fn duration(&self) -> Result<TimeDelta, RequestError> {
        self.check()?;
        self.time_for(self.need_kwh)
    }

    /// How long the first `kwh` take.
    pub(super) fn time_for(&self, kwh: f64) -> Result<TimeDelta, RequestError> {
        let hours = match &self.taper {
            None => kwh / self.power_kw,
            Some(taper) => taper.hours(kwh, self.power_kw),
        };
        let nanos = hours * 3.6e12;
        if nanos.is_nan() || LONGEST_SECS as f64 * 1e9 < nanos {
            return Err(RequestError::TooFar("the end of charging"));
        }
        // A thousandth of a nanosecond is float noise, not energy.
        #[expect(clippy::cast_possible_truncation, reason = "bounded by LONGEST_SECS just above")]
        Ok(TimeDelta::nanoseconds((nanos - 1e-3).ceil() as i64))
    }

    /// Checks every number.
    pub(super) fn check(&self) -> Result<(), RequestError> {
        for (what, value) in [
            ("need in kWh", self.need_kwh),
            ("minimum energy in kWh", self.minimum_first_kwh),
            ("cost of a start in g", self.limits.start_cost),
        ] {
            if !(value.is_finite() && 0.0 <= value) {
                return Err(RequestError::NotAnAmount { what, value });
            }
        }
        if !(self.power_kw.is_finite() && 0.0 < self.power_kw) {
            return Err(RequestError::Power(self.power_kw));
        }
        Ok(())
    }

    /// Checks that times stay within what nanoseconds can count, seen from `now`.
    pub(super) fn check_span(&self, now: Timestamp) -> Result<(), RequestError> {
        if LONGEST_SECS < (self.depart - now).num_seconds() {
            return Err(RequestError::TooFar("the departure"));
        }
        if now.checked_add_signed(TimeDelta::seconds(2 * LONGEST_SECS)).is_none() {
            return Err(RequestError::TooFar("now"));
        }
        Ok(())
    }
}
