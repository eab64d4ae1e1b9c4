//! `ny-power-agent`: see `--help`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use agent::commands::plan::{self, PlanArgs};
use clap::Parser;
use service::clock::{Clock as _, SystemClock};

/// Charges the car when New York's grid is cleanest.
#[derive(Debug, Parser)]
#[command(name = "ny-power-agent", version, max_term_width = 100)]
enum Command {
    Plan(PlanArgs),
}

fn main() -> ExitCode {
    let Command::Plan(arguments) = Command::parse();
    let mut out = io::stdout().lock();
    match plan::run(arguments, SystemClock::new().now(), &mut out) {
        Ok(code) => code,
        Err(error) => {
            drop(writeln!(io::stderr(), "ny-power-agent: {error:#}"));
            ExitCode::FAILURE
        }
    }
use clap::Parser as _;
    agent::commands::main(agent::commands::Arguments::parse())
}
