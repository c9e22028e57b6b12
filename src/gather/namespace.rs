//! One network namespace as its tables report it: by netlink, with procfs for a gather that netlink
//! cannot answer, or by procfs alone.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use crate::config::Table;
use crate::gather::first_gather::Seen;
use crate::gather::report::{Batch, Lines};
use crate::log::{Log, Problems};
use crate::model::interface::{Interface, Wants};
use crate::select::Tally;
use crate::system::linux::netlink::{Netlink, NetlinkError, ReadError, Scratch, Sockets};
use crate::system::linux::proc_net::ProcNet;
use crate::system::linux::procfs::Procfs;

/// A network namespace.
#[derive(Debug)]
pub(crate) struct Space {
    netlink: Option<Netlink>,
    procfs: Procfs,
    lines: Lines,
    /// Whether the interfaces of the last gather are netlink's, or else those of procfs.
    is_by_netlink: bool,
    /// Whether the gather has it.
    is_read: bool,
}

impl Space {
    /// One that nothing was read of. Its lines are still to be [added](Self::add_table).
    pub(crate) fn new(netlink: Option<Netlink>, procfs: Procfs) -> Self {
        let is_by_netlink = netlink.is_some();
        Self { netlink, procfs, lines: Lines::default(), is_by_netlink, is_read: false }
    }

    /// Has that table, by its number in the configuration, report it. Its lines have these tags
    /// beside those of their interfaces.
    pub(crate) fn add_table(&mut self, number: usize, tags: Vec<(&'static str, Vec<u8>)>) {
        self.lines.add_table(number, tags);
    }

    /// What of interfaces is to be known too, by procfs.
    pub(crate) fn add_wants(&mut self, wants: Wants) {
        self.procfs.add_wants(wants);
    }

    /// What of interfaces is to be known.
    pub(crate) fn wants(&self) -> Wants {
        self.procfs.wants()
    }

    /// Reads it by netlink from now on, or by procfs alone.
    pub(crate) fn set_netlink(&mut self, netlink: Option<Netlink>) {
        self.netlink = netlink;
    }

    /// Finds out what files tell of it, and says so; else the first reading by them does.
    pub(crate) fn check_files(&mut self, files: &mut ProcNet, log: Log) {
        self.procfs.check(files, log);
    }

    /// Becomes readable when there are kernel events to [follow](Self::follow).
    pub(crate) fn events(&self) -> Option<BorrowedFd<'_>> {
        self.netlink.as_ref().map(Netlink::events)
    }

    /// Whether they are to be waited for, for the time being.
    pub(crate) fn awaits_events(&self) -> bool {
        self.netlink.as_ref().is_some_and(Netlink::awaits_events)
    }

    /// Has the next reading take events in, which cannot be waited for.
    pub(crate) fn fall_behind(&mut self) {
        if let Some(netlink) = &mut self.netlink {
            netlink.fall_behind();
        }
    }

    /// Takes in the kernel's events that are there.
    pub(crate) fn follow(&mut self, scratch: &mut Scratch) {
        if let Some(netlink) = &mut self.netlink {
            netlink.follow(scratch);
        }
    }

    /// Whether its sockets have to be [replaced](Self::replace).
    pub(crate) fn is_broken(&self) -> bool {
        self.netlink.as_ref().is_some_and(Netlink::is_broken)
    }

    /// Goes on with other sockets of the same namespace.
    pub(crate) fn replace(&mut self, sockets: Sockets) {
        if let Some(netlink) = &mut self.netlink {
            netlink.replace(sockets);
        }
    }

    /// When this gather read its counters, by the monotonic clock, if it did.
    pub(crate) fn read_at(&self) -> Option<Instant> {
        let netlink = self.netlink.as_ref().filter(|_| self.is_by_netlink);
        netlink.map_or(self.procfs.reading(), Netlink::reading).at.filter(|_| self.is_read)
    }

    /// A gather begins, which may not come to it.
    pub(crate) fn start_gather(&mut self) {
        self.is_read = false;
    }

    /// Reads the counters of its interfaces, and decides which are reported; `files` are those of its
    /// `/proc/net`. Once `hurry` says so, files of sysfs are asked no more. Returns why netlink failed,
    /// if it did.
    pub(crate) fn read(
        &mut self,
        files: &mut ProcNet,
        tables: &[Table],
        scratch: &mut Scratch,
        problems: &mut Problems,
        hurry: &mut impl FnMut() -> bool,
    ) -> Option<NetlinkError> {
        let Self { netlink, procfs, lines, is_by_netlink, is_read } = self;
        let (mut by_netlink, mut failure) = (false, None);
        if let Some(netlink) = netlink {
            match netlink.read(scratch) {
                Ok(()) => by_netlink = true,
                // Who is there and up will be known soon, and not by files.
                Err(ReadError::Busy) if netlink.is_empty() && !procfs.has_sysfs() => return None,
                Err(ReadError::Busy) => {}
                Err(ReadError::Failed(error)) => failure = Some(error),
            }
            if !by_netlink && netlink.is_current() {
                files.read_interfaces(problems);
                netlink.take_counters(files.rows(), files.read_at());
                by_netlink = true;
            }
        }
        *is_read = true;
        if std::mem::replace(is_by_netlink, by_netlink) != by_netlink {
            // Each counts versions and readings for itself.
            lines.start_anew();
        }
        match netlink {
            Some(netlink) if by_netlink => {
                // What it stood in with has grown old by the next time.
                procfs.forget();
                choose_by_netlink(netlink, lines, tables);
            }
            _ => {
                procfs.start(files);
                files.read_interfaces(problems);
                procfs.read(files, problems.log(), hurry);
                if let Some(netlink) = netlink {
                    procfs.take_known(netlink.interfaces());
                }
                choose_by_procfs(procfs, lines, tables);
            }
        }
        failure
    }

    /// Reads what else is wanted of those that are reported. That may have drivers asked, which keeps
    /// the kernel from telling counters: those of all namespaces should be there. Until the deadline,
    /// drivers are waited for.
    pub(crate) fn read_details(
        &mut self,
        files: &mut ProcNet,
        tables: &[Table],
        deadline: Instant,
        problems: &mut Problems,
        hurry: &mut impl FnMut() -> bool,
    ) {
        let Self { netlink, procfs, lines, is_by_netlink, is_read } = self;
        match netlink {
            _ if !*is_read => {}
            Some(netlink) if *is_by_netlink => {
                netlink.fetch_speeds(deadline);
                netlink.report_unread(problems);
                let (wants, reading) = (netlink.wants(), netlink.reading().number);
                let interfaces = netlink.interfaces_mut();
                read_interface_protocols(interfaces, files, wants, reading, problems);
            }
            _ => {
                let may_ask = netlink.as_ref().is_none_or(Netlink::may_ask_drivers);
                procfs.fetch_details(may_ask, problems, hurry);
                // That may have changed their tags.
                choose_by_procfs(procfs, lines, tables);
                let (wants, reading) = (procfs.wants(), procfs.reading().number);
                let interfaces = procfs.interfaces_mut().iter_mut();
                read_interface_protocols(interfaces, files, wants, reading, problems);
            }
        }
    }

    /// Appends the lines of one table: those of the interfaces, then that of the protocol statistics.
    pub(crate) fn append(
        &mut self,
        batch: &mut Batch<'_>,
        numbered: (usize, &Table),
        files: &ProcNet,
    ) {
        let Self { netlink, procfs, lines, is_by_netlink, is_read } = self;
        if !*is_read {
            return;
        }
        if let Some(netlink) = netlink.as_ref().filter(|_| *is_by_netlink) {
            let (interfaces, reading) = (netlink.interfaces(), netlink.reading());
            lines.append_interfaces(batch, numbered, interfaces, reading);
        } else {
            let (interfaces, reading) = (procfs.interfaces().iter(), procfs.reading());
            lines.append_interfaces(batch, numbered, interfaces, reading);
        }
        lines.append_protocols(batch, numbered, files.protocols());
    }

    /// Shows what there is in this gather for each table that reports it, by the tables' numbers.
    pub(crate) fn show(&self, files: &ProcNet, see: &mut impl FnMut(usize, Seen<'_>)) {
        let Self { netlink, procfs, lines, is_by_netlink, is_read } = self;
        for table in lines.tables().filter(|_| *is_read) {
            let netlink = netlink.as_ref().filter(|_| *is_by_netlink);
            if let Some(netlink) = netlink {
                netlink.interfaces().for_each(|one| see(table, Seen::Interface(one, true)));
            } else {
                procfs.interfaces().iter().for_each(|one| see(table, Seen::Interface(one, false)));
            }
            files.protocols().iter().for_each(|one| see(table, Seen::Statistic(one)));
        }
    }

    /// Shows the names of its interfaces with their alternative ones, where netlink tells them, for
    /// each table that reports it.
    pub(crate) fn show_altnames(
        &mut self,
        scratch: &mut Scratch,
        see: &mut impl FnMut(usize, &[u8], &[u8]),
    ) {
        let Self { netlink, lines, is_by_netlink, is_read, .. } = self;
        if let Some(netlink) = netlink.as_mut().filter(|_| *is_by_netlink && *is_read) {
            netlink.each_altname(scratch, |name, altname| {
                lines.tables().for_each(|table| see(table, name, altname));
            });
        }
    }

    /// Counts what its tables make of its interfaces.
    pub(crate) fn count(&self, tally: &mut Tally) {
        if self.is_read {
            self.lines.count(tally);
        }
    }

    /// How many drivers were asked for their speed since the last call.
    pub(crate) fn take_asked(&mut self) -> usize {
        self.netlink.as_mut().map_or(0, Netlink::take_asked) + self.procfs.take_asked()
    }

    /// Does what could wait until the batch was written.
    pub(crate) fn after_write(&mut self) {
        if let Some(netlink) = &mut self.netlink {
            netlink.refresh_speeds();
        }
    }
}

/// Decides who is reported, where that may have changed.
fn choose_by_netlink(netlink: &mut Netlink, lines: &mut Lines, tables: &[Table]) {
    if lines.choose(tables, netlink.version(), &netlink.interfaces()) {
        set_speed_refresh(netlink.interfaces_mut(), lines, tables);
    }
}

/// The same by procfs.
fn choose_by_procfs(procfs: &mut Procfs, lines: &mut Lines, tables: &[Table]) {
    if lines.choose(tables, procfs.version(), &procfs.interfaces().iter()) {
        set_speed_refresh(procfs.interfaces_mut().iter_mut(), lines, tables);
    }
}

/// Tells the interfaces what was decided about them.
fn set_speed_refresh<'a>(
    interfaces: impl Iterator<Item = &'a mut Interface>,
    lines: &Lines,
    tables: &[Table],
) {
    for (place, interface) in interfaces.enumerate() {
        interface.speed_refresh = lines.speed_refresh(tables, place);
    }
}

/// Reads the protocol statistics of those that are reported.
fn read_interface_protocols<'a>(
    interfaces: impl Iterator<Item = &'a mut Interface>,
    files: &mut ProcNet,
    wants: Wants,
    reading: u64,
    problems: &mut Problems,
) {
    if wants.protocols.is_empty() {
        return;
    }
    let _raised = files.raise();
    for interface in interfaces.filter(|interface| interface.speed_refresh.is_some()) {
        if let Some(details) = &mut interface.details {
            let statistics = &mut details.protocols;
            files.read_interface_protocols(&interface.name, wants.protocols, statistics);
            interface.changed = reading;
        }
    }
    files.report_interface_protocols(problems);
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::config::Config;
    use crate::system::linux::netlink::Asker;
    use crate::system::linux::netlink::tests::{Kernel, eventually};

    #[test]
    fn where_a_driver_takes_long_files_stand_in_unless_it_is_soon_known_better() {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("net")).unwrap();
        let row = "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
        fs::write(folder.path().join("net/dev"), format!("Inter-| |\n face |bytes\n{row}\n"))
            .unwrap();
        let tables = Config::parse(b"[[inputs.net]]\n", &|_| None).unwrap().tables;
        let inputs = || (ProcNet::of_process(folder.path()), Problems::new(Log { debug: false }));
        let asker = Asker::start().unwrap();
        let played = [(); 4].map(|()| Kernel::start(&asker));
        let (netlinks, kernels): (Vec<_>, Vec<_>) = played.into_iter().unzip();
        let has_sysfs = [false, false, true, true];
        let mut spaces: Vec<_> = netlinks
            .into_iter()
            .zip(has_sysfs)
            .map(|(netlink, has_sysfs)| {
                let procfs = if has_sysfs {
                    Procfs::open(true, Some(folder.path()))
                } else {
                    Procfs::without_sysfs()
                };
                let mut space = Space::new(Some(netlink), procfs);
                space.add_table(0, Vec::new());
                space
            })
            .collect();
        let read = |space: &mut Space| {
            let ((mut files, mut problems), mut scratch) = (inputs(), Scratch::default());
            space.start_gather();
            let failure =
                space.read(&mut files, &tables, &mut scratch, &mut problems, &mut || false);
            assert!(failure.is_none());
            let received = |interface: &Interface| {
                let reading = space.netlink.as_ref().unwrap().reading();
                interface.counters(reading).map(|counters| counters.bytes_recv)
            };
            let by_netlink = space.netlink.as_ref().unwrap().interfaces().find_map(received);
            space.read_at().map(|_| (space.is_by_netlink, by_netlink))
        };
        // Two of them are known.
        for known in [0, 2] {
            assert_eq!(read(&mut spaces[known]), Some((true, Some(2))));
        }
        kernels[0].hang();
        let (mut files, mut problems) = inputs();
        let now = Instant::now();
        spaces[0].read_details(&mut files, &tables, now, &mut problems, &mut || false);
        let is_busy = |space: &mut Space| {
            let tried = space.netlink.as_mut().unwrap().read(&mut Scratch::default());
            matches!(tried, Err(ReadError::Busy))
        };
        eventually(|| is_busy(&mut spaces[0]));
        // Those that are known go on with the counters of the file, whatever sysfs there is.
        assert_eq!(read(&mut spaces[0]), Some((true, Some(1))));
        assert_eq!(read(&mut spaces[2]), Some((true, Some(1))));
        // Without sysfs, nothing tells who is up of those that are not.
        assert_eq!(read(&mut spaces[1]), None);
        assert_eq!(read(&mut spaces[3]), Some((false, None)));
    }
}
