//! A second controller: somebody else who moves the contactor again and again. Two that move one contactor
//! against each other wear it out, and neither knows that the other is there.

use std::time::Duration;

use domain::control::{Cause, Moment, SwitchLog};

/// Two foreign moves within this are no hand at the switch.
const TWICE_WITHIN: Duration = Duration::from_secs(10 * 60);

/// So long after the last one the contactor is left alone.
pub(super) const HANDS_OFF: Duration = Duration::from_secs(30 * 60);

/// Whether somebody else holds the contactor, too.
pub(crate) fn is_at_work(switches: &SwitchLog, now: &Moment) -> bool {
    let foreign = switches.recent().rev().filter(|switch| switch.cause == Cause::ByHand);
    let mut ages = foreign.map(|switch| now.about_since(&switch.at));
    let (Some(last), Some(before)) = (ages.next(), ages.next()) else { return false };
    last < HANDS_OFF && before.saturating_sub(last) <= TWICE_WITHIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Timestamp;
    use domain::control::{BootId, Contactor, Priority, Switch};

    fn at(minute: u64) -> Moment {
        let wall = Timestamp::from_timestamp(1_773_144_000 + minute as i64 * 60, 0).unwrap();
        Moment { wall, boot: BootId(1), uptime: Duration::from_secs(minute * 60) }
    }

    #[track_caller]
    fn check(foreign: &[u64], own: &[u64], now: u64, expected: bool) {
        let mut moves: Vec<(u64, Cause)> =
            foreign.iter().map(|minute| (*minute, Cause::ByHand)).collect();
        moves.extend(own.iter().map(|minute| (*minute, Cause::Claim(Priority::Plan))));
        moves.sort_by_key(|(minute, _)| *minute);
        let mut log = SwitchLog::default();
        for (minute, cause) in moves {
            log.record(Switch { at: at(minute), to: Contactor::Open, cause });
        }
        assert_eq!(is_at_work(&log, &at(now)), expected);
    }

    #[test]
    fn one_hand_is_a_hand_and_two_in_ten_minutes_are_a_controller() {
        check(&[], &[1, 2, 3], 4, false);
        check(&[5], &[1, 8], 9, false);
        check(&[5, 15], &[7], 16, true);
        check(&[5, 16], &[7], 17, false);
    }

    #[test]
    fn it_is_over_half_an_hour_after_its_last_move() {
        check(&[5, 10], &[7], 39, true);
        check(&[5, 10], &[7], 40, false);
        // And begins anew with the next pair.
        check(&[5, 10, 60], &[], 61, false);
        check(&[5, 10, 60, 65], &[], 66, true);
    }
}
