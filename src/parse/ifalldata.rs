//! The answer to `sysctl net.link.generic.ifalldata` of macOS: an array of `struct ifmibdata`
//! (`net/if_mib.h`), one for each interface, whose `struct if_data64` has the counters.
//!
//! The other ways there are worse: `NET_RT_IFLIST2` rounds counters to 1 KiB and cuts them to 32 bits for
//! programs that Apple has not signed, and `getifaddrs` has 32 bits.

use std::fmt;

use super::bytes_at;
use crate::model::counters::{Counters, MoreCounters};

/// The length of a `struct ifmibdata`.
pub const ROW: usize = 180;

/// Where it has its members, in bytes.
pub(crate) const NAME: usize = 0;
pub(crate) const NAME_LENGTH: usize = 16;
pub(crate) const FLAGS: usize = 20;
pub(crate) const SND_DROPS: usize = 32;
pub(crate) const DATA: usize = 52;

/// Where its `struct if_data64` has its members, in bytes.
pub(crate) const TYPE: usize = 0;
pub(crate) const MTU: usize = 8;
pub(crate) const BAUDRATE: usize = 16;
pub(crate) const IPACKETS: usize = 24;
pub(crate) const IERRORS: usize = 32;
pub(crate) const OPACKETS: usize = 40;
pub(crate) const OERRORS: usize = 48;
pub(crate) const COLLISIONS: usize = 56;
pub(crate) const IBYTES: usize = 64;
pub(crate) const OBYTES: usize = 72;
pub(crate) const IMCASTS: usize = 80;
pub(crate) const OMCASTS: usize = 88;
pub(crate) const IQDROPS: usize = 96;
pub(crate) const NOPROTO: usize = 104;

/// What is told of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfData<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// `IFF_*` of `net/if.h`.
    pub flags: u32,
    /// `IFT_*` of `net/if_types.h`.
    pub kind: u8,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// In bits per second; zero where none is told.
    pub baudrate: u64,
    /// The eight counters: packets dropped on transmit are those of the send queue, and on receive none
    /// are told, as Telegraf has it.
    pub counters: Counters,
    /// The others.
    pub more: MoreCounters,
}

/// That the answer is no array of such structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfalldataError {
    /// How long it is, in bytes.
    pub length: usize,
}

impl fmt::Display for IfalldataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { length } = self;
        write!(f, "net.link.generic.ifalldata: {length} bytes are no multiple of {ROW}")
    }
}

/// What is told of each interface, in the kernel's order. A row without a name is of an interface that has
/// gone.
///
/// # Errors
///
/// When the rows have another length: what they hold lies elsewhere then.
pub fn rows(bytes: &[u8]) -> Result<impl Iterator<Item = IfData<'_>>, IfalldataError> {
    let rows = bytes.chunks_exact(ROW);
    if rows.remainder().is_empty() {
        Ok(rows.filter_map(row))
    } else {
        Err(IfalldataError { length: bytes.len() })
    }
}

fn row(row: &[u8]) -> Option<IfData<'_>> {
    let name = row.get(NAME..NAME + NAME_LENGTH)?;
    let name = name.split(|&byte| byte == 0).next().filter(|name| !name.is_empty())?;
    let data = row.get(DATA..)?;
    let number = |place: usize| bytes_at(data, place).map(u64::from_ne_bytes);
    let small = |bytes, place| bytes_at(bytes, place).map(u32::from_ne_bytes);
    Some(IfData {
        name,
        flags: small(row, FLAGS)?,
        kind: *data.get(TYPE)?,
        mtu: small(data, MTU)?,
        baudrate: number(BAUDRATE)?,
        counters: Counters {
            bytes_sent: number(OBYTES)?,
            bytes_recv: number(IBYTES)?,
            packets_sent: number(OPACKETS)?,
            packets_recv: number(IPACKETS)?,
            err_in: number(IERRORS)?,
            err_out: number(OERRORS)?,
            drop_in: 0,
            drop_out: small(row, SND_DROPS)?.into(),
        },
        more: MoreCounters {
            multicast_in: Some(number(IMCASTS)?),
            multicast_out: Some(number(OMCASTS)?),
            collisions: Some(number(COLLISIONS)?),
            noproto_in: Some(number(NOPROTO)?),
            missed_in: Some(number(IQDROPS)?),
            ..MoreCounters::default()
        },
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An interface whose row a test makes.
    #[derive(Debug, Clone)]
    pub(crate) struct Sample {
        pub(crate) name: &'static str,
        pub(crate) flags: u32,
        pub(crate) kind: u8,
        pub(crate) mtu: u32,
        pub(crate) baudrate: u64,
        pub(crate) snd_drops: u32,
        /// In the order of the structure, from `ifi_ipackets` to `ifi_noproto`.
        pub(crate) values: [u64; 11],
    }

    /// As the structure that was compiled from the system's headers has it.
    pub(crate) const SAMPLE: Sample = Sample {
        name: "vtnet0",
        flags: 0x8843,
        kind: 6,
        mtu: 1500,
        baudrate: 10_000_000_000,
        snd_drops: 8,
        values: [3, 5, 4, 6, 9, 0x1_0000_0001, 0x2_0000_0002, 10, 11, 7, 12],
    };

    /// A `struct ifmibdata` as the kernel makes it, but for what is not read.
    pub(crate) fn row(sample: &Sample) -> Vec<u8> {
        let mut bytes = vec![0; ROW];
        let mut put = |place: usize, value: &[u8]| {
            bytes[place..place + value.len()].copy_from_slice(value);
        };
        put(0, sample.name.as_bytes());
        put(20, &sample.flags.to_ne_bytes());
        put(32, &sample.snd_drops.to_ne_bytes());
        put(52, &[sample.kind]);
        put(60, &sample.mtu.to_ne_bytes());
        put(68, &sample.baudrate.to_ne_bytes());
        for (number, value) in sample.values.iter().enumerate() {
            put(76 + 8 * number, &value.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn a_row_tells_all_of_an_interface() {
        let expected = IfData {
            name: b"vtnet0",
            flags: 0x8843,
            kind: 6,
            mtu: 1500,
            baudrate: 10_000_000_000,
            counters: Counters {
                bytes_sent: 0x2_0000_0002,
                bytes_recv: 0x1_0000_0001,
                packets_sent: 4,
                packets_recv: 3,
                err_in: 5,
                err_out: 6,
                drop_in: 0,
                drop_out: 8,
            },
            more: MoreCounters {
                multicast_in: Some(10),
                multicast_out: Some(11),
                collisions: Some(9),
                noproto_in: Some(12),
                missed_in: Some(7),
                ..MoreCounters::default()
            },
        };
        let bytes = row(&SAMPLE);
        assert_eq!(rows(&bytes).unwrap().collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn a_row_without_a_name_is_none_and_a_name_may_fill_its_place() {
        let bytes = [
            row(&Sample { name: "", ..SAMPLE }),
            row(&Sample { name: "abcdefghijklmnop", ..SAMPLE }),
        ];
        let bytes = bytes.concat();
        let names: Vec<_> = rows(&bytes).unwrap().map(|row| row.name).collect();
        assert_eq!(names, [b"abcdefghijklmnop"]);
        assert_eq!(rows(b"").unwrap().count(), 0);
    }

    #[test]
    fn rows_of_another_length_are_refused() {
        let bytes = [row(&SAMPLE), row(&SAMPLE)].concat();
        for length in (1..bytes.len()).filter(|length| length % ROW != 0) {
            let error = rows(&bytes[..length]).err().unwrap();
            assert_eq!(error, IfalldataError { length });
        }
        assert_eq!(
            IfalldataError { length: 181 }.to_string(),
            "net.link.generic.ifalldata: 181 bytes are no multiple of 180"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..1000)) {
            let whole = bytes.len() / ROW * ROW;
            for table in [&bytes[..], &bytes[..whole]] {
                for row in rows(table).into_iter().flatten() {
                    prop_assert!(!row.name.is_empty() && row.name.len() <= 16);
                }
            }
        }
    }
}
