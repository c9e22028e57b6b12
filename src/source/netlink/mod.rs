//! Counters, names, flags and speeds by netlink, at the kernel's own cost (Linux 4.7 and later).
//!
//! A table of all interfaces is filled by one `RTM_GETLINK` dump and kept current by the events of
//! `RTNLGRP_LINK`. A reading is one `RTM_GETSTATS` dump, joined into the table by the interfaces'
//! numbers. Speeds are asked for by ethtool netlink when an interface is new, when an event named
//! it or what it is stacked on, and when they have grown old.

mod links;
mod socket;
mod speed;

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use self::links::Links;
use self::socket::{Dump, Event, Socket};
use self::speed::{Speeds, Way};
use crate::interface::Counters;
use crate::parse::netlink::rtnl_link::{self, LinkMessage};
use crate::parse::netlink::rtnl_stats::{self, Stats};
use crate::parse::netlink::{Message, messages};

pub use self::links::Link;
pub use self::socket::NetlinkError;

/// How long a line waits for the speed of an interface that is new or was named by an event.
const SPEED_WAIT: Duration = Duration::from_millis(100);

/// How many interfaces are asked for one by one after a dump that may lack some.
const MAX_SINGLE: usize = 64;

/// Why this gather has no counters by netlink.
#[derive(Debug)]
pub enum ReadError {
    /// A driver has been asked for its speed for so long that the kernel's lock is held. The
    /// counters can be had from `/proc/net/dev`, which does not take it; with `true`, the table of
    /// interfaces is current nevertheless.
    Busy(bool),
    /// Netlink failed. The next reading starts anew.
    Failed(NetlinkError),
}

impl From<NetlinkError> for ReadError {
    fn from(error: NetlinkError) -> Self {
        Self::Failed(error)
    }
}

/// Why netlink cannot be used at all.
#[derive(Debug)]
pub enum OpenError {
    /// A socket or a first request failed.
    Netlink(NetlinkError),
    /// There is no thread to ask for speeds on.
    Thread(io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Netlink(error) => error.fmt(f),
            Self::Thread(error) => write!(f, "no thread: {error}"),
        }
    }
}

impl From<NetlinkError> for OpenError {
    fn from(error: NetlinkError) -> Self {
        Self::Netlink(error)
    }
}

/// The network namespace that this process lives in, read by netlink.
///
/// All memory is used again from one gather to the next.
#[derive(Debug)]
pub struct Netlink {
    requests: Socket,
    events: Socket,
    speeds: Speeds,
    links: Links,
    /// Whether the table has seen every event.
    is_current: bool,
    /// Whether the sockets have to be opened anew.
    is_broken: bool,
    /// The number of the last reading.
    read: u64,
    /// Counters of interfaces that the table lacks.
    strangers: Vec<Stats>,
}

impl Netlink {
    /// Opens the sockets, and reads once.
    ///
    /// # Errors
    ///
    /// [`OpenError`], where the kernel lacks or forbids any of it.
    pub fn open() -> Result<Self, OpenError> {
        let speeds = Speeds::start(Way::open()).map_err(OpenError::Thread)?;
        let mut netlink = Self::over(Socket::route()?, Socket::link_events()?, speeds);
        match netlink.try_read() {
            Err(error @ (NetlinkError::Call(..) | NetlinkError::Refused(_))) => Err(error.into()),
            // Another time it may go well.
            Err(_) => Ok(Self { is_broken: true, ..netlink }),
            Ok(()) => Ok(netlink),
        }
    }

    fn over(requests: Socket, events: Socket, speeds: Speeds) -> Self {
        Self {
            requests,
            events,
            speeds,
            links: Links::default(),
            is_current: false,
            is_broken: false,
            read: 0,
            strangers: Vec::new(),
        }
    }

    /// Becomes readable when there are events to [`follow`](Self::follow).
    #[must_use]
    pub fn events(&self) -> BorrowedFd<'_> {
        self.events.fd()
    }

    /// Takes in the events that are there.
    pub fn follow(&mut self) {
        let Self { events, links, .. } = self;
        loop {
            match events.next_event() {
                Ok(None) => break,
                Ok(Some(Event::Datagram(datagram))) => {
                    for message in messages(datagram) {
                        if let Some(link) = message.ok().as_ref().and_then(LinkMessage::of) {
                            links.apply(&link);
                        }
                    }
                }
                Ok(Some(Event::Lost)) => self.is_current = false,
                Err(_) => {
                    self.is_broken = true;
                    break;
                }
            }
        }
        links.forget_named_speeds();
    }

    /// Reads the counters of every interface.
    ///
    /// # Errors
    ///
    /// [`ReadError`], when they have to come from elsewhere this time.
    pub fn read(&mut self) -> Result<(), ReadError> {
        if self.speeds.is_stuck() {
            return Err(ReadError::Busy(self.is_current && !self.is_broken));
        }
        let read = self.try_read();
        if read.is_err() {
            self.is_broken = true;
        }
        Ok(read?)
    }

    fn try_read(&mut self) -> Result<(), NetlinkError> {
        if self.is_broken {
            self.requests = Socket::route()?;
            self.events = Socket::link_events()?;
            self.is_broken = false;
            self.is_current = false;
        }
        if !self.is_current {
            self.take_stock()?;
        }
        self.read_counters()
    }

    /// Takes the counters that were read elsewhere in, by the names of the interfaces.
    pub fn take_counters<'a>(&mut self, rows: impl Iterator<Item = (&'a [u8], Counters)>) {
        self.read += 1;
        let mut names: Vec<_> =
            self.links.iter().map(|link| (link.name.clone(), link.ifindex)).collect();
        names.sort_unstable();
        for (name, counters) in rows {
            let found = names.binary_search_by(|(known, _)| known.as_slice().cmp(name));
            if let Some((_, ifindex)) = found.ok().and_then(|place| names.get(place)) {
                let stats = Stats { ifindex: *ifindex, counters };
                self.links.set_counters(&stats, self.read, 0);
            }
        }
    }

    /// The interfaces in the order of their numbers, each with its counters of the last reading;
    /// without, when that did not find it.
    pub fn links(&self) -> impl Iterator<Item = (&Link, Option<&Counters>)> {
        self.links.read_in(self.read)
    }

    /// Another one whenever the table holds other interfaces, or other names or flags.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.links.version()
    }

    /// Says of each interface, by its place in the table, how old its speed may get; `None` for one
    /// that nobody reports.
    pub fn set_speed_refresh(&mut self, speed_refresh: impl Fn(usize) -> Option<Duration>) {
        self.links.set_speed_refresh(speed_refresh);
    }

    /// Asks for the speeds that the next lines cannot do without, and waits for them, but not for
    /// slow drivers.
    pub fn fetch_speeds(&mut self) {
        let now = Instant::now();
        self.take_answers(now);
        let questions = self.links.needed_speeds(now);
        if !questions.is_empty() {
            self.ask(questions);
            self.speeds.wait(SPEED_WAIT);
            self.take_answers(Instant::now());
        }
    }

    /// Asks for the speeds that have grown old, and waits for none.
    pub fn refresh_speeds(&mut self) {
        let questions = self.links.old_speeds(Instant::now());
        if !questions.is_empty() {
            self.ask(questions);
        }
    }

    fn ask(&self, questions: Vec<speed::Question>) {
        if self.links.may_ask_all(questions.len()) {
            self.speeds.ask_all(questions);
        } else {
            self.speeds.ask(questions.into_iter());
        }
    }

    fn take_answers(&mut self, now: Instant) {
        let Self { speeds, links, .. } = self;
        speeds.take_answers(|answer| links.set_speed(&answer, now));
    }

    /// Fills the table anew.
    fn take_stock(&mut self) -> Result<(), NetlinkError> {
        const TRIES: usize = 3;
        for _ in 0..TRIES {
            // Where some were lost, the others may be older than what the dump tells.
            while self.events.next_event()?.is_some() {}
            self.is_current = true;
            self.dump_links()?;
            // What happened since the dump began.
            self.follow();
            if self.is_current {
                return Ok(());
            }
        }
        Err(NetlinkError::Overrun)
    }

    fn dump_links(&mut self) -> Result<(), NetlinkError> {
        let Self { requests, links, .. } = self;
        links.clear_marks();
        let apply = |message: &Message<'_>| {
            if let Some(link) = LinkMessage::of(message) {
                links.apply(&link);
            }
        };
        let is_whole = dump_twice(requests, rtnl_link::request_all, apply)?;
        // The dump may have left one out that is there.
        for (number, ifindex) in self.links.unmarked().into_iter().enumerate() {
            if is_whole || number >= MAX_SINGLE || !self.ask_for_link(ifindex)? {
                self.links.apply(&LinkMessage::Gone(ifindex));
            }
        }
        Ok(())
    }

    /// Takes one interface in; returns whether it is there.
    fn ask_for_link(&mut self, ifindex: u32) -> Result<bool, NetlinkError> {
        let Self { requests, links, .. } = self;
        let answer = requests.get(
            |buffer, sequence| rtnl_link::request_one(buffer, sequence, ifindex),
            |message| {
                if let Some(link) = LinkMessage::of(message) {
                    links.apply(&link);
                }
            },
        );
        match answer {
            Ok(()) => Ok(true),
            Err(NetlinkError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read_counters(&mut self) -> Result<(), NetlinkError> {
        self.read += 1;
        self.strangers.clear();
        let mut next = 0;
        let Self { requests, links, strangers, read, .. } = self;
        let take = |message: &Message<'_>| {
            let Some(stats) = Stats::of(message) else { return };
            match links.set_counters(&stats, *read, next) {
                Some(place) => next = place + 1,
                None => strangers.push(stats),
            }
        };
        let is_whole = dump_twice(requests, rtnl_stats::request_all, take)?;
        if !is_whole {
            self.read_missing()?;
        }
        self.meet_strangers()
    }

    /// Reads those that the dump left out, one by one.
    fn read_missing(&mut self) -> Result<(), NetlinkError> {
        let missing: Vec<_> = self.links.unread(self.read).take(MAX_SINGLE).collect();
        for ifindex in missing {
            let answer = self.requests.get(
                |buffer, sequence| rtnl_stats::request_one(buffer, sequence, ifindex),
                Stats::of,
            );
            match answer {
                Ok(Some(stats)) => {
                    self.links.set_counters(&stats, self.read, 0);
                }
                Ok(None) | Err(NetlinkError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes those in that came since the table was filled, or that its dump left out.
    fn meet_strangers(&mut self) -> Result<(), NetlinkError> {
        let strangers = std::mem::take(&mut self.strangers);
        if !strangers.is_empty() {
            // They may have names that others had until now.
            self.catch_up()?;
        }
        let mut is_asked = false;
        for stats in strangers.iter().take(MAX_SINGLE) {
            if self.links.set_counters(stats, self.read, 0).is_none() {
                is_asked = true;
                if self.ask_for_link(stats.ifindex)? {
                    self.links.set_counters(stats, self.read, 0);
                }
            }
        }
        if is_asked {
            self.catch_up()?;
        }
        self.strangers = strangers;
        Ok(())
    }

    /// Makes the table what it is after the events that are there.
    fn catch_up(&mut self) -> Result<(), NetlinkError> {
        self.follow();
        if self.is_current { Ok(()) } else { self.take_stock() }
    }
}

/// Dumps once, and a second time where the first one was disturbed. Returns whether it is all
/// there is.
fn dump_twice(
    socket: &mut Socket,
    request: fn(&mut Vec<u8>, u32),
    mut each: impl FnMut(&Message<'_>),
) -> Result<bool, NetlinkError> {
    match socket.dump(request, &mut each) {
        Ok(Dump::Whole) => return Ok(true),
        Ok(Dump::Interrupted | Dump::CutOff) | Err(NetlinkError::Truncated) => {}
        Err(error) => return Err(error),
    }
    Ok(socket.dump(request, each)? == Dump::Whole)
}
