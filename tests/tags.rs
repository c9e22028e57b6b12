//! The tags that `interface_tags` adds, against the real kernel.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use common::gathers::{Follower, lines_by, lines_in};
use common::line::{Line, Parsed, assert_same_lines};
use common::plugin::{SOURCES, assert_same, batch_in, config_file, with_source};
use common::{Netns, PLUGIN, is_skipped, run, text};

const ALL_TAGS: &str = "interface_tags = ['alias', 'altname', 'mac', 'kind', 'master', 'lower', \
                        'driver', 'namespace']\n";

/// A table of all interfaces with these options.
fn table(options: &str) -> String {
    format!("[[inputs.net]]\ninterfaces = ['*']\nignore_protocol_stats = true\n{options}")
}

/// The tags of a line, less the interface's name.
fn tags(line: &Line) -> Vec<(&str, String)> {
    let tags = line.tags.iter().filter(|(key, _)| *key != "interface");
    tags.map(|(key, value)| (key.as_str(), text(value))).collect()
}

#[test]
fn an_interface_has_the_tags_that_it_has_properties_for() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link add v0 address 02:00:00:00:00:10 type veth peer name v1 address 02:00:00:00:00:11
         link set v0 up
         link add b0 address 02:00:00:00:00:20 type bridge mcast_snooping 0
         link set v0 master b0
         link set v0 alias uplink
         link property add dev v0 altname to-the-switch altname a,b=c
         link add m0 link v1 address 02:00:00:00:00:30 type macvlan
         link add x0 address 02:00:00:00:00:40 type vxlan id 7 dstport 4789 dev v1
         link add lower_v1 address 02:00:00:00:00:50 type ifb
         link add m1 link lower_v1 address 02:00:00:00:00:60 type macvlan
         tuntap add dev u0 mode tun
         link set u0 alias tunnel",
    );
    let only_one = table("interface_tags = ['mac']\n");
    let lines = lines_in(&netns, &only_one, &[]);
    assert_eq!(tags(lines.line("v0")), [("mac", "02:00:00:00:00:10".into())]);
    // A loopback's address is none, a tun has none.
    assert_eq!((tags(lines.line("lo")), tags(lines.line("u0"))), (vec![], vec![]));

    let lines = lines_in(&netns, &table(ALL_TAGS), &["altname", "kind"]);
    let expected: [(&str, &[(&str, &str)]); 9] = [
        ("lo", &[("kind", "loopback")]),
        (
            "v0",
            &[
                ("alias", "uplink"),
                ("altname", "to-the-switch,a,b=c"),
                ("kind", "veth"),
                ("mac", "02:00:00:00:00:10"),
                ("master", "b0"),
            ],
        ),
        // The other end of a pair is nothing that it lies upon.
        ("v1", &[("kind", "veth"), ("mac", "02:00:00:00:00:11")]),
        ("b0", &[("kind", "bridge"), ("mac", "02:00:00:00:00:20")]),
        ("m0", &[("kind", "macvlan"), ("lower", "v1"), ("mac", "02:00:00:00:00:30")]),
        ("x0", &[("kind", "vxlan"), ("lower", "v1"), ("mac", "02:00:00:00:00:40")]),
        ("lower_v1", &[("kind", "ifb"), ("mac", "02:00:00:00:00:50")]),
        ("m1", &[("kind", "macvlan"), ("lower", "lower_v1"), ("mac", "02:00:00:00:00:60")]),
        ("u0", &[("alias", "tunnel"), ("kind", "tun")]),
    ];
    assert_eq!(lines.0.len(), expected.len());
    for (name, expected) in expected {
        // Our own namespace has a name, which is told because it is asked for.
        let expected = [expected, &[("namespace", &netns.name)]].concat();
        let expected: Vec<_> =
            expected.iter().map(|(key, value)| (*key, (*value).into())).collect();
        assert_eq!(tags(lines.line(name)), expected, "{name}");
    }
    // Some kinds procfs tells.
    let (lines, _) = lines_by(&netns, &table(ALL_TAGS), "procfs");
    let kinds: Vec<_> = lines
        .0
        .iter()
        .filter_map(|line| Some((line.tag("interface")?, line.tag("kind")?)))
        .collect();
    let kinds: BTreeMap<_, _> = kinds.iter().map(|(name, kind)| (&**name, &**kind)).collect();
    let known = [("b0", "bridge"), ("lo", "loopback"), ("u0", "tun"), ("x0", "vxlan")];
    assert_eq!(kinds, BTreeMap::from(known));
    // Nothing else has to ask for flags, and the loopback may have any name.
    netns.ip_lines("link set lo name lp");
    let config = "interface_tags = ['kind']\n";
    let lines = lines_in(&netns, &table(config), &["kind"]);
    assert_eq!(tags(lines.line("lp")), [("kind", "loopback".into())]);
    let (lines, _) = lines_by(&netns, &table(config), "procfs");
    assert_eq!(tags(lines.line("lp")), [("kind", "loopback".into())]);
}

#[test]
fn what_is_asked_for_twice_is_told_once() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines("link add b0 address 02:00:00:00:00:20 type bridge mcast_snooping 0");
    let lines = |tags: &str, protocols: &str, of_interfaces: &str| {
        let config = format!(
            "[[inputs.net]]\ninterfaces = ['*']\ninterface_tags = [{tags}]\n\
             protocols = [{protocols}]\ninterface_protocols = [{of_interfaces}]\n"
        );
        batch_in(&netns, &config)
    };
    let once = lines("'mac', 'kind', 'namespace'", "'tcp', 'udp'", "'ip6'");
    let twice = lines(
        "'mac', 'kind', 'mac', 'namespace', 'kind', 'mac', 'namespace'",
        "'tcp', 'tcp:retrans*', 'udp', 'TCP', 'udp:*'",
        "'ip6', 'ip6'",
    );
    assert_same(&once, &twice, "once, and twice");
    assert_eq!(once.len(), 3);
}

#[test]
fn the_machines_own_devices_have_drivers_and_are_physical() {
    if is_skipped() {
        return;
    }
    // Those of the machine itself, which tests do not change.
    let driver = |name: &str| {
        let link = fs::read_link(format!("/sys/class/net/{name}/device/driver")).ok()?;
        Some(text(link.file_name()?.as_bytes()))
    };
    for (source, _) in SOURCES {
        let config = with_source(&table("interface_tags = ['driver', 'kind']\n"), source);
        let file = config_file(&config);
        let output = run(Command::new(PLUGIN).args(["--once", "--config"]).arg(file.path()));
        for line in &Parsed::of(&output.stdout).0 {
            let name = line.tag("interface").unwrap();
            // Others' tests may make and remove interfaces without one.
            assert_eq!(line.tag("driver"), driver(&name), "{name} by {source}");
            let is_physical = line.tag("kind").as_deref() == Some("physical");
            assert_eq!(is_physical, driver(&name).is_some(), "{name} by {source}");
        }
    }
}

/// Sets the alias of an interface, of any bytes but NUL.
fn set_alias(netns: &Netns, name: &str, alias: &[u8]) {
    let args = ["link", "set", "dev", name, "alias"].map(OsStr::new);
    netns.ip(&[args.as_slice(), &[OsStr::from_bytes(alias)]].concat());
}

#[test]
fn a_port_of_a_bridge_whose_address_stays_has_its_master_at_once() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = Netns::new();
        netns.ip_lines(
            "link add b0 address 02:00:00:00:00:99 type bridge
             link add v0 type veth peer name v1",
        );
        let mut plugin = Follower::start(&netns, &table("interface_tags = ['master']\n"), source);
        let mut master = |change: &str| {
            netns.ip_lines(change);
            plugin.gather().line("v0").tag("master")
        };
        assert_eq!(master(""), None, "{source}");
        assert_eq!(master("link set v0 master b0").as_deref(), Some("b0"), "{source}");
        assert_eq!(master("link set v0 nomaster"), None, "{source}");
    }
}

#[test]
fn any_alias_reaches_telegraf() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines("link add i0 type ifb");
    let long = [b"x".repeat(250), b", =".to_vec()].concat();
    // What is set, and what Telegraf reads, if anything.
    let cases: [(&[u8], Option<&[u8]>); 21] = [
        (b"plain", Some(b"plain")),
        (b"to the switch, port=7", Some(b"to the switch, port=7")),
        (b" between spaces ", Some(b" between spaces ")),
        (b",", Some(b",")),
        (b"a=b interface=all", Some(b"a=b interface=all")),
        (b"\"quoted\" 'too'", Some(b"\"quoted\" 'too'")),
        (br"back\slash", Some(br"back\slash")),
        (br"a\,b\=c\ d", Some(br"a\,b\=c\ d")),
        (br"a\\,b", Some(br"a\\,b")),
        // A tag's value cannot end in backslashes.
        (br"at the end\", Some(b"at the end")),
        (br"\\\", None),
        // It cannot hold a line break either, which would be another line.
        (b"two\nlines value=1i", Some(b"two lines value=1i")),
        (b"cr\r\nlf", Some(b"cr  lf")),
        // Nor a tab, a vertical tab or a form feed, which Telegraf takes for the end of it.
        (b"tab\tff\x0cand\x01\x7f", Some(b"tab ff and\x01\x7f")),
        (b"a\x0bx\\=\"", Some(b"a x\\=\"")),
        (br#"to \"core\" switch"#, Some(br#"to \"core\" switch"#)),
        (br#"to\"core\"switch"#, Some(br#"to\"core\"switch"#)),
        ("größe 🦀 \u{3000}".as_bytes(), Some("größe 🦀 \u{3000}".as_bytes())),
        (b"no utf-8 \xff\xc3", Some(b"no utf-8 \xff\xc3")),
        (&long, Some(&long)),
        (b"", None),
    ];
    let config = table("interface_tags = ['alias']\nrates = true\n");
    let mut followers = SOURCES.map(|(source, _)| Follower::start(&netns, &config, source));
    for (alias, expected) in cases {
        set_alias(&netns, "i0", alias);
        let lines = lines_in(&netns, &config, &[]);
        let expected = expected.map(<[u8]>::to_vec);
        assert_eq!(lines.line("i0").tags.get("alias"), expected.as_ref(), "{:?}", text(alias));
        assert_eq!(lines.line("lo").tags.get("alias"), None);
        assert_eq!(lines.names().len(), 2);
        for follower in &mut followers {
            let lines = follower.gather();
            assert_eq!(lines.line("i0").tags.get("alias"), expected.as_ref(), "{:?}", text(alias));
        }
    }
    for follower in followers {
        assert_eq!(follower.end(), "");
    }
}

#[test]
fn names_of_other_interfaces_are_tags_whatever_their_bytes() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    for (number, name) in common::ODD_NAMES.iter().enumerate() {
        let name = OsStr::from_bytes(name);
        let (upper, port, other) =
            (format!("upper{number}"), format!("port{number}"), format!("other{number}"));
        let ip = |before: &str, after: &str| {
            let words = |text: &str| {
                text.split_whitespace().map(|word| OsStr::new(word).to_owned()).collect::<Vec<_>>()
            };
            let mut args = words(before);
            args.push(name.to_owned());
            args.extend(words(after));
            netns.ip(&args);
        };
        ip("link add name", "type bridge mcast_snooping 0");
        ip(&format!("link add {upper} link"), "type macvlan");
        netns.ip_lines(&format!("link add {port} type veth peer name {other}"));
        ip(&format!("link set dev {port} master"), "");
    }
    let lines = lines_in(&netns, &table("interface_tags = ['master', 'lower']\n"), &[]);
    for (number, name) in common::ODD_NAMES.iter().enumerate() {
        let end = name.iter().rposition(|&byte| byte != b'\\').map_or(0, |last| last + 1);
        let expected = (end > 0).then(|| name[..end].to_vec());
        let lower = lines.line(&format!("upper{number}")).tags.get("lower");
        assert_eq!(lower, expected.as_ref(), "{:?}", text(name));
        let master = lines.line(&format!("port{number}")).tags.get("master");
        assert_eq!(master, expected.as_ref(), "{:?}", text(name));
    }
}

#[test]
fn a_change_of_a_tag_shows_in_the_next_gather() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = Netns::new();
        netns.ip_lines(
            "link add v0 type veth peer name v1
             link add b0 type bridge mcast_snooping 0
             link add b1 type bridge mcast_snooping 0
             link add m0 link v1 type macvlan",
        );
        let config = table(ALL_TAGS);
        let mut follower = Follower::start(&netns, &config, source);
        let mut step = |changes: &str, name: &str, tag: &str, expected: Option<&str>| {
            netns.ip_lines(changes);
            let lines = follower.gather();
            let value = lines.line(name).tag(tag);
            let is_told = source == "netlink" || tag != "altname";
            let expected = expected.filter(|_| is_told);
            assert_eq!(value.as_deref(), expected, "{tag} of {name} by {source} after {changes}");
            // One that is started anew tells the same of all of them.
            let (anew, _) = lines_by(&netns, &config, source);
            let what = format!("{source} after {changes}");
            assert_same_lines(&lines.comparable(&[]), &anew.comparable(&[]), &what);
        };
        step("", "v0", "alias", None);
        step("link set v0 alias one", "v0", "alias", Some("one"));
        step("link set v0 alias two", "v0", "alias", Some("two"));
        step("link property add dev v0 altname long-name", "v0", "altname", Some("long-name"));
        step("link property add dev v0 altname x", "v0", "altname", Some("long-name,x"));
        step("link property del dev v0 altname long-name", "v0", "altname", Some("x"));
        step("link set v0 address 02:00:00:00:00:07", "v0", "mac", Some("02:00:00:00:00:07"));
        step("link set v0 master b0", "v0", "master", Some("b0"));
        step("link set v0 up", "v0", "master", Some("b0"));
        step("link set b0 name c0", "v0", "master", Some("c0"));
        step("link set v0 master b1", "v0", "master", Some("b1"));
        step("link set v0 nomaster", "v0", "master", None);
        step("link set v1 name w1", "m0", "lower", Some("w1"));
        // Another one by the name that the lower one had.
        step("link add v1 type ifb", "m0", "lower", Some("w1"));
        step("link set v0 name v2", "v2", "alias", Some("two"));
        step("link del v1\nlink add v0 type ifb", "v0", "alias", None);
        step("link set b1 alias other", "b1", "alias", Some("other"));
        let (kind, other) = match source {
            "netlink" => (Some("ifb"), Some("veth")),
            _ => (None, None),
        };
        step("link del b1\nlink add b1 type ifb", "b1", "kind", kind);
        step("link del b1\nlink add b1 type bridge", "b1", "kind", Some("bridge"));
        step("", "b1", "alias", None);
        step("", "v2", "kind", other);
        assert_eq!(follower.end(), "");
    }
}

#[test]
fn another_namespaces_interfaces_have_the_same_tags() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link add v0 type veth peer name v1
         link add b0 type bridge mcast_snooping 0
         link set v0 master b0
         link set v0 alias uplink
         link property add dev v0 altname alternative
         link add m0 link v1 type macvlan",
    );
    let inside = lines_in(&netns, &table(ALL_TAGS), &["altname", "kind"]);
    let outside = Netns::new();
    let options = format!("{ALL_TAGS}namespace_include = ['{}']\n", netns.name);
    let (from_outside, _) = lines_by(&outside, &table(&options), "netlink");
    for line in from_outside.0.iter().chain(&inside.0) {
        assert_eq!(line.tag("namespace").as_deref(), Some(netns.name.as_str()));
    }
    let (from_outside, inside) = (from_outside.comparable(&[]), inside.comparable(&[]));
    assert_same_lines(&from_outside, &inside, "from outside, and inside");
}
