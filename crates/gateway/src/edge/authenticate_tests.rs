use std::collections::HashMap;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use denizen_kit::caller::{Permission, Permissions, Role};
use denizen_kit::seal::Key;
use denizen_kit::time::Timestamp;
use denizen_rpc::Signer;
use denizen_rpc::auth::internal::v1::{Revocation, Revocations as Message};
use denizen_rpc::users::internal::v1::AccessState;
use http::HeaderValue;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_769_857_200;
const USER: &str = "0192aa00-0000-7000-8000-000000000001";
const SESSION: &str = "0192aa00-0000-7000-8000-0000000000ff";
const ISSUER: &str = "https://id.example";

struct Setting {
    pair: Ed25519KeyPair,
    clock: Clock,
    authenticator: Authenticator,
}

impl Setting {
    /// A door that was told the keys, that nothing is revoked and that no role was made, and can ask nobody any more.
    fn new() -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let clock = Clock::manual(Timestamp::from_second(NOW).unwrap());
        let signer = Signer::new(Key::from_bytes([1; 32]), clock.clone());
        let links = Links::new(Role::Gateway, Arc::new(HashMap::new()), signer);
        let authenticator = Authenticator::new(links, clock.clone(), ISSUER, Key::from_bytes([3; 32]));
        let x = BASE64.encode(pair.public_key().as_ref());
        authenticator
            .keys
            .load(&json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": x}]}).to_string());
        authenticator.revocations.take(&Message { items: vec![], snapshot: true }, NOW);
        authenticator.access.take(AccessState::default());
        Self { pair, clock, authenticator }
    }

    fn token(&self, header: &Value, claims: &Value) -> String {
        self.signed(&header.to_string(), &claims.to_string())
    }

    fn signed(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", BASE64.encode(header), BASE64.encode(claims));
        format!("{message}.{}", BASE64.encode(self.pair.sign(message.as_bytes())))
    }

    fn good(&self) -> String {
        self.token(&header(), &claims())
    }

    async fn come(&self, authorization: &str, care: Care) -> Result<Option<Arc<Verified>>, Code> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        self.authenticator.authenticate(&headers, care).await.map_err(|problem| problem.code)
    }

    async fn refuses(&self, token: &str, what: &str) {
        let outcome = self.come(&format!("Bearer {token}"), Care::Read).await;
        assert_eq!(outcome.map(|_| ()), Err(Code::Unauthenticated), "{what}");
    }

    fn revoke(&self, session: &str) {
        let item = Revocation { session_id: session.to_owned(), until: NOW + 1_800 };
        self.authenticator.revocations.take(&Message { items: vec![item], snapshot: false }, NOW);
    }
}

fn header() -> Value {
    json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k1"})
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": USER, "aud": "denizen", "exp": NOW + 1_800, "iat": NOW, "jti": "j", "sid": SESSION,
        "roles": ["support"], "amr": ["pwd"], "auth_time": NOW - 60,
    })
}

fn with(mut base: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(base.as_object_mut().unwrap().remove(name)),
        value => base[name] = value,
    }
    base
}

#[tokio::test]
async fn a_good_token_names_its_person() {
    let setting = Setting::new();
    for _ in 0..2 {
        let verified =
            setting.come(&format!("Bearer {}", setting.good()), Care::Write).await.unwrap().unwrap();
        assert_eq!(verified.person.user_id.to_string(), USER);
        assert_eq!(verified.person.auth_time.as_second(), NOW - 60);
        assert!(verified.person.permissions.has(Permission::UsersRead));
        assert!(!verified.person.permissions.has(Permission::RolesManage));
    }
    assert_eq!(setting.authenticator.seen.len(), 1);
    assert!(setting.authenticator.authenticate(&HeaderMap::new(), Care::Write).await.unwrap().is_none());
}

#[tokio::test]
async fn other_algorithms_are_refused() {
    let setting = Setting::new();
    for none in ["none", "None", "NONE", "nOnE", "", "NonE"] {
        let header = with(header(), "alg", json!(none));
        let unsigned =
            format!("{}.{}.", BASE64.encode(header.to_string()), BASE64.encode(claims().to_string()));
        setting.refuses(&unsigned, none).await;
        setting.refuses(&setting.token(&header, &claims()), none).await;
    }
    let header = with(header(), "alg", json!("HS256"));
    let message = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims().to_string()));
    for secret in [setting.pair.public_key().as_ref(), b""] {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        setting.refuses(&format!("{message}.{}", BASE64.encode(tag)), "HS256").await;
    }
}

#[tokio::test]
async fn other_headers_are_refused() {
    let setting = Setting::new();
    let long = "x".repeat(10_000);
    let changes = [
        ("typ", json!("JWT")),
        ("typ", json!("rt+jwt")),
        ("typ", Value::Null),
        ("kid", json!("k2")),
        ("kid", json!("../../dev/null")),
        ("kid", json!("' OR 1=1--")),
        ("kid", json!("")),
        ("kid", json!(long)),
        ("kid", json!(1)),
        ("kid", Value::Null),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
    ];
    for (name, value) in changes {
        let what = format!("{name} {value}");
        let outcome = setting
            .come(&format!("Bearer {}", setting.token(&with(header(), name, value), &claims())), Care::Read)
            .await;
        // A key that nobody knows makes auth be asked, which here is away.
        let code = outcome.map(|_| ()).unwrap_err();
        let is_refused = code == Code::Unauthenticated || (name == "kid" && code == Code::Unavailable);
        assert!(is_refused, "{}: {code:?}", &what[..what.len().min(60)]);
    }
}

#[tokio::test]
async fn other_claims_are_refused() {
    let setting = Setting::new();
    let changes = [
        ("iss", json!("https://ID.example")),
        ("iss", json!("https://evil.test")),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", json!(7)),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("exp", json!("9999999999")),
        ("exp", json!(-1)),
        ("exp", json!(9_999_999_999.5)),
        ("exp", Value::Null),
        ("iat", json!(NOW + 3_600)),
        ("iat", json!("x")),
        ("iat", Value::Null),
        ("nbf", json!("x")),
        ("nbf", json!(NOW + 3_600)),
        ("sub", json!("admin")),
        ("sub", Value::Null),
        ("sid", json!("")),
        ("sid", Value::Null),
        ("roles", json!("admin")),
    ];
    for (name, value) in changes {
        let what = format!("{name} {value}");
        setting.refuses(&setting.token(&header(), &with(claims(), name, value)), &what).await;
    }
    let huge = claims().to_string().replace(&(NOW + 1_800).to_string(), "1e400");
    setting.refuses(&setting.signed(&header().to_string(), &huge), "exp 1e400").await;
    let twice = claims().to_string().replace("\"aud\"", "\"aud\":\"other\",\"aud\"");
    setting.refuses(&setting.signed(&header().to_string(), &twice), "aud twice").await;
}

#[tokio::test]
async fn other_shapes_are_refused() {
    let setting = Setting::new();
    let good = setting.good();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let other = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let foreign = format!("{message}.{}", BASE64.encode(other.sign(message.as_bytes())));
    for bad in [
        foreign.as_str(),
        message,
        &format!("{message}."),
        &format!("{good}.{signature}"),
        &format!("{good}="),
        &".".repeat(100_000),
        &"a.".repeat(3_000),
        "x",
    ] {
        setting.refuses(bad, &bad[..bad.len().min(40)]).await;
    }
    for bad in [
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "bearer\t",
        &format!("Bearer  {good}"),
        &format!("Bearer {good} x"),
    ] {
        assert_eq!(setting.come(bad, Care::Read).await.map(|_| ()), Err(Code::Unauthenticated), "{bad}");
    }
    assert!(setting.come(&format!("bEARER {good}"), Care::Read).await.is_ok());
}

#[tokio::test]
async fn a_remembered_token_ends_when_it_expires() {
    let setting = Setting::new();
    let bearer = format!("Bearer {}", setting.good());
    assert!(setting.come(&bearer, Care::Read).await.is_ok());
    setting.clock.advance(Duration::from_secs(1_799));
    assert!(setting.come(&bearer, Care::Read).await.is_ok());
    setting.clock.advance(Duration::from_secs(1));
    assert_eq!(setting.come(&bearer, Care::Read).await.map(|_| ()), Err(Code::TokenExpired));
    let unseen = format!("Bearer {}", setting.token(&header(), &with(claims(), "jti", json!("k"))));
    assert_eq!(setting.come(&unseen, Care::Read).await.map(|_| ()), Err(Code::TokenExpired));
}

#[tokio::test]
async fn a_remembered_token_ends_with_its_session() {
    let setting = Setting::new();
    let bearer = format!("Bearer {}", setting.good());
    assert!(setting.come(&bearer, Care::Read).await.is_ok());
    setting.revoke(USER);
    assert!(setting.come(&bearer, Care::Read).await.is_ok(), "another session");
    setting.revoke(SESSION);
    assert_eq!(setting.come(&bearer, Care::Read).await.map(|_| ()), Err(Code::Unauthenticated));
}

#[tokio::test(start_paused = true)]
async fn without_auth_reads_go_on_and_writes_stop_after_ten_seconds() {
    let setting = Setting::new();
    let plain = setting.token(&header(), &with(claims(), "roles", json!(["user"])));
    let bearer = format!("Bearer {plain}");
    assert!(setting.come(&bearer, Care::Write).await.is_ok());
    tokio::time::advance(Duration::from_secs(9)).await;
    assert!(setting.come(&bearer, Care::Write).await.is_ok());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert!(setting.come(&bearer, Care::Read).await.is_ok());
    assert_eq!(setting.come(&bearer, Care::Write).await.map(|_| ()), Err(Code::Unavailable));
    setting.revoke(SESSION);
    assert_eq!(setting.come(&bearer, Care::Read).await.map(|_| ()), Err(Code::Unauthenticated));
}

#[tokio::test]
async fn a_bound_session_counts_in_its_network_only() {
    let setting = Setting::new();
    let key = Key::from_bytes([3; 32]);
    let home = "2001:db8:1:2::1".parse().unwrap();
    let bound = tie(&key, SESSION.parse().unwrap(), home);
    let token = setting.token(&header(), &with(claims(), "net", json!(BASE64.encode(bound))));
    let verified = setting.come(&format!("Bearer {token}"), Care::Read).await.unwrap().unwrap();
    let from = |ip: Option<&str>| {
        let ip = ip.map(|ip| ip.parse().unwrap());
        setting.authenticator.check_network(&verified, ip).map_err(|problem| problem.code)
    };
    assert_eq!(from(Some("2001:db8:1:2:ffff::9")), Ok(()));
    for elsewhere in [Some("2001:db8:1:3::1"), Some("192.0.2.1"), None] {
        assert_eq!(from(elsewhere), Err(Code::Unauthenticated), "{elsewhere:?}");
    }
    let unbound = setting.come(&format!("Bearer {}", setting.good()), Care::Read).await.unwrap().unwrap();
    assert!(setting.authenticator.check_network(&unbound, None).is_ok());
    let odd = setting.token(&header(), &with(claims(), "net", json!("not base64!")));
    setting.refuses(&odd, "a tie that cannot be read").await;
}

#[tokio::test]
async fn a_service_account_may_what_its_token_lists() {
    let setting = Setting::new();
    let listed =
        with(with(claims(), "roles", json!(["service"])), "permissions", json!(["audit:read", "new:one"]));
    let listed = with(listed, "amr", json!(["client"]));
    let token = setting.token(&header(), &listed);
    let verified = setting.come(&format!("Bearer {token}"), Care::Read).await.unwrap().unwrap();
    assert_eq!(verified.person.permissions, Permissions::of(&[Permission::AuditRead]));
    let none = setting.token(&header(), &with(listed, "permissions", json!([])));
    let verified = setting.come(&format!("Bearer {none}"), Care::Read).await.unwrap().unwrap();
    assert_eq!(verified.person.permissions, Permissions::NONE, "not what the role allows");
}
