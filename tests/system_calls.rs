//! What the plugin asks of the kernel: little in a gather, nothing between two of them.

mod common;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::plugin::{DEFAULT, Daemon, names};
use common::{Netns, PLUGIN, eventually, has, is_skipped, is_skipped_without};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

/// The system calls of a plugin, of all its threads, while it is being traced.
struct Trace {
    strace: Child,
    file: NamedTempFile,
}

impl Trace {
    fn of(daemon: &Daemon) -> Self {
        let file = NamedTempFile::new().unwrap();
        let mut command = Command::new("strace");
        command.args(["-f", "-o"]).arg(file.path());
        command.args(["-p", &daemon.pid().to_string()]).stderr(Stdio::null());
        let trace = Self { strace: command.spawn().unwrap(), file };
        let tasks = format!("/proc/{}/task", daemon.pid());
        eventually("strace", || {
            let mut tasks = fs::read_dir(&tasks).unwrap().map(|task| task.unwrap().path());
            let is_traced = tasks.all(|task| {
                let status = fs::read_to_string(task.join("status")).unwrap();
                !status.contains("TracerPid:\t0\n")
            });
            is_traced.then_some(())
        });
        trace
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.file).unwrap()
    }

    /// The beginnings of the calls from the one that read that word to the one that read the other.
    fn between(&self, first: &str, last: &str) -> Vec<String> {
        let text = eventually(last, || Some(self.text()).filter(|text| text.contains(last)));
        let lines = text.lines().skip_while(|line| !line.contains(first)).skip(1);
        let mut is_over = false;
        let lines = lines.take_while(|line| !std::mem::replace(&mut is_over, line.contains(last)));
        // A call that another thread's calls came between has two lines.
        let is_call = |line: &&str| line.contains('(') && !line.contains(" resumed>");
        lines.filter(is_call).map(|line| line.chars().take(60).collect()).collect()
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // strace leaves the plugin alone then.
        let _ = kill_process(Pid::from_child(&self.strace), Signal::INT);
        let _ = self.strace.wait();
    }
}

fn is_skipped_without_strace(test: &str) -> bool {
    is_skipped(test) || is_skipped_without(test, "strace", has("strace", "-V"))
}

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
    let test = "a_gather_takes_six_system_calls_and_one_more_for_each_hundred_interfaces";
    if is_skipped_without_strace(test) {
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
            let trace = Trace::of(&daemon);
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
fn nothing_is_done_between_the_last_event_and_the_next_trigger() {
    if is_skipped_without_strace("nothing_is_done_between_the_last_event_and_the_next_trigger") {
        return;
    }
    let netns = netns_with(10);
    let mut daemon = Daemon::start(&netns, DEFAULT);
    assert_eq!(daemon.gather().len(), 9);
    let trace = Trace::of(&daemon);
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
