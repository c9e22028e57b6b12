//! Netlink datagrams as every parser reads them.

use telegraf_net::model::counters::Counters;
use telegraf_net::model::link::Flags;
use telegraf_net::parse::netlink::ethtool::{self, LinkModesReply};
use telegraf_net::parse::netlink::rtnl_link::LinkMessage;
use telegraf_net::parse::netlink::rtnl_stats::Stats;
use telegraf_net::parse::netlink::{Message, Step, messages};

/// What decides which interface is which, and what is stacked on what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Link<'a> {
    pub(crate) ifindex: u32,
    pub(crate) flags: Flags,
    pub(crate) name: &'a [u8],
    pub(crate) kind: Option<&'a [u8]>,
    pub(crate) lower: Option<u32>,
    pub(crate) master: Option<u32>,
    pub(crate) has_parent_device: bool,
}

/// What a message is to whoever can read it.
#[derive(Debug, PartialEq)]
pub(crate) enum Told<'a> {
    Link(Link<'a>),
    Gone(u32),
    Stats(u32, Counters),
    Speed(u32, i64),
    End(Option<u16>),
    Nothing,
    Malformed,
}

/// Has every parser read the message.
fn read<'a>(message: Message<'a>, families: &[u16]) -> Told<'a> {
    let link = LinkMessage::of(&message).map(|link| match link {
        LinkMessage::Gone(ifindex) => Told::Gone(ifindex),
        LinkMessage::New(link) => Told::Link(Link {
            ifindex: link.ifindex,
            flags: link.flags,
            name: link.name,
            kind: link.kind,
            lower: link.lower,
            master: link.master,
            has_parent_device: link.parent.is_some(),
        }),
    });
    let stats = Stats::of(&message).map(|stats| Told::Stats(stats.ifindex, stats.counters));
    let speed = |reply: LinkModesReply| Told::Speed(reply.ifindex, reply.link_modes.speed_mbits);
    let mut replies = families.iter().filter_map(|&family| LinkModesReply::of(&message, family));
    let speed = replies.next().map(speed);
    // Of another netlink protocol, whose kinds have the same numbers; and a family of any number.
    let _ = (ethtool::family(&message), LinkModesReply::of(&message, message.kind));
    match message.step() {
        Step::End(errno) => Told::End(errno),
        Step::Part => link.or(stats).or(speed).unwrap_or(Told::Nothing),
    }
}

/// Reads a datagram, as much of it as can be read, where the family `ethtool` has one of these numbers.
pub(crate) fn told<'a>(datagram: &'a [u8], families: &[u16]) -> Vec<Told<'a>> {
    // A message takes sixteen bytes at least, so that there are no more than these.
    let most = datagram.len() / 16 + 1;
    let all: Vec<_> = messages(datagram)
        .take(most + 1)
        .map(|message| message.map_or(Told::Malformed, |message| read(message, families)))
        .collect();
    assert!(all.len() <= most, "{} messages in {} bytes", all.len(), datagram.len());
    let malformed = all.iter().position(|told| *told == Told::Malformed);
    assert!(malformed.is_none_or(|place| place == all.len() - 1), "{all:?}");
    for told in &all {
        if let Told::Link(link) = told {
            let (bytes, name) = (datagram.as_ptr_range(), link.name.as_ptr_range());
            assert!(bytes.start <= name.start && name.end <= bytes.end);
            assert!(!link.name.is_empty() && !link.name.contains(&0), "{link:?}");
        }
    }
    all
}
