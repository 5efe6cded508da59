//! RFC 9111 as tables, after the cases of the HTTP working group's cache-tests.

use super::Headers;
use super::cases::Source::{Kept, Origin, Validation};
use super::cases::{ETAG, HOUR, asks, case, check_all, of_status, under};

#[tokio::test]
async fn freshness() {
    check_all(&[
        case("max-age", &[HOUR], 3599, Kept),
        case("max-age has passed", &[HOUR], 3600, Origin),
        case("max-age has passed, with a tag", &[HOUR, ETAG], 3600, Validation),
        case("s-maxage before max-age", &[("cache-control", "max-age=1, s-maxage=60")], 30, Kept),
        case("s-maxage before a longer max-age", &[("cache-control", "max-age=60, s-maxage=1")], 30, Origin),
        case("max-age before Expires", &[("cache-control", "max-age=60"), ("expires", "0")], 30, Kept),
        case("Expires in the future", &[("expires", "Thu, 01 Jan 2026 00:01:00 GMT")], 59, Kept),
        case("Expires in the past", &[("expires", "Wed, 31 Dec 2025 23:59:00 GMT")], 0, Origin),
        case("Expires that is no date", &[("expires", "0")], 0, Origin),
        case("Expires in an old form", &[("expires", "Thursday, 01-Jan-26 00:01:00 GMT")], 59, Kept),
        case("Expires in C's form", &[("expires", "Thu Jan  1 00:01:00 2026")], 59, Kept),
        case(
            "Expires counts from Date",
            &[("expires", "Thu, 01 Jan 2026 00:00:30 GMT"), ("date", "Wed, 31 Dec 2025 23:59:30 GMT")],
            25,
            Kept,
        ),
        case("nothing said", &[], 0, Origin),
        case("nothing said but a tag", &[ETAG], 0, Origin),
        case("Last-Modified alone", &[("last-modified", "Thu, 01 Jan 2025 00:00:00 GMT")], 0, Origin),
        case("two max-age, the shorter counts", &[("cache-control", "max-age=60, max-age=5")], 30, Origin),
        case("two fields", &[("cache-control", "public"), ("cache-control", "max-age=60")], 30, Kept),
        case("max-age in capitals", &[("cache-control", "MAX-AGE=60")], 30, Kept),
        case("max-age in quotes", &[("cache-control", "max-age=\"60\"")], 30, Kept),
        case("max-age beyond 2^31", &[("cache-control", "max-age=99999999999")], 86_400, Kept),
        case("max-age that is no number", &[("cache-control", "max-age=a60")], 0, Origin),
        case("a negative max-age", &[("cache-control", "max-age=-1")], 0, Origin),
    ])
    .await;
}

#[tokio::test]
async fn age() {
    check_all(&[
        case("Age counts", &[HOUR, ("age", "3000")], 599, Kept),
        case("Age counts until it has passed", &[HOUR, ("age", "3000")], 600, Origin),
        case("Age above max-age", &[HOUR, ("age", "7200")], 0, Origin),
        case("the first Age of a list counts", &[HOUR, ("age", "7200, 0")], 0, Origin),
        case("Age that is no number", &[HOUR, ("age", "-7200")], 10, Kept),
        case("an old Date makes it old", &[HOUR, ("date", "Wed, 31 Dec 2025 22:00:00 GMT")], 0, Origin),
        case(
            "a Date to come does not make it young",
            &[HOUR, ("date", "Thu, 01 Jan 2026 09:00:00 GMT")],
            3600,
            Origin,
        ),
    ])
    .await;
}

#[tokio::test]
async fn what_may_be_kept() {
    check_all(&[
        case("no-store", &[("cache-control", "no-store, max-age=3600")], 0, Origin),
        case("no-store in capitals", &[("cache-control", "No-Store, max-age=3600")], 0, Origin),
        case("no-store in a second field", &[HOUR, ("cache-control", "no-store")], 0, Origin),
        case("private", &[("cache-control", "private, max-age=3600")], 0, Origin),
        case("private of a field", &[("cache-control", "private=\"x-a\", max-age=3600")], 0, Origin),
        case("private in capitals", &[("cache-control", "PRIVATE, max-age=3600")], 0, Origin),
        case("a cookie is set", &[HOUR, ("set-cookie", "a=1")], 0, Origin),
        case(
            "a cookie is set publicly",
            &[("cache-control", "public, max-age=60"), ("set-cookie", "a=1")],
            0,
            Origin,
        ),
        case("an event stream", &[HOUR, ("content-type", "Text/Event-Stream; charset=utf-8")], 0, Origin),
        case("gRPC", &[HOUR, ("content-type", "application/grpc+proto")], 0, Origin),
        case("no-cache without a tag", &[("cache-control", "no-cache, max-age=60")], 0, Origin),
        case("no-cache with a tag", &[("cache-control", "no-cache, max-age=60"), ETAG], 0, Validation),
        case(
            "no-cache of a field",
            &[("cache-control", "no-cache=\"x-a\", max-age=60"), ETAG],
            0,
            Validation,
        ),
        case(
            "Pragma: no-cache alone",
            &[("pragma", "no-cache"), ("expires", "Thu, 01 Jan 2026 00:01:00 GMT"), ETAG],
            0,
            Validation,
        ),
        case("Pragma beside Cache-Control", &[("pragma", "no-cache"), HOUR], 0, Kept),
        case("max-age=0 with a tag", &[("cache-control", "max-age=0"), ETAG], 0, Validation),
        case(
            "must-revalidate while it is fresh",
            &[("cache-control", "max-age=60, must-revalidate")],
            30,
            Kept,
        ),
        of_status(404, case("404", &[HOUR], 10, Kept)),
        of_status(410, case("410 of nothing said", &[], 0, Origin)),
        of_status(301, case("301", &[HOUR, ("location", "/b")], 10, Kept)),
        of_status(302, case("302 that says how long", &[HOUR, ("location", "/b")], 10, Kept)),
        of_status(206, case("206", &[HOUR, ("content-range", "bytes 0-0/9")], 0, Origin)),
        of_status(200, case("a part that says 200", &[HOUR, ("content-range", "bytes 0-0/9")], 0, Origin)),
        of_status(503, case("503 that says how long", &[HOUR], 10, Kept)),
        of_status(599, case("an unknown status that says how long", &[HOUR], 10, Kept)),
    ])
    .await;
}

#[tokio::test]
async fn credentials() {
    const BEARER: Headers<'static> = &[("authorization", "Bearer a")];
    const COOKIE: Headers<'static> = &[("cookie", "session=a")];
    let open: Headers<'static> = &[("cache-control", "public, max-age=3600")];
    let shared: Headers<'static> = &[("cache-control", "s-maxage=3600")];
    check_all(&[
        asks(case("with Authorization", &[HOUR], 0, Origin), BEARER, BEARER),
        asks(case("with Authorization, then without", &[HOUR], 0, Origin), BEARER, &[]),
        asks(case("without Authorization, then with", &[HOUR], 0, Origin), &[], BEARER),
        asks(case("with Authorization, public", open, 0, Kept), BEARER, BEARER),
        asks(case("with Authorization, s-maxage", shared, 0, Kept), BEARER, &[]),
        asks(case("with a cookie", &[HOUR], 0, Origin), COOKIE, COOKIE),
        asks(case("with a cookie, then without", &[HOUR], 0, Origin), COOKIE, &[]),
        asks(case("without a cookie, then with", &[HOUR], 0, Origin), &[], COOKIE),
        asks(case("with a cookie, public", open, 0, Kept), COOKIE, &[]),
        asks(case("the same cookie, told apart", &[HOUR, ("vary", "cookie")], 0, Kept), COOKIE, COOKIE),
        asks(
            case("another cookie, told apart", &[HOUR, ("vary", "Cookie")], 0, Origin),
            COOKIE,
            &[("cookie", "session=b")],
        ),
        asks(
            under(r#"{"vary": ["cookie"]}"#, case("told apart by the route", &[HOUR], 0, Kept)),
            COOKIE,
            COOKIE,
        ),
        asks(
            under(r#"{"strip_cookies": true}"#, case("cookies taken off", &[HOUR], 0, Kept)),
            COOKIE,
            &[("cookie", "b=1")],
        ),
        asks(
            under(r#"{"ttl": "1h"}"#, case("a time of the route frees nobody's answer", &[], 0, Origin)),
            BEARER,
            BEARER,
        ),
    ])
    .await;
}
