//! skeleton
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "ny-power-cloud", version)]
enum Command {
    /// Print NYISO's fuel-mix files, one line per instant, with their carbon intensity
    Inspect(cloud::inspect::InspectArgs),
}

fn main() -> anyhow::Result<ExitCode> {
    match Command::parse() {
        Command::Inspect(args) => cloud::inspect::run(args),
    }
}
