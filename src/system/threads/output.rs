//! stdout as the plugin writes it: by a thread of its own, which a reader that does not read holds up in
//! place of the daemon, and in whole lines.
//!
//! A write of up to `PIPE_BUF` bytes goes into a pipe whole or, while there is no room for it, not at all
//! (POSIX, `write`). By writing as many whole lines at once as fit in that, no line is cut in two when the
//! process ends while the thread is blocked. A longer line waits until there is room for all of it, where
//! the system tells that: Windows does not.

use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use super::{EMPTY_POLL, Sink, lock, stderr, streams};
use crate::system::output::Closed;

/// How long a reader may take to read what is left, and to see that the pipe is closed. Nothing tells
/// when it has.
const CLOSE_GRACE: Duration = Duration::from_millis(350);

/// How long a long line waits for room. A system that tells of none for so long is not asked again: better
/// a line that an end may cut in two than none.
const ROOM_PATIENCE: Duration = Duration::from_secs(60);

/// How long stderr is waited for meanwhile.
const LOG_GRACE: Duration = Duration::from_millis(200);

/// The process's stdout.
#[derive(Debug)]
pub struct Output {
    queue: Arc<Queue>,
    tells_of_reader: bool,
}

/// What its thread is to write: one batch at most.
struct Queue {
    state: Mutex<State>,
    /// The batch has come, or is written, or nothing more comes.
    changed: Condvar,
}

struct State {
    batch: Batch,
    /// How much of it is not written yet, in bytes.
    left: usize,
    /// Memory for the next one.
    spare: Vec<u8>,
    /// Nothing more is wanted, nor what is left of the batch.
    is_over: bool,
    waiter: Option<Thread>,
}

enum Batch {
    None,
    /// It has come.
    Queued(Vec<u8>),
    /// The thread has it.
    Writing,
    /// That many bytes are written.
    Written(usize),
    /// This went wrong, and the thread has ended.
    Failed(io::Error),
}

impl Output {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the system gives no more file descriptors or threads.
    pub fn stdout() -> io::Result<Self> {
        Self::to(streams::stdout()?)
    }

    fn to(sink: Sink) -> io::Result<Self> {
        let state =
            State { batch: Batch::None, left: 0, spare: Vec::new(), is_over: false, waiter: None };
        let queue = Arc::new(Queue { state: Mutex::new(state), changed: Condvar::new() });
        let output = Self { queue: Arc::clone(&queue), tells_of_reader: sink.tells_of_reader };
        thread::Builder::new().name("stdout".into()).spawn(move || queue.write_batches(sink))?;
        Ok(output)
    }

    /// Writes all lines, for as long as it takes.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn write_all(&self, lines: &[u8]) -> io::Result<()> {
        let is_with_thread =
            |state: &mut State| matches!(state.batch, Batch::Queued(_) | Batch::Writing);
        let mut lines = lines;
        loop {
            let length = self.write_lines(lines, true)?;
            lines = lines.get(length..).unwrap_or_default();
            if lines.is_empty() {
                return Ok(());
            }
            drop(self.queue.changed.wait_while(lock(&self.queue.state), is_with_thread));
        }
    }

    /// The thread's memory grows with a batch; what the pipe holds is the system's business.
    pub fn reserve(&mut self, _bytes: usize) {}

    /// Hands the lines to the thread if it has none, and returns the length of those that it has
    /// written.
    ///
    /// Zero means: not yet. It is to be called with the same lines again then, when
    /// [`wait`](super::trigger::Triggers::wait) says that stdout is writable, which is when all are
    /// written. So a batch is under way until a reader could read it, and triggers that come meanwhile
    /// count as one.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn write_lines(&self, lines: &[u8], _writable: bool) -> io::Result<usize> {
        let mut state = lock(&self.queue.state);
        match &state.batch {
            Batch::None if !lines.is_empty() => {
                let mut batch = std::mem::take(&mut state.spare);
                batch.clear();
                batch.extend_from_slice(lines);
                state.left = batch.len();
                state.batch = Batch::Queued(batch);
                self.queue.changed.notify_all();
                Ok(0)
            }
            Batch::None | Batch::Queued(_) | Batch::Writing => Ok(0),
            &Batch::Written(length) => {
                state.batch = Batch::None;
                Ok(length)
            }
            Batch::Failed(error) => Err(copy(error)),
        }
    }

    /// How many bytes the thread has yet to write. What waits in the pipe cannot be told.
    #[must_use]
    pub fn unread(&self) -> u64 {
        u64::try_from(lock(&self.queue.state).left).unwrap_or(u64::MAX)
    }

    /// Whether the thread has nothing to do any more. If it has, its end wakes this thread.
    pub(super) fn is_done(&self) -> bool {
        let mut state = lock(&self.queue.state);
        state.waiter = Some(thread::current());
        !matches!(state.batch, Batch::Queued(_) | Batch::Writing)
    }

    /// Whether nobody will read what is written. Nothing wakes when that comes to be, unless something
    /// is being written.
    pub(super) fn is_closed(&self) -> bool {
        let is_closed = match &lock(&self.queue.state).batch {
            Batch::Failed(error) => error.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        };
        is_closed || self.tells_of_reader && streams::has_stdout_lost_its_reader()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        lock(&self.queue.state).is_over = true;
        self.queue.changed.notify_all();
    }
}

impl Queue {
    /// Writes one batch after the other.
    fn write_batches(&self, mut sink: Sink) {
        while let Some(batch) = self.next() {
            let result = self.write(&batch, &mut sink);
            let mut state = lock(&self.state);
            let has_failed = result.is_err();
            state.batch = match result {
                Ok(()) => Batch::Written(batch.len()),
                Err(error) => Batch::Failed(error),
            };
            state.left = 0;
            state.spare = batch;
            self.changed.notify_all();
            if let Some(waiter) = &state.waiter {
                waiter.unpark();
            }
            if has_failed {
                return;
            }
        }
    }

    /// Waits for a batch.
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = lock(&self.state);
        loop {
            if state.is_over {
                return None;
            }
            match std::mem::replace(&mut state.batch, Batch::Writing) {
                Batch::Queued(batch) => return Some(batch),
                other => state.batch = other,
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Writes a batch in pieces, until nothing of it is left or wanted.
    fn write(&self, mut lines: &[u8], sink: &mut Sink) -> io::Result<()> {
        while !lines.is_empty() {
            let piece = first_piece(lines, sink.piece);
            if piece.len() > sink.piece && !self.await_room(piece.len(), sink) {
                break;
            }
            lines = lines.get(piece.len()..).unwrap_or_default();
            sink.write_whole(piece)?;
            let mut state = lock(&self.state);
            state.left = lines.len();
            if state.is_over {
                break;
            }
        }
        sink.stream.flush()
    }

    /// Waits until a long line would not block; returns whether it is still wanted.
    fn await_room(&self, length: usize, sink: &mut Sink) -> bool {
        let start = Instant::now();
        while (sink.room)().is_some_and(|room| room < length) {
            if lock(&self.state).is_over {
                return false;
            }
            if start.elapsed() > ROOM_PATIENCE {
                sink.room = Box::new(|| None);
            }
            thread::sleep(EMPTY_POLL);
        }
        true
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("left", &lock(&self.state).left).finish_non_exhaustive()
    }
}

/// As many whole lines as fit in so many bytes; the first one at least, however long it is.
fn first_piece(lines: &[u8], room: usize) -> &[u8] {
    let is_end = |&byte: &u8| byte == b'\n';
    let last = lines.get(..room).unwrap_or(lines).iter().rposition(is_end);
    let end = last.or_else(|| lines.iter().position(is_end));
    end.and_then(|end| lines.get(..=end)).unwrap_or(lines)
}

/// The same error, which cannot be cloned.
fn copy(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

/// Closes stdout and stderr, a moment before the process ends. Nothing may be written to them any more,
/// and no [`Output`] be left.
///
/// Telegraf closes its ends of the pipes as soon as the process is gone. Were its readers not at the end
/// of the file by then, it would log an error at every stop (seen: Telegraf 1.36 and 1.37, `read |0: file
/// already closed`), and lose the last lines, among them the one that says why the process ends.
#[must_use]
pub fn close() -> Closed {
    // Telegraf gives pipes for all three. Where somebody types, nobody loses anything.
    if streams::is_typed() || !streams::are_outputs_read() {
        stderr::close(LOG_GRACE);
        return Closed::for_nobody();
    }
    let closed = Closed::for_readers(CLOSE_GRACE);
    stderr::close(LOG_GRACE);
    streams::close_outputs();
    closed
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    use std::io::{PipeReader, Read as _, pipe};

    /// Keeps each write for itself.
    #[derive(Debug, Clone, Default)]
    pub(in super::super) struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Writes {
        pub(in super::super) fn take(&self) -> Vec<Vec<u8>> {
            std::mem::take(&mut lock(&self.0))
        }
    }

    impl io::Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            lock(&self.0).push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    pub(in super::super) fn sink(stream: impl io::Write + Send + 'static) -> Sink {
        Sink {
            stream: Box::new(stream),
            piece: 512,
            tells_of_reader: false,
            room: Box::new(|| None),
        }
    }

    /// stdout as a pipe, and its reader.
    pub(in super::super) fn piped() -> (Output, PipeReader) {
        let (reader, writer) = pipe().unwrap();
        (Output::to(sink(writer)).unwrap(), reader)
    }

    /// More lines than a pipe holds, of several lengths.
    pub(in super::super) fn many_lines() -> Vec<u8> {
        let lines = (0..20_000).map(|number| format!("{number} {}\n", "x".repeat(number % 300)));
        lines.collect::<String>().into_bytes()
    }

    fn is_whole(lines: &[u8]) -> bool {
        lines.last().is_none_or(|&last| last == b'\n')
    }

    #[test]
    fn a_piece_is_as_many_whole_lines_as_fit_or_one_long_line() {
        for (lines, room, piece) in [
            ("a\nb\nc\n", 6, "a\nb\nc\n"),
            ("a\nb\nc\n", 5, "a\nb\n"),
            ("a\nb\nc\n", usize::MAX, "a\nb\nc\n"),
            ("long\nb\n", 3, "long\n"),
            ("long\nb\n", 5, "long\n"),
            ("no end", 3, "no end"),
            ("a\nno end", usize::MAX, "a\n"),
            ("no end", usize::MAX, "no end"),
            ("", 3, ""),
        ] {
            let found = first_piece(lines.as_bytes(), room);
            assert_eq!(found, piece.as_bytes(), "{lines:?} in {room}");
        }
    }

    #[test]
    fn a_batch_is_written_in_whole_lines_and_short_writes() {
        let writes = Writes::default();
        let output = Output::to(sink(writes.clone())).unwrap();
        let lines = [many_lines(), vec![b'y'; 2000], b"\nend\n".to_vec()].concat();
        for _ in 0..2 {
            output.write_all(&lines).unwrap();
            let writes = writes.take();
            assert_eq!(writes.concat(), lines);
            assert!(writes.iter().all(|write| is_whole(write)));
            let long: Vec<_> = writes.iter().filter(|write| write.len() > 512).collect();
            assert_eq!(long.len(), 1);
            assert_eq!(long[0].len(), 2001);
        }
        assert_eq!(output.unread(), 0);
        output.write_all(b"").unwrap();
        assert!(writes.take().is_empty());
    }

    #[test]
    fn a_reader_that_does_not_read_holds_up_the_thread_alone() {
        let (output, mut reader) = piped();
        let lines = many_lines();
        for _ in 0..10 {
            assert_eq!(output.write_lines(&lines, false).unwrap(), 0);
            assert!(!output.is_done() && !output.is_closed() && output.unread() > 0);
        }
        let mut read = vec![0; lines.len()];
        reader.read_exact(&mut read).unwrap();
        assert!(read == lines);
        while !output.is_done() {
            thread::park();
        }
        assert_eq!(output.unread(), 0);
        assert_eq!(output.write_lines(&lines, true).unwrap(), lines.len());
        // The next one is written as well.
        output.write_all(b"more\n").unwrap();
        drop(output);
        let mut more = Vec::new();
        reader.read_to_end(&mut more).unwrap();
        assert_eq!(more, b"more\n");
    }

    #[test]
    fn what_is_no_longer_wanted_ends_with_a_whole_line() {
        let (output, mut reader) = piped();
        let lines = many_lines();
        assert_eq!(output.write_lines(&lines, false).unwrap(), 0);
        drop(output);
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read.len() < lines.len() && lines.starts_with(&read) && is_whole(&read));
    }

    /// A file on a full disk.
    struct Full;

    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_an_end_and_other_failures_are_told() {
        let (output, reader) = piped();
        drop(reader);
        let error = output.write_all(b"line\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        assert!(output.is_closed() && output.is_done());

        let output = Output::to(sink(Full)).unwrap();
        for _ in 0..2 {
            let error = output.write_all(b"line\n").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        }
        assert!(!output.is_closed());
    }

    /// Takes a byte at every third call, as if others had made it non-blocking.
    pub(in super::super) struct Slow(pub Writes, pub usize);

    impl io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            match self.1 % 3 {
                0 => self.0.write(&bytes[..1]),
                1 => Err(io::ErrorKind::WouldBlock.into()),
                _ => Err(io::ErrorKind::Interrupted.into()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stream_that_others_made_non_blocking_gets_all() {
        let writes = Writes::default();
        let output = Output::to(sink(Slow(writes.clone(), 0))).unwrap();
        output.write_all(b"some\nlines\n").unwrap();
        assert_eq!(writes.take().concat(), b"some\nlines\n");
    }
}
