//! The counters of an interface: what each is called, and where the kernel tells it, in one table.

use std::convert::Infallible;

use super::Unit;

/// One counter: a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counter {
    /// The field's name.
    pub name: &'static str,
    /// The same as it stands in a line, `,bytes_sent=`.
    pub key: &'static str,
    /// Its rate's, `,bytes_sent_rate=`.
    pub rate_key: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What it is the sum of on Linux by netlink; empty where it is another system's.
    pub stats: &'static [Stat],
    /// Where it stands in `/proc/net/dev`, if there.
    pub column: Option<Column>,
}

/// The members of `struct rtnl_link_stats64` (`linux/if_link.h`), in the kernel's order. All are 64
/// bits long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the kernel's names")]
pub enum Stat {
    RxPackets,
    TxPackets,
    RxBytes,
    TxBytes,
    RxErrors,
    TxErrors,
    RxDropped,
    TxDropped,
    Multicast,
    Collisions,
    RxLengthErrors,
    RxOverErrors,
    RxCrcErrors,
    RxFrameErrors,
    RxFifoErrors,
    RxMissedErrors,
    TxAbortedErrors,
    TxCarrierErrors,
    TxFifoErrors,
    TxHeartbeatErrors,
    TxWindowErrors,
    RxCompressed,
    TxCompressed,
    RxNohandler,
    RxOtherhostDropped,
}

impl Stat {
    /// Since which Linux it is told, where that is later than 3.10.
    #[must_use]
    pub fn since(self) -> Option<&'static str> {
        match self {
            Self::RxNohandler => Some("4.6"),
            Self::RxOtherhostDropped => Some("5.19"),
            _ => None,
        }
    }

    /// The kernel's name of it, which is also that of its file in `/sys/class/net/<interface>/statistics`,
    /// where it has one.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RxPackets => "rx_packets",
            Self::TxPackets => "tx_packets",
            Self::RxBytes => "rx_bytes",
            Self::TxBytes => "tx_bytes",
            Self::RxErrors => "rx_errors",
            Self::TxErrors => "tx_errors",
            Self::RxDropped => "rx_dropped",
            Self::TxDropped => "tx_dropped",
            Self::Multicast => "multicast",
            Self::Collisions => "collisions",
            Self::RxLengthErrors => "rx_length_errors",
            Self::RxOverErrors => "rx_over_errors",
            Self::RxCrcErrors => "rx_crc_errors",
            Self::RxFrameErrors => "rx_frame_errors",
            Self::RxFifoErrors => "rx_fifo_errors",
            Self::RxMissedErrors => "rx_missed_errors",
            Self::TxAbortedErrors => "tx_aborted_errors",
            Self::TxCarrierErrors => "tx_carrier_errors",
            Self::TxFifoErrors => "tx_fifo_errors",
            Self::TxHeartbeatErrors => "tx_heartbeat_errors",
            Self::TxWindowErrors => "tx_window_errors",
            Self::RxCompressed => "rx_compressed",
            Self::TxCompressed => "tx_compressed",
            Self::RxNohandler => "rx_nohandler",
            Self::RxOtherhostDropped => "rx_otherhost_dropped",
        }
    }
}

/// The columns of `/proc/net/dev` behind the name, in the kernel's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the words of the file's header")]
pub enum Column {
    RxBytes,
    RxPackets,
    RxErrs,
    RxDrop,
    RxFifo,
    RxFrame,
    RxCompressed,
    RxMulticast,
    TxBytes,
    TxPackets,
    TxErrs,
    TxDrop,
    TxFifo,
    TxColls,
    TxCarrier,
    TxCompressed,
}

/// Makes a struct of counters with its table. A row is a field's name, its [`Unit`], what it is the sum of
/// in [`Stat`], if in anything, and its [`Column`], if it has one; fields stand in lines in the order of the rows.
macro_rules! counters {
    (
        $(#[$docs:meta])*
        $name:ident: $value:ty {
            $($(#[$row_docs:meta])* $field:ident: $unit:ident [$($stat:ident),*] $(=> $column:ident)?;)*
        }
    ) => {
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name {
            $($(#[$row_docs])* pub $field: $value,)*
        }

        impl $name {
            /// How many there are.
            pub const COUNT: usize = [$(stringify!($field)),*].len();

            /// What each is called and where it comes from.
            pub const TABLE: [Counter; Self::COUNT] = [$(
                Counter {
                    name: stringify!($field),
                    key: concat!(",", stringify!($field), "="),
                    rate_key: concat!(",", stringify!($field), "_rate="),
                    unit: Unit::$unit,
                    stats: &[$(Stat::$stat),*],
                    column: counters!(@column $($column)?),
                },
            )*];

            /// Those whose values are had like this.
            ///
            /// # Errors
            ///
            /// The first that there is.
            pub fn try_of<E>(
                mut value: impl FnMut(&'static Counter) -> Result<$value, E>,
            ) -> Result<Self, E> {
                let [$($field),*] = &Self::TABLE;
                Ok(Self { $($field: value($field)?),* })
            }

            /// The values, in the order of the [table](Self::TABLE).
            #[must_use]
            pub fn values(&self) -> [$value; Self::COUNT] {
                [$(self.$field),*]
            }
        }
    };
    (@column) => { None };
    (@column $column:ident) => { Some(Column::$column) };
}

counters! {
    /// The eight counters of `inputs.net`, since the interface was made, as the kernel keeps them.
    ///
    /// Each is a count of bytes or packets that only a wrap, a driver's reset or a new interface of
    /// the same name makes smaller, as long as the driver tells the truth.
    Counters: u64 {
        /// Bytes transmitted.
        bytes_sent: Bytes [TxBytes] => TxBytes;
        /// Bytes received.
        bytes_recv: Bytes [RxBytes] => RxBytes;
        /// Packets transmitted.
        packets_sent: Packets [TxPackets] => TxPackets;
        /// Packets received.
        packets_recv: Packets [RxPackets] => RxPackets;
        /// Receive errors.
        err_in: Packets [RxErrors] => RxErrs;
        /// Transmit errors.
        err_out: Packets [TxErrors] => TxErrs;
        /// Packets dropped on receive.
        drop_in: Packets [RxDropped, RxMissedErrors] => RxDrop;
        /// Packets dropped on transmit.
        drop_out: Packets [TxDropped] => TxDrop;
    }
}

counters! {
    /// The counters that `counters = "all"` adds: the other columns of `/proc/net/dev`, and what these
    /// lump together. `None` is what the source does not tell.
    MoreCounters: Option<u64> {
        /// Errors of the receiver's queue.
        fifo_in: Packets [RxFifoErrors] => RxFifo;
        /// Frames received that are malformed.
        frame_in: Packets [RxLengthErrors, RxOverErrors, RxCrcErrors, RxFrameErrors] => RxFrame;
        /// Compressed packets received.
        compressed_in: Packets [RxCompressed] => RxCompressed;
        /// Multicast packets received.
        multicast_in: Packets [Multicast] => RxMulticast;
        /// Errors of the transmitter's queue.
        fifo_out: Packets [TxFifoErrors] => TxFifo;
        /// Collisions while transmitting.
        collisions: Count [Collisions] => TxColls;
        /// Frames that were not transmitted, for want of a carrier among other reasons.
        carrier_out: Packets
            [TxCarrierErrors, TxAbortedErrors, TxWindowErrors, TxHeartbeatErrors] => TxCarrier;
        /// Compressed packets transmitted.
        compressed_out: Packets [TxCompressed] => TxCompressed;
        /// Packets that the host was too slow for, a part of `drop_in`.
        missed_in: Packets [RxMissedErrors];
        /// Packets dropped because the interface is not to receive, as the inactive port of a bond is
        /// not; a part of nothing else.
        nohandler_in: Packets [RxNohandler];
        /// Frames of a wrong length, a part of `frame_in`.
        length_err_in: Packets [RxLengthErrors];
        /// Overflows of the receiver's queue, a part of `frame_in`.
        over_err_in: Packets [RxOverErrors];
        /// Frames with a wrong checksum, a part of `frame_in`.
        crc_err_in: Packets [RxCrcErrors];
        /// Frames that the transmitter gave up, a part of `carrier_out`.
        aborted_err_out: Packets [TxAbortedErrors];
        /// Late collisions, a part of `carrier_out`.
        window_err_out: Packets [TxWindowErrors];
        /// Missing heartbeats of the transceiver, a part of `carrier_out`.
        heartbeat_err_out: Packets [TxHeartbeatErrors];
        /// Packets dropped because their link-layer address is another host's; a part of nothing else.
        otherhost_dropped_in: Packets [RxOtherhostDropped];
        /// Multicast packets transmitted.
        multicast_out: Packets [];
        /// Multicast and broadcast packets received, on Windows, which does not tell them apart.
        nonunicast_in: Packets [];
        /// Multicast and broadcast packets transmitted, on Windows.
        nonunicast_out: Packets [];
        /// Packets received of a protocol that nobody here speaks.
        noproto_in: Packets [];
    }
}

impl MoreCounters {
    /// Those whose values, as far as they are known, are had like this.
    #[must_use]
    pub fn of(value: impl Fn(&'static Counter) -> Option<u64>) -> Self {
        let Ok(counters) = Self::try_of(|counter| Ok::<_, Infallible>(value(counter)));
        counters
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Instant;

    use super::*;
    use crate::format::influx::Influx;
    use crate::format::{Fields, Format as _};
    use crate::model::interface::{Interface, Wants};
    use crate::model::rates::Reading;
    use crate::parse::netlink::messages;
    use crate::parse::netlink::rtnl_stats::Stats;
    use crate::parse::proc_net_dev;

    /// `struct rtnl_link_stats64`, from Linux 6.18's `linux/if_link.h`.
    const MEMBERS: [&str; 25] = [
        "rx_packets",
        "tx_packets",
        "rx_bytes",
        "tx_bytes",
        "rx_errors",
        "tx_errors",
        "rx_dropped",
        "tx_dropped",
        "multicast",
        "collisions",
        "rx_length_errors",
        "rx_over_errors",
        "rx_crc_errors",
        "rx_frame_errors",
        "rx_fifo_errors",
        "rx_missed_errors",
        "tx_aborted_errors",
        "tx_carrier_errors",
        "tx_fifo_errors",
        "tx_heartbeat_errors",
        "tx_window_errors",
        "rx_compressed",
        "tx_compressed",
        "rx_nohandler",
        "rx_otherhost_dropped",
    ];

    /// The second line of `/proc/net/dev`, with a direction before each word.
    const HEADER: &str = "rx_bytes rx_packets rx_errs rx_drop rx_fifo rx_frame rx_compressed \
         rx_multicast tx_bytes tx_packets tx_errs tx_drop tx_fifo tx_colls tx_carrier tx_compressed";

    /// The fields, the members that each is the sum of, and its column, from the documents: `docs/FIELDS.md`
    /// and what the kernel's `dev_seq_printf_stats` prints.
    const DOCUMENTED: [(&str, &str, &str); 25] = [
        ("bytes_sent", "tx_bytes", "tx_bytes"),
        ("bytes_recv", "rx_bytes", "rx_bytes"),
        ("packets_sent", "tx_packets", "tx_packets"),
        ("packets_recv", "rx_packets", "rx_packets"),
        ("err_in", "rx_errors", "rx_errs"),
        ("err_out", "tx_errors", "tx_errs"),
        ("drop_in", "rx_dropped rx_missed_errors", "rx_drop"),
        ("drop_out", "tx_dropped", "tx_drop"),
        ("fifo_in", "rx_fifo_errors", "rx_fifo"),
        ("frame_in", "rx_length_errors rx_over_errors rx_crc_errors rx_frame_errors", "rx_frame"),
        ("compressed_in", "rx_compressed", "rx_compressed"),
        ("multicast_in", "multicast", "rx_multicast"),
        ("fifo_out", "tx_fifo_errors", "tx_fifo"),
        ("collisions", "collisions", "tx_colls"),
        (
            "carrier_out",
            "tx_carrier_errors tx_aborted_errors tx_window_errors tx_heartbeat_errors",
            "tx_carrier",
        ),
        ("compressed_out", "tx_compressed", "tx_compressed"),
        ("missed_in", "rx_missed_errors", ""),
        ("nohandler_in", "rx_nohandler", ""),
        ("length_err_in", "rx_length_errors", ""),
        ("over_err_in", "rx_over_errors", ""),
        ("crc_err_in", "rx_crc_errors", ""),
        ("aborted_err_out", "tx_aborted_errors", ""),
        ("window_err_out", "tx_window_errors", ""),
        ("heartbeat_err_out", "tx_heartbeat_errors", ""),
        ("otherhost_dropped_in", "rx_otherhost_dropped", ""),
    ];

    /// A bit of its own for each, so that a sum tells of what.
    fn bit(place: usize) -> u64 {
        1 << (2 * place + 1)
    }

    /// The fields of a line with these counters and their rates a second after all were zero, in
    /// the line's order.
    fn fields(counters: &Counters, more: &MoreCounters) -> Vec<(String, u64)> {
        let wants = Wants { all_counters: true, rates: true, ..Wants::default() };
        let mut interface = Interface::new(1, b"eth0", wants);
        let mut reading = Reading::default();
        let start = Instant::now();
        for (second, counters) in [(0, &Counters::default()), (1, counters)] {
            reading.begin(start + std::time::Duration::from_secs(second));
            interface.set_counters(counters, &reading, wants);
            interface.set_more(more, &reading);
        }
        let fields = Fields { all_counters: true, rates: true, ..Fields::default() };
        let mut line = Vec::new();
        Influx.fields(&mut line, counters, &interface, &fields, None);
        let line = String::from_utf8(line).unwrap();
        let fields = line.strip_prefix(' ').unwrap().split(',');
        let fields = fields.map(|field| {
            let (key, value) = field.split_once('=').unwrap();
            (key.to_owned(), value.trim_end_matches('i').parse().unwrap())
        });
        fields.collect()
    }

    /// What the documents say where each word is its bit: the fields, and the eight first ones' rates.
    fn documented(
        words: &[&str],
        of: impl Fn(&(&str, &'static str, &'static str)) -> &'static str,
    ) -> Vec<(String, u64)> {
        let bits: BTreeMap<_, _> =
            words.iter().enumerate().map(|(place, word)| (*word, bit(place))).collect();
        let field = |row: &(&'static str, &'static str, &'static str)| {
            let sum: u64 = of(row).split_whitespace().map(|word| bits[word]).sum();
            (row.0.to_owned(), sum)
        };
        let fields = DOCUMENTED.iter().filter(|row| !of(row).is_empty()).map(field);
        let rates = DOCUMENTED.iter().take(8).map(field);
        fields.chain(rates.map(|(key, sum)| (key + "_rate", sum))).collect()
    }

    #[test]
    fn by_netlink_every_counter_comes_from_its_own_place_under_its_own_name() {
        let stats: Vec<_> = (0..MEMBERS.len()).flat_map(|place| bit(place).to_ne_bytes()).collect();
        // `struct nlmsghdr`, `struct if_stats_msg`, and IFLA_STATS_LINK_64.
        let lengths =
            [16 + 12 + 4 + stats.len(), 4 + stats.len()].map(|it| u16::try_from(it).unwrap());
        let message = [
            &u32::from(lengths[0]).to_ne_bytes()[..],
            &92_u16.to_ne_bytes(),
            &[0; 2 + 4 + 4 + 12],
            &lengths[1].to_ne_bytes(),
            &1_u16.to_ne_bytes(),
            &stats,
        ];
        let message = message.concat();
        let stats = Stats::of(&messages(&message).next().unwrap().unwrap()).unwrap();
        assert_eq!(fields(&stats.counters, &stats.more()), documented(&MEMBERS, |row| row.1));
    }

    #[test]
    fn by_files_every_counter_comes_from_its_own_column_under_its_own_name() {
        let words: Vec<_> = HEADER.split_whitespace().collect();
        let values: Vec<_> = (0..words.len()).map(|place| bit(place).to_string()).collect();
        let text = format!("Inter-|\n face |bytes\n eth0: {}\n", values.join(" "));
        let row = proc_net_dev::rows(text.as_bytes()).unwrap().next().unwrap().unwrap();
        assert_eq!(fields(&row.counters, &row.more), documented(&words, |row| row.2));
    }
}
