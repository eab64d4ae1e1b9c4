//! Forecasts that need no model: what ours is measured against, and its way down when it cannot speak.

use crate::forecast::calendar::{Calendar, Hour};
use crate::forecast::profile::{Day, Mean, Profiles};
use crate::forecast::table::{SIGNAL, Table};

/// A forecast without a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// The last known hour for ever.
    Persistence,
    /// The same hour of the last day known.
    SameHourYesterday,
    /// The same hour of the week before.
    SameHourLastWeek,
    /// Mean of the same local hour over the last 14 days.
    Profile14d,
}

impl Baseline {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Persistence, Self::SameHourYesterday, Self::SameHourLastWeek, Self::Profile14d];

    /// Its name in the backtest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Persistence => "persistence",
            Self::SameHourYesterday => "same-hour-yesterday",
            Self::SameHourLastWeek => "same-hour-last-week",
            Self::Profile14d => "profile-14d",
        }
    }

    /// `hours` hours from `from`, g/kWh, from readings before it. Where the reading that it would repeat
    /// is a hole it says what the ordinary day says.
    pub fn forecast(
        self,
        from: Hour,
        hours: usize,
        table: &Table,
        calendar: &Calendar,
    ) -> Vec<f32> {
        let ordinary = ordinary_day(
            &Profiles::before(from, table, calendar).means[SIGNAL],
            from,
            table,
            calendar,
        );
        (0..hours as i64)
            .map(|ahead| {
                let hour = from + ahead;
                let repeated = match self {
                    Self::Persistence => table
                        .last_known(from)
                        .filter(|last| from.since(*last) <= 24)
                        .map_or(f32::NAN, |last| table.get(last, SIGNAL)),
                    Self::SameHourYesterday => table.get(hour - 24 * (ahead / 24 + 1), SIGNAL),
                    Self::SameHourLastWeek => table.get(hour - 168 * (ahead / 168 + 1), SIGNAL),
                    Self::Profile14d => f32::NAN,
                };
                if repeated.is_finite() { repeated } else { ordinary[calendar.local(hour).1] }
            })
            .collect()
    }
}

/// Shape of the day, by local hour: mean direct production-based intensity of January to June 2022 over
/// its mean. Since then the day has become flatter still.
const SHAPE: Day = [
    0.969, 0.953, 0.947, 0.945, 0.954, 0.974, 0.992, 1.005, 1.010, 1.010, 1.001, 0.997, 0.996,
    0.996, 0.997, 1.010, 1.029, 1.051, 1.059, 1.058, 1.045, 1.023, 0.994, 0.985,
];

/// Mean of the year 2022, g/kWh: what is said when nothing is known.
const LEVEL: f32 = 223.0;

/// `day` without its holes: they are filled by the shape of the day at the level of what is known in
/// `day`, or else of the last two days' readings, or else of 2022. Never zero.
pub fn ordinary_day(day: &Day, from: Hour, table: &Table, calendar: &Calendar) -> Day {
    let level = |pairs: &mut dyn Iterator<Item = (usize, f32)>| {
        Mean::of(pairs.map(|(clock, value)| value / SHAPE[clock]))
    };
    let mut known = level(&mut day.iter().copied().enumerate());
    if known.is_nan() {
        let recent = (1..=48).map(|ago| from - ago).filter(|hour| *hour >= calendar.first());
        known = level(&mut recent.map(|hour| (calendar.local(hour).1, table.get(hour, SIGNAL))));
    }
    let known = if known.is_finite() && known > 0.0 { known } else { LEVEL };
    std::array::from_fn(|clock| {
        let value = day[clock];
        if value.is_finite() && value > 0.0 { value } else { known * SHAPE[clock] }
    })
}
