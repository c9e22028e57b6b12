//! The plugin under the real Telegraf, whose own `inputs.net` beside it is the oracle.
//!
//! `make e2e` runs these with the Telegrafs that `TELEGRAFS` names, separated by spaces, and the
//! plugin that `TELEGRAF_NET` names, built as it is released. Each Telegraf runs in a network
//! namespace of its own, where nothing moves, with `inputs.net` and the plugin side by side, told
//! apart by the tag `from`. All their lines must be equal, time aside.

#![cfg(target_os = "linux")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::grammar::{Metric, Value};
use common::line::{as_tag, awkward_texts};
use common::machine::{Machine, Sleeper};
use common::plugin::config_file;
use common::telegraf::{has_protocols, plugin, telegrafs};
use common::{Netns, ODD_NAMES, eventually, is_skipped, output, proc_net_dev, run, text};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use telegraf_net::format::influx::Influx;
use telegraf_net::format::{Fields, Format as _};
use telegraf_net::model::counters::Counters;
use telegraf_net::model::interface::Interface;
use telegraf_net::model::protocol::{Group, ProtocolStatistics};
use tempfile::TempDir;

/// What one plugin and one `inputs.net` beside it are told.
#[derive(Debug, Clone, Copy)]
struct Case {
    interfaces: &'static str,
    signal: &'static str,
    uint: bool,
    /// What `inputs.net` has no option for.
    more: &'static str,
}

const DEFAULT: Case = Case { interfaces: "", signal: "STDIN", uint: false, more: "" };

/// One `interfaces` option each; no line here may need more than the documented language.
const INTERFACES: &[&str] = &[
    "[]",
    r#"["lo"]"#,
    r#"["lo", "up0", "missing"]"#,
    r#"["{j}", "g\\h", "a,b", "c=d"]"#,
    r#"["*"]"#,
    r#"["**"]"#,
    r#"["up*"]"#,
    r#"["*0"]"#,
    r#"["up*", "lo", "down?"]"#,
    r#"["*p?"]"#,
    r#"["up[01]"]"#,
    r#"["up[!0]"]"#,
    r#"["up[0-1]"]"#,
    r#"["up[!0-1]"]"#,
    r#"["[^u]*"]"#,
    r#"["[a-e]*", "[!a-z]*"]"#,
    r#"["{up,down}[0-9]"]"#,
    r#"["{up{0,2},d*}"]"#,
    r#"["{lo,}*0"]"#,
    r#"["\\{*", "*\\*"]"#,
    r#"["\\[m\\]*"]"#,
    r#"["[\\]\\[]*", "*[\\]]"]"#,
    r#"["??"]"#,
    r#"["*\\\\*"]"#,
];

impl Case {
    fn plugin_conf(&self) -> String {
        let Self { uint, more, .. } = self;
        let interfaces = self.interfaces_option();
        format!("[[inputs.net]]\n{interfaces}\ninflux_uint_support = {uint}\n{more}\n")
    }

    fn interfaces_option(&self) -> String {
        match self.interfaces {
            "" => String::new(),
            list => format!("interfaces = {list}"),
        }
    }
}

/// A Telegraf that is killed at the end, and its folder.
struct Running {
    process: Child,
    folder: TempDir,
}

impl Running {
    /// Starts it by that command, with one `inputs.net` and one `inputs.execd` for each case.
    fn start(mut command: Command, cases: &[Case], env: &[(&str, &Path)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = telegraf_conf(folder.path(), cases);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.arg("--config").arg(&config).envs(env.iter().copied());
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        Self { process: command.spawn().unwrap(), folder }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Waits for its end; it must come by itself.
    fn wait(&mut self) {
        eventually("the end of Telegraf", || self.process.try_wait().unwrap());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// The lines that came so far from one side in one case, each with the times at which it came.
    fn lines(&self, case: usize, uint: bool, from: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut lines = BTreeMap::<_, BTreeSet<_>>::new();
        let output = fs::read(self.folder.path().join(if uint { "uint" } else { "int" }));
        let output = output.unwrap_or_default();
        for line in output.split_inclusive(|&byte| byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else { continue };
            let line: String = line.iter().copied().map(char::from).collect();
            let prefix = format!("net,case={case},from={from}");
            let Some(line) = line.strip_prefix(&prefix) else { continue };
            let (line, time) = line.rsplit_once(' ').unwrap();
            let (tags, fields) = line.rsplit_once(' ').unwrap();
            let mut fields: Vec<_> = fields.split(',').collect();
            fields.sort_unstable();
            lines.entry(format!("net{tags} {}", fields.join(","))).or_default().insert(time.into());
        }
        lines
    }

    /// The lines that came so far from one side in one case, taken apart, each with the times at which
    /// it came.
    fn lines_of(&self, case: usize, from: &str) -> BTreeMap<Parts, BTreeSet<String>> {
        let mut lines = BTreeMap::<_, BTreeSet<_>>::new();
        let output = fs::read(self.folder.path().join("int")).unwrap_or_default();
        let marks = [format!("case={case}"), format!("from={from}")];
        for line in text(&output).split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')) {
            let ((mut tags, fields), time) = parts(line);
            let count = tags.len();
            tags.retain(|tag| !marks.contains(tag));
            if count == tags.len() + marks.len() {
                lines.entry((tags, fields)).or_default().insert(time.to_owned());
            }
        }
        lines
    }

    /// The processes of the plugin that belong to this Telegraf.
    fn plugins(&self) -> Vec<i32> {
        let (plugin, folder) = (plugin(), self.folder.path().as_os_str().as_bytes());
        let is_ours = |pid: &i32| {
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            command.starts_with(plugin.as_bytes())
                && command.windows(folder.len()).any(|part| part == folder)
        };
        let entries = fs::read_dir("/proc").unwrap();
        let pids = entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
        pids.filter(is_ours).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes the configuration files for the cases and returns Telegraf's.
fn telegraf_conf(folder: &Path, cases: &[Case]) -> PathBuf {
    let (plugin, folder_text) = (plugin(), folder.display());
    let mut conf = format!(
        "[agent]\ninterval = '1s'\nflush_interval = '1s'\nomit_hostname = true\n\
         skip_processors_after_aggregators = true\n\
         [[outputs.file]]\nfiles = ['{folder_text}/int']\n\
         [[outputs.file]]\nfiles = ['{folder_text}/uint']\ninflux_uint_support = true\n"
    );
    for (number, case) in cases.iter().enumerate() {
        let plugin_conf = folder.join(format!("plugin-{number}.conf"));
        fs::write(&plugin_conf, case.plugin_conf()).unwrap();
        let plugin_conf = plugin_conf.display();
        let poll = if case.signal == "none" { ", '--poll_interval', '1s'" } else { "" };
        let interfaces = case.interfaces_option();
        let signal = case.signal;
        write!(
            conf,
            "[[inputs.net]]\n{interfaces}\n[inputs.net.tags]\nfrom = 'telegraf'\ncase = '{number}'\n\
             [[inputs.execd]]\ncommand = ['{plugin}', '-config', '{plugin_conf}'{poll}]\n\
             signal = '{signal}'\ndata_format = 'influx'\nprecision = '1s'\nrestart_delay = '1s'\n\
             [inputs.execd.tags]\nfrom = 'plugin'\ncase = '{number}'\n"
        )
        .unwrap();
    }
    let file = folder.join("telegraf.conf");
    fs::write(&file, conf).unwrap();
    file
}

/// Runs the cases until each side has reported at least twice, and compares all their lines.
fn assert_equal_lines(telegraf: &Path, netns: &Netns, cases: &[Case], env: &[(&str, &Path)]) {
    let mut running = Running::start(netns.command(telegraf), cases, env);
    let sides = ["telegraf", "plugin"];
    let has_both_twice = |running: &Running| {
        (0..cases.len()).all(|number| {
            let lines = sides.map(|from| running.lines(number, cases[number].uint, from));
            lines
                .iter()
                .all(|lines| lines.is_empty() || lines.values().any(|times| times.len() > 1))
                && lines[0].is_empty() <= lines[1].is_empty()
        })
    };
    let start = Instant::now();
    eventually("two gathers of each side", || {
        let long_enough = start.elapsed() > Duration::from_secs(3);
        (long_enough && has_both_twice(&running)).then_some(())
    });
    running.signal(Signal::TERM);
    running.wait();
    let log = running.log();
    for level in ["E!", "W!"] {
        assert!(!log.contains(&format!(" {level} [inputs.execd]")), "{log}");
    }
    let mut compared = 0;
    for (number, case) in cases.iter().enumerate() {
        let [theirs, mut ours] = sides.map(|from| {
            running.lines(number, case.uint, from).into_keys().collect::<BTreeSet<_>>()
        });
        let is_protocol_line = |line: &String| line.starts_with("net,interface=all ");
        let protocol_lines: Vec<_> = ours.iter().filter(|line| is_protocol_line(line)).collect();
        assert_eq!(protocol_lines.len(), 1, "{case:?} {protocol_lines:#?} {log}");
        if !has_protocols(telegraf) {
            ours.retain(|line| !is_protocol_line(line));
        }
        let only_ours: Vec<_> = ours.difference(&theirs).collect();
        let only_theirs: Vec<_> = theirs.difference(&ours).collect();
        assert!(
            ours == theirs,
            "{case:?} under {}\nonly ours: {only_ours:#?}\nonly theirs: {only_theirs:#?}\n{log}",
            telegraf.display()
        );
        compared += theirs.len();
    }
    assert!(compared > cases.len(), "nothing to compare: {log}");
}

/// A namespace with idle interfaces of many kinds and names, up and down.
fn netns_with_everything() -> Netns {
    let netns = Netns::new();
    netns.ip_lines(
        "link set lo up
         link add up0 type veth peer name up1
         link set up0 up
         link set up1 up
         link add down0 type veth peer name half1
         link set half1 up
         link add br0 type bridge mcast_snooping 0
         link add port0 type veth peer name port1
         link set port0 master br0
         link set br0 up
         link set port0 up
         link set port1 up
         link add br1 type bridge mcast_snooping 0
         link set br1 up
         link add up2 link up0 type macvlan mode bridge
         link set up2 up
         link add vxlan0 type vxlan id 7 dstport 4789
         link set vxlan0 up
         link add ifb7 type ifb
         link set ifb7 up
         tuntap add dev tap0 mode tap
         link set tap0 up
         tuntap add dev tun0 mode tun",
    );
    for name in ODD_NAMES {
        let name = OsStr::from_bytes(name);
        let args = ["link", "add", "name"].map(OsStr::new);
        netns.ip(&[&args[..], &[name, OsStr::new("type"), OsStr::new("ifb")]].concat());
        // The one exception: `inputs.net` looks a name that it trimmed up as it is, and so leaves
        // an interface with white space at the ends of its name out unless a pattern matches it.
        if !name.to_string_lossy().contains('\u{3000}') {
            netns.ip(&[OsStr::new("link"), OsStr::new("set"), name, OsStr::new("up")]);
        }
    }
    netns
}

#[test]
fn every_signal_gives_the_lines_of_inputs_net() {
    if is_skipped() {
        return;
    }
    let netns = netns_with_everything();
    let cases = ["STDIN", "SIGUSR1", "SIGUSR2", "SIGHUP", "none"].map(|signal| Case {
        signal,
        interfaces: r#"["*"]"#,
        ..DEFAULT
    });
    for telegraf in telegrafs() {
        assert_equal_lines(&telegraf, &netns, &cases, &[]);
    }
}

#[test]
fn every_interfaces_option_selects_what_inputs_net_selects() {
    if is_skipped() {
        return;
    }
    let netns = netns_with_everything();
    let cases: Vec<_> = INTERFACES
        .iter()
        .map(|interfaces| Case { interfaces, ..DEFAULT })
        .chain([DEFAULT])
        .collect();
    for telegraf in telegrafs() {
        assert_equal_lines(&telegraf, &netns, &cases, &[]);
    }
}

#[test]
fn unsigned_integers_are_those_of_the_serializer() {
    if is_skipped() {
        return;
    }
    let netns = netns_with_everything();
    let case = Case { interfaces: r#"["*"]"#, uint: true, ..DEFAULT };
    for telegraf in telegrafs() {
        assert_equal_lines(&telegraf, &netns, &[case, Case { interfaces: "", ..case }], &[]);
    }
}

#[test]
fn under_host_proc_the_lines_are_those_of_inputs_net() {
    if is_skipped() {
        return;
    }
    let netns = netns_with_everything();
    let host = tempfile::tempdir().unwrap();
    let (proc, sys) = (host.path().join("proc"), host.path().join("sys"));
    fs::create_dir_all(proc.join("net")).unwrap();
    fs::write(proc.join("net/dev"), proc_net_dev(5)).unwrap();
    fs::write(proc.join("net/snmp"), "Tcp: RtoMin MaxConn\nTcp: 200 -1\n").unwrap();
    for (interface, speed) in [("if0", "1000\n"), ("if1", "-1\n"), ("if2", "fast\n")] {
        let folder = sys.join("class/net").join(interface);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("speed"), speed).unwrap();
    }
    let cases = ["", r#"["*"]"#, r#"["if[0-2]"]"#].map(|interfaces| Case { interfaces, ..DEFAULT });
    for telegraf in telegrafs() {
        let env = [("HOST_PROC", proc.as_path()), ("HOST_SYS", sys.as_path())];
        assert_equal_lines(&telegraf, &netns, &cases, &env);
    }
}

/// A machine that plays the host, and a container on it with the host's `/proc` and `/sys` mounted.
struct Container {
    host: Machine,
    inside: Sleeper,
    hostfs: TempDir,
}

impl Container {
    fn new() -> Self {
        let host = Machine::new();
        host.ip_lines(
            "link set lo up
             link add up0 type veth peer name up1
             link set up0 up alias uplink
             link set up1 up mtu 1400
             link add down0 type veth peer name half1
             link set half1 up
             link add br0 type bridge mcast_snooping 0
             link add port0 type veth peer name port1
             link set port0 master br0
             link set br0 up
             link set port0 up
             link set port1 up
             link add mac0 link up0 type macvlan mode bridge
             link set mac0 up
             tuntap add dev tap0 mode tap
             link set tap0 up",
        );
        let hostfs = tempfile::tempdir().unwrap();
        let start = format!(
            "cd {}; mkdir proc sys; mount --rbind /proc proc; mount --rbind /sys sys; \
             mount -t proc proc /proc; mount -t sysfs sysfs /sys; \
             ip link add inside0 type ifb; ip link set inside0 up; ip link set lo up; exec cat",
            hostfs.path().display()
        );
        let unshare = ["unshare", "--mount", "--net", "--pid", "--fork", "sh", "-ec", &start];
        let inside = host.start(&unshare);
        Self { host, inside, hostfs }
    }

    /// A command in the container that is told where the host's are, and ends with it.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--net", "--pid", "--target", &self.inside.pid.to_string(), "--"]);
        command.arg(program);
        command.env("HOST_PROC", self.hostfs.path().join("proc"));
        command.env("HOST_SYS", self.hostfs.path().join("sys"));
        command
    }

    /// The lines that the plugin prints on the host itself, as [`parts`] has them.
    fn on_host(&self, case: &Case) -> BTreeSet<Parts> {
        let config = config_file(&case.plugin_conf());
        let mut command = self.host.command(plugin());
        let output = run(command.args(["--once", "--config"]).arg(config.path()));
        text(&output.stdout).lines().map(|line| parts(line).0).collect()
    }
}

/// The tags of a line and its fields, each in alphabetical order.
type Parts = (Vec<String>, Vec<String>);

/// Takes a line apart, and returns its time too. No name may have a space or a comma.
fn parts(line: &str) -> (Parts, &str) {
    let [tags, fields, time] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let sorted = |words: &str| {
        let mut words: Vec<_> = words.split(',').map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    ((sorted(tags), sorted(fields)), time)
}

#[test]
fn in_a_container_every_option_shows_the_host() {
    if is_skipped() {
        return;
    }
    // What stands still can be compared with what the plugin prints on the host itself.
    let still = [
        "",
        "include_down = true\ninclude_loopback = true",
        "include_down = true\ninterface_exclude = ['up*', 'br0']",
        "include_down = true\nkind_exclude = ['physical', 'macvlan', 'bridge']",
        "kind_include = ['bridge']\ninclude_loopback = true",
        "counters = 'all'\nlink_state = true\n\
         interface_tags = ['alias', 'altname', 'mac', 'kind', 'master', 'lower', 'driver']",
        "interface_protocols = ['ip6', 'icmp6']\n\
         protocols = ['ip', 'tcp', 'udp', 'ip6', 'icmp6', 'udp6', 'tcpext', 'ipext']",
        "protocols = ['udp:*datagrams']",
        // By the files of the host, where it may not be entered.
        "source = 'procfs'",
        "source = 'procfs'\ninclude_down = true\nkind_exclude = ['physical', 'macvlan', 'bridge']",
        "source = 'procfs'\ncounters = 'all'\nlink_state = true\n\
         interface_tags = ['alias', 'altname', 'mac', 'kind', 'master', 'lower', 'driver']",
    ];
    let still = still.map(|more| Case { more, ..DEFAULT });
    let rates = Case { interfaces: "['lo']", more: "rates = true", ..DEFAULT };
    let dedup = Case { interfaces: "['lo', 'up0']", more: "dedup_interval = '10m'", ..DEFAULT };
    let cases = [&still[..], &[rates, dedup]].concat();
    let (rates, dedup) = (still.len(), still.len() + 1);
    for telegraf in telegrafs() {
        let container = Container::new();
        let running = Running::start(container.command(&telegraf), &cases, &[]);
        let lines = |case: usize, from: &str| running.lines_of(case, from);
        let is_twice =
            |lines: &BTreeMap<Parts, BTreeSet<String>>| lines.values().any(|times| times.len() > 1);
        let rates_seen = || -> BTreeSet<bool> {
            let fields = lines(rates, "plugin").into_keys().flat_map(|(_, fields)| fields);
            let rates = fields
                .filter_map(|one| one.strip_prefix("packets_recv_rate=")?.parse::<f64>().ok());
            rates.map(|rate| rate > 0.0).collect()
        };
        eventually("two gathers of all", || {
            let mut all = (0..still.len()).map(|case| lines(case, "plugin"));
            let is_all = all.all(|lines| is_twice(&lines)) && is_twice(&lines(0, "telegraf"));
            (is_all && !rates_seen().is_empty() && lines(dedup, "plugin").len() > 2).then_some(())
        });
        for (number, case) in still.iter().enumerate() {
            let ours: BTreeSet<_> = lines(number, "plugin").into_keys().collect();
            assert_eq!(ours, container.on_host(case), "{case:?} under {}", telegraf.display());
        }
        // Next to it, inputs.net shows the container.
        let names = |lines: BTreeMap<Parts, _>| -> BTreeSet<String> {
            let tags = lines.into_keys().flat_map(|(tags, _)| tags);
            let names = tags.filter_map(|tag| Some(tag.strip_prefix("interface=")?.to_owned()));
            names.filter(|name| name != "all").collect()
        };
        assert_eq!(names(lines(0, "telegraf")), ["inside0", "lo"].map(str::to_owned).into());
        assert!(!names(lines(1, "plugin")).contains("inside0"));

        // What moves on the host moves rates, and is written once more.
        let assert_written_once = |expected: &[(&str, usize)]| {
            let mut counts = BTreeMap::new();
            for ((tags, _), times) in lines(dedup, "plugin") {
                assert_eq!(times.len(), 1, "{tags:?}");
                *counts.entry(tags).or_default() += 1;
            }
            let expected = expected
                .iter()
                .map(|&(name, count)| (vec![format!("interface={name}"), "net".to_owned()], count));
            assert_eq!(counts, expected.collect::<BTreeMap<_, usize>>());
        };
        assert_eq!(rates_seen(), [false].into());
        assert_written_once(&[("all", 1), ("lo", 1), ("up0", 1)]);
        container.host.sh("bash -c 'for n in 1 2 3 4 5; do echo > /dev/udp/127.0.0.1/9; done'");
        eventually("a rate", || (rates_seen().len() == 2).then_some(()));
        eventually("lines of what moved", || (lines(dedup, "plugin").len() > 4).then_some(()));
        let gathers = || {
            let lines = lines(still.len() - 1, "plugin");
            lines.into_values().flatten().collect::<BTreeSet<_>>().len()
        };
        let before = gathers();
        eventually("gathers", || (gathers() > before + 2).then_some(()));
        assert_written_once(&[("all", 2), ("lo", 2), ("up0", 1)]);
        let log = running.log();
        assert!(!log.contains(" E! "), "{log}");
    }
}

#[test]
fn a_stop_a_kill_and_a_reload_leave_no_process_behind() {
    if is_skipped() {
        return;
    }
    let netns = netns_with_everything();
    let cases = ["STDIN", "none"].map(|signal| Case { signal, ..DEFAULT });
    for telegraf in telegrafs() {
        for end in [Signal::TERM, Signal::KILL] {
            let mut running = Running::start(netns.command(&telegraf), &cases, &[]);
            let report = |running: &Running| {
                let lines = [0, 1].map(|number| running.lines(number, false, "plugin"));
                lines.iter().all(|lines| !lines.is_empty()).then(|| running.plugins())
            };
            let first = eventually("lines of both plugins", || report(&running));
            assert_eq!(first.len(), 2);
            running.signal(Signal::HUP);
            let second = eventually("new plugins in place of the old ones", || {
                let now = running.plugins();
                (now.len() == 2 && now.iter().all(|pid| !first.contains(pid))).then_some(now)
            });
            running.signal(end);
            running.wait();
            eventually(&format!("the end of {second:?} after {end:?}"), || {
                running.plugins().is_empty().then_some(())
            });
        }
    }
}

#[test]
fn a_failing_start_always_shows_why() {
    const ERROR: &str = " E! [inputs.execd] cannot read \"/none/such.conf\": No such file";
    if is_skipped() {
        return;
    }
    let (netns, plugin) = (Netns::new(), plugin());
    for telegraf in telegrafs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("telegraf.conf");
        let conf = format!(
            "[agent]\ninterval = '1s'\nflush_interval = '1s'\n\
             [[outputs.file]]\nfiles = ['{0}/out']\n\
             [[inputs.execd]]\ncommand = ['{plugin}', '--config', '/none/such.conf']\n\
             signal = 'STDIN'\ndata_format = 'influx'\nrestart_delay = '100ms'\n",
            folder.path().display()
        );
        fs::write(&file, conf).unwrap();
        for round in 0..20 {
            let mut command = netns.command(&telegraf);
            let output = output(command.arg("--config").arg(&file).arg("--test"));
            let log = text(&output.stderr) + &text(&output.stdout);
            assert!(log.contains(ERROR), "round {round}: {log}");
        }
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let mut command = netns.command(&telegraf);
        command.arg("--config").arg(&file).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let process = command.spawn().unwrap();
        let mut running = Running { process, folder };
        let count = |log: &str, what: &str| log.matches(what).count();
        eventually("20 starts", || (count(&running.log(), "Process ") > 40).then_some(()));
        running.signal(Signal::TERM);
        running.wait();
        let log = running.log();
        let ends = count(&log, " exited: exit status 2");
        assert!(ends >= 20, "{log}");
        assert!(count(&log, ERROR) >= ends, "{} of {ends}: {log}", count(&log, ERROR));
    }
}

#[test]
fn a_signal_to_telegraf_and_all_its_plugins_is_no_error() {
    if is_skipped() {
        return;
    }
    let netns = netns_with_everything();
    let cases = [DEFAULT; 5];
    for telegraf in telegrafs() {
        for signal in [Signal::TERM, Signal::INT] {
            let mut command = netns.command(&telegraf);
            command.process_group(0);
            let mut running = Running::start(command, &cases, &[]);
            eventually("lines of all plugins", || {
                let mut cases = 0..cases.len();
                cases.all(|case| !running.lines(case, false, "plugin").is_empty()).then_some(())
            });
            kill_process_group(Pid::from_child(&running.process), signal).unwrap();
            running.wait();
            let log = running.log();
            assert!(!log.contains(" E! "), "{log}");
        }
    }
}

#[test]
fn telegrafs_own_test_mode_shows_the_lines_every_time() {
    if is_skipped() {
        return;
    }
    let netns = netns_with_everything();
    for telegraf in telegrafs() {
        let folder = tempfile::tempdir().unwrap();
        let config = telegraf_conf(folder.path(), &[DEFAULT]);
        for round in 0..200 {
            let mut command = netns.command(&telegraf);
            let output = run(command.arg("--config").arg(&config).arg("--test"));
            let shown = |line: &str| text(&output.stdout).contains(line);
            for line in ["interface=up0 ", "interface={j} ", "interface=all "] {
                let line = format!("> net,case=0,from=plugin,{line}");
                assert!(shown(&line), "round {round}: no {line:?}: {}", text(&output.stderr));
            }
        }
    }
}

/// Has Telegraf's `inputs.execd` read that stream, and returns what its output made of it, less the
/// times. After all of it, Telegraf must still read the next line.
fn read_by(telegraf: &Path, stream: &[u8]) -> Vec<u8> {
    const LAST: &[u8] = b"the\\ last one=1i\n";
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    fs::write(file("stream"), [stream, LAST].concat()).unwrap();
    let conf = format!(
        "[agent]\ninterval = '1s'\nflush_interval = '1s'\nomit_hostname = true\n\
         metric_batch_size = 10000\nmetric_buffer_limit = 10000000\n\
         skip_processors_after_aggregators = true\n\
         [[outputs.file]]\nfiles = ['{0}/output']\ninflux_omit_timestamp = true\n\
         [[inputs.execd]]\ncommand = ['sh', '-c', 'cat {0}/stream; exec cat']\n\
         signal = 'none'\ndata_format = 'influx'\n",
        folder.path().display()
    );
    fs::write(file("telegraf.conf"), conf).unwrap();
    let mut command = Command::new(telegraf);
    command.arg("--config").arg(file("telegraf.conf")).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(fs::File::create(file("log")).unwrap());
    let process = command.spawn().unwrap();
    let running = Running { process, folder };
    let output = running.folder.path().join("output");
    eventually("the last line", || {
        let file = fs::File::open(&output).ok()?;
        let mut end = [0; LAST.len()];
        let place = file.metadata().unwrap().len().checked_sub(LAST.len() as u64)?;
        file.read_exact_at(&mut end, place).unwrap();
        (end == LAST).then_some(())
    });
    fs::read(output).unwrap().strip_suffix(LAST).unwrap().to_vec()
}

/// Fails with the first line that differs.
fn assert_same_output(telegraf: &Path, output: &[u8], expected: &[u8]) {
    let lines = |text: &[u8]| -> Vec<String> {
        let lines = text.split_inclusive(|&byte| byte == b'\n');
        lines.map(|line| line.escape_ascii().to_string()).collect()
    };
    let (output, expected) = (lines(output), lines(expected));
    let mut pairs = output.iter().zip(&expected).enumerate();
    let differs = pairs.find(|(_, (output, expected))| output != expected);
    assert_eq!(differs, None, "output and expectation under {}", telegraf.display());
    assert_eq!(output.len(), expected.len(), "under {}", telegraf.display());
}

#[test]
fn every_byte_of_a_tag_arrives_as_the_encoders_table_says() {
    let mut statistics = ProtocolStatistics::default();
    statistics.push(Group::Tcp, None, "MaxConn", -1);
    let (mut stream, mut expected) = (Vec::new(), Vec::new());
    for text in awkward_texts() {
        // In every place that a tag can have.
        let tags = ["alias", "lower"].map(|key| (key, &text[..]));
        Influx.interface(&mut stream, &text, &mut tags.into_iter());
        let (counters, interface) = (Counters::default(), Interface::default());
        Influx.fields(&mut stream, &counters, &interface, &Fields::default(), None);
        Influx.end(&mut stream, 1);
        let tags = [("namespace", &text[..])];
        Influx.protocols(&mut stream, &mut tags.into_iter(), &mut statistics.iter());
        Influx.end(&mut stream, 1);

        let metric = |tags: &[&str], fields: &[&str], value: &str| {
            let all = tags.contains(&"namespace").then(|| (b"interface".to_vec(), b"all".to_vec()));
            let tags =
                tags.iter().filter_map(|key| Some((key.as_bytes().to_vec(), as_tag(&text)?)));
            let value = Value::Other(value.as_bytes().to_vec());
            let fields = fields.iter().map(|key| (key.as_bytes().to_vec(), value.clone()));
            let (tags, fields) = (all.into_iter().chain(tags).collect(), fields.collect());
            Metric { name: b"net".to_vec(), tags, fields, time: Some(1) }.written()
        };
        expected.extend(metric(
            &["interface", "alias", "lower"],
            &Counters::TABLE.map(|one| one.name),
            "0i",
        ));
        expected.extend(metric(&["namespace"], &["tcp_maxconn"], "-1i"));
    }
    for telegraf in telegrafs() {
        assert_same_output(&telegraf, &read_by(&telegraf, &stream), &expected);
    }
}

#[test]
fn no_alias_keeps_later_lines_from_telegraf() {
    if is_skipped() {
        return;
    }
    let case = Case { interfaces: "['e0', 'lo']", more: "interface_tags = ['alias']", ..DEFAULT };
    for telegraf in telegrafs() {
        let netns = Netns::new();
        netns.ip_lines("link add e0 type ifb");
        let running = Running::start(netns.command(&telegraf), &[case], &[]);
        let count = |tags: &str| {
            let output = fs::read(running.folder.path().join("int")).unwrap_or_default();
            text(&output).lines().filter(|line| line.starts_with(&format!("net,{tags} "))).count()
        };
        for (alias, arrives) in
            [("a\x0bx\\=\"", r#"a\ x\\=""#), (r#"to \"core\" switch"#, r#"to\ \"core\"\ switch"#)]
        {
            netns.ip(&["link", "set", "e0", "alias", alias]);
            let tags = format!("alias={arrives},case=0,from=plugin,interface=e0");
            eventually("the alias", || (count(&tags) > 0).then_some(()));
            netns.ip(&["link", "set", "e0", "alias", ""]);
            for interface in ["e0", "lo"] {
                let tags = format!("case=0,from=plugin,interface={interface}");
                let before = count(&tags);
                eventually("lines after it", || (count(&tags) > before + 1).then_some(()));
            }
        }
        let log = running.log();
        for level in ["E!", "W!"] {
            assert!(!log.contains(&format!(" {level} [inputs.execd]")), "{log}");
        }
    }
}

/// A part of a block that is well, and what stands in its place.
const BLOCKS: &[[&str; 2]] = &[
    ["", ""],
    ["signal = 'STDIN'\n", ""],
    ["'STDIN'", "'none'"],
    ["'STDIN'", "'stdin'"],
    ["'STDIN'", "7"],
    ["COMMAND", "'PLUGIN'"],
    ["COMMAND", "['PLUGIN --config CONFIG']"],
    ["COMMAND", "['/none/telegraf-net', '--config', 'CONFIG']"],
    ["COMMAND", "['PLUGIN', '--config', '/none/plugin.conf']"],
    ["COMMAND", "['PLUGIN', '--confg', 'CONFIG']"],
    ["COMMAND", "['PLUGIN', '--sample-config']"],
    ["COMMAND", "['env', 'PLUGIN', '--config', 'CONFIG']"],
    ["COMMAND\nsignal = 'STDIN'\n", "['PLUGIN', '--config', 'CONFIG', '--poll-interval', '1s']\n"],
    ["data_format = 'influx'\n", ""],
    ["'influx'\n", "'influx'\ninflux_timestamp_precision = '1s'\n"],
    ["'influx'\n", "'influx_upstream'\n"],
    ["'influx'\n", "'influx_upstream'\ninflux_timestamp_precision = '1s'\n"],
    [
        "'influx'\n",
        "'influx'\ninflux_parser_type = 'upstream'\ninflux_timestamp_precision = '1s'\n",
    ],
    ["'influx'\n", "'influx'\nenvironment = ['A']\n"],
    ["'influx'\n", "'influx'\nenvironment = 'A=b'\n"],
    ["interval = '1s'", "interval = 'often'"],
    ["interval = '1s'", "interval = '1'"],
    ["interval = '1s'", "interval = '1.5d'"],
    ["interval = '1s'", "interval = 5"],
    ["precision = '1s'", "precision = 'often'"],
    ["precision = '1s'", "precision = 1"],
    ["precision = '1s'", "precision = "],
];

#[test]
fn what_check_says_of_a_block_is_what_telegraf_does() {
    if is_skipped() {
        return;
    }
    let netns = netns_with_everything();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("plugin.conf"), "[[inputs.net]]\n").unwrap();
    for telegraf in telegrafs() {
        for [part, other] in BLOCKS {
            let well = "[[inputs.execd]]\ncommand = COMMAND\nsignal = 'STDIN'\ndata_format = 'influx'\n\
                        interval = '1s'\nprecision = '1s'\n";
            let block = well
                .replacen(part, other, 1)
                .replace("COMMAND", "['PLUGIN', '--config', 'CONFIG']")
                .replace("PLUGIN", &plugin())
                .replace("CONFIG", at("plugin.conf").to_str().unwrap());
            fs::write(at("telegraf.conf"), &block).unwrap();
            let mut command = netns.command(plugin());
            command.arg("--check").arg("--config").arg(at("plugin.conf"));
            let checked = output(command.arg("--telegraf").arg(at("telegraf.conf")));
            let (status, told) = (checked.status.code(), text(&checked.stdout));
            // On a busy machine, lines that should be there may take longer.
            let is_so = ["1", "10", "30"].iter().any(|seconds| {
                let mut command = netns.command(&telegraf);
                command.args(["--test", "--test-wait", seconds, "--config"]);
                let lines = text(&output(command.arg(at("telegraf.conf"))).stdout);
                let has_lines = lines.contains("> net,");
                assert!(!has_lines || status == Some(0), "{}: {block}{told}", telegraf.display());
                has_lines || status == Some(1)
            });
            assert!(is_so, "{}: {block}{told}", telegraf.display());
        }
    }
}
