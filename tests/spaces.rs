//! Other network namespaces than the plugin's own, on machines that each test makes and removes.

mod common;

use std::collections::BTreeMap;

use common::machine::{Machine, Named};
use common::plugin::{Batch, Daemon, assert_same, config_file, without_time};
use common::{PLUGIN, eventually, is_skipped, run, text};

/// The last table, whose only line ends a batch.
const END: &str = "\n[[inputs.net]]\ninterfaces = ['none']\nprotocols = ['softnet']\n";
const END_LINE: &str = "net,interface=all softnet_";

/// Whatever a line can have that stands still when the namespace does.
const EVERYTHING: &str = "\
interface_tags = ['alias', 'altname', 'mac', 'kind', 'master', 'lower', 'driver', 'namespace']
counters = 'all'
link_state = true
interface_protocols = ['ip6', 'icmp6']
protocols = ['ip', 'icmp', 'icmpmsg', 'tcp', 'udp', 'udplite', 'ip6', 'icmp6', 'udp6', 'tcpext', 'ipext']
";

/// A daemon on the machine, and what it reports of which namespace.
struct Watcher {
    daemon: Daemon,
}

impl Watcher {
    fn start(machine: &Machine, table: &str) -> Self {
        Self::start_as(machine, &[], table)
    }

    /// Starts it by these words before its own.
    fn start_as(machine: &Machine, by: &[&str], table: &str) -> Self {
        let words = [by, &[PLUGIN]].concat();
        let mut command = machine.command(words[0]);
        command.args(&words[1..]);
        Self { daemon: Daemon::start_as(command, &format!("[[inputs.net]]\n{table}{END}")) }
    }

    fn gather(&mut self) -> Spaces {
        Spaces::of(&self.daemon.batch_until(END_LINE))
    }

    fn end(self) -> String {
        self.daemon.end()
    }
}

/// The lines of each namespace, without their tag `namespace`.
#[derive(Debug, PartialEq, Eq)]
struct Spaces(BTreeMap<String, Batch>);

impl Spaces {
    fn of(batch: &Batch) -> Self {
        let mut spaces = BTreeMap::<_, Batch>::new();
        for line in batch {
            let (space, line) = take_namespace(line);
            spaces.entry(space).or_default().push(line);
        }
        Self(spaces)
    }

    fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    #[track_caller]
    fn get(&self, namespace: &str) -> &Batch {
        self.0.get(namespace).unwrap_or_else(|| panic!("no {namespace:?} in {:?}", self.names()))
    }

    /// The interfaces of a namespace.
    #[track_caller]
    fn interfaces(&self, namespace: &str) -> Vec<String> {
        let name = |line: &Vec<u8>| {
            let rest = text(line.strip_prefix(b"net,interface=").unwrap());
            rest.split([',', ' ']).next().unwrap().to_owned()
        };
        self.get(namespace).iter().map(name).filter(|name| name != "all").collect()
    }

    /// A field of an interface, or of `all`.
    #[track_caller]
    fn field(&self, namespace: &str, interface: &str, field: &str) -> Option<i64> {
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
fn take_namespace(line: &[u8]) -> (String, Vec<u8>) {
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

/// What the plugin reports when it is run inside.
fn once_inside(namespace: &Named<'_>, table: &str) -> Batch {
    let config = config_file(&format!("[[inputs.net]]\n{table}"));
    let mut command = namespace.command(PLUGIN);
    let output = run(command.args(["--once", "--config"]).arg(config.path()));
    assert_eq!(text(&output.stderr), "I! source: netlink, which this kernel has\n");
    without_time(&output.stdout)
}

/// The namespaces that one gather on the machine reports.
fn names_once(machine: &Machine, table: &str) -> Vec<String> {
    let config = config_file(&format!("[[inputs.net]]\n{table}"));
    let mut command = machine.command(PLUGIN);
    let output = run(command.args(["--once", "--config"]).arg(config.path()));
    assert_eq!(text(&output.stderr), "I! source: netlink, which this kernel has\n");
    Spaces::of(&without_time(&output.stdout)).0.into_keys().collect()
}

#[test]
fn a_named_namespace_is_reported_as_from_inside_from_its_coming_to_its_going() {
    let test = "a_named_namespace_is_reported_as_from_inside_from_its_coming_to_its_going";
    if is_skipped(test) {
        return;
    }
    for table in [EVERYTHING, "", "interfaces = ['*']\n"] {
        let machine = Machine::new();
        let mut watcher =
            Watcher::start(&machine, &format!("{table}namespace_include = ['', '*']"));
        // No name, and no folder for it either.
        let before = watcher.gather();
        assert_eq!(before.names(), [""]);
        let blue = machine.add("blue");
        let mut step = |changes: &str| {
            blue.ip_lines(changes);
            let spaces = watcher.gather();
            assert_same(spaces.get("blue"), &once_inside(&blue, table), changes);
            assert_eq!(spaces.names(), ["", "blue"]);
            assert_same(spaces.get(""), before.get(""), "our own");
        };
        step("");
        step("link set lo up");
        step("link add a0 type veth peer name b0");
        step("link set a0 up\nlink set b0 up");
        step(
            "link set b0 down
             link set b0 name c0
             link set c0 up
             link add br0 type bridge mcast_snooping 0
             link set a0 master br0
             link set br0 up",
        );
        step("link set c0 alias uplink mtu 1400\nlink property add dev c0 altname second");
        step("link add mac0 link c0 type macvlan\nlink set mac0 up\nlink set a0 down");
        step("link del br0");
        step("link del a0\nlink add b0 type ifb\nlink set b0 up");
        let red = machine.add("red");
        red.ip_lines("link add in-red type ifb\nlink set in-red up");
        let spaces = watcher.gather();
        assert_eq!(spaces.names(), ["", "blue", "red"]);
        assert_same(spaces.get("blue"), &once_inside(&blue, table), "beside another");
        assert_same(spaces.get("red"), &once_inside(&red, table), "the other");
        blue.delete();
        assert_eq!(watcher.gather().names(), ["", "red"]);
        red.delete();
        assert_eq!(watcher.gather().names(), [""]);
        assert_eq!(watcher.end(), "");
    }
}

#[test]
fn a_name_that_went_and_came_between_two_gathers_is_the_new_namespace() {
    let test = "a_name_that_went_and_came_between_two_gathers_is_the_new_namespace";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let mut watcher = Watcher::start(&machine, "namespace_include = ['blue']");
    for round in 0..10 {
        let blue = machine.add("blue");
        blue.ip_lines(&format!("link add if{round} type ifb\nlink set if{round} up"));
        assert_eq!(watcher.gather().interfaces("blue"), [format!("if{round}")]);
        blue.delete();
    }
    assert_eq!(watcher.end(), "");
}

#[test]
fn traffic_moves_the_counters_of_its_own_namespace_alone() {
    let test = "traffic_moves_the_counters_of_its_own_namespace_alone";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let [blue, red] = ["blue", "red"].map(|name| machine.add(name));
    for namespace in [&blue, &red] {
        // Without a network that answers, a loopback with IPv6 is the one that keeps quiet.
        namespace.sh("echo 0 > /proc/sys/net/ipv6/conf/lo/disable_ipv6");
        namespace.ip_lines("link set lo up");
    }
    let table = format!("{EVERYTHING}interfaces = ['*']\n");
    let mut watcher = Watcher::start(&machine, &format!("{table}namespace_exclude = ['none']"));
    let before = watcher.gather();
    blue.sh(
        "for n in 1 2 3 4 5; do echo $n > /dev/udp/127.0.0.1/9; echo $n > /dev/udp/::1/9; done",
    );
    let after = watcher.gather();
    for namespace in ["", "red"] {
        assert_same(after.get(namespace), before.get(namespace), namespace);
    }
    let grown = |interface: &str, field: &str| {
        let [before, after] = [&before, &after].map(|spaces| {
            spaces.field("blue", interface, field).unwrap_or_else(|| panic!("no {field}"))
        });
        after - before
    };
    assert_eq!(grown("all", "udp_outdatagrams"), 5);
    assert_eq!(grown("all", "udp_noports"), 5);
    assert_eq!(grown("all", "udp6_outdatagrams"), 5);
    // Five datagrams, and as many answers that nobody is there.
    assert_eq!(grown("lo", "ip6_inreceives"), 10);
    assert_eq!(grown("lo", "icmp6_indestunreachs"), 5);
    assert_eq!(grown("lo", "packets_recv"), 20);
    assert_same(after.get("blue"), &once_inside(&blue, &table), "blue");
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_namespace_whose_name_goes_is_let_go_at_once() {
    let test = "a_namespace_whose_name_goes_is_let_go_at_once";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    for discovery in ["named", "processes"] {
        let mut watcher = Watcher::start(
            &machine,
            &format!(
                "{EVERYTHING}namespace_include = ['*']\nnamespace_discovery = '{discovery}'\n"
            ),
        );
        for _ in 0..5 {
            let blue = machine.add("blue");
            machine.ip_lines("link add out type veth peer name in netns blue");
            machine.ip_lines("link set out up");
            blue.ip_lines("link set in up");
            let spaces = watcher.gather();
            assert_eq!(spaces.interfaces("blue"), ["in"]);
            assert_eq!(spaces.field("blue", "in", "speed"), Some(10_000));
            blue.delete();
            // Without any gather, the kernel removes what is inside, and so the peer.
            eventually("the end of the namespace", || {
                (!machine.sh("ip -o link").contains(" out@")).then_some(())
            });
        }
        assert_eq!(watcher.end(), "");
    }
}

#[test]
fn patterns_choose_among_the_names_and_the_empty_one_is_our_own() {
    let test = "patterns_choose_among_the_names_and_the_empty_one_is_our_own";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    for name in ["blue", "blue2", "red", "cni-1", "odd name", "a,b", "c=d", "grün", r"back\slash"]
    {
        machine.add(name);
    }
    machine.sh("mkdir -p /run/docker/netns
                touch /run/docker/netns/1-docker
                unshare --net=/run/docker/netns/1-docker true
                touch /run/netns/no-namespace");
    // As line protocol writes them.
    let all = [
        "",
        "1-docker",
        r"a\,b",
        r"back\slash",
        "blue",
        "blue2",
        r"c\=d",
        "cni-1",
        "grün",
        r"odd\ name",
        "red",
    ];
    let but = |left_out: &[&str]| {
        all.into_iter().filter(|name| !left_out.contains(name)).collect::<Vec<_>>()
    };
    let cases = [
        ("", vec![""]),
        ("namespace_include = []\nnamespace_exclude = []", vec![""]),
        ("namespace_include = ['*']", but(&[])),
        ("namespace_exclude = ['no such']", but(&[])),
        ("namespace_include = ['']", vec![""]),
        ("namespace_exclude = ['']", but(&[""])),
        ("namespace_include = ['?*']", but(&[""])),
        ("namespace_include = ['blue']", vec!["blue"]),
        ("namespace_include = ['', 'blue*']", vec!["", "blue", "blue2"]),
        ("namespace_include = ['*']\nnamespace_exclude = ['', 'cni-*']", but(&["", "cni-1"])),
        ("namespace_include = ['blue*']\nnamespace_exclude = ['*2']", vec!["blue"]),
        (
            "namespace_include = ['[a-c]*']\nnamespace_exclude = ['{blue,blue2}']",
            vec![r"a\,b", r"back\slash", r"c\=d", "cni-1"],
        ),
        (
            "namespace_include = ['odd name', 'a\\,b', 'c=d', 'gr?n', '1-*']",
            vec!["1-docker", r"a\,b", r"c\=d", "grün", r"odd\ name"],
        ),
    ];
    for (table, expected) in cases {
        assert_eq!(names_once(&machine, table), expected, "{table}");
    }
}
