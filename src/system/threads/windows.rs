//! stdin, stdout, stderr and Ctrl-C on Windows.
//!
//! While a thread is blocked in reading or writing a handle, every other call about it is blocked as
//! well, even to ask what it is. So that is asked once, before there are threads.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::os::windows::io::AsHandle;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::Sink;
use super::trigger::Inbox;
use crate::system::Events;

pub(super) use telegraf_net_sys::stdio::close_outputs;

/// What a pipe holds by default. What does not fit is taken back whole when the process ends, unless a
/// part of it has been read.
const PIPE: usize = 4096;

/// Ctrl-C.
#[derive(Debug, Default)]
pub(super) struct Signals {
    stop: Arc<AtomicBool>,
}

impl Signals {
    /// Takes it over. It wakes nobody.
    pub(super) fn install(_: &Arc<Inbox>) -> io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        for number in [SIGINT, SIGTERM] {
            flag::register(number, Arc::clone(&stop))?;
        }
        Ok(Self { stop })
    }

    /// Nothing asks for a gather but stdin and the clock.
    #[expect(clippy::unused_self, reason = "on Unix, signals do")]
    pub(super) fn take_gather(&self) -> bool {
        false
    }

    pub(super) fn has_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Which of the three are consoles.
#[derive(Debug, Clone, Copy)]
struct Consoles {
    stdin: bool,
    stdout: bool,
    stderr: bool,
}

fn consoles() -> Consoles {
    static CONSOLES: OnceLock<Consoles> = OnceLock::new();
    *CONSOLES.get_or_init(|| Consoles {
        stdin: io::stdin().is_terminal(),
        stdout: io::stdout().is_terminal(),
        stderr: io::stderr().is_terminal(),
    })
}

/// Whether stdin is a console.
pub(super) fn is_typed() -> bool {
    consoles().stdin
}

/// Whether a program may hold the other end of stdin. A file would be at its end at once.
pub(super) fn is_stdin_piped() -> bool {
    !consoles().stdin
}

/// Whether a program may read stdout or stderr.
pub(super) fn are_outputs_read() -> bool {
    !consoles().stdout || !consoles().stderr
}

/// Nobody asks. Only a write tells, and stdin when Telegraf is gone.
pub(super) fn has_stdout_lost_its_reader() -> bool {
    false
}

/// There are no events of the kernel.
pub(super) fn has_any(_: Events<'_>) -> bool {
    false
}

pub(super) fn stdin() -> io::Result<Box<dyn Read + Send>> {
    // Read as a file, a console would be at its end at Ctrl-C.
    Ok(if consoles().stdin { Box::new(io::stdin()) } else { Box::new(file(io::stdin())?) })
}

pub(super) fn stdout() -> io::Result<Sink> {
    // A console takes characters, not bytes.
    Ok(sink(if consoles().stdout { Box::new(io::stdout()) } else { Box::new(file(io::stdout())?) }))
}

pub(super) fn stderr() -> io::Result<Sink> {
    Ok(sink(if consoles().stderr { Box::new(io::stderr()) } else { Box::new(file(io::stderr())?) }))
}

fn sink(stream: Box<dyn Write + Send>) -> Sink {
    Sink { stream, piece: PIPE, tells_of_reader: false, room: Box::new(|| None) }
}

fn file(handle: impl AsHandle) -> io::Result<File> {
    Ok(handle.as_handle().try_clone_to_owned()?.into())
}
