//! Keeps what a charge needs over restarts, and lets the domain plan it.
//!
//! What is decided is [`domain::charging`]'s; here are the forecasts that may be believed, the record, and the
//! words for the log.

use chrono::TimeDelta;
use domain::Timestamp;
use domain::charging::{
    ChargeSettings, Charging, Knowledge, Look, News, Planned, Prices, Prospects, Question,
};
use domain::control::{Charge, Contactor, Limits, Moment, SwitchLog, Wishes};
use domain::units::CarbonIntensity;
use domain::wire::{CarbonForecast, Origin, ZoneSeries};
use domain::zone::LoadZone;
use tracing::{debug, info, warn};

use crate::eastern::NEW_YORK;
use crate::overrides::{FURTHEST, Overrides};
use crate::store::Store;

/// A forecast that claims to be of a later time than this is of a wrong clock.
const AHEAD: TimeDelta = TimeDelta::minutes(10);

/// Why a forecast is not used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ForecastRefused {
    /// The one held is newer, or the same.
    #[error("it is not newer than the one held")]
    Older,
    /// Its publisher's clock is wrong.
    #[error("it was issued at {0}, which has not been yet")]
    Ahead(Timestamp),
    /// Nothing but zeros, or of another time.
    #[error("{0}")]
    Useless(&'static str),
    /// Played back or made up.
    #[error("it is {0} data (see feed.accept_demo)")]
    Demo(Origin),
    /// Of another load zone than the driver's.
    #[error("it is of the zone {0:?}, not of charge.zone")]
    Zone(String),
}

/// What is seen at a look.
pub struct Scene<'a> {
    /// Now.
    pub now: Moment,
    /// Whether the wall clock can be believed.
    pub trusted: bool,
    /// Where the contactor is.
    pub position: Contactor,
    /// How it got there.
    pub switches: &'a SwitchLog,
    /// Whose readings are decided by: a forecast of another origin is not planned with.
    pub origin: Origin,
    /// What it can bear.
    pub limits: &'a Limits,
    /// Whether the car is plugged in, where somebody tells.
    pub plugged: Option<bool>,
    /// What a meter shows, kW, where it is fresh.
    pub metered_kw: Option<f64>,
    /// The usual intensity at a time.
    pub usual: &'a dyn Fn(Timestamp) -> Option<CarbonIntensity>,
    /// What the user wants for once.
    pub overrides: &'a Overrides,
}

/// Under which circumstances a forecast has come.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The origin of the readings that are decided by.
    pub origin: Origin,
    /// Whether data that are not live may be used.
    pub accept_demo: bool,
    /// Now.
    pub now: Timestamp,
    /// Whether the clock can be believed.
    pub trusted: bool,
}

/// What a forecast says of itself.
#[derive(Clone, Copy, Debug)]
struct Letterhead {
    issued: Timestamp,
    origin: Origin,
}

impl Arrival {
    /// Whether `new` may take the place of `held`.
    fn judge(&self, new: Letterhead, held: Option<Letterhead>) -> Result<(), ForecastRefused> {
        if new.origin != Origin::Nyiso && !self.accept_demo {
            return Err(ForecastRefused::Demo(new.origin));
        }
        let is_ahead = |letter: Letterhead| {
            letter.origin == Origin::Nyiso && self.trusted && self.now + AHEAD < letter.issued
        };
        if is_ahead(new) {
            return Err(ForecastRefused::Ahead(new.issued));
        }
        // A live feed is not overtaken by a demo.
        if new.origin != self.origin && self.origin == Origin::Nyiso && held.is_some() {
            return Err(ForecastRefused::Demo(new.origin));
        }
        // One that was taken while the clock was wrong must not shut out the true ones.
        let held = held.filter(|held| held.origin == new.origin);
        if held.is_some_and(|held| {
            new.issued <= held.issued && !(self.trusted && self.now + AHEAD < held.issued)
        }) {
            return Err(ForecastRefused::Older);
        }
        Ok(())
    }
}

/// The charge, with its memory. Without settings it asks for nothing.
pub struct Charger {
    charging: Option<Charging>,
    store: Store,
    prospects: Prospects,
    wishes: Wishes,
}

impl Charger {
    /// With what was kept before.
    pub fn new(settings: Option<ChargeSettings>, store: Store) -> Self {
        let prospects = Prospects {
            average: store.forecast(),
            marginal: store.marginal_forecast(),
            wholesale: store.wholesale(),
        };
        let zone = settings.as_ref().and_then(|settings| settings.zone).map(LoadZone::slug);
        let is_of_zone = |of: Option<&str>| zone.is_some() && zone == of;
        let prospects = Prospects {
            // What was kept may be of the zone before a move.
            marginal: prospects.marginal.filter(|kept| is_of_zone(kept.zone.as_deref())),
            wholesale: prospects.wholesale.filter(|kept| is_of_zone(Some(&kept.zone))),
            ..prospects
        };
        let progress = store.progress().unwrap_or_default();
        let charging = settings.map(|settings| Charging::new(settings, progress));
        Self { charging, store, prospects, wishes: Wishes::default() }
    }

    /// Takes a forecast in, of average or of marginal intensity, or says why not.
    ///
    /// # Errors
    /// [`ForecastRefused`] says why.
    pub fn take(
        &mut self,
        forecast: CarbonForecast,
        arrival: &Arrival,
    ) -> Result<(), ForecastRefused> {
        self.check_zone(forecast.zone.as_deref())?;
        let held = match forecast.zone {
            None => &mut self.prospects.average,
            Some(_) => &mut self.prospects.marginal,
        };
        let head = |forecast: &CarbonForecast| Letterhead {
            issued: forecast.issued,
            origin: forecast.origin,
        };
        arrival.judge(head(&forecast), held.as_ref().map(head))?;
        if forecast.values.iter().all(|value| *value == 0.0) {
            return Err(ForecastRefused::Useless("it is empty, or nothing but zeros"));
        }
        let kept = match forecast.zone {
            None => self.store.keep_forecast(&forecast),
            Some(_) => self.store.keep_marginal_forecast(&forecast),
        };
        if let Err(error) = kept {
            warn!("the forecast could not be kept for a restart: {error}");
        }
        *held = Some(forecast);
        Ok(())
    }

    /// Takes NYISO's day-ahead prices in, or says why not.
    ///
    /// # Errors
    /// [`ForecastRefused`] says why.
    pub fn take_prices(
        &mut self,
        prices: ZoneSeries,
        arrival: &Arrival,
    ) -> Result<(), ForecastRefused> {
        self.check_zone(Some(&prices.zone))?;
        let head =
            |series: &ZoneSeries| Letterhead { issued: series.issued, origin: series.origin };
        arrival.judge(head(&prices), self.prospects.wholesale.as_ref().map(head))?;
        if prices.values.iter().all(Option::is_none) {
            return Err(ForecastRefused::Useless("it has no day-ahead prices"));
        }
        if let Err(error) = self.store.keep_wholesale(&prices) {
            warn!("the prices could not be kept for a restart: {error}");
        }
        self.prospects.wholesale = Some(prices);
        Ok(())
    }

    fn check_zone(&self, zone: Option<&str>) -> Result<(), ForecastRefused> {
        let ours = self.settings().and_then(|settings| settings.zone);
        match zone {
            Some(zone) if ours.map(LoadZone::slug) != Some(zone) => {
                Err(ForecastRefused::Zone(zone.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// The newest forecast of average intensity.
    pub fn forecast(&self) -> Option<&CarbonForecast> {
        self.prospects.average.as_ref()
    }

    /// When the forecast was made that is planned with, where there is one.
    pub fn issued(&self, origin: Origin) -> Option<Timestamp> {
        match self.planned() {
            Some(planned) => planned.issued,
            None => self.prospects.average_of(origin).map(|forecast| forecast.issued),
        }
    }

    /// What there is to plan with from now on.
    pub fn knowledge(&self, scene: &Scene<'_>) -> Knowledge {
        let settings = self.settings();
        let (knowledge, _) = self.prospects.knowledge_or_less(&Question {
            from: scene.now.wall,
            origin: scene.origin,
            objective: settings.map(|settings| settings.objective).unwrap_or_default(),
            caution: settings.map(|settings| settings.caution).unwrap_or_default(),
            prices: settings.map_or(&Prices::Unknown, |settings| &settings.prices),
            usual: scene.usual,
            clock: NEW_YORK,
        });
        knowledge
    }

    /// What a kWh costs now, $, where somebody tells.
    pub fn price(&self, origin: Origin, now: Timestamp) -> Option<f64> {
        self.prospects.price_now(&self.settings()?.prices, origin, now, NEW_YORK)
    }

    /// What the user said of the charge.
    pub fn settings(&self) -> Option<&ChargeSettings> {
        self.charging.as_ref().map(Charging::settings)
    }

    /// The charge itself.
    pub fn charging(&self) -> Option<&Charging> {
        self.charging.as_ref()
    }

    /// The next departure, and since when the car is taken to be there for it.
    pub fn departure(&self) -> Option<(Timestamp, Timestamp)> {
        self.charging.as_ref()?.departure()
    }

    /// The plan that is followed.
    pub fn planned(&self) -> Option<&Planned> {
        self.charging.as_ref()?.planned()
    }

    /// Whether the car is to be charged in one block whatever the settings: it bears no pause.
    pub fn without_pauses(&mut self, without: bool) {
        if let Some(charging) = &mut self.charging {
            charging.without_pauses(without);
        }
    }

    /// What the user wants for once.
    pub fn wishes(&self) -> Wishes {
        self.wishes
    }

    /// The charge, for a decision.
    pub fn charge(&self) -> Option<Charge<'_>> {
        self.charging.as_ref()?.charge()
    }

    /// How long it must still charge, while a departure is known.
    pub fn left(&self) -> Option<TimeDelta> {
        Some(self.charge()?.left)
    }

    /// Looks at what is, counts what was charged, and plans anew where there is reason to.
    pub fn look(&mut self, scene: &Scene<'_>) {
        let now = scene.now.wall;
        let overrides = scene.overrides.at(now);
        // They hold in every mode, also without a charge to plan.
        self.wishes = Wishes {
            charge_until: overrides.charge_now_until,
            skip_until: overrides.skip_until.max(overrides.away_until),
        };
        let Some(charging) = &mut self.charging else { return };
        let News { progress, jumped, planned, trouble } = charging.look(&Look {
            now: scene.now,
            trusted: scene.trusted,
            position: scene.position,
            switches: scene.switches,
            limits: scene.limits,
            plugged: scene.plugged,
            metered_kw: scene.metered_kw,
            // Also one that has been: it still stands for the scheduled one of its day.
            depart_once: scene.overrides.depart_once.filter(|once| *once - now <= FURTHEST),
            origin: scene.origin,
            prospects: &self.prospects,
            usual: scene.usual,
            clock: NEW_YORK,
        });
        if jumped {
            info!("the wall clock jumped: planning anew");
        }
        if let Some(trouble) = trouble {
            warn!("{trouble}");
        }
        if let (true, Some(planned)) = (planned, charging.planned()) {
            let (basis, runs) = (planned.plan.basis.as_str(), planned.runs.len());
            debug!(basis, runs, objective = planned.objective.as_str(), "a new plan");
        }
        if progress && let Err(error) = self.store.keep_progress(charging.progress()) {
            warn!("what was charged could not be kept for a restart: {error}");
        }
    }
}
