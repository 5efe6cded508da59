//! Limits of routes: what counts together, what clients are told, what is wrong.

use http::HeaderMap;

use super::*;

fn limit(route: &str, text: &str) -> RouteLimit {
    let spec: RateLimitSpec = serde_json::from_str(text).unwrap();
    RouteLimit::compile(route, 0, &spec).unwrap()
}

fn keys<'a>(ip: &str, person: Option<&'a str>, service_account: Option<&'a str>) -> Keys<'a> {
    Keys { ip: ip.parse().ok(), person, service_account }
}

/// How many of these pass, of ten.
async fn passing(cache: &Cache, limit: &RouteLimit, keys: &Keys<'_>) -> usize {
    let mut count = 0;
    for _ in 0..10 {
        count += usize::from(limit.check(cache, keys).await.is_ok());
    }
    count
}

#[tokio::test]
async fn each_counts_by_what_the_route_says() {
    let (alice, bob) = (keys("192.0.2.1", Some("alice"), None), keys("192.0.2.1", Some("bob"), None));
    let (robot, other) = (keys("192.0.2.1", Some("r"), Some("r")), keys("192.0.2.2", None, None));
    let far = keys("198.51.100.1", None, None);
    let all = [alice, bob, robot, other, far];
    for (per, passed) in [
        ("user", [2, 2, 2, 2, 2]),
        ("ip", [2, 0, 0, 2, 2]),
        ("key", [2, 2, 2, 2, 2]),
        ("subnet", [2, 0, 0, 0, 2]),
        ("route", [2, 0, 0, 0, 0]),
    ] {
        for shared in [true, false] {
            let cache = Cache::memory();
            let text = format!(r#"{{"quota": 2, "window": "1h", "per": "{per}", "shared": {shared}}}"#);
            let limit = limit("orders", &text);
            for (keys, passed) in all.iter().zip(passed) {
                assert_eq!(passing(&cache, &limit, keys).await, passed, "{per} {keys:?}");
            }
            let elsewhere = self::limit("order", &text);
            assert_eq!(passing(&cache, &elsewhere, &alice).await, 2, "another route counts for itself");
        }
    }
}

#[tokio::test]
async fn nobody_known_counts_by_address_and_cannot_be_somebody() {
    let cache = Cache::memory();
    let limit = limit("r", r#"{"quota": 2, "window": "1h"}"#);
    assert_eq!(passing(&cache, &limit, &keys("192.0.2.1", None, None)).await, 2);
    assert_eq!(passing(&cache, &limit, &keys("192.0.2.1", None, None)).await, 0);
    assert_eq!(passing(&cache, &limit, &keys("", Some("ip:192.0.2.1"), None)).await, 2);
    assert_eq!(passing(&cache, &limit, &keys("", None, None)).await, 2, "without an address, together");
    assert_eq!(passing(&cache, &limit, &keys("", None, None)).await, 0);
}

#[tokio::test]
async fn limits_of_one_route_count_each_for_itself() {
    let specs = [r#"{"quota": 5, "window": "1s"}"#, r#"{"quota": 3, "window": "1h"}"#];
    let specs = specs.map(|text| serde_json::from_str::<RateLimitSpec>(text).unwrap());
    let cache = Cache::memory();
    let alice = keys("", Some("alice"), None);
    let long = RouteLimit::compile("r", 1, &specs[1]).unwrap();
    assert_eq!(passing(&cache, &long, &alice).await, 3);
    let short = RouteLimit::compile("r", 0, &specs[0]).unwrap();
    assert!(short.check(&cache, &alice).await.is_ok(), "an hour ahead is not a second ahead");
    let mut again = RouteLimit::compile("r", 1, &specs[1]).unwrap();
    again.go_on_from(&long);
    assert!(again.check(&cache, &alice).await.is_err());
    assert_eq!(again.counts(), Counts { allowed: 3, refused: 8, observed: 0 });
}

#[tokio::test]
async fn clients_are_told_what_is_left() {
    let cache = Cache::memory();
    let limit = limit("my orders", r#"{"quota": 60, "window": "1m", "burst": 2}"#);
    let mut headers = HeaderMap::new();
    limit.check(&cache, &Keys::default()).await.unwrap().add_to(&mut headers);
    assert_eq!(headers[RATE_LIMIT_POLICY], "\"my-orders\";q=60;w=60, \"my-orders-burst\";q=2;w=2");
    assert_eq!(headers[RATE_LIMIT], "\"my-orders-burst\";r=1;t=1");
    limit.check(&cache, &Keys::default()).await.unwrap();
    let refused = limit.check(&cache, &Keys::default()).await.unwrap_err().render("", "");
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &HeaderValue::from(1)));
    assert_eq!(refused.headers()[RATE_LIMIT], "\"my-orders-burst\";r=0;t=1");
}

#[tokio::test]
async fn a_limit_that_observes_marks_and_refuses_nobody() {
    let cache = Cache::memory();
    let limit = limit("r", r#"{"quota": 2, "window": "1h", "observe": true}"#);
    let mut beyond = Vec::new();
    for _ in 0..4 {
        let fields = limit.check(&cache, &Keys::default()).await.unwrap();
        let mut headers = HeaderMap::new();
        fields.add_to(&mut headers);
        assert!(headers.is_empty());
        beyond.push(fields.is_beyond);
    }
    assert_eq!(beyond, [false, false, true, true]);
    assert_eq!(limit.counts(), Counts { allowed: 2, refused: 0, observed: 2 });
}

#[test]
fn what_is_wrong_is_named() {
    for (text, word) in [
        (r#"{"quota": 0, "window": "1m"}"#, "rate_limit.quota"),
        (r#"{"quota": 1, "window": "1m", "burst": 0}"#, "rate_limit.burst"),
        (r#"{"quota": 1, "window": "0s"}"#, "rate_limit.window"),
        (r#"{"quota": 1, "window": "soon"}"#, "rate_limit.window"),
    ] {
        let spec: RateLimitSpec = serde_json::from_str(text).unwrap();
        let error = RouteLimit::compile("r", 0, &spec).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
    let error = serde_json::from_str::<RateLimitSpec>(r#"{"quota": 1, "window": "1m", "per": "cow"}"#);
    assert!(error.unwrap_err().to_string().contains("subnet"));
}
