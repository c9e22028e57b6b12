//! The network namespaces, beside our own, that tables report: found, entered, read and forgotten.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

use crate::config::{Discovery, Table};
use crate::interface::Wants;
use crate::lines::Batch;
use crate::log::{Level, Problems};
use crate::parse::Quoted;
use crate::protocol::Groups;
use crate::source::Wanted;
use crate::source::namespaces::{self, EnterError, Entered, Found, Machine, Purpose, Watch};
use crate::source::netlink::{Asker, Netlink, Scratch};
use crate::source::proc_net::ProcNet;
use crate::source::procfs::Procfs;
use crate::space::Space;

/// What [`Spaces::events`] means: a name came or went.
const NAMES: u64 = 0;

/// The same: something happened in our own namespace.
const OWN: u64 = u64::MAX;

/// Events that are taken from the kernel at once.
const MAX_EVENTS: usize = 64;

/// Namespaces are looked for at least so often: a name may end without an event, as by `umount`.
const MAX_AGE: Duration = Duration::from_secs(60);

/// The namespaces of all tables.
#[derive(Debug)]
pub(crate) struct Spaces {
    machine: Machine,
    /// The tables that report any.
    tables: Vec<Reporting>,
    /// One of them reports those without a name, too.
    by_processes: bool,
    wants: Wants,
    groups: Groups,
    entered: Vec<Elsewhere>,
    watch: Option<Watch>,
    /// The sockets of all namespaces, and the watch.
    epoll: OwnedFd,
    last_key: u64,
    /// Namespaces may have come or gone.
    is_stale: bool,
    /// When they were looked for last.
    searched: Instant,
    /// Those that this process may not enter, by their keys, and why.
    forbidden: BTreeMap<(u64, PathBuf), String>,
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
struct Elsewhere {
    found: Found,
    by_netlink: bool,
    /// It is read by the files of a process that lives in it.
    by_process: bool,
    /// What its events are told by.
    key: u64,
    files: ProcNet,
    space: Space,
}

/// A namespace that some tables want.
#[derive(Debug)]
struct Wish {
    found: Found,
    by_netlink: bool,
    /// By their numbers in the configuration.
    tables: Vec<usize>,
}

impl Spaces {
    /// For the tables that report other namespaces; `None` if there are none. Without netlink, all
    /// are read by procfs.
    ///
    /// # Errors
    ///
    /// When the system gives no more files.
    pub(crate) fn open(tables: &[Table], has_netlink: bool) -> io::Result<Option<Self>> {
        let ours = || tables.iter().enumerate().filter(|(_, table)| table.namespaces.has_others());
        let Some((_, first)) = ours().next() else { return Ok(None) };
        namespaces::raise_file_limit();
        let machine = Machine::of(&first.proc);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let watch = Watch::new(&machine).ok();
        if let Some(watch) = &watch {
            let data = epoll::EventData::new_u64(NAMES);
            epoll::add(&epoll, watch.events(), data, epoll::EventFlags::IN)?;
        }
        let by_netlink = |table: &Table| has_netlink && table.source != Wanted::Procfs;
        Ok(Some(Self {
            machine,
            tables: ours()
                .map(|(number, table)| Reporting { table: number, by_netlink: by_netlink(table) })
                .collect(),
            by_processes: ours().any(|(_, table)| finds_processes(table)),
            wants: ours().fold(Wants::default(), |wants, (_, table)| wants.or(table.wants())),
            groups: ours()
                .fold(Groups::default(), |groups, (_, table)| groups.or(table.protocol_groups())),
            entered: Vec::new(),
            watch,
            epoll,
            last_key: NAMES,
            is_stale: true,
            searched: Instant::now(),
            forbidden: BTreeMap::new(),
        }))
    }

    /// Has [`events`](Self::events) tell of these too.
    pub(crate) fn watch_own(&self, own: BorrowedFd<'_>) {
        let data = epoll::EventData::new_u64(OWN);
        // Without, the table of our own interfaces is followed when the others' are.
        let _ = epoll::add(&self.epoll, own, data, epoll::EventFlags::IN);
    }

    /// Becomes readable when there are kernel events to [follow](Self::follow).
    pub(crate) fn events(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// Takes in the kernel's events that are there. A namespace whose name went is forgotten at once:
    /// our sockets would keep it alive.
    pub(crate) fn follow(&mut self, scratch: &mut Scratch) {
        let mut events = Vec::with_capacity(MAX_EVENTS);
        let at_once = Some(&Timespec { tv_sec: 0, tv_nsec: 0 });
        // Each once, and no more: there may be one whose events do not end.
        for _ in 0..=self.entered.len() / MAX_EVENTS + 1 {
            events.clear();
            let room = rustix::buffer::spare_capacity(&mut events);
            if epoll::wait(&self.epoll, room, at_once).is_err() {
                return;
            }
            for event in &events {
                match event.data.u64() {
                    OWN => {}
                    NAMES => {
                        self.is_stale |= self.watch.as_ref().is_some_and(Watch::take);
                        self.forget_nameless();
                    }
                    key => {
                        if let Some(one) = self.entered.iter_mut().find(|one| one.key == key) {
                            one.space.follow(scratch);
                        }
                    }
                }
            }
            if events.len() < MAX_EVENTS {
                return;
            }
        }
    }

    fn forget_nameless(&mut self) {
        self.entered.retain(|one| !one.found.is_named || one.found.file.exists());
    }

    /// Finds the namespaces of this moment and reads their counters. Once `hurry` says so, no more are
    /// read.
    pub(crate) fn read(
        &mut self,
        tables: &[Table],
        asker: Option<&Asker>,
        scratch: &mut Scratch,
        problems: &mut Problems,
        hurry: &mut impl FnMut() -> bool,
    ) {
        self.discover(tables, asker, problems);
        self.mend();
        let (mut failures, mut failure) = (0, None);
        for one in &mut self.entered {
            one.space.start_gather();
            if hurry() || one.by_process && !one.is_there() {
                continue;
            }
            let Elsewhere { found, files, space, .. } = one;
            files.start_gather();
            files.read_protocols(self.groups, problems);
            if let Some(error) = space.read(files, tables, scratch, problems, hurry) {
                failures += 1;
                failure.get_or_insert_with(|| (found.name.clone(), error));
            }
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
        hurry: &mut impl FnMut() -> bool,
    ) {
        for Elsewhere { space, files, .. } in &mut self.entered {
            space.read_details(files, tables, deadline, hurry);
        }
    }

    /// When this gather read the first counters, by the monotonic clock.
    pub(crate) fn read_at(&self) -> Option<Instant> {
        self.entered.iter().filter_map(|one| one.space.read_at()).min()
    }

    /// Appends the lines of one table, namespace by namespace in the order of their names.
    pub(crate) fn append(&mut self, batch: &mut Batch<'_>, numbered: (usize, &Table)) {
        for Elsewhere { space, files, .. } in &mut self.entered {
            space.append(batch, numbered, files);
        }
    }

    /// Does what could wait until the batch was written.
    pub(crate) fn after_write(&mut self) {
        for one in &mut self.entered {
            one.space.after_write();
        }
    }

    /// Takes in the namespaces that came, and forgets those that went.
    fn discover(&mut self, tables: &[Table], asker: Option<&Asker>, problems: &mut Problems) {
        let is_unsure = self.watch.as_mut().is_none_or(Watch::renew);
        let looks_for_processes = self.by_processes || !self.forbidden.is_empty();
        let is_old = self.searched.elapsed() > MAX_AGE;
        if !self.is_stale && !is_unsure && !looks_for_processes && !is_old {
            return;
        }
        let known = self.forbidden.len();
        let mut denied = self.search(tables, asker, problems);
        if self.forbidden.len() > known {
            // Now by their processes.
            denied = self.search(tables, asker, problems);
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
        match self.forbidden.values().next() {
            Some(reason) => report_forbidden(reason, problems),
            None if denied > 0 => report_denied(denied, problems),
            None => {}
        }
    }

    /// Does it once. Returns how many processes did not let themselves be asked where they live.
    fn search(
        &mut self,
        tables: &[Table],
        asker: Option<&Asker>,
        problems: &mut Problems,
    ) -> io::Result<usize> {
        let named = namespaces::named(&self.machine)?;
        let (of_processes, denied) = if self.by_processes || !self.forbidden.is_empty() {
            namespaces::of_processes(&self.machine)?
        } else {
            (Vec::new(), 0)
        };
        self.is_stale = named.is_unsure || !named.unread.is_empty();
        self.searched = Instant::now();
        if let Some((file, error)) = named.unread.first() {
            let message = format_args!(
                "network namespaces with a name in {} are not reported: {error}: it takes \
                 CAP_DAC_READ_SEARCH, and for a host's CAP_SYS_PTRACE",
                file.display()
            );
            problems.report("namespaces unlisted", Level::Warn, message);
        }
        let main = namespaces::inode_of(&self.machine.main);
        if let Err(error) = main.as_ref()
            && self.by_processes
        {
            report_no_main(&self.machine.main, error, problems);
        }
        let main = main.ok();
        let found = self.join(named.found, of_processes, main);
        let is_found = |key: &(u64, PathBuf)| found.iter().any(|found| found.key() == *key);
        self.forbidden.retain(|key, _| is_found(key));
        let mut wishes = self.wishes(tables, found, main);
        self.entered.retain_mut(|one| {
            let place = wishes.iter().position(|wish| one.answers(wish));
            let kept = place.map(|place| wishes.swap_remove(place));
            kept.map(|wish| one.go_on_with(wish.found)).is_some()
        });
        self.enter(tables, wishes, asker, problems);
        self.entered.sort_by(|one, other| one.found.name.cmp(&other.found.name));
        Ok(denied)
    }

    /// Adds their processes to the namespaces that have names, and where a table reports them, those
    /// that have none. Without knowing `main`, which of these is our own cannot be told.
    fn join(&self, named: Vec<Found>, of_processes: Vec<Found>, main: Option<u64>) -> Vec<Found> {
        let mut found = named;
        let named = found.len();
        for one in of_processes {
            let mut has_name = false;
            for known in found.iter_mut().take(named).filter(|known| known.inode == one.inode) {
                has_name = true;
                known.process.clone_from(&one.process);
                known.container = one.container.clone().filter(|_| self.by_processes);
            }
            let is_other = main.is_some_and(|main| main != one.inode);
            if self.by_processes && !has_name && is_other {
                found.push(one);
            }
        }
        found
    }

    /// Which of those that were found are to be reported by which tables. Those that report our own
    /// need it by no other name.
    fn wishes(&self, tables: &[Table], found: Vec<Found>, main: Option<u64>) -> Vec<Wish> {
        let wants = |found: &Found, reporting: &Reporting| {
            tables.get(reporting.table).is_some_and(|table| {
                let is_looked_for = found.is_named || finds_processes(table);
                let is_reported_as_own = Some(found.inode) == main && table.namespaces.selects(b"");
                is_looked_for && !is_reported_as_own && table.namespaces.selects(&found.name)
            })
        };
        let mut wishes = Vec::new();
        for found in found {
            for by_netlink in [true, false] {
                let ours = self.tables.iter().filter(|one| one.by_netlink == by_netlink);
                let wanting = ours.filter(|reporting| wants(&found, reporting));
                let tables: Vec<_> = wanting.map(|reporting| reporting.table).collect();
                if !tables.is_empty() {
                    wishes.push(Wish { found: found.clone(), by_netlink, tables });
                }
            }
        }
        wishes
    }

    /// Opens what these namespaces are read by.
    fn enter(
        &mut self,
        tables: &[Table],
        wishes: Vec<Wish>,
        asker: Option<&Asker>,
        problems: &mut Problems,
    ) {
        let is_forbidden = |wish: &Wish| self.forbidden.contains_key(&wish.found.key());
        let (by_process, wishes): (Vec<_>, Vec<_>) = wishes.into_iter().partition(is_forbidden);
        let (mut failures, mut failure) = (0, None);
        let mut fail = |found: &Found, error: EnterError| {
            failures += 1;
            failure.get_or_insert_with(|| (found.file.clone(), error));
        };
        for wish in by_process {
            if let Some(files) = wish.found.process.as_deref().map(ProcNet::of_process) {
                let one = self.new_one(tables, wish, None, files);
                self.entered.push(one);
            }
        }
        let orders: Vec<_> =
            wishes.iter().map(|wish| self.order(&wish.found, wish.by_netlink)).collect();
        for (wish, entered) in wishes.into_iter().zip(enter_all(orders)) {
            match entered {
                Ok(Entered { sockets, files }) => {
                    let netlink = sockets.zip(asker);
                    let netlink =
                        netlink.map(|(sockets, asker)| Netlink::new(sockets, asker, self.wants));
                    let one = self.new_one(tables, wish, netlink, files);
                    match one.watch(&self.epoll) {
                        Ok(()) => self.entered.push(one),
                        Err(error) => fail(&one.found, EnterError::Failed(error)),
                    }
                }
                Err(EnterError::Gone) => self.is_stale = true,
                Err(EnterError::Forbidden(error)) => {
                    let file = wish.found.file.display();
                    let message = format_args!("cannot enter network namespace {file}: {error}");
                    problems.log().line(Level::Debug, message);
                    self.forbidden.insert(wish.found.key(), error.to_string());
                }
                Err(error) => fail(&wish.found, error),
            }
        }
        if let Some((file, error)) = failure {
            self.is_stale = true;
            let file = file.display();
            let is_limit = error.is_limit_of_files();
            let hint = if is_limit { ": raise the limit of open files (LimitNOFILE)" } else { "" };
            let message =
                format_args!("cannot read {failures} network namespaces, {file}: {error}{hint}");
            problems.report("namespaces unread", Level::Error, message);
        }
    }

    fn order(&self, found: &Found, by_netlink: bool) -> (PathBuf, u64, Purpose) {
        let interface_protocols = !self.wants.protocols.is_empty();
        let purpose = Purpose { by_netlink, groups: self.groups, interface_protocols };
        (found.file.clone(), found.inode, purpose)
    }

    fn new_one(
        &mut self,
        tables: &[Table],
        wish: Wish,
        netlink: Option<Netlink>,
        files: ProcNet,
    ) -> Elsewhere {
        let Wish { found, by_netlink, tables: numbers } = wish;
        let by_process = self.forbidden.contains_key(&found.key());
        let mut space = Space::new(netlink, Procfs::without_sysfs());
        space.add_wants(self.wants);
        for number in numbers {
            let mut tags = vec![("namespace", found.name.clone())];
            let has_container = tables.get(number).is_some_and(finds_processes);
            if let Some(id) = found.container.clone().filter(|_| has_container) {
                tags.push(("container", id));
            }
            space.add_table(number, tags);
        }
        self.last_key += 1;
        Elsewhere { found, by_netlink, by_process, key: self.last_key, files, space }
    }

    /// Opens new sockets where netlink failed.
    fn mend(&mut self) {
        let broken = || self.entered.iter().filter(|one| one.space.is_broken());
        let purpose = Purpose { by_netlink: true, ..Purpose::default() };
        let orders: Vec<_> =
            broken().map(|one| (one.found.file.clone(), one.found.inode, purpose)).collect();
        let broken = self.entered.iter_mut().filter(|one| one.space.is_broken());
        for (one, entered) in broken.zip(enter_all(orders)) {
            if let Ok(Entered { sockets: Some(sockets), .. }) = entered {
                one.space.replace(sockets);
                // Without its events, it is read anew at every gather.
                if one.watch(&self.epoll).is_err() {
                    one.space.break_off();
                }
            }
        }
    }
}

/// Enters namespaces, if there are any. What can be said of all of them is said of the first.
fn enter_all(orders: Vec<(PathBuf, u64, Purpose)>) -> Vec<Result<Entered, EnterError>> {
    if orders.is_empty() {
        return Vec::new();
    }
    namespaces::enter(orders).unwrap_or_else(|error| vec![Err(EnterError::Failed(error))])
}

/// Says what cannot be had for want of privileges.
fn report_forbidden(reason: &str, problems: &mut Problems) {
    let message = format_args!(
        "cannot enter some network namespaces: {reason}: it takes CAP_SYS_ADMIN; only those of them \
         are reported that /proc shows a process of, with their counters alone"
    );
    problems.report("namespaces forbidden", Level::Warn, message);
}

/// Says that the namespaces of some processes are left out.
fn report_denied(denied: usize, problems: &mut Problems) {
    let processes = if denied == 1 { "process" } else { "processes" };
    let message = format_args!(
        "the network namespaces of {denied} {processes} cannot be told: it takes CAP_SYS_PTRACE, or \
         their own user"
    );
    problems.report("namespaces of processes", Level::Warn, message);
}

/// Says that those without a name are left out.
fn report_no_main(process: &Path, error: &io::Error, problems: &mut Problems) {
    let process = process.display();
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let hint = if is_denied { ": it takes CAP_SYS_PTRACE" } else { "" };
    let message = format_args!(
        "no network namespace without a name is reported: that of {process} cannot be told: {error}{hint}"
    );
    problems.report("namespaces without a name", Level::Warn, message);
}

/// Whether the table reports those without a name, too.
fn finds_processes(table: &Table) -> bool {
    table.namespaces.discovery == Discovery::Processes
}

impl Elsewhere {
    /// Has its events told of. Without, the table of its interfaces would be out of date.
    fn watch(&self, epoll: &OwnedFd) -> io::Result<()> {
        let Some(events) = self.space.events() else { return Ok(()) };
        let data = epoll::EventData::new_u64(self.key);
        Ok(epoll::add(epoll, events, data, epoll::EventFlags::IN)?)
    }

    /// Whether it is what the tables want.
    fn answers(&self, wish: &Wish) -> bool {
        self.by_netlink == wish.by_netlink && self.found.is_reported_as(&wish.found)
    }

    /// Takes in what was found of it this time.
    fn go_on_with(&mut self, found: Found) {
        if let Some(process) = found.process.as_deref().filter(|_| self.by_process) {
            self.files.go_on_with(process);
        }
        self.found = found;
    }

    /// Whether its process lives in it: that may be gone since, and its number another one's.
    fn is_there(&self) -> bool {
        let process = self.found.process.as_deref().map(namespaces::inode_of);
        process.is_some_and(|inode| inode.is_ok_and(|inode| inode == self.found.inode))
    }
}
