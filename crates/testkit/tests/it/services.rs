//! Service accounts, bound sessions, and keys of other algorithms, at the door.

use std::time::Duration;

use denizen_kit::time::{Clock, Timestamp};
use denizen_testkit::{Client, Cluster, Options, PASSWORD, Topology, eventually};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::with_admin;

const EMAIL: &str = "ada@example.test";

/// The standard form of base64, by hand: a test needs no more of it.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |chunk: &[u8]| {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..4)
            .map(|place| {
                let digit = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap();
                if place > chunk.len() { '=' } else { char::from(DIGITS[digit]) }
            })
            .collect::<String>()
    };
    text.as_bytes().chunks(3).map(digits).collect()
}

/// The same client at every gateway of a system.
fn everywhere(cluster: &Cluster, token: &str) -> Vec<Client> {
    cluster.gateways.iter().map(|base| Client::new(base).with_token(token)).collect()
}

async fn dies(clients: &[Client]) {
    for client in clients {
        eventually("the end of the token at every gateway", || async {
            (client.get("/auth/me").await.status == 401).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_works_until_its_secret_ends() {
    with_admin(async |cluster, admin| {
        let client = cluster.client();
        client.register(EMAIL).await;
        let (person, tokens) = client.login(EMAIL).await;
        assert_eq!(person.get("/admin/service-accounts").await.expect(403).code(), "forbidden");
        let made = admin.post("/admin/service-accounts", json!({ "name": "shop" })).await.expect(201);
        let (id, secret) = (made.text("client_id"), made.text("client_secret"));
        assert_eq!(made.header("location"), format!("/api/v1/admin/service-accounts/{id}"));

        let ask = json!({ "client_id": id, "client_secret": secret });
        let answer = client.post("/auth/service-token", ask.clone()).await.expect(200);
        assert_eq!((&answer.body["token_type"], &answer.body["expires_in"]), (&"Bearer".into(), &1800.into()));
        let basic = format!("Basic {}", base64(&format!("{id}:{secret}")));
        let by_basic = [("authorization", basic.as_str())];
        client.send(Method::POST, "/auth/service-token", None, &by_basic).await.expect(200);
        let wrong = format!("Basic {}", base64(&format!("{id}:dzs_x")));
        let refused =
            client.send(Method::POST, "/auth/service-token", None, &[("authorization", &wrong)]).await;
        assert_eq!(refused.header("www-authenticate"), "Basic realm=\"denizen\"");
        assert_eq!(refused.expect(401).code(), "invalid_credentials");

        let services = everywhere(cluster, &answer.text("access_token"));
        let service = &services[0];
        let me = service.get("/auth/me").await.expect(200);
        assert_eq!((&me.body["id"], &me.body["type"]), (&id.clone().into(), &"service_account".into()));
        service.get("/users?limit=1").await.expect(200);
        assert_eq!(service.get("/admin/audit").await.expect(403).code(), "forbidden");
        let of_person = json!({ "token": tokens["access_token"] });
        assert_eq!(service.post("/auth/validate", of_person.clone()).await.expect(200).body["active"], true);
        assert_eq!(admin.get("/admin/service-accounts").await.expect(200).body["items"][0]["name"], "shop");

        let path = format!("/admin/service-accounts/{id}/rotate-secret");
        let rotated = admin.send(Method::POST, &path, None, &[]).await.expect(200);
        dies(&services).await;
        client.post("/auth/service-token", ask).await.expect(401);
        let ask = json!({ "grant_type": "client_credentials", "client_id": id, "client_secret": rotated.text("client_secret") });
        let answer = client.post("/auth/service-token", ask).await.expect(200);
        let services = everywhere(cluster, &answer.text("access_token"));
        services[0].get("/auth/me").await.expect(200);
        admin.delete(&format!("/admin/service-accounts/{id}")).await.expect(204);
        dies(&services).await;
        assert_eq!(client.post("/auth/validate", of_person).await.expect(200).body["active"], true);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_session_counts_in_its_network_only() {
    for topology in Topology::available() {
        println!("--- {topology:?}");
        let settings =
            vec![("auth.bind_ip", "true".to_owned()), ("gateway.trusted_proxies", "127.0.0.1/32".to_owned())];
        let cluster = Cluster::with(topology, Options { settings, clock: None }).await;
        let client = cluster.client();
        client.register(EMAIL).await;
        let body = json!({ "identifier": EMAIL, "password": PASSWORD });
        let home = [("x-forwarded-for", "2001:db8:1:2::1")];
        let tokens = client.send(Method::POST, "/auth/login", Some(body), &home).await.expect(200);
        let refresh = json!({ "refresh_token": tokens.text("refresh_token") });
        for client in everywhere(&cluster, &tokens.text("access_token")) {
            client
                .send(Method::GET, "/users/me", None, &[("x-forwarded-for", "2001:db8:1:2::9")])
                .await
                .expect(200);
            for away in ["2001:db8:1:3::1", "192.0.2.1"] {
                let away = [("x-forwarded-for", away)];
                let refused = client.send(Method::GET, "/users/me", None, &away).await.expect(401);
                assert_eq!(refused.code(), "unauthenticated");
                let refreshed =
                    client.send(Method::POST, "/auth/refresh", Some(refresh.clone()), &away).await;
                assert_eq!(refreshed.expect(401).code(), "unauthenticated");
            }
        }
        client.send(Method::POST, "/auth/refresh", Some(refresh), &home).await.expect(200);
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_every_algorithm_open_the_door() {
    for topology in Topology::available() {
        for (algorithm, published) in [("ES256", 1), ("RS256", 1), ("HS256", 0)] {
            println!("--- {topology:?} {algorithm}");
            let settings = vec![("auth.algorithm", algorithm.to_owned())];
            let cluster = Cluster::with(topology, Options { settings, clock: None }).await;
            let client = cluster.client();
            client.register(EMAIL).await;
            let (_, tokens) = client.login(EMAIL).await;
            for client in everywhere(&cluster, tokens["access_token"].as_str().unwrap()) {
                client.get("/users/me").await.expect(200);
                let keys = client.get("//.well-known/jwks.json").await.expect(200).body;
                // One more is the gateway's own, for what it tells upstreams.
                assert_eq!(keys["keys"].as_array().unwrap().len(), published + 1);
            }
            let token = json!({ "token": tokens["access_token"] });
            assert_eq!(client.post("/auth/validate", token).await.expect(200).body["active"], true);
            cluster.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_use_of_a_session_shows_in_the_list() {
    for topology in Topology::available() {
        println!("--- {topology:?}");
        let clock = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let cluster = Cluster::with(topology, Options { settings: vec![], clock: Some(clock.clone()) }).await;
        let client = cluster.client();
        client.register(EMAIL).await;
        let (ada, _) = client.login(EMAIL).await;
        clock.advance(Duration::from_secs(600));
        let last_seen = async || -> Value {
            ada.get("/sessions").await.expect(200).body["items"][0]["last_seen_at"].clone()
        };
        let before = last_seen().await;
        eventually("the use of the session", || async { (last_seen().await != before).then_some(()) }).await;
        let shown: Timestamp = last_seen().await.as_str().unwrap().parse().unwrap();
        assert_eq!(shown.as_second(), 1_800_000_600);
        cluster.stop().await;
    }
}
