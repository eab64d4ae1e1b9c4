use chrono::TimeDelta;
use proptest::prelude::*;

use super::*;
use crate::plan::result::Source;

const MINUTE: Nanos = 60_000_000_000;

#[derive(Clone, Debug)]
struct Case {
    values: Vec<i32>,
    /// Minutes of the first and the last cell; the others have 5.
    ends: (i64, i64),
    forced: usize,
    need_minutes: i64,
    min_on: i64,
    min_off: i64,
    start_cost: i32,
    max_starts: Option<u32>,
    before: Option<(bool, i64)>,
}

fn case() -> impl Strategy<Value = Case> {
    // Few different values make many ties.
    let values = prop_oneof![
        prop::collection::vec(1..6i32, 4..60),
        prop::collection::vec(100..400i32, 4..60)
    ];
    let limits = (0..25i64, 0..25i64, 0..60i32, prop::option::of(1..5u32));
    let before = prop::option::of((any::<bool>(), 0..20i64));
    (values, (1..=5i64, 1..=5i64), 0..3usize, 1..100i64, limits, before).prop_map(
        |(values, ends, forced, need_minutes, limits, before)| Case {
            values,
            ends,
            forced,
            need_minutes,
            min_on: limits.0,
            min_off: limits.1,
            start_cost: limits.2,
            max_starts: limits.3,
            before,
        },
    )
}

fn cells(case: &Case) -> Vec<Cell> {
    let last = case.values.len() - 1;
    let mut start = 0;
    let cell = |(i, value): (usize, &i32)| {
        let minutes = match i {
            0 => case.ends.0,
            i if i == last => case.ends.1,
            _ => 5,
        };
        let end = start + minutes * MINUTE;
        let cell = Cell {
            start,
            end,
            value: Some(f64::from(*value)),
            source: Source::Forecast,
            slot: i,
            outside: false,
            forced: i < case.forced,
        };
        start = end;
        cell
    };
    case.values.iter().enumerate().map(cell).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// What the bounds shut out is never the best plan, nor one as good that charges later.
    #[test]
    fn a_corridor_changes_no_plan(case in case()) {
        let cells = cells(&case);
        let forced: Nanos = cells.iter().filter(|c| c.forced).map(Cell::len).sum();
        let all = cells.last().map_or(0, |cell| cell.end);
        let need = (case.need_minutes * MINUTE).clamp(forced.max(MINUTE), all - 1);
        let now = crate::Timestamp::UNIX_EPOCH;
        let since = now - TimeDelta::minutes(1);
        let before = case.before.map(|(charging, least)| match charging {
            true => (Before::Charging { since }, least.min(case.min_on) * MINUTE),
            false => (Before::Idle { since }, least.min(case.min_off) * MINUTE),
        });
        let problem = Problem {
            cells: &cells,
            need,
            min_on: case.min_on * MINUTE,
            min_off: case.min_off * MINUTE,
            start_cost: f64::from(case.start_cost) / 10.0,
            max_starts: case.max_starts,
            before,
            energy: Energy { power_kw: 7.2, taper: None },
        };
        let grid = Grid::<f64>::new(&cells, problem.energy);
        let rules = |part| problem.rules(part, &cells, problem.max_starts);
        let Some(parts) = problem.parts(&cells) else { return Ok(()) };
        let parts: Vec<Prepared> = parts
            .into_iter()
            .map(|(part, amounts)| Prepared::new(&grid, &rules(part), amounts))
            .collect();
        if let Some(within) = problem.best_within(&grid, &parts, &rules, f64::INFINITY) {
            let full = problem.best(&grid, &parts, &rules, None).map(|(_, runs)| runs);
            prop_assert_eq!(Some(within), full);
        }
    }
}

#[test]
fn a_corridor_is_found_and_narrow_for_a_long_forecast() {
    // No two days are alike.
    let noise = |i: u32| (i.wrapping_mul(2_654_435_761) >> 25) as i32 % 40;
    let value = |i: i32| 250 + (i % 288 - 144).abs() / 2 + i / 9 + noise(i as u32);
    let case = Case {
        values: (0..600).map(value).collect(),
        ends: (3, 5),
        forced: 0,
        need_minutes: 240,
        min_on: 30,
        min_off: 15,
        start_cost: 0,
        max_starts: Some(3),
        before: None,
    };
    let cells = cells(&case);
    let problem = Problem {
        cells: &cells,
        need: 240 * MINUTE,
        min_on: 30 * MINUTE,
        min_off: 15 * MINUTE,
        start_cost: 0.0,
        max_starts: Some(3),
        before: None,
        energy: Energy { power_kw: 7.2, taper: None },
    };
    let bounds = problem.bounds::<f64>(&cells, &problem.rules(0, &cells, Some(3))).unwrap();
    let share = bounds.corridor(bounds.lowest() * (1.0 + FIRST_ROOM)).share();
    assert!(share < WIDEST, "{share}");
}
