//! The feed's stories: silence, repetition, disorder, nonsense, demo data.

use agent::subscriber::FeedEvent;
use chrono::{TimeDelta, Timelike};
use domain::Timestamp;
use domain::control::Contactor;
use domain::wire::Origin;

use crate::desk::{Desk, HOUR, MINUTE};
use Contactor::{Closed, Open};

/// Clean from 04:00 to 10:00 UTC, dirty otherwise.
fn clean_nights(ts: Timestamp) -> f64 {
    // The stamp is the interval's end.
    if (4..10).contains(&(ts - TimeDelta::minutes(1)).hour()) { 100.0 } else { 400.0 }
}

#[tokio::test]
async fn feed_gone_for_a_day_is_bridged_by_own_history_and_said() {
    let desk = Desk::new(Closed);
    let mut agent = desk.start();
    agent.fill(7, Origin::Nyiso, clean_nights);
    agent.read(300.0);
    agent.check(Open).await;
    agent.hear_event(FeedEvent::Lost { reason: "connection refused".to_owned() });

    let mut moves = Vec::new();
    for _ in 0..24 * 6 {
        agent.wait(10 * MINUTE);
        let before = desk.bench().position;
        let status = agent.cycle().await;
        let after = desk.bench().position;
        if before != after {
            moves.push((agent.now().hour(), after));
        }
        assert!(!status.feed.connected);
        let age = agent.now() - "2026-03-24T12:00:00Z".parse::<Timestamp>().expect("a time");
        let expected = if age <= TimeDelta::minutes(30) { "live" } else { "usual" };
        assert_eq!(status.signal.source, expected);
        let why = status.why();
        assert!(why.contains("The feed has been away since") && why.contains("8 AM EDT"), "{why}");
    }
    assert_eq!(moves, [(4, Closed), (10, Open)]);
    let status = agent.cycle().await;
    assert_eq!(
        status.reason,
        "Charging is off: the newest reading is too old (yesterday 8 AM EDT), and by this agent's own \
         history the grid is usually dirty at this hour (400 g/kWh, above 250); it starts below 200 \
         g/kWh, likely around tomorrow 12 AM EDT."
    );

    agent.hear_event(FeedEvent::Connected);
    agent.read(100.0);
    assert_eq!(agent.check(Closed).await.signal.source, "live");
    agent.kill().await;
}

#[tokio::test]
async fn without_any_history_a_silent_feed_lets_the_car_charge() {
    let desk = Desk::new(Closed);
    let mut agent = desk.start();
    agent.read(300.0);
    agent.check(Open).await;
    agent.wait(31 * MINUTE);
    let status = agent.check(Closed).await;
    assert_eq!(status.signal.source, "none");
    assert_eq!(
        status.reason,
        "Charging is on: the newest reading is too old (8 AM EDT), and there is no history of this \
         hour, so the safe position holds (on); it decides by the grid again once there are data."
    );
    agent.kill().await;
}

#[tokio::test]
async fn a_restart_keeps_the_last_reading_and_the_history() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.fill(7, Origin::Nyiso, clean_nights);
    agent.wait(5 * MINUTE);
    agent.read(150.0);
    agent.check(Closed).await;
    agent.kill().await;

    let mut agent = desk.start();
    agent.wait(MINUTE);
    let status = agent.check(Closed).await;
    assert_eq!((status.signal.source.as_str(), status.signal.grams_per_kwh), ("live", Some(150.0)));
    assert!(160.0 < status.signal.history_hours, "{status:?}");
    agent.kill().await;
}

#[tokio::test]
async fn only_newer_readings_count_unless_they_correct() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.read(300.0);
    let newest = agent.reading(300.0);
    assert!(!agent.hear(newest.clone()), "the retained snapshot comes again");

    let mut older = agent.reading(150.0);
    older.ts -= TimeDelta::minutes(5);
    assert!(!agent.hear(older.clone()));
    agent.check(Open).await;

    older.revised = true;
    assert!(agent.hear(older), "a correction of history");
    agent.check(Open).await;

    let mut corrected = newest;
    corrected.value = 150.0;
    corrected.revised = true;
    assert!(agent.hear(corrected), "a correction of the newest");
    agent.check(Closed).await;
    agent.kill().await;
}

#[tokio::test]
async fn a_stamp_from_the_future_neither_counts_nor_shuts_out_the_true_ones() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    let mut ahead = agent.reading(150.0);
    ahead.ts += TimeDelta::minutes(11);
    assert!(!agent.hear(ahead));
    agent.check(Open).await;
    agent.read(150.0);
    agent.check(Closed).await;
    agent.kill().await;
}

#[tokio::test]
async fn an_incomplete_reading_is_missing_and_not_small() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    let mut partial = agent.reading(10.0);
    partial.complete = false;
    assert!(!agent.hear(partial));
    agent.check(Open).await;
    agent.kill().await;
}

#[tokio::test]
async fn implausible_data_are_missing_data() {
    let desk = Desk::new(Closed);
    let mut agent = desk.start();
    agent.fill(7, Origin::Nyiso, |_| 150.0);
    agent.read(150.0);
    agent.check(Closed).await;
    agent.wait(5 * MINUTE);
    agent.read(1400.0);
    let status = agent.check(Closed).await;
    assert_eq!(status.signal.source, "usual", "the last good one is not the newest any more");
    agent.wait(5 * MINUTE);
    agent.read(1400.0);
    // Confirmed by a second one.
    agent.check(Open).await;
    agent.kill().await;
}

#[tokio::test]
async fn demo_data_never_mix_with_live_ones() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.fill(7, Origin::Generated, |_| 100.0);
    let mut made_up = agent.reading(150.0);
    made_up.origin = Origin::Generated;
    assert!(agent.hear(made_up.clone()));
    let status = agent.check(Closed).await;
    assert_eq!(status.signal.origin, "generated");
    assert!(status.line().contains("[generated data]"));

    agent.wait(11 * MINUTE);
    agent.read(300.0);
    let status = agent.check(Open).await;
    assert_eq!((status.signal.origin.as_str(), status.signal.usual_grams_per_kwh), ("nyiso", None));

    agent.wait(6 * MINUTE);
    made_up.ts = agent.now();
    assert!(!agent.hear(made_up), "live data are fresh");
    agent.check(Open).await;
    let now = agent.now();
    assert_eq!(desk.store().readings(Origin::Nyiso, now).len(), 1);
    agent.kill().await;
}

#[tokio::test]
async fn a_real_contactor_is_not_moved_for_demo_data() {
    let mut desk = Desk::new(Open);
    desk.accept_demo = false;
    let mut agent = desk.start();
    for origin in [Origin::Generated, Origin::Recorded] {
        let mut demo = agent.reading(150.0);
        demo.origin = origin;
        assert!(!agent.hear(demo));
        agent.fill(7, origin, |_| 100.0);
    }
    let status = agent.check(Open).await;
    assert_eq!(status.signal.grams_per_kwh, None);
    agent.kill().await;
}

#[tokio::test]
async fn played_back_data_age_by_their_arrival() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    let mut recorded = agent.reading(150.0);
    recorded.origin = Origin::Recorded;
    recorded.ts -= TimeDelta::days(3000);
    assert!(agent.hear(recorded));
    assert_eq!(agent.check(Closed).await.signal.source, "live");
    agent.wait(31 * MINUTE);
    assert_eq!(agent.cycle().await.signal.source, "none");
    agent.kill().await;
}

#[tokio::test]
async fn a_demo_that_catches_up_is_not_live_yet() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    let mut yesterday = agent.reading(140.0);
    yesterday.origin = Origin::Generated;
    yesterday.ts -= TimeDelta::hours(13);
    assert!(agent.hear(yesterday));
    assert_eq!(agent.check(Open).await.signal.source, "none");
    let mut now = agent.reading(150.0);
    now.origin = Origin::Generated;
    assert!(agent.hear(now));
    assert_eq!(agent.check(Closed).await.signal.source, "live");
    agent.kill().await;
}

#[tokio::test]
async fn the_series_fill_holes_and_nothing_else() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.read(300.0);
    agent.wait(5 * MINUTE);
    agent.read(310.0);
    agent.wait(5 * MINUTE);
    agent.fill(1, Origin::Nyiso, |_| 100.0);
    let now = agent.now();
    let readings = desk.store().readings(Origin::Nyiso, now);
    assert_eq!(readings.iter().filter(|sample| sample.grams_per_kwh == 310.0).count(), 1);
    assert!(90 < readings.len(), "a day of quarters");
    let before = readings.len();
    agent.fill(1, Origin::Nyiso, |_| 999.0);
    assert_eq!(desk.store().readings(Origin::Nyiso, now).len(), before);
    agent.wait(HOUR);
    agent.kill().await;
}
