//! The table of safety cases for a charger behind a relay, one test a row, named after it. Further tests of a row
//! are where its part is tested; here is the rule itself, through the whole agent.

use agent::notify::Alarm;
use agent::overrides::Overrides;
use agent::subscriber::FeedEvent;
use chrono::{TimeDelta, Timelike as _};
use domain::control::Contactor;

use crate::charge::{at, clean_nights, desk as planned};
use crate::desk::{CarOnTheDesk, Desk, HOUR, MINUTE};
use Contactor::{Closed, Open};

fn kind(status: &agent::status::Status) -> Option<&str> {
    status.hold.as_ref().map(|hold| hold.kind.as_str())
}

#[tokio::test]
async fn no_car_connected() {
    let mut desk = planned(Open);
    desk.car = Some(CarOnTheDesk { plugged: Some(false), ..CarOnTheDesk::default() });
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    // The cleanest hours come and go, and so does the last moment to begin.
    while agent.now() < at("2026-03-25T10:00:00Z") {
        desk.live(&agent, 5 * MINUTE);
        let status = agent.check(Open).await;
        assert!(status.reason.contains("no car is plugged in"), "{}", status.reason);
    }
    assert_eq!((desk.lifetime(), agent.is_told(Alarm::NotReady)), (0, false));
    // A person may still switch it on.
    let until = Some(agent.now() + TimeDelta::minutes(20));
    desk.overrides.send_replace(Overrides { charge_now_until: until, ..Overrides::default() });
    agent.check(Closed).await;
    desk.overrides.send_replace(Overrides::default());
    // It comes: what is left of the night is charged, and what was closed without it counted for nothing.
    desk.car.as_mut().unwrap().plugged = Some(true);
    desk.live(&agent, MINUTE);
    let status = agent.check(Closed).await;
    assert!(13.8 < status.charge.as_ref().unwrap().left_kwh, "{status:?}");
    assert!(status.reason.contains("the car leaves at 7:30 AM"), "{}", status.reason);
    agent.kill().await;
}

#[tokio::test]
async fn boot_state() {
    for found in [Open, Closed] {
        let mut desk = Desk::new(found);
        desk.offset_secs = 600;
        desk.boot_again();
        let mut agent = desk.start();
        // What is found stays until data come.
        let status = agent.check(found).await;
        assert!(
            status.reason.contains("it has just started and keeps what it found"),
            "{status:?}"
        );
        agent.wait(MINUTE);
        agent.read(150.0);
        agent.check(found).await;
        let (mut waited, mut held) = (0, std::collections::BTreeSet::new());
        while desk.bench().position == Open {
            held.insert(kind(&agent.cycle().await).unwrap().to_owned());
            // A restart of the program draws no other wait.
            agent.kill().await;
            agent = desk.start();
            agent.wait(10);
            waited += 10;
            agent.read(150.0);
            agent.cycle().await;
            assert!(waited < 720, "it waits for ever");
        }
        agent.check(Closed).await;
        assert_eq!(waited == 0, found == Closed);
        assert_eq!(held.contains("returning"), found == Open, "{held:?}");
        agent.kill().await;
    }
}

#[tokio::test]
async fn boot_state_waits_for_no_person_and_no_departure() {
    let mut desk = planned(Open);
    desk.offset_secs = 1800;
    desk.clock.set(at("2026-03-25T09:14:00Z"));
    desk.boot_again();
    let mut agent = desk.start();
    // The minimum off holds everybody.
    agent.wait(6 * MINUTE);
    agent.foresee(clean_nights);
    let status = agent.check(Closed).await;
    assert_eq!(status.claims[0].priority, "departure");
    agent.kill().await;

    let mut desk = planned(Open);
    desk.offset_secs = 1800;
    let until = Some(at("2026-03-24T22:00:00Z"));
    desk.overrides.send_replace(Overrides { charge_now_until: until, ..Overrides::default() });
    desk.boot_again();
    let mut agent = desk.start();
    agent.wait(6 * MINUTE);
    agent.check(Closed).await;
    agent.kill().await;
}

/// Two devices that see one feed come back start at two times.
#[tokio::test]
async fn broker_loss_waits_for_a_time_of_its_own_when_the_feed_returns() {
    let mut desk = Desk::new(Open);
    desk.offset_secs = 600;
    let mut agent = desk.start();
    agent.wait(HOUR);
    agent.read(300.0);
    agent.check(Open).await;
    agent.hear_event(FeedEvent::Lost { reason: "connection refused".to_owned() });
    agent.wait(20 * MINUTE);
    agent.hear_event(FeedEvent::Connected);
    agent.read(150.0);
    assert_eq!(kind(&agent.check(Open).await), Some("returning"));
    agent.wait(10 * MINUTE);
    agent.read(150.0);
    agent.check(Closed).await;
    agent.kill().await;
}

#[tokio::test]
async fn a_fleet_does_not_switch_at_one_threshold() {
    let mut desk = Desk::new(Open);
    desk.offset_secs = 600;
    let mut agent = desk.start();
    let signal = agent.cycle().await.signal;
    let (low, high) = (signal.close_below.unwrap(), signal.open_above.unwrap());
    assert!(low != 200.0 && (194.0..=206.0).contains(&low), "{low}");
    assert!((high / low - 1.25).abs() < 1e-9, "{low} {high}");
    // What is told is what is decided by.
    agent.wait(HOUR);
    agent.read(low + 0.01);
    agent.check(Open).await;
    agent.wait(MINUTE);
    agent.read(low - 0.01);
    agent.check(Closed).await;
    agent.kill().await;
}

/// Lives through the time until `until`; gives how often the contactor moved.
async fn night(desk: &mut Desk, agent: &mut crate::desk::Running, until: &str) -> usize {
    let (mut moves, mut before) = (0, desk.bench().position);
    while agent.now() < at(until) {
        agent.cycle().await;
        desk.live(agent, MINUTE);
        let after = desk.bench().position;
        moves += usize::from(before != after);
        before = after;
    }
    moves
}

#[tokio::test]
async fn car_refuses_to_resume() {
    // Two clean spells with a dirty one between them: a pause.
    let spells = |ts: domain::Timestamp| if matches!(ts.hour(), 5 | 7) { 100.0 } else { 300.0 };
    let mut desk = planned(Open);
    desk.car = Some(CarOnTheDesk { plugged: Some(true), sleeps: true, ..CarOnTheDesk::default() });
    let mut agent = desk.start();
    agent.foresee(spells);
    night(&mut desk, &mut agent, "2026-03-25T06:59:00Z").await;
    assert!(desk.car.unwrap().is_asleep, "the plan has no pause");
    assert!(!agent.is_told(Alarm::CarRefuses));
    let moves = night(&mut desk, &mut agent, "2026-03-25T11:29:00Z").await;
    // It is told once, stays on, and is not cycled.
    assert!(agent.is_told(Alarm::CarRefuses));
    let status = agent.check(Closed).await;
    assert!(
        moves <= 1 && status.reason.contains("takes no current since it was paused"),
        "{status:?}"
    );
    assert!(5.0 < status.charge.unwrap().left_kwh, "time without current is no charge");
    agent.kill().await;

    // Recorded: the next night is charged in one block, and the car is ready.
    desk.clock.set(at("2026-03-25T16:00:00Z"));
    *desk.car.as_mut().unwrap() =
        CarOnTheDesk { plugged: Some(false), sleeps: true, ..CarOnTheDesk::default() };
    let mut agent = desk.start();
    night(&mut desk, &mut agent, "2026-03-25T22:00:00Z").await;
    assert!(!agent.is_told(Alarm::CarRefuses));
    desk.car.as_mut().unwrap().plugged = Some(true);
    agent.foresee(spells);
    let runs = agent.cycle().await.charge.unwrap().runs;
    assert_eq!(runs.len(), 1, "{runs:?}");
    night(&mut desk, &mut agent, "2026-03-26T11:29:00Z").await;
    let car = desk.car.unwrap();
    assert!(2 * HOUR - 5 * MINUTE <= car.charged_secs, "{car:?}");
    assert!(!agent.is_told(Alarm::CarRefuses));
    agent.kill().await;
}

#[tokio::test]
async fn two_agents() {
    let mut desk = planned(Closed);
    desk.settings.manual_hold = std::time::Duration::ZERO;
    desk.settings.limits.per_hour = 60;
    desk.settings.limits.per_day = 500;
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    agent.check(Open).await;
    // Somebody else closes what the plan opens, again and again; once is a hand.
    for n in 0..2 {
        assert!(!agent.is_told(Alarm::SecondController), "{n}");
        desk.bench().position = Closed;
        agent.wait(6 * MINUTE);
        agent.cycle().await;
        agent.wait(n * MINUTE);
        desk.bench().position = Open;
        agent.cycle().await;
    }
    desk.bench().position = Closed;
    agent.cycle().await;
    agent.wait(11 * MINUTE);
    let status = agent.check(Closed).await;
    assert!(agent.is_told(Alarm::SecondController) && !agent.is_told(Alarm::RelayDisobeys));
    assert!(status.reason.contains("is there a second controller?"), "{}", status.reason);
    // Over when nobody else has moved it for half an hour.
    agent.wait(20 * MINUTE);
    let status = agent.check(Open).await;
    assert!(!agent.is_told(Alarm::SecondController), "{}", status.reason);
    assert_eq!(status.actuator.trouble, None);
    agent.kill().await;
}
