//! What a page says at one moment, as text: the first paint. Pure. `assets/app.js` says the same of the
//! same data, and the browser test compares the two.

pub mod outlook;

use chrono::TimeDelta;

use domain::Timestamp;
use domain::fuel_mix::Fuel;
use domain::series::{Sample, Window};
use domain::week::{SHORTEST_HISTORY, Verdict, WEEK};
use domain::wire::{CarbonNow, CarbonSeries, Mix, Origin};

use super::eastern;
use super::retained::Snapshot;
use super::template::escape;
use super::words::{fill, word};

/// A page with this many hours behind its percentile speaks of "this week".
const WHOLE_WEEK_HOURS: f64 = 160.0;

/// How old the newest reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// There is none.
    Waiting,
    /// At most 20 minutes; 30 just after midnight Eastern, when the new day's file appears late.
    Fresh,
    /// Up to an hour.
    Late,
    /// Over an hour: it says nothing about now.
    Old,
}

impl Freshness {
    /// Of a reading of `ts`, at `now`.
    pub fn of(ts: Option<Timestamp>, now: Timestamp) -> Self {
        let Some(ts) = ts else { return Self::Waiting };
        let late_after = if eastern::minute_of_day(now) < 30 { 30 } else { 20 };
        let age = now - ts;
        if age <= TimeDelta::minutes(late_after) {
            Self::Fresh
        } else if age <= TimeDelta::hours(1) {
            Self::Late
        } else {
            Self::Old
        }
    }

    /// The word that the style sheet and the script know it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Fresh => "fresh",
            Self::Late => "late",
            Self::Old => "old",
        }
    }
}

/// The texts of the dashboard. Markup only in [`View::mix_rows`] and [`View::hour_rows`], already escaped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    pub title: String,
    pub description: String,
    pub banner: String,
    pub as_of: String,
    pub state: &'static str,
    pub verdict_class: &'static str,
    pub value: String,
    pub verdict: String,
    pub standing: String,
    pub has_strip: bool,
    pub has_marker: bool,
    pub marker: String,
    pub strip: String,
    pub cleanest: String,
    pub dirtiest: String,
    pub age: String,
    pub incomplete: String,
    pub reason: String,
    pub basis: String,
    pub life_cycle: String,
    pub mix_rows: String,
    pub mix_total: String,
    pub hour_rows: String,
    pub outlook: outlook::Outlook,
}

impl View {
    /// What there is to say about `snapshot` at `now`.
    pub fn of(snapshot: &Snapshot, now: Timestamp) -> Self {
        let origin = snapshot.origin();
        let mut view = Self {
            banner: banner(origin).to_owned(),
            as_of: fill("as_of", &[("time", &eastern::time(now))]),
            outlook: outlook::Outlook::of(snapshot, now),
            ..Self::default()
        };
        match &snapshot.now {
            Some(reading) => view.reading(reading, now),
            None => view.waiting(now),
        }
        view.title = match origin {
            Origin::Nyiso => view.title,
            Origin::Recorded => fill("title_recorded", &[("title", &view.title)]),
            Origin::Generated => fill("title_generated", &[("title", &view.title)]),
        };
        view.description = match snapshot.now {
            Some(_) => fill("description", &[("title", &view.title)]),
            None => word("description_waiting").to_owned(),
        };
        if view.state != Freshness::Fresh.as_str()
            && let Some(feed) = snapshot.feed.as_ref().filter(|feed| !feed.reason.is_empty())
        {
            view.reason = fill("feed_reason", &[("reason", &feed.reason)]);
        }
        match &snapshot.mix {
            Some(mix) => view.mix(mix, now),
            None => view.mix_total = word("mix_none").to_owned(),
        }
        if let Some(day) = &snapshot.day {
            view.hour_rows = hour_rows(day);
        }
        view
    }

    fn waiting(&mut self, now: Timestamp) {
        let five = 300;
        let next = (now.timestamp().div_euclid(five) + 2) * five;
        let by = chrono::DateTime::from_timestamp(next, 0).unwrap_or(now);
        self.state = Freshness::Waiting.as_str();
        self.verdict_class = "none";
        self.title = word("title_waiting").to_owned();
        self.value = "–".to_owned();
        self.verdict = word("waiting_title").to_owned();
        self.age = fill("waiting_detail", &[("time", &eastern::time(by))]);
    }

    fn reading(&mut self, reading: &CarbonNow, now: Timestamp) {
        let freshness = Freshness::of(Some(reading.ts), now);
        self.state = freshness.as_str();
        self.value = whole(reading.value);
        self.age = age_sentence(reading, freshness, now);
        self.incomplete = incomplete(reading);
        self.basis = fill("basis", &[("factor_set", &reading.factor_set)]);
        if let Some(grams) = reading.life_cycle {
            self.life_cycle = fill("life_cycle", &[("value", &whole(grams))]);
        }
        if let (Some(min), Some(max), Some(percentile)) =
            (reading.min_7d, reading.max_7d, reading.percentile_7d)
            && enough_history(reading)
        {
            self.has_strip = true;
            self.has_marker = freshness != Freshness::Old;
            self.marker = format!("{percentile:.1}");
            self.cleanest = fill("cleanest", &[("value", &whole(min))]);
            self.dirtiest = fill("dirtiest", &[("value", &whole(max))]);
            let (min, max, n) = (whole(min), whole(max), whole(percentile));
            self.strip = fill("strip", &[("min", &min), ("max", &max), ("n", &n)]);
        }
        if freshness == Freshness::Old {
            self.verdict_class = "none";
            self.verdict = word("no_verdict_old").to_owned();
            self.title = word("title_old").to_owned();
            return;
        }
        self.standing = standing(reading);
        match reading.verdict {
            Some(verdict) => {
                self.verdict_class = verdict_name(verdict);
                self.verdict = word(self.verdict_class).to_owned();
                let lower = self.verdict.to_lowercase();
                let values = [("value", self.value.as_str()), ("verdict", lower.as_str())];
                self.title = fill("title_verdict", &values);
            }
            None => {
                self.verdict_class = "none";
                self.verdict = word("no_verdict").to_owned();
                self.title = fill("title", &[("value", &self.value)]);
            }
        }
    }

    fn mix(&mut self, mix: &Mix, now: Timestamp) {
        let total: f64 = mix.fuels.values().sum();
        let largest = mix.fuels.values().copied().fold(0.0, f64::max);
        let bar = |power| Bar { power, largest, total };
        for (name, class, detail) in STACK {
            let power = mix.fuels.get(name).copied();
            self.mix_rows += &fuel_row(word(name), word(detail), class, &bar(power));
        }
        for (name, power) in &mix.fuels {
            if Fuel::from_name(name).is_none() {
                let detail = word("unknown_fuel");
                self.mix_rows += &fuel_row(name, detail, "unknown", &bar(Some(*power)));
            }
        }
        let time = eastern::time_and_day(mix.ts, now);
        self.mix_total = fill("mix_total", &[("total", &thousands(total)), ("time", &time)]);
    }
}

/// The order of the stack, bottom first: NYISO's spelling, the name that the style sheet colors by, and
/// the words that explain it.
pub const STACK: [(&str, &str, &str); Fuel::COUNT] = [
    ("Nuclear", "nuclear", ""),
    ("Hydro", "hydro", ""),
    ("Wind", "wind", ""),
    ("Other Renewables", "renewables", "Other Renewables detail"),
    ("Natural Gas", "gas", ""),
    ("Dual Fuel", "dual", "Dual Fuel detail"),
    ("Other Fossil Fuels", "fossil", "Other Fossil Fuels detail"),
];

/// MW of one fuel, `None` where there are no data; of the largest; of all.
struct Bar {
    power: Option<f64>,
    largest: f64,
    total: f64,
}

fn fuel_row(label: &str, detail: &str, class: &str, bar: &Bar) -> String {
    let detail = match detail {
        "" => String::new(),
        detail => format!(" <small>{}</small>", escape(detail)),
    };
    let Bar { power, largest, total } = *bar;
    let (megawatts, share, width) = match power {
        Some(power) => {
            let width = if largest > 0.0 { 100.0 * power.max(0.0) / largest } else { 0.0 };
            let share = if total > 0.0 { whole(100.0 * power / total) } else { whole(0.0) };
            (
                fill("megawatts", &[("value", &thousands(power))]),
                fill("share", &[("value", &share)]),
                width,
            )
        }
        None => ("–".to_owned(), word("no_data").to_owned(), 0.0),
    };
    format!(
        concat!(
            r#"<tr><th scope="row">{label}{detail}</th>"#,
            r#"<td class="bar"><svg aria-hidden="true"><rect class="fuel-{class}" width="{width:.1}%"/></svg></td>"#,
            r#"<td>{megawatts}</td><td>{share}</td></tr>"#
        ),
        label = escape(label),
        detail = detail,
        class = class,
        width = width,
        megawatts = escape(&megawatts),
        share = escape(&share),
    )
}

/// The banner that tells data which are not live from those that are; empty for live ones.
pub fn banner(origin: Origin) -> &'static str {
    match origin {
        Origin::Nyiso => "",
        Origin::Recorded => word("recorded"),
        Origin::Generated => word("generated"),
    }
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clean => "clean",
        Verdict::Average => "average",
        Verdict::Dirty => "dirty",
        Verdict::Flat => "flat",
    }
}

/// An old publisher does not say how many hours are behind its percentile: it counts as whole.
fn history_hours(reading: &CarbonNow) -> f64 {
    reading.percentile_hours.unwrap_or(WEEK.num_hours() as f64)
}

fn enough_history(reading: &CarbonNow) -> bool {
    history_hours(reading) >= SHORTEST_HISTORY.num_hours() as f64
}

fn standing(reading: &CarbonNow) -> String {
    let hours = history_hours(reading);
    let Some(percentile) = reading.percentile_7d else { return String::new() };
    let hours_text = whole(hours.floor());
    if !enough_history(reading) {
        return fill("too_short", &[("hours", &hours_text)]);
    }
    // "100 of 100" would count the present hour against itself.
    let dirtier = percentile > 50.0;
    let share = if dirtier { percentile } else { 100.0 - percentile };
    let n = whole(share.min(99.0));
    let name = match (dirtier, hours >= WHOLE_WEEK_HOURS) {
        (false, true) => "cleaner_week",
        (true, true) => "dirtier_week",
        (false, false) => "cleaner_so_far",
        (true, false) => "dirtier_so_far",
    };
    fill(name, &[("n", &n), ("hours", &hours_text)])
}

fn age_sentence(reading: &CarbonNow, freshness: Freshness, now: Timestamp) -> String {
    let name = match (freshness, reading.origin) {
        (Freshness::Fresh | Freshness::Waiting, Origin::Nyiso) => "measured_nyiso",
        (Freshness::Fresh | Freshness::Waiting, Origin::Recorded) => "measured_recorded",
        (Freshness::Fresh | Freshness::Waiting, Origin::Generated) => "measured_generated",
        (_, Origin::Nyiso) => "late_nyiso",
        (_, Origin::Recorded) => "late_recorded",
        (_, Origin::Generated) => "late_generated",
    };
    let time = eastern::time_and_day(reading.ts, now);
    fill(name, &[("time", &time), ("age", &age(now - reading.ts))])
}

fn age(age: TimeDelta) -> String {
    let minutes = age.num_minutes();
    match minutes {
        ..1 => word("just_now").to_owned(),
        1..60 => fill("minutes_ago", &[("n", &minutes.to_string())]),
        60..2880 => {
            let (h, m) = ((minutes / 60).to_string(), (minutes % 60).to_string());
            fill("hours_ago", &[("h", &h), ("m", &m)])
        }
        _ => fill("days_ago", &[("n", &(minutes / 1440).to_string())]),
    }
}

fn incomplete(reading: &CarbonNow) -> String {
    if reading.complete {
        return String::new();
    }
    let plain =
        |names: &[String]| names.iter().map(|name| word(name)).collect::<Vec<_>>().join(", ");
    match (reading.missing.as_slice(), reading.unknown.as_slice()) {
        ([], []) => word("incomplete").to_owned(),
        ([], unknown) => fill("unknown", &[("names", &unknown.join(", "))]),
        ([one], _) => fill("missing_one", &[("names", word(one))]),
        (missing, _) => fill("missing_many", &[("names", &plain(missing))]),
    }
}

/// Hourly means, newest first; an hour without data stays in the table and says so.
fn hour_rows(series: &CarbonSeries) -> String {
    let mut window = Window::new(WEEK);
    for (ts, grams_per_kwh) in series.ts.iter().zip(&series.values) {
        window.insert(Sample { ts: *ts, grams_per_kwh: *grams_per_kwh });
    }
    let means = window.means(TimeDelta::hours(1));
    let (Some(first), Some(last)) = (means.first(), means.last()) else { return String::new() };
    let mut rows = String::new();
    let mut end = last.ts;
    while end >= first.ts {
        let start = end - TimeDelta::hours(1);
        let (day, time) = (eastern::weekday(start), eastern::hour(start));
        let hour = fill("table_hour", &[("day", &day), ("time", &time)]);
        let mean = means.iter().find(|mean| mean.ts == end);
        let grams =
            mean.map_or_else(|| word("no_data").to_owned(), |mean| whole(mean.grams_per_kwh));
        rows += &format!(
            r#"<tr><th scope="row">{}</th><td>{}</td></tr>"#,
            escape(&hour),
            escape(&grams)
        );
        end = start;
    }
    rows
}

/// A whole number, without a minus before zero.
fn whole(value: f64) -> String {
    let rounded = value.round();
    format!("{}", if rounded == 0.0 { 0.0 } else { rounded })
}

/// A whole number with commas: `2,814`.
fn thousands(value: f64) -> String {
    let digits = whole(value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 && digits != "0" { format!("-{text}") } else { text }
}

#[cfg(test)]
mod tests;
