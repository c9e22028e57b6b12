//! What one gather is: read every source once, select, and have the lines of each table appended.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::time::{ClockId, clock_gettime};

use crate::config::{Config, List, Table, Tag};
use crate::encode;
use crate::file::QuotedPath;
use crate::first_gather::{self, Seen, Unmatched};
use crate::interface::Wants;
use crate::lines::Batch;
use crate::log::{Level, Log, Problems};
use crate::parse::Quoted;
use crate::privileges::{self, ENTER_HOST, LOOK_AT_PROCESSES, Needed};
use crate::protocol::Groups;
use crate::selection::Tally;
use crate::source::Wanted;
use crate::source::namespaces::{self, EnterError, Machine, Reach};
use crate::source::netlink::{
    Asker, Netlink, NetlinkError, ReadError, SPEED_WAIT, Scratch, Sockets,
};
use crate::source::proc_net::{HostProc, ProcNet};
use crate::source::procfs::Procfs;
use crate::space::Space;
use crate::spaces::{self, Spaces};

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
    /// The other network namespaces that tables report, once they can be looked for.
    spaces: Option<Spaces>,
    /// Whether netlink can be used there.
    elsewhere: Opening,
    /// Asks the drivers of them all; there when netlink can be used.
    asker: Option<Asker>,
    /// The tables of which it was not said yet how they are read.
    unsaid: Vec<usize>,
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
    /// Those of them that the operator named.
    named_groups: Groups,
}

#[derive(Debug)]
struct View {
    space: Space,
    proc: usize,
    /// The sysfs that was named.
    sys: Option<PathBuf>,
    wants_netlink: bool,
    opening: Opening,
}

/// Whether something is read by netlink.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Opening {
    /// No table wants it.
    Unwanted,
    /// It was not tried yet, or there was not enough of something: it is tried at the next gather.
    Awaited,
    /// In the network namespace that this process lives in.
    Own,
    /// In the host's, which was entered by this file, whose inode has that number.
    Host(PathBuf, u64),
    /// The kernel lacks or forbids it, or the host's namespace cannot be entered; why.
    Never(String),
    /// The files say more of why.
    Hidden(String),
}

/// Why netlink cannot be used.
enum Unusable {
    /// Something is short at the moment.
    ForNow(String),
    /// The kernel lacks or forbids it, or another namespace cannot be entered.
    Ever(Opening),
}

impl Opening {
    fn is_by_netlink(&self) -> bool {
        matches!(self, Self::Own | Self::Host(..))
    }
}

impl From<NetlinkError> for Unusable {
    fn from(error: NetlinkError) -> Self {
        let why = error.to_string();
        if error.is_shortage() { Self::ForNow(why) } else { Self::Ever(Opening::Never(why)) }
    }
}

impl Collector {
    /// Opens the sources that the tables name, and says which. What cannot be had at the moment is
    /// tried again by gathers.
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
        let wants_elsewhere = tables.iter().any(wants_elsewhere);
        let mut collector = Self {
            routes: Vec::new(),
            procs: Vec::new(),
            views: Vec::new(),
            spaces: None,
            elsewhere: if wants_elsewhere { Opening::Awaited } else { Opening::Unwanted },
            asker: None,
            unsaid: (0..tables.len()).collect(),
            scratch: Scratch::default(),
            problems: Problems::new(log),
            line_end: Vec::new(),
            last_batch: None,
            is_first: true,
            tables: Vec::new(),
        };
        for (number, table) in tables.iter().enumerate() {
            let is_own = table.namespaces.selects(b"");
            let route = is_own.then(|| collector.route(number, table));
            collector.routes.push(route);
        }
        collector.tables = tables;
        collector.open_netlink();
        let Self { views, procs, .. } = &mut collector;
        let is_by_files = |opening: &Opening| {
            matches!(opening, Opening::Unwanted | Opening::Never(_) | Opening::Hidden(_))
        };
        for View { space, proc, .. } in views.iter_mut().filter(|view| is_by_files(&view.opening)) {
            if let Some(Proc { files, .. }) = procs.get_mut(*proc) {
                space.check_files(files, log);
            }
        }
        collector.say_sources();
        // What fails is said by the gather that meets it.
        let _ = collector.open_spaces();
        collector
    }

    /// Plans what the table reads of our own namespace, unless another does already.
    fn route(&mut self, number: usize, table: &Table) -> Route {
        let wants_netlink = wants_netlink(table);
        let known = self.procs.iter().position(|proc| proc.of == table.proc);
        let place = known.unwrap_or_else(|| {
            let (of, files) = (table.proc.clone(), ProcNet::open(&table.proc));
            let (groups, named_groups) = (Groups::default(), Groups::default());
            self.procs.push(Proc { of, files, groups, named_groups });
            self.procs.len() - 1
        });
        let known = self.views.iter().position(|view| {
            view.proc == place && view.sys == table.sys && view.wants_netlink == wants_netlink
        });
        let view = known.unwrap_or_else(|| {
            let procfs = Procfs::open(table.proc == HostProc::Own, table.sys.as_deref());
            self.views.push(View {
                space: Space::new(None, procfs),
                proc: place,
                sys: table.sys.clone(),
                wants_netlink,
                opening: if wants_netlink { Opening::Awaited } else { Opening::Unwanted },
            });
            self.views.len() - 1
        });
        if let Some(proc) = self.procs.get_mut(place) {
            proc.groups = proc.groups.or(table.protocol_groups());
            proc.named_groups = proc.named_groups.or(table.named_groups());
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

    /// Tries netlink wherever that is still to be done. Returns what was short, if anything was.
    fn open_netlink(&mut self) -> Option<String> {
        let Self { views, procs, elsewhere, asker, scratch, .. } = self;
        let mut shortage = None;
        for view in views.iter_mut().filter(|view| view.opening == Opening::Awaited) {
            let Some(Proc { of, files, .. }) = procs.get_mut(view.proc) else { continue };
            match open_netlink(of, view.sys.as_deref(), view.space.wants(), asker, scratch) {
                Ok((netlink, opening)) => {
                    view.space.set_netlink(Some(netlink));
                    if matches!(opening, Opening::Host(..)) {
                        files.stay_with_process_1();
                    }
                    view.opening = opening;
                }
                Err(Unusable::ForNow(why)) => shortage = Some(why),
                Err(Unusable::Ever(never)) => view.opening = never,
            }
        }
        if *elsewhere == Opening::Awaited && shortage.is_none() {
            let is_known = views.iter().any(|view| view.opening.is_by_netlink());
            let tried = if is_known {
                Ok(())
            } else {
                open_netlink(&HostProc::Own, None, Wants::default(), asker, scratch).map(drop)
            };
            match tried {
                Ok(()) => *elsewhere = Opening::Own,
                Err(Unusable::ForNow(why)) => shortage = Some(why),
                Err(Unusable::Ever(never)) => *elsewhere = never,
            }
        }
        shortage
    }

    /// Opens what other network namespaces are read by, once it is known whether netlink is.
    fn open_spaces(&mut self) -> io::Result<()> {
        if self.spaces.is_none() && self.elsewhere != Opening::Awaited {
            self.spaces = Spaces::open(&self.tables, self.elsewhere.is_by_netlink())?;
        }
        Ok(())
    }

    /// Opens what could not be opened before, and anew what is gone.
    fn try_again(&mut self) {
        for view in &mut self.views {
            if let Opening::Host(file, inode) = &view.opening
                && namespaces::is_gone(file, *inode)
            {
                // Our sockets would keep it alive.
                view.space.set_netlink(None);
                view.opening = Opening::Awaited;
            }
        }
        let is_awaited = |opening: &Opening| *opening == Opening::Awaited;
        if is_awaited(&self.elsewhere) || self.views.iter().any(|view| is_awaited(&view.opening)) {
            let shortage = self.open_netlink();
            if let Some(why) = shortage {
                let others = if is_awaited(&self.elsewhere) {
                    ", and other network namespaces are left out"
                } else {
                    ""
                };
                let message = format_args!(
                    "netlink cannot be used for now: {why}; /proc/net/dev stands in for it{others}; it is \
                     tried again at every gather"
                );
                self.problems.report("netlink short", Level::Warn, message);
            }
            self.say_sources();
        }
        if let Err(error) = self.open_spaces() {
            let message = format_args!("no other network namespace is reported for now: {error}");
            self.problems.report("no namespaces", Level::Error, message);
        }
    }

    /// Says of each table, once that is known, which source it has and why, and what that source cannot
    /// do. Whose files are read under `HOST_PROC`, these say themselves.
    fn say_sources(&mut self) {
        let Self { tables, routes, views, unsaid, problems, .. } = self;
        let (elsewhere, log) = (&self.elsewhere, problems.log());
        let opening = |number: usize| {
            let route = routes.get(number).copied().flatten();
            let view = route.and_then(|route| views.get(route.view));
            view.map_or(elsewhere, |view| &view.opening)
        };
        let known = unsaid.extract_if(.., |&mut number| *opening(number) != Opening::Awaited);
        let known = known.filter_map(|number| Some((tables.get(number)?, opening(number))));
        let known: Vec<_> = known.collect();
        let lacks_kinds = |(table, opening): &(&Table, &Opening)| {
            table.selection.needs_kernel_kind() && !opening.is_by_netlink()
        };
        if let Some((table, _)) = known.iter().find(|known| lacks_kinds(known)) {
            // By netlink, a host's interfaces are not to be had by that option.
            let or_netlink = match table.proc {
                HostProc::Own => " or source = \"netlink\"",
                HostProc::Of(_) => "",
            };
            log.warn(format_args!(
                "kinds of veth, macvlan and ifb are unknown without netlink: kind_exclude keeps them, \
                 kind_include drops them; use interface_exclude = [\"veth*\"]{or_netlink}"
            ));
        }
        if let Opening::Never(why) = elsewhere
            && known.iter().any(|(table, _)| wants_elsewhere(table))
        {
            log.warn(format_args!(
                "other network namespaces are reported without flags and speed, because netlink cannot \
                 be used: {why}"
            ));
        }
        let has_others = tables.iter().any(|table| table.namespaces.has_others());
        let mut said = Vec::new();
        for (table, opening) in known {
            let Some(line) = source_line(table, opening, has_others) else { continue };
            let level = match opening {
                Opening::Never(_) if table.source == Wanted::Netlink => Level::Warn,
                Opening::Hidden(_) => Level::Debug,
                _ => Level::Info,
            };
            if !said.contains(&line) {
                log.line(level, format_args!("{line}"));
                said.push(line);
            }
        }
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
        self.try_again();
        let Self { tables, procs, views, spaces, asker, scratch, problems, .. } = self;
        for Proc { files, groups, named_groups, .. } in procs.iter_mut() {
            files.start_gather();
            files.read_protocols(*groups, *named_groups, problems);
        }
        let mut is_first = true;
        for View { space, proc, sys, .. } in views.iter_mut() {
            let Some(Proc { of, files, .. }) = procs.get_mut(*proc) else { continue };
            if space.is_broken()
                && let Ok((sockets, _)) = open_sockets(of, sys.as_deref())
            {
                space.replace(sockets);
            }
            // The wait is for the events of one.
            if space.events().is_some() && !std::mem::replace(&mut is_first, false) {
                space.fall_behind();
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

/// Opens netlink where the view of that proc file system is read, and tries it; with the first, the thread
/// that asks drivers.
fn open_netlink(
    proc: &HostProc,
    sys: Option<&Path>,
    wants: Wants,
    asker: &mut Option<Asker>,
    scratch: &mut Scratch,
) -> Result<(Netlink, Opening), Unusable> {
    let (sockets, opening) = open_sockets(proc, sys)?;
    let asker = match asker {
        Some(asker) => asker,
        None => asker.insert(Asker::start().map_err(|error| no_thread(&error))?),
    };
    let mut netlink = Netlink::new(sockets, asker, wants);
    // What the kernel lacks or forbids now, it will the next time; all else may go well then.
    if let Err(ReadError::Failed(error)) = netlink.try_out(scratch)
        && matches!(error, NetlinkError::Call(..) | NetlinkError::Refused(_))
    {
        return Err(error.into());
    }
    Ok((netlink, opening))
}

/// Opens the sockets for that view: in our own namespace, or in the host's.
fn open_sockets(proc: &HostProc, sys: Option<&Path>) -> Result<(Sockets, Opening), Unusable> {
    let reach = match proc {
        HostProc::Own => Reach::Own,
        HostProc::Of(_) => Machine::of(proc).reach()?,
    };
    match reach {
        Reach::Own => {
            let sockets = Sockets::open()?.with_sysfs(sys.unwrap_or(Path::new("/sys")));
            Ok((sockets, Opening::Own))
        }
        Reach::Other { file, inode } => {
            let opened =
                namespaces::open_sockets(&file, inode).map_err(|error| no_thread(&error))?;
            let sockets = opened.map_err(|error| {
                let way_out = match error {
                    EnterError::Forbidden(_) => format!(": it takes {}", Needed(ENTER_HOST)),
                    _ => String::new(),
                };
                let why = format!("cannot enter {}: {error}{way_out}", QuotedPath(&file));
                if error.is_shortage() {
                    Unusable::ForNow(why)
                } else {
                    Unusable::Ever(Opening::Never(why))
                }
            })?;
            // Our own sysfs does not show it.
            let sockets = match sys {
                Some(sys) => sockets.with_sysfs(sys),
                None => sockets,
            };
            Ok((sockets, Opening::Host(file, inode)))
        }
        Reach::Hidden { file, error } => {
            let why = format!(
                "cannot look at {}: {error}: it takes {}",
                QuotedPath(&file),
                Needed(ENTER_HOST)
            );
            // Without it that is no proc file system, or it hides process 1.
            let _raised = privileges::raise(LOOK_AT_PROCESSES);
            let has_process_1 = Machine::of(proc).main.join("net/dev").exists();
            let never = if has_process_1 && error.kind() != io::ErrorKind::NotFound {
                Opening::Never(why)
            } else {
                Opening::Hidden(why)
            };
            Err(Unusable::Ever(never))
        }
    }
}

/// Why there is no thread. The C library says `EAGAIN` of whatever is short.
fn no_thread(error: &io::Error) -> Unusable {
    let why = format!("no thread: {error}");
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => Unusable::ForNow(why),
        _ => Unusable::Ever(Opening::Never(why)),
    }
}

/// Whether that is but our own `/proc`, whose process 1 lives in our network namespace and sees what
/// we do.
fn is_ours(proc: &HostProc) -> bool {
    let HostProc::Of(folder) = proc else { return false };
    let [theirs, ours] = [proc, &HostProc::Own].map(Machine::of);
    folder == Path::new("/proc") && theirs.is_same(&ours)
}

/// Whether a table asks for netlink in our own namespace, or the host's: with `auto`, unless another
/// `/sys` alone is named.
fn wants_netlink(table: &Table) -> bool {
    match table.source {
        Wanted::Auto => table.proc != HostProc::Own || table.sys.is_none(),
        Wanted::Netlink => true,
        Wanted::Procfs => false,
    }
}

/// Whether it does in others.
fn wants_elsewhere(table: &Table) -> bool {
    spaces::is_reporting(table) && table.source != Wanted::Procfs
}

/// Says which source the table has and why; `None` where other lines do.
fn source_line(table: &Table, opening: &Opening, has_others: bool) -> Option<String> {
    let is_insisted = table.source == Wanted::Netlink;
    let is_host = table.proc != HostProc::Own;
    Some(match opening {
        _ if is_host && !table.namespaces.selects(b"") => return None,
        Opening::Own if is_host => {
            "HOST_PROC: reading counters by netlink (no privileges needed): this process lives in the \
             host's network namespace"
                .to_owned()
        }
        Opening::Host(file, _) => format!(
            "HOST_PROC: reading counters by netlink in {}, the host's network namespace",
            QuotedPath(file)
        ),
        Opening::Never(why) | Opening::Hidden(why) if is_host => {
            format!("HOST_PROC: netlink is not used: {why}")
        }
        _ if is_host => return None,
        Opening::Own if is_insisted => "reading counters by netlink, as configured".to_owned(),
        // To enter others takes one.
        Opening::Own if has_others => "reading counters by netlink".to_owned(),
        Opening::Own => "reading counters by netlink (no privileges needed)".to_owned(),
        Opening::Never(why) | Opening::Hidden(why) => {
            format!("reading counters from /proc/net/dev, because netlink cannot be used: {why}")
        }
        Opening::Unwanted if table.source == Wanted::Procfs => {
            "reading counters from /proc/net/dev, as configured".to_owned()
        }
        Opening::Unwanted => {
            "reading counters from /proc/net/dev, because host_sys or HOST_SYS names another /sys"
                .to_owned()
        }
        Opening::Awaited => return None,
    })
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
