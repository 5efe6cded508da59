//! What a token allows now: tokens name roles, and users tells in a stream what the roles that administrators made
//! allow, and who has lost a role while a token still names it.
//!
//! It is looked at on every use of a token that names more than `user`. While the stream is silent, each such account
//! is asked about.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    roles: HashMap<String, Permissions>,
    losses: HashMap<UserId, Vec<String>>,
}

/// What roles allow, and when users was last heard of.
#[derive(Debug)]
pub(crate) struct Access {
    state: ArcSwap<State>,
    started: Instant,
    /// Milliseconds after `started`, plus one; 0 for never.
    heard: AtomicU64,
}

// === impl Access ===

impl Access {
    pub(crate) fn new() -> Self {
        Self { state: ArcSwap::default(), started: Instant::now(), heard: AtomicU64::new(0) }
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

    /// Takes in one message of the stream.
    pub(crate) fn take(&self, message: AccessState) {
        if message.changed {
            let role = |role: denizen_rpc::users::internal::v1::RolePermissions| {
                (role.name, Permissions::from_bits(role.permissions))
            };
            let losses =
                message.losses.into_iter().filter_map(|loss| Some((loss.user_id.parse().ok()?, loss.roles)));
            let roles = message.roles.into_iter().map(role).collect();
            self.state.store(Arc::new(State { roles, losses: losses.collect() }));
        }
        self.heard.store(self.elapsed() + 1, Ordering::Release);
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

async fn read(mut stream: Streaming<AccessState>, access: &Access) {
    while let Ok(Ok(Some(message))) = tokio::time::timeout(2 * FRESH, stream.message()).await {
        access.take(message);
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::caller::Permission;
    use denizen_kit::time::Timestamp;
    use denizen_rpc::users::internal::v1::{Loss, RolePermissions};

    use super::*;

    fn person(roles: &[&str]) -> Person {
        Person {
            user_id: UserId::nil(),
            session_id: None,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            permissions: Permissions::of_roles(roles),
            auth_time: Timestamp::UNIX_EPOCH,
            amr: vec!["pwd".to_owned()],
        }
    }

    fn told(roles: &[(&str, Permission)], losses: &[&[&str]]) -> AccessState {
        let role = |(name, permission): &(&str, Permission)| RolePermissions {
            name: (*name).to_owned(),
            permissions: Permissions::of(&[*permission]).bits(),
        };
        let loss = |roles: &&[&str]| Loss {
            user_id: UserId::nil().to_string(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        };
        AccessState {
            changed: true,
            roles: roles.iter().map(role).collect(),
            losses: losses.iter().map(loss).collect(),
        }
    }

    #[tokio::test]
    async fn a_made_role_allows_what_it_allows_now() {
        let access = Access::new();
        let auditor = person(&["user", "auditor"]);
        assert_eq!(access.narrowed(&auditor), None, "an unknown role allows nothing");
        access.take(told(&[("auditor", Permission::AuditRead)], &[]));
        assert!(access.narrowed(&auditor).unwrap().permissions.has(Permission::AuditRead));
        access.take(AccessState::default());
        assert!(access.narrowed(&auditor).is_some(), "a heartbeat changes nothing");
        access.take(told(&[], &[]));
        assert_eq!(access.narrowed(&auditor), None);
    }

    #[tokio::test]
    async fn a_lost_role_is_lost_and_one_that_came_back_is_back() {
        let access = Access::new();
        let support = person(&["user", "support"]);
        access.take(told(&[], &[&["user"]]));
        let narrowed = access.narrowed(&support).unwrap();
        assert_eq!((narrowed.roles, narrowed.permissions), (vec!["user".to_owned()], Permissions::NONE));
        access.take(told(&[], &[&["user", "support", "admin"]]));
        assert_eq!(access.narrowed(&support), None, "and what is given counts with the next token");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_noticed() {
        let access = Access::new();
        assert!(!access.is_fresh());
        access.take(AccessState::default());
        assert!(access.is_fresh());
        tokio::time::advance(Duration::from_millis(1_100)).await;
        assert!(!access.is_fresh());
    }

    #[test]
    fn asking_gives_no_role_that_the_token_lacks() {
        let support = person(&["user", "support"]);
        let bits = Permissions::of_role("support").bits();
        let now = |roles: &[&str], permissions| CheckAccessResponse {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            permissions,
        };
        assert_eq!(within(&support, &now(&["user", "support"], bits)), None);
        assert_eq!(within(&support, &now(&["user"], 0)).unwrap().permissions, Permissions::NONE);
        assert_eq!(within(&support, &now(&[], 0)), None);
        assert!(!Access::concerns(&person(&["user"])) && Access::concerns(&support));
    }
}
