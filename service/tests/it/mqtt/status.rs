//! `status/<service>`: online on every CONNACK, offline by last will and by a clean stop.

use domain::wire::{ServiceState, ServiceStatus};
use service::mqtt::Publication;
use testkit::{FakeBroker, Mosquitto, MosquittoConfig, PATIENCE, Packet, Subscriber};

use super::{config, presence, run, soon};

const TOPIC: &str = "ny-power/status/pump";

fn state(payload: &[u8]) -> ServiceState {
    let status = ServiceStatus::from_json(payload).expect("a status");
    assert_eq!((status.version.as_str(), status.build.as_str()), ("0.1.0", "abc"));
    assert_eq!(status.since, presence().since);
    status.state
}

#[tokio::test]
async fn online_comes_first_after_every_connack_and_offline_is_the_last_will() {
    let broker = FakeBroker::start().await;
    let mut config = config(broker.addr());
    config.presence = Some(presence());
    let session = run(config, &[]);
    session.publisher.send(Publication::event("ny-power/t", "1"));
    for _ in 0..2 {
        let mut client = broker.welcome(false).await;
        let will = client.connect.last_will.clone().unwrap();
        assert_eq!((will.topic.as_str(), will.retain, will.qos as u8), (TOPIC, true, 1));
        assert_eq!(state(&will.message), ServiceState::Offline);
        let online = client.read_publish().await;
        assert_eq!((online.topic.as_str(), online.retain, online.qos as u8), (TOPIC, true, 1));
        assert_eq!(state(&online.payload), ServiceState::Online);
        client.puback(&online).await;
        let data = client.read_publish().await;
        assert_eq!(data.topic, "ny-power/t");
        client.puback(&data).await;
    }
}

#[tokio::test]
async fn a_clean_stop_delivers_what_waits_says_offline_and_disconnects() {
    let broker = FakeBroker::start().await;
    let mut config = config(broker.addr());
    config.presence = Some(presence());
    let session = run(config, &[]);
    let mut client = broker.welcome(false).await;
    let online = client.read_publish().await;
    let last = session.publisher.publish(Publication::catch_up("ny-power/t", "last"));
    session.shutdown.cancel();
    let data = client.read_publish().await;
    assert_eq!(data.payload, "last");
    let offline = client.read_publish().await;
    assert_eq!((offline.topic.as_str(), offline.retain), (TOPIC, true));
    assert_eq!(state(&offline.payload), ServiceState::Offline);
    for publish in [&online, &data, &offline] {
        client.puback(publish).await;
    }
    assert_eq!(client.read().await, Some(Packet::Disconnect));
    assert_eq!(client.read().await, None);
    soon(session.task).await.unwrap().unwrap();
    assert_eq!(soon(last).await, Ok(()));
}

#[tokio::test]
async fn viewers_see_a_service_come_stop_and_die() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let mut viewer = Subscriber::connect(broker.addr(), TOPIC).await;
    let mut config = config(broker.addr());
    config.presence = Some(presence());

    let session = run(config.clone(), &[]);
    let online = viewer.next(TOPIC, PATIENCE).await;
    assert_eq!(state(&online.payload), ServiceState::Online);
    session.stop().await.unwrap();
    let offline = viewer.next(TOPIC, PATIENCE).await;
    assert_eq!(state(&offline.payload), ServiceState::Offline);

    let session = run(config, &[]);
    let online = viewer.next(TOPIC, PATIENCE).await;
    assert_eq!(state(&online.payload), ServiceState::Online);
    // The task is gone without a word, as with a killed process.
    session.task.abort();
    let will = viewer.next(TOPIC, PATIENCE).await;
    assert_eq!(state(&will.payload), ServiceState::Offline);
    let kept = Subscriber::connect(broker.addr(), TOPIC).await.next(TOPIC, PATIENCE).await;
    assert_eq!((state(&kept.payload), kept.retain), (ServiceState::Offline, true));
}
