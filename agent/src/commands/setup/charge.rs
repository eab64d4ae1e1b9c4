//! When the car leaves, and what it needs until then.

use std::time::Duration;

use chrono::{NaiveTime, TimeDelta};
use toml::Value;

use super::questions::{Interview, is_none, number, text};
use super::talk::{Stop, Tone};
use crate::picture::span;

/// Questions for several keys of the file at once.
pub(super) const WEEKDAYS: &str = "schedule.weekdays";
pub(super) const WEEKEND: &str = "schedule.weekend";

pub(super) const POWER: &str = "charge.power_kw";
pub(super) const NEED: &str = "charge.need_kwh";
pub(super) const PLUGGED: &str = "charge.plugged_from";

/// From the wall, losses included: 30 miles take about 10 kWh, as the example says.
const KWH_PER_MILE: f64 = 1.0 / 3.0;

const DAYS: [(&str, &str); 7] = [
    ("schedule.mon", "Monday"),
    ("schedule.tue", "Tuesday"),
    ("schedule.wed", "Wednesday"),
    ("schedule.thu", "Thursday"),
    ("schedule.fri", "Friday"),
    ("schedule.sat", "Saturday"),
    ("schedule.sun", "Sunday"),
];

impl Interview<'_, '_> {
    /// Asks for departures, and if there are any for the charge.
    pub fn ask_charge(&mut self) -> Result<(), Stop> {
        self.talk.begin(
            "When does the car leave?",
            "New York time, such as 7:30 or 7:30am; none for days on which it stays; days to give each day its own.",
        )?;
        if !self.ask_days("Monday to Friday", WEEKDAYS, &DAYS[..5], "07:30")? {
            self.ask_days("Saturday and Sunday", WEEKEND, &DAYS[5..], "10:00")?;
        }
        if DAYS.iter().all(|(key, _)| self.answers.get(key).is_none()) {
            return self.talk.say(
                Tone::Help,
                "Without a departure nothing has to be ready: it charges while the grid is clean.",
            );
        }
        self.talk.begin(
            "What does the charger give?",
            "In kW: volts times amperes by 1000. 240 V and 30 A are 7.2, 40 A are 9.6, 16 A are 3.8; a wall outlet\n\
             gives 1.4. Better too little than too much.",
        )?;
        self.setting(POWER, "Power in kW", "7.2", number)?;
        self.talk.begin(
            "What does the car need for each departure?",
            "In kWh, or in miles a day: \"30 miles\" are about 10 kWh.",
        )?;
        self.setting(NEED, "Need in kWh", "10", need)?;
        self.talk.begin(
            "From when in the evening is it plugged in?",
            "Only charging from then on counts.",
        )?;
        self.setting(PLUGGED, "Plugged in from", "18:00", |answer| time_of_day(answer).into())?;
        self.say_back()
    }

    /// Departures of some days; whether every day of the week was asked for instead.
    fn ask_days(
        &mut self,
        name: &str,
        question: &str,
        days: &[(&str, &str)],
        usual: &str,
    ) -> Result<bool, Stop> {
        let before: Vec<_> = days.iter().map(|(key, _)| self.before.text(key)).collect();
        let has_schedule = DAYS.iter().any(|(key, _)| self.before.get(key).is_some());
        let usual = match &before[0] {
            _ if !has_schedule => usual.to_owned(),
            _ if before.windows(2).any(|pair| pair[0] != pair[1]) => "days".to_owned(),
            Some(time) => time.clone(),
            None => "none".to_owned(),
        };
        let answers = &mut self.answers;
        let each = self.talk.ask(question, name, &usual, |answer| {
            if answer.eq_ignore_ascii_case("days") {
                return Ok(true);
            }
            for (key, _) in days.iter().filter(|_| !is_none(answer)) {
                answers.set(key, time_of_day(answer));
            }
            match answers.mistake(days[0].0) {
                None => Ok(false),
                Some(text) => {
                    days.iter().for_each(|(key, _)| answers.forget(key));
                    Err(text)
                }
            }
        })?;
        if each {
            for (key, name) in DAYS {
                self.optional(key, name, None, |answer| time_of_day(answer).into())?;
            }
        }
        Ok(each)
    }

    /// What the answers come to, and whether the night is long enough for it.
    fn say_back(&mut self) -> Result<(), Stop> {
        let number = |key| match self.answers.get(key) {
            Some(Value::Float(number)) => Some(*number),
            Some(Value::Integer(number)) => Some(*number as f64),
            _ => None,
        };
        let time = |key: &str| NaiveTime::parse_from_str(&self.answers.text(key)?, "%H:%M").ok();
        let (Some(need), Some(power), Some(plugged)) = (number(NEED), number(POWER), time(PLUGGED))
        else {
            return Ok(());
        };
        let takes = takes(need, power);
        let shortest =
            DAYS.iter().filter_map(|(key, _)| time(key)).map(|leaves| night(plugged, leaves)).min();
        let Some(shortest) = shortest else { return Ok(()) };
        let (long, there) = (span(takes), span(shortest));
        if shortest < takes {
            let text = format!(
                "{need} kWh take {long}, and the shortest night has {there}: it will charge all night, and may \
                 not be ready."
            );
            return self.talk.say(Tone::Doubt, &text);
        }
        self.talk
            .say(Tone::Good, &format!("{need} kWh take {long}; the shortest night has {there}."))
    }
}

/// From plugging in to the next departure.
fn night(plugged: NaiveTime, leaves: NaiveTime) -> TimeDelta {
    let night = leaves - plugged;
    if night <= TimeDelta::zero() { night + TimeDelta::days(1) } else { night }
}

/// How long a charge takes.
pub(in crate::commands) fn takes(need_kwh: f64, power_kw: f64) -> TimeDelta {
    let takes = Duration::try_from_secs_f64(need_kwh / power_kw * 3600.0).ok();
    let takes = takes.and_then(|takes| TimeDelta::from_std(takes).ok());
    // A charger that gives next to nothing takes for ever.
    takes.unwrap_or(TimeDelta::MAX).min(TimeDelta::weeks(520))
}

/// kWh, or miles.
fn need(answer: &str) -> Value {
    let lower = answer.to_ascii_lowercase();
    let miles = ["miles", "mile", "mi"].iter().find_map(|unit| lower.strip_suffix(unit));
    match miles.map(|miles| miles.trim().parse::<f64>()) {
        Some(Ok(miles)) => ((miles * KWH_PER_MILE * 10.0).round() / 10.0).into(),
        Some(Err(_)) => text(answer),
        None => number(lower.strip_suffix("kwh").map_or(answer, str::trim)),
    }
}

/// A time as New Yorkers write it, as the file has it. What is none stays as it is, and will be refused.
fn time_of_day(answer: &str) -> String {
    let lower = answer.to_ascii_lowercase().replace(['.', ' '], "");
    let (digits, half) = match (lower.strip_suffix("am"), lower.strip_suffix("pm")) {
        (Some(digits), _) => (digits, Some(0)),
        (_, Some(digits)) => (digits, Some(12)),
        _ => (lower.as_str(), None),
    };
    let (hour, minute) = digits.split_once(':').unwrap_or((digits, "0"));
    let parsed = hour.parse::<u32>().ok().zip(minute.parse::<u32>().ok());
    let parsed = parsed.and_then(|(hour, minute)| {
        let hour = match half {
            None => hour,
            Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
            Some(_) => return None,
        };
        NaiveTime::from_hms_opt(hour, minute, 0)
    });
    match parsed {
        Some(time) => time.format("%H:%M").to_string(),
        None => answer.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_written_in_new_york() {
        for (answer, expected) in [
            ("7:30", "07:30"),
            ("07:30", "07:30"),
            ("7", "07:00"),
            ("7:30am", "07:30"),
            ("7:30 PM", "19:30"),
            ("6 p.m.", "18:00"),
            ("12am", "00:00"),
            ("12:15 pm", "12:15"),
            ("18:00", "18:00"),
            ("13pm", "13pm"),
            ("24:00", "24:00"),
            ("soon", "soon"),
        ] {
            assert_eq!(time_of_day(answer), expected, "{answer}");
        }
    }

    #[test]
    fn a_need_is_kwh_or_miles() {
        for (answer, expected) in [
            ("12", Value::from(12)),
            ("12.5", Value::from(12.5)),
            ("12 kWh", Value::from(12)),
            ("30 miles", Value::from(10.0)),
            ("40mi", Value::from(13.3)),
            ("many miles", Value::from("many miles")),
            ("much", Value::from("much")),
        ] {
            assert_eq!(need(answer), expected, "{answer}");
        }
    }

    #[test]
    fn a_night_ends_at_the_next_departure() {
        let at = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").unwrap();
        for (plugged, leaves, hours) in
            [("18:00", "07:30", 13.5), ("01:00", "07:00", 6.0), ("18:00", "18:00", 24.0)]
        {
            assert_eq!(night(at(plugged), at(leaves)).as_seconds_f64() / 3600.0, hours);
        }
    }
}
