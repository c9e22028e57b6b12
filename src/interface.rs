//! What is known of one network interface: plain data, whatever kernel interface it came from.

/// The eight counters of `inputs.net`, since the interface was made, as the kernel keeps them.
///
/// Each is a count of bytes or packets that only a wrap, a driver's reset or a new interface of
/// the same name makes smaller. Source: `/proc/net/dev`, whose columns the kernel fills from
/// `struct rtnl_link_stats64`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Bytes transmitted (`tx_bytes`).
    pub bytes_sent: u64,
    /// Bytes received (`rx_bytes`).
    pub bytes_recv: u64,
    /// Packets transmitted (`tx_packets`).
    pub packets_sent: u64,
    /// Packets received (`rx_packets`).
    pub packets_recv: u64,
    /// Receive errors (`rx_errors`).
    pub err_in: u64,
    /// Transmit errors (`tx_errors`).
    pub err_out: u64,
    /// Packets dropped on receive (`rx_dropped + rx_missed_errors`).
    pub drop_in: u64,
    /// Packets dropped on transmit (`tx_dropped`).
    pub drop_out: u64,
}

/// The device flags of an interface, `IFF_*` of `linux/if.h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    const IFF_UP: u32 = 0x1;
    const IFF_LOOPBACK: u32 = 0x8;

    /// Whether the interface is administratively up (`IFF_UP`); its carrier does not matter.
    #[must_use]
    pub fn is_up(self) -> bool {
        self.0 & Self::IFF_UP != 0
    }

    /// Whether the interface is a loopback (`IFF_LOOPBACK`), whatever its name.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.0 & Self::IFF_LOOPBACK != 0
    }
}

/// The speed of an interface that has none to tell: it is down, virtual, or its driver keeps quiet.
pub const SPEED_UNKNOWN: i64 = -1;

/// The name that Telegraf knows a kernel interface by: without white space at its ends.
///
/// The kernel forbids only ASCII white space in names; Telegraf's reader of `/proc/net/dev` trims
/// what Unicode calls white space. Bytes that are no UTF-8 stay as they are.
#[must_use]
pub fn telegraf_name(kernel_name: &[u8]) -> &[u8] {
    let mut name = kernel_name;
    while let Some(rest) = strip_white_space(name, End::First) {
        name = rest;
    }
    while let Some(rest) = strip_white_space(name, End::Last) {
        name = rest;
    }
    name
}

#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

/// `name` less one white-space character at that end, if there is one.
fn strip_white_space(name: &[u8], end: End) -> Option<&[u8]> {
    // White-space characters take one to three bytes in UTF-8.
    (1..=3).find_map(|width| {
        let (character, rest) = match end {
            End::First => name.split_at_checked(width)?,
            End::Last => {
                let (rest, character) = name.split_at_checked(name.len().checked_sub(width)?)?;
                (character, rest)
            }
        };
        let mut characters = str::from_utf8(character).ok()?.chars();
        let is_one_space = characters.next()?.is_whitespace() && characters.next().is_none();
        is_one_space.then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_at_the_ends_of_a_name_is_not_telegrafs() {
        let cases: &[(&[u8], &[u8])] = &[
            (b"eth0", b"eth0"),
            (b" \teth0 \r", b"eth0"),
            ("\u{3000}a\u{2003}b\u{85}".as_bytes(), "a\u{2003}b".as_bytes()),
            ("\u{1680}\u{205f}".as_bytes(), b""),
            (b"\x85eth0\x85", b"\x85eth0\x85"),
            ("\u{200b}a".as_bytes(), "\u{200b}a".as_bytes()),
            (b"", b""),
        ];
        for (name, expected) in cases {
            assert_eq!(telegraf_name(name), *expected, "{:?}", String::from_utf8_lossy(name));
        }
    }
}
