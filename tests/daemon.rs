//! The built plugin as Telegraf runs it: three pipes, triggers, endings.

mod common;

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use common::{PLUGIN, eventually, has, is_skipped_without, proc_net_dev};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How soon the plugin ends, whatever it is doing.
const END: Duration = Duration::from_secs(1);

/// A plugin that reports the made-up interfaces of a folder, and is killed at the end.
struct Plugin {
    process: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    folder: TempDir,
}

impl Plugin {
    fn start(interfaces: usize, args: &[&str]) -> Self {
        let mut command = Command::new(PLUGIN);
        command.args(args);
        Self::start_as(command, interfaces)
    }

    fn start_as(mut command: Command, interfaces: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_dev(folder.path(), &proc_net_dev(interfaces));
        command.env("HOST_PROC", folder.path()).env("HOST_SYS", folder.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(fs::File::create(folder.path().join("log")).unwrap());
        let mut process = command.spawn().unwrap();
        let (stdin, stdout) = (process.stdin.take(), process.stdout.take());
        let plugin = Self { process, stdin, stdout, folder };
        // Under HOST_PROC it says so once it is ready, with its signal handlers in place.
        eventually("the line at the start", || plugin.log().contains("HOST_PROC").then_some(()));
        plugin
    }

    fn trigger(&mut self, newlines: &[u8]) {
        self.stdin.as_mut().unwrap().write_all(newlines).unwrap();
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    fn close_stdin(&mut self) {
        self.stdin = None;
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Reads exactly that many lines, waiting for them.
    fn read_lines(&mut self, count: usize) -> Vec<String> {
        let mut bytes = Vec::new();
        let newlines = |bytes: &[u8]| bytes.split(|&byte| byte == b'\n').count() - 1;
        while newlines(&bytes) < count {
            let mut part = vec![0; 1 << 20];
            let length = self.stdout.as_mut().unwrap().read(&mut part).unwrap();
            assert_ne!(length, 0, "stdout ended before there were {count} lines");
            bytes.extend_from_slice(&part[..length]);
        }
        let lines = lines(&bytes);
        assert_eq!(lines.len(), count);
        lines
    }

    /// Nothing comes for a while.
    fn assert_silent(&mut self) {
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(self.unread(), 0, "lines that nobody asked for");
    }

    fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(self.stdout.as_ref().unwrap()).unwrap()
    }

    /// Waits for the end, which must come within [`END`] and with status 0.
    fn assert_ends(&mut self) {
        let status = self.wait();
        assert!(status.success(), "{status}: {}", self.log());
    }

    fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        let status = eventually("the end", || self.process.try_wait().unwrap());
        assert!(start.elapsed() < END, "it took {:?}", start.elapsed());
        status
    }

    /// What is left in stdout once the plugin has ended.
    fn rest(&mut self) -> Vec<String> {
        let mut bytes = Vec::new();
        self.stdout.as_mut().unwrap().read_to_end(&mut bytes).unwrap();
        lines(&bytes)
    }

    /// How many bytes the plugin's writes were, and how many writes.
    fn written(&self) -> (u64, u64) {
        let io = fs::read_to_string(format!("/proc/{}/io", self.process.id())).unwrap();
        let value = |key: &str| {
            let line = io.lines().find_map(|line| line.strip_prefix(key)).unwrap();
            line.trim().parse().unwrap()
        };
        (value("wchar:"), value("syscw:"))
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write_dev(folder: &Path, text: &str) {
    fs::create_dir_all(folder.join("net")).unwrap();
    fs::write(folder.join("net/dev"), text).unwrap();
}

/// The lines of a text, each of which must be whole.
fn lines(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "cut: {:?}", text.lines().last());
    for line in text.lines() {
        let (head, time) = line.rsplit_once(' ').unwrap();
        let is_whole = head.ends_with(",speed=-1i") || head.ends_with(",drop_out=12i");
        assert!(line.starts_with("net,interface=if") && is_whole, "{line:?}");
        assert_eq!(time.len(), 19, "{line:?}");
    }
    text.lines().map(String::from).collect()
}

#[test]
fn a_newline_and_each_signal_cause_one_gather() {
    let mut plugin = Plugin::start(3, &[]);
    plugin.assert_silent();
    plugin.trigger(b"\n");
    let lines = plugin.read_lines(3);
    let interfaces: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(interfaces, ["net,interface=if0", "net,interface=if1", "net,interface=if2"]);
    plugin.assert_silent();
    for signal in [Signal::USR1, Signal::USR2, Signal::HUP] {
        plugin.signal(signal);
        plugin.read_lines(3);
        plugin.assert_silent();
    }
    plugin.trigger(b"no newline yet");
    plugin.assert_silent();
    plugin.trigger(b"\n");
    plugin.read_lines(3);
    plugin.assert_silent();
}

#[test]
fn triggers_that_pile_up_are_answered_by_one_gather() {
    let mut plugin = Plugin::start(1, &[]);
    plugin.trigger(&[b'\n'; 1000]);
    plugin.read_lines(1);
    plugin.assert_silent();
    // While it is stopped, triggers of every kind come in.
    plugin.signal(Signal::STOP);
    for _ in 0..10 {
        plugin.trigger(b"\n\n");
        plugin.signal(Signal::USR1);
        plugin.signal(Signal::HUP);
    }
    plugin.signal(Signal::CONT);
    plugin.read_lines(1);
    plugin.assert_silent();
}

#[test]
fn triggers_during_a_blocked_write_are_answered_by_one_gather() {
    // 20000 lines are more than a pipe of the largest size holds.
    let mut plugin = Plugin::start(20_000, &[]);
    plugin.trigger(b"\n");
    eventually("a full pipe", || (plugin.unread() > 1_000_000).then_some(()));
    for _ in 0..10 {
        plugin.trigger(b"\n");
        std::thread::sleep(Duration::from_millis(5));
    }
    plugin.read_lines(20_000);
    plugin.read_lines(20_000);
    plugin.assert_silent();
}

#[test]
fn every_ending_is_normal_and_prompt() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut plugin = Plugin::start(3, &[]);
        plugin.signal(signal);
        plugin.assert_ends();
        assert!(plugin.rest().is_empty());
    }
    let mut plugin = Plugin::start(3, &[]);
    plugin.close_stdin();
    plugin.assert_ends();
    let mut plugin = Plugin::start(3, &[]);
    plugin.stdout = None;
    plugin.assert_ends();
    let mut plugin = Plugin::start(3, &["--poll-interval", "1ms"]);
    eventually("the first lines", || (plugin.unread() > 0).then_some(()));
    plugin.stdout = None;
    plugin.assert_ends();
    assert_eq!(plugin.log().lines().count(), 1, "{}", plugin.log());
}

#[test]
fn a_gather_that_was_asked_for_is_written_before_the_end() {
    for round in 0..50 {
        let mut plugin = Plugin::start(1000, &[]);
        plugin.trigger(b"\n");
        if round % 2 == 0 {
            plugin.close_stdin();
        } else {
            // A signal can overtake the newline, so this one comes in the middle of the writing.
            eventually("the first lines", || (plugin.unread() > 0).then_some(()));
            plugin.signal(Signal::TERM);
        }
        assert_eq!(plugin.rest().len(), 1000);
        plugin.assert_ends();
    }
}

#[test]
fn a_blocked_stdout_delays_no_ending_and_cuts_no_line() {
    for interfaces in [1000, 20_000] {
        for end in [Some(Signal::TERM), Some(Signal::INT), None] {
            let mut plugin = Plugin::start(interfaces, &[]);
            // Nobody reads.
            for _ in 0..20 {
                plugin.trigger(b"\n");
                std::thread::sleep(Duration::from_millis(10));
            }
            match end {
                Some(signal) => plugin.signal(signal),
                None => plugin.close_stdin(),
            }
            plugin.assert_ends();
            let lines = plugin.rest();
            assert!(lines.len() > 1000, "only {} lines", lines.len());
        }
    }
}

#[test]
fn slow_speeds_delay_no_ending_and_cost_only_themselves() {
    let test = "slow_speeds_delay_no_ending_and_cost_only_themselves";
    if is_skipped_without(test, "strace", has("strace", "-V")) {
        return;
    }
    let config = tempfile::NamedTempFile::new().unwrap();
    fs::write(&config, "[[inputs.net]]\ninterfaces = ['*']\n").unwrap();
    let mut command = Command::new("strace");
    // Every file takes 20 ms to open, and so a gather ten seconds.
    command.args(["-o", "/dev/null", "--inject=openat:delay_enter=20000", PLUGIN, "--config"]);
    command.arg(config.path());
    let mut plugin = Plugin::start_as(command, 500);
    plugin.trigger(b"\n");
    std::thread::sleep(Duration::from_millis(300));
    plugin.close_stdin();
    plugin.assert_ends();
    let lines = plugin.rest();
    assert_eq!(lines.len(), 500);
    let with_speed = lines.iter().filter(|line| line.contains(",speed=-1i ")).count();
    assert!((1..100).contains(&with_speed), "{with_speed} speeds");
}

#[test]
fn a_small_pipe_gets_whole_lines_too() {
    let mut plugin = Plugin::start(1000, &[]);
    let small = rustix::pipe::fcntl_setpipe_size(plugin.stdout.as_ref().unwrap(), 4096).unwrap();
    assert_eq!(small, 4096);
    plugin.trigger(b"\n");
    std::thread::sleep(Duration::from_millis(100));
    // In case the plugin has enlarged it, what there is stays as it is.
    plugin.signal(Signal::TERM);
    plugin.assert_ends();
    plugin.rest();
}

#[test]
fn it_waits_for_a_late_reader_before_it_ends() {
    let mut plugin = Plugin::start(20_000, &[]);
    plugin.trigger(b"\n");
    eventually("a full pipe", || (plugin.unread() > 1_000_000).then_some(()));
    plugin.close_stdin();
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(plugin.rest().len(), 20_000);
    plugin.assert_ends();
}

#[test]
fn a_batch_goes_out_in_one_write_where_the_pipe_holds_it() {
    let mut plugin = Plugin::start(4000, &[]);
    plugin.trigger(b"\n");
    plugin.read_lines(4000);
    let (bytes_before, writes_before) = plugin.written();
    plugin.trigger(b"\n");
    let lines = plugin.read_lines(4000);
    let (bytes, writes) = plugin.written();
    let size: usize = lines.iter().map(|line| line.len() + 1).sum();
    assert_eq!(bytes - bytes_before, size as u64);
    assert_eq!(writes - writes_before, 1);
}

#[test]
fn all_lines_of_a_gather_have_its_time() {
    let mut plugin = Plugin::start(50, &[]);
    let mut last = 0;
    for _ in 0..3 {
        plugin.trigger(b"\n");
        let lines = plugin.read_lines(50);
        let time = |line: &String| line.rsplit_once(' ').unwrap().1.parse::<u128>().unwrap();
        let first = time(&lines[0]);
        assert!(lines.iter().all(|line| time(line) == first));
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        assert!(last < first && first <= now && now - first < 60_000_000_000, "{first} {now}");
        last = first;
    }
}

#[test]
fn its_own_clock_starts_at_once_and_keeps_its_beat() {
    let start = Instant::now();
    let mut plugin = Plugin::start(1, &["--poll-interval", "100ms"]);
    for _ in 0..11 {
        plugin.read_lines(1);
    }
    // Ten intervals lie between eleven gathers, and no drift adds to them. How late the last one
    // may come depends on the machine, so only the lower bound is exact.
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    plugin.trigger(b"\n");
    plugin.read_lines(1);
    plugin.close_stdin();
    plugin.assert_ends();
}

#[test]
fn a_failed_gather_is_logged_once_when_it_starts_and_once_when_it_ends() {
    let mut plugin = Plugin::start(1, &[]);
    let folder = plugin.folder.path().to_owned();
    let dev = folder.join("net/dev");
    let settle = |plugin: &mut Plugin| {
        for _ in 0..5 {
            plugin.trigger(b"\n");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    fs::remove_file(&dev).unwrap();
    settle(&mut plugin);
    write_dev(&folder, &format!("{}if9: 1x\nif8: 2\n", proc_net_dev(1)));
    settle(&mut plugin);
    write_dev(&folder, &proc_net_dev(1));
    settle(&mut plugin);
    plugin.close_stdin();
    let lines = plugin.rest();
    plugin.assert_ends();
    assert_eq!(lines.len(), 10);
    let dev = dev.display();
    let expected = [
        format!("I! HOST_PROC: counters come from {dev}"),
        format!("E! cannot read {dev}: No such file or directory (os error 2)"),
        format!("E! {dev} line 4: expected at least 13 columns, found 1"),
        format!("E! {dev} line 5: expected at least 13 columns, found 1"),
        format!("I! over: cannot read {dev}: No such file or directory (os error 2)"),
        format!("I! over: {dev} line 4: expected at least 13 columns, found 1"),
        format!("I! over: {dev} line 5: expected at least 13 columns, found 1"),
    ];
    assert_eq!(plugin.log().lines().collect::<Vec<_>>(), expected);
}

#[test]
fn ten_thousand_gathers_leave_file_descriptors_and_memory_as_they_were() {
    let mut plugin = Plugin::start(100, &[]);
    let process = format!("/proc/{}", plugin.process.id());
    let files = || fs::read_dir(format!("{process}/fd")).unwrap().count();
    let resident_kb = || {
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let mut gather = |times: usize| {
        for _ in 0..times {
            plugin.trigger(b"\n");
            plugin.read_lines(100);
        }
    };
    gather(100);
    let (files_before, resident_before) = (files(), resident_kb());
    gather(10_000);
    assert_eq!(files(), files_before);
    let grown = resident_kb().saturating_sub(resident_before);
    assert!(grown <= 64, "{grown} kB more than the {resident_before} kB of before");
}
