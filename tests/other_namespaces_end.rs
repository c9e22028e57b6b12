//! The end of other network namespaces: reading one keeps it alive no longer than its own.

#![cfg(target_os = "linux")]

mod common;

use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};

use common::machine::{Machine, Sleeper, last_descendant};
use common::namespaces::{EVERYTHING, Watcher, inner, inner_pid, sorted};
use common::{eventually, has, is_skipped, is_skipped_without};

#[test]
fn a_namespace_whose_name_goes_is_let_go_at_once() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    for discovery in ["named", "processes"] {
        let mut watcher = Watcher::start(
            &machine,
            &format!(
                "{EVERYTHING}namespace_include = ['*']\nnamespace_discovery = '{discovery}'\n"
            ),
        );
        for _ in 0..5 {
            let blue = machine.add("blue");
            machine.ip_lines("link add out type veth peer name in netns blue");
            machine.ip_lines("link set out up");
            blue.ip_lines("link set in up");
            let reported = watcher.gather();
            assert_eq!(reported.interfaces("blue"), ["in"]);
            assert_eq!(reported.field("blue", "in", "speed"), Some(10_000));
            blue.delete();
            // Without any gather, the kernel removes what is inside, and so the peer.
            eventually("the end of the namespace", || {
                (!machine.sh("ip -o link").contains(" out@")).then_some(())
            });
        }
        assert_eq!(watcher.end(), "");
    }
}

#[test]
fn namespaces_that_come_and_go_leave_no_file_open() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let others = "namespace_include = ['*']\nnamespace_discovery = 'processes'";
    let mut watcher = Watcher::start(&machine, &format!("{EVERYTHING}{others}"));
    watcher.gather();
    let folder = format!("/proc/{}/fd", watcher.pid());
    let open = || fs::read_dir(&folder).unwrap().count();
    let before = open();
    for round in 0..50 {
        let [blue, red] = ["blue", "red"].map(|name| machine.add(name));
        blue.ip_lines("link add a0 type veth peer name b0\nlink set a0 up");
        let unnamed = machine.start(&["unshare", "--net", "cat"]);
        let expected = ["", &unnamed.inode(), "blue", "red"];
        assert_eq!(watcher.gather().names(), sorted(expected));
        assert!(open() > before + 10);
        drop(unnamed);
        blue.delete();
        red.delete();
        assert_eq!(watcher.gather().names(), [""], "round {round}");
        assert_eq!(open(), before, "round {round}");
    }
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_name_that_is_a_link_ends_with_what_it_leads_to() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let living = machine.start(&["unshare", "--net", "cat"]);
    machine.ip_lines(&format!("link add out type veth peer name in netns {}", inner(&living)));
    machine.sh(&format!(
        "mkdir -p /run/netns && ln -s /proc/{}/ns/net /run/netns/link",
        inner(&living)
    ));
    let mut watcher = Watcher::start(&machine, "namespace_include = ['*']\n");
    for _ in 0..3 {
        assert_eq!(watcher.gather().names(), ["", "link"]);
    }
    drop(living);
    eventually("the end of the process", || (watcher.gather().names() == [""]).then_some(()));
    // It is not kept alive.
    eventually("the end of the namespace", || {
        (!machine.sh("ip -o link").contains(" out@")).then_some(())
    });
    assert_eq!(watcher.end(), "");
}

/// Makes a pair of interfaces, `out` on the machine and `in` in the network namespace of that process.
fn connect(machine: &Machine, living: &Sleeper) {
    machine.ip_lines(&format!("link add out type veth peer name in netns {}", inner(living)));
}

/// Waits until the kernel has removed what was inside, and so the peer: while anything keeps the
/// namespace alive, it does not.
fn await_end(machine: &Machine) {
    eventually("the end of the namespace", || {
        (!machine.sh("ip -o link").contains(" out@")).then_some(())
    });
}

#[test]
fn a_namespace_ends_with_its_last_process_without_a_gather() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    machine.sh("mkdir -p /run/netns /run/proc && mount --bind /proc /run/proc");
    let processes = "namespace_include = ['?*']\nnamespace_discovery = 'processes'\n";
    let hosts = format!("host_proc = '/run/proc'\n{processes}");
    let named = "namespace_include = ['?*']\n";
    // The last one's plugin cannot tell a process by its number.
    let elsewhere = ["unshare", "--pid", "--fork", "--kill-child"];
    for (by, table) in [(&[][..], processes), (&[], named), (&elsewhere, &hosts)] {
        let living = machine.start(&["unshare", "--net", "cat"]);
        connect(&machine, &living);
        let target = inner(&living);
        let same = machine.start(&["nsenter", "--net", "--target", &target, "cat"]);
        machine.sh(&format!("ln -sfn /proc/{target}/ns/net /run/netns/link"));
        let mut watcher = Watcher::start_as(&machine, by, &format!("interfaces = ['*']\n{table}"));
        assert_eq!(watcher.gather().names(), ["link"], "{table}");
        if table == named {
            drop((same, living));
        } else {
            // Without its name, it goes on as long as any process lives there.
            machine.sh("rm /run/netns/link");
            drop(living);
            assert_eq!(watcher.gather().names(), [same.inode()], "{table}");
            assert_eq!(watcher.gather().names(), [same.inode()], "{table}");
            drop(same);
        }
        await_end(&machine);
        assert_eq!(watcher.gather().names(), [""; 0], "{table}");
        watcher.daemon.end();
    }
}

#[test]
fn a_namespace_whose_name_is_made_anew_at_once_ends_all_the_same() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let mut watcher = Watcher::start(&machine, "interfaces = ['*']\nnamespace_include = ['?*']\n");
    let blue = machine.add("blue");
    machine.ip_lines("link add out type veth peer name in netns blue");
    assert_eq!(watcher.gather().interfaces("blue"), ["lo", "in"]);
    let plugin = Pid::from_raw(watcher.pid().cast_signed()).unwrap();
    // It sees both at once.
    kill_process(plugin, Signal::STOP).unwrap();
    blue.delete();
    let _blue = machine.add("blue");
    kill_process(plugin, Signal::CONT).unwrap();
    // What started it stops with it.
    watcher.daemon.signal(Signal::CONT);
    await_end(&machine);
    assert_eq!(watcher.gather().interfaces("blue"), ["lo"]);
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_namespace_ends_when_its_only_process_leaves_it() {
    if is_skipped() || is_skipped_without("perl", has("perl", "-v")) {
        return;
    }
    let machine = Machine::new();
    let script = format!(
        "$| = 1; open(HOME, '<', '/proc/self/ns/net') or die; \
         syscall({}, {}) == 0 or die; print \"in\\n\"; <STDIN>; \
         syscall({}, fileno(HOME), 0) == 0 or die; print \"out\\n\"; <STDIN>",
        libc::SYS_unshare,
        libc::CLONE_NEWNET,
        libc::SYS_setns,
    );
    let mut command = machine.command("perl");
    command.args(["-e", &script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
    assert_eq!(said.next().unwrap().unwrap(), "in");
    let pid = last_descendant(process.id());
    machine.ip_lines(&format!("link add out type veth peer name in netns {}", inner_pid(pid)));
    let table =
        "interfaces = ['*']\nnamespace_include = ['?*']\nnamespace_discovery = 'processes'\n";
    let mut watcher = Watcher::start(&machine, table);
    assert_eq!(watcher.gather().names().len(), 1);
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(b"\n").unwrap();
    assert_eq!(said.next().unwrap().unwrap(), "out");
    await_end(&machine);
    assert_eq!(watcher.gather().names(), [""; 0]);
    drop(stdin);
    process.wait().unwrap();
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_namespace_ends_also_while_nobody_reads_the_lines() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    machine.ip_lines("link set lo up");
    let table = "interfaces = ['*']\nnamespace_include = ['*']\nnamespace_discovery = 'processes'\n\
                 counters = 'all'\nlink_state = true\n";
    let mut watcher = Watcher::start(&machine, table);
    let living = machine.start(&["unshare", "--net", "cat"]);
    connect(&machine, &living);
    assert_eq!(watcher.gather().names(), ["", &living.inode()]);
    // Once no more lines come into the pipe, it is full.
    let mut unread = 0;
    eventually("a full pipe", || {
        for _ in 0..20 {
            watcher.daemon.trigger("");
            thread::sleep(Duration::from_millis(5));
        }
        let before = std::mem::replace(&mut unread, watcher.daemon.unread());
        (unread > 0 && unread == before).then_some(())
    });
    drop(living);
    await_end(&machine);
}
