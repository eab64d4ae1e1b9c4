//! Whether the clock can be believed. Its time zone does not matter: departures are New York's wherever the
//! machine thinks it is.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::control::ClockTrust;

use super::{Finding, Patient};
use crate::clock_trust::{Witnesses, built, is_forgetful_board, kernel_is_synchronized, trust};
use crate::config::TrustPolicy;
use crate::eastern::say;

const CHECK: &str = "clock";

const SET_IT: &str = "switch time synchronization on: sudo timedatectl set-ntp true; `timedatectl` shows whether it came";

/// By the settings, and by the newest reading of the feed.
pub fn look(patient: &Patient<'_>, newest: Option<Timestamp>) -> Finding {
    judge(
        patient.now,
        patient.config.clock_trust,
        &Witnesses {
            known: newest.map_or(built(), |newest| newest.max(built())),
            synchronized: kernel_is_synchronized(),
            forgetful_board: is_forgetful_board(),
            feed_agrees: false,
        },
    )
}

/// Without settings.
pub fn look_alone(now: Timestamp) -> Finding {
    judge(
        now,
        TrustPolicy::default(),
        &Witnesses {
            known: built(),
            synchronized: kernel_is_synchronized(),
            forgetful_board: is_forgetful_board(),
            feed_agrees: false,
        },
    )
}

fn judge(now: Timestamp, policy: TrustPolicy, witnesses: &Witnesses) -> Finding {
    let shown = say(now, now);
    match trust(policy, now, witnesses) {
        ClockTrust::Trusted if witnesses.synchronized == Some(true) => {
            Finding::ok(CHECK, format!("{shown}, set from the network"))
        }
        ClockTrust::Trusted => {
            let why = match policy {
                TrustPolicy::Always => "clock.trust is \"always\"",
                _ if witnesses.synchronized.is_none() => {
                    "the kernel does not say whether it was set"
                }
                _ => "this machine keeps the time by itself",
            };
            Finding::ok(CHECK, format!("{shown}, not set from the network; believed, since {why}"))
        }
        ClockTrust::NotSet => Finding::warning(
            CHECK,
            format!(
                "{shown}, not set from the network since the start, and this machine keeps no time while it is \
                 off: no plan is followed, and control.safe_position holds"
            ),
            SET_IT,
        ),
        ClockTrust::Behind { known } => Finding::failure(
            CHECK,
            format!("it shows {}, and that is over: it was {} already", full(now), full(known)),
            SET_IT,
        ),
    }
}

/// With the date: the year may be what is wrong.
fn full(ts: Timestamp) -> String {
    say(ts, ts + TimeDelta::days(30))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn what_speaks_for_and_against_the_clock() {
        #[track_caller]
        fn check(
            now: &str,
            (synchronized, forgetful_board): (Option<bool>, bool),
            level: Level,
            expected: &str,
        ) {
            let witnesses = Witnesses {
                known: "2026-03-10T12:00:00Z".parse().unwrap(),
                synchronized,
                forgetful_board,
                feed_agrees: false,
            };
            let found = judge(now.parse().unwrap(), TrustPolicy::Auto, &witnesses);
            assert_eq!(found.level, level);
            assert!(found.text.contains(expected), "{}", found.text);
            assert_eq!(found.advice.is_some(), level != Level::Ok);
        }
        let now = "2026-03-10T12:00:00Z";
        check(now, (Some(true), true), Level::Ok, "8 AM EDT, set from the network");
        check(now, (Some(false), false), Level::Ok, "this machine keeps the time by itself");
        check(now, (None, true), Level::Ok, "the kernel does not say");
        check(now, (Some(false), true), Level::Warning, "control.safe_position holds");
        check("1970-01-01T00:01:00Z", (Some(true), false), Level::Failure, "Dec 31, 1969");
        check(
            "2026-03-10T09:00:00Z",
            (Some(true), false),
            Level::Failure,
            "it was Mar 10, 2026, 8 AM EDT already",
        );
    }
}
