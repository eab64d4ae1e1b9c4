//! What the forecast keeps in co2's store, in compact forms; numbers are little-endian.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use domain::Timestamp;
use domain::consumption::{Neighbor, NetFlows};
use domain::forecast::record::Issued;
use domain::forecast::{HORIZON, Hour, LoadForecast, Quantiles, load};
use domain::units::Megawatts;
use domain::zone::LoadZone;
use service::history::{History, HistoryError, Retention, Series};

/// Load forecasts by their first hour: 7 kB a day. As long as the mixes, since a fit looks at both.
const LOADS: Series = Series::new("load-forecasts", Retention::days(1_100, 1_200));

/// Day-ahead rates of all zones by hour.
const RATES: Series = Series::new("day-ahead-rates", Retention::days(30, 33 * 24));

/// Net flows by instant.
const FLOWS: Series = Series::new("net-flows", Retention::days(30, 30 * 320));

/// What was published at each full hour: 1.2 kB an hour.
const ISSUED: Series = Series::new("issued-forecasts", Retention::days(35, 35 * 24));

/// First byte of a value; another layout would get another number.
const LAYOUT: u8 = 1;

/// Rates of the zones in an hour, in the order of [`LoadZone::ALL`]; NaN where NYISO gave none.
pub type ZoneRates = [f32; LoadZone::COUNT];

/// The forecast's part of the store.
#[derive(Clone)]
pub struct Memory(Arc<dyn History>);

impl Memory {
    /// In `store`.
    pub fn new(store: Arc<dyn History>) -> Self {
        Self(store)
    }

    /// Every load forecast.
    pub fn loads(&self) -> Result<Vec<LoadForecast>, HistoryError> {
        self.all(&LOADS, |ts, mut words| {
            let known_from = Timestamp::from_timestamp(words.long()?, 0)?;
            let first = Hour::of(ts);
            let mut hours = Vec::new();
            let mut hour = first;
            while !words.is_empty() {
                let loads: load::Loads = words.floats()?;
                hours.push((hour, loads));
                hour = hour + 1;
            }
            LoadForecast::new(known_from, &hours)
        })
    }

    /// Keeps a load forecast, in place of one that begins at the same hour.
    pub fn keep_loads(&self, file: &LoadForecast) -> Result<(), HistoryError> {
        let mut value = vec![LAYOUT];
        value.extend(file.known_from.timestamp().to_le_bytes());
        // Six days; what is longer holds nothing more that counts.
        let last = (0..10 * 24).rev().find(|ahead| file.get(file.first() + *ahead).is_some());
        for ahead in 0..=last.unwrap_or(0) {
            let loads = file.get(file.first() + ahead).unwrap_or([f32::NAN; load::COLUMNS]);
            value.extend(loads.into_iter().flat_map(f32::to_le_bytes));
        }
        self.0.put(&LOADS, file.first().start(), &value)
    }

    /// The day-ahead rates, by hour.
    pub fn rates(&self) -> Result<BTreeMap<Hour, ZoneRates>, HistoryError> {
        Ok(self
            .all(&RATES, |ts, mut words| Some((Hour::of(ts), words.floats()?)))?
            .into_iter()
            .collect())
    }

    /// Keeps the rates of an hour.
    pub fn keep_rates(&self, hour: Hour, rates: &ZoneRates) -> Result<(), HistoryError> {
        let mut value = vec![LAYOUT];
        value.extend(rates.iter().flat_map(|rate| rate.to_le_bytes()));
        self.0.put(&RATES, hour.start(), &value)
    }

    /// The net flows, by instant.
    pub fn flows(&self) -> Result<BTreeMap<Timestamp, NetFlows>, HistoryError> {
        let all = self.all(&FLOWS, |ts, mut words| {
            let mut flows = NetFlows::new(ts);
            for (neighbor, net) in Neighbor::ALL.into_iter().zip(words.floats::<4>()?) {
                flows.set(neighbor, Megawatts::new(f64::from(net))?);
            }
            Some((ts, flows))
        })?;
        Ok(all.into_iter().collect())
    }

    /// Keeps flows that are known from all neighbors; others say nothing of consumption.
    pub fn keep_flows(&self, flows: &NetFlows) -> Result<(), HistoryError> {
        let net: Option<Vec<f32>> = Neighbor::ALL
            .into_iter()
            .map(|neighbor| flows.get(neighbor).map(|net| net.value() as f32))
            .collect();
        let Some(net) = net else { return Ok(()) };
        let mut value = vec![LAYOUT];
        value.extend(net.into_iter().flat_map(f32::to_le_bytes));
        self.0.put(&FLOWS, flows.ts, &value)
    }

    /// What was published from `from` on, with the name of its model.
    pub fn issued(&self, from: Hour) -> Result<Vec<(String, Issued)>, HistoryError> {
        let all = self.all(&ISSUED, |ts, mut words| {
            let model = words.word()?;
            let from = Hour::of(ts);
            let mut hours = Vec::with_capacity(HORIZON);
            while !words.is_empty() {
                let [p10, p50, p90] = words.floats()?.map(f64::from);
                hours.push(Quantiles { p10, p50, p90 });
            }
            Some((model, Issued { from, hours }))
        })?;
        Ok(all.into_iter().filter(|(_, issued)| issued.from >= from).collect())
    }

    /// Whether a forecast from this hour is kept already.
    pub fn has_issued(&self, from: Hour) -> Result<bool, HistoryError> {
        Ok(self.0.get(&ISSUED, from.start())?.is_some())
    }

    /// Keeps what was published.
    pub fn keep_issued(&self, model: &str, issued: &Issued) -> Result<(), HistoryError> {
        let mut value = vec![LAYOUT, u8::try_from(model.len()).unwrap_or(0)];
        value.extend(model.as_bytes());
        for hour in &issued.hours {
            let said = [hour.p10, hour.p50, hour.p90];
            value.extend(said.into_iter().flat_map(|grams| (grams as f32).to_le_bytes()));
        }
        self.0.put(&ISSUED, issued.from.start(), &value)
    }

    /// Every record that can be read; one that cannot is left out.
    fn all<T>(
        &self,
        series: &Series,
        mut read: impl FnMut(Timestamp, Words<'_>) -> Option<T>,
    ) -> Result<Vec<T>, HistoryError> {
        let (Some(first), Some(last)) = (self.0.first(series)?, self.0.last(series)?) else {
            return Ok(Vec::new());
        };
        let span = first.ts..last.ts + TimeDelta::seconds(1);
        let mut all = Vec::new();
        self.0.scan(series, span, &mut |ts, value| {
            if let Some((&LAYOUT, rest)) = value.split_first() {
                all.extend(read(ts, Words(rest)));
            }
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(all)
    }
}

/// Reads a value from its front.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn long(&mut self) -> Option<i64> {
        self.bytes().map(i64::from_le_bytes)
    }

    fn floats<const N: usize>(&mut self) -> Option<[f32; N]> {
        let mut floats = [f32::NAN; N];
        for float in &mut floats {
            *float = f32::from_le_bytes(self.bytes()?);
        }
        Some(floats)
    }

    fn word(&mut self) -> Option<String> {
        let [length] = self.bytes()?;
        let (word, rest) = self.0.split_at_checked(usize::from(length))?;
        self.0 = rest;
        String::from_utf8(word.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::history::MemoryHistory;

    fn hour(number: i64) -> Hour {
        Hour::of("2026-03-10T00:00:00Z".parse().unwrap()) + number
    }

    #[test]
    fn everything_comes_back_as_it_was() {
        let memory = Memory::new(Arc::new(MemoryHistory::default()));
        let mut hours: Vec<(Hour, load::Loads)> =
            (0..144).map(|h| (hour(h), [h as f32; load::COLUMNS])).collect();
        hours.remove(7);
        let file = LoadForecast::new(hour(-15).start(), &hours).unwrap();
        memory.keep_loads(&file).unwrap();
        let read = memory.loads().unwrap();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].known_from, file.known_from);
        assert!((0..200).all(|h| read[0].get(hour(h)) == file.get(hour(h))));

        let mut rates = [f32::NAN; LoadZone::COUNT];
        rates[3] = 455.5;
        memory.keep_rates(hour(30), &rates).unwrap();
        let read = memory.rates().unwrap()[&hour(30)];
        assert!(read[3] == 455.5 && read[2].is_nan());

        let mut flows = NetFlows::new(hour(1).start());
        memory.keep_flows(&flows).unwrap();
        assert!(memory.flows().unwrap().is_empty(), "not all neighbors");
        for neighbor in Neighbor::ALL {
            flows.set(neighbor, Megawatts::new(-250.5).unwrap());
        }
        memory.keep_flows(&flows).unwrap();
        assert_eq!(memory.flows().unwrap()[&flows.ts], flows);

        let said = Quantiles { p10: 180.5, p50: 200.0, p90: 220.5 };
        let issued = Issued { from: hour(0), hours: vec![said; HORIZON] };
        memory.keep_issued("profile-14d", &issued).unwrap();
        assert!(memory.has_issued(hour(0)).unwrap() && !memory.has_issued(hour(1)).unwrap());
        assert_eq!(memory.issued(hour(0)).unwrap(), [("profile-14d".to_owned(), issued)]);
        assert!(memory.issued(hour(1)).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let store = Arc::new(MemoryHistory::default());
        for value in [&b""[..], &[LAYOUT], &[9; 100], &[LAYOUT, 200, 1, 2]] {
            for series in [LOADS, RATES, FLOWS, ISSUED] {
                store.put(&series, hour(0).start(), value).unwrap();
            }
            let memory = Memory::new(store.clone());
            assert!(memory.loads().unwrap().is_empty());
            assert!(memory.rates().unwrap().is_empty());
            assert!(memory.flows().unwrap().is_empty());
            assert!(memory.issued(hour(0)).unwrap().is_empty());
        }
    }
}
