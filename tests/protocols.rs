//! The groups of protocol statistics, against the files of the real kernel.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::process::Command;
use std::thread;

use common::gathers::{Follower, lines_by, lines_in};
use common::line::{Line, Parsed, assert_same_lines};
use common::plugin::{Daemon, SOURCES, assert_same, config_file, without_time};
use common::{Netns, PLUGIN, has, is_skipped, is_skipped_without, run, text};

/// Reads the fields that a file holds by now.
type Fields<'a> = &'a dyn Fn() -> BTreeMap<String, i64>;

/// A table of the interface `v0` and these options.
fn table(options: &str) -> String {
    format!("[[inputs.net]]\ninterfaces = ['v0']\n{options}\n")
}

/// A pair of interfaces with IPv6 and without the kernel's own talk, and a loopback, over which
/// datagrams went.
fn with_ipv6() -> Netns {
    let netns = Netns::new();
    for key in ["all", "default", "lo"] {
        let set = format!("echo 0 > /proc/sys/net/ipv6/conf/{key}/disable_ipv6");
        run(netns.command("sh").args(["-c", &set]));
    }
    netns.ip_lines(
        "link set lo up
         link add v0 type veth peer name v1
         link set v0 arp off addrgenmode none
         link set v1 arp off addrgenmode none
         addr add fd00::1/64 dev v0 nodad
         link set v0 up
         link set v1 up",
    );
    for (from, to) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("fd00::1", "fd00::2")] {
        send(&netns, from, to);
    }
    netns
}

/// Sends five datagrams. A loopback answers each that nobody listens.
fn send(netns: &Netns, from: &str, to: &str) {
    thread::scope(|scope| {
        scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind((from, 0)).unwrap();
            for _ in 0..5 {
                let _ = socket.send_to(b"packet", (to, 9));
            }
        });
    });
}

fn file(netns: &Netns, name: &str) -> String {
    text(&run(netns.command("cat").arg(format!("/proc/net/{name}"))).stdout)
}

/// The fields that files of rows of names over rows of values hold: `snmp`, `netstat`.
fn pairs(text: &str) -> BTreeMap<String, i64> {
    let lines: Vec<_> = text.lines().collect();
    let pairs = lines.chunks(2).flat_map(|pair| {
        let ((group, names), values) = (pair[0].split_once(": ").unwrap(), pair[1]);
        let values = values.split_once(": ").unwrap().1.split_whitespace();
        let names = names.split_whitespace().map(move |name| format!("{group}_{name}"));
        names.zip(values).collect::<Vec<_>>()
    });
    pairs.map(|(name, value)| (name.to_lowercase(), value.parse().unwrap())).collect()
}

/// The fields of `snmp6`, or of an interface's own.
fn ipv6(text: &str, groups: &[&str]) -> BTreeMap<String, i64> {
    let lines = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(char::is_whitespace)?;
        let name = name.to_lowercase();
        let group = groups.iter().find(|group| name.starts_with(*group))?;
        let column = name.strip_prefix(group).unwrap();
        Some((format!("{group}_{column}"), value.trim().parse().unwrap()))
    });
    lines.collect()
}

/// The fields of `sockstat` and `sockstat6`.
fn sockets(group: &str, text: &str) -> BTreeMap<String, i64> {
    let mut fields = BTreeMap::new();
    for line in text.lines() {
        let (row, columns) = line.split_once(": ").unwrap();
        let columns: Vec<_> = columns.split(' ').collect();
        for column in columns.chunks(2) {
            let name = format!("{group}_{row}_{}", column[0]).to_lowercase();
            fields.insert(name, column[1].parse().unwrap());
        }
    }
    fields
}

fn integers(line: &Line) -> BTreeMap<String, i64> {
    line.fields.keys().map(|key| (key.clone(), line.integer(key).unwrap())).collect()
}

/// The statistics in the line `interface=all`, which both sources must tell alike.
fn statistics(netns: &Netns, protocols: &str) -> BTreeMap<String, i64> {
    let lines = lines_in(netns, &table(&format!("protocols = {protocols}")), &[]);
    assert_eq!(lines.names(), ["v0", "all"]);
    integers(lines.line("all"))
}

#[test]
fn each_group_is_what_its_file_tells() {
    if is_skipped() {
        return;
    }
    let netns = with_ipv6();
    let of_group = |mut fields: BTreeMap<String, i64>, group: &str| {
        fields.retain(|key, _| key.starts_with(&format!("{group}_")));
        assert!(!fields.is_empty(), "{group}");
        fields
    };
    let snmp = || pairs(&file(&netns, "snmp"));
    let netstat = || pairs(&file(&netns, "netstat"));
    let snmp6 = || ipv6(&file(&netns, "snmp6"), &["ip6", "icmp6", "udp6", "udplite6"]);
    let sockstat6 = || sockets("sockstat6", &file(&netns, "sockstat6"));
    let groups: [(&str, Fields<'_>); 14] = [
        ("ip", &snmp),
        ("icmp", &snmp),
        ("icmpmsg", &snmp),
        ("tcp", &snmp),
        ("udp", &snmp),
        ("udplite", &snmp),
        ("ip6", &snmp6),
        ("icmp6", &snmp6),
        ("udp6", &snmp6),
        ("udplite6", &snmp6),
        ("tcpext", &netstat),
        ("ipext", &netstat),
        ("mptcpext", &netstat),
        ("sockstat6", &sockstat6),
    ];
    for (group, fields) in groups {
        let expected = of_group(fields(), group);
        assert_eq!(statistics(&netns, &format!("['{group}']")), expected, "{group}");
        // Letters are the same whatever their case.
        let upper = group.to_uppercase();
        assert_eq!(statistics(&netns, &format!("['{upper}']")), expected, "{upper}");
    }
    let all = statistics(&netns, "['udp', 'ip6', 'udp6', 'icmp6']");
    assert_eq!((all["udp_noports"], all["udp6_noports"]), (5, 5));
    assert!(all["ip6_outrequests"] >= 10 && all["icmp6_outtype1"] == 5, "{all:?}");
    // Without the option, it is what inputs.net reports.
    let lines = lines_in(&netns, &table(""), &[]);
    assert_eq!(integers(lines.line("all")), snmp());
}

#[test]
fn sockets_in_use_are_counted_per_namespace() {
    if is_skipped() {
        return;
    }
    let netns = with_ipv6();
    let held = thread::scope(|scope| {
        let bind = || {
            netns.enter();
            let addresses = ["127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0", "[::1]:0", "[::1]:0"];
            addresses.map(|address| UdpSocket::bind(address).unwrap())
        };
        scope.spawn(bind).join().unwrap()
    });
    for (source, _) in SOURCES {
        let config = table("protocols = ['sockstat', 'sockstat6']");
        let (lines, _) = lines_by(&netns, &config, source);
        let found = integers(lines.line("all"));
        let mut expected = sockets("sockstat", &file(&netns, "sockstat"));
        expected.extend(sockets("sockstat6", &file(&netns, "sockstat6")));
        assert_eq!((found["sockstat_udp_inuse"], found["sockstat6_udp6_inuse"]), (3, 2));
        // The plugin's own sockets are in use, and memory is that of the whole machine.
        let is_stable = |key: &String| !key.ends_with("_used") && !key.ends_with("mem");
        for (key, value) in found.iter().filter(|(key, _)| is_stable(key) && key.contains("udp")) {
            assert_eq!(expected[key], *value, "{key}");
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    }
    drop(held);
}

#[test]
fn soft_interrupts_are_those_of_all_processors_together() {
    if is_skipped() {
        return;
    }
    let netns = with_ipv6();
    let sums = || {
        let text = file(&netns, "softnet_stat");
        let column = |place: usize| {
            let words = text.lines().filter_map(|line| line.split_whitespace().nth(place));
            words.map(|word| i64::from_str_radix(word, 16).unwrap()).sum::<i64>()
        };
        // The last ones are newer than Linux 4.
        [("processed", 0), ("dropped", 1), ("time_squeeze", 2), ("received_rps", 9)]
            .map(|(name, place)| (format!("softnet_{name}"), column(place)))
    };
    for (source, _) in SOURCES {
        let before = sums();
        let config = table("protocols = ['softnet']");
        let (lines, _) = lines_by(&netns, &config, source);
        let found = integers(lines.line("all"));
        // All the machine's, they go on meanwhile.
        for ((key, least), (_, most)) in before.iter().zip(sums()) {
            assert!((*least..=most).contains(&found[key]), "{key}: {least} {} {most}", found[key]);
        }
        assert!(found.keys().all(|key| key.starts_with("softnet_")), "{found:?}");
        assert!(found["softnet_processed"] > 0);
    }
}

#[test]
fn patterns_pick_fields_and_an_empty_list_leaves_the_line_out() {
    if is_skipped() {
        return;
    }
    let netns = with_ipv6();
    let picked = |protocols: &str| statistics(&netns, protocols).into_keys().collect::<Vec<_>>();
    assert_eq!(
        picked("['tcpext:listen*', 'TCP:{retranssegs,InErrs}', 'udp:NoPorts', 'ip6:none']"),
        [
            "tcp_inerrs",
            "tcp_retranssegs",
            "tcpext_listendrops",
            "tcpext_listenoverflows",
            "udp_noports"
        ],
    );
    // The whole name of a field is as good, also as an alternative; it is no part of other patterns.
    for protocols in [
        "['tcp:tcp_retrans*', 'TCP:{TCP_InErrs,outrsts}']",
        "['tcp:retrans*', 'tcp:{inerrs,tcp_outrsts}']",
        "['tcp:retrans*', 'tcp:inerrs', 'tcp:outrsts', 'tcp:t*']",
    ] {
        assert_eq!(picked(protocols), ["tcp_inerrs", "tcp_outrsts", "tcp_retranssegs"]);
    }
    // A pattern beside its whole group picks nothing out of it, and a group twice is there once.
    assert_eq!(picked("['udp:noports', 'udp', 'udp']"), picked("['udp']"));
    assert_eq!(picked("['icmp6:outtype*']"), ["icmp6_outtype1"]);
    for options in [
        "protocols = []",
        "protocols = ['ip6:none']",
        "protocols = ['ip']\nignore_protocol_stats = true",
    ] {
        assert_eq!(lines_in(&netns, &table(options), &[]).names(), ["v0"], "{options}");
    }
    // Each table picks its own.
    let tables =
        [table("protocols = ['udp:noports']"), table("protocols = ['udp6:noports']"), table("")];
    let lines = lines_in(&netns, &tables.concat(), &[]);
    let all: Vec<_> = lines.0.iter().filter(|line| line.tags["interface"] == b"all").collect();
    let keys = |line: &Line| line.fields.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        (keys(all[0]), keys(all[1])),
        (vec!["udp_noports".into()], vec!["udp6_noports".into()])
    );
    assert!(all[2].fields.keys().all(|key| !key.starts_with("udp6_")) && all[2].fields.len() > 50);
}

#[test]
fn an_interface_has_its_own_statistics_of_ipv6() {
    if is_skipped() {
        return;
    }
    let netns = with_ipv6();
    let disable = "echo 1 > /proc/sys/net/ipv6/conf/v1/disable_ipv6";
    run(netns.command("sh").args(["-c", disable]));
    let table = |options: &str| {
        format!("[[inputs.net]]\ninterfaces = ['*']\nignore_protocol_stats = true\n{options}\n")
    };
    let own = |line: &Line| {
        let mut fields = integers(line);
        fields.retain(|key, _| key.starts_with("ip6_") || key.starts_with("icmp6_"));
        fields
    };
    for groups in [vec!["ip6"], vec!["icmp6"], vec!["ip6", "icmp6"]] {
        let lines = lines_in(&netns, &table(&format!("interface_protocols = {groups:?}")), &[]);
        assert_eq!(lines.0.len(), 3);
        for line in &lines.0 {
            let name = line.tag("interface").unwrap();
            let expected = ipv6(&file(&netns, &format!("dev_snmp6/{name}")), &groups);
            assert_eq!(own(line), expected, "{groups:?} of {name}");
        }
    }
    let lines = lines_in(&netns, &table("interface_protocols = ['ip6', 'icmp6']"), &[]);
    let fields = own(lines.line("v0"));
    assert_eq!((fields["ip6_outrequests"], fields["icmp6_outmsgs"]), (5, 0), "{fields:?}");
    let fields = own(lines.line("lo"));
    assert_eq!(fields["icmp6_outtype1"], 5, "{fields:?}");
    // Each table has its own groups.
    let options = ["", "interface_protocols = ['ip6']", "interface_protocols = ['icmp6']"];
    let together = lines_in(&netns, &options.map(&table).concat(), &[]);
    let apart = options.map(|options| lines_in(&netns, &table(options), &[]).0);
    let apart = Parsed(apart.concat()).comparable(&[]);
    assert_same_lines(&together.comparable(&[]), &apart, "together, and apart");
}

#[test]
fn statistics_of_an_interface_go_on_where_its_counters_do_not() {
    if is_skipped() || is_skipped_without("tc", has("tc", "-V")) {
        return;
    }
    for (source, _) in SOURCES {
        let netns = with_ipv6();
        // With a queue of no length, what is to be sent is no packet yet.
        run(netns.command("tc").args("qdisc add dev v0 root pfifo limit 0".split(' ')));
        let options = "interface_protocols = ['ip6']\nignore_protocol_stats = true";
        let mut plugin = Follower::start(&netns, &table(options), source);
        let mut before = plugin.gather();
        for _ in 0..2 {
            send(&netns, "fd00::1", "fd00::2");
            let now = plugin.gather();
            let values = |key| [&before, &now].map(|lines| lines.line("v0").integer(key).unwrap());
            let [requests, requests_now] = values("ip6_outrequests");
            assert_eq!(requests_now, requests + 5, "{source}");
            for counter in ["packets_sent", "drop_out"] {
                let [before, now] = values(counter);
                assert_eq!(before, now, "{counter} by {source}");
            }
            before = now;
        }
    }
}

#[test]
fn without_ipv6_an_interface_has_no_statistics_of_it() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines("link add v0 type veth peer name v1\nlink set v0 mtu 1200");
    // Below 1280 bytes, there is no IPv6.
    assert!(!run(netns.command("ls").arg("/proc/net/dev_snmp6")).stdout.is_empty());
    let config = "[[inputs.net]]\ninterfaces = ['v?']\nignore_protocol_stats = true\n\
                  interface_protocols = ['ip6', 'icmp6']\n";
    let lines = lines_in(&netns, config, &[]);
    let count =
        |name: &str| lines.line(name).keys_without(&["_sent", "_recv", "_in", "_out"]).len();
    assert_eq!(count("v0"), 1, "{lines:?}");
    assert!(lines.line("v1").integer("ip6_inreceives").is_some());
}

/// The plugin in a namespace, after that is done to its `/proc`.
fn with_proc(netns: &Netns, script: &str) -> Command {
    let mut command = netns.command("unshare");
    command.args(["--mount", "sh", "-ec", &format!("{script}; exec \"$0\" \"$@\""), PLUGIN]);
    command
}

#[test]
fn where_proc_shows_nothing_but_processes_statistics_are_there_all_the_same() {
    if is_skipped() {
        return;
    }
    let netns = with_ipv6();
    // As by ProcSubset=pid of systemd.
    let subset = "mount -t proc -o subset=pid proc /proc; ! test -e /proc/net";
    for (source, log) in SOURCES {
        let config = config_file(&format!(
            "[[inputs.net]]\nsource = '{source}'\nprotocols = ['ip', 'udp', 'udp6', 'tcpext']\n"
        ));
        let [expected, lines] = ["true", subset].map(|script| {
            let mut command = with_proc(&netns, script);
            let output = run(command.args(["--once", "--config"]).arg(config.path()));
            assert_eq!(text(&output.stderr), log, "{script}");
            without_time(&output.stdout)
        });
        assert_same(&lines, &expected, source);
        let all = text(&lines.join(&b'\n'));
        assert!(all.contains(",udp_noports=") && all.contains(",tcpext_listendrops="), "{all}");
        assert!(all.contains("interface=v0 "), "{all}");
    }
    // Those of interfaces lie in a folder, which is empty then.
    let config = config_file("[[inputs.net]]\ninterface_protocols = ['ip6']\n");
    let mut command = with_proc(&netns, subset);
    let output = run(command.args(["--once", "--config"]).arg(config.path()));
    let log = text(&output.stderr);
    let warning = "\nW! interface_protocols: no interface has any: \"/proc/self/net/dev_snmp6\" is \
                   missing, as without IPv6, or empty, as by ProcSubset=pid in the unit\n";
    let has_any = text(&output.stdout).contains(",ip6_outrequests=");
    assert_eq!(log.contains(warning), !has_any, "{log}");
}

#[test]
fn statistics_that_cannot_be_had_are_told_of_once_as_loudly_as_they_were_asked_for() {
    if is_skipped() {
        return;
    }
    let netns = with_ipv6();
    let unread = |names: &str, file: &str| {
        format!(
            "protocols {names} are left out: cannot read \"/proc/net/{file}\": No such file or directory (os \
             error 2)\n"
        )
    };
    let default = unread(r#""ip", "icmp", "icmpmsg", "tcp", "udp", "udplite""#, "snmp");
    let named = format!(
        "W! {}W! {}W! interface_protocols: no interface has any: \"/proc/net/dev_snmp6\" is missing, \
         as without IPv6, or empty, as by ProcSubset=pid in the unit\n",
        unread(r#""tcp""#, "snmp"),
        unread(r#""ip6""#, "snmp6"),
    );
    for (options, expected) in [
        ("", format!("I! {default}")),
        ("ignore_protocol_stats = true\n", String::new()),
        ("protocols = ['tcp', 'ip6']\ninterface_protocols = ['ip6']\n", named),
    ] {
        let config = format!("[[inputs.net]]\ninterfaces = ['v0']\n{options}");
        let mut daemon = Daemon::start_as(with_proc(&netns, "mount -t tmpfs tmpfs /proc"), &config);
        for _ in 0..3 {
            daemon.trigger("");
            assert!(daemon.read_line().starts_with(b"net,interface=v0 "));
        }
        assert_eq!(daemon.end(), expected, "{options}");
    }
}
