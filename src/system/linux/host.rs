//! The host: its own network namespace, once for each way that tables see it, and all others that they
//! report.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::io::Errno;

use super::namespaces::{self, OtherNamespaces};
use super::netlink::{Netlink, NetlinkError, ReadError, SPEED_WAIT, Scratch, Sockets, SpeedThread};
use super::netns::{self, EnterError, Machine, NamespaceAccess};
use super::privileges::{self, ENTER_HOST, LOOK_AT_PROCESSES, Needed};
use super::proc_net::ProcNet;
use super::procfs::Procfs;
use super::source::LinuxSource;
use super::{Shared, is_shortage};
use crate::config::{Given, HostProc, Origin, SourceOption, Table, Tag};
use crate::format::Format;
use crate::gather::namespace::Namespace;
use crate::log::{Level, Log, Problems};
use crate::model::counters::MoreCounters;
use crate::model::interface::Wants;
use crate::model::protocol::{Groups, ProtocolStatistics};
use crate::quoted::QuotedPath;
use crate::system::facts::{Others, Purpose, ReadFile, Way};
use crate::system::linux::poll::Events;
use crate::system::{Altname, Host, NamedByNumber, Source as _};

/// All that tables report of this host, or of the one whose `/proc` they name.
#[derive(Debug)]
pub struct LinuxHost {
    format: &'static dyn Format,
    /// The place of the view by which each table sees our own namespace, if it reports that.
    routes: Vec<Option<usize>>,
    /// One for each proc file system that the tables name.
    procs: Vec<Proc>,
    /// Our own namespace, or the host's, one for each way that tables see it.
    views: Vec<View>,
    /// The other network namespaces that tables report, once they can be looked for.
    others: Option<OtherNamespaces>,
    /// Whether netlink can be used there.
    others_access: Access,
    /// Asks the drivers of them all; there when netlink can be used.
    speed_thread: Option<SpeedThread>,
    /// The tables of which it was not said yet how they are read.
    unsaid: Vec<usize>,
    scratch: Scratch,
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
    namespace: Namespace<LinuxSource>,
    proc: usize,
    /// The sysfs that was named.
    sys: Option<PathBuf>,
    wants_netlink: bool,
    access: Access,
}

/// Whether something is read by netlink.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Access {
    /// No table wants it.
    Unwanted,
    /// It was not tried yet, or there was not enough of something: it is tried at the next gather.
    Pending,
    /// In the network namespace that this process lives in.
    Own,
    /// In the host's, which was entered by this file, whose inode has that number.
    Host(PathBuf, u64),
    /// The kernel lacks or forbids it, or the host's namespace cannot be entered; why.
    Unavailable(String),
    /// The files say more of why.
    Hidden(String),
}

/// Why netlink cannot be used.
enum Unusable {
    /// Something is short at the moment.
    ForNow(String),
    /// The kernel lacks or forbids it, or another namespace cannot be entered.
    Ever(Access),
}

impl Access {
    fn is_by_netlink(&self) -> bool {
        matches!(self, Self::Own | Self::Host(..))
    }
}

impl From<NetlinkError> for Unusable {
    fn from(error: NetlinkError) -> Self {
        let why = error.to_string();
        if error.is_shortage() { Self::ForNow(why) } else { Self::Ever(Access::Unavailable(why)) }
    }
}

impl Host for LinuxHost {
    type Source = LinuxSource;

    const HAS_PROTOCOLS: bool = true;

    fn open(tables: &mut [Table], format: &'static dyn Format, log: Log) -> Self {
        privileges::distrust(tables.iter().map(|table| &table.host_proc));
        for table in tables.iter_mut() {
            if is_ours(&table.host_proc) {
                table.host_proc = HostProc::Own;
            }
        }
        let tables = &*tables;
        let wants_others = tables.iter().any(wants_others_by_netlink);
        let mut host = Self {
            format,
            routes: Vec::new(),
            procs: Vec::new(),
            views: Vec::new(),
            others: None,
            others_access: if wants_others { Access::Pending } else { Access::Unwanted },
            speed_thread: None,
            unsaid: (0..tables.len()).collect(),
            scratch: Scratch::default(),
        };
        for (number, table) in tables.iter().enumerate() {
            let is_own = table.namespaces.selects(b"");
            let route = is_own.then(|| host.route(number, table));
            host.routes.push(route);
        }
        host.open_netlink();
        host.check_files(log);
        host.say_sources(tables, log);
        // What fails is said by the gather that meets it.
        let _ = host.open_others(tables);
        host
    }

    fn read(&mut self, tables: &[Table], problems: &mut Problems, hurry: &mut dyn FnMut() -> bool) {
        self.try_again(tables, problems);
        let Self { procs, views, others, speed_thread, scratch, .. } = self;
        for Proc { files, groups, named_groups, .. } in procs.iter_mut() {
            files.start_gather();
            files.read_protocols(*groups, *named_groups, problems);
        }
        let mut is_first = true;
        for View { namespace, proc, sys, .. } in views.iter_mut() {
            let Some(Proc { of, files, .. }) = procs.get_mut(*proc) else { continue };
            let source = namespace.source_mut();
            if source.is_broken()
                && let Ok((sockets, _)) = open_sockets(of, sys.as_deref())
            {
                source.replace(sockets);
            }
            // The wait is for the events of one.
            if source.events().is_some() && !std::mem::replace(&mut is_first, false) {
                source.fall_behind();
            }
            namespace.read(&mut Shared { files, scratch }, tables, problems, hurry);
            if let Some(error) = namespace.source_mut().take_failure() {
                let message =
                    format_args!("netlink failed: {error}; falling back to /proc/net/dev");
                problems.report("netlink", Level::Warn, message);
            }
        }
        if let Some(others) = others {
            others.read(tables, speed_thread.as_ref(), scratch, problems, hurry);
        }
    }

    fn read_details(
        &mut self,
        tables: &[Table],
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) {
        let deadline = Instant::now() + SPEED_WAIT;
        let Self { procs, views, others, scratch, .. } = self;
        for View { namespace, proc, .. } in views {
            let Some(Proc { files, .. }) = procs.get_mut(*proc) else { continue };
            let shared = &mut Shared { files, scratch };
            namespace.read_details(shared, tables, deadline, problems, hurry);
        }
        if let Some(others) = others {
            others.read_details(tables, deadline, scratch, problems, hurry);
        }
    }

    fn after_write(&mut self) {
        self.namespaces_mut().for_each(|(namespace, _)| namespace.source_mut().refresh());
    }

    fn namespaces(&self) -> impl Iterator<Item = (&Namespace<LinuxSource>, &ProtocolStatistics)> {
        let Self { views, procs, others, .. } = self;
        let own = views.iter().filter_map(|View { namespace, proc, .. }| {
            Some((namespace, procs.get(*proc)?.files.protocols()))
        });
        own.chain(others.iter().flat_map(OtherNamespaces::namespaces))
    }

    fn namespaces_mut(
        &mut self,
    ) -> impl Iterator<Item = (&mut Namespace<LinuxSource>, &ProtocolStatistics)> {
        let Self { views, procs, others, .. } = self;
        let procs = &*procs;
        let own = views.iter_mut().filter_map(|View { namespace, proc, .. }| {
            Some((namespace, procs.get(*proc)?.files.protocols()))
        });
        own.chain(others.iter_mut().flat_map(OtherNamespaces::namespaces_mut))
    }

    fn other_names(&self) -> Option<&[Vec<u8>]> {
        self.others.as_ref().and_then(OtherNamespaces::names)
    }

    fn show_altnames(&mut self, see: &mut dyn FnMut(usize, Altname<'_>)) {
        let mut scratch = std::mem::take(&mut self.scratch);
        for (namespace, _) in self.namespaces_mut().filter(|(namespace, _)| namespace.is_read()) {
            let tables: Vec<_> = namespace.tables().collect();
            namespace.source_mut().each_altname(&mut scratch, |interface, altname| {
                for &table in &tables {
                    see(table, Altname { interface, altname });
                }
            });
        }
        self.scratch = scratch;
    }

    fn names_by_numbers(&mut self, wanted: &NamedByNumber) -> HashMap<(Vec<u8>, i32), Vec<u8>> {
        let Some(others) = &mut self.others else { return HashMap::new() };
        let mut sources = self.views.iter_mut().map(|view| view.namespace.source_mut());
        let own = sources.find(|source| source.is_by_netlink());
        others.names_by_numbers(wanted, own, &mut self.scratch)
    }

    fn way(&self, tables: &[Table], number: usize) -> Option<Way> {
        let table = tables.get(number)?;
        let view = self.views.get(self.routes.get(number).copied().flatten()?)?;
        let Proc { files, .. } = self.procs.get(view.proc)?;
        let source = view.namespace.source();
        let mut read =
            files.files(table.protocol_groups(), !table.fields.interface_protocols.is_empty());
        if !source.is_by_netlink() {
            let class_net = source.class_net().map(|folder| (folder, Purpose::Interfaces));
            let ours = files.dev().map(|dev| (dev, Purpose::Counters)).into_iter().chain(class_net);
            let ours = ours.map(|(path, purpose)| ReadFile { path: path.to_owned(), purpose });
            read.splice(..0, ours);
        }
        Some(Way {
            files: read,
            tells_kinds: source.capabilities().kinds,
            ..way(table, &view.access, source.is_by_netlink(), files)
        })
    }

    fn others(&mut self, tables: &[Table], log: Log) -> Others {
        let first = tables.first().map_or(&HostProc::Own, |table| &table.host_proc);
        match &self.others {
            Some(others) => others.facts(tables, log),
            None => namespaces::names_of(&Machine::of(first)),
        }
    }

    fn events(&self) -> Events<'_> {
        let sources = self.views.iter().map(|view| view.namespace.source());
        let own = sources.filter(|source| source.awaits_events()).find_map(LinuxSource::events);
        [own, self.others.as_ref().and_then(OtherNamespaces::events)]
    }

    fn next_look(&self) -> Option<Instant> {
        self.others.as_ref().and_then(OtherNamespaces::next_look)
    }

    fn follow(&mut self) {
        for view in &mut self.views {
            view.namespace.source_mut().follow(&mut self.scratch);
        }
        if let Some(others) = &mut self.others {
            others.follow(&mut self.scratch);
        }
    }
}

impl LinuxHost {
    /// Finds out what files tell of those that are read by files.
    fn check_files(&mut self, log: Log) {
        let is_by_files = |access: &Access| {
            matches!(access, Access::Unwanted | Access::Unavailable(_) | Access::Hidden(_))
        };
        let Self { views, procs, .. } = self;
        for View { namespace, proc, .. } in
            views.iter_mut().filter(|view| is_by_files(&view.access))
        {
            if let Some(Proc { files, .. }) = procs.get_mut(*proc) {
                namespace.source_mut().check_files(files, log);
            }
        }
    }

    /// Plans how the table sees our own namespace, unless another sees it so already. Returns the place of
    /// that view.
    fn route(&mut self, number: usize, table: &Table) -> usize {
        let wants_netlink = wants_netlink(table);
        let known = self.procs.iter().position(|proc| proc.of == table.host_proc);
        let place = known.unwrap_or_else(|| {
            let (of, files) = (table.host_proc.clone(), ProcNet::open(&table.host_proc));
            let (groups, named_groups) = (Groups::default(), Groups::default());
            self.procs.push(Proc { of, files, groups, named_groups });
            self.procs.len() - 1
        });
        let known = self.views.iter().position(|view| {
            view.proc == place && view.sys == table.host_sys && view.wants_netlink == wants_netlink
        });
        let view = known.unwrap_or_else(|| {
            let procfs = Procfs::open(table.host_proc == HostProc::Own, table.host_sys.as_deref());
            self.views.push(View {
                namespace: Namespace::new(LinuxSource::new(None, procfs), self.format),
                proc: place,
                sys: table.host_sys.clone(),
                wants_netlink,
                access: if wants_netlink { Access::Pending } else { Access::Unwanted },
            });
            self.views.len() - 1
        });
        if let Some(proc) = self.procs.get_mut(place) {
            proc.groups = proc.groups.or(table.protocol_groups());
            proc.named_groups = proc.named_groups.or(table.named_groups());
        }
        if let Some(View { namespace, .. }) = self.views.get_mut(view) {
            let mut tags = Vec::new();
            // Ours may have a name too, such as Docker's `default`.
            if table.interface_tags.contains(&Tag::Namespace) {
                tags.extend(
                    Machine::of(&table.host_proc).own_name().map(|name| ("namespace", name)),
                );
            }
            namespace.add_table(number, tags);
            namespace.source_mut().add_wants(table.wants());
        }
        view
    }

    /// Tries netlink wherever that is still to be done. Returns what was short, if anything was.
    fn open_netlink(&mut self) -> Option<String> {
        let Self { views, procs, others_access, speed_thread, scratch, .. } = self;
        let mut shortage = None;
        for view in views.iter_mut().filter(|view| view.access == Access::Pending) {
            let Some(Proc { of, files, .. }) = procs.get_mut(view.proc) else { continue };
            let source = view.namespace.source_mut();
            match open_netlink(of, view.sys.as_deref(), source.wants(), speed_thread, scratch) {
                Ok((netlink, access)) => {
                    source.set_netlink(Some(netlink));
                    if matches!(access, Access::Host(..)) {
                        files.stay_with_process_1();
                    }
                    view.access = access;
                }
                Err(Unusable::ForNow(why)) => shortage = Some(why),
                Err(Unusable::Ever(unavailable)) => view.access = unavailable,
            }
        }
        if *others_access == Access::Pending && shortage.is_none() {
            let is_known = views.iter().any(|view| view.access.is_by_netlink());
            let tried = if is_known {
                Ok(())
            } else {
                open_netlink(&HostProc::Own, None, Wants::default(), speed_thread, scratch)
                    .map(drop)
            };
            match tried {
                Ok(()) => *others_access = Access::Own,
                Err(Unusable::ForNow(why)) => shortage = Some(why),
                Err(Unusable::Ever(unavailable)) => *others_access = unavailable,
            }
        }
        shortage
    }

    /// Opens what other network namespaces are read by, once it is known whether netlink is.
    fn open_others(&mut self, tables: &[Table]) -> io::Result<()> {
        if self.others.is_none() && self.others_access != Access::Pending {
            self.others =
                OtherNamespaces::open(tables, self.format, self.others_access.is_by_netlink())?;
        }
        Ok(())
    }

    /// Opens what could not be opened before, and anew what is gone.
    fn try_again(&mut self, tables: &[Table], problems: &mut Problems) {
        for view in &mut self.views {
            if let Access::Host(file, inode) = &view.access
                && netns::is_gone(file, *inode)
            {
                // Our sockets would keep it alive.
                view.namespace.source_mut().set_netlink(None);
                view.access = Access::Pending;
            }
        }
        let is_pending = |access: &Access| *access == Access::Pending;
        if is_pending(&self.others_access) || self.views.iter().any(|view| is_pending(&view.access))
        {
            let shortage = self.open_netlink();
            if let Some(why) = shortage {
                let others = if is_pending(&self.others_access) {
                    ", and other network namespaces are left out"
                } else {
                    ""
                };
                let message = format_args!(
                    "netlink cannot be used for now: {why}; falling back to /proc/net/dev{others}; trying again at \
                     every gather"
                );
                problems.report("netlink short", Level::Warn, message);
            }
            self.say_sources(tables, problems.log());
        }
        if let Err(error) = self.open_others(tables) {
            let message = format_args!(
                "no other network namespace is reported for now: {error}; trying again at every gather"
            );
            problems.report("no namespaces", Level::Error, message);
        }
    }

    /// Says of each table, once that is known, which source it has and why, and what that source cannot
    /// do. Whose files are read under `HOST_PROC`, these say themselves.
    fn say_sources(&mut self, tables: &[Table], log: Log) {
        let Self { routes, views, unsaid, others_access, .. } = self;
        let others_access = &*others_access;
        let access = |number: usize| {
            let route = routes.get(number).copied().flatten();
            let view = route.and_then(|view| views.get(view));
            view.map_or(others_access, |view| &view.access)
        };
        let known = unsaid.extract_if(.., |&mut number| *access(number) != Access::Pending);
        let known = known.filter_map(|number| Some((tables.get(number)?, access(number))));
        let known: Vec<_> = known.collect();
        let lacks_kinds = |(table, access): &(&Table, &Access)| {
            table.selection.needs_kernel_kind() && !access.is_by_netlink()
        };
        if let Some((table, _)) = known.iter().find(|known| lacks_kinds(known)) {
            // By netlink, a host's interfaces are not to be had by that option.
            let or_netlink = match table.host_proc {
                HostProc::Own => " or source = \"netlink\"",
                HostProc::Of(_) => "",
            };
            log.warn(format_args!(
                "kinds of veth, macvlan and ifb are unknown without netlink: kind_exclude keeps them, \
                 kind_include drops them; use interface_exclude = [\"veth*\"]{or_netlink}"
            ));
        }
        if let Access::Unavailable(why) = others_access
            && known.iter().any(|(table, _)| wants_others_by_netlink(table))
        {
            log.warn(format_args!(
                "other network namespaces are reported without flags and speed, because netlink cannot \
                 be used: {why}"
            ));
        }
        let has_others = tables.iter().any(|table| table.namespaces.has_others());
        let mut said = Vec::new();
        for (table, access) in known {
            let Some(line) = source_line(table, access, has_others) else { continue };
            let level = match access {
                Access::Unavailable(_) if table.source == SourceOption::Netlink => Level::Warn,
                Access::Hidden(_) => Level::Debug,
                _ => Level::Info,
            };
            if !said.contains(&line) {
                log.line(level, format_args!("{line}"));
                said.push(line);
            }
        }
    }
}

/// Opens netlink where the view of that proc file system is read, and tries it; with the first, the thread
/// that asks drivers.
fn open_netlink(
    proc: &HostProc,
    sys: Option<&Path>,
    wants: Wants,
    speed_thread: &mut Option<SpeedThread>,
    scratch: &mut Scratch,
) -> Result<(Netlink, Access), Unusable> {
    let (sockets, access) = open_sockets(proc, sys)?;
    let speed_thread = match speed_thread {
        Some(speed_thread) => speed_thread,
        None => speed_thread.insert(SpeedThread::start().map_err(|error| no_thread(&error))?),
    };
    let mut netlink = Netlink::new(sockets, speed_thread, wants);
    // What the kernel lacks or forbids now, it will the next time; all else may go well then.
    if let Err(ReadError::Failed(error)) = netlink.try_out(scratch)
        && matches!(error, NetlinkError::Call(..) | NetlinkError::Refused(_))
    {
        return Err(error.into());
    }
    Ok((netlink, access))
}

/// Opens the sockets for that view: in our own namespace, or in the host's.
fn open_sockets(proc: &HostProc, sys: Option<&Path>) -> Result<(Sockets, Access), Unusable> {
    let reach = match proc {
        HostProc::Own => NamespaceAccess::Own,
        HostProc::Of(_) => Machine::of(proc).access()?,
    };
    match reach {
        NamespaceAccess::Own => {
            let sockets = Sockets::open()?.with_sysfs(sys.unwrap_or(Path::new("/sys")));
            Ok((sockets, Access::Own))
        }
        NamespaceAccess::Other { file, inode } => {
            let opened = netns::open_sockets(&file, inode).map_err(|error| no_thread(&error))?;
            let sockets = opened.map_err(|error| {
                let way_out = match error {
                    EnterError::Forbidden(_) => format!(": needs {}", Needed(ENTER_HOST)),
                    _ => String::new(),
                };
                let why = format!("cannot enter {}: {error}{way_out}", QuotedPath(&file));
                if error.is_shortage() {
                    Unusable::ForNow(why)
                } else {
                    Unusable::Ever(Access::Unavailable(why))
                }
            })?;
            // Our own sysfs does not show it.
            let sockets = match sys {
                Some(sys) => sockets.with_sysfs(sys),
                None => sockets,
            };
            Ok((sockets, Access::Host(file, inode)))
        }
        NamespaceAccess::Hidden { file, error } => {
            let why = format!(
                "cannot look at {}: {error}: needs {}",
                QuotedPath(&file),
                Needed(ENTER_HOST)
            );
            // Without it that is no proc file system, or it hides process 1.
            let _raised = privileges::raise(LOOK_AT_PROCESSES);
            let has_process_1 = Machine::of(proc).main.join("net/dev").exists();
            let unavailable = if has_process_1 && error.kind() != io::ErrorKind::NotFound {
                Access::Unavailable(why)
            } else {
                Access::Hidden(why)
            };
            Err(Unusable::Ever(unavailable))
        }
    }
}

/// Why there is no thread. The C library says `EAGAIN` of whatever is short.
fn no_thread(error: &io::Error) -> Unusable {
    let why = format!("no thread: {error}");
    if Errno::from_io_error(error).is_some_and(is_shortage) {
        Unusable::ForNow(why)
    } else {
        Unusable::Ever(Access::Unavailable(why))
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
        SourceOption::Auto => table.host_proc != HostProc::Own || table.host_sys.is_none(),
        SourceOption::Netlink => true,
        // The others are none of Linux's.
        SourceOption::Procfs | SourceOption::Sysctl | SourceOption::Netstat => false,
    }
}

/// Whether it does in others.
fn wants_others_by_netlink(table: &Table) -> bool {
    namespaces::is_reporting(table) && table.source != SourceOption::Procfs
}

/// Says which source the table has and why; `None` where other lines do.
fn source_line(table: &Table, access: &Access, has_others: bool) -> Option<String> {
    let is_insisted = table.source == SourceOption::Netlink;
    let is_host = table.host_proc != HostProc::Own;
    Some(match access {
        _ if is_host && !table.namespaces.selects(b"") => return None,
        Access::Own if is_host => {
            "reading the host's counters by netlink (no privileges needed): this process lives in the \
             host's network namespace"
                .to_owned()
        }
        Access::Host(file, _) => format!(
            "reading the host's counters by netlink in {}, its network namespace",
            QuotedPath(file)
        ),
        Access::Unavailable(why) | Access::Hidden(why) if is_host => {
            format!("netlink is not used for the host's counters: {why}")
        }
        _ if is_host => return None,
        Access::Own if is_insisted => "reading counters by netlink, as configured".to_owned(),
        // To enter others takes one.
        Access::Own if has_others => "reading counters by netlink".to_owned(),
        Access::Own => "reading counters by netlink (no privileges needed)".to_owned(),
        Access::Unavailable(why) | Access::Hidden(why) => {
            format!("reading counters from /proc/net/dev, because netlink cannot be used: {why}")
        }
        Access::Unwanted if table.source == SourceOption::Procfs => {
            "reading counters from /proc/net/dev, as configured".to_owned()
        }
        Access::Unwanted => format!(
            "reading counters from /proc/net/dev, because {} names another /sys",
            table.host_sys_by
        ),
        Access::Pending => return None,
    })
}

/// How the table reads our own namespace, or the host's, but for the files and what these tell.
fn way(table: &Table, access: &Access, is_by_netlink: bool, files: &ProcNet) -> Way {
    let (host_proc, source) = (given(table, "host_proc"), given(table, "source"));
    let dev = || QuotedPath(files.dev().unwrap_or(Path::new("/proc/net/dev"))).to_string();
    let is_host = table.host_proc != HostProc::Own;
    let by = match access {
        _ if !is_by_netlink => dev(),
        Access::Host(file, _) => format!("netlink in {}", QuotedPath(file)),
        _ => "netlink".to_owned(),
    };
    let because = match access {
        Access::Own if is_host => {
            format!(
                "{host_proc} names the host's /proc, and this process lives in the host's network namespace"
            )
        }
        Access::Host(..) => {
            format!(
                "{host_proc} names the host's /proc, and the host's network namespace may be entered"
            )
        }
        Access::Own if table.source == SourceOption::Netlink => format!("{source} says so"),
        Access::Own => {
            format!("{source} takes it where the kernel has it, and it needs no privileges")
        }
        Access::Unavailable(why) | Access::Hidden(why) => {
            format!("{source} would take netlink, which cannot be used: {why}")
        }
        Access::Unwanted if table.source == SourceOption::Procfs => format!("{source} says so"),
        Access::Unwanted => {
            format!(
                "{} alone names another /sys, and {source} takes files then",
                given(table, "host_sys")
            )
        }
        Access::Pending => {
            format!(
                "{source} would take netlink, which cannot be had for now: it is tried at every gather"
            )
        }
    };
    let way_out = match access {
        Access::Own | Access::Host(..) => {
            "netlink failed in the last gather, and is tried at the next"
        }
        Access::Unwanted if table.source == SourceOption::Procfs => {
            "leave source = \"procfs\" out, if that matters"
        }
        Access::Unwanted => "write source = \"netlink\", if that /sys shows this network namespace",
        Access::Pending => "free memory, or raise the limit of open files (LimitNOFILE)",
        Access::Unavailable(why) | Access::Hidden(why) if why.contains("needs CAP_") => {
            "give this process that, or, where it shares the host's network, write source = \"netlink\""
        }
        Access::Unavailable(_) | Access::Hidden(_) => {
            "allow AF_NETLINK (RestrictAddressFamilies=, a seccomp profile); it takes Linux 4.7 or newer"
        }
    };
    let lost = (!is_by_netlink).then(|| {
        let counters = MoreCounters::TABLE.iter();
        let counters = counters.filter(|one| one.column.is_none() && !one.stats.is_empty());
        let counters = counters.map(|one| one.name).collect::<Vec<_>>().join(", ");
        format!(
            "by files there are no kinds of most interfaces (veth, macvlan, ifb ...), no altname, no \
             promiscuity and no {counters}: {way_out}"
        )
    });
    let namespace = match &table.host_proc {
        HostProc::Own => "our own".to_owned(),
        HostProc::Of(folder) if access.is_by_netlink() || files.is_of_process_1() => {
            format!("the host's, that of process 1 in {}", QuotedPath(folder))
        }
        HostProc::Of(_) => format!("whichever {} shows, not the host's for certain", dev()),
    };
    Way {
        source: by,
        because,
        lost,
        is_fallback: !is_by_netlink && *access != Access::Unwanted,
        namespace,
        files: Vec::new(),
        tells_kinds: is_by_netlink,
    }
}

/// An option as it was given, and where.
fn given(table: &Table, key: &str) -> String {
    match table.given.iter().find(|given| given.key == key) {
        Some(Given { value, origin: Origin::Line(line), .. }) => {
            format!("{key} = {value} (line {line})")
        }
        Some(Given { origin: Origin::Environment(variable), .. }) => (*variable).to_owned(),
        None if key == "source" => "source = \"auto\" (the default)".to_owned(),
        None => key.to_owned(),
    }
}
