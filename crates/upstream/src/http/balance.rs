//! How one target is chosen among those that take requests.
//!
//! Every rule sees the same candidates: the targets of the lowest priority that has any, which are healthy, not ejected,
//! and not tried yet for this request. If there are none, those tried before may be tried again, but for those that could
//! not be reached; then those that are only ejected; then any. When all are unhealthy there is nothing to choose.

mod hash;
mod least;
mod peak_ewma;
mod round_robin;

use tokio::time::Instant;

use super::dice::Dice;
use super::spec::Balance;
use super::target::TargetSet;

pub(crate) use round_robin::Turns;

/// What a choice depends on beside the targets.
pub(crate) struct Choice<'a> {
    pub(crate) balance: Balance,
    pub(crate) now: Instant,
    /// For consistent hashing; none: any target.
    pub(crate) key: Option<u64>,
    /// Targets that have been tried for this request.
    pub(crate) tried: &'a [usize],
    /// Those of them that could not even be connected to.
    pub(crate) unreached: &'a [usize],
    pub(crate) dice: &'a Dice,
}

/// Which targets are candidates, from the best to the last resort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Fresh,
    Tried,
    Ejected,
    Any,
}

/// All levels, in order.
const LEVELS: [Level; 4] = [Level::Fresh, Level::Tried, Level::Ejected, Level::Any];

/// The candidates of one level and priority.
struct Candidates<'a> {
    set: &'a TargetSet,
    choice: &'a Choice<'a>,
    level: Level,
    priority: u32,
}

// === impl Choice ===

impl Choice<'_> {
    /// The index of the target to send to; none when all are unhealthy.
    pub(crate) fn pick(&self, set: &TargetSet) -> Option<usize> {
        LEVELS.into_iter().find_map(|level| self.pick_at(set, level))
    }

    /// Whether there is a target that was not tried yet.
    pub(crate) fn has_another(&self, set: &TargetSet) -> bool {
        self.candidates(set, Level::Fresh).is_some()
    }

    /// Whether the next choice is a target that was not tried yet, be it one that is left out for a while: an ejection is
    /// a guess, and that the others cannot be reached is knowledge.
    pub(crate) fn is_next_untried(&self, set: &TargetSet) -> bool {
        let next = LEVELS.into_iter().find(|level| self.candidates(set, *level).is_some());
        matches!(next, Some(Level::Fresh | Level::Ejected))
    }

    fn pick_at(&self, set: &TargetSet, level: Level) -> Option<usize> {
        let candidates = self.candidates(set, level)?;
        match self.balance {
            Balance::RoundRobin => round_robin::pick(&candidates),
            Balance::LeastConnections => least::pick(&candidates),
            Balance::PeakEwma => peak_ewma::pick(&candidates),
            Balance::Hash => match self.key {
                Some(key) => hash::pick(&candidates, key),
                None => round_robin::pick(&candidates),
            },
        }
    }

    fn candidates<'a>(&'a self, set: &'a TargetSet, level: Level) -> Option<Candidates<'a>> {
        let all = Candidates { set, choice: self, level, priority: 0 };
        let first = (0..set.len()).find(|index| all.is_candidate(*index))?;
        Some(Candidates { priority: set.get(first).priority(), ..all })
    }
}

// === impl Candidates ===

impl<'a> Candidates<'a> {
    /// Indexes of the candidates, in order.
    fn iter(&self) -> impl Iterator<Item = usize> {
        (0..self.set.len())
            .filter(|index| self.set.get(*index).priority() == self.priority && self.is_candidate(*index))
    }

    fn is_candidate(&self, index: usize) -> bool {
        let (standing, choice) = (&self.set.get(index).standing, self.choice);
        if standing.is_unhealthy() {
            return false;
        }
        match self.level {
            Level::Fresh => !standing.is_ejected(choice.now) && !choice.tried.contains(&index),
            Level::Tried => !standing.is_ejected(choice.now) && !choice.unreached.contains(&index),
            Level::Ejected => !choice.tried.contains(&index),
            Level::Any => true,
        }
    }

    fn dice(&self) -> &'a Dice {
        self.choice.dice
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::origin::Origin;
    use super::super::spec::{PassiveSpec, PoolSpec};
    use super::super::target::{Found, Target};
    use super::*;

    /// Targets with these weights, and dice that always fall alike.
    pub(super) fn set(weights: &[u32]) -> TargetSet {
        let targets = weights.iter().zip(1..).map(|(weight, port)| {
            let found = Found { origin: Origin::new(false, "t", port), weight: *weight, priority: 0 };
            Arc::new(Target::new(&found, PoolSpec::default(), 1).unwrap())
        });
        TargetSet::new(targets.collect())
    }

    pub(super) fn choice(balance: Balance, dice: &Dice) -> Choice<'_> {
        Choice { balance, now: Instant::now(), key: None, tried: &[], unreached: &[], dice }
    }

    /// How often each is chosen; every request is still under way.
    pub(super) fn spread(set: &TargetSet, choice: &Choice<'_>, times: usize) -> BTreeMap<usize, u32> {
        let mut spread = BTreeMap::new();
        for _ in 0..times {
            let chosen = choice.pick(set).unwrap();
            set.get(chosen).begin();
            *spread.entry(chosen).or_insert(0) += 1;
        }
        spread
    }

    #[tokio::test(start_paused = true)]
    async fn every_rule_leaves_out_who_should_not_be_asked() {
        let dice = Dice::from_seed(1);
        for balance in [Balance::RoundRobin, Balance::LeastConnections, Balance::PeakEwma, Balance::Hash] {
            let set = set(&[1, 1, 1, 1]);
            let now = Instant::now();
            set.get(0).standing.set_unhealthy(true);
            set.get(1).standing.eject(&PassiveSpec::default(), now, |time| time);
            let pick = |tried: &[usize]| {
                let key = Some(dice.next());
                Choice { balance, now, key, tried, unreached: &[], dice: &dice }.pick(&set)
            };
            for _ in 0..50 {
                assert!(matches!(pick(&[]), Some(2 | 3)), "{balance:?}");
                assert_eq!(pick(&[2]), Some(3), "{balance:?}");
                assert!(matches!(pick(&[2, 3]), Some(2 | 3)), "{balance:?}: tried ones before ejected ones");
            }
            set.get(2).standing.set_unhealthy(true);
            set.get(3).standing.set_unhealthy(true);
            assert_eq!(pick(&[]), Some(1), "{balance:?}: an ejection is only a guess");
            set.get(1).standing.set_unhealthy(true);
            assert_eq!(pick(&[]), None, "{balance:?}");
            assert!(Duration::from_secs(1) > now.elapsed());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_left_out_comes_before_one_that_cannot_be_reached() {
        let dice = Dice::from_seed(1);
        for balance in [Balance::RoundRobin, Balance::LeastConnections, Balance::PeakEwma, Balance::Hash] {
            let set = set(&[1, 1]);
            let now = Instant::now();
            set.get(1).standing.eject(&PassiveSpec::default(), now, |time| time);
            let choice = |tried, unreached| Choice {
                balance,
                now,
                key: Some(dice.next()),
                tried,
                unreached,
                dice: &dice,
            };
            assert_eq!(choice(&[], &[]).pick(&set), Some(0), "{balance:?}");
            assert!(!choice(&[0], &[]).is_next_untried(&set), "{balance:?}: it was reached");
            assert!(choice(&[0], &[0]).is_next_untried(&set), "{balance:?}");
            assert_eq!(choice(&[0], &[0]).pick(&set), Some(1), "{balance:?}");
            assert!(!choice(&[0, 1], &[0, 1]).is_next_untried(&set), "{balance:?}");
            assert!(choice(&[0, 1], &[0, 1]).pick(&set).is_some(), "{balance:?}: any is tried again");
            set.get(1).standing.set_unhealthy(true);
            assert_eq!(choice(&[0], &[0]).pick(&set), Some(0), "{balance:?}: a failed check is knowledge");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn higher_priorities_wait_until_the_lower_are_gone() {
        let dice = Dice::from_seed(1);
        let set = set(&[1, 1]);
        set.get(1).priority.store(9, std::sync::atomic::Ordering::Relaxed);
        let choice = choice(Balance::RoundRobin, &dice);
        assert_eq!(spread(&set, &choice, 10).len(), 1);
        set.get(0).standing.set_unhealthy(true);
        assert_eq!(choice.pick(&set), Some(1));
    }
}
