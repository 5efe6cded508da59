//! Numbers as ranges, for lists of seqs: `3-5,9`.

use std::fmt;

/// A set of numbers. Ranges of one list do not overlap and go up; several lists may be joined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ranges(Vec<(i64, i64)>);

// === impl Ranges ===

impl Ranges {
    /// The set of these numbers, which go up.
    pub(crate) fn of(numbers: impl IntoIterator<Item = i64>) -> Self {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == number => *last = number,
                _ => ranges.push((number, number)),
            }
        }
        Self(ranges)
    }

    /// Reads what [`fmt::Display`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some((first.parse().ok()?, last.parse().ok()?))
        };
        text.split(',').map(range).collect::<Option<_>>().map(Self)
    }

    /// The first and the last number, if there are any.
    pub(crate) fn ends(&self) -> Option<(i64, i64)> {
        Some((self.0.first()?.0, self.0.last()?.1))
    }

    /// The ranges, each with its first and last number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (i64, i64)> {
        self.0.iter().copied()
    }

    /// Joins another set.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
        self.0.sort_unstable();
    }

    /// Whether a number is in the set.
    pub(crate) fn contains(&self, number: i64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= number);
        self.0[..after].last().is_some_and(|(_, last)| number <= *last)
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (first, last)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_written_as_ranges_and_read_again() {
        for (numbers, text) in
            [(vec![7], "7"), (vec![1, 2, 3], "1-3"), (vec![3, 4, 5, 9, 11, 12], "3-5,9,11-12")]
        {
            let ranges = Ranges::of(numbers.clone());
            assert_eq!(ranges.to_string(), text);
            assert_eq!(Ranges::parse(text), Some(ranges.clone()));
            assert_eq!(ranges.ends(), Some((numbers[0], numbers[numbers.len() - 1])));
            let found: Vec<i64> = (0..20).filter(|number| ranges.contains(*number)).collect();
            assert_eq!(found, numbers);
        }
        for bad in ["", "x", "1-", "1,,2", "1-2-3"] {
            assert_eq!(Ranges::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn lists_can_be_joined() {
        let mut joined = Ranges::of([2, 3, 8]);
        joined.extend(Ranges::of([1, 5, 9]));
        let found: Vec<i64> = (0..12).filter(|number| joined.contains(*number)).collect();
        assert_eq!(found, [1, 2, 3, 5, 8, 9]);
    }
}
