//! The command line.

mod ask;
mod check_config;
mod doctor;
mod history;
mod override_;
mod period;
pub mod plan;
mod probe;
mod record;
mod replay;
mod report;
mod setup;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use service::clock::{Clock as _, SystemClock};
use service::settings::Mistakes;
use service::shutdown::Shutdown;

use crate::config::{Config, File, find};

/// Mistakes in the settings: `EX_CONFIG` of sysexits.h. systemd does not start us again then.
const EX_CONFIG: u8 = 78;

/// Charges the car when New York's grid is cleanest.
///
/// Settings come from the file of --config, else from /etc/ny-power/agent.toml if it is there, and from
/// variables NY_POWER_AGENT__SECTION__KEY; agent.example.toml explains every one.
#[derive(Debug, Parser)]
#[command(name = "ny-power-agent", version, max_term_width = 100)]
pub struct Arguments {
    /// Settings file instead of the usual one.
    #[arg(long, short, global = true, value_name = "FILE", env = "NY_POWER_AGENT_CONFIG")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Setup(setup::SetupArgs),
    Doctor(doctor::DoctorArgs),
    #[command(flatten)]
    WithSettings(WithSettings),
    Plan(plan::PlanArgs),
}

#[derive(Debug, Subcommand)]
enum WithSettings {
    /// Subscribe, decide, switch: until Ctrl-C or SIGTERM.
    Run,
    /// Print the settings as they are used, or every mistake in them, and exit.
    CheckConfig,
    /// Ask the running agent how things are.
    Status {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Charge now, not tonight, away, another departure: for once, and it ends by itself.
    Override(override_::OverrideArgs),
    /// Show switches, readings and sessions of a time.
    History(history::HistoryArgs),
    /// What was charged: kWh, kg of CO2, and what charging at once or by a 01:00 timer had been.
    Report(report::ReportArgs),
    /// What a time would have been with these settings, over recorded days.
    Replay(replay::ReplayArgs),
    /// Ask the running agent why it is (not) charging, and when that will change.
    Why {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command of `arguments`.
pub fn main(arguments: Arguments) -> ExitCode {
    let given = arguments.config.as_deref();
    let outcome = match arguments.command {
        Command::Setup(setup) => setup::run(&setup, given),
        Command::Doctor(doctor) => doctor::run(&doctor, given),
        Command::Plan(plan) => match &plan.forecast {
            Some(forecast) => {
                plan::run(&plan, forecast, SystemClock::new().now(), &mut std::io::stdout().lock())
            }
            None => loaded(given, |_, file, config| {
                plan::ask(&plan, file, &config).map(|()| ExitCode::SUCCESS)
            }),
        },
        Command::WithSettings(command) => {
            loaded(given, |path, file, config| command.run(path, file, config))
        }
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("ny-power-agent: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs `command` with the settings, or says every mistake in them.
fn loaded(
    given: Option<&Path>,
    command: impl FnOnce(Option<&Path>, &File, Config) -> anyhow::Result<ExitCode>,
) -> anyhow::Result<ExitCode> {
    let path = find(given);
    match Config::load(path.as_deref()) {
        Ok((file, config)) => command(path.as_deref(), &file, config),
        Err(mistakes) => Ok(misuse(&mistakes)),
    }
}

impl WithSettings {
    fn run(self, path: Option<&Path>, file: &File, config: Config) -> anyhow::Result<ExitCode> {
        match self {
            Self::Run => run(config),
            Self::CheckConfig => check_config::print(path, file, &config),
            Self::Status { json } => ask::status(file, &config, json),
            Self::Override(wish) => {
                return override_::run(wish, file, &config, SystemClock::new().now());
            }
            Self::History(arguments) => {
                return history::run(&arguments, file, &config, SystemClock::new().now());
            }
            Self::Replay(arguments) => return replay::run(&arguments, &config),
            Self::Report(arguments) => {
                return report::run(&arguments, file, &config, SystemClock::new().now());
            }
            Self::Why { json } => ask::why(file, &config, json),
        }?;
        Ok(ExitCode::SUCCESS)
    }
}

fn misuse(mistakes: &Mistakes) -> ExitCode {
    eprintln!("ny-power-agent: {mistakes}");
    ExitCode::from(EX_CONFIG)
}

fn run(config: Config) -> anyhow::Result<()> {
    service::logging::init();
    // One thread: there is never more than one thing to do, and threads cost memory on a Pi.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = runtime.block_on(async { crate::run(config, Shutdown::on_signals()?).await });
    // What still blocks (a disk that does not answer) is not waited for.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    outcome
}
