//! The contactor's positions and what moved it.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::{Moment, Priority};

/// Position of the contactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Contactor {
    /// The car gets no power.
    Open,
    /// The car may charge.
    Closed,
}

impl Contactor {
    /// The other position.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Open => Self::Closed,
            Self::Closed => Self::Open,
        }
    }

    /// `open` or `closed`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
        }
    }

    /// The position of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Open, Self::Closed].into_iter().find(|position| position.as_str() == word)
    }
}

impl fmt::Display for Contactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What moved the contactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// We did, for this claim.
    Claim(Priority),
    /// We did, on the way out.
    FailState,
    /// Someone else did while we watched: a hand at the switch, another program.
    ByHand,
    /// It was found elsewhere than we left it, or nothing is known of what was before: a power cut, a
    /// lost store.
    Found,
}

/// One move of the contactor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// When, or when it was noticed.
    pub at: Moment,
    /// Where to.
    pub to: Contactor,
    /// Why.
    pub cause: Cause,
}

/// The moves that still matter: those of the last day, and always the last one.
#[derive(Clone, Debug, Default)]
pub struct SwitchLog {
    recent: VecDeque<Switch>,
    lifetime: u64,
}

/// What a budget looks back on at most.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Two foreign moves within this are no hand at the switch.
const RIVAL_WITHIN: Duration = Duration::from_secs(10 * 60);

/// A person needs longer to hear of a move and to undo it; an automation does not. Two looks of the agent.
const UNDONE_WITHIN: Duration = Duration::from_secs(20);

/// So long after its last move a second controller is taken to be there.
pub const RIVAL_LASTS: Duration = Duration::from_secs(30 * 60);

/// More moves than any budget allows in a day; keeps memory bounded against a relay that is moved by
/// someone else all the time.
const MOST_KEPT: usize = 1024;

impl SwitchLog {
    /// A log of a contactor that was moved `lifetime` times before what is recorded from here on.
    pub fn starting_at(lifetime: u64) -> Self {
        Self { recent: VecDeque::new(), lifetime }
    }

    /// Adds a move, the newest so far.
    pub fn record(&mut self, switch: Switch) {
        self.lifetime += 1;
        self.recent.push_back(switch);
        while MOST_KEPT < self.recent.len()
            || (1 < self.recent.len()
                && self.recent.front().is_some_and(|old| DAY < switch.at.about_since(&old.at)))
        {
            self.recent.pop_front();
        }
    }

    /// The last move; `None` when the contactor was never seen to move.
    pub fn last(&self) -> Option<&Switch> {
        self.recent.back()
    }

    /// All moves ever.
    pub fn lifetime(&self) -> u64 {
        self.lifetime
    }

    /// The moves kept, oldest first.
    pub fn recent(&self) -> impl DoubleEndedIterator<Item = &Switch> + ExactSizeIterator {
        self.recent.iter()
    }

    /// Whether somebody else holds the contactor, too: two foreign moves within ten minutes, until half an hour
    /// after the last one.
    pub fn has_a_rival(&self, now: &Moment) -> bool {
        let mut foreign = self.foreign(now);
        let (Some((_, last)), Some((_, before))) = (foreign.next(), foreign.next()) else {
            return false;
        };
        last < RIVAL_LASTS && before.saturating_sub(last) <= RIVAL_WITHIN
    }

    /// Whether the last foreign move was no person's: it came within ten minutes of another, or undid ours faster
    /// than a person does.
    pub fn hand_was_a_machine(&self, now: &Moment) -> bool {
        let mut foreign = self.foreign(now);
        let Some((index, last)) = foreign.next() else { return false };
        let again =
            foreign.next().is_some_and(|(_, before)| before.saturating_sub(last) <= RIVAL_WITHIN);
        let undone = index.checked_sub(1).and_then(|index| self.recent.get(index));
        again
            || undone.is_some_and(|ours| {
                let ours_ago = now.about_since(&ours.at);
                matches!(ours.cause, Cause::Claim(_))
                    && ours_ago.saturating_sub(last) <= UNDONE_WITHIN
            })
    }

    /// Foreign moves with their place in the log and their age, newest first.
    fn foreign(&self, now: &Moment) -> impl Iterator<Item = (usize, Duration)> {
        let moves = self.recent.iter().enumerate().rev();
        let foreign = moves.filter(|(_, switch)| switch.cause == Cause::ByHand);
        foreign.map(|(index, switch)| (index, now.about_since(&switch.at)))
    }

    /// Ages at `now` of the moves within the last `window`, oldest first.
    pub fn ages_within(&self, window: Duration, now: &Moment) -> Vec<Duration> {
        self.recent
            .iter()
            .map(|switch| now.about_since(&switch.at))
            .filter(|age| *age < window)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::control::BootId;

    fn switch(uptime_s: u64) -> Switch {
        let wall = Timestamp::from_timestamp(1_773_144_000 + uptime_s as i64, 0).unwrap();
        let at = Moment { wall, boot: BootId(1), uptime: Duration::from_secs(uptime_s) };
        Switch { at, to: Contactor::Closed, cause: Cause::ByHand }
    }

    #[test]
    fn counts_what_a_window_holds_and_forgets_what_no_budget_asks_for() {
        let mut log = SwitchLog::starting_at(40);
        for uptime_s in [0, 60, 4000] {
            log.record(switch(uptime_s));
        }
        let now = switch(4060).at;
        assert_eq!(log.ages_within(Duration::from_secs(3600), &now), [Duration::from_secs(60)]);
        assert_eq!(log.lifetime(), 43);
        log.record(switch(4000 + 86_400 + 1));
        assert_eq!(log.recent().len(), 1);
        assert_eq!(log.lifetime(), 44);
    }

    #[test]
    fn memory_is_bounded_whoever_plays_with_the_switch() {
        let mut log = SwitchLog::default();
        for uptime_s in 0..5000 {
            log.record(switch(uptime_s));
        }
        assert_eq!(log.recent().len(), MOST_KEPT);
        assert_eq!(log.lifetime(), 5000);
    }

    #[test]
    fn words_of_positions_are_read_back() {
        for position in [Contactor::Open, Contactor::Closed] {
            assert_eq!(Contactor::from_word(position.as_str()), Some(position));
            assert_eq!(position.other().other(), position);
        }
        assert_eq!(Contactor::from_word("ajar"), None);
    }

    /// Foreign and own moves, in minutes.
    #[track_caller]
    fn check_rival(foreign: &[u64], own: &[u64], now: u64, expected: bool) {
        let mut moves: Vec<(u64, Cause)> =
            foreign.iter().map(|minute| (*minute, Cause::ByHand)).collect();
        moves.extend(own.iter().map(|minute| (*minute, Cause::Claim(Priority::Plan))));
        moves.sort_by_key(|(minute, _)| *minute);
        let mut log = SwitchLog::default();
        for (minute, cause) in moves {
            log.record(Switch { cause, ..switch(minute * 60) });
        }
        assert_eq!(log.has_a_rival(&switch(now * 60).at), expected);
    }

    #[test]
    fn one_hand_is_a_hand_and_two_in_ten_minutes_are_a_controller() {
        check_rival(&[], &[1, 2, 3], 4, false);
        check_rival(&[5], &[1, 8], 9, false);
        check_rival(&[5, 15], &[7], 16, true);
        check_rival(&[5, 16], &[7], 17, false);
    }

    #[test]
    fn what_undoes_our_move_at_once_is_no_person() {
        for (gap, expected) in [(1, true), (20, true), (21, false)] {
            let mut log = SwitchLog::default();
            log.record(Switch { cause: Cause::Claim(Priority::Plan), ..switch(600) });
            log.record(switch(600 + gap));
            let now = switch(9000).at;
            assert_eq!(log.hand_was_a_machine(&now), expected, "{gap}");
            assert!(!log.has_a_rival(&now), "once is no rival");
        }
    }

    #[test]
    fn a_rival_is_over_half_an_hour_after_its_last_move() {
        check_rival(&[5, 10], &[7], 39, true);
        check_rival(&[5, 10], &[7], 40, false);
        // And begins anew with the next pair.
        check_rival(&[5, 10, 60], &[], 61, false);
        check_rival(&[5, 10, 60, 65], &[], 66, true);
    }
}
