//! stdin, stdout, stderr and signals on systems of the Unix family.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

#[cfg(target_os = "linux")]
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;

use super::Sink;
use super::trigger::Inbox;
use crate::system::Events;
use crate::system::unix::signals::Signals as Flags;
use crate::system::unix::stdio;

pub(super) use crate::system::unix::stdio::close_outputs;

/// The least that `PIPE_BUF` may be (`_POSIX_PIPE_BUF`), which it is on all of the BSDs and on macOS.
const PIPE_BUF: usize = 512;

/// The signals, and a thread that wakes the daemon for them.
#[derive(Debug, Default)]
pub(super) struct Signals(Flags);

impl Signals {
    pub(super) fn install(inbox: &Arc<Inbox>) -> io::Result<Self> {
        let (flags, wake) = Flags::install()?;
        let inbox = Arc::clone(inbox);
        thread::Builder::new().name("signals".into()).spawn(move || follow(wake, &inbox))?;
        Ok(Self(flags))
    }

    pub(super) fn take_gather(&self) -> bool {
        self.0.take_gather()
    }

    pub(super) fn has_stop(&self) -> bool {
        self.0.has_stop()
    }
}

/// Has the daemon look at the signals whenever one has come. What they ask for is not decided here, so
/// that several that came at once are one request.
fn follow(mut wake: UnixStream, inbox: &Inbox) {
    loop {
        match wake.read(&mut [0; 64]) {
            Ok(1..) => inbox.wake(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
        }
    }
}

/// Whether stdin is a terminal.
pub(super) fn is_typed() -> bool {
    io::stdin().is_terminal()
}

/// Whether a program holds the other end of stdin.
pub(super) fn is_stdin_piped() -> bool {
    stdio::is_pipe(io::stdin())
}

/// Whether a program reads stdout or stderr.
pub(super) fn are_outputs_read() -> bool {
    stdio::has_reader(io::stdout()) || stdio::has_reader(io::stderr())
}

/// Whether stdout, of those that tell, has lost its reader.
pub(super) fn has_stdout_lost_its_reader() -> bool {
    let stdout = io::stdout();
    stdio::has_lost_its_reader(&stdout)
}

/// Whether there are events of the kernel.
#[cfg(target_os = "linux")]
pub(super) fn has_any(events: Events<'_>) -> bool {
    events.into_iter().flatten().any(|events| {
        let mut events = [PollFd::from_borrowed_fd(events, PollFlags::IN)];
        poll(&mut events, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
    })
}

#[cfg(not(target_os = "linux"))]
pub(super) fn has_any(_: Events<'_>) -> bool {
    false
}

pub(super) fn stdin() -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(file(io::stdin())?))
}

pub(super) fn stdout() -> io::Result<Sink> {
    sink(io::stdout())
}

pub(super) fn stderr() -> io::Result<Sink> {
    sink(io::stderr())
}

fn sink(fd: impl AsFd) -> io::Result<Sink> {
    let file_type = rustix::fs::fstat(&fd).map(|stat| FileType::from_raw_mode(stat.st_mode));
    // A file takes all at once.
    let piece = if file_type == Ok(FileType::RegularFile) { usize::MAX } else { PIPE_BUF };
    // macOS says of every terminal that it cannot be polled.
    let tells_of_reader = matches!(file_type, Ok(FileType::Fifo | FileType::Socket));
    let stream = file(fd)?;
    let asked = stream.try_clone()?;
    let is_pipe = file_type == Ok(FileType::Fifo);
    let room = Box::new(move || is_pipe.then(|| room(&asked)).flatten());
    Ok(Sink { stream: Box::new(stream), piece, tells_of_reader, room })
}

/// How many bytes a pipe takes without blocking.
#[cfg(target_os = "linux")]
fn room(pipe: &File) -> Option<usize> {
    const PAGE: usize = 4096;
    let size = crate::system::linux::streams::pipe_size(pipe)?;
    let unread = usize::try_from(rustix::io::ioctl_fionread(pipe).ok()?).unwrap_or(size);
    // It is made of pages, of which writes may leave the smaller half empty. An empty one takes what it can.
    Some(if unread == 0 { usize::MAX } else { size.saturating_sub(2 * (unread + PAGE)) })
}

/// How many bytes a pipe takes without blocking.
#[cfg(not(target_os = "linux"))]
fn room(pipe: &File) -> Option<usize> {
    let room = telegraf_net_sys::kqueue::room(pipe.as_fd()).ok()?;
    // So says FreeBSD of one that nothing was written to yet, which has no memory so far.
    Some(if room == PIPE_BUF { usize::MAX } else { room })
}

fn file(fd: impl AsFd) -> io::Result<File> {
    Ok(fd.as_fd().try_clone_to_owned()?.into())
}
