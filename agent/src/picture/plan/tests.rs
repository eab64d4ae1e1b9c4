use chrono::Timelike as _;
use domain::plan::{Outlook, Slot};

use super::*;
use crate::status::tests::status;

const WIDE: Screen = Screen { columns: 80, colors: false, unicode: true };

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Tuesday 2026-03-24, 5:07 PM EDT: 14 kWh at 7 kW by 7:30 AM, in two runs; clean from 1 to 4 AM EDT.
fn prospect() -> Prospect {
    let now = at("2026-03-24T21:07:00Z");
    let run = |start, end| RunStatus { start: at(start), end: at(end) };
    let charge = ChargeStatus {
        depart: at("2026-03-25T11:30:00Z"),
        need_kwh: 14.0,
        left_kwh: 14.0,
        power_kw: 7.0,
        home_since: Some(at("2026-03-24T22:00:00Z")),
        basis: "forecast".to_owned(),
        runs: vec![
            run("2026-03-25T05:04:10Z", "2026-03-25T06:04:10Z"),
            run("2026-03-25T07:00:00Z", "2026-03-25T08:00:00Z"),
        ],
        objective: "average".to_owned(),
        objective_lacks: None,
        mean_g_per_kwh: Some(100.0),
        mean_price: None,
        forecast_issued: Some(at("2026-03-24T21:00:00Z")),
    };
    let reason = "Charging is off: cleaner hours come.".to_owned();
    let status = Status { now, reason, charge: Some(charge), ..status() };
    Prospect { status, foresight: Some(foresight(now, 96)) }
}

fn foresight(now: Timestamp, hours: i64) -> Foresight {
    let start = at("2026-03-24T21:00:00Z");
    let value = |ts: Timestamp| if (5..8).contains(&ts.hour()) { 100.0 } else { 300.0 };
    let slots = (0..hours).map(|hour| start + TimeDelta::hours(hour)).map(|start| Slot {
        start,
        end: start + TimeDelta::hours(1),
        value: value(start),
    });
    let outlook = Outlook::new(slots.collect()).unwrap();
    Foresight::of(now, &outlook, Some(start), GRAMS_PER_KWH)
}

#[track_caller]
fn check(prospect: &Prospect, screen: Option<&Screen>, expected: &[&str]) {
    let page = page(prospect, screen);
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines, expected, "\n{page}");
}

#[test]
fn plain_lines_where_nobody_draws() {
    check(
        &prospect(),
        None,
        &[
            "14.0 of 14.0 kWh are still to charge before the car leaves tomorrow 7:30 AM EDT, planned by the \
             forecast of 5 PM EDT. 2 runs come to 100 g/kWh; at once it would be 300, so 67 % are saved.",
            "  tomorrow 1:04 AM EDT - tomorrow 2:04 AM EDT  1 h  100 g/kWh",
            "  tomorrow 3 AM EDT - tomorrow 4 AM EDT  1 h  100 g/kWh",
            "Charging is off: cleaner hours come.",
        ],
    );
}

#[test]
fn a_picture_on_80_columns() {
    check(
        &prospect(),
        Some(&WIDE),
        &[
            "14.0 of 14.0 kWh are still to charge before the car leaves tomorrow 7:30 AM EDT,",
            "planned by the forecast of 5 PM EDT. 2 runs come to 100 g/kWh; at once it would",
            "be 300, so 67 % are saved.",
            "",
            "g/kWh by quarter hours; ━ planned",
            "  300 ┤████████████████████████████████            ██████████████████",
            "      │████████████████████████████████            ██████████████████",
            "      │████████████████████████████████            ██████████████████",
            "      │████████████████████████████████            ██████████████████",
            "  100 ┤████████████████████████████████▁▁▁▁▁▁▁▁▁▁▁▁██████████████████",
            "                                       ━━━━─   ━━━━",
            "           6 PM    8 PM    10 PM   Wed 25  2 AM    4 AM    6 AM    8 AM",
            "       ▲ now                         leaves tomorrow 7:30 AM EDT ▲",
            "",
            "  tomorrow 1:04 AM EDT - tomorrow 2:04 AM EDT: 1 h, 100 g/kWh",
            "  tomorrow 3 AM EDT - tomorrow 4 AM EDT: 1 h, 100 g/kWh",
            "Charging is off: cleaner hours come.",
        ],
    );
}

#[test]
fn every_line_stays_within_the_screen() {
    for columns in [40, 60, 80, 120, 200] {
        for unicode in [true, false] {
            let screen = Screen { columns, colors: false, unicode };
            for hours in [0, 5, 96] {
                let mut prospect = prospect();
                prospect.foresight = Some(foresight(prospect.status.now, hours));
                let page = page(&prospect, Some(&screen));
                let longest = page.lines().map(|line| line.chars().count()).max();
                assert!(longest <= Some(columns), "{columns}\n{page}");
                assert_eq!(page.is_ascii(), !unicode, "{page}");
                assert!(!page.contains('\x1b'), "{page}");
            }
        }
    }
}

#[test]
fn a_wide_screen_shows_the_same_quarter_hours_and_the_departure_with_its_word() {
    let page = page(&prospect(), Some(&Screen { columns: 120, ..WIDE }));
    assert!(page.contains("▲ now") && page.contains("▲ leaves tomorrow 7:30 AM EDT"), "{page}");
}

#[test]
fn colors_are_the_grid_s_and_can_be_done_without() {
    let page = page(&prospect(), Some(&Screen { colors: true, ..WIDE }));
    for ink in ["\x1b[31m█", "\x1b[32m▁", "\x1b[1m━"] {
        assert!(page.contains(ink), "{ink:?} is not in {page}");
    }
}

#[test]
fn a_run_under_way_begins_now_and_one_that_is_over_is_not_shown() {
    let mut prospect = prospect();
    prospect.status.now = at("2026-03-25T07:30:00Z");
    let charge = prospect.status.charge.as_mut().unwrap();
    charge.left_kwh = 3.5;
    let reckoned = Reckoned::of(charge, prospect.foresight.as_ref(), prospect.status.now);
    let left = RunStatus { start: at("2026-03-25T07:30:00Z"), end: at("2026-03-25T08:00:00Z") };
    assert_eq!(reckoned.runs, [left]);
    assert_eq!((reckoned.energy_kwh, reckoned.grams), (3.5, 350.0));
    assert_eq!((reckoned.mean, reckoned.at_once), (Some(100.0), Some(100.0)));
    assert!(page(&prospect, None).contains("One run comes to 100 g/kWh, as at once."));
}

#[test]
fn the_basis_is_said() {
    #[track_caller]
    fn check(basis: &str, issued: bool, expected: &str) {
        let mut prospect = prospect();
        prospect.status.charge.as_mut().unwrap().basis = basis.to_owned();
        if !issued {
            prospect.foresight.as_mut().unwrap().issued = None;
        }
        let page = page(&prospect, None);
        assert!(page.contains(expected), "{page}");
    }
    check("forecast", true, ", planned by the forecast of 5 PM EDT.");
    check("forecast", false, ", planned by the forecast.");
    check(
        "history",
        false,
        ", planned by this agent's own history of the week, without a forecast.",
    );
    check("mixed", true, ", planned in part by the forecast, which does not reach far enough.");
    check("deadline", false, ", planned as late as the departure allows: no forecast is known.");
}

#[test]
fn what_else_there_is_to_say() {
    #[track_caller]
    fn check(change: impl Fn(&mut Status), expected: &str) {
        let mut prospect = prospect();
        change(&mut prospect.status);
        let page = page(&prospect, None);
        assert!(page.contains(expected), "{page}");
    }
    check(
        |status| status.mode = "now".to_owned(),
        " The mode is \"now\": the plan is not followed.",
    );
    check(
        |status| status.mode = "observe".to_owned(),
        " The agent only observes: nothing is moved.",
    );
    check(|status| status.signal.origin = "recorded".to_owned(), " The data are recorded: a demo.");
    check(
        |status| status.charge.as_mut().unwrap().left_kwh = 0.0,
        "The car has what it needs to leave tomorrow 7:30 AM EDT.\n",
    );
    check(
        |status| status.charge = None,
        "No charge is planned: the settings name no departure ([charge]). The car may charge below 200 \
         g/kWh, and stops above 250.\n",
    );
    check(
        |status| (status.charge, status.clock) = (None, "not-set".to_owned()),
        "No charge is planned: the clock cannot be trusted.",
    );
    check(
        |status| status.charge.as_mut().unwrap().depart = at("2026-03-25T07:15:00Z"),
        " It will be 45 min late.",
    );
}

#[test]
fn without_a_charge_the_next_day_is_drawn() {
    let mut prospect = prospect();
    prospect.status.charge = None;
    let page = page(&prospect, Some(&WIDE));
    assert!(page.contains("g/kWh by half hours\n") && page.contains("▲ now\n"), "{page}");
}

#[test]
fn hours_of_own_history_and_unknown_ones_are_told_apart() {
    let mut prospect = prospect();
    let foresight = prospect.foresight.as_mut().unwrap();
    foresight.forecast.truncate(16);
    foresight.usual = vec![Some(250.0); 40];
    let page = page(&prospect, Some(&WIDE));
    assert!(page.contains("; from 9 PM EDT on by own history; ? not known"), "{page}");
    assert!(page.contains("????"), "{page}");
}

#[test]
fn the_machine_form_has_the_fields_of_a_plan_by_hand_and_more() {
    let answer = machine(&prospect());
    for field in ["slots", "energy_kwh", "grams", "mean_g_per_kwh", "basis", "overrun_s", "reason"]
    {
        assert!(!answer[field].is_null(), "{field} is not in {answer}");
    }
    assert_eq!(
        answer["slots"],
        json!([
            {"start": "2026-03-25T05:04:10Z", "end": "2026-03-25T06:04:10Z", "value": 100.0},
            {"start": "2026-03-25T07:00:00Z", "end": "2026-03-25T08:00:00Z", "value": 100.0},
        ])
    );
    assert_eq!((&answer["energy_kwh"], &answer["grams"]), (&json!(14.0), &json!(1400.0)));
    assert_eq!(answer["at_once_mean_g_per_kwh"], json!(300.0));
    assert_eq!(answer["foresight"]["step_s"], json!(900));
    let nothing =
        machine(&Prospect { status: Status { charge: None, ..status() }, foresight: None });
    assert_eq!((&nothing["slots"], &nothing["depart"]), (&json!([]), &Value::Null));
}

#[test]
fn slots_are_cut_where_the_value_changes_and_where_nothing_is_known() {
    let run = RunStatus { start: at("2026-03-25T04:30:00Z"), end: at("2026-03-25T09:30:00Z") };
    let now = at("2026-03-24T21:00:00Z");
    let cut = cut(&run, &foresight(now, 12).expected());
    let told: Vec<_> =
        cut.iter().map(|(run, value)| (run.start.format("%H:%M").to_string(), *value)).collect();
    let slot = |start: &str, value| (start.to_owned(), value);
    assert_eq!(
        told,
        [
            slot("04:30", Some(300.0)),
            slot("05:00", Some(100.0)),
            slot("08:00", Some(300.0)),
            slot("09:00", None),
        ]
    );
}
