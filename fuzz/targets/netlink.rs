//! Datagrams of netlink, as every parser reads them.

use std::path::Path;

use telegraf_net::model::protocol::Group;
use telegraf_net::parse::netlink::inet6_link::Inet6Link;
use telegraf_net::parse::netlink::messages;
use telegraf_net::parse::netlink::rtnl_link::LinkMessage;
use telegraf_net::parse::netlink::rtnl_nsid;
use telegraf_net::parse::netlink::rtnl_stats::Stats;

use super::datagram::told;
use super::{Record, assert_within};

/// The numbers that the family `ethtool` has in the recordings.
const FAMILIES: [u16; 3] = [20, 21, 22];

pub(super) fn is_seed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "bin")
}

pub(super) fn run(datagram: &[u8]) {
    let all = told(datagram, &FAMILIES);
    let mut read = 0;
    for message in messages(datagram).flatten() {
        read += 1;
        if let Some(LinkMessage::New(link)) = LinkMessage::of(&message) {
            let parent = link.parent.into_iter().flat_map(|(bus, name)| [bus, name]);
            let texts = [link.name, link.alias, link.address].into_iter().chain(link.kind);
            texts.chain(parent).for_each(|text| assert_within(text, datagram));
            let altnames = link.altnames().inspect(|name| assert_within(name, datagram)).count();
            assert!(altnames <= datagram.len() / 4, "{altnames} names");
            assert!(link.state.carrier.is_none() || link.flags.is_up());
            // An interface lies upon another one, or is a pair with it.
            assert!(link.lower.is_none() || link.peer.is_none(), "{link:?}");
            let tags = vec![("alias", link.alias), ("kind", link.kind.unwrap_or_default())];
            Record { name: link.name, tags, ..Record::default() }.check();
        }
        if let Some(stats) = Stats::of(&message) {
            let record = Record { name: b"a", counters: stats.counters, ..Record::default() };
            record.check();
            let _ = stats.more();
        }
        if let Some(link) = Inet6Link::of(&message) {
            for group in Group::ALL {
                let counted = (1..=u16::MAX).map_while(|number| link.counter(group, number));
                let counted = counted.inspect(|&counter| assert!(counter >= 0)).collect::<Vec<_>>();
                assert!(counted.len() <= datagram.len() / 8);
                assert_eq!(link.has_any(group), counted.iter().any(|&counter| counter != 0));
                assert_eq!(link.counter(group, 0), None);
            }
        }
        assert!(rtnl_nsid::number_of(&message).is_none_or(|number| number >= 0));
    }
    assert!(read == all.len() || read + 1 == all.len(), "{read} of {all:?}");
}
