//! Programs of the system that are run for what they print: within a time limit, and with nothing of this
//! process's own that could change what they say.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The most bytes of an output: ten thousand interfaces with ten addresses each take 10 MB.
const MAX_OUTPUT: usize = 32 << 20;

/// The most bytes that are kept of what a program says of its failure.
const MAX_COMPLAINT: usize = 1 << 10;

/// How often it is looked whether a program has ended that has closed its output: they end at once.
const END_POLL: Duration = Duration::from_millis(1);

/// A program with its arguments.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// Where it lies.
    pub path: &'a Path,
    /// What it is given.
    pub arguments: &'a [&'a OsStr],
}

/// Why a program tells nothing.
#[derive(Debug)]
pub struct RunError {
    command: String,
    reason: RunReason,
}

#[derive(Debug)]
enum RunReason {
    /// The system does not run it, or does not hand on what it prints.
    System(io::Error),
    /// It did not end in time, and was killed.
    TimeLimit,
    /// It printed more than is read, and was killed.
    TooLong,
    /// It failed, or printed nothing but this.
    Failed { status: ExitStatus, complaint: Vec<u8> },
}

impl fmt::Display for Program<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", argument.display()))
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = &self.command;
        match &self.reason {
            RunReason::System(error) => write!(f, "cannot run {command}: {error}"),
            RunReason::TimeLimit => write!(f, "{command} took too long and was killed"),
            RunReason::TooLong => {
                write!(f, "{command} printed more than {MAX_OUTPUT} bytes and was killed")
            }
            RunReason::Failed { status, complaint } => {
                match (status.code(), status.signal()) {
                    (Some(0), _) => write!(f, "{command} printed nothing")?,
                    (Some(code), _) => write!(f, "{command} failed with status {code}")?,
                    (None, signal) => {
                        write!(f, "{command} was ended by signal {}", signal.unwrap_or_default())?;
                    }
                }
                let complaint = complaint.trim_ascii().split(|&byte| byte == b'\n').next();
                match complaint.filter(|line| !line.is_empty()) {
                    Some(line) => write!(f, ": {}", String::from_utf8_lossy(line)),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Program<'_> {
    /// Runs it until that moment at the latest, and returns what it printed.
    ///
    /// # Errors
    ///
    /// When it could not be run, failed, was killed, or printed nothing and had something to complain of.
    pub fn run(&self, deadline: Instant) -> Result<Vec<u8>, RunError> {
        self.try_run(deadline).map_err(|reason| RunError { command: self.to_string(), reason })
    }

    fn try_run(&self, deadline: Instant) -> Result<Vec<u8>, RunReason> {
        if deadline <= Instant::now() {
            return Err(RunReason::TimeLimit);
        }
        let child = Command::new(self.path)
            .args(self.arguments)
            .env_clear()
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut running = Running(child.map_err(RunReason::System)?);
        let mut output = Pipe::new(running.0.stdout.take());
        let mut complaint = Pipe::new(running.0.stderr.take());
        while output.is_open() || complaint.is_open() {
            wait(&output, &complaint, deadline)?;
            output.read().map_err(RunReason::System)?;
            if output.bytes.len() > MAX_OUTPUT {
                return Err(RunReason::TooLong);
            }
            complaint.read().map_err(RunReason::System)?;
            complaint.bytes.truncate(MAX_COMPLAINT);
        }
        let status = running.end(deadline)?;
        let (output, complaint) = (output.bytes, complaint.bytes);
        if status.success() && (complaint.is_empty() || !output.is_empty()) {
            Ok(output)
        } else {
            Err(RunReason::Failed { status, complaint })
        }
    }
}

/// A program that is killed where nobody waits for its end any more.
struct Running(Child);

impl Running {
    /// Waits for its end.
    fn end(&mut self, deadline: Instant) -> Result<ExitStatus, RunReason> {
        loop {
            match self.0.try_wait().map_err(RunReason::System)? {
                Some(status) => return Ok(status),
                None if deadline <= Instant::now() => return Err(RunReason::TimeLimit),
                None => thread::sleep(END_POLL),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both do nothing where it has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a program writes to.
struct Pipe<P> {
    /// `None` once it is at its end.
    pipe: Option<P>,
    bytes: Vec<u8>,
}

impl<P: Read + AsFd> Pipe<P> {
    fn new(pipe: Option<P>) -> Self {
        Self { pipe, bytes: Vec::new() }
    }

    fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Takes in a piece of what is there, if anything is.
    fn read(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.pipe else { return Ok(()) };
        if !is_ready(pipe)? {
            return Ok(());
        }
        let mut piece = [0; 16 << 10];
        match pipe.read(&mut piece) {
            Ok(0) => self.pipe = None,
            Ok(length) => self.bytes.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Whether a read would not block.
fn is_ready(pipe: &impl AsFd) -> io::Result<bool> {
    let mut fds = [PollFd::new(pipe, PollFlags::IN)];
    match poll(&mut fds, Some(&Timespec::default())) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Waits until either can be read, or is at its end.
fn wait(
    output: &Pipe<impl AsFd>,
    complaint: &Pipe<impl AsFd>,
    deadline: Instant,
) -> Result<(), RunReason> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(RunReason::TimeLimit);
    }
    let output = output.pipe.as_ref().map(AsFd::as_fd);
    let complaint = complaint.pipe.as_ref().map(AsFd::as_fd);
    let open = output.into_iter().chain(complaint);
    let mut fds: Vec<_> = open.map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN)).collect();
    // A limit that cannot be told is far away.
    match poll(&mut fds, Timespec::try_from(left).ok().as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(RunReason::System(error.into())),
    }
}
