//! What a rolling history costs: disk, memory, time. `cargo run --release --example history_cost`
//!
//! Each row is a process of its own, so that one does not pay for another's memory.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::Context as _;
use domain::Timestamp;
use service::history::{History, Retention, Series, SledConfig, SledHistory};

/// Long enough to be what a five-minute record is in JSON.
const VALUE_BYTES: usize = 200;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => table(),
        [phase, dir, records] => row(phase, Path::new(dir), records.parse()?),
        _ => anyhow::bail!("usage: history_cost"),
    }
}

fn table() -> anyhow::Result<()> {
    println!("{VALUE_BYTES}-byte values, each series full and then written once over (rolling)");
    println!(
        "records   written µs/rec   RSS MB   disk MB   reopen ms   RSS MB   disk MB   scan ms"
    );
    for records in [2_000, 20_000, 100_000_u64] {
        let dir = tempfile::TempDir::new()?;
        print!("{records:7}");
        for phase in ["write", "read"] {
            let output = Command::new(std::env::current_exe()?)
                .args([phase.as_ref(), dir.path().as_os_str()])
                .arg(records.to_string())
                .output()?;
            anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            print!("{}", String::from_utf8_lossy(&output.stdout));
        }
        println!();
    }
    Ok(())
}

fn row(phase: &str, dir: &Path, records: u64) -> anyhow::Result<()> {
    let series = Series::new("cost", Retention::days(3650, records));
    let started = Instant::now();
    let (history, report) = SledHistory::open(dir, SledConfig::default())?;
    let opened_ms = started.elapsed().as_secs_f64() * 1e3;
    if phase == "write" {
        let value = [b'x'; VALUE_BYTES];
        for i in 0..2 * records {
            let millis = i64::try_from(i)? * 300_000;
            let ts = Timestamp::from_timestamp_millis(millis).context("a valid instant")?;
            history.put(&series, ts, &value)?;
        }
        history.sync()?;
        let per_record = started.elapsed().as_secs_f64() * 1e6 / (2 * records) as f64;
        print!("   {per_record:14.1}   {:6.1}   {:7.1}", rss_mb()?, size_mb(&history)?);
    } else {
        anyhow::ensure!(!report.is_trouble(), "{report}");
        let (rss, disk) = (rss_mb()?, size_mb(&history)?);
        let started = Instant::now();
        let mut seen = 0;
        history.scan(&series, Timestamp::UNIX_EPOCH..Timestamp::MAX_UTC, &mut |_, _| {
            seen += 1;
            ControlFlow::Continue(())
        })?;
        anyhow::ensure!(seen == records, "{seen} records of {records}");
        let scan_ms = started.elapsed().as_secs_f64() * 1e3;
        print!("   {opened_ms:9.1}   {rss:6.1}   {disk:7.1}   {scan_ms:7.1}");
    }
    Ok(())
}

fn size_mb(history: &SledHistory) -> anyhow::Result<f64> {
    Ok(history.size_on_disk()? as f64 / 1e6)
}

/// Resident memory of this process.
fn rss_mb() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024.0 / 1e6)
}
