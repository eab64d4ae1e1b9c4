//! `plan`: when to charge, from a forecast given on the spot. Needs no agent and no settings.

mod answer;
mod forecast;
mod picture;
mod words;

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use clap::{Args, ValueEnum};
use domain::Timestamp;
use domain::plan::{ChargeRequest, Limits, Outlook, plan};

/// Exit status for a forecast that cannot be read and for a request that nobody can fulfill.
const MISUSE: u8 = 2;

/// Plan a charge from a forecast, without a running agent or any settings.
///
/// Takes the cleanest time between now and the departure, the later of equals. Time that the forecast
/// does not cover is used last. When too little time is left, charging starts at once and the answer says
/// by how much it overruns.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PlanArgs {
    /// Forecast: a file, - for standard input, or an http(s) address.
    ///
    /// JSON: [{"start","end","value"}] with RFC 3339 times and g/kWh, on any grid; evcc's {"rates":[..]};
    /// or a series {"start","step_s","values"} as this project publishes it.
    #[arg(long, value_name = "FILE|URL", allow_hyphen_values = true)]
    pub forecast: String,
    /// Plan as if it were this time [default: now].
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub now: Option<Timestamp>,
    /// Energy wanted, kWh.
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    pub need_kwh: f64,
    /// Power at which the car charges, kW.
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    pub power_kw: f64,
    /// When the car must be ready.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub depart: Timestamp,
    /// One run without a pause.
    #[arg(long)]
    pub continuous: bool,
    /// Shortest run, minutes; only a run that the departure ends may be shorter. 0 is off.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub min_on_min: u32,
    /// Shortest pause between two runs, minutes. 0 is off.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub min_off_min: u32,
    /// Most starts. 0 is off.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_starts: u32,
    /// What a start is worth avoiding, g CO2. 0 is off.
    #[arg(long, value_name = "G", default_value_t = 0.0, allow_hyphen_values = true)]
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

Example:
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

/// Plans and answers on `out`. What is wrong with the forecast or the request goes to standard error, in
/// one line, with exit status 2.
///
/// # Errors
/// When `out` cannot be written to.
pub fn run(args: PlanArgs, now: Timestamp, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let now = args.now.unwrap_or(now);
    let (request, outlook, plan) = match prepare(&args, now) {
        Ok(prepared) => prepared,
        Err(error) => {
            writeln!(io::stderr(), "ny-power-agent plan: {error:#}")?;
            return Ok(ExitCode::from(MISUSE));
        }
    };
    let reason = words::reason(now, &request, &outlook, &plan);
    if args.json || args.format == Format::Json {
        answer::write(out, &plan, reason)?;
    } else {
        writeln!(out, "{reason}")?;
        if io::stdout().is_terminal() {
            // no-color.org: any text in it means no.
            let colors = std::env::var_os("NO_COLOR").is_none_or(|text| text.is_empty());
            picture::write(out, now, &request, &outlook, &plan, colors)?;
        }
        words::write_runs(out, now, &plan)?;
    }
    out.flush().context("cannot write the answer")?;
    Ok(ExitCode::SUCCESS)
}

type Prepared = (ChargeRequest, Outlook, domain::plan::ChargePlan);

fn prepare(args: &PlanArgs, now: Timestamp) -> anyhow::Result<Prepared> {
    let request = request(args);
    // What is wrong with the request is said before anything is fetched.
    request.duration()?;
    let forecast = || format!("cannot use forecast {:?}", args.forecast);
    let slots = forecast::read(&args.forecast).with_context(forecast)?;
    let outlook = Outlook::new(slots).with_context(forecast)?;
    let plan = plan(now, &request, &outlook)?;
    Ok((request, outlook, plan))
}

fn request(args: &PlanArgs) -> ChargeRequest {
    ChargeRequest {
        continuous: args.continuous,
        limits: Limits {
            min_on: TimeDelta::minutes(args.min_on_min.into()),
            min_off: TimeDelta::minutes(args.min_off_min.into()),
            max_starts: (0 < args.max_starts).then_some(args.max_starts),
            start_cost: args.start_cost_g,
        },
        ..ChargeRequest::new(args.need_kwh, args.power_kw, args.depart)
    }
}
