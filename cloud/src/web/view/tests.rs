use std::sync::Arc;

use domain::wire::{FeedState, FeedStatus};

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// 6:00 PM Eastern.
fn measured() -> Timestamp {
    at("2026-03-10T22:00:00Z")
}

fn reading() -> CarbonNow {
    CarbonNow {
        ts: measured(),
        value: 208.4,
        units: "g / kWh".into(),
        life_cycle: Some(271.2),
        consumption: None,
        consumption_life_cycle: None,
        production_only: None,
        marginal: None,
        marginal_basis: None,
        renewables_floor_mw: None,
        verdict: Some(Verdict::Clean),
        percentile_7d: Some(24.0),
        percentile_hours: Some(168.0),
        p33: Some(190.0),
        p67: Some(246.0),
        min_7d: Some(168.0),
        max_7d: Some(334.0),
        factor_set: "ny-2026.1".into(),
        complete: true,
        missing: vec![],
        unknown: vec![],
        revised: false,
        origin: Origin::Nyiso,
    }
}

fn view_of(reading: CarbonNow, now: &str) -> View {
    View::of(&Snapshot { now: Some(Arc::new(reading)), ..Snapshot::default() }, at(now))
}

fn mix_view(fuels: &[(&str, f64)]) -> View {
    let mix = Mix {
        ts: measured(),
        interval_s: 300,
        units: "MW".into(),
        fuels: fuels.iter().map(|(name, power)| ((*name).to_owned(), *power)).collect(),
        complete: false,
        revised: false,
        origin: Origin::Nyiso,
    };
    View::of(
        &Snapshot { mix: Some(Arc::new(mix)), ..Snapshot::default() },
        at("2026-03-10T22:05:00Z"),
    )
}

#[test]
fn a_fresh_reading() {
    let view = view_of(reading(), "2026-03-10T22:12:30Z");
    assert_eq!(view.title, "208 g/kWh, clean: New York grid now");
    assert_eq!(
        (view.state, view.verdict_class, view.value.as_str(), view.verdict.as_str()),
        ("fresh", "clean", "208", "Clean")
    );
    assert_eq!(view.standing, "Cleaner than 76 of 100 hours this week");
    assert_eq!(view.age, "Measured 6:00 PM, 12 min ago, NYISO");
    assert_eq!(
        (view.marker.as_str(), view.cleanest.as_str(), view.dirtiest.as_str()),
        ("24.0", "cleanest 168", "dirtiest 334")
    );
    assert!(view.has_strip && view.has_marker);
    assert_eq!(view.banner, "");
}

#[test]
fn age_is_said_and_decides() {
    #[track_caller]
    fn check(now: &str, state: &str, verdict: &str, age: &str) {
        let view = view_of(reading(), now);
        assert_eq!((view.state, view.verdict.as_str(), view.age.as_str()), (state, verdict, age));
    }
    check("2026-03-10T21:59:58Z", "fresh", "Clean", "Measured 6:00 PM, just now, NYISO");
    check("2026-03-10T22:20:00Z", "fresh", "Clean", "Measured 6:00 PM, 20 min ago, NYISO");
    check(
        "2026-03-10T22:20:01Z",
        "late",
        "Clean",
        "Measured 6:00 PM, 20 min ago. NYISO has published nothing since.",
    );
    check(
        "2026-03-10T23:00:01Z",
        "old",
        "No verdict: the data are old",
        "Measured 6:00 PM, 1 h 0 min ago. NYISO has published nothing since.",
    );
    check(
        "2026-03-11T12:31:00Z",
        "old",
        "No verdict: the data are old",
        "Measured Tue 6:00 PM, 14 h 31 min ago. NYISO has published nothing since.",
    );
    check(
        "2026-03-19T22:00:00Z",
        "old",
        "No verdict: the data are old",
        "Measured Mar 10, 6:00 PM, 9 days ago. NYISO has published nothing since.",
    );
}

#[test]
fn just_after_midnight_the_new_file_may_be_late() {
    let midnight = at("2026-03-11T04:00:00Z");
    let minutes = |minutes| midnight + TimeDelta::minutes(minutes);
    assert_eq!(Freshness::of(Some(minutes(-5)), minutes(25)), Freshness::Fresh);
    assert_eq!(Freshness::of(Some(minutes(-6)), minutes(25)), Freshness::Late);
    assert_eq!(Freshness::of(Some(minutes(5)), minutes(30)), Freshness::Late);
    assert_eq!(Freshness::of(None, midnight), Freshness::Waiting);
}

#[test]
fn old_data_keep_their_number_but_lose_their_verdict() {
    let view = view_of(reading(), "2026-03-10T23:30:00Z");
    assert_eq!((view.value.as_str(), view.verdict_class), ("208", "none"));
    assert_eq!(view.title, "Old data: New York grid");
    assert!(view.has_strip && !view.has_marker);
    assert_eq!(view.standing, "");
}

#[test]
fn the_percentile_says_of_how_much_it_is() {
    #[track_caller]
    fn check(percentile: f64, hours: Option<f64>, expected: &str) {
        let reading =
            CarbonNow { percentile_7d: Some(percentile), percentile_hours: hours, ..reading() };
        assert_eq!(view_of(reading, "2026-03-10T22:05:00Z").standing, expected);
    }
    check(24.0, Some(168.0), "Cleaner than 76 of 100 hours this week");
    check(24.0, None, "Cleaner than 76 of 100 hours this week");
    check(0.1, Some(168.0), "Cleaner than 99 of 100 hours this week");
    check(88.0, Some(168.0), "Dirtier than 88 of 100 hours this week");
    check(100.0, Some(168.0), "Dirtier than 99 of 100 hours this week");
    check(24.0, Some(52.9), "Cleaner than 76 of 100 hours, with 52 hours of data so far");
    check(76.0, Some(52.9), "Dirtier than 76 of 100 hours, with 52 hours of data so far");
    check(24.0, Some(47.9), "A verdict needs two days of data; 47 hours are here so far");
}

#[test]
fn too_little_history_gives_no_verdict_and_no_strip() {
    let young = CarbonNow { verdict: None, percentile_hours: Some(5.0), ..reading() };
    let view = view_of(young, "2026-03-10T22:05:00Z");
    assert_eq!((view.verdict.as_str(), view.verdict_class), ("No verdict yet", "none"));
    assert_eq!(view.title, "208 g/kWh: New York grid now");
    assert!(!view.has_strip);
}

#[test]
fn what_is_missing_is_named() {
    #[track_caller]
    fn check(missing: &[&str], unknown: &[&str], expected: &str) {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let reading = CarbonNow {
            complete: false,
            missing: names(missing),
            unknown: names(unknown),
            ..reading()
        };
        assert_eq!(view_of(reading, "2026-03-10T22:05:00Z").incomplete, expected);
    }
    check(
        &["Wind"],
        &[],
        "Incomplete: there are no data for Wind. Its share is not in this number.",
    );
    check(
        &["Dual Fuel", "Wind"],
        &["Batteries"],
        "Incomplete: there are no data for Gas or oil, Wind. Their share is not in this number.",
    );
    check(
        &[],
        &["Batteries"],
        "Incomplete: there is no emission factor for Batteries. That share is not in this number.",
    );
    check(&[], &[], "Incomplete: part of the fuel mix is not in this number.");
    assert_eq!(view_of(reading(), "2026-03-10T22:05:00Z").incomplete, "");
}

#[test]
fn demo_data_are_labeled_in_banner_title_and_age() {
    let view =
        view_of(CarbonNow { origin: Origin::Generated, ..reading() }, "2026-03-10T22:12:00Z");
    assert_eq!(view.banner, "Generated demo data: not New York’s grid");
    assert_eq!(view.title, "208 g/kWh, clean: New York grid now (demo data)");
    assert_eq!(view.age, "Made up for 6:00 PM, 12 min ago");
    let view = view_of(CarbonNow { origin: Origin::Recorded, ..reading() }, "2026-03-10T22:30:00Z");
    assert_eq!(view.banner, "Recorded data: New York’s grid of another day, played back");
    assert_eq!(view.age, "Recorded data, set to 6:00 PM, 30 min ago. Nothing has come since.");
}

#[test]
fn nothing_known_is_said_calmly_and_never_as_zero() {
    let view = View::of(&Snapshot::default(), at("2026-03-10T22:02:00Z"));
    assert_eq!((view.state, view.value.as_str()), ("waiting", "–"));
    assert_eq!(view.verdict, "Waiting for the first reading");
    assert_eq!(
        view.age,
        "NYISO publishes every five minutes. The first reading is expected by 6:10 PM."
    );
    assert_eq!(view.title, "NY Grid Carbon");
    assert!(!view.has_strip);
}

#[test]
fn the_feed_says_why_it_is_late() {
    let feed = FeedStatus {
        newest: None,
        checked: measured(),
        state: FeedState::Gone,
        reason: "NYISO cannot be reached".into(),
        origin: Origin::Nyiso,
    };
    let snapshot = Snapshot {
        now: Some(Arc::new(reading())),
        feed: Some(Arc::new(feed)),
        ..Snapshot::default()
    };
    let said = |now| View::of(&snapshot, at(now)).reason;
    assert_eq!(said("2026-03-10T22:05:00Z"), "");
    assert_eq!(said("2026-03-10T22:45:00Z"), "The feed says: NYISO cannot be reached");
}

#[test]
fn fuels_stand_in_the_order_of_the_stack_and_an_absent_one_is_no_zero() {
    let view = mix_view(&[("Nuclear", 5413.0), ("Hydro", 2706.5), ("Natural Gas", 0.0)]);
    let names = ["Nuclear", "Hydro", "Wind", "Other renewables", "Natural gas", "Gas or oil"];
    let places: Vec<_> = names
        .iter()
        .map(|name| view.mix_rows.find(&format!(">{name}")).unwrap_or_else(|| panic!("{name}")))
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(view.mix_rows.contains(r#"fuel-hydro" width="50.0%"/></svg></td><td>2,707 MW</td>"#));
    assert!(view.mix_rows.contains(r#"fuel-wind" width="0.0%"/></svg></td><td>–</td><td>no data"#));
    assert!(view.mix_rows.contains(r#"fuel-gas" width="0.0%"/></svg></td><td>0 MW</td><td>0 %"#));
    assert!(view.mix_total.starts_with("8,120 MW in all, 6:00 PM."), "{}", view.mix_total);
}

#[test]
fn a_category_of_a_hostile_name_stays_text() {
    let view = mix_view(&[("<img src=x onerror=alert(1)>", 30.0), ("Hydro", -20.4)]);
    assert!(!view.mix_rows.contains("<img"));
    assert!(view.mix_rows.contains("&lt;img src=x onerror=alert(1)&gt; <small>new category"));
    assert!(view.mix_rows.contains("<td>-20 MW</td>"));
}

#[test]
fn hours_without_data_stay_in_the_table() {
    let ts: Vec<_> = [0, 5, 60, 65, 240]
        .iter()
        .map(|minutes| measured() + TimeDelta::minutes(*minutes))
        .collect();
    let series = CarbonSeries {
        units: "g / kWh".into(),
        values: vec![200.0; ts.len()],
        ts,
        factor_set: "x".into(),
        origin: Origin::Nyiso,
    };
    let rows: Vec<_> = hour_rows(&series)
        .split("</tr>")
        .map(|row| row.replace("<tr><th scope=\"row\">", "").replace("</th><td>", "|"))
        .map(|row| row.replace("</td>", ""))
        .collect();
    let expected =
        ["Tue 9 PM|200", "Tue 8 PM|no data", "Tue 7 PM|200", "Tue 6 PM|200", "Tue 5 PM|200", ""];
    assert_eq!(rows, expected);
}

#[test]
fn numbers_are_whole_and_have_commas() {
    for (value, expected) in
        [(0.0, "0"), (-0.4, "0"), (999.5, "1,000"), (5413.0, "5,413"), (-1234.0, "-1,234")]
    {
        assert_eq!(thousands(value), expected);
    }
    assert_eq!(whole(-0.2), "0");
    assert_eq!(whole(207.5), "208");
}
