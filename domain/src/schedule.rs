//! When the car leaves: a wall time for each day of the week.
//!
//! The domain knows no wall clock; [`WallClock`] brings New York's. A time that the clock change skips is the
//! instant of the change: nobody leaves later than they said. One that comes twice is the first of the two.

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};

use crate::Timestamp;

/// From instants to the wall clock and back.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// What the wall clock shows at an instant.
    pub local: fn(Timestamp) -> NaiveDateTime,
    /// The first instant at which the wall clock shows this, or, where it is skipped, has passed it.
    pub instant: fn(NaiveDateTime) -> Timestamp,
}

/// Departures of a week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// From Monday to Sunday; `None` on days without a departure.
    days: [Option<NaiveTime>; 7],
}

/// No schedule has its next departure further away: a week, and a clock change.
const LOOK_AHEAD_DAYS: u64 = 8;

impl Schedule {
    /// Departures from Monday to Sunday.
    pub fn new(days: [Option<NaiveTime>; 7]) -> Self {
        Self { days }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.days.iter().all(Option::is_none)
    }

    /// The departure of a day of the week.
    pub fn of(&self, day: Weekday) -> Option<NaiveTime> {
        self.days[day.num_days_from_monday() as usize]
    }

    /// The first departure after `now`.
    pub fn next_after(&self, now: Timestamp, clock: WallClock) -> Option<Timestamp> {
        let today = (clock.local)(now).date();
        (0..=LOOK_AHEAD_DAYS)
            .filter_map(|ahead| self.on(today.checked_add_days(Days::new(ahead))?, clock))
            .find(|departure| now < *departure)
    }

    /// The next departure, `once` being one that is not of the schedule: it replaces the one of the schedule
    /// on the same day, even when it has been, and is one more on any other day.
    pub fn next_departure(
        &self,
        once: Option<Timestamp>,
        now: Timestamp,
        clock: WallClock,
    ) -> Option<Timestamp> {
        let day = |at: Timestamp| (clock.local)(at).date();
        let mut next = self.next_after(now, clock);
        if let (Some(once), Some(scheduled)) = (once, next)
            && day(once) == day(scheduled)
        {
            next = self.next_after(scheduled, clock);
        }
        next.into_iter().chain(once.filter(|once| now < *once)).min()
    }

    fn on(&self, date: NaiveDate, clock: WallClock) -> Option<Timestamp> {
        Some((clock.instant)(date.and_time(self.of(date.weekday())?)))
    }
}

/// The last instant before `depart` at which the wall clock showed `time`: since then the car is taken to be
/// at the charger.
pub fn last_before(depart: Timestamp, time: NaiveTime, clock: WallClock) -> Timestamp {
    let date = (clock.local)(depart).date();
    [date, date - TimeDelta::days(1), date - TimeDelta::days(2)]
        .into_iter()
        .map(|date| (clock.instant)(date.and_time(time)))
        .find(|instant| *instant < depart)
        .unwrap_or(depart)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five hours behind UTC, four between 2026-03-08 07:00 and 2026-11-01 06:00 UTC: New York in 2026.
    fn local(ts: Timestamp) -> NaiveDateTime {
        let summer = ts >= at("2026-03-08T07:00:00Z") && ts < at("2026-11-01T06:00:00Z");
        (ts - TimeDelta::hours(if summer { 4 } else { 5 })).naive_utc()
    }

    fn instant(wall: NaiveDateTime) -> Timestamp {
        let guess = |hours| (wall + TimeDelta::hours(hours)).and_utc();
        match [guess(4), guess(5)].into_iter().find(|ts| local(*ts) == wall) {
            Some(ts) => ts,
            None => at("2026-03-08T07:00:00Z"),
        }
    }

    const CLOCK: WallClock = WallClock { local, instant };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn time(hour: u32, minute: u32) -> Option<NaiveTime> {
        NaiveTime::from_hms_opt(hour, minute, 0)
    }

    #[test]
    fn the_next_departure_is_the_first_after_now() {
        let workdays = Schedule::new(
            [time(7, 30); 5]
                .iter()
                .copied()
                .chain([None; 2])
                .collect::<Vec<_>>()
                .try_into()
                .unwrap(),
        );
        let check = |now: &str, expected: &str| {
            assert_eq!(workdays.next_after(at(now), CLOCK), Some(at(expected)), "{now}");
        };
        // Tuesday evening, the very moment, and Friday after it.
        check("2026-03-10T22:00:00Z", "2026-03-11T11:30:00Z");
        check("2026-03-11T11:29:59Z", "2026-03-11T11:30:00Z");
        check("2026-03-11T11:30:00Z", "2026-03-12T11:30:00Z");
        check("2026-03-13T11:30:00Z", "2026-03-16T11:30:00Z");
        assert_eq!(Schedule::default().next_after(at("2026-03-10T22:00:00Z"), CLOCK), None);
    }

    #[test]
    fn a_departure_for_once_replaces_that_of_its_day_and_no_other() {
        let daily = Schedule::new([time(7, 30); 7]);
        let check = |once: &str, now: &str, expected: &str| {
            let next = daily.next_departure(Some(at(once)), at(now), CLOCK);
            assert_eq!(next, Some(at(expected)), "{once} at {now}");
        };
        // Tuesday 2026-03-10, 18:00 EDT; the scheduled ones are 11:30 UTC.
        let now = "2026-03-10T22:00:00Z";
        check("2026-03-11T09:00:00Z", now, "2026-03-11T09:00:00Z");
        check("2026-03-11T16:00:00Z", now, "2026-03-11T16:00:00Z");
        // Still on Tuesday by the wall clock, though Wednesday in UTC: one more.
        check("2026-03-11T03:00:00Z", now, "2026-03-11T03:00:00Z");
        check("2026-03-11T03:00:00Z", "2026-03-11T03:00:00Z", "2026-03-11T11:30:00Z");
        // On a later day: tomorrow's stays.
        check("2026-03-13T09:00:00Z", now, "2026-03-11T11:30:00Z");
        check("2026-03-13T09:00:00Z", "2026-03-12T11:30:00Z", "2026-03-13T09:00:00Z");
        // It has been: the car has left, whatever the schedule says of that day.
        check("2026-03-11T09:00:00Z", "2026-03-11T09:00:00Z", "2026-03-12T11:30:00Z");
        check("2026-03-11T09:00:00Z", "2026-03-11T11:30:00Z", "2026-03-12T11:30:00Z");
        // Long ago, and none.
        check("2026-03-01T09:00:00Z", now, "2026-03-11T11:30:00Z");
        assert_eq!(daily.next_departure(None, at(now), CLOCK), Some(at("2026-03-11T11:30:00Z")));
        let once = Some(at("2026-03-13T09:00:00Z"));
        assert_eq!(Schedule::default().next_departure(once, at(now), CLOCK), once);
    }

    #[test]
    fn once_a_week_is_found_a_week_ahead() {
        let mut days = [None; 7];
        days[1] = time(7, 0);
        let next = Schedule::new(days).next_after(at("2026-03-10T11:00:00Z"), CLOCK);
        assert_eq!(next, Some(at("2026-03-17T11:00:00Z")));
    }

    #[test]
    fn a_departure_that_the_clock_change_skips_or_repeats() {
        let daily = Schedule::new([time(2, 30); 7]);
        let skipped = daily.next_after(at("2026-03-08T05:00:00Z"), CLOCK);
        assert_eq!(
            skipped,
            Some(at("2026-03-08T07:00:00Z")),
            "02:30 never is: when the clock jumps"
        );
        let daily = Schedule::new([time(1, 30); 7]);
        let twice = daily.next_after(at("2026-11-01T04:00:00Z"), CLOCK);
        assert_eq!(twice, Some(at("2026-11-01T05:30:00Z")), "the first 01:30");
        let after = daily.next_after(at("2026-11-01T05:30:00Z"), CLOCK);
        assert_eq!(after, Some(at("2026-11-02T06:30:00Z")), "and not the second");
    }

    #[test]
    fn the_car_is_home_since_the_evening_before() {
        let check = |depart: &str, hour, expected: &str| {
            let since = last_before(at(depart), time(hour, 0).unwrap(), CLOCK);
            assert_eq!(since, at(expected), "{depart} {hour}");
        };
        check("2026-03-11T11:00:00Z", 18, "2026-03-10T22:00:00Z");
        check("2026-03-11T11:00:00Z", 5, "2026-03-11T09:00:00Z");
        check("2026-03-11T11:00:00Z", 7, "2026-03-10T11:00:00Z");
        check("2026-03-08T11:00:00Z", 18, "2026-03-07T23:00:00Z");
    }
}
