//! What is known of one network interface: plain data, whatever kernel interface it came from.

use std::time::Duration;

use smallvec::SmallVec;

use super::counters::{Counters, MoreCounters};
use super::interface_protocols::InterfaceProtocols;
use super::link::{Duplex, Flags, LinkModes, LinkState, SPEED_UNKNOWN};
use super::properties::Properties;
use super::protocol::Groups;
use super::rates::{Rates, Reading};

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
    pub protocols: InterfaceProtocols,
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
    pub link_state: bool,
    /// [`MoreCounters`].
    pub all_counters: bool,
    /// [`Rates`].
    pub rates: bool,
    /// Which statistics of IPv6 per interface.
    pub interface_protocols: Groups,
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
            link_state: self.link_state || other.link_state,
            all_counters: self.all_counters || other.all_counters,
            rates: self.rates || other.rates,
            interface_protocols: self.interface_protocols.or(other.interface_protocols),
        }
    }

    /// Whether any of [`Details`] is wanted.
    #[must_use]
    pub fn details(self) -> bool {
        Self { flags: false, ..self } != Self::default()
    }

    /// Whether lines have anything beside counters that is one interface's alone, so that counters under its name
    /// that may be those of another one will not do.
    #[must_use]
    pub fn identity(self) -> bool {
        let Self { properties, link_state, rates, interface_protocols, .. } = self;
        properties || link_state || rates || interface_protocols != Groups::default()
    }
}

/// The name of an interface, which takes no memory beside the interface's own where it is as short as
/// Linux has them (`IFNAMSIZ`).
pub type Name = SmallVec<[u8; 16]>;

/// One interface, as a source knows it after a reading.
#[derive(Debug, Default)]
pub struct Interface {
    /// The kernel's number of it in its network namespace; zero where that is not known.
    pub ifindex: u32,
    /// The kernel's name: any bytes, mostly ASCII.
    pub name: Name,
    /// Its flags, as far as they are known.
    pub presence: Presence,
    /// Another one whenever the interface is another one, or its name, flags or properties are.
    pub generation: u64,
    /// What its driver tells while it is up; `None` when it has not answered yet.
    pub link_modes: Option<LinkModes>,
    /// Whether a table reports it.
    pub is_reported: bool,
    /// How old the answer of its driver may get, where it is reported.
    pub speed_refresh: Duration,
    /// The number of the reading in which what its line shows changed last.
    pub changed: u64,
    /// That it is not told how many packets were dropped on transmit: what the counters have for it is
    /// none.
    pub lacks_drop_out: bool,
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
        if let Some(details) = self.details.as_mut().filter(|_| wants.rates)
            && details.rates.advance(counters, reading)
        {
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
        let Some(details) = &mut self.details else { return };
        if std::mem::take(&mut details.rates).has_any() {
            // Whether its line is written in this reading or in the next one.
            self.changed = self.read + 1;
        }
    }

    /// Takes in whether a table reports it, and how old the answer of its driver may get then.
    pub fn set_reported(&mut self, speed_refresh: Option<Duration>) {
        self.is_reported = speed_refresh.is_some();
        self.speed_refresh = speed_refresh.unwrap_or_default();
    }

    /// Takes in what its driver tells, at that reading.
    pub fn set_link_modes(&mut self, link_modes: Option<LinkModes>, reading: u64) {
        if self.link_modes != link_modes {
            self.link_modes = link_modes;
            self.changed = reading;
        }
    }

    /// How many of the eight counters are told, in the order of their [table](Counters::TABLE): the last
    /// one may not be.
    #[must_use]
    pub fn counters_told(&self) -> usize {
        Counters::COUNT - usize::from(self.lacks_drop_out)
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
pub(crate) mod tests {
    use std::time::Instant;

    use super::*;
    use crate::model::protocol::Group;

    /// Nothing beside counters.
    pub(crate) const NOTHING: Wants = Wants {
        flags: false,
        kind: false,
        properties: false,
        labels: false,
        link_state: false,
        all_counters: false,
        rates: false,
        interface_protocols: Groups::NONE,
    };

    #[test]
    fn what_one_table_wants_another_one_does_not_take_away() {
        let protocols = Groups::from_iter([Group::Ip6]);
        let all = [
            Wants { flags: true, ..NOTHING },
            Wants { kind: true, ..NOTHING },
            Wants { properties: true, ..NOTHING },
            Wants { labels: true, ..NOTHING },
            Wants { link_state: true, ..NOTHING },
            Wants { all_counters: true, ..NOTHING },
            Wants { rates: true, ..NOTHING },
            Wants { interface_protocols: protocols, ..NOTHING },
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
    fn a_line_is_written_again_when_a_rate_is_another_one() {
        let wants = Wants { rates: true, ..Wants::default() };
        let (mut reading, mut interface) = (Reading::default(), Interface::new(1, b"eth0", wants));
        let mut now = Instant::now();
        let changed = [0, 0, 0, 5, 10, 10, 10].map(|bytes_recv| {
            now += Duration::from_secs(1);
            reading.begin(now);
            let counters = Counters { bytes_recv, ..Counters::default() };
            interface.set_counters(&counters, &reading, wants);
            interface.changed
        });
        // The first rates come with the second reading; in the fifth the counter alone is another one.
        assert_eq!(changed, [1, 2, 2, 4, 5, 6, 6]);
        // What has no rates any more does not show old ones.
        interface.forget_rates();
        reading.begin(now + Duration::from_secs(1));
        let counters = Counters { bytes_recv: 10, ..Counters::default() };
        interface.set_counters(&counters, &reading, wants);
        assert_eq!(interface.changed, 8);
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
