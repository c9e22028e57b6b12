//! What the first gather shows of the configuration: entries that match nothing, and lines that two
//! tables write.
//!
//! Interfaces and network namespaces may come later, so that an entry which matches nothing is no
//! fault: it is said once, at the start, and never again.

use std::collections::HashMap;

use crate::config::{Entry, List, Table};
use crate::log::Log;
use crate::model::interface::{Interface, Presence, telegraf_name};
use crate::model::protocol::{Group, ProtocolStatistic};
use crate::parse::Quoted;
use crate::select::{KindClass, Kinds};

/// Of so many entries that match nothing, each has a line of its own.
const MAX_LINES: usize = 8;

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

/// Something that there is, for entries to match.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen<'a> {
    /// An interface, and whether it is known by netlink: else its kind may not be known.
    Interface(&'a Interface, bool),
    /// A statistic of a line `interface=all`.
    Statistic(ProtocolStatistic<'a>),
    /// A network namespace by its name. All of them were looked for.
    Namespace(&'a [u8]),
}

/// The entries of all tables that match nothing, as far as that can be known.
#[derive(Debug)]
pub(crate) struct Unmatched<'t> {
    entries: Vec<Unseen<'t>>,
}

#[derive(Debug)]
struct Unseen<'t> {
    number: usize,
    table: &'t Table,
    entry: &'t Entry,
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

/// What an entry makes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Match {
    Yes,
    No,
    Unsure,
}

impl<'t> Unmatched<'t> {
    /// All entries, before anything was seen.
    pub(crate) fn of(tables: &'t [Table]) -> Self {
        let tables = tables.iter().enumerate();
        let entries = tables.flat_map(|(number, table)| {
            table.entries.iter().map(move |entry| Unseen {
                number,
                table,
                entry,
                is_matched: false,
                is_told: false,
                is_unsure: false,
                nearest: None,
                altname: None,
            })
        });
        Self { entries: entries.take(MAX_ENTRIES).collect() }
    }

    /// Takes in what there is for the table of that number.
    pub(crate) fn see(&mut self, table: usize, seen: Seen<'_>) {
        let ours = self.entries.iter_mut().filter(|one| one.number == table && !one.is_matched);
        for one in ours {
            match one.matches(seen) {
                Some(Match::Yes) => one.is_matched = true,
                Some(Match::No) => one.is_told = true,
                Some(Match::Unsure) => one.is_unsure = true,
                None => {}
            }
        }
    }

    /// Everything was seen: leaves those that match nothing.
    pub(crate) fn end(&mut self) {
        self.entries.retain(|one| !one.is_matched && one.is_told && !one.is_unsure);
    }

    /// Whether there are any.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether alternative names may be meant.
    pub(crate) fn may_be_altnames(&self) -> bool {
        self.told().any(|one| matches!(one.entry.list, List::Interfaces | List::InterfaceExclude))
    }

    /// Takes in the same once more, to tell the nearest word for each.
    pub(crate) fn compare(&mut self, table: usize, seen: Seen<'_>) {
        for one in self.entries.iter_mut().take(MAX_LINES).filter(|one| one.number == table) {
            if one.matches(seen).is_none() {
                continue;
            }
            match seen {
                Seen::Interface(interface, _) if one.is_of_kinds() => {
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
    pub(crate) fn see_altname(&mut self, table: usize, name: &[u8], altname: &[u8]) {
        for one in self.entries.iter_mut().take(MAX_LINES).filter(|one| one.number == table) {
            if one.altname.is_none() && one.matches_name(altname) == Some(true) {
                one.altname = Some([altname, name].map(<[u8]>::to_vec));
            }
        }
    }

    /// Says so of each.
    pub(crate) fn report(mut self, log: Log) {
        for one in self.entries.iter_mut().take(MAX_LINES).filter(|one| one.is_of_kinds()) {
            let classes = [KindClass::Physical, KindClass::Virtual, KindClass::Loopback];
            for word in classes.map(KindClass::name).into_iter().chain(KINDS) {
                one.compare(word.as_bytes());
            }
        }
        for one in self.told() {
            let Entry { list, text, line, .. } = one.entry;
            log.info(format_args!(
                "{} {} matches no {} at the start (line {line} of the configuration){}",
                list.name(),
                Quoted(text.as_bytes()),
                one.what(),
                one.hint()
            ));
        }
        let more = self.entries.len().saturating_sub(MAX_LINES);
        if more > 0 {
            log.info(format_args!("{more} more entries of the configuration match nothing"));
        }
    }

    /// Those that have a line of their own.
    fn told(&self) -> impl Iterator<Item = &Unseen<'t>> {
        self.entries.iter().take(MAX_LINES)
    }
}

impl Unseen<'_> {
    /// `None` where it is not about such things.
    fn matches(&self, seen: Seen<'_>) -> Option<Match> {
        let of = |is_match: bool| if is_match { Match::Yes } else { Match::No };
        match seen {
            Seen::Interface(interface, _) if interface.presence == Presence::Gone => None,
            Seen::Interface(interface, is_by_netlink) => match self.entry.list {
                List::KindInclude | List::KindExclude => {
                    self.matches_kind(interface, is_by_netlink)
                }
                _ => self.matches_name(telegraf_name(&interface.name)).map(of),
            },
            Seen::Statistic(statistic) => self.matches_statistic(&statistic).map(of),
            Seen::Namespace(name) => {
                let namespaces = &self.table.namespaces;
                let patterns = match self.entry.list {
                    List::NamespaceInclude => namespaces.include.as_ref(),
                    List::NamespaceExclude => namespaces.exclude.as_ref(),
                    _ => None,
                };
                Some(of(patterns?.entry_matches(self.entry.index, name)))
            }
        }
    }

    fn matches_name(&self, name: &[u8]) -> Option<bool> {
        let patterns = match self.entry.list {
            List::Interfaces => self.table.selection.interfaces.as_ref(),
            List::InterfaceExclude => self.table.selection.exclude.as_ref(),
            _ => None,
        };
        Some(patterns?.entry_matches(self.entry.index, name))
    }

    fn matches_kind(&self, interface: &Interface, is_by_netlink: bool) -> Option<Match> {
        let Kinds { patterns, .. } = self.kinds()?;
        if let Some(class) = KindClass::of_name(&self.entry.text) {
            let is_of = match KindClass::of(interface) {
                Some(known) if known == class => Match::Yes,
                Some(_) => Match::No,
                None => Match::Unsure,
            };
            return Some(is_of);
        }
        let kind = &interface.details.as_ref()?.properties.kind;
        let is_match = !kind.is_empty() && patterns.as_ref()?.entry_matches(self.entry.index, kind);
        Some(match is_match {
            true => Match::Yes,
            false if is_by_netlink => Match::No,
            // Files tell the kinds of few.
            false => Match::Unsure,
        })
    }

    fn kinds(&self) -> Option<&Kinds> {
        match self.entry.list {
            List::KindInclude => self.table.selection.kinds.as_ref(),
            List::KindExclude => self.table.selection.exclude_kinds.as_ref(),
            _ => None,
        }
    }

    fn is_of_kinds(&self) -> bool {
        self.kinds().is_some()
    }

    /// Of a pattern, as far as its group is there: that a whole group is not is said by who reads it. Some
    /// statistics come with the first message of their type.
    fn matches_statistic(&self, statistic: &ProtocolStatistic<'_>) -> Option<bool> {
        if self.entry.list != List::Protocols {
            return None;
        }
        let item = self.table.protocols.get(self.entry.index)?;
        let may_come = matches!(item.group, Group::IcmpMsg | Group::Icmp6);
        let is_told = item.columns.is_some() && item.group == statistic.group && !may_come;
        is_told.then(|| item.names(statistic))
    }

    /// Takes a known word in, which may be meant.
    fn compare(&mut self, word: &[u8]) {
        let Ok(word) = str::from_utf8(word) else { return };
        let (group, text) = match (self.entry.list, self.entry.text.split_once(':')) {
            (List::Protocols, Some((group, text))) => (Some(group), text),
            _ => (None, self.entry.text.as_str()),
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
        match self.entry.list {
            List::Interfaces | List::InterfaceExclude => "interface",
            List::KindInclude | List::KindExclude => "interface's kind",
            List::Protocols => "statistic",
            List::NamespaceInclude | List::NamespaceExclude => "network namespace",
        }
    }

    /// What may have been meant, and how that is written.
    fn hint(&self) -> String {
        let text = self.entry.text.as_str();
        if let Some([altname, name]) = &self.altname {
            let (altname, name) = (Quoted(altname), Quoted(name));
            return format!(": {altname} is an alternative name of {name}: write that");
        }
        if self.is_of_kinds() && (KindClass::of_name(text).is_some() || KINDS.contains(&text)) {
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

/// Says which lines two tables have both written into a batch, if there are any. `ends` are the tables'
/// ends in it.
///
/// Lines of the same measurement and tags are one series, whose points have the same time here.
pub(crate) fn report_doubles(batch: &[u8], ends: &[usize], log: Log) {
    let mut written = HashMap::<&[u8], (usize, &[u8])>::new();
    let mut is_said = [false; 2];
    let mut start = 0;
    for (table, &end) in ends.iter().enumerate() {
        let lines = batch.get(start..end).unwrap_or_default();
        start = end;
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let (tags, fields) = split_tags(line);
            let Some((first, others)) = written.insert(tags, (table, fields)) else { continue };
            let of_protocols =
                tags.starts_with(b"net,interface=all") && !fields.starts_with(b"bytes_sent=");
            let Some(is_said) = is_said.get_mut(usize::from(of_protocols)) else { continue };
            let twice =
                keys(fields).find(|&key| first != table && keys(others).any(|it| it == key));
            let Some(twice) = twice.filter(|_| !std::mem::replace(is_said, true)) else { continue };
            let (first, second) = (first + 1, table + 1);
            if of_protocols {
                log.warn(format_args!(
                    "tables {first} and {second} both write {} of the line interface=all: set \
                     ignore_protocol_stats = true in one of them",
                    Quoted(twice)
                ));
            } else {
                let interface = tags.strip_prefix(b"net,interface=").unwrap_or(tags);
                log.warn(format_args!(
                    "tables {first} and {second} both report {} under the same tags, so that its \
                     fields are written twice: leave it out of one of them by interface_exclude",
                    Quoted(interface)
                ));
            }
        }
    }
}

/// Splits a line at the first space that no backslash stands before.
fn split_tags(line: &[u8]) -> (&[u8], &[u8]) {
    let mut before = b' ';
    let end = line.iter().position(|&byte| {
        let is_end = byte == b' ' && before != b'\\';
        before = byte;
        is_end
    });
    let (tags, fields) = line.split_at(end.unwrap_or(line.len()));
    (tags, fields.get(1..).unwrap_or_default())
}

/// The keys of its fields, which are of plain letters; a string value has no comma.
fn keys(fields: &[u8]) -> impl Iterator<Item = &[u8]> {
    let fields = fields.split(|&byte| byte == b',');
    fields.filter_map(|field| field.split(|&byte| byte == b'=').next())
}
