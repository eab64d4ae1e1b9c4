//! `setup`: asks the few questions that matter, and writes settings that explain themselves.
//!
//! ```text
//! question ──answer──> checked by the checks of the file ──> Answers ──> the example with them in it ──> file
//!                  └──> feed and switch are asked at once whether they are there
//! ```
//!
//! Plain lines rather than a crate for prompts: dialoguer and inquire refuse a standard input that is no
//! terminal, so that a pipe, and with it a test, could not answer; and an answer here needs no more than a line.

mod answers;
mod charge;
mod page;
pub(super) mod place;
mod questions;
mod switch;
mod talk;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use service::clock::{Clock as _, SystemClock};

use crate::config::{Config, USUAL_FILE};
use crate::picture::Screen;
use answers::Answers;
pub(super) use charge::takes;
use questions::Interview;
use talk::{Stop, Talk, Tone};

/// Exit status for answers that do not do.
const MISUSE: u8 = 2;

/// The file that explains every setting.
const EXAMPLE: &str = include_str!("../../agent.example.toml");

/// Ask the few questions that matter, and write the settings.
///
/// Enter takes the answer in brackets. Each answer is checked at once; the feed and the switch are asked whether
/// they are there, and nothing is switched. The file is written at the very end, as a whole; Ctrl-C before that
/// leaves everything as it was. What it does not ask stands in the file, explained, at its default.
///
/// Answers can also be piped in, one a line, or be given here; --yes takes the default for the rest.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct SetupArgs {
    /// Take the default for every question that is not answered here.
    #[arg(long, short)]
    yes: bool,
    /// Replace a file that is there. Its answers become the defaults, its other settings stay, and it is kept
    /// as FILE.old.
    #[arg(long)]
    force: bool,
    /// Ask neither the feed nor the switch whether it is there.
    #[arg(long)]
    no_try: bool,
    /// Where the stream of the grid is, or nyiso to do without one.
    #[arg(long, value_name = "URL", allow_hyphen_values = true)]
    feed: Option<String>,
    /// What switches the charger: simulated, gpio, tasmota, shelly-gen2, zigbee2mqtt, openevse, mqtt,
    /// home-assistant, http or command.
    #[arg(long, value_name = "KIND", allow_hyphen_values = true)]
    switch: Option<String>,
    /// When the car leaves from Monday to Friday: 07:30, 7:30am, none.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    weekdays: Option<String>,
    /// When it leaves on Saturday and Sunday.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    weekend: Option<String>,
    /// What the charger gives, kW.
    #[arg(long, value_name = "KW", allow_hyphen_values = true)]
    power_kw: Option<String>,
    /// What the car needs for each departure: kWh, or "30 miles".
    #[arg(long, value_name = "KWH", allow_hyphen_values = true)]
    need_kwh: Option<String>,
    /// From when in the evening it is plugged in.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    plugged_from: Option<String>,
    /// Any other setting, by its key in the file: --set actuator.gpio.line=GPIO17. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

const EXAMPLES: &str = "\
Examples:
  sudo ny-power-agent setup
  ny-power-agent --config test.toml setup --yes --need-kwh '40 miles' --weekend none
  sudo ny-power-agent --config /etc/ny-power/garage.toml setup    # a second charger";

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write KEY=VALUE, such as charge.need_kwh=12".to_owned()),
    }
}

impl SetupArgs {
    fn given(&self) -> impl Iterator<Item = (String, String)> {
        let named = [
            (questions::FEED, &self.feed),
            (switch::SWITCH, &self.switch),
            (charge::WEEKDAYS, &self.weekdays),
            (charge::WEEKEND, &self.weekend),
            (charge::POWER, &self.power_kw),
            (charge::NEED, &self.need_kwh),
            (charge::PLUGGED, &self.plugged_from),
        ];
        let named =
            named.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?)));
        named.chain(self.set.iter().cloned())
    }
}

/// Asks and writes.
///
/// # Errors
/// When the file cannot be written, or is there and was not to be replaced.
pub fn run(arguments: &SetupArgs, named: Option<&Path>) -> anyhow::Result<ExitCode> {
    let path = named.map_or_else(|| PathBuf::from(USUAL_FILE), Path::to_owned);
    place::try_place(&path)?;
    let is_person = io::stdin().is_terminal();
    let (mut input, mut out) = (io::stdin().lock(), io::stdout().lock());
    let mut talk = Talk {
        input: &mut input,
        is_person,
        colors: Screen::of_stdout().is_some_and(|screen| screen.colors),
        out: &mut out,
        yes: arguments.yes,
        given: arguments.given().collect(),
    };
    let outcome = match talk.is_somebody_there() {
        Ok(true) => converse(&mut talk, arguments, &path),
        Ok(false) => Err(Stop::Nobody.into()),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast_ref::<Stop>() {
            Some(Stop::Declined | Stop::Terminal(_)) | None => Err(error),
            Some(stop) => {
                writeln!(io::stderr(), "ny-power-agent setup: {stop}")?;
                Ok(ExitCode::from(MISUSE))
            }
        },
    }
}

fn converse(talk: &mut Talk<'_>, arguments: &SetupArgs, path: &Path) -> anyhow::Result<()> {
    let before = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        Ok(text) => Some(text),
    };
    let replaces = before.is_some() && !arguments.force;
    if replaces && (!talk.is_person || talk.yes) {
        bail!("{} is there already; --force replaces it and keeps it as .old", path.display());
    }
    talk.say(Tone::Title, &format!("Settings for {}", path.display()))?;
    talk.say(
        Tone::Help,
        "Enter takes what stands in [brackets]. Nothing is switched, and nothing is written before the last\n\
         question; Ctrl-C leaves everything as it is.",
    )?;
    if replaces {
        talk.begin(
            &format!("{} is there already", path.display()),
            "Its answers become the defaults, what is not asked stays as it is, and it is kept as .old.",
        )?;
        if !talk.confirm("", "Replace it", false)? {
            return Err(Stop::Declined.into());
        }
    }
    let old = before.as_deref().map(|text| {
        Answers::of_file(text).unwrap_or_else(|| {
            let _ = talk.say(Tone::Doubt, "It is no TOML, so nothing of it is used.");
            Answers::default()
        })
    });
    let unit = place::unit(path);
    let mut interview = Interview {
        talk,
        answers: Answers::default(),
        before: old.unwrap_or_default(),
        tries: !arguments.no_try,
        clock: SystemClock::new(),
        secret: None,
    };
    if let Some((_, state_dir)) = &unit {
        interview.answers.set("state_dir", state_dir.display().to_string());
    }
    interview.ask_all()?;
    if !interview.talk.confirm("", &format!("\nWrite {}", path.display()), true)? {
        return Err(Stop::Declined.into());
    }
    write(interview, path, before.as_deref(), unit.map(|(unit, _)| unit))
}

fn write(
    interview: Interview<'_, '_>,
    path: &Path,
    before: Option<&str>,
    unit: Option<String>,
) -> anyhow::Result<()> {
    let Interview { talk, answers, secret, clock, .. } = interview;
    if let Err(mistakes) = answers.config() {
        bail!("{mistakes}\nnothing was written");
    }
    let head = format!(
        "## Written by `ny-power-agent setup` {} on {}.\n##\n",
        env!("CARGO_PKG_VERSION"),
        crate::eastern::local(clock.now()).format("%B %-d, %Y")
    );
    let text = head + &page::fill(EXAMPLE, &answers.all());
    if let Some((file, _, token)) = &secret {
        place::write(file, &format!("{token}\n"))?;
    }
    // What is written is what was checked, unless the page was filled wrongly.
    Config::of_text(&text)
        .context("the page does not say what was answered; please report that")?;
    if let Some(before) = before {
        let mut old = path.to_owned().into_os_string();
        old.push(".old");
        place::write(Path::new(&old), before)?;
    }
    let mode = place::write(path, &text)?;
    talk.say(Tone::Good, &format!("Written: {} (mode {mode:04o})", path.display()))?;
    if let Some((file, ..)) = &secret {
        talk.say(Tone::Good, &format!("Written: {}", file.display()))?;
    }
    next(talk, path, unit.as_deref())?;
    Ok(())
}

/// The two commands that come now.
fn next(talk: &mut Talk<'_>, path: &Path, unit: Option<&str>) -> Result<(), Stop> {
    let named = match path == Path::new(USUAL_FILE) {
        true => String::new(),
        false => format!(" --config {}", path.display()),
    };
    let doctor = format!("ny-power-agent{named} doctor");
    writeln!(talk.out, "\nNext, see whether all is in place, then start it:")?;
    match unit {
        Some(unit) if place::service_group().is_some() => {
            writeln!(talk.out, "  sudo -u {} {doctor}", place::SERVICE)?;
            writeln!(talk.out, "  sudo systemctl enable {unit} && sudo systemctl restart {unit}")?;
        }
        _ => {
            writeln!(talk.out, "  {doctor}")?;
            writeln!(talk.out, "  ny-power-agent{named} run")?;
        }
    }
    if unit.is_some() && place::service_group().is_none() {
        talk.say(
            Tone::Doubt,
            "There is no user ny-power yet, so only root can read this. For systemd see docs/install-agent.md.",
        )?;
    }
    Ok(())
}
