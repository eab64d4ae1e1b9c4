//! Sums over sessions. What is not known is not added, and it is said of how much energy a sum speaks.

use serde::{Serialize, Serializer};

use super::Basis;
use crate::ledger::SessionEntry;

/// Sessions added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Total {
    /// How many.
    pub sessions: usize,
    /// Their energy, kWh.
    #[serde(serialize_with = "tidy")]
    pub kwh: f64,
    /// How much of it a meter measured.
    #[serde(serialize_with = "tidy")]
    pub metered_kwh: f64,
    /// How long they charged, s.
    pub charging_s: i64,
    /// g CO2 of `known_kwh`.
    #[serde(serialize_with = "tidy")]
    pub grams: f64,
    /// Energy whose intensity is known.
    #[serde(serialize_with = "tidy")]
    pub known_kwh: f64,
    /// Sessions of whose energy part lacks a reading.
    pub partial_sessions: usize,
    /// What can be compared, with charging at once and with a timer.
    pub compared: Compared,
}

/// Sessions of which all is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Compared {
    /// How many.
    pub sessions: usize,
    /// Their energy.
    #[serde(serialize_with = "tidy")]
    pub kwh: f64,
    /// As they were charged, g.
    #[serde(serialize_with = "tidy")]
    pub grams: f64,
    /// Charged at once, g.
    #[serde(serialize_with = "tidy")]
    pub at_once_grams: f64,
    /// By a 01:00 timer, g.
    #[serde(serialize_with = "tidy")]
    pub timer_grams: f64,
    /// `at_once_grams - grams`; negative when that had been cleaner.
    #[serde(serialize_with = "tidy")]
    pub saved_at_once_grams: f64,
    /// `timer_grams - grams`.
    #[serde(serialize_with = "tidy")]
    pub saved_timer_grams: f64,
}

/// To a thousandth: nothing here is known better.
pub fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn tidy<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(rounded(*value))
}

impl Total {
    /// Of `sessions`, by `basis`.
    pub fn of(sessions: &[SessionEntry], basis: Basis) -> Self {
        let mut total = Self::default();
        for session in sessions {
            total.sessions += 1;
            total.kwh += session.kwh;
            total.metered_kwh += session.metered_kwh;
            total.charging_s += session.charging_s;
            let Some(account) = basis.of(session) else {
                total.partial_sessions += usize::from(0.0 < session.kwh);
                continue;
            };
            total.grams += account.grams;
            total.known_kwh += if account.partial { account.known_kwh } else { session.kwh };
            total.partial_sessions += usize::from(account.partial);
            if let (false, Some(at_once), Some(timer)) =
                (account.partial, account.at_once_grams, account.timer_grams)
            {
                let compared = &mut total.compared;
                compared.sessions += 1;
                compared.kwh += session.kwh;
                compared.grams += account.grams;
                compared.at_once_grams += at_once;
                compared.timer_grams += timer;
            }
        }
        let compared = &mut total.compared;
        compared.saved_at_once_grams = compared.at_once_grams - compared.grams;
        compared.saved_timer_grams = compared.timer_grams - compared.grams;
        total
    }
}
