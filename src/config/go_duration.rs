//! Durations as Go writes them, for what Telegraf's configuration has: `1m30s`, `200ms`, `1.5h`.

use std::time::Duration;

/// A duration (Go's `time.ParseDuration`); in those of `[agent]`, Telegraf takes days as well. `None` for what is
/// none, or is negative.
#[must_use]
pub(crate) fn read(text: &str, has_days: bool) -> Option<Duration> {
    const UNITS: [(&str, f64); 9] = [
        ("ns", 1e-9),
        ("us", 1e-6),
        ("µs", 1e-6),
        ("μs", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("d", 86400.0),
    ];
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut seconds, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit() && character != '.')?;
        let (number, behind) = rest.split_at_checked(end)?;
        let end = behind.find(|character: char| character.is_ascii_digit() || character == '.');
        let (unit, behind) = behind.split_at_checked(end.unwrap_or(behind.len()))?;
        let mut units = UNITS.into_iter().filter(|(name, _)| has_days || *name != "d");
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        seconds += number.parse::<f64>().ok()? * length;
        rest = behind;
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok()).flatten()
}

/// A duration as Go reads it, in the largest unit of which it is a whole number.
#[must_use]
pub(crate) fn written(duration: Duration) -> String {
    const UNITS: [(&str, u128); 6] = [
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let nanos = duration.as_nanos();
    let unit = UNITS.into_iter().find(|(_, length)| nanos.is_multiple_of(*length));
    let (unit, length) = unit.unwrap_or(("ns", 1));
    format!("{}{unit}", nanos / length)
}
