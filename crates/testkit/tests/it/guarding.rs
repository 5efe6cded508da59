//! Who is kept out: by the guard of logins, by address, and how an administrator helps in again.

use denizen_kit::time::{Clock, Timestamp};
use denizen_testkit::{Client, Cluster, Options, PASSWORD, Topology, eventually, token_in};
use futures::future::join_all;
use reqwest::Method;
use serde_json::json;

const ADMIN: &str = "admin@example.test";

/// Runs a story with an administrator, behind a proxy that says where requests come from.
async fn behind_a_proxy(story: impl AsyncFn(&Cluster, &Client)) {
    for topology in Topology::available() {
        println!("--- {topology:?}");
        let settings = vec![
            ("admin.email", ADMIN.to_owned()),
            ("admin.password", PASSWORD.to_owned()),
            ("gateway.trusted_proxies", "127.0.0.1".to_owned()),
        ];
        let cluster = Cluster::with(topology, Options { settings, clock: None }).await;
        let client = cluster.client();
        eventually("the administrator", || async { cluster.has_account(ADMIN).await.then_some(()) }).await;
        let (admin, _) = client.login(ADMIN).await;
        story(&cluster, &admin).await;
        cluster.stop().await;
    }
}

/// The status of a request that comes from an address.
async fn status_from(client: &Client, path: &str, address: &str) -> u16 {
    client.send(Method::GET, path, None, &[("x-forwarded-for", address)]).await.status.as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_network_is_kept_out_of_everything_but_health() {
    behind_a_proxy(async |cluster, admin| {
        let clients: Vec<Client> = cluster.gateways.iter().map(|base| Client::new(base)).collect();
        for client in &clients {
            assert_eq!(status_from(client, "/users/me", "198.51.100.7").await, 401);
        }
        let wish = json!({ "cidr": "198.51.100.0/24", "reason": "abuse" });
        let block = admin.post("/admin/ip-blocks", wish.clone()).await.expect(201);
        let id = block.text("id");
        for client in &clients {
            eventually("the block at each gateway", || async {
                (status_from(client, "/users/me", "198.51.100.7").await == 403).then_some(())
            })
            .await;
            for path in ["/password/strength", "//", "//docs", "/nothing/here", "/auth/login"] {
                assert_eq!(status_from(client, path, "198.51.100.99").await, 403, "{path}");
            }
            for path in ["//health/live", "//health/ready"] {
                assert_eq!(status_from(client, path, "198.51.100.7").await, 200, "{path}");
            }
            assert_eq!(status_from(client, "/users/me", "198.51.101.7").await, 401, "the next network");
        }
        let refused = admin
            .send(Method::GET, "/users/me", None, &[("x-forwarded-for", "198.51.100.7")])
            .await
            .expect(403);
        assert_eq!(refused.code(), "forbidden");
        assert!(refused.text("detail").contains(&id), "it names the block");

        assert_eq!(admin.post("/admin/ip-blocks", wish).await.expect(409).code(), "conflict");
        let own = json!({ "cidr": "203.0.113.5", "reason": "a slip" });
        let headers = [("x-forwarded-for", "203.0.113.5")];
        admin.send(Method::POST, "/admin/ip-blocks", Some(own), &headers).await.expect(409);
        let listed = admin.get("/admin/ip-blocks").await.expect(200);
        assert_eq!(listed.body["items"][0]["id"], json!(id));

        admin.delete(&format!("/admin/ip-blocks/{id}")).await.expect(204);
        for client in &clients {
            eventually("the way in at each gateway", || async {
                (status_from(client, "/users/me", "198.51.100.7").await == 401).then_some(())
            })
            .await;
        }
        for action in ["ip.blocked", "ip.unblocked"] {
            eventually("the audit trail", || async {
                let entries = admin.get(&format!("/admin/audit?action={action}")).await.expect(200);
                (!entries.body["items"].as_array().unwrap().is_empty()).then_some(())
            })
            .await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_limit_the_right_password_does_not_get_in_among_fifty() {
    for topology in Topology::available() {
        println!("--- {topology:?}");
        // The clock stands, so that no wait ends in between.
        let clock = Clock::manual(Timestamp::from_second(1_790_000_000).unwrap());
        let cluster = Cluster::with(topology, Options { settings: Vec::new(), clock: Some(clock) }).await;
        let clients: Vec<Client> = cluster.gateways.iter().map(|base| Client::new(base)).collect();
        clients[0].register("ada@example.test").await;
        let login = async |number: usize, password: &str| {
            let body = json!({ "identifier": "ada@example.test", "password": password });
            clients[number % clients.len()].post("/auth/login", body).await.status.as_u16()
        };
        let tries = (0..50).map(|number| login(number, "not the password"));
        let first = join_all(tries).await;
        assert_eq!(first.iter().filter(|status| **status == 401).count(), 5, "{first:?}");
        let tries = (0..50).map(|number| login(number, if number % 10 == 7 { PASSWORD } else { "no" }));
        assert_eq!(join_all(tries).await, [429; 50]);
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_starts_a_reset_and_learns_nothing() {
    behind_a_proxy(async |cluster, admin| {
        let client = cluster.client();
        let ada = client.register("ada@example.test").await;
        let id = ada["id"].as_str().unwrap();
        client.mail("ada@example.test", 1).await;
        let path = format!("/admin/users/{id}/reset-password");
        let (owner, _) = client.login("ada@example.test").await;
        assert_eq!(owner.post(&path, json!({})).await.expect(403).code(), "forbidden");
        let answer = admin.post(&path, json!({})).await.expect(202);
        assert_eq!(answer.body, json!({ "accepted": true }), "neither password nor token");
        client.login("ada@example.test").await;
        let token = token_in(&client.mail("ada@example.test", 2).await);
        let reset = json!({ "token": token, "new_password": "seven copper lanterns" });
        client.post("/password/reset", reset).await.expect(204);
        owner.get("/users/me").await.expect(401);
        let body = json!({ "identifier": "ada@example.test", "password": "seven copper lanterns" });
        client.post("/auth/login", body).await.expect(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_come_with_hashes_of_other_programs() {
    // Of "correct horse battery", by bcrypt, passlib and Django; see crates/password/tests/it/vectors.
    let hashes = [
        "$2b$05$9w..uVpMtzFFwvHYIJ5jde0bRhMr67AYKJFMHK08OaD3Rp0e5qYIS",
        "$pbkdf2-sha256$29000$O.fcu3euNWbM.d.b01pLyQ$xS13UJdwVhaHvrIlm.N65RZBM6KxewjDAEjFgU6V2Nk",
        "bcrypt$$2b$05$.HUJ2GJKrRtCrYdcuYK4OuiK/ITjv.qcERUsmKWonbrUzzGd1zv3y",
    ];
    behind_a_proxy(async |cluster, admin| {
        let client = cluster.client();
        for (index, hash) in hashes.iter().enumerate() {
            let email = format!("moved{index}@example.test");
            let wish = json!({ "name": "Ada", "email": email, "password_hash": hash });
            admin.post("/admin/users", wish).await.expect(201);
            let login = |password: &'static str| json!({ "identifier": email, "password": password });
            client.post("/auth/login", login("correct horse")).await.expect(401);
            client.post("/auth/login", login("correct horse battery")).await.expect(200);
        }
        let wish = json!({ "name": "Eve", "email": "eve@example.test", "password_hash": "hunter2" });
        let refused = admin.post("/admin/users", wish).await.expect(422);
        assert_eq!(refused.body["errors"][0]["pointer"], json!("/password_hash"));
    })
    .await;
}
