//! Programs of the system that are run for what they print: within a time limit, and with nothing of this
//! process's own that could change what they say.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};

/// The most bytes of an output: ten thousand interfaces with ten addresses each take 10 MB.
const MAX_OUTPUT: usize = 32 << 20;

/// The most bytes that are kept of what a program says of its failure.
const MAX_COMPLAINT: usize = 1 << 10;

/// How often it is looked whether a program has ended that has closed its output: they end at once.
const END_POLL: Duration = Duration::from_millis(1);

/// How often it is looked whether a program is still waited for, and whether it has ended though another
/// one holds its output.
const LOOK: Duration = Duration::from_millis(100);

/// How long a program that was killed may take to end: none does, unless the kernel holds it.
const KILL_GRACE: Duration = Duration::from_millis(100);

/// How long programs are waited for.
pub struct Patience<'a> {
    /// Until then at most.
    pub deadline: Instant,
    /// Or until it says so.
    pub hurry: &'a mut dyn FnMut() -> bool,
}

impl fmt::Debug for Patience<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patience").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl Patience<'_> {
    /// How long to wait before it is asked again; an error when that is over.
    fn left(&mut self) -> Result<Duration, RunReason> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if (self.hurry)() {
            Err(RunReason::Hurry)
        } else if left.is_zero() {
            Err(RunReason::TimeLimit)
        } else {
            Ok(left.min(LOOK))
        }
    }
}

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
    /// It was not begun, for the others had taken all the time.
    NoTime,
    /// It was not begun, for one that was killed has not ended yet.
    Stuck,
    /// It was not waited for until its end, and was killed.
    Hurry,
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
            RunReason::NoTime => write!(f, "no time was left for {command}"),
            RunReason::Stuck => {
                write!(
                    f,
                    "cannot run {command}: one that took too long and was killed has not ended"
                )
            }
            RunReason::Hurry => write!(f, "{command} was not waited for and was killed"),
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

impl RunError {
    /// Whether it was not waited for, which is no failure.
    #[must_use]
    pub fn is_hurry(&self) -> bool {
        matches!(self.reason, RunReason::Hurry)
    }

    /// Whether the time was over.
    #[must_use]
    pub fn is_late(&self) -> bool {
        matches!(self.reason, RunReason::TimeLimit | RunReason::NoTime)
    }
}

/// Runs programs, one after the other.
#[derive(Debug, Default)]
pub struct Runner {
    /// What waits for the end of one that was killed and has not ended.
    stuck: Option<JoinHandle<()>>,
}

impl Runner {
    /// Runs a program as long as there is patience, and returns what it printed.
    ///
    /// # Errors
    ///
    /// When it could not be run, failed, was killed, or printed nothing and had something to complain of.
    pub fn run(
        &mut self,
        program: &Program<'_>,
        patience: &mut Patience<'_>,
    ) -> Result<Vec<u8>, RunError> {
        self.try_run(program, patience)
            .map_err(|reason| RunError { command: program.to_string(), reason })
    }

    fn try_run(
        &mut self,
        program: &Program<'_>,
        patience: &mut Patience<'_>,
    ) -> Result<Vec<u8>, RunReason> {
        match patience.left() {
            Err(RunReason::TimeLimit) => return Err(RunReason::NoTime),
            left => left?,
        };
        self.stuck = self.stuck.take().filter(|thread| !thread.is_finished());
        if self.stuck.is_some() {
            return Err(RunReason::Stuck);
        }
        let child = Command::new(program.path)
            .args(program.arguments)
            .env_clear()
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // It is killed with all that it has started.
            .process_group(0)
            .spawn();
        let mut running = Running::new(child.map_err(RunReason::System)?);
        let ended = running.wait(patience);
        let (output, complaint) = running.take_written();
        self.stuck = running.end();
        let status = ended?;
        if status.success() && (complaint.is_empty() || !output.is_empty()) {
            Ok(output)
        } else {
            Err(RunReason::Failed { status, complaint })
        }
    }
}

/// A program that runs.
struct Running {
    child: Child,
    /// How it ended.
    status: Option<ExitStatus>,
    output: Pipe<ChildStdout>,
    complaint: Pipe<ChildStderr>,
}

impl Running {
    fn new(mut child: Child) -> Self {
        let output = Pipe::new(child.stdout.take());
        let complaint = Pipe::new(child.stderr.take());
        Self { child, status: None, output, complaint }
    }

    /// Waits for its end, and takes in what it writes.
    fn wait(&mut self, patience: &mut Patience<'_>) -> Result<ExitStatus, RunReason> {
        loop {
            // All that it wrote is there once it has ended; what others hold open is not waited for.
            self.status = self.child.try_wait().map_err(RunReason::System)?;
            if let Some(status) = self.status {
                while self.read()? {
                    patience.left()?;
                }
                return Ok(status);
            }
            let left = patience.left()?;
            if self.is_open() {
                wait(&self.output, &self.complaint, left)?;
                self.read()?;
            } else {
                thread::sleep(END_POLL);
            }
        }
    }

    /// Whether somebody may still write to its pipes.
    fn is_open(&self) -> bool {
        self.output.is_open() || self.complaint.is_open()
    }

    /// Takes in a piece of what is in its pipes; `false` if they have nothing.
    fn read(&mut self) -> Result<bool, RunReason> {
        let has_written = self.output.read().map_err(RunReason::System)?;
        if self.output.bytes.len() > MAX_OUTPUT {
            return Err(RunReason::TooLong);
        }
        let has_complained = self.complaint.read().map_err(RunReason::System)?;
        self.complaint.bytes.truncate(MAX_COMPLAINT);
        Ok(has_written || has_complained)
    }

    /// What it has written to its output, and what it complained of.
    fn take_written(&mut self) -> (Vec<u8>, Vec<u8>) {
        let Self { output, complaint, .. } = self;
        (std::mem::take(&mut output.bytes), std::mem::take(&mut complaint.bytes))
    }

    /// Kills it if it has not ended, and what it has left behind that holds its pipes. Returns what waits for
    /// its end where that does not come at once.
    fn end(self) -> Option<JoinHandle<()>> {
        if self.status.is_some() && !self.is_open() {
            return None;
        }
        // Its group has its number as long as there is anyone in it.
        let group = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // There is nobody to be killed if it has ended meanwhile.
        let _ = group.map(|group| kill_process_group(group, Signal::KILL));
        if self.status.is_some() { None } else { reap(self.child) }
    }
}

/// Waits for the end of a program that was killed: for a moment, then by a thread, so that it does not stay in
/// the system's table whenever it ends.
fn reap(mut child: Child) -> Option<JoinHandle<()>> {
    let deadline = Instant::now() + KILL_GRACE;
    while child.try_wait().ok()?.is_none() {
        if deadline <= Instant::now() {
            let wait = move || {
                let _ = child.wait();
            };
            return thread::Builder::new().name("reaper".into()).spawn(wait).ok();
        }
        thread::sleep(END_POLL);
    }
    None
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

    /// Takes in a piece of what is there; `false` if nothing is.
    fn read(&mut self) -> io::Result<bool> {
        let Some(pipe) = &mut self.pipe else { return Ok(false) };
        if !is_ready(pipe)? {
            return Ok(false);
        }
        let mut piece = [0; 16 << 10];
        match pipe.read(&mut piece) {
            Ok(0) => self.pipe = None,
            Ok(length) => self.bytes.extend_from_slice(piece.get(..length).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}

/// Whether a read would not block.
fn is_ready(pipe: &impl AsFd) -> io::Result<bool> {
    loop {
        let mut fds = [PollFd::new(pipe, PollFlags::IN)];
        match poll(&mut fds, Some(&Timespec::default())) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits until either can be read, is at its end, or so much time has passed.
fn wait(
    output: &Pipe<impl AsFd>,
    complaint: &Pipe<impl AsFd>,
    time: Duration,
) -> Result<(), RunReason> {
    let output = output.pipe.as_ref().map(AsFd::as_fd);
    let complaint = complaint.pipe.as_ref().map(AsFd::as_fd);
    let open = output.into_iter().chain(complaint);
    let mut fds: Vec<_> = open.map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN)).collect();
    match poll(&mut fds, Timespec::try_from(time).ok().as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(RunReason::System(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn nothing_is_run_while_one_that_was_killed_has_not_ended() {
        let program = Program { path: Path::new("/bin/echo"), arguments: &[OsStr::new("a")] };
        let mut no_hurry = || false;
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut patience = Patience { deadline, hurry: &mut no_hurry };
        let (let_end, end) = mpsc::channel();
        let thread = thread::spawn(move || end.recv().unwrap());
        let mut runner = Runner { stuck: Some(thread) };
        let error = runner.run(&program, &mut patience).unwrap_err().to_string();
        assert!(error.starts_with("cannot run /bin/echo a: one that took too long"), "{error}");
        let_end.send(()).unwrap();
        while !runner.stuck.as_ref().unwrap().is_finished() {
            thread::yield_now();
        }
        assert_eq!(runner.run(&program, &mut patience).unwrap(), b"a\n");
    }

    #[test]
    fn one_that_does_not_end_is_left_to_a_thread_that_waits_for_it() {
        // As if it could not be killed.
        let child = Command::new("/bin/sleep").arg("600").spawn().unwrap();
        let pid = Pid::from_child(&child);
        let thread = reap(child).unwrap();
        assert!(!thread.is_finished());
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
        thread.join().unwrap();
        assert!(rustix::process::test_kill_process(pid).is_err());
    }
}
