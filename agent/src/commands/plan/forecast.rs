//! A forecast from a file, standard input or an address, in any of the shapes that people have.

use std::io::Read as _;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use domain::Timestamp;
use domain::plan::Slot;
use nyiso::client::{Client, ClientConfig, Url};
use serde_json::Value;

/// Largest forecast that is read. A year of 5-minute slots has 10 MB.
const LARGEST: u64 = 16 << 20;

/// Most slots of a series.
const MOST_SLOTS: usize = 1_000_000;

/// Reads the slots of `source`: a path, `-`, or an http(s) address. They are neither sorted nor checked
/// against one another.
pub fn read(source: &str) -> anyhow::Result<Vec<Slot>> {
    let bytes = if source == "-" {
        bounded(std::io::stdin().lock())?
    } else if source.starts_with("http://") || source.starts_with("https://") {
        fetch(source)?
    } else {
        bounded(std::fs::File::open(source)?)?
    };
    slots(&bytes)
}

fn bounded(reader: impl std::io::Read) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(LARGEST + 1).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= LARGEST, "it is larger than {} MB", LARGEST >> 20);
    Ok(bytes)
}

/// Fetches `address` with the same client as NYISO's files: capped, patient to a point, and not led from
/// https to http.
fn fetch(address: &str) -> anyhow::Result<Vec<u8>> {
    let url = Url::parse(address)?;
    let folder = url.join(".")?;
    let name = url.as_str().strip_prefix(folder.as_str()).unwrap_or_default();
    let config = ClientConfig {
        csv_cap_bytes: usize::try_from(LARGEST)?,
        total_timeout: Duration::from_secs(20),
        ..ClientConfig::new(folder.as_str())?
    };
    // On a thread of its own, so that a caller may be within a runtime.
    let fetching = std::thread::scope(|scope| {
        scope
            .spawn(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let client = Client::new(config)?;
                anyhow::Ok(runtime.block_on(client.fetch(name))?.body)
            })
            .join()
    });
    fetching.map_err(|_| anyhow!("fetching it failed unexpectedly"))?
}

/// The slots of a JSON text.
fn slots(json: &[u8]) -> anyhow::Result<Vec<Slot>> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let value: Value = serde_json::from_slice(json).context("it is not JSON")?;
    from_value(&value)
}

fn from_value(value: &Value) -> anyhow::Result<Vec<Slot>> {
    match value {
        Value::Array(rows) => rows
            .iter()
            .enumerate()
            .map(|(i, row)| slot(row).with_context(|| format!("slot {}", i + 1)))
            .collect(),
        Value::Object(fields) => {
            if let Some(inner) = ["rates", "result"].iter().find_map(|name| fields.get(*name)) {
                return from_value(inner);
            }
            ensure!(
                fields.contains_key("values"),
                "it is an object without \"rates\" or \"values\"; expected [{{\"start\",\"end\",\"value\"}}]"
            );
            series(value)
        }
        _ => bail!("it is {}; expected [{{\"start\",\"end\",\"value\"}}]", shown(value)),
    }
}

fn slot(row: &Value) -> anyhow::Result<Slot> {
    ensure!(row.is_object(), "it is {}; expected {{\"start\",\"end\",\"value\"}}", shown(row));
    Ok(Slot {
        start: time(row, "start")?,
        end: time(row, "end")?,
        value: number(field(row, "value")?).context("\"value\"")?,
    })
}

/// `{"start","step_s","values"}`: a value that is null is a hole.
fn series(value: &Value) -> anyhow::Result<Vec<Slot>> {
    let start = time(value, "start")?;
    let step = field(value, "step_s")?;
    let step = step
        .as_i64()
        .filter(|step| (1..=86_400).contains(step))
        .with_context(|| format!("\"step_s\" is {}; expected 1 to 86400 seconds", shown(step)))?;
    let values = field(value, "values")?;
    let values = values
        .as_array()
        .with_context(|| format!("\"values\" is {}, not a list", shown(values)))?;
    ensure!(values.len() <= MOST_SLOTS, "it has {} values, more than {MOST_SLOTS}", values.len());
    let mut slots = Vec::with_capacity(values.len());
    for (i, value) in (0..).zip(values) {
        if value.is_null() {
            continue;
        }
        let at = |i: i64| start.checked_add_signed(TimeDelta::seconds(step * i));
        let (Some(start), Some(end)) = (at(i), at(i + 1)) else {
            bail!("value {} lies beyond the end of time", i + 1)
        };
        let value = number(value).with_context(|| format!("value {}", i + 1))?;
        slots.push(Slot { start, end, value });
    }
    Ok(slots)
}

fn field<'a>(row: &'a Value, name: &str) -> anyhow::Result<&'a Value> {
    row.get(name).with_context(|| format!("\"{name}\" is missing"))
}

fn time(row: &Value, name: &str) -> anyhow::Result<Timestamp> {
    let value = field(row, name)?;
    let text =
        value.as_str().with_context(|| format!("\"{name}\" is {}, not a time", shown(value)))?;
    let time = DateTime::parse_from_rfc3339(text)
        .with_context(|| format!("\"{name}\" is {text:?}, not an RFC 3339 time"))?;
    Ok(time.with_timezone(&Utc))
}

fn number(value: &Value) -> anyhow::Result<f64> {
    value.as_f64().with_context(|| format!("{} is not a number", shown(value)))
}

/// A value on one line, cut where it is long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: Result<&[(i64, i64, f64)], &str>) {
        let minutes = |at: Timestamp| at.timestamp() / 60 - 29_553_120;
        match (slots(json.as_bytes()), expected) {
            (Ok(slots), Ok(expected)) => {
                let slots: Vec<_> =
                    slots.iter().map(|s| (minutes(s.start), minutes(s.end), s.value)).collect();
                assert_eq!(slots, expected);
            }
            (Err(error), Err(expected)) => {
                let error = format!("{error:#}");
                assert!(error.contains(expected), "{error}");
                assert!(!error.contains('\n'), "{error}");
            }
            (got, expected) => panic!("{got:?} is not {expected:?}"),
        }
    }

    #[test]
    fn rates_bare_or_wrapped() {
        let rate = r#"{"start":"2026-03-11T00:00:00Z","end":"2026-03-10T20:15:00-04:00","value":241.3,"x":1}"#;
        for json in [
            format!("[{rate}]"),
            format!("\u{feff}[{rate}]"),
            format!("{{\"rates\":[{rate}]}}"),
            format!("{{\"result\":{{\"rates\":[{rate}]}}}}"),
        ] {
            check(&json, Ok(&[(0, 15, 241.3)]));
        }
        check("[]", Ok(&[]));
    }

    #[test]
    fn a_series_with_holes() {
        check(
            r#"{"issued":"2026-03-10T23:58:00Z","model":"x","units":"g / kWh","start":"2026-03-11T00:00:00Z",
                "step_s":900,"values":[200,null,210.5],"p10":[1,1,1],"p90":[9,9,9]}"#,
            Ok(&[(0, 15, 200.0), (30, 45, 210.5)]),
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        check("", Err("it is not JSON: EOF"));
        check("<html>", Err("it is not JSON: expected value at line 1"));
        check("7", Err("it is 7; expected"));
        check("{}", Err("without \"rates\" or \"values\""));
        check("[1]", Err("slot 1: it is 1; expected"));
        check(r#"[{"start":"2026-03-11T00:00:00Z"}]"#, Err("slot 1: \"end\" is missing"));
        check(r#"[{"start":5,"end":6,"value":1}]"#, Err("slot 1: \"start\" is 5, not a time"));
        check(
            r#"[{"start":"2026-03-11 noon","end":"x","value":1}]"#,
            Err("slot 1: \"start\" is \"2026-03-11 noon\", not an RFC 3339 time"),
        );
        let row = |value: &str| {
            format!(
                r#"[{{"start":"2026-03-11T00:00:00Z","end":"2026-03-11T01:00:00Z","value":{value}}}]"#
            )
        };
        check(&row("null"), Err("slot 1: \"value\": null is not a number"));
        check(&row("\"NaN\""), Err("slot 1: \"value\": \"NaN\" is not a number"));
        check(&row("NaN"), Err("it is not JSON"));
        check(&row("1e999"), Err("it is not JSON: number out of range"));
        let series = |step: &str, values: &str| {
            format!(r#"{{"start":"2026-03-11T00:00:00Z","step_s":{step},"values":{values}}}"#)
        };
        check(&series("0", "[1]"), Err("\"step_s\" is 0"));
        check(&series("900", "5"), Err("\"values\" is 5, not a list"));
        check(&series("900", "[1,\"2\"]"), Err("value 2: \"2\" is not a number"));
        let end = r#"{"start":"+262142-12-31T23:00:00Z","step_s":86400,"values":[1,1]}"#;
        check(end, Err("\"start\" is"));
    }
}
