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

/// The groups that are kept per interface, and how the kernel's names of their counters begin
/// (`linux/snmp.h`).
const PREFIXES: [(Group, &str); 2] = [(Group::Ip6, IPSTATS), (Group::Icmp6, ICMP6)];

const IPSTATS: &str = "IPSTATS_MIB_";
const ICMP6: &str = "ICMP6_MIB_";

/// How the names of the enumerators begin that number the counters of [`enumerators`].
pub const ENUMERATORS: [&str; 2] = [IPSTATS, ICMP6];

/// How the names of a group's enumerators begin; with no prefix, it has none.
#[must_use]
pub fn prefix(group: Group) -> &'static str {
    PREFIXES.iter().find(|(one, _)| *one == group).map_or("", |(_, prefix)| prefix)
}

/// The columns of files of `dev_snmp6` in lower case, each with the enumerator of its counter, less the
/// prefix (`snmp6_ipstats_list` and `snmp6_icmp6_list` in `net/ipv6/proc.c`). Of two, the first is right
/// where the kernel has it: in later ones, requests and transmits are two things.
const COLUMNS: [(Group, &str, &[&str]); 39] = [
    (Group::Ip6, "inreceives", &["INPKTS"]),
    (Group::Ip6, "inhdrerrors", &["INHDRERRORS"]),
    (Group::Ip6, "intoobigerrors", &["INTOOBIGERRORS"]),
    (Group::Ip6, "innoroutes", &["INNOROUTES"]),
    (Group::Ip6, "inaddrerrors", &["INADDRERRORS"]),
    (Group::Ip6, "inunknownprotos", &["INUNKNOWNPROTOS"]),
    (Group::Ip6, "intruncatedpkts", &["INTRUNCATEDPKTS"]),
    (Group::Ip6, "indiscards", &["INDISCARDS"]),
    (Group::Ip6, "indelivers", &["INDELIVERS"]),
    (Group::Ip6, "outforwdatagrams", &["OUTFORWDATAGRAMS"]),
    (Group::Ip6, "outrequests", &["OUTREQUESTS", "OUTPKTS"]),
    (Group::Ip6, "outdiscards", &["OUTDISCARDS"]),
    (Group::Ip6, "outnoroutes", &["OUTNOROUTES"]),
    (Group::Ip6, "reasmtimeout", &["REASMTIMEOUT"]),
    (Group::Ip6, "reasmreqds", &["REASMREQDS"]),
    (Group::Ip6, "reasmoks", &["REASMOKS"]),
    (Group::Ip6, "reasmfails", &["REASMFAILS"]),
    (Group::Ip6, "fragoks", &["FRAGOKS"]),
    (Group::Ip6, "fragfails", &["FRAGFAILS"]),
    (Group::Ip6, "fragcreates", &["FRAGCREATES"]),
    (Group::Ip6, "inmcastpkts", &["INMCASTPKTS"]),
    (Group::Ip6, "outmcastpkts", &["OUTMCASTPKTS"]),
    (Group::Ip6, "inoctets", &["INOCTETS"]),
    (Group::Ip6, "outoctets", &["OUTOCTETS"]),
    (Group::Ip6, "inmcastoctets", &["INMCASTOCTETS"]),
    (Group::Ip6, "outmcastoctets", &["OUTMCASTOCTETS"]),
    (Group::Ip6, "inbcastoctets", &["INBCASTOCTETS"]),
    (Group::Ip6, "outbcastoctets", &["OUTBCASTOCTETS"]),
    (Group::Ip6, "innoectpkts", &["NOECTPKTS"]),
    (Group::Ip6, "inect1pkts", &["ECT1PKTS"]),
    (Group::Ip6, "inect0pkts", &["ECT0PKTS"]),
    (Group::Ip6, "incepkts", &["CEPKTS"]),
    (Group::Ip6, "outtransmits", &["OUTPKTS"]),
    (Group::Icmp6, "inmsgs", &["INMSGS"]),
    (Group::Icmp6, "inerrors", &["INERRORS"]),
    (Group::Icmp6, "outmsgs", &["OUTMSGS"]),
    (Group::Icmp6, "outerrors", &["OUTERRORS"]),
    (Group::Icmp6, "incsumerrors", &["CSUMERRORS"]),
    (Group::Icmp6, "outratelimithost", &["RATELIMITHOST"]),
];

/// Types of `ICMPv6` that have names, in lower case (`icmp6type2name`).
const MESSAGE_TYPES: [&str; 15] = [
    "destunreachs",
    "pkttoobigs",
    "timeexcds",
    "parmproblems",
    "echos",
    "echoreplies",
    "groupmembqueries",
    "groupmembresponses",
    "groupmembreductions",
    "routersolicits",
    "routeradvertisements",
    "neighborsolicits",
    "neighboradvertisements",
    "redirects",
    "mldv2reports",
];

/// The names, less the [prefix], of the kernel's enumerators that may number the counter of that column,
/// in lower case, of an interface's own file. There are none of a column that is unknown, or that is
/// [of a type of message](is_of_message_type).
#[must_use]
pub fn enumerators(group: Group, column: &str) -> &'static [&'static str] {
    let found = COLUMNS.iter().find(|(one, name, _)| *one == group && *name == column);
    found.map_or(&[], |(.., enumerators)| enumerators)
}

/// Whether that column, in lower case, counts messages of `ICMPv6` of one type.
#[must_use]
pub fn is_of_message_type(column: &str) -> bool {
    let kind = column.strip_prefix("in").or_else(|| column.strip_prefix("out"));
    kind.is_some_and(|kind| match kind.strip_prefix("type") {
        Some(number) => decimal(number.as_bytes()).is_some(),
        None => MESSAGE_TYPES.contains(&kind),
    })
}

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
    fn a_column_has_an_enumerator_or_counts_messages_of_a_type() {
        assert_eq!(enumerators(Group::Ip6, "inreceives"), ["INPKTS"]);
        assert_eq!(enumerators(Group::Icmp6, "inmsgs"), ["INMSGS"]);
        for (group, column) in [
            (Group::Ip6, "inmsgs"),
            (Group::Udp6, "indatagrams"),
            (Group::Icmp6, "inechos"),
            (Group::Ip6, "incomparables"),
        ] {
            assert!(enumerators(group, column).is_empty(), "{column}");
        }
        for column in ["inechos", "outmldv2reports", "intype0", "outtype255"] {
            assert!(is_of_message_type(column), "{column}");
        }
        for column in ["inmsgs", "outratelimithost", "type1", "intype", "intypex", "echos", ""] {
            assert!(!is_of_message_type(column), "{column}");
        }
        assert!(COLUMNS.iter().all(|(_, column, _)| !is_of_message_type(column)));
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
