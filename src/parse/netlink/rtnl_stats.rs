//! `RTM_GETSTATS`: counters by interface number, without names or flags (`linux/if_link.h`,
//! Linux 4.7 and later).

use super::{Message, Request, attributes, bytes_at};
use crate::interface::Counters;

const RTM_NEWSTATS: u16 = 92;
const RTM_GETSTATS: u16 = 94;
const IFLA_STATS_LINK_64: u16 = 1;

/// `struct if_stats_msg`.
const FIXED: usize = 12;

/// The counters of one interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// The interface's number in its network namespace.
    pub ifindex: u32,
    /// The eight counters that `inputs.net` reports.
    pub counters: Counters,
}

impl Stats {
    /// Reads an `RTM_NEWSTATS` message; any other, or one without counters, is `None`.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Option<Self> {
        if message.kind != RTM_NEWSTATS {
            return None;
        }
        let (fixed, rest) = message.body.split_at_checked(FIXED)?;
        let ifindex = u32::from_ne_bytes(bytes_at(fixed, 4)?);
        let (_, stats) = attributes(rest).find(|&(kind, _)| kind == IFLA_STATS_LINK_64)?;
        Some(Self { ifindex, counters: counters(stats)? })
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

    fn stats(words: impl IntoIterator<Item = u64>) -> Option<Stats> {
        let mut buffer = Vec::new();
        let stats: Vec<u8> = words.into_iter().flat_map(u64::to_ne_bytes).collect();
        Request::get(&mut buffer, RTM_NEWSTATS, 1)
            .fixed(&fixed(5))
            .attribute(IFLA_STATS_LINK_64, &stats)
            .end();
        Stats::of(&messages(&buffer).next().unwrap().unwrap())
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
        assert_eq!(stats(1..=25), Some(Stats { ifindex: 5, counters: expected }));
        assert_eq!(stats(1..=16), Some(Stats { ifindex: 5, counters: expected }));
        assert_eq!(stats(1..=15), None);
    }
}
