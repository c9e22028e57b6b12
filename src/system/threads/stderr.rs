//! Log lines on stderr, which must not hold metrics up.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Sink, lock, streams};

/// The longest line, with its end: the same as on Linux. Two pages of a screen say enough.
pub const MAX_LINE: usize = 4096;

/// How many lines may wait for a reader that does not read.
const MAX_LINES: usize = 64;

/// How long a line is waited for, so that it is written before what follows it happens, such as the end
/// of the process. While a reader does not read, only the first line is.
const GRACE: Duration = Duration::from_millis(200);

/// The process's own; `None` where a thread for it cannot be had.
static STDERR: OnceLock<Option<Arc<Lines>>> = OnceLock::new();

/// Writes that line, or drops it unmade where stderr is closed, or too many lines wait for a reader that
/// does not read.
pub fn write_line(line: impl FnOnce() -> String) {
    let start = || streams::stderr().and_then(Lines::to).ok();
    match STDERR.get_or_init(start) {
        Some(lines) => lines.write(line),
        None => drop(io::stderr().write_all(line().as_bytes())),
    }
}

/// Has lines that wait written, for so long at most. Later ones are dropped.
pub(super) fn close(grace: Duration) {
    if let Some(Some(lines)) = STDERR.get() {
        lines.close(grace);
    }
}

/// The lines that a thread is to write.
struct Lines {
    state: Mutex<State>,
    /// There are other lines, or there will be no more.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The first one may be being written.
    waiting: VecDeque<String>,
    /// The last one that was waited for was not written in time.
    is_stuck: bool,
    is_over: bool,
}

impl Lines {
    fn to(sink: Sink) -> io::Result<Arc<Self>> {
        let lines = Arc::new(Self { state: Mutex::default(), changed: Condvar::new() });
        let writer = Arc::clone(&lines);
        thread::Builder::new().name("stderr".into()).spawn(move || writer.write_all(sink))?;
        Ok(lines)
    }

    fn write(&self, line: impl FnOnce() -> String) {
        let mut state = lock(&self.state);
        if state.is_over || state.waiting.len() >= MAX_LINES {
            return;
        }
        state.waiting.push_back(line());
        self.changed.notify_all();
        if !state.is_stuck {
            self.flush(state, GRACE);
        }
    }

    /// Waits until all lines are written.
    fn flush(&self, state: MutexGuard<'_, State>, grace: Duration) {
        let are_waiting = |state: &mut State| !state.waiting.is_empty();
        let (mut state, wait) = self
            .changed
            .wait_timeout_while(state, grace, are_waiting)
            .unwrap_or_else(PoisonError::into_inner);
        state.is_stuck = wait.timed_out();
    }

    fn close(&self, grace: Duration) {
        let state = lock(&self.state);
        if state.is_over {
            return;
        }
        self.flush(state, grace);
        lock(&self.state).is_over = true;
        self.changed.notify_all();
    }

    /// Writes one line after the other.
    fn write_all(&self, mut sink: Sink) {
        let is_idle = |state: &mut State| state.waiting.is_empty() && !state.is_over;
        loop {
            let state = self.changed.wait_while(lock(&self.state), is_idle);
            let mut state = state.unwrap_or_else(PoisonError::into_inner);
            if state.is_over {
                return;
            }
            // It stays in its place, so that who waits for it sees when it is written.
            let line = state.waiting.front_mut().map(std::mem::take).unwrap_or_default();
            drop(state);
            // In one write, so that lines of several processes on one stderr do not mix.
            let _ = sink.write_whole(line.as_bytes());
            let mut state = lock(&self.state);
            state.waiting.pop_front();
            state.is_stuck = false;
            self.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::io::{Read as _, pipe};

    use super::super::output::tests::{Slow, Writes, sink};

    #[test]
    fn a_line_is_written_in_one_piece_before_it_goes_on() {
        let writes = Writes::default();
        let lines = Lines::to(sink(writes.clone())).unwrap();
        for number in 0..1000 {
            let line = format!("I! {number} {}\n", "x".repeat(number));
            lines.write(|| line.clone());
            assert_eq!(writes.take(), [line.into_bytes()]);
        }
        lines.close(GRACE);
        lines.write(|| unreachable!("it is closed"));
        assert!(writes.take().is_empty());
    }

    #[test]
    fn a_stream_that_others_made_non_blocking_gets_whole_lines() {
        let writes = Writes::default();
        let lines = Lines::to(sink(Slow(writes.clone(), 0))).unwrap();
        lines.write(|| "W! one\n".to_owned());
        lines.write(|| "W! two\n".to_owned());
        lines.close(Duration::from_secs(60));
        assert_eq!(writes.take().concat(), b"W! one\nW! two\n");
    }

    #[test]
    fn what_is_closed_is_not_waited_for_again() {
        let (_reader, writer) = pipe().unwrap();
        let lines = Lines::to(sink(writer)).unwrap();
        // More than the pipe holds.
        lines.write(|| "y".repeat(1 << 20));
        lines.close(Duration::ZERO);
        lines.close(Duration::MAX);
    }

    #[test]
    fn a_reader_that_does_not_read_costs_lines_and_holds_nothing_up() {
        let (mut reader, writer) = pipe().unwrap();
        let lines = Lines::to(sink(writer)).unwrap();
        let mut made = 0;
        // Far more than fits in the pipe and in memory.
        for number in 0..10_000 {
            lines.write(|| {
                made += 1;
                format!("W! {number} {}\n", "y".repeat(1000))
            });
        }
        assert!((MAX_LINES..10_000).contains(&made), "{made} lines");
        let reading = thread::spawn(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map(|_| String::from_utf8(bytes).unwrap())
        });
        lines.close(Duration::from_secs(60));
        drop(lines);
        let text = reading.join().unwrap().unwrap();
        // Those that were not dropped, in their order.
        assert_eq!(text.lines().count(), made);
        for (number, line) in text.lines().enumerate() {
            assert!(line.starts_with(&format!("W! {number} ")) && line.ends_with('y'), "{line}");
        }
    }
}
