//! A second controller at the same contactor: the file of a simulated relay, into which the test writes.

use std::sync::Arc;
use std::time::Duration;

use Contactor::{Closed, Open};
use agent::actuator::{Exit, Handle, MoveError, Ownership, Simulated, own};
use agent::moments::Moments;
use agent::store::Store;
use domain::control::{BootId, Contactor, Limits, Priority, SwitchLog};
use service::clock::ManualClock;
use service::history::MemoryHistory;
use tokio::task::JoinHandle;

const MINUTE: Duration = Duration::from_secs(60);

struct Bench {
    clock: Arc<ManualClock>,
    file: tempfile::NamedTempFile,
    handle: Handle,
    owner: JoinHandle<()>,
}

impl Bench {
    fn start() -> Self {
        let clock = Arc::new(ManualClock::new("2026-03-24T12:00:00Z".parse().expect("a time")));
        // Nobody moved it since the machine has been up.
        clock.advance(60 * MINUTE);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "open").unwrap();
        let (handle, owner) = own(
            Simulated::new(file.path()),
            Ownership {
                limits: Limits { per_hour: 60, per_day: 500, ..Limits::default() },
                exit: Exit::Keep,
                moments: Moments::of_clock(Arc::clone(&clock) as _, BootId(1)),
                store: Store::new(Arc::new(MemoryHistory::new())),
                switches: SwitchLog::default(),
                record_is_doubtful: false,
            },
        );
        Self { clock, file, handle, owner: tokio::spawn(owner) }
    }

    /// Somebody else moves it; the agent looks.
    async fn foreign(&self, to: Contactor) {
        std::fs::write(self.file.path(), to.as_str()).unwrap();
        assert_eq!(self.handle.look().await.unwrap().position, to);
    }

    async fn end(self) {
        drop(self.handle);
        self.owner.await.unwrap();
    }
}

#[tokio::test]
async fn a_second_controller_is_left_alone_and_named_but_the_car_is_ready() {
    let bench = Bench::start();
    bench.handle.move_to(Closed, Priority::Plan).await.unwrap();
    bench.clock.advance(11 * MINUTE);
    bench.foreign(Open).await;
    bench.clock.advance(6 * MINUTE);
    // One hand is no controller.
    bench.handle.move_to(Closed, Priority::Plan).await.unwrap();
    bench.clock.advance(MINUTE);
    bench.foreign(Open).await;
    bench.clock.advance(6 * MINUTE);
    for priority in [Priority::Default, Priority::Threshold, Priority::Plan] {
        let error = bench.handle.move_to(Closed, priority).await.unwrap_err();
        assert!(matches!(error, MoveError::SecondController { .. }), "{error}");
        assert_eq!(
            error.to_string(),
            "somebody else has moved the contactor twice within 10 minutes: is there a second controller? \
             The agent leaves it alone for 30 minutes, unless the departure or a person needs it"
        );
        assert_eq!(bench.handle.look().await.unwrap().position, Open);
    }
    // What it wants is where it is: nothing to refuse.
    bench.handle.move_to(Open, Priority::Plan).await.unwrap();
    bench.handle.move_to(Closed, Priority::Departure).await.unwrap();
    bench.end().await;
}

#[tokio::test]
async fn after_half_an_hour_of_peace_the_plan_goes_on() {
    let bench = Bench::start();
    bench.handle.look().await.unwrap();
    bench.foreign(Closed).await;
    bench.foreign(Open).await;
    bench.clock.advance(29 * MINUTE);
    assert!(bench.handle.move_to(Closed, Priority::Plan).await.is_err());
    bench.clock.advance(2 * MINUTE);
    bench.handle.move_to(Closed, Priority::Plan).await.unwrap();
    bench.end().await;
}
