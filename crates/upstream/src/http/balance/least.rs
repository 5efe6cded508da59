//! Least connections: the target with the fewest requests under way for its weight; among equals any.

use super::Candidates;

pub(super) fn pick(candidates: &Candidates<'_>) -> Option<usize> {
    let mut best: Option<(usize, u64, u64)> = None;
    let mut equals = 1;
    for index in candidates.iter() {
        let target = candidates.set.get(index);
        let (load, weight) = (u64::from(target.in_flight()) + 1, u64::from(target.weight()));
        let Some((_, least, of)) = best else {
            best = Some((index, load, weight));
            continue;
        };
        // load / weight, compared without division.
        let (here, there) = (load * of, least * weight);
        if here < there {
            best = Some((index, load, weight));
            equals = 1;
        } else if here == there {
            // Each of n equals stays with a chance of 1/n (reservoir sampling).
            equals += 1;
            if candidates.dice().below(equals) == 0 {
                best = Some((index, load, weight));
            }
        }
    }
    best.map(|(index, _, _)| index)
}

#[cfg(test)]
mod tests {
    use super::super::super::dice::Dice;
    use super::super::super::spec::Balance;
    use super::super::tests::{choice, set, spread};

    #[tokio::test(start_paused = true)]
    async fn load_follows_weights() {
        let dice = Dice::from_seed(1);
        let set = set(&[3, 1]);
        let spread = spread(&set, &choice(Balance::LeastConnections, &dice), 400);
        assert_eq!((spread[&0], spread[&1]), (300, 100));
    }

    #[tokio::test(start_paused = true)]
    async fn the_idle_one_is_chosen_and_equals_share() {
        let dice = Dice::from_seed(1);
        let set = set(&[1, 1, 1]);
        set.get(0).begin();
        set.get(2).begin();
        let choice = choice(Balance::LeastConnections, &dice);
        assert_eq!(choice.pick(&set), Some(1));
        set.get(1).begin();
        let mut seen = [0; 3];
        for _ in 0..300 {
            seen[choice.pick(&set).unwrap()] += 1;
        }
        assert!(seen.iter().all(|count| (70..130).contains(count)), "{seen:?}");
    }
}
