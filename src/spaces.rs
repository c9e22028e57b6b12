//! The network namespaces, beside our own, that tables report: found, entered, read and forgotten.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::config::{Discovery, Table};
use crate::file::QuotedPath;
use crate::first_gather::Seen;
use crate::interface::Wants;
use crate::lines::Batch;
use crate::log::{Level, Problems};
use crate::parse::Quoted;
use crate::privileges::{
    self, ENTER, LOOK_AT_FOLDERS, LOOK_AT_NAMES, LOOK_AT_PROCESSES, Needed, Standing,
};
use crate::protocol::{Group, Groups};
use crate::selection::Tally;
use crate::source::Wanted;
use crate::source::namespaces::{
    self, EnterError, Entered, Found, Inhabited, Machine, Purpose, Watch,
};
use crate::source::netlink::{Asker, Netlink, Scratch};
use crate::source::proc_net::{self, ProcNet};
use crate::source::procfs::Procfs;
use crate::space::Space;

/// What [`Spaces::events`] means: a name came or went.
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
pub(crate) struct Spaces {
    machine: Machine,
    /// The tables that report any.
    tables: Vec<Reporting>,
    /// One of them reports those without a name, too.
    by_processes: bool,
    wants: Wants,
    groups: Groups,
    /// Those of them that the operator named.
    named_groups: Groups,
    entered: Vec<Elsewhere>,
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
struct Elsewhere {
    found: Found,
    by_netlink: bool,
    /// It is read by the files of a process that lives in it.
    by_process: bool,
    /// What its events are told by.
    key: u64,
    /// Whether its kernel events are waited for.
    is_watched: bool,
    end: End,
    files: ProcNet,
    space: Space,
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
struct Wish {
    found: Found,
    /// Whether it is our own, or the host's, by its name.
    is_main: bool,
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
    /// When the system gives no more files; it may another time.
    pub(crate) fn open(tables: &[Table], has_netlink: bool) -> io::Result<Option<Self>> {
        let ours = || tables.iter().enumerate().filter(|(_, table)| is_reporting(table));
        let Some((_, first)) = ours().next() else { return Ok(None) };
        namespaces::raise_file_limit();
        let machine = Machine::of(&first.proc);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(|errno| {
            io::Error::other(format!("epoll_create: {}", io::Error::from(errno)))
        })?;
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
        let next = |one: &Elsewhere| match one.end {
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
                            one.space.follow(scratch);
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
            one.space.fall_behind();
        }
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
        self.is_deaf = false;
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
            files.read_protocols(self.groups, self.named_groups, problems);
            if let Some(error) = space.read(files, tables, scratch, problems, hurry) {
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
        problems: &mut Problems,
        hurry: &mut impl FnMut() -> bool,
    ) {
        for Elsewhere { space, files, .. } in &mut self.entered {
            space.read_details(files, tables, deadline, problems, hurry);
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

    /// Shows what there is in this gather for each table, by the tables' numbers.
    pub(crate) fn show(&self, see: &mut impl FnMut(usize, Seen<'_>)) {
        for Elsewhere { space, files, .. } in &self.entered {
            space.show(files, see);
        }
        let Some(names) = &self.names else { return };
        for Reporting { table, .. } in &self.tables {
            let names = names.iter().map(Vec::as_slice);
            names.chain([&b""[..]]).for_each(|name| see(*table, Seen::Namespace(name)));
        }
    }

    /// Shows the alternative names of interfaces.
    pub(crate) fn show_altnames(
        &mut self,
        scratch: &mut Scratch,
        see: &mut impl FnMut(usize, &[u8], &[u8]),
    ) {
        for Elsewhere { space, .. } in &mut self.entered {
            space.show_altnames(scratch, see);
        }
    }

    /// Counts what tables make of the interfaces.
    pub(crate) fn count(&self, tally: &mut Tally) {
        self.entered.iter().for_each(|one| one.space.count(tally));
    }

    /// How many drivers were asked for their speed since the last call.
    pub(crate) fn take_asked(&mut self) -> usize {
        self.entered.iter_mut().map(|one| one.space.take_asked()).sum()
    }

    /// Whether none is reported because the table selects none of those that there are.
    pub(crate) fn selects_none(&self, table: &Table) -> bool {
        let is_selected = |name: &Vec<u8>| table.namespaces.selects(name);
        self.names.as_ref().is_some_and(|names| !names.iter().any(is_selected))
    }

    /// Does what could wait until the batch was written.
    pub(crate) fn after_write(&mut self) {
        for one in &mut self.entered {
            one.space.after_write();
        }
    }

    /// Takes in the namespaces that came, and forgets those that went.
    fn discover(&mut self, tables: &[Table], asker: Option<&Asker>, problems: &mut Problems) {
        self.watch(problems);
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
        let reason = match Standing::of(ENTER) {
            Standing::Missing => "CAP_SYS_ADMIN missing".into(),
            Standing::Barred(_) | Standing::Confined => format!("needs {}", Needed(ENTER)),
            Standing::Held => format!(
                "{reason}: a sandbox forbids it despite CAP_SYS_ADMIN, as by RestrictNamespaces=yes"
            ),
        };
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
            let (proc, needed) = (QuotedPath(proc), Needed(LOOK_AT_PROCESSES));
            let message = format_args!(
                "{proc} hides the processes of other users (hidepid), and so their network namespaces: \
                 needs {needed}, or a /proc that is mounted without hidepid"
            );
            problems.report("processes hidden", Level::Warn, message);
        } else if denied > 0 {
            let processes = if denied == 1 { "process" } else { "processes" };
            let message = format_args!(
                "{denied} {processes} of other users cannot be looked at for their network \
                 namespaces: needs {}",
                Needed(LOOK_AT_PROCESSES)
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
        asker: Option<&Asker>,
        problems: &mut Problems,
    ) -> io::Result<usize> {
        let mut named = namespaces::named(&self.machine)?;
        let (inhabited, denied) = if self.by_processes || !self.forbidden.is_empty() {
            namespaces::of_processes(&self.machine)?
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
            if namespaces::is_folder(file) { !is_whole } else { is_selected() }
        };
        if let Some((file, error)) = named.unread.iter().find(may_matter) {
            let message = format_args!(
                "network namespaces with a name in {} are not reported: {error}: it takes {}",
                QuotedPath(file),
                Needed(if self.machine.is_own() { LOOK_AT_FOLDERS } else { LOOK_AT_NAMES })
            );
            problems.report("namespaces unlisted", Level::Warn, message);
        }
        let is_all = named.unread.is_empty();
        let main = namespaces::inode_of(&self.machine.main);
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
        let (mut wishes, is_limited) = self.wishes(tables, found, main, problems);
        let is_short = self.leave_room(&mut wishes, problems);
        self.is_stale |= is_limited || is_short;
        let Self { entered, machine, epoll, .. } = self;
        entered.retain_mut(|one| {
            let place = wishes.iter().position(|wish| one.answers(wish));
            let kept = place.map(|place| wishes.remove(place));
            // A folder that cannot be listed this time says nothing of the names in it.
            let is_unlisted =
                || named.unread.iter().any(|(path, _)| one.found.file.starts_with(path));
            let goes_on = kept.is_some() || is_unlisted() && one.found.is_there();
            if let Some(wish) = kept {
                one.go_on_with(wish.found, machine, epoll);
            }
            goes_on
        });
        self.enter(tables, wishes, asker, problems);
        self.entered.sort_by(|one, other| one.found.name.cmp(&other.found.name));
        Ok(denied)
    }

    /// Adds their processes to the namespaces that have names, and where a table reports them, those
    /// that have none. Without knowing `main`, which of these is our own cannot be told.
    fn join(
        &self,
        named: Vec<Found>,
        inhabited: Vec<Inhabited>,
        main: Option<u64>,
    ) -> io::Result<Vec<Found>> {
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
    fn wishes(
        &self,
        tables: &[Table],
        found: Vec<Found>,
        main: Option<u64>,
        problems: &mut Problems,
    ) -> (Vec<Wish>, bool) {
        let wants = |found: &Found, reporting: &Reporting| {
            tables.get(reporting.table).is_some_and(|table| {
                let is_looked_for = found.is_named || finds_processes(table);
                let is_reported_as_own = Some(found.inode) == main && table.namespaces.selects(b"");
                is_looked_for && !is_reported_as_own && table.namespaces.selects(&found.name)
            })
        };
        let mut room: Vec<_> = tables.iter().map(|table| table.namespaces.limit).collect();
        let mut left_out = LeftOut::default();
        let mut wishes = Vec::new();
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
                    wishes.push(Wish { found: found.clone(), is_main, by_netlink, tables });
                }
            }
        }
        let way_out = "raise namespace_limit";
        (wishes, left_out.report("namespace_limit", Level::Warn, way_out, problems))
    }

    /// Leaves those out that there are no files for, the last ones first; returns whether there are
    /// any.
    fn leave_room(&self, wishes: &mut Vec<Wish>, problems: &mut Problems) -> bool {
        let files = |found: &Found, by_netlink| {
            let is_entered = !self.forbidden.contains_key(&found.key());
            let files = self.purpose(by_netlink, true).files() + usize::from(!found.is_mounted);
            if is_entered { files } else { 0 }
        };
        let wanted: usize = wishes.iter().map(|wish| files(&wish.found, wish.by_netlink)).sum();
        let limit = namespaces::file_limit().saturating_sub(SPARE_FILES);
        // What else is open has to be counted only where it may matter.
        if wanted.saturating_mul(2).saturating_add(MANY_FILES) <= limit {
            return false;
        }
        let entered = self.entered.iter().filter(|one| !one.by_process);
        let entered: usize = entered.map(|one| files(&one.found, one.by_netlink)).sum();
        let others =
            namespaces::open_files().map_or(OWN_FILES, |open| open.saturating_sub(entered));
        let mut room = limit.saturating_sub(others);
        let mut left_out = LeftOut::default();
        wishes.retain(|wish| {
            match room.checked_sub(files(&wish.found, wish.by_netlink)) {
                Some(rest) if left_out.count == 0 => room = rest,
                // Nor does any that comes after it, though it may take fewer.
                _ => left_out.add(&wish.found),
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
            if let Some(files) = wish.found.process().map(ProcNet::of_process) {
                let one = self.new_one(tables, wish, None, files);
                self.entered.push(one);
            }
        }
        let orders: Vec<_> = wishes.iter().map(|wish| self.order(wish)).collect();
        for (wish, entered) in wishes.into_iter().zip(enter_all(orders)) {
            match entered {
                Ok(Entered { sockets, files }) => {
                    let netlink = sockets.zip(asker);
                    let netlink =
                        netlink.map(|(sockets, asker)| Netlink::new(sockets, asker, self.wants));
                    let one = self.new_one(tables, wish, netlink, files);
                    self.entered.push(one);
                }
                Err(EnterError::Gone) => self.is_stale = true,
                Err(EnterError::Forbidden(error)) => {
                    let file = QuotedPath(&wish.found.file);
                    let message = format_args!("cannot enter network namespace {file}: {error}");
                    problems.log().line(Level::Debug, message);
                    self.forbidden.insert(wish.found.key(), error.to_string());
                }
                Err(error) => fail(&wish.found, error),
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

    fn order(&self, wish: &Wish) -> (PathBuf, u64, Purpose) {
        (wish.found.file.clone(), wish.found.inode, self.purpose(wish.by_netlink, wish.is_main))
    }

    fn purpose(&self, by_netlink: bool, is_main: bool) -> Purpose {
        // These are the whole machine's.
        let groups = if is_main { self.groups } else { self.groups.without(Group::Softnet) };
        let interface_protocols = !self.wants.protocols.is_empty();
        Purpose { by_netlink, groups, interface_protocols }
    }

    fn new_one(
        &mut self,
        tables: &[Table],
        wish: Wish,
        netlink: Option<Netlink>,
        mut files: ProcNet,
    ) -> Elsewhere {
        let Wish { found, is_main, by_netlink, tables: numbers } = wish;
        files.name_after(&found.name);
        if !is_main {
            files.leave_machine_out();
        }
        let by_process = self.forbidden.contains_key(&found.key());
        let mut space = Space::new(netlink, Procfs::without_sysfs());
        space.add_wants(self.wants);
        for number in numbers {
            let mut tags = vec![("namespace", found.name.clone())];
            let has_container = tables.get(number).is_some_and(finds_processes);
            if let Some(id) = found.container().filter(|_| has_container) {
                tags.push(("container", id.clone()));
            }
            space.add_table(number, tags);
        }
        self.last_key += 1;
        let mut one = Elsewhere {
            found,
            by_netlink,
            by_process,
            key: self.last_key,
            is_watched: false,
            end: End::Look,
            files,
            space,
        };
        one.watch_end(&self.machine, &self.epoll);
        one
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
                // With the old ones, the wait for their events is over.
                one.space.replace(sockets);
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
    namespaces::enter(orders).unwrap_or_else(|error| vec![Err(EnterError::Failed(error))])
}

/// Says that those without a name are left out.
fn report_no_main(process: &Path, error: &io::Error, problems: &mut Problems) {
    let process = QuotedPath(process);
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let hint =
        if is_denied { format!(": it takes {}", Needed(LOOK_AT_PROCESSES)) } else { String::new() };
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

impl Elsewhere {
    /// Waits for its kernel events as long as that is of use. Without, the next reading takes them in.
    fn watch(&mut self, epoll: &OwnedFd) {
        let awaits = self.space.awaits_events();
        if awaits == self.is_watched {
            return;
        }
        let Some(events) = self.space.events() else { return };
        if awaits {
            let data = epoll::EventData::new_u64(self.key);
            match epoll::add(epoll, events, data, epoll::EventFlags::IN) {
                Ok(()) => self.is_watched = true,
                Err(_) => self.space.fall_behind(),
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
    fn answers(&self, wish: &Wish) -> bool {
        self.by_netlink == wish.by_netlink && self.found.is_reported_as(&wish.found)
    }

    /// Takes in what was found of it this time.
    fn go_on_with(&mut self, found: Found, machine: &Machine, epoll: &OwnedFd) {
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
        let process = self.found.process().map(namespaces::inode_of);
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
    fn add(&mut self, found: &Found) {
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
mod tests {
    use std::env;
    use std::fs::{self, File};
    use std::os::unix::fs::{MetadataExt as _, symlink};
    use std::process::{Command, Stdio};

    use tempfile::TempDir;

    use super::*;
    use crate::config::Config;
    use crate::log::Log;
    use crate::protocol::ProtocolFile;
    use crate::source::namespaces::Resident;
    use crate::source::netlink::Sockets;
    use crate::source::netlink::tests::{Kernel, eventually};
    use crate::source::proc_net::HostProc;

    /// A proc file system that a test makes, and the machine that it is of.
    fn machine() -> (TempDir, Machine) {
        let proc = TempDir::new().unwrap();
        let machine = Machine::of(&HostProc::Of(proc.path().into()));
        (proc, machine)
    }

    /// The namespace, without a name, that a new process of that number lives in, with an interface of
    /// that name.
    fn found(machine: &Machine, pid: u32, name: &str) -> Found {
        let process = machine.proc.join(pid.to_string());
        fs::create_dir_all(process.join("ns")).unwrap();
        fs::create_dir_all(process.join("net")).unwrap();
        let file = process.join("ns/net");
        fs::write(&file, "").unwrap();
        let row = format!("{name}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
        fs::write(process.join("net/dev"), format!("Inter-| |\n face |bytes\n{row}\n")).unwrap();
        Found {
            inode: fs::metadata(&file).unwrap().ino(),
            name: b"1".to_vec(),
            is_named: false,
            file,
            is_mounted: false,
            resident: Some(Resident::alone(process)),
        }
    }

    fn elsewhere(found: &Found, by_process: bool) -> Elsewhere {
        Elsewhere {
            found: found.clone(),
            by_netlink: false,
            by_process,
            key: 1,
            is_watched: false,
            end: End::Look,
            files: ProcNet::of_process(found.process().unwrap()),
            space: Space::new(None, Procfs::without_sysfs()),
        }
    }

    /// A table that reports all namespaces of that proc file system.
    fn tables(proc: &TempDir, discovery: &str) -> Vec<Table> {
        let config = format!(
            "[[inputs.net]]\nhost_proc = '{}'\nnamespace_include = ['?*']\n\
             namespace_discovery = '{discovery}'\nignore_protocol_stats = true\n",
            proc.path().display()
        );
        Config::parse(config.as_bytes(), &|_| None).unwrap().tables
    }

    /// Two of processes, over kernels that are played.
    fn two_by_netlink(proc: &TempDir, machine: &Machine, asker: &Asker) -> (Spaces, [Kernel; 2]) {
        found(machine, 1, "main0");
        let mut spaces = Spaces::open(&tables(proc, "processes"), true).unwrap().unwrap();
        let kernels = [10, 11].map(|pid| {
            let mut one = found(machine, pid, "eth0");
            one.name = one.inode.to_string().into_bytes();
            let (netlink, kernel) = Kernel::start(asker);
            let mut space = Space::new(Some(netlink), Procfs::without_sysfs());
            space.add_table(0, Vec::new());
            let key = u64::from(pid);
            spaces.entered.push(Elsewhere {
                by_netlink: true,
                key,
                space,
                ..elsewhere(&one, false)
            });
            kernel
        });
        (spaces, kernels)
    }

    /// Runs this test once more, in a process of its own that may have so many files open, and may let
    /// itself have twice as many. Returns whether this is the one.
    fn is_limited_to(files: usize, test: &str) -> bool {
        const IS_LIMITED: &str = "TEST_IS_LIMITED";
        if env::var_os(IS_LIMITED).is_some() {
            return true;
        }
        let limits = format!("ulimit -Sn {files} && ulimit -Hn {} && exec \"$@\"", 2 * files);
        let output = Command::new("sh")
            .args(["-c", &limits, "sh"])
            .arg(env::current_exe().unwrap())
            .args(["--exact", &format!("spaces::tests::{test}")])
            .env(IS_LIMITED, "")
            .output();
        let output = output.unwrap();
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(output.status.success() && out.contains("1 passed"), "{out}{err}");
        false
    }

    #[test]
    fn a_process_that_lives_elsewhere_by_now_does_not_speak_for_the_namespace() {
        let (_proc, machine) = machine();
        let here = found(&machine, 10, "eth0");
        assert!(elsewhere(&here, true).is_there());
        // Its number is another one's.
        assert!(!elsewhere(&Found { inode: here.inode + 1, ..here.clone() }, true).is_there());
        fs::remove_dir_all(here.process().unwrap()).unwrap();
        assert!(!elsewhere(&here, true).is_there());
    }

    #[test]
    fn a_process_that_moves_elsewhere_while_it_is_looked_for_is_not_read() {
        let (proc, machine) = machine();
        let main = found(&machine, 1, "main0");
        let config = format!(
            "[[inputs.net]]\nhost_proc = '{}'\nnamespace_include = ['?*']\n\
             namespace_discovery = 'processes'\n",
            proc.path().display()
        );
        let tables = Config::parse(config.as_bytes(), &|_| None).unwrap().tables;
        let mut problems = Problems::new(Log { debug: false });
        for moves in [false, true] {
            let one = found(&machine, 10, "eth0");
            assert_ne!(one.inode, main.inode);
            let mut spaces = Spaces::open(&tables, false).unwrap().unwrap();
            // As where this process may not enter it.
            spaces.forbidden.insert(one.key(), "operation not permitted".into());
            let mut moved = || {
                if moves {
                    // Made before the old one goes, so that it has another number.
                    fs::write(proc.path().join("other"), "").unwrap();
                    fs::rename(proc.path().join("other"), &one.file).unwrap();
                }
                false
            };
            spaces.read(&tables, None, &mut Scratch::default(), &mut problems, &mut moved);
            assert_eq!(spaces.entered.len(), 1);
            assert_eq!(spaces.read_at().is_none(), moves);
        }
    }

    #[test]
    fn names_are_looked_for_again_when_they_have_not_been_for_long() {
        let (proc, machine) = machine();
        found(&machine, 1, "main0");
        for folder in ["run/netns", "run/docker/netns"] {
            fs::create_dir_all(machine.proc.join("1/root").join(folder)).unwrap();
        }
        let config = format!(
            "[[inputs.net]]\nhost_proc = '{}'\nnamespace_include = ['?*']\n",
            proc.path().display()
        );
        let tables = Config::parse(config.as_bytes(), &|_| None).unwrap().tables;
        let mut problems = Problems::new(Log { debug: false });
        let mut spaces = Spaces::open(&tables, false).unwrap().unwrap();
        let mut looked = |spaces: &mut Spaces, age: Duration| {
            let before = Instant::now().checked_sub(age)?;
            spaces.searched = before;
            spaces.discover(&tables, None, &mut problems);
            Some(spaces.searched != before)
        };
        // At first, whoever there is, is not known.
        assert_eq!(looked(&mut spaces, Duration::ZERO), Some(true));
        assert_eq!(looked(&mut spaces, Duration::ZERO), Some(false));
        // On a system that has just started, there is no moment so long ago.
        assert_ne!(looked(&mut spaces, MAX_AGE + Duration::from_secs(1)), Some(false));
    }

    #[test]
    fn where_one_process_has_ended_the_next_one_is_read() {
        let (_proc, machine) = machine();
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let [first, next] =
            [(10, "one"), (11, "other")].map(|(pid, name)| found(&machine, pid, name));
        let mut problems = Problems::new(Log { debug: false });
        let mut one = elsewhere(&first, true);
        let mut names = |one: &mut Elsewhere| -> Vec<_> {
            one.files.start_gather();
            one.files.read_interfaces(&mut problems);
            one.files.rows().map(|(name, ..)| name.to_vec()).collect()
        };
        assert_eq!(names(&mut one), [b"one"]);
        one.go_on_with(next.clone(), &machine, &epoll);
        assert_eq!(names(&mut one), [b"other"]);
        assert_eq!(one.found, next);
        // What was opened inside stays open, whoever lives there.
        let mut one = elsewhere(&first, false);
        one.go_on_with(next, &machine, &epoll);
        assert_eq!(names(&mut one), [b"one"]);
    }

    #[test]
    fn the_end_of_a_namespace_is_told_by_what_keeps_it_alive() {
        let (proc, machine) = machine();
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
        let pid = std::process::id();
        let [ours, other] = [pid, pid + 1].map(|pid| found(&machine, pid, "eth0"));
        let end = |one: &Elsewhere| match one.end {
            End::Name => "name",
            End::Process(_) => "process",
            End::Ended => "ended",
            End::Look => "look",
        };
        let watched = |found: &Found, by_process| {
            let mut one = elsewhere(found, by_process);
            one.end = End::Ended;
            one.watch_end(&machine, &epoll);
            end(&one)
        };
        let mounted = Found { is_mounted: true, ..ours.clone() };
        assert_eq!([watched(&mounted, false), watched(&ours, true)], ["name", "name"]);
        // Numbers of that proc file system may be others than ours.
        assert_eq!(watched(&ours, false), "look");
        symlink(pid.to_string(), proc.path().join("self")).unwrap();
        let has_pidfd = machine.watch_end(&ours).is_some();
        assert_eq!(watched(&ours, false), if has_pidfd { "process" } else { "look" });
        // It is watched anew only for another process, and after the end of the one before.
        let mut one = elsewhere(&ours, false);
        one.end = End::Name;
        one.go_on_with(ours.clone(), &machine, &epoll);
        assert_eq!(end(&one), "name");
        one.go_on_with(Found { is_mounted: true, ..other.clone() }, &machine, &epoll);
        assert_eq!(end(&one), "name");
        fs::remove_file(proc.path().join("self")).unwrap();
        one.go_on_with(ours.clone(), &machine, &epoll);
        assert_eq!(end(&one), "look");
        one.end = End::Ended;
        one.go_on_with(ours, &machine, &epoll);
        assert_eq!(end(&one), "look");
    }

    #[test]
    fn the_end_of_a_process_is_told_and_has_it_looked_soon() {
        let (proc, machine) = machine();
        let ours = std::process::id().to_string();
        symlink(ours, proc.path().join("self")).unwrap();
        let mut process = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let one = found(&machine, process.id(), "eth0");
        let mut spaces = Spaces::open(&tables(&proc, "processes"), false).unwrap().unwrap();
        spaces.entered.push(elsewhere(&one, false));
        spaces.entered[0].watch_end(&machine, &spaces.epoll);
        let next_look = |spaces: &Spaces| spaces.next_look().map(|next| next - spaces.looked);
        assert_eq!(next_look(&spaces), Some(LOOK));
        let is_told = matches!(spaces.entered[0].end, End::Process(_));
        // It ends with its input.
        drop(process.stdin.take());
        // From Linux 5.3 on.
        if is_told {
            eventually(|| {
                spaces.take_events(&mut Scratch::default());
                next_look(&spaces) == Some(LOOK_AFTER_END)
            });
        }
        process.wait().unwrap();
    }

    #[test]
    fn nobody_waits_for_events_that_cannot_be_told() {
        let (proc, machine) = machine();
        let asker = Asker::start().unwrap();
        let (mut spaces, _kernels) = two_by_netlink(&proc, &machine, &asker);
        let mut problems = Problems::new(Log { debug: false });
        let (tables, mut scratch) = (tables(&proc, "processes"), Scratch::default());
        spaces.read(&tables, None, &mut scratch, &mut problems, &mut || false);
        assert!(spaces.events().is_some());
        assert!(spaces.entered.iter().all(|one| one.is_watched && one.space.awaits_events()));
        spaces.epoll = File::open("/dev/null").unwrap().into();
        spaces.follow(&mut scratch);
        assert!(spaces.events().is_none());
        assert!(!spaces.entered.iter().any(|one| one.space.awaits_events()));
        // The next gather takes them in, and waits anew.
        spaces.read(&tables, None, &mut scratch, &mut problems, &mut || false);
        assert!(spaces.events().is_some() && spaces.read_at().is_some());
        assert!(spaces.entered.iter().all(|one| one.space.awaits_events()));
    }

    #[test]
    fn namespaces_whose_netlink_fails_are_counted() {
        let (proc, machine) = machine();
        let asker = Asker::start().unwrap();
        let (mut spaces, kernels) = two_by_netlink(&proc, &machine, &asker);
        let tables = tables(&proc, "processes");
        let mut problems = Problems::new(Log { debug: false });
        let mut read = || {
            spaces.read(&tables, None, &mut Scratch::default(), &mut problems, &mut || false);
            problems.messages().join("\n")
        };
        assert_eq!(read(), "");
        kernels.iter().for_each(Kernel::fail);
        let message = read();
        assert!(message.starts_with("netlink in 2 network namespaces, "), "{message}");
        assert!(message.ends_with("; /proc/net/dev stands in for it"), "{message}");
    }

    #[test]
    fn speeds_that_have_grown_old_are_asked_for_after_the_writing() {
        let (proc, machine) = machine();
        let asker = Asker::start().unwrap();
        let (mut spaces, _kernels) = two_by_netlink(&proc, &machine, &asker);
        let mut tables = tables(&proc, "processes");
        tables[0].speed_refresh = Duration::from_nanos(1);
        let mut problems = Problems::new(Log { debug: false });
        eventually(|| {
            spaces.read(&tables, None, &mut Scratch::default(), &mut problems, &mut || false);
            let deadline = Instant::now() + Duration::from_secs(1);
            spaces.read_details(&tables, deadline, &mut problems, &mut || false);
            spaces.take_asked();
            spaces.after_write();
            spaces.take_asked() == 2
        });
    }

    #[test]
    fn names_that_may_change_without_an_event_are_looked_for_at_every_gather() {
        let looked = |prepare: &dyn Fn(&Path)| {
            let (proc, machine) = machine();
            found(&machine, 1, "main0");
            let run = machine.proc.join("1/root/run");
            for folder in ["netns", "docker/netns"] {
                fs::create_dir_all(run.join(folder)).unwrap();
            }
            prepare(&run);
            let tables = tables(&proc, "named");
            let mut problems = Problems::new(Log { debug: false });
            let mut spaces = Spaces::open(&tables, false).unwrap().unwrap();
            let mut look = || {
                spaces.discover(&tables, None, &mut problems);
                spaces.searched
            };
            look() != look()
        };
        assert!(!looked(&|_| {}));
        // A symbolic link, whatever it leads to.
        assert!(looked(&|run| symlink("/proc/self/ns/net", run.join("netns/link")).unwrap()));
        // A folder that cannot be listed.
        assert!(looked(&|run| {
            fs::remove_dir(run.join("netns")).unwrap();
            fs::write(run.join("netns"), "").unwrap();
        }));
    }

    #[test]
    fn those_that_are_left_out_are_counted_and_looked_for_again() {
        let (proc, machine) = machine();
        let names = machine.proc.join("1/root/run/netns");
        fs::create_dir_all(&names).unwrap();
        found(&machine, 1, "main0");
        found(&machine, 10, "eth0");
        let mut tables = tables(&proc, "processes");
        // As where others take all the room.
        tables[0].namespaces.limit = 0;
        let look = || {
            let mut problems = Problems::new(Log { debug: false });
            let mut spaces = Spaces::open(&tables, false).unwrap().unwrap();
            spaces.search(&tables, None, &mut problems).unwrap();
            assert!(spaces.entered.is_empty());
            (spaces.is_stale, problems.messages().join("\n"))
        };
        let (is_stale, message) = look();
        let is_told = message.starts_with("1 network namespace is left out, such as ");
        assert!(is_told && message.ends_with(": raise namespace_limit"), "{message}");
        // There may be room the next time.
        assert!(is_stale);
        symlink("/proc/self/ns/net", names.join("link")).unwrap();
        let (is_stale, message) = look();
        let is_told = message.starts_with("2 network namespaces are left out, such as \"link\": ");
        assert!(is_told && is_stale, "{message}");
    }

    #[test]
    fn namespaces_that_cannot_be_read_are_counted() {
        let (proc, machine) = machine();
        for pid in [1, 10, 11] {
            // No namespace is behind these files.
            found(&machine, pid, "eth0");
        }
        let tables = tables(&proc, "processes");
        let mut problems = Problems::new(Log { debug: false });
        let mut spaces = Spaces::open(&tables, false).unwrap().unwrap();
        spaces.discover(&tables, None, &mut problems);
        let message = problems.messages().join("\n");
        assert!(message.starts_with("cannot read 2 network namespaces, "), "{message}");
        assert!(spaces.is_stale);
    }

    #[test]
    fn what_is_missing_to_look_at_processes_is_said() {
        let (proc, _) = machine();
        let spaces = Spaces::open(&tables(&proc, "processes"), false).unwrap().unwrap();
        let unseen = |denied| {
            let mut problems = Problems::new(Log { debug: false });
            spaces.report_unseen(denied, &mut problems);
            problems.messages().join("\n")
        };
        let needed = Needed(LOOK_AT_PROCESSES);
        let told = format!(
            "of other users cannot be looked at for their network namespaces: needs {needed}"
        );
        let expected = [String::new(), format!("1 process {told}"), format!("2 processes {told}")];
        assert_eq!([0, 1, 2].map(unseen), expected);
        let no_main = |errno: Errno| {
            let mut problems = Problems::new(Log { debug: false });
            report_no_main(Path::new("/proc/self"), &errno.into(), &mut problems);
            problems.messages().join("\n").ends_with(&format!(": it takes {needed}"))
        };
        assert_eq!([Errno::ACCESS, Errno::NOENT].map(no_main), [true, false]);
    }

    #[test]
    fn as_many_are_read_as_there_may_be_files_open_and_nobody_is_taken_for_another() {
        const FILES: usize = 200;
        let test = "as_many_are_read_as_there_may_be_files_open_and_nobody_is_taken_for_another";
        if !is_limited_to(FILES, test) {
            return;
        }
        let open = || fs::read_dir("/proc/self/fd").unwrap().count();
        let (proc, machine) = machine();
        found(&machine, 1, "main0");
        for pid in 10..110 {
            let one = found(&machine, pid, "eth0");
            fs::write(one.process().unwrap().join("cgroup"), "0::/init.scope\n").unwrap();
        }
        assert_eq!(namespaces::file_limit(), FILES);
        let tables = tables(&proc, "processes");
        let mut spaces = Spaces::open(&tables, true).unwrap().unwrap();
        assert_eq!(namespaces::file_limit(), 2 * FILES);
        // What one takes: three sockets, and each of its files below `/proc/net`.
        let few = Purpose { by_netlink: true, ..Purpose::default() };
        let groups = Group::ALL.into_iter().collect();
        let many = Purpose { by_netlink: true, groups, interface_protocols: true };
        let statistics = ProtocolFile::ALL.into_iter().count();
        assert_eq!([few, many].map(|all| all.files()), [4, 4 + statistics + 1]);
        let before = open();
        let opened = (ProcNet::enter(groups, true).unwrap(), Sockets::open());
        assert!(open() - before <= many.files());
        drop(opened);
        // That many were given to it, say, when it was started.
        let given: Vec<_> = (0..100).map(|_| File::open("/dev/null").unwrap()).collect();
        let mut problems = Problems::new(Log { debug: false });
        spaces.discover(&tables, None, &mut problems);
        let read = (2 * FILES - SPARE_FILES - open()) / (few.files() + 1);
        let messages = problems.messages();
        let [left_out, unread] = messages.as_slice() else { panic!("{messages:?}") };
        let expected = format!("{} network namespaces are left out, such as ", 100 - read);
        assert!(left_out.starts_with(&expected), "{left_out}");
        assert!(left_out.ends_with(": raise the limit of open files (LimitNOFILE)"), "{left_out}");
        assert!(unread.starts_with(&format!("cannot read {read} network namespaces")), "{unread}");
        // A container that cannot be told for want of files is not taken for none.
        let (inhabited, _) = namespaces::of_processes(&machine).unwrap();
        let mut all = Vec::new();
        while let Ok(file) = File::open("/dev/null") {
            all.push(file);
        }
        assert!(spaces.join(Vec::new(), inhabited.clone(), Some(0)).is_err());
        drop((given, all));
        assert_eq!(spaces.join(Vec::new(), inhabited, Some(0)).unwrap().len(), 101);
    }
}
