//! What the embedded broker promises beyond the suite.

use std::net::SocketAddr;
use std::time::Duration;

use cloud::broker::{self, BrokerConfig, BrokerError, Service, User};
use rumqttc::v5;
use service::mqtt::{ClientName, Event, MqttConfig, Password, Publication};
use testkit::{Login, Mosquitto, MosquittoConfig, PATIENCE, Subscriber};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{pump, reader, run, serve, soon};

const QUIET: Duration = Duration::from_millis(300);

struct Up {
    addr: SocketAddr,
    websocket: Option<SocketAddr>,
    pump: broker::Login,
    url: service::mqtt::BrokerUrl,
    _dir: tempfile::TempDir,
    _stop: DropGuard,
}

impl Up {
    fn login(&self) -> Login<'_> {
        Some((&self.pump.username, self.pump.password.expose()))
    }
}

/// An embedded broker with the services of `up` on a free port.
async fn up(change: impl FnOnce(&mut BrokerConfig)) -> Up {
    let dir = tempfile::tempdir().unwrap();
    let mut config = BrokerConfig::new(dir.path());
    config.listen.set_port(0);
    config.services = vec![Service::pump(), Service::co2()];
    change(&mut config);
    let broker = broker::start(config).await.unwrap();
    let shutdown = CancellationToken::new();
    let (addr, websocket) = (broker.local_addr(), broker.websocket_addr());
    let (url, pump) = (broker.url(), broker.login("pump").unwrap().clone());
    assert_eq!(broker.login("nobody"), None);
    let _task = serve(broker, shutdown.clone());
    Up { addr, websocket, pump, url, _dir: dir, _stop: shutdown.drop_guard() }
}

#[tokio::test]
async fn a_service_of_the_process_writes_its_own_topics_and_no_others() {
    let up = up(|_| {}).await;
    assert!(up.addr.ip().is_loopback() && up.addr.port() != 0);
    let mut viewer = Subscriber::connect(up.addr, "ny-power/#").await;
    for topic in ["computed/co2", "status/co2", "application/webui", "upstream/mix", "status/pump"]
    {
        testkit::publish(up.addr, up.login(), &format!("ny-power/{topic}"), "1", true).await;
    }
    let seen: Vec<String> = viewer.take(2).await.into_iter().map(|m| m.topic).collect();
    assert_eq!(seen, ["ny-power/upstream/mix", "ny-power/status/pump"]);
    assert_eq!(viewer.all(QUIET).await, []);

    let mut config = MqttConfig::new(up.url.clone(), ClientName::Fixed("pump".to_owned()));
    config.username = Some(up.pump.username.clone());
    config.password = Some(up.pump.password.clone());
    let session = run(config, &["ny-power/#"]);
    soon(session.publisher.publish(Publication::event("ny-power/upstream/mix", "2")))
        .await
        .unwrap();
    viewer.until("ny-power/upstream/mix", "2").await;
}

/// Else an anonymous client could throw the pump out by taking its name.
#[tokio::test]
async fn the_name_of_a_publisher_is_its_own() {
    let up =
        up(|config| config.users = vec![User::new("operator", Password::new("hunter2"))]).await;
    let mut real = run(
        {
            let mut config = pump(up.addr);
            config.username = Some("operator".to_owned());
            config.client = ClientName::Fixed("operator".to_owned());
            config
        },
        &[],
    );
    assert!(matches!(real.event().await, Event::Connected { .. }));
    for config in [reader(up.addr, "operator"), {
        let mut config = pump(up.addr);
        config.username = Some("operator".to_owned());
        config.client = ClientName::Fixed("pump".to_owned());
        config
    }] {
        let error = soon(run(config, &[]).task).await.unwrap().unwrap_err().to_string();
        assert!(error.contains("not authorized"), "{error}");
    }
    soon(real.publisher.publish(Publication::event("ny-power/t", "1"))).await.unwrap();
    assert_eq!(real.publisher.counts().connected, 1);
}

#[tokio::test]
async fn a_taken_port_is_named_with_its_holder() {
    let Some(mosquitto) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let expected = format!("{} is taken by mosquitto (pid {})", mosquitto.addr(), mosquitto.pid());
    for websocket in [false, true] {
        let mut config = BrokerConfig::new(dir.path());
        if websocket {
            config.listen.set_port(0);
            config.websocket = Some(mosquitto.addr());
        } else {
            config.listen = mosquitto.addr();
        }
        let error = broker::start(config).await.err().unwrap();
        let text = format!("{:#}", anyhow::Error::from(error));
        assert_eq!(text, format!("the embedded MQTT broker cannot start: {expected}"));
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut config = BrokerConfig::new(file.path());
    config.listen.set_port(0);
    let error = broker::start(config).await.err().unwrap();
    assert!(matches!(&error, BrokerError::Dir { dir, .. } if dir == file.path()), "{error:?}");
}

/// MQTT 5 clients are served on the same port, and told when they are denied.
#[tokio::test]
async fn mqtt_5_is_served_too() {
    let up = up(|_| {}).await;
    testkit::publish(up.addr, up.login(), "ny-power/upstream/mix", "kept", true).await;
    let options = v5::MqttOptions::new("five", up.addr.ip().to_string(), up.addr.port());
    let (client, mut event_loop) = v5::AsyncClient::new(options, 10);
    client.subscribe("ny-power/#", v5::mqttbytes::QoS::AtLeastOnce).await.unwrap();
    client
        .publish("ny-power/upstream/mix", v5::mqttbytes::QoS::AtLeastOnce, false, "forged")
        .await
        .unwrap();
    let (mut kept, mut denied) = (false, false);
    while !(kept && denied) {
        match soon(event_loop.poll()).await.unwrap() {
            v5::Event::Incoming(v5::Incoming::Publish(publish)) => {
                assert_eq!(publish.payload, "kept");
                kept = true;
            }
            v5::Event::Incoming(v5::Incoming::PubAck(ack)) => {
                assert_eq!(ack.reason, v5::mqttbytes::v5::PubAckReason::NotAuthorized);
                denied = true;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_browser_may_come_in_directly_where_the_operator_wants_it() {
    let up = up(|config| config.websocket = Some("127.0.0.1:0".parse().unwrap())).await;
    let mut stream = TcpStream::connect(up.websocket.unwrap()).await.unwrap();
    let request = "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                   Sec-WebSocket-Protocol: mqtt\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
}

#[tokio::test]
async fn too_many_clients_and_too_large_packets_are_turned_away() {
    let up = up(|config| {
        config.limits.max_clients = 2;
        config.limits.max_packet_bytes = 4096;
    })
    .await;
    let mut viewer = Subscriber::connect(up.addr, "ny-power/#").await;
    let large = "x".repeat(5000);
    let mut sender = TcpStream::connect(up.addr).await.unwrap();
    let connect = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05large";
    sender.write_all(connect).await.unwrap();
    let mut connack = [0; 4];
    soon(sender.read_exact(&mut connack)).await.unwrap();
    assert_eq!(connack, [0x20, 2, 0, 0]);
    let mut third = TcpStream::connect(up.addr).await.unwrap();
    assert_eq!(soon(third.read(&mut [0])).await.unwrap_or(0), 0, "a third client is let in");
    // PUBLISH, QoS 0, 5003 bytes.
    sender.write_all(b"\x30\x8b\x27\x00\x01t").await.unwrap();
    let _ = sender.write_all(large.as_bytes()).await;
    assert_eq!(soon(sender.read(&mut [0])).await.unwrap_or(0), 0, "a large packet is taken");
    assert_eq!(viewer.all(QUIET).await, []);
    testkit::publish(up.addr, up.login(), "ny-power/upstream/mix", "1", false).await;
    viewer.next("ny-power/upstream/mix", PATIENCE).await;
}

/// The refusal is in the SUBACK, where a 3.1.1 client can see it.
#[tokio::test]
async fn a_subscription_outside_the_root_is_refused() {
    let up = up(|_| {}).await;
    let mut stream = TcpStream::connect(up.addr).await.unwrap();
    stream.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c").await.unwrap();
    stream.write_all(b"\x82\x06\x00\x01\x00\x01#\x00").await.unwrap();
    let mut answer = [0; 9];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0, 0x90, 3, 0, 1, 0x80]);
}

/// A client that is in the middle of its login when the broker stops.
#[tokio::test]
async fn a_stop_ends_all_connections_and_is_quick() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = BrokerConfig::new(dir.path());
    config.listen.set_port(0);
    let broker = broker::start(config).await.unwrap();
    let addr = broker.local_addr();
    let shutdown = CancellationToken::new();
    let task = serve(broker, shutdown.clone());
    let mut viewer = TcpStream::connect(addr).await.unwrap();
    viewer.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01c").await.unwrap();
    let mut connack = [0; 4];
    soon(viewer.read_exact(&mut connack)).await.unwrap();
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(3), task).await.expect("no waiting").unwrap();
    assert_eq!(soon(viewer.read(&mut [0])).await.unwrap_or(0), 0);
    assert!(std::net::TcpListener::bind(addr).is_ok());
}

#[tokio::test]
async fn a_stop_before_the_start_is_over_ends_it_too() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = BrokerConfig::new(dir.path());
    config.listen.set_port(0);
    let broker = broker::start(config).await.unwrap();
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    soon(serve(broker, shutdown)).await.unwrap();
}

#[tokio::test]
async fn what_happens_to_a_session_is_counted_for_the_metrics() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let up =
        up(|config| config.users = vec![User::new("operator", Password::new("hunter2"))]).await;
    let mut config = pump(up.addr);
    config.username = Some("operator".to_owned());
    config.client = ClientName::Fixed("operator".to_owned());
    let session = metrics::with_local_recorder(&recorder, || run(config, &[]));
    let text = handle.render();
    assert!(text.contains("mqtt_dropped_total{client=\"operator\"} 0"), "{text}");
    assert!(text.contains("# HELP mqtt_dropped_total Publications dropped"), "{text}");
    soon(session.publisher.publish(Publication::event("ny-power/t", "1"))).await.unwrap();
    let text = handle.render();
    assert!(text.contains("mqtt_delivered_total{client=\"operator\"} 1"), "{text}");
    assert!(text.contains("mqtt_connected_total{client=\"operator\"} 1"), "{text}");
}
