//! What one gather is: read every source once, select, and have the lines of each table appended.

use std::os::fd::BorrowedFd;
use std::rc::Rc;
use std::time::{Instant, SystemTime};

use crate::config::{Config, Table};
use crate::encode;
use crate::interface::Wants;
use crate::lines::{Batch, Lines};
use crate::log::{Level, Log, Problems};
use crate::protocol::Groups;
use crate::source::Wanted;
use crate::source::netlink::{Asker, Netlink, NetlinkError, ReadError, Scratch, Sockets};
use crate::source::proc_net::{HostProc, ProcNet};
use crate::source::procfs::Procfs;
use crate::space::{self, Given};
use crate::spaces::Spaces;

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
    /// The other network namespaces that tables report.
    spaces: Option<Spaces>,
    scratch: Scratch,
    problems: Problems,
    line_end: Vec<u8>,
}

/// Where a table's lines come from.
#[derive(Debug, Clone, Copy)]
struct Route {
    /// It reports our own namespace.
    is_own: bool,
    proc: usize,
    procfs: usize,
    /// Its interfaces come by netlink, whenever that can be read.
    by_netlink: bool,
}

#[derive(Debug)]
struct Proc {
    of: HostProc,
    files: ProcNet,
    groups: Groups,
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
    asker: Rc<Asker>,
    lines: Lines,
    given: Given,
}

impl Collector {
    /// Opens the sources that the tables name, and says which.
    #[must_use]
    pub fn new(config: Config, log: Log) -> Self {
        let tables = config.tables;
        let mut scratch = Scratch::default();
        let opened = Own::open(&tables, &mut scratch);
        say_sources(&tables, &opened, log);
        let own = opened.unwrap_or_default().filter(|own| own.lines.is_wanted());
        let asker = own.as_ref().map(|own| Rc::clone(&own.asker));
        let spaces = Spaces::open(&tables, asker).unwrap_or_else(|error| {
            log.error(format_args!("no other network namespace is reported: {error}"));
            None
        });
        if let (Some(spaces), Some(own)) = (&spaces, &own) {
            spaces.watch_own(own.netlink.events());
        }
        let mut collector = Self {
            routes: Vec::new(),
            procs: Vec::new(),
            procfs: Vec::new(),
            own,
            spaces,
            scratch,
            problems: Problems::new(log),
            line_end: Vec::new(),
            tables: Vec::new(),
        };
        collector.routes = tables.iter().map(|table| collector.route(table, log)).collect();
        for (place, view) in collector.procfs.iter_mut().enumerate() {
            let routes = collector.routes.iter().enumerate();
            let ours = routes.filter(|(_, route)| route.is_own && route.procfs == place);
            view.lines = Lines::new(Vec::new(), ours.map(|(number, _)| number));
        }
        collector.tables = tables;
        collector
    }

    /// Opens what the table reads, unless another does already.
    fn route(&mut self, table: &Table, log: Log) -> Route {
        let is_own = table.namespaces.selects(b"");
        let by_netlink = self.own.is_some() && wants_netlink(table);
        let known = self.procs.iter().position(|proc| proc.of == table.proc);
        let proc = known.unwrap_or_else(|| {
            let (of, files) = (table.proc.clone(), ProcNet::open(&table.proc, log));
            self.procs.push(Proc { of, files, groups: Groups::default() });
            self.procs.len() - 1
        });
        let is_same =
            |view: &BySysfs| view.proc == proc && view.procfs.sys() == table.sys.as_deref();
        let known = self.procfs.iter().position(is_same);
        let procfs = known.unwrap_or_else(|| {
            if let Some(Proc { of, files, .. }) = self.procs.get(proc) {
                let procfs = Procfs::open(files, *of == HostProc::Own, table.sys.as_deref(), log);
                let lines = Lines::default();
                self.procfs.push(BySysfs { procfs, proc, lines, is_always_read: false });
            }
            self.procfs.len() - 1
        });
        if let Some(proc) = self.procs.get_mut(proc).filter(|_| is_own) {
            proc.groups = proc.groups.or(table.protocol_groups());
        }
        if let Some(view) = self.procfs.get_mut(procfs).filter(|_| is_own) {
            view.procfs.add_wants(table.wants());
            view.is_always_read |= !by_netlink;
        }
        Route { is_own, proc, procfs, by_netlink }
    }

    /// Becomes readable when there are kernel events to [follow](Self::follow_events).
    #[must_use]
    pub fn events(&self) -> Option<BorrowedFd<'_>> {
        // The spaces' events tell of ours too.
        match (&self.spaces, &self.own) {
            (Some(spaces), _) => Some(spaces.events()),
            (None, own) => own.as_ref().map(|own| own.netlink.events()),
        }
    }

    /// Takes in the kernel's events that are there.
    pub fn follow_events(&mut self) {
        if let Some(own) = &mut self.own {
            own.netlink.follow(&mut self.scratch);
        }
        if let Some(spaces) = &mut self.spaces {
            spaces.follow(&mut self.scratch);
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
        let Self { tables, routes, procs, procfs, own, spaces, line_end, problems, .. } = self;
        let mut batch = Batch { bytes: batch, line_end, now: Instant::now() };
        for (numbered, route) in tables.iter().enumerate().zip(routes) {
            if route.is_own
                && let (Some(view), Some(proc)) =
                    (procfs.get_mut(route.procfs), procs.get(route.proc))
            {
                match own {
                    Some(own) if route.by_netlink && own.given == Given::All => {
                        let (interfaces, reading) =
                            (own.netlink.interfaces(), own.netlink.reading());
                        own.lines.append_interfaces(&mut batch, numbered, interfaces, reading);
                    }
                    _ => {
                        let (interfaces, reading) =
                            (view.procfs.interfaces().iter(), view.procfs.reading());
                        view.lines.append_interfaces(&mut batch, numbered, interfaces, reading);
                    }
                }
                view.lines.append_protocols(&mut batch, numbered, proc.files.protocols());
            }
            if let Some(spaces) = spaces {
                spaces.append(&mut batch, numbered);
            }
        }
        problems.end_of_gather();
    }

    /// Does what could wait until the batch was written.
    pub fn after_write(&mut self) {
        if let Some(own) = &mut self.own {
            own.netlink.refresh_speeds();
        }
        if let Some(spaces) = &mut self.spaces {
            spaces.after_write();
        }
    }

    /// Reads all that the tables want, each source once.
    fn read(&mut self, hurry: &mut impl FnMut() -> bool) {
        let Self { tables, procs, procfs, own, spaces, scratch, problems, .. } = self;
        for Proc { files, groups, .. } in procs.iter_mut() {
            files.start_gather();
            files.read_protocols(*groups, problems);
        }
        let mut given = Given::All;
        if let Some(own) = own
            && let Some(proc) = procs.iter_mut().find(|proc| proc.of == HostProc::Own)
        {
            let Own { netlink, lines, .. } = own;
            if netlink.is_broken()
                && let Ok(sockets) = Sockets::open()
            {
                netlink.replace(sockets);
                if let Some(spaces) = spaces {
                    spaces.watch_own(netlink.events());
                }
            }
            let named = (tables.as_slice(), "");
            given = space::read_netlink(netlink, &mut proc.files, lines, named, scratch, problems);
            own.given = given;
        }
        for BySysfs { procfs, proc, lines, is_always_read } in procfs {
            let Some(Proc { of, files, .. }) = procs.get_mut(*proc) else { continue };
            let stands_in = *of == HostProc::Own && given != Given::All;
            if *is_always_read || stands_in {
                let may_ask = !stands_in || given != Given::NothingNorSpeeds;
                space::read_procfs(procfs, files, lines, tables, may_ask, problems, hurry);
            }
        }
        if let Some(spaces) = spaces {
            spaces.read(tables, scratch, problems);
        }
    }
}

impl Own {
    /// Opens it, if a table wants netlink, and tries it. Its lines are those of the tables that report
    /// it.
    fn open(tables: &[Table], scratch: &mut Scratch) -> Result<Option<Self>, String> {
        if !tables.iter().any(wants_netlink) {
            return Ok(None);
        }
        let is_ours = |table: &Table| wants_netlink(table) && table.namespaces.selects(b"");
        let ours = || tables.iter().enumerate().filter(|(_, table)| is_ours(table));
        let asker = Asker::start().map_err(|error| format!("no thread: {error}"))?;
        let asker = Rc::new(asker);
        let sockets = Sockets::open().map_err(|error| error.to_string())?;
        let wants = ours().fold(Wants::default(), |wants, (_, table)| wants.or(table.wants()));
        let mut netlink = Netlink::new(sockets, &asker, wants);
        // What the kernel lacks or forbids now, it will the next time; all else may go well then.
        if let Err(ReadError::Failed(error)) = netlink.try_out(scratch)
            && matches!(error, NetlinkError::Call(..) | NetlinkError::Refused(_))
        {
            return Err(error.to_string());
        }
        let lines = Lines::new(Vec::new(), ours().map(|(number, _)| number));
        Ok(Some(Self { netlink, asker, lines, given: Given::Nothing }))
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

/// Says which source each table has and why, and what that source cannot do. Of another `/proc`,
/// procfs itself says it.
fn say_sources(tables: &[Table], opened: &Result<Option<Own>, String>, log: Log) {
    let mut said = Vec::new();
    let is_by_netlink = |table: &Table| wants_netlink(table) && opened.is_ok();
    if tables.iter().any(|table| table.selection.needs_kernel_kind() && !is_by_netlink(table)) {
        log.warn(format_args!(
            "kind_include, kind_exclude: /sys tells the kinds of few interfaces, and not of veth, \
             macvlan and ifb, which counts as none"
        ));
    }
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
