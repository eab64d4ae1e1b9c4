use std::io::Write;
use std::path::{Path, PathBuf};

use super::parse::usual_state_dir;
use super::*;
use domain::control::{Contactor, Mode, Threshold};

fn read(toml: &str) -> Result<Config, Mistakes> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    // Whatever machine runs the test, there is a place for state.
    writeln!(file, "state_dir = \"/var/lib/x\"\n{toml}").unwrap();
    Config::load(Some(file.path())).map(|(_, config)| config)
}

#[track_caller]
fn check(toml: &str, mistakes: &[&str]) {
    let text = read(toml).expect_err("mistakes").to_string();
    let count = text.lines().count() - 1;
    assert_eq!(count, mistakes.len(), "{text}");
    for mistake in mistakes {
        assert!(text.contains(mistake), "{mistake:?} is not in {text}");
    }
}

/// The example with every default switched on, as a user would who wants to see them all.
fn example_with_defaults_on() -> String {
    include_str!("../../agent.example.toml")
        .lines()
        .filter(|line| !line.starts_with("##"))
        .map(|line| line.strip_prefix("# ").unwrap_or(line))
        // These name files that exist on the machine they are for.
        .filter(|line| !line.starts_with("ca_file") && !line.starts_with("password_file"))
        .filter(|line| !line.starts_with("token_file"))
        // It has no default: a departure ends the hold.
        .filter(|line| !line.starts_with("manual_hold_mins"))
        .filter(|line| !line.starts_with("username"))
        .filter(|line| !line.starts_with("webhook"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_example_as_it_stands_is_all_defaults() {
    let config = read(include_str!("../../agent.example.toml")).expect("no mistakes");
    assert_eq!(config.control, Settings::default());
    assert_eq!(config.state_dir, Path::new("/var/lib/x"));
}

#[test]
fn the_defaults_that_the_example_shows_are_the_defaults() {
    let text = example_with_defaults_on().replace("state_dir = \"/var/lib/ny-power-agent\"", "");
    let shown = read(&text).expect("no mistakes");
    let silent = read("").expect("no mistakes");
    assert_eq!(shown.control, silent.control);
    assert_eq!(
        (shown.tick, shown.on_exit, shown.clock_trust, shown.feed.accept_demo),
        (silent.tick, silent.on_exit, silent.clock_trust, silent.feed.accept_demo)
    );
    let signal = |config: &Config| {
        let signal = config.signal.clone();
        (signal.source, signal.fallback, signal.nyiso.base)
    };
    assert_eq!(signal(&shown), signal(&silent));
    assert_eq!(
        (shown.feed.url.to_string(), shown.feed.root),
        (silent.feed.url.to_string(), silent.feed.root)
    );
    let relay = PathBuf::from("/var/lib/ny-power-agent/relay");
    assert_eq!(shown.actuator, ActuatorConfig::Simulated { state_file: relay });
}

#[test]
fn where_the_readings_come_from_is_checked() {
    check(
        "[signal]\nnyiso_url = \"mis.nyiso.com\"\n",
        &["signal.nyiso_url: \"mis.nyiso.com\" is no address to fetch from"],
    );
    check("[signal]\nnyiso_url = \"ftp://x/\"\n", &["it must begin with http:// or https://"]);
    check("[signal]\nnyiso_url = \"http://x/?y\"\n", &["signal.nyiso_url: must end with a folder"]);
    check("[signal]\nnyiso_url = \"http://me:hunter2@x/\"\n", &["must not hold a name"]);
    let error = read("[signal]\nsource = \"auto\"\n").expect_err("no such word").to_string();
    assert!(error.contains("feed") && error.contains("nyiso"), "{error}");
    let usual = read("").expect("no mistakes").signal;
    assert_eq!((usual.source, usual.fallback), (SignalSource::Feed, true));
    assert_eq!(usual.nyiso.base.as_str(), "https://mis.nyiso.com/public/csv/");
    let own =
        "[signal]\nsource = \"nyiso\"\nfallback = false\nnyiso_url = \"http://[::1]:8485/csv\"\n";
    let own = read(own).expect("no mistakes").signal;
    assert_eq!((own.source, own.fallback), (SignalSource::Nyiso, false));
    assert_eq!(own.nyiso.base.as_str(), "http://[::1]:8485/csv/");
}

#[test]
fn how_alarms_reach_the_person_is_checked_and_its_secret_not_shown() {
    check(
        "[notify]\ncommand = []\nwebhook = \"ftp://hunter2\"\ntimeout_secs = 0\n",
        &[
            "notify.command: must be a program",
            "notify.webhook: must start with https:// or http://",
            "notify.timeout_secs: 0 is not within 1 to 120",
        ],
    );
    check("[notify]\nwebhook_file = \"/no/such\"\n", &["notify.webhook_file: "]);
    check(
        "[notify]\nwebhook = \"https://a/b\"\nwebhook_file = \"/c\"\n",
        &["notify.webhook_file: cannot be given with webhook"],
    );
    let config = read("[notify]\nwebhook = \"https://ntfy.sh/hunter2\"\n").unwrap();
    let shown = format!("{:?}", config.notify);
    assert!(shown.contains("ntfy.sh") && !shown.contains("hunter2"), "{shown}");
}

/// Every key that the program knows stands in the example, and no other.
#[test]
fn the_example_explains_every_setting() {
    fn keys(value: &serde_json::Value, prefix: &str, found: &mut Vec<String>) {
        for (name, value) in value.as_object().into_iter().flatten() {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            if value.is_object() {
                keys(value, &key, found);
            } else {
                found.push(key);
            }
        }
    }
    let mut known = Vec::new();
    keys(&serde_json::to_value(File::default()).unwrap(), "", &mut known);
    let mut explained = Vec::new();
    let mut section = String::new();
    for line in include_str!("../../agent.example.toml").lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((name, _)) =
            line.strip_prefix("# ").and_then(|line| line.split_once(" = "))
        {
            explained.push(format!("{section}{name}"));
        }
    }
    known.sort();
    explained.sort();
    assert_eq!(explained, known);
}

#[test]
fn every_mistake_is_reported_with_key_value_and_what_is_expected() {
    check(
        "feeed = 1\n[feed]\nurl = \"http://x\"\nstale_after_mins = 5\n[control]\nmode = \"sometimes\"\n\
         min_on_secs = -1\ntick_secs = 0\n[control.threshold]\nclose_below = 60\nopen_above = 40\n",
        &[
            "feeed: no such setting; did you mean feed?",
            "feed.url: ",
            "feed.stale_after_mins: 5 is not within 15 to 1440",
            "control.mode: unknown variant `sometimes`, expected one of `clean`, `threshold`, `now`, `off`, `observe`",
            "control.min_on_secs: invalid value: integer `-1`",
            "control.tick_secs: 0 is not within 1 to 300",
            "control.threshold.open_above: 40 is below close_below, 60",
        ],
    );
}

#[test]
fn mistakes_one_by_one() {
    for (toml, mistake) in [
        ("[control]\nmode = 7", "control.mode: "),
        (
            "[control]\nmax_switches_per_hour = 1",
            "control.max_switches_per_hour: 1 is not within 2",
        ),
        (
            "[control]\nmax_switches_per_hour = 20",
            "control.max_switches_per_day: 12 is below max_switches_per_hour, 20",
        ),
        ("[control]\nmin_off_secs = 0", "control.min_off_secs: 0 is not within 1 to 21600"),
        ("[control]\nsafe_position = \"ajar\"", "expected `open` or `closed`"),
        ("[control]\nminimum_on_secs = 600", "did you mean control.min_on_secs?"),
        ("[control.threshold]\nclose_below = 140", "140 is not within 0 to 100"),
        ("[control.threshold]\nclose_below = nan", "close_below: not a finite number"),
        ("[control.threshold]\nunit = \"lb/MWh\"", "expected `percentile` or `g/kWh`"),
        ("[feed]\nroot = \"NY Power\"", "feed.root: "),
        ("[feed]\nusername = \"x\"\npassword_file = \"/nonexistent/p\"", "/nonexistent/p"),
        ("[feed]\nca_file = \"/nonexistent/ca\"", "feed.ca_file: /nonexistent/ca cannot be read"),
        ("[feed]\npassword = \"hunter2\"", "did you mean feed.password_file?"),
        ("[actuator]\nkind = \"magic\"", "actuator.kind: unknown variant `magic`"),
        ("[clock]\ntrust = \"never\"", "clock.trust: unknown variant `never`"),
    ] {
        check(toml, &[mistake]);
    }
    check(
        "[control.threshold]\nunit = \"g/kWh\"",
        &[
            "control.threshold.close_below: must be given with unit = \"g/kWh\"",
            "control.threshold.open_above: must be given with unit = \"g/kWh\"",
        ],
    );
}

#[test]
fn a_password_file_is_read_and_never_shown() {
    let mut secret = tempfile::NamedTempFile::new().unwrap();
    writeln!(secret, "hunter2").unwrap();
    let path = secret.path().display();
    let config = read(&format!("[feed]\nusername = \"x\"\npassword_file = \"{path}\""))
        .expect("no mistakes");
    assert_eq!(config.feed.password.as_ref().map(Password::expose), Some("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
    check(
        &format!("[feed]\npassword_file = \"{path}\""),
        &["feed.username: must be given with password_file"],
    );
}

#[test]
fn what_is_set_is_what_is_used() {
    let config = read(
        "[control]\nmode = \"observe\"\nsafe_position = \"open\"\non_exit = \"keep\"\n\
         [control.threshold]\nunit = \"g/kWh\"\nclose_below = 200\nopen_above = 250.5\n\
         [feed]\nurl = \"mqtts://feed.example.org\"\naccept_demo = false\n\
         [actuator.simulated]\nstate_file = \"/tmp/relay\"",
    )
    .expect("no mistakes");
    assert_eq!((config.control.mode, config.control.safe), (Mode::Observe, Contactor::Open));
    assert!(matches!(config.control.threshold, Threshold::Grams { .. }));
    assert_eq!(config.on_exit, OnExit::Keep);
    assert!(config.feed.url.is_tls() && !config.feed.accept_demo);
    assert_eq!(
        config.actuator,
        ActuatorConfig::Simulated { state_file: PathBuf::from("/tmp/relay") }
    );
}

#[test]
fn who_says_when_the_car_leaves_has_it_ready_then_unless_another_mode_is_asked_for() {
    let charge = "[charge]\nneed_kwh = 10\npower_kw = 7.2\n[schedule]\nmon = \"07:30\"";
    let mode = |text: &str| read(text).expect("no mistakes").control.mode;
    assert_eq!(mode(charge), Mode::Clean);
    assert_eq!(mode(&format!("[control]\nmode = \"threshold\"\n{charge}")), Mode::Threshold);
    assert_eq!(mode(&format!("[control]\nmode = \"observe\"\n{charge}")), Mode::Observe);
    assert_eq!(mode(""), Mode::Threshold);
    check("[schedule]\nmon = \"07:30\"", &["charge.need_kwh: must be given", "charge.power_kw"]);
    check(
        "[control]\nmode = \"clean\"",
        &["charge.need_kwh", "charge.power_kw", "schedule: names no departure"],
    );
}

#[test]
fn state_has_a_usual_place() {
    #[track_caller]
    fn check(environment: &[(&str, &str)], expected: Option<&str>) {
        let found = usual_state_dir(|name| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        });
        assert_eq!(found.as_deref(), expected.map(Path::new));
    }
    check(&[], None);
    check(&[("HOME", "/home/ada")], Some("/home/ada/.local/state/ny-power-agent"));
    check(&[("HOME", "/home/ada"), ("XDG_STATE_HOME", "/s")], Some("/s/ny-power-agent"));
    check(&[("STATE_DIRECTORY", "/var/lib/a:/var/lib/b"), ("HOME", "/")], Some("/var/lib/a"));
    check(&[("STATE_DIRECTORY", ""), ("HOME", "/h")], Some("/h/.local/state/ny-power-agent"));
}

#[test]
fn a_relay_on_a_gpio_line_is_not_moved_by_demo_data() {
    let relay = "[actuator]\nkind = \"gpio\"\n[actuator.gpio]\nline = \"GPIO17\"\ncontact = \"nc\"";
    let config = read(relay).expect("no mistakes");
    assert!(!config.feed.accept_demo);
    assert!(read("").expect("no mistakes").feed.accept_demo);
    let asked = read(&format!("[feed]\naccept_demo = true\n{relay}")).expect("no mistakes");
    assert!(asked.feed.accept_demo);
    assert_eq!(
        config.actuator,
        ActuatorConfig::Gpio(GpioConfig {
            chip: None,
            line: LineSpec::Name("GPIO17".to_owned()),
            contact: Contact::Nc,
            active_low: false,
            bias: Bias::AsIs,
        })
    );
}

#[test]
fn every_mistake_about_a_gpio_line_is_told() {
    check(
        "[actuator]\nkind = \"gpio\"",
        &["actuator.gpio.line: must be given", "actuator.gpio.contact: must be given"],
    );
    check(
        "[actuator]\nkind = \"gpio\"\n[actuator.gpio]\nline = 17\ncontact = \"maybe\"\nbias = \"up\"",
        &[
            "actuator.gpio.contact: unknown variant `maybe`",
            "actuator.gpio.bias: unknown variant `up`",
            "actuator.gpio.chip: must be given where line is an offset",
            "actuator.gpio.contact: must be given",
        ],
    );
    check(
        "[actuator]\nkind = \"gpio\"\n[actuator.gpio]\nline = -1\ncontact = \"no\"\nchip = \" \"",
        &[
            "actuator.gpio.line: a line is a name such as \"GPIO17\" or an offset",
            "actuator.gpio.line: must be given",
            "actuator.gpio.chip: must be a path",
        ],
    );
}

#[test]
fn programs_are_all_given_and_may_not_take_for_ever() {
    check(
        "[actuator]\nkind = \"command\"\n[actuator.command]\non = []\ntimeout_secs = 60",
        &[
            "actuator.command.on: must be given",
            "actuator.command.off: must be given",
            "actuator.command.state: must be given",
            "actuator.command.timeout_secs: 60 is not within 1 to 4",
        ],
    );
    let config = read(
        "[actuator]\nkind = \"command\"\n[actuator.command]\non = [\"c\", \"1\"]\noff = [\"c\"]\n\
         state = [\"c\", \"?\"]",
    )
    .expect("no mistakes");
    assert!(!config.feed.accept_demo);
    assert!(matches!(&config.actuator, ActuatorConfig::Command(c) if c.on == ["c", "1"]));
}

#[test]
fn a_preset_knows_its_topics_and_a_given_key_wins() {
    let config = read(
        "[home]\nurl = \"mqtt://127.0.0.1:1883\"\n[actuator]\nkind = \"mqtt\"\n[actuator.mqtt]\n\
         preset = \"tasmota\"\ndevice = \"garage\"\nchannel = 2\navailability_topic = \"g/alive\"",
    )
    .expect("no mistakes");
    assert!(!config.feed.accept_demo);
    let ActuatorConfig::Mqtt(switch) = config.actuator else { panic!("kind is mqtt") };
    assert_eq!(switch.command_topic, "cmnd/garage/POWER2");
    assert_eq!(switch.state_topic, "stat/garage/POWER2");
    assert_eq!(switch.ask, Some(("cmnd/garage/POWER2".to_owned(), String::new())));
    let availability = switch.availability.expect("a topic was given");
    assert_eq!(availability.topic, "g/alive");
    assert!(availability.yes.have("online") && availability.no.have("Offline"));
}

#[test]
fn what_check_config_prints_of_a_switch_says_the_same_again() {
    for preset in ["tasmota", "shelly-gen2", "zigbee2mqtt", "openevse"] {
        let mut text = tempfile::NamedTempFile::new().unwrap();
        write!(
            text,
            "state_dir = \"/x\"\n[home]\nurl = \"mqtt://127.0.0.1\"\n[actuator]\nkind = \"mqtt\"\n\
             [actuator.mqtt]\npreset = \"{preset}\"\ndevice = \"a/b\""
        )
        .unwrap();
        let (file, config) = Config::load(Some(text.path())).expect("no mistakes");
        let printed = toml::to_string(&file.effective(&config)).unwrap();
        assert!(printed.contains("command_topic"), "{printed}");
        let custom = printed.replace(&format!("preset = \"{preset}\""), "preset = \"custom\"");
        std::fs::write(text.path(), custom).unwrap();
        let (_, again) = Config::load(Some(text.path())).expect("no mistakes");
        assert_eq!(again.actuator, config.actuator);
    }
}

#[test]
fn every_mistake_about_a_switch_on_the_home_broker_is_told() {
    check(
        "[actuator]\nkind = \"mqtt\"",
        &[
            "home.url: must be given with kind = \"mqtt\"",
            "actuator.mqtt.on: must be given",
            "actuator.mqtt.off: must be given",
            "actuator.mqtt.command_topic: must be given",
            "actuator.mqtt.state_topic: must be given",
            "actuator.mqtt.state_on: must be given",
            "actuator.mqtt.state_off: must be given",
        ],
    );
    check(
        "[home]\nurl = \"http://x\"\npassword_file = \"/nonexistent/p\"\n\
         [actuator]\nkind = \"mqtt\"\n[actuator.mqtt]\npreset = \"tasmota\"",
        &["home.url: ", "home.password_file: ", "home.username: ", "actuator.mqtt.device: must be"],
    );
    check(
        "[home]\nurl = \"mqtt://x\"\n[actuator]\nkind = \"mqtt\"\n[actuator.mqtt]\n\
         command_topic = \"x\"\non = \"1\"\noff = \"1\"\nstate_topic = \"x\"\n\
         state_pointer = \"state\"\nstate_on = [\"on\", \"1\"]\nstate_off = \"ON\"\n\
         ask_topic = \"x/#\"\ntimeout_secs = 9",
        &[
            "actuator.mqtt.off: is the same as on",
            "actuator.mqtt.state_topic: is the command_topic",
            "actuator.mqtt.state_pointer: \"state\" does not start with /",
            "actuator.mqtt.state_off: \"on\" stands in actuator.mqtt.state_on, too",
            "actuator.mqtt.ask_topic: \"x/#\" is not the topic of one thing",
            "actuator.mqtt.timeout_secs: 9 is not within 1 to 4",
        ],
    );
    check("[home]\nusername = \"x\"", &["home.url: must be given with the other keys"]);
}

#[test]
fn every_mistake_about_a_switch_behind_http_is_told() {
    check(
        "[actuator]\nkind = \"http\"",
        &[
            "actuator.http.on_url: must be given",
            "actuator.http.off_url: must be given",
            "actuator.http.state_url: must be given",
            "actuator.http.state_on: must be given",
            "actuator.http.state_off: must be given",
        ],
    );
    check(
        "[actuator]\nkind = \"http\"\n[actuator.http]\npreset = \"home-assistant\"\nentity = \"garage\"",
        &[
            "actuator.http.url: must be given",
            "actuator.http.token_file: must be given",
            "actuator.http.entity: \"garage\" is no entity id such as \"switch.garage\"",
        ],
    );
    check(
        "[actuator]\nkind = \"http\"\n[actuator.http]\non_url = \"ftp://x/\"\n\
         off_url = \"http://ada:secret@x/\"\nstate_url = \"nowhere\"\nstate_on = \"1\"\nstate_off = \"\"\n\
         headers = [\"Authorization: x\", \"nonsense\"]\ntoken_file = \"/nonexistent/t\"\n\
         username = \"ada\"\nmethod = \"DELETE\"",
        &[
            "actuator.http.on_url: \"ftp://x/\" starts with neither http:// nor https://",
            "actuator.http.off_url: holds a login: give it as username and password_file",
            "actuator.http.state_url: \"nowhere\" is no address",
            "actuator.http.state_off: is empty",
            "actuator.http.headers: may not hold a secret",
            "actuator.http.headers: \"nonsense\" is not \"Name: value\"",
            "actuator.http.token_file: ",
            "actuator.http.username: and password_file must be given together",
            "actuator.http.token_file: is not for a switch that asks for username",
            "actuator.http.method: unknown variant `DELETE`",
        ],
    );
}

#[test]
fn a_meter_is_there_where_a_topic_is() {
    let read_meter = |text: &str| {
        let home = "[home]\nurl = \"mqtt://127.0.0.1\"\n[meter]\n";
        read(&format!("{home}{text}")).expect("no mistakes").meter
    };
    assert_eq!(read_meter(""), None);
    let tasmota = read_meter("preset = \"tasmota\"\ndevice = \"g\"").expect("a meter");
    let power = tasmota.power.expect("it measures power");
    assert_eq!((power.topic.as_str(), power.factor), ("tele/g/SENSOR", 1e-3));
    assert_eq!(power.pointer.as_deref(), Some("/ENERGY/Power"));
    assert_eq!(tasmota.energy.expect("it counts").factor, 1.0);
    let openevse = read_meter("preset = \"openevse\"\ndevice = \"o\"").expect("a meter");
    assert!(openevse.presence.expect("it knows of the car").plugged.have("1"));
    let presence = "presence_topic = \"car\"\nplugged = \"1\"\nunplugged = \"0\"";
    assert!(read_meter(presence).expect("somebody knows").power.is_none());
}

#[test]
fn every_mistake_about_the_meter_is_told() {
    check("[meter]\npreset = \"tasmota\"", &["meter.device: must be given with a preset"]);
    check(
        "[meter]\nenergy_topic = \"e\"\nenergy_unit = \"MWh\"\npower_pointer = \"/x\"\n\
         presence_topic = \"c/+\"\ncharging_above_kw = 7\n",
        &[
            "meter.charging_above_kw: 7 is not within 0.05 to 1",
            "meter: has a pointer without the topic to go with it",
            "meter.energy_unit: unknown variant `MWh`, expected `Wh` or `kWh`",
            "meter.power_topic: must be given with energy_topic",
            "meter.presence_topic: \"c/+\" is not the topic of one thing",
        ],
    );
    check("[meter]\npower_topic = \"p\"", &["home.url: must be given with [meter]"]);
}
