//! What a token allows now: tokens name roles, and users tells in a stream what the roles that administrators made
//! allow, and who has lost a role while a token still names it.
//!
//! It is looked at on every use of a token that names more than `user`. While the stream is silent, each such account
//! is asked about. What an operation took away that this node answers, it asks for before the answer goes out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use denizen_kit::caller::{Permissions, Person, Role};
use denizen_kit::cx::Cx;
use denizen_kit::id::UserId;
use denizen_kit::problem::Problem;
use denizen_kit::time::Clock;
use denizen_rpc::users::internal::v1::{
    AccessState, CheckAccessRequest, CheckAccessResponse, WatchAccessRequest,
};
use denizen_rpc::{Links, problem_from};
use tokio::sync::watch;
use tokio::time::Instant;
use tonic::Streaming;

/// How long the stream may be silent before it is not relied on; users sends a heartbeat every 300 ms.
const FRESH: Duration = Duration::from_secs(1);

/// How long to wait before the stream is opened again.
const PAUSE: Duration = Duration::from_millis(200);

/// How service accounts prove themselves: what they may do stands in their tokens.
const CLIENT: &str = "client";

/// What the stream has told.
#[derive(Debug, Default)]
struct State {
    version: i64,
    /// Milliseconds after the start.
    told: u64,
    roles: HashMap<String, Permissions>,
    losses: HashMap<UserId, Vec<String>>,
}

/// What roles allow, and when users was last heard of.
#[derive(Debug)]
pub(crate) struct Access {
    state: ArcSwap<State>,
    /// One message is taken in at a time: they come by the stream and by questions.
    taking: Mutex<()>,
    started: Instant,
    /// Milliseconds after `started`, plus one; 0 for never.
    heard: AtomicU64,
    /// Rung when something has changed.
    changed: watch::Sender<()>,
}

// === impl State ===

impl State {
    fn of(message: AccessState, told: u64) -> Self {
        let roles = message.roles.into_iter();
        let losses = message.losses.into_iter();
        Self {
            version: message.version,
            told,
            roles: roles.map(|role| (role.name, Permissions::from_bits(role.permissions))).collect(),
            losses: losses.filter_map(|loss| Some((loss.user_id.parse().ok()?, loss.roles))).collect(),
        }
    }
}

// === impl Access ===

impl Access {
    pub(crate) fn new() -> Self {
        Self {
            state: ArcSwap::default(),
            taking: Mutex::default(),
            started: Instant::now(),
            heard: AtomicU64::new(0),
            changed: watch::Sender::new(()),
        }
    }

    /// Whether tokens of this person must be looked at here: all but those that name `user` alone.
    pub(crate) fn concerns(person: &Person) -> bool {
        let is_plain = person.roles.iter().all(|role| role == "user");
        !is_plain && !person.amr.iter().any(|method| method == CLIENT)
    }

    /// Whether all that was told is at most a second old.
    pub(crate) fn is_fresh(&self) -> bool {
        let heard = self.heard.load(Ordering::Acquire);
        heard > 0 && self.elapsed().saturating_sub(heard - 1) <= millis(FRESH)
    }

    /// The person with the roles and permissions that they have now; none when the token says the same.
    pub(crate) fn narrowed(&self, person: &Person) -> Option<Person> {
        let state = self.state.load();
        let kept = state.losses.get(&person.user_id);
        let is_kept = |role: &String| kept.is_none_or(|kept| kept.contains(role));
        let roles: Vec<String> = person.roles.iter().filter(|role| is_kept(role)).cloned().collect();
        let made = roles.iter().filter_map(|role| state.roles.get(role));
        let permissions = made.fold(Permissions::of_roles(&roles), |sum, role| sum.union(*role));
        if roles.len() == person.roles.len() && permissions == person.permissions {
            return None;
        }
        Some(Person { roles, permissions, ..person.clone() })
    }

    /// Waits until what a person may do is no longer what they may by this.
    pub(crate) async fn moved(&self, person: &Person) {
        if !Self::concerns(person) {
            return std::future::pending().await;
        }
        let mut changed = self.changed.subscribe();
        while !self.is_fresh() || self.narrowed(person).is_none() {
            // The bell hangs in this very value, so the wait ends with a ring only.
            let _ = changed.changed().await;
        }
    }

    /// Takes in one message. Nothing of it counts when it was read before what is known: the stream tells the newer state
    /// next. But what was known for longer than a message may take gives way, for then the database was put back.
    pub(crate) fn take(&self, message: AccessState) {
        let _one = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.elapsed();
        let known = self.state.load();
        if message.version < known.version && now.saturating_sub(known.told) <= millis(FRESH) {
            return;
        }
        let is_change = message.changed;
        if is_change {
            self.state.store(Arc::new(State::of(message, now)));
        }
        self.heard.store(now + 1, Ordering::Release);
        if is_change {
            self.changed.send_replace(());
        }
    }

    /// Relies on nothing but questions until the stream is heard again.
    pub(crate) fn doubt(&self) {
        self.heard.store(0, Ordering::Release);
    }

    fn elapsed(&self) -> u64 {
        millis(self.started.elapsed())
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Asks users what a person may do now; none when the token says the same, or there is no such account.
pub(crate) async fn check_access(
    links: &Links,
    clock: &Clock,
    person: &Person,
) -> Result<Option<Person>, Problem> {
    let cx = Cx::job(Role::Gateway, clock);
    let request = CheckAccessRequest { user_id: person.user_id.to_string() };
    let answer = links.access(&cx).check_access(request).await.map_err(problem_from)?.into_inner();
    Ok(within(person, &answer))
}

/// The person with no more than they have now, and no role that their token does not name.
fn within(person: &Person, now: &CheckAccessResponse) -> Option<Person> {
    if now.roles.is_empty() {
        return None;
    }
    let roles: Vec<String> = person.roles.iter().filter(|role| now.roles.contains(role)).cloned().collect();
    let permissions = Permissions::from_bits(now.permissions);
    if roles.len() == person.roles.len() && permissions == person.permissions {
        return None;
    }
    Some(Person { roles, permissions, ..person.clone() })
}

/// Follows the stream for as long as the node runs.
pub(crate) async fn follow(links: &Links, clock: &Clock, access: &Access) {
    loop {
        let cx = Cx::job(Role::Gateway, clock);
        if let Ok(stream) = links.access(&cx).watch_access(WatchAccessRequest {}).await {
            read(stream.into_inner(), access).await;
            tracing::debug!("the stream of access ended and is opened again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Learns what is so now; says whether it could.
pub(crate) async fn catch_up(links: &Links, clock: &Clock, access: &Access) -> bool {
    let cx = Cx::job(Role::Gateway, clock);
    let Ok(stream) = links.access(&cx).watch_access(WatchAccessRequest {}).await else { return false };
    // The first message is the whole.
    let Ok(Some(message)) = stream.into_inner().message().await else { return false };
    access.take(message);
    true
}

async fn read(mut stream: Streaming<AccessState>, access: &Access) {
    while let Ok(Ok(Some(message))) = tokio::time::timeout(2 * FRESH, stream.message()).await {
        access.take(message);
    }
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
