//! What Linux can do about stdout that others cannot, or do otherwise.

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{fcntl_getpipe_size, fcntl_setpipe_size};

/// The largest capacity of a pipe that an unprivileged process may ask for by default
/// (`/proc/sys/fs/pipe-max-size`), in bytes.
pub const MAX_PIPE_SIZE: usize = 1 << 20;

/// How many bytes the pipe holds, if that can be told.
pub fn pipe_size(pipe: impl AsFd) -> Option<usize> {
    fcntl_getpipe_size(pipe).ok()
}

/// Has the pipe hold so many bytes, and returns how many it holds then. It is refused where the user's
/// pipes are many or large.
pub fn grow_pipe(pipe: impl AsFd, bytes: usize) -> Option<usize> {
    let pipe = pipe.as_fd();
    fcntl_setpipe_size(pipe, bytes).ok().or_else(|| pipe_size(pipe))
}

/// Opens the terminal that stdout is for this process alone, non-blocking.
#[must_use]
pub fn open_terminal() -> Option<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    rustix::fs::open("/proc/self/fd/1", flags, Mode::empty()).ok()
}
