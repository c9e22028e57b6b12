//! `/proc/net/sockstat` and `/proc/net/sockstat6`: sockets in use (`net/ipv4/proc.c`).
//!
//! ```text
//! sockets: used 123
//! TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1
//! ```

use std::fmt;

use super::{is_name, signed_decimal, words};
use crate::quoted::Quoted;

/// One statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SockstatStatistic<'a> {
    /// The row's name: `TCP`.
    pub row: &'a str,
    /// The column's name: `inuse`.
    pub column: &'a str,
    /// The value; most are counts of sockets, `mem` is one of pages, `memory` one of bytes. The kernel
    /// adds up what its processors count apart, so that it can be seen below zero for a moment.
    pub value: i64,
}

/// A line, or the rest of one, that could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SockstatError<'a> {
    /// The line's number in the file, from 1.
    pub line: usize,
    /// Where it makes no sense.
    pub found: &'a [u8],
}

impl fmt::Display for SockstatError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = "a name and a number in turns";
        write!(f, "line {}: expected {expected}, found {}", self.line, Quoted(self.found))
    }
}

/// Hands each statistic on, in the file's order. What cannot be read of a line goes to `on_error`.
pub fn statistics<'a>(
    text: &'a [u8],
    mut on_statistic: impl FnMut(SockstatStatistic<'a>),
    mut on_error: impl FnMut(SockstatError<'a>),
) {
    let lines = (1..).zip(text.split(|&byte| byte == b'\n'));
    for (line, row) in lines.filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let colon =
            row.iter().position(|&byte| byte == b':').and_then(|at| row.split_at_checked(at));
        let Some((name, columns)) = colon.and_then(|(row, rest)| Some((text_of(row)?, rest)))
        else {
            on_error(SockstatError { line, found: row });
            continue;
        };
        let mut words = words(columns.get(1..).unwrap_or_default());
        while let Some(column) = words.next() {
            let value = words.next().unwrap_or_default();
            match (text_of(column), signed_decimal(value)) {
                (Some(column), Some(value)) => {
                    on_statistic(SockstatStatistic { row: name, column, value });
                }
                (None, _) => on_error(SockstatError { line, found: column }),
                (_, None) => on_error(SockstatError { line, found: value }),
            }
        }
    }
}

fn text_of(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok().filter(|_| is_name(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> (Vec<(&str, &str, i64)>, Vec<String>) {
        let (mut statistics_read, mut errors) = (Vec::new(), Vec::new());
        statistics(
            text,
            |one| statistics_read.push((one.row, one.column, one.value)),
            |error| errors.push(error.to_string()),
        );
        (statistics_read, errors)
    }

    #[test]
    fn names_and_numbers_come_in_turns() {
        let (read, errors) =
            read(b"sockets: used 123\nTCP: inuse 5 mem 1\n\nFRAG: inuse 0 memory 0\n");
        let expected = [
            ("sockets", "used", 123),
            ("TCP", "inuse", 5),
            ("TCP", "mem", 1),
            ("FRAG", "inuse", 0),
            ("FRAG", "memory", 0),
        ];
        assert_eq!((read.as_slice(), errors.len()), (expected.as_slice(), 0));
    }

    #[test]
    fn a_number_may_be_negative() {
        let (read, errors) = read(b"TCP: inuse 5 orphan 0 tw -1 alloc 7 mem -3\nUDP: inuse --1\n");
        let expected = [
            ("TCP", "inuse", 5),
            ("TCP", "orphan", 0),
            ("TCP", "tw", -1),
            ("TCP", "alloc", 7),
            ("TCP", "mem", -3),
        ];
        assert_eq!(read, expected);
        assert_eq!(errors, ["line 2: expected a name and a number in turns, found \"--1\""]);
    }

    #[test]
    fn what_makes_no_sense_says_where_and_costs_only_itself() {
        let (read, errors) = read(b"TCP inuse 5\nUDP: inuse x mem 3 left\nRAW: b\xffd 1 inuse 2\n");
        assert_eq!(read, [("UDP", "mem", 3), ("RAW", "inuse", 2)]);
        let message = |line, found| {
            format!("line {line}: expected a name and a number in turns, found {found}")
        };
        let expected = [
            message(1, r#""TCP inuse 5""#),
            message(2, r#""x""#),
            message(2, r#""""#),
            message(3, "\"b\u{fffd}d\""),
        ];
        assert_eq!(errors, expected);
    }
}
