//! The stand-in's own page: what it is, what time it thinks it is, what it has.

use chrono::{Datelike, Days, SecondsFormat};
use domain::wire::Origin;
use nyiso::eastern::{day_of, wall_clock};
use nyiso::path::{fuel_mix_day, fuel_mix_month};

use super::generator::FIRST_DAY;
use super::pace::Speed;
use super::source::Source;
use super::standin::Standin;

/// HTML, without scripts and without anything from elsewhere.
pub(super) fn render(standin: &Standin) -> String {
    let rows = rows(standin)
        .into_iter()
        .map(|(name, value)| format!("<tr><th>{name}</th><td>{}</td></tr>\n", escape(&value)))
        .collect::<String>();
    let files = files(standin)
        .into_iter()
        .map(|path| format!("<li><a href=\"/public/csv/{path}\">{path}</a></li>\n"))
        .collect::<String>();
    let label = standin.origin().as_str().to_uppercase();
    let warning = match standin.origin() {
        Origin::Generated => "Made up. Plausible, and true of nothing.",
        Origin::Recorded | Origin::Nyiso => "NYISO's files of other days, under today's dates.",
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>{label} - NYISO stand-in</title></head><body>\n\
         <h1>NYISO stand-in: {label} data</h1>\n\
         <p><strong>{warning}</strong> This is not NYISO. It serves the fuel mix and the \
         feeds beside it under NYISO's paths, for demos, tests and work offline.</p>\n\
         <table>\n{rows}</table>\n<h2>Files</h2>\n<ul>\n{files}</ul>\n\
         <p>Older days stand in the zips of their months.</p>\n</body></html>\n"
    )
}

/// What there is to say about it: name and value. Plain text, also for the terminal.
pub(super) fn rows(standin: &Standin) -> Vec<(&'static str, String)> {
    let now = standin.now();
    let utc = |ts: domain::Timestamp| ts.to_rfc3339_opts(SecondsFormat::Secs, true);
    let shelf = standin.shelf();
    let mut rows = vec![("source", source(&shelf.source))];
    if let Source::Recorded(recorded) = &shelf.source {
        let others = recorded.record.others();
        let others: Vec<String> =
            others.into_iter().map(|(feed, days)| format!("{feed} of {days} days")).collect();
        let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
        rows.push(("beside it", others));
    }
    let (wall, zone) = wall_clock(now);
    rows.push(("now", format!("{} ({} {zone})", utc(now), wall.format("%Y-%m-%d %H:%M"))));
    if !shelf.shift.0.is_zero() {
        let recorded = (wall - shelf.shift.0).format("%Y-%m-%d %H:%M");
        rows.push(("in the record", format!("{recorded} by the Eastern wall clock")));
    }
    let newest = standin.newest().map_or_else(
        || "none of today or yesterday".to_owned(),
        |newest| format!("{}, {} min old", utc(newest), (now - newest).num_minutes()),
    );
    rows.push(("newest instant", newest));
    rows.push(("appears", format!("{} s after its stamp", shelf.rules.delay.num_seconds())));
    if standin.speed() != Speed::LIFE {
        let speed = standin.speed();
        rows.push((
            "speed",
            format!("{speed} seconds a second: its now leaves the wall clock behind; follow x-ny-power-now"),
        ));
    }
    rows.extend(standin.faults().into_iter().map(|fault| ("fault", fault.to_string())));
    rows
}

fn source(source: &Source) -> String {
    match source {
        Source::Recorded(recorded) => {
            let (first, last) = recorded.record.span().into_inner();
            let days = recorded.record.count();
            format!(
                "recorded, {days} days from {first} to {last} in {}",
                recorded.record.dir().display()
            )
        }
        Source::Generated { seed, .. } => {
            format!("generated from seed {seed}, every day since {FIRST_DAY}")
        }
        Source::Scripted => "generated, by a test".to_owned(),
    }
}

/// The daily files, newest first, and the zips of this month and the last.
fn files(standin: &Standin) -> Vec<String> {
    let now = standin.now();
    let today = day_of(now);
    let daily =
        (0..=standin.shelf().rules.daily_days.min(31)).map(|back| today - Days::new(back.into()));
    let daily = daily.filter(|day| {
        let path = fuel_mix_day(*day);
        matches!(standin.find(&path, super::shelf::View::default()), Ok(Some(_)))
    });
    let daily = daily.map(fuel_mix_day).collect::<Vec<_>>();
    let first = today - Days::new(today.day0().into());
    let months = [first, first - Days::new(1)].map(fuel_mix_month);
    let skipped = usize::from(today == first);
    daily.into_iter().chain(months.into_iter().skip(skipped)).collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
