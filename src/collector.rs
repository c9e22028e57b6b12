//! What one gather is: read every source once, select, and encode the lines of each table.

use std::time::SystemTime;

use crate::config::{Config, Table};
use crate::encode;
use crate::interface::telegraf_name;
use crate::log::{Log, Problems};
use crate::source::procfs::{Presence, Procfs};

/// Gathers for all `[[inputs.net]]` tables.
#[derive(Debug)]
pub struct Collector {
    reports: Vec<Report>,
    /// One for each proc file system that the tables name.
    sources: Vec<Source>,
    problems: Problems,
}

/// A table, and where what it reports comes from.
#[derive(Debug)]
struct Report {
    table: Table,
    /// The place of its source among all of them.
    source: usize,
    /// The number of its sysfs in that source.
    sys: usize,
}

#[derive(Debug)]
struct Source {
    procfs: Procfs,
    want_protocols: bool,
}

impl Collector {
    /// Opens the sources that the tables name.
    #[must_use]
    pub fn new(config: Config, log: Log) -> Self {
        let mut sources = Vec::<Source>::new();
        let mut reports = Vec::new();
        for table in config.tables {
            let known = sources.iter().position(|source| *source.procfs.proc() == table.proc);
            let number = known.unwrap_or_else(|| {
                let procfs = Procfs::open(table.proc.clone(), log);
                sources.push(Source { procfs, want_protocols: false });
                sources.len() - 1
            });
            if let Some(source) = sources.get_mut(number) {
                source.want_protocols |= !table.ignore_protocol_stats;
                let sys = source.procfs.add_sys(table.sys.as_deref(), log);
                reports.push(Report { table, source: number, sys });
            }
        }
        Self { reports, sources, problems: Problems::new(log) }
    }

    /// Reads the counters of this moment and appends their lines to `batch`: table by table, the
    /// interfaces in the kernel's order, then `interface=all`, all with the same timestamp.
    ///
    /// What can take long is asking for flags and speeds. Once `hurry` says so, no more are asked
    /// for: lines have no speed then, and an interface that only its flags could select has none.
    pub fn gather(&mut self, batch: &mut Vec<u8>, mut hurry: impl FnMut() -> bool) {
        let timestamp_ns = now_ns();
        for source in &mut self.sources {
            source.procfs.read(source.want_protocols, &mut self.problems);
        }
        let mut hurried = false;
        for Report { table, source, sys } in &self.reports {
            let Some(Source { procfs, .. }) = self.sources.get_mut(*source) else { continue };
            for number in 0..procfs.interface_count() {
                hurried = hurried || hurry();
                if !is_reported(table, procfs, *sys, number, hurried) {
                    continue;
                }
                let speed_mbits = (!hurried).then(|| procfs.speed_mbits(*sys, number));
                let Some((name, counters)) = procfs.interface(number) else { continue };
                let name = telegraf_name(name);
                encode::interface_line(
                    batch,
                    name,
                    &counters,
                    speed_mbits,
                    table.unsigned,
                    timestamp_ns,
                );
            }
            if !table.ignore_protocol_stats {
                encode::protocol_line(batch, procfs.protocols(), timestamp_ns);
            }
        }
        self.problems.end_of_gather();
    }
}

/// Whether a table reports an interface: the pattern decides, and without one, that it is up and
/// no loopback, or that nobody can tell.
fn is_reported(
    table: &Table,
    procfs: &mut Procfs,
    sys: usize,
    number: usize,
    hurried: bool,
) -> bool {
    let Some((name, _)) = procfs.interface(number) else { return false };
    let name = telegraf_name(name);
    if name.is_empty() {
        return false;
    }
    match &table.interfaces {
        Some(patterns) => patterns.matches(name),
        None if hurried => false,
        None => match procfs.presence(sys, number) {
            Presence::Known(flags) => flags.is_up() && !flags.is_loopback(),
            Presence::Unknown => true,
            Presence::Gone => false,
        },
    }
}

/// The time of day, in nanoseconds since 1970.
fn now_ns() -> i64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX)
}
