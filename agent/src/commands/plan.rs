//! `plan`: when to charge. From a forecast given on the spot, which needs no agent and no settings; else what
//! the running agent plans.

mod answer;
mod forecast;
mod picture;
mod words;

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use domain::Timestamp;
use domain::plan::{ChargeRequest, Limits, Outlook, plan};

use super::ask::print;
use crate::config::{Config, File};
use crate::picture::{Screen, machine, plan_page};

/// Exit status for a forecast that cannot be read and for a request that nobody can fulfill.
const MISUSE: u8 = 2;

/// Show what the running agent plans, or plan a charge from a forecast of yours.
///
/// Without --forecast the running agent is asked: what it plans, by which forecast, and what that saves.
/// With it no agent and no settings are needed. The plan takes the cleanest time between now and the departure, the later of equals. Time that the forecast
/// does not cover is used last. When too little time is left, charging starts at once and the answer says
/// by how much it overruns.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanArgs {
    /// Forecast: a file, - for standard input, or an http(s) address.
    ///
    /// JSON: [{"start","end","value"}] with RFC 3339 times and g/kWh, on any grid; evcc's {"rates":[..]};
    /// or a series {"start","step_s","values"} as this project publishes it.
    #[arg(
        long,
        value_name = "FILE|URL",
        allow_hyphen_values = true,
        requires_all = ["need_kwh", "power_kw", "depart"]
    )]
    pub forecast: Option<String>,
    /// Plan as if it were this time [default: now].
    #[arg(long, value_name = "TIME", value_parser = time, requires = "forecast")]
    pub now: Option<Timestamp>,
    /// Energy wanted, kWh.
    #[arg(long, value_name = "K", allow_hyphen_values = true, requires = "forecast")]
    pub need_kwh: Option<f64>,
    /// Power at which the car charges, kW.
    #[arg(long, value_name = "P", allow_hyphen_values = true, requires = "forecast")]
    pub power_kw: Option<f64>,
    /// When the car must be ready.
    #[arg(long, value_name = "TIME", value_parser = time, requires = "forecast")]
    pub depart: Option<Timestamp>,
    /// One run without a pause.
    #[arg(long, requires = "forecast")]
    pub continuous: bool,
    /// Shortest run, minutes; only a run that the departure ends may be shorter. 0 is off.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "forecast")]
    pub min_on_min: u32,
    /// Shortest pause between two runs, minutes. 0 is off.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "forecast")]
    pub min_off_min: u32,
    /// Most starts. 0 is off.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "forecast")]
    pub max_starts: u32,
    /// What a start is worth avoiding, g CO2. 0 is off.
    #[arg(
        long,
        value_name = "G",
        default_value_t = 0.0,
        allow_hyphen_values = true,
        requires = "forecast"
    )]
    pub start_cost_g: f64,
    /// How to answer.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The same as --format json.
    #[arg(long)]
    pub json: bool,
}

const EXAMPLES: &str = "\
Times are RFC 3339, such as 2026-03-10T07:00:00-04:00 or 2026-03-10T11:00:00Z.

Examples:
  ny-power-agent plan
  ny-power-agent plan --forecast http://127.0.0.1:8484/evcc/co2 \\
      --need-kwh 20 --power-kw 7.2 --depart 2026-03-10T07:00:00-04:00";

/// How to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One object.
    Json,
    /// For the eye: a picture in a terminal, plain lines elsewhere. Times are New York's.
    Text,
}

fn time(text: &str) -> Result<Timestamp, String> {
    DateTime::parse_from_rfc3339(text).map(|time| time.with_timezone(&Utc)).map_err(|error| {
        format!("{error}; write it as RFC 3339, such as 2026-03-10T07:00:00-04:00")
    })
}

impl PlanArgs {
    /// Whether the answer is one object.
    fn is_json(&self) -> bool {
        self.json || self.format == Format::Json
    }
}

/// What the running agent plans.
///
/// # Errors
/// When no agent runs there, or it does not answer; the text says what to do.
pub fn ask(args: &PlanArgs, file: &File, config: &Config) -> anyhow::Result<()> {
    let prospect = super::ask::prospect(file, config)
        .context("there is no plan to show (--forecast makes one without an agent)")?;
    print(&if args.is_json() {
        serde_json::to_string(&machine(&prospect))?
    } else {
        plan_page(&prospect, Screen::of_stdout().as_ref())
    })
}

/// Plans by `forecast` and answers on `out`. What is wrong with the forecast or the request goes to standard
/// error, in one line, with exit status 2.
///
/// # Errors
/// When `out` cannot be written to.
pub fn run(
    args: &PlanArgs,
    forecast: &str,
    now: Timestamp,
    out: &mut impl Write,
) -> anyhow::Result<ExitCode> {
    let now = args.now.unwrap_or(now);
    let (request, outlook, plan) = match prepare(args, forecast, now) {
        Ok(prepared) => prepared,
        Err(error) => {
            writeln!(io::stderr(), "ny-power-agent plan: {error:#}")?;
            return Ok(ExitCode::from(MISUSE));
        }
    };
    let reason = words::reason(now, &request, &outlook, &plan);
    if args.is_json() {
        answer::write(out, &plan, reason)?;
    } else {
        let screen = Screen::of_stdout();
        let reason = screen.map_or(reason.clone(), |screen| screen.wrap(&reason, 0));
        writeln!(out, "{reason}")?;
        if let Some(screen) = screen {
            picture::write(out, now, &request, &outlook, &plan, &screen)?;
        }
        words::write_runs(out, now, &plan)?;
    }
    out.flush().context("cannot write the answer")?;
    Ok(ExitCode::SUCCESS)
}

type Prepared = (ChargeRequest, Outlook, domain::plan::ChargePlan);

fn prepare(args: &PlanArgs, source: &str, now: Timestamp) -> anyhow::Result<Prepared> {
    let request = request(args).context("--need-kwh, --power-kw and --depart belong to it")?;
    // What is wrong with the request is said before anything is fetched.
    request.duration()?;
    let forecast = || format!("cannot use forecast {source:?}");
    let slots = forecast::read(source).with_context(forecast)?;
    let outlook = Outlook::new(slots).with_context(forecast)?;
    let plan = plan(now, &request, &outlook)?;
    Ok((request, outlook, plan))
}

/// `None` where a part of it is missing, which clap has seen to.
fn request(args: &PlanArgs) -> Option<ChargeRequest> {
    Some(ChargeRequest {
        continuous: args.continuous,
        limits: Limits {
            min_on: TimeDelta::minutes(args.min_on_min.into()),
            min_off: TimeDelta::minutes(args.min_off_min.into()),
            max_starts: (0 < args.max_starts).then_some(args.max_starts),
            start_cost: args.start_cost_g,
        },
        ..ChargeRequest::new(args.need_kwh?, args.power_kw?, args.depart?)
    })
}
