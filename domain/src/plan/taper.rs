//! A car takes less power the fuller it is.

/// Power that a battery takes, by its state of charge: flat up to a knee, then falling in a straight
/// line to a full battery.
///
/// The default shape (50 kW up to 50 %, 1 kW at 100 %) is evcc's; it bites a 7 kW charger above 94 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taper {
    /// Energy from the grid that fills the battery from empty, kWh: its capacity over the efficiency of
    /// charging.
    pub full_kwh: f64,
    /// State of charge when charging begins, 0 to 1.
    pub soc: f64,
    /// State of charge up to which `knee_kw` is taken, 0 to 1.
    pub knee: f64,
    /// Power taken up to the knee, kW.
    pub knee_kw: f64,
    /// Power taken by a full battery, kW. Above 0.
    pub full_kw: f64,
}

/// Share of the grid's energy that ends up in the battery, evcc's figure for charging at home.
pub const EFFICIENCY: f64 = 0.85;

impl Taper {
    /// The default shape for a battery of `capacity_kwh` that stands at `soc` (0 to 1).
    pub fn new(capacity_kwh: f64, soc: f64) -> Self {
        Self { full_kwh: capacity_kwh / EFFICIENCY, soc, knee: 0.5, knee_kw: 50.0, full_kw: 1.0 }
    }

    /// Hours that the first `kwh` take at a charger of `power_kw`.
    pub fn hours(&self, kwh: f64, power_kw: f64) -> f64 {
        let Some(line) = self.line(power_kw) else { return kwh / power_kw };
        let flat = line.flat_kwh.min(kwh);
        let (falling, last) = ((kwh - flat).min(line.falling_kwh), kwh - flat - line.falling_kwh);
        // dt = de / (p0 - slope e), solved.
        let falling = -(-line.slope * falling / line.start_kw).ln_1p() / line.slope;
        flat / line.start_kw + falling + last.max(0.0) / line.end_kw
    }

    /// kWh after the first `hours` at a charger of `power_kw`: the inverse of [`Taper::hours`].
    pub fn kwh(&self, hours: f64, power_kw: f64) -> f64 {
        let Some(line) = self.line(power_kw) else { return hours * power_kw };
        let flat_hours = line.flat_kwh / line.start_kw;
        if hours <= flat_hours {
            return hours * line.start_kw;
        }
        let falling_hours = (line.start_kw / line.end_kw).ln() / line.slope;
        let hours = hours - flat_hours;
        if hours <= falling_hours {
            let share = -(-line.slope * hours).exp_m1();
            return line.flat_kwh + line.start_kw / line.slope * share;
        }
        line.flat_kwh + line.falling_kwh + (hours - falling_hours) * line.end_kw
    }

    /// The three parts of the curve under a charger of `power_kw`; `None` where the power never falls
    /// or the numbers make no curve.
    fn line(&self, power_kw: f64) -> Option<Line> {
        let Self { full_kwh, soc, knee, knee_kw, full_kw } = *self;
        let sane = [full_kwh, soc, knee, knee_kw, full_kw].iter().all(|x| x.is_finite())
            && (0.1..1e6).contains(&full_kwh)
            && 0.0 < full_kw
            && (0.0..1.0).contains(&knee)
            && full_kw < knee_kw.min(power_kw);
        if !sane {
            return None;
        }
        // kW lost per unit of state of charge, and where the falling line meets the charger's power.
        let fall = (knee_kw - full_kw) / (1.0 - knee);
        let start_kw = power_kw.min(knee_kw);
        let meets = 1.0 - (start_kw - full_kw) / fall;
        let soc = soc.clamp(0.0, 1.0);
        let (start_kw, from) =
            if meets < soc { (full_kw + (1.0 - soc) * fall, soc) } else { (start_kw, meets) };
        if start_kw - full_kw < 1e-9 {
            return Some(Line {
                flat_kwh: 0.0,
                start_kw: full_kw,
                slope: 1.0,
                falling_kwh: 0.0,
                end_kw: full_kw,
            });
        }
        Some(Line {
            flat_kwh: (from - soc) * full_kwh,
            start_kw,
            slope: fall / full_kwh,
            falling_kwh: (1.0 - from) * full_kwh,
            end_kw: full_kw,
        })
    }
}

/// `start_kw` for `flat_kwh`, then falling by `slope` kW per kWh for `falling_kwh`, then `end_kw`.
struct Line {
    flat_kwh: f64,
    start_kw: f64,
    slope: f64,
    falling_kwh: f64,
    end_kw: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hours by adding up tiny steps of energy.
    fn summed(taper: &Taper, kwh: f64, power_kw: f64) -> f64 {
        let steps = 200_000;
        let step = kwh / f64::from(steps);
        (0..steps)
            .map(|i| {
                let soc = taper.soc + (f64::from(i) + 0.5) * step / taper.full_kwh;
                let fall = (soc - taper.knee).max(0.0) / (1.0 - taper.knee);
                let cap = taper.knee_kw - fall * (taper.knee_kw - taper.full_kw);
                step / cap.max(taper.full_kw).min(power_kw)
            })
            .sum()
    }

    #[test]
    fn agrees_with_adding_up_small_steps_and_with_its_inverse() {
        for (soc, kwh, power) in [
            (0.2, 10.0, 7.2),
            (0.2, 60.0, 11.0),
            (0.9, 8.0, 11.0),
            (0.97, 4.0, 7.2),
            (0.5, 45.0, 150.0),
            (0.1, 20.0, 150.0),
            (1.0, 2.0, 7.2),
            (0.8, 30.0, 22.0),
        ] {
            let taper = Taper::new(68.0, soc);
            let hours = taper.hours(kwh, power);
            let expected = summed(&taper, kwh, power);
            assert!((hours / expected - 1.0).abs() < 1e-6, "{soc} {kwh} {power}: {hours}");
            assert!((taper.kwh(hours, power) - kwh).abs() < 1e-9, "{soc} {kwh} {power}");
            assert!(kwh / power <= hours + 1e-12);
        }
    }

    #[test]
    fn a_shape_that_makes_no_sense_falls_back_to_the_charger() {
        let mut taper = Taper::new(68.0, 0.2);
        for bad in [0.0, -1.0, f64::NAN, 99.0] {
            taper.full_kw = bad;
            assert_eq!(taper.hours(14.0, 7.0), 2.0, "{bad}");
        }
    }
}
