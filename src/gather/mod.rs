//! What one gather is: read every namespace once, select, and have the records of each table appended.

mod first_gather;
pub mod namespace;
pub mod report;

use std::time::{Duration, Instant, SystemTime};

use self::first_gather::{Doubles, Seen, Unmatched};
use self::report::Batch;
use crate::config::{Config, List, Table};
use crate::format::Format;
use crate::log::{Level, Log, Problems};
use crate::quoted::Quoted;
use crate::select::Tally;
use crate::system::{self, CurrentHost, Events, Host, Source as _};

/// Gathers for all `[[inputs.net]]` tables.
#[derive(Debug)]
pub struct Collector<H = CurrentHost> {
    tables: Vec<Table>,
    format: &'static dyn Format,
    host: H,
    problems: Problems,
    /// What each record of a gather ends in.
    end: Vec<u8>,
    /// When the last batch was made, since the system started.
    last_batch: Option<Duration>,
    /// Nothing was gathered yet.
    is_first: bool,
}

impl<H: Host> Collector<H> {
    /// Opens the sources that the tables name, and says which. What cannot be had at the moment is
    /// tried again by gathers.
    #[must_use]
    pub fn new(config: Config, format: &'static dyn Format, log: Log) -> Self {
        let Config { mut tables, warnings } = config;
        for warning in warnings {
            log.warn(format_args!("{warning}"));
        }
        Self {
            host: H::open(&mut tables, format, log),
            tables,
            format,
            problems: Problems::new(log),
            end: Vec::new(),
            last_batch: None,
            is_first: true,
        }
    }

    /// Where log lines go.
    #[must_use]
    pub fn log(&self) -> Log {
        self.problems.log()
    }

    /// These end a wait when there are kernel events to [follow](Self::follow_events).
    #[must_use]
    pub fn events(&self) -> Events<'_> {
        self.host.events()
    }

    /// When to [follow](Self::follow_events) at the latest: what has no event is looked after then.
    #[must_use]
    pub fn next_look(&self) -> Option<Instant> {
        self.host.next_look()
    }

    /// Takes in the kernel's events that are there.
    pub fn follow_events(&mut self) {
        self.host.follow();
    }

    /// Reads the counters of this moment and appends their records to `batch`: table by table, the
    /// interfaces in the kernel's order, then the protocol statistics, all with the same timestamp.
    ///
    /// What can take long is asking drivers and files, and many namespaces. Once `hurry` says so, no
    /// more are asked: lines have no speed then, and an interface that only its flags could select has
    /// none.
    ///
    /// Returns how many records there are.
    pub fn gather(&mut self, batch: &mut Vec<u8>, mut hurry: impl FnMut() -> bool) -> usize {
        let start = Instant::now();
        let is_first = std::mem::take(&mut self.is_first);
        self.host.read(&self.tables, &mut self.problems, &mut hurry);
        if is_first {
            // Before drivers are asked, which keeps the kernel from telling what else there is.
            self.report_unmatched();
        }
        self.host.read_details(&self.tables, &mut self.problems, &mut hurry);
        let Self { tables, format, host, end, last_batch, .. } = self;
        // The kernel may have kept the first reading waiting.
        let first = host.namespaces().filter_map(|(namespace, _)| namespace.read_at()).min();
        end.clear();
        format.end(end, time_of_day_ns(first.unwrap_or(start)));
        let now = system::since_boot();
        let slack = last_batch.replace(now);
        let slack = slack.map_or(Duration::ZERO, |last| now.saturating_sub(last) / 2);
        let mut batch = Batch { bytes: batch, end, now, slack, quiet: 0, count: 0 };
        for numbered in tables.iter().enumerate() {
            for (namespace, statistics) in host.namespaces_mut() {
                namespace.append(&mut batch, numbered, statistics);
            }
        }
        format.finish(batch.bytes);
        let Batch { quiet, count, .. } = batch;
        if is_first && tables.len() > 1 {
            self.report_doubles();
        }
        self.problems.end_of_gather();
        if self.log().debug {
            self.say_gather(start, count, quiet);
        }
        count
    }

    /// Says what a gather was.
    fn say_gather(&mut self, start: Instant, lines: usize, quiet: usize) {
        let left_out = self.tally().to_string();
        let namespaces = self.host.namespaces_mut();
        let asked: usize =
            namespaces.map(|(namespace, _)| namespace.source_mut().take_asked()).sum();
        self.log().line(
            Level::Debug,
            format_args!(
                "gathered {lines} lines in {:.1} ms; interfaces left out: {}; lines left out by \
                 dedup_interval: {quiet}; drivers asked for their speed: {asked}",
                start.elapsed().as_secs_f64() * 1e3,
                if left_out.is_empty() { "none" } else { &left_out },
            ),
        );
    }

    /// What the tables make of all interfaces.
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.host.namespaces().for_each(|(namespace, _)| namespace.count(&mut tally));
        tally
    }

    /// Why the last gather had no line, though nothing was left out for having been written before.
    #[must_use]
    pub fn why_nothing(&self) -> String {
        let tally = self.tally();
        let mut reasons = Vec::new();
        for table in self.tables.iter().filter(|table| self.selects_no_namespace(table)) {
            let includes =
                table.entries.iter().filter(|entry| entry.list == List::NamespaceInclude);
            let includes = includes.map(|entry| Quoted(entry.text.as_bytes()).to_string());
            let includes = includes.collect::<Vec<_>>().join(", ");
            reasons.push(match includes.as_str() {
                "" => "namespace_exclude leaves no namespace".to_owned(),
                includes => format!("no namespace matches {includes}"),
            });
        }
        let left_out = tally.to_string();
        match tally.total() {
            0 if reasons.is_empty() => reasons.push("no interface can be read".to_owned()),
            0 => {}
            1 => reasons.push(format!("the only interface is left out ({left_out})")),
            total => reasons.push(format!("all {total} interfaces are left out ({left_out})")),
        }
        if !H::HAS_PROTOCOLS {
            return reasons.join(", and ");
        }
        let is_off = self.tables.iter().all(|table| table.protocols.is_empty());
        if is_off {
            reasons.push("no protocol statistics are asked for".to_owned());
        } else if tally.total() > 0 {
            reasons.push("there are no protocol statistics".to_owned());
        }
        reasons.join(", and ")
    }

    /// Whether the table reports others than our own namespace, and selects none of those that there
    /// are.
    fn selects_no_namespace(&self, table: &Table) -> bool {
        let is_selected = |name: &Vec<u8>| table.namespaces.selects(name);
        !table.namespaces.selects(b"")
            && self.host.other_names().is_some_and(|names| !names.iter().any(is_selected))
    }

    /// Says which entries of the configuration match nothing of what was read.
    fn report_unmatched(&mut self) {
        let Self { tables, host, problems, .. } = self;
        let mut unmatched = Unmatched::of(tables);
        show(tables, host, &mut |table, seen| unmatched.see(table, seen));
        unmatched.end();
        if unmatched.is_empty() {
            return;
        }
        show(tables, host, &mut |table, seen| unmatched.compare(table, seen));
        if unmatched.may_be_altnames() {
            host.show_altnames(&mut |table, altname| unmatched.see_altname(table, altname));
        }
        unmatched.report(problems.log());
    }

    /// Says what two tables both report.
    fn report_doubles(&self) {
        let mut doubles = Doubles::new(self.log());
        for (number, table) in self.tables.iter().enumerate() {
            for (namespace, statistics) in self.host.namespaces() {
                namespace.show_reported((number, table), statistics, &mut |reported| {
                    doubles.see(number, reported);
                });
            }
        }
    }

    /// Does what could wait until the batch was written.
    pub fn after_write(&mut self) {
        self.host.after_write();
    }
}

/// Shows what was read for each table, by the tables' numbers.
fn show<'a, H: Host>(tables: &[Table], host: &'a H, see: &mut impl FnMut(usize, Seen<'a>)) {
    for (namespace, statistics) in host.namespaces() {
        namespace.show(statistics, see);
    }
    let Some(names) = host.other_names() else { return };
    let has_others =
        |(_, table): &(usize, &Table)| table.namespaces.may_select_more_than(|_| false);
    for (number, _) in tables.iter().enumerate().filter(has_others) {
        let names = names.iter().map(Vec::as_slice);
        names.chain([&b""[..]]).for_each(|name| see(number, Seen::Namespace(name)));
    }
}

/// The time of day at that moment of late, in nanoseconds since 1970.
fn time_of_day_ns(moment: Instant) -> i64 {
    let then = SystemTime::now().checked_sub(moment.elapsed()).unwrap_or(SystemTime::UNIX_EPOCH);
    let since_1970 = then.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_nanos()).unwrap_or(i64::MAX)
}
