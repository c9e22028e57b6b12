//! Netlink follows what the real kernel does, and tells what procfs tells.

mod common;

use std::ffi::OsStr;
use std::net::UdpSocket;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;
use std::thread;

use common::plugin::{ALL, DEFAULT, Daemon, assert_same, batch_in, names, parse, with_source};
use common::{Netns, ODD_NAMES, is_skipped};

/// What `ip link add` is told of each kind of interface; `ID` stands for a number. No kernel has
/// all of them. Those that cannot but send of their own accord are left out.
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
    "nlmon",
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

/// The kinds that stand on another interface.
const STACKED_KINDS: &[&str] =
    &["ipvlan", "ipvtap", "macsec sci ID", "macvlan", "macvtap", "vlan id ID"];

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
    let plain = KINDS.iter().map(|args| ("link add", args));
    // On one that is up and has a carrier, one that has none, and one that is stacked itself.
    let stacked = STACKED_KINDS.iter().map(|args| ("link add link base", args));
    let taps = ["tun", "tap"].iter().map(|mode| ("tuntap add mode", mode));
    for (add, args) in plain.chain(stacked).chain(taps) {
        let kind = args.split(' ').next().unwrap();
        for (id, state) in [("1", "up"), ("2", "down")] {
            let name = format!("{kind}-{state}");
            let args = args.replace("ID", id);
            let args = match add {
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
    if is_skipped("every_mix_of_interfaces_is_the_same_by_netlink_and_by_procfs") {
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
            assert_same(&daemon.batch(), &batch_in(&netns, config), &format!("{what}, {config}"));
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
         link add veth-up index 91 type ifb
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
