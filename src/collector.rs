//! What one gather is: read every source once, select, and encode the lines of each table.

use std::os::fd::BorrowedFd;
use std::time::SystemTime;

use crate::config::{Config, Table};
use crate::encode;
use crate::interface::{Counters, Flags, telegraf_name};
use crate::log::{Level, Log, Problems};
use crate::source::netlink::{Link, Netlink, OpenError, ReadError};
use crate::source::procfs::{HostProc, Procfs};
use crate::source::{Presence, Wanted};

/// Gathers for all `[[inputs.net]]` tables.
#[derive(Debug)]
pub struct Collector {
    reports: Vec<Report>,
    /// One for each proc file system that the tables name.
    sources: Vec<Source>,
    /// The network namespace that this process lives in, where a table reads it by netlink.
    own: Option<Own>,
    problems: Problems,
    /// What every interface's line of the batch under way ends in.
    line_end: Vec<u8>,
}

/// A table, and where what it reports comes from.
#[derive(Debug)]
struct Report {
    table: Table,
    /// The place of its procfs among all of them.
    source: usize,
    /// The number of its sysfs in that source.
    sys: usize,
    /// Whether its interfaces come by netlink, whenever that can be read.
    by_netlink: bool,
    /// What is decided about the interfaces of netlink's table, in its order.
    choices: Vec<Choice>,
}

/// What a table does with one interface, for as long as that stays as it is.
#[derive(Debug)]
struct Choice {
    ifindex: u32,
    generation: u64,
    is_reported: bool,
    /// The line without its time, as it was written last.
    line: Vec<u8>,
    /// How much of the line stands before the fields.
    prefix: usize,
    /// What the fields were written from.
    written: Option<(Counters, Option<i64>)>,
}

#[derive(Debug)]
struct Source {
    procfs: Procfs,
    want_interfaces: bool,
    want_protocols: bool,
}

/// The own network namespace by netlink.
#[derive(Debug)]
struct Own {
    netlink: Netlink,
    /// The version of its table that the choices were made for.
    version: u64,
    given: Given,
}

/// What netlink gives in one gather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    /// Everything that a line has.
    All,
    /// Nothing.
    Nothing,
    /// Nothing, and a speed that is asked for elsewhere would not come soon.
    NothingNorSpeeds,
}

impl Collector {
    /// Opens the sources that the tables name, and says which.
    #[must_use]
    pub fn new(config: Config, log: Log) -> Self {
        let is_netlink_wanted = config.tables.iter().any(wants_netlink);
        let opened = is_netlink_wanted.then(Netlink::open).transpose();
        let mut said = Vec::new();
        for (level, line) in config.tables.iter().filter_map(|table| source_line(table, &opened)) {
            if !said.contains(&line) {
                log.line(level, format_args!("{line}"));
                said.push(line);
            }
        }
        let netlink = opened.unwrap_or_default();
        let mut sources = Vec::<Source>::new();
        let mut reports = Vec::new();
        for table in config.tables {
            let known = sources.iter().position(|source| *source.procfs.proc() == table.proc);
            let number = known.unwrap_or_else(|| {
                let procfs = Procfs::open(table.proc.clone(), log);
                sources.push(Source { procfs, want_interfaces: false, want_protocols: false });
                sources.len() - 1
            });
            let by_netlink = netlink.is_some() && wants_netlink(&table);
            if let Some(source) = sources.get_mut(number) {
                source.want_interfaces |= !by_netlink;
                source.want_protocols |= !table.ignore_protocol_stats;
                let sys = source.procfs.add_sys(table.sys.as_deref(), log);
                reports.push(Report { table, source: number, sys, by_netlink, choices: vec![] });
            }
        }
        let own = netlink.map(|netlink| Own { netlink, version: 0, given: Given::Nothing });
        Self { reports, sources, own, problems: Problems::new(log), line_end: Vec::new() }
    }

    /// Becomes readable when there are kernel events to [follow](Self::follow_events).
    #[must_use]
    pub fn events(&self) -> Option<BorrowedFd<'_>> {
        self.own.as_ref().map(|own| own.netlink.events())
    }

    /// Takes in the kernel's events that are there.
    pub fn follow_events(&mut self) {
        if let Some(own) = &mut self.own {
            own.netlink.follow();
        }
    }

    /// Reads the counters of this moment and appends their lines to `batch`: table by table, the
    /// interfaces in the kernel's order, then `interface=all`, all with the same timestamp.
    ///
    /// What can take long is asking sysfs for flags and speeds. Once `hurry` says so, no more are
    /// asked for: lines have no speed then, and an interface that only its flags could select has
    /// none.
    pub fn gather(&mut self, batch: &mut Vec<u8>, mut hurry: impl FnMut() -> bool) {
        let timestamp_ns = now_ns();
        self.read();
        self.line_end.clear();
        encode::line_end(&mut self.line_end, timestamp_ns);
        let given = self.own.as_ref().map_or(Given::Nothing, |own| own.given);
        let mut hurried = false;
        for report in &mut self.reports {
            let Some(source) = self.sources.get_mut(report.source) else { continue };
            match &self.own {
                Some(own) if report.by_netlink && given == Given::All => {
                    lines_by_netlink(batch, report, &own.netlink, &self.line_end);
                }
                _ => {
                    let may_ask_speeds = given != Given::NothingNorSpeeds;
                    let procfs = &mut source.procfs;
                    for number in 0..procfs.interface_count() {
                        hurried = hurried || hurry();
                        if !is_reported(report, procfs, number, hurried) {
                            continue;
                        }
                        let speed_mbits = (may_ask_speeds && !hurried)
                            .then(|| procfs.speed_mbits(report.sys, number));
                        let Some((name, counters)) = procfs.interface(number) else { continue };
                        encode::interface_prefix(batch, telegraf_name(name));
                        let unsigned = report.table.unsigned;
                        encode::interface_fields(batch, &counters, speed_mbits, unsigned);
                        batch.extend_from_slice(&self.line_end);
                    }
                }
            }
            if !report.table.ignore_protocol_stats {
                encode::protocol_line(batch, source.procfs.protocols(), timestamp_ns);
            }
        }
        self.problems.end_of_gather();
    }

    /// Does what could wait until the batch was written.
    pub fn after_write(&mut self) {
        if let Some(own) = &mut self.own {
            own.netlink.refresh_speeds();
        }
    }

    /// Reads all that the tables want, each source once.
    fn read(&mut self) {
        let Self { reports, sources, own, problems, .. } = self;
        let mut is_wanting = false;
        if let Some(own) = own {
            own.given = own.read(sources, problems);
            if own.given == Given::All {
                own.choose(reports);
                own.netlink.fetch_speeds();
            }
            is_wanting = own.given != Given::All;
        }
        for source in sources {
            let is_own = *source.procfs.proc() == HostProc::Own;
            if source.want_interfaces || is_wanting && is_own {
                source.procfs.read_interfaces(problems);
            }
            if source.want_protocols {
                source.procfs.read_protocols(problems);
            }
        }
    }
}

impl Own {
    fn read(&mut self, sources: &mut [Source], problems: &mut Problems) -> Given {
        match self.netlink.read() {
            Ok(()) => Given::All,
            Err(ReadError::Busy(true)) => {
                let is_own = |source: &&mut Source| *source.procfs.proc() == HostProc::Own;
                let Some(source) = sources.iter_mut().find(is_own) else { return Given::Nothing };
                source.procfs.read_interfaces(problems);
                let numbers = 0..source.procfs.interface_count();
                let rows = numbers.filter_map(|number| source.procfs.interface(number));
                self.netlink.take_counters(rows);
                Given::All
            }
            Err(ReadError::Busy(false)) => Given::NothingNorSpeeds,
            Err(ReadError::Failed(error)) => {
                let message = format_args!("netlink: {error}; counters come from /proc/net/dev");
                problems.report("netlink", Level::Warn, message);
                Given::Nothing
            }
        }
    }

    /// Brings the tables' choices up to date, where netlink's table has changed.
    fn choose(&mut self, reports: &mut [Report]) {
        if self.version == self.netlink.version() {
            return;
        }
        self.version = self.netlink.version();
        let is_ours = |report: &&mut Report| report.by_netlink;
        for report in reports.iter_mut().filter(is_ours) {
            let mut old = std::mem::take(&mut report.choices).into_iter().peekable();
            for (link, _) in self.netlink.links() {
                while old.next_if(|choice| choice.ifindex < link.ifindex).is_some() {}
                let is_same = |choice: &Choice| {
                    choice.ifindex == link.ifindex && choice.generation == link.generation
                };
                let choice =
                    old.next_if(is_same).unwrap_or_else(|| Choice::of(&report.table, link));
                report.choices.push(choice);
            }
        }
        self.netlink.set_speed_refresh(|place| {
            let is_reported = |report: &&Report| {
                report.choices.get(place).is_some_and(|choice| choice.is_reported)
            };
            let refreshes = reports.iter().filter(is_reported);
            refreshes.map(|report| report.table.speed_refresh).min()
        });
    }
}

impl Choice {
    fn of(table: &Table, link: &Link) -> Self {
        let name = telegraf_name(&link.name);
        let is_reported = decided_by_name(table, name).unwrap_or_else(|| is_default(link.flags));
        let mut prefix = Vec::new();
        if is_reported {
            encode::interface_prefix(&mut prefix, name);
        }
        Self {
            ifindex: link.ifindex,
            generation: link.generation,
            is_reported,
            prefix: prefix.len(),
            line: prefix,
            written: None,
        }
    }
}

fn lines_by_netlink(batch: &mut Vec<u8>, report: &mut Report, netlink: &Netlink, line_end: &[u8]) {
    for ((link, counters), choice) in netlink.links().zip(&mut report.choices) {
        let (true, Some(counters)) = (choice.is_reported, counters) else { continue };
        let values = (*counters, link.speed_mbits());
        // Most interfaces are idle most of the time.
        if choice.written != Some(values) {
            choice.written = Some(values);
            choice.line.truncate(choice.prefix);
            encode::interface_fields(&mut choice.line, counters, values.1, report.table.unsigned);
        }
        batch.extend_from_slice(&choice.line);
        batch.extend_from_slice(line_end);
    }
}

/// Whether a table reports an interface of procfs. In a hurry, flags are not asked for.
fn is_reported(report: &Report, procfs: &mut Procfs, number: usize, hurried: bool) -> bool {
    let Some((name, _)) = procfs.interface(number) else { return false };
    let decision = decided_by_name(&report.table, telegraf_name(name));
    decision.unwrap_or_else(|| {
        !hurried
            && match procfs.presence(report.sys, number) {
                Presence::Known(flags) => is_default(flags),
                Presence::Unknown => true,
                Presence::Gone => false,
            }
    })
}

/// Whether a table reports an interface of that name; `None` when its flags decide.
fn decided_by_name(table: &Table, name: &[u8]) -> Option<bool> {
    if name.is_empty() {
        return Some(false);
    }
    table.interfaces.as_ref().map(|patterns| patterns.matches(name))
}

/// Whether an interface is reported where no pattern decides: it is up and no loopback.
fn is_default(flags: Flags) -> bool {
    flags.is_up() && !flags.is_loopback()
}

/// Whether a table asks for netlink: with `auto`, unless another `/proc` or `/sys` is named.
fn wants_netlink(table: &Table) -> bool {
    match table.source {
        Wanted::Auto => table.proc == HostProc::Own && table.sys.is_none(),
        Wanted::Netlink => true,
        Wanted::Procfs => false,
    }
}

/// Which source a table has and why, as it is said at the start. Of another `/proc`, procfs itself
/// says it.
fn source_line(
    table: &Table,
    opened: &Result<Option<Netlink>, OpenError>,
) -> Option<(Level, String)> {
    let is_insisted = table.source == Wanted::Netlink;
    let line = match (table.source, opened) {
        (Wanted::Procfs, _) if table.proc == HostProc::Own => {
            "source: /proc/net/dev, as configured".to_owned()
        }
        _ if !wants_netlink(table) && table.proc == HostProc::Own => {
            "source: /proc/net/dev, because HOST_SYS names another /sys".to_owned()
        }
        _ if !wants_netlink(table) => return None,
        (_, Ok(_)) if is_insisted => "source: netlink, as configured".to_owned(),
        (_, Ok(_)) => "source: netlink, which this kernel has".to_owned(),
        (_, Err(error)) => {
            format!("source: /proc/net/dev, because netlink cannot be used: {error}")
        }
    };
    let level = if is_insisted && opened.is_err() { Level::Warn } else { Level::Info };
    Some((level, line))
}

/// The time of day, in nanoseconds since 1970.
fn now_ns() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX)
}
