//! Protocol statistics: plain data, the fields of the line `net,interface=all`.

/// The groups of `/proc/net/snmp` whose statistics `inputs.net` reports, in lower case.
pub const GROUPS: [&str; 6] = ["ip", "icmp", "icmpmsg", "tcp", "udp", "udplite"];

/// The protocol statistics of one network namespace, in the kernel's order.
///
/// The names lie in one buffer, so that a list that is cleared and filled again allocates nothing.
#[derive(Debug, Default)]
pub struct ProtocolStatistics {
    names: String,
    /// Per statistic: where its name ends in `names`, and its value.
    ends: Vec<(usize, i64)>,
}

impl ProtocolStatistics {
    /// Empties the list and keeps its memory.
    pub fn clear(&mut self) {
        self.names.clear();
        self.ends.clear();
    }

    /// Adds the statistic of that column of that group, under Telegraf's name for it: both in lower
    /// case, `Tcp` and `RetransSegs` become `tcp_retranssegs`.
    pub fn push(&mut self, group: &str, column: &str, value: i64) {
        let lower = |name: &str, names: &mut String| {
            names.extend(name.chars().map(|character| character.to_ascii_lowercase()));
        };
        lower(group, &mut self.names);
        self.names.push('_');
        lower(column, &mut self.names);
        self.ends.push((self.names.len(), value));
    }

    /// Each statistic's name and value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        let mut start = 0;
        self.ends.iter().map(move |&(end, value)| {
            let name = self.names.get(start..end).unwrap_or_default();
            start = end;
            (name, value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_telegrafs() {
        let mut statistics = ProtocolStatistics::default();
        statistics.push("Old", "Old", 1);
        statistics.clear();
        assert_eq!(statistics.iter().count(), 0);
        statistics.push("Tcp", "RetransSegs", 3);
        statistics.push("UdpLite", "InCsumErrors", -1);
        let read: Vec<_> = statistics.iter().collect();
        assert_eq!(read, [("tcp_retranssegs", 3), ("udplite_incsumerrors", -1)]);
    }
}
