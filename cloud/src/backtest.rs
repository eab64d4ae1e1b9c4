//! `ny-power-cloud backtest`: how good the forecast would have been, and what charging by it would have
//! saved.
//!
//! CarbonCast's protocol: hourly, 96 hours, one issue a day, the mean of the daily errors for day 1 to 4.
//! The truth is the direct, production-based intensity with factors `ny-2026.1` and without the solar
//! split. Every issue is forecast from what was known at its hour; the model is refit at each.

mod data;
mod hourly;
mod report;
mod walk;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use chrono::{Days, NaiveDate, NaiveTime};
use domain::forecast::baselines::Baseline;
use domain::forecast::regret::{self, Window};
use domain::forecast::skill::{DAYS, Skill};
use domain::forecast::{
    Calendar, Forecast, HORIZON, Hour, Inputs, LOOK_AHEAD, Learner, LoadForecasts, MODEL_NAME,
    Phase, Table, model,
};
use nyiso::eastern;

pub use data::Data;
pub use report::{ModelReport, RegretReport, Report};

/// What to forecast, from what, and how to say how it went.
#[derive(Clone, Debug, clap::Args)]
pub struct BacktestArgs {
    /// Folder of recorded files; it is walked. Known by their names: *rtfuelmix*.csv and .zip (fuel mix),
    /// *isolf*.csv and .zip (load forecast), nygrid_fuelmix_hourly_*.csv.gz (hourly means)
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// First day to forecast from, UTC
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub from: NaiveDate,
    /// Last day to forecast from, UTC, inclusive
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub to: NaiveDate,
    /// Hour of the day to forecast from, UTC
    #[arg(long, value_name = "HOUR", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=23))]
    pub issue_hour_utc: u8,
    /// Which model; `all` compares them
    #[arg(long, value_enum, default_value_t = ModelChoice::All)]
    pub model: ModelChoice,
    /// Leave NYISO's load forecasts out
    #[arg(long)]
    pub no_load_forecast: bool,
    /// For people or for programs
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Which models are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ModelChoice {
    /// All of them
    All,
    /// Ours: ridge regressions on lags and the load forecast
    NyPower,
    /// The last known hour for ever
    Persistence,
    /// The same hour of the day before
    SameHourYesterday,
    /// The same hour of the week before
    SameHourLastWeek,
    /// Mean of the same local hour over 14 days
    #[value(name = "profile-14d")]
    Profile14d,
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns
    Table,
    /// One JSON object
    Json,
}

/// Ours or a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contender {
    Ours,
    Baseline(Baseline),
}

impl ModelChoice {
    fn contenders(self) -> Vec<Contender> {
        let one = |baseline| vec![Contender::Baseline(baseline)];
        match self {
            Self::All => std::iter::once(Contender::Ours)
                .chain(Baseline::ALL.map(Contender::Baseline))
                .collect(),
            Self::NyPower => vec![Contender::Ours],
            Self::Persistence => one(Baseline::Persistence),
            Self::SameHourYesterday => one(Baseline::SameHourYesterday),
            Self::SameHourLastWeek => one(Baseline::SameHourLastWeek),
            Self::Profile14d => one(Baseline::Profile14d),
        }
    }
}

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Self::Ours => MODEL_NAME,
            Self::Baseline(baseline) => baseline.name(),
        }
    }
}

/// Reads the folder, runs the models, and writes the answer to stdout. What was skipped, and a progress
/// bar where there is a terminal, go to stderr.
///
/// # Errors
/// When the folder cannot be read, holds no fuel mix, or no issue of the period has all its 96 hours.
pub fn run(args: &BacktestArgs) -> anyhow::Result<()> {
    ensure!(
        args.from <= args.to,
        "--from {} comes after --to {}: nothing to forecast",
        args.from,
        args.to
    );
    let data = Data::read(&args.data, |note| eprintln!("{note}"))
        .with_context(|| format!("reading recorded data in {}", args.data.display()))?;
    eprintln!("{}", data.summary());
    let report = score(&data, args)?;
    match args.format {
        Format::Json => println!("{}", report.to_json()),
        Format::Table => print!("{}", report.to_table()),
    }
    ensure!(
        report.days > 0,
        "no issue from {} to {} has all its {HORIZON} hours among the recorded ones",
        args.from,
        args.to
    );
    Ok(())
}

/// What the fits cost.
#[derive(Default)]
struct Costs {
    first_fit: Duration,
    refits: Duration,
    fits: u32,
    forecasts: Duration,
    bytes: usize,
    rows: u32,
}

/// Runs the models over the period.
///
/// # Errors
/// When nothing is known, or the period lies beyond any calendar.
pub fn score(data: &Data, args: &BacktestArgs) -> anyhow::Result<Report> {
    let contenders = args.model.contenders();
    let mut scores = vec![Skill::default(); contenders.len()];
    let mut charges = report::Charges::default();
    let skipped = each_issue(data, args, |at, calendar, forecast, truth| {
        for day in 0..DAYS {
            let hours = 24 * day..24 * (day + 1);
            let outcomes = truth[hours.clone()].iter().copied().map(Some);
            scores[at].add(day, forecast.hours[hours].iter().copied().zip(outcomes));
        }
        // Charging goes by ours, or by the one that was asked for.
        if at == 0 {
            let p50: Vec<f64> = forecast.hours.iter().map(|hour| hour.p50).collect();
            for window in Window::ALL {
                for k in report::CHARGE_HOURS {
                    let charge = regret::compare(window, k, forecast.from, calendar, &p50, truth);
                    charges.add(window, k, charge);
                }
            }
        }
    })?;
    let days = scores.first().map_or(0, Skill::forecasts);
    let names = contenders.iter().map(|contender| contender.name());
    Ok(Report::new(args, days, skipped, names.zip(scores), &charges))
}

/// The forecasts behind a report, by model and then in the order of time.
///
/// # Errors
/// As [`score`].
pub fn forecasts(
    data: &Data,
    args: &BacktestArgs,
) -> anyhow::Result<Vec<(&'static str, Vec<Forecast>)>> {
    let mut all: Vec<_> =
        args.model.contenders().iter().map(|contender| (contender.name(), Vec::new())).collect();
    each_issue(data, args, |at, _, forecast, _| all[at].1.push(forecast))?;
    Ok(all)
}

/// Forecasts each issue of the period whose 96 hours are all known, by each model (told by its place),
/// from what was known at its hour. Returns how many issues were left out.
fn each_issue(
    data: &Data,
    args: &BacktestArgs,
    mut take: impl FnMut(usize, &Calendar, Forecast, &[f64]),
) -> anyhow::Result<u32> {
    let none = LoadForecasts::new();
    let first = data.history.first().context("no hour of the fuel mix is known")?;
    let end = data.history.end().context("no hour of the fuel mix is known")?;
    let hours = usize::try_from(end.since(first))? + LOOK_AHEAD;
    let calendar = Calendar::new(first, hours, |ts| eastern::wall_clock(ts).0);
    let inputs = Inputs {
        history: &data.history,
        loads: if args.no_load_forecast { &none } else { &data.loads },
        calendar: &calendar,
    };
    let table = Table::new(&inputs);
    let contenders = args.model.contenders();
    let mut learner = Learner::new(Phase::around(args.issue_hour_utc));
    let mut costs = Costs::default();
    let mut skipped = 0;
    let issues = issues(args)?;
    let bar = progress(issues.len());
    for issue in issues {
        bar.inc(1);
        let Some(truth) = truth(data, issue) else {
            skipped += 1;
            continue;
        };
        for (at, contender) in contenders.iter().enumerate() {
            let forecast = match contender {
                Contender::Ours => ours(&mut learner, &inputs, &table, issue, &mut costs),
                Contender::Baseline(baseline) => model::baseline(*baseline, &inputs, &table, issue),
            };
            take(at, &calendar, forecast, &truth);
        }
    }
    bar.finish_and_clear();
    costs.tell();
    Ok(skipped)
}

fn ours(
    learner: &mut Learner,
    inputs: &Inputs<'_>,
    table: &Table,
    issue: Hour,
    costs: &mut Costs,
) -> Forecast {
    let begun = Instant::now();
    let model = learner.fit(inputs, table, issue);
    let fitted = Instant::now();
    let forecast = model.forecast(inputs, table, issue, issue.start(), HORIZON);
    costs.forecasts += fitted.elapsed();
    if costs.fits == 0 {
        costs.first_fit = fitted - begun;
    } else {
        costs.refits += fitted - begun;
    }
    costs.fits += 1;
    costs.bytes = costs.bytes.max(model.bytes());
    costs.rows = model.rows();
    forecast
}

impl Costs {
    fn tell(&self) {
        if self.fits == 0 {
            return;
        }
        let each =
            |total: Duration, count: u32| 1e3 * total.as_secs_f64() / f64::from(count.max(1));
        eprintln!(
            "{MODEL_NAME}: refit at each of {} issues, on {} past forecasts at the last; the first fit \
             took {:.2} s, the others {:.0} ms each; a forecast {:.1} ms; weights {:.0} kB",
            self.fits,
            self.rows,
            self.first_fit.as_secs_f64(),
            each(self.refits, self.fits - 1),
            each(self.forecasts, self.fits),
            self.bytes as f64 / 1e3,
        );
    }
}

/// The hours to forecast from.
fn issues(args: &BacktestArgs) -> anyhow::Result<Vec<Hour>> {
    let time = NaiveTime::from_hms_opt(u32::from(args.issue_hour_utc), 0, 0)
        .context("--issue-hour-utc is an hour of the day, 0 to 23")?;
    let mut issues = Vec::new();
    let mut day = args.from;
    while day <= args.to {
        issues.push(Hour::of(day.and_time(time).and_utc()));
        day = day.checked_add_days(Days::new(1)).context("--to lies beyond any calendar")?;
    }
    Ok(issues)
}

/// The 96 outcomes of an issue; `None` when one of them is not known.
fn truth(data: &Data, issue: Hour) -> Option<Vec<f64>> {
    (0..HORIZON as i64)
        .map(|ahead| data.history.get(issue + ahead).map(|reading| reading.intensity))
        .collect()
}

/// On stderr, and only where that is a terminal.
fn progress(issues: usize) -> indicatif::ProgressBar {
    let style = indicatif::ProgressStyle::with_template("{bar:40} {pos}/{len} issues, {eta} left")
        .expect("a fixed template");
    indicatif::ProgressBar::new(issues as u64).with_style(style)
}
