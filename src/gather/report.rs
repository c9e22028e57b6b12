//! What each table reports of one network namespace: what is decided once about an interface, what was
//! written last, and what is left out because it says nothing new.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::config::Table;
use crate::format::Format;
use crate::format::choice::{Choice, Part, Which};
use crate::model::counters::Counters;
use crate::model::interface::{Interface, telegraf_name};
use crate::model::protocol::{ProtocolStatistic, ProtocolStatistics};
use crate::model::rates::Reading;
use crate::select::{Tally, Verdict};

/// What the tables report of one namespace.
#[derive(Debug)]
pub struct Report {
    format: &'static dyn Format,
    tables: Vec<TableReport>,
    /// The version of the interfaces that the rows are for.
    version: Option<u64>,
    /// A record that is compared with the one before.
    text: Vec<u8>,
}

/// What one table makes of the namespace.
#[derive(Debug)]
struct TableReport {
    /// Its number in the configuration.
    table: usize,
    /// The tags of all lines beside those of their interfaces: none for our own namespace; of others
    /// the name, and what else is told of them.
    tags: Vec<(&'static str, Vec<u8>)>,
    /// One for each interface, in the source's order.
    rows: Vec<InterfaceReport>,
    protocols: Record,
    /// The version of the statistics that it was written for.
    protocols_version: Option<u64>,
}

/// What is decided about one interface, for as long as it stays what it is.
#[derive(Debug)]
struct InterfaceReport {
    generation: u64,
    verdict: Verdict,
    /// How much of the line stands before the fields.
    prefix: u32,
    /// The number of the reading that the line was written for.
    written: u64,
    record: Record,
}

/// A record without its end.
#[derive(Debug, Default)]
struct Record {
    text: Vec<u8>,
    /// When it was last part of a batch, whole, in nanoseconds since the system started; kept only where
    /// that matters.
    sent: Option<NonZeroU64>,
    /// Which of its fields are written, where some are left out.
    choice: Option<Box<Choice>>,
}

/// What all lines of a batch have in common.
#[derive(Debug)]
pub struct Batch<'a> {
    /// What the lines are appended to.
    pub bytes: &'a mut Vec<u8>,
    /// What each record ends in.
    pub end: &'a [u8],
    /// The moment, since the system started (`CLOCK_BOOTTIME`): a database has no lines of the time
    /// that it was suspended for.
    pub now: Duration,
    /// By how much a line may come again early, rather than a whole interval late: half an interval.
    pub slack: Duration,
    /// How many records were left out by `dedup_interval`.
    pub quiet: usize,
    /// How many it has.
    pub count: usize,
}

impl Report {
    /// Of no table yet, in that format.
    #[must_use]
    pub fn new(format: &'static dyn Format) -> Self {
        Self { format, tables: Vec::new(), version: None, text: Vec::new() }
    }

    /// Makes lines for that table too, by its number in the configuration, all of them with these
    /// tags.
    pub fn add_table(&mut self, number: usize, tags: Vec<(&'static str, Vec<u8>)>) {
        let (rows, protocols, protocols_version) = (Vec::new(), Record::default(), None);
        self.tables.push(TableReport { table: number, tags, rows, protocols, protocols_version });
    }

    /// Goes on with another source, which counts versions and readings anew. What was written last
    /// stays known.
    pub fn start_anew(&mut self) {
        self.version = None;
        for row in self.tables.iter_mut().flat_map(|report| &mut report.rows) {
            row.generation = 0;
        }
    }

    /// Decides which interfaces the tables report, where their version is another one than before.
    /// Returns whether it did.
    pub fn choose<'a, I>(&mut self, tables: &[Table], version: u64, interfaces: &I) -> bool
    where
        I: Iterator<Item = &'a Interface> + Clone,
    {
        if self.version == Some(version) {
            return false;
        }
        self.version = Some(version);
        let Self { format, tables: reports, .. } = self;
        for TableReport { table, tags, rows, .. } in reports {
            let Some(table) = tables.get(*table) else { continue };
            let mut before = Before::of(std::mem::take(rows));
            rows.reserve_exact(interfaces.clone().count());
            rows.extend(interfaces.clone().map(|interface| {
                before.take_same(interface.generation).unwrap_or_else(|| {
                    let row = InterfaceReport::of(*format, table, interface, tags);
                    // What it said last counts, as long as it says it under the same tags.
                    match before.take_record(row.tags()) {
                        Some(record) => InterfaceReport { record, ..row },
                        None => row,
                    }
                })
            }));
        }
        true
    }

    /// The numbers of the tables that it makes lines for.
    pub fn tables(&self) -> impl Iterator<Item = usize> {
        self.tables.iter().map(|report| report.table)
    }

    /// Counts what the tables make of the interfaces.
    pub fn count(&self, tally: &mut Tally) {
        let rows = self.tables.iter().flat_map(|report| &report.rows);
        rows.for_each(|row| tally.add(row.verdict));
    }

    /// How old the speed of the interface at that place may get; `None` when no table reports it.
    #[must_use]
    pub fn speed_refresh(&self, tables: &[Table], place: usize) -> Option<Duration> {
        let reports = |report: &&TableReport| {
            report.rows.get(place).is_some_and(InterfaceReport::is_reported)
        };
        let reporting = self.tables.iter().filter(reports);
        reporting.filter_map(|report| Some(tables.get(report.table)?.speed_refresh)).min()
    }

    /// Appends the lines of the interfaces that the reading found, for one table.
    pub fn append_interfaces<'a>(
        &mut self,
        batch: &mut Batch<'_>,
        (number, table): (usize, &Table),
        interfaces: impl Iterator<Item = &'a Interface>,
        reading: &Reading,
    ) {
        let Self { format, tables, text, .. } = self;
        let Some(report) = tables.iter_mut().find(|report| report.table == number) else { return };
        // In one piece, rather than in ever larger ones that leave holes behind.
        batch.bytes.reserve(report.rows.len() * (format.typical_len() + batch.end.len()));
        for (interface, row) in interfaces.zip(&mut report.rows) {
            if !row.is_reported() {
                continue;
            }
            let Some(counters) = interface.counters(reading) else { continue };
            // Most interfaces are idle most of the time.
            let is_new = row.written < interface.changed;
            if is_new {
                row.written = reading.number;
            }
            let prefix = row.tags().len();
            let fill = |text: &mut Vec<u8>, choice: Option<&mut Choice>| {
                format.fields(text, counters, interface, &table.fields, choice);
            };
            row.record.write(batch, table, text, (is_new, prefix), fill);
        }
    }

    /// Appends the line of the protocol statistics, for one table: always of the same list, whose version
    /// tells whether anything in it is another.
    pub fn append_protocols(
        &mut self,
        batch: &mut Batch<'_>,
        (number, table): (usize, &Table),
        statistics: &ProtocolStatistics,
    ) {
        let Self { format, tables, text, .. } = self;
        let Some(report) = tables.iter_mut().find(|report| report.table == number) else { return };
        let TableReport { tags, protocols, protocols_version, .. } = report;
        let is_new = protocols_version.replace(statistics.version()) != Some(statistics.version());
        let fill = |text: &mut Vec<u8>, choice: Option<&mut Choice>| {
            let (mut named, tags) = (named(table, statistics), &mut as_slices(tags));
            let Some(choice) = choice else { return format.protocols(text, tags, &mut named) };
            let takes = |one: &ProtocolStatistic<'_>| {
                choice.takes(Part::Counter, one.field, one.value.cast_unsigned())
            };
            format.protocols(text, tags, &mut named.filter(takes));
        };
        protocols.write(batch, table, text, (is_new, 0), fill);
    }

    /// Shows all that the tables could report in this reading, and what they make of it.
    pub fn show_all<'a>(
        &'a self,
        (number, table): (usize, &'a Table),
        interfaces: impl Iterator<Item = &'a Interface>,
        reading: &Reading,
        statistics: &'a ProtocolStatistics,
        see: &mut dyn FnMut(Shown<'a>),
    ) {
        let Some(report) = self.tables.iter().find(|report| report.table == number) else { return };
        let tags = report.tags.as_slice();
        for (interface, row) in interfaces.zip(&report.rows) {
            let (counters, verdict) = (interface.counters(reading), row.verdict);
            see(Shown::Interface { table: number, tags, interface, counters, verdict });
        }
        for statistic in named(table, statistics) {
            see(Shown::Protocol { table: number, tags, statistic });
        }
    }

    /// Shows what tables report in this reading, for a look at the whole of it.
    pub fn show<'a>(
        &'a self,
        (number, table): (usize, &'a Table),
        interfaces: impl Iterator<Item = &'a Interface>,
        reading: &Reading,
        statistics: &'a ProtocolStatistics,
        see: &mut impl FnMut(Reported<'a>),
    ) {
        let Some(report) = self.tables.iter().find(|report| report.table == number) else { return };
        let namespace = report.tags.iter().find(|(key, _)| *key == "namespace");
        let namespace = namespace.map(|(_, name)| &**name);
        for (interface, row) in interfaces.zip(&report.rows) {
            if row.is_reported() && interface.counters(reading).is_some() {
                let (tags, name) = (row.tags(), telegraf_name(&interface.name));
                see(Reported::Interface { tags, name, namespace });
            }
        }
        see(Reported::Protocols { tags: &report.tags, table, statistics });
    }
}

/// What a table makes of something that a gather has read, for a look at all of it.
#[derive(Debug, Clone, Copy)]
pub enum Shown<'a> {
    /// An interface, reported or not.
    Interface {
        /// The table's number.
        table: usize,
        /// The tags of all lines of its namespace: none of our own.
        tags: &'a [(&'static str, Vec<u8>)],
        /// What is known of it.
        interface: &'a Interface,
        /// Its counters; `None` where it was not there any more.
        counters: Option<&'a Counters>,
        /// Whether it is reported, or why not.
        verdict: Verdict,
    },
    /// One of those protocol statistics that the table names.
    Protocol {
        /// The table's number.
        table: usize,
        /// The tags of all lines of its namespace: none of our own.
        tags: &'a [(&'static str, Vec<u8>)],
        /// The statistic.
        statistic: ProtocolStatistic<'a>,
    },
}

/// Something that a table reports.
#[derive(Debug, Clone, Copy)]
pub enum Reported<'a> {
    /// An interface, whose records begin with these tags.
    Interface {
        /// In the words of the format.
        tags: &'a [u8],
        /// Its name, as Telegraf has it.
        name: &'a [u8],
        /// Its network namespace, if that is not our own.
        namespace: Option<&'a [u8]>,
    },
    /// Those of these protocol statistics that the table names.
    Protocols {
        /// Beside those of all such records.
        tags: &'a [(&'static str, Vec<u8>)],
        /// The table.
        table: &'a Table,
        /// All that were read.
        statistics: &'a ProtocolStatistics,
    },
}

/// Those statistics that the table names.
pub fn named<'a>(
    table: &'a Table,
    statistics: &'a ProtocolStatistics,
) -> impl Iterator<Item = ProtocolStatistic<'a>> {
    let is_named = |statistic: &ProtocolStatistic<'_>| {
        table.protocols.iter().any(|item| item.names(statistic))
    };
    statistics.iter().filter(is_named)
}

fn as_slices<'a>(
    tags: &'a [(&'static str, Vec<u8>)],
) -> impl Iterator<Item = (&'static str, &'a [u8])> {
    tags.iter().map(|(key, value)| (*key, value.as_slice()))
}

impl InterfaceReport {
    /// What the table makes of the interface, whose lines also have these tags.
    fn of(
        format: &dyn Format,
        table: &Table,
        interface: &Interface,
        tags: &[(&'static str, Vec<u8>)],
    ) -> Self {
        let verdict = table.selection.verdict(interface);
        let mut text = Vec::new();
        if verdict == Verdict::Reported {
            // About what the line of an idle interface takes, so that it seldom has to grow.
            text.reserve_exact(format.typical_len());
            let properties = table.interface_tags.iter().filter_map(|tag| tag.of(interface));
            let mut tags = as_slices(tags).chain(properties);
            format.interface(&mut text, telegraf_name(&interface.name), &mut tags);
        }
        Self {
            generation: interface.generation,
            verdict,
            prefix: u32::try_from(text.len()).unwrap_or(u32::MAX),
            written: 0,
            record: Record { text, ..Record::default() },
        }
    }

    fn is_reported(&self) -> bool {
        self.verdict == Verdict::Reported
    }

    /// What of the line stands before the fields.
    fn tags(&self) -> &[u8] {
        let prefix = usize::try_from(self.prefix).unwrap_or(usize::MAX);
        self.record.text.get(..prefix).unwrap_or_default()
    }
}

/// The rows before, each to be taken once. Mostly they are taken one after the other.
struct Before {
    rows: Vec<Option<InterfaceReport>>,
    /// The place after that of the last one that was taken.
    next: usize,
    /// Their places by their generations, once needed.
    by_generation: Option<HashMap<u64, usize>>,
    /// The places of those that are reported by their tags, once needed.
    by_tags: Option<HashMap<Vec<u8>, usize>>,
}

impl Before {
    fn of(rows: Vec<InterfaceReport>) -> Self {
        let rows = rows.into_iter().map(Some).collect();
        Self { rows, next: 0, by_generation: None, by_tags: None }
    }

    /// Takes the one about an interface that is still what it was.
    fn take_same(&mut self, generation: u64) -> Option<InterfaceReport> {
        let Self { rows, next, by_generation, .. } = self;
        let place = match rows.get(*next) {
            Some(Some(row)) if row.generation == generation => *next,
            _ => {
                let places = by_generation
                    .get_or_insert_with(|| places(rows, |row| Some(row.generation)).collect());
                *places.get(&generation)?
            }
        };
        *next = place + 1;
        rows.get_mut(place)?.take()
    }

    /// Takes the line with these tags.
    fn take_record(&mut self, tags: &[u8]) -> Option<Record> {
        let Self { rows, by_tags, .. } = self;
        let places = by_tags.get_or_insert_with(|| {
            let tags_of = |row: &InterfaceReport| row.is_reported().then(|| row.tags().to_vec());
            places(rows, tags_of).collect()
        });
        rows.get_mut(*places.get(tags)?)?.take().map(|row| row.record)
    }
}

/// The places of those that have a key, by their keys.
fn places<'a, K>(
    rows: &'a [Option<InterfaceReport>],
    key: impl Fn(&InterfaceReport) -> Option<K> + 'a,
) -> impl Iterator<Item = (K, usize)> + 'a {
    let rows = rows.iter().enumerate();
    rows.filter_map(move |(place, row)| Some((key(row.as_ref()?)?, place)))
}

impl Record {
    /// Appends what it says now, unless that is left out. `fill` appends fields to the part before them,
    /// which has that length; where nothing is new, they are those of before.
    fn write(
        &mut self,
        batch: &mut Batch<'_>,
        table: &Table,
        scratch: &mut Vec<u8>,
        (is_new, prefix): (bool, usize),
        fill: impl FnOnce(&mut Vec<u8>, Option<&mut Choice>),
    ) {
        let Some(interval) = table.dedup_interval else {
            if is_new {
                self.text.truncate(prefix);
                fill(&mut self.text, chosen(&mut self.choice, table, false));
            }
            self.append(batch);
            return;
        };
        if table.dedup_fields {
            let is_due = self.is_due(batch, interval);
            let mut is_said = false;
            if is_due || is_new {
                self.text.truncate(prefix);
                let only_new = !is_due;
                fill(&mut self.text, chosen(&mut self.choice, table, only_new));
                is_said = self.choice.as_ref().is_some_and(|choice| choice.written() > 0);
            }
            self.append_or_not(batch, is_said, is_due);
            return;
        }
        if is_new {
            scratch.clear();
            scratch.extend_from_slice(self.text.get(..prefix).unwrap_or_default());
            fill(scratch, chosen(&mut self.choice, table, false));
            if self.text != *scratch {
                self.text.clear();
                self.text.extend_from_slice(scratch);
                self.sent = None;
            }
        }
        let is_due = self.is_due(batch, interval);
        self.append_or_not(batch, is_due && !self.text.is_empty(), is_due);
    }

    /// Appends it, or counts it among those that are left out; whether it is whole.
    fn append_or_not(&mut self, batch: &mut Batch<'_>, is_said: bool, is_whole: bool) {
        if !is_said {
            batch.quiet += usize::from(!self.text.is_empty());
            return;
        }
        if is_whole {
            // Five hundred years of it fit.
            let now = u64::try_from(batch.now.as_nanos()).unwrap_or(u64::MAX);
            self.sent = Some(NonZeroU64::new(now).unwrap_or(NonZeroU64::MIN));
        }
        self.append(batch);
    }

    /// Whether it was not part of a batch, whole, within that time.
    fn is_due(&self, batch: &Batch<'_>, interval: Duration) -> bool {
        let Some(sent) = self.sent else { return true };
        let age = batch.now.saturating_sub(Duration::from_nanos(sent.get()));
        age >= interval.saturating_sub(batch.slack.min(interval / 2))
    }

    fn append(&self, batch: &mut Batch<'_>) {
        if self.text.is_empty() {
            return;
        }
        batch.bytes.extend_from_slice(&self.text);
        batch.bytes.extend_from_slice(batch.end);
        batch.count += 1;
    }
}

/// What chooses among the fields of a record, where the table leaves any out.
fn chosen<'a>(
    choice: &'a mut Option<Box<Choice>>,
    table: &Table,
    only_new: bool,
) -> Option<&'a mut Choice> {
    if table.dump_zeros && !table.dedup_fields {
        return None;
    }
    let choice = choice.get_or_insert_default();
    choice.begin(Which { only_new, zeros: table.dump_zeros });
    Some(choice)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::config::Config;
    use crate::config::systems::System;
    use crate::format::influx::Influx;
    use crate::model::interface::{Presence, Wants};
    use crate::model::link::Flags;

    /// The lines of a gather of these interfaces, less their ends.
    fn written(
        report: &mut Report,
        tables: &[Table],
        (version, interfaces): (u64, &[Interface]),
        reading: &Reading,
    ) -> Vec<String> {
        report.choose(tables, version, &interfaces.iter());
        let mut bytes = Vec::new();
        let mut batch = Batch {
            bytes: &mut bytes,
            end: b"\n",
            now: Duration::ZERO,
            slack: Duration::ZERO,
            quiet: 0,
            count: 0,
        };
        report.append_interfaces(&mut batch, (0, &tables[0]), interfaces.iter(), reading);
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(|line| line.split(",packets").next().unwrap().to_owned()).collect()
    }

    fn interface(ifindex: u32, name: &str, generation: u64, reading: &Reading) -> Interface {
        let mut interface = Interface::new(ifindex, name.as_bytes(), Wants::default());
        interface.presence = Presence::Known(Flags(1));
        interface.generation = generation;
        let counters = Counters { bytes_recv: ifindex.into(), ..Counters::default() };
        interface.set_counters(&counters, reading, Wants::default());
        interface
    }

    fn tables(options: &str) -> Vec<Table> {
        let config = format!("[[inputs.net]]\nignore_protocol_stats = true\n{options}");
        Config::parse(config.as_bytes(), &|_| None).unwrap().tables
    }

    #[test]
    fn another_source_has_its_own_versions_generations_and_readings() {
        let tables = tables("");
        let mut report = Report::new(&Influx);
        report.add_table(0, Vec::new());
        let mut reading = Reading::default();
        for _ in 0..3 {
            reading.begin(Instant::now());
        }
        let netlinks = [interface(1, "a", 1, &reading), interface(2, "b", 2, &reading)];
        let expected = [
            "net,interface=a bytes_sent=0i,bytes_recv=1i",
            "net,interface=b bytes_sent=0i,bytes_recv=2i",
        ];
        assert_eq!(written(&mut report, &tables, (2, &netlinks), &reading), expected);
        // By files the same are in another order, and what is counted is the same by chance.
        let mut reading = Reading::default();
        reading.begin(Instant::now());
        let files = [interface(2, "b", 1, &reading), interface(1, "a", 2, &reading)];
        report.start_anew();
        let [a, b] = expected;
        assert_eq!(written(&mut report, &tables, (2, &files), &reading), [b, a]);
    }

    #[test]
    fn speeds_grow_as_old_as_the_most_demanding_table_that_reports_the_interface_lets_them() {
        let config = "[[inputs.net]]\nspeed_refresh = '10s'\ninterfaces = ['a', 'b']\n\
                      [[inputs.net]]\nspeed_refresh = '60s'\ninterfaces = ['b', 'c']\n";
        // The option is Linux's.
        let config = Config::parse_for(System::Linux, config.as_bytes(), &|_| None);
        let tables = config.unwrap().tables;
        let mut report = Report::new(&Influx);
        report.add_table(0, Vec::new());
        report.add_table(1, Vec::new());
        let reading = Reading::default();
        let interfaces = ["a", "b", "c", "d"].map(|name| interface(1, name, 1, &reading));
        report.choose(&tables, 1, &interfaces.iter());
        let refresh = [0, 1, 2, 3].map(|place| report.speed_refresh(&tables, place));
        let [ten, sixty] = [10, 60].map(|seconds| Some(Duration::from_secs(seconds)));
        assert_eq!(refresh, [ten, ten, sixty, None]);
    }

    #[test]
    fn a_quiet_line_comes_again_in_the_gather_next_to_its_time() {
        let (start, mut line) = (Duration::from_secs(1000), Record::default());
        let table = &tables("dedup_interval = '60s'")[0];
        let mut sent_at = |milliseconds, slack| {
            let (mut bytes, now) = (Vec::new(), start + Duration::from_millis(milliseconds));
            let slack = Duration::from_millis(slack);
            let batch =
                &mut Batch { bytes: &mut bytes, end: b"\n", now, slack, quiet: 0, count: 0 };
            line.write(batch, table, &mut Vec::new(), (true, 0), |text, _| text.push(b'a'));
            !bytes.is_empty()
        };
        // Gathers every ten seconds are never quite on time.
        assert!(sent_at(0, 0));
        assert!(!sent_at(50_003, 5_000));
        assert!(sent_at(59_998, 4_998));
        assert!(!sent_at(110_001, 5_001));
        assert!(sent_at(120_001, 5_000));
        // After a long pause the gather before was long ago, which is no reason to hurry.
        assert!(!sent_at(120_101, 3_600_000));
        assert!(!sent_at(149_000, 3_600_000));
        assert!(sent_at(180_001, 0));
    }

    #[test]
    fn of_a_line_that_says_something_new_only_that_is_written_until_the_interval_has_passed() {
        let tables = tables("dedup_interval = '60s'\ndedup_fields = true");
        let mut report = Report::new(&Influx);
        report.add_table(0, Vec::new());
        let mut reading = Reading::default();
        let mut one = interface(1, "a", 1, &reading);
        report.choose(&tables, 1, &[&one].into_iter());
        let mut gather = |second: u64, bytes_recv, err_in| {
            reading.begin(Instant::now());
            let counters = Counters { bytes_recv, err_in, ..Counters::default() };
            one.set_counters(&counters, &reading, Wants::default());
            let (mut bytes, now) = (Vec::new(), Duration::from_secs(1000 + second));
            let mut batch = Batch {
                bytes: &mut bytes,
                end: b"",
                now,
                slack: Duration::ZERO,
                quiet: 0,
                count: 0,
            };
            report.append_interfaces(&mut batch, (0, &tables[0]), [&one].into_iter(), &reading);
            let counts = (batch.quiet, batch.count);
            (String::from_utf8(bytes).unwrap(), counts)
        };
        let whole = |bytes_recv: u64, err_in: u64| {
            let counters = format!(
                "net,interface=a bytes_sent=0i,bytes_recv={bytes_recv}i,packets_sent=0i,\
                 packets_recv=0i,err_in={err_in}i,err_out=0i,drop_in=0i,drop_out=0i"
            );
            (counters, (0, 1))
        };
        let part = |fields: &str| (format!("net,interface=a {fields}"), (0, 1));
        assert_eq!(gather(0, 5, 0), whole(5, 0));
        assert_eq!(gather(10, 6, 0), part("bytes_recv=6i"));
        assert_eq!(gather(20, 6, 0), (String::new(), (1, 0)));
        assert_eq!(gather(30, 7, 1), part("bytes_recv=7i,err_in=1i"));
        // Its lines in between do not put the whole one off.
        assert_eq!(gather(60, 7, 1), whole(7, 1));
        assert_eq!(gather(110, 8, 1), part("bytes_recv=8i"));
        assert_eq!(gather(120, 9, 1), whole(9, 1));
    }
}
