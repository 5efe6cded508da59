//! What goes on to an upstream, and what does not.

use super::*;

static ID: HeaderValue = HeaderValue::from_static("id-1");

fn about() -> About<'static> {
    About {
        peer: Some("192.0.2.1:4000".parse().unwrap()),
        client_ip: Some("192.0.2.1".parse().unwrap()),
        is_peer_trusted: false,
        scheme: "https",
        host: Some(HeaderValue::from_static("shop.example")),
        request_id: &ID,
        trace: None,
        identity: None,
    }
}

fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_static(value));
    }
    map
}

/// The headers after their preparation, each as `name: value`, sorted, without those that are always written.
fn sent(headers: &[(&'static str, &'static str)], about: &About<'_>) -> Vec<String> {
    let mut map = map(headers);
    prepare(&mut map, about);
    let mut lines: Vec<String> =
        map.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

#[test]
fn what_the_gateway_says_replaces_what_a_stranger_says() {
    let spoofed = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "1"),
        ("x-real-ip", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("x-request-id", "spoofed"),
        ("x-denizen-user", "root"),
        ("x-denizen-anything", "x"),
        ("traceparent", "spoofed"),
        ("tracestate", "spoofed"),
        ("x-request-timeout", "1"),
    ];
    let expected = [
        "x-forwarded-for: 192.0.2.1",
        "x-forwarded-host: shop.example",
        "x-forwarded-proto: https",
        "x-real-ip: 192.0.2.1",
        "x-request-id: id-1",
    ];
    assert_eq!(sent(&spoofed, &about()), expected);
    let behind_proxy =
        About { is_peer_trusted: true, client_ip: Some("198.51.100.4".parse().unwrap()), ..about() };
    let told = [
        ("x-forwarded-for", "198.51.100.4"),
        ("x-forwarded-for", "10.0.0.9"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "public.example"),
        ("x-denizen-user", "root"),
    ];
    let expected = [
        "x-forwarded-for: 198.51.100.4, 10.0.0.9, 192.0.2.1",
        "x-forwarded-host: public.example",
        "x-forwarded-proto: http",
        "x-real-ip: 198.51.100.4",
        "x-request-id: id-1",
    ];
    assert_eq!(sent(&told, &behind_proxy), expected);
}

#[test]
fn what_concerns_one_connection_stays_there() {
    let mut map = map(&[
        ("connection", "keep-alive, X-Secret"),
        ("connection", "close, te"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("proxy-authorization", "Basic eA=="),
        ("te", "trailers, deflate"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAMAAABk"),
        ("expect", "100-continue"),
        ("x-secret", "1"),
        ("accept", "*/*"),
    ]);
    assert_eq!(prepare(&mut map, &about()), None);
    let left: Vec<&str> = map.keys().map(HeaderName::as_str).filter(|name| !name.starts_with("x-")).collect();
    assert_eq!(left, ["accept", "te"]);
    assert_eq!(map["te"], "trailers");
    assert!(!map.contains_key("x-secret"));
}

#[test]
fn nobody_has_ours_taken_off_by_naming_it() {
    let identity = Identity { user: Some(HeaderValue::from_static("u-1")), ..Identity::default() };
    let about = About { identity: Some(&identity), ..about() };
    let nominated = [
        (
            "connection",
            "x-denizen-user, x-forwarded-for, x-real-ip, x-request-id, host, content-length, authorization",
        ),
        ("host", "shop.example"),
        ("content-length", "3"),
        ("authorization", "Bearer x"),
    ];
    let sent = sent(&nominated, &about);
    for wanted in
        ["x-denizen-user: u-1", "x-forwarded-for: 192.0.2.1", "x-request-id: id-1", "content-length: 3"]
    {
        assert!(sent.iter().any(|line| line == wanted), "{wanted}: {sent:?}");
    }
    assert!(
        sent.iter().any(|line| line.starts_with("host: "))
            && sent.iter().any(|line| line.starts_with("auth"))
    );
}

#[test]
fn twins_with_underscores_do_not_pass() {
    let twins = [
        ("x_denizen_user", "root"),
        ("x-denizen_user", "root"),
        ("x_forwarded_for", "6.6.6.6"),
        ("x_real_ip", "6.6.6.6"),
        ("content_length", "9"),
        ("transfer_encoding", "chunked"),
        ("x_request_id", "spoofed"),
        ("my_own_header", "stays"),
    ];
    let sent = sent(&twins, &about());
    let with_underscore: Vec<&String> =
        sent.iter().filter(|line| line.split(':').next().is_some_and(|name| name.contains('_'))).collect();
    assert_eq!(with_underscore, ["my_own_header: stays"]);
}

#[test]
fn only_an_upgrade_that_leaves_http_is_asked_for() {
    let wanted = |headers: &[(&'static str, &'static str)]| prepare(&mut map(headers), &about());
    let websocket = [("connection", "keep-alive, Upgrade"), ("upgrade", "websocket")];
    assert_eq!(wanted(&websocket).unwrap(), "websocket");
    assert_eq!(wanted(&[("upgrade", "websocket")]), None, "Connection does not name it");
    for hidden in ["h2c", "H2C", "websocket, h2c", "HTTP/2.0", "h2c-14"] {
        let mut headers = map(&[("connection", "Upgrade")]);
        headers.insert(UPGRADE, HeaderValue::from_str(hidden).unwrap());
        assert_eq!(prepare(&mut headers, &about()), None, "{hidden}");
    }
}

#[test]
fn cookies_in_pieces_become_one_line() {
    let pieces = [("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3")];
    assert!(sent(&pieces, &about()).contains(&"cookie: a=1; b=2; c=3".to_owned()));
}

#[test]
fn answers_keep_their_connection_to_themselves() {
    let mut headers = map(&[
        ("connection", "close, x-internal"),
        ("keep-alive", "timeout=5"),
        ("x-internal", "1"),
        ("transfer-encoding", "chunked"),
        ("alt-svc", "h3=\":443\""),
        ("content-type", "text/plain"),
        ("set-cookie", "a=b"),
    ]);
    strip_answer(&mut headers);
    let left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(left, ["content-type", "set-cookie"]);
}

#[test]
fn the_page_has_nginx_replace_all_that_vouches_for_a_caller() {
    let page = include_str!("../../../../docs/gateway.md").to_ascii_lowercase();
    for name in [DENIZEN_USER, DENIZEN_ROLES, DENIZEN_SESSION, DENIZEN_TOKEN] {
        let line = format!("proxy_set_header {name} $");
        assert!(page.contains(&line), "{line}");
    }
    assert!(page.contains("proxy_set_header authorization \"\""));
}
