//! Made-up days: which files are there when, and what the client's own parser makes of them.

use chrono::{Days, NaiveDate, TimeDelta};
use cloud::replay::{Material, Settings, Speed};
use domain::Timestamp;
use nyiso::fuel_mix::parse;
use nyiso::path::{fuel_mix_day, fuel_mix_month};

use super::harness::{Served, serve, ts};

async fn generated(now: &str) -> Served {
    serve(Material::Generated, now, Settings::default()).await
}

#[tokio::test]
async fn the_same_seed_gives_the_same_file_and_every_answer_is_labelled() {
    let now = "2026-11-24T17:00:00Z";
    let path = "rtfuelmix/20261123rtfuelmix.csv";
    let (one, two) = (generated(now).await, generated(now).await);
    let (one, two) = (one.file(path).await, two.file(path).await);
    assert_eq!(one.body, two.body);
    assert_eq!(one.header("x-ny-power-origin"), "generated");
    let other = Settings { seed: 2, ..Settings::default() };
    let other = serve(Material::Generated, now, other).await.file(path).await;
    assert_ne!(one.body, other.body);

    let parsed = parse(&one.body).expect("a fuel-mix file");
    assert!(parsed.oddities.is_empty(), "{:?}", parsed.oddities);
    assert!((280..296).contains(&parsed.mixes.len()), "{}", parsed.mixes.len());
    assert!(parsed.mixes.iter().all(domain::fuel_mix::FuelMix::is_complete));
}

/// What is there at an instant: `200` or `404` of each file.
async fn check(served: &Served, now: &str, files: &[(&str, u16)]) {
    served.clock.set(ts(now));
    for (path, status) in files {
        let answer = served.file(path).await;
        assert_eq!(answer.status, *status, "{path} at {now}");
        assert!(*status == 200 || answer.body.is_empty(), "a missing file has no body");
    }
}

#[tokio::test]
async fn around_midnight_today_is_missing_until_its_first_instant_is_out() {
    let served = generated("2026-07-10T00:00:00Z").await;
    let (today, yesterday) = ("rtfuelmix/20260710rtfuelmix.csv", "rtfuelmix/20260709rtfuelmix.csv");
    // Midnight is at 04:00Z: a fixed UTC-5 would be an hour off.
    check(&served, "2026-07-10T03:59:59Z", &[(today, 404), (yesterday, 200)]).await;
    check(&served, "2026-07-10T04:00:00Z", &[(today, 404), (yesterday, 200)]).await;
    let at_midnight = served.file(yesterday).await;
    check(&served, "2026-07-10T04:14:59Z", &[(today, 404), (yesterday, 200)]).await;
    check(&served, "2026-07-10T04:15:00Z", &[(today, 200), (yesterday, 200)]).await;
    let closed = served.file(yesterday).await;
    assert!(closed.body.len() > at_midnight.body.len(), "yesterday's file still grew");
    assert!(closed.text().contains("07/10/2026 00:00:00,EDT,Hydro"), "up to its midnight row");
}

#[tokio::test]
async fn old_days_stand_only_in_zips_and_the_running_month_has_one_from_its_second_day() {
    let served = generated("2026-11-24T17:00:00Z").await;
    check(
        &served,
        "2026-11-24T17:00:00Z",
        &[
            ("rtfuelmix/20261110rtfuelmix.csv", 200),
            ("rtfuelmix/20261109rtfuelmix.csv", 404),
            ("rtfuelmix/20261125rtfuelmix.csv", 404),
            ("rtfuelmix/20261101rtfuelmix_csv.zip", 200),
            ("rtfuelmix/20261001rtfuelmix_csv.zip", 200),
            ("rtfuelmix/20151201rtfuelmix_csv.zip", 200),
            ("rtfuelmix/20151101rtfuelmix_csv.zip", 404),
            ("rtfuelmix/20261201rtfuelmix_csv.zip", 404),
        ],
    )
    .await;
    let zip = "rtfuelmix/20261201rtfuelmix_csv.zip";
    check(&served, "2026-12-01T17:00:00Z", &[(zip, 404)]).await;
    check(&served, "2026-12-02T05:00:00Z", &[(zip, 200)]).await;
}

#[tokio::test]
async fn names_that_nyiso_does_not_give_are_missing() {
    let served = generated("2026-11-24T17:00:00Z").await;
    for path in [
        "rtfuelmix/20261102rtfuelmix_csv.zip",
        "rtfuelmix/2026-11-23rtfuelmix.csv",
        "rtfuelmix/20261123rtfuelmix.csv.gz",
        "20261123rtfuelmix.csv",
        "pal/20261123rtfuelmix.csv",
        "rtfuelmix/99991231rtfuelmix.csv",
        "rtfuelmix/00010101rtfuelmix_csv.zip",
        "rtfuelmix/",
    ] {
        let answer = served.file(path).await;
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{path}");
    }
    assert_eq!(served.get("/elsewhere").await.status, 404);
    let post = served.client.post(format!("{}/public/csv/x", served.base)).send().await;
    let post = post.expect("an answer");
    assert_eq!(post.status().as_u16(), 405, "nothing can be changed over HTTP");
    assert!(post.headers().contains_key("x-ny-power-origin"));
}

#[tokio::test]
async fn a_month_zip_is_what_the_daily_files_are() {
    let served = generated("2026-11-24T17:00:00Z").await;
    let answer = served.file(&fuel_mix_month("2026-11-24".parse().expect("a date"))).await;
    assert_eq!(answer.header("content-type"), "application/zip");
    let days = nyiso::archive::days(&answer.body).expect("a zip");
    assert_eq!(days.len(), 24);
    for (name, bytes) in &days[9..] {
        assert_eq!(&served.file(&format!("rtfuelmix/{name}")).await.body, bytes, "{name}");
    }
    // As NYISO's: not by date.
    let mut order = zip::ZipArchive::new(std::io::Cursor::new(&answer.body)).expect("a zip");
    let names = (0..24)
        .map(|entry| order.by_index(entry).expect("an entry").name().expect("a name").into_owned());
    assert_ne!(
        names.collect::<Vec<_>>(),
        days.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn an_instant_appears_when_it_is_due_and_never_before_its_time() {
    let settings = Settings { delay: std::time::Duration::from_secs(60), ..Settings::default() };
    let served = serve(Material::Generated, "2026-11-01T04:00:00Z", settings).await;
    let mut seen = 0;
    // Through the night of the clock change, every 50 s.
    for step in 0..300 {
        let now = ts("2026-11-01T04:00:00Z") + TimeDelta::seconds(50 * step);
        served.clock.set(now);
        let answer = served.file("rtfuelmix/20261101rtfuelmix.csv").await;
        if answer.status == 404 {
            continue;
        }
        let stamps = parse(&answer.body).expect("a fuel-mix file").mixes;
        let newest = stamps.last().expect("an instant").ts;
        assert!(newest <= now - TimeDelta::seconds(60), "{newest} at {now}");
        assert!(seen <= stamps.len(), "what was there stays there");
        seen = stamps.len();
        assert_eq!(served.standin.newest(), Some(newest));
    }
    assert!(seen > 40, "{seen}");
}

#[tokio::test]
async fn days_of_a_clock_change_read_as_23_and_25_hours() {
    let served = generated("2026-12-01T17:00:00Z").await;
    for (day, hours) in [("2026-03-08", 23), ("2026-03-10", 24), ("2026-11-01", 25)] {
        let day = day.parse::<NaiveDate>().expect("a date");
        served.clock.set(nyiso::eastern::midnight(day + Days::new(2)));
        let parsed = parse(&served.file(&fuel_mix_day(day)).await.body).expect("a fuel-mix file");
        let (first, last) = (&parsed.mixes[0], parsed.mixes.last().expect("an instant"));
        assert_eq!(first.ts, nyiso::eastern::midnight(day) + TimeDelta::minutes(5), "{day}");
        assert_eq!(last.ts - first.ts, TimeDelta::hours(hours) - TimeDelta::minutes(5), "{day}");
    }
}

#[tokio::test]
async fn at_another_speed_it_has_its_own_time_and_tells_it() {
    let speed = Speed::new(60.0).expect("a speed");
    let settings = Settings { speed, ..Settings::default() };
    let served = serve(Material::Generated, "2026-11-24T17:00:00Z", settings).await;
    let newest = |body: &[u8]| parse(body).expect("a file").mixes.last().expect("an instant").ts;
    let path = "rtfuelmix/20261124rtfuelmix.csv";
    let start = served.file(path).await;
    assert_eq!(start.header("x-ny-power-now"), "2026-11-24T17:00:00Z");
    served.clock.advance(std::time::Duration::from_secs(120));
    let later = served.file(path).await;
    assert_eq!(later.header("x-ny-power-now"), "2026-11-24T19:00:00Z");
    assert_eq!(newest(&start.body), ts("2026-11-24T16:50:00Z"));
    assert_eq!(newest(&later.body), ts("2026-11-24T18:50:00Z"));
}

#[tokio::test]
async fn another_day_can_be_now() {
    let at = Some("2026-07-15".parse().expect("a day"));
    let settings = Settings { at, ..Settings::default() };
    let winter = "2026-01-14T17:00:00Z";
    let summer = serve(Material::Generated, winter, settings).await;
    let shown = summer.file("rtfuelmix/20260113rtfuelmix.csv").await;
    let real = generated("2026-07-20T17:00:00Z").await;
    let real = real.file("rtfuelmix/20260714rtfuelmix.csv").await;
    let moved = real.text().replace("07/14/2026", "01/13/2026").replace("07/15/2026", "01/14/2026");
    assert_eq!(shown.text(), moved.replace(",EDT,", ",EST,"));
}

#[tokio::test]
async fn its_own_page_says_what_it_is() {
    let served = generated("2026-11-24T17:00:00Z").await;
    let page = served.get("/").await;
    assert_eq!(page.status, 200);
    for part in [
        "GENERATED",
        "generated from seed 1",
        "2026-11-24T17:00:00Z",
        "10 min old",
        "/public/csv/rtfuelmix/20261124rtfuelmix.csv",
        "/public/csv/rtfuelmix/20261101rtfuelmix_csv.zip",
    ] {
        assert!(page.text().contains(part), "{part}: {}", page.text());
    }
    assert!(!page.text().contains("<script"), "no scripts");
    let links = page.text().split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    for link in links.collect::<Vec<_>>() {
        assert_eq!(served.get(link).await.status, 200, "{link}");
    }
}

#[tokio::test]
async fn any_instant_is_the_same_in_the_day_and_in_the_zip_of_years_ago() {
    let served = generated("2026-11-24T17:00:00Z").await;
    let old = served.file("rtfuelmix/20180301rtfuelmix_csv.zip").await;
    let days = nyiso::archive::days(&old.body).expect("a zip");
    assert_eq!(days.len(), 31);
    served.clock.set(ts("2018-03-12T05:00:00Z"));
    let day: Vec<Timestamp> = {
        let answer = served.file("rtfuelmix/20180311rtfuelmix.csv").await;
        parse(&answer.body).expect("a file").mixes.iter().map(|mix| mix.ts).collect()
    };
    let zipped = parse(&days[10].1).expect("a file").mixes;
    assert!(day.iter().eq(zipped.iter().map(|mix| &mix.ts).take(day.len())));
}
