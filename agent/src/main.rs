//! `ny-power-agent`: see `--help`.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    agent::commands::main(agent::commands::Arguments::parse())
}
