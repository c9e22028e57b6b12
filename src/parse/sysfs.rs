//! Attributes under `/sys/class/net/<interface>/` (`Documentation/ABI/testing/sysfs-class-net`).

use super::decimal;
use crate::model::link::{Duplex, Flags, Operstate};

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

/// A count or a number without a sign, as `ifindex`, `mtu` and `carrier_changes` are.
#[must_use]
pub fn number(text: &[u8]) -> Option<u32> {
    one_line(text)?.parse().ok()
}

/// A count of 64 bits, as those under `statistics/` and `uevent_seqnum` are.
#[must_use]
pub fn count(text: &[u8]) -> Option<u64> {
    decimal(text.strip_suffix(b"\n").unwrap_or(text))
}

/// `duplex`: what the driver tells.
#[must_use]
pub fn duplex(text: &[u8]) -> Option<Duplex> {
    let word = one_line(text)?;
    [Duplex::Half, Duplex::Full, Duplex::Unknown].into_iter().find(|duplex| duplex.name() == word)
}

/// `operstate`: what it can do at the moment.
#[must_use]
pub fn operstate(text: &[u8]) -> Option<Operstate> {
    let word = one_line(text)?;
    Operstate::ALL.into_iter().find(|state| state.name() == word)
}

/// `uevent`: the interface's kind by its line `DEVTYPE`, where that is a kind of `rtnetlink`, too.
#[must_use]
pub fn kind(text: &[u8]) -> Option<&[u8]> {
    const KINDS: [&[u8]; 14] = [
        b"bareudp",
        b"batadv",
        b"bond",
        b"bridge",
        b"dsa",
        b"geneve",
        b"gtp",
        b"hsr",
        b"macsec",
        b"ppp",
        b"vlan",
        b"vxlan",
        b"wireguard",
        b"wwan",
    ];
    let mut lines = text.split(|&byte| byte == b'\n');
    lines.find_map(|line| line.strip_prefix(b"DEVTYPE=")).filter(|kind| KINDS.contains(kind))
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

    #[test]
    fn other_attributes_are_words_and_numbers_of_the_kernel() {
        assert_eq!(number(b"1500\n"), Some(1500));
        for text in ["", "-1\n", "1 ", "4294967296\n"] {
            assert_eq!(number(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(count(b"18446744073709551615\n"), Some(u64::MAX));
        for text in ["", "\n", "-1\n", "1 ", "+1", "18446744073709551616\n"] {
            assert_eq!(count(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(duplex(b"full\n"), Some(Duplex::Full));
        assert_eq!(duplex(b"both\n"), None);
        assert_eq!(operstate(b"lowerlayerdown\n"), Some(Operstate::LowerLayerDown));
        assert_eq!(operstate(b"sideways\n"), None);
        assert_eq!(kind(b"DEVTYPE=vlan\nINTERFACE=a\nIFINDEX=1\n"), Some(b"vlan".as_slice()));
        assert_eq!(kind(b"DEVTYPE=wlan\nINTERFACE=a\n"), None);
        assert_eq!(kind(b"INTERFACE=a\n"), None);
    }
}
