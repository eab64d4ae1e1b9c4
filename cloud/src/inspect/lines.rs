//! Instants as JSON lines, CSV or a table.

use std::io::{self, Write};

use chrono::SecondsFormat;
use domain::Timestamp;
use domain::carbon::average_intensity;
use domain::factors::{FactorSet, FactorSetName};
use domain::fuel_mix::{Fuel, FuelMix};
use domain::units::{CarbonIntensity, Megawatts};
use nyiso::fuel_mix::interval_s;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// Ascending instants and what their intensity is computed with.
pub struct Lines<'a> {
    mixes: &'a [FuelMix],
    factors: &'static FactorSet,
    /// Names of all categories: the seven, then those that only these files know.
    fuels: Vec<&'a str>,
}

/// One instant. The names and their order are the command's promise.
#[derive(Serialize)]
struct Line<'a> {
    /// Interval end.
    ts: String,
    /// Seconds since the instant before; 300 for the first and after more than 6 h.
    interval_s: u32,
    /// MW as read.
    fuels: Fuels<'a>,
    complete: bool,
    /// g CO2/kWh: average, production, direct; not rounded. `None` where the instant is not complete.
    value: Option<f64>,
    /// g CO2eq/kWh: the same with fuel supply and construction.
    life_cycle: Option<f64>,
    factor_set: &'static str,
}

struct Fuels<'a>(&'a FuelMix);

impl Serialize for Fuels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (fuel, power) in self.0.fuels() {
            map.serialize_entry(fuel.name(), &power.value())?;
        }
        for (name, power) in self.0.unknown() {
            map.serialize_entry(name, &power.value())?;
        }
        map.end()
    }
}

impl<'a> Lines<'a> {
    pub fn new(mixes: &'a [FuelMix], factors: FactorSetName) -> Self {
        let mut fuels: Vec<&str> = Fuel::ALL.iter().map(|fuel| fuel.name()).collect();
        for (name, _) in mixes.iter().flat_map(FuelMix::unknown) {
            if !fuels.contains(&name.as_str()) {
                fuels.push(name);
            }
        }
        Self { mixes, factors: factors.load(), fuels }
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut previous = None;
        self.mixes.iter().map(move |mix| {
            let interval_s = interval_s(previous.replace(mix.ts), mix.ts);
            let complete = mix.is_complete();
            let intensity = complete.then(|| average_intensity(mix, self.factors).ok()).flatten();
            Line {
                ts: text(mix.ts),
                interval_s,
                fuels: Fuels(mix),
                complete,
                value: intensity.map(|intensity| intensity.direct.grams_per_kwh()),
                life_cycle: intensity
                    .and_then(|intensity| intensity.life_cycle)
                    .map(CarbonIntensity::grams_per_kwh),
                factor_set: self.factors.name.as_str(),
            }
        })
    }

    pub fn jsonl(&self, out: &mut impl Write) -> io::Result<()> {
        for line in self.lines() {
            serde_json::to_writer(&mut *out, &line)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }

    pub fn csv(&self, out: &mut impl Write) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(out);
        let fields = ["ts", "interval_s"].into_iter().chain(self.fuels.iter().copied());
        let fields = fields.chain(["complete", "value", "life_cycle", "factor_set"]);
        writer.write_record(fields).map_err(io_error)?;
        // Shortest text that reads back to the same number, as in JSON.
        let number =
            |value: Option<f64>| value.map(|value| format!("{value:?}")).unwrap_or_default();
        for line in self.lines() {
            writer.write_field(&line.ts).map_err(io_error)?;
            writer.write_field(line.interval_s.to_string()).map_err(io_error)?;
            for power in self.powers(line.fuels.0) {
                writer.write_field(number(power.map(Megawatts::value))).map_err(io_error)?;
            }
            writer.write_field(line.complete.to_string()).map_err(io_error)?;
            writer.write_field(number(line.value)).map_err(io_error)?;
            writer.write_field(number(line.life_cycle)).map_err(io_error)?;
            writer.write_field(line.factor_set).map_err(io_error)?;
            writer.write_record(None::<&[u8]>).map_err(io_error)?;
        }
        writer.flush()
    }

    pub fn table(&self, out: &mut impl Write) -> io::Result<()> {
        let columns: Vec<(&str, &str)> = self.fuels.iter().map(|name| two_lines(name)).collect();
        let widths: Vec<usize> = columns
            .iter()
            .map(|(above, below)| above.chars().count().max(below.chars().count()).max(6))
            .collect();
        let names = |part: fn(&(&str, &str)) -> String| -> String {
            let padded = columns.iter().zip(&widths);
            padded.map(|(column, width)| format!("  {:>width$}", part(column))).collect()
        };
        let set = self.factors.name;
        writeln!(out, "MW by fuel; g CO2/kWh, average of what New York generates, factors {set}")?;
        writeln!(out)?;
        let above = names(|(above, _)| (*above).to_owned());
        writeln!(out, "{:20} {:>6}{above}  {:>6}  {:>6}", "", "", "g/kWh", "life")?;
        let below = names(|(_, below)| (*below).to_owned());
        writeln!(
            out,
            "{:20} {:>6}{below}  {:>6}  {:>6}",
            "interval end (UTC)", "secs", "direct", "cycle"
        )?;
        for line in self.lines() {
            write!(out, "{} {:>6}", line.ts, line.interval_s)?;
            for (power, width) in self.powers(line.fuels.0).zip(&widths) {
                match power {
                    Some(power) => write!(out, "  {:>width$.0}", power.value())?,
                    None => write!(out, "  {:>width$}", "-")?,
                }
            }
            for grams in [line.value, line.life_cycle] {
                match grams {
                    Some(grams) => write!(out, "  {grams:>6.1}")?,
                    None => write!(out, "  {:>6}", "-")?,
                }
            }
            writeln!(out, "{}", if line.complete { "" } else { "  not complete" })?;
        }
        Ok(())
    }

    /// The power of each of [`Lines::fuels`], in that order.
    fn powers(&self, mix: &'a FuelMix) -> impl Iterator<Item = Option<Megawatts>> {
        self.fuels.iter().enumerate().map(|(index, name)| match Fuel::ALL.get(index) {
            Some(fuel) => mix.get(*fuel),
            None => {
                let unknown = mix.unknown().iter().find(|(unknown, _)| unknown == name);
                unknown.map(|(_, power)| *power)
            }
        })
    }
}

/// `Natural Gas` over two lines of a header; one word stands on the lower.
fn two_lines(name: &str) -> (&str, &str) {
    name.split_once(' ').unwrap_or(("", name))
}

/// The kind of the error inside: a closed pipe must stay one. csv's own conversion makes it "other".
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn text(ts: Timestamp) -> String {
    ts.to_rfc3339_opts(SecondsFormat::Secs, true)
}
