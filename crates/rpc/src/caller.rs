//! The caller between processes: the header `x-denizen-caller`, signed.
//!
//! `base64url(Call) . base64url(HMAC-SHA256)`, bound to the role it is meant for and to 30 seconds.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_kit::caller::{Caller, Permissions, Person, Role};
use denizen_kit::cx::{Call, Idempotency};
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal::{Key, same_secret};
use denizen_kit::time::{Clock, Deadline, Timestamp};
use prost::Message;

use crate::contracts::denizen::rpc::internal::v1 as wire;

/// Name of the header.
pub(crate) const HEADER: &str = "x-denizen-caller";

/// How long a signed caller is good for, in seconds.
const LIFETIME: i64 = 30;

/// How far the clocks of two processes may differ, in seconds.
const SKEW: i64 = 5;

/// Signs and verifies callers.
#[derive(Clone, Debug)]
pub struct Signer {
    key: Key,
    clock: Clock,
}

// === impl Signer ===

impl Signer {
    /// A signer with the key that all processes share.
    pub const fn new(key: Key, clock: Clock) -> Self {
        Self { key, clock }
    }

    /// The header for a call to a role.
    pub(crate) fn sign(&self, call: &Call, audience: Role) -> String {
        let message = to_wire(call, audience, self.clock.now().as_second() + LIFETIME).encode_to_vec();
        let mac = self.key.mac(&[b"caller", &message]);
        format!("{}.{}", URL_SAFE_NO_PAD.encode(&message), URL_SAFE_NO_PAD.encode(mac))
    }

    /// The call of a header, if it is ours, living and meant for one of these roles.
    pub(crate) fn verify(&self, header: &str, roles: &[Role], within: Duration) -> Result<Call, Problem> {
        let refused = || Problem::new(Code::Unauthenticated, "the calling service is not known here");
        let (message, mac) = header.split_once('.').ok_or_else(refused)?;
        let message = URL_SAFE_NO_PAD.decode(message).map_err(|_| refused())?;
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| refused())?;
        if !same_secret(&mac, &self.key.mac(&[b"caller", &message])) {
            return Err(refused());
        }
        let wire = wire::Call::decode(message.as_slice()).map_err(|_| refused())?;
        let left = wire.expires - self.clock.now().as_second();
        let meant_for_us = roles.iter().any(|role| role.as_str() == wire.audience);
        if !(-SKEW..=LIFETIME + SKEW).contains(&left) || !meant_for_us {
            return Err(refused());
        }
        from_wire(wire, within).ok_or_else(refused)
    }
}

fn to_wire(call: &Call, audience: Role, expires: i64) -> wire::Call {
    let (idempotency_key, fingerprint) = match &call.idempotency {
        Some(idempotency) => (idempotency.key.clone(), idempotency.fingerprint.to_vec()),
        None => (String::new(), Vec::new()),
    };
    wire::Call {
        service: call.caller.service.as_str().to_owned(),
        person: call.caller.person.as_deref().map(person_to_wire),
        request_id: call.request_id.to_string(),
        ip: call.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        user_agent: call.user_agent.as_deref().unwrap_or_default().to_owned(),
        audience: audience.as_str().to_owned(),
        expires,
        idempotency_key,
        fingerprint,
    }
}

fn person_to_wire(person: &Person) -> wire::Person {
    wire::Person {
        user_id: person.user_id.to_string(),
        session_id: person.session_id.map(|id| id.to_string()).unwrap_or_default(),
        roles: person.roles.clone(),
        permissions: person.permissions.bits(),
        auth_time: person.auth_time.as_second(),
        amr: person.amr.clone(),
    }
}

fn from_wire(wire: wire::Call, within: Duration) -> Option<Call> {
    let person = match wire.person {
        Some(person) => Some(Arc::new(person_from_wire(person)?)),
        None => None,
    };
    let idempotency = match (wire.idempotency_key, <[u8; 32]>::try_from(wire.fingerprint)) {
        (key, Ok(fingerprint)) if !key.is_empty() => Some(Idempotency { key, fingerprint }),
        _ => None,
    };
    Some(Call {
        caller: Caller { service: wire.service.parse().ok()?, person },
        request_id: wire.request_id.into(),
        ip: wire.ip.parse::<IpAddr>().ok(),
        user_agent: Some(wire.user_agent).filter(|text| !text.is_empty()).map(Into::into),
        trace: None,
        deadline: Deadline::within(within),
        idempotency,
    })
}

fn person_from_wire(wire: wire::Person) -> Option<Person> {
    Some(Person {
        user_id: wire.user_id.parse().ok()?,
        session_id: if wire.session_id.is_empty() { None } else { Some(wire.session_id.parse().ok()?) },
        roles: wire.roles,
        permissions: Permissions::from_bits(wire.permissions),
        auth_time: Timestamp::from_second(wire.auth_time).ok()?,
        amr: wire.amr,
    })
}

#[cfg(test)]
mod tests {
    use denizen_kit::cx::Cx;

    use super::*;

    #[test]
    fn a_signature_is_bound_to_key_audience_and_time() {
        let clock = Clock::manual(Timestamp::UNIX_EPOCH);
        let signer = Signer::new(Key::from_bytes([1; 32]), clock.clone());
        let cx = Cx::job(Role::Auth, &clock);
        let header = signer.sign(cx.call(), Role::Users);
        let within = Duration::from_secs(1);

        let call = signer.verify(&header, &[Role::Users], within).unwrap();
        assert_eq!(call.caller.service, Role::Auth);
        assert!(signer.verify(&header, &[Role::Password], within).is_err(), "other audience");
        let other = Signer::new(Key::from_bytes([2; 32]), clock.clone());
        assert!(other.verify(&header, &[Role::Users], within).is_err(), "other key");
        assert!(signer.verify(&header.replace('.', "A."), &[Role::Users], within).is_err(), "changed");
        clock.advance(Duration::from_secs(36));
        assert!(signer.verify(&header, &[Role::Users], within).is_err(), "too old");
    }
}
