//! Other network namespaces that may not be entered, looked at or listed: what is reported all the
//! same, and what is said.

#![cfg(target_os = "linux")]

mod common;

use std::thread;
use std::time::{Duration, Instant};

use common::machine::{Machine, Named, Sleeper};
use common::namespaces::{BARRED, SANDBOX, Watcher, forbidden, forbidden_for, inner, sorted};
use common::plugin::{Batch, assert_same, config_file, without_time};
use common::trace::{Trace, is_skipped_without_strace};
use common::{NOBODY, PLUGIN, is_skipped, is_skipped_without, text};

/// What takes root the right to enter namespaces, and leaves it the others.
const NO_ADMIN: [&str; 3] = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"];

#[test]
fn a_user_reads_the_namespaces_of_own_processes_by_their_files() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    machine.add("blue");
    let unshare = [&NOBODY[..], &["unshare", "--map-root-user", "--net", "true"]].concat();
    let may = machine.command(unshare[0]).args(&unshare[1..]).status().unwrap().success();
    if is_skipped_without("network namespaces for every user", may) {
        return;
    }
    let cat = [&NOBODY[..], &["unshare", "--map-root-user", "--net", "cat"]].concat();
    let [one, other] = [(); 2].map(|()| machine.start(&cat));
    for living in [&one, &other] {
        living.sh("ip link set lo up; ip link add down0 type veth peer name up0; \
                   ip link set up0 up; bash -c 'for n in 1 2 3; do echo > /dev/udp/127.0.0.1/9; done'");
    }
    let table = "counters = 'all'\n";
    let others = "namespace_include = ['*']\nnamespace_discovery = 'processes'";
    let mut watcher = Watcher::start_as(&machine, &NOBODY, &format!("{table}{others}"));
    // The first gather shows them, and those after it.
    for _ in 0..20 {
        let reported = watcher.gather();
        assert_eq!(reported.names(), sorted(["", &one.inode(), &other.inode()]));
        for living in [&one, &other] {
            let lines = reported.get(&living.inode());
            // Who is up cannot be told, and no speed: then all are there, and without.
            assert_eq!(reported.field(&living.inode(), "up0", "speed"), None);
            let all = format!("interfaces = ['*']\nsource = 'procfs'\n{table}");
            assert_same(lines, &without_speed(once_beside_by_procfs(living, &all)), "as inside");
            assert!(reported.field(&living.inode(), "lo", "packets_recv") >= Some(3));
            assert!(reported.field(&living.inode(), "all", "udp_noports") >= Some(3));
        }
    }
    // By another process, when the first one has gone.
    let inode = one.inode();
    let join = ["nsenter", "--user", "--preserve-credentials", "--net", "--target", &inner(&one)];
    let second = machine.start(&[&NOBODY[..], &join, &["cat"]].concat());
    assert_eq!(second.inode(), inode);
    let before = watcher.gather();
    drop(one);
    let after = watcher.gather();
    assert_eq!(after.names(), before.names());
    for name in after.names() {
        assert_same(after.get(name), before.get(name), name);
    }
    drop(second);
    assert_eq!(watcher.gather().names(), sorted(["", &other.inode()]));
    drop(other);
    assert_eq!(watcher.gather().names(), [""]);
    let log = watcher.end();
    let (unseen, log) = log.split_once('\n').unwrap();
    assert!(
        unseen.starts_with("W! cannot determine the network namespace of ")
            && unseen.ends_with(" of other users: needs CAP_SYS_PTRACE"),
        "{unseen}"
    );
    assert_eq!(log, forbidden(3, 2));
}

fn once_beside_by_procfs(living: &Sleeper, table: &str) -> Batch {
    let config = config_file(&format!("[[inputs.net]]\n{table}"));
    let lines = living.sh(&format!("{PLUGIN} --once --config {}", config.path().display()));
    without_time(lines.as_bytes())
}

fn without_speed(batch: Batch) -> Batch {
    let without = |line: Vec<u8>| {
        let line = text(&line);
        let fields = line.split(',').filter(|field| !field.starts_with("speed="));
        fields.collect::<Vec<_>>().join(",").into_bytes()
    };
    batch.into_iter().map(without).collect()
}

#[test]
fn without_the_right_to_enter_namespaces_named_ones_are_read_by_their_processes() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let [blue, _red] = ["blue", "red"].map(|name| machine.add(name));
    blue.ip_lines("link set lo up");
    machine.sh("touch /run/netns/blue2 && mount --bind /run/netns/blue /run/netns/blue2");
    let in_blue = machine.start(&["ip", "netns", "exec", "blue", "cat"]);
    let unnamed = machine.start(&["unshare", "--net", "cat"]);
    let inode = unnamed.inode();
    for (discovery, expected) in [
        ("named", &["", "blue", "blue2"][..]),
        ("processes", &sorted(["", &inode, "blue", "blue2"])),
    ] {
        let table = format!("namespace_exclude = ['none']\nnamespace_discovery = '{discovery}'\n");
        let mut watcher = Watcher::start_as(&machine, &NO_ADMIN, &table);
        for _ in 0..5 {
            let reported = watcher.gather();
            assert_eq!(reported.names(), expected);
            assert_eq!(reported.interfaces("blue"), ["lo"]);
        }
        let nameless = usize::from(discovery == "processes");
        assert_eq!(watcher.end(), forbidden_for(BARRED, 3 + nameless, 2 + nameless));
    }
    drop((in_blue, unnamed));
}

#[test]
fn where_no_namespace_can_be_read_one_line_says_so_and_our_own_is_reported() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let named = ["blue", "red"].map(|name| machine.add(name));
    let unnamed = machine.start(&["unshare", "--net", "cat"]);
    for discovery in ["named", "processes"] {
        let table = format!("namespace_exclude = ['none']\nnamespace_discovery = '{discovery}'\n");
        let mut watcher = Watcher::start_as(&machine, &NOBODY, &table);
        for _ in 0..5 {
            assert_eq!(watcher.gather().names(), [""]);
        }
        let log = watcher.end();
        // Processes of others may live in others still.
        let (unseen, log) = match discovery {
            "named" => ("", log.as_str()),
            _ => log.split_once('\n').unwrap(),
        };
        assert_eq!(unseen.contains("needs CAP_SYS_PTRACE"), discovery != "named", "{unseen}");
        assert_eq!(log, forbidden(2, 0), "{discovery}");
    }
    // Where only processes could tell of any.
    named.into_iter().for_each(Named::delete);
    let table = "namespace_exclude = ['none']\nnamespace_discovery = 'processes'\n";
    let mut watcher = Watcher::start_as(&machine, &NOBODY, table);
    for _ in 0..5 {
        assert_eq!(watcher.gather().names(), [""]);
    }
    let log = watcher.end();
    let start = "W! cannot determine the network namespace of ";
    let end = " of other users: needs CAP_SYS_PTRACE\n";
    assert!(log.starts_with(start) && log.ends_with(end) && log.lines().count() == 1, "{log}");
    drop(unnamed);
}

#[test]
fn what_no_table_asked_for_is_no_warning() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    // Nobody may list these, nor look at the processes of root.
    machine.sh("mkdir -p /run/docker/netns && chmod 700 /run/docker");
    let blue = "namespace_include = ['', 'blue']\n";
    let mut watcher = Watcher::start_as(&machine, &NOBODY, blue);
    let _living = machine.start(&["unshare", "--net", "cat"]);
    let named = machine.add("blue");
    watcher.gather();
    let red = machine.add("red");
    watcher.gather();
    named.delete();
    watcher.gather();
    watcher.gather();
    red.delete();
    watcher.gather();
    let log = watcher.end();
    // One that a table asked for, which is not to be had; then its name may be in the other folder.
    let one = forbidden(1, 0);
    let mut lines: Vec<_> =
        log.lines().filter(|line| !line.contains("/run/docker/netns")).collect();
    lines.retain(|line| !line.starts_with("I! "));
    assert_eq!(lines, [one.trim_end()], "{log}");
    // Where no other can be meant, nothing is looked for.
    machine.add("blue");
    for namespaces in ["namespace_include = ['']", "namespace_exclude = ['?*']"] {
        let mut watcher = Watcher::start_as(&machine, &NOBODY, namespaces);
        assert_eq!(watcher.gather().names(), [""]);
        assert!(!watcher.end().contains("cannot be entered"), "{namespaces}");
    }
    let mut watcher = Watcher::start_as(&machine, &NOBODY, "namespace_include = ['']");
    assert_eq!(watcher.gather().names(), [""]);
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_proc_that_hides_processes_is_told_of_where_they_are_looked_for() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let living = machine.start(&["unshare", "--net", "cat"]);
    for hidepid in ["2", "4"] {
        machine.sh(&format!("mount -t proc -o hidepid={hidepid} proc /proc"));
        for (discovery, expected) in [
            ("named", ""),
            (
                "processes",
                "W! \"/proc\" hides the processes of other users (hidepid), and so their network \
                 namespaces: needs CAP_SYS_PTRACE, or a /proc that is mounted without hidepid\n",
            ),
        ] {
            let table = format!("namespace_include = ['*']\nnamespace_discovery = '{discovery}'\n");
            let mut watcher = Watcher::start_as(&machine, &NOBODY, &table);
            for _ in 0..3 {
                assert_eq!(watcher.gather().names(), [""]);
            }
            assert_eq!(watcher.end(), expected, "hidepid={hidepid} {discovery}");
        }
        // Root sees them all.
        let table = "namespace_include = ['*']\nnamespace_discovery = 'processes'\n";
        let mut watcher = Watcher::start(&machine, table);
        assert_eq!(watcher.gather().names(), sorted(["", &living.inode()]));
        assert_eq!(watcher.end(), "");
    }
}

#[test]
fn a_name_without_a_namespace_is_told_of_once_it_stays_so() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    machine.add("before");
    // In a mount namespace that nothing is propagated to, as in a container.
    let by = ["unshare", "--mount", "--propagation=private"];
    let mut watchers = ["['*']", "['before']"].map(|names| {
        let table = format!("namespace_include = {names}\n");
        let mut watcher = Watcher::start_as(&machine, &by, &table);
        watcher.gather();
        watcher
    });
    machine.add("later");
    let warning = "W! 1 name has no network namespace, such as \"/run/netns/later\", which is a plain \
                   file: where its folder is mounted into a container, mount it with propagation \
                   (\":rslave\" in Docker, HostToContainer in Kubernetes)\n";
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(2) {
        for watcher in &mut watchers {
            assert!(!watcher.gather().names().contains(&"later"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    let logs = watchers.map(Watcher::end);
    assert_eq!(logs, [warning.to_owned(), String::new()]);
    // One that is about to be made is none.
    let mut watcher = Watcher::start(&machine, "namespace_include = ['*']\n");
    machine.sh("touch /run/netns/about");
    watcher.gather();
    machine.sh("unshare --net=/run/netns/about true");
    assert!(watcher.gather().names().contains(&"about"));
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_namespace_may_be_entered_whose_number_was_one_that_might_not() {
    if is_skipped_without_strace() {
        return;
    }
    let machine = Machine::new();
    let first = machine.add("first");
    let mut watcher = Watcher::start(&machine, "namespace_include = ['*']\n");
    let pid = watcher.pid();
    let trace = Trace::injecting("setns:error=EPERM:when=1", pid);
    assert_eq!(watcher.gather().names(), [""]);
    drop(trace);
    assert_eq!(watcher.gather().names(), [""]);
    // The kernel gives the same number to another one soon.
    let inode = |name| machine.sh(&format!("stat -L -c %i /run/netns/{name}"));
    let before = inode("first");
    first.delete();
    for _ in 0..100 {
        let second = machine.add("second");
        if inode("second") == before {
            break;
        }
        second.delete();
    }
    machine.sh("ip netns add second 2>/dev/null || true");
    assert_eq!(watcher.gather().names(), ["", "second"]);
    let forbidden = forbidden_for(SANDBOX, 1, 0);
    let over = forbidden.replace("W! ", "I! resolved: ");
    assert_eq!(watcher.end(), format!("{forbidden}{over}"));
}

#[test]
fn a_folder_of_names_that_cannot_be_listed_is_told_of() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    machine.add("blue");
    machine.sh("mkdir -p /run/docker/netns
                chmod 700 /run/docker
                touch /run/docker/netns/hidden
                unshare --net=/run/docker/netns/hidden true");
    let by = [&NOBODY[..], &["--inh-caps=+sys_admin", "--ambient-caps=+sys_admin"]].concat();
    let mut watcher = Watcher::start_as(&machine, &by, "namespace_include = ['*']\n");
    for _ in 0..3 {
        assert_eq!(watcher.gather().names(), ["", "blue"]);
    }
    machine.sh("chmod 755 /run/docker");
    assert_eq!(watcher.gather().names(), ["", "blue", "hidden"]);
    let problem = "network namespaces with a name in \"/run/docker/netns\" are not reported: Permission \
                   denied (os error 13): needs CAP_DAC_READ_SEARCH\n";
    assert_eq!(watcher.end(), format!("W! {problem}I! resolved: {problem}"));
}

#[test]
fn one_namespace_that_may_not_be_entered_keeps_no_other_out() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    machine.add("blue");
    // Root of a user namespace may enter what it made itself.
    let script =
        "touch /run/netns/made && unshare --net=/run/netns/made true && exec \"$0\" \"$@\"";
    let by = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script];
    let may = machine.command(by[0]).args(&by[1..]).arg("true").status().unwrap().success();
    if is_skipped_without("user namespaces", may) {
        return;
    }
    let table = "interfaces = ['*']\nnamespace_include = ['*']\n";
    let mut watcher = Watcher::start_as(&machine, &by, table);
    for _ in 0..3 {
        let reported = watcher.gather();
        assert_eq!(reported.names(), ["", "made"]);
        // By netlink, as speeds show.
        assert_eq!(reported.field("made", "lo", "speed"), Some(-1));
    }
    let why = "needs CAP_SYS_ADMIN, which counts in this user namespace alone, as by PrivateUsers=yes \
         or in a rootless container";
    assert_eq!(watcher.end(), forbidden_for(why, 1, 0));
}
