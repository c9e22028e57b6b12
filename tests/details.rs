//! What `counters = "all"` and `link_state` add, against the real kernel.

#![cfg(target_os = "linux")]

mod common;

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use common::gathers::{Follower, lines_by, lines_in};
use common::line::{Line, Parsed, assert_same_lines};
use common::plugin::SOURCES;
use common::{Netns, eventually, is_skipped, run, text};

/// What only netlink tells.
const NETLINK_COUNTERS: [&str; 9] = [
    "missed_in",
    "nohandler_in",
    "length_err_in",
    "over_err_in",
    "crc_err_in",
    "aborted_err_out",
    "window_err_out",
    "heartbeat_err_out",
    "otherhost_dropped_in",
];

const COUNTERS: &str = "counters = 'all'\n";
const STATE: &str = "link_state = true\n";

/// For so long after something came or went, all is looked at again.
const QUIET: Duration = Duration::from_millis(2100);

/// A table of all interfaces with these options.
fn table(options: &str) -> String {
    format!("[[inputs.net]]\ninterfaces = ['*']\nignore_protocol_stats = true\n{options}")
}

/// The value of a file of sysfs in the namespace; `None` where the kernel refuses to tell.
fn sysfs(netns: &Netns, interface: &str, attribute: &str) -> Option<String> {
    let file = format!("/sys/class/net/{interface}/{attribute}");
    let output = netns.command("cat").arg(file).output().unwrap();
    output.status.success().then(|| text(&output.stdout).trim_end().to_owned())
}

/// A veth that sends to a host that is not there, a macvlan that hears broadcasts, and an ifb.
fn with_traffic() -> Netns {
    let netns = Netns::new();
    netns.ip_lines(
        "link set lo up
         link add v0 type veth peer name v1
         addr add 10.99.0.1/24 brd + dev v0
         link set v0 up
         link set v1 up
         link add m1 link v1 type macvlan mode bridge
         link set m1 up
         neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev v0
         link add i0 type ifb
         link set i0 up
         link add v2 type veth peer name v3",
    );
    thread::scope(|scope| {
        scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.set_broadcast(true).unwrap();
            for (address, packets) in [("10.99.0.2", 7), ("10.99.0.255", 5)] {
                for _ in 0..packets {
                    socket.send_to(b"packet", (address, 9)).unwrap();
                }
            }
        });
    });
    // A macvlan takes its time over what is for all.
    let is_heard = || sysfs(&netns, "m1", "statistics/multicast").as_deref() == Some("5");
    eventually("five broadcasts", || is_heard().then_some(()));
    netns
}

#[test]
fn all_counters_are_those_that_the_kernel_shows_elsewhere() {
    if is_skipped() {
        return;
    }
    let netns = with_traffic();
    let lines = lines_in(&netns, &table(COUNTERS), &NETLINK_COUNTERS);
    assert_eq!(lines.0.len(), 7);
    for line in &lines.0 {
        let name = line.tag("interface").unwrap();
        let statistic = |attribute: &str| {
            sysfs(&netns, &name, &format!("statistics/{attribute}"))
                .unwrap()
                .parse::<i64>()
                .unwrap()
        };
        let sum = |attributes: &[&str]| attributes.iter().copied().map(statistic).sum::<i64>();
        let frame_errors =
            ["rx_frame_errors", "rx_length_errors", "rx_over_errors", "rx_crc_errors"];
        let carrier_errors =
            ["tx_carrier_errors", "tx_aborted_errors", "tx_window_errors", "tx_heartbeat_errors"];
        let expected = [
            ("fifo_in", statistic("rx_fifo_errors")),
            ("frame_in", sum(&frame_errors)),
            ("compressed_in", statistic("rx_compressed")),
            ("multicast_in", statistic("multicast")),
            ("fifo_out", statistic("tx_fifo_errors")),
            ("collisions", statistic("collisions")),
            ("carrier_out", sum(&carrier_errors)),
            ("compressed_out", statistic("tx_compressed")),
            ("missed_in", statistic("rx_missed_errors")),
            ("nohandler_in", statistic("rx_nohandler")),
            ("length_err_in", statistic("rx_length_errors")),
            ("over_err_in", statistic("rx_over_errors")),
            ("crc_err_in", statistic("rx_crc_errors")),
            ("aborted_err_out", statistic("tx_aborted_errors")),
            ("window_err_out", statistic("tx_window_errors")),
            ("heartbeat_err_out", statistic("tx_heartbeat_errors")),
        ];
        for (field, value) in expected {
            assert_eq!(line.integer(field), Some(value), "{field} of {name}");
        }
    }
    assert_eq!(lines.line("m1").integer("multicast_in"), Some(5));
    // Linux 6.0 and later.
    let otherhost = lines.line("v1").integer("otherhost_dropped_in");
    assert!(matches!(otherhost, None | Some(7)), "{otherhost:?}");
    assert_eq!(lines.line("v0").integer("otherhost_dropped_in").unwrap_or(0), 0);
}

#[test]
fn all_counters_are_unsigned_where_the_others_are() {
    if is_skipped() {
        return;
    }
    let netns = with_traffic();
    let options = format!("{COUNTERS}influx_uint_support = true\n");
    let unsigned = lines_in(&netns, &table(&options), &NETLINK_COUNTERS);
    assert_eq!(unsigned.line("m1").field("multicast_in"), Some("5u"));
    for line in &unsigned.0 {
        for (key, value) in &line.fields {
            assert_eq!(value.ends_with('u'), key != "speed", "{key}={value}");
        }
    }
    let signed = lines_in(&netns, &table(COUNTERS), &NETLINK_COUNTERS);
    for (one, other) in unsigned.0.iter().zip(&signed.0) {
        let values = one.fields.iter().map(|(key, value)| (key.clone(), value.replace('u', "i")));
        assert_eq!(
            values.collect::<Vec<_>>(),
            other.fields.clone().into_iter().collect::<Vec<_>>()
        );
    }
}

#[test]
fn each_table_has_the_fields_that_it_asks_for() {
    if is_skipped() {
        return;
    }
    let netns = with_traffic();
    let options = ["", COUNTERS, STATE, "interface_tags = ['kind', 'master', 'mac']\n"];
    for (source, _) in SOURCES {
        let together = options.map(table).concat();
        let (together, _) = lines_by(&netns, &together, source);
        let apart: Vec<Line> = options
            .into_iter()
            .flat_map(|options| lines_by(&netns, &table(options), source).0.0)
            .collect();
        let apart = Parsed(apart);
        assert_same_lines(&together.comparable(&[]), &apart.comparable(&[]), source);
        assert_eq!(together.0.len(), 4 * 7);
    }
}

/// `ifOperStatus` of RFC 2863, in the kernel's words.
const IF_OPER_STATUS: [(&str, u32); 7] = [
    ("up", 1),
    ("down", 2),
    ("testing", 3),
    ("unknown", 4),
    ("dormant", 5),
    ("notpresent", 6),
    ("lowerlayerdown", 7),
];

/// What sysfs shows of the interface's state, as fields.
fn state_by_sysfs(netns: &Netns, name: &str) -> Vec<(&'static str, Option<String>)> {
    let number = |attribute| sysfs(netns, name, attribute).map(|value| format!("{value}i"));
    let word = |attribute| sysfs(netns, name, attribute).map(|value| format!("{value:?}"));
    let flags = sysfs(netns, name, "flags").unwrap();
    let flags = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap();
    let operstate = sysfs(netns, name, "operstate").unwrap();
    let oper_status = IF_OPER_STATUS.iter().find(|(word, _)| *word == operstate).unwrap().1;
    vec![
        ("admin_up", Some(format!("{}i", flags & 1))),
        ("admin_status", Some(format!("{}i", 2 - (flags & 1)))),
        ("oper_status", Some(format!("{oper_status}i"))),
        ("carrier", number("carrier")),
        ("operstate", word("operstate")),
        ("duplex", word("duplex")),
        ("mtu", number("mtu")),
        ("carrier_changes", number("carrier_changes")),
        ("carrier_up_count", number("carrier_up_count")),
        ("carrier_down_count", number("carrier_down_count")),
        ("tx_queue_len", number("tx_queue_len")),
        ("ifindex", number("ifindex")),
    ]
}

fn assert_states_are_those_of_sysfs(netns: &Netns, lines: &Parsed) {
    for line in &lines.0 {
        let name = line.tag("interface").unwrap();
        for (field, value) in state_by_sysfs(netns, &name) {
            assert_eq!(line.field(field), value.as_deref(), "{field} of {name}");
        }
    }
}

#[test]
fn a_links_state_is_what_sysfs_shows() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link set lo up
         link add v0 type veth peer name v1
         link set v0 up
         link set v1 up
         link add half type veth peer name half-down
         link set half up
         link add b0 type bridge mcast_snooping 0
         link set b0 up
         link add b1 type bridge mcast_snooping 0
         link add m0 link v0 type macvlan
         link set m0 up
         link add on-half link half type macvlan
         link set on-half up
         link add x0 type vxlan id 7 dstport 4789
         link set x0 up
         link add i0 index 300 type ifb
         link set i0 up
         link set v1 mtu 1234
         link set i0 txqueuelen 77
         tuntap add dev t0 mode tap
         link set t0 up
         tuntap add dev u0 mode tun",
    );
    // The kernel follows the carriers when it comes to it.
    let operstates = [
        ("v0", "up"),
        ("v1", "up"),
        ("half", "lowerlayerdown"),
        ("b0", "unknown"),
        ("m0", "up"),
        ("on-half", "lowerlayerdown"),
        ("t0", "down"),
        ("x0", "unknown"),
        ("i0", "unknown"),
    ];
    for (name, operstate) in operstates {
        let has_it = || sysfs(&netns, name, "operstate").as_deref() == Some(operstate);
        eventually(&format!("{name} is {operstate}"), || has_it().then_some(()));
    }
    let lines = lines_in(&netns, &table(STATE), &["promiscuity"]);
    assert_states_are_those_of_sysfs(&netns, &lines);
    let expected = [
        ("v0", "admin_up", Some("1i")),
        ("v0", "carrier", Some("1i")),
        ("v0", "operstate", Some("\"up\"")),
        ("v0", "oper_status", Some("1i")),
        ("v0", "admin_status", Some("1i")),
        ("v0", "duplex", Some("\"full\"")),
        // A veth cannot filter what is for the macvlan on it.
        ("v0", "promiscuity", Some("1i")),
        ("v1", "promiscuity", Some("0i")),
        ("v1", "mtu", Some("1234i")),
        ("half", "carrier", Some("0i")),
        ("half", "operstate", Some("\"lowerlayerdown\"")),
        ("half", "oper_status", Some("7i")),
        ("half", "admin_status", Some("1i")),
        // What is down has neither.
        ("half-down", "admin_up", Some("0i")),
        ("half-down", "carrier", None),
        ("half-down", "operstate", Some("\"down\"")),
        ("half-down", "oper_status", Some("2i")),
        ("half-down", "admin_status", Some("2i")),
        ("half-down", "duplex", None),
        ("u0", "carrier", None),
        ("lo", "operstate", Some("\"unknown\"")),
        ("lo", "oper_status", Some("4i")),
        ("i0", "duplex", None),
        ("i0", "tx_queue_len", Some("77i")),
        ("i0", "ifindex", Some("300i")),
    ];
    for (name, field, value) in expected {
        assert_eq!(lines.line(name).field(field), value, "{field} of {name}");
    }
}

/// How many times the interface has become another state of its carrier.
fn carrier_counts(line: &Line) -> [i64; 3] {
    ["carrier_changes", "carrier_up_count", "carrier_down_count"]
        .map(|field| line.integer(field).unwrap())
}

#[test]
fn what_comes_and_goes_between_two_gathers_shows_in_the_counts() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = Netns::new();
        netns.ip_lines(
            "link add v0 type veth peer name v1
             link set v0 up
             link set v1 up",
        );
        let mut follower = Follower::start(&netns, &table(STATE), source);
        let before = carrier_counts(follower.gather().line("v0"));
        for flaps in 1..=4 {
            if flaps % 2 == 1 {
                thread::sleep(QUIET);
            }
            netns.ip_lines(&"link set v1 down\nlink set v1 up\n".repeat(3));
            let lines = follower.gather();
            let line = lines.line("v0");
            let expected = [before[0] + flaps * 6, before[1] + flaps * 3, before[2] + flaps * 3];
            assert_eq!(carrier_counts(line), expected, "{source}");
            assert_eq!(line.field("carrier"), Some("1i"));
        }
        // The other end stays down, and then this one.
        let mut step = |changes: &str, expected: [Option<&str>; 4], operstate: &str| {
            netns.ip_lines(changes);
            let lines = follower.gather();
            let fields = ["admin_up", "carrier", "mtu", "tx_queue_len"];
            let fields = fields.map(|key| lines.line("v0").field(key));
            assert_eq!(fields, expected, "{source} after {changes}");
            eventually(&format!("{operstate} by {source} after {changes}"), || {
                let lines = follower.gather();
                (lines.line("v0").field("operstate") == Some(operstate)).then_some(())
            });
        };
        let down = "\"lowerlayerdown\"";
        step("link set v1 down", [Some("1i"), Some("0i"), Some("1500i"), Some("1000i")], down);
        let gone = "\"down\"";
        step("link set v0 down", [Some("0i"), None, Some("1500i"), Some("1000i")], gone);
        step("link set v0 mtu 999", [Some("0i"), None, Some("999i"), Some("1000i")], gone);
        let changes = "link set v1 up\nlink set v0 up\nlink set v0 txqueuelen 3";
        step(changes, [Some("1i"), Some("1i"), Some("999i"), Some("3i")], "\"up\"");
        assert_eq!(follower.end(), "");
    }
}

#[test]
fn who_wants_to_see_all_packets_shows_from_the_next_gather_on() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link add v0 type veth peer name v1
         link set v0 up
         link set v1 up
         link add v2 type veth peer name v3
         link add b0 type bridge mcast_snooping 0
         link set b0 up",
    );
    let shown = || {
        let output = run(netns.command("ip").args(["-details", "link", "show", "v0"]));
        let output = text(&output.stdout);
        let (_, behind) = output.split_once("promiscuity ").unwrap();
        behind.split_whitespace().next().unwrap().parse::<i64>().unwrap()
    };
    let mut follower = Follower::start(&netns, &table(STATE), "netlink");
    let mut procfs = Follower::start(&netns, &table(STATE), "procfs");
    let mut step = |changes: &str, expected: i64| {
        thread::sleep(QUIET);
        netns.ip_lines(changes);
        assert_eq!(shown(), expected, "ip after {changes}");
        let lines = follower.gather();
        assert_eq!(lines.line("v0").integer("promiscuity"), Some(expected), "after {changes}");
        assert_eq!(procfs.gather().line("v0").field("promiscuity"), None);
    };
    step("", 0);
    step("link set v0 promisc on", 1);
    // A second one, for whom no flag changes.
    step("link add m0 link v0 type macvlan mode passthru\nlink set m0 up", 2);
    step("link set v0 promisc off", 1);
    step("link del m0", 0);
    step("link set v0 promisc on\nlink set v0 master b0\nlink set v2 master b0", 2);
    step("link set v0 nomaster", 1);
    assert_eq!((follower.end().as_str(), procfs.end().as_str()), ("", ""));
}

#[test]
fn what_the_kernel_raises_no_event_for_shows_once_speed_refresh_has_passed() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link add v0 type veth peer name v1
         link set v0 up promisc on
         link set v1 up",
    );
    let [mut always, mut soon] = ["0s", "1s"].map(|refresh| {
        let options = format!("{STATE}speed_refresh = '{refresh}'\n");
        Follower::start(&netns, &table(&options), "netlink")
    });
    let promiscuity =
        |follower: &mut Follower| follower.gather().line("v0").integer("promiscuity").unwrap();
    assert_eq!([promiscuity(&mut always), promiscuity(&mut soon)], [1, 1]);
    thread::sleep(QUIET);
    // It has no filter for addresses, and would have to see all packets if it did not so already.
    run(netns.command("bridge").args(["fdb", "add", "02:00:00:00:00:09", "dev", "v0", "self"]));
    assert_eq!(promiscuity(&mut always), 2);
    eventually("a promiscuity of 2", || (promiscuity(&mut soon) == 2).then_some(()));
    assert_eq!((always.end().as_str(), soon.end().as_str()), ("", ""));
}
