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
async fn min_on_and_off() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.read(150.0);
    agent.check(Closed).await;
    // No restart gets round a minimum, whichever way it ends.
    for _ in 0..9 {
        agent.kill().await;
        agent = desk.start();
        agent.wait(MINUTE);
        agent.read(300.0);
        assert_eq!(kind(&agent.check(Closed).await), Some("minimum-on"));
    }
    agent.wait(MINUTE);
    agent.check(Open).await;
    agent.wait(4 * MINUTE);
    agent.read(150.0);
    assert_eq!(kind(&agent.check(Open).await), Some("minimum-off"));
    // A person who wants it on waits, too; one who wants it off does not.
    let ask = |now, skip| {
        let overrides =
            Overrides { charge_now_until: now, skip_until: skip, ..Overrides::default() };
        desk.overrides.send_replace(overrides);
    };
    let soon = Some(agent.now() + TimeDelta::hours(1));
    ask(soon, None);
    agent.check(Open).await;
    agent.wait(MINUTE);
    agent.check(Closed).await;
    ask(None, soon);
    agent.check(Open).await;
    agent.kill().await;
}

#[tokio::test]
async fn switch_rate() {
    let desk = Desk::new(Closed);
    let mut agent = desk.start();
    let mut told = 0;
    for n in 0..24 * 4 {
        agent.read(if n % 2 == 0 { 300.0 } else { 150.0 });
        let status = agent.cycle().await;
        assert!(status.switches.last_hour <= 4 && status.switches.last_day <= 12, "{status:?}");
        if kind(&status) == Some("budget") {
            assert_eq!(
                status.position.as_deref(),
                Some("closed"),
                "the one that gets the car ready"
            );
            assert!(status.reason.contains("switches allowed in"), "{}", status.reason);
            told += 1;
        }
        agent.wait(15 * MINUTE);
    }
    assert!(10 < told, "{told}");
    let lifetime = desk.lifetime();
    agent.kill().await;
    let mut agent = desk.start();
    assert_eq!((agent.cycle().await.switches.lifetime, lifetime), (12, 12));
    agent.kill().await;
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
            assert!(waited < 720 + 600, "it waits for ever");
        }
        agent.check(Closed).await;
        assert_eq!(waited == 0, found == Closed);
        let waits = held.contains("returning") || held.contains("turning");
        assert_eq!(waits, found == Open, "{held:?}");
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
    let kind = kind(&agent.check(Open).await).map(str::to_owned);
    assert!(matches!(kind.as_deref(), Some("returning" | "turning")), "{kind:?}");
    agent.wait(10 * MINUTE);
    agent.read(150.0);
    agent.check(Closed).await;
    agent.kill().await;
}

#[tokio::test]
async fn a_fleet_switches_neither_at_one_threshold_nor_in_one_second() {
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
    assert_eq!(kind(&agent.check(Open).await), None);
    agent.wait(MINUTE);
    agent.read(low - 0.01);
    let status = agent.check(Open).await;
    assert_eq!(kind(&status), Some("turning"));
    let until = status.next_change.unwrap();
    assert!(until - agent.now() < TimeDelta::minutes(10), "{status:?}");
    // The next reading draws no other time; at that it moves.
    while agent.now() < until {
        assert_eq!(agent.check(Open).await.next_change, Some(until));
        agent.wait(1);
        agent.read(low - 0.02);
    }
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
    desk.settings.manual_hold = Some(std::time::Duration::ZERO);
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

/// The service manager's watchdog is fed by the control loop alone (`process` asks the program); here: a relay
/// that never answers does not hang that loop.
#[tokio::test(start_paused = true)]
async fn hang() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    desk.bench().is_silent = true;
    agent.read(150.0);
    let before = tokio::time::Instant::now();
    let status = agent.check(Open).await;
    // Three tries of 5 s: a third of the watchdog's 60 s.
    assert!(before.elapsed() <= std::time::Duration::from_secs(20), "{:?}", before.elapsed());
    assert!(status.reason.contains("no answer within 5 s"), "{}", status.reason);
    assert!(agent.is_told(Alarm::RelayDisobeys));
    agent.kill().await;
}

#[tokio::test]
async fn stale_live_value() {
    let desk = Desk::new(Closed);
    let mut agent = desk.start();
    agent.foresee(|ts| if ts.hour() < 13 { 300.0 } else { 100.0 });
    agent.read(300.0);
    agent.check(Open).await;
    agent.wait(30 * MINUTE);
    assert_eq!(agent.check(Open).await.signal.source, "live");
    // Older than 30 minutes: the forecast of this hour, and the age is told.
    agent.wait(31 * MINUTE);
    let status = agent.check(Closed).await;
    assert_eq!((status.signal.source.as_str(), status.signal.age_s), ("forecast", Some(61 * 60)));
    assert!(
        status.reason.contains(
            "the newest reading is too old (8 AM EDT), and by the last forecast the grid is clean"
        ),
        "{}",
        status.reason
    );
    agent.kill().await;
}

/// live, the forecast while its slots cover, the usual hour, the latest start: and never 0 g for what is missing.
#[tokio::test]
async fn stale_forecast() {
    let mut desk = planned(Closed);
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    agent.check(Open).await;
    agent.hear_event(FeedEvent::Lost { reason: "gone".to_owned() });
    for (hours, basis) in [(48, "forecast"), (30, "mixed"), (24, "deadline")] {
        agent.wait(hours * HOUR);
        let charge = agent.cycle().await.charge.unwrap();
        if basis != "mixed" {
            assert_eq!(charge.basis, basis, "after {hours} h more: {charge:?}");
        }
        assert_ne!(charge.mean_g_per_kwh, Some(0.0));
    }
    agent.kill().await;
    // With history: by the usual hour.
    desk.clock.advance(std::time::Duration::from_secs(60));
    let mut agent = desk.start();
    agent.fill(14, domain::wire::Origin::Nyiso, |ts| clean_nights(ts - TimeDelta::minutes(1)));
    agent.wait(15 * MINUTE);
    assert_eq!(agent.cycle().await.charge.unwrap().basis, "history");
    desk.live(&agent, 1);
    agent.kill().await;
}

#[tokio::test]
async fn implausible_data() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.read(300.0);
    agent.check(Open).await;
    // A step that the grid cannot make; then a meter of the publisher that hangs.
    agent.wait(5 * MINUTE);
    agent.read(1400.0);
    let status = agent.cycle().await;
    assert_eq!(status.signal.grams_per_kwh, None, "missing, and not believed: {status:?}");
    for _ in 0..52 {
        agent.wait(5 * MINUTE);
        agent.read(150.0);
        agent.cycle().await;
    }
    let status = agent.cycle().await;
    assert_ne!(status.signal.source, "live", "flat for hours: {status:?}");
    agent.kill().await;
}

#[tokio::test]
async fn clock_not_set() {
    let mut desk = planned(Open);
    desk.policy = agent::config::TrustPolicy::Auto;
    // A board without a battery comes up with the time it last kept: plausible, and old.
    let mut agent = desk.start();
    agent.wait(MINUTE);
    let status = agent.check(Open).await;
    assert_eq!(status.clock, "not-set");
    // It runs free: the car may charge, and no departure is guessed.
    agent.wait(2 * MINUTE);
    let status = agent.check(Closed).await;
    assert!(status.charge.is_none() && status.reason.contains("the clock has not been set"));
    // Older than what is on record, or than the program itself: wrong.
    agent.read(300.0);
    desk.clock.set(agent.now() - TimeDelta::hours(5));
    assert_eq!(agent.cycle().await.clock, "behind");
    agent.kill().await;
}

#[tokio::test]
async fn clock_jump() {
    let desk = planned(Closed);
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    let first = agent.check(Open).await.charge.unwrap();
    // The minimum off goes on by the stopwatch, and the plan is made anew.
    desk.clock.set(agent.now() + TimeDelta::hours(11));
    let second = agent.cycle().await.charge.unwrap();
    assert_eq!(second.depart, first.depart);
    assert_ne!(second.runs, first.runs);
    let until = Some(agent.now() + TimeDelta::hours(1));
    desk.overrides.send_replace(Overrides { charge_now_until: until, ..Overrides::default() });
    agent.wait(4 * MINUTE);
    assert_eq!(kind(&agent.check(Open).await), Some("minimum-off"));
    agent.wait(MINUTE);
    agent.check(Closed).await;
    agent.kill().await;
}

/// The nights themselves are lived through in `faults::clock_changes`.
#[tokio::test]
async fn dst() {
    for (evening, depart) in [
        ("2026-03-07T23:00:00Z", "2026-03-08T11:30:00Z"),
        ("2026-10-31T22:00:00Z", "2026-11-01T12:30:00Z"),
    ] {
        let desk = planned(Closed);
        desk.clock.set(at(evening));
        let mut agent = desk.start();
        let charge = agent.cycle().await.charge.unwrap();
        assert_eq!(charge.depart, at(depart), "07:30 by the wall clock");
        agent.kill().await;
    }
}

#[tokio::test]
async fn power_loss_mid_charge() {
    let mut desk = planned(Closed);
    desk.offset_secs = 600;
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    night(&mut desk, &mut agent, "2026-03-25T07:00:00Z").await;
    let before = agent.check(Closed).await.charge.unwrap();
    assert!((1.0..13.0).contains(&before.left_kwh), "{before:?}");
    agent.kill().await;
    // Power is away for ten minutes; the relay falls open.
    desk.clock.advance(std::time::Duration::from_secs(600));
    desk.boot_again();
    desk.bench().position = Open;
    let mut agent = desk.start();
    agent.cycle().await;
    let after = agent.check(Open).await;
    let charge = after.charge.unwrap();
    // The same departure, and what was charged is not forgotten.
    assert_eq!(charge.depart, before.depart);
    assert!((charge.left_kwh - before.left_kwh).abs() < 0.3, "{before:?} {charge:?}");
    night(&mut desk, &mut agent, "2026-03-25T11:29:00Z").await;
    assert_eq!(agent.cycle().await.charge.unwrap().left_kwh, 0.0);
    agent.kill().await;
}

/// Killed at every write: `killed`. Files cut, overwritten, emptied: `faults::the_files_of_the_store`. Here: a
/// store that nobody can use.
#[tokio::test]
async fn torn_write() {
    let dir = tempfile::tempdir().unwrap();
    let history = dir.path().join("history");
    std::fs::create_dir(&history).unwrap();
    let open = || {
        let config = service::history::SledConfig::default();
        service::history::SledHistory::open(&history, config).expect("opens whatever it finds")
    };
    let desk = Desk::with_history(Open, std::sync::Arc::new(open().0));
    let mut agent = desk.start();
    agent.read(150.0);
    agent.check(Closed).await;
    agent.kill().await;
    drop(desk);
    let mut cut = 0;
    let mut pending = vec![history.clone()];
    while let Some(dir) = pending.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let noise = vec![0xa5; 1 + std::fs::metadata(&path).unwrap().len() as usize / 2];
                std::fs::write(&path, noise).unwrap();
                cut += 1;
            }
        }
    }
    assert!(0 < cut, "nothing to damage");
    // Renamed, begun anew, and the minimum time counts from now, since nothing is known.
    let (store, report) = open();
    assert!(report.is_trouble(), "{report}");
    let mut desk = Desk::with_history(Closed, std::sync::Arc::new(store));
    desk.record_is_doubtful = report.is_trouble();
    let mut agent = desk.start();
    agent.read(300.0);
    assert_eq!(kind(&agent.check(Closed).await), Some("minimum-on"));
    agent.wait(10 * MINUTE);
    agent.check(Open).await;
    agent.kill().await;
}

#[tokio::test]
async fn broker_loss() {
    let mut desk = planned(Closed);
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    let before = agent.check(Open).await.charge.unwrap();
    agent.hear_event(FeedEvent::Lost { reason: "connection refused".to_owned() });
    agent.wait(HOUR);
    let status = agent.check(Open).await;
    // The plan is the agent's own: it goes on.
    assert_eq!(status.charge.unwrap().runs, before.runs);
    assert!(!status.feed.connected);
    let moves = night(&mut desk, &mut agent, "2026-03-25T11:29:00Z").await;
    assert_eq!((moves, agent.cycle().await.charge.unwrap().left_kwh), (2, 0.0));
    agent.kill().await;
}

/// Nothing that arrives on a broker is a command: those come by the local socket, each with its end. Data may be
/// retained and may come twice; an older one does not count.
#[tokio::test]
async fn retained_duplicate_replayed() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.read(300.0);
    let newest = agent.reading(300.0);
    let mut replayed = agent.reading(150.0);
    replayed.ts -= TimeDelta::minutes(5);
    for retained in [false, true] {
        for reading in [&newest, &replayed] {
            let reading = Box::new(reading.clone());
            assert!(!agent.hear_event(FeedEvent::Reading { reading, retained }));
        }
    }
    let status = agent.check(Open).await;
    assert_eq!(status.signal.grams_per_kwh, Some(300.0));
    agent.kill().await;
}

#[tokio::test]
async fn out_of_order_forecast() {
    let desk = planned(Closed);
    let mut agent = desk.start();
    assert!(agent.foresee(clean_nights));
    let runs = agent.check(Open).await.charge.unwrap().runs;
    let refuse = |agent: &mut crate::desk::Running, issued| {
        let forecast = crate::charge::forecast(issued, |_| 50.0);
        assert!(!agent.hear_event(FeedEvent::Forecast(Box::new(forecast))), "{issued}");
    };
    // An older one, the same once more, and one of a publisher whose clock is ahead.
    let now = agent.now();
    for issued in [now - TimeDelta::hours(1), now, now + TimeDelta::days(3)] {
        refuse(&mut agent, issued);
    }
    agent.wait(16 * MINUTE);
    assert_eq!(agent.cycle().await.charge.unwrap().runs, runs);
    // After a restart, too.
    agent.kill().await;
    let mut agent = desk.start();
    refuse(&mut agent, now - TimeDelta::hours(1));
    agent.kill().await;
}

#[tokio::test]
async fn flipped_by_hand() {
    let mut desk = planned(Closed);
    desk.car = Some(CarOnTheDesk { plugged: Some(true), ..CarOnTheDesk::default() });
    let mut agent = desk.start();
    agent.foresee(clean_nights);
    agent.check(Open).await;
    desk.live(&agent, HOUR);
    desk.bench().position = Closed;
    agent.check(Closed).await;
    // Until the car leaves, over restarts, and it is said.
    desk.live(&agent, 5 * HOUR);
    agent.kill().await;
    let mut agent = desk.start();
    let status = agent.check(Closed).await;
    assert_eq!(status.claims[0].priority, "manual");
    assert!(status.reason.contains("switched it on by hand"), "{}", status.reason);
    assert_eq!(status.next_change, Some(at("2026-03-25T11:30:00Z")));
    // Or until it is unplugged: then the plan has it again.
    desk.car.as_mut().unwrap().plugged = Some(false);
    desk.live(&agent, MINUTE);
    assert!(agent.check(Closed).await.reason.contains("no car is plugged in"));
    agent.kill().await;
}

#[tokio::test(start_paused = true)]
async fn actuator_does_not_obey() {
    let desk = Desk::new(Open);
    desk.bench().is_stuck = true;
    let mut agent = desk.start();
    agent.read(150.0);
    let status = agent.check(Open).await;
    // Three tries, then the person; and no cycling. A welded contact shows in the meter: `meter`.
    assert_eq!(desk.bench().orders.len(), 3);
    assert!(status.reason.contains("does not obey: told closed 3 times"), "{}", status.reason);
    assert!(agent.is_told(Alarm::RelayDisobeys));
    for _ in 0..4 {
        agent.check(Open).await;
    }
    assert_eq!(desk.bench().orders.len(), 3);
    desk.bench().is_stuck = false;
    agent.wait(5 * MINUTE);
    agent.check(Closed).await;
    assert!(!agent.is_told(Alarm::RelayDisobeys));
    agent.kill().await;
}

/// Whoever publishes may shift a charge, but never prevent it: see also `faults::the_forecast`.
#[tokio::test]
async fn malicious_publisher() {
    for better_later in [true, false] {
        let mut desk = planned(Open);
        let mut agent = desk.start();
        let mut charged = 0;
        while agent.now() < at("2026-03-25T11:30:00Z") {
            // Each quarter another promise: now is worst, it is about to be best.
            if agent.now().minute().is_multiple_of(15) {
                let now = agent.now();
                agent.foresee(|ts| {
                    let ahead = (ts - now).num_minutes() as f64;
                    if better_later { 1400.0 - ahead / 5.0 } else { 1.0 + ahead % 30.0 }
                });
                agent.read(if agent.now().minute() == 0 { 1499.0 } else { 0.0 });
            }
            agent.cycle().await;
            let is_home = at("2026-03-24T22:00:00Z") <= agent.now();
            charged += u32::from(is_home && desk.bench().position == Closed);
            desk.live(&agent, MINUTE);
        }
        assert!(119 <= charged, "{charged} minutes");
        assert!(desk.lifetime() <= 12, "{}", desk.lifetime());
        agent.kill().await;
    }
}
