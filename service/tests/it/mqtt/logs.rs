//! A loss is said once, the return is said once, and a password never.

use std::io;
use std::sync::{Arc, Mutex};

use service::mqtt::{Event, Password};
use testkit::{ConnectReturnCode, FakeBroker, Mosquitto, MosquittoConfig, eventually};
use tracing_subscriber::fmt::MakeWriter;

use super::{config, run};

/// Log lines in memory.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("text")
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Collects what this thread logs. The tests here have one thread, so that this is what sessions say.
fn collect(lines: &Lines) -> tracing::subscriber::DefaultGuard {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    tracing::subscriber::set_default(subscriber)
}

#[tokio::test(flavor = "current_thread")]
async fn loss_and_return_are_said_once() {
    let lines = Lines::default();
    let _guard = collect(&lines);

    let broker = FakeBroker::start().await;
    let mut config = config(broker.addr());
    config.username = Some("pump".to_owned());
    config.password = Some(Password::new("hunter2"));
    let mut session = run(config, &[]);
    for _ in 0..2 {
        let client = broker.welcome(false).await;
        assert!(matches!(session.event().await, Event::Connected { .. }));
        drop(client);
        assert!(matches!(session.event().await, Event::Disconnected { .. }));
        for _ in 0..4 {
            broker.client().await.connack(ConnectReturnCode::ServiceUnavailable, false).await;
        }
    }
    let _client = broker.welcome(false).await;
    assert!(matches!(session.event().await, Event::Connected { .. }));

    let text = lines.text();
    let count = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!(count("connected to the MQTT broker"), 1, "{text}");
    assert_eq!(count("lost the MQTT broker"), 2, "{text}");
    assert_eq!(count("the MQTT broker is back"), 2, "{text}");
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

/// Each throws the other out, for ever.
#[tokio::test(flavor = "current_thread")]
async fn two_processes_with_one_client_name_are_told_of_it() {
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return };
    let lines = Lines::default();
    let _guard = collect(&lines);
    let _first = run(config(broker.addr()), &[]);
    let _second = run(config(broker.addr()), &[]);
    let hint = "is another process connected under the same client name?";
    eventually("the hint", || lines.text().contains(hint)).await;
}
