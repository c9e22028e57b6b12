//! What is reported here and why, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use crate::config::{Config, ConfigWarning, Given, List, ListEntry, Origin, Table};
use crate::format::choice::Choice;
use crate::format::influx::Influx;
use crate::format::{Fields, Format as _};
use crate::gather::entries::{EntryOf, Match, Seen};
use crate::gather::report::Shown;
use crate::gather::{Collector, UnmatchedEntry};
use crate::log::{self, Kept, Level, Log};
use crate::model::counters::{Counters, MoreCounters};
use crate::model::interface::{Interface, Presence, telegraf_name};
use crate::model::link::LinkState;
use crate::quoted::{Quoted, QuotedPath};
use crate::select::Verdict;
use crate::select::kinds::KindClass;
use crate::system::facts::{Fate, Others, ProcessFacts, Way};
use crate::system::{self, Altname, CurrentHost};

/// So many entries of the lists of a table are told of.
const MAX_ENTRIES: usize = 100;

/// So many entries that match nothing are told of.
const MAX_UNMATCHED: usize = 100;

/// Between the two gathers that rates take.
const PAUSE: Duration = Duration::from_millis(100);

/// All that is to be said.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The configuration, as messages name it.
    pub config: String,
    /// Of each table, in the file's order.
    pub tables: Vec<TableFacts>,
    /// The network namespaces beside our own.
    pub others: Others,
    /// What becomes of each namespace by each table that reports others than our own.
    pub namespaces: Vec<NamespaceRow>,
    /// What this process is and may do.
    pub process: ProcessFacts,
    /// What the configuration says to no effect.
    pub warnings: Vec<ConfigWarning>,
    /// What is wrong here, each with the way out, as the log has it.
    pub degraded: Vec<Kept>,
    /// The entries that match nothing.
    pub unmatched: Vec<UnmatchedEntry>,
    /// How many more there are.
    pub more_unmatched: usize,
    /// What two tables both write.
    pub doubles: Vec<String>,
    /// Why there is nothing to report, where that is so.
    pub nothing: Option<String>,
    /// The alternative names of interfaces, each with the interface's own name.
    pub altnames: Vec<[Vec<u8>; 2]>,
}

/// What a table makes of this host.
#[derive(Debug, Clone, Default)]
pub struct TableFacts {
    /// The number of its line in the file.
    pub line: usize,
    /// The options that the operator gave.
    pub given: Vec<Given>,
    /// The entries of its lists that select.
    pub entries: Vec<EntryFacts>,
    /// How many more it has.
    pub more_entries: usize,
    /// How our own network namespace is read, or the host's, where the table reports that.
    pub way: Option<Way>,
    /// Whether it may report other network namespaces.
    pub has_others: bool,
    /// All that were read, reported or not, in the order of their lines.
    pub interfaces: Vec<InterfaceFacts>,
    /// How many fields the lines `interface=all` have.
    pub statistics: usize,
    /// How many interfaces of each kind there are; "" of those whose kind is not told.
    pub kinds: BTreeMap<String, usize>,
    /// Fields that were asked for, and that no interface has here, with the Linux that began to tell them.
    pub absent: Vec<(&'static str, Option<&'static str>)>,
    /// Tags that were asked for, and that no line has here.
    pub absent_tags: Vec<&'static str>,
    /// How many interfaces are reported without a speed.
    pub without_speed: usize,
    /// For how long lines that say nothing new are left out.
    pub dedup_interval: Option<Duration>,
    /// The fields that its lines have here, and those of interfaces that they may have at another time.
    pub fields: BTreeSet<String>,
    /// The tags that its lines may have.
    pub tags: BTreeSet<&'static str>,
}

/// What becomes of a network namespace by a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceRow {
    /// The table's number.
    pub table: usize,
    /// Its name; empty for our own.
    pub name: Vec<u8>,
    /// Whether the table reports it.
    pub is_reported: bool,
    /// Whether the table would, and cannot.
    pub is_lost: bool,
    /// What decides that.
    pub because: String,
}

/// An entry of a list, and what it matches here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryFacts {
    /// Its list.
    pub list: List,
    /// Its text.
    pub text: String,
    /// The number of its line.
    pub line: usize,
    /// How many it matches: interfaces, statistics, or network namespaces.
    pub matches: usize,
    /// Of how many that cannot be told.
    pub unsure: usize,
}

/// What a table makes of an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InterfaceFacts {
    /// The name of its network namespace; empty for our own.
    pub namespace: Vec<u8>,
    /// Its name, as Telegraf has it.
    pub name: Vec<u8>,
    /// Whether it is reported.
    pub is_reported: bool,
    /// What decides that.
    pub because: String,
    /// How many fields its line has.
    pub fields: usize,
    /// Its line, less the time, where it was asked for by its name.
    pub line: Option<String>,
}

impl TableFacts {
    /// How many interfaces are reported.
    #[must_use]
    pub fn reported(&self) -> usize {
        self.interfaces.iter().filter(|interface| interface.is_reported).count()
    }

    /// How an option was given, if it was.
    #[must_use]
    pub fn given(&self, key: &str) -> Option<&Given> {
        self.given.iter().find(|given| given.key == key)
    }

    /// The number of the line that an option stands in, or else that of the table.
    #[must_use]
    pub fn line_of(&self, key: &str) -> usize {
        match self.given(key) {
            Some(Given { origin: Origin::Line(line), .. }) => *line,
            _ => self.line,
        }
    }
}

/// Gathers twice, and tells all that there is to say; of interfaces of that name, the lines too.
#[must_use]
pub fn collect(config: Config, name: &str, only: Option<&[u8]>) -> Facts {
    let warnings = config.warnings.clone();
    let (mut facts, records) = log::kept(|| look(config, only));
    // What is wrong only now and then is none of it.
    let is_over = |message: &str| {
        records.iter().any(|(_, said)| said.strip_prefix("resolved: ") == Some(message))
    };
    let is_wrong = |level: Level| matches!(level, Level::Error | Level::Warn);
    let mut degraded: Vec<Kept> = Vec::new();
    let lasting = std::mem::take(&mut facts.degraded);
    for (level, message) in records.iter().filter(|(level, _)| is_wrong(*level)).chain(&lasting) {
        let is_known = degraded.iter().any(|(_, known)| known == message);
        if !is_known && !is_over(message) {
            degraded.push((*level, message.clone()));
        }
    }
    Facts { config: name.to_owned(), warnings, degraded, ..facts }
}

fn look(config: Config, only: Option<&[u8]>) -> Facts {
    let log = Log { debug: false };
    let mut collector = Collector::<CurrentHost>::for_a_look(config, &Influx, log);
    let mut batch = Vec::new();
    let records = collector.gather(&mut batch, || false);
    collector.after_write();
    thread::sleep(PAUSE);
    batch.clear();
    collector.gather(&mut batch, || false);

    let others = collector.others();
    let ways: Vec<_> = (0..collector.tables().len()).map(|number| collector.way(number)).collect();
    let tables = collector.tables().iter().enumerate().zip(ways);
    let mut looks: Vec<_> = tables
        .map(|((number, table), way)| TableLook::new(number, table, way, &others, only))
        .collect();
    collector.show(&mut |shown| {
        let (Shown::Interface { table, .. } | Shown::Protocol { table, .. }) = shown;
        if let Some(look) = looks.get_mut(table) {
            look.see(shown, &others);
        }
    });
    let tables = looks.into_iter().map(TableLook::end).collect();
    let namespaces = namespace_rows(collector.tables(), &others);
    let degraded = collector.problems().filter(|(level, _)| *level != Level::Debug);
    let degraded = degraded.map(|(level, message)| (level, message.to_owned())).collect();
    let nothing = (records == 0).then(|| collector.why_nothing());
    let doubles = collector.doubles();
    let (unmatched, more_unmatched) = collector.unmatched(MAX_UNMATCHED);
    let mut altnames = Vec::new();
    if only.is_some() {
        collector.show_altnames(&mut |_, Altname { interface, altname }| {
            altnames.push([altname, interface].map(<[u8]>::to_vec));
        });
    }
    Facts {
        config: String::new(),
        tables,
        namespaces,
        others,
        process: system::process_facts(),
        warnings: Vec::new(),
        degraded,
        unmatched,
        more_unmatched,
        doubles,
        nothing,
        altnames,
    }
}

/// A table while all that was read for it is looked at.
struct TableLook<'t> {
    table: &'t Table,
    facts: TableFacts,
    only: Option<&'t [u8]>,
    /// The fields that some interface has.
    told: BTreeSet<String>,
    /// The tags.
    told_tags: BTreeSet<&'static str>,
}

impl<'t> TableLook<'t> {
    fn new(
        number: usize,
        table: &'t Table,
        way: Option<Way>,
        others: &Others,
        only: Option<&'t [u8]>,
    ) -> Self {
        let namespaces = others.namespaces.iter();
        let is_looked_for = |fates: &[(usize, Fate)]| {
            fates.iter().any(|(table, fate)| *table == number && *fate != Fate::Nameless)
        };
        let names: Vec<_> = namespaces
            .filter(|namespace| is_looked_for(&namespace.fates))
            .map(|namespace| namespace.name.as_slice())
            .chain([&b""[..]])
            .collect();
        let entries = table.entries.iter().take(MAX_ENTRIES).map(|entry| {
            let of = EntryOf { table, entry };
            let is_match = |name: &&&[u8]| of.matches(Seen::Namespace(name)) == Some(Match::Yes);
            EntryFacts {
                list: entry.list,
                text: entry.text.clone(),
                line: entry.line,
                matches: names.iter().filter(is_match).count(),
                unsure: 0,
            }
        });
        let facts = TableFacts {
            line: table.line,
            given: table.given.clone(),
            entries: entries.collect(),
            more_entries: table.entries.len().saturating_sub(MAX_ENTRIES),
            way,
            has_others: table.namespaces.may_select_more_than(|_| false),
            dedup_interval: table.dedup_interval,
            ..TableFacts::default()
        };
        Self { table, facts, only, told: BTreeSet::new(), told_tags: BTreeSet::new() }
    }

    fn see(&mut self, shown: Shown<'_>, others: &Others) {
        match shown {
            Shown::Interface { table: number, tags, interface, counters, verdict } => {
                let namespace = tags.iter().find(|(key, _)| *key == "namespace");
                let namespace = namespace.map(|(_, name)| name.as_slice()).unwrap_or_default();
                let tells_kinds = others
                    .namespaces
                    .iter()
                    .filter(|one| one.name == namespace)
                    .flat_map(|one| &one.fates)
                    .find(|(table, fate)| *table == number && fate.is_reported())
                    .map_or_else(
                        || self.facts.way.as_ref().is_some_and(|way| way.tells_kinds),
                        |(_, fate)| *fate == Fate::ByNetlink,
                    );
                let is_there = counters.is_some();
                let because = match verdict {
                    Verdict::Reported if !is_there => "it has just gone".to_owned(),
                    verdict => because(self.table, interface, verdict, tells_kinds),
                };
                self.count(interface, tells_kinds);
                let is_reported = verdict == Verdict::Reported && is_there;
                let name = telegraf_name(&interface.name);
                let (mut line, mut told) = (Vec::new(), Vec::new());
                if let Some(counters) = counters.filter(|_| is_reported) {
                    let tags_of_lines = tags.iter().map(|(key, value)| (*key, value.as_slice()));
                    let properties =
                        self.table.interface_tags.iter().filter_map(|tag| tag.of(interface));
                    Influx.interface(&mut line, name, &mut tags_of_lines.chain(properties));
                    told.clone_from(&line);
                    let fields = &self.table.fields;
                    Influx.fields(&mut told, counters, interface, fields, None);
                    let mut choice = Choice::first(self.table.dump_zeros);
                    Influx.fields(&mut line, counters, interface, fields, Some(&mut choice));
                    let tags_told =
                        self.table.interface_tags.iter().filter_map(|tag| tag.of(interface));
                    let tags_told = tags_told.filter(|(_, value)| !value.is_empty());
                    let tags_told = tags_told.map(|(key, _)| key);
                    self.told_tags.extend(tags_told.chain(tags.iter().map(|(key, _)| *key)));
                    self.facts.without_speed += usize::from(interface.speed_mbits().is_none());
                }
                let keys = fields_of(&told);
                self.told.extend(keys.iter().map(|key| String::from_utf8_lossy(key).into_owned()));
                let is_named = self.only == Some(name) && is_reported;
                self.facts.interfaces.push(InterfaceFacts {
                    namespace: namespace.to_vec(),
                    name: name.to_vec(),
                    is_reported,
                    because,
                    fields: fields_of(&line).len(),
                    line: is_named.then(|| String::from_utf8_lossy(&line).into_owned()),
                });
            }
            Shown::Protocol { statistic, .. } => {
                let is_written = self.table.dump_zeros || statistic.value != 0;
                self.facts.statistics += usize::from(is_written);
                self.facts.fields.insert(statistic.field.to_owned());
                let entries = self.table.entries.iter().zip(&mut self.facts.entries);
                for (entry, facts) in entries.filter(|(entry, _)| entry.list == List::Protocols) {
                    let item = self.table.protocols.get(entry.index);
                    let is_match = item.is_some_and(|item| item.names(&statistic));
                    facts.matches += usize::from(is_match);
                }
            }
        }
    }

    /// Counts what entries match, and kinds.
    fn count(&mut self, interface: &Interface, tells_kinds: bool) {
        for (entry, facts) in self.table.entries.iter().zip(&mut self.facts.entries) {
            let of = EntryOf { table: self.table, entry };
            match of.matches(Seen::Interface(interface, tells_kinds)) {
                Some(Match::Yes) => facts.matches += 1,
                Some(Match::Unsure) => facts.unsure += 1,
                Some(Match::No) | None => {}
            }
        }
        if self.table.selection.needs_kind() {
            let kind = kind_of(interface).unwrap_or_default();
            *self.facts.kinds.entry(kind).or_default() += 1;
        }
    }

    fn end(mut self) -> TableFacts {
        let is_any = self.facts.interfaces.iter().any(|one| one.is_reported);
        let fields = &self.table.fields;
        self.facts.fields.extend(self.told.iter().cloned().chain(fields_of_interfaces(*fields)));
        let tags = self.table.interface_tags.iter().map(|tag| tag.key());
        let of_others = ["container", "namespace"].into_iter().filter(|_| self.facts.has_others);
        let tags = tags.chain(of_others);
        self.facts.tags.extend(tags.chain(["interface"]).chain(self.told_tags.iter().copied()));
        let since = |counter: &crate::model::counters::Counter| {
            counter.stats.iter().find_map(|stat| stat.since())
        };
        // Those without are other systems'.
        let counters = MoreCounters::TABLE.iter().filter(|one| !one.stats.is_empty());
        let counters = counters.map(|one| (one.name, since(one)));
        let counters = counters.filter(|_| fields.all_counters);
        // Of others, it depends upon the driver, and upon whether the interface is up.
        let states = LinkState::FIELDS.iter().map(|one| (one.name, one.since));
        let states = states.filter(|(name, since)| since.is_some() || *name == "promiscuity");
        let states = states.filter(|_| fields.link_state);
        if is_any && cfg!(target_os = "linux") {
            let absent = counters.chain(states).filter(|(name, _)| !self.told.contains(*name));
            self.facts.absent = absent.collect();
        }
        if is_any {
            let tags = self.table.interface_tags.iter().map(|tag| tag.key());
            let absent = tags.filter(|key| !self.told_tags.contains(key));
            self.facts.absent_tags = absent.collect();
        }
        self.facts
    }
}

/// The fields that lines of interfaces may have, but for protocol statistics.
fn fields_of_interfaces(fields: Fields) -> BTreeSet<String> {
    let counters = Counters::TABLE.iter().map(|one| one.name);
    let rates = counters.clone().filter(|_| fields.rates).map(|name| format!("{name}_rate"));
    // Those without are other systems'.
    let more =
        MoreCounters::TABLE.iter().filter(|one| fields.all_counters && !one.stats.is_empty());
    let states = LinkState::FIELDS.iter().filter(|_| fields.link_state).map(|one| one.name);
    let names = counters.chain(more.map(|one| one.name)).chain(states).chain(["speed"]);
    names.map(ToOwned::to_owned).chain(rates).collect()
}

/// The keys of the fields of a line, which are words.
#[must_use]
pub fn fields_of(line: &[u8]) -> Vec<&[u8]> {
    // In tags, a space stands behind a backslash.
    let mut before = 0;
    let start = line.iter().position(|&byte| {
        let is_end = byte == b' ' && before != b'\\';
        before = byte;
        is_end
    });
    let fields = start.and_then(|start| line.get(start + 1..)).unwrap_or_default();
    let fields = fields.split(|&byte| byte == b' ').next().unwrap_or_default();
    let pairs = fields.split(|&byte| byte == b',').filter(|pair| !pair.is_empty());
    pairs.filter_map(|pair| pair.split(|&byte| byte == b'=').next()).collect()
}

/// The kernel's kind of an interface, or the word of its class; `None` where neither is told.
fn kind_of(interface: &Interface) -> Option<String> {
    let kind = interface.details.as_ref().map(|details| &*details.properties.kind);
    match kind {
        Some(kind) if !kind.is_empty() => Some(String::from_utf8_lossy(kind).into_owned()),
        _ => match KindClass::of(interface) {
            Some(class @ (KindClass::Physical | KindClass::Loopback)) => Some(class.name().into()),
            Some(KindClass::Virtual) | None => None,
        },
    }
}

/// What decides whether the table reports the interface.
fn because(table: &Table, interface: &Interface, verdict: Verdict, tells_kinds: bool) -> String {
    let entry = |list: List| first_match(table, interface, list, tells_kinds).map(show_entry);
    let lines = |list: List| {
        let line = table.entries.iter().find(|entry| entry.list == list).map(|entry| entry.line);
        line.map(|line| format!("{} (line {line})", list.name())).unwrap_or_default()
    };
    match verdict {
        Verdict::Reported => {
            let mut parts = vec![match table.selection.interfaces {
                Some(_) => entry(List::Interfaces).unwrap_or_default(),
                None => because_of_flags(table, interface),
            }];
            parts.extend(entry(List::KindInclude));
            if table.selection.kind_exclude.is_some()
                && kind_of(interface).is_none()
                && !tells_kinds
            {
                let list = lines(List::KindExclude);
                parts.push(format!("its kind is not told by files, so that {list} keeps it"));
            }
            parts.join("; ")
        }
        Verdict::NotNamed => format!("no entry of {} matches", lines(List::Interfaces)),
        Verdict::Loopback => "loopback; include_loopback = false".to_owned(),
        Verdict::Down => "down; include_down = false".to_owned(),
        Verdict::Gone => "it has just gone".to_owned(),
        Verdict::Excluded => entry(List::InterfaceExclude).unwrap_or_default(),
        Verdict::ExcludedKind => entry(List::KindExclude).unwrap_or_default(),
        Verdict::OtherKind => {
            let list = lines(List::KindInclude);
            match kind_of(interface) {
                Some(kind) => format!("its kind {} is not in {list}", Quoted(kind.as_bytes())),
                None if tells_kinds => format!("it has no kind, and so is not in {list}"),
                None => format!("its kind is not told by files, so that {list} drops it"),
            }
        }
        Verdict::Nameless => "nothing is left of its name as Telegraf has it".to_owned(),
    }
}

/// Why an interface is reported that no list of names was asked for.
fn because_of_flags(table: &Table, interface: &Interface) -> String {
    let selection = &table.selection;
    let option = |key: &str| match table.given.iter().find(|given| given.key == key) {
        Some(Given { origin: Origin::Line(line), .. }) => format!("{key} = true (line {line})"),
        _ => format!("{key} = true"),
    };
    match interface.presence {
        Presence::Known(flags) => {
            let mut parts = vec![if flags.is_up() { "up".into() } else { "down".to_owned() }];
            if !flags.is_up() && selection.include_down {
                parts.push(option("include_down"));
            }
            if flags.is_loopback() && selection.include_loopback {
                parts.push(format!("loopback, {}", option("include_loopback")));
            }
            parts.join(", ")
        }
        Presence::Unknown if selection.needs_flags() => {
            "whether it is up cannot be told here, so that it is reported".to_owned()
        }
        Presence::Unknown | Presence::Gone => {
            format!("{}, {}", option("include_down"), option("include_loopback"))
        }
    }
}

/// The first entry of that list that matches the interface.
fn first_match<'t>(
    table: &'t Table,
    interface: &Interface,
    list: List,
    tells_kinds: bool,
) -> Option<&'t ListEntry> {
    let is_match = |entry: &&ListEntry| {
        let of = EntryOf { table, entry };
        of.matches(Seen::Interface(interface, tells_kinds)) == Some(Match::Yes)
    };
    table.entries.iter().filter(|entry| entry.list == list).find(is_match)
}

/// What becomes of each namespace, in the order of the tables and of their names.
fn namespace_rows(tables: &[Table], others: &Others) -> Vec<NamespaceRow> {
    let has_others = |(_, table): &(usize, &Table)| table.namespaces.has_others();
    let rows = tables.iter().enumerate().filter(has_others).flat_map(|(number, table)| {
        let is_reported = table.namespaces.selects(b"");
        let own = NamespaceRow {
            table: number,
            name: Vec::new(),
            is_reported,
            is_lost: false,
            because: because_of_name(table, b"", is_reported),
        };
        let fates = others.namespaces.iter().flat_map(move |namespace| {
            let fates = namespace.fates.iter().filter(move |(table, _)| *table == number);
            fates.map(move |(_, fate)| NamespaceRow {
                table: number,
                name: namespace.name.clone(),
                is_reported: fate.is_reported(),
                is_lost: fate.is_lost(),
                because: because_of_fate(table, &namespace.name, fate),
            })
        });
        [own].into_iter().chain(fates)
    });
    rows.collect()
}

fn because_of_fate(table: &Table, name: &[u8], fate: &Fate) -> String {
    let selected = because_of_name(table, name, true);
    match fate {
        Fate::ByNetlink => format!("{selected}; by netlink"),
        Fate::ByFiles => format!("{selected}; by files that were opened in it"),
        Fate::ByProcess(process) => format!(
            "{selected}; it may not be entered: by the files of {}, without flags, speed and tags",
            QuotedPath(process)
        ),
        Fate::NotSelected => because_of_name(table, name, false),
        Fate::Nameless => "it has no name; namespace_discovery = \"named\"".to_owned(),
        Fate::Own => "it is our own, which the table reports without the tag".to_owned(),
        Fate::Limited => {
            format!("namespace_limit = {} is reached: raise it", table.namespaces.limit)
        }
        Fate::NoFiles => {
            "no open files are left for it: raise their limit (LimitNOFILE)".to_owned()
        }
        Fate::Forbidden(why) => format!("it cannot be entered: {why}"),
        Fate::Unread => "it came, or failed, at this moment".to_owned(),
    }
}

/// What of the lists of namespaces decides about that name.
fn because_of_name(table: &Table, name: &[u8], is_selected: bool) -> String {
    let first = |list: List| {
        let is_match = |entry: &&ListEntry| {
            let of = EntryOf { table, entry };
            of.matches(Seen::Namespace(name)) == Some(Match::Yes)
        };
        let mut entries = table.entries.iter().filter(|entry| entry.list == list);
        entries.find(is_match).map(show_entry)
    };
    let [include, exclude] = [List::NamespaceInclude, List::NamespaceExclude];
    if is_selected {
        return first(include).unwrap_or_else(|| format!("{} does not match", exclude.name()));
    }
    let not_included = || format!("no entry of {} matches", include.name());
    first(exclude).unwrap_or_else(not_included)
}

fn show_entry(entry: &ListEntry) -> String {
    let ListEntry { list, text, line, .. } = entry;
    format!("{} {} (line {line})", list.name(), Quoted(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::systems::System;
    use crate::model::interface::Wants;
    use crate::model::link::Flags;

    fn table(options: &str) -> Table {
        let text = format!("[[inputs.net]]\n{options}");
        Config::parse_for(System::Linux, text.as_bytes(), &|_| None).unwrap().tables.remove(0)
    }

    fn interface(name: &str, flags: u32, kind: &str, is_physical: Option<bool>) -> Interface {
        let wants = Wants { kind: true, ..Wants::default() };
        let mut interface = Interface::new(1, name.as_bytes(), wants);
        interface.presence = Presence::Known(Flags(flags));
        let properties = &mut interface.details.as_mut().unwrap().properties;
        (properties.kind, properties.is_physical) = (kind.as_bytes().into(), is_physical);
        interface
    }

    /// The verdict on the interface, and what decides it.
    fn decided(options: &str, interface: &Interface, tells_kinds: bool) -> (Verdict, String) {
        let table = table(options);
        let verdict = table.selection.verdict(interface);
        (verdict, because(&table, interface, verdict, tells_kinds))
    }

    #[test]
    fn what_decides_is_the_option_or_the_entry_that_does() {
        let [up, lo] = [("eth0", 1), ("lo", 9)]
            .map(|(name, flags)| interface(name, flags, "", Some(name == "eth0")));
        let veth = interface("veth1", 1, "veth", Some(false));
        let down = interface("eth1", 0, "", Some(true));
        let cases = [
            ("", &up, Verdict::Reported, "up"),
            ("", &lo, Verdict::Loopback, "loopback; include_loopback = false"),
            ("", &down, Verdict::Down, "down; include_down = false"),
            (
                "\ninclude_down = true",
                &down,
                Verdict::Reported,
                "down, include_down = true (line 3)",
            ),
            (
                "include_loopback = true",
                &lo,
                Verdict::Reported,
                "up, loopback, include_loopback = true (line 2)",
            ),
            (
                "interfaces = ['lo',\n'eth*',\n'*0']",
                &up,
                Verdict::Reported,
                "interfaces \"eth*\" (line 3)",
            ),
            (
                "interfaces = ['lo']",
                &up,
                Verdict::NotNamed,
                "no entry of interfaces (line 2) matches",
            ),
            (
                "interface_exclude = ['x', 'et*']",
                &up,
                Verdict::Excluded,
                "interface_exclude \"et*\" (line 2)",
            ),
            (
                "kind_include = ['veth', 'physical']",
                &up,
                Verdict::Reported,
                "up; kind_include \"physical\" (line 2)",
            ),
            (
                "kind_include = ['bridge',\n'physical']",
                &veth,
                Verdict::OtherKind,
                "its kind \"veth\" is not in kind_include (line 2)",
            ),
            (
                "kind_exclude = ['physical',\n'bridge',\n've*']",
                &veth,
                Verdict::ExcludedKind,
                "kind_exclude \"ve*\" (line 4)",
            ),
            (
                "kind_exclude = ['ve*', 'physical']",
                &up,
                Verdict::ExcludedKind,
                "kind_exclude \"physical\" (line 2)",
            ),
        ];
        for (options, interface, verdict, because) in cases {
            assert_eq!(decided(options, interface, true), (verdict, because.into()), "{options}");
        }
    }

    #[test]
    fn a_kind_that_files_do_not_tell_is_said_to_keep_or_drop_the_interface() {
        let mut unknown = interface("veth1", 1, "", Some(false));
        let (verdict, kept) = decided("kind_exclude = ['veth']", &unknown, false);
        assert_eq!(verdict, Verdict::Reported);
        let expected = "up; its kind is not told by files, so that kind_exclude (line 2) keeps it";
        assert_eq!(kept, expected);
        assert_eq!(decided("kind_exclude = ['veth']", &unknown, true).1, "up");
        let (verdict, dropped) = decided("kind_include = ['veth']", &unknown, false);
        assert_eq!(verdict, Verdict::OtherKind);
        assert_eq!(
            dropped,
            "its kind is not told by files, so that kind_include (line 2) drops it"
        );
        unknown.presence = Presence::Unknown;
        let expected = "whether it is up cannot be told here, so that it is reported";
        assert_eq!(decided("", &unknown, true), (Verdict::Reported, expected.into()));
    }

    #[test]
    fn the_fields_of_a_line_are_counted_whatever_its_tags_hold() {
        for (line, keys) in [
            ("net,interface=eth0 a=1i,b=\"up\"", &["a", "b"][..]),
            (r"net,interface=a\ b\,c\=1,alias=x\ y a=1i", &["a"]),
            ("net a=1i,c=0.5 17", &["a", "c"]),
            ("net,interface=eth0", &[]),
            ("", &[]),
        ] {
            let expected: Vec<_> = keys.iter().map(|key| key.as_bytes()).collect();
            assert_eq!(fields_of(line.as_bytes()), expected, "{line}");
        }
    }
}
