//! The command line: one command a service, and the tools beside them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{NaiveDate, TimeDelta};
use clap::{Args, Parser, Subcommand};
use service::clock::{Clock, SystemClock};
use service::settings;
use service::shutdown::Shutdown;

use crate::config::{Config, ENV_PREFIX};
use crate::{backfill, backtest, inspect, replay, services, up};

/// Where the settings are looked for when `--config` names no file.
const DEFAULT_CONFIG: &str = "/etc/ny-power/cloud.toml";

/// New York's grid, live: NYISO's public files as MQTT events, carbon intensity, a dashboard.
#[derive(Debug, Parser)]
#[command(name = "ny-power-cloud", version = crate::BUILD, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "\
Settings come from /etc/ny-power/cloud.toml or --config, then from NY_POWER_CLOUD__SECTION__KEY variables.
NY_POWER_LOG=debug shows more; NY_POWER_LOG_FORMAT=json logs one JSON object a line.

  ny-power-cloud up            everything in one process: dashboard at http://127.0.0.1:8484/
  ny-power-cloud up --demo     the same on generated data, without NYISO
  ny-power-cloud inspect FILE  intensities of NYISO files, one line per instant")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// Settings file (TOML); see cloud.example.toml
    #[arg(long, value_name = "FILE", env = "NY_POWER_CLOUD_CONFIG")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything in one process, with its own broker and store
    Up {
        #[command(flatten)]
        config: ConfigArgs,
        /// Use generated data instead of NYISO's; labeled so everywhere, in a data folder of its own
        #[arg(long)]
        demo: bool,
    },
    /// Run the pump: NYISO's files in, fuel-mix events out
    Pump(ConfigArgs),
    /// Run co2: fuel-mix events in, carbon intensity out
    Co2(ConfigArgs),
    /// Run web: the dashboard, the HTTP API and the read-only MQTT bridge
    Web(ConfigArgs),
    /// Fetch older days from NYISO's archive into co2's history (co2 and up must not run)
    Backfill {
        #[command(flatten)]
        config: ConfigArgs,
        /// First day, as YYYY-MM-DD; the feed begins 2015-12-09
        #[arg(long, value_name = "DATE")]
        from: NaiveDate,
        /// Last day; yesterday unless given
        #[arg(long, value_name = "DATE")]
        to: Option<NaiveDate>,
    },
    /// Serve recorded or generated files as NYISO does: for demos, tests and work offline
    Replay(replay::ReplayArgs),
    /// Print the intensities of NYISO files, one line per instant
    Inspect(inspect::InspectArgs),
    /// Score the forecast against recorded files, as if it had been issued then
    Backtest(backtest::BacktestArgs),
    /// Print the settings in force, or every mistake in them
    CheckConfig(ConfigArgs),
    /// Say whether NYISO answers; exit code 1 where it does not
    CheckFeed {
        #[command(flatten)]
        config: ConfigArgs,
        /// Seconds to wait
        #[arg(long, value_name = "SECS", default_value_t = 10)]
        timeout: u64,
    },
}

impl ConfigArgs {
    fn load(&self) -> anyhow::Result<Config> {
        let default = PathBuf::from(DEFAULT_CONFIG);
        let file = self.config.clone().or_else(|| default.exists().then_some(default));
        Ok(settings::load(file.as_deref(), ENV_PREFIX)?)
    }
}

impl Cli {
    /// Carries out the command.
    ///
    /// # Errors
    /// Whatever ends it, for `main` to print.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.command {
            Command::Inspect(args) => inspect::run(args),
            Command::Backtest(args) => backtest::run(&args).map(|()| ExitCode::SUCCESS),
            Command::CheckConfig(args) => check_config(&args.load()?),
            Command::CheckFeed { config, timeout } => {
                let mut config = config.load()?;
                config.nyiso.timeout_secs = timeout;
                block_on(async { services::check_feed(&config, &SystemClock::new()).await })
            }
            Command::Replay(args) => serve(async |shutdown: Shutdown| {
                let clock = SystemClock::new();
                replay::run(args, Arc::new(clock), shutdown.token()).await
            }),
            Command::Up { config, demo } => {
                let config = config.load()?;
                serve(async |shutdown| up::run(config, demo, shutdown).await)
            }
            Command::Pump(config) => {
                let config = config.load()?;
                serve(async |shutdown| services::pump_alone(config, shutdown).await)
            }
            Command::Co2(config) => {
                let config = config.load()?;
                serve(async |shutdown| services::co2_alone(config, shutdown).await)
            }
            Command::Web(config) => {
                let config = config.load()?;
                serve(async |shutdown| services::web_alone(config, shutdown).await)
            }
            Command::Backfill { config, from, to } => {
                let config = config.load()?;
                serve(async |shutdown: Shutdown| {
                    let now = SystemClock::new().now();
                    let to = to.unwrap_or_else(|| nyiso::eastern::day_of(now) - TimeDelta::days(1));
                    let store =
                        services::open_store(&services::live_dir(&config)?, "co2", &config)?;
                    let source = services::source(&config)?;
                    tokio::select! {
                        outcome = backfill::command(source, store, config.co2.retention_days, from, to, now) => outcome,
                        () = shutdown.token().cancelled_owned() => {
                            eprintln!("stopped; the same command goes on from here");
                            Ok(())
                        }
                    }
                })
            }
        }
    }
}

fn check_config(config: &Config) -> anyhow::Result<ExitCode> {
    println!("# in force; state in {}", config.data_dir()?.display());
    print!("{}", toml::to_string_pretty(config).context("print the settings")?);
    for reason in config.unreadable_passwords() {
        eprintln!("warning: {reason}");
    }
    Ok(ExitCode::SUCCESS)
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("start the runtime")?
        .block_on(work)
}

/// Runs a service under SIGINT and SIGTERM.
fn serve<F: Future<Output = anyhow::Result<()>>>(
    work: impl FnOnce(Shutdown) -> F,
) -> anyhow::Result<ExitCode> {
    block_on(async { work(Shutdown::on_signals().context("listen for signals")?).await })?;
    Ok(ExitCode::SUCCESS)
}

/// How long tasks may take to end.
pub const GRACE: Duration = Duration::from_secs(8);
