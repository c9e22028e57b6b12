//! The plugin against the real kernel, in network namespaces that each test makes and removes.

#![cfg(target_os = "linux")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use common::machine::Machine;
use common::plugin::{
    ALL, DEFAULT, Daemon, SOURCES, assert_same, config_file, names, once, once_in, parse, speeds,
    with_source, without_time,
};
use common::{
    NOBODY, Netns, PLUGIN, has, is_skipped, is_skipped_without, remove_left_over, run, text,
    without_notes,
};

#[test]
fn tests_remove_the_namespaces_of_killed_ones_and_of_no_others() {
    if is_skipped() {
        return;
    }
    let living = Netns::new();
    let mut process = Command::new("true").spawn().unwrap();
    let gone = process.id();
    process.wait().unwrap();
    let left = [format!("telegraf-net-test-{gone}-0"), format!("telegraf-net-try-{gone}-it")];
    let others = [format!("telegraf-net-{gone}"), format!("telegraf-net-test-x{gone}-0")];
    for name in left.iter().chain(&others) {
        run(Command::new("ip").args(["netns", "add", name]));
    }
    remove_left_over();
    let is_there = |name: &String| fs::exists(format!("/run/netns/{name}")).unwrap();
    let (is_left, are_there) = (left.iter().any(is_there), others.iter().all(is_there));
    for name in &others {
        run(Command::new("ip").args(["netns", "del", name]));
    }
    assert!(!is_left);
    assert!(are_there && is_there(&living.name));
}

#[test]
fn by_default_what_is_up_and_no_loopback_is_reported_with_its_speed() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link set lo up
         link add up0 type veth peer name up1
         link set up0 up
         link set up1 up
         link add half0 type veth peer name half1
         link set half0 up
         link add br0 type bridge mcast_snooping 0
         link set br0 up
         link add mac0 link up0 type macvlan
         link set mac0 up
         link add vxlan0 type vxlan id 7 dstport 4789
         link set vxlan0 up
         link add ifb7 type ifb
         link set ifb7 up
         tuntap add dev tap0 mode tap
         link set tap0 up
         tuntap add dev tun0 mode tun",
    );
    // What a tap makes up differs between kernels.
    let file = "/sys/class/net/tap0/speed";
    let tap = text(&run(netns.command("cat").arg(file)).stdout).trim().parse().unwrap();
    let up = [
        ("br0", -1),
        ("half0", 10_000),
        ("ifb7", -1),
        ("mac0", 10_000),
        ("tap0", tap),
        ("up0", 10_000),
        ("up1", 10_000),
        ("vxlan0", -1),
    ];
    let default = once_in(&netns, DEFAULT);
    assert_eq!(speeds(&default), up);
    let all = once_in(&netns, ALL);
    let others = [("half1", -1), ("lo", -1), ("tun0", -1)];
    let expected: BTreeMap<_, _> = up.into_iter().chain(others).collect();
    assert_eq!(speeds(&all), expected.into_iter().collect::<Vec<_>>());
    netns.ip_lines("link set up0 down");
    assert_eq!(once_in(&netns, ALL)["up0"]["speed"], -1);
    assert!(!once_in(&netns, DEFAULT).contains_key("up0"));
}

#[test]
fn counters_are_those_that_the_kernel_shows_elsewhere() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link set lo up
         link add left type veth peer name right
         addr add 10.99.0.1/24 dev left
         link set left up
         link set right up
         neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev left
         link add ifb7 type ifb
         addr add 10.98.0.1/24 dev ifb7
         link set ifb7 up
         neigh add 10.98.0.2 lladdr 02:00:00:00:00:02 dev ifb7",
    );
    // An ifb drops what is sent to it.
    for address in ["10.99.0.2", "127.0.0.1", "10.98.0.2"] {
        let script = format!("for n in 1 2 3 4 5 6 7; do echo $n > /dev/udp/{address}/9; done");
        netns.command("bash").args(["-c", &script]).output().unwrap();
    }
    let lines = once_in(&netns, ALL);
    let statistic = |interface: &str, name: &str| {
        let file = format!("/sys/class/net/{interface}/statistics/{name}");
        text(&run(netns.command("cat").arg(file)).stdout).trim().parse::<i64>().unwrap()
    };
    for (interface, fields) in &lines {
        let expected = [
            ("bytes_sent", statistic(interface, "tx_bytes")),
            ("bytes_recv", statistic(interface, "rx_bytes")),
            ("packets_sent", statistic(interface, "tx_packets")),
            ("packets_recv", statistic(interface, "rx_packets")),
            ("err_in", statistic(interface, "rx_errors")),
            ("err_out", statistic(interface, "tx_errors")),
            (
                "drop_in",
                statistic(interface, "rx_dropped") + statistic(interface, "rx_missed_errors"),
            ),
            ("drop_out", statistic(interface, "tx_dropped")),
        ];
        for (field, value) in expected {
            assert_eq!(fields[field], value, "{field} of {interface}");
        }
    }
    assert!(lines["left"]["packets_sent"] >= 7, "{lines:?}");
    assert_eq!(lines["left"]["bytes_sent"], lines["right"]["bytes_recv"]);
    assert!(lines["ifb7"]["drop_in"] >= 7, "{lines:?}");
}

#[test]
fn nobody_in_particular_sees_the_same() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines("link add up0 type veth peer name up1\nlink set up0 up\nlink set up1 up");
    let mut command = netns.command("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", PLUGIN]);
    let (lines, output) = once(command, DEFAULT);
    assert_eq!(text(&output.stderr), "I! reading counters by netlink (no privileges needed)\n");
    assert_eq!(lines, once_in(&netns, DEFAULT));
    assert_eq!(names(&lines), ["up0", "up1"]);
}

#[test]
fn a_sysfs_of_another_namespace_hides_no_interface() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    let other = Netns::new();
    // The same names, the other way up, and with other numbers.
    netns.ip_lines("link add a0 type veth peer name b0\nlink set a0 up\nlink set lo up");
    other.ip_lines("link add b0 type veth peer name a0\nlink set b0 up\nlink set lo up");
    // nsenter enters the network namespace alone: /sys goes on showing the other one.
    let [by_procfs, by_netlink] = ["procfs", "netlink"].map(|source| {
        let mut command = other.command("nsenter");
        command.arg(format!("--net=/run/netns/{}", netns.name)).arg(PLUGIN);
        once(command, &with_source(DEFAULT, source))
    });
    // Netlink knows the flags and speeds of the namespace itself.
    assert_eq!(speeds(&by_netlink.0), [("a0", 10_000)]);
    assert_eq!(text(&by_netlink.1.stderr).lines().count(), 1);
    let (lines, output) = by_procfs;
    // Whose flags cannot be had is reported, and whose speed cannot be had has none.
    assert_eq!(speeds(&lines), [("a0", -1), ("b0", -1), ("lo", -1)]);
    let log = text(&output.stderr);
    let warning = "\nW! \"/sys/class/net\" does not belong to these counters (it lacks \"";
    assert!(log.contains(warning) && log.lines().count() == 2, "{log}");
}

#[test]
fn under_host_proc_a_container_sees_the_host() {
    if is_skipped() {
        return;
    }
    let container = Netns::new();
    container.ip_lines("link add inside type veth peer name inside2\nlink set inside up");
    let host: BTreeSet<_> = fs::read_to_string("/proc/1/net/dev")
        .unwrap()
        .lines()
        .skip(2)
        .map(|line| line.trim_start().split(':').next().unwrap().to_owned())
        .collect();
    let mut command = container.command(PLUGIN);
    command.env("HOST_PROC", "/proc").env("HOST_SYS", "/none");
    let (lines, output) = once(command, ALL);
    assert_eq!(lines.into_keys().collect::<BTreeSet<_>>(), host);
    // By netlink, where process 1 lets itself be looked at.
    let log = text(&output.stderr);
    assert!(log.starts_with("I! reading ") && !log.contains("W! "), "{log}");
}

#[test]
fn a_host_proc_that_hides_process_1_is_a_warning() {
    let programs = ["unshare", "setpriv"];
    if is_skipped()
        || programs.iter().any(|program| is_skipped_without(program, has(program, "-V")))
    {
        return;
    }
    let container = Netns::new();
    container.ip_lines("link add inside type ifb");
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("chmod").arg("755").arg(folder.path()));
    let proc = folder.path().display();
    let config = config_file(ALL);
    // A host of its own, whose process 1 waits for the plugin in a container.
    let once = |hidepid: &str, privileges: &str| {
        let script = format!(
            "mount -t proc -o hidepid={hidepid} proc {proc}
             nsenter --net=/run/netns/{} setpriv {privileges} {PLUGIN} --once --config {}",
            container.name,
            config.path().display()
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec", &script]);
        run(command.env("HOST_PROC", folder.path()).env("HOST_SYS", "/none"))
    };
    let nobody = "--reuid=65534 --regid=65534 --clear-groups";
    let member = "--reuid=65534 --regid=65534 --groups=65533";
    let ours = format!(
        "W! reading counters from \"{proc}/net/dev\", which are those of this process's own network \
         namespace and not the host's: "
    );
    let way_out = "needs CAP_SYS_PTRACE, or a /proc that is mounted without hidepid, or with gid= for a \
                   group of this process\n";
    let cannot_read =
        format!("cannot read \"{proc}/1/net/dev\": Operation not permitted (os error 1)");
    let hides = format!("\"{proc}\" hides process 1");
    for (hidepid, why) in [("1", &cannot_read), ("2", &hides), ("4", &hides)] {
        let output = once(hidepid, nobody);
        assert_eq!(text(&output.stderr), format!("{ours}{why}: {way_out}"), "hidepid={hidepid}");
        assert!(text(&output.stdout).contains("net,interface=inside "), "hidepid={hidepid}");
    }
    // Where that proc also shows nothing but processes, ours lie elsewhere.
    let output = once("2,subset=pid", nobody);
    let elsewhere = ours.replace("/net/dev", "/self/net/dev");
    assert_eq!(text(&output.stderr), format!("{elsewhere}{hides}: {way_out}"));
    assert!(text(&output.stdout).contains("net,interface=inside "));
    let by_files = format!(
        "I! reading counters from \"{proc}/1/net/dev\"\n\
         I! netlink is not used for the host's counters: cannot look at \"{proc}/1/ns/net\": Permission denied (os error \
         13): needs CAP_SYS_ADMIN and CAP_SYS_PTRACE\n"
    );
    let by_netlink = format!(
        "I! reading the host's counters by netlink in \"{proc}/1/ns/net\", its network namespace\n"
    );
    for (hidepid, privileges, log) in [
        ("0", nobody, &by_files),
        ("2,gid=65533", member, &by_files),
        ("2", "--clear-groups", &by_netlink),
    ] {
        let output = once(hidepid, privileges);
        assert_eq!(&text(&output.stderr), log, "hidepid={hidepid}");
        assert!(!text(&output.stdout).contains("net,interface=inside "), "hidepid={hidepid}");
    }
}

#[test]
fn capabilities_that_count_for_nothing_are_not_asked_for() {
    if is_skipped() {
        return;
    }
    // Root of a user namespace of its own, as in a rootless container.
    let once = |by: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--net"]).args(by).args([PLUGIN, "--once"]);
        text(&run(command.env("HOST_PROC", "/proc").env("HOST_SYS", "/sys")).stderr)
    };
    let needed = "needs CAP_SYS_ADMIN and CAP_SYS_PTRACE";
    let log = once(&[]);
    let confined = format!(
        "{needed}, which counts in this user namespace alone, as by PrivateUsers=yes or in a rootless container\n"
    );
    assert!(log.contains(&confined), "{log}");
    let log = once(&["setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"]);
    let barred = format!("{needed}, and the bounding set lacks CAP_SYS_PTRACE, as by ");
    assert!(log.contains(&barred), "{log}");
}

/// What takes from root the right to enter namespaces, and leaves it the others.
const NO_ADMIN: &[&str] = &["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];

#[test]
fn under_host_proc_the_host_is_read_by_netlink_where_that_can_be_had() {
    const HOST: &str = "host_proc = '/run/proc'\n";
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    machine.ip_lines(
        "link set lo up
         link add own0 type veth peer name own1
         link set own0 up
         link set own1 up
         link set own0 alias uplink
         link add br0 type bridge mcast_snooping 0
         link set br0 up",
    );
    let container = machine.add("container");
    container.ip_lines("link add inside type ifb\nlink set inside up");
    // As a container has the host's.
    machine.sh("mkdir /run/proc && mount --bind /proc /run/proc");
    let config = |host: &str, source: &str| {
        config_file(&format!(
            "[[inputs.net]]\nkind_exclude = ['veth']\nlink_state = true\ncounters = 'all'\n\
             interface_tags = ['kind', 'altname', 'alias']\nignore_protocol_stats = true\n{host}\
             source = '{source}'\n[[inputs.net]]\nignore_protocol_stats = true\n{host}\
             source = '{source}'\ninterfaces = ['*']\ninterface_tags = ['kind', 'alias']\n"
        ))
    };
    let once = |mut command: Command, by: &[&str], host: &str, source: &str| {
        let config = config(host, source);
        command.args(by.get(1..).unwrap_or_default());
        if !by.is_empty() {
            command.arg(PLUGIN);
        }
        let output = run(command.args(["--once", "--config"]).arg(config.path()));
        (without_time(&output.stdout), without_notes(&text(&output.stderr)))
    };
    let first = |by: &[&'static str]| by.first().copied().unwrap_or(PLUGIN);
    let on_host = |by: &[&'static str], host: &str, source: &str| {
        once(machine.command(first(by)), by, host, source)
    };
    let inside =
        |by: &[&'static str], source: &str| once(container.command(first(by)), by, HOST, source);
    let (expected, _) = on_host(&[], "", "netlink");
    // Those that are no veth, and then all.
    assert_eq!(expected.len(), 1 + 4, "{}", text(&expected.join(&b'\n')));
    let own = "I! reading the host's counters by netlink (no privileges needed): this process lives in \
               the host's network namespace\n";
    // With the host's network, whoever it is; nobody may look at process 1.
    for by in [&[], NO_ADMIN, &NOBODY[..]] {
        let (lines, log) = on_host(by, HOST, "auto");
        assert_same(&lines, &expected, own);
        assert_eq!(log, own);
    }
    let (lines, log) = inside(&[], "auto");
    assert_same(&lines, &expected, "from inside");
    assert_eq!(
        log,
        "I! reading the host's counters by netlink in \"/run/proc/1/ns/net\", its network namespace\n"
    );
    // By files, as far as they tell.
    let files = "I! reading counters from \"/run/proc/1/net/dev\"\n";
    let kinds = "W! kinds of veth, macvlan and ifb are unknown without netlink: kind_exclude keeps them, \
                 kind_include drops them; use interface_exclude = [\"veth*\"]\n";
    let netlink = "I! netlink is not used for the host's counters: cannot enter \"/run/proc/1/ns/net\": Operation not \
                   permitted (os error 1): needs CAP_SYS_ADMIN and CAP_SYS_PTRACE, and the bounding set \
                   lacks CAP_SYS_ADMIN, as by CapabilityBoundingSet= or without cap-add\n";
    for (by, source, why) in [(&[][..], "procfs", ""), (NO_ADMIN, "auto", netlink)] {
        let (lines, log) = inside(by, source);
        assert!(lines.len() > 5 && text(&lines.concat()).contains("interface=own0"), "{lines:?}");
        assert!(!text(&lines.concat()).contains("inside"), "{lines:?}");
        let rest = log.strip_prefix(files).unwrap_or_else(|| panic!("{log}"));
        let rest = rest
            .lines()
            .filter(|line| !line.contains("/sys/class/net"))
            .map(|line| line.to_owned() + "\n");
        assert_eq!(rest.collect::<String>(), format!("{kinds}{why}"), "{source}");
    }
}

#[test]
fn under_host_proc_the_hosts_interfaces_are_followed_by_netlink() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let container = machine.add("container");
    machine.sh("mkdir /run/proc && mount --bind /proc /run/proc");
    let config = "[[inputs.net]]\nhost_proc = '/run/proc'\n[[inputs.net]]\nsource = 'netlink'\n\
                  interfaces = ['inside*']\nprotocols = ['softnet']\n";
    // One of its views is our own network namespace, the other one the host's.
    let mut daemon = Daemon::start_as(container.command(PLUGIN), config);
    let mut gather = || {
        let mut batch = daemon.batch_until("net,interface=all ip_");
        batch.extend(daemon.rest_until("net,interface=all softnet_"));
        names(&parse(&batch)).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(gather(), [""; 0]);
    for _ in 0..3 {
        machine.ip_lines("link add host0 type ifb\nlink set host0 up");
        container.ip_lines("link add inside0 type ifb\nlink set inside0 up");
        assert_eq!(gather(), ["host0", "inside0"]);
        machine.ip_lines("link set host0 down");
        container.ip_lines("link set inside0 name inside1");
        assert_eq!(gather(), ["inside1"]);
        machine.ip_lines("link del host0");
        container.ip_lines("link del inside1");
        assert_eq!(gather(), [""; 0]);
    }
    assert_eq!(daemon.end(), "I! reading counters by netlink, as configured\n");
}

#[test]
fn interfaces_that_come_go_and_change_are_followed() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = Netns::new();
        let mut daemon = Daemon::start(&netns, &with_source(DEFAULT, source));
        let mut step = |change: &str, expected: &[&str]| {
            netns.ip_lines(change);
            assert_eq!(names(&daemon.gather()), expected, "{source} after {change}");
        };
        step("", &[]);
        step("link add a0 type veth peer name b0", &[]);
        step("link set a0 up", &["a0"]);
        step("link set b0 up", &["a0", "b0"]);
        step("link set b0 down\nlink set b0 name c0\nlink set c0 up", &["a0", "c0"]);
        step("link set a0 down", &["c0"]);
        step("link del a0", &[]);
        step("link set lo up", &[]);
        assert_eq!(daemon.end(), "");
    }
}
