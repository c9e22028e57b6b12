//! `RTM_GETSTATS`: counters by interface number, without names or flags (`linux/if_link.h`,
//! Linux 4.7 and later).

use super::{Message, Request, attributes, bytes_at};
use crate::model::counters::{Counter, Counters, MoreCounters};

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
        // Every kernel has these.
        let counters = Counters::try_of(|counter| sum(stats, counter).ok_or(())).ok()?;
        Some(Self { ifindex, counters, words: stats })
    }

    /// The other counters. Those that newer kernels have are `None` on older ones.
    #[must_use]
    pub fn more(&self) -> MoreCounters {
        MoreCounters::of(|counter| sum(self.words, counter))
    }
}

/// What a counter is in a `struct rtnl_link_stats64`, added up as the kernel does for
/// `/proc/net/dev`; `None` on a kernel that does not have it, and of what is another system's.
fn sum(words: &[u8], counter: &Counter) -> Option<u64> {
    counter.stats.first()?;
    let (words, _) = words.as_chunks::<8>();
    counter.stats.iter().try_fold(0_u64, |sum, &stat| {
        Some(sum.wrapping_add(u64::from_ne_bytes(*words.get(stat as usize)?)))
    })
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

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    /// What is read of a message with these words.
    fn read(words: impl IntoIterator<Item = u64>) -> Option<(u32, Counters, MoreCounters)> {
        let mut buffer = Vec::new();
        let stats: Vec<u8> = words.into_iter().flat_map(u64::to_ne_bytes).collect();
        Request::get(&mut buffer, RTM_NEWSTATS, 1)
            .fixed(&fixed(5))
            .attribute(IFLA_STATS_LINK_64, &stats)
            .end();
        let stats = Stats::of(&messages(&buffer).next()?.ok()?)?;
        Some((stats.ifindex, stats.counters, stats.more()))
    }

    #[test]
    fn what_an_older_kernel_lacks_is_absent() {
        let (ifindex, counters, more) = read(1..=23).unwrap();
        assert_eq!((ifindex, counters.drop_in), (5, 7 + 16));
        assert_eq!(more.compressed_out, Some(23));
        assert_eq!([more.nohandler_in, more.otherhost_dropped_in], [None; 2]);
        let (_, _, more) = read(1..=24).unwrap();
        assert_eq!([more.nohandler_in, more.otherhost_dropped_in], [Some(24), None]);
        // A sum without one of its parts is none.
        let (_, _, more) = read(1..=20).unwrap();
        assert_eq!([more.carrier_out, more.aborted_err_out], [None, Some(17)]);
        assert!(read(1..=16).is_some());
        assert_eq!(read(1..=15), None);
    }
}
