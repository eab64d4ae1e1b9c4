//! `setup`, as a person, a pipe or a script meets it.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testkit::{Mosquitto, MosquittoConfig, publish};

use crate::household::{Device, TASMOTA};
use crate::program::{command, output};

/// A place for settings, and the program asked to fill it.
struct Desk {
    dir: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn settings(&self) -> PathBuf {
        self.dir.path().join("agent.toml")
    }

    /// With these arguments and lines on standard input.
    fn setup(&self, arguments: &[&str], lines: &str) -> (Option<i32>, String, String) {
        let mut child = command(&self.settings())
            .arg("setup")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end before it has read everything.
        let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
        let ended = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (ended.status.code(), text(ended.stdout), text(ended.stderr))
    }

    /// The same, which has to work; gives what it said.
    #[track_caller]
    fn works(&self, arguments: &[&str], lines: &str) -> String {
        let (code, stdout, stderr) = self.setup(arguments, lines);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
        stdout
    }

    /// The same, which has to fail so and leave nothing.
    #[track_caller]
    fn fails(&self, arguments: &[&str], lines: &str, expected: (i32, &str)) {
        let (code, stdout, stderr) = self.setup(arguments, lines);
        assert_eq!((code, stderr.lines().count()), (Some(expected.0), 1), "{stdout}{stderr}");
        assert!(stderr.contains(expected.1), "{:?} is not in {stderr}", expected.1);
        let left: Vec<_> = std::fs::read_dir(self.dir.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }

    /// What `check-config` makes of the file.
    #[track_caller]
    fn check(&self, expected: &[&str]) {
        let (code, stdout, stderr) = output(command(&self.settings()).arg("check-config"));
        assert_eq!(code, Some(0), "{stderr}");
        for line in expected {
            assert!(stdout.lines().any(|found| found == *line), "{line:?} is not in {stdout}");
        }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.settings()).unwrap()
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn enter_is_an_answer_to_everything() {
    let desk = Desk::new();
    let said = desk.works(&["--no-try"], &"\n".repeat(40));
    assert!(said.contains("10 kWh take 1 h 23 min; the shortest night has 13 h 30 min."), "{said}");
    assert!(!said.contains('\u{1b}'), "a pipe gets no colors: {said}");
    desk.check(&[
        "mode = \"clean\"",
        "kind = \"simulated\"",
        "need_kwh = 10.0",
        "power_kw = 7.2",
        "mon = \"07:30\"",
        "sun = \"10:00\"",
    ]);
    assert_eq!(mode(&desk.settings()), 0o600);
    // The file explains itself, and what was not asked stands at its default.
    let text = desk.text();
    assert!(text.starts_with("## Written by `ny-power-agent setup` "), "{text}");
    for line in ["# min_on_secs = 600", "## What the car needs for each departure", "need_kwh = 10"]
    {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line:?} is not in {text}");
    }
    assert!(said.contains(&format!("--config {} doctor\n", desk.settings().display())), "{said}");
}

#[test]
fn answers_come_as_lines() {
    let desk = Desk::new();
    desk.works(
        &["--no-try"],
        "mqtts://grid.example.org\ncommand\n/bin/on now\n/bin/off\n[\"/bin/is it\", \"on\"]\n6:45 am\nnone\n\
         9.6\n45 miles\n5pm\ncommand\n/bin/tell\ny\n",
    );
    desk.check(&[
        "url = \"mqtts://grid.example.org\"",
        "on = [\"/bin/on\", \"now\"]",
        "state = [\"/bin/is it\", \"on\"]",
        "need_kwh = 15.0",
        "power_kw = 9.6",
        "plugged_from = \"17:00\"",
        "fri = \"06:45\"",
        "command = [\"/bin/tell\"]",
    ]);
    assert!(desk.text().contains("\n# sat = "), "the car stays on weekends");
}

#[test]
fn each_day_can_have_its_own_departure_and_none_is_no_charge() {
    let desk = Desk::new();
    desk.works(&["--no-try"], "\n\ndays\n7:30\nnone\n8\nnone\n6 pm\nnone\nnone\n\n\n\n\n\n");
    desk.check(&["mon = \"07:30\"", "wed = \"08:00\"", "fri = \"18:00\""]);
    assert!(desk.text().contains("\n# tue = "));
    let none = Desk::new();
    let said = none.works(&["--no-try"], "\n\nnone\nnone\n\n\n");
    assert!(said.contains("it charges while the grid is clean"), "{said}");
    none.check(&["mode = \"threshold\""]);
}

#[test]
fn a_relay_is_described_with_its_contact() {
    let desk = Desk::new();
    let said = desk.works(&["--no-try"], "\ngpio\n17\npinctrl-bcm2711\nNC\ny\n\n\n\n\n\n\n\n");
    assert!(said.contains("a dead or unplugged Pi lets the car charge"), "{said}");
    desk.check(&[
        "kind = \"gpio\"",
        "line = 17",
        "chip = \"pinctrl-bcm2711\"",
        "contact = \"nc\"",
        "active_low = true",
    ]);
}

#[test]
fn flags_answer_and_the_rest_is_asked_or_taken() {
    let desk = Desk::new();
    desk.works(
        &[
            "--yes",
            "--no-try",
            "--switch",
            "zigbee2mqtt",
            "--set",
            "home.url=mqtt://house.local",
            "--set",
            "actuator.mqtt.device=zigbee2mqtt/car",
            "--set",
            "charge.slack_mins=30",
            "--weekend",
            "none",
            "--need-kwh",
            "12.5",
        ],
        "",
    );
    desk.check(&[
        "preset = \"zigbee2mqtt\"",
        "device = \"zigbee2mqtt/car\"",
        "command_topic = \"zigbee2mqtt/car/set\"",
        "need_kwh = 12.5",
        "slack_mins = 30",
    ]);
}

#[test]
fn what_does_not_do_is_told_in_the_words_of_the_settings_and_nothing_is_written() {
    for (arguments, lines, expected) in [
        (&["--no-try"][..], "", (2, "there is nobody to ask")),
        (&["--no-try"], "\n\n", (2, "the answers ended at \"Monday to Friday\"")),
        (
            &["--no-try"],
            "grid.local\n",
            (2, "Feed: broker address \"grid.local\" does not start with mqtt://"),
        ),
        (&["--no-try"], "\nrelay\n", (2, "Switch: \"relay\" is none of simulated, gpio, tasmota")),
        (
            &["--no-try"],
            "\n\nsoon\n",
            (2, "Monday to Friday: \"soon\" is no time of day such as \"07:30\""),
        ),
        (&["--no-try"], "\n\n\n\n0\n", (2, "Power in kW: 0 is not within 0 to 400")),
        (
            &["--no-try", "--yes", "--need-kwh", "-3"],
            "",
            (2, "Need in kWh: -3 is not within 0 to 500"),
        ),
        (&["--no-try", "--yes", "--set", "control.mod=now"], "", (2, "did you mean control.mode?")),
        (
            &["--no-try", "--yes", "--switch", "home-assistant"],
            "",
            (2, "File with the token: password file"),
        ),
        (&["--no-try"], &"\n".repeat(7), (2, "the answers ended at \"Alarms\"")),
        // Everything answered, and decided against.
        (&["--no-try"], "\n\n\n\n\n\n\n\nno\n", (1, "nothing was written")),
    ] {
        Desk::new().fails(arguments, lines, expected);
    }
}

#[test]
fn a_file_that_is_there_is_replaced_only_when_told_to_and_kept() {
    let desk = Desk::new();
    let old = "[feed]\nurl = \"mqtt://old.local\"\n[control]\nmin_on_secs = 900\n[charge]\nneed_kwh = 22\n\
               power_kw = 11\n[schedule]\nsat = \"09:00\"\n[clock]\ntrust = \"sometimes\"\n";
    std::fs::write(desk.settings(), old).unwrap();
    for arguments in [&["--no-try"][..], &["--no-try", "--yes"]] {
        let (code, _, stderr) = desk.setup(arguments, &"\n".repeat(40));
        assert_eq!(code, Some(1));
        assert!(stderr.contains("is there already; --force replaces it"), "{stderr}");
        assert_eq!(desk.text(), old);
    }
    let said = desk.works(&["--no-try", "--force"], &"\n".repeat(40));
    assert!(said.contains("Not taken over: clock.trust: unknown variant"), "{said}");
    desk.check(&[
        "url = \"mqtt://old.local\"",
        "min_on_secs = 900",
        "need_kwh = 22.0",
        "sat = \"09:00\"",
    ]);
    assert!(desk.text().contains("\n# mon = "), "no weekdays before, none now");
    let kept = std::fs::read_to_string(desk.dir.path().join("agent.toml.old")).unwrap();
    assert_eq!(kept, old);
    // Once more changes nothing but the day it was written.
    let once = desk.text();
    desk.works(&["--no-try", "--force", "--yes"], "");
    let settings = |text: &str| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(settings(&desk.text()), settings(&once));
}

#[test]
fn without_a_stream_it_is_nyiso_until_a_stream_is_named() {
    let desk = Desk::new();
    desk.works(&["--yes", "--feed", "NYISO"], "");
    desk.check(&["source = \"nyiso\""]);
    // What was answered is the default, and what is answered now counts.
    desk.works(&["--yes", "--force"], "");
    desk.check(&["source = \"nyiso\""]);
    desk.works(&["--yes", "--force", "--no-try", "--feed", "mqtt://grid.local"], "");
    desk.check(&["source = \"feed\"", "url = \"mqtt://grid.local\""]);
}

#[test]
fn a_device_in_the_cars_line_is_its_meter() {
    for (switch, answer, expected) in [
        ("openevse", "", true),
        ("tasmota", "", false),
        ("tasmota", "yes", true),
        ("openevse", "no", false),
    ] {
        let desk = Desk::new();
        let lines = format!("\n\n\ngarage\n{answer}\n{}", "\n".repeat(9));
        desk.works(&["--no-try", "--switch", switch], &lines);
        let text = desk.text();
        assert_eq!(
            text.matches("\ndevice = \"garage\"").count(),
            1 + usize::from(expected),
            "{switch} {answer}"
        );
        assert_eq!(
            text.matches(&format!("\npreset = \"{switch}\"")).count(),
            1 + usize::from(expected)
        );
        desk.check(&["device = \"garage\""]);
    }
}

#[test]
fn another_switch_leaves_nothing_of_the_one_before() {
    let desk = Desk::new();
    desk.works(&["--no-try", "--yes", "--switch", "tasmota"], "");
    desk.works(&["--no-try", "--yes", "--force", "--switch", "openevse"], "");
    desk.check(&["preset = \"openevse\"", "device = \"openevse\""]);
    assert!(!desk.text().contains("\npreset = \"tasmota\""));
}

#[test]
fn ctrl_c_leaves_nothing() {
    let desk = Desk::new();
    let mut child = command(&desk.settings())
        .args(["setup", "--no-try"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answers = child.stdin.take().unwrap();
    answers.write_all("\n".repeat(8).as_bytes()).unwrap();
    // It waits for the last answer, whether to write.
    let mut said = String::new();
    let mut out = child.stdout.take().unwrap();
    let mut byte = [0];
    while !said.contains("\nWrite ") && out.read(&mut byte).unwrap() == 1 {
        said.push(char::from(byte[0]));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    assert!(!child.wait().unwrap().success());
    let left: Vec<_> = std::fs::read_dir(desk.dir.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// In a terminal of `script`'s; `None` where that is not installed.
fn in_a_terminal(desk: &Desk, lines: &str, no_color: &str) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_ny-power-agent");
    let typed = format!("{program} --config {} setup --no-try", desk.settings().display());
    let child = Command::new("script")
        .args(["-qec", &typed, "/dev/null"])
        .env("TERM", "xterm")
        .env("NO_COLOR", no_color)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: script (bsdutils) is not installed, so there is no terminal");
        return None;
    };
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success(), "{said}");
    Some(said)
}

#[test]
fn in_a_terminal_a_mistake_is_asked_again_and_colors_can_be_refused() {
    let lines = format!("grid\n\nrelay\n{}", "\n".repeat(9));
    let desk = Desk::new();
    let Some(said) = in_a_terminal(&desk, &lines, "") else { return };
    for expected in [
        "\u{1b}[1mWhere is the stream of the grid?\u{1b}[0m",
        "\u{1b}[31mNo: broker address \"grid\" does not start with mqtt://",
        "\u{1b}[31mNo: \"relay\" is none of ",
        "\u{1b}[32mWritten: ",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in {said:?}");
    }
    desk.check(&["kind = \"simulated\""]);
    let plain = Desk::new();
    let said = in_a_terminal(&plain, &lines, "1").unwrap();
    assert!(!said.contains('\u{1b}'), "{said:?}");
    // A file that is there is asked about, and a person may say no.
    let (before, again) = (plain.text(), format!("y\nmqtt://other.local\n{}", "\n".repeat(9)));
    in_a_terminal(&plain, &again, "1").unwrap();
    plain.check(&["url = \"mqtt://other.local\""]);
    let kept = std::fs::read_to_string(plain.dir.path().join("agent.toml.old")).unwrap();
    assert_eq!(kept, before);
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_anything_is_asked() {
    let desk = Desk::new();
    let file = desk.dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let (code, stdout, stderr) = output(command(&file.join("agent.toml")).args(["setup", "--yes"]));
    assert_eq!(code, Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("cannot "), "{stderr}");
}

#[tokio::test]
async fn a_token_is_taken_at_the_end_into_a_file_for_its_owner() {
    let desk = Desk::new();
    let token = desk.dir.path().join("token");
    let named = token.display();
    let lines = format!("\nhome-assistant\n\n\n{named}\nhunter2\n\n\n\n\n\n\n");
    // Ended one line before the end: no token either.
    let (code, _, stderr) = desk.setup(&["--no-try"], &lines);
    assert!(code == Some(2) && !token.exists(), "{stderr}");
    let said = desk.works(&["--no-try"], &format!("{lines}\n"));
    assert_eq!(std::fs::read_to_string(&token).unwrap(), "hunter2\n");
    assert_eq!(mode(&token), 0o600);
    for secret in ["hunter2", "/proc/self"] {
        assert!(!format!("{}{said}", desk.text()).contains(secret), "{said}");
    }
    desk.check(&["preset = \"home-assistant\"", "entity = \"switch.garage\""]);
}

#[tokio::test]
async fn feed_and_switch_are_asked_and_not_moved() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let reading = "{\"ts\":\"2026-03-10T12:05:00Z\",\"value\":212.4,\"units\":\"g / kWh\",\"factor_set\":\"x\",\
                   \"complete\":true,\"origin\":\"nyiso\"}";
    publish(broker.addr(), None, "ny-power/computed/co2", reading, true).await;
    let device = Device::connect(broker.addr(), TASMOTA, true).await;
    let url = format!("mqtt://{}", broker.addr());
    let (desk, said) = tokio::task::spawn_blocking(move || {
        let desk = Desk::new();
        let said = desk.works(&[], &format!("{url}\ntasmota\n{url}\n\ngarage{}", "\n".repeat(12)));
        (desk, said)
    })
    .await
    .unwrap();
    assert!(said.contains("  212 g/kWh at Mar 10, 2026, 8:05 AM EDT, "), "{said}");
    assert!(said.contains("it has no forecast yet."), "{said}");
    assert!(said.contains("  It lets us in."), "{said}");
    assert!(said.contains("  It answers: on, the car may charge."), "{said}");
    let bench = device.bench();
    assert!(bench.is_on && bench.orders.iter().all(|(order, _)| order.is_empty()), "{bench:?}");
    desk.check(&["device = \"garage\""]);
}
