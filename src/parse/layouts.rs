//! What the parsers of binary tables assume of each system's structures and numbers, by their names in its
//! headers: `make layouts` compares these with the headers themselves.

use std::fmt;

use super::ifalldata;
use super::net_rt_iflist::{self as iflist, FREEBSD, Layout, NETBSD, OPENBSD};
use crate::model::link::Flags;

/// Something that is assumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assumption {
    /// How many bytes a structure has.
    Size(&'static str, usize),
    /// Where a structure has a member, in bytes.
    Place(&'static str, &'static str, usize),
    /// How many bytes a structure's member has.
    Width(&'static str, &'static str, usize),
    /// What a name stands for.
    Number(&'static str, u32),
}

use Assumption::{Number, Place, Size, Width};

/// As the macros of `packaging/layouts.c` have it.
impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size(structure, bytes) => write!(f, "SIZE({structure}, {bytes})"),
            Place(structure, member, place) => write!(f, "PLACE({structure}, {member}, {place})"),
            Width(structure, member, bytes) => write!(f, "WIDTH({structure}, {member}, {bytes})"),
            Number(name, value) => write!(f, "NUMBER({name}, {value})"),
        }
    }
}

/// All that is assumed, by the system as `packaging/layouts` calls it.
#[must_use]
pub fn all() -> [(&'static str, Vec<Assumption>); 4] {
    [
        ("freebsd", iflist_of(&FREEBSD)),
        ("openbsd", iflist_of(&OPENBSD)),
        ("netbsd", iflist_of(&NETBSD)),
        ("macos", ifalldata_of_macos()),
    ]
}

fn iflist_of(layout: &Layout) -> Vec<Assumption> {
    const HEADER: &str = "if_msghdr";
    const DATA: &str = "if_data";
    const NAME: &str = "sockaddr_dl";
    let mut all = vec![
        Size(HEADER, layout.header),
        // As the walk over all messages has it.
        Place(HEADER, "ifm_msglen", 0),
        Width(HEADER, "ifm_msglen", 2),
        Place(HEADER, "ifm_version", 2),
        Place(HEADER, "ifm_type", 3),
        Place(HEADER, "ifm_addrs", layout.addrs),
        Width(HEADER, "ifm_addrs", 4),
        Place(HEADER, "ifm_flags", layout.flags),
        Width(HEADER, "ifm_flags", 4),
        Place(HEADER, "ifm_index", layout.index),
        Width(HEADER, "ifm_index", 2),
        Place(HEADER, "ifm_data", layout.data),
        Place(DATA, "ifi_type", 0),
        Width(DATA, "ifi_type", 1),
        Place(NAME, "sdl_len", 0),
        Place(NAME, "sdl_nlen", iflist::SDL_NLEN),
        Place(NAME, "sdl_alen", iflist::SDL_ALEN),
        Place(NAME, "sdl_data", iflist::SDL_DATA),
        Number("RTM_VERSION", layout.version.into()),
        Number("RTM_IFINFO", layout.ifinfo.into()),
        Number("RTA_IFP", iflist::RTA_IFP),
        Number("IFF_UP", Flags::UP),
        Number("IFF_LOOPBACK", Flags::LOOPBACK),
        Number("LINK_STATE_UNKNOWN", 0),
        Number("LINK_STATE_UP", layout.link_up),
    ];
    if let Some((half, full)) = layout.link_duplex {
        all.extend([
            Number("LINK_STATE_HALF_DUPLEX", half),
            Number("LINK_STATE_FULL_DUPLEX", full),
        ]);
    }
    if let Some(place) = layout.hdrlen {
        all.extend([Place(HEADER, "ifm_hdrlen", place), Width(HEADER, "ifm_hdrlen", 2)]);
    }
    let (place, is_wide) = layout.link_state;
    all.extend([
        Place(DATA, "ifi_link_state", place),
        Width(DATA, "ifi_link_state", if is_wide { 4 } else { 1 }),
    ]);
    let (place, is_wide) = layout.mtu;
    all.extend([
        Place(DATA, "ifi_mtu", place),
        Width(DATA, "ifi_mtu", if is_wide { 8 } else { 4 }),
    ]);
    let mut counters = vec![
        ("ifi_baudrate", 0),
        ("ifi_ipackets", iflist::IPACKETS),
        ("ifi_ierrors", iflist::IERRORS),
        ("ifi_opackets", iflist::OPACKETS),
        ("ifi_oerrors", iflist::OERRORS),
        ("ifi_collisions", iflist::COLLISIONS),
        ("ifi_ibytes", iflist::IBYTES),
        ("ifi_obytes", iflist::OBYTES),
        ("ifi_imcasts", iflist::IMCASTS),
        ("ifi_omcasts", iflist::OMCASTS),
        ("ifi_iqdrops", iflist::IQDROPS),
    ];
    if layout.has_oqdrops {
        counters.push(("ifi_oqdrops", iflist::OQDROPS));
    }
    for (member, number) in counters {
        all.extend([Place(DATA, member, layout.baudrate + number * 8), Width(DATA, member, 8)]);
    }
    all.extend([Place(DATA, "ifi_noproto", layout.noproto), Width(DATA, "ifi_noproto", 8)]);
    all
}

fn ifalldata_of_macos() -> Vec<Assumption> {
    const ROW: &str = "ifmibdata";
    const DATA: &str = "if_data64";
    let mut all = vec![
        Size(ROW, ifalldata::ROW),
        Place(ROW, "ifmd_name", ifalldata::NAME),
        Width(ROW, "ifmd_name", ifalldata::NAME_LENGTH),
        Place(ROW, "ifmd_flags", ifalldata::FLAGS),
        Width(ROW, "ifmd_flags", 4),
        Place(ROW, "ifmd_snd_drops", ifalldata::SND_DROPS),
        Width(ROW, "ifmd_snd_drops", 4),
        Place(ROW, "ifmd_data", ifalldata::DATA),
        Place(DATA, "ifi_type", ifalldata::TYPE),
        Width(DATA, "ifi_type", 1),
        Place(DATA, "ifi_mtu", ifalldata::MTU),
        Width(DATA, "ifi_mtu", 4),
        Number("IFF_UP", Flags::UP),
        Number("IFF_LOOPBACK", Flags::LOOPBACK),
    ];
    for (member, place) in [
        ("ifi_baudrate", ifalldata::BAUDRATE),
        ("ifi_ipackets", ifalldata::IPACKETS),
        ("ifi_ierrors", ifalldata::IERRORS),
        ("ifi_opackets", ifalldata::OPACKETS),
        ("ifi_oerrors", ifalldata::OERRORS),
        ("ifi_collisions", ifalldata::COLLISIONS),
        ("ifi_ibytes", ifalldata::IBYTES),
        ("ifi_obytes", ifalldata::OBYTES),
        ("ifi_imcasts", ifalldata::IMCASTS),
        ("ifi_omcasts", ifalldata::OMCASTS),
        ("ifi_iqdrops", ifalldata::IQDROPS),
        ("ifi_noproto", ifalldata::NOPROTO),
    ] {
        all.extend([Place(DATA, member, place), Width(DATA, member, 8)]);
    }
    all
}
