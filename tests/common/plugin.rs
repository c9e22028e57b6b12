//! The plugin in a network namespace, by each of its sources.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::NamedTempFile;

use super::line::{Line, Parsed};
use super::{Netns, PATIENCE, PLUGIN, eventually, finish, run, text, without_notes};

pub(crate) const ALL: &str = "[[inputs.net]]\ninterfaces = ['*']\nignore_protocol_stats = true\n";
pub(crate) const DEFAULT: &str = "[[inputs.net]]\nignore_protocol_stats = true\n";

/// The sources, and what the plugin says of each at the start.
pub(crate) const SOURCES: [(&str, &str); 2] = [
    ("netlink", "I! reading counters by netlink, as configured\n"),
    ("procfs", "I! reading counters from /proc/net/dev, as configured\n"),
];

/// The fields of each interface's line.
pub(crate) type Lines = BTreeMap<String, BTreeMap<String, i64>>;

/// The lines of a batch less the timestamps, byte for byte.
pub(crate) type Batch = Vec<Vec<u8>>;

pub(crate) fn once(mut command: Command, config: &str) -> (Lines, Output) {
    let file = config_file(config);
    command.args(["--once", "--config"]).arg(file.path());
    let output = run(&mut command);
    (parse(&without_time(&output.stdout)), output)
}

/// What the plugin reports in a namespace: by netlink and by procfs, which must be the same.
pub(crate) fn once_in(netns: &Netns, config: &str) -> Lines {
    parse(&batch_in(netns, config))
}

/// As [`once_in`], not taken apart, so that several tables may report the same interface.
pub(crate) fn batch_in(netns: &Netns, config: &str) -> Batch {
    let [by_netlink, by_procfs] = SOURCES.map(|(source, log)| {
        let file = config_file(&with_source(config, source));
        with_speeds(|| {
            let mut command = netns.command(PLUGIN);
            let output = run(command.args(["--once", "--config"]).arg(file.path()));
            assert_eq!(without_notes(&text(&output.stderr)), log);
            without_time(&output.stdout)
        })
    });
    assert_same(&by_netlink, &by_procfs, "netlink, and procfs");
    by_netlink
}

/// Gathers until all interfaces have their speeds, which are left out by netlink where a busy machine has them
/// come late.
pub(crate) fn with_speeds(mut gather: impl FnMut() -> Batch) -> Batch {
    let has_speed = |line: &Vec<u8>| {
        let line = text(line);
        line.contains(",speed=") || line.starts_with("net,interface=all")
    };
    eventually("speeds", || Some(gather()).filter(|batch| batch.iter().all(has_speed)))
}

/// The configuration with that source in each of its tables.
pub(crate) fn with_source(config: &str, source: &str) -> String {
    config.replace("[[inputs.net]]\n", &format!("[[inputs.net]]\nsource = '{source}'\n"))
}

/// A configuration file that anybody may read.
pub(crate) fn config_file(config: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, config).unwrap();
    run(Command::new("chmod").arg("644").arg(file.path()));
    file
}

/// Fails with the lines that differ.
pub(crate) fn assert_same(left: &Batch, right: &Batch, what: &str) {
    let only = |these: &Batch, those: &Batch| {
        let only = these.iter().filter(|line| !those.contains(line));
        only.map(|line| text(line)).collect::<Vec<_>>().join("\n")
    };
    assert!(
        left == right,
        "{what}: {} and {} lines\nonly left:\n{}\nonly right:\n{}\nall left:\n{}",
        left.len(),
        right.len(),
        only(left, right),
        only(right, left),
        text(&left.join(&b'\n')),
    );
}

pub(crate) fn without_time(batch: &[u8]) -> Batch {
    let is_line = |line: &&[u8]| !line.is_empty();
    let lines = batch.split(|&byte| byte == b'\n').filter(is_line);
    lines.map(|line| line.rsplitn(2, |&byte| byte == b' ').last().unwrap().to_vec()).collect()
}

pub(crate) fn parse(batch: &Batch) -> Lines {
    let mut lines = Lines::new();
    for line in batch {
        let line = text(line);
        let (name, fields) = line.split_once(' ').unwrap();
        // A name of backslashes alone leaves a line without the tag.
        let name = name.strip_prefix("net").unwrap().trim_start_matches(",interface=");
        let fields = fields.split(',').map(|field| {
            let (key, value) = field.split_once('=').unwrap();
            (key.to_owned(), value.strip_suffix('i').unwrap().parse().unwrap())
        });
        assert!(
            lines.insert(name.into(), fields.collect()).is_none(),
            "{name} twice in\n{}",
            text(&batch.join(&b'\n'))
        );
    }
    lines
}

pub(crate) fn names(lines: &Lines) -> Vec<&str> {
    lines.keys().map(String::as_str).collect()
}

pub(crate) fn speeds(lines: &Lines) -> Vec<(&str, i64)> {
    lines.iter().map(|(name, fields)| (name.as_str(), fields["speed"])).collect()
}

/// A plugin that runs in a namespace and answers one gather after the other.
pub(crate) struct Daemon {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    config: NamedTempFile,
}

impl Daemon {
    /// Starts it with protocol statistics on, whose line comes last and marks the end of a batch.
    pub(crate) fn start(netns: &Netns, config: &str) -> Self {
        Self::start_as(netns.command(PLUGIN), &config.replace("= true", "= false"))
    }

    pub(crate) fn start_as(mut command: Command, config: &str) -> Self {
        let config = config_file(config);
        command.arg("--config").arg(config.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Self { process, stdin, stdout, config }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Gathers, and returns the interfaces' lines.
    pub(crate) fn gather(&mut self) -> Lines {
        parse(&self.batch())
    }

    pub(crate) fn batch(&mut self) -> Batch {
        self.batch_until("net,interface=all ")
    }

    /// Gathers, and returns the lines before the one that begins so.
    pub(crate) fn batch_until(&mut self, end: &str) -> Batch {
        self.trigger("");
        self.rest_until(end)
    }

    /// The next lines before the one that begins so.
    pub(crate) fn rest_until(&mut self, end: &str) -> Batch {
        let mut batch = Vec::new();
        loop {
            let line = self.read_line();
            if line.starts_with(end.as_bytes()) {
                return without_time(&batch);
            }
            batch.extend_from_slice(&line);
        }
    }

    /// The next lines before that of protocol statistics, and the time of them all.
    pub(crate) fn lines(&mut self) -> (Parsed, i64) {
        let mut lines = Vec::new();
        loop {
            let line = self.read_line();
            let line = Line::parse(line.strip_suffix(b"\n").unwrap());
            if line.tag("interface").as_deref() == Some("all") {
                assert!(lines.iter().all(|other: &Line| other.time == line.time), "{lines:?}");
                return (Parsed(lines), line.time);
            }
            lines.push(line);
        }
    }

    /// Asks for a gather by that word and a newline.
    pub(crate) fn trigger(&mut self, word: &str) {
        self.stdin.write_all(format!("{word}\n").as_bytes()).unwrap();
    }

    pub(crate) fn read_line(&mut self) -> Vec<u8> {
        let line = self.line();
        assert!(line.ends_with(b"\n"), "stdout ended");
        line
    }

    /// Reads a line, if there is one before stdout ends.
    pub(crate) fn has_line(&mut self) -> bool {
        !self.line().is_empty()
    }

    /// The next line, or what there is of it when stdout ends. One that does not come is a failure.
    fn line(&mut self) -> Vec<u8> {
        let patience = Timespec::try_from(PATIENCE).unwrap();
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            if self.stdout.buffer().is_empty() {
                let mut stdout = [PollFd::new(self.stdout.get_ref(), PollFlags::IN)];
                assert_ne!(poll(&mut stdout, Some(&patience)), Ok(0), "no line comes");
            }
            let part = self.stdout.fill_buf().unwrap();
            if part.is_empty() {
                break;
            }
            let length =
                part.iter().position(|&byte| byte == b'\n').map_or(part.len(), |end| end + 1);
            line.extend_from_slice(&part[..length]);
            self.stdout.consume(length);
        }
        line
    }

    /// How many bytes wait in the pipe for a reader.
    pub(crate) fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(self.stdout.get_ref()).unwrap()
    }

    /// Ends it, and returns what it logged since the line at the start, less notes on the
    /// configuration.
    pub(crate) fn end(self) -> String {
        let log = without_notes(&self.end_and_tell_all());
        let (first, rest) = log.split_once('\n').unwrap();
        assert!(first.contains("! reading ") || first.starts_with("W! kinds of "), "{log}");
        rest.to_owned()
    }

    /// Ends it, and returns all that it logged.
    pub(crate) fn end_and_tell_all(self) -> String {
        drop(self.stdin);
        let output = finish(self.process);
        assert!(output.status.success());
        drop(self.config);
        text(&output.stderr)
    }
}
