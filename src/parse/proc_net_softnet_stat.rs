//! `/proc/net/softnet_stat`: the work of the network's soft interrupts, one row of hexadecimal
//! 32-bit numbers for each processor that is on line (`net/core/net-procfs.c`).
//!
//! ```text
//! 0000c0e1 00000000 0000001a 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 ...
//! ```

use std::fmt;

use super::words;
use crate::quoted::Quoted;

/// The columns that can be added up, by their places. Those left out are always zero, or number the
/// processor.
const COLUMNS: [(usize, &str); 7] = [
    (0, "processed"),
    (1, "dropped"),
    (2, "time_squeeze"),
    (8, "cpu_collision"),
    (9, "received_rps"),
    (10, "flow_limit_count"),
    (11, "backlog_len"),
];

/// A row that could not be read; the sums would be wrong without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoftnetError<'a> {
    /// The line's number in the file, from 1.
    pub line: usize,
    /// What is no hexadecimal number.
    pub found: &'a [u8],
}

impl fmt::Display for SoftnetError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {} is not a hexadecimal number", self.line, Quoted(self.found))
    }
}

/// The sums over all processors, each with its name in the kernel (`struct softnet_data`). A column
/// that this kernel does not have is left out.
///
/// # Errors
///
/// The first number that is none.
pub fn sums(text: &[u8]) -> Result<impl Iterator<Item = (&'static str, i64)>, SoftnetError<'_>> {
    let mut sums = COLUMNS.map(|(_, name)| (name, None::<i64>));
    for (line, row) in (1..).zip(text.split(|&byte| byte == b'\n')) {
        for (place, word) in words(row).enumerate() {
            let number = hexadecimal(word).ok_or(SoftnetError { line, found: word })?;
            let column = COLUMNS.iter().position(|&(column, _)| column == place);
            if let Some((_, sum)) = column.and_then(|column| sums.get_mut(column)) {
                *sum = Some(sum.unwrap_or(0).saturating_add(number.into()));
            }
        }
    }
    Ok(sums.into_iter().filter_map(|(name, sum)| Some((name, sum?))))
}

fn hexadecimal(word: &[u8]) -> Option<u32> {
    let is_hexadecimal = word.iter().all(u8::is_ascii_hexdigit);
    let text = str::from_utf8(word).ok().filter(|_| is_hexadecimal)?;
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_added_up_column_by_column() {
        let text = b"0000000a 00000001 ffffffff 00000000 00000000 00000000 00000000 00000000 00000000 00000002 00000003 00000000 00000000\n\
                     00000014 00000000 00000001 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000005 00000001\n";
        let read: Vec<_> = sums(text).unwrap().collect();
        let expected = [
            ("processed", 30),
            ("dropped", 1),
            ("time_squeeze", 1 << 32),
            ("cpu_collision", 0),
            ("received_rps", 2),
            ("flow_limit_count", 3),
            ("backlog_len", 5),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn an_old_kernel_has_fewer_columns() {
        let read: Vec<_> = sums(b"01 02 03 00 00 00 00 00 04\n").unwrap().collect();
        assert_eq!(
            read,
            [("processed", 1), ("dropped", 2), ("time_squeeze", 3), ("cpu_collision", 4)]
        );
        assert_eq!(sums(b"").unwrap().count(), 0);
    }

    #[test]
    fn a_bad_number_says_where() {
        let error = sums(b"01 02\n01 0x2\n").map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), r#"line 2: "0x2" is not a hexadecimal number"#);
    }
}
