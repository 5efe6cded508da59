//! RFC 9111 as tables: what clients and routes say, and variants.

use super::Headers;
use super::cases::Source::{Kept, Origin, Validation};
use super::cases::{Case, ETAG, HOUR, asks, case, check_all, of_status, under};

#[tokio::test]
async fn what_clients_ask() {
    const ANSWER: Headers<'static> = &[HOUR, ETAG];
    const OLD: Headers<'static> = &[("cache-control", "max-age=10"), ETAG];
    const STRICT: Headers<'static> = &[("cache-control", "max-age=10, must-revalidate"), ETAG];
    let second = |case: Case, ask: Headers<'static>| Case { second: ask, ..case };
    check_all(&[
        second(case("no-cache", ANSWER, 1, Validation), &[("cache-control", "no-cache")]),
        second(case("Pragma: no-cache", ANSWER, 1, Validation), &[("pragma", "no-cache")]),
        second(case("max-age=0", ANSWER, 0, Validation), &[("cache-control", "max-age=0")]),
        second(case("max-age above the age", ANSWER, 5, Kept), &[("cache-control", "max-age=10")]),
        second(case("max-age below the age", ANSWER, 15, Validation), &[("cache-control", "max-age=10")]),
        second(case("min-fresh that is left", ANSWER, 10, Kept), &[("cache-control", "min-fresh=60")]),
        second(
            case("min-fresh that is not left", ANSWER, 3550, Validation),
            &[("cache-control", "min-fresh=60")],
        ),
        second(case("max-stale", OLD, 15, Kept), &[("cache-control", "max-stale")]),
        second(case("max-stale that is enough", OLD, 15, Kept), &[("cache-control", "max-stale=5")]),
        second(
            case("max-stale that is not enough", OLD, 16, Validation),
            &[("cache-control", "max-stale=5")],
        ),
        second(
            case("max-stale and must-revalidate", STRICT, 15, Validation),
            &[("cache-control", "max-stale")],
        ),
        second(case("no-store", ANSWER, 1, Origin), &[("cache-control", "no-store")]),
        Case { first: &[("cache-control", "no-store")], ..case("no-store before", ANSWER, 1, Origin) },
        second(case("a range", ANSWER, 1, Origin), &[("range", "bytes=0-1")]),
        second(case("If-Match", ANSWER, 1, Origin), &[("if-match", "\"1\"")]),
        second(
            case("another protocol", ANSWER, 1, Origin),
            &[("upgrade", "websocket"), ("connection", "upgrade")],
        ),
        second(
            under(r#"{"clients_may_revalidate": false}"#, case("no-cache, not allowed", ANSWER, 1, Kept)),
            &[("cache-control", "no-cache, no-store, max-age=0"), ("pragma", "no-cache")],
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_routes_say() {
    const STRICT: Headers<'static> = &[("cache-control", "max-age=10, must-revalidate"), ETAG];
    const LONG_AGO: (&str, &str) = ("last-modified", "Wed, 31 Dec 2025 22:20:00 GMT");
    let ttl = |case: Case| under(r#"{"ttl": "30s"}"#, case);
    let lived = |case: Case| under(r#"{"heuristics": true}"#, case);
    check_all(&[
        ttl(case("its time for nothing said", &[], 29, Kept)),
        ttl(case("its time has passed", &[], 30, Origin)),
        ttl(case("its time before a longer one", &[HOUR], 30, Origin)),
        ttl(case("its time before a shorter one", &[("cache-control", "max-age=0")], 29, Kept)),
        ttl(case("its time begins here", &[("age", "3000")], 29, Kept)),
        ttl(case("not over no-store", &[("cache-control", "no-store")], 0, Origin)),
        ttl(case("not over private", &[("cache-control", "private")], 0, Origin)),
        ttl(case("not over a cookie", &[("set-cookie", "a=1")], 0, Origin)),
        ttl(case("not over no-cache", &[("cache-control", "no-cache"), ETAG], 0, Validation)),
        ttl(case("not over must-revalidate", &[("cache-control", "must-revalidate")], 0, Origin)),
        ttl(case("its own time under must-revalidate", STRICT, 9, Kept)),
        ttl(case("not a longer one over must-revalidate", STRICT, 10, Validation)),
        ttl(case(
            "not over proxy-revalidate",
            &[("cache-control", "proxy-revalidate, max-age=10")],
            10,
            Origin,
        )),
        ttl(of_status(404, case("not for what went wrong", &[], 0, Origin))),
        ttl(of_status(500, case("not for errors", &[], 0, Origin))),
        lived(case("a tenth of its age", &[LONG_AGO], 599, Kept)),
        lived(case("a tenth of its age has passed", &[LONG_AGO], 600, Validation)),
        lived(of_status(302, case("not for every status", &[LONG_AGO], 0, Origin))),
        under(
            r#"{"vary": ["x-tier"]}"#,
            asks(case("told apart by the route", &[HOUR], 0, Origin), &[("x-tier", "1")], &[("x-tier", "2")]),
        ),
    ])
    .await;
}

#[tokio::test]
async fn vary() {
    const DE: Headers<'static> = &[("accept-language", "de")];
    const EN: Headers<'static> = &[("accept-language", "en")];
    const VARIES: Headers<'static> = &[HOUR, ("vary", "Accept-Language")];
    check_all(&[
        asks(case("the same", VARIES, 0, Kept), DE, DE),
        asks(case("another", VARIES, 0, Origin), DE, EN),
        asks(case("none, then one", VARIES, 0, Origin), &[], DE),
        asks(case("one, then none", VARIES, 0, Origin), DE, &[]),
        asks(case("none twice", VARIES, 0, Kept), &[], &[]),
        asks(case("spaces do not count", VARIES, 0, Kept), DE, &[("accept-language", "de ")]),
        asks(
            case("a second field of the same name counts", VARIES, 0, Origin),
            DE,
            &[("accept-language", "de"), ("accept-language", "en")],
        ),
        asks(
            case("other headers do not count", VARIES, 0, Kept),
            DE,
            &[("accept-language", "de"), ("x-a", "1")],
        ),
        case("everything", &[HOUR, ("vary", "*")], 0, Origin),
        case("everything among others", &[HOUR, ("vary", "a, *")], 0, Origin),
        asks(case("two fields", &[HOUR, ("vary", "x-a"), ("vary", "accept-language")], 0, Origin), DE, EN),
    ])
    .await;
}
