//! `[tariff]`: what a kWh costs the household.

use chrono::{NaiveTime, Timelike};
use domain::charging::Prices;
use domain::tariff::{DAY_MINUTES, GRID, Period, Tariff};
use serde::{Deserialize, Serialize};

use super::parse::Check;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// $/kWh beyond which a price is a mistake: cents, or a price of MWh.
const DEAREST: f64 = 5.0;

/// `[tariff]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TariffSection {
    pub(super) source: TariffSource,
    pub(super) price: Option<f64>,
    pub(super) periods: Vec<PeriodSection>,
}

/// Whose prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TariffSource {
    /// The retailer's, as written here.
    #[default]
    Table,
    /// NYISO's day-ahead price of the load zone.
    Nyiso,
}

/// Hours with a price of their own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeriodSection {
    #[serde(default = "every_day")]
    days: String,
    #[serde(default = "every_month")]
    months: String,
    from: String,
    to: String,
    price: f64,
}

fn every_day() -> String {
    "mon-sun".to_owned()
}

fn every_month() -> String {
    "jan-dec".to_owned()
}

impl TariffSection {
    /// What a kWh costs; `None` where there is a mistake. `has_zone`: the driver's load zone is given.
    pub(super) fn parse(&self, has_zone: bool, check: &mut Check) -> Option<Prices> {
        let mistakes = check.0.len();
        let prices = self.read(has_zone, check);
        (check.0.len() == mistakes).then_some(prices)
    }

    fn read(&self, has_zone: bool, check: &mut Check) -> Prices {
        match self.source {
            TariffSource::Nyiso => {
                if !has_zone {
                    check.say("charge.zone", "must be given with tariff.source = \"nyiso\"");
                }
                if self.price.is_some() || !self.periods.is_empty() {
                    check.say(
                        "tariff.source",
                        "is \"nyiso\", so price and periods must not be given",
                    );
                }
                Prices::Wholesale
            }
            TariffSource::Table => {
                let price = self.price.and_then(|price| dollars(check, "tariff.price", price));
                let periods: Vec<Period> = (0..)
                    .zip(&self.periods)
                    .filter_map(|(index, period)| period.parse(index, check))
                    .collect();
                match price {
                    Some(otherwise) => Prices::Table(Tariff { otherwise, periods }),
                    None => {
                        if self.price.is_none() && !self.periods.is_empty() {
                            check.say(
                                "tariff.price",
                                "must be given: what a kWh costs outside the periods",
                            );
                        }
                        Prices::Unknown
                    }
                }
            }
        }
    }
}

impl PeriodSection {
    fn parse(&self, index: usize, check: &mut Check) -> Option<Period> {
        let key = |name: &str| format!("tariff.periods[{index}].{name}");
        let days = cycle(check, &key("days"), &self.days, &DAYS, "mon-fri");
        let months = cycle(check, &key("months"), &self.months, &MONTHS, "jun-sep");
        let from = minute(check, &key("from"), &self.from);
        let to = match self.to.as_str() {
            "24:00" => Some(DAY_MINUTES),
            to => minute(check, &key("to"), to),
        };
        if from.is_some() && from == to {
            check.say(&key("to"), format!("is {}, as from: the period would be empty", self.to));
        }
        let price = dollars(check, &key("price"), self.price);
        Some(Period { days: days?, months: months?, from: from?, to: to?, price: price? })
    }
}

fn dollars(check: &mut Check, key: &str, price: f64) -> Option<f64> {
    if price.is_finite() && price.abs() <= DEAREST {
        return Some(price);
    }
    check.say(key, format!("{price} is not within -{DEAREST} to {DEAREST}: it is in $ per kWh"));
    None
}

fn minute(check: &mut Check, key: &str, text: &str) -> Option<u32> {
    let time = NaiveTime::parse_from_str(text, "%H:%M").ok();
    let minute = time.map(|time| time.hour() * 60 + time.minute());
    let step = u32::try_from(GRID.num_minutes()).ok()?;
    if let Some(minute) = minute.filter(|minute| minute % step == 0) {
        return Some(minute);
    }
    check.say(
        key,
        format!("{text:?} is no quarter of an hour such as \"08:00\" (24 hours, Eastern)"),
    );
    None
}

/// Which of `words` a text such as `mon-fri,sun` names; a span may go round the end.
fn cycle<const N: usize>(
    check: &mut Check,
    key: &str,
    text: &str,
    words: &[&str; N],
    such_as: &str,
) -> Option<[bool; N]> {
    let place = |word: &str| {
        let word = word.trim().to_ascii_lowercase();
        words.iter().position(|known| *known == word)
    };
    let mut named = [false; N];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (Some(first), Some(last)) = (place(first), place(last)) else {
            let words = words.join(", ");
            check.say(key, format!("{text:?} is not such as {such_as:?}, of: {words}"));
            return None;
        };
        let count = (last + N - first) % N;
        for step in 0..=count {
            named[(first + step) % N] = true;
        }
    }
    Some(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(toml: &str, expected: Result<Prices, &[&str]>) {
        let section: TariffSection = toml::from_str(toml).unwrap();
        let mut check = Check::default();
        let prices = section.parse(false, &mut check);
        let said: Vec<String> = check.0.iter().map(|m| format!("{}: {}", m.key, m.text)).collect();
        match expected {
            Ok(expected) => assert_eq!((prices, said.len()), (Some(expected), 0), "{said:?}"),
            Err(expected) => {
                assert_eq!(prices, None);
                assert_eq!(said.len(), expected.len(), "{said:?}");
                for (said, expected) in said.iter().zip(expected) {
                    assert!(said.starts_with(expected), "{said}");
                }
            }
        }
    }

    #[test]
    fn a_table_is_read() {
        check("", Ok(Prices::Unknown));
        check("price = 0.2", Ok(Prices::Table(Tariff { otherwise: 0.2, periods: Vec::new() })));
        let mut days = [true; 7];
        days[5..].fill(false);
        let mut months = [false; 12];
        (months[10], months[11], months[0]) = (true, true, true);
        let period = Period { days, months, from: 480, to: 1440, price: 0.4 };
        check(
            "price = 0.2\n[[periods]]\ndays = \"Mon-Fri\"\nmonths = \"nov-jan\"\nfrom = \"08:00\"\n\
             to = \"24:00\"\nprice = 0.4\n",
            Ok(Prices::Table(Tariff { otherwise: 0.2, periods: vec![period] })),
        );
        let days = [false, true, false, false, false, true, true];
        let period = Period { days, months: [true; 12], from: 1320, to: 450, price: -0.01 };
        check(
            "price = 0.2\nperiods = [{ days = \"tue, sat-sun\", from = \"22:00\", to = \"07:30\", price = -0.01 }]",
            Ok(Prices::Table(Tariff { otherwise: 0.2, periods: vec![period] })),
        );
    }

    #[test]
    fn every_mistake_is_named_with_its_value() {
        check(
            "price = 21.5",
            Err(&["tariff.price: 21.5 is not within -5 to 5: it is in $ per kWh"]),
        );
        check("source = \"nyiso\"", Err(&["charge.zone: must be given with tariff.source"]));
        check(
            "[[periods]]\nfrom = \"8\"\nto = \"24:10\"\nprice = nan\ndays = \"weekdays\"\nmonths = \"june\"",
            Err(&[
                "tariff.periods[0].days: \"weekdays\" is not such as \"mon-fri\", of: mon, tue",
                "tariff.periods[0].months: \"june\" is not such as \"jun-sep\"",
                "tariff.periods[0].from: \"8\" is no quarter of an hour",
                "tariff.periods[0].to: \"24:10\" is no quarter of an hour",
                "tariff.periods[0].price: NaN is not within",
                "tariff.price: must be given",
            ]),
        );
        check(
            "price = 0.2\nperiods = [{ from = \"07:00\", to = \"07:00\", price = 0.1 }]",
            Err(&["tariff.periods[0].to: is 07:00, as from"]),
        );
    }
}
