//! Moving a record in time: by the Eastern wall clock, so that the evening peak stays in the evening
//! whatever daylight saving does on either side.
//!
//! Where the two sides disagree about an hour:
//!
//! ```text
//! record has it   target has it     what is served
//! once            once              the row, moved
//! once            twice (autumn)    the hour twice: as EDT, then again as EST
//! twice           once              its first pass; the second is left out
//! twice           twice             each pass as itself
//! once            never (spring)    left out: 01:55 EST is followed by 03:00 EDT
//! never           once              the hour before it, again
//! ```

use chrono::{NaiveDateTime, TimeDelta};
use domain::Timestamp;
use nyiso::eastern::{Zone, to_utc, wall_clock};

/// Wall-clock distance from the record to what is served: `served = recorded + shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shift(pub TimeDelta);

/// Where a recorded row lands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// The instant.
    pub ts: Timestamp,
    /// What the wall clock in New York shows then.
    pub wall: NaiveDateTime,
    /// Which wall clock that is.
    pub zone: Zone,
}

impl Shift {
    /// All places of a row that the record has at `wall` in `zone`: none, one or two.
    pub fn places(self, wall: NaiveDateTime, zone: Zone) -> impl Iterator<Item = Placed> {
        let moved = self.places_of_hour(wall, (passes(wall).count() == 2).then_some(zone));
        // Spring, in the record: the hour after this one does not exist there.
        let later = wall + TimeDelta::hours(1);
        let stands_in = zone == Zone::Est && passes(later).count() == 0;
        let again = stands_in.then(|| self.places_of_hour(later, None));
        moved.chain(again.into_iter().flatten())
    }

    /// `pass` is set where the record has this hour twice.
    fn places_of_hour(
        self,
        recorded: NaiveDateTime,
        pass: Option<Zone>,
    ) -> impl Iterator<Item = Placed> {
        let wall = recorded + self.0;
        let twice = passes(wall).count() == 2;
        passes(wall).filter(move |placed| match pass {
            Some(zone) if twice => placed.zone == zone,
            Some(zone) => zone == Zone::Edt,
            None => true,
        })
    }
}

/// The instants at which the wall clock in New York shows `wall`: none in the hour that spring leaves
/// out, two in the one that autumn repeats, else one.
fn passes(wall: NaiveDateTime) -> impl Iterator<Item = Placed> {
    [Zone::Edt, Zone::Est].into_iter().filter_map(move |zone| {
        let ts = to_utc(wall, zone);
        (wall_clock(ts) == (wall, zone)).then_some(Placed { ts, wall, zone })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    /// Moves the record's `from` by whole days to the date `to`, and shows where it lands.
    #[track_caller]
    fn check(from: &str, zone: Zone, to: &str, expected: &[&str]) {
        let wall = from.parse::<NaiveDateTime>().unwrap();
        let days = to.parse::<NaiveDate>().unwrap() - wall.date();
        let places = Shift(days)
            .places(wall, zone)
            .map(|placed| format!("{} {}", placed.wall.format("%d %H:%M:%S"), placed.zone))
            .collect::<Vec<_>>();
        assert_eq!(places, expected, "{from} to {to}");
    }

    #[test]
    fn an_ordinary_row_keeps_its_wall_clock_and_takes_the_zone_of_its_new_date() {
        check("2017-07-04T17:07:34", Zone::Edt, "2026-01-06", &["06 17:07:34 EST"]);
        check("2017-01-04T17:05:00", Zone::Est, "2026-07-06", &["06 17:05:00 EDT"]);
    }

    #[test]
    fn a_spring_day_has_no_hour_two() {
        check("2017-07-04T01:55:00", Zone::Edt, "2026-03-08", &["08 01:55:00 EST"]);
        check("2017-07-04T02:00:00", Zone::Edt, "2026-03-08", &[]);
        check("2017-07-04T02:59:59", Zone::Edt, "2026-03-08", &[]);
        check("2017-07-04T03:00:00", Zone::Edt, "2026-03-08", &["08 03:00:00 EDT"]);
    }

    #[test]
    fn an_autumn_day_has_hour_one_twice() {
        let both = ["01 01:30:00 EDT", "01 01:30:00 EST"];
        check("2017-07-04T01:30:00", Zone::Edt, "2026-11-01", &both);
        check("2017-07-04T02:00:00", Zone::Edt, "2026-11-01", &["01 02:00:00 EST"]);
    }

    #[test]
    fn a_recorded_autumn_day_gives_its_first_pass_unless_the_target_has_two() {
        check("2016-11-06T01:30:00", Zone::Edt, "2026-07-01", &["01 01:30:00 EDT"]);
        check("2016-11-06T01:30:00", Zone::Est, "2026-07-01", &[]);
        check("2016-11-06T01:30:00", Zone::Edt, "2026-11-01", &["01 01:30:00 EDT"]);
        check("2016-11-06T01:30:00", Zone::Est, "2026-11-01", &["01 01:30:00 EST"]);
    }

    #[test]
    fn a_recorded_spring_day_fills_hour_two_with_the_hour_before() {
        let both = ["01 01:30:00 EDT", "01 02:30:00 EDT"];
        check("2022-03-13T01:30:00", Zone::Est, "2026-07-01", &both);
        check("2022-03-13T03:00:00", Zone::Edt, "2026-07-01", &["01 03:00:00 EDT"]);
        check("2022-03-13T01:30:00", Zone::Est, "2026-03-08", &["08 01:30:00 EST"]);
    }
}
