//! What is published arrives, or its publisher learns that it did not.

use std::time::Duration;

use service::mqtt::{Delivery, Event, Publication, Undelivered};
use testkit::{FakeBroker, Mosquitto, MosquittoConfig, Subscriber, eventually};

use super::{config, run, soon};

#[tokio::test]
async fn a_delivery_waits_for_the_acknowledgment() {
    let broker = FakeBroker::start().await;
    let session = run(config(broker.addr()), &[]);
    let mut delivery = session.publisher.publish(Publication::event("ny-power/t", "1"));
    let mut client = broker.welcome(false).await;
    let publish = client.read_publish().await;
    assert!(publish.retain);
    let early = tokio::time::timeout(Duration::from_millis(20), &mut delivery).await;
    assert!(early.is_err(), "delivered without a PUBACK");
    client.puback(&publish).await;
    assert_eq!(soon(delivery).await, Ok(()));
    assert_eq!(session.publisher.counts().delivered, 1);
}

/// `rumqttc` clears all it holds when the broker has no session for us.
#[tokio::test]
async fn unacknowledged_catch_up_goes_again_in_order_after_the_session_is_lost() {
    let broker = FakeBroker::start().await;
    let session = run(config(broker.addr()), &[]);
    let deliveries: Vec<Delivery> = (0..5)
        .map(|n| session.publisher.publish(Publication::catch_up("ny-power/t", n.to_string())))
        .collect();
    let mut client = broker.welcome(false).await;
    let first = client.read_publish().await;
    client.puback(&first).await;
    for _ in 1..5 {
        client.read_publish().await;
    }
    eventually("one delivery", || session.publisher.counts().delivered == 1).await;
    drop(client);
    let mut client = broker.welcome(false).await;
    for n in 1..5 {
        let publish = client.read_publish().await;
        assert_eq!(publish.payload, n.to_string());
        assert!(!publish.retain);
        client.puback(&publish).await;
    }
    for delivery in deliveries {
        assert_eq!(soon(delivery).await, Ok(()));
    }
}

/// An acknowledgment that arrives together with the end of the connection counts.
#[tokio::test]
async fn an_acknowledged_publication_does_not_go_twice() {
    let broker = FakeBroker::start().await;
    let session = run(config(broker.addr()), &[]);
    let first = session.publisher.publish(Publication::catch_up("ny-power/t", "1"));
    let mut client = broker.welcome(false).await;
    let publish = client.read_publish().await;
    client.puback(&publish).await;
    drop(client);
    assert_eq!(soon(first).await, Ok(()));
    session.publisher.send(Publication::catch_up("ny-power/t", "2"));
    let mut client = broker.welcome(true).await;
    assert_eq!(client.read_publish().await.payload, "2");
}

/// Reusing a packet id that is still open makes `rumqttc` stop publishing for minutes, or for ever
/// (`CollisionTimeout`). A new client is made instead.
#[tokio::test]
async fn a_publication_that_is_never_acknowledged_does_not_stop_the_others() {
    let broker = FakeBroker::start().await;
    let session = run(config(broker.addr()), &[]);
    let deliveries: Vec<Delivery> = (0..600)
        .map(|n| session.publisher.publish(Publication::catch_up("ny-power/t", n.to_string())))
        .collect();
    let answer = async {
        let mut client = broker.welcome(false).await;
        let forgotten = client.read_publish().await;
        assert_eq!(forgotten.payload, "0");
        while let Some(packet) = client.read().await {
            if let testkit::Packet::Publish(publish) = packet {
                client.puback(&publish).await;
            }
        }
        let mut client = broker.welcome(false).await;
        loop {
            let publish = client.read_publish().await;
            client.puback(&publish).await;
        }
    };
    let all = async {
        for delivery in deliveries {
            assert_eq!(delivery.await, Ok(()));
        }
    };
    soon(async {
        tokio::select! {
            () = answer => {}
            () = all => {}
        }
    })
    .await;
    assert_eq!(session.publisher.counts().connected, 2);
}

/// The reader waits for a delivery while more messages arrive than its channel holds.
#[tokio::test]
async fn a_reader_that_waits_for_its_publication_does_not_stop_the_session() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let mut session = run(config(broker.addr()), &["in/#"]);
    assert!(matches!(session.event().await, Event::Connected { .. }));
    let other = run(
        {
            let mut other = config(broker.addr());
            other.client = service::mqtt::ClientName::Random("flood".to_owned());
            other
        },
        &[],
    );
    const COUNT: usize = 1000;
    session.publisher.publish(Publication::snapshot("in/first", "x")).await.unwrap();
    let flood: Vec<Delivery> = (0..COUNT)
        .map(|n| other.publisher.publish(Publication::catch_up("in/t", n.to_string())))
        .collect();
    let mut next = 0;
    while next < COUNT {
        let message = session.message().await;
        if message.topic != "in/t" {
            continue;
        }
        assert_eq!(message.payload, next.to_string());
        next += 1;
        soon(session.publisher.publish(Publication::catch_up("out/t", message.payload)))
            .await
            .unwrap();
    }
    for delivery in flood {
        soon(delivery).await.unwrap();
    }
    assert_eq!(session.publisher.counts().unread, 0);
}

/// Beyond 10 KiB the client as it comes ends the connection, again and again.
#[tokio::test]
async fn a_day_of_series_and_the_largest_packet_pass_both_ways() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let mut session = run(config(broker.addr()), &["ny-power/#"]);
    for bytes in [12 * 1024, service::mqtt::MAX_PACKET_BYTES - 64] {
        let payload = vec![b'x'; bytes];
        let publication = Publication::snapshot("ny-power/archive/co2/24h", payload.clone());
        soon(session.publisher.publish(publication)).await.unwrap();
        assert_eq!(session.message().await.payload, payload);
    }
    assert_eq!(session.publisher.counts().connected, 1);
}

#[tokio::test]
async fn an_oversized_publication_is_refused_and_the_connection_lives_on() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let session = run(config(broker.addr()), &[]);
    let large = Publication::snapshot("t", vec![b'x'; service::mqtt::MAX_PACKET_BYTES]);
    assert_eq!(soon(session.publisher.publish(large)).await, Err(Undelivered::Invalid));
    assert_eq!(soon(session.publisher.publish(Publication::event("t", "1"))).await, Ok(()));
}

#[tokio::test]
async fn with_the_broker_away_the_oldest_goes_and_the_newest_stays() {
    let Some(mut broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let mut config = config(broker.addr());
    config.max_waiting = 10;
    let mut session = run(config, &[]);
    soon(session.publisher.publish(Publication::event("ny-power/mix", "0"))).await.unwrap();
    broker.kill();
    while !matches!(session.event().await, Event::Disconnected { .. }) {}
    let mut deliveries: Vec<Delivery> = (1..=30)
        .map(|n| session.publisher.publish(Publication::event("ny-power/mix", n.to_string())))
        .collect();
    assert_eq!(session.publisher.counts().dropped, 20);
    for dropped in deliveries.drain(..20) {
        assert_eq!(soon(dropped).await, Err(Undelivered::Dropped));
    }
    broker.start_again();
    for kept in deliveries {
        assert_eq!(soon(kept).await, Ok(()));
    }
    let mut later = Subscriber::connect(broker.addr(), "ny-power/#").await;
    let newest = later.next("ny-power/mix", testkit::PATIENCE).await;
    assert_eq!((newest.text(), newest.retain), ("30", true));
}

#[tokio::test]
async fn after_the_end_of_the_session_nothing_is_promised() {
    let broker = FakeBroker::start().await;
    let session = run(config(broker.addr()), &[]);
    let publisher = session.publisher.clone();
    let waiting = publisher.publish(Publication::event("t", "1"));
    session.task.abort();
    assert_eq!(soon(waiting).await, Err(Undelivered::Stopped));
    assert_eq!(
        soon(publisher.publish(Publication::event("t", "2"))).await,
        Err(Undelivered::Stopped)
    );
}
