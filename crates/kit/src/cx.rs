//! [`Cx`]: the context that every operation takes. The only source of time, ids and randomness.
//!
//! It is made in three places: from the metadata of a call, in a job, in a test. Ids are drawn from a seed of the
//! request, so that an op that a transaction conflict reruns draws the same ones.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use uuid::Uuid;

use crate::caller::{Caller, Permission, Person, Role};
use crate::id::{Id, UserId, uuid_v7};
use crate::problem::{Code, Problem};
use crate::time::{Clock, Deadline, Timestamp, elapsed};
use crate::trace::TraceContext;

/// How long after proving oneself a sensitive change is taken without new proof.
pub const STEP_UP_AGE: Duration = Duration::from_mins(15);

/// How long a call may take when nothing else is said.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// A client's wish that a write take effect once, however often it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The client's key.
    pub key: String,
    /// Digest of the request it came with: another request under the same key is refused.
    pub fingerprint: [u8; 32],
}

/// What travels with a call, within a process and between processes.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who calls.
    pub caller: Caller,
    /// Id of the request at the edge; the same in every log line and answer.
    pub request_id: Arc<str>,
    /// Address of the client.
    pub ip: Option<IpAddr>,
    /// What the client calls itself.
    pub user_agent: Option<Arc<str>>,
    /// Where in its trace the caller is, if it is in one.
    pub trace: Option<TraceContext>,
    /// When the answer must be there.
    pub deadline: Deadline,
    /// The client's idempotency key.
    pub idempotency: Option<Idempotency>,
}

/// The context of an operation.
#[derive(Debug)]
pub struct Cx {
    call: Arc<Call>,
    clock: Clock,
    seed: OnceLock<[u8; 32]>,
    draws: Mutex<Draws>,
}

/// Where the draws of a request are, and where they were when its present run began.
#[derive(Debug, Default)]
struct Draws {
    now: Option<StdRng>,
    mark: Option<StdRng>,
}

// === impl Cx ===

impl Cx {
    /// The context of a call.
    pub fn new(call: Arc<Call>, clock: Clock) -> Self {
        Self { call, clock, seed: OnceLock::new(), draws: Mutex::default() }
    }

    /// The context of a job of a service.
    pub fn job(service: Role, clock: &Clock) -> Self {
        let call = Call {
            caller: Caller::service(service),
            request_id: Arc::from(""),
            ip: None,
            user_agent: None,
            trace: None,
            deadline: Deadline::within(DEFAULT_DEADLINE),
            idempotency: None,
        };
        Self::new(Arc::new(call), clock.clone())
    }

    /// A context whose draws follow from the seed, for tests.
    pub fn seeded(call: Call, clock: Clock, seed: [u8; 32]) -> Self {
        let cx = Self::new(Arc::new(call), clock);
        let _ = cx.seed.set(seed);
        cx
    }

    /// What travelled with the call.
    pub fn call(&self) -> &Arc<Call> {
        &self.call
    }

    /// Who calls.
    pub fn caller(&self) -> &Caller {
        &self.call.caller
    }

    /// The person on whose behalf, if any.
    pub fn person(&self) -> Option<&Person> {
        self.call.caller.person.as_deref()
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock, for what lives longer than the call.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Fills the bytes with randomness that is fit for secrets.
    pub fn fill(&self, bytes: &mut [u8]) {
        let seed = self.seed.get_or_init(|| {
            let mut seed = [0; 32];
            crate::seal::random(&mut seed);
            seed
        });
        let mut draws = self.draws.lock().unwrap_or_else(PoisonError::into_inner);
        draws.now.get_or_insert_with(|| StdRng::from_seed(*seed)).fill_bytes(bytes);
    }

    /// Random bytes that are fit for secrets.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A new `UUIDv7`.
    pub fn uuid(&self) -> Uuid {
        uuid_v7(self.now(), self.random())
    }

    /// A new id.
    pub fn id<K>(&self) -> Id<K> {
        Id::from_uuid(self.uuid())
    }

    /// Marks where the draws are: here a rerun starts over.
    pub fn mark(&self) {
        let mut draws = self.draws.lock().unwrap_or_else(PoisonError::into_inner);
        draws.mark = draws.now.clone();
    }

    /// Goes back to the mark: a rerun of the same op draws the same ids.
    pub fn rewind(&self) {
        let mut draws = self.draws.lock().unwrap_or_else(PoisonError::into_inner);
        draws.now = draws.mark.clone();
    }

    // --- permission

    /// The person, or 401.
    pub fn require_person(&self) -> Result<&Person, Problem> {
        self.person().ok_or_else(|| Problem::of(Code::Unauthenticated))
    }

    /// Whether the caller holds the permission. The operator holds all; other services none.
    pub fn may(&self, permission: Permission) -> bool {
        match self.person() {
            Some(person) => person.permissions.has(permission),
            None => self.call.caller.service == Role::Operator,
        }
    }

    /// Lets pass who holds the permission: 401 for nobody, 403 for one who lacks it.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.may(permission) {
            return Ok(());
        }
        self.require_person()?;
        Err(Problem::new(Code::Forbidden, format!("this needs the permission {}", permission.as_str())))
    }

    /// Whether the caller acts on their own account.
    pub fn is_self(&self, user_id: UserId) -> bool {
        self.person().is_some_and(|person| person.user_id == user_id)
    }

    /// Lets pass the owner of the account and who holds the permission.
    pub fn require_self_or(&self, user_id: UserId, permission: Permission) -> Result<(), Problem> {
        if self.is_self(user_id) { Ok(()) } else { self.require(permission) }
    }

    /// Lets pass the owner of the account only.
    pub fn require_self(&self, user_id: UserId) -> Result<(), Problem> {
        if self.require_person()?.user_id == user_id {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, "only the owner of the account may do this"))
    }

    /// Lets pass another service of Denizen, for internal operations. The gateway is none of them unless named.
    pub fn require_service(&self, allowed: &[Role]) -> Result<(), Problem> {
        if allowed.contains(&self.call.caller.service) || self.call.caller.service == Role::Operator {
            return Ok(());
        }
        Err(Problem::new(Code::Forbidden, "this operation is internal"))
    }

    /// Whether the caller's session was opened by two factors. Then only the second one makes it fresh again.
    pub fn has_second_factor(&self) -> bool {
        self.person().is_some_and(|person| person.amr.iter().any(|method| method == "mfa"))
    }

    /// Whether the caller proved who they are within [`STEP_UP_AGE`].
    pub fn has_fresh_proof(&self) -> bool {
        self.person().is_some_and(|person| elapsed(person.auth_time, self.now()) <= STEP_UP_AGE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rerun_draws_the_same_and_the_next_run_others() {
        let cx = Cx::job(Role::Users, &Clock::manual(Timestamp::UNIX_EPOCH));
        let first: [u8; 16] = cx.random();
        cx.mark();
        let second: [u8; 16] = cx.random();
        cx.rewind();
        assert_eq!(cx.random::<16>(), second);
        cx.mark();
        let third: [u8; 16] = cx.random();
        assert!(first != second && second != third && first != third);
    }
}
