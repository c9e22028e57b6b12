//! The plugin for as long as is asked for, while interfaces and network namespaces are made, renamed, swapped,
//! moved, changed and removed as fast as the kernel does it.
//!
//! Each interface has an identity, which its number, its MAC address, its alias, its alternative name, its MTU and
//! the length of its queue tell, and the size of each frame that it sends: so a line that has something of one
//! interface and something of another is seen at once, whatever their names were meanwhile. Frames are sent between
//! gathers alone: in any reading, bytes are exactly frames times their size.
//!
//! `make soak` takes `SOAK_SECONDS` or `SOAK_GATHERS`, and `SOAK_SEED` to do the same again. A failure prints what
//! proves it, and what was done before.

#![cfg(target_os = "linux")]

mod churn;
#[path = "../common/mod.rs"]
mod common;
mod history;
mod judge;
mod plugin;
mod random;
mod rtnetlink;

use std::env;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use churn::{Churn, Shared, describe};
use common::machine::Machine;
use common::namespaces::END;
use common::{PLUGIN, is_skipped, without_notes};
use judge::Judge;
use plugin::{Plugin, Use};
use random::Random;

/// What a process may have more of than after its warm-up, in KiB. Names, tags and lines of interfaces that come
/// and go leave holes between those that stay.
const MEMORY_SLACK_KB: u64 = 1024;

/// So many gathers are its warm-up, at the least.
const WARM_UP: usize = 500;

/// And so many of a way that is not in each round.
const SELDOM_WARM_UP: usize = 60;

/// What it may have open for each namespace that is there for a while: sockets, and a file of the namespace.
const FILES_EACH: usize = 12;

/// A way of the plugin, with all that goes together in it.
struct Way {
    name: &'static str,
    source: &'static str,
    /// With protocol statistics, which take most of the time where there are any.
    has_protocols: bool,
    /// It has every so manieth round.
    every: usize,
}

const WAYS: [Way; 3] = [
    Way { name: "netlink", source: "netlink", has_protocols: false, every: 1 },
    Way { name: "netlink, protocols", source: "netlink", has_protocols: true, every: 40 },
    Way { name: "procfs, protocols", source: "procfs", has_protocols: true, every: 40 },
];

impl Way {
    /// Several tables of the same interfaces, each with tags of its own, as `judge` knows them by.
    fn config(&self) -> String {
        let Self { source, has_protocols, .. } = self;
        let all = format!(
            "source = '{source}'\nnamespace_include = ['', '*']\nnamespace_discovery = 'processes'\n"
        );
        // All that tell of several namespaces have the same host_proc, and by netlink it is found out whose it is.
        let own = if *source == "netlink" { "" } else { "source = 'procfs'\n" };
        let (whole, new) = if *has_protocols {
            (
                "protocols = ['ip', 'icmp', 'icmpmsg', 'tcp', 'udp', 'ip6', 'icmp6', 'udp6', 'udplite6', \
                 'tcpext', 'ipext', 'mptcpext', 'sockstat', 'sockstat6']\n\
                 interface_protocols = ['ip6', 'icmp6']\n",
                "protocols = ['udplite']\n",
            )
        } else {
            ("ignore_protocol_stats = true\n", "ignore_protocol_stats = true\n")
        };
        let kinds = |words| if *source == "netlink" { words } else { "" };
        let tables = [
            format!(
                "{whole}interfaces = ['*']\ncounters = 'all'\nlink_state = true\nrates = true\n\
                 speed_refresh = '1s'\n\
                 interface_tags = ['alias', 'altname', 'mac', 'kind', 'master', 'lower', 'driver', 'namespace']\n"
            ),
            format!(
                "{new}interfaces = ['a*', 't?ird']\ncounters = 'all'\ndump_zeros = false\n\
                 dedup_interval = '1h'\ndedup_fields = true\ninterface_tags = ['mac']\n"
            ),
            "ignore_protocol_stats = true\nlink_state = true\nrates = true\n".to_owned(),
            format!(
                "{}interfaces = ['*']\nignore_protocol_stats = true\ndedup_interval = '1h'\n\
                 interface_tags = ['alias']\n",
                kinds("kind_exclude = ['bridge']\n")
            ),
            format!(
                "{}interfaces = ['?*']\nignore_protocol_stats = true\ninflux_uint_support = true\n\
                 interface_tags = ['mac', 'kind', 'master']\nhost_proc = '/run/host/proc'\n\
                 host_sys = '/run/host/sys'\nspeed_refresh = '0s'\n",
                kinds("kind_include = ['veth', 'bridge']\n")
            ),
        ];
        // By procfs, not all lines have what tells tables apart.
        let is_told = |table: usize| *source == "netlink" || [0, 4].contains(&table);
        let tables = tables.iter().zip([&*all, &all, &all, &all, own]).enumerate();
        let tables = tables.filter(|(number, _)| is_told(*number)).map(|(_, (table, common))| {
            format!("[[inputs.net]]\ninterface_exclude = ['lo']\n{common}{table}")
        });
        tables.collect::<String>() + END
    }
}

/// One process, and who looks at what it says.
struct Run<'a> {
    way: &'static Way,
    plugin: Plugin,
    judge: Judge<'a>,
    /// Before anything changed.
    base: Use,
    warm: Option<Use>,
    most: Use,
}

impl Run<'_> {
    fn gather(&mut self) {
        let answer = self.plugin.answer();
        self.judge.look_at(&answer);
        assert!(!self.plugin.says_more(), "{}: more than was asked for", self.way.name);
        self.plugin.reuse(answer.bytes);
    }

    fn check_use(&mut self) {
        let used = self.plugin.used();
        let files = self.base.files + 2 * FILES_EACH;
        assert!(used.files <= files, "{}: {used:?} of {:?}", self.way.name, self.base);
        assert!(used.threads <= self.base.threads + 1, "{}: {used:?}", self.way.name);
        self.most.pss_kb = self.most.pss_kb.max(used.pss_kb);
        self.most.resident_kb = self.most.resident_kb.max(used.resident_kb);
        self.most.files = self.most.files.max(used.files);
        self.most.threads = self.most.threads.max(used.threads);
        if self.judge.batches >= (WARM_UP / self.way.every).max(SELDOM_WARM_UP) {
            let warm = *self.warm.get_or_insert(used);
            let limit = warm.resident_kb + MEMORY_SLACK_KB;
            assert!(used.resident_kb <= limit, "{}: {used:?}, after {warm:?}", self.way.name);
        }
    }
}

/// Ends the churn, also when an assertion fails.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

fn number(key: &str) -> Option<u64> {
    let value = env::var(key).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{key} takes a number: found {value:?}")))
}

#[test]
fn whatever_changes_meanwhile_each_line_is_of_one_interface_and_nothing_piles_up() {
    if is_skipped() {
        return;
    }
    let gathers = number("SOAK_GATHERS").map(|gathers| usize::try_from(gathers).unwrap());
    let seconds = number("SOAK_SECONDS").unwrap_or(20);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = number("SOAK_SEED").unwrap_or_else(|| now.as_secs() ^ u64::from(now.subsec_nanos()));
    let program = env::var("TELEGRAF_NET").unwrap_or_else(|_| PLUGIN.to_owned());
    println!("SOAK_SEED={seed} TELEGRAF_NET={program}");
    let machine = Machine::new();
    machine.sh("mkdir -p /run/host/proc /run/host/sys /run/netns
         mount -t proc proc /run/host/proc
         mount -t sysfs sysfs /run/host/sys");
    let shared = Shared::default();
    let mut random = Random::new(seed);
    let churn = Churn::new(&machine, &shared, random.clone());
    let mut runs: Vec<_> = WAYS.iter().map(|way| start(way, &program, &machine, &shared)).collect();
    let start = Instant::now();
    let mut rounds = 0;
    thread::scope(|scope| {
        let end = End(&shared);
        let churning = scope.spawn(|| churn.run());
        let mut told = Instant::now();
        let is_over = |rounds: usize| match gathers {
            Some(gathers) => rounds >= gathers,
            None => start.elapsed() >= Duration::from_secs(seconds) && rounds >= WARM_UP,
        };
        while !is_over(rounds) && !churning.is_finished() {
            rounds += 1;
            shared.targets.send(3, &mut random);
            shared.pace.allow(rounds);
            round(&mut runs, rounds);
            if rounds % 200 == 0 {
                runs.iter_mut().for_each(Run::check_use);
            }
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                tell(&runs, &shared, rounds, start);
            }
        }
        drop(end);
        let _churn = churning.join().unwrap();
        // What there always is has all gone quiet: nothing may be left of what came and went.
        for _ in 0..20 {
            for run in &mut runs {
                run.plugin.trigger();
            }
            runs.iter_mut().for_each(Run::gather);
        }
        tell(&runs, &shared, rounds, start);
        for run in &mut runs {
            run.check_use();
            let used = run.plugin.used();
            let (base, name) = (run.base, run.way.name);
            assert_eq!((used.files, used.threads), (base.files, base.threads), "{name}");
        }
        assert_rest(&runs);
    });
    for run in runs {
        let (name, log) = (run.way.name, run.plugin.end());
        check_log(name, &log);
    }
}

fn start<'a>(way: &'static Way, program: &str, machine: &Machine, shared: &'a Shared) -> Run<'a> {
    let mut plugin = Plugin::start(machine.command(program), &way.config());
    let mut judge = Judge::new(&shared.history, way.source == "netlink");
    for _ in 0..20 {
        plugin.trigger();
        judge.look_at(&plugin.answer());
    }
    let base = plugin.used();
    Run { way, plugin, judge, base, warm: None, most: base }
}

/// A gather of each whose turn it is, all at once.
fn round(runs: &mut [Run<'_>], number: usize) {
    let is_due = |run: &&mut Run<'_>| number.is_multiple_of(run.way.every);
    runs.iter_mut().filter(is_due).for_each(|run| run.plugin.trigger());
    runs.iter_mut().filter(is_due).for_each(Run::gather);
}

fn tell(runs: &[Run<'_>], shared: &Shared, rounds: usize, start: Instant) {
    let known = shared.history.lock();
    println!("{:.0?}: {rounds} rounds; {}", start.elapsed(), describe(&known));
    drop(known);
    for run in runs {
        let (used, judge) = (run.plugin.used(), &run.judge);
        println!(
            "  {}: {} gathers, {} lines, {} of them with rates; {} kB (warm: {:?}, most: {}), Pss {} kB (most: {}), \
             {} files (at first: {}, most: {}), {} threads",
            run.way.name,
            judge.batches,
            judge.lines,
            judge.rates,
            used.resident_kb,
            run.warm.map(|warm| warm.resident_kb),
            run.most.resident_kb,
            used.pss_kb,
            run.most.pss_kb,
            used.files,
            run.base.files,
            run.most.files,
            used.threads,
        );
    }
}

/// They take nothing while nothing happens.
fn assert_rest(runs: &[Run<'_>]) {
    // What was put off is done by then.
    thread::sleep(Duration::from_secs(2));
    let before: Vec<_> = runs.iter().map(|run| run.plugin.activity()).collect();
    thread::sleep(Duration::from_secs(1));
    for (run, before) in runs.iter().zip(before) {
        let after = run.plugin.activity();
        let (ticks, waits) = (after.ticks - before.ticks, after.waits - before.waits);
        println!("  {}: {ticks} hundredths of a second at rest, {waits} waits", run.way.name);
        assert!(ticks <= 5 && waits <= 20, "{} is busy at rest", run.way.name);
        assert!(!run.plugin.says_more(), "{} speaks unasked", run.way.name);
    }
}

/// Each condition is told when it starts and when it ends, and once.
fn check_log(name: &str, log: &[String]) {
    let mut lasting: Vec<&str> = Vec::new();
    let log = without_notes(&(log.join("\n") + "\n"));
    println!("{name} logged:\n{log}");
    for line in log.lines() {
        if let Some(message) = line.strip_prefix("I! resolved: ") {
            let place = lasting.iter().position(|other| *other == message);
            lasting.remove(place.unwrap_or_else(|| panic!("{message:?} had not begun")));
        } else if line.starts_with("W! kinds of ") || line.starts_with("I! ") {
        } else {
            let message = line.split_once("! ").map_or(line, |(_, message)| message);
            assert!(!lasting.contains(&message), "twice: {message}");
            lasting.push(message);
        }
    }
    assert!(lasting.is_empty(), "{name}: {lasting:?}");
}
