//! Sessions as they are kept, told over the socket and printed.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use domain::Timestamp;
use domain::control::{BootId, Moment};
use domain::ledger::{Account, By, Open, Portion, Session, Sum};
use domain::wire::Origin;
use serde::{Deserialize, Serialize};

/// A session with its grams.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionEntry {
    /// Plug-in, as far as it is known.
    pub from: Timestamp,
    /// Unplug, or until now.
    pub to: Timestamp,
    /// What it is known by: `presence`, `power`, `schedule`, `switch`.
    pub by: String,
    /// It goes on.
    #[serde(default)]
    pub open: bool,
    /// Energy, kWh.
    pub kwh: f64,
    /// How much of it a meter measured; the rest is power times time.
    pub metered_kwh: f64,
    /// How long it charged.
    pub charging_s: i64,
    /// The clock was wrong: neither time is certain.
    #[serde(default)]
    pub time_is_doubtful: bool,
    /// Whose readings the grams are by.
    pub origin: Origin,
    /// By the average intensity, production, direct. Absent where no reading of its energy is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub average: Option<AccountEntry>,
    /// By the marginal intensity, direct, state-wide. Absent where no rate of its energy is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marginal: Option<AccountEntry>,
    /// It will not be reckoned anew.
    #[serde(default)]
    pub settled: bool,
}

/// Grams of a session by one signal. `None`: not known for all of the energy.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountEntry {
    /// As it was charged, g; of `known_kwh` only where `partial`.
    pub grams: f64,
    /// Of how much energy the intensity is known, kWh.
    pub known_kwh: f64,
    /// `grams` are of part of the energy.
    pub partial: bool,
    /// Charged at once, g.
    pub at_once_grams: Option<f64>,
    /// By a 01:00 timer, g.
    pub timer_grams: Option<f64>,
    /// Saved against charging at once, g.
    pub saved_at_once_grams: Option<f64>,
    /// Saved against the timer, g.
    pub saved_timer_grams: Option<f64>,
}

impl AccountEntry {
    fn new(account: &Account, kwh: f64) -> Self {
        let whole = |sum: Sum| sum.whole(kwh);
        Self {
            grams: whole(account.actual).unwrap_or(account.actual.grams),
            known_kwh: account.actual.known_kwh,
            partial: whole(account.actual).is_none(),
            at_once_grams: whole(account.at_once),
            timer_grams: whole(account.timer),
            saved_at_once_grams: account.saved_at_once(kwh),
            saved_timer_grams: account.saved_timer(kwh),
        }
    }

    /// Nothing of it is missing.
    fn is_whole(&self) -> bool {
        self.saved_at_once_grams.is_some() && self.saved_timer_grams.is_some()
    }
}

impl SessionEntry {
    /// Of a session and its accounts.
    pub fn new(
        session: &Session,
        origin: Origin,
        average: Option<Account>,
        marginal: Option<Account>,
    ) -> Self {
        let entry = |account: Option<Account>| {
            let known = |account: &Account| session.kwh == 0.0 || 0.0 < account.actual.known_kwh;
            account.filter(known).map(|account| AccountEntry::new(&account, session.kwh))
        };
        Self {
            from: session.from,
            to: session.to,
            by: session.by.as_str().to_owned(),
            open: false,
            kwh: session.kwh,
            metered_kwh: session.metered_kwh,
            charging_s: session.charging.num_seconds(),
            time_is_doubtful: session.time_is_doubtful,
            origin,
            average: entry(average),
            marginal: entry(marginal),
            settled: false,
        }
    }

    /// The session without its grams.
    pub(super) fn session(&self) -> Session {
        Session {
            from: self.from,
            to: self.to,
            by: By::from_word(&self.by).unwrap_or(By::Switch),
            kwh: self.kwh,
            metered_kwh: self.metered_kwh,
            charging: TimeDelta::seconds(self.charging_s),
            time_is_doubtful: self.time_is_doubtful,
        }
    }

    /// All that can be known of its grams is known: where there is no marginal rate, none is waited for.
    pub(super) fn is_whole(&self) -> bool {
        let average = self.average.is_some_and(|average| average.is_whole());
        average && self.marginal.is_none_or(|marginal| marginal.is_whole())
    }
}

/// An open session as it is kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct OpenRecord {
    from_ms: i64,
    by: String,
    depart_ms: Option<i64>,
    unsure: Option<MomentRecord>,
    seen_ms: i64,
    active_ms: Option<i64>,
    placed_kwh: f64,
    portion: Option<(i64, f64)>,
    unplaced_kwh: f64,
    metered_kwh: f64,
    charging_ms: u64,
    meter_kwh: Option<f64>,
    departed_kwh: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct MomentRecord {
    wall_ms: i64,
    boot: String,
    uptime_ms: u64,
}

impl OpenRecord {
    pub(super) fn of(open: &Open) -> Self {
        let ms = |ts: Timestamp| ts.timestamp_millis();
        Self {
            from_ms: ms(open.from),
            by: open.by.as_str().to_owned(),
            depart_ms: open.depart.map(ms),
            unsure: open.unsure_since.map(|moment| MomentRecord {
                wall_ms: ms(moment.wall),
                boot: format!("{:032x}", moment.boot.0),
                uptime_ms: u64::try_from(moment.uptime.as_millis()).unwrap_or(u64::MAX),
            }),
            seen_ms: ms(open.seen),
            active_ms: open.active.map(ms),
            placed_kwh: open.placed_kwh,
            portion: open.portion.map(|portion| (ms(portion.start), portion.kwh)),
            unplaced_kwh: open.unplaced_kwh,
            metered_kwh: open.metered_kwh,
            charging_ms: open.charging_ms,
            meter_kwh: open.meter_kwh,
            departed_kwh: open.departed_kwh,
        }
    }

    /// `None` for what no version of ours wrote.
    pub(super) fn open(&self) -> Option<Open> {
        let ts = DateTime::from_timestamp_millis;
        let unsure_since = match &self.unsure {
            Some(moment) => Some(Moment {
                wall: ts(moment.wall_ms)?,
                boot: BootId(u128::from_str_radix(&moment.boot, 16).ok()?),
                uptime: Duration::from_millis(moment.uptime_ms),
            }),
            None => None,
        };
        let portion = match self.portion {
            Some((start, kwh)) => Some(Portion { start: ts(start)?, kwh }),
            None => None,
        };
        Some(Open {
            from: ts(self.from_ms)?,
            by: By::from_word(&self.by)?,
            depart: self.depart_ms.and_then(ts),
            unsure_since,
            seen: ts(self.seen_ms)?,
            active: self.active_ms.and_then(ts),
            placed_kwh: self.placed_kwh,
            portion,
            unplaced_kwh: self.unplaced_kwh,
            metered_kwh: self.metered_kwh,
            charging_ms: self.charging_ms,
            meter_kwh: self.meter_kwh,
            departed_kwh: self.departed_kwh,
        })
    }
}
