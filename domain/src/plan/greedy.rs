//! Without limits on the switch the best plan is simple: the best stretches first.

use std::cmp::Ordering;

use super::cells::{Cell, Nanos};

/// Runs of `need` in `cells`, the forced ones among them: lowest total value at any instant, in the
/// windows rather than outside, known rather than unknown, late rather than early.
///
/// The last cell taken is taken in part. Which part costs the same; it is the later one, unless it is
/// known and its beginning goes on with a run, which spares a start. Before preconditioning
/// (`keep_beginning`) a part that stands alone is the earlier one, so that slack stays before the departure.
///
/// `need` must fit into the cells.
pub fn runs(cells: &[Cell], need: Nanos, keep_beginning: bool) -> Vec<(Nanos, Nanos)> {
    let mut free: Vec<usize> = (0..cells.len()).filter(|&i| !cells[i].forced).collect();
    // Best first; all keys differ in the last one, so an unstable sort gives one result.
    free.sort_unstable_by(|&a, &b| rank(&cells[a], &cells[b]).then(b.cmp(&a)));

    let mut chosen: Vec<bool> = cells.iter().map(|cell| cell.forced).collect();
    let mut left = need - cells.iter().filter(|cell| cell.forced).map(Cell::len).sum::<Nanos>();
    let mut partial = None;
    for i in free {
        if left <= 0 {
            break;
        }
        if left < cells[i].len() {
            partial = Some((i, left));
        } else {
            chosen[i] = true;
        }
        left -= cells[i].len();
    }

    let mut runs: Vec<(Nanos, Nanos)> = Vec::new();
    for (i, cell) in cells.iter().enumerate() {
        let (start, end) = match partial {
            Some((at, part)) if at == i => {
                let after = i + 1 < cells.len() && chosen[i + 1];
                let before = 0 < i && chosen[i - 1];
                if cell.value.is_some() && !after && (before || keep_beginning) {
                    (cell.start, cell.start + part)
                } else {
                    (cell.end - part, cell.end)
                }
            }
            _ if chosen[i] => (cell.start, cell.end),
            _ => continue,
        };
        push(&mut runs, start, end);
    }
    runs
}

/// Adds a run, or makes the last one longer when they touch.
pub fn push(runs: &mut Vec<(Nanos, Nanos)>, start: Nanos, end: Nanos) {
    match runs.last_mut() {
        Some(last) if last.1 == start => last.1 = end,
        _ if start < end => runs.push((start, end)),
        _ => {}
    }
}

fn rank(a: &Cell, b: &Cell) -> Ordering {
    a.outside.cmp(&b.outside).then_with(|| match (a.value, b.value) {
        (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (a, b) => a.is_none().cmp(&b.is_none()),
    })
}
