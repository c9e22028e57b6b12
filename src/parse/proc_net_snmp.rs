//! `/proc/net/snmp` and `/proc/net/netstat`: protocol statistics in pairs of lines (`net/ipv4/proc.c`, RFC 2012, RFC 2013,
//! RFC 4293).
//!
//! ```text
//! Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens ...
//! Tcp: 1 200 120000 -1 14 ...
//! ```
//!
//! Which groups and columns there are depends on the kernel, and `IcmpMsg` has at most 16 columns
//! in a pair, so a group may come in several. No name is known here beforehand.

use std::fmt;

use super::{is_name, signed_decimal, words};
use crate::quoted::Quoted;

/// One statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnmpStatistic<'a> {
    /// The column's name as the kernel writes it, `RetransSegs`: ASCII letters, digits and `_`.
    pub column: &'a str,
    /// The value. Most are counters, `MaxConn` may be -1; a count above `i64::MAX` is given as
    /// `i64::MAX`.
    pub value: i64,
}

/// Why a line, a pair or a value could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnmpError<'a> {
    /// The line's number in the file, from 1.
    pub line: usize,
    /// The group's name, as far as the line has one.
    pub group: Option<&'a [u8]>,
    /// The column's name, where one column is all that is wrong.
    pub column: Option<&'a [u8]>,
    /// What is wrong.
    pub reason: SnmpReason<'a>,
}

/// What is wrong with a line, a pair or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnmpReason<'a> {
    /// No colon ends the group's name; the line as it is.
    NoColon(&'a [u8]),
    /// A line of names that no line of values follows.
    NoValues,
    /// The pair has that many names and that many values, so that none can be told apart.
    Uneven(usize, usize),
    /// A group's or a column's name has characters that no kernel uses.
    BadName(&'a [u8]),
    /// The column's value is no 64-bit number.
    NotANumber(&'a [u8]),
}

impl fmt::Display for SnmpError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match self.reason {
            SnmpReason::NoColon(line) => write!(f, "no colon ends the name in {}", Quoted(line)),
            SnmpReason::NoValues => {
                let group = Quoted(self.group.unwrap_or_default());
                write!(f, "no line of values follows the names of {group}")
            }
            SnmpReason::Uneven(names, values) => {
                let group = Quoted(self.group.unwrap_or_default());
                write!(f, "the lines of {group} do not match: names {names}, values {values}")
            }
            SnmpReason::BadName(name) => write!(f, "{} is not a statistic's name", Quoted(name)),
            SnmpReason::NotANumber(value) => {
                let column = Quoted(self.column.unwrap_or_default());
                write!(f, "{} of {column} is not a number", Quoted(value))
            }
        }
    }
}

/// Reads the statistics of the groups that `wanted` knows, in the file's order, and hands on what it
/// makes of their group's name.
///
/// A group that is not wanted is passed over unread. What cannot be read goes to `on_error`: a
/// value or a name costs only itself, a pair that does not fit together costs that pair.
pub fn statistics<'a, G: Copy>(
    text: &'a [u8],
    wanted: impl Fn(&'a str) -> Option<G>,
    mut on_statistic: impl FnMut(G, SnmpStatistic<'a>),
    mut on_error: impl FnMut(SnmpError<'a>),
) {
    let mut lines = (1..)
        .zip(text.split(|&byte| byte == b'\n'))
        .filter(|(_, line)| !line.trim_ascii().is_empty())
        .peekable();
    while let Some((line, header)) = lines.next() {
        let Some((group, names)) = split_group(header) else {
            let reason = SnmpReason::NoColon(header);
            on_error(SnmpError { line, group: None, column: None, reason });
            continue;
        };
        let error = |line, reason| SnmpError { line, group: Some(group), column: None, reason };
        let is_values = |(_, next): &(usize, &'a [u8])| {
            split_group(next).is_some_and(|(next_group, _)| next_group == group)
        };
        let Some((values_line, values)) = lines.next_if(is_values) else {
            on_error(error(line, SnmpReason::NoValues));
            continue;
        };
        let Some(group_name) = name(group) else {
            on_error(error(line, SnmpReason::BadName(group)));
            continue;
        };
        let Some(wanted) = wanted(group_name) else { continue };
        let values = split_group(values).map_or(b"".as_slice(), |(_, values)| values);
        let (name_count, value_count) = (words(names).count(), words(values).count());
        if name_count != value_count {
            on_error(error(values_line, SnmpReason::Uneven(name_count, value_count)));
            continue;
        }
        for (column, value) in words(names).zip(words(values)) {
            let error = |line, reason| SnmpError { column: Some(column), ..error(line, reason) };
            match (name(column), signed_decimal(value)) {
                (Some(column), Some(value)) => {
                    on_statistic(wanted, SnmpStatistic { column, value });
                }
                (None, _) => on_error(error(line, SnmpReason::BadName(column))),
                (_, None) => on_error(error(values_line, SnmpReason::NotANumber(value))),
            }
        }
    }
}

fn split_group(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (group, rest) = line.split_at_checked(line.iter().position(|&byte| byte == b':')?)?;
    Some((group, rest.strip_prefix(b":")?))
}

fn name(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok().filter(|_| is_name(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let (mut statistics_read, mut errors) = (Vec::new(), Vec::new());
        statistics(
            text.as_bytes(),
            |group| (group != "Unwanted").then_some(group),
            |group, s| statistics_read.push(format!("{group} {} {}", s.column, s.value)),
            |error| errors.push(error.to_string()),
        );
        (statistics_read, errors)
    }

    #[test]
    fn names_and_values_are_paired_in_the_files_order() {
        let (read, errors) = read(
            "Tcp: RtoMin MaxConn\nTcp: 200 -1\nUnwanted: A\nUnwanted: x\n\
             IcmpMsg: InType0\nIcmpMsg: 5\nIcmpMsg: OutType8\nIcmpMsg: 6\n",
        );
        let expected =
            ["Tcp RtoMin 200", "Tcp MaxConn -1", "IcmpMsg InType0 5", "IcmpMsg OutType8 6"];
        assert_eq!(read, expected);
        assert!(errors.is_empty(), "{errors:?}");
    }

    #[test]
    fn a_count_above_the_signed_range_is_clamped() {
        let (read, errors) =
            read("Ip: A B C\nIp: 18446744073709551615 -9223372036854775808 18446744073709551616\n");
        assert_eq!(read, ["Ip A 9223372036854775807", "Ip B -9223372036854775808"]);
        assert_eq!(errors, [r#"line 2: "18446744073709551616" of "C" is not a number"#]);
    }

    #[test]
    fn what_cannot_be_read_costs_only_itself() {
        let udp = "Udp: NoPorts\nUdp: 7\n";
        let cases = [
            ("garbage\n", r#"line 1: no colon ends the name in "garbage""#, vec![]),
            ("Tcp: A B\n", r#"line 1: no line of values follows the names of "Tcp""#, vec![]),
            (
                "Tcp: A B\nTcp: 1\n",
                r#"line 2: the lines of "Tcp" do not match: names 2, values 1"#,
                vec![],
            ),
            (
                "Tcp: A\nTcp: 1 2\n",
                r#"line 2: the lines of "Tcp" do not match: names 1, values 2"#,
                vec![],
            ),
            ("Tcp: A B\nTcp: 1x 2\n", r#"line 2: "1x" of "A" is not a number"#, vec!["Tcp B 2"]),
            ("Tcp: A= B\nTcp: 1 2\n", r#"line 1: "A=" is not a statistic's name"#, vec!["Tcp B 2"]),
            ("T\0p: A\nT\0p: 1\n", r#"line 1: "T\0p" is not a statistic's name"#, vec![]),
        ];
        for (bad, message, mut expected) in cases {
            expected.push("Udp NoPorts 7");
            assert_eq!(
                read(&format!("{bad}{udp}")),
                (expected.into_iter().map(String::from).collect(), vec![message.to_string()])
            );
        }
        assert_eq!(read("Tcp: A\n").1, [r#"line 1: no line of values follows the names of "Tcp""#]);
        assert_eq!(read("").0, [""; 0]);
    }
}
