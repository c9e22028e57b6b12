//! What lies under `/proc/net`: the counters of `dev`, and protocol statistics.

use std::ffi::{CStr, OsStr};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{Dir, PROC_SUPER_MAGIC, stat, statfs};
use rustix::io::Errno;

use crate::config::HostProc;
use crate::log::{Level, Log, Problems};
use crate::model::counters::{Counters, MoreCounters};
use crate::model::interface::{Interface, Wants};
use crate::model::interface_protocols::SharedNames;
use crate::model::protocol::{Group, Groups, ProtocolStatistics, Run};
use crate::parse::{proc_net_dev, proc_net_snmp6};
use crate::quoted::QuotedPath;
use crate::system::facts::{Purpose, ReadFile};
use crate::system::linux::privileges::{self, LOOK_AT_PROCESSES, Needed, Raised};
use crate::system::linux::statistics::{BadRows, FILES, Shown, Wanted};
use crate::system::linux::{Unread, is_shortage};
use crate::system::unix::file::{self, Look, MAX_RECORD, MAX_TABLE, ReadMode};

/// The folder `net` of a proc file system.
///
/// All memory is used again from one gather to the next.
#[derive(Debug)]
pub struct ProcNet {
    /// The folder of process 1, where that is the host's and read at best.
    process_1: Option<PathBuf>,
    /// The folders to read, best first; just one once one could be read.
    folders: Vec<Folder>,
    /// The text of `dev`, which the names of `rows` lie in.
    dev_text: Vec<u8>,
    rows: Vec<DevRow>,
    /// When they were read last.
    read_at: Instant,
    /// Whether this gather has read the rows already.
    is_read: bool,
    /// The text of the last file of protocol statistics.
    text: Vec<u8>,
    protocols: ProtocolStatistics,
    /// Those of one interface, by its file that was read last.
    own: ProtocolStatistics,
    /// Whether protocol statistics are to be those of the network namespace alone.
    leaves_machine_out: bool,
    /// The name of the network namespace, where that is not our own or the host's.
    namespace: Option<Vec<u8>>,
    /// Whether it is a process's, which may be gone at any time.
    is_passing: bool,
    /// How many interfaces' own statistics could not be read since the last report.
    unread_interfaces: usize,
    /// The first of them whose file is there, why it could not be, and how many such there are.
    unread_file: Option<(PathBuf, io::Error, usize)>,
}

/// Where our own `net` lies in a proc file system. The first is a link to the second, and is missing
/// where that is mounted with `subset=pid` (`ProcSubset=pid` of systemd).
const OWN_FOLDERS: [&str; 3] = ["net", "self/net", "thread-self/net"];

#[derive(Debug)]
struct Folder {
    dev: KernelFile,
    /// Statistics per interface.
    dev_snmp6: DevSnmp6,
    statistics_files: [KernelFile; FILES.len()],
}

#[derive(Debug)]
struct KernelFile {
    path: PathBuf,
    mode: ReadMode,
    state: FileState,
    /// What it told last, where that is kept.
    told: Option<Told>,
}

/// What a file of protocol statistics told, without a bad row.
#[derive(Debug)]
struct Told {
    text: Vec<u8>,
    wanted: Groups,
    run: Run,
}

#[derive(Debug)]
enum FileState {
    /// Opened for every reading: who owns the folder may change.
    Shut,
    /// Opened at the first reading, and then read again and again.
    Kept(Option<File>),
    /// Opened in a network namespace that this process has left; `None` where that failed.
    Entered(Option<File>),
}

/// The folder `dev_snmp6`.
#[derive(Debug)]
enum DevSnmp6 {
    At(PathBuf),
    /// Opened in a network namespace that this process has left.
    Entered(Option<OwnedFd>),
}

#[derive(Debug)]
struct DevRow {
    name: Range<usize>,
    counters: Counters,
    more: MoreCounters,
}

impl Folder {
    fn at(folder: &Path, state: fn() -> FileState) -> Self {
        let file = |name: &str, mode| KernelFile {
            path: folder.join(name),
            mode,
            state: state(),
            told: None,
        };
        Self {
            dev: KernelFile { state: FileState::Shut, ..file("dev", ReadMode::RowByRow) },
            dev_snmp6: DevSnmp6::At(folder.join("dev_snmp6")),
            statistics_files: FILES.each_ref().map(|one| file(one.name, one.mode)),
        }
    }
}

impl ProcNet {
    /// Reads nothing yet.
    #[must_use]
    pub fn open(proc: &HostProc) -> Self {
        match proc {
            HostProc::Own => {
                let folder =
                    |folder| Folder::at(&Path::new("/proc").join(folder), || FileState::Kept(None));
                let mut proc_net = Self::over(OWN_FOLDERS.map(folder).into(), None);
                // They are one and the same.
                let is_there = |folder: &Folder| folder.dev.path.exists();
                if let Some(place) = proc_net.folders.iter().position(is_there) {
                    proc_net.stay_with(place);
                }
                proc_net
            }
            HostProc::Of(proc) => {
                let folder = |folder| Folder::at(&proc.join(folder), || FileState::Shut);
                let folders = ["1/net"].into_iter().chain(OWN_FOLDERS).map(folder);
                Self::over(folders.collect(), Some(proc.join("1")))
            }
        }
    }

    /// Under `HOST_PROC`, looks whose counters can be read, and says so in one line. The first reading
    /// does it too.
    pub fn choose(&mut self, log: Log) {
        if self.folders.len() > 1 {
            // A failure is reported by the gather that meets it.
            let _ = self.read_dev_text(log);
        }
    }

    /// Reads that of process 1 alone from now on, unless another one was chosen before.
    pub fn stay_with_process_1(&mut self) {
        if self.process_1.is_some() && self.folders.len() > 1 {
            self.stay_with(0);
        }
    }

    /// Reads that folder alone from now on.
    fn stay_with(&mut self, place: usize) {
        let folder = self.folders.swap_remove(place);
        self.folders.clear();
        self.folders.push(folder);
    }

    /// Of a process, which may be gone at any time.
    #[must_use]
    pub fn of_process(folder: &Path) -> Self {
        let folders = vec![Folder::at(&folder.join("net"), || FileState::Shut)];
        Self { is_passing: true, ..Self::over(folders, None) }
    }

    /// Goes on with another process of the same network namespace.
    pub fn go_on_with(&mut self, process: &Path) {
        self.folders = vec![Folder::at(&process.join("net"), || FileState::Shut)];
    }

    /// Of the network namespace of this thread, for a time when it is another: opens what will be
    /// read, the files of these groups and, if wanted, those of interfaces. What the kernel lacks is
    /// left out.
    ///
    /// # Errors
    ///
    /// When a file that is there cannot be opened, as where this process has too many.
    pub fn enter(groups: Groups, interface_protocols: bool) -> io::Result<Self> {
        let net = Path::new("/proc/thread-self/net");
        let mut folder = Folder::at(net, || FileState::Entered(None));
        folder.dev.state = FileState::Entered(unless_missing(file::open(&folder.dev.path))?);
        for (file, kernel_file) in FILES.iter().zip(&mut folder.statistics_files) {
            if !groups.among(file.groups).is_empty() {
                let opened = unless_missing(file::open(&kernel_file.path))?;
                kernel_file.state = FileState::Entered(opened);
            }
        }
        folder.dev_snmp6 = DevSnmp6::Entered(None);
        if interface_protocols {
            let opened = unless_missing(file::open_folder(&net.join("dev_snmp6")))?;
            folder.dev_snmp6 = DevSnmp6::Entered(opened);
        }
        Ok(Self::over(vec![folder], None))
    }

    fn over(folders: Vec<Folder>, process_1: Option<PathBuf>) -> Self {
        Self {
            process_1,
            folders,
            dev_text: Vec::new(),
            rows: Vec::new(),
            read_at: Instant::now(),
            is_read: false,
            text: Vec::new(),
            protocols: ProtocolStatistics::default(),
            own: ProtocolStatistics::default(),
            leaves_machine_out: false,
            namespace: None,
            is_passing: false,
            unread_interfaces: 0,
            unread_file: None,
        }
    }

    /// Lets this thread look at another process, whose files these are, as long as it has this.
    pub(crate) fn raise(&self) -> Raised {
        if self.process_1.is_some() || self.is_passing {
            privileges::raise(LOOK_AT_PROCESSES)
        } else {
            Raised::nothing()
        }
    }

    /// Has messages about its files say that they are those of the network namespace of that name.
    pub fn name_after(&mut self, namespace: &[u8]) {
        self.namespace = Some(namespace.to_vec());
    }

    /// Leaves out the protocol statistics that are the whole machine's, whichever network namespace
    /// their file is read in.
    pub fn leave_machine_out(&mut self) {
        self.leaves_machine_out = true;
    }

    /// Whether it is certain to read the host's under `HOST_PROC`.
    pub(super) fn is_of_process_1(&self) -> bool {
        let Some(process_1) = &self.process_1 else { return false };
        matches!(self.folders.as_slice(), [folder] if folder.dev.path.starts_with(process_1))
    }

    /// The file of counters.
    pub(super) fn dev(&self) -> Option<&Path> {
        self.folders.first().map(|folder| &*folder.dev.path)
    }

    /// The files that are read for these protocol statistics, and for interfaces' own where these are
    /// wanted.
    pub(super) fn files(&self, groups: Groups, of_interfaces: bool) -> Vec<ReadFile> {
        let Some(folder) = self.folders.first() else { return Vec::new() };
        let statistics = FILES.iter().zip(&folder.statistics_files).filter_map(|(file, kernel)| {
            let ours = groups.among(file.groups);
            let purpose = Purpose::Protocols(ours);
            (!ours.is_empty()).then(|| ReadFile { path: kernel.path.clone(), purpose })
        });
        let dev_snmp6 = of_interfaces.then(|| ReadFile {
            path: folder.dev.path.with_file_name("dev_snmp6"),
            purpose: Purpose::InterfaceProtocols,
        });
        statistics.chain(dev_snmp6).collect()
    }

    /// The names in the text that was read at the start.
    pub(super) fn first_names(&self) -> impl Iterator<Item = &[u8]> {
        let rows = proc_net_dev::rows(&self.dev_text).into_iter().flatten();
        rows.filter_map(|row| Some(row.ok()?.name))
    }

    /// The number of that interface, where there are statistics of it that tell.
    pub(super) fn ifindex(&mut self, name: &[u8]) -> Option<u32> {
        let _raised = self.raise();
        let Self { folders, text, .. } = self;
        let folder = folders.first()?;
        folder.dev_snmp6.read(name, text).ok().and_then(|()| proc_net_snmp6::ifindex(text))
    }

    /// A gather begins: what was read before is old.
    pub fn start_gather(&mut self) {
        self.is_read = false;
    }

    /// Whether this gather has read the counters already.
    pub(super) fn is_read(&self) -> bool {
        self.is_read
    }

    /// Reads the counters of every interface, once in a gather. What cannot be read goes to
    /// `problems`; all else is there.
    pub fn read_interfaces(&mut self, problems: &mut Problems) {
        if std::mem::replace(&mut self.is_read, true) {
            return;
        }
        self.rows.clear();
        self.read_at = Instant::now();
        if let Err(failures) = self.read_dev_text(problems.log()) {
            self.dev_text.clear();
            // The others are the same as the last of these, by other names.
            let count = if self.process_1.is_some() { 2 } else { 1 };
            let Self { folders, namespace, .. } = self;
            let files = folders.iter().take(count);
            let files = files.map(|one| Shown(&one.dev.path, namespace).to_string());
            let key = files.clone().collect::<String>() + " unread";
            let is_missing = failures.iter().all(|error| error.kind() == io::ErrorKind::NotFound);
            let way_out = match namespace {
                None if is_missing && self.process_1.is_some() => {
                    ": mount the host's /proc where host_proc or HOST_PROC says, or leave that out"
                }
                None if is_missing => ": mount /proc",
                _ => "",
            };
            let files = files.zip(failures).map(|(file, error)| format!("{file}: {error}"));
            let files = files.collect::<Vec<_>>().join(", nor ");
            let message = format_args!("cannot read {files}{way_out}");
            return problems.report(&key, Level::Error, message);
        }
        let Some(Folder { dev: KernelFile { path: dev, .. }, .. }) = self.folders.first() else {
            return;
        };
        let dev = Shown(dev, &self.namespace);
        let rows = match proc_net_dev::rows(&self.dev_text) {
            Ok(rows) => rows,
            Err(error) => {
                let message = format_args!("{dev}: {error}");
                return problems.report(&format!("{dev} header"), Level::Error, message);
            }
        };
        let mut bad_rows = BadRows::new(dev, problems);
        for row in rows {
            match row {
                Ok(row) => self.rows.push(DevRow {
                    name: range_within(&self.dev_text, row.name),
                    counters: row.counters,
                    more: row.more,
                }),
                Err(error) => bad_rows.report(error.line, [error.name, None], &error),
            }
        }
    }

    /// When counters were read last.
    #[must_use]
    pub fn read_at(&self) -> Instant {
        self.read_at
    }

    /// The names and counters of the last reading, in the kernel's order.
    pub fn rows(&self) -> impl Iterator<Item = (&[u8], &Counters, &MoreCounters)> {
        self.rows.iter().filter_map(|row| {
            Some((self.dev_text.get(row.name.clone())?, &row.counters, &row.more))
        })
    }

    /// Reads the protocol statistics of these groups. What cannot be read goes to `problems`; all
    /// else is there. That some are not there at all is worth a warning where the operator named them.
    pub fn read_protocols(&mut self, groups: Groups, named: Groups, problems: &mut Problems) {
        let _raised = self.raise();
        self.protocols.start();
        let groups = if self.leaves_machine_out { groups.without(Group::Softnet) } else { groups };
        // Of these it is certain what there is.
        let mut told = Groups::NONE;
        for (number, file) in FILES.iter().enumerate() {
            let ours = groups.among(file.groups);
            if ours.is_empty() {
                continue;
            }
            let Self {
                folders, text, protocols, leaves_machine_out, is_passing, namespace, ..
            } = self;
            let (mut found, mut failed) = (None, None);
            for (place, folder) in folders.iter_mut().enumerate() {
                let Some(kernel_file) = folder.statistics_files.get_mut(number) else { continue };
                let read = kernel_file.read(text);
                let KernelFile { path, told: last, .. } = kernel_file;
                let path = path.as_path();
                match read {
                    Ok(()) => {
                        found = Some(place);
                        // Mostly nothing has happened on a small host.
                        let is_as_before = |last: &Told| {
                            last.wanted == ours && last.text == *text && protocols.keep(&last.run)
                        };
                        if last.as_ref().is_some_and(is_as_before) {
                            told = told.or(ours);
                            break;
                        }
                        let start = protocols.filled();
                        let mut bad_rows = BadRows::new(Shown(path, namespace), problems);
                        let wanted = Wanted { groups: ours, without_machine: *leaves_machine_out };
                        (file.take)(text, wanted, protocols, &mut bad_rows);
                        let is_whole = bad_rows.count == 0;
                        drop(bad_rows);
                        if is_whole {
                            told = told.or(ours);
                        }
                        // Of many namespaces, that would take memory.
                        let is_kept = is_whole && matches!(kernel_file.state, FileState::Kept(_));
                        *last = is_kept.then(|| {
                            let mut memory = last.take().map_or_else(Vec::new, |last| last.text);
                            std::mem::swap(&mut memory, text);
                            Told { text: memory, wanted: ours, run: protocols.run_since(start) }
                        });
                        break;
                    }
                    Err(error) => {
                        let errno = Errno::from_io_error(&error);
                        failed.get_or_insert((path, error));
                        // It may be read another time, and the next one may be another namespace's.
                        if errno.is_some_and(is_shortage) {
                            break;
                        }
                    }
                }
            }
            if found.is_none()
                && let Some((path, error)) = failed
            {
                let shown = Shown(path, namespace);
                // As with `inputs.net`, a host without the file just has no such statistics.
                let message =
                    format_args!("protocols {ours} are left out: cannot read {shown}: {error}");
                if *is_passing {
                    let key = format!("{} unread", path.display());
                    problems.report(&key, Level::Debug, message);
                } else {
                    let is_named = !named.among(file.groups).is_empty();
                    let level = if is_named { Level::Warn } else { Level::Info };
                    problems.report(file.name, level, message);
                }
            }
            if let Some(place) = found
                && self.process_1.is_none()
                && self.folders.len() > 1
            {
                self.stay_with(place);
            }
        }
        self.protocols.end();
        // Before the first message of ICMP there are none of these.
        let told = told.without(Group::IcmpMsg);
        let there = self.protocols.groups();
        let is_lacking = |group: &Group| told.contains(*group) && !there.contains(*group);
        let lacking: Groups = named.iter().filter(is_lacking).collect();
        if !lacking.is_empty() {
            let message =
                format_args!("protocols {lacking} are left out: this kernel has none of them");
            problems.report("protocols lacking", Level::Warn, message);
        }
    }

    /// The protocol statistics that were read last; empty when they cannot be read.
    #[must_use]
    pub fn protocols(&self) -> &ProtocolStatistics {
        &self.protocols
    }

    /// Reads the protocol statistics of those interfaces that are reported, in that reading, but for those
    /// of which there is nothing new in their files.
    pub fn read_interface_protocols<'a>(
        &mut self,
        interfaces: impl Iterator<Item = &'a mut Interface>,
        wants: Wants,
        reading: u64,
        names: &mut SharedNames,
        problems: &mut Problems,
    ) {
        if wants.interface_protocols.is_empty() {
            return;
        }
        let mut raised = None;
        for interface in interfaces.filter(|interface| interface.is_reported) {
            let Some(details) = &mut interface.details else { continue };
            let protocols = &mut details.protocols;
            if !protocols.needs_file(reading) {
                continue;
            }
            raised.get_or_insert_with(|| self.raise());
            let is_other = if self.read_protocols_of(
                &interface.name,
                interface.ifindex,
                wants.interface_protocols,
            ) {
                protocols.set(&self.own, names)
            } else {
                protocols.clear(reading)
            };
            if is_other {
                interface.changed = reading;
            }
        }
        self.report_interface_protocols(problems);
    }

    /// Reads those of the interface of that name and number (0: unknown), and returns whether it has any.
    fn read_protocols_of(&mut self, name: &[u8], ifindex: u32, groups: Groups) -> bool {
        let Self { folders, text, unread_interfaces, unread_file, own, .. } = self;
        own.start();
        let mut failure = None;
        let is_there = folders.iter().any(|folder| {
            let Err(error) = folder.dev_snmp6.read(name, text) else { return true };
            // Without IPv6, or once it has gone, an interface has none.
            if failure.is_none() && Unread::of(&error) != Unread::Gone {
                let folder = folder.dev.path.with_file_name("dev_snmp6");
                failure = Some((folder.join(OsStr::from_bytes(name)), error));
            }
            false
        });
        if let Some((path, error)) = failure.filter(|_| !is_there) {
            unread_file.get_or_insert((path, error, 0)).2 += 1;
        }
        *unread_interfaces += usize::from(!is_there);
        // Its name may have become another one's.
        let told = proc_net_snmp6::ifindex(text).filter(|_| is_there && ifindex != 0);
        let is_read = is_there && told.is_none_or(|told| told == ifindex);
        if is_read {
            // An interface that went meanwhile, or a damaged line, costs only itself.
            for statistic in proc_net_snmp6::statistics(text).flatten() {
                if groups.contains(statistic.group) {
                    own.push(statistic.group, None, statistic.column, statistic.value);
                }
            }
        }
        own.end();
        is_read
    }

    /// Says so where a file of an interface's protocol statistics cannot be read, and where no interface has
    /// any, because there is no file of any.
    fn report_interface_protocols(&mut self, problems: &mut Problems) {
        let has_unread = std::mem::take(&mut self.unread_interfaces) > 0;
        let unread_file = self.unread_file.take();
        if !has_unread || self.is_passing {
            return;
        }
        if let Some((path, error, count)) = unread_file {
            let shown = Shown(&path, &self.namespace);
            let message = format_args!(
                "interface_protocols of {count} of the interfaces are left out: cannot read {shown}: \
                 {error}"
            );
            return problems.report("interface_protocols unread", Level::Warn, message);
        }
        let has_any = |folder: &Folder| folder.dev_snmp6.has_any();
        if let Some(folder) = self.folders.first()
            && !self.folders.iter().any(has_any)
        {
            let net = folder.dev.path.with_file_name("dev_snmp6");
            let net = QuotedPath(&net);
            let message = format_args!(
                "interface_protocols: no interface has any: {net} is missing, as without IPv6, or empty, \
                 as by ProcSubset=pid in the unit"
            );
            problems.report("interface_protocols", Level::Warn, message);
        }
    }

    /// Reads the first `dev` that can be read, and stays with that folder from then on; or returns why
    /// each cannot be.
    fn read_dev_text(&mut self, log: Log) -> Result<(), Vec<io::Error>> {
        let _raised = self.raise();
        let mut failures = Vec::new();
        let mut found = None;
        let Self { folders, dev_text, .. } = self;
        for (place, folder) in folders.iter_mut().enumerate() {
            match folder.dev.read(dev_text) {
                Ok(()) => {
                    found = Some(place);
                    break;
                }
                Err(error) => {
                    let is_short = Errno::from_io_error(&error).is_some_and(is_shortage);
                    failures.push(error);
                    // It may be read another time, and the next one may be another namespace's.
                    if is_short {
                        return Err(failures);
                    }
                }
            }
        }
        match found {
            Some(_) if self.folders.len() == 1 => Ok(()),
            Some(found) if self.process_1.is_none() => {
                self.stay_with(found);
                Ok(())
            }
            Some(found) => {
                let failure = self.folders.first().zip(failures.first());
                let denied = failure.and_then(|(one, error)| self.denied(&one.dev.path, error));
                self.stay_with(found);
                let Some(folder) = self.folders.first() else { return Ok(()) };
                let dev = Shown(&folder.dev.path, &None);
                match denied {
                    Some(denied) => log.warn(format_args!(
                        "reading counters from {dev}, which are those of this process's own network \
                         namespace and not the host's: {denied}: needs {}, or a /proc that is mounted \
                         without hidepid, or with gid= for a group of this process",
                        Needed(LOOK_AT_PROCESSES)
                    )),
                    None => log.info(format_args!("reading counters from {dev}")),
                }
                Ok(())
            }
            None => Err(failures),
        }
    }

    /// Says what keeps this process from that file of process 1, unless it is not there at all.
    fn denied(&self, file: &Path, error: &io::Error) -> Option<String> {
        match error.kind() {
            io::ErrorKind::PermissionDenied => {
                Some(format!("cannot read {}: {error}", QuotedPath(file)))
            }
            io::ErrorKind::NotFound => {
                let proc = self.process_1.as_deref()?.parent()?;
                hides_processes(proc).then(|| format!("{} hides process 1", QuotedPath(proc)))
            }
            _ => None,
        }
    }
}

impl KernelFile {
    fn read(&mut self, text: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.state {
            FileState::Shut => file::read(&self.path, MAX_TABLE, text),
            FileState::Kept(kept) => {
                let file = match kept.take() {
                    Some(file) => file,
                    None => file::open(&self.path)?,
                };
                file::read_again(&file, self.mode, MAX_TABLE, text)?;
                *kept = Some(file);
                Ok(())
            }
            FileState::Entered(Some(file)) => file::read_again(file, self.mode, MAX_TABLE, text),
            FileState::Entered(None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl DevSnmp6 {
    /// Whether there is any file in it, as of a loopback. In a proc file system that is mounted with
    /// `subset=pid`, it is there and empty.
    fn has_any(&self) -> bool {
        let opened;
        let folder = match self {
            Self::At(folder) => {
                opened = file::open_folder(folder).ok();
                opened.as_ref()
            }
            Self::Entered(folder) => folder.as_ref(),
        };
        let entries = folder.and_then(|folder| Dir::read_from(folder).ok());
        let is_file = |name: &CStr| !matches!(name.to_bytes(), b"." | b"..");
        entries.is_some_and(|entries| entries.flatten().any(|entry| is_file(entry.file_name())))
    }

    /// Reads the file of that interface.
    fn read(&self, name: &[u8], text: &mut Vec<u8>) -> io::Result<()> {
        let name = OsStr::from_bytes(name);
        match self {
            Self::At(folder) => file::read(&folder.join(name), MAX_RECORD, text),
            Self::Entered(Some(folder)) => {
                let file = file::open_at(folder, name, Look::Never)?;
                file::read_again(&file, ReadMode::AtOnce, MAX_RECORD, text)
            }
            Self::Entered(None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Whether that is a proc file system that hides processes of other users from this one, as with
/// `hidepid=2`: what may not be seen looks as if it were not there; but every proc file system has a
/// process 1.
#[must_use]
pub fn hides_processes(proc: &Path) -> bool {
    let _raised = privileges::raise(LOOK_AT_PROCESSES);
    let is_proc = || statfs(proc).is_ok_and(|stat| stat.f_type == PROC_SUPER_MAGIC);
    stat(proc.join("1")).err() == Some(Errno::NOENT) && is_proc()
}

/// What was opened; `None` where there is nothing.
fn unless_missing<T>(opened: io::Result<T>) -> io::Result<Option<T>> {
    match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// Where `part` lies within `whole`, which it was sliced from.
fn range_within(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::config::HostProc;
    use crate::log::tests::take_records;

    fn write(file: &Path, text: &str) {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    #[test]
    fn the_next_process_of_a_namespace_is_read_like_the_first() {
        let proc = TempDir::new().unwrap();
        for (process, name) in [("10", "one"), ("11", "other")] {
            let row = format!(
                "Inter-| Receive | Transmit\n face |bytes\n{name}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
            );
            write(&proc.path().join(process).join("net/dev"), &row);
        }
        let mut problems = Problems::new(Log { debug: false });
        let mut files = ProcNet::of_process(&proc.path().join("10"));
        let mut names = |files: &mut ProcNet| -> Vec<_> {
            files.start_gather();
            files.read_interfaces(&mut problems);
            files.rows().map(|(name, ..)| name.to_vec()).collect()
        };
        assert_eq!(names(&mut files), [b"one"]);
        files.go_on_with(&proc.path().join("11"));
        assert_eq!(names(&mut files), [b"other"]);
    }

    #[test]
    fn each_group_has_its_own_statistics_and_those_of_the_machine_can_be_left_out() {
        let process = TempDir::new().unwrap();
        let net = process.path().join("net");
        write(&net.join("snmp6"), "Ip6InReceives 1\nIcmp6InMsgs 2\nUdp6InDatagrams 3\n");
        write(&net.join("sockstat"), "sockets: used 4\nTCP: inuse 5 orphan 0 tw 0 alloc 6 mem 7\n");
        write(&net.join("softnet_stat"), "00000001 00000000 00000000\n");
        let mut problems = Problems::new(Log { debug: false });
        let mut files = ProcNet::of_process(process.path());
        let mut fields = |files: &mut ProcNet, groups: &[Group]| -> Vec<String> {
            files.read_protocols(groups.iter().copied().collect(), Groups::NONE, &mut problems);
            files.protocols().iter().map(|one| format!("{}={}", one.field, one.value)).collect()
        };
        assert_eq!(fields(&mut files, &[Group::Icmp6]), ["icmp6_inmsgs=2"]);
        let all = fields(&mut files, &[Group::Sockstat, Group::Softnet]);
        let has = |fields: &[String], one: &str| fields.iter().any(|field| field.starts_with(one));
        assert!(has(&all, "sockstat_tcp_inuse=5") && has(&all, "sockstat_tcp_mem=7"), "{all:?}");
        assert!(has(&all, "softnet_"), "{all:?}");
        files.leave_machine_out();
        let ours = fields(&mut files, &[Group::Sockstat, Group::Softnet]);
        assert!(has(&ours, "sockstat_tcp_inuse=5"), "{ours:?}");
        assert!(!has(&ours, "sockstat_tcp_mem") && !has(&ours, "softnet_"), "{ours:?}");
    }

    #[test]
    fn a_group_is_told_by_the_file_that_holds_it_and_only_where_it_is_wanted() {
        let process = TempDir::new().unwrap();
        let net = process.path().join("net");
        let snmp =
            "Ip: Forwarding\nIp: 1\nTcp: ActiveOpens\nTcp: 2\nTcpExt: ListenDrops\nTcpExt: 3\n";
        write(&net.join("snmp"), snmp);
        write(&net.join("netstat"), "TcpExt: ListenDrops\nTcpExt: 4\nIpExt: InOctets\nIpExt: 5\n");
        let mut files = ProcNet::of_process(process.path());
        let groups = [Group::Tcp, Group::TcpExt].into_iter().collect();
        let mut problems = Problems::new(Log { debug: false });
        files.read_protocols(groups, Groups::NONE, &mut problems);
        let fields = files.protocols().iter().map(|one| format!("{}={}", one.field, one.value));
        assert_eq!(fields.collect::<Vec<_>>(), ["tcp_activeopens=2", "tcpext_listendrops=4"]);
    }

    #[test]
    fn what_files_tell_again_is_what_they_told_whatever_changes_in_one_of_them() {
        let net = TempDir::new().unwrap();
        let snmp = [
            "Ip: A\nIp: 1\n",
            "Ip: A\nIp: 2\n",
            "Ip: C\nIp: 2\n",
            "Ip: A B\nIp: 1 2\n",
            "Ip: A B\nIp: x 2\n",
            "",
        ];
        let snmp6 = ["Ip6A 1\n", "Ip6A 2\n", "Ip6A 1\nIp6B 1\n"];
        let netstat = ["TcpExt: A B\nTcpExt: 1 2\n", "TcpExt: A\nTcpExt: 2\n"];
        let read = |files: &mut ProcNet, groups: &[Group]| {
            let mut problems = Problems::new(Log { debug: false });
            files.read_protocols(groups.iter().copied().collect(), Groups::NONE, &mut problems);
            let protocols = files.protocols();
            let fields = protocols.iter().map(|one| format!("{}={}", one.field, one.value));
            (fields.collect::<Vec<_>>(), protocols.groups())
        };
        let of_folder = |state| ProcNet::over(vec![Folder::at(net.path(), state)], None);
        let mut files = of_folder(|| FileState::Kept(None));
        let (mut before, mut version) = (Vec::new(), files.protocols().version());
        // Each of them beside each of the others, at various paces.
        for number in 0..120 {
            write(&net.path().join("snmp"), snmp[number / 2 % snmp.len()]);
            write(&net.path().join("snmp6"), snmp6[number / 5 % snmp6.len()]);
            write(&net.path().join("netstat"), netstat[number / 3 % netstat.len()]);
            let all = [Group::Ip, Group::Ip6, Group::TcpExt];
            let groups = if number % 17 == 16 { &all[1..] } else { &all };
            let told = read(&mut files, groups);
            assert_eq!(told, read(&mut of_folder(|| FileState::Shut), groups), "{number}");
            let is_other = files.protocols().version() != version;
            assert_eq!(is_other, told.0 != before, "{number}");
            (before, version) = (told.0, files.protocols().version());
        }
    }

    #[test]
    fn a_file_of_another_interface_that_has_its_name_by_now_is_not_taken_for_its_own() {
        let net = TempDir::new().unwrap();
        fs::create_dir(net.path().join("dev_snmp6")).unwrap();
        write(&net.path().join("dev_snmp6/eth0"), "ifIndex \t7\nIp6InReceives \t5\n");
        let mut files = ProcNet::over(vec![Folder::at(net.path(), || FileState::Shut)], None);
        for (ifindex, expected) in [(7, Some(5)), (3, None), (0, Some(5))] {
            let is_read =
                files.read_protocols_of(b"eth0", ifindex, [Group::Ip6].into_iter().collect());
            let told = files.own.iter().map(|one| one.value).next();
            assert_eq!((is_read, told), (expected.is_some(), expected), "{ifindex}");
        }
    }

    #[test]
    fn a_file_that_is_made_row_by_row_is_read_to_its_end() {
        let folder = TempDir::new().unwrap();
        // Of this one, too, the kernel gives about a page at a time, and there is more than that.
        let file = folder.path().join("softnet_stat");
        std::os::unix::fs::symlink("/proc/self/smaps", file).unwrap();
        let folder = Folder::at(folder.path(), || FileState::Kept(None));
        let mut files = ProcNet::over(vec![folder], None);
        let mut problems = Problems::new(Log { debug: false });
        files.read_protocols(Groups::from_iter([Group::Softnet]), Groups::NONE, &mut problems);
        assert!(files.text.len() > 8 << 10, "{}", files.text.len());
    }

    #[test]
    fn that_a_process_is_gone_is_told_to_those_alone_who_debug() {
        let proc = TempDir::new().unwrap();
        let process = proc.path().join("10");
        let tcp = Groups::from_iter([Group::Tcp]);
        let snmp = process.join("net/snmp");
        let left_out = format!(
            "protocols \"tcp\" are left out: cannot read {snmp:?}: No such file or directory (os error 2)\n"
        );
        for (debug, record) in [(false, String::new()), (true, format!("D! {left_out}"))] {
            let mut problems = Problems::new(Log { debug });
            let mut files = ProcNet::of_process(&process);
            take_records();
            files.read_protocols(tcp, tcp, &mut problems);
            files.read_protocols_of(b"lo", 1, tcp);
            files.report_interface_protocols(&mut problems);
            assert_eq!(take_records(), record);
        }
        // Others are there to stay.
        let mut files = ProcNet::open(&HostProc::Of(proc.path().join("none")));
        let mut problems = Problems::new(Log { debug: false });
        files.read_protocols(tcp, tcp, &mut problems);
        assert!(take_records().starts_with(r#"W! protocols "tcp" are left out: cannot read "#));
        files.read_protocols_of(b"lo", 1, tcp);
        files.report_interface_protocols(&mut problems);
        assert!(take_records().starts_with("W! interface_protocols: no interface has any: "));
    }

    #[test]
    fn only_what_is_missing_is_left_out() {
        let opened = |kind: io::ErrorKind| unless_missing::<()>(Err(kind.into()));
        assert!(matches!(opened(io::ErrorKind::NotFound), Ok(None)));
        assert!(opened(io::ErrorKind::PermissionDenied).is_err());
        assert!(matches!(unless_missing(Ok(())), Ok(Some(()))));
    }
}
