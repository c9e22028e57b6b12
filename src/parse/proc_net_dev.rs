//! `/proc/net/dev`: one row of counters per interface (`proc_pid_net(5)`, `net/core/net-procfs.c`).
//!
//! ```text
//! Inter-|   Receive                                                |  Transmit
//!  face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop ...
//!     lo:    3193      29    0    0    0     0          0         0     3193      29    0    0 ...
//! ```
//!
//! A name may hold colons itself (`eth0:1` on old kernels), and old kernels put neither a space
//! before it nor one behind its colon, so it ends at the last colon of the row.

use std::fmt;

use super::{decimal, words};
use crate::model::counters::{Counter, Counters, MoreCounters};
use crate::quoted::Quoted;

/// Columns that a row must have to be taken for whole. Linux 2.2 to 6.x print 16; Telegraf's
/// reader wants 13.
const MIN_COLUMNS: usize = 13;

const COLUMNS: usize = 16;

/// Bytes in the longest name that is taken for one: a file name's limit, since an interface is a
/// folder in sysfs. (The kernel's own limit is 15.)
const MAX_NAME: usize = 255;

/// One interface's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// The kernel's name: any bytes, mostly ASCII, never empty, without `/` and NUL.
    pub name: &'a [u8],
    /// The eight counters that `inputs.net` reports.
    pub counters: Counters,
    /// The other columns, as far as they are numbers.
    pub more: MoreCounters,
}

/// The text is not that of `/proc/net/dev`: it has no second header line that names `bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoHeader;

impl fmt::Display for NoHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not in the format of /proc/net/dev: its header is missing")
    }
}

/// Why a row could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevRowError<'a> {
    /// The line's number in the file, from 1.
    pub line: usize,
    /// The interface's name, as far as the row has one.
    pub name: Option<&'a [u8]>,
    /// What is wrong.
    pub reason: RowReason<'a>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowReason<'a> {
    /// No colon ends the name; the row as it is.
    NoColon(&'a [u8]),
    /// Nothing stands before the colon.
    NoName,
    /// No interface can have that name.
    BadName(&'a [u8]),
    /// The row has only that many columns behind the name.
    TooShort(usize),
    /// A column is no unsigned 64-bit number.
    NotACounter(&'a [u8]),
}

impl fmt::Display for DevRowError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match self.reason {
            RowReason::NoColon(row) => write!(f, "no colon ends the name in {}", Quoted(row)),
            RowReason::NoName => f.write_str("no name before the colon"),
            RowReason::BadName(name) => write!(f, "{} is not an interface's name", Quoted(name)),
            RowReason::TooShort(columns) => {
                write!(f, "expected at least {MIN_COLUMNS} columns, found {columns}")
            }
            RowReason::NotACounter(value) => write!(f, "{} is not a counter", Quoted(value)),
        }
    }
}

/// The rows of the file, in the kernel's order. Empty lines are passed over.
///
/// # Errors
///
/// [`NoHeader`] when the text is something else, an empty file among it; each bad row is an error
/// of its own.
pub fn rows(
    text: &[u8],
) -> Result<impl Iterator<Item = Result<Row<'_>, DevRowError<'_>>> + '_, NoHeader> {
    let mut lines = (1..).zip(text.split(|&byte| byte == b'\n'));
    let header = lines.nth(1).map(|(_, line)| line);
    let is_header = |line: &[u8]| line.split(|&byte| byte == b'|').any(starts_with_bytes);
    if !header.is_some_and(is_header) {
        return Err(NoHeader);
    }
    Ok(lines.filter(|(_, line)| !line.trim_ascii().is_empty()).map(|(line, row)| parse(line, row)))
}

fn starts_with_bytes(column: &[u8]) -> bool {
    column.trim_ascii_start().starts_with(b"bytes")
}

fn parse(line: usize, row: &[u8]) -> Result<Row<'_>, DevRowError<'_>> {
    let error = |name, reason| DevRowError { line, name, reason };
    let colon = row.iter().rposition(|&byte| byte == b':');
    let Some((name, values)) = colon.and_then(|colon| row.split_at_checked(colon)) else {
        return Err(error(None, RowReason::NoColon(row)));
    };
    let values = values.strip_prefix(b":").unwrap_or(values);
    let name = name.trim_ascii_start();
    if name.is_empty() {
        return Err(error(None, RowReason::NoName));
    }
    if name.len() > MAX_NAME || name.iter().any(|&byte| is_never_in_a_name(byte)) {
        return Err(error(Some(name), RowReason::BadName(name)));
    }
    counters(values)
        .map(|(counters, more)| Row { name, counters, more })
        .map_err(|reason| error(Some(name), reason))
}

/// A space is let through: kernels before 2.6 allowed it.
fn is_never_in_a_name(byte: u8) -> bool {
    matches!(byte, b'\0' | b'/' | b'\t' | 0x0b | 0x0c | b'\r')
}

fn counters(values: &[u8]) -> Result<(Counters, MoreCounters), RowReason<'_>> {
    let mut columns = [b"".as_slice(); COLUMNS];
    let found = columns.iter_mut().zip(words(values)).map(|(column, word)| *column = word).count();
    if found < MIN_COLUMNS {
        return Err(RowReason::TooShort(found));
    }
    let values = columns.map(decimal);
    let value = |counter: &Counter| *values.get(counter.column? as usize)?;
    let column = |counter: &Counter| columns.get(counter.column? as usize).copied();
    let counters = Counters::try_of(|counter| {
        let no_counter = || RowReason::NotACounter(column(counter).unwrap_or_default());
        value(counter).ok_or_else(no_counter)
    })?;
    let more = MoreCounters::of(value);
    Ok((counters, more))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "Inter-|   Receive                                                |  Transmit\n \
        face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n";

    fn parsed(rows_text: &str) -> Vec<Result<(String, Counters), String>> {
        rows(format!("{HEADER}{rows_text}").as_bytes())
            .unwrap()
            .map(|row| match row {
                Ok(row) => Ok((String::from_utf8_lossy(row.name).into_owned(), row.counters)),
                Err(error) => Err(error.to_string()),
            })
            .collect()
    }

    #[test]
    fn the_last_columns_may_be_missing_or_no_numbers() {
        let more = |row: &str| {
            let text = format!("{HEADER}{row}");
            let more = rows(text.as_bytes()).unwrap().next().unwrap().unwrap().more;
            [more.fifo_out, more.collisions, more.carrier_out, more.compressed_out]
        };
        let row = "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13";
        assert_eq!(more(row), [Some(13), None, None, None]);
        assert_eq!(more(&format!("{row} 14 x 16")), [Some(13), Some(14), None, Some(16)]);
    }

    #[test]
    fn a_name_ends_at_the_last_colon_with_or_without_spaces_around() {
        let names: Vec<_> = parsed(
            "eth0:5019464820 14784542 0 0 0 0 0 0 1 2 3 4 5 6 7 8\n\
             eth0:1:1 2 3 4 5 6 7 8 9 10 11 12 13\n\
             \u{20}  a b: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\n",
        )
        .into_iter()
        .map(|row| row.unwrap().0)
        .collect();
        assert_eq!(names, ["eth0", "eth0:1", "a b"]);
    }

    #[test]
    fn a_bad_row_says_its_line_and_costs_only_itself() {
        let good = "lo: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
        let cases = [
            ("eth0 1 2 3\n", r#"line 3: no colon ends the name in "eth0 1 2 3""#),
            (":1 2 3\n", "line 3: no name before the colon"),
            ("eth0: 1 2 3\n", "line 3: expected at least 13 columns, found 3"),
            ("eth0:\n", "line 3: expected at least 13 columns, found 0"),
            ("e/h: 1 2 3 4 5 6 7 8 9 10 11 12 13\n", r#"line 3: "e/h" is not an interface's name"#),
            (
                "e\0h: 1 2 3 4 5 6 7 8 9 10 11 12 13\n",
                r#"line 3: "e\0h" is not an interface's name"#,
            ),
            ("eth0: 12x 2 3 4 5 6 7 8 9 10 11 12 13\n", r#"line 3: "12x" is not a counter"#),
            ("eth0: 1 2 3 4 5 6 7 8 9 10 11 -12 13\n", r#"line 3: "-12" is not a counter"#),
            (
                "eth0: 1 2 3 18446744073709551616 5 6 7 8 9 10 11 12 13\n",
                r#"line 3: "18446744073709551616" is not a counter"#,
            ),
        ];
        for (bad, message) in cases {
            let rows = parsed(&format!("{bad}{good}"));
            assert_eq!(
                rows,
                [Err(message.into()), Ok(("lo".into(), Counters::default()))],
                "{bad}"
            );
        }
    }

    #[test]
    fn a_name_is_at_most_as_long_as_a_file_name() {
        let row = |length| format!("{}: 1 2 3 4 5 6 7 8 9 10 11 12 13\n", "x".repeat(length));
        assert!(parsed(&row(255))[0].is_ok());
        assert!(parsed(&row(256))[0].as_ref().is_err_and(|error| error.contains("(256 bytes)")));
    }

    #[test]
    fn text_without_the_header_is_refused() {
        for text in ["", "\n", "Inter-|\n", "lo: 1\neth0: 2\n", "\0\0\n\0"] {
            assert!(rows(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
