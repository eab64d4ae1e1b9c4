use super::*;
use crate::notify::Alarm;
use crate::overrides::Overrides;
use crate::status::MeterStatus;
use crate::status::tests::status;

const WIDE: Screen = Screen { columns: 80, colors: false, unicode: true };

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Charging since 1 AM, half done, with an override, a meter and an alarm.
fn busy() -> Status {
    let run = |start, end| RunStatus { start: at(start), end: at(end) };
    let mut status = status();
    status.now = at("2026-03-25T06:00:00Z");
    status.charge = Some(ChargeStatus {
        depart: at("2026-03-25T11:30:00Z"),
        need_kwh: 14.0,
        left_kwh: 7.0,
        power_kw: 7.0,
        home_since: None,
        basis: "forecast".to_owned(),
        runs: vec![run("2026-03-25T05:00:00Z", "2026-03-25T07:00:00Z")],
        objective: "average".to_owned(),
        objective_lacks: None,
        mean_g_per_kwh: Some(100.0),
        mean_price: None,
        forecast_issued: None,
    });
    status.overrides =
        Overrides { charge_now_until: Some(at("2026-03-25T08:00:00Z")), ..Overrides::default() };
    status.alarms = vec![Alarm::RelayDisobeys];
    status.meter =
        Some(MeterStatus { power_kw: Some(7.04), energy_kwh: Some(812.3), plugged: Some(true) });
    status.signal.last_day = DayStatus {
        end: Some(at("2026-03-25T06:00:00Z")),
        values: (0..96).map(|i| (i != 40).then_some(if i < 48 { 300.0 } else { 150.0 })).collect(),
    };
    status
}

#[test]
fn plain_rows_where_nobody_draws() {
    let page = page(&busy(), None, None);
    assert!(page.is_ascii(), "{page}");
    for row in [
        "charging   off (contactor open)\n",
        "ALARM      the charger does not obey\n",
        "override   Charging now until 4 AM EDT.\n",
        "charge     7.0 of 14.0 kWh still to charge for 7:30 AM EDT; planned: 1 AM EDT to 3 AM EDT; 100 g/kWh by \
         the forecast\n",
        "meter      7.04 kW; 812.3 kWh counted; plugged in\n",
        "switches   1 of 4 in the last hour, 3 of 12 in 24 hours, 90 ever",
    ] {
        assert!(page.contains(row), "{row:?} is not in\n{page}");
    }
    assert!(!page.contains("last 24 h"), "{page}");
}

#[test]
fn a_picture_on_80_columns() {
    let page = page(&busy(), None, Some(&WIDE));
    for row in [
        "charge     [███████████████████░░░░░░░░░░░░░░░░░░░] 7.0 of 14.0 kWh\n",
        "           ready at 3 AM EDT, the car leaves at 7:30 AM EDT; planned: 2 AM EDT\n           to 3 AM EDT at \
         100 g/kWh by the forecast\n",
        "           last 24 h, 150 to 300; ━ below 200\n",
        "           ████████████████████████▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁\n",
        "                                   ━━━━━━━━━━━━━━━━━━━━━━━━\n",
        "                   6 AM        12 PM       6 PM        Wed 25\n",
    ] {
        assert!(page.contains(row), "{row:?} is not in\n{page}");
    }
}

#[test]
fn the_next_day_is_drawn_with_the_plan() {
    let status = busy();
    let foresight = Foresight {
        made: status.now,
        issued: None,
        units: "g / kWh".to_owned(),
        start: status.now,
        step_s: 900,
        forecast: (0..96).map(|i| Some(100.0 + f64::from(i))).collect(),
        usual: Vec::new(),
    };
    let page = page(&status, Some(&foresight), Some(&WIDE));
    assert!(page.contains("           next 24 h, 100 to 194; ━ planned\n"), "{page}");
    assert!(page.contains("\n           ━━\n"), "{page}");
}

#[test]
fn every_line_stays_within_the_screen() {
    for columns in [40, 60, 80, 200] {
        for unicode in [true, false] {
            let page = page(&busy(), None, Some(&Screen { columns, colors: false, unicode }));
            // An address is a word, and keeps its line.
            let lines = page.lines().filter(|line| !line.contains("mqtt://"));
            let longest = lines.map(|line| line.chars().count()).max();
            assert!(longest <= Some(columns), "{columns}\n{page}");
            assert_eq!(page.is_ascii(), !unicode, "{page}");
        }
    }
}

#[test]
fn colored_names_keep_their_columns() {
    let page = page(&busy(), None, Some(&Screen { colors: true, ..WIDE }));
    assert!(page.contains("\x1b[1mcharging\x1b[0m   off"), "{page}");
    assert!(page.contains("\x1b[31mALARM\x1b[0m      the charger"), "{page}");
}

#[test]
fn a_charge_that_is_done_is_ready() {
    let mut charge = busy().charge.unwrap();
    charge.left_kwh = 0.0;
    charge.runs.clear();
    let now = at("2026-03-25T08:00:00Z");
    assert_eq!(charge_line(&charge, now), "ready; the car leaves at 7:30 AM EDT");
    assert!(bar(&WIDE, &charge).starts_with("[██████"));
}
