//! What is known about the grid, from the best source down to none.

use std::fmt;
use std::time::Duration;

use super::{Bounds, ClockTrust};
use crate::Timestamp;
use crate::units::CarbonIntensity;

/// The newest reading of the feed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Live {
    /// End of its interval.
    pub ts: Timestamp,
    /// How old it is.
    pub age: Duration,
    /// Average intensity, production, direct.
    pub intensity: CarbonIntensity,
}

/// Everything known about the grid at one moment.
#[derive(Clone, Copy)]
pub struct Signal<'a> {
    /// The newest reading, however old. `None` when there is none, or none that is believed.
    pub live: Option<Live>,
    /// Where to start and stop; `None` while there is too little history to say.
    pub bounds: Option<Bounds>,
    /// What the feed foresaw of a time, where its forecast covers it; `None`: there is no forecast.
    pub forecast: Option<&'a dyn Fn(Timestamp) -> Option<CarbonIntensity>>,
    /// What is usual at a time, by the agent's own history; `None` where it has none.
    pub usual: &'a dyn Fn(Timestamp) -> Option<CarbonIntensity>,
}

impl fmt::Debug for Signal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signal")
            .field("live", &self.live)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

/// Where the number comes from that a decision rests on: the rung of the ladder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Basis {
    /// The feed.
    Live(Live),
    /// What the last forecast says of this time, since the feed is silent or too old.
    Forecast {
        /// The newest reading, if there is one; too old to decide by.
        newest: Option<Live>,
    },
    /// What is usual at this hour, since there is no forecast of it either.
    Usual {
        /// The newest reading, if there is one; too old to decide by.
        newest: Option<Live>,
    },
}

/// Why there is no number to decide by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NoSignal {
    /// The clock cannot be trusted: neither the age of a reading nor the hour of the week is known.
    Clock(ClockTrust),
    /// Readings there are, but too little history to say what is clean here.
    NoBounds,
    /// The feed is silent or too old, and there is no history of this hour.
    NoData {
        /// The newest reading, if there is one; too old to decide by.
        newest: Option<Live>,
    },
}

impl Signal<'_> {
    /// Climbs down the ladder: the feed while it is fresh, else what its last forecast says of now, else what
    /// is usual now, else nothing. Never 0 g for what is missing.
    ///
    /// # Errors
    /// [`NoSignal`] says why there is nothing.
    pub fn now(
        &self,
        now: Timestamp,
        clock: ClockTrust,
        stale_after: Duration,
    ) -> Result<(CarbonIntensity, Basis, Bounds), NoSignal> {
        if clock != ClockTrust::Trusted {
            return Err(NoSignal::Clock(clock));
        }
        let fresh = self.live.filter(|live| live.age <= stale_after);
        let (intensity, basis) = match fresh {
            Some(live) => (live.intensity, Basis::Live(live)),
            None => match (self.foreseen(now), (self.usual)(now)) {
                (Some(foreseen), _) => (foreseen, Basis::Forecast { newest: self.live }),
                (None, Some(usual)) => (usual, Basis::Usual { newest: self.live }),
                (None, None) => return Err(NoSignal::NoData { newest: self.live }),
            },
        };
        let bounds = self.bounds.ok_or(NoSignal::NoBounds)?;
        Ok((intensity, basis, bounds))
    }

    fn foreseen(&self, ts: Timestamp) -> Option<CarbonIntensity> {
        self.forecast.and_then(|forecast| forecast(ts))
    }

    /// The first full hour of the coming week at which forecast or usual course is beyond the bound; `None` where
    /// it never is, or nothing is known.
    pub(super) fn usually_first(
        &self,
        now: Timestamp,
        beyond: impl Fn(CarbonIntensity) -> bool,
    ) -> Option<Timestamp> {
        let this_hour = now.timestamp().div_euclid(3600);
        (1..=7 * 24)
            .filter_map(|ahead| Timestamp::from_timestamp((this_hour + ahead) * 3600, 0))
            .find(|hour| self.foreseen(*hour).or_else(|| (self.usual)(*hour)).is_some_and(&beyond))
    }
}
