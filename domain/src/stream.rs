//! From the stream of fuel mixes to the stream of intensities: the whole of what service co2 decides.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::Timestamp;
use crate::carbon::{AverageIntensity, average_intensity, average_intensity_with_sun};
use crate::consumption::{FlowsAtHand, NeighborFactors, NetFlows, consumption_intensity};
use crate::factors::FactorSet;
use crate::fuel_mix::FuelMix;
use crate::marginal::Marginal;
use crate::night::{LocalTime, NightFloors};
use crate::series::{Sample, Window};
use crate::units::CarbonIntensity;
use crate::week::{Verdict, WEEK, WeekStanding};
use crate::wire::{AVERAGE_BOUNDS, CarbonNow, CarbonSeries, GRAMS_PER_KWH, Mix, Origin};
use crate::zone_now::basis;

/// Nights whose floor is remembered: those of the window, and some before.
const NIGHTS: usize = 10;

/// Computes an intensity for each mix and keeps the last week of them.
#[derive(Debug)]
pub struct IntensityStream {
    factors: &'static FactorSet,
    origin: Origin,
    /// What was published.
    window: Window,
    /// The same without the sun apart from Other Renewables: it tells whether an instant is known, though
    /// the night before it became known in between.
    plain: Window,
    nights: NightFloors,
    flows: FlowsAtHand,
    held: Option<Verdict>,
    newest: Option<Timestamp>,
    /// The last reading given, which an incomplete instant leaves no other trace of.
    last: Option<Sample>,
    /// The newest reading and its mix.
    said: Option<(Mix, CarbonNow)>,
    /// The last correction, which a broker may deliver twice and retain.
    last_revised: Option<Mix>,
    /// Instants in the window that no reading was given for: they came from an archive.
    unannounced: BTreeSet<Timestamp>,
}

/// What became of a mix.
#[derive(Clone, Debug, PartialEq)]
pub enum Accepted {
    /// An intensity to publish.
    Reading {
        /// The payload.
        now: Box<CarbonNow>,
        /// Nothing newer is known: retain it.
        newest: bool,
    },
    /// Known already, with the same values: the retained snapshot came again.
    Known,
    /// Its fuels add up to nothing, so there is no mean.
    NoGeneration,
    /// It is of another origin than the history here; the two are never mixed.
    Foreign,
}

impl IntensityStream {
    /// A stream with no history. `local` is the wall clock of New York, by which nights are known.
    pub fn new(factors: &'static FactorSet, origin: Origin, local: LocalTime) -> Self {
        Self {
            factors,
            origin,
            window: Window::new(WEEK),
            plain: Window::new(WEEK),
            nights: NightFloors::new(local, Some(NIGHTS)),
            flows: FlowsAtHand::default(),
            held: None,
            newest: None,
            last: None,
            said: None,
            last_revised: None,
            unannounced: BTreeSet::new(),
        }
    }

    /// Where the data of this stream come from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The newest instant that is known, complete or not.
    pub fn newest(&self) -> Option<Timestamp> {
        self.newest
    }

    /// Takes what comes over the borders. The next readings of about that time count it.
    pub fn remember_flows(&mut self, flows: NetFlows) {
        self.flows.insert(flows);
    }

    /// Takes a mix into the history that a reading was given for before: at start, from the store.
    /// Ascending, and from the night before the week on: a day's sun is known by the night before it.
    pub fn remember(&mut self, mix: &Mix) {
        if self.keep(mix) {
            self.newest = self.newest.max(Some(mix.ts));
        }
    }

    /// Takes a mix into the history that came from an archive. Should it come as an event too, it still
    /// gives a reading then. False where an event told of the instant already, which knows better.
    pub fn remember_archived(&mut self, mix: &Mix) -> bool {
        if self.window.get(mix.ts).is_some() && !self.unannounced.contains(&mix.ts) {
            return false;
        }
        // What is older than the window can come as an event no more.
        if self.keep(mix) && self.window.get(mix.ts).is_some() {
            self.unannounced.insert(mix.ts);
        }
        true
    }

    fn keep(&mut self, mix: &Mix) -> bool {
        if mix.origin != self.origin {
            return false;
        }
        let fuels = mix.fuel_mix();
        let Some((plain, published)) = self.intensities(&fuels, mix.interval_s) else {
            return false;
        };
        if published.complete {
            self.insert(mix.ts, plain, published);
        }
        true
    }

    /// Without the sun apart, and as it is published.
    fn intensities(
        &mut self,
        fuels: &FuelMix,
        interval_s: u32,
    ) -> Option<(AverageIntensity, AverageIntensity)> {
        self.nights.add_instant(fuels, interval_s);
        let plain = average_intensity(fuels, self.factors).ok()?;
        let sun = self.nights.split(fuels).sun_mw;
        Some((plain, average_intensity_with_sun(fuels, self.factors, sun).unwrap_or(plain)))
    }

    fn insert(&mut self, ts: Timestamp, plain: AverageIntensity, published: AverageIntensity) {
        // Readers refuse what lies beyond the bounds of the contract. In the week it would be its maximum, and
        // in the series one value of many: they would refuse every message for days.
        let (least, most) = AVERAGE_BOUNDS;
        for (window, intensity) in [(&mut self.plain, plain), (&mut self.window, published)] {
            let sample = sample(ts, intensity);
            if (least..=most).contains(&sample.grams_per_kwh) {
                window.insert(sample);
            }
        }
    }

    fn remove(&mut self, ts: Timestamp) {
        self.plain.remove(ts);
        self.window.remove(ts);
    }

    /// Takes the next mix. An older instant is welcome too (catch-up, a correction); it is marked by
    /// `newest: false`. An incomplete mix gives a reading that says so and leaves the statistics alone.
    pub fn accept(&mut self, mix: &Mix) -> Accepted {
        if mix.origin != self.origin {
            return Accepted::Foreign;
        }
        let fuels = mix.fuel_mix();
        let Some((plain, intensity)) = self.intensities(&fuels, mix.interval_s) else {
            self.remove(mix.ts);
            return Accepted::NoGeneration;
        };
        let as_came = sample(mix.ts, plain);
        let unannounced = self.unannounced.remove(&mix.ts);
        let known = !unannounced && self.plain.get(mix.ts) == Some(as_came);
        if !mix.revised && (known || self.last == Some(as_came)) {
            return Accepted::Known;
        }
        if mix.revised {
            if self.last_revised.as_ref() == Some(mix) && !unannounced {
                return Accepted::Known;
            }
            self.last_revised = Some(mix.clone());
        }
        self.last = Some(as_came);
        let newest = self.newest.is_none_or(|newest| newest <= mix.ts);
        self.newest = self.newest.max(Some(mix.ts));
        if intensity.complete {
            self.insert(mix.ts, plain, intensity);
        } else {
            self.remove(mix.ts);
        }
        let now = self.reading(mix, &fuels, &intensity);
        if newest {
            self.held = now.verdict.or(self.held);
            self.said = Some((mix.clone(), now.clone()));
        }
        Accepted::Reading { now: Box::new(now), newest }
    }

    /// The newest reading as it is with what has come since: older mixes, from an archive, have given it a place
    /// in the week, or flows its imports. `None` where that changes nothing, and before the first reading.
    pub fn restated(&mut self) -> Option<CarbonNow> {
        let (mix, before) = self.said.take()?;
        let fuels = mix.fuel_mix();
        let plain = average_intensity(&fuels, self.factors).ok()?;
        let sun = self.nights.split(&fuels).sun_mw;
        let intensity = average_intensity_with_sun(&fuels, self.factors, sun).unwrap_or(plain);
        if intensity.complete {
            self.insert(mix.ts, plain, intensity);
        }
        let now = self.reading(&mix, &fuels, &intensity);
        self.held = now.verdict.or(self.held);
        let news = (now != before).then(|| now.clone());
        self.said = Some((mix, now));
        news
    }

    /// The newest reading was given without imports, since no flows were at hand.
    pub fn lacks_flows(&self) -> bool {
        self.said.as_ref().is_some_and(|(_, now)| now.consumption.is_none())
    }

    /// The payload of a mix.
    fn reading(&self, mix: &Mix, fuels: &FuelMix, intensity: &AverageIntensity) -> CarbonNow {
        let sample = sample(mix.ts, *intensity);
        let standing = WeekStanding::of(sample.grams_per_kwh, &self.window);
        let verdict =
            standing.filter(|_| intensity.complete).and_then(|week| week.verdict(self.held));
        let consumption = self.flows.near(mix.ts).and_then(|flows| {
            // Of the fuels that the intensity is of: an unknown one has no part in it.
            let generation = fuels.fuels().map(|(_, power)| power.value()).sum();
            consumption_intensity(intensity, generation, Some(flows), NeighborFactors::load())
        });
        let marginal = Marginal::estimate(fuels);
        CarbonNow {
            ts: mix.ts,
            value: sample.grams_per_kwh,
            units: GRAMS_PER_KWH.to_owned(),
            life_cycle: intensity.life_cycle.map(CarbonIntensity::grams_per_kwh),
            consumption: consumption.ok().map(|used| used.direct.grams_per_kwh()),
            consumption_life_cycle: consumption
                .ok()
                .and_then(|used| used.life_cycle)
                .map(CarbonIntensity::grams_per_kwh),
            production_only: consumption.err().map(|why| why.to_string()),
            marginal: marginal.map(|marginal| marginal.grams_per_kwh),
            marginal_basis: marginal.map(basis),
            renewables_floor_mw: self.nights.floor(mix.ts).map(rounded),
            verdict,
            percentile_7d: standing.map(|week| rounded(week.percentile)),
            percentile_hours: standing.map(|week| rounded(week.hours)),
            p33: standing.map(|week| rounded(week.p33)),
            p67: standing.map(|week| rounded(week.p67)),
            min_7d: standing.map(|week| rounded(week.min)),
            max_7d: standing.map(|week| rounded(week.max)),
            factor_set: self.factors.name.as_str().to_owned(),
            complete: intensity.complete,
            missing: fuels.missing().map(|fuel| fuel.name().to_owned()).collect(),
            unknown: fuels.unknown().iter().map(|(name, _)| name.clone()).collect(),
            revised: mix.revised,
            origin: self.origin,
        }
    }

    /// `archive/co2/24h`: each instant of the last 24 hours.
    pub fn day(&self) -> CarbonSeries {
        self.series(self.window.last(TimeDelta::hours(24)))
    }

    /// `archive/co2/7d`: 15-minute means of the last 7 days.
    pub fn week(&self) -> CarbonSeries {
        self.series(&self.window.means(TimeDelta::minutes(15)))
    }

    fn series(&self, samples: &[Sample]) -> CarbonSeries {
        CarbonSeries {
            units: GRAMS_PER_KWH.to_owned(),
            ts: samples.iter().map(|sample| sample.ts).collect(),
            values: samples.iter().map(|sample| rounded(sample.grams_per_kwh)).collect(),
            factor_set: self.factors.name.as_str().to_owned(),
            origin: self.origin,
        }
    }
}

fn sample(ts: Timestamp, intensity: AverageIntensity) -> Sample {
    Sample { ts, grams_per_kwh: intensity.direct.grams_per_kwh() }
}

/// One decimal: a series of a week stays under 20 kB, and no reader can see more.
fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factors::FactorSetName;
    use crate::fuel_mix::{Fuel, FuelMix};
    use crate::units::Megawatts;
    use chrono::DateTime;

    fn at(minutes: i64) -> Timestamp {
        DateTime::from_timestamp(1_700_000_100 + minutes * 60, 0).unwrap()
    }

    /// Gas and nothing else gives 395 g/kWh; with as much wind, half.
    fn mix(minutes: i64, gas: f64, wind: f64) -> Mix {
        let mut mix = FuelMix::new(at(minutes));
        for fuel in Fuel::ALL {
            mix.set(fuel, Megawatts::new(0.0).unwrap());
        }
        mix.set(Fuel::NaturalGas, Megawatts::new(gas).unwrap());
        mix.set(Fuel::Wind, Megawatts::new(wind).unwrap());
        Mix::new(&mix, 300, false, Origin::Nyiso)
    }

    fn stream() -> IntensityStream {
        IntensityStream::new(FactorSetName::default().load(), Origin::Nyiso, local)
    }

    /// EST all year.
    fn local(ts: Timestamp) -> chrono::NaiveDateTime {
        (ts - TimeDelta::hours(5)).naive_utc()
    }

    /// Draws an outcome as `value` with `!` for newest and `?` for incomplete.
    fn draw(accepted: Accepted) -> String {
        match accepted {
            Accepted::Reading { now, newest } => format!(
                "{}{}{}",
                now.value,
                if newest { "!" } else { "" },
                if now.complete { "" } else { "?" }
            ),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_mix_gives_a_reading_and_the_snapshot_gives_none_again() {
        let mut stream = stream();
        assert_eq!(draw(stream.accept(&mix(0, 100.0, 0.0))), "395!");
        assert_eq!(draw(stream.accept(&mix(5, 100.0, 100.0))), "197.5!");
        assert_eq!(draw(stream.accept(&mix(5, 100.0, 100.0))), "Known");
        assert_eq!(stream.day().values, [395.0, 197.5]);
    }

    fn reading(accepted: Accepted) -> CarbonNow {
        match accepted {
            Accepted::Reading { now, .. } => *now,
            other => panic!("no reading: {other:?}"),
        }
    }

    #[test]
    fn a_reading_is_restated_when_older_mixes_or_flows_come_after_it() {
        let mut stream = stream();
        assert_eq!(stream.restated(), None);
        let alone = reading(stream.accept(&mix(0, 1000.0, 0.0)));
        assert_eq!((alone.verdict, stream.lacks_flows(), stream.restated()), (None, true, None));
        for minutes in (5..7 * 24 * 60).step_by(5) {
            let wind = f64::from(u32::try_from(minutes % 1440).unwrap());
            assert!(stream.remember_archived(&mix(-minutes, 1000.0, wind)));
        }
        let placed = stream.restated().unwrap();
        assert_eq!((placed.ts, placed.value, placed.revised), (alone.ts, alone.value, false));
        assert_eq!((placed.verdict, alone.percentile_hours), (Some(Verdict::Dirty), Some(0.1)));
        assert!(placed.percentile_hours.unwrap() > 160.0, "{placed:?}");
        assert_eq!(stream.restated(), None, "said once");
        let mut flows = NetFlows::new(at(0));
        for neighbor in crate::consumption::Neighbor::ALL {
            flows.set(neighbor, Megawatts::new(0.0).unwrap());
        }
        stream.remember_flows(flows);
        let used = stream.restated().unwrap();
        assert_eq!(
            (used.consumption, used.production_only, stream.lacks_flows()),
            (Some(395.0), None, false)
        );
        // The retained snapshot of the mix is no news either way.
        assert_eq!(draw(stream.accept(&mix(0, 1000.0, 0.0))), "Known");
    }

    #[test]
    fn imports_count_where_flows_are_near_and_their_absence_is_said() {
        let mut stream = stream();
        let now = reading(stream.accept(&mix(0, 1000.0, 0.0)));
        assert_eq!(
            (now.consumption, now.production_only.as_deref()),
            (None, Some("no interface flows: production only"))
        );
        let mut flows = NetFlows::new(at(0));
        for neighbor in crate::consumption::Neighbor::ALL {
            flows.set(neighbor, Megawatts::new(0.0).unwrap());
        }
        flows.set(crate::consumption::Neighbor::Hq, Megawatts::new(1000.0).unwrap());
        stream.remember_flows(flows);
        let now = reading(stream.accept(&mix(20, 1000.0, 0.0)));
        // Stamped in November 2023: Québec's factors of that year are 1.7 and 31.
        assert_eq!((now.value, now.consumption), (395.0, Some((395.0 + 1.7) / 2.0)));
        assert_eq!(now.consumption_life_cycle, Some((515.0 + 31.0) / 2.0));
        assert_eq!(now.production_only, None);
        let now = reading(stream.accept(&mix(25, 1000.0, 0.0)));
        assert_eq!(
            now.production_only.as_deref(),
            Some("the nearest interface flows are 25 minutes away: production only")
        );
    }

    #[test]
    fn the_marginal_estimate_is_named_and_wants_all_fossil_fuels() {
        let mut stream = stream();
        let now = reading(stream.accept(&mix(0, 5000.0, 0.0)));
        assert_eq!(
            (now.marginal, now.marginal_basis.as_deref()),
            (Some(393.0), Some("state-wide estimate, ±15 %, fossil at the margin"))
        );
        let mut partial = mix(5, 5000.0, 0.0);
        partial.fuels.remove("Dual Fuel");
        let now = reading(stream.accept(&partial));
        assert_eq!((now.marginal, now.marginal_basis), (None, None));
    }

    /// Half gas, half Other Renewables, from 00:05 local on.
    fn sunny(minutes: i64, renewables: f64) -> Mix {
        let midnight: Timestamp = "2023-11-15T05:00:00Z".parse().unwrap();
        let mut sunny = mix(0, 500.0, 0.0);
        sunny.ts = midnight + TimeDelta::minutes(minutes);
        sunny.fuels.insert("Other Renewables".into(), renewables);
        sunny
    }

    #[test]
    fn the_sun_is_told_apart_once_the_night_is_known() {
        let mut stream = stream();
        let noon = sunny(720, 500.0);
        let now = reading(stream.accept(&noon));
        assert_eq!((now.value, now.renewables_floor_mw), ((395.0 + 550.0) / 2.0, None));
        for minutes in (5..=300).step_by(5) {
            stream.accept(&sunny(minutes, 100.0));
        }
        assert_eq!(stream.accept(&noon), Accepted::Known, "it is no other instant by that");
        let now = reading(stream.accept(&sunny(725, 500.0)));
        assert_eq!(now.value, (500.0 * 395.0 + 100.0 * 550.0) / 1000.0);
        assert_eq!(now.life_cycle, Some((500.0 * 515.0 + 100.0 * 600.0 + 400.0 * 45.0) / 1000.0));
        assert_eq!(now.renewables_floor_mw, Some(100.0));
        assert_eq!(stream.day().values.last(), Some(&252.5), "the series has the same");
        let evening = reading(stream.accept(&sunny(1265, 500.0)));
        assert_eq!(evening.value, (395.0 + 550.0) / 2.0, "there is no sun at 21:05");
    }

    #[test]
    fn catch_up_and_corrections_are_not_the_newest() {
        let mut stream = stream();
        stream.accept(&mix(10, 100.0, 0.0));
        assert_eq!(draw(stream.accept(&mix(5, 100.0, 100.0))), "197.5");
        let corrected = Mix { revised: true, ..mix(5, 100.0, 0.0) };
        assert_eq!(draw(stream.accept(&corrected)), "395");
        assert_eq!(draw(stream.accept(&corrected)), "Known", "the broker delivered it twice");
        let newest_corrected = Mix { revised: true, ..mix(10, 100.0, 100.0) };
        assert_eq!(draw(stream.accept(&newest_corrected)), "197.5!");
        assert_eq!(stream.day().values, [395.0, 197.5]);
    }

    #[test]
    fn an_intensity_that_nobody_believes_stays_out_of_week_and_series() {
        let mut stream = stream();
        stream.accept(&mix(0, 100.0, 0.0));
        // More is taken than made: what is left seems to be all gas.
        let mut absurd = mix(5, 100.0, 0.0);
        absurd.fuels.insert("Hydro".into(), -99.0);
        let Accepted::Reading { now, .. } = stream.accept(&absurd) else { panic!("no reading") };
        assert!(1500.0 < now.value, "{}", now.value);
        let now = reading(stream.accept(&mix(10, 100.0, 0.0)));
        assert!(CarbonNow::from_json(&now.to_json()).is_ok(), "{now:?}");
        assert_eq!(stream.day().values.len(), 2);
    }

    #[test]
    fn an_incomplete_mix_says_so_and_stays_out_of_the_statistics() {
        let mut stream = stream();
        stream.accept(&mix(0, 100.0, 0.0));
        let mut partial = mix(5, 100.0, 100.0);
        partial.fuels.remove("Hydro");
        partial.fuels.insert("Batteries".into(), 30.0);
        let Accepted::Reading { now, newest } = stream.accept(&partial) else {
            panic!("no reading")
        };
        assert!(newest && !now.complete);
        assert_eq!(
            (now.missing, now.unknown, now.verdict),
            (vec!["Hydro".into()], vec!["Batteries".into()], None)
        );
        assert_eq!(stream.day().values, [395.0]);
    }

    #[test]
    fn other_origins_and_empty_mixes_are_left_out() {
        let mut stream = stream();
        let demo = Mix { origin: Origin::Generated, ..mix(0, 100.0, 0.0) };
        assert_eq!(stream.accept(&demo), Accepted::Foreign);
        assert_eq!(stream.accept(&mix(0, 0.0, 0.0)), Accepted::NoGeneration);
        assert!(stream.day().values.is_empty());
    }

    #[test]
    fn a_restart_goes_on_where_it_was() {
        let mut first = stream();
        let mut second = stream();
        for index in 0..800 {
            let mix = mix(index * 5, 100.0, (index % 90) as f64);
            first.accept(&mix);
            second.remember(&mix);
        }
        let next = mix(4000, 100.0, 80.0);
        assert_eq!(first.accept(&next), second.accept(&next));
        assert_eq!(first.week(), second.week());
    }

    #[test]
    fn an_archive_fills_the_week_and_silences_no_event() {
        let mut stream = stream();
        for minutes in [0, 5, 10] {
            stream.remember_archived(&mix(minutes, 100.0, 0.0));
        }
        assert_eq!(stream.day().values, [395.0, 395.0, 395.0]);
        assert_eq!(stream.newest(), None);
        assert_eq!(draw(stream.accept(&mix(5, 100.0, 0.0))), "395!");
        assert_eq!(draw(stream.accept(&mix(5, 100.0, 0.0))), "Known");
        assert_eq!(draw(stream.accept(&mix(10, 100.0, 0.0))), "395!");
        assert!(!stream.remember_archived(&mix(10, 100.0, 100.0)));
        assert_eq!(
            stream.day().values,
            [395.0, 395.0, 395.0],
            "an event is newer than the archive"
        );
    }

    #[test]
    fn the_day_and_the_week_fit_their_messages() {
        let mut stream = stream();
        for index in 0..3000 {
            stream.remember(&mix(index * 5, 100.0, (index % 90) as f64 * 1.1));
        }
        assert_eq!(stream.day().ts.len(), 288);
        assert_eq!(stream.week().ts.len(), 672);
        assert!(stream.day().to_json().len() < 12_000);
        assert!(stream.week().to_json().len() < 24_000);
    }
}
