//! Monthly zip archives: one CSV a day, in whatever order NYISO wrote them.

use std::io::{Cursor, Read};

/// Largest day that is believed. A day of the fuel mix is about 86 KB, one of the largest feed 6 MB.
pub const MAX_DAY_BYTES: usize = 16 << 20;

/// Most entries that are believed. A month has 31; people pack years of days.
pub const MAX_ENTRIES: usize = 4_000;

/// Most bytes that one archive may unfold to.
pub const MAX_TOTAL_BYTES: usize = 256 << 20;

/// Why an archive could not be read. A damaged archive is refused whole: its days are asked for again.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Not a zip file, or one that is cut off or damaged.
    #[error("not a readable zip archive")]
    NotAZip(#[source] zip::result::ZipError),
    /// An entry that cannot be unpacked.
    #[error("entry {name:?} of the archive cannot be unpacked")]
    Entry {
        /// Name of the entry.
        name: String,
        /// What is wrong with it.
        source: std::io::Error,
    },
    /// A zip bomb, or the wrong file.
    #[error("the archive has {found} entries, more than {MAX_ENTRIES}: not an archive of days")]
    TooMany {
        /// How many it says it has.
        found: usize,
    },
    /// A zip bomb, or the wrong file.
    #[error("entry {name:?} of the archive unfolds to more than {cap} bytes")]
    TooLarge {
        /// Name of the entry.
        name: String,
        /// The most that was still allowed.
        cap: usize,
    },
}

/// The bytes begin like a zip file.
pub fn is_zip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06")
}

/// Unpacks every file of a zip archive: name and bytes, sorted by name, which is by date for NYISO's
/// names. May be empty.
///
/// # Errors
/// [`ArchiveError`] when anything in it is damaged (checksums are compared) or beyond the caps; never a
/// part of it.
pub fn days(zip: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ArchiveError> {
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).map_err(ArchiveError::NotAZip)?;
    if archive.len() > MAX_ENTRIES {
        return Err(ArchiveError::TooMany { found: archive.len() });
    }
    let mut days = Vec::with_capacity(archive.len());
    let mut total = 0;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(ArchiveError::NotAZip)?;
        if !entry.is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(entry.name_raw()).into_owned();
        let cap = MAX_DAY_BYTES.min(MAX_TOTAL_BYTES - total);
        // The size in the directory is only a claim: a bomb says 0. It is a hint, within the cap.
        let claimed = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        let mut body = Vec::with_capacity(claimed.min(1 << 20));
        let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
        if let Err(source) = entry.take(limit).read_to_end(&mut body) {
            return Err(ArchiveError::Entry { name, source });
        }
        if body.len() > cap {
            return Err(ArchiveError::TooLarge { name, cap });
        }
        total += body.len();
        days.push((name, body));
    }
    days.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::write::SimpleFileOptions;

    fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_level(Some(1));
        for (name, body) in entries {
            writer.start_file(*name, options).unwrap();
            writer.write_all(body).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn entries_come_by_date_whatever_their_order() {
        let zip = zip_of(&[
            ("20170304rtfuelmix.csv", b"4"),
            ("20170308rtfuelmix.csv", b"8"),
            ("20170303rtfuelmix.csv", b"3"),
        ]);
        assert!(is_zip(&zip));
        let days = days(&zip).unwrap();
        let bodies: Vec<&[u8]> = days.iter().map(|(_, body)| body.as_slice()).collect();
        assert_eq!(bodies, [b"3", b"4", b"8"]);
        assert_eq!(days[0].0, "20170303rtfuelmix.csv");
    }

    #[test]
    fn an_empty_archive_is_a_month_without_days() {
        assert_eq!(days(&zip_of(&[])).unwrap(), []);
    }

    #[test]
    fn a_bomb_stops_at_the_cap() {
        let zip = zip_of(&[("20170304rtfuelmix.csv", &vec![b'0'; MAX_DAY_BYTES + 1])]);
        assert!(zip.len() < MAX_DAY_BYTES / 50);
        let error = days(&zip).unwrap_err().to_string();
        assert!(error.contains("20170304rtfuelmix.csv"), "{error}");
        assert!(error.contains("16777216"), "{error}");
    }

    #[test]
    fn too_many_entries_are_no_archive_of_days() {
        let names: Vec<String> = (0..=MAX_ENTRIES).map(|n| n.to_string()).collect();
        let entries: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
        assert!(matches!(days(&zip_of(&entries)), Err(ArchiveError::TooMany { found: 4_001 })));
    }

    #[test]
    fn damage_is_an_error_and_never_half_a_month() {
        let zip = zip_of(&[("20170304rtfuelmix.csv", &b"12/09/2015 00:05,EST".repeat(50))]);
        for cut in [0, 1, zip.len() / 2, zip.len() - 1] {
            assert!(days(&zip[..cut]).is_err(), "cut at {cut}");
        }
        let mut flipped = zip.clone();
        let at = 30 + "20170304rtfuelmix.csv".len() + 4;
        flipped[at] ^= 0x55;
        assert!(days(&flipped).is_err(), "a flipped bit breaks the checksum");
        assert!(matches!(days(b"<html>sorry</html>"), Err(ArchiveError::NotAZip(_))));
    }
}
