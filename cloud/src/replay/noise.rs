//! Noise without state: the same seed, channel and time always give the same value, so that any day of
//! any year can be made on its own.

/// A seeded source of noise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Noise {
    seed: u64,
}

impl Noise {
    /// Noise of this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// 64 bits that look random, of `channel` at `index`.
    pub fn bits(self, channel: u64, index: i64) -> u64 {
        let key = self.seed ^ channel.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mix(mix(key).wrapping_add(index.cast_unsigned()))
    }

    /// Evenly spread over [-1, 1).
    pub fn jitter(self, channel: u64, index: i64) -> f64 {
        // 53 bits are all that an f64 holds.
        let unit = (self.bits(channel, index) >> 11) as f64 / (1_u64 << 53) as f64;
        2.0 * unit - 1.0
    }

    /// A smooth curve through a random value in [-1, 1) at every multiple of `period_secs`.
    pub fn smooth(self, channel: u64, secs: i64, period_secs: i64) -> f64 {
        let index = secs.div_euclid(period_secs);
        let part = secs.rem_euclid(period_secs) as f64 / period_secs as f64;
        let (from, to) = (self.jitter(channel, index), self.jitter(channel, index + 1));
        from + (to - from) * smoothstep(part)
    }
}

/// 0 to 1 with level ends.
pub(super) fn smoothstep(part: f64) -> f64 {
    let part = part.clamp(0.0, 1.0);
    part * part * (3.0 - 2.0 * part)
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014): every input bit reaches every output bit.
fn mix(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_even_and_channels_differ() {
        let noise = Noise::new(1);
        let values = (0..10_000).map(|index| noise.jitter(3, index)).collect::<Vec<_>>();
        let mean = values.iter().sum::<f64>() / 10_000.0;
        let square = values.iter().map(|value| value * value).sum::<f64>() / 10_000.0;
        assert!(mean.abs() < 0.02, "{mean}");
        assert!((square - 1.0 / 3.0).abs() < 0.02, "{square}");
        assert_ne!(noise.bits(3, 7), noise.bits(4, 7));
        assert_ne!(noise.bits(3, 7), Noise::new(2).bits(3, 7));
    }

    #[test]
    fn smooth_noise_has_no_steps_even_before_1970() {
        let noise = Noise::new(1);
        for secs in (-20_000..20_000).step_by(100) {
            let step = noise.smooth(5, secs + 100, 7_200) - noise.smooth(5, secs, 7_200);
            assert!(step.abs() < 0.05, "{step} at {secs}");
        }
    }
}
