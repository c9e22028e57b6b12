//! The program of a row, running, and how it is made to gather.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{ChildStdin, ChildStdout, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::command::{PORT, Ready};
use crate::namespace::PREFIX;
use crate::plan::Plan;
use crate::process::{self, Process};
use crate::rows::{End, Program, Reports, Row};
use crate::site::Site;
use crate::traffic::Traffic;
use crate::{Result, http};

/// What the plugin writes at most in one go.
const READ_BYTES: usize = 1024 * 1024;

/// A program that runs.
pub(crate) struct Subject {
    pub(crate) process: Process,
    trigger: Trigger,
    traffic: Option<Traffic>,
}

/// What makes it gather.
enum Trigger {
    /// A newline on its stdin; then its stdout has that many lines.
    Newline { stdin: ChildStdin, stdout: ChildStdout, lines: usize, buffer: Vec<u8> },
    /// A newline on its stdin; then its stdout has lines up to one that begins so.
    NewlineUpTo { stdin: ChildStdin, stdout: ChildStdout, last: &'static str, batch: Vec<u8> },
    /// A request over HTTP.
    Request { stream: TcpStream, answer: Vec<u8> },
    /// Its own clock, each second.
    Clock,
}

/// Whether a program gathers when it is told to, and so can do it back to back.
pub(crate) fn is_driven(program: &Program) -> bool {
    match program {
        Program::Floor { .. } | Program::Plugin { .. } | Program::NodeExporter => true,
        Program::Telegraf { .. } | Program::TelegrafPlugin { .. } | Program::Collectd => false,
    }
}

impl Subject {
    /// Starts a row's program.
    pub(crate) fn start(row: &Row, ready: &Ready, site: &Site<'_>) -> Result<Self> {
        let stdio = || match &row.program {
            Program::Floor { .. } | Program::Plugin { .. } => (Stdio::piped(), Stdio::piped()),
            _ => (Stdio::null(), Stdio::null()),
        };
        // A program with a clock starts at a whole second, which is where Telegraf's clock is.
        if !is_driven(&row.program) {
            sleep_until(Duration::ZERO);
        }
        let mut process = Process::start(ready, site, stdio())?;
        let trigger = match &row.program {
            Program::Floor { .. } | Program::Plugin { .. } => {
                newline(&mut process, ready, row.end)?
            }
            Program::NodeExporter => {
                Trigger::Request { stream: connect(&mut process, site)?, answer: Vec::new() }
            }
            Program::Telegraf { .. } | Program::TelegrafPlugin { .. } | Program::Collectd => {
                Trigger::Clock
            }
        };
        let traffic = match row.traffic_percent {
            0 => None,
            percent => Some(Traffic::new(site.namespace, percent)?),
        };
        Ok(Self { process, trigger, traffic })
    }

    /// Moves the counters that shall move before it gathers.
    pub(crate) fn send_traffic(&self) -> Result<()> {
        let result = self.traffic.as_ref().map_or(Ok(()), Traffic::send);
        result.map_err(|error| format!("traffic: {error}"))
    }

    /// Has it gather once, and waits until all of the result is here. One with a clock does it by
    /// itself.
    pub(crate) fn gather(&mut self) -> Result<()> {
        let result = match &mut self.trigger {
            Trigger::Newline { stdin, stdout, lines, buffer } => {
                stdin.write_all(b"\n").and_then(|()| read_lines(stdout, *lines, buffer))
            }
            Trigger::NewlineUpTo { stdin, stdout, last, batch } => {
                stdin.write_all(b"\n").and_then(|()| read_up_to(stdout, last, batch))
            }
            Trigger::Request { stream, answer } => http::scrape(stream, answer),
            Trigger::Clock => Ok(()),
        };
        result.map_err(|error| self.process.failure(&error.to_string()))
    }
}

/// Sees to it that the row's program reports what it shall, before it is measured.
pub(crate) fn check(row: &Row, ready: &Ready, site: &Site<'_>) -> Result<()> {
    if matches!(row.reports, Reports::Nothing) {
        return Ok(());
    }
    let (output, line) = match &row.program {
        Program::Floor { .. } => return Ok(()),
        Program::Plugin { .. } => (ready.batch.clone(), "net,interface="),
        Program::Telegraf { line, .. } => (told(ready, site)?, *line),
        Program::TelegrafPlugin { .. } => (told(ready, site)?, "> net,interface="),
        Program::NodeExporter => {
            let mut subject = Subject::start(row, ready, site)?;
            subject.gather()?;
            let Trigger::Request { answer, .. } = subject.trigger else { return Ok(()) };
            (http::body(&answer), "node_network_receive_bytes_total{device=\"")
        }
        Program::Collectd => {
            // Its own test mode ends before everything is written.
            let mut ending = ["timeout", "--preserve-status", "1.5"].map(OsString::from).to_vec();
            ending.extend_from_slice(&ready.command);
            (process::output(&ending, site.namespace)?, "PUTVAL bench/interface-")
        }
    };
    match row.reports {
        Reports::Nothing => Ok(()),
        Reports::Line(line) => {
            let mut lines = output.split(|&byte| byte == b'\n');
            let is_there = lines.any(|text| text.starts_with(line.as_bytes()));
            is_there
                .then_some(())
                .ok_or_else(|| format!("it reports no line that begins with {line:?}"))
        }
        Reports::Interfaces(percent) => {
            let expected = site.namespace.interfaces * percent / 100;
            match count_interfaces(&output, &format!("{line}{PREFIX}")) {
                reported if reported == expected => Ok(()),
                reported => Err(format!("it reports {reported} interfaces, not {expected}")),
            }
        }
    }
}

/// What Telegraf prints of one gather.
fn told(ready: &Ready, site: &Site<'_>) -> Result<Vec<u8>> {
    process::output(&[&ready.command[..], &["--test".into()]].concat(), site.namespace)
}

/// How many interfaces have lines that begin so. Those in different namespaces have different tags.
fn count_interfaces(output: &[u8], line: &str) -> usize {
    let lines = output.split(|&byte| byte == b'\n');
    let rests = lines.filter_map(|text| text.strip_prefix(line.as_bytes()));
    let is_end = |byte: &u8| matches!(byte, b' ' | b'"' | b'/');
    rests.filter_map(|rest| rest.split(is_end).next()).collect::<BTreeSet<_>>().len()
}

/// The floor and the plugin: both write what the plugin prints in one gather.
fn newline(process: &mut Process, ready: &Ready, end: End) -> Result<Trigger> {
    let (stdin, stdout) = (process.child.stdin.take(), process.child.stdout.take());
    let (Some(stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(process.failure("it has no pipes"));
    };
    Ok(match end {
        End::Count => {
            let lines = count_lines(&ready.batch);
            Trigger::Newline { stdin, stdout, lines, buffer: vec![0; READ_BYTES] }
        }
        End::Line(last) => Trigger::NewlineUpTo { stdin, stdout, last, batch: Vec::new() },
    })
}

/// Connects to the exporter as soon as it listens.
fn connect(process: &mut Process, site: &Site<'_>) -> Result<TcpStream> {
    let start = Instant::now();
    loop {
        match http::connect(site.namespace, PORT) {
            Ok(Some(stream)) => return Ok(stream),
            Ok(None) if start.elapsed() < Plan::PATIENCE => process.check()?,
            Ok(None) => return Err(process.failure("it does not listen")),
            Err(error) => return Err(process.failure(&error.to_string())),
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Reads a whole batch, as Telegraf would, and drops it.
fn read_lines(stdout: &mut ChildStdout, lines: usize, buffer: &mut [u8]) -> std::io::Result<()> {
    let mut missing = lines;
    while missing > 0 {
        let count = read(stdout, buffer)?;
        let read = count_lines(&buffer[..count]);
        missing = missing
            .checked_sub(read)
            .ok_or_else(|| std::io::Error::other(format!("more than {lines} lines")))?;
    }
    Ok(())
}

/// Reads a batch up to the whole line that begins so.
fn read_up_to(stdout: &mut ChildStdout, last: &str, batch: &mut Vec<u8>) -> std::io::Result<()> {
    let mut part = vec![0; READ_BYTES];
    batch.clear();
    loop {
        let count = read(stdout, &mut part)?;
        batch.extend_from_slice(&part[..count]);
        if let Some(lines) = batch.strip_suffix(b"\n")
            && lines
                .rsplit(|&byte| byte == b'\n')
                .next()
                .unwrap_or(lines)
                .starts_with(last.as_bytes())
        {
            return Ok(());
        }
    }
}

/// Reads what there is, once there is something.
fn read(stdout: &mut ChildStdout, buffer: &mut [u8]) -> std::io::Result<usize> {
    let patience = Timespec { tv_sec: Plan::PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    if poll(&mut [PollFd::new(stdout, PollFlags::IN)], Some(&patience))? == 0 {
        let text = format!("it does not answer within {:?}", Plan::PATIENCE);
        return Err(std::io::Error::other(text));
    }
    match stdout.read(buffer)? {
        0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
        count => Ok(count),
    }
}

#[expect(clippy::naive_bytecount, reason = "fast enough: this process is not measured")]
fn count_lines(text: &[u8]) -> usize {
    text.iter().filter(|&&byte| byte == b'\n').count()
}

/// Sleeps until the time of day is that much after a whole second.
pub(crate) fn sleep_until(after_second: Duration) {
    let second_ns = 1_000_000_000;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let wait_ns = (second_ns + after_second.subsec_nanos() - now.subsec_nanos()) % second_ns;
    thread::sleep(Duration::from_nanos(wait_ns.into()));
}
