//! `denizen audit verify`: beside a running system, without one, and after somebody has changed the trail.

use std::path::Path;

use denizen_db::{Config, Db, Secrets, args};
use denizen_kit::seal::Key;
use denizen_testkit::{PASSWORD, eventually};
use serde_json::Value;

use crate::process::{Engine, Finished, Launch, Process, run};

fn verify(launch: &Launch, arguments: &[&str]) -> Finished {
    run(launch.command(&[&["audit", "verify"], arguments].concat()), "")
}

fn report(finished: &Finished) -> Value {
    serde_json::from_str(&finished.out).unwrap_or_else(|error| panic!("{error} in {}", finished.out))
}

/// Changes the database behind the system's back.
async fn tamper(engine: &Engine, folder: &Path, sql: &'static str) {
    let url = match engine {
        Engine::Sqlite => None,
        Engine::Postgres { database, .. } => Some(database.clone()),
    };
    let config = Config { url, data_dir: folder.join("denizen-data"), fast: true, bulk: false, pool: 1 };
    let secrets = Secrets { events: Key::generate(), replies: Key::generate() };
    let db = Db::connect(&config, "audit", &secrets, denizen_audit::MIGRATIONS).await.unwrap();
    let mut tx = db.write().await.unwrap();
    assert_eq!(tx.exec(sql, args![]).await.unwrap(), 1);
    tx.commit().await.unwrap();
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_is_proved_from_its_database_alone() {
    for engine in Engine::available().await {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch::new(folder.path()).cheap().on(&engine);
        let process = launch.ready().await;
        for number in 0..5 {
            process.client().register(&format!("ada{number}@example.test")).await;
        }
        let running = eventually("five entries", || async {
            let found = report(&verify(&launch, &["--json"]).expect(0));
            (found["entries"].as_i64() >= Some(5)).then_some(found)
        })
        .await;
        assert_eq!((&running["valid"], &running["from"]), (&true.into(), &1.into()), "{engine:?}: {running}");
        assert!(running.get("broken_at").is_none());

        assert_eq!(process.terminate().code(), Some(0));
        let words = verify(&launch, &[]).expect(0);
        assert!(words.out.starts_with("the audit trail holds: "), "{}", words.out);
        verify(&launch, &["--last", "1"]).expect(0);

        tamper(&engine, folder.path(), "UPDATE entries SET action = 'user.nothing' WHERE seq = 3").await;
        let broken = verify(&launch, &["--json"]).expect(1);
        let found = report(&broken);
        assert_eq!(
            (&found["valid"], &found["broken_at"], &found["entries"]),
            (&false.into(), &3.into(), &2.into())
        );
        assert!(broken.err.contains("does not hold at entry 3"), "{}", broken.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_that_was_put_back_is_found_by_a_checkpoint_kept_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(folder.path())
        .cheap()
        .set("audit.checkpoint_entries", "1")
        .set("admin.email", "admin@example.test")
        .set("admin.password", PASSWORD);
    let data = folder.path().join("denizen-data");
    let process = launch.ready().await;
    process.client().register("ada@example.test").await;
    let checkpoints = async |process: &Process, seq: i64| {
        let (admin, _) = process.client().login("admin@example.test").await;
        eventually("the checkpoint", || async {
            let found = admin.get("/admin/audit/checkpoints?limit=200").await.expect(200).body;
            (found["items"][0]["seq"].as_i64() > Some(seq)).then_some(found)
        })
        .await
    };
    let early = checkpoints(&process, 0).await;
    process.terminate();
    let names = ["audit.db", "audit.db-wal", "audit.db-shm"];
    let copy = |from: &Path, to: &Path| {
        for name in names {
            let _ = std::fs::remove_file(to.join(name));
            let _ = std::fs::copy(from.join(name), to.join(name));
        }
    };
    let backup = tempfile::tempdir().unwrap();
    copy(&data, backup.path());
    assert!(
        backup.path().join(names[0]).exists(),
        "{:?}",
        std::fs::read_dir(&data).unwrap().collect::<Vec<_>>()
    );

    let process = launch.ready().await;
    process.client().register("bob@example.test").await;
    let late = checkpoints(&process, early["items"][0]["seq"].as_i64().unwrap() + 2).await;
    process.terminate();
    let kept = folder.path().join("kept.json");
    std::fs::write(&kept, format!("{early}\n{late}")).unwrap();
    let file = kept.to_str().unwrap();
    let holds = report(&verify(&launch, &["--json", "--checkpoint", file]).expect(0));
    assert!(holds["compared"].as_i64() >= Some(2), "{holds}");

    copy(backup.path(), &data);
    verify(&launch, &[]).expect(0);
    let broken = verify(&launch, &["--json", "--checkpoint", file]).expect(1);
    assert!(report(&broken)["reason"].as_str().unwrap().contains("it was longer"), "{}", broken.out);

    std::fs::write(&kept, late.to_string().replace("\\\"seq\\\":", "\\\"seq\\\": ")).unwrap();
    let forged = verify(&launch, &["--checkpoint", file]).expect(1);
    assert!(forged.err.contains("not signed under this master key"), "{}", forged.err);
    verify(&launch, &["--checkpoint", "nowhere.json"]).expect(1);
}
