//! `replay`: what a time would have been with these settings.

mod page;

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{NaiveDate, TimeDelta};
use clap::{Args, ValueEnum};

use super::ask::print;
use super::period::{day, days, misuse};
use super::record::look_up_in;
use crate::api;
use crate::config::Config;
use crate::ledger::{Period, Question};
use crate::replay::{Record, replay};

/// Decides over recorded days as `run` would have with these settings, and prints what would have come of it.
///
/// Of NYISO's fuel-mix files it also makes the forecasts, by what was known at each hour; an agent's own
/// history has readings only, and the plan goes by the usual hours of the week.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// NYISO's files (*rtfuelmix* and *isolf*, csv or zip, in any folder below), or an agent's state directory.
    #[arg(long, value_name = "DIR")]
    history: PathBuf,
    /// First day, New York's.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    from: NaiveDate,
    /// Last day; the night that begins on it counts.
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    to: NaiveDate,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// How to print it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
}

/// Replays, and prints the outcome.
pub fn run(arguments: &ReplayArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let ReplayArgs { history, from, to, format } = arguments;
    if to < from {
        return Ok(misuse(&format!("--from {from} comes after --to {to}: no day is both")));
    }
    let period = match days(*from, *to) {
        Ok(period) => period,
        Err(mistake) => return Ok(misuse(&mistake)),
    };
    let record = read(history, &period)?;
    for skipped in &record.skipped {
        eprintln!("ny-power-agent: skipped {skipped}");
    }
    let mut bar = Bar::new("replay");
    let replayed =
        replay(&record, &config.control, config.charge.as_ref(), period, |share| bar.show(share));
    bar.clear();
    print(&match format {
        Format::Text => page::text(*from, *to, config, &replayed),
        Format::Json => serde_json::to_string_pretty(&page::json(period, config, &replayed))?,
    })?;
    Ok(ExitCode::SUCCESS)
}

fn read(root: &Path, period: &Period) -> anyhow::Result<Record> {
    if root.join("history").exists() || api::socket_path(root).exists() {
        // With what the usual hours of the week are learned from.
        let span =
            Period { from: period.from - TimeDelta::days(60), to: period.to + TimeDelta::days(3) };
        return Record::of_agent(root, &look_up_in(root, Question::History(span))?, period);
    }
    let mut bar = Bar::new("read");
    let record = Record::of_files(root, period, |done, all| {
        bar.show(done as f64 / all.max(1) as f64);
    });
    bar.clear();
    record
}

/// A progress bar on stderr, where that is a terminal.
struct Bar {
    what: &'static str,
    shown: Option<u8>,
}

impl Bar {
    fn new(what: &'static str) -> Self {
        Self { what, shown: None }
    }

    fn show(&mut self, share: f64) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to 0 to 100"
        )]
        let percent = (share * 100.0).clamp(0.0, 100.0) as u8;
        if self.shown == Some(percent) || !std::io::stderr().is_terminal() {
            return;
        }
        self.shown = Some(percent);
        let full = usize::from(percent) * 2 / 5;
        let bar = format!("{:<40}", "█".repeat(full));
        // Nobody is helped by an error of a progress bar.
        let _ = write!(std::io::stderr(), "\r{:<7}{bar} {percent:>3} %", self.what);
    }

    fn clear(&mut self) {
        if self.shown.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
