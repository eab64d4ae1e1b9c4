//! Finds the files of a folder that the backtest can read, by their names.

use std::collections::HashSet;
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

/// Every file below `root` in the order of their paths, with what it is. Links are followed; a folder
/// that is reached twice is read once, so that a loop cannot trap the walk. A link to nowhere is a file
/// of no kind.
///
/// # Errors
/// When a folder cannot be listed.
pub fn files(root: &Path) -> anyhow::Result<Vec<(PathBuf, Option<Kind>)>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let context = || format!("listing {}", folder.display());
        if !seen.insert(folder.canonicalize().with_context(context)?) {
            continue;
        }
        for entry in std::fs::read_dir(&folder).with_context(context)? {
            let path = entry.with_context(context)?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let kind = if path.is_file() { kind_of(&name) } else { None };
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

    #[test]
    fn links_are_followed_once() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, root) = (folder.path().join("elsewhere"), folder.path().join("root"));
        for folder in [&inner, &root] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(inner.join("20171122rtfuelmix.csv"), "").unwrap();
        let link = |to: &Path, name: &str| std::os::unix::fs::symlink(to, root.join(name)).unwrap();
        link(&inner, "b");
        link(&inner, "a");
        link(&root, "loop");
        link(&root.join("nowhere"), "20171123rtfuelmix.csv");
        let found = files(&root).unwrap();
        let kinds: Vec<Option<Kind>> = found.iter().map(|(_, kind)| *kind).collect();
        assert_eq!(
            kinds.iter().filter(|kind| **kind == Some(Kind::FuelMix)).count(),
            1,
            "{found:?}"
        );
        assert_eq!(kinds.iter().filter(|kind| kind.is_none()).count(), 1, "{found:?}");
    }
}
