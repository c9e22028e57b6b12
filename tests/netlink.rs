//! Netlink follows what the real kernel does, and tells what procfs tells.

#![cfg(target_os = "linux")]

mod common;

use std::ffi::OsStr;
use std::fs;
use std::net::UdpSocket;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};
use std::thread;

use common::plugin::{
    ALL, DEFAULT, Daemon, assert_same, batch_in, names, once, once_in, parse, with_source,
    with_speeds,
};
use common::{
    Netns, ODD_NAMES, PLUGIN, eventually, has, is_skipped, is_skipped_without, run, text,
};
use rustix::process::Signal;

/// What `ip link add` is told of each kind of interface; `ID` stands for a number. No kernel has
/// all of them. Those that cannot but send of their own accord are left out, and nlmon, which counts what
/// is asked by netlink.
const KINDS: &[&str] = &[
    "bareudp dstport 663ID ethertype ipv4",
    "bond",
    "bridge mcast_snooping 0",
    "dummy",
    "erspan local 10.0.0.1 remote 10.0.1.ID seq key 1",
    "geneve id ID remote 10.0.0.3",
    "gre local 10.0.0.1 remote 10.0.2.ID",
    "gretap local 10.0.0.1 remote 10.0.3.ID",
    "ifb",
    "ip6erspan local fc00::1 remote fc00::1:ID seq key 1",
    "ip6gre local fc00::1 remote fc00::2:ID",
    "ip6gretap local fc00::1 remote fc00::3:ID",
    "ip6tnl local fc00::1 remote fc00::4:ID",
    "ipip local 10.0.0.1 remote 10.0.4.ID",
    "netkit",
    "sit local 10.0.0.1 remote 10.0.5.ID",
    "team",
    "vcan",
    "veth",
    "vrf table 9ID",
    "vti local 10.0.0.1 remote 10.0.6.ID key 1",
    "vti6 local fc00::1 remote fc00::5:ID key 1",
    "vxcan",
    "vxlan id ID dstport 4789",
    "wireguard",
    "xfrm dev base if_id ID",
];

/// The kinds that stand on another interface, and on which.
const STACKED_KINDS: &[(&str, &str)] = &[
    ("macvlan", "base"),
    ("macvtap", "base"),
    ("vlan id ID", "base"),
    // They share it with none of these.
    ("ipvlan", "other"),
    ("ipvtap", "other"),
    ("macsec sci ID", "ahead"),
];

/// The kinds that these tests require.
const REQUIRED_KINDS: &[&str] = &["bridge", "ifb", "macvlan", "tap", "tun", "veth", "vxlan"];

/// Runs `ip` with arguments that the kernel may not know, and returns whether it did.
fn try_ip(netns: &Netns, args: &str) -> bool {
    let mut command = Command::new("ip");
    let output = command.args(["-n", &netns.name]).args(args.split(' ')).output();
    output.unwrap().status.success()
}

/// Makes every kind that the kernel offers, one interface up and one down, and returns the kinds.
fn add_all_kinds(netns: &Netns) -> Vec<&'static str> {
    let mut made = Vec::new();
    let plain = KINDS.iter().map(|&args| ("link add".to_owned(), args));
    // On some that are up and have a carrier.
    let stacked =
        STACKED_KINDS.iter().map(|&(args, lower)| (format!("link add link {lower}"), args));
    let taps = ["tun", "tap"].map(|mode| ("tuntap add mode".to_owned(), mode));
    for (add, args) in plain.chain(stacked).chain(taps) {
        let kind = args.split(' ').next().unwrap();
        for (id, state) in [("1", "up"), ("2", "down")] {
            let name = format!("{kind}-{state}");
            let args = args.replace("ID", id);
            let args = match &*add {
                "tuntap add mode" => format!("{add} {args} name {name}"),
                _ => format!("{add} name {name} type {args}"),
            };
            if try_ip(netns, &args) && try_ip(netns, &format!("link set {name} {state}")) {
                made.push(kind);
            }
        }
    }
    made.dedup();
    made
}

/// A mix of all that interfaces can be, with counters that stand still, and the kinds in it.
fn add_everything(netns: &Netns) -> Vec<&'static str> {
    // Their numbers are not in the order in which they are made.
    netns.ip_lines(
        "link set lo up
         link add ahead index 90 type ifb
         link set ahead up
         link add base type veth peer name other
         addr add 10.0.0.1/24 dev base
         link set base up
         link set other up
         neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev base
         addr add 10.1.0.1/24 dev ahead
         neigh add 10.1.0.2 lladdr 02:00:00:00:00:02 dev ahead
         link add half type veth peer name half-down
         link set half up",
    );
    let kinds = add_all_kinds(netns);
    netns.ip_lines(
        "link add on-half link half type macvlan
         link set on-half up
         link add on-down link half-down type macvlan
         link add on-tap link tap-up type macvlan
         link set on-tap up
         link add on-bridge link bridge-up type macvlan
         link set on-bridge up
         link property add dev base altname alternative altname lo2 altname a,=b\\
         link property add dev tap-down altname a-name-that-is-far-longer-than-fifteen-bytes
         link set base alias interface=all,\"quoted\"",
    );
    for master in ["bridge", "bond", "team", "vrf"].into_iter().filter(|kind| kinds.contains(kind))
    {
        for state in ["up", "down"] {
            netns.ip_lines(&format!("link add in-{master}-{state} type veth"));
            try_ip(netns, &format!("link set in-{master}-{state} master {master}-up"));
            netns.ip_lines(&format!("link set in-{master}-{state} {state}"));
        }
    }
    for (number, name) in ODD_NAMES.iter().enumerate() {
        let kind = if number % 2 == 0 { "ifb" } else { "bridge mcast_snooping 0" };
        let name = OsStr::from_bytes(name);
        let mut args: Vec<_> = "link add name".split(' ').map(OsStr::new).collect();
        args.extend([name, OsStr::new("type")]);
        args.extend(kind.split(' ').map(OsStr::new));
        netns.ip(&args);
        let state = if number % 3 == 0 { "down" } else { "up" };
        netns.ip(&["link".as_ref(), "set".as_ref(), name, OsStr::new(state)]);
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            // An ifb drops what is sent to it.
            for (address, packets) in [("10.0.0.2", 7), ("127.0.0.1", 8), ("10.1.0.2", 9)] {
                for _ in 0..packets {
                    // The loopback answers that nobody listens.
                    let _ = socket.send_to(b"packet", (address, 9));
                }
            }
        });
    });
    kinds
}

#[test]
fn every_mix_of_interfaces_is_the_same_by_netlink_and_by_procfs() {
    if is_skipped() {
        return;
    }
    let patterns = "interfaces = ['*-up', 'in-{bridge,team}*', '[!a-m]*', 'l?', '\\{*', 'base']\n";
    let patterns = format!("[[inputs.net]]\n{patterns}ignore_protocol_stats = true\n");
    let configs = [
        ALL.to_owned(),
        DEFAULT.to_owned(),
        patterns.clone(),
        ALL.replace("true", "false"),
        DEFAULT.replace("true", "false"),
        format!("{patterns}{}influx_uint_support = true\n{DEFAULT}", ALL.replace("true", "false")),
    ];
    let netns = Netns::new();
    // What these know they know from events.
    let mut daemons = [ALL, DEFAULT, &patterns]
        .map(|config| (config, Daemon::start(&netns, &with_source(config, "netlink"))));
    for (_, daemon) in &mut daemons {
        assert!(daemon.gather().len() <= 1);
    }
    let mut compare = |what: &str| {
        for config in &configs {
            batch_in(&netns, config);
        }
        for (config, daemon) in &mut daemons {
            let batch = with_speeds(|| daemon.batch());
            assert_same(&batch, &batch_in(&netns, config), &format!("{what}, {config}"));
        }
    };
    let kinds = add_everything(&netns);
    compare("everything");
    let default = parse(&batch_in(&netns, DEFAULT));
    for kind in REQUIRED_KINDS {
        assert!(kinds.contains(kind), "no {kind} in {kinds:?}");
        assert!(default.contains_key(&format!("{kind}-up")), "{kind}: {:?}", names(&default));
        assert!(!default.contains_key(&format!("{kind}-down")), "{kind}: {:?}", names(&default));
    }
    assert!((default["base"]["packets_sent"], default["ahead"]["drop_in"]) == (7, 9));

    // What is down comes up, what is up goes down.
    for kind in &kinds {
        for (was, state) in [("up", "down"), ("down", "up")] {
            try_ip(&netns, &format!("link set {kind}-{was} {state}"));
        }
    }
    compare("upside down");
    // The number of a name, and the name of a number.
    netns.ip_lines(
        "link set half down
         link set half name passing
         link set other down
         link set other name half
         link set passing name other
         link set in-bridge-up nomaster
         link set in-bridge-down master bridge-down
         link set tap-down master bridge-down
         link del on-tap
         link del veth-up
         link del ahead
         link add ahead index 90 type bridge mcast_snooping 0
         link add veth-up index 791 type ifb
         link set veth-up up
         link set lo down",
    );
    compare("renamed, released, gone, made again");
    for kind in &kinds {
        try_ip(&netns, &format!("link del {kind}-up"));
    }
    compare("half gone");
    for (_, daemon) in daemons {
        assert_eq!(daemon.end(), "");
    }
}

/// Changes the interface `flip` until a plugin that is stopped loses events.
fn lose_events(netns: &Netns, daemon: &Daemon) {
    let mut changes = 0;
    while lost_events(daemon) == 0 {
        netns.ip_batch(&"link set flip up\nlink set flip down\n".repeat(500));
        changes += 1000;
        assert!(changes < 1_000_000, "the events of {changes} changes are kept");
    }
}

#[test]
fn events_that_were_lost_leave_no_trace() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link add kept0 type veth peer name kept1
         link set kept0 up
         link add renamed type ifb
         link set renamed up
         link add gone type ifb
         link set gone up
         link add again index 90 type ifb
         link set again up
         link add other-kind index 791 type ifb
         link set other-kind up
         link add flip type ifb",
    );
    for config in [ALL, DEFAULT] {
        let mut daemon = Daemon::start(&netns, config);
        assert_same(&daemon.batch(), &batch_in(&netns, config), "before");
        assert_eq!(lost_events(&daemon), 0);
        daemon.signal(Signal::STOP);
        lose_events(&netns, &daemon);
        let lost = lost_events(&daemon);
        netns.ip_lines(
            "link set kept1 up
             link set kept0 down
             link set renamed down
             link set renamed name renamed2
             link set renamed2 up
             link del gone
             link add renamed type veth peer name gone
             link set renamed up
             link del again
             link add again index 90 type ifb
             link del other-kind
             link add other-kind type ifb
             link add new-name index 791 type veth peer name new
             link set new-name up
             link set flip up",
        );
        // All of these are lost: the socket is deaf until it is read.
        assert!(lost_events(&daemon) >= lost + 15);
        daemon.signal(Signal::CONT);
        assert_same(&daemon.batch(), &batch_in(&netns, config), "after lost events");
        // And from then on it follows again.
        netns.ip_lines(
            "link set kept1 down
             link set kept0 up
             link del renamed
             link set renamed2 down
             link set renamed2 name renamed
             link set renamed up
             link add gone type ifb
             link set gone up
             link del new
             link del other-kind
             link add other-kind index 791 type ifb
             link set other-kind up
             link set again up
             link set flip down",
        );
        assert_same(&daemon.batch(), &batch_in(&netns, config), "after new events");
        assert_eq!(daemon.end(), "");
    }
}

/// How many events found no room in the plugin's socket.
fn lost_events(daemon: &Daemon) -> u64 {
    let sockets = fs::read_to_string(format!("/proc/{}/net/netlink", daemon.pid())).unwrap();
    let sockets = sockets.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // In its namespace, nobody else follows links: protocol 0, group 1.
    let followers: Vec<_> =
        sockets.filter(|columns| (columns[1], columns[3]) == ("0", "00000001")).collect();
    assert_eq!(followers.len(), 1, "{followers:?}");
    followers[0][8].parse().unwrap()
}

/// Changes the speed of a tap, of which the kernel tells nobody.
fn set_speed(netns: &Netns, tap: &str, speed_mbits: i64) {
    let mut command = netns.command("ethtool");
    command.args(["-s", tap, "speed", &speed_mbits.to_string()]);
    run(command.args(["duplex", "full", "autoneg", "off"]));
}

fn is_skipped_without_ethtool() -> bool {
    is_skipped() || is_skipped_without("ethtool", has("ethtool", "--version"))
}

#[test]
fn a_speed_that_changes_without_an_event_is_found_when_it_is_old() {
    if is_skipped_without_ethtool() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines("tuntap add tap0 mode tap\nlink set tap0 up");
    // What it is at first differs between kernels.
    set_speed(&netns, "tap0", 10_000);
    let [mut always, mut often, mut seldom] = ["0s", "100ms", "60s"]
        .map(|age| Daemon::start(&netns, &format!("{DEFAULT}speed_refresh = '{age}'\n")));
    let speed = |daemon: &mut Daemon| daemon.gather()["tap0"]["speed"];
    for daemon in [&mut always, &mut often, &mut seldom] {
        assert_eq!(speed(daemon), 10_000);
    }
    // An answer that waits for the kernel's lock looks like that of a slow driver, which is asked
    // less often: not every gather of a busy machine has the new speed at once.
    let mut at_once = 0;
    for speed_mbits in [1000, 100, 2500, 40, 10, 25_000, 5000] {
        set_speed(&netns, "tap0", speed_mbits);
        assert_eq!(once_in(&netns, DEFAULT)["tap0"]["speed"], speed_mbits);
        at_once += usize::from(speed(&mut always) == speed_mbits);
        for daemon in [&mut always, &mut often] {
            eventually("the new speed", || (speed(daemon) == speed_mbits).then_some(()));
        }
        assert_eq!(speed(&mut seldom), 10_000);
    }
    assert!(at_once > 0);
    // Any event that names it.
    netns.ip_lines("link set tap0 alias fast");
    assert_eq!(speed(&mut seldom), 5000);
    for daemon in [always, often, seldom] {
        assert_eq!(daemon.end(), "");
    }
}

/// A tap by procfs, whose driver is asked no more for as long as nothing moves.
struct Settled {
    netns: Netns,
    daemon: Daemon,
    speed_mbits: i64,
}

impl Settled {
    fn start(options: &str) -> Self {
        let netns = Netns::new();
        netns.ip_lines(
            "tuntap add tap1 mode tap
             tuntap add tap0 mode tap
             link set tap0 up
             link set tap1 up",
        );
        for tap in ["tap0", "tap1"] {
            set_speed(&netns, tap, 10_000);
        }
        let config = format!("{DEFAULT}speed_refresh = '1h'\n{options}");
        let daemon = Daemon::start(&netns, &with_source(&config, "procfs"));
        let mut settled = Self { netns, daemon, speed_mbits: 10_000 };
        settled.settle();
        settled
    }

    fn speed(&mut self, tap: &str) -> i64 {
        self.daemon.gather()[tap]["speed"]
    }

    /// Has the driver of `tap0` tell another speed, of which no event tells.
    fn change(&mut self) {
        self.speed_mbits = if self.speed_mbits == 10 { 100 } else { 10 };
        set_speed(&self.netns, "tap0", self.speed_mbits);
    }

    /// Waits until that is not noticed, as while the kernel still looks at carriers.
    fn settle(&mut self) {
        eventually("no more asking", || {
            // Another answer than before has all asked again.
            (0..2).for_each(|_| assert_ne!(self.speed("tap0"), -1));
            self.change();
            let speed_mbits = self.speed_mbits;
            (self.speed("tap0") != speed_mbits).then_some(())
        });
    }
}

#[test]
fn by_procfs_a_speed_is_asked_for_when_anything_moves_or_it_is_old() {
    if is_skipped_without_ethtool() {
        return;
    }
    let mut settled = Settled::start("");
    for change in [
        "link add other type ifb",
        "link set other up",
        "link set other down",
        "link set tap1 down",
        "link set other name another",
        "link del another",
    ] {
        settled.netns.ip_lines(change);
        let speed_mbits = settled.speed_mbits;
        assert_eq!(settled.speed("tap0"), speed_mbits, "{change}");
        // What it tells may be late, as of a bond.
        settled.change();
        let speed_mbits = settled.speed_mbits;
        assert_eq!(settled.speed("tap0"), speed_mbits, "after {change}");
        settled.settle();
    }
    let [mut always, mut often] = ["0s", "100ms"].map(|age| {
        let config = format!("{DEFAULT}speed_refresh = '{age}'\n");
        Daemon::start(&settled.netns, &with_source(&config, "procfs"))
    });
    let speed = |daemon: &mut Daemon| daemon.gather()["tap0"]["speed"];
    for speed_mbits in [1000, 100, 2500] {
        set_speed(&settled.netns, "tap0", speed_mbits);
        // Again and again, until nothing moves.
        (0..3).for_each(|_| assert_eq!(speed(&mut always), speed_mbits));
        eventually("the new speed", || (speed(&mut often) == speed_mbits).then_some(()));
        (0..3).for_each(|_| assert_eq!(speed(&mut often), speed_mbits));
    }
    assert_eq!(often.end(), "");
    assert_eq!((always.end().as_str(), settled.daemon.end().as_str()), ("", ""));
}

#[test]
fn by_procfs_a_bridge_has_the_speed_of_its_ports_of_this_moment() {
    if is_skipped_without_ethtool() || is_skipped_without("perl", has("perl", "-v")) {
        return;
    }
    let mut settled = Settled::start("");
    // A tap has a carrier while a program has it open.
    let script = r#"for (@ARGV) {
        open my $tap, "+<", "/dev/net/tun" or die;
        ioctl $tap, 0x400454ca, pack("a16 S x22", $_, 0x1002) or die;
        push @open, $tap;
    }
    <STDIN>"#;
    let mut command = settled.netns.command("perl");
    command.args(["-e", script, "tap0", "tap1"]).stdin(Stdio::piped());
    let mut open = command.spawn().unwrap();
    settled.netns.ip_lines(
        "link add bridge0 type bridge
         link set bridge0 up
         link set tap0 master bridge0",
    );
    eventually("a port", || (settled.speed("bridge0") != -1).then_some(()));
    set_speed(&settled.netns, "tap1", 40_000);
    for _ in 0..3 {
        // Until a tap is not asked again.
        settled.settle();
        assert_eq!(settled.speed("bridge0"), settled.speed_mbits);
        settled.netns.ip_lines("link set tap1 master bridge0");
        assert_eq!(settled.speed("bridge0"), 40_000);
        settled.netns.ip_lines("link set tap1 nomaster");
        assert_eq!(settled.speed("bridge0"), settled.speed_mbits);
    }
    assert_eq!(settled.daemon.end(), "");
    drop(open.stdin.take());
    open.wait().unwrap();
}

#[test]
fn by_procfs_no_interface_keeps_the_speed_of_another_one_that_had_its_name() {
    if is_skipped_without_ethtool() {
        return;
    }
    for options in ["", "rates = true\n", "interfaces = ['*']\n"] {
        let mut settled = Settled::start(options);
        // In the end all looks as before, also the order: it was the last one.
        settled.netns.ip_lines(
            "link del tap0
             tuntap add tap0 mode tap
             link set tap0 up",
        );
        let operstate = || {
            let path = "/sys/class/net/tap0/operstate";
            text(&run(settled.netns.command("cat").arg(path)).stdout)
        };
        eventually("no carrier", || (operstate() == "down\n").then_some(()));
        set_speed(&settled.netns, "tap0", 1000);
        assert_eq!(settled.speed("tap0"), 1000, "{options}");
        settled.settle();
        settled.netns.ip_lines(
            "link set tap0 name tap2
             link set tap1 name tap0
             link set tap2 name tap1",
        );
        let expected = ["tap0", "tap1"].map(|tap| once_in(&settled.netns, DEFAULT)[tap]["speed"]);
        let speeds = settled.daemon.gather();
        assert_eq!(["tap0", "tap1"].map(|tap| speeds[tap]["speed"]), expected, "{options}");
        assert_ne!(expected[0], expected[1]);
        assert_eq!(settled.daemon.end(), "");
    }
}

#[test]
fn by_procfs_who_is_up_is_known_at_every_gather() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines("link add one type ifb\nlink add other type ifb\nlink set other up");
    let mut daemon = Daemon::start(&netns, &with_source(DEFAULT, "procfs"));
    for _ in 0..3 {
        assert_eq!(names(&daemon.gather()), ["other"]);
        netns.ip_lines("link set one up");
        assert_eq!(names(&daemon.gather()), ["one", "other"]);
        netns.ip_lines("link set other down\nlink set lo up");
        assert_eq!(names(&daemon.gather()), ["one"]);
        netns.ip_lines("link set one down\nlink set other up\nlink set lo down");
    }
    assert_eq!(daemon.end(), "");
}

#[test]
fn an_event_has_the_speeds_asked_anew_of_all_that_it_concerns() {
    if is_skipped_without_ethtool() {
        return;
    }
    let netns = Netns::new();
    let daemon = Daemon::start(&netns, ALL);
    assert_speeds_are_followed(&netns, daemon);
}

#[test]
fn nobody_in_particular_follows_the_same_events_and_speeds() {
    if is_skipped_without_ethtool() {
        return;
    }
    let netns = Netns::new();
    let mut command = netns.command("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", PLUGIN]);
    let daemon = Daemon::start_as(command, &ALL.replace("true", "false"));
    assert_speeds_are_followed(&netns, daemon);
}

/// A plugin that lives through changes tells what one that is started anew tells.
fn assert_speeds_are_followed(netns: &Netns, mut daemon: Daemon) {
    let by_procfs = &with_source(ALL, "procfs");
    let mut step = |changes: &str, expected: &[(&str, i64)]| {
        netns.ip_lines(changes);
        // The kernel itself looks at carriers when it has time.
        let is_expected = |(name, speed_mbits): &(&str, i64)| {
            once(netns.command(PLUGIN), by_procfs).0[*name]["speed"] == *speed_mbits
        };
        eventually(changes, || expected.iter().all(is_expected).then_some(()));
        let batch = daemon.batch();
        assert_same(&batch, &batch_in(netns, ALL), changes);
    };
    // A bridge counts a port that has a carrier, which a tap that nobody holds has not.
    step(
        "tuntap add tap0 mode tap
         link add port type veth peer name peer",
        &[("tap0", -1), ("port", -1)],
    );
    set_speed(netns, "tap0", 10_000);
    step(
        "link set tap0 up
         link set port up
         link set peer up
         link add on-tap0 link tap0 type macvlan
         link set on-tap0 up
         link add br0 type bridge mcast_snooping 0
         link set br0 up
         link add on-br0 link br0 type macvlan
         link set on-br0 up",
        &[("tap0", 10_000), ("on-tap0", 10_000), ("br0", -1), ("on-br0", -1)],
    );
    let has_vlan = try_ip(netns, "link add on-on link on-br0 type vlan id 5");
    if has_vlan {
        step("link set on-on up", &[("on-on", -1)]);
    }
    let over_bridge = |speed_mbits| {
        let all = [("br0", speed_mbits), ("on-br0", speed_mbits), ("on-on", speed_mbits)];
        all.into_iter().take(if has_vlan { 3 } else { 2 })
    };
    let with_bridge = |speed_mbits, others: &[(&'static str, i64)]| {
        over_bridge(speed_mbits).chain(others.iter().copied()).collect::<Vec<_>>()
    };
    step("link set port master br0", &with_bridge(10_000, &[]));
    set_speed(netns, "tap0", 2500);
    step("link set tap0 alias slower", &[("tap0", 2500), ("on-tap0", 2500)]);
    // Down and up: at once, also where the speed changed meanwhile.
    step("link set port down", &with_bridge(-1, &[("port", -1)]));
    step("link set port up", &with_bridge(10_000, &[("port", 10_000)]));
    step("link set peer down", &with_bridge(-1, &[("peer", -1), ("port", 10_000)]));
    step("link set peer up", &with_bridge(10_000, &[("peer", 10_000)]));
    step("link set tap0 down", &[("tap0", -1)]);
    set_speed(netns, "tap0", 100);
    step("link set on-tap0 down\nlink set tap0 up", &[("tap0", 100), ("on-tap0", -1)]);
    step("link set on-tap0 up", &[("on-tap0", 100)]);
    set_speed(netns, "tap0", 1000);
    step("link set tap0 name renamed", &[("renamed", 1000), ("on-tap0", 1000)]);
    step("link set port nomaster", &with_bridge(-1, &[("port", 10_000)]));
    step("link set port master br0", &with_bridge(10_000, &[]));
    step("link del port", &with_bridge(-1, &[]));
    step("link del renamed", &[]);
    assert_eq!(daemon.end(), "");
}

#[test]
fn after_lost_events_an_interface_that_was_made_anew_under_its_number_has_no_rates() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link add again index 90 type ifb
         link set again up
         link add flip type ifb",
    );
    let config = "[[inputs.net]]\nsource = 'netlink'\nrates = true\n";
    let mut daemon = Daemon::start_as(netns.command(PLUGIN), config);
    let mut has_rates = |change: &dyn Fn(&Daemon)| {
        change(&daemon);
        let batch = daemon.batch();
        assert_eq!(batch.len(), 1, "{}", text(&batch.join(&b'\n')));
        text(&batch[0]).contains(",bytes_recv_rate=")
    };
    assert!(!has_rates(&|_| {}));
    // This gap is the first one, which is not too long whatever it takes.
    let lose = |daemon: &Daemon| {
        daemon.signal(Signal::STOP);
        lose_events(&netns, daemon);
        netns.ip_lines("link del again\nlink add again index 90 type ifb\nlink set again up");
        daemon.signal(Signal::CONT);
    };
    assert!(!has_rates(&lose));
    assert!(has_rates(&|_| {}));
    assert_eq!(daemon.end(), "");
}
