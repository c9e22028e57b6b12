//! The lines that one network namespace gives to each table: what is decided once, what was
//! written last, and what is left out because it says nothing new.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::Table;
use crate::format::influx;
use crate::model::interface::{Interface, telegraf_name};
use crate::model::protocol::ProtocolStatistics;
use crate::model::rates::Reading;
use crate::select::{Tally, Verdict};

/// The bytes of a line, less its time, whose counters have few digits: as many as an allocator gives
/// that rounds up to multiples of 16, of which it takes 8 for itself.
const LINE: usize = 152;

/// The lines of one namespace, by tables.
#[derive(Debug, Default)]
pub struct Lines {
    tables: Vec<TableLines>,
    /// The version of the interfaces that the choices were made for.
    version: Option<u64>,
    /// A line that is compared with the one before.
    text: Vec<u8>,
}

/// What one table makes of the namespace.
#[derive(Debug)]
struct TableLines {
    /// Its number in the configuration.
    table: usize,
    /// The tags of all lines beside those of their interfaces: none for our own namespace; of others
    /// the name, and what else is told of them.
    tags: Vec<(&'static str, Vec<u8>)>,
    /// One for each interface, in the source's order.
    choices: Vec<Choice>,
    protocols: SentLine,
}

/// What is decided about one interface, for as long as it stays what it is.
#[derive(Debug)]
struct Choice {
    generation: u64,
    verdict: Verdict,
    /// How much of the line stands before the fields.
    prefix: u32,
    /// The number of the reading that the line was written for.
    written: u64,
    line: SentLine,
}

/// A line without its end.
#[derive(Debug, Default)]
struct SentLine {
    text: Vec<u8>,
    /// When it was last part of a batch, since the system started; kept only where that matters.
    sent: Option<Duration>,
}

/// What all lines of a batch have in common.
#[derive(Debug)]
pub struct Batch<'a> {
    /// What the lines are appended to.
    pub bytes: &'a mut Vec<u8>,
    /// What each ends in.
    pub line_end: &'a [u8],
    /// The moment, since the system started (`CLOCK_BOOTTIME`): a database has no lines of the time
    /// that it was suspended for.
    pub now: Duration,
    /// By how much a line may come again early, rather than a whole interval late: half an interval.
    pub slack: Duration,
    /// How many lines were left out by `dedup_interval`.
    pub quiet: usize,
}

impl Lines {
    /// Makes lines for that table too, by its number in the configuration, all of them with these
    /// tags.
    pub fn add_table(&mut self, number: usize, tags: Vec<(&'static str, Vec<u8>)>) {
        let (choices, protocols) = (Vec::new(), SentLine::default());
        self.tables.push(TableLines { table: number, tags, choices, protocols });
    }

    /// Goes on with another source, which counts versions and readings anew. What was written last
    /// stays known.
    pub fn start_anew(&mut self) {
        self.version = None;
        for choice in self.tables.iter_mut().flat_map(|lines| &mut lines.choices) {
            choice.generation = 0;
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
        for TableLines { table, tags, choices, .. } in &mut self.tables {
            let Some(table) = tables.get(*table) else { continue };
            let mut before = Before::of(std::mem::take(choices));
            choices.reserve_exact(interfaces.clone().count());
            choices.extend(interfaces.clone().map(|interface| {
                before.take_same(interface.generation).unwrap_or_else(|| {
                    let choice = Choice::of(table, interface, tags);
                    // What it said last counts, as long as it says it under the same tags.
                    match before.take_line(choice.tags()) {
                        Some(line) => Choice { line, ..choice },
                        None => choice,
                    }
                })
            }));
        }
        true
    }

    /// The numbers of the tables that it makes lines for.
    pub fn tables(&self) -> impl Iterator<Item = usize> {
        self.tables.iter().map(|lines| lines.table)
    }

    /// Counts what the tables make of the interfaces.
    pub fn count(&self, tally: &mut Tally) {
        let choices = self.tables.iter().flat_map(|lines| &lines.choices);
        choices.for_each(|choice| tally.add(choice.verdict));
    }

    /// How old the speed of the interface at that place may get; `None` when no table reports it.
    #[must_use]
    pub fn speed_refresh(&self, tables: &[Table], place: usize) -> Option<Duration> {
        let reports =
            |lines: &&TableLines| lines.choices.get(place).is_some_and(Choice::is_reported);
        let reporting = self.tables.iter().filter(reports);
        reporting.filter_map(|lines| Some(tables.get(lines.table)?.speed_refresh)).min()
    }

    /// Appends the lines of the interfaces that the reading found, for one table.
    pub fn append_interfaces<'a>(
        &mut self,
        batch: &mut Batch<'_>,
        (number, table): (usize, &Table),
        interfaces: impl Iterator<Item = &'a Interface>,
        reading: &Reading,
    ) {
        let Self { tables, text, .. } = self;
        let Some(lines) = tables.iter_mut().find(|lines| lines.table == number) else { return };
        for (interface, choice) in interfaces.zip(&mut lines.choices) {
            if !choice.is_reported() {
                continue;
            }
            let Some(counters) = interface.counters(reading) else { continue };
            // Most interfaces are idle most of the time.
            if choice.written < interface.changed {
                choice.written = reading.number;
                if table.dedup_interval.is_some() {
                    text.clear();
                    text.extend_from_slice(choice.tags());
                    influx::interface_fields(text, counters, interface, &table.fields);
                    choice.line.replace(text);
                } else {
                    choice.line.text.truncate(choice.tags().len());
                    influx::interface_fields(
                        &mut choice.line.text,
                        counters,
                        interface,
                        &table.fields,
                    );
                }
            }
            choice.line.append(batch, table.dedup_interval);
        }
    }

    /// Appends the line of the protocol statistics, for one table.
    pub fn append_protocols(
        &mut self,
        batch: &mut Batch<'_>,
        (number, table): (usize, &Table),
        statistics: &ProtocolStatistics,
    ) {
        let Self { tables, text, .. } = self;
        let Some(lines) = tables.iter_mut().find(|lines| lines.table == number) else { return };
        let wanted = statistics
            .iter()
            .filter(|statistic| table.protocols.iter().any(|item| item.names(statistic)));
        text.clear();
        influx::protocol_line(text, &lines.tags, wanted);
        lines.protocols.replace(text);
        lines.protocols.append(batch, table.dedup_interval);
    }
}

impl Choice {
    /// What the table makes of the interface, whose lines also have these tags.
    fn of(table: &Table, interface: &Interface, tags: &[(&'static str, Vec<u8>)]) -> Self {
        let verdict = table.selection.verdict(interface);
        let mut text = Vec::new();
        if verdict == Verdict::Reported {
            // About what the line of an idle interface takes, so that it seldom has to grow.
            text.reserve_exact(LINE);
            influx::interface_prefix(&mut text, telegraf_name(&interface.name));
            let properties = table.tags.iter().filter_map(|tag| tag.of(interface));
            let tags = tags.iter().map(|(key, value)| (*key, value.as_slice()));
            for (key, value) in tags.chain(properties) {
                influx::tag(&mut text, key, value);
            }
        }
        Self {
            generation: interface.generation,
            verdict,
            prefix: u32::try_from(text.len()).unwrap_or(u32::MAX),
            written: 0,
            line: SentLine { text, sent: None },
        }
    }

    fn is_reported(&self) -> bool {
        self.verdict == Verdict::Reported
    }

    /// What of the line stands before the fields.
    fn tags(&self) -> &[u8] {
        let prefix = usize::try_from(self.prefix).unwrap_or(usize::MAX);
        self.line.text.get(..prefix).unwrap_or_default()
    }
}

/// The choices before, each to be taken once. Mostly they are taken one after the other.
struct Before {
    choices: Vec<Option<Choice>>,
    /// The place after that of the last one that was taken.
    next: usize,
    /// Their places by their generations, once needed.
    by_generation: Option<HashMap<u64, usize>>,
    /// The places of those that are reported by their tags, once needed.
    by_tags: Option<HashMap<Vec<u8>, usize>>,
}

impl Before {
    fn of(choices: Vec<Choice>) -> Self {
        let choices = choices.into_iter().map(Some).collect();
        Self { choices, next: 0, by_generation: None, by_tags: None }
    }

    /// Takes the one about an interface that is still what it was.
    fn take_same(&mut self, generation: u64) -> Option<Choice> {
        let Self { choices, next, by_generation, .. } = self;
        let place = match choices.get(*next) {
            Some(Some(choice)) if choice.generation == generation => *next,
            _ => {
                let places = by_generation.get_or_insert_with(|| {
                    places(choices, |choice| Some(choice.generation)).collect()
                });
                *places.get(&generation)?
            }
        };
        *next = place + 1;
        choices.get_mut(place)?.take()
    }

    /// Takes the line with these tags.
    fn take_line(&mut self, tags: &[u8]) -> Option<SentLine> {
        let Self { choices, by_tags, .. } = self;
        let places = by_tags.get_or_insert_with(|| {
            let tags_of = |choice: &Choice| choice.is_reported().then(|| choice.tags().to_vec());
            places(choices, tags_of).collect()
        });
        choices.get_mut(*places.get(tags)?)?.take().map(|choice| choice.line)
    }
}

/// The places of those that have a key, by their keys.
fn places<'a, K>(
    choices: &'a [Option<Choice>],
    key: impl Fn(&Choice) -> Option<K> + 'a,
) -> impl Iterator<Item = (K, usize)> + 'a {
    let choices = choices.iter().enumerate();
    choices.filter_map(move |(place, choice)| Some((key(choice.as_ref()?)?, place)))
}

impl SentLine {
    /// Makes it this line, unless it is already.
    fn replace(&mut self, text: &mut Vec<u8>) {
        if self.text != *text {
            self.text.clear();
            self.text.extend_from_slice(text);
            self.sent = None;
        }
    }

    /// Appends it, unless it was part of a batch within that time.
    fn append(&mut self, batch: &mut Batch<'_>, dedup_interval: Option<Duration>) {
        if self.text.is_empty() {
            return;
        }
        if let Some(interval) = dedup_interval {
            let age = self.sent.map(|sent| batch.now.saturating_sub(sent));
            let limit = interval.saturating_sub(batch.slack.min(interval / 2));
            if age.is_some_and(|age| age < limit) {
                batch.quiet += 1;
                return;
            }
            self.sent = Some(batch.now);
        }
        batch.bytes.extend_from_slice(&self.text);
        batch.bytes.extend_from_slice(batch.line_end);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::config::Config;
    use crate::model::counters::Counters;
    use crate::model::interface::{Presence, Wants};
    use crate::model::link::Flags;

    /// The lines of a gather of these interfaces, less their ends.
    fn written(
        lines: &mut Lines,
        tables: &[Table],
        (version, interfaces): (u64, &[Interface]),
        reading: &Reading,
    ) -> Vec<String> {
        lines.choose(tables, version, &interfaces.iter());
        let mut bytes = Vec::new();
        let mut batch = Batch {
            bytes: &mut bytes,
            line_end: b"\n",
            now: Duration::ZERO,
            slack: Duration::ZERO,
            quiet: 0,
        };
        lines.append_interfaces(&mut batch, (0, &tables[0]), interfaces.iter(), reading);
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
        let mut lines = Lines::default();
        lines.add_table(0, Vec::new());
        let mut reading = Reading::default();
        for _ in 0..3 {
            reading.begin(Instant::now());
        }
        let netlinks = [interface(1, "a", 1, &reading), interface(2, "b", 2, &reading)];
        let expected = [
            "net,interface=a bytes_sent=0i,bytes_recv=1i",
            "net,interface=b bytes_sent=0i,bytes_recv=2i",
        ];
        assert_eq!(written(&mut lines, &tables, (2, &netlinks), &reading), expected);
        // By files the same are in another order, and what is counted is the same by chance.
        let mut reading = Reading::default();
        reading.begin(Instant::now());
        let files = [interface(2, "b", 1, &reading), interface(1, "a", 2, &reading)];
        lines.start_anew();
        let [a, b] = expected;
        assert_eq!(written(&mut lines, &tables, (2, &files), &reading), [b, a]);
    }

    #[test]
    fn speeds_grow_as_old_as_the_most_demanding_table_that_reports_the_interface_lets_them() {
        let config = "[[inputs.net]]\nspeed_refresh = '10s'\ninterfaces = ['a', 'b']\n\
                      [[inputs.net]]\nspeed_refresh = '60s'\ninterfaces = ['b', 'c']\n";
        let tables = Config::parse(config.as_bytes(), &|_| None).unwrap().tables;
        let mut lines = Lines::default();
        lines.add_table(0, Vec::new());
        lines.add_table(1, Vec::new());
        let reading = Reading::default();
        let interfaces = ["a", "b", "c", "d"].map(|name| interface(1, name, 1, &reading));
        lines.choose(&tables, 1, &interfaces.iter());
        let refresh = [0, 1, 2, 3].map(|place| lines.speed_refresh(&tables, place));
        let [ten, sixty] = [10, 60].map(|seconds| Some(Duration::from_secs(seconds)));
        assert_eq!(refresh, [ten, ten, sixty, None]);
    }

    #[test]
    fn a_quiet_line_comes_again_in_the_gather_next_to_its_time() {
        const INTERVAL: Duration = Duration::from_secs(60);
        let (start, mut line) = (Duration::from_secs(1000), SentLine::default());
        line.replace(&mut b"a".to_vec());
        let mut sent_at = |milliseconds, slack| {
            let (mut bytes, now) = (Vec::new(), start + Duration::from_millis(milliseconds));
            let slack = Duration::from_millis(slack);
            line.append(
                &mut Batch { bytes: &mut bytes, line_end: b"\n", now, slack, quiet: 0 },
                Some(INTERVAL),
            );
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
}
