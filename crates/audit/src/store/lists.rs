//! The statements of the list: one for each filter, each an index range that ends after a page.
//!
//! Without a range of time a list goes by seq, with one by (at, seq): the index of the filter gives that order.

use crate::model::{Filter, Key};

const ALL: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, e.request_id, \
     e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.seq < $1 ORDER BY e.seq DESC LIMIT $2";
const BY_ACTION: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, e.request_id, \
     e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.action = $1 AND e.seq < $2 ORDER BY e.seq DESC LIMIT $3";
const BY_ACTOR: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, e.request_id, \
     e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.actor = $1 AND e.seq < $2 ORDER BY e.seq DESC LIMIT $3";
const BY_SUBJECT: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, e.request_id, \
     e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.subject = $1 AND e.seq < $2 ORDER BY e.seq DESC LIMIT $3";
const BY_RESULT: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, e.request_id, \
     e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.result = $1 AND e.seq < $2 ORDER BY e.seq DESC LIMIT $3";

const ALL_IN_TIME: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, e.request_id, \
     e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.at > $1 AND (e.at, e.seq) < ($2, $3) ORDER BY e.at DESC, e.seq DESC LIMIT $4";
const BY_ACTION_IN_TIME: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, \
     e.request_id, e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.action = $1 AND e.at > $2 AND (e.at, e.seq) < ($3, $4) ORDER BY e.at DESC, e.seq DESC LIMIT $5";
const BY_ACTOR_IN_TIME: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, \
     e.request_id, e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.actor = $1 AND e.at > $2 AND (e.at, e.seq) < ($3, $4) ORDER BY e.at DESC, e.seq DESC LIMIT $5";
const BY_SUBJECT_IN_TIME: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, \
     e.request_id, e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.subject = $1 AND e.at > $2 AND (e.at, e.seq) < ($3, $4) ORDER BY e.at DESC, e.seq DESC LIMIT $5";
const BY_RESULT_IN_TIME: &str = "SELECT e.seq, e.id, e.at, e.action, e.actor, e.subject, e.ip_owner, e.ip, \
     e.request_id, e.result, e.details, (SELECT l.hash FROM links l WHERE l.seq = e.seq) FROM entries e \
     WHERE e.result = $1 AND e.at > $2 AND (e.at, e.seq) < ($3, $4) ORDER BY e.at DESC, e.seq DESC LIMIT $5";

/// The statement for a filter. Its arguments: the filter's value if there is one; the seq before which, or the time
/// after which and the time and seq before which; how many.
pub(crate) fn statement(filter: &Filter) -> &'static str {
    match (&filter.key, filter.range.is_some()) {
        (None, false) => ALL,
        (Some(Key::Action(_)), false) => BY_ACTION,
        (Some(Key::Actor(_)), false) => BY_ACTOR,
        (Some(Key::Subject(_)), false) => BY_SUBJECT,
        (Some(Key::Result(_)), false) => BY_RESULT,
        (None, true) => ALL_IN_TIME,
        (Some(Key::Action(_)), true) => BY_ACTION_IN_TIME,
        (Some(Key::Actor(_)), true) => BY_ACTOR_IN_TIME,
        (Some(Key::Subject(_)), true) => BY_SUBJECT_IN_TIME,
        (Some(Key::Result(_)), true) => BY_RESULT_IN_TIME,
    }
}

#[cfg(test)]
mod tests {
    use denizen_db::{Config, Db, Secrets, Value};
    use denizen_kit::seal::Key as Secret;
    use denizen_kit::time::Timestamp;

    use super::*;
    use crate::MIGRATIONS;
    use crate::model::{Outcome, Range};

    /// The steps by which the engine would run the statement.
    async fn plan(db: &Db, sql: &str, arguments: usize) -> Vec<String> {
        let sql: &'static str = Box::leak(format!("EXPLAIN QUERY PLAN {sql}").into_boxed_str());
        let mut tx = db.read().await.unwrap();
        let nulls = vec![Value::Int(None); arguments];
        let steps: Vec<(i64, i64, i64, String)> = tx.all(sql, nulls).await.unwrap();
        steps.into_iter().map(|step| step.3).collect()
    }

    #[tokio::test]
    async fn each_list_is_a_range_of_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config { url: None, data_dir: folder.path().to_owned(), fast: true, pool: 1 };
        let secrets = Secrets { events: Secret::from_bytes([1; 32]), replies: Secret::from_bytes([2; 32]) };
        let db = Db::connect(&config, "audit", &secrets, MIGRATIONS).await.unwrap();
        let person = "0192aa00-0000-7000-8000-00000000000a".parse().unwrap();
        for (key, name) in [
            (None, ""),
            (Some(Key::Action(String::new())), "action_"),
            (Some(Key::Actor(String::new())), "actor_"),
            (Some(Key::Subject(person)), "subject_"),
            (Some(Key::Result(Outcome::Ok)), "result_"),
        ] {
            let by_key = usize::from(key.is_some());
            for (range, order, arguments) in [
                (None, "seq", 2 + by_key),
                (Range::between(Some(Timestamp::UNIX_EPOCH), None), "at_seq", 4 + by_key),
            ] {
                let steps = plan(&db, statement(&Filter { key: key.clone(), range }), arguments).await;
                let index = match name {
                    "" if range.is_none() => "SEARCH e USING INTEGER PRIMARY KEY (rowid<?)".to_owned(),
                    _ => format!("SEARCH e USING INDEX entries_{name}{order} ("),
                };
                assert!(steps[0].starts_with(&index), "{index}: {steps:?}");
                assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "sorts: {steps:?}");
            }
        }
    }
}
