//! What one gather is: read every namespace once, select, and have the records of each table appended.

pub mod entries;
mod first_gather;
pub mod namespace;
pub mod report;

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use self::entries::Seen;
use self::first_gather::{Doubles, Unmatched};
use self::report::{Batch, Shown};
use crate::config::{Config, List, Table};
use crate::format::Format;
use crate::log::{Level, Log, Problems};
use crate::quoted::Quoted;
use crate::select::Tally;
use crate::system::facts::{Others, Way};
use crate::system::{self, Altname, CurrentHost, Events, Host, NamedByNumber, Source as _};

pub use self::first_gather::UnmatchedEntry;

/// Of so many entries that match nothing, each has a line of its own in the log.
const MAX_UNMATCHED: usize = 8;

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

    /// The same for a person who asks what the first gather would say of the configuration, such as
    /// [entries that match nothing](Self::unmatched): it does not log that.
    #[must_use]
    pub fn for_a_look(config: Config, format: &'static dyn Format, log: Log) -> Self {
        let config = Config { warnings: Vec::new(), ..config };
        Self { is_first: false, ..Self::new(config, format, log) }
    }

    /// How the table of that number reads our own network namespace, or the host's; `None` where it does
    /// not report that.
    #[must_use]
    pub fn way(&self, number: usize) -> Option<Way> {
        self.host.way(&self.tables, number)
    }

    /// The other network namespaces that there are, and what becomes of them.
    #[must_use]
    pub fn others(&mut self) -> Others {
        self.host.others(&self.tables, self.problems.log())
    }

    /// What is wrong since the last gather.
    pub fn problems(&self) -> impl Iterator<Item = (Level, &str)> {
        self.problems.lasting()
    }

    /// Shows the names of interfaces with their alternative ones, by the numbers of the tables that
    /// report them.
    pub fn show_altnames(&mut self, see: &mut dyn FnMut(usize, Altname<'_>)) {
        self.host.show_altnames(see);
    }

    /// Which network namespaces others name by these numbers, as
    /// [the host tells](Host::names_by_numbers).
    pub fn names_by_numbers(&mut self, wanted: &NamedByNumber) -> HashMap<(Vec<u8>, i32), Vec<u8>> {
        self.host.names_by_numbers(wanted)
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
            for double in self.doubles() {
                self.log().warn(format_args!("{double}"));
            }
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
                "gathered {lines} {} in {:.1} ms; interfaces left out: {}; lines left out by \
                 dedup_interval: {quiet}; drivers asked for their speed: {asked}",
                if lines == 1 { "line" } else { "lines" },
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
        let mut reasons = self.reasons();
        if !H::HAS_PROTOCOLS {
            return reasons.join(", and ");
        }
        let is_off = self.tables.iter().all(|table| table.protocols.is_empty());
        if is_off {
            reasons.push("no protocol statistics are asked for".to_owned());
        } else if self.tally().total() > 0 {
            reasons.push("there are no protocol statistics".to_owned());
        }
        reasons.join(", and ")
    }

    /// Why the last gather had no line of an interface, though none was left out for having been written
    /// before.
    #[must_use]
    pub fn why_no_interface(&self) -> String {
        self.reasons().join(", and ")
    }

    /// Why no interface is reported.
    fn reasons(&self) -> Vec<String> {
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
        reasons
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
        let (told, more) = self.unmatched(MAX_UNMATCHED);
        for UnmatchedEntry { list, text, line, what, hint, .. } in told {
            self.log().info(format_args!(
                "{} {} matches no {what} at the start (line {line} of the configuration){hint}",
                list.name(),
                Quoted(text.as_bytes()),
            ));
        }
        if more > 0 {
            self.log().info(format_args!("{more} more entries of the configuration match nothing"));
        }
    }

    /// The entries of the configuration that match nothing of what the last gather has read, up to so
    /// many, and how many more there are.
    pub fn unmatched(&mut self, most: usize) -> (Vec<UnmatchedEntry>, usize) {
        let Self { tables, host, .. } = self;
        let mut unmatched = Unmatched::of(tables, most);
        show(tables, host, &mut |table, seen| unmatched.see(table, seen));
        unmatched.end();
        if !unmatched.is_empty() {
            show(tables, host, &mut |table, seen| unmatched.compare(table, seen));
            if unmatched.may_be_altnames() {
                host.show_altnames(&mut |table, altname| unmatched.see_altname(table, altname));
            }
        }
        unmatched.into_told()
    }

    /// What is to be said of what two tables both report.
    #[must_use]
    pub fn doubles(&self) -> Vec<String> {
        let mut doubles = Doubles::new();
        for (number, table) in self.tables.iter().enumerate() {
            for (namespace, statistics) in self.host.namespaces() {
                namespace.show_reported((number, table), statistics, &mut |reported| {
                    doubles.see(number, reported);
                });
            }
        }
        doubles.into_told()
    }

    /// The tables of the configuration.
    #[must_use]
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// What the last gather has read counters by, for people.
    #[must_use]
    pub fn sources(&self) -> Vec<String> {
        let mut sources = Vec::new();
        for (namespace, _) in self.host.namespaces().filter(|(namespace, _)| namespace.is_read()) {
            let name = namespace.source().name();
            if !sources.contains(&name) {
                sources.push(name);
            }
        }
        sources
    }

    /// Shows what the tables made of all that the last gather has read: table by table, the interfaces in
    /// the kernel's order, then the protocol statistics, as the lines are.
    pub fn show(&self, see: &mut dyn FnMut(Shown<'_>)) {
        for numbered in self.tables.iter().enumerate() {
            for (namespace, statistics) in self.host.namespaces() {
                namespace.show_all(numbered, statistics, see);
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
