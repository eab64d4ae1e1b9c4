//! What the files of a feed say, and what is made of it on the wire. Pure.

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::forecast::load::STATE;
use domain::marginal::BELIEVED;
use domain::wire::{
    DOLLARS_PER_MWH, Flows, GRAMS_PER_KWH, LoadSeries, MEGAWATTS, Origin, RealTime, Topic,
    ZoneSeries,
};
use domain::zone::LoadZone;
use nyiso::interface_flows::{self, FUTURE_SLACK, InterfaceFlowsFile};
use nyiso::load_forecast::{self, LoadForecastFile};
use nyiso::local_time::Step;
use nyiso::path::Feed as Files;
use nyiso::table::OddRows;
use nyiso::{emission_rate, price};

use super::Kind;

const HOUR_S: u32 = 3600;

/// What a file says.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Flows(InterfaceFlowsFile),
    Load(LoadForecastFile),
    DayAhead(ByZone),
    RealTime(ByZone),
}

/// A value by zone and instant, in the unit of the wire.
type ByZone = BTreeMap<LoadZone, BTreeMap<Timestamp, f64>>;

/// Rows of a file that were left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Odd {
    pub count: u64,
    /// Line and reason of the first.
    pub first: Option<String>,
}

impl Odd {
    fn of(rows: &OddRows) -> Self {
        let first = rows.rows.first().map(|(line, reason)| format!("line {line}: {reason}"));
        Self { count: rows.len() as u64, first }
    }
}

/// A word for the kind of a file, where a day has several.
pub(super) fn name_of(feed: Files) -> &'static str {
    match feed {
        Files::RealTimePrice | Files::RealTimeEmissionRate => "real-time",
        Files::DayAheadPrice | Files::DayAheadEmissionRate => "day-ahead",
        Files::FuelMix | Files::LoadForecast | Files::InterfaceFlows => "file",
    }
}

impl Content {
    /// Reads a file.
    ///
    /// # Errors
    /// What the parser says: the file is refused whole.
    pub fn read(feed: Files, body: &[u8]) -> anyhow::Result<(Self, Odd)> {
        Ok(match feed {
            Files::InterfaceFlows => {
                let file = interface_flows::parse(body)?;
                let odd = Odd::of(&file.odd);
                (Self::Flows(file), odd)
            }
            Files::LoadForecast => {
                let file = load_forecast::parse(body)?;
                let first =
                    file.oddities.first().map(|(line, reason)| format!("line {line}: {reason}"));
                let odd = Odd { count: file.oddities.len() as u64, first };
                (Self::Load(file), odd)
            }
            Files::DayAheadEmissionRate | Files::RealTimeEmissionRate => {
                let day_ahead = feed == Files::DayAheadEmissionRate;
                let step = if day_ahead { Step::Hourly } else { Step::Minutes };
                let mut file = emission_rate::parse(body, step)?;
                let mut odd = Odd::of(&file.odd);
                for (zone, rates) in &mut file.rates {
                    rates.retain(|ts, rate| {
                        let believed = BELIEVED.contains(rate);
                        if !believed {
                            odd.count += 1;
                            odd.first.get_or_insert_with(|| {
                                format!(
                                    "{rate:.0} g/kWh of {} at {ts} is not believed",
                                    zone.slug()
                                )
                            });
                        }
                        believed
                    });
                }
                let content = if day_ahead { Self::DayAhead } else { Self::RealTime };
                (content(file.rates), odd)
            }
            Files::DayAheadPrice => {
                let file = price::parse(body, Step::Hourly)?;
                (Self::DayAhead(file.prices), Odd::of(&file.odd))
            }
            Files::RealTimePrice => {
                let file = price::parse(body, Step::Minutes)?;
                (Self::RealTime(file.prices), Odd::of(&file.odd))
            }
            Files::FuelMix => anyhow::bail!("the fuel mix has a pump of its own"),
        })
    }

    /// Ties that this program does not know.
    pub fn unknown_ties(&self) -> impl Iterator<Item = (u32, &str)> {
        let ties = match self {
            Self::Flows(file) => Some(&file.unknown_ties),
            _ => None,
        };
        ties.into_iter().flatten().map(|(point, name)| (*point, name.as_str()))
    }
}

/// A payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Flows(Flows),
    Load(LoadSeries),
    Zone(ZoneSeries),
}

impl Body {
    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Self::Flows(flows) => flows.to_json(),
            Self::Load(series) => series.to_json(),
            Self::Zone(series) => series.to_json(),
        }
    }

    /// All of it but when it was seen: by this it is told whether there is news.
    pub fn without_stamp(&self) -> Vec<u8> {
        let mut body = self.clone();
        match &mut body {
            Self::Flows(_) => {}
            Self::Load(series) => series.issued = Timestamp::UNIX_EPOCH,
            Self::Zone(series) => series.issued = Timestamp::UNIX_EPOCH,
        }
        body.to_json()
    }
}

/// Something to publish, if it is news.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Saying {
    pub topic: Topic,
    /// Which of several on one topic: the day of the file.
    pub day: Option<NaiveDate>,
    /// The newest instant in it that has been.
    pub stamp: Option<Timestamp>,
    pub body: Body,
    /// The newest of its topic.
    pub retain: bool,
}

/// What the files come to at `now`, older first.
pub(super) fn sayings(
    kind: Kind,
    contents: &[&Content],
    now: Timestamp,
    origin: Origin,
) -> Vec<Saying> {
    match kind {
        Kind::Flows => flows(contents, now, origin),
        Kind::LoadForecast => loads(contents, now, origin),
        Kind::Marginal => zones(
            contents,
            now,
            origin,
            Topic::MarginalRates,
            (GRAMS_PER_KWH, "NYISO implied marginal emission rate, direct"),
        ),
        Kind::Price => zones(
            contents,
            now,
            origin,
            Topic::Prices,
            (DOLLARS_PER_MWH, "NYISO zonal locational marginal price"),
        ),
    }
}

/// Every instant that is not of the future, the newest last.
fn flows(contents: &[&Content], now: Timestamp, origin: Origin) -> Vec<Saying> {
    let instants: BTreeMap<Timestamp, &interface_flows::InterfaceFlows> = contents
        .iter()
        .filter_map(|content| match content {
            Content::Flows(file) => Some(&file.instants),
            _ => None,
        })
        .flatten()
        .filter(|instant| instant.ts <= now + FUTURE_SLACK)
        .map(|instant| (instant.ts, instant))
        .collect();
    let newest = instants.keys().next_back().copied();
    let saying = |instant: &interface_flows::InterfaceFlows| Saying {
        topic: Topic::Flows,
        day: None,
        stamp: Some(instant.ts),
        body: Body::Flows(Flows::new(&instant.net(), instant.ties(), origin)),
        retain: Some(instant.ts) == newest,
    };
    instants.into_values().map(saying).collect()
}

/// Every file, by its day; the rest of today stands only in today's.
fn loads(contents: &[&Content], now: Timestamp, origin: Origin) -> Vec<Saying> {
    let mut files: Vec<&LoadForecastFile> = contents
        .iter()
        .filter_map(|content| match content {
            Content::Load(file) => Some(file),
            _ => None,
        })
        .collect();
    files.sort_by_key(|file| file.day);
    let newest = files.last().map(|file| file.day);
    files
        .into_iter()
        .filter_map(|file| {
            let start = file.hours.first()?.0;
            let column = |column: usize| {
                let hours = file.hours.iter().map(|(ts, loads)| (*ts, f64::from(loads[column])));
                by_the_hour(start, hours)
            };
            let zones = LoadZone::ALL.into_iter().enumerate();
            let zones =
                zones.map(|(index, zone)| (zone.slug().to_owned(), column(index))).collect();
            let series = LoadSeries {
                issued: now,
                units: MEGAWATTS.to_owned(),
                basis: format!("NYISO load forecast of {}", file.day),
                start,
                step_s: HOUR_S,
                values: column(STATE),
                zones,
                origin,
            };
            Some(Saying {
                topic: Topic::LoadForecast,
                day: Some(file.day),
                stamp: Some(start.min(now)),
                body: Body::Load(series),
                retain: Some(file.day) == newest,
            })
        })
        .collect()
}

/// Day-ahead hours in a row, and the newest value in real time, of each zone.
fn zones(
    contents: &[&Content],
    now: Timestamp,
    origin: Origin,
    topic: fn(LoadZone) -> Topic,
    (units, basis): (&str, &str),
) -> Vec<Saying> {
    LoadZone::ALL
        .into_iter()
        .filter_map(|zone| {
            let mut hours: BTreeMap<Timestamp, f64> = BTreeMap::new();
            let mut real_time: Option<RealTime> = None;
            for content in contents {
                match content {
                    Content::DayAhead(values) => {
                        hours.extend(values.get(&zone).into_iter().flatten());
                    }
                    // The live file also holds rows of the coming quarter hours.
                    Content::RealTime(values) => {
                        let values = values.get(&zone).into_iter();
                        let last = values.flat_map(|values| values.range(..=now)).next_back();
                        let last = last.map(|(ts, value)| RealTime { ts: *ts, value: *value });
                        if real_time.map(|known| known.ts) < last.map(|last| last.ts) {
                            real_time = last;
                        }
                    }
                    Content::Flows(_) | Content::Load(_) => {}
                }
            }
            let start = hours.keys().next().copied().or(real_time.map(|now| now.ts))?;
            let newest_hour =
                hours.range(..=now).next_back().map(|(ts, _)| *ts + TimeDelta::hours(1));
            // What comes every five minutes tells best whether the feed lives; day-ahead hours last all day.
            let live = real_time.map(|value| value.ts).filter(|ts| now - *ts <= super::STALE);
            let stamp = live.or(newest_hour.map(|ts| ts.min(now)));
            let series = ZoneSeries {
                issued: now,
                zone: zone.slug().to_owned(),
                units: units.to_owned(),
                basis: basis.to_owned(),
                start,
                step_s: HOUR_S,
                values: by_the_hour(start, hours),
                real_time,
                origin,
            };
            Some(Saying {
                topic: topic(zone),
                day: None,
                stamp,
                body: Body::Zone(series),
                retain: true,
            })
        })
        .collect()
}

/// Values by the hour from `start`; an hour that is not there is `None`.
fn by_the_hour(
    start: Timestamp,
    hours: impl IntoIterator<Item = (Timestamp, f64)>,
) -> Vec<Option<f64>> {
    let mut values = Vec::new();
    for (ts, value) in hours {
        let Ok(index) = usize::try_from((ts - start).num_hours()) else { continue };
        // No file reaches further than a week.
        if index < 24 * 14 {
            if values.len() <= index {
                values.resize(index + 1, None);
            }
            values[index] = Some((value * 1000.0).round() / 1000.0);
        }
    }
    values
}
