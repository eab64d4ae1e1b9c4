//! The exact search against trying everything, on small grids.

use domain::plan::{ChargePlan, ChargeRequest, Limits, Outlook, Slot, Taper, plan};
use proptest::prelude::*;

use super::{at, minutes};

/// A run, in minutes.
type Run = (i64, i64);

#[derive(Clone, Debug)]
struct Small {
    /// Lengths of the slots, minutes, and values; `None` is a hole.
    slots: Vec<(i64, Option<i64>)>,
    now: i64,
    /// Taken off the end of the last slot.
    early: i64,
    need: i64,
    min_on: i64,
    min_off: i64,
    max_starts: Option<u32>,
    start_cost: i64,
}

impl Small {
    /// Boundaries from now to the departure, and the value of each cell.
    fn cells(&self) -> Vec<(i64, i64, Option<i64>)> {
        let mut start = 0;
        let mut cells = Vec::new();
        let depart = self.depart();
        for (length, value) in &self.slots {
            let (from, to) = (start.max(self.now), (start + length).min(depart));
            if from < to {
                cells.push((from, to, *value));
            }
            start += length;
        }
        cells
    }

    fn depart(&self) -> i64 {
        self.slots.iter().map(|slot| slot.0).sum::<i64>() - self.early
    }

    fn request(&self) -> ChargeRequest {
        let mut request = ChargeRequest::new(self.need as f64 / 60.0, 1.0, at(self.depart()));
        request.limits = Limits {
            min_on: minutes(self.min_on),
            min_off: minutes(self.min_off),
            max_starts: self.max_starts,
            start_cost: self.start_cost as f64 / 60.0,
        };
        request
    }

    fn outlook(&self) -> Outlook {
        let mut start = 0;
        let mut slots = Vec::new();
        for (length, value) in &self.slots {
            if let Some(value) = value {
                slots.push(Slot {
                    start: at(start),
                    end: at(start + length),
                    value: *value as f64,
                });
            }
            start += length;
        }
        Outlook::new(slots).unwrap()
    }

    fn plan(&self) -> ChargePlan {
        plan(at(self.now), &self.request(), &self.outlook()).unwrap()
    }

    /// Unknown minutes, and value times minutes with the cost of starts: what is to be kept low.
    fn weigh(&self, runs: &[Run]) -> (i64, i64) {
        let known = !self.outlook().is_empty();
        let mut weight = (0, self.start_cost * runs.len() as i64);
        for (from, to, value) in self.cells() {
            let shared: i64 = runs.iter().map(|run| (run.1.min(to) - run.0.max(from)).max(0)).sum();
            match value {
                Some(value) if known => weight.1 += value * shared,
                _ => weight.0 += shared,
            }
        }
        weight
    }

    fn allows(&self, runs: &[Run]) -> bool {
        let min_on = self.min_on.min(self.need);
        runs.iter().all(|run| min_on <= run.1 - run.0 || run.1 == self.depart())
            && runs.windows(2).all(|pair| self.min_off <= pair[1].0 - pair[0].1)
            && self.max_starts.is_none_or(|most| runs.len() <= most as usize)
    }

    /// All plans of whole cells, one of them cut at its beginning or its end.
    fn all(&self) -> impl Iterator<Item = Vec<Run>> {
        let (cells, need) = (self.cells(), self.need);
        (1u32..1 << cells.len()).flat_map(move |mask| {
            let chosen: Vec<Run> = (0..cells.len())
                .filter(|i| mask & (1 << i) != 0)
                .map(|i| (cells[i].0, cells[i].1))
                .collect();
            let surplus = chosen.iter().map(|cell| cell.1 - cell.0).sum::<i64>() - need;
            (0..chosen.len())
                .filter(|i| 0 <= surplus && surplus < chosen[*i].1 - chosen[*i].0)
                .flat_map(|i| [(i, surplus, 0), (i, 0, surplus)])
                .map(|(i, late, early)| {
                    let mut cut = chosen.clone();
                    cut[i] = (cut[i].0 + late, cut[i].1 - early);
                    joined(&cut)
                })
                .collect::<Vec<_>>()
        })
    }

    /// The lowest weight of all plans that the limits allow.
    fn best(&self) -> Option<(i64, i64)> {
        self.all().filter(|runs| self.allows(runs)).map(|runs| self.weigh(&runs)).min()
    }
}

/// Cells that touch are one run.
fn joined(cells: &[Run]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for &(from, to) in cells {
        match runs.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            _ => runs.push((from, to)),
        }
    }
    runs
}

fn in_minutes(plan: &ChargePlan) -> Vec<Run> {
    plan.runs()
        .iter()
        .map(|run| ((run.0 - at(0)).num_minutes(), (run.1 - at(0)).num_minutes()))
        .collect()
}

prop_compose! {
    fn small()(
        slots in prop_oneof![
            4 => prop::collection::vec((Just(15), prop::option::weighted(0.9, -2..9i64)), 1..11),
            1 => prop::collection::vec((prop_oneof![Just(5), Just(10), Just(15), Just(30)],
                                        (0..9i64).prop_map(Some)), 1..10),
        ],
        now in prop_oneof![3 => Just(0), 1 => 0..15i64],
        early in prop_oneof![3 => Just(0), 1 => 0..15i64],
        share in 0.0..1.0f64,
        whole in any::<bool>(),
        min_on in prop_oneof![Just(0), Just(10), Just(15), Just(20), Just(30), Just(45), Just(90)],
        min_off in prop_oneof![Just(0), Just(10), Just(15), Just(20), Just(30), Just(45)],
        max_starts in prop::option::of(1..4u32),
        start_cost in prop_oneof![Just(0), Just(10), Just(60), Just(200)],
    ) -> Small {
        let mut small = Small { slots, now, early, need: 0, min_on, min_off, max_starts, start_cost };
        let span = (small.depart() - now).max(1);
        small.need = ((share * span as f64) as i64).max(1);
        if whole {
            small.need = (small.need / 15 * 15).max(15);
        }
        small
    }
}

proptest! {
    #[test]
    fn no_plan_on_the_grid_is_better_and_every_rule_is_kept(case in small()) {
        let plan = case.plan();
        let runs = in_minutes(&plan);
        prop_assert_eq!(plan.duration(), minutes(case.need), "the need is met");
        if case.depart() - case.now <= case.need {
            prop_assert_eq!(runs, vec![(case.now, case.now + case.need)]);
            return Ok(());
        }
        prop_assert!(!plan.limits_waived);
        prop_assert!(runs.iter().all(|run| case.now <= run.0 && run.1 <= case.depart()));
        let limits = case.request().limits;
        if limits.are_off() {
            // At any instant: at most as much as on the grid.
            prop_assert!(Some(case.weigh(&runs)) <= case.best());
        } else {
            prop_assert!(case.allows(&runs), "{:?}", runs);
            prop_assert_eq!(Some(case.weigh(&runs)), case.best(), "{:?}", runs);
        }
    }

    #[test]
    fn a_continuous_charge_is_the_best_window_at_any_minute(case in small()) {
        let mut request = case.request();
        request.continuous = true;
        let plan = plan(at(case.now), &request, &case.outlook()).unwrap();
        let runs = in_minutes(&plan);
        prop_assert_eq!(runs.len(), 1);
        prop_assert_eq!(plan.duration(), minutes(case.need));
        if case.depart() - case.now > case.need {
            let best = (case.now..=case.depart() - case.need)
                .map(|start| (case.weigh(&[(start, start + case.need)]), -start))
                .min()
                .unwrap();
            prop_assert_eq!((case.weigh(&runs), -runs[0].0), best);
        }
    }

    #[test]
    fn without_limits_no_minute_could_be_better(case in small()) {
        let mut request = case.request();
        request.limits = Limits::default();
        let plan = plan(at(case.now), &request, &case.outlook()).unwrap();
        let runs = in_minutes(&plan);
        prop_assert_eq!(plan.duration(), minutes(case.need));
        if case.depart() - case.now > case.need {
            let mut each: Vec<_> =
                (case.now..case.depart()).map(|m| case.weigh(&[(m, m + 1)])).collect();
            let start_cost = case.start_cost;
            each.sort_unstable();
            let best = each[..case.need as usize]
                .iter()
                .fold((0, 0), |sum, w| (sum.0 + w.0, sum.1 + w.1 - start_cost));
            let weight = case.weigh(&runs);
            prop_assert_eq!((weight.0, weight.1 - start_cost * runs.len() as i64), best);
        }
    }

    #[test]
    fn a_taper_is_weighed_as_exactly(case in small(), soc in 0.0..1.0f64, limited in any::<bool>()) {
        // Values without holes; power falls within the need.
        let mut case = case;
        for slot in &mut case.slots {
            slot.1 = Some(slot.1.unwrap_or(4));
        }
        let taper = Taper { full_kwh: 1.5, soc, knee: 0.3, knee_kw: 1.0, full_kw: 0.2 };
        let mut request = case.request();
        request.taper = Some(taper);
        // As much as `need` minutes bring, to the nanosecond: one more, rounded up from the noise of a float,
        // would leave a pause of exactly `min_off` too short.
        request.need_kwh = taper.kwh(case.need as f64 / 60.0, 1.0);
        while minutes(case.need) < request.duration().unwrap() {
            request.need_kwh = request.need_kwh.next_down();
        }
        prop_assert_eq!(request.duration().unwrap(), minutes(case.need));
        if !limited {
            request.limits = Limits::default();
        }
        let plan = plan(at(case.now), &request, &case.outlook()).unwrap();
        if case.depart() - case.now <= case.need || case.outlook().is_empty() {
            return Ok(());
        }
        let grams = |runs: &[Run]| {
            let (mut done, mut grams) = (0.0, 0.0);
            for &(from, to) in runs {
                for cell in case.cells() {
                    let minutes = (to.min(cell.1) - from.max(cell.0)).max(0);
                    let hours = minutes as f64 / 60.0;
                    let kwh = taper.kwh(done + hours, 1.0) - taper.kwh(done, 1.0);
                    grams += cell.2.unwrap() as f64 * kwh;
                    done += hours;
                }
            }
            grams + request.limits.start_cost * runs.len() as f64
        };
        let best = case
            .all()
            .filter(|runs| !limited || case.allows(runs))
            .map(|runs| grams(&runs))
            .fold(f64::INFINITY, f64::min);
        let cost = plan.grams + request.limits.start_cost * plan.runs().len() as f64;
        // The need in kWh is a nanosecond more or less.
        prop_assert!((cost - best).abs() < 1e-6, "{} is not {}", cost, best);
    }
}
