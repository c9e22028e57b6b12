//! stdout as the plugin writes it: in whole lines, and never so that a write blocks.
//!
//! A pipe takes a write of any size whole when it is empty and large enough, and one of up to
//! `PIPE_BUF` bytes whenever `poll` says that it is writable (`pipe(7)`, `poll(2)`). By keeping to
//! that, no line is ever cut in two, however the plugin ends, and stdout, which other processes may
//! share, need not be made non-blocking.

use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::pipe::PIPE_BUF;

use crate::system::linux::streams;
use crate::system::output::{Closed, EMPTY_POLL};
use crate::system::unix::stdio;

/// How long a reader may take to see that the pipe is closed. No event tells when it has. 20 ms were
/// too few for a Telegraf on a busy machine.
const CLOSE_GRACE: Duration = Duration::from_millis(150);

/// The process's stdout.
#[derive(Debug)]
pub struct Output {
    fd: OwnedFd,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A pipe that holds that many bytes.
    Pipe(usize),
    /// A file, which takes all at once.
    File,
    /// A terminal, a socket or another device.
    Other,
}

impl Output {
    /// Looks at what stdout is.
    ///
    /// # Errors
    ///
    /// When the kernel gives no more file descriptors.
    pub fn stdout() -> io::Result<Self> {
        let stdout = io::stdout();
        let file_type =
            rustix::fs::fstat(&stdout).map(|stat| FileType::from_raw_mode(stat.st_mode));
        let kind = match file_type {
            Ok(FileType::Fifo) => Kind::Pipe(streams::pipe_size(&stdout).unwrap_or(PIPE_BUF)),
            Ok(FileType::RegularFile) => Kind::File,
            _ => Kind::Other,
        };
        // A terminal that is paused (Ctrl-S) counts as writable and then blocks. Opened anew, it can
        // be made non-blocking for this process alone.
        let terminal = stdout.is_terminal().then(streams::open_terminal).flatten();
        let fd = match terminal {
            Some(fd) => fd,
            None => rustix::io::fcntl_dupfd_cloexec(&stdout, 3)?,
        };
        Ok(Self { fd, kind })
    }

    /// The file descriptor to wait for.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Writes all lines, for as long as it takes.
    ///
    /// # Errors
    ///
    /// Those of `write(2)` and `poll(2)`.
    pub fn write_all(&self, mut lines: &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            match poll(&mut [PollFd::new(&self.fd, PollFlags::OUT)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            let length = self.write_lines(lines, true)?;
            if length == 0 {
                thread::sleep(EMPTY_POLL);
            }
            lines = lines.get(length..).unwrap_or_default();
        }
        Ok(())
    }

    /// Makes a pipe large enough for so many bytes, as far as the kernel allows.
    pub fn reserve(&mut self, bytes: usize) {
        let wanted = bytes.next_power_of_two().min(streams::MAX_PIPE_SIZE);
        if let Kind::Pipe(size) = self.kind
            && size < wanted
        {
            self.kind = Kind::Pipe(streams::grow_pipe(&self.fd, wanted).unwrap_or(size));
        }
    }

    /// Writes as many of the lines as can be written now, whole ones only, and returns their
    /// length. `writable` is what `poll` said of stdout just now.
    ///
    /// Zero means: not now. When stdout was writable, it means that the first line is longer than
    /// `PIPE_BUF` and has to wait until the pipe is empty. Only a line that is longer than the pipe
    /// goes out in pieces.
    ///
    /// # Errors
    ///
    /// Those of `write(2)`.
    pub fn write_lines(&self, lines: &[u8], writable: bool) -> io::Result<usize> {
        let (room, is_all_there_ever_is) = match self.kind {
            Kind::File => (usize::MAX, true),
            Kind::Pipe(size) if self.unread() == 0 => (size, true),
            Kind::Pipe(_) => (if writable { PIPE_BUF } else { 0 }, false),
            Kind::Other => (if writable { PIPE_BUF } else { 0 }, writable),
        };
        let room = lines.get(..room).unwrap_or(lines);
        let whole_lines = match room.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => room.get(..=end).unwrap_or(room),
            None if is_all_there_ever_is => room,
            None => return Ok(0),
        };
        match rustix::io::write(&self.fd, whole_lines) {
            Ok(length) => Ok(length),
            Err(Errno::AGAIN | Errno::INTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// How many bytes wait in the pipe for its reader; zero where stdout is none.
    #[must_use]
    pub fn unread(&self) -> u64 {
        match self.kind {
            Kind::Pipe(_) => rustix::io::ioctl_fionread(&self.fd).unwrap_or(0),
            Kind::File | Kind::Other => 0,
        }
    }
}

/// Closes stdout and stderr, a moment before the process ends. Nothing may be written to them any more,
/// and no [`Output`] be left.
///
/// Telegraf closes its ends of the pipes as soon as the process is gone. Were its readers not at the end
/// of the file by then, it would log an error at every stop (seen: Telegraf 1.36 and 1.37, `read |0: file
/// already closed`), and lose the last lines, among them the one that says why the process ends.
#[must_use]
pub fn close() -> Closed {
    let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
    // Telegraf gives pipes for all three. Where somebody types, nobody loses anything.
    let is_read = stdio::has_reader(&stdout) || stdio::has_reader(&stderr);
    if stdin.is_terminal() || !is_read {
        return Closed::for_nobody();
    }
    stdio::close_outputs();
    Closed::for_readers(CLOSE_GRACE)
}
