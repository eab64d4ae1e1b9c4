//! How fast recorded days become validated instants and intensities, beside the `csv` crate merely reading
//! the same bytes as `ByteRecord`s. `scripts/bench-parse.sh` builds and runs it.
//!
//! One thread. Files are unzipped before the clock starts; the two tasks take turns, and the fastest round
//! of each counts, so that a busy machine disturbs both alike.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use domain::carbon::average_intensity;
use domain::factors::FactorSetName;
use nyiso::fuel_mix::parse;
use nyiso::{archive, path};

const ROUNDS: usize = 15;

fn main() -> ExitCode {
    let folder = std::env::args_os().nth(1).map_or_else(data, PathBuf::from);
    let days = match read(&folder) {
        Ok(days) if !days.is_empty() => days,
        Ok(_) => {
            eprintln!("no monthly archive of the fuel mix in {}", folder.display());
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            return ExitCode::FAILURE;
        }
    };
    let bytes: usize = days.iter().map(Vec::len).sum();
    let (mut csv, mut ours) = (Duration::MAX, Duration::MAX);
    let (mut rows, mut instants, mut mean) = (0, 0, 0.0);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        rows = black_box(read_records(&days));
        csv = csv.min(start.elapsed());

        let start = Instant::now();
        (instants, mean) = black_box(read_intensities(&days));
        ours = ours.min(start.elapsed());
    }
    println!(
        "{} days, {:.1} MB, {rows} rows, {instants} instants, mean {mean:.2} g/kWh (direct)",
        days.len(),
        bytes as f64 / 1e6
    );
    let rate = |took: Duration| rows as f64 / took.as_secs_f64() / 1e6;
    println!("csv crate, ByteRecord only:          {:6.2} million rows/s", rate(csv));
    println!("instants and intensities, validated: {:6.2} million rows/s", rate(ours));
    println!("ratio: {:.2} (at most 3 wanted)", ours.as_secs_f64() / csv.as_secs_f64());
    ExitCode::SUCCESS
}

fn read_records(days: &[Vec<u8>]) -> usize {
    let mut rows = 0;
    let mut record = csv::ByteRecord::new();
    for day in days {
        let mut reader = csv::Reader::from_reader(&day[..]);
        while reader.read_byte_record(&mut record).expect("recorded files are CSV") {
            rows += 1;
        }
    }
    rows
}

fn read_intensities(days: &[Vec<u8>]) -> (usize, f64) {
    let factors = FactorSetName::Ny2026_1.load();
    let (mut instants, mut sum) = (0, 0.0);
    for day in days {
        for mix in &parse(day).expect("recorded files are readable").mixes {
            let intensity = average_intensity(mix, factors).expect("something always runs");
            sum += intensity.direct.grams_per_kwh();
            instants += 1;
        }
    }
    (instants, sum / instants as f64)
}

fn read(folder: &Path) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
    let mut days = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if path::kind_of(&name).is_some_and(|kind| kind.span == path::Span::Month) {
            days.extend(archive::days(&std::fs::read(&file)?)?.into_iter().map(|(_, day)| day));
        }
    }
    Ok(days)
}

fn data() -> PathBuf {
    let data = std::env::var_os("NY_POWER_DATA").unwrap_or_else(|| "../shared/data/nyiso".into());
    PathBuf::from(data).join("rtfuelmix")
}
