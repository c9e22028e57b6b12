//! Interfaces by the program `netstat`, as Telegraf reads them on these systems: each output is a table, and
//! some systems need several for all counters, or cut names short.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
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

use super::program::{Program, RunError};

/// How long all programs of a reading may take together. They take milliseconds, and Telegraf's shortest
/// usual interval is ten seconds.
const TIME_LIMIT: Duration = Duration::from_secs(3);

/// A name of this length can be cut short nowhere.
const SURE_LENGTH: usize = 4;

/// Of so many bad rows of an output, each has a line of its own in the log.
const MAX_LINES: usize = 8;

/// The programs, and how long they may take.
#[derive(Debug, Clone)]
pub struct Programs {
    /// `netstat`.
    pub netstat: PathBuf,
    /// `ifconfig`, which is asked for names.
    pub ifconfig: PathBuf,
    /// How long all of a reading may take together.
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

impl fmt::Display for NetstatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(error) => error.fmt(f),
            Self::Format { command, error } => write!(f, "{command}: {error}"),
        }
    }
}

/// Appends the interfaces that a system's netstat tells.
///
/// # Errors
///
/// When there is nothing to report.
pub fn read(
    programs: &Programs,
    system: System,
    rows: &mut Vec<Row>,
    problems: &mut Problems,
) -> Result<(), NetstatError> {
    let dialect = Dialect::of(system);
    let session = Session { programs, deadline: Instant::now() + programs.time_limit };
    let tables = dialect.tables.iter().map(|flags| session.table(flags, None, problems));
    let tables = tables.collect::<Result<Vec<_>, _>>()?;
    let names = dialect.cuts_names.then(|| session.names());
    match names {
        Some(Ok(names)) => {
            for name in &names.all {
                let mut parts = Vec::new();
                for table in &tables {
                    parts.extend(match table.sure(name) {
                        Some(link) => Some(link.clone()),
                        None => session.ask(table.flags, name, problems),
                    });
                }
                // It has gone in between.
                if parts.len() == tables.len() {
                    rows.extend(dialect.row(name, names.up.contains(name), &parts, problems));
                }
            }
        }
        Some(Err(error)) => {
            let message =
                format_args!("{error}: interfaces whose names netstat cuts short are left out");
            problems.report("ifconfig", Level::Warn, message);
            push_all(&dialect, &tables, |name| name.len() <= SURE_LENGTH, rows, problems);
        }
        None => push_all(&dialect, &tables, |_| true, rows, problems),
    }
    Ok(())
}

/// Appends the interfaces of the tables by the names that stand there, if these are whole.
fn push_all(
    dialect: &Dialect,
    tables: &[Table],
    is_whole: impl Fn(&[u8]) -> bool,
    rows: &mut Vec<Row>,
    problems: &mut Problems,
) {
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
                    problems.report(&format!("netstat doubles {name}"), Level::Error, message);
                }
                continue;
            }
            None => continue,
        }
        let mut parts = Vec::new();
        for table in tables {
            let part = table.find(name).and_then(|(place, _)| table.links.get(place));
            if part.is_none() {
                let key = format!("netstat {} {}", table.flags, Quoted(name));
                let message =
                    format_args!("netstat {} has no row of {}", table.flags, Quoted(name));
                problems.report(&key, Level::Error, message);
            }
            parts.extend(part.cloned());
        }
        if parts.len() == tables.len() {
            rows.extend(dialect.row(name, link.is_up, &parts, problems));
        }
    }
}

/// What the programs are asked in one reading.
struct Session<'a> {
    programs: &'a Programs,
    deadline: Instant,
}

/// The names of all interfaces.
struct Names {
    all: Vec<Name>,
    /// Those that are up.
    up: Vec<Name>,
}

impl Session<'_> {
    /// A table, or its row of one interface.
    fn table(
        &self,
        flags: &'static str,
        interface: Option<&[u8]>,
        problems: &mut Problems,
    ) -> Result<Table, NetstatError> {
        let mut arguments = vec![OsStr::new(flags)];
        if let Some(interface) = interface {
            arguments.extend([OsStr::new("-I"), OsStr::from_bytes(interface)]);
        }
        let netstat = Program { path: &self.programs.netstat, arguments: &arguments };
        let output = netstat.run(self.deadline).map_err(NetstatError::Run)?;
        let command = || netstat.to_string();
        let found = link_rows(&output)
            .map_err(|error| NetstatError::Format { command: command(), error })?;
        let mut table = Table { flags, links: Vec::new(), by_name: HashMap::new() };
        let mut bad = 0;
        for row in found {
            match row {
                Ok(row) => table.push(&row),
                Err(error) => {
                    bad += 1;
                    if bad <= MAX_LINES {
                        // What it says may be another thing each time.
                        let key = format!("{netstat} {}", error.line);
                        problems.report(&key, Level::Error, format_args!("{netstat} {error}"));
                    }
                }
            }
        }
        if let Some(more @ 1..) = bad.checked_sub(MAX_LINES) {
            let message = format_args!("{netstat}: {more} more bad rows");
            problems.report(&format!("{netstat} bad rows"), Level::Error, message);
        }
        Ok(table)
    }

    /// The row of an interface whose name is cut short in the table; `None` where it has gone.
    fn ask(&self, flags: &'static str, name: &[u8], problems: &mut Problems) -> Option<Link> {
        let table = self.table(flags, Some(name), problems);
        let table = table.inspect_err(|error| {
            let key = format!("netstat {flags} {}", Quoted(name));
            problems.report(&key, Level::Error, format_args!("{error}"));
        });
        let is_of = |link: &Link| name.starts_with(&link.name);
        table.ok()?.links.into_iter().find(is_of)
    }

    /// The names of the interfaces, in the system's order.
    fn names(&self) -> Result<Names, RunError> {
        let list = |arguments: &[&str]| {
            let arguments: Vec<_> = arguments.iter().map(OsStr::new).collect();
            let ifconfig = Program { path: &self.programs.ifconfig, arguments: &arguments };
            let output = ifconfig.run(self.deadline)?;
            let names = output.split(u8::is_ascii_whitespace).filter(|name| !name.is_empty());
            Ok(names.map(Name::from).collect())
        };
        Ok(Names { all: list(&["-l"])?, up: list(&["-l", "-u"])? })
    }
}

/// A table that netstat printed.
struct Table {
    flags: &'static str,
    links: Vec<Link>,
    /// Where each name stands first, and how often.
    by_name: HashMap<Name, (usize, usize)>,
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

    /// The row of that name, unless others are cut short to the same one.
    fn sure(&self, name: &[u8]) -> Option<&Link> {
        let (place, count) = self.find(name)?;
        self.links.get(place).filter(|_| count == 1)
    }
}

impl Dialect {
    /// What the rows of an interface tell together. What counters they lack costs the interface, but for
    /// packets dropped on transmit.
    fn row(
        &self,
        name: &[u8],
        is_up: bool,
        parts: &[Link],
        problems: &mut Problems,
    ) -> Option<Row> {
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
            drop_in: if self.has_iqdrops { told(cells.iqdrops, "Idrop") } else { 0 },
            drop_out: cells.oqdrops.unwrap_or_default(),
        };
        if let Some(column) = lacking {
            let name = Quoted(name);
            let message =
                format_args!("netstat {} tells no {column} of {name}", self.tables.join(", "));
            problems.report(&format!("netstat lacks {name}"), Level::Error, message);
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
