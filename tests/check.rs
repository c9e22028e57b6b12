//! `--check`, against the real kernel and real files: what its lines say, and its exit status.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::machine::Machine;
use common::{NOBODY, Netns, PLUGIN, is_skipped, output, proc_net_dev, text};
use tempfile::TempDir;

/// Two interfaces that are up, one that is down, and the loopback.
fn namespace() -> Netns {
    let netns = Netns::new();
    netns.ip_lines("link set lo up\nlink add eth0 type veth peer name eth1\nlink set eth0 up\nlink set eth1 up");
    netns.ip_lines("link add ifb7 type ifb");
    netns
}

/// A folder that everybody may look into, with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let all = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path(), all).unwrap();
    for (name, content) in files {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }
    folder
}

/// What a check tells, of which nothing is logged, and its exit status.
#[derive(Debug)]
struct Checked {
    told: String,
    status: i32,
}

impl Checked {
    #[track_caller]
    fn of(command: &mut Command) -> Self {
        let output = output(command.env_remove("HOST_PROC").env_remove("HOST_SYS"));
        assert_eq!(text(&output.stderr), "");
        let (told, status) = (text(&output.stdout), output.status.code().unwrap());
        assert!(
            told.lines().last().unwrap().starts_with(&format!("exit status {status}: ")),
            "{told}"
        );
        assert_eq!(told.lines().any(|line| line.starts_with("FAIL")), status == 1, "{told}");
        Self { told, status }
    }

    /// The lines that do not say that all is well.
    fn bad(&self) -> Vec<&str> {
        let is_bad = |line: &&str| line.starts_with("WARN") || line.starts_with("FAIL");
        self.told.lines().filter(is_bad).collect()
    }

    #[track_caller]
    fn assert_bad(&self, expected: &[String]) {
        let bad = self.bad();
        let is_as_expected = bad.len() == expected.len()
            && bad.iter().zip(expected).all(|(line, start)| line.starts_with(start));
        assert!(is_as_expected, "expected {expected:#?}, and is\n{}", self.told);
    }
}

/// Checks a configuration in that namespace.
#[track_caller]
fn check(netns: &Netns, config: &Path) -> Checked {
    Checked::of(netns.command(PLUGIN).args(["--check", "--config"]).arg(config))
}

#[test]
fn a_configuration_of_which_nothing_is_wrong_is_told_as_it_was_understood() {
    if is_skipped() {
        return;
    }
    let folder =
        folder(&[("a.conf", "[[inputs.net]]\n  interfaces = [\"eth*\"]\n  rates = true\n")]);
    let config = folder.path().join("a.conf");
    let checked = check(&namespace(), &config);
    assert_eq!((checked.status, checked.bad()), (0, vec![]), "{}", checked.told);
    for line in [
        &format!("ok    {config:?}: 1 table, no mistakes"),
        "        interfaces             line 2     [\"eth*\"]",
        "        rates                  line 3     true",
        "        source                 default    \"auto\"",
        "exit status 0: nothing was found that would be lost",
    ] {
        assert!(checked.told.lines().any(|one| one == line), "{line:?} is not in {}", checked.told);
    }
    let start = "ok    table 1: netlink: source = \"auto\" (the default) takes it where the kernel has it, and it \
                 needs no privileges; reports 2 of 4 interfaces, and ";
    assert!(checked.told.contains(start), "{}", checked.told);
    assert!(
        checked.told.contains("\n      2 not reported: no entry of interfaces (line 2) matches\n")
    );
}

#[test]
fn a_mistake_is_an_error_in_the_log_and_status_2() {
    let folder = folder(&[
        ("a.conf", "[[inputs.net]]\ninterfacess = []\n"),
        ("good.conf", "[[inputs.net]]\n"),
    ]);
    let at = |name: &str| folder.path().join(name);
    for (arguments, message) in [
        (
            vec![at("a.conf")],
            format!("E! {:?}: line 2: \"interfacess\" is not an option", at("a.conf")),
        ),
        (vec![at("none.conf")], format!("E! cannot read {:?}: No such file", at("none.conf"))),
        (
            vec![at("good.conf"), "--telegraf".into(), at("none.conf")],
            format!("E! cannot read {:?}: No such file", at("none.conf")),
        ),
    ] {
        let output = output(Command::new(PLUGIN).args(["--check", "--config"]).args(arguments));
        let log = text(&output.stderr);
        assert!(log.starts_with(&message) && log.lines().count() == 1, "{log}");
        assert_eq!((output.stdout.len(), output.status.code()), (0, Some(2)));
    }
    for other in [&[][..], &["--once"], &["--explain"], &["--convert", "x"], &["--watch"]] {
        let output = output(Command::new(PLUGIN).args(["--telegraf", "x"]).args(other));
        assert!(text(&output.stderr).contains("--check"), "{}", text(&output.stderr));
        assert_eq!((output.stdout.len(), output.status.code()), (0, Some(2)));
    }
}

#[test]
fn what_matches_nothing_and_what_does_nothing_is_told_with_its_line() {
    if is_skipped() {
        return;
    }
    let netns = namespace();
    netns.ip_lines("link property add dev eth0 altname wan");
    let config = "[[inputs.net]]\ninterfaces = ['eth0',\n'eht1', 'wan', '$IFACE']\ninclude_down = true\n\
                  namespace_limit = 5\ninterface_tags = ['alias']\n\
                  [[inputs.net]]\nkind_include = ['phisical', 'veth']\nprotocols = ['tcp']\n\
                  ignore_protocol_stats = true\n";
    let folder = folder(&[("a.conf", config)]);
    let config = folder.path().join("a.conf");
    let checked = check(&netns, &config);
    let at = |line: usize, text: &str| format!("WARN  {config:?} line {line}: {text}");
    checked.assert_bad(&[
        at(4, "include_down does nothing beside interfaces: a list of interfaces reports those that are down too"),
        at(5, "namespace_limit does nothing where no other network namespaces are reported: "),
        at(6, "interface_tags \"alias\": no line has that tag now"),
        at(9, "protocols does nothing beside ignore_protocol_stats = true: leave one of them out"),
        at(3, "interfaces \"eht1\" matches no interface here; did you mean \"eth1\"?"),
        at(3, "interfaces \"wan\" matches no interface here: \"wan\" is an alternative name of \"eth0\": write that"),
        at(3, "interfaces \"$IFACE\" matches no interface here: a variable is written ${IFACE}"),
        at(8, "kind_include \"phisical\" matches no interface's kind here; did you mean \"physical\"?"),
        "WARN  tables 1 and 2 both report \"eth0\" under the same tags, so that its fields are written twice: ".into(),
    ]);
    assert_eq!(checked.status, 0);
    // As the log of the plugin itself says.
    let log = text(&output(netns.command(PLUGIN).args(["--once", "--config"]).arg(&config)).stderr);
    for line in checked.bad().iter().filter(|line| line.contains(" matches no ")) {
        let (_, said) = line.split_once(": ").unwrap();
        let (entry, hint) = said.split_once(" here").unwrap();
        let expected = format!("I! {entry} at the start (line ");
        assert!(
            log.lines().any(|one| one.starts_with(&expected) && one.ends_with(hint)),
            "{line}: {log}"
        );
    }
}

#[test]
fn what_reports_nothing_fails() {
    if is_skipped() {
        return;
    }
    let folder = folder(&[(
        "a.conf",
        "[[inputs.net]]\ninterfaces = ['none']\nignore_protocol_stats = true\n",
    )]);
    let config = folder.path().join("a.conf");
    let checked = check(&namespace(), &config);
    checked.assert_bad(&[
        "WARN  table 1: netlink: ".into(),
        format!("FAIL  {config:?}: nothing to report: all 4 interfaces are left out (4 not in interfaces), and no "),
        format!("WARN  {config:?} line 2: interfaces \"none\" matches no interface here"),
    ]);
    // With statistics, there is something.
    fs::write(&config, "[[inputs.net]]\ninterfaces = ['none']\n").unwrap();
    assert_eq!(check(&namespace(), &config).status, 0);
}

#[test]
fn namespaces_capabilities_and_limits_are_those_of_the_user_that_it_runs_as() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let names: Vec<_> = (0..12).map(|number| format!("cni{number:02}")).collect();
    let _named: Vec<_> = names.iter().map(|name| machine.add(name)).collect();
    machine.sh("ip link set lo up");
    let folder = folder(&[(
        "a.conf",
        "[[inputs.net]]\nnamespace_include = ['', 'cni*']\ninclude_loopback = true\ninclude_down = true\n",
    )]);
    let config = folder.path().join("a.conf");
    let as_with = |by: &[&str]| {
        let mut command = machine.command(by[0]);
        Checked::of(command.args(&by[1..]).args([PLUGIN, "--check", "--config"]).arg(&config))
    };
    let root = as_with(&["env"]);
    assert_eq!((root.status, root.bad()), (0, vec![]), "{}", root.told);
    for line in [
        "ok    CAP_SYS_ADMIN is there, for entering network namespaces\n",
        "ok    open files: other network",
    ] {
        assert!(root.told.contains(line), "{}", root.told);
    }
    assert!(
        root.told.contains("; capabilities: CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH"),
        "{}",
        root.told
    );
    let selects = |count: usize| {
        format!(
            "FAIL  {config:?} line 2: table 1 selects 12 other network namespaces, of which {count} are not reported, \
             such as "
        )
    };
    let missing = "WARN  CAP_SYS_ADMIN is missing, which entering network namespaces takes: ";
    for (more, whoami, way_out, why) in [
        (
            &[][..],
            "; capabilities: none of use\n",
            "give Telegraf's service ambient ones (AmbientCapabilities=), as docs/NAMESPACES.md says",
            "CAP_SYS_ADMIN missing",
        ),
        (
            &["--no-new-privs"],
            "; capabilities: none of use; NoNewPrivs is set\n",
            "NoNewPrivs is set, so that setcap on this file has no effect: give Telegraf's service ambient ones",
            "CAP_SYS_ADMIN missing",
        ),
        (
            &["--bounding-set=-sys_admin", "--inh-caps=-sys_admin"],
            "; capabilities: none of use\n",
            "the bounding set lacks it, as by CapabilityBoundingSet= or without cap-add: allow it there",
            "needs CAP_SYS_ADMIN, which the bounding set lacks, as by",
        ),
    ] {
        let checked = as_with(&[&NOBODY[..], more].concat());
        checked.assert_bad(&[
            selects(12),
            format!("{missing}{way_out}"),
            format!("WARN  12 network namespaces cannot be entered ({why}"),
        ]);
        assert_eq!(checked.status, 1);
        assert!(
            checked.told.contains(whoami)
                && checked.told.contains("\nok    looked at as user 65534 on Linux ")
        );
        assert!(
            checked.told.contains(
                "\n      12: it cannot be entered: Operation not permitted (os error 1)\n"
            )
        );
    }
    let ambient = [&NOBODY[..], &["--inh-caps=+sys_admin", "--ambient-caps=+sys_admin"]].concat();
    let ambient = as_with(&ambient);
    assert_eq!((ambient.status, ambient.bad()), (0, vec![]), "{}", ambient.told);

    let limited = as_with(&["prlimit", "--nofile=56:56"]);
    let bad = limited.bad();
    assert!(
        bad[0].starts_with("FAIL  ") && bad[0].contains(": table 1 selects 12 other "),
        "{}",
        limited.told
    );
    assert!(
        bad[1].starts_with("FAIL  open files: other network namespaces take about "),
        "{}",
        limited.told
    );
    assert!(
        limited.told.contains(": no open files are left for it: raise their limit (LimitNOFILE)\n")
    );
    assert!(limited.told.contains("\nok    looked at as user 0 on Linux "), "{}", limited.told);
}

#[test]
fn what_cannot_be_read_here_is_told_with_the_way_out() {
    let folder = folder(&[
        (
            "a.conf",
            "[[inputs.net]]\nkind_exclude = ['veth']\nspeed_refresh = '10s'\nlink_state = true\n",
        ),
        ("host/1/net/dev", &proc_net_dev(1)),
        ("telegraf.d/plugin.conf", "[[inputs.net]]\n"),
    ]);
    let at = |name: &str| folder.path().join(name);
    let mut command = Command::new(PLUGIN);
    command.args(["--check", "--config"]).arg(at("a.conf"));
    let output = output(command.env("HOST_PROC", at("host")).env("HOST_SYS", at("host")));
    let told = text(&output.stdout);
    assert_eq!((text(&output.stderr), output.status.code()), (String::new(), Some(0)), "{told}");
    for line in [
        format!("\n        host_proc              HOST_PROC  {:?}\n", at("host")),
        format!("\nWARN  {:?} line 3: speed_refresh does nothing by files", at("a.conf")),
        format!("\nWARN  {:?} line 4: no line has the fields carrier_changes, carrier_up_count, ", at("a.conf")),
        "\nWARN  table 1: by files there are no kinds of most interfaces (veth, macvlan, ifb ...), ".into(),
        "\nWARN  kinds of veth, macvlan and ifb are unknown without netlink: ".into(),
        "\nWARN  protocols \"ip\", \"icmp\", \"icmpmsg\", \"tcp\", \"udp\", \"udplite\" are left out: cannot read ".into(),
    ] {
        assert!(told.contains(&line), "{line:?} is not in {told}");
    }
    let within = Checked::of(
        Command::new(PLUGIN).args(["--check", "--config"]).arg(at("telegraf.d/plugin.conf")),
    );
    let expected = format!(
        "\nWARN  {:?} lies in a folder telegraf.d, where Telegraf reads it too, so that its own inputs.net reports",
        at("telegraf.d/plugin.conf")
    );
    assert!(within.told.contains(&expected), "{}", within.told);
}

/// A `telegraf.conf` whose block runs the plugin with that file, in lines 4 to 8.
fn telegraf_conf(config: &Path) -> String {
    let config = config.to_str().unwrap();
    format!(
        "[agent]\n  interval = \"10s\"\n\n[[inputs.execd]]\n  command = [{PLUGIN:?}, \"--config\", {config:?}]\n  \
         signal = \"STDIN\"\n  data_format = \"influx\"\n  precision = \"1s\"\n"
    )
}

#[test]
fn the_block_for_the_plugin_is_checked_too() {
    if is_skipped() {
        return;
    }
    let netns = namespace();
    let folder = folder(&[("a.conf", "[[inputs.net]]\n"), ("other.conf", "[[inputs.net]]\n")]);
    let at = |name: &str| folder.path().join(name);
    let (config, conf) = (at("a.conf"), at("telegraf.conf"));
    let well = telegraf_conf(&config);
    let check = |text: &str, telegraf: PathBuf| {
        fs::write(&conf, text).unwrap();
        let mut command = netns.command(PLUGIN);
        Checked::of(
            command.args(["--check", "--config"]).arg(&config).arg("--telegraf").arg(telegraf),
        )
    };
    let checked = check(&well, conf.clone());
    assert_eq!((checked.status, checked.bad()), (0, vec![]), "{}", checked.told);
    let line = format!(
        "\nok    {conf:?} line 4: [[inputs.execd]] with signal \"STDIN\", precision \"1s\", every 10s\n"
    );
    assert!(checked.told.contains(&line), "{}", checked.told);
    for (part, other, status, expected) in [
        (
            "  signal = \"STDIN\"\n",
            "",
            1,
            &[
                "FAIL line 4: [[inputs.execd]] has no signal: nothing will ever be asked for; add signal = \"STDIN\"",
            ][..],
        ),
        (
            "\"10s\"",
            "\"200ms\"",
            1,
            &["FAIL line 8: precision = \"1s\" with interval = \"200ms\" ("],
        ),
        (
            "[agent]",
            "[[inputs.net]]\n[agent]",
            0,
            &["WARN line 1: [[inputs.net]] is still there: interfaces "],
        ),
        ("a.conf\"]", "other.conf\"]", 0, &["WARN line 5: the plugin reads "]),
        ("a.conf\"]", "none.conf\"]", 1, &["FAIL line 5: --config "]),
        (
            "\"influx\"",
            "\"json\"",
            1,
            &["FAIL line 7: data_format = \"json\" cannot read what the plugin writes"],
        ),
        (
            "\"10s\"",
            "${INTERVAL}",
            0,
            &[
                "WARN line 2: the variable \"${INTERVAL}\" stands",
                "WARN line 2: the variable \"${INTERVAL}\" is not set here, so that interval was",
            ],
        ),
        ("\"10s\"", "", 1, &["FAIL line 2: not valid TOML: "]),
    ] {
        let checked = check(&well.replacen(part, other, 1), conf.clone());
        let expected: Vec<_> = expected
            .iter()
            .map(|line| line.replacen(" line", &format!("  {conf:?} line"), 1))
            .collect();
        checked.assert_bad(&expected);
        assert_eq!(checked.status, status, "{}", checked.told);
    }
    // Variables are those of this environment.
    let with_variable = well.replacen("\"STDIN\"", "\"${SIGNAL}\"", 1);
    fs::write(&conf, &with_variable).unwrap();
    let mut command = netns.command("env");
    command.args(["SIGNAL=STDIN", PLUGIN, "--check", "--config"]).arg(&config);
    assert_eq!(Checked::of(command.arg("--telegraf").arg(&conf)).status, 0);
    // What lies in the folder beside it, or in the folder itself.
    fs::create_dir(at("telegraf.d")).unwrap();
    fs::write(at("telegraf.d/net.conf"), "[[inputs.net]]\n").unwrap();
    fs::write(at("telegraf.d/net.off"), "[[inputs.net]]\n").unwrap();
    let twice =
        [format!("WARN  {:?} line 1: [[inputs.net]] is still there: ", at("telegraf.d/net.conf"))];
    for telegraf in [conf.clone(), at("telegraf.d")] {
        check(&well, telegraf).assert_bad(&twice);
    }
    // Without a block, one is shown.
    fs::remove_file(at("telegraf.d/net.conf")).unwrap();
    let checked = check("[[inputs.cpu]]\n", conf.clone());
    checked.assert_bad(&[format!("FAIL  no [[inputs.execd]] runs this plugin in {conf:?}: add")]);
    let block = format!(
        "        command = [{PLUGIN:?}, \"--config\", {config:?}]\n        signal = \"STDIN\"\n"
    );
    assert!(checked.told.contains(&block), "{}", checked.told);
    // The plugin's own configuration among Telegraf's.
    fs::write(at("telegraf.d/a.conf"), "[[inputs.net]]\nrates = true\n").unwrap();
    let within = at("telegraf.d/a.conf");
    fs::write(&conf, telegraf_conf(&within)).unwrap();
    let mut command = netns.command(PLUGIN);
    command.args(["--check", "--config"]).arg(&within).arg("--telegraf").arg(&conf);
    Checked::of(&mut command).assert_bad(&[
        format!("WARN  {within:?} lies in a folder telegraf.d"),
        format!("FAIL  {within:?} line 2: Telegraf reads this file too, and does not start, for its own inputs.net "),
    ]);
}

#[test]
fn filters_are_compared_with_what_the_configuration_reports() {
    if is_skipped() {
        return;
    }
    let netns = namespace();
    let folder = folder(&[]);
    let at = |name: &str| folder.path().join(name);
    let (config, conf) = (at("a.conf"), at("telegraf.conf"));
    let failed = |options: &str, filters: &str| {
        fs::write(&config, format!("[[inputs.net]]\n{options}\n")).unwrap();
        fs::write(&conf, format!("{}{filters}\n", telegraf_conf(&config))).unwrap();
        let mut command = netns.command(PLUGIN);
        command.args(["--check", "--config"]).arg(&config).arg("--telegraf").arg(&conf);
        let checked = Checked::of(&mut command);
        let bad = checked.bad();
        assert_eq!(bad.len(), usize::from(checked.status == 1), "{filters}: {}", checked.told);
        bad.first().map(|line| (*line).to_owned())
    };
    for (filters, option) in [
        ("fieldinclude = ['oper_status']", "link_state = true"),
        ("fieldinclude = ['*_rate']", "rates = true"),
        ("fieldpass = ['multicast_in']", "counters = 'all'"),
        ("fieldinclude = ['ip6_*']\nfieldexclude = ['bytes_*']", "interface_protocols = ['ip6']"),
        ("tagpass = { kind = ['v*'] }", "interface_tags = ['kind']"),
        (
            "tagpass = { interface = ['all'] }\ntagdrop = { interface = ['l*'] }",
            "protocols = ['tcp']",
        ),
    ] {
        let without = "ignore_protocol_stats = true";
        let with = if option.starts_with("protocols") { "" } else { without };
        let line = failed(without, filters).unwrap();
        assert!(line.starts_with("FAIL ") && line.contains(" here"), "{filters}: {line}");
        assert_eq!(failed(&format!("{with}\n{option}"), filters), None, "{filters}");
    }
    let both = "fieldinclude = ['bytes_*']\nfieldexclude = ['b*']";
    assert!(failed("", both).unwrap().contains(": fieldinclude leaves no field of what"));
    let both = "tagpass = { interface = ['eth*'] }\ntagdrop = { interface = ['e*', 'x'] }";
    assert!(failed("", both).unwrap().contains(": tagpass leaves nothing of what"));
}

#[test]
fn a_program_that_telegraf_cannot_start_is_told() {
    if is_skipped() {
        return;
    }
    let netns = namespace();
    let folder = folder(&[("a.conf", "[[inputs.net]]\n"), ("telegraf-net", "")]);
    let at = |name: &str| folder.path().join(name);
    let (config, conf, program) = (at("a.conf"), at("telegraf.conf"), at("telegraf-net"));
    let mode = |mode| fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
    let checked = |first: &Path| {
        let started = format!("{first:?}");
        let text = telegraf_conf(&config).replacen(&format!("{PLUGIN:?}"), &started, 1);
        fs::write(&conf, text).unwrap();
        let mut command = netns.command("env");
        command.arg(format!("PATH={}", folder.path().display())).arg(PLUGIN);
        command.args(["--check", "--config"]).arg(&config).arg("--telegraf").arg(&conf);
        Checked::of(&mut command)
    };
    let other = |start: &str| [format!("WARN  {conf:?} line 5: {start}")];
    let failed = |start: &str| [format!("FAIL  {conf:?} line 5: {start}")];
    for first in [&program, Path::new("telegraf-net")] {
        mode(0o755);
        checked(first).assert_bad(&other(&format!("{first:?} is another file than this program")));
    }
    mode(0o644);
    checked(&program).assert_bad(&failed(&format!("{program:?} may not be executed by this user")));
    checked(Path::new("telegraf-net"))
        .assert_bad(&other("\"telegraf-net\" is in no folder of PATH here"));
    fs::remove_file(&program).unwrap();
    checked(&program)
        .assert_bad(&failed(&format!("{program:?} is not there: Telegraf does not start")));
    fs::create_dir(&program).unwrap();
    checked(&program)
        .assert_bad(&failed(&format!("{program:?} is a folder, or no file, and no program")));
}

#[test]
fn of_one_file_of_a_folder_it_is_said_that_the_others_were_not_looked_at() {
    let folder = folder(&[("a.conf", "[[inputs.net]]\n")]);
    let at = |name: &str| folder.path().join(name);
    let conf = at("telegraf.d/further/net.conf");
    fs::create_dir_all(conf.parent().unwrap()).unwrap();
    fs::write(&conf, telegraf_conf(&at("a.conf"))).unwrap();
    let looked_at = |telegraf: &Path| {
        let mut command = Command::new(PLUGIN);
        command.args(["--check", "--config"]).arg(at("a.conf")).arg("--telegraf").arg(telegraf);
        let checked = Checked::of(&mut command);
        assert!(checked.told.contains(&format!("\nok    {conf:?} line 4: ")), "{}", checked.told);
        !checked.told.contains(&format!("\nWARN  {conf:?}: only this file was looked at, and "))
    };
    assert!(!looked_at(&conf));
    assert!(looked_at(&at("telegraf.d")));
    fs::write(at("telegraf.conf"), "").unwrap();
    assert!(looked_at(&at("telegraf.conf")));
}

#[test]
fn what_the_block_adds_to_the_environment_counts() {
    let folder = folder(&[
        ("a.conf", "[[inputs.net]]\ninterfaces = ['${NAME}']\n"),
        ("host/1/net/dev", &proc_net_dev(2)),
    ]);
    let at = |name: &str| folder.path().join(name);
    let host = at("host");
    let block = telegraf_conf(&at("a.conf"))
        + &format!(
            "  environment = [\"NAME=if1\", \"HOST_PROC={0}\", \"HOST_SYS={0}\"]\n",
            host.display()
        );
    fs::write(at("telegraf.conf"), block).unwrap();
    let mut command = Command::new(PLUGIN);
    command
        .args(["--check", "--config"])
        .arg(at("a.conf"))
        .arg("--telegraf")
        .arg(at("telegraf.conf"));
    let checked = Checked::of(&mut command);
    assert!(
        checked.told.contains("\n        interfaces             line 2     [\"if1\"]\n"),
        "{}",
        checked.told
    );
    assert!(checked.told.contains(&format!("HOST_PROC  {host:?}\n")), "{}", checked.told);
    assert!(checked.told.contains("; reports 1 of 2 interfaces, and "), "{}", checked.told);
    // Netlink was asked for, if not by name.
    assert!(
        checked.told.contains("\nWARN  table 1: by files there are no kinds"),
        "{}",
        checked.told
    );
}

#[test]
fn variables_of_several_blocks_are_those_of_the_first_that_has_them() {
    if is_skipped() {
        return;
    }
    let folder = folder(&[("a.conf", "[[inputs.net]]\ninterfaces = ['${UPLINK}']\n")]);
    let at = |name: &str| folder.path().join(name);
    let block = telegraf_conf(&at("a.conf"));
    let with = |uplink: &str| {
        format!("{block}\n  name_override = '{uplink}'\n  environment = ['UPLINK={uplink}']\n")
    };
    fs::write(at("telegraf.conf"), with("eth0")).unwrap();
    fs::create_dir(at("telegraf.d")).unwrap();
    let second = with("eth1").replace("[agent]\n  interval = \"10s\"\n", "");
    fs::write(at("telegraf.d/second.conf"), second).unwrap();
    let netns = namespace();
    let mut command = netns.command(PLUGIN);
    command.args(["--check", "--config"]).arg(at("a.conf")).arg("--telegraf");
    let checked = Checked::of(command.arg(at("telegraf.conf")));
    assert!(
        checked.told.contains("interfaces             line 2     [\"eth0\"]"),
        "{}",
        checked.told
    );
    let [other] = checked.bad()[..] else { panic!("{}", checked.told) };
    let told = format!("WARN  {:?} line ", at("telegraf.d/second.conf"));
    assert!(other.starts_with(&told), "{other}");
    assert!(other.contains(": environment gives \"UPLINK\" another value than "), "{other}");
}

#[test]
fn whatever_bytes_stand_in_telegrafs_files_or_however_many_there_are() {
    let large = "x".repeat(2 << 20);
    let folder = folder(&[("a.conf", "[[inputs.net]]\n"), ("telegraf.d/large.conf", &large)]);
    let at = |name: &str| folder.path().join(name);
    fs::write(at("telegraf.d/bytes.conf"), b"\xff\x00[[inputs.execd]]\ncommand = \"\x1b[31m")
        .unwrap();
    common::run(Command::new("mkfifo").arg(at("telegraf.d/pipe.conf")));
    std::os::unix::fs::symlink("/none/such", at("telegraf.d/link.conf")).unwrap();
    fs::write(at("telegraf.conf"), telegraf_conf(&at("a.conf"))).unwrap();
    let mut command = Command::new(PLUGIN);
    command
        .args(["--check", "--config"])
        .arg(at("a.conf"))
        .arg("--telegraf")
        .arg(at("telegraf.conf"));
    let checked = Checked::of(&mut command);
    for line in [
        format!(
            "\nWARN  cannot read {:?}: larger than 1 MiB: it was not looked at\n",
            at("telegraf.d/large.conf")
        ),
        format!(
            "\nWARN  cannot read {:?}: not a regular file but a named pipe: it was",
            at("telegraf.d/pipe.conf")
        ),
        format!("\nFAIL  {:?} line 1: not valid TOML: ", at("telegraf.d/bytes.conf")),
        format!("\nFAIL  cannot read {:?}: No such file or directory", at("telegraf.d/link.conf")),
        format!("\nok    {:?} line 4: [[inputs.execd]] with signal", at("telegraf.conf")),
    ] {
        assert!(checked.told.contains(&line), "{line:?} is not in {}", checked.told);
    }
    assert!(!checked.told.replace('\n', "").contains(char::is_control), "{:?}", checked.told);
}
