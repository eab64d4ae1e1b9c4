//! What is said about a relay on a GPIO line.

use domain::control::Contactor;
use serde::{Deserialize, Serialize};

/// A relay on a GPIO line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpioConfig {
    /// Path or label of the chip; `None` searches all of them for the line's name.
    pub chip: Option<String>,
    /// Which line.
    pub line: LineSpec,
    /// Which contact of the relay is wired.
    pub contact: Contact,
    /// The relay is energized by a low level.
    pub active_low: bool,
    /// The pull of the pin.
    pub bias: Bias,
}

/// Which line of a chip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a line is a name such as \"GPIO17\" or an offset such as 17")]
pub enum LineSpec {
    /// Its offset; on the header of every Raspberry Pi the BCM number.
    Offset(u32),
    /// Its name.
    Name(String),
}

/// Which contact of the relay enables the charger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contact {
    /// Normally closed: the charger is enabled while the relay is at rest, also with the Pi dead.
    Nc,
    /// Normally open: the charger is enabled only while the relay is energized.
    No,
}

impl Contact {
    /// Whether the relay is energized with the contactor at `position`.
    #[must_use]
    pub fn is_energized(self, position: Contactor) -> bool {
        match self {
            Self::Nc => position == Contactor::Open,
            Self::No => position == Contactor::Closed,
        }
    }

    /// Where the contactor is with the relay energized or not.
    #[must_use]
    pub fn position(self, energized: bool) -> Contactor {
        if self.is_energized(Contactor::Open) == energized {
            Contactor::Open
        } else {
            Contactor::Closed
        }
    }
}

/// The resistor inside the chip.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bias {
    /// Whatever it is.
    #[default]
    AsIs,
    /// None.
    Disabled,
    /// To the supply.
    PullUp,
    /// To ground.
    PullDown,
}
