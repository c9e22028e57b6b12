//! Protocol statistics: plain data, the fields of the line `net,interface=all`.

use std::fmt;

/// A group of statistics, as `protocols` in `plugin.conf` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// IPv4.
    Ip,
    /// ICMP for IPv4.
    Icmp,
    /// ICMP messages by their type.
    IcmpMsg,
    /// TCP, over IPv4 and IPv6.
    Tcp,
    /// UDP over IPv4.
    Udp,
    /// UDP-Lite over IPv4.
    UdpLite,
    /// IPv6.
    Ip6,
    /// ICMP for IPv6, with messages by their type.
    Icmp6,
    /// UDP over IPv6.
    Udp6,
    /// UDP-Lite over IPv6.
    UdpLite6,
    /// Linux's own of TCP.
    TcpExt,
    /// Linux's own of IPv4.
    IpExt,
    /// Multipath TCP.
    MptcpExt,
    /// Sockets in use.
    Sockstat,
    /// Sockets in use over IPv6.
    Sockstat6,
    /// The work of the network's soft interrupts, of all processors together.
    Softnet,
}

impl Group {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::Ip,
        Self::Icmp,
        Self::IcmpMsg,
        Self::Tcp,
        Self::Udp,
        Self::UdpLite,
        Self::Ip6,
        Self::Icmp6,
        Self::Udp6,
        Self::UdpLite6,
        Self::TcpExt,
        Self::IpExt,
        Self::MptcpExt,
        Self::Sockstat,
        Self::Sockstat6,
        Self::Softnet,
    ];

    /// Those that `inputs.net` reports.
    pub const DEFAULT: [Self; 6] =
        [Self::Ip, Self::Icmp, Self::IcmpMsg, Self::Tcp, Self::Udp, Self::UdpLite];

    /// Those that there are per interface too.
    pub const OF_INTERFACES: [Self; 2] = [Self::Ip6, Self::Icmp6];

    /// The name in `plugin.conf`, and what the names of its fields begin with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Icmp => "icmp",
            Self::IcmpMsg => "icmpmsg",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::UdpLite => "udplite",
            Self::Ip6 => "ip6",
            Self::Icmp6 => "icmp6",
            Self::Udp6 => "udp6",
            Self::UdpLite6 => "udplite6",
            Self::TcpExt => "tcpext",
            Self::IpExt => "ipext",
            Self::MptcpExt => "mptcpext",
            Self::Sockstat => "sockstat",
            Self::Sockstat6 => "sockstat6",
            Self::Softnet => "softnet",
        }
    }

    /// The group of that name, whatever the case of its letters.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.name().eq_ignore_ascii_case(name))
    }
}

/// A set of groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Groups(u32);

// A group's bit is the number of its variant.
const _: () = assert!(Group::ALL.len() <= u32::BITS as usize, "there is a bit for each group");

impl Groups {
    /// Of no group.
    pub const NONE: Self = Self(0);

    /// Whether it holds the group.
    #[must_use]
    pub fn contains(self, group: Group) -> bool {
        self.0 & (1 << group as u32) != 0
    }

    /// Whether it holds any.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those but that one.
    #[must_use]
    pub fn without(self, group: Group) -> Self {
        Self(self.0 & !(1 << group as u32))
    }

    /// Those that it holds of these.
    #[must_use]
    pub fn among(self, groups: &[Group]) -> Self {
        groups.iter().copied().filter(|&group| self.contains(group)).collect()
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Group> {
        Group::ALL.into_iter().filter(move |&group| self.contains(group))
    }
}

impl fmt::Display for Groups {
    /// Their names, quoted, as `protocols` in `plugin.conf` has them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, group) in self.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(f, "{comma}{:?}", group.name())?;
        }
        Ok(())
    }
}

impl FromIterator<Group> for Groups {
    fn from_iter<I: IntoIterator<Item = Group>>(groups: I) -> Self {
        Self(groups.into_iter().fold(0, |set, group| set | 1 << group as u32))
    }
}

/// Protocol statistics of one network namespace or one interface, in the kernel's order.
///
/// The names lie in one buffer, so that a list that is filled again allocates nothing. Mostly the same
/// statistics come again, and only values are other ones.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct ProtocolStatistics {
    names: String,
    entries: Vec<StatisticEntry>,
    groups: Groups,
    /// How many of the entries were filled in again.
    filled: usize,
    version: u64,
    /// Another one whenever there are other statistics, or in another order.
    shape: u64,
}

/// A run of statistics in a list, to be [kept](ProtocolStatistics::keep).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    start: usize,
    end: usize,
    shape: u64,
    groups: Groups,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StatisticEntry {
    group: Group,
    /// Where its name ends in `names`.
    end: usize,
    value: i64,
}

/// One statistic of a list, which alone makes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProtocolStatistic<'a> {
    /// What it belongs to.
    pub group: Group,
    /// The field's name, `tcp_retranssegs`: ASCII letters, digits and `_`.
    pub field: &'a str,
    /// The value.
    pub value: i64,
}

impl ProtocolStatistic<'_> {
    /// Whether it tells how much there is at this moment, or a setting, and counts nothing.
    #[must_use]
    pub fn is_gauge(&self) -> bool {
        matches!(
            (self.group, self.column()),
            (Group::Sockstat | Group::Sockstat6, _)
                | (Group::Softnet, "backlog_len")
                | (Group::MptcpExt, "mpcurrestab")
                | (Group::Tcp, "currestab" | "rtoalgorithm" | "rtomin" | "rtomax" | "maxconn")
                | (Group::Ip, "forwarding" | "defaultttl")
        )
    }

    /// The field's name without its group's, `retranssegs`.
    #[must_use]
    pub fn column(&self) -> &str {
        self.field.get(self.group.name().len() + 1..).unwrap_or_default()
    }
}

impl ProtocolStatistics {
    /// Begins to fill the list again, from its start.
    pub fn start(&mut self) {
        self.filled = 0;
        self.groups = Groups::NONE;
    }

    /// Ends that: what did not come again is not in the list any more.
    pub fn end(&mut self) {
        if self.filled < self.entries.len() {
            self.drop_rest();
        }
    }

    fn drop_rest(&mut self) {
        self.names.truncate(self.filled_names());
        self.entries.truncate(self.filled);
        self.version += 1;
        self.shape += 1;
    }

    /// Those that were filled in since there were so many.
    #[must_use]
    pub fn run_since(&self, start: usize) -> Run {
        let entries = self.entries.get(start..self.filled).unwrap_or_default();
        let groups = entries.iter().map(|entry| entry.group).collect();
        Run { start, end: self.filled, shape: self.shape, groups }
    }

    /// Fills these in again as they are, if they lie where the next ones belong. Returns whether they do.
    pub fn keep(&mut self, run: &Run) -> bool {
        let is_there = run.shape == self.shape && run.start == self.filled;
        if is_there {
            self.filled = run.end;
            self.groups = self.groups.or(run.groups);
        }
        is_there
    }

    /// How many were filled in.
    #[must_use]
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Where the names end of those that were filled in again.
    fn filled_names(&self) -> usize {
        let last = self.filled.checked_sub(1).and_then(|last| self.entries.get(last));
        last.map_or(0, |last| last.end)
    }

    /// Another one whenever anything in the list is.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The groups that it has any of, as far as it is filled.
    #[must_use]
    pub fn groups(&self) -> Groups {
        self.groups
    }

    /// Adds, between [`start`](Self::start) and [`end`](Self::end), the statistic of that column of that
    /// group, under Telegraf's name for it: both in lower case, `Tcp` and `RetransSegs` become
    /// `tcp_retranssegs`. Where the file has rows within the group, the row's name stands in between.
    ///
    /// What is no ASCII letter or digit becomes `_`: a field's name needs no escapes.
    pub fn push(&mut self, group: Group, row: Option<&str>, column: &str, value: i64) {
        self.groups = self.groups.or([group].into_iter().collect());
        let start = self.filled_names();
        if let Some(known) = self.entries.get_mut(self.filled) {
            let name = self.names.as_bytes().get(start..known.end).unwrap_or_default();
            if known.group == group && is_named(name, group, row, column) {
                self.version += u64::from(known.value != value);
                known.value = value;
                self.filled += 1;
                return;
            }
            self.drop_rest();
        }
        self.names.push_str(group.name());
        for part in row.into_iter().chain([column]) {
            self.names.push('_');
            self.names.extend(part.chars().map(|one| u8::try_from(one).map_or('_', in_name)));
        }
        self.entries.push(StatisticEntry { group, end: self.names.len(), value });
        self.filled += 1;
        self.version += 1;
        self.shape += 1;
    }

    /// Each statistic.
    pub fn iter(&self) -> impl Iterator<Item = ProtocolStatistic<'_>> {
        let mut start = 0;
        self.entries.iter().map(move |&StatisticEntry { group, end, value }| {
            let field = self.names.get(start..end).unwrap_or_default();
            start = end;
            ProtocolStatistic { group, field, value }
        })
    }
}

/// What a character becomes in a name.
fn in_name(character: u8) -> char {
    match character {
        b'a'..=b'z' | b'0'..=b'9' => character.into(),
        b'A'..=b'Z' => character.to_ascii_lowercase().into(),
        _ => '_',
    }
}

/// Whether that is the name of the statistic of that column. Of one that is not ASCII, as the kernel has
/// none, it may say no.
fn is_named(name: &[u8], group: Group, row: Option<&str>, column: &str) -> bool {
    let mut rest = name.strip_prefix(group.name().as_bytes());
    for part in row.into_iter().chain([column]).map(str::as_bytes) {
        let split = rest.and_then(|rest| rest.strip_prefix(b"_")?.split_at_checked(part.len()));
        let Some((told, behind)) = split else { return false };
        let is_same = |(told, one): (&u8, &u8)| char::from(*told) == in_name(*one);
        if !told.iter().zip(part).all(is_same) {
            return false;
        }
        rest = Some(behind);
    }
    rest.is_some_and(<[u8]>::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_telegrafs() {
        let mut statistics = ProtocolStatistics::default();
        statistics.push(Group::Ip, None, "Old", 1);
        statistics.start();
        statistics.end();
        assert_eq!(statistics.iter().count(), 0);
        statistics.push(Group::Tcp, None, "RetransSegs", 3);
        statistics.push(Group::Sockstat6, Some("TCP6"), "inuse", -1);
        // Every parser refuses names like these.
        statistics.push(Group::IpExt, Some("\u{b}="), "\"\\é\n,", 5);
        let read: Vec<_> = statistics
            .iter()
            .map(|one| (one.field.to_owned(), one.column().to_owned(), one.value))
            .collect();
        let expected = [
            ("tcp_retranssegs", "retranssegs", 3),
            ("sockstat6_tcp6_inuse", "tcp6_inuse", -1),
            ("ipext_________", "________", 5),
        ];
        assert_eq!(
            read,
            expected.map(|(field, column, value)| (field.into(), column.into(), value))
        );
    }

    #[test]
    fn a_list_that_is_filled_again_is_what_a_new_one_is() {
        type Told = (Group, Option<&'static str>, &'static str, i64);
        let fill = |statistics: &mut ProtocolStatistics, told: &[Told]| -> Vec<String> {
            statistics.start();
            for &(group, row, column, value) in told {
                statistics.push(group, row, column, value);
            }
            statistics.end();
            statistics
                .iter()
                .map(|one| format!("{:?} {}={}", one.group, one.field, one.value))
                .collect()
        };
        let all: [Told; 5] = [
            (Group::Ip, None, "InReceives", 1),
            (Group::Sockstat, Some("TCP"), "inuse", 2),
            (Group::Sockstat, Some("TCP_inuse"), "x", 3),
            (Group::Tcp, None, "é", 4),
            (Group::TcpExt, None, "TCPLoss", 5),
        ];
        let mut cases: Vec<Vec<Told>> = vec![all.to_vec(), vec![], all[..3].to_vec()];
        for place in 0..all.len() {
            // One is missing, has another value, or another name.
            let mut without = all.to_vec();
            without.remove(place);
            let [mut value, mut group, mut row, mut column] = [(); 4].map(|()| all.to_vec());
            value[place].3 += 1;
            group[place].0 = Group::Udp;
            row[place].1 = Some("other");
            column[place].2 = "other";
            cases.extend([without, value, group, row, column]);
        }
        for before in &cases {
            for after in &cases {
                let mut statistics = ProtocolStatistics::default();
                let told = fill(&mut statistics, before);
                let version = statistics.version();
                let again = fill(&mut statistics, after);
                assert_eq!(again, fill(&mut ProtocolStatistics::default(), after), "{before:?}");
                let groups: Groups = after.iter().map(|one| one.0).collect();
                assert_eq!(statistics.groups(), groups);
                // Only the one that is not ASCII may count as another one.
                assert!(told == again || statistics.version() != version);
                let is_ascii = before.iter().all(|one| one.2.is_ascii());
                assert!(!is_ascii || told != again || statistics.version() == version);
            }
        }
    }

    #[test]
    fn gauges_are_told_from_counters() {
        let is_gauge = |group: Group, row, column| {
            let mut statistics = ProtocolStatistics::default();
            statistics.start();
            statistics.push(group, row, column, 1);
            statistics.end();
            statistics.iter().all(|one| one.is_gauge())
        };
        for (group, row, column) in [
            (Group::Sockstat, Some("sockets"), "used"),
            (Group::Sockstat, Some("TCP"), "mem"),
            (Group::Sockstat6, Some("FRAG6"), "memory"),
            (Group::Softnet, None, "backlog_len"),
            (Group::Tcp, None, "CurrEstab"),
            (Group::Tcp, None, "RtoAlgorithm"),
            (Group::Tcp, None, "RtoMin"),
            (Group::Tcp, None, "RtoMax"),
            (Group::Tcp, None, "MaxConn"),
            (Group::MptcpExt, None, "MPCurrEstab"),
            (Group::Ip, None, "Forwarding"),
            (Group::Ip, None, "DefaultTTL"),
        ] {
            assert!(is_gauge(group, row, column), "{column}");
        }
        for (group, column) in [
            (Group::Tcp, "RetransSegs"),
            (Group::TcpExt, "TCPMemoryPressuresChrono"),
            (Group::Ip, "ForwDatagrams"),
            (Group::Softnet, "processed"),
        ] {
            assert!(!is_gauge(group, None, column), "{column}");
        }
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let numbers = Group::ALL.map(|group| group as usize).into_iter();
        assert!(numbers.eq(0..Group::ALL.len()));
        let groups: Groups = [Group::Tcp, Group::Softnet].into_iter().collect();
        let held: Vec<_> = Group::ALL.into_iter().filter(|&group| groups.contains(group)).collect();
        assert_eq!(held, [Group::Tcp, Group::Softnet]);
        assert!(Groups::default().is_empty() && !groups.is_empty());
        assert_eq!(groups.to_string(), r#""tcp", "softnet""#);
        let among = groups.among(&[Group::Ip, Group::Tcp]);
        assert_eq!(among.iter().collect::<Vec<_>>(), [Group::Tcp]);
    }
}
