//! Cases of two requests: one, some time, another. What is the second answered from?

use super::{Bench, Headers};

/// What the second request is answered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The cache.
    Kept,
    /// The origin, by a request without conditions of the cache.
    Origin,
    /// The origin, asked whether what is kept still holds.
    Validation,
}

#[derive(Clone, Copy)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) answer: Headers<'static>,
    pub(super) status: u16,
    pub(super) first: Headers<'static>,
    pub(super) after: u64,
    pub(super) second: Headers<'static>,
    pub(super) from: Source,
    pub(super) policy: &'static str,
}

pub(super) const fn case(name: &'static str, answer: Headers<'static>, after: u64, from: Source) -> Case {
    Case { name, answer, status: 200, first: &[], after, second: &[], from, policy: "{}" }
}

/// Two requests, of the same headers but for what is given.
pub(super) const fn asks(case: Case, first: Headers<'static>, second: Headers<'static>) -> Case {
    Case { first, second, ..case }
}

pub(super) const fn of_status(status: u16, case: Case) -> Case {
    Case { status, ..case }
}

pub(super) const fn under(policy: &'static str, case: Case) -> Case {
    Case { policy, ..case }
}

pub(super) const HOUR: (&str, &str) = ("cache-control", "max-age=3600");
pub(super) const ETAG: (&str, &str) = ("etag", "\"1\"");

async fn check(case: &Case) {
    let bench = Bench::new(case.policy, &[]).saying(case.status, case.answer);
    bench.get("/a", case.first).await;
    bench.advance(case.after);
    let calls = bench.calls();
    bench.get("/a", case.second).await;
    let from = if bench.calls() == calls {
        Source::Kept
    } else {
        let seen = bench.last_seen().headers;
        let asks = seen.contains_key("if-none-match") || seen.contains_key("if-modified-since");
        if asks { Source::Validation } else { Source::Origin }
    };
    assert_eq!(from, case.from, "{}: {:?} after {} s", case.name, case.answer, case.after);
}

pub(super) async fn check_all(cases: &[Case]) {
    for case in cases {
        check(case).await;
    }
}
