//! Counters from `/proc/net/dev` and `/proc/net/snmp`, flags and speed from `/sys/class/net`.

use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use rustix::net::netdevice::name_to_index;

use crate::interface::{Counters, Flags, SPEED_UNKNOWN};
use crate::log::{Level, Log, Problems};
use crate::parse::{Quoted, proc_net_dev, proc_net_snmp, sysfs};
use crate::protocol::{self, ProtocolStatistics};
use crate::source::{Presence, open_file, read_again, read_file};

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

/// One network namespace, read by procfs and sysfs.
///
/// All memory is used again from one gather to the next.
#[derive(Debug)]
pub struct Procfs {
    proc: HostProc,
    /// The folders to read counters from, best first; just one once one could be read.
    nets: Vec<Net>,
    /// The sysfs to ask for flags and speed; mostly one.
    class_nets: Vec<ClassNet>,
    /// The text of `dev`, which the names of `interfaces` lie in.
    dev_text: Vec<u8>,
    /// `snmp`, kept open for the namespace that this process lives in.
    snmp: Option<File>,
    snmp_text: Vec<u8>,
    interfaces: Vec<Interface>,
    protocols: ProtocolStatistics,
}

/// The folder `class/net` of a sysfs, which has one of each interface.
#[derive(Debug)]
struct ClassNet {
    /// The sysfs that the operator named (`HOST_SYS`); without it, it is `/sys`.
    sys: Option<PathBuf>,
    folder: PathBuf,
    /// Whether it shows another network namespace than our own, once that is known.
    is_foreign: Option<bool>,
    /// What was read in this gather, by the numbers of the interfaces.
    links: Vec<Link>,
    /// The path of the file that was read last.
    path: PathBuf,
    /// Its text.
    text: Vec<u8>,
}

/// What a sysfs tells of one interface, read when it is first asked for in a gather.
#[derive(Debug, Clone, Copy, Default)]
struct Link {
    presence: Option<Presence>,
    speed_mbits: Option<i64>,
}

/// The files of one `net` folder.
#[derive(Debug)]
struct Net {
    dev: PathBuf,
    snmp: PathBuf,
}

#[derive(Debug)]
struct Interface {
    name: Range<usize>,
    counters: Counters,
}

impl Net {
    fn under(folder: &Path) -> Self {
        Self { dev: folder.join("dev"), snmp: folder.join("snmp") }
    }
}

impl Procfs {
    /// Under `HOST_PROC`, looks whose counters can be read, and says so in one line.
    #[must_use]
    pub fn open(proc: HostProc, log: Log) -> Self {
        let nets = match &proc {
            HostProc::Own => vec![Net::under(Path::new("/proc/net"))],
            HostProc::Of(proc) => {
                vec![Net::under(&proc.join("1/net")), Net::under(&proc.join("net"))]
            }
        };
        let mut procfs = Self {
            proc,
            nets,
            class_nets: Vec::new(),
            dev_text: Vec::with_capacity(64 << 10),
            snmp: None,
            snmp_text: Vec::with_capacity(8 << 10),
            interfaces: Vec::new(),
            protocols: ProtocolStatistics::default(),
        };
        if let HostProc::Of(_) = procfs.proc {
            // A failure is reported by the gather that meets it.
            let _ = procfs.read_dev_text(log);
        }
        procfs
    }

    /// The proc file system that it reads.
    #[must_use]
    pub fn proc(&self) -> &HostProc {
        &self.proc
    }

    /// Takes a sysfs in, `/sys` without a name, and returns the number to ask it by.
    pub fn add_sys(&mut self, sys: Option<&Path>, log: Log) -> usize {
        let known = self.class_nets.iter().position(|class_net| class_net.sys.as_deref() == sys);
        known.unwrap_or_else(|| {
            let class_net = ClassNet::of(sys);
            self.check_host_sys(&class_net, log);
            self.class_nets.push(class_net);
            self.class_nets.len() - 1
        })
    }

    /// Says so when the counters are the host's and this sysfs shows another network namespace.
    fn check_host_sys(&self, class_net: &ClassNet, log: Log) {
        let HostProc::Of(proc) = &self.proc else { return };
        let is_hosts = |net: &Net| net.dev.starts_with(proc.join("1"));
        if class_net.sys.is_some() || self.nets.len() > 1 || !self.nets.iter().any(is_hosts) {
            return;
        }
        let folder = &class_net.folder;
        let is_unknown = |name: &&[u8]| !folder.join(OsStr::from_bytes(name)).exists();
        let names = proc_net_dev::rows(&self.dev_text).into_iter().flatten();
        let unknown = names.filter_map(|row| Some(row.ok()?.name)).find(is_unknown);
        if let Some(name) = unknown {
            log.warn(format_args!(
                "{} does not know {}: set HOST_SYS to the host's /sys, for speed and for which \
                 interfaces are up",
                folder.display(),
                Quoted(name)
            ));
        }
    }

    /// Reads the counters of every interface. What cannot be read goes to `problems`; all else is
    /// there.
    pub fn read_interfaces(&mut self, problems: &mut Problems) {
        self.interfaces.clear();
        self.read_dev(problems);
        for class_net in &mut self.class_nets {
            class_net.links.clear();
            class_net.links.resize(self.interfaces.len(), Link::default());
            if let HostProc::Own = self.proc {
                let names = self.interfaces.iter().map(|one| one.name.clone());
                let names = names.filter_map(|range| self.dev_text.get(range));
                class_net.check_own(names, problems.log());
            }
        }
    }

    /// Reads the protocol statistics. What cannot be read goes to `problems`; all else is there.
    pub fn read_protocols(&mut self, problems: &mut Problems) {
        self.protocols.clear();
        self.read_snmp(problems);
    }

    /// How many interfaces were read; they are numbered in the kernel's order.
    #[must_use]
    pub fn interface_count(&self) -> usize {
        self.interfaces.len()
    }

    /// The kernel's name of an interface and its counters.
    ///
    /// `None` when there is no such number.
    #[must_use]
    pub fn interface(&self, number: usize) -> Option<(&[u8], Counters)> {
        let interface = self.interfaces.get(number)?;
        Some((self.dev_text.get(interface.name.clone())?, interface.counters))
    }

    /// The flags of an interface, from that sysfs.
    pub fn presence(&mut self, sys: usize, number: usize) -> Presence {
        let Some((name, class_net)) = self.link(sys, number) else { return Presence::Gone };
        if let Some(known) = class_net.links.get(number).and_then(|link| link.presence) {
            return known;
        }
        let presence = match class_net.is_foreign {
            Some(true) => Presence::Unknown,
            // What our own sysfs does not show any more has gone since its counters were read.
            Some(false) => class_net.flags(name).map_or(Presence::Gone, Presence::Known),
            None => class_net.flags(name).map_or(Presence::Unknown, Presence::Known),
        };
        if let Some(link) = class_net.links.get_mut(number) {
            link.presence = Some(presence);
        }
        presence
    }

    /// The speed of an interface in Mbit/s, from that sysfs; [`SPEED_UNKNOWN`] when it tells none.
    pub fn speed_mbits(&mut self, sys: usize, number: usize) -> i64 {
        let Some((name, class_net)) = self.link(sys, number) else { return SPEED_UNKNOWN };
        if let Some(known) = class_net.links.get(number).and_then(|link| link.speed_mbits) {
            return known;
        }
        let speed_mbits = match class_net.is_foreign {
            Some(true) => SPEED_UNKNOWN,
            Some(false) | None => class_net.speed_mbits(name).unwrap_or(SPEED_UNKNOWN),
        };
        if let Some(link) = class_net.links.get_mut(number) {
            link.speed_mbits = Some(speed_mbits);
        }
        speed_mbits
    }

    fn link(&mut self, sys: usize, number: usize) -> Option<(&[u8], &mut ClassNet)> {
        let name = self.dev_text.get(self.interfaces.get(number)?.name.clone())?;
        Some((name, self.class_nets.get_mut(sys)?))
    }

    /// The protocol statistics; empty when they were not wanted or cannot be read.
    #[must_use]
    pub fn protocols(&self) -> &ProtocolStatistics {
        &self.protocols
    }

    fn read_dev(&mut self, problems: &mut Problems) {
        if let Err(failure) = self.read_dev_text(problems.log()) {
            self.dev_text.clear();
            let files = self.nets.iter().map(|net| net.dev.display().to_string());
            let files = files.collect::<Vec<_>>().join(" or ");
            let message = format_args!("cannot read {files}: {failure}");
            return problems.report(&format!("{files} unread"), Level::Error, message);
        }
        let Some(Net { dev, .. }) = self.nets.first() else { return };
        let rows = match proc_net_dev::rows(&self.dev_text) {
            Ok(rows) => rows,
            Err(error) => {
                let dev = dev.display();
                let message = format_args!("{dev}: {error}");
                return problems.report(&format!("{dev} header"), Level::Error, message);
            }
        };
        let mut bad_rows = BadRows::new(dev, problems);
        for row in rows {
            match row {
                Ok(row) => self.interfaces.push(Interface {
                    name: range_within(&self.dev_text, row.name),
                    counters: row.counters,
                }),
                Err(error) => bad_rows.report(error.line, [error.name, None], &error),
            }
        }
        bad_rows.end();
    }

    /// Reads the first `dev` that can be read, and stays with that folder from then on.
    fn read_dev_text(&mut self, log: Log) -> io::Result<()> {
        let mut failure = None;
        let readable = self.nets.iter().position(|net| {
            let read = read_file(&net.dev, &mut self.dev_text);
            read.map_err(|error| failure = Some(error)).is_ok()
        });
        match (readable, failure) {
            (Some(_), _) if self.nets.len() == 1 => Ok(()),
            (Some(found), _) => {
                let net = self.nets.swap_remove(found);
                log.info(format_args!("HOST_PROC: counters come from {}", net.dev.display()));
                self.nets = vec![net];
                Ok(())
            }
            (None, failure) => Err(failure.unwrap_or(io::ErrorKind::NotFound.into())),
        }
    }

    fn read_snmp(&mut self, problems: &mut Problems) {
        let mut failure = None;
        let Self { proc, nets, snmp: kept, snmp_text, .. } = self;
        let readable = nets.iter().find(|net| {
            let read = match proc {
                HostProc::Own => read_kept(kept, &net.snmp, snmp_text),
                HostProc::Of(_) => read_file(&net.snmp, snmp_text),
            };
            read.map_err(|error| failure = Some(error)).is_ok()
        });
        let Some(Net { snmp, .. }) = readable else {
            // As with `inputs.net`, a host without the file just has no such line.
            if let (Some(Net { snmp, .. }), Some(failure)) = (self.nets.last(), failure) {
                let snmp = snmp.display();
                let message = format_args!("cannot read {snmp}: {failure}");
                problems.report(&format!("{snmp} unread"), Level::Debug, message);
            }
            return;
        };
        let mut bad_rows = BadRows::new(snmp, problems);
        proc_net_snmp::statistics(
            &self.snmp_text,
            |group| protocol::GROUPS.iter().any(|known| known.eq_ignore_ascii_case(group)),
            |statistic| self.protocols.push(statistic.group, statistic.column, statistic.value),
            |error| bad_rows.report(error.line, [error.group, error.column], &error),
        );
        bad_rows.end();
    }
}

/// Reads a file that stays open from one gather to the next.
fn read_kept(kept: &mut Option<File>, path: &Path, text: &mut Vec<u8>) -> io::Result<()> {
    let file = match kept.take() {
        Some(file) => file,
        None => open_file(path)?,
    };
    read_again(&file, text)?;
    *kept = Some(file);
    Ok(())
}

/// Reports the bad rows of one file: the first few one by one, then how many more there are.
struct BadRows<'a> {
    file: &'a Path,
    problems: &'a mut Problems,
    count: usize,
}

impl<'a> BadRows<'a> {
    fn new(file: &'a Path, problems: &'a mut Problems) -> Self {
        Self { file, problems, count: 0 }
    }

    /// The names make it the same problem at the next gather; without one, the line's number does.
    fn report(&mut self, line: usize, names: [Option<&[u8]>; 2], error: &dyn fmt::Display) {
        self.count += 1;
        if self.count <= MAX_ROW_PROBLEMS {
            let file = self.file.display();
            let key = match names.map(|name| name.map(Quoted)) {
                [Some(name), None] => format!("{file} {name}"),
                [Some(group), Some(column)] => format!("{file} {group} {column}"),
                [None, _] => format!("{file} {line}"),
            };
            self.problems.report(&key, Level::Error, format_args!("{file} {error}"));
        }
    }

    fn end(self) {
        if let Some(more @ 1..) = self.count.checked_sub(MAX_ROW_PROBLEMS) {
            let file = self.file.display();
            let message = format_args!("{file}: {more} more bad rows");
            self.problems.report(&format!("{file} more"), Level::Error, message);
        }
    }
}

/// Where `part` lies within `whole`, which it was sliced from.
fn range_within(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}

impl ClassNet {
    fn of(sys: Option<&Path>) -> Self {
        Self {
            sys: sys.map(Path::to_owned),
            folder: sys.unwrap_or(Path::new("/sys")).join("class/net"),
            is_foreign: None,
            links: Vec::new(),
            path: PathBuf::new(),
            text: Vec::with_capacity(64),
        }
    }

    /// Finds out, once, whether it shows another network namespace than the one that this process
    /// lives in and that has these interfaces, as under `nsenter --net`, or is not there at all,
    /// and says so.
    fn check_own<'a>(&mut self, names: impl Iterator<Item = &'a [u8]>, log: Log) {
        let mut names = names.peekable();
        if self.is_foreign.is_some() || names.peek().is_none() {
            return;
        }
        let stranger = names.find(|name| self.is_stranger(name));
        if let Some(name) = stranger {
            log.warn(format_args!(
                "{} shows another network namespace, or none: without flags and speed, every \
                 interface is reported, such as {}",
                self.folder.display(),
                Quoted(name)
            ));
        }
        self.is_foreign = Some(stranger.is_some());
    }

    fn flags(&mut self, interface: &[u8]) -> Option<Flags> {
        sysfs::flags(self.read(interface, "flags").ok()?)
    }

    fn speed_mbits(&mut self, interface: &[u8]) -> Option<i64> {
        sysfs::speed(self.read(interface, "speed").ok()?)
    }

    /// Whether this sysfs does not know an interface that the own network namespace has, or knows
    /// another one by that name. It takes some looks to tell, since interfaces come and go.
    fn is_stranger(&mut self, interface: &[u8]) -> bool {
        const LOOKS: usize = 10;
        let Ok(name) = str::from_utf8(interface) else { return false };
        (0..LOOKS).all(|_| {
            let known = self.read(interface, "ifindex").ok().and_then(sysfs::ifindex);
            let own = UnixDatagram::unbound().ok().map(|socket| name_to_index(socket, name));
            matches!(own, Some(Ok(own)) if known != Some(own))
        })
    }

    fn read(&mut self, interface: &[u8], attribute: &str) -> io::Result<&[u8]> {
        self.path.as_mut_os_string().clear();
        self.path.push(&self.folder);
        self.path.push(OsStr::from_bytes(interface));
        self.path.push(attribute);
        read_file(&self.path, &mut self.text)?;
        Ok(&self.text)
    }
}
