//! What one gather is: read every source once, select, and have the lines of each table appended.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::config::{Config, List, Table, Tag};
use crate::encode;
use crate::first_gather::{self, Seen, Unmatched};
use crate::interface::Wants;
use crate::lines::Batch;
use crate::log::{Level, Log, Problems};
use crate::parse::Quoted;
use crate::privileges;
use crate::protocol::Groups;
use crate::selection::Tally;
use crate::source::Wanted;
use crate::source::namespaces::Machine;
use crate::source::netlink::{
    Asker, Netlink, NetlinkError, ReadError, SPEED_WAIT, Scratch, Sockets,
};
use crate::source::proc_net::{HostProc, ProcNet};
use crate::source::procfs::Procfs;
use crate::space::Space;
use crate::spaces::Spaces;

/// Gathers for all `[[inputs.net]]` tables.
#[derive(Debug)]
pub struct Collector {
    tables: Vec<Table>,
    /// Where each table finds our own namespace, if it reports that.
    routes: Vec<Option<Route>>,
    /// One for each proc file system that the tables name.
    procs: Vec<Proc>,
    /// Our own namespace, or the host's, one for each way that tables see it.
    views: Vec<View>,
    /// The other network namespaces that tables report.
    spaces: Option<Spaces>,
    /// Asks the drivers of them all; there when netlink can be used.
    asker: Option<Asker>,
    scratch: Scratch,
    problems: Problems,
    line_end: Vec<u8>,
    /// When the last batch was made, since the system started.
    last_batch: Option<Duration>,
    /// Nothing was gathered yet.
    is_first: bool,
}

/// The numbers of what a table reads.
#[derive(Debug, Clone, Copy)]
struct Route {
    proc: usize,
    view: usize,
}

#[derive(Debug)]
struct Proc {
    of: HostProc,
    files: ProcNet,
    groups: Groups,
}

#[derive(Debug)]
struct View {
    space: Space,
    proc: usize,
    /// The sysfs that was named.
    sys: Option<PathBuf>,
    by_netlink: bool,
}

impl Collector {
    /// Opens the sources that the tables name, and says which.
    #[must_use]
    pub fn new(config: Config, log: Log) -> Self {
        let Config { mut tables, warnings } = config;
        for warning in warnings {
            log.warn(format_args!("{warning}"));
        }
        privileges::distrust(tables.iter().map(|table| &table.proc));
        for table in &mut tables {
            if is_ours(&table.proc) {
                table.proc = HostProc::Own;
            }
        }
        let mut scratch = Scratch::default();
        let opened = open_netlink(&tables, &mut scratch);
        say_sources(&tables, opened.as_ref().err().map(String::as_str), log);
        let (asker, mut own) = match opened {
            Ok(Some((asker, own))) => (Some(asker), Some(own)),
            Ok(None) | Err(_) => (None, None),
        };
        let spaces = Spaces::open(&tables, asker.is_some()).unwrap_or_else(|error| {
            log.error(format_args!("no other network namespace is reported: {error}"));
            None
        });
        let mut collector = Self {
            routes: Vec::new(),
            procs: Vec::new(),
            views: Vec::new(),
            spaces,
            asker,
            scratch,
            problems: Problems::new(log),
            line_end: Vec::new(),
            last_batch: None,
            is_first: true,
            tables: Vec::new(),
        };
        for (number, table) in tables.iter().enumerate() {
            let is_own = table.namespaces.selects(b"");
            let route = is_own.then(|| collector.route(number, table, &mut own, log));
            collector.routes.push(route);
        }
        collector.tables = tables;
        collector
    }

    /// Opens what the table reads of our own namespace, unless another does already. `own` is that by
    /// netlink, until a table takes it.
    fn route(
        &mut self,
        number: usize,
        table: &Table,
        own: &mut Option<Netlink>,
        log: Log,
    ) -> Route {
        let by_netlink = self.asker.is_some() && wants_netlink(table);
        let known = self.procs.iter().position(|proc| proc.of == table.proc);
        let place = known.unwrap_or_else(|| {
            let (of, files) = (table.proc.clone(), ProcNet::open(&table.proc, log));
            self.procs.push(Proc { of, files, groups: Groups::default() });
            self.procs.len() - 1
        });
        let known = self.views.iter().position(|view| {
            view.proc == place && view.sys == table.sys && view.by_netlink == by_netlink
        });
        let view = known.unwrap_or_else(|| {
            if let Some(Proc { of, files, .. }) = self.procs.get_mut(place) {
                let procfs = Procfs::open(files, *of == HostProc::Own, table.sys.as_deref(), log);
                let space = Space::new(own.take_if(|_| by_netlink), procfs);
                self.views.push(View { space, proc: place, sys: table.sys.clone(), by_netlink });
            }
            self.views.len() - 1
        });
        if let Some(proc) = self.procs.get_mut(place) {
            proc.groups = proc.groups.or(table.protocol_groups());
        }
        if let Some(View { space, .. }) = self.views.get_mut(view) {
            let mut tags = Vec::new();
            // Ours may have a name too, such as Docker's `default`.
            if table.tags.contains(&Tag::Namespace) {
                tags.extend(Machine::of(&table.proc).own_name().map(|name| ("namespace", name)));
            }
            space.add_table(number, tags);
            space.add_wants(table.wants());
        }
        Route { proc: place, view }
    }

    /// Where log lines go.
    #[must_use]
    pub fn log(&self) -> Log {
        self.problems.log()
    }

    /// These become readable when there are kernel events to [follow](Self::follow_events): our own
    /// namespace's, and those of others.
    #[must_use]
    pub fn events(&self) -> [Option<BorrowedFd<'_>>; 2] {
        let spaces = self.views.iter().map(|view| &view.space);
        let own = spaces.filter(|space| space.awaits_events()).find_map(Space::events);
        [own, self.spaces.as_ref().and_then(Spaces::events)]
    }

    /// When to [follow](Self::follow_events) at the latest: what has no event is looked after then.
    #[must_use]
    pub fn next_look(&self) -> Option<Instant> {
        self.spaces.as_ref().and_then(Spaces::next_look)
    }

    /// Takes in the kernel's events that are there.
    pub fn follow_events(&mut self) {
        for view in &mut self.views {
            view.space.follow(&mut self.scratch);
        }
        if let Some(spaces) = &mut self.spaces {
            spaces.follow(&mut self.scratch);
        }
    }

    /// Reads the counters of this moment and appends their lines to `batch`: table by table, the
    /// interfaces in the kernel's order, then `interface=all`, all with the same timestamp.
    ///
    /// What can take long is asking files of sysfs, and many namespaces. Once `hurry` says so, no more
    /// are asked: lines have no speed then, and an interface that only its flags could select has
    /// none.
    pub fn gather(&mut self, batch: &mut Vec<u8>, mut hurry: impl FnMut() -> bool) {
        let start = Instant::now();
        self.read(&mut hurry);
        let Self {
            tables,
            routes,
            procs,
            views,
            spaces,
            line_end,
            problems,
            last_batch,
            is_first,
            ..
        } = self;
        // The kernel may have kept the first reading waiting.
        let read_at = views.iter().map(|view| &view.space).filter_map(Space::read_at);
        let first = read_at.chain(spaces.iter().filter_map(Spaces::read_at)).min();
        line_end.clear();
        encode::line_end(line_end, time_of_day_ns(first.unwrap_or(start)));
        let now = since_boot();
        let slack = last_batch.replace(now);
        let slack = slack.map_or(Duration::ZERO, |last| now.saturating_sub(last) / 2);
        let mut batch = Batch { bytes: batch, line_end, now, slack, quiet: 0 };
        let is_first = std::mem::take(is_first);
        // Between the tables' lines, which two of them may have written.
        let mut ends = Vec::new();
        for (numbered, route) in tables.iter().enumerate().zip(routes) {
            if let Some(Route { proc, view }) = *route
                && let (Some(view), Some(proc)) = (views.get_mut(view), procs.get(proc))
            {
                view.space.append(&mut batch, numbered, &proc.files);
            }
            if let Some(spaces) = spaces {
                spaces.append(&mut batch, numbered);
            }
            if is_first {
                ends.push(batch.bytes.len());
            }
        }
        let log = problems.log();
        if ends.len() > 1 {
            first_gather::report_doubles(batch.bytes, &ends, log);
        }
        problems.end_of_gather();
        if log.debug {
            let Batch { bytes, quiet, .. } = batch;
            let lines = bytes.split(|&byte| byte == b'\n').count().saturating_sub(1);
            self.say_gather(start, lines, quiet, log);
        }
    }

    /// Says what a gather was.
    fn say_gather(&mut self, start: Instant, lines: usize, quiet: usize, log: Log) {
        let tally = self.tally();
        let views = self.views.iter_mut().map(|view| view.space.take_asked());
        let asked: usize = views.chain(self.spaces.iter_mut().map(Spaces::take_asked)).sum();
        let left_out = tally.to_string();
        log.line(
            Level::Debug,
            format_args!(
                "gathered {lines} lines in {:.1} ms; interfaces left out: {}; lines left out by \
                 dedup_interval: {quiet}; drivers asked for their speed: {asked}",
                start.elapsed().as_secs_f64() * 1e3,
                if left_out.is_empty() { "none" } else { &left_out },
            ),
        );
    }

    /// What the tables make of all interfaces.
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.views.iter().for_each(|view| view.space.count(&mut tally));
        self.spaces.iter().for_each(|spaces| spaces.count(&mut tally));
        tally
    }

    /// Why the last gather had no line, though nothing was left out for having been written before.
    #[must_use]
    pub fn why_nothing(&self) -> String {
        let tally = self.tally();
        let mut reasons = Vec::new();
        let others = self.tables.iter().filter(|table| !table.namespaces.selects(b""));
        for table in others
            .filter(|table| self.spaces.as_ref().is_some_and(|spaces| spaces.selects_none(table)))
        {
            let includes =
                table.entries.iter().filter(|entry| entry.list == List::NamespaceInclude);
            let includes = includes.map(|entry| Quoted(entry.text.as_bytes()).to_string());
            let includes = includes.collect::<Vec<_>>().join(", ");
            reasons.push(match includes.as_str() {
                "" => "namespace_exclude leaves no namespace".to_owned(),
                includes => format!("no namespace matches {includes}"),
            });
        }
        let left_out = tally.to_string();
        match tally.total() {
            0 if reasons.is_empty() => reasons.push("no interface can be read".to_owned()),
            0 => {}
            1 => reasons.push(format!("the only interface is left out ({left_out})")),
            total => reasons.push(format!("all {total} interfaces are left out ({left_out})")),
        }
        let is_off = self.tables.iter().all(|table| table.protocols.is_empty());
        if is_off {
            reasons.push("no protocol statistics are asked for".to_owned());
        } else if tally.total() > 0 {
            reasons.push("there are no protocol statistics".to_owned());
        }
        reasons.join(", and ")
    }

    /// Says which entries of the configuration match nothing of what was read.
    fn report_unmatched(&mut self) {
        let Self { tables, procs, views, spaces, scratch, problems, .. } = self;
        let mut unmatched = Unmatched::of(tables);
        show(views, procs, spaces.as_ref(), &mut |table, seen| unmatched.see(table, seen));
        unmatched.end();
        if unmatched.is_empty() {
            return;
        }
        show(views, procs, spaces.as_ref(), &mut |table, seen| unmatched.compare(table, seen));
        if unmatched.may_be_altnames() {
            let mut see = |table, name: &[u8], altname: &[u8]| {
                unmatched.see_altname(table, name, altname);
            };
            for view in views.iter_mut() {
                view.space.show_altnames(scratch, &mut see);
            }
            if let Some(spaces) = spaces {
                spaces.show_altnames(scratch, &mut see);
            }
        }
        unmatched.report(problems.log());
    }

    /// Does what could wait until the batch was written.
    pub fn after_write(&mut self) {
        for view in &mut self.views {
            view.space.after_write();
        }
        if let Some(spaces) = &mut self.spaces {
            spaces.after_write();
        }
    }

    /// Reads all that the tables want, each source once: first the counters of every namespace.
    fn read(&mut self, hurry: &mut impl FnMut() -> bool) {
        let Self { tables, procs, views, spaces, asker, scratch, problems, .. } = self;
        for Proc { files, groups, .. } in procs.iter_mut() {
            files.start_gather();
            files.read_protocols(*groups, problems);
        }
        for View { space, proc, .. } in views.iter_mut() {
            let Some(Proc { files, .. }) = procs.get_mut(*proc) else { continue };
            if space.is_broken()
                && let Ok(sockets) = Sockets::open()
            {
                space.replace(sockets);
            }
            if let Some(error) = space.read(files, tables, scratch, problems, hurry) {
                let message = format_args!("netlink: {error}; /proc/net/dev stands in for it");
                problems.report("netlink", Level::Warn, message);
            }
        }
        if let Some(spaces) = &mut *spaces {
            spaces.read(tables, asker.as_ref(), scratch, problems, hurry);
        }
        if self.is_first {
            // Before drivers are asked, which keeps the kernel from telling what else there is.
            self.report_unmatched();
        }
        let Self { tables, procs, views, spaces, problems, .. } = self;
        let deadline = Instant::now() + SPEED_WAIT;
        for View { space, proc, .. } in views {
            if let Some(Proc { files, .. }) = procs.get_mut(*proc) {
                space.read_details(files, tables, deadline, problems, hurry);
            }
        }
        if let Some(spaces) = spaces {
            spaces.read_details(tables, deadline, problems, hurry);
        }
    }
}

/// Shows what was read for each table, by the tables' numbers.
fn show(
    views: &[View],
    procs: &[Proc],
    spaces: Option<&Spaces>,
    see: &mut impl FnMut(usize, Seen<'_>),
) {
    for View { space, proc, .. } in views {
        if let Some(Proc { files, .. }) = procs.get(*proc) {
            space.show(files, see);
        }
    }
    if let Some(spaces) = spaces {
        spaces.show(see);
    }
}

/// Opens netlink in our own namespace, if a table wants netlink there or elsewhere, and tries it; with
/// it, the thread that asks drivers.
fn open_netlink(
    tables: &[Table],
    scratch: &mut Scratch,
) -> Result<Option<(Asker, Netlink)>, String> {
    if !tables.iter().any(|table| wants_netlink(table) || wants_elsewhere(table)) {
        return Ok(None);
    }
    let asker = Asker::start().map_err(|error| format!("no thread: {error}"))?;
    let sockets = Sockets::open().map_err(|error| error.to_string())?;
    let is_ours = |table: &&Table| wants_netlink(table) && table.namespaces.selects(b"");
    let ours = tables.iter().filter(is_ours);
    let wants = ours.fold(Wants::default(), |wants, table| wants.or(table.wants()));
    let mut netlink = Netlink::new(sockets, &asker, wants);
    // What the kernel lacks or forbids now, it will the next time; all else may go well then.
    if let Err(ReadError::Failed(error)) = netlink.try_out(scratch)
        && matches!(error, NetlinkError::Call(..) | NetlinkError::Refused(_))
    {
        return Err(error.to_string());
    }
    Ok(Some((asker, netlink)))
}

/// Whether that is but our own `/proc`, whose process 1 lives in our network namespace and sees what
/// we do.
fn is_ours(proc: &HostProc) -> bool {
    let HostProc::Of(folder) = proc else { return false };
    let [theirs, ours] = [proc, &HostProc::Own].map(Machine::of);
    folder == Path::new("/proc") && theirs.is_same(&ours)
}

/// Whether a table asks for netlink in our own namespace: with `auto`, unless another `/proc` or
/// `/sys` is named.
fn wants_netlink(table: &Table) -> bool {
    match table.source {
        Wanted::Auto => table.proc == HostProc::Own && table.sys.is_none(),
        Wanted::Netlink => true,
        Wanted::Procfs => false,
    }
}

/// Whether it does in others.
fn wants_elsewhere(table: &Table) -> bool {
    table.namespaces.has_others() && table.source != Wanted::Procfs
}

/// Says which source each table has and why, and what that source cannot do. Of another `/proc`,
/// procfs itself says it.
fn say_sources(tables: &[Table], failure: Option<&str>, log: Log) {
    let mut said = Vec::new();
    let is_by_netlink = |table: &Table| wants_netlink(table) && failure.is_none();
    if tables.iter().any(|table| table.selection.needs_kernel_kind() && !is_by_netlink(table)) {
        log.warn(format_args!(
            "kind_include, kind_exclude: /sys tells the kinds of few interfaces, and not of veth, \
             macvlan and ifb, which counts as none"
        ));
    }
    if let Some(why) = failure.filter(|_| tables.iter().any(wants_elsewhere)) {
        log.warn(format_args!(
            "other network namespaces are reported without flags and speed, because netlink cannot \
             be used: {why}"
        ));
    }
    for table in tables.iter().filter(|table| table.proc == HostProc::Own) {
        let is_insisted = table.source == Wanted::Netlink;
        let line = match failure {
            _ if table.source == Wanted::Procfs => "/proc/net/dev, as configured".to_owned(),
            _ if !wants_netlink(table) => {
                "/proc/net/dev, because HOST_SYS names another /sys".to_owned()
            }
            None if is_insisted => "netlink, as configured".to_owned(),
            None => "netlink, which this kernel has".to_owned(),
            Some(why) => format!("/proc/net/dev, because netlink cannot be used: {why}"),
        };
        let level = if is_insisted && failure.is_some() { Level::Warn } else { Level::Info };
        if !said.contains(&line) {
            log.line(level, format_args!("source: {line}"));
            said.push(line);
        }
    }
}

/// The time since the system started, in which it may have been suspended (`CLOCK_BOOTTIME`).
fn since_boot() -> Duration {
    // The kernel's numbers are in range.
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap_or_default()
}

/// The time of day at that moment of late, in nanoseconds since 1970.
fn time_of_day_ns(moment: Instant) -> i64 {
    let then = SystemTime::now().checked_sub(moment.elapsed()).unwrap_or(SystemTime::UNIX_EPOCH);
    let since_1970 = then.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX)
}
