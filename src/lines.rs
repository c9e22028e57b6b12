//! The lines that one network namespace gives to each table: what is decided once, what was
//! written last, and what is left out because it says nothing new.

use std::time::{Duration, Instant};

use crate::config::Table;
use crate::encode;
use crate::interface::{Interface, telegraf_name};
use crate::protocol::ProtocolStatistics;
use crate::rates::Reading;

/// The bytes of a line, less its time, whose counters have few digits.
const LINE: usize = 160;

/// The lines of one namespace, by tables.
#[derive(Debug, Default)]
pub struct Lines {
    /// The tags of all its lines but `interface`: first the namespace's name, which is empty for our
    /// own, then what else is told of it.
    tags: Vec<(&'static str, Vec<u8>)>,
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
    /// One for each interface, in the source's order.
    choices: Vec<Choice>,
    protocols: SentLine,
}

/// What is decided about one interface, for as long as it stays what it is.
#[derive(Debug)]
struct Choice {
    generation: u64,
    is_reported: bool,
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
    /// When it was last part of a batch; kept only where that matters.
    sent: Option<Instant>,
}

/// What all lines of a batch have in common.
#[derive(Debug)]
pub struct Batch<'a> {
    /// What the lines are appended to.
    pub bytes: &'a mut Vec<u8>,
    /// What each ends in.
    pub line_end: &'a [u8],
    /// The moment, by the monotonic clock.
    pub now: Instant,
}

impl Lines {
    /// For these tables, by their numbers in the configuration.
    #[must_use]
    pub fn new(tags: Vec<(&'static str, Vec<u8>)>, tables: impl Iterator<Item = usize>) -> Self {
        let lines =
            |table| TableLines { table, choices: Vec::new(), protocols: SentLine::default() };
        Self { tags, tables: tables.map(lines).collect(), ..Self::default() }
    }

    /// Whether any table wants them.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        !self.tables.is_empty()
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
        for TableLines { table, choices, .. } in &mut self.tables {
            let Some(table) = tables.get(*table) else { continue };
            let mut old = std::mem::take(choices).into_iter();
            choices.reserve_exact(interfaces.clone().count());
            for interface in interfaces.clone() {
                let is_same = |choice: &Choice| choice.generation == interface.generation;
                // Those in between have gone, or have become others.
                let kept = old.as_slice().iter().position(is_same).and_then(|place| old.nth(place));
                choices.push(kept.unwrap_or_else(|| {
                    let choice = Choice::of(table, interface, &self.tags);
                    // What it said last counts, as long as it says it under the same tags.
                    let place = old.as_slice().iter().position(|before| before.is_for(&choice));
                    match place.and_then(|place| old.nth(place)) {
                        Some(before) => Choice { line: before.line, ..choice },
                        None => choice,
                    }
                }));
            }
        }
        true
    }

    /// How old the speed of the interface at that place may get; `None` when no table reports it.
    #[must_use]
    pub fn speed_refresh(&self, tables: &[Table], place: usize) -> Option<Duration> {
        let reports =
            |lines: &&TableLines| lines.choices.get(place).is_some_and(|choice| choice.is_reported);
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
            if !choice.is_reported {
                continue;
            }
            let Some(counters) = interface.counters(reading) else { continue };
            // Most interfaces are idle most of the time.
            if choice.written < interface.changed {
                choice.written = reading.number;
                if table.dedup_interval.is_some() {
                    text.clear();
                    text.extend_from_slice(choice.tags());
                    encode::interface_fields(text, counters, interface, &table.fields);
                    choice.line.replace(text);
                } else {
                    choice.line.text.truncate(choice.tags().len());
                    encode::interface_fields(
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
        let Self { tables, text, tags, .. } = self;
        let Some(lines) = tables.iter_mut().find(|lines| lines.table == number) else { return };
        let wanted = statistics
            .iter()
            .filter(|statistic| table.protocols.iter().any(|item| item.names(statistic)));
        text.clear();
        encode::protocol_line(text, tags, wanted);
        lines.protocols.replace(text);
        lines.protocols.append(batch, table.dedup_interval);
    }
}

impl Choice {
    fn of(table: &Table, interface: &Interface, tags: &[(&'static str, Vec<u8>)]) -> Self {
        let is_reported = table.selection.selects(interface);
        let mut text = Vec::new();
        if is_reported {
            // About what the line of an idle interface takes, so that it seldom has to grow.
            text.reserve_exact(LINE);
            encode::interface_prefix(&mut text, telegraf_name(&interface.name));
            let properties = interface.details.as_ref().map(|details| &details.properties);
            let properties = properties
                .into_iter()
                .flat_map(|properties| table.tags.iter().filter_map(|tag| tag.of(properties)));
            let tags = tags.iter().map(|(key, value)| (*key, value.as_slice()));
            for (key, value) in tags.chain(properties) {
                encode::tag(&mut text, key, value);
            }
        }
        Self {
            generation: interface.generation,
            is_reported,
            prefix: u32::try_from(text.len()).unwrap_or(u32::MAX),
            written: 0,
            line: SentLine { text, sent: None },
        }
    }
}

impl Choice {
    /// Whether the lines of both begin with the same tags.
    fn is_for(&self, other: &Self) -> bool {
        self.is_reported && other.is_reported && self.tags() == other.tags()
    }

    /// What of the line stands before the fields.
    fn tags(&self) -> &[u8] {
        let prefix = usize::try_from(self.prefix).unwrap_or(usize::MAX);
        self.line.text.get(..prefix).unwrap_or_default()
    }
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
            let age = self.sent.map(|sent| batch.now.saturating_duration_since(sent));
            if age.is_some_and(|age| age < interval) {
                return;
            }
            self.sent = Some(batch.now);
        }
        batch.bytes.extend_from_slice(&self.text);
        batch.bytes.extend_from_slice(batch.line_end);
    }
}
