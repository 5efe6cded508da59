//! Smooth weighted round robin: in turn, and those with more weight not in a row.
//!
//! nginx's algorithm (`ngx_http_upstream_get_peer`): each candidate gains its weight, the richest is chosen and pays the sum.
//! With weights 5, 1, 1 that gives a a b a c a a.

use std::sync::{Mutex, PoisonError};

use super::Candidates;

/// What each target has gained and not paid.
#[derive(Debug)]
pub(crate) struct Turns(Mutex<Vec<i64>>);

// === impl Turns ===

impl Turns {
    pub(crate) fn new(count: usize) -> Self {
        Self(Mutex::new(vec![0; count]))
    }
}

pub(super) fn pick(candidates: &Candidates<'_>) -> Option<usize> {
    let mut gains = candidates.set.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut sum = 0;
    let mut richest: Option<usize> = None;
    for index in candidates.iter() {
        let weight = i64::from(candidates.set.get(index).weight());
        gains[index] += weight;
        sum += weight;
        if richest.is_none_or(|best| gains[index] > gains[best]) {
            richest = Some(index);
        }
    }
    let chosen = richest?;
    gains[chosen] -= sum;
    Some(chosen)
}

#[cfg(test)]
mod tests {
    use super::super::super::dice::Dice;
    use super::super::super::spec::Balance;
    use super::super::tests::{choice, set};

    #[tokio::test(start_paused = true)]
    async fn turns_are_smooth() {
        let dice = Dice::from_seed(1);
        let set = set(&[5, 1, 1]);
        let choice = choice(Balance::RoundRobin, &dice);
        let turns: Vec<usize> = (0..14).map(|_| choice.pick(&set).unwrap()).collect();
        assert_eq!(turns, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    }
}
