//! Who comes: the bearer token of a request, verified once and remembered for a while.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use denizen_kit::caller::Person;
use denizen_kit::network::tie;
use denizen_kit::problem::{Code, Problem};
use denizen_kit::seal::{Key, same_secret, sha256};
use denizen_kit::time::Clock;
use denizen_rpc::Links;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::time::{Instant, timeout};

use super::access::{self, Access, check_access};
use super::activity::Activity;
use super::keys::Keys;
use super::losses::Loss;
use super::revocations::{self, Revocations, Trust, check_session};
use super::token::{Parts, Verified, refused};

/// How many verified tokens are remembered.
const REMEMBERED: usize = 50_000;

/// How long an answer waits at most until this node knows what it took away.
const PATIENCE: Duration = Duration::from_millis(250);

/// How careful the door must be with one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// It reads: it may go on while auth cannot be asked.
    Read,
    /// It writes or administers: not without word from auth.
    Write,
}

/// Verifies tokens.
#[derive(Debug)]
pub(crate) struct Authenticator {
    links: Links,
    clock: Clock,
    issuer: String,
    pub(crate) keys: Keys,
    pub(crate) revocations: Arc<Revocations>,
    pub(crate) access: Arc<Access>,
    pub(crate) activity: Activity,
    /// Checks what ties sessions to networks.
    network_key: Key,
    /// By SHA-256 of the whole token, so that no two tokens can be taken for each other.
    seen: quick_cache::sync::Cache<[u8; 32], Arc<Verified>>,
}

// === impl Authenticator ===

impl Authenticator {
    pub(crate) fn new(links: Links, clock: Clock, issuer: &str, network_key: Key) -> Self {
        Self {
            keys: Keys::new(links.clone(), clock.clone()),
            revocations: Arc::new(Revocations::new()),
            access: Arc::new(Access::new()),
            activity: Activity::default(),
            network_key,
            seen: quick_cache::sync::Cache::new(REMEMBERED),
            issuer: issuer.to_owned(),
            links,
            clock,
        }
    }

    /// Whom the request's token names; none when it has no token.
    pub(crate) async fn authenticate(
        &self,
        headers: &HeaderMap,
        care: Care,
    ) -> Result<Option<Arc<Verified>>, Problem> {
        let Some(token) = bearer(headers)? else { return Ok(None) };
        let digest = sha256(token.as_bytes());
        let verified = match self.seen.get(&digest) {
            Some(verified) => verified,
            None => self.verify(token, digest).await?,
        };
        self.check(&verified, care).await?;
        self.activity.note(&verified, self.clock.now().as_second());
        self.narrow(verified, care).await.map(Some)
    }

    /// The person of a request that is still being answered, with what they may do now. Both are asked anew: a token may
    /// have run out meanwhile, and what is not carried any more is not heard of.
    pub(crate) async fn still(&self, person: &Arc<Person>) -> Result<Arc<Person>, Problem> {
        if let Some(session_id) = person.session_id
            && !check_session(&self.links, &self.clock, session_id).await?
        {
            return Err(ended());
        }
        if !Access::concerns(person) {
            return Ok(person.clone());
        }
        let narrowed = check_access(&self.links, &self.clock, person).await?;
        Ok(narrowed.map_or_else(|| person.clone(), Arc::new))
    }

    /// Learns what an operation took away that began then. What cannot be learned in time is asked about at each use of a
    /// token, until the streams are heard again.
    pub(super) async fn catch_up(&self, loss: Loss, began: Instant) {
        let (links, clock) = (&self.links, &self.clock);
        if loss == Loss::Roles {
            let learning = access::catch_up(links, clock, &self.access);
            if !timeout(PATIENCE, learning).await.unwrap_or_default() {
                self.access.doubt();
            }
            return;
        }
        let learning = revocations::catch_up(links, clock, &self.revocations, began);
        if !timeout(PATIENCE, learning).await.unwrap_or_default() {
            self.revocations.doubt();
        }
    }

    /// The same with the roles and permissions that the person has now.
    async fn narrow(&self, verified: Arc<Verified>, care: Care) -> Result<Arc<Verified>, Problem> {
        let person = &verified.person;
        if !Access::concerns(person) {
            return Ok(verified);
        }
        let narrowed = if self.access.is_fresh() {
            self.access.narrowed(person)
        } else {
            match check_access(&self.links, &self.clock, person).await {
                Ok(narrowed) => narrowed,
                Err(_) if care == Care::Read => self.access.narrowed(person),
                Err(problem) => {
                    let detail = "roles cannot be checked now, so nothing is changed; repeat it later";
                    return Err(Problem { detail: detail.into(), ..problem });
                }
            }
        };
        Ok(match narrowed {
            None => verified,
            Some(person) => Arc::new(verified.for_person(person)),
        })
    }

    async fn verify(&self, token: &str, digest: [u8; 32]) -> Result<Arc<Verified>, Problem> {
        let parts = Parts::read(token)?;
        let key = self.keys.get(&parts.kid).await?.ok_or_else(refused)?;
        let verified = Arc::new(parts.verify(&key, &self.issuer, self.clock.now())?);
        self.seen.insert(digest, verified.clone());
        Ok(verified)
    }

    /// Refuses a token whose session is bound to another network than the request comes from.
    pub(crate) fn check_network(&self, verified: &Verified, ip: Option<IpAddr>) -> Result<(), Problem> {
        let Some(bound) = &verified.tie else { return Ok(()) };
        let here = ip.map(|ip| tie(&self.network_key, verified.session_id, ip));
        if here.is_some_and(|here| same_secret(bound, &here)) {
            return Ok(());
        }
        let detail = "the session of this token was begun in another network; log in from here";
        Err(Problem::new(Code::Unauthenticated, detail))
    }

    /// What may have changed since the token was verified.
    async fn check(&self, verified: &Verified, care: Care) -> Result<(), Problem> {
        if verified.expires <= self.clock.now().as_second() {
            return Err(Problem::of(Code::TokenExpired));
        }
        if self.revocations.has(verified.session_id) {
            return Err(ended());
        }
        if self.revocations.trust() == Trust::Fresh {
            return Ok(());
        }
        match check_session(&self.links, &self.clock, verified.session_id).await {
            Ok(live) => {
                self.revocations.note_reached();
                if live { Ok(()) } else { Err(ended()) }
            }
            Err(_) if care == Care::Read || self.revocations.trust() == Trust::Stale => Ok(()),
            Err(problem) => Err(Problem {
                detail: "sessions cannot be checked now, so nothing is changed; repeat it later".into(),
                ..problem
            }),
        }
    }
}

fn ended() -> Problem {
    Problem::new(Code::Unauthenticated, "the session of this token has ended; log in again")
}

/// The bearer token of the request (RFC 6750 §2.1); none when it has no Authorization header.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let malformed = || {
        Problem::new(
            Code::Unauthenticated,
            "send one Authorization header of the form: Bearer <access token>",
        )
    };
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(malformed());
    }
    let (scheme, token) = value.as_bytes().split_at_checked("bearer ".len()).ok_or_else(malformed)?;
    // Without a way out in its midst, the loop runs in wide steps.
    let is_token = !token.is_empty() && token.iter().fold(true, |all, byte| all & byte.is_ascii_graphic());
    if !scheme.eq_ignore_ascii_case(b"bearer ") || !is_token {
        return Err(malformed());
    }
    std::str::from_utf8(token).map(Some).map_err(|_| malformed())
}

#[cfg(test)]
#[path = "authenticate_tests.rs"]
mod tests;
