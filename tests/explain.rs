//! `--explain`, against the real kernel: which interfaces and network namespaces are reported, by what, and what
//! is missing here.

#![cfg(target_os = "linux")]

mod common;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Output};

use common::machine::Machine;
use common::plugin::config_file;
use common::{
    NOBODY, Netns, ODD_NAMES, PLUGIN, is_skipped, is_skipped_without, output, proc_net_dev, text,
};

/// What it tells of all interfaces, by a command that has all but the arguments. Nothing is logged.
#[track_caller]
fn explained(mut command: Command, config: &str) -> String {
    let file = config_file(config);
    let output = output(command.args(["--explain", "--config"]).arg(file.path()));
    assert_eq!((text(&output.stderr), output.status.code()), (String::new(), Some(0)));
    let told = text(&output.stdout);
    assert!(told.starts_with(&format!("{:?}: ", file.path().to_str().unwrap())), "{told}");
    told
}

/// What it tells of one interface.
fn explained_one(mut command: Command, config: &str, interface: &OsStr) -> Output {
    let file = config_file(config);
    output(command.arg("--explain").arg(interface).arg("--config").arg(file.path()))
}

/// The row of an interface or a network namespace, its columns divided by single spaces.
#[track_caller]
fn row(told: &str, start: &str) -> String {
    let rows = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut found = rows.filter(|row| row.starts_with(&format!("{start} ")));
    let row = found.next().unwrap_or_else(|| panic!("no {start} in {told}"));
    assert_eq!(found.next(), None, "{told}");
    row
}

/// What is told of options' costs: whether each is set, and the fields that it adds.
fn costs(told: &str) -> Vec<(String, bool, i64)> {
    let (_, costs) = told.split_once("\nCOSTS, about, ").unwrap_or_else(|| panic!("{told}"));
    let rows = costs.lines().skip(1).filter(|line| line.contains(" fields  ")).map(|line| {
        let (before, option) = line.split_once(" fields  ").unwrap_or_else(|| panic!("{line}"));
        let is_set = before.trim_start().starts_with("set ");
        let fields = before.rsplit(' ').next().unwrap().parse().unwrap();
        (option.to_owned(), is_set, fields)
    });
    rows.collect()
}

#[test]
fn every_interface_is_told_with_what_decides_about_it() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link set lo up
         link add eth0 type veth peer name peer0
         link set eth0 up
         link set eth0 mtu 1400
         link property add dev eth0 altname wan
         link add ifb7 type ifb
         link set ifb7 up
         link add br0 type bridge
         link set br0 up",
    );
    let told = explained(
        netns.command(PLUGIN),
        "[[inputs.net]]\ninterface_exclude = ['br*', 'docker0']\nkind_exclude = ['ifb', 'phisical']\n\
         link_state = true\nprotocols = ['udp']\n[[inputs.net]]\ninterfaces = ['p*',\n'wan', 'lo']\nprotocols = ['tcp:retrans*']\n",
    );
    assert!(told.contains("\nTABLE 1 (line 1): reports 1 of 5 interfaces with "), "{told}");
    assert!(told.contains("\nTABLE 2 (line 6): reports 2 of 5 interfaces with "), "{told}");
    let (first, second) = told.split_once("\nTABLE 2 ").unwrap();
    for (told, start, expected) in [
        (
            first,
            "source",
            "source netlink: source = \"auto\" (the default) takes it where the kernel has it, and it needs no privileges",
        ),
        (first, "namespace", "namespace our own"),
        (first, "eth0", "eth0 yes up"),
        (first, "peer0", "peer0 no down; include_down = false"),
        (first, "lo", "lo no loopback; include_loopback = false"),
        (first, "br0", "br0 no interface_exclude \"br*\" (line 2)"),
        (first, "ifb7", "ifb7 no kind_exclude \"ifb\" (line 3)"),
        (second, "peer0", "peer0 yes interfaces \"p*\" (line 7)"),
        (second, "lo", "lo yes interfaces \"lo\" (line 8)"),
        (second, "eth0", "eth0 no no entry of interfaces (line 7) matches"),
    ] {
        assert_eq!(row(told, start), expected);
    }
    for line in [
        "interface_exclude \"br*\" (line 2) matches 1 interface",
        "interface_exclude \"docker0\" (line 2) MATCHES NOTHING here",
        "kind_exclude \"phisical\" (line 3) MATCHES NOTHING here; did you mean \"physical\"?",
        "interfaces \"wan\" (line 8) MATCHES NOTHING here: \"wan\" is an alternative name of \"eth0\": write that",
        "protocols \"tcp:retrans*\" (line 9) matches 1 statistic",
        "options    link_state = true (line 4)",
        "files      \"/proc/net/snmp\" for protocols \"tcp\"",
    ] {
        let line = line.strip_prefix("options    ").unwrap_or(line);
        assert!(told.contains(line), "{line:?} is not in {told}");
    }
    // On a busy machine, a speed may not have been told yet.
    let (_, degraded) = told.split_once("\nDEGRADED").unwrap();
    assert!(!degraded.contains("\n  W! ") && !degraded.contains("\n  E! "), "{told}");
    let costs = costs(&told);
    let of = |option: &str| {
        let mut found = costs.iter().filter(|(shown, ..)| shown.starts_with(option));
        found.next().map(|(_, is_set, fields)| (*is_set, *fields))
    };
    // There and then, not all may have been measured.
    let is_complete = !told.contains("\n  the others were not measured");
    for (option, is_set, fields) in [
        // All three lines have eight counters more at least.
        ("counters = \"all\"", false, 3 * 8..100),
        ("link_state = true", true, 9..100),
        ("rates = true", false, 0..100),
        ("interface_tags = [\"kind\"]", false, 0..1),
        ("protocols = [\"udp\"]", true, 1..100),
    ] {
        match of(option) {
            Some(cost) => assert!(cost.0 == is_set && fields.contains(&cost.1), "{option}: {told}"),
            None => assert!(!is_complete, "{option}: {told}"),
        }
    }
}

#[test]
fn one_interface_is_told_of_by_its_name_whatever_bytes_that_has() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines(
        "link add eth0 type veth peer name peer0\nlink property add dev eth0 altname wan",
    );
    let config = "[[inputs.net]]\ninterfaces = ['*']\nprotocols = []\n";
    let one = |name: &[u8]| explained_one(netns.command(PLUGIN), config, OsStr::from_bytes(name));
    let of_eth0 = one(b"eth0");
    assert_eq!((text(&of_eth0.stderr), of_eth0.status.code()), (String::new(), Some(0)));
    let told = text(&of_eth0.stdout);
    let start = "\"eth0\": reported by table 1 (line 1): interfaces \"*\" (line 2)\n  its line has 9 fields: \
                 net,interface=eth0 bytes_sent=0i,";
    assert!(told.starts_with(start) && told.lines().count() == 3, "{told}");
    for (name, message) in [
        ("eht0", "; did you mean \"eth0\"? (there: \"lo\", "),
        ("wan", "\"wan\" is an alternative name of \"eth0\": ask for that\n"),
        ("nothing-like-it", "in the network namespaces that were read (there: \"lo\", "),
    ] {
        let output = one(name.as_bytes());
        let log = text(&output.stderr);
        assert!(
            log.starts_with("E! ") && log.contains(message) && log.lines().count() == 1,
            "{log}"
        );
        assert_eq!((output.stdout.len(), output.status.code()), (0, Some(1)));
    }
    for name in ODD_NAMES {
        netns.ip(&[&b"link"[..], b"add", name, b"type", b"ifb"].map(OsStr::from_bytes));
    }
    for name in ODD_NAMES {
        // As Telegraf has them, less what it trims.
        let trimmed = String::from_utf8_lossy(name).trim().to_owned();
        if trimmed.is_empty() {
            continue;
        }
        let is_trimmed = trimmed.len() != name.len() && str::from_utf8(name).is_ok();
        let output = if is_trimmed { one(trimmed.as_bytes()) } else { one(name) };
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(told.contains(": reported by table 1") && told.lines().count() == 3, "{told}");
        assert!(!told.trim_end().replace('\n', "").contains(char::is_control), "{told:?}");
    }
}

#[test]
fn many_interfaces_that_are_alike_are_folded_unless_one_is_named() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    let mut lines = String::new();
    for number in 0..60 {
        let veth = format!("veth9e{number:02x}");
        writeln!(lines, "link add {veth} type veth peer name peer{number}\nlink set {veth} up")
            .unwrap();
    }
    netns.ip_batch(&lines);
    netns.ip_lines("link add wg0 type ifb\nlink set wg0 up");
    let told = explained(netns.command(PLUGIN), "[[inputs.net]]\nprotocols = []\n");
    let folded: Vec<_> = told.lines().filter(|line| line.contains(" more like ")).collect();
    assert_eq!(folded.len(), 2, "{told}");
    assert!(folded.iter().any(|line| line.starts_with("  ... 57 more like veth9e")), "{told}");
    assert_eq!(row(&told, "wg0"), "wg0 yes up");
    assert!(told.lines().count() < 40, "{told}");
    let one = explained_one(netns.command(PLUGIN), "[[inputs.net]]\n", OsStr::new("veth9e3b"));
    assert!(text(&one.stdout).starts_with("\"veth9e3b\": reported by table 1 (line 1): up\n"));
}

#[test]
fn network_namespaces_are_told_with_what_keeps_them_out() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let [_bad, blue, _bar, _red] = ["bad", "blue", "bar", "red"].map(|name| machine.add(name));
    blue.ip_lines("link set lo up\nlink add in-blue type ifb\nlink set in-blue up");
    machine.sh("ip link set lo up");
    let none = explained(machine.command(PLUGIN), "[[inputs.net]]\n");
    let others = "\nOTHER NETWORK NAMESPACES: 4 with a name, none reported: no table has namespace_include or \
                  namespace_exclude (\"bad\", \"bar\", \"blue\", \"red\")\n";
    assert!(none.contains(others), "{none}");
    let config = "[[inputs.net]]\nnamespace_include = ['b*']\nnamespace_exclude = ['bad']\nnamespace_limit = 1\n";
    let told = explained(machine.command(PLUGIN), config);
    for (start, expected) in [
        ("1 (our own)", "1 (our own) no no entry of namespace_include matches"),
        ("1 bad", "1 bad no namespace_exclude \"bad\" (line 3)"),
        ("1 bar", "1 bar yes namespace_include \"b*\" (line 2); by netlink"),
        ("1 blue", "1 blue no namespace_limit = 1 is reached: raise it"),
        ("1 red", "1 red no no entry of namespace_include matches"),
    ] {
        assert_eq!(row(&told, start), expected);
    }
    assert!(told.contains(
        "\n  W! 1 network namespace is left out, such as \"blue\": raise namespace_limit\n"
    ));
    let told =
        explained(machine.command(PLUGIN), "[[inputs.net]]\nnamespace_include = ['', 'blue']\n");
    assert_eq!(row(&told, "blue in-blue"), "blue in-blue yes up");
    assert_eq!(row(&told, "blue lo"), "blue lo no loopback; include_loopback = false");
    assert_eq!(row(&told, "1 (our own)"), "1 (our own) yes namespace_include \"\" (line 2)");
    let one = explained_one(
        machine.command(PLUGIN),
        "[[inputs.net]]\nnamespace_include = ['blue']\n",
        OsStr::new("in-blue"),
    );
    let start = "\"in-blue\" of network namespace \"blue\": reported by table 1 (line 1): up\n";
    assert!(text(&one.stdout).starts_with(start), "{}", text(&one.stdout));

    // Who may not enter them.
    let mut nobody = machine.command(NOBODY[0]);
    nobody.args(&NOBODY[1..]).arg(PLUGIN);
    let told = explained(nobody, "[[inputs.net]]\nnamespace_include = ['blue']\n");
    let expected = "1 blue no it cannot be entered: Operation not permitted (os error 1)";
    assert_eq!(row(&told, "1 blue"), expected);
    assert!(
        told.contains("\n  W! 1 network namespace cannot be entered (CAP_SYS_ADMIN missing): "),
        "{told}"
    );
}

#[test]
fn what_files_and_limits_take_away_is_told_with_the_way_out() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    netns.ip_lines("link add eth0 type veth peer name peer0\nlink set eth0 up");
    let config = "[[inputs.net]]\nsource = 'procfs'\nkind_exclude = ['veth']\ncounters = 'all'\n";
    let told = explained(netns.command(PLUGIN), config);
    for (start, expected) in [
        (
            "source \"/proc/net/dev\":",
            "source \"/proc/net/dev\": source = \"procfs\" (line 2) says so",
        ),
        (
            "eth0",
            "eth0 yes up; its kind is not told by files, so that kind_exclude (line 3) keeps it",
        ),
    ] {
        assert_eq!(row(&told, start), expected);
    }
    for line in [
        "kind_exclude \"veth\" (line 3) matches 0 interfaces for certain: of 2 interfaces the kind is not told (kinds \
         here: not told 2, loopback 1)\n",
        "\n             \"/sys/class/net\" for flags, speeds and the like\n",
        "\n  absent     missed_in, nohandler_in, length_err_in, over_err_in, crc_err_in, aborted_err_out, \
         window_err_out, heartbeat_err_out, otherhost_dropped_in: netlink alone tells them\n",
        "\n  W! kinds of veth, macvlan and ifb are unknown without netlink: kind_exclude keeps them",
        "\n  I! table 1: by files there are no kinds of most interfaces (veth, macvlan, ifb ...), no altname, ",
        ": leave source = \"procfs\" out, if that matters\n",
    ] {
        assert!(told.contains(line), "{line:?} is not in {told}");
    }

    // Another host's files.
    let host = tempfile::tempdir().unwrap();
    fs::create_dir_all(host.path().join("1/net")).unwrap();
    fs::write(host.path().join("1/net/dev"), proc_net_dev(1)).unwrap();
    let mut command = Command::new(PLUGIN);
    command.env("HOST_PROC", host.path()).env("HOST_SYS", host.path());
    let told = explained(command, "[[inputs.net]]\n");
    let source = format!(
        "source {:?}: source = \"auto\" (the default) would take netlink, which cannot be used: cannot look at {:?}",
        host.path().join("1/net/dev"),
        host.path().join("1/ns/net")
    );
    assert!(row(&told, "source").starts_with(&source), "{told}");
    let namespace = format!("namespace the host's, that of process 1 in {:?}", host.path());
    assert_eq!(row(&told, "namespace"), namespace);
    assert!(told.contains(&format!("  host_proc = {:?} (HOST_PROC)\n", host.path())), "{told}");
    assert!(told.contains("\n  I! protocols \"ip\", \"icmp\", \"icmpmsg\", \"tcp\", \"udp\", \"udplite\" are left out: "));
    let expected = "if0 yes whether it is up cannot be told here, so that it is reported";
    assert_eq!(row(&told, "if0"), expected);

    // As many files as it takes for a few namespaces.
    let machine = Machine::new();
    let names: Vec<_> = (0..12).map(|number| format!("cni{number:02}")).collect();
    let _named: Vec<_> = names.iter().map(|name| machine.add(name)).collect();
    let mut command = machine.command("prlimit");
    command.args(["--nofile=48:48", PLUGIN]);
    let told = explained(command, "[[inputs.net]]\nnamespace_include = ['cni*']\n");
    assert_eq!(
        row(&told, "1 cni00"),
        "1 cni00 yes namespace_include \"cni*\" (line 2); by netlink"
    );
    let expected = "1 cni11 no no open files are left for it: raise their limit (LimitNOFILE)";
    assert_eq!(row(&told, "1 cni11"), expected);
    assert!(told.contains(": raise the limit of open files (LimitNOFILE)\n"), "{told}");
}

#[test]
fn a_proc_that_hides_processes_and_names_without_a_namespace_are_told() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    machine.sh("mkdir -p /run/netns && touch -d '1 hour ago' /run/netns/plain");
    let mut hide = machine.command("mount");
    let hide = hide.args(["-t", "proc", "-o", "hidepid=2", "proc", "/proc"]).status();
    if is_skipped_without("hidepid", hide.unwrap().success()) {
        return;
    }
    let mut nobody = machine.command(NOBODY[0]);
    nobody.args(&NOBODY[1..]).arg(PLUGIN);
    let config = "[[inputs.net]]\nnamespace_include = ['*']\nnamespace_discovery = 'processes'\n";
    let told = explained(nobody, config);
    for line in [
        "\n  W! \"/proc\" hides the processes of other users (hidepid), and so their network namespaces: needs \
         CAP_SYS_PTRACE, or a /proc that is mounted without hidepid\n",
        "\n  W! 1 name has no network namespace, such as \"/run/netns/plain\", which is a plain file: where its folder \
         is mounted into a container, mount it with propagation",
    ] {
        assert!(told.contains(line), "{line:?} is not in {told}");
    }
}
