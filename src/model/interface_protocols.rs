//! Protocol statistics of single interfaces: values of their own, under names that they share.

use std::sync::{Arc, OnceLock};

use super::protocol::{Group, ProtocolStatistic, ProtocolStatistics};

/// The names of an interface's statistics. There are few such lists, however many interfaces there are.
#[derive(Debug)]
pub struct StatisticNames {
    /// By their order. The values are some interface's.
    list: ProtocolStatistics,
    /// Where the kernel keeps the first of them, once that is looked for: `None` where it cannot be
    /// known. The others are messages of `ICMPv6` by their type.
    pub slots: OnceLock<Option<Box<[Slot]>>>,
}

/// Where the kernel keeps a statistic: by its number among those of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Its group.
    pub group: Group,
    /// Its number there.
    pub number: u16,
}

impl StatisticNames {
    /// Each statistic, in the kernel's order. Of these, the values count for nothing.
    pub fn iter(&self) -> impl Iterator<Item = ProtocolStatistic<'_>> {
        self.list.iter()
    }

    fn are_those_of(&self, statistics: &ProtocolStatistics) -> bool {
        self.list.iter().map(|one| one.field).eq(statistics.iter().map(|one| one.field))
    }
}

/// The lists of names that interfaces have.
#[derive(Debug, Default)]
pub struct SharedNames(Vec<Arc<StatisticNames>>);

impl SharedNames {
    /// The list of these names.
    fn of(&mut self, statistics: &ProtocolStatistics) -> Arc<StatisticNames> {
        if let Some(known) = self.0.iter().find(|names| names.are_those_of(statistics)) {
            return Arc::clone(known);
        }
        self.0.retain(|names| Arc::strong_count(names) > 1);
        let list = statistics.clone();
        let names = Arc::new(StatisticNames { list, slots: OnceLock::new() });
        self.0.push(Arc::clone(&names));
        names
    }
}

/// The protocol statistics of one interface, in the kernel's order.
#[derive(Debug, Default)]
pub struct InterfaceProtocols {
    names: Option<Arc<StatisticNames>>,
    values: Box<[i64]>,
    /// The number of the reading that netlink told its counters in last, or that it has none.
    pub told: u64,
    /// What netlink told then of how many messages of `ICMPv6` came and went.
    pub messages: [i64; 2],
    /// What netlink told then of when IPv6 began: what it counts is counted from there on.
    pub since: u32,
    /// What has to be done for what netlink does not tell.
    pub state: FileState,
}

/// What is known by an interface's own file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileState {
    /// It has to be read.
    #[default]
    Unread,
    /// What it tells and netlink does not is as it was.
    Current,
    /// It is not there, nor does netlink tell of the interface.
    Absent,
}

impl InterfaceProtocols {
    /// Each statistic.
    pub fn iter(&self) -> impl Iterator<Item = ProtocolStatistic<'_>> {
        let names = self.names.iter().flat_map(|names| names.iter());
        names.zip(&self.values).map(|(one, &value)| ProtocolStatistic { value, ..one })
    }

    /// Their names, where there are any.
    #[must_use]
    pub fn names(&self) -> Option<&StatisticNames> {
        self.names.as_deref()
    }

    /// The values, in the order of the names.
    pub fn names_and_values(&mut self) -> Option<(&StatisticNames, &mut [i64])> {
        Some((self.names.as_deref()?, &mut self.values))
    }

    /// Whether the interface's file has to be read in that reading.
    #[must_use]
    pub fn needs_file(&self, reading: u64) -> bool {
        self.told != reading || self.state == FileState::Unread
    }

    /// Takes in what its file tells. Returns whether that is something else than was known.
    pub fn set(&mut self, statistics: &ProtocolStatistics, shared: &mut SharedNames) -> bool {
        self.state = FileState::Current;
        let has_same_names =
            self.names.as_ref().is_some_and(|names| names.are_those_of(statistics));
        if !has_same_names {
            self.names = Some(shared.of(statistics));
            self.values = statistics.iter().map(|one| one.value).collect();
            return true;
        }
        let mut is_other = false;
        for (value, one) in self.values.iter_mut().zip(statistics.iter()) {
            is_other |= *value != one.value;
            *value = one.value;
        }
        is_other
    }

    /// Its file cannot be read, in that reading. Returns whether it could be before.
    pub fn clear(&mut self, reading: u64) -> bool {
        self.state = if self.told == reading { FileState::Unread } else { FileState::Absent };
        self.values = Box::default();
        self.names.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(columns: &[(&str, i64)]) -> ProtocolStatistics {
        let mut statistics = ProtocolStatistics::default();
        for (name, value) in columns {
            statistics.push(Group::Ip6, None, name, *value);
        }
        statistics
    }

    fn shown(protocols: &InterfaceProtocols) -> Vec<(String, i64)> {
        protocols.iter().map(|one| (one.field.to_owned(), one.value)).collect()
    }

    #[test]
    fn interfaces_share_names_and_have_values_of_their_own() {
        let (mut shared, mut all) =
            (SharedNames::default(), [(); 3].map(|()| InterfaceProtocols::default()));
        for (protocols, value) in all.iter_mut().zip(5..) {
            assert!(protocols.set(&statistics(&[("A", value), ("B", 0)]), &mut shared));
        }
        let names = all.each_ref().map(|one| std::ptr::from_ref(one.names().unwrap()));
        assert_eq!([names[0]; 3], names);
        assert_eq!(shown(&all[2]), [("ip6_a".to_owned(), 7), ("ip6_b".to_owned(), 0)]);
        // What nobody has any more is forgotten when another one comes.
        for (protocols, value) in all.iter_mut().zip(5..) {
            assert!(protocols.set(&statistics(&[("A", value), ("C", 1)]), &mut shared));
        }
        assert!(all[0].set(&statistics(&[("A", 1)]), &mut shared));
        assert_eq!(shared.0.len(), 2);
        assert_eq!(shown(&all[1]), [("ip6_a".to_owned(), 6), ("ip6_c".to_owned(), 1)]);
        assert_eq!(shown(&all[0]), [("ip6_a".to_owned(), 1)]);
    }

    #[test]
    fn only_what_is_another_value_or_another_name_is_a_change() {
        let (mut shared, mut protocols) = (SharedNames::default(), InterfaceProtocols::default());
        let first = [("A", 1), ("B", 2)];
        let mut set = |protocols: &mut InterfaceProtocols, columns: &[(&str, i64)]| {
            protocols.set(&statistics(columns), &mut shared)
        };
        assert!(set(&mut protocols, &first) && !set(&mut protocols, &first));
        assert!(set(&mut protocols, &[("A", 1), ("B", 3)]));
        assert!(set(&mut protocols, &[("A", 1), ("C", 3)]));
        assert!(set(&mut protocols, &[("A", 1)]) && !set(&mut protocols, &[("A", 1)]));
        assert!(protocols.clear(1) && !protocols.clear(1));
        assert_eq!(shown(&protocols), []);
    }

    #[test]
    fn a_file_is_read_unless_netlink_told_that_there_is_nothing_new() {
        let (mut shared, mut protocols) = (SharedNames::default(), InterfaceProtocols::default());
        assert!(protocols.needs_file(1));
        protocols.set(&statistics(&[("A", 1)]), &mut shared);
        assert!(protocols.needs_file(2));
        protocols.told = 2;
        assert!(!protocols.needs_file(2) && protocols.needs_file(3));
        // Netlink tells of it, and its file is not there.
        protocols.clear(2);
        assert!(protocols.needs_file(2));
        protocols.clear(3);
        protocols.told = 4;
        assert_eq!((protocols.state, protocols.needs_file(4)), (FileState::Absent, false));
    }
}
