//! How one network namespace is read, by either source, for the lines of its tables.

use crate::config::Table;
use crate::interface::{Interface, Wants};
use crate::lines::Lines;
use crate::log::{Level, Problems};
use crate::source::netlink::{Netlink, ReadError, Scratch};
use crate::source::proc_net::ProcNet;
use crate::source::procfs::Procfs;

/// What netlink gives in one gather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// Everything that a line has.
    All,
    /// Nothing.
    Nothing,
    /// Nothing, and a speed that is asked for elsewhere would not come soon.
    NothingNorSpeeds,
}

/// Reads a namespace by netlink, with the counters of its `/proc/net` while netlink is busy. `name`
/// is what it is called in a message.
pub(crate) fn read_netlink(
    netlink: &mut Netlink,
    files: &mut ProcNet,
    lines: &mut Lines,
    (tables, name): (&[Table], &str),
    scratch: &mut Scratch,
    problems: &mut Problems,
) -> Given {
    match netlink.read(scratch) {
        Ok(()) => {}
        Err(ReadError::Busy(true)) => {
            files.read_interfaces(problems);
            netlink.take_counters(files.rows());
        }
        Err(ReadError::Busy(false)) => return Given::NothingNorSpeeds,
        Err(ReadError::Failed(error)) => {
            let message = format_args!("netlink{name}: {error}; /proc/net/dev stands in for it");
            problems.report(&format!("netlink{name}"), Level::Warn, message);
            return Given::Nothing;
        }
    }
    if lines.choose(tables, netlink.version(), &netlink.interfaces()) {
        for (place, interface) in netlink.interfaces_mut().enumerate() {
            interface.speed_refresh = lines.speed_refresh(tables, place);
        }
    }
    netlink.fetch_speeds();
    let (wants, reading) = (netlink.wants(), netlink.reading().number);
    read_interface_protocols(netlink.interfaces_mut(), files, wants, reading);
    Given::All
}

/// Reads a namespace by procfs. Without `may_ask`, sysfs is not asked for what may take long; once
/// `hurry` says so, for nothing more.
pub(crate) fn read_procfs(
    procfs: &mut Procfs,
    files: &mut ProcNet,
    lines: &mut Lines,
    tables: &[Table],
    may_ask: bool,
    problems: &mut Problems,
    hurry: &mut impl FnMut() -> bool,
) {
    files.read_interfaces(problems);
    procfs.read(files, problems.log(), &mut *hurry);
    if lines.choose(tables, procfs.version(), &procfs.interfaces().iter()) {
        for (place, interface) in procfs.interfaces_mut().iter_mut().enumerate() {
            interface.speed_refresh = lines.speed_refresh(tables, place);
        }
    }
    if may_ask {
        procfs.fetch_details(hurry);
    } else {
        procfs.forget_speeds();
    }
    // What was asked of those that are reported may have changed their tags.
    lines.choose(tables, procfs.version(), &procfs.interfaces().iter());
    let (wants, reading) = (procfs.wants(), procfs.reading().number);
    read_interface_protocols(procfs.interfaces_mut().iter_mut(), files, wants, reading);
}

/// Reads the protocol statistics of those that are reported.
fn read_interface_protocols<'a>(
    interfaces: impl Iterator<Item = &'a mut Interface>,
    files: &mut ProcNet,
    wants: Wants,
    reading: u64,
) {
    if wants.protocols.is_empty() {
        return;
    }
    for interface in interfaces.filter(|interface| interface.speed_refresh.is_some()) {
        if let Some(details) = &mut interface.details {
            let statistics = &mut details.protocols;
            files.read_interface_protocols(&interface.name, wants.protocols, statistics);
            interface.changed = reading;
        }
    }
}
