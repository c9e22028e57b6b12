//! Other network namespaces: which there are, and how they are read.
//!
//! `setns(2)` is done by a thread that ends with it, so that this process stays where it is; the
//! sockets and files that were opened inside stay there.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::fs::{FileType, lstat, statfs};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, getpid, getrlimit, pidfd_open, setrlimit,
};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::config::HostProc;
use crate::model::protocol::Groups;
use crate::parse::proc_pid_cgroup;
use crate::quoted::QuotedPath;
use crate::system::linux::is_shortage;
use crate::system::linux::netlink::{self, NetlinkError, Sockets};
use crate::system::linux::privileges::{
    self, ENTER, LOOK_AT_FOLDERS, LOOK_AT_NAMES, LOOK_AT_PROCESSES, Needed,
};
use crate::system::linux::proc_net::ProcNet;
use crate::system::linux::statistics::FILES;
use crate::system::unix::file::{self, MAX_RECORD};

/// The folders of names, below the root of the file system.
const FOLDERS: [&str; 2] = ["run/netns", "run/docker/netns"];

/// `NSFS_MAGIC` of `linux/magic.h`: a file that a namespace is mounted on.
const NSFS_MAGIC: u64 = 0x6e73_6673;

/// Where the network namespaces of a machine are looked for.
#[derive(Debug, Clone)]
pub struct Machine {
    /// Its proc file system.
    pub proc: PathBuf,
    /// The folder there of a process in the namespace that tables report as their own.
    pub main: PathBuf,
    /// The root of its file system.
    root: PathBuf,
}

impl Machine {
    /// Ours, or that of the proc file system: the host.
    #[must_use]
    pub fn of(proc: &HostProc) -> Self {
        match proc {
            HostProc::Own => {
                Self { proc: "/proc".into(), main: "/proc/self".into(), root: "/".into() }
            }
            HostProc::Of(proc) => {
                let first = proc.join("1");
                Self { proc: proc.clone(), root: first.join("root"), main: first }
            }
        }
    }

    /// Whether it is ours, rather than the host's.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.root == Path::new("/")
    }

    /// The folder of the process with that number there.
    fn process(&self, pid: u32) -> PathBuf {
        self.proc.join(pid.to_string())
    }

    /// Becomes readable when the process ends that keeps the namespace alive. `None` where a process
    /// does not, or where it cannot be told by its number, as when that proc file system numbers other
    /// processes than ours, and before Linux 5.3.
    #[must_use]
    pub fn watch_end(&self, found: &Discovered) -> Option<OwnedFd> {
        if found.is_mounted || !self.numbers_like_us() {
            return None;
        }
        let _raised = privileges::raise(LOOK_AT_NAMES);
        let target = fs::read_link(&found.file).unwrap_or_default();
        // What a name in `/run/netns` leads to, or the file itself.
        let file = if found.is_named { &target } else { &found.file };
        let process = file.strip_prefix(&self.proc).ok()?.to_str()?.strip_suffix("/ns/net")?;
        let pidfd = pidfd_open(Pid::from_raw(process.parse().ok()?)?, PidfdFlags::empty()).ok()?;
        // Its number may have become another one's just before.
        found.is_there().then_some(pidfd)
    }

    /// Whether a process has the same number there as for us.
    fn numbers_like_us(&self) -> bool {
        let ours = fs::read_link(self.proc.join("self")).ok();
        ours.is_some_and(|ours| ours.to_str() == Some(&getpid().as_raw_nonzero().to_string()))
    }

    /// Whether both have the same namespace of their own, and the same folder with names of others.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let _raised = privileges::raise(LOOK_AT_NAMES);
        let [one, two] = [self, other].map(|machine| {
            let names = fs::metadata(machine.root.join("run")).ok()?;
            Some((inode_of(&machine.main).ok()?, names.dev(), names.ino()))
        });
        one.is_some() && one == two
    }

    /// How this process gets at the namespace that tables report as their own.
    ///
    /// # Errors
    ///
    /// [`NetlinkError`], where that takes netlink, which the kernel lacks or forbids, or where it cannot
    /// be told at the moment.
    pub fn access(&self) -> Result<NamespaceAccess, NetlinkError> {
        let _raised = privileges::raise(LOOK_AT_PROCESSES);
        let file = self.main.join("ns/net");
        let theirs = fs::metadata(&file);
        let shortage = theirs.as_ref().err().and_then(Errno::from_io_error);
        if let Some(errno) = shortage.filter(|&errno| is_shortage(errno)) {
            return Err(NetlinkError::Call("stat", errno));
        }
        let ours = fs::metadata("/proc/thread-self/ns/net");
        let is_ours = match (&theirs, ours) {
            (Ok(theirs), Ok(ours)) => (theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino()),
            // It may not be looked at, though the files of its `net` may.
            _ => netlink::is_about_this_namespace(&self.main.join("net/netlink"))?,
        };
        Ok(match theirs {
            _ if is_ours => NamespaceAccess::Own,
            Ok(theirs) => NamespaceAccess::Other { file, inode: theirs.ino() },
            Err(error) => NamespaceAccess::Hidden { file, error },
        })
    }

    /// The first name that the namespace has which tables report as their own.
    #[must_use]
    pub fn own_name(&self) -> Option<Vec<u8>> {
        let inode = inode_of(&self.main).ok()?;
        let mut found = named(self).ok()?.found.into_iter();
        found.find(|found| found.inode == inode).map(|found| found.name)
    }
}

/// How this process gets at a network namespace.
#[derive(Debug)]
pub enum NamespaceAccess {
    /// It lives there.
    Own,
    /// By entering it.
    Other {
        /// The file to enter it by.
        file: PathBuf,
        /// The number of its inode.
        inode: u64,
    },
    /// Not at all.
    Hidden {
        /// The file that leads to it.
        file: PathBuf,
        /// Why that cannot be looked at.
        error: io::Error,
    },
}

/// A network namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// The number of its inode.
    pub inode: u64,
    /// Its name, or else the digits of that number.
    pub name: Vec<u8>,
    /// Whether it has a name.
    pub is_named: bool,
    /// A file to enter it by.
    pub file: PathBuf,
    /// Whether this file keeps it alive, being what it is mounted on; else a process does.
    pub is_mounted: bool,
    /// A process that lives in it, where one was looked for.
    pub member: Option<MemberProcess>,
}

/// A process that lives in a network namespace, and speaks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberProcess {
    /// Its folder in `/proc`.
    pub process: PathBuf,
    /// The id of the container that it belongs to.
    pub container: Option<Vec<u8>>,
    /// The numbers of all that live there, in order.
    pids: Vec<u32>,
    /// The same at the look before.
    known: Vec<u32>,
}

impl MemberProcess {
    /// Of no container, and with nobody else known.
    #[cfg(test)]
    pub(crate) fn alone(process: PathBuf) -> Self {
        Self { process, container: None, pids: Vec::new(), known: Vec::new() }
    }

    fn pid(&self) -> Option<u32> {
        self.process.file_name()?.to_str()?.parse().ok()
    }
}

/// A network namespace that processes live in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessNamespace {
    /// The number of its inode.
    pub inode: u64,
    /// Their numbers, in order; at least one.
    pids: Vec<u32>,
}

impl Discovered {
    /// Whether that is the same one, and reported under the same tags.
    #[must_use]
    pub fn is_reported_as(&self, other: &Self) -> bool {
        self.inode == other.inode
            && self.name == other.name
            && self.container() == other.container()
    }

    /// The id of the container that lives in it.
    #[must_use]
    pub fn container(&self) -> Option<&Vec<u8>> {
        self.member.as_ref()?.container.as_ref()
    }

    /// The folder in `/proc` of a process that lives in it.
    #[must_use]
    pub fn process(&self) -> Option<&Path> {
        self.member.as_ref().map(|member| &*member.process)
    }

    /// Whether it is still what its file leads to.
    #[must_use]
    pub fn is_there(&self) -> bool {
        let _raised = privileges::raise(LOOK_AT_NAMES);
        fs::metadata(&self.file).is_ok_and(|metadata| metadata.ino() == self.inode)
    }

    /// Goes on with another of the processes that were seen to live there, if one still does; one of the
    /// same container, where a container is told.
    pub fn pass_on(&mut self, machine: &Machine) -> bool {
        let Some(member) = &mut self.member else { return false };
        let pids = std::mem::take(&mut member.pids);
        let processes = pids.iter().map(|&pid| machine.process(pid));
        let lives_here =
            |process: &PathBuf| inode_of(process).is_ok_and(|inode| inode == self.inode);
        let is_like = |process: &PathBuf| match &member.container {
            Some(told) => container_of(process).is_ok_and(|id| id.as_ref() == Some(told)),
            None => true,
        };
        let mut heirs = processes.filter(lives_here);
        let first = heirs.next();
        let heir = first.iter().cloned().chain(heirs).find(is_like).or(first);
        let is_any = heir.is_some();
        if let Some(process) = heir {
            self.file = process.join("ns/net");
            member.process = process;
        }
        member.pids = pids;
        is_any
    }

    /// Tells it from others, also, if it has a name, from one that has its inode's number later.
    #[must_use]
    pub fn key(&self) -> (u64, PathBuf) {
        let name = if self.is_named { self.file.clone() } else { PathBuf::new() };
        (self.inode, name)
    }
}

/// Those that have names.
#[derive(Debug, Default)]
pub struct Named {
    /// In the order of their names, each of which is there once.
    pub found: Vec<Discovered>,
    /// There are names whose namespaces come or go without an event in their folder: symbolic links,
    /// and files that no namespace is mounted on yet.
    pub is_unsure: bool,
    /// Files that no namespace is mounted on, with the numbers of their inodes: one is about to be, or
    /// that is seen elsewhere only.
    pub unmounted: Vec<(PathBuf, u64)>,
    /// The folders and files that could not be looked at, and why.
    pub unread: Vec<(PathBuf, io::Error)>,
}

/// What a namespace is read by, opened inside.
#[derive(Debug)]
pub struct Entered {
    /// For interfaces, where they are asked for.
    pub sockets: Option<Sockets>,
    /// For counters while netlink cannot give them, and for protocol statistics.
    pub files: ProcNet,
}

/// Why a namespace could not be entered.
#[derive(Debug)]
pub enum EnterError {
    /// It is gone.
    Gone,
    /// This process may not: it takes `CAP_SYS_ADMIN`.
    Forbidden(io::Error),
    /// The system lacks something at the moment, such as room for more open files.
    Failed(io::Error),
    /// The same, of its netlink.
    Netlink(NetlinkError),
}

impl EnterError {
    /// Whether this process has as many files open as it may.
    #[must_use]
    pub fn is_limit_of_files(&self) -> bool {
        match self {
            Self::Failed(error) => Errno::from_io_error(error) == Some(Errno::MFILE),
            Self::Netlink(error) => matches!(error, NetlinkError::Call(_, Errno::MFILE)),
            Self::Gone | Self::Forbidden(_) => false,
        }
    }

    /// Whether it may go well another time: memory is short, or too much is open at the moment.
    #[must_use]
    pub fn is_shortage(&self) -> bool {
        match self {
            Self::Failed(error) => Errno::from_io_error(error).is_some_and(is_shortage),
            Self::Netlink(error) => error.is_shortage(),
            Self::Gone | Self::Forbidden(_) => false,
        }
    }
}

impl From<io::Error> for EnterError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Forbidden(error),
            _ => Self::Failed(error),
        }
    }
}

impl fmt::Display for EnterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("it is gone"),
            Self::Forbidden(error) | Self::Failed(error) => error.fmt(f),
            Self::Netlink(error) => error.fmt(f),
        }
    }
}

/// The named namespaces of that machine.
///
/// # Errors
///
/// When too much is open at the moment to look.
pub fn named(machine: &Machine) -> io::Result<Named> {
    let _raised = privileges::raise(LOOK_AT_NAMES);
    let mut named = Named::default();
    for folder in FOLDERS.map(|folder| machine.root.join(folder)) {
        let entries = match file::entries(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                named.pass_over(folder, error)?;
                continue;
            }
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            let file = folder.join(OsStr::from_bytes(name));
            let kind = match entry.file_type() {
                FileType::Unknown => {
                    lstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode)).ok()
                }
                kind => Some(kind),
            };
            let is_link = kind == Some(FileType::Symlink);
            named.is_unsure |= is_link;
            match mounted_inode(&file) {
                Ok(Some(inode)) => named.found.push(Discovered {
                    inode,
                    name: name.to_vec(),
                    is_named: true,
                    file,
                    is_mounted: !is_link,
                    member: None,
                }),
                Ok(None) => {
                    named.is_unsure = true;
                    if kind == Some(FileType::RegularFile) {
                        named.unmounted.push((file, entry.ino()));
                    }
                }
                Err(error) => named.pass_over(file, error)?,
            }
        }
    }
    // Of two of the same name, the one in the first folder stays.
    named.found.sort_by(|one, other| one.name.cmp(&other.name));
    named.found.dedup_by(|later, first| later.name == first.name);
    Ok(named)
}

impl Named {
    /// Goes on without that file, unless all the others would fail as well.
    fn pass_over(&mut self, file: PathBuf, error: io::Error) -> io::Result<()> {
        match Errno::from_io_error(&error) {
            // It has just gone, or was never there.
            Some(Errno::NOENT) => {}
            Some(errno) if is_shortage(errno) => return Err(error),
            _ => self.unread.push((file, error)),
        }
        Ok(())
    }
}

/// What is to be said of a folder or file of names that could not be looked at.
#[must_use]
pub fn unlisted(machine: &Machine, file: &Path, error: &io::Error) -> String {
    format!(
        "network namespaces with a name in {} are not reported: {error}: needs {}",
        QuotedPath(file),
        Needed(if machine.is_own() { LOOK_AT_FOLDERS } else { LOOK_AT_NAMES })
    )
}

/// Whether that is a folder of names, rather than one of its files.
#[must_use]
pub fn is_folder(path: &Path) -> bool {
    FOLDERS.iter().any(|folder| path.ends_with(folder))
}

/// The inode of the namespace that is mounted on that file, if there is one by now.
fn mounted_inode(file: &Path) -> io::Result<Option<u64>> {
    // In this order, so that a file on which one is being mounted has none, or the wrong inode, which
    // shows when it is entered. An open file would tell both at once, and there may be too many.
    let inode = fs::metadata(file)?.ino();
    let kind = u64::try_from(statfs(file)?.f_type);
    Ok((kind == Ok(NSFS_MAGIC)).then_some(inode))
}

/// The namespaces that the processes of that machine live in, in the order of their first processes.
/// With them, how many processes did not let themselves be asked.
///
/// # Errors
///
/// When too much is open at the moment to look.
pub fn of_processes(machine: &Machine) -> io::Result<(Vec<ProcessNamespace>, usize)> {
    let _raised = privileges::raise(LOOK_AT_PROCESSES);
    let mut found = Vec::<ProcessNamespace>::new();
    let mut places = HashMap::new();
    let mut denied = 0;
    let entries = file::entries(&machine.proc)?.flatten();
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str().ok()?.parse().ok()).collect();
    pids.sort_unstable();
    for pid in pids {
        let process = machine.process(pid);
        match inode(&process) {
            Ok(inode) => {
                let place = *places.entry(inode).or_insert(found.len());
                match found.get_mut(place) {
                    Some(known) => known.pids.push(pid),
                    None => found.push(ProcessNamespace { inode, pids: vec![pid] }),
                }
            }
            Err(error) => {
                // One that ends at that moment is said to be forbidden, too.
                let is_denied = error.kind() == io::ErrorKind::PermissionDenied;
                denied += usize::from(is_denied && process.exists());
            }
        }
    }
    Ok((found, denied))
}

impl ProcessNamespace {
    /// Who speaks for it: whoever did before, as long as a process of the same container lives there;
    /// else the first that belongs to a container, or the first of all. `before` is what was found of
    /// it last.
    ///
    /// # Errors
    ///
    /// When too much is open at the moment to look.
    pub fn member(
        &self,
        machine: &Machine,
        before: Option<&MemberProcess>,
    ) -> io::Result<MemberProcess> {
        let member = |pid, container| {
            let known = before.map(|before| &before.pids);
            let (pids, known) = (self.pids.clone(), known.cloned().unwrap_or_default());
            MemberProcess { process: machine.process(pid), container, pids, known }
        };
        let lives_here = |pid: &u32| self.pids.binary_search(pid).is_ok();
        let speaker = before.and_then(MemberProcess::pid).filter(lives_here);
        let told = before.and_then(|before| before.container.as_ref());
        if let Some(speaker) = speaker {
            let container = container_of(&machine.process(speaker))?;
            if container.is_some() && told.is_none_or(|told| container.as_ref() == Some(told)) {
                return Ok(member(speaker, container));
            }
        }
        // Whether a process belongs to a container was seen twice, since it gets there soon after it
        // was made; unless the one that is told may have others.
        let is_open = |pid: &u32| {
            told.is_some() || before.is_none_or(|before| before.known.binary_search(pid).is_err())
        };
        let mut other = None;
        for &pid in self.pids.iter().filter(|pid| is_open(pid)) {
            let Some(container) = container_of(&machine.process(pid))? else { continue };
            if told.is_none_or(|told| *told == container) {
                return Ok(member(pid, Some(container)));
            }
            other.get_or_insert((pid, container));
        }
        match (other, speaker.or(self.pids.first().copied())) {
            (Some((pid, container)), _) => Ok(member(pid, Some(container))),
            (None, Some(pid)) => Ok(member(pid, None)),
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The namespace as one without a name, for which that process speaks.
    #[must_use]
    pub fn nameless(&self, member: MemberProcess) -> Discovered {
        Discovered {
            inode: self.inode,
            name: self.inode.to_string().into_bytes(),
            is_named: false,
            file: member.process.join("ns/net"),
            is_mounted: false,
            member: Some(member),
        }
    }
}

/// The id of the container that the process belongs to; `None` also where that cannot be told.
fn container_of(process: &Path) -> io::Result<Option<Vec<u8>>> {
    let _raised = privileges::raise(LOOK_AT_PROCESSES);
    let mut cgroup = Vec::new();
    match file::read(&process.join("cgroup"), MAX_RECORD, &mut cgroup) {
        Err(error) if Errno::from_io_error(&error).is_some_and(is_shortage) => Err(error),
        Ok(()) | Err(_) => Ok(proc_pid_cgroup::container(&cgroup).map(<[u8]>::to_vec)),
    }
}

/// The inode of the namespace that a process lives in; its folder in `/proc` is given.
///
/// # Errors
///
/// When it is gone, or does not let itself be asked.
pub fn inode_of(process: &Path) -> io::Result<u64> {
    let _raised = privileges::raise(LOOK_AT_PROCESSES);
    inode(process)
}

fn inode(process: &Path) -> io::Result<u64> {
    fs::metadata(process.join("ns/net")).map(|metadata| metadata.ino())
}

/// Whether that file leads to another namespace by now, or to none.
#[must_use]
pub fn is_gone(file: &Path, inode: u64) -> bool {
    let _raised = privileges::raise(LOOK_AT_PROCESSES);
    match fs::metadata(file) {
        Ok(metadata) => metadata.ino() != inode,
        Err(error) => !Errno::from_io_error(&error).is_some_and(is_shortage),
    }
}

/// What to enter a namespace for.
#[derive(Debug, Clone, Copy, Default)]
pub struct EnterOptions {
    /// To read its interfaces by netlink.
    pub by_netlink: bool,
    /// To read these protocol statistics.
    pub groups: Groups,
    /// To read protocol statistics of its interfaces.
    pub interface_protocols: bool,
}

/// Enters namespaces, by their files if their inodes still have those numbers, one after the other,
/// and opens what they are read by.
///
/// # Errors
///
/// When there is no thread to do it on. Each namespace that cannot be entered is an error of its
/// own.
pub fn enter(
    namespaces: Vec<(PathBuf, u64, EnterOptions)>,
) -> io::Result<Vec<Result<Entered, EnterError>>> {
    let work = move || {
        let entered =
            namespaces.iter().map(|(file, inode, options)| enter_one(file, *inode, *options));
        entered.collect()
    };
    let thread = thread::Builder::new().name("netns".into()).spawn(work)?;
    thread.join().map_err(|_| io::ErrorKind::Other.into())
}

/// Opens the sockets of a namespace that is entered for it, as [`enter`] does.
///
/// # Errors
///
/// When there is no thread to do it on, and then why the namespace cannot be entered.
pub fn open_sockets(file: &Path, inode: u64) -> io::Result<Result<Sockets, EnterError>> {
    let options = EnterOptions { by_netlink: true, ..EnterOptions::default() };
    let entered = enter(vec![(file.to_owned(), inode, options)])?.pop();
    Ok(entered.unwrap_or(Err(EnterError::Gone)).and_then(|entered| {
        // They were asked for.
        entered.sockets.ok_or(EnterError::Gone)
    }))
}

fn enter_one(file: &Path, inode: u64, options: EnterOptions) -> Result<Entered, EnterError> {
    // One that ends at that moment cannot be entered for a reason of its own (EINVAL, seen on 6.18), and
    // by then another one may have its name and its number.
    const TRIES: usize = 3;
    let mut entered = move_into(file, inode);
    for _ in 1..TRIES {
        let Err(EnterError::Failed(error)) = &entered else { break };
        if Errno::from_io_error(error) != Some(Errno::INVAL) {
            break;
        }
        entered = move_into(file, inode);
    }
    entered?;
    let files = ProcNet::enter(options.groups, options.interface_protocols);
    let files = files.map_err(EnterError::Failed)?;
    let sockets = options.by_netlink.then(Sockets::open).transpose();
    Ok(Entered { sockets: sockets.map_err(EnterError::Netlink)?, files })
}

/// Opens the file of a namespace, if its inode still has that number.
///
/// # Errors
///
/// When it has not, or why it cannot be opened.
pub fn open(file: &Path, inode: u64) -> Result<File, EnterError> {
    let _raised = privileges::raise(LOOK_AT_NAMES);
    let namespace = file::open(file).map_err(|error| {
        // What of a process that ends at that moment is said to be forbidden, too.
        let is_gone = error.kind() == io::ErrorKind::NotFound || fs::metadata(file).is_err();
        if is_gone { EnterError::Gone } else { error.into() }
    })?;
    let is_it = namespace.metadata().is_ok_and(|metadata| metadata.ino() == inode);
    if is_it { Ok(namespace) } else { Err(EnterError::Gone) }
}

/// Moves this thread into the namespace of that number, by that file.
fn move_into(file: &Path, inode: u64) -> Result<(), EnterError> {
    let namespace = open(file, inode)?;
    let raised = privileges::raise(ENTER);
    let entered = move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network));
    drop(raised);
    entered.map_err(|errno| {
        let _raised = privileges::raise(LOOK_AT_NAMES);
        let is_gone = match fs::metadata(file) {
            Ok(metadata) => metadata.ino() != inode,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if is_gone { EnterError::Gone } else { io::Error::from(errno).into() }
    })
}

impl EnterOptions {
    /// How many files stay open for one namespace: its sockets, and its files below `/proc/net`.
    #[must_use]
    pub fn files(&self) -> usize {
        const SOCKETS: usize = 3;
        let statistics = FILES.iter().filter(|file| !self.groups.among(file.groups).is_empty());
        let sockets = if self.by_netlink { SOCKETS } else { 0 };
        sockets + 1 + statistics.count() + usize::from(self.interface_protocols)
    }
}

/// How many files this process may have open.
#[must_use]
pub fn file_limit() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// How many files it has open; `None` where that cannot be told.
#[must_use]
pub fn open_files() -> Option<usize> {
    file::entries(Path::new("/proc/self/fd")).ok().map(Iterator::count)
}

/// Lets this process open as many files as it may: a namespace takes several.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // What cannot be raised stays; a file that cannot be opened then says so itself.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Watches for names that come and go.
#[derive(Debug)]
pub struct Watch {
    fd: OwnedFd,
    /// With the kernel's number of each watch.
    folders: Vec<(PathBuf, Option<i32>)>,
}

impl Watch {
    /// Of that machine.
    ///
    /// # Errors
    ///
    /// When the kernel gives no more of it.
    pub fn new(machine: &Machine) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
        let folders = FOLDERS.iter().map(|folder| (machine.root.join(folder), None)).collect();
        Ok(Self { fd, folders })
    }

    /// Becomes readable when a name came or went.
    #[must_use]
    pub fn events(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Watches all folders, also those that were made since. Returns whether names may have come or
    /// gone without an event: in a folder that is new, has gone, or cannot be watched.
    pub fn renew(&mut self) -> bool {
        let flags = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVE;
        let _raised = privileges::raise(LOOK_AT_NAMES);
        let mut is_unsure = false;
        for (folder, known) in &mut self.folders {
            is_unsure |= match inotify::add_watch(&self.fd, &*folder, flags) {
                Ok(watch) => known.replace(watch) != Some(watch),
                Err(Errno::NOENT) => known.take().is_some(),
                Err(_) => true,
            };
        }
        is_unsure
    }

    /// Forgets what happened, and returns whether anything did.
    ///
    /// # Errors
    ///
    /// When the kernel tells nothing any more.
    pub fn take(&self) -> io::Result<bool> {
        /// Whoever goes on making names is heard at the next look.
        const MAX_READS: usize = 64;
        let mut bytes = [0; 4096];
        let mut any = false;
        for _ in 0..MAX_READS {
            match rustix::io::read(&self.fd, &mut bytes) {
                Ok(1..) => any = true,
                Err(Errno::INTR) => {}
                Ok(_) | Err(Errno::AGAIN) => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(any)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    const ONE: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const OTHER: &str = "2222222222222222222222222222222222222222222222222222222222222222";
    const GONE: &str = "3333333333333333333333333333333333333333333333333333333333333333";

    /// A proc file system that a test makes, and the machine that it is of.
    fn machine() -> (TempDir, Machine) {
        let proc = TempDir::new().unwrap();
        let machine = Machine::of(&HostProc::Of(proc.path().into()));
        (proc, machine)
    }

    /// A process, of that container.
    fn make_process(machine: &Machine, pid: u32, container: Option<&str>) -> PathBuf {
        let process = machine.process(pid);
        fs::create_dir_all(process.join("ns")).unwrap();
        let path = container.map_or("/init.scope".into(), |id| format!("/docker/{id}"));
        fs::write(process.join("cgroup"), format!("0::{path}\n")).unwrap();
        process
    }

    #[test]
    fn who_speaks_for_a_namespace_is_of_the_container_that_was_told() {
        let (_proc, machine) = machine();
        let processes = [(10, None), (11, Some(ONE)), (12, Some(OTHER)), (13, Some(OTHER))];
        for (pid, container) in processes {
            make_process(&machine, pid, container);
        }
        // One of that container that lives elsewhere by now.
        make_process(&machine, 99, Some(OTHER));
        let member = |pid, container: Option<&str>| MemberProcess {
            process: machine.process(pid),
            container: container.map(|id| id.as_bytes().to_vec()),
            pids: Vec::new(),
            known: Vec::new(),
        };
        let lives = |pids: &[u32]| ProcessNamespace { inode: 1, pids: pids.to_vec() };
        let who = |lives: &ProcessNamespace, before: Option<&MemberProcess>| {
            let speaks = lives.member(&machine, before).unwrap();
            assert_eq!(speaks.pids, lives.pids);
            MemberProcess { pids: Vec::new(), known: Vec::new(), ..speaks }
        };
        let all = lives(&[10, 11, 12, 13]);
        let speaks = |before: Option<&MemberProcess>| who(&all, before);
        // The first of a container, though there are others before it.
        assert_eq!(speaks(None), member(11, Some(ONE)));
        assert_eq!(speaks(Some(&member(10, None))), member(11, Some(ONE)));
        // Whoever did, although another one comes first, or would be of the same container.
        assert_eq!(speaks(Some(&member(12, Some(OTHER)))), member(12, Some(OTHER)));
        assert_eq!(speaks(Some(&member(13, Some(OTHER)))), member(13, Some(OTHER)));
        // The first of those that are left of it.
        for gone in [9, 10, 11, 99] {
            assert_eq!(speaks(Some(&member(gone, Some(OTHER)))), member(12, Some(OTHER)));
        }
        // Nobody is left of it.
        for gone in [9, 12] {
            assert_eq!(speaks(Some(&member(gone, Some(GONE)))), member(11, Some(ONE)));
        }
        assert_eq!(who(&lives(&[10, 14]), Some(&member(10, None))), member(10, None));
        // What was looked at twice is not looked at again, unless it speaks for all.
        let known = |pid| MemberProcess { known: vec![10, 11, 12, 13], ..member(pid, None) };
        assert_eq!(speaks(Some(&known(10))), member(10, None));
        assert_eq!(speaks(Some(&known(12))), member(12, Some(OTHER)));
    }

    #[test]
    fn another_process_that_lives_there_goes_on_for_one_that_ended() {
        let (_proc, machine) = machine();
        for (pid, container) in [(10, ONE), (11, OTHER), (12, ONE)] {
            make_process(&machine, pid, Some(container));
        }
        let net = |pid| machine.process(pid).join("ns/net");
        fs::write(net(11), "").unwrap();
        fs::hard_link(net(11), net(12)).unwrap();
        let inode = fs::metadata(net(11)).unwrap().ino();
        let lives = ProcessNamespace { inode, pids: vec![10, 11, 12] };
        let mut found = lives.nameless(lives.member(&machine, None).unwrap());
        // Process 10 has left.
        assert!(!found.is_there() && found.pass_on(&machine));
        assert_eq!((found.is_there(), found.process()), (true, Some(&*machine.process(12))));
        // One of another container is better than none.
        fs::remove_file(net(12)).unwrap();
        assert!(found.pass_on(&machine) && found.file == net(11));
        fs::remove_file(net(11)).unwrap();
        assert!(!found.pass_on(&machine));
    }

    #[test]
    fn processes_are_told_apart_by_their_namespaces_and_who_has_none_is_not_denied() {
        let (_proc, machine) = machine();
        for pid in [3, 20, 100, 7] {
            make_process(&machine, pid, None);
        }
        let net = |pid| machine.process(pid).join("ns/net");
        fs::write(net(20), "").unwrap();
        fs::write(net(3), "").unwrap();
        fs::hard_link(net(20), net(100)).unwrap();
        let inode = |pid| fs::metadata(net(pid)).unwrap().ino();
        // Process 7 has ended, and nobody has asked how.
        let expected = [
            ProcessNamespace { inode: inode(3), pids: vec![3] },
            ProcessNamespace { inode: inode(20), pids: vec![20, 100] },
        ];
        assert_eq!(of_processes(&machine).unwrap(), (expected.to_vec(), 0));
    }

    #[test]
    fn an_end_is_told_by_the_process_only_where_its_number_means_the_same() {
        let (proc, machine) = machine();
        let pid = getpid().as_raw_nonzero().get();
        let process = make_process(&machine, pid.unsigned_abs(), None);
        let file = process.join("ns/net");
        fs::write(&file, "").unwrap();
        let inode = fs::metadata(&file).unwrap().ino();
        let lives = ProcessNamespace { inode, pids: vec![pid.unsigned_abs()] };
        let found = lives.nameless(lives.member(&machine, None).unwrap());
        // It has no `self`, or one that is another number than ours.
        assert!(machine.watch_end(&found).is_none());
        let link = proc.path().join("self");
        symlink((pid + 1).to_string(), &link).unwrap();
        assert!(machine.watch_end(&found).is_none());
        fs::remove_file(&link).unwrap();
        symlink(pid.to_string(), &link).unwrap();
        // Linux 5.3 and later.
        let has_pidfd = pidfd_open(getpid(), PidfdFlags::empty()).is_ok();
        assert_eq!(machine.watch_end(&found).is_some(), has_pidfd);
        // The number is another process's by now, which lives elsewhere.
        let elsewhere = Discovered { inode: inode + 1, ..found.clone() };
        assert!(machine.watch_end(&elsewhere).is_none());
        assert!(machine.watch_end(&Discovered { is_mounted: true, ..found }).is_none());
    }

    #[test]
    fn a_name_that_is_a_link_is_kept_alive_by_none_and_looked_after() {
        let (_proc, machine) = machine();
        let names = machine.root.join("run/netns");
        fs::create_dir_all(&names).unwrap();
        assert!(!named(&machine).unwrap().is_unsure);
        symlink("/proc/self/ns/net", names.join("link")).unwrap();
        let named_now = named(&machine).unwrap();
        let found: Vec<_> =
            named_now.found.iter().map(|one| (&*one.name, one.is_mounted)).collect();
        assert_eq!(found, [(b"link".as_slice(), false)]);
        assert_eq!(named_now.found[0].inode, inode_of(Path::new("/proc/self")).unwrap());
        assert!(named_now.is_unsure);
        // What is no namespace yet may become one without an event.
        fs::remove_file(names.join("link")).unwrap();
        fs::write(names.join("plain"), "").unwrap();
        let named_now = named(&machine).unwrap();
        assert!(named_now.found.is_empty() && named_now.is_unsure);
    }

    #[test]
    fn what_cannot_be_looked_at_costs_only_itself_unless_nothing_can() {
        let pass_over = |errno: Errno| {
            let mut named = Named::default();
            let passed = named.pass_over("/run/netns/one".into(), errno.into());
            passed.ok().map(|()| named.unread.len())
        };
        assert_eq!(pass_over(Errno::NOENT), Some(0));
        assert_eq!(pass_over(Errno::ACCESS), Some(1));
        assert_eq!(pass_over(Errno::MFILE), None);
    }

    #[test]
    fn a_name_that_comes_goes_or_changes_is_told_once() {
        let (_proc, machine) = machine();
        let names = machine.root.join("run/netns");
        fs::create_dir_all(&names).unwrap();
        let mut watch = Watch::new(&machine).unwrap();
        // Names may have come before it was watched.
        assert!(watch.renew());
        assert!(!watch.renew());
        let told = |watch: &Watch| [watch.take().unwrap(), watch.take().unwrap()];
        assert_eq!(told(&watch), [false, false]);
        fs::write(names.join("one"), "").unwrap();
        assert_eq!(told(&watch), [true, false]);
        fs::rename(names.join("one"), names.join("other")).unwrap();
        assert_eq!(told(&watch), [true, false]);
        fs::remove_file(names.join("other")).unwrap();
        assert_eq!(told(&watch), [true, false]);
        // With the folder, all names go.
        fs::remove_dir(&names).unwrap();
        assert!(watch.renew());
        assert!(!watch.renew());
        fs::create_dir_all(&names).unwrap();
        assert!(watch.renew());
    }

    #[test]
    fn what_is_no_namespace_any_more_is_gone_and_what_never_was_one_is_said() {
        let folder = TempDir::new().unwrap();
        let ours = Path::new("/proc/self/ns/net");
        let inode = |file: &Path| fs::metadata(file).unwrap().ino();
        let orders = [
            (folder.path().join("none"), 1),
            (ours.into(), inode(ours) + 1),
            (folder.path().into(), inode(folder.path())),
        ];
        let orders = orders.map(|(file, inode)| (file, inode, EnterOptions::default()));
        let entered = enter(orders.to_vec()).unwrap();
        let [Err(none), Err(another), Err(no_namespace)] = entered.as_slice() else { panic!() };
        assert!(matches!(none, EnterError::Gone) && none.to_string() == "it is gone");
        assert!(matches!(another, EnterError::Gone), "{another}");
        assert!(matches!(no_namespace, EnterError::Failed(_)), "{no_namespace}");
    }

    #[test]
    fn only_its_own_limit_of_open_files_can_be_raised_for_a_process() {
        let failed = |errno: Errno| EnterError::Failed(errno.into()).is_limit_of_files();
        let netlink =
            |errno| EnterError::Netlink(NetlinkError::Call("socket", errno)).is_limit_of_files();
        assert!(failed(Errno::MFILE) && netlink(Errno::MFILE));
        // The whole system has too many open.
        assert!(!failed(Errno::NFILE) && !netlink(Errno::NFILE));
        assert!(!EnterError::Gone.is_limit_of_files());
    }
}
