//! From a request to what holds: pure, time is an argument.

use chrono::{NaiveTime, TimeDelta};
use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::time::eastern_instant;
use super::{Answer, FURTHEST, Overrides};
use crate::eastern::{local, say};

/// Charge now ends after this where no departure is known: a night.
const WITHOUT_DEPARTURE: TimeDelta = TimeDelta::hours(12);

/// Furthest one-off departure: a plan looks four days ahead, a person a month.
const FURTHEST_DEPARTURE: TimeDelta = TimeDelta::days(31);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "override", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Charge now.
    ChargeNow {
        /// Until then; else until the next departure.
        until: Option<Timestamp>,
    },
    /// No charge tonight.
    SkipTonight,
    /// No charge until then.
    Away {
        /// The end.
        until: Timestamp,
    },
    /// Leave then, instead of at the next scheduled departure.
    Depart {
        /// The departure.
        at: Timestamp,
    },
    /// Back to the plan.
    Clear,
}

/// Why a request makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its time is over.
    #[error("{at} is over; it is {now} now")]
    Past {
        /// The time asked for.
        at: String,
        /// The present.
        now: String,
    },
    /// Its time is too far away.
    #[error("{at} is more than {days} days ahead")]
    TooFar {
        /// The time asked for.
        at: String,
        /// The most.
        days: i64,
    },
}

impl Request {
    /// What holds once this is taken, and how it is said. The newest wish wins: it ends those that
    /// contradict it.
    ///
    /// # Errors
    /// When its time is over or too far ahead.
    pub fn apply(
        self,
        before: Overrides,
        now: Timestamp,
        next_departure: Option<Timestamp>,
    ) -> Result<Answer, Refusal> {
        let depart = before.depart_once.or(next_departure.filter(|depart| now < *depart));
        let mut overrides = before;
        let said = match self {
            Self::ChargeNow { until } => {
                let until = until.or(depart).unwrap_or(now + WITHOUT_DEPARTURE);
                within(until, now, FURTHEST)?;
                overrides.charge_now_until = Some(until);
                overrides.skip_until = None;
                let then = match before.away_until {
                    Some(away) if until < away => {
                        format!("no charging until {}, since you are away", say(away, now))
                    }
                    _ => "back to the plan".to_owned(),
                };
                format!("Charging now until {}, then {then}.", say(until, now))
            }
            Self::SkipTonight => {
                let until = end_of_tonight(now, depart);
                overrides.skip_until = Some(until);
                overrides.charge_now_until = None;
                format!(
                    "No charging until {}, then back to the plan; the car may not be ready before.",
                    say(until, now)
                )
            }
            Self::Away { until } => {
                within(until, now, FURTHEST)?;
                overrides = Overrides {
                    away_until: Some(until),
                    // A departure after the return is still one.
                    depart_once: before.depart_once.filter(|depart| until < *depart),
                    ..Overrides::default()
                };
                format!(
                    "No charging while you are away, until {}, then back to the plan.",
                    say(until, now)
                )
            }
            Self::Depart { at } => {
                within(at, now, FURTHEST_DEPARTURE)?;
                overrides.depart_once = Some(at);
                let mut said = format!("The next departure is {}, this once.", say(at, now));
                // Whoever wants the car ready then does not mean a wish that forbids it.
                let forbids = |until: &mut Option<Timestamp>| until.take_if(|until| at <= *until);
                let away = forbids(&mut overrides.away_until).is_some();
                let skip = forbids(&mut overrides.skip_until).is_some();
                if away || skip {
                    let what = if away { "away" } else { "skip-tonight" };
                    said.push_str(&format!(" That ends \"{what}\"."));
                }
                said
            }
            Self::Clear => {
                overrides = Overrides::default();
                if before.is_empty() {
                    "There was no override; the plan goes on.".to_owned()
                } else {
                    "Back to the plan, now.".to_owned()
                }
            }
        };
        Ok(Answer { said, overrides })
    }
}

fn within(at: Timestamp, now: Timestamp, most: TimeDelta) -> Result<(), Refusal> {
    if at <= now {
        return Err(Refusal::Past { at: say(at, now), now: say(now, now) });
    }
    if most < at - now {
        return Err(Refusal::TooFar { at: say(at, now), days: most.num_days() });
    }
    Ok(())
}

/// The end of the night: the next departure if it comes within a day, else noon. Before 6 AM it is still
/// the night of yesterday.
// A departure days ahead is not given up for one night.
fn end_of_tonight(now: Timestamp, depart: Option<Timestamp>) -> Timestamp {
    if let Some(depart) = depart.filter(|depart| *depart - now <= TimeDelta::hours(24)) {
        return depart;
    }
    let wall = local(now);
    let six = NaiveTime::from_hms_opt(6, 0, 0).expect("a time of day");
    let noon = NaiveTime::from_hms_opt(12, 0, 0).expect("a time of day");
    let day = if wall.time() < six { wall.date() } else { wall.date() + chrono::Days::new(1) };
    eastern_instant(day.and_time(noon)).0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 6:30 PM in New York.
    const NOW: &str = "2026-03-10T22:30:00Z";
    /// 7 AM the next day.
    const MORNING: &str = "2026-03-11T11:00:00Z";

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[track_caller]
    fn check(request: Request, before: Overrides, depart: Option<&str>, said: &str) -> Overrides {
        let answer = request.apply(before, ts(NOW), depart.map(ts)).unwrap();
        assert_eq!(answer.said, said);
        answer.overrides
    }

    #[test]
    fn charge_now_ends_with_the_departure_the_time_given_or_the_night() {
        let now = Request::ChargeNow { until: None };
        let said = "Charging now until tomorrow 7 AM EDT, then back to the plan.";
        let after = check(now, Overrides::default(), Some(MORNING), said);
        assert_eq!(after.charge_now_until, Some(ts(MORNING)));
        let said = "Charging now until tomorrow 6:30 AM EDT, then back to the plan.";
        check(now, Overrides::default(), None, said);
        let said = "Charging now until 8 PM EDT, then back to the plan.";
        let until = Request::ChargeNow { until: Some(ts("2026-03-11T00:00:00Z")) };
        check(until, Overrides::default(), Some(MORNING), said);
    }

    #[test]
    fn a_one_off_departure_counts_before_the_schedule() {
        let before =
            Overrides { depart_once: Some(ts("2026-03-11T09:00:00Z")), ..Overrides::default() };
        let said = "Charging now until tomorrow 5 AM EDT, then back to the plan.";
        check(Request::ChargeNow { until: None }, before, Some(MORNING), said);
    }

    #[test]
    fn skip_tonight_gives_up_one_night_and_no_departure_days_ahead() {
        let said = "No charging until tomorrow 7 AM EDT, then back to the plan; the car may not be ready before.";
        check(Request::SkipTonight, Overrides::default(), Some(MORNING), said);
        let said = "No charging until tomorrow 12 PM EDT, then back to the plan; the car may not be ready before.";
        check(Request::SkipTonight, Overrides::default(), None, said);
        check(Request::SkipTonight, Overrides::default(), Some("2026-03-13T11:00:00Z"), said);
        // At 2 AM the night is the one that has begun.
        let night = Request::SkipTonight
            .apply(Overrides::default(), ts("2026-03-11T06:00:00Z"), None)
            .unwrap();
        assert_eq!(night.overrides.skip_until, Some(ts("2026-03-11T16:00:00Z")));
    }

    #[test]
    fn the_newest_wish_ends_those_that_contradict_it() {
        let skip = Overrides { skip_until: Some(ts(MORNING)), ..Overrides::default() };
        let said = "Charging now until tomorrow 7 AM EDT, then back to the plan.";
        let after = check(Request::ChargeNow { until: None }, skip, Some(MORNING), said);
        assert_eq!(after.skip_until, None);

        let said = "No charging while you are away, until Sat 8 AM EDT, then back to the plan.";
        let away = Request::Away { until: ts("2026-03-14T12:00:00Z") };
        let after = check(away, after, Some(MORNING), said);
        assert_eq!(after.charge_now_until, None);

        let said = "Charging now until tomorrow 7 AM EDT, then no charging until Sat 8 AM EDT, since you are away.";
        check(Request::ChargeNow { until: None }, after, Some(MORNING), said);

        let said = "The next departure is tomorrow 9 AM EDT, this once. That ends \"away\".";
        let depart = Request::Depart { at: ts("2026-03-11T13:00:00Z") };
        assert_eq!(check(depart, after, Some(MORNING), said).away_until, None);
    }

    #[test]
    fn clear_says_whether_there_was_anything() {
        let skip = Overrides { skip_until: Some(ts(MORNING)), ..Overrides::default() };
        assert!(check(Request::Clear, skip, None, "Back to the plan, now.").is_empty());
        let said = "There was no override; the plan goes on.";
        check(Request::Clear, Overrides::default(), None, said);
    }

    #[test]
    fn what_is_over_or_too_far_is_refused_with_its_time() {
        let refuse = |request: Request| {
            request.apply(Overrides::default(), ts(NOW), None).unwrap_err().to_string()
        };
        assert_eq!(
            refuse(Request::Away { until: ts("2026-03-10T22:00:00Z") }),
            "6 PM EDT is over; it is 6:30 PM EDT now"
        );
        assert_eq!(
            refuse(Request::Depart { at: ts("2026-05-10T22:00:00Z") }),
            "May 10, 2026, 6 PM EDT is more than 31 days ahead"
        );
        let far = Request::ChargeNow { until: Some(ts("2028-03-10T22:00:00Z")) };
        assert!(refuse(far).ends_with("more than 366 days ahead"));
    }

    #[test]
    fn requests_travel_as_json() {
        for request in [
            Request::ChargeNow { until: None },
            Request::SkipTonight,
            Request::Away { until: ts(MORNING) },
            Request::Depart { at: ts(MORNING) },
            Request::Clear,
        ] {
            let text = serde_json::to_string(&request).unwrap();
            assert_eq!(serde_json::from_str::<Request>(&text).unwrap(), request, "{text}");
        }
    }
}
