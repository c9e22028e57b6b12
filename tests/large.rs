//! Ten thousand interfaces and two thousand network namespaces at once, which take the kernel a while to make:
//! `make test-large`.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::thread;

use rustix::process::{Resource, getrlimit};

use common::line::Parsed;
use common::machine::Machine;
use common::namespaces::Watcher;
use common::plugin::{Daemon, assert_same, with_source};
use common::{Netns, PLUGIN, eventually, is_skipped, is_skipped_without};

/// Pairs of interfaces, of which one is up.
const PAIRS: usize = 5000;

const SPACES: usize = 2000;

fn next(daemon: &mut Daemon) -> Parsed {
    daemon.trigger("");
    daemon.lines().0
}

/// The largest that it has been, in MiB.
fn peak_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

#[test]
fn ten_thousand_interfaces_are_told_by_every_source_while_others_come_and_go() {
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    let mut changes = String::new();
    for pair in 0..PAIRS {
        writeln!(changes, "link add left{pair} type veth peer name right{pair}").unwrap();
        writeln!(changes, "link set left{pair} up").unwrap();
    }
    netns.ip_batch(&changes);
    let tables = "[[inputs.net]]\ninterfaces = ['left*', 'right*']\nlink_state = true\nignore_protocol_stats = true\n\
                  [[inputs.net]]\ninterface_exclude = ['*']\nprotocols = ['ip:defaultttl']\n";
    let mut by_source = Vec::new();
    for source in ["netlink", "procfs"] {
        let mut daemon = Daemon::start_as(netns.command(PLUGIN), &with_source(tables, source));
        // Ten thousand drivers are not asked within the time that lines wait for them.
        let first = eventually("all speeds", || {
            let batch = next(&mut daemon);
            assert_eq!(batch.0.len(), 2 * PAIRS);
            batch.0.iter().all(|line| line.field("speed").is_some()).then_some(batch)
        });
        let names: BTreeSet<_> = first.names().into_iter().collect();
        assert_eq!(names.len(), 2 * PAIRS);
        thread::scope(|scope| {
            let storm = scope.spawn(|| {
                let passing =
                    "link add passing type bridge\nlink set passing up\nlink del passing\n";
                netns.ip_batch(&passing.repeat(20));
            });
            let mut last = first.0[0].time;
            while !storm.is_finished() {
                let batch = next(&mut daemon);
                assert_eq!(batch.0.len(), 2 * PAIRS);
                assert!(batch.0[0].time > last);
                last = batch.0[0].time;
            }
        });
        assert_eq!(next(&mut daemon).comparable(&[]), first.comparable(&[]), "{source}");
        assert!(peak_mib(daemon.pid()) < 100, "{} MiB", peak_mib(daemon.pid()));
        // Of promiscuity, files tell nothing.
        by_source.push(first.comparable(&["promiscuity"]));
        assert_eq!(daemon.end(), "", "{source}");
    }
    assert_eq!(by_source[0], by_source[1]);
}

#[test]
fn two_thousand_namespaces_are_told_as_far_as_files_and_the_limit_go() {
    // Each takes four.
    let files = getrlimit(Resource::Nofile).maximum;
    let has_files = files.is_none_or(|files| files > 5 * SPACES as u64);
    if is_skipped() || is_skipped_without("a hard limit of 10000 open files", has_files) {
        return;
    }
    let machine = Machine::new();
    machine.sh(&format!(
        "mkdir -p /run/netns; for n in $(seq -w 1 {SPACES}); do \
             touch /run/netns/space$n; unshare --net=/run/netns/space$n ip link set lo up; done"
    ));
    let table = "interfaces = ['lo']\nignore_protocol_stats = true\nnamespace_include = ['?*']\n";
    for (limit, told, way_out) in [
        ("namespace_limit = 2000\n", SPACES, None),
        ("", 1000, Some("W! 1000 network namespaces are left out, such as ")),
    ] {
        // It raises the soft limit by itself.
        let by = ["prlimit", "--nofile=1024:"];
        let mut watcher = Watcher::start_as(&machine, &by, &format!("{table}{limit}"));
        for _ in 0..3 {
            let reported = watcher.gather();
            assert_eq!(reported.names().len(), told);
            let lone =
                reported.names().into_iter().find(|name| reported.interfaces(name) != ["lo"]);
            assert_eq!(lone, None);
        }
        let before = watcher.gather();
        // Some go, and one comes.
        machine.sh("for n in $(seq -w 0001 0100); do umount /run/netns/space$n; rm /run/netns/space$n; done");
        let names = |watcher: &mut Watcher| watcher.gather().names().len();
        eventually("that they are gone", || {
            (names(&mut watcher) == (SPACES - 100).min(told)).then_some(())
        });
        machine.sh(
            "for n in $(seq -w 0001 0100); do \
                 touch /run/netns/space$n; unshare --net=/run/netns/space$n ip link set lo up; done",
        );
        let after = eventually("that they are there again", || {
            Some(watcher.gather()).filter(|after| after.names().len() == told)
        });
        if way_out.is_none() {
            for name in after.names() {
                assert_same(after.get(name), before.get(name), name);
            }
        }
        let peak = peak_mib(watcher.pid());
        assert!(peak < 300, "{peak} MiB");
        let log = watcher.end();
        match way_out {
            None => assert_eq!(log, ""),
            Some(start) => assert!(log.starts_with(start), "{log}"),
        }
    }
}
