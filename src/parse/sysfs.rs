//! Attributes under `/sys/class/net/<interface>/` (`Documentation/ABI/testing/sysfs-class-net`).

use crate::interface::Flags;

/// `flags`: the `IFF_*` bits in hexadecimal, `0x1003`.
#[must_use]
pub fn flags(text: &[u8]) -> Option<Flags> {
    let digits = one_line(text)?.strip_prefix("0x")?;
    // `from_str_radix` alone would let a sign through.
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u32::from_str_radix(digits, 16).ok().filter(|_| is_hex).map(Flags)
}

/// `speed`: the latest or current speed in Mbit/s, `1000`, or -1 where the driver knows none.
#[must_use]
pub fn speed(text: &[u8]) -> Option<i64> {
    one_line(text)?.parse().ok()
}

/// `ifindex`: the kernel's number of the interface in its network namespace.
#[must_use]
pub fn ifindex(text: &[u8]) -> Option<u32> {
    one_line(text)?.parse().ok()
}

fn one_line(text: &[u8]) -> Option<&str> {
    str::from_utf8(text.strip_suffix(b"\n").unwrap_or(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_hexadecimal() {
        assert_eq!(flags(b"0x1003\n"), Some(Flags(0x1003)));
        for text in ["", "0x", "0x\n", "1003", "0x+1", "0x1 ", "0x100000000", "0xz"] {
            assert_eq!(flags(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn speed_is_a_signed_number_on_one_line() {
        assert_eq!(speed(b"10000\n"), Some(10_000));
        assert_eq!(speed(b"-1\n"), Some(-1));
        for text in ["", "\n", "fast", "1 ", "10\n20\n", "9223372036854775808", "\0"] {
            assert_eq!(speed(text.as_bytes()), None, "{text:?}");
        }
    }
}
