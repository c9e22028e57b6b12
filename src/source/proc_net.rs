//! What lies under `/proc/net`: the counters of `dev`, and protocol statistics.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{PROC_SUPER_MAGIC, stat, statfs};
use rustix::io::Errno;

use crate::file::{self, Look, MAX_RECORD, MAX_TABLE, Made, QuotedPath};
use crate::interface::{Counters, MoreCounters};
use crate::log::{Level, Log, Problems};
use crate::parse::{
    Quoted, proc_net_dev, proc_net_snmp, proc_net_snmp6, proc_net_sockstat, proc_net_softnet_stat,
};
use crate::privileges::{self, LOOK_AT_PROCESSES, Raised};
use crate::protocol::{Group, Groups, ProtocolFile, ProtocolStatistics, is_of_machine};

/// The most bad rows of one file that are logged one by one.
const MAX_ROW_PROBLEMS: usize = 8;

/// Which proc file system, and so whose counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostProc {
    /// `/proc`: the counters of the network namespace that this process lives in.
    Own,
    /// This folder, set by `HOST_PROC`: the counters of its process 1, the host's, when these can
    /// be read, and otherwise those of its `net`.
    Of(PathBuf),
}

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
    rows: Vec<Row>,
    /// When they were read last.
    read_at: Instant,
    /// Whether this gather has read the rows already.
    is_read: bool,
    /// The text of the last file of protocol statistics.
    text: Vec<u8>,
    protocols: ProtocolStatistics,
    /// Whether protocol statistics are to be those of the network namespace alone.
    leaves_machine_out: bool,
    /// Whether the folders are those of another process, which may be hidden from this one.
    is_of_process: bool,
    /// The name of the network namespace, where that is not our own or the host's.
    namespace: Option<Vec<u8>>,
}

#[derive(Debug)]
struct Folder {
    dev: KernelFile,
    /// Statistics per interface.
    dev_snmp6: DevSnmp6,
    protocol_files: [KernelFile; ProtocolFile::ALL.len()],
}

#[derive(Debug)]
struct KernelFile {
    path: PathBuf,
    made: Made,
    state: FileState,
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
struct Row {
    name: Range<usize>,
    counters: Counters,
    more: MoreCounters,
}

impl Folder {
    fn at(folder: &Path, state: fn() -> FileState) -> Self {
        let file = |name: &str, made| KernelFile { path: folder.join(name), made, state: state() };
        Self {
            dev: KernelFile { state: FileState::Shut, ..file("dev", Made::RowByRow) },
            dev_snmp6: DevSnmp6::At(folder.join("dev_snmp6")),
            protocol_files: ProtocolFile::ALL.map(|one| file(one.name(), made(one))),
        }
    }
}

/// How the kernel makes a file of protocol statistics.
fn made(file: ProtocolFile) -> Made {
    match file {
        ProtocolFile::SoftnetStat => Made::RowByRow,
        _ => Made::AtOnce,
    }
}

impl ProcNet {
    /// Under `HOST_PROC`, looks whose counters can be read, and says so in one line.
    #[must_use]
    pub fn open(proc: &HostProc, log: Log) -> Self {
        match proc {
            HostProc::Own => {
                let keep = || FileState::Kept(None);
                Self::over(vec![Folder::at(Path::new("/proc/net"), keep)], None)
            }
            HostProc::Of(proc) => {
                let folder = |folder| Folder::at(&proc.join(folder), || FileState::Shut);
                let folders = vec![folder("1/net"), folder("net")];
                let proc_net = Self::over(folders, Some(proc.join("1")));
                let mut proc_net = Self { is_of_process: true, ..proc_net };
                // A failure is reported by the gather that meets it.
                let _ = proc_net.read_dev_text(log);
                proc_net
            }
        }
    }

    /// Of a process, which may be gone at any time.
    #[must_use]
    pub fn of_process(folder: &Path) -> Self {
        let folders = vec![Folder::at(&folder.join("net"), || FileState::Shut)];
        Self { is_of_process: true, ..Self::over(folders, None) }
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
        for (file, kernel_file) in ProtocolFile::ALL.into_iter().zip(&mut folder.protocol_files) {
            if groups.has_any_of(file) {
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
            leaves_machine_out: false,
            is_of_process: false,
            namespace: None,
        }
    }

    /// Lets this thread look at that process, as long as it has this.
    pub(crate) fn raise(&self) -> Raised {
        if self.is_of_process { privileges::raise(LOOK_AT_PROCESSES) } else { Raised::nothing() }
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
            let Self { folders, namespace, .. } = self;
            let files = folders.iter().map(|one| Shown(&one.dev.path, namespace).to_string());
            let key = files.clone().collect::<String>() + " unread";
            let files = files.zip(failures).map(|(file, error)| format!("{file}: {error}"));
            let files = files.collect::<Vec<_>>().join(", nor ");
            return problems.report(&key, Level::Error, format_args!("cannot read {files}"));
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
                Ok(row) => self.rows.push(Row {
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
    /// else is there.
    pub fn read_protocols(&mut self, groups: Groups, problems: &mut Problems) {
        let _raised = self.raise();
        self.protocols.clear();
        let groups = if self.leaves_machine_out { groups.without(Group::Softnet) } else { groups };
        for (number, file) in ProtocolFile::ALL.into_iter().enumerate() {
            if !groups.has_any_of(file) {
                continue;
            }
            let Self { folders, text, protocols, leaves_machine_out, namespace, .. } = self;
            let mut failed = None;
            for folder in folders {
                let Some(kernel_file) = folder.protocol_files.get_mut(number) else { continue };
                let read = kernel_file.read(text);
                let path = kernel_file.path.as_path();
                match read {
                    Ok(()) => {
                        let mut bad_rows = BadRows::new(Shown(path, namespace), problems);
                        let groups = (groups, *leaves_machine_out);
                        take_statistics(file, text, groups, protocols, &mut bad_rows);
                        failed = None;
                        break;
                    }
                    Err(error) => failed = Some((path, error)),
                }
            }
            // As with `inputs.net`, a host without the file just has no such statistics.
            if let Some((path, error)) = failed {
                // All namespaces of a kernel lack the same.
                let message = format_args!("cannot read {}: {error}", Shown(path, namespace));
                problems.report(&path.to_string_lossy(), Level::Debug, message);
            }
        }
    }

    /// The protocol statistics that were read last; empty when they cannot be read.
    #[must_use]
    pub fn protocols(&self) -> &ProtocolStatistics {
        &self.protocols
    }

    /// Replaces `statistics` by those of one interface; none where it has none.
    pub fn read_interface_protocols(
        &mut self,
        name: &[u8],
        groups: Groups,
        statistics: &mut ProtocolStatistics,
    ) {
        statistics.clear();
        let Self { folders, text, .. } = self;
        if folders.iter().any(|folder| folder.dev_snmp6.read(name, text).is_ok()) {
            // An interface that went meanwhile, or a damaged line, costs only itself.
            for statistic in proc_net_snmp6::statistics(text).flatten() {
                if groups.contains(statistic.group) {
                    statistics.push(statistic.group, None, statistic.column, statistic.value);
                }
            }
        }
    }

    /// Reads the first `dev` that can be read, and stays with that folder from then on; or returns why
    /// each cannot be.
    fn read_dev_text(&mut self, log: Log) -> Result<(), Vec<io::Error>> {
        let _raised = self.raise();
        let mut failures = Vec::new();
        let Self { folders, dev_text, .. } = self;
        let readable = folders.iter_mut().position(|folder| {
            folder.dev.read(dev_text).map_err(|error| failures.push(error)).is_ok()
        });
        match readable {
            Some(_) if self.folders.len() == 1 => Ok(()),
            Some(found) => {
                let failure = self.folders.first().zip(failures.first());
                let denied = failure.and_then(|(one, error)| self.denied(&one.dev.path, error));
                let folder = self.folders.swap_remove(found);
                let dev = Shown(&folder.dev.path, &None);
                match denied {
                    Some(denied) => log.warn(format_args!(
                        "HOST_PROC: counters come from {dev}, which are those of this process's own \
                         network namespace: {denied}: it takes CAP_SYS_PTRACE, or a /proc that is \
                         mounted without hidepid, or with gid= for a group of this process"
                    )),
                    None => log.info(format_args!("HOST_PROC: counters come from {dev}")),
                }
                self.folders = vec![folder];
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
                let process_1 = self.process_1.as_deref()?;
                let proc = process_1.parent()?;
                // With hidepid=2, what may not be seen looks as if it were not there; but every proc
                // file system has a process 1.
                let is_proc = statfs(proc).is_ok_and(|stat| stat.f_type == PROC_SUPER_MAGIC);
                let is_hidden = is_proc && stat(process_1).err() == Some(Errno::NOENT);
                is_hidden.then(|| format!("{} hides process 1", QuotedPath(proc)))
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
                file::read_again(&file, self.made, MAX_TABLE, text)?;
                *kept = Some(file);
                Ok(())
            }
            FileState::Entered(Some(file)) => file::read_again(file, self.made, MAX_TABLE, text),
            FileState::Entered(None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl DevSnmp6 {
    /// Reads the file of that interface.
    fn read(&self, name: &[u8], text: &mut Vec<u8>) -> io::Result<()> {
        let name = OsStr::from_bytes(name);
        match self {
            Self::At(folder) => file::read(&folder.join(name), MAX_RECORD, text),
            Self::Entered(Some(folder)) => {
                let file = file::open_at(folder, name, Look::Never)?;
                file::read_again(&file, Made::AtOnce, MAX_RECORD, text)
            }
            Self::Entered(None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Takes what the text of a file tells of these groups, perhaps without what is the whole machine's.
fn take_statistics(
    file: ProtocolFile,
    text: &[u8],
    (groups, leaves_machine_out): (Groups, bool),
    protocols: &mut ProtocolStatistics,
    bad_rows: &mut BadRows<'_>,
) {
    let wanted = |name: &str| {
        Group::of_name(name).filter(|&group| group.file() == file && groups.contains(group))
    };
    match file {
        ProtocolFile::Snmp | ProtocolFile::Netstat => proc_net_snmp::statistics(
            text,
            |group| wanted(group).is_some(),
            |statistic| {
                if let Some(group) = wanted(statistic.group) {
                    protocols.push(group, None, statistic.column, statistic.value);
                }
            },
            |error| bad_rows.report(error.line, [error.group, error.column], &error),
        ),
        ProtocolFile::Snmp6 => {
            for statistic in proc_net_snmp6::statistics(text) {
                match statistic {
                    Ok(statistic) if groups.contains(statistic.group) => {
                        protocols.push(statistic.group, None, statistic.column, statistic.value);
                    }
                    Ok(_) => {}
                    Err(error) => bad_rows.report(error.line, [Some(error.name), None], &error),
                }
            }
        }
        ProtocolFile::Sockstat | ProtocolFile::Sockstat6 => {
            let group = match file {
                ProtocolFile::Sockstat => Group::Sockstat,
                _ => Group::Sockstat6,
            };
            proc_net_sockstat::statistics(
                text,
                |one| {
                    if !(leaves_machine_out && is_of_machine(one.row, one.column)) {
                        protocols.push(group, Some(one.row), one.column, one.value);
                    }
                },
                |error| bad_rows.report(error.line, [None, None], &error),
            );
        }
        ProtocolFile::SoftnetStat => match proc_net_softnet_stat::sums(text) {
            Ok(sums) => {
                for (column, value) in sums {
                    protocols.push(Group::Softnet, None, column, value);
                }
            }
            Err(error) => bad_rows.report(error.line, [None, None], &error),
        },
    }
}

/// A file as it is named in messages: by its path, and the network namespace that it is of, where it has
/// been told.
#[derive(Clone, Copy)]
struct Shown<'a>(&'a Path, &'a Option<Vec<u8>>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(path, namespace) = self;
        QuotedPath(path).fmt(f)?;
        match namespace {
            Some(name) => write!(f, " of network namespace {}", Quoted(name)),
            None => Ok(()),
        }
    }
}

/// Reports the bad rows of one file: the first few one by one, then how many more there are.
struct BadRows<'a> {
    file: Shown<'a>,
    problems: &'a mut Problems,
    count: usize,
}

impl<'a> BadRows<'a> {
    fn new(file: Shown<'a>, problems: &'a mut Problems) -> Self {
        Self { file, problems, count: 0 }
    }

    /// The names make it the same problem at the next gather; without one, the line's number does.
    fn report(&mut self, line: usize, names: [Option<&[u8]>; 2], error: &dyn fmt::Display) {
        self.count += 1;
        if self.count <= MAX_ROW_PROBLEMS {
            let file = self.file;
            let key = match names.map(|name| name.map(Quoted)) {
                [Some(name), None] => format!("{file} {name}"),
                [Some(group), Some(column)] => format!("{file} {group} {column}"),
                [None, _] => format!("{file} {line}"),
            };
            self.problems.report(&key, Level::Error, format_args!("{file} {error}"));
        }
    }
}

impl Drop for BadRows<'_> {
    /// Says how many more there are.
    fn drop(&mut self) {
        if let Some(more @ 1..) = self.count.checked_sub(MAX_ROW_PROBLEMS) {
            let file = self.file;
            let message = format_args!("{file}: {more} more bad rows");
            self.problems.report(&format!("{file} more"), Level::Error, message);
        }
    }
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
            files.read_protocols(groups.iter().copied().collect(), &mut problems);
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
    fn only_what_is_missing_is_left_out() {
        let opened = |kind: io::ErrorKind| unless_missing::<()>(Err(kind.into()));
        assert!(matches!(opened(io::ErrorKind::NotFound), Ok(None)));
        assert!(opened(io::ErrorKind::PermissionDenied).is_err());
        assert!(matches!(unless_missing(Ok(())), Ok(Some(()))));
    }
}
