//! The plugin under the soak: what it writes, logs, and takes of the machine.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tempfile::NamedTempFile;

use crate::common::machine::last_descendant;
use crate::common::namespaces::END_LINE;
use crate::common::plugin::config_file;
use crate::common::{PATIENCE, eventually, text};
use crate::history::Window;

/// What one trigger was answered with.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) window: Window,
    /// The same by the time of day.
    pub(crate) clock: [i64; 2],
}

pub(crate) struct Plugin {
    process: Child,
    pub(crate) pid: u32,
    stdin: ChildStdin,
    stdout: ChildStdout,
    log: Arc<Mutex<Vec<String>>>,
    log_reader: JoinHandle<()>,
    asked: Option<(Instant, i64)>,
    spare: Vec<u8>,
    _config: NamedTempFile,
}

/// What the process has at the moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    pub(crate) pss_kb: u64,
    pub(crate) resident_kb: u64,
    pub(crate) files: usize,
    pub(crate) threads: usize,
}

/// The time that it took of processors, in hundredths of a second, and how often it waited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Activity {
    pub(crate) ticks: u64,
    pub(crate) waits: u64,
}

impl Plugin {
    pub(crate) fn start(mut command: Command, config: &str) -> Self {
        let file = config_file(config);
        command.arg("--config").arg(file.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let stdin = process.stdin.take().unwrap();
        let stdout = process.stdout.take().unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let kept = log.clone();
        let log_reader = thread::spawn(move || {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                kept.lock().unwrap().push(text(&line));
            }
        });
        let pid = eventually("the plugin", || {
            let pid = last_descendant(process.id());
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (name == "telegraf-net\n").then_some(pid)
        });
        let (asked, spare) = (None, Vec::new());
        Self { process, pid, stdin, stdout, log, log_reader, asked, spare, _config: file }
    }

    /// Asks for a gather.
    pub(crate) fn trigger(&mut self) {
        assert!(self.asked.is_none());
        self.asked = Some((Instant::now(), time_of_day_ns()));
        self.stdin.write_all(b"\n").unwrap();
    }

    /// What comes of it.
    pub(crate) fn answer(&mut self) -> Answer {
        let (from, clock_from) = self.asked.take().unwrap();
        let mut bytes = std::mem::take(&mut self.spare);
        bytes.clear();
        let mut part = vec![0; 1 << 20];
        while !is_whole(&bytes) {
            let comes = self.can_read(PATIENCE);
            assert!(
                comes,
                "no answer: {}
{}",
                text(&bytes),
                self.log().join(
                    "
"
                )
            );
            let length = self.stdout.read(&mut part).unwrap();
            assert_ne!(length, 0, "stdout ended: {}", self.log().join("\n"));
            bytes.extend_from_slice(&part[..length]);
        }
        let window = Window { from, until: Instant::now() };
        Answer { bytes, window, clock: [clock_from, time_of_day_ns()] }
    }

    /// Takes back what an answer was in.
    pub(crate) fn reuse(&mut self, bytes: Vec<u8>) {
        self.spare = bytes;
    }

    /// Whether there is something to read without any trigger.
    pub(crate) fn says_more(&self) -> bool {
        assert!(self.asked.is_none());
        self.can_read(std::time::Duration::ZERO)
    }

    fn can_read(&self, patience: std::time::Duration) -> bool {
        let patience = Timespec::try_from(patience).unwrap();
        poll(&mut [PollFd::new(&self.stdout, PollFlags::IN)], Some(&patience)).unwrap() > 0
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn used(&self) -> Use {
        let process = format!("/proc/{}", self.pid);
        let count = |folder| fs::read_dir(format!("{process}/{folder}")).unwrap().count();
        let number = |file: &str, key: &str| number(&format!("{process}/{file}"), key);
        Use {
            pss_kb: number("smaps_rollup", "Pss:"),
            resident_kb: number("status", "VmRSS:"),
            files: count("fd"),
            threads: count("task"),
        }
    }

    /// Of all its threads.
    pub(crate) fn activity(&self) -> Activity {
        let mut activity = Activity { ticks: 0, waits: 0 };
        for task in fs::read_dir(format!("/proc/{}/task", self.pid)).unwrap() {
            let task = task.unwrap().path();
            let stat = fs::read_to_string(task.join("stat")).unwrap();
            let fields = stat.rsplit_once(") ").unwrap().1.split(' ');
            activity.ticks +=
                fields.skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum::<u64>();
            let status = task.join("status");
            activity.waits += number(status.to_str().unwrap(), "voluntary_ctxt_switches:");
        }
        activity
    }

    /// Ends it, and returns all that it logged.
    pub(crate) fn end(mut self) -> Vec<String> {
        drop(self.stdin);
        let mut rest = Vec::new();
        self.stdout.read_to_end(&mut rest).unwrap();
        assert_eq!(text(&rest), "", "it says more at its end");
        let status = self.process.wait().unwrap();
        self.log_reader.join().unwrap();
        let log = self.log.lock().unwrap().clone();
        assert!(status.success(), "{status}: {}", log.join("\n"));
        log
    }
}

/// Whether that ends with the line that ends a batch.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(lines) = bytes.strip_suffix(b"\n") else { return false };
    let start = lines.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    lines[start..].starts_with(END_LINE.as_bytes())
}

fn time_of_day_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

/// The number behind a word at the beginning of a line.
fn number(file: &str, key: &str) -> u64 {
    let status = fs::read_to_string(file).unwrap();
    let rest = status.lines().find_map(|line| line.strip_prefix(key)).unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}
