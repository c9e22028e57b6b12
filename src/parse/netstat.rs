//! What `netstat -i` prints (`netstat(1)` of FreeBSD, OpenBSD, NetBSD and macOS): a row for each interface,
//! and one more for each of its addresses.
//!
//! ```text
//! Name     Mtu Network       Address              Ipkts Ierrs Idrop     Ibytes    Opkts ...
//! em0     1500 <Link#1>      00:00:5e:00:53:01     1741     0     0   47484777     2834 ...
//! em0        - 192.0.2.0/24  192.0.2.17             570     -     -       9227       80 ...
//! em1*    1500 <Link#2>      00:00:5e:00:53:02        0     0     0          0        0 ...
//! ```
//!
//! Which columns there are depends on the system and on what was asked for, so that the words of the
//! header tell them. Only the rows of the link count: the others tell a part of the same. What netstat
//! has no value for is `-` or nothing: an interface without a link-layer address has no cell for it, and
//! macOS leaves out the last ones.

use std::fmt;

use super::{decimal, words};
use crate::quoted::Quoted;

/// What the network of a link's row begins with: `<Link#4>` with the kernel's number of the interface on
/// FreeBSD and macOS, `<Link>` elsewhere. macOS has room for two digits and cuts what is longer:
/// `<Link#100` stands for any number from 100 on.
const LINK: &[u8] = b"<Link";

/// The cells of counters that a row may have.
const MAX_COLUMNS: usize = 24;

/// The row of an interface's link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRow<'a> {
    /// The interface's name, which some systems cut short; never empty.
    pub name: &'a [u8],
    /// It is not marked as down, by a `*` behind its name. Where the name is cut short, so may be the mark.
    pub is_up: bool,
    /// The kernel's number of it.
    pub ifindex: Option<u32>,
    /// The largest packet, in bytes.
    pub mtu: Option<u32>,
    /// What stands for its link-layer address; empty where it has none.
    pub address: &'a [u8],
    /// Its counters.
    pub cells: Cells,
}

/// Makes the struct of a row's counters, with the words of their columns.
macro_rules! cells {
    ($($(#[$docs:meta])* $cell:ident: $($word:literal)|+;)*) => {
        /// The counters of a row, named after the members of `struct if_data`; `None` is what it does not
        /// tell.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Cells {
            $($(#[$docs])* pub $cell: Option<u64>,)*
        }

        impl Cells {
            /// The cell under that word of the header.
            fn under(&mut self, word: &[u8]) -> Option<&mut Option<u64>> {
                $(if [$($word.as_bytes()),+].contains(&word) {
                    return Some(&mut self.$cell);
                })*
                None
            }

            /// These, and what only the others tell.
            #[must_use]
            pub fn or(self, other: Self) -> Self {
                Self { $($cell: self.$cell.or(other.$cell)),* }
            }
        }
    };
}

cells! {
    /// Packets received.
    ipackets: "Ipkts";
    /// Receive errors.
    ierrors: "Ierrs";
    /// Packets dropped on receive.
    iqdrops: "Idrop" | "Idrops";
    /// Bytes received.
    ibytes: "Ibytes";
    /// Packets transmitted.
    opackets: "Opkts";
    /// Transmit errors.
    oerrors: "Oerrs";
    /// Packets dropped on transmit.
    oqdrops: "Odrop" | "Odrops" | "Drop";
    /// Bytes transmitted.
    obytes: "Obytes";
    /// Collisions.
    collisions: "Coll" | "Colls";
}

/// The text is not what netstat prints: no line begins with `Name` and has `Network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoHeader;

impl fmt::Display for NoHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not in the format of netstat -i: its header is missing")
    }
}

/// Why a row could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetstatRowError<'a> {
    /// The line's number in the text, from 1.
    pub line: usize,
    /// Its first cell without the mark: the interface's name, as far as that can be told; may be empty.
    pub name: &'a [u8],
    /// What is wrong.
    pub reason: RowReason<'a>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowReason<'a> {
    /// It ends before its network.
    TooShort(usize),
    /// It has more cells than the header has words.
    TooLong,
    /// It is that of a link, but the network stands elsewhere than it should.
    Shifted,
    /// Nothing is left of the name without its mark.
    NoName,
    /// A cell is no unsigned 64-bit number.
    NotACounter(&'a [u8]),
}

impl fmt::Display for NetstatRowError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match self.reason {
            RowReason::TooShort(cells) => {
                write!(f, "expected a name, an MTU and a network, found {cells} cells")
            }
            RowReason::TooLong => f.write_str("more cells than the header has words"),
            RowReason::Shifted => f.write_str("its cells do not stand below the header's words"),
            RowReason::NoName => f.write_str("no name before the mark"),
            RowReason::NotACounter(value) => write!(f, "{} is not a counter", Quoted(value)),
        }
    }
}

/// The words of a header.
struct Header<'a> {
    /// Where the network stands; the name stands first.
    network: usize,
    /// Where the MTU does.
    mtu: Option<usize>,
    /// Whether an address stands behind the network.
    has_address: bool,
    /// The words of the counters.
    counters: Vec<&'a [u8]>,
}

impl<'a> Header<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let all: Vec<_> = words(line).collect();
        let network = all.iter().position(|word| *word == b"Network")?;
        let mtu = all.iter().position(|word| *word == b"Mtu");
        let behind = all.get(network + 1..).unwrap_or_default();
        let has_address = behind.first() == Some(&&b"Address"[..]);
        let counters = behind.get(usize::from(has_address)..).unwrap_or_default().to_vec();
        let is_header = all.first() == Some(&&b"Name"[..]) && counters.len() <= MAX_COLUMNS;
        is_header.then_some(Self { network, mtu, has_address, counters })
    }

    /// The row, if it is that of a link.
    fn row(&self, row: &'a [u8]) -> Option<Result<LinkRow<'a>, RowReason<'a>>> {
        let cells: Vec<_> = words(row).collect();
        let Some(network) = cells.get(self.network) else {
            return Some(Err(RowReason::TooShort(cells.len())));
        };
        if network.starts_with(LINK) {
            return Some(self.link_row(&cells));
        }
        // As where a name has a space.
        let is_shifted = cells.iter().any(|cell| cell.starts_with(LINK));
        is_shifted.then_some(Err(RowReason::Shifted))
    }

    fn link_row(&self, cells: &[&'a [u8]]) -> Result<LinkRow<'a>, RowReason<'a>> {
        let cell = |place: usize| cells.get(place).copied().unwrap_or_default();
        let marked = cell(0);
        let name = unmarked(marked);
        if name.is_empty() {
            return Err(RowReason::NoName);
        }
        let behind = cells.get(self.network + 1..).unwrap_or_default();
        // What else it looks like, it is an address where all counters follow.
        let has_address = self.has_address
            && behind.first().is_some_and(|first| {
                is_address(first, name)
                    || behind.len() == self.counters.len() + 1 && !is_long_number(first)
            });
        let (address, values) = behind.split_at_checked(has_address.into()).unwrap_or_default();
        if values.len() > self.counters.len() {
            return Err(RowReason::TooLong);
        }
        let mut counters = Cells::default();
        for (&value, word) in values.iter().zip(&self.counters) {
            let Some(counter) = counters.under(word) else { continue };
            if value != b"-" {
                *counter = Some(decimal(value).ok_or(RowReason::NotACounter(value))?);
            }
        }
        Ok(LinkRow {
            name,
            is_up: name.len() == marked.len(),
            ifindex: ifindex(cell(self.network)),
            mtu: self.mtu.and_then(|place| decimal(cell(place))?.try_into().ok()),
            address: address.first().copied().unwrap_or_default(),
            cells: counters,
        })
    }
}

/// A name without the mark of what is down.
fn unmarked(name: &[u8]) -> &[u8] {
    name.strip_suffix(b"*").unwrap_or(name)
}

/// Whether a cell is an address whatever follows, and no counter, not even an odd one: three bytes or more
/// with something between them, or the interface's name, as a loopback has it.
fn is_address(cell: &[u8], name: &[u8]) -> bool {
    let mut bytes = cell.split(|byte| matches!(byte, b':' | b'.'));
    let is_byte =
        |digits: &[u8]| matches!(digits.len(), 1 | 2) && digits.iter().all(u8::is_ascii_hexdigit);
    cell.starts_with(name) || bytes.clone().nth(2).is_some() && bytes.all(is_byte)
}

/// Whether a cell is a number that is too long for an address of one byte.
fn is_long_number(cell: &[u8]) -> bool {
    cell.len() > 2 && cell.iter().all(u8::is_ascii_digit)
}

/// The number in `<Link#4>`; `None` where it may be cut short.
fn ifindex(network: &[u8]) -> Option<u32> {
    let number = network.strip_prefix(LINK)?.strip_prefix(b"#")?.strip_suffix(b">")?;
    decimal(number)?.try_into().ok()
}

/// The rows of links, in the order of the text; those of addresses and empty lines are passed over.
///
/// # Errors
///
/// [`NoHeader`] when the text is something else, an empty one among it; each bad row is an error of its
/// own.
pub fn link_rows(
    text: &[u8],
) -> Result<impl Iterator<Item = Result<LinkRow<'_>, NetstatRowError<'_>>>, NoHeader> {
    let mut lines = (1..).zip(text.split(|&byte| byte == b'\n'));
    let header = lines.find_map(|(_, line)| Header::of(line)).ok_or(NoHeader)?;
    Ok(lines.filter(|(_, line)| !line.trim_ascii().is_empty()).filter_map(move |(line, row)| {
        let name = unmarked(words(row).next().unwrap_or_default());
        Some(header.row(row)?.map_err(|reason| NetstatRowError { line, name, reason }))
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str) -> Vec<LinkRow<'_>> {
        link_rows(text.as_bytes()).unwrap().map(Result::unwrap).collect()
    }

    fn errors(text: &str) -> Vec<String> {
        let rows = link_rows(text.as_bytes()).unwrap();
        rows.filter_map(Result::err).map(|error| error.to_string()).collect()
    }

    const FREEBSD: &str = "\
Name     Mtu Network       Address              Ipkts Ierrs Idrop     Ibytes    Opkts Oerrs     Obytes  Coll  Drop
em0     1500 <Link#1>      00:00:5e:00:53:01     1741     1     2   47484777     2834     3     270471     4     5
em0        - fe80::%em0/64 fe80::1%em0              1     -     -        974        2     -        733     -     -
em0        - 192.0.2.0/24  192.0.2.17             570     -     -       9227       80     -       7544     -     -
em1*    9000 <Link#2>      00:00:5e:00:53:02        0     0     0          0        0     0          0     0     0
lo0    16384 <Link#3>      lo0                     11     0     0         12       13     0         14     0     0
";

    #[test]
    fn columns_are_told_by_the_headers_words() {
        let em0 = LinkRow {
            name: b"em0",
            is_up: true,
            ifindex: Some(1),
            mtu: Some(1500),
            address: b"00:00:5e:00:53:01",
            cells: Cells {
                ipackets: Some(1741),
                ierrors: Some(1),
                iqdrops: Some(2),
                ibytes: Some(47_484_777),
                opackets: Some(2834),
                oerrors: Some(3),
                oqdrops: Some(5),
                obytes: Some(270_471),
                collisions: Some(4),
            },
        };
        let rows_told = rows(FREEBSD);
        assert_eq!(rows_told.len(), 3);
        assert_eq!(rows_told[0], em0);
        // The same in another order, with a column that nobody knows.
        let other = "\
netstat: a word before

Name  Drop Network  Address           Obytes Oerrs New Opkts Ibytes Idrops Ierrs Ipkts Colls Mtu
em0   1500 <Link#1> 00:00:5e:00:53:01 270471 3     x   2834  47484777 2    1     1741  4     5
";
        let told = rows(other)[0];
        assert_eq!(told.cells, Cells { oqdrops: None, ..em0.cells });
        assert_eq!(told.name, b"em0");
    }

    #[test]
    fn the_mark_of_an_interface_that_is_down_is_no_part_of_its_name() {
        let told: Vec<_> = rows(FREEBSD).iter().map(|row| (row.name, row.is_up)).collect();
        assert_eq!(told, [(&b"em0"[..], true), (b"em1", false), (b"lo0", true)]);
    }

    #[test]
    fn an_address_may_be_missing_or_be_a_word_or_a_number() {
        let told = rows(
            "\
Name    Mtu   Network     Address               Ibytes     Obytes
lo0     32768 <Link>                                 1          2
vio0    1500  <Link>      00:00:5e:00:53:01          3          4
enc0*   0     <Link>                                 5          6
arc0    507   <Link>      17                         7          8
lo9     507   <Link>      lo9                        9         10
wg0     1420  <Link>                                 -         12
fwip0   1500  <Link>      0.0.5e.0.53.1             13         14
arc1    507   <Link>      1.a                       15         16
",
        );
        let told = told.iter().map(|row| (row.address, row.cells.ibytes, row.cells.obytes));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (&b""[..], Some(1), Some(2)),
                (b"00:00:5e:00:53:01", Some(3), Some(4)),
                (b"", Some(5), Some(6)),
                (b"17", Some(7), Some(8)),
                (b"lo9", Some(9), Some(10)),
                (b"", None, Some(12)),
                (b"0.0.5e.0.53.1", Some(13), Some(14)),
                (b"1.a", Some(15), Some(16)),
            ]
        );
    }

    #[test]
    fn macos_leaves_out_last_cells_and_cuts_numbers_of_interfaces() {
        let told = rows(
            "\
Name  Mtu   Network       Address            Ipkts Ierrs     Ibytes    Opkts Oerrs     Obytes  Coll Drop
en0   1500  <Link#6>    00:00:5e:00:53:01        1     2          3        4     5          6     7
utun8 1380  <Link#100                            1     2 5008599798        4     5          6     7   8
utun9 1380  <Link#99>                            1     2          3        4     5          6     7   8
",
        );
        let told = told.iter().map(|row| (row.ifindex, row.cells.ibytes, row.cells.oqdrops));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [
                (Some(6), Some(3), None),
                (None, Some(5_008_599_798), Some(8)),
                (Some(99), Some(3), Some(8))
            ]
        );
    }

    #[test]
    fn an_odd_row_costs_itself_and_is_told_with_its_line() {
        let text = "\
Name    Mtu   Network     Address               Ibytes     Obytes
vio0    1500
vio1
vio 2   1500  <Link>      00:00:5e:00:53:01          1          2
*       1500  <Link>                                 1          2
vio3    1500  <Link>                                 1         2x
vio4    1500  <Link>                                -1          2
vio5    1500  <Link>                                 1          18446744073709551616
vio6    1500  <Link>      00:00:5e:00:53:01          1          2          3
vio8    1500  <Link>                               3.5          2
vio9    1500  <Link>                                x5          2
enc0    0     <Link>                               123          2          3
tun0    1500  <Link>      x5                         1
tun1    1500  <Link>      00:00:5e:00:53:01:xyz      1
vio7    1500  <Link>      00:00:5e:00:53:01          1          18446744073709551615
";
        assert_eq!(
            errors(text),
            [
                "line 2: expected a name, an MTU and a network, found 2 cells",
                "line 3: expected a name, an MTU and a network, found 1 cells",
                "line 4: its cells do not stand below the header's words",
                "line 5: no name before the mark",
                "line 6: \"2x\" is not a counter",
                "line 7: \"-1\" is not a counter",
                "line 8: \"18446744073709551616\" is not a counter",
                "line 9: more cells than the header has words",
                "line 10: \"3.5\" is not a counter",
                "line 11: \"x5\" is not a counter",
                "line 12: more cells than the header has words",
                "line 13: \"x5\" is not a counter",
                "line 14: \"00:00:5e:00:53:01:xyz\" is not a counter",
            ]
        );
        let whole: Vec<_> = link_rows(text.as_bytes()).unwrap().filter_map(Result::ok).collect();
        assert_eq!(whole.len(), 1);
        assert_eq!((whole[0].name, whole[0].cells.obytes), (&b"vio7"[..], Some(u64::MAX)));
    }

    #[test]
    fn what_has_no_header_is_something_else() {
        for text in
            ["", "\n", "netstat: sysctl: Operation not permitted\n", "Name Mtu\n", "Network\n"]
        {
            assert_eq!(link_rows(text.as_bytes()).err(), Some(NoHeader), "{text:?}");
        }
        assert_eq!(rows("Name Mtu Network Address Ibytes").len(), 0);
    }

    /// Bytes of a table, as it may come and worse.
    fn tables() -> impl Strategy<Value = Vec<u8>> {
        let cell = prop_oneof![
            Just("<Link#1>".to_owned()),
            Just("<Link>".to_owned()),
            Just("<Link#".to_owned()),
            Just("-".to_owned()),
            Just("*".to_owned()),
            Just("Network".to_owned()),
            Just("Name".to_owned()),
            Just("\n".to_owned()),
            "[a-z]{1,5}[0-9]{0,3}\\*?",
            "[0-9]{1,22}",
            "\\PC{0,4}",
        ];
        let rows = prop::collection::vec(cell, 0..60).prop_map(|cells| cells.join(" "));
        let header = "Name Mtu Network Address Ipkts Ierrs Ibytes Opkts Oerrs Obytes Coll Drop\n";
        prop_oneof![
            rows.prop_map(move |rows| format!("{header}{rows}").into_bytes()),
            prop::collection::vec(any::<u8>(), 0..200),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(text in tables()) {
            if let Ok(rows) = link_rows(&text) {
                for row in rows.filter_map(Result::ok) {
                    prop_assert!(!row.name.is_empty());
                }
            }
        }
    }
}
