//! What an entry of a list that selects makes of something that there is: for who is told what an entry
//! matches, and which one it was.

use crate::config::{List, ListEntry, Table};
use crate::model::interface::{Interface, Presence, telegraf_name};
use crate::model::protocol::{Group, ProtocolStatistic};
use crate::select::kinds::{KindClass, Kinds};

/// Something that there is, for entries to match.
#[derive(Debug, Clone, Copy)]
pub enum Seen<'a> {
    /// An interface, and whether its kind is told for sure.
    Interface(&'a Interface, bool),
    /// A statistic of a line `interface=all`.
    Statistic(ProtocolStatistic<'a>),
    /// A network namespace by its name. All of them were looked for.
    Namespace(&'a [u8]),
}

/// What an entry makes of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// It matches.
    Yes,
    /// It does not.
    No,
    /// That cannot be told.
    Unsure,
}

/// An entry of a list that selects, and the table that it is of.
#[derive(Debug, Clone, Copy)]
pub struct EntryOf<'t> {
    /// The table.
    pub table: &'t Table,
    /// The entry.
    pub entry: &'t ListEntry,
}

impl EntryOf<'_> {
    /// What it makes of that; `None` where it is not about such things.
    #[must_use]
    pub fn matches(&self, seen: Seen<'_>) -> Option<Match> {
        let of = |is_match: bool| if is_match { Match::Yes } else { Match::No };
        match seen {
            Seen::Interface(interface, _) if interface.presence == Presence::Gone => None,
            Seen::Interface(interface, tells_kinds) => match self.entry.list {
                List::KindInclude | List::KindExclude => self.matches_kind(interface, tells_kinds),
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

    /// Whether it matches that name of an interface; `None` where it is not about names.
    #[must_use]
    pub fn matches_name(&self, name: &[u8]) -> Option<bool> {
        let patterns = match self.entry.list {
            List::Interfaces => self.table.selection.interfaces.as_ref(),
            List::InterfaceExclude => self.table.selection.interface_exclude.as_ref(),
            _ => None,
        };
        Some(patterns?.entry_matches(self.entry.index, name))
    }

    fn matches_kind(&self, interface: &Interface, tells_kinds: bool) -> Option<Match> {
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
        let has_none = || {
            let class = KindClass::of(interface);
            matches!(class, Some(KindClass::Physical | KindClass::Loopback))
        };
        Some(match is_match {
            true => Match::Yes,
            false if tells_kinds || !kind.is_empty() || has_none() => Match::No,
            // Files tell the kinds of few.
            false => Match::Unsure,
        })
    }

    /// The list that it is of, where that is one of kinds.
    fn kinds(&self) -> Option<&Kinds> {
        match self.entry.list {
            List::KindInclude => self.table.selection.kind_include.as_ref(),
            List::KindExclude => self.table.selection.kind_exclude.as_ref(),
            _ => None,
        }
    }

    /// Whether it is about kinds.
    #[must_use]
    pub fn is_of_kinds(&self) -> bool {
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
}
