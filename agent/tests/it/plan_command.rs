//! `plan` on the built program: answers, and what is refused.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;
use serde_json::{Value, json};

/// Hourly values from 2026-03-10T22:00:00Z, which is 6 PM in New York.
fn hourly(values: &[f64]) -> String {
    let rate = |(hour, value): (usize, &f64)| json!({"start": at(hour), "end": at(hour + 1), "value": value});
    Value::from_iter(values.iter().enumerate().map(rate)).to_string()
}

fn at(hour: usize) -> String {
    let hour = 22 + hour;
    format!("2026-03-{:02}T{:02}:00:00Z", 10 + hour / 24, hour % 24)
}

/// Runs `plan` on a forecast given on standard input; 1 kWh at 1 kW by hour 6, seen from hour 0, unless
/// `args` say otherwise.
fn run(forecast: &str, args: &[&str]) -> Output {
    let depart = at(6);
    let usual = [
        ("--forecast", "-"),
        ("--now", "2026-03-10T22:00:00Z"),
        ("--need-kwh", "1"),
        ("--power-kw", "1"),
        ("--depart", &depart),
    ];
    let mut command = Command::new(env!("CARGO_BIN_EXE_ny-power-agent"));
    command.arg("plan").timeout(Duration::from_secs(60)).write_stdin(forecast);
    for (name, value) in usual {
        if !args.contains(&name) {
            command.args([name, value]);
        }
    }
    command.args(args).output().unwrap()
}

#[track_caller]
fn answer(forecast: &str, args: &[&str]) -> Value {
    let output = run(forecast, &[&["--format", "json"], args].concat());
    assert!(output.status.success(), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(forecast: &str, args: &[&str]) -> String {
    let output = run(forecast, args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The hours that are charged, such as `..#.#.`; `>` and `<` are the end and the beginning of one.
fn drawn(answer: &Value) -> String {
    let seconds = |name: &str, slot: &Value| {
        let time = chrono::DateTime::parse_from_rfc3339(slot[name].as_str().unwrap()).unwrap();
        time.timestamp() - 1_773_180_000
    };
    let slots = answer["slots"].as_array().unwrap();
    let last = slots.iter().map(|slot| seconds("end", slot)).max().unwrap_or(0);
    (0..(last + 3599) / 3600)
        .map(|hour| {
            let (from, to) = (hour * 3600, hour * 3600 + 3600);
            let within =
                slots.iter().find(|s| seconds("start", s) < to && from < seconds("end", s));
            match within.map(|slot| (seconds("start", slot) <= from, to <= seconds("end", slot))) {
                None => '.',
                Some((true, true)) => '#',
                Some((true, false)) => '<',
                Some((false, true)) => '>',
                Some((false, false)) => '-',
            }
        })
        .collect()
}

const VALUES: [f64; 6] = [200.0, 600.0, 100.0, 800.0, 400.0, 900.0];

#[test]
fn the_answer_has_the_promised_shape() {
    let answer = answer(&hourly(&VALUES), &["--need-kwh", "3", "--power-kw", "2"]);
    assert_eq!(
        answer,
        json!({
            "slots": [
                {"start": "2026-03-10T22:30:00Z", "end": "2026-03-10T23:00:00Z", "value": 200.0},
                {"start": "2026-03-11T00:00:00Z", "end": "2026-03-11T01:00:00Z", "value": 100.0},
            ],
            "energy_kwh": 3.0,
            "grams": 400.0,
            "mean_g_per_kwh": 133.333333,
            "basis": "forecast",
            "overrun_s": 0,
            "reason": "The cleanest 1 h 30 min before tomorrow 12 AM EDT begin at 6:30 PM EDT, \
                       in 2 runs at 133 g/kWh, 60 % less CO2 than charging at once.",
        })
    );
}

#[test]
fn limits_do_what_they_say() {
    #[track_caller]
    fn check(args: &[&str], expected: &str) {
        let values = [100.0, 900.0, 100.0, 900.0, 100.0, 400.0];
        let answer = answer(&hourly(&values), &[&["--need-kwh", "3"], args].concat());
        assert_eq!(drawn(&answer), expected);
    }
    check(&[], "#.#.#");
    check(&["--min-on-min", "0", "--min-off-min", "0", "--max-starts", "0"], "#.#.#");
    check(&["--max-starts", "1"], "..###");
    check(&["--max-starts", "2"], "..#.##");
    check(&["--min-on-min", "120"], "..###");
    check(&["--min-on-min", "600"], "..###");
    check(&["--min-off-min", "180"], "#...##");
    check(&["--start-cost-g", "200"], "#.#.#");
    check(&["--start-cost-g", "400"], "..#.##");
    check(&["--start-cost-g", "2000"], "..###");
    check(&["--continuous"], "..###");
}

#[test]
fn a_continuous_window_may_end_with_a_slot() {
    let answer = answer(&hourly(&[200.0, 100.0, 50.0]), &["--need-kwh", "1.5", "--continuous"]);
    assert_eq!((drawn(&answer).as_str(), &answer["grams"]), (".>#", &json!(100.0)));
}

#[test]
fn too_little_time_is_one_block_from_now() {
    for (depart, overrun) in [("2026-03-10T22:30:00Z", 1800), ("2026-03-10T20:00:00Z", 10_800)] {
        let answer = answer(&hourly(&VALUES), &["--depart", depart]);
        assert_eq!((drawn(&answer).as_str(), &answer["overrun_s"]), ("#", &json!(overrun)));
        assert_eq!((&answer["basis"], &answer["grams"]), (&json!("deadline"), &json!(200.0)));
    }
}

#[test]
fn without_a_forecast_it_is_the_latest_start() {
    let zeros = hourly(&[0.0; 6]);
    for forecast in ["[]", zeros.as_str(), r#"{"rates":[]}"#] {
        let answer = answer(forecast, &["--need-kwh", "2"]);
        assert_eq!(
            answer["slots"],
            json!([{"start": at(4), "end": at(6), "value": null}]),
            "{forecast}"
        );
        assert_eq!(answer["mean_g_per_kwh"], Value::Null);
        assert_eq!((&answer["basis"], &answer["grams"]), (&json!("deadline"), &json!(0.0)));
    }
}

#[test]
fn unknown_time_is_used_last_and_weighs_nothing() {
    let answer = answer(&hourly(&[500.0, 700.0]), &["--need-kwh", "3"]);
    assert_eq!(drawn(&answer), "##...#");
    assert_eq!(answer["slots"][2]["value"], Value::Null);
    assert_eq!((&answer["basis"], &answer["grams"]), (&json!("mixed"), &json!(1200.0)));
    assert_eq!(answer["mean_g_per_kwh"], json!(600.0));
}

#[test]
fn no_need_is_an_empty_plan() {
    for depart in [at(6), "2026-03-10T20:00:00Z".to_owned()] {
        let answer = answer(&hourly(&VALUES), &["--need-kwh", "0", "--depart", &depart]);
        assert_eq!(answer["slots"], json!([]));
        assert_eq!((&answer["energy_kwh"], &answer["overrun_s"]), (&json!(0.0), &json!(0)));
        assert_eq!(answer["mean_g_per_kwh"], Value::Null);
    }
}

#[test]
fn slots_in_disorder_or_doubled_are_put_right() {
    let mut rates: Vec<Value> = serde_json::from_str(&hourly(&VALUES)).unwrap();
    let straight = answer(&hourly(&VALUES), &["--need-kwh", "2"]);
    rates.push(rates[2].clone());
    rates.reverse();
    assert_eq!(answer(&Value::from(rates).to_string(), &["--need-kwh", "2"]), straight);
}

#[test]
fn now_is_now_unless_it_is_said() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ny-power-agent"));
    let args = ["--need-kwh", "1", "--power-kw", "1", "--depart", "2026-01-01T00:00:00Z", "--json"];
    command.args(["plan", "--forecast", "-"]).args(args).write_stdin("[]");
    let output = command.timeout(Duration::from_secs(60)).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["overrun_s"].as_i64().unwrap() > 3600, "{answer}");
}

#[test]
fn text_is_plain_where_nobody_draws() {
    let text = text(&hourly(&VALUES), &["--need-kwh", "2"]);
    assert!(text.is_ascii(), "{text}");
    assert_eq!(
        text,
        "The cleanest 2 h before tomorrow 12 AM EDT begin now, in 2 runs at 150 g/kWh, \
         63 % less CO2 than charging at once.\n\
         \x20 6 PM EDT - 7 PM EDT  1 h  200 g/kWh\n\
         \x20 8 PM EDT - 9 PM EDT  1 h  100 g/kWh\n\
         \x20 2.0 kWh, 0.30 kg CO2 at 150 g/kWh, by forecast\n"
    );
}

#[test]
fn every_reason_is_one_sentence() {
    #[track_caller]
    fn check(forecast: &str, args: &[&str], expected: &str) {
        let reason = answer(forecast, args)["reason"].as_str().unwrap().to_owned();
        assert_eq!(reason, expected);
    }
    let forecast = hourly(&VALUES);
    check(&forecast, &["--need-kwh", "0"], "Nothing to charge: no energy is needed.");
    check(
        &forecast,
        &["--depart", "2026-03-10T22:40:00Z"],
        "Too little time is left before 6:40 PM EDT, so charging starts now and ends at 7 PM EDT, 20 min late.",
    );
    check(
        &forecast,
        &["--depart", "2026-03-10T20:00:00Z"],
        "The departure (4 PM EDT) has passed, so charging starts now and ends at 7 PM EDT, 3 h after it.",
    );
    check(
        "[]",
        &[],
        "Nothing is known about the hours before tomorrow 12 AM EDT, so charging starts as late as \
         that allows: at 11 PM EDT.",
    );
    check(
        &forecast,
        &["--need-kwh", "6"],
        "All of the time before tomorrow 12 AM EDT is needed, so charging starts now and takes 6 h.",
    );
    check(
        &forecast,
        &["--need-kwh", "2", "--continuous"],
        "The cleanest run of 2 h before tomorrow 12 AM EDT begins at 7 PM EDT at 350 g/kWh, 13 % less \
         CO2 than charging at once.",
    );
    check(
        &hourly(&[9.0, 9.0, 9.0, 9.0, 9.0, 9.0, 1.0]),
        &["--depart", &at(7)],
        "The cleanest 1 h before tomorrow 1 AM EDT begin tomorrow 12 AM EDT, in one run at 1 g/kWh, 89 % less CO2 \
         than charging at once.",
    );
    check(
        &forecast,
        &["--need-kwh", "2", "--max-starts", "1"],
        "The cleanest 2 h before tomorrow 12 AM EDT begin at 7 PM EDT, in one run at 350 g/kWh, within \
         the limits on switching, 13 % less CO2 than charging at once.",
    );
    check(
        &hourly(&[500.0]),
        &["--need-kwh", "2"],
        "The cleanest 2 h before tomorrow 12 AM EDT begin now, in 2 runs at 500 g/kWh, some of it \
         in hours without a forecast.",
    );
}

#[test]
fn what_cannot_be_used_is_one_clear_line_and_status_2() {
    #[track_caller]
    fn check(forecast: &str, args: &[&str], expected: &str) {
        let output = run(forecast, args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(output.stdout.is_empty());
        assert!(error.contains(expected), "{error}");
        assert_eq!(error.trim_end().lines().count(), 1, "{error}");
    }
    let good = hourly(&VALUES);
    let rate = |start: usize, end: usize, value: &str| {
        format!(r#"{{"start":"{}","end":"{}","value":{value}}}"#, at(start), at(end))
    };
    check(&good, &["--need-kwh", "-1"], "need in kWh is -1; it must be a number of at least 0");
    check(&good, &["--need-kwh", "nan"], "need in kWh is NaN");
    check(&good, &["--need-kwh", "-inf"], "need in kWh is -inf");
    check(&good, &["--power-kw", "0"], "power is 0 kW; it must be a number above 0");
    check(&good, &["--power-kw", "-7"], "power is -7 kW");
    check(&good, &["--power-kw", "inf"], "power is inf kW");
    check(&good, &["--start-cost-g", "-5"], "cost of a start in g is -5");
    check(&good, &["--need-kwh", "1e12"], "more than 20 years away");
    check("", &[], "it is not JSON: EOF");
    check("no forecast", &[], "it is not JSON");
    check("{}", &[], "without \"rates\" or \"values\"");
    check(&format!("[{}]", rate(0, 1, "null")), &[], "slot 1: \"value\": null is not a number");
    check(&format!("[{}]", rate(0, 1, "\"7\"")), &[], "\"7\" is not a number");
    check(&format!("[{}]", rate(0, 1, "NaN")), &[], "it is not JSON");
    check(&format!("[{}]", rate(1, 1, "5")), &[], "the end must come after the start");
    check(&format!("[{}]", rate(2, 1, "5")), &[], "the end must come after the start");
    check(&format!("[{},{}]", rate(0, 2, "5"), rate(1, 3, "6")), &[], "overlaps");
    check(&format!("[{},{}]", rate(0, 1, "5"), rate(0, 1, "6")), &[], "overlaps");
    check(r#"[{"start":"now","end":"later","value":1}]"#, &[], "\"now\", not an RFC 3339 time");
    check("", &["--forecast", "no-such-file.json"], "\"no-such-file.json\": No such file");
    check("", &["--forecast", "http://127.0.0.1:9/forecast"], "127.0.0.1:9");
    check("", &["--forecast", "https://"], "https://");
}

#[test]
fn arguments_that_mean_nothing_are_status_2() {
    for args in [
        ["--depart", "tomorrow"],
        ["--now", "2026-03-10T22:00:00"],
        ["--min-on-min", "-5"],
        ["--max-starts", "many"],
        ["--need-kwh", "much"],
        ["--format", "xml"],
    ] {
        let output = run("[]", &args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(args[1]), "{error}");
    }
}

#[test]
fn a_forecast_comes_from_a_file_or_an_address() {
    let straight = answer(&hourly(&VALUES), &[]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("forecast.json");
    std::fs::write(&file, hourly(&VALUES)).unwrap();
    assert_eq!(answer("", &["--forecast", file.to_str().unwrap()]), straight);

    // As evcc answers it, and as our own series.
    let evcc = format!(r#"{{"rates":{}}}"#, hourly(&VALUES));
    let series = json!({"start": at(0), "step_s": 3600, "values": VALUES, "p90": VALUES});
    for body in [evcc, series.to_string()] {
        let (address, serving) = serve("200 OK", body);
        assert_eq!(answer("", &["--forecast", &address]), straight);
        assert!(serving.join().unwrap().starts_with("GET /api/tariff/co2?hours=96 HTTP/1.1\r\n"));
    }

    let (address, serving) = serve("503 Service Unavailable", String::new());
    let output = run("", &["--forecast", &address]);
    serving.join().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("503"));
}

/// Answers one request; gives the address and, when joined, what was asked.
fn serve(status: &'static str, body: String) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/api/tariff/co2?hours=96", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut asked = Vec::new();
        let mut chunk = [0; 1024];
        while !asked.ends_with(b"\r\n\r\n") {
            let read = socket.read(&mut chunk).unwrap();
            assert_ne!(read, 0, "the client left");
            asked.extend_from_slice(&chunk[..read]);
        }
        let length = body.len();
        write!(
            socket,
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .unwrap();
        String::from_utf8(asked).unwrap()
    });
    (address, serving)
}
