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
    use denizen_db::{Config, Db, Secrets, Tx, args};
    use denizen_kit::seal::Key as Secret;
    use denizen_kit::time::Timestamp;

    use super::super::list_args;
    use super::*;
    use crate::MIGRATIONS;
    use crate::model::{Outcome, Position, Range};

    async fn database(url: Option<String>, schema: &'static str, folder: &std::path::Path) -> Db {
        let config = Config { url, data_dir: folder.to_owned(), fast: true, bulk: false, pool: 1 };
        let secrets = Secrets { events: Secret::from_bytes([1; 32]), replies: Secret::from_bytes([2; 32]) };
        Db::connect(&config, schema, &secrets, MIGRATIONS).await.unwrap()
    }

    /// Each list with the index that must serve it: its column, and its order.
    fn lists() -> Vec<(Filter, &'static str, &'static str)> {
        let person = "0192aa00-0000-7000-8000-00000000000a".parse().unwrap();
        let keys = [
            (None, ""),
            (Some(Key::Action("a1".to_owned())), "action_"),
            (Some(Key::Actor("a1".to_owned())), "actor_"),
            (Some(Key::Subject(person)), "subject_"),
            (Some(Key::Result(Outcome::Ok)), "result_"),
        ];
        let range = Range::between(Some(Timestamp::UNIX_EPOCH), None);
        let each = keys.into_iter().flat_map(|(key, name)| {
            [(None, "seq"), (range, "at_seq")]
                .map(|(range, order)| (Filter { key: key.clone(), range }, name, order))
        });
        each.collect()
    }

    fn leaked(text: String) -> &'static str {
        Box::leak(text.into_boxed_str())
    }

    #[tokio::test]
    async fn each_list_is_a_range_of_its_index() {
        let folder = tempfile::tempdir().unwrap();
        let db = database(None, "audit", folder.path()).await;
        for (filter, name, order) in lists() {
            let explain = leaked(format!("EXPLAIN QUERY PLAN {}", statement(&filter)));
            let arguments = list_args(&filter, Position::start(&filter), 50);
            let steps: Vec<(i64, i64, i64, String)> =
                db.read().await.unwrap().all(explain, arguments).await.unwrap();
            let steps: Vec<String> = steps.into_iter().map(|step| step.3).collect();
            let index = match (name, order) {
                ("", "seq") => "SEARCH e USING INTEGER PRIMARY KEY (rowid<?)".to_owned(),
                _ => format!("SEARCH e USING INDEX entries_{name}{order} ("),
            };
            assert!(steps[0].starts_with(&index), "{index}: {steps:?}");
            assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE")), "sorts: {steps:?}");
        }
    }

    /// 20,000 entries of 1,000 kinds each.
    async fn fill(tx: &mut Tx) {
        const FILL: &str = "INSERT INTO entries (seq, id, at, action, actor, subject, request_id, result, details) \
             SELECT g, gen_random_uuid(), TIMESTAMPTZ '2026-01-01' + g * INTERVAL '1 second', 'a' || g % 1000, \
             'a' || g % 1000, ('0192aa00-0000-7000-8000-' || lpad((g % 1000)::text, 12, '0'))::uuid, '', \
             'r' || g % 1000, '{}' FROM generate_series(1, 20000) g";
        tx.exec(FILL, args![]).await.unwrap();
        tx.exec("ANALYZE entries", args![]).await.unwrap();
    }

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "a test has no settings file")]
    async fn each_list_is_a_range_of_its_index_on_the_server_too() {
        let Ok(url) = std::env::var("DENIZEN_TEST_DATABASE_URL") else {
            eprintln!("DENIZEN_TEST_DATABASE_URL is not set: PostgreSQL is not tested");
            return;
        };
        let mut random = [0; 8];
        denizen_kit::seal::random(&mut random);
        let schema = leaked(format!("audit_plans_{:016x}", u64::from_be_bytes(random)));
        let folder = tempfile::tempdir().unwrap();
        let db = database(Some(url), schema, folder.path()).await;
        let mut tx = db.write().await.unwrap();
        fill(&mut tx).await;
        // For 20 rows another way may be as cheap. What must be shown is that the range is there for 20 million.
        for way in ["SET LOCAL enable_bitmapscan = off", "SET LOCAL enable_seqscan = off"] {
            tx.exec(way, args![]).await.unwrap();
        }
        for (filter, name, order) in lists() {
            let explain = leaked(format!("EXPLAIN {}", statement(&filter)));
            let arguments = list_args(&filter, Position::start(&filter), 50);
            let steps: Vec<(String,)> = tx.all(explain, arguments).await.unwrap();
            let plan: String = steps.into_iter().map(|step| step.0 + "\n").collect();
            let index = match (name, order) {
                ("", "seq") => "entries_pkey".to_owned(),
                _ => format!("entries_{name}{order}"),
            };
            assert!(
                plan.contains(&format!("Index Scan Backward using {index} on entries e")),
                "{index}: {plan}"
            );
            assert!(!plan.contains("Sort") && !plan.contains("Seq Scan"), "{plan}");
        }
    }
}
