//! What the exact search keeps low.

use super::cells::{Cell, Nanos};

/// A sum that can be compared. `f64` where every cell is known and inside the windows; [`Steps`] where
/// some are not.
pub trait Cost: Copy {
    const ZERO: Self;
    /// Of what cannot be.
    const NEVER: Self;
    /// Of `len` in a cell whose energy weighs `grams`.
    fn of(cell: &Cell, len: Nanos, grams: f64) -> Self;
    /// Of starts.
    fn grams(grams: f64) -> Self;
    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    /// Not the cost of what cannot be.
    fn is_possible(self) -> bool;
    /// The cost, where it is grams alone.
    fn as_grams(self) -> Option<f64>;
    /// Lower by more than `noise`.
    fn beats(self, other: Self, noise: f64) -> bool;
}

impl Cost for f64 {
    const ZERO: Self = 0.0;
    const NEVER: Self = Self::INFINITY;

    fn of(_: &Cell, _: Nanos, grams: f64) -> Self {
        grams
    }

    fn grams(grams: f64) -> Self {
        grams
    }

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn minus(self, other: Self) -> Self {
        self - other
    }

    fn is_possible(self) -> bool {
        self < Self::INFINITY
    }

    fn as_grams(self) -> Option<f64> {
        Some(self)
    }

    fn beats(self, other: Self, noise: f64) -> bool {
        self < other - noise
    }
}

/// Time outside the windows first, then time that nobody knows, then the value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    outside: Nanos,
    unknown: Nanos,
    grams: f64,
}

impl Cost for Steps {
    const ZERO: Self = Self { outside: 0, unknown: 0, grams: 0.0 };
    const NEVER: Self = Self { outside: i64::MAX / 4, unknown: 0, grams: 0.0 };

    fn of(cell: &Cell, len: Nanos, grams: f64) -> Self {
        Self {
            outside: if cell.outside { len } else { 0 },
            unknown: if cell.value.is_none() { len } else { 0 },
            grams,
        }
    }

    fn grams(grams: f64) -> Self {
        Self { grams, ..Self::ZERO }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            // Never stays never: the longest plan is far shorter than a quarter of the range.
            outside: self.outside.saturating_add(other.outside),
            unknown: self.unknown + other.unknown,
            grams: self.grams + other.grams,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            outside: self.outside - other.outside,
            unknown: self.unknown - other.unknown,
            grams: self.grams - other.grams,
        }
    }

    fn is_possible(self) -> bool {
        self.outside < Self::NEVER.outside
    }

    fn as_grams(self) -> Option<f64> {
        None
    }

    fn beats(self, other: Self, noise: f64) -> bool {
        (self.outside, self.unknown) < (other.outside, other.unknown)
            || (self.outside, self.unknown) == (other.outside, other.unknown)
                && self.grams < other.grams - noise
    }
}
