//! The network namespaces, beside our own, that tables report: found, entered, read and forgotten.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::event::{Timespec, epoll};

use crate::config::{Discovery, Table};
use crate::interface::Wants;
use crate::lines::Batch;
use crate::log::{Level, Problems};
use crate::parse::Quoted;
use crate::protocol::Groups;
use crate::source::Wanted;
use crate::source::namespaces::{self, EnterError, Entered, Found, Purpose, Watch};
use crate::source::netlink::{Asker, Netlink, Scratch};
use crate::source::proc_net::{HostProc, ProcNet};
use crate::source::procfs::Procfs;
use crate::space::Space;

/// What [`Spaces::events`] means: a name came or went.
const NAMES: u64 = 0;

/// The same: something happened in our own namespace.
const OWN: u64 = u64::MAX;

/// Events that are taken from the kernel at once.
const MAX_EVENTS: usize = 64;

/// The namespaces of all tables.
#[derive(Debug)]
pub(crate) struct Spaces {
    proc: PathBuf,
    /// The process in it whose namespace tables report for their own.
    main: &'static str,
    root: PathBuf,
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
    /// The inodes of those that this process may not enter, and why.
    forbidden: BTreeMap<u64, String>,
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
    /// Whether this gather has it.
    is_read: bool,
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
        let (proc, main, root) = match &first.proc {
            HostProc::Own => (PathBuf::from("/proc"), "self", "/".into()),
            HostProc::Of(proc) => (proc.clone(), "1", namespaces::root_of(&proc.join("1"))),
        };
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let watch = Watch::new(&root).ok();
        if let Some(watch) = &watch {
            let data = epoll::EventData::new_u64(NAMES);
            epoll::add(&epoll, watch.events(), data, epoll::EventFlags::IN)?;
        }
        let by_netlink = |table: &Table| has_netlink && table.source != Wanted::Procfs;
        Ok(Some(Self {
            proc,
            main,
            root,
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
        if epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), at_once).is_err() {
            return;
        }
        for event in events {
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
    }

    fn forget_nameless(&mut self) {
        self.entered.retain(|one| !one.found.is_named || one.found.file.exists());
    }

    /// Finds the namespaces of this moment and reads all that the tables want. Once `hurry` says so,
    /// no more are read.
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
        let groups = self.groups;
        for one in &mut self.entered {
            one.is_read = !hurry() && one.read(tables, groups, scratch, problems, hurry);
        }
    }

    /// Appends the lines of one table, namespace by namespace in the order of their names.
    pub(crate) fn append(&mut self, batch: &mut Batch<'_>, numbered: (usize, &Table)) {
        for Elsewhere { space, files, .. } in self.entered.iter_mut().filter(|one| one.is_read) {
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
        if !self.is_stale && !is_unsure && !looks_for_processes {
            return;
        }
        let known = self.forbidden.len();
        let mut denied = self.search(tables, asker, problems);
        if self.forbidden.len() > known {
            // Now by their processes.
            denied = self.search(tables, asker, problems);
        }
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
    ) -> usize {
        let named = namespaces::named(&self.root);
        self.is_stale = named.is_unfinished || !named.unread.is_empty();
        if let Some((folder, error)) = named.unread.first() {
            let message = format_args!(
                "network namespaces with a name in {} are not reported: {error}: it takes \
                 CAP_DAC_READ_SEARCH, and for a host's CAP_SYS_PTRACE",
                folder.display()
            );
            problems.report("namespaces unlisted", Level::Warn, message);
        }
        let main = namespaces::inode_of(&self.proc.join(self.main));
        let mut found = named.found;
        let mut denied = 0;
        if self.by_processes || !self.forbidden.is_empty() {
            denied = self.add_processes(&mut found, main, problems);
        }
        self.forbidden.retain(|inode, _| found.iter().any(|found| found.inode == *inode));
        let mut wishes = self.wishes(tables, found, main);
        self.entered.retain_mut(|one| {
            let place = wishes.iter().position(|wish| one.answers(wish));
            let kept = place.map(|place| wishes.swap_remove(place));
            kept.map(|wish| one.go_on_with(wish.found)).is_some()
        });
        self.enter(tables, wishes, asker, problems);
        self.entered.sort_by(|one, other| one.found.name.cmp(&other.found.name));
        denied
    }

    /// Adds a process to the namespaces that have names, and where a table reports them, those that
    /// have none. Without knowing `main`, which of these is our own cannot be told. Returns how many
    /// processes did not let themselves be asked.
    fn add_processes(
        &self,
        found: &mut Vec<Found>,
        main: Option<u64>,
        problems: &mut Problems,
    ) -> usize {
        let (of_processes, denied) = namespaces::of_processes(&self.proc);
        for one in of_processes {
            match found.iter_mut().find(|known| known.inode == one.inode) {
                Some(known) => {
                    known.process = one.process;
                    known.container = one.container.filter(|_| self.by_processes);
                }
                None if self.by_processes && main.is_some_and(|main| main != one.inode) => {
                    found.push(one);
                }
                None => {}
            }
        }
        if self.by_processes && main.is_none() {
            let process = self.proc.join(self.main);
            let message = format_args!(
                "no network namespace without a name is reported: that of {} cannot be told: it takes \
                 CAP_SYS_PTRACE",
                process.display()
            );
            problems.report("namespaces without a name", Level::Warn, message);
        }
        denied
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
        let is_forbidden = |wish: &Wish| self.forbidden.contains_key(&wish.found.inode);
        let (by_process, wishes): (Vec<_>, Vec<_>) = wishes.into_iter().partition(is_forbidden);
        for wish in by_process {
            if let Some(files) = wish.found.process.as_deref().map(ProcNet::of_process) {
                self.add(tables, wish, None, files);
            }
        }
        if wishes.is_empty() {
            return;
        }
        let orders = wishes.iter().map(|wish| self.order(&wish.found, wish.by_netlink)).collect();
        let entered = namespaces::enter(orders);
        let entered = entered.unwrap_or_else(|error| vec![Err(EnterError::Failed(error))]);
        let (mut failures, mut failure) = (0, None);
        for (wish, entered) in wishes.into_iter().zip(entered) {
            match entered {
                Ok(Entered { sockets, files }) => {
                    let name = Quoted(&wish.found.name);
                    let netlink = match (sockets, asker) {
                        (Some(Ok(sockets)), Some(asker)) => {
                            Some(Netlink::new(sockets, asker, self.wants))
                        }
                        (Some(Err(error)), _) => {
                            // Said once: it is not tried again.
                            problems.log().warn(format_args!(
                                "netlink in {name}: {error}; /proc/net/dev stands in for it, without \
                                 flags and speed"
                            ));
                            None
                        }
                        _ => None,
                    };
                    self.add(tables, wish, netlink, files);
                }
                Err(EnterError::Forbidden(error)) => {
                    let file = wish.found.file.display();
                    let message = format_args!("cannot enter network namespace {file}: {error}");
                    problems.log().line(Level::Debug, message);
                    self.forbidden.insert(wish.found.inode, error.to_string());
                }
                Err(EnterError::Gone) => self.is_stale = true,
                Err(EnterError::Failed(error)) => {
                    self.is_stale = true;
                    failures += 1;
                    failure.get_or_insert((wish.found.file, error));
                }
            }
        }
        if let Some((file, error)) = failure {
            let file = file.display();
            let message =
                format_args!("cannot read {failures} network namespaces, {file}: {error}");
            problems.report("namespaces unread", Level::Error, message);
        }
    }

    fn order(&self, found: &Found, by_netlink: bool) -> (PathBuf, u64, Purpose) {
        let interface_protocols = !self.wants.protocols.is_empty();
        let purpose = Purpose { by_netlink, groups: self.groups, interface_protocols };
        (found.file.clone(), found.inode, purpose)
    }

    fn add(&mut self, tables: &[Table], wish: Wish, netlink: Option<Netlink>, files: ProcNet) {
        let Wish { found, by_netlink, tables: numbers } = wish;
        self.last_key += 1;
        let key = self.last_key;
        let by_process = self.forbidden.contains_key(&found.inode);
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
        let one = Elsewhere { found, by_netlink, by_process, key, files, space, is_read: false };
        if one.watch(&self.epoll) {
            self.entered.push(one);
        } else {
            self.is_stale = true;
        }
    }

    /// Opens new sockets where netlink failed.
    fn mend(&mut self) {
        let is_broken = |one: &&Elsewhere| one.space.is_broken();
        let orders: Vec<_> = self
            .entered
            .iter()
            .filter(is_broken)
            .map(|one| self.order(&one.found, one.by_netlink))
            .collect();
        if orders.is_empty() {
            return;
        }
        let entered = namespaces::enter(orders).unwrap_or_default();
        let broken = self.entered.iter_mut().filter(|one| one.space.is_broken());
        for (one, entered) in broken.zip(entered) {
            if let Ok(Entered { sockets: Some(Ok(sockets)), .. }) = entered {
                one.space.replace(sockets);
                one.watch(&self.epoll);
            }
        }
    }
}

/// Says what cannot be had for want of privileges.
fn report_forbidden(reason: &str, problems: &mut Problems) {
    let message = format_args!(
        "cannot enter some network namespaces: {reason}: it takes CAP_SYS_ADMIN; only those of them \
         are reported that /proc shows a process of, without flags and speed"
    );
    problems.report("namespaces forbidden", Level::Warn, message);
}

/// Says that the namespaces of some processes are left out.
fn report_denied(denied: usize, problems: &mut Problems) {
    let message = format_args!(
        "the network namespaces of {denied} processes cannot be told: it takes CAP_SYS_PTRACE, or \
         their own user"
    );
    problems.report("namespaces of processes", Level::Warn, message);
}

/// Whether the table reports those without a name, too.
fn finds_processes(table: &Table) -> bool {
    table.namespaces.discovery == Discovery::Processes
}

impl Elsewhere {
    /// Has its events told of. Returns whether that went well: without, the table of its interfaces
    /// would be out of date.
    fn watch(&self, epoll: &OwnedFd) -> bool {
        let Some(events) = self.space.events() else { return true };
        let data = epoll::EventData::new_u64(self.key);
        epoll::add(epoll, events, data, epoll::EventFlags::IN).is_ok()
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

    /// Reads all that the tables want. Returns whether it is there.
    fn read(
        &mut self,
        tables: &[Table],
        groups: Groups,
        scratch: &mut Scratch,
        problems: &mut Problems,
        hurry: &mut impl FnMut() -> bool,
    ) -> bool {
        let Self { found, by_process, files, space, .. } = self;
        // A process may be gone since, and its number another one's.
        let process = found.process.as_deref().and_then(namespaces::inode_of);
        if *by_process && process != Some(found.inode) {
            return false;
        }
        files.start_gather();
        files.read_protocols(groups, problems);
        space.read(files, (tables, &found.name), scratch, problems, hurry);
        true
    }
}
