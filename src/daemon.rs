//! The loop: a trigger, a gather, a batch on stdout; until it is told to stop.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use crate::gather::Collector;
use crate::log::Log;
use crate::system::{Await, EMPTY_POLL, NO_EVENTS, Output, Ready, Triggers, close_output};

/// How long after a stop the reader is waited for that has yet to take a batch.
const WRITE_GRACE: Duration = Duration::from_millis(400);

/// How long it is waited for at least, also where a gather has ended long after the stop.
const LATE_WRITE_GRACE: Duration = Duration::from_millis(100);

/// How long after a stop the reader is waited for that has yet to empty the pipe: what is left
/// there when the process ends is lost to Telegraf.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// How long after a stop by a signal stdin's end is waited for.
const INPUT_GRACE: Duration = Duration::from_millis(500);

/// How long after the start the first trigger is waited for without a word.
const FIRST_TRIGGER: Duration = Duration::from_secs(60);

/// What is said then.
const NO_TRIGGER: &str = "nothing has asked for metrics for a minute: set signal = \"STDIN\" in \
     [[inputs.execd]], where \"none\" is the default, unless its interval is longer";

/// A gather that takes longer looks for a stop on its way.
const LONG_GATHER: Duration = Duration::from_millis(100);

/// How long after a stop a gather under way may still ask for flags and speeds.
const GATHER_GRACE: Duration = Duration::from_millis(150);

/// Why the daemon cannot go on.
#[derive(Debug)]
pub enum DaemonError {
    /// stdout cannot be written to, for another reason than that nobody reads it.
    Write(io::Error),
    /// The kernel refuses to wait for triggers.
    Wait(io::Error),
    /// stdin, which triggers come by, cannot be read.
    Read(io::Error),
}

impl fmt::Display for DaemonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(error) => write!(f, "cannot write to stdout: {error}"),
            Self::Wait(error) => write!(f, "cannot wait for triggers: {error}"),
            Self::Read(error) => write!(f, "cannot read stdin: {error}"),
        }
    }
}

/// Answers triggers until end-of-file, SIGTERM, SIGINT, or until stdout's reader goes away, and closes
/// stdout and stderr.
///
/// # Errors
///
/// When it cannot go on; stdout and stderr are open then.
pub fn run(
    mut collector: Collector,
    mut triggers: Triggers,
    mut output: Output,
    log: Log,
) -> Result<(), DaemonError> {
    answer(&mut collector, &mut triggers, &mut output, log)?;
    drop(output);
    let closed = close_output();
    if let Some(since) = triggers.stop_since() {
        triggers.await_end_of_input(since + INPUT_GRACE);
    }
    closed.linger();
    Ok(())
}

/// Answers triggers until there is an end to come to.
fn answer(
    collector: &mut Collector,
    triggers: &mut Triggers,
    output: &mut Output,
    log: Log,
) -> Result<(), DaemonError> {
    let mut first = FirstTrigger::awaited(triggers.are_awaited(), Instant::now());
    let mut batch = Vec::new();
    loop {
        // Also where one gather follows the other without a pause: a stop comes in here.
        let until = if triggers.is_pending() { Some(Instant::now()) } else { first.deadline() };
        if wait(Await::Close, until, collector, triggers, output)?.closed {
            return Ok(());
        }
        if triggers.take_gather() {
            if first.came() {
                log.info(format_args!("resolved: {NO_TRIGGER}"));
            }
            batch.clear();
            let start = Instant::now();
            collector.gather(&mut batch, || {
                start.elapsed() > LONG_GATHER && is_overdue(triggers, output)
            });
            match write(&batch, collector, triggers, output) {
                Ok(true) => collector.after_write(),
                Ok(false) => return Ok(()),
                Err(DaemonError::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        } else if let Some(since) = triggers.stop_since() {
            if triggers.has_end_of_stdin_stopped_clock() {
                log.info(format_args!(
                    "stdin has ended, and so does this process, --poll-interval or not: keep stdin open, \
                     as Telegraf does (</dev/null ends it at once)"
                ));
            }
            drain(since + DRAIN_GRACE, triggers, output)?;
            return triggers
                .take_stdin_failure()
                .map_or(Ok(()), |error| Err(DaemonError::Read(error)));
        } else if first.is_missed(Instant::now()) {
            log.warn(format_args!("{NO_TRIGGER}"));
        }
    }
}

/// What is known of the first trigger. With Telegraf's default, `signal = "none"`, none ever comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstTrigger {
    /// It should come by then.
    Awaited(Instant),
    /// It has not come by then, which was said.
    Missed,
    /// It has come, or none need come.
    Settled,
}

impl FirstTrigger {
    fn awaited(is_awaited: bool, start: Instant) -> Self {
        if is_awaited { Self::Awaited(start + FIRST_TRIGGER) } else { Self::Settled }
    }

    /// When to look whether it [is missed](Self::is_missed).
    fn deadline(self) -> Option<Instant> {
        match self {
            Self::Awaited(deadline) => Some(deadline),
            Self::Missed | Self::Settled => None,
        }
    }

    /// Whether it is to be said now that it does not come.
    fn is_missed(&mut self, now: Instant) -> bool {
        let is_missed = self.deadline().is_some_and(|deadline| deadline <= now);
        if is_missed {
            *self = Self::Missed;
        }
        is_missed
    }

    /// It came, or another one did. Returns whether it is to be said that it did after all.
    fn came(&mut self) -> bool {
        std::mem::replace(self, Self::Settled) == Self::Missed
    }
}

/// Waits for what makes the daemon act, or until that moment; kernel events are taken in at once, also
/// while stdout is blocked: they would pile up, and a namespace that went would live on.
fn wait(
    awaited: Await,
    until: Option<Instant>,
    collector: &mut Collector,
    triggers: &mut Triggers,
    output: &Output,
) -> Result<Ready, DaemonError> {
    let until = until.into_iter().chain(collector.next_look()).min();
    let ready = triggers.wait(output, awaited, collector.events(), until);
    let ready = ready.map_err(DaemonError::Wait)?;
    if ready.events || collector.next_look().is_some_and(|moment| moment <= Instant::now()) {
        collector.follow_events();
    }
    Ok(ready)
}

/// Whether a gather under way has to come to its end: a stop was asked for meanwhile, or nobody
/// reads any more.
fn is_overdue(triggers: &mut Triggers, output: &Output) -> bool {
    // What goes wrong here goes wrong again where it is heeded.
    let ready =
        triggers.wait(output, Await::Close, NO_EVENTS, Some(Instant::now())).unwrap_or_default();
    ready.closed || triggers.stop_since().is_some_and(|since| since.elapsed() > GATHER_GRACE)
}

/// Writes the batch, for as long as it takes; after a stop, until [`WRITE_GRACE`] is over. Returns
/// whether all of it got out.
fn write(
    batch: &[u8],
    collector: &mut Collector,
    triggers: &mut Triggers,
    output: &mut Output,
) -> Result<bool, DaemonError> {
    output.reserve(batch.len());
    let start = Instant::now();
    let mut lines = batch;
    let mut writable = false;
    loop {
        let length = output.write_lines(lines, writable).map_err(DaemonError::Write)?;
        lines = lines.get(length..).unwrap_or_default();
        let stop = triggers.stop_since();
        let deadline = stop.map(|since| (since + WRITE_GRACE).max(start + LATE_WRITE_GRACE));
        if lines.is_empty() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(lines.is_empty());
        }
        let ready = if length == 0 && writable {
            let next_try = Instant::now() + EMPTY_POLL;
            wait(Await::Close, Some(next_try), collector, triggers, output)?
        } else {
            wait(Await::Space, deadline, collector, triggers, output)?
        };
        if ready.closed {
            return Err(DaemonError::Write(io::ErrorKind::BrokenPipe.into()));
        }
        writable = ready.writable;
    }
}

/// Waits until the reader has emptied the pipe, goes away, or that moment.
fn drain(deadline: Instant, triggers: &mut Triggers, output: &Output) -> Result<(), DaemonError> {
    while output.unread() > 0 {
        let now = Instant::now();
        let next_look = Some(now + EMPTY_POLL);
        let ready = triggers.wait(output, Await::Close, NO_EVENTS, next_look);
        if now >= deadline || ready.map_err(DaemonError::Wait)?.closed {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_trigger_that_does_not_come_is_told_once_and_so_is_its_coming() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut first = FirstTrigger::awaited(true, start);
        assert_eq!(first.deadline(), Some(at(60)));
        assert_eq!(
            [59, 60, 61, 600].map(|time| first.is_missed(at(time))),
            [false, true, false, false]
        );
        assert_eq!(first.deadline(), None);
        assert_eq!([first.came(), first.came(), first.is_missed(at(1000))], [true, false, false]);

        let mut first = FirstTrigger::awaited(true, start);
        assert_eq!([first.came(), first.is_missed(at(60))], [false, false]);
        let mut first = FirstTrigger::awaited(false, start);
        assert_eq!((first.deadline(), first.is_missed(at(60)), first.came()), (None, false, false));
    }
}
