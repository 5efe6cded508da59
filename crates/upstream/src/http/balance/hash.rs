//! Consistent hashing: the same key goes to the same target, as long as that has not far more than its share.
//!
//! Weighted rendezvous hashing (Thaler and Ravishankar, 1998; weights by Schindelhauer and Schomaker, 2005): a target
//! that comes or goes moves only the keys that are or were its own, weights hold exactly, and there is no table to
//! build. Loads are bounded (Mirrokni, Thorup and Zadimoghaddam, "Consistent hashing with bounded loads", 2016): a
//! target with more than 1.25 times its share of the requests under way passes on to the key's next one.

use super::super::dice::{mix, unit};
use super::Candidates;

/// How much of its share a target may have under way.
const BOUND: f64 = 1.25;

pub(super) fn pick(candidates: &Candidates<'_>, key: u64) -> Option<usize> {
    let sum = |of: fn(&super::super::target::Target) -> u32| -> f64 {
        candidates.iter().map(|index| f64::from(of(candidates.set.get(index)))).sum()
    };
    let requests = sum(super::super::target::Target::in_flight) + 1.0;
    let weights = sum(super::super::target::Target::weight);
    let mut best: Option<(usize, f64)> = None;
    let mut best_with_room: Option<(usize, f64)> = None;
    for index in candidates.iter() {
        let target = candidates.set.get(index);
        let weight = f64::from(target.weight());
        let score = score(key, target.seed, weight);
        if best.is_none_or(|(_, least)| score < least) {
            best = Some((index, score));
        }
        let most = (BOUND * requests * weight / weights).ceil();
        let has_room = f64::from(target.in_flight()) < most;
        if has_room && best_with_room.is_none_or(|(_, least)| score < least) {
            best_with_room = Some((index, score));
        }
    }
    best_with_room.or(best).map(|(index, _)| index)
}

/// An exponentially distributed number with the weight as its rate: the least of several belongs to each as often as its
/// share of the weights.
fn score(key: u64, seed: u64, weight: f64) -> f64 {
    -(unit(mix(key ^ seed)) + f64::MIN_POSITIVE).ln() / weight
}

#[cfg(test)]
mod tests {
    use super::super::super::dice::Dice;
    use super::super::super::spec::Balance;
    use super::super::Choice;
    use super::super::tests::{choice, set};

    fn keyed(dice: &Dice, key: u64) -> Choice<'_> {
        Choice { key: Some(key), ..choice(Balance::Hash, dice) }
    }

    #[tokio::test(start_paused = true)]
    async fn keys_stay_when_another_target_goes() {
        let dice = Dice::from_seed(1);
        let set = set(&[1, 1, 1, 1]);
        let homes: Vec<usize> = (0..1_000).map(|key| keyed(&dice, key).pick(&set).unwrap()).collect();
        set.get(2).standing.set_unhealthy(true);
        let mut moved = 0;
        for (key, home) in homes.iter().enumerate() {
            let now = keyed(&dice, key as u64).pick(&set).unwrap();
            assert_ne!(now, 2);
            if now != *home {
                assert_eq!(*home, 2, "only its own keys move");
                moved += 1;
            }
        }
        assert!((200..300).contains(&moved), "{moved}");
    }

    #[tokio::test(start_paused = true)]
    async fn keys_follow_weights() {
        let dice = Dice::from_seed(1);
        let set = set(&[3, 1]);
        let first = (0..4_000).filter(|key| keyed(&dice, *key).pick(&set) == Some(0)).count();
        assert!((2_900..3_100).contains(&first), "{first}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_hot_key_does_not_fill_its_target() {
        let dice = Dice::from_seed(1);
        let set = set(&[1, 1, 1, 1]);
        let home = keyed(&dice, 7).pick(&set).unwrap();
        for _ in 0..100 {
            let chosen = keyed(&dice, 7).pick(&set).unwrap();
            set.get(chosen).begin();
        }
        let load = set.get(home).in_flight();
        assert!((30..=33).contains(&load), "1.25 times a quarter: {load}");
    }
}
