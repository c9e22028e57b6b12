//! The answer to `sysctl` `NET_RT_IFLIST` of FreeBSD, OpenBSD and NetBSD: routing messages, of which those
//! of type `RTM_IFINFO` tell of one interface each.
//!
//! Each begins with a `struct if_msghdr`, whose `struct if_data` has the counters, and goes on with a
//! `struct sockaddr_dl`, which has the name and the link-layer address. Where these lie is a [`Layout`]: it
//! is the same for all processors of 64 and 32 bits that a system runs on, but for OpenBSD's header, which
//! tells its own length.

use std::fmt;

use super::bytes_at;
use crate::model::counters::{Counters, MoreCounters};
use crate::model::link::Duplex;

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
    /// `LINK_STATE_UP`: those below mean down, but for zero, which means that it is unknown.
    pub link_up: u32,
    /// `LINK_STATE_HALF_DUPLEX` and `LINK_STATE_FULL_DUPLEX`, where there are such.
    pub link_duplex: Option<(u32, u32)>,
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
    link_up: 2,
    link_duplex: None,
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
    link_up: 4,
    link_duplex: Some((5, 6)),
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
    link_up: 2,
    link_duplex: None,
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
    /// What it is duplex; `None` where that is not told.
    pub duplex: Option<Duplex>,
    /// The largest packet, in bytes.
    pub mtu: u32,
    /// In bits per second; zero where none is told.
    pub baudrate: u64,
    /// The eight counters.
    pub counters: Counters,
    /// That it is not told how many packets were dropped on transmit, as on NetBSD: what the counters have
    /// for it is none.
    pub lacks_drop_out: bool,
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
        let (place, is_wide) = layout.mtu;
        let mtu = if is_wide { u64_at(data, place)? } else { u32_at(data, place)?.into() };
        Some(IfInfo {
            ifindex: u16_at(head, layout.index)?.into(),
            name: &[],
            flags: u32_at(head, layout.flags)?,
            kind: *data.first()?,
            address: &[],
            carrier: (state != 0).then_some(state >= layout.link_up),
            duplex: match layout.link_duplex {
                Some((half, _)) if half == state => Some(Duplex::Half),
                Some((_, full)) if full == state => Some(Duplex::Full),
                _ => None,
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
            lacks_drop_out: !layout.has_oqdrops,
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
    // Addresses stand in the order of their bits.
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
    bytes_at(bytes, place).map(u16::from_ne_bytes)
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    bytes_at(bytes, place).map(u32::from_ne_bytes)
}

fn u64_at(bytes: &[u8], place: usize) -> Option<u64> {
    bytes_at(bytes, place).map(u64::from_ne_bytes)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An interface whose message a test makes.
    #[derive(Debug, Clone)]
    pub(crate) struct Sample {
        pub(crate) name: &'static str,
        pub(crate) ifindex: u16,
        pub(crate) flags: u32,
        pub(crate) kind: u8,
        pub(crate) address: &'static [u8],
        pub(crate) link_state: u32,
        pub(crate) mtu: u32,
        pub(crate) baudrate: u64,
        /// In the order of the structure, from `ifi_ipackets` to `ifi_oqdrops`.
        pub(crate) values: [u64; 11],
        pub(crate) noproto: u64,
    }

    /// As the structures that were compiled from the headers of each system have it.
    pub(crate) const SAMPLE: Sample = Sample {
        name: "vtnet0",
        ifindex: 1,
        flags: 0x8843,
        kind: 6,
        address: &[2, 3, 4, 5, 6, 7],
        link_state: 0,
        mtu: 1500,
        baudrate: 10_000_000_000,
        values: [3, 5, 4, 6, 9, 0x1_0000_0001, 0x2_0000_0002, 10, 11, 7, 8],
        noproto: 12,
    };

    /// A message of type `RTM_IFINFO` with its `struct sockaddr_dl`, as that system's kernel makes it, but
    /// for what is not read.
    pub(crate) fn message(layout: &Layout, sample: &Sample) -> Vec<u8> {
        let mut bytes = vec![0; layout.header];
        let mut put = |place: usize, value: &[u8]| {
            bytes[place..place + value.len()].copy_from_slice(value);
        };
        put(2, &[layout.version, layout.ifinfo]);
        if let Some(place) = layout.hdrlen {
            put(place, &u16::try_from(layout.header).unwrap().to_ne_bytes());
        }
        put(layout.addrs, &RTA_IFP.to_ne_bytes());
        put(layout.flags, &sample.flags.to_ne_bytes());
        put(layout.index, &sample.ifindex.to_ne_bytes());
        put(layout.data, &[sample.kind]);
        match layout.link_state {
            (place, true) => put(layout.data + place, &sample.link_state.to_ne_bytes()),
            (place, false) => {
                put(layout.data + place, &[u8::try_from(sample.link_state).unwrap()]);
            }
        }
        match layout.mtu {
            (place, true) => put(layout.data + place, &u64::from(sample.mtu).to_ne_bytes()),
            (place, false) => put(layout.data + place, &sample.mtu.to_ne_bytes()),
        }
        put(layout.data + layout.baudrate, &sample.baudrate.to_ne_bytes());
        let told = if layout.has_oqdrops { 11 } else { 10 };
        for (number, value) in sample.values[..told].iter().enumerate() {
            put(layout.data + layout.baudrate + 8 * (number + 1), &value.to_ne_bytes());
        }
        put(layout.data + layout.noproto, &sample.noproto.to_ne_bytes());
        // A struct sockaddr_dl: length, AF_LINK, number, type, lengths of name, address and selector.
        let (name, address) = (sample.name.as_bytes(), sample.address);
        let length = (SDL_DATA + name.len() + address.len()).next_multiple_of(8).max(32);
        let [low, high] = sample.ifindex.to_ne_bytes();
        let lengths = [name.len(), address.len(), 0].map(|length| u8::try_from(length).unwrap());
        bytes.extend([u8::try_from(length).unwrap(), 18, low, high, sample.kind]);
        bytes.extend(lengths);
        bytes.extend(name.iter().chain(address));
        bytes.resize(layout.header + length, 0);
        let whole = u16::try_from(bytes.len()).unwrap().to_ne_bytes();
        bytes[..2].copy_from_slice(&whole);
        bytes
    }

    const SYSTEMS: [(&str, Layout); 3] =
        [("FreeBSD", FREEBSD), ("OpenBSD", OPENBSD), ("NetBSD", NETBSD)];

    fn told<'a>(bytes: &'a [u8], layout: &Layout) -> Vec<Result<IfInfo<'a>, IflistError>> {
        let mut told = Vec::new();
        if_infos(bytes, layout, |info| told.push(info));
        told
    }

    /// Where the structures that were compiled from the systems' own headers had their numbers, from the
    /// start of the message: flags, baud rate, `ifi_ipackets`, `ierrors`, `opackets`, `oerrors`, `ibytes`,
    /// `obytes`, `iqdrops`, `oqdrops`, and the `struct sockaddr_dl`.
    #[test]
    fn numbers_lie_where_the_systems_headers_have_them() {
        let seen = [
            (FREEBSD, [8, 32, 40, 48, 56, 64, 80, 88, 112, 120, 168]),
            (OPENBSD, [16, 40, 48, 56, 64, 72, 88, 96, 120, 128, 168]),
            (NETBSD, [8, 40, 48, 56, 64, 72, 88, 96, 120, 0, 152]),
        ];
        for (layout, places) in seen {
            let from = |number: usize| layout.data + layout.baudrate + 8 * number;
            let oqdrops = if layout.has_oqdrops { from(OQDROPS) } else { 0 };
            let assumed = [
                layout.flags,
                from(0),
                from(IPACKETS),
                from(IERRORS),
                from(OPACKETS),
                from(OERRORS),
                from(IBYTES),
                from(OBYTES),
                from(IQDROPS),
                oqdrops,
                layout.header,
            ];
            assert_eq!(assumed, places);
        }
    }

    #[test]
    fn a_message_tells_all_of_an_interface() {
        for (system, layout) in SYSTEMS {
            let bytes = message(&layout, &SAMPLE);
            let expected = IfInfo {
                ifindex: 1,
                name: b"vtnet0",
                flags: 0x8843,
                kind: 6,
                address: &[2, 3, 4, 5, 6, 7],
                carrier: None,
                duplex: None,
                mtu: 1500,
                baudrate: 10_000_000_000,
                counters: Counters {
                    bytes_sent: 0x2_0000_0002,
                    bytes_recv: 0x1_0000_0001,
                    packets_sent: 4,
                    packets_recv: 3,
                    err_in: 5,
                    err_out: 6,
                    drop_in: 7,
                    drop_out: if system == "NetBSD" { 0 } else { 8 },
                },
                lacks_drop_out: system == "NetBSD",
                more: MoreCounters {
                    multicast_in: Some(10),
                    multicast_out: Some(11),
                    collisions: Some(9),
                    noproto_in: Some(12),
                    ..MoreCounters::default()
                },
            };
            assert_eq!(told(&bytes, &layout), [Ok(expected)], "{system}");
        }
    }

    #[test]
    fn a_carrier_is_told_in_each_systems_numbers() {
        let of = |layout: &Layout, link_state| {
            let bytes = message(layout, &Sample { link_state, ..SAMPLE });
            let info = told(&bytes, layout)[0].unwrap();
            (info.carrier, info.duplex)
        };
        for layout in [FREEBSD, NETBSD] {
            let states = [0, 1, 2].map(|state| of(&layout, state));
            assert_eq!(states, [(None, None), (Some(false), None), (Some(true), None)]);
        }
        // Invalid, down, and no answer to keepalives; up, and what it is duplex.
        let states = [0, 1, 2, 3, 4, 5, 6].map(|state| of(&OPENBSD, state));
        let down = (Some(false), None);
        assert_eq!(states[..4], [(None, None), down, down, down]);
        let up = [None, Some(Duplex::Half), Some(Duplex::Full)].map(|duplex| (Some(true), duplex));
        assert_eq!(states[4..], up);
    }

    #[test]
    fn messages_of_other_types_are_passed_over() {
        for (system, layout) in SYSTEMS {
            let mut bytes = message(&layout, &SAMPLE);
            let mut address = message(&layout, &SAMPLE);
            address[3] = 0xc;
            bytes.extend(&address);
            bytes.extend(message(&layout, &Sample { name: "lo0", address: &[], ..SAMPLE }));
            let names: Vec<_> =
                told(&bytes, &layout).into_iter().map(|info| info.unwrap().name).collect();
            assert_eq!(names, [&b"vtnet0"[..], b"lo0"], "{system}");
        }
    }

    #[test]
    fn another_version_is_refused_by_name() {
        for (system, layout) in SYSTEMS {
            let mut bytes = message(&layout, &SAMPLE);
            let length = bytes.len();
            bytes[2] = 9;
            bytes.extend(message(&layout, &SAMPLE));
            let told = told(&bytes, &layout);
            assert_eq!(told.len(), 2, "{system}");
            assert_eq!(
                told[0].unwrap_err().to_string(),
                format!(
                    "NET_RT_IFLIST: message at byte 0: RTM version 9, where this program knows \
                     version {}",
                    layout.version
                )
            );
            assert!(told[1].is_ok() && length > 0, "{system}");
        }
    }

    #[test]
    fn a_message_that_is_cut_costs_itself_wherever_the_cut_is() {
        for (system, layout) in SYSTEMS {
            let (whole, last) = (message(&layout, &SAMPLE), message(&layout, &SAMPLE));
            for cut in 0..last.len() {
                // By its end, and by what it says of its length.
                let mut bytes = whole.clone();
                bytes.extend(&last[..cut]);
                let told = told(&bytes, &layout);
                assert!(told[0].is_ok(), "{system} {cut}");
                assert_eq!(told.len(), if cut == 0 { 1 } else { 2 }, "{system} {cut}");
                if let Some(second) = told.get(1) {
                    let error = IflistError {
                        at: whole.len(),
                        reason: IflistReason::Length(if cut < 2 {
                            0
                        } else {
                            u16::try_from(last.len()).unwrap()
                        }),
                    };
                    assert_eq!(*second, Err(error), "{system} {cut}");
                }
                let mut short = last[..cut].to_vec();
                if let Some(length) = short.get_mut(..2) {
                    length.copy_from_slice(&u16::try_from(cut).unwrap().to_ne_bytes());
                }
                short.extend(&whole);
                let told = super::tests::told(&short, &layout);
                if cut >= 4 {
                    assert!(told[1].is_ok(), "{system} {cut}");
                }
                let name_ends = layout.header + SDL_DATA + SAMPLE.name.len();
                assert!(told[0].is_err() || cut == 0 || cut >= name_ends, "{system} {cut}");
            }
        }
    }

    #[test]
    fn a_message_without_a_name_is_an_error() {
        for (system, layout) in SYSTEMS {
            let nameless = |change: &dyn Fn(&mut Vec<u8>)| {
                let mut bytes = message(&layout, &SAMPLE);
                change(&mut bytes);
                let info = told(&bytes, &layout)[0].map_err(|error| error.reason);
                info.map(|info| (info.name.to_vec(), info.address.to_vec()))
            };
            let sockaddr = layout.header;
            for change in [
                &(|bytes: &mut Vec<u8>| bytes[layout.addrs] = 0) as &dyn Fn(&mut Vec<u8>),
                &|bytes| bytes[layout.addrs] = 0x11,
                &|bytes| bytes[sockaddr] = 0,
                &|bytes| bytes[sockaddr] = 255,
                &|bytes| bytes[sockaddr + SDL_NLEN] = 0,
                &|bytes| bytes[sockaddr + SDL_NLEN] = 255,
            ] {
                assert_eq!(nameless(change), Err(IflistReason::Nameless), "{system}");
            }
            // An address that does not fit is none.
            let no_address = nameless(&|bytes| bytes[sockaddr + SDL_ALEN] = 255).unwrap();
            assert_eq!(no_address, (b"vtnet0".to_vec(), Vec::new()));
        }
    }

    #[test]
    fn openbsds_header_tells_its_own_length() {
        let mut bytes = message(&OPENBSD, &SAMPLE);
        let at = OPENBSD.header;
        // A later one, with more at its end.
        bytes.splice(at..at, [0xff; 8]);
        let (length, header) = (bytes.len(), at + 8);
        bytes[..2].copy_from_slice(&u16::try_from(length).unwrap().to_ne_bytes());
        bytes[4..6].copy_from_slice(&u16::try_from(header).unwrap().to_ne_bytes());
        assert_eq!(told(&bytes, &OPENBSD)[0].unwrap().name, b"vtnet0");
        for header in [0_u16, 24, 100, u16::MAX] {
            bytes[4..6].copy_from_slice(&header.to_ne_bytes());
            let reason = told(&bytes, &OPENBSD)[0].unwrap_err().reason;
            assert_eq!(reason, IflistReason::Short, "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(
            mut bytes in prop::collection::vec(any::<u8>(), 0..600),
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            is_table in any::<bool>(),
        ) {
            for (_, layout) in SYSTEMS {
                if is_table {
                    bytes = [message(&layout, &SAMPLE), message(&layout, &SAMPLE)].concat();
                    for (place, value) in &flips {
                        let place = place.index(bytes.len());
                        bytes[place] = *value;
                    }
                }
                for info in told(&bytes, &layout).into_iter().flatten() {
                    prop_assert!(!info.name.is_empty());
                }
            }
        }
    }
}
