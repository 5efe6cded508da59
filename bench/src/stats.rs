//! Medians, percentiles and how figures are written.

use std::time::Duration;

/// The middle one and the ends of a few figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub(crate) median: f64,
    /// The least.
    pub(crate) min: f64,
    /// The greatest.
    pub(crate) max: f64,
}

// === impl Spread ===

impl Spread {
    /// The spread of these; none when there are none.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (min, max) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let median = if figures.len() % 2 == 1 {
            figures[middle]
        } else {
            f64::midpoint(figures[middle - 1], figures[middle])
        };
        Some(Self { median, min, max })
    }

    /// `median (min–max)`.
    pub(crate) fn written(&self) -> String {
        format!("{} ({}–{})", figure(self.median), figure(self.min), figure(self.max))
    }
}

/// The value below which this many percent of the values lie, by the nearest rank; the values are sorted.
pub(crate) fn percentile(sorted: &[u32], percent: usize) -> Option<u32> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// A figure with three digits that count, or all before the point, in groups of three.
pub(crate) fn figure(value: f64) -> String {
    if value >= 1_000.0 {
        return grouped(&format!("{value:.0}"));
    }
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}

fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Microseconds as milliseconds.
pub(crate) fn millis(micros: u32) -> String {
    figure(f64::from(micros) / 1_000.0)
}

/// A duration in milliseconds.
pub(crate) fn in_millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// KiB as MiB.
pub(crate) fn mebibytes(kibibytes: u32) -> f64 {
    f64::from(kibibytes) / 1_024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0]).unwrap().written(), "2.50 (1.00–4.00)");
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (Some(100), Some(198)));
        assert_eq!((percentile(&[7], 99), percentile(&[7], 0)), (Some(7), Some(7)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn figures_are_short() {
        let all = [0.123, 12.34, 123.4, 1_234.5, 165_123.0, 1_234_567.0].map(figure);
        assert_eq!(all, ["0.12", "12.3", "123", "1,234", "165,123", "1,234,567"]);
        assert_eq!(millis(1_500), "1.50");
    }
}
