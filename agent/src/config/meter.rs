//! What is said about the meter in the charger's line, and about who knows whether a car is plugged in.

use serde::{Deserialize, Serialize};

use super::mqtt::MqttPreset;
use super::parse::Check;
use super::words::{Words, opposites, pointer, topic};

/// `[meter]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeterSection {
    pub(super) preset: MqttPreset,
    pub(super) device: Option<String>,
    pub(super) channel: Option<u32>,
    pub(super) power_topic: Option<String>,
    pub(super) power_pointer: Option<String>,
    pub(super) power_unit: Option<PowerUnit>,
    pub(super) energy_topic: Option<String>,
    pub(super) energy_pointer: Option<String>,
    pub(super) energy_unit: Option<EnergyUnit>,
    pub(super) presence_topic: Option<String>,
    pub(super) presence_pointer: Option<String>,
    pub(super) plugged: Option<Words>,
    pub(super) unplugged: Option<Words>,
    pub(super) charging_above_kw: f64,
}

impl Default for MeterSection {
    fn default() -> Self {
        Self {
            preset: MqttPreset::Custom,
            device: None,
            channel: None,
            power_topic: None,
            power_pointer: None,
            power_unit: None,
            energy_topic: None,
            energy_pointer: None,
            energy_unit: None,
            presence_topic: None,
            presence_pointer: None,
            plugged: None,
            unplugged: None,
            // The least that a car draws is 6 A at 120 V, 0.72 kW; an EVSE by itself takes some watts.
            charging_above_kw: 0.3,
        }
    }
}

/// What a number of the meter means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PowerUnit {
    /// Watts.
    #[default]
    #[serde(rename = "W")]
    Watts,
    /// Kilowatts.
    #[serde(rename = "kW")]
    Kilowatts,
}

/// What a number of the counter means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnergyUnit {
    /// Watt-hours.
    #[serde(rename = "Wh")]
    WattHours,
    /// Kilowatt-hours.
    #[default]
    #[serde(rename = "kWh")]
    KilowattHours,
}

/// A number on the home broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// Its topic.
    pub topic: String,
    /// Where in the JSON of that; `None`: the whole message is the number.
    pub pointer: Option<String>,
    /// The number times this is kW or kWh.
    pub factor: f64,
}

/// Who knows whether a car is plugged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceConfig {
    /// The topic.
    pub topic: String,
    /// Where in the JSON of that.
    pub pointer: Option<String>,
    /// A car is there.
    pub plugged: Words,
    /// None is.
    pub unplugged: Words,
}

/// The meter, as far as there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterConfig {
    /// Power, kW.
    pub power: Option<Quantity>,
    /// A counter that only rises, kWh, until it is reset.
    pub energy: Option<Quantity>,
    /// Whether a car is plugged in.
    pub presence: Option<PresenceConfig>,
    /// A car charges above this, kW.
    pub charging_above_kw: f64,
}

impl MeterSection {
    fn of_preset(&self, device: &str) -> Self {
        let text = |text: &str| Some(text.to_owned());
        let on = |topic: &str| Some(format!("{device}{topic}"));
        match self.preset {
            MqttPreset::Custom => Self::default(),
            MqttPreset::Tasmota => Self {
                power_topic: Some(format!("tele/{device}/SENSOR")),
                power_pointer: text("/ENERGY/Power"),
                energy_topic: Some(format!("tele/{device}/SENSOR")),
                energy_pointer: text("/ENERGY/Total"),
                ..Self::default()
            },
            MqttPreset::ShellyGen2 => {
                let topic = on(&format!("/status/switch:{}", self.channel.unwrap_or(0)));
                Self {
                    power_topic: topic.clone(),
                    power_pointer: text("/apower"),
                    energy_topic: topic,
                    energy_pointer: text("/aenergy/total"),
                    energy_unit: Some(EnergyUnit::WattHours),
                    ..Self::default()
                }
            }
            MqttPreset::Zigbee2mqtt => Self {
                power_topic: on(""),
                power_pointer: text("/power"),
                energy_topic: on(""),
                energy_pointer: text("/energy"),
                ..Self::default()
            },
            MqttPreset::Openevse => Self {
                power_topic: on("/power"),
                energy_topic: on("/total_energy"),
                presence_topic: on("/vehicle"),
                plugged: Some(Words::of(&["1"])),
                unplugged: Some(Words::of(&["0"])),
                ..Self::default()
            },
        }
    }

    /// All keys, those of the preset where none is given.
    pub(super) fn filled(&self) -> Self {
        let preset = self.of_preset(self.device.as_deref().unwrap_or_default());
        let own = self.clone();
        Self {
            power_topic: own.power_topic.or(preset.power_topic),
            power_pointer: own.power_pointer.or(preset.power_pointer),
            power_unit: own.power_unit.or(preset.power_unit),
            energy_topic: own.energy_topic.or(preset.energy_topic),
            energy_pointer: own.energy_pointer.or(preset.energy_pointer),
            energy_unit: own.energy_unit.or(preset.energy_unit),
            presence_topic: own.presence_topic.or(preset.presence_topic),
            presence_pointer: own.presence_pointer.or(preset.presence_pointer),
            plugged: own.plugged.or(preset.plugged),
            unplugged: own.unplugged.or(preset.unplugged),
            ..own
        }
    }

    /// `None` without a mistake: there is no meter.
    pub(super) fn parse(&self, has_home: bool, check: &mut Check) -> Option<MeterConfig> {
        if self.preset != MqttPreset::Custom
            && self.device.as_deref().is_none_or(|device| device.trim().is_empty())
        {
            check.say("meter.device", "must be given with a preset, as in [actuator.mqtt]");
            return None;
        }
        let above = check.range("meter.charging_above_kw", self.charging_above_kw, (0.05, 1.0));
        let all = self.filled();
        let has_pointers = all.power_pointer.is_some() && all.power_topic.is_none()
            || all.energy_pointer.is_some() && all.energy_topic.is_none()
            || all.presence_pointer.is_some() && all.presence_topic.is_none();
        if has_pointers {
            check.say("meter", "has a pointer without the topic to go with it");
        }
        let power_pointer = pointer(check, "meter.power_pointer", all.power_pointer);
        let power = topic(check, "meter.power_topic", all.power_topic).map(|topic| Quantity {
            topic,
            pointer: power_pointer,
            factor: match all.power_unit.unwrap_or_default() {
                PowerUnit::Watts => 1e-3,
                PowerUnit::Kilowatts => 1.0,
            },
        });
        let energy_pointer = pointer(check, "meter.energy_pointer", all.energy_pointer);
        let energy = topic(check, "meter.energy_topic", all.energy_topic).map(|topic| Quantity {
            topic,
            pointer: energy_pointer,
            factor: match all.energy_unit.unwrap_or_default() {
                EnergyUnit::WattHours => 1e-3,
                EnergyUnit::KilowattHours => 1.0,
            },
        });
        if energy.is_some() && power.is_none() {
            check.say("meter.power_topic", "must be given with energy_topic");
        }
        let presence_pointer = pointer(check, "meter.presence_pointer", all.presence_pointer);
        let presence = topic(check, "meter.presence_topic", all.presence_topic);
        let presence = presence.and_then(|topic| {
            let (plugged, unplugged) = opposites(
                check,
                ("meter.plugged", all.plugged),
                ("meter.unplugged", all.unplugged),
            )?;
            Some(PresenceConfig { topic, pointer: presence_pointer, plugged, unplugged })
        });
        if power.is_none() && presence.is_none() {
            return None;
        }
        if !has_home {
            check.say("home.url", "must be given with [meter]");
        }
        Some(MeterConfig { power, energy, presence, charging_above_kw: above? })
    }
}
