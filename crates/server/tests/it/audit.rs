//! `denizen audit verify`: beside a running system, without one, and after somebody has changed the trail.

use std::path::Path;

use denizen_db::{Config, Db, Secrets, args};
use denizen_kit::seal::Key;
use denizen_testkit::eventually;
use serde_json::Value;

use crate::process::{Engine, Finished, Launch, run};

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
