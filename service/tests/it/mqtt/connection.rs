//! Connecting, being refused, losing the broker and getting it back.

use std::collections::BTreeSet;
use std::time::Duration;

use service::mqtt::{ClientName, Event, OnRefusal, Password, Publication, SetupError, connect};
use testkit::{ConnectReturnCode, FakeBroker, Mosquitto, MosquittoConfig, Packet, Subscriber};
use tokio::net::TcpListener;

use super::{config, run, soon};

#[tokio::test]
async fn a_refusal_for_good_ends_the_session_and_says_what_to_look_at() {
    for (code, reason) in [
        (ConnectReturnCode::BadUserNamePassword, "bad user name or password"),
        (ConnectReturnCode::NotAuthorized, "not authorized; look at username and password_file"),
        (ConnectReturnCode::BadClientId, "client name"),
        (ConnectReturnCode::RefusedProtocolVersion, "MQTT 3.1.1"),
    ] {
        let broker = FakeBroker::start().await;
        let mut config = config(broker.addr());
        config.username = Some("pump".to_owned());
        config.password = Some(Password::new("hunter2"));
        let session = run(config, &[]);
        let mut client = broker.client().await;
        assert_eq!(client.connect.login.as_ref().unwrap().password, "hunter2");
        client.connack(code, false).await;
        let error = soon(session.task).await.unwrap().unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("user \"pump\"") && !error.contains("hunter2"), "{error}");
        assert!(error.contains(&broker.addr().to_string()), "{error}");
        assert_eq!(session.publisher.counts().refused, 1);
    }
}

#[tokio::test]
async fn an_unavailable_broker_is_asked_again() {
    let broker = FakeBroker::start().await;
    let mut session = run(config(broker.addr()), &[]);
    for _ in 0..3 {
        broker.client().await.connack(ConnectReturnCode::ServiceUnavailable, false).await;
    }
    let _client = broker.welcome(false).await;
    assert_eq!(session.event().await, Event::Connected { session_present: false });
    assert_eq!(session.publisher.counts().refused, 3);
}

#[tokio::test]
async fn a_process_with_other_work_keeps_trying_after_a_refusal() {
    let broker = FakeBroker::start().await;
    let mut config = config(broker.addr());
    config.on_refusal = OnRefusal::KeepTrying;
    let mut session = run(config, &[]);
    for _ in 0..2 {
        broker.client().await.connack(ConnectReturnCode::NotAuthorized, false).await;
    }
    let _client = broker.welcome(false).await;
    assert_eq!(session.event().await, Event::Connected { session_present: false });
}

#[tokio::test]
async fn a_real_broker_refuses_a_wrong_password() {
    let open = MosquittoConfig::public("ny-power", &[("pump", "right")]).closed();
    let Some(broker) = Mosquitto::start(&open) else { return };
    for (login, says) in [
        (None, "refuses an anonymous client: not authorized"),
        (Some("wrong"), "refuses user \"pump\": not authorized"),
    ] {
        let mut config = config(broker.addr());
        config.username = login.map(|_| "pump".to_owned());
        config.password = login.map(Password::new);
        let error = soon(run(config, &[]).task).await.unwrap().unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test]
async fn a_fixed_name_keeps_its_session_and_a_random_one_is_new_each_time() {
    for (name, fixed) in [
        (ClientName::Fixed("co2".to_owned()), true),
        (ClientName::Random("agent".to_owned()), false),
    ] {
        let broker = FakeBroker::start().await;
        let mut config = config(broker.addr());
        config.client = name;
        let _session = run(config, &[]);
        let mut ids = BTreeSet::new();
        // An attempt that fails before the CONNACK counts as one.
        for _ in 0..3 {
            let client = broker.client().await;
            assert_eq!(client.connect.clean_session, !fixed);
            ids.insert(client.connect.client_id.clone());
        }
        assert_eq!(ids.len(), if fixed { 1 } else { 3 }, "{ids:?}");
    }
}

#[tokio::test]
async fn subscriptions_are_issued_on_every_connack() {
    let broker = FakeBroker::start().await;
    let mut session = run(config(broker.addr()), &["ny-power/#", "other/+"]);
    for session_present in [false, true, false] {
        let mut client = broker.welcome(session_present).await;
        let Some(Packet::Subscribe(subscribe)) = client.read().await else {
            panic!("no subscription after a CONNACK")
        };
        let filters: Vec<&str> = subscribe.filters.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(filters, ["ny-power/#", "other/+"]);
        assert_eq!(session.event().await, Event::Connected { session_present });
        drop(client);
        assert!(matches!(session.event().await, Event::Disconnected { .. }));
    }
}

#[tokio::test]
async fn a_killed_broker_is_found_again_and_heard_again() {
    let Some(mut broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let mut session = run(config(broker.addr()), &["in/#"]);
    for round in 0..3 {
        assert!(matches!(session.event().await, Event::Connected { .. }));
        testkit::publish(broker.addr(), None, "in/t", &round.to_string(), false).await;
        assert_eq!(session.message().await.payload, round.to_string());
        broker.kill();
        assert!(matches!(session.event().await, Event::Disconnected { .. }));
        broker.start_again();
    }
}

/// The connection stays open and nothing answers: only the keep-alive notices.
#[tokio::test]
async fn a_frozen_broker_is_given_up_and_found_again() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let mut config = config(broker.addr());
    config.keep_alive = Duration::from_secs(1);
    let mut session = run(config, &[]);
    assert!(matches!(session.event().await, Event::Connected { .. }));
    broker.freeze();
    let Event::Disconnected { reason } = session.event().await else { panic!("still connected") };
    assert_eq!(reason, "no answer to a ping");
    let waiting = session.publisher.publish(Publication::catch_up("t", "1"));
    broker.thaw();
    soon(waiting).await.unwrap();
}

#[tokio::test]
async fn a_broker_that_forgot_everything_is_told_again() {
    let Some(mut broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let session = run(config(broker.addr()), &[]);
    for n in 0..3 {
        let publication = Publication::event(format!("ny-power/t{n}"), "1");
        soon(session.publisher.publish(publication)).await.unwrap();
    }
    broker.kill();
    broker.forget();
    broker.start_again();
    let mut viewer = Subscriber::connect(broker.addr(), "ny-power/#").await;
    for n in 0..3 {
        viewer.until(&format!("ny-power/t{n}"), "1").await;
    }
}

/// What is sent while we are away waits at the broker, under our fixed name.
#[tokio::test]
async fn a_kept_session_misses_nothing() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let mut first = run(config(broker.addr()), &["in/#"]);
    // The subscription is in force once a message has come by it.
    soon(first.publisher.publish(Publication::catch_up("in/t", "here"))).await.unwrap();
    assert_eq!(first.message().await.payload, "here");
    first.stop().await.unwrap();
    testkit::publish(broker.addr(), None, "in/t", "missed", false).await;
    let mut second = run(config(broker.addr()), &["in/#"]);
    assert_eq!(second.event().await, Event::Connected { session_present: true });
    assert_eq!(second.message().await.payload, "missed");
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_broker_that_does_not_answer() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let session = run(config(mute.local_addr().unwrap()), &[]);
    let _connection = soon(mute.accept()).await.unwrap();
    session.stop().await.unwrap();

    let nobody = testkit::free_addr();
    let mut config = config(nobody);
    config.reconnect = (Duration::from_secs(3600), Duration::from_secs(3600));
    let session = run(config, &[]);
    testkit::eventually("one attempt", || session.publisher.counts().failed == 1).await;
    session.stop().await.unwrap();
}

#[tokio::test]
async fn a_publisher_needs_no_reader() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let session = run(config(broker.addr()), &["t"]);
    drop(session.events);
    for n in 0..100 {
        let publication = Publication::event("t", n.to_string());
        soon(session.publisher.publish(publication)).await.unwrap();
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let addr = "127.0.0.1:1883".parse().unwrap();
    let refused = |change: &dyn Fn(&mut service::mqtt::MqttConfig), filters: &[&str]| {
        let mut config = config(addr);
        change(&mut config);
        let filters = filters.iter().map(|filter| (*filter).to_owned()).collect();
        connect(config, filters).map(|_| ()).unwrap_err()
    };
    assert!(matches!(
        refused(&|c| c.keep_alive = Duration::ZERO, &[]),
        SetupError::KeepAlive(Duration::ZERO)
    ));
    assert!(matches!(
        refused(&|c| c.client = ClientName::Fixed(String::new()), &[]),
        SetupError::ClientName
    ));
    assert!(matches!(
        refused(&|c| c.password = Some(Password::new("x")), &[]),
        SetupError::PasswordWithoutUser
    ));
    assert!(matches!(refused(&|_| {}, &["ny-power/#/x"]), SetupError::Filter(_)));
    assert!(matches!(
        refused(
            &|c| {
                c.url = "mqtts://broker".parse().unwrap();
                c.ca_file = Some("/nowhere/ca.pem".into());
            },
            &[]
        ),
        SetupError::CaFile { .. }
    ));
}
