//! Sessions as CSV: one line each, times in UTC, an empty field for what is not known.

use chrono::SecondsFormat;
use domain::Timestamp;

use super::{Basis, total::rounded};
use crate::ledger::SessionEntry;

const HEADER: &str = "from,to,by,open,kwh,metered_kwh,charging_s,origin,basis,grams,known_kwh,partial,\
                      at_once_grams,timer_grams,saved_at_once_grams,saved_timer_grams";

/// The table, with its header.
// No field of ours holds a comma or a quote but the basis, which is quoted.
pub fn table(sessions: &[SessionEntry], basis: Basis) -> String {
    let mut table = format!("{HEADER}\n");
    for session in sessions {
        table.push_str(&line(session, basis));
        table.push('\n');
    }
    table
}

fn line(session: &SessionEntry, basis: Basis) -> String {
    let time = |ts: Timestamp| ts.to_rfc3339_opts(SecondsFormat::Secs, true);
    let number = |value: Option<f64>| value.map(|value| rounded(value).to_string());
    let account = basis.of(session);
    let partial = account.map_or(0.0 < session.kwh, |account| account.partial);
    let fields = [
        Some(time(session.from)),
        Some(time(session.to)),
        Some(session.by.clone()),
        Some(session.open.to_string()),
        number(Some(session.kwh)),
        number(Some(session.metered_kwh)),
        Some(session.charging_s.to_string()),
        Some(session.origin.as_str().to_owned()),
        Some(format!("\"{}\"", basis.label())),
        number(account.map(|account| account.grams)),
        number(account.map(|account| account.known_kwh)),
        Some(partial.to_string()),
        number(account.and_then(|account| account.at_once_grams)),
        number(account.and_then(|account| account.timer_grams)),
        number(account.and_then(|account| account.saved_at_once_grams)),
        number(account.and_then(|account| account.saved_timer_grams)),
    ];
    fields.map(Option::unwrap_or_default).join(",")
}
