//! What NYISO says of today and tomorrow for the driver's zone: day-ahead prices and marginal rates, turned
//! into what the feed would have sent. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Days, NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::forecast::Hour;
use domain::forecast::outlook::ZoneOutlook;
use domain::forecast::slots::SLOT;
use domain::marginal::{Marginal, MarginalBasis};
use domain::wire::{CarbonForecast, DOLLARS_PER_MWH, GRAMS_PER_KWH, Origin, ZoneSeries};
use domain::zone::LoadZone;
use nyiso::local_time::Step;
use nyiso::path::Feed;
use nyiso::{eastern, emission_rate, price};

use crate::eastern::local;

/// Tomorrow's files appear from this Eastern hour on.
const POSTED_FROM: u32 = 11;

/// A file that was not there is asked for again after this.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(30);

const HOUR_S: u32 = 3600;

/// A file of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Price,
    Rate,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Price, Self::Rate];

    /// Its path of a day.
    pub(super) fn path(self, day: NaiveDate) -> String {
        match self {
            Self::Price => Feed::DayAheadPrice.day(day),
            Self::Rate => Feed::DayAheadEmissionRate.day(day),
        }
    }
}

/// What there is for the charger.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ahead {
    /// Prices of the zone, hour by hour.
    pub prices: Option<ZoneSeries>,
    /// Marginal intensity of the zone.
    pub marginal: Option<CarbonForecast>,
}

/// What is known of the days ahead in one zone.
pub(super) struct DayAhead {
    zone: LoadZone,
    /// $/MWh.
    prices: BTreeMap<Timestamp, f64>,
    /// g/kWh, within what is believed.
    rates: BTreeMap<Hour, f64>,
    read: BTreeSet<(Kind, NaiveDate)>,
    asked: BTreeMap<(Kind, NaiveDate), Timestamp>,
    /// Not said yet.
    new: BTreeSet<Kind>,
}

impl DayAhead {
    pub(super) fn new(zone: LoadZone) -> Self {
        Self {
            zone,
            prices: BTreeMap::new(),
            rates: BTreeMap::new(),
            read: BTreeSet::new(),
            asked: BTreeMap::new(),
            new: BTreeSet::new(),
        }
    }

    /// The files to ask for at `now`; they count as asked for.
    pub(super) fn due(&mut self, now: Timestamp) -> Vec<(Kind, NaiveDate)> {
        let today = eastern::day_of(now);
        let tomorrow = (POSTED_FROM <= eastern::hour_of(now)).then(|| today + Days::new(1));
        let mut due = Vec::new();
        for day in [today].into_iter().chain(tomorrow) {
            due.extend(Kind::ALL.map(|kind| (kind, day)));
        }
        // Clocks jump: one that was asked for in the future is asked for again.
        let is_recent = |asked: &Timestamp| (now - *asked).abs() < ASK_AGAIN;
        due.retain(|file| {
            !self.read.contains(file) && !self.asked.get(file).is_some_and(is_recent)
        });
        self.read.retain(|(_, day)| today <= *day);
        self.asked.retain(|(_, day), _| today <= *day);
        self.asked.extend(due.iter().map(|file| (*file, now)));
        due
    }

    /// Takes a file in.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn take(&mut self, file: (Kind, NaiveDate), body: &[u8]) -> anyhow::Result<()> {
        let (kind, _) = file;
        match kind {
            Kind::Price => {
                let hours = price::parse(body, Step::Hourly)?.prices.remove(&self.zone);
                let hours = hours.ok_or_else(|| self.lacks())?;
                let believed = |price: &f64| ZoneSeries::BELIEVED.contains(price);
                self.prices.extend(hours.into_iter().filter(|(_, price)| believed(price)));
            }
            Kind::Rate => {
                let hours = emission_rate::parse(body, Step::Hourly)?.rates.remove(&self.zone);
                let hours = hours.ok_or_else(|| self.lacks())?;
                let believed = hours.into_iter().filter_map(|(ts, rate)| {
                    let rate = Marginal::of_rate(rate, MarginalBasis::NyisoDayAhead)?;
                    Some((Hour::of(ts), rate.grams_per_kwh))
                });
                self.rates.extend(believed);
            }
        }
        self.read.insert(file);
        self.new.insert(kind);
        Ok(())
    }

    fn lacks(&self) -> anyhow::Error {
        anyhow::anyhow!("it says nothing of the zone {}", self.zone)
    }

    /// What has come since the last time.
    pub(super) fn say(&mut self, now: Timestamp, origin: Origin) -> Ahead {
        let new = std::mem::take(&mut self.new);
        let today = eastern::midnight(eastern::day_of(now));
        self.prices.retain(|ts, _| today <= *ts);
        self.rates.retain(|hour, _| today <= hour.start());
        Ahead {
            prices: new.contains(&Kind::Price).then(|| self.series(now, origin)).flatten(),
            marginal: (new.contains(&Kind::Rate) && !self.rates.is_empty())
                .then(|| self.forecast(now, origin)),
        }
    }

    fn series(&self, now: Timestamp, origin: Origin) -> Option<ZoneSeries> {
        let (start, end) = (*self.prices.keys().next()?, *self.prices.keys().next_back()?);
        let hours = (end - start).num_hours();
        let values = (0..=hours)
            .map(|hour| self.prices.get(&(start + TimeDelta::hours(hour))).copied())
            .collect();
        Some(ZoneSeries {
            issued: now,
            zone: self.zone.slug().to_owned(),
            units: DOLLARS_PER_MWH.to_owned(),
            basis: "NYISO zonal locational marginal price".to_owned(),
            start,
            step_s: HOUR_S,
            values,
            real_time: None,
            origin,
        })
    }

    /// The same hours of the known days go on beyond their end, as the forecast of the feed does.
    fn forecast(&self, now: Timestamp, origin: Origin) -> CarbonForecast {
        let outlook = ZoneOutlook::new(now, &self.rates, None, local);
        let of = |part: fn(&domain::forecast::Quantiles) -> f64| {
            outlook.slots.quantiles.iter().map(part).collect()
        };
        CarbonForecast {
            issued: now,
            model: "nyiso-day-ahead".to_owned(),
            units: GRAMS_PER_KWH.to_owned(),
            basis: "marginal, direct, NYISO implied marginal emission rate, day-ahead, continued"
                .to_owned(),
            zone: Some(self.zone.slug().to_owned()),
            start: outlook.slots.start,
            step_s: SLOT.num_seconds() as u32,
            values: of(|slot| slot.p50),
            p10: of(|slot| slot.p10),
            p90: of(|slot| slot.p90),
            known_until: outlook.known_until,
            factor_set: String::new(),
            origin,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// A day of prices: the hour of the wall clock, in $/MWh.
    fn prices(day: &str) -> String {
        let rows =
            (0..24).map(|hour| format!("\"{day} {hour:02}:00\",\"WEST\",61752,{hour}.5,0,0\r\n"));
        format!(
            "\"Time Stamp\",\"Name\",\"PTID\",\"LBMP ($/MWHr)\",\"Marginal Cost Losses ($/MWHr)\",\
             \"Marginal Cost Congestion ($/MWHr)\"\r\n{}",
            rows.collect::<String>()
        )
    }

    /// A day of rates: 0.4 metric tonnes a MWh.
    fn rates(day: &str) -> String {
        let rows = (0..24).map(|hour| format!("{day} {hour:02}:00,WEST,0.0531,0.4\r\n"));
        format!(
            "Timestamp, Zone, Tons of Carbon per mmBTU, IMER - CO2 (tons/MWh)\r\n{}",
            rows.collect::<String>()
        )
    }

    fn due(ahead: &mut DayAhead, now: &str) -> String {
        let due = ahead.due(at(now));
        let drawn = due.iter().map(|(kind, day)| format!("{kind:?} {}", day.format("%d")));
        drawn.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn todays_files_are_asked_for_at_once_and_tomorrows_from_eleven_each_until_it_is_there() {
        let mut ahead = DayAhead::new(LoadZone::West);
        // 08:00 in New York.
        assert_eq!(due(&mut ahead, "2026-03-10T12:00:00Z"), "Price 10, Rate 10");
        ahead.take((Kind::Price, day("2026-03-10")), prices("03/10/2026").as_bytes()).unwrap();
        assert_eq!(due(&mut ahead, "2026-03-10T12:10:00Z"), "");
        assert_eq!(due(&mut ahead, "2026-03-10T12:40:00Z"), "Rate 10");
        assert_eq!(due(&mut ahead, "2026-03-10T15:05:00Z"), "Rate 10, Price 11, Rate 11");
        ahead.take((Kind::Rate, day("2026-03-11")), rates("03/11/2026").as_bytes()).unwrap();
        assert_eq!(due(&mut ahead, "2026-03-10T16:00:00Z"), "Rate 10, Price 11");
        assert_eq!(due(&mut ahead, "2026-03-11T12:00:00Z"), "Price 11");
    }

    #[test]
    fn prices_become_the_series_that_the_feed_would_send() {
        let mut ahead = DayAhead::new(LoadZone::West);
        let now = at("2026-03-10T15:05:00Z");
        assert_eq!(ahead.say(now, Origin::Nyiso), Ahead::default());
        ahead.take((Kind::Price, day("2026-03-11")), prices("03/11/2026").as_bytes()).unwrap();
        ahead.take((Kind::Price, day("2026-03-10")), prices("03/10/2026").as_bytes()).unwrap();
        let said = ahead.say(now, Origin::Nyiso);
        assert_eq!(said.marginal, None);
        let series = said.prices.unwrap();
        assert_eq!((series.start, series.values.len()), (at("2026-03-10T04:00:00Z"), 48));
        assert_eq!(series.values[31], Some(7.5));
        assert_eq!(ZoneSeries::from_json(&series.to_json()).unwrap(), series);
        assert_eq!(ahead.say(now, Origin::Nyiso), Ahead::default(), "said once");
    }

    #[test]
    fn rates_become_a_forecast_that_goes_on_where_they_end() {
        let mut ahead = DayAhead::new(LoadZone::West);
        ahead.take((Kind::Rate, day("2026-03-10")), rates("03/10/2026").as_bytes()).unwrap();
        let forecast = ahead.say(at("2026-03-10T15:05:00Z"), Origin::Nyiso).marginal.unwrap();
        assert_eq!(forecast.start, at("2026-03-10T15:00:00Z"));
        assert_eq!(forecast.known_until, Some(at("2026-03-11T04:00:00Z")));
        assert!(forecast.values.iter().all(|value| *value == 400.0), "{:?}", forecast.values);
        assert_eq!(CarbonForecast::from_json(&forecast.to_json()).unwrap(), forecast);
    }

    #[test]
    fn what_is_no_such_file_or_not_of_the_zone_is_an_error() {
        let check = |kind: Kind, body: &str, expected: &str| {
            let mut ahead = DayAhead::new(LoadZone::Nyc);
            let error = ahead.take((kind, day("2026-03-10")), body.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert_eq!(ahead.say(at("2026-03-10T15:05:00Z"), Origin::Nyiso), Ahead::default());
        };
        check(Kind::Price, &prices("03/10/2026"), "nothing of the zone");
        check(Kind::Rate, &rates("03/10/2026"), "nothing of the zone");
        check(Kind::Rate, &prices("03/10/2026"), "column");
        check(Kind::Price, "", "");
    }
}
