//! The audit trail as evidence: it proves itself, goes out whole, and tells what the door refused.

use denizen_testkit::{Client, Cluster, eventually};
use serde_json::{Value, json};

use crate::support::with_admin_and;

/// Runs a story with an administrator on every topology; counts of refusals are told at once.
async fn with_admin(story: impl AsyncFn(&Cluster, &Client)) {
    with_admin_and(&[("gateway.refusals_interval", "50ms")], story).await;
}

async fn entries(admin: &Client, query: &str) -> Vec<Value> {
    let page = admin.get(&format!("/admin/audit?{query}")).await.expect(200).body;
    page["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_door_refused_is_told_by_source_and_minute() {
    with_admin(async |cluster, admin| {
        let nobody = cluster.client();
        for _ in 0..3 {
            nobody.get("/users/me").await.expect(401);
        }
        nobody.register("ada@example.test").await;
        let (ada, _) = nobody.login("ada@example.test").await;
        ada.get("/admin/audit").await.expect(403);

        let told = eventually("all refusals", || async {
            let told = entries(admin, "action=edge.refused").await;
            let count = |code: &str| -> i64 {
                let of_code = told.iter().filter(|entry| entry["details"]["code"] == code);
                of_code.filter_map(|entry| entry["details"]["count"].as_i64()).sum()
            };
            (count("unauthenticated") >= 3).then(|| told.clone())
        })
        .await;
        let refused = eventually("the want of permission", || async {
            let found = entries(admin, "action=access.refused").await;
            (!found.is_empty()).then_some(found)
        })
        .await;
        assert_eq!(refused.len(), 1, "{refused:?}");
        nobody.get("/users/me").await.expect(401);
        let told = eventually("what came after it", || async {
            let more = entries(admin, "action=edge.refused").await;
            let count = |told: &[Value]| {
                told.iter().filter_map(|entry| entry["details"]["count"].as_i64()).sum::<i64>()
            };
            (count(&more) > count(&told)).then_some(more)
        })
        .await;
        assert!(told.iter().all(|entry| entry["details"]["code"] != "forbidden"), "it is an entry already");
        for entry in &told {
            assert_eq!((&entry["result"], &entry["ip"]), (&"refused".into(), &"127.0.0.1".into()), "{entry}");
            assert!(entry["details"]["minute"].as_str().unwrap().ends_with(":00Z"), "{entry}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_kept_answers_away_is_told_and_who_may_not_too() {
    with_admin(async |cluster, admin| {
        let nobody = cluster.client();
        nobody.register("ada@example.test").await;
        let (ada, _) = nobody.login("ada@example.test").await;
        ada.delete("/admin/gateway/cache?tag=a").await.expect(403);
        admin.delete("/admin/gateway/cache").await.expect(422);
        for query in ["tag=a", "url=/shop/a", "prefix=/shop/"] {
            let answer = admin.delete(&format!("/admin/gateway/cache?{query}")).await.expect(200).body;
            assert_eq!(answer, json!({ "purged": 0 }));
        }
        let told = eventually("all purges", || async {
            let told = entries(admin, "action=edge.purged").await;
            (told.len() >= 3).then_some(told)
        })
        .await;
        let me = admin.get("/auth/me").await.expect(200).body;
        for entry in &told {
            assert_eq!((&entry["actor"], &entry["result"]), (&me["id"], &"ok".into()), "{entry}");
            assert_eq!(entry["details"]["count"], 0, "{entry}");
        }
        let mut by: Vec<_> = told.iter().map(|entry| entry["details"]["by"].as_str().unwrap()).collect();
        by.sort_unstable();
        assert_eq!(by, ["prefix", "tag", "url"], "each once, and nothing of what was refused");
        eventually("the want of permission", || async {
            let refused = entries(admin, "action=edge.refused").await;
            refused.iter().any(|entry| entry["details"]["code"] == "forbidden").then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_proves_itself_and_goes_out_whole() {
    with_admin(async |cluster, admin| {
        let id = cluster.client().register("ada@example.test").await["id"].as_str().unwrap().to_owned();
        eventually("the entry", || async {
            let about = entries(admin, &format!("subject={id}")).await;
            about.iter().any(|entry| entry["action"] == "user.created").then_some(())
        })
        .await;
        eventually("the reading is an entry", || async {
            let read = entries(admin, "action=audit.read").await;
            read.iter().any(|entry| entry["subject"] == id.as_str()).then_some(())
        })
        .await;

        for path in ["/admin/audit/verify", "/admin/audit/verify?full=true"] {
            let verdict = admin.get(path).await.expect(200).body;
            assert_eq!((&verdict["valid"], &verdict["from"]), (&true.into(), &1.into()), "{verdict}");
            assert_eq!(verdict["producers"].as_array().unwrap().len(), 6);
        }
        admin.get("/admin/audit/verify?full=maybe").await.expect(400);
        let checkpoints = admin.get("/admin/audit/checkpoints").await.expect(200).body;
        assert_eq!(checkpoints["public_key"].as_str().unwrap().len(), 64);
        assert!(!checkpoints["items"].as_array().unwrap().is_empty(), "{checkpoints}");

        let exported = admin.get("/admin/audit/export?action=user.created").await.expect(200);
        assert_eq!(exported.header("content-type"), "application/x-ndjson");
        let lines: Vec<Value> =
            exported.body.as_str().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let seqs: Vec<i64> = lines.iter().map(|entry| entry["seq"].as_i64().unwrap()).collect();
        assert_eq!(seqs.len(), 2, "two accounts");
        assert!(seqs[0] > seqs[1] && lines.iter().all(|entry| entry["action"] == "user.created"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_follow_what_happens() {
    with_admin(async |cluster, admin| {
        let client = cluster.client();
        let id = client.register("ada@example.test").await["id"].as_str().unwrap().to_owned();
        client.register("bob@example.test").await;
        let (ada, _) = client.login("ada@example.test").await;
        let wrong = json!({ "identifier": "bob@example.test", "password": "not the password" });
        client.post("/auth/login", wrong).await.expect(401);
        ada.get("/admin/stats").await.expect(403);
        let figures = eventually("all is counted", || async {
            let found = admin.get("/admin/stats?days=2").await.expect(200).body;
            let counted = found["users"]["total"] == 3
                && found["totals"]["logins"] == 2
                && found["totals"]["failed_logins"] == 1
                && found["totals"]["delivered"].as_i64() >= Some(2);
            counted.then_some(found)
        })
        .await;
        assert_eq!(figures["users"]["by_status"]["active"], 3, "{figures}");
        assert_eq!(figures["users"]["by_role"]["admin"], 1, "{figures}");
        assert_eq!(
            (&figures["active_sessions"], &figures["totals"]["registrations"]),
            (&json!(2), &json!(3))
        );
        assert_eq!(figures["logins"].as_array().unwrap().len(), 2, "a row a day");

        ada.post("/auth/logout", json!({})).await.expect(204);
        admin.delete(&format!("/users/{id}")).await.expect(204);
        eventually("the end of both is counted", || async {
            let found = admin.get("/admin/stats").await.expect(200).body;
            let by_status = &found["users"]["by_status"];
            let ended =
                found["active_sessions"] == 1 && by_status["deleted"] == 1 && by_status["active"] == 2;
            ended.then_some(())
        })
        .await;
        for bad in ["days=0", "days=367", "days=x"] {
            let answer = admin.get(&format!("/admin/stats?{bad}")).await;
            assert!([400, 422].contains(&answer.status.as_u16()), "{bad}: {}", answer.body);
        }
    })
    .await;
}
