//! Where the agent keeps what it knows: there, writable, with room, and readable.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use domain::wire::Origin;
use service::history::SledHistory;
use tokio::time::timeout;

use super::users::{our_id, user_name};
use super::{Finding, Patient};
use crate::commands::setup::place::try_place;
use crate::eastern::say;
use crate::lock::Lock;
use crate::run::STORE;
use crate::store::Store;

const CHECK: &str = "state";
const RECORD: &str = "record";

/// The record is at most 64 MB, and while it is tidied there are two of it.
const ENOUGH_BYTES: u64 = 150 << 20;
/// With less the next write may fail.
const LEAST_BYTES: u64 = 5 << 20;

/// A slow card with a large record that has to be mended.
const OPENING_TAKES: Duration = Duration::from_secs(25);

/// The directory, and the room.
pub fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let home = &patient.home;
    let shown = home.display();
    let mut findings = Vec::new();
    let there = match fs::metadata(home) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return vec![Finding::failure(
                CHECK,
                format!("{shown} cannot be looked at: {error}"),
                "it is another user's, perhaps: sudo -u ny-power ny-power-agent doctor",
            )];
        }
    };
    let other = there.as_ref().filter(|found| our_id() != Some(found.uid()));
    match (&there, other) {
        (None, _) => findings.push(match try_place(&home.join("x")) {
            Ok(()) => Finding::ok(CHECK, format!("{shown} is made at the first start")),
            Err(error) => Finding::failure(
                CHECK,
                format!("{shown} cannot be made: {}", error.root_cause()),
                "run the agent as a user who may, or name another state_dir",
            ),
        }),
        (Some(found), _) if !found.is_dir() => findings.push(Finding::failure(
            CHECK,
            format!("{shown} is no directory"),
            "name another state_dir, or move that away",
        )),
        (Some(_), Some(other)) if our_id() == Some(0) => {
            findings.push(Finding::ok(CHECK, format!("{shown} is user {}'s", user_name(other.uid()))));
        }
        (Some(_), _) => findings.push(match try_place(&home.join("x")) {
            Ok(()) => Finding::ok(CHECK, format!("{shown} can be written")),
            Err(error) => Finding::failure(
                CHECK,
                format!("{shown} cannot be written: {}", error.root_cause()),
                "it is another user's, or its disk is full or read-only; as the agent's user: sudo -u ny-power \
                 ny-power-agent doctor",
            ),
        }),
    }
    if let Some(free) = home.ancestors().find(|path| path.exists()).and_then(free_bytes) {
        findings.extend(room(free));
    }
    findings
}

/// Whether there is room; nothing to tell where there is enough.
fn room(free: u64) -> Option<Finding> {
    let megabytes = free >> 20;
    let advice = "make room: the log of systemd (journalctl --vacuum-size=50M) and old packages (apt-get clean)";
    match free {
        ENOUGH_BYTES.. => None,
        LEAST_BYTES.. => Some(Finding::warning(
            "disk",
            format!("{megabytes} MB are free where the state is"),
            advice,
        )),
        _ => Some(Finding::failure(
            "disk",
            format!("{megabytes} MB are free where the state is"),
            advice,
        )),
    }
}

/// What may still be written there.
#[expect(unsafe_code, reason = "no safe wrapper of statvfs exists in our dependencies")]
fn free_bytes(path: &Path) -> Option<u64> {
    use std::os::unix::ffi::OsStrExt as _;
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: `statvfs` is plain integers, for which all zeros is a value. The call reads a string that ends with
    // a zero and fills in what the pointer leads to; both are live locals.
    let found = unsafe {
        let mut found: libc::statvfs = std::mem::zeroed();
        (libc::statvfs(path.as_ptr(), &raw mut found) == 0).then_some(found)
    }?;
    // Their width differs between platforms.
    u64::try_from(i128::from(found.f_bavail) * i128::from(found.f_frsize)).ok()
}

/// The record, where no agent has it open; `None` where one does, or there is none yet.
pub async fn look_at_record(patient: &Patient<'_>) -> Option<Finding> {
    let history = patient.home.join("history");
    if patient.status.is_some() || !history.is_dir() {
        return None;
    }
    let owner = fs::metadata(&history).ok()?.uid();
    if our_id() != Some(owner) {
        // Files that root makes in it would keep the agent out.
        let name = user_name(owner);
        return Some(Finding::warning(
            RECORD,
            format!("not opened, since it is user {name}'s"),
            format!("look as that user: sudo -u {name} ny-power-agent doctor"),
        ));
    }
    let (home, now) = (patient.home.clone(), patient.now);
    let opened = tokio::task::spawn_blocking(move || open(&home, now));
    Some(match timeout(OPENING_TAKES, opened).await {
        Ok(Ok(finding)) => finding,
        Ok(Err(panic)) => Finding::failure(RECORD, format!("opening it failed: {panic}"), ADVICE),
        Err(_) => Finding::failure(
            RECORD,
            format!("opening it takes longer than {} s", OPENING_TAKES.as_secs()),
            ADVICE,
        ),
    })
}

const ADVICE: &str = "start the agent, which mends or replaces it by itself; if that fails, move the directory \
                      history away: the car is charged without it, too";

fn open(home: &Path, now: domain::Timestamp) -> Finding {
    let lock = match Lock::take_to_read(home) {
        Ok(lock) => lock,
        // One that starts just now, or ends.
        Err(error) => {
            return Finding::warning(RECORD, format!("{error:#}"), "look again in a minute");
        }
    };
    // Held until the process ends, and with it whatever still holds the record.
    std::mem::forget(lock);
    let (history, report) = match SledHistory::open(&home.join("history"), STORE) {
        Ok(opened) => opened,
        Err(error) => {
            return Finding::failure(RECORD, format!("cannot be opened: {error}"), ADVICE);
        }
    };
    let store = Store::new(std::sync::Arc::new(history));
    if report.is_trouble() {
        return Finding::warning(
            RECORD,
            report.to_string(),
            "nothing: it was mended as far as it could be",
        );
    }
    Finding::ok(
        RECORD,
        match store.newest(Origin::Nyiso) {
            Some(ts) => format!("can be read; the newest reading is of {}", say(ts, now)),
            None => "can be read; it has no reading of NYISO yet".to_owned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn little_room_is_told() {
        for (megabytes, expected) in
            [(4, Some(Level::Failure)), (20, Some(Level::Warning)), (200, None)]
        {
            assert_eq!(room(megabytes << 20).map(|finding| finding.level), expected, "{megabytes}");
        }
    }

    #[test]
    fn this_machine_has_room_somewhere() {
        assert!(free_bytes(&std::env::temp_dir()).is_some());
        assert_eq!(free_bytes(Path::new("/no/such/place")), None);
    }
}
