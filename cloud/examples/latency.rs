//! From an instant appearing at the stand-in to its intensity at an MQTT subscriber.
//!
//! Starts a Mosquitto on loopback, `ny-power-cloud pump` and `ny-power-cloud co2` as processes of their own, and a
//! stand-in in this one. The clock starts when pump's request for a file with a new instant arrives, so the poll
//! interval is not in the figure; it stops when `computed/co2` of that instant reaches a subscriber.
//! `scripts/bench-latency.sh` builds and runs it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use domain::Timestamp;
use domain::fuel_mix::{Fuel, FuelMix};
use domain::units::Megawatts;
use domain::wire::CarbonNow;
use nyiso::{eastern, fuel_mix};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use service::clock::{Clock, SystemClock};

/// Ends its process when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn mix(ts: Timestamp, step: u32) -> FuelMix {
    let mut mix = FuelMix::new(ts);
    for (fuel, power) in Fuel::ALL.into_iter().zip([2282, 3310, 5413, 0, 237, 258, 2814]) {
        let power = f64::from(power + step % 500);
        mix.set(fuel, Megawatts::new(power).expect("finite"));
    }
    mix
}

/// Serves today's file with one instant more at each request after the first; tells when each was asked for.
fn stand_in(listener: TcpListener, asked: mpsc::Sender<(Timestamp, Instant)>) {
    for stream in listener.incoming().flatten() {
        let asked = asked.clone();
        std::thread::spawn(move || serve(stream, &asked));
    }
}

fn serve(mut stream: TcpStream, asked: &mpsc::Sender<(Timestamp, Instant)>) {
    let _ = stream.set_nodelay(true);
    let clock = SystemClock::new();
    let today = eastern::day_of(clock.now());
    let start = eastern::midnight(today);
    // A day's file of the usual size: a row of seven fuels each minute up to now.
    let mut step = 0;
    let mut buffer = [0; 8192];
    loop {
        let Ok(count @ 1..) = stream.read(&mut buffer) else { return };
        let request = String::from_utf8_lossy(&buffer[..count]).into_owned();
        let name = today.format("%Y%m%drtfuelmix.csv").to_string();
        let answer = if request.contains(&name) {
            step += 1;
            let newest = clock.now() - TimeDelta::seconds(1);
            let newest = Timestamp::from_timestamp(newest.timestamp(), 0).expect("in range");
            let grid = (newest - start).num_seconds() / 300;
            let mut mixes: Vec<FuelMix> =
                (1..=grid).map(|index| mix(start + TimeDelta::seconds(index * 300), 0)).collect();
            mixes.retain(|mix| mix.ts < newest);
            mixes.push(mix(newest, step));
            let body = fuel_mix::render(&mixes);
            // What NYISO would have lying ready does not count.
            let begun_to_answer = Instant::now();
            let _ = asked.send((newest, begun_to_answer));
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\nx-ny-power-origin: generated\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            [head.into_bytes(), body].concat()
        } else {
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()
        };
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

fn main() -> anyhow::Result<()> {
    let samples: usize = std::env::args().nth(1).map_or(Ok(200), |count| count.parse())?;
    let program = PathBuf::from(
        std::env::args().nth(2).unwrap_or_else(|| "target/release/ny-power-cloud".into()),
    );
    let dir = tempfile::tempdir()?;

    let port = free_port()?;
    let settings = dir.path().join("mosquitto.conf");
    std::fs::write(
        &settings,
        format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nlog_type none\n"
        ),
    )?;
    let mosquitto = if std::path::Path::new("/usr/sbin/mosquitto").exists() {
        "/usr/sbin/mosquitto"
    } else {
        "mosquitto"
    };
    let _broker =
        Process(Command::new(mosquitto).arg("-c").arg(&settings).stderr(Stdio::null()).spawn()?);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::sleep(Duration::from_millis(20));
    }

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/public/csv/", listener.local_addr()?);
    let (asked_tx, asked) = mpsc::channel();
    std::thread::spawn(move || stand_in(listener, asked_tx));

    let mut options = MqttOptions::new("latency-subscriber", "127.0.0.1", port);
    options.set_max_packet_size(256 * 1024, 256 * 1024);
    let (client, mut connection) = Client::new(options, 64);
    let mut network = connection.eventloop.network_options();
    network.set_tcp_nodelay(true);
    connection.eventloop.set_network_options(network);
    client.subscribe("ny-power/computed/co2", QoS::AtMostOnce)?;
    let (heard_tx, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for event in connection.iter().flatten() {
            if let Event::Incoming(Packet::Publish(publish)) = event {
                let at = Instant::now();
                if let Ok(now) = CarbonNow::from_json(&publish.payload) {
                    let _ = heard_tx.send((now.ts, at));
                }
            }
        }
    });

    let start = |service: &str| -> std::io::Result<Process> {
        let child = Command::new(&program)
            .arg(service)
            .env("NY_POWER_CLOUD__NYISO__URL", &url)
            .env("NY_POWER_CLOUD__NYISO__POLL_INTERVAL_SECS", "1")
            .env("NY_POWER_CLOUD__MQTT__URL", format!("mqtt://127.0.0.1:{port}"))
            .env("NY_POWER_CLOUD__CO2__BACKFILL_DAYS", "0")
            .env("NY_POWER_CLOUD__DATA_DIR", dir.path().join("state"))
            .env("NY_POWER_LOG", "warn")
            .spawn()?;
        Ok(Process(child))
    };
    let _co2 = start("co2")?;
    let _pump = start("pump")?;

    let mut begun: HashMap<Timestamp, Instant> = HashMap::new();
    let mut millis = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30 + 2 * samples as u64);
    while millis.len() < samples + 5 && Instant::now() < deadline {
        let Ok((ts, at)) = heard.recv_timeout(Duration::from_secs(5)) else { continue };
        begun.extend(asked.try_iter());
        if let Some(from) = begun.remove(&ts) {
            millis.push(at.duration_since(from).as_secs_f64() * 1000.0);
            eprint!("\r{} of {samples}", millis.len().saturating_sub(5));
        }
    }
    eprintln!();
    anyhow::ensure!(millis.len() > 5, "no intensity arrived; is {} built?", program.display());
    // The first few include the first start's catch-up.
    let mut millis = millis.split_off(5);
    millis.sort_by(f64::total_cmp);
    let quantile = |share: f64| millis[((millis.len() - 1) as f64 * share).round() as usize];
    println!(
        "appearance to intensity over Mosquitto, {} instants: p50 {:.2} ms, p90 {:.2} ms, p99 {:.2} ms, max {:.2} ms",
        millis.len(),
        quantile(0.5),
        quantile(0.9),
        quantile(0.99),
        quantile(1.0)
    );
    Ok(())
}
