//! Values to bytes: a file as NYISO writes it today.

use std::io::Write;

use domain::fuel_mix::FuelMix;

use crate::eastern;

/// A daily file of these instants in today's format: CRLF, `Gen MW`, no line end after the last row. For
/// stand-ins and tests; [`super::parse`] reads it back.
pub fn render(mixes: &[FuelMix]) -> Vec<u8> {
    let mut file = b"Time Stamp,Time Zone,Fuel Category,Gen MW".to_vec();
    for mix in mixes {
        let (wall, zone) = eastern::wall_clock(mix.ts);
        let stamp = wall.format("%m/%d/%Y %H:%M:%S");
        let known = mix.fuels().map(|(fuel, power)| (fuel.name(), power));
        let unknown = mix.unknown().iter().map(|(name, power)| (name.as_str(), *power));
        for (name, power) in known.chain(unknown) {
            write!(file, "\r\n{stamp},{zone},{name},{:?}", power.value())
                .expect("writing to memory does not fail");
        }
    }
    file
}
