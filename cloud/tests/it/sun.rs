//! The sun inside Other Renewables, on a recorded month.

use std::fs;
use std::path::{Path, PathBuf};

use domain::carbon::average_intensity;
use domain::factors::FactorSetName;
use domain::stream::{Accepted, IntensityStream};
use domain::wire::{Mix, Origin};
use nyiso::{archive, fuel_mix};

fn data() -> PathBuf {
    std::env::var_os("NY_POWER_DATA").map_or_else(
        || Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/nyiso")).to_owned(),
        Into::into,
    )
}

/// What is published lies 1.1 % below the mean without the split in February 2025.
#[test]
fn the_split_lowers_a_recorded_february_by_a_percent() {
    let file = data().join("rtfuelmix/20250201rtfuelmix_csv.zip");
    let Ok(zip) = fs::read(&file) else {
        println!("skipped: no recorded data in {} (set NY_POWER_DATA)", data().display());
        return;
    };
    let factors = FactorSetName::default().load();
    let mut stream = IntensityStream::new(factors, Origin::Recorded, cloud::forecast::new_york);
    let mut days = archive::days(&zip).unwrap();
    days.sort();
    let (mut plain, mut published, mut readings) = (0.0, 0.0, 0u32);
    for (_, day) in days {
        for mix in fuel_mix::parse(&day).unwrap().mixes {
            let Ok(without) = average_intensity(&mix, factors) else { continue };
            let mix = Mix::new(&mix, 300, false, Origin::Recorded);
            if let Accepted::Reading { now, .. } = stream.accept(&mix) {
                plain += without.direct.grams_per_kwh();
                published += now.value;
                readings += 1;
            }
        }
    }
    let (plain, published) = (plain / f64::from(readings), published / f64::from(readings));
    let lower = 100.0 * (1.0 - published / plain);
    assert!((plain - 236.3).abs() < 0.5, "{plain} g/kWh");
    assert!((0.9..=1.3).contains(&lower), "{lower:.2} % below {plain:.1} g/kWh");
    println!("{lower:.2} % below {plain:.1} g/kWh over {readings} readings");
}
