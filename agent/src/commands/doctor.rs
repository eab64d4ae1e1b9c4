//! `doctor`: looks at everything the agent needs, one by one, and says what to do about what is amiss.
//!
//! It only looks: no order is given, no line of a GPIO chip requested, no lock taken that a running agent has. The
//! record of a stopped agent is opened as the agent itself would, which mends what is damaged.
//! Every look has its limit, so that a dead network ends in a sentence and not in a wait.

mod agent;
mod alarms;
mod charge;
mod clock;
mod feed;
mod finding;
mod settings;
mod state;
mod switch;
mod system;
mod users;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use domain::Timestamp;
use service::clock::{Clock as _, SystemClock};
use tokio::time::timeout;

use crate::config::{Config, SignalSource, find};
use crate::picture::Screen;
use crate::status::Status;
use finding::{Finding, Report};

/// Longer than any look takes by itself; each has its own limit below that.
const LOOK_TAKES: Duration = Duration::from_secs(30);

/// Look at everything the agent needs, and say what to do about what is amiss.
///
/// Settings, state, clock, feed, home broker, switch, meter, schedule, systemd: each is ok, a warning or a failure. Nothing
/// is switched, and a running agent is not disturbed. For the agent of systemd run it as its user:
/// sudo -u ny-power ny-power-agent doctor. Exit status 1 when anything failed.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Ask NYISO itself, too; without it only where signal.source is "nyiso".
    #[arg(long)]
    online: bool,
    /// The agent's systemd unit, where it is not the usual one of these settings.
    #[arg(long, value_name = "UNIT")]
    unit: Option<String>,
}

/// What is looked at.
struct Patient<'a> {
    path: Option<&'a Path>,
    config: &'a Config,
    /// Where the agent keeps its state.
    home: PathBuf,
    /// What the running agent says, if one runs.
    status: Option<Status>,
    now: Timestamp,
}

/// Looks, and tells.
///
/// # Errors
/// When nothing can be written, or this machine gives no runtime.
pub fn run(arguments: &DoctorArgs, named: Option<&Path>) -> anyhow::Result<ExitCode> {
    let path = find(named);
    let mut out = io::stdout().lock();
    let mut report = Report::new(&mut out, arguments.json, Screen::of_stdout());
    // One of its own threads may be stuck in a system call, and is left behind then.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let looked = runtime.block_on(look(arguments, path.as_deref(), &mut report));
    runtime.shutdown_timeout(Duration::from_millis(100));
    match looked.and_then(|()| report.end(path.as_deref())) {
        // A reader that has had enough (`| head`).
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        ended => ended,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn look(
    arguments: &DoctorArgs,
    path: Option<&Path>,
    report: &mut Report<'_>,
) -> anyhow::Result<()> {
    let now = SystemClock::new().now();
    let loaded = match Config::load(path) {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            report.tell(settings::mistaken(path, &mistakes))?;
            // What can be looked at without them.
            report.tell(clock::look_alone(now))?;
            return report.tell_all(system::look(arguments.unit.as_deref(), path).await);
        }
    };
    let (file, config) = (&loaded.0, &loaded.1);
    let mut patient = Patient {
        path,
        config,
        home: super::ask::home(file, config).to_owned(),
        status: None,
        now,
    };
    report.tell(settings::look(&patient))?;
    report.tell_all(state::look(&patient))?;
    let (running, status) = limited("agent", agent::look(&patient)).await;
    patient.status = status;
    report.tell(running)?;
    let (feed, newest) = feed::look(&patient).await;
    report.tell(clock::look(&patient, newest))?;
    report.tell(feed)?;
    // Not for nothing: it is a public server.
    if arguments.online || config.signal.source == SignalSource::Nyiso {
        report.tell(limited_one("nyiso", feed::look_online(now, &config.signal)).await)?;
    }
    if let Some(home) = &config.home {
        report.tell(limited_one("home", switch::look_home(home)).await)?;
    }
    report.tell(limited_one("switch", switch::look(&patient)).await)?;
    if let (Some(home), Some(meter)) = (&config.home, &config.meter) {
        report.tell(limited_one("meter", switch::look_at_meter(home, meter)).await)?;
    }
    report.tell(alarms::look(&config.notify))?;
    report.tell(charge::look(&patient))?;
    report.tell_all(system::look(arguments.unit.as_deref(), path).await)?;
    // Last: while it is open, an agent that starts has to wait for it.
    if let Some(record) = state::look_at_record(&patient).await {
        report.tell(record)?;
    }
    Ok(())
}

/// Ends a look that does not end.
async fn limited(
    check: &'static str,
    look: impl Future<Output = (Finding, Option<Status>)>,
) -> (Finding, Option<Status>) {
    timeout(LOOK_TAKES, look).await.unwrap_or_else(|_| (silent(check), None))
}

async fn limited_one(check: &'static str, look: impl Future<Output = Finding>) -> Finding {
    timeout(LOOK_TAKES, look).await.unwrap_or_else(|_| silent(check))
}

fn silent(check: &'static str) -> Finding {
    Finding::failure(
        check,
        format!("no answer within {} s", LOOK_TAKES.as_secs()),
        "look at the machine that should answer, and at the way to it",
    )
}
