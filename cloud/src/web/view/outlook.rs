//! What a page says of the hours ahead, of imports and of the next kilowatt-hour. `assets/outlook.js` says the
//! same of the same data.

use chrono::TimeDelta;

use domain::Timestamp;
use domain::consumption::Neighbor;
use domain::wire::{CarbonForecast, CarbonNow, Flows, ForecastSlot, Skill, ZoneNow};
use domain::zone::LoadZone;

use super::super::template::escape;
use super::super::words::{fill, word};
use super::super::{eastern, retained::Snapshot};
use super::{thousands, whole};

/// A forecast that is older says nothing: the service that makes it is gone.
const OLDEST: TimeDelta = TimeDelta::hours(6);

/// Flows and rates that are older say nothing of now.
const OLD: TimeDelta = TimeDelta::hours(1);

/// How far ahead the page looks.
const AHEAD: TimeDelta = TimeDelta::hours(24);

/// The best hours are one block of this length.
const BEST: TimeDelta = TimeDelta::hours(3);

/// A block that is not cleaner than now by this share is not worth waiting for.
const WORTH_WAITING: f64 = 0.95;

/// The texts about what is ahead. Markup only in the rows, already escaped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outlook {
    /// Production beside imports, or why not.
    pub imports: String,
    /// What comes over the borders: a row a neighbor.
    pub neighbor_rows: String,
    /// Since when.
    pub neighbors: String,
    /// The best hours of the next 24, or that there is no forecast.
    pub best: String,
    /// What the dashed line is.
    pub forecast_basis: String,
    /// The heading of the chart.
    pub day_title: String,
    /// Hour by hour.
    pub forecast_rows: String,
    /// The next kilowatt-hour of the whole state.
    pub marginal: String,
    /// The same by load zone.
    pub zone_rows: String,
    /// When the score was made, and of what.
    pub skill_note: String,
    /// One a day ahead.
    pub skill_rows: String,
}

impl Outlook {
    /// What there is to say about `snapshot` at `now`.
    pub fn of(snapshot: &Snapshot, now: Timestamp) -> Self {
        // A record that is played back faster runs ahead of the clock: its newest reading is the present.
        let now = snapshot.now.as_ref().map_or(now, |reading| reading.ts.max(now));
        let mut outlook = Self::default();
        if let Some(reading) = &snapshot.now {
            outlook.imports = imports(reading);
            outlook.marginal = marginal(reading);
        }
        if let Some(flows) = &snapshot.flows {
            let time = eastern::time_and_day(flows.ts, now);
            outlook.neighbors = fill("neighbors", &[("time", &time)]);
            outlook.neighbor_rows = neighbor_rows(flows, now);
        }
        outlook.forecast(snapshot.forecast.as_deref(), now);
        for (zone, rate) in &snapshot.zones {
            outlook.zone_rows += &zone_row(*zone, rate);
        }
        outlook.skill(snapshot.skill.as_deref(), now);
        outlook
    }

    fn forecast(&mut self, forecast: Option<&CarbonForecast>, now: Timestamp) {
        self.day_title = word("day_title").to_owned();
        let Some(forecast) = forecast else {
            self.best = word("forecast_none").to_owned();
            return;
        };
        let ahead = ahead(forecast, now);
        if ahead.is_empty() || now - forecast.issued > OLDEST {
            let time = eastern::time_and_day(forecast.issued, now);
            self.best = fill("forecast_old", &[("time", &time)]);
            return;
        }
        self.day_title = word("day_title_ahead").to_owned();
        self.best = best(&ahead, now);
        let time = eastern::time_and_day(forecast.issued, now);
        let basis = fill("forecast_basis", &[("basis", &forecast.basis), ("time", &time)]);
        let model = match forecast.model.as_str() {
            "profile-14d" => " ".to_owned() + word("model_profile"),
            "static" => " ".to_owned() + word("model_static"),
            _ => String::new(),
        };
        self.forecast_basis = basis + &model;
        self.forecast_rows = forecast_rows(&ahead);
    }

    fn skill(&mut self, skill: Option<&Skill>, now: Timestamp) {
        let scored = skill.filter(|skill| skill.horizons.iter().any(|day| day.hours > 0));
        let Some(skill) = scored else {
            self.skill_note = word("skill_none").to_owned();
            return;
        };
        let time = eastern::time_and_day(skill.ts, now);
        let days = skill.days.to_string();
        let values = [("basis", skill.basis.as_str()), ("time", &time), ("days", &days)];
        self.skill_note = fill("skill_note", &values);
        for horizon in &skill.horizons {
            let number = |value: Option<f64>, name| {
                value.map_or_else(
                    || "–".to_owned(),
                    // Rounded by hand: of a tie the formatter takes the even digit, and the script does not.
                    |value| {
                        fill(name, &[("value", &format!("{:.1}", (value * 10.0).round() / 10.0))])
                    },
                )
            };
            self.skill_rows += &row(
                &fill("skill_day", &[("day", &horizon.day.to_string())]),
                &[
                    number(horizon.mape, "percent"),
                    number(horizon.mae, "grams"),
                    number(horizon.coverage_p10_p90, "percent"),
                    horizon.hours.to_string(),
                ],
            );
        }
    }
}

/// The slots of the next 24 hours, from the one that holds `now`.
fn ahead(forecast: &CarbonForecast, now: Timestamp) -> Vec<ForecastSlot> {
    let slots = forecast.slots().filter(|slot| slot.end > now);
    slots.take_while(|slot| slot.start < now + AHEAD).collect()
}

/// The sentence of the cleanest block.
fn best(ahead: &[ForecastSlot], now: Timestamp) -> String {
    let Some((first, best)) = blocks(ahead) else { return word("forecast_short").to_owned() };
    let value = whole(best.value);
    if best.value > WORTH_WAITING * first.value {
        return fill("best_now", &[("value", &value)]);
    }
    let day = eastern::day_word(best.start, now);
    let (from, to) = (eastern::time(best.start), eastern::time(best.end));
    fill(day, &[("from", &from), ("to", &to), ("value", &value)])
}

/// Mean of a span of slots.
#[derive(Clone, Copy)]
struct Block {
    start: Timestamp,
    end: Timestamp,
    value: f64,
}

/// The block that starts now, and the first one of the lowest mean.
fn blocks(ahead: &[ForecastSlot]) -> Option<(Block, Block)> {
    let step = (ahead.first()?.end - ahead.first()?.start).num_seconds();
    let length = usize::try_from(BEST.num_seconds() / step.max(1)).ok().filter(|n| *n > 0)?;
    let mut blocks = ahead.windows(length).map(|slots| Block {
        start: slots[0].start,
        end: slots[length - 1].end,
        value: slots.iter().map(|slot| slot.value).sum::<f64>() / length as f64,
    });
    let first = blocks.next()?;
    let lowest = |best: Block, block: Block| if block.value < best.value { block } else { best };
    Some((first, blocks.fold(first, lowest)))
}

/// Means by the full hour, the next one first.
fn forecast_rows(ahead: &[ForecastSlot]) -> String {
    let mut rows = String::new();
    let mut rest = ahead;
    while let Some(first) = rest.first() {
        let hour = first.start.timestamp().div_euclid(3600);
        let of_hour = |slot: &ForecastSlot| slot.start.timestamp().div_euclid(3600) == hour;
        let (slots, after) = rest.split_at(rest.partition_point(of_hour));
        let mean = |value: fn(&ForecastSlot) -> f64| {
            whole(slots.iter().map(value).sum::<f64>() / slots.len() as f64)
        };
        let (day, time) = (eastern::weekday(first.start), eastern::time(first.start));
        let (low, high) = (mean(|slot| slot.p10), mean(|slot| slot.p90));
        rows += &row(
            &fill("table_hour", &[("day", &day), ("time", &time)]),
            &[mean(|slot| slot.value), fill("range", &[("low", &low), ("high", &high)])],
        );
        rest = after;
    }
    rows
}

fn imports(reading: &CarbonNow) -> String {
    match (reading.consumption, &reading.production_only) {
        (Some(grams), _) => fill("consumption", &[("value", &whole(grams))]),
        (None, Some(reason)) => fill("production_only", &[("reason", reason)]),
        (None, None) => String::new(),
    }
}

fn neighbor_rows(flows: &Flows, now: Timestamp) -> String {
    if now - flows.ts > OLD {
        return String::new();
    }
    let rows = Neighbor::ALL.into_iter().map(Neighbor::name).map(|name| {
        let Some(flow) = flows.net.get(name) else {
            return row(word(name), &[word("no_data").to_owned()]);
        };
        let sentence = if flow.round() < 0.0 { "exporting" } else { "megawatts" };
        row(word(name), &[fill(sentence, &[("value", &thousands(flow.abs()))])])
    });
    rows.collect()
}

/// What the chooser of a load zone offers.
pub fn zone_options() -> String {
    let option = |zone: LoadZone| {
        let slug = zone.slug();
        format!(r#"<option value="{slug}">{}</option>"#, escape(word(slug)))
    };
    LoadZone::ALL.into_iter().map(option).collect()
}

fn marginal(reading: &CarbonNow) -> String {
    let Some(grams) = reading.marginal else { return word("marginal_none").to_owned() };
    let basis = reading.marginal_basis.as_deref().unwrap_or_default();
    fill("marginal", &[("value", &whole(grams)), ("basis", basis)])
}

fn zone_row(zone: LoadZone, now: &ZoneNow) -> String {
    row(word(zone.slug()), &[whole(now.marginal), now.marginal_basis.clone()])
}

fn row(head: &str, cells: &[String]) -> String {
    let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", escape(cell))).collect();
    format!(r#"<tr><th scope="row">{}</th>{cells}</tr>"#, escape(head))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::wire::Origin;

    use super::*;

    const NOW: &str = "2026-03-10T22:12:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// From 6:00 PM Eastern of March 10.
    fn forecast(value: impl Fn(usize) -> f64) -> CarbonForecast {
        let list = |shift| (0..384).map(|slot| value(slot) + shift).collect::<Vec<_>>();
        CarbonForecast {
            issued: at("2026-03-10T22:00:00Z"),
            model: "ny-power".into(),
            units: "g / kWh".into(),
            basis: "average, production, direct".into(),
            zone: None,
            start: at("2026-03-10T22:00:00Z"),
            step_s: 900,
            values: list(0.0),
            p10: list(-10.0),
            p90: list(12.0),
            known_until: None,
            factor_set: String::new(),
            origin: Origin::Nyiso,
        }
    }

    fn outlook(forecast: CarbonForecast, now: &str) -> Outlook {
        let snapshot = Snapshot { forecast: Some(Arc::new(forecast)), ..Snapshot::default() };
        Outlook::of(&snapshot, at(now))
    }

    #[track_caller]
    fn check(value: impl Fn(usize) -> f64, now: &str, expected: &str) {
        let forecast = CarbonForecast { issued: at(now), ..forecast(value) };
        assert_eq!(outlook(forecast, now).best, expected);
    }

    #[test]
    fn the_best_hours_are_one_sentence_with_their_day() {
        let dip = |from: usize| {
            move |slot: usize| if (from..from + 12).contains(&slot) { 190.0 } else { 220.0 }
        };
        check(
            dip(8),
            NOW,
            "Cleanest 3 hours of the next 24: tonight, 8:00 PM to 11:00 PM, about 190 g per kWh.",
        );
        check(
            dip(29),
            NOW,
            "Cleanest 3 hours of the next 24: tonight, 1:15 AM to 4:15 AM, about 190 g per kWh.",
        );
        check(
            dip(64),
            NOW,
            "Cleanest 3 hours of the next 24: tomorrow, 10:00 AM to 1:00 PM, about 190 g per kWh.",
        );
        let noon = "2026-03-11T14:00:00Z";
        check(
            dip(72),
            noon,
            "Cleanest 3 hours of the next 24: today, 12:00 PM to 3:00 PM, about 190 g per kWh.",
        );
        // Beyond the next 24 hours it is no answer.
        check(
            dip(200),
            NOW,
            "Now is about as good as it gets in the next 24 hours, near 220 g per kWh.",
        );
        check(
            |slot| if slot > 20 { 210.0 } else { 220.0 },
            NOW,
            "Now is about as good as it gets in the next 24 hours, near 210 g per kWh.",
        );
    }

    /// A record that is played back at a thousand times its speed is days ahead of the clock soon.
    #[test]
    fn the_present_is_where_the_data_are() {
        let json = r#"{"ts":"2026-03-10T22:10:00Z","value":210,"units":"g / kWh","factor_set":"x","complete":true}"#;
        let snapshot = Snapshot {
            now: Some(Arc::new(CarbonNow::from_json(json.as_bytes()).unwrap())),
            forecast: Some(Arc::new(forecast(|_| 200.0))),
            ..Snapshot::default()
        };
        let outlook = Outlook::of(&snapshot, at("2026-03-01T00:00:00Z"));
        assert!(outlook.best.starts_with("Now is about as good"), "{}", outlook.best);
        assert_eq!(outlook.forecast_rows.matches("<tr>").count(), 25);
    }

    #[test]
    fn no_forecast_says_why() {
        assert_eq!(
            Outlook::of(&Snapshot::default(), at(NOW)).best,
            "No forecast right now: none has arrived yet."
        );
        let old = outlook(forecast(|_| 200.0), "2026-03-11T04:01:00Z");
        assert_eq!(old.best, "No forecast right now: the newest is of Tue 6:00 PM.");
        assert_eq!((old.forecast_rows, old.forecast_basis), (String::new(), String::new()));
        let short = CarbonForecast {
            values: vec![1.0; 3],
            p10: vec![1.0; 3],
            p90: vec![1.0; 3],
            ..forecast(|_| 1.0)
        };
        assert_eq!(outlook(short, NOW).best, "The forecast reaches less than 3 hours ahead.");
    }

    #[test]
    fn the_forecast_reads_by_the_hour() {
        let hourly = outlook(forecast(|slot| 200.0 + (slot / 4) as f64), NOW);
        let first = concat!(
            r#"<tr><th scope="row">Tue 6:00 PM</th><td>200</td><td>190 to 212</td></tr>"#,
            r#"<tr><th scope="row">Tue 7:00 PM</th><td>201</td><td>191 to 213</td></tr>"#
        );
        assert!(hourly.forecast_rows.starts_with(first), "{}", hourly.forecast_rows);
        assert_eq!(hourly.forecast_rows.matches("<tr>").count(), 25);
        assert!(hourly.forecast_basis.contains("average, production, direct"));
        let profile = CarbonForecast { model: "profile-14d".into(), ..forecast(|_| 200.0) };
        let basis = outlook(profile, NOW).forecast_basis;
        assert!(basis.contains("14 days"), "{basis}");
    }
}
