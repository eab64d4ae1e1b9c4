//! `override`: what the person at the charger wants for once.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use domain::Timestamp;
use serde_json::json;

use super::ask::{home, print};
use crate::api::{self, Outcome};
use crate::config::{Config, File};
use crate::overrides::{Overrides, Request, time_of};

/// A wrong command line.
const EX_USAGE: u8 = 2;

/// Tells the running agent what is wanted for once.
///
/// A time T is New York's: 07:00 (the next one), tomorrow 07:00, fri 07:00, 2026-03-08 07:00; or RFC 3339:
/// 2026-03-08T12:00:00Z. The newest wish ends those that contradict it; all survive a restart.
#[derive(Debug, Args)]
pub struct OverrideArgs {
    /// As JSON.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    wish: Wish,
}

#[derive(Debug, Subcommand)]
enum Wish {
    /// Charge now: until the next departure, or for 12 hours where none is known.
    ChargeNow {
        /// Until then instead.
        #[arg(long, value_name = "T", num_args = 1..=2)]
        until: Option<Vec<String>>,
    },
    /// No charging until the next departure, ready or not; where none is near, until noon.
    SkipTonight,
    /// No charging until the return, ready or not.
    Away {
        /// The return.
        #[arg(long, value_name = "T", num_args = 1..=2, required = true)]
        until: Vec<String>,
    },
    /// Another departure than the schedule's next one.
    Depart {
        /// The departure.
        #[arg(value_name = "T", num_args = 1..=2, required = true)]
        at: Vec<String>,
        /// This once; weekly departures are a setting.
        #[arg(long, required = true)]
        once: bool,
    },
    /// Back to the plan.
    Clear,
    /// What holds.
    Show,
}

/// A request, and what is worth saying about its time.
type Asked = (Option<Request>, Option<String>);

impl Wish {
    fn request(self, now: Timestamp) -> Result<Asked, String> {
        let time =
            |words: Vec<String>| time_of(&words.join(" "), now).map_err(|error| error.to_string());
        let (request, note) = match self {
            Self::Show => return Ok((None, None)),
            Self::ChargeNow { until: None } => (Request::ChargeNow { until: None }, None),
            Self::ChargeNow { until: Some(words) } => {
                let until = time(words)?;
                (Request::ChargeNow { until: Some(until.at) }, until.note)
            }
            Self::SkipTonight => (Request::SkipTonight, None),
            Self::Away { until } => {
                let until = time(until)?;
                (Request::Away { until: until.at }, until.note)
            }
            Self::Depart { at, once: _ } => {
                let at = time(at)?;
                (Request::Depart { at: at.at }, at.note)
            }
            Self::Clear => (Request::Clear, None),
        };
        // What makes no sense at any agent needs none to say so.
        request.apply(Overrides::default(), now, None).map_err(|refusal| refusal.to_string())?;
        Ok((Some(request), note))
    }
}

/// Hands the wish to the agent of these settings, and prints what comes of it.
pub fn run(
    arguments: OverrideArgs,
    file: &File,
    config: &Config,
    now: Timestamp,
) -> anyhow::Result<ExitCode> {
    let (request, note) = match arguments.wish.request(now) {
        Ok(asked) => asked,
        Err(mistake) => return Ok(misuse(&mistake)),
    };
    let answer = match api::ask_override(home(file, config), request.as_ref())? {
        Outcome::Taken(answer) => answer,
        Outcome::Refused(mistake) => return Ok(misuse(&mistake)),
    };
    print(&if arguments.json {
        serde_json::to_string_pretty(&json!({
            "said": answer.said,
            "note": note,
            "overrides": answer.overrides,
        }))?
    } else {
        note.into_iter().chain([answer.said]).collect::<Vec<_>>().join("\n")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn misuse(mistake: &str) -> ExitCode {
    eprintln!("ny-power-agent: {mistake}");
    ExitCode::from(EX_USAGE)
}
