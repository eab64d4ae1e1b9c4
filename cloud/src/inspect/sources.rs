//! Which files there are below the given paths, and what is in them.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context;
use nyiso::fuel_mix::{FuelMixFile, parse};
use nyiso::survey::Survey;
use nyiso::{archive, gzip, path};

/// Largest file that is read. NYISO's months have 300 KB.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// A file to read.
pub struct Source {
    pub path: PathBuf,
    /// It was named, or has a fuel mix's name: if it cannot be read, that is an error. Any other file of a
    /// folder may be something else.
    pub certain: bool,
}

/// What became of a file, or of one day of an archive.
pub enum Read {
    Mixes(FuelMixFile, Survey),
    /// Something else; why we think so.
    Skipped(&'static str),
    Unreadable(anyhow::Error),
}

/// The file, or all files of the folder and its folders, by name.
pub fn find(path: &Path) -> anyhow::Result<Vec<Source>> {
    let about = fs::metadata(path).context("cannot be opened")?;
    if !about.is_dir() {
        return Ok(vec![Source { path: path.to_owned(), certain: true }]);
    }
    let mut entries = fs::read_dir(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .context("the folder cannot be read")?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut sources = Vec::new();
    for entry in entries {
        let path = entry.path();
        // A linked folder is not followed: it could lead back here.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder {
            let found = find(&path).with_context(|| path.display().to_string())?;
            sources.extend(found);
        } else if !path.is_dir() {
            let certain = is_fuel_mix_name(&file_name(&path));
            sources.push(Source { path, certain });
        }
    }
    Ok(sources)
}

/// Everything in a file, each with the name that stands in messages.
pub fn read(path: &Path, certain: bool) -> Vec<(String, Read)> {
    let name = path.display().to_string();
    if !certain && let Some(reason) = is_no_fuel_mix(&file_name(path)) {
        return vec![(name, Read::Skipped(reason))];
    }
    match load(path) {
        Ok(bytes) if archive::is_zip(&bytes) => read_archive(&name, &bytes, certain),
        Ok(bytes) => {
            let read = read_day(&file_name(path), &bytes, certain);
            vec![(name, read)]
        }
        Err(error) => vec![(name, Read::Unreadable(error))],
    }
}

fn read_archive(name: &str, bytes: &[u8], certain: bool) -> Vec<(String, Read)> {
    let days = match archive::days(bytes) {
        Ok(days) => days,
        Err(error) => return vec![(name.to_owned(), Read::Unreadable(error.into()))],
    };
    if days.is_empty() {
        return vec![(name.to_owned(), Read::Skipped("an empty archive"))];
    }
    let mut read: Vec<(String, Read)> = days
        .into_iter()
        .map(|(entry, bytes)| {
            let read = match is_no_fuel_mix(&entry) {
                Some(reason) => Read::Skipped(reason),
                None => read_day(&entry, &bytes, certain),
            };
            (format!("{name}: {entry}"), read)
        })
        .collect();
    if certain && read.iter().all(|(_, read)| matches!(read, Read::Skipped(_))) {
        read.push((
            name.to_owned(),
            Read::Unreadable(anyhow::anyhow!("no fuel mix in this archive")),
        ));
    }
    read
}

fn read_day(file_name: &str, bytes: &[u8], certain: bool) -> Read {
    match parse(bytes) {
        Ok(file) => {
            let day = path::kind_of(file_name.trim_end_matches(".gz")).map(|kind| kind.date);
            let survey = match day {
                Some(day) => Survey::of_day(day, &file.mixes),
                None => Survey::of(&file.mixes),
            };
            Read::Mixes(file, survey)
        }
        Err(_) if !certain && !is_fuel_mix_name(file_name) => Read::Skipped("no fuel-mix file"),
        Err(error) => Read::Unreadable(error.into()),
    }
}

/// The bytes of a file, unpacked where it is gzip.
fn load(path: &Path) -> anyhow::Result<Vec<u8>> {
    let file = fs::File::open(path).context("cannot be opened")?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).context("cannot be read")?;
    anyhow::ensure!(
        bytes.len() as u64 <= MAX_FILE_BYTES,
        "larger than {MAX_FILE_BYTES} bytes: no file of NYISO's"
    );
    if gzip::is_gzip(&bytes) {
        let cap = usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX);
        return Ok(gzip::inflate(&bytes, cap)?);
    }
    Ok(bytes)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A name that promises a fuel mix, also where somebody added to it.
fn is_fuel_mix_name(name: &str) -> bool {
    name.contains("rtfuelmix") && has_read_extension(name)
}

/// Why a file of this name is not even opened; `None` where only its contents can tell.
fn is_no_fuel_mix(name: &str) -> Option<&'static str> {
    let name = name.rsplit('/').next().unwrap_or(name);
    if !has_read_extension(name) {
        return Some("neither csv, csv.gz nor zip");
    }
    // `20160101isolf_csv.zip`, `20171122pal.csv`: NYISO's own names of its other feeds.
    let stem = name.trim_start_matches(|c: char| c.is_ascii_digit());
    let is_nyisos = name.len() - stem.len() == 8 && stem.starts_with(char::is_alphabetic);
    (is_nyisos && !stem.starts_with("rtfuelmix")).then_some("another feed of NYISO's")
}

fn has_read_extension(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".csv", ".csv.gz", ".zip"].iter().any(|extension| name.ends_with(extension))
}
