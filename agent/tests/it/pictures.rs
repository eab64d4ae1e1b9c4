//! `plan` and `status` of a running agent: on a terminal, on a pipe, as JSON.

use std::process::{Command, Stdio};

use chrono::{TimeDelta, Timelike as _};
use domain::Timestamp;
use domain::wire::{CarbonForecast, GRAMS_PER_KWH, Origin};
use serde_json::Value;
use service::clock::{Clock as _, SystemClock};
use testkit::{Mosquitto, MosquittoConfig, publish};

use crate::program::{Home, command, output};

fn settings(broker: std::net::SocketAddr) -> String {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let schedule: String = days.iter().map(|day| format!("{day} = \"07:30\"\n")).collect();
    format!(
        "[feed]\nurl = \"mqtt://{broker}\"\n[control]\nmode = \"clean\"\nstart_grace_secs = 1\ntick_secs = 1\n\
         [charge]\nneed_kwh = 14\npower_kw = 7\nplugged_from = \"07:31\"\n[schedule]\n{schedule}"
    )
}

/// 96 hours from the full hour, clean while the hour of UTC is odd.
fn forecast() -> CarbonForecast {
    let now = SystemClock::new().now();
    let start =
        now - TimeDelta::nanoseconds(now.timestamp_nanos_opt().unwrap() % 3_600_000_000_000);
    let value = |hour: i64| (start + TimeDelta::hours(hour)).hour() % 2;
    let values: Vec<f64> =
        (0..96).flat_map(|hour| [300.0 - 200.0 * f64::from(value(hour)); 4]).collect();
    CarbonForecast {
        issued: now - TimeDelta::minutes(2),
        model: "ny-power".into(),
        units: GRAMS_PER_KWH.into(),
        basis: "average, production, direct".into(),
        zone: None,
        start,
        step_s: 900,
        p10: values.clone(),
        p90: values.clone(),
        values,
        known_until: None,
        factor_set: "ny-2026.1".into(),
        origin: Origin::Nyiso,
    }
}

/// An agent with a plan by the forecast.
async fn planning() -> Option<(Mosquitto, Home, crate::program::Program)> {
    let broker = Mosquitto::start(&MosquittoConfig::open())?;
    let payload = String::from_utf8(forecast().to_json()).unwrap();
    publish(broker.addr(), None, "ny-power/forecast/co2", &payload, true).await;
    let home = Home::new(&settings(broker.addr()));
    let agent = home.run();
    home.until("a plan by the forecast", |status| {
        status.charge.as_ref().is_some_and(|charge| charge.basis == "forecast")
    });
    Some((broker, home, agent))
}

/// What `arguments` print on a terminal of 80 columns; `None` without `script` of util-linux.
fn on_a_terminal(home: &Home, arguments: &str, variables: &[(&str, &str)]) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_ny-power-agent");
    let line = format!("{program} --config {} {arguments}", home.config().display());
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    for name in ["LC_ALL", "LC_CTYPE", "LANG", "NO_COLOR", "COLUMNS"] {
        script.env_remove(name);
    }
    script.envs([("TERM", "xterm"), ("COLUMNS", "80")]).envs(variables.iter().copied());
    match script.output() {
        Ok(output) => {
            assert!(output.status.success(), "{output:?}");
            Some(String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n"))
        }
        Err(error) => {
            println!("skipped: script of util-linux does not run here: {error}");
            None
        }
    }
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[tokio::test]
async fn plan_of_an_agent_is_told_drawn_and_given_to_programs() {
    let Some((_broker, home, _agent)) = planning().await else { return };
    let ask = |arguments: &[&str]| {
        let (code, stdout, stderr) = output(command(&home.config()).args(arguments));
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}");
        stdout
    };

    let plain = ask(&["plan"]);
    assert!(plain.is_ascii(), "{plain}");
    assert!(plain.contains(" kWh are still to charge before the car leaves "), "{plain}");
    assert!(plain.contains("planned by the forecast of ") && plain.contains(" g/kWh"), "{plain}");

    for json in [&["plan", "--json"][..], &["plan", "--format", "json"]] {
        let answer: Value = serde_json::from_str(&ask(json)).expect("JSON");
        let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
        let slots = answer["slots"].as_array().expect("slots");
        assert!(!slots.is_empty(), "{answer}");
        for slot in slots {
            assert!(time(&slot["start"]) < time(&slot["end"]), "{answer}");
            assert!(time(&slot["end"]) <= time(&answer["depart"]), "{answer}");
        }
        assert_eq!(answer["basis"], "forecast");
        assert!(answer["foresight"]["forecast"].as_array().unwrap().len() > 300, "{answer}");
        assert!(answer["reason"].as_str().unwrap().starts_with("Charging is "), "{answer}");
    }

    let Some(drawn) = on_a_terminal(&home, "plan", &[("LANG", "C.UTF-8")]) else { return };
    for part in ["\x1b[32m", "\x1b[31m", "█", "━", "▲ now"] {
        assert!(drawn.contains(part), "{part:?} is not in\n{drawn}");
    }
    let variables = [("LANG", "C.UTF-8"), ("NO_COLOR", "1"), ("COLUMNS", "40")];
    let narrow = on_a_terminal(&home, "plan", &variables).expect("it ran before");
    assert!(!narrow.contains('\x1b') && narrow.contains('█'), "{narrow}");
    assert!(widest(&narrow) <= 40, "{narrow}");
    let ascii = on_a_terminal(&home, "plan", &[("LC_ALL", "C"), ("LANG", "C.UTF-8")]).unwrap();
    assert!(ascii.is_ascii() && ascii.contains("^ now") && ascii.contains('#'), "{ascii}");
}

#[tokio::test]
async fn status_draws_the_day_and_the_charge_on_a_terminal_only() {
    let Some((_broker, home, _agent)) = planning().await else { return };
    let (code, plain, _) = output(command(&home.config()).arg("status"));
    assert!(code == Some(0) && plain.is_ascii() && !plain.contains("next 24 h"), "{plain}");
    let variables = [("LANG", "C.UTF-8"), ("NO_COLOR", "1")];
    let Some(drawn) = on_a_terminal(&home, "status", &variables) else { return };
    for part in ["charge     [", " of 14.0 kWh", "next 24 h, 100 to 300; ━ planned", "switches   "]
    {
        assert!(drawn.contains(part), "{part:?} is not in\n{drawn}");
    }
    assert!(widest(&drawn) <= 80, "{drawn}");
}

#[test]
fn plan_without_an_agent_or_with_half_a_request_is_one_clear_line() {
    let home = Home::new("");
    let (code, stdout, stderr) = output(command(&home.config()).arg("plan"));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.contains("start it with `ny-power-agent run`"), "{stderr}");
    assert!(stderr.contains("--forecast") && stderr.trim_end().lines().count() == 1, "{stderr}");
    // A request by hand needs its forecast, and a forecast its request.
    for arguments in [
        &["plan", "--need-kwh", "5"][..],
        &["plan", "--continuous"],
        &["plan", "--max-starts", "2"],
        &["plan", "--forecast", "-", "--need-kwh", "5", "--power-kw", "7"],
    ] {
        let (code, _, stderr) = output(command(&home.config()).args(arguments));
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(stderr.contains("required"), "{stderr}");
    }
}
