//! Interfaces by netlink, at the kernel's own cost (Linux 4.7 and later).
//!
//! A table of all interfaces is filled by one `RTM_GETLINK` dump and kept current by the events of
//! `RTNLGRP_LINK`. A reading is one `RTM_GETSTATS` dump, joined into the table by the interfaces'
//! numbers. Drivers are asked for speed and duplex by ethtool netlink when an interface is new, when
//! an event named it or what it is stacked on, and when the last answer has grown old.

mod interface_protocols;
mod links;
mod socket;
mod speed;
mod speed_backend;
mod speed_state;
#[cfg(test)]
pub(crate) mod tests;

use std::fs::File;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;

use self::interface_protocols::Sample;
use self::links::{Links, MessageKind, Queries};
use self::socket::{Dump, Event, Socket};
use self::speed::{SLOW, Speeds};
use self::speed_backend::Backend;
use crate::log::{Level, Problems};
use crate::model::counters::{Counters, MoreCounters};
use crate::model::interface::{Interface, Wants};
use crate::model::rates::Reading;
use crate::parse::netlink::rtnl_link::{self, LinkMessage};
use crate::parse::netlink::rtnl_nsid;
use crate::parse::netlink::rtnl_stats::{self, Stats};
use crate::parse::netlink::{Message, messages};
use crate::parse::proc_net_netlink;
use crate::quoted::Quoted;
use crate::system::linux::Shared;
use crate::system::linux::is_shortage;
use crate::system::unix::file::{self, MAX_TABLE};
use crate::system::{Capabilities, Source};

pub use self::socket::{NetlinkError, Scratch};
pub use self::speed::SpeedThread;

/// How long the lines of a gather wait for the speeds of interfaces that are new or were named by
/// events.
pub const SPEED_WAIT: Duration = SLOW;

/// What all limits of time are multiplied by: in unit tests and where a machine is emulated, a busy one is no slow driver.
const PATIENCE: u32 = if cfg!(any(test, feature = "patient")) { 10 } else { 1 };

/// How many events are taken in at once between two gathers. When there are more, the rest waits for
/// the next gather: whoever makes them shall not keep this process busy.
const MAX_EVENTS: usize = 512;

/// How many are taken in for a gather: more than the socket has room for.
const MAX_QUEUE: usize = 16 << 10;

/// How many datagrams of other processes are passed over at once. Only who rules over the network
/// namespace can send them, and then everything that comes from there is worth no more time.
const MAX_STRAYS: usize = 256;

/// How many interfaces are asked for one by one after a dump that may lack some.
const MAX_SINGLE: usize = 64;

/// Why this gather has no counters by netlink.
#[derive(Debug)]
pub enum ReadError {
    /// A driver has been asked for its speed for so long that the kernel's lock is held. The
    /// counters can be had from `/proc/net/dev`, which does not take it.
    Busy,
    /// Netlink failed. The sockets have to be [replaced](Netlink::replace).
    Failed(NetlinkError),
}

/// The sockets that a network namespace is read by. They stay in the one that they were opened in.
#[derive(Debug)]
pub struct Sockets {
    requests: Socket,
    events: Socket,
    backend: Backend,
    /// The folder `class/net` of the sysfs that may show it.
    class_net: Option<PathBuf>,
}

impl Sockets {
    /// Opens them in the network namespace of this thread.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`], where the kernel lacks or forbids netlink, or has no more room for it.
    pub fn open() -> Result<Self, NetlinkError> {
        let backend = Backend::open()?;
        let (requests, events) = (Socket::route()?, Socket::link_events()?);
        Ok(Self { requests, events, backend, class_net: None })
    }

    /// Takes that sysfs, which may show their network namespace, for what netlink cannot tell.
    #[must_use]
    pub fn with_sysfs(self, sys: &Path) -> Self {
        let class_net = sys.join("class/net");
        Self { backend: self.backend.or_sysfs(&class_net), class_net: Some(class_net), ..self }
    }
}

/// Whether that file `net/netlink` of a proc file system is about the network namespace of this
/// thread: a socket that is opened here stands in it, under the same port and inode.
///
/// # Errors
///
/// [`NetlinkError`], where the kernel lacks or forbids netlink, or it cannot be told at the moment.
pub fn is_about_this_namespace(file: &Path) -> Result<bool, NetlinkError> {
    /// A row may be missed while the kernel's table of sockets grows.
    const LOOKS: usize = 3;
    let socket = Socket::route()?;
    let (port, inode) = socket.identity()?;
    let mut text = Vec::new();
    for _ in 0..LOOKS {
        match file::read(file, MAX_TABLE, &mut text) {
            Ok(()) if proc_net_netlink::has_route_socket(&text, port, inode) => return Ok(true),
            Ok(()) => {}
            Err(error) => match Errno::from_io_error(&error) {
                Some(errno) if is_shortage(errno) => return Err(NetlinkError::Call("open", errno)),
                _ => return Ok(false),
            },
        }
    }
    Ok(false)
}

/// How far the table has followed the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Following {
    /// It has seen every event up to the last look.
    Current,
    /// Some wait that the next gather takes in. Until then, nobody waits for more of them.
    Behind,
    /// Some were lost, or none was seen yet: the next gather fills the table anew.
    Lost,
}

/// One network namespace, read by netlink.
///
/// All memory is used again from one gather to the next.
#[derive(Debug)]
pub struct Netlink {
    requests: Socket,
    events: Socket,
    speeds: Speeds,
    links: Links,
    wants: Wants,
    following: Following,
    /// Whether the sockets are of no more use.
    is_broken: bool,
    reading: Reading,
    /// When all interfaces were asked for last.
    dumped: Option<Instant>,
    /// The version of the table for which it was decided last who is reported.
    decided: Option<u64>,
    /// The numbers of interfaces that the last dump told of and the table lacks.
    unknown: Vec<u32>,
    /// What was told of interfaces' own protocol statistics that is to be compared with files.
    samples: Vec<Sample>,
    /// How many drivers were asked since that was [taken](Source::take_asked).
    asked: usize,
}

impl Netlink {
    /// Over the sockets of a namespace; its drivers are asked by that thread.
    #[must_use]
    pub fn new(sockets: Sockets, speed_thread: &SpeedThread, wants: Wants) -> Self {
        let Sockets { requests, events, backend, class_net } = sockets;
        let speeds = speed_thread.client(backend);
        Self {
            requests,
            events,
            links: Links::new(wants, speeds.wants_names(), class_net),
            speeds,
            wants,
            following: Following::Lost,
            is_broken: false,
            reading: Reading::default(),
            dumped: None,
            decided: None,
            unknown: Vec::new(),
            samples: Vec::new(),
            asked: 0,
        }
    }

    /// Whether the sockets have to be [replaced](Self::replace).
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether it is known which interfaces there are, also if the last reading went wrong: then
    /// their counters can be [taken in](Self::take_counters) from elsewhere.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.following != Following::Lost
    }

    /// Whether no interface was ever told of: there is always a loopback.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.links.interfaces().next().is_none()
    }

    /// Whether a driver can be asked now by other ways too, without waiting for long.
    #[must_use]
    pub fn may_ask_drivers(&self) -> bool {
        !self.speeds.is_stuck() && !self.links.has_slow()
    }

    /// Goes on with other sockets of the same namespace.
    pub fn replace(&mut self, sockets: Sockets) {
        self.requests = sockets.requests;
        self.events = sockets.events;
        self.is_broken = false;
        self.following = Following::Lost;
    }

    /// Becomes readable when there are events to [`follow`](Self::follow).
    #[must_use]
    pub fn events(&self) -> BorrowedFd<'_> {
        self.events.fd()
    }

    /// Whether they are to be waited for: neither while the next gather takes them in anyway, nor from
    /// a socket that fails and would end every wait.
    #[must_use]
    pub fn awaits_events(&self) -> bool {
        self.following == Following::Current
    }

    /// Has the next reading take events in, which cannot be waited for.
    pub fn fall_behind(&mut self) {
        if self.following == Following::Current {
            self.following = Following::Behind;
        }
    }

    /// Takes in the events that are there, between two readings.
    pub fn follow(&mut self, scratch: &mut Scratch) {
        if self.awaits_events() {
            self.follow_up_to(MAX_EVENTS, scratch);
        }
    }

    /// Takes in up to so many events.
    fn follow_up_to(&mut self, limit: usize, scratch: &mut Scratch) {
        let next_reading = self.reading.number + 1;
        let mut strays = 0;
        for _ in 0..limit {
            self.following = match self.events.next_event(scratch) {
                Ok(None) => {
                    self.following = Following::Current;
                    break;
                }
                Ok(Some(Event::Datagram(datagram))) => {
                    for message in messages(datagram) {
                        if let Some(link) = message.ok().as_ref().and_then(LinkMessage::of) {
                            self.links.apply(&link, MessageKind::Change, next_reading);
                        }
                    }
                    Following::Behind
                }
                Ok(Some(Event::Stray)) if strays < MAX_STRAYS => {
                    strays += 1;
                    Following::Behind
                }
                // Sockets that fail, or that are flooded, are replaced.
                lost => {
                    self.is_broken |= !matches!(lost, Ok(Some(Event::Lost)));
                    self.following = Following::Lost;
                    break;
                }
            };
        }
        if self.links.is_unsettled() {
            self.cancel_queries();
        }
    }

    /// Reads the counters of every interface.
    ///
    /// # Errors
    ///
    /// [`ReadError`], when they have to come from elsewhere this time.
    pub fn read_now(&mut self, scratch: &mut Scratch) -> Result<(), ReadError> {
        self.reading.begin(Instant::now());
        if self.speeds.is_stuck() {
            // Counters will be taken in by names, which do not change while the lock is held.
            if self.is_current() {
                self.follow_up_to(MAX_QUEUE, scratch);
            }
            self.settle(self.reading.number);
            return Err(ReadError::Busy);
        }
        self.links.read_drivers();
        let tried = self.try_read(scratch);
        self.settle(self.reading.number);
        tried.map_err(|error| {
            self.is_broken = true;
            ReadError::Failed(error)
        })
    }

    fn try_read(&mut self, scratch: &mut Scratch) -> Result<(), NetlinkError> {
        // What was decided for a table, or is its state, is to be that of this moment.
        let is_of_now = self.is_current() && (self.wants.link_state || self.needs_no_counters());
        if self.following == Following::Behind || is_of_now {
            self.follow_up_to(MAX_QUEUE, scratch);
        }
        if self.following != Following::Current {
            self.resync(scratch)?;
        } else if self.needs_no_counters() {
            return Ok(());
        } else if self.has_silent_labels() || self.has_doubtful_states() {
            self.dump_links(scratch, MessageKind::Snapshot)?;
        }
        self.read_counters(scratch)
    }

    /// Whether nobody asks for counters: it was decided, of all that are there, that none is reported, and
    /// one that will be is not to have rates at once.
    fn needs_no_counters(&self) -> bool {
        let is_any = self.links.interfaces().any(|interface| interface.is_reported);
        self.is_decided() && !is_any && !self.wants.rates
    }

    fn is_decided(&self) -> bool {
        self.decided == Some(self.links.version())
    }

    /// Whether there may be states that changed without an event so far: the kernel holds that of a carrier
    /// back for up to a second where others came just before, and has none for all who want to see all
    /// packets.
    fn has_doubtful_states(&self) -> bool {
        const DELAY: Duration = Duration::from_secs(2);
        let is_within = |then: Option<Instant>, limit: Duration| {
            let both = self.reading.at.zip(then);
            both.is_some_and(|(now, then)| now.saturating_duration_since(then) < limit)
        };
        self.wants.link_state
            && (is_within(self.links.moved(), DELAY)
                || !is_within(self.dumped, self.links.least_speed_refresh()))
    }

    /// Whether there may be aliases and altnames that changed without an event, as they do on an
    /// interface that is down.
    fn has_silent_labels(&self) -> bool {
        self.wants.labels && self.links.has_any_down(self.is_decided())
    }

    /// Reads once, to see whether it can be done; for rates, that does not count.
    ///
    /// # Errors
    ///
    /// [`ReadError`], as from [`read_now`](Self::read_now).
    pub fn try_out(&mut self, scratch: &mut Scratch) -> Result<(), ReadError> {
        let tried = self.read_now(scratch);
        for interface in self.links.interfaces_mut() {
            interface.forget_rates();
        }
        self.reading.forget_gaps();
        tried
    }

    /// Takes the counters in that were read elsewhere at that moment, by the names of the interfaces:
    /// the last reading has those then.
    pub fn take_counters<'a>(
        &mut self,
        rows: impl Iterator<Item = (&'a [u8], &'a Counters, &'a MoreCounters)>,
        at: Instant,
    ) {
        self.reading.restart(at);
        let names = self.links.interfaces().map(|one| (one.name.clone(), one.ifindex));
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        for (name, counters, more) in rows {
            let found = names.binary_search_by(|(known, _)| (**known).cmp(name));
            if let Some((_, ifindex)) = found.ok().and_then(|place| names.get(place)) {
                self.links.set_counters(*ifindex, counters, more, &self.reading);
            }
        }
    }

    /// Asks the drivers that the next lines cannot do without, and waits for them until the deadline,
    /// for a single one no longer than [`SPEED_WAIT`]. Slow ones are not among them.
    pub fn fetch_speeds(&mut self, deadline: Instant) {
        // In this order, so that no answer is missed.
        let is_asking = self.speeds.is_asking();
        let mut is_asked = self.take_replies(Instant::now());
        if is_asking && self.links.has_void_query() {
            // It is put again when the driver has answered.
            self.speeds.wait(deadline, SPEED_WAIT);
            is_asked |= self.take_replies(Instant::now());
        }
        let now = Instant::now();
        let queries = self.links.needed_queries(now);
        is_asked |= self.ask(queries);
        while is_asked {
            self.speeds.wait(deadline, SPEED_WAIT);
            // What a dump left open is asked for singly.
            is_asked = self.take_replies(Instant::now());
        }
    }

    /// Reports what could not be read from sysfs, of speeds and of drivers.
    pub fn report_unread(&self, problems: &mut Problems) {
        if self.speeds.wants_names()
            && let Some((name, error)) = self.links.unread_speeds().next()
        {
            let (name, count) = (Quoted(name), self.links.unread_speeds().count());
            let message = format_args!(
                "cannot read the speed of {name} ({count} in all) from /sys/class/net: {error}: it is \
                 left out"
            );
            problems.report("speeds unread", Level::Warn, message);
        }
        if self.wants.properties
            && let Some((link, error)) = self.links.unread_drivers().next()
        {
            let (link, count) = (link.to_string_lossy(), self.links.unread_drivers().count());
            let message = format_args!(
                "cannot read the driver {link:?} ({count} in all): {error}: the tag driver is left out"
            );
            problems.report("drivers unread", Level::Warn, message);
        }
    }

    /// Returns whether there was anything to ask.
    fn ask(&mut self, queries: Queries) -> bool {
        match queries {
            Queries::Single(queries) if queries.is_empty() => return false,
            Queries::Single(queries) => {
                self.asked += queries.len();
                self.speeds.ask(queries);
            }
            Queries::Dump(id, count) => {
                self.asked += count;
                self.speeds.ask_all(id, count);
            }
        }
        true
    }

    /// Calls that with the name of each interface and each of its alternative names, as far as the
    /// kernel tells them now.
    pub fn each_altname(&mut self, scratch: &mut Scratch, mut each: impl FnMut(&[u8], &[u8])) {
        if self.speeds.is_stuck() {
            return;
        }
        let take = |message: &Message<'_>| {
            if let Some(LinkMessage::New(link)) = LinkMessage::of(message) {
                link.altnames().for_each(|altname| each(link.name, altname));
            }
        };
        // Whatever goes wrong goes wrong again in a reading, which says so.
        self.is_broken |=
            dump_twice(&mut self.requests, scratch, rtnl_link::request_all, take).is_err();
    }

    /// The number by which this network namespace names the one that the file is of, if it does.
    pub fn number_of(&mut self, scratch: &mut Scratch, namespace: &File) -> Option<i32> {
        if self.speeds.is_stuck() {
            return None;
        }
        let fd = namespace.as_raw_fd();
        let ask = |buffer: &mut Vec<u8>, sequence| rtnl_nsid::request(buffer, sequence, fd);
        match self.requests.get(scratch, ask, rtnl_nsid::number_of) {
            Ok(number) => number,
            Err(NetlinkError::Refused(_) | NetlinkError::Truncated) => None,
            // Whatever goes wrong goes wrong again in a reading, which says so.
            Err(_) => {
                self.is_broken = true;
                None
            }
        }
    }

    /// Returns whether something was asked by that.
    fn take_replies(&mut self, now: Instant) -> bool {
        let reading = self.reading.number;
        self.speeds.take_replies(|answer| self.links.set_reply(&answer, now, reading));
        let mut is_asked = false;
        for dump in self.speeds.take_dump_replies() {
            let left = self.links.set_dump_reply(&dump, now, reading);
            is_asked |= self.ask(left);
        }
        is_asked
    }

    /// Fills the table anew.
    fn resync(&mut self, scratch: &mut Scratch) -> Result<(), NetlinkError> {
        const TRIES: usize = 3;
        let is_first = self.is_empty();
        // Without all events, nothing tells which of them are still the same.
        self.links.interfaces_mut().for_each(Interface::forget_rates);
        for _ in 0..TRIES {
            self.drop_events(scratch)?;
            self.dump_links(scratch, MessageKind::Change)?;
            // What happened since the dump began.
            self.follow_up_to(MAX_QUEUE, scratch);
            if self.following == Following::Current {
                if is_first {
                    self.links.forget_moves();
                }
                return Ok(());
            }
        }
        Err(NetlinkError::Overrun)
    }

    /// Empties the queue: where some events were lost, the others may be older than what a dump tells.
    fn drop_events(&mut self, scratch: &mut Scratch) -> Result<(), NetlinkError> {
        let mut strays = 0;
        for _ in 0..MAX_QUEUE {
            match self.events.next_event(scratch)? {
                None => return Ok(()),
                Some(Event::Stray) => strays += 1,
                Some(Event::Datagram(_) | Event::Lost) => {}
            }
            if strays > MAX_STRAYS {
                break;
            }
        }
        Err(NetlinkError::Overrun)
    }

    fn dump_links(&mut self, scratch: &mut Scratch, kind: MessageKind) -> Result<(), NetlinkError> {
        let Self { requests, links, reading, .. } = self;
        links.clear_marks();
        let apply = |message: &Message<'_>| {
            if let Some(link) = LinkMessage::of(message) {
                links.apply(&link, kind, reading.number);
            }
        };
        let is_whole = dump_twice(requests, scratch, rtnl_link::request_all, apply)?;
        self.dumped = self.reading.at;
        // The dump may have left one out that is there.
        for (number, ifindex) in self.links.unmarked().into_iter().enumerate() {
            if is_whole || number >= MAX_SINGLE || !self.ask_for_link(scratch, ifindex)? {
                self.links.apply(&LinkMessage::Gone(ifindex), kind, self.reading.number);
            }
        }
        Ok(())
    }

    /// Makes the table ready to be used, after whatever messages.
    fn settle(&mut self, next_reading: u64) {
        let is_unsettled = self.links.is_unsettled();
        self.links.settle(next_reading);
        if is_unsettled {
            self.cancel_queries();
        }
    }

    /// Takes the queries back that have become void.
    fn cancel_queries(&mut self) {
        self.speeds.cancel(&self.links.take_cancelled());
    }

    /// Takes one interface in; returns whether it is there.
    fn ask_for_link(&mut self, scratch: &mut Scratch, ifindex: u32) -> Result<bool, NetlinkError> {
        let Self { requests, links, reading, .. } = self;
        let answer = requests.get(
            scratch,
            |buffer, sequence| rtnl_link::request_one(buffer, sequence, ifindex),
            |message| {
                if let Some(link) = LinkMessage::of(message) {
                    links.apply(&link, MessageKind::Change, reading.number);
                }
            },
        );
        unless_refused(answer)
    }

    fn read_counters(&mut self, scratch: &mut Scratch) -> Result<(), NetlinkError> {
        self.unknown.clear();
        let mut next = 0;
        let mut is_first = true;
        let Self { requests, links, unknown, reading, .. } = self;
        let take = |message: &Message<'_>| {
            let Some(stats) = Stats::of(message) else { return };
            // The kernel keeps a request waiting while others hold its lock.
            if std::mem::take(&mut is_first) {
                reading.restart(Instant::now());
            }
            match links.set_stats(&stats, reading, next) {
                Some(place) => next = place + 1,
                None => unknown.push(stats.ifindex),
            }
        };
        let is_whole = dump_twice(requests, scratch, rtnl_stats::request_all, take)?;
        if !is_whole {
            let missing: Vec<_> = self.links.unread(&self.reading).take(MAX_SINGLE).collect();
            for ifindex in missing {
                self.ask_for_stats(scratch, ifindex)?;
            }
        }
        if self.unknown.is_empty() { Ok(()) } else { self.add_unknown(scratch) }
    }

    /// Reads the counters of one interface, if it is there.
    fn ask_for_stats(&mut self, scratch: &mut Scratch, ifindex: u32) -> Result<(), NetlinkError> {
        let Self { requests, links, reading, .. } = self;
        let answer = requests.get(
            scratch,
            |buffer, sequence| rtnl_stats::request_one(buffer, sequence, ifindex),
            |message| {
                if let Some(stats) = Stats::of(message) {
                    links.set_stats(&stats, reading, 0);
                }
            },
        );
        unless_refused(answer).map(|_| ())
    }

    /// Takes those in that came since the table was filled, or that its dump left out.
    fn add_unknown(&mut self, scratch: &mut Scratch) -> Result<(), NetlinkError> {
        let mut unknown = std::mem::take(&mut self.unknown);
        unknown.truncate(MAX_SINGLE);
        // They may have names that others had until now.
        self.catch_up(scratch)?;
        let mut is_asked = false;
        for &ifindex in &unknown {
            if self.links.is_read(ifindex, &self.reading).is_none() {
                is_asked |= self.ask_for_link(scratch, ifindex)?;
            }
        }
        if is_asked {
            self.catch_up(scratch)?;
        }
        for &ifindex in &unknown {
            if self.links.is_read(ifindex, &self.reading) == Some(false) {
                self.ask_for_stats(scratch, ifindex)?;
            }
        }
        self.unknown = unknown;
        Ok(())
    }

    /// Makes the table what it is after the events that are there.
    fn catch_up(&mut self, scratch: &mut Scratch) -> Result<(), NetlinkError> {
        self.follow_up_to(MAX_QUEUE, scratch);
        if self.following == Following::Current { Ok(()) } else { self.resync(scratch) }
    }
}

impl Source for Netlink {
    type Shared<'a> = Shared<'a>;
    type Error = ReadError;

    fn name(&self) -> String {
        "netlink".to_owned()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { kinds: true }
    }

    fn read(
        &mut self,
        shared: &mut Shared<'_>,
        problems: &mut Problems,
        _: &mut dyn FnMut() -> bool,
    ) -> Result<(), ReadError> {
        self.read_now(shared.scratch)?;
        self.read_protocols(shared.scratch, problems.log());
        Ok(())
    }

    fn read_details(
        &mut self,
        shared: &mut Shared<'_>,
        deadline: Instant,
        problems: &mut Problems,
        _: &mut dyn FnMut() -> bool,
    ) {
        self.decided = Some(self.links.version());
        self.fetch_speeds(deadline);
        self.report_unread(problems);
        let (wants, reading) = (self.wants, self.reading.number);
        let (Shared { files, scratch }, interfaces) = (shared, self.interfaces_mut());
        let names = &mut scratch.names;
        files.read_interface_protocols(interfaces, wants, reading, names, problems);
        self.prove_protocols(scratch, problems.log());
    }

    /// Asks the drivers whose answers have grown old, and the slow ones, and waits for none. The
    /// kernel's lock may be held from here on, so that no network namespace should be left to be read.
    fn refresh(&mut self) {
        let queries = self.links.due_queries(Instant::now());
        self.ask(queries);
    }

    fn take_asked(&mut self) -> usize {
        std::mem::take(&mut self.asked)
    }

    fn version(&self) -> u64 {
        self.links.version()
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    /// In the order of their numbers.
    fn interfaces(&self) -> impl Iterator<Item = &Interface> + Clone {
        self.links.interfaces()
    }

    fn interfaces_mut(&mut self) -> impl Iterator<Item = &mut Interface> {
        self.links.interfaces_mut()
    }
}

/// Dumps once, and a second time where the first one was disturbed. Returns whether it is all
/// there is.
fn dump_twice(
    socket: &mut Socket,
    scratch: &mut Scratch,
    request: fn(&mut Vec<u8>, u32),
    mut each: impl FnMut(&Message<'_>),
) -> Result<bool, NetlinkError> {
    match socket.dump(scratch, request, &mut each) {
        Ok(Dump::Whole) => return Ok(true),
        Ok(Dump::Interrupted | Dump::CutOff(_)) | Err(NetlinkError::Truncated) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.dump(scratch, request, each)? == Dump::Whole)
}

/// Whether the kernel had an answer.
fn unless_refused(answer: Result<(), NetlinkError>) -> Result<bool, NetlinkError> {
    match answer {
        Ok(()) => Ok(true),
        Err(NetlinkError::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
