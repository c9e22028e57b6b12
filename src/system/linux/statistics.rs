//! The files of protocol statistics below `/proc/net`, one row each.

use std::fmt;
use std::path::Path;

use crate::log::{Level, Problems};
use crate::model::protocol::{Group, Groups, ProtocolStatistics};
use crate::parse::{proc_net_snmp, proc_net_snmp6, proc_net_sockstat, proc_net_softnet_stat};
use crate::quoted::{Quoted, QuotedPath};
use crate::system::unix::file::ReadMode;

/// A file of protocol statistics: a row of the table.
#[derive(Debug)]
pub struct StatisticsFile {
    /// Its name below `/proc/net`.
    pub name: &'static str,
    /// What it holds.
    pub groups: &'static [Group],
    /// How it is to be read.
    pub mode: ReadMode,
    /// Takes what its text tells.
    pub take: fn(&[u8], Wanted, &mut ProtocolStatistics, &mut BadRows<'_>),
}

/// What is wanted of a file.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// These groups, all of them of that file.
    pub groups: Groups,
    /// Not what the kernel counts for the whole machine.
    pub without_machine: bool,
}

/// All of them, in the order of their fields in a record.
pub static FILES: [StatisticsFile; 6] = [
    StatisticsFile {
        name: "snmp",
        groups: &[Group::Ip, Group::Icmp, Group::IcmpMsg, Group::Tcp, Group::Udp, Group::UdpLite],
        mode: ReadMode::AtOnce,
        take: take_snmp,
    },
    StatisticsFile {
        name: "snmp6",
        groups: &[Group::Ip6, Group::Icmp6, Group::Udp6, Group::UdpLite6],
        mode: ReadMode::AtOnce,
        take: take_snmp6,
    },
    StatisticsFile {
        name: "netstat",
        groups: &[Group::TcpExt, Group::IpExt, Group::MptcpExt],
        mode: ReadMode::AtOnce,
        take: take_snmp,
    },
    StatisticsFile {
        name: "sockstat",
        groups: &[Group::Sockstat],
        mode: ReadMode::AtOnce,
        take: |text, wanted, statistics, bad_rows| {
            take_sockstat(Group::Sockstat, text, wanted, statistics, bad_rows);
        },
    },
    StatisticsFile {
        name: "sockstat6",
        groups: &[Group::Sockstat6],
        mode: ReadMode::AtOnce,
        take: |text, wanted, statistics, bad_rows| {
            take_sockstat(Group::Sockstat6, text, wanted, statistics, bad_rows);
        },
    },
    StatisticsFile {
        name: "softnet_stat",
        groups: &[Group::Softnet],
        mode: ReadMode::RowByRow,
        take: take_softnet_stat,
    },
];

/// `snmp` and `netstat`, which have one format.
fn take_snmp(
    text: &[u8],
    wanted: Wanted,
    statistics: &mut ProtocolStatistics,
    bad_rows: &mut BadRows<'_>,
) {
    let wanted = |name: &str| Group::of_name(name).filter(|&group| wanted.groups.contains(group));
    proc_net_snmp::statistics(
        text,
        wanted,
        |group, statistic| statistics.push(group, None, statistic.column, statistic.value),
        |error| bad_rows.report(error.line, [error.group, error.column], &error),
    );
}

fn take_snmp6(
    text: &[u8],
    wanted: Wanted,
    statistics: &mut ProtocolStatistics,
    bad_rows: &mut BadRows<'_>,
) {
    for statistic in proc_net_snmp6::statistics(text) {
        match statistic {
            Ok(statistic) if wanted.groups.contains(statistic.group) => {
                statistics.push(statistic.group, None, statistic.column, statistic.value);
            }
            Ok(_) => {}
            Err(error) => bad_rows.report(error.line, [Some(error.name), None], &error),
        }
    }
}

fn take_sockstat(
    group: Group,
    text: &[u8],
    wanted: Wanted,
    statistics: &mut ProtocolStatistics,
    bad_rows: &mut BadRows<'_>,
) {
    proc_net_sockstat::statistics(
        text,
        |one| {
            if !(wanted.without_machine && is_of_machine(one.row, one.column)) {
                statistics.push(group, Some(one.row), one.column, one.value);
            }
        },
        |error| bad_rows.report(error.line, [None, None], &error),
    );
}

fn take_softnet_stat(
    text: &[u8],
    _: Wanted,
    statistics: &mut ProtocolStatistics,
    bad_rows: &mut BadRows<'_>,
) {
    match proc_net_softnet_stat::sums(text) {
        Ok(sums) => {
            for (column, value) in sums {
                statistics.push(Group::Softnet, None, column, value);
            }
        }
        Err(error) => bad_rows.report(error.line, [None, None], &error),
    }
}

/// Whether a statistic of `sockstat` is the whole machine's, whichever network namespace the file is
/// read in (`sockstat_seq_show` in `net/ipv4/proc.c`): orphans, allocated sockets and memory are
/// counted by protocol. So is all of [`Group::Softnet`], which is counted by processor; all else is
/// the namespace's.
fn is_of_machine(row: &str, column: &str) -> bool {
    matches!((row, column), ("TCP", "orphan" | "alloc" | "mem") | ("UDP", "mem"))
}

/// The most bad rows of one file that are logged one by one.
const MAX_ROW_PROBLEMS: usize = 8;

/// A file as it is named in messages: by its path, and the network namespace that it is of, where it has
/// been told.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a Path, pub &'a Option<Vec<u8>>);

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
#[derive(Debug)]
pub struct BadRows<'a> {
    file: Shown<'a>,
    problems: &'a mut Problems,
    /// How many there were.
    pub count: usize,
}

impl<'a> BadRows<'a> {
    /// None yet.
    pub fn new(file: Shown<'a>, problems: &'a mut Problems) -> Self {
        Self { file, problems, count: 0 }
    }

    /// The names make it the same problem at the next gather; without one, the line's number does.
    pub fn report(&mut self, line: usize, names: [Option<&[u8]>; 2], error: &dyn fmt::Display) {
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
