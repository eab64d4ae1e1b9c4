//! What a test can do to a stand-in that serves.

use cloud::replay::{Material, Settings};
use domain::fuel_mix::{Fuel, FuelMix};
use domain::units::Megawatts;
use nyiso::fuel_mix::parse;

use super::harness::{Served, serve, ts};

fn mix(at: &str, megawatts: f64) -> FuelMix {
    let mut mix = FuelMix::new(ts(at));
    for fuel in Fuel::ALL {
        mix.set(fuel, Megawatts::new(megawatts).expect("finite"));
    }
    mix
}

async fn scripted() -> Served {
    serve(Material::Scripted, "2026-11-24T17:00:00Z", Settings::default()).await
}

#[tokio::test]
async fn a_pushed_instant_is_there_at_once_and_a_second_one_corrects_it() {
    let served = scripted().await;
    let path = "rtfuelmix/20261124rtfuelmix.csv";
    assert_eq!(served.file(path).await.status, 404);
    served.standin.push(&mix("2026-11-24T17:00:00Z", 100.0));
    let answer = served.file(path).await;
    assert!(answer.text().ends_with("11/24/2026 12:00:00,EST,Hydro,100.0"), "{}", answer.text());
    assert_eq!(answer.header("last-modified"), "Tue, 24 Nov 2026 17:00:00 GMT");
    served.standin.push(&mix("2026-11-24T16:55:00Z", 200.5));
    served.standin.push(&mix("2026-11-24T17:00:00Z", 300.0));
    let mixes = parse(&served.file(path).await.body).expect("a file").mixes;
    let expected = [mix("2026-11-24T16:55:00Z", 200.5), mix("2026-11-24T17:00:00Z", 300.0)];
    assert_eq!(mixes, expected);
    assert_eq!(served.standin.newest(), Some(ts("2026-11-24T17:00:00Z")));
}

#[tokio::test]
async fn a_pushed_midnight_belongs_to_the_day_that_it_closes() {
    let served = scripted().await;
    served.standin.push(&mix("2026-11-24T05:00:00Z", 100.0));
    let yesterday = served.file("rtfuelmix/20261123rtfuelmix.csv").await;
    assert!(yesterday.text().ends_with("11/24/2026 00:00:00,EST,Hydro,100.0"));
    assert_eq!(served.file("rtfuelmix/20261124rtfuelmix.csv").await.status, 404);
}

#[tokio::test]
async fn a_pushed_instant_takes_its_place_among_generated_ones() {
    let served = serve(Material::Generated, "2026-11-24T17:00:00Z", Settings::default()).await;
    let path = "rtfuelmix/20261124rtfuelmix.csv";
    let before = parse(&served.file(path).await.body).expect("a file").mixes;
    let corrected = mix(&before[10].ts.to_rfc3339(), 42.0);
    served.standin.push(&corrected);
    let after = parse(&served.file(path).await.body).expect("a file").mixes;
    assert_eq!(after.len(), before.len());
    assert_eq!(after[10], corrected);
    assert_eq!((&after[..10], &after[11..]), (&before[..10], &before[11..]));
}

#[tokio::test]
async fn an_incomplete_or_unknown_mix_is_written_as_it_is() {
    let served = scripted().await;
    let mut odd = FuelMix::new(ts("2026-11-24T17:00:00Z"));
    odd.set(Fuel::Wind, Megawatts::new(7.0).expect("finite"));
    odd.set_unknown("Batteries", Megawatts::new(-3.0).expect("finite"));
    served.standin.push(&odd);
    let answer = served.file("rtfuelmix/20261124rtfuelmix.csv").await;
    let lines = answer.text().split("\r\n").skip(1).collect::<Vec<_>>();
    assert_eq!(
        lines,
        ["11/24/2026 12:00:00,EST,Wind,7.0", "11/24/2026 12:00:00,EST,Batteries,-3.0"]
    );
}

#[tokio::test]
async fn bytes_can_be_put_anywhere_and_taken_away() {
    let served = serve(Material::Generated, "2026-11-24T17:00:00Z", Settings::default()).await;
    let path = "rtfuelmix/20261124rtfuelmix.csv";
    served.standin.put(path, Some(b"anything".to_vec()));
    assert_eq!(served.file(path).await.body, b"anything");
    served.standin.put(path, None);
    assert_eq!(served.file(path).await.status, 404);
}

#[tokio::test]
async fn a_stopped_clock_is_the_time() {
    let served = serve(Material::Generated, "2026-11-24T17:00:00Z", Settings::default()).await;
    served.standin.stop_clock_at(ts("2026-03-08T07:05:00Z"));
    let answer = served.file("rtfuelmix/20260308rtfuelmix.csv").await;
    assert_eq!(answer.header("x-ny-power-now"), "2026-03-08T07:05:00Z");
    assert!(answer.text().contains("03/08/2026 01:55:00,EST,Hydro"));
    assert!(!answer.text().contains("03/08/2026 02:"), "there is no such hour");
    served.stop().await;
}
