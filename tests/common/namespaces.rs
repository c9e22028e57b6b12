//! Other network namespaces: how tests have the plugin report them, and what it says of each.

use std::collections::BTreeMap;
use std::fs;

use super::machine::{Machine, Sleeper, last_descendant};
use super::plugin::{Batch, Daemon};
use super::{PLUGIN, eventually, text};

/// The last table, whose only line ends a batch.
pub(crate) const END: &str =
    "\n[[inputs.net]]\ninterface_exclude = ['*']\nprotocols = ['softnet']\n";

pub(crate) const END_LINE: &str = "net,interface=all softnet_";

/// Whatever a line can have that stands still when the namespace does.
pub(crate) const EVERYTHING: &str = "\
interface_tags = ['alias', 'altname', 'mac', 'kind', 'master', 'lower', 'driver', 'namespace']
counters = 'all'
link_state = true
interface_protocols = ['ip6', 'icmp6']
protocols = ['ip', 'icmp', 'icmpmsg', 'tcp', 'udp', 'udplite', 'ip6', 'icmp6', 'udp6', 'tcpext', 'ipext']
";

/// A daemon on the machine, and what it reports of which namespace.
pub(crate) struct Watcher {
    pub(crate) daemon: Daemon,
}

impl Watcher {
    pub(crate) fn start(machine: &Machine, table: &str) -> Self {
        Self::start_as(machine, &[], table)
    }

    /// Starts it by these words before its own.
    pub(crate) fn start_as(machine: &Machine, by: &[&str], table: &str) -> Self {
        let words = [by, &[PLUGIN]].concat();
        let mut command = machine.command(words[0]);
        command.args(&words[1..]);
        Self { daemon: Daemon::start_as(command, &format!("[[inputs.net]]\n{table}{END}")) }
    }

    /// The plugin's process, once what started it has become that.
    pub(crate) fn pid(&self) -> u32 {
        eventually("the plugin", || {
            let pid = last_descendant(self.daemon.pid());
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (name == "telegraf-net\n").then_some(pid)
        })
    }

    pub(crate) fn gather(&mut self) -> NamespaceLines {
        NamespaceLines::of(&self.daemon.batch_until(END_LINE))
    }

    pub(crate) fn end(self) -> String {
        self.daemon.end()
    }
}

/// The lines of each namespace, without their tag `namespace`.
pub(crate) struct NamespaceLines(pub(crate) BTreeMap<String, Batch>);

impl NamespaceLines {
    pub(crate) fn of(batch: &Batch) -> Self {
        let mut reported = BTreeMap::<_, Batch>::new();
        for line in batch {
            let (namespace, line) = take_namespace(line);
            reported.entry(namespace).or_default().push(line);
        }
        Self(reported)
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    #[track_caller]
    pub(crate) fn get(&self, namespace: &str) -> &Batch {
        self.0.get(namespace).unwrap_or_else(|| panic!("no {namespace:?} in {:?}", self.names()))
    }

    /// The interfaces of a namespace.
    #[track_caller]
    pub(crate) fn interfaces(&self, namespace: &str) -> Vec<String> {
        let name = |line: &Vec<u8>| {
            let rest = text(line.strip_prefix(b"net,interface=").unwrap());
            rest.split([',', ' ']).next().unwrap().to_owned()
        };
        self.get(namespace).iter().map(name).filter(|name| name != "all").collect()
    }

    /// A field of an interface, or of `all`.
    #[track_caller]
    pub(crate) fn field(&self, namespace: &str, interface: &str, field: &str) -> Option<i64> {
        let prefix = format!("net,interface={interface}");
        let lines = self.get(namespace).iter().map(|line| text(line));
        let is_of = |line: &String| {
            line.strip_prefix(&prefix).is_some_and(|rest| rest.starts_with([',', ' ']))
        };
        let line = lines.into_iter().find(is_of).unwrap_or_else(|| panic!("no {interface}"));
        line.split([' ', ',']).find_map(|word| {
            word.strip_prefix(field)?.strip_prefix('=')?.strip_suffix('i')?.parse().ok()
        })
    }
}

/// The value of the tag `namespace`, as it is written, and the line without it.
pub(crate) fn take_namespace(line: &[u8]) -> (String, Vec<u8>) {
    const TAG: &[u8] = b",namespace=";
    let Some(start) = line.windows(TAG.len()).position(|part| part == TAG) else {
        return (String::new(), line.to_vec());
    };
    let value = &line[start + TAG.len()..];
    let mut is_escaped = false;
    let end = value.iter().position(|&byte| {
        let is_end = matches!(byte, b' ' | b',') && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    let (value, rest) = value.split_at(end.unwrap());
    assert!(!rest.windows(TAG.len()).any(|part| part == TAG), "{}", text(line));
    (text(value), [&line[..start], rest].concat())
}

/// The number that a process has on its machine.
pub(crate) fn inner(living: &Sleeper) -> String {
    inner_pid(living.pid)
}

/// The same of a number outside.
pub(crate) fn inner_pid(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    numbers.split_whitespace().last().unwrap().to_owned()
}

/// What is said where so many namespaces cannot be entered, of which so many are reported.
pub(crate) fn forbidden(count: usize, reported: usize) -> String {
    forbidden_for("CAP_SYS_ADMIN missing", count, reported)
}

pub(crate) fn sorted<const N: usize>(mut names: [&str; N]) -> [&str; N] {
    names.sort_unstable();
    names
}

/// What is said of root without `CAP_SYS_ADMIN`.
pub(crate) const BARRED: &str = "needs CAP_SYS_ADMIN, which the bounding set lacks, as by CapabilityBoundingSet= or \
                      without cap-add";

/// What is said where the kernel allows it, and something else does not.
pub(crate) const SANDBOX: &str = "Operation not permitted (os error 1): a sandbox forbids it despite CAP_SYS_ADMIN, as \
                       by RestrictNamespaces=yes";

pub(crate) fn forbidden_for(why: &str, count: usize, reported: usize) -> String {
    let are = |count| if count == 1 { "is" } else { "are" };
    let left_out = count - reported;
    format!(
        "W! {count} network namespace{} cannot be entered ({why}): {reported} {} reported through \
         /proc, without flags, speed and tags; {left_out} {} not reported\n",
        if count == 1 { "" } else { "s" },
        are(reported),
        are(left_out),
    )
}
