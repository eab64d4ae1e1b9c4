//! A relay on a GPIO line, through the kernel's character device.
//!
//! Start adopts what it finds: the line is requested as it is, read, and only then made an output of the
//! very value that was read, so that no start of the agent moves the relay. The request is held for as long
//! as this lives, since the kernel promises the level for no longer. What is read back is the line's level,
//! not the last order; whether the relay follows the line, only a meter can tell.

use std::fmt;
use std::path::{Path, PathBuf};

use domain::control::Contactor;
use gpiocdev::Request;
use gpiocdev::chip::{Chip, chips};
use gpiocdev::line::Value;
use gpiocdev::request::Config;
use tracing::info;

use super::{Actuator, ActuatorError};
use crate::config::{Bias, Contact, GpioConfig, LineSpec};

/// How the kernel names us to others who want the line.
const CONSUMER: &str = "ny-power-agent";

/// The chips behind the header of a Raspberry Pi: 0 to 3, 4, 5. On each an offset is the BCM number.
const HEADERS: [&str; 3] = ["pinctrl-bcm2835", "pinctrl-bcm2711", "pinctrl-rp1"];

/// Why a line cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum GpioError {
    /// There is no such chip.
    #[error("there is no GPIO chip {wanted:?}; there is {found}")]
    NoChip {
        /// Path or label.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// There is no such line.
    #[error("there is no GPIO line {wanted}; there is {found}")]
    NoLine {
        /// Name or offset.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// The name does not say which.
    #[error("GPIO line {wanted} is on several chips, {found}: name one as actuator.gpio.chip")]
    Ambiguous {
        /// The name.
        wanted: String,
        /// The chips.
        found: String,
    },
    /// We may not.
    #[error(
        "{path:?} may not be opened: add the user to the group gpio \
         (systemd: SupplementaryGroups=gpio and DeviceAllow=char-gpiochip rw)"
    )]
    Denied {
        /// The chip's device.
        path: PathBuf,
    },
    /// Somebody else has it.
    #[error("GPIO line {line} is in use by {consumer:?}: stop that, or choose another line")]
    Busy {
        /// Which line, on which chip.
        line: String,
        /// Who says to have it.
        consumer: String,
    },
    /// Anything else.
    #[error("GPIO {what}")]
    Kernel {
        /// What failed.
        what: String,
        /// What the kernel says.
        source: gpiocdev::Error,
    },
}

impl GpioError {
    fn kernel(what: impl Into<String>) -> impl FnOnce(gpiocdev::Error) -> Self {
        let what = what.into();
        move |source| Self::Kernel { what, source }
    }
}

/// A relay on a GPIO line. `L` is the line: the kernel's, or a test's.
#[derive(Debug)]
pub struct Gpio<L = KernelLine> {
    line: L,
    name: String,
    contact: Contact,
}

/// A line, as much of it as a relay needs. Active is energized, whatever the level.
pub trait Line: Send + 'static {
    /// Whether it is active.
    ///
    /// # Errors
    /// What the kernel says.
    fn is_active(&self) -> Result<bool, gpiocdev::Error>;

    /// Makes it an output, if it is none yet, that is active or not.
    ///
    /// # Errors
    /// What the kernel says.
    fn drive(&mut self, active: bool) -> Result<(), gpiocdev::Error>;
}

impl Gpio {
    /// Finds the line, takes it, and keeps it at the level it has.
    ///
    /// # Errors
    /// [`GpioError`] says what there is instead, or who has the line.
    pub fn open(config: &GpioConfig) -> Result<Self, GpioError> {
        let (line, name) = KernelLine::open(config)?;
        Self::adopt(line, name, config.contact)
    }
}

impl<L: Line> Gpio<L> {
    /// Makes the line an output of the value it has.
    fn adopt(mut line: L, name: String, contact: Contact) -> Result<Self, GpioError> {
        let active = line.is_active().map_err(GpioError::kernel(format!("{name} is not read")))?;
        line.drive(active).map_err(GpioError::kernel(format!("{name} is no output")))?;
        info!(line = %name, position = %contact.position(active), "the relay is taken as it is");
        Ok(Self { line, name, contact })
    }

    fn error(&self, done: &'static str, source: gpiocdev::Error) -> ActuatorError {
        ActuatorError::Gpio { line: self.name.clone(), done, source }
    }
}

impl<L: Line> Actuator for Gpio<L> {
    fn name(&self) -> String {
        format!("relay on {}", self.name)
    }

    async fn set(&mut self, to: Contactor) -> Result<(), ActuatorError> {
        let active = self.contact.is_energized(to);
        self.line.drive(active).map_err(|source| self.error("driven", source))
    }

    async fn position(&mut self) -> Result<Contactor, ActuatorError> {
        let active = self.line.is_active().map_err(|source| self.error("read", source))?;
        Ok(self.contact.position(active))
    }
}

/// A line of the kernel, requested for as long as this lives.
#[derive(Debug)]
pub struct KernelLine {
    request: Request,
    offset: u32,
    active_low: bool,
    bias: Bias,
    is_output: bool,
}

impl KernelLine {
    fn open(config: &GpioConfig) -> Result<(Self, String), GpioError> {
        let found = FoundChip::all(config.chip.as_deref())?;
        let (chip, offset) = locate(&found, config.chip.as_deref(), &config.line)?;
        let name = format!("{offset} ({}) of {chip}", chip.lines[offset as usize].label());
        if let Some(consumer) = &chip.lines[offset as usize].consumer {
            return Err(GpioError::Busy { line: name, consumer: consumer.clone() });
        }
        let mut builder = Request::builder();
        builder.on_chip(&chip.path).with_consumer(CONSUMER).with_line(offset).as_is();
        if config.active_low {
            builder.as_active_low();
        }
        let request = builder.request().map_err(GpioError::kernel(format!("{name} not given")))?;
        let (active_low, bias) = (config.active_low, config.bias);
        Ok((Self { request, offset, active_low, bias, is_output: false }, name))
    }
}

impl Line for KernelLine {
    fn is_active(&self) -> Result<bool, gpiocdev::Error> {
        Ok(self.request.value(self.offset)? == Value::Active)
    }

    fn drive(&mut self, active: bool) -> Result<(), gpiocdev::Error> {
        let value = if active { Value::Active } else { Value::Inactive };
        if self.is_output {
            return self.request.set_value(self.offset, value);
        }
        let mut config = Config::default();
        config.with_line(self.offset).as_output(value);
        if self.active_low {
            config.as_active_low();
        }
        config.with_bias(match self.bias {
            Bias::AsIs => None,
            Bias::Disabled => Some(gpiocdev::line::Bias::Disabled),
            Bias::PullUp => Some(gpiocdev::line::Bias::PullUp),
            Bias::PullDown => Some(gpiocdev::line::Bias::PullDown),
        });
        self.request.reconfigure(&config)?;
        self.is_output = true;
        Ok(())
    }
}

/// A chip that there is.
#[derive(Clone, Debug)]
struct FoundChip {
    path: PathBuf,
    label: String,
    lines: Vec<FoundLine>,
}

/// A line that there is.
#[derive(Clone, Debug)]
struct FoundLine {
    name: String,
    /// Who has it, if anybody.
    consumer: Option<String>,
}

impl FoundLine {
    fn label(&self) -> &str {
        if self.name.is_empty() { "unnamed" } else { &self.name }
    }
}

impl fmt::Display for FoundChip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path.display(), self.label)
    }
}

impl FoundChip {
    /// All chips that may be opened; a chip that may not be is an error only where no other is left, or
    /// where it is the one asked for.
    fn all(wanted: Option<&str>) -> Result<Vec<Self>, GpioError> {
        let paths = chips().map_err(GpioError::kernel("chips cannot be listed"))?;
        let wanted = wanted.and_then(|wanted| std::fs::canonicalize(wanted).ok());
        let mut found = Vec::new();
        let mut denied = None;
        for path in paths {
            match Self::read(&path) {
                Ok(chip) => found.push(chip),
                Err(error) if wanted.as_ref() == Some(&path) => return Err(error),
                Err(error) => denied = Some(error),
            }
        }
        match denied {
            Some(error) if found.is_empty() => Err(error),
            _ => Ok(found),
        }
    }

    fn read(path: &Path) -> Result<Self, GpioError> {
        let say = |source| match std::fs::File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                GpioError::Denied { path: path.to_owned() }
            }
            _ => GpioError::Kernel { what: format!("chip {} is not read", path.display()), source },
        };
        let chip = Chip::from_path(path).map_err(say)?;
        let info = chip.info().map_err(say)?;
        let lines = (0..info.num_lines).map(|offset| {
            let line = chip.line_info(offset)?;
            Ok(FoundLine { consumer: line.used.then_some(line.consumer), name: line.name })
        });
        let lines = lines.collect::<Result<_, _>>().map_err(say)?;
        Ok(Self { path: path.to_owned(), label: info.label, lines })
    }
}

/// The line that is meant. `GPIO17` also means line 17 of the header where the device tree names lines
/// otherwise, as some early ones of the Pi 5 do.
fn locate<'a>(
    found: &'a [FoundChip],
    chip: Option<&str>,
    line: &LineSpec,
) -> Result<(&'a FoundChip, u32), GpioError> {
    let path = chip.map(|wanted| {
        // Old numbers live on as symbolic links.
        std::fs::canonicalize(wanted).unwrap_or_else(|_| PathBuf::from(wanted))
    });
    let candidates: Vec<_> = found
        .iter()
        .filter(|known| {
            chip.is_none_or(|wanted| known.label == wanted) || path.as_ref() == Some(&known.path)
        })
        .collect();
    if let Some(wanted) = chip
        && candidates.is_empty()
    {
        return Err(GpioError::NoChip { wanted: wanted.to_owned(), found: list(found) });
    }
    let on = |chip: &FoundChip, offset: u32| (offset as usize) < chip.lines.len();
    let named = match line {
        LineSpec::Offset(_) => Vec::new(),
        LineSpec::Name(name) => candidates
            .iter()
            .flat_map(|chip| {
                (0..).zip(&chip.lines).map(move |(offset, line)| (*chip, offset, line))
            })
            .filter(|(_, _, line)| line.name == *name)
            .map(|(chip, offset, _)| (chip, offset))
            .collect(),
    };
    let meant: Vec<_> = match line {
        _ if !named.is_empty() => named,
        LineSpec::Offset(offset) => candidates
            .iter()
            .filter(|chip| on(chip, *offset))
            .map(|chip| (*chip, *offset))
            .collect(),
        LineSpec::Name(name) => {
            let number = name.strip_prefix("GPIO").and_then(|digits| digits.parse().ok());
            let headers = candidates.iter().filter(|chip| HEADERS.contains(&chip.label.as_str()));
            let number =
                number.into_iter().flat_map(|n| headers.clone().map(move |chip| (*chip, n)));
            number.filter(|(chip, offset)| on(chip, *offset)).collect()
        }
    };
    let wanted = || match line {
        LineSpec::Offset(offset) => offset.to_string(),
        LineSpec::Name(name) => format!("{name:?}"),
    };
    match meant.as_slice() {
        [one] => Ok(*one),
        [] => Err(GpioError::NoLine { wanted: wanted(), found: list_lines(&candidates) }),
        several => {
            let found = several.iter().map(|(chip, _)| chip.to_string()).collect::<Vec<_>>();
            Err(GpioError::Ambiguous { wanted: wanted(), found: found.join(", ") })
        }
    }
}

fn list(chips: &[FoundChip]) -> String {
    match chips {
        [] => "none on this machine".to_owned(),
        chips => chips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn list_lines(chips: &[&FoundChip]) -> String {
    if chips.is_empty() {
        return "no GPIO chip on this machine".to_owned();
    }
    let describe = |chip: &&FoundChip| {
        let names: Vec<_> =
            chip.lines.iter().map(|line| line.name.as_str()).filter(|n| !n.is_empty()).collect();
        format!("{chip} with {} lines: {}", chip.lines.len(), names.join(" "))
    };
    chips.iter().map(describe).collect::<Vec<_>>().join("; ")
}

mod look;
#[cfg(test)]
mod tests;

pub use look::{ChipInfo, FoundAt, LineInfo, find_line, gpio_chips};
