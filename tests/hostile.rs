//! What other users, and a kernel that fails, do to a plugin that runs: it goes on, and it ends when
//! it is told to.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, sendto, socket_with};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use common::machine::{Machine, last_descendant};
use common::plugin::{Daemon, assert_same, with_speeds};
use common::trace::{Trace, is_skipped_without_strace};
use common::{NOBODY, Netns, PLUGIN, eventually, has, is_skipped, is_skipped_without, text};

/// `RTMGRP_LINK`, which the plugin listens to.
const RTMGRP_LINK: u32 = 1;

/// Sends datagrams to the netlink sockets of a network namespace that listen to the events of links,
/// by their ports and by their group, until it is told to stop.
fn flood(namespace: &File, is_over: &AtomicBool, sent: &AtomicU64) {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None).unwrap();
    // Its ports, as anybody can read them.
    let table = fs::read_to_string("/proc/thread-self/net/netlink").unwrap();
    let ports = table.lines().skip(1).filter_map(|line| {
        let [_, "0", port, groups, ..] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            return None;
        };
        let port = port.parse().ok().filter(|&port| port != 0)?;
        (groups != "00000000").then(|| SocketAddrNetlink::new(port, 0))
    });
    let group = SocketAddrNetlink::new(0, RTMGRP_LINK);
    let addresses: Vec<_> = ports.chain([group]).collect();
    let limit = Instant::now() + Duration::from_secs(60);
    while !is_over.load(Ordering::Relaxed) && Instant::now() < limit {
        for address in addresses.iter().cycle().take(1000) {
            if sendto(&socket, &[0; 16], SendFlags::empty(), address).is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[test]
fn a_flood_inside_a_namespace_stops_no_gather_and_no_ending() {
    const SENDERS: usize = 4;
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let evil = machine.start(&["unshare", "--net", "cat"]);
    evil.sh("ip link set lo up");
    let table = "[[inputs.net]]\ninterfaces = ['lo']\nignore_protocol_stats = true\n\
                 namespace_include = ['*']\nnamespace_discovery = 'processes'\n\
                 [[inputs.net]]\ninterface_exclude = ['*']\nprotocols = ['softnet']\n";
    let mut daemon = Daemon::start_as(machine.command(PLUGIN), table);
    assert_eq!(daemon.batch().len(), 2);
    let plugin = Pid::from_raw(last_descendant(daemon.pid()).cast_signed()).unwrap();
    let (is_over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let (after_signal, is_ended) = thread::scope(|scope| {
        for _ in 0..SENDERS {
            let namespace = File::open(format!("/proc/{}/ns/net", evil.pid)).unwrap();
            let (is_over, sent) = (&is_over, &sent);
            scope.spawn(move || flood(&namespace, is_over, sent));
        }
        eventually("a flood", || (sent.load(Ordering::Relaxed) > 100).then_some(()));
        // The flood ends by itself, so that a plugin that waits for that is seen.
        for _ in 0..10 {
            let batch = daemon.batch();
            assert_eq!(batch.len(), 2, "{}", text(&batch.join(&b'\n')));
        }
        let before_signal = sent.load(Ordering::Relaxed);
        let start = Instant::now();
        kill_process(plugin, Signal::TERM).unwrap();
        let is_ended = !daemon.has_line();
        let took = start.elapsed();
        let flooded = sent.load(Ordering::Relaxed) > before_signal;
        is_over.store(true, Ordering::Relaxed);
        (took, is_ended && flooded)
    });
    assert!(is_ended);
    // It is promised to take a second; the processors are busy here.
    assert!(after_signal < Duration::from_secs(10), "{after_signal:?}");
}

/// Sends datagrams to the group of link events as fast as it can, for a minute at most.
const FLOOD: &str = "use Socket; socket(my $s, 16, SOCK_RAW, 0) or die; my $to = pack('S S L L', 16, 0, 0, 1); \
     my $end = time + 60; while (time < $end) { send($s, \"\\0\" x 16, 0, $to) for 1..1000 }";

/// Makes the kernel tell of changes as fast as it can.
const CHANGES: &str = "ip link add a0 type veth peer name b0; \
     for n in $(seq 500); do echo 'link set a0 up'; echo 'link set a0 down'; done > $1/batch; \
     end=$((SECONDS + 60)); while [ $SECONDS -lt $end ]; do ip -batch $1/batch; done";

#[test]
fn a_user_without_any_privilege_who_floods_an_own_namespace_stops_no_gather_and_no_ending() {
    if is_skipped()
        || is_skipped_without("perl and setpriv", has("perl", "-v") && has("setpriv", "--version"))
    {
        return;
    }
    let machine = Machine::new();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let by = [&NOBODY[..], &["unshare", "--map-root-user", "--net"]].concat();
    let may = machine.command(by[0]).args(&by[1..]).arg("true").status().unwrap().success();
    if is_skipped_without("network namespaces for every user", may) {
        return;
    }
    let evil = machine.start(&[&by[..], &["sh", "-c", "ip link set lo up; exec cat"]].concat());
    let table = "[[inputs.net]]\ninterfaces = ['lo']\nignore_protocol_stats = true\n\
                 namespace_include = ['*']\nnamespace_discovery = 'processes'\n\
                 [[inputs.net]]\ninterface_exclude = ['*']\nprotocols = ['softnet']\n";
    let mut daemon = Daemon::start_as(machine.command(PLUGIN), table);
    assert_eq!(daemon.batch().len(), 2);
    // As who made it, and nobody outside.
    let target = evil.pid.to_string();
    let inside = |script: &[&str]| {
        let mut command = Command::new(NOBODY[0]);
        command.args(&NOBODY[1..]).arg("nsenter");
        command.args(["--user", "--net", "--preserve-credentials", "--target", &target, "--"]);
        command.args(script).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Flood(command.spawn().unwrap())
    };
    let path = folder.path().to_str().unwrap();
    let mut floods = vec![inside(&["bash", "-c", CHANGES, "bash", path])];
    floods.extend((0..3).map(|_| inside(&["perl", "-e", FLOOD])));
    thread::sleep(Duration::from_millis(500));
    let start = Instant::now();
    let mut gathers = 0;
    while start.elapsed() < Duration::from_secs(3) {
        let batch = daemon.batch();
        assert_eq!(batch.len(), 2, "{}", text(&batch.join(&b'\n')));
        gathers += 1;
    }
    assert!(gathers > 10, "{gathers} gathers in {:?}", start.elapsed());
    for flood in &mut floods {
        assert_eq!(flood.0.try_wait().unwrap(), None, "a flood that ended early");
    }
    let start = Instant::now();
    let log = daemon.end();
    // It is promised to take a second; the processors are busy here.
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // It begins, ends, begins again, and ends after thirty gathers without it; after thirty more it is forgotten.
    assert!(log.lines().count() <= 4 * (2 + gathers / 60), "{gathers} gathers: {log}");
}

/// A process that is killed at the end.
struct Flood(Child);

impl Drop for Flood {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_socket_for_events_that_fails_is_left_alone_until_it_is_replaced() {
    if is_skipped_without_strace() {
        return;
    }
    let (netns, other) = (Netns::new(), Netns::new());
    for one in [&netns, &other] {
        one.ip_lines("link add up0 type veth peer name up1\nlink set up0 up\nlink set up1 up");
    }
    for namespaces in ["['']".to_owned(), format!("['{}']", other.name)] {
        let config = format!(
            "[[inputs.net]]\nignore_protocol_stats = true\nnamespace_include = {namespaces}\n\
             interface_tags = ['alias']\n[[inputs.net]]\ninterface_exclude = ['*']\n"
        );
        let mut daemon = Daemon::start_as(netns.command(PLUGIN), &config);
        let before = with_speeds(|| daemon.batch());
        assert_eq!(before.len(), 2);
        for error in ["EACCES", "EPERM", "ENOMEM"] {
            let inject = format!("recvfrom:error={error}");
            let trace = Trace::injecting(&inject, last_descendant(daemon.pid()));
            for one in [&netns, &other] {
                one.ip_lines("link set up0 alias changed");
            }
            eventually("an event", || trace.text().contains("(INJECTED)").then_some(()));
            thread::sleep(Duration::from_millis(300));
            let calls = trace.text().lines().filter(|line| line.contains("recvfrom(")).count();
            assert!(calls < 10, "{namespaces} {error}: {calls} calls");
            drop(trace);
            let after = daemon.batch();
            assert_eq!(text(&after.join(&b'\n')).matches("alias=changed").count(), 1);
            for one in [&netns, &other] {
                one.ip(&["link", "set", "up0", "alias", ""]);
            }
            assert_same(&with_speeds(|| daemon.batch()), &before, "after, and before");
        }
        assert_eq!(daemon.end(), "");
    }
}
