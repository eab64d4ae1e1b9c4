//! What is said about the charge: how much, how fast, and when the car leaves.

use chrono::{NaiveTime, Weekday};
use domain::fleet::{LONGEST_WINDOW_SECS, WINDOW_SECS};
use domain::schedule::Schedule;
use serde::{Deserialize, Serialize};

use super::parse::Check;
use crate::charger::ChargeConfig;

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
}

impl Default for ChargeSection {
    fn default() -> Self {
        Self {
            need_kwh: None,
            power_kw: None,
            plugged_from: "18:00".to_owned(),
            continuous: false,
            slack_mins: 15,
            offset_secs: WINDOW_SECS,
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
        must: bool,
        device: String,
        check: &mut Check,
    ) -> Option<ChargeConfig> {
        let mut days = [None; 7];
        for (key, day, text) in schedule.days() {
            let Some(text) = text else { continue };
            days[day.num_days_from_monday() as usize] = time(check, key, text);
        }
        let schedule = Schedule::new(days);
        let plugged_from = time(check, "charge.plugged_from", &self.plugged_from);
        let offset_secs =
            check.range("charge.offset_secs", self.offset_secs, (0, LONGEST_WINDOW_SECS));
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
        Some(ChargeConfig {
            need_kwh: need_kwh?,
            power_kw: power_kw?,
            plugged_from: plugged_from?,
            continuous: self.continuous,
            schedule,
            offset_secs: offset_secs?,
            device,
        })
    }
}

fn time(check: &mut Check, key: &str, text: &str) -> Option<NaiveTime> {
    let time = NaiveTime::parse_from_str(text, "%H:%M").ok();
    if time.is_none() {
        check.say(key, format!("{text:?} is no time of day such as \"07:30\" (24 hours, Eastern)"));
    }
    time
}
