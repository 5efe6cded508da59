//! Routes, and what others learn of people: at every gateway of a system.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use axum::Json;
use axum::extract::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use denizen_testkit::{Client, Cluster, eventually};
use reqwest::Method;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::support::with_admin_and;

const EMAIL: &str = "ada@example.test";

/// A service that tells which headers it got, and a file of routes that lead to it.
struct Shop {
    folder: TempDir,
    address: std::net::SocketAddr,
}

impl Shop {
    async fn open() -> Self {
        let tell = |request: Request| async move {
            let headers = request.headers().iter();
            let text = |value: &axum::http::HeaderValue| json!(String::from_utf8_lossy(value.as_bytes()));
            Json(Value::Object(
                headers.map(|(name, value)| (name.to_string(), text(value))).collect::<Map<_, _>>(),
            ))
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(tell)).await });
        let shop = Self { folder: tempfile::tempdir().unwrap(), address };
        shop.write("");
        shop
    }

    fn file(&self) -> String {
        self.folder.path().join("routes.toml").to_string_lossy().into_owned()
    }

    fn write(&self, more: &str) {
        let text = format!(
            r#"
            [[gateway.upstreams]]
            name = "shop"
            targets = [{{ url = "http://{}" }}]
            [[gateway.routes]]
            name = "shop"
            match = {{ path = "/shop/{{*rest}}" }}
            upstream = "shop"
            [[gateway.routes]]
            name = "till"
            match = {{ path = "/till" }}
            upstream = "shop"
            permissions = ["till:open"]
            [[gateway.grants]]
            name = "support"
            permissions = ["till:open"]
            {more}
            "#,
            self.address
        );
        std::fs::write(self.file(), text).unwrap();
    }
}

fn gateways(cluster: &Cluster, token: &str) -> Vec<Client> {
    cluster.gateways.iter().map(|base| Client::new(base).with_token(token)).collect()
}

/// The claims of a token, verified by the key set of a gateway.
async fn verified(client: &Client, token: &str) -> Value {
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&decode(header)).unwrap();
    let set = client.get("//.well-known/jwks.json").await.expect(200).body;
    let key = set["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let key = UnparsedPublicKey::new(&ED25519, decode(key["x"].as_str().unwrap()));
    key.verify(message.as_bytes(), &decode(signature)).unwrap();
    serde_json::from_slice(&decode(payload)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_learns_who_comes_and_can_prove_it() {
    let shop = Shop::open().await;
    with_admin_and(&[("gateway.routes_file", &shop.file())], async |cluster, admin| {
        let client = cluster.client();
        let user = client.register(EMAIL).await;
        let (person, tokens) = client.login(EMAIL).await;
        let access = tokens["access_token"].as_str().unwrap();
        assert_eq!(client.get("//shop/x").await.expect(401).code(), "unauthenticated");
        let spoofed =
            [("x-denizen-user", "admin"), ("x_denizen_roles", "admin"), ("x-denizen-token", "a.b.c")];
        for gateway in gateways(cluster, access) {
            let got = gateway.send(Method::GET, "//shop/x", None, &spoofed).await.expect(200).body;
            assert_eq!((&got["x-denizen-user"], &got["x-denizen-roles"]), (&user["id"], &json!("user")));
            assert!(got["x_denizen_roles"].is_null() && got["authorization"].is_null(), "{got}");
            let token = got["x-denizen-token"].as_str().unwrap();
            // Whichever gateway made it, each can be asked for the key.
            for other in gateways(cluster, access) {
                let claims = verified(&other, token).await;
                assert_eq!((&claims["sub"], &claims["aud"]), (&user["id"], &json!("shop")));
                assert_eq!(claims["sid"], tokens["session_id"]);
            }
            assert_eq!(gateway.with_token(token).get("/auth/me").await.status, 401, "it opens no door here");
        }
        person.get("//till").await.expect(403);
        admin.get("//till").await.expect(200);
        person.post("/auth/logout", json!({})).await;
        for gateway in gateways(cluster, access) {
            eventually("the end of the session", || async {
                (gateway.get("//shop/x").await.status == 401).then_some(())
            })
            .await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_proxy_can_ask_who_comes() {
    with_admin_and(&[], async |cluster, admin| {
        let client = cluster.client();
        let user = client.register(EMAIL).await;
        let (person, _) = client.login(EMAIL).await;
        client.get("/auth/forward").await.expect(401);
        let told = person.get("/auth/forward?audience=shop").await.expect(200);
        assert_eq!(told.header("x-denizen-user"), user["id"].as_str().unwrap());
        let claims = verified(&client, told.header("x-denizen-token")).await;
        assert_eq!(claims["aud"], "shop");
        person.get("/auth/forward?permission=users:read").await.expect(403);
        admin.get("/auth/forward?permission=users:read,orders:read&role=admin").await.expect(200);
        person.get("/auth/forward?role=admin,support").await.expect(403);
        person.get("/auth/forward?audience=a%20b").await.expect(422);
        let headers = [("x-forwarded-uri", "/api/v1/auth/login"), ("x-forwarded-method", "POST")];
        client.send(Method::GET, "/auth/forward", None, &headers).await.expect(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_tells_its_routes_and_their_mistakes_to_those_who_may_know() {
    let shop = Shop::open().await;
    with_admin_and(&[("gateway.routes_file", &shop.file())], async |cluster, admin| {
        let client = cluster.client();
        client.register(EMAIL).await;
        let (person, _) = client.login(EMAIL).await;
        for path in ["/admin/gateway", "/admin/gateway/routes", "/admin/gateway/upstreams"] {
            client.get(path).await.expect(401);
            person.get(path).await.expect(403);
        }
        let gateway = admin.get("/admin/gateway").await.expect(200).body;
        assert_eq!(
            (&gateway["routes"], &gateway["upstreams"], &gateway["mistakes"]),
            (&json!(2), &json!(1), &json!([]))
        );
        let routes = admin.get("/admin/gateway/routes").await.expect(200).body;
        assert_eq!(
            (&routes["items"][0]["name"], &routes["items"][0]["target"]),
            (&json!("shop"), &json!("shop"))
        );
        assert!(routes["items"].as_array().unwrap().iter().any(|route| route["origin"] == "dialect"));
        let upstreams = admin.get("/admin/gateway/upstreams").await.expect(200).body;
        assert_eq!(upstreams["items"][0]["targets"][0]["state"], "healthy");

        shop.write("[[gateway.routes]]\nname = \"bad\"\nmatch = { path = \"bad\" }\nupstream = \"shop\"");
        eventually("the new mistake", || async {
            let gateway = admin.get("/admin/gateway").await.expect(200).body;
            (gateway["mistakes"][0]["object"] == "route bad").then_some(())
        })
        .await;
        shop.write("");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_a_dialect_is_open_only_where_settings_say_so() {
    for (open, status) in [("false", 403), ("true", 200)] {
        with_admin_and(&[("gateway.dialect.rest_crud.open_list", open)], async |cluster, admin| {
            let client = cluster.client();
            client.register(EMAIL).await;
            let (person, _) = client.login(EMAIL).await;
            let list = person.get("//api/users").await.expect(status).body;
            assert_eq!(list.as_array().is_some(), status == 200);
            client.get("//api/users").await.expect(401);
            admin.get("//api/users").await.expect(200);
            person.get("/users").await.expect(403);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_is_made_of_what_a_person_sees_here_and_elsewhere() {
    let shop = Shop::open().await;
    shop.write(
        r#"
        [[gateway.routes]]
        name = "home"
        match = { path = "/home", methods = ["GET"] }
        aggregate = [
            { name = "user", upstream = "denizen", path = "/api/v1/users/me", lead = true },
            { name = "seen", upstream = "shop", path = "/seen" },
        ]
        "#,
    );
    with_admin_and(&[("gateway.routes_file", &shop.file())], async |cluster, _| {
        let client = cluster.client();
        let user = client.register(EMAIL).await;
        let (person, _) = client.login(EMAIL).await;
        let home = person.get("//home").await.expect(200).body;
        assert_eq!((&home["user"]["id"], &home["seen"]["x-denizen-user"]), (&user["id"], &user["id"]));
        assert!(home["seen"]["authorization"].is_null(), "the person's token is for this system only");
        client.get("//home").await.expect(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_tells_what_its_limits_have_said() {
    let shop = Shop::open().await;
    let limited = |quota: u32| {
        format!(
            r#"
            [[gateway.routes]]
            name = "about"
            match = {{ path = "/about" }}
            upstream = "denizen"
            rewrite = "/info"
            rate_limit = [
                {{ quota = {quota}, window = "1h", per = "route", shared = false }},
                {{ quota = 1, window = "1h", per = "route", shared = false, observe = true }},
            ]
            "#
        )
    };
    shop.write(&limited(2));
    let file = shop.file();
    let settings = [("gateway.routes_file", file.as_str()), ("gateway.limits.enabled", "true")];
    with_admin_and(&settings, async |cluster, admin| {
        let client = cluster.client();
        for status in [200, 200, 429] {
            client.get("//about").await.expect(status);
        }
        let told = admin.get("/admin/gateway").await.expect(200).body;
        let of_route = json!({ "allowed": 3, "refused": 1, "observed": 1 });
        assert_eq!(told["limits"]["routes"], json!({ "about": of_route }));
        let of_door = &told["limits"]["door"];
        for name in ["global", "per_ip", "per_user", "auth_per_ip", "auth_per_account"] {
            assert!(of_door[name]["allowed"].as_u64() > Some(0), "{name}: {of_door}");
        }
        assert_eq!(
            of_door["per_subnet"],
            json!({ "allowed": 0, "refused": 0, "observed": 0 }),
            "it is not set"
        );

        shop.write(&limited(3));
        let later = eventually("the other quota", || async {
            let later = admin.get("/admin/gateway").await.expect(200).body;
            (later["loaded_at"] != told["loaded_at"]).then_some(later)
        });
        assert_eq!(later.await["limits"]["routes"]["about"], of_route, "a route that stays goes on counting");
        shop.write(&limited(2));
    })
    .await;
}
