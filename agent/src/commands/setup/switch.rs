//! What switches the charger, and what has to be known of it.

use std::path::{Path, PathBuf};

use domain::control::Contactor;
use toml::Value;

use super::place::Unnamed;
use super::questions::{Interview, number, text, words};
use super::talk::{Stop, Tone};
use crate::actuator::{ChipInfo, gpio_chips};
use crate::commands::probe::{ask_home, ask_switch, wait};

/// The question what it is; no key of the file says it alone.
pub(super) const SWITCH: &str = "switch";

const KIND: &str = "actuator.kind";

/// What there is to choose from: the word, the kind of the file, its preset.
const CHOICES: [(&str, &str, Option<&str>, &str); 10] = [
    ("simulated", "simulated", None, "nothing yet: it decides and says so, for a look at it"),
    ("gpio", "gpio", None, "a relay on a pin of this Raspberry Pi"),
    ("tasmota", "mqtt", Some("tasmota"), "a Tasmota switch"),
    ("shelly-gen2", "mqtt", Some("shelly-gen2"), "a Shelly, second generation or later"),
    ("zigbee2mqtt", "mqtt", Some("zigbee2mqtt"), "a plug or relay behind zigbee2mqtt"),
    ("openevse", "mqtt", Some("openevse"), "an OpenEVSE charger"),
    ("mqtt", "mqtt", Some("custom"), "any other switch over MQTT; you give its topics"),
    ("home-assistant", "http", Some("home-assistant"), "a switch or helper of Home Assistant"),
    ("http", "http", Some("custom"), "any other switch over HTTP; you give its addresses"),
    ("command", "command", None, "programs of yours"),
];

impl Interview<'_, '_> {
    /// Asks what it is and what it needs; gives whether it is what it was.
    pub fn ask_switch(&mut self) -> Result<bool, Stop> {
        let list: Vec<_> = (1..)
            .zip(CHOICES)
            .map(|(number, (word, _, _, what))| format!("{number:>2}  {word:<15} {what}"))
            .collect();
        self.talk.begin("What switches the charger?", "")?;
        self.talk.say(Tone::List, &list.join("\n"))?;
        let kind = self.before.text(KIND).unwrap_or_else(|| "simulated".to_owned());
        let preset = self.before.text(&format!("actuator.{kind}.preset"));
        let usual = CHOICES.iter().find(|(_, of, with, _)| {
            *of == kind && with.is_none_or(|with| preset.as_deref().unwrap_or("custom") == with)
        });
        let usual = usual.map_or("simulated", |choice| choice.0);
        let (word, kind, preset, _) = self.talk.ask(SWITCH, "Switch", usual, choose)?;
        let same = word == usual && self.before.get(KIND).is_some();
        if !same {
            self.before.forget("actuator");
        }
        self.answers.set(KIND, kind);
        if let Some(preset) = preset.filter(|preset| *preset != "custom") {
            self.answers.set(&format!("actuator.{kind}.preset"), preset);
        }
        match word {
            "simulated" => return Ok(same),
            "gpio" => self.ask_gpio()?,
            "mqtt" => self.ask_mqtt()?,
            "home-assistant" => self.ask_home_assistant()?,
            "http" => self.ask_http()?,
            "command" => self.ask_command()?,
            preset => self.ask_device(preset)?,
        }
        self.try_switch()?;
        Ok(same)
    }

    fn ask_gpio(&mut self) -> Result<(), Stop> {
        const CHIP: &str = "actuator.gpio.chip";
        const LINE: &str = "actuator.gpio.line";
        let chips = gpio_chips();
        let told = match &chips {
            Ok(chips) if chips.is_empty() => {
                "This machine has no GPIO chip; the line is looked for where the agent runs."
                    .to_owned()
            }
            Ok(chips) => draw(chips),
            Err(error) => format!("The lines cannot be listed: {error}."),
        };
        self.talk.begin(
            "Which line moves the relay?",
            &format!("A name such as GPIO17 (pin 11), or an offset on a chip.\n{told}"),
        )?;
        self.setting(LINE, "Line", "GPIO17", number)?;
        if self.answers.get(LINE).is_some_and(Value::is_integer) {
            let known = chips.ok().and_then(|chips| Some(chips.first()?.label.clone()));
            let known = known.unwrap_or_else(|| "pinctrl-bcm2711".to_owned());
            self.setting(CHIP, "Chip, by label or path", &known, text)?;
        }
        self.talk.begin(
            "Which contact of the relay leads to the charger's enable input?",
            "nc  normally closed: a dead or unplugged Pi lets the car charge. Advised at home.\n\
             no  normally open: a dead or unplugged Pi keeps the car from charging.\n\
             Never switch the mains of a car that charges: only the enable input or the pilot path.",
        )?;
        self.setting("actuator.gpio.contact", "Contact", "nc", |answer| {
            answer.to_ascii_lowercase().into()
        })?;
        self.talk
            .say(Tone::Help, "Most relay boards with optocouplers energize on a low level.")?;
        let low = self.before.text("actuator.gpio.active_low").as_deref() == Some("true");
        if self.talk.confirm("actuator.gpio.active_low", "Does a low level energize it", low)? {
            self.answers.set("actuator.gpio.active_low", true);
        }
        Ok(())
    }

    fn ask_broker(&mut self) -> Result<(), Stop> {
        self.talk.begin(
            "Where is your own MQTT broker, on which the switch speaks?",
            "Home Assistant's, usually. Not the feed's: nothing on the feed can command anything.",
        )?;
        self.setting("home.url", "Broker", "mqtt://127.0.0.1:1883", text)?;
        if self.optional("home.username", "User name", None, text)? {
            let file = "/etc/ny-power/home-password";
            self.ask_secret_file("home.password_file", "password", file)?;
        }
        // The switch on it is not known yet.
        let mut alone = self.answers.clone();
        alone.forget("actuator");
        let home = alone.config().ok().and_then(|config| config.home);
        match home.filter(|_| self.tries).map(|home| wait(ask_home(&home))).transpose()? {
            None => Ok(()),
            Some(Ok(())) => self.talk.say(Tone::Good, "It lets us in."),
            Some(Err(error)) => {
                self.talk.say(Tone::Doubt, &format!("It does not let us in yet: {error:#}."))
            }
        }
    }

    fn ask_device(&mut self, preset: &str) -> Result<(), Stop> {
        self.ask_broker()?;
        let (help, usual) = match preset {
            "tasmota" => {
                ("Its Topic: Configuration, MQTT. It must not have a PulseTime.", "garage-plug")
            }
            "shelly-gen2" => (
                "Its MQTT prefix: Settings, MQTT. Switch on its RPC and generic status over MQTT there.",
                "shellyplus1pm-a8032ab12345",
            ),
            "zigbee2mqtt" => (
                "Base topic and friendly name, such as zigbee2mqtt/garage.",
                "zigbee2mqtt/garage-plug",
            ),
            _ => ("Its base topic: Services, MQTT.", "openevse"),
        };
        self.talk.begin("Which device is it?", help)?;
        self.setting("actuator.mqtt.device", "Device", usual, text)?;
        self.ask_meter(preset)
    }

    /// Whether the device measures what the car takes: the ledger counts by it, and a disobedient switch shows.
    fn ask_meter(&mut self, preset: &str) -> Result<(), Stop> {
        self.talk.begin(
            "Does it measure the power that the car takes?",
            "Then it shows whether the switch obeys, learns the power and counts the kWh. Not where the car's current\n\
             flows past it, as with a plug that only feeds a relay.",
        )?;
        let usual = preset == "openevse" || self.before.get("meter.device").is_some();
        if self.talk.confirm("meter", "Meter", usual)? {
            self.answers.set("meter.preset", preset);
            let device = self.answers.text("actuator.mqtt.device").unwrap_or_default();
            self.answers.set("meter.device", device);
        } else {
            self.before.forget("meter");
        }
        Ok(())
    }

    fn ask_mqtt(&mut self) -> Result<(), Stop> {
        self.ask_broker()?;
        self.talk.begin(
            "Which topics and words does the switch have?",
            "It must say what it is on a topic of its own, which the broker keeps (retain).",
        )?;
        self.setting("actuator.mqtt.command_topic", "Topic for orders", "garage/set", text)?;
        self.setting("actuator.mqtt.on", "Order that lets the car charge", "ON", text)?;
        self.setting("actuator.mqtt.off", "Order that does not", "OFF", text)?;
        self.setting("actuator.mqtt.state_topic", "Topic of its state", "garage/state", text)?;
        self.optional(
            "actuator.mqtt.state_pointer",
            "Where in its JSON, such as /state",
            None,
            text,
        )?;
        self.setting("actuator.mqtt.state_on", "Word for on", "ON", text)?;
        self.setting("actuator.mqtt.state_off", "Word for off", "OFF", text)
    }

    fn ask_home_assistant(&mut self) -> Result<(), Stop> {
        self.talk.begin(
            "Which entity of Home Assistant is it?",
            "One that can be turned on and off: switch, input_boolean. The token is made in your profile there,\n\
             under Security, long-lived access tokens.",
        )?;
        let url = "http://homeassistant.local:8123";
        self.setting("actuator.http.url", "Address", url, text)?;
        self.setting("actuator.http.entity", "Entity", "switch.garage", text)?;
        let file = "/etc/ny-power/home-assistant-token";
        self.ask_secret_file("actuator.http.token_file", "token", file)
    }

    /// Asks for the file with a secret; where there is none yet, for the secret.
    fn ask_secret_file(&mut self, key: &str, what: &str, usual: &str) -> Result<(), Stop> {
        let default = self.before.text(key).unwrap_or_else(|| usual.to_owned());
        let name = format!("File with the {what}");
        loop {
            let file = self.talk.ask(key, &name, &default, |answer| {
                if answer.is_empty() {
                    Err("this needs an answer".to_owned())
                } else {
                    Ok(PathBuf::from(answer))
                }
            })?;
            self.answers.set(key, file.display().to_string());
            if let (Err(error), false) = (std::fs::metadata(&file), self.talk.yes)
                && error.kind() == std::io::ErrorKind::NotFound
            {
                let prompt =
                    format!("It is not there yet. Paste the {what} to have it made at the end");
                let secret = self.talk.ask_secret(&prompt)?;
                if !secret.is_empty() {
                    let unnamed = Unnamed::new(&secret)?;
                    self.answers.stand_in(key, unnamed.path.clone());
                    self.secret = Some((absolute(&file), unnamed, secret));
                    self.answers.set(key, absolute(&file).display().to_string());
                }
            }
            let Some(mistake) = self.answers.mistake(key) else { return Ok(()) };
            if !self.talk.is_person || self.talk.yes {
                return Err(Stop::Wrong { question: name, text: mistake });
            }
            self.talk.say(Tone::Bad, &format!("No: {mistake}"))?;
        }
    }

    fn ask_http(&mut self) -> Result<(), Stop> {
        self.talk.begin(
            "Which addresses and words does the switch have?",
            "The defaults are a Shelly's. A name and password, or a token, can be added in the file.",
        )?;
        let base = "http://192.168.1.20/rpc";
        let set = format!("{base}/Switch.Set");
        self.setting("actuator.http.method", "Method: POST, PUT or GET", "POST", |answer| {
            answer.to_ascii_uppercase().into()
        })?;
        self.setting("actuator.http.on_url", "Address that lets the car charge", &set, text)?;
        self.optional(
            "actuator.http.on_body",
            "Body with it",
            Some("{\"id\":0,\"on\":true}"),
            text,
        )?;
        self.setting("actuator.http.off_url", "Address that does not", &set, text)?;
        self.optional(
            "actuator.http.off_body",
            "Body with it",
            Some("{\"id\":0,\"on\":false}"),
            text,
        )?;
        let state = format!("{base}/Switch.GetStatus?id=0");
        self.setting("actuator.http.state_url", "Address of its state", &state, text)?;
        let pointer = "Where in its JSON";
        self.optional("actuator.http.state_pointer", pointer, Some("/output"), text)?;
        self.setting("actuator.http.state_on", "Word for on", "true", text)?;
        self.setting("actuator.http.state_off", "Word for off", "false", text)
    }

    fn ask_command(&mut self) -> Result<(), Stop> {
        self.talk.begin(
            "Which programs switch it?",
            "A program and its arguments; no shell is involved. The last one prints on or off.",
        )?;
        for (name, question) in [
            ("on", "Program that lets the car charge"),
            ("off", "Program that does not"),
            ("state", "Program that says which it is"),
        ] {
            let usual = format!("/usr/local/bin/charger {name}");
            self.setting(&format!("actuator.command.{name}"), question, &usual, words)?;
        }
        Ok(())
    }

    /// Asks the switch where it is.
    fn try_switch(&mut self) -> Result<(), Stop> {
        let config = match self.answers.config() {
            Ok(config) if self.tries => config,
            _ => return Ok(()),
        };
        match wait(ask_switch(&config))? {
            Ok(Some(Contactor::Closed)) => {
                self.talk.say(Tone::Good, "It answers: on, the car may charge.")
            }
            Ok(Some(Contactor::Open)) => {
                self.talk.say(Tone::Good, "It answers: off, the car may not charge.")
            }
            Ok(None) => self.talk.say(Tone::Good, "The line is there."),
            Err(error) => {
                let text =
                    format!("It does not answer yet: {error:#}.\n`doctor` will ask it again.");
                self.talk.say(Tone::Doubt, &text)
            }
        }
    }
}

type Choice = (&'static str, &'static str, Option<&'static str>, &'static str);

fn choose(answer: &str) -> Result<Choice, String> {
    let by_number =
        answer.parse::<usize>().ok().and_then(|number| CHOICES.get(number.checked_sub(1)?));
    let by_word = || CHOICES.iter().find(|choice| choice.0.eq_ignore_ascii_case(answer));
    by_number.or_else(by_word).copied().ok_or_else(|| {
        let words: Vec<_> = CHOICES.iter().map(|choice| choice.0).collect();
        format!("{answer:?} is none of {}", words.join(", "))
    })
}

/// The named lines of each chip, and who has which.
fn draw(chips: &[ChipInfo]) -> String {
    let mut page = Vec::new();
    for chip in chips {
        let named = || chip.lines.iter().filter(|line| !line.name.is_empty());
        let free: Vec<_> =
            named().filter(|line| line.consumer.is_none()).map(|line| line.name.as_str()).collect();
        let taken: Vec<_> = named()
            .filter_map(|line| Some(format!("{} ({})", line.name, line.consumer.as_ref()?)))
            .collect();
        page.push(format!("{} ({}), {} lines", chip.label, chip.path.display(), chip.lines.len()));
        for (title, names) in
            [("  free:   ", free), ("  in use: ", taken.iter().map(String::as_str).collect())]
        {
            for (at, row) in names.chunks(8).enumerate() {
                let title = if at == 0 { title } else { "          " };
                page.push(format!("{title}{}", row.join(" ")));
            }
        }
    }
    page.join("\n")
}

/// So that it means the same wherever the agent is started.
fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actuator::LineInfo;

    #[test]
    fn a_choice_is_a_number_or_a_word() {
        for (answer, expected) in [
            ("1", Some("simulated")),
            ("10", Some("command")),
            ("Tasmota", Some("tasmota")),
            ("0", None),
            ("11", None),
            ("x", None),
        ] {
            assert_eq!(choose(answer).ok().map(|choice| choice.0), expected, "{answer}");
        }
        assert!(choose("relay").unwrap_err().starts_with("\"relay\" is none of simulated, gpio, "));
    }

    #[test]
    fn lines_are_listed_with_those_who_have_them() {
        let line = |name: &str, consumer: Option<&str>| LineInfo {
            name: name.to_owned(),
            consumer: consumer.map(str::to_owned),
        };
        let chip = ChipInfo {
            path: "/dev/gpiochip0".into(),
            label: "pinctrl-bcm2711".to_owned(),
            lines: vec![line("GPIO2", None), line("", None), line("GPIO17", Some("fan"))],
        };
        assert_eq!(
            draw(&[chip]),
            "pinctrl-bcm2711 (/dev/gpiochip0), 3 lines\n  free:   GPIO2\n  in use: GPIO17 (fan)"
        );
    }
}
