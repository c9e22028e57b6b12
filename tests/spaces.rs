//! Other network namespaces than the plugin's own, on machines that each test makes and removes.

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, Signal, kill_process};

use common::machine::{Machine, Named, Sleeper, last_descendant};
use common::plugin::{Batch, Daemon, assert_same, config_file, without_time};
use common::trace::{Trace, is_skipped_without_strace};
use common::{PLUGIN, eventually, has, is_skipped, is_skipped_without, run, text, without_notes};

/// The last table, whose only line ends a batch.
const END: &str = "\n[[inputs.net]]\ninterface_exclude = ['*']\nprotocols = ['softnet']\n";
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

    /// The plugin's process, once what started it has become that.
    fn pid(&self) -> u32 {
        eventually("the plugin", || {
            let pid = last_descendant(self.daemon.pid());
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (name == "telegraf-net\n").then_some(pid)
        })
    }

    fn gather(&mut self) -> Spaces {
        Spaces::of(&self.daemon.batch_until(END_LINE))
    }

    fn end(self) -> String {
        self.daemon.end()
    }
}

/// The lines of each namespace, without their tag `namespace`.
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
    let log = without_notes(&text(&output.stderr));
    assert_eq!(log, "I! reading counters by netlink (no privileges needed)\n");
    let lines = without_time(&output.stdout);
    // The tag is there inside where it is asked for.
    let tag = if table.contains("'namespace'") { namespace.name.as_str() } else { "" };
    let without_tag = |line: &Vec<u8>| {
        let (found, line) = take_namespace(line);
        assert_eq!(found, tag);
        line
    };
    lines.iter().map(without_tag).collect()
}

/// The namespaces that one gather on the machine reports.
fn names_once(machine: &Machine, table: &str) -> Vec<String> {
    let config = config_file(&format!("[[inputs.net]]\n{table}"));
    let mut command = machine.command(PLUGIN);
    let output = run(command.args(["--once", "--config"]).arg(config.path()));
    let log = without_notes(&text(&output.stderr));
    assert!(log.starts_with("I! reading counters by netlink") && log.lines().count() == 1, "{log}");
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
            // The kernel itself looks at carriers when it has time.
            let (spaces, inside) = eventually(changes, || {
                let inside = once_inside(&blue, table);
                let spaces = watcher.gather();
                (once_inside(&blue, table) == inside).then_some((spaces, inside))
            });
            assert_same(spaces.get("blue"), &inside, changes);
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

#[test]
fn a_namespace_without_a_name_is_reported_by_its_number_while_a_process_lives_in_it() {
    let test = "a_namespace_without_a_name_is_reported_by_its_number_while_a_process_lives_in_it";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let blue = machine.add("blue");
    blue.ip_lines("link set lo up");
    let table = format!("{EVERYTHING}interfaces = ['*']\n");
    let others = "namespace_include = ['*']\nnamespace_discovery = 'processes'";
    let mut watcher = Watcher::start(&machine, &format!("{table}{others}"));
    assert_eq!(watcher.gather().names(), ["", "blue"]);
    let one = machine.start(&["unshare", "--net", "cat"]);
    one.sh("ip link set lo up; ip link add v0 type veth peer name v1; ip link set v0 up");
    // Two in one are one, and those in namespaces that are known are none.
    let same = machine.start(&["nsenter", "--net", "--target", &inner(&one), "cat"]);
    let own = machine.start(&["cat"]);
    let in_blue = machine.start(&["ip", "netns", "exec", "blue", "cat"]);
    assert_eq!((one.inode(), own.inode() == in_blue.inode()), (same.inode(), false));
    let inode = one.inode();
    let spaces = watcher.gather();
    assert_eq!(spaces.names(), ["", &inode, "blue"]);
    assert_eq!(spaces.interfaces(&inode), ["lo", "v1", "v0"]);
    assert_eq!(spaces.interfaces("blue"), ["lo"]);
    assert_same(spaces.get("blue"), &once_inside(&blue, &table), "blue");
    assert_same(spaces.get(&inode), &once_beside(&one, &table), "without a name");
    // It lives as long as any of its processes.
    drop(one);
    assert_eq!(watcher.gather().names(), ["", &inode, "blue"]);
    drop(same);
    assert_eq!(watcher.gather().names(), ["", "blue"]);
    // What loses its name goes on under its number.
    blue.delete();
    assert_eq!(watcher.gather().names(), ["", &in_blue.inode()]);
    drop(in_blue);
    assert_eq!(watcher.gather().names(), [""]);
    drop(own);
    assert_eq!(watcher.end(), "");
}

/// What the plugin reports when it is run in the network namespace of a process.
fn once_beside(living: &Sleeper, table: &str) -> Batch {
    let config = config_file(&format!("[[inputs.net]]\nsource = 'netlink'\n{table}"));
    let lines = living.sh(&format!("{PLUGIN} --once --config {}", config.path().display()));
    without_time(lines.as_bytes())
}

/// The number that a process has on its machine.
fn inner(living: &Sleeper) -> String {
    inner_pid(living.pid)
}

/// The same of a number outside.
fn inner_pid(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    numbers.split_whitespace().last().unwrap().to_owned()
}

/// A control group, removed at the end.
struct Cgroup(PathBuf);

impl Cgroup {
    /// Under the root of version 2, if that is mounted.
    fn new(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mount = mounts.lines().find_map(|mount| {
            let [_, place, kind, ..] = mount.split(' ').collect::<Vec<_>>()[..] else {
                return None;
            };
            (kind == "cgroup2").then(|| place.to_owned())
        })?;
        let folder = PathBuf::from(mount).join(name);
        fs::create_dir(&folder).ok()?;
        Some(Self(folder))
    }

    fn move_in(&self, living: &Sleeper) {
        fs::write(self.0.join("cgroup.procs"), living.pid.to_string()).unwrap();
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Those inside may take a moment to be gone.
        let _ = fs::write(self.0.join("cgroup.kill"), "1");
        for _ in 0..500 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[test]
fn the_control_group_of_its_process_tells_the_container() {
    let test = "the_control_group_of_its_process_tells_the_container";
    if is_skipped(test) {
        return;
    }
    // Not like another test's.
    let id = format!("{:064x}", 0xfeed_0000_0000_u64 + u64::from(std::process::id()));
    let cgroup = Cgroup::new(&format!("docker-{id}.scope"));
    let may = "control groups of version 2";
    let Some(cgroup) = cgroup.filter(|_| !is_skipped_without(test, may, true)) else {
        assert!(is_skipped_without(test, may, false));
        return;
    };
    let machine = Machine::new();
    let blue = machine.add("blue");
    blue.ip_lines("link set lo up");
    let table = "interfaces = ['*']\nnamespace_include = ['?*']\n\
                 namespace_discovery = 'processes'\n";
    let mut watcher = Watcher::start(&machine, table);
    let [nameless, named, contained, before] = [
        &["unshare", "--net", "cat"][..],
        &["ip", "netns", "exec", "blue", "cat"],
        &["unshare", "--net", "cat"],
        &["unshare", "--net", "cat"],
    ]
    .map(|command| machine.start(command));
    for living in [&nameless, &named, &contained] {
        if living.pid != nameless.pid {
            cgroup.move_in(living);
        }
    }
    let mut containers = || -> BTreeMap<String, bool> {
        let spaces = watcher.gather();
        let has_container = |lines: &Batch| {
            let tag = format!(",container={id}");
            let with = lines.iter().filter(|line| text(line).contains(&tag)).count();
            assert!(with == 0 || with == lines.len(), "{lines:?}");
            with > 0
        };
        spaces.0.iter().map(|(name, lines)| (name.clone(), has_container(lines))).collect()
    };
    let all = |of_before| {
        BTreeMap::from([
            ("blue".to_owned(), true),
            (nameless.inode(), false),
            (contained.inode(), true),
            (before.inode(), of_before),
        ])
    };
    assert_eq!(containers(), all(false));
    // A process may get into its group when its namespace is known already.
    cgroup.move_in(&before);
    assert_eq!(containers(), all(true));
    drop((nameless, named, contained, before));
    assert_eq!(watcher.end(), "");
}

#[test]
fn the_container_that_was_told_first_is_told_as_long_as_a_process_of_it_lives_there() {
    let test = "the_container_that_was_told_first_is_told_as_long_as_a_process_of_it_lives_there";
    if is_skipped(test) {
        return;
    }
    let id = |number: u64| format!("{:064x}", (number << 40) + u64::from(std::process::id()));
    let ids = [id(0xfeed), id(0xbeef)];
    let cgroups = ids.each_ref().map(|id| Cgroup::new(&format!("docker-{id}.scope")));
    let may = "control groups of version 2";
    let [Some(one), Some(other)] = cgroups else {
        assert!(is_skipped_without(test, may, false));
        return;
    };
    let machine = Machine::new();
    // Lives there before all others, and belongs to no container.
    let host = machine.start(&["unshare", "--net", "cat"]);
    let target = inner(&host);
    let enter = || machine.start(&["nsenter", "--net", "--target", &target, "cat"]);
    let (first, second) = (enter(), enter());
    other.move_in(&second);
    let table = "interfaces = ['*']\nnamespace_include = ['?*']\n\
                 namespace_discovery = 'processes'\n";
    let mut watcher = Watcher::start(&machine, table);
    let mut told = || {
        let spaces = watcher.gather();
        let [lo, ..] = &spaces.get(&host.inode())[..] else { panic!("{:?}", spaces.names()) };
        let lo = text(lo);
        ids.iter().position(|id| lo.contains(&format!(",container={id} ")))
    };
    assert_eq!(told(), Some(1));
    // A process with a lower number comes to belong to another container.
    one.move_in(&first);
    assert_eq!(told(), Some(1));
    one.move_in(&host);
    assert_eq!(told(), Some(1));
    // Another process of the same container is there when the first one ends.
    let third = enter();
    other.move_in(&third);
    drop(second);
    assert_eq!(told(), Some(1));
    drop(third);
    assert_eq!(told(), Some(0));
    drop((first, host));
    assert_eq!(watcher.end(), "");
}

/// What turns a command into one of a user who is nobody in particular.
const NOBODY: [&str; 6] = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

/// What takes root the right to enter namespaces, and leaves it the others.
const NO_ADMIN: [&str; 3] = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];

/// What is said where so many namespaces cannot be entered, of which so many are reported.
fn forbidden(count: usize, reported: usize) -> String {
    forbidden_for("CAP_SYS_ADMIN missing", count, reported)
}

/// What is said of root without `CAP_SYS_ADMIN`.
const BARRED: &str = "needs CAP_SYS_ADMIN, which the bounding set lacks, as by CapabilityBoundingSet= or \
                      without cap-add";

/// What is said where the kernel allows it, and something else does not.
const SANDBOX: &str = "Operation not permitted (os error 1): a sandbox forbids it despite CAP_SYS_ADMIN, as \
                       by RestrictNamespaces=yes";

fn forbidden_for(why: &str, count: usize, reported: usize) -> String {
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

#[test]
fn a_user_reads_the_namespaces_of_own_processes_by_their_files() {
    let test = "a_user_reads_the_namespaces_of_own_processes_by_their_files";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    machine.add("blue");
    let unshare = [&NOBODY[..], &["unshare", "--map-root-user", "--net", "true"]].concat();
    let may = machine.command(unshare[0]).args(&unshare[1..]).status().unwrap().success();
    if is_skipped_without(test, "network namespaces for every user", may) {
        return;
    }
    let cat = [&NOBODY[..], &["unshare", "--map-root-user", "--net", "cat"]].concat();
    let [one, other] = [(); 2].map(|()| machine.start(&cat));
    for living in [&one, &other] {
        living.sh("ip link set lo up; ip link add down0 type veth peer name up0; \
                   ip link set up0 up; bash -c 'for n in 1 2 3; do echo > /dev/udp/127.0.0.1/9; done'");
    }
    let table = "counters = 'all'\n";
    let others = "namespace_include = ['*']\nnamespace_discovery = 'processes'";
    let mut watcher = Watcher::start_as(&machine, &NOBODY, &format!("{table}{others}"));
    // The first gather shows them, and those after it.
    for _ in 0..20 {
        let spaces = watcher.gather();
        assert_eq!(spaces.names(), sorted(["", &one.inode(), &other.inode()]));
        for living in [&one, &other] {
            let lines = spaces.get(&living.inode());
            // Who is up cannot be told, and no speed: then all are there, and without.
            assert_eq!(spaces.field(&living.inode(), "up0", "speed"), None);
            let all = format!("interfaces = ['*']\nsource = 'procfs'\n{table}");
            assert_same(lines, &without_speed(once_beside_by_procfs(living, &all)), "as inside");
            assert!(spaces.field(&living.inode(), "lo", "packets_recv") >= Some(3));
            assert!(spaces.field(&living.inode(), "all", "udp_noports") >= Some(3));
        }
    }
    // By another process, when the first one has gone.
    let inode = one.inode();
    let join = ["nsenter", "--user", "--preserve-credentials", "--net", "--target", &inner(&one)];
    let second = machine.start(&[&NOBODY[..], &join, &["cat"]].concat());
    assert_eq!(second.inode(), inode);
    let before = watcher.gather();
    drop(one);
    let after = watcher.gather();
    assert_eq!(after.names(), before.names());
    for name in after.names() {
        assert_same(after.get(name), before.get(name), name);
    }
    drop(second);
    assert_eq!(watcher.gather().names(), sorted(["", &other.inode()]));
    drop(other);
    assert_eq!(watcher.gather().names(), [""]);
    let log = watcher.end();
    let (unseen, log) = log.split_once('\n').unwrap();
    assert!(
        unseen.ends_with(
            " of other users cannot be looked at for their network namespaces: needs \
                              CAP_SYS_PTRACE"
        ),
        "{unseen}"
    );
    assert_eq!(log, forbidden(3, 2));
}

fn sorted<const N: usize>(mut names: [&str; N]) -> [&str; N] {
    names.sort_unstable();
    names
}

fn once_beside_by_procfs(living: &Sleeper, table: &str) -> Batch {
    let config = config_file(&format!("[[inputs.net]]\n{table}"));
    let lines = living.sh(&format!("{PLUGIN} --once --config {}", config.path().display()));
    without_time(lines.as_bytes())
}

fn without_speed(batch: Batch) -> Batch {
    let without = |line: Vec<u8>| {
        let line = text(&line);
        let fields = line.split(',').filter(|field| !field.starts_with("speed="));
        fields.collect::<Vec<_>>().join(",").into_bytes()
    };
    batch.into_iter().map(without).collect()
}

#[test]
fn without_the_right_to_enter_namespaces_named_ones_are_read_by_their_processes() {
    let test = "without_the_right_to_enter_namespaces_named_ones_are_read_by_their_processes";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let [blue, _red] = ["blue", "red"].map(|name| machine.add(name));
    blue.ip_lines("link set lo up");
    machine.sh("touch /run/netns/blue2 && mount --bind /run/netns/blue /run/netns/blue2");
    let in_blue = machine.start(&["ip", "netns", "exec", "blue", "cat"]);
    let unnamed = machine.start(&["unshare", "--net", "cat"]);
    let inode = unnamed.inode();
    for (discovery, expected) in [
        ("named", &["", "blue", "blue2"][..]),
        ("processes", &sorted(["", &inode, "blue", "blue2"])),
    ] {
        let table = format!("namespace_exclude = ['none']\nnamespace_discovery = '{discovery}'\n");
        let mut watcher = Watcher::start_as(&machine, &NO_ADMIN, &table);
        for _ in 0..5 {
            let spaces = watcher.gather();
            assert_eq!(spaces.names(), expected);
            assert_eq!(spaces.interfaces("blue"), ["lo"]);
        }
        let nameless = usize::from(discovery == "processes");
        assert_eq!(watcher.end(), forbidden_for(BARRED, 3 + nameless, 2 + nameless));
    }
    drop((in_blue, unnamed));
}

#[test]
fn where_no_namespace_can_be_read_one_line_says_so_and_our_own_is_reported() {
    let test = "where_no_namespace_can_be_read_one_line_says_so_and_our_own_is_reported";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let named = ["blue", "red"].map(|name| machine.add(name));
    let unnamed = machine.start(&["unshare", "--net", "cat"]);
    for discovery in ["named", "processes"] {
        let table = format!("namespace_exclude = ['none']\nnamespace_discovery = '{discovery}'\n");
        let mut watcher = Watcher::start_as(&machine, &NOBODY, &table);
        for _ in 0..5 {
            assert_eq!(watcher.gather().names(), [""]);
        }
        let log = watcher.end();
        // Processes of others may live in others still.
        let (unseen, log) = match discovery {
            "named" => ("", log.as_str()),
            _ => log.split_once('\n').unwrap(),
        };
        assert_eq!(unseen.contains("needs CAP_SYS_PTRACE"), discovery != "named", "{unseen}");
        assert_eq!(log, forbidden(2, 0), "{discovery}");
    }
    // Where only processes could tell of any.
    named.into_iter().for_each(Named::delete);
    let table = "namespace_exclude = ['none']\nnamespace_discovery = 'processes'\n";
    let mut watcher = Watcher::start_as(&machine, &NOBODY, table);
    for _ in 0..5 {
        assert_eq!(watcher.gather().names(), [""]);
    }
    let log = watcher.end();
    let end =
        " of other users cannot be looked at for their network namespaces: needs CAP_SYS_PTRACE\n";
    assert!(log.starts_with("W! ") && log.ends_with(end) && log.lines().count() == 1, "{log}");
    drop(unnamed);
}

#[test]
fn what_no_table_asked_for_is_no_warning() {
    let test = "what_no_table_asked_for_is_no_warning";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    // Nobody may list these, nor look at the processes of root.
    machine.sh("mkdir -p /run/docker/netns && chmod 700 /run/docker");
    let blue = "namespace_include = ['', 'blue']\n";
    let mut watcher = Watcher::start_as(&machine, &NOBODY, blue);
    let _living = machine.start(&["unshare", "--net", "cat"]);
    let named = machine.add("blue");
    watcher.gather();
    let red = machine.add("red");
    watcher.gather();
    named.delete();
    watcher.gather();
    watcher.gather();
    red.delete();
    watcher.gather();
    let log = watcher.end();
    // One that a table asked for, which is not to be had; then its name may be in the other folder.
    let one = forbidden(1, 0);
    let mut lines: Vec<_> =
        log.lines().filter(|line| !line.contains("/run/docker/netns")).collect();
    lines.retain(|line| !line.starts_with("I! "));
    assert_eq!(lines, [one.trim_end()], "{log}");
    // Where no other can be meant, nothing is looked for.
    machine.add("blue");
    for namespaces in ["namespace_include = ['']", "namespace_exclude = ['?*']"] {
        let mut watcher = Watcher::start_as(&machine, &NOBODY, namespaces);
        assert_eq!(watcher.gather().names(), [""]);
        assert!(!watcher.end().contains("cannot be entered"), "{namespaces}");
    }
    let mut watcher = Watcher::start_as(&machine, &NOBODY, "namespace_include = ['']");
    assert_eq!(watcher.gather().names(), [""]);
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_proc_that_hides_processes_is_told_of_where_they_are_looked_for() {
    let test = "a_proc_that_hides_processes_is_told_of_where_they_are_looked_for";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let living = machine.start(&["unshare", "--net", "cat"]);
    for hidepid in ["2", "4"] {
        machine.sh(&format!("mount -t proc -o hidepid={hidepid} proc /proc"));
        for (discovery, expected) in [
            ("named", ""),
            (
                "processes",
                "W! \"/proc\" hides the processes of other users (hidepid), and so their network \
                 namespaces: needs CAP_SYS_PTRACE, or a /proc that is mounted without hidepid\n",
            ),
        ] {
            let table = format!("namespace_include = ['*']\nnamespace_discovery = '{discovery}'\n");
            let mut watcher = Watcher::start_as(&machine, &NOBODY, &table);
            for _ in 0..3 {
                assert_eq!(watcher.gather().names(), [""]);
            }
            assert_eq!(watcher.end(), expected, "hidepid={hidepid} {discovery}");
        }
        // Root sees them all.
        let table = "namespace_include = ['*']\nnamespace_discovery = 'processes'\n";
        let mut watcher = Watcher::start(&machine, table);
        assert_eq!(watcher.gather().names(), sorted(["", &living.inode()]));
        assert_eq!(watcher.end(), "");
    }
}

#[test]
fn a_name_without_a_namespace_is_told_of_once_it_stays_so() {
    let test = "a_name_without_a_namespace_is_told_of_once_it_stays_so";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    machine.add("before");
    // In a mount namespace that nothing is propagated to, as in a container.
    let by = ["unshare", "--mount", "--propagation=private"];
    let mut watchers = ["['*']", "['before']"].map(|names| {
        let table = format!("namespace_include = {names}\n");
        let mut watcher = Watcher::start_as(&machine, &by, &table);
        watcher.gather();
        watcher
    });
    machine.add("later");
    let warning = "W! 1 name has no network namespace, such as \"/run/netns/later\", which is a plain \
                   file: where its folder is mounted into a container, mount it with propagation \
                   (\":rslave\" in Docker, HostToContainer in Kubernetes)\n";
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        for watcher in &mut watchers {
            assert!(!watcher.gather().names().contains(&"later"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    let logs = watchers.map(Watcher::end);
    assert_eq!(logs, [warning.to_owned(), String::new()]);
    // One that is about to be made is none.
    let mut watcher = Watcher::start(&machine, "namespace_include = ['*']\n");
    machine.sh("touch /run/netns/about");
    watcher.gather();
    machine.sh("unshare --net=/run/netns/about true");
    assert!(watcher.gather().names().contains(&"about"));
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_gather_takes_two_system_calls_for_each_namespace_and_enters_none() {
    const GATHERS: usize = 5;
    let test = "a_gather_takes_two_system_calls_for_each_namespace_and_enters_none";
    if is_skipped_without_strace(test) {
        return;
    }
    for folders in ["true", "mkdir -p /run/docker/netns"] {
        let machine = Machine::new();
        machine.sh(folders);
        for number in 0..20 {
            let namespace = machine.add(&format!("space{number}"));
            namespace.ip_lines(
                "link add a0 type veth peer name b0
                 link set a0 up
                 link set b0 up
                 link set lo up",
            );
            if ![3, 20].contains(&(number + 1)) {
                continue;
            }
            let mut watcher = Watcher::start(
                &machine,
                "ignore_protocol_stats = true\nnamespace_include = ['?*']\n",
            );
            (0..3).for_each(|_| drop(watcher.gather()));
            let trace = Trace::of_process(watcher.pid());
            for gather in 0..=GATHERS {
                watcher.daemon.trigger(&format!("gather{gather}"));
                while !watcher.daemon.read_line().starts_with(END_LINE.as_bytes()) {}
            }
            let calls = trace.between("\"gather0\\n\"", &format!("\"gather{GATHERS}\\n\""));
            let all = calls.join("\n");
            for call in ["setns(", "clone(", "clone3(", "open(", "openat(", "socket("] {
                assert!(!all.contains(call), "{call} in\n{all}");
            }
            let most = GATHERS * (2 * (number + 1) + 12);
            assert!(calls.len() <= most, "{} calls, not {most}, in\n{all}", calls.len());
            drop(trace);
            assert_eq!(watcher.gather().names().len(), number + 1);
            assert_eq!(watcher.end(), "");
        }
    }
}

#[test]
fn our_own_namespace_is_not_read_where_it_is_not_reported() {
    let test = "our_own_namespace_is_not_read_where_it_is_not_reported";
    if is_skipped_without_strace(test) {
        return;
    }
    let machine = Machine::new();
    machine.add("blue").ip_lines("link set lo up");
    let config = format!("[[inputs.net]]\n{EVERYTHING}namespace_include = ['blue']\n");
    for source in ["auto", "netlink", "procfs"] {
        let config = format!("{config}source = '{source}'\n");
        let mut daemon = Daemon::start_as(machine.command(PLUGIN), &config);
        let gather = |daemon: &mut Daemon, word: &str| {
            daemon.trigger(word);
            let lines = std::iter::repeat_with(|| daemon.read_line());
            let is_last = |line: &Vec<u8>| line.starts_with(b"net,interface=all,namespace=blue ");
            let others: Vec<_> = lines.take_while(|line| !is_last(line)).collect();
            // Files do not tell who is up.
            assert_eq!(others.len(), usize::from(source == "procfs"), "{others:?}");
        };
        gather(&mut daemon, "warm");
        let trace = Trace::of_process(last_descendant(daemon.pid()));
        gather(&mut daemon, "gather0");
        gather(&mut daemon, "gather1");
        let calls = trace.between("\"gather0\\n\"", "\"gather1\\n\"").join("\n");
        // By netlink, one request each for what link_state needs, and for the counters; by procfs, the
        // file of the only interface.
        let expected = if source == "procfs" { [0, 1] } else { [2, 0] };
        let requests = ["sendto(", "openat("].map(|call| calls.matches(call).count());
        assert_eq!(requests, expected, "{source}: {calls}");
        drop(trace);
        assert_eq!(daemon.end(), "");
    }
}

#[test]
fn namespaces_that_come_and_go_leave_no_file_open() {
    if is_skipped("namespaces_that_come_and_go_leave_no_file_open") {
        return;
    }
    let machine = Machine::new();
    let others = "namespace_include = ['*']\nnamespace_discovery = 'processes'";
    let mut watcher = Watcher::start(&machine, &format!("{EVERYTHING}{others}"));
    watcher.gather();
    let folder = format!("/proc/{}/fd", watcher.pid());
    let open = || fs::read_dir(&folder).unwrap().count();
    let before = open();
    for round in 0..50 {
        let [blue, red] = ["blue", "red"].map(|name| machine.add(name));
        blue.ip_lines("link add a0 type veth peer name b0\nlink set a0 up");
        let unnamed = machine.start(&["unshare", "--net", "cat"]);
        let expected = ["", &unnamed.inode(), "blue", "red"];
        assert_eq!(watcher.gather().names(), sorted(expected));
        assert!(open() > before + 10);
        drop(unnamed);
        blue.delete();
        red.delete();
        assert_eq!(watcher.gather().names(), [""], "round {round}");
        assert_eq!(open(), before, "round {round}");
    }
    assert_eq!(watcher.end(), "");
}

#[test]
fn our_own_namespace_is_reported_once_and_of_two_of_one_name_the_first() {
    let test = "our_own_namespace_is_reported_once_and_of_two_of_one_name_the_first";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let blue = machine.add("blue");
    blue.ip_lines("link add first type ifb");
    // Docker names its host's own.
    machine.sh("mkdir -p /run/docker/netns
                touch /run/docker/netns/default /run/docker/netns/blue
                mount --bind /proc/self/ns/net /run/docker/netns/default
                unshare --net=/run/docker/netns/blue true");
    for (namespaces, expected) in [
        ("namespace_include = ['*']", &["", "blue"][..]),
        ("namespace_include = ['?*']", &["blue", "default"]),
        ("namespace_include = ['default']", &["default"]),
        ("namespace_include = ['*']\nnamespace_discovery = 'processes'", &["", "blue"]),
    ] {
        let table = format!("interfaces = ['*']\n{namespaces}\n");
        let mut watcher = Watcher::start(&machine, &table);
        let spaces = watcher.gather();
        assert_eq!(spaces.names(), expected, "{namespaces}");
        if expected.contains(&"blue") {
            assert_eq!(spaces.interfaces("blue"), ["lo", "first"]);
        }
        assert_eq!(watcher.end(), "");
    }
}

#[test]
fn statistics_of_the_whole_machine_stand_in_our_own_namespaces_lines_only() {
    const MACHINES: [&str; 4] =
        ["sockstat_tcp_orphan", "sockstat_tcp_alloc", "sockstat_tcp_mem", "sockstat_udp_mem"];
    let test = "statistics_of_the_whole_machine_stand_in_our_own_namespaces_lines_only";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let blue = machine.add("blue");
    machine.sh("touch /run/netns/own && mount --bind /proc/self/ns/net /run/netns/own");
    let fields = |spaces: &Spaces, namespace: &str| {
        let mut line = spaces.get(namespace).iter().map(|line| text(line));
        let line = line.rfind(|line| line.starts_with("net,interface=all ")).unwrap();
        let fields = line.rsplit_once(' ').unwrap().1.split(',');
        fields.map(|field| field.split_once('=').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    let in_file = machine.sh("cat /proc/net/sockstat /proc/net/sockstat6");
    for (source, by) in [
        ("netlink", &[][..]),
        ("procfs", &[]),
        // By their processes' files.
        ("auto", &["setpriv", "--bounding-set=-sys_admin"]),
    ] {
        let mut living = blue.command("cat");
        let _living = Sleeper::start(&mut living);
        let table = |names: &str, end: &str| {
            format!(
                "source = '{source}'\nnamespace_include = {names}\ninterface_exclude = ['*']\n\
                 protocols = ['softnet', 'sockstat', 'sockstat6']\n{end}"
            )
        };
        let tables = table("['', 'blue']", "[[inputs.net]]\n") + &table("['own']", "");
        let mut watcher = Watcher::start_as(&machine, by, &tables);
        let spaces = watcher.gather();
        assert_eq!(spaces.names(), ["", "blue", "own"], "{source}");
        let [own, blue, by_name] = ["", "blue", "own"].map(|name| fields(&spaces, name));
        for field in MACHINES.into_iter().chain(["softnet_processed"]) {
            assert!(own.iter().any(|known| known == field), "{field} by {source}: {own:?}");
        }
        assert_eq!(by_name, own, "{source}");
        let is_machines =
            |field: &&String| field.starts_with("softnet_") || MACHINES.contains(&field.as_str());
        let rest: Vec<_> = own.iter().filter(|field| !is_machines(field)).cloned().collect();
        assert_eq!(blue, rest, "{source}");
        // Each row of the files, and of its values those that are the namespace's.
        assert_eq!(own.iter().filter(|field| field.starts_with("sockstat")).count(), {
            let words = |line: &str| line.split_whitespace().count() / 2;
            in_file.lines().map(words).sum::<usize>()
        });
        watcher.end();
    }
}

#[test]
fn each_table_looks_for_namespaces_where_it_is_told_to() {
    let test = "each_table_looks_for_namespaces_where_it_is_told_to";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    machine.add("blue");
    let nameless = machine.start(&["unshare", "--net", "cat"]);
    let table = "interfaces = ['lo']\nignore_protocol_stats = true\nnamespace_include = ['?*']\n";
    let by_processes = "[[inputs.net]]\ninterface_exclude = ['*']\nnamespace_include = ['?*']\n\
                        namespace_discovery = 'processes'\n";
    let mut watcher = Watcher::start(&machine, &format!("{table}{by_processes}"));
    let spaces = watcher.gather();
    assert_eq!(spaces.names(), sorted(["blue", &nameless.inode()]));
    assert_eq!(spaces.interfaces("blue"), ["lo"]);
    assert_eq!(spaces.interfaces(&nameless.inode()), [""; 0]);
    assert_eq!(watcher.end(), "");
}

#[test]
fn namespaces_that_there_are_no_files_for_are_left_out_and_one_line_says_so() {
    let test = "namespaces_that_there_are_no_files_for_are_left_out_and_one_line_says_so";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    for number in 0..30 {
        machine.add(&format!("space{number:02}")).ip_lines(
            "link add up0 type veth peer name up1
             link set up0 up
             link set up1 up",
        );
    }
    // How many are left when no other namespace can be entered depends on the limit.
    for (limit, discovery) in (60..70).flat_map(|limit| [(limit, "named"), (limit, "processes")]) {
        let by = ["prlimit", &format!("--nofile={limit}:{limit}")];
        let table =
            format!("{EVERYTHING}namespace_include = ['*']\nnamespace_discovery = '{discovery}'\n");
        let mut watcher = Watcher::start_as(&machine, &by, &table);
        let mut gather = || {
            let spaces = watcher.gather();
            let names: Vec<_> = spaces.names().into_iter().map(str::to_owned).collect();
            for name in names.iter().filter(|name| !name.is_empty()) {
                // Nothing of them is missing.
                assert_eq!(spaces.field(name, "up0", "speed"), Some(10_000), "{name}");
                assert!(spaces.field(name, "up0", "ip6_inreceives").is_some(), "{name}");
                assert!(spaces.field(name, "all", "tcpext_listendrops").is_some(), "{name}");
            }
            names
        };
        let names = gather();
        assert!((4..30).contains(&names.len()), "{limit}: {names:?}");
        for _ in 0..3 {
            assert_eq!(gather(), names, "{limit}");
        }
        let log = watcher.end();
        let left_out = 30 - (names.len() - 1);
        let first = names.len() - 1;
        let expected = format!(
            "E! {left_out} network namespaces are left out, such as \"space{first:02}\": raise the \
             limit of open files (LimitNOFILE)\n"
        );
        assert_eq!(log, expected, "{limit}");
    }
}

#[test]
fn a_driver_that_is_slow_at_the_start_costs_no_other_namespace_anything() {
    let test = "a_driver_that_is_slow_at_the_start_costs_no_other_namespace_anything";
    if is_skipped_without_strace(test) {
        return;
    }
    let machine = Machine::new();
    machine.ip_lines("link add own0 type veth peer name own1\nlink set own0 up\nlink set own1 up");
    let make = |name| {
        let namespace = machine.add(name);
        namespace.ip_lines(
            "link set lo up
             link add up0 type veth peer name up1
             link set up0 up
             link set up1 up
             link add down0 type ifb",
        );
        namespace
    };
    let _blue = make("blue");
    let mut watcher = Watcher::start(&machine, "namespace_include = ['*']\n");
    let pid = watcher.pid();
    // It asks for the first speed for that long.
    let trace = Trace::injecting_in("speed", "sendto:delay_enter=2000000:when=1", pid);
    let spaces = watcher.gather();
    assert_eq!(spaces.interfaces("blue"), ["up1", "up0"]);
    assert_eq!(spaces.interfaces(""), ["own1", "own0"]);
    assert_eq!(spaces.field("", "own0", "speed"), None);
    // Of one that comes now, nothing can be told yet.
    let _late = make("late");
    let mut is_there = || {
        let spaces = watcher.gather();
        assert_eq!(spaces.interfaces("blue"), ["up1", "up0"]);
        let is_there = spaces.0.contains_key("late");
        assert!(!is_there || spaces.interfaces("late") == ["up1", "up0"]);
        is_there.then_some(())
    };
    assert_eq!(is_there(), None);
    eventually("the namespace that came late", is_there);
    eventually("the speed", || watcher.gather().field("", "own0", "speed"));
    assert!(trace.text().contains("(DELAYED)"), "{}", trace.text());
    drop(trace);
    assert_eq!(watcher.end(), "");
}

#[test]
fn to_name_the_own_proc_and_sys_is_to_name_none() {
    let test = "to_name_the_own_proc_and_sys_is_to_name_none";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let mut command = machine.command(PLUGIN);
    let output = run(command.arg("--once").env("HOST_PROC", "/proc").env("HOST_SYS", "/sys"));
    assert_eq!(text(&output.stderr), "I! reading counters by netlink (no privileges needed)\n");
    // Process 1 may see other names than we do.
    machine.add("theirs");
    let config =
        config_file("[[inputs.net]]\nhost_proc = '/proc'\nnamespace_include = ['theirs']\n");
    let hides = "mount -t tmpfs tmpfs /run && exec \"$0\" --once --config \"$1\"";
    let mut command = machine.command("unshare");
    let output = run(command.args(["--mount", "sh", "-c", hides, PLUGIN]).arg(config.path()));
    assert!(text(&output.stdout).contains("net,interface=all,namespace=theirs "), "{output:?}");
    // Process 1 lives elsewhere than what is run in another namespace.
    let blue = machine.add("blue");
    blue.ip_lines("link add ifb0 type ifb\nlink set ifb0 up");
    let mut command = blue.command(PLUGIN);
    let output = run(command.arg("--once").env("HOST_PROC", "/proc"));
    assert!(!text(&output.stdout).contains("ifb0"), "{output:?}");
    let log = text(&output.stderr);
    assert!(
        log.starts_with("I! HOST_PROC: reading counters by netlink in \"/proc/1/ns/net\", "),
        "{log}"
    );
}

#[test]
fn events_of_one_namespace_are_not_taken_for_those_of_another() {
    let test = "events_of_one_namespace_are_not_taken_for_those_of_another";
    if is_skipped_without_strace(test) {
        return;
    }
    let machine = Machine::new();
    let entered = machine.add("entered");
    entered.ip_lines("link add ifb0 type ifb\nlink set ifb0 up");
    let mut watcher = Watcher::start(&machine, "namespace_include = ['?*']\n");
    assert_eq!(watcher.gather().interfaces("entered"), ["ifb0"]);
    // This one stands before it, and is read by the files of a process.
    let trace = Trace::injecting("setns:error=EPERM:when=1", watcher.pid());
    machine.add("a-forbidden-one");
    let _living = machine.start(&["ip", "netns", "exec", "a-forbidden-one", "cat"]);
    assert_eq!(watcher.gather().names(), ["a-forbidden-one", "entered"]);
    drop(trace);
    entered.ip_lines("link set ifb0 down");
    assert_eq!(watcher.gather().interfaces("entered"), [""; 0]);
    assert_eq!(watcher.end(), forbidden_for(SANDBOX, 1, 1));
}

#[test]
fn drivers_of_many_namespaces_do_not_delay_a_stop() {
    const SPACES: usize = 20;
    let test = "drivers_of_many_namespaces_do_not_delay_a_stop";
    if is_skipped_without_strace(test) {
        return;
    }
    let machine = Machine::new();
    for number in 0..SPACES {
        machine.add(&format!("space{number}")).ip_lines("link add ifb0 type ifb\nlink set ifb0 up");
    }
    let watcher = Watcher::start(&machine, "namespace_include = ['?*']\n");
    let pid = watcher.pid();
    // Too quick to be slow, and together they take as long as a stop never does.
    let _trace = Trace::injecting_in("speed", "sendto:delay_enter=80000", pid);
    let mut daemon = watcher.daemon;
    daemon.trigger("");
    let start = Instant::now();
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    let mut lines = 0;
    while daemon.has_line() {
        lines += 1;
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    // The gather was under way, or the stop came before it.
    assert!([0, 2 * SPACES + 1].contains(&lines), "{lines}");
}

#[test]
fn events_of_many_namespaces_are_all_followed_before_a_gather() {
    const SPACES: usize = 80;
    let test = "events_of_many_namespaces_are_all_followed_before_a_gather";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let names: Vec<_> = (0..SPACES).map(|number| format!("space{number:02}")).collect();
    for name in &names {
        machine.add(name).ip_lines("link set lo up");
    }
    let table = "interfaces = ['*']\ninterface_tags = ['alias']\nignore_protocol_stats = true\n\
                 namespace_include = ['?*']\n";
    let mut watcher = Watcher::start(&machine, table);
    watcher.gather();
    // The command that it was started by stops with it.
    let pids = [watcher.pid(), watcher.daemon.pid()];
    let kill = |pid: u32, signal| {
        kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
    };
    kill(pids[0], Signal::STOP);
    for name in &names {
        machine.ip_lines(&format!("-n {name} link set lo alias new"));
    }
    watcher.daemon.trigger("");
    for pid in pids {
        kill(pid, Signal::CONT);
    }
    let batch = watcher.daemon.rest_until(END_LINE);
    let with_alias = batch.iter().filter(|line| text(line).contains(",alias=new ")).count();
    assert_eq!((batch.len(), with_alias), (SPACES, SPACES));
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_name_that_is_a_link_ends_with_what_it_leads_to() {
    let test = "a_name_that_is_a_link_ends_with_what_it_leads_to";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let living = machine.start(&["unshare", "--net", "cat"]);
    machine.ip_lines(&format!("link add out type veth peer name in netns {}", inner(&living)));
    machine.sh(&format!(
        "mkdir -p /run/netns && ln -s /proc/{}/ns/net /run/netns/link",
        inner(&living)
    ));
    let mut watcher = Watcher::start(&machine, "namespace_include = ['*']\n");
    for _ in 0..3 {
        assert_eq!(watcher.gather().names(), ["", "link"]);
    }
    drop(living);
    eventually("the end of the process", || (watcher.gather().names() == [""]).then_some(()));
    // It is not kept alive.
    eventually("the end of the namespace", || {
        (!machine.sh("ip -o link").contains(" out@")).then_some(())
    });
    assert_eq!(watcher.end(), "");
}

/// Makes a pair of interfaces, `out` on the machine and `in` in the network namespace of that process.
fn connect(machine: &Machine, living: &Sleeper) {
    machine.ip_lines(&format!("link add out type veth peer name in netns {}", inner(living)));
}

/// Waits until the kernel has removed what was inside, and so the peer: while anything keeps the
/// namespace alive, it does not.
fn await_end(machine: &Machine) {
    eventually("the end of the namespace", || {
        (!machine.sh("ip -o link").contains(" out@")).then_some(())
    });
}

#[test]
fn a_namespace_ends_with_its_last_process_without_a_gather() {
    let test = "a_namespace_ends_with_its_last_process_without_a_gather";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    machine.sh("mkdir -p /run/netns /run/proc && mount --bind /proc /run/proc");
    let processes = "namespace_include = ['?*']\nnamespace_discovery = 'processes'\n";
    let hosts = format!("host_proc = '/run/proc'\n{processes}");
    let named = "namespace_include = ['?*']\n";
    // The last one's plugin cannot tell a process by its number.
    let elsewhere = ["unshare", "--pid", "--fork", "--kill-child"];
    for (by, table) in [(&[][..], processes), (&[], named), (&elsewhere, &hosts)] {
        let living = machine.start(&["unshare", "--net", "cat"]);
        connect(&machine, &living);
        let target = inner(&living);
        let same = machine.start(&["nsenter", "--net", "--target", &target, "cat"]);
        machine.sh(&format!("ln -sfn /proc/{target}/ns/net /run/netns/link"));
        let mut watcher = Watcher::start_as(&machine, by, &format!("interfaces = ['*']\n{table}"));
        assert_eq!(watcher.gather().names(), ["link"], "{table}");
        if table == named {
            drop((same, living));
        } else {
            // Without its name, it goes on as long as any process lives there.
            machine.sh("rm /run/netns/link");
            drop(living);
            assert_eq!(watcher.gather().names(), [same.inode()], "{table}");
            assert_eq!(watcher.gather().names(), [same.inode()], "{table}");
            drop(same);
        }
        await_end(&machine);
        assert_eq!(watcher.gather().names(), [""; 0], "{table}");
        watcher.daemon.end();
    }
}

#[test]
fn a_namespace_whose_name_is_made_anew_at_once_ends_all_the_same() {
    let test = "a_namespace_whose_name_is_made_anew_at_once_ends_all_the_same";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let mut watcher = Watcher::start(&machine, "interfaces = ['*']\nnamespace_include = ['?*']\n");
    let blue = machine.add("blue");
    machine.ip_lines("link add out type veth peer name in netns blue");
    assert_eq!(watcher.gather().interfaces("blue"), ["lo", "in"]);
    let plugin = Pid::from_raw(watcher.pid().cast_signed()).unwrap();
    // It sees both at once.
    kill_process(plugin, Signal::STOP).unwrap();
    blue.delete();
    let _blue = machine.add("blue");
    kill_process(plugin, Signal::CONT).unwrap();
    // What started it stops with it.
    watcher.daemon.signal(Signal::CONT);
    await_end(&machine);
    assert_eq!(watcher.gather().interfaces("blue"), ["lo"]);
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_namespace_ends_when_its_only_process_leaves_it() {
    let test = "a_namespace_ends_when_its_only_process_leaves_it";
    if is_skipped(test) || is_skipped_without(test, "perl", has("perl", "-v")) {
        return;
    }
    let machine = Machine::new();
    let script = format!(
        "$| = 1; open(HOME, '<', '/proc/self/ns/net') or die; \
         syscall({}, {}) == 0 or die; print \"in\\n\"; <STDIN>; \
         syscall({}, fileno(HOME), 0) == 0 or die; print \"out\\n\"; <STDIN>",
        libc::SYS_unshare,
        libc::CLONE_NEWNET,
        libc::SYS_setns,
    );
    let mut command = machine.command("perl");
    command.args(["-e", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "in");
    let pid = last_descendant(process.id());
    machine.ip_lines(&format!("link add out type veth peer name in netns {}", inner_pid(pid)));
    let table =
        "interfaces = ['*']\nnamespace_include = ['?*']\nnamespace_discovery = 'processes'\n";
    let mut watcher = Watcher::start(&machine, table);
    assert_eq!(watcher.gather().names().len(), 1);
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(b"\n").unwrap();
    assert_eq!(said.next().unwrap().unwrap(), "out");
    await_end(&machine);
    assert_eq!(watcher.gather().names(), [""; 0]);
    drop(stdin);
    process.wait().unwrap();
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_namespace_ends_also_while_nobody_reads_the_lines() {
    let test = "a_namespace_ends_also_while_nobody_reads_the_lines";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    machine.ip_lines("link set lo up");
    let table = "interfaces = ['*']\nnamespace_include = ['*']\nnamespace_discovery = 'processes'\n\
                 counters = 'all'\nlink_state = true\n";
    let mut watcher = Watcher::start(&machine, table);
    let living = machine.start(&["unshare", "--net", "cat"]);
    connect(&machine, &living);
    assert_eq!(watcher.gather().names(), ["", &living.inode()]);
    // Once no more lines come into the pipe, it is full.
    let mut unread = 0;
    eventually("a full pipe", || {
        for _ in 0..20 {
            watcher.daemon.trigger("");
            thread::sleep(Duration::from_millis(5));
        }
        let before = std::mem::replace(&mut unread, watcher.daemon.unread());
        (unread > 0 && unread == before).then_some(())
    });
    drop(living);
    await_end(&machine);
}

#[test]
fn namespaces_with_names_come_first_where_not_all_can_be_reported() {
    let test = "namespaces_with_names_come_first_where_not_all_can_be_reported";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let table =
        "interfaces = ['lo']\nnamespace_include = ['?*']\nnamespace_discovery = 'processes'\n";
    let nameless: Vec<_> = (0..40).map(|_| machine.start(&["unshare", "--net", "cat"])).collect();
    let limits = [
        (
            ["prlimit", "--nofile=120:120"],
            String::new(),
            "E! ",
            "raise the limit of open files (LimitNOFILE)",
        ),
        (
            ["prlimit", "--nofile=900:900"],
            "namespace_limit = 10\n".into(),
            "W! ",
            "raise namespace_limit",
        ),
    ];
    for (by, limit, level, way_out) in limits {
        let mut watcher = Watcher::start_as(&machine, &by, &format!("{table}{limit}"));
        let before = watcher.gather();
        let names =
            |spaces: &Spaces| -> Vec<_> { spaces.names().into_iter().map(str::to_owned).collect() };
        let before = names(&before);
        assert!((5..40).contains(&before.len()), "{before:?}");
        assert_eq!(names(&watcher.gather()), before);
        let reds: Vec<_> = (0..4).map(|number| machine.add(&format!("red{number}"))).collect();
        let after = names(&watcher.gather());
        // They take the place of some that have none, and who was there stays before who comes.
        let red = after.iter().filter(|name| name.starts_with("red")).count();
        assert!(red == 4 && after.len() >= before.len(), "{after:?}");
        let is_known = |name: &&String| name.starts_with("red") || before.contains(name);
        assert_eq!(after.iter().filter(is_known).count(), after.len());
        reds.into_iter().for_each(Named::delete);
        eventually("as many as before", || {
            (names(&watcher.gather()).len() == before.len()).then_some(())
        });
        let log = watcher.end();
        let left_out = nameless.len() - before.len();
        let start = format!("{level}{left_out} network namespaces are left out, such as \"");
        let is_one_line = log.starts_with(&start) && log.trim_end().ends_with(way_out);
        assert!(is_one_line && log.lines().count() == 1, "{log}");
    }
}

#[test]
fn a_namespace_may_be_entered_whose_number_was_one_that_might_not() {
    let test = "a_namespace_may_be_entered_whose_number_was_one_that_might_not";
    if is_skipped_without_strace(test) {
        return;
    }
    let machine = Machine::new();
    let first = machine.add("first");
    let mut watcher = Watcher::start(&machine, "namespace_include = ['*']\n");
    let pid = watcher.pid();
    let trace = Trace::injecting("setns:error=EPERM:when=1", pid);
    assert_eq!(watcher.gather().names(), [""]);
    drop(trace);
    assert_eq!(watcher.gather().names(), [""]);
    // The kernel gives the same number to another one soon.
    let inode = |name| machine.sh(&format!("stat -L -c %i /run/netns/{name}"));
    let before = inode("first");
    first.delete();
    for _ in 0..100 {
        let second = machine.add("second");
        if inode("second") == before {
            break;
        }
        second.delete();
    }
    machine.sh("ip netns add second 2>/dev/null || true");
    assert_eq!(watcher.gather().names(), ["", "second"]);
    let forbidden = forbidden_for(SANDBOX, 1, 0);
    let over = forbidden.replace("W! ", "I! resolved: ");
    assert_eq!(watcher.end(), format!("{forbidden}{over}"));
}

#[test]
fn a_batch_has_the_time_at_which_the_kernel_told_the_first_counters() {
    let test = "a_batch_has_the_time_at_which_the_kernel_told_the_first_counters";
    if is_skipped_without_strace(test) {
        return;
    }
    let machine = Machine::new();
    machine.add("blue").ip_lines("link set lo up");
    let delay = Duration::from_millis(500);
    for namespaces in ["['blue']", "['']", "['', 'blue']"] {
        let table = format!("interfaces = ['*']\nnamespace_include = {namespaces}\n");
        // No other table reads anything.
        let table = format!("[[inputs.net]]\n{table}ignore_protocol_stats = true\n");
        let daemon = Daemon::start_as(machine.command(PLUGIN), &table);
        let mut watcher = Watcher { daemon };
        let trace = Trace::injecting("sendto:delay_enter=500000:when=1", watcher.pid());
        let start = SystemTime::now();
        watcher.daemon.trigger("");
        let line = text(&watcher.daemon.read_line());
        let nanoseconds = line.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
        let timestamp = UNIX_EPOCH + Duration::from_nanos(nanoseconds);
        assert!(timestamp >= start + delay, "{namespaces}");
        drop(trace);
        watcher.end();
    }
}

#[test]
fn a_folder_of_names_that_cannot_be_listed_is_told_of() {
    let test = "a_folder_of_names_that_cannot_be_listed_is_told_of";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    machine.add("blue");
    machine.sh("mkdir -p /run/docker/netns
                chmod 700 /run/docker
                touch /run/docker/netns/hidden
                unshare --net=/run/docker/netns/hidden true");
    let by = [&NOBODY[..], &["--inh-caps=+sys_admin", "--ambient-caps=+sys_admin"]].concat();
    let mut watcher = Watcher::start_as(&machine, &by, "namespace_include = ['*']\n");
    for _ in 0..3 {
        assert_eq!(watcher.gather().names(), ["", "blue"]);
    }
    machine.sh("chmod 755 /run/docker");
    assert_eq!(watcher.gather().names(), ["", "blue", "hidden"]);
    let problem = "network namespaces with a name in \"/run/docker/netns\" are not reported: Permission \
                   denied (os error 13): needs CAP_DAC_READ_SEARCH\n";
    assert_eq!(watcher.end(), format!("W! {problem}I! resolved: {problem}"));
}

#[test]
fn a_file_of_another_namespace_is_named_with_it() {
    let test = "a_file_of_another_namespace_is_named_with_it";
    if is_skipped_without_strace(test) {
        return;
    }
    let machine = Machine::new();
    let _named = ["blue", "red"].map(|name| machine.add(name));
    let table = "interfaces = ['*']\nnamespace_include = ['blue', 'red']\nsource = 'procfs'\n";
    let mut watcher = Watcher::start(&machine, table);
    watcher.gather();
    let trace = Trace::injecting("pread64:error=EIO", watcher.pid());
    watcher.daemon.trigger("");
    eventually("a failed read", || (trace.text().matches("(INJECTED)").count() >= 5).then_some(()));
    drop(trace);
    watcher.gather();
    let log = watcher.end();
    for name in ["blue", "red"] {
        let problem = format!(
            "cannot read \"/proc/thread-self/net/dev\" of network namespace \"{name}\": \
                               Input/output error (os error 5)"
        );
        for line in [format!("E! {problem}"), format!("I! resolved: {problem}")] {
            assert_eq!(log.lines().filter(|it| *it == line).count(), 1, "{line} in {log}");
        }
    }
}

#[test]
fn one_namespace_that_may_not_be_entered_keeps_no_other_out() {
    let test = "one_namespace_that_may_not_be_entered_keeps_no_other_out";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    machine.add("blue");
    // Root of a user namespace may enter what it made itself.
    let script =
        "touch /run/netns/made && unshare --net=/run/netns/made true && exec \"$0\" \"$@\"";
    let by = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script];
    let may = machine.command(by[0]).args(&by[1..]).arg("true").status().unwrap().success();
    if is_skipped_without(test, "user namespaces", may) {
        return;
    }
    let table = "interfaces = ['*']\nnamespace_include = ['*']\n";
    let mut watcher = Watcher::start_as(&machine, &by, table);
    for _ in 0..3 {
        let spaces = watcher.gather();
        assert_eq!(spaces.names(), ["", "made"]);
        // By netlink, as speeds show.
        assert_eq!(spaces.field("made", "lo", "speed"), Some(-1));
    }
    let why = "needs CAP_SYS_ADMIN, which counts in this user namespace alone, as by PrivateUsers=yes \
         or in a rootless container";
    assert_eq!(watcher.end(), forbidden_for(why, 1, 0));
}

#[test]
fn a_hundred_namespaces_need_no_more_than_the_hard_limit_of_open_files() {
    let test = "a_hundred_namespaces_need_no_more_than_the_hard_limit_of_open_files";
    if is_skipped(test) {
        return;
    }
    let machine = Machine::new();
    let names: Vec<_> = (0..100).map(|number| format!("space{number:02}")).collect();
    for name in &names {
        machine.add(name).ip_lines("link set lo up");
    }
    let table = format!("{EVERYTHING}interfaces = ['*']\nnamespace_include = ['?*']\n");
    let by = ["prlimit", "--nofile=64:4096"];
    let mut watcher = Watcher::start_as(&machine, &by, &table);
    for _ in 0..3 {
        let spaces = watcher.gather();
        assert_eq!(spaces.names(), names);
        assert!(names.iter().all(|name| spaces.interfaces(name) == ["lo"]));
    }
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_storm_of_namespaces_changes_no_stable_one() {
    const STABLE: usize = 5;
    if is_skipped("a_storm_of_namespaces_changes_no_stable_one") {
        return;
    }
    let machine = Machine::new();
    let stable: Vec<_> =
        (0..STABLE).map(|number| machine.add(&format!("stable{number}"))).collect();
    for (number, namespace) in stable.iter().enumerate() {
        namespace.ip_lines(
            "link set lo up
             link add stable0 type veth peer name stable1
             link set stable0 up
             link set stable1 up",
        );
        // Counters that no other one has.
        namespace.sh(&format!("for n in {{0..{number}}}; do echo > /dev/udp/127.0.0.1/9; done"));
    }
    let nameless = machine.start(&["unshare", "--net", "cat"]);
    nameless.sh("ip link add stable0 type veth peer name stable1; ip link set stable0 up");
    let table = "interfaces = ['*']\nignore_protocol_stats = true\nnamespace_include = ['*']\n";
    let mut watchers = ["named", "processes"].map(|discovery| {
        let table = format!("{table}namespace_discovery = '{discovery}'\n");
        let mut watcher = Watcher::start(&machine, &table);
        let has_speeds = |lines: &BTreeMap<_, Batch>| {
            lines.values().flatten().all(|line| text(line).contains("speed="))
        };
        let before =
            eventually("speeds", || Some(stable_lines(&watcher.gather())).filter(has_speeds));
        assert_eq!(before.len(), if discovery == "named" { STABLE } else { STABLE + 1 });
        assert_eq!(before["stable4"].len(), 3);
        (watcher, before)
    });
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = EndStorm(&is_over);
        for script in storm(STABLE) {
            let (is_over, machine) = (&is_over, &machine);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    machine.sh(&script);
                }
            });
        }
        let start = Instant::now();
        let mut seen = 0;
        while start.elapsed() < Duration::from_secs(10) {
            for (watcher, before) in &mut watchers {
                let spaces = watcher.gather();
                for (name, lines) in &*before {
                    assert_same(&stable_of(&spaces, name), lines, name);
                }
                for name in spaces.names() {
                    seen += assert_is_unmixed(&spaces, name);
                }
            }
        }
        drop(end);
        assert!(seen > 0, "no gather met an interface of the storm");
    });
    for (mut watcher, before) in watchers {
        assert_eq!(stable_lines(&watcher.gather()), before);
        assert_eq!(watcher.end(), "");
    }
    drop(nameless);
}

/// Ends the storm, also when an assertion fails.
struct EndStorm<'a>(&'a AtomicBool);

impl Drop for EndStorm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The lines of what stays as it is in all namespaces that stay.
fn stable_lines(spaces: &Spaces) -> BTreeMap<String, Batch> {
    let lines = spaces.names().into_iter().map(|name| (name.to_owned(), stable_of(spaces, name)));
    lines.filter(|(name, lines)| !name.is_empty() && lines.len() > 1).collect()
}

/// The same of one namespace.
fn stable_of(spaces: &Spaces, name: &str) -> Batch {
    let is_stable = |line: &&Vec<u8>| {
        ["lo ", "stable0 ", "stable1 "]
            .iter()
            .any(|name| line.starts_with(format!("net,interface={name}").as_bytes()))
    };
    spaces.get(name).iter().filter(is_stable).cloned().collect()
}

/// A passing namespace has no interface but its own. Returns how many there are.
fn assert_is_unmixed(spaces: &Spaces, name: &str) -> usize {
    let interfaces = spaces.interfaces(name);
    let Some(number) = name.strip_prefix("passing") else { return 0 };
    let own = [format!("in{number}"), format!("peer{number}"), "lo".to_owned()];
    assert!(interfaces.iter().all(|one| own.contains(one)), "{name}: {interfaces:?}");
    interfaces.len() - 1
}

/// What is done on the machine over and over, by one thread each.
fn storm(stable: usize) -> Vec<String> {
    let batch = |lines: &str| format!("ip -batch - <<'END'\n{lines}\nEND\n");
    let passing = (0..3).map(|number| {
        let pass = format!(
            "netns add passing{number}
             link add in{number} netns passing{number} type veth peer name peer{number} netns passing{number}
             netns del passing{number}\n"
        );
        batch(&pass.repeat(10))
    });
    // Inside those that stay, and from one to the next.
    let mut within = String::new();
    for number in 0..stable {
        let next = (number + 1) % stable;
        write!(
            within,
            "ip link add a{number} netns stable{number} type veth peer name b{number} netns stable{next}
             ip -n stable{number} -batch - <<'END'
             link add c0 type bridge
             link set c0 up
             link set c0 name d0 down
             link del d0
             link del a{number}\nEND\n"
        )
        .unwrap();
    }
    let processes = "for n in 1 2 3 4 5 6 7 8; do unshare --net true; done".to_owned();
    passing.chain([within, processes]).collect()
}
