//! What `kqueue(2)` tells.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

/// How many bytes can be written to a pipe without blocking; all there are when it has lost its reader.
///
/// # Errors
///
/// Those of `kqueue(2)` and `kevent(2)`: when there are no more file descriptors, or the file is none that
/// can be asked so.
pub fn room(pipe: BorrowedFd<'_>) -> io::Result<usize> {
    // SAFETY: it takes nothing.
    let queue = unsafe { libc::kqueue() };
    if queue < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just made it, and nobody else knows of it.
    let queue = unsafe { OwnedFd::from_raw_fd(queue) };
    // SAFETY: all that it holds is numbers and a pointer that nobody follows, for which zeros will do.
    let mut event: libc::kevent = unsafe { mem::zeroed() };
    event.ident = usize::try_from(pipe.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
    event.filter = libc::EVFILT_WRITE;
    event.flags = libc::EV_ADD;
    let change = event;
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: one change is read and at most one event is written, for which there is memory; the queue and
    // the pipe are open.
    let count = unsafe {
        libc::kevent(queue.as_raw_fd(), &raw const change, 1, &raw mut event, 1, &raw const at_once)
    };
    match count {
        // It has less room than POSIX has any write need.
        0 => Ok(0),
        1 if event.flags & libc::EV_EOF != 0 => Ok(usize::MAX),
        // It is zero or more.
        1 => Ok(usize::try_from(event.data).unwrap_or_default()),
        _ => Err(io::Error::last_os_error()),
    }
}
