//! NYISO's own files as the source: a server of this test that has them, or something else in their place.

mod stand_in;

use std::time::Duration;

use agent::clock_trust::built;
use agent::config::TrustPolicy;
use agent::nyiso_source::fallback::Policy;
use agent::nyiso_source::{Look, Pace, run};
use agent::status::Status;
use agent::subscriber::FeedEvent;
use chrono::{TimeDelta, Timelike};
use domain::Timestamp;
use domain::charging::Prices;
use domain::control::{BootId, Contactor, Mode};
use domain::plan::Objective;
use domain::zone::LoadZone;
use nyiso::client::ClientConfig;
use nyiso::path::Feed;
use service::clock::{Clock as _, SystemClock};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::desk::{Desk, HOUR, MINUTE, Running};
use crate::process::listening;
use crate::program::Home;
use Contactor::{Closed, Open};
use stand_in::{Answer, Nyiso, every_five_minutes, file, prices, rates};
use testkit::PATIENCE;

/// An agent on the desk with the real task beside it, and a clock that the test turns.
struct Scene {
    desk: Desk,
    agent: Running,
    nyiso: Nyiso,
    looks: mpsc::Receiver<FeedEvent>,
    task: JoinHandle<anyhow::Result<()>>,
    stop: CancellationToken,
}

impl Scene {
    async fn new(policy: Policy) -> Self {
        Self::at("2026-03-24T12:00:00Z", policy, |_| {}).await
    }

    async fn at(now: &str, policy: Policy, adjust: impl FnOnce(&mut Desk)) -> Self {
        let mut desk = Desk::new(Open);
        desk.clock.set(now.parse().unwrap());
        desk.nyiso = Some(policy);
        adjust(&mut desk);
        let agent = desk.start();
        let nyiso = Nyiso::start().await;
        let client = ClientConfig {
            read_timeout: Duration::from_millis(200),
            min_interval: Duration::ZERO,
            ..ClientConfig::new(&nyiso.url()).unwrap()
        };
        let pace = Pace {
            first_within: Duration::ZERO,
            every: Duration::from_millis(20),
            retry: Duration::from_millis(20),
            slowest: Duration::from_millis(50),
        };
        let (events, looks) = mpsc::channel(1);
        let stop = CancellationToken::new();
        let moments = agent::moments::Moments::of_clock(desk.clock.clone(), BootId(1));
        let want = agent.want.clone().unwrap();
        let zone = desk.charge.as_ref().and_then(|charge| charge.zone);
        let task = tokio::spawn(run((client, zone), pace, want, events, moments, stop.clone()));
        Self { desk, agent, nyiso, looks, task, stop }
    }

    fn now(&self) -> Timestamp {
        self.agent.now()
    }

    fn reads(&self) -> bool {
        self.agent.want.as_ref().unwrap().borrow().reads
    }

    /// Hands looks over until the status is as expected.
    #[track_caller]
    fn until<'a>(
        &'a mut self,
        what: &'a str,
        expected: impl Fn(&Status) -> bool + 'a,
    ) -> impl Future<Output = Status> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            let mut status = self.agent.cycle().await;
            while !expected(&status) {
                let Ok(look) = timeout_at(deadline, self.looks.recv()).await else {
                    panic!("{caller}: waited in vain for: {what}\n{status:#?}");
                };
                self.agent.hear_event(look.expect("the task lives"));
                status = self.agent.cycle().await;
            }
            status
        }
    }

    async fn end(self) {
        self.stop.cancel();
        drop(self.looks);
        self.task.await.unwrap().unwrap();
        self.agent.kill().await;
    }
}

fn page(status: &Status) -> String {
    agent::picture::status_page(status, None, None)
}

fn trouble(status: &Status) -> String {
    status.nyiso.as_ref().and_then(|nyiso| nyiso.trouble.clone()).unwrap_or_default()
}

/// Half gas, half wind: 197.5 g/kWh, a little below the 200 at which charging starts.
const CLEAN: f64 = 1000.0;

/// About that, and moving as a live grid does.
fn clean(ts: Timestamp) -> f64 {
    CLEAN - ((ts.timestamp() / 60) % 7) as f64
}

#[tokio::test]
async fn by_choice_the_agent_reads_nyiso_itself() {
    let mut scene = Scene::new(Policy::ByChoice).await;
    let newest = scene.now() - TimeDelta::minutes(10);
    let gas = |ts: Timestamp| if ts < newest { 3000.0 } else { CLEAN };
    for days in 0..3 {
        let day = nyiso::eastern::day_of(scene.now()) - chrono::Days::new(days);
        let end = newest.min(nyiso::eastern::midnight(day) + TimeDelta::hours(24));
        scene.nyiso.set(day, Answer::File(file(every_five_minutes(day, end), gas, |_| CLEAN)));
    }
    let status = scene.until("a reading", |status| status.signal.from.is_some()).await;
    assert_eq!(status.signal.from.as_deref(), Some("nyiso"));
    assert_eq!(status.signal.origin, "nyiso");
    assert_eq!(status.signal.source, "live");
    assert_eq!((status.signal.grams_per_kwh, status.signal.ts), (Some(197.5), Some(newest)));
    assert_eq!(status.signal.age_s, Some(600));
    assert!(50.0 < status.signal.history_hours, "two days and a morning: {status:#?}");
    assert_eq!(status.position.as_deref(), Some("closed"));
    assert!(
        status.why().contains("The readings are those of NYISO's own files"),
        "{}",
        status.why()
    );
    let page = page(&status);
    assert!(page.contains("197 g/kWh") || page.contains("198 g/kWh"), "{page}");
    assert!(page.contains("not used (signal.source is \"nyiso\")"), "{page}");
    assert!(page.contains("read by this agent itself since 8 AM EDT"), "{page}");
    assert_eq!(trouble(&status), "", "days that NYISO no longer keeps are no trouble");

    let asked = scene.nyiso.asked();
    assert_eq!(asked[0], "/csv/rtfuelmix/20260324rtfuelmix.csv", "today first");
    assert_eq!(asked[7], "/csv/rtfuelmix/20260317rtfuelmix.csv", "then back for a week");
    assert!(asked[8..].iter().all(|path| *path == asked[0]), "and only today after that");
    assert!(scene.nyiso.user_agent().starts_with("ny-power/"));
    scene.end().await;
}

#[tokio::test]
async fn silent_feed_is_replaced_after_half_an_hour_until_it_is_back() {
    let mut scene = Scene::new(Policy::when_silent(0.2)).await;
    let day = nyiso::eastern::day_of(scene.now());
    scene.agent.read(300.0);
    scene.agent.hear_event(FeedEvent::Connected);
    scene.agent.check(Open).await;
    scene.agent.wait(30 * MINUTE);
    assert_eq!(scene.agent.cycle().await.signal.from.as_deref(), Some("feed"));
    assert!(!scene.reads(), "this agent's own part of five minutes is not over");

    scene.agent.wait(MINUTE);
    let newest = scene.now() - TimeDelta::minutes(11);
    let own = file(every_five_minutes(day, newest), clean, |_| CLEAN);
    scene.nyiso.set(day, Answer::File(own));
    let expected = |status: &Status| status.signal.from.as_deref() == Some("nyiso");
    let status = scene.until("NYISO's own", expected).await;
    assert!(scene.reads());
    assert_eq!((status.signal.source.as_str(), status.signal.ts), ("live", Some(newest)));
    assert_eq!(status.position.as_deref(), Some("closed"));
    assert!(status.feed.connected, "connected and silent");
    let why = status.why();
    let said = "The feed has brought no newer reading since 8 AM EDT; until it does, this agent reads \
                NYISO's own files.";
    assert!(why.contains(said), "{why}");
    assert!(page(&status).contains("(11 minutes old, NYISO's own)"), "{}", page(&status));

    // The broker repeats what it has kept: no sign of life.
    let mut kept = scene.agent.reading(300.0);
    kept.ts -= TimeDelta::minutes(31);
    assert!(!scene.agent.hear(kept));
    scene.agent.check(Closed).await;
    assert!(scene.reads());

    // The feed is back.
    scene.agent.wait(MINUTE);
    scene.agent.read(300.0);
    let status = scene.agent.cycle().await;
    assert_eq!(status.signal.from.as_deref(), Some("feed"));
    assert!(!scene.reads());
    assert!(!status.why().contains("NYISO"), "{}", status.why());
    // And what was still on its way does not count any more.
    let late = Look { at: scene.now(), ..Look::default() };
    assert!(!scene.agent.hear_event(FeedEvent::Nyiso(Box::new(late))));
    let before = scene.nyiso.asked().len();
    for _ in 0..6 {
        scene.agent.wait(5 * MINUTE);
        scene.agent.read(300.0);
        scene.agent.cycle().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!scene.reads());
    }
    assert!(scene.nyiso.asked().len() <= before + 1, "one may have been on its way");
    scene.end().await;
}

#[tokio::test]
async fn a_feed_a_few_minutes_behind_nyiso_is_back_all_the_same_and_never_wins_with_older_ones() {
    let mut scene = Scene::new(Policy::when_silent(0.0)).await;
    let day = nyiso::eastern::day_of(scene.now());
    scene.agent.check(Open).await;
    scene.agent.wait(31 * MINUTE);
    let newest = scene.now() - TimeDelta::minutes(6);
    scene.nyiso.set(day, Answer::File(file(every_five_minutes(day, newest), clean, |_| CLEAN)));
    scene.until("NYISO's own", |status| status.signal.ts == Some(newest)).await;

    let mut behind = scene.agent.reading(300.0);
    behind.ts = newest - TimeDelta::minutes(5);
    assert!(!scene.agent.hear(behind.clone()), "older than NYISO's own");
    let status = scene.agent.cycle().await;
    assert_eq!((status.signal.ts, scene.reads()), (Some(newest), false));
    behind.ts = newest + TimeDelta::minutes(5);
    assert!(scene.agent.hear(behind));
    assert_eq!(scene.agent.cycle().await.signal.from.as_deref(), Some("feed"));
    scene.end().await;
}

#[tokio::test]
async fn whatever_comes_instead_of_the_file_is_trouble_once_and_moves_nothing() {
    let day = nyiso::eastern::day_of("2026-03-24T12:00:00Z".parse().unwrap());
    let newest = "2026-03-24T11:50:00Z".parse().unwrap();
    let good = || file(every_five_minutes(day, newest), clean, |_| CLEAN);
    let cut = |at: usize| good()[..at].to_owned();
    let cases = [
        (Answer::File("<!DOCTYPE html><html>maintenance</html>".to_owned()), "an HTML page where"),
        (Answer::File(String::new()), "the file is empty"),
        (Answer::File("Time Stamp,Zone,Fuel,MW\r\n".to_owned()), "no column"),
        (Answer::Status(404), "not found"),
        (Answer::Status(403), "status 403"),
        (Answer::Status(503), "status 503"),
        (Answer::BreaksOff(cut(2000)), "truncated or damaged after"),
        (Answer::Stalls(cut(2000)), "stalled"),
    ];
    for (answer, expected) in cases {
        let mut scene = Scene::new(Policy::ByChoice).await;
        scene.nyiso.set(day, answer);
        let status = scene.until(expected, |status| !trouble(status).is_empty()).await;
        assert!(trouble(&status).contains(expected), "{expected}: {}", trouble(&status));
        assert!(page(&status).contains("in vain: "), "{}", page(&status));
        assert_eq!((status.signal.from, scene.desk.bench().orders.len()), (None, 0), "{expected}");
        scene.nyiso.set(day, Answer::File(good()));
        let status = scene.until("a good file", |status| status.signal.ts == Some(newest)).await;
        assert_eq!(trouble(&status), "", "{expected}");
        scene.end().await;
    }
    // A file that ends in the middle of an instant is told by its rows.
    let mut scene = Scene::new(Policy::ByChoice).await;
    let whole = good().len();
    scene.nyiso.set(day, Answer::File(cut(whole - 60)));
    let before = newest - TimeDelta::minutes(5);
    scene.until("the instant before", |status| status.signal.ts == Some(before)).await;
    scene.nyiso.set(day, Answer::File(good()));
    scene.until("the whole file", |status| status.signal.ts == Some(newest)).await;
    scene.end().await;
}

#[tokio::test]
async fn around_midnight_both_days_are_read() {
    // 00:07 in New York.
    let mut scene = Scene::at("2026-03-25T04:07:00Z", Policy::ByChoice, |_| {}).await;
    let (yesterday, today) = ("2026-03-24".parse().unwrap(), "2026-03-25".parse().unwrap());
    let midnight = nyiso::eastern::midnight(today);
    let closed = file(every_five_minutes(yesterday, midnight), clean, |_| CLEAN);
    assert!(closed.contains("03/25/2026 00:00:00,EDT"), "it is in the file of the day before");
    scene.nyiso.set(yesterday, Answer::File(closed));
    let status = scene.until("midnight", |status| status.signal.ts == Some(midnight)).await;
    assert_eq!(trouble(&status), "", "the new day's file comes later");

    scene.agent.wait(10 * MINUTE);
    let newest = midnight + TimeDelta::minutes(5);
    let opened = file(every_five_minutes(today, newest), clean, |_| CLEAN);
    scene.nyiso.set(today, Answer::File(opened));
    scene.until("the new day", |status| status.signal.ts == Some(newest)).await;

    scene.agent.wait(45 * MINUTE);
    let asked = scene.nyiso.asked().len();
    let looked = |status: &Status| status.nyiso.as_ref().unwrap().looked == Some(status.now);
    scene.until("a look an hour later", looked).await;
    scene.agent.wait(MINUTE);
    scene.until("another", looked).await;
    let later = &scene.nyiso.asked()[asked..];
    let last = later.last().unwrap();
    assert_eq!(last, "/csv/rtfuelmix/20260325rtfuelmix.csv", "{later:?}");
    assert_ne!(later.iter().rev().nth(1), Some(&"/csv/rtfuelmix/20260324rtfuelmix.csv".to_owned()));
    // Half an hour after midnight a missing file is trouble.
    scene.nyiso.set(today, Answer::Status(404));
    let status = scene.until("trouble", |status| !trouble(status).is_empty()).await;
    assert!(trouble(&status).contains("not found"), "{}", trouble(&status));
    scene.end().await;
}

#[tokio::test]
async fn a_clock_that_cannot_be_trusted_asks_nobody() {
    let adjust = |desk: &mut Desk| desk.policy = TrustPolicy::Synchronized;
    let mut scene = Scene::at("2026-03-24T12:00:00Z", Policy::ByChoice, adjust).await;
    let day = nyiso::eastern::day_of(scene.now());
    let newest = scene.now() - TimeDelta::minutes(10);
    scene.nyiso.set(day, Answer::File(file(every_five_minutes(day, newest), clean, |_| CLEAN)));
    for _ in 0..5 {
        scene.agent.wait(HOUR);
        let status = scene.agent.cycle().await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!((status.clock.as_str(), scene.reads()), ("not-set", false));
        assert!(page(&status).contains("not read while the clock"), "{}", page(&status));
    }
    assert_eq!(scene.nyiso.asked(), Vec::<String>::new());
    scene.end().await;
}

#[tokio::test]
async fn a_clock_a_day_behind_does_not_take_yesterday_for_today() {
    let mut scene = Scene::at("2026-03-24T12:00:00Z", Policy::ByChoice, |_| {}).await;
    // In truth it is the 25th, so the file of the 24th is whole.
    let day = nyiso::eastern::day_of(scene.now());
    let midnight = nyiso::eastern::midnight(day + chrono::Days::new(1));
    scene.nyiso.set(day, Answer::File(file(every_five_minutes(day, midnight), clean, |_| CLEAN)));
    let status = scene.until("trouble", |status| !trouble(status).is_empty()).await;
    assert!(
        trouble(&status).contains("this clock (2026-03-24 12:00:00 UTC) is wrong"),
        "{status:?}"
    );
    assert_eq!(status.signal.from, None);
    scene.end().await;
}

#[tokio::test]
async fn a_source_that_has_stood_still_for_hours_is_not_believed_at_the_first_look() {
    let mut scene = Scene::new(Policy::ByChoice).await;
    let day = nyiso::eastern::day_of(scene.now());
    let newest = scene.now() - TimeDelta::minutes(10);
    let moves_until =
        |stop: Timestamp| move |ts: Timestamp| CLEAN + (ts.min(stop) - stop).num_minutes() as f64;
    let stuck = newest - TimeDelta::minutes(245);
    let flat = file(every_five_minutes(day, newest), moves_until(stuck), |_| CLEAN);
    scene.nyiso.set(day, Answer::File(flat));
    let looked = |status: &Status| status.nyiso.as_ref().unwrap().looked.is_some();
    let status = scene.until("a look", looked).await;
    assert_eq!(status.signal.source, "none", "{status:#?}");
    assert_eq!(status.signal.grams_per_kwh, None);

    scene.agent.wait(5 * MINUTE);
    let newest = newest + TimeDelta::minutes(5);
    let moving =
        file(every_five_minutes(day, newest), moves_until(newest + TimeDelta::hours(1)), |_| CLEAN);
    scene.nyiso.set(day, Answer::File(moving));
    scene.until("it moves again", |status| status.signal.ts == Some(newest)).await;
    scene.end().await;
}

#[tokio::test]
async fn a_feed_that_stands_still_is_replaced_and_takes_nothing_away() {
    let mut scene = Scene::new(Policy::when_silent(0.0)).await;
    let day = nyiso::eastern::day_of(scene.now());
    // More than four hours of one value, and half an hour beyond.
    for _ in 0..=(4 * 12 + 1 + 7) {
        scene.agent.read(300.0);
        scene.agent.cycle().await;
        scene.agent.wait(5 * MINUTE);
    }
    assert_eq!(scene.agent.cycle().await.signal.source, "none");
    assert!(scene.reads(), "it speaks, but nothing of it is taken");

    let newest = scene.now() - TimeDelta::minutes(10);
    let gas = |ts: Timestamp| CLEAN - (ts.timestamp() % 7200) as f64 / 100.0;
    scene.nyiso.set(day, Answer::File(file(every_five_minutes(day, newest), gas, |_| CLEAN)));
    let status = scene.until("NYISO's own", |status| status.signal.ts == Some(newest)).await;
    assert_eq!(status.signal.source, "live");
    for _ in 0..3 {
        scene.agent.read(300.0);
        let status = scene.agent.check(Closed).await;
        assert_eq!(status.signal.ts, Some(newest), "the stuck feed does not displace it");
        assert!(scene.reads());
        scene.agent.wait(5 * MINUTE);
    }
    scene.agent.read(310.0);
    scene.agent.check(Open).await;
    assert!(!scene.reads(), "the feed moves again");
    scene.end().await;
}

#[tokio::test]
async fn beside_a_demo_nyiso_is_left_alone_and_played_back_files_say_so() {
    let mut scene = Scene::new(Policy::when_silent(0.0)).await;
    let mut demo = scene.agent.reading(150.0);
    demo.origin = domain::wire::Origin::Generated;
    scene.agent.hear(demo);
    scene.agent.wait(3 * HOUR);
    scene.agent.cycle().await;
    assert!(!scene.reads());
    scene.end().await;

    // By choice a stand-in may be read, which tells what it is.
    for (accept_demo, expected) in [(true, Some("recorded")), (false, None)] {
        let adjust = |desk: &mut Desk| desk.accept_demo = accept_demo;
        let mut scene = Scene::at("2026-03-24T12:00:00Z", Policy::ByChoice, adjust).await;
        let day = nyiso::eastern::day_of(scene.now());
        let newest = scene.now() - TimeDelta::minutes(10);
        let recorded = file(every_five_minutes(day, newest), clean, |_| CLEAN);
        scene.nyiso.set(day, Answer::Recorded(recorded));
        let looked = |status: &Status| status.nyiso.as_ref().unwrap().looked.is_some();
        let status = scene.until("a look", looked).await;
        let origin = status.signal.from.as_ref().map(|_| status.signal.origin.as_str());
        assert_eq!(origin, expected, "{status:#?}");
        scene.end().await;
    }
}

/// Tuesday 17:00 in New York, with tomorrow's day-ahead files: a night by what they say.
#[tokio::test]
async fn prices_and_marginal_rates_of_the_zone_are_read_too() {
    // What is low: from 01:00 the price, from 03:00 the rate.
    let low = |from: u32, hour: u32| (from..from + 2).contains(&hour);
    for (objective, first_hour) in [(Objective::Price, 5), (Objective::MarginalCarbon, 7)] {
        let adjust = |desk: &mut Desk| {
            let mut charge = crate::charge::charge();
            (charge.objective, charge.zone) = (objective, Some(LoadZone::Nyc));
            charge.prices = Prices::Wholesale;
            desk.settings.mode = Mode::Clean;
            desk.charge = Some(charge);
        };
        let mut scene = Scene::at("2026-03-24T21:00:00Z", Policy::ByChoice, adjust).await;
        let today = nyiso::eastern::day_of(scene.now());
        let newest = scene.now() - TimeDelta::minutes(10);
        scene
            .nyiso
            .set(today, Answer::File(file(every_five_minutes(today, newest), clean, |_| CLEAN)));
        for day in [today, today + chrono::Days::new(1)] {
            let price = prices(day, |hour| if low(1, hour) { 10.0 } else { 50.0 });
            let rate = rates(day, |hour| if low(3, hour) { 0.1 } else { 0.5 });
            scene.nyiso.set_feed(Feed::DayAheadPrice, day, Answer::File(price));
            scene.nyiso.set_feed(Feed::DayAheadEmissionRate, day, Answer::File(rate));
        }
        let planned = |status: &Status| {
            let charge = status.charge.as_ref().unwrap();
            charge.objective == objective.as_str() && charge.objective_lacks.is_none()
        };
        let status = scene.until("a plan by the day-ahead files", planned).await;
        let run = status.charge.unwrap().runs[0];
        assert_eq!(run.start.hour(), first_hour, "{objective:?}: {run:?}");
        // Each of the four once, however often it is looked at the fuel mix.
        for _ in 0..4 {
            let look = timeout(PATIENCE, scene.looks.recv()).await.expect("more looks");
            scene.agent.hear_event(look.unwrap());
        }
        let asked = scene.nyiso.asked();
        let day_ahead = asked.iter().filter(|path| path.contains("/dam"));
        assert_eq!(day_ahead.count(), 4, "{asked:?}");
        scene.end().await;
    }
}

/// The program itself, by the clock of this machine.
#[tokio::test]
async fn by_choice_the_program_knows_no_feed_and_listens_on_no_port() {
    let nyiso = Nyiso::start().await;
    let now = SystemClock::new().now();
    assert!(built() < now);
    let newest = now - TimeDelta::minutes(8);
    let today = nyiso::eastern::file_day(newest);
    nyiso.set(today, Answer::File(file(every_five_minutes(today, newest), clean, |_| CLEAN)));
    let feed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    feed.set_nonblocking(true).unwrap();
    let home = Home::new(&format!(
        "[signal]\nnyiso_url = \"{}\"\n[feed]\nurl = \"mqtt://{}\"\n[control]\ntick_secs = 1\n\
         [control.threshold]\nunit = \"g/kWh\"\nclose_below = 200\nopen_above = 250\n",
        nyiso.url(),
        feed.local_addr().unwrap()
    ));
    // Every setting can come from the environment.
    let choice = [("NY_POWER_AGENT__SIGNAL__SOURCE", "nyiso".as_ref())];
    let agent = home.run_with(&choice);
    let expected = |status: &Status| status.signal.from.as_deref() == Some("nyiso");
    let asking = tokio::task::spawn_blocking(move || {
        let status = home.until("a reading of NYISO's own", expected);
        (home, status)
    });
    let (home, status) = asking.await.unwrap();
    assert!(status.signal.grams_per_kwh.is_some_and(|grams| grams < 200.0), "{status:#?}");
    assert_eq!(status.position.as_deref(), Some("closed"));
    assert!(!status.feed.connected && status.feed.since.is_none(), "{:?}", status.feed);
    let called = feed.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(called, Err(std::io::ErrorKind::WouldBlock), "nobody called the feed");
    assert_eq!(listening(agent.pid()), Vec::<String>::new());
    assert!(home.log().contains("NYISO's own files are read from http://"), "{}", home.log());
    assert_eq!(agent.stop(), Some(0));
}
