//! How good the published forecasts were, over the last 30 days.

use chrono::SubsecRound;
use domain::Timestamp;
use domain::forecast::record::{Issued, Score};
use domain::forecast::{History, Hour};
use domain::wire::{HorizonSkill, Origin, Skill};
use service::history::HistoryError;

use super::desk::Desk;
use super::issue::PRODUCTION;

/// Days that are looked back at.
const DAYS: u32 = 30;

impl Desk {
    /// Scores what was published; `None` before anything was.
    pub(super) fn skill(
        &self,
        history: &History,
        now: Timestamp,
        origin: Origin,
    ) -> Result<Option<Skill>, HistoryError> {
        let present = Hour::of(now);
        let issued = self.memory.issued(present - 24 * i64::from(DAYS))?;
        if issued.is_empty() {
            return Ok(None);
        }
        let mut models: Vec<&str> = issued.iter().map(|(model, _)| model.as_str()).collect();
        models.sort_unstable();
        models.dedup();
        let truth = |hour: Hour| history.get(hour).map(|reading| reading.intensity);
        let said: Vec<&Issued> = issued.iter().map(|(_, issued)| issued).collect();
        let score = Score::of(said, truth, present);
        let (mape, mae, coverage) = (score.skill.mape(), score.skill.mae(), score.skill.coverage());
        let horizons = (1u32..)
            .zip(score.hours)
            .zip(mape.into_iter().zip(mae).zip(coverage))
            .map(|((day, hours), ((mape, mae), coverage_p10_p90))| HorizonSkill {
                day,
                hours,
                mape: mape.map(rounded),
                mae: mae.map(rounded),
                coverage_p10_p90: coverage_p10_p90.map(rounded),
            })
            .collect();
        Ok(Some(Skill {
            ts: now.trunc_subsecs(0),
            basis: PRODUCTION.to_owned(),
            model: models.join(", "),
            days: DAYS,
            from: score.span.map(|(from, _)| from.start()),
            to: score.span.map(|(_, to)| (to + 1).start()),
            horizons,
            origin,
        }))
    }
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
