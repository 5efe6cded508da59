//! `denizen keys`: another master key beside the running system, however it is laid out, cut short at any moment.

mod layout;
mod upgrade;

use std::process::Command;
use std::time::Duration;

use denizen_kit::caller::Role;
use denizen_testkit::{Client, eventually};
use serde_json::{Value, json};

use crate::process::{Engine, Launch, random, run};
use layout::{ADMIN, EMAIL, NEW, OLD, System, each_form, holders, key_in, wrapped};

/// Refreshes and shows oneself: what was there before goes on.
async fn goes_on(client: &Client, session: &Value) -> Value {
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let session = eventually("a refresh", || async {
        let answer = client.post("/auth/refresh", refresh.clone()).await;
        assert_ne!(answer.status, 401, "{}", answer.body);
        (answer.status == 200).then_some(answer.body)
    })
    .await;
    let token = session["access_token"].as_str().unwrap();
    eventually("oneself", || async {
        let me = client.with_token(token).get("/users/me").await;
        assert_ne!(me.status, 401, "{}", me.body);
        (me.status == 200).then(|| assert_eq!(me.text("email"), EMAIL))
    })
    .await;
    session
}

/// Who logs in again and again. Their sessions push each other out, so it is nobody whose session is watched.
const OTHER: &str = "bob@example.test";

/// Logs in until told to stop: all succeed while `strict`, and none is ever refused as unknown.
fn keep_logging_in(
    client: Client,
    strict: bool,
    stop: tokio::sync::watch::Receiver<bool>,
) -> tokio::task::JoinHandle<usize> {
    tokio::spawn(async move {
        let mut done = 0;
        let body = json!({ "identifier": OTHER, "password": denizen_testkit::PASSWORD });
        while !*stop.borrow() {
            let Some(answer) = client.try_post("/auth/login", body.clone()).await else {
                assert!(!strict, "nobody answers");
                continue;
            };
            let expected: &[u16] = if strict { &[200] } else { &[200, 503] };
            assert!(expected.contains(&answer.status.as_u16()), "{} {}", answer.status, answer.body);
            done += usize::from(answer.status == 200);
        }
        done
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_changed_while_people_log_in_and_processes_restart_one_by_one() {
    each_form(async |form| {
        let mut system = System::start(&form).await;
        let client = system.client();
        client.register(EMAIL).await;
        client.register(OTHER).await;
        let (_, session) = client.login(EMAIL).await;
        let old_slots = system.slots().await;

        let (stop, stopped) = tokio::sync::watch::channel(false);
        let logins = keep_logging_in(client.clone(), true, stopped);
        for launch in system.keyrings() {
            let told =
                run(launch.clone().set("master_key_new", NEW).command(&["keys", "rotate"]), "").expect(0);
            assert!(told.out.contains("denizen keys retire"), "{}", told.out);
            run(launch.clone().set("master_key_new", NEW).command(&["keys", "rotate"]), "").expect(0);
            let early = run(launch.clone().set("master_key", NEW).command(&["keys", "retire"]), "").expect(1);
            assert!(early.err.contains("restart them with the key"), "{}", early.err);
        }
        stop.send(true).unwrap();
        assert_ne!(logins.await.unwrap(), 0);

        let (stop, stopped) = tokio::sync::watch::channel(false);
        let logins = keep_logging_in(client.clone(), false, stopped);
        let mut session = session;
        for role in system.parts() {
            system.restart(role, NEW).await;
            session = goes_on(&system.client(), &session).await;
        }
        for launch in system.keyrings() {
            run(launch.clone().set("master_key", NEW).command(&["keys", "retire"]), "").expect(0);
        }
        stop.send(true).unwrap();
        logins.await.unwrap();
        let session = goes_on(&system.client(), &session).await;

        assert_ne!(old_slots.len(), 0);
        for slot in &old_slots {
            assert_eq!(holders(system.folder(), &wrapped(slot)), Vec::<String>::new());
        }
        for (role, refused) in system.start_all_with(OLD).await {
            for part in
                ["master_key (DENIZEN_MASTER_KEY", "opens nothing here", "give every process the new key"]
            {
                assert!(refused.contains(part), "{role}: {part} in {refused}");
            }
        }
        system.restart_all(NEW).await;
        goes_on(&system.client(), &session).await;
        told_to_audit(&system).await;
        system.stop();
    })
    .await;
}

/// Both ends of the rotation are in the audit trail, which still holds.
async fn told_to_audit(system: &System) {
    let (admin, _) = system.client().login(ADMIN).await;
    eventually("the record of the rotation", || async {
        let entries =
            admin.get("/admin/audit?actor=service:operator").await.expect(200).body["items"].clone();
        let entries = entries.as_array()?.clone();
        let has =
            |action: &str| entries.iter().any(|entry| entry["action"] == action && entry["result"] == "ok");
        (has("master_key.added") && has("master_key.retired")).then_some(())
    })
    .await;
    assert_eq!(admin.get("/admin/audit/verify").await.expect(200).body["valid"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_data_folder_is_changed_by_one_command() {
    for engine in Engine::available().await {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch::new(folder.path()).cheap().on(&engine);
        let process = launch.ready().await;
        process.client().register(EMAIL).await;
        let (_, session) = process.client().login(EMAIL).await;
        let old_key = key_in(folder.path());
        let old_slots = layout::slots_of(&engine, &folder.path().join("denizen-data")).await;

        let told = run(launch.command(&["keys", "rotate"]), "").expect(0);
        assert!(told.out.contains("nothing is left to do"), "{}", told.out);
        assert_ne!(key_in(folder.path()), old_key);
        let session = goes_on(&process.client(), &session).await;
        let status = run(launch.command(&["keys", "status"]), "").expect(0).out;
        assert!(status.contains("no rotation is under way"), "{status}");
        assert_eq!(status.matches("(the key of these settings)").count(), 1, "{status}");
        for slot in &old_slots {
            assert_eq!(holders(folder.path(), &wrapped(slot)), Vec::<String>::new());
        }
        assert_eq!(process.terminate().code(), Some(0));

        let refused = run(launch.clone().set("master_key", &old_key).command(&["serve"]), "").expect(1);
        assert!(refused.err.contains("opens nothing here"), "{}", refused.err);
        let process = launch.ready().await;
        goes_on(&process.client(), &session).await;
        process.client().login(EMAIL).await;
    }
}

/// How often a rotation is killed.
const KILLS: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_killed_at_any_moment_leaves_a_key_that_opens() {
    for engine in Engine::available().await {
        let folder = tempfile::tempdir().unwrap();
        let launch = Launch::new(folder.path()).cheap().on(&engine);
        let process = launch.ready().await;
        process.client().register(EMAIL).await;
        let before = key_in(folder.path());
        let whole = std::time::Instant::now();
        run(launch.command(&["keys", "status"]), "").expect(0);
        // A rotation takes about as long as a status and a few commits more.
        let longest = u64::try_from(whole.elapsed().as_micros()).unwrap() * 2;
        let mut cut = 0;
        for _ in 0..KILLS {
            let mut rotation = launch.command(&["keys", "rotate"]);
            let mut child = quiet(&mut rotation).spawn().unwrap();
            tokio::time::sleep(Duration::from_micros(random() % longest)).await;
            cut += usize::from(child.try_wait().unwrap().is_none());
            let _ = child.kill();
            child.wait().unwrap();
            run(launch.command(&["keys", "status"]), "").expect(0);
            process.client().login(EMAIL).await;
        }
        assert_ne!(cut, 0, "no rotation was cut short");
        process.kill();
        let process = launch.ready().await;
        process.client().login(EMAIL).await;
        // Whatever was cut short is finished by one more, or by this and one more.
        for _ in 0..2 {
            run(launch.command(&["keys", "rotate"]), "").expect(0);
        }
        let status = run(launch.command(&["keys", "status"]), "").expect(0).out;
        assert!(status.contains("no rotation is under way"), "{status}");
        assert_ne!(key_in(folder.path()), before);
        process.client().login(EMAIL).await;
    }
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null())
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::new(folder.path()).cheap().set("master_key", OLD);
    let process = launch.ready().await;
    let refused = |launch: Launch, arguments: &[&str], part: &str| {
        let finished = run(launch.command(arguments), "").expect(1);
        assert!(finished.err.contains(part), "{part} in {}", finished.err);
    };
    refused(launch.clone(), &["keys", "rotate"], "DENIZEN_MASTER_KEY_NEW");
    refused(
        launch.clone().set("master_key_new", "short"),
        &["keys", "rotate"],
        "master_key_new: it must be 32 bytes",
    );
    refused(
        launch.clone().set("master_key_new", OLD),
        &["keys", "rotate"],
        "is the master_key of these settings",
    );
    refused(launch.clone().set("master_key", NEW), &["keys", "rotate"], "opens nothing here");
    let gateway = launch.clone().set("roles", Role::Gateway.as_str());
    refused(gateway, &["keys", "status"], "a gateway has no keyring of its own");

    run(launch.clone().set("master_key_new", NEW).command(&["keys", "rotate"]), "").expect(0);
    let third = "dGhpcmQga2V5IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXM=";
    refused(
        launch.clone().set("master_key_new", third),
        &["keys", "rotate"],
        "a rotation is under way already",
    );
    // The way back: the old key stays.
    run(launch.command(&["keys", "retire"]), "").expect(0);
    refused(launch.clone().set("master_key", NEW), &["keys", "status"], "opens nothing here");
    // The other way, at any price.
    run(launch.clone().set("master_key_new", NEW).command(&["keys", "rotate"]), "").expect(0);
    run(launch.clone().set("master_key", NEW).command(&["keys", "retire", "--force"]), "").expect(0);
    process.client().register(EMAIL).await;
    process.kill();
    let mut again = launch.set("master_key", NEW).start(&[]);
    again.answers("/health/ready").await;
    again.client().login(EMAIL).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_retire_each_others_key_leave_one_that_opens() {
    for engine in Engine::available().await {
        let folder = tempfile::tempdir().unwrap();
        let launch = |key: &str| Launch::new(folder.path()).cheap().on(&engine).set("master_key", key);
        let (mut present, mut other) = (OLD, NEW);
        run(launch(present).command(&["migrate"]), "").expect(0);
        for _ in 0..4 {
            run(launch(present).set("master_key_new", other).command(&["keys", "rotate"]), "").expect(0);
            let [left, right] = [present, other].map(|key| {
                let launch = launch(key);
                tokio::task::spawn_blocking(move || run(launch.command(&["keys", "retire", "--force"]), ""))
            });
            let (left, right) = (left.await.unwrap(), right.await.unwrap());
            let opens = |key: &str| run(launch(key).command(&["keys", "status"]), "").code == Some(0);
            assert_eq!([left.code, right.code].iter().filter(|code| **code == Some(0)).count(), 1);
            assert_eq!([opens(present), opens(other)], [left.code == Some(0), right.code == Some(0)]);
            if right.code == Some(0) {
                std::mem::swap(&mut present, &mut other);
            }
        }
    }
}
