//! What is known of one network interface: plain data, whatever kernel interface it came from.

use std::time::Duration;

use crate::model::protocol::{Groups, ProtocolStatistics};
use crate::model::rates::{Rates, Reading};

pub use crate::model::counters::{Counters, MoreCounters};

/// The device flags of an interface, `IFF_*` of `linux/if.h`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    const IFF_UP: u32 = 0x1;
    const IFF_LOOPBACK: u32 = 0x8;

    /// Whether the interface is administratively up (`IFF_UP`); its carrier does not matter.
    #[must_use]
    pub fn is_up(self) -> bool {
        self.0 & Self::IFF_UP != 0
    }

    /// Whether the interface is a loopback (`IFF_LOOPBACK`), whatever its name.
    #[must_use]
    pub fn is_loopback(self) -> bool {
        self.0 & Self::IFF_LOOPBACK != 0
    }
}

/// What is known of an interface's flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Presence {
    /// The interface's flags.
    Known(Flags),
    /// The interface is there, and its flags cannot be had, or nobody wants them.
    #[default]
    Unknown,
    /// The interface has gone since its counters were read.
    Gone,
}

/// The speed of an interface that has none to tell: it is down, virtual, or its driver keeps quiet.
pub const SPEED_UNKNOWN: i64 = -1;

/// Whether a value of `/sys/class/net/<interface>/speed` is a speed at all: a driver may also say that
/// it is unknown by setting all bits, 32 (`SPEED_UNKNOWN` of `linux/ethtool.h`, unsigned) or the 16 that
/// `struct ethtool_cmd` has in `speed`.
#[must_use]
pub fn is_known_speed(speed_mbits: i64) -> bool {
    const ALL_BITS: [i64; 2] = [0xffff, 0xffff_ffff];
    speed_mbits > 0 && !ALL_BITS.contains(&speed_mbits)
}

/// What the driver of an interface that is up tells of its link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkModes {
    /// In Mbit/s; [`SPEED_UNKNOWN`] when it tells none.
    pub speed_mbits: i64,
    /// `None` when it tells none.
    pub duplex: Option<Duplex>,
}

/// Whether both sides can send at once, in the words of `/sys/class/net/<interface>/duplex`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplex {
    /// They cannot.
    Half,
    /// They can.
    Full,
    /// The driver does not know.
    Unknown,
}

impl Duplex {
    /// The kernel's word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Half => "half",
            Self::Full => "full",
            Self::Unknown => "unknown",
        }
    }
}

/// The operational state of RFC 2863, in the words of `/sys/class/net/<interface>/operstate`.
pub const OPERSTATES: [&str; 7] =
    ["unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up"];

/// The state of a link, which `link_state = true` adds. `None` is what the source does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LinkState {
    /// The kernel's number of the interface in its network namespace.
    pub ifindex: Option<u32>,
    /// Its flags: whether it is administratively up.
    pub flags: Option<Flags>,
    /// Whether the driver sees a carrier; only while the interface is up.
    pub carrier: Option<bool>,
    /// One of [`OPERSTATES`].
    pub operstate: Option<&'static str>,
    /// The largest packet, in bytes.
    pub mtu: Option<u32>,
    /// How often the carrier came or went.
    pub carrier_changes: Option<u32>,
    /// How often it came.
    pub carrier_up_count: Option<u32>,
    /// How often it went.
    pub carrier_down_count: Option<u32>,
    /// How many want to see all packets.
    pub promiscuity: Option<u32>,
    /// The length of the transmit queue, in packets.
    pub tx_queue_len: Option<u32>,
}

/// What an interface is: what tags and filters by kind go by. What is empty or `None` it does not
/// have, or the source does not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    /// What the operator wrote into its `ifalias`.
    pub alias: Box<[u8]>,
    /// Its alternative names, separated by commas.
    pub altname: Box<[u8]>,
    /// Its link-layer address in hexadecimal, `02:00:00:00:00:01`.
    pub mac: Box<[u8]>,
    /// The kind that it was made as, `veth`, `bridge`; most physical ones have none.
    pub kind: Box<[u8]>,
    /// The name of the bridge, bond, team or VRF that it is a port of.
    pub master: Box<[u8]>,
    /// The name of the interface that it lies upon, as a VLAN does.
    pub lower: Box<[u8]>,
    /// The name of its device's driver, `virtio_net`.
    pub driver: Box<[u8]>,
    /// Whether it is a device on a bus, such as PCI, and not made by software.
    pub is_physical: Option<bool>,
}

/// Whether a text of hexadecimal bytes is a link-layer address: a loopback has one of zeros alone, and
/// a tunnel may have none.
#[must_use]
pub fn is_address(text: &[u8]) -> bool {
    let is_hexadecimal = text.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b':');
    is_hexadecimal && text.iter().any(|byte| !matches!(byte, b'0' | b':'))
}

/// What opt-in options ask for, kept apart because most interfaces of most hosts need none of it.
#[derive(Debug, Default)]
pub struct Details {
    /// For tags and for filters by kind.
    pub properties: Properties,
    /// For `link_state`.
    pub state: LinkState,
    /// For `counters = "all"`.
    pub more: MoreCounters,
    /// For `rates`.
    pub rates: Rates,
    /// For `interface_protocols`.
    pub protocols: ProtocolStatistics,
}

/// What of an interface is to be known beside its counters and its speed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are options that know nothing of each other"
)]
pub struct Wants {
    /// [`Interface::presence`].
    pub flags: bool,
    /// [`Properties::kind`] and [`Properties::is_physical`].
    pub kind: bool,
    /// All of [`Properties`].
    pub properties: bool,
    /// [`Properties::alias`] and [`Properties::altname`].
    pub labels: bool,
    /// [`LinkState`] and [`Duplex`].
    pub state: bool,
    /// [`MoreCounters`].
    pub more: bool,
    /// [`Rates`].
    pub rates: bool,
    /// Which statistics of IPv6 per interface.
    pub protocols: Groups,
}

impl Wants {
    /// What either wants.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            flags: self.flags || other.flags,
            kind: self.kind || other.kind,
            properties: self.properties || other.properties,
            labels: self.labels || other.labels,
            state: self.state || other.state,
            more: self.more || other.more,
            rates: self.rates || other.rates,
            protocols: self.protocols.or(other.protocols),
        }
    }

    /// Whether any of [`Details`] is wanted.
    #[must_use]
    pub fn details(self) -> bool {
        Self { flags: false, ..self } != Self::default()
    }
}

/// One interface, as a source knows it after a reading.
#[derive(Debug, Default)]
pub struct Interface {
    /// The kernel's number of it in its network namespace; zero where that is not known.
    pub ifindex: u32,
    /// The kernel's name: any bytes, mostly ASCII.
    pub name: Box<[u8]>,
    /// Its flags, as far as they are known.
    pub presence: Presence,
    /// Another one whenever the interface is another one, or its name, flags or properties are.
    pub generation: u64,
    /// What its driver tells while it is up; `None` when it has not answered yet.
    pub link_modes: Option<LinkModes>,
    /// How old the answer may get; `None` when nobody reports the interface.
    pub speed_refresh: Option<Duration>,
    /// The number of the reading in which what its line shows changed last.
    pub changed: u64,
    /// There when any is wanted.
    pub details: Option<Box<Details>>,
    /// The number of the reading that the counters are from.
    read: u64,
    counters: Counters,
}

impl Interface {
    /// One that is new.
    #[must_use]
    pub fn new(ifindex: u32, name: &[u8], wants: Wants) -> Self {
        let details = wants.details().then(Box::default);
        Self { ifindex, name: name.into(), details, ..Self::default() }
    }

    /// The counters of that reading; `None` when it did not find the interface.
    #[must_use]
    pub fn counters(&self, reading: &Reading) -> Option<&Counters> {
        (self.read == reading.number).then_some(&self.counters)
    }

    /// Takes the counters of a reading in.
    pub fn set_counters(&mut self, counters: &Counters, reading: &Reading, wants: Wants) {
        if self.counters != *counters || self.read == 0 {
            self.changed = reading.number;
        }
        self.counters = *counters;
        self.read = reading.number;
        if let Some(details) = self.details.as_mut().filter(|_| wants.rates) {
            details.rates.advance(counters, reading);
            self.changed = reading.number;
        }
    }

    /// Takes the other counters of a reading in.
    pub fn set_more(&mut self, more: &MoreCounters, reading: &Reading) {
        let Some(details) = &mut self.details else { return };
        if details.more != *more {
            details.more = *more;
            self.changed = reading.number;
        }
    }

    /// Has nothing to compare the next reading with.
    pub fn forget_rates(&mut self) {
        if let Some(details) = &mut self.details {
            details.rates = Rates::default();
        }
    }

    /// Takes in what its driver tells, at that reading.
    pub fn set_link_modes(&mut self, link_modes: Option<LinkModes>, reading: u64) {
        if self.link_modes != link_modes {
            self.link_modes = link_modes;
            self.changed = reading;
        }
    }

    /// The speed in Mbit/s, as sysfs tells it: [`SPEED_UNKNOWN`] while the interface is down or when
    /// its driver tells none. `None` while there is no answer.
    #[must_use]
    pub fn speed_mbits(&self) -> Option<i64> {
        if self.is_down() {
            return Some(SPEED_UNKNOWN);
        }
        self.link_modes.map(|link_modes| link_modes.speed_mbits)
    }

    /// What it is duplex; `None` while it is down, or when its driver tells none.
    #[must_use]
    pub fn duplex(&self) -> Option<Duplex> {
        self.link_modes.filter(|_| !self.is_down())?.duplex
    }

    fn is_down(&self) -> bool {
        matches!(self.presence, Presence::Known(flags) if !flags.is_up())
    }
}

/// The name that Telegraf knows a kernel interface by: without white space at its ends.
///
/// The kernel forbids only ASCII white space in names; Telegraf's reader of `/proc/net/dev` trims
/// what Unicode calls white space. Bytes that are no UTF-8 stay as they are.
#[must_use]
pub fn telegraf_name(kernel_name: &[u8]) -> &[u8] {
    let mut name = kernel_name;
    while let Some(rest) = strip_white_space(name, End::First) {
        name = rest;
    }
    while let Some(rest) = strip_white_space(name, End::Last) {
        name = rest;
    }
    name
}

#[derive(Clone, Copy)]
enum End {
    First,
    Last,
}

/// `name` less one white-space character at that end, if there is one.
fn strip_white_space(name: &[u8], end: End) -> Option<&[u8]> {
    // White-space characters take one to three bytes in UTF-8.
    (1..=3).find_map(|width| {
        let (character, rest) = match end {
            End::First => name.split_at_checked(width)?,
            End::Last => {
                let (rest, character) = name.split_at_checked(name.len().checked_sub(width)?)?;
                (character, rest)
            }
        };
        let mut characters = str::from_utf8(character).ok()?.chars();
        let is_one_space = characters.next()?.is_whitespace() && characters.next().is_none();
        is_one_space.then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::model::protocol::Group;

    #[test]
    fn what_one_table_wants_another_one_does_not_take_away() {
        const NOTHING: Wants = Wants {
            flags: false,
            kind: false,
            properties: false,
            labels: false,
            state: false,
            more: false,
            rates: false,
            protocols: Groups::NONE,
        };
        let protocols = Groups::from_iter([Group::Ip6]);
        let all = [
            Wants { flags: true, ..NOTHING },
            Wants { kind: true, ..NOTHING },
            Wants { properties: true, ..NOTHING },
            Wants { labels: true, ..NOTHING },
            Wants { state: true, ..NOTHING },
            Wants { more: true, ..NOTHING },
            Wants { rates: true, ..NOTHING },
            Wants { protocols, ..NOTHING },
        ];
        for wants in all {
            assert_eq!((wants.or(NOTHING), NOTHING.or(wants)), (wants, wants));
            // Most hosts have no use for details, and some have many interfaces.
            let has_details = Interface::new(1, b"eth0", wants).details.is_some();
            assert_eq!(has_details, !wants.flags, "{wants:?}");
        }
        assert!(Interface::new(1, b"eth0", NOTHING).details.is_none());
    }

    #[test]
    fn the_line_of_an_idle_interface_stays_as_it_was_written() {
        let wants = Wants { flags: true, ..Wants::default() };
        let (mut reading, mut interface) = (Reading::default(), Interface::new(1, b"eth0", wants));
        let changed = [0, 0, 5, 5].map(|bytes_recv| {
            reading.begin(Instant::now());
            let counters = Counters { bytes_recv, ..Counters::default() };
            interface.set_counters(&counters, &reading, wants);
            interface.changed
        });
        assert_eq!(changed, [1, 1, 3, 3]);
    }

    #[test]
    fn white_space_at_the_ends_of_a_name_is_not_telegrafs() {
        let cases: &[(&[u8], &[u8])] = &[
            (b"eth0", b"eth0"),
            (b" \teth0 \r", b"eth0"),
            ("\u{3000}a\u{2003}b\u{85}".as_bytes(), "a\u{2003}b".as_bytes()),
            ("\u{1680}\u{205f}".as_bytes(), b""),
            (b"\x85eth0\x85", b"\x85eth0\x85"),
            ("\u{200b}a".as_bytes(), "\u{200b}a".as_bytes()),
            (b"", b""),
        ];
        for (name, expected) in cases {
            assert_eq!(telegraf_name(name), *expected, "{:?}", String::from_utf8_lossy(name));
        }
    }
}
