//! Whether the car goes on after a pause: some fall asleep when they are cut off and take no current again.
//!
//! ```text
//!           power flows                 opened                     closed again
//! Idle ──────────────────> Charging ──────────────> Cut ────────────────────────> Resuming
//!   ^  <── stops by itself ─┘  ^  ^                   ^                             │   │
//!   │                          │  └──────── power flows: it bears pauses ───────────┘   │
//!   │                          │                      │     none for PATIENCE, by a     │
//!   │                          └── power flows ── Refusing <──── meter that speaks ─────┘
//!   └── unplugged, another departure, or cut too long ago
//! ```
//!
//! Only a car that was cut off while it charged can refuse: one that stopped by itself is full.

use std::time::Duration;

use super::{Contactor, Moment, Pauses};
use crate::Timestamp;

/// A car has so long to take up charging again; evcc gives three minutes, a cold one takes longer.
pub const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// A pause longer than this says nothing of the car: it may have been away.
const LONGEST_PAUSE: Duration = Duration::from_secs(12 * 3600);

/// What is seen of the car at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// When.
    pub at: Moment,
    /// Where the contactor is.
    pub position: Contactor,
    /// Whether a car takes current, and when the meter said so; `None` while it is silent.
    pub drawing: Option<(Moment, bool)>,
    /// Whether a car is plugged in, where somebody tells.
    pub plugged: Option<bool>,
    /// The departure that is charged for.
    pub depart: Option<Timestamp>,
}

/// What was learned about the car.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It did not go on after a pause.
    Refused,
    /// It takes current again, or another car or night begins.
    Over,
}

/// What the car did so far.
#[derive(Clone, Debug)]
pub struct Resume {
    refused: bool,
    phase: Phase,
    depart: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    Idle,
    Charging,
    Cut { since: Moment },
    Resuming { since: Moment },
    Refusing,
}

impl Resume {
    /// With what was kept of it; `depart` is the departure that is charged for.
    pub fn new(kept: Pauses, depart: Option<Timestamp>) -> Self {
        let phase = if kept == Pauses::Refusing { Phase::Refusing } else { Phase::Idle };
        Self { refused: kept != Pauses::Bears, phase, depart }
    }

    /// Whether it bears pauses, as far as is known.
    pub fn pauses(&self) -> Pauses {
        match (self.phase, self.refused) {
            (Phase::Refusing, _) => Pauses::Refusing,
            (_, true) => Pauses::Refuses,
            (_, false) => Pauses::Bears,
        }
    }

    /// Takes a look. Gives what is new.
    pub fn see(&mut self, sight: &Sight) -> Option<Turn> {
        let before = self.phase;
        let another = self.depart != sight.depart;
        self.depart = sight.depart;
        if another || sight.plugged == Some(false) {
            self.phase = Phase::Idle;
        }
        self.phase = self.next(sight);
        match (before, self.phase) {
            (Phase::Refusing, Phase::Refusing) => None,
            (_, Phase::Refusing) => {
                self.refused = true;
                Some(Turn::Refused)
            }
            (Phase::Refusing, _) => Some(Turn::Over),
            (Phase::Resuming { .. }, Phase::Charging) => {
                self.refused = false;
                None
            }
            _ => None,
        }
    }

    fn next(&self, sight: &Sight) -> Phase {
        let Sight { at, position, drawing, .. } = *sight;
        let since = |then: &Moment| at.about_since(then);
        match (self.phase, position) {
            (Phase::Idle | Phase::Charging, Contactor::Closed) => match drawing {
                Some((_, true)) => Phase::Charging,
                Some((_, false)) | None => Phase::Idle,
            },
            (Phase::Idle, Contactor::Open) => Phase::Idle,
            (Phase::Charging | Phase::Resuming { .. } | Phase::Refusing, Contactor::Open) => {
                Phase::Cut { since: at }
            }
            (Phase::Cut { since: cut }, _) if LONGEST_PAUSE < since(&cut) => Phase::Idle,
            (Phase::Cut { since }, Contactor::Open) => Phase::Cut { since },
            (Phase::Cut { .. }, Contactor::Closed) => Phase::Resuming { since: at },
            (Phase::Resuming { since: closed }, Contactor::Closed) => match drawing {
                // What the meter said before the contactor closed was said of the pause.
                Some((said, true)) if !said.at_least_since(&closed).is_zero() => Phase::Charging,
                Some((said, false)) if PATIENCE <= said.at_least_since(&closed) => {
                    // Without anybody who knows that a car is there, it may have left.
                    let may_be_there = sight.plugged == Some(true) || sight.depart.is_some();
                    if may_be_there { Phase::Refusing } else { Phase::Idle }
                }
                _ => self.phase,
            },
            (Phase::Refusing, Contactor::Closed) => match drawing {
                Some((_, true)) => Phase::Charging,
                _ => Phase::Refusing,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::BootId;
    use Contactor::{Closed, Open};

    fn at(minute: i64) -> Moment {
        Moment {
            wall: Timestamp::from_timestamp(1_773_144_000 + minute * 60, 0).unwrap(),
            boot: BootId(1),
            uptime: Duration::from_secs(minute.cast_unsigned() * 60),
        }
    }

    /// A look each minute: `C` closed and drawing, `c` closed without power, `o` open, `s` closed with a silent
    /// meter, `u` unplugged, `n` another night begins. Gives the minutes and turns.
    fn story(looks: &str, plugged: Option<bool>) -> (Vec<(usize, Turn)>, Pauses) {
        let mut resume = Resume::new(Pauses::Bears, Some(at(0).wall));
        let (mut turns, mut depart) = (Vec::new(), at(0).wall);
        for (minute, look) in looks.chars().enumerate() {
            let now = at(minute as i64);
            if look == 'n' {
                depart = now.wall;
            }
            let position = if matches!(look, 'C' | 'c' | 's') { Closed } else { Open };
            let sight = Sight {
                at: now,
                position,
                drawing: (look != 's').then_some((now, look == 'C')),
                plugged: if look == 'u' { Some(false) } else { plugged },
                depart: Some(depart),
            };
            turns.extend(resume.see(&sight).map(|turn| (minute, turn)));
        }
        (turns, resume.pauses())
    }

    #[track_caller]
    fn check(looks: &str, turns: &[(usize, Turn)], pauses: Pauses) {
        assert_eq!(story(looks, None), (turns.to_vec(), pauses), "{looks}");
    }

    #[test]
    fn a_car_that_was_cut_off_and_takes_nothing_for_ten_minutes_refuses() {
        check("CCoocccccccccc", &[], Pauses::Bears);
        check("CCooccccccccccc", &[(14, Turn::Refused)], Pauses::Refusing);
        check("CCooccccccccccccccc", &[(14, Turn::Refused)], Pauses::Refusing);
    }

    #[test]
    fn it_is_over_when_it_charges_after_all_and_remembered_until_it_bears_a_pause() {
        let over = [(14, Turn::Refused), (15, Turn::Over)];
        check("CCoocccccccccccC", &over, Pauses::Refuses);
        check("CCoocccccccccccCooccC", &over, Pauses::Bears);
        check("CCooccccccccccco", &over, Pauses::Refuses);
    }

    #[test]
    fn a_car_that_stopped_by_itself_is_full() {
        check("CCcoocccccccccccccccc", &[], Pauses::Bears);
        check("ccoocccccccccccccccc", &[], Pauses::Bears);
    }

    #[test]
    fn a_car_that_left_refuses_nothing_nor_does_one_of_another_night() {
        check("CCouocccccccccccccccc", &[], Pauses::Bears);
        check("CConocccccccccccccccc", &[], Pauses::Bears);
        let long = format!("CC{}cccccccccccccc", "o".repeat(12 * 60 + 2));
        check(&long, &[], Pauses::Bears);
    }

    #[test]
    fn a_silent_meter_accuses_nobody() {
        check("CCoossssssssssssssss", &[], Pauses::Bears);
    }

    #[test]
    fn with_neither_presence_nor_departure_nobody_knows_that_a_car_is_there() {
        let refuse = |depart, plugged| {
            let mut resume = Resume::new(Pauses::Bears, depart);
            let sight = |minute, position, drawing| Sight {
                at: at(minute),
                position,
                drawing: Some((at(minute), drawing)),
                plugged,
                depart,
            };
            resume.see(&sight(0, Closed, true));
            resume.see(&sight(1, Open, false));
            resume.see(&sight(2, Closed, false));
            resume.see(&sight(12, Closed, false));
            resume.pauses()
        };
        assert_eq!(refuse(None, None), Pauses::Bears);
        assert_eq!(refuse(None, Some(true)), Pauses::Refusing);
        assert_eq!(refuse(Some(at(600).wall), None), Pauses::Refusing);
    }

    #[test]
    fn what_was_kept_goes_on() {
        for kept in [Pauses::Bears, Pauses::Refuses, Pauses::Refusing] {
            assert_eq!(Resume::new(kept, None).pauses(), kept);
        }
    }
}
