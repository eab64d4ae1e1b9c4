//! How long a message takes through our sessions and a Mosquitto on loopback.
//!
//! `cargo run --release -p ny-power-service --example fan_latency -- [COUNT]` prints the time from
//! `publish` to the reader of another session, and the same by way of a second process that answers
//! each message with one of its own, as co2 answers the pump.

use std::env;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use service::mqtt::{
    BrokerUrl, ClientName, Event, MqttConfig, Publication, Publisher, SessionError, connect,
};
use testkit::{Mosquitto, MosquittoConfig};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const ASK: &str = "ny-power/upstream/mix";
const ANSWER: &str = "ny-power/computed/co2";

/// As large as a fuel mix.
const PAYLOAD_BYTES: usize = 300;

const DEFAULT_COUNT: usize = 5000;

/// Far enough apart that no message waits for the one before.
const PAUSE: Duration = Duration::from_millis(2);

struct Running {
    publisher: Publisher,
    events: mpsc::Receiver<Event>,
    _task: JoinHandle<Result<(), SessionError>>,
}

fn run(addr: SocketAddr, name: &str, subscriptions: &[&str]) -> anyhow::Result<Running> {
    let config = MqttConfig::new(BrokerUrl::tcp(addr), ClientName::Random(name.to_owned()));
    let filters = subscriptions.iter().map(|filter| (*filter).to_owned()).collect();
    let (publisher, events, session) = connect(config, filters)?;
    let _task = tokio::spawn(session.run(CancellationToken::new()));
    Ok(Running { publisher, events, _task })
}

impl Running {
    async fn message(&mut self) -> anyhow::Result<bytes::Bytes> {
        loop {
            match timeout(Duration::from_secs(10), self.events.recv()).await? {
                Some(Event::Message(message)) => return Ok(message.payload),
                Some(_) => {}
                None => bail!("the session ended"),
            }
        }
    }
}

/// Ends with its parent's measurement.
struct Answerer(Child);

impl Drop for Answerer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [word, addr] = arguments.as_slice()
        && word == "answer"
    {
        return answer(addr.parse()?).await;
    }
    let count = match arguments.as_slice() {
        [] => DEFAULT_COUNT,
        [count] => {
            let count: NonZeroUsize =
                count.parse().with_context(|| format!("{count:?} is not a count"))?;
            count.get()
        }
        _ => bail!("usage: fan_latency [COUNT]"),
    };
    let Some(broker) = Mosquitto::start(&MosquittoConfig::open()) else { return Ok(()) };
    let addr = broker.addr();

    let direct = measure(addr, ASK, count).await?;
    println!("session -> Mosquitto -> session: {}", summary(direct));

    let program = env::current_exe()?;
    let child = Command::new(program).arg("answer").arg(addr.to_string()).spawn()?;
    let _answerer = Answerer(child);
    let answered = measure(addr, ANSWER, count).await?;
    println!("session -> Mosquitto -> process -> Mosquitto -> session: {}", summary(answered));
    Ok(())
}

/// Answers each message until it is killed.
async fn answer(addr: SocketAddr) -> anyhow::Result<()> {
    let mut session = run(addr, "answer", &[ASK])?;
    loop {
        // Nothing to do for ten seconds: the parent is gone.
        let payload = session.message().await?;
        session.publisher.send(Publication::event(ANSWER, payload));
    }
}

/// Seconds from publishing on [`ASK`] to hearing it on `heard`.
async fn measure(addr: SocketAddr, heard: &str, count: usize) -> anyhow::Result<Vec<Duration>> {
    let sender = run(addr, "sender", &[])?;
    let mut hearer = run(addr, "hearer", &[heard])?;
    // Until everybody is connected and subscribed.
    loop {
        sender.publisher.send(Publication::event(ASK, "start"));
        if timeout(Duration::from_millis(200), hearer.message()).await.is_ok() {
            break;
        }
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    while timeout(Duration::from_millis(50), hearer.message()).await.is_ok() {}

    let mut times = Vec::with_capacity(count);
    for n in 0..count {
        let payload = format!("{n:0>PAYLOAD_BYTES$}");
        let start = Instant::now();
        sender.publisher.send(Publication::event(ASK, payload.clone()));
        let answer = hearer.message().await?;
        times.push(start.elapsed());
        if answer != payload {
            bail!("message {n} was answered by another");
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(times)
}

fn summary(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    format!(
        "p50 {:.3} ms, p99 {:.3} ms, worst {:.3} ms ({} messages)",
        ms(at(50)),
        ms(at(99)),
        ms(at(100)),
        times.len()
    )
}
