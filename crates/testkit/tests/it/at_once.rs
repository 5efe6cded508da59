//! What was taken away is gone with the answer: for the very next request at the gateway that gave it, and within a second
//! at every other.

use std::time::Duration;

use denizen_testkit::{Client, Cluster, PASSWORD};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::{with_admin, with_admin_and};

const EMAIL: &str = "ada@example.test";

/// How soon other gateways know.
const SOON: Duration = Duration::from_secs(1);

/// How often what is a matter of milliseconds is tried.
const ROUNDS: usize = 5;

/// Somebody with one token at the gateway that answers, and at another where there are several.
struct Person {
    here: Client,
    there: Client,
    token: String,
    session: String,
}

impl Person {
    async fn log_in(cluster: &Cluster) -> Self {
        let (here, tokens) = cluster.client().login(EMAIL).await;
        let text = |name: &str| tokens[name].as_str().unwrap().to_owned();
        let (token, session) = (text("access_token"), text("session_id"));
        let there = Client::new(cluster.gateways.last().unwrap()).with_token(&token);
        // Both gateways have seen the token, so neither asks about it again.
        here.get("/users/me").await.expect(200);
        there.get("/users/me").await.expect(200);
        Self { here, there, token, session }
    }

    /// What the person asks for is answered so: here the first time, elsewhere soon.
    async fn gets(&self, path: &str, status: u16, how: &str) {
        assert_eq!(self.here.get(path).await.status, status, "{how}: {path}");
        let there = async { while self.there.get(path).await.status != status {} };
        assert!(timeout(SOON, there).await.is_ok(), "{how}: {path} at another gateway");
    }

    /// Nothing is read or written with the token.
    async fn is_out(&self, how: &str) {
        let write = self.here.patch("/users/me", json!({ "name": "Mallory" })).await;
        assert_eq!(write.status, 401, "{how}: {}", write.body);
        self.gets("/users/me", 401, how).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_over_with_the_answer_that_ends_it() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let id = cluster.client().register(EMAIL).await["id"].as_str().unwrap().to_owned();
        for _ in 0..ROUNDS {
            let ada = Person::log_in(cluster).await;
            ada.here.post("/auth/logout", json!({})).await.expect(204);
            ada.is_out("a logout").await;
        }
        let (ada, other) = (Person::log_in(cluster).await, Person::log_in(cluster).await);
        ada.here.post("/auth/logout", json!({ "all": true })).await.expect(204);
        other.is_out("a logout of all").await;
        ada.is_out("a logout of all").await;

        let (ada, other) = (Person::log_in(cluster).await, Person::log_in(cluster).await);
        ada.here.delete("/sessions").await.expect(204);
        other.is_out("the end of the others").await;
        let other = Person::log_in(cluster).await;
        ada.here.delete(&format!("/sessions/{}", other.session)).await.expect(204);
        other.is_out("the end by its owner").await;
        ada.gets("/users/me", 200, "it lives on").await;
        admin.delete(&format!("/sessions/{}", ada.session)).await.expect(204);
        ada.is_out("the end by an administrator").await;
        let ada = Person::log_in(cluster).await;
        admin.delete(&format!("/admin/users/{id}/sessions")).await.expect(204);
        ada.is_out("the end of all by an administrator").await;

        let (ada, other) = (Person::log_in(cluster).await, Person::log_in(cluster).await);
        let change =
            json!({ "current_password": PASSWORD, "new_password": "another horse, another battery" });
        ada.here.put("/users/me/password", change).await.expect(204);
        other.is_out("a new password").await;
        ada.gets("/users/me", 200, "a new password, here").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_is_out_with_the_answer() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let client = cluster.client();
        let id = client.register(EMAIL).await["id"].as_str().unwrap().to_owned();
        let until = "2999-01-01T00:00:00Z";
        let acts =
            [("block", json!({ "reason": "x" })), ("suspend", json!({ "reason": "x", "until": until }))];
        for (act, form) in acts.iter().cycle().take(ROUNDS) {
            let ada = Person::log_in(cluster).await;
            admin.post(&format!("/admin/users/{id}/{act}"), form.clone()).await.expect(200);
            ada.is_out(act).await;
            admin.post(&format!("/admin/users/{id}/activate"), json!({})).await.expect(200);
        }
        let ada = Person::log_in(cluster).await;
        admin.delete(&format!("/users/{id}")).await.expect(204);
        ada.is_out("deletion").await;

        let made = admin.post("/admin/service-accounts", json!({ "name": "shop" })).await.expect(201);
        let service = made.text("client_id");
        let ask = json!({ "client_id": service, "client_secret": made.text("client_secret") });
        let token = client.post("/auth/service-token", ask).await.expect(200).text("access_token");
        let shop = client.with_token(&token);
        shop.get("/users?limit=1").await.expect(200);
        admin.delete(&format!("/admin/service-accounts/{service}")).await.expect(204);
        shop.get("/users?limit=1").await.expect(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_gone_with_the_answer_that_takes_it() {
    with_admin(async |cluster: &Cluster, admin: &Client| {
        let id = cluster.client().register(EMAIL).await["id"].as_str().unwrap().to_owned();
        let role = json!({ "name": "reader", "permissions": ["users:read"] });
        admin.post("/admin/roles", role).await.expect(201);
        let roles = format!("/admin/users/{id}/roles");
        for _ in 0..ROUNDS {
            admin.put(&roles, json!({ "roles": ["support"] })).await.expect(200);
            let ada = Person::log_in(cluster).await;
            ada.gets("/users", 200, "support").await;
            admin.put(&roles, json!({ "roles": [] })).await.expect(200);
            ada.gets("/users", 403, "a role that was taken").await;
            ada.gets("/users/me", 200, "the session lives on").await;
        }
        admin.put(&roles, json!({ "roles": ["reader"] })).await.expect(200);
        let ada = Person::log_in(cluster).await;
        for _ in 0..ROUNDS {
            ada.gets("/users", 200, "the role allows it").await;
            admin.patch("/admin/roles/reader", json!({ "permissions": [] })).await.expect(200);
            ada.gets("/users", 403, "the role allows it no more").await;
            admin.patch("/admin/roles/reader", json!({ "permissions": ["users:read"] })).await.expect(200);
        }
    })
    .await;
}

/// An upstream that leaves HTTP and gives back what it gets.
async fn echo() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                head(&mut stream).await;
                let answer =
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.unwrap();
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

/// Reads a head, and no more.
async fn head(stream: &mut TcpStream) -> String {
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        seen.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(seen).unwrap()
}

/// A tunnel that works.
async fn tunnel(gateway: &str, token: &str) -> TcpStream {
    let address = gateway.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let ask = format!(
        "GET /socket HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Key: a2V5a2V5a2V5a2V5a2V5a2U=\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    let head = head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream.write_all(b"hello").await.unwrap();
    let mut echoed = [0; 5];
    stream.read_exact(&mut echoed).await.unwrap();
    assert_eq!(&echoed, b"hello");
    stream
}

/// A tunnel ends soon.
async fn ends(mut tunnel: TcpStream, how: &str) {
    let mut rest = [0; 1];
    let read = timeout(SOON, tunnel.read(&mut rest)).await;
    assert_eq!(read.unwrap_or_else(|_| panic!("{how}: the tunnel goes on")).unwrap_or(0), 0, "{how}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_ends_with_the_stay_of_who_opened_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.toml");
    let routes = format!(
        "[[gateway.upstreams]]\nname = \"echo\"\ntargets = [{{ url = \"http://{}\" }}]\n\
         [[gateway.routes]]\nname = \"socket\"\nmatch = {{ path = \"/socket\" }}\nupstream = \"echo\"\nauth = \"required\"\n",
        echo().await
    );
    std::fs::write(&file, routes).unwrap();
    with_admin_and(&[("gateway.routes_file", &file.to_string_lossy())], async |cluster, admin| {
        let user: Value = cluster.client().register(EMAIL).await;
        let id = user["id"].as_str().unwrap();
        let all = async |token: &str| {
            let mut tunnels = Vec::new();
            for gateway in &cluster.gateways {
                tunnels.push(tunnel(gateway, token).await);
            }
            tunnels
        };
        let (ada, other) = (Person::log_in(cluster).await, Person::log_in(cluster).await);
        let mut others = all(&other.token).await;
        let tunnels = all(&ada.token).await;
        ada.here.post("/auth/logout", json!({})).await.expect(204);
        for tunnel in tunnels {
            ends(tunnel, "a logout").await;
        }
        for tunnel in &mut others {
            tunnel.write_all(b"!").await.unwrap();
            assert_eq!(tunnel.read_u8().await.unwrap(), b'!', "that of another session goes on");
        }
        admin.post(&format!("/admin/users/{id}/block"), json!({ "reason": "x" })).await.expect(200);
        for tunnel in others {
            ends(tunnel, "a block").await;
        }
        admin.post(&format!("/admin/users/{id}/activate"), json!({})).await.expect(200);
        admin.put(&format!("/admin/users/{id}/roles"), json!({ "roles": ["support"] })).await.expect(200);
        let tunnels = all(&Person::log_in(cluster).await.token).await;
        admin.put(&format!("/admin/users/{id}/roles"), json!({ "roles": [] })).await.expect(200);
        for tunnel in tunnels {
            ends(tunnel, "a role that was taken").await;
        }
    })
    .await;
}
