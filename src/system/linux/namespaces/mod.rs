//! The network namespaces, beside our own, that tables report: found, entered, read and forgotten.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::netlink::{Netlink, Scratch, SpeedThread};
use super::netns::{self, Discovered, EnterError, Entered, Inhabited, Machine, Purpose, Watch};
use super::privileges::{self, LOOK_AT_NAMES, LOOK_AT_PROCESSES};
use super::proc_net::{self, ProcNet};
use super::procfs::Procfs;
use super::source::{LinuxSource, Shared};
use crate::config::{Discovery, SourceOption, Table};
use crate::format::Format;
use crate::gather::namespace::Namespace;
use crate::log::{Level, Problems};
use crate::model::interface::Wants;
use crate::model::protocol::{Group, Groups, ProtocolStatistics};
use crate::quoted::{Quoted, QuotedPath};

/// What [`OtherNamespaces::events`] means: a name came or went.
const NAMES: u64 = 0;

/// Beside the key of a namespace: the process ended that kept it alive.
const END: u64 = 1 << 63;

/// Events that are taken from the kernel at once.
const MAX_EVENTS: usize = 64;

/// Namespaces are looked for at least so often: a name may end without an event, as by `umount`.
const MAX_AGE: Duration = Duration::from_secs(60);

/// After so long it is looked again whether a namespace is still there that no mount keeps alive.
const LOOK: Duration = Duration::from_millis(500);

/// Processes that end make it be looked no more often than so.
const LOOK_AFTER_END: Duration = Duration::from_millis(100);

/// A name whose file has no namespace mounted on it for so long stays so: who makes one makes the file
/// just before.
const BARE: Duration = Duration::from_secs(1);

/// Files that are left to be opened for a moment, when namespaces take all others.
const SPARE_FILES: usize = 8;

/// About what this process has open without other namespaces, where that cannot be told.
const OWN_FILES: usize = 40;

/// More than it has open, unless it was given files when it was started.
const MANY_FILES: usize = 400;

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
    is_deaf: bool,
    /// Those that this process may not enter, by their keys, and why.
    forbidden: BTreeMap<(u64, PathBuf), String>,
    /// The names of all that there were at the last look; `None` where not all could be looked at.
    names: Option<Vec<Vec<u8>>>,
    /// Files of names that no namespace is mounted on, each with its inode's number, and since when.
    bare: BTreeMap<(PathBuf, u64), Instant>,
}

/// A table that reports other namespaces.
#[derive(Debug, Clone, Copy)]
struct Reporting {
    /// Its number in the configuration.
    table: usize,
    by_netlink: bool,
}

/// One of the namespaces, as the tables of one source report it.
#[derive(Debug)]
struct OtherNamespace {
    found: Discovered,
    by_netlink: bool,
    /// It is read by the files of a process that lives in it.
    by_process: bool,
    /// What its events are told by.
    key: u64,
    /// Whether its kernel events are waited for.
    is_watched: bool,
    end: End,
    files: ProcNet,
    namespace: Namespace<LinuxSource>,
}

/// How it is known that the namespace came to its end, which our sockets would put off.
#[derive(Debug)]
enum End {
    /// Its name goes.
    Name,
    /// This file becomes readable: the process ends that keeps it alive.
    Process(#[expect(dead_code, reason = "it is in the epoll as long as it is open")] OwnedFd),
    /// That process has ended. Another one may live there.
    Ended,
    /// It has to be looked.
    Look,
}

/// A namespace that some tables want.
#[derive(Debug)]
struct Candidate {
    found: Discovered,
    /// Whether it is our own, or the host's, by its name.
    is_main: bool,
    by_netlink: bool,
    /// By their numbers in the configuration.
    tables: Vec<usize>,
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
            is_deaf: false,
            forbidden: BTreeMap::new(),
            names: None,
            bare: BTreeMap::new(),
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
        (!self.is_deaf).then_some(self.epoll.as_fd())
    }

    /// When to [follow](Self::follow) at the latest: there are namespaces of whose end no event is sure to
    /// tell.
    pub(crate) fn next_look(&self) -> Option<Instant> {
        let next = |one: &OtherNamespace| match one.end {
            End::Ended => Some(LOOK_AFTER_END),
            End::Process(_) | End::Look => Some(LOOK),
            End::Name => None,
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
            entered.retain_mut(|one| one.goes_on(machine, epoll));
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
                Err(_) => return self.turn_deaf(),
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
                            one.end = End::Ended;
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
    fn turn_deaf(&mut self) {
        self.is_deaf = true;
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
        self.is_deaf = false;
        self.discover(tables, speed_thread, problems);
        self.mend();
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
            let message = format_args!(
                "netlink in {failures} network namespaces, {}: {error}; /proc/net/dev stands in for it",
                Quoted(&name)
            );
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

    /// Takes in the namespaces that came, and forgets those that went.
    fn discover(
        &mut self,
        tables: &[Table],
        speed_thread: Option<&SpeedThread>,
        problems: &mut Problems,
    ) {
        self.watch(problems);
        let is_unsure = self.watch.as_mut().is_none_or(Watch::renew);
        let looks_for_processes = self.by_processes || !self.forbidden.is_empty();
        let is_old = self.searched.elapsed() > MAX_AGE;
        if !self.is_stale && !is_unsure && !looks_for_processes && !is_old {
            return;
        }
        let known = self.forbidden.len();
        let mut denied = self.search(tables, speed_thread, problems);
        if self.forbidden.len() > known {
            // Now by their processes.
            denied = self.search(tables, speed_thread, problems);
        }
        let denied = match denied {
            Ok(denied) => denied,
            Err(error) => {
                // Those that are known stay.
                self.is_stale = true;
                let message = format_args!("cannot look for network namespaces: {error}");
                return problems.report("namespaces unread", Level::Error, message);
            }
        };
        self.report_unseen(denied, problems);
        if !self.forbidden.is_empty() {
            self.report_forbidden(problems);
        }
    }

    /// Says what cannot be had for want of privileges.
    fn report_forbidden(&self, problems: &mut Problems) {
        let Some(reason) = self.forbidden.values().next() else { return };
        let by_process = self.entered.iter().filter(|one| one.by_process);
        let reported: HashSet<_> = by_process.map(|one| one.found.key()).collect();
        let are = |count| if count == 1 { "is" } else { "are" };
        let (count, reported) = (self.forbidden.len(), reported.len());
        let left_out = count.saturating_sub(reported);
        let namespaces = if count == 1 { "namespace" } else { "namespaces" };
        // It may be there, and not count for who made the namespace.
        let reason = if netns::may_enter() { reason } else { "CAP_SYS_ADMIN missing" };
        let message = format_args!(
            "{count} network {namespaces} cannot be entered ({reason}): {reported} {} reported through \
             /proc, without flags, speed and tags; {left_out} {} not reported",
            are(reported),
            are(left_out),
        );
        problems.report("namespaces forbidden", Level::Warn, message);
    }

    /// Says that the namespaces of some processes are left out, where a table looks for such.
    fn report_unseen(&self, denied: usize, problems: &mut Problems) {
        if !self.by_processes {
            return;
        }
        let proc = &self.machine.proc;
        if proc_net::hides_processes(proc) {
            let message = format_args!(
                "{} hides the processes of other users (hidepid), and so their network namespaces: \
                 needs CAP_SYS_PTRACE, or a /proc that is mounted without hidepid",
                QuotedPath(proc)
            );
            problems.report("processes hidden", Level::Warn, message);
        } else if denied > 0 {
            let processes = if denied == 1 { "process" } else { "processes" };
            let message = format_args!(
                "{denied} {processes} of other users cannot be looked at for their network \
                 namespaces: needs CAP_SYS_PTRACE"
            );
            problems.report("namespaces of processes", Level::Warn, message);
        }
    }

    /// Says which names have no namespace, where a table reports those of that name: they may have one
    /// that is seen elsewhere only.
    fn report_bare(&mut self, tables: &[Table], bare: &[(PathBuf, u64)], problems: &mut Problems) {
        self.bare.retain(|file, _| bare.contains(file));
        for file in bare {
            let name = file.0.file_name().unwrap_or_default().as_bytes();
            if self.tables_of(tables).any(|table| table.namespaces.selects(name)) {
                // It may have stood there for long.
                let now = Instant::now();
                let modified = file.0.metadata().and_then(|file| file.modified());
                let age = modified.ok().and_then(|modified| modified.elapsed().ok());
                let since = now.checked_sub(age.unwrap_or_default().min(BARE)).unwrap_or(now);
                self.bare.entry(file.clone()).or_insert(since);
            }
        }
        let mut lasting = self.bare.iter().filter(|(_, since)| since.elapsed() >= BARE);
        let Some(((first, _), _)) = lasting.next() else { return };
        let count = 1 + lasting.count();
        let names = if count == 1 { "name has" } else { "names have" };
        let way_out = if self.machine.is_own() {
            "where its folder is mounted into a container, mount it with propagation (\":rslave\" in \
             Docker, HostToContainer in Kubernetes)"
        } else {
            "remove what is left over"
        };
        let message = format_args!(
            "{count} {names} no network namespace, such as {}, which is a plain file: {way_out}",
            Quoted(first.as_os_str().as_bytes())
        );
        problems.report("names without a namespace", Level::Warn, message);
    }

    /// The tables that report other namespaces.
    fn tables_of<'a>(&'a self, tables: &'a [Table]) -> impl Iterator<Item = &'a Table> {
        self.tables.iter().filter_map(|reporting| tables.get(reporting.table))
    }

    /// Does it once. Returns how many processes did not let themselves be asked where they live.
    fn search(
        &mut self,
        tables: &[Table],
        speed_thread: Option<&SpeedThread>,
        problems: &mut Problems,
    ) -> io::Result<usize> {
        let mut named = netns::named(&self.machine)?;
        let (inhabited, denied) = if self.by_processes || !self.forbidden.is_empty() {
            netns::of_processes(&self.machine)?
        } else {
            (Vec::new(), 0)
        };
        self.is_stale = named.is_unsure || !named.unread.is_empty();
        self.searched = Instant::now();
        self.report_bare(tables, &named.bare, problems);
        let is_found = |name: &str| named.found.iter().any(|found| found.name == name.as_bytes());
        let is_whole =
            !self.tables_of(tables).any(|table| table.namespaces.may_select_more_than(is_found));
        let may_matter = |(file, _): &&(PathBuf, io::Error)| {
            let name = file.file_name().unwrap_or_default().as_bytes();
            let is_selected = || self.tables_of(tables).any(|table| table.namespaces.selects(name));
            if netns::is_folder(file) { !is_whole } else { is_selected() }
        };
        if let Some((file, error)) = named.unread.iter().find(may_matter) {
            let message = format_args!(
                "network namespaces with a name in {} are not reported: {error}: it takes \
                 CAP_DAC_READ_SEARCH, and for a host's CAP_SYS_PTRACE",
                QuotedPath(file)
            );
            problems.report("namespaces unlisted", Level::Warn, message);
        }
        let is_all = named.unread.is_empty();
        let main = netns::inode_of(&self.machine.main);
        if let Err(error) = main.as_ref()
            && self.by_processes
            && !proc_net::hides_processes(&self.machine.proc)
        {
            report_no_main(&self.machine.main, error, problems);
        }
        let main = main.ok();
        let mut found = self.join(std::mem::take(&mut named.found), inhabited, main)?;
        // A name that no namespace is mounted on is told of by itself.
        let bare = named.bare.iter().filter_map(|(file, _)| file.file_name());
        let bare = bare.map(|name| name.as_bytes().to_vec());
        let told = found.iter().map(|found| found.name.clone()).chain(bare);
        self.names = is_all.then(|| told.collect());
        let is_found = |key: &(u64, PathBuf)| found.iter().any(|found| found.key() == *key);
        self.forbidden.retain(|key, _| is_found(key));
        // Where not all can be reported, whoever lives without a name gives way to those that have one,
        // and who comes to who is there: any user can make those without a name, and many.
        let known: HashSet<_> = self.entered.iter().map(|one| one.found.key()).collect();
        found.sort_by_key(|found| (!found.is_named, !known.contains(&found.key())));
        let (mut candidates, is_limited) = self.candidates(tables, found, main, problems);
        let is_short = self.leave_room(&mut candidates, problems);
        self.is_stale |= is_limited || is_short;
        let Self { entered, machine, epoll, .. } = self;
        entered.retain_mut(|one| {
            let place = candidates.iter().position(|candidate| one.answers(candidate));
            let kept = place.map(|place| candidates.remove(place));
            // A folder that cannot be listed this time says nothing of the names in it.
            let is_unlisted =
                || named.unread.iter().any(|(path, _)| one.found.file.starts_with(path));
            let goes_on = kept.is_some() || is_unlisted() && one.found.is_there();
            if let Some(candidate) = kept {
                one.go_on_with(candidate.found, machine, epoll);
            }
            goes_on
        });
        self.enter(tables, candidates, speed_thread, problems);
        self.entered.sort_by(|one, other| one.found.name.cmp(&other.found.name));
        Ok(denied)
    }

    /// Adds their processes to the namespaces that have names, and where a table reports them, those
    /// that have none. Without knowing `main`, which of these is our own cannot be told.
    fn join(
        &self,
        named: Vec<Discovered>,
        inhabited: Vec<Inhabited>,
        main: Option<u64>,
    ) -> io::Result<Vec<Discovered>> {
        let _raised = privileges::raise(LOOK_AT_PROCESSES);
        let mut found = named;
        let named = found.len();
        for one in inhabited {
            let has_name = found.iter().take(named).any(|known| known.inode == one.inode);
            let is_other = main.is_some_and(|main| main != one.inode);
            if !(has_name || self.by_processes && is_other) {
                continue;
            }
            let known = self.entered.iter().map(|known| &known.found);
            let mut known = known.filter(|known| known.inode == one.inode);
            let before = known.find_map(|known| known.resident.as_ref());
            let mut resident = one.resident(&self.machine, before)?;
            if has_name {
                resident.container.take_if(|_| !self.by_processes);
                for known in found.iter_mut().take(named).filter(|known| known.inode == one.inode) {
                    known.resident = Some(resident.clone());
                }
            } else {
                found.push(one.nameless(resident));
            }
        }
        Ok(found)
    }

    /// Which of those that were found are to be reported by which tables, as far as their limits go,
    /// and whether those leave any out. Tables that report our own need it by no other name.
    fn candidates(
        &self,
        tables: &[Table],
        found: Vec<Discovered>,
        main: Option<u64>,
        problems: &mut Problems,
    ) -> (Vec<Candidate>, bool) {
        let wants = |found: &Discovered, reporting: &Reporting| {
            tables.get(reporting.table).is_some_and(|table| {
                let is_looked_for = found.is_named || finds_processes(table);
                let is_reported_as_own = Some(found.inode) == main && table.namespaces.selects(b"");
                is_looked_for && !is_reported_as_own && table.namespaces.selects(&found.name)
            })
        };
        let mut room: Vec<_> = tables.iter().map(|table| table.namespaces.limit).collect();
        let mut left_out = LeftOut::default();
        let mut candidates = Vec::new();
        for found in found {
            for by_netlink in [true, false] {
                let ours = self.tables.iter().filter(|one| one.by_netlink == by_netlink);
                let wanting = ours.filter(|reporting| wants(&found, reporting));
                let tables: Vec<_> = wanting
                    .filter(|reporting| {
                        let room = room.get_mut(reporting.table);
                        let rest = room.as_ref().and_then(|room| room.checked_sub(1));
                        match room.zip(rest) {
                            Some((room, rest)) => *room = rest,
                            None => left_out.add(&found),
                        }
                        rest.is_some()
                    })
                    .map(|reporting| reporting.table)
                    .collect();
                if !tables.is_empty() {
                    let is_main = Some(found.inode) == main;
                    candidates.push(Candidate {
                        found: found.clone(),
                        is_main,
                        by_netlink,
                        tables,
                    });
                }
            }
        }
        let way_out = "raise namespace_limit";
        (candidates, left_out.report("namespace_limit", Level::Warn, way_out, problems))
    }

    /// Leaves those out that there are no files for, the last ones first; returns whether there are
    /// any.
    fn leave_room(&self, candidates: &mut Vec<Candidate>, problems: &mut Problems) -> bool {
        let files = |found: &Discovered, by_netlink| {
            let is_entered = !self.forbidden.contains_key(&found.key());
            let files = self.purpose(by_netlink, true).files() + usize::from(!found.is_mounted);
            if is_entered { files } else { 0 }
        };
        let wanted: usize =
            candidates.iter().map(|candidate| files(&candidate.found, candidate.by_netlink)).sum();
        let limit = netns::file_limit().saturating_sub(SPARE_FILES);
        // What else is open has to be counted only where it may matter.
        if wanted.saturating_mul(2).saturating_add(MANY_FILES) <= limit {
            return false;
        }
        let entered = self.entered.iter().filter(|one| !one.by_process);
        let entered: usize = entered.map(|one| files(&one.found, one.by_netlink)).sum();
        let others = netns::open_files().map_or(OWN_FILES, |open| open.saturating_sub(entered));
        let mut room = limit.saturating_sub(others);
        let mut left_out = LeftOut::default();
        candidates.retain(|candidate| {
            match room.checked_sub(files(&candidate.found, candidate.by_netlink)) {
                Some(rest) if left_out.count == 0 => room = rest,
                // Nor does any that comes after it, though it may take fewer.
                _ => left_out.add(&candidate.found),
            }
            left_out.count == 0
        });
        let way_out = "raise the limit of open files (LimitNOFILE)";
        left_out.report("namespaces without files", Level::Error, way_out, problems)
    }

    /// Opens what these namespaces are read by.
    fn enter(
        &mut self,
        tables: &[Table],
        candidates: Vec<Candidate>,
        speed_thread: Option<&SpeedThread>,
        problems: &mut Problems,
    ) {
        let is_forbidden =
            |candidate: &Candidate| self.forbidden.contains_key(&candidate.found.key());
        let (by_process, candidates): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(is_forbidden);
        let (mut failures, mut failure) = (0, None);
        let mut fail = |found: &Discovered, error: EnterError| {
            failures += 1;
            failure.get_or_insert_with(|| (found.file.clone(), error));
        };
        for candidate in by_process {
            if let Some(files) = candidate.found.process().map(ProcNet::of_process) {
                let one = self.new_one(tables, candidate, None, files);
                self.entered.push(one);
            }
        }
        let orders: Vec<_> = candidates.iter().map(|candidate| self.order(candidate)).collect();
        for (candidate, entered) in candidates.into_iter().zip(enter_all(orders)) {
            match entered {
                Ok(Entered { sockets, files }) => {
                    let netlink = sockets.zip(speed_thread);
                    let netlink = netlink.map(|(sockets, speed_thread)| {
                        Netlink::new(sockets, speed_thread, self.wants)
                    });
                    let one = self.new_one(tables, candidate, netlink, files);
                    self.entered.push(one);
                }
                Err(EnterError::Gone) => self.is_stale = true,
                Err(EnterError::Forbidden(error)) => {
                    let file = QuotedPath(&candidate.found.file);
                    let message = format_args!("cannot enter network namespace {file}: {error}");
                    problems.log().line(Level::Debug, message);
                    self.forbidden.insert(candidate.found.key(), error.to_string());
                }
                Err(error) => fail(&candidate.found, error),
            }
        }
        if let Some((file, error)) = failure {
            self.is_stale = true;
            let file = QuotedPath(&file);
            let is_limit = error.is_limit_of_files();
            let hint = if is_limit { ": raise the limit of open files (LimitNOFILE)" } else { "" };
            let message =
                format_args!("cannot read {failures} network namespaces, {file}: {error}{hint}");
            problems.report("namespaces unread", Level::Error, message);
        }
    }

    fn order(&self, candidate: &Candidate) -> (PathBuf, u64, Purpose) {
        (
            candidate.found.file.clone(),
            candidate.found.inode,
            self.purpose(candidate.by_netlink, candidate.is_main),
        )
    }

    fn purpose(&self, by_netlink: bool, is_main: bool) -> Purpose {
        // These are the whole machine's.
        let groups = if is_main { self.groups } else { self.groups.without(Group::Softnet) };
        let interface_protocols = !self.wants.interface_protocols.is_empty();
        Purpose { by_netlink, groups, interface_protocols }
    }

    fn new_one(
        &mut self,
        tables: &[Table],
        candidate: Candidate,
        netlink: Option<Netlink>,
        mut files: ProcNet,
    ) -> OtherNamespace {
        let Candidate { found, is_main, by_netlink, tables: numbers } = candidate;
        files.name_after(&found.name);
        if !is_main {
            files.leave_machine_out();
        }
        let by_process = self.forbidden.contains_key(&found.key());
        let source = LinuxSource::new(netlink, Procfs::without_sysfs());
        let mut namespace = Namespace::new(source, self.format);
        namespace.source_mut().add_wants(self.wants);
        for number in numbers {
            let mut tags = vec![("namespace", found.name.clone())];
            let has_container = tables.get(number).is_some_and(finds_processes);
            if let Some(id) = found.container().filter(|_| has_container) {
                tags.push(("container", id.clone()));
            }
            namespace.add_table(number, tags);
        }
        self.last_key += 1;
        let mut one = OtherNamespace {
            found,
            by_netlink,
            by_process,
            key: self.last_key,
            is_watched: false,
            end: End::Look,
            files,
            namespace,
        };
        one.watch_end(&self.machine, &self.epoll);
        one
    }

    /// Opens new sockets where netlink failed.
    fn mend(&mut self) {
        let broken = || self.entered.iter().filter(|one| one.namespace.source().is_broken());
        let purpose = Purpose { by_netlink: true, ..Purpose::default() };
        let orders: Vec<_> =
            broken().map(|one| (one.found.file.clone(), one.found.inode, purpose)).collect();
        let broken = self.entered.iter_mut().filter(|one| one.namespace.source().is_broken());
        for (one, entered) in broken.zip(enter_all(orders)) {
            if let Ok(Entered { sockets: Some(sockets), .. }) = entered {
                // With the old ones, the wait for their events is over.
                one.namespace.source_mut().replace(sockets);
                one.is_watched = false;
            }
        }
    }
}

/// Enters namespaces, if there are any. What can be said of all of them is said of the first.
fn enter_all(orders: Vec<(PathBuf, u64, Purpose)>) -> Vec<Result<Entered, EnterError>> {
    if orders.is_empty() {
        return Vec::new();
    }
    netns::enter(orders).unwrap_or_else(|error| vec![Err(EnterError::Failed(error))])
}

/// Says that those without a name are left out.
fn report_no_main(process: &Path, error: &io::Error, problems: &mut Problems) {
    let process = QuotedPath(process);
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let hint = if is_denied { ": it takes CAP_SYS_PTRACE" } else { "" };
    let message = format_args!(
        "no network namespace without a name is reported: that of {process} cannot be told: {error}{hint}"
    );
    problems.report("namespaces without a name", Level::Warn, message);
}

/// Whether the table may report any other than our own.
pub(crate) fn is_reporting(table: &Table) -> bool {
    table.namespaces.may_select_more_than(|_| false)
}

/// Whether the table reports those without a name, too.
fn finds_processes(table: &Table) -> bool {
    table.namespaces.discovery == Discovery::Processes
}

impl OtherNamespace {
    /// Waits for its kernel events as long as that is of use. Without, the next reading takes them in.
    fn watch(&mut self, epoll: &OwnedFd) {
        let awaits = self.namespace.source().awaits_events();
        if awaits == self.is_watched {
            return;
        }
        let Some(events) = self.namespace.source().events() else { return };
        if awaits {
            let data = epoll::EventData::new_u64(self.key);
            match epoll::add(epoll, events, data, epoll::EventFlags::IN) {
                Ok(()) => self.is_watched = true,
                Err(_) => self.namespace.source_mut().fall_behind(),
            }
        } else {
            // What cannot be taken out is not in.
            let _ = epoll::delete(epoll, events);
            self.is_watched = false;
        }
    }

    /// Has its end told of.
    fn watch_end(&mut self, machine: &Machine, epoll: &OwnedFd) {
        // A process of it is not kept alive by being read.
        let pidfd = machine.watch_end(&self.found).filter(|_| !self.by_process);
        let data = epoll::EventData::new_u64(self.key | END);
        self.end = match pidfd {
            _ if self.found.is_mounted || self.by_process => End::Name,
            Some(pidfd) if epoll::add(epoll, &pidfd, data, epoll::EventFlags::IN).is_ok() => {
                End::Process(pidfd)
            }
            _ => End::Look,
        };
    }

    /// Whether it goes on, as far as no event is sure to tell of its end: a process may leave it, too. One
    /// that no process lives in that is known of is forgotten until the next gather finds others.
    fn goes_on(&mut self, machine: &Machine, epoll: &OwnedFd) -> bool {
        let is_there = matches!(self.end, End::Name) || self.found.is_there();
        if is_there && !matches!(self.end, End::Ended) {
            return true;
        }
        // Its number may be that of another process that lives there.
        let goes_on = is_there || !self.found.is_named && self.found.pass_on(machine);
        if goes_on {
            self.watch_end(machine, epoll);
        }
        goes_on
    }

    /// Whether it is what the tables want.
    fn answers(&self, candidate: &Candidate) -> bool {
        self.by_netlink == candidate.by_netlink && self.found.is_reported_as(&candidate.found)
    }

    /// Takes in what was found of it this time.
    fn go_on_with(&mut self, found: Discovered, machine: &Machine, epoll: &OwnedFd) {
        if let Some(process) = found.process().filter(|_| self.by_process) {
            self.files.go_on_with(process);
        }
        let is_same = self.found.file == found.file;
        self.found = found;
        if !is_same || matches!(self.end, End::Ended) {
            self.watch_end(machine, epoll);
        }
    }

    /// Whether its process lives in it: that may be gone since, and its number another one's.
    fn is_there(&self) -> bool {
        let process = self.found.process().map(netns::inode_of);
        process.is_some_and(|inode| inode.is_ok_and(|inode| inode == self.found.inode))
    }
}

/// Namespaces that are not reported.
#[derive(Debug, Default)]
struct LeftOut {
    count: usize,
    first: Option<Vec<u8>>,
}

impl LeftOut {
    fn add(&mut self, found: &Discovered) {
        self.count += 1;
        self.first.get_or_insert_with(|| found.name.clone());
    }

    /// Says so, if there are any, and returns whether there are.
    fn report(&self, key: &str, level: Level, way_out: &str, problems: &mut Problems) -> bool {
        let Some(first) = &self.first else { return false };
        let namespaces = if self.count == 1 { "namespace is" } else { "namespaces are" };
        let message = format_args!(
            "{} network {namespaces} left out, such as {}: {way_out}",
            self.count,
            Quoted(first)
        );
        problems.report(key, level, message);
        true
    }
}

#[cfg(test)]
mod tests;
