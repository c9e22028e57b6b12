//! Capabilities: what the plugin does with them, and what nobody else can do by them.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{XattrFlags, setxattr};
use tempfile::TempDir;

use common::machine::{Machine, last_descendant};
use common::plugin::{Daemon, config_file};
use common::{
    NOBODY, PLUGIN, eventually, is_skipped, is_skipped_without, output, proc_net_dev, run, text,
};

/// All three that `docs/NAMESPACES.md` names.
const ALL: &str = "+sys_admin,+sys_ptrace,+dac_read_search";

/// A user with these capabilities as ambient ones, as systemd gives them.
fn nobody_with<'a>(ambient: &[&'a str; 2]) -> Vec<&'a str> {
    [&NOBODY[..], ambient, &["--"]].concat()
}

/// `CAP_DAC_READ_SEARCH`, `CAP_SYS_PTRACE` and `CAP_SYS_ADMIN` (`linux/capability.h`).
const CAPABILITIES: u32 = 1 << 2 | 1 << 19 | 1 << 21;

/// A folder that everybody may look into.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// A copy of the plugin, whose file has the capabilities (`setcap ...+ep`).
fn with_capabilities_of_its_file(folder: &Path) -> String {
    // `struct vfs_ns_cap_data`, revision 2, effective.
    let words = [0x0200_0001, CAPABILITIES, 0, 0, 0];
    let value: Vec<_> = words.iter().flat_map(|word: &u32| word.to_le_bytes()).collect();
    let copy = folder.join("with-capabilities");
    fs::copy(PLUGIN, &copy).unwrap();
    setxattr(&copy, "security.capability", &value, XattrFlags::empty()).unwrap();
    copy.to_str().unwrap().to_owned()
}

#[test]
fn privileges_of_its_file_open_no_file_for_its_caller() {
    if is_skipped() {
        return;
    }
    let folder = open_folder();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("secret"), "[hidden]\nhidden: 1\nhidden: hidden\n").unwrap();
    fs::set_permissions(at("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    // A `/proc` and a `/sys` of the caller's own.
    for path in ["proc/1/net", "proc/net", "sys/class/net/if0"] {
        fs::create_dir_all(at(path)).unwrap();
    }
    fs::write(at("proc/net/dev"), proc_net_dev(1)).unwrap();
    for link in ["proc/1/net/dev", "proc/net/snmp", "sys/class/net/if0/ifalias"] {
        symlink(at("secret"), at(link)).unwrap();
    }
    for (file, value) in [("ifindex", "7"), ("flags", "0x1003"), ("address", "02:00:00:00:00:01")] {
        fs::write(at("sys/class/net/if0").join(file), value).unwrap();
    }
    let tricks = config_file(&format!(
        "[[inputs.net]]\ninterface_tags = ['alias', 'mac']\nhost_proc = '{}'\nhost_sys = '{}'\n",
        at("proc").display(),
        at("sys").display()
    ));
    let setuid = at("setuid");
    fs::copy(PLUGIN, &setuid).unwrap();
    fs::set_permissions(&setuid, fs::Permissions::from_mode(0o4755)).unwrap();
    let setuid = setuid.to_str().unwrap();
    let with_capabilities = with_capabilities_of_its_file(folder.path());
    let said = [
        (with_capabilities.as_str(), "W! this program's file has capabilities (setcap), "),
        (setuid, "W! this program's file is setuid or setgid, "),
        (PLUGIN, "W! reading counters from \""),
    ];
    for (program, start) in said {
        let once = |config: &Path| {
            let mut command = Command::new(NOBODY[0]);
            command.args(&NOBODY[1..]).args([program, "--once", "--debug", "--config"]).arg(config);
            let output = command.stdin(Stdio::null()).output().unwrap();
            let [lines, log] = [output.stdout, output.stderr].map(|bytes| text(&bytes));
            assert!(!lines.contains("hidden") && !log.contains("hidden"), "{lines}{log}");
            (lines, log)
        };
        let (lines, log) = once(tricks.path());
        assert!(lines.starts_with("net,interface=if0,mac=02:00:00:00:00:01 bytes_sent="), "{log}");
        assert!(log.starts_with(start), "{log}");
        assert_eq!(log.matches("W! this program's file ").count(), usize::from(program != PLUGIN));
        let (lines, log) = once(&at("secret"));
        assert_eq!(lines, "");
        assert!(log.contains("secret\": Permission denied"), "{log}");
    }
}

#[test]
fn whom_a_configuration_is_for_is_said_to_others() {
    if is_skipped() {
        return;
    }
    let folder = open_folder();
    let conf = folder.path().join("plugin.conf");
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::write(&conf, "[[inputs.net]]\n").unwrap();
    chown(&conf, Some(0), Some(65533)).unwrap();
    let said = |groups: &str| {
        let user = ["--reuid=65534", "--regid=65534", groups, PLUGIN, "--once", "--config"];
        let output = output(Command::new("setpriv").args(user).arg(&conf));
        (output.status.code(), text(&output.stderr))
    };
    let denied = |why: &str| {
        let denied = format!("E! cannot read {conf:?}: Permission denied (os error 13)");
        (Some(2), format!("{denied}{why}\n"))
    };
    set_mode(&conf, 0o640);
    let for_group = ": it is for user 0 and group 65533, and this is user 65534: let Telegraf's service have \
                     that group (SupplementaryGroups=65533), or change its owner, group or mode";
    assert_eq!(said("--clear-groups"), denied(for_group));
    // As advised.
    assert_eq!(said("--groups=65533").0, Some(0));
    chown(&conf, None, Some(0)).unwrap();
    let for_group_of_root = ": it is for user 0 and group 0, and this is user 65534: give it another group \
                             (chgrp telegraf), or change its owner or mode";
    assert_eq!(said("--clear-groups"), denied(for_group_of_root));
    chown(&conf, None, Some(65533)).unwrap();
    set_mode(&conf, 0o600);
    let for_root = ": it is for user 0, and this is user 65534: change its owner, group or mode";
    assert_eq!(said("--clear-groups"), denied(for_root));
    // Its group may not.
    assert_eq!(said("--groups=65533"), denied(for_root));
    set_mode(folder.path(), 0o700);
    let folder_of_root = ": user 65534 may not look into a folder that it lies in: let others do that \
                          (chmod o+x), or move the file";
    assert_eq!(said("--clear-groups"), denied(folder_of_root));
}

/// The capabilities that each of its threads holds.
fn effective(pid: u32) -> Vec<u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let effective = tasks.map(|task| {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
        u64::from_str_radix(line.trim(), 16).unwrap()
    });
    effective.collect()
}

#[test]
fn other_namespaces_are_reported_by_capabilities_that_are_held_only_meanwhile() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let blue = machine.add("blue");
    blue.ip_lines("link set lo up\nlink add up0 type veth peer name down0\nlink set up0 up");
    // Docker's folder is root's alone.
    machine.sh(
        "mkdir -p /run/docker/netns && touch /run/docker/netns/box && chmod 700 /run/docker && \
                mount --bind /run/netns/blue /run/docker/netns/box",
    );
    let unnamed = machine.start(&["unshare", "--net", "cat"]);
    unnamed.sh("ip link set lo up");
    let (name, folder) = (unnamed.inode(), open_folder());
    let copy = with_capabilities_of_its_file(folder.path());
    let table = "[[inputs.net]]\nnamespace_include = ['?*']\nnamespace_discovery = 'processes'\n\
                 interfaces = ['up0', 'lo']\nlink_state = true\nignore_protocol_stats = true\n\
                 [[inputs.net]]\ninterface_exclude = ['*']\nprotocols = ['softnet']\n";
    let [inheritable, ambient] = ["--inh-caps", "--ambient-caps"].map(|it| format!("{it}={ALL}"));
    for (by, program, start) in [
        (nobody_with(&[&inheritable, &ambient]), PLUGIN, "I! reading counters by netlink"),
        (NOBODY.to_vec(), copy.as_str(), "W! this program's file has capabilities (setcap), "),
    ] {
        let mut command = machine.command(by[0]);
        command.args(&by[1..]).arg(program);
        let mut daemon = Daemon::start_as(command, table);
        for round in 0..3 {
            let batch = daemon.batch_until("net,interface=all softnet_").join(&b'\n');
            let lines = text(&batch);
            for namespace in [name.as_str(), "blue", "box"] {
                let line = format!("net,interface=lo,namespace={namespace} ");
                let line = lines.lines().find(|it| it.starts_with(&line));
                let line = line.unwrap_or_else(|| panic!("round {round}: {namespace}: {lines}"));
                // By netlink, which it takes CAP_SYS_ADMIN to have there.
                assert!(line.contains(",admin_up=1i,") && line.contains(",promiscuity="), "{line}");
            }
            let pid = last_descendant(daemon.pid());
            let held = effective(pid);
            assert!(!held.is_empty() && held.iter().all(|&held| held == 0), "{held:x?}");
            if round == 1 {
                // One that comes later is entered then, and one that goes is let go.
                machine.sh("ip netns add red && ip -n red link set lo up");
                let red = "net,interface=lo,namespace=red ";
                eventually("red", || {
                    let batch = daemon.batch_until("net,interface=all softnet_");
                    batch.iter().any(|line| line.starts_with(red.as_bytes())).then_some(())
                });
                machine.sh("ip netns del red");
            }
        }
        let log = daemon.end_and_tell_all();
        assert!(log.starts_with(start), "{log}");
        let alarms = log.lines().filter(|line| !line.starts_with("I! "));
        assert_eq!(alarms.count(), usize::from(program != PLUGIN), "{log}");
    }
    drop(unnamed);
}

#[test]
fn a_host_whose_processes_are_hidden_is_seen_by_the_capability_for_that() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let may_hide = "mkdir -p /run/host && mount -t proc -o hidepid=2 proc /run/host";
    let may_hide = machine.command("sh").args(["-c", may_hide]).status().unwrap().success();
    if is_skipped_without("hidepid", may_hide) {
        return;
    }
    let config = config_file("[[inputs.net]]\nhost_proc = '/run/host'\ninterfaces = ['lo']\n");
    let [inheritable, ambient] =
        ["--inh-caps", "--ambient-caps"].map(|it| format!("{it}=+sys_ptrace"));
    for (by, start) in [
        (nobody_with(&[&inheritable, &ambient]), "I! reading the host's counters by netlink "),
        (NOBODY.to_vec(), "W! reading counters from \"/run/host/net/dev\""),
    ] {
        let mut command = machine.command(by[0]);
        command.args(&by[1..]).args([PLUGIN, "--once", "--config"]).arg(config.path());
        let output = run(&mut command);
        let log = text(&output.stderr);
        assert!(log.starts_with(start) && log.lines().count() == 1, "{log}");
        assert!(text(&output.stdout).contains("tcp_retranssegs="), "{log}");
    }
}
