//! What the first gather shows of the configuration: entries that match nothing, and lines that two
//! tables write.
//!
//! Interfaces and network namespaces may come later, so that an entry which matches nothing is no
//! fault: it is said once, at the start, and never again.

use std::collections::HashMap;

use super::entries::{EntryOf, Match, Seen};
use super::report::{Reported, named};
use crate::config::{List, Table};
use crate::model::interface::telegraf_name;
use crate::quoted::Quoted;
use crate::select::kinds::KindClass;
use crate::system::Altname;

/// So many entries are looked at.
const MAX_ENTRIES: usize = 4096;

/// The longest text that may be a known word with a slip.
const MAX_LIKE_A_WORD: usize = 64;

/// Kinds that the kernel has, whether or not there is an interface of them.
const KINDS: [&str; 33] = [
    "bareudp",
    "batadv",
    "bond",
    "bridge",
    "can",
    "dummy",
    "erspan",
    "geneve",
    "gre",
    "gretap",
    "gtp",
    "hsr",
    "ifb",
    "ip6gre",
    "ip6tnl",
    "ipip",
    "ipoib",
    "ipvlan",
    "macsec",
    "macvlan",
    "macvtap",
    "netdevsim",
    "nlmon",
    "sit",
    "team",
    "tun",
    "vcan",
    "veth",
    "vlan",
    "vrf",
    "vti",
    "vxlan",
    "wireguard",
];

/// The entries of all tables that match nothing, as far as that can be known.
#[derive(Debug)]
pub(super) struct Unmatched<'t> {
    entries: Vec<Unseen<'t>>,
    /// So many of them are told one by one.
    most: usize,
}

/// An entry of the configuration that matches nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmatchedEntry {
    /// The number of its table.
    pub table: usize,
    /// Its list.
    pub list: List,
    /// Its text.
    pub text: String,
    /// The number of its line in the file, from 1.
    pub line: usize,
    /// What it might have matched, such as `interface`.
    pub what: &'static str,
    /// What may have been meant, and how that is written, to stand behind all else: `; did you mean
    /// "eth0"?`. Mostly there is none.
    pub hint: String,
}

#[derive(Debug)]
struct Unseen<'t> {
    number: usize,
    of: EntryOf<'t>,
    is_matched: bool,
    /// Something was there that it could have matched.
    is_told: bool,
    /// Something was there of which it cannot be told.
    is_unsure: bool,
    /// The known word that is nearest to it, and how near.
    nearest: Option<(f64, String)>,
    /// An alternative name that it matches, and the name of that interface.
    altname: Option<[Vec<u8>; 2]>,
}

impl<'t> Unmatched<'t> {
    /// All entries, before anything was seen. So many that match nothing are told one by one.
    pub(super) fn of(tables: &'t [Table], most: usize) -> Self {
        let tables = tables.iter().enumerate();
        let entries = tables.flat_map(|(number, table)| {
            table.entries.iter().map(move |entry| Unseen {
                number,
                of: EntryOf { table, entry },
                is_matched: false,
                is_told: false,
                is_unsure: false,
                nearest: None,
                altname: None,
            })
        });
        Self { entries: entries.take(MAX_ENTRIES).collect(), most }
    }

    /// Takes in what there is for the table of that number.
    pub(super) fn see(&mut self, table: usize, seen: Seen<'_>) {
        let ours = self.entries.iter_mut().filter(|one| one.number == table && !one.is_matched);
        for one in ours {
            match one.of.matches(seen) {
                Some(Match::Yes) => one.is_matched = true,
                Some(Match::No) => one.is_told = true,
                Some(Match::Unsure) => one.is_unsure = true,
                None => {}
            }
        }
    }

    /// Everything was seen: leaves those that match nothing.
    pub(super) fn end(&mut self) {
        self.entries.retain(|one| !one.is_matched && one.is_told && !one.is_unsure);
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether alternative names may be meant.
    pub(super) fn may_be_altnames(&self) -> bool {
        self.told()
            .any(|one| matches!(one.of.entry.list, List::Interfaces | List::InterfaceExclude))
    }

    /// Takes in the same once more, to tell the nearest word for each.
    pub(super) fn compare(&mut self, table: usize, seen: Seen<'_>) {
        for one in self.told_mut().filter(|one| one.number == table) {
            if one.of.matches(seen).is_none() {
                continue;
            }
            match seen {
                Seen::Interface(interface, _) if one.of.is_of_kinds() => {
                    if let Some(details) = &interface.details {
                        one.compare(&details.properties.kind);
                    }
                }
                Seen::Interface(interface, _) => one.compare(telegraf_name(&interface.name)),
                Seen::Statistic(statistic) => one.compare(statistic.column().as_bytes()),
                Seen::Namespace(name) => one.compare(name),
            }
        }
    }

    /// Takes in an alternative name of an interface that there is for the table of that number.
    pub(super) fn see_altname(
        &mut self,
        table: usize,
        Altname { interface, altname }: Altname<'_>,
    ) {
        for one in self.told_mut().filter(|one| one.number == table) {
            if one.altname.is_none() && one.of.matches_name(altname) == Some(true) {
                one.altname = Some([altname, interface].map(<[u8]>::to_vec));
            }
        }
    }

    /// Tells of each, and how many more there are.
    pub(super) fn into_told(mut self) -> (Vec<UnmatchedEntry>, usize) {
        for one in self.told_mut().filter(|one| one.of.is_of_kinds()) {
            let classes = [KindClass::Physical, KindClass::Virtual, KindClass::Loopback];
            for word in classes.map(KindClass::name).into_iter().chain(KINDS) {
                one.compare(word.as_bytes());
            }
        }
        let told = self.told().map(|one| UnmatchedEntry {
            table: one.number,
            list: one.of.entry.list,
            text: one.of.entry.text.clone(),
            line: one.of.entry.line,
            what: one.what(),
            hint: one.hint(),
        });
        (told.collect(), self.entries.len().saturating_sub(self.most))
    }

    /// Those that are told one by one.
    fn told(&self) -> impl Iterator<Item = &Unseen<'t>> {
        self.entries.iter().take(self.most)
    }

    /// The same.
    fn told_mut(&mut self) -> impl Iterator<Item = &mut Unseen<'t>> {
        self.entries.iter_mut().take(self.most)
    }
}

impl Unseen<'_> {
    /// Takes a known word in, which may be meant.
    fn compare(&mut self, word: &[u8]) {
        let Ok(word) = str::from_utf8(word) else { return };
        let (group, text) = match (self.of.entry.list, self.of.entry.text.split_once(':')) {
            (List::Protocols, Some((group, text))) => (Some(group), text),
            _ => (None, self.of.entry.text.as_str()),
        };
        if text.len().max(word.len()) > MAX_LIKE_A_WORD || text == word {
            return;
        }
        let likeness = strsim::jaro_winkler(&text.to_lowercase(), &word.to_lowercase());
        if likeness > 0.8 && self.nearest.as_ref().is_none_or(|(best, _)| *best < likeness) {
            let word = group.map_or(word.to_owned(), |group| format!("{group}:{word}"));
            self.nearest = Some((likeness, word));
        }
    }

    /// What it might have matched.
    fn what(&self) -> &'static str {
        match self.of.entry.list {
            List::Interfaces | List::InterfaceExclude => "interface",
            List::KindInclude | List::KindExclude => "interface's kind",
            List::Protocols => "statistic",
            List::NamespaceInclude | List::NamespaceExclude => "network namespace",
        }
    }

    /// What may have been meant, and how that is written.
    fn hint(&self) -> String {
        let text = self.of.entry.text.as_str();
        if let Some([altname, name]) = &self.altname {
            let (altname, name) = (Quoted(altname), Quoted(name));
            return format!(": {altname} is an alternative name of {name}: write that");
        }
        if self.of.is_of_kinds() && (KindClass::of_name(text).is_some() || KINDS.contains(&text)) {
            return String::new();
        }
        let mut parts = text.split([',', ' ']).filter(|part| !part.is_empty());
        if !text.contains(['{', '[']) && parts.clone().nth(1).is_some() {
            let first = parts.next().unwrap_or_default();
            let (first, second) = (Quoted(first.as_bytes()), parts.next().unwrap_or_default());
            let second = Quoted(second.as_bytes());
            return format!(": write each as an entry of its own, {first}, {second}");
        }
        let variable = text.strip_prefix('$').filter(|name| name.starts_with(char::is_alphabetic));
        if let Some(variable) = variable {
            return format!(": a variable is written ${{{variable}}}");
        }
        if text.starts_with(['/', '^']) || text.ends_with('$') || text.contains(".*") {
            return ": it is no regular expression but a pattern such as \"eth*\"".into();
        }
        match &self.nearest {
            Some((_, word)) => format!("; did you mean {}?", Quoted(word.as_bytes())),
            None => String::new(),
        }
    }
}

/// Tables, by their numbers.
type NumberedTables<'a> = Vec<(usize, &'a Table)>;

/// What two tables both report: records of the same tags are one series, whose points have the same time
/// here.
#[derive(Debug)]
pub(super) struct Doubles<'a> {
    /// What is to be said of them.
    told: Vec<String>,
    /// The table that reported an interface under these tags last.
    interfaces: HashMap<&'a [u8], usize>,
    /// The tables that reported protocol statistics under these tags.
    protocols: HashMap<&'a [(&'static str, Vec<u8>)], NumberedTables<'a>>,
    is_interface_told: bool,
    is_statistic_told: bool,
}

impl<'a> Doubles<'a> {
    /// Nothing was seen yet.
    pub(super) fn new() -> Self {
        Self {
            told: Vec::new(),
            interfaces: HashMap::new(),
            protocols: HashMap::new(),
            is_interface_told: false,
            is_statistic_told: false,
        }
    }

    /// Takes in what the table of that number reports, and tells of the first that another one reports too.
    pub(super) fn see(&mut self, number: usize, reported: Reported<'a>) {
        match reported {
            Reported::Interface { tags, name, namespace } if !self.is_interface_told => {
                let first = self.interfaces.insert(tags, number).filter(|&first| first != number);
                let Some(first) = first else { return };
                self.is_interface_told = true;
                let place = match namespace {
                    Some(namespace) => format!(" of network namespace {}", Quoted(namespace)),
                    None => String::new(),
                };
                let (first, second, name) = (first + 1, number + 1, Quoted(name));
                self.told.push(format!(
                    "tables {first} and {second} both report {name}{place} under the same tags, so that \
                     its fields are written twice: leave it out of one of them by interface_exclude"
                ));
            }
            Reported::Protocols { tags, table, statistics } if !self.is_statistic_told => {
                let before = self.protocols.entry(tags).or_default();
                let twice = named(table, statistics).find_map(|one| {
                    let is_named =
                        |table: &Table| table.protocols.iter().any(|item| item.names(&one));
                    let first = before.iter().find(|(_, table)| is_named(table));
                    first.map(|(first, _)| (*first, one.field))
                });
                before.push((number, table));
                let Some((first, field)) = twice else { return };
                self.is_statistic_told = true;
                let (first, second, field) = (first + 1, number + 1, Quoted(field.as_bytes()));
                self.told.push(format!(
                    "tables {first} and {second} both write {field} of the line interface=all: set \
                     ignore_protocol_stats = true in one of them"
                ));
            }
            Reported::Interface { .. } | Reported::Protocols { .. } => {}
        }
    }

    /// What is to be said of them; mostly nothing.
    pub(super) fn into_told(self) -> Vec<String> {
        self.told
    }
}
