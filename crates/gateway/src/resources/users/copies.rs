//! Copies of people's own accounts as they were last shown, for as long as they are what would be read now.
//!
//! A copy is good while the stamp that was taken before its account was read holds (`denizen_kit::changes`): whoever
//! changes the account makes it void before the change can be seen. Only a process that alone writes accounts can
//! know that; any other keeps no copies. Nobody sees the copy of another.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use denizen_kit::changes::{Changes, Stamp};
use denizen_kit::id::UserId;
use denizen_rpc::users::v1 as wire;
use http::header::ETAG;
use http::{HeaderValue, StatusCode};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::view::User;
use crate::faces::etag::{IfNoneMatch, etag};
use crate::faces::json;
use crate::state::App;

/// How many bytes the copies take at most.
const BYTES: u64 = 16 << 20;

/// How many copies that is, about.
const COUNT: usize = 16 << 10;

/// How often copies that are void are dropped, so that nothing of an erased person stays.
const SWEEP: Duration = Duration::from_secs(5);

/// What a copy costs beside its text.
const OVERHEAD: u64 = 200;

/// An account as its owner sees it, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    version: i64,
    tag: HeaderValue,
    body: Bytes,
}

/// Accounts as their owners last saw them.
#[derive(Debug)]
pub(crate) struct Copies(Option<Kept>);

#[derive(Debug)]
struct Kept {
    changes: Changes,
    copies: Cache<UserId, Arc<(Stamp, Copy)>, ByLength>,
    hits: metrics::Counter,
    misses: metrics::Counter,
}

#[derive(Clone, Debug)]
struct ByLength;

// === impl Copies ===

impl Copies {
    /// No copies yet; never any when nobody says what changes accounts.
    pub(crate) fn new(changes: Option<Changes>) -> Self {
        let count = |result| metrics::counter!("denizen_cache_requests_total", "cache" => "own_accounts", "result" => result);
        Self(changes.map(|changes| Kept {
            changes,
            copies: Cache::with_weighter(COUNT, BYTES, ByLength),
            hits: count("hit"),
            misses: count("miss"),
        }))
    }

    /// The copy of an account, if it is what would be read now.
    pub(crate) fn get(&self, user_id: UserId) -> Option<Copy> {
        let kept = self.0.as_ref()?;
        let found = kept.copies.get(&user_id).filter(|held| kept.changes.still_holds(user_id.uuid(), held.0));
        if found.is_some() { &kept.hits } else { &kept.misses }.increment(1);
        found.map(|held| held.1.clone())
    }

    /// What an account is to be kept with; to be taken before it is read.
    pub(crate) fn stamp(&self, user_id: UserId) -> Option<Stamp> {
        self.0.as_ref()?.changes.stamp(user_id.uuid())
    }

    /// Keeps an account that was read after the stamp was taken, and shows it.
    pub(crate) fn keep(&self, user_id: UserId, stamp: Option<Stamp>, user: wire::User) -> Copy {
        // A suspension ends by itself, and who sees a deleted account depends on more than the account.
        let changes_by_itself = user.status_until.is_some() || user.status() == wire::Status::Deleted;
        let (version, tag) = (user.version, etag(user.version));
        let body = json::bytes(&User::own(user)).unwrap_or_default();
        let copy = Copy { version, tag, body };
        if let (Some(kept), Some(stamp), false) = (&self.0, stamp, changes_by_itself) {
            kept.copies.insert(user_id, Arc::new((stamp, copy.clone())));
        }
        copy
    }

    /// How many copies there are, and the bytes that they take and may take. None where there never are any.
    pub(crate) fn size(&self) -> Option<(usize, (u64, u64))> {
        let copies = &self.0.as_ref()?.copies;
        Some((copies.len(), (copies.weight(), copies.capacity())))
    }

    fn sweep(&self) {
        let Some(kept) = &self.0 else { return };
        kept.copies.retain(|user_id, held| kept.changes.still_holds(user_id.uuid(), held.0));
    }
}

/// Drops copies that are void, until the node stops.
pub(crate) async fn tidy(app: Arc<App>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        app.own_accounts.sweep();
    }
}

// === impl Copy ===

impl Copy {
    /// The answer, for one who may hold it already.
    pub(crate) fn answer(self, held: &IfNoneMatch) -> Response {
        let mut response = if held.has(self.version) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            json::of_bytes(self.body)
        };
        response.headers_mut().insert(ETAG, self.tag);
        response
    }
}

impl Weighter<UserId, Arc<(Stamp, Copy)>> for ByLength {
    fn weight(&self, _: &UserId, held: &Arc<(Stamp, Copy)>) -> u64 {
        OVERHEAD + held.1.body.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use denizen_kit::changes::Touched;

    use super::*;

    fn user(version: i64) -> wire::User {
        wire::User { version, ..wire::User::default() }
    }

    fn version(copies: &Copies) -> Option<i64> {
        copies.get(UserId::nil()).map(|copy| copy.version)
    }

    #[test]
    fn a_copy_is_void_as_soon_as_its_account_may_change() {
        let changes = Changes::default();
        let copies = Copies::new(Some(changes.clone()));
        let id = UserId::nil();
        assert_eq!(version(&copies), None);
        copies.keep(id, copies.stamp(id), user(1));
        assert_eq!(version(&copies), Some(1));
        let touched = Touched::Only(vec![id.uuid()]);
        changes.begin(&touched);
        assert_eq!(version(&copies), None, "the change may be visible already");
        copies.keep(id, copies.stamp(id), user(1));
        changes.end(&touched);
        assert_eq!(version(&copies), None, "what was read meanwhile is not kept");
        copies.keep(id, copies.stamp(id), user(2));
        copies.sweep();
        assert_eq!(version(&copies), Some(2));
        let (count, (bytes, capacity)) = copies.size().unwrap();
        assert!(count == 1 && (OVERHEAD..capacity).contains(&bytes), "{bytes} of {capacity}");
        changes.begin(&touched);
        copies.sweep();
        assert_eq!(copies.size(), Some((0, (0, capacity))));
    }

    #[test]
    fn a_slow_reader_does_not_bring_the_old_back() {
        let changes = Changes::default();
        let copies = Copies::new(Some(changes.clone()));
        let id = UserId::nil();
        let early = copies.stamp(id);
        changes.begin(&Touched::Anything);
        changes.end(&Touched::Anything);
        copies.keep(id, early, user(1));
        assert_eq!(version(&copies), None);
    }

    #[test]
    fn what_changes_by_itself_and_what_others_write_is_not_kept() {
        let id = UserId::nil();
        let copies = Copies::new(Some(Changes::default()));
        let until = Some(prost_types::Timestamp::default());
        copies.keep(id, copies.stamp(id), wire::User { status_until: until, ..user(1) });
        assert_eq!(version(&copies), None);
        copies.keep(id, copies.stamp(id), wire::User { status: wire::Status::Deleted.into(), ..user(1) });
        assert_eq!(version(&copies), None);
        let none = Copies::new(None);
        none.keep(id, none.stamp(id), user(1));
        assert_eq!(version(&none), None);
    }
}
