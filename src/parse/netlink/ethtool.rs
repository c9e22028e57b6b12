//! The `ethtool` family of generic netlink: `ETHTOOL_MSG_LINKMODES_GET`
//! (`Documentation/networking/ethtool-netlink.rst`, Linux 5.6 and later), and how its number is
//! found out (`linux/genetlink.h`).

use super::{Message, Request, attributes, u16_of, u32_of};
use crate::model::link::{Duplex, LinkModes, SPEED_UNKNOWN};

const GENL_ID_CTRL: u16 = 16;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;

const ETHTOOL_MSG_LINKMODES_GET: u8 = 4;
const ETHTOOL_MSG_LINKMODES_GET_REPLY: u8 = 4;
const ETHTOOL_A_LINKMODES_HEADER: u16 = 1;
const ETHTOOL_A_LINKMODES_SPEED: u16 = 5;
const ETHTOOL_A_LINKMODES_DUPLEX: u16 = 6;
const ETHTOOL_A_HEADER_DEV_INDEX: u16 = 1;
const ETHTOOL_A_HEADER_FLAGS: u16 = 3;
const ETHTOOL_FLAG_COMPACT_BITSETS: u32 = 1;
const NLA_F_NESTED: u16 = 0x8000;

/// `struct genlmsghdr`.
const FIXED: usize = 4;

/// What the driver of one interface tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkModesReply {
    /// The interface's number in its network namespace.
    pub ifindex: u32,
    /// Its speed, -1 (`SPEED_UNKNOWN`) also when the reply lacks it, and its duplex.
    pub link_modes: LinkModes,
}

impl LinkModesReply {
    /// Reads a reply of the family of that number; any other message is `None`.
    #[must_use]
    pub fn of(message: &Message<'_>, family: u16) -> Option<Self> {
        let (fixed, rest) = message.body.split_at_checked(FIXED)?;
        let is_reply = fixed.first() == Some(&ETHTOOL_MSG_LINKMODES_GET_REPLY);
        if message.kind != family || !is_reply {
            return None;
        }
        let value_of = |wanted| attributes(rest).find(|&(kind, _)| kind == wanted);
        let (_, header) = value_of(ETHTOOL_A_LINKMODES_HEADER)?;
        let ifindex = attributes(header).find(|&(kind, _)| kind == ETHTOOL_A_HEADER_DEV_INDEX);
        let ifindex = ifindex.and_then(|(_, value)| u32_of(value))?;
        let speed = value_of(ETHTOOL_A_LINKMODES_SPEED).and_then(|(_, value)| u32_of(value));
        let duplex = value_of(ETHTOOL_A_LINKMODES_DUPLEX).and_then(|(_, value)| value.first());
        let link_modes = LinkModes {
            speed_mbits: speed.map_or(SPEED_UNKNOWN, |speed| speed.cast_signed().into()),
            duplex: duplex.map(|duplex| match duplex {
                0 => Duplex::Half,
                1 => Duplex::Full,
                _ => Duplex::Unknown,
            }),
        };
        Some(Self { ifindex, link_modes })
    }
}

/// The family's number, from the answer to [`request_family`].
#[must_use]
pub fn family(message: &Message<'_>) -> Option<u16> {
    let (_, rest) = message.body.split_at_checked(FIXED)?;
    let (_, value) = attributes(rest).find(|&(kind, _)| kind == CTRL_ATTR_FAMILY_ID)?;
    u16_of(value).filter(|_| message.kind == GENL_ID_CTRL)
}

/// Asks for the number of the family `ethtool`.
pub fn request_family(buffer: &mut Vec<u8>, sequence: u32) {
    Request::get(buffer, GENL_ID_CTRL, sequence)
        .fixed(&[CTRL_CMD_GETFAMILY, 1, 0, 0])
        .attribute(CTRL_ATTR_FAMILY_NAME, b"ethtool\0")
        .end();
}

/// Asks for the link modes of one interface.
pub fn request_one(buffer: &mut Vec<u8>, sequence: u32, family: u16, ifindex: u32) {
    request(Request::get(buffer, family, sequence), Some(ifindex));
}

/// Asks for the link modes of all interfaces. The answer ends at the first that fails.
pub fn request_all(buffer: &mut Vec<u8>, sequence: u32, family: u16) {
    request(Request::dump(buffer, family, sequence), None);
}

fn request(request: Request<'_>, ifindex: Option<u32>) {
    let attribute = |kind: u16, value: u32| {
        let [k0, k1] = kind.to_ne_bytes();
        let [l0, l1] = 8_u16.to_ne_bytes();
        let [v0, v1, v2, v3] = value.to_ne_bytes();
        [l0, l1, k0, k1, v0, v1, v2, v3]
    };
    let flags = attribute(ETHTOOL_A_HEADER_FLAGS, ETHTOOL_FLAG_COMPACT_BITSETS);
    let ifindex = ifindex.map(|ifindex| attribute(ETHTOOL_A_HEADER_DEV_INDEX, ifindex));
    let header = [ifindex.as_ref().map_or([].as_slice(), |bytes| bytes), &flags].concat();
    request
        .fixed(&[ETHTOOL_MSG_LINKMODES_GET, 1, 0, 0])
        .attribute(ETHTOOL_A_LINKMODES_HEADER | NLA_F_NESTED, &header)
        .end();
}

#[cfg(test)]
mod tests {
    use super::super::messages;
    use super::*;

    const FAMILY: u16 = 21;
    const FAST: [u8; 4] = 400_000_u32.to_ne_bytes();
    const UNKNOWN: [u8; 4] = u32::MAX.to_ne_bytes();

    fn reply(family: u16, attributes: &[(u16, &[u8])]) -> Option<LinkModesReply> {
        let mut buffer = Vec::new();
        let fixed = [ETHTOOL_MSG_LINKMODES_GET_REPLY, 1, 0, 0];
        let mut request = Request::get(&mut buffer, family, 1).fixed(&fixed);
        for (kind, value) in attributes {
            request = request.attribute(*kind, value);
        }
        request.end();
        LinkModesReply::of(&messages(&buffer).next().unwrap().unwrap(), FAMILY)
    }

    #[test]
    fn the_speed_is_signed_and_belongs_to_the_interface_of_the_header() {
        let [i0, i1, i2, i3] = 300_u32.to_ne_bytes();
        let [l0, l1] = 8_u16.to_ne_bytes();
        let [k0, k1] = ETHTOOL_A_HEADER_DEV_INDEX.to_ne_bytes();
        let header = [l0, l1, k0, k1, i0, i1, i2, i3];
        let header = (ETHTOOL_A_LINKMODES_HEADER | NLA_F_NESTED, header.as_slice());
        let modes = |speed_mbits, duplex| {
            Some(LinkModesReply { ifindex: 300, link_modes: LinkModes { speed_mbits, duplex } })
        };
        let duplex = |value: &'static [u8]| (ETHTOOL_A_LINKMODES_DUPLEX, value);
        let speed = |value: &'static [u8]| (ETHTOOL_A_LINKMODES_SPEED, value);
        assert_eq!(
            reply(FAMILY, &[header, speed(&FAST), duplex(&[1])]),
            modes(400_000, Some(Duplex::Full))
        );
        let half = reply(FAMILY, &[header, duplex(&[0])]);
        assert_eq!(half, modes(-1, Some(Duplex::Half)));
        assert_eq!(
            reply(FAMILY, &[header, speed(&UNKNOWN), duplex(&[255])]),
            modes(-1, Some(Duplex::Unknown))
        );
        assert_eq!(reply(FAMILY, &[header]), modes(-1, None));
        assert_eq!(reply(FAMILY, &[speed(&FAST)]), None);
        assert_eq!(reply(FAMILY + 1, &[header, speed(&FAST)]), None);
    }
}
