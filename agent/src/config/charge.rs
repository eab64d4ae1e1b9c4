//! What is said about the charge: how much, how fast, and when the car leaves.

use chrono::{NaiveTime, TimeDelta, Weekday};
use domain::charging::{ChargeSettings, Prices};
use domain::fleet::{LONGEST_WINDOW_SECS, WINDOW_SECS};
use domain::plan::{Caution, Objective};
use domain::schedule::Schedule;
use domain::zone::LoadZone;
use serde::{Deserialize, Serialize};

use super::parse::Check;
use super::tariff::TariffSection;

/// `[charge]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChargeSection {
    pub(super) need_kwh: Option<f64>,
    pub(super) power_kw: Option<f64>,
    pub(super) plugged_from: String,
    pub(super) continuous: bool,
    pub(super) slack_mins: u64,
    pub(super) offset_secs: u32,
    pub(super) objective: ObjectiveWord,
    pub(super) price_cap: Option<f64>,
    pub(super) zone: Option<String>,
    pub(super) caution: CautionWord,
    pub(super) minimum_first_kwh: f64,
    pub(super) precondition_mins: u32,
    pub(super) windows: Vec<String>,
}

/// What to keep low.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectiveWord {
    /// Average carbon intensity.
    #[default]
    Average,
    /// Marginal carbon intensity of the zone.
    Marginal,
    /// Price.
    Price,
    /// Average carbon intensity, in hours under a price.
    PriceCapped,
}

/// Which value of a forecast's band counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CautionWord {
    /// The expected one.
    #[default]
    Expected,
    /// Nine times out of ten it is not above this.
    P90,
}

/// Longest preconditioning, minutes.
const LONGEST_PRECONDITION: u32 = 180;

impl Default for ChargeSection {
    fn default() -> Self {
        Self {
            need_kwh: None,
            power_kw: None,
            plugged_from: "18:00".to_owned(),
            continuous: false,
            slack_mins: 15,
            offset_secs: WINDOW_SECS,
            objective: ObjectiveWord::default(),
            price_cap: None,
            zone: None,
            caution: CautionWord::default(),
            minimum_first_kwh: 0.0,
            precondition_mins: 0,
            windows: Vec::new(),
        }
    }
}

/// `[schedule]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSection {
    pub(super) mon: Option<String>,
    pub(super) tue: Option<String>,
    pub(super) wed: Option<String>,
    pub(super) thu: Option<String>,
    pub(super) fri: Option<String>,
    pub(super) sat: Option<String>,
    pub(super) sun: Option<String>,
}

impl ScheduleSection {
    fn days(&self) -> [(&'static str, Weekday, &Option<String>); 7] {
        [
            ("schedule.mon", Weekday::Mon, &self.mon),
            ("schedule.tue", Weekday::Tue, &self.tue),
            ("schedule.wed", Weekday::Wed, &self.wed),
            ("schedule.thu", Weekday::Thu, &self.thu),
            ("schedule.fri", Weekday::Fri, &self.fri),
            ("schedule.sat", Weekday::Sat, &self.sat),
            ("schedule.sun", Weekday::Sun, &self.sun),
        ]
    }
}

impl ChargeSection {
    /// The charge, where one is described. `must`: the mode cannot do without.
    pub(super) fn parse(
        &self,
        schedule: &ScheduleSection,
        tariff: &TariffSection,
        must: bool,
        device: String,
        check: &mut Check,
    ) -> Option<ChargeSettings> {
        let mut days = [None; 7];
        for (key, day, text) in schedule.days() {
            let Some(text) = text else { continue };
            days[day.num_days_from_monday() as usize] = time(check, key, text);
        }
        let schedule = Schedule::new(days);
        let plugged_from = time(check, "charge.plugged_from", &self.plugged_from);
        let offset_secs =
            check.range("charge.offset_secs", self.offset_secs, (0, LONGEST_WINDOW_SECS));
        let zone = self.zone(check);
        let prices = tariff.parse(self.zone.is_some(), check);
        let objective = self.objective(prices.as_ref(), check);
        let windows = self.windows(check);
        let precondition_mins = check.range(
            "charge.precondition_mins",
            self.precondition_mins,
            (0, LONGEST_PRECONDITION),
        );
        let described = self.need_kwh.is_some() || self.power_kw.is_some() || !schedule.is_empty();
        if !described && !must {
            return None;
        }
        let mut amount = |key: &str, value: Option<f64>, most: f64| match value {
            Some(value) if 0.0 < value && value <= most => Some(value),
            Some(value) => {
                check.say(key, format!("{value} is not within 0 to {most}"));
                None
            }
            None => {
                check.say(key, "must be given for a planned charge (mode \"clean\")");
                None
            }
        };
        let need_kwh = amount("charge.need_kwh", self.need_kwh, 500.0);
        let power_kw = amount("charge.power_kw", self.power_kw, 400.0);
        if schedule.is_empty() {
            check.say("schedule", "names no departure: give one day at least, mon = \"07:30\"");
        }
        let most_first = self.need_kwh.unwrap_or(500.0);
        let minimum_first_kwh =
            check.range("charge.minimum_first_kwh", self.minimum_first_kwh, (0.0, most_first));
        Some(ChargeSettings {
            continuous: self.continuous,
            offset_secs: offset_secs?,
            objective: objective?,
            caution: match self.caution {
                CautionWord::Expected => Caution::Expected,
                CautionWord::P90 => Caution::P90,
            },
            zone: zone?,
            prices: prices?,
            minimum_first_kwh: minimum_first_kwh?,
            precondition: TimeDelta::minutes(i64::from(precondition_mins?)),
            hours: windows?,
            ..ChargeSettings::new(need_kwh?, power_kw?, plugged_from?, schedule, device)
        })
    }

    /// The zone, where one is given.
    #[expect(clippy::option_option, reason = "a mistake, none given, given")]
    fn zone(&self, check: &mut Check) -> Option<Option<LoadZone>> {
        let Some(slug) = &self.zone else { return Some(None) };
        let zone = LoadZone::from_slug(&slug.to_ascii_lowercase());
        if zone.is_none() {
            let zones = LoadZone::ALL.map(LoadZone::slug).join(", ");
            check.say("charge.zone", format!("{slug:?} is no load zone of NYISO's: {zones}"));
        }
        zone.map(Some)
    }

    fn objective(&self, prices: Option<&Prices>, check: &mut Check) -> Option<Objective> {
        let word = self.objective;
        let by_price = matches!(word, ObjectiveWord::Price | ObjectiveWord::PriceCapped);
        if by_price && prices == Some(&Prices::Unknown) {
            check.say(
                "tariff",
                "must be given where the objective looks at prices: price and periods, or source = \"nyiso\"",
            );
        }
        match word {
            ObjectiveWord::Average => Some(Objective::AverageCarbon),
            ObjectiveWord::Price => Some(Objective::Price),
            ObjectiveWord::Marginal => {
                if self.zone.is_none() {
                    check.say("charge.zone", "must be given with objective = \"marginal\"");
                }
                Some(Objective::MarginalCarbon)
            }
            ObjectiveWord::PriceCapped => match self.price_cap {
                Some(cap) => check
                    .range("charge.price_cap", cap, (-5.0, 5.0))
                    .map(|cap| Objective::PriceCappedCarbon { cap }),
                None => {
                    check.say(
                        "charge.price_cap",
                        "must be given with objective = \"price-capped\": $ per kWh",
                    );
                    None
                }
            },
        }
    }

    fn windows(&self, check: &mut Check) -> Option<Vec<(NaiveTime, NaiveTime)>> {
        let read = |text: &String| {
            let (begin, end) = text.split_once('-')?;
            let time = |text: &str| NaiveTime::parse_from_str(text.trim(), "%H:%M").ok();
            let (begin, end) = (time(begin)?, time(end)?);
            (begin != end).then_some((begin, end))
        };
        let mut windows = Vec::new();
        for text in &self.windows {
            match read(text) {
                Some(window) => windows.push(window),
                None => {
                    check.say(
                        "charge.windows",
                        format!("{text:?} is not such as \"22:00-06:30\" (24 hours, Eastern)"),
                    );
                    return None;
                }
            }
        }
        Some(windows)
    }
}

fn time(check: &mut Check, key: &str, text: &str) -> Option<NaiveTime> {
    let time = NaiveTime::parse_from_str(text, "%H:%M").ok();
    if time.is_none() {
        check.say(key, format!("{text:?} is no time of day such as \"07:30\" (24 hours, Eastern)"));
    }
    time
}
