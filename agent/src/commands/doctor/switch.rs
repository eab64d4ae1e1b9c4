//! What switches the charger: there, and ours. It is asked where it is, never told.

use domain::control::Contactor;

use super::users::{group_of, our_id, user_id};
use super::{Finding, Patient};
use crate::actuator::{GpioError, find_line};
use crate::commands::probe::{MeterAnswer, ask_home, ask_meter, ask_switch};
use crate::commands::setup::place::SERVICE;
use crate::config::{ActuatorConfig, Contact, GpioConfig, HomeConfig, MeterConfig};

const CHECK: &str = "switch";

/// Logs in to the home broker.
pub async fn look_home(home: &HomeConfig) -> Finding {
    const CHECK: &str = "home";
    match ask_home(home).await {
        Ok(()) => Finding::ok(CHECK, format!("{} lets us in", home.url)),
        Err(error) => Finding::failure(
            CHECK,
            format!("{}: {error:#}", home.url),
            "start that broker, or correct url, username and password_file of [home]",
        ),
    }
}

/// Listens to the meter.
pub async fn look_at_meter(home: &HomeConfig, meter: &MeterConfig) -> Finding {
    match ask_meter(home, meter).await {
        Ok(answer) => judge_meter(meter, &answer),
        Err(error) => Finding::failure(METER, format!("{error:#}"), "see the home broker above"),
    }
}

const METER: &str = "meter";

fn judge_meter(meter: &MeterConfig, answer: &MeterAnswer) -> Finding {
    let mut said = Vec::new();
    let mut silent = Vec::new();
    if let Some(power) = &meter.power {
        match answer.power_kw {
            Some(kw) => said.push(format!("{kw:.2} kW flow")),
            None => silent.push(format!("no power on {}", power.topic)),
        }
    }
    if let Some(presence) = &meter.presence {
        match answer.plugged {
            Some(true) => said.push("a car is plugged in".to_owned()),
            Some(false) => said.push("no car is plugged in".to_owned()),
            None => silent.push(format!("no word about the car on {}", presence.topic)),
        }
    }
    if silent.is_empty() {
        return Finding::ok(METER, said.join("; "));
    }
    said.push(format!("{} within 6 s", silent.join(", ")));
    Finding::warning(
        METER,
        said.join("; "),
        "a meter that speaks on a change only may be silent now, a Tasmota speaks every TelePeriod (30 is right): \
         look at the topic, pointer and words of [meter] with mosquitto_sub -v",
    )
}

/// Asks the switch.
pub async fn look(patient: &Patient<'_>) -> Finding {
    let config = patient.config;
    if let ActuatorConfig::Gpio(gpio) = &config.actuator {
        return look_at_line(patient, gpio);
    }
    let (name, advice) = match &config.actuator {
        ActuatorConfig::Simulated { .. } => {
            ("simulated", "write open or closed into it, or remove it: it is made anew")
        }
        ActuatorConfig::Gpio(_) => ("gpio", ""),
        ActuatorConfig::Mqtt(_) => (
            "mqtt",
            "is the device on, on this broker, and does it say its state (retained, or when asked)? Look with \
             mosquitto_sub -v -t '#'",
        ),
        ActuatorConfig::Http(_) => {
            ("http", "try the address in a browser; look at entity and token")
        }
        ActuatorConfig::Command(_) => (
            "command",
            "run actuator.command.state by hand as the agent's user: it has to print on or off",
        ),
    };
    match ask_switch(config).await {
        Ok(Some(position)) => {
            let means = match position {
                Contactor::Closed => "on, the car may charge",
                Contactor::Open => "off, the car may not charge",
            };
            let text = match &config.actuator {
                ActuatorConfig::Simulated { .. } => {
                    format!("simulated: nothing real is moved; it is {means}")
                }
                _ => format!("{name}: it answers: {means}"),
            };
            Finding::ok(CHECK, text)
        }
        Ok(None) => Finding::ok(CHECK, name),
        Err(error) => Finding::failure(CHECK, format!("{name}: {error:#}"), advice),
    }
}

fn look_at_line(patient: &Patient<'_>, gpio: &GpioConfig) -> Finding {
    let at_rest = match gpio.contact {
        Contact::Nc => "with the relay at rest the car may charge",
        Contact::No => "with the relay at rest the car may not charge",
    };
    let found = match find_line(gpio) {
        Ok(found) => found,
        Err(error) => {
            let advice = match &error {
                GpioError::Denied { path } => who_may(path),
                _ => "correct line and chip of [actuator.gpio]; `gpioinfo` lists what there is"
                    .to_owned(),
            };
            return Finding::failure(CHECK, error.to_string(), advice);
        }
    };
    let name = format!("line {}", found.name);
    match (&found.consumer, &patient.status) {
        (Some(consumer), Some(_)) => {
            Finding::ok(CHECK, format!("{name} is held by {consumer}; {at_rest}"))
        }
        (None, Some(_)) => Finding::failure(
            CHECK,
            format!("{name} is free, though an agent runs: it has other settings"),
            "restart it",
        ),
        (Some(consumer), None) => Finding::failure(
            CHECK,
            format!("{name} is in use by {consumer:?}"),
            "stop that, or choose another line",
        ),
        (None, None) => match service_may_not(&found.chip) {
            Some(advice) => Finding::failure(
                CHECK,
                format!("{name} is there, but user {SERVICE} may not open its chip"),
                advice,
            ),
            None => Finding::ok(CHECK, format!("{name} is there and free; {at_rest}")),
        },
    }
}

/// Root may open every chip, the service only that of its groups.
fn service_may_not(chip: &std::path::Path) -> Option<String> {
    if our_id() != Some(0) || user_id(SERVICE).is_none() {
        return None;
    }
    let (_, members) = group_of(chip)?;
    (!members.iter().any(|member| member == SERVICE)).then(|| who_may(chip))
}

fn who_may(chip: &std::path::Path) -> String {
    let chip_shown = chip.display();
    match group_of(chip) {
        Some((group, members)) if group != "root" => format!(
            "{chip_shown} is for group {group} ({}): sudo usermod -aG {group} {SERVICE}, and restart",
            if members.is_empty() { "nobody is in it".to_owned() } else { members.join(", ") }
        ),
        _ => format!(
            "{chip_shown} is for root only: a udev rule gives it to group gpio, \
             SUBSYSTEM==\"gpio\", GROUP=\"gpio\", MODE=\"0660\""
        ),
    }
}
