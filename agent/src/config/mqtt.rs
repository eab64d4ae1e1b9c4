//! What is said about a switch on the home broker.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::parse::Check;
use super::words::{Words, opposites, pointer, topic};

/// `[actuator.mqtt]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MqttSection {
    pub(super) preset: MqttPreset,
    pub(super) device: Option<String>,
    pub(super) channel: Option<u32>,
    pub(super) command_topic: Option<String>,
    pub(super) on: Option<String>,
    pub(super) off: Option<String>,
    pub(super) state_topic: Option<String>,
    pub(super) state_pointer: Option<String>,
    pub(super) state_on: Option<Words>,
    pub(super) state_off: Option<Words>,
    pub(super) ask_topic: Option<String>,
    pub(super) ask: Option<String>,
    pub(super) availability_topic: Option<String>,
    pub(super) available: Option<Words>,
    pub(super) unavailable: Option<Words>,
    pub(super) timeout_secs: u64,
}

impl Default for MqttSection {
    fn default() -> Self {
        Self {
            preset: MqttPreset::default(),
            device: None,
            channel: None,
            command_topic: None,
            on: None,
            off: None,
            state_topic: None,
            state_pointer: None,
            state_on: None,
            state_off: None,
            ask_topic: None,
            ask: None,
            availability_topic: None,
            available: None,
            unavailable: None,
            timeout_secs: 4,
        }
    }
}

/// Whose topics and words a switch uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MqttPreset {
    /// All of them are given.
    #[default]
    Custom,
    /// Tasmota, with its usual FullTopic `%prefix%/%topic%/`.
    Tasmota,
    /// Shelly Gen2 and later, with its RPC over MQTT and status notifications switched on.
    #[serde(rename = "shelly-gen2")]
    ShellyGen2,
    /// A plug or relay behind zigbee2mqtt.
    #[serde(rename = "zigbee2mqtt")]
    Zigbee2mqtt,
    /// The claim that OpenEVSE keeps for MQTT; a person at the charger outranks it.
    Openevse,
}

/// A switch on the home broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MqttSwitchConfig {
    /// Where orders go.
    pub command_topic: String,
    /// The order that lets the car charge.
    pub on: String,
    /// The order that does not.
    pub off: String,
    /// Where the switch says what it is.
    pub state_topic: String,
    /// Where in the JSON of that; `None`: the whole message is the word.
    pub state_pointer: Option<String>,
    /// Words for on.
    pub state_on: Words,
    /// Words for off.
    pub state_off: Words,
    /// Topic and message that make it say what it is.
    pub ask: Option<(String, String)>,
    /// Where it says whether it is there.
    pub availability: Option<Availability>,
    /// How long it may take to answer.
    pub limit: Duration,
}

/// Where a switch, or its last will, says whether it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Availability {
    /// The topic; the message is the word itself, or JSON with it as `state`.
    pub topic: String,
    /// It is there.
    pub yes: Words,
    /// It is not.
    pub no: Words,
}

impl MqttSection {
    /// The keys of this preset, for this device.
    fn of_preset(preset: MqttPreset, device: &str, channel: Option<u32>) -> Self {
        let text = |text: &str| Some(text.to_owned());
        let suffix = channel.map(|channel| channel.to_string()).unwrap_or_default();
        match preset {
            MqttPreset::Custom => Self::default(),
            MqttPreset::Tasmota => Self {
                command_topic: Some(format!("cmnd/{device}/POWER{suffix}")),
                on: text("ON"),
                off: text("OFF"),
                state_topic: Some(format!("stat/{device}/POWER{suffix}")),
                state_on: Some(Words::of(&["ON"])),
                state_off: Some(Words::of(&["OFF"])),
                // An empty order is a question.
                ask_topic: Some(format!("cmnd/{device}/POWER{suffix}")),
                ask: text(""),
                availability_topic: Some(format!("tele/{device}/LWT")),
                available: Some(Words::of(&["Online"])),
                unavailable: Some(Words::of(&["Offline"])),
                ..Self::default()
            },
            MqttPreset::ShellyGen2 => {
                let switch = format!("switch:{}", channel.unwrap_or(0));
                Self {
                    command_topic: Some(format!("{device}/command/{switch}")),
                    on: text("on"),
                    off: text("off"),
                    state_topic: Some(format!("{device}/status/{switch}")),
                    state_pointer: text("/output"),
                    state_on: Some(Words::of(&["true"])),
                    state_off: Some(Words::of(&["false"])),
                    ask_topic: Some(format!("{device}/command/{switch}")),
                    ask: text("status_update"),
                    availability_topic: Some(format!("{device}/online")),
                    available: Some(Words::of(&["true"])),
                    unavailable: Some(Words::of(&["false"])),
                    ..Self::default()
                }
            }
            MqttPreset::Zigbee2mqtt => {
                let state = match channel {
                    None => "state".to_owned(),
                    Some(channel) => format!("state_l{channel}"),
                };
                Self {
                    command_topic: Some(format!("{device}/set")),
                    on: Some(format!("{{\"{state}\":\"ON\"}}")),
                    off: Some(format!("{{\"{state}\":\"OFF\"}}")),
                    state_topic: text(device),
                    state_pointer: Some(format!("/{state}")),
                    state_on: Some(Words::of(&["ON"])),
                    state_off: Some(Words::of(&["OFF"])),
                    ask_topic: Some(format!("{device}/get")),
                    ask: Some(format!("{{\"{state}\":\"\"}}")),
                    availability_topic: Some(format!("{device}/availability")),
                    available: Some(Words::of(&["online"])),
                    unavailable: Some(Words::of(&["offline"])),
                    ..Self::default()
                }
            }
            MqttPreset::Openevse => Self {
                command_topic: Some(format!("{device}/claim/set")),
                on: text("{\"state\":\"active\"}"),
                off: text("{\"state\":\"disabled\"}"),
                state_topic: Some(format!("{device}/claim")),
                state_pointer: text("/state"),
                // "null": there is no claim yet, and a charger that nobody claims charges.
                state_on: Some(Words::of(&["active", "null"])),
                state_off: Some(Words::of(&["disabled"])),
                ..Self::default()
            },
        }
    }

    /// All keys, those of the preset where none is given.
    pub(super) fn filled(&self) -> Self {
        let device = self.device.as_deref().unwrap_or_default();
        let preset = Self::of_preset(self.preset, device, self.channel);
        let own = self.clone();
        Self {
            command_topic: own.command_topic.or(preset.command_topic),
            on: own.on.or(preset.on),
            off: own.off.or(preset.off),
            state_topic: own.state_topic.or(preset.state_topic),
            state_pointer: own.state_pointer.or(preset.state_pointer),
            state_on: own.state_on.or(preset.state_on),
            state_off: own.state_off.or(preset.state_off),
            ask_topic: own.ask_topic.or(preset.ask_topic),
            ask: own.ask.or(preset.ask),
            availability_topic: own.availability_topic.or(preset.availability_topic),
            available: own.available.or(preset.available),
            unavailable: own.unavailable.or(preset.unavailable),
            ..own
        }
    }

    pub(super) fn parse(&self, check: &mut Check) -> Option<MqttSwitchConfig> {
        let device = self.device.as_deref().unwrap_or_default();
        if self.preset != MqttPreset::Custom && device.trim().is_empty() {
            check.say(
                "actuator.mqtt.device",
                "must be given with a preset: the device's own part of its topics, such as \
                 \"garage-plug\" (zigbee2mqtt: \"zigbee2mqtt/garage-plug\")",
            );
            return None;
        }
        let all = self.filled();
        let mut must = |key: &str, given: Option<String>| {
            if given.is_none() {
                check.say(key, "must be given with kind = \"mqtt\", or a preset that knows it");
            }
            given
        };
        let on = must("actuator.mqtt.on", all.on);
        let off = must("actuator.mqtt.off", all.off);
        let command = must("actuator.mqtt.command_topic", all.command_topic);
        let state = must("actuator.mqtt.state_topic", all.state_topic);
        let command_topic = topic(check, "actuator.mqtt.command_topic", command);
        let state_topic = topic(check, "actuator.mqtt.state_topic", state);
        if on.is_some() && on == off {
            check.say("actuator.mqtt.off", "is the same as on");
        }
        if command_topic.is_some() && command_topic == state_topic {
            check.say(
                "actuator.mqtt.state_topic",
                "is the command_topic: the switch itself has to say what it is",
            );
        }
        let state_pointer = pointer(check, "actuator.mqtt.state_pointer", all.state_pointer);
        let states = opposites(
            check,
            ("actuator.mqtt.state_on", all.state_on),
            ("actuator.mqtt.state_off", all.state_off),
        );
        let ask = topic(check, "actuator.mqtt.ask_topic", all.ask_topic)
            .map(|topic| (topic, all.ask.unwrap_or_default()));
        let availability_topic =
            topic(check, "actuator.mqtt.availability_topic", all.availability_topic);
        let availability = availability_topic.and_then(|topic| {
            let (yes, no) = opposites(
                check,
                ("actuator.mqtt.available", all.available.or(Some(Words::of(&["online"])))),
                ("actuator.mqtt.unavailable", all.unavailable.or(Some(Words::of(&["offline"])))),
            )?;
            Some(Availability { topic, yes, no })
        });
        // The owner itself gives an actuator 5 s.
        let secs = check.range("actuator.mqtt.timeout_secs", self.timeout_secs, (1, 4));
        let (state_on, state_off) = states?;
        Some(MqttSwitchConfig {
            command_topic: command_topic?,
            on: on?,
            off: off?,
            state_topic: state_topic?,
            state_pointer,
            state_on,
            state_off,
            ask,
            availability,
            limit: Duration::from_secs(secs?),
        })
    }
}
