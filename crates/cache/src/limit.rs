//! Quotas and the generic cell rate algorithm (GCRA, ITU-T I.371 annex A), which decides on them.
//!
//! A key has one number: the time at which it would be at rest again. Each pass pushes it on by one interval
//! (window / limit); a pass is refused when it would lie more than burst intervals ahead.

use std::str::FromStr;
use std::time::Duration;

use denizen_kit::config::parse_duration;

/// The furthest a key may be pushed ahead, in microseconds: a Lua number still counts them exactly.
const FURTHEST: u64 = 1 << 52;

/// How much may pass: `limit` in each `window` in the long run, and up to `burst` at once.
///
/// Written `20/1m` (burst is the limit) or `20/1m burst 40`. A limit or burst of 0 counts as 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    /// How many in a window, in the long run.
    pub limit: u32,
    /// The window.
    pub window: Duration,
    /// How many at once from a caller who has rested.
    pub burst: u32,
}

/// What a quota says to one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it may pass.
    pub allowed: bool,
    /// How many may pass at once from a caller who has rested: the burst of the quota.
    pub limit: u32,
    /// How many more may pass now; never above `limit`.
    pub remaining: u32,
    /// When one more may pass; zero if this one may.
    pub retry_after: Duration,
    /// When the whole burst is there again.
    pub reset_after: Duration,
}

// === impl Quota ===

impl Quota {
    /// The time between two passes in the long run, in microseconds.
    pub(crate) fn interval(&self) -> u64 {
        let window = u64::try_from(self.window.as_micros()).unwrap_or(FURTHEST);
        (window / u64::from(self.limit.max(1))).clamp(1, FURTHEST)
    }

    /// How far ahead a key may be, in microseconds.
    pub(crate) fn room(&self) -> u64 {
        let room = self.interval().saturating_mul(u64::from(self.burst.max(1)));
        room.min(FURTHEST)
    }

    /// Decides on one more, when the key is `ahead` microseconds ahead. Returns how far ahead it is then.
    pub(crate) fn decide(&self, ahead: u64) -> (u64, Verdict) {
        // Further than the room it can only be by another quota or a clock that was put back.
        let ahead = ahead.min(self.room());
        let allowed = ahead + self.interval() <= self.room();
        let ahead = if allowed { ahead + self.interval() } else { ahead };
        (ahead, self.verdict(allowed, ahead))
    }

    /// The verdict that leaves the key `ahead` microseconds ahead.
    pub(crate) fn verdict(&self, allowed: bool, ahead: u64) -> Verdict {
        let left = self.room().saturating_sub(ahead);
        let wait = if allowed { 0 } else { self.interval().saturating_sub(left) };
        Verdict {
            allowed,
            limit: self.burst.max(1),
            remaining: u32::try_from(left / self.interval()).unwrap_or(u32::MAX),
            retry_after: Duration::from_micros(wait),
            reset_after: Duration::from_micros(ahead),
        }
    }
}

impl FromStr for Quota {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shape = "a quota is a number and a window, such as 20/1m, or 20/1m burst 40";
        let number = |text: &str| match text.trim().parse::<u32>() {
            Ok(0) => Err("a quota of 0 lets nothing pass; write 1 or more".to_owned()),
            Ok(number) => Ok(number),
            Err(_) => Err(shape.to_owned()),
        };
        let (rate, burst) = match text.split_once("burst") {
            Some((rate, burst)) => (rate, Some(number(burst)?)),
            None => (text, None),
        };
        let (limit, window) = rate.split_once('/').ok_or(shape)?;
        let limit = number(limit)?;
        let window = parse_duration(window.trim())?;
        if window.is_zero() {
            return Err("a window of 0 lets everything pass; write 1s or more".to_owned());
        }
        Ok(Self { limit, window, burst: burst.unwrap_or(limit) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(text: &str) -> Quota {
        text.parse().unwrap()
    }

    #[test]
    fn quotas_are_read() {
        let minute = Duration::from_secs(60);
        assert_eq!(quota("20/1m"), Quota { limit: 20, window: minute, burst: 20 });
        assert_eq!(quota(" 20 / 1m  burst 40 "), Quota { limit: 20, window: minute, burst: 40 });
        for bad in [
            "",
            "20",
            "20/",
            "/1m",
            "20/1w",
            "0/1m",
            "20/0s",
            "20/1m burst",
            "20/1m burst 0",
            "-1/1m",
            "2 0/1m",
        ] {
            assert!(bad.parse::<Quota>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_burst_passes_and_then_one_per_interval() {
        let quota = quota("60/1m burst 3");
        let mut ahead = 0;
        for remaining in [2, 1, 0] {
            let (next, verdict) = quota.decide(ahead);
            assert!(verdict.allowed);
            assert_eq!((verdict.remaining, verdict.limit), (remaining, 3));
            assert_eq!(verdict.retry_after, Duration::ZERO);
            ahead = next;
        }
        let (same, refused) = quota.decide(ahead);
        assert_eq!(same, ahead, "a refusal costs nothing");
        assert!(!refused.allowed);
        assert_eq!(refused.retry_after, Duration::from_secs(1));
        assert_eq!(refused.reset_after, Duration::from_secs(3));
        let (_, early) = quota.decide(ahead - 999_999);
        assert_eq!((early.allowed, early.retry_after), (false, Duration::from_micros(1)));
        assert!(quota.decide(ahead - 1_000_000).1.allowed, "after an interval one more");
    }

    #[test]
    fn extreme_quotas_and_states_do_not_overflow() {
        let all = [
            Quota { limit: 0, window: Duration::ZERO, burst: 0 },
            Quota { limit: 1, window: Duration::MAX, burst: u32::MAX },
            Quota { limit: u32::MAX, window: Duration::from_secs(1), burst: 1 },
        ];
        for quota in all {
            assert!(quota.decide(0).1.allowed, "{quota:?}");
            let (ahead, verdict) = quota.decide(u64::MAX);
            assert!(!verdict.allowed && ahead <= quota.room(), "{quota:?}");
        }
    }
}
