//! One cycle of the agent: look at what is, decide, move, and say why.

use std::sync::Arc;
use std::time::Duration;

use chrono::{SubsecRound as _, TimeDelta};
use domain::Timestamp;
use domain::charging::Charging;
use domain::control::{
    Basis, Car, Cause, ClockTrust, Contactor, Decision, Facts, Hold, Moment, NextChange, Pauses,
    Priority, Reason, Resume, Settings, Side, Sight, Signal, SwitchLog, Turn, decide,
};
use domain::plan::Aim;
use domain::units::CarbonIntensity;
use domain::wire::{GRAMS_PER_KWH, Origin};
use tokio::sync::watch;
use tracing::{debug, error, info, warn};

use crate::actuator::{ActuatorError, Handle, MeterReading, MoveError, Seen, chain};
use crate::charger::{Arrival, Charger, ForecastRefused, Scene};
use crate::clock_trust::{Witnesses, trust};
use crate::config::TrustPolicy;
use crate::eastern::NEW_YORK;
use crate::explain;
use crate::foresight::{DOLLARS_PER_KWH, Foresight};
use crate::grid::{Grid, Refused, Taken};
use crate::manners::Manners;
use crate::moments::Moments;
use crate::notify::{Alarm, Notifier, standing};
use crate::nyiso_source::{Known, Look as OwnLook, Reins};
use crate::overrides::Overrides;
use crate::status::{
    ActuatorStatus, ChargeStatus, ClaimStatus, DayStatus, FeedStatus, HoldStatus, MeterStatus,
    SignalStatus, Status, SwitchStatus, to_the_second, week_hours,
};
use crate::store::Store;
use crate::subscriber::FeedEvent;

/// Which witnesses of the clock there are on this machine; they do not change while it runs, but for the
/// kernel's.
#[derive(Clone, Copy, Debug)]
pub struct ClockPolicy {
    /// What the user asks for.
    pub policy: TrustPolicy,
    /// No true clock shows an earlier time.
    pub built: Timestamp,
    /// The board keeps no time while it is off.
    pub forgetful_board: bool,
    /// Asks the kernel whether it was told the time.
    pub synchronized: fn() -> Option<bool>,
}

/// The agent between two cycles.
pub struct Agent {
    settings: Settings,
    moments: Moments,
    clock: ClockPolicy,
    started: Moment,
    grid: Grid,
    charger: Charger,
    overrides: watch::Receiver<Overrides>,
    actuator: Handle,
    actuator_name: String,
    feed: FeedStatus,
    /// What was last told, so that it is news once.
    said: Option<Said>,
    trouble: Option<Trouble>,
    refusal: Option<Refused>,
    forecast_refusal: Option<ForecastRefused>,
    meter: Option<Senses>,
    notifier: Option<Notifier>,
    manners: Manners,
    resume: Resume,
    store: Option<Store>,
    foresight: watch::Sender<Option<Arc<Foresight>>>,
    /// Of the week as it was with that newest reading and so many in all.
    last_day: (Option<Timestamp>, usize, DayStatus),
    /// Of the task that reads NYISO's own files, where there is one.
    nyiso: Option<Reins>,
    own_refusal: Option<Refused>,
}

/// What a meter tells.
struct Senses {
    readings: watch::Receiver<Option<MeterReading>>,
    plugged: watch::Receiver<Option<bool>>,
    /// A car charges above this.
    charging_above_kw: f64,
}

impl Senses {
    fn status(&self, now: &Moment) -> MeterStatus {
        let reading = *self.readings.borrow();
        let fresh = reading.filter(|reading| now.at_least_since(&reading.at) <= POWER_HOLDS);
        MeterStatus {
            power_kw: fresh.map(|reading| reading.power_kw),
            energy_kwh: reading.and_then(|reading| reading.energy_kwh),
            plugged: *self.plugged.borrow(),
        }
    }
}

/// A power that is older than this is no power of now; what the meter has counted stays true.
const POWER_HOLDS: Duration = Duration::from_secs(5 * 60);

const CAR_REFUSES: &str = "The car takes no current since its charge was paused, although it needs some: \
    it may be asleep. Wake it, or unplug it and plug it in again. It stays switched on, and from now on this \
    car is charged without pauses.";

/// What is wrong with the actuator.
#[derive(Clone, Debug, PartialEq)]
struct Trouble {
    /// What is wrong.
    text: String,
    /// Where the contactor was sent; `None` when it could not even be read.
    told: Option<Contactor>,
    /// Which alarm it is; `None` where it is only held.
    alarm: Option<Alarm>,
}

/// What makes a decision news.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Said {
    position: Contactor,
    priority: Priority,
    wants: Contactor,
    hold: Option<std::mem::Discriminant<Hold>>,
    reason: std::mem::Discriminant<Reason>,
    side: Option<Side>,
    live: bool,
    in_trouble: bool,
}

impl Said {
    fn of(decision: &Decision, in_trouble: bool) -> Self {
        let claim = decision.claim();
        let (side, live) = match &claim.reason {
            Reason::Grid { side, basis, .. } => (Some(*side), matches!(basis, Basis::Live(_))),
            _ => (None, false),
        };
        Self {
            position: decision.position,
            priority: claim.priority,
            wants: claim.wants,
            hold: decision.hold.as_ref().map(std::mem::discriminant),
            reason: std::mem::discriminant(&claim.reason),
            side,
            live,
            in_trouble,
        }
    }
}

/// What was at a cycle, for the record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CycleFacts {
    /// When.
    pub at: Moment,
    /// Whether the wall clock can be believed.
    pub clock_trusted: bool,
    /// Where the contactor is from now on.
    pub position: Contactor,
    /// What the plan keeps low: `average`, `marginal`, `price`, `price-capped`.
    pub basis: &'static str,
    /// Whose readings are decided by.
    pub origin: Origin,
    /// Average intensity, production, direct: of a reading that is fresh.
    pub average_g_per_kwh: Option<f64>,
    /// Marginal intensity, direct, state-wide: of the same reading.
    pub marginal_g_per_kwh: Option<f64>,
    /// What a kWh costs, where somebody tells.
    pub price: Option<f64>,
    /// The next departure.
    pub depart: Option<Timestamp>,
    /// Since when the car is taken to be there for it; may be to come.
    pub home_since: Option<Timestamp>,
    /// What it needs for it, kWh.
    pub need_kwh: Option<f64>,
    /// What the charger is taken to give, kW; 0 where nobody said.
    pub power_kw: f64,
    /// What a meter says it gives, kW.
    pub charging_kw: Option<f64>,
    /// What a meter has counted, kWh.
    pub meter_kwh: Option<f64>,
    /// Whether the car is plugged in, where somebody tells.
    pub plugged: Option<bool>,
}

/// What a cycle came to.
#[derive(Clone, Debug)]
pub struct Cycle {
    /// For whoever asks.
    pub status: Status,
    /// Something a person would want to see happened.
    pub is_news: bool,
    /// When to look again at the latest, if before the next tick.
    pub again_in: Option<Duration>,
    /// For the record; `None` when the contactor could not be read.
    pub facts: Option<CycleFacts>,
}

impl Agent {
    /// An agent that has just started.
    pub fn new(
        settings: Settings,
        moments: Moments,
        clock: ClockPolicy,
        (grid, charger): (Grid, Charger),
        overrides: watch::Receiver<Overrides>,
        (actuator, actuator_name): (Handle, String),
        feed_url: String,
    ) -> Self {
        let feed = FeedStatus { url: feed_url, ..FeedStatus::default() };
        let started = moments.now();
        Self {
            settings,
            moments,
            clock,
            started,
            grid,
            charger,
            overrides,
            actuator,
            actuator_name,
            feed,
            said: None,
            trouble: None,
            refusal: None,
            forecast_refusal: None,
            meter: None,
            notifier: None,
            manners: Manners::none(),
            resume: Resume::new(Pauses::Bears, None),
            store: None,
            foresight: watch::Sender::new(None),
            last_day: Default::default(),
            nyiso: None,
            own_refusal: None,
        }
    }

    /// The same with a meter: what it says goes into the record, and tells of the car. A car charges above
    /// `charging_above_kw`.
    #[must_use]
    pub fn with_meter(
        mut self,
        readings: watch::Receiver<Option<MeterReading>>,
        plugged: watch::Receiver<Option<bool>>,
        charging_above_kw: f64,
    ) -> Self {
        self.meter = Some(Senses { readings, plugged, charging_above_kw });
        self
    }

    /// The same, of a device of a fleet: it spreads over `window_secs`.
    #[must_use]
    pub fn of_a_fleet(mut self, device: &str, window_secs: u32) -> Self {
        self.manners = Manners::new(device, window_secs, self.settings.start_grace, self.started);
        self
    }

    /// The same with what is known of the car, which it also keeps there.
    #[must_use]
    pub fn remembering(mut self, store: Store) -> Self {
        let (pauses, depart) = store.pauses();
        self.resume = Resume::new(pauses, depart);
        self.charger.without_pauses(pauses != Pauses::Bears);
        self.store = Some(store);
        self
    }

    /// Tells of changes of what the user wants for once.
    pub fn overrides(&self) -> watch::Receiver<Overrides> {
        self.overrides.clone()
    }

    /// What it plans with; `None` until a clock can be trusted.
    pub fn foresight(&self) -> watch::Receiver<Option<Arc<Foresight>>> {
        self.foresight.subscribe()
    }

    /// The same, with somebody to tell what needs a person.
    #[must_use]
    pub fn telling(mut self, notifier: Notifier) -> Self {
        self.notifier = Some(notifier);
        self
    }

    /// The same, with NYISO's own files to fall back on, or to read by choice.
    #[must_use]
    pub fn reading_nyiso(mut self, reins: Reins) -> Self {
        self.nyiso = Some(reins);
        self
    }

    /// Takes in what the feed says. Gives whether it changes what is known.
    pub fn hear(&mut self, event: FeedEvent) -> bool {
        let now = self.moments.now();
        match event {
            FeedEvent::Connected => {
                // The session logs it; here it is for the status.
                self.feed.connected = true;
                self.feed.since = Some(now.wall.trunc_subsecs(0));
                self.feed.trouble = None;
                self.manners.feed_returned(now);
                true
            }
            FeedEvent::Lost { reason } => {
                self.manners.feed_lost(now);
                if self.feed.connected || self.feed.since.is_none() {
                    self.feed.since = Some(now.wall.trunc_subsecs(0));
                }
                self.feed.connected = false;
                self.feed.trouble = Some(reason);
                true
            }
            FeedEvent::Reading { reading, retained } => {
                let trusted = self.trust(&now) == ClockTrust::Trusted;
                let outcome = self.grid.take(&reading, retained, now, trusted);
                if let Some(reins) = &mut self.nyiso {
                    let age = now.wall - reading.ts;
                    let is_fresh = !trusted || age <= stale_after(&self.settings);
                    reins.hear_feed(reading.ts, &outcome, is_fresh, now);
                }
                match outcome {
                    Ok(taken) => {
                        self.refusal = None;
                        let ts = reading.ts;
                        match taken {
                            Taken::Newest => debug!(%ts, grams_per_kwh = reading.value, "reading"),
                            Taken::Revised => {
                                info!(%ts, grams_per_kwh = reading.value, "a reading was corrected");
                            }
                        }
                        true
                    }
                    Err(Refused::Known) => false,
                    Err(refused) => {
                        // Once for each kind: a feed that is wrong is wrong every five minutes.
                        let kind = std::mem::discriminant(&refused);
                        if self.refusal.map(|known| std::mem::discriminant(&known)) != Some(kind) {
                            warn!(ts = %reading.ts, "a reading of the feed is not used: {refused}");
                        }
                        self.refusal = Some(refused);
                        matches!(refused, Refused::Implausible(_))
                    }
                }
            }
            FeedEvent::Series(series) => {
                let trusted = self.trust(&now) == ClockTrust::Trusted;
                self.grid.fill(&series, now, trusted) != 0
            }
            FeedEvent::Forecast(forecast) => {
                let (issued, arrival) = (forecast.issued, self.arrival(&now));
                let taken = self.charger.take(*forecast, &arrival);
                self.is_news(taken, "a forecast of the feed is", issued)
            }
            FeedEvent::Prices(prices) => {
                let (issued, arrival) = (prices.issued, self.arrival(&now));
                let taken = self.charger.take_prices(*prices, &arrival);
                self.is_news(taken, "day-ahead prices of the feed are", issued)
            }
            FeedEvent::Nyiso(look) => self.hear_own(&look, now),
            FeedEvent::Refused { topic, trouble } => {
                self.feed.refused += 1;
                if self.feed.refused.is_power_of_two() {
                    let so_far = self.feed.refused;
                    warn!(topic, so_far, "a message of the feed was dropped: {trouble}");
                }
                false
            }
        }
    }

    /// How a forecast comes that comes now.
    fn arrival(&self, now: &Moment) -> Arrival {
        Arrival {
            origin: self.grid.origin(),
            accept_demo: self.grid.accepts_demo(),
            now: now.wall,
            trusted: self.trust(now) == ClockTrust::Trusted,
        }
    }

    /// Whether a forecast has changed what is known; what is wrong with it is said once.
    fn is_news(
        &mut self,
        taken: Result<(), ForecastRefused>,
        what: &str,
        issued: Timestamp,
    ) -> bool {
        match taken {
            Ok(()) => {
                debug!(%issued, what, "forecast");
                true
            }
            Err(ForecastRefused::Older) => false,
            Err(refused) => {
                if self.forecast_refusal.as_ref() != Some(&refused) {
                    warn!(%issued, "{what} not used: {refused}");
                }
                self.forecast_refusal = Some(refused);
                false
            }
        }
    }

    /// Takes in what was found in NYISO's own files: all of it at once, since what was a quarter of an hour
    /// ago moves nothing.
    fn hear_own(&mut self, look: &OwnLook, now: Moment) -> bool {
        if !self.nyiso.as_mut().is_some_and(|reins| reins.hear_look(look)) {
            return false;
        }
        let trusted = self.trust(&now) == ClockTrust::Trusted;
        let mut changes = look.trouble.is_some();
        for series in &look.found.series {
            changes |= self.grid.fill(series, now, trusted) != 0;
        }
        for reading in &look.found.readings {
            match self.grid.take_own(reading, now, trusted) {
                Ok(_) => {
                    self.own_refusal = None;
                    debug!(ts = %reading.ts, grams_per_kwh = reading.value, "reading of NYISO's own");
                    changes = true;
                }
                Err(Refused::Known | Refused::Older) => {}
                Err(refused) => {
                    let kind = std::mem::discriminant(&refused);
                    if self.own_refusal.map(|known| std::mem::discriminant(&known)) != Some(kind) {
                        let ts = reading.ts;
                        warn!(%ts, "a reading of NYISO's own files is not used: {refused}");
                    }
                    self.own_refusal = Some(refused);
                    changes |= matches!(refused, Refused::Implausible(_));
                }
            }
        }
        let arrival = self.arrival(&now);
        if let Some(marginal) = look.ahead.marginal.clone() {
            let issued = marginal.issued;
            let taken = self.charger.take(marginal, &arrival);
            changes |= self.is_news(taken, "NYISO's own marginal rates are", issued);
        }
        if let Some(prices) = look.ahead.prices.clone() {
            let issued = prices.issued;
            let taken = self.charger.take_prices(prices, &arrival);
            changes |= self.is_news(taken, "NYISO's own day-ahead prices are", issued);
        }
        changes
    }

    fn rein(&mut self, now: &Moment, clock: ClockTrust) {
        let newest = self.grid.newest().filter(|newest| newest.believed.is_some());
        let known =
            Known { newest: newest.map(|newest| newest.ts), hours: self.grid.hours_learned() };
        if let Some(reins) = &mut self.nyiso {
            reins.decide(now, clock, self.grid.origin(), known);
        }
    }

    /// Looks, decides, moves.
    ///
    /// # Errors
    /// When nobody owns the actuator any more: there is nothing left to do.
    pub async fn cycle(&mut self) -> Result<Cycle, MoveError> {
        let now = self.moments.now();
        let clock = self.trust(&now);
        self.rein(&now, clock);
        let seen = match self.actuator.look().await {
            Ok(seen) => seen,
            Err(MoveError::Gone) => return Err(MoveError::Gone),
            Err(error) => return Ok(self.blind(now, clock, &error)),
        };
        let mut seen = seen;
        self.mend(seen.position, &seen, &now);
        self.look_at_the_day();
        self.look_at_the_charge(now, clock, &seen);
        self.look_at_the_car(now, &seen);
        let mut decision = self.decide(now, clock, &seen);
        let claim = *decision.claim();
        let asked = (claim.priority == Priority::Threshold && claim.wants != seen.position)
            .then_some(claim.wants);
        let knows = claim.priority != Priority::Safety;
        if knows && self.manners.turn(asked, now).is_some() {
            decision = self.decide(now, clock, &seen);
        }
        if decision.position != seen.position {
            match self.actuator.move_to(decision.position, decision.claim().priority).await {
                Ok(moved) => {
                    info!(position = %moved.position, "moved the contactor");
                    self.mend(moved.position, &moved, &now);
                    seen = moved;
                }
                Err(MoveError::Gone) => return Err(MoveError::Gone),
                Err(error) => {
                    self.complain(chain(&error), Some(decision.position), alarm_of(&error));
                    // What is, and not what should be; the record of moves has changed, too.
                    match self.actuator.look().await {
                        Ok(now_seen) => seen = now_seen,
                        Err(MoveError::Gone) => return Err(MoveError::Gone),
                        Err(error) => return Ok(self.blind(now, clock, &error)),
                    }
                    decision = self.decide(now, clock, &seen);
                }
            }
        }
        Ok(self.tell(now, clock, &decision, &seen))
    }

    fn look_at_the_charge(&mut self, now: Moment, clock: ClockTrust, seen: &Seen) {
        let usual = self.grid.usual();
        let overrides = *self.overrides.borrow();
        let scene = Scene {
            now,
            trusted: clock == ClockTrust::Trusted,
            position: seen.position,
            switches: &seen.switches,
            origin: self.grid.origin(),
            limits: &self.settings.limits,
            plugged: self.car(now).plugged,
            // Without a car that takes current nothing is charged, wherever the contactor is.
            metered_kw: match self.takes_nothing(now) {
                true => Some(0.0),
                false => self.fresh_reading(&now).map(|reading| reading.power_kw),
            },
            usual: &usual,
            overrides: &overrides,
        };
        self.charger.look(&scene);
        let issued = self.charger.issued(scene.origin);
        let holds = |known: &Arc<Foresight>| known.holds(now.wall, issued);
        if scene.trusted && !self.foresight.borrow().as_ref().is_some_and(holds) {
            let knowledge = self.charger.knowledge(&scene);
            let units = match knowledge.objective.aim() {
                Aim::Clean => GRAMS_PER_KWH,
                Aim::Cheap => DOLLARS_PER_KWH,
            };
            let foresight = Foresight::of(now.wall, &knowledge.outlook, issued, units);
            self.foresight.send_replace(Some(Arc::new(foresight)));
        }
    }

    fn look_at_the_day(&mut self) {
        let week = self.grid.week();
        let (newest, count) = (week.newest().map(|sample| sample.ts), week.samples().len());
        if (self.last_day.0, self.last_day.1) != (newest, count) {
            self.last_day = (newest, count, DayStatus::of(week));
        }
    }

    /// Whether the car is plugged in, where somebody tells.
    fn plugged(&self) -> Option<bool> {
        self.meter.as_ref().and_then(|meter| *meter.plugged.borrow())
    }

    fn reading(&self) -> Option<MeterReading> {
        self.meter.as_ref().and_then(|meter| *meter.readings.borrow())
    }

    /// What the meter shows now.
    fn fresh_reading(&self, now: &Moment) -> Option<MeterReading> {
        self.reading().filter(|reading| now.at_least_since(&reading.at) <= POWER_HOLDS)
    }

    fn decide(&self, now: Moment, clock: ClockTrust, seen: &Seen) -> Decision {
        let usual = self.grid.usual();
        let foreseen = |ts| self.foreseen(ts);
        let facts = Facts {
            at: now,
            started: self.started,
            clock,
            position: seen.position,
            switches: &seen.switches,
            signal: self.own_signal(now, &foreseen, &usual),
            charge: self.charger.charge(),
            wishes: self.charger.wishes(),
            hand_ends: self.hand_ends(seen),
            car: self.car(now),
            wait: self.manners.wait(),
            turn: self.manners.turning(),
        };
        decide(&facts, &self.settings)
    }

    /// The grid's signal with the forecast, and with this device's own share of the threshold.
    fn own_signal<'a>(
        &self,
        now: Moment,
        foreseen: &'a dyn Fn(Timestamp) -> Option<CarbonIntensity>,
        usual: &'a dyn Fn(Timestamp) -> Option<CarbonIntensity>,
    ) -> Signal<'a> {
        let signal = self.grid.signal(now, usual);
        let factor = self.manners.threshold_factor();
        let bounds = signal.bounds.map(|bounds| bounds.scaled(factor));
        Signal { bounds, forecast: Some(foreseen), ..signal }
    }

    /// What the last forecast says of `ts`, where it is of the same origin as the readings.
    fn foreseen(&self, ts: Timestamp) -> Option<CarbonIntensity> {
        let forecast = self.charger.forecast()?;
        let is_usable = forecast.origin == self.grid.origin();
        CarbonIntensity::from_grams_per_kwh(forecast.value_at(ts).filter(|_| is_usable)?)
    }

    /// A hand at the switch is respected until the departure after it.
    fn hand_ends(&self, seen: &Seen) -> Option<Timestamp> {
        let last = seen.switches.last().filter(|last| last.cause == Cause::ByHand)?;
        let once = self.overrides.borrow().depart_once;
        self.charger.settings()?.schedule.next_departure(once, last.at.wall, NEW_YORK)
    }

    /// What the meter says, and when it did; `None` while it is silent.
    fn drawing(&self, now: Moment) -> Option<(Moment, bool)> {
        let (meter, reading) = (self.meter.as_ref()?, self.fresh_reading(&now)?);
        Some((reading.at, meter.charging_above_kw < reading.power_kw))
    }

    fn car(&self, now: Moment) -> Car {
        let charging = self.drawing(now).map(|(_, charging)| charging);
        // A car that takes current is there, whatever a sensor says.
        let plugged = match charging {
            Some(true) => Some(true),
            _ => self.plugged(),
        };
        Car { plugged, charging, pauses: self.resume.pauses() }
    }

    fn takes_nothing(&self, now: Moment) -> bool {
        let car = self.car(now);
        car.is_away() || car.pauses == Pauses::Refusing
    }

    fn look_at_the_car(&mut self, now: Moment, seen: &Seen) {
        let (before, plugged) = (self.resume.pauses(), self.car(now).plugged);
        let depart = self.charger.departure().map(|(depart, _)| depart);
        let turn = self.resume.see(&Sight {
            at: now,
            position: seen.position,
            drawing: self.drawing(now),
            plugged,
            depart,
        });
        let pauses = self.resume.pauses();
        if pauses != before {
            self.charger.without_pauses(pauses != Pauses::Bears);
            if let Some(store) = &self.store
                && let Err(error) = store.keep_pauses(pauses, depart)
            {
                warn!("what was learned of the car could not be kept for a restart: {error}");
            }
        }
        match turn {
            Some(Turn::Refused) => {
                warn!("the car takes no current since it was paused; from now on it is not paused");
                if let Some(notifier) = &self.notifier {
                    notifier.raise(Alarm::CarRefuses, CAR_REFUSES);
                }
            }
            Some(Turn::Over) => {
                info!("the car takes current again, or another night begins");
                if let Some(notifier) = &self.notifier {
                    notifier.clear(Alarm::CarRefuses);
                }
            }
            None => {}
        }
    }

    fn trust(&self, now: &Moment) -> ClockTrust {
        let known = self.grid.proven().map_or(self.clock.built, |ts| ts.max(self.clock.built));
        let witnesses = Witnesses {
            known,
            synchronized: (self.clock.synchronized)(),
            forgetful_board: self.clock.forgetful_board,
            feed_agrees: self.grid.vouches_for(now.wall),
        };
        trust(self.clock.policy, now.wall, &witnesses)
    }

    fn complain(&mut self, text: String, told: Option<Contactor>, alarm: Option<Alarm>) {
        let trouble = Trouble { text, told, alarm };
        if self.trouble.as_ref() != Some(&trouble) {
            error!("{}: {}", self.actuator_name, trouble.text);
            self.clear_alarm_of_trouble();
            if let (Some(notifier), Some(alarm)) = (&self.notifier, alarm) {
                let text = match alarm {
                    Alarm::SecondController => {
                        format!("Leaving the charger alone: {}.", trouble.text)
                    }
                    _ => format!("The charger does not obey: {}", trouble.text),
                };
                notifier.raise(alarm, text);
            }
            self.trouble = Some(trouble);
        }
    }

    fn clear_alarm_of_trouble(&self) {
        let alarm = self.trouble.as_ref().and_then(|trouble| trouble.alarm);
        if let (Some(notifier), Some(alarm)) = (&self.notifier, alarm) {
            notifier.clear(alarm);
        }
    }

    /// The contactor could be read, and is at `position`: what trouble is over?
    fn mend(&mut self, position: Contactor, seen: &Seen, now: &Moment) {
        let Some(trouble) = &self.trouble else { return };
        let is_over = trouble.told.is_none_or(|told| told == position)
            || trouble.alarm == Some(Alarm::SecondController) && !seen.switches.has_a_rival(now);
        if is_over {
            info!("{} is in order again", self.actuator_name);
            self.clear_alarm_of_trouble();
            self.trouble = None;
        }
    }

    fn tell(&mut self, now: Moment, clock: ClockTrust, decision: &Decision, seen: &Seen) -> Cycle {
        let reason = match &self.trouble {
            Some(trouble) => explain::trouble(decision, &trouble.text, now.wall),
            None => explain::sentence(decision, &self.settings.limits, now.wall),
        };
        let said = Said::of(decision, self.trouble.is_some());
        let is_news = self.said != Some(said);
        self.said = Some(said);
        let (next_change, next_is_likely) = match decision.next {
            NextChange::At(at) => (Some(to_the_second(at)), false),
            NextChange::Likely(at) => (Some(at), true),
            _ => (None, false),
        };
        let again_in = match decision.next {
            NextChange::At(at) => (at - now.wall).to_std().ok(),
            _ => None,
        };
        let status = Status {
            position: Some(seen.position.as_str().to_owned()),
            reason,
            next_change,
            next_is_likely,
            claims: ClaimStatus::of(decision, now.wall),
            hold: HoldStatus::of(decision),
            switches: SwitchStatus::of(&seen.switches, &self.settings, &now),
            ..self.status(now, clock)
        };
        // By a clock that is wrong nobody can tell what is late.
        if let (Some(notifier), ClockTrust::Trusted) = (&self.notifier, clock) {
            let running = now.about_since(&self.started);
            let nothing_known = status.signal.source == "none";
            let mode = self.settings.mode;
            notifier.follow(standing(decision, mode, nothing_known, running, now.wall));
        }
        let facts = Some(self.facts(now, clock, seen.position));
        Cycle { status, is_news, again_in, facts }
    }

    fn facts(&self, now: Moment, clock: ClockTrust, position: Contactor) -> CycleFacts {
        let charging = self.charger.charging();
        let objective = self.charger.planned().map(|planned| planned.objective);
        let live = self.grid.newest().filter(|newest| {
            (now.wall - newest.ts).abs() <= stale_after(&self.settings) && newest.believed.is_some()
        });
        let meter = self.meter.as_ref().map(|meter| meter.status(&now)).unwrap_or_default();
        CycleFacts {
            at: now,
            clock_trusted: clock == ClockTrust::Trusted,
            position,
            basis: objective.unwrap_or_default().as_str(),
            origin: self.grid.origin(),
            average_g_per_kwh: live
                .and_then(|newest| newest.believed)
                .map(CarbonIntensity::grams_per_kwh),
            marginal_g_per_kwh: live.and_then(|newest| newest.marginal),
            price: self.charger.price(self.grid.origin(), now.wall),
            depart: self.charger.departure().map(|(depart, _)| depart),
            home_since: self.charger.departure().map(|(_, home_since)| home_since),
            need_kwh: charging.map(|charging| charging.settings().need_kwh),
            power_kw: charging.map_or(0.0, Charging::power_kw),
            charging_kw: meter.power_kw,
            meter_kwh: meter.energy_kwh,
            plugged: meter.plugged,
        }
    }

    /// The contactor cannot be read: nothing is moved that cannot be seen.
    fn blind(&mut self, now: Moment, clock: ClockTrust, error: &MoveError) -> Cycle {
        let trouble = chain(error);
        self.complain(trouble.clone(), None, alarm_of(error));
        let is_news = self.said.take().is_some();
        let reason = match error {
            MoveError::Actuator(ActuatorError::Leased { .. }) => {
                format!("Nothing is moved: {trouble}.")
            }
            _ => format!("The contactor cannot be read, so nothing is moved: {trouble}."),
        };
        let status = Status { reason, ..self.status(now, clock) };
        Cycle { status, is_news, again_in: None, facts: None }
    }

    /// The parts of the status that do not depend on a decision.
    fn status(&self, now: Moment, clock: ClockTrust) -> Status {
        let no_moves = SwitchLog::default();
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since: self.started.wall.trunc_subsecs(0),
            now: now.wall.trunc_subsecs(0),
            mode: self.settings.mode.as_str().to_owned(),
            position: None,
            reason: String::new(),
            next_change: None,
            next_is_likely: false,
            claims: Vec::new(),
            hold: None,
            signal: self.signal(now, clock),
            charge: ChargeStatus::of(&self.charger),
            feed: self.feed.clone(),
            nyiso: self.nyiso.as_ref().map(Reins::status),
            switches: SwitchStatus::of(&no_moves, &self.settings, &now),
            actuator: ActuatorStatus {
                name: self.actuator_name.clone(),
                trouble: self.trouble.as_ref().map(|trouble| trouble.text.clone()),
            },
            clock: match clock {
                ClockTrust::Trusted => "trusted",
                ClockTrust::NotSet => "not-set",
                ClockTrust::Behind { .. } => "behind",
            }
            .to_owned(),
            overrides: self.overrides.borrow().at(now.wall),
            alarms: self.notifier.as_ref().map(Notifier::raised).unwrap_or_default(),
            meter: self.meter.as_ref().map(|meter| meter.status(&now)),
        }
    }

    fn signal(&self, now: Moment, clock: ClockTrust) -> SignalStatus {
        let usual = self.grid.usual();
        let foreseen = |ts| self.foreseen(ts);
        let signal = self.own_signal(now, &foreseen, &usual);
        let source = match signal.now(now.wall, clock, self.settings.stale_after) {
            Ok((_, Basis::Live(_), _)) => "live",
            Ok((_, Basis::Forecast { .. }, _)) => "forecast",
            Ok((_, Basis::Usual { .. }, _)) => "usual",
            Err(_) => "none",
        };
        let bounds = signal.bounds;
        SignalStatus {
            source: source.to_owned(),
            origin: self.grid.origin().as_str().to_owned(),
            from: self.grid.newest().map(|newest| newest.via.as_str().to_owned()),
            ts: signal.live.map(|live| live.ts),
            age_s: signal.live.map(|live| live.age.as_secs()),
            grams_per_kwh: signal.live.map(|live| live.intensity.grams_per_kwh()),
            usual_grams_per_kwh: usual(now.wall).map(CarbonIntensity::grams_per_kwh),
            close_below: bounds.map(|bounds| bounds.close_below.grams_per_kwh()),
            open_above: bounds.map(|bounds| bounds.open_above.grams_per_kwh()),
            week_hours: bounds.and_then(|bounds| week_hours(bounds.from)),
            history_hours: self.grid.hours_learned(),
            last_day: self.last_day.2.clone(),
        }
    }
}

/// Which alarm a move is that was not made.
fn alarm_of(error: &MoveError) -> Option<Alarm> {
    match error {
        MoveError::Held(_) | MoveError::Gone => None,
        MoveError::SecondController { .. } | MoveError::Actuator(ActuatorError::Leased { .. }) => {
            Some(Alarm::SecondController)
        }
        MoveError::Actuator(_) | MoveError::Disobeyed { .. } => Some(Alarm::RelayDisobeys),
    }
}

/// The age beyond which a live reading no longer decides, as the grid counts it.
pub fn stale_after(settings: &Settings) -> TimeDelta {
    TimeDelta::from_std(settings.stale_after).unwrap_or(TimeDelta::MAX)
}
