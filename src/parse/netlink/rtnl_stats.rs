//! `RTM_GETSTATS`: counters by interface number, without names or flags (`linux/if_link.h`,
//! Linux 4.7 and later).

use super::{Message, Request, attributes, bytes_at};
use crate::interface::{Counters, MoreCounters};

const RTM_NEWSTATS: u16 = 92;
const RTM_GETSTATS: u16 = 94;
const IFLA_STATS_LINK_64: u16 = 1;

/// `struct if_stats_msg`.
const FIXED: usize = 12;

/// The counters of one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats<'a> {
    /// The interface's number in its network namespace.
    pub ifindex: u32,
    /// The eight counters that `inputs.net` reports.
    pub counters: Counters,
    /// `struct rtnl_link_stats64`.
    words: &'a [u8],
}

impl<'a> Stats<'a> {
    /// Reads an `RTM_NEWSTATS` message; any other, or one without counters, is `None`.
    #[must_use]
    pub fn of(message: &Message<'a>) -> Option<Self> {
        if message.kind != RTM_NEWSTATS {
            return None;
        }
        let (fixed, rest) = message.body.split_at_checked(FIXED)?;
        let ifindex = u32::from_ne_bytes(bytes_at(fixed, 4)?);
        let (_, stats) = attributes(rest).find(|&(kind, _)| kind == IFLA_STATS_LINK_64)?;
        Some(Self { ifindex, counters: counters(stats)?, words: stats })
    }

    /// The other counters. Those that newer kernels have are `None` on older ones.
    #[must_use]
    pub fn more(&self) -> MoreCounters {
        let word = |place: usize| bytes_at(self.words, place * 8).map(u64::from_ne_bytes);
        let [
            multicast,
            collisions,
            rx_length_errors,
            rx_over_errors,
            rx_crc_errors,
            rx_frame_errors,
            rx_fifo_errors,
            rx_missed_errors,
            tx_aborted_errors,
            tx_carrier_errors,
            tx_fifo_errors,
            tx_heartbeat_errors,
            tx_window_errors,
            rx_compressed,
            tx_compressed,
            rx_nohandler,
            rx_otherhost_dropped,
        ] = std::array::from_fn(|number| word(number + 8));
        // As the kernel adds them up for /proc/net/dev.
        let sum = |words: [Option<u64>; 4]| {
            words.into_iter().try_fold(0_u64, |sum, word| Some(sum.wrapping_add(word?)))
        };
        MoreCounters {
            values: [
                rx_fifo_errors,
                sum([rx_length_errors, rx_over_errors, rx_crc_errors, rx_frame_errors]),
                rx_compressed,
                multicast,
                tx_fifo_errors,
                collisions,
                sum([tx_carrier_errors, tx_aborted_errors, tx_window_errors, tx_heartbeat_errors]),
                tx_compressed,
                rx_missed_errors,
                rx_nohandler,
                rx_length_errors,
                rx_over_errors,
                rx_crc_errors,
                tx_aborted_errors,
                tx_window_errors,
                tx_heartbeat_errors,
                rx_otherhost_dropped,
            ],
        }
    }
}

/// Asks for the counters of all interfaces.
pub fn request_all(buffer: &mut Vec<u8>, sequence: u32) {
    Request::dump(buffer, RTM_GETSTATS, sequence).fixed(&fixed(0)).end();
}

/// Asks for the counters of one interface.
pub fn request_one(buffer: &mut Vec<u8>, sequence: u32, ifindex: u32) {
    Request::get(buffer, RTM_GETSTATS, sequence).fixed(&fixed(ifindex)).end();
}

fn fixed(ifindex: u32) -> [u8; FIXED] {
    let filter = 1_u32 << (IFLA_STATS_LINK_64 - 1);
    let mut fixed = [0; FIXED];
    let numbers = ifindex.to_ne_bytes().into_iter().chain(filter.to_ne_bytes());
    for (byte, value) in fixed.iter_mut().skip(4).zip(numbers) {
        *byte = value;
    }
    fixed
}

/// The first sixteen counters of `struct rtnl_link_stats64`, which every kernel has.
fn counters(stats: &[u8]) -> Option<Counters> {
    let (words, _) = stats.as_chunks::<8>();
    let words = words.first_chunk::<16>()?.map(u64::from_ne_bytes);
    let [
        packets_recv,
        packets_sent,
        bytes_recv,
        bytes_sent,
        err_in,
        err_out,
        rx_dropped,
        drop_out,
        _multicast,
        _collisions,
        _rx_length_errors,
        _rx_over_errors,
        _rx_crc_errors,
        _rx_frame_errors,
        _rx_fifo_errors,
        rx_missed_errors,
    ] = words;
    Some(Counters {
        bytes_sent,
        bytes_recv,
        packets_sent,
        packets_recv,
        err_in,
        err_out,
        // As the kernel adds them up for /proc/net/dev.
        drop_in: rx_dropped.wrapping_add(rx_missed_errors),
        drop_out,
    })
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    /// What is read of a message with these words: the counters, and the others, 0 for none.
    fn read(words: impl IntoIterator<Item = u64>) -> Option<(u32, Counters, [u64; 17])> {
        let mut buffer = Vec::new();
        let stats: Vec<u8> = words.into_iter().flat_map(u64::to_ne_bytes).collect();
        Request::get(&mut buffer, RTM_NEWSTATS, 1)
            .fixed(&fixed(5))
            .attribute(IFLA_STATS_LINK_64, &stats)
            .end();
        let stats = Stats::of(&messages(&buffer).next()?.ok()?)?;
        let more = stats.more().values.map(|value| value.unwrap_or(0));
        Some((stats.ifindex, stats.counters, more))
    }

    #[test]
    fn every_counter_comes_from_its_own_place() {
        let expected = Counters {
            packets_recv: 1,
            packets_sent: 2,
            bytes_recv: 3,
            bytes_sent: 4,
            err_in: 5,
            err_out: 6,
            drop_in: 7 + 16,
            drop_out: 8,
        };
        let frame_in = 11 + 12 + 13 + 14;
        let carrier_out = 18 + 17 + 21 + 20;
        let (detail_in, detail_out) = ([16, 24, 11, 12, 13], [17, 21, 20]);
        let columns = [15, frame_in, 22, 9, 19, 10, carrier_out, 23];
        let more = [columns.as_slice(), &detail_in, &detail_out, &[25]].concat();
        assert_eq!(read(1..=25), Some((5, expected, more.try_into().unwrap())));
    }

    #[test]
    fn what_an_older_kernel_lacks_is_absent() {
        let (_, _, more) = read(1..=23).unwrap();
        assert_eq!((more[7], more[9], more[16]), (23, 0, 0));
        assert!(read(1..=16).is_some());
        assert_eq!(read(1..=15), None);
    }
}
