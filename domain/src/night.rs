//! Sun inside "Other Renewables": NYISO has no solar category, so what exceeds the last night is the sun.
//!
//! The floor is the mean of Other Renewables from 00:00 to 05:00 New York time: waste, wood and landfill
//! gas, which run day and night.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike};

use crate::Timestamp;
use crate::fuel_mix::{Fuel, FuelMix};
use crate::series::LONGEST_INTERVAL;
use crate::units::Megawatts;

/// What New York's wall clock shows at an instant. The domain has no time-zone database.
pub type LocalTime = fn(Timestamp) -> NaiveDateTime;

/// The night ends at this hour of the wall clock.
const NIGHT_ENDS: u32 = 5;

/// The sun is down from this hour on, all year.
const SUN_IS_DOWN: u32 = 21;

/// A night of which less is known gives no floor.
const SHORTEST_NIGHT: TimeDelta = TimeDelta::minutes(30);

/// The floor of each night.
#[derive(Clone, Debug)]
pub struct NightFloors {
    local: LocalTime,
    nights: BTreeMap<NaiveDate, BTreeMap<Timestamp, (f64, f64)>>,
    /// Older nights are forgotten; `None` keeps them all.
    keeps: Option<usize>,
}

impl NightFloors {
    /// Knows nothing, and remembers the last `keeps` nights (all with `None`).
    pub fn new(local: LocalTime, keeps: Option<usize>) -> Self {
        Self { local, nights: BTreeMap::new(), keeps }
    }

    /// Takes the Other Renewables of `mix`, the mean over `interval` before its stamp, if it is of a night.
    pub fn add(&mut self, mix: &FuelMix, interval: TimeDelta) {
        // The stamp ends the interval: 05:00 is still night, 00:00 belongs to the evening before.
        let wall = (self.local)(mix.ts - TimeDelta::seconds(1));
        if wall.hour() >= NIGHT_ENDS {
            return;
        }
        let seconds = interval.num_seconds() as f64;
        let night = self.nights.entry(wall.date()).or_default();
        match mix.get(Fuel::OtherRenewables) {
            Some(power) => drop(night.insert(mix.ts, (power.value(), seconds))),
            None => drop(night.remove(&mix.ts)),
        }
        while self.keeps.is_some_and(|keeps| self.nights.len() > keeps) {
            self.nights.pop_first();
        }
    }

    /// As [`NightFloors::add`], of an instant of the feed, whose interval is at most a quarter of an hour.
    pub fn add_instant(&mut self, mix: &FuelMix, interval_s: u32) {
        self.add(mix, TimeDelta::seconds(i64::from(interval_s)).min(LONGEST_INTERVAL));
    }

    /// The floor that holds for the interval that ends at `ts`, MW: of the night that has ended last;
    /// `None` where it is not known.
    pub fn floor(&self, ts: Timestamp) -> Option<f64> {
        let wall = (self.local)(ts - TimeDelta::seconds(1));
        let ended = wall.hour() >= NIGHT_ENDS;
        let date = if ended { wall.date() } else { wall.date().checked_sub_days(Days::new(1))? };
        let night = self.nights.get(&date)?;
        let (sum, seconds) = night.values().fold((0.0, 0.0), |(sum, all), (power, seconds)| {
            (sum + power * seconds, all + seconds)
        });
        (seconds >= SHORTEST_NIGHT.num_seconds() as f64).then(|| sum / seconds)
    }

    /// How Other Renewables of `mix` divide.
    pub fn split(&self, mix: &FuelMix) -> Split {
        let wall = (self.local)(mix.ts - TimeDelta::seconds(1)).time();
        let day = time(NIGHT_ENDS) <= wall && wall < time(SUN_IS_DOWN);
        let floor_mw = self.floor(mix.ts);
        let power = mix.get(Fuel::OtherRenewables).map_or(0.0, Megawatts::value);
        let sun_mw = floor_mw.filter(|_| day).map_or(0.0, |floor| (power - floor).max(0.0));
        Split { floor_mw, sun_mw }
    }
}

fn time(hour: u32) -> NaiveTime {
    NaiveTime::from_hms_opt(hour, 0, 0).expect("an hour of the day")
}

/// How Other Renewables divide at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Split {
    /// Mean of the last night, MW; `None` where it is not known: then there is no sun either.
    pub floor_mw: Option<f64>,
    /// What is counted as sun, MW; 0 by night.
    pub sun_mw: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EST all year.
    fn local(ts: Timestamp) -> NaiveDateTime {
        (ts - TimeDelta::hours(5)).naive_utc()
    }

    /// At `hour:minute` local on 10 March 2026.
    fn mix(hour: i64, minute: i64, renewables: f64) -> FuelMix {
        let midnight: Timestamp = "2026-03-10T05:00:00Z".parse().unwrap();
        let mut mix = FuelMix::new(midnight + TimeDelta::hours(hour) + TimeDelta::minutes(minute));
        mix.set(Fuel::OtherRenewables, Megawatts::new(renewables).unwrap());
        mix
    }

    fn floors() -> NightFloors {
        let mut floors = NightFloors::new(local, Some(3));
        for minute in (5..=300).step_by(5) {
            floors.add_instant(&mix(0, minute, if minute <= 150 { 200.0 } else { 300.0 }), 300);
        }
        // Neither the evening before nor the morning after counts.
        floors.add_instant(&mix(0, 0, 900.0), 300);
        floors.add_instant(&mix(5, 5, 900.0), 300);
        floors
    }

    #[track_caller]
    fn check(mix: &FuelMix, floor_mw: Option<f64>, sun_mw: f64) {
        assert_eq!(floors().split(mix), Split { floor_mw, sun_mw }, "{}", local(mix.ts));
    }

    #[test]
    fn what_exceeds_the_last_night_by_day_is_sun() {
        check(&mix(12, 0, 700.0), Some(250.0), 450.0);
        check(&mix(12, 0, 240.0), Some(250.0), 0.0);
        check(&mix(5, 5, 260.0), Some(250.0), 10.0);
        check(&mix(21, 5, 700.0), Some(250.0), 0.0);
        check(&mix(24 + 4, 0, 300.0), Some(250.0), 0.0);
    }

    #[test]
    fn without_the_night_nothing_is_sun() {
        check(&mix(3, 0, 700.0), None, 0.0);
        check(&mix(24 + 12, 0, 700.0), None, 0.0);
        let mut short = NightFloors::new(local, None);
        short.add_instant(&mix(1, 0, 200.0), 300);
        assert_eq!(short.floor(mix(12, 0, 0.0).ts), None, "five minutes are no night");
    }

    #[test]
    fn a_correction_replaces_and_old_nights_go() {
        let mut floors = floors();
        for minute in (5..=300).step_by(5) {
            floors.add_instant(&mix(0, minute, 100.0), 300);
        }
        assert_eq!(floors.floor(mix(12, 0, 0.0).ts), Some(100.0));
        for day in 1..=3 {
            floors.add_instant(&mix(24 * day + 1, 0, 100.0), 300);
        }
        assert_eq!(floors.floor(mix(12, 0, 0.0).ts), None);
    }
}
