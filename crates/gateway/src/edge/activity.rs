//! When sessions were last used: gathered here once a minute a token, and told to auth in batches, so that no request
//! waits for it and none writes.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_kit::cx::Cx;
use denizen_kit::id::SessionId;
use denizen_rpc::auth::internal::v1::{NoteSeenRequest, SeenSession};

use super::token::Verified;
use crate::state::App;

/// Seconds until the use of a token is gathered again.
const GATHERED_EVERY: i64 = 60;

/// How long between two batches.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// Most sessions that are gathered; beyond that a use is told a minute later.
const MOST: usize = 100_000;

/// Most sessions in one message.
const BATCH: usize = 1_000;

/// The uses that have not been told, in Unix seconds.
#[derive(Debug, Default)]
pub(crate) struct Activity(Mutex<HashMap<SessionId, i64>>);

// === impl Activity ===

impl Activity {
    /// Notes that a token was used now.
    pub(crate) fn note(&self, verified: &Verified, now: i64) {
        let seen = verified.seen.load(Ordering::Relaxed);
        if now - seen < GATHERED_EVERY {
            return;
        }
        // Of several requests at once, one gathers.
        if verified.seen.compare_exchange(seen, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if gathered.len() < MOST {
            gathered.insert(verified.session_id, now);
        }
    }

    fn take(&self) -> Vec<SeenSession> {
        let gathered = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let seen = gathered.into_iter().map(|(id, at)| SeenSession { session_id: id.to_string(), at });
        seen.collect()
    }
}

/// Tells what was gathered, now and then, until the node stops. What cannot be told is left: the next use is told.
pub(crate) async fn tell(app: Arc<App>) {
    loop {
        tokio::time::sleep(TOLD_EVERY).await;
        for batch in app.authenticator.activity.take().chunks(BATCH) {
            let cx = Cx::job(Role::Gateway, &app.clock);
            let request = NoteSeenRequest { sessions: batch.to_vec() };
            if let Err(status) = app.links.activity(&cx).note_seen(request).await {
                tracing::debug!(detail = status.message(), "the use of sessions could not be told");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::caller::{Permissions, Person};
    use denizen_kit::time::Timestamp;

    use super::*;

    fn token(session_id: &str, issued: i64) -> Verified {
        let session_id = session_id.parse().unwrap();
        let person = Person {
            user_id: "0192aa00-0000-7000-8000-00000000000a".parse().unwrap(),
            session_id: Some(session_id),
            roles: Vec::new(),
            permissions: Permissions::NONE,
            auth_time: Timestamp::UNIX_EPOCH,
            amr: Vec::new(),
        };
        Verified::for_test(person, session_id, issued)
    }

    #[test]
    fn a_use_is_gathered_once_a_minute() {
        let (activity, token) = (Activity::default(), token("0192aa00-0000-7000-8000-000000000001", 1_000));
        activity.note(&token, 1_059);
        assert!(activity.take().is_empty(), "the login itself was the last use");
        for now in [1_060, 1_061, 1_119] {
            activity.note(&token, now);
        }
        let seen = activity.take();
        assert_eq!((seen.len(), seen[0].at), (1, 1_060));
        assert!(activity.take().is_empty(), "what was told is told once");
        activity.note(&token, 1_120);
        assert_eq!(activity.take()[0].at, 1_120);
    }

    #[test]
    fn two_tokens_of_one_session_are_one_use() {
        let activity = Activity::default();
        let id = "0192aa00-0000-7000-8000-000000000001";
        activity.note(&token(id, 0), 100);
        activity.note(&token(id, 10), 101);
        let seen = activity.take();
        assert_eq!((seen.len(), seen[0].session_id.as_str(), seen[0].at), (1, id, 101));
    }
}
