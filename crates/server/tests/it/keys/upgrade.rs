//! Installations from before there were keyrings, and keyrings that are lost or of another installation.

use std::path::Path;

use denizen_db::args;

use super::layout::{self, EMAIL, NEW, OLD, open};
use crate::process::{Engine, Launch, run};

/// The databases and their steps.
fn databases() -> Vec<(&'static str, &'static [denizen_db::Migration])> {
    vec![
        ("users", denizen_users::MIGRATIONS),
        ("keys", denizen_users::KEYS_MIGRATIONS),
        ("auth", denizen_auth::MIGRATIONS),
        ("password", denizen_password::MIGRATIONS),
        ("otp", denizen_otp::MIGRATIONS),
        ("notify", denizen_notify::MIGRATIONS),
        ("audit", denizen_audit::MIGRATIONS),
    ]
}

/// Takes the keyring away.
async fn lose_keyring(engine: &Engine, data_dir: &Path) {
    let db = layout::keyring(engine, data_dir).await;
    let mut tx = db.write().await.unwrap();
    for sql in ["DELETE FROM slots", "DELETE FROM root", "DELETE FROM processes"] {
        tx.exec(sql, args![]).await.unwrap();
    }
    tx.commit().await.unwrap();
    db.close().await;
}

/// Makes the databases those of a program that knew no roots.
async fn forget_roots(engine: &Engine, data_dir: &Path) {
    for (name, steps) in databases() {
        let db = open(engine, data_dir, name, steps).await;
        let mut tx = db.write().await.unwrap();
        tx.exec("DELETE FROM root_mark", args![]).await.unwrap();
        tx.commit().await.unwrap();
        db.close().await;
    }
    lose_keyring(engine, data_dir).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_from_before_goes_on_under_its_key_and_can_change_it() {
    for engine in Engine::available().await {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("denizen-data");
        // A database without a mark is there before the first start: what follows is sealed under the master key itself.
        open(&engine, &data_dir, "users", denizen_users::MIGRATIONS).await.close().await;
        let launch = Launch::new(folder.path()).cheap().on(&engine).set("master_key", OLD);
        let process = launch.ready().await;
        process.client().register(EMAIL).await;
        let (_, session) = process.client().login(EMAIL).await;
        assert_eq!(process.terminate().code(), Some(0));
        forget_roots(&engine, &data_dir).await;

        let process = launch.ready().await;
        let session = super::goes_on(&process.client(), &session).await;
        let status = run(launch.command(&["keys", "status"]), "").expect(0).out;
        assert!(status.contains("its root is its first master key"), "{status}");
        run(launch.clone().set("master_key_new", NEW).command(&["keys", "rotate"]), "").expect(0);
        assert_eq!(process.terminate().code(), Some(0));
        let launch = launch.set("master_key", NEW);
        let process = launch.ready().await;
        run(launch.command(&["keys", "retire"]), "").expect(0);
        super::goes_on(&process.client(), &session).await;
        process.client().login(EMAIL).await;
        let verified = run(launch.command(&["audit", "verify"]), "").expect(0);
        assert!(verified.out.contains("the audit trail holds"), "{}", verified.out);
        let status = run(launch.command(&["keys", "status"]), "").expect(0).out;
        assert!(status.contains("its root is its first master key"), "also later: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_keyring_and_one_of_another_installation_are_refused() {
    for engine in Engine::available().await {
        let folder = tempfile::tempdir().unwrap();
        let data_dir = folder.path().join("denizen-data");
        let launch = Launch::new(folder.path()).cheap().on(&engine).set("master_key", OLD);
        assert_eq!(launch.ready().await.terminate().code(), Some(0));
        lose_keyring(&engine, &data_dir).await;
        let refused = run(launch.command(&["serve"]), "").expect(1);
        assert!(refused.err.contains("the keyring that opens it is not"), "{}", refused.err);
        assert!(refused.err.contains("put the database keyring back"), "{}", refused.err);

        // Somebody puts a keyring of another installation there: it opens with the same key, and is not theirs.
        let root = denizen_kit::seal::Root::generate();
        let key = denizen_kit::seal::Key::from_bytes(*b"old key of the tests, 32 bytes!!");
        let master = denizen_kit::seal::Master::new(key);
        let db = layout::keyring(&engine, &data_dir).await;
        let mut tx = db.write().await.unwrap();
        let now = denizen_kit::time::Timestamp::UNIX_EPOCH;
        let sql = "INSERT INTO slots (name, wrapped, made_at) VALUES ($1, $2, $3)";
        tx.exec(sql, args![master.name(), master.wrap(&root), now]).await.unwrap();
        tx.commit().await.unwrap();
        db.close().await;
        let refused = run(launch.command(&["serve"]), "").expect(1);
        assert!(refused.err.contains("was sealed under another root key"), "{}", refused.err);
    }
}
