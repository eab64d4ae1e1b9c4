//! What the agent costs: memory after a day of feed, processor, size, start, open ports. Each with its goal;
//! fails where one is not met. `agent_cost PROGRAM [SECONDS]`: how long the processor is watched, 60 unless said.
//!
//! The day comes in a minute: a week of history, 288 readings and 96 forecasts through a real broker, to an
//! agent that plans a charge and keeps its ledger.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use agent::status::Status;
use anyhow::{Context as _, bail, ensure};
use chrono::TimeDelta;
use domain::Timestamp;
use domain::wire::{CarbonForecast, CarbonNow, CarbonSeries, GRAMS_PER_KWH, Origin};
use service::clock::{Clock as _, SystemClock};
use testkit::{Mosquitto, MosquittoConfig, publish};

const RSS_MB: f64 = 12.0;
const CPU_PERCENT: f64 = 0.2;
const SIZE_MB: f64 = 8.0;
const START_MS: f64 = 200.0;

/// Starts measured; the median counts.
const STARTS: usize = 5;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    let program = PathBuf::from(arguments.next().context("usage: agent_cost PROGRAM [SECONDS]")?);
    let secs = arguments.next().map_or(Ok(60), |secs| secs.parse()).context("SECONDS")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(measure(&program, Duration::from_secs(secs)))
}

async fn measure(program: &Path, watch: Duration) -> anyhow::Result<ExitCode> {
    let broker = Mosquitto::start(&MosquittoConfig::open()).context("needs mosquitto")?;
    let home = tempfile::tempdir()?;
    let settings = settings(home.path(), broker.addr());
    std::fs::write(home.path().join("agent.toml"), settings)?;
    let mut met = true;

    let agent = Agent::start(program, home.path())?;
    agent.status()?;
    let newest = a_day(broker.addr()).await;
    agent.until("the day's last reading", |status| status.signal.ts == Some(newest))?;
    agent.until("a plan by the forecast", |status| {
        status
            .charge
            .as_ref()
            .is_some_and(|charge| charge.basis == "forecast" || charge.left_kwh == 0.0)
    })?;
    let rss = agent.memory("VmRSS")?;
    met &= tell("memory after a day of feed", rss, "MB", RSS_MB);
    println!("  at its highest {:.1} MB", agent.memory("VmHWM")?);

    let before = agent.on_cpu()?;
    let began = Instant::now();
    // In five minutes a reading and a third of a forecast come: as much in this time, at least one each.
    let readings = (watch.as_secs() / 300).max(1);
    for n in 1..=readings {
        tell_now(broker.addr(), newest + TimeDelta::seconds(30 * i64::try_from(n)?), 200.0).await;
        tokio::time::sleep(watch / u32::try_from(readings)?).await;
    }
    let share = (agent.on_cpu()? - before).as_secs_f64() / began.elapsed().as_secs_f64();
    met &= tell("processor, of one core", 100.0 * share, "%", CPU_PERCENT);

    let ports = agent.open_ports()?;
    println!("listening ports: {} (goal none)", if ports.is_empty() { "none" } else { &ports });
    met &= ports.is_empty();

    agent.kill()?;
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let began = Instant::now();
        let agent = Agent::start(program, home.path())?;
        agent.status()?;
        starts.push(began.elapsed().as_secs_f64() * 1e3);
        agent.kill()?;
    }
    starts.sort_by(f64::total_cmp);
    met &= tell("start to first decision, with history", starts[STARTS / 2], "ms", START_MS);

    met &= tell("program, stripped", size(program, home.path())?, "MB", SIZE_MB);
    Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn tell(what: &str, value: f64, unit: &str, goal: f64) -> bool {
    let met = value < goal;
    println!(
        "{what}: {value:.2} {unit} (goal under {goal} {unit}{})",
        if met { "" } else { ", NOT met" }
    );
    met
}

/// A planned charge for every morning; whatever the hour, the car is there.
fn settings(home: &Path, broker: SocketAddr) -> String {
    let days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let schedule: String = days.map(|day| format!("{day} = \"07:30\"\n")).concat();
    format!(
        "state_dir = {:?}\n[feed]\nurl = \"mqtt://{broker}\"\n[control]\nmode = \"clean\"\n\
         [charge]\nneed_kwh = 14\npower_kw = 7\nplugged_from = \"07:31\"\n[schedule]\n{schedule}",
        home.join("state")
    )
}

/// Publishes a week of means, then a day of readings and forecasts that ends now; gives the last stamp.
async fn a_day(broker: SocketAddr) -> Timestamp {
    let now = SystemClock::new().now();
    let last = now - TimeDelta::minutes(5);
    let value = |ts: Timestamp| 220.0 + 40.0 * ((ts.timestamp() % 86_400) as f64 / 13_750.0).sin();
    let ts: Vec<Timestamp> =
        (97..7 * 96).rev().map(|n| last - TimeDelta::minutes(15 * n)).collect();
    let week = CarbonSeries {
        units: GRAMS_PER_KWH.to_owned(),
        values: ts.iter().map(|ts| value(*ts)).collect(),
        ts,
        factor_set: "ny-2026.1".to_owned(),
        origin: Origin::Nyiso,
    };
    publish(broker, None, "ny-power/archive/co2/7d", &text(week.to_json()), true).await;
    for n in (0..288).rev() {
        let ts = last - TimeDelta::minutes(5 * n);
        tell_now(broker, ts, value(ts)).await;
        if n % 3 == 0 {
            let values: Vec<f64> =
                (0..384).map(|n| value(ts + TimeDelta::minutes(15 * n))).collect();
            let forecast = CarbonForecast {
                issued: ts,
                model: "ny-power".to_owned(),
                units: GRAMS_PER_KWH.to_owned(),
                basis: "average, production, direct".to_owned(),
                zone: None,
                start: ts,
                step_s: 900,
                p10: values.clone(),
                p90: values.clone(),
                values,
                known_until: None,
                factor_set: "ny-2026.1".to_owned(),
                origin: Origin::Nyiso,
            };
            publish(broker, None, "ny-power/forecast/co2", &text(forecast.to_json()), true).await;
        }
        // Time to decide between two of them, as there is in five minutes.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    // To the second, as it is told.
    let seconds = Timestamp::from_timestamp(last.timestamp(), 0);
    seconds.unwrap_or(last)
}

async fn tell_now(broker: SocketAddr, ts: Timestamp, value: f64) {
    let reading = CarbonNow {
        ts,
        value,
        units: GRAMS_PER_KWH.to_owned(),
        life_cycle: Some(1.3 * value),
        consumption: None,
        consumption_life_cycle: None,
        production_only: None,
        marginal: Some(2.0 * value),
        marginal_basis: None,
        renewables_floor_mw: None,
        verdict: None,
        percentile_7d: None,
        percentile_hours: None,
        p33: None,
        p67: None,
        min_7d: None,
        max_7d: None,
        factor_set: "ny-2026.1".to_owned(),
        complete: true,
        missing: Vec::new(),
        unknown: Vec::new(),
        revised: false,
        origin: Origin::Nyiso,
    };
    publish(broker, None, "ny-power/computed/co2", &text(reading.to_json()), true).await;
}

fn text(payload: Vec<u8>) -> String {
    String::from_utf8(payload).expect("JSON is UTF-8")
}

/// Megabytes of the program without its symbols.
fn size(program: &Path, scratch: &Path) -> anyhow::Result<f64> {
    let stripped = scratch.join("stripped");
    let status = Command::new("strip").arg("-o").arg(&stripped).arg(program).status();
    let measured = if status.is_ok_and(|status| status.success()) { &stripped } else { program };
    Ok(std::fs::metadata(measured)?.len() as f64 / 1e6)
}

/// A running agent; killed when dropped.
struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    fn start(program: &Path, home: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("NY_POWER_") {
                command.env_remove(name);
            }
        }
        let child = command
            .arg("--config")
            .arg(home.join("agent.toml"))
            .arg("run")
            .env("NY_POWER_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self { child, socket: home.join("state/agent.sock") })
    }

    /// Its first status, or the one it has now.
    fn status(&self) -> anyhow::Result<Status> {
        self.until("a decision", |_| true)
    }

    fn until(&self, what: &str, expected: impl Fn(&Status) -> bool) -> anyhow::Result<Status> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.ask()
                && expected(&status)
            {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        bail!("waited in vain for {what}");
    }

    fn ask(&self) -> Option<Status> {
        use std::io::{Read as _, Write as _};
        let mut stream = std::os::unix::net::UnixStream::connect(&self.socket).ok()?;
        stream.write_all(b"status\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(&answer).ok()
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }

    /// Megabytes, by the name of a line in `/proc/PID/status`.
    fn memory(&self, name: &str) -> anyhow::Result<f64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kb: f64 =
            line.and_then(|line| line.split_whitespace().next()).context("VmRSS")?.parse()?;
        Ok(kb * 1024.0 / 1e6)
    }

    /// Time on the processor so far, all threads.
    fn on_cpu(&self) -> anyhow::Result<Duration> {
        let mut ns = 0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            let first: u64 = text.split_whitespace().next().context("schedstat")?.parse()?;
            ns += first;
        }
        Ok(Duration::from_nanos(ns))
    }

    /// What of its sockets listens on a network, a line each.
    fn open_ports(&self) -> anyhow::Result<String> {
        let mut sockets = HashSet::new();
        for entry in std::fs::read_dir(format!("/proc/{}/fd", self.child.id()))? {
            let link = std::fs::read_link(entry?.path())?;
            let inode =
                link.to_str().and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']'));
            sockets.extend(inode.map(str::to_owned));
        }
        ensure!(!sockets.is_empty(), "not even its Unix socket can be seen");
        let mut open = Vec::new();
        for table in ["tcp", "tcp6", "udp", "udp6"] {
            for line in self.proc(&format!("net/{table}")).unwrap_or_default().lines().skip(1) {
                let columns: Vec<&str> = line.split_whitespace().collect();
                let [_, local, _, state, ..] = columns[..] else { continue };
                // 0A: listening; 07: a UDP socket that takes from anybody.
                let is_ours = columns.get(9).is_some_and(|inode| sockets.contains(*inode));
                if is_ours && matches!(state, "0A" | "07") {
                    open.push(format!("{table} {local}"));
                }
            }
        }
        Ok(open.join(", "))
    }

    /// `kill -9`: what is measured next is a start after a power cut.
    fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
