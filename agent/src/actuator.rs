//! What moves the contactor: a trait of two methods, and the one task that owns whatever implements it.

mod command;
mod gpio;
mod http;
mod lease;
mod meter;
mod metered;
mod mqtt;
mod owner;
mod simulated;
mod word;

use std::path::PathBuf;

use domain::control::Contactor;

pub use command::Command;
pub use gpio::{ChipInfo, FoundAt, Gpio, GpioError, LineInfo, find_line, gpio_chips};
pub use http::HttpSwitch;
pub use meter::{Meter, MeterReading};
pub use metered::{MeterCheck, Metered};
pub use mqtt::MqttSwitch;
pub(crate) use owner::chain;
pub use owner::{Exit, Handle, MoveError, Ownership, Seen, own};
pub use simulated::Simulated;

/// Something that moves a contactor and can say where it is.
pub trait Actuator: Send + 'static {
    /// What it is, for a person: `simulated relay /var/lib/ny-power-agent/relay`.
    fn name(&self) -> String;

    /// Moves the contactor. Moving it where it is already does no harm.
    ///
    /// # Errors
    /// [`ActuatorError`] when the order could not be given; a contactor that does not follow an order
    /// shows in [`Actuator::position`].
    fn set(&mut self, to: Contactor) -> impl Future<Output = Result<(), ActuatorError>> + Send;

    /// Where the contactor is: read back from it, not remembered.
    ///
    /// # Errors
    /// [`ActuatorError`] when it cannot be known.
    fn position(&mut self) -> impl Future<Output = Result<Contactor, ActuatorError>> + Send;
}

/// Why an actuator could not be moved or read.
#[derive(Debug, thiserror::Error)]
pub enum ActuatorError {
    /// The file of a simulated relay.
    #[error("{path:?} cannot be {done}")]
    File {
        /// Which file.
        path: PathBuf,
        /// `read` or `written`.
        done: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// What it says is no position.
    #[error("{from} says {text:?}, which is neither open nor closed")]
    NoPosition {
        /// Who says so.
        from: String,
        /// What it says.
        text: String,
    },
    /// A program of the user.
    #[error("{program:?} {trouble}")]
    Program {
        /// Which program.
        program: String,
        /// What it did instead.
        trouble: String,
    },
    /// The GPIO line.
    #[error("GPIO line {line} cannot be {done}")]
    Gpio {
        /// Which line, on which chip.
        line: String,
        /// `read` or `driven`.
        done: &'static str,
        /// What the kernel says.
        source: gpiocdev::Error,
    },
    /// The way to the switch.
    #[error("the home broker {broker} is away")]
    NoBroker {
        /// Its address.
        broker: String,
    },
    /// The switch, or its last will, says that it is not there.
    #[error("the switch is offline, says {topic}")]
    Offline {
        /// Where that is said.
        topic: String,
    },
    /// The home broker did not take the order.
    #[error("no order reached {topic}")]
    Undelivered {
        /// Where it should have gone.
        topic: String,
        /// Why not.
        source: service::mqtt::Undelivered,
    },
    /// An HTTP address.
    #[error("{url} {trouble}")]
    Http {
        /// Without its query.
        url: String,
        /// What it did instead.
        trouble: String,
    },
    /// The meter says that it is not where it says.
    #[error(
        "the contactor says that it is open, and was told to be {tries} times more, yet {watts} W flow: a \
         contact may be welded, or something else lets the car charge; unplug the car and have it looked at"
    )]
    StillFlowing {
        /// How much.
        watts: u64,
        /// How often it was told.
        tries: u32,
    },
    /// Another agent has it.
    #[error(
        "another agent ({agent}) moves this switch, and two that do wear it out: stop one of them"
    )]
    Leased {
        /// What it calls itself.
        agent: String,
    },
    /// It did not answer in time.
    #[error("no answer within {secs} s")]
    Silent {
        /// The time allowed.
        secs: u64,
    },
}
