//! What makes the daemon act: newlines, signals, its own clock, end-of-file.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::flag;
use signal_hook::low_level::pipe;

use super::Events;
use super::output::{self, Output};

/// The triggers that came and were not acted on yet.
///
/// Any number of requests to gather that pile up count as one. Once a stop is asked for, no later
/// request is taken.
#[derive(Debug)]
pub struct Triggers {
    /// Set by SIGUSR1, SIGUSR2 and SIGHUP.
    gather_signal: Arc<AtomicBool>,
    /// Set by SIGTERM and SIGINT.
    stop_signal: Arc<AtomicBool>,
    /// Readable after any of them, so that it ends a wait.
    wake: UnixStream,
    clock: Option<Clock>,
    gather: bool,
    stop_since: Option<Instant>,
    /// stdin is at its end.
    is_stdin_over: bool,
    /// That is what asked for the stop.
    is_stopped_by_stdin: bool,
    /// What was read from stdin last; as large as a pipe, so that one read takes all of it.
    stdin_bytes: Vec<u8>,
}

/// What to wait for on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Await {
    /// That its reader goes away.
    Close,
    /// That, and that something can be written.
    Space,
}

/// What is true of stdout, and of the kernel's events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ready {
    /// Up to `PIPE_BUF` bytes can be written without blocking.
    pub writable: bool,
    /// Nobody will read what is written.
    pub closed: bool,
    /// There are kernel events.
    pub events: bool,
}

impl Triggers {
    /// Takes over the signals. With an interval, the first gather is asked for at once.
    ///
    /// # Errors
    ///
    /// When the kernel gives no more file descriptors.
    pub fn install(poll_interval: Option<Duration>) -> io::Result<Self> {
        let (wake, write_end) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let (gather_signal, stop_signal) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        for (signals, set) in [
            ([SIGUSR1, SIGUSR2, SIGHUP].as_slice(), &gather_signal),
            (&[SIGTERM, SIGINT], &stop_signal),
        ] {
            for &signal in signals {
                // In this order, what ends a wait is known by then.
                flag::register(signal, Arc::clone(set))?;
                pipe::register(signal, write_end.try_clone()?)?;
            }
        }
        Ok(Self {
            gather_signal,
            stop_signal,
            wake,
            clock: poll_interval.map(|interval| Clock { next: Instant::now(), interval }),
            gather: false,
            stop_since: None,
            is_stdin_over: false,
            is_stopped_by_stdin: false,
            stdin_bytes: vec![0; 64 << 10],
        })
    }

    /// Whether a person types the newlines.
    #[must_use]
    pub fn are_typed() -> bool {
        io::stdin().is_terminal()
    }

    /// Whether a program is to send the newlines, as Telegraf is by `signal = "STDIN"`, and nothing else
    /// asks for gathers by itself.
    #[must_use]
    pub fn are_awaited(&self) -> bool {
        self.clock.is_none() && output::is_pipe(io::stdin())
    }

    /// Whether a gather was asked for since the last call.
    pub fn take_gather(&mut self) -> bool {
        std::mem::take(&mut self.gather)
    }

    /// Whether there is something to act on at once.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.gather || self.stop_since.is_some()
    }

    /// Since when a stop is asked for.
    #[must_use]
    pub fn stop_since(&self) -> Option<Instant> {
        self.stop_since
    }

    /// Whether the end of stdin stopped a clock, which does not need stdin.
    #[must_use]
    pub fn has_end_of_stdin_stopped_clock(&self) -> bool {
        self.is_stopped_by_stdin && self.clock.is_some()
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
        let is_stopping = self.stop_since.is_some();
        let polled = if is_stopping { 1 } else { fds.len() };
        let polled = fds.get_mut(..polled).unwrap_or_default();
        let next_gather = self.clock.as_ref().filter(|_| !is_stopping).map(|clock| clock.next);
        match poll(polled, timeout(until.into_iter().chain(next_gather).min()).as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        }
        let [stdout, stdin, wake, own_events, other_events] = fds.map(|fd| fd.revents());
        if !stdin.is_empty() {
            self.read_stdin();
        }
        if !wake.is_empty() {
            drain(&self.wake);
        }
        if !is_stopping {
            let is_due = |clock: &mut Clock| clock.is_due(Instant::now());
            self.gather |= self.clock.as_mut().is_some_and(is_due);
            self.gather |= self.gather_signal.swap(false, Ordering::Relaxed);
        }
        if self.stop_signal.load(Ordering::Relaxed) {
            self.stop();
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
        while output::is_pipe(&stdin) && !self.is_stdin_over && Instant::now() < deadline {
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
                self.gather |= self.stdin_bytes.iter().take(length).any(|&b| b == b'\n');
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            // A terminal that hung up is such an error: nobody will ask again.
            Ok(0) | Err(_) => self.end_stdin(),
        }
    }

    fn end_stdin(&mut self) {
        self.is_stdin_over = true;
        self.is_stopped_by_stdin = self.stop_since.is_none();
        self.stop();
    }

    fn stop(&mut self) {
        self.stop_since.get_or_insert_with(Instant::now);
    }
}

/// The plugin's own clock, which asks for a gather at fixed distances from its start.
#[derive(Debug)]
struct Clock {
    next: Instant,
    interval: Duration,
}

impl Clock {
    /// Whether a gather is due; moves on to the next moment that lies ahead, and leaves out those
    /// that were missed.
    fn is_due(&mut self, now: Instant) -> bool {
        let Some(late) = now.checked_duration_since(self.next) else { return false };
        let late_by_intervals = late.as_nanos() / self.interval.as_nanos().max(1);
        let steps = u32::try_from(late_by_intervals).unwrap_or(u32::MAX).saturating_add(1);
        self.next += self.interval.saturating_mul(steps);
        true
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_keeps_its_beat_and_leaves_out_what_it_missed() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut clock = Clock { next: start, interval: Duration::from_millis(10) };
        assert!(clock.is_due(at(0)));
        assert!(!clock.is_due(at(9)));
        assert!(clock.is_due(at(13)));
        assert_eq!(clock.next, at(20));
        assert!(clock.is_due(at(47)));
        assert_eq!(clock.next, at(50));
        assert!(!clock.is_due(at(49)));
    }
}
