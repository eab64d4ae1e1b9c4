//! The series that the forecast looks at, side by side by hour. A hole is NaN.

use crate::factors::FactorSetName;
use crate::forecast::calendar::{Calendar, Hour};
use crate::forecast::history::{History, HourlyReading};
use crate::forecast::load::{self, LoadForecasts};
use crate::fuel_mix::Fuel;

/// The intensity to be forecast, g/kWh.
pub const SIGNAL: usize = 0;
/// Generation of all fuels, MW.
pub const TOTAL: usize = 1;
/// MW.
pub const NUCLEAR: usize = 2;
/// MW.
pub const WIND: usize = 3;
/// MW, pumped storage included.
pub const HYDRO: usize = 4;
/// Other Renewables, MW.
pub const OTHER_RENEWABLES: usize = 5;
/// What is not generated here: load forecast - generation, MW. Imports, and the forecast's error.
pub const IMPORT: usize = 6;
/// Mean direct factor of the fossil fuels that run, g/kWh.
pub const FOSSIL_FACTOR: usize = 7;
/// First of the load forecast's columns, as it stood on the day, MW.
pub const LOAD: usize = 8;
/// How many series there are.
pub const SERIES: usize = LOAD + load::COLUMNS;

/// All series of one hour.
pub type Row = [f32; SERIES];

const HOLE: Row = [f32::NAN; SERIES];

/// Everything a forecast is made of. Nothing here is later than it says: readings by their hour, load
/// forecasts by `known_from`.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// Readings of the past; the model looks only at hours before the one it forecasts from.
    pub history: &'a History,
    /// Load forecasts; the model looks only at those known when it forecasts. May be empty.
    pub loads: &'a LoadForecasts,
    /// Covers the history, and [`LOOK_AHEAD`](crate::forecast::LOOK_AHEAD) hours beyond its end.
    pub calendar: &'a Calendar,
}

/// The series by hour, from the first known reading to the last.
#[derive(Clone, Debug)]
pub struct Table {
    first: Hour,
    rows: Vec<Row>,
    /// How many hours before this one are known, from the first.
    known: Vec<u32>,
}

impl Table {
    /// Lays the inputs side by side.
    pub fn new(inputs: &Inputs<'_>) -> Self {
        let first = inputs.history.first().unwrap_or(inputs.calendar.first());
        let mut table = Self { first, rows: Vec::new(), known: vec![0] };
        table.extend(inputs);
        table
    }

    /// Adds the hours that the history has gained since.
    pub fn extend(&mut self, inputs: &Inputs<'_>) {
        let Some(end) = inputs.history.end() else { return };
        while self.end() < end {
            let hour = self.end();
            let reading = inputs.history.get(hour);
            let mut row = reading.map_or(HOLE, series_of);
            if let Some(loads) = inputs.loads.foreseen(hour.start(), hour) {
                row[LOAD..].copy_from_slice(&loads);
                row[IMPORT] = loads[load::STATE] - row[TOTAL];
            }
            let before = *self.known.last().expect("begins with one");
            self.known.push(before + u32::from(reading.is_some()));
            self.rows.push(row);
        }
    }

    /// The first hour.
    pub fn first(&self) -> Hour {
        self.first
    }

    /// The hour after the last.
    pub fn end(&self) -> Hour {
        self.first + self.rows.len() as i64
    }

    /// All series of `hour`, NaN where nothing is known.
    pub fn row(&self, hour: Hour) -> &Row {
        usize::try_from(hour.since(self.first))
            .ok()
            .and_then(|offset| self.rows.get(offset))
            .unwrap_or(&HOLE)
    }

    /// One series in one hour.
    pub fn get(&self, hour: Hour, series: usize) -> f32 {
        self.row(hour)[series]
    }

    /// How many of the hours in `[from, to)` are known.
    pub fn known_between(&self, from: Hour, to: Hour) -> usize {
        let before = |hour: Hour| {
            let offset = hour.since(self.first).clamp(0, self.rows.len() as i64);
            self.known[offset as usize]
        };
        (before(to).saturating_sub(before(from))) as usize
    }

    /// The last hour from which on to `to` at least `known` hours are known; the first hour of all when
    /// there are not so many.
    pub fn back_from(&self, to: Hour, known: usize) -> Hour {
        let end = to.since(self.first).clamp(0, self.rows.len() as i64) as usize;
        let Some(wanted) = (self.known[end] as usize).checked_sub(known) else { return self.first };
        // The last place before which no more than `wanted` hours are known.
        let place = self.known[..=end].partition_point(|before| *before as usize <= wanted) - 1;
        self.first + place as i64
    }

    /// The newest hour before `before` that is known.
    pub fn last_known(&self, before: Hour) -> Option<Hour> {
        let end = before.since(self.first).clamp(0, self.rows.len() as i64) as usize;
        (0..end)
            .rev()
            .find(|offset| self.known[offset + 1] > self.known[*offset])
            .map(|offset| self.first + offset as i64)
    }
}

fn series_of(reading: HourlyReading) -> Row {
    let factors = FactorSetName::Ny2026_1.load();
    let power = |fuel: Fuel| reading.fuels[fuel.index()];
    let fossil = [Fuel::DualFuel, Fuel::NaturalGas, Fuel::OtherFossil];
    let burnt: f64 = fossil.into_iter().map(power).sum();
    let grams: f64 = fossil.into_iter().map(|fuel| power(fuel) * factors.factor(fuel).direct).sum();
    let mut row = HOLE;
    row[SIGNAL] = reading.intensity as f32;
    row[TOTAL] = reading.fuels.iter().sum::<f64>() as f32;
    row[NUCLEAR] = power(Fuel::Nuclear) as f32;
    row[WIND] = power(Fuel::Wind) as f32;
    row[HYDRO] = power(Fuel::Hydro) as f32;
    row[OTHER_RENEWABLES] = power(Fuel::OtherRenewables) as f32;
    row[FOSSIL_FACTOR] = if burnt > 0.0 { (grams / burnt) as f32 } else { f32::NAN };
    row
}
