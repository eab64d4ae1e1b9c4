//! Keys, clock jumps and retention.

use std::ops::ControlFlow;

use domain::Timestamp;
use service::history::{History, HistoryError, MAX_VALUE_BYTES, Record, Retention, Series};

use super::{CO2, at, days, fill, on_each};

fn values(history: &dyn History, series: &Series) -> Vec<String> {
    let everything = Timestamp::UNIX_EPOCH..Timestamp::MAX_UTC;
    let records = history.range(series, everything).expect("a read");
    assert!(records.is_sorted_by(|a, b| a.ts < b.ts));
    assert_eq!(history.count(series).expect("a count"), records.len() as u64);
    records.into_iter().map(|record| String::from_utf8(record.value).expect("text")).collect()
}

#[test]
fn an_empty_series_has_nothing() {
    on_each(|history| {
        assert_eq!(history.first(&CO2).expect("a read"), None);
        assert_eq!(history.last(&CO2).expect("a read"), None);
        assert_eq!(history.get(&CO2, at(0)).expect("a read"), None);
        assert_eq!(history.count(&CO2).expect("a read"), 0);
        assert!(!history.remove(&CO2, at(0)).expect("a write"));
        history.sync().expect("a sync");
    });
}

#[test]
fn put_is_an_upsert_by_time() {
    on_each(|history| {
        history.put(&CO2, at(600), b"late").expect("a write");
        history.put(&CO2, at(0), b"early").expect("a write");
        history.put(&CO2, at(600), b"corrected").expect("a write");
        assert_eq!(values(history, &CO2), ["early", "corrected"]);
        let last = Record { ts: at(600), value: b"corrected".to_vec() };
        assert_eq!(history.last(&CO2).expect("a read"), Some(last));
        assert_eq!(history.first(&CO2).expect("a read").map(|record| record.ts), Some(at(0)));
        assert_eq!(history.get(&CO2, at(0)).expect("a read"), Some(b"early".to_vec()));
        assert!(history.remove(&CO2, at(0)).expect("a write"));
        assert_eq!(values(history, &CO2), ["corrected"]);
    });
}

#[test]
fn a_span_is_half_open_and_a_visitor_may_stop() {
    on_each(|history| {
        fill(history, &CO2, 10);
        let span = history.range(&CO2, at(300)..at(900)).expect("a read");
        assert_eq!(span.iter().map(|record| record.ts).collect::<Vec<_>>(), [at(300), at(600)]);
        assert_eq!(history.range(&CO2, at(900)..at(300)).expect("a read"), []);
        assert_eq!(history.range(&CO2, at(300)..at(300)).expect("a read"), []);
        let mut seen = 0;
        let mut two = |_, _: &[u8]| {
            seen += 1;
            if seen == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        history.scan(&CO2, at(0)..at(90_000), &mut two).expect("a read");
        assert_eq!(seen, 2);
    });
}

#[test]
fn times_are_cut_to_the_millisecond() {
    on_each(|history| {
        let fine = at(0) + std::time::Duration::from_micros(1_999);
        history.put(&CO2, fine, b"x").expect("a write");
        let cut = at(0) + std::time::Duration::from_millis(1);
        assert_eq!(history.last(&CO2).expect("a read").map(|record| record.ts), Some(cut));
        assert_eq!(history.get(&CO2, fine).expect("a read"), Some(b"x".to_vec()));
        // The record's own time, cut, lies before the start of this span.
        assert_eq!(history.range(&CO2, fine..at(1)).expect("a read"), []);
        assert_eq!(history.range(&CO2, cut..fine).expect("a read").len(), 1);
    });
}

#[test]
fn series_do_not_see_each_other() {
    on_each(|history| {
        let zone = Series::new("co2-zone", CO2.retention());
        fill(history, &CO2, 3);
        history.put(&zone, at(0), b"zone").expect("a write");
        assert_eq!(values(history, &CO2), ["0", "1", "2"]);
        assert_eq!(values(history, &zone), ["zone"]);
    });
}

#[test]
fn what_cannot_be_stored_is_refused_in_plain_words() {
    on_each(|history| {
        let before = history.put(&CO2, Timestamp::MIN_UTC, b"x").expect_err("refused");
        assert!(matches!(before, HistoryError::Before1970 { .. }));
        let long = history.put(&CO2, at(0), &vec![0; MAX_VALUE_BYTES + 1]).expect_err("refused");
        assert_eq!(
            long.to_string(),
            "a value of 65537 bytes is too long for the history; it takes 65536"
        );
        history.put(&CO2, at(0), &vec![7; MAX_VALUE_BYTES]).expect("just short enough");
        assert_eq!(history.count(&CO2).expect("a count"), 1);
    });
}

/// Appends one event at each of the given clock readings, and expects all, in the order written.
#[track_caller]
fn check_clock(readings_secs: &[i64]) {
    on_each(|history| {
        let expected: Vec<String> = (0..readings_secs.len()).map(|i| i.to_string()).collect();
        for (event, &secs) in expected.iter().zip(readings_secs) {
            history.append(&CO2, at(secs), event.as_bytes()).expect("a write");
        }
        assert_eq!(values(history, &CO2), expected, "clock readings {readings_secs:?}");
    });
}

#[test]
fn no_jump_of_the_clock_loses_or_reorders_an_event() {
    const HOUR: i64 = 3600;
    const BACK_TO_1970: i64 = -1_773_158_400;
    check_clock(&[0, 10, 20]);
    check_clock(&[0, 0, 0]); // Three within a millisecond.
    check_clock(&[0, 10, -3 * HOUR, 10 - 3 * HOUR]);
    check_clock(&[0, 10, BACK_TO_1970, BACK_TO_1970 + 10]);
    check_clock(&[BACK_TO_1970 - 10, BACK_TO_1970, 0, 10]);
    check_clock(&[0, 24 * HOUR, 24 * HOUR + 10, 20, 30]);
    check_clock(&[0, 365 * 24 * HOUR, 10, 20]);
}

#[test]
fn an_event_gets_the_time_of_the_clock_unless_that_went_back() {
    on_each(|history| {
        assert_eq!(history.append(&CO2, at(0), b"a").expect("a write"), at(0));
        let second = history.append(&CO2, at(-60), b"b").expect("a write");
        assert_eq!(second, at(0) + std::time::Duration::from_millis(1));
        assert_eq!(history.append(&CO2, at(60), b"c").expect("a write"), at(60));
    });
}

#[test]
fn the_oldest_above_the_count_go() {
    on_each(|history| {
        let short = Series::new("short", Retention::days(3650, 5));
        fill(history, &short, 50);
        assert_eq!(values(history, &short), ["45", "46", "47", "48", "49"]);
    });
}

#[test]
fn a_smaller_retention_is_reached_little_by_little() {
    on_each(|history| {
        fill(history, &Series::new("s", Retention::days(3650, 1000)), 20);
        let small = Series::new("s", Retention::days(3650, 10));
        let mut before = history.count(&small).expect("a count");
        for i in 20..60 {
            history.put(&small, at(i * 300), b"x").expect("a write");
            let now = history.count(&small).expect("a count");
            assert!(before <= now + 1, "{} records went with one write", before + 1 - now);
            before = now;
        }
        assert_eq!(before, 10);
    });
}

#[test]
fn what_is_older_than_its_age_goes() {
    on_each(|history| {
        let week = Series::new("week", Retention::days(7, 1_000_000));
        fill(history, &week, 12 * 24 * 10); // Ten days.
        let first = history.first(&week).expect("a read").expect("a record").ts;
        let last = history.last(&week).expect("a read").expect("a record").ts;
        let kept = (last - first).to_std().expect("in order");
        // The newest 32 must agree on the time: they lag by less than three hours.
        assert!((days(7)..days(7) + days(1) / 8).contains(&kept), "{kept:?}");
    });
}

#[test]
fn a_record_stamped_in_the_future_does_not_wipe_the_rest() {
    on_each(|history| {
        let week = Series::new("week", Retention::days(7, 1_000_000));
        fill(history, &week, 500);
        history.put(&week, at(86_400 * 365), b"from a wrong clock").expect("a write");
        for i in 500..600 {
            history.put(&week, at(i * 300), b"right again").expect("a write");
        }
        assert_eq!(history.count(&week).expect("a count"), 601);
    });
}

#[test]
fn a_clock_that_was_a_year_ahead_does_not_wipe_an_event_log_for_that_year() {
    on_each(|history| {
        let week = Series::new("log", Retention::days(7, 1_000_000));
        for i in 0..500 {
            history.append(&week, at(i), b"before").expect("a write");
        }
        for i in 0..20 {
            history.append(&week, at(86_400 * 365 + i), b"ahead").expect("a write");
        }
        for i in 500..900 {
            history.append(&week, at(i), b"after").expect("a write");
        }
        assert_eq!(history.count(&week).expect("a count"), 920);
    });
}

#[test]
fn backfilling_older_data_keeps_the_newer() {
    on_each(|history| {
        let small = Series::new("small", Retention::days(3650, 10));
        for i in (0..30).rev() {
            history.put(&small, at(i * 300), i.to_string().as_bytes()).expect("a write");
        }
        let expected: Vec<String> = (20..30).map(|i: i64| i.to_string()).collect();
        assert_eq!(values(history, &small), expected);
    });
}
