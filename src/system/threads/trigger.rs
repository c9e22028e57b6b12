//! What makes the daemon act: newlines, signals, its own clock, end-of-file.

use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::output::Output;
use super::streams::{self, Signals};
use super::{Await, Ready, lock};
use crate::system::Events;
use crate::system::trigger::{Clock, Requests};

/// How often to look at what wakes nobody: on Unix, whether stdout has a reader; on Windows, whether
/// Ctrl-C was pressed; and under test on Linux, whether there are events of the kernel.
const LOOK: Duration = Duration::from_millis(200);

/// How often a stdin is tried that another process has made non-blocking.
const RETRY: Duration = Duration::from_millis(20);

/// What the daemon waits for.
#[derive(Debug)]
pub struct Triggers {
    signals: Signals,
    clock: Option<Clock>,
    inbox: Arc<Inbox>,
    /// stdin is a terminal. Once it is being read, Windows answers no question about it.
    is_typed: bool,
    /// A program holds the other end of stdin.
    is_piped: bool,
    /// A wait has told of the stop.
    is_stop_told: bool,
}

/// What threads leave for the one that waits.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<Mail>);

#[derive(Debug, Default)]
struct Mail {
    requests: Requests,
    /// They are others than those of the last look.
    is_new: bool,
    waiter: Option<Thread>,
}

impl Inbox {
    /// Changes the requests, and wakes who waits for them.
    fn put(&self, change: impl FnOnce(&mut Requests)) {
        let mut mail = lock(&self.0);
        change(&mut mail.requests);
        mail.is_new = true;
        mail.wake();
    }

    /// Has who waits look at the signals.
    #[cfg(unix)]
    pub(super) fn wake(&self) {
        lock(&self.0).wake();
    }
}

impl Mail {
    fn wake(&self) {
        if let Some(waiter) = &self.waiter {
            waiter.unpark();
        }
    }
}

impl Triggers {
    /// Takes over the signals, and starts to read stdin. With an interval, the first gather is asked for
    /// at once.
    ///
    /// # Errors
    ///
    /// When the system gives no more file descriptors or threads.
    pub fn install(poll_interval: Option<Duration>) -> io::Result<Self> {
        let inbox = Arc::<Inbox>::default();
        let signals = Signals::install(&inbox)?;
        let (is_typed, is_piped) = (streams::is_typed(), streams::is_stdin_piped());
        let (stdin, mail) = (streams::stdin()?, Arc::clone(&inbox));
        thread::Builder::new().name("stdin".into()).spawn(move || read(stdin, &mail))?;
        let clock = poll_interval.map(Clock::new);
        Ok(Self { signals, clock, inbox, is_typed, is_piped, is_stop_told: false })
    }

    /// Whether a person types the newlines.
    #[must_use]
    pub fn are_typed(&self) -> bool {
        self.is_typed
    }

    /// Whether a program is to send the newlines, as Telegraf is by `signal = "STDIN"`, and nothing else
    /// asks for gathers by itself.
    #[must_use]
    pub fn are_awaited(&self) -> bool {
        self.clock.is_none() && self.is_piped
    }

    /// Whether a gather was asked for since the last call.
    pub fn take_gather(&mut self) -> bool {
        lock(&self.inbox.0).requests.take_gather()
    }

    /// Whether there is something to act on at once.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        lock(&self.inbox.0).requests.is_pending()
    }

    /// Since when a stop is asked for.
    #[must_use]
    pub fn stop_since(&self) -> Option<Instant> {
        lock(&self.inbox.0).requests.stop_since()
    }

    /// Whether the end of stdin stopped a clock, which does not need stdin.
    #[must_use]
    pub fn has_end_of_stdin_stopped_clock(&self) -> bool {
        lock(&self.inbox.0).requests.is_stopped_by_stdin() && self.clock.is_some()
    }

    /// Why stdin cannot be read, where that is what asked for the stop.
    pub fn take_stdin_failure(&mut self) -> Option<io::Error> {
        lock(&self.inbox.0).requests.take_stdin_failure()
    }

    /// Waits for any trigger, for stdout, or until that moment. After a stop, only stdout counts. Events
    /// of the kernel, which only Linux has, end a wait a moment late.
    ///
    /// # Errors
    ///
    /// None; other systems have some.
    pub fn wait(
        &mut self,
        output: &Output,
        awaited: Await,
        events: Events<'_>,
        until: Option<Instant>,
    ) -> io::Result<Ready> {
        let next_gather = self.clock.as_ref().filter(|_| !self.is_stop_told).map(Clock::next);
        let until = until.into_iter().chain(next_gather).min();
        loop {
            let is_asked = self.take_in() && !self.is_stop_told;
            let ready = Ready {
                writable: output.is_done() && awaited == Await::Space,
                closed: output.is_closed(),
                events: streams::has_any(events),
            };
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if is_asked || ready != Ready::default() || left == Some(Duration::ZERO) {
                self.is_stop_told = self.stop_since().is_some();
                return Ok(ready);
            }
            // Whatever happened since the looks above has ended this before it begins.
            thread::park_timeout(left.map_or(LOOK, |left| left.min(LOOK)));
        }
    }

    /// Takes in what came, and says whether there was anything. What comes later wakes this thread.
    fn take_in(&mut self) -> bool {
        let mut mail = lock(&self.inbox.0);
        mail.waiter = Some(thread::current());
        let is_due = self.clock.as_mut().is_some_and(|clock| clock.is_due(Instant::now()));
        let is_signalled = self.signals.take_gather();
        if is_due || is_signalled {
            mail.requests.gather();
        }
        let is_stopped = self.signals.has_stop() && mail.requests.stop_since().is_none();
        if is_stopped {
            mail.requests.stop();
        }
        std::mem::take(&mut mail.is_new) || is_due || is_signalled || is_stopped
    }

    /// Where a program holds the other end of stdin, waits for the end-of-file that follows a stop by a
    /// signal, until that moment.
    ///
    /// Telegraf stops its plugins one after the other, by closing their stdin. Those that are gone by
    /// then, as by a signal to all its process group, it would log an error of.
    pub fn await_end_of_input(&mut self, deadline: Instant) {
        while self.is_piped && !lock(&self.inbox.0).requests.is_stdin_over() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }
}

/// Reads stdin to its end.
fn read(mut stdin: impl Read, inbox: &Inbox) {
    // As large as a pipe, so that one read takes all of it.
    let mut bytes = vec![0; 64 << 10];
    loop {
        match stdin.read(&mut bytes) {
            Ok(length @ 1..) => {
                inbox.put(|requests| requests.read(bytes.get(..length).unwrap_or_default()));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(RETRY),
            Ok(0) => return inbox.put(Requests::end_stdin),
            Err(error) => return inbox.put(|requests| requests.fail_stdin(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use super::super::output::tests::{many_lines, piped};
    use crate::system::NO_EVENTS;

    /// None but those that the test puts into the inbox.
    fn triggers(clock: Option<Clock>) -> Triggers {
        let (signals, inbox) = (Signals::default(), Arc::default());
        Triggers { signals, clock, inbox, is_typed: false, is_piped: true, is_stop_told: false }
    }

    /// What a wait that goes on for ever says.
    fn wait(triggers: &mut Triggers, output: &Output, awaited: Await) -> Ready {
        triggers.wait(output, awaited, NO_EVENTS, None).unwrap()
    }

    /// Whether a wait ends only for the time that it is given.
    fn is_silent(triggers: &mut Triggers, output: &Output, awaited: Await) -> bool {
        let until = Instant::now() + Duration::from_millis(20);
        let ready = triggers.wait(output, awaited, NO_EVENTS, Some(until)).unwrap();
        ready == Ready::default() && Instant::now() >= until
    }

    /// Gives one part of it at each read.
    struct Parts(Vec<io::Result<&'static [u8]>>);

    impl Read for Parts {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let part = if self.0.is_empty() { &[] } else { self.0.remove(0)? };
            bytes[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    #[test]
    fn newlines_and_the_end_of_stdin_end_a_wait() {
        let (output, _reader) = piped();
        let mut triggers = triggers(None);
        assert!(is_silent(&mut triggers, &output, Await::Close));
        let inbox = Arc::clone(&triggers.inbox);
        let reading = thread::spawn(move || {
            let interrupted = Err(io::ErrorKind::Interrupted.into());
            let not_yet = Err(io::ErrorKind::WouldBlock.into());
            read(Parts(vec![interrupted, Ok(b"no"), not_yet, Ok(b"\n\n"), Ok(b"\n")]), &inbox);
        });
        while !triggers.is_pending() {
            assert_eq!(wait(&mut triggers, &output, Await::Close), Ready::default());
        }
        reading.join().unwrap();
        assert!(triggers.stop_since().is_some() && !triggers.has_end_of_stdin_stopped_clock());
        assert_eq!([triggers.take_gather(), triggers.take_gather()], [true, false]);
        // It is at its end already.
        triggers.await_end_of_input(Instant::now() + Duration::from_secs(3600));
    }

    #[test]
    fn an_error_of_stdin_is_its_end() {
        let inbox = Inbox::default();
        read(Parts(vec![Err(io::Error::other("hung up"))]), &inbox);
        assert!(lock(&inbox.0).requests.is_stdin_over());
    }

    #[test]
    fn while_a_write_is_blocked_each_trigger_ends_one_wait_and_after_a_stop_none_does() {
        let (output, mut reader) = piped();
        let mut triggers = triggers(None);
        let lines = many_lines();
        assert_eq!(output.write_lines(&lines, false).unwrap(), 0);
        assert!(is_silent(&mut triggers, &output, Await::Space));
        triggers.inbox.put(Requests::gather);
        triggers.inbox.put(Requests::gather);
        assert_eq!(wait(&mut triggers, &output, Await::Space), Ready::default());
        // It is still to be answered, and would keep the processor busy till then.
        assert!(triggers.is_pending() && is_silent(&mut triggers, &output, Await::Space));
        triggers.inbox.put(Requests::stop);
        assert_eq!(wait(&mut triggers, &output, Await::Space), Ready::default());
        assert!(triggers.stop_since().is_some());
        triggers.inbox.put(Requests::end_stdin);
        assert!(is_silent(&mut triggers, &output, Await::Space));
        let reading = thread::spawn(move || {
            let mut read = vec![0; many_lines().len()];
            reader.read_exact(&mut read).map(|()| reader)
        });
        let ready = wait(&mut triggers, &output, Await::Space);
        assert_eq!(ready, Ready { writable: true, ..Ready::default() });
        assert_eq!(output.write_lines(&lines, true).unwrap(), lines.len());
        drop(reading.join().unwrap().unwrap());
        // Nobody reads any more.
        assert_eq!(output.write_lines(&lines, false).unwrap(), 0);
        assert!(wait(&mut triggers, &output, Await::Space).closed);
        assert!(output.write_lines(&lines, true).is_err());
    }

    #[test]
    fn its_own_clock_ends_a_wait_until_a_stop() {
        let (output, _reader) = piped();
        let mut triggers = triggers(Some(Clock::new(Duration::from_millis(30))));
        for _ in 0..3 {
            assert_eq!(wait(&mut triggers, &output, Await::Close), Ready::default());
            assert!(triggers.take_gather());
        }
        triggers.inbox.put(Requests::end_stdin);
        wait(&mut triggers, &output, Await::Close);
        assert!(triggers.has_end_of_stdin_stopped_clock());
        thread::sleep(Duration::from_millis(40));
        let _ = triggers.take_gather();
        assert!(is_silent(&mut triggers, &output, Await::Close) && !triggers.take_gather());
    }
}
