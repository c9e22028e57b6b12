//! Many network namespaces: what they cost, and who is reported where not all can be.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use common::machine::{Machine, Named};
use common::namespaces::{END_LINE, EVERYTHING, NamespaceLines, SANDBOX, Watcher, forbidden_for};
use common::plugin::{Batch, assert_same};
use common::trace::{Trace, is_skipped_without_strace};
use common::{eventually, is_skipped, text};

#[test]
// Threads have calls of their own, to wake each other.
#[cfg(not(feature = "threads"))]
fn a_gather_takes_two_system_calls_for_each_namespace_and_enters_none() {
    const GATHERS: usize = 5;
    if is_skipped_without_strace() {
        return;
    }
    for folders in ["true", "mkdir -p /run/docker/netns"] {
        let machine = Machine::new();
        machine.sh(folders);
        for number in 0..20 {
            let namespace = machine.add(&format!("space{number}"));
            namespace.ip_lines(
                "link add a0 type veth peer name b0
                 link set a0 up
                 link set b0 up
                 link set lo up",
            );
            if ![3, 20].contains(&(number + 1)) {
                continue;
            }
            let mut watcher = Watcher::start(
                &machine,
                "ignore_protocol_stats = true\nnamespace_include = ['?*']\n",
            );
            (0..3).for_each(|_| drop(watcher.gather()));
            let trace = Trace::of_process(watcher.pid());
            for gather in 0..=GATHERS {
                watcher.daemon.trigger(&format!("gather{gather}"));
                while !watcher.daemon.read_line().starts_with(END_LINE.as_bytes()) {}
            }
            let calls = trace.between("\"gather0\\n\"", &format!("\"gather{GATHERS}\\n\""));
            let all = calls.join("\n");
            for call in ["setns(", "clone(", "clone3(", "open(", "openat(", "socket("] {
                assert!(!all.contains(call), "{call} in\n{all}");
            }
            let most = GATHERS * (2 * (number + 1) + 12);
            assert!(calls.len() <= most, "{} calls, not {most}, in\n{all}", calls.len());
            drop(trace);
            assert_eq!(watcher.gather().names().len(), number + 1);
            assert_eq!(watcher.end(), "");
        }
    }
}

#[test]
fn namespaces_that_there_are_no_files_for_are_left_out_and_one_line_says_so() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    for number in 0..30 {
        machine.add(&format!("space{number:02}")).ip_lines(
            "link add up0 type veth peer name up1
             link set up0 up
             link set up1 up",
        );
    }
    // How many are left when no other namespace can be entered depends on the limit.
    for (limit, discovery) in (60..70).flat_map(|limit| [(limit, "named"), (limit, "processes")]) {
        let by = ["prlimit", &format!("--nofile={limit}:{limit}")];
        let table =
            format!("{EVERYTHING}namespace_include = ['*']\nnamespace_discovery = '{discovery}'\n");
        let mut watcher = Watcher::start_as(&machine, &by, &table);
        let mut gather = || {
            let reported = watcher.gather();
            let names: Vec<_> = reported.names().into_iter().map(str::to_owned).collect();
            for name in names.iter().filter(|name| !name.is_empty()) {
                // Nothing of them is missing.
                assert_eq!(reported.field(name, "up0", "speed"), Some(10_000), "{name}");
                assert!(reported.field(name, "up0", "ip6_inreceives").is_some(), "{name}");
                assert!(reported.field(name, "all", "tcpext_listendrops").is_some(), "{name}");
            }
            names
        };
        let names = gather();
        assert!((4..30).contains(&names.len()), "{limit}: {names:?}");
        for _ in 0..3 {
            assert_eq!(gather(), names, "{limit}");
        }
        let log = watcher.end();
        let left_out = 30 - (names.len() - 1);
        let first = names.len() - 1;
        let expected = format!(
            "E! {left_out} network namespaces are left out, such as \"space{first:02}\": raise the \
             limit of open files (LimitNOFILE)\n"
        );
        assert_eq!(log, expected, "{limit}");
    }
}

#[test]
fn a_driver_that_is_slow_at_the_start_costs_no_other_namespace_anything() {
    if is_skipped_without_strace() {
        return;
    }
    let machine = Machine::new();
    machine.ip_lines("link add own0 type veth peer name own1\nlink set own0 up\nlink set own1 up");
    let make = |name| {
        let namespace = machine.add(name);
        namespace.ip_lines(
            "link set lo up
             link add up0 type veth peer name up1
             link set up0 up
             link set up1 up
             link add down0 type ifb",
        );
        namespace
    };
    let _blue = make("blue");
    let mut watcher = Watcher::start(&machine, "namespace_include = ['*']\n");
    let pid = watcher.pid();
    // It asks for the first speed for that long.
    let trace = Trace::injecting_in("speed", "sendto:delay_enter=2000000:when=1", pid);
    let reported = watcher.gather();
    assert_eq!(reported.interfaces("blue"), ["up1", "up0"]);
    assert_eq!(reported.interfaces(""), ["own1", "own0"]);
    assert_eq!(reported.field("", "own0", "speed"), None);
    // Of one that comes now, nothing can be told yet.
    let _late = make("late");
    let mut is_there = || {
        let reported = watcher.gather();
        assert_eq!(reported.interfaces("blue"), ["up1", "up0"]);
        let is_there = reported.0.contains_key("late");
        assert!(!is_there || reported.interfaces("late") == ["up1", "up0"]);
        is_there.then_some(())
    };
    assert_eq!(is_there(), None);
    eventually("the namespace that came late", is_there);
    eventually("the speed", || watcher.gather().field("", "own0", "speed"));
    assert!(trace.text().contains("(DELAYED)"), "{}", trace.text());
    drop(trace);
    assert_eq!(watcher.end(), "");
}

#[test]
fn events_of_one_namespace_are_not_taken_for_those_of_another() {
    if is_skipped_without_strace() {
        return;
    }
    let machine = Machine::new();
    let entered = machine.add("entered");
    entered.ip_lines("link add ifb0 type ifb\nlink set ifb0 up");
    let mut watcher = Watcher::start(&machine, "namespace_include = ['?*']\n");
    assert_eq!(watcher.gather().interfaces("entered"), ["ifb0"]);
    // This one stands before it, and is read by the files of a process.
    let trace = Trace::injecting("setns:error=EPERM:when=1", watcher.pid());
    machine.add("a-forbidden-one");
    let _living = machine.start(&["ip", "netns", "exec", "a-forbidden-one", "cat"]);
    assert_eq!(watcher.gather().names(), ["a-forbidden-one", "entered"]);
    drop(trace);
    entered.ip_lines("link set ifb0 down");
    assert_eq!(watcher.gather().interfaces("entered"), [""; 0]);
    assert_eq!(watcher.end(), forbidden_for(SANDBOX, 1, 1));
}

#[test]
fn drivers_of_many_namespaces_do_not_delay_a_stop() {
    const SPACES: usize = 20;
    if is_skipped_without_strace() {
        return;
    }
    let machine = Machine::new();
    for number in 0..SPACES {
        machine.add(&format!("space{number}")).ip_lines("link add ifb0 type ifb\nlink set ifb0 up");
    }
    let watcher = Watcher::start(&machine, "namespace_include = ['?*']\n");
    let pid = watcher.pid();
    // Too quick to be slow, and together they take as long as a stop never does.
    let _trace = Trace::injecting_in("speed", "sendto:delay_enter=80000", pid);
    let mut daemon = watcher.daemon;
    daemon.trigger("");
    let start = Instant::now();
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
    let mut lines = 0;
    while daemon.has_line() {
        lines += 1;
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    // The gather was under way, or the stop came before it.
    assert!([0, 2 * SPACES + 1].contains(&lines), "{lines}");
}

#[test]
fn events_of_many_namespaces_are_all_followed_before_a_gather() {
    const SPACES: usize = 80;
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let names: Vec<_> = (0..SPACES).map(|number| format!("space{number:02}")).collect();
    for name in &names {
        machine.add(name).ip_lines("link set lo up");
    }
    let table = "interfaces = ['*']\ninterface_tags = ['alias']\nignore_protocol_stats = true\n\
                 namespace_include = ['?*']\n";
    let mut watcher = Watcher::start(&machine, table);
    watcher.gather();
    // The command that it was started by stops with it.
    let pids = [watcher.pid(), watcher.daemon.pid()];
    let kill = |pid: u32, signal| {
        kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
    };
    kill(pids[0], Signal::STOP);
    for name in &names {
        machine.ip_lines(&format!("-n {name} link set lo alias new"));
    }
    watcher.daemon.trigger("");
    for pid in pids {
        kill(pid, Signal::CONT);
    }
    let batch = watcher.daemon.rest_until(END_LINE);
    let with_alias = batch.iter().filter(|line| text(line).contains(",alias=new ")).count();
    assert_eq!((batch.len(), with_alias), (SPACES, SPACES));
    assert_eq!(watcher.end(), "");
}

#[test]
fn namespaces_with_names_come_first_where_not_all_can_be_reported() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let table =
        "interfaces = ['lo']\nnamespace_include = ['?*']\nnamespace_discovery = 'processes'\n";
    let nameless: Vec<_> = (0..40).map(|_| machine.start(&["unshare", "--net", "cat"])).collect();
    let limits = [
        (
            ["prlimit", "--nofile=120:120"],
            String::new(),
            "E! ",
            "raise the limit of open files (LimitNOFILE)",
        ),
        (
            ["prlimit", "--nofile=900:900"],
            "namespace_limit = 10\n".into(),
            "W! ",
            "raise namespace_limit",
        ),
    ];
    for (by, limit, level, way_out) in limits {
        let mut watcher = Watcher::start_as(&machine, &by, &format!("{table}{limit}"));
        let before = watcher.gather();
        let names = |reported: &NamespaceLines| -> Vec<_> {
            reported.names().into_iter().map(str::to_owned).collect()
        };
        let before = names(&before);
        assert!((5..40).contains(&before.len()), "{before:?}");
        assert_eq!(names(&watcher.gather()), before);
        let reds: Vec<_> = (0..4).map(|number| machine.add(&format!("red{number}"))).collect();
        let after = names(&watcher.gather());
        // They take the place of some that have none, and who was there stays before who comes.
        let red = after.iter().filter(|name| name.starts_with("red")).count();
        assert!(red == 4 && after.len() >= before.len(), "{after:?}");
        let is_known = |name: &&String| name.starts_with("red") || before.contains(name);
        assert_eq!(after.iter().filter(is_known).count(), after.len());
        reds.into_iter().for_each(Named::delete);
        eventually("as many as before", || {
            (names(&watcher.gather()).len() == before.len()).then_some(())
        });
        let log = watcher.end();
        let left_out = nameless.len() - before.len();
        let start = format!("{level}{left_out} network namespaces are left out, such as \"");
        let is_one_line = log.starts_with(&start) && log.trim_end().ends_with(way_out);
        assert!(is_one_line && log.lines().count() == 1, "{log}");
    }
}

#[test]
fn a_hundred_namespaces_need_no_more_than_the_hard_limit_of_open_files() {
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let names: Vec<_> = (0..100).map(|number| format!("space{number:02}")).collect();
    for name in &names {
        machine.add(name).ip_lines("link set lo up");
    }
    let table = format!("{EVERYTHING}interfaces = ['*']\nnamespace_include = ['?*']\n");
    let by = ["prlimit", "--nofile=64:4096"];
    let mut watcher = Watcher::start_as(&machine, &by, &table);
    for _ in 0..3 {
        let reported = watcher.gather();
        assert_eq!(reported.names(), names);
        assert!(names.iter().all(|name| reported.interfaces(name) == ["lo"]));
    }
    assert_eq!(watcher.end(), "");
}

#[test]
fn a_storm_of_namespaces_changes_no_stable_one() {
    const STABLE: usize = 5;
    if is_skipped() {
        return;
    }
    let machine = Machine::new();
    let stable: Vec<_> =
        (0..STABLE).map(|number| machine.add(&format!("stable{number}"))).collect();
    for (number, namespace) in stable.iter().enumerate() {
        namespace.ip_lines(
            "link set lo up
             link add stable0 type veth peer name stable1
             link set stable0 up
             link set stable1 up",
        );
        // Counters that no other one has.
        namespace.sh(&format!("for n in {{0..{number}}}; do echo > /dev/udp/127.0.0.1/9; done"));
    }
    let nameless = machine.start(&["unshare", "--net", "cat"]);
    nameless.sh("ip link add stable0 type veth peer name stable1; ip link set stable0 up");
    let table = "interfaces = ['*']\nignore_protocol_stats = true\nnamespace_include = ['*']\n";
    let mut watchers = ["named", "processes"].map(|discovery| {
        let table = format!("{table}namespace_discovery = '{discovery}'\n");
        let mut watcher = Watcher::start(&machine, &table);
        let has_speeds = |lines: &BTreeMap<_, Batch>| {
            lines.values().flatten().all(|line| text(line).contains("speed="))
        };
        let before =
            eventually("speeds", || Some(stable_lines(&watcher.gather())).filter(has_speeds));
        assert_eq!(before.len(), if discovery == "named" { STABLE } else { STABLE + 1 });
        assert_eq!(before["stable4"].len(), 3);
        (watcher, before)
    });
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = EndStorm(&is_over);
        for script in storm(STABLE) {
            let (is_over, machine) = (&is_over, &machine);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    machine.sh(&script);
                }
            });
        }
        let start = Instant::now();
        let mut seen = 0;
        while start.elapsed() < Duration::from_secs(10) {
            for (watcher, before) in &mut watchers {
                let reported = watcher.gather();
                for (name, lines) in &*before {
                    assert_same(&stable_of(&reported, name), lines, name);
                }
                for name in reported.names() {
                    seen += assert_is_unmixed(&reported, name);
                }
            }
        }
        drop(end);
        assert!(seen > 0, "no gather met an interface of the storm");
    });
    for (mut watcher, before) in watchers {
        assert_eq!(stable_lines(&watcher.gather()), before);
        assert_eq!(watcher.end(), "");
    }
    drop(nameless);
}

/// Ends the storm, also when an assertion fails.
struct EndStorm<'a>(&'a AtomicBool);

impl Drop for EndStorm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The lines of what stays as it is in all namespaces that stay.
fn stable_lines(reported: &NamespaceLines) -> BTreeMap<String, Batch> {
    let lines =
        reported.names().into_iter().map(|name| (name.to_owned(), stable_of(reported, name)));
    lines.filter(|(name, lines)| !name.is_empty() && lines.len() > 1).collect()
}

/// The same of one namespace.
fn stable_of(reported: &NamespaceLines, name: &str) -> Batch {
    let is_stable = |line: &&Vec<u8>| {
        ["lo ", "stable0 ", "stable1 "]
            .iter()
            .any(|name| line.starts_with(format!("net,interface={name}").as_bytes()))
    };
    reported.get(name).iter().filter(is_stable).cloned().collect()
}

/// A passing namespace has no interface but its own. Returns how many there are.
fn assert_is_unmixed(reported: &NamespaceLines, name: &str) -> usize {
    let interfaces = reported.interfaces(name);
    let Some(number) = name.strip_prefix("passing") else { return 0 };
    let own = [format!("in{number}"), format!("peer{number}"), "lo".to_owned()];
    assert!(interfaces.iter().all(|one| own.contains(one)), "{name}: {interfaces:?}");
    interfaces.len() - 1
}

/// What is done on the machine over and over, by one thread each.
fn storm(stable: usize) -> Vec<String> {
    let batch = |lines: &str| format!("ip -batch - <<'END'\n{lines}\nEND\n");
    let passing = (0..3).map(|number| {
        let pass = format!(
            "netns add passing{number}
             link add in{number} netns passing{number} type veth peer name peer{number} netns passing{number}
             netns del passing{number}\n"
        );
        batch(&pass.repeat(10))
    });
    // Inside those that stay, and from one to the next.
    let mut within = String::new();
    for number in 0..stable {
        let next = (number + 1) % stable;
        write!(
            within,
            "ip link add a{number} netns stable{number} type veth peer name b{number} netns stable{next}
             ip -n stable{number} -batch - <<'END'
             link add c0 type bridge
             link set c0 up
             link set c0 name d0 down
             link del d0
             link del a{number}\nEND\n"
        )
        .unwrap();
    }
    let processes = "for n in 1 2 3 4 5 6 7 8; do unshare --net true; done".to_owned();
    passing.chain([within, processes]).collect()
}
