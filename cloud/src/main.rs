//! `ny-power-cloud`: arguments, logging, exit code.

use std::process::ExitCode;

use clap::Parser;
use cloud::cli::Cli;
use service::settings::Mistakes;

/// Mistakes in the settings: `EX_CONFIG` of sysexits.h. systemd does not start us again then.
const EX_CONFIG: u8 = 78;

fn main() -> ExitCode {
    let cli = Cli::parse();
    service::logging::init();
    match cli.run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ny-power-cloud: {error:#}");
            if error.is::<Mistakes>() { ExitCode::from(EX_CONFIG) } else { ExitCode::FAILURE }
        }
    }
}
