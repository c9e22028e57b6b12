//! A storm of interfaces that are made, renamed, moved, set up and down, and stable ones in it.

#![cfg(target_os = "linux")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::line::Line;
use common::plugin::{ALL, Batch, DEFAULT, Daemon, assert_same, batch_in, parse, with_source};
use common::{Ending, Netns, PATIENCE, is_skipped, text};

/// Pairs whose counters stand still, each at numbers of its own.
const IDLE: usize = 45;

/// Pairs whose counters only grow.
const BUSY: usize = 5;

#[test]
fn a_storm_changes_no_stable_interface_by_netlink() {
    if !is_skipped() {
        storm("netlink", Duration::from_secs(60));
    }
}

#[test]
fn a_storm_changes_no_stable_interface_by_procfs() {
    if !is_skipped() {
        storm("procfs", Duration::from_secs(5));
    }
}

fn storm(source: &str, duration: Duration) {
    // The two storms would slow each other down.
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ALONE.lock();
    let netns = netns_with_stable_pairs();
    let other = Netns::new();
    let stable = Stable::of(&batch_in(&netns, DEFAULT));
    let (over, changes) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut daemons =
        [DEFAULT, ALL].map(|config| (config, Daemon::start(&netns, &with_source(config, source))));
    thread::scope(|scope| {
        let end_storm = Ending(&over);
        for steps in storms([&netns, &other]) {
            let (over, changes) = (&over, &changes);
            scope.spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    for (place, lines) in &steps {
                        place.ip_batch(lines);
                        changes.fetch_add(lines.lines().count(), Ordering::Relaxed);
                    }
                }
            });
        }
        scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            while !over.load(Ordering::Relaxed) {
                (IDLE..IDLE + BUSY).for_each(|pair| send(&socket, pair));
                thread::sleep(Duration::from_millis(1));
            }
        });
        let mut last = stable.busy.clone();
        let start = Instant::now();
        let (mut gathers, mut seen) = (0, 0);
        // On a slow machine, the storm takes longer to be met.
        while start.elapsed() < duration || seen == 0 && start.elapsed() < duration + PATIENCE {
            for (config, daemon) in &mut daemons {
                let batch = daemon.batch();
                last = stable.assert_in(&batch, &last, source == "netlink");
                if *config == DEFAULT {
                    let hidden = lines_of(&batch, "hidden");
                    assert!(hidden.is_empty(), "{}", text(&hidden.join(&b'\n')));
                    seen += usize::from(batch.len() > 2 * (IDLE + BUSY));
                }
                gathers += 1;
            }
        }
        let millis = usize::try_from(start.elapsed().as_millis()).unwrap();
        let rate = changes.load(Ordering::Relaxed) * 1000 / millis;
        drop(end_storm);
        println!("{source}: {gathers} gathers, {rate} changes a second");
        assert!(seen > 0, "no gather met an interface of the storm");
    });
    for (config, mut daemon) in daemons {
        let after = daemon.batch();
        assert_same(&after, &batch_in(&netns, config), "after the storm, and started anew");
        assert_eq!(daemon.end(), "");
    }
}

/// A network namespace with 50 stable pairs, whose counters stand at numbers of their own.
fn netns_with_stable_pairs() -> Netns {
    let netns = Netns::new();
    for pair in 0..IDLE + BUSY {
        let kind = if pair < IDLE { "idle" } else { "busy" };
        // The storm gets numbers between and below these.
        let (index, peer_index) = (1_000_000 + 4 * pair, 1_000_002 + 4 * pair);
        netns.ip_batch(&format!(
            "link add {kind}{pair} index {index} type veth peer name {kind}{pair}-peer index {peer_index}
             addr add 10.99.{pair}.1/24 dev {kind}{pair}
             link set {kind}{pair} up
             link set {kind}{pair}-peer up
             neigh add 10.99.{pair}.2 lladdr 02:00:00:00:00:02 dev {kind}{pair}"
        ));
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            netns.enter();
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            (0..IDLE + BUSY).for_each(|pair| (0..=pair).for_each(|_| send(&socket, pair)));
        });
    });
    netns
}

/// Sends a packet by a stable pair.
fn send(socket: &UdpSocket, pair: usize) {
    socket.send_to(b"packet", format!("10.99.{pair}.2:9")).unwrap();
}

/// What is to be seen of the stable interfaces.
struct Stable {
    /// The lines of the idle ones.
    idle: Batch,
    /// The counters of the busy ones.
    busy: Counters,
}

type Counters = BTreeMap<String, BTreeMap<String, i64>>;

impl Stable {
    fn of(batch: &Batch) -> Self {
        let idle = lines_of(batch, "idle");
        let busy = parse(&lines_of(batch, "busy"));
        assert_eq!((idle.len(), busy.len()), (2 * IDLE, 2 * BUSY));
        let distinct: BTreeSet<_> =
            parse(&idle).into_values().map(|fields| fields["packets_sent"]).collect();
        // The peers have sent nothing.
        assert_eq!(distinct.len(), IDLE + 1);
        Self { idle, busy }
    }

    /// Looks at a batch that came after `last`, and returns the busy ones' counters in it.
    fn assert_in(&self, batch: &Batch, last: &Counters, is_exact: bool) -> Counters {
        assert_same(&lines_of(batch, "idle"), &self.idle, "idle interfaces now, and before");
        let busy = parse(&lines_of(batch, "busy"));
        assert!(busy.keys().eq(last.keys()), "{:?}", busy.keys());
        for (name, fields) in &busy {
            assert!(fields.keys().eq(last[name].keys()), "{name}: {fields:?}");
            for (field, value) in fields {
                assert!(*value >= last[name][field], "{field} of {name}: {last:?} {busy:?}");
            }
        }
        if is_exact {
            // No name is there twice.
            parse(batch);
        }
        busy
    }
}

/// The lines of the interfaces whose names begin so.
fn lines_of(batch: &Batch, prefix: &str) -> Batch {
    let prefix = format!("net,interface={prefix}");
    batch.iter().filter(|line| line.starts_with(prefix.as_bytes())).cloned().collect()
}

/// What each thread of the storm does over and over: changes, one a line, in one network namespace
/// after the other.
fn storms([first, second]: [&Netns; 2]) -> Vec<Vec<(&Netns, String)>> {
    // Up and down, in and out of the default selection, while the names go round.
    let flips = [("bridge", 1_000_001, 1_000_061), ("ifb", 1_000_021, 1_000_103)].map(
        |(kind, index0, index1)| {
            let flip = format!(
                "link set {kind}0 up
             link set {kind}1 up
             link set {kind}0 down
             link set {kind}0 name {kind}2
             link set {kind}1 down
             link set {kind}1 name {kind}0
             link set {kind}2 name {kind}1\n"
            );
            let make = format!(
                "link add {kind}0 index {index0} type {kind}
             link add {kind}1 index {index1} type {kind}\n"
            );
            let end = format!("link del {kind}0\nlink del {kind}1");
            vec![(first, make + &flip.repeat(60) + &end)]
        },
    );
    // Down all their life.
    let turns = "link set hidden0 name hidden2
                 link set hidden1 name hidden0
                 link set hidden2 name hidden1\n"
        .repeat(6);
    let hidden = format!(
        "link add hidden0 index 1000041 type ifb
         link add hidden1 type ifb
         {turns}link del hidden0
         link del hidden1\n"
    );
    // A new one has the name that another one had just now.
    let ups = "link set made1 up\nlink set made1 down\n".repeat(6);
    let made = format!(
        "link add made0 type veth peer name made1 index 1000081
         link set made0 up
         {ups}link set made1 name made2
         link add made1 type bridge
         {ups}link set made2 master made1
         link set made1 up
         link del made1
         link del made0\n"
    );
    let to =
        |netns: &Netns| format!("link set moved0 netns {0}\nlink set moved1 netns {0}", netns.name);
    let up = "link set moved0 up\nlink set moved1 up\nlink set moved0 down\n".repeat(6);
    let moved = vec![
        (
            first,
            format!("link add moved0 index 1000161 type veth peer name moved1\n{up}{}", to(second)),
        ),
        (second, format!("{up}{}", to(first))),
        (first, format!("{up}link del moved0")),
    ];
    let made = vec![(first, hidden.repeat(5) + made.repeat(5).trim())];
    flips.into_iter().chain([made, moved]).collect()
}

#[test]
fn names_that_go_round_lend_no_interface_the_rates_of_another() {
    const NAMES: usize = 8;
    if is_skipped() {
        return;
    }
    let netns = Netns::new();
    let mut changes = "link add busy type ifb\naddr add 10.99.0.1/16 dev busy\nlink set busy up\n\
                       neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev busy\n"
        .to_owned();
    for number in 0..NAMES {
        write!(
            changes,
            "link add idle{number} type ifb
             addr add 10.98.{number}.1/24 dev idle{number}
             link set idle{number} up
             neigh add 10.98.{number}.2 lladdr 02:00:00:00:00:02 dev idle{number}\n"
        )
        .unwrap();
    }
    netns.ip_batch(&changes);
    let send = |count: usize, address: &str| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        (0..count).for_each(|_| assert!(socket.send_to(b"packet", address).is_ok()));
    };
    // From here on, theirs stand still, each at numbers of its own.
    thread::scope(|scope| {
        scope.spawn(|| {
            netns.enter();
            (0..NAMES).for_each(|number| send(10 * number, &format!("10.98.{number}.2:9")));
        });
    });
    let downs = (0..NAMES).map(|number| format!("link set idle{number} down"));
    netns.ip_batch(&downs.collect::<Vec<_>>().join("\n"));
    let config = "[[inputs.net]]\ninterfaces = ['idle*', 'spare*', 'busy']\nrates = true\n\
                  ignore_protocol_stats = true\nsource = 'procfs'\n\
                  [[inputs.net]]\ninterface_exclude = ['*']\nsource = 'procfs'\n";
    let mut daemon = Daemon::start_as(netns.command(common::PLUGIN), config);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _end_storm = Ending(&over);
        for pair in 0..NAMES / 2 {
            let (netns, over) = (&netns, &over);
            scope.spawn(move || {
                let (one, other) = (2 * pair, 2 * pair + 1);
                let swap = format!(
                    "link set idle{one} name spare{pair}
                     link set idle{other} name idle{one}
                     link set spare{pair} name idle{other}\n"
                );
                let mut pause = 0;
                while !over.load(Ordering::Relaxed) {
                    netns.ip_batch(&swap.repeat(2));
                    // Now and then, all have the time to get rates.
                    pause = (pause + 1) % 50;
                    if pause == 0 {
                        thread::sleep(Duration::from_millis(200));
                    }
                }
            });
        }
        scope.spawn(|| {
            netns.enter();
            while !over.load(Ordering::Relaxed) {
                send(1, "10.99.0.2:9");
                thread::sleep(Duration::from_millis(1));
            }
        });
        let (mut idle, mut busy) = (0, 0);
        let start = Instant::now();
        let duration = Duration::from_secs(15);
        let has_both = |idle, busy| idle > 0 && busy > 0;
        while start.elapsed() < duration
            || !has_both(idle, busy) && start.elapsed() < duration + PATIENCE
        {
            for line in daemon.batch() {
                let line = Line::parse(&[&*line, b" 0"].concat());
                let name = line.tag("interface").unwrap();
                let rates = line.fields.keys().filter(|key| key.ends_with("_rate"));
                let rates: Vec<_> = rates.map(|key| line.float(key).unwrap()).collect();
                if name == "busy" {
                    busy += usize::from(rates.iter().any(|&rate| rate > 0.0));
                    continue;
                }
                idle += usize::from(!rates.is_empty());
                assert!(rates.iter().all(|&rate| rate == 0.0), "{name}: {line:?}");
            }
        }
        println!("{idle} lines of idle ones, {busy} of the busy one with rates");
        assert!(
            has_both(idle, busy),
            "{idle} lines of idle ones, {busy} of the busy one with rates"
        );
    });
    assert_eq!(daemon.end(), "");
}
