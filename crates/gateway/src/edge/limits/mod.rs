//! How often one may knock: limits on requests of all, of an address, of a person, and on tries to prove oneself.
//!
//! The first three are counted in this process, on every request; tries to log in, register, send codes or reset are
//! counted together with the other nodes. A refresh counts with its address only: its token cannot be guessed, and
//! many people share an address.

mod fields;
#[cfg(test)]
mod outage_tests;
pub(crate) mod route;
mod tally;

use std::io::{Cursor, Write};
use std::net::IpAddr;

use denizen_cache::{Quota, Verdict};
use denizen_kit::seal::sha256;

use crate::faces::failure::Failure;
use crate::state::App;

use fields::Policy;
pub(crate) use fields::{Fields, Observed};
use tally::Tally;
pub(crate) use tally::{Counts, Tallies};

/// Counts a request with all others, with those of its address, and with those of its subnet if that is limited.
pub(crate) fn check_request(app: &App, ip: Option<IpAddr>) -> Result<(), Failure> {
    let (limits, tallies) = (&app.config.limits, &app.tallies);
    if !limits.enabled {
        return Ok(());
    }
    admit(
        ("global", &tallies.global),
        &limits.global,
        &app.cache.limit_local("limit:global", &limits.global),
    )?;
    let mut buffer = [0; 64];
    if let Some(key) = ip.and_then(|ip| ip_key(&mut buffer, "limit:ip:", ip)) {
        admit(("per_ip", &tallies.per_ip), &limits.per_ip, &app.cache.limit_local(key, &limits.per_ip))?;
    }
    let Some(quota) = &limits.per_subnet else { return Ok(()) };
    match ip.and_then(|ip| subnet_key(&mut buffer, "limit:subnet:", ip)) {
        Some(key) => admit(("per_subnet", &tallies.per_subnet), quota, &app.cache.limit_local(key, quota)),
        None => Ok(()),
    }
}

/// Counts a request with those of its person.
pub(crate) fn check_person(app: &App, key: &str) -> Result<(), Failure> {
    let limits = &app.config.limits;
    if !limits.enabled {
        return Ok(());
    }
    let limit = ("per_user", &app.tallies.per_user);
    admit(limit, &limits.per_user, &app.cache.limit_local(key, &limits.per_user))
}

/// Counts a try to prove oneself with those of its address.
pub(crate) async fn check_try(app: &App, ip: Option<IpAddr>) -> Result<(), Failure> {
    let limits = &app.config.limits;
    let mut buffer = [0; 64];
    let Some(key) = ip.and_then(|ip| ip_key(&mut buffer, "limit:auth-ip:", ip)) else { return Ok(()) };
    if !limits.enabled {
        return Ok(());
    }
    let limit = ("auth_per_ip", &app.tallies.auth_per_ip);
    admit(limit, &limits.auth_per_ip, &app.cache.limit(key, &limits.auth_per_ip).await)
}

/// Counts a try with those for the same identifier. The name it is counted under is a digest.
pub(crate) async fn check_account(app: &App, identifier: &str) -> Result<(), Failure> {
    let limits = &app.config.limits;
    if !limits.enabled {
        return Ok(());
    }
    let canonical = identifier.trim().to_lowercase();
    let key = format!("limit:account:{}", hex::encode(&sha256(canonical.as_bytes())[..16]));
    let limit = ("auth_per_account", &app.tallies.auth_per_account);
    admit(limit, &limits.auth_per_account, &app.cache.limit(&key, &limits.auth_per_account).await)
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

/// The name of a subnet: /24 of IPv4, /56 of IPv6, which one site has at least.
fn subnet_key<'a>(buffer: &'a mut [u8; 64], prefix: &str, ip: IpAddr) -> Option<&'a str> {
    let mut cursor = Cursor::new(buffer.as_mut_slice());
    match ip.to_canonical() {
        IpAddr::V4(ip) => write!(cursor, "{prefix}4:{:x}", ip.to_bits() >> 8).ok()?,
        IpAddr::V6(ip) => write!(cursor, "{prefix}6:{:x}", ip.to_bits() >> 72).ok()?,
    }
    let length = usize::try_from(cursor.position()).ok()?;
    std::str::from_utf8(&buffer[..length]).ok()
}

/// Counts a request, and refuses one beyond the quota.
fn admit((name, tally): (&str, &Tally), quota: &Quota, verdict: &Verdict) -> Result<(), Failure> {
    tally.count(verdict.allowed, false);
    if verdict.allowed { Ok(()) } else { Err(Policy { name, quota }.refusal(verdict)) }
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

    #[test]
    fn addresses_of_one_subnet_count_together() {
        let key = |ip: &str| subnet_key(&mut [0; 64], "p:", ip.parse().unwrap()).unwrap().to_owned();
        assert_eq!(key("192.0.2.1"), key("192.0.2.255"));
        assert_eq!(key("192.0.2.1"), key("::ffff:192.0.2.9"));
        assert_ne!(key("192.0.2.1"), key("192.0.3.1"));
        assert_eq!(key("2001:db8:1:200::1"), key("2001:db8:1:2ff::9"));
        assert_ne!(key("2001:db8:1:200::1"), key("2001:db8:1:300::1"));
    }
}
