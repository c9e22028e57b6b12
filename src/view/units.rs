//! Numbers as people read them.

/// A number of up to three digits and a unit, of which each is a thousand of the one before: `0`, `7.5`, `999`,
/// `1.2k`, `53.4M`, `534G`. No more than five characters.
#[must_use]
pub fn human(value: f64) -> String {
    const UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
    if value > 0.0 && value < 0.05 {
        return "<0.1".to_owned();
    }
    let (mut scaled, mut unit) = (value, "");
    for one in UNITS {
        unit = one;
        // Rounded, it would have four digits.
        if scaled < 999.5 {
            break;
        }
        scaled /= 1000.0;
    }
    let is_whole = unit.is_empty() && scaled.fract() == 0.0;
    let has_decimal = if unit.is_empty() { scaled < 9.95 } else { scaled < 99.95 };
    let decimals = usize::from(has_decimal && !is_whole);
    format!("{scaled:.decimals$}{unit}")
}

/// A count: all of its digits up to five, or else as [`human`] has it.
#[must_use]
pub fn count(value: u64) -> String {
    if value < 100_000 { value.to_string() } else { human(as_float(value)) }
}

/// A speed in Mbit/s: `100M`, `2.5G`, `10G`.
#[must_use]
pub fn speed(mbits: i64) -> String {
    human(as_float(mbits.max(0).cast_unsigned()) * 1e6).replace(".0", "")
}

/// A number that a few digits of are shown.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn as_float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_say_enough_and_rounding_never_makes_a_fourth() {
        let cases = [
            (0.0, "0"),
            (0.01, "<0.1"),
            (0.05, "0.1"),
            (4.0, "4"),
            (4.98, "5.0"),
            (9.96, "10"),
            (12.4, "12"),
            (999.4, "999"),
            (999.6, "1.0k"),
            (1234.0, "1.2k"),
            (99_940.0, "99.9k"),
            (99_960.0, "100k"),
            (999_499.0, "999k"),
            (999_500.0, "1.0M"),
            (53_400_000.0, "53.4M"),
            (534e9, "534G"),
            (18.4e18, "18.4E"),
        ];
        for (value, expected) in cases {
            assert_eq!(human(value), expected, "{value}");
            assert!(human(value).len() <= 5);
        }
    }

    #[test]
    fn counts_are_exact_as_long_as_they_are_short() {
        let cases = [(0, "0"), (99_999, "99999"), (100_000, "100k"), (u64::MAX, "18.4E")];
        for (value, expected) in cases {
            assert_eq!(count(value), expected);
        }
        let speeds = [
            (10, "10M"),
            (100, "100M"),
            (1000, "1G"),
            (2500, "2.5G"),
            (10_000, "10G"),
            (400_000, "400G"),
        ];
        for (mbits, expected) in speeds {
            assert_eq!(speed(mbits), expected);
        }
    }
}
