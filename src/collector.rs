//! What one gather is: read every source once, select, and have the lines of each table appended.

use std::os::fd::BorrowedFd;
use std::time::{Instant, SystemTime};

use crate::config::{Config, Table};
use crate::encode;
use crate::interface::{Interface, Wants};
use crate::lines::{Batch, Lines};
use crate::log::{Level, Log, Problems};
use crate::protocol::Groups;
use crate::source::Wanted;
use crate::source::netlink::{Asker, Netlink, NetlinkError, ReadError, Scratch, Sockets};
use crate::source::proc_net::{HostProc, ProcNet};
use crate::source::procfs::Procfs;

/// Gathers for all `[[inputs.net]]` tables.
#[derive(Debug)]
pub struct Collector {
    tables: Vec<Table>,
    /// Where each table's lines come from.
    routes: Vec<Route>,
    /// One for each proc file system that the tables name.
    procs: Vec<Proc>,
    /// One for each pair of a proc file system and a sysfs that the tables name.
    procfs: Vec<BySysfs>,
    /// The network namespace that this process lives in, where a table reads it by netlink.
    own: Option<Own>,
    scratch: Scratch,
    problems: Problems,
    line_end: Vec<u8>,
}

/// Where a table's lines come from.
#[derive(Debug, Clone, Copy)]
struct Route {
    proc: usize,
    procfs: usize,
    /// Its interfaces come by netlink, whenever that can be read.
    by_netlink: bool,
}

#[derive(Debug)]
struct Proc {
    files: ProcNet,
    groups: Groups,
    /// Whether the interfaces of this gather are read.
    is_read: bool,
}

#[derive(Debug)]
struct BySysfs {
    procfs: Procfs,
    proc: usize,
    lines: Lines,
    /// A table reads it at every gather, and not only when netlink fails.
    is_always_read: bool,
}

/// The own network namespace by netlink.
#[derive(Debug)]
struct Own {
    netlink: Netlink,
    /// Asks its drivers.
    _asker: Asker,
    lines: Lines,
    given: Given,
}

/// What netlink gives in one gather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    /// Everything that a line has.
    All,
    /// Nothing.
    Nothing,
    /// Nothing, and a speed that is asked for elsewhere would not come soon.
    NothingNorSpeeds,
}

impl Collector {
    /// Opens the sources that the tables name, and says which.
    #[must_use]
    pub fn new(config: Config, log: Log) -> Self {
        let tables = config.tables;
        let mut scratch = Scratch::default();
        let opened = Own::open(&tables, &mut scratch);
        say_sources(&tables, &opened, log);
        let own = opened.unwrap_or_default();
        let mut collector = Self {
            routes: Vec::new(),
            procs: Vec::new(),
            procfs: Vec::new(),
            own,
            scratch,
            problems: Problems::new(log),
            line_end: Vec::new(),
            tables: Vec::new(),
        };
        collector.routes = tables.iter().map(|table| collector.route(table, log)).collect();
        for (place, view) in collector.procfs.iter_mut().enumerate() {
            let routes = collector.routes.iter().enumerate();
            let ours = routes.filter(|(_, route)| route.procfs == place).map(|(number, _)| number);
            view.lines = Lines::new(Vec::new(), ours);
        }
        collector.tables = tables;
        collector
    }

    /// Opens what the table reads, unless another does already.
    fn route(&mut self, table: &Table, log: Log) -> Route {
        let by_netlink = self.own.is_some() && wants_netlink(table);
        let known = self.procs.iter().position(|proc| *proc.files.proc() == table.proc);
        let proc = known.unwrap_or_else(|| {
            let files = ProcNet::open(table.proc.clone(), log);
            self.procs.push(Proc { files, groups: Groups::default(), is_read: false });
            self.procs.len() - 1
        });
        let is_same =
            |view: &BySysfs| view.proc == proc && view.procfs.sys() == table.sys.as_deref();
        let known = self.procfs.iter().position(is_same);
        let procfs = known.unwrap_or_else(|| {
            if let Some(Proc { files, .. }) = self.procs.get(proc) {
                let procfs = Procfs::open(files, table.sys.as_deref(), log);
                let lines = Lines::default();
                self.procfs.push(BySysfs { procfs, proc, lines, is_always_read: false });
            }
            self.procfs.len() - 1
        });
        if let Some(proc) = self.procs.get_mut(proc) {
            proc.groups = proc.groups.or(table.protocol_groups());
        }
        if let Some(view) = self.procfs.get_mut(procfs) {
            view.procfs.add_wants(table.wants());
            view.is_always_read |= !by_netlink;
        }
        Route { proc, procfs, by_netlink }
    }

    /// Becomes readable when there are kernel events to [follow](Self::follow_events).
    #[must_use]
    pub fn events(&self) -> Option<BorrowedFd<'_>> {
        self.own.as_ref().map(|own| own.netlink.events())
    }

    /// Takes in the kernel's events that are there.
    pub fn follow_events(&mut self) {
        if let Some(own) = &mut self.own {
            own.netlink.follow(&mut self.scratch);
        }
    }

    /// Reads the counters of this moment and appends their lines to `batch`: table by table, the
    /// interfaces in the kernel's order, then `interface=all`, all with the same timestamp.
    ///
    /// What can take long is asking files of sysfs. Once `hurry` says so, no more are asked: lines
    /// have no speed then, and an interface that only its flags could select has none.
    pub fn gather(&mut self, batch: &mut Vec<u8>, mut hurry: impl FnMut() -> bool) {
        self.line_end.clear();
        encode::line_end(&mut self.line_end, now_ns());
        self.read(&mut hurry);
        let Self { tables, routes, procs, procfs, own, line_end, problems, .. } = self;
        let given = own.as_ref().map_or(Given::Nothing, |own| own.given);
        let mut batch = Batch { bytes: batch, line_end, now: Instant::now() };
        for (numbered, route) in tables.iter().enumerate().zip(routes) {
            let Some(view) = procfs.get_mut(route.procfs) else { continue };
            match own {
                Some(own) if route.by_netlink && given == Given::All => {
                    let (interfaces, reading) = (own.netlink.interfaces(), own.netlink.reading());
                    own.lines.append_interfaces(&mut batch, numbered, interfaces, reading);
                }
                _ => {
                    let (interfaces, reading) =
                        (view.procfs.interfaces().iter(), view.procfs.reading());
                    view.lines.append_interfaces(&mut batch, numbered, interfaces, reading);
                }
            }
            if let Some(proc) = procs.get(route.proc) {
                view.lines.append_protocols(&mut batch, numbered, proc.files.protocols());
            }
        }
        problems.end_of_gather();
    }

    /// Does what could wait until the batch was written.
    pub fn after_write(&mut self) {
        if let Some(own) = &mut self.own {
            own.netlink.refresh_speeds();
        }
    }

    /// Reads all that the tables want, each source once.
    fn read(&mut self, hurry: &mut impl FnMut() -> bool) {
        let Self { tables, procs, procfs, own, scratch, problems, .. } = self;
        for proc in procs.iter_mut() {
            proc.is_read = false;
            proc.files.read_protocols(proc.groups, problems);
        }
        let mut given = Given::All;
        if let Some(own) = own {
            own.read(tables, procs, scratch, problems);
            given = own.given;
        }
        for view in procfs {
            let Some(proc) = procs.get_mut(view.proc) else { continue };
            let is_own = *proc.files.proc() == HostProc::Own;
            if view.is_always_read || is_own && given != Given::All {
                let may_ask_speeds = !is_own || given != Given::NothingNorSpeeds;
                view.read(tables, proc, may_ask_speeds, problems, hurry);
            }
        }
    }
}

impl Proc {
    /// Reads the interfaces' counters, once in a gather.
    fn read_interfaces(&mut self, problems: &mut Problems) {
        if !self.is_read {
            self.is_read = true;
            self.files.read_interfaces(problems);
        }
    }
}

impl BySysfs {
    fn read(
        &mut self,
        tables: &[Table],
        proc: &mut Proc,
        may_ask_speeds: bool,
        problems: &mut Problems,
        hurry: &mut impl FnMut() -> bool,
    ) {
        proc.read_interfaces(problems);
        let Self { procfs, lines, .. } = self;
        procfs.read(&proc.files, problems.log(), &mut *hurry);
        if lines.choose(tables, procfs.version(), &procfs.interfaces().iter()) {
            for (place, interface) in procfs.interfaces_mut().iter_mut().enumerate() {
                interface.speed_refresh = lines.speed_refresh(tables, place);
            }
        }
        if may_ask_speeds {
            procfs.fetch_details(hurry);
        } else {
            procfs.forget_speeds();
        }
        // What was asked of those that are reported may have changed their tags.
        lines.choose(tables, procfs.version(), &procfs.interfaces().iter());
        let (wants, number) = (procfs.wants(), procfs.reading().number);
        for interface in procfs.interfaces_mut() {
            read_interface_protocols(interface, &mut proc.files, wants, number);
        }
    }
}

impl Own {
    /// Opens it, if a table wants it, and tries it.
    fn open(tables: &[Table], scratch: &mut Scratch) -> Result<Option<Self>, String> {
        let ours = || tables.iter().enumerate().filter(|(_, table)| wants_netlink(table));
        if ours().count() == 0 {
            return Ok(None);
        }
        let asker = Asker::start().map_err(|error| format!("no thread: {error}"))?;
        let sockets = Sockets::open().map_err(|error| error.to_string())?;
        let wants = ours().fold(Wants::default(), |wants, (_, table)| wants.or(table.wants()));
        let mut netlink = Netlink::new(sockets, &asker, wants);
        // What the kernel lacks or forbids now, it will the next time; all else may go well then.
        if let Err(ReadError::Failed(error)) = netlink.read(scratch)
            && matches!(error, NetlinkError::Call(..) | NetlinkError::Refused(_))
        {
            return Err(error.to_string());
        }
        let lines = Lines::new(Vec::new(), ours().map(|(number, _)| number));
        Ok(Some(Self { netlink, _asker: asker, lines, given: Given::Nothing }))
    }

    fn read(
        &mut self,
        tables: &[Table],
        procs: &mut [Proc],
        scratch: &mut Scratch,
        problems: &mut Problems,
    ) {
        let is_own = |proc: &&mut Proc| *proc.files.proc() == HostProc::Own;
        let Some(proc) = procs.iter_mut().find(is_own) else { return };
        self.given = match self.read_netlink(scratch) {
            Ok(()) => Given::All,
            Err(ReadError::Busy(true)) => {
                proc.read_interfaces(problems);
                let rows = proc.files.rows().map(|(name, counters, _)| (name, counters));
                self.netlink.take_counters(rows);
                Given::All
            }
            Err(ReadError::Busy(false)) => Given::NothingNorSpeeds,
            Err(ReadError::Failed(error)) => {
                let message = format_args!("netlink: {error}; counters come from /proc/net/dev");
                problems.report("netlink", Level::Warn, message);
                Given::Nothing
            }
        };
        if self.given != Given::All {
            return;
        }
        let Self { netlink, lines, .. } = self;
        if lines.choose(tables, netlink.version(), &netlink.interfaces()) {
            for (place, interface) in netlink.interfaces_mut().enumerate() {
                interface.speed_refresh = lines.speed_refresh(tables, place);
            }
        }
        netlink.fetch_speeds();
        let (wants, number) = (netlink.wants(), netlink.reading().number);
        if !wants.protocols.is_empty() {
            for interface in netlink.interfaces_mut() {
                read_interface_protocols(interface, &mut proc.files, wants, number);
            }
        }
    }

    fn read_netlink(&mut self, scratch: &mut Scratch) -> Result<(), ReadError> {
        if self.netlink.is_broken() {
            self.netlink.replace(Sockets::open().map_err(ReadError::Failed)?);
        }
        self.netlink.read(scratch)
    }
}

/// Reads the protocol statistics of an interface that is reported.
fn read_interface_protocols(
    interface: &mut Interface,
    proc_net: &mut ProcNet,
    wants: Wants,
    reading: u64,
) {
    let is_reported = interface.speed_refresh.is_some();
    let Some(details) = interface.details.as_mut().filter(|_| is_reported) else { return };
    if !wants.protocols.is_empty() {
        let statistics = &mut details.protocols;
        proc_net.read_interface_protocols(&interface.name, wants.protocols, statistics);
        interface.changed = reading;
    }
}

/// Whether a table asks for netlink: with `auto`, unless another `/proc` or `/sys` is named.
fn wants_netlink(table: &Table) -> bool {
    match table.source {
        Wanted::Auto => table.proc == HostProc::Own && table.sys.is_none(),
        Wanted::Netlink => true,
        Wanted::Procfs => false,
    }
}

/// Says which source each table has and why. Of another `/proc`, procfs itself says it.
fn say_sources(tables: &[Table], opened: &Result<Option<Own>, String>, log: Log) {
    let mut said = Vec::new();
    for table in tables.iter().filter(|table| table.proc == HostProc::Own) {
        let is_insisted = table.source == Wanted::Netlink;
        let line = match opened {
            _ if table.source == Wanted::Procfs => "/proc/net/dev, as configured".to_owned(),
            _ if !wants_netlink(table) => {
                "/proc/net/dev, because HOST_SYS names another /sys".to_owned()
            }
            Ok(_) if is_insisted => "netlink, as configured".to_owned(),
            Ok(_) => "netlink, which this kernel has".to_owned(),
            Err(why) => format!("/proc/net/dev, because netlink cannot be used: {why}"),
        };
        let level = if is_insisted && opened.is_err() { Level::Warn } else { Level::Info };
        if !said.contains(&line) {
            log.line(level, format_args!("source: {line}"));
            said.push(line);
        }
    }
}

/// The time of day, in nanoseconds since 1970.
fn now_ns() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX)
}
