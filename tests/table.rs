//! `--once --format table` against the real kernel.

#![cfg(target_os = "linux")]

mod common;

use std::net::UdpSocket;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::machine::Machine;
use common::plugin::config_file;
use common::tmux::Shown;
use common::{Netns, PLUGIN, eventually, is_skipped, run, text};
use telegraf_net::view::units::human;

/// The titles of numbers, and the files of sysfs that tell these.
const STATISTICS: [(&str, &str); 8] = [
    ("IN B", "rx_bytes"),
    ("OUT B", "tx_bytes"),
    ("IN PKT", "rx_packets"),
    ("OUT PKT", "tx_packets"),
    ("ERR IN", "rx_errors"),
    ("ERR OUT", "tx_errors"),
    ("DROP IN", "rx_dropped"),
    ("DROP OUT", "tx_dropped"),
];

/// The table that the command prints with that configuration.
fn table(mut command: Command, config: &str, args: &[&str]) -> Shown {
    let config = config_file(config);
    command.args(["--once", "--format", "table", "--config"]).arg(config.path()).args(args);
    command.env("LC_ALL", "C.UTF-8").env_remove("COLUMNS");
    let output = run(&mut command);
    Shown(text(&output.stdout).lines().map(str::to_owned).collect())
}

/// The line below that of an interface.
fn below<'a>(table: &'a Shown, name: &str) -> &'a str {
    let place = table.0.iter().position(|line| line.starts_with(&format!("{name} "))).unwrap();
    &table.0[place + 1]
}

#[test]
fn it_says_what_each_interface_is_and_what_the_kernel_has_counted() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link set lo up
         link add v0 type veth peer name v1
         link add v2 type veth peer name v3
         link add br0 type bridge
         link set v1 master br0
         link add m0 link v0 type macvlan
         link set v3 up
         link set v0 up
         link set v1 up
         link set br0 up
         link set m0 up
         addr add 10.99.0.1/24 dev v0
         neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev v0",
    );
    netns.ip(&["link", "set", "v0", "alias", "to the \x1b[31mswitch\n"]);
    netns.ip(&["link", "property", "add", "dev", "v0", "altname", "wan-port"]);
    thread::scope(|scope| {
        scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            for _ in 0..30 {
                socket.send_to(&[0; 1000], ("10.99.0.2", 9)).unwrap();
            }
        });
    });
    let config = "[[inputs.net]]\ninterfaces = ['*']\nprotocols = ['udp']\n";
    // The kernel takes a moment to see a carrier.
    let shown = eventually("a carrier", || {
        let shown = table(netns.command(PLUGIN), config, &["--sort", "name"]);
        let is_up = shown.row("br0")?.split_whitespace().nth(2)? == "up";
        is_up.then_some(shown)
    });
    let header = shown.0[0].split("  ").skip(2).collect::<Vec<_>>();
    assert_eq!(header, ["netlink", "7 of 7 interfaces"], "{shown:#?}");
    let names: Vec<_> = ["br0", "lo", "m0", "v0", "v1", "v2", "v3"].to_vec();
    let rows = shown.0.iter().skip(2).take_while(|line| !line.starts_with('*'));
    let rows: Vec<_> = rows.filter(|line| !line.starts_with(' ')).collect();
    let first = rows.iter().map(|row| row.split(' ').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(first, names, "{shown:#?}");
    for (name, kind, state, speed) in [
        ("br0", "bridge", "up", "10G*"),
        ("lo", "loopback", "up", "-"),
        ("m0", "macvlan", "up", "10G*"),
        ("v0", "veth", "up", "10G*"),
        ("v2", "veth", "down", "-"),
        ("v3", "veth", "lower-down", "10G*"),
    ] {
        let row = shown.row(name).unwrap();
        let words: Vec<_> = row.split_whitespace().take(4).collect();
        assert_eq!(words, [name, kind, state, speed], "{shown:#?}");
    }
    for (name, labels) in [
        ("v0", r#"  "to the \u{1b}[31mswitch\n"  altname wan-port  peer v1"#),
        ("v1", "  port of br0  peer v0"),
        ("m0", "  on v0"),
        ("v2", "  peer v3"),
    ] {
        assert_eq!(below(&shown, name), labels, "{shown:#?}");
    }
    // A bridge sends of its own accord now and then.
    eventually("a table of what the kernel has counted", || {
        let shown = table(netns.command(PLUGIN), config, &[]);
        let is_counted = |name: &&str| {
            STATISTICS.iter().all(|(title, statistic)| {
                let file = format!("/sys/class/net/{name}/statistics/{statistic}");
                let counted = text(&run(netns.command("cat").arg(file)).stdout);
                shown.cell(name, title, 0) == Some(&*human(counted.trim().parse().unwrap()))
            })
        };
        names.iter().all(is_counted).then_some(())
    });
    assert_eq!(shown.cell("v0", "OUT PKT", 0), Some("30"), "{shown:#?}");
    assert_eq!(shown.row("udp_outdatagrams"), Some("udp_outdatagrams  30"));
    assert_eq!(shown.row("udp_indatagrams"), None);
    let all = table(netns.command(PLUGIN), config, &["--all"]);
    assert!(all.row("udp_indatagrams").unwrap().ends_with(" 0"), "{all:#?}");
}

#[test]
fn with_rates_it_takes_two_readings() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link add v0 type veth peer name v1
         addr add 10.99.0.1/24 dev v0
         link set v1 up
         link set v0 up
         neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev v0",
    );
    let is_over = AtomicBool::new(false);
    let shown = thread::scope(|scope| {
        scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            while !is_over.load(Ordering::Relaxed) {
                socket.send_to(&[0; 1000], ("10.99.0.2", 9)).unwrap();
                thread::sleep(Duration::from_millis(2));
            }
        });
        // A failure must not keep the other thread.
        let shown = std::panic::catch_unwind(|| {
            let config = "[[inputs.net]]\nrates = true\nignore_protocol_stats = true\n";
            table(netns.command(PLUGIN), config, &[])
        });
        is_over.store(true, Ordering::Relaxed);
        shown.unwrap()
    });
    for (name, sends) in [("v0", true), ("v1", false)] {
        let cells = ["IN b/s", "OUT b/s", "IN p/s", "OUT p/s"]
            .map(|title| shown.cell(name, title, 0).unwrap());
        assert_eq!(cells.map(|cell| cell == "0"), [sends, !sends, sends, !sends], "{shown:#?}");
        assert!(!cells.contains(&"-"), "{shown:#?}");
    }
}

#[test]
fn other_namespaces_have_a_column() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let blue = machine.add("blue");
    let [_red, _green] = ["red", "green"].map(|name| machine.add(name));
    machine.ip_lines(
        "link add v0 type veth peer name v1
         link set v1 netns blue
         link set v0 up
         link add v2 type veth peer name v3
         link set v2 netns blue
         link set v3 netns red
         link add v4 type veth peer name v5
         link set v5 netns green",
    );
    blue.ip_lines("link set v1 up");
    let config = "[[inputs.net]]\nnamespace_include = ['', 'blue', 'red']\ninterfaces = ['v?']\nprotocols = ['ip']\n";
    let shown = table(machine.command(PLUGIN), config, &[]);
    let place = |name| shown.row(name).unwrap().split_whitespace().nth(1).unwrap();
    assert_eq!(["v0", "v1"].map(place), ["-", "blue"], "{shown:#?}");
    assert!(shown.0[1].starts_with("INTERFACE  NAMESPACE  KIND"), "{shown:#?}");
    assert_eq!(below(&shown, "v0"), "  peer v1 of namespace blue");
    assert_eq!(below(&shown, "v1"), "  peer v0 of our own namespace");
    assert_eq!(below(&shown, "v2"), "  peer v3 of namespace red");
    assert_eq!(below(&shown, "v3"), "  peer v2 of namespace blue");
    // One that is not reported has no name here.
    let unknown = below(&shown, "v4");
    assert!(
        unknown.starts_with("  peer is number ") && unknown.ends_with(" of another namespace"),
        "{unknown}"
    );
    // Nor has an interface of ours, where these are not.
    let config = config.replace("['', 'blue', 'red']", "['blue']");
    let shown = table(machine.command(PLUGIN), &config, &[]);
    let label = below(&shown, "v1");
    assert!(
        label.starts_with("  peer is number ") && label.ends_with(" of our own namespace"),
        "{label}"
    );
    assert!(shown.0.iter().any(|line| line.starts_with("PROTOCOLS of blue ")), "{shown:#?}");
}
