//! Other network namespaces, against the real kernel: which are reported, by what names and tags.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::machine::{Cgroup, Machine, Named, Sleeper, last_descendant};
use common::namespaces::{EVERYTHING, NamespaceLines, Watcher, inner, sorted, take_namespace};
use common::plugin::{Batch, Daemon, assert_same, config_file, without_time};
use common::trace::{Trace, is_skipped_without_strace};
use common::{PLUGIN, eventually, is_skipped, is_skipped_without, run, text, without_notes};

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
    NamespaceLines::of(&without_time(&output.stdout)).0.into_keys().collect()
}

#[test]
fn a_named_namespace_is_reported_as_from_inside_from_its_coming_to_its_going() {
    if is_skipped() {
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
            let (reported, inside) = eventually(changes, || {
                let inside = once_inside(&blue, table);
                let reported = watcher.gather();
                (once_inside(&blue, table) == inside).then_some((reported, inside))
            });
            assert_same(reported.get("blue"), &inside, changes);
            assert_eq!(reported.names(), ["", "blue"]);
            assert_same(reported.get(""), before.get(""), "our own");
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
        let reported = watcher.gather();
        assert_eq!(reported.names(), ["", "blue", "red"]);
        assert_same(reported.get("blue"), &once_inside(&blue, table), "beside another");
        assert_same(reported.get("red"), &once_inside(&red, table), "the other");
        blue.delete();
        assert_eq!(watcher.gather().names(), ["", "red"]);
        red.delete();
        assert_eq!(watcher.gather().names(), [""]);
        assert_eq!(watcher.end(), "");
    }
}

#[test]
fn a_name_that_went_and_came_between_two_gathers_is_the_new_namespace() {
    if is_skipped() {
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
    if is_skipped() {
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
        let [before, after] = [&before, &after].map(|reported| {
            reported.field("blue", interface, field).unwrap_or_else(|| panic!("no {field}"))
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
fn patterns_choose_among_the_names_and_the_empty_one_is_our_own() {
    if is_skipped() {
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
    if is_skipped() {
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
    let reported = watcher.gather();
    assert_eq!(reported.names(), ["", &inode, "blue"]);
    assert_eq!(reported.interfaces(&inode), ["lo", "v1", "v0"]);
    assert_eq!(reported.interfaces("blue"), ["lo"]);
    assert_same(reported.get("blue"), &once_inside(&blue, &table), "blue");
    assert_same(reported.get(&inode), &once_beside(&one, &table), "without a name");
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

#[test]
fn the_control_group_of_its_process_tells_the_container() {
    if is_skipped() {
        return;
    }
    // Not like another test's.
    let id = format!("{:064x}", 0xfeed_0000_0000_u64 + u64::from(std::process::id()));
    let cgroup = Cgroup::new(&format!("docker-{id}.scope"));
    let may = "control groups of version 2";
    let Some(cgroup) = cgroup.filter(|_| !is_skipped_without(may, true)) else {
        assert!(is_skipped_without(may, false));
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
        let reported = watcher.gather();
        let has_container = |lines: &Batch| {
            let tag = format!(",container={id}");
            let with = lines.iter().filter(|line| text(line).contains(&tag)).count();
            assert!(with == 0 || with == lines.len(), "{lines:?}");
            with > 0
        };
        reported.0.iter().map(|(name, lines)| (name.clone(), has_container(lines))).collect()
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
    if is_skipped() {
        return;
    }
    let id = |number: u64| format!("{:064x}", (number << 40) + u64::from(std::process::id()));
    let ids = [id(0xfeed), id(0xbeef)];
    let cgroups = ids.each_ref().map(|id| Cgroup::new(&format!("docker-{id}.scope")));
    let may = "control groups of version 2";
    let [Some(one), Some(other)] = cgroups else {
        assert!(is_skipped_without(may, false));
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
        let reported = watcher.gather();
        let [lo, ..] = &reported.get(&host.inode())[..] else { panic!("{:?}", reported.names()) };
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

#[test]
fn our_own_namespace_is_not_read_where_it_is_not_reported() {
    if is_skipped_without_strace() {
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
        // A call that it was in when the trace began may not be seen.
        gather(&mut daemon, "traced");
        gather(&mut daemon, "gather0");
        gather(&mut daemon, "gather1");
        let calls = trace.between("\"gather0\\n\"", "\"gather1\\n\"").join("\n");
        // Of blue's only interface, nothing is asked by netlink, as it is not reported; by procfs, its file.
        let expected = [0, usize::from(source == "procfs")];
        let requests = ["sendto(", "openat("].map(|call| calls.matches(call).count());
        assert_eq!(requests, expected, "{source}: {calls}");
        drop(trace);
        assert_eq!(daemon.end(), "");
    }
}

#[test]
fn our_own_namespace_is_reported_once_and_of_two_of_one_name_the_first() {
    if is_skipped() {
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
        let reported = watcher.gather();
        assert_eq!(reported.names(), expected, "{namespaces}");
        if expected.contains(&"blue") {
            assert_eq!(reported.interfaces("blue"), ["lo", "first"]);
        }
        assert_eq!(watcher.end(), "");
    }
}

#[test]
fn statistics_of_the_whole_machine_stand_in_our_own_namespaces_lines_only() {
    const MACHINES: [&str; 4] =
        ["sockstat_tcp_orphan", "sockstat_tcp_alloc", "sockstat_tcp_mem", "sockstat_udp_mem"];
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let blue = machine.add("blue");
    machine.sh("touch /run/netns/own && mount --bind /proc/self/ns/net /run/netns/own");
    let fields = |reported: &NamespaceLines, namespace: &str| {
        let mut line = reported.get(namespace).iter().map(|line| text(line));
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
        let reported = watcher.gather();
        assert_eq!(reported.names(), ["", "blue", "own"], "{source}");
        let [own, blue, by_name] = ["", "blue", "own"].map(|name| fields(&reported, name));
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
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    machine.add("blue");
    let nameless = machine.start(&["unshare", "--net", "cat"]);
    let table = "interfaces = ['lo']\nignore_protocol_stats = true\nnamespace_include = ['?*']\n";
    let by_processes = "[[inputs.net]]\ninterface_exclude = ['*']\nnamespace_include = ['?*']\n\
                        namespace_discovery = 'processes'\n";
    let mut watcher = Watcher::start(&machine, &format!("{table}{by_processes}"));
    let reported = watcher.gather();
    assert_eq!(reported.names(), sorted(["blue", &nameless.inode()]));
    assert_eq!(reported.interfaces("blue"), ["lo"]);
    assert_eq!(reported.interfaces(&nameless.inode()), [""; 0]);
    assert_eq!(watcher.end(), "");
}

#[test]
fn to_name_the_own_proc_and_sys_is_to_name_none() {
    if is_skipped() {
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
        log.starts_with("I! reading the host's counters by netlink in \"/proc/1/ns/net\", "),
        "{log}"
    );
}

#[test]
fn a_batch_has_the_time_at_which_the_kernel_told_the_first_counters() {
    if is_skipped_without_strace() {
        return;
    }
    let machine = Machine::new();
    machine.add("blue").ip_lines("link set lo up");
    let delay = Duration::from_millis(500);
    for (namespaces, lines) in [("['blue']", 1), ("['']", 1), ("['', 'blue']", 2)] {
        let table = format!("interfaces = ['*']\nnamespace_include = {namespaces}\n");
        // No other table reads anything.
        let table = format!("[[inputs.net]]\n{table}ignore_protocol_stats = true\n");
        let daemon = Daemon::start_as(machine.command(PLUGIN), &table);
        let mut watcher = Watcher { daemon };
        // What it asks at its start is behind it.
        watcher.daemon.trigger("");
        (0..lines).for_each(|_| drop(watcher.daemon.read_line()));
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
fn a_file_of_another_namespace_is_named_with_it() {
    if is_skipped_without_strace() {
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
