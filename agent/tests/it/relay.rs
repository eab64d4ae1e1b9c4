//! The relay's stories: minimum times across restarts, hands, disobedience, every way out.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use agent::actuator::{Exit, MoveError};
use domain::Timestamp;
use domain::control::{Contactor, Mode};
use service::history::{History, HistoryError, Record, Series};

use crate::desk::{Desk, HOUR, MINUTE};
use Contactor::{Closed, Open};

#[tokio::test]
async fn follows_the_grid_and_keeps_its_minimum_times() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.read(150.0);
    agent.check(Closed).await;
    agent.wait(5 * MINUTE);
    agent.read(300.0);
    let held = agent.check(Closed).await;
    assert_eq!(held.hold.as_ref().map(|hold| hold.kind.as_str()), Some("minimum-on"));
    assert_eq!(
        held.reason,
        "Charging is on although the grid is dirty (300 g/kWh at 8:05 AM EDT, above 250): once on it \
         stays on for 10 minutes; it stops at 8:10 AM EDT unless that changes before."
    );
    agent.wait(5 * MINUTE);
    agent.check(Open).await;
    assert_eq!(desk.lifetime(), 2);
    agent.kill().await;
}

#[tokio::test]
async fn no_restart_gets_round_a_minimum_time() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.read(150.0);
    let until = {
        agent.check(Closed).await;
        agent.wait(5 * MINUTE);
        agent.read(300.0);
        agent.cycle().await.next_change
    };
    agent.kill().await;
    for _ in 0..3 {
        let mut agent = desk.start();
        let status = agent.check(Closed).await;
        assert_eq!(status.next_change, until, "{}", status.reason);
        agent.wait(MINUTE);
        agent.kill().await;
    }
    let mut agent = desk.start();
    agent.wait(2 * MINUTE);
    agent.check(Open).await;
    assert_eq!(desk.lifetime(), 2);
    agent.kill().await;
}

#[tokio::test]
async fn after_a_reboot_a_minimum_time_counts_from_the_boot() {
    let mut desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.read(150.0);
    agent.check(Closed).await;
    agent.kill().await;
    desk.boot_again();
    let mut agent = desk.start();
    agent.wait(9 * MINUTE);
    agent.read(300.0);
    agent.check(Closed).await;
    agent.wait(MINUTE);
    agent.check(Open).await;
    agent.kill().await;
}

#[tokio::test]
async fn a_hand_at_the_switch_is_respected_and_written_down() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.read(300.0);
    agent.check(Open).await;
    desk.bench().position = Closed;
    let status = agent.check(Closed).await;
    assert_eq!(status.switches.last_cause.as_deref(), Some("by-hand"));
    assert!(status.reason.contains("somebody switched it on by hand at 8 AM EDT"), "{status:?}");
    agent.wait(2 * HOUR);
    agent.read(300.0);
    agent.check(Open).await;
    agent.kill().await;
}

#[tokio::test]
async fn what_is_found_elsewhere_counts_from_now_and_is_nobodys_wish() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    agent.read(300.0);
    agent.check(Open).await;
    agent.kill().await;
    // A relay that drops out in a power cut, with a record that says otherwise.
    let desk = {
        let mut agent = desk.start();
        agent.wait(HOUR);
        agent.read(150.0);
        agent.check(Closed).await;
        agent.kill().await;
        desk.bench().position = Open;
        desk
    };
    let mut agent = desk.start();
    agent.wait(HOUR);
    agent.read(150.0);
    let status = agent.check(Open).await;
    assert_eq!(status.switches.last_cause.as_deref(), Some("found"));
    assert_eq!(status.hold.map(|hold| hold.kind).as_deref(), Some("minimum-off"));
    agent.wait(5 * MINUTE);
    agent.check(Closed).await;
    agent.kill().await;
}

#[tokio::test]
async fn a_lost_record_of_moves_does_not_shorten_a_minimum_time() {
    let mut desk = Desk::new(Closed);
    desk.record_is_doubtful = true;
    let mut agent = desk.start();
    agent.read(300.0);
    let status = agent.check(Closed).await;
    assert_eq!(status.hold.map(|hold| hold.kind).as_deref(), Some("minimum-on"));
    agent.wait(10 * MINUTE);
    agent.check(Open).await;
    agent.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_contactor_that_does_not_obey_is_told_three_times_then_reported_and_left_alone() {
    let desk = Desk::new(Open);
    desk.bench().is_stuck = true;
    let mut agent = desk.start();
    agent.read(150.0);
    let status = agent.check(Open).await;
    assert_eq!(desk.bench().orders, [Closed, Closed, Closed]);
    let trouble = "the contactor does not obey: told closed 3 times, it is open";
    assert_eq!(status.actuator.trouble.as_deref(), Some(trouble));
    assert_eq!(
        status.reason,
        format!("Charging is off and should be on: {trouble}; it is tried again at 8:05 AM EDT.")
    );
    agent.check(Open).await;
    assert_eq!(desk.bench().orders.len(), 3, "not cycled");

    desk.bench().is_stuck = false;
    agent.wait(5 * MINUTE);
    let status = agent.check(Closed).await;
    assert_eq!(status.actuator.trouble, None);
    agent.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_contactor_that_follows_late_is_no_hand() {
    let desk = Desk::new(Open);
    desk.bench().is_stuck = true;
    let mut agent = desk.start();
    agent.read(150.0);
    agent.check(Open).await;
    desk.bench().position = Closed;
    let status = agent.check(Closed).await;
    assert_eq!(status.switches.last_cause.as_deref(), Some("threshold"));
    assert_eq!(status.actuator.trouble, None);
    assert_eq!(desk.lifetime(), 1);
    agent.kill().await;
}

#[tokio::test]
async fn nothing_is_moved_that_cannot_be_seen() {
    let desk = Desk::new(Open);
    let mut agent = desk.start();
    desk.bench().is_unreadable = true;
    agent.read(150.0);
    let status = agent.cycle().await;
    assert_eq!((status.position, desk.bench().orders.len()), (None, 0));
    assert!(status.reason.starts_with("The contactor cannot be read"), "{}", status.reason);
    desk.bench().is_unreadable = false;
    let status = agent.check(Closed).await;
    assert_eq!(status.actuator.trouble, None);
    agent.kill().await;
}

#[tokio::test(start_paused = true)]
async fn an_actuator_that_never_answers_does_not_hang_the_agent() {
    let desk = Desk::new(Open);
    desk.bench().is_silent = true;
    let mut agent = desk.start();
    agent.read(150.0);
    let status = agent.check(Open).await;
    assert_eq!(
        status.actuator.trouble.as_deref(),
        Some("the actuator failed: no answer within 5 s")
    );
    agent.kill().await;
}

#[tokio::test]
async fn the_way_out_drives_the_safe_position() {
    let desk = Desk::new(Closed);
    let mut agent = desk.start();
    agent.read(300.0);
    agent.check(Open).await;
    agent.wait(5 * MINUTE);
    agent.stop().await;
    assert_eq!(desk.bench().position, Closed);
    let log = desk.store().switches().expect("readable");
    assert_eq!(log.lifetime(), 2, "the way out is counted");
}

#[tokio::test]
async fn the_way_out_never_cuts_a_minimum_off_short() {
    let desk = Desk::new(Closed);
    let mut agent = desk.start();
    agent.read(300.0);
    agent.check(Open).await;
    agent.wait(4 * MINUTE);
    agent.stop().await;
    assert_eq!(desk.bench().position, Open);
}

#[tokio::test]
async fn the_way_out_need_not_wait_for_a_minimum_on() {
    let mut desk = Desk::new(Open);
    desk.exit = Exit::To(Open);
    let mut agent = desk.start();
    agent.read(150.0);
    agent.check(Closed).await;
    agent.stop().await;
    assert_eq!(desk.bench().position, Open);
}

#[tokio::test]
async fn the_way_out_can_leave_it_where_it_is() {
    let mut desk = Desk::new(Closed);
    desk.exit = Exit::Keep;
    let mut agent = desk.start();
    agent.read(300.0);
    agent.check(Open).await;
    agent.wait(HOUR);
    agent.stop().await;
    assert_eq!(desk.bench().position, Open);
}

#[tokio::test]
async fn a_panic_is_a_way_out_too() {
    let desk = Desk::new(Closed);
    let mut agent = desk.start();
    agent.read(300.0);
    agent.check(Open).await;
    agent.wait(10 * MINUTE);
    agent.read(150.0);
    desk.bench().panics = true;
    assert!(matches!(agent.try_cycle().await, Err(MoveError::Gone)));
    // The order that panicked is the last move; minimum off over, the exit position is driven.
    agent.wait(HOUR);
    let ended = agent.end().await;
    assert!(ended.is_err_and(|error| error.is_panic()));
    assert_eq!(desk.bench().orders, [Open, Closed]);
}

#[tokio::test]
async fn observe_moves_nothing() {
    let mut desk = Desk::new(Open);
    desk.settings.mode = Mode::Observe;
    let mut agent = desk.start();
    agent.read(150.0);
    let status = agent.check(Open).await;
    assert_eq!(
        status.reason,
        "Charging is off, only observing: the grid is clean (150 g/kWh at 8 AM EDT, below 200), so it \
         would be switched on; nothing is moved until the mode is changed."
    );
    assert_eq!(desk.bench().orders, []);
    agent.kill().await;
}

/// A disk that is full, or gone.
struct Broken;

impl Broken {
    fn error<T>() -> Result<T, HistoryError> {
        Err(HistoryError::Down { why: "no space left on device".to_owned() })
    }
}

impl History for Broken {
    fn put(&self, _: &Series, _: Timestamp, _: &[u8]) -> Result<(), HistoryError> {
        Self::error()
    }
    fn append(&self, _: &Series, _: Timestamp, _: &[u8]) -> Result<Timestamp, HistoryError> {
        Self::error()
    }
    fn get(&self, _: &Series, _: Timestamp) -> Result<Option<Vec<u8>>, HistoryError> {
        Self::error()
    }
    fn remove(&self, _: &Series, _: Timestamp) -> Result<bool, HistoryError> {
        Self::error()
    }
    fn first(&self, _: &Series) -> Result<Option<Record>, HistoryError> {
        Self::error()
    }
    fn last(&self, _: &Series) -> Result<Option<Record>, HistoryError> {
        Self::error()
    }
    fn scan(
        &self,
        _: &Series,
        _: Range<Timestamp>,
        _: &mut dyn FnMut(Timestamp, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), HistoryError> {
        Self::error()
    }
    fn count(&self, _: &Series) -> Result<u64, HistoryError> {
        Self::error()
    }
    fn sync(&self) -> Result<(), HistoryError> {
        Self::error()
    }
    fn size_on_disk(&self) -> Result<u64, HistoryError> {
        Self::error()
    }
}

#[tokio::test]
async fn a_broken_disk_does_not_keep_the_car_from_charging() {
    let desk = Desk::with_history(Open, Arc::new(Broken));
    let mut agent = desk.start();
    agent.read(150.0);
    // Nothing is known of earlier moves, so the minimum off counts from now.
    agent.check(Open).await;
    agent.wait(5 * MINUTE);
    agent.check(Closed).await;
    agent.wait(MINUTE);
    agent.read(300.0);
    agent.check(Closed).await;
    agent.wait(9 * MINUTE);
    agent.check(Open).await;
    agent.kill().await;
}
