//! The guard against guessing: how many failures, how long a wait, and what counts as one source.

use std::net::IpAddr;
use std::time::Duration;

use uuid::Uuid;

/// Failures of a name from one source after which each further one has to wait.
const FREE_FAILURES: i64 = 5;

/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(300);

/// Failures of a name in a day that close its passwords. NIST SP 800-63B-4 §3.2.2 allows 100.
pub(crate) const DAY_LIMIT: i64 = 50;

/// Failures of an account in a day over all its names that close its passwords: the limit of NIST SP 800-63B-4 §3.2.2.
/// It is above [`DAY_LIMIT`], so that who tries one name cannot tell whether another is of the same account.
pub(crate) const ACCOUNT_LIMIT: i64 = 100;

/// How long failures are remembered, and how long a name is closed.
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// Most characters of a source that is no address.
const MAX_SOURCE: usize = 64;

/// Whose failures are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum GuardName {
    /// The keyed digest of a login identifier, known or not.
    Identifier(Vec<u8>),
    /// A person who is logged in.
    User(Uuid),
}

// === impl GuardName ===

impl GuardName {
    /// Kind and name, for a digest.
    pub(crate) fn parts(&self) -> (&'static [u8], &[u8]) {
        match self {
            Self::Identifier(key) => (b"identifier", key),
            Self::User(user_id) => (b"user", user_id.as_bytes()),
        }
    }
}

/// How long to wait after so many failures: 1, 2, 4 … 300 seconds from the fifth on.
pub(crate) fn delay(failures: i64) -> Option<Duration> {
    let beyond = failures.checked_sub(FREE_FAILURES).filter(|beyond| *beyond >= 0)?;
    let seconds = u32::try_from(beyond).ok().and_then(|beyond| 1_u64.checked_shl(beyond));
    Some(seconds.map_or(LONGEST, Duration::from_secs).min(LONGEST))
}

/// What counts as one source: an IPv4 address, the /64 of an IPv6 address (RFC 6177: a site has at least that).
pub(crate) fn source_name(source: &str) -> String {
    match source.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => ip.to_string(),
        Ok(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Err(_) => source.chars().take(MAX_SOURCE).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_from_the_fifth_failure() {
        let seconds: Vec<u64> = (0..=15).map(|n| delay(n).map_or(0, |wait| wait.as_secs())).collect();
        assert_eq!(seconds, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(delay(i64::MAX), Some(LONGEST));
        assert_eq!(delay(i64::MIN), None);
    }

    #[test]
    fn a_site_is_one_source() {
        assert_eq!(source_name("2001:db8:1:2:3:4:5:6"), source_name("2001:db8:1:2::9"));
        assert_ne!(source_name("2001:db8:1:2::9"), source_name("2001:db8:1:3::9"));
        assert_eq!(source_name("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(source_name("192.0.2.7"), source_name("192.0.2.8"));
        assert_eq!(source_name(""), "");
        assert_eq!(source_name(&"x".repeat(500)).len(), 64);
    }
}
