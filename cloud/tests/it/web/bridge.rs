//! The WebSocket bridge, with a broker that records what reaches it and with a real one.

use std::time::Duration;

use cloud::web::WebConfig;
use futures_util::{SinkExt, StreamExt};
use reqwest::StatusCode;
use testkit::{
    ConnectReturnCode, FakeBroker, FakeConnection, Mosquitto, MosquittoConfig, Packet, publish,
};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::Site;

const CONNECT: &[u8] = b"\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06viewer";
const CONNACK: &[u8] = b"\x20\x02\x00\x00";
const SUBSCRIBE_ALL: &[u8] = b"\x82\x0f\x00\x01\x00\x0any-power/#\x00";
const PUBLISH: &[u8] = b"\x31\x18\x00\x14ny-power/computed/co2{}";

/// A browser's end of the bridge.
struct Viewer(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Viewer {
    async fn open(site: &Site) -> Self {
        Self::offering(site, "mqtt").await.unwrap()
    }

    async fn offering(site: &Site, protocol: &'static str) -> Result<Self, tungstenite::Error> {
        let mut request = format!("ws://{}/mqtt", site.addr).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        let (socket, answer) = timeout(testkit::PATIENCE, connect_async(request)).await.unwrap()?;
        let chosen = answer.headers().get("sec-websocket-protocol").unwrap();
        assert!(protocol.split(", ").any(|offered| chosen == offered), "{chosen:?}");
        Ok(Self(socket))
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).await.unwrap();
    }

    /// The next bytes, or how the server closed.
    async fn next(&mut self) -> Result<Vec<u8>, (u16, String)> {
        loop {
            let message =
                timeout(testkit::PATIENCE, self.0.next()).await.expect("an answer in time");
            match message {
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes.to_vec()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err((frame.code.into(), frame.reason.to_string()));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("the connection ended with {other:?}"),
            }
        }
    }

    async fn bytes(&mut self) -> Vec<u8> {
        self.next().await.unwrap_or_else(|closed| panic!("closed with {closed:?}"))
    }

    async fn closed(&mut self) -> (u16, String) {
        loop {
            if let Err(closed) = self.next().await {
                return closed;
            }
        }
    }
}

async fn site_and_broker() -> (Site, FakeBroker) {
    let broker = FakeBroker::start().await;
    let site = Site::with(WebConfig::new(broker.addr().to_string())).await;
    (site, broker)
}

/// A viewer that is let in.
async fn welcome(site: &Site, broker: &FakeBroker) -> (Viewer, FakeConnection) {
    let mut viewer = Viewer::open(site).await;
    viewer.send(CONNECT).await;
    let connection = broker.welcome(false).await;
    assert_eq!(viewer.bytes().await, CONNACK);
    (viewer, connection)
}

#[tokio::test]
async fn the_broker_meets_an_anonymous_stranger() {
    let (site, broker) = site_and_broker().await;
    let (_viewer, connection) = welcome(&site, &broker).await;
    let connect = &connection.connect;
    assert!(connect.client_id.starts_with("web-"), "{connect:?}");
    assert!(connect.clean_session && connect.login.is_none() && connect.last_will.is_none());
    assert_eq!(connect.keep_alive, 60);
}

#[tokio::test]
async fn both_subprotocols_are_spoken() {
    let (site, _broker) = site_and_broker().await;
    for protocols in ["mqtt", "mqttv3.1", "mqttv3.1, mqtt"] {
        Viewer::offering(&site, protocols).await.unwrap();
    }
}

#[tokio::test]
async fn packets_may_come_in_any_pieces() {
    let (site, broker) = site_and_broker().await;
    let mut viewer = Viewer::open(&site).await;
    for byte in CONNECT {
        viewer.send(&[*byte]).await;
    }
    let mut connection = broker.welcome(false).await;
    assert_eq!(viewer.bytes().await, CONNACK);
    viewer.send(&[SUBSCRIBE_ALL, b"\xc0\x00\xc0\x00"].concat()).await;
    assert!(matches!(connection.read().await, Some(Packet::Subscribe(_))));
    assert_eq!(connection.read().await, Some(Packet::PingReq));
    assert_eq!(connection.read().await, Some(Packet::PingReq));
}

#[tokio::test]
async fn a_publication_never_reaches_the_broker() {
    let (site, broker) = site_and_broker().await;
    let (mut viewer, mut connection) = welcome(&site, &broker).await;
    viewer.send(PUBLISH).await;
    let (code, reason) = viewer.closed().await;
    assert_eq!(
        (code, reason.as_str()),
        (1008, "publishing is not allowed: this side is read-only")
    );
    assert_eq!(connection.read().await, None);
}

#[tokio::test]
async fn foreign_topics_never_reach_the_broker() {
    let (site, broker) = site_and_broker().await;
    for filter in ["#", "$SYS/#", "+/computed/co2", "ny-powers/#"] {
        let (mut viewer, mut connection) = welcome(&site, &broker).await;
        let mut packet = vec![0x82, (filter.len() + 5) as u8, 0, 1, 0, filter.len() as u8];
        packet.extend(filter.bytes());
        packet.push(0);
        viewer.send(&packet).await;
        assert_eq!(viewer.bytes().await, b"\x90\x03\x00\x01\x80", "{filter}");
        let (code, reason) = viewer.closed().await;
        assert_eq!(code, 1008, "{filter}");
        assert!(reason.contains("is not below ny-power/"), "{reason}");
        assert_eq!(connection.read().await, None, "{filter}");
    }
}

#[tokio::test]
async fn credentials_and_wills_are_refused_before_the_broker_hears_of_them() {
    let (site, _broker) = site_and_broker().await;
    for (packet, word) in [
        (&b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01a\x00\x01u\x00\x02pw"[..], "credentials"),
        (&b"\x10\x13\x00\x04MQTT\x04\x06\x00\x3c\x00\x01a\x00\x01t\x00\x01m"[..], "will"),
    ] {
        let mut viewer = Viewer::open(&site).await;
        viewer.send(packet).await;
        assert_eq!(viewer.bytes().await, b"\x20\x02\x00\x05", "{word}");
        let (code, reason) = viewer.closed().await;
        assert_eq!(code, 1008);
        assert!(reason.contains(word), "{reason}");
    }
}

#[tokio::test]
async fn text_and_nonsense_are_closed_with_the_right_code() {
    let (site, _broker) = site_and_broker().await;
    let mut viewer = Viewer::open(&site).await;
    viewer.0.send(Message::text("hello")).await.unwrap();
    assert_eq!(viewer.closed().await.0, 1003);
    for (bytes, code) in [
        (&b"GET / HTTP/1.1\r\n"[..], 1002),
        (b"\x10\xff\xff\xff\x7f", 1009),
        (b"\x10\xff\xff\xff\xff\xff", 1002),
        (b"\xc0\x00", 1002),
    ] {
        let mut viewer = Viewer::open(&site).await;
        viewer.send(bytes).await;
        assert_eq!(viewer.closed().await.0, code, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_clean_goodbye_reaches_the_broker() {
    let (site, broker) = site_and_broker().await;
    let (mut viewer, mut connection) = welcome(&site, &broker).await;
    viewer.send(b"\xe0\x00").await;
    assert_eq!(connection.read().await, Some(Packet::Disconnect));
    assert_eq!(viewer.closed().await.0, 1000);
}

#[tokio::test]
async fn a_viewer_that_leaves_frees_its_place() {
    let broker = FakeBroker::start().await;
    let config = WebConfig { max_viewers: 1, ..WebConfig::new(broker.addr().to_string()) };
    let site = Site::with(config).await;
    let (viewer, mut connection) = welcome(&site, &broker).await;

    let Err(tungstenite::Error::Http(answer)) = Viewer::offering(&site, "mqtt").await else {
        panic!("a second viewer was let in");
    };
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE.as_u16());
    assert!(answer.headers().contains_key("retry-after"));

    drop(viewer);
    assert_eq!(connection.read().await, None);
    let deadline = tokio::time::Instant::now() + testkit::PATIENCE;
    while Viewer::offering(&site, "mqtt").await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "the place is not free again");
    }
}

#[tokio::test]
async fn without_a_broker_viewers_are_told_to_come_back() {
    let site = Site::start().await;
    let mut viewer = Viewer::open(&site).await;
    let (code, reason) = viewer.closed().await;
    assert_eq!((code, reason.as_str()), (1013, "the broker cannot be reached: try again later"));
}

#[tokio::test]
async fn a_broker_that_goes_away_is_told() {
    let (site, broker) = site_and_broker().await;
    let (mut viewer, connection) = welcome(&site, &broker).await;
    drop(connection);
    assert_eq!(viewer.closed().await.0, 1013);
}

#[tokio::test]
async fn a_refusal_of_the_broker_reaches_the_viewer() {
    let (site, broker) = site_and_broker().await;
    let mut viewer = Viewer::open(&site).await;
    viewer.send(CONNECT).await;
    let mut connection = broker.client().await;
    connection.connack(ConnectReturnCode::NotAuthorized, false).await;
    assert_eq!(viewer.bytes().await, b"\x20\x02\x00\x05");
}

#[tokio::test]
async fn who_says_nothing_is_let_go() {
    let broker = FakeBroker::start().await;
    let connect_within = Duration::from_millis(50);
    let config = WebConfig { connect_within, ..WebConfig::new(broker.addr().to_string()) };
    let site = Site::with(config).await;
    let mut viewer = Viewer::open(&site).await;
    let (code, reason) = viewer.closed().await;
    assert_eq!(code, 1008, "{reason}");
}

#[tokio::test]
async fn who_falls_silent_is_let_go() {
    let (site, broker) = site_and_broker().await;
    let mut viewer = Viewer::open(&site).await;
    // A keep-alive of one second: the client is gone after one and a half.
    viewer.send(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x01\x00\x01a").await;
    let _connection = broker.welcome(false).await;
    assert_eq!(viewer.bytes().await, CONNACK);
    let (code, reason) = viewer.closed().await;
    assert_eq!((code, reason.as_str()), (1008, "silent for longer than its keep-alive allows"));
}

#[tokio::test]
async fn stopping_says_goodbye() {
    let (site, broker) = site_and_broker().await;
    let (mut viewer, _connection) = welcome(&site, &broker).await;
    let stopping = tokio::spawn(site.stop());
    assert_eq!(viewer.closed().await, (1001, "shutting down".to_owned()));
    drop(viewer);
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_bad_upgrade_is_an_error_and_another_one_gets_the_page() {
    let site = Site::start().await;
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
    let answer = site.ask(reqwest::Method::GET, "/mqtt", &upgrade).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let answer = site.ask(reqwest::Method::GET, "/mqtt", &[("upgrade", "h2c")]).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

/// The retained messages come at once, then the news: through a real broker whose ACL shows readers more
/// than the bridge does.
#[tokio::test]
async fn a_real_broker_is_read_and_not_written() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    publish(broker.addr(), None, "ny-power/computed/co2", "{\"value\":1}", true).await;
    publish(broker.addr(), None, "home/secret", "nobody's business", true).await;
    let site = Site::with(WebConfig::new(broker.addr().to_string())).await;
    let mut viewer = Viewer::open(&site).await;
    viewer.send(CONNECT).await;
    assert_eq!(viewer.bytes().await, CONNACK);
    viewer.send(SUBSCRIBE_ALL).await;
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains("{\"value\":1}") {
        heard.extend(viewer.bytes().await);
    }
    publish(broker.addr(), None, "ny-power/computed/co2", "{\"value\":2}", true).await;
    while !String::from_utf8_lossy(&heard).contains("{\"value\":2}") {
        heard.extend(viewer.bytes().await);
    }
    assert!(!String::from_utf8_lossy(&heard).contains("nobody's business"));
}
