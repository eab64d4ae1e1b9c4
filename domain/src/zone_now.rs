//! Marginal intensity now, in each of the eleven load zones: the best that is known, and what it is.

use chrono::TimeDelta;

use crate::Timestamp;
use crate::marginal::{Marginal, MarginalBasis};
use crate::wire::{GRAMS_PER_KWH, Origin, ZoneNow, ZoneSeries};
use crate::zone::LoadZone;

/// NYISO's real-time rate speaks for so long.
const FRESH: TimeDelta = TimeDelta::minutes(30);

/// What is known of the zones' rates, and what was said of them.
#[derive(Clone, Debug, Default)]
pub struct ZonesNow {
    zones: [Zone; LoadZone::COUNT],
    /// Of the newest fuel mix: its stamp and the state-wide estimate.
    state: Option<(Timestamp, Option<Marginal>)>,
}

#[derive(Clone, Debug, Default)]
struct Zone {
    rates: Option<ZoneSeries>,
    said: Option<ZoneNow>,
}

impl ZonesNow {
    /// Takes NYISO's rates of a zone; those of an unknown zone are nobody's. What there is to publish: at most
    /// this zone.
    pub fn on_rates(&mut self, rates: ZoneSeries) -> Option<ZoneNow> {
        let zone = LoadZone::from_slug(&rates.zone)?;
        let origin = rates.origin;
        self.at(zone).rates = Some(rates);
        self.say(zone, origin)
    }

    /// Takes the newest fuel mix. What there is to publish: the zones about which there is news.
    pub fn on_mix(
        &mut self,
        ts: Timestamp,
        estimate: Option<Marginal>,
        origin: Origin,
    ) -> Vec<ZoneNow> {
        self.state = Some((ts, estimate));
        LoadZone::ALL.into_iter().filter_map(|zone| self.say(zone, origin)).collect()
    }

    fn at(&mut self, zone: LoadZone) -> &mut Zone {
        let at = LoadZone::ALL.iter().position(|known| *known == zone).expect("one of them");
        &mut self.zones[at]
    }

    /// What is new about `zone`. Its time is that of the newest thing known, so that it never goes back.
    fn say(&mut self, zone: LoadZone, origin: Origin) -> Option<ZoneNow> {
        let state = self.state;
        let at = self.at(zone);
        let real_time = at.rates.as_ref().and_then(|rates| rates.real_time);
        let newest = real_time.map(|rate| rate.ts).max(state.map(|(ts, _)| ts));
        let ts = newest?.max(at.said.as_ref().map_or(Timestamp::UNIX_EPOCH, |said| said.ts));
        let fresh = real_time
            .filter(|rate| (ts - rate.ts).abs() <= FRESH)
            .and_then(|rate| Marginal::of_rate(rate.value, MarginalBasis::NyisoRealTime));
        let day_ahead = || {
            let rates = at.rates.as_ref()?;
            let step = TimeDelta::seconds(i64::from(rates.step_s));
            // A stamp ends its interval: 12:00 is the end of the hour from 11:00.
            let within = |start: Timestamp| start < ts && ts <= start + step;
            let (_, rate) = rates.hours().find(|(start, _)| within(*start))?;
            Marginal::of_rate(rate, MarginalBasis::NyisoDayAhead)
        };
        let marginal = fresh.or_else(day_ahead).or(state.and_then(|(_, estimate)| estimate))?;
        let now = ZoneNow {
            ts,
            zone: zone.slug().to_owned(),
            marginal: marginal.grams_per_kwh,
            units: GRAMS_PER_KWH.to_owned(),
            marginal_basis: basis(marginal),
            clamped: marginal.clamped,
            origin,
        };
        if at.said.as_ref() == Some(&now) {
            return None;
        }
        at.said = Some(now.clone());
        Some(now)
    }
}

/// What a marginal intensity is; the estimate says that it is of the whole state.
pub fn basis(marginal: Marginal) -> String {
    match marginal.basis {
        MarginalBasis::FossilTable => format!("state-wide {}", marginal.basis.label()),
        MarginalBasis::NyisoRealTime | MarginalBasis::NyisoDayAhead => {
            marginal.basis.label().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::RealTime;

    fn at(minutes: i64) -> Timestamp {
        let noon: Timestamp = "2026-03-10T16:00:00Z".parse().unwrap();
        noon + TimeDelta::minutes(minutes)
    }

    fn rates(real_time: Option<(i64, f64)>, day_ahead: &[Option<f64>]) -> ZoneSeries {
        ZoneSeries {
            issued: at(0),
            zone: "nyc".into(),
            units: GRAMS_PER_KWH.into(),
            basis: String::new(),
            start: at(-60),
            step_s: 3600,
            values: day_ahead.to_vec(),
            real_time: real_time.map(|(minutes, value)| RealTime { ts: at(minutes), value }),
            origin: Origin::Nyiso,
        }
    }

    fn estimate() -> Option<Marginal> {
        Some(Marginal { grams_per_kwh: 401.0, clamped: false, basis: MarginalBasis::FossilTable })
    }

    #[track_caller]
    fn check(rates: Option<ZoneSeries>, mix: i64, expected: &str) {
        let mut zones = ZonesNow::default();
        let first = rates.and_then(|rates| zones.on_rates(rates));
        let said = zones.on_mix(at(mix), estimate(), Origin::Nyiso);
        let nyc = said.into_iter().find(|said| said.zone == "nyc").or(first).unwrap();
        let clamped = if nyc.clamped { " clamped" } else { "" };
        let said = format!(
            "{} {}{clamped} at {}",
            nyc.marginal,
            nyc.marginal_basis,
            (nyc.ts - at(0)).num_minutes()
        );
        assert_eq!(said, expected);
    }

    #[test]
    fn the_best_that_is_known_speaks_and_is_named() {
        const LIVE: &str = "NYISO implied marginal emission rate, real time";
        const AHEAD: &str = "NYISO implied marginal emission rate, day-ahead";
        const STATE: &str = "state-wide estimate, ±15 %, fossil at the margin";
        let day = [Some(500.0), Some(600.0)];
        check(Some(rates(Some((5, 455.0)), &day)), 0, &format!("455 {LIVE} at 5"));
        check(Some(rates(Some((5, 455.0)), &day)), 35, &format!("455 {LIVE} at 35"));
        check(Some(rates(Some((5, 455.0)), &day)), 36, &format!("600 {AHEAD} at 36"));
        check(Some(rates(None, &day)), 0, &format!("500 {AHEAD} at 0"));
        check(Some(rates(None, &day)), 1, &format!("600 {AHEAD} at 1"));
        check(Some(rates(None, &day)), 61, &format!("401 {STATE} at 61"));
        check(Some(rates(None, &[None, Some(1.0)])), 0, &format!("401 {STATE} at 0"));
        check(Some(rates(Some((5, 2000.0)), &day)), 0, &format!("1500 {LIVE} clamped at 5"));
        check(Some(rates(Some((5, -5000.0)), &day)), 5, &format!("600 {AHEAD} at 5"));
        check(None, 0, &format!("401 {STATE} at 0"));
    }

    #[test]
    fn every_zone_is_said_once_and_never_goes_back() {
        let mut zones = ZonesNow::default();
        assert_eq!(zones.on_mix(at(0), estimate(), Origin::Nyiso).len(), LoadZone::COUNT);
        assert!(zones.on_mix(at(0), estimate(), Origin::Nyiso).is_empty());
        let live = zones.on_rates(rates(Some((-10, 455.0)), &[])).unwrap();
        assert_eq!((live.ts, live.marginal), (at(0), 455.0));
        assert_eq!(zones.on_rates(rates(Some((-10, 455.0)), &[])), None);
        let bronx = ZoneSeries { zone: "bronx".into(), ..rates(None, &[]) };
        assert_eq!(zones.on_rates(bronx), None);
    }

    #[test]
    fn with_nothing_known_nothing_is_said() {
        let mut zones = ZonesNow::default();
        assert!(zones.on_mix(at(0), None, Origin::Nyiso).is_empty());
        assert_eq!(ZonesNow::default().on_rates(rates(None, &[Some(1.0)])), None);
    }
}
