//! The network namespaces, beside our own, that tables report: found, entered, read and forgotten.
//!
//! ```text
//! discovered ──(tables want it, limits leave room)──> candidate
//! candidate ──(may be entered)──> entered, by netlink or by files opened inside
//!           ──(may not)─────────> forbidden ──(a process lives in it)──> entered, by the files of that process
//! entered ──(its name goes, its last process ends or leaves)──> forgotten at once
//!         ──(a search does not find it any more)──────────────> forgotten
//! ```
//!
//! A gather searches anew when a name came or went, when processes count, and at least once a minute.

mod facts;
mod numbers;
mod one;
mod search;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use self::one::{EndWatch, OtherNamespace};
use super::Shared;
use super::netlink::{Scratch, SpeedThread};
use super::netns::{self, Machine, Watch};
use super::privileges::{self, LOOK_AT_NAMES};
use super::source::LinuxSource;
use crate::config::{Discovery, SourceOption, Table};
use crate::format::Format;
use crate::gather::namespace::Namespace;
use crate::log::{Level, Problems};
use crate::model::interface::Wants;
use crate::model::protocol::{Groups, ProtocolStatistics};
use crate::quoted::Quoted;

pub(crate) use self::facts::names_of;

/// What [`OtherNamespaces::events`] means: a name came or went.
const NAMES: u64 = 0;

/// Beside the key of a namespace: the process ended that kept it alive.
const END: u64 = 1 << 63;

/// Events that are taken from the kernel at once.
const MAX_EVENTS: usize = 64;

/// After so long it is looked again whether a namespace is still there that no mount keeps alive.
const LOOK: Duration = Duration::from_millis(500);

/// Processes that end make it be looked no more often than so.
const LOOK_AFTER_END: Duration = Duration::from_millis(100);

/// The namespaces of all tables.
#[derive(Debug)]
pub(crate) struct OtherNamespaces {
    format: &'static dyn Format,
    machine: Machine,
    /// The tables that report any.
    tables: Vec<Reporting>,
    /// One of them reports those without a name, too.
    by_processes: bool,
    wants: Wants,
    groups: Groups,
    /// Those of them that the operator named.
    named_groups: Groups,
    entered: Vec<OtherNamespace>,
    watch: Option<Watch>,
    /// The sockets of all namespaces, and the watch.
    epoll: OwnedFd,
    last_key: u64,
    /// Namespaces may have come or gone.
    is_stale: bool,
    /// When they were looked for last.
    searched: Instant,
    /// When it was last looked whether those are still there of whose end no event tells.
    looked: Instant,
    /// The kernel does not tell which sockets have events.
    is_epoll_broken: bool,
    /// Those that this process may not enter, by their keys, and why.
    forbidden: BTreeMap<(u64, PathBuf), String>,
    /// The names of all that there were at the last look; `None` where not all could be looked at.
    names: Option<Vec<Vec<u8>>>,
    /// Files of names that no namespace is mounted on, each with its inode's number, and since when.
    unmounted: BTreeMap<(PathBuf, u64), Instant>,
}

/// A table that reports other namespaces.
#[derive(Debug, Clone, Copy)]
struct Reporting {
    /// Its number in the configuration.
    table: usize,
    by_netlink: bool,
}

impl OtherNamespaces {
    /// For the tables that report other namespaces; `None` if there are none. Without netlink, all
    /// are read by procfs.
    ///
    /// # Errors
    ///
    /// When the system gives no more files; it may another time.
    pub(crate) fn open(
        tables: &[Table],
        format: &'static dyn Format,
        has_netlink: bool,
    ) -> io::Result<Option<Self>> {
        let ours = || tables.iter().enumerate().filter(|(_, table)| is_reporting(table));
        let Some((_, first)) = ours().next() else { return Ok(None) };
        netns::raise_file_limit();
        let machine = Machine::of(&first.host_proc);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|errno| {
            io::Error::other(format!("epoll_create: {}", io::Error::from(errno)))
        })?;
        let by_netlink = |table: &Table| has_netlink && table.source != SourceOption::Procfs;
        Ok(Some(Self {
            format,
            machine,
            tables: ours()
                .map(|(number, table)| Reporting { table: number, by_netlink: by_netlink(table) })
                .collect(),
            by_processes: ours().any(|(_, table)| finds_processes(table)),
            wants: ours().fold(Wants::default(), |wants, (_, table)| wants.or(table.wants())),
            groups: ours()
                .fold(Groups::default(), |groups, (_, table)| groups.or(table.protocol_groups())),
            named_groups: ours()
                .fold(Groups::default(), |groups, (_, table)| groups.or(table.named_groups())),
            entered: Vec::new(),
            watch: None,
            epoll,
            last_key: NAMES,
            is_stale: true,
            searched: Instant::now(),
            looked: Instant::now(),
            is_epoll_broken: false,
            forbidden: BTreeMap::new(),
            names: None,
            unmounted: BTreeMap::new(),
        }))
    }

    /// Watches for names, unless that is done already.
    fn watch(&mut self, problems: &mut Problems) {
        if self.watch.is_some() {
            return;
        }
        let watch = Watch::new(&self.machine).map_err(|error| ("inotify_init", error));
        let watch = watch.and_then(|watch| {
            let data = epoll::EventData::new_u64(NAMES);
            let added = epoll::add(&self.epoll, watch.events(), data, epoll::EventFlags::IN);
            added.map(|()| watch).map_err(|errno| ("epoll_ctl", errno.into()))
        });
        match watch {
            Ok(watch) => self.watch = Some(watch),
            Err((call, error)) => {
                let message = format_args!(
                    "cannot watch for names of network namespaces: {call}: {error}: they are looked for \
                     at every gather instead (an inotify instance may be short, see \
                     fs.inotify.max_user_instances)"
                );
                problems.report("names unwatched", Level::Warn, message);
            }
        }
    }

    /// Becomes readable when there are kernel events to [follow](Self::follow).
    pub(crate) fn events(&self) -> Option<BorrowedFd<'_>> {
        (!self.is_epoll_broken).then_some(self.epoll.as_fd())
    }

    /// When to [follow](Self::follow) at the latest: there are namespaces of whose end no event is sure to
    /// tell.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let next = |one: &OtherNamespace| match one.end {
            EndWatch::Ended => Some(LOOK_AFTER_END),
            EndWatch::Process(_) | EndWatch::Look => Some(LOOK),
            EndWatch::Name => None,
        };
        self.entered.iter().filter_map(next).min().map(|age| self.looked + age)
    }

    /// Takes in the kernel's events that are there. A namespace that came to its end is forgotten at
    /// once: our sockets would keep it alive.
    pub(crate) fn follow(&mut self, scratch: &mut Scratch) {
        self.take_events(scratch);
        if self.next_look().is_some_and(|moment| moment <= Instant::now()) {
            self.looked = Instant::now();
            let Self { entered, machine, epoll, .. } = self;
            entered.retain_mut(|one| one.continues(machine, epoll));
        }
    }

    fn take_events(&mut self, scratch: &mut Scratch) {
        let mut events = Vec::with_capacity(MAX_EVENTS);
        let at_once = Some(&Timespec { tv_sec: 0, tv_nsec: 0 });
        // Each once, and no more: there may be one whose events do not end.
        for _ in 0..=2 * self.entered.len() / MAX_EVENTS + 1 {
            events.clear();
            let room = rustix::buffer::spare_capacity(&mut events);
            match epoll::wait(&self.epoll, room, at_once) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(_) => return self.stop_waiting(),
            }
            for event in &events {
                match event.data.u64() {
                    NAMES => self.take_names(),
                    key => {
                        let mut entered = self.entered.iter_mut();
                        let Some(one) = entered.find(|one| one.key == key & !END) else { continue };
                        if key & END == 0 {
                            one.namespace.source_mut().follow(scratch);
                            one.watch(&self.epoll);
                        } else {
                            one.end = EndWatch::Ended;
                        }
                    }
                }
            }
            if events.len() < MAX_EVENTS {
                return;
            }
        }
    }

    fn take_names(&mut self) {
        match self.watch.as_ref().map(Watch::take) {
            Some(Ok(any)) => self.is_stale |= any,
            // Without it, names are looked for at every gather.
            Some(Err(_)) | None => self.watch = None,
        }
        let _raised = privileges::raise(LOOK_AT_NAMES);
        // The name may be another one's by now.
        self.entered.retain(|one| !one.found.is_mounted || one.found.is_there());
    }

    /// Waits for no event before the next gather, which takes in what is there.
    fn stop_waiting(&mut self) {
        self.is_epoll_broken = true;
        for one in &mut self.entered {
            one.namespace.source_mut().fall_behind();
        }
    }

    /// Finds the namespaces of this moment and reads their counters. Once `hurry` says so, no more are
    /// read.
    pub(crate) fn read(
        &mut self,
        tables: &[Table],
        speed_thread: Option<&SpeedThread>,
        scratch: &mut Scratch,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) {
        self.is_epoll_broken = false;
        self.discover(tables, speed_thread, problems);
        self.replace_broken();
        let (mut failures, mut failure) = (0, None);
        for one in &mut self.entered {
            one.namespace.start_gather();
            if hurry() || one.by_process && !one.is_there() {
                continue;
            }
            let OtherNamespace { found, files, namespace, .. } = one;
            files.start_gather();
            files.read_protocols(self.groups, self.named_groups, problems);
            namespace.read(&mut Shared { files, scratch }, tables, problems, hurry);
            if let Some(error) = namespace.source_mut().take_failure() {
                failures += 1;
                failure.get_or_insert_with(|| (found.name.clone(), error));
            }
            one.watch(&self.epoll);
        }
        if let Some((name, error)) = failure {
            let failed = Counted { count: failures, first: Quoted(&name) };
            let message =
                format_args!("netlink failed in {failed}: {error}; falling back to /proc/net/dev");
            problems.report("netlink in namespaces", Level::Warn, message);
        }
    }

    /// Reads what else is wanted of those that are reported. Until the deadline, drivers are waited for.
    pub(crate) fn read_details(
        &mut self,
        tables: &[Table],
        deadline: Instant,
        scratch: &mut Scratch,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) {
        for OtherNamespace { namespace, files, .. } in &mut self.entered {
            let shared = &mut Shared { files, scratch };
            namespace.read_details(shared, tables, deadline, problems, hurry);
        }
    }

    /// Each with its protocol statistics, in the order of their names.
    pub(crate) fn namespaces(
        &self,
    ) -> impl Iterator<Item = (&Namespace<LinuxSource>, &ProtocolStatistics)> {
        self.entered.iter().map(|one| (&one.namespace, one.files.protocols()))
    }

    /// The same, to write their lines.
    pub(crate) fn namespaces_mut(
        &mut self,
    ) -> impl Iterator<Item = (&mut Namespace<LinuxSource>, &ProtocolStatistics)> {
        self.entered.iter_mut().map(|one| (&mut one.namespace, one.files.protocols()))
    }

    /// The names of all that there were at the last look; `None` where not all could be looked at.
    pub(crate) fn names(&self) -> Option<&[Vec<u8>]> {
        self.names.as_deref()
    }
}

/// Namespaces as a message names them: the only one, or how many and the first.
struct Counted<T> {
    count: usize,
    first: T,
}

impl<T: fmt::Display> fmt::Display for Counted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { count, first } = self;
        match count {
            1 => write!(f, "network namespace {first}"),
            _ => write!(f, "{count} network namespaces, such as {first}"),
        }
    }
}

/// Whether the table may report any other than our own.
pub(crate) fn is_reporting(table: &Table) -> bool {
    table.namespaces.may_select_more_than(|_| false)
}

/// Whether the table reports those without a name, too.
fn finds_processes(table: &Table) -> bool {
    table.namespaces.discovery == Discovery::Processes
}

#[cfg(test)]
mod tests;
