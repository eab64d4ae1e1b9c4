//! What the regression looks at: 107 numbers for an hour to be forecast, most of them anomalies against
//! the ordinary day.
//!
//! The columns come in groups. Each group has a prior: how large its weight may become, in the first
//! hour and in the last (in between on a log scale). The lags of the signal say much about tonight and
//! little about Thursday, the weather in the load forecast says the same about both.

use crate::Timestamp;
use crate::factors::FactorSetName;
use crate::forecast::HORIZON;
use crate::forecast::calendar::{Calendar, Hour};
use crate::forecast::load::{self, LoadForecasts};
use crate::forecast::profile::{Mean, Profiles};
use crate::forecast::table::{
    FOSSIL_FACTOR, HYDRO, IMPORT, LOAD, NUCLEAR, OTHER_RENEWABLES, SIGNAL, TOTAL, Table, WIND,
};
use crate::fuel_mix::Fuel;

/// Prior of a group: scale of its standardized weights in the first hour and in the last.
type Prior = (f64, f64);

/// A group of columns.
pub struct Group {
    /// For people.
    pub name: &'static str,
    /// How many columns it has.
    pub columns: usize,
    /// Prior where a load forecast is at hand.
    pub with_load: Prior,
    /// Prior without; `None` for what needs a load forecast.
    pub without_load: Option<Prior>,
}

/// The groups, in the order of their columns. Those that need no load forecast come first.
// Chosen on 2016-2019 (see docs/methodology.md); a factor of two either way changes little.
pub const GROUPS: [Group; 15] = [
    group("lags of the signal", 19, (1.0, 0.3), Some((1.0, 0.3))),
    group("lags of total, nuclear, wind, hydro", 24, (0.2, 0.06), Some((0.24, 0.12))),
    group("wind over the last hours", 3, (0.2, 0.1), Some((0.1, 0.1))),
    group("week, month and recent days against the fortnight", 3, (0.12, 0.12), Some((0.12, 0.12))),
    group("weekday, holiday", 5, (0.2, 0.3), Some((0.5, 0.5))),
    group("season", 2, (0.4, 0.4), Some((0.1, 0.1))),
    group("half-season", 2, (0.2, 0.1), Some((0.3, 0.15))),
    group("load: then, last day, last hour", 3, (1.5, 1.5), None),
    group("load around then", 3, (2.0, 3.0), None),
    group("intensity if the rest stays", 1, (2.0, 2.0), None),
    group("load by zone", 11, (0.4, 0.4), None),
    group("slope of load by zone", 11, (0.2, 0.2), None),
    group("midday against morning and evening by zone", 11, (0.2, 0.4), None),
    group("load of the four days", 4, (0.3, 0.3), None),
    group("imports", 5, (0.2, 0.1), None),
];

const fn group(
    name: &'static str,
    columns: usize,
    with_load: Prior,
    without_load: Option<Prior>,
) -> Group {
    Group { name, columns, with_load, without_load }
}

/// Columns that need no load forecast.
pub const PLAIN: usize = columns(false);

/// All columns.
pub const COLUMNS: usize = columns(true);

const fn columns(all: bool) -> usize {
    let (mut sum, mut at) = (0, 0);
    while at < GROUPS.len() {
        if all || GROUPS[at].without_load.is_some() {
            sum += GROUPS[at].columns;
        }
        at += 1;
    }
    sum
}

/// Zones of the load forecast.
const ZONES: usize = load::COLUMNS - 1;

/// How far before and after the issue the load's anomalies are laid out.
const BEHIND: i64 = 12;
const AHEAD: i64 = HORIZON as i64 + 48;

/// One instant to forecast from, with all that does not depend on the hour to be forecast.
pub struct Issue<'a> {
    /// The first hour to be forecast; all before it may be known.
    pub from: Hour,
    /// The ordinary day as of then.
    pub profiles: Profiles,
    table: &'a Table,
    calendar: &'a Calendar,
    lags: [f32; 19],
    fuels: [[f32; 5]; 4],
    wind: [f32; 3],
    hydro_day: f32,
    wind_day: f32,
    nuclear_last: f32,
    imports: [f32; 3],
    load_past: [f32; 2],
    load_days: [f32; 4],
    /// Load forecast's anomalies by hour from `from - BEHIND`.
    load: Vec<[f32; load::COLUMNS]>,
    /// The state's load by hour from `from`.
    state_load: Vec<f32>,
}

/// Series whose lags count, each against its own ordinary day.
const LAGGED: [usize; 4] = [TOTAL, NUCLEAR, WIND, HYDRO];

impl<'a> Issue<'a> {
    /// Looks at hours before `from` and at load forecasts known at `now`, and at nothing else.
    pub fn new(
        from: Hour,
        now: Timestamp,
        table: &'a Table,
        loads: &LoadForecasts,
        calendar: &'a Calendar,
    ) -> Self {
        let profiles = Profiles::before(from, table, calendar);
        let mut issue = Self {
            from,
            profiles,
            table,
            calendar,
            lags: [f32::NAN; 19],
            fuels: [[f32::NAN; 5]; 4],
            wind: [f32::NAN; 3],
            hydro_day: f32::NAN,
            wind_day: f32::NAN,
            nuclear_last: f32::NAN,
            imports: [f32::NAN; 3],
            load_past: [f32::NAN; 2],
            load_days: [f32::NAN; 4],
            load: Vec::new(),
            state_load: Vec::new(),
        };
        issue.look_back();
        if !loads.is_empty() {
            issue.look_ahead(now, loads);
        }
        issue
    }

    /// The ordinary value of `series` in `hour`.
    fn usual(&self, hour: Hour, series: usize) -> f32 {
        self.profiles.means[series][self.calendar.local(hour).1]
    }

    /// `series`, `ago` hours before the issue (1 = the last known hour), against its ordinary day.
    fn lag(&self, series: usize, ago: i64) -> f32 {
        let hour = self.from - ago;
        if hour < self.calendar.first() {
            return f32::NAN;
        }
        self.table.get(hour, series) - self.usual(hour, series)
    }

    fn mean_lag(&self, series: usize, ago: std::ops::RangeInclusive<i64>) -> f32 {
        Mean::of(ago.map(|ago| self.lag(series, ago)))
    }

    fn look_back(&mut self) {
        for ago in 1..=6 {
            self.lags[ago as usize - 1] = self.lag(SIGNAL, ago);
        }
        for third in 0..6 {
            self.lags[6 + third as usize] = self.mean_lag(SIGNAL, 7 + 3 * third..=9 + 3 * third);
        }
        for day in 0..7 {
            self.lags[12 + day as usize] = self.mean_lag(SIGNAL, 24 * day + 1..=24 * day + 24);
        }
        for (at, series) in LAGGED.into_iter().enumerate() {
            self.fuels[at] = [
                self.lag(series, 1),
                self.mean_lag(series, 1..=3),
                self.mean_lag(series, 1..=6),
                self.mean_lag(series, 1..=24),
                self.mean_lag(series, 25..=48),
            ];
        }
        self.nuclear_last = self.fuels[1][0];
        self.wind_day = self.fuels[2][3];
        self.hydro_day = self.fuels[3][3];
        let wind = |ago: i64| self.table.get(self.from - ago, WIND);
        self.wind = [wind(1) - wind(4), wind(1) - wind(7), wind(1) - wind(13)];
        self.imports =
            [self.lag(IMPORT, 1), self.mean_lag(IMPORT, 1..=6), self.mean_lag(IMPORT, 1..=24)];
        let state = LOAD + load::STATE;
        self.load_past = [self.mean_lag(state, 1..=24), self.lag(state, 1)];
    }

    fn look_ahead(&mut self, now: Timestamp, loads: &LoadForecasts) {
        self.load = (-BEHIND..AHEAD)
            .map(|ahead| {
                let hour = self.from + ahead;
                let mut anomaly = [f32::NAN; load::COLUMNS];
                let foreseen = if ahead < 0 {
                    self.table.row(hour).last_chunk::<{ load::COLUMNS }>().copied()
                } else {
                    loads.foreseen(now, hour)
                };
                if ahead >= 0 {
                    self.state_load.push(foreseen.map_or(f32::NAN, |loads| loads[load::STATE]));
                }
                if let Some(foreseen) = foreseen
                    && hour >= self.calendar.first()
                {
                    for column in 0..load::COLUMNS {
                        anomaly[column] = foreseen[column] - self.usual(hour, LOAD + column);
                    }
                }
                anomaly
            })
            .collect();
        for day in 0..4 {
            self.load_days[day] = Mean::of(
                (0..24)
                    .step_by(3)
                    .map(|hour| self.load_anomaly(24 * day as i64 + hour, load::STATE)),
            );
        }
    }

    /// The load forecast's anomaly `ahead` hours after the issue; the past may go back further than what
    /// is laid out.
    fn load_anomaly(&self, ahead: i64, column: usize) -> f32 {
        if ahead < -BEHIND {
            return self.lag(LOAD + column, -ahead);
        }
        usize::try_from(ahead + BEHIND)
            .ok()
            .and_then(|at| self.load.get(at))
            .map_or(f32::NAN, |anomaly| anomaly[column])
    }

    /// A load forecast reaches the hour `ahead`.
    pub fn has_load(&self, ahead: usize) -> bool {
        self.load_anomaly(ahead as i64, load::STATE).is_finite()
    }

    /// The ordinary intensity `ahead` hours after the issue: what the regression adds to.
    pub fn base(&self, ahead: usize) -> f32 {
        self.usual(self.from + ahead as i64, SIGNAL)
    }

    /// Writes the columns for the hour that begins `ahead` hours after the issue. What is not known is
    /// NaN.
    pub fn columns(&self, ahead: usize, out: &mut [f32; COLUMNS]) {
        let hour = self.from + ahead as i64;
        let clock = self.calendar.local(hour).1;
        // The same clock hour of the last day that is known: 24 hours back, 48, 72, 96.
        let same = hour - 24 * (ahead as i64 / 24 + 1);
        let mut columns = Columns { out, at: 0 };
        columns.extend(&self.lags);
        for (at, series) in LAGGED.into_iter().enumerate() {
            columns.extend(&self.fuels[at]);
            columns.push(self.table.get(same, series) - self.profiles.means[series][clock]);
        }
        columns.extend(&self.wind);
        let base = self.profiles.means[SIGNAL][clock];
        columns.push(self.profiles.week[clock] - base);
        columns.push(self.profiles.month[clock] - base);
        columns.push(self.profiles.recent[clock] - base);
        let day = self.calendar.day_kind(hour);
        for weekday in
            [chrono::Weekday::Mon, chrono::Weekday::Fri, chrono::Weekday::Sat, chrono::Weekday::Sun]
        {
            columns.push(f32::from(u8::from(day.weekday == weekday)));
        }
        columns.push(f32::from(u8::from(day.holiday)));
        for angle in [day.season, 2.0 * day.season] {
            columns.push(angle.sin() as f32);
            columns.push(angle.cos() as f32);
        }
        debug_assert_eq!(columns.at, PLAIN);
        self.load_columns(ahead, same, &mut columns);
    }

    fn load_columns(&self, ahead: usize, same: Hour, columns: &mut Columns<'_>) {
        let hour = self.from + ahead as i64;
        let (day, clock) = self.calendar.local(hour);
        let ahead_h = ahead as i64;
        if self.load.is_empty() {
            columns.out[columns.at..].fill(f32::NAN);
            return;
        }
        let state = |offset: i64| self.load_anomaly(ahead_h + offset, load::STATE);
        columns.push(state(0));
        columns.extend(&self.load_past);
        columns.push(Mean::of((-12..=12).step_by(3).map(state)));
        columns.push(Mean::of((-6..=6).step_by(3).map(state)));
        columns.push(state(3) - state(-3));
        columns.push(self.if_the_rest_stays(ahead, clock) - self.profiles.means[SIGNAL][clock]);
        for zone in 0..ZONES {
            columns.push(self.load_anomaly(ahead_h, zone));
        }
        for zone in 0..ZONES {
            columns
                .push(self.load_anomaly(ahead_h + 6, zone) - self.load_anomaly(ahead_h - 6, zone));
        }
        // Clouds over solar roofs lift midday against morning and evening.
        let at = |clock: usize| self.calendar.find(day, clock).map(|hour| hour.since(self.from));
        let (morning, midday, evening) = (at(6), at(12), at(18));
        for zone in 0..ZONES {
            let anomaly =
                |at: Option<i64>| at.map_or(f32::NAN, |ahead| self.load_anomaly(ahead, zone));
            columns.push(anomaly(midday) - (anomaly(morning) + anomaly(evening)) / 2.0);
        }
        columns.extend(&self.load_days);
        columns.extend(&self.imports);
        columns.push(self.table.get(same, IMPORT) - self.profiles.means[IMPORT][clock]);
        columns.push(self.profiles.means[IMPORT][clock]);
        debug_assert_eq!(columns.at, COLUMNS);
    }

    /// Intensity when the load comes as foreseen, imports, hydro and wind go back to their ordinary day,
    /// nuclear stays, and fossil fuels give the rest: the one thing that is not linear.
    fn if_the_rest_stays(&self, ahead: usize, clock: usize) -> f32 {
        let usual = |series: usize| self.profiles.means[series][clock];
        let fading = 0.5f32.powf(ahead as f32 / 24.0);
        let other = usual(OTHER_RENEWABLES);
        let load = self.state_load.get(ahead).copied().unwrap_or(f32::NAN);
        let total = load - usual(IMPORT) - 0.5 * fading * self.imports[2];
        let clean = usual(NUCLEAR)
            + self.nuclear_last
            + usual(HYDRO)
            + 0.7 * self.hydro_day
            + usual(WIND)
            + 0.5 * fading * self.wind_day;
        let fossil = (total - clean - other).max(0.0);
        let factor = FactorSetName::Ny2026_1.load().factor(Fuel::OtherRenewables).direct as f32;
        (fossil * usual(FOSSIL_FACTOR) + other * factor) / total.max(1000.0)
    }
}

/// Fills a row from left to right.
struct Columns<'a> {
    out: &'a mut [f32; COLUMNS],
    at: usize,
}

impl Columns<'_> {
    fn push(&mut self, value: f32) {
        self.out[self.at] = value;
        self.at += 1;
    }

    fn extend(&mut self, values: &[f32]) {
        self.out[self.at..self.at + values.len()].copy_from_slice(values);
        self.at += values.len();
    }
}
