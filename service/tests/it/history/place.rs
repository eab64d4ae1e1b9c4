//! Places that cannot be used are told as they are, and nothing there is touched.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use service::history::{History, HistoryError, Outcome, SledConfig, SledHistory};
use tempfile::TempDir;

use super::{CO2, at, open};
use crate::child::{self, Helper};

fn refusal(dir: &Path) -> HistoryError {
    SledHistory::open(dir, SledConfig::default()).map(drop).expect_err("refused")
}

#[test]
fn makes_its_directory_and_all_above() {
    let dir = TempDir::new().expect("a temporary directory");
    let deep = dir.path().join("var/lib/ny-power/history");
    assert_eq!(open(&deep).1.outcome, Outcome::New);
    assert_eq!(open(&deep).1.outcome, Outcome::Intact);
}

#[test]
fn leaves_foreign_files_alone() {
    let dir = TempDir::new().expect("a temporary directory");
    fs::write(dir.path().join("thesis.txt"), b"years of work").expect("a write");
    fs::create_dir(dir.path().join("store")).expect("a directory");
    fs::write(dir.path().join("store/db"), b"garbage").expect("a write");
    drop(open(dir.path()));
    assert_eq!(fs::read(dir.path().join("thesis.txt")).expect("a read"), b"years of work");
}

#[test]
fn a_file_where_the_directory_should_be() {
    let dir = TempDir::new().expect("a temporary directory");
    let file = dir.path().join("history");
    fs::write(&file, b"mine").expect("a write");
    for place in [file.clone(), file.join("below")] {
        let error = refusal(&place);
        assert!(matches!(error, HistoryError::NotADirectory { .. }), "{error:?}");
        let expected = "is not a directory; remove that file or choose another place";
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(fs::read(&file).expect("a read"), b"mine");
}

#[test]
fn in_use_by_this_process() {
    let dir = TempDir::new().expect("a temporary directory");
    let (_first, _) = open(dir.path());
    let error = refusal(dir.path());
    assert_eq!(
        error.to_string(),
        format!(
            "the history in {} is in use by process {}; \
             stop that process, or give this one a place of its own",
            dir.path().display(),
            std::process::id()
        )
    );
}

#[test]
#[ignore = "runs in a child process only"]
fn holder() {
    let Some(dir) = child::dir() else { return };
    let (_history, _) = SledHistory::open(&dir, SledConfig::default()).expect("opens");
    child::say("open");
    // Until the parent ends, or ends us.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
fn in_use_by_another_process_until_that_is_gone() {
    let dir = TempDir::new().expect("a temporary directory");
    let holder = Helper::start("history::place::holder", dir.path(), None).expect("a child");
    assert_eq!(holder.next().as_deref(), Some("open"));
    let held = holder.id();
    match refusal(dir.path()) {
        HistoryError::Locked { pid, .. } => assert_eq!(pid, Some(held)),
        other => panic!("not the right refusal: {other}"),
    }
    holder.kill();
    let (_, report) = open(dir.path());
    assert!(!report.is_trouble(), "{report}");
}

#[test]
fn in_use_by_a_tool_that_opened_the_store_itself() {
    let dir = TempDir::new().expect("a temporary directory");
    drop(open(dir.path()));
    let tool = sled::open(dir.path().join("store")).expect("opens");
    let error = refusal(dir.path());
    assert!(matches!(error, HistoryError::Locked { pid: None, .. }), "{error:?}");
    drop(tool);
    assert_eq!(open(dir.path()).1.outcome, Outcome::Intact);
}

#[test]
#[ignore = "runs in a child process only"]
fn stranger() {
    let Some(dir) = child::dir() else { return };
    child::say(&match SledHistory::open(&dir, SledConfig::default()) {
        Ok(_) => "it opened".to_owned(),
        Err(error) => error.to_string(),
    });
}

#[test]
fn no_permission() {
    let nobody = 65_534;
    let dir = TempDir::new().expect("a temporary directory");
    let place = dir.path().join("history");
    drop(open(&place));
    // The superuser may do everything, so let a child try that may not.
    let superuser = fs::metadata("/proc/self").expect("Linux").uid() == 0;
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
    };
    mode(dir.path(), 0o755);
    mode(&place, 0o555);
    mode(&place.join("lock"), 0o444);
    let uid = superuser.then_some(nobody);
    let stranger = match Helper::start("history::place::stranger", &place, uid) {
        Ok(stranger) => stranger,
        Err(error) => return println!("skipped: cannot start a child as nobody: {error}"),
    };
    let said = stranger.next().expect("an answer");
    mode(&place, 0o755);
    mode(&place.join("lock"), 0o644);
    assert_eq!(
        said,
        format!(
            "the history in {} cannot be read and written by this user; \
             give it the directory (chown) or choose another place",
            place.display()
        )
    );
}

/// A small file system of its own; `None` where we may not mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(bytes: u64) -> Option<Self> {
        let dir = TempDir::new().expect("a temporary directory");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"])
            .arg(dir.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(dir)),
            other => {
                println!("skipped: cannot mount a small file system: {other:?}");
                None
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_loses_nothing_synced_and_is_over_when_there_is_space_again() {
    let Some(disk) = SmallDisk::new(16 << 20) else { return };
    let place = disk.0.path().join("history");
    let config = SledConfig { retry_every: std::time::Duration::ZERO, ..SledConfig::default() };
    let (history, _) = SledHistory::open(&place, config).expect("opens");
    let value = [7; 1000];
    for i in 0..500 {
        history.put(&CO2, at(i), &value).expect("a write");
    }
    history.sync().expect("a sync");

    let ballast = disk.0.path().join("ballast");
    // Takes what is left, to the last byte.
    let full = fs::write(&ballast, vec![0; 16 << 20]).expect_err("full");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    let error = (500..20_000)
        .find_map(|i| history.put(&CO2, at(i), &value).and_then(|()| history.sync()).err())
        .expect("the disk is full");
    assert!(matches!(error, HistoryError::DiskFull { .. }), "{error:?}");
    assert!(error.to_string().starts_with("no space left for the history in "), "{error}");

    fs::remove_file(&ballast).expect("removed");
    history.put(&CO2, at(50_000), b"after").expect("writing goes on");
    history.sync().expect("a sync");
    for i in 0..500 {
        assert_eq!(history.get(&CO2, at(i)).expect("a read").as_deref(), Some(&value[..]));
    }
    drop(history);
    let (history, report) = open(&place);
    assert!(matches!(report.outcome, Outcome::Intact), "{report}");
    assert_eq!(history.get(&CO2, at(50_000)).expect("a read").as_deref(), Some(&b"after"[..]));
    assert_eq!(history.get(&CO2, at(499)).expect("a read").as_deref(), Some(&value[..]));
}

#[test]
fn opening_on_a_full_disk_is_told_and_the_store_left_alone() {
    let Some(disk) = SmallDisk::new(8 << 20) else { return };
    let place = disk.0.path().join("history");
    let (history, _) = open(&place);
    for i in 0..500 {
        history.put(&CO2, at(i), &[7; 100]).expect("a write");
    }
    drop(history);
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![0; 16 << 20]).expect_err("full");
    match SledHistory::open(&place, SledConfig::default()) {
        // Reading may need no space.
        Ok((history, report)) => {
            assert_eq!(report.records, 500, "{report}");
            drop(history);
        }
        Err(error) => assert!(matches!(error, HistoryError::DiskFull { .. }), "{error:?}"),
    }
    fs::remove_file(&ballast).expect("removed");
    let (_, report) = open(&place);
    assert_eq!((report.outcome, report.records), (Outcome::Intact, 500), "{report}");
}
