//! The fuel mixes that co2 remembers, in a compact form: 62 bytes an instant, 6.5 MB a year.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use domain::Timestamp;
use domain::fuel_mix::{Fuel, FuelMix};
use domain::units::Megawatts;
use domain::wire::{Mix, Origin};
use service::history::{History, HistoryError, Retention, Series};

/// Fuel mixes of one origin, by instant.
#[derive(Clone)]
pub struct MixHistory {
    store: Arc<dyn History>,
    series: Series,
}

/// First byte of a value; another layout would get another number.
const LAYOUT: u8 = 1;

impl MixHistory {
    /// The mixes in `store`, kept for `retention_days`.
    pub fn new(store: Arc<dyn History>, retention_days: u32) -> Self {
        let days = u64::from(retention_days.max(1));
        // NYISO gives at most 309 instants a day (2025-02-11).
        Self { store, series: Series::new("fuel-mix", Retention::days(days, days * 320)) }
    }

    /// Keeps a mix, in place of what was kept for its instant. Unknown categories are not kept: they have
    /// no factor, and their instant is incomplete either way.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn put(&self, mix: &Mix) -> Result<(), HistoryError> {
        self.store.put(&self.series, mix.ts, &encode(mix))
    }

    /// The mixes of a span of time, ascending. A value that cannot be read is left out.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn range(&self, span: Range<Timestamp>, origin: Origin) -> Result<Vec<Mix>, HistoryError> {
        let values = self.store.range(&self.series, span)?;
        Ok(values
            .into_iter()
            .filter_map(|record| decode(record.ts, &record.value, origin))
            .collect())
    }

    /// Shows the complete fuel mixes of a span of time to `visit`, ascending. For years of them: builds no
    /// payload, and holds none in memory.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn visit(
        &self,
        span: Range<Timestamp>,
        mut visit: impl FnMut(&FuelMix),
    ) -> Result<(), HistoryError> {
        self.store.scan(&self.series, span, &mut |ts, value| {
            match decode_fuels(ts, value) {
                Some((mix, head)) if head.complete => visit(&mix),
                _ => {}
            }
            ControlFlow::Continue(())
        })
    }

    /// The oldest and the newest instant.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn ends(&self) -> Result<Option<(Timestamp, Timestamp)>, HistoryError> {
        let first = self.store.first(&self.series)?.map(|record| record.ts);
        Ok(first.zip(self.store.last(&self.series)?.map(|record| record.ts)))
    }

    /// How many instants are kept.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn count(&self) -> Result<u64, HistoryError> {
        self.store.count(&self.series)
    }

    /// From here on, what was put survives a power cut.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn sync(&self) -> Result<(), HistoryError> {
        self.store.sync()
    }
}

/// Layout number, complete flag, interval in seconds, then MW of each fuel (NaN: absent); little-endian.
fn encode(mix: &Mix) -> Vec<u8> {
    let fuels = mix.fuel_mix();
    let mut value = Vec::with_capacity(62);
    value.push(LAYOUT);
    value.push(u8::from(mix.complete));
    value.extend(mix.interval_s.to_le_bytes());
    for fuel in Fuel::ALL {
        value.extend(fuels.get(fuel).map_or(f64::NAN, Megawatts::value).to_le_bytes());
    }
    value
}

/// What stands before the megawatts.
struct Head {
    complete: bool,
    interval_s: u32,
}

fn decode(ts: Timestamp, value: &[u8], origin: Origin) -> Option<Mix> {
    let (mix, Head { complete, interval_s }) = decode_fuels(ts, value)?;
    Some(Mix { complete, ..Mix::new(&mix, interval_s, false, origin) })
}

fn decode_fuels(ts: Timestamp, value: &[u8]) -> Option<(FuelMix, Head)> {
    let (head, megawatts) = value.split_at_checked(6)?;
    if head[0] != LAYOUT || megawatts.len() != Fuel::COUNT * 8 {
        return None;
    }
    let mut mix = FuelMix::new(ts);
    for (fuel, bytes) in Fuel::ALL.into_iter().zip(megawatts.chunks_exact(8)) {
        if let Some(power) = Megawatts::new(f64::from_le_bytes(bytes.try_into().ok()?)) {
            mix.set(fuel, power);
        }
    }
    let interval_s = u32::from_le_bytes(head[2..6].try_into().ok()?);
    Some((mix, Head { complete: head[1] == 1, interval_s }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use service::history::MemoryHistory;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_timestamp(1_700_000_000 + minutes * 60, 0).unwrap()
    }

    fn mix(minutes: i64) -> Mix {
        let mut mix = FuelMix::new(at(minutes));
        for (fuel, power) in
            Fuel::ALL.into_iter().zip([2282.0, 3310.0, 5413.0, 0.0, 237.5, 258.0, 2814.0])
        {
            mix.set(fuel, Megawatts::new(power).unwrap());
        }
        Mix::new(&mix, 300, false, Origin::Nyiso)
    }

    #[test]
    fn a_mix_comes_back_as_it_was() {
        let history = MixHistory::new(Arc::new(MemoryHistory::default()), 8);
        let mut partial = mix(5);
        partial.fuels.remove("Wind");
        partial.complete = false;
        for mix in [&mix(0), &partial] {
            history.put(mix).unwrap();
        }
        assert_eq!(history.range(at(0)..at(6), Origin::Nyiso).unwrap(), [mix(0), partial]);
        assert_eq!(history.ends().unwrap(), Some((at(0), at(5))));
        assert_eq!(history.count().unwrap(), 2);
        let mut seen = Vec::new();
        history.visit(at(0)..at(6), |mix| seen.push(mix.clone())).unwrap();
        assert_eq!(seen, [mix(0).fuel_mix()], "the complete ones");
    }

    #[test]
    fn what_is_no_mix_is_left_out() {
        assert_eq!(decode(at(0), b"", Origin::Nyiso), None);
        assert_eq!(decode(at(0), &[2; 62], Origin::Nyiso), None);
        assert_eq!(encode(&mix(0)).len(), 62);
    }
}
