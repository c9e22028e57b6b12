//! Which namespaces there are: looked for, chosen as far as there is room, and entered.

use std::collections::HashSet;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::one::{EndWatch, OtherNamespace};
use super::{Counted, OtherNamespaces, Reporting, finds_processes};
use crate::config::Table;
use crate::gather::namespace::Namespace;
use crate::log::{Level, Problems};
use crate::model::protocol::Group;
use crate::quoted::{Quoted, QuotedPath};
use crate::system::linux::netlink::{Netlink, SpeedThread};
use crate::system::linux::netns::{
    self, Discovered, EnterError, EnterOptions, Entered, Named, ProcessNamespace, Watch,
};
use crate::system::linux::privileges::{self, ENTER, LOOK_AT_PROCESSES, Needed, Standing};
use crate::system::linux::proc_net::{self, ProcNet};
use crate::system::linux::procfs::Procfs;
use crate::system::linux::source::LinuxSource;

/// Namespaces are looked for at least so often: a name may end without an event, as by `umount`.
pub(super) const MAX_AGE: Duration = Duration::from_secs(60);

/// A name whose file has no namespace mounted on it for so long stays so: who makes one makes the file
/// just before.
const UNMOUNTED: Duration = Duration::from_secs(1);

/// Files that are left to be opened for a moment, when namespaces take all others.
pub(super) const SPARE_FILES: usize = 8;

/// About what this process has open without other namespaces, where that cannot be told.
const OWN_FILES: usize = 40;

/// More than it has open, unless it was given files when it was started.
const MANY_FILES: usize = 400;

/// A namespace that some tables want.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) found: Discovered,
    /// Whether it is our own, or the host's, by its name.
    is_main: bool,
    pub(super) by_netlink: bool,
    /// By their numbers in the configuration.
    tables: Vec<usize>,
}

impl Candidate {
    /// Its number, with each of its tables.
    pub(super) fn keys(&self) -> impl Iterator<Item = (u64, usize)> {
        self.tables.iter().map(|&table| (self.found.inode, table))
    }
}

impl OtherNamespaces {
    /// Takes in the namespaces that came, and forgets those that went.
    pub(super) fn discover(
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
                let message = format_args!(
                    "cannot look for network namespaces: {error}: those that are known stay; trying again at every \
                     gather"
                );
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
    pub(super) fn report_unseen(&self, denied: usize, problems: &mut Problems) {
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
                "cannot determine the network namespace of {denied} {processes} of other users: needs {}",
                Needed(LOOK_AT_PROCESSES)
            );
            problems.report("namespaces of processes", Level::Warn, message);
        }
    }

    /// Says which names have no namespace, where a table reports those of that name: they may have one
    /// that is seen elsewhere only.
    fn report_unmounted(
        &mut self,
        tables: &[Table],
        unmounted: &[(PathBuf, u64)],
        problems: &mut Problems,
    ) {
        self.unmounted.retain(|file, _| unmounted.contains(file));
        for file in unmounted {
            let name = file.0.file_name().unwrap_or_default().as_bytes();
            if self.tables_of(tables).any(|table| table.namespaces.selects(name)) {
                // It may have stood there for long.
                let now = Instant::now();
                let modified = file.0.metadata().and_then(|file| file.modified());
                let age = modified.ok().and_then(|modified| modified.elapsed().ok());
                let since = now.checked_sub(age.unwrap_or_default().min(UNMOUNTED)).unwrap_or(now);
                self.unmounted.entry(file.clone()).or_insert(since);
            }
        }
        let mut lasting = self.unmounted.iter().filter(|(_, since)| since.elapsed() >= UNMOUNTED);
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
    pub(super) fn search(
        &mut self,
        tables: &[Table],
        speed_thread: Option<&SpeedThread>,
        problems: &mut Problems,
    ) -> io::Result<usize> {
        // What there is.
        let mut named = netns::named(&self.machine)?;
        let (of_processes, denied) = if self.by_processes || !self.forbidden.is_empty() {
            netns::of_processes(&self.machine)?
        } else {
            (Vec::new(), 0)
        };
        self.is_stale = named.is_unsure || !named.unread.is_empty();
        self.searched = Instant::now();
        self.report_unmounted(tables, &named.unmounted, problems);
        self.report_unlisted(tables, &named, problems);
        let main = self.main_inode(problems);
        let found = std::mem::take(&mut named.found);
        let mut found = self.add_processes(found, of_processes, main)?;
        self.learn_names(&found, &named);
        let is_found = |key: &(u64, PathBuf)| found.iter().any(|found| found.key() == *key);
        self.forbidden.retain(|key, _| is_found(key));

        // What of that is reported. Where not all can be, whoever lives without a name gives way to those
        // that have one, and who comes to who is there: any user can make those without a name, and many.
        self.sort_for_room(&mut found);
        let (mut candidates, is_limited) = self.candidates(tables, found, main, problems);
        let is_short = self.leave_room(&mut candidates, problems);
        self.is_stale |= is_limited || is_short;

        // Those that are there already go on; the others are entered.
        let new = self.keep(candidates, &named.unread);
        self.enter(tables, new, speed_thread, problems);
        self.entered.sort_by(|one, other| one.found.name.cmp(&other.found.name));
        Ok(denied)
    }

    /// Puts those that are to be reported where not all can be before the others.
    pub(super) fn sort_for_room(&self, found: &mut [Discovered]) {
        let known: HashSet<_> = self.entered.iter().map(|one| one.found.key()).collect();
        found.sort_by_key(|found| (!found.is_named, !known.contains(&found.key())));
    }

    /// Says which folders and names could not be looked at, where a table may report what is there.
    fn report_unlisted(&self, tables: &[Table], named: &Named, problems: &mut Problems) {
        let is_found = |name: &str| named.found.iter().any(|found| found.name == name.as_bytes());
        let is_whole =
            !self.tables_of(tables).any(|table| table.namespaces.may_select_more_than(is_found));
        let may_matter = |(file, _): &&(PathBuf, io::Error)| {
            let name = file.file_name().unwrap_or_default().as_bytes();
            let is_selected = || self.tables_of(tables).any(|table| table.namespaces.selects(name));
            if netns::is_folder(file) { !is_whole } else { is_selected() }
        };
        if let Some((file, error)) = named.unread.iter().find(may_matter) {
            let message = netns::unlisted(&self.machine, file, error);
            problems.report("namespaces unlisted", Level::Warn, format_args!("{message}"));
        }
    }

    /// The inode of the namespace that tables report as their own, if it can be told.
    fn main_inode(&self, problems: &mut Problems) -> Option<u64> {
        let main = netns::inode_of(&self.machine.main);
        if let Err(error) = main.as_ref()
            && self.by_processes
            && !proc_net::hides_processes(&self.machine.proc)
        {
            report_no_main(&self.machine.main, error, problems);
        }
        main.ok()
    }

    /// Takes in the names of all that there are. One that no namespace is mounted on is told of by itself.
    fn learn_names(&mut self, found: &[Discovered], looked_at: &Named) {
        let unmounted = looked_at.unmounted.iter().filter_map(|(file, _)| file.file_name());
        let unmounted = unmounted.map(|name| name.as_bytes().to_vec());
        let names = found.iter().map(|found| found.name.clone()).chain(unmounted);
        self.names = looked_at.unread.is_empty().then(|| names.collect());
    }

    /// Forgets those that are no candidates any more, and returns the candidates that are new. A folder
    /// that cannot be listed this time says nothing of the names in it.
    pub(super) fn keep(
        &mut self,
        mut candidates: Vec<Candidate>,
        unread: &[(PathBuf, io::Error)],
    ) -> Vec<Candidate> {
        let Self { entered, machine, epoll, .. } = self;
        entered.retain_mut(|one| {
            let place = candidates.iter().position(|candidate| one.is_for(candidate));
            let kept = place.map(|place| candidates.remove(place));
            let is_unlisted = || unread.iter().any(|(path, _)| one.found.file.starts_with(path));
            let continues = kept.is_some() || is_unlisted() && one.found.is_there();
            if let Some(candidate) = kept {
                one.update(candidate.found, machine, epoll);
            }
            continues
        });
        candidates
    }

    /// Adds their processes to the namespaces that have names, and where a table reports them, those
    /// that have none. Without knowing `main`, which of these is our own cannot be told.
    pub(super) fn add_processes(
        &self,
        named: Vec<Discovered>,
        of_processes: Vec<ProcessNamespace>,
        main: Option<u64>,
    ) -> io::Result<Vec<Discovered>> {
        let _raised = privileges::raise(LOOK_AT_PROCESSES);
        let mut found = named;
        let named = found.len();
        for one in of_processes {
            let has_name = found.iter().take(named).any(|known| known.inode == one.inode);
            let is_other = main.is_some_and(|main| main != one.inode);
            if !(has_name || self.by_processes && is_other) {
                continue;
            }
            let known = self.entered.iter().map(|known| &known.found);
            let mut known = known.filter(|known| known.inode == one.inode);
            let before = known.find_map(|known| known.member.as_ref());
            let mut member = one.member(&self.machine, before)?;
            if has_name {
                member.container.take_if(|_| !self.by_processes);
                for known in found.iter_mut().take(named).filter(|known| known.inode == one.inode) {
                    known.member = Some(member.clone());
                }
            } else {
                found.push(one.nameless(member));
            }
        }
        Ok(found)
    }

    /// Which of those that were found are to be reported by which tables, as far as their limits go,
    /// and whether those leave any out. Tables that report our own need it by no other name.
    pub(super) fn candidates(
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
    pub(super) fn leave_room(
        &self,
        candidates: &mut Vec<Candidate>,
        problems: &mut Problems,
    ) -> bool {
        let files = |found: &Discovered, by_netlink| self.files_of(found, by_netlink);
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

    /// How many open files that namespace takes.
    pub(super) fn files_of(&self, found: &Discovered, by_netlink: bool) -> usize {
        let is_entered = !self.forbidden.contains_key(&found.key());
        let files = self.options(by_netlink, true).files() + usize::from(!found.is_mounted);
        if is_entered { files } else { 0 }
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
                let one = self.open_one(tables, candidate, None, files);
                self.entered.push(one);
            }
        }
        let requests: Vec<_> = candidates.iter().map(|candidate| self.request(candidate)).collect();
        for (candidate, entered) in candidates.into_iter().zip(enter_all(requests)) {
            match entered {
                Ok(Entered { sockets, files }) => {
                    let netlink = sockets.zip(speed_thread);
                    let netlink = netlink.map(|(sockets, speed_thread)| {
                        Netlink::new(sockets, speed_thread, self.wants)
                    });
                    let one = self.open_one(tables, candidate, netlink, files);
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
            let is_limit = error.is_limit_of_files();
            let hint = if is_limit { ": raise the limit of open files (LimitNOFILE)" } else { "" };
            let failed = Counted { count: failures, first: QuotedPath(&file) };
            let message = format_args!("cannot read {failed}: {error}{hint}");
            problems.report("namespaces unread", Level::Error, message);
        }
    }

    fn request(&self, candidate: &Candidate) -> (PathBuf, u64, EnterOptions) {
        (
            candidate.found.file.clone(),
            candidate.found.inode,
            self.options(candidate.by_netlink, candidate.is_main),
        )
    }

    fn options(&self, by_netlink: bool, is_main: bool) -> EnterOptions {
        // These are the whole machine's.
        let groups = if is_main { self.groups } else { self.groups.without(Group::Softnet) };
        let interface_protocols = !self.wants.interface_protocols.is_empty();
        EnterOptions { by_netlink, groups, interface_protocols }
    }

    fn open_one(
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
            end: EndWatch::Look,
            files,
            namespace,
        };
        one.watch_end(&self.machine, &self.epoll);
        one
    }

    /// Opens new sockets where netlink failed.
    pub(super) fn replace_broken(&mut self) {
        let broken = || self.entered.iter().filter(|one| one.namespace.source().is_broken());
        let options = EnterOptions { by_netlink: true, ..EnterOptions::default() };
        let requests: Vec<_> =
            broken().map(|one| (one.found.file.clone(), one.found.inode, options)).collect();
        let broken = self.entered.iter_mut().filter(|one| one.namespace.source().is_broken());
        for (one, entered) in broken.zip(enter_all(requests)) {
            if let Ok(Entered { sockets: Some(sockets), .. }) = entered {
                // With the old ones, the wait for their events is over.
                one.namespace.source_mut().replace(sockets);
                one.is_watched = false;
            }
        }
    }
}

/// Enters namespaces, if there are any. What can be said of all of them is said of the first.
fn enter_all(requests: Vec<(PathBuf, u64, EnterOptions)>) -> Vec<Result<Entered, EnterError>> {
    if requests.is_empty() {
        return Vec::new();
    }
    netns::enter(requests).unwrap_or_else(|error| vec![Err(EnterError::Failed(error))])
}

/// Says that those without a name are left out.
pub(super) fn report_no_main(process: &Path, error: &io::Error, problems: &mut Problems) {
    let process = QuotedPath(process);
    let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
    let hint =
        if is_denied { format!(": needs {}", Needed(LOOK_AT_PROCESSES)) } else { String::new() };
    let message = format_args!(
        "cannot determine the network namespace of {process}, so that those without a name are not reported: \
         {error}{hint}"
    );
    problems.report("namespaces without a name", Level::Warn, message);
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
