//! Whether the wall clock can be believed.
//!
//! A Raspberry Pi has no battery clock: it starts with the time of its last shutdown, which looks right and
//! is not, until the network tells it better. A laptop's clock is right without any network.

use std::path::Path;

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::control::ClockTrust;

use crate::config::TrustPolicy;

/// Two clocks may differ by this much without one being wrong.
const SLACK: TimeDelta = TimeDelta::minutes(10);

/// What speaks for the clock.
#[derive(Clone, Copy, Debug)]
pub struct Witnesses {
    /// The latest moment that is known to have been.
    pub known: Timestamp,
    /// The kernel was told the time from outside; `None` where it does not say.
    pub synchronized: Option<bool>,
    /// The board keeps no time while it is off.
    pub forgetful_board: bool,
    /// The feed's newest reading fits the clock.
    pub feed_agrees: bool,
}

/// Weighs the witnesses.
pub fn trust(policy: TrustPolicy, now: Timestamp, witnesses: &Witnesses) -> ClockTrust {
    if now + SLACK < witnesses.known {
        return ClockTrust::Behind { known: witnesses.known };
    }
    let must_be_set = match policy {
        TrustPolicy::Always => false,
        TrustPolicy::Synchronized => true,
        TrustPolicy::Auto => witnesses.forgetful_board,
    };
    // A kernel that cannot say is not held against the clock.
    let set = witnesses.synchronized.unwrap_or(true) || witnesses.feed_agrees;
    if must_be_set && !set { ClockTrust::NotSet } else { ClockTrust::Trusted }
}

/// When this program was built: no true clock shows an earlier time.
pub fn built() -> Timestamp {
    env!("NY_POWER_BUILT")
        .parse()
        .ok()
        .and_then(|secs| DateTime::from_timestamp(secs, 0))
        .unwrap_or(DateTime::UNIX_EPOCH)
}

/// A board described by a device tree (a Raspberry Pi) without a battery clock.
pub fn is_forgetful_board() -> bool {
    let has_clock =
        std::fs::read_dir("/sys/class/rtc").is_ok_and(|mut clocks| clocks.next().is_some());
    Path::new("/proc/device-tree").exists() && !has_clock
}

/// Whether the kernel was told the time since boot, whoever told it: timesyncd, chrony, ntpd.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "no safe wrapper of adjtimex exists in our dependencies")]
pub fn kernel_is_synchronized() -> Option<bool> {
    // SAFETY: `timex` is plain integers, for which all zeros is a value. With `modes` zero, adjtimex
    // only fills it in, and the pointer is to a live local.
    let state = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        libc::adjtimex(&raw mut timex)
    };
    match state {
        -1 => None,
        libc::TIME_ERROR => Some(false),
        _ => Some(true),
    }
}

/// Other kernels do not say.
#[cfg(not(target_os = "linux"))]
pub fn kernel_is_synchronized() -> Option<bool> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(
        policy: TrustPolicy,
        (synchronized, forgetful_board, feed_agrees): (Option<bool>, bool, bool),
        expected: ClockTrust,
    ) {
        let known = "2026-03-10T12:00:00Z".parse().unwrap();
        let witnesses = Witnesses { known, synchronized, forgetful_board, feed_agrees };
        assert_eq!(trust(policy, known, &witnesses), expected, "{policy:?} {witnesses:?}");
    }

    #[test]
    fn a_board_that_forgets_needs_to_be_told_or_confirmed() {
        let policy = TrustPolicy::Auto;
        check(policy, (Some(false), true, false), ClockTrust::NotSet);
        check(policy, (Some(true), true, false), ClockTrust::Trusted);
        check(policy, (Some(false), true, true), ClockTrust::Trusted);
        check(policy, (Some(false), false, false), ClockTrust::Trusted);
        check(policy, (None, true, false), ClockTrust::Trusted);
    }

    #[test]
    fn the_user_can_ask_for_more_and_for_less() {
        check(TrustPolicy::Synchronized, (Some(false), false, false), ClockTrust::NotSet);
        check(TrustPolicy::Always, (Some(false), true, false), ClockTrust::Trusted);
    }

    #[test]
    fn a_clock_behind_what_has_been_is_wrong_whoever_set_it() {
        let known: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
        let witnesses = Witnesses {
            known,
            synchronized: Some(true),
            forgetful_board: false,
            feed_agrees: true,
        };
        for (now, expected) in [
            ("1970-01-01T00:01:00Z", ClockTrust::Behind { known }),
            ("2026-03-10T11:49:00Z", ClockTrust::Behind { known }),
            ("2026-03-10T11:51:00Z", ClockTrust::Trusted),
        ] {
            let now = now.parse().unwrap();
            assert_eq!(trust(TrustPolicy::Always, now, &witnesses), expected);
        }
    }

    #[test]
    fn this_machine_answers() {
        assert!(DateTime::UNIX_EPOCH < built());
        #[cfg(target_os = "linux")]
        assert!(kernel_is_synchronized().is_some());
    }
}
