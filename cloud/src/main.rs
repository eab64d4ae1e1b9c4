//! `ny-power-cloud`: arguments, logging, exit code.

use std::process::ExitCode;

use clap::Parser;
use cloud::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    service::logging::init();
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ny-power-cloud: {error:#}");
            ExitCode::FAILURE
        }
    }
}
