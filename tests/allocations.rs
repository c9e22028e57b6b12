//! A steady gather allocates nothing.

#![cfg(target_os = "linux")]

mod common;

use std::fmt::Write as _;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use common::{Netns, is_skipped, text};
use telegraf_net::config::Config;
use telegraf_net::format::influx::Influx;
use telegraf_net::gather::Collector;
use telegraf_net::log::Log;
use telegraf_net::model::counters::Counters;
use telegraf_net::model::rates::{Rates, Reading};
use telegraf_net::system::CurrentHost;

/// Two tables, with patterns, unsigned counters and protocol statistics.
const CONFIG: &str = "
    [[inputs.net]]
    source = 'netlink'
    [[inputs.net]]
    source = 'netlink'
    interfaces = ['left*', 'r?ght{1,2}*', 'lo']
    influx_uint_support = true
";

#[test]
fn a_steady_gather_allocates_nothing() {
    if is_skipped() {
        return;
    }
    for interfaces in [100, 1000] {
        let netns = Netns::new();
        let mut changes = String::new();
        for pair in 0..interfaces / 2 {
            write!(
                changes,
                "link add left{pair} type veth peer name right{pair}
                 link set left{pair} up
                 link set right{pair} up\n"
            )
            .unwrap();
        }
        netns.ip_batch(&changes);
        netns.ip_lines(
            "addr add 10.99.0.1/24 dev left0
             neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev left0",
        );
        thread::scope(|scope| {
            scope.spawn(|| {
                netns.enter();
                assert_allocates_nothing(interfaces);
            });
        });
    }
}

/// In the calling thread's network namespace.
fn assert_allocates_nothing(interfaces: usize) {
    let config = Config::parse(CONFIG.as_bytes(), &|_| None).unwrap();
    let mut collector = Collector::<CurrentHost>::new(config, &Influx, Log { debug: false });
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("10.99.0.2:9").unwrap();
    let mut batch = Vec::new();
    let mut gather = || {
        // The counters of one pair change, and get longer on their way to 120.
        (0..3).for_each(|_| assert!(socket.send(b"packet").is_ok()));
        batch.clear();
        collector.gather(&mut batch, || false);
        collector.after_write();
    };
    (0..30).for_each(|_| gather());
    let allocations = allocation_counter::measure(|| (0..10).for_each(|_| gather()));
    let lines = text(&batch);
    let count = |start: &str| lines.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(count("net,interface=right0 "), 1);
    assert_eq!(count("net,interface=left0 "), 2);
    assert_eq!(count("net,interface=all "), 2);
    assert!(count("") > interfaces * 3 / 2);
    assert!(lines.contains(",packets_sent=120i,") && lines.contains(",packets_sent=120u,"));
    assert_eq!(allocations.count_total, 0, "{interfaces} interfaces: {allocations:?}");
}

#[test]
fn rates_of_counters_that_wrap_or_dip_again_and_again_allocate_nothing_after_the_first_time() {
    let (mut reading, mut rates) = (Reading::default(), Rates::default());
    let (mut now, mut bytes_recv) = (Instant::now(), 0_u64);
    let mut with_rates = 0;
    let mut advance = |count: u32| {
        for number in 0..count {
            now += Duration::from_secs(10);
            bytes_recv += 1_250_000_000;
            let packets_recv = if number % 7 == 3 { 0 } else { bytes_recv };
            let bytes_recv = bytes_recv % (1 << 32);
            reading.begin(now);
            rates.advance(&Counters { bytes_recv, packets_recv, ..Counters::default() }, &reading);
            with_rates += rates.per_second.iter().flatten().count();
        }
    };
    advance(10);
    let allocations = allocation_counter::measure(|| advance(1000));
    assert!(with_rates > 7000, "{with_rates}");
    assert_eq!(allocations.count_total, 0, "{allocations:?}");
}
