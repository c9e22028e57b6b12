//! What the plugin asks of the kernel: little in a gather, nothing between two of them.
//!
//! That is so by `poll`. Threads have calls of their own to wake each other, and look for what wakes nobody.
#![cfg(not(feature = "threads"))]
#![cfg(target_os = "linux")]

mod common;

use std::time::Duration;

use common::plugin::{DEFAULT, Daemon, names};
use common::trace::{Trace, is_skipped_without_strace};
use common::{Netns, PLUGIN, eventually};

/// A network namespace with so many interfaces, all but the loopback up.
fn netns_with(interfaces: usize) -> Netns {
    let netns = Netns::new();
    let mut changes = "link add single type ifb\nlink set single up\n".to_owned();
    for pair in 0..(interfaces - 2) / 2 {
        let pair = format!(
            "link add left{pair} type veth peer name right{pair}
             link set left{pair} up
             link set right{pair} up\n"
        );
        changes.push_str(&pair);
    }
    netns.ip_batch(&changes);
    netns
}

#[test]
fn a_gather_takes_six_system_calls_and_one_more_for_each_hundred_interfaces() {
    const GATHERS: usize = 5;
    if is_skipped_without_strace() {
        return;
    }
    for interfaces in [10, 100, 1000] {
        let netns = netns_with(interfaces);
        let count = |config: &str, lines: usize| {
            let mut daemon = Daemon::start_as(netns.command(PLUGIN), config);
            let gather = |daemon: &mut Daemon, word: &str| {
                daemon.trigger(word);
                (0..lines).for_each(|_| drop(daemon.read_line()));
            };
            (0..5).for_each(|_| gather(&mut daemon, "warm"));
            let trace = Trace::of_process(daemon.pid());
            (0..=GATHERS).for_each(|number| gather(&mut daemon, &format!("gather{number}")));
            let calls = trace.between("\"gather0\\n\"", &format!("\"gather{GATHERS}\\n\""));
            let count = calls.len();
            assert!(
                (1..=GATHERS * (6 + interfaces / 100)).contains(&count),
                "{interfaces} interfaces, {config:?}: {count} calls in {GATHERS} gathers:\n{}",
                calls.join("\n")
            );
            drop(trace);
            assert_eq!(daemon.end(), "");
        };
        count(DEFAULT, interfaces - 1);
        if interfaces == 1000 {
            // Protocol statistics take one call of their own.
            count("[[inputs.net]]\n", interfaces);
        }
    }
}

#[test]
fn counters_of_which_none_is_reported_are_not_asked_for() {
    if is_skipped_without_strace() {
        return;
    }
    let netns = netns_with(10);
    let questions = |options: &str| {
        let table = "[[inputs.net]]\nprotocols = ['ip:defaultttl']\nlink_state = true\n";
        let mut daemon = Daemon::start_as(netns.command(PLUGIN), &format!("{table}{options}"));
        daemon.batch();
        let trace = Trace::of_process(daemon.pid());
        for word in ["first", "second", "third"] {
            daemon.trigger(word);
            daemon.rest_until("net,interface=all ");
        }
        let calls = trace.between("\"first\\n\"", "\"third\\n\"");
        calls.iter().filter(|call| call.contains("sendto(")).count()
    };
    assert!(questions("") >= 2);
    assert_eq!(questions("interface_exclude = ['*']"), 0);
}

#[test]
fn nothing_is_done_between_the_last_event_and_the_next_trigger() {
    if is_skipped_without_strace() {
        return;
    }
    let netns = netns_with(10);
    let mut daemon = Daemon::start(&netns, DEFAULT);
    assert_eq!(daemon.gather().len(), 9);
    let trace = Trace::of_process(daemon.pid());
    let change = "link set left0 down
                  link set left0 name other0
                  link set other0 up
                  link set other0 down
                  link set other0 name left0
                  link set left0 up
                  link add passing type bridge
                  link del passing\n";
    netns.ip_batch(&change.repeat(50));
    // The events are followed without a trigger, and then it rests.
    let events = |text: &str| text.matches("recvfrom(").count();
    assert!(eventually("events", || Some(events(&trace.text())).filter(|&count| count > 100)) > 0);
    let at_rest = eventually("rest", || {
        let before = trace.text();
        std::thread::sleep(Duration::from_millis(300));
        (trace.text() == before).then_some(before)
    });
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(trace.text(), at_rest);
    assert_eq!(daemon.gather().len(), 9);
    assert!(trace.text().len() > at_rest.len());
    drop(trace);
    let lines = daemon.gather();
    assert!(names(&lines).contains(&"left0"), "{lines:?}");
    assert_eq!(daemon.end(), "");
}
