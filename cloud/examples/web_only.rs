//! The web service alone, against a broker that is there already: for the browser tests and screenshots.
//!
//! ```text
//! web_only HOST:PORT [BUILD]     prints the address of the dashboard, serves until SIGTERM
//! ```

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use cloud::web::{Retained, WebConfig, WebState};
use domain::wire::Root;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let broker = arguments.next().context("usage: web_only HOST:PORT [BUILD]")?;
    let build = arguments.next().unwrap_or_else(|| "test".to_owned());

    let retained = Arc::new(Retained::new(Root::default()));
    let config =
        WebConfig { broker_hint: Some(broker.clone()), build, ..WebConfig::new(broker.clone()) };
    let state = WebState::new(config, Arc::clone(&retained), Arc::new(now), None);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}/", listener.local_addr()?);

    let shutdown = CancellationToken::new();
    let session = tokio::spawn(session(broker, retained));
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let stop = shutdown.clone();
    tokio::spawn(async move {
        term.recv().await;
        stop.cancel();
    });
    cloud::web::run(listener, state, shutdown).await?;
    session.abort();
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "the clock of this program is here")]
fn now() -> domain::Timestamp {
    SystemTime::now().into()
}

/// What `ny-power-cloud web` does with its MQTT session.
async fn session(broker: String, retained: Arc<Retained>) {
    let (host, port) = broker.rsplit_once(':').expect("host:port");
    let mut options = MqttOptions::new("web-only", host, port.parse().expect("a port is a number"));
    options.set_max_packet_size(512 * 1024, 512 * 1024);
    let (client, mut events) = AsyncClient::new(options, 64);
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let all = retained.root().all();
                if client.try_subscribe(all, QoS::AtLeastOnce).is_ok() {
                    retained.set_broker_up(true);
                }
            }
            Ok(Event::Incoming(Packet::Publish(message))) => {
                // What is refused is counted and logged in there.
                let _ = retained.accept(&message.topic, &message.payload);
            }
            Ok(_) => {}
            Err(_) => {
                retained.set_broker_up(false);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
