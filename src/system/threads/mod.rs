//! What makes the daemon act and what it writes to, by threads that block in reading and writing: for
//! systems where nothing like Linux's `poll(2)` can be relied on for all of it.
//!
//! Windows cannot wait for a pipe at all. FreeBSD does not tell the writing end of a pipe how much waits
//! in it, and macOS does not poll terminals. So one thread reads stdin, one writes stdout, one writes
//! stderr, and on Unix one waits for signals. None of them is ever waited for without bound: whichever is
//! blocked when the process ends goes with it.
//!
//! On Linux, the feature `threads` puts them in place of `poll`, so that they can be tested there.

pub mod output;
pub mod stderr;
pub mod trigger;

#[cfg(unix)]
#[path = "unix.rs"]
mod streams;
#[cfg(windows)]
#[path = "windows.rs"]
mod streams;

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

pub use self::output::{Output, close as close_output};
pub use self::trigger::Triggers;
pub use super::output::EMPTY_POLL;
pub use super::trigger::{Await, Ready};

/// There are no events of the kernel to follow.
#[cfg(not(target_os = "linux"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoEvents;

/// What events of the kernel would be told by.
#[cfg(not(target_os = "linux"))]
pub type Events<'a> = NoEvents;

/// No events.
#[cfg(not(target_os = "linux"))]
pub const NO_EVENTS: Events<'_> = NoEvents;

/// Where a thread writes to.
struct Sink {
    stream: Box<dyn Write + Send>,
    /// Up to so many bytes are written whole or, when the process ends while nobody reads, not at all.
    piece: usize,
    /// It can be asked whether it has lost its reader.
    tells_of_reader: bool,
    /// How many bytes it takes without blocking, where that is told.
    room: Box<dyn Fn() -> Option<usize> + Send>,
}

impl Sink {
    /// Writes all of it, for as long as it takes.
    fn write_whole(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Another process has made it non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    thread::sleep(EMPTY_POLL);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What the lock guards, whatever became of the thread that held it last.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
