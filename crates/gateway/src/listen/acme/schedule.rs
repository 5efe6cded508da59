//! When to order, when to renew, and how long to wait after a failure.

use std::time::Duration;

use denizen_kit::seal::random;
use denizen_kit::time::{Timestamp, after, before, elapsed};

use super::store::{Kept, State};

/// A day.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How soon a server is asked again at the earliest.
pub(super) const SOON: Duration = Duration::from_secs(60 * 60);

/// The pause after the first failure. Let's Encrypt allows five failed validations of a name an hour.
const FIRST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(12 * 60 * 60);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// A certificate for this name.
    Order(String),
    /// Whether the server wants an earlier renewal.
    Ask(Kept),
}

/// The first thing to be done, if anything is.
pub(super) fn due(domains: &[String], state: &State, now: Timestamp) -> Option<Work> {
    let kept = |name: &str| state.kept.iter().find(|kept| kept.name == name);
    let may_try = |name: &str| {
        state.failed.iter().find(|failed| failed.name == name).is_none_or(|failed| failed.next_at <= now)
    };
    let wanted = |name: &&String| kept(name).is_none_or(|kept| kept.renew_at <= now) && may_try(name);
    if let Some(name) = domains.iter().find(wanted) {
        return Some(Work::Order(name.clone()));
    }
    let known = domains.iter().filter_map(|name| kept(name));
    known.filter(|kept| kept.ask_at <= now).min_by_key(|kept| kept.ask_at).cloned().map(Work::Ask)
}

/// After two thirds of its life, up to a twentieth of it sooner: certificates that were made together do not come due
/// together.
pub(super) fn renew_at(not_before: Timestamp, not_after: Timestamp) -> Timestamp {
    let life = elapsed(not_before, not_after);
    before(after(not_before, life / 3 * 2), (life / 20).mul_f64(chance()))
}

/// Some moment between the two.
pub(super) fn between(start: Timestamp, end: Timestamp) -> Timestamp {
    after(start, elapsed(start, end).mul_f64(chance()))
}

/// The pause after so many failures in a row: it doubles up to half a day, with up to a quarter more.
pub(super) fn pause(failures: i64) -> Duration {
    let doublings = u32::try_from(failures.clamp(1, 20) - 1).unwrap_or_default();
    let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
    pause + (pause / 4).mul_f64(chance())
}

/// A number from 0 up to 1.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    random(&mut bytes);
    f64::from(u32::from_be_bytes(bytes)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::store::Failed;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn kept(name: &str, renew: i64, ask: i64) -> Kept {
        Kept { name: name.to_owned(), made_at: at(0), renew_at: at(renew), ask_at: at(ask) }
    }

    #[test]
    fn what_is_missing_comes_before_what_is_old_and_failures_wait() {
        let domains = ["a.test".to_owned(), "b.test".to_owned()];
        let order = |name: &str| Some(Work::Order(name.to_owned()));
        assert_eq!(due(&domains, &State::default(), at(0)), order("a.test"));
        let mut state = State { kept: vec![kept("a.test", 100, 50)], failed: Vec::new() };
        assert_eq!(due(&domains, &state, at(0)), order("b.test"));
        state.failed = vec![Failed { name: "b.test".to_owned(), failures: 1, next_at: at(60) }];
        assert_eq!(due(&domains, &state, at(0)), None);
        assert_eq!(due(&domains, &state, at(50)), Some(Work::Ask(state.kept[0].clone())));
        assert_eq!(due(&domains, &state, at(60)), order("b.test"));
        state.failed[0].next_at = at(1000);
        assert_eq!(
            due(&domains, &state, at(100)),
            order("a.test"),
            "a renewal is not held up by another name"
        );
        assert_eq!(due(&[], &state, at(5000)), None, "a name that is not wanted any more");
    }

    #[test]
    fn renewal_comes_with_two_thirds_of_life() {
        for _ in 0..100 {
            let at_renewal = renew_at(at(0), at(9_000_000)).as_second();
            assert!((5_550_000..=6_000_000).contains(&at_renewal), "{at_renewal}");
        }
    }

    #[test]
    fn pauses_grow_and_end_growing() {
        let minutes = |failures| pause(failures).as_secs() / 60;
        assert!((5..=6).contains(&minutes(1)) && (10..=12).contains(&minutes(2)));
        assert!((720..=900).contains(&minutes(12)) && (720..=900).contains(&minutes(i64::MAX)));
        assert!(pause(0) >= Duration::from_secs(300), "never at once");
    }
}
