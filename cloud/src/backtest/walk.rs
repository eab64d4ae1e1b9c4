//! Finds the files of a folder that the backtest can read, by their names.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `*rtfuelmix*.csv` or `.zip`.
    FuelMix,
    /// `*isolf*.csv` or `.zip`.
    LoadForecast,
    /// `nygrid_fuelmix_hourly_*.csv.gz`.
    HourlyFuelMix,
}

/// `None` for a name that is nothing to the backtest.
pub fn kind_of(name: &str) -> Option<Kind> {
    let csv_or_zip = name.ends_with(".csv") || name.ends_with(".zip");
    if name.starts_with("nygrid_fuelmix_hourly_") && name.ends_with(".csv.gz") {
        Some(Kind::HourlyFuelMix)
    } else if csv_or_zip && name.contains("rtfuelmix") {
        Some(Kind::FuelMix)
    } else if csv_or_zip && name.contains("isolf") {
        Some(Kind::LoadForecast)
    } else {
        None
    }
}

/// Every file below `root` in the order of their paths, with what it is. Links to folders are not
/// followed, so that a loop cannot trap the walk.
///
/// # Errors
/// When a folder cannot be listed.
pub fn files(root: &Path) -> anyhow::Result<Vec<(PathBuf, Option<Kind>)>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let context = || format!("listing {}", folder.display());
        for entry in std::fs::read_dir(&folder).with_context(context)? {
            let entry = entry.with_context(context)?;
            let path = entry.path();
            if entry.file_type().with_context(context)?.is_dir() {
                folders.push(path);
            } else {
                let kind = kind_of(&entry.file_name().to_string_lossy());
                found.push((path, kind));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_names() {
        let check =
            |name: &str, expected: Option<Kind>| assert_eq!(kind_of(name), expected, "{name}");
        check("20170301rtfuelmix_csv.zip", Some(Kind::FuelMix));
        check("20171122rtfuelmix.csv", Some(Kind::FuelMix));
        check("20251102isolf_excerpt.csv", Some(Kind::LoadForecast));
        check("20190601isolf_csv.zip", Some(Kind::LoadForecast));
        check("nygrid_fuelmix_hourly_201601-201711.csv.gz", Some(Kind::HourlyFuelMix));
        check("20260914rtfuelmix_tail_excerpt.txt", None);
        check("nygrid_load_hourly_201601-201711.csv.gz", None);
        check("eia930_nyis_hourly_2019-2020.csv.gz", None);
        check("20171122pal.csv", None);
        check("README.md", None);
    }
}
