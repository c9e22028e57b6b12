//! What interfaces there are: a table in the order of their numbers, kept current by the kernel's
//! messages.

use std::time::{Duration, Instant};

use super::speed::{Answer, Question, SLOW};
use crate::interface::{Counters, Flags, SPEED_UNKNOWN};
use crate::parse::netlink::rtnl_link::{self, LinkMessage};
use crate::parse::netlink::rtnl_stats::Stats;

/// A slow driver is asked so rarely that the others have this many times its time.
const SLOW_REST: u32 = 100;

/// One interface.
#[derive(Debug, Default)]
pub struct Link {
    /// The kernel's number of it in its network namespace.
    pub ifindex: u32,
    /// The kernel's name: any bytes, mostly ASCII.
    pub name: Vec<u8>,
    /// Its flags by the last event.
    pub flags: Flags,
    /// Another one whenever the interface is another one or anything above has changed.
    pub generation: u64,
    lower: Option<u32>,
    master: Option<u32>,
    /// It may be a device with a driver that is slow, or that sleeps while it is down.
    may_be_device: bool,
    counters: Counters,
    /// The number of the reading that the counters are from.
    read: u64,
    /// How old its speed may get; `None` when nobody reports it.
    speed_refresh: Option<Duration>,
    speed: Speed,
    /// Told of by the dump, or touched by the change, that is being worked in.
    mark: bool,
}

/// What is known of an interface's speed.
#[derive(Debug, Default)]
struct Speed {
    /// In Mbit/s; `None` when there is no answer that holds.
    mbits: Option<i64>,
    /// The ticket of the question that is open, if one is.
    open: Option<u64>,
    answered: Option<Instant>,
    /// How long its driver took, where that was measured.
    took: Option<Duration>,
}

/// The table.
#[derive(Debug, Default)]
pub(super) struct Links {
    table: Vec<Link>,
    /// Grows with every change of what [`Link`] tells openly.
    version: u64,
    /// The numbers of those that messages named since the last sweep.
    named: Vec<u32>,
    last_ticket: u64,
}

impl Link {
    /// The speed in Mbit/s, as sysfs tells it: [`SPEED_UNKNOWN`] while the interface is down or when
    /// its driver tells none. `None` while there is no answer.
    #[must_use]
    pub fn speed_mbits(&self) -> Option<i64> {
        if self.flags.is_up() { self.speed.mbits } else { Some(SPEED_UNKNOWN) }
    }

    /// Takes in what the kernel tells now, and returns whether anything of it is new.
    fn update(&mut self, link: &rtnl_link::Link<'_>) -> bool {
        let is_same = self.name == link.name && self.flags == link.flags;
        self.name.clear();
        self.name.extend_from_slice(link.name);
        self.flags = link.flags;
        self.lower = link.lower;
        self.master = link.master;
        // Kernels before 5.14 do not tell of a device; what has a kind was made by software.
        let is_software = link.kind.is_some() || link.flags.is_loopback();
        self.may_be_device = link.has_parent_device || !is_software;
        !is_same
    }

    fn is_asked_for_speed(&self) -> bool {
        self.flags.is_up() && self.speed_refresh.is_some()
    }

    fn is_slow(&self) -> bool {
        self.speed.took.is_some_and(|took| took > SLOW)
    }

    /// Whether its speed has grown older than it may.
    fn is_speed_old(&self, now: Instant) -> bool {
        let rest = self.speed.took.filter(|_| self.is_slow()).unwrap_or_default() * SLOW_REST;
        let limit = self.speed_refresh.unwrap_or(Duration::MAX).max(rest);
        self.speed.answered.is_none_or(|answered| now.duration_since(answered) >= limit)
    }

    /// Whether its speed is to be asked for before its next line.
    fn needs_speed(&self, now: Instant) -> bool {
        let has_none = self.speed.mbits.is_none();
        let is_always_asked = self.speed_refresh == Some(Duration::ZERO);
        self.is_asked_for_speed()
            && self.speed.open.is_none()
            && (has_none || is_always_asked && self.is_speed_old(now))
    }

    /// Whether its speed is to be asked for when there is time.
    fn may_refresh_speed(&self, now: Instant) -> bool {
        self.is_asked_for_speed() && self.speed.open.is_none() && self.is_speed_old(now)
    }
}

impl Links {
    /// Those that a reading found, with their counters, in the order of their numbers.
    pub(super) fn read_in(&self, read: u64) -> impl Iterator<Item = (&Link, Option<&Counters>)> {
        self.table.iter().map(move |link| (link, (link.read == read).then_some(&link.counters)))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.table.iter()
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Takes in an event or a part of a dump.
    pub(super) fn apply(&mut self, message: &LinkMessage<'_>) {
        let ifindex = match message {
            LinkMessage::New(link) => link.ifindex,
            LinkMessage::Gone(ifindex) => *ifindex,
        };
        self.named.push(ifindex);
        let place = self.place(ifindex);
        match (message, place) {
            (LinkMessage::New(new), place) => {
                let place = place.unwrap_or_else(|place| {
                    self.table.insert(place, Link { ifindex, ..Link::default() });
                    place
                });
                let Some(link) = self.table.get_mut(place) else { return };
                if link.master != new.master {
                    self.named.extend(link.master);
                }
                link.mark = true;
                if link.update(new) {
                    self.version += 1;
                    link.generation = self.version;
                }
            }
            (LinkMessage::Gone(_), Ok(place)) => {
                let gone = self.table.remove(place);
                self.named.extend(gone.master);
                self.version += 1;
            }
            (LinkMessage::Gone(_), Err(_)) => {}
        }
    }

    /// Forgets the speeds of those that messages named, and of what is stacked on them: their
    /// VLANs, their bridge or bond, and so on.
    pub(super) fn forget_named_speeds(&mut self) {
        if self.named.is_empty() {
            return;
        }
        self.clear_marks();
        let mut named = std::mem::take(&mut self.named);
        while !named.is_empty() {
            for ifindex in named.drain(..) {
                if let Some(link) = self.get_mut(ifindex).filter(|link| !link.mark) {
                    link.mark = true;
                    link.speed = Speed { took: link.speed.took, ..Speed::default() };
                }
            }
            let is_marked = |ifindex| self.get(ifindex).is_some_and(|link| link.mark);
            for link in &self.table {
                if !link.mark && link.lower.is_some_and(is_marked) {
                    named.push(link.ifindex);
                }
                named.extend(link.master.filter(|&master| {
                    link.mark && self.get(master).is_some_and(|master| !master.mark)
                }));
            }
        }
        self.named = named;
    }

    /// A dump begins.
    pub(super) fn clear_marks(&mut self) {
        for link in &mut self.table {
            link.mark = false;
        }
    }

    /// The numbers of those that the dump since [`clear_marks`](Self::clear_marks) left out.
    pub(super) fn unmarked(&self) -> Vec<u32> {
        self.table.iter().filter(|link| !link.mark).map(|link| link.ifindex).collect()
    }

    /// Takes in the counters of one interface; `hint` is where it may stand. Returns its place, or
    /// `None` for one that is not in the table.
    pub(super) fn set_counters(&mut self, stats: &Stats, read: u64, hint: usize) -> Option<usize> {
        let is_here = |link: &Link| link.ifindex == stats.ifindex;
        let place = match self.table.get(hint) {
            Some(link) if is_here(link) => hint,
            _ => self.place(stats.ifindex).ok()?,
        };
        let link = self.table.get_mut(place)?;
        link.counters = stats.counters;
        link.read = read;
        Some(place)
    }

    /// The numbers of those that this reading has no counters of.
    pub(super) fn unread(&self, read: u64) -> impl Iterator<Item = u32> {
        self.table.iter().filter(move |link| link.read != read).map(|link| link.ifindex)
    }

    /// Says who is reported, and how old its speed may get.
    pub(super) fn set_speed_refresh(&mut self, speed_refresh: impl Fn(usize) -> Option<Duration>) {
        for (place, link) in self.table.iter_mut().enumerate() {
            link.speed_refresh = speed_refresh(place);
        }
    }

    /// Opens a question about every interface whose speed is to be asked for before its next line;
    /// software ones come first.
    pub(super) fn needed_speeds(&mut self, now: Instant) -> Vec<Question> {
        self.questions(|link| link.needs_speed(now))
    }

    /// Opens a question about every interface whose speed has grown old.
    pub(super) fn old_speeds(&mut self, now: Instant) -> Vec<Question> {
        self.questions(|link| link.may_refresh_speed(now))
    }

    fn questions(&mut self, is_due: impl Fn(&Link) -> bool) -> Vec<Question> {
        let mut questions = Vec::new();
        for may_be_device in [false, true] {
            for link in &mut self.table {
                if link.may_be_device == may_be_device && is_due(link) {
                    self.last_ticket += 1;
                    link.speed.open = Some(self.last_ticket);
                    questions.push(Question {
                        ifindex: link.ifindex,
                        name: link.name.clone(),
                        ticket: self.last_ticket,
                        is_slow: link.is_slow(),
                    });
                }
            }
        }
        questions
    }

    /// Whether so many questions are best answered by a dump, which asks every driver: only when
    /// it bothers none that would not be asked anyway, and none of them is slow.
    pub(super) fn may_ask_all(&self, questions: usize) -> bool {
        const MIN_QUESTIONS: usize = 16;
        /// What one question costs in entries of a dump.
        const COST: usize = 8;
        let is_harmless = |link: &Link| {
            let is_known = link.speed.took.is_some() && link.is_asked_for_speed();
            !link.is_slow() && (is_known || !link.may_be_device)
        };
        questions >= MIN_QUESTIONS
            && questions.saturating_mul(COST) >= self.table.len()
            && self.table.iter().all(is_harmless)
    }

    /// Takes in an answer, unless the question is open no longer.
    pub(super) fn set_speed(&mut self, answer: &Answer, now: Instant) {
        let Some(link) = self.get_mut(answer.ifindex) else { return };
        if link.speed.open == Some(answer.ticket) {
            link.speed = Speed {
                mbits: answer.speed_mbits,
                open: None,
                answered: Some(now),
                took: answer.took,
            };
        }
    }

    fn place(&self, ifindex: u32) -> Result<usize, usize> {
        // A dump comes in order.
        match self.table.last() {
            Some(last) if last.ifindex < ifindex => Err(self.table.len()),
            _ => self.table.binary_search_by_key(&ifindex, |link| link.ifindex),
        }
    }

    fn get(&self, ifindex: u32) -> Option<&Link> {
        self.table.get(self.place(ifindex).ok()?)
    }

    fn get_mut(&mut self, ifindex: u32) -> Option<&mut Link> {
        let place = self.place(ifindex).ok()?;
        self.table.get_mut(place)
    }
}
