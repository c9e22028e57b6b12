//! The network namespaces, beside our own, that tables report: found, entered, read and forgotten.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;

use rustix::event::{Timespec, epoll};

use crate::config::{Discovery, Table};
use crate::interface::Wants;
use crate::lines::{Batch, Lines};
use crate::log::{Level, Problems};
use crate::protocol::Groups;
use crate::source::namespaces::{self, EnterError, Entered, Found, Watch};
use crate::source::netlink::{Asker, Netlink, Scratch};
use crate::source::proc_net::{HostProc, ProcNet};
use crate::source::procfs::Procfs;
use crate::space::{self, Given};

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
    /// Whether that is the host's, whose namespace tables report for their own.
    is_hosts: bool,
    root: PathBuf,
    /// The tables that report any, by their numbers.
    tables: Vec<usize>,
    by_processes: bool,
    wants: Wants,
    groups: Groups,
    asker: Rc<Asker>,
    entered: Vec<Space>,
    watch: Option<Watch>,
    /// The sockets of all namespaces, and the watch.
    epoll: OwnedFd,
    last_key: u64,
    /// Names may have come or gone.
    is_stale: bool,
    /// This process may not enter namespaces, as one said.
    forbidden: Option<String>,
}

/// One of them.
#[derive(Debug)]
struct Space {
    found: Found,
    /// What its events are told by.
    key: u64,
    reader: Reader,
    files: ProcNet,
    lines: Lines,
    /// Whether this gather has it.
    is_read: bool,
}

#[derive(Debug)]
enum Reader {
    Netlink(Netlink),
    /// By the files of a process that lives in it.
    Procfs(Procfs),
}

impl Spaces {
    /// For the tables that report other namespaces; `None` if there are none. Without a thread that
    /// asks drivers, one is started.
    ///
    /// # Errors
    ///
    /// When the system gives no more threads or files.
    pub(crate) fn open(tables: &[Table], asker: Option<Rc<Asker>>) -> io::Result<Option<Self>> {
        let ours = || tables.iter().enumerate().filter(|(_, table)| table.namespaces.has_others());
        let Some((_, first)) = ours().next() else { return Ok(None) };
        namespaces::raise_file_limit();
        let (proc, is_hosts, root) = match &first.proc {
            HostProc::Own => ("/proc".into(), false, "/".into()),
            HostProc::Of(proc) => (proc.clone(), true, namespaces::root_of(&proc.join("1"))),
        };
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let watch = Watch::new(&root).ok();
        if let Some(watch) = &watch {
            let data = epoll::EventData::new_u64(NAMES);
            epoll::add(&epoll, watch.events(), data, epoll::EventFlags::IN)?;
        }
        Ok(Some(Self {
            proc,
            is_hosts,
            root,
            tables: ours().map(|(number, _)| number).collect(),
            by_processes: ours()
                .any(|(_, table)| table.namespaces.discovery == Discovery::Processes),
            wants: ours().fold(Wants::default(), |wants, (_, table)| wants.or(table.wants())),
            groups: ours()
                .fold(Groups::default(), |groups, (_, table)| groups.or(table.protocol_groups())),
            asker: match asker {
                Some(asker) => asker,
                None => Rc::new(Asker::start()?),
            },
            entered: Vec::new(),
            watch,
            epoll,
            last_key: NAMES,
            is_stale: true,
            forbidden: None,
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
                    let space = self.entered.iter_mut().find(|space| space.key == key);
                    if let Some(Space { reader: Reader::Netlink(netlink), .. }) = space {
                        netlink.follow(scratch);
                    }
                }
            }
        }
    }

    fn forget_nameless(&mut self) {
        self.entered.retain(|space| space.found.process.is_some() || space.found.file.exists());
    }

    /// Finds the namespaces of this moment and reads all that the tables want.
    pub(crate) fn read(
        &mut self,
        tables: &[Table],
        scratch: &mut Scratch,
        problems: &mut Problems,
    ) {
        self.discover(tables, problems);
        let Self { entered, groups, .. } = self;
        for space in entered.iter_mut() {
            space.read(tables, *groups, scratch, problems);
        }
        // One that could not be read is looked for again.
        let count = entered.len();
        entered.retain(|space| space.is_read);
        self.is_stale |= entered.len() < count;
    }

    /// Appends the lines of one table, namespace by namespace in the order of their names.
    pub(crate) fn append(&mut self, batch: &mut Batch<'_>, numbered: (usize, &Table)) {
        for Space { reader, files, lines, .. } in &mut self.entered {
            match reader {
                Reader::Netlink(netlink) => {
                    let (interfaces, reading) = (netlink.interfaces(), netlink.reading());
                    lines.append_interfaces(batch, numbered, interfaces, reading);
                }
                Reader::Procfs(procfs) => {
                    let (interfaces, reading) = (procfs.interfaces().iter(), procfs.reading());
                    lines.append_interfaces(batch, numbered, interfaces, reading);
                }
            }
            lines.append_protocols(batch, numbered, files.protocols());
        }
    }

    /// Does what could wait until the batch was written.
    pub(crate) fn after_write(&mut self) {
        for space in &mut self.entered {
            if let Reader::Netlink(netlink) = &mut space.reader {
                netlink.refresh_speeds();
            }
        }
    }

    /// Takes in the namespaces that came, and forgets those that went.
    fn discover(&mut self, tables: &[Table], problems: &mut Problems) {
        let is_unsure = self.watch.as_mut().is_none_or(Watch::renew);
        let was_forbidden = self.forbidden.is_some();
        if !self.is_stale && !is_unsure && !self.by_processes && !was_forbidden {
            return;
        }
        let mut denied = self.search(tables, problems);
        if self.forbidden.is_some() && !was_forbidden {
            // Now by their processes.
            denied = self.search(tables, problems);
        }
        match &self.forbidden {
            Some(reason) => report_forbidden(reason, problems),
            None if denied > 0 => report_denied(denied, problems),
            None => {}
        }
    }

    /// Does it once. Returns how many processes did not let themselves be asked where they live.
    fn search(&mut self, tables: &[Table], problems: &mut Problems) -> usize {
        let (mut found, is_unfinished) = namespaces::named(&self.root);
        self.is_stale = is_unfinished;
        let mut denied = 0;
        if self.by_processes || self.forbidden.is_some() {
            denied = self.add_processes(&mut found);
        }
        let reporting = |found: &Found| {
            let selects = |number: &usize| {
                tables.get(*number).is_some_and(|table| table.namespaces.selects(&found.name))
            };
            self.tables.iter().copied().filter(selects).collect::<Vec<_>>()
        };
        let mut wanted: Vec<_> = found
            .into_iter()
            .map(|found| (reporting(&found), found))
            .filter(|(tables, _)| !tables.is_empty())
            .collect();
        self.entered.retain_mut(|space| {
            let is_same = |(_, found): &(Vec<usize>, Found)| space.found.is_reported_as(found);
            let place = wanted.iter().position(is_same);
            let kept = place.map(|place| wanted.swap_remove(place));
            kept.map(|(_, found)| space.go_on_with(found)).is_some()
        });
        self.enter(wanted, problems);
        self.entered.sort_unstable_by(|one, other| one.found.name.cmp(&other.found.name));
        denied
    }

    /// Adds the namespaces that processes live in, and to those that have names a process. Returns
    /// how many processes did not let themselves be asked.
    fn add_processes(&self, found: &mut Vec<Found>) -> usize {
        let (of_processes, denied) = namespaces::of_processes(&self.proc);
        let main = if self.is_hosts { "1" } else { "self" };
        let main = namespaces::inode_of(&self.proc.join(main));
        for one in of_processes.into_iter().filter(|one| Some(one.inode) != main) {
            match found.iter_mut().find(|known| known.inode == one.inode) {
                Some(known) => {
                    if self.by_processes {
                        known.container = one.container;
                    }
                    if self.forbidden.is_some() {
                        known.process = one.process;
                    }
                }
                None if self.by_processes => found.push(one),
                None => {}
            }
        }
        denied
    }

    /// Opens what these namespaces are read by.
    fn enter(&mut self, wanted: Vec<(Vec<usize>, Found)>, problems: &mut Problems) {
        if wanted.is_empty() {
            return;
        }
        if self.forbidden.is_some() {
            for (tables, found) in wanted {
                self.read_by_process(tables, found);
            }
            return;
        }
        let files = wanted.iter().map(|(_, found)| (found.file.clone(), found.inode)).collect();
        let interface_protocols = !self.wants.protocols.is_empty();
        let entered = namespaces::enter(files, self.groups, interface_protocols);
        let entered = entered.unwrap_or_else(|error| vec![Err(EnterError::Enter(error))]);
        for ((tables, found), entered) in wanted.into_iter().zip(entered) {
            match entered {
                Ok(Entered { sockets, files }) => {
                    let netlink = Netlink::new(sockets, &self.asker, self.wants);
                    self.add(tables, found, Reader::Netlink(netlink), files);
                }
                Err(error) if error.is_forbidden() => {
                    self.forbidden = Some(error.to_string());
                }
                Err(error) => {
                    self.is_stale = true;
                    if !matches!(error, EnterError::Gone) {
                        let file = found.file.display();
                        let message = format_args!("cannot read network namespace {file}: {error}");
                        problems.report(&format!("namespace {file}"), Level::Error, message);
                    }
                }
            }
        }
    }

    fn read_by_process(&mut self, tables: Vec<usize>, found: Found) {
        let Some(process) = &found.process else { return };
        let files = ProcNet::of_process(process);
        let mut procfs = Procfs::without_sysfs();
        procfs.add_wants(self.wants);
        self.add(tables, found, Reader::Procfs(procfs), files);
    }

    fn add(&mut self, tables: Vec<usize>, found: Found, reader: Reader, files: ProcNet) {
        self.last_key += 1;
        let key = self.last_key;
        if let Reader::Netlink(netlink) = &reader {
            // Without its events, the table of interfaces would be out of date: then it is read anew.
            let data = epoll::EventData::new_u64(key);
            if epoll::add(&self.epoll, netlink.events(), data, epoll::EventFlags::IN).is_err() {
                self.is_stale = true;
                return;
            }
        }
        let container = found.container.clone().map(|id| ("container", id));
        let tags = [("namespace", found.name.clone())].into_iter().chain(container).collect();
        let lines = Lines::new(tags, tables.into_iter());
        self.entered.push(Space { found, key, reader, files, lines, is_read: false });
    }
}

/// Says what cannot be had for want of privileges.
fn report_forbidden(reason: &str, problems: &mut Problems) {
    let message = format_args!(
        "cannot enter network namespaces: {reason}: it takes CAP_SYS_ADMIN; only those are reported \
         that /proc shows a process of, without flags and speed"
    );
    problems.report("namespaces", Level::Warn, message);
}

/// Says that the namespaces of some processes are left out.
fn report_denied(denied: usize, problems: &mut Problems) {
    let message = format_args!(
        "the network namespaces of {denied} processes cannot be told: it takes CAP_SYS_PTRACE, or \
         their own user"
    );
    problems.report("namespaces of processes", Level::Warn, message);
}

impl Space {
    /// Takes in what was found of it this time.
    fn go_on_with(&mut self, found: Found) {
        if let (Reader::Procfs(_), Some(process)) = (&self.reader, &found.process) {
            self.files.go_on_with(process);
        }
        self.found = found;
    }

    fn read(
        &mut self,
        tables: &[Table],
        groups: Groups,
        scratch: &mut Scratch,
        problems: &mut Problems,
    ) {
        let Self { found, reader, files, lines, is_read, .. } = self;
        files.start_gather();
        files.read_protocols(groups, problems);
        *is_read = match reader {
            Reader::Netlink(netlink) => {
                let name = format!(" in {}", String::from_utf8_lossy(&found.name));
                let named = (tables, name.as_str());
                let given = space::read_netlink(netlink, files, lines, named, scratch, problems);
                given == Given::All
            }
            Reader::Procfs(procfs) => {
                // One whose process is gone is no problem, but looked for again.
                let process = found.process.as_deref();
                let is_there = process.and_then(namespaces::inode_of) == Some(found.inode);
                if is_there {
                    let never = &mut || false;
                    space::read_procfs(procfs, files, lines, tables, false, problems, never);
                }
                is_there
            }
        };
    }
}
