//! Who wants the contactor where, and why. Every cycle each source states its claim anew; the highest
//! priority holds the contactor.

use super::{Basis, Bounds, Contactor, NoSignal, Side, Urgency};
use crate::Timestamp;
use crate::plan::{Aim, PlanBasis};
use crate::units::CarbonIntensity;

/// Rank of a claim, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// What holds when nobody else claims: the safe position.
    Default,
    /// The grid is clean, or it is not.
    Threshold,
    /// The plan has chosen these hours, or others.
    Plan,
    /// The car must be ready, and there is no time left to wait.
    Departure,
    /// A person said so.
    Manual,
    /// Moving would be unsafe, or is not known to be safe.
    Safety,
}

impl Priority {
    /// All of them, highest first.
    pub const ALL: [Self; 6] =
        [Self::Safety, Self::Manual, Self::Departure, Self::Plan, Self::Threshold, Self::Default];

    /// Its word in status and log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safety => "safety",
            Self::Manual => "manual",
            Self::Departure => "departure",
            Self::Plan => "plan",
            Self::Threshold => "threshold",
            Self::Default => "default",
        }
    }

    /// The priority of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == word)
    }

    /// Which holds on the contactor a claim of this rank is bound by.
    pub fn urgency(self) -> Urgency {
        match self {
            Self::Default | Self::Threshold | Self::Plan | Self::Departure => Urgency::Automatic,
            Self::Manual | Self::Safety => Urgency::Insistent,
        }
    }
}

/// What is still waited for after a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A clock that can be trusted.
    Clock,
    /// A fresh reading of the feed, or the history to compare it with.
    Data,
}

/// Why a claim wants what it wants. What a person reads is made of it where the time zone is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// The program has just started and does not know enough to move anything yet.
    Starting {
        /// What is missing.
        awaited: Awaited,
        /// When it goes on without.
        until: Timestamp,
    },
    /// Somebody moved the contactor by hand.
    ByHand {
        /// When that was noticed.
        since: Timestamp,
        /// How long it is respected.
        until: Timestamp,
    },
    /// The user asked to charge.
    ChargeNow {
        /// How long.
        until: Timestamp,
    },
    /// The user asked not to charge.
    Skip {
        /// How long.
        until: Timestamp,
    },
    /// The car must be ready, and there is no time left to wait.
    Departure {
        /// When it leaves.
        depart: Timestamp,
        /// When it will have what it needs.
        done: Timestamp,
    },
    /// The plan has chosen this hour.
    Planned {
        /// When this run ends.
        until: Timestamp,
        /// When the car leaves.
        depart: Timestamp,
        /// What the plan rests on.
        basis: PlanBasis,
        /// What it looks for.
        aim: Aim,
    },
    /// The plan has chosen a later hour.
    Waits {
        /// When charging begins.
        start: Timestamp,
        /// When the car leaves.
        depart: Timestamp,
        /// What the plan rests on.
        basis: PlanBasis,
        /// What it looks for.
        aim: Aim,
    },
    /// The car has what it needs.
    Charged {
        /// When it leaves.
        depart: Timestamp,
    },
    /// No car is plugged in.
    NoCar,
    /// The car charges, and did not go on after a pause before.
    Unpaused {
        /// It does not take current right now, since it was paused.
        refusing: bool,
        /// When it leaves, where that is known.
        depart: Option<Timestamp>,
    },
    /// Mode `now`: charge.
    ModeNow,
    /// Mode `off`: do not charge.
    ModeOff,
    /// The grid is clean, dirty, or in between.
    Grid {
        /// Which.
        side: Side,
        /// The number that says so.
        intensity: CarbonIntensity,
        /// Where that number comes from.
        basis: Basis,
        /// What it was compared with.
        bounds: Bounds,
    },
    /// Nothing is known to decide by, so the safe position it is.
    NoSignal(NoSignal),
    /// The position that holds when nobody claims another.
    Safe,
}

/// One wish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// Its rank.
    pub priority: Priority,
    /// Where it wants the contactor.
    pub wants: Contactor,
    /// Why.
    pub reason: Reason,
}

/// The claims of one cycle, highest rank first. Never empty: the default claim is always there.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(Vec<Claim>);

impl Claims {
    /// The claims `stated`, above the default one.
    pub(super) fn new(default: Claim, stated: impl IntoIterator<Item = Claim>) -> Self {
        let mut claims: Vec<Claim> = stated.into_iter().collect();
        claims.push(default);
        // Stable: of two of the same rank the one stated first wins.
        claims.sort_by_key(|claim| std::cmp::Reverse(claim.priority));
        Self(claims)
    }

    /// The claim that holds the contactor.
    pub fn winner(&self) -> &Claim {
        self.0.first().expect("the default claim is always there")
    }

    /// All of them, highest rank first.
    pub fn iter(&self) -> impl Iterator<Item = &Claim> {
        self.0.iter()
    }
}
