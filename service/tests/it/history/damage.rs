//! Every kind of damage that was seen ends in a working store, and in words that say what was lost.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use domain::Timestamp;
use service::history::{History, OpenReport, Outcome, Series, SledConfig, SledHistory};
use tempfile::TempDir;

use super::{CO2, at, open};

/// Records in the store that gets damaged.
const RECORDS: u64 = 6_000;

const EVENTS: Series = Series::new("events", CO2.retention());

/// Records in its second series.
const EVENT_RECORDS: u64 = 200;

/// A store as a running system leaves it: written, closed and opened again, so that it has a
/// snapshot and a log that goes on behind it.
fn sound() -> &'static Path {
    static SOUND: OnceLock<TempDir> = OnceLock::new();
    SOUND
        .get_or_init(|| {
            let dir = TempDir::new().expect("a temporary directory");
            for round in 0..3 {
                let (history, _) = open(dir.path());
                for i in (0..RECORDS).filter(|i| i % 3 == round) {
                    let value = format!("{i:0200}");
                    let ts = at(i64::try_from(i).expect("small") * 300);
                    history.put(&CO2, ts, value.as_bytes()).expect("a write");
                }
                for i in (0..EVENT_RECORDS).filter(|i| i % 3 == round) {
                    let now = at(i64::try_from(i).expect("small"));
                    history.append(&EVENTS, now, b"event").expect("a write");
                }
            }
            drop(open(dir.path()));
            dir
        })
        .path()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// A copy of the sound store, damaged by `damage`, which is given sled's directory.
fn damaged(damage: impl FnOnce(&Path)) -> TempDir {
    let dir = TempDir::new().expect("a temporary directory");
    copy(sound(), dir.path());
    damage(&dir.path().join("store"));
    dir
}

fn snapshots(store: &Path) -> Vec<PathBuf> {
    let found: Vec<PathBuf> = fs::read_dir(store)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().expect("a name").to_string_lossy().starts_with("snap."))
        .collect();
    assert!(!found.is_empty(), "the sound store has no snapshot to damage");
    found
}

fn db(store: &Path) -> File {
    OpenOptions::new().read(true).write(true).open(store.join("db")).expect("the log")
}

/// What must hold whatever happened: it opens, its count is true, everything in it is as it was
/// written, it takes new records, and opens again without any trouble.
fn examine(dir: &TempDir) -> OpenReport {
    let (history, report) = open(dir.path());
    println!("{report}");
    let kept = records(&history);
    assert_eq!(report.records, kept, "{report}");
    history.put(&CO2, at(-300), b"new").expect("a write");
    history.append(&EVENTS, at(1_000_000), b"new").expect("a write");
    history.sync().expect("a sync");
    drop(history);

    let (history, again) = open(dir.path());
    assert!(!again.is_trouble(), "after repair: {again}");
    assert_eq!(again.records, kept + 2, "after repair: {again}");
    assert_eq!(history.get(&CO2, at(-300)).expect("a read"), Some(b"new".to_vec()));
    report
}

fn records(history: &SledHistory) -> u64 {
    let everything = Timestamp::UNIX_EPOCH..Timestamp::MAX_UTC;
    let found = history.range(&CO2, everything.clone()).expect("a read");
    for record in &found {
        let i = (record.ts - at(0)).num_seconds() / 300;
        assert_eq!(record.value, format!("{i:0200}").as_bytes());
    }
    let events = history.range(&EVENTS, everything).expect("a read");
    assert_eq!(history.count(&CO2).expect("a count"), found.len() as u64);
    assert_eq!(history.count(&EVENTS).expect("a count"), events.len() as u64);
    (found.len() + events.len()) as u64
}

/// Damage after which at least `at_least` of the 6,200 records must be there.
#[track_caller]
fn check(damage: impl FnOnce(&Path), outcome: Outcome, at_least: u64) {
    let dir = damaged(damage);
    let report = examine(&dir);
    assert_eq!(report.outcome, outcome, "{report}");
    assert!(at_least <= report.records, "{report}");
    assert_eq!(report.records + report.missing, RECORDS + EVENT_RECORDS, "{report}");
    // Evidence is kept whenever anything was moved out of the way.
    let aside = !matches!(outcome, Outcome::New | Outcome::Intact);
    assert_eq!(report.set_aside.as_ref().is_some_and(|path| path.is_dir()), aside, "{report}");
}

const ALL: u64 = RECORDS + EVENT_RECORDS;

#[test]
fn no_damage_is_no_trouble() {
    check(|_| {}, Outcome::Intact, ALL);
}

#[test]
fn half_written_snapshot() {
    check(
        |store| {
            // Newer than all others by its name, as a crash while opening leaves it.
            let half = store.join("snap.00000000FFFFFFFF.generating");
            fs::write(half, b"half a snap").expect("a write");
        },
        Outcome::Intact,
        ALL,
    );
}

#[test]
fn empty_snapshot() {
    let empty = |path: &PathBuf| drop(File::create(path).expect("a file"));
    check(|store| snapshots(store).iter().for_each(empty), Outcome::Mended, ALL);
}

#[test]
fn garbage_snapshot() {
    let garble = |path: &PathBuf| fs::write(path, [0xA5; 4096]).expect("a write");
    check(|store| snapshots(store).iter().for_each(garble), Outcome::Mended, ALL);
}

#[test]
fn snapshot_gone() {
    let remove = |path: &PathBuf| fs::remove_file(path).expect("removed");
    check(|store| snapshots(store).iter().for_each(remove), Outcome::Intact, ALL);
}

#[test]
fn garbage_settings() {
    let garbage = b"segment_size: many\n\xFF\xFE\xFD\xFC";
    check(|store| fs::write(store.join("conf"), garbage).expect("a write"), Outcome::Mended, ALL);
}

#[test]
fn settings_gone() {
    check(|store| fs::remove_file(store.join("conf")).expect("removed"), Outcome::Intact, ALL);
}

#[test]
fn note_of_counts_gone_or_garbled() {
    for note in [None, Some(&b"\xFFmany co2\n"[..])] {
        let dir = damaged(|store| {
            fs::remove_file(store.join("records")).expect("removed");
            if let Some(text) = note {
                fs::write(store.join("records"), text).expect("a write");
            }
        });
        let report = examine(&dir);
        assert_eq!((report.outcome, report.records), (Outcome::Intact, ALL), "{report}");
    }
}

/// Damage in the log itself: what is lost depends on what lay there. At least `at_least` records
/// must be saved, and the damaged store must be kept.
#[track_caller]
fn check_loss(damage: impl FnOnce(&Path), at_least: u64) -> u64 {
    let dir = damaged(damage);
    let report = examine(&dir);
    assert!(at_least <= report.records, "{report}");
    assert_eq!(report.records + report.missing, ALL, "{report}");
    if report.missing != 0 {
        let nothing = report.records == 0;
        let expected = if nothing { Outcome::StartedOver } else { Outcome::Rescued };
        assert_eq!(report.outcome, expected, "{report}");
        assert!(report.set_aside.as_ref().is_some_and(|path| path.is_dir()), "{report}");
    }
    report.missing
}

#[test]
fn one_flipped_byte_anywhere_in_the_log() {
    let len = db(&sound().join("store")).metadata().expect("metadata").len();
    let mut missing: Vec<u64> = (0..10)
        .map(|tenth| {
            let flip = |store: &Path| {
                let (file, at) = (db(store), len * tenth / 10 + 10_000);
                let mut byte = [0];
                file.read_exact_at(&mut byte, at).expect("a read");
                file.write_all_at(&[byte[0] ^ 0x10], at).expect("a write");
            };
            // The worst place is the page that leads to all others.
            check_loss(flip, ALL / 2)
        })
        .collect();
    missing.sort_unstable();
    assert!(missing[5] < 60, "mostly one leaf is lost, not {missing:?} records");
}

#[test]
fn zeroed_tail() {
    let zero = |store: &Path| {
        let file = db(store);
        let len = file.metadata().expect("metadata").len();
        file.write_all_at(&[0; 64 * 1024], len - 64 * 1024).expect("a write");
    };
    check_loss(zero, ALL / 2);
}

#[test]
fn zeroed_head() {
    let zero = |store: &Path| db(store).write_all_at(&[0; 64 * 1024], 0).expect("a write");
    check_loss(zero, 1);
}

#[test]
fn truncated_log() {
    let len = db(&sound().join("store")).metadata().expect("metadata").len();
    for tenth in [9, 5, 1] {
        check_loss(|store| db(store).set_len(len * tenth / 10).expect("truncated"), 0);
    }
    check_loss(|store| db(store).set_len(len - 1).expect("truncated"), ALL / 2);
}

#[test]
fn lengthened_log() {
    let lengthen = |store: &Path| {
        let file = db(store);
        let len = file.metadata().expect("metadata").len();
        file.write_all_at(&[0x5A; 700_000], len).expect("a write");
    };
    check_loss(lengthen, ALL);
}

#[test]
fn empty_log() {
    check(|store| db(store).set_len(0).expect("truncated"), Outcome::StartedOver, 0);
}

#[test]
fn garbage_log() {
    let garble = |store: &Path| {
        let file = db(store);
        let len = file.metadata().expect("metadata").len();
        let garbage: Vec<u8> = (0..len).map(|i| ((i * 2_654_435_761) >> 13) as u8).collect();
        file.write_all_at(&garbage, 0).expect("a write");
    };
    check(garble, Outcome::StartedOver, 0);
}

#[test]
fn log_gone() {
    check(|store| fs::remove_file(store.join("db")).expect("removed"), Outcome::StartedOver, 0);
}

#[test]
fn an_emptied_store_that_sled_opens_without_a_word_is_reported() {
    let dir = damaged(|store| {
        snapshots(store).iter().for_each(|path| fs::remove_file(path).expect("removed"));
        db(store).set_len(0).expect("truncated");
    });
    let report = examine(&dir);
    assert_eq!((report.outcome, report.missing), (Outcome::StartedOver, ALL), "{report}");
}

#[test]
fn all_is_garbage() {
    let garble = |store: &Path| {
        for entry in fs::read_dir(store).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                fs::write(path, [0x99; 5000]).expect("a write");
            }
        }
    };
    let dir = damaged(garble);
    let report = examine(&dir);
    assert_eq!((report.outcome, report.records), (Outcome::StartedOver, 0), "{report}");
}

#[test]
fn of_damaged_stores_the_newest_two_are_kept() {
    let dir = damaged(|_| {});
    for _ in 0..4 {
        fs::write(dir.path().join("store/db"), b"garbage").expect("a write");
        let (history, report) = open(dir.path());
        assert_eq!(report.outcome, Outcome::StartedOver, "{report}");
        history.put(&CO2, at(0), b"x").expect("a write");
        drop(history);
        drop(open(dir.path())); // Makes a snapshot, so that sled notices the garbage.
    }
    let mut names: Vec<String> = fs::read_dir(dir.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["lock", "store", "store.corrupt-3", "store.corrupt-4"]);
}

/// Cuts the exchange of stores off after some of its steps, as a crash would, and expects the
/// records of the store.
#[track_caller]
fn check_exchange(interrupt: impl FnOnce(&Path)) {
    let dir = damaged(|_| {});
    interrupt(dir.path());
    let report = examine(&dir);
    assert_eq!((report.outcome, report.records), (Outcome::Intact, ALL), "{report}");
    for left in ["store.new", "store.old"] {
        assert!(!dir.path().join(left).exists(), "{left} is left over");
    }
}

#[test]
fn a_crash_at_any_step_of_compaction_loses_nothing() {
    // Copying.
    check_exchange(|dir| {
        fs::create_dir(dir.join("store.new")).expect("a directory");
        fs::write(dir.join("store.new/db"), b"half").expect("a write");
    });
    // Copied and synced; the old store moved away; the new one not yet in its place.
    check_exchange(|dir| {
        copy(&dir.join("store"), &dir.join("store.new"));
        fs::rename(dir.join("store"), dir.join("store.old")).expect("renamed");
        fs::write(dir.join("store.old/db"), b"outdated").expect("a write");
    });
    // The new one in its place; the old one not yet deleted.
    check_exchange(|dir| {
        fs::create_dir(dir.join("store.old")).expect("a directory");
        fs::write(dir.join("store.old/db"), b"outdated").expect("a write");
    });
    // Someone moved the finished copy away by hand.
    check_exchange(|dir| {
        fs::rename(dir.join("store"), dir.join("store.old")).expect("renamed");
    });
}

#[test]
fn damage_under_a_running_store_is_an_error_to_readers_and_healed_by_the_next_write() {
    let dir = damaged(|_| {});
    let config = SledConfig { cache_bytes: 64 * 1024, ..SledConfig::default() };
    let (history, _) = SledHistory::open(dir.path(), config).expect("opens");
    let store = dir.path().join("store");
    let len = db(&store).metadata().expect("metadata").len();
    let zeros = vec![0; usize::try_from(len).expect("small") * 8 / 10];
    db(&store).write_all_at(&zeros, len / 10).expect("a write");

    let everything = Timestamp::UNIX_EPOCH..Timestamp::MAX_UTC;
    let error = history.range(&CO2, everything).expect_err("damaged");
    assert!(error.to_string().starts_with("the history is damaged: "), "{error}");

    history.put(&CO2, at(-300), b"new").expect("the next write heals");
    history.sync().expect("a sync");
    let readable = records_but(&history, at(-300));
    drop(history);
    let (history, report) = open(dir.path());
    assert!(!report.is_trouble(), "{report}");
    assert_eq!(records_but(&history, at(-300)), readable);
}

/// Records of both series, which can all be read, but the one of `added`.
fn records_but(history: &SledHistory, added: Timestamp) -> u64 {
    assert!(history.remove(&CO2, added).expect("a write"), "what was added is there");
    let kept = records(history);
    history.put(&CO2, added, b"new").expect("a write");
    kept
}
