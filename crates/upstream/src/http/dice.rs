//! [`Dice`]: cheap random numbers for spreading load. They keep no secret.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A `SplitMix64` generator (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014): one
/// atomic addition a number, so that all threads may share it.
#[derive(Debug)]
pub(crate) struct Dice(AtomicU64);

/// The odd number nearest to 2⁶⁴ divided by the golden ratio.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

// === impl Dice ===

impl Dice {
    /// Starts anywhere.
    pub(crate) fn new() -> Self {
        Self::from_seed(RandomState::new().hash_one(0_u8))
    }

    /// Starts here, for tests.
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        mix(self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA))
    }

    /// A number below `end`, which is not 0 (Lemire's multiplication; the bias is below 2⁻³²).
    pub(crate) fn below(&self, end: usize) -> usize {
        let wide = u128::from(self.next()) * (end as u128);
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from 0 to just below 1.
    pub(crate) fn unit(&self) -> f64 {
        unit(self.next())
    }

    /// A time up to a tenth shorter or longer.
    pub(crate) fn jitter(&self, time: Duration) -> Duration {
        time.mul_f64(0.9 + 0.2 * self.unit())
    }
}

/// The finaliser of `SplitMix64`: every bit of the input moves every bit of the output.
pub(crate) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// FNV-1a (Fowler, Noll and Vo), mixed: the same in every process and version, so that keys stay with their targets.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(hash)
}

/// The upper 53 bits as a number from 0 to just below 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit the mantissa")]
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread() {
        let dice = Dice::from_seed(7);
        let mut seen = [0_u32; 5];
        for _ in 0..10_000 {
            seen[dice.below(5)] += 1;
        }
        assert!(seen.iter().all(|count| (1_800..2_200).contains(count)), "{seen:?}");
        let tenth = dice.jitter(Duration::from_secs(10)).as_secs_f64();
        assert!((9.0..11.0).contains(&tenth), "{tenth}");
    }

    #[test]
    fn it_is_the_published_generator() {
        // First outputs for the seed 1234567, as in the reference implementation (prng.di.unimi.it/splitmix64.c).
        let dice = Dice::from_seed(1_234_567);
        assert_eq!(dice.next(), 6_457_827_717_110_365_317);
        assert_eq!(dice.next(), 3_203_168_211_198_807_973);
    }
}
