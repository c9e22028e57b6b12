//! Which interfaces are reported, against the real kernel: by names, kinds and states.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use common::gathers::{Follower, lines_by};
use common::line::Parsed;
use common::plugin::{Daemon, SOURCES, config_file, with_source};
use common::{Netns, PLUGIN, is_skipped, run, text};

/// A table with these options, which reports one protocol statistic, so that there is a line always.
fn table(options: &str) -> String {
    format!("[[inputs.net]]\nprotocols = ['ip:defaultttl']\n{options}\n")
}

/// The interfaces' names.
fn sorted_names(lines: &Parsed) -> Vec<String> {
    let mut names = lines.names();
    names.retain(|name| name != "all");
    names.sort();
    names
}

/// Fails unless exactly these are reported by that source. `has_kinds` says whether kinds of the
/// kernel are named, few of which procfs tells, which it then says.
fn assert_reported(netns: &Netns, options: &str, has_kinds: bool, source: &str, expected: &[&str]) {
    let (lines, log) = lines_by(netns, &table(options), source);
    let mut expected = expected.to_vec();
    expected.sort_unstable();
    assert_eq!(sorted_names(&lines), expected, "{options} by {source}");
    let is_warned =
        log.starts_with("W! kinds of veth, macvlan and ifb are unknown without netlink: ");
    assert_eq!(is_warned, has_kinds && source == "procfs", "{options} by {source}: {log}");
    assert_eq!(log.lines().count(), 1 + usize::from(is_warned), "{log}");
}

fn assert_reported_by_both(netns: &Netns, options: &str, expected: &[&str]) {
    for (source, _) in SOURCES {
        assert_reported(netns, options, false, source, expected);
    }
}

/// One of each, up, and some that are down.
fn many_kinds() -> Netns {
    let netns = Netns::new();
    netns.ip_lines(
        "link set lo up
         link add v0 type veth peer name v1
         link set v0 up
         link set v1 up
         link add v2 type veth peer name v3
         link add b0 type bridge mcast_snooping 0
         link set b0 up
         link add b1 type bridge mcast_snooping 0
         link add m0 link v0 type macvlan
         link set m0 up
         link add x0 type vxlan id 7 dstport 4789
         link set x0 up
         link add i0 type ifb
         link set i0 up
         tuntap add dev t0 mode tap
         link set t0 up
         tuntap add dev u0 mode tun",
    );
    netns
}

#[test]
fn excluded_names_are_left_out_of_a_list_and_of_the_default() {
    if is_skipped() {
        return;
    }
    let netns = many_kinds();
    let cases: [(&str, &[&str]); 5] = [
        ("interface_exclude = []", &["v0", "v1", "b0", "m0", "x0", "i0", "t0"]),
        ("interface_exclude = ['v*', 'b0', 'none']", &["m0", "x0", "i0", "t0"]),
        ("interfaces = ['v*', 'lo']\ninterface_exclude = ['v[12]', 'l?']", &["v0", "v3"]),
        ("interfaces = ['v0']\ninterface_exclude = ['v0']", &[]),
        ("interface_exclude = ['*']", &[]),
    ];
    for (options, expected) in cases {
        assert_reported_by_both(&netns, options, expected);
    }
}

#[test]
fn those_that_are_down_and_loopbacks_are_reported_by_default_when_asked_for() {
    if is_skipped() {
        return;
    }
    let netns = many_kinds();
    let up = ["v0", "v1", "b0", "m0", "x0", "i0", "t0"];
    let down = ["v2", "v3", "b1", "u0"];
    let (with_down, with_lo) = ([up.as_slice(), &down].concat(), [up.as_slice(), &["lo"]].concat());
    let both = "include_down = true\ninclude_loopback = true";
    assert_reported_by_both(&netns, "include_down = false\ninclude_loopback = false", &up);
    assert_reported_by_both(&netns, "include_down = true", &with_down);
    assert_reported_by_both(&netns, "include_loopback = true", &with_lo);
    assert_reported_by_both(&netns, both, &[with_down.as_slice(), &["lo"]].concat());
    // A list says it all.
    let list = format!("interfaces = ['v2', 'b0', 'lo']\n{}", both.replace("true", "false"));
    assert_reported_by_both(&netns, &list, &["v2", "b0", "lo"]);
    // A loopback that is down is both.
    netns.ip_lines("link set lo down");
    assert_reported_by_both(&netns, "include_loopback = true", &up);
    assert_reported_by_both(&netns, "include_down = true", &with_down);
    assert_reported_by_both(&netns, both, &[with_down.as_slice(), &["lo"]].concat());
}

#[test]
fn kinds_are_the_kernels_by_netlink_and_what_sysfs_tells_by_procfs() {
    if is_skipped() {
        return;
    }
    let netns = many_kinds();
    let not_lo = ["v0", "v1", "v2", "v3", "b0", "b1", "m0", "x0", "i0", "t0", "u0"];
    let all = [not_lo.as_slice(), &["lo"]].concat();
    // What it is, whatever the source.
    let cases: [(&str, &[&str]); 8] = [
        ("interfaces = ['*']\nkind_include = []", &all),
        ("interfaces = ['*']\nkind_include = ['virtual']", &not_lo),
        ("interfaces = ['*']\nkind_include = ['loopback']", &["lo"]),
        ("interfaces = ['*']\nkind_include = ['physical']", &[]),
        ("interfaces = ['*']\nkind_exclude = ['virtual']", &["lo"]),
        ("interfaces = ['*']\nkind_exclude = ['loopback', 'physical']", &not_lo),
        // By default no loopback, even if its kind is asked for.
        ("kind_include = ['loopback']", &[]),
        ("kind_include = ['loopback']\ninclude_loopback = true", &["lo"]),
    ];
    for (options, expected) in cases {
        assert_reported_by_both(&netns, options, expected);
    }
    let some = "interfaces = ['*']\nkind_include = ['{br*,vx?an}', 'loopback']";
    let mixed = "interfaces = ['?0', 'lo']\nkind_include = ['br*', 't??']\nkind_exclude = ['tun']";
    let cases: [(&str, &[&str], &[&str]); 7] = [
        ("kind_include = ['bridge', 'tun']", &["b0", "t0"], &["b0", "t0"]),
        (some, &["b0", "b1", "x0", "lo"], &["b0", "b1", "x0", "lo"]),
        (mixed, &["b0"], &["b0"]),
        // What only netlink tells.
        ("kind_include = ['veth']", &["v0", "v1"], &[]),
        ("kind_include = ['veth', 'vxlan']", &["v0", "v1", "x0"], &["x0"]),
        ("kind_include = ['*']", &["v0", "v1", "b0", "m0", "x0", "i0", "t0"], &["b0", "x0", "t0"]),
        (
            "kind_exclude = ['veth', 'macvlan', 'ifb', 'tun']",
            &["b0", "x0"],
            &["v0", "v1", "b0", "m0", "x0", "i0"],
        ),
    ];
    for (options, by_netlink, by_procfs) in cases {
        assert_reported(&netns, options, true, "netlink", by_netlink);
        assert_reported(&netns, options, true, "procfs", by_procfs);
    }
}

#[test]
fn what_is_on_a_bus_is_physical() {
    if is_skipped() {
        return;
    }
    // Those of the machine itself, which tests do not change.
    let interfaces = fs::read_dir("/sys/class/net").unwrap().map(|entry| entry.unwrap().path());
    let on_bus = interfaces.filter(|interface| interface.join("device").exists());
    let expected: BTreeSet<_> =
        on_bus.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    for (source, _) in SOURCES {
        for (option, is_reported) in [("include", true), ("exclude", false)] {
            let options = format!("interfaces = ['*']\nkind_{option} = ['physical']");
            let file = config_file(&with_source(&table(&options), source));
            let output = run(Command::new(PLUGIN).args(["--once", "--config"]).arg(file.path()));
            let names: BTreeSet<_> =
                sorted_names(&Parsed::of(&output.stdout)).into_iter().collect();
            let found: BTreeSet<_> = names.intersection(&expected).cloned().collect();
            if is_reported {
                assert_eq!(names, expected, "{option} by {source}");
            } else {
                assert!(found.is_empty() && names.contains("lo"), "{names:?} by {source}");
            }
        }
    }
}

#[test]
fn names_and_kinds_are_followed_as_they_change() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = Netns::new();
        let options = "kind_exclude = ['bridge']\ninterface_exclude = ['no*']\ninclude_down = true";
        let mut follower = Follower::start(&netns, &table(options), source);
        let mut step = |change: &str, expected: &[&str]| {
            netns.ip_lines(change);
            let names = sorted_names(&follower.gather());
            assert_eq!(names, expected, "{source} after {change}");
        };
        step("", &[]);
        step("link add a0 type vxlan id 7 dstport 4789\nlink add b0 type bridge", &["a0"]);
        step("link set a0 name no-a0", &[]);
        step("link set no-a0 name a1", &["a1"]);
        step("link del a1\nlink add a1 type bridge", &[]);
        step("link del a1\nlink add a1 type vxlan id 8 dstport 4789", &["a1"]);
        step("link del b0\nlink add b0 type ifb", &["a1", "b0"]);
        step("link set b0 name b1\nlink set a1 name b0", &["b0", "b1"]);
        // By procfs, the first line is the warning.
        let log = follower.end();
        assert!(
            log.is_empty() || log.starts_with("I! reading counters ") && log.lines().count() == 1,
            "{log}"
        );
    }
}

/// What a plugin logs in two gathers behind the line on its source.
fn log_of_two_gathers(netns: &Netns, config: &str) -> Vec<String> {
    let mut daemon = Daemon::start_as(netns.command(PLUGIN), config);
    for _ in 0..2 {
        daemon.trigger("");
        while !daemon.read_line().starts_with(b"net,interface=all ip_defaultttl=") {}
    }
    let log = daemon.end_and_tell_all();
    log.lines()
        .filter(|line| !line.starts_with("I! reading counters "))
        .map(str::to_owned)
        .collect()
}

#[test]
fn entries_that_match_nothing_are_told_once_with_what_may_be_meant() {
    if is_skipped() {
        return;
    }
    let netns = many_kinds();
    netns.ip_lines("link property add dev v0 altname wan0");
    let interface = "matches no interface at the start (line 3 of the configuration)";
    let kind = "matches no interface's kind at the start (line 3 of the configuration)";
    let [netlink, procfs] = ["netlink", "procfs"];
    let both = &[netlink, procfs][..];
    for (options, sources, expected) in [
        ("interfaces = ['v[01]', 'lo']", both, String::new()),
        (
            "interfaces = ['wan0', 'v0']",
            &[netlink],
            format!("interfaces \"wan0\" {interface}: \"wan0\" is an alternative name of \"v0\": write that"),
        ),
        (
            "interface_exclude = ['wan*']",
            &[netlink],
            format!("interface_exclude \"wan*\" {interface}: \"wan0\" is an alternative name of \"v0\": write that"),
        ),
        (
            "interfaces = ['v0, lo', 'b0']",
            both,
            format!("interfaces \"v0, lo\" {interface}: write each as an entry of its own, \"v0\", \"lo\""),
        ),
        (
            "interfaces = ['b0', '/^v/']",
            both,
            format!("interfaces \"/^v/\" {interface}: it is no regular expression but a pattern such as \"eth*\""),
        ),
        (
            "interfaces = ['b0', '$IFACE']",
            both,
            format!("interfaces \"$IFACE\" {interface}: a variable is written ${{IFACE}}"),
        ),
        (
            "interfaces = ['LO', 'b0']",
            both,
            format!("interfaces \"LO\" {interface}; did you mean \"lo\"?"),
        ),
        ("interface_exclude = ['eth9']", both, format!("interface_exclude \"eth9\" {interface}")),
        (
            "kind_include = ['phisical', 'virtual']",
            &[netlink],
            format!("kind_include \"phisical\" {kind}; did you mean \"physical\"?"),
        ),
        ("kind_exclude = ['physical']", &[netlink], format!("kind_exclude \"physical\" {kind}")),
        (
            "kind_exclude = ['VETH']",
            &[netlink],
            format!("kind_exclude \"VETH\" {kind}; did you mean \"veth\"?"),
        ),
        // A kind of which there is none yet; and files do not tell.
        ("kind_exclude = ['wireguard']", &[netlink], format!("kind_exclude \"wireguard\" {kind}")),
        ("kind_exclude = ['VETH']", &[procfs], String::new()),
        (
            "namespace_include = ['', 'nosuch']",
            &[netlink],
            "namespace_include \"nosuch\" matches no network namespace at the start (line 3 of the \
             configuration)"
                .into(),
        ),
        (
            "protocols = ['ip:defaultttl', 'tcp:retrnssegs']",
            both,
            "protocols \"tcp:retrnssegs\" matches no statistic at the start (line 3 of the \
             configuration); did you mean \"tcp:retranssegs\"?"
                .into(),
        ),
        // They come with the first message of their type.
        ("protocols = ['ip:defaultttl', 'icmpmsg', 'icmp6:outtype*']", both, String::new()),
    ] {
        for &source in sources {
            let protocols = "protocols = ['ip:defaultttl']\n";
            let protocols = if options.starts_with("protocols") { "" } else { protocols };
            let config = format!("[[inputs.net]]\nsource = '{source}'\n{options}\n{protocols}");
            let mut log = log_of_two_gathers(&netns, &config);
            // That procfs tells few kinds is said elsewhere.
            log.retain(|line| !line.starts_with("W! kinds of "));
            let expected = Some(expected.clone()).filter(|line| !line.is_empty());
            let expected: Vec<_> = expected.map(|line| format!("I! {line}")).into_iter().collect();
            assert_eq!(log, expected, "{options} by {source}");
        }
    }
}

#[test]
fn of_many_entries_that_match_nothing_eight_are_told_and_how_many_more_there_are() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    let names: Vec<_> = (0..20).map(|number| format!("'none{number}'")).collect();
    let log = log_of_two_gathers(&netns, &table(&format!("interfaces = [{}]", names.join(", "))));
    assert_eq!(log.len(), 9, "{log:?}");
    assert!(log.iter().take(8).all(|line| line.contains(" matches no interface ")), "{log:?}");
    assert_eq!(log[8], "I! 12 more entries of the configuration match nothing");
}

#[test]
fn what_two_tables_write_is_told_once_and_only_where_it_is_the_same_series() {
    if is_skipped() {
        return;
    }
    let netns = many_kinds();
    let interface = |names: &str| {
        format!(
            "W! tables {names} under the same tags, so that its fields are written twice: leave it \
                 out of one of them by interface_exclude"
        )
    };
    let last = "[[inputs.net]]\ninterface_exclude = ['*']\nprotocols = ['ip:defaultttl']\n";
    for (tables, expected) in [
        (
            vec!["interfaces = ['v*']\nprotocols = []", "interfaces = ['b0']\nprotocols = []"],
            vec![],
        ),
        (
            vec![
                "interfaces = ['v[12]']\nprotocols = []",
                "interfaces = ['v2', 'b0']\nprotocols = []",
            ],
            vec![interface("1 and 2 both report \"v2\"")],
        ),
        (
            vec!["interfaces = ['b0']\nprotocols = []", "protocols = []", "protocols = []"],
            vec![interface("1 and 2 both report \"b0\"")],
        ),
        // Other tags make another series, and other fields are written once.
        (
            vec![
                "interfaces = ['v0']\nprotocols = ['tcp', 'ip:forwarding']",
                "interfaces = ['v0']\ninterface_tags = ['kind']\nprotocols = ['udp']",
            ],
            vec![],
        ),
        (
            vec![
                "interfaces = ['v0']\nprotocols = ['tcp']",
                "interfaces = ['v1']\nprotocols = ['tcp:rto*']",
            ],
            vec![
                "W! tables 1 and 2 both write \"tcp_rtoalgorithm\" of the line interface=all: set \
                 ignore_protocol_stats = true in one of them"
                    .to_owned(),
            ],
        ),
    ] {
        let config = tables.iter().map(|table| format!("[[inputs.net]]\n{table}\n"));
        let config = config.collect::<Vec<_>>().concat() + last;
        assert_eq!(log_of_two_gathers(&netns, &config), expected, "{tables:?}");
    }
}

#[test]
fn nothing_to_report_says_what_leaves_all_out() {
    if is_skipped() {
        return;
    }
    let netns = many_kinds();
    netns.ip_lines("link set lo down");
    for (options, expected) in [
        (
            "interface_exclude = ['v*']\nkind_exclude = ['bridge', 'macvlan', 'vxlan', 'ifb', 'tun']",
            "all 12 interfaces are left out (1 loopback, 4 down, 2 in interface_exclude, 5 in \
             kind_exclude)",
        ),
        ("interfaces = ['none']", "all 12 interfaces are left out (12 not in interfaces)"),
        (
            "kind_include = ['wireguard']\ninclude_down = true\ninclude_loopback = true",
            "all 12 interfaces are left out (12 not in kind_include)",
        ),
        ("namespace_include = ['nosuch', 'b*']", "no namespace matches \"nosuch\", \"b*\""),
    ] {
        let config =
            config_file(&format!("[[inputs.net]]\nignore_protocol_stats = true\n{options}\n"));
        let mut command = netns.command(PLUGIN);
        command.args(["--once", "--config"]).arg(config.path()).stdin(Stdio::null());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let expected =
            format!("E! nothing to report: {expected}, and no protocol statistics are asked for");
        assert_eq!(text(&output.stderr).lines().last(), Some(expected.as_str()), "{options}");
    }
}
