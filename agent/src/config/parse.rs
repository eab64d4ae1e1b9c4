//! From the file as written to settings as used; what the types of the file cannot say is checked here.

use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::control::{Contactor, Limits, Mode, Settings, Threshold};
use domain::units::CarbonIntensity;
use domain::wire::Root;
use service::mqtt::Password;
use service::settings::Mistake;

use super::file::{
    ActuatorKind, Command, File, Gpio, ModeWord, PositionWord, ThresholdSection, ThresholdUnit,
};
use super::{ActuatorConfig, CommandConfig, Config, FeedConfig, GpioConfig, LineSpec};

const HOUR: u64 = 3600;

impl service::settings::Settings for File {
    fn validate(&self) -> Vec<Mistake> {
        self.parse().err().unwrap_or_default()
    }
}

/// Gathers mistakes, so that one does not hide the next.
#[derive(Default)]
pub(super) struct Check(pub(super) Vec<Mistake>);

impl Check {
    pub(super) fn say(&mut self, key: &str, text: impl Into<String>) {
        self.0.push(Mistake::new(key, text));
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// `value` if it lies in `least..=most`; else says so.
    pub(super) fn range<T: PartialOrd + std::fmt::Display + Copy>(
        &mut self,
        key: &str,
        value: T,
        (least, most): (T, T),
    ) -> Option<T> {
        if least <= value && value <= most {
            return Some(value);
        }
        self.say(key, format!("{value} is not within {least} to {most}"));
        None
    }

    pub(super) fn ok<T, E: std::error::Error>(
        &mut self,
        key: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        self.say(key, text);
        None
    }
}

impl File {
    /// What the file comes to.
    ///
    /// # Errors
    /// Every mistake.
    pub fn parse(&self) -> Result<Config, Vec<Mistake>> {
        let mut check = Check::default();
        let state_dir =
            self.state_dir.clone().or_else(|| usual_state_dir(|name| std::env::var_os(name)));
        if state_dir.is_none() {
            check.say("state_dir", "must be given, since neither STATE_DIRECTORY nor HOME is set");
        }
        let feed = self.feed(&mut check);
        let signal = self.signal.parse(&mut check);
        let control = self.control(&mut check);
        let tick_secs = check.range("control.tick_secs", self.control.tick_secs, (1, 300));
        let home = self.home.parse(&mut check);
        let meter = self.meter.parse(self.home.url.is_some(), &mut check);
        let actuator = self.actuator(&mut check, state_dir.as_deref());
        // Two instances on one machine have two state directories: that, and the machine, make a device.
        let device = state_dir.as_deref().map(device_id).unwrap_or_default();
        let must = matches!(self.control.mode, Some(ModeWord::Clean));
        let charge =
            self.charge.parse(&self.schedule, &self.tariff, must, device.clone(), &mut check);
        // Whoever says when the car leaves wants it ready then.
        let usual = if charge.is_some() { Mode::Clean } else { Mode::default() };
        let mode = self.control.mode.map_or(usual, ModeWord::mode);
        let control = control.map(|control| Settings { mode, ..control });
        let notify = self.notify.parse(&mut check);
        match (state_dir, feed, signal, control, tick_secs, actuator, notify) {
            (
                Some(state_dir),
                Some(feed),
                Some(signal),
                Some(control),
                Some(tick_secs),
                Some(actuator),
                Some(notify),
            ) if check.0.is_empty() => Ok(Config {
                actuator,
                notify,
                state_dir,
                feed,
                signal,
                control,
                charge,
                home,
                meter,
                tick: Duration::from_secs(tick_secs),
                on_exit: self.control.on_exit,
                clock_trust: self.clock.trust,
                device,
                offset_secs: self.charge.offset_secs,
            }),
            _ => Err(check.0),
        }
    }

    fn actuator(&self, check: &mut Check, state_dir: Option<&Path>) -> Option<ActuatorConfig> {
        let actuator = &self.actuator;
        match actuator.kind {
            ActuatorKind::Simulated => {
                let given = actuator.simulated.state_file.clone();
                let state_file = given.or_else(|| Some(state_dir?.join("relay")))?;
                Some(ActuatorConfig::Simulated { state_file })
            }
            ActuatorKind::Gpio => actuator.gpio.parse(check).map(ActuatorConfig::Gpio),
            ActuatorKind::Mqtt => {
                if self.home.url.is_none() {
                    check.say("home.url", "must be given with kind = \"mqtt\"");
                }
                actuator.mqtt.parse(check).map(Box::new).map(ActuatorConfig::Mqtt)
            }
            ActuatorKind::Http => {
                actuator.http.parse(check).map(Box::new).map(ActuatorConfig::Http)
            }
            ActuatorKind::Command => actuator.command.parse(check).map(ActuatorConfig::Command),
        }
    }

    fn feed(&self, check: &mut Check) -> Option<FeedConfig> {
        let feed = &self.feed;
        let url = check.ok("feed.url", feed.url.parse());
        let root = check.ok("feed.root", Root::new(&feed.root));
        if let Some(path) = &feed.ca_file
            && let Err(error) = std::fs::File::open(path)
        {
            check.say("feed.ca_file", format!("{} cannot be read: {error}", path.display()));
        }
        let password = match &feed.password_file {
            Some(path) => check.ok("feed.password_file", Password::from_file(path)),
            None => None,
        };
        if feed.password_file.is_some() && feed.username.is_none() {
            check.say("feed.username", "must be given with password_file");
        }
        let demo_is_harmless = self.actuator.kind == ActuatorKind::Simulated;
        Some(FeedConfig {
            url: url?,
            ca_file: feed.ca_file.clone(),
            username: feed.username.clone(),
            password,
            root: root?,
            accept_demo: feed.accept_demo.unwrap_or(demo_is_harmless),
        })
    }

    fn control(&self, check: &mut Check) -> Option<Settings> {
        let control = &self.control;
        let min_on = check.range("control.min_on_secs", control.min_on_secs, (1, 6 * HOUR));
        let min_off = check.range("control.min_off_secs", control.min_off_secs, (1, 6 * HOUR));
        let per_hour =
            check.range("control.max_switches_per_hour", control.max_switches_per_hour, (2, 60));
        let per_day =
            check.range("control.max_switches_per_day", control.max_switches_per_day, (2, 500));
        if let (Some(per_hour), Some(per_day)) = (per_hour, per_day)
            && per_day < per_hour
        {
            check.say(
                "control.max_switches_per_day",
                format!("{per_day} is below max_switches_per_hour, {per_hour}"),
            );
        }
        let start_grace =
            check.range("control.start_grace_secs", control.start_grace_secs, (0, HOUR));
        let manual_hold = control
            .manual_hold_mins
            .map(|mins| check.range("control.manual_hold_mins", mins, (0, 24 * 60)));
        // NYISO's newest stamp is normally 10 to 15 minutes old: less would never be fresh.
        let stale_after =
            check.range("feed.stale_after_mins", self.feed.stale_after_mins, (15, 24 * 60));
        let slack_mins = check.range("charge.slack_mins", self.charge.slack_mins, (5, 12 * 60));
        let threshold = control.threshold.parse(check);
        Some(Settings {
            // What is usual depends on whether a charge is described: see `parse`.
            mode: Mode::default(),
            threshold: threshold?,
            limits: Limits {
                min_on: Duration::from_secs(min_on?),
                min_off: Duration::from_secs(min_off?),
                per_hour: per_hour?,
                per_day: per_day?,
            },
            stale_after: Duration::from_secs(stale_after? * 60),
            start_grace: Duration::from_secs(start_grace?),
            manual_hold: match manual_hold {
                Some(mins) => Some(Duration::from_secs(mins? * 60)),
                None => None,
            },
            slack: Duration::from_secs(slack_mins? * 60),
            safe: match control.safe_position {
                PositionWord::Open => Contactor::Open,
                PositionWord::Closed => Contactor::Closed,
            },
        })
    }
}

impl Command {
    fn parse(&self, check: &mut Check) -> Option<CommandConfig> {
        let mut program = |key: &str, given: &Option<Vec<String>>| match given {
            Some(words) if words.first().is_some_and(|program| !program.is_empty()) => {
                Some(words.clone())
            }
            _ => {
                check.say(
                    key,
                    "must be given with kind = \"command\": a program and its arguments, \
                     [\"/usr/local/bin/charger\", \"state\"]",
                );
                None
            }
        };
        let on = program("actuator.command.on", &self.on);
        let off = program("actuator.command.off", &self.off);
        let state = program("actuator.command.state", &self.state);
        // The owner itself gives an actuator 5 s.
        let secs = check.range("actuator.command.timeout_secs", self.timeout_secs, (1, 4));
        Some(CommandConfig { on: on?, off: off?, state: state?, limit: Duration::from_secs(secs?) })
    }
}

impl Gpio {
    fn parse(&self, check: &mut Check) -> Option<GpioConfig> {
        let chip = self.chip.as_deref().map(str::trim);
        if chip == Some("") {
            check.say("actuator.gpio.chip", "must be a path such as /dev/gpiochip0 or a label");
        }
        let line = match &self.line {
            None => {
                check.say(
                    "actuator.gpio.line",
                    "must be given with kind = \"gpio\": a name such as \"GPIO17\", or an offset",
                );
                None
            }
            Some(LineSpec::Name(name)) if name.trim().is_empty() => {
                check.say("actuator.gpio.line", "is empty; write a name such as \"GPIO17\"");
                None
            }
            // A number in quotes is a number: variables of the environment and shells add them.
            Some(LineSpec::Name(name)) => Some(match name.trim().parse() {
                Ok(offset) => LineSpec::Offset(offset),
                Err(_) => LineSpec::Name(name.trim().to_owned()),
            }),
            Some(LineSpec::Offset(offset)) => Some(LineSpec::Offset(*offset)),
        };
        if matches!(line, Some(LineSpec::Offset(_))) && self.chip.is_none() {
            check.say(
                "actuator.gpio.chip",
                "must be given where line is an offset: each chip counts its own lines",
            );
        }
        if self.contact.is_none() {
            check.say(
                "actuator.gpio.contact",
                "must be given with kind = \"gpio\": \"nc\" if the energized relay stops charging, \
                 \"no\" if it allows it",
            );
        }
        Some(GpioConfig {
            chip: chip.map(str::to_owned),
            line: line?,
            contact: self.contact?,
            active_low: self.active_low,
            bias: self.bias,
        })
    }
}

impl ThresholdSection {
    fn parse(&self, check: &mut Check) -> Option<Threshold> {
        let (default, most) = match self.unit {
            ThresholdUnit::Percentile => (Some((40.0, 60.0)), 100.0),
            ThresholdUnit::Grams => (None, 1500.0),
        };
        let mut read = |key: &str, given: Option<f64>, default: Option<f64>| match given.or(default)
        {
            Some(value) => check.range(key, value, (0.0, most)),
            None => {
                check.say(key, "must be given with unit = \"g/kWh\"");
                None
            }
        };
        let close_below = read(
            "control.threshold.close_below",
            self.close_below,
            default.map(|(close_below, _)| close_below),
        );
        let open_above = read(
            "control.threshold.open_above",
            self.open_above,
            default.map(|(_, open_above)| open_above),
        );
        let (close_below, open_above) = (close_below?, open_above?);
        if open_above < close_below {
            check.say(
                "control.threshold.open_above",
                format!("{open_above} is below close_below, {close_below}"),
            );
            return None;
        }
        match self.unit {
            ThresholdUnit::Percentile => Some(Threshold::Percentile { close_below, open_above }),
            ThresholdUnit::Grams => Some(Threshold::Grams {
                close_below: CarbonIntensity::from_grams_per_kwh(close_below)?,
                open_above: CarbonIntensity::from_grams_per_kwh(open_above)?,
            }),
        }
    }
}

/// systemd's `StateDirectory=`, else the place that desktops have for state.
pub(super) fn usual_state_dir(
    variable: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> Option<PathBuf> {
    const NAME: &str = "ny-power-agent";
    let given = |name| variable(name).filter(|value| !value.is_empty());
    if let Some(directories) = given("STATE_DIRECTORY") {
        // systemd joins several with colons.
        return directories.to_str()?.split(':').next().map(PathBuf::from);
    }
    let state = given("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(given("HOME")?).join(".local/state")))?;
    Some(state.join(NAME))
}

/// What tells this device from every other, the same over restarts: the machine and the state directory.
fn device_id(state_dir: &Path) -> String {
    let machine = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    format!("{}{}", machine.trim(), state_dir.display())
}
