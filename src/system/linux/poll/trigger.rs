//! What makes the daemon act: newlines, signals, its own clock, end-of-file.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Events;
use super::output::Output;
use crate::system::trigger::{Await, Clock, Ready, Requests};
use crate::system::unix::signals::Signals;
use crate::system::unix::stdio;

/// What the daemon waits for.
#[derive(Debug)]
pub struct Triggers {
    signals: Signals,
    /// Readable after any of them, so that it ends a wait.
    wake: UnixStream,
    clock: Option<Clock>,
    requests: Requests,
    /// What was read from stdin last; as large as a pipe, so that one read takes all of it.
    stdin_bytes: Vec<u8>,
}

impl Triggers {
    /// Takes over the signals. With an interval, the first gather is asked for at once.
    ///
    /// # Errors
    ///
    /// When the kernel gives no more file descriptors.
    pub fn install(poll_interval: Option<Duration>) -> io::Result<Self> {
        let (signals, wake) = Signals::install()?;
        wake.set_nonblocking(true)?;
        Ok(Self {
            signals,
            wake,
            clock: poll_interval.map(Clock::new),
            requests: Requests::default(),
            stdin_bytes: vec![0; 64 << 10],
        })
    }

    /// Whether a person types the newlines.
    #[must_use]
    pub fn are_typed(&self) -> bool {
        io::stdin().is_terminal()
    }

    /// Whether a program is to send the newlines, as Telegraf is by `signal = "STDIN"`, and nothing else
    /// asks for gathers by itself.
    #[must_use]
    pub fn are_awaited(&self) -> bool {
        self.clock.is_none() && stdio::is_pipe(io::stdin())
    }

    /// Whether a gather was asked for since the last call.
    pub fn take_gather(&mut self) -> bool {
        self.requests.take_gather()
    }

    /// Whether there is something to act on at once.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.requests.is_pending()
    }

    /// Since when a stop is asked for.
    #[must_use]
    pub fn stop_since(&self) -> Option<Instant> {
        self.requests.stop_since()
    }

    /// Whether the end of stdin stopped a clock, which does not need stdin.
    #[must_use]
    pub fn has_end_of_stdin_stopped_clock(&self) -> bool {
        self.requests.is_stopped_by_stdin() && self.clock.is_some()
    }

    /// Why stdin cannot be read, where that is what asked for the stop.
    pub fn take_stdin_failure(&mut self) -> Option<io::Error> {
        self.requests.take_stdin_failure()
    }

    /// Waits for any trigger, for stdout, for kernel events where these are to be waited for, or until
    /// that moment, and takes in the triggers that came. After a stop, only stdout counts.
    ///
    /// # Errors
    ///
    /// When the kernel refuses to wait at all.
    pub fn wait(
        &mut self,
        output: &Output,
        awaited: Await,
        events: Events<'_>,
        until: Option<Instant>,
    ) -> io::Result<Ready> {
        let (stdin, stdout) = (io::stdin(), output.fd());
        let stdout_flags = match awaited {
            Await::Close => PollFlags::empty(),
            Await::Space => PollFlags::OUT,
        };
        // Where there are none to wait for, stdout stands in their place, which is waited for anyway.
        let [own, others] = events;
        let event_flags = |events: Option<_>| events.map_or(stdout_flags, |_| PollFlags::IN);
        let mut fds = [
            PollFd::from_borrowed_fd(stdout, stdout_flags),
            PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
            PollFd::new(&self.wake, PollFlags::IN),
            PollFd::from_borrowed_fd(own.unwrap_or(stdout), event_flags(own)),
            PollFd::from_borrowed_fd(others.unwrap_or(stdout), event_flags(others)),
        ];
        let is_stopping = self.requests.stop_since().is_some();
        let polled = if is_stopping { 1 } else { fds.len() };
        let polled = fds.get_mut(..polled).unwrap_or_default();
        let next_gather = self.clock.as_ref().filter(|_| !is_stopping).map(Clock::next);
        match poll(polled, timeout(until.into_iter().chain(next_gather).min()).as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
        let [stdout, stdin, wake, own_events, other_events] = fds.map(|fd| fd.revents());
        if !wake.is_empty() {
            drain(&self.wake);
        }
        // What asks for a gather comes before what asks for a stop, after which none is taken.
        if self.clock.as_mut().is_some_and(|clock| clock.is_due(Instant::now())) {
            self.requests.gather();
        }
        if self.signals.take_gather() {
            self.requests.gather();
        }
        if !stdin.is_empty() {
            self.read_stdin();
        }
        if self.signals.has_stop() {
            self.requests.stop();
        }
        Ok(Ready {
            writable: stdout.contains(PollFlags::OUT),
            closed: stdout.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL),
            events: own.is_some() && !own_events.is_empty()
                || others.is_some() && !other_events.is_empty(),
        })
    }

    /// Where a program holds the other end of stdin, waits for the end-of-file that follows a stop by a
    /// signal, until that moment.
    ///
    /// Telegraf stops its plugins one after the other, by closing their stdin. Those that are gone by
    /// then, as by a signal to all its process group, it would log an error of.
    pub fn await_end_of_input(&mut self, deadline: Instant) {
        let stdin = io::stdin();
        while stdio::is_pipe(&stdin) && !self.requests.is_stdin_over() && Instant::now() < deadline
        {
            let mut input = [PollFd::new(&stdin, PollFlags::IN)];
            match poll(&mut input, timeout(Some(deadline)).as_ref()) {
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => self.read_stdin(),
                Err(_) => return,
            }
        }
    }

    /// Takes in the newlines that are there.
    fn read_stdin(&mut self) {
        match rustix::io::read(io::stdin(), &mut *self.stdin_bytes) {
            Ok(length @ 1..) => {
                self.requests.read(self.stdin_bytes.get(..length).unwrap_or_default());
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(0) => self.requests.end_stdin(),
            Err(error) => self.requests.fail_stdin(error.into()),
        }
    }
}

/// Reads all that is there.
fn drain(socket: &UnixStream) {
    let mut bytes = [0; 64];
    while rustix::io::read(socket, &mut bytes).is_ok_and(|length| length > 0) {}
}

/// How long to wait for a moment; `None` waits for ever.
fn timeout(until: Option<Instant>) -> Option<Timespec> {
    let left = until?.saturating_duration_since(Instant::now());
    // So far ahead that the kernel cannot count it is as good as for ever.
    Timespec::try_from(left).ok()
}
