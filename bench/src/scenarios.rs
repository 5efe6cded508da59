//! What is measured, and what came out.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use http::HeaderValue;

use crate::Options;
use crate::load::Round;
use crate::people::{self, People, Session};
use crate::process::Settled;
use crate::sources::{Logins, Me, Pages, Refreshes, Registrations, Searches, Source};
use crate::stats::{Spread, percentile};

/// A scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The bare axum route: a limit.
    Bare,
    /// One's own account, one token.
    Me,
    /// One's own account, tokens of many people.
    MeMany,
    /// Pages of 50.
    List,
    /// Search by the start of a name.
    Search,
    /// Refreshes.
    Refresh,
    /// Logins, the server on one core.
    Login,
    /// Logins, the server on two cores.
    LoginOnTwo,
    /// Registrations.
    Register,
    /// Accounts opened with a hash made before.
    Create,
}

/// A scenario and what it measured.
pub(crate) struct Scenario {
    /// Which one.
    pub(crate) kind: Kind,
    /// What its connections send; moved out while it runs.
    pub(crate) sources: Vec<Box<dyn Source>>,
    /// Its rounds so far.
    pub(crate) rounds: Vec<Round>,
    /// A round at half the rate, for latencies without a queue of our own making.
    pub(crate) paced: Option<Round>,
    /// What followed each round.
    pub(crate) settled: Vec<Settled>,
}

// === impl Kind ===

impl Kind {
    /// Its name in the report.
    pub(crate) fn title(self, tokens: usize) -> String {
        let title = match self {
            Self::Bare => "bare axum route, the same body",
            Self::Me => "`GET /users/me`, one token",
            Self::MeMany => return format!("`GET /users/me`, {tokens} tokens of as many users"),
            Self::List => "`GET /users?limit=50`, page after page",
            Self::Search => "`GET /users?q=…`, start of a name, up to 50",
            Self::Refresh => "`POST /auth/refresh`",
            Self::Login => "`POST /auth/login`, server on core 0",
            Self::LoginOnTwo => "`POST /auth/login`, server on cores 0 and 1",
            Self::Register => "`POST /users` (register)",
            Self::Create => "`POST /admin/users` with a hash, 64 in flight",
        };
        title.to_owned()
    }

    /// Whether it writes, so that work follows it.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Refresh | Self::Login | Self::LoginOnTwo | Self::Register | Self::Create)
    }

    /// Whether it is run once more at half its rate.
    pub(crate) fn is_paced(self) -> bool {
        matches!(self, Self::Me | Self::List | Self::Search | Self::Refresh)
    }
}

// === impl Scenario ===

impl Scenario {
    /// A scenario with one source for each of these.
    pub(crate) fn new(kind: Kind, sources: impl IntoIterator<Item = Box<dyn Source>>) -> Self {
        Self {
            kind,
            sources: sources.into_iter().collect(),
            rounds: Vec::new(),
            paced: None,
            settled: Vec::new(),
        }
    }

    /// All that run on a node on one core, limits first.
    pub(crate) fn all(options: &Options, people: &People, sessions: &[Session]) -> anyhow::Result<Vec<Self>> {
        let bearers: Vec<HeaderValue> = sessions.iter().map(|session| session.bearer.clone()).collect();
        let one = Me::requests(bearers.get(..1).unwrap_or_default())?;
        let many = Me::requests(&bearers)?;
        let places = 0..usize::try_from(options.connections)?;
        let me = |kind, requests: &Arc<[_]>| {
            let apart = requests.len().div_ceil(places.len().max(1));
            Self::new(
                kind,
                places.clone().map(|place| -> Box<dyn Source> { Box::new(Me::new(requests, place * apart)) }),
            )
        };
        let list = places.clone().map(|_| -> Box<dyn Source> { Box::new(Pages::new(&people.admin)) });
        let search = places
            .clone()
            .map(|place| -> Box<dyn Source> { Box::new(Searches::new(&people.admin, place * 7)) });
        let refresh = sessions
            .iter()
            .take(places.len())
            .map(|session| -> Box<dyn Source> { Box::new(Refreshes::new(&session.refresh)) });
        Ok(vec![
            me(Kind::Bare, &one),
            me(Kind::Me, &one),
            me(Kind::MeMany, &many),
            Self::new(Kind::List, list),
            Self::new(Kind::Search, search),
            Self::new(Kind::Refresh, refresh),
            Self::logins(Kind::Login, options, people.count),
            Self::registrations(options),
        ])
    }

    /// Logins of all people, one after another.
    pub(crate) fn logins(kind: Kind, options: &Options, people: u32) -> Self {
        let next = Arc::new(AtomicU32::new(0));
        Self::new(
            kind,
            (0..options.connections).map(|_| -> Box<dyn Source> { Box::new(Logins::new(&next, people)) }),
        )
    }

    fn registrations(options: &Options) -> Self {
        let next = Arc::new(AtomicU32::new(0));
        let of_each = |_| -> Box<dyn Source> {
            Box::new(Registrations { next: next.clone(), end: u32::MAX, address: people::new_email })
        };
        Self::new(Kind::Register, (0..options.connections).map(of_each))
    }

    /// Requests a second over the rounds.
    pub(crate) fn rate(&self) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(Round::rate))
    }

    /// Microseconds of the server's processor time a request over the rounds.
    pub(crate) fn cpu_micros(&self) -> Option<Spread> {
        Spread::of(self.rounds.iter().map(Round::cpu_micros))
    }

    /// The same for what followed the rounds.
    pub(crate) fn cpu_micros_later(&self) -> Option<f64> {
        let requests: u32 = self.rounds.iter().map(|round| round.requests).sum();
        let later: f64 = self.settled.iter().map(|settled| settled.cpu.as_secs_f64()).sum();
        (requests > 0 && !self.settled.is_empty()).then(|| later * 1e6 / f64::from(requests))
    }

    /// How much of a core the server used, at the median.
    pub(crate) fn busy(&self) -> Option<f64> {
        Spread::of(self.rounds.iter().map(Round::busy)).map(|spread| spread.median)
    }

    /// The 50th and 99th percentile over all rounds, in microseconds.
    pub(crate) fn latencies(&self) -> Option<(u32, u32)> {
        let mut all: Vec<u32> =
            self.rounds.iter().flat_map(|round| round.latencies.iter().copied()).collect();
        all.sort_unstable();
        Some((percentile(&all, 50)?, percentile(&all, 99)?))
    }

    /// The same at half the rate.
    pub(crate) fn paced_latencies(&self) -> Option<(u32, u32)> {
        let latencies = &self.paced.as_ref()?.latencies;
        Some((percentile(latencies, 50)?, percentile(latencies, 99)?))
    }

    /// How many requests failed, and how the first of them.
    pub(crate) fn failures(&self) -> (u32, Option<&str>) {
        let rounds = || self.rounds.iter().chain(&self.paced);
        let count = rounds().map(|round| round.failures).sum();
        (count, rounds().find_map(|round| round.failure.as_deref()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn round(requests: u32, cpu_ms: u64) -> Round {
        let (took, cpu) = (Duration::from_secs(2), Duration::from_millis(cpu_ms));
        Round { requests, took, cpu, latencies: vec![1_000; 3], ..Round::default() }
    }

    #[test]
    fn a_scenario_adds_up_its_rounds() {
        let mut scenario = Scenario::new(Kind::Me, []);
        scenario.rounds = vec![round(1_000, 1_000), round(2_000, 2_000), round(4_000, 2_000)];
        assert_eq!(scenario.rate(), Some(Spread { median: 1_000.0, min: 500.0, max: 2_000.0 }));
        assert_eq!(scenario.cpu_micros(), Some(Spread { median: 1_000.0, min: 500.0, max: 1_000.0 }));
        assert_eq!(scenario.busy(), Some(1.0));
        assert_eq!(scenario.latencies(), Some((1_000, 1_000)));
        assert_eq!(scenario.cpu_micros_later(), None);
        scenario.settled.push(Settled { after: Duration::ZERO, cpu: Duration::from_millis(70), quiet: true });
        assert_eq!(scenario.cpu_micros_later(), Some(10.0));
    }
}
