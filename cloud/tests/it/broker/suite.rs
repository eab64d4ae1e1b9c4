//! What a broker and our session promise each other, whichever broker it is.

use std::time::Duration;

use domain::wire::{ServiceState, ServiceStatus};
use service::mqtt::{Delivery, Event, Password, Publication, Undelivered};
use testkit::{PATIENCE, Subscriber};

use super::{Bench, PUMP, presence, pump, reader, run, soon};

/// Long enough for something to arrive that should not.
const QUIET: Duration = Duration::from_millis(300);

macro_rules! for_both_brokers {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(bench) = super::Bench::embedded().await {
                    super::$name(bench).await;
                }
            })+
        }

        mod mosquitto {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(bench) = super::Bench::mosquitto().await {
                    super::$name(bench).await;
                }
            })+
        }
    };
}

for_both_brokers! {
    anybody_reads_and_only_publishers_write,
    nobody_reads_outside_the_root,
    a_wrong_password_is_refused_for_good,
    a_restart_is_survived_by_both_sides,
    retained_messages_survive_a_restart,
    a_broker_that_forgot_everything_is_told_again,
    a_day_of_series_passes,
    with_the_broker_away_the_newest_is_kept_and_drops_are_counted,
    killed_in_mid_stream_nothing_promised_is_lost,
    a_service_is_seen_to_come_stop_and_die,
    a_kept_session_misses_nothing,
    a_reader_that_does_not_read_holds_nobody_up,
}

/// A denied publication looks like success in MQTT 3.1.1, so we subscribe and look.
async fn anybody_reads_and_only_publishers_write(bench: Bench) {
    let mut viewer = Subscriber::connect(bench.addr(), "ny-power/#").await;
    testkit::publish(bench.addr(), None, "ny-power/t", "forged", true).await;
    testkit::publish(bench.addr(), PUMP, "ny-power/t", "true", true).await;
    let seen = viewer.next("ny-power/t", PATIENCE).await;
    assert_eq!((seen.text(), seen.retain), ("true", false));
    assert_eq!(viewer.all(QUIET).await, []);
    let mut later = Subscriber::connect(bench.addr(), "ny-power/t").await;
    let kept = later.next("ny-power/t", PATIENCE).await;
    assert_eq!((kept.text(), kept.retain), ("true", true));
    assert_eq!(later.all(QUIET).await, []);
}

async fn nobody_reads_outside_the_root(bench: Bench) {
    let everything = Subscriber::connect(bench.addr(), "#").await;
    let system = Subscriber::connect(bench.addr(), "$SYS/#").await;
    let other = Subscriber::connect_as(bench.addr(), "other/#", PUMP).await;
    for topic in ["other/t", "ny-powers/t", "ny-power/t"] {
        testkit::publish(bench.addr(), PUMP, topic, "1", false).await;
    }
    for mut viewer in [everything, system, other] {
        for message in viewer.all(QUIET).await {
            assert!(message.topic.starts_with("ny-power/"), "{message:?}");
        }
    }
}

async fn a_wrong_password_is_refused_for_good(bench: Bench) {
    let mut config = pump(bench.addr());
    config.password = Some(Password::new("wrong"));
    let error = soon(run(config, &[]).task).await.unwrap().unwrap_err().to_string();
    assert!(error.contains("refuses user \"pump\"") && error.contains("password_file"), "{error}");
}

async fn a_restart_is_survived_by_both_sides(mut bench: Bench) {
    let mut config = pump(bench.addr());
    config.presence = Some(presence());
    let publisher = run(config, &[]);
    let mut hearer = run(reader(bench.addr(), "hearer"), &["ny-power/t"]);
    for round in ["1", "2", "3"] {
        assert!(matches!(hearer.event().await, Event::Connected { .. }));
        soon(publisher.publisher.publish(Publication::event("ny-power/t", round))).await.unwrap();
        // The retained one of before may come again first.
        while hearer.message().await.payload != round {}
        bench.stop().await;
        while !matches!(hearer.event().await, Event::Disconnected { .. }) {}
        bench.start_again().await;
    }
    let mut viewer = Subscriber::connect(bench.addr(), "ny-power/#").await;
    loop {
        let status = viewer.next("ny-power/status/pump", PATIENCE).await;
        if ServiceStatus::from_json(&status.payload).unwrap().state == ServiceState::Online {
            break;
        }
    }
}

async fn retained_messages_survive_a_restart(mut bench: Bench) {
    const TOPICS: usize = 250;
    let session = run(pump(bench.addr()), &[]);
    let deliveries: Vec<Delivery> = (0..TOPICS)
        .map(|n| {
            let publication = Publication::event(format!("ny-power/t{n:03}"), n.to_string());
            session.publisher.publish(publication)
        })
        .collect();
    for delivery in deliveries {
        soon(delivery).await.unwrap();
    }
    session.stop().await.unwrap();
    bench.stop().await;
    bench.start_again().await;
    let mut viewer = Subscriber::connect(bench.addr(), "ny-power/#").await;
    let mut kept = viewer.take(TOPICS).await;
    kept.sort_by(|a, b| a.topic.cmp(&b.topic));
    for (n, message) in kept.iter().enumerate() {
        assert_eq!(message.topic, format!("ny-power/t{n:03}"));
        assert_eq!((message.text(), message.retain), (n.to_string().as_str(), true));
    }
}

async fn a_broker_that_forgot_everything_is_told_again(mut bench: Bench) {
    let session = run(pump(bench.addr()), &[]);
    for topic in ["ny-power/a", "ny-power/b"] {
        for payload in ["1", "2"] {
            let publication = Publication::event(topic, payload);
            soon(session.publisher.publish(publication)).await.unwrap();
        }
    }
    bench.stop().await;
    bench.forget();
    bench.start_again().await;
    let mut viewer = Subscriber::connect(bench.addr(), "ny-power/#").await;
    for topic in ["ny-power/a", "ny-power/b"] {
        assert_eq!(viewer.next(topic, PATIENCE).await.text(), "2");
    }
}

async fn a_day_of_series_passes(bench: Bench) {
    let mut hearer = run(reader(bench.addr(), "hearer"), &["ny-power/#"]);
    let session = run(pump(bench.addr()), &[]);
    for bytes in [12 * 1024, 200 * 1024] {
        let payload = vec![b'x'; bytes];
        let publication = Publication::snapshot("ny-power/archive/co2/24h", payload.clone());
        soon(session.publisher.publish(publication)).await.unwrap();
        assert_eq!(hearer.message().await.payload, payload);
    }
    assert_eq!(hearer.publisher.counts().connected, 1);
}

async fn with_the_broker_away_the_newest_is_kept_and_drops_are_counted(mut bench: Bench) {
    let mut config = pump(bench.addr());
    config.max_waiting = 10;
    let mut session = run(config, &[]);
    soon(session.publisher.publish(Publication::event("ny-power/mix", "0"))).await.unwrap();
    bench.kill().await;
    while !matches!(session.event().await, Event::Disconnected { .. }) {}
    let mut deliveries: Vec<Delivery> = (1..=30)
        .map(|n| session.publisher.publish(Publication::event("ny-power/mix", n.to_string())))
        .collect();
    assert_eq!(session.publisher.counts().dropped, 20);
    for dropped in deliveries.drain(..20) {
        assert_eq!(soon(dropped).await, Err(Undelivered::Dropped));
    }
    bench.start_again().await;
    for kept in deliveries {
        assert_eq!(soon(kept).await, Ok(()));
    }
    let mut viewer = Subscriber::connect(bench.addr(), "ny-power/#").await;
    let newest = viewer.next("ny-power/mix", PATIENCE).await;
    assert_eq!((newest.text(), newest.retain), ("30", true));
    assert_eq!(viewer.all(QUIET).await, []);
}

/// Whatever the broker had acknowledged when it died is its own affair; all else is delivered in order.
async fn killed_in_mid_stream_nothing_promised_is_lost(mut bench: Bench) {
    const COUNT: usize = 3000;
    let session = run(pump(bench.addr()), &[]);
    let mut hearer = run(reader(bench.addr(), "hearer"), &["ny-power/#"]);
    assert!(matches!(hearer.event().await, Event::Connected { .. }));
    let deliveries: Vec<Delivery> = (0..COUNT)
        .map(|n| session.publisher.publish(Publication::catch_up("ny-power/t", n.to_string())))
        .collect();
    for mark in [100, 1500] {
        testkit::eventually("some deliveries", || mark <= session.publisher.counts().delivered)
            .await;
        bench.kill().await;
        bench.start_again().await;
    }
    for delivery in deliveries {
        assert_eq!(soon(delivery).await, Ok(()));
    }
    soon(session.publisher.publish(Publication::event("ny-power/t", "end"))).await.unwrap();
    assert!(3 <= session.publisher.counts().connected);
    let mut seen: Vec<usize> = Vec::new();
    loop {
        let message = hearer.message().await;
        match message.payload.as_ref() {
            b"end" => break,
            number => seen.push(std::str::from_utf8(number).unwrap().parse().unwrap()),
        }
    }
    // A repetition goes back to what was unacknowledged, at most a window, and never skips.
    let mut newest = 0;
    for number in seen {
        assert!(newest <= number + 64, "{number} came after {newest}");
        newest = newest.max(number);
    }
}

async fn a_service_is_seen_to_come_stop_and_die(bench: Bench) {
    const TOPIC: &str = "ny-power/status/pump";
    let state = |payload: &[u8]| ServiceStatus::from_json(payload).unwrap().state;
    let mut viewer = Subscriber::connect(bench.addr(), TOPIC).await;
    let mut config = pump(bench.addr());
    config.presence = Some(presence());
    for killed in [false, true] {
        let session = run(config.clone(), &[]);
        let online = viewer.next(TOPIC, PATIENCE).await;
        assert_eq!(state(&online.payload), ServiceState::Online);
        if killed {
            session.task.abort();
        } else {
            session.stop().await.unwrap();
        }
        let offline = viewer.next(TOPIC, PATIENCE).await;
        assert_eq!(state(&offline.payload), ServiceState::Offline);
    }
    let kept = Subscriber::connect(bench.addr(), TOPIC).await.next(TOPIC, PATIENCE).await;
    assert_eq!((state(&kept.payload), kept.retain), (ServiceState::Offline, true));
}

async fn a_kept_session_misses_nothing(bench: Bench) {
    let mut first = run(reader(bench.addr(), "hearer"), &["ny-power/t"]);
    assert_eq!(first.event().await, Event::Connected { session_present: false });
    // The subscription is in force once a message has come by it.
    testkit::publish(bench.addr(), PUMP, "ny-power/t", "here", true).await;
    assert_eq!(first.message().await.payload, "here");
    first.stop().await.unwrap();
    for payload in ["1", "2", "3"] {
        testkit::publish(bench.addr(), PUMP, "ny-power/t", payload, false).await;
    }
    let mut second = run(reader(bench.addr(), "hearer"), &["ny-power/t"]);
    assert_eq!(second.event().await, Event::Connected { session_present: true });
    let mut seen = Vec::new();
    while seen.last().is_none_or(|last| *last != "3") {
        let message = second.message().await;
        if !message.retain {
            seen.push(String::from_utf8(message.payload.to_vec()).unwrap());
        }
    }
    assert_eq!(seen, ["1", "2", "3"]);
}

async fn a_reader_that_does_not_read_holds_nobody_up(bench: Bench) {
    const COUNT: usize = 3000;
    let mut stuck = tokio::net::TcpStream::connect(bench.addr()).await.unwrap();
    let connect = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05stuck";
    let subscribe = b"\x82\x0f\x00\x01\x00\x0any-power/#\x00";
    for packet in [&connect[..], &subscribe[..]] {
        tokio::io::AsyncWriteExt::write_all(&mut stuck, packet).await.unwrap();
    }
    let mut hearer = run(reader(bench.addr(), "hearer"), &["ny-power/#"]);
    assert!(matches!(hearer.event().await, Event::Connected { .. }));
    let session = run(pump(bench.addr()), &[]);
    soon(session.publisher.publish(Publication::snapshot("ny-power/t", "start"))).await.unwrap();
    while hearer.message().await.payload != "start" {}
    let payload = "x".repeat(1500);
    for n in 0..COUNT {
        let publication = Publication::catch_up("ny-power/t", format!("{n} {payload}"));
        let delivery = session.publisher.publish(publication);
        if n % 50 == 0 {
            soon(delivery).await.unwrap();
        }
    }
    for n in 0..COUNT {
        assert!(hearer.message().await.payload.starts_with(format!("{n} ").as_bytes()));
    }
}
