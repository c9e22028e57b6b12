//! What interfaces there are: a table in the order of their numbers, kept current by the kernel's
//! messages.

use std::ffi::OsStr;
use std::fs;
use std::num::NonZeroU32;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::speed::{DumpReply, Query, QueryId, Reply};
use super::speed_state::SpeedState;
use crate::model::counters::{Counters, MoreCounters};
use crate::model::interface::{Interface, Name, Presence, Wants};
use crate::model::link::{LinkModes, LinkState};
use crate::model::properties::{is_address, mac};
use crate::model::rates::Reading;
use crate::parse::netlink::rtnl_link::{self, LinkMessage};
use crate::parse::netlink::rtnl_stats::Stats;
use crate::parse::sysfs;
use crate::system::linux::Unread;
use crate::system::unix::file::{self, MAX_ATTRIBUTE};

/// One interface of the table.
#[derive(Debug, Default)]
struct LinkEntry {
    interface: Interface,
    lower: Option<NonZeroU32>,
    master: Option<NonZeroU32>,
    /// It may be a device with a driver that is slow, or that sleeps while it is down.
    may_be_device: bool,
    /// Whether it is one, where the kernel leaves that to sysfs, once that is known.
    is_device: Option<bool>,
    /// How far its driver was asked for its speed.
    speed: SpeedState,
    /// The link to its driver in sysfs, while that cannot be read, and why.
    unread_driver: Option<Box<(PathBuf, Errno)>>,
    /// An event named it, or what it is stacked on, since the table was settled.
    is_invalidated: bool,
    /// Told of by the dump that is being worked in.
    mark: bool,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Links {
    table: Vec<LinkEntry>,
    wants: Wants,
    /// Grows with every change of what an interface is.
    version: u64,
    /// The version that the names of masters and lower ones were looked up for.
    resolved: u64,
    /// Whether messages told of changes since the table was settled.
    is_unsettled: bool,
    /// When an interface or a carrier went or came last, as far as that was told.
    moved: Option<Instant>,
    last_id: Option<QueryId>,
    /// The ids of open queries that have become void.
    cancelled: Vec<QueryId>,
    /// Whether queries tell the interface's name.
    wants_names: bool,
    /// The folder `class/net` of the sysfs that shows this network namespace, if there is one.
    class_net: Option<PathBuf>,
}

/// Queries that were opened.
#[derive(Debug)]
pub(super) enum Queries {
    Single(Vec<Query>),
    /// To be answered by a dump: their id, and how many there are.
    Dump(QueryId, usize),
}

/// Whether a message tells of a change, or answers how things are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MessageKind {
    Change,
    Snapshot,
}

impl LinkEntry {
    /// Whether the kernel tells another carrier now, or that it went and came.
    fn has_other_carrier(&self, link: &rtnl_link::Link<'_>) -> bool {
        let carrier = |state: &LinkState| (state.carrier, state.carrier_changes);
        let details = self.interface.details.as_ref();
        details.is_some_and(|details| carrier(&details.state) != carrier(&link.state))
    }

    /// Takes in what the kernel tells now, and returns whether it is another one by that.
    fn update(
        &mut self,
        link: &rtnl_link::Link<'_>,
        class_net: Option<&Path>,
        wants: Wants,
        next_reading: u64,
    ) -> bool {
        let interface = &mut self.interface;
        let presence = Presence::Known(link.flags);
        let mut is_other = *interface.name != *link.name || interface.presence != presence;
        if *interface.name != *link.name {
            interface.name = link.name.into();
        }
        interface.presence = presence;
        // Their names may be tags.
        let lower = link.lower.and_then(NonZeroU32::new);
        let master = link.master.and_then(NonZeroU32::new);
        is_other |= self.lower != lower || self.master != master;
        (self.lower, self.master) = (lower, master);
        // Kernels before 5.14 do not tell of a device; what has a kind was made by software.
        let is_software = link.kind.is_some() || link.flags.is_loopback();
        self.may_be_device = link.parent.is_some() || !is_software;
        let is_open = self.may_be_device && link.parent.is_none() && self.is_device.is_none();
        if is_open && interface.details.is_some() {
            self.is_device = class_net.and_then(|class_net| has_device(class_net, link));
        }
        let Some(details) = &mut interface.details else { return is_other };
        if details.state != link.state {
            details.state = link.state;
            interface.changed = next_reading;
        }
        let properties = &mut details.properties;
        let mut set = |property: &mut Box<[u8]>, value: &[u8]| {
            if **property != *value {
                *property = value.into();
                is_other = true;
            }
        };
        set(&mut properties.kind, link.kind.unwrap_or_default());
        properties.is_physical = Some(self.is_device.unwrap_or(self.may_be_device));
        if !wants.properties {
            return is_other;
        }
        properties.peer = link.peer;
        set(&mut properties.alias, link.alias);
        set(&mut properties.altname, &link.altnames().collect::<Vec<_>>().join(&b','));
        set(&mut properties.mac, &mac(link.address));
        // An interface has the same driver all its life.
        let shown = class_net.filter(|_| self.is_device == Some(true));
        let device = match (link.parent, shown) {
            _ if !properties.driver.is_empty() => None,
            (Some((bus, device)), _) => Some(device_on_bus(bus, device)),
            (None, shown) => shown.map(|class_net| device_of(class_net, link)),
        };
        if let Some(device) = device {
            is_other |= self.read_driver(device.join("driver"));
        }
        is_other
    }

    /// Reads the name of its driver, and returns whether that is another one than before.
    fn read_driver(&mut self, link: PathBuf) -> bool {
        let Some(details) = &mut self.interface.details else { return false };
        self.unread_driver = None;
        match driver(&link) {
            Ok(driver) if *driver != *details.properties.driver => {
                details.properties.driver = driver;
                return true;
            }
            Ok(_) => {}
            Err(errno) => self.unread_driver = Some(Box::new((link, errno))),
        }
        false
    }

    fn is_up(&self) -> bool {
        matches!(self.interface.presence, Presence::Known(flags) if flags.is_up())
    }

    fn may_be_asked(&self) -> bool {
        self.is_up() && self.interface.is_reported
    }

    /// Whether its driver is to be asked now; `slow` is how many are slow.
    fn is_due(&self, now: Instant, slow: u32) -> bool {
        let Interface { link_modes, speed_refresh, .. } = &self.interface;
        self.may_be_asked() && self.speed.is_due(now, slow, link_modes.is_some(), *speed_refresh)
    }

    /// Whether its next line waits for what its driver tells. A slow one is asked when no network
    /// namespace is left to be read.
    fn is_waited_for(&self) -> bool {
        let is_always_asked = self.interface.speed_refresh.is_zero();
        !self.speed.is_slow() && (is_always_asked || self.interface.link_modes.is_none())
    }

    fn ask(&mut self, id: QueryId, wants_names: bool) -> Query {
        self.speed.open(id);
        let Interface { ifindex, name, .. } = &self.interface;
        let name = if wants_names { name.clone() } else { Name::default() };
        Query { ifindex: *ifindex, name, id, is_slow: self.speed.is_slow() }
    }

    /// Takes in what its driver tells, and how long that took.
    fn take_reply(
        &mut self,
        link_modes: Option<LinkModes>,
        took: Option<Duration>,
        unread: Option<Errno>,
        now: Instant,
        reading: u64,
    ) {
        self.speed.reply(now, took, unread);
        if !self.speed.is_void() {
            self.interface.set_link_modes(link_modes, reading);
        }
    }
}

impl Links {
    pub(super) fn new(wants: Wants, wants_names: bool, class_net: Option<PathBuf>) -> Self {
        Self { wants, wants_names, class_net, ..Self::default() }
    }

    pub(super) fn interfaces(&self) -> impl Iterator<Item = &Interface> + Clone {
        self.table.iter().map(|link| &link.interface)
    }

    pub(super) fn interfaces_mut(&mut self) -> impl Iterator<Item = &mut Interface> {
        self.table.iter_mut().map(|link| &mut link.interface)
    }

    pub(super) fn interface_mut(&mut self, ifindex: u32) -> Option<&mut Interface> {
        self.get_mut(ifindex).map(|link| &mut link.interface)
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Whether there is one that is down, and, with `is_reported`, that is reported.
    pub(super) fn has_any_down(&self, is_reported: bool) -> bool {
        let counts = |link: &LinkEntry| !is_reported || link.interface.is_reported;
        self.table.iter().any(|link| !link.is_up() && counts(link))
    }

    /// When an interface or a carrier went or came last, as far as the kernel has told that.
    pub(super) fn moved(&self) -> Option<Instant> {
        self.moved
    }

    /// All that came was there before.
    pub(super) fn forget_moves(&mut self) {
        self.moved = None;
    }

    /// How old what is told of those that are reported may get: zero where none is.
    pub(super) fn least_speed_refresh(&self) -> Duration {
        let reported = self.interfaces().filter(|interface| interface.is_reported);
        reported.map(|interface| interface.speed_refresh).min().unwrap_or_default()
    }

    /// Whether there is one whose driver was slow.
    pub(super) fn has_slow(&self) -> bool {
        self.table.iter().any(|link| link.speed.is_slow())
    }

    /// Takes in an event, or a part of a dump.
    pub(super) fn apply(
        &mut self,
        message: &LinkMessage<'_>,
        kind: MessageKind,
        next_reading: u64,
    ) {
        let ifindex = match message {
            LinkMessage::New(link) => link.ifindex,
            LinkMessage::Gone(ifindex) => *ifindex,
        };
        let (place, wants) = (self.place(ifindex), self.wants);
        let mut masters = [None, None];
        match (message, place) {
            (LinkMessage::New(new), place) => {
                let place = place.unwrap_or_else(|place| {
                    let interface = Interface::new(ifindex, new.name, wants);
                    self.table.insert(place, LinkEntry { interface, ..LinkEntry::default() });
                    place
                });
                let Self { table, class_net, .. } = self;
                let Some(link) = table.get_mut(place) else { return };
                let master = link.master;
                link.mark = true;
                if link.has_other_carrier(new) {
                    self.moved = Some(Instant::now());
                }
                // One that is new is another one by what is known of its flags.
                if link.update(new, class_net.as_deref(), wants, next_reading) {
                    self.version += 1;
                    link.interface.generation = self.version;
                }
                if link.master != master {
                    masters = [master, link.master];
                }
                if kind == MessageKind::Change {
                    self.invalidate(ifindex, next_reading);
                }
            }
            (LinkMessage::Gone(_), Ok(place)) => {
                let gone = self.table.remove(place);
                masters = [gone.master, None];
                self.cancelled.extend(gone.speed.query());
                self.moved = Some(Instant::now());
                self.is_unsettled = true;
                self.version += 1;
            }
            (LinkMessage::Gone(_), Err(_)) => {}
        }
        for master in masters.into_iter().flatten() {
            self.invalidate(master.get(), next_reading);
        }
    }

    /// Something happened to an interface: what its driver told is void.
    fn invalidate(&mut self, ifindex: u32, next_reading: u64) {
        let Ok(place) = self.place(ifindex) else { return };
        let Some(link) = self.table.get_mut(place) else { return };
        link.is_invalidated = true;
        link.interface.set_link_modes(None, next_reading);
        self.cancelled.extend(link.speed.invalidate());
        self.is_unsettled = true;
    }

    /// Whether messages told of changes since the table was [settled](Self::settle).
    pub(super) fn is_unsettled(&self) -> bool {
        self.is_unsettled
    }

    /// Finishes what messages began, before the table is used: also void is what the drivers told of
    /// all that is stacked on those that were named (their VLANs, their bridge or bond, and so on), and
    /// names may have changed. This walks through the table, as no single event should.
    pub(super) fn settle(&mut self, next_reading: u64) {
        if self.is_unsettled {
            self.invalidate_stacked(next_reading);
            self.is_unsettled = false;
        }
        if self.wants.properties && self.resolved != self.version {
            self.resolve_names();
            self.resolved = self.version;
        }
    }

    fn invalidate_stacked(&mut self, next_reading: u64) {
        loop {
            let is_invalidated =
                |link: NonZeroU32| self.get(link.get()).is_some_and(|link| link.is_invalidated);
            let is_untouched =
                |link: NonZeroU32| self.get(link.get()).is_some_and(|link| !link.is_invalidated);
            let mut stacked = Vec::new();
            for link in &self.table {
                if !link.is_invalidated && link.lower.is_some_and(is_invalidated) {
                    stacked.push(link.interface.ifindex);
                }
                let master =
                    link.master.filter(|&master| link.is_invalidated && is_untouched(master));
                stacked.extend(master.map(NonZeroU32::get));
            }
            if stacked.is_empty() {
                break;
            }
            for ifindex in stacked {
                self.invalidate(ifindex, next_reading);
            }
        }
        for link in &mut self.table {
            link.is_invalidated = false;
        }
    }

    /// Brings the names of masters and lower ones up to date.
    fn resolve_names(&mut self) {
        for place in 0..self.table.len() {
            let Some(link) = self.table.get(place) else { return };
            let name_of = |ifindex: Option<NonZeroU32>| {
                let link = ifindex.and_then(|ifindex| self.get(ifindex.get()));
                link.map_or([].as_slice(), |link| &link.interface.name)
            };
            let (master, lower) = (name_of(link.master), name_of(link.lower));
            let Some(details) = &link.interface.details else { continue };
            let properties = &details.properties;
            if *properties.master == *master && *properties.lower == *lower {
                continue;
            }
            let (master, lower) = (master.into(), lower.into());
            let Some(link) = self.table.get_mut(place) else { return };
            if let Some(details) = &mut link.interface.details {
                details.properties.master = master;
                details.properties.lower = lower;
                self.version += 1;
                link.interface.generation = self.version;
            }
        }
    }

    /// A dump begins.
    pub(super) fn clear_marks(&mut self) {
        for link in &mut self.table {
            link.mark = false;
        }
    }

    /// The numbers of those that the dump since [`clear_marks`](Self::clear_marks) left out.
    pub(super) fn unmarked(&self) -> Vec<u32> {
        let left_out = self.table.iter().filter(|link| !link.mark);
        left_out.map(|link| link.interface.ifindex).collect()
    }

    /// Takes in the counters of one interface; `hint` is where it may stand. Returns its place, or
    /// `None` for one that is not in the table.
    pub(super) fn set_stats(
        &mut self,
        stats: &Stats<'_>,
        reading: &Reading,
        hint: usize,
    ) -> Option<usize> {
        let is_here = |link: &LinkEntry| link.interface.ifindex == stats.ifindex;
        let place = match self.table.get(hint) {
            Some(link) if is_here(link) => hint,
            _ => self.place(stats.ifindex).ok()?,
        };
        let wants = self.wants;
        let interface = &mut self.table.get_mut(place)?.interface;
        interface.set_counters(&stats.counters, reading, wants);
        if wants.all_counters {
            interface.set_more(&stats.more(), reading);
        }
        Some(place)
    }

    /// Takes in the counters that `/proc/net/dev` tells of the interface of that number.
    pub(super) fn set_counters(
        &mut self,
        ifindex: u32,
        counters: &Counters,
        more: &MoreCounters,
        reading: &Reading,
    ) {
        let wants = self.wants;
        if let Some(link) = self.get_mut(ifindex) {
            link.interface.set_counters(counters, reading, wants);
            if wants.all_counters {
                link.interface.set_more(more, reading);
            }
        }
    }

    /// Whether the table has the interface, and the reading found it; `None` when there is none.
    pub(super) fn is_read(&self, ifindex: u32, reading: &Reading) -> Option<bool> {
        self.get(ifindex).map(|link| link.interface.counters(reading).is_some())
    }

    /// The numbers of those that this reading has no counters of.
    pub(super) fn unread(&self, reading: &Reading) -> impl Iterator<Item = u32> {
        let unread = self.interfaces().filter(|interface| interface.counters(reading).is_none());
        unread.map(|interface| interface.ifindex)
    }

    /// Opens a query about every interface whose driver is to be asked before its next line.
    pub(super) fn needed_queries(&mut self, now: Instant) -> Queries {
        self.queries(now, LinkEntry::is_waited_for)
    }

    /// Opens a query about every other interface whose driver is to be asked again.
    pub(super) fn due_queries(&mut self, now: Instant) -> Queries {
        self.queries(now, |link| !link.is_waited_for())
    }

    fn queries(&mut self, now: Instant, are_meant: impl Fn(&LinkEntry) -> bool) -> Queries {
        if !self.table.iter().any(|link| are_meant(link) && link.is_due(now, 1)) {
            return Queries::Single(Vec::new());
        }
        let slow = self.table.iter().filter(|link| link.speed.is_slow()).count();
        let slow = u32::try_from(slow).unwrap_or(u32::MAX);
        let is_meant = |link: &LinkEntry| are_meant(link) && link.is_due(now, slow);
        let count = self.table.iter().filter(|link| is_meant(link)).count();
        if count == 0 {
            return Queries::Single(Vec::new());
        }
        if self.may_ask_all(count) {
            let id = next_id(&mut self.last_id);
            for link in self.table.iter_mut().filter(|link| is_meant(link)) {
                link.speed.open(id);
            }
            return Queries::Dump(id, count);
        }
        let mut queries = Vec::with_capacity(count);
        // Those made by software come first.
        for may_be_device in [false, true] {
            for link in &mut self.table {
                if link.may_be_device == may_be_device && is_meant(link) {
                    let id = next_id(&mut self.last_id);
                    queries.push(link.ask(id, self.wants_names));
                }
            }
        }
        Queries::Single(queries)
    }

    /// Whether so many queries are best answered by a dump, which asks every driver: only when
    /// it bothers none that would not be asked anyway, none of them is slow, and the last dump was not
    /// either.
    fn may_ask_all(&self, queries: usize) -> bool {
        const MIN_QUERIES: usize = 16;
        /// What one query costs in entries of a dump.
        const COST: usize = 8;
        let is_harmless = |link: &LinkEntry| {
            if link.speed.is_measured() {
                !link.speed.is_slow() && (link.may_be_asked() || !link.may_be_device)
            } else {
                !link.may_be_device && link.speed.last().is_none()
            }
        };
        queries >= MIN_QUERIES
            && queries.saturating_mul(COST) >= self.table.len()
            && self.table.iter().all(is_harmless)
    }

    /// The ids of open queries that have become void since the last call.
    pub(super) fn take_cancelled(&mut self) -> Vec<QueryId> {
        std::mem::take(&mut self.cancelled)
    }

    /// Whether a driver is being asked whose answer is void already, and that the next line waits for.
    pub(super) fn has_void_query(&self) -> bool {
        let is_void = |link: &LinkEntry| link.speed.query().is_some() && link.speed.is_void();
        self.table.iter().any(|link| is_void(link) && link.may_be_asked() && link.is_waited_for())
    }

    /// Takes in an answer.
    pub(super) fn set_reply(&mut self, answer: &Reply, now: Instant, reading: u64) {
        let link = self.get_mut(answer.ifindex);
        let is_it = |link: &&mut LinkEntry| link.speed.query() == Some(answer.id);
        let Some(link) = link.filter(is_it) else { return };
        match answer.took {
            None => link.speed.cancel(),
            took => link.take_reply(answer.link_modes, took, answer.unread, now, reading),
        }
    }

    /// Reads the names of drivers that could not be read before.
    pub(super) fn read_drivers(&mut self) {
        if !self.wants.properties {
            return;
        }
        for link in &mut self.table {
            let Some((path, _)) = link.unread_driver.take().map(|unread| *unread) else { continue };
            if link.read_driver(path) {
                self.version += 1;
                link.interface.generation = self.version;
            }
        }
    }

    /// The links to drivers that could not be read, and why.
    pub(super) fn unread_drivers(&self) -> impl Iterator<Item = &(PathBuf, Errno)> {
        self.table.iter().filter_map(|link| link.unread_driver.as_deref())
    }

    /// The names of interfaces whose speeds could not be read from sysfs, and why.
    pub(super) fn unread_speeds(&self) -> impl Iterator<Item = (&[u8], Errno)> {
        let may_be_asked = |link: &&LinkEntry| link.may_be_asked();
        self.table
            .iter()
            .filter(may_be_asked)
            .filter_map(|link| Some((&*link.interface.name, link.speed.unread()?)))
    }

    /// Takes in what a dump told, and opens a query for each that it left open.
    pub(super) fn set_dump_reply(
        &mut self,
        dump: &DumpReply,
        now: Instant,
        reading: u64,
    ) -> Queries {
        let mut left = Vec::new();
        let is_meant = |link: &&mut LinkEntry| link.speed.query() == Some(dump.id);
        for link in self.table.iter_mut().filter(is_meant) {
            if let Some(link_modes) = dump.link_modes(link.interface.ifindex) {
                link.take_reply(Some(link_modes), dump.took, None, now, reading);
                continue;
            }
            let is_void = link.speed.is_void();
            link.speed.cancel();
            if !is_void {
                let id = next_id(&mut self.last_id);
                left.push(link.ask(id, self.wants_names));
            }
        }
        Queries::Single(left)
    }

    fn place(&self, ifindex: u32) -> Result<usize, usize> {
        // A dump comes in order.
        match self.table.last() {
            Some(last) if last.interface.ifindex < ifindex => Err(self.table.len()),
            _ => self.table.binary_search_by_key(&ifindex, |link| link.interface.ifindex),
        }
    }

    fn get(&self, ifindex: u32) -> Option<&LinkEntry> {
        self.table.get(self.place(ifindex).ok()?)
    }

    fn get_mut(&mut self, ifindex: u32) -> Option<&mut LinkEntry> {
        let place = self.place(ifindex).ok()?;
        self.table.get_mut(place)
    }
}

fn next_id(last: &mut Option<QueryId>) -> QueryId {
    *last.insert(last.map_or(QueryId::MIN, |id| id.saturating_add(1)))
}

/// The folder of a device on a bus, in sysfs, which shows buses whatever the network namespace.
fn device_on_bus(bus: &[u8], device: &[u8]) -> PathBuf {
    let devices = Path::new("/sys/bus").join(OsStr::from_bytes(bus)).join("devices");
    devices.join(OsStr::from_bytes(device))
}

/// The folder of an interface's device, below the folder `class/net` of a sysfs.
fn device_of(class_net: &Path, link: &rtnl_link::Link<'_>) -> PathBuf {
    class_net.join(OsStr::from_bytes(link.name)).join("device")
}

/// Whether the interface has a device; `None` where that `class/net` does not show it, as when it is
/// another network namespace's.
fn has_device(class_net: &Path, link: &rtnl_link::Link<'_>) -> Option<bool> {
    let device = device_of(class_net, link);
    let mut text = Vec::new();
    let mut read = |attribute| {
        let path = device.with_file_name(attribute);
        file::read(&path, MAX_ATTRIBUTE, &mut text).ok().map(|()| text.clone())
    };
    let is_it = sysfs::number(&read("ifindex")?) == Some(link.ifindex);
    // Numbers are often the same in two namespaces, addresses are not.
    let address = read("address")?;
    let address = address.trim_ascii();
    let address = if is_address(address) { address } else { &[] };
    (is_it && *mac(link.address) == *address).then(|| device.exists())
}

/// The name of a driver by that link; empty where there is none. What may be told another time is an
/// error.
pub(super) fn driver(link: &Path) -> Result<Box<[u8]>, Errno> {
    match fs::read_link(link) {
        Ok(driver) => Ok(driver.file_name().unwrap_or_default().as_bytes().into()),
        Err(error) => match Unread::of(&error) {
            Unread::Gone | Unread::Nothing => Ok(Box::default()),
            Unread::Failed => Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
        },
    }
}
