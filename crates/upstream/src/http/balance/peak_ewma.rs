//! Power of two choices by peak-EWMA: of two targets drawn at random, the one that would answer sooner.
//!
//! The cost of a target is its estimated latency times the requests it would have, for its weight (tower's
//! `load::PeakEwma` and `balance::p2c`; Mitzenmacher, "The power of two choices in randomized load balancing", 2001).

use super::Candidates;

/// Latencies below this are all alike, in seconds.
const FLOOR: f64 = 0.000_1;

pub(super) fn pick(candidates: &Candidates<'_>) -> Option<usize> {
    let count = candidates.iter().count();
    let first = candidates.dice().below(count.max(1));
    let one = candidates.iter().nth(first)?;
    if count == 1 {
        return Some(one);
    }
    let second = (first + 1 + candidates.dice().below(count - 1)) % count;
    let other = candidates.iter().nth(second)?;
    Some(if cost(candidates, other) < cost(candidates, one) { other } else { one })
}

fn cost(candidates: &Candidates<'_>, index: usize) -> f64 {
    let target = candidates.set.get(index);
    let seconds = target.latency.seconds(candidates.choice.now).max(FLOOR);
    seconds * (f64::from(target.in_flight()) + 1.0) / f64::from(target.weight())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::dice::Dice;
    use super::super::super::spec::Balance;
    use super::super::tests::{choice, set, spread};

    #[tokio::test(start_paused = true)]
    async fn the_slow_one_gets_little() {
        let dice = Dice::from_seed(1);
        let set = set(&[1, 1, 1]);
        let choice = choice(Balance::PeakEwma, &dice);
        for _ in 0..50 {
            set.get(0).latency.sample(Duration::from_millis(900), choice.now);
        }
        let spread = spread(&set, &choice, 300);
        assert!(spread.get(&0).copied().unwrap_or(0) < 12, "{spread:?}");
        assert!(spread[&1].abs_diff(spread[&2]) < 20, "{spread:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_under_way_count() {
        let dice = Dice::from_seed(1);
        let set = set(&[1, 1]);
        set.get(0).begin();
        let choice = choice(Balance::PeakEwma, &dice);
        assert!((0..20).all(|_| choice.pick(&set) == Some(1)));
    }
}
