//! What the files of a feed say, and what is made of it on the wire. Pure.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::NaiveDate;
use domain::Timestamp;
use domain::forecast::load::STATE;
use domain::marginal;
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
            Files::DayAheadEmissionRate => {
                let file = emission_rate::parse(body, Step::Hourly)?;
                let (rates, odd) = believed(file.rates, &file.odd, RATES, "g/kWh");
                (Self::DayAhead(rates), odd)
            }
            Files::RealTimeEmissionRate => {
                let file = emission_rate::parse(body, Step::Minutes)?;
                let (rates, odd) = believed(file.rates, &file.odd, RATES, "g/kWh");
                (Self::RealTime(rates), odd)
            }
            Files::DayAheadPrice => {
                let file = price::parse(body, Step::Hourly)?;
                let (prices, odd) = believed(file.prices, &file.odd, PRICES, "$/MWh");
                (Self::DayAhead(prices), odd)
            }
            Files::RealTimePrice => {
                let file = price::parse(body, Step::Minutes)?;
                let (prices, odd) = believed(file.prices, &file.odd, PRICES, "$/MWh");
                (Self::RealTime(prices), odd)
            }
            Files::FuelMix => anyhow::bail!("the fuel mix has a pump of its own"),
        })
    }

    /// Ties that this program does not know; of a file of flows only.
    pub fn unknown_ties(&self) -> Option<&BTreeMap<u32, String>> {
        match self {
            Self::Flows(file) => Some(&file.unknown_ties),
            Self::Load(_) | Self::DayAhead(_) | Self::RealTime(_) => None,
        }
    }
}

/// Rates and prices that are passed on; a reader would refuse the whole message for one beyond.
const RATES: RangeInclusive<f64> = marginal::BELIEVED;
const PRICES: RangeInclusive<f64> = ZoneSeries::BELIEVED;

/// The values within `bounds`; the others count as odd.
fn believed(
    mut zones: ByZone,
    rows: &OddRows,
    bounds: RangeInclusive<f64>,
    unit: &str,
) -> (ByZone, Odd) {
    let mut odd = Odd::of(rows);
    for (zone, values) in &mut zones {
        values.retain(|ts, value| {
            let kept = bounds.contains(value);
            if !kept {
                odd.count += 1;
                odd.first.get_or_insert_with(|| {
                    format!("{value:.0} {unit} of {zone} at {ts} is not believed")
                });
            }
            kept
        });
    }
    (zones, odd)
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
    /// Which of a row of instants, each of them said once.
    pub instant: Option<Timestamp>,
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
    let saying = |instant: &interface_flows::InterfaceFlows| {
        let mut flows = Flows::new(&instant.net(), instant.ties(), origin);
        flows.net.retain(|_, net| Flows::BELIEVED_MW.contains(net));
        Saying {
            topic: Topic::Flows,
            day: None,
            instant: Some(instant.ts),
            body: Body::Flows(flows),
            retain: Some(instant.ts) == newest,
        }
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
                by_the_hour(start, hours, &LoadSeries::BELIEVED_MW)
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
                instant: None,
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
            let series = ZoneSeries {
                issued: now,
                zone: zone.slug().to_owned(),
                units: units.to_owned(),
                basis: basis.to_owned(),
                start,
                step_s: HOUR_S,
                values: by_the_hour(start, hours, &ZoneSeries::BELIEVED),
                real_time,
                origin,
            };
            Some(Saying {
                topic: topic(zone),
                day: None,
                instant: None,
                body: Body::Zone(series),
                retain: true,
            })
        })
        .collect()
}

/// Values by the hour from `start`; an hour that is not there, or not believed, is `None`.
fn by_the_hour(
    start: Timestamp,
    hours: impl IntoIterator<Item = (Timestamp, f64)>,
    believed: &RangeInclusive<f64>,
) -> Vec<Option<f64>> {
    let mut values = Vec::new();
    for (ts, value) in hours {
        let Ok(index) = usize::try_from((ts - start).num_hours()) else { continue };
        // No file reaches further than a week.
        if index < 24 * 14 {
            if values.len() <= index {
                values.resize(index + 1, None);
            }
            values[index] = believed.contains(&value).then_some((value * 1000.0).round() / 1000.0);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOWS: &str =
        "Timestamp,Interface Name,Point ID,Flow (MWH),Positive Limit (MWH),Negative Limit (MWH)\n";
    const LOADS: &str = "Time Stamp,Capitl,Centrl,Dunwod,Genese,Hud Vl,Longil,Mhk Vl,Millwd,N.Y.C.,North,West,NYISO\n";
    const PRICES: &str = "Time Stamp,Name,PTID,LBMP ($/MWHr)\n";
    const RATES: &str = "Timestamp,Zone,Tons of Carbon per mmBTU,IMER - CO2 (tons/MWh)\n";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// What a file of `header` and `rows` comes to at noon in New York, and how many rows are odd.
    fn said(kind: Kind, feed: Files, header: &str, rows: &[&str]) -> (Vec<Body>, u64) {
        let file = format!("{header}{}", rows.join("\n"));
        let (content, odd) = Content::read(feed, file.as_bytes()).unwrap();
        let said = sayings(kind, &[&content], at("2026-03-10T16:00:00Z"), Origin::Nyiso);
        (said.into_iter().map(|saying| saying.body).collect(), odd.count)
    }

    fn zone(body: &Body) -> &ZoneSeries {
        let Body::Zone(series) = body else { panic!("{body:?}") };
        series
    }

    /// A message with one value beyond bounds would be refused whole.
    #[test]
    fn a_value_that_readers_refuse_is_not_passed_on() {
        let (flows, _) = said(
            Kind::Flows,
            Files::InterfaceFlows,
            FLOWS,
            &["03/10/2026 11:55,X,23324,15000,0,0", "03/10/2026 11:55,X,23317,700,0,0"],
        );
        let [Body::Flows(flows)] = flows.as_slice() else { panic!("{flows:?}") };
        assert_eq!(flows.net, [("Ontario".to_owned(), 700.0)].into());
        let (loads, _) = said(
            Kind::LoadForecast,
            Files::LoadForecast,
            LOADS,
            &["03/10/2026 00:00,-7,2,3,4,5,6,7,8,9,10,11,15000"],
        );
        let [Body::Load(loads)] = loads.as_slice() else { panic!("{loads:?}") };
        assert_eq!((loads.zones["capitl"][0], loads.values[0]), (None, Some(15_000.0)));
        let (prices, odd) = said(
            Kind::Price,
            Files::RealTimePrice,
            PRICES,
            &["03/10/2026 11:50:00,WEST,1,-41.5", "03/10/2026 11:55:00,WEST,1,12000"],
        );
        assert_eq!(zone(&prices[0]).real_time.unwrap().value, -41.5);
        assert_eq!((odd, prices.len()), (1, 1));
        for body in [Body::Flows(flows.clone()), Body::Load(loads.clone()), prices[0].clone()] {
            let json = body.to_json();
            match body {
                Body::Flows(_) => assert!(Flows::from_json(&json).is_ok()),
                Body::Load(_) => assert!(LoadSeries::from_json(&json).is_ok()),
                Body::Zone(_) => assert!(ZoneSeries::from_json(&json).is_ok()),
            }
        }
    }

    #[test]
    fn rates_outside_of_what_is_believed_are_odd() {
        let rows = [
            "03/10/2026 11:00,WEST,0.0531,3.1",
            "03/10/2026 12:00,WEST,0.0531,-0.9",
            "03/10/2026 13:00,WEST,0.0531,-1.1",
        ];
        let (rates, odd) = said(Kind::Marginal, Files::DayAheadEmissionRate, RATES, &rows);
        assert_eq!((zone(&rates[0]).values.as_slice(), odd), ([Some(-900.0)].as_slice(), 2));
    }

    #[test]
    fn real_time_is_never_of_the_future() {
        let rows = ["03/10/2026 11:55:00,WEST,1,20", "03/10/2026 12:15:00,WEST,1,90"];
        let (prices, _) = said(Kind::Price, Files::RealTimePrice, PRICES, &rows);
        let now = zone(&prices[0]).real_time.unwrap();
        assert_eq!((now.ts, now.value), (at("2026-03-10T15:55:00Z"), 20.0));
    }
}
