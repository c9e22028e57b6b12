//! Counters from `/proc/net/dev` and `/proc/net/snmp`, flags and speed from `/sys/class/net`.

use std::ffi::OsStr;
use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;

use crate::interface::{Counters, Flags, SPEED_UNKNOWN};
use crate::log::{Level, Log, Problems};
use crate::parse::{Quoted, proc_net_dev, proc_net_snmp, sysfs};
use crate::protocol::{self, ProtocolStatistics};

/// The most bytes read of one file. A hundred thousand interfaces take 13 MB.
const MAX_FILE: u64 = 64 << 20;

/// The most bad rows of one file that are logged one by one.
const MAX_ROW_PROBLEMS: usize = 8;

/// Where the kernel's files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// Which proc file system, and so whose counters.
    pub proc: HostProc,
    /// The sys file system that the operator named (`HOST_SYS`); without it, `/sys`.
    pub sys: Option<PathBuf>,
}

/// Which proc file system, and so whose counters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostProc {
    /// `/proc`: the counters of the network namespace that this process lives in.
    Own,
    /// This folder, set by `HOST_PROC`: the counters of its process 1, the host's, when these can
    /// be read, and otherwise those of its `net`.
    Of(PathBuf),
}

/// What the flags file of an interface tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The interface's flags.
    Known(Flags),
    /// The interface is there, and its flags cannot be had.
    Unknown,
    /// The interface has gone since its counters were read.
    Gone,
}

/// One network namespace, read by procfs and sysfs.
///
/// All memory is used again from one gather to the next.
#[derive(Debug)]
pub struct Procfs {
    roots: Roots,
    /// The folders to read counters from, best first; just one once one could be read.
    nets: Vec<Net>,
    class_net: PathBuf,
    /// The text of `dev`, which the names of `interfaces` lie in.
    dev_text: Vec<u8>,
    interfaces: Vec<Interface>,
    protocols: ProtocolStatistics,
    /// The text of any other file, until the next one is read.
    text: Vec<u8>,
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
    /// Read when it is first asked for in a gather; so is the speed.
    presence: Option<Presence>,
    speed_mbits: Option<i64>,
}

impl Net {
    fn under(folder: &Path) -> Self {
        Self { dev: folder.join("dev"), snmp: folder.join("snmp") }
    }
}

impl Procfs {
    /// Under `HOST_PROC`, looks whose counters can be read, and says so in one line.
    #[must_use]
    pub fn open(roots: Roots, log: Log) -> Self {
        let nets = match &roots.proc {
            HostProc::Own => vec![Net::under(Path::new("/proc/net"))],
            HostProc::Of(proc) => {
                vec![Net::under(&proc.join("1/net")), Net::under(&proc.join("net"))]
            }
        };
        let class_net = roots.sys.as_deref().unwrap_or(Path::new("/sys")).join("class/net");
        let mut procfs = Self {
            roots,
            nets,
            class_net,
            dev_text: Vec::with_capacity(64 << 10),
            interfaces: Vec::new(),
            protocols: ProtocolStatistics::default(),
            text: Vec::with_capacity(8 << 10),
        };
        // A failure is reported by the gather that meets it.
        if matches!(procfs.roots.proc, HostProc::Of(_)) && procfs.read_dev_text(log).is_ok() {
            procfs.check_sysfs(log);
        }
        procfs
    }

    /// Says so when the counters are the host's and this sysfs shows another network namespace.
    fn check_sysfs(&self, log: Log) {
        let HostProc::Of(proc) = &self.roots.proc else { return };
        let is_hosts = self.nets.iter().any(|net| net.dev.starts_with(proc.join("1")));
        if !is_hosts || self.roots.sys.is_some() {
            return;
        }
        let is_unknown = |name: &&[u8]| !self.class_net.join(OsStr::from_bytes(name)).exists();
        let names = proc_net_dev::rows(&self.dev_text).into_iter().flatten();
        let unknown = names.filter_map(|row| Some(row.ok()?.name)).find(is_unknown);
        if let Some(name) = unknown {
            log.warn(format_args!(
                "{} does not know {}: set HOST_SYS to the host's /sys, for speed and for which \
                 interfaces are up",
                self.class_net.display(),
                Quoted(name)
            ));
        }
    }

    /// Where it reads.
    #[must_use]
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Reads the counters of every interface, and the protocol statistics if they are wanted. What
    /// cannot be read goes to `problems`; all else is there.
    pub fn read(&mut self, want_protocols: bool, problems: &mut Problems) {
        self.interfaces.clear();
        self.protocols.clear();
        self.read_dev(problems);
        if want_protocols {
            self.read_snmp(problems);
        }
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

    /// The flags of an interface, from sysfs.
    pub fn presence(&mut self, number: usize) -> Presence {
        let Some(interface) = self.interfaces.get_mut(number) else { return Presence::Gone };
        let name = self.dev_text.get(interface.name.clone()).unwrap_or_default();
        *interface.presence.get_or_insert_with(|| match self.roots.proc {
            HostProc::Own => own_presence(&self.class_net, name, &mut self.text),
            HostProc::Of(_) => read_flags(&self.class_net, name, &mut self.text)
                .map_or(Presence::Unknown, Presence::Known),
        })
    }

    /// The speed of an interface in Mbit/s, from sysfs; [`SPEED_UNKNOWN`] when it tells none.
    pub fn speed_mbits(&mut self, number: usize) -> i64 {
        let Some(interface) = self.interfaces.get_mut(number) else { return SPEED_UNKNOWN };
        let name = self.dev_text.get(interface.name.clone()).unwrap_or_default();
        *interface.speed_mbits.get_or_insert_with(|| {
            let text = read_attribute(&self.class_net, name, "speed", &mut self.text).ok();
            text.and_then(sysfs::speed).unwrap_or(SPEED_UNKNOWN)
        })
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
            problems.report(&files, Level::Error, format_args!("cannot read {files}: {failure}"));
            return;
        }
        let Some(Net { dev, .. }) = self.nets.first() else { return };
        let rows = match proc_net_dev::rows(&self.dev_text) {
            Ok(rows) => rows,
            Err(error) => {
                let dev = dev.display().to_string();
                return problems.report(&dev, Level::Error, format_args!("{dev}: {error}"));
            }
        };
        let mut bad_rows = BadRows::new(dev, problems);
        for row in rows {
            match row {
                Ok(row) => self.interfaces.push(Interface {
                    name: range_within(&self.dev_text, row.name),
                    counters: row.counters,
                    presence: None,
                    speed_mbits: None,
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
        let Some(Net { snmp, .. }) = self.nets.last() else { return };
        if let Err(error) = read_file(snmp, &mut self.text) {
            // As with `inputs.net`, a host without the file just has no such line.
            let snmp = snmp.display().to_string();
            return problems.report(
                &snmp,
                Level::Debug,
                format_args!("cannot read {snmp}: {error}"),
            );
        }
        let mut bad_rows = BadRows::new(snmp, problems);
        proc_net_snmp::statistics(
            &self.text,
            |group| protocol::GROUPS.iter().any(|known| known.eq_ignore_ascii_case(group)),
            |statistic| self.protocols.push(statistic.group, statistic.column, statistic.value),
            |error| bad_rows.report(error.line, [error.group, error.column], &error),
        );
        bad_rows.end();
    }
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
            let key = self.file.display().to_string();
            let message = format_args!("{key}: {more} more bad rows");
            self.problems.report(&key, Level::Error, message);
        }
    }
}

/// Where `part` lies within `whole`, which it was sliced from.
fn range_within(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start + part.len()
}

/// The flags of an interface of the network namespace that this process lives in.
///
/// Where sysfs does not tell them, the interface has gone, unless this namespace still has one of
/// that name. Then that was made in between, or this sysfs, if there is any, shows another network
/// namespace (`nsenter --net`); it takes some looks to tell.
fn own_presence(class_net: &Path, name: &[u8], text: &mut Vec<u8>) -> Presence {
    const LOOKS: usize = 3;
    for _ in 0..LOOKS {
        match read_flags(class_net, name, text) {
            Ok(flags) => return Presence::Known(flags),
            Err(_) if !exists(name) => return Presence::Gone,
            Err(_) => {}
        }
    }
    Presence::Unknown
}

/// Whether this network namespace has an interface of that name.
fn exists(name: &[u8]) -> bool {
    // No answer is no reason to leave an interface out.
    let (Ok(name), Ok(socket)) = (str::from_utf8(name), UnixDatagram::unbound()) else {
        return true;
    };
    name_to_index(socket, name) != Err(Errno::NODEV)
}

fn read_flags(class_net: &Path, name: &[u8], text: &mut Vec<u8>) -> io::Result<Flags> {
    let text = read_attribute(class_net, name, "flags", text)?;
    sysfs::flags(text).ok_or(io::ErrorKind::InvalidData.into())
}

fn read_attribute<'t>(
    class_net: &Path,
    interface: &[u8],
    attribute: &str,
    text: &'t mut Vec<u8>,
) -> io::Result<&'t [u8]> {
    let folder = class_net.join(OsStr::from_bytes(interface));
    read_file(&folder.join(attribute), text)?;
    Ok(text)
}

/// Replaces `text` by what the file holds.
fn read_file(path: &Path, text: &mut Vec<u8>) -> io::Result<()> {
    text.clear();
    // Without O_NONBLOCK, a named pipe in the place of the file would block for ever.
    let nonblock = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path)?;
    if file.take(MAX_FILE).read_to_end(text)? as u64 == MAX_FILE {
        text.clear();
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(())
}
