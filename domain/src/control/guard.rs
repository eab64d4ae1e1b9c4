//! What the contactor can bear, whoever wants it moved: minimum times and a budget of moves.
//!
//! Minimum times: once closed it stays closed for `min_on`, once open it stays open for `min_off`, so
//! that neither contacts nor the car's charger are worn out. A user's stop and a safety stop need not
//! wait for the first; nothing ever skips the second.
//!
//! Budget: at most so many moves in an hour and in a day. The safe position is closed, since it gets the
//! car ready; so an automatic opening takes two of the budget, one for itself and one for the closing that
//! must follow, and a budget is never spent in the open position. Moves that a person asks for are
//! counted, not refused.

use std::time::Duration;

use super::{Contactor, Moment, SwitchLog};
use crate::Timestamp;

/// How much switching is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Shortest time closed.
    pub min_on: Duration,
    /// Shortest time open.
    pub min_off: Duration,
    /// Most moves in any hour; at least 2.
    pub per_hour: u32,
    /// Most moves in any 24 hours; at least 2.
    pub per_day: u32,
}

impl Default for Limits {
    /// 10 minutes on, 5 minutes off, 4 moves an hour, 12 a day.
    fn default() -> Self {
        Self {
            min_on: Duration::from_secs(600),
            min_off: Duration::from_secs(300),
            per_hour: 4,
            per_day: 12,
        }
    }
}

/// Who may skip what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// An automatic wish: bound by everything.
    Automatic,
    /// A person's wish, a safety stop, the way out: neither minimum on nor the budget holds it back.
    Insistent,
}

/// The span over which a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Any 60 minutes.
    Hour,
    /// Any 24 hours.
    Day,
}

impl Span {
    /// Its length.
    pub fn length(self) -> Duration {
        match self {
            Self::Hour => Duration::from_secs(3600),
            Self::Day => Duration::from_secs(24 * 3600),
        }
    }
}

/// Why the contactor may not move yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Closed too short a time.
    MinimumOn {
        /// When the minimum is over.
        until: Timestamp,
    },
    /// Open too short a time.
    MinimumOff {
        /// When the minimum is over.
        until: Timestamp,
    },
    /// Too many moves already to open once more.
    Budget {
        /// Which budget.
        span: Span,
        /// Moves in that span.
        used: u32,
        /// Moves allowed in it.
        limit: u32,
        /// When enough of them are old.
        until: Timestamp,
    },
    /// Power or feed have come back for everybody at once, and this device's turn is later.
    Returning {
        /// When it is.
        until: Timestamp,
    },
    /// The grid asks all devices for the same move, and this one's turn is later.
    Turning {
        /// When it is.
        until: Timestamp,
    },
    /// Mode `observe`: decide, say so, move nothing.
    Observing,
}

impl Hold {
    /// When it ends by itself, if it does.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::MinimumOn { until }
            | Self::MinimumOff { until }
            | Self::Budget { until, .. }
            | Self::Returning { until }
            | Self::Turning { until } => Some(*until),
            Self::Observing => None,
        }
    }
}

impl Limits {
    /// Whether the contactor may leave `position` now.
    ///
    /// # Errors
    /// The [`Hold`] that ends last.
    pub fn permit(
        &self,
        position: Contactor,
        urgency: Urgency,
        switches: &SwitchLog,
        now: &Moment,
    ) -> Result<(), Hold> {
        // Never seen to move: power may have come back to it when it came back to this machine.
        let held = switches.last().map_or(now.uptime, |last| now.at_least_since(&last.at));
        let rest =
            |minimum: Duration| Some(minimum.saturating_sub(held)).filter(|rest| !rest.is_zero());
        match (position, urgency) {
            (Contactor::Open, _) => match rest(self.min_off) {
                Some(rest) => Err(Hold::MinimumOff { until: now.wall_in(rest) }),
                None => Ok(()),
            },
            (Contactor::Closed, Urgency::Insistent) => Ok(()),
            (Contactor::Closed, Urgency::Automatic) => {
                let minimum =
                    rest(self.min_on).map(|rest| Hold::MinimumOn { until: now.wall_in(rest) });
                let holds = [
                    minimum,
                    self.budget(Span::Hour, switches, now),
                    self.budget(Span::Day, switches, now),
                ];
                match holds.into_iter().flatten().max_by_key(Hold::until) {
                    Some(hold) => Err(hold),
                    None => Ok(()),
                }
            }
        }
    }

    /// The hold on opening, where the moves of `span` leave no room for two more.
    fn budget(&self, span: Span, switches: &SwitchLog, now: &Moment) -> Option<Hold> {
        let limit = match span {
            Span::Hour => self.per_hour,
            Span::Day => self.per_day,
        };
        let ages = switches.ages_within(span.length(), now);
        let room = (limit as usize).saturating_sub(2);
        // This many of the oldest have to grow out of the span first.
        let surplus = ages.len().checked_sub(room).filter(|surplus| *surplus > 0)?;
        let rest = match ages.get(surplus - 1) {
            Some(age) => span.length().saturating_sub(*age),
            None => span.length(),
        };
        let used = u32::try_from(ages.len()).unwrap_or(u32::MAX);
        Some(Hold::Budget { span, used, limit, until: now.wall_in(rest) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::{BootId, Cause, Switch};
    use Contactor::{Closed, Open};

    fn at(uptime_s: u64) -> Moment {
        Moment {
            wall: Timestamp::from_timestamp(1_773_144_000 + uptime_s as i64, 0).unwrap(),
            boot: BootId(1),
            uptime: Duration::from_secs(uptime_s),
        }
    }

    fn log(moves_s: &[u64]) -> SwitchLog {
        let mut log = SwitchLog::default();
        let mut to = if moves_s.len().is_multiple_of(2) { Closed } else { Open };
        for uptime_s in moves_s {
            to = to.other();
            log.record(Switch { at: at(*uptime_s), to, cause: Cause::ByHand });
        }
        log
    }

    /// `expected`: seconds from `now_s` until the hold ends; 0 where there is none.
    #[track_caller]
    fn check(moves_s: &[u64], position: Contactor, urgency: Urgency, now_s: u64, expected: u64) {
        let permit = Limits::default().permit(position, urgency, &log(moves_s), &at(now_s));
        let rest = permit.err().and_then(|hold| hold.until()).map(|until| until - at(now_s).wall);
        assert_eq!(rest.map_or(0, |rest| rest.num_seconds()), expected as i64, "{permit:?}");
    }

    #[test]
    fn minimum_on_holds_what_is_automatic_and_lets_a_person_stop() {
        check(&[0], Closed, Urgency::Automatic, 599, 1);
        check(&[0], Closed, Urgency::Automatic, 600, 0);
        check(&[0], Closed, Urgency::Insistent, 1, 0);
    }

    #[test]
    fn minimum_off_holds_everyone() {
        for urgency in [Urgency::Automatic, Urgency::Insistent] {
            check(&[0], Open, urgency, 299, 1);
            check(&[0], Open, urgency, 300, 0);
        }
    }

    #[test]
    fn a_contactor_never_seen_to_move_may_have_been_at_the_return_of_power() {
        check(&[], Closed, Urgency::Automatic, 599, 1);
        check(&[], Closed, Urgency::Automatic, 600, 0);
        check(&[], Open, Urgency::Automatic, 299, 1);
        check(&[], Open, Urgency::Automatic, 300, 0);
    }

    #[test]
    fn an_opening_needs_room_for_the_closing_after_it() {
        // Two moves in the hour leave two: one to open, one to close again.
        check(&[100, 1000], Closed, Urgency::Automatic, 2000, 0);
        // Three leave one: the oldest has to grow older than an hour.
        check(&[100, 1000, 1100], Closed, Urgency::Automatic, 2000, 1700);
        check(&[100, 1000, 1100, 1200], Closed, Urgency::Automatic, 2000, 2600);
    }

    #[test]
    fn closing_is_never_refused_for_the_budget() {
        check(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13], Open, Urgency::Automatic, 400, 0);
    }

    #[test]
    fn the_day_is_counted_beside_the_hour() {
        let moves: Vec<u64> = (0..12).map(|n| n * 6000).collect();
        // The second-oldest leaves the day at 6000 + 86400.
        check(&moves, Closed, Urgency::Automatic, 70_000, 6000 + 86_400 - 70_000);
    }

    #[test]
    fn the_hold_that_ends_last_is_the_one_that_is_told() {
        let permit = Limits::default().permit(
            Closed,
            Urgency::Automatic,
            &log(&[100, 1000, 1100]),
            &at(1200),
        );
        assert!(
            matches!(permit, Err(Hold::Budget { span: Span::Hour, used: 3, limit: 4, .. })),
            "{permit:?}"
        );
    }
}
