//! Ways in which the stand-in misbehaves when it is asked to, and how often.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;

use super::moved::Line;
use super::noise::Noise;
use super::shelf::View;
use super::shift::Placed;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The file is not there.
    NotFound,
    /// The server is broken.
    ServerError,
    /// The file ends in the middle of a row.
    Truncate(Cut),
    /// An HTML page comes with status 200 in place of the file.
    Garbage,
    /// The head of the answer, then silence: for so long, or until the client gives up.
    Stall(Option<Duration>),
    /// The answer drips in, over so long.
    Slow(Duration),
    /// The newest instants are there twice.
    Duplicate(Copies),
    /// Nothing newer than this is there yet.
    Late(Duration),
}

/// How an answer is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A whole answer with half a file in it: only the rows can tell.
    Short,
    /// The length of the whole file is promised, and the connection closes before.
    Closed,
}

/// How the second copy of a row differs from the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// Not at all.
    Same,
    /// Two runs within a minute, as in 2015: other values first, the true ones last.
    Conflict,
}

/// How often it happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// At every answer.
    Always,
    /// With this probability, above 0 and at most 1.
    Chance(f64),
    /// At the n-th answer, the 2n-th, and so on.
    Every(NonZeroU64),
}

/// A fault, and how often it strikes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// How often.
    pub when: When,
}

/// How many of the newest instants [`FaultKind::Duplicate`] repeats.
const COPIED_INSTANTS: usize = 3;

/// MW that the first of two conflicting copies is off.
const CONFLICT_MEGAWATTS: f64 = 7.0;

impl Copies {
    /// All rows, those of the newest instants twice; each instant as a whole, then again. Empty when
    /// there is nothing to repeat.
    pub(super) fn of_newest(self, lines: &[Line<'_>]) -> Vec<(Placed, String)> {
        let mut instants = lines.chunk_by(|a, b| a.placed.ts == b.placed.ts).collect::<Vec<_>>();
        let newest = instants.split_off(instants.len().saturating_sub(COPIED_INSTANTS));
        let as_is = |line: &Line<'_>| (line.placed, line.rest.to_owned());
        let mut rows = instants.concat().iter().map(as_is).collect::<Vec<_>>();
        for instant in newest {
            rows.extend(instant.iter().map(|line| match self {
                Self::Same => as_is(line),
                Self::Conflict => (line.placed, other_value(line.rest)),
            }));
            rows.extend(instant.iter().map(as_is));
        }
        rows
    }
}

/// `Dual Fuel,2282.0` becomes `Dual Fuel,2289.0`; what has no number stays.
fn other_value(rest: &str) -> String {
    rest.rsplit_once(',')
        .and_then(|(fuel, value)| Some((fuel, value.parse::<f64>().ok()?)))
        .map_or_else(
            || rest.to_owned(),
            |(fuel, value)| format!("{fuel},{:?}", value + CONFLICT_MEGAWATTS),
        )
}

/// All faults, each counting the answers by itself; the same seed strikes the same answers.
#[derive(Debug)]
pub(super) struct Faults {
    faults: Vec<(Fault, AtomicU64)>,
    noise: Noise,
}

/// What happens to one answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Struck {
    /// What is wrong in the content.
    pub view: View,
    /// What comes in place of the answer, or happens to it: the first that strikes.
    pub instead: Option<FaultKind>,
    /// It drips in, over so long.
    pub slow: Option<Duration>,
    /// Picks the place of a cut.
    pub draw: u64,
}

impl Faults {
    /// These faults, from the first answer on.
    pub fn new(faults: Vec<Fault>, seed: u64) -> Self {
        let faults = faults.into_iter().map(|fault| (fault, AtomicU64::new(0))).collect();
        Self { faults, noise: Noise::new(seed) }
    }

    /// Which they are.
    pub fn list(&self) -> impl Iterator<Item = Fault> + '_ {
        self.faults.iter().map(|(fault, _)| *fault)
    }

    /// Decides about the next answer.
    pub fn strike(&self) -> Struck {
        let mut struck = Struck::default();
        for (channel, (fault, answers)) in (0..).zip(&self.faults) {
            let count = answers.fetch_add(1, Ordering::Relaxed) + 1;
            let draw = self.noise.bits(channel, i64::try_from(count).unwrap_or(i64::MAX));
            if !fault.when.strikes(count, draw) {
                continue;
            }
            match fault.kind {
                FaultKind::Slow(over) => struck.slow = Some(over),
                FaultKind::Duplicate(copies) => struck.view.copies = Some(copies),
                FaultKind::Late(by) => {
                    struck.view.late = TimeDelta::from_std(by).unwrap_or(TimeDelta::MAX);
                }
                kind if struck.instead.is_none() => {
                    (struck.instead, struck.draw) = (Some(kind), draw);
                }
                _ => {}
            }
        }
        struck
    }
}

impl When {
    fn strikes(self, count: u64, draw: u64) -> bool {
        match self {
            Self::Always => true,
            Self::Every(n) => count.is_multiple_of(n.get()),
            // 53 bits are all that an f64 holds.
            Self::Chance(chance) => ((draw >> 11) as f64) < chance * (1_u64 << 53) as f64,
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split(':');
        let word = words.next().unwrap_or_default();
        let mut kind = FaultKind::from_word(word)?;
        let mut when = When::Always;
        for argument in words {
            if !kind.take(argument)? {
                when = When::from_word(argument).ok_or_else(|| {
                    let more = kind.arguments();
                    format!(
                        "{argument:?} is no argument of {word}; {more}how often: 0.3, 30%, every-4"
                    )
                })?;
            }
        }
        Ok(Self { kind, when })
    }
}

impl FaultKind {
    fn from_word(word: &str) -> Result<Self, String> {
        Ok(match word {
            "404" => Self::NotFound,
            "500" => Self::ServerError,
            "truncate" => Self::Truncate(Cut::Short),
            "garbage" => Self::Garbage,
            "stall" => Self::Stall(None),
            "slow" => Self::Slow(Duration::from_secs(20)),
            "duplicate" => Self::Duplicate(Copies::Conflict),
            "late" => Self::Late(Duration::from_secs(60 * 60)),
            _ => {
                return Err(format!(
                    "{word:?} is no fault; there are 404, 500, truncate, garbage, stall, slow, \
                     duplicate, late"
                ));
            }
        })
    }

    /// Takes an argument of its own; `false` when it is none.
    fn take(&mut self, argument: &str) -> Result<bool, String> {
        match self {
            Self::Truncate(cut) => match argument {
                "short" => *cut = Cut::Short,
                "closed" => *cut = Cut::Closed,
                _ => return Ok(false),
            },
            Self::Duplicate(copies) => match argument {
                "same" => *copies = Copies::Same,
                "conflict" => *copies = Copies::Conflict,
                _ => return Ok(false),
            },
            Self::Stall(silent) => match duration(argument, 1)? {
                Some(length) => *silent = Some(length),
                None => return Ok(false),
            },
            Self::Slow(over) => match duration(argument, 1)? {
                Some(length) => *over = length,
                None => return Ok(false),
            },
            Self::Late(by) => match duration(argument, 60)? {
                Some(length) => *by = length,
                None => return Ok(false),
            },
            Self::NotFound | Self::ServerError | Self::Garbage => return Ok(false),
        }
        Ok(true)
    }

    fn arguments(self) -> &'static str {
        match self {
            Self::Truncate(_) => "how: short, closed; ",
            Self::Duplicate(_) => "how: same, conflict; ",
            Self::Stall(_) | Self::Slow(_) => "how long: 20s, 2m; ",
            Self::Late(_) => "by how much: 45m, 2h; ",
            Self::NotFound | Self::ServerError | Self::Garbage => "",
        }
    }
}

impl When {
    fn from_word(word: &str) -> Option<Self> {
        if let Some(n) = word.strip_prefix("every-") {
            return n.parse().ok().map(Self::Every);
        }
        let chance = match word.strip_suffix('%') {
            Some(percent) => percent.parse::<f64>().ok()? / 100.0,
            None => word.parse().ok()?,
        };
        (0.0 < chance && chance <= 1.0).then_some(Self::Chance(chance))
    }
}

/// Reads `20s`, `45m`, `2h`; a whole number counts units of `bare_secs`. `None` for what is something
/// else, such as a probability.
fn duration(text: &str, bare_secs: u64) -> Result<Option<Duration>, String> {
    let digits = text.trim_end_matches(['s', 'm', 'h']);
    let unit_secs = match &text[digits.len()..] {
        "" => bare_secs,
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Ok(None),
    };
    let Ok(count) = digits.parse::<u64>() else { return Ok(None) };
    match count.checked_mul(unit_secs) {
        Some(secs) if 0 < secs && secs <= 366 * 86_400 => Ok(Some(Duration::from_secs(secs))),
        _ => Err(format!("{text:?} is not between a second and a year")),
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.kind)?;
        match self.when {
            When::Always => Ok(()),
            When::Chance(chance) => write!(f, ", with probability {chance}"),
            When::Every(n) => write!(f, ", at 1 answer in {n}"),
        }
    }
}

impl std::fmt::Display for FaultKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotFound => f.write_str("404 (missing)"),
            Self::ServerError => f.write_str("500 (server error)"),
            Self::Truncate(Cut::Short) => f.write_str("truncate (half a file)"),
            Self::Truncate(Cut::Closed) => f.write_str("truncate (connection closed halfway)"),
            Self::Garbage => f.write_str("garbage (an HTML page)"),
            Self::Stall(None) => f.write_str("stall (silence after the head)"),
            Self::Stall(Some(length)) => write!(f, "stall (silence for {} s)", length.as_secs()),
            Self::Slow(over) => write!(f, "slow (over {} s)", over.as_secs()),
            Self::Duplicate(Copies::Same) => f.write_str("duplicate (rows twice)"),
            Self::Duplicate(Copies::Conflict) => {
                f.write_str("duplicate (rows twice, other values first)")
            }
            Self::Late(by) => write!(f, "late (nothing newer than {} min)", by.as_secs() / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, kind: FaultKind, when: When) {
        assert_eq!(text.parse(), Ok(Fault { kind, when }), "{text}");
    }

    #[test]
    fn every_spelling_reads() {
        let every = |n| When::Every(NonZeroU64::new(n).unwrap());
        check("404", FaultKind::NotFound, When::Always);
        check("500:every-2", FaultKind::ServerError, every(2));
        check("truncate:0.3", FaultKind::Truncate(Cut::Short), When::Chance(0.3));
        check("truncate:closed:30%", FaultKind::Truncate(Cut::Closed), When::Chance(0.3));
        check("truncate:every-5:closed", FaultKind::Truncate(Cut::Closed), every(5));
        check("garbage:1", FaultKind::Garbage, When::Chance(1.0));
        check("stall", FaultKind::Stall(None), When::Always);
        let half_a_minute = Duration::from_secs(30);
        check("stall:30s:0.1", FaultKind::Stall(Some(half_a_minute)), When::Chance(0.1));
        check("slow:30", FaultKind::Slow(half_a_minute), When::Always);
        check("duplicate:same", FaultKind::Duplicate(Copies::Same), When::Always);
        check("late:45", FaultKind::Late(Duration::from_secs(45 * 60)), When::Always);
        check("late:2h:0.5", FaultKind::Late(Duration::from_secs(7200)), When::Chance(0.5));
    }

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let error = text.parse::<Fault>().unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }

    #[test]
    fn what_is_no_fault_says_what_is() {
        check_refused("explode", "there are 404, 500, truncate");
        check_refused("", "there are 404");
        check_refused("404:1.5", "how often: 0.3, 30%, every-4");
        check_refused("404:0", "how often");
        check_refused("500:every-0", "how often");
        check_refused("truncate:long", "how: short, closed");
        check_refused("late:soon", "by how much: 45m, 2h");
        check_refused("late:0m", "between a second and a year");
        check_refused("slow:99999999999999999999h", "how long");
    }

    #[test]
    fn the_same_seed_strikes_the_same_answers() {
        let pattern = |seed| {
            let faults = Faults::new(vec!["404:0.3".parse().unwrap()], seed);
            (0..1000).map(|_| faults.strike().instead.is_some()).collect::<Vec<_>>()
        };
        assert_eq!(pattern(5), pattern(5));
        assert_ne!(pattern(5), pattern(6));
        let struck = pattern(5).into_iter().filter(|struck| *struck).count();
        assert!((250..350).contains(&struck), "{struck}");
    }

    #[test]
    fn every_nth_is_every_nth_and_the_first_given_wins() {
        let faults = ["500:every-3", "404:every-2", "late:30"].map(|text| text.parse().unwrap());
        let faults = Faults::new(faults.to_vec(), 0);
        let struck = (0..6).map(|_| faults.strike()).collect::<Vec<_>>();
        let instead = struck.iter().map(|struck| struck.instead).collect::<Vec<_>>();
        let (not_found, broken) = (Some(FaultKind::NotFound), Some(FaultKind::ServerError));
        assert_eq!(instead, [None, not_found, broken, not_found, None, broken]);
        assert!(struck.iter().all(|struck| struck.view.late == TimeDelta::minutes(30)));
    }
}
