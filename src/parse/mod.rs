//! Bytes from the kernel -> data. Pure: nothing here opens a file, a socket or a clock.
//!
//! One module per kernel file or folder of files, named after it. Every parser takes any bytes
//! without a panic, and a row or a value that it cannot read costs only itself.

pub mod netlink;
pub mod proc_net_dev;
pub mod proc_net_netlink;
pub mod proc_net_snmp;
pub mod proc_net_snmp6;
pub mod proc_net_sockstat;
pub mod proc_net_softnet_stat;
pub mod proc_pid_cgroup;
pub mod sysfs;

use std::fmt;

/// Bytes from outside, as they are shown in a message: quoted, on one line, and cut when long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'a>(pub &'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 40;
        let (shown, rest) = self.0.split_at(self.0.len().min(SHOWN));
        write!(f, "{:?}", String::from_utf8_lossy(shown))?;
        if rest.is_empty() { Ok(()) } else { write!(f, "... ({} bytes)", self.0.len()) }
    }
}

/// An unsigned decimal number and nothing else: no sign, no white space, at most `u64::MAX`.
fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// A decimal number that may have a minus sign, at least `i64::MIN`; what is above `i64::MAX` is that.
fn signed_decimal(word: &[u8]) -> Option<i64> {
    match word.strip_prefix(b"-") {
        Some(digits) => decimal(digits).and_then(|value| 0_i64.checked_sub_unsigned(value)),
        None => decimal(word).map(|value| i64::try_from(value).unwrap_or(i64::MAX)),
    }
}

/// Whether these can be a statistic's name: ASCII letters, digits and `_`.
fn is_name(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The words of a line, as the kernel's `seq_printf` separates them.
fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_digits_only_and_fits_64_bits() {
        let cases: &[(&str, Option<u64>)] = &[
            ("0", Some(0)),
            ("007", Some(7)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("", None),
            ("+1", None),
            ("-1", None),
            ("1 ", None),
            ("12x", None),
        ];
        for (text, value) in cases {
            assert_eq!(decimal(text.as_bytes()), *value, "{text:?}");
        }
    }

    #[test]
    fn quoted_bytes_stay_on_one_line_and_short() {
        assert_eq!(Quoted(b"a\nb\"\0\xff").to_string(), r#""a\nb\"\0�""#);
        let long = vec![b'x'; 1_000_000];
        assert_eq!(Quoted(&long).to_string(), format!("\"{}\"... (1000000 bytes)", "x".repeat(40)));
    }
}
