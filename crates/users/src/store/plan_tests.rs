//! The plan of each statement of the list, on both engines: a range of its index, nothing scanned, nothing sorted.

use denizen_db::{Args, Config, Db, Secrets, Tx, args};
use denizen_kit::id::UserId;
use denizen_kit::seal::Key as Secret;
use denizen_kit::time::Timestamp;

use super::*;
use crate::MIGRATIONS;
use crate::ops::list_users::TABLE;

async fn database(url: Option<String>, schema: &'static str, folder: &std::path::Path) -> Db {
    let config = Config { url, data_dir: folder.to_owned(), fast: true, bulk: false, pool: 1 };
    let secrets = Secrets { events: Secret::from_bytes([1; 32]), replies: Secret::from_bytes([2; 32]) };
    Db::connect(&config, schema, &secrets, MIGRATIONS).await.unwrap()
}

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// Each statement with its arguments and the index that must serve it.
fn statements() -> Vec<(&'static str, Args, &'static str)> {
    let (at, end) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(4_000_000_000).unwrap());
    let (first, last) = (UserId::nil(), UserId::from_uuid(uuid::Uuid::max()));
    let rising = || args![at, first, 51_i64, end];
    let falling = || args![end, last, 51_i64, at];
    let with = |mut values: Args, value: &str| {
        values.push(value.into());
        values
    };
    vec![
        (CREATED, rising(), "users_by_created"),
        (CREATED_DESC, falling(), "users_by_created"),
        (STATUS, with(rising(), "s7"), "users_by_status"),
        (STATUS_DESC, with(falling(), "s7"), "users_by_status"),
        (DELETED, rising(), "users_deleted"),
        (DELETED_DESC, falling(), "users_deleted"),
        (ROLE, with(rising(), "r7"), "user_roles_by_role"),
        (ROLE_DESC, with(falling(), "r7"), "user_roles_by_role"),
        (LOGIN, args![at, first, 51_i64], "users_by_login"),
        (USERNAME, args!["n7", first, 51_i64, "n8"], "users_by_username"),
        (NAME, args!["n7", first, 51_i64, "n8"], "users_by_name"),
        (COUNT_STATUS, args!["s7"], "users_by_status"),
        (COUNT_DELETED, args![], "users_by_deletion"),
        (COUNT_ROLE, args!["r7"], "user_roles_by_role"),
        (super::super::BY_EMAIL, args![vec![7_u8]], "users_email_index_key"),
        (super::super::BY_USERNAME, args!["n7"], "users_username_key_key"),
        (super::super::BY_MOBILE, args![vec![7_u8]], "users_mobile_index_key"),
        (super::super::SUSPENSIONS_OVER, args![at], "users_suspended"),
    ]
}

#[test]
fn every_pair_of_the_printed_table_has_its_statement() {
    let pairs: usize = TABLE.iter().map(|(_, sorts)| sorts.len()).sum();
    assert_eq!(pairs, 16, "a new pair needs a statement, and a row above");
}

#[tokio::test]
async fn each_list_is_a_range_of_its_index() {
    let folder = tempfile::tempdir().unwrap();
    let db = database(None, "users", folder.path()).await;
    for (sql, values, index) in statements() {
        let explain = leaked(format!("EXPLAIN QUERY PLAN {sql}"));
        let steps: Vec<(i64, i64, i64, String)> =
            db.read().await.unwrap().all(explain, values).await.unwrap();
        let steps: Vec<String> = steps.into_iter().map(|step| step.3).collect();
        let searches = |step: &String| step.starts_with("SEARCH") && step.contains(index);
        assert!(steps.iter().any(searches), "{index}: {steps:?}");
        let wastes = |step: &String| step.contains("TEMP B-TREE") || step.starts_with("SCAN u");
        assert!(!steps.iter().any(wastes), "{index}: {steps:?}");
    }
}

/// 20,000 accounts of 100 statuses and roles, a tenth of them deleted.
async fn fill(tx: &mut Tx) {
    const USERS: &str = "INSERT INTO users (id, username, username_key, username_sort, name, name_sort, email_sealed, \
         email_index, mobile_index, status, status_until, deleted_at, roles, prefers_email, prefers_push, prefers_sms, \
         locale, created_at, updated_at, last_login_at, version) \
         SELECT ('0192aa00-0000-7000-8000-' || lpad(g::text, 12, '0'))::uuid, 'n' || g, 'n' || g, 'n' || g, 'n' || g, \
         'n' || g, decode('00', 'hex'), decode(lpad(g::text, 8, '0'), 'hex'), decode(lpad(g::text, 8, '0'), 'hex'), \
         CASE WHEN g % 500 = 0 THEN 'suspended' ELSE 's' || g % 100 END, TIMESTAMPTZ '2026-01-01', \
         CASE WHEN g % 10 = 0 THEN TIMESTAMPTZ '2026-01-01' END, 'user', true, true, true, 'en', \
         TIMESTAMPTZ '2026-01-01' + g * INTERVAL '1 second', TIMESTAMPTZ '2026-01-01', \
         TIMESTAMPTZ '2026-01-01' + g * INTERVAL '1 second', 1 FROM generate_series(1, 20000) g";
    const ROLES: &str = "INSERT INTO user_roles (user_id, role, created_at) \
         SELECT id, 'r' || right(username, 1), created_at FROM users";
    tx.exec(USERS, args![]).await.unwrap();
    tx.exec(ROLES, args![]).await.unwrap();
    tx.exec("ANALYZE users", args![]).await.unwrap();
    tx.exec("ANALYZE user_roles", args![]).await.unwrap();
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
    let schema = leaked(format!("users_plans_{:016x}", u64::from_be_bytes(random)));
    let folder = tempfile::tempdir().unwrap();
    let db = database(Some(url), schema, folder.path()).await;
    let mut tx = db.write().await.unwrap();
    fill(&mut tx).await;
    // For a few rows another way may be as cheap. What must be shown is that the range is there for many millions.
    for way in ["enable_bitmapscan", "enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_sort"] {
        tx.exec(leaked(format!("SET LOCAL {way} = off")), args![]).await.unwrap();
    }
    for (sql, values, index) in statements() {
        let explain = leaked(format!("EXPLAIN {sql}"));
        let steps: Vec<(String,)> = tx.all(explain, values).await.unwrap();
        let plan: String = steps.into_iter().map(|step| step.0 + "\n").collect();
        assert!(plan.contains(index), "{index}: {plan}");
        assert!(!plan.contains("Seq Scan") && !plan.contains("Sort  "), "{index}: {plan}");
    }
}
