//! Tokens of other issuers, on routes that take them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use axum::Router;
use axum::routing::get as on_get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::setting::{app, config, get, send_to};
use crate::upstream::Upstream;
use crate::upstreams::route;

/// When the clock of the tests stands.
const NOW: i64 = 1_769_857_200;

/// Another issuer, and what it signs with.
struct Issuer {
    pair: Ed25519KeyPair,
    upstream: Upstream,
    fetches: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap();
        let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x }] });
        let fetches = Arc::new(AtomicUsize::new(0));
        let count = fetches.clone();
        let handler = move || {
            count.fetch_add(1, Ordering::SeqCst);
            std::future::ready(axum::Json(set))
        };
        let upstream = Upstream::serve(Router::new().route("/keys", on_get(handler))).await;
        Self { pair, upstream, fetches }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()).as_ref());
        format!("{message}.{signature}")
    }

    fn toml(&self) -> String {
        format!(
            "issuers = [{{ issuer = \"https://idp.example\", jwks_url = \"http://{}/keys\", audiences = [\"shop\"], \
             roles_claim = \"realm.roles\" }}]\npermissions = [\"orders:read\"]\n",
            self.upstream.address
        )
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://idp.example", "sub": "u 7", "aud": ["shop", "other"], "exp": NOW + 600, "iat": NOW,
        "realm": { "roles": ["clerk"] }, "scope": "openid orders:read",
    })
}

async fn asks(app: &Arc<denizen_gateway::App>, token: &str) -> (u16, Value) {
    let mut request = get("/shop/x");
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let (response, body) = send_to(app, request).await;
    (response.status().as_u16(), body)
}

#[tokio::test]
async fn tokens_of_another_issuer_are_taken_where_a_route_says_so() {
    let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
    let app = app(config(&(upstream.toml("shop") + &route("/shop/{*rest}", &issuer.toml()))));
    let header = json!({ "alg": "EdDSA", "kid": "k1", "typ": "JWT" });
    let (status, asked) = asks(&app, &issuer.token(&header, &claims())).await;
    assert_eq!(status, 200, "{asked}");
    assert_eq!(
        asked["headers"]["x-denizen-user"],
        json!(["https://idp.example|u 7"]),
        "no subject passes for an account"
    );
    assert_eq!(asked["headers"]["x-denizen-roles"], json!(["clerk"]));
    assert!(asked["headers"]["authorization"].is_null(), "the client's token stays at the door");
    let inner = asked["headers"]["x-denizen-token"][0].as_str().unwrap();
    let payload = URL_SAFE_NO_PAD.decode(inner.split('.').nth(1).unwrap()).unwrap();
    let payload: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!((&payload["aud"], &payload["exp"]), (&json!("shop"), &json!(NOW + 60)));

    let with = |key: &str, value: Value| {
        let mut claims = claims();
        claims[key] = value;
        issuer.token(&header, &claims)
    };
    let refused = [
        with("aud", json!("another")),
        with("exp", json!(NOW)),
        with("exp", json!("never")),
        with("exp", Value::Null),
        with("nbf", json!(NOW + 600)),
        with("nbf", json!("x")),
        with("iss", json!("https://evil.example")),
        with("sub", json!("")),
        with("sub", json!("zoë")),
        with("sub", json!("u 7 ")),
        with("sub", json!("x".repeat(256))),
        issuer.token(&json!({ "alg": "HS256", "kid": "k1" }), &claims()),
        issuer.token(&json!({ "alg": "none", "kid": "k1" }), &claims()),
        issuer.token(&header, &claims()) + "x",
    ];
    for token in refused {
        assert_eq!(asks(&app, &token).await.0, 401, "{token}");
    }
    assert_eq!(asks(&app, &with("scope", json!("openid"))).await.0, 403, "without the permission");
}

#[tokio::test]
async fn unknown_keys_make_no_storm_of_fetches() {
    let (issuer, upstream) = (Issuer::start().await, Upstream::start().await);
    let app = app(config(&(upstream.toml("shop") + &route("/shop/{*rest}", &issuer.toml()))));
    let tokens: Vec<String> = (0..50)
        .map(|turn| issuer.token(&json!({ "alg": "EdDSA", "kid": format!("unknown-{turn}") }), &claims()))
        .collect();
    let answers = futures::future::join_all(tokens.iter().map(|token| asks(&app, token))).await;
    assert!(answers.iter().all(|(status, _)| *status == 401));
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 1);
    let good = issuer.token(&json!({ "alg": "EdDSA", "kid": "k1" }), &claims());
    assert_eq!(asks(&app, &good).await.0, 200, "and the known one is not lost");
}

#[tokio::test]
async fn an_issuer_has_a_name_that_a_header_can_say() {
    for (name, count) in
        [("https://idp.example", 0), ("https://idp.exämple", 1), ("https://a|b", 1), ("https://a b", 1)]
    {
        let issuers = format!(
            "issuers = [{{ issuer = \"{name}\", jwks_url = \"https://idp.example/keys\", audiences = [\"shop\"] }}]"
        );
        let toml = route("/shop/{*rest}", &issuers).replace("upstream = \"shop\"", "upstream = \"denizen\"");
        let mistakes = denizen_gateway::check_routes(&config(&toml));
        assert_eq!(mistakes.len(), count, "{mistakes:?}");
        assert!(mistakes.iter().all(|mistake| mistake.starts_with("route shop: issuers: issuer: ")));
    }
}
