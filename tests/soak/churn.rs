//! Interfaces and namespaces that are made, renamed, swapped, moved and removed, as fast as the kernel does it.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::set_ip_multicast_if_with_ifindex;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::common::machine::{Machine, Named, Sleeper};
use crate::history::{Fact, History, Known};
use crate::random::Random;
use crate::rtnetlink::{New, Rtnetlink};

/// The pairs that there always are.
pub(crate) const PAIRS: usize = 20;

/// The bridges that there always are.
const BRIDGES: usize = 3;

/// The namespaces that stay, beside the machine's own.
const NAMED: [&str; 3] = ["soak-blue", "soak-green", "soak-red"];

/// The names of those that come and go, each with other interfaces.
const PASSING: [&str; 2] = ["soak-here", "soak-there"];

/// The names that interfaces take turns with.
const NAMES: usize = 48;

/// The first identity, which is the interface's number too, in whatever namespace it is.
const FIRST_IDENTITY: u32 = 1000;

/// An Ethernet header, one of IPv4 and one of UDP.
const HEADERS: u32 = 14 + 20 + 8;

/// How many bytes each frame has that an interface sends: a number that others have only long before and after.
pub(crate) fn frame_size(identity: u32) -> u32 {
    64 + identity % 1024
}

/// The other end.
pub(crate) fn peer_of(identity: u32) -> u32 {
    identity ^ 1
}

pub(crate) fn mac_of(identity: u32) -> [u8; 6] {
    let [a, b, c, d] = identity.to_be_bytes();
    [0x02, 0x50, a, b, c, d]
}

/// Whose MAC address that is, if it is one of the soak's.
pub(crate) fn identity_of_mac(mac: &str) -> Option<u32> {
    let digits = mac.strip_prefix("02:50:")?.replace(':', "");
    u32::from_str_radix(&digits, 16).ok()
}

/// Whose alias or alternative name that is: `word17-4`, by the number before the dash.
pub(crate) fn identity_of_word(text: &str) -> Option<u32> {
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_lowercase());
    digits.split_once('-')?.0.parse().ok()
}

/// A network namespace, and what the soak has open in it.
struct Place {
    /// The value of the tag `namespace`, empty for the machine's own.
    tag: String,
    netns: OwnedFd,
    rtnetlink: Rtnetlink,
    socket: Arc<UdpSocket>,
}

impl Place {
    /// The namespace of that file.
    fn open(tag: &str, path: &str) -> Self {
        let netns =
            OwnedFd::from(File::open(path).unwrap_or_else(|error| panic!("{path}: {error}")));
        let inside = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(netns.as_fd(), kind).unwrap();
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.set_multicast_loop_v4(false).unwrap();
            (Rtnetlink::open(), Arc::new(socket))
        };
        let (rtnetlink, socket) = thread::scope(|scope| scope.spawn(inside).join().unwrap());
        Self { tag: tag.to_owned(), netns, rtnetlink, socket }
    }
}

/// Where frames can be sent from: by identity, the namespace's socket.
#[derive(Default)]
pub(crate) struct Targets(Mutex<BTreeMap<u32, Arc<UdpSocket>>>);

impl Targets {
    /// Sends a frame from each of some interfaces. Those that have just gone or are down send none.
    pub(crate) fn send(&self, count: usize, random: &mut Random) {
        let targets = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Its group is one of those that need no route.
        let (group, any) = (Ipv4Addr::new(224, 0, 0, 250), Ipv4Addr::UNSPECIFIED);
        let payload = [0; 2048];
        for _ in 0..count {
            let Some((&identity, socket)) = targets.iter().nth(random.below(targets.len())) else {
                return;
            };
            let length = usize::try_from(frame_size(identity) - HEADERS).unwrap();
            if set_ip_multicast_if_with_ifindex(&**socket, &any, &any, identity).is_ok() {
                let _ = socket.send_to(&payload[..length], (group, 9));
            }
        }
    }
}

/// How fast changes come: one in every second gather, so that there are many of these; and for a second in ten as fast
/// as the kernel does it, while the two wait for each other's locks.
pub(crate) struct Pace {
    start: Instant,
    allowed: Mutex<usize>,
    more: Condvar,
}

impl Default for Pace {
    fn default() -> Self {
        Self { start: Instant::now(), allowed: Mutex::default(), more: Condvar::new() }
    }
}

impl Pace {
    const PERIOD: Duration = Duration::from_secs(10);
    const STORM: Duration = Duration::from_secs(1);
    /// One of so many has a change, or those of a swap.
    const GATHERS: usize = 2;

    /// Allows what goes with the gather of that number.
    pub(crate) fn allow(&self, gather: usize) {
        if gather.is_multiple_of(Self::GATHERS) {
            *self.allowed.lock().unwrap() = 1;
            self.more.notify_one();
        }
    }

    fn wait(&self) {
        let since = self.start.elapsed().as_millis() % Self::PERIOD.as_millis();
        if since < Self::STORM.as_millis() {
            return;
        }
        let allowed = self.allowed.lock().unwrap();
        let limit = Duration::from_millis(100);
        let none = |allowed: &mut usize| *allowed == 0;
        let (mut allowed, _) = self.more.wait_timeout_while(allowed, limit, none).unwrap();
        *allowed = allowed.saturating_sub(1);
    }
}

/// What the churn and those who watch it share.
#[derive(Default)]
pub(crate) struct Shared {
    pub(crate) history: History,
    pub(crate) targets: Targets,
    pub(crate) pace: Pace,
    pub(crate) is_over: AtomicBool,
}

#[derive(Debug, Clone)]
struct Interface {
    identity: u32,
    place: usize,
    name: String,
    is_up: bool,
    altname: Option<String>,
    master: Option<u32>,
}

/// Does one change after the other.
pub(crate) struct Churn<'a> {
    machine: &'a Machine,
    shared: &'a Shared,
    random: Random,
    /// Those that are gone leave a gap.
    places: Vec<Option<Place>>,
    pairs: Vec<[Interface; 2]>,
    bridges: Vec<Interface>,
    passing: Vec<(usize, Named<'a>)>,
    /// The ends outside of those whose namespace was removed: until when is the kernel's business.
    dying: Vec<Interface>,
    next_identity: u32,
    /// Numbers what is set, so that no value comes again.
    serial: u32,
    _sleeper: Sleeper,
}

impl<'a> Churn<'a> {
    /// Makes all that there always is.
    pub(crate) fn new(machine: &'a Machine, shared: &'a Shared, random: Random) -> Self {
        let root = format!("/proc/{}/root", machine.first());
        let mut places = vec![Some(Place::open("", &format!("/proc/{}/ns/net", machine.first())))];
        for name in NAMED {
            std::mem::forget(machine.add(name));
            places.push(Some(Place::open(name, &format!("{root}/run/netns/{name}"))));
        }
        let script = "for each in all default; do \
                      echo 1 > /proc/sys/net/ipv6/conf/$each/disable_ipv6; done; exec cat";
        let sleeper = machine.start(&["unshare", "--net", "sh", "-ec", script]);
        let tag = sleeper.inode();
        places.push(Some(Place::open(&tag, &format!("/proc/{}/ns/net", sleeper.pid))));
        let mut churn = Self {
            machine,
            shared,
            random,
            places,
            pairs: Vec::new(),
            bridges: Vec::new(),
            passing: Vec::new(),
            dying: Vec::new(),
            next_identity: FIRST_IDENTITY,
            serial: 0,
            _sleeper: sleeper,
        };
        for number in 0..BRIDGES {
            // Several in one namespace.
            churn.make_bridge(number % 2);
        }
        for _ in 0..PAIRS {
            let places = [churn.any_place(), churn.any_place()];
            let names = places.map(|place| churn.free_name(place));
            // Not both the same.
            let other = churn.free_name(places[1]);
            let names = if names[0] == names[1] { [names[0].clone(), other] } else { names };
            churn.make_pair(places, &names);
        }
        churn
    }

    /// Goes on until that is over, and then leaves what there always is.
    pub(crate) fn run(mut self) -> Self {
        while !self.shared.is_over.load(Ordering::Relaxed) {
            self.shared.pace.wait();
            self.step();
        }
        while !self.passing.is_empty() {
            self.remove_passing();
        }
        while !self.dying.is_empty() {
            self.bury();
            thread::sleep(Duration::from_millis(1));
        }
        self
    }

    fn step(&mut self) {
        // Those at the end keep the kernel's lock for milliseconds, in which no gather is answered.
        match self.random.below(1000) {
            0..300 => self.rename(),
            300..620 => self.swap(),
            620..740 => self.flip(),
            740..840 => self.set_alias(),
            840..910 => self.change_altname(),
            910..960 => self.set_number(),
            960..988 => self.change_master(),
            988..993 => self.move_away(),
            993..997 => self.make_anew(),
            997..999 => self.make_bridge_anew(),
            _ => self.change_passing(),
        }
        self.bury();
    }

    /// An end of a pair, or now and then a bridge.
    fn any(&mut self) -> Option<Interface> {
        let number = self.random.below(2 * self.pairs.len() + self.bridges.len());
        match self.pairs.get(number / 2) {
            Some(pair) => Some(pair[number % 2].clone()),
            None => self.bridges.get(number - 2 * self.pairs.len()).cloned(),
        }
    }

    fn get_mut(&mut self, identity: u32) -> &mut Interface {
        let pairs = self.pairs.iter_mut().flatten().chain(&mut self.bridges);
        pairs.into_iter().find(|one| one.identity == identity).expect("one of them")
    }

    fn any_place(&mut self) -> usize {
        loop {
            let number = self.random.below(self.places.len());
            if self.places[number].is_some() {
                return number;
            }
        }
    }

    fn place(&mut self, number: usize) -> &mut Place {
        self.places[number].as_mut().expect("a place that is there")
    }

    fn at(&self, place: usize, name: &str) -> String {
        format!("{}/{name}", self.places[place].as_ref().expect("a place that is there").tag)
    }

    fn all(&self) -> impl Iterator<Item = &Interface> {
        self.pairs.iter().flatten().chain(&self.bridges).chain(&self.dying)
    }

    fn free_name(&mut self, place: usize) -> String {
        loop {
            let name = format!("a{}", self.random.below(NAMES));
            if !self.all().any(|one| one.place == place && one.name == name) {
                return name;
            }
        }
    }

    fn word(&mut self, word: &str, identity: u32) -> String {
        self.serial += 1;
        format!("{word}{identity}-{}", self.serial)
    }

    /// Does one request, which changes these facts.
    fn change(
        &mut self,
        what: &str,
        place: usize,
        facts: &[(u32, Fact, String)],
        request: impl FnOnce(&mut Rtnetlink) -> Result<(), Errno>,
    ) -> bool {
        let shared = self.shared;
        let rtnetlink = &mut self.place(place).rtnetlink;
        shared.history.change(what.to_owned(), facts, || match request(rtnetlink) {
            Ok(()) => true,
            // Old kernels rename only what is down.
            Err(Errno::BUSY) if what.starts_with("rename") => false,
            Err(error) => panic!("the soak's own change failed: {what}: {error}"),
        })
    }

    fn rename_to(&mut self, one: &Interface, name: &str) -> bool {
        let (from, to) = (self.at(one.place, &one.name), self.at(one.place, name));
        let identity = one.identity;
        let what = format!("rename {identity}: {from} to {name}");
        let went_well =
            self.change(&what, one.place, &[(identity, Fact::Place, to)], |rtnetlink| {
                rtnetlink.rename(identity, name)
            });
        if went_well {
            name.clone_into(&mut self.get_mut(identity).name);
        }
        went_well
    }

    fn rename(&mut self) {
        let Some(one) = self.any() else { return };
        let name = self.free_name(one.place);
        self.rename_to(&one, &name);
    }

    /// Two take each other's name, by a third one.
    fn swap(&mut self) {
        let Some(one) = self.any() else { return };
        let others = self.pairs.iter().flatten().chain(&self.bridges);
        let others = others.filter(|other| other.place == one.place);
        let others: Vec<_> = others.filter(|other| other.identity != one.identity).collect();
        if others.is_empty() {
            return;
        }
        let other = others[self.random.below(others.len())].clone();
        if !self.rename_to(&one, "third") {
            return;
        }
        let third = Interface { name: "third".to_owned(), ..one.clone() };
        if self.rename_to(&other, &one.name) {
            self.rename_to(&third, &other.name);
        } else {
            self.rename_to(&third, &one.name);
        }
    }

    fn flip(&mut self) {
        // A bridge that is up would forward.
        let Some(one) = self.any().filter(|one| self.is_end(one)) else { return };
        let (identity, is_up) = (one.identity, !one.is_up);
        let what = format!("set {identity} {}", if is_up { "up" } else { "down" });
        let fact = (identity, Fact::AdminUp, u32::from(is_up).to_string());
        self.change(&what, one.place, &[fact], |rtnetlink| rtnetlink.set_up(identity, is_up));
        self.get_mut(identity).is_up = is_up;
    }

    fn is_end(&self, one: &Interface) -> bool {
        self.bridges.iter().all(|bridge| bridge.identity != one.identity)
    }

    fn set_alias(&mut self) {
        let Some(one) = self.any() else { return };
        self.set_alias_of(&one);
    }

    fn set_alias_of(&mut self, one: &Interface) {
        let identity = one.identity;
        let alias = self.word("alias", identity);
        let what = format!("alias {identity}: {alias}");
        let fact = (identity, Fact::Alias, alias.clone());
        self.change(&what, one.place, &[fact], |rtnetlink| rtnetlink.set_alias(identity, &alias));
    }

    fn change_altname(&mut self) {
        let Some(one) = self.any() else { return };
        let identity = one.identity;
        let altname = if let Some(altname) = one.altname {
            let what = format!("altname {identity}: {altname} removed");
            let fact = (identity, Fact::Altname, String::new());
            self.change(&what, one.place, &[fact], |rtnetlink| {
                rtnetlink.remove_altname(identity, &altname)
            });
            None
        } else {
            let altname = self.word("altname", identity);
            let what = format!("altname {identity}: {altname}");
            let fact = (identity, Fact::Altname, altname.clone());
            self.change(&what, one.place, &[fact], |rtnetlink| {
                rtnetlink.add_altname(identity, &altname)
            });
            Some(altname)
        };
        self.get_mut(identity).altname = altname;
    }

    /// Sets a number that tells whose it is: an MTU, or the length of the queue.
    fn set_number(&mut self) {
        let Some(one) = self.any() else { return };
        self.serial += 1;
        let (identity, serial) = (one.identity, self.serial % 8);
        if self.random.below(2) == 0 && self.is_end(&one) {
            let mtu = mtu_of(identity, serial);
            let what = format!("mtu {identity}: {mtu}");
            let fact = (identity, Fact::Mtu, mtu.to_string());
            self.change(&what, one.place, &[fact], |rtnetlink| rtnetlink.set_mtu(identity, mtu));
        } else {
            let length = tx_queue_len_of(identity, serial);
            let what = format!("txqueuelen {identity}: {length}");
            let fact = (identity, Fact::TxQueueLen, length.to_string());
            self.change(&what, one.place, &[fact], |rtnetlink| {
                rtnetlink.set_tx_queue_len(identity, length)
            });
        }
    }

    fn move_away(&mut self) {
        let Some(one) = self.any().filter(|one| self.is_end(one)) else { return };
        let place = self.any_place();
        if place == one.place {
            return;
        }
        // By the same name where that is free.
        let is_free = !self.all().any(|other| other.place == place && other.name == one.name);
        let name = if is_free { one.name.clone() } else { self.free_name(place) };
        let identity = one.identity;
        let (from, to) = (self.at(one.place, &one.name), self.at(place, &name));
        let what = format!("move {identity}: {from} to {to}");
        let facts = [
            (identity, Fact::Place, to),
            (identity, Fact::AdminUp, "0".to_owned()),
            (identity, Fact::Master, String::new()),
        ];
        let netns = self.place(place).netns.try_clone().unwrap();
        self.change(&what, one.place, &facts, |rtnetlink| {
            rtnetlink.move_to(identity, netns.as_fd(), &name)
        });
        *self.get_mut(identity) = Interface { place, name, is_up: false, master: None, ..one };
        self.set_target(identity, place);
    }

    fn set_target(&mut self, identity: u32, place: usize) {
        let socket = self.place(place).socket.clone();
        self.shared.targets.0.lock().unwrap().insert(identity, socket);
    }

    fn new_identity(&mut self) -> u32 {
        let identity = self.next_identity;
        self.next_identity += 1;
        identity
    }

    fn make_pair(&mut self, places: [usize; 2], names: &[String; 2]) {
        self.next_identity = self.next_identity.next_multiple_of(2);
        let identities = [self.new_identity(), self.new_identity()];
        let ends: Vec<_> = (0..2)
            .map(|end| Interface {
                identity: identities[end],
                place: places[end],
                name: names[end].clone(),
                is_up: false,
                altname: None,
                master: None,
            })
            .collect();
        let at = [0, 1].map(|end| self.at(places[end], &names[end]));
        let what = format!("make {} as {}, {} as {}", identities[0], at[0], identities[1], at[1]);
        let facts = [0, 1].map(|end| first_facts(identities[end], at[end].clone())).concat();
        let news = [0, 1].map(|end| new_of(identities[end], &names[end]));
        let netns = self.place(places[1]).netns.try_clone().unwrap();
        let elsewhere = (places[0] != places[1]).then(|| netns.as_fd());
        self.change(&what, places[0], &facts, |rtnetlink| {
            rtnetlink.make_pair(&news[0], &news[1], elsewhere)
        });
        for end in &ends {
            self.set_target(end.identity, end.place);
        }
        self.pairs.push(ends.clone().try_into().expect("two ends"));
        for end in &ends {
            self.set_alias_of(end);
            let (identity, fact) = (end.identity, (end.identity, Fact::AdminUp, "1".to_owned()));
            let what = format!("set {identity} up");
            self.change(&what, end.place, &[fact], |rtnetlink| rtnetlink.set_up(identity, true));
            self.get_mut(identity).is_up = true;
        }
    }

    fn remove_pair(&mut self, number: usize) -> [Interface; 2] {
        let pair = self.pairs.swap_remove(number);
        let identities = [pair[0].identity, pair[1].identity];
        let mut targets = self.shared.targets.0.lock().unwrap();
        for identity in &identities {
            targets.remove(identity);
        }
        drop(targets);
        let what = format!("remove {} and {}", identities[0], identities[1]);
        self.shared.history.leave(&identities);
        self.change(&what, pair[0].place, &[], |rtnetlink| rtnetlink.remove(identities[0]));
        self.shared.history.end(&identities);
        pair
    }

    /// Others have the names of a pair at once, with counters that begin at zero.
    fn make_anew(&mut self) {
        let number = self.random.below(self.pairs.len());
        let mut pair = self.remove_pair(number);
        if self.random.below(2) == 0 {
            pair.reverse();
        }
        let names = [pair[0].name.clone(), pair[1].name.clone()];
        self.make_pair([pair[0].place, pair[1].place], &names);
    }

    fn make_bridge(&mut self, place: usize) {
        let name = self.free_name(place);
        self.make_bridge_named(place, name);
    }

    fn make_bridge_named(&mut self, place: usize, name: String) {
        let identity = self.new_identity();
        let at = self.at(place, &name);
        let what = format!("make {identity} as {at}, a bridge");
        let new = new_of(identity, &name);
        // Its MTU is the least of its ports'.
        let mut facts = first_facts(identity, at);
        facts.retain(|(_, fact, _)| *fact != Fact::Mtu);
        self.change(&what, place, &facts, |rtnetlink| rtnetlink.make_bridge(&new));
        let bridge = Interface { identity, place, name, is_up: false, altname: None, master: None };
        self.bridges.push(bridge.clone());
        self.set_alias_of(&bridge);
    }

    fn make_bridge_anew(&mut self) {
        let number = self.random.below(self.bridges.len());
        let bridge = self.bridges.swap_remove(number);
        let identity = bridge.identity;
        let ports = self.pairs.iter().flatten().filter(|end| end.master == Some(identity));
        let ports: Vec<_> = ports.map(|port| port.identity).collect();
        let facts = ports.iter().map(|&port| (port, Fact::Master, String::new()));
        let facts: Vec<_> = facts.collect();
        let what = format!("remove {identity}, a bridge");
        self.shared.history.leave(&[identity]);
        self.change(&what, bridge.place, &facts, |rtnetlink| rtnetlink.remove(identity));
        self.shared.history.end(&[identity]);
        for port in ports {
            self.get_mut(port).master = None;
        }
        self.make_bridge_named(bridge.place, bridge.name);
    }

    fn change_master(&mut self) {
        let Some(one) = self.any().filter(|one| self.is_end(one)) else { return };
        let bridges = self.bridges.iter().filter(|bridge| bridge.place == one.place);
        let bridges: Vec<_> = bridges.map(|bridge| bridge.identity).collect();
        let master = match one.master {
            Some(_) => None,
            None if bridges.is_empty() => return,
            None => Some(bridges[self.random.below(bridges.len())]),
        };
        let identity = one.identity;
        let number = master.unwrap_or(0);
        let what = format!("master {identity}: {number}");
        let value = master.map(|master| master.to_string()).unwrap_or_default();
        self.change(&what, one.place, &[(identity, Fact::Master, value)], |rtnetlink| {
            rtnetlink.set_master(identity, number)
        });
        self.get_mut(identity).master = master;
    }

    /// A namespace comes, or one goes with all that is in it.
    fn change_passing(&mut self) {
        if self.passing.len() == PASSING.len() || self.random.below(2) == 0 {
            self.remove_passing();
            return;
        }
        let is_used = |name: &&str| !self.passing.iter().any(|(_, named)| named.name == *name);
        let name = PASSING.into_iter().find(is_used).expect("a name that is free");
        self.shared.history.lock().note(format!("namespace {name} comes"));
        let named = self.machine.add(name);
        let file = format!("/proc/{}/root/run/netns/{name}", self.machine.first());
        let place = Place::open(name, &file);
        self.passing.push((self.places.len(), named));
        self.places.push(Some(place));
    }

    fn remove_passing(&mut self) {
        if self.passing.is_empty() {
            return;
        }
        let (number, named) = self.passing.swap_remove(0);
        let is_there = |one: &Interface| one.place == number;
        let pairs = (0..self.pairs.len()).rev();
        let pairs = pairs.filter(|&pair| self.pairs[pair].iter().any(is_there));
        let pairs: Vec<_> = pairs.collect();
        let mut others = Vec::new();
        let mut inside = Vec::new();
        for pair in pairs {
            if self.random.below(2) == 0 {
                self.remove_pair(pair);
                continue;
            }
            let ends = self.pairs.swap_remove(pair);
            let mut targets = self.shared.targets.0.lock().unwrap();
            for end in &ends {
                targets.remove(&end.identity);
            }
            for end in ends {
                if is_there(&end) { inside.push(end.identity) } else { others.push(end) }
            }
        }
        let name = named.name.clone();
        self.shared.history.leave(&inside);
        self.shared.history.leave(&others.iter().map(|end| end.identity).collect::<Vec<_>>());
        self.shared.history.lock().note(format!("namespace {name} goes with {inside:?}"));
        // What is open here would keep it.
        self.places[number] = None;
        named.delete();
        self.shared.history.end(&inside);
        self.shared.history.lock().note(format!("namespace {name} is gone"));
        self.dying.extend(others);
        while self.pairs.len() < PAIRS {
            let places = [self.any_place(), self.any_place()];
            let first = self.free_name(places[0]);
            let mut second = self.free_name(places[1]);
            while second == first {
                second = self.free_name(places[1]);
            }
            self.make_pair(places, &[first, second]);
        }
    }

    /// Looks which of those are gone whose peers went with a namespace.
    fn bury(&mut self) {
        for number in (0..self.dying.len()).rev() {
            let Interface { place, identity, .. } = self.dying[number];
            // A dying one's own namespace may go too.
            let is_gone = match &mut self.places[place] {
                Some(place) => !place.rtnetlink.has(identity),
                None => true,
            };
            if is_gone {
                self.dying.swap_remove(number);
                self.shared.history.end(&[identity]);
            }
        }
    }
}

fn mtu_of(identity: u32, serial: u32) -> u32 {
    2000 + identity % 4096 * 8 + serial
}

fn tx_queue_len_of(identity: u32, serial: u32) -> u32 {
    identity * 8 + serial
}

fn new_of(identity: u32, name: &str) -> New<'_> {
    New {
        index: identity,
        name,
        mac: mac_of(identity),
        mtu: mtu_of(identity, 0),
        tx_queue_len: tx_queue_len_of(identity, 0),
    }
}

/// What is known of one when it is made.
fn first_facts(identity: u32, at: String) -> Vec<(u32, Fact, String)> {
    vec![
        (identity, Fact::Place, at),
        (identity, Fact::Alias, String::new()),
        (identity, Fact::Altname, String::new()),
        (identity, Fact::Mtu, mtu_of(identity, 0).to_string()),
        (identity, Fact::TxQueueLen, tx_queue_len_of(identity, 0).to_string()),
        (identity, Fact::AdminUp, "0".to_owned()),
        (identity, Fact::Master, String::new()),
    ]
}

/// What was changed so far.
pub(crate) fn describe(known: &Known) -> String {
    let all: usize = known.counts.values().map(|(count, _)| count).sum();
    let kinds =
        known.counts.iter().map(|(kind, (count, took))| format!("{kind} {count} ({took:.1?})"));
    format!("{all} changes: {}", kinds.collect::<Vec<_>>().join(", "))
}
