//! `/proc/net/snmp6` and `/proc/net/dev_snmp6/<interface>`: statistics of IPv6, one a line
//! (`net/ipv6/proc.c`, RFC 4293).
//!
//! ```text
//! Ip6InReceives                     117
//! Icmp6OutType133                   3
//! ```
//!
//! Which there are depends on the kernel. A name begins with its group's.

use std::fmt;

use super::{decimal, is_name, words};
use crate::model::protocol::Group;
use crate::quoted::Quoted;

/// Their names in the file. None begins with another.
const GROUPS: [(&str, Group); 4] = [
    ("Ip6", Group::Ip6),
    ("Icmp6", Group::Icmp6),
    ("Udp6", Group::Udp6),
    ("UdpLite6", Group::UdpLite6),
];

/// One statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snmp6Statistic<'a> {
    /// The group's name begins the statistic's.
    pub group: Group,
    /// What is left of it: `InReceives`.
    pub column: &'a str,
    /// The value; a count above `i64::MAX` is given as `i64::MAX`.
    pub value: i64,
}

/// A line that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snmp6Error<'a> {
    /// The line's number in the file, from 1.
    pub line: usize,
    /// The line's first word.
    pub name: &'a [u8],
    /// What stands there for a value.
    pub value: &'a [u8],
}

impl fmt::Display for Snmp6Error<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, name, value } = self;
        write!(f, "line {line}: {} of {} is not a number", Quoted(value), Quoted(name))
    }
}

/// The statistics of the groups, in the file's order. A line of no group, `ifIndex` among them, is
/// passed over.
pub fn statistics(text: &[u8]) -> impl Iterator<Item = Result<Snmp6Statistic<'_>, Snmp6Error<'_>>> {
    (1..).zip(text.split(|&byte| byte == b'\n')).filter_map(|(line, row)| {
        let mut words = words(row);
        let name = words.next()?;
        let text = str::from_utf8(name).ok().filter(|name| is_name(name.as_bytes()))?;
        let (group, column) = GROUPS
            .iter()
            .find_map(|(prefix, group)| Some((*group, text.strip_prefix(prefix)?)))
            .filter(|(_, column)| !column.is_empty())?;
        let value = words.next().unwrap_or_default();
        let number = decimal(value).filter(|_| words.next().is_none());
        Some(match number {
            Some(number) => Ok(Snmp6Statistic {
                group,
                column,
                value: i64::try_from(number).unwrap_or(i64::MAX),
            }),
            None => Err(Snmp6Error { line, name, value }),
        })
    })
}

/// The number of the interface that a file of `dev_snmp6` is about, which is its first line.
#[must_use]
pub fn ifindex(text: &[u8]) -> Option<u32> {
    let mut words = words(text.split(|&byte| byte == b'\n').next()?);
    let number = words.next().filter(|&name| name == b"ifIndex").and(words.next())?;
    u32::try_from(decimal(number)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_tells_the_interfaces_number() {
        assert_eq!(ifindex(b"ifIndex                         \t7\nIp6InReceives 1\n"), Some(7));
        for text in ["", "ifIndex", "ifIndex x", "ifIndex 4294967296", "Ip6InReceives 7\nifIndex 7"]
        {
            assert_eq!(ifindex(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_name_is_its_groups_and_the_columns() {
        let text = b"ifIndex 2\nIp6InReceives   \t117\nIcmp6OutType133 3\nUdpLite6InErrors 0\n\
                     Udp6InDatagrams\t18446744073709551615\nOther 5\nIp6 7\n";
        let read: Vec<_> = statistics(text).map(Result::unwrap).collect();
        let expected = [
            (Group::Ip6, "InReceives", 117),
            (Group::Icmp6, "OutType133", 3),
            (Group::UdpLite6, "InErrors", 0),
            (Group::Udp6, "InDatagrams", i64::MAX),
        ];
        assert_eq!(
            read,
            expected.map(|(group, column, value)| Snmp6Statistic { group, column, value })
        );
    }

    #[test]
    fn a_bad_line_says_which_and_costs_only_itself() {
        let text = b"Ip6InReceives 1x\nIp6InDelivers\nIp6InDiscards 1 2\nIp6OutRequests 4\n";
        let read: Vec<_> =
            statistics(text).map(|one| one.map_err(|error| error.to_string())).collect();
        let column = "OutRequests";
        assert_eq!(
            read,
            [
                Err(r#"line 1: "1x" of "Ip6InReceives" is not a number"#.into()),
                Err(r#"line 2: "" of "Ip6InDelivers" is not a number"#.into()),
                Err(r#"line 3: "1" of "Ip6InDiscards" is not a number"#.into()),
                Ok(Snmp6Statistic { group: Group::Ip6, column, value: 4 }),
            ]
        );
    }
}
