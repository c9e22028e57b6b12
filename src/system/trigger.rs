//! What makes the daemon act, and what it waits for, however a system finds out.

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
