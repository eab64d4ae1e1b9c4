//! A plausible New York that never was: the fuel mix of any day since 2015-12-09, made up from a seed.
//!
//! The shapes follow what NYISO's files show (2016-17, first half of 2022, February 2025): load with its
//! seasons, weekends and hours; four reactors that run flat, are refueled in spring and autumn and trip
//! once a year; hydro that follows the load; wind that comes and goes over days; sun at midday inside
//! "Other Renewables"; gas and dual fuel fill the rest. A pure function of seed and instant.

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Weekday};
use domain::Timestamp;
use domain::fuel_mix::Fuel;
use nyiso::eastern::{midnight, wall_clock};

use super::day_file::{DayFile, StampStyle};
use super::noise::{Noise, smoothstep};
use super::reactors::Reactors;

/// The header of today's files.
pub(super) const HEADER: &str = "Time Stamp,Time Zone,Fuel Category,Gen MW";

/// NYISO's feed begins here, and so does what is made up.
pub(super) const FIRST_DAY: NaiveDate =
    NaiveDate::from_ymd_opt(2015, 12, 9).expect("a date of the calendar");

/// Seconds between two runs of NYISO's dispatch.
const STEP_SECS: i64 = 300;

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Each quantity draws from noise of its own.
mod channel {
    pub const WEATHER: u64 = 1;
    pub const LOAD: u64 = 2;
    pub const HYDRO: u64 = 3;
    pub const WIND: u64 = 4;
    pub const CLOUD: u64 = 5;
    pub const WASTE: u64 = 6;
    pub const PEAKER: u64 = 7;
    pub const SPLIT: u64 = 8;
    pub const GRID: u64 = 9;
    pub const HOLE: u64 = 10;
    pub const NUCLEAR: u64 = 11;
}

/// Generation in the state over its mean of the day, for each hour of a winter day.
const WINTER_HOURS: [f64; 24] = [
    0.91, 0.89, 0.89, 0.89, 0.90, 0.92, 0.99, 1.04, 1.04, 1.03, 1.01, 1.00, 0.99, 0.99, 1.00, 1.02,
    1.07, 1.12, 1.15, 1.14, 1.11, 1.06, 1.00, 0.95,
];

/// The same of a summer day.
const SUMMER_HOURS: [f64; 24] = [
    0.86, 0.83, 0.81, 0.80, 0.80, 0.82, 0.88, 0.95, 0.99, 1.02, 1.05, 1.07, 1.08, 1.09, 1.10, 1.11,
    1.13, 1.14, 1.13, 1.11, 1.09, 1.04, 0.96, 0.90,
];

/// Makes up fuel mixes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generator {
    noise: Noise,
    reactors: Reactors,
}

impl Generator {
    /// The New York of this seed.
    pub fn new(seed: u64) -> Self {
        let noise = Noise::new(seed);
        Self { noise, reactors: Reactors::new(noise, channel::NUCLEAR) }
    }

    /// The file of an Eastern day; `None` before [`FIRST_DAY`].
    pub fn day(&self, day: NaiveDate) -> Option<DayFile> {
        if day < FIRST_DAY {
            return None;
        }
        let mut file = DayFile::new(HEADER, StampStyle::Seconds);
        for ts in self.instants(midnight(day), midnight(day.succ_opt()?)) {
            let (wall, zone) = wall_clock(ts);
            for (fuel, megawatts) in Fuel::ALL.into_iter().zip(self.mix_at(ts, wall)) {
                file.push(wall, zone, format_args!("{},{megawatts}.0", fuel.name()));
            }
        }
        Some(file)
    }

    /// The stamps in `(after, until]`, ascending: every five minutes, 1 % of them late by some seconds,
    /// 1 % followed by another one off the grid, and now and then a hole.
    fn instants(&self, after: Timestamp, until: Timestamp) -> impl Iterator<Item = Timestamp> {
        let slots =
            after.timestamp().div_euclid(STEP_SECS)..=until.timestamp().div_euclid(STEP_SECS);
        let noise = self.noise;
        slots
            .filter(move |slot| !in_hole(noise, *slot))
            .flat_map(move |slot| {
                let bits = noise.bits(channel::GRID, slot);
                let offset = 1 + i64::try_from((bits >> 32) % 298).expect("a small number");
                let start = slot * STEP_SECS;
                let (first, extra) = match bits % 100 {
                    0 => (start + offset, None),
                    1 => (start, Some(start + offset)),
                    _ => (start, None),
                };
                std::iter::once(first).chain(extra)
            })
            .filter_map(|secs| Timestamp::from_timestamp(secs, 0))
            .filter(move |ts| after < *ts && *ts <= until)
    }

    /// MW of each of [`Fuel::ALL`] at `ts`.
    pub fn megawatts(&self, ts: Timestamp) -> [u32; Fuel::COUNT] {
        self.mix_at(ts, wall_clock(ts).0)
    }

    /// MW of each of [`Fuel::ALL`] at `ts`, which New York's clocks show as `wall`.
    fn mix_at(&self, ts: Timestamp, wall: NaiveDateTime) -> [u32; Fuel::COUNT] {
        let secs = ts.timestamp();
        let noise = |channel, period| self.noise.smooth(channel, secs, period);
        let jitter = |channel| self.noise.jitter(channel, secs);
        let season = Season::of(wall);

        let (day_mean, total) = self.load(secs, wall, season);
        let nuclear = self.reactors.output(wall, season.summer) + 1.5 * jitter(channel::NUCLEAR);
        let hydro = 2_700.0
            + 350.0 * season.bump(115.0, 40.0)
            + 0.24 * (total - day_mean)
            + 200.0 * noise(channel::HYDRO, 2 * DAY)
            + 45.0 * jitter(channel::HYDRO);
        let hydro = hydro.clamp(900.0, 5_000.0);
        let wind = self.wind(secs, season);
        let other_renewables = self.other_renewables(secs, season);
        let peakers =
            3.0 + 4.0 * noise(channel::PEAKER, 6 * HOUR) + 0.09 * (total - 18_500.0).max(0.0);
        let peakers = peakers.clamp(0.0, 2_400.0);

        let fossil = total - nuclear - hydro - wind - other_renewables - peakers;
        let fossil = fossil.max(1_900.0);
        let dual_share = 0.535
            + 0.035 * noise(channel::SPLIT, 2 * DAY)
            + 0.03 * ((fossil - 7_800.0) / 4_000.0).clamp(-1.0, 1.0)
            + 0.003 * jitter(channel::SPLIT);
        let gas = (fossil * (1.0 - dual_share)).min(6_500.0);
        let dual = fossil - gas;

        [dual, gas, nuclear, peakers, other_renewables, wind, hydro].map(to_megawatts)
    }

    /// What the plants of the state generate, MW: the mean of the day, and now.
    fn load(&self, secs: i64, wall: NaiveDateTime, season: Season) -> (f64, f64) {
        let (cold, hot) = (season.bump(18.0, 30.0), season.bump(207.0, 36.0));
        let weather = 0.65 * self.noise.smooth(channel::WEATHER, secs, 4 * DAY)
            + 0.35 * self.noise.smooth(channel::WEATHER + 100, secs, 30 * HOUR);
        let level = 14_000.0
            + 1_200.0 * cold
            + 2_900.0 * hot
            + weather * (800.0 + 900.0 * cold + 1_700.0 * hot);
        let hour = f64::from(wall.num_seconds_from_midnight()) / 3600.0;
        // A day does not change its nature at midnight sharp.
        let of = |day: NaiveDate| weekday_factor(day.weekday());
        let week =
            lerp(of(wall.date() - TimeDelta::days(1)), of(wall.date()), smoothstep(hour / 6.0));
        let hours = lerp(at_hour(&WINTER_HOURS, hour), at_hour(&SUMMER_HOURS, hour), season.summer);
        let day_mean = level * week;
        (day_mean, day_mean * hours + 25.0 * self.noise.jitter(channel::LOAD, secs))
    }

    /// 2,252 MW of it stood in New York in early 2025.
    fn wind(&self, secs: i64, season: Season) -> f64 {
        let octaves =
            [(0.75, 5 * DAY), (0.6, 34 * HOUR), (0.5, 9 * HOUR), (0.18, 2 * HOUR), (0.07, 1_800)];
        let gusts = octaves
            .iter()
            .zip(0..)
            .map(|((weight, period), octave)| {
                weight * self.noise.smooth(channel::WIND + 100 * octave, secs, *period)
            })
            .sum::<f64>();
        let calm_summer = -0.45 - 1.05 * season.summer;
        let share = 1.0 / (1.0 + (-(2.6 * gusts + calm_summer)).exp());
        (2_252.0 * share + 6.0 * self.noise.jitter(channel::WIND, secs)).clamp(0.0, 2_252.0)
    }

    /// Waste, wood and landfill gas all day, and the sun on top.
    fn other_renewables(&self, secs: i64, season: Season) -> f64 {
        let cloud = 0.5
            + 0.5
                * (0.7 * self.noise.smooth(channel::CLOUD, secs, 26 * HOUR)
                    + 0.3 * self.noise.smooth(channel::CLOUD + 100, secs, HOUR));
        let sun = 460.0 * season.sun_height(secs).max(0.0).powf(0.85) * (1.0 - 0.7 * cloud);
        let floor = 230.0
            + 14.0 * self.noise.smooth(channel::WASTE, secs, 3 * DAY)
            + 3.0 * self.noise.jitter(channel::WASTE, secs);
        (floor + sun).clamp(156.0, 749.0)
    }
}

/// A hole of 15 to 60 minutes about 13 times a year, a single missing instant now and then.
fn in_hole(noise: Noise, slot: i64) -> bool {
    let (hour, place) = (slot.div_euclid(12), slot.rem_euclid(12).cast_unsigned());
    let bits = noise.bits(channel::HOLE, hour);
    let long = bits.is_multiple_of(700) && place < 2 + (bits >> 32) % 11;
    long || noise.bits(channel::HOLE + 100, slot).is_multiple_of(2_500)
}

/// Where in the year an instant is.
#[derive(Clone, Copy, Debug)]
struct Season {
    /// Day of the year, with its fraction.
    day: f64,
    /// 0 in January, 1 in July.
    summer: f64,
}

impl Season {
    fn of(wall: NaiveDateTime) -> Self {
        let day =
            f64::from(wall.ordinal0()) + f64::from(wall.num_seconds_from_midnight()) / 86_400.0;
        let turn = std::f64::consts::TAU * (day - 20.0) / 365.25;
        Self { day, summer: 0.5 - 0.5 * turn.cos() }
    }

    /// A bell around a day of the year, 1 at its top.
    fn bump(self, center: f64, width: f64) -> f64 {
        let apart = (self.day - center + 182.6).rem_euclid(365.25) - 182.6;
        (-0.5 * (apart / width).powi(2)).exp()
    }

    /// Sine of the sun's height over the middle of the state, 42.9° N 75.5° W.
    fn sun_height(self, secs: i64) -> f64 {
        let (latitude, longitude) = (42.9_f64.to_radians(), -75.5);
        let declination =
            23.44_f64.to_radians() * (std::f64::consts::TAU * (self.day + 285.0) / 365.25).sin();
        let solar_hour = secs.rem_euclid(DAY) as f64 / 3600.0 + longitude / 15.0;
        let angle = ((solar_hour - 12.0) * 15.0).to_radians();
        latitude.sin() * declination.sin() + latitude.cos() * declination.cos() * angle.cos()
    }
}

fn weekday_factor(day: Weekday) -> f64 {
    match day {
        Weekday::Sat => 0.96,
        Weekday::Sun => 0.94,
        _ => 1.02,
    }
}

/// The value between the middles of two hours.
fn at_hour(hours: &[f64; 24], hour: f64) -> f64 {
    let place = (hour - 0.5).rem_euclid(24.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 23.99 by rem_euclid"
    )]
    let index = place as usize % 24;
    lerp(hours[index], hours[(index + 1) % 24], place.fract())
}

fn lerp(from: f64, to: f64, part: f64) -> f64 {
    from + (to - from) * part
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped above zero, and far under 4e9 MW"
)]
fn to_megawatts(value: f64) -> u32 {
    value.round().max(0.0) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::carbon::average_intensity;
    use domain::factors::FactorSetName;
    use domain::fuel_mix::FuelMix;
    use domain::units::Megawatts;
    use std::ops::RangeInclusive;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn grams(mix: [u32; Fuel::COUNT]) -> f64 {
        let mut fuels = FuelMix::new(Timestamp::UNIX_EPOCH);
        for (fuel, megawatts) in Fuel::ALL.into_iter().zip(mix) {
            fuels.set(fuel, Megawatts::new(megawatts.into()).unwrap());
        }
        average_intensity(&fuels, FactorSetName::Ny2026_1.load()).unwrap().direct.grams_per_kwh()
    }

    /// Every quarter of an hour of a year.
    fn year(seed: u64, first: &str) -> Vec<(Timestamp, [u32; Fuel::COUNT])> {
        let generator = Generator::new(seed);
        let start = midnight(date(first));
        (0..365 * 96)
            .map(|quarter| {
                let ts = start + TimeDelta::minutes(15 * quarter);
                (ts, generator.mix_at(ts, wall_clock(ts).0))
            })
            .collect()
    }

    #[track_caller]
    fn check(what: &str, value: f64, expected: RangeInclusive<f64>) {
        assert!(expected.contains(&value), "{what}: {value:.1} is not in {expected:?}");
    }

    fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
        let count = values.len() as f64;
        values.sum::<f64>() / count
    }

    /// Ranges and means as measured in NYISO's files.
    #[test]
    fn a_year_is_plausible() {
        for (seed, first) in [(1, "2026-01-01"), (2, "2025-07-01"), (99, "2019-01-01")] {
            let year = year(seed, first);
            let measured = [
                (Fuel::DualFuel, 626.0..=12_182.0, 3_000.0..=5_000.0),
                (Fuel::NaturalGas, 744.0..=6_611.0, 2_800.0..=4_200.0),
                (Fuel::Nuclear, 1_778.0..=5_455.0, 3_000.0..=3_350.0),
                (Fuel::OtherFossil, 0.0..=2_424.0, 1.0..=70.0),
                (Fuel::OtherRenewables, 156.0..=749.0, 250.0..=330.0),
                (Fuel::Wind, 0.0..=2_252.0, 450.0..=900.0),
                (Fuel::Hydro, 855.0..=5_240.0, 2_500.0..=3_200.0),
            ];
            for (fuel, range, means) in measured {
                let values = year.iter().map(|(_, mix)| f64::from(mix[fuel.index()]));
                check(fuel.name(), values.clone().fold(f64::MAX, f64::min), range.clone());
                check(fuel.name(), values.clone().fold(0.0, f64::max), range);
                check(fuel.name(), mean(values), means);
            }
            let intensity = year.iter().map(|(_, mix)| grams(*mix)).collect::<Vec<_>>();
            check("mean g/kWh", mean(intensity.iter().copied()), 215.0..=245.0);
            let swings = intensity.chunks(96).map(|day| {
                day.iter().copied().fold(0.0, f64::max)
                    - day.iter().copied().fold(f64::MAX, f64::min)
            });
            check("daily swing, g/kWh", mean(swings), 34.0..=60.0);
        }
    }

    #[test]
    fn summer_evenings_are_dirtier_than_spring_nights_and_the_sun_shines_at_noon() {
        let year = year(1, "2026-01-01");
        let of = |months: RangeInclusive<u32>, hour: u32, value: &dyn Fn(&[u32; 7]) -> f64| {
            let values = year
                .iter()
                .filter(|(ts, _)| {
                    let (wall, _) = wall_clock(*ts);
                    months.contains(&wall.month()) && wall.hour() == hour
                })
                .map(|(_, mix)| value(mix))
                .collect::<Vec<_>>();
            mean(values.into_iter())
        };
        let intensity = |mix: &[u32; 7]| grams(*mix);
        assert!(of(7..=8, 18, &intensity) > of(4..=5, 3, &intensity) + 40.0);
        let renewables = |mix: &[u32; 7]| f64::from(mix[Fuel::OtherRenewables.index()]);
        assert!(of(5..=7, 12, &renewables) > of(5..=7, 2, &renewables) + 150.0);
        let wind = |mix: &[u32; 7]| f64::from(mix[Fuel::Wind.index()]);
        assert!(of(1..=2, 12, &wind) > of(7..=8, 12, &wind) + 200.0);
    }

    #[test]
    fn five_minutes_change_little() {
        let generator = Generator::new(1);
        let start = midnight(date("2026-01-01"));
        let day = (0..288).map(|step| {
            let ts = start + TimeDelta::minutes(5 * step);
            grams(generator.mix_at(ts, wall_clock(ts).0))
        });
        let day = day.collect::<Vec<_>>();
        let largest = day.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max);
        check("largest step, g/kWh", largest, 0.5..=8.0);
    }

    #[test]
    fn any_day_can_be_made_on_its_own_and_always_the_same() {
        let text = |seed, day| {
            let file = Generator::new(seed).day(date(day)).unwrap();
            let rows = file.rows().iter();
            rows.map(|row| format!("{} {} {}", row.wall, row.zone, file.rest(row)))
                .collect::<Vec<_>>()
        };
        assert_eq!(text(7, "2026-07-04"), text(7, "2026-07-04"));
        assert_ne!(text(7, "2026-07-04"), text(8, "2026-07-04"));
        assert!(Generator::new(7).day(date("2015-12-08")).is_none());
    }

    #[test]
    fn stamps_ascend_are_sometimes_off_the_grid_and_sometimes_missing() {
        let generator = Generator::new(1);
        let (after, until) = (midnight(date("2026-01-01")), midnight(date("2027-01-01")));
        let stamps = generator.instants(after, until).collect::<Vec<_>>();
        assert!(stamps.iter().all(|ts| after < *ts && *ts <= until));
        assert!(stamps.windows(2).all(|pair| pair[0] < pair[1]));
        let off_grid = stamps.iter().filter(|ts| ts.timestamp() % 300 != 0).count();
        check("% off the grid", 100.0 * off_grid as f64 / stamps.len() as f64, 1.5..=2.5);
        let holes = stamps.windows(2).filter(|pair| pair[1] - pair[0] > TimeDelta::minutes(14));
        check("holes a year", holes.count() as f64, 3.0..=30.0);
    }

    #[track_caller]
    fn check_day(day: &str, instants: RangeInclusive<usize>) {
        let file = Generator::new(1).day(date(day)).unwrap();
        let count = file.rows().len() / Fuel::COUNT;
        assert!(instants.contains(&count), "{day}: {count}");
        let last = file.rows().last().unwrap().wall;
        assert_eq!(last, date(day).succ_opt().unwrap().and_time(chrono::NaiveTime::MIN));
    }

    #[test]
    fn days_of_a_clock_change_are_as_long_as_they_are() {
        check_day("2026-03-08", 265..=282);
        check_day("2026-03-10", 280..=295);
        check_day("2026-11-01", 290..=306);
    }
}
