//! The clock's stories: 1970, jumps, a board that forgets.

use agent::config::TrustPolicy;
use chrono::TimeDelta;
use domain::Timestamp;
use domain::control::Contactor;
use domain::wire::Origin;

use crate::desk::{Desk, MINUTE};
use Contactor::{Closed, Open};

#[tokio::test]
async fn with_the_clock_at_1970_it_waits_then_lets_the_car_charge_then_heals() {
    let desk = Desk::new(Open);
    let true_now = agent_now(&desk);
    desk.clock.set(Timestamp::UNIX_EPOCH);
    let mut agent = desk.start();
    // The feed knows the time, and what it says is kept.
    let mut reading = agent.reading(300.0);
    reading.ts = true_now;
    agent.hear(reading);
    let status = agent.check(Open).await;
    assert_eq!(status.clock, "behind");
    assert!(status.reason.contains("waiting for a clock that can be trusted"), "{}", status.reason);
    agent.wait(2 * MINUTE);
    let status = agent.check(Closed).await;
    assert!(status.reason.contains("the clock is wrong"), "{}", status.reason);

    desk.clock.set(true_now + TimeDelta::minutes(2));
    agent.wait(10 * MINUTE);
    let status = agent.check(Open).await;
    assert_eq!((status.clock.as_str(), status.signal.source.as_str()), ("trusted", "live"));
    agent.kill().await;
}

fn agent_now(desk: &Desk) -> Timestamp {
    use service::clock::Clock as _;
    desk.clock.now()
}

#[tokio::test]
async fn a_board_without_a_clock_waits_to_be_told_the_time() {
    let mut desk = Desk::new(Open);
    desk.policy = TrustPolicy::Auto;
    let mut agent = desk.start();
    let reading = agent.reading(150.0);
    // What the broker had kept does not speak for the clock: it may be as old as the clock is wrong.
    agent.hear_event(agent::subscriber::FeedEvent::Reading {
        reading: Box::new(reading),
        retained: true,
    });
    assert_eq!(agent.check(Open).await.clock, "not-set");
    agent.wait(MINUTE);
    // What was sent just now does.
    agent.read(150.0);
    assert_eq!(agent.check(Closed).await.clock, "trusted");
    agent.kill().await;
}

#[tokio::test]
async fn clock_jumps_neither_shorten_nor_stretch_a_minimum_time() {
    for jump in [TimeDelta::hours(-3), TimeDelta::days(1)] {
        let desk = Desk::new(Open);
        let mut agent = desk.start();
        agent.fill(7, Origin::Nyiso, |_| 300.0);
        agent.wait(5 * MINUTE);
        agent.read(150.0);
        agent.check(Closed).await;
        desk.clock.set(agent.now() + jump);
        agent.wait(9 * MINUTE);
        agent.check(Closed).await;
        agent.wait(MINUTE);
        // Forward: the reading is stale, this hour is usually dirty. Back: the clock is behind what has
        // been, so the car may charge.
        let expected = if jump < TimeDelta::zero() { Closed } else { Open };
        agent.check(expected).await;
        agent.kill().await;
    }
}
