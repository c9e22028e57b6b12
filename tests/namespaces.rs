//! The plugin against the real kernel, in network namespaces that each test makes and removes.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{Netns, PLUGIN, is_skipped, run, text};

const ALL: &str = "[[inputs.net]]\ninterfaces = ['*']\nignore_protocol_stats = true\n";
const DEFAULT: &str = "[[inputs.net]]\nignore_protocol_stats = true\n";

/// The sources, and what the plugin says of each at the start.
const SOURCES: [(&str, &str); 2] = [
    ("netlink", "I! source: netlink, as configured\n"),
    ("procfs", "I! source: /proc/net/dev, as configured\n"),
];

/// The fields of each interface's line.
type Lines = BTreeMap<String, BTreeMap<String, i64>>;

fn once(mut command: Command, config: &str) -> (Lines, Output) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, config).unwrap();
    // For a plugin that runs as somebody else.
    run(Command::new("chmod").arg("644").arg(file.path()));
    command.args(["--once", "--config"]).arg(file.path());
    let output = run(&mut command);
    (parse(&text(&output.stdout)), output)
}

/// What the plugin reports in a namespace: by netlink and by procfs, which must be the same.
fn once_in(netns: &Netns, config: &str) -> Lines {
    let [by_netlink, by_procfs] = SOURCES.map(|(source, log)| {
        let config = format!("{config}source = '{source}'\n");
        let (lines, output) = once(netns.command(PLUGIN), &config);
        assert_eq!(text(&output.stderr), log);
        (lines, without_time(&output.stdout))
    });
    assert_eq!(by_netlink, by_procfs);
    by_netlink.0
}

/// The text of a batch less the timestamps.
fn without_time(batch: &[u8]) -> Vec<String> {
    let is_line = |line: &&[u8]| !line.is_empty();
    let lines = batch.split(|&byte| byte == b'\n').filter(is_line);
    lines.map(|line| text(line.rsplitn(2, |&byte| byte == b' ').last().unwrap())).collect()
}

fn parse(text: &str) -> Lines {
    let mut lines = Lines::new();
    for line in text.lines() {
        let mut parts = line.split(' ');
        let name = parts.next().unwrap().strip_prefix("net,interface=").unwrap();
        let fields = parts.next().unwrap().split(',').map(|field| {
            let (key, value) = field.split_once('=').unwrap();
            (key.to_owned(), value.strip_suffix('i').unwrap().parse().unwrap())
        });
        assert!(lines.insert(name.into(), fields.collect()).is_none(), "{name} twice in {text}");
    }
    lines
}

fn names(lines: &Lines) -> Vec<&str> {
    lines.keys().map(String::as_str).collect()
}

fn speeds(lines: &Lines) -> Vec<(&str, i64)> {
    lines.iter().map(|(name, fields)| (name.as_str(), fields["speed"])).collect()
}

#[test]
fn by_default_what_is_up_and_no_loopback_is_reported_with_its_speed() {
    if is_skipped("by_default_what_is_up_and_no_loopback_is_reported_with_its_speed") {
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
         link add br0 type bridge
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
    let up = [
        ("br0", -1),
        ("half0", 10_000),
        ("ifb7", -1),
        ("mac0", 10_000),
        ("tap0", 10_000),
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
    if is_skipped("counters_are_those_that_the_kernel_shows_elsewhere") {
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
    if is_skipped("nobody_in_particular_sees_the_same") {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines("link add up0 type veth peer name up1\nlink set up0 up\nlink set up1 up");
    let mut command = netns.command("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", PLUGIN]);
    let (lines, output) = once(command, DEFAULT);
    assert_eq!(text(&output.stderr), "I! source: netlink, which this kernel has\n");
    assert_eq!(lines, once_in(&netns, DEFAULT));
    assert_eq!(names(&lines), ["up0", "up1"]);
}

#[test]
fn a_sysfs_of_another_namespace_hides_no_interface() {
    if is_skipped("a_sysfs_of_another_namespace_hides_no_interface") {
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
        once(command, &format!("{DEFAULT}source = '{source}'\n"))
    });
    // Netlink knows the flags and speeds of the namespace itself.
    assert_eq!(speeds(&by_netlink.0), [("a0", 10_000)]);
    assert_eq!(text(&by_netlink.1.stderr).lines().count(), 1);
    let (lines, output) = by_procfs;
    // Whose flags cannot be had is reported, and whose speed cannot be had has none.
    assert_eq!(speeds(&lines), [("a0", -1), ("b0", -1), ("lo", -1)]);
    let log = text(&output.stderr);
    let warning = "\nW! /sys/class/net shows another network namespace, or none: ";
    assert!(log.contains(warning) && log.lines().count() == 2, "{log}");
}

#[test]
fn under_host_proc_a_container_sees_the_host() {
    if is_skipped("under_host_proc_a_container_sees_the_host") {
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
    let log = text(&output.stderr);
    assert_eq!(log, "I! HOST_PROC: counters come from /proc/1/net/dev\n");
}

/// A plugin that runs in a namespace and answers one gather after the other.
struct Daemon {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<std::process::ChildStdout>,
    config: tempfile::NamedTempFile,
}

impl Daemon {
    fn start(netns: &Netns, config_text: &str) -> Self {
        let config = tempfile::NamedTempFile::new().unwrap();
        // The protocol line comes last in a batch, and so marks its end.
        fs::write(&config, config_text.replace("= true", "= false")).unwrap();
        let mut command = netns.command(PLUGIN);
        command.arg("--config").arg(config.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Self { process, stdin, stdout, config }
    }

    fn gather(&mut self) -> Lines {
        self.stdin.write_all(b"\n").unwrap();
        let mut batch = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "stdout ended");
            if line.starts_with("net,interface=all ") {
                return parse(&batch);
            }
            batch.push_str(&line);
        }
    }

    /// Ends it, and returns what it logged since the line at the start.
    fn end(self) -> String {
        drop(self.stdin);
        let output = self.process.wait_with_output().unwrap();
        assert!(output.status.success());
        drop(self.config);
        let log = text(&output.stderr);
        let (first, rest) = log.split_once('\n').unwrap();
        assert!(first.starts_with("I! source: "), "{log}");
        rest.to_owned()
    }
}

#[test]
fn interfaces_that_come_go_and_change_are_followed() {
    if is_skipped("interfaces_that_come_go_and_change_are_followed") {
        return;
    }
    for (source, _) in SOURCES {
        let netns = Netns::new();
        let mut daemon = Daemon::start(&netns, &format!("{DEFAULT}source = '{source}'\n"));
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

#[test]
fn a_storm_of_interfaces_neither_shows_nor_hides_anything() {
    if is_skipped("a_storm_of_interfaces_neither_shows_nor_hides_anything") {
        return;
    }
    let netns = Netns::new();
    for number in 0..50 {
        netns.ip_lines(&format!(
            "link add stable{number} type veth peer name other{number}
             link set stable{number} up
             link set other{number} up"
        ));
    }
    // A storm of interfaces that are down all their life, some of which vanish between the reading
    // of their counters and of their flags.
    let batch = tempfile::NamedTempFile::new().unwrap();
    let changes =
        "link add storm0 type ifb\nlink add storm1 type ifb\nlink del storm0\nlink del storm1\n";
    fs::write(&batch, changes.repeat(50)).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                run(Command::new("ip").args(["-n", &netns.name, "-batch"]).arg(batch.path()));
            }
        });
        let mut daemon = Daemon::start(&netns, DEFAULT);
        let start = Instant::now();
        let mut gathers = 0;
        while start.elapsed() < Duration::from_secs(5) {
            let lines = daemon.gather();
            let storm = lines.keys().filter(|name| name.starts_with("storm")).count();
            if lines.len() != 100 || storm != 0 {
                over.store(true, Ordering::Relaxed);
            }
            assert_eq!(lines.len(), 100, "{:?}", names(&lines));
            assert_eq!(storm, 0, "{:?}", names(&lines));
            gathers += 1;
        }
        over.store(true, Ordering::Relaxed);
        assert!(gathers > 0);
        assert_eq!(daemon.end(), "");
    });
}
