//! Bytes from the kernel -> data. Pure: nothing here opens a file, a socket or a clock.
//!
//! One module per kernel file or folder of files, named after it. Every parser takes any bytes
//! without a panic, and a row or a value that it cannot read costs only itself.

pub mod btf;
pub mod if_types;
pub mod ifalldata;
pub mod layouts;
pub mod net_rt_iflist;
pub mod netlink;
pub mod netstat;
pub mod proc_net_dev;
pub mod proc_net_netlink;
pub mod proc_net_snmp;
pub mod proc_net_snmp6;
pub mod proc_net_sockstat;
pub mod proc_net_softnet_stat;
pub mod proc_pid_cgroup;
pub mod sysfs;

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

/// So many bytes from that place on.
fn bytes_at<const N: usize>(bytes: &[u8], place: usize) -> Option<[u8; N]> {
    bytes.get(place..)?.first_chunk().copied()
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
}
