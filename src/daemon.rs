//! The loop: a trigger, a gather, a batch on stdout; until it is told to stop.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use crate::collector::Collector;
use crate::output::{EMPTY_POLL, Output};
use crate::trigger::{Await, Ready, Triggers};

/// How long after a stop the reader is waited for that has yet to take a batch.
const WRITE_GRACE: Duration = Duration::from_millis(400);

/// How long after a stop the reader is waited for that has yet to empty the pipe: what is left
/// there when the process ends is lost to Telegraf.
const DRAIN_GRACE: Duration = Duration::from_millis(500);

/// A gather that takes longer looks for a stop on its way.
const LONG_GATHER: Duration = Duration::from_millis(100);

/// How long after a stop a gather under way may still ask for flags and speeds.
const GATHER_GRACE: Duration = Duration::from_millis(150);

/// Answers triggers until end-of-file, SIGTERM, SIGINT, or until stdout's reader goes away.
///
/// # Errors
///
/// When stdout cannot be written to for another reason than that nobody reads it.
pub fn run(mut collector: Collector, mut triggers: Triggers, mut output: Output) -> io::Result<()> {
    let mut batch = Vec::new();
    loop {
        // Also where one gather follows the other without a pause: a stop comes in here.
        let until = triggers.is_pending().then(Instant::now);
        if wait(Await::Close, until, &mut collector, &mut triggers, &output)?.closed {
            return Ok(());
        }
        if triggers.take_gather() {
            batch.clear();
            let start = Instant::now();
            collector.gather(&mut batch, || {
                start.elapsed() > LONG_GATHER && is_overdue(&mut triggers, &output)
            });
            match write(&batch, &mut collector, &mut triggers, &mut output) {
                Ok(true) => collector.after_write(),
                Ok(false) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(error),
            }
        } else if let Some(since) = triggers.stop_since() {
            if triggers.has_end_of_stdin_stopped_clock() {
                collector.log().info(format_args!(
                    "stdin has ended, and so does this process, --poll-interval or not: keep stdin \
                     open, as Telegraf does, for more"
                ));
            }
            if is_drained(since + DRAIN_GRACE, &mut triggers, &output)? {
                output.close()?;
            }
            return Ok(());
        }
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
) -> io::Result<Ready> {
    let until = until.into_iter().chain(collector.next_look()).min();
    let ready = triggers.wait(output.fd(), awaited, collector.events(), until)?;
    if ready.events || collector.next_look().is_some_and(|moment| moment <= Instant::now()) {
        collector.follow_events();
    }
    Ok(ready)
}

/// No kernel events, where they do not count.
const NONE: [Option<BorrowedFd<'_>>; 2] = [None, None];

/// Whether a gather under way has to come to its end: a stop was asked for meanwhile, or nobody
/// reads any more.
fn is_overdue(triggers: &mut Triggers, output: &Output) -> bool {
    // What goes wrong here goes wrong again where it is heeded.
    let ready =
        triggers.wait(output.fd(), Await::Close, NONE, Some(Instant::now())).unwrap_or_default();
    ready.closed || triggers.stop_since().is_some_and(|since| since.elapsed() > GATHER_GRACE)
}

/// Writes the batch, for as long as it takes; after a stop, for [`WRITE_GRACE`] at most. Returns
/// whether all of it got out.
fn write(
    batch: &[u8],
    collector: &mut Collector,
    triggers: &mut Triggers,
    output: &mut Output,
) -> io::Result<bool> {
    output.reserve(batch.len());
    let mut lines = batch;
    let mut writable = false;
    loop {
        let length = output.write_lines(lines, writable)?;
        lines = lines.get(length..).unwrap_or_default();
        let deadline = triggers.stop_since().map(|since| since + WRITE_GRACE);
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
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        writable = ready.writable;
    }
}

/// Whether the reader empties the pipe in time; it may also go away.
fn is_drained(deadline: Instant, triggers: &mut Triggers, output: &Output) -> io::Result<bool> {
    while output.unread() > 0 {
        let now = Instant::now();
        if now >= deadline {
            return Ok(false);
        }
        if triggers.wait(output.fd(), Await::Close, NONE, Some(now + EMPTY_POLL))?.closed {
            return Ok(false);
        }
    }
    Ok(true)
}
