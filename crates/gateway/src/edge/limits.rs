//! How often one may knock: limits on requests of all, of an address, of a person, and on tries to prove oneself.
//!
//! The first three are counted in this process, on every request; tries to log in, register, send codes or reset are
//! counted together with the other nodes. A refresh counts with its address only: its token cannot be guessed, and
//! many people share an address.

use std::io::{Cursor, Write};
use std::net::IpAddr;

use denizen_cache::{Quota, Verdict};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal::sha256;
use http::{HeaderName, HeaderValue};

use crate::faces::failure::Failure;
use crate::state::App;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Counts a request with all others and with those of its address.
pub(crate) fn check_request(app: &App, ip: Option<IpAddr>) -> Result<(), Failure> {
    let limits = &app.config.limits;
    if !limits.enabled {
        return Ok(());
    }
    admit("global", &limits.global, &app.cache.limit_local("limit:global", &limits.global))?;
    let mut buffer = [0; 64];
    match ip.and_then(|ip| ip_key(&mut buffer, "limit:ip:", ip)) {
        Some(key) => admit("per_ip", &limits.per_ip, &app.cache.limit_local(key, &limits.per_ip)),
        None => Ok(()),
    }
}

/// Counts a request with those of its person.
pub(crate) fn check_person(app: &App, key: &str) -> Result<(), Failure> {
    let limits = &app.config.limits;
    if !limits.enabled {
        return Ok(());
    }
    admit("per_user", &limits.per_user, &app.cache.limit_local(key, &limits.per_user))
}

/// Counts a try to prove oneself with those of its address.
pub(crate) async fn check_try(app: &App, ip: Option<IpAddr>) -> Result<(), Failure> {
    let limits = &app.config.limits;
    let mut buffer = [0; 64];
    let Some(key) = ip.and_then(|ip| ip_key(&mut buffer, "limit:auth-ip:", ip)) else { return Ok(()) };
    if !limits.enabled {
        return Ok(());
    }
    admit("auth_per_ip", &limits.auth_per_ip, &app.cache.limit(key, &limits.auth_per_ip).await)
}

/// Counts a try with those for the same identifier. The name it is counted under is a digest.
pub(crate) async fn check_account(app: &App, identifier: &str) -> Result<(), Failure> {
    let limits = &app.config.limits;
    if !limits.enabled {
        return Ok(());
    }
    let canonical = identifier.trim().to_lowercase();
    let key = format!("limit:account:{}", hex::encode(&sha256(canonical.as_bytes())[..16]));
    admit(
        "auth_per_account",
        &limits.auth_per_account,
        &app.cache.limit(&key, &limits.auth_per_account).await,
    )
}

/// The name of an address; one of IPv6 counts by its /64, which one customer has.
fn ip_key<'a>(buffer: &'a mut [u8; 64], prefix: &str, ip: IpAddr) -> Option<&'a str> {
    let mut cursor = Cursor::new(buffer.as_mut_slice());
    match ip {
        IpAddr::V4(ip) => write!(cursor, "{prefix}{ip}").ok()?,
        IpAddr::V6(ip) => write!(cursor, "{prefix}{:x}", ip.to_bits() >> 64).ok()?,
    }
    let length = usize::try_from(cursor.position()).ok()?;
    std::str::from_utf8(&buffer[..length]).ok()
}

/// The refusal of a request beyond a quota, with the fields of draft-ietf-httpapi-ratelimit-headers-10.
fn admit(policy: &str, quota: &Quota, verdict: &Verdict) -> Result<(), Failure> {
    if verdict.allowed {
        return Ok(());
    }
    let seconds = verdict.retry_after.as_secs() + u64::from(verdict.retry_after.subsec_nanos() > 0);
    let policy_field = format!("\"{policy}\";q={};w={}", quota.limit, quota.window.as_secs().max(1));
    let state_field = format!("\"{policy}\";r={};t={}", verdict.remaining, seconds.max(1));
    let problem = Problem::of(Code::RateLimited).retry_in(verdict.retry_after);
    let mut failure = Failure::from(problem);
    for (name, value) in [(RATE_LIMIT_POLICY, policy_field), (RATE_LIMIT, state_field)] {
        if let Ok(value) = HeaderValue::try_from(value) {
            failure = failure.with_header(name, value);
        }
    }
    Err(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_customer_count_together() {
        let key = |ip: &str| ip_key(&mut [0; 64], "p:", ip.parse().unwrap()).unwrap().to_owned();
        assert_eq!(key("192.0.2.1"), "p:192.0.2.1");
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("ffff:ffff:ffff:ffff::1").len(), 18);
    }
}
