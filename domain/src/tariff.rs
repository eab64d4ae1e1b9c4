//! What a household pays for a kWh: a price for all times, and periods with prices of their own.
//!
//! New York's time-of-use rates are of this form: hours of the day, days of the week, months of the year. The
//! domain knows no wall clock; [`WallClock`] brings New York's.

use chrono::{Datelike, NaiveDateTime, TimeDelta, Timelike};

use crate::Timestamp;
use crate::plan::Slot;
use crate::schedule::WallClock;

/// Times of a tariff lie on this grid; so do the offsets of New York's clock.
pub const GRID: TimeDelta = TimeDelta::minutes(15);

/// Minutes of a day.
pub const DAY_MINUTES: u32 = 24 * 60;

/// Hours with a price of their own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Period {
    /// Days of the week on which it begins, from Monday.
    pub days: [bool; 7],
    /// Months in which it begins, from January.
    pub months: [bool; 12],
    /// First minute of the day, a multiple of 15 below 1440.
    pub from: u32,
    /// First minute after it, a multiple of 15 up to 1440. Not above `from`: it ends on the next day.
    pub to: u32,
    /// $ per kWh; may be negative.
    pub price: f64,
}

impl Period {
    /// Whether the wall time lies in it.
    fn covers(&self, wall: NaiveDateTime) -> bool {
        let minute = wall.hour() * 60 + wall.minute();
        let begins_on = |day: NaiveDateTime| {
            self.days[day.weekday().num_days_from_monday() as usize]
                && self.months[day.month0() as usize]
        };
        if self.from < self.to {
            return (self.from..self.to).contains(&minute) && begins_on(wall);
        }
        (self.from <= minute && begins_on(wall))
            || (minute < self.to && begins_on(wall - TimeDelta::days(1)))
    }
}

/// Prices of a household.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tariff {
    /// $ per kWh at all times that no period names.
    pub otherwise: f64,
    /// The first that covers a time has its price.
    pub periods: Vec<Period>,
}

impl Tariff {
    /// What a kWh costs at `ts`, $.
    pub fn at(&self, ts: Timestamp, clock: WallClock) -> f64 {
        let wall = (clock.local)(ts);
        let period = self.periods.iter().find(|period| period.covers(wall));
        period.map_or(self.otherwise, |period| period.price)
    }

    /// Prices from `from`, cut to the grid, until `to`: ascending, without a hole, equal neighbors joined.
    pub fn slots(&self, from: Timestamp, to: Timestamp, clock: WallClock) -> Vec<Slot> {
        let grid = GRID.num_seconds();
        let first = from.timestamp().div_euclid(grid) * grid;
        let Some(mut start) = Timestamp::from_timestamp(first, 0) else { return Vec::new() };
        let mut slots: Vec<Slot> = Vec::new();
        while start < to {
            let (end, value) = (start + GRID, self.at(start, clock));
            match slots.last_mut() {
                Some(last) if last.value.to_bits() == value.to_bits() => last.end = end,
                _ => slots.push(Slot { start, end, value }),
            }
            start = end;
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// UTC is wall time here; how New York's clock changes is tested where it is known.
    const CLOCK: WallClock =
        WallClock { local: |ts| ts.naive_utc(), instant: |wall| wall.and_utc() };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn summer_peak() -> Period {
        let mut months = [false; 12];
        months[5..9].fill(true);
        let mut days = [true; 7];
        days[5..].fill(false);
        Period { days, months, from: 8 * 60, to: DAY_MINUTES, price: 0.40 }
    }

    fn nights() -> Period {
        Period { days: [true; 7], months: [true; 12], from: 22 * 60, to: 7 * 60 + 30, price: 0.05 }
    }

    #[test]
    fn the_first_period_that_covers_a_time_has_its_price() {
        let tariff = Tariff { otherwise: 0.20, periods: vec![summer_peak(), nights()] };
        let check = |time: &str, expected: f64| {
            assert_eq!(tariff.at(at(time), CLOCK).to_bits(), expected.to_bits(), "{time}");
        };
        // A Tuesday in July, a Saturday in July, a Tuesday in March.
        check("2026-07-14T08:00:00Z", 0.40);
        check("2026-07-14T23:59:00Z", 0.40);
        check("2026-07-14T07:45:00Z", 0.20);
        check("2026-07-18T12:00:00Z", 0.20);
        check("2026-07-18T23:00:00Z", 0.05);
        check("2026-03-10T12:00:00Z", 0.20);
        check("2026-03-10T22:00:00Z", 0.05);
        check("2026-03-10T07:29:00Z", 0.05);
        check("2026-03-10T07:30:00Z", 0.20);
    }

    #[test]
    fn a_night_belongs_to_the_day_and_month_on_which_it_begins() {
        let mut friday = nights();
        friday.days = [false; 7];
        friday.days[4] = true;
        friday.months = [false; 12];
        friday.months[6] = true;
        let tariff = Tariff { otherwise: 0.20, periods: vec![friday] };
        // 2026-07-31 is a Friday.
        assert!(tariff.at(at("2026-07-31T23:00:00Z"), CLOCK) < 0.1);
        assert!(tariff.at(at("2026-08-01T03:00:00Z"), CLOCK) < 0.1, "August, but a July night");
        assert!(0.1 < tariff.at(at("2026-07-31T03:00:00Z"), CLOCK), "Thursday's night");
    }

    #[test]
    fn slots_join_equal_prices_and_have_no_hole() {
        let tariff = Tariff { otherwise: 0.20, periods: vec![nights()] };
        let slots = tariff.slots(at("2026-03-10T20:07:00Z"), at("2026-03-11T09:00:00Z"), CLOCK);
        let drawn: Vec<String> = slots
            .iter()
            .map(|slot| {
                format!(
                    "{}-{} {}",
                    slot.start.format("%H:%M"),
                    slot.end.format("%H:%M"),
                    slot.value
                )
            })
            .collect();
        assert_eq!(drawn, ["20:00-22:00 0.2", "22:00-07:30 0.05", "07:30-09:00 0.2"]);
    }
}
