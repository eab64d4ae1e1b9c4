//! `mqtts://` with a certificate of our own.

use service::mqtt::{Event, MqttConfig, Publication};
use testkit::{Mosquitto, MosquittoConfig, SelfSigned, eventually};

use super::{config, run, soon};

fn encrypted(broker: &Mosquitto, ca_file: Option<&std::path::Path>) -> MqttConfig {
    let mut config = config(broker.addr());
    config.url = format!("mqtts://localhost:{}", broker.addr().port()).parse().expect("an address");
    config.ca_file = ca_file.map(Into::into);
    config
}

#[tokio::test]
async fn a_certificate_is_trusted_when_its_file_is_named_and_not_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let own = SelfSigned::new(dir.path(), "localhost");
    let with_tls = MosquittoConfig::open().with_tls(&own.certificate, &own.key);
    let Some(broker) = Mosquitto::start(&with_tls) else { return };

    let mut session = run(encrypted(&broker, Some(&own.certificate)), &["t"]);
    assert!(matches!(session.event().await, Event::Connected { .. }));
    soon(session.publisher.publish(Publication::event("t", "1"))).await.unwrap();
    assert_eq!(session.message().await.payload, "1");

    let elsewhere = tempfile::tempdir().unwrap();
    let other = SelfSigned::new(elsewhere.path(), "localhost");
    let stranger = run(encrypted(&broker, Some(&other.certificate)), &[]);
    eventually("two attempts", || 2 <= stranger.publisher.counts().failed).await;
    assert!(!stranger.publisher.is_connected());
}
