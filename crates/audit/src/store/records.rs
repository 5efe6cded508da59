//! The SQL of what the trail holds about one person: the entries about them, then those of what they did to others.

use denizen_db::{Result, Tx, args};
use denizen_kit::id::UserId;

use super::Entry;

const ABOUT: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, e.request_id, \
     e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.subject = $1 AND e.seq < $2 ORDER BY e.seq DESC LIMIT $3";
const BY: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, e.request_id, \
     e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.actor = $1 AND e.seq < $2 ORDER BY e.seq DESC LIMIT $3";

/// Entries about a person before a seq, newest first.
pub(crate) async fn about(tx: &mut Tx, person: UserId, before: i64, limit: i64) -> Result<Vec<Entry>> {
    tx.all(ABOUT, args![person, before, limit]).await
}

/// Entries of what a person did before a seq, newest first, those about themselves too.
pub(crate) async fn by(tx: &mut Tx, person: UserId, before: i64, limit: i64) -> Result<Vec<Entry>> {
    tx.all(BY, args![person.to_string(), before, limit]).await
}
