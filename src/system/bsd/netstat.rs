//! Interfaces by the program `netstat`, as Telegraf reads them on these systems: each output is a table, and
//! some systems need several for all counters, or cut names short.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config::systems::System;
use crate::log::{Level, Problems};
use crate::model::counters::{Counters, MoreCounters};
use crate::model::interface::Name;
use crate::model::link::{Flags, LinkModes, LinkState, SPEED_UNKNOWN};
use crate::model::properties::{Properties, is_address};
use crate::parse::netstat::{Cells, LinkRow, NoHeader, link_rows};
use crate::quoted::Quoted;
use crate::system::polled::Row;

use super::program::{Patience, Program, RunError, Runner};

/// How long all programs of a gather may take together. They take milliseconds, and Telegraf's shortest
/// usual interval is ten seconds.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// A name of this length can be cut short nowhere.
const SURE_LENGTH: usize = 4;

/// Of so many bad rows of a reading, each has a line of its own in the log.
const MAX_LINES: usize = 8;

/// The programs, and how long they may take.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `netstat`.
    pub netstat: PathBuf,
    /// `ifconfig`, which is asked for names.
    pub ifconfig: PathBuf,
    /// How long all of a gather may take together.
    pub time_limit: Duration,
}

impl Programs {
    /// Those of a system.
    #[must_use]
    pub fn of(system: System) -> Self {
        let netstat = match system {
            System::MacOs => "/usr/sbin/netstat",
            _ => "/usr/bin/netstat",
        };
        Self { netstat: netstat.into(), ifconfig: "/sbin/ifconfig".into(), time_limit: TIME_LIMIT }
    }
}

/// What a system's netstat is asked, and what its answers are like.
#[derive(Debug, Clone, Copy)]
struct Dialect {
    /// The flags of each of its tables.
    tables: &'static [&'static str],
    /// It cuts long names, and with them the mark of what is down.
    cuts_names: bool,
    /// It tells packets dropped on receive; else they are zero, as in Telegraf.
    has_iqdrops: bool,
}

impl Dialect {
    fn of(system: System) -> Self {
        let tables: &[_] = match system {
            System::OpenBsd => &["-inb", "-ind", "-ine"],
            System::NetBsd => &["-inb", "-ind"],
            _ => &["-ibdnW"],
        };
        Self {
            tables,
            cuts_names: matches!(system, System::NetBsd | System::MacOs),
            has_iqdrops: system != System::MacOs,
        }
    }
}

/// Why there is nothing to report.
#[derive(Debug)]
pub enum NetstatError {
    /// A program could not be run, or failed.
    Run(RunError),
    /// It printed something else.
    Format {
        /// The command.
        command: String,
        /// What is missing.
        error: NoHeader,
    },
}

impl NetstatError {
    /// Whether it was not waited for, which is no failure.
    #[must_use]
    pub fn is_hurry(&self) -> bool {
        matches!(self, Self::Run(error) if error.is_hurry())
    }
}

impl fmt::Display for NetstatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(error) => error.fmt(f),
            Self::Format { command, error } => write!(f, "{command}: {error}"),
        }
    }
}

/// Reads the interfaces of a system by its netstat.
#[derive(Debug)]
pub struct Netstat {
    system: System,
    programs: Programs,
    runner: Runner,
    /// Those that some tables of the last reading told and others did not.
    partial: HashSet<Name>,
}

impl Netstat {
    /// One that has read nothing yet.
    #[must_use]
    pub fn new(system: System, programs: Programs) -> Self {
        Self { system, programs, runner: Runner::default(), partial: HashSet::new() }
    }

    /// Where the program lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.programs.netstat
    }

    /// Appends the interfaces that it tells, in a gather that began at that moment.
    ///
    /// # Errors
    ///
    /// When there is nothing to report.
    pub fn read(
        &mut self,
        began: Instant,
        rows: &mut Vec<Row>,
        problems: &mut Problems,
        hurry: &mut dyn FnMut() -> bool,
    ) -> Result<(), NetstatError> {
        let Self { system, programs, runner, partial } = self;
        let patience = Patience { deadline: began + programs.time_limit, hurry };
        let dialect = Dialect::of(*system);
        let mut session = Session { dialect, programs, runner, patience, problems, bad_rows: 0 };
        let read = session.read(partial, rows);
        session.say_more_bad_rows();
        read
    }
}

/// What the programs are asked in one reading.
struct Session<'a> {
    dialect: Dialect,
    programs: &'a Programs,
    runner: &'a mut Runner,
    patience: Patience<'a>,
    problems: &'a mut Problems,
    /// How many there were.
    bad_rows: usize,
}

impl Session<'_> {
    fn read(
        &mut self,
        partial: &mut HashSet<Name>,
        rows: &mut Vec<Row>,
    ) -> Result<(), NetstatError> {
        let tables = self.dialect.tables.iter().map(|flags| self.table(flags, None));
        let tables = tables.collect::<Result<Vec<_>, _>>()?;
        if !self.dialect.cuts_names {
            self.push_all(&tables, |_| true, partial, rows);
            return Ok(());
        }
        match self.names() {
            Ok(names) => self.push_named(&tables, &names, rows),
            Err(error) if error.is_hurry() => return Err(NetstatError::Run(error)),
            Err(error) => {
                let message =
                    format_args!("{error}: interfaces whose names netstat cuts short are left out");
                self.problems.report("ifconfig", Level::Warn, message);
                self.push_all(&tables, is_short, partial, rows);
            }
        }
        Ok(())
    }

    /// Appends the interfaces of these names: by their rows in the tables, or where it is not sure whose
    /// these are, by what is told when they are asked for.
    fn push_named(&mut self, tables: &[Table], names: &Names, rows: &mut Vec<Row>) {
        let (mut late, mut failed) = (0, None);
        for name in &names.all {
            let parts = tables.iter().map(|table| match names.sure(table, name) {
                Some(link) => Ok(Some(link.clone())),
                None => self.ask(table.flags, name),
            });
            match parts.collect::<Result<Vec<_>, _>>() {
                // One that has gone in between has no row.
                Ok(parts) => {
                    if let Some(parts) = parts.into_iter().collect::<Option<Vec<_>>>() {
                        rows.extend(self.row(name, names.up.contains(name), &parts));
                    }
                }
                Err(error) if error.is_hurry() => {
                    self.problems.keep();
                    return;
                }
                Err(NetstatError::Run(error)) if error.is_late() => late += 1,
                Err(error) => failed.get_or_insert((error, 0_usize)).1 += 1,
            }
        }
        if late > 0 {
            let left_out = LeftOut(late);
            let message = format_args!("netstat took too long: {left_out}");
            self.problems.report("netstat took too long", Level::Error, message);
        }
        if let Some((error, count)) = failed {
            let left_out = LeftOut(count);
            let message = format_args!("{error}: {left_out}");
            self.problems.report("netstat failed", Level::Error, message);
        }
    }

    /// Appends the interfaces of the tables by the names that stand there, if these are whole. One that only
    /// some tables tell has come or gone in between, unless it was so in the last reading.
    fn push_all(
        &mut self,
        tables: &[Table],
        is_whole: impl Fn(&[u8]) -> bool,
        partial: &mut HashSet<Name>,
        rows: &mut Vec<Row>,
    ) {
        let before = std::mem::take(partial);
        let Some(first) = tables.first() else { return };
        for (place, link) in first.links.iter().enumerate() {
            let name = &link.name;
            match first.find(name) {
                _ if !is_whole(name) => continue,
                Some((_, 1)) => {}
                Some((first_place, count)) => {
                    // No interface's counters stand under the name of another.
                    if first_place == place {
                        let name = Quoted(name);
                        let message = format_args!(
                            "netstat {} has {count} interfaces by the name of {name}: they are left out",
                            first.flags
                        );
                        let key = format!("netstat doubles {name}");
                        self.report_row(&key, message);
                    }
                    continue;
                }
                None => continue,
            }
            let parts = tables.iter().map(|table| table.row(name).cloned());
            if let Some(parts) = parts.collect::<Option<Vec<_>>>() {
                rows.extend(self.row(name, link.is_up, &parts));
                continue;
            }
            let lacking = tables.iter().filter(|table| table.row(name).is_none());
            // Why a row cannot be read has been said.
            for table in lacking.filter(|table| before.contains(name) && !table.odd.contains(name))
            {
                let name = Quoted(name);
                let message = format_args!("netstat {} has no row of {name}", table.flags);
                let key = format!("netstat {} {name}", table.flags);
                self.report_row(&key, message);
            }
            partial.insert(name.clone());
        }
    }

    /// A table, or its row of one interface.
    fn table(
        &mut self,
        flags: &'static str,
        interface: Option<&[u8]>,
    ) -> Result<Table, NetstatError> {
        let mut arguments = vec![OsStr::new(flags)];
        if let Some(interface) = interface {
            arguments.extend([OsStr::new("-I"), OsStr::from_bytes(interface)]);
        }
        let programs = self.programs;
        let netstat = Program { path: &programs.netstat, arguments: &arguments };
        let output = self.runner.run(&netstat, &mut self.patience).map_err(NetstatError::Run)?;
        let command = || netstat.to_string();
        let found = link_rows(&output)
            .map_err(|error| NetstatError::Format { command: command(), error })?;
        let mut table =
            Table { flags, links: Vec::new(), by_name: HashMap::new(), odd: HashSet::new() };
        for row in found {
            match row {
                Ok(row) => table.push(&row),
                Err(error) => {
                    // Its line and what it says may be others each time.
                    let key = match error.name {
                        [] => format!("{netstat} {}", error.line),
                        name => format!("{netstat} {}", Quoted(name)),
                    };
                    self.report_row(&key, format_args!("{netstat} {error}"));
                    table.odd.insert(error.name.into());
                }
            }
        }
        Ok(table)
    }

    /// Reports a row that cannot be used, if not too many were before.
    fn report_row(&mut self, key: &str, message: fmt::Arguments<'_>) {
        self.bad_rows += 1;
        if self.bad_rows <= MAX_LINES {
            self.problems.report(key, Level::Error, message);
        }
    }

    /// Says how many more bad rows there were than have a line.
    fn say_more_bad_rows(&mut self) {
        if let Some(more @ 1..) = self.bad_rows.checked_sub(MAX_LINES) {
            let message = format_args!("{}: {more} more bad rows", self.programs.netstat.display());
            self.problems.report("netstat more bad rows", Level::Error, message);
        }
    }

    /// The row of an interface whose name may be cut short in the table; `None` where it has gone.
    fn ask(&mut self, flags: &'static str, name: &[u8]) -> Result<Option<Link>, NetstatError> {
        let is_of = |link: &Link| name.starts_with(&link.name);
        Ok(self.table(flags, Some(name))?.links.into_iter().find(is_of))
    }

    /// The names of the interfaces, in the system's order.
    fn names(&mut self) -> Result<Names, RunError> {
        let mut list = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(OsStr::new).collect();
            let ifconfig = Program { path: &self.programs.ifconfig, arguments: &arguments };
            let output = self.runner.run(&ifconfig, &mut self.patience)?;
            let names = output.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty());
            Ok(names.map(Name::from).collect::<Vec<_>>())
        };
        let (all, up) = (list(&["-l"])?, list(&["-l", "-u"])?);
        let mut sorted = all.clone();
        sorted.sort_unstable();
        Ok(Names { all, sorted, up: up.into_iter().collect() })
    }

    /// What the rows of an interface tell together. What counters they lack costs the interface, but for
    /// packets dropped on transmit.
    fn row(&mut self, name: &[u8], is_up: bool, parts: &[Link]) -> Option<Row> {
        let cells = parts.iter().fold(Cells::default(), |cells, part| cells.or(part.cells));
        let mut lacking = None;
        let mut told = |value: Option<u64>, column: &'static str| {
            if value.is_none() {
                lacking = Some(column);
            }
            value.unwrap_or_default()
        };
        let counters = Counters {
            bytes_sent: told(cells.obytes, "Obytes"),
            bytes_recv: told(cells.ibytes, "Ibytes"),
            packets_sent: told(cells.opackets, "Opkts"),
            packets_recv: told(cells.ipackets, "Ipkts"),
            err_in: told(cells.ierrors, "Ierrs"),
            err_out: told(cells.oerrors, "Oerrs"),
            drop_in: if self.dialect.has_iqdrops { told(cells.iqdrops, "Idrop") } else { 0 },
            drop_out: cells.oqdrops.unwrap_or_default(),
        };
        if let Some(column) = lacking {
            let name = Quoted(name);
            let message = format_args!(
                "netstat {} tells no {column} of {name}",
                self.dialect.tables.join(", ")
            );
            self.report_row(&format!("netstat lacks {name}"), message);
            return None;
        }
        let up = if is_up { Flags::UP } else { 0 };
        let flags = Flags(up | if is_loopback(name) { Flags::LOOPBACK } else { 0 });
        let first = parts.first()?;
        Some(Row {
            ifindex: first.ifindex.unwrap_or_default(),
            name: name.into(),
            flags: Some(flags),
            counters,
            lacks_drop_out: cells.oqdrops.is_none(),
            link_modes: LinkModes { speed_mbits: SPEED_UNKNOWN, duplex: None },
            more: MoreCounters { collisions: cells.collisions, ..MoreCounters::default() },
            state: LinkState {
                ifindex: first.ifindex,
                flags: Some(flags),
                mtu: first.mtu,
                ..LinkState::default()
            },
            properties: Properties { mac: mac(&first.address), ..Properties::default() },
        })
    }
}

/// How many interfaces are left out.
struct LeftOut(usize);

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("1 interface is left out"),
            count => write!(f, "{count} interfaces are left out"),
        }
    }
}

/// The names of all interfaces.
struct Names {
    all: Vec<Name>,
    /// In the order of their bytes.
    sorted: Vec<Name>,
    /// Those that are up.
    up: HashSet<Name>,
}

impl Names {
    /// The table's row of that name, unless another one may be cut short to it.
    fn sure<'t>(&self, table: &'t Table, name: &Name) -> Option<&'t Link> {
        // Behind a name stand those that begin with it.
        let next = self.sorted.get(self.sorted.partition_point(|other| other <= name));
        let is_whole = is_short(name) || !next.is_some_and(|next| next.starts_with(name));
        // An odd row may be the one of that name.
        let (_, count) = table.find(name)?;
        table.row(name).filter(|_| is_whole && count == 1 && !table.odd.contains(name))
    }
}

/// Whether a name is so short that none is cut to it.
fn is_short(name: &[u8]) -> bool {
    name.len() <= SURE_LENGTH
}

/// A table that netstat printed.
struct Table {
    flags: &'static str,
    links: Vec<Link>,
    /// Where each name stands first, and how often.
    by_name: HashMap<Name, (usize, usize)>,
    /// The names of the rows that could not be read.
    odd: HashSet<Name>,
}

/// A row of it.
#[derive(Clone)]
struct Link {
    name: Name,
    is_up: bool,
    ifindex: Option<u32>,
    mtu: Option<u32>,
    address: Box<[u8]>,
    cells: Cells,
}

impl Table {
    fn push(&mut self, row: &LinkRow<'_>) {
        let &LinkRow { name, is_up, ifindex, mtu, address, cells } = row;
        let (_, count) = self.by_name.entry(name.into()).or_insert((self.links.len(), 0));
        *count += 1;
        self.links.push(Link {
            name: name.into(),
            is_up,
            ifindex,
            mtu,
            address: address.into(),
            cells,
        });
    }

    /// Where the name stands first, and how often.
    fn find(&self, name: &[u8]) -> Option<(usize, usize)> {
        self.by_name.get(name).copied()
    }

    /// The first row of that name.
    fn row(&self, name: &[u8]) -> Option<&Link> {
        let (place, _) = self.find(name)?;
        self.links.get(place)
    }
}

/// Whether that is the name of a loopback: netstat tells no flags.
fn is_loopback(name: &[u8]) -> bool {
    let unit = name.strip_prefix(b"lo").unwrap_or_default();
    !unit.is_empty() && unit.iter().all(u8::is_ascii_digit)
}

/// The link-layer address, where the cell is one: a loopback has its name there.
fn mac(cell: &[u8]) -> Box<[u8]> {
    if cell.contains(&b':') && is_address(cell) {
        cell.to_ascii_lowercase().into()
    } else {
        Box::default()
    }
}
