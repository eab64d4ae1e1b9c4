//! `report`: what was charged, and what it meant.

mod csv;
mod page;
mod total;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use domain::Timestamp;
use domain::wire::Origin;
use serde_json::{Value, json};

use super::ask::print;
use super::period::{PeriodArgs, misuse};
use super::record::look_up;
use crate::config::{Config, File};
use crate::ledger::{AccountEntry, Question, SessionEntry};

pub use page::{kg, summary, when};
pub use total::Total;

/// Prints what was charged in a time, session by session and in all; this month where none is named.
///
/// Works while the agent runs, and on the record of a stopped one.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    period: PeriodArgs,
    /// Write the sessions as CSV to this file; - is standard output, and nothing else is printed.
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// By which intensity CO2 is counted.
    #[arg(long, value_enum, default_value_t)]
    basis: Basis,
}

/// By which intensity CO2 is counted. Never mixed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Basis {
    /// Of all that New York generates.
    #[default]
    Average,
    /// Of the next kWh.
    Marginal,
}

impl Basis {
    /// In JSON and CSV.
    pub fn label(self) -> &'static str {
        match self {
            Self::Average => "average, production, direct",
            Self::Marginal => "marginal, state-wide, direct",
        }
    }

    /// In a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Average => {
                "the average intensity of New York's own generation, direct emissions, imports left out"
            }
            Self::Marginal => {
                "the marginal intensity of the whole state, direct emissions, as the feed states it: \
                 what one more kWh sets free"
            }
        }
    }

    /// The account of a session by it.
    pub fn of(self, session: &SessionEntry) -> Option<&AccountEntry> {
        match self {
            Self::Average => session.average.as_ref(),
            Self::Marginal => session.marginal.as_ref(),
        }
    }
}

/// Sessions that belong together, and what is to be said of those left out.
pub struct Sessions {
    /// Of live data; of a demo only where there is nothing else.
    pub shown: Vec<SessionEntry>,
    /// Sessions by demo data, which are never added to real ones.
    pub left_out: usize,
}

impl Sessions {
    /// Sorts them out.
    pub fn new(sessions: Vec<SessionEntry>) -> Self {
        let all = sessions.len();
        let live = sessions.iter().any(|session| session.origin == Origin::Nyiso);
        let shown: Vec<_> = sessions
            .into_iter()
            .filter(|session| !live || session.origin == Origin::Nyiso)
            .collect();
        Self { left_out: all - shown.len(), shown }
    }
}

/// Prints the report.
pub fn run(
    arguments: &ReportArgs,
    file: &File,
    config: &Config,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    let named = match arguments.period.or_this_month(now) {
        Ok(named) => named,
        Err(mistake) => return Ok(misuse(&mistake)),
    };
    let found = look_up(file, config, Question::Sessions(named.period))?;
    let sessions = Sessions::new(found.sessions);
    let basis = arguments.basis;
    if let Some(path) = &arguments.csv {
        let text = csv::table(&sessions.shown, basis);
        if path.as_os_str() == "-" {
            print(&text)?;
            return Ok(ExitCode::SUCCESS);
        }
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        if !arguments.json {
            let count = sessions.shown.len();
            print(&format!("{count} sessions of {} are in {}", named.name, path.display()))?;
            return Ok(ExitCode::SUCCESS);
        }
    }
    let total = Total::of(&sessions.shown, basis);
    print(&if arguments.json {
        let json = json!({
            "period": named.period,
            "basis": basis.label(),
            "sessions": sessions.shown.iter().map(|session| entry(session, basis)).collect::<Vec<_>>(),
            "left_out_demo_sessions": sessions.left_out,
            "total": total,
        });
        serde_json::to_string_pretty(&json)?
    } else {
        page::page(&named.name, &sessions, &total, basis, std::io::stdout().is_terminal())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn entry(session: &SessionEntry, basis: Basis) -> Value {
    json!({
        "from": session.from,
        "to": session.to,
        "by": session.by,
        "open": session.open,
        "kwh": total::rounded(session.kwh),
        "metered_kwh": total::rounded(session.metered_kwh),
        "charging_s": session.charging_s,
        "time_is_doubtful": session.time_is_doubtful,
        "origin": session.origin,
        "settled": session.settled,
        "co2": basis.of(session),
    })
}
