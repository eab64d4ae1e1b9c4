//! The agent's stories: against a relay that does as the test says and a clock that the test turns, and the
//! program itself against a real broker.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

mod alarms;
mod charge;
mod cli;
mod clock;
mod desk;
mod doctor;
mod faults;
mod feed;
mod gpio;
mod guide;
mod household;
mod http_switch;
mod instances;
mod killed;
mod ledger;
mod meter;
mod mqtt_switch;
mod night;
mod nyiso;
mod overrides;
mod pictures;
mod plan_command;
mod process;
mod program;
mod relay;
mod replay;
mod rival;
mod safety;
mod setup;
