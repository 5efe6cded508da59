//! Values with a unit: durations and sizes.

use std::time::Duration;

/// Reads `500ms`, `10s`, `30m`, `12h` or `30d`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let split =
        text.find(|c: char| !c.is_ascii_digit()).ok_or("a duration needs a unit: ms, s, m, h or d")?;
    let number: u64 =
        text[..split].parse().map_err(|_| "a duration is a whole number and a unit, such as 30m")?;
    let seconds =
        |factor: u64| number.checked_mul(factor).map(Duration::from_secs).ok_or("too long".to_owned());
    match text[split..].trim() {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        other => Err(format!("unknown unit {other:?}: ms, s, m, h or d")),
    }
}

/// Reads `512`, `64KiB`, `1MiB` or `1GiB`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 =
        text[..split].parse().map_err(|_| "a size is a whole number and a unit, such as 64KiB")?;
    let factor = match text[split..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        other => return Err(format!("unknown unit {other:?}: KiB, MiB or GiB")),
    };
    number.checked_mul(factor).ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("30d"), Ok(Duration::from_secs(2_592_000)));
        assert_eq!(parse_size("64KiB"), Ok(65_536));
        for bad in ["", "5", "m", "-1s", "1w", "99999999999999999999s"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
