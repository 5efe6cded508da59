//! The bars: what a figure is compared with, and whether it passes.

use crate::engine::Engine;
use crate::rounds::Run;
use crate::scenarios::{Kind, Scenario};
use crate::stats::{Spread, figure};

/// How many accounts the bars of lists and memory are meant for.
const ACCOUNTS: u32 = 1_000_000;

/// A figure beside its bar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    /// The share of the limit, if there is one.
    pub(crate) ratio: String,
    /// The bar.
    pub(crate) bar: String,
    /// Met or not.
    pub(crate) verdict: String,
}

// === impl Judged ===

impl Judged {
    fn none(ratio: String) -> Self {
        Self { ratio, bar: "–".to_owned(), verdict: "–".to_owned() }
    }

    fn new(ratio: String, bar: &str, is_met: bool) -> Self {
        Self { ratio, bar: bar.to_owned(), verdict: met(is_met) }
    }

    /// What a scenario comes to.
    pub(crate) fn of(run: &Run, scenario: &Scenario) -> Self {
        let (failures, _) = scenario.failures();
        let verdict = Self::of_figures(run, scenario);
        if failures > 0 && verdict.verdict != "–" {
            return Self { verdict: format!("not met: {failures} requests failed"), ..verdict };
        }
        verdict
    }

    fn of_figures(run: &Run, scenario: &Scenario) -> Self {
        let on_sqlite = run.engine == Engine::Sqlite;
        let rate = scenario.rate().map_or(0.0, |rate| rate.median);
        match scenario.kind {
            Kind::Bare => Self::none("1".to_owned()),
            Kind::Me | Kind::MeMany => of_me(run, scenario, on_sqlite),
            Kind::Login => of_hashes(scenario, &run.hashes, true),
            Kind::LoginOnTwo => of_hashes(scenario, &run.hashes_on_two, true),
            Kind::Register => of_hashes(scenario, &run.hashes, false),
            Kind::Refresh if on_sqlite => Self::new("–".to_owned(), "≥ 3,000/s a core", rate >= 3_000.0),
            Kind::Refresh => Self::new("–".to_owned(), "≥ 1,000/s a core", rate >= 1_000.0),
            Kind::Create if on_sqlite => Self::new("–".to_owned(), "≥ 2,000/s", rate >= 2_000.0),
            Kind::Create => Self::none("–".to_owned()),
            Kind::List | Kind::Search => of_page(scenario, run.people.count),
        }
    }
}

/// The share of the bare route: by requests a second, and by processor time where the generator could not fill the core.
/// The lower of the two counts.
fn of_me(run: &Run, scenario: &Scenario, on_sqlite: bool) -> Judged {
    let bare = run.scenarios.iter().find(|scenario| scenario.kind == Kind::Bare);
    let Some(bare) = bare else { return Judged::none("–".to_owned()) };
    let pairs = || scenario.rounds.iter().zip(&bare.rounds);
    let by_rate = Spread::of(pairs().map(|(mine, limit)| mine.rate() / limit.rate().max(1.0)));
    let by_cpu =
        Spread::of(pairs().map(|(mine, limit)| limit.cpu_micros() / mine.cpu_micros().max(f64::EPSILON)));
    let (Some(by_rate), Some(by_cpu)) = (by_rate, by_cpu) else { return Judged::none("–".to_owned()) };
    let ratio = format!("{} of bare by requests, {} by CPU", percent(by_rate), percent(by_cpu));
    if !on_sqlite {
        return Judged::none(ratio);
    }
    let share = by_rate.median.min(by_cpu.median);
    let verdict = Judged::new(ratio, "≥ 35 % of bare (aim 60 %)", share >= 0.35);
    if share >= 0.60 {
        return Judged { verdict: "met, and the aim".to_owned(), ..verdict };
    }
    verdict
}

fn of_hashes(scenario: &Scenario, hashes: &[f64], has_bar: bool) -> Judged {
    let pairs = scenario.rounds.iter().zip(hashes);
    let Some(share) = Spread::of(pairs.map(|(mine, limit)| mine.rate() / limit.max(1.0))) else {
        return Judged::none("–".to_owned());
    };
    let ratio = format!("{} of the bare hash rate", percent(share));
    if has_bar {
        Judged::new(ratio, "≥ 90 % of the hash rate", share.median >= 0.9)
    } else {
        Judged::none(ratio)
    }
}

/// The 99th percentile at half the rate; with fewer accounts than the bar is for, it is not proved.
fn of_page(scenario: &Scenario, accounts: u32) -> Judged {
    let bar = "p99 ≤ 20 ms with 1 million users";
    let Some((_, p99)) = scenario.paced_latencies() else { return Judged::none("–".to_owned()) };
    let verdict = Judged::new("–".to_owned(), bar, p99 <= 20_000);
    if p99 <= 20_000 && accounts < ACCOUNTS {
        let verdict_text = format!("within it at {} users, not shown at 1 million", figure(accounts.into()));
        return Judged { verdict: verdict_text, ..verdict };
    }
    verdict
}

/// `met` or `not met`.
pub(crate) fn met(is_met: bool) -> String {
    if is_met { "met".to_owned() } else { "**not met**".to_owned() }
}

/// The verdict on memory under load: the bar is for a million accounts.
pub(crate) fn memory_under_load(mebibytes: f64, accounts: u32) -> String {
    if mebibytes <= 150.0 && accounts < ACCOUNTS {
        return format!("within it at {} users, not shown at 1 million", figure(accounts.into()));
    }
    met(mebibytes <= 150.0)
}

fn percent(share: Spread) -> String {
    let of = |value: f64| figure(value * 100.0);
    format!("{} % ({}–{})", of(share.median), of(share.min), of(share.max))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::Round;

    fn logins(requests: &[u32]) -> Scenario {
        let mut scenario = Scenario::new(Kind::Login, []);
        let round =
            |requests: &u32| Round { requests: *requests, took: Duration::from_secs(1), ..Round::default() };
        scenario.rounds = requests.iter().map(round).collect();
        scenario
    }

    #[test]
    fn logins_are_compared_round_by_round() {
        let verdict = of_hashes(&logins(&[91, 40, 92]), &[100.0, 50.0, 100.0], true);
        assert_eq!(
            (verdict.ratio.as_str(), verdict.verdict.as_str()),
            ("91.0 % (80.0–92.0) of the bare hash rate", "met")
        );
        assert_eq!(of_hashes(&logins(&[89]), &[100.0], true).verdict, "**not met**");
        assert_eq!(of_hashes(&logins(&[]), &[100.0], true).verdict, "–");
    }

    #[test]
    fn a_page_of_few_accounts_proves_nothing_of_many() {
        let mut scenario = Scenario::new(Kind::List, []);
        assert_eq!(of_page(&scenario, 5_000).verdict, "–");
        scenario.paced = Some(Round { latencies: vec![900; 100], ..Round::default() });
        assert_eq!(of_page(&scenario, 5_000).verdict, "within it at 5,000 users, not shown at 1 million");
        assert_eq!(of_page(&scenario, ACCOUNTS).verdict, "met");
        scenario.paced = Some(Round { latencies: vec![20_001; 100], ..Round::default() });
        assert_eq!(of_page(&scenario, 5_000).verdict, "**not met**");
    }

    #[test]
    fn memory() {
        assert!(memory_under_load(90.0, 10).starts_with("within"));
        assert_eq!(memory_under_load(151.0, 10), "**not met**");
    }
}
