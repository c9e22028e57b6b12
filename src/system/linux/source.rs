//! One network namespace as Linux tells it: by netlink, with procfs for a gather that netlink cannot
//! answer, or by procfs alone.
//!
//! | netlink | who is there is known | who tells interfaces | where counters come from |
//! |---|---|---|---|
//! | answers | | netlink | netlink |
//! | fails, or a driver keeps it busy | yes | netlink | `/proc/net/dev`, by name |
//! | fails | no | procfs, with what netlink knew last | `/proc/net/dev` |
//! | is kept busy by a driver | never was, and no sysfs shows the namespace | nobody, in this gather | |
//! | is kept busy by a driver | no, but sysfs may show the namespace | procfs | `/proc/net/dev` |
//! | is not used | | procfs | `/proc/net/dev` |

use std::fs::File;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Instant;

use super::Shared;
use super::netlink::{Netlink, NetlinkError, ReadError, Scratch, Sockets};
use super::proc_net::ProcNet;
use super::procfs::Procfs;
use crate::log::{Log, Problems};
use crate::model::interface::{Interface, Wants};
use crate::model::rates::Reading;
use crate::system::{Capabilities, Source};

/// A network namespace: netlink, and procfs as its fallback.
#[derive(Debug)]
pub struct LinuxSource {
    netlink: Option<Netlink>,
    procfs: Procfs,
    /// Whether the interfaces of the last reading are netlink's, or else those of procfs.
    is_by_netlink: bool,
    /// Grows whenever that changes.
    epoch: u64,
    /// Why netlink failed in the last reading, if it did.
    failure: Option<NetlinkError>,
}

impl LinuxSource {
    /// One that nothing was read of.
    #[must_use]
    pub fn new(netlink: Option<Netlink>, procfs: Procfs) -> Self {
        let is_by_netlink = netlink.is_some();
        Self { netlink, procfs, is_by_netlink, epoch: 0, failure: None }
    }

    /// What of interfaces is to be known too, by procfs.
    pub fn add_wants(&mut self, wants: Wants) {
        self.procfs.add_wants(wants);
    }

    /// What of interfaces is to be known.
    #[must_use]
    pub fn wants(&self) -> Wants {
        self.procfs.wants()
    }

    /// Reads it by netlink from now on, or by procfs alone.
    pub fn set_netlink(&mut self, netlink: Option<Netlink>) {
        self.netlink = netlink;
        // It counts versions, generations and readings anew.
        self.epoch += 1;
    }

    /// Finds out what files tell of it, and says so; else the first reading by them does.
    pub fn check_files(&mut self, files: &mut ProcNet, log: Log) {
        self.procfs.check(files, log);
    }

    /// Becomes readable when there are kernel events to [follow](Self::follow).
    pub fn events(&self) -> Option<BorrowedFd<'_>> {
        self.netlink.as_ref().map(Netlink::events)
    }

    /// Whether they are to be waited for, for the time being.
    pub fn awaits_events(&self) -> bool {
        self.netlink.as_ref().is_some_and(Netlink::awaits_events)
    }

    /// Has the next reading take events in, which cannot be waited for.
    pub fn fall_behind(&mut self) {
        if let Some(netlink) = &mut self.netlink {
            netlink.fall_behind();
        }
    }

    /// Takes in the kernel's events that are there.
    pub fn follow(&mut self, scratch: &mut Scratch) {
        if let Some(netlink) = &mut self.netlink {
            netlink.follow(scratch);
        }
    }

    /// Whether its sockets have to be [replaced](Self::replace).
    pub fn is_broken(&self) -> bool {
        self.netlink.as_ref().is_some_and(Netlink::is_broken)
    }

    /// Goes on with other sockets of the same namespace.
    pub fn replace(&mut self, sockets: Sockets) {
        if let Some(netlink) = &mut self.netlink {
            netlink.replace(sockets);
        }
    }

    /// Whether the last reading was netlink's.
    #[must_use]
    pub fn is_by_netlink(&self) -> bool {
        self.is_by_netlink
    }

    /// The folder of sysfs that tells of its interfaces by procfs, if any does.
    #[must_use]
    pub fn class_net(&self) -> Option<&Path> {
        self.procfs.class_net()
    }

    /// Why netlink failed in the last reading, if it did: procfs has answered in its place then.
    pub fn take_failure(&mut self) -> Option<NetlinkError> {
        self.failure.take()
    }

    /// Calls that with the name of each interface and each of its alternative names, where netlink
    /// tells them.
    pub fn each_altname(&mut self, scratch: &mut Scratch, each: impl FnMut(&[u8], &[u8])) {
        if let Active::Netlink(netlink) = self.active_mut() {
            netlink.each_altname(scratch, each);
        }
    }

    /// The number by which it names the namespace that the file is of, where netlink tells it.
    pub fn number_of(&mut self, scratch: &mut Scratch, namespace: &File) -> Option<i32> {
        self.netlink.as_mut()?.number_of(scratch, namespace)
    }

    fn active(&self) -> Active<&Netlink, &Procfs> {
        match &self.netlink {
            Some(netlink) if self.is_by_netlink => Active::Netlink(netlink),
            _ => Active::Procfs(&self.procfs),
        }
    }

    fn active_mut(&mut self) -> Active<&mut Netlink, &mut Procfs> {
        match &mut self.netlink {
            Some(netlink) if self.is_by_netlink => Active::Netlink(netlink),
            _ => Active::Procfs(&mut self.procfs),
        }
    }

    /// Reads by netlink, or at least has it take in the counters of `/proc/net/dev`, where it knows who
    /// is there. Returns whether it tells the interfaces then, rather than procfs.
    fn try_netlink(
        &mut self,
        shared: &mut Shared<'_>,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) -> Result<bool, NotYet> {
        let Self { netlink, procfs, failure, .. } = self;
        let Some(netlink) = netlink else { return Ok(false) };
        match netlink.read(shared, problems, hurry) {
            Ok(()) => return Ok(true),
            Err(ReadError::Busy) if netlink.is_empty() && !procfs.has_sysfs() => {
                return Err(NotYet);
            }
            Err(ReadError::Busy) => {}
            Err(ReadError::Failed(error)) => *failure = Some(error),
        }
        if netlink.is_current() {
            shared.files.read_interfaces(problems);
            netlink.take_counters(shared.files.rows(), shared.files.read_at());
        }
        Ok(netlink.is_current())
    }
}

/// Who is there and up is not known yet, and files do not tell: a driver keeps netlink busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotYet;

impl Source for LinuxSource {
    type Shared<'a> = Shared<'a>;
    type Error = NotYet;

    fn name(&self) -> String {
        match self.active() {
            Active::Netlink(netlink) => netlink.name(),
            Active::Procfs(procfs) => procfs.name(),
        }
    }

    fn capabilities(&self) -> Capabilities {
        match self.active() {
            Active::Netlink(netlink) => netlink.capabilities(),
            Active::Procfs(procfs) => procfs.capabilities(),
        }
    }

    fn read(
        &mut self,
        shared: &mut Shared<'_>,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) -> Result<(), NotYet> {
        let is_by_netlink = self.try_netlink(shared, problems, hurry)?;
        if std::mem::replace(&mut self.is_by_netlink, is_by_netlink) != is_by_netlink {
            self.epoch += 1;
        }
        let Self { netlink, procfs, .. } = self;
        if is_by_netlink {
            // What it told as a fallback has grown old by the next time.
            procfs.forget();
            return Ok(());
        }
        let Ok(()) = procfs.read(shared, problems, hurry);
        if let Some(netlink) = netlink {
            procfs.take_known(netlink.interfaces());
        }
        Ok(())
    }

    fn read_details(
        &mut self,
        shared: &mut Shared<'_>,
        deadline: Instant,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) {
        let may_ask = self.netlink.as_ref().is_none_or(Netlink::may_ask_drivers);
        match self.active_mut() {
            Active::Netlink(netlink) => netlink.read_details(shared, deadline, problems, hurry),
            Active::Procfs(procfs) => procfs.fetch_all(may_ask, shared, problems, hurry),
        }
    }

    fn refresh(&mut self) {
        if let Some(netlink) = &mut self.netlink {
            netlink.refresh();
        }
    }

    fn take_asked(&mut self) -> usize {
        self.netlink.as_mut().map_or(0, Netlink::take_asked) + self.procfs.take_asked()
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn version(&self) -> u64 {
        match self.active() {
            Active::Netlink(netlink) => netlink.version(),
            Active::Procfs(procfs) => procfs.version(),
        }
    }

    fn reading(&self) -> &Reading {
        match self.active() {
            Active::Netlink(netlink) => netlink.reading(),
            Active::Procfs(procfs) => procfs.reading(),
        }
    }

    fn interfaces(&self) -> impl Iterator<Item = &Interface> + Clone {
        match self.active() {
            Active::Netlink(netlink) => Active::Netlink(netlink.interfaces()),
            Active::Procfs(procfs) => Active::Procfs(procfs.interfaces()),
        }
    }

    fn interfaces_mut(&mut self) -> impl Iterator<Item = &mut Interface> {
        match self.active_mut() {
            Active::Netlink(netlink) => Active::Netlink(netlink.interfaces_mut()),
            Active::Procfs(procfs) => Active::Procfs(procfs.interfaces_mut()),
        }
    }
}

/// Something of the source that the last reading is from.
#[derive(Debug, Clone)]
enum Active<N, P> {
    Netlink(N),
    Procfs(P),
}

impl<N: Iterator, P: Iterator<Item = N::Item>> Iterator for Active<N, P> {
    type Item = N::Item;

    fn next(&mut self) -> Option<N::Item> {
        match self {
            Self::Netlink(items) => items.next(),
            Self::Procfs(items) => items.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::Netlink(items) => items.size_hint(),
            Self::Procfs(items) => items.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;
    use crate::config::Config;
    use crate::format::influx::Influx;
    use crate::gather::namespace::Namespace;
    use crate::gather::report::Batch;
    use crate::model::protocol::ProtocolStatistics;
    use crate::system::linux::netlink::SpeedThread;
    use crate::system::linux::netlink::tests::{Kernel, eventually};

    /// A folder whose `net/dev` has an interface of that name.
    fn proc_with(name: &str) -> TempDir {
        let folder = TempDir::new().unwrap();
        let net = folder.path().join("net");
        fs::create_dir(&net).unwrap();
        let row = format!("{name}: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
        fs::write(net.join("dev"), format!("Inter-| |\n face |bytes\n{row}\n")).unwrap();
        folder
    }

    /// The lines of a gather that reads the files below that folder, without protocol statistics.
    fn lines(namespace: &mut Namespace<LinuxSource>, proc: &Path) -> String {
        let tables = Config::parse(b"[[inputs.net]]\nprotocols = []\n", &|_| None).unwrap().tables;
        let (mut files, mut scratch) = (ProcNet::of_process(proc), Scratch::default());
        let mut problems = Problems::new(Log { debug: false });
        let shared = &mut Shared { files: &mut files, scratch: &mut scratch };
        namespace.read(shared, &tables, &mut problems, &mut || false);
        let (mut bytes, end) = (Vec::new(), b"\n");
        let now = Duration::ZERO;
        let mut batch = Batch { bytes: &mut bytes, end, now, slack: now, quiet: 0, count: 0 };
        namespace.append(&mut batch, (0, &tables[0]), &ProtocolStatistics::default());
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn another_netlink_counts_anew_so_that_nothing_is_taken_for_what_it_was() {
        let folder = TempDir::new().unwrap();
        let speed_thread = SpeedThread::start().unwrap();
        let [(one, _kernel), (other, _other)] = [(); 2].map(|()| Kernel::start(&speed_thread));
        let source = LinuxSource::new(Some(one), Procfs::without_sysfs());
        let mut namespace = Namespace::new(source, &Influx);
        namespace.add_table(0, Vec::new());
        let before = lines(&mut namespace, folder.path());
        assert!(before.starts_with("net,interface="), "{before}");
        // Many readings, none of which changes anything.
        for _ in 0..5 {
            assert_eq!(lines(&mut namespace, folder.path()), before);
        }
        let epoch = namespace.source().epoch();
        namespace.source_mut().set_netlink(Some(other));
        assert_ne!(namespace.source().epoch(), epoch);
        assert_eq!(lines(&mut namespace, folder.path()), before);
    }

    #[test]
    fn where_netlink_fails_and_recovers_nothing_of_files_is_taken_for_its_own() {
        let folder = proc_with("wan0");
        let speed_thread = SpeedThread::start().unwrap();
        let (netlink, kernel) = Kernel::start(&speed_thread);
        let source = LinuxSource::new(Some(netlink), Procfs::without_sysfs());
        let mut namespace = Namespace::new(source, &Influx);
        namespace.add_table(0, Vec::new());
        // Both have come to the same version by then, of different interfaces.
        for (fails, name) in [(true, "wan0"), (false, "eth0")] {
            kernel.set_failing(fails);
            let epoch = namespace.source().epoch();
            let lines = lines(&mut namespace, folder.path());
            assert!(lines.starts_with(&format!("net,interface={name} ")), "{lines}");
            assert_eq!(lines.lines().count(), 1, "{lines}");
            assert_ne!(namespace.source().epoch(), epoch);
            assert_eq!(namespace.source().version(), 1);
        }
    }

    #[test]
    fn where_a_driver_takes_long_it_falls_back_to_files_unless_it_is_soon_known_better() {
        let folder = proc_with("eth0");
        let tables = Config::parse(b"[[inputs.net]]\n", &|_| None).unwrap().tables;
        let inputs = || (ProcNet::of_process(folder.path()), Problems::new(Log { debug: false }));
        let speed_thread = SpeedThread::start().unwrap();
        let played = [(); 4].map(|()| Kernel::start(&speed_thread));
        let (netlinks, kernels): (Vec<_>, Vec<_>) = played.into_iter().unzip();
        let has_sysfs = [false, false, true, true];
        let mut namespaces: Vec<_> = netlinks
            .into_iter()
            .zip(has_sysfs)
            .map(|(netlink, has_sysfs)| {
                let procfs = if has_sysfs {
                    Procfs::open(true, Some(folder.path()))
                } else {
                    Procfs::without_sysfs()
                };
                let source = LinuxSource::new(Some(netlink), procfs);
                let mut namespace = Namespace::new(source, &Influx);
                namespace.add_table(0, Vec::new());
                namespace
            })
            .collect();
        let read = |namespace: &mut Namespace<LinuxSource>| {
            let ((mut files, mut problems), mut scratch) = (inputs(), Scratch::default());
            let shared = &mut Shared { files: &mut files, scratch: &mut scratch };
            namespace.start_gather();
            namespace.read(shared, &tables, &mut problems, &mut || false);
            let read_at = namespace.read_at();
            let source = namespace.source_mut();
            assert!(source.take_failure().is_none());
            let netlink = source.netlink.as_ref().unwrap();
            let received = |interface: &Interface| {
                let reading = netlink.reading();
                interface.counters(reading).map(|counters| counters.bytes_recv)
            };
            let by_netlink = netlink.interfaces().find_map(received);
            read_at.map(|_| (source.is_by_netlink, by_netlink))
        };
        // Two of them are known.
        for known in [0, 2] {
            assert_eq!(read(&mut namespaces[known]), Some((true, Some(2))));
        }
        kernels[0].hang();
        let (mut files, mut problems) = inputs();
        let now = Instant::now();
        let shared = &mut Shared { files: &mut files, scratch: &mut Scratch::default() };
        namespaces[0].read_details(shared, &tables, now, &mut problems, &mut || false);
        let is_busy = |namespace: &mut Namespace<LinuxSource>| {
            let netlink = namespace.source_mut().netlink.as_mut().unwrap();
            let tried = netlink.read_now(&mut Scratch::default());
            matches!(tried, Err(ReadError::Busy))
        };
        eventually(|| is_busy(&mut namespaces[0]));
        // Those that are known go on with the counters of the file, whatever sysfs there is.
        assert_eq!(read(&mut namespaces[0]), Some((true, Some(1))));
        assert_eq!(read(&mut namespaces[2]), Some((true, Some(1))));
        // Without sysfs, nothing tells who is up of those that are not.
        assert_eq!(read(&mut namespaces[1]), None);
        assert_eq!(read(&mut namespaces[3]), Some((false, None)));
    }
}
