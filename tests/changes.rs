//! What a line tells of the gather before it: rates, and that it is left out when it says nothing new.

#![cfg(target_os = "linux")]

mod common;

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use common::gathers::Follower;
use common::line::{COUNTERS, Line};
use common::plugin::SOURCES;
use common::{Netns, is_skipped};

/// A pair of interfaces that are up, one of them with an address to send from.
fn pair() -> Netns {
    let netns = Netns::new();
    netns.ip_lines(
        "link add v0 type veth peer name v1
         addr add 10.99.0.1/24 dev v0
         link set v0 up
         link set v1 up
         neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev v0",
    );
    netns
}

/// Sends so many datagrams through `v0`.
fn send(netns: &Netns, count: usize) {
    thread::scope(|scope| {
        scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind("10.99.0.1:0").unwrap();
            for _ in 0..count {
                socket.send_to(b"packet", "10.99.0.2:9").unwrap();
            }
        });
    });
}

fn rate_keys(line: &Line) -> Vec<&str> {
    let keys = line.fields.keys().map(String::as_str);
    keys.filter(|key| key.ends_with("_rate") || key.starts_with("utilization")).collect()
}

#[test]
fn a_rate_is_what_the_counter_grew_by_in_the_time_between() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = pair();
        let config = "[[inputs.net]]\nrates = true\nignore_protocol_stats = true\n";
        let mut plugin = Follower::start(&netns, config, source);
        let first = plugin.gather();
        assert_eq!(rate_keys(first.line("v0")), [""; 0], "{source}");
        send(&netns, 50);
        thread::sleep(Duration::from_millis(300));
        let second = plugin.gather();
        for name in ["v0", "v1"] {
            let (before, now) = (first.line(name), second.line(name));
            // The plugin reads the time of day and the monotonic clock one after the other.
            #[expect(clippy::cast_precision_loss, reason = "some hundred million")]
            let seconds = (now.time - before.time) as f64 / 1e9;
            for counter in COUNTERS {
                let grown = now.integer(counter).unwrap() - before.integer(counter).unwrap();
                let grown = f64::from(i32::try_from(grown).unwrap());
                let rate = now.float(&format!("{counter}_rate")).unwrap();
                let error = (rate * seconds - grown).abs();
                assert!(error <= grown * 0.5, "{source} {counter} of {name}: {rate} for {grown}");
            }
            // Of 10000 Mbit/s.
            for (utilization, rate) in
                [("utilization_out", "bytes_sent_rate"), ("utilization_in", "bytes_recv_rate")]
            {
                let expected = now.float(rate).unwrap() * 8.0 / 1e10 * 100.0;
                let error = (now.float(utilization).unwrap() - expected).abs();
                // Both are rounded.
                assert!(error <= 2e-6, "{source} {utilization} of {name}");
            }
        }
        assert!(second.line("v0").float("packets_sent_rate").unwrap() > 0.0);
        assert!(second.line("v1").float("bytes_recv_rate").unwrap() > 0.0);
        let third = plugin.gather();
        assert_eq!(third.line("v0").field("bytes_sent_rate"), Some("0"), "{source}");
        assert_eq!(plugin.end(), "");
    }
}

#[test]
fn without_a_speed_there_is_no_utilization() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = Netns::new();
        netns.ip_lines("link set lo up\nlink add v0 type veth peer name v1\nlink set v0 up");
        let config = "[[inputs.net]]\ninterfaces = ['*']\nrates = true\n";
        let mut plugin = Follower::start(&netns, config, source);
        plugin.gather();
        let lines = plugin.gather();
        // A loopback has none, and one that is down tells none.
        for name in ["lo", "v1"] {
            assert_eq!(rate_keys(lines.line(name)).len(), 8, "{source} {name}");
        }
        assert_eq!(rate_keys(lines.line("v0")).len(), 10, "{source}");
    }
}

#[test]
fn after_a_long_gap_one_line_has_no_rates() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = pair();
        let config = "[[inputs.net]]\ninterfaces = ['v0']\nrates = true\n\
                      ignore_protocol_stats = true\n";
        let mut plugin = Follower::start(&netns, config, source);
        let mut asked = Instant::now();
        // How many rates there are, and the most that the gap before can have been.
        let mut gather = || {
            let before = std::mem::replace(&mut asked, Instant::now());
            let count = rate_keys(plugin.gather().line("v0")).len();
            (count, before.elapsed())
        };
        assert_eq!(gather().0, 0, "{source}");
        let usual = Duration::from_millis(200);
        let mut longest = usual;
        for number in 2..6 {
            thread::sleep(usual);
            let (count, gap) = gather();
            assert!(number > 2 || count == 10, "{source}: {count}");
            longest = longest.max(gap);
        }
        thread::sleep(longest * 10);
        assert_eq!(gather().0, 0, "{source}");
        // The machine may be so slow that this gap is a long one too.
        while let (0, gap) = gather() {
            assert!(gap > usual * 3, "{source}: {gap:?}");
        }
    }
}

#[test]
fn an_interface_that_is_made_anew_under_its_name_starts_without_rates() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = pair();
        let config = "[[inputs.net]]\ninterfaces = ['v0']\nrates = true\n";
        let mut plugin = Follower::start(&netns, config, source);
        plugin.gather();
        // Long enough for what follows to be no long gap.
        thread::sleep(Duration::from_millis(500));
        assert_eq!(rate_keys(plugin.gather().line("v0")).len(), 10, "{source}");
        // No counter goes backwards by that.
        netns.ip_lines("link del v0\nlink add v0 type veth peer name v1\nlink set v0 up");
        assert_eq!(rate_keys(plugin.gather().line("v0")), [""; 0], "{source}");
        assert!(!rate_keys(plugin.gather().line("v0")).is_empty(), "{source}");
    }
}

#[test]
fn a_line_that_says_nothing_new_is_left_out_until_it_does() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = pair();
        let config = "[[inputs.net]]\ninterfaces = ['v*']\ndedup_interval = '1h'\n\
                      interface_tags = ['alias']\nprotocols = ['udp:noports']\n";
        let mut plugin = Follower::start(&netns, config, source);
        let mut step = |change: &dyn Fn(), expected: &[&str]| {
            change();
            assert_eq!(plugin.gather().names(), expected, "by {source}");
        };
        let ip = |lines: &'static str| {
            let netns = &netns;
            move || netns.ip_lines(lines)
        };
        step(&|| {}, &["v1", "v0", "all"]);
        step(&|| {}, &[]);
        step(&|| send(&netns, 1), &["v1", "v0"]);
        step(&|| {}, &[]);
        // A tag, the speed, the name, and the protocol statistics.
        step(&ip("link set v1 alias one"), &["v1"]);
        step(&|| {}, &[]);
        step(&ip("link set v1 down"), &["v1"]);
        step(&ip("link set v1 up"), &["v1"]);
        step(&ip("link set v1 down\nlink set v1 name v2"), &["v2"]);
        step(&|| refused(&netns), &["all"]);
        step(&|| {}, &[]);
        assert_eq!(plugin.end(), "");
        // One that is started anew says all of it.
        let mut plugin = Follower::start(&netns, config, source);
        assert_eq!(plugin.gather().names(), ["v2", "v0", "all"], "by {source}");
    }
}

/// Has the loopback count a datagram that nobody listened for.
fn refused(netns: &Netns) {
    netns.ip_lines("link set lo up");
    thread::scope(|scope| {
        scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let _ = socket.send_to(b"packet", "127.0.0.1:9");
        });
    });
}

#[test]
fn a_line_comes_again_when_its_time_has_passed_and_each_table_has_its_own() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = pair();
        let table = |interval: &str, more: &str| {
            format!("[[inputs.net]]\ninterfaces = ['v0']\ndedup_interval = '{interval}'\n{more}\n")
        };
        let noports = "protocols = ['udp:noports']";
        // Its lines have fields of their own.
        let hour = table("1h", "protocols = ['udp:inerrors']\nlink_state = true");
        let config = [table("0s", noports), table("1ms", noports), hour].concat();
        let mut plugin = Follower::start(&netns, &config, source);
        let keys = |line: &Line| line.fields.keys().cloned().collect::<Vec<_>>();
        let first: Vec<_> = plugin.gather().0.iter().map(keys).collect();
        assert_eq!(first.len(), 6, "{source}");
        thread::sleep(Duration::from_millis(5));
        let second: Vec<_> = plugin.gather().0.iter().map(keys).collect();
        assert_eq!(second, first[..4], "{source}");
    }
}

#[test]
fn a_counter_that_was_never_other_than_zero_is_left_out_until_it_is_and_stays_from_then_on() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = pair();
        let table = "[[inputs.net]]\ninterfaces = ['lo']\ncounters = 'all'\ndump_zeros = false\n\
                     protocols = ['udp:noports', 'udp:outdatagrams', 'udp:inerrors']\n";
        let mut plugin = Follower::start(&netns, table, source);
        let first = plugin.gather();
        assert_eq!(first.names(), ["lo"], "{source}");
        assert!(COUNTERS.iter().all(|counter| first.line("lo").field(counter) == Some("0i")));
        assert_eq!(first.line("lo").fields.len(), COUNTERS.len() + 1, "{source}");
        refused(&netns);
        for _ in 0..2 {
            let lines = plugin.gather();
            assert_eq!(keys(lines.line("all")), ["udp_noports", "udp_outdatagrams"], "{source}");
            assert_eq!(lines.line("lo").fields.len(), COUNTERS.len() + 1, "{source}");
        }
        assert_eq!(plugin.end(), "");
    }
}

#[test]
fn with_dedup_fields_a_line_has_what_is_new() {
    if is_skipped() {
        return;
    }
    for (source, _) in SOURCES {
        let netns = pair();
        netns.ip_lines("link set lo up");
        let table = "[[inputs.net]]\ninterfaces = ['lo', 'v0']\ndedup_interval = '1h'\n\
                     dedup_fields = true\nlink_state = true\n\
                     protocols = ['udp:noports', 'udp:outdatagrams', 'udp:inerrors']\n";
        let mut plugin = Follower::start(&netns, table, source);
        let first = plugin.gather();
        assert_eq!(keys(first.line("all")).len(), 3, "{source}");
        assert!(first.line("v0").field("mtu").is_some(), "{source}");
        assert_eq!(plugin.gather().names(), [""; 0], "{source}");
        refused(&netns);
        netns.ip_lines("link set v0 mtu 1400");
        let second = plugin.gather();
        assert_eq!(keys(second.line("v0")), ["mtu"], "{source}");
        assert_eq!(keys(second.line("all")), ["udp_noports", "udp_outdatagrams"], "{source}");
        let traffic = ["bytes_recv", "bytes_sent", "packets_recv", "packets_sent"];
        assert_eq!(keys(second.line("lo")), traffic, "{source}");
        assert_eq!(plugin.gather().names(), [""; 0], "{source}");
        assert_eq!(plugin.end(), "");
    }
}

/// The fields that it has, by name.
fn keys(line: &Line) -> Vec<&str> {
    line.fields.keys().map(String::as_str).collect()
}
