//! What comes out when a system call fails: for each call that the plugin makes, and each error that it can
//! fail with on a host that is short of something, broken or locked down.
//!
//! `injected.txt` has a word for each; its head says what the words mean. Whatever the word, every line is
//! whole and true, none comes twice for one trigger, nothing is logged twice, and the end is as the contract
//! has it. A row begins with the word of its table, so that
//!
//! ```console
//! $ INJECTED='netlink steady sendto' cargo test --test injected
//! $ REWRITE_GOLDEN=1 cargo test --test injected
//! ```
//!
//! run one row, and write the file anew.

// Other processors have other calls, and threads have calls of their own.
#![cfg(all(target_os = "linux", target_arch = "x86_64", not(feature = "threads")))]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use common::line::{Line, Parsed};
use common::machine::{Machine, last_descendant};
use common::plugin::config_file;
use common::trace::{Trace, is_skipped_without_strace};
use common::{PLUGIN, eventually, read_all, text, without_notes};

const ERRORS: [&str; 9] =
    ["EINTR", "EAGAIN", "ENOBUFS", "ENOMEM", "EMFILE", "EIO", "ENODEV", "EACCES", "EPERM"];

/// Calls that have no row: those of the loader, the allocator and the runtime, those that say who this process
/// is, which cannot fail, and its end, when nothing more is told.
const WITHOUT_ROW: [&str; 35] = [
    "access",
    "arch_prctl",
    "brk",
    "clock_nanosleep",
    "dup2",
    "execve",
    "exit",
    "exit_group",
    "futex",
    "getcwd",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getrandom",
    "gettid",
    "getuid",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "poll",
    "prctl",
    "prlimit64",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "restart_syscall",
    "clone",
];

const EVERYTHING: &str = "interfaces = ['*']\nlink_state = true\ncounters = 'all'\n\
    interface_tags = ['kind', 'alias', 'mac', 'master']\ninterface_protocols = ['ip6']\n\
    protocols = ['ip', 'tcp', 'udp', 'tcpext']\n";

/// How many gathers the fault is there for.
const FAULTY: usize = 2;

/// How long one may take that is done in a hundredth of that. A gather by netlink waits half a second for
/// an answer, and there are two namespaces and a thread for speeds.
const LATE: Duration = Duration::from_secs(8);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    /// From the program's first call on.
    Start,
    /// From the first call on that is made when the configuration was read.
    Open,
    /// From a moment on when it has gathered.
    Steady,
}

impl When {
    const ALL: [Self; 3] = [Self::Start, Self::Open, Self::Steady];

    fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Open => "open",
            Self::Steady => "steady",
        }
    }
}

/// A way to read interfaces, of which each row of a table is a call.
struct Mode<'a> {
    name: &'static str,
    machine: &'a Machine,
    config: NamedTempFile,
    /// What a gather tells where nothing fails.
    truth: Vec<Line>,
    /// The calls that are made from each moment to the next, and how often each is made before that by
    /// the first thread, as by the loader and the runtime.
    calls: [Calls; 3],
}

#[derive(Debug, Default)]
struct Calls {
    made: BTreeSet<String>,
    before: BTreeMap<String, usize>,
}

/// A call that fails.
#[derive(Debug, Clone, Copy)]
struct Fault<'a> {
    call: &'a str,
    error: &'a str,
    when: When,
}

impl Fault<'_> {
    /// It as strace's option `inject` has it, from that call of its kind on.
    fn inject(self, first: usize) -> String {
        let Self { call, error, .. } = self;
        // No call is interrupted, or not yet ready, each time that it is made.
        let step = if ["EINTR", "EAGAIN"].contains(&error) { "2" } else { "" };
        format!("{call}:error={error}:when={first}+{step}")
    }
}

impl<'a> Mode<'a> {
    fn new(name: &'static str, machine: &'a Machine, config: &str) -> Self {
        let config = config_file(config);
        let (truth, calls) = Default::default();
        let mut mode = Self { name, machine, config, truth, calls };
        let file = NamedTempFile::new().unwrap();
        let mut running = Running::start(&mode, &["strace", "-D", "-f", "-qq", "-o"], Some(&file));
        let first = running.gather();
        let second = running.gather();
        running.process.stdin.as_mut().unwrap().write_all(b"third").unwrap();
        let third = running.gather();
        let Ended { status, log, .. } = running.end();
        assert_eq!((status, without_notes(&log).lines().count()), (Some(0), 1), "{log}");
        let [first, second, third] = [first, second, third].map(|batch| batch.expect("a batch").0);
        assert!(first.len() > 3, "{first:?}");
        for other in [second, third] {
            assert_eq!(Parsed(other).comparable(&[]), Parsed(first.clone()).comparable(&[]));
        }
        mode.truth = first;
        let trace = fs::read_to_string(&file).unwrap();
        // The first thing that the program does is to ask who it is.
        let name = mode.config.path().to_str().unwrap().to_owned();
        let mut is_read = false;
        let mut is_mark = |next: usize, line: &str| match next {
            0 => line.contains("getuid("),
            1 => {
                is_read |= line.contains(&name);
                is_read && line.contains(" close(")
            }
            2 => line.contains("\"third"),
            _ => false,
        };
        let mut moment = None;
        let mut before = BTreeMap::<String, usize>::new();
        for line in trace.lines() {
            let next = moment.map_or(0, |moment| moment + 1);
            if is_mark(next, line) {
                moment = Some(next);
                mode.calls[next].before = before.clone();
            }
            let Some(call) = call_of(line) else { continue };
            // Later ones are counted for each thread by itself.
            *before.entry(call.to_owned()).or_default() += 1;
            if let Some(moment) = moment
                && !WITHOUT_ROW.contains(&call)
            {
                mode.calls[moment].made.insert(call.to_owned());
            }
        }
        assert_eq!(moment, Some(2), "{trace}");
        mode
    }

    /// The moments that it has tables for. Until the configuration is read, all do the same.
    fn moments(&self) -> &'static [When] {
        if self.name == "netlink" { &When::ALL } else { &When::ALL[1..] }
    }

    /// The word for what comes out. Where another one is expected, it is tried again: on a busy machine, a
    /// driver may count as slow.
    fn word(&self, fault: Fault<'_>, expected: Option<&String>) -> String {
        const WRONG: &str = "WRONG";
        const TRIES: usize = 3;
        let mut word = String::new();
        for _ in 0..TRIES {
            // One that is wrong says why, and keeps no other from being tried.
            let tried = catch_unwind(AssertUnwindSafe(|| self.outcome(fault)));
            word = tried.unwrap_or_else(|_| WRONG.to_owned());
            let Some(expected) = expected.filter(|_| word != WRONG) else { break };
            if expected.split('|').any(|one| one == word) {
                return expected.clone();
            }
        }
        word
    }

    /// What comes out of one try.
    fn outcome(&self, fault: Fault<'_>) -> String {
        let what = format!("{} {} {} {}", self.name, fault.when.word(), fault.call, fault.error);
        let mut heard = Heard::default();
        let mut running = match fault.when {
            When::Start | When::Open => {
                let before = &self.calls[fault.when as usize].before;
                let first = before.get(fault.call).copied().unwrap_or_default() + 1;
                let (trace, inject) =
                    (format!("trace={}", fault.call), format!("inject={}", fault.inject(first)));
                let by = ["strace", "-D", "-I2", "-f", "-qq", "-e", &trace, "-e", &inject, "-o"];
                let mut running = Running::start(self, &by, None);
                heard.faulty(&mut running);
                running.end_tracing();
                running
            }
            When::Steady => {
                let mut running = Running::start(self, &[], None);
                eventually("a whole batch", || {
                    let (batch, is_late) = running.gather().expect(&what);
                    (!is_late && self.missing(&batch, &what).is_empty()).then_some(())
                });
                let trace = Trace::injecting(&fault.inject(1), running.plugin);
                heard.faulty(&mut running);
                drop(trace);
                running
            }
        };
        // What was short is there again, and what was late may come.
        let late = running.gather();
        let after = running.gather();
        let Ended { status, log, rest } = running.end();
        heard.check(&what);
        for batch in late.iter().chain(&after).map(|(batch, _)| batch).chain([&rest]) {
            self.missing(batch, &what);
        }
        let level = checked_level(&log, &what);
        if heard.is_over || after.is_none() {
            let last = log.lines().last().unwrap_or_default();
            let is_told = status == Some(0) || last.starts_with("E! ");
            let word = status.map_or("killed".to_owned(), |status| format!("exit{status}"));
            return if is_told { word } else { format!("{word}-silent") };
        }
        assert_eq!(status, Some(0), "{what}: {log}");
        let (after, is_late) = after.unwrap();
        assert!(!is_late, "{what}: {log}");
        let mut words = heard.words(self, &what);
        let stays = self.missing(&after, &what);
        let lasting = stays.iter().map(|word| format!("{word}!"));
        words.retain(|word| !stays.contains(word));
        let words: BTreeSet<_> = words.into_iter().chain(lasting).collect();
        let mut word: String = words.into_iter().collect();
        if let Some(level) = level {
            word = level.to_string() + &word;
        }
        if word.is_empty() { "=".to_owned() } else { word }
    }

    /// What a batch lacks, and has too much. All that it tells must be true.
    fn missing(&self, batch: &[Line], what: &str) -> BTreeSet<String> {
        let key = |line: &Line| (line.tag("namespace"), line.tag("interface"));
        let told: BTreeMap<_, _> = batch.iter().map(|line| (key(line), line)).collect();
        assert_eq!(told.len(), batch.len(), "{what}: twice in {batch:?}");
        let mut words = BTreeSet::new();
        if batch.is_empty() {
            return BTreeSet::from(["-all".to_owned()]);
        }
        let known: BTreeSet<_> = self.truth.iter().map(key).collect();
        if told.keys().any(|key| !known.contains(key)) {
            words.insert("+others".to_owned());
        }
        for truth in &self.truth {
            let is_protocols = truth.tag("interface").as_deref() == Some("all");
            let Some(line) = told.get(&key(truth)) else {
                let is_namespace = truth.tag("namespace").is_some();
                words.insert(match (is_protocols, is_namespace) {
                    (_, true) => "-namespaces".to_owned(),
                    (true, false) => "-protocols".to_owned(),
                    (false, false) => "-interfaces".to_owned(),
                });
                continue;
            };
            for (field, value) in &line.fields {
                assert_eq!(truth.fields.get(field), Some(value), "{what}: {field} of {line:?}");
            }
            for (tag, value) in &line.tags {
                assert_eq!(truth.tags.get(tag), Some(value), "{what}: {tag} of {line:?}");
            }
            let lost = truth.fields.keys().filter(|field| !line.fields.contains_key(*field));
            let lost: Vec<_> = lost.collect();
            let is_state = |field: &&&String| {
                !["speed", "duplex"].contains(&field.as_str()) && !field.starts_with("ip6_")
            };
            for (word, is_lost) in [
                ("-speed", lost.iter().any(|field| *field == "speed")),
                ("-ip6", lost.iter().any(|field| field.starts_with("ip6_"))),
                ("-state", lost.iter().filter(is_state).count() > 0 && !is_protocols),
                ("-protocols", is_protocols && !lost.is_empty()),
                ("-tags", truth.tags.keys().any(|tag| !line.tags.contains_key(tag))),
            ] {
                if is_lost {
                    words.insert(word.to_owned());
                }
            }
        }
        words
    }
}

/// The name of the call that a line of strace begins.
fn call_of(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(|character: char| character.is_ascii_digit()).trim_start();
    let (call, _) = line.split_once('(')?;
    (!call.contains([' ', '<', '+'])).then_some(call)
}

/// What a plugin told while a call failed.
#[derive(Debug, Default)]
struct Heard {
    batches: Vec<Vec<Line>>,
    is_late: bool,
    /// It has ended.
    is_over: bool,
}

impl Heard {
    /// Has it gather while the call fails.
    fn faulty(&mut self, running: &mut Running) {
        for _ in 0..FAULTY {
            match running.gather() {
                Some((batch, is_late)) => {
                    self.batches.push(batch);
                    self.is_late |= is_late;
                }
                None => self.is_over = true,
            }
        }
    }

    fn check(&self, what: &str) {
        let mut last = i64::MIN;
        for batch in &self.batches {
            let times: BTreeSet<_> = batch.iter().map(|line| line.time).collect();
            assert!(times.len() <= 1, "{what}: {} batches for one trigger", times.len());
            for time in times {
                assert!(time > last, "{what}: {last} {time}");
                last = time;
            }
        }
    }

    fn words(&self, mode: &Mode<'_>, what: &str) -> BTreeSet<String> {
        let words = self.batches.iter().flat_map(|batch| mode.missing(batch, what));
        words.chain(self.is_late.then(|| "late".to_owned())).collect()
    }
}

/// The highest level of what was logged but for the start. Nothing is logged twice, and nothing is over that
/// was not said before.
fn checked_level(log: &str, what: &str) -> Option<char> {
    let log = without_notes(log);
    let mut said = BTreeSet::new();
    let mut level = None;
    for line in log.lines() {
        let letter = line.chars().next().unwrap();
        assert!("EWI".contains(letter) && line[1..].starts_with("! "), "{what}: {log}");
        assert!(said.insert(line), "{what}: twice in {log}");
        if let Some(over) = line.strip_prefix("I! resolved: ") {
            let was_said =
                ["E! ", "W! ", "I! "].iter().any(|level| said.contains(&*format!("{level}{over}")));
            assert!(was_said, "{what}: {log}");
        } else if !line.contains("! reading counters ") || line.contains(", because ") {
            let rank = |letter| "IWE".find(letter);
            level = level.into_iter().chain([letter]).max_by_key(|&letter| rank(letter));
        }
    }
    level
}

/// A plugin that runs, maybe traced from its start on.
struct Running {
    process: Child,
    /// The number of its own process.
    plugin: u32,
}

struct Ended {
    /// `None` where a signal ended it.
    status: Option<i32>,
    log: String,
    rest: Vec<Line>,
}

impl Running {
    /// Starts it by these words before its own, and the name of a file where that is given.
    fn start(mode: &Mode<'_>, by: &[&str], file: Option<&NamedTempFile>) -> Self {
        let null = PathBuf::from("/dev/null");
        let mut words: Vec<PathBuf> = by.iter().map(PathBuf::from).collect();
        if !by.is_empty() {
            words.push(file.map_or(null, |file| file.path().to_owned()));
        }
        words.extend([PLUGIN.into(), "--config".into(), mode.config.path().to_owned()]);
        let mut command = mode.machine.command(&words[0]);
        command.args(&words[1..]).env_remove("HOST_PROC").env_remove("HOST_SYS");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        rustix::fs::fcntl_setfl(process.stdout.as_ref().unwrap(), rustix::fs::OFlags::NONBLOCK)
            .unwrap();
        let plugin = eventually("the plugin", || {
            if process.try_wait().unwrap().is_some() {
                return Some(0);
            }
            let pid = last_descendant(process.id());
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (name == "telegraf-net\n").then_some(pid)
        });
        Self { process, plugin }
    }

    /// Has strace, by which it was started, leave it alone.
    fn end_tracing(&self) {
        let status = || fs::read_to_string(format!("/proc/{}/status", self.plugin)).ok();
        let tracer = || {
            let status = status()?;
            let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:\t"))?;
            tracer.parse().ok().and_then(rustix::process::Pid::from_raw)
        };
        if let Some(pid) = tracer() {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            eventually("the end of strace", || tracer().is_none().then_some(()));
        }
    }

    /// Asks for a gather, and returns what is told until it waits for the next one, and whether it has yet
    /// to come to that; `None` where it has ended.
    fn gather(&mut self) -> Option<(Vec<Line>, bool)> {
        let stdin = self.process.stdin.as_mut().unwrap();
        // One that has ended reads nothing.
        let _ = stdin.write_all(b"\n");
        let start = Instant::now();
        while !self.is_at_rest() {
            if self.process.try_wait().unwrap().is_some() {
                return None;
            }
            if start.elapsed() > LATE {
                return Some((self.told(), true));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Some((self.told(), false))
    }

    /// What it has told so far, in whole lines.
    fn told(&mut self) -> Vec<Line> {
        let mut bytes = Vec::new();
        let end = self.process.stdout.as_mut().unwrap().read_to_end(&mut bytes);
        assert!(
            end.is_ok() || end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        );
        parsed(&bytes)
    }

    /// Whether it has read what it was sent, and waits for what comes next: it sleeps in a poll of five
    /// file descriptors.
    fn is_at_rest(&self) -> bool {
        let stdin = self.process.stdin.as_ref().unwrap();
        let waits = |look: fn(&str) -> bool, file: &str| {
            let text = fs::read_to_string(format!("/proc/{}/{file}", self.plugin));
            text.is_ok_and(|text| look(&text))
        };
        unread(stdin) == 0
            && waits(|stat| stat.contains(") S "), "stat")
            && waits(
                |call| {
                    let mut words = call.split(' ');
                    let call = words.next().and_then(|number| number.parse().ok());
                    call == Some(libc::SYS_ppoll) && words.nth(1) == Some("0x5")
                },
                "syscall",
            )
    }

    /// Ends it as Telegraf does.
    fn end(mut self) -> Ended {
        drop(self.process.stdin.take());
        let mut stdout = self.process.stdout.take().unwrap();
        let mut stderr = self.process.stderr.take().unwrap();
        let log = thread::spawn(move || text(&read_all(&mut stderr)));
        let rest = parsed(&read_all(&mut stdout));
        let status = eventually("the end", || self.process.try_wait().unwrap());
        Ended { status: status.code(), log: log.join().unwrap(), rest }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// How many bytes wait in a pipe for its reader.
fn unread(pipe: impl AsFd) -> u64 {
    rustix::io::ioctl_fionread(pipe).unwrap()
}

/// The lines, each of which must be whole.
fn parsed(bytes: &[u8]) -> Vec<Line> {
    assert!(bytes.is_empty() || bytes.ends_with(b"\n"), "cut: {}", text(bytes));
    Parsed::of(bytes).0
}

/// Interfaces of several kinds and states, and traffic that stands still.
const MAKE: &str = "ip link set lo up
    ip link add up0 type veth peer name up1
    ip addr add 10.99.0.1/24 dev up0
    ip link set up0 up
    ip link set up1 up
    ip neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev up0
    ip link add ifb7 type ifb
    ip link set ifb7 up
    ip link add br0 type bridge
    ip link set up1 master br0
    ip link set up0 alias uplink
    bash -c 'for n in 1 2 3 4 5 6 7; do echo $n > /dev/udp/10.99.0.2/9; done'";

/// The file, and what stands above its tables.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/injected.txt");

const HEAD: &str = "\
# What comes out when a system call fails: tests/injected.rs. REWRITE_GOLDEN=1 writes it anew; read the
# difference before you commit it.
#
# A table is for a way to read, and for a moment: `start` is from the program's first call on, `open` from when
# it has read its configuration, `steady` while it runs; a call has a row where it is made then. It fails for
# two gathers, each time that it is made, and then no more; with EINTR and EAGAIN every second time.
#
#   =            the same lines as without the fault, and not a word in the log
#   E W I        what is logged of it, at most, once; before all else
#   -all         no line of a gather
#   -interfaces -namespaces -protocols     some of these
#   -speed -ip6 -state -tags               these fields, or tags, of some interfaces
#   +others      interfaces that the configuration leaves out
#   late         a gather has not come to its end, and does when the fault is over
#   !            behind one of these: for as long as the process lives, else it is over with the fault
#   A|B          one or the other: which of several calls is the second one differs
#   exit1        the process ends with that status, and says why; -silent: it cannot, for stderr is written to
#                by the same call; exit0 is a normal end, as of a terminal that hung up
";

fn tables() -> String {
    let only = std::env::var("INJECTED").ok();
    let is_wanted = |mode: &str, when: When, call: &str| {
        only.as_ref()
            .is_none_or(|only| format!("{mode} {} {call} ", when.word()).starts_with(only.as_str()))
    };
    let machine = Machine::new();
    machine.sh(MAKE);
    let many = Machine::new();
    many.sh(MAKE);
    let _blue = many.add("blue");
    many.sh("ip netns exec blue ip link set lo up");
    let nameless = many.start(&["unshare", "--net", "cat"]);
    nameless.sh("ip link set lo up");
    let procfs = format!("[[inputs.net]]\nsource = 'procfs'\n{EVERYTHING}");
    let others = "[[inputs.net]]\ninclude_loopback = true\nnamespace_include = ['*']\n\
                  namespace_discovery = 'processes'\nprotocols = ['ip', 'tcp', 'udp']\n";
    let modes = [
        Mode::new("netlink", &machine, &format!("[[inputs.net]]\n{EVERYTHING}")),
        Mode::new("procfs", &machine, &procfs),
        Mode::new("namespaces", &many, others),
    ];
    let rows_of = |mode: &Mode<'_>, when: When| {
        let calls = mode.calls[when as usize].made.clone().into_iter();
        calls.filter(|call| is_wanted(mode.name, when, call)).collect::<Vec<_>>()
    };
    let mut cells = Vec::new();
    for mode in &modes {
        for &when in mode.moments() {
            for call in rows_of(mode, when) {
                cells.extend(ERRORS.map(|error| (mode, when, call.clone(), error)));
            }
        }
    }
    let expected = expected();
    let (next, words) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some((mode, when, call, error)) =
                    cells.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    let key = [mode.name, when.word(), call, error].map(str::to_owned);
                    let fault = Fault { call, error, when: *when };
                    let word = mode.word(fault, expected.get(&key));
                    words.lock().unwrap().insert(key, word);
                }
            });
        }
    });
    let words = words.into_inner().unwrap();
    let mut tables = HEAD.to_owned();
    for mode in &modes {
        for &when in mode.moments() {
            let row = |call: String| {
                let word = |error| {
                    words[&[mode.name, when.word(), &call, error].map(str::to_owned)].clone()
                };
                let words = ERRORS.map(word);
                [call].into_iter().chain(words).collect()
            };
            let head = [when.word()].into_iter().chain(ERRORS).map(str::to_owned).collect();
            let rows: Vec<Vec<String>> =
                [head].into_iter().chain(rows_of(mode, when).into_iter().map(row)).collect();
            if rows.len() > 1 {
                write!(tables, "\n[{}]\n{}", mode.name, aligned(&rows)).unwrap();
            }
        }
    }
    tables
}

/// Rows whose cells stand below each other.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate();
        let cells = cells.map(|(column, cell)| format!("{cell:0$}", width(column)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

/// The words of the file, by mode, moment, call and error.
fn expected() -> BTreeMap<[String; 4], String> {
    let mut words = BTreeMap::new();
    let text = fs::read_to_string(FILE).unwrap_or_default();
    let (mut mode, mut when) = ("", "");
    for line in text.lines() {
        let cells: Vec<_> = line.split_whitespace().collect();
        match cells.as_slice() {
            [] | ["#", ..] => {}
            [name] => mode = name.trim_matches(['[', ']']),
            [word @ ("start" | "open" | "steady"), ..] => when = word,
            [call, row @ ..] => {
                let cells = ERRORS.iter().zip(row);
                let cells = cells.map(|(error, word)| {
                    ([mode, when, call, error].map(str::to_owned), (*word).to_owned())
                });
                words.extend(cells);
            }
        }
    }
    words
}

#[test]
fn each_call_that_fails_costs_what_the_table_says() {
    if is_skipped_without_strace() {
        return;
    }
    let tables = tables();
    if std::env::var_os("INJECTED").is_some() {
        println!("{tables}");
        return;
    }
    if std::env::var_os("REWRITE_GOLDEN").is_some() {
        fs::write(FILE, &tables).unwrap();
        return;
    }
    let expected = fs::read_to_string(FILE).unwrap();
    for (expected, now) in expected.lines().zip(tables.lines()) {
        assert_eq!(now, expected);
    }
    assert_eq!(tables, expected);
}
