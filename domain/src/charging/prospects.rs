//! What is known of the hours ahead, signal by signal, and which of it a plan is made with.

use chrono::{DurationRound as _, TimeDelta};

use crate::Timestamp;
use crate::plan::{Band, Caution, Objective, Outlook, Signals, Slot, SlotError, Window, intersect};
use crate::schedule::WallClock;
use crate::tariff::Tariff;
use crate::units::CarbonIntensity;
use crate::wire::{CarbonForecast, Origin, ZoneSeries};

/// How far the own profile and the tariff reach as a forecast.
const AHEAD: TimeDelta = TimeDelta::hours(96);

/// $ per MWh in $ per kWh.
const PER_KWH: f64 = 1e-3;

/// The newest word on each signal.
#[derive(Clone, Debug, Default)]
pub struct Prospects {
    /// Average intensity.
    pub average: Option<CarbonForecast>,
    /// Marginal intensity of the driver's zone.
    pub marginal: Option<CarbonForecast>,
    /// NYISO's day-ahead price in the driver's zone.
    pub wholesale: Option<ZoneSeries>,
}

/// What a kWh costs this household.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Prices {
    /// Nobody said.
    #[default]
    Unknown,
    /// The retailer's table.
    Table(Tariff),
    /// NYISO's day-ahead price of the zone.
    Wholesale,
}

/// What a plan is made with.
#[derive(Clone, Debug, PartialEq)]
pub struct Knowledge {
    /// Values slot by slot, and behind them the own profile.
    pub outlook: Outlook,
    /// Hours in which the objective wants to charge; empty: always.
    pub windows: Vec<Window>,
    /// What is kept low: what was asked for, or the average intensity where nothing is known of that.
    pub objective: Objective,
    /// When the forecast was made; `None` without one, and of a table.
    pub issued: Option<Timestamp>,
    /// What the objective lacks, in words.
    pub lacks: Option<&'static str>,
}

/// What is asked of [`Prospects::knowledge`].
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Now, or when the car comes home.
    pub from: Timestamp,
    /// Whose readings are decided by: a forecast of another origin counts for nothing.
    pub origin: Origin,
    /// What to keep low.
    pub objective: Objective,
    /// Which value of a band counts.
    pub caution: Caution,
    /// What a kWh costs.
    pub prices: &'a Prices,
    /// The usual intensity at a time.
    pub usual: &'a dyn Fn(Timestamp) -> Option<CarbonIntensity>,
    /// New York's wall clock.
    pub clock: WallClock,
}

impl Prospects {
    /// The forecast of average intensity, where it is of `origin`: what was kept of a demo plans no real
    /// charge.
    pub fn average_of(&self, origin: Origin) -> Option<&CarbonForecast> {
        self.average.as_ref().filter(|forecast| forecast.origin == origin)
    }

    /// What there is to plan with.
    ///
    /// # Errors
    /// When a forecast cannot be read as one; the rest is then still known, so ask again without it.
    pub fn knowledge(&self, question: &Question<'_>) -> Result<Knowledge, SlotError> {
        let average_of = self.average_of(question.origin);
        let average = bands(average_of, question.from);
        let marginal_of =
            self.marginal.as_ref().filter(|forecast| forecast.origin == question.origin);
        let marginal = bands(marginal_of, question.from);
        let price = self.price(question);
        let (objective, lacks) = match question.objective {
            Objective::MarginalCarbon if marginal.is_empty() => (
                Objective::AverageCarbon,
                Some("no marginal rates are known, so the average counts"),
            ),
            Objective::Price if price.is_empty() => (
                Objective::AverageCarbon,
                Some("no prices are known, so the average carbon counts"),
            ),
            Objective::PriceCappedCarbon { .. } if price.is_empty() => {
                (Objective::AverageCarbon, Some("no prices are known, so there is no cap"))
            }
            other => (other, None),
        };
        let signals = Signals { average: &average, marginal: &marginal, price: &price };
        let (slots, windows) = objective.slots(signals, question.caution);
        let issued = match objective {
            Objective::MarginalCarbon => marginal_of.map(|forecast| forecast.issued),
            Objective::Price => None,
            Objective::AverageCarbon | Objective::PriceCappedCarbon { .. } => {
                average_of.map(|forecast| forecast.issued)
            }
        };
        let outlook = Outlook::new(slots)?;
        let outlook = match objective {
            // The own profile is one of average intensity; beside other numbers it would lie.
            Objective::AverageCarbon | Objective::PriceCappedCarbon { .. } => {
                outlook.with_history(usual(question))?
            }
            Objective::MarginalCarbon | Objective::Price => outlook,
        };
        Ok(Knowledge { outlook, windows, objective, issued, lacks })
    }

    /// The same, without the forecasts where they cannot be read; what is wrong with them.
    pub fn knowledge_or_less(&self, question: &Question<'_>) -> (Knowledge, Option<String>) {
        match self.knowledge(question) {
            Ok(knowledge) => (knowledge, None),
            Err(error) => {
                // Without any forecast only the own profile is left, and that is made of finite numbers.
                let rest = Self::default().knowledge(question).unwrap_or_else(|_| Knowledge {
                    outlook: Outlook::unknown(),
                    windows: Vec::new(),
                    objective: Objective::AverageCarbon,
                    issued: None,
                    lacks: None,
                });
                (rest, Some(format!("the forecast cannot be used: {error}")))
            }
        }
    }

    fn price(&self, question: &Question<'_>) -> Vec<Slot> {
        match question.prices {
            Prices::Unknown => Vec::new(),
            Prices::Table(tariff) => {
                tariff.slots(question.from, question.from + AHEAD, question.clock)
            }
            Prices::Wholesale => {
                let Some(series) =
                    self.wholesale.as_ref().filter(|series| series.origin == question.origin)
                else {
                    return Vec::new();
                };
                let step = TimeDelta::seconds(i64::from(series.step_s));
                series
                    .hours()
                    .map(|(start, value)| Slot { start, end: start + step, value: value * PER_KWH })
                    .filter(|slot| question.from < slot.end)
                    .collect()
            }
        }
    }

    /// What a kWh costs at `now`, $.
    pub fn price_now(
        &self,
        prices: &Prices,
        origin: Origin,
        now: Timestamp,
        clock: WallClock,
    ) -> Option<f64> {
        match prices {
            Prices::Unknown => None,
            Prices::Table(tariff) => Some(tariff.at(now, clock)),
            Prices::Wholesale => {
                let series = self.wholesale.as_ref().filter(|series| series.origin == origin)?;
                let step = TimeDelta::seconds(i64::from(series.step_s));
                let (_, value) =
                    series.hours().find(|(start, _)| (*start..*start + step).contains(&now))?;
                Some(value * PER_KWH)
            }
        }
    }
}

fn bands(forecast: Option<&CarbonForecast>, from: Timestamp) -> Vec<Band> {
    forecast
        .into_iter()
        .flat_map(CarbonForecast::slots)
        .filter(|slot| from < slot.end)
        .map(|slot| Band {
            start: slot.start,
            end: slot.end,
            value: slot.value,
            p90: Some(slot.p90),
        })
        .collect()
}

/// The own profile, hour by hour.
fn usual(question: &Question<'_>) -> Vec<Slot> {
    let hour = TimeDelta::hours(1);
    let first = question.from.duration_trunc(hour).unwrap_or(question.from);
    (0..i32::try_from(AHEAD.num_hours()).unwrap_or(0))
        .filter_map(|ahead| {
            let start = first + hour * ahead;
            let value = (question.usual)(start)?.grams_per_kwh();
            Some(Slot { start, end: start + hour, value })
        })
        .collect()
}

/// The windows of each day between `from` and `to`: `hours` are wall times of begin and end; one that does not
/// end after it begins ends on the next day. No hours: no windows, which means always.
pub(super) fn daily(
    hours: &[(chrono::NaiveTime, chrono::NaiveTime)],
    from: Timestamp,
    to: Timestamp,
    clock: WallClock,
) -> Vec<Window> {
    if hours.is_empty() {
        return Vec::new();
    }
    let first = (clock.local)(from).date() - TimeDelta::days(1);
    let last = (clock.local)(to).date();
    let mut windows: Vec<Window> = first
        .iter_days()
        .take_while(|day| *day <= last)
        .flat_map(|day| hours.iter().map(move |hours| (day, *hours)))
        .map(|(day, (begin, end))| {
            let ends = if begin < end { day } else { day + TimeDelta::days(1) };
            Window {
                start: (clock.instant)(day.and_time(begin)),
                end: (clock.instant)(ends.and_time(end)),
            }
        })
        .filter(|window| window.start < window.end)
        .collect();
    windows.sort_by_key(|window| (window.start, window.end));
    intersect(&[Window { start: from, end: to }], &windows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: WallClock =
        WallClock { local: |ts| ts.naive_utc(), instant: |wall| wall.and_utc() };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const FROM: &str = "2026-03-10T20:00:00Z";

    fn forecast(basis: &str, values: [f64; 4]) -> CarbonForecast {
        CarbonForecast {
            issued: at("2026-03-10T19:45:00Z"),
            model: "ny-power".into(),
            units: "g / kWh".into(),
            basis: basis.into(),
            zone: None,
            start: at(FROM),
            step_s: 3600,
            p10: values.to_vec(),
            p90: values.iter().map(|value| value + 50.0).collect(),
            values: values.to_vec(),
            known_until: None,
            factor_set: String::new(),
            origin: Origin::Nyiso,
        }
    }

    fn wholesale() -> ZoneSeries {
        ZoneSeries {
            issued: at("2026-03-10T15:00:00Z"),
            zone: "nyc".into(),
            units: "$ / MWh".into(),
            basis: "day-ahead".into(),
            start: at(FROM),
            step_s: 3600,
            values: vec![Some(40.0), None, Some(-5.0), Some(60.0)],
            real_time: None,
            origin: Origin::Nyiso,
        }
    }

    fn all() -> Prospects {
        Prospects {
            average: Some(forecast("average", [200.0, 210.0, 220.0, 230.0])),
            marginal: Some(forecast("marginal", [500.0, 400.0, 300.0, 450.0])),
            wholesale: Some(wholesale()),
        }
    }

    fn ask(prospects: &Prospects, objective: Objective, prices: &Prices) -> Knowledge {
        let usual = |_| CarbonIntensity::from_grams_per_kwh(250.0);
        let question = Question {
            from: at(FROM),
            origin: Origin::Nyiso,
            objective,
            caution: Caution::Expected,
            prices,
            usual: &usual,
            clock: CLOCK,
        };
        prospects.knowledge(&question).unwrap()
    }

    fn values(knowledge: &Knowledge) -> Vec<f64> {
        knowledge.outlook.forecast().iter().map(|slot| slot.value).collect()
    }

    #[test]
    fn each_objective_has_its_signal() {
        let average = ask(&all(), Objective::AverageCarbon, &Prices::Unknown);
        assert_eq!(values(&average), [200.0, 210.0, 220.0, 230.0]);
        assert_eq!(average.outlook.history().len(), 96);
        let marginal = ask(&all(), Objective::MarginalCarbon, &Prices::Unknown);
        assert_eq!(values(&marginal), [500.0, 400.0, 300.0, 450.0]);
        assert!(marginal.outlook.history().is_empty(), "averages beside marginal rates");
        let price = ask(&all(), Objective::Price, &Prices::Wholesale);
        // The hour that NYISO lacks is not known, and not free.
        let starts: Vec<_> =
            price.outlook.forecast().iter().map(|s| s.start.format("%H").to_string()).collect();
        assert_eq!(starts, ["20", "22", "23"]);
        assert!((values(&price)[1] + 0.005).abs() < 1e-3, "{price:?}");
        assert_eq!((price.objective, price.lacks), (Objective::Price, None));
    }

    #[test]
    fn an_objective_without_its_signal_falls_back_to_the_average_and_says_so() {
        let only_average = Prospects { average: all().average, ..Prospects::default() };
        for (objective, said) in [
            (Objective::MarginalCarbon, "no marginal rates"),
            (Objective::Price, "no prices are known, so the average"),
            (Objective::PriceCappedCarbon { cap: 0.1 }, "no cap"),
        ] {
            let knowledge = ask(&only_average, objective, &Prices::Wholesale);
            assert_eq!(knowledge.objective, Objective::AverageCarbon, "{objective:?}");
            assert!(knowledge.lacks.unwrap().contains(said), "{knowledge:?}");
            assert_eq!(values(&knowledge), [200.0, 210.0, 220.0, 230.0]);
            assert!(knowledge.windows.is_empty());
        }
        let nothing = ask(&Prospects::default(), Objective::AverageCarbon, &Prices::Unknown);
        assert!(values(&nothing).is_empty());
        assert_eq!(nothing.outlook.history().len(), 96, "the own profile stays");
    }

    #[test]
    fn another_origin_counts_for_nothing() {
        let mut demo = all();
        for origin in [&mut demo.average, &mut demo.marginal].into_iter().flatten() {
            origin.origin = Origin::Generated;
        }
        demo.wholesale.as_mut().unwrap().origin = Origin::Generated;
        for objective in [Objective::AverageCarbon, Objective::MarginalCarbon, Objective::Price] {
            let knowledge = ask(&demo, objective, &Prices::Wholesale);
            assert!(values(&knowledge).is_empty(), "{objective:?}");
        }
    }

    #[test]
    fn a_cap_on_the_price_is_a_window() {
        let cap = Objective::PriceCappedCarbon { cap: 0.045 };
        let knowledge = ask(&all(), cap, &Prices::Wholesale);
        let hours: Vec<_> =
            knowledge.windows.iter().map(|w| w.start.format("%H").to_string()).collect();
        assert_eq!(hours, ["20", "22"]);
        assert_eq!(values(&knowledge), [200.0, 210.0, 220.0, 230.0]);
    }

    #[test]
    fn what_a_kwh_costs_now() {
        let tariff = Prices::Table(Tariff { otherwise: 0.21, periods: Vec::new() });
        let now =
            |prices: &Prices, time: &str| all().price_now(prices, Origin::Nyiso, at(time), CLOCK);
        assert_eq!(now(&tariff, "2030-01-01T00:00:00Z"), Some(0.21));
        assert_eq!(now(&Prices::Wholesale, "2026-03-10T20:59:00Z"), Some(0.04));
        assert_eq!(now(&Prices::Wholesale, "2026-03-10T21:00:00Z"), None);
        assert_eq!(now(&Prices::Unknown, "2026-03-10T20:59:00Z"), None);
    }

    #[test]
    fn daily_hours_become_windows_within_the_stay() {
        let time = |hour| chrono::NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
        let (from, to) = (at("2026-03-10T18:00:00Z"), at("2026-03-12T07:00:00Z"));
        let check = |hours: &[(u32, u32)], expected: &[&str]| {
            let hours: Vec<_> = hours.iter().map(|(b, e)| (time(*b), time(*e))).collect();
            let drawn: Vec<String> = daily(&hours, from, to, CLOCK)
                .iter()
                .map(|w| format!("{}-{}", w.start.format("%d %H"), w.end.format("%d %H")))
                .collect();
            assert_eq!(drawn, expected);
        };
        check(&[], &[]);
        check(&[(22, 6)], &["10 22-11 06", "11 22-12 06"]);
        check(&[(16, 20)], &["10 18-10 20", "11 16-11 20"]);
        check(&[(22, 6), (10, 11)], &["10 22-11 06", "11 10-11 11", "11 22-12 06"]);
        // None within the stay: a window that never opens, and not always.
        let short = daily(&[(time(8), time(9))], from, at("2026-03-11T07:00:00Z"), CLOCK);
        assert!(short.iter().all(|window| window.end <= window.start), "{short:?}");
        assert_eq!(short.len(), 1);
    }
}
