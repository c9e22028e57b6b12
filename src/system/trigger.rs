//! What makes the daemon act, and what it waits for, however a system finds out.

use std::io;
use std::time::{Duration, Instant};

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
    /// [`write_lines`](crate::system::Output::write_lines) can get on without blocking.
    pub writable: bool,
    /// Nobody will read what is written.
    pub closed: bool,
    /// There are kernel events.
    pub events: bool,
}

/// The triggers that came and were not acted on yet.
///
/// Any number of requests to gather that pile up count as one. Once a stop is asked for, no later
/// request is taken.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    gather: bool,
    stop_since: Option<Instant>,
    /// stdin is at its end.
    is_stdin_over: bool,
    /// That is what asked for the stop.
    is_stopped_by_stdin: bool,
    /// Why it cannot be read, where it has not just come to its end.
    stdin_failure: Option<io::Error>,
}

/// Whether an error of reading stdin only says that nobody will ask again: a terminal hung up, or the other
/// end of a socket is gone.
fn is_end(error: &io::Error) -> bool {
    /// `EIO` of every Unix.
    const HUNG_UP: i32 = 5;
    let is_gone = matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    );
    // Those of a console of Windows are all of that kind.
    is_gone || cfg!(windows) || error.raw_os_error() == Some(HUNG_UP)
}

impl Requests {
    /// A gather is asked for.
    pub(crate) fn gather(&mut self) {
        self.gather |= self.stop_since.is_none();
    }

    /// Those bytes were read from stdin, where each newline asks for a gather.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        if bytes.contains(&b'\n') {
            self.gather();
        }
    }

    /// A stop is asked for.
    pub(crate) fn stop(&mut self) {
        self.stop_since.get_or_insert_with(Instant::now);
    }

    /// stdin is at its end, which asks for a stop.
    pub(crate) fn end_stdin(&mut self) {
        self.is_stdin_over = true;
        self.is_stopped_by_stdin = self.stop_since.is_none();
        self.stop();
    }

    /// stdin cannot be read any more, which asks for a stop too.
    pub(crate) fn fail_stdin(&mut self, error: io::Error) {
        self.end_stdin();
        self.stdin_failure = Some(error).filter(|error| !is_end(error));
    }

    /// Why stdin cannot be read, where that is what asked for the stop and says more than that nobody will
    /// ask again.
    pub(crate) fn take_stdin_failure(&mut self) -> Option<io::Error> {
        self.stdin_failure.take().filter(|_| self.is_stopped_by_stdin)
    }

    /// Whether a gather was asked for since the last call.
    pub(crate) fn take_gather(&mut self) -> bool {
        std::mem::take(&mut self.gather)
    }

    /// Whether there is something to act on at once.
    pub(crate) fn is_pending(&self) -> bool {
        self.gather || self.stop_since.is_some()
    }

    /// Since when a stop is asked for.
    pub(crate) fn stop_since(&self) -> Option<Instant> {
        self.stop_since
    }

    pub(crate) fn is_stdin_over(&self) -> bool {
        self.is_stdin_over
    }

    pub(crate) fn is_stopped_by_stdin(&self) -> bool {
        self.is_stopped_by_stdin
    }
}

/// The plugin's own clock, which asks for a gather at fixed distances from its start.
#[derive(Debug)]
pub(crate) struct Clock {
    next: Instant,
    interval: Duration,
}

impl Clock {
    /// One that asks for the first gather at once.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { next: Instant::now(), interval }
    }

    /// When the next gather is due.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }

    /// Whether a gather is due; moves on to the next moment that lies ahead, and leaves out those
    /// that were missed.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let Some(late) = now.checked_duration_since(self.next) else { return false };
        let late_by_intervals = late.as_nanos() / self.interval.as_nanos().max(1);
        let steps = u32::try_from(late_by_intervals).unwrap_or(u32::MAX).saturating_add(1);
        self.next += self.interval.saturating_mul(steps);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    use rustix::io::Errno;

    #[test]
    fn the_clock_keeps_its_beat_and_leaves_out_what_it_missed() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut clock = Clock { next: start, interval: Duration::from_millis(10) };
        assert!(clock.is_due(at(0)));
        assert!(!clock.is_due(at(9)));
        assert!(clock.is_due(at(13)));
        assert_eq!(clock.next(), at(20));
        assert!(clock.is_due(at(47)));
        assert_eq!(clock.next(), at(50));
        assert!(!clock.is_due(at(49)));
    }

    #[test]
    fn requests_that_pile_up_are_one_and_none_follows_a_stop() {
        let mut requests = Requests::default();
        requests.read(b"no newline");
        assert!(!requests.is_pending());
        requests.read(b"\n\n");
        requests.gather();
        assert!(requests.is_pending());
        assert_eq!([requests.take_gather(), requests.take_gather()], [true, false]);
        requests.read(b"\n");
        requests.end_stdin();
        let since = requests.stop_since();
        requests.read(b"\n");
        requests.stop();
        assert!(requests.is_stdin_over() && requests.is_stopped_by_stdin());
        assert_eq!((since.is_some(), requests.stop_since()), (true, since));
        // The one of before is still to be answered.
        assert_eq!([requests.take_gather(), requests.take_gather()], [true, false]);
        assert!(requests.is_pending());
    }

    #[cfg(unix)]
    #[test]
    fn a_stdin_that_cannot_be_read_is_no_mere_end_of_it() {
        let failed = |errno: Errno| {
            let mut requests = Requests::default();
            requests.fail_stdin(errno.into());
            assert!(requests.is_stdin_over() && requests.stop_since().is_some());
            requests.take_stdin_failure().is_some()
        };
        let errnos = [Errno::ISDIR, Errno::BADF, Errno::NOMEM, Errno::IO, Errno::CONNRESET];
        assert_eq!(errnos.map(failed), [true, true, true, false, false]);
        // After a stop, it does not matter any more.
        let mut requests = Requests::default();
        requests.stop();
        requests.fail_stdin(Errno::ISDIR.into());
        assert!(requests.take_stdin_failure().is_none());
    }

    #[test]
    fn the_end_of_stdin_after_a_stop_is_not_what_stopped() {
        let mut requests = Requests::default();
        requests.stop();
        requests.gather();
        assert!(!requests.is_stdin_over() && !requests.take_gather());
        requests.end_stdin();
        assert!(requests.is_stdin_over() && !requests.is_stopped_by_stdin());
    }
}
