//! `RTM_GETLINK` and the events of `RTNLGRP_LINK`: what interfaces there are
//! (`linux/if_link.h`, `rtnetlink(7)`).

use super::{Message, Request, attributes, bytes_at, text_of, u32_of};
use crate::model::link::{Flags, LinkState, Operstate};
use crate::model::properties::Peer;

pub(super) const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
pub(super) const RTM_GETLINK: u16 = 18;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_MASTER: u16 = 10;
const IFLA_WIRELESS: u16 = 11;
const IFLA_TXQLEN: u16 = 13;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_PROMISCUITY: u16 = 30;
const IFLA_CARRIER: u16 = 33;
const IFLA_CARRIER_CHANGES: u16 = 35;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_CARRIER_UP_COUNT: u16 = 47;
const IFLA_CARRIER_DOWN_COUNT: u16 = 48;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const IFLA_PARENT_DEV_NAME: u16 = 56;
const IFLA_PARENT_DEV_BUS_NAME: u16 = 57;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_VXLAN_LINK: u16 = 3;

/// Kinds whose `IFLA_LINK` is not what they lie upon, but their other end.
const PAIRS: [&[u8]; 3] = [b"veth", b"netkit", b"vxcan"];

const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;
const AF_BRIDGE: u8 = 7;

/// `struct ifinfomsg`.
const FIXED: usize = 16;

/// What happened to an interface, or, in a dump, that it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it lives on the stack while a message is read")]
pub enum LinkMessage<'a> {
    /// It is there, like this.
    New(Link<'a>),
    /// The interface of that number has left the network namespace.
    Gone(u32),
}

/// What the kernel tells of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// Its number in the network namespace.
    pub ifindex: u32,
    /// Its flags, of the kind that `/sys/class/net/<interface>/flags` shows.
    pub flags: Flags,
    /// The kernel's name of it: any bytes, mostly ASCII, never empty.
    pub name: &'a [u8],
    /// The kind that it was made as, `veth`, `bridge`, `vlan`; most physical ones have none.
    pub kind: Option<&'a [u8]>,
    /// The interface that it lies upon, as a VLAN or VXLAN does, where that is in the same namespace.
    pub lower: Option<u32>,
    /// The other end of a pair that it belongs to.
    pub peer: Option<Peer>,
    /// The bridge, bond, team or VRF that it is a port of.
    pub master: Option<u32>,
    /// The bus, such as `pci`, and the name there of the device that it belongs to (Linux 5.14 and
    /// later).
    pub parent: Option<(&'a [u8], &'a [u8])>,
    /// What the operator wrote into its `ifalias`.
    pub alias: &'a [u8],
    /// Its link-layer address; empty when it has none.
    pub address: &'a [u8],
    /// Its state. The carrier counts while it is up only.
    pub state: LinkState,
    /// `IFLA_PROP_LIST`, which holds its alternative names.
    properties: &'a [u8],
}

impl<'a> Link<'a> {
    /// Its alternative names (Linux 5.5 and later).
    pub fn altnames(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let altnames = attributes(self.properties).filter(|&(kind, _)| kind == IFLA_ALT_IFNAME);
        altnames.map(|(_, value)| text_of(value)).filter(|name| !name.is_empty())
    }
}

impl<'a> LinkMessage<'a> {
    /// Reads an `RTM_NEWLINK` or `RTM_DELLINK` message. `None` for any other, for one without a name,
    /// and for those that a bridge sends of its ports: a port that leaves comes as `RTM_DELLINK`.
    #[must_use]
    pub fn of(message: &Message<'a>) -> Option<Self> {
        if !matches!(message.kind, RTM_NEWLINK | RTM_DELLINK) {
            return None;
        }
        let (fixed, rest) = message.body.split_at_checked(FIXED)?;
        if fixed.first() == Some(&AF_BRIDGE) {
            return None;
        }
        let ifindex = u32::from_ne_bytes(bytes_at(fixed, 4)?);
        if message.kind == RTM_DELLINK {
            return Some(Self::Gone(ifindex));
        }
        let flags = u32::from_ne_bytes(bytes_at(fixed, 8)?);
        let mut link = Link {
            ifindex,
            flags: Flags(flags),
            name: &[],
            kind: None,
            lower: None,
            peer: None,
            master: None,
            parent: None,
            alias: &[],
            address: &[],
            state: LinkState {
                ifindex: Some(ifindex),
                flags: Some(Flags(flags)),
                ..LinkState::default()
            },
            properties: &[],
        };
        // A VXLAN, whose speed is that of its lower interface, has no IFLA_LINK.
        let mut vxlan_lower = None;
        let (mut lower_elsewhere, mut parent_name, mut parent_bus) = (None, None, None);
        let state = &mut link.state;
        for (kind, value) in attributes(rest) {
            match kind {
                IFLA_IFNAME => link.name = text_of(value),
                IFLA_LINK => link.lower = u32_of(value).filter(|&lower| lower != 0),
                IFLA_MASTER => link.master = u32_of(value),
                // An event of wireless extensions, which has nothing but the name beside it.
                IFLA_WIRELESS => return None,
                IFLA_LINKINFO => {
                    link.kind = value_of(value, IFLA_INFO_KIND).map(text_of);
                    if link.kind == Some(b"vxlan") {
                        vxlan_lower = value_of(value, IFLA_INFO_DATA)
                            .and_then(|data| value_of(data, IFLA_VXLAN_LINK))
                            .and_then(u32_of);
                    }
                }
                IFLA_LINK_NETNSID => {
                    lower_elsewhere = Some(u32_of(value).map_or(-1, u32::cast_signed));
                }
                IFLA_PARENT_DEV_NAME => parent_name = Some(text_of(value)),
                IFLA_PARENT_DEV_BUS_NAME => parent_bus = Some(text_of(value)),
                IFLA_IFALIAS => link.alias = text_of(value),
                IFLA_ADDRESS => link.address = value,
                IFLA_PROP_LIST => link.properties = value,
                IFLA_MTU => state.mtu = u32_of(value),
                IFLA_TXQLEN => state.tx_queue_len = u32_of(value),
                IFLA_PROMISCUITY => state.promiscuity = u32_of(value),
                IFLA_CARRIER_CHANGES => state.carrier_changes = u32_of(value),
                IFLA_CARRIER_UP_COUNT => state.carrier_up_count = u32_of(value),
                IFLA_CARRIER_DOWN_COUNT => state.carrier_down_count = u32_of(value),
                // What sysfs tells while it is up, and refuses to tell else.
                IFLA_CARRIER if link.flags.is_up() => {
                    state.carrier = value.first().map(|&carrier| carrier != 0);
                }
                IFLA_OPERSTATE => {
                    let number = value.first().copied().map(usize::from);
                    state.operstate = number.and_then(|number| Operstate::ALL.get(number)).copied();
                }
                _ => {}
            }
        }
        link.lower = link.lower.or(vxlan_lower.filter(|&lower| lower != 0));
        let is_pair = link.kind.is_some_and(|kind| PAIRS.contains(&kind));
        if is_pair {
            let elsewhere = lower_elsewhere;
            link.peer = link.lower.map(|ifindex| Peer { ifindex, elsewhere });
        }
        if lower_elsewhere.is_some() || is_pair {
            link.lower = None;
        }
        link.parent = parent_bus.zip(parent_name);
        (!link.name.is_empty()).then_some(Self::New(link))
    }
}

/// The first of nested attributes that is of that kind.
fn value_of(bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    attributes(bytes).find(|&(kind, _)| kind == wanted).map(|(_, value)| value)
}

/// Asks for all interfaces, without their counters.
pub fn request_all(buffer: &mut Vec<u8>, sequence: u32) {
    Request::dump(buffer, RTM_GETLINK, sequence)
        .fixed(&[0; FIXED])
        .attribute(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes())
        .end();
}

/// Asks for one interface.
pub fn request_one(buffer: &mut Vec<u8>, sequence: u32, ifindex: u32) {
    let mut fixed = [0; FIXED];
    for (byte, value) in fixed.iter_mut().skip(4).zip(ifindex.to_ne_bytes()) {
        *byte = value;
    }
    Request::get(buffer, RTM_GETLINK, sequence)
        .fixed(&fixed)
        .attribute(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes())
        .end();
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    /// A message of interface 300, with these attributes.
    fn message(kind: u16, family: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut fixed = [0; FIXED];
        fixed[0] = family;
        fixed[4..8].copy_from_slice(&300_u32.to_ne_bytes());
        fixed[8..12].copy_from_slice(&0x1003_u32.to_ne_bytes());
        let mut buffer = Vec::new();
        let mut request = Request::get(&mut buffer, kind, 0).fixed(&fixed);
        for (kind, value) in attributes {
            request = request.attribute(*kind, value);
        }
        request.end();
        buffer
    }

    fn read(bytes: &[u8]) -> Option<LinkMessage<'_>> {
        LinkMessage::of(&messages(bytes).next().unwrap().unwrap())
    }

    #[test]
    fn a_link_is_what_its_attributes_say() {
        let nested = [8, 0, 1, 0, b'v', b'l', b'a', b'n'];
        let lower = 2_u32.to_ne_bytes();
        let altnames = [10, 0, 53, 0, b'w', b'a', b'n', b'0', b'0', 0, 0, 0, 6, 0, 53, 0, b'x', 0];
        let all: [(u16, &[u8]); 18] = [
            (IFLA_IFNAME, b"eth0.5\0"),
            (9999, b"unknown"),
            (IFLA_LINK, &lower),
            (IFLA_MASTER, &7_u32.to_ne_bytes()),
            (IFLA_LINKINFO | 0x8000, &nested),
            (IFLA_PARENT_DEV_NAME, b"0000:00:01.0\0"),
            (IFLA_PARENT_DEV_BUS_NAME, b"pci\0"),
            (IFLA_IFALIAS, b"to the switch\0"),
            (IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]),
            (IFLA_PROP_LIST | 0x8000, &altnames),
            (IFLA_MTU, &1500_u32.to_ne_bytes()),
            (IFLA_TXQLEN, &1000_u32.to_ne_bytes()),
            (IFLA_CARRIER, &[1]),
            (IFLA_OPERSTATE, &[3]),
            (IFLA_CARRIER_CHANGES, &5_u32.to_ne_bytes()),
            (IFLA_CARRIER_UP_COUNT, &3_u32.to_ne_bytes()),
            (IFLA_CARRIER_DOWN_COUNT, &2_u32.to_ne_bytes()),
            (IFLA_PROMISCUITY, &4_u32.to_ne_bytes()),
        ];
        let state = LinkState {
            ifindex: Some(300),
            flags: Some(Flags(0x1003)),
            carrier: Some(true),
            operstate: Some(Operstate::LowerLayerDown),
            mtu: Some(1500),
            carrier_changes: Some(5),
            carrier_up_count: Some(3),
            carrier_down_count: Some(2),
            promiscuity: Some(4),
            tx_queue_len: Some(1000),
            is_admin_testing: false,
        };
        let expected = Link {
            ifindex: 300,
            flags: Flags(0x1003),
            name: b"eth0.5",
            kind: Some(b"vlan"),
            lower: Some(2),
            peer: None,
            master: Some(7),
            parent: Some((b"pci", b"0000:00:01.0")),
            alias: b"to the switch",
            address: &[2, 0, 0, 0, 0, 1],
            state,
            properties: &altnames,
        };
        assert_eq!(read(&message(RTM_NEWLINK, 0, &all)), Some(LinkMessage::New(expected)));
        assert_eq!(expected.altnames().collect::<Vec<_>>(), [b"wan00".as_slice(), b"x"]);
        // While it is down, sysfs refuses to tell of a carrier, and so nobody does.
        let mut down = message(RTM_NEWLINK, 0, &all);
        down[24..28].copy_from_slice(&0x1002_u32.to_ne_bytes());
        let Some(LinkMessage::New(link)) = read(&down) else { panic!() };
        assert_eq!((link.flags.is_up(), link.state.carrier), (false, None));
        // A lower interface in another namespace has a number of that namespace.
        let elsewhere: [(u16, &[u8]); 3] =
            [(IFLA_LINK, &lower), (IFLA_LINK_NETNSID, &[0; 4]), (IFLA_IFNAME, b"v")];
        let bytes = message(RTM_NEWLINK, 0, &elsewhere);
        let Some(LinkMessage::New(link)) = read(&bytes) else { panic!() };
        assert_eq!((link.name, link.lower), (b"v".as_slice(), None));
        // A veth's is its other end.
        let nested = [8, 0, 1, 0, b'v', b'e', b't', b'h'];
        let pair: [(u16, &[u8]); 3] =
            [(IFLA_LINK, &lower), (IFLA_LINKINFO, &nested), (IFLA_IFNAME, b"v")];
        let bytes = message(RTM_NEWLINK, 0, &pair);
        let Some(LinkMessage::New(link)) = read(&bytes) else { panic!() };
        assert_eq!((link.kind, link.lower), (Some(b"veth".as_slice()), None));
        assert_eq!(link.peer, Some(Peer { ifindex: 2, elsewhere: None }));
        let elsewhere = 5_i32.to_ne_bytes();
        let pair = [&pair[..], &[(IFLA_LINK_NETNSID, &elsewhere)]].concat();
        let bytes = message(RTM_NEWLINK, 0, &pair);
        let Some(LinkMessage::New(link)) = read(&bytes) else { panic!() };
        assert_eq!(link.peer, Some(Peer { ifindex: 2, elsewhere: Some(5) }));
    }

    #[test]
    fn only_messages_about_interfaces_themselves_count() {
        let name: [(u16, &[u8]); 1] = [(IFLA_IFNAME, b"eth0\0")];
        assert_eq!(read(&message(RTM_DELLINK, 0, &name)), Some(LinkMessage::Gone(300)));
        assert_eq!(read(&message(RTM_DELLINK, AF_BRIDGE, &name)), None);
        assert_eq!(read(&message(RTM_NEWLINK, AF_BRIDGE, &name)), None);
        assert_eq!(read(&message(RTM_NEWLINK, 0, &[])), None);
        let wireless: [(u16, &[u8]); 2] = [(IFLA_IFNAME, b"wlan0\0"), (IFLA_WIRELESS, &[0; 8])];
        assert_eq!(read(&message(RTM_NEWLINK, 0, &wireless)), None);
        assert_eq!(read(&message(RTM_GETLINK, 0, &name)), None);
    }

    #[test]
    fn the_kernel_is_asked_to_leave_the_counters_out() {
        let (mut all, mut one) = (Vec::new(), Vec::new());
        request_all(&mut all, 1);
        request_one(&mut one, 1, 300);
        for request in [all, one] {
            let request = messages(&request).next().unwrap().unwrap();
            let (_, rest) = request.body.split_at(FIXED);
            // RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h is bit 3.
            let skip_stats = 8_u32.to_ne_bytes();
            let attributes: Vec<_> = attributes(rest).collect();
            assert_eq!(attributes, [(IFLA_EXT_MASK, skip_stats.as_slice())]);
        }
    }
}
