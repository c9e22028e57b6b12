//! The answer to `sysctl` `NET_RT_IFLIST` of FreeBSD, OpenBSD and NetBSD: routing messages, of which those
//! of type `RTM_IFINFO` tell of one interface each.
//!
//! Each begins with a `struct if_msghdr`, whose `struct if_data` has the counters, and goes on with a
//! `struct sockaddr_dl`, which has the name and the link-layer address. Where these lie is a [`Layout`]: it
//! is the same for all processors of 64 and 32 bits that a system runs on, but for OpenBSD's header, which
//! tells its own length.

use std::fmt;

use crate::model::counters::{Counters, MoreCounters};

/// Where a system's messages have what, in bytes from the start of a message, or of its `struct if_data`
/// where so said; and the numbers that it has for its kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// `RTM_VERSION`.
    pub version: u8,
    /// `RTM_IFINFO`.
    pub ifinfo: u8,
    /// Where `ifm_hdrlen` is, if there.
    pub hdrlen: Option<usize>,
    /// The length of `struct if_msghdr`, where it does not tell that itself.
    pub header: usize,
    /// `ifm_addrs`, 32 bits.
    pub addrs: usize,
    /// `ifm_flags`, 32 bits.
    pub flags: usize,
    /// `ifm_index`, 16 bits.
    pub index: usize,
    /// `ifm_data`.
    pub data: usize,
    /// `ifi_link_state` in the data, and whether it has 32 bits rather than 8.
    pub link_state: (usize, bool),
    /// The numbers of `LINK_STATE_DOWN` and of the least that means up; zero means that it is unknown.
    pub link_down_up: (u32, u32),
    /// `ifi_mtu` in the data, and whether it has 64 bits rather than 32.
    pub mtu: (usize, bool),
    /// `ifi_baudrate` in the data, of 64 bits as all that follow. Those stand one behind the other:
    /// `ifi_ipackets`, `ierrors`, `opackets`, `oerrors`, `collisions`, `ibytes`, `obytes`, `imcasts`,
    /// `omcasts`, `iqdrops`.
    pub baudrate: usize,
    /// `ifi_oqdrops` follows.
    pub has_oqdrops: bool,
    /// `ifi_noproto` follows that.
    pub noproto: usize,
}

/// FreeBSD 11 and later, on all processors.
pub const FREEBSD: Layout = Layout {
    version: 5,
    ifinfo: 14,
    hdrlen: None,
    header: 168,
    addrs: 4,
    flags: 8,
    index: 12,
    data: 16,
    link_state: (4, false),
    link_down_up: (1, 2),
    mtu: (8, false),
    baudrate: 16,
    has_oqdrops: true,
    noproto: 112,
};

/// OpenBSD.
pub const OPENBSD: Layout = Layout {
    version: 5,
    ifinfo: 14,
    hdrlen: Some(4),
    header: 168,
    addrs: 12,
    flags: 16,
    index: 6,
    data: 24,
    link_state: (3, false),
    link_down_up: (2, 3),
    mtu: (4, false),
    baudrate: 16,
    has_oqdrops: true,
    noproto: 112,
};

/// NetBSD 7 and later.
pub const NETBSD: Layout = Layout {
    version: 4,
    ifinfo: 20,
    hdrlen: None,
    header: 152,
    addrs: 4,
    flags: 8,
    index: 12,
    data: 16,
    link_state: (4, true),
    link_down_up: (1, 2),
    mtu: (8, true),
    baudrate: 24,
    has_oqdrops: false,
    noproto: 112,
};

/// The counters behind `ifi_baudrate`, each so many times 64 bits after it.
pub(crate) const IPACKETS: usize = 1;
pub(crate) const IERRORS: usize = 2;
pub(crate) const OPACKETS: usize = 3;
pub(crate) const OERRORS: usize = 4;
pub(crate) const COLLISIONS: usize = 5;
pub(crate) const IBYTES: usize = 6;
pub(crate) const OBYTES: usize = 7;
pub(crate) const IMCASTS: usize = 8;
pub(crate) const OMCASTS: usize = 9;
pub(crate) const IQDROPS: usize = 10;
pub(crate) const OQDROPS: usize = 11;

/// `RTA_IFP`: the message has the name, as a `struct sockaddr_dl`, which is the first address there is.
pub(crate) const RTA_IFP: u32 = 0x10;

/// Where a `struct sockaddr_dl` has the lengths of name and address, and the name.
pub(crate) const SDL_NLEN: usize = 5;
pub(crate) const SDL_ALEN: usize = 6;
pub(crate) const SDL_DATA: usize = 8;

/// What is told of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IfInfo<'a> {
    /// The kernel's number of it.
    pub ifindex: u32,
    /// Its name.
    pub name: &'a [u8],
    /// `IFF_*` of `net/if.h`; those of up and loopback are the same everywhere.
    pub flags: u32,
    /// `IFT_*` of `net/if_types.h`.
    pub kind: u8,
    /// Its link-layer address; empty where it has none.
    pub address: &'a [u8],
    /// Whether it has a carrier; `None` where the driver does not know.
    pub carrier: Option<bool>,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// In bits per second; zero where none is told.
    pub baudrate: u64,
    /// The eight counters. NetBSD tells nothing of packets dropped on transmit.
    pub counters: Counters,
    /// The others.
    pub more: MoreCounters,
}

/// Why a message, or the rest of them, could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IflistError {
    /// Where the message begins, in bytes.
    pub at: usize,
    /// What is wrong.
    pub reason: IflistReason,
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IflistReason {
    /// It says that it is so long, and there is less, or that would not hold its own start.
    Length(u16),
    /// It is of another version than this program knows.
    Version {
        /// Its own.
        found: u8,
        /// The one that is known.
        expected: u8,
    },
    /// It has less than it should.
    Short,
    /// It has no name.
    Nameless,
}

impl fmt::Display for IflistError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NET_RT_IFLIST: message at byte {}: ", self.at)?;
        match self.reason {
            IflistReason::Length(length) => write!(f, "a length of {length} makes no sense"),
            IflistReason::Version { found, expected } => {
                write!(f, "RTM version {found}, where this program knows version {expected}")
            }
            IflistReason::Short => write!(f, "too short for what it should tell"),
            IflistReason::Nameless => write!(f, "no interface's name"),
        }
    }
}

/// Hands on what each message tells of an interface, in their order, or why it cannot be read. A message
/// costs itself, and one without a length all that follow.
pub fn if_infos<'a>(
    bytes: &'a [u8],
    layout: &Layout,
    mut each: impl FnMut(Result<IfInfo<'a>, IflistError>),
) {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let length = u16_at(rest, 0).unwrap_or_default();
        // Version and type lie behind the length on every system.
        let message = rest.get(..length.into()).filter(|message| message.len() >= 4);
        let Some(message) = message else {
            each(Err(IflistError { at, reason: IflistReason::Length(length) }));
            return;
        };
        let found = message.get(2).copied().unwrap_or_default();
        if found != layout.version {
            let reason = IflistReason::Version { found, expected: layout.version };
            each(Err(IflistError { at, reason }));
        } else if message.get(3) == Some(&layout.ifinfo) {
            each(if_info(message, layout).map_err(|reason| IflistError { at, reason }));
        }
        at += message.len();
    }
}

fn if_info<'a>(message: &'a [u8], layout: &Layout) -> Result<IfInfo<'a>, IflistReason> {
    let header = match layout.hdrlen {
        Some(place) => u16_at(message, place).map(usize::from),
        None => Some(layout.header),
    };
    let (head, addresses) =
        header.and_then(|header| message.split_at_checked(header)).ok_or(IflistReason::Short)?;
    let fixed = || {
        let data = head.get(layout.data..)?;
        let counter = |number: usize| u64_at(data, layout.baudrate + number * 8);
        let (place, is_wide) = layout.link_state;
        let state = if is_wide { u32_at(data, place)? } else { u32::from(*data.get(place)?) };
        let (down, up) = layout.link_down_up;
        let (place, is_wide) = layout.mtu;
        let mtu = if is_wide { u64_at(data, place)? } else { u32_at(data, place)?.into() };
        Some(IfInfo {
            ifindex: u16_at(head, layout.index)?.into(),
            name: &[],
            flags: u32_at(head, layout.flags)?,
            kind: *data.first()?,
            address: &[],
            carrier: match state {
                0 => None,
                state if state == down => Some(false),
                state => Some(state >= up),
            },
            mtu: u32::try_from(mtu).unwrap_or(u32::MAX),
            baudrate: counter(0)?,
            counters: Counters {
                bytes_sent: counter(OBYTES)?,
                bytes_recv: counter(IBYTES)?,
                packets_sent: counter(OPACKETS)?,
                packets_recv: counter(IPACKETS)?,
                err_in: counter(IERRORS)?,
                err_out: counter(OERRORS)?,
                drop_in: counter(IQDROPS)?,
                drop_out: if layout.has_oqdrops { counter(OQDROPS)? } else { 0 },
            },
            more: MoreCounters {
                multicast_in: Some(counter(IMCASTS)?),
                multicast_out: Some(counter(OMCASTS)?),
                collisions: Some(counter(COLLISIONS)?),
                noproto_in: Some(u64_at(data, layout.noproto)?),
                ..MoreCounters::default()
            },
        })
    };
    let info = fixed().ok_or(IflistReason::Short)?;
    let addrs = u32_at(head, layout.addrs).ok_or(IflistReason::Short)?;
    // What comes before it is the same as its own bit less one: the lower ones.
    if addrs & RTA_IFP == 0 || addrs & (RTA_IFP - 1) != 0 {
        return Err(IflistReason::Nameless);
    }
    let (name, address) = name_and_address(addresses).ok_or(IflistReason::Nameless)?;
    Ok(IfInfo { name, address, ..info })
}

/// The name and the link-layer address of a `struct sockaddr_dl`.
fn name_and_address(sockaddr: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = |place: usize| sockaddr.get(place).copied().map(usize::from);
    let (name, address) = (length(SDL_NLEN)?, length(SDL_ALEN)?);
    let data = sockaddr.get(SDL_DATA..length(0)?)?;
    let name_bytes = data.get(..name).filter(|name| !name.is_empty())?;
    let address = data.get(name..name + address).unwrap_or_default();
    Some((name_bytes, address))
}

fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    bytes.get(place..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    bytes.get(place..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], place: usize) -> Option<u64> {
    bytes.get(place..)?.first_chunk().copied().map(u64::from_ne_bytes)
}
