//! The feeds beside the fuel mix, made up to go with it: flows, load forecast, prices, marginal rates.
//!
//! Headers and stamps are NYISO's. Of the marginal rates no file was ever seen here: theirs follows the
//! documented header, in short tons, as the carbon column says.

use std::fmt::Write as _;

use chrono::{Days, NaiveDate, TimeDelta};
use domain::Timestamp;
use domain::fuel_mix::Fuel;
use domain::zone::LoadZone;
use nyiso::eastern::{midnight, wall_clock};
use nyiso::path::Feed;

use super::generator::Generator;
use super::noise::Noise;
use super::posting::reach;
use super::shift::Shift;

const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// Channels of noise, beyond the generator's own.
const FLOW: u64 = 900;
const LOAD_ERROR: u64 = 950;
const PRICE: u64 = 960;
const RATE: u64 = 980;

/// Ties: name, Point ID, and mean and swing of the flow in MW.
const TIES: [(&str, u32, f64, f64); 10] = [
    ("SCH - HQ - NY", 23_324, 900.0, 350.0),
    ("SCH - HQ_CEDARS", 325_274, 80.0, 30.0),
    ("SCH - HQ_CHPE", 625_211, 1_000.0, 200.0),
    ("SCH - OH - NY", 23_317, 500.0, 400.0),
    ("SCH - NE - NY", 23_318, -100.0, 400.0),
    ("SCH - NPX_1385", 325_277, 50.0, 40.0),
    ("SCH - NPX_CSC", 325_154, -100.0, 150.0),
    ("SCH - PJ - NY", 23_316, 700.0, 450.0),
    ("SCH - PJM_NEPTUNE", 325_305, 500.0, 120.0),
    ("SCH - PJM_VFT", 325_658, 100.0, 80.0),
];

/// Share of each zone in the state's load, in the order of [`LoadZone::ALL`].
const SHARES: [f64; LoadZone::COUNT] =
    [0.078, 0.104, 0.038, 0.064, 0.064, 0.135, 0.051, 0.019, 0.336, 0.031, 0.08];

/// The file of `day` as it is at `now`, to go with a fuel mix that is moved by `shift`; `None` where it has no
/// row yet.
pub(super) fn file(
    (generator, seed): (&Generator, u64),
    shift: Shift,
    feed: Feed,
    day: NaiveDate,
    now: Timestamp,
) -> Option<Vec<u8>> {
    let made = Maker { generator, noise: Noise::new(seed), shift, reach: reach(feed, now) };
    match feed {
        Feed::FuelMix => None,
        Feed::InterfaceFlows => made.flows(day),
        Feed::LoadForecast => Some(made.load_forecast(day)),
        Feed::DayAheadPrice => Some(made.prices(day, HOUR)),
        Feed::DayAheadEmissionRate => Some(made.rates(day, HOUR)),
        Feed::RealTimePrice => Some(made.prices(day, 300)),
        Feed::RealTimeEmissionRate => Some(made.rates(day, 300)),
    }
}

struct Maker<'a> {
    generator: &'a Generator,
    noise: Noise,
    /// How far the fuel mix that this goes with is moved.
    shift: Shift,
    /// The newest stamp that there can be.
    reach: Timestamp,
}

impl Maker<'_> {
    /// Stamps of `day`: hours by their start, shorter steps by their end up to now.
    fn stamps(&self, day: NaiveDate, step: i64) -> impl Iterator<Item = Timestamp> {
        let (start, end) = (midnight(day), midnight(day + Days::new(1)));
        let first = if step < HOUR { start + TimeDelta::seconds(step) } else { start };
        std::iter::successors(Some(first), move |ts| Some(*ts + TimeDelta::seconds(step)))
            .take_while(|ts| *ts <= self.reach)
            .take_while(move |ts| *ts < end || step < HOUR && *ts == end)
    }

    fn flows(&self, day: NaiveDate) -> Option<Vec<u8>> {
        let mut text =
            "Timestamp,Interface Name,Point ID,Flow (MWH),Positive Limit (MWH),Negative Limit (MWH)\r\n"
                .to_owned();
        let end = midnight(day + Days::new(1));
        let mut rows = 0;
        for slot in 0.. {
            let ts = midnight(day) + TimeDelta::minutes(5 * slot);
            if end <= ts || self.reach < ts {
                break;
            }
            let stamp = wall_clock(ts).0.format("%m/%d/%Y %H:%M");
            for (index, (name, point, mean, swing)) in (0..).zip(TIES) {
                let noise = self.noise.smooth(FLOW + index, ts.timestamp(), 9 * HOUR);
                let flow = mean + swing * noise;
                let _ = writeln!(text, "{stamp},{name},{point},{flow:.2},9999,-9999\r");
                rows += 1;
            }
        }
        (rows > 0).then(|| text.into_bytes())
    }

    /// What the fuel mix that is served shows at `ts`.
    fn megawatts(&self, ts: Timestamp) -> [u32; Fuel::COUNT] {
        self.generator.megawatts(ts - self.shift.0)
    }

    /// What the state uses, MW: what it generates, and what comes in.
    fn load(&self, ts: Timestamp) -> f64 {
        let generated: u32 = self.megawatts(ts).iter().sum();
        f64::from(generated) + 3_500.0
    }

    fn load_forecast(&self, day: NaiveDate) -> Vec<u8> {
        let mut text = concat!(
            r#""Time Stamp","Capitl","Centrl","Dunwod","Genese","Hud Vl","Longil","Mhk Vl","#,
            r#""Millwd","N.Y.C.","North","West","NYISO""#,
            "\n"
        )
        .to_owned();
        for date in day.iter_days().take(6) {
            for ts in self.stamps(date, HOUR) {
                // A percent off, more so further ahead.
                let days = (date - day).num_days() as f64 + 1.0;
                let error = self.noise.smooth(LOAD_ERROR, ts.timestamp(), DAY);
                let load = self.load(ts + TimeDelta::minutes(30)) * (1.0 + 0.006 * days * error);
                let _ = write!(text, "\"{}\"", wall_clock(ts).0.format("%m/%d/%Y %H:%M"));
                for share in SHARES {
                    let _ = write!(text, ",{:.0}", load * share);
                }
                let _ = writeln!(text, ",{load:.0}");
            }
        }
        text.into_bytes()
    }

    /// How hard the plants that burn something work, 0 to 1.
    fn strain(&self, ts: Timestamp) -> f64 {
        let mix = self.megawatts(ts);
        let fossil: u32 = Fuel::ALL
            .into_iter()
            .zip(mix)
            .filter(|(fuel, _)| {
                matches!(fuel, Fuel::DualFuel | Fuel::NaturalGas | Fuel::OtherFossil)
            })
            .map(|(_, power)| power)
            .sum();
        (f64::from(fossil) / 14_000.0).clamp(0.0, 1.0)
    }

    /// Price and marginal rate of a zone: upstate cheaper and cleaner than the city and the island.
    fn zone(&self, zone: LoadZone, ts: Timestamp, channel: u64) -> f64 {
        let place = match zone {
            LoadZone::Longil => 1.25,
            LoadZone::Nyc => 1.12,
            LoadZone::North => 0.75,
            LoadZone::West | LoadZone::Genese => 0.9,
            _ => 1.0,
        };
        let own = 0.08 * self.noise.smooth(channel + zone as u64, ts.timestamp(), 5 * HOUR);
        (self.strain(ts) * 1.3 + 0.25) * place * (1.0 + own)
    }

    fn prices(&self, day: NaiveDate, step: i64) -> Vec<u8> {
        let mut text = concat!(
            r#""Time Stamp","Name","PTID","LBMP ($/MWHr)","Marginal Cost Losses ($/MWHr)","#,
            r#""Marginal Cost Congestion ($/MWHr)""#,
            "\r\n"
        )
        .to_owned();
        for ts in self.stamps(day, step) {
            let stamp = stamp(ts, step);
            for (id, zone) in (61_752..).zip(LoadZone::ALL) {
                let price = 42.0 * self.zone(zone, ts, PRICE);
                let _ =
                    writeln!(text, "\"{stamp}\",\"{}\",{id},{price:.2},0.50,0.00\r", zone.name());
            }
        }
        text.into_bytes()
    }

    fn rates(&self, day: NaiveDate, step: i64) -> Vec<u8> {
        let mut text = concat!(
            "Timestamp, Zone, LBMP - ($/MWh), VOM - ($/MWh), Tons of Carbon per mmBTU, ",
            "Tons of NOx per mmBTU, Implied Heat Rate - IHRi (mmBTU/MWh), ",
            "IMER - CO2 (tons/MWh), IMER - NOx (tons/MWh)\r\n"
        )
        .to_owned();
        for ts in self.stamps(day, step) {
            let stamp = stamp(ts, step);
            for zone in LoadZone::ALL {
                let heat_rate = 5.0 + 4.0 * self.zone(zone, ts, RATE);
                let rate = heat_rate * 0.0585;
                let _ = writeln!(
                    text,
                    "{stamp}, {}, 40.00, 2.00, 0.0585, 0.0001, {heat_rate:.3}, {rate:.4}, 0.0008\r",
                    zone.name()
                );
            }
        }
        text.into_bytes()
    }
}

fn stamp(ts: Timestamp, step: i64) -> String {
    let format = if step < HOUR { "%m/%d/%Y %H:%M:%S" } else { "%m/%d/%Y %H:%M" };
    wall_clock(ts).0.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nyiso::local_time::Step;
    use nyiso::{emission_rate, interface_flows, load_forecast, price};

    fn at(feed: Feed, date: &str, now: &str) -> Option<Vec<u8>> {
        let (date, now) = (date.parse().unwrap(), now.parse().unwrap());
        file((&Generator::new(7), 7), Shift(TimeDelta::zero()), feed, date, now)
    }

    #[test]
    fn our_parsers_read_all_of_it() {
        let now = "2026-03-10T16:02:00Z";
        let flows = at(Feed::InterfaceFlows, "2026-03-10", now).unwrap();
        let flows = interface_flows::parse(&flows).unwrap();
        assert!(flows.odd.is_empty() && flows.unknown_ties.is_empty());
        assert_eq!(flows.instants.last().unwrap().ts.to_rfc3339(), "2026-03-10T16:00:00+00:00");
        let loads = at(Feed::LoadForecast, "2026-03-11", now).unwrap();
        let loads = load_forecast::parse(&loads).unwrap();
        assert_eq!((loads.hours.len(), loads.oddities.len()), (144, 0));
        for (day_ahead, real_time) in [
            (Feed::DayAheadPrice, Feed::RealTimePrice),
            (Feed::DayAheadEmissionRate, Feed::RealTimeEmissionRate),
        ] {
            let hourly = at(day_ahead, "2026-03-11", now).unwrap();
            let minutes = at(real_time, "2026-03-10", now).unwrap();
            let values = |file: &[u8], step| match day_ahead {
                Feed::DayAheadPrice => price::parse(file, step).unwrap().prices,
                _ => emission_rate::parse(file, step).unwrap().rates,
            };
            let (hourly, minutes) =
                (values(&hourly, Step::Hourly), values(&minutes, Step::Minutes));
            assert_eq!(hourly[&LoadZone::Nyc].len(), 24);
            let newest = minutes[&LoadZone::Nyc].keys().next_back().unwrap().to_rfc3339();
            assert_eq!(newest, "2026-03-10T15:55:00+00:00");
        }
    }

    #[test]
    fn the_autumn_day_has_25_hours_of_prices() {
        let file = at(Feed::DayAheadPrice, "2026-11-01", "2026-11-01T12:00:00Z").unwrap();
        let prices = price::parse(&file, Step::Hourly).unwrap();
        assert_eq!(prices.prices[&LoadZone::West].len(), 25);
    }
}
