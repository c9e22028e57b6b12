//! What one gather has read, as people look at it: plain data that nothing else keeps.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime};

use crate::config::{HostProc, Tag};
use crate::gather::Collector;
use crate::gather::report::Shown;
use crate::model::counters::Counters;
use crate::model::interface::{Interface, Presence};
use crate::model::link::{Flags, LinkState, Operstate, is_known_speed};
use crate::model::properties::Peer;
use crate::model::protocol::ProtocolStatistic;
use crate::select::Verdict;
use crate::system::{Host, NamedByNumber};

use super::Sort;

/// A gather.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When it began, by the monotonic clock.
    pub at: Instant,
    /// The same by the clock on the wall.
    pub time: SystemTime,
    /// What counters were read by, `netlink`.
    pub sources: Vec<String>,
    /// Those that are reported, in the kernel's order, each once.
    pub interfaces: Vec<InterfaceView>,
    /// How many there are, reported or not.
    pub known: usize,
    /// Those statistics that are reported, each once.
    pub protocols: Vec<ProtocolView>,
}

/// Where an interface is: empty for our own network namespace; else the name of another one, behind the
/// folder of its `/proc` where several are read.
pub type Place = Vec<u8>;

/// An interface.
#[derive(Debug, Clone, Default)]
pub struct InterfaceView {
    /// Where it is.
    pub place: Place,
    /// The container that is its place, if that is known.
    pub container: Vec<u8>,
    /// The kernel's number of it there; zero where that is not known.
    pub ifindex: u32,
    /// The kernel's name.
    pub name: Vec<u8>,
    /// What the tag `kind` says; empty where that is not known.
    pub kind: Vec<u8>,
    /// What it can do, `up`; empty where that is not known.
    pub state: &'static str,
    /// Its speed in Mbit/s, where it tells one.
    pub speed_mbits: Option<i64>,
    /// Whether that is one that software made up.
    pub is_speed_made_up: bool,
    /// What is received.
    pub received: Traffic,
    /// What is sent.
    pub sent: Traffic,
    /// What is told beside it.
    pub labels: Labels,
}

/// What the operator and the kernel call an interface and what it belongs to. Empty is what there is none of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Its `ifalias`.
    pub alias: Vec<u8>,
    /// Its alternative names.
    pub altname: Vec<u8>,
    /// The one that it lies upon.
    pub lower: Vec<u8>,
    /// The one that it is a port of.
    pub master: Vec<u8>,
    /// The other end of its pair.
    pub peer: Option<PeerView>,
    /// Its device's driver.
    pub driver: Vec<u8>,
}

/// The other end of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerView {
    /// The one of that name in the same place.
    Here(Vec<u8>),
    /// The one of that number in another network namespace.
    Elsewhere(u32),
    /// The one of that number in that other place, and its name, where that is known.
    In(Place, u32, Option<Vec<u8>>),
}

/// One direction of an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Traffic {
    /// Bytes.
    pub bytes: Count,
    /// Packets.
    pub packets: Count,
    /// Errors.
    pub errors: Count,
    /// Dropped packets; `None` where that is not told.
    pub drops: Option<Count>,
}

/// A counter.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Count {
    /// Since the interface was made.
    pub total: u64,
    /// How much it grows by, where that is known.
    pub per_second: Option<f64>,
}

impl Count {
    /// Whether it grows now.
    #[must_use]
    pub fn grows(&self) -> bool {
        self.per_second.is_some_and(|rate| rate > 0.0)
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let per_second = match (self.per_second, other.per_second) {
            (Some(one), Some(other)) => Some(one + other),
            (one, other) => one.or(other),
        };
        Self { total: self.total.saturating_add(other.total), per_second }
    }
}

/// A statistic of a protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtocolView {
    /// Where it counts.
    pub place: Place,
    /// Its field's name, `tcp_retranssegs`.
    pub field: String,
    /// Its value.
    pub value: i64,
    /// Whether it counts nothing: it may grow and fall.
    pub is_gauge: bool,
}

/// What is known of an interface, reported or not, to tell what others are.
#[derive(Debug, Default)]
struct Relatives {
    /// Of each place and number, the name.
    names: HashMap<(Place, u32), Vec<u8>>,
    /// Of each place and name, whether it is a device, and what it lies upon.
    devices: HashMap<(Place, Vec<u8>), Device>,
    /// Of each place and name, those that are its ports.
    ports: HashMap<(Place, Vec<u8>), Vec<Vec<u8>>>,
}

/// What tells whose speed an interface has.
#[derive(Debug, Default)]
struct Device {
    is_physical: Option<bool>,
    lower: Vec<u8>,
}

impl Snapshot {
    /// Of the last gather, which began then.
    #[must_use]
    pub fn of<H: Host>(collector: &mut Collector<H>, at: Instant, time: SystemTime) -> Self {
        let places = Places::of(collector);
        let (mut relatives, mut known) = (Relatives::default(), 0);
        let (mut interfaces, mut peers) = (Vec::new(), Vec::new());
        let mut protocols = Vec::new();
        // Several tables may report the same.
        let (mut seen, mut seen_protocols) = (HashSet::new(), HashSet::new());
        collector.show(&mut |shown| match shown {
            Shown::Interface { table, tags, interface, counters, verdict } => {
                let place = places.of_table(table, tags);
                known += usize::from(relatives.take(&place, interface));
                let Some(counters) = counters else { return };
                let is_reported = verdict == Verdict::Reported;
                if is_reported && seen.insert((place.clone(), interface.name.to_vec())) {
                    let container = tag(tags, "container").to_vec();
                    interfaces.push(InterfaceView::of(place, container, interface, counters));
                    let details = interface.details.as_ref();
                    let peer = details.and_then(|details| details.properties.peer);
                    peers.push(peer.map(|peer| (peer, table, tag(tags, "namespace").to_vec())));
                }
            }
            Shown::Protocol { table, tags, statistic } => {
                let place = places.of_table(table, tags);
                let ProtocolStatistic { field, value, .. } = statistic;
                let is_gauge = statistic.is_gauge();
                if seen_protocols.insert((place.clone(), field.to_owned())) {
                    protocols.push(ProtocolView {
                        place,
                        field: field.to_owned(),
                        value,
                        is_gauge,
                    });
                }
            }
        });
        let numbers = |(peer, _, namespace): &(Peer, usize, Vec<u8>)| {
            peer.elsewhere.map(|number| (namespace.clone(), number))
        };
        let numbers: NamedByNumber = peers.iter().flatten().filter_map(numbers).collect();
        let names =
            if numbers.is_empty() { HashMap::new() } else { collector.names_by_numbers(&numbers) };
        for (interface, peer) in interfaces.iter_mut().zip(peers) {
            let InterfaceView { place, name, is_speed_made_up, labels, .. } = interface;
            *is_speed_made_up = relatives.is_speed_made_up(place, name);
            labels.peer = peer.and_then(|(peer, table, namespace)| {
                let name = peer.elsewhere.and_then(|number| names.get(&(namespace, number)));
                relatives.peer(place, peer, name.map(|name| places.named(table, name)))
            });
        }
        let sources = collector.sources();
        Self { at, time, sources, interfaces, known, protocols }
    }

    /// How long before this one the other began.
    #[must_use]
    pub fn since(&self, before: &Self) -> Duration {
        self.at.saturating_duration_since(before.at)
    }

    /// Sorts the interfaces, the largest first; those that are alike stay in the kernel's order.
    pub fn sort(&mut self, sort: Sort) {
        let by = |one: &Count| (one.per_second.unwrap_or(0.0), one.total);
        let compare = |(rate, total): (f64, u64), (other_rate, other_total): (f64, u64)| {
            other_rate.total_cmp(&rate).then(other_total.cmp(&total))
        };
        self.interfaces.sort_by(|one, other| match sort {
            Sort::Bytes => compare(by(&one.bytes()), by(&other.bytes())),
            Sort::Drops => compare(by(&one.drops()), by(&other.drops())),
            Sort::Errors => compare(by(&one.errors()), by(&other.errors())),
            Sort::Name => (&one.name, &one.place).cmp(&(&other.name, &other.place)),
        });
    }
}

impl InterfaceView {
    fn of(place: Place, container: Vec<u8>, interface: &Interface, counters: &Counters) -> Self {
        let [sent, recv, packets_sent, packets_recv, err_in, err_out, drop_in, drop_out] =
            counts(interface, counters);
        let has_drop_out = interface.counters_told() == Counters::COUNT;
        let details = interface.details.as_deref();
        let properties = details.map(|details| &details.properties);
        let labels = properties.map(|properties| Labels {
            alias: properties.alias.to_vec(),
            altname: properties.altname.to_vec(),
            lower: properties.lower.to_vec(),
            master: properties.master.to_vec(),
            peer: None,
            driver: properties.driver.to_vec(),
        });
        Self {
            place,
            container,
            ifindex: interface.ifindex,
            name: interface.name.to_vec(),
            kind: Tag::Kind.of(interface).map(|(_, kind)| kind.to_vec()).unwrap_or_default(),
            state: state(interface, details.map(|details| &details.state)),
            speed_mbits: interface.speed_mbits().filter(|&speed| is_known_speed(speed)),
            is_speed_made_up: false,
            received: Traffic {
                bytes: recv,
                packets: packets_recv,
                errors: err_in,
                drops: Some(drop_in),
            },
            sent: Traffic {
                bytes: sent,
                packets: packets_sent,
                errors: err_out,
                drops: has_drop_out.then_some(drop_out),
            },
            labels: labels.unwrap_or_default(),
        }
    }

    /// Bytes of both directions.
    #[must_use]
    pub fn bytes(&self) -> Count {
        self.received.bytes.and(self.sent.bytes)
    }

    /// Errors of both directions.
    #[must_use]
    pub fn errors(&self) -> Count {
        self.received.errors.and(self.sent.errors)
    }

    /// Drops of both directions, as far as they are told.
    #[must_use]
    pub fn drops(&self) -> Count {
        self.received.drops.unwrap_or_default().and(self.sent.drops.unwrap_or_default())
    }

    /// Whether anything of it grows now.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        [&self.received, &self.sent].into_iter().any(|Traffic { bytes, packets, errors, drops }| {
            [bytes, packets, errors].into_iter().chain(drops).any(Count::grows)
        })
    }

    /// Whether any rate of it is known.
    #[must_use]
    pub fn has_rates(&self) -> bool {
        self.received.bytes.per_second.is_some() || self.sent.bytes.per_second.is_some()
    }
}

/// The eight counters, in the order of their table.
fn counts(interface: &Interface, counters: &Counters) -> [Count; Counters::COUNT] {
    let rates = interface.details.as_ref().map(|details| details.rates.per_second);
    let mut rates = rates.into_iter().flatten();
    counters.values().map(|total| Count { total, per_second: rates.next().flatten() })
}

/// What an interface can do, in a word.
fn state(interface: &Interface, state: Option<&LinkState>) -> &'static str {
    let (is_up, carrier, operstate) = match (interface.presence, state) {
        (Presence::Known(flags), state) => (
            Some(flags.is_up()),
            state.and_then(|state| state.carrier),
            state.and_then(|state| state.operstate),
        ),
        (_, Some(state)) => (state.flags.map(Flags::is_up), state.carrier, state.operstate),
        (_, None) => (None, None, None),
    };
    match (is_up, carrier, operstate) {
        (Some(false), ..) => "down",
        (_, _, Some(Operstate::LowerLayerDown)) => "lower-down",
        (_, _, Some(Operstate::NotPresent)) => "absent",
        (_, _, Some(told @ (Operstate::Dormant | Operstate::Testing))) => told.name(),
        (_, Some(false), _) | (_, _, Some(Operstate::Down)) => "no-carrier",
        (Some(true), ..) | (_, Some(true), _) | (_, _, Some(Operstate::Up)) => "up",
        (None, ..) => "",
    }
}

/// What to call the place of each table, beside its namespace.
struct Places(Vec<Place>);

impl Places {
    /// Where tables read several `/proc`, it is the folder of each.
    fn of<H: Host>(collector: &Collector<H>) -> Self {
        let procs = || collector.tables().iter().map(|table| &table.host_proc);
        let are_several = procs().any(|proc| procs().next() != Some(proc));
        let name = |proc: &HostProc| match proc {
            HostProc::Of(folder) if are_several => folder.as_os_str().as_encoded_bytes().to_vec(),
            HostProc::Of(_) | HostProc::Own => Place::new(),
        };
        Self(procs().map(name).collect())
    }

    /// That of what a table reports under these tags.
    fn of_table(&self, table: usize, tags: &[(&'static str, Vec<u8>)]) -> Place {
        self.named(table, tag(tags, "namespace"))
    }

    /// That of the namespace of that name, as a table has it.
    fn named(&self, table: usize, namespace: &[u8]) -> Place {
        let folder = self.0.get(table).map_or(&[][..], Vec::as_slice);
        let parts = [folder, namespace];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join(&b' ')
    }
}

/// The value of a tag; empty where there is none.
fn tag<'a>(tags: &'a [(&'static str, Vec<u8>)], key: &str) -> &'a [u8] {
    tags.iter().find(|(one, _)| *one == key).map_or(&[], |(_, value)| value)
}

impl Relatives {
    /// Takes an interface in, and returns whether it is new.
    fn take(&mut self, place: &Place, interface: &Interface) -> bool {
        let name = interface.name.to_vec();
        let properties = interface.details.as_ref().map(|details| &details.properties);
        let is_physical = properties.and_then(|properties| properties.is_physical);
        let lower = properties.map(|properties| properties.lower.to_vec()).unwrap_or_default();
        let device = Device { is_physical, lower };
        if self.devices.insert((place.clone(), name.clone()), device).is_some() {
            return false;
        }
        if let Some(properties) = properties.filter(|properties| !properties.master.is_empty()) {
            let master = (place.clone(), properties.master.to_vec());
            self.ports.entry(master).or_default().push(name.clone());
        }
        if interface.ifindex != 0 {
            self.names.insert((place.clone(), interface.ifindex), name);
        }
        true
    }

    /// What to call the other end of a pair, which may be in that other place; `None` where it is not known.
    fn peer(&self, place: &Place, peer: Peer, other: Option<Place>) -> Option<PeerView> {
        let Peer { ifindex, elsewhere } = peer;
        let name = |place: &Place| self.names.get(&(place.clone(), ifindex)).cloned();
        match (elsewhere, other) {
            (Some(_), Some(other)) => {
                let name = name(&other);
                Some(PeerView::In(other, ifindex, name))
            }
            (Some(_), None) => Some(PeerView::Elsewhere(ifindex)),
            (None, _) => name(place).map(PeerView::Here),
        }
    }

    /// Whether a speed was made up by software: that of a device is none; a VLAN has that of what it
    /// lies upon, a bond and a bridge have one of their ports'; all else is.
    fn is_speed_made_up(&self, place: &Place, name: &[u8]) -> bool {
        // So deep is no stack.
        self.is_made_up(place, name, 8)
    }

    fn is_made_up(&self, place: &Place, name: &[u8], depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return true };
        let key = (place.clone(), name.to_vec());
        match self.devices.get(&key) {
            Some(Device { is_physical: Some(true) | None, .. }) => false,
            Some(Device { lower, .. }) if !lower.is_empty() => self.is_made_up(place, lower, depth),
            _ => self
                .ports
                .get(&key)
                .is_none_or(|ports| ports.iter().any(|port| self.is_made_up(place, port, depth))),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::interface::Wants;
    use crate::model::properties::Properties;

    /// A gather of these, which began some seconds after the first of a test.
    pub(crate) fn snapshot(second: u64, interfaces: Vec<InterfaceView>) -> Snapshot {
        thread_local!(static START: Instant = Instant::now());
        Snapshot {
            at: START.with(|start| *start) + Duration::from_secs(second),
            // 2026-11-27 16:19:50Z.
            time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_796_390 + second),
            sources: vec!["netlink".to_owned()],
            known: interfaces.len() + 2,
            interfaces,
            protocols: Vec::new(),
        }
    }

    /// One of that kind which is up.
    pub(crate) fn interface(name: &str, kind: &str) -> InterfaceView {
        InterfaceView {
            name: name.as_bytes().to_vec(),
            kind: kind.as_bytes().to_vec(),
            state: "up",
            ..InterfaceView::default()
        }
    }

    /// A counter that grows.
    pub(crate) fn grown(total: u64, per_second: f64) -> Count {
        Count { total, per_second: Some(per_second) }
    }

    /// What takes so many bytes and packets each second.
    pub(crate) fn traffic(bytes: f64, packets: f64) -> Traffic {
        Traffic {
            bytes: grown(1_000_000, bytes),
            packets: grown(1000, packets),
            errors: grown(0, 0.0),
            drops: Some(grown(0, 0.0)),
        }
    }

    fn known(ifindex: u32, name: &str, properties: Properties) -> Interface {
        let wants = Wants { properties: true, ..Wants::default() };
        let mut interface = Interface::new(ifindex, name.as_bytes(), wants);
        interface.details.as_mut().unwrap().properties = properties;
        interface
    }

    #[test]
    fn a_speed_is_made_up_unless_it_is_that_of_a_device() {
        let software = || Properties { is_physical: Some(false), ..Properties::default() };
        let on = |lower: &str| Properties { lower: lower.as_bytes().into(), ..software() };
        let port_of =
            |master: &str, of: Properties| Properties { master: master.as_bytes().into(), ..of };
        let device = || Properties { is_physical: Some(true), ..Properties::default() };
        let (place, mut relatives) = (Place::new(), Relatives::default());
        let interfaces = [
            known(1, "eth0", port_of("bond0", device())),
            known(2, "eth1", port_of("bond0", device())),
            known(3, "bond0", software()),
            known(4, "bond0.5", port_of("br0", on("bond0"))),
            known(5, "br0", software()),
            known(6, "veth0", port_of("br1", software())),
            known(7, "eth2", port_of("br1", device())),
            known(8, "br1", software()),
            known(9, "macvlan0", on("veth0")),
            known(10, "loop0", on("loop1")),
            known(11, "loop1", on("loop0")),
            known(12, "unknown", Properties::default()),
        ];
        for interface in &interfaces {
            assert!(relatives.take(&place, interface));
            assert!(!relatives.take(&place, interface));
        }
        let is_made_up =
            |interface: &&Interface| relatives.is_speed_made_up(&place, &interface.name);
        let made_up = interfaces.iter().filter(is_made_up);
        let made_up: Vec<_> = made_up.map(|one| String::from_utf8_lossy(&one.name)).collect();
        assert_eq!(made_up, ["veth0", "br1", "macvlan0", "loop0", "loop1"]);
        let blue = b"blue".to_vec();
        relatives.take(&blue, &known(6, "eth0", software()));
        let peer =
            |ifindex, elsewhere, other| relatives.peer(&place, Peer { ifindex, elsewhere }, other);
        assert_eq!(peer(6, None, None), Some(PeerView::Here(b"veth0".to_vec())));
        assert_eq!(peer(99, None, None), None);
        assert_eq!(peer(6, Some(0), None), Some(PeerView::Elsewhere(6)));
        let eth0 = Some(b"eth0".to_vec());
        let other = || Some(blue.clone());
        assert_eq!(peer(6, Some(0), other()), Some(PeerView::In(blue.clone(), 6, eth0)));
        assert_eq!(peer(7, Some(0), other()), Some(PeerView::In(blue.clone(), 7, None)));
    }

    #[test]
    fn a_state_is_one_word() {
        let state = |flags: Option<u32>, carrier, operstate| {
            let mut interface = Interface::default();
            if let Some(flags) = flags {
                interface.presence = Presence::Known(Flags(flags));
            }
            let link = LinkState { carrier, operstate, ..LinkState::default() };
            super::state(&interface, Some(&link))
        };
        let (up, down) = (Some(Flags::UP), Some(0));
        for (flags, carrier, operstate, expected) in [
            (up, Some(true), Some(Operstate::Up), "up"),
            // As of a loopback.
            (up, Some(true), Some(Operstate::Unknown), "up"),
            (up, None, None, "up"),
            (up, Some(false), Some(Operstate::Down), "no-carrier"),
            (up, None, Some(Operstate::Down), "no-carrier"),
            (up, Some(false), Some(Operstate::LowerLayerDown), "lower-down"),
            (up, Some(true), Some(Operstate::Dormant), "dormant"),
            (down, None, Some(Operstate::Down), "down"),
            (down, None, None, "down"),
            (None, Some(true), None, "up"),
            (None, None, None, ""),
        ] {
            assert_eq!(
                state(flags, carrier, operstate),
                expected,
                "{flags:?} {carrier:?} {operstate:?}"
            );
        }
    }

    #[test]
    fn the_largest_comes_first_and_what_is_alike_stays_in_its_order() {
        let one = |name: &str, bytes: f64, dropped: (u64, f64)| InterfaceView {
            received: Traffic { drops: Some(grown(dropped.0, dropped.1)), ..traffic(bytes, 1.0) },
            ..interface(name, "veth")
        };
        let interfaces = vec![
            one("c", 5.0, (0, 0.0)),
            one("a", 5.0, (900, 0.0)),
            one("d", 7.0, (900, 0.0)),
            one("b", 6.0, (1, 1.0)),
        ];
        let mut snapshot = snapshot(0, interfaces);
        let sorted = |sort| {
            let mut sorted = snapshot.clone();
            sorted.sort(sort);
            sorted.interfaces.iter().map(|one| char::from(one.name[0])).collect::<String>()
        };
        assert_eq!(sorted(Sort::Bytes), "dbca");
        // Who drops now comes before who dropped once.
        assert_eq!(sorted(Sort::Drops), "badc");
        assert_eq!(sorted(Sort::Errors), "cadb");
        assert_eq!(sorted(Sort::Name), "abcd");
        for interface in &mut snapshot.interfaces {
            interface.received.bytes.per_second = None;
            interface.received.bytes.total = u64::from(interface.name[0]);
        }
        snapshot.sort(Sort::Bytes);
        assert_eq!(snapshot.interfaces[0].name, b"d");
    }
}
