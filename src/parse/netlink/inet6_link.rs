//! `RTM_GETLINK` of the family `AF_INET6`: what IPv6 has counted on each interface
//! (`inet6_fill_ifinfo` in `net/ipv6/addrconf.c`, `linux/if_link.h`).
//!
//! The counters are those of `/proc/net/dev_snmp6`, but for messages of `ICMPv6` by their type. They come
//! as arrays, whose first word says how many words there are. Which word is what depends on the kernel:
//! they are numbered by the enumerators of `linux/snmp.h`.

use super::rtnl_link::{RTM_GETLINK, RTM_NEWLINK};
use super::{Message, Request, attributes, bytes_at};
use crate::model::protocol::Group;

const AF_INET6: u8 = 10;

const IFLA_PROTINFO: u16 = 12;
const IFLA_INET6_STATS: u16 = 3;
const IFLA_INET6_CACHEINFO: u16 = 5;
const IFLA_INET6_ICMP6STATS: u16 = 6;

/// `struct ifinfomsg`.
const FIXED: usize = 16;

/// What IPv6 has counted on an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inet6Link<'a> {
    /// The interface's number in its network namespace.
    pub ifindex: u32,
    /// When IPv6 began on it, or has got other settings, in hundredths of a second since the system
    /// started, of which the lower 32 bits are kept; 0 where that is not told.
    pub since: u32,
    ip6: &'a [[u8; 8]],
    icmp6: &'a [[u8; 8]],
}

impl<'a> Inet6Link<'a> {
    /// Reads an `RTM_NEWLINK` message of IPv6; any other is `None`. A kernel without IPv6 answers with
    /// those of no family.
    #[must_use]
    pub fn of(message: &Message<'a>) -> Option<Self> {
        let (fixed, rest) = message.body.split_at_checked(FIXED)?;
        if message.kind != RTM_NEWLINK || fixed.first() != Some(&AF_INET6) {
            return None;
        }
        let ifindex = u32::from_ne_bytes(bytes_at(fixed, 4)?);
        let mut link = Self { ifindex, since: 0, ip6: &[], icmp6: &[] };
        let (_, inet6) = attributes(rest).find(|&(kind, _)| kind == IFLA_PROTINFO)?;
        for (kind, value) in attributes(inet6) {
            match kind {
                // `struct ifla_cacheinfo`.
                IFLA_INET6_CACHEINFO => {
                    link.since = bytes_at(value, 4).map_or(0, u32::from_ne_bytes);
                }
                IFLA_INET6_STATS => link.ip6 = counted(value),
                IFLA_INET6_ICMP6STATS => link.icmp6 = counted(value),
                _ => {}
            }
        }
        Some(link)
    }

    /// All words of that group, from number 1 on; none for a group that is not kept per interface.
    fn words(&self, group: Group) -> &'a [[u8; 8]] {
        match group {
            Group::Ip6 => self.ip6,
            Group::Icmp6 => self.icmp6,
            _ => &[],
        }
    }

    /// The counter of that group and number. A count above `i64::MAX` is given as `i64::MAX`.
    #[must_use]
    pub fn counter(&self, group: Group, number: u16) -> Option<i64> {
        let word = self.words(group).get(usize::from(number).checked_sub(1)?)?;
        Some(i64::try_from(u64::from_ne_bytes(*word)).unwrap_or(i64::MAX))
    }

    /// Whether anything of that group was counted.
    #[must_use]
    pub fn has_any(&self, group: Group) -> bool {
        self.words(group).iter().any(|word| *word != [0; 8])
    }
}

/// The words behind the first one, which says how many there are with itself.
fn counted(value: &[u8]) -> &[[u8; 8]] {
    let (words, _) = value.as_chunks::<8>();
    let Some((count, counters)) = words.split_first() else { return &[] };
    let count = usize::try_from(u64::from_ne_bytes(*count)).unwrap_or(usize::MAX);
    counters.get(..count.saturating_sub(1)).unwrap_or(counters)
}

/// Asks for all interfaces that IPv6 has.
pub fn request_all(buffer: &mut Vec<u8>, sequence: u32) {
    let mut fixed = [0; FIXED];
    if let Some(family) = fixed.first_mut() {
        *family = AF_INET6;
    }
    // With IFLA_EXT_MASK, which IPv6 ignores, the kernel would look through all interfaces before.
    Request::dump(buffer, RTM_GETLINK, sequence).fixed(&fixed).end();
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    fn words(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_ne_bytes()).collect()
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len() + 4).unwrap();
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat()
    }

    fn message(kind: u16, family: u8, inet6: &[u8]) -> Vec<u8> {
        let mut fixed = [0; FIXED];
        (fixed[0], fixed[4]) = (family, 7);
        let mut buffer = Vec::new();
        let nested = 1 << 15;
        Request::get(&mut buffer, kind, 1)
            .fixed(&fixed)
            .attribute(3, b"eth0\0")
            .attribute(IFLA_PROTINFO | nested, inet6)
            .end();
        buffer
    }

    fn read(bytes: &[u8]) -> Option<Inet6Link<'_>> {
        Inet6Link::of(&messages(bytes).next()?.ok()?)
    }

    #[test]
    fn counters_have_the_kernels_numbers() {
        let ip6 = attribute(IFLA_INET6_STATS, &words(&[4, 11, 0, u64::MAX, 99]));
        let icmp6 = attribute(IFLA_INET6_ICMP6STATS, &words(&[3, 0, 0]));
        let cacheinfo = [0xffff, 1234, 30_000, 1000].map(u32::to_ne_bytes).concat();
        let cacheinfo = attribute(IFLA_INET6_CACHEINFO, &cacheinfo);
        let all = [attribute(1, &[0; 4]), cacheinfo, ip6, icmp6].concat();
        let bytes = message(RTM_NEWLINK, AF_INET6, &all);
        let link = read(&bytes).unwrap();
        assert_eq!((link.ifindex, link.since), (7, 1234));
        let counters = (0..6).map(|number| link.counter(Group::Ip6, number));
        let expected = [None, Some(11), Some(0), Some(i64::MAX), None, None];
        assert_eq!(counters.collect::<Vec<_>>(), expected);
        assert_eq!(link.counter(Group::Icmp6, 2), Some(0));
        assert_eq!([link.has_any(Group::Ip6), link.has_any(Group::Icmp6)], [true, false]);
        assert_eq!((link.counter(Group::Udp6, 1), link.has_any(Group::Udp6)), (None, false));
    }

    #[test]
    fn what_is_missing_or_cut_has_no_counters() {
        for ip6 in [vec![], words(&[]), words(&[0]), words(&[1]), words(&[38]), vec![9; 7]] {
            let bytes = message(RTM_NEWLINK, AF_INET6, &attribute(IFLA_INET6_STATS, &ip6));
            let link = read(&bytes).unwrap();
            assert_eq!((link.counter(Group::Ip6, 1), link.since), (None, 0), "{ip6:?}");
        }
        // It says that there are more than came.
        let few = attribute(IFLA_INET6_STATS, &words(&[u64::MAX, 5]));
        let bytes = message(RTM_NEWLINK, AF_INET6, &few);
        let link = read(&bytes).unwrap();
        assert_eq!([1, 2].map(|number| link.counter(Group::Ip6, number)), [Some(5), None]);
        // Of other families, and of other kinds.
        assert_eq!(read(&message(RTM_NEWLINK, 0, &few)), None);
        assert_eq!(read(&message(RTM_GETLINK, AF_INET6, &few)), None);
    }

    #[test]
    fn the_kernel_is_asked_for_the_family() {
        let mut buffer = Vec::new();
        request_all(&mut buffer, 1);
        let request = messages(&buffer).next().unwrap().unwrap();
        assert_eq!((request.kind, request.body.first()), (RTM_GETLINK, Some(&AF_INET6)));
    }
}
